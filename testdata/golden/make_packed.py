"""Writes packed.json: numbers, and the blocks that ggml packs them into.

usage: make_packed.py LIBGGML        a shared library with ggml's `ggml_quantize_chunk`        needs: numpy
"""
import ctypes, json, pathlib, sys

import numpy

TYPES = {"Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176),
         "Q6_K": (14, 256, 210)}


def main():
    ggml = ctypes.CDLL(sys.argv[1])
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    random = numpy.random.default_rng(5)
    blocks = [
        random.normal(0, 0.02, 256),  # as weights are
        random.standard_t(3, 256) * 0.01,  # with outliers
        numpy.abs(random.normal(0, 0.05, 256)),  # of one sign
        random.normal(0, 0.02, 256) * numpy.repeat(10.0 ** random.uniform(-3, 1, 16), 16),  # parts of unlike size
        numpy.zeros(256),
        numpy.full(256, -0.3),
    ]
    values = numpy.concatenate(blocks).astype(numpy.float32)
    packed = {}
    for name, (kind, length, size) in TYPES.items():
        out = numpy.zeros(len(values) // length * size, numpy.uint8)
        ggml.ggml_quantize_chunk(kind, values.ctypes.data, out.ctypes.data, 0, len(values) // 256, 256, None)
        packed[name] = out.tobytes().hex()
    path = pathlib.Path(__file__).with_name("packed.json")
    lines = [f'"f32": "{values.tobytes().hex()}"'] + [f'"{name}": "{value}"' for name, value in packed.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
