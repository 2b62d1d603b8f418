"""Proves that a hand-over is the same job: our engine, TRL in one process, TRL in two.

usage: same_job.py AFFINAGE PROJECT [--set KEY=VALUE ...] [--fixture DIR]

AFFINAGE is the binary, PROJECT a project with a frozen dataset; run it with the Python of assets/handover/requirements.txt.
Trains three times on the CPU, imports both results, and compares losses, gradient norms and adapters with the tolerances of
docs/SCALING.md. --fixture keeps what TRL computed, for the test that always runs.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import torch
from safetensors.torch import load_file

LOSS, GRAD_NORM, ADAPTER, PROCESSES = 1e-4, 1e-3, 1e-3, 1e-5


def run(*command, cwd=None):
    began = time.monotonic()
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout, time.monotonic() - began


def metrics(run_dir):
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "grad_norm" in row]
    return {"loss": [row["loss"] for row in steps], "grad_norm": [row["grad_norm"] for row in steps],
            "eval_loss": [row["eval_loss"] for row in rows if "eval_loss" in row]}


def adapter(run_dir, step):
    return load_file(run_dir / "checkpoints" / f"step-{step:06}" / "adapter_model.safetensors")


def worst(one, other):
    return max(abs(a - b) / abs(b) for a, b in zip(one, other, strict=True))


def way(one, other, initial):
    """||d one - d other|| / ||d other|| of the worst tensor, d = final - initial."""
    return max((torch.norm(one[k] - other[k]) / torch.norm(other[k] - initial[k])).item() for k in other)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("affinage", type=pathlib.Path)
    parser.add_argument("project", type=pathlib.Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--fixture", type=pathlib.Path)
    options = parser.parse_args()
    affinage = [options.affinage.resolve(), "-C", options.project, "--json", "-q"] + [f"--set={value}" for value in options.set]
    torchrun = [pathlib.Path(sys.executable).parent / "python", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    runs, seconds = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        stdout, seconds["ours"] = run(*affinage, "train")
        runs["ours"] = json.loads(stdout)["run"]
        run(*affinage, "train", "--engine", "trl", "--handover", scratch / "one")
        shutil.copytree(scratch / "one", scratch / "two")
        for name, command in [("one", [sys.executable]), ("two", torchrun)]:
            _, seconds[name] = run(*command, "train.py", "--cpu", cwd=scratch / name)
            stdout, _ = run(*affinage, "train", "--import", scratch / name)
            runs[name] = json.loads(stdout)["run"]
        done = json.loads((scratch / "two" / "out" / "done.json").read_text())
        assert done["processes"] == 2, done
        if options.fixture:
            options.fixture.mkdir(parents=True, exist_ok=True)
            shutil.copytree(scratch / "one" / "out", options.fixture, dirs_exist_ok=True, ignore=shutil.ignore_patterns("trainer", "README.md"))
            shutil.copy(scratch / "two" / "out" / "log.jsonl", options.fixture / "log-two-processes.jsonl")
    folders = {name: options.project / "runs" / run for name, run in runs.items()}
    found = {name: metrics(folder) for name, folder in folders.items()}
    steps = len(found["ours"]["loss"])
    final = {name: adapter(folder, steps) for name, folder in folders.items()}
    initial = adapter(folders["ours"], 0)
    # B starts at zero and A barely moves where B is near zero: a tensor that did not move has no way to compare.
    moved = {k for k in initial if torch.norm(final["one"][k] - initial[k]) > 0}
    final = {name: {k: tensors[k] for k in moved} for name, tensors in final.items()}
    figures = {
        "loss, ours against one process": (worst(found["ours"]["loss"], found["one"]["loss"]), LOSS),
        "gradient norm, ours against one process": (worst(found["ours"]["grad_norm"], found["one"]["grad_norm"]), GRAD_NORM),
        "validation loss, ours against one process": (worst(found["ours"]["eval_loss"], found["one"]["eval_loss"]), LOSS),
        "adapter, ours against one process": (way(final["ours"], final["one"], initial), ADAPTER),
        "loss, two processes against one": (worst(found["two"]["loss"], found["one"]["loss"]), PROCESSES),
        "adapter, two processes against one": (way(final["two"], final["one"], initial), ADAPTER),
    }
    print(f"{steps} steps, loss {found['ours']['loss'][0]:.4f} -> {found['ours']['loss'][-1]:.4f}; "
          + ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items()))
    for name, (value, most) in figures.items():
        print(f"{name:45} {value:.1e}  (at most {most:.0e})")
    failed = [name for name, (value, most) in figures.items() if not value <= most]
    if failed:
        sys.exit("NOT THE SAME JOB: " + "; ".join(failed))
    print("the same job")


if __name__ == "__main__":
    main()
