"""Checks what a quick demo left behind: every stage's files, token budgets, and the report."""

import json
import pathlib
import re
import sys

project = pathlib.Path(sys.argv[1])
BUDGET = {"trained": 4_000, "generated": 2_000}


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def check(condition, what):
    if not condition:
        sys.exit(f"quick demo: {what}")
    print(f"ok: {what}")


(version,) = (project / "datasets").iterdir()
sizes = {split: len(rows(version / f"{split}.jsonl")) for split in ("train", "validation", "test")}
check(sizes == {"train": 64, "validation": 8, "test": 30}, f"the pinned split: {sizes}")

(run,) = [path for path in (project / "runs").iterdir() if path.is_dir()]
events = rows(run / "events.jsonl")
steps = [event for event in events if event["event"] == "train-step"]
trained = sum(step["tokens"] for step in steps)
check(events[-1]["event"] == "finished", "training finished")
check(0 < trained <= BUDGET["trained"], f"{trained} tokens trained, at most {BUDGET['trained']}")
check(all(0 < step["loss"] < 20 for step in steps), "every loss is a number")
checkpoints = sorted(path.name for path in (run / "checkpoints").iterdir())
check(len(checkpoints) == 5, f"five checkpoints: {', '.join(checkpoints)}")
samples = [event for event in events if event["event"] == "sample"]
check(len(samples) == len(checkpoints), "the pinned prompt was answered at every checkpoint")

evaluation = project / "evals" / "demo"
plan = json.loads((evaluation / "plan.json").read_text())
prompts = {row["prompt_id"]: row for row in rows(evaluation / "prompts.jsonl")}
completions = {row["completion_id"]: row for row in rows(evaluation / "completions.jsonl")}
generated = sum(row["tokens"] for row in completions.values())
check(0 < generated <= BUDGET["generated"], f"{generated} tokens generated, at most {BUDGET['generated']}")
hashes = {arm["name"]: arm["kind"].get("adapter_sha256") for arm in plan["arms"]}
check(
    all(row.get("adapter_sha256") == hashes[row["arm"]] for row in completions.values()),
    "every completion names the adapter that the plan fixed",
)
comparisons = {row["comparison_id"]: row for row in rows(evaluation / "comparisons.jsonl")}
judgments = rows(evaluation / "judgments.jsonl")
check(judgments and all(row["comparison_id"] in comparisons for row in judgments), f"{len(judgments)} judgments, each of a comparison")
check(
    not any("arm" in key or "winner" in key for row in judgments for key in row),
    "no judgment names an arm",
)
fit = rows(evaluation / "fit.jsonl")
check({row["control"] for row in fit} == {"own", "other-writer", "shuffled"}, "fit has its controls")

analysis = json.loads((evaluation / "analysis.json").read_text())
check(analysis, "the analysis is there")
report = (evaluation / "report.html").read_text()
check(len(report) < 3_000_000, f"report.html has {len(report)} characters")
check(not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", report), "the report loads nothing from the network")
for word in ("base", plan["headline"]["arm"]):
    check(word in report, f"the report speaks of `{word}`")
