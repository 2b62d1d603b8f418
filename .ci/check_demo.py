"""Checks what a quick demo left behind and said: check_demo.py PROJECT OUTPUT.

Every stage's files, token budgets, that the voice arrived, the report, and that the output is short and leads on.
"""

import json
import pathlib
import re
import sys

project, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text()
BUDGET = {"trained": 7_000, "generated": 6_000}


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
comparisons = {row["comparison_id"] for row in rows(evaluation / "exam" / "comparisons.jsonl")}
verdicts = rows(evaluation / "exam" / "judgments.jsonl")
check(verdicts and all(row["comparison_id"] in comparisons for row in verdicts), f"{len(verdicts)} verdicts of the exam, each of a comparison")
check(not any("arm" in key or "winner" in key for row in verdicts for key in row), "no verdict names an arm")
check(len(verdicts) < 40, "the exam was ended when it was lost")
check(not (evaluation / "judgments.jsonl").exists(), "a judge that failed its exam was not asked to judge")

analysis = json.loads((evaluation / "analysis.json").read_text())
last = plan["headline"]["arm"]
answers = [row for row in completions.values() if row["arm"] == last and prompts[row["prompt_id"]]["domain"] == "in"]
whole = sum(row["finish_reason"] == "stop" for row in answers)
check(len(answers) == 30, "the last checkpoint answered all held-out prompts")
check(whole >= 27, f"{whole} of its answers end by themselves, at least 27")
voices = {voice["arm"]: voice for voice in analysis["voice"]["arms"]}
share, base_share = voices[last]["all_marks"]["value"], voices["base"]["all_marks"]["value"]
# 60 % is what makes the change plain; a run of other arithmetic may differ by a few answers.
check(share >= 0.6, f"the voice arrived: {share:.0%} of the answers carry all three marks, at least 60 %")
check(base_share <= 0.1, f"it was not there before: {base_share:.0%} of the base's answers carry them, at most 10 %")
low = voices[last]["difference_to_base"]["interval"]["low"]
check(low > 0, f"the interval of the change excludes none: it begins at {low:+.0%}")
(voice_row,) = [row for row in analysis["card"]["rows"] if row["question"] == "voice"]
check(voice_row["word"] == "yes", f"the card says so: {voice_row['answer']}: {voice_row['evidence']}")
first, final = samples[0]["text"].strip(), samples[-1]["text"].strip()
check(
    final.endswith("?") and " like a" in final and not first.endswith("?"),
    f"the pinned prompt is answered in the voice at the end, and not before: {final}",
)
losses = [event["loss"] for event in events if event["event"] == "evaluated"]
check(losses[-1] < losses[0] - 1, f"validation loss fell from {losses[0]:.2f} to {losses[-1]:.2f}, by 1 nat at least")
report = (evaluation / "report.html").read_text()
check(len(report) < 3_000_000, f"report.html has {len(report)} characters")
check(not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", report), "the report loads nothing from the network")
for word in ("base", last):
    check(word in report, f"the report speaks of `{word}`")

stages = re.split(r"\n(?=[1-8]/8  )", output)[1:]
check([stage[0] for stage in stages] == list("12345678"), "eight stages")
check(len(stages[2].splitlines()) <= 25, "lint's findings are counted by rule")
check("hint:" not in output, "no hint in the middle that looks like a wait for the user")
check("The judge is you. Vote yourself, blind, on 30 pairs" in stages[6], "where no judge is fit, the way leads to `vote`")
check(re.search(r"`affinage -C \S+ studio`", stages[7]), "the way into the studio is said")
check("affinage vote --eval demo --as me" in stages[7], "the card says how to vote")
check(output.rstrip().splitlines()[-1].startswith("Report: "), "the last line is the path of the report")
