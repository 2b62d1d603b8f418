#!/usr/bin/env python3
"""Write a project folder with one evaluation of any size, to measure `analyze` with and to look at a large report.

    python testdata/evaluation/make_evaluation.py big --prompts 25000            # 1,000,000 judgments
    affinage -C big analyze

Four checkpoints against the base, five judges, both orders: 40 judgments a prompt. The truth is planted: the later a
checkpoint, the better in the domain; nothing outside it; one judge rewards length; two are of opposite minds about
prompts of the first subject. Standard library only; the same seed gives the same bytes.
"""

import argparse
import hashlib
import json
import math
import pathlib
import random

STEPS = (50, 100, 150, 200)
JUDGES = ("north", "south", "east", "west", "long")
SUBJECTS = {
    "harbour": "harbour anchor tide sail keel rudder mooring pilot",
    "orchard": "orchard pruning blossom graft apple harvest cider ladder",
    "music": "violin quartet tempo chord cello rhythm rehearsal score",
    "letters": "letter envelope stamp courier signature ink reply address",
}
FILLER = "the a river stone morning quiet again between window road old small every after paper light".split()
LABELS = ("K7", "M2")
SAMPLING = {"temperature": 0.7, "top_p": 0.95, "top_k": 0, "max_new_tokens": 128}


def row_id(kind, *parts):
    digest = hashlib.sha256()
    for part in (kind, *parts):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return f"{kind}-{digest.digest()[:12].hex()}"


def arms():
    yield {"name": "base", "kind": {"type": "base"}}
    for step in STEPS:
        sha = hashlib.sha256(f"adapter {step}".encode()).hexdigest()
        yield {
            "name": f"step-{step:06}",
            "kind": {"type": "checkpoint", "step": step, "adapter_sha256": sha, "path": f"runs/r/checkpoints/step-{step:06}"},
        }


def plan():
    comparisons = [{"arm": f"step-{step:06}", "against": "base", "scope": "all"} for step in reversed(STEPS)]
    return {
        "v": 1, "name": "first-look", "base_model": "invented", "base_sha256": hashlib.sha256(b"base").hexdigest(),
        "arms": list(arms()), "comparisons": comparisons, "headline": comparisons[0], "sampling": SAMPLING,
        "samples_per_prompt": 1, "seed": 7, "alpha": 0.05, "margin": 0.1, "design": {},
        "judges": [{"judge_id": judge, "model": f"invented-{judge}", "kind": "openai"} for judge in JUDGES],
    }


def chance(score):
    return 1 / (1 + math.exp(-score))


def lean(judge, subject, step, longer):
    """Log odds of a judge for the checkpoint."""
    if judge == "long":
        return 0.12 * longer
    gain = 0.8 * STEPS.index(step) / (len(STEPS) - 1) if subject != "letters" else 0.0
    if subject == "harbour" and judge in ("north", "south"):
        return 3.0 if judge == "north" else -3.0
    return gain


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    folder = args.folder / "evals" / "first-look"
    folder.mkdir(parents=True, exist_ok=True)
    (args.folder / "affinage.toml").write_text("")
    (folder / "plan.json").write_text(json.dumps(plan(), indent=2) + "\n")
    names = ("prompts", "completions", "comparisons", "blind_key", "judgments")
    files = {name: (folder / f"{name}.jsonl").open("w") for name in names}

    def write(name, row):
        files[name].write(json.dumps(row, separators=(",", ":")) + "\n")

    base = plan()["base_sha256"]
    for i in range(args.prompts):
        subject = list(SUBJECTS)[i % 4]
        words = SUBJECTS[subject].split()
        prompt_id = f"prm-{i:06}"
        question = f"Explain number {i}: {' and the '.join(rng.sample(words, 4))}?"
        write("prompts", {
            "v": 1, "prompt_id": prompt_id, "cluster_id": f"cls-{i // 2:06}" if i % 10 == 1 else f"cls-{i:06}",
            "split": "report", "domain": "out" if subject == "letters" else "in",
            "category": "letters" if subject == "letters" else "in-domain",
            "messages": [{"role": "user", "content": question}], "source_hash": "",
        })
        answers = {}
        for arm in arms():
            sha = arm["kind"].get("adapter_sha256")
            length = rng.randint(20, 70)
            text = " ".join(rng.choice(FILLER if rng.random() < 0.7 else words) for _ in range(length)).capitalize() + "."
            completion_id = row_id("cpl", prompt_id, arm["name"], sha or "-")
            answers[arm["name"]] = (completion_id, length)
            row = {"v": 1, "completion_id": completion_id, "prompt_id": prompt_id, "arm": arm["name"], "base_sha256": base,
                   "sample": 0, "seed": i, "sampling": SAMPLING, "text": text, "tokens": length + 9, "finish_reason": "stop"}
            if sha:
                row["adapter_sha256"] = sha
            write("completions", row)
        for step in STEPS:
            arm = f"step-{step:06}"
            (tuned, tuned_length), (plain, plain_length) = answers[arm], answers["base"]
            low, high = sorted((tuned, plain))
            pair_id = row_id("pair", low, high)
            for judge in JUDGES:
                odds = lean(judge, subject, step, tuned_length - plain_length)
                will = rng.random() < chance(odds)
                for tuned_first in (True, False):
                    # What may change between the two orders: a judge holds to its will in nine of ten.
                    wins = will if rng.random() < 0.9 else not will
                    labels = LABELS if (i + tuned_first) % 2 else LABELS[::-1]
                    seats = [(tuned, arm), (plain, "base")] if tuned_first else [(plain, "base"), (tuned, arm)]
                    first, second = seats
                    comparison_id = row_id("cmp", first[0], labels[0], second[0], labels[1], judge)
                    write("comparisons", {
                        "v": 1, "comparison_id": comparison_id, "pair_id": pair_id, "prompt_id": prompt_id,
                        "first": {"completion_id": first[0], "label": labels[0]},
                        "second": {"completion_id": second[0], "label": labels[1]},
                    })
                    write("blind_key", {"v": 1, "comparison_id": comparison_id, "first_arm": first[1], "second_arm": second[1]})
                    tie = rng.random() < 0.08
                    outcome = "tie" if tie else ("first" if wins == tuned_first else "second")
                    row = {
                        "v": 1, "judgment_id": row_id("jdg", comparison_id, judge, "0"), "comparison_id": comparison_id,
                        "judge_id": judge, "repeat": 0, "outcome": outcome, "parse_path": "json",
                        "rationale": "The preferred answer stays with the question.",
                        "request_sha256": hashlib.sha256(comparison_id.encode()).hexdigest(), "template_sha256": "t",
                        "model_requested": f"invented-{judge}", "model_returned": f"invented-{judge}",
                        "usage": {"input_tokens": 400, "output_tokens": 40}, "cost_usd": 0.002, "attempts": 1,
                        "params_effective": {},
                    }
                    if not tie:
                        row["label_said"] = labels[0] if outcome == "first" else labels[1]
                    write("judgments", row)
    for file in files.values():
        file.close()
    print(f"{args.folder}: {args.prompts} prompts, {args.prompts * len(STEPS) * len(JUDGES) * 2} judgments")


if __name__ == "__main__":
    main()
