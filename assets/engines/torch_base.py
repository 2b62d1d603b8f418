"""A frozen base of transformers with LoRA beside its linear layers, on one device of PyTorch."""

import resource
import sys
from importlib.metadata import version

import torch
from transformers import AutoModelForCausalLM


class Lora(torch.nn.Module):
    def __init__(self, base, scale):
        super().__init__()
        self.base, self.scale = base, scale

    def forward(self, x):
        # The adapter stays in f32, whatever the base is in.
        branch = torch.nn.functional.linear(torch.nn.functional.linear(x.float(), self.a), self.b) * self.scale
        return (self.base(x) + branch).to(x.dtype)


class Base:
    sqrt = staticmethod(torch.sqrt)

    def __init__(self, job, folder, device, precision):
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        if precision == "auto":
            precision = "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "f32"
        self.device, self.precision = torch.device(device), precision
        self.device_name = torch.cuda.get_device_name() if device == "cuda" else {"mps": "Apple GPU (MPS)"}.get(device, device)
        self.versions = {name: version(name) for name in ("torch", "transformers")}
        self.fits_at_once = 8192 if device == "cuda" else 0
        dtype = {"bf16": torch.bfloat16, "tf32": torch.float32, "f32": torch.float32}[precision]
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        path = folder / job["base"]
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation="sdpa", local_files_only=True)
        self.model = model.eval().requires_grad_(False).to(self.device)
        self.modules, self.sizes = [], []
        for module in job["modules"]:
            parent, name = module["path"].rsplit(".", 1)
            parent = self.model.get_submodule(parent)
            lora = Lora(getattr(parent, name), module["scale"])
            setattr(parent, name, lora)
            self.modules.append((lora, module["rank"]))
            self.sizes += [module["a"], module["b"]]
        # Logits only where something is predicted.
        self.model.get_output_embeddings().register_forward_pre_hook(self._predicting)

    def _predicting(self, _, args):
        return (args[0].flatten(0, -2)[self.places].unsqueeze(0), *args[1:])

    def _nll(self, values, batch):
        ids, places, targets = (torch.from_numpy(part).to(self.device) for part in batch)
        parts = values.split(self.sizes)
        for (lora, rank), a, b in zip(self.modules, parts[::2], parts[1::2]):
            lora.a, lora.b = a.view(rank, -1), b.view(-1, rank)
        self.places = places
        logits = self.model(input_ids=ids, use_cache=False).logits[0]
        return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")

    def nll(self, values, batch):
        with torch.no_grad():
            return self._nll(values, batch).item()

    def gradient(self, values, batch, scale):
        values = values.detach().requires_grad_()
        nll = self._nll(values, batch)
        (gradient,) = torch.autograd.grad(nll * scale, values)
        return nll.item(), gradient

    def norm(self, gradient):
        return torch.linalg.vector_norm(gradient).item()

    def array(self, values):
        return torch.from_numpy(values).to(self.device)

    def numpy(self, array):
        return array.detach().cpu().numpy()

    def wait(self, *arrays):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def peak_bytes(self):
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
