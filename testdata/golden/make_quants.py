"""Writes quants.json: random blocks of each GGUF number format and what gguf-py unpacks them to.

usage: make_quants.py        needs: gguf==0.19.0 numpy
"""
import json, pathlib

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

# Where the f16 scales of a block begin.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2],
          "Q6_K": [208], "IQ4_NL": [0], "F16": [0], "BF16": []}


def main():
    random = numpy.random.default_rng(11)
    formats = {}
    for name, scales in SCALES.items():
        kind = GGMLQuantizationType[name]
        length, size = GGML_QUANT_SIZES[kind]
        blocks = 2 if length > 1 else 16
        data = random.integers(0, 256, (blocks, size), dtype=numpy.uint8)
        for at in scales:  # finite, of either sign, one of them subnormal
            data[:, at:at + 2] = random.normal(0, 0.1, (blocks, 1)).astype(numpy.float16).view(numpy.uint8)
            data[-1, at:at + 2] = numpy.array([-3e-6], numpy.float16).view(numpy.uint8)
        if name == "BF16":
            data = (random.normal(0, 0.1, blocks).astype(numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16)
            data = data.view(numpy.uint8)
        values = dequantize(data.reshape(-1), kind).astype(numpy.float32).reshape(-1)
        formats[name] = {"bytes": data.tobytes().hex(), "f32": values.tobytes().hex()}
    out = pathlib.Path(__file__).parent / "quants.json"
    out.write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in formats.items()) + "\n}\n")


if __name__ == "__main__":
    main()
