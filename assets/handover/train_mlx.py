"""The same job on MLX. Everything that decides the result is a file beside this one: tokens and loss masks (rows.jsonl),
which rows form each step (order.json) at which rate (rates.json), the starting adapter (adapter/), the numbers (worker.json).

    python train_mlx.py [bf16]        Ctrl-C saves and ends; the same command, run again, goes on from there

Writes out/log.jsonl, out/checkpoints/step-N/ and out/done.json; `affinage train --import DIR` takes them back.
"""

import hashlib
import json
import platform
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from worker import IGNORED, Worker

HERE = Path(__file__).parent
JOB = json.loads((HERE / "job.json").read_text())
OUT = HERE / "out"
CHECKPOINTS = OUT / "checkpoints"


def check_files():
    for name, expected in JOB["sha256"].items():
        found = hashlib.sha256((HERE / name).read_bytes()).hexdigest()
        assert found == expected, f"{name} was changed: SHA-256 {found}, expected {expected}"


def fetch_base():
    """A base with a name on the Hub does not go along."""
    if not (HERE / "base").is_dir():
        from huggingface_hub import snapshot_download

        snapshot_download(JOB["base"]["hub_id"], revision=JOB["base"]["revision"], local_dir=HERE / "base",
                          allow_patterns=["*.json", "*.safetensors"])


def matrices(worker):
    """Name, shape and place of every matrix in the flat values."""
    end = 0
    for module in worker.job["modules"]:
        for part, letter, shape in (("a", "A", (module["rank"], -1)), ("b", "B", (-1, module["rank"]))):
            start, end = end, end + module[part]
            yield f"base_model.model.{module['path']}.lora_{letter}.weight", shape, slice(start, end)


def load(worker):
    """The newest whole checkpoint, else the starting adapter; returns its step."""
    saved = sorted(CHECKPOINTS.glob("step-*/optimizer.safetensors"))
    folder = saved[-1].parent if saved else HERE / "adapter"
    tensors = load_file(folder / "adapter_model.safetensors")
    values = np.concatenate([tensors[name].reshape(-1) for name, _, _ in matrices(worker)])
    moments = load_file(saved[-1]) if saved else {name: np.zeros_like(values) for name in ("first", "second")}
    worker.values, worker.first, worker.second = map(worker.base.array, (values, moments["first"], moments["second"]))
    return int(folder.name.removeprefix("step-")) if saved else 0


def save(worker, step):
    folder = CHECKPOINTS / f"step-{step:06}"
    if folder.exists():
        return
    partial = CHECKPOINTS / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    values, first, second = map(worker.base.numpy, (worker.values, worker.first, worker.second))
    tensors = {name: np.ascontiguousarray(values[place].reshape(shape)) for name, shape, place in matrices(worker)}
    save_file(tensors, partial / "adapter_model.safetensors", metadata={"format": "pt"})
    save_file({"first": first, "second": second}, partial / "optimizer.safetensors")
    shutil.copy(HERE / "adapter" / "adapter_config.json", partial)
    partial.rename(folder)


def main():
    check_files()
    assert not (OUT / "done.json").exists(), f"{OUT} holds a finished run already"
    fetch_base()
    stop = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.append(True))
    worker = Worker("mlx", HERE, "auto", "f32" if len(sys.argv) < 2 else sys.argv[1])
    order, rates = (json.loads((HERE / name).read_text()) for name in ("order.json", "rates.json"))
    done = load(worker)
    OUT.mkdir(exist_ok=True)
    path = OUT / "log.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    path.write_text("".join(json.dumps(line) + "\n" for line in lines if line["step"] <= done))
    evaluated = {line["step"] for line in lines if "eval_loss" in line}
    tokens = sum(int((labels[1:] != IGNORED).sum()) for _, labels in worker.validation)

    def write(row):
        with open(path, "a") as log:
            log.write(json.dumps(row) + "\n")

    def evaluate_and_save(step):
        began = time.monotonic()
        if tokens and step not in evaluated:
            mean = worker.score(range(len(worker.validation))) / tokens
            write({"step": step, "eval_loss": mean, "eval_tokens": tokens, "seconds": time.monotonic() - began})
        save(worker, step)

    if done == 0:
        evaluate_and_save(0)
    for step in range(done + 1, len(order) + 1):
        began = time.monotonic()
        loss, norm = worker.step(step, order[step - 1], rates[step - 1])
        write({"step": step, "loss": loss, "grad_norm": norm, "learning_rate": rates[step - 1],
               "seconds": time.monotonic() - began})
        print(f"step {step}/{len(order)}, loss {loss:.4f}", flush=True)
        if step in JOB["evaluated_after"]:
            evaluate_and_save(step)
        elif stop:
            save(worker, step)
        if stop and step < len(order):
            sys.exit(130)
    seconds = sum(json.loads(line)["seconds"] for line in path.read_text().splitlines())
    done = {"seconds": seconds, "packages": worker.base.versions, "device": worker.base.device_name,
            "dtype": worker.base.precision, "machine": platform.platform(),
            "job_sha256": hashlib.sha256((HERE / "job.json").read_bytes()).hexdigest()}
    (OUT / "done.json").write_text(json.dumps(done, indent=2) + "\n")


if __name__ == "__main__":
    main()
