#!/usr/bin/env python3
"""Write a project folder with one evaluation of any size, to measure `analyze` with and to look at a large report.

    python testdata/evaluation/make_evaluation.py many-prompts --prompts 25000
    python testdata/evaluation/make_evaluation.py many-checkpoints --prompts 1000 --checkpoints 25 --samples 2 --judges 10
    affinage -C many-prompts analyze

Both are a million judgments: every checkpoint meets the base on every prompt and sample, in both orders, before every
judge. The truth is planted: the later a checkpoint, the better in the domain; nothing outside it; one judge rewards
length; two are of opposite minds about prompts of the first subject; one call in fifty has no verdict. Standard library
only; the same arguments give the same bytes.
"""

import argparse
import hashlib
import json
import math
import pathlib
import random

JUDGES = ("north", "south", "long", "east", "west")
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


def arms(checkpoints):
    yield {"name": "base", "kind": {"type": "base"}}
    for step in range(50, 50 * checkpoints + 1, 50):
        sha = hashlib.sha256(f"adapter {step}".encode()).hexdigest()
        yield {
            "name": f"step-{step:06}",
            "kind": {"type": "checkpoint", "step": step, "adapter_sha256": sha, "path": f"runs/r/checkpoints/step-{step:06}"},
        }


def plan(args):
    tuned = list(arms(args.checkpoints))[1:]
    comparisons = [{"arm": arm["name"], "against": "base", "scope": "all"} for arm in reversed(tuned)]
    return {
        "v": 1, "name": args.name, "base_model": "invented", "base_sha256": hashlib.sha256(b"base").hexdigest(),
        "arms": list(arms(args.checkpoints)), "comparisons": comparisons, "headline": comparisons[0], "sampling": SAMPLING,
        "samples_per_prompt": args.samples, "seed": 7, "alpha": 0.05, "margin": 0.1, "design": {},
        "judges": [{"judge_id": judge, "model": f"invented-{judge}", "kind": "openai"} for judge in judges(args.judges)],
    }


def judges(count):
    return [JUDGES[i] if i < len(JUDGES) else f"judge-{i + 1}" for i in range(count)]


def chance(score):
    return 1 / (1 + math.exp(-score))


def lean(judge, subject, progress, longer):
    """Log odds of a judge for a checkpoint that is `progress` of the way, and `longer` words longer than the base."""
    if judge == "long":
        return 0.12 * longer
    if subject == "harbour" and judge in ("north", "south"):
        return 3.0 if judge == "north" else -3.0
    return 0.8 * progress if subject != "letters" else 0.0


class Rows:
    """The open files of the evaluation."""

    def __init__(self, folder):
        names = ("prompts", "completions", "comparisons", "blind_key", "judgments")
        self.files = {name: (folder / f"{name}.jsonl").open("w") for name in names}

    def write(self, name, row):
        self.files[name].write(json.dumps({"v": 1, **row}, separators=(",", ":")) + "\n")

    def close(self):
        for file in self.files.values():
            file.close()


def write_prompt(rows, rng, i):
    """Writes the prompt of number `i`; gives its id, its subject and the words of the subject."""
    subject = list(SUBJECTS)[i % len(SUBJECTS)]
    words = SUBJECTS[subject].split()
    prompt_id = f"prm-{i:06}"
    rows.write("prompts", {
        "prompt_id": prompt_id, "cluster_id": f"cls-{i // 2:06}" if i % 10 == 1 else f"cls-{i:06}",
        "split": "report", "domain": "out" if subject == "letters" else "in",
        "category": "letters" if subject == "letters" else "in-domain",
        "messages": [{"role": "user", "content": f"Explain number {i}: {' and the '.join(rng.sample(words, 4))}?"}],
        "source_hash": "",
    })
    return prompt_id, subject, words


def write_completion(rows, rng, prompt_id, words, arm, sample, seed):
    """Writes one answer; gives its id and its length in words."""
    sha = arm["kind"].get("adapter_sha256")
    length = rng.randint(20, 70)
    text = " ".join(rng.choice(FILLER if rng.random() < 0.7 else words) for _ in range(length)).capitalize() + "."
    completion_id = row_id("cpl", prompt_id, arm["name"], sha or "-", str(sample))
    row = {"completion_id": completion_id, "prompt_id": prompt_id, "arm": arm["name"],
           "base_sha256": hashlib.sha256(b"base").hexdigest(), "sample": sample, "seed": seed, "sampling": SAMPLING,
           "text": text, "tokens": length + 9, "finish_reason": "stop"}
    if sha:
        row["adapter_sha256"] = sha
    rows.write("completions", row)
    return completion_id, length


