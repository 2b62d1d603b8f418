"""Computes the steps of a training for affinage. Which rows form a step, at which rate, and when to save decides affinage.

    python worker.py torch|mlx JOB DEVICE PRECISION

JOB holds worker.json (base, modules, numbers of the optimiser), rows.jsonl and validation.jsonl. Each line on standard
input is a command, each line on standard output its answer, both JSON. The end of the input ends the process. FILE holds f32, little-endian: an adapter's
values, or values, first and second moments one after the other.

    {"do": "load", "from": FILE}                          values and moments
    {"do": "gradient", "rows": [..], "to": FILE}          the gradient of the mean loss of these rows
    {"do": "step", "step": N, "rows": [..], "rate": R}    one step of AdamW
    {"do": "score", "rows": [..]}                         summed loss of validation rows
    {"do": "save", "to": FILE}                            values and moments
"""

import importlib
import json
import math
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

IGNORED = -100


def read_rows(path):
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return [(np.array(row["input_ids"]), np.array(row["labels"])) for row in rows]


def batches(rows, limit):
    """Rows of about the same length together, at most `limit` tokens. Rows are filled up at the end only, where a causal
    decoder sees nothing of it: (ids [rows, tokens], places that predict, what they predict)."""
    groups = []
    for row in sorted(rows, key=lambda row: -len(row[0])):
        if groups and len(groups[-1][0][0]) * (len(groups[-1]) + 1) <= limit:
            groups[-1].append(row)
        else:
            groups.append([row])
    for group in groups:
        longest = len(group[0][0])
        ids, labels = np.zeros((len(group), longest), np.int64), np.full((len(group), longest), IGNORED)
        for place, (row_ids, row_labels) in enumerate(group):
            ids[place, : len(row_ids)], labels[place, : len(row_labels)] = row_ids, row_labels
        following = np.concatenate([labels[:, 1:], np.full((len(group), 1), IGNORED)], axis=1).reshape(-1)
        places = np.flatnonzero(following != IGNORED)
        if len(places):
            yield ids, places, following[places]


def write(path, vectors):
    """The file appears whole."""
    np.concatenate(vectors).astype("<f4").tofile(f"{path}.partial")
    os.replace(f"{path}.partial", path)


class Worker:
    """An adapter, its moments and the base they belong to."""

    def __init__(self, engine, job, device, precision):
        self.job = json.loads((Path(job) / "worker.json").read_text())
        self.rows, self.validation = read_rows(Path(job) / "rows.jsonl"), read_rows(Path(job) / "validation.jsonl")
        self.base = importlib.import_module(f"{engine}_base").Base(self.job, Path(job), device, precision)
        self.limit = max(self.job["micro_batch_tokens"], self.base.fits_at_once)
        ratio = self.job["lora_plus_ratio"]
        factors = [[1.0, ratio][part] for module in self.job["modules"] for part in (0, 1)]
        sizes = [module[part] for module in self.job["modules"] for part in ("a", "b")]
        # A learning rate of its own for every lora_B.
        self.factor = 1.0 if ratio == 1 else self.base.array(np.repeat(factors, sizes).astype(np.float32))

    def load(self, path):
        self.values, self.first, self.second = (self.base.array(part) for part in np.fromfile(path, "<f4").reshape(3, -1))

    def save(self, path):
        write(path, [self.base.numpy(array) for array in (self.values, self.first, self.second)])

    def gradient(self, rows):
        """Mean loss of the rows and its gradient: a sum over all their supervised tokens, divided once."""
        rows = [self.rows[row] for row in rows]
        supervised = sum(int((labels[1:] != IGNORED).sum()) for _, labels in rows)
        total, gradient = 0.0, None
        for batch in batches(rows, self.limit):
            nll, part = self.base.gradient(self.values, batch, 1.0 / supervised)
            total, gradient = total + nll, part if gradient is None else gradient + part
        return total / supervised, gradient

    def step(self, step, rows, rate):
        job, sqrt = self.job, self.base.sqrt
        loss, gradient = self.gradient(rows)
        norm = self.base.norm(gradient)
        if math.isfinite(loss) and math.isfinite(norm):
            gradient = gradient * min(1.0, job["clip_norm"] / (norm + 1e-6))
            beta1, beta2, rate = job["adam_beta1"], job["adam_beta2"], rate * self.factor
            self.first = self.first + (1 - beta1) * (gradient - self.first)
            self.second = beta2 * self.second + (1 - beta2) * gradient * gradient
            root = sqrt(self.second) / math.sqrt(1 - beta2**step) + job["adam_epsilon"]
            self.values = self.values * (1 - rate * job["weight_decay"]) - rate / (1 - beta1**step) * self.first / root
            self.base.wait(self.values, self.first, self.second)
        return loss, norm

    def score(self, rows):
        rows = [self.validation[row] for row in rows]
        return sum(self.base.nll(self.values, batch) for batch in batches(rows, self.limit))


def finite(value):
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def answers(worker, command):
    began = time.monotonic()
    match command["do"]:
        case "load":
            worker.load(command["from"])
            return {"event": "loaded"}
        case "gradient":
            loss, gradient = worker.gradient(command["rows"])
            gradient = worker.base.numpy(gradient)
            seconds = time.monotonic() - began
            write(command["to"], [gradient])
            return {"event": "gradient", "loss": finite(loss), "seconds": seconds, "peak_bytes": worker.base.peak_bytes()}
        case "step":
            loss, norm = worker.step(command["step"], command["rows"], command["rate"])
            return {"event": "step", "loss": finite(loss), "grad_norm": finite(norm), "seconds": time.monotonic() - began,
                    "peak_bytes": worker.base.peak_bytes()}
        case "score":
            return {"event": "scored", "sum": finite(worker.score(command["rows"]))}
        case "save":
            worker.save(command["to"])
            return {"event": "saved"}
    raise ValueError(f"unknown command {command['do']}")


def main():
    engine, job, device, precision = sys.argv[1:]
    # Ctrl-C reaches every process of the terminal; affinage decides where to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What libraries print must not come between the answers.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer):
        out.write(json.dumps(answer) + "\n")
        out.flush()

    worker = Worker(engine, job, device, precision)
    say({"event": "ready", "versions": worker.base.versions, "device": worker.base.device_name, "precision": worker.base.precision})
    for line in sys.stdin:
        say(answers(worker, json.loads(line)))


if __name__ == "__main__":
    main()
