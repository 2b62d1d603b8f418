"""Writes an evaluation of a million judgments into a project, to measure `affinage analyze` and `report` on it.

usage: million_judgments.py PROJECT [JUDGMENTS]

25 checkpoints meet the base on 1000 prompts with two answers each, in both orders, before 10 judges. Every judge has a
tendency of its own and prefers later checkpoints a little; one in fifty calls has no verdict.
"""

import hashlib
import json
import pathlib
import random
import sys

ARMS, PROMPTS, SAMPLES, JUDGES = 25, 1000, 2, 10
WORDS = "rind brine wheel shelf cave spruce milk curd salt cloth press turn wash wait cool damp slow".split()


def row_id(kind, *parts):
    return f"{kind}-{hashlib.sha256('/'.join(map(str, parts)).encode()).hexdigest()[:24]}"


def main():
    project = pathlib.Path(sys.argv[1])
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else ARMS * PROMPTS * SAMPLES * 2 * JUDGES
    prompts = max(30, round(wanted / (ARMS * SAMPLES * 2 * JUDGES)))
    folder = project / "evals" / "million"
    folder.mkdir(parents=True)
    draw = random.Random(1)
    base_sha256 = hashlib.sha256(b"base").hexdigest()
    sampling = {"temperature": 0.7, "top_p": 0.95, "top_k": 0, "max_new_tokens": 64}
    names = ["base"] + [f"step-{10 * step:06}" for step in range(1, ARMS + 1)]
    adapter = {name: hashlib.sha256(name.encode()).hexdigest() for name in names[1:]}
    arms = [{"name": "base", "kind": {"type": "base"}}]
    arms += [{"name": name, "kind": {"type": "checkpoint", "step": int(name[5:]), "adapter_sha256": adapter[name], "path": f"runs/r/checkpoints/{name}"}}
             for name in names[1:]]
    comparisons = [{"arm": name, "against": "base", "scope": "all"} for name in names[1:]]
    plan = {"v": 1, "name": "million", "base_model": "simulated", "base_sha256": base_sha256, "arms": arms, "comparisons": comparisons,
            "headline": comparisons[-1], "sampling": sampling, "samples_per_prompt": SAMPLES, "seed": 1,
            "judges": [{"judge_id": f"judge-{j}", "model": f"judge-{j}", "kind": "openai"} for j in range(JUDGES)], "alpha": 0.05, "margin": 0.1}
    (folder / "plan.json").write_text(json.dumps(plan, indent=2) + "\n")
    out = {name: open(folder / f"{name}.jsonl", "w") for name in ["prompts", "completions", "comparisons", "blind_key", "judgments"]}

    def write(name, row):
        out[name].write(json.dumps({"v": 1, **row}, separators=(",", ":")) + "\n")

    categories = ["coding", "practical", "creative", "maths", "factual"]
    tendency = [draw.gauss(0, 0.3) for _ in range(JUDGES)]
    request, template = hashlib.sha256(b"request").hexdigest(), hashlib.sha256(b"template").hexdigest()
    for p in range(prompts):
        prompt_id = row_id("prm", p)
        inside = p % 2 == 0
        write("prompts", {"prompt_id": prompt_id, "cluster_id": row_id("cls", p // 2), "split": "report", "domain": "in" if inside else "out",
                          "category": "in-domain" if inside else categories[p // 2 % 5],
                          "messages": [{"role": "user", "content": f"Question {p}: " + " ".join(draw.choices(WORDS, k=8)) + "?"}],
                          "source_hash": hashlib.sha256(str(p).encode()).hexdigest()})
        for name in names:
            for sample in range(SAMPLES):
                row = {"completion_id": row_id("cpl", p, name, sample), "prompt_id": prompt_id, "arm": name, "base_sha256": base_sha256,
                       "sample": sample, "seed": p, "sampling": sampling, "text": " ".join(draw.choices(WORDS, k=20)), "tokens": 24, "finish_reason": "stop"}
                if name != "base":
                    row["adapter_sha256"] = adapter[name]
                write("completions", row)
        hard = draw.gauss(0, 0.5)
        for step, name in enumerate(names[1:], 1):
            for sample in range(SAMPLES):
                pair = [row_id("cpl", p, name, sample), row_id("cpl", p, "base", sample)]
                for order in range(2):
                    comparison_id = row_id("cmp", p, name, sample, order)
                    first, second = pair if order == 0 else pair[::-1]
                    write("comparisons", {"comparison_id": comparison_id, "pair_id": row_id("pair", p, name, sample), "prompt_id": prompt_id,
                                          "first": {"completion_id": first, "label": "K7"}, "second": {"completion_id": second, "label": "M2"}})
                    arms_of = (name, "base") if order == 0 else ("base", name)
                    write("blind_key", {"comparison_id": comparison_id, "first_arm": arms_of[0], "second_arm": arms_of[1]})
                    for judge in range(JUDGES):
                        row = {"judgment_id": row_id("jdg", comparison_id, judge), "comparison_id": comparison_id, "judge_id": f"judge-{judge}", "repeat": 0}
                        score = 0.02 * step + hard + (1 if order == 0 else -1) * tendency[judge] + draw.gauss(0, 1)
                        arm_first = order == 0
                        if draw.random() < 0.02:
                            row |= {"outcome": {"missing": {"reason": "unparsed"}}, "parse_path": "none"}
                        elif abs(score) < 0.1:
                            row["outcome"] = "tie"
                        else:
                            row["outcome"] = "first" if (score > 0) == arm_first else "second"
                        row |= {"request_sha256": request, "template_sha256": template, "model_requested": f"judge-{judge}", "attempts": 1, "cost_usd": 0.001}
                        row = {"parse_path": "json", "params_effective": {}, **row}
                        write("judgments", row)
    for file in out.values():
        file.close()
    print(f"{folder}: {prompts} prompts, {prompts * ARMS * SAMPLES * 2 * JUDGES} judgments")


if __name__ == "__main__":
    main()