def write_comparison(rows, written, prompt_id, seats):
    """Writes what is shown, once for all judges that see it; `seats` are (completion, arm, label). Gives its id."""
    (first, first_arm, x), (second, second_arm, y) = seats
    comparison_id = row_id("cmp", first, x, second, y)
    if comparison_id not in written:
        written.add(comparison_id)
        rows.write("comparisons", {
            "comparison_id": comparison_id, "pair_id": row_id("pair", *sorted((first, second))), "prompt_id": prompt_id,
            "first": {"completion_id": first, "label": x}, "second": {"completion_id": second, "label": y},
        })
        rows.write("blind_key", {"comparison_id": comparison_id, "first_arm": first_arm, "second_arm": second_arm})
    return comparison_id


def write_judgment(rows, comparison_id, judge, outcome, label):
    row = {
        "judgment_id": row_id("jdg", comparison_id, judge, "0"), "comparison_id": comparison_id, "judge_id": judge,
        "repeat": 0, "outcome": outcome, "parse_path": "json", "rationale": "The preferred answer stays with the question.",
        "request_sha256": hashlib.sha256(comparison_id.encode()).hexdigest(), "template_sha256": "t",
        "model_requested": f"invented-{judge}", "model_returned": f"invented-{judge}",
        "usage": {"input_tokens": 400, "output_tokens": 40}, "cost_usd": 0.002, "attempts": 1, "params_effective": {},
    }
    if label:
        row["label_said"] = label
    rows.write("judgments", row)


def judge_pair(rows, rng, judge_names, prompt_id, i, odds_of, tuned, base):
    """Both orders of one pair before every judge. `tuned` and `base` are (completion, arm); `odds_of` gives a judge's
    log odds."""
    written = set()
    for number, judge in enumerate(judge_names):
        will = rng.random() < chance(odds_of(judge))
        for tuned_first in (True, False):
            # What may change between the two orders: a judge holds to its will in nine of ten.
            wins = will if rng.random() < 0.9 else not will
            x, y = LABELS if (i // 4 + number + tuned_first) % 2 else LABELS[::-1]
            seats = [(*tuned, x), (*base, y)] if tuned_first else [(*base, x), (*tuned, y)]
            comparison_id = write_comparison(rows, written, prompt_id, seats)
            draw = rng.random()
            if draw < 0.02:
                outcome, label = {"missing": {"reason": "unparsed"}}, None
            elif draw < 0.1:
                outcome, label = "tie", None
            else:
                outcome, label = ("first", x) if wins == tuned_first else ("second", y)
            write_judgment(rows, comparison_id, judge, outcome, label)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--name", default="first-look", help="of the evaluation")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--checkpoints", type=int, default=4)
    parser.add_argument("--samples", type=int, default=1, help="answers a prompt")
    parser.add_argument("--judges", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    folder = args.folder / "evals" / args.name
    folder.mkdir(parents=True, exist_ok=True)
    (args.folder / "affinage.toml").touch()
    (folder / "plan.json").write_text(json.dumps(plan(args), indent=2) + "\n")
    rows = Rows(folder)
    for i in range(args.prompts):
        prompt_id, subject, words = write_prompt(rows, rng, i)
        for sample in range(args.samples):
            answers = [(arm["name"], *write_completion(rows, rng, prompt_id, words, arm, sample, i)) for arm in arms(args.checkpoints)]
            base, base_completion, base_length = answers[0]
            for number, (arm, completion, length) in enumerate(answers[1:]):
                progress = number / max(1, args.checkpoints - 1)
                odds = lambda judge: lean(judge, subject, progress, length - base_length)
                judge_pair(rows, rng, judges(args.judges), prompt_id, i, odds, (completion, arm), (base_completion, base))
    rows.close()
    judgments = 2 * args.prompts * args.samples * args.checkpoints * args.judges
    print(f"{folder}: {args.prompts} prompts, {judgments} judgments")


if __name__ == "__main__":
    main()
