#!/usr/bin/env python3
"""Write a ChatGPT-shaped export whose JSON is about 1 GB, to measure the import with. Run anywhere:

    python testdata/import/make_big_export.py big-export.zip [--gigabytes 1.0] [--seed 1]

100,000 visible messages with 150-200 MB of text in 5,000 conversations; the rest is what real exports carry besides:
tool output, reasoning, hidden context, citations. A fifth of the conversations branch. Deflate level 6, sharded.
Standard library only; the same seed gives the same bytes of JSON.
"""

import argparse
import json
import random
import zipfile

MESSAGES = 100_000
CONVERSATIONS = 5_000
SHARDS = 20
TEXT_BYTES = 175_000_000


def vocabulary(rng):
    syllables = [a + b for a in "bcdfghjklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]
    return ["".join(rng.choices(syllables, k=rng.choice((1, 1, 2, 2, 3)))) for _ in range(20_000)]


def text(rng, words, weights, size):
    chosen = rng.choices(words, cum_weights=weights, k=max(3, size // 6))
    lines = []
    for at in range(0, len(chosen), 14):
        lines.append(" ".join(chosen[at : at + 14]).capitalize() + ".")
    return " ".join(lines)


def conversation(rng, make, number, exchanges, noise_bytes):
    mapping = {}
    identity = f"{number:08x}-{rng.getrandbits(32):08x}"

    def add(name, parent, message):
        node = f"{identity}-{name}"
        if message:
            message["id"] = node
        mapping[node] = {"id": node, "parent": parent, "children": [], "message": message}
        if parent:
            mapping[parent]["children"].append(node)
        return node

    def said(role, body, **metadata):
        return {
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": 1_700_000_000.5 + number * 600,
            "content": {"content_type": "text", "parts": [body]},
            "status": "finished_successfully",
            "weight": 1.0,
            "recipient": "all",
            "metadata": {"request_id": f"{rng.getrandbits(64):016x}", **metadata},
        }

    parent = add("root", None, None)
    for turn in range(exchanges):
        parent = add(f"u{turn}", parent, said("user", make(rng.randint(80, 900))))
        asked = parent
        for part in range(2):
            output = {"content_type": "execution_output", "text": make(noise_bytes // 2)}
            tool = {**said("tool", ""), "content": output, "author": {"role": "tool", "name": "python"}}
            parent = add(f"t{turn}-{part}", parent, tool)
        body = lambda: make(rng.randint(400, 5_600))
        model = rng.choice(("gpt-4o", "gpt-5", "o3"))
        parent = add(f"a{turn}", parent, said("assistant", body(), model_slug=model))
        if turn == 0 and number % 5 == 0:
            add("again", asked, said("assistant", body(), model_slug=model))
    return {
        "title": make(40),
        "create_time": 1_700_000_000.5 + number * 600,
        "mapping": mapping,
        "current_node": parent,
        "conversation_id": identity,
        "id": identity,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    words = vocabulary(rng)
    total, weights = 0.0, []
    for rank in range(len(words)):
        total += 1.0 / (rank + 10)
        weights.append(total)
    # One long text, cut at random places: drawing each word anew would take minutes.
    pool = text(rng, words, weights, 40_000_000)

    def make(size):
        start = rng.randrange(len(pool) - size - 1)
        return pool[start : start + size].strip()

    scale = args.gigabytes
    conversations = max(SHARDS, int(CONVERSATIONS * scale))
    exchanges = MESSAGES // (2 * CONVERSATIONS)
    noise_bytes = int((1_000_000_000 - TEXT_BYTES - 110_000_000) / (MESSAGES / 2))
    written = 0
    with zipfile.ZipFile(args.out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for shard in range(SHARDS):
            numbers = range(shard * conversations // SHARDS, (shard + 1) * conversations // SHARDS)
            rows = [conversation(rng, make, number, exchanges, noise_bytes) for number in numbers]
            data = json.dumps(rows, ensure_ascii=False).encode()
            written += len(data)
            archive.writestr(f"conversations-{shard:03}.json", data)
    print(f"{args.out}: {conversations} conversations, {2 * exchanges * conversations} messages, {written} bytes of JSON")


if __name__ == "__main__":
    main()
