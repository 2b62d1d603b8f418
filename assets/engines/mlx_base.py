"""A frozen base of mlx-lm with LoRA beside its linear layers, on MLX's own device. Its trainer is not used."""

import json
import math
import resource
import sys
from importlib.metadata import version

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.utils import load_model


class Lora(nn.Module):
    def __init__(self, base, scale):
        super().__init__()
        self.base, self.scale = base, scale

    def __call__(self, x):
        # The adapter stays in f32, whatever the base is in.
        branch = (x.astype(mx.float32) @ self.a.T) @ self.b.T * self.scale
        return (self.base(x) + branch).astype(x.dtype)


def rope_of(config):
    """Rotary settings as mlx-lm reads them; transformers 5 writes them in a table of their own, which it would not look at."""
    rope = config.get("rope_parameters") or {}
    if config.get("model_type") == "phi3":
        return rope_of_phi3(config, rope or config.get("rope_scaling") or {})
    if "full_attention" in rope:
        return {"rope_theta": rope["full_attention"]["rope_theta"], "rope_local_base_freq": rope["sliding_attention"]["rope_theta"]}
    if "rope_theta" not in rope:
        return {}
    scaling = {} if rope.get("rope_type", "default") == "default" else {"rope_scaling": rope}
    return {"rope_theta": rope["rope_theta"]} | scaling


def rope_of_phi3(config, rope):
    """mlx-lm rotates by the factors of long sequences, whatever the length. Rows are never longer than the original context, for
    which a model has other factors."""
    settings = {"rope_theta": rope.get("rope_theta") or config.get("rope_theta") or 10000.0}
    # A key may be there and null.
    share = [of.get("partial_rotary_factor") for of in (rope, config)]
    settings["partial_rotary_factor"] = next((one for one in share if one is not None), 1.0)
    if rope.get("rope_type", rope.get("type", "default")) == "default":
        return settings | {"rope_scaling": None}
    original = config.get("original_max_position_embeddings") or rope.get("original_max_position_embeddings") or 4096
    positions = config.get("max_position_embeddings") or 4096
    factor, short = positions / original, rope["short_factor"]
    by_default = math.sqrt(1 + math.log(factor) / math.log(original)) if factor > 1 else 1.0
    told = rope.get("attention_factor")
    if (told is not None and not math.isclose(told, by_default, rel_tol=1e-6)) or rope.get("factor") not in (None, factor):
        raise ValueError(f"mlx-lm multiplies rotated values of phi3 by {by_default}, this model by another number (attention_factor)")
    scaling = {"type": "longrope", "short_factor": short, "long_factor": short}
    return settings | {"rope_scaling": scaling, "original_max_position_embeddings": original, "max_position_embeddings": positions}


class Base:
    sqrt = staticmethod(mx.sqrt)

    def __init__(self, job, folder, device, precision):
        has_gpu = mx.default_device() == mx.Device(mx.gpu) and device != "cpu"
        if not has_gpu:
            mx.set_default_device(mx.cpu)
        self.precision = ("bf16" if has_gpu else "f32") if precision == "auto" else precision
        self.device_name = mx.device_info().get("device_name", "GPU") if has_gpu else "cpu"
        self.has_gpu = has_gpu
        self.versions = {name: version(name) for name in ("mlx", "mlx-lm")}
        self.fits_at_once = 0
        path = folder / job["base"]
        self.model, _ = load_model(path, model_config=rope_of(json.loads((path / "config.json").read_text())))
        self.model.set_dtype({"bf16": mx.bfloat16, "f32": mx.float32}[self.precision])
        self.model.eval()
        self.modules, self.ends, end = [], [], 0
        for module in job["modules"]:
            *path, name = module["path"].split(".")
            parent = self.model
            for part in path:
                parent = parent[int(part)] if part.isdigit() else getattr(parent, part)
            lora = Lora(getattr(parent, name), module["scale"])
            setattr(parent, name, lora)
            self.modules.append((lora, module["rank"]))
            for part in ("a", "b"):
                end += module[part]
                self.ends.append(end)
        # Logits only where something is predicted.
        inner = type(self.model.model)
        hidden = lambda model, *args, **kwargs: self._predicting(inner.__call__(model, *args, **kwargs))
        self.model.model.__class__ = type(inner.__name__, (inner,), {"__call__": hidden})
        self._value_and_grad = mx.value_and_grad(self._nll)

    def _predicting(self, hidden):
        return hidden.reshape(-1, hidden.shape[-1])[self.places][None]

    def _nll(self, values, batch, scale=1.0):
        ids, self.places, targets = (mx.array(part.astype(np.int32)) for part in batch)
        parts = mx.split(values, self.ends[:-1])
        for (lora, rank), a, b in zip(self.modules, parts[::2], parts[1::2]):
            lora.a, lora.b = a.reshape(rank, -1), b.reshape(-1, rank)
        logits = self.model(ids)[0].astype(mx.float32)
        return nn.losses.cross_entropy(logits, targets, reduction="sum") * scale

    def nll(self, values, batch):
        return self._nll(values, batch).item()

    def gradient(self, values, batch, scale):
        mean, gradient = self._value_and_grad(values, batch, scale)
        mx.eval(mean, gradient)
        return mean.item() / scale, gradient

    def norm(self, gradient):
        return mx.linalg.norm(gradient).item()

    def array(self, values):
        return mx.array(values)

    def numpy(self, array):
        return np.array(array)

    def wait(self, *arrays):
        mx.eval(*arrays)

    def peak_bytes(self):
        if self.has_gpu:
            return mx.get_peak_memory()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
