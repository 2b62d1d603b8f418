"""Writes smollm2.json: next-token logits and greedy ids of SmolLM2-135M-Instruct (Q4_1, unpacked to f32), by
transformers on the CPU.

usage: make_smollm2.py FILE.gguf       needs: torch==2.15.0 transformers==5.24.0 tokenizers==0.23.3 gguf==0.19.0

Per prompt: the ids with the generation prompt, the ten largest logits after the last of them, and the greedy
continuation with, at each step, the gap between the two largest logits. Where that gap is small, another
order of additions may choose the other token; the text is compared only up to there. `long` is one row of 1024 tokens.
"""
import json, pathlib, sys

import torch

import smollm2_reference as reference
from make_tokens import one_row_a_line

PROMPTS = [
    [{"role": "user", "content": "Name three cheeses that ripen in caves."}],
    [{"role": "system", "content": "You answer in one short sentence."},
     {"role": "user", "content": "What is 12 + 30?"}],
    [{"role": "user", "content": "Write the first line of a poem about salt."}],
    [{"role": "user", "content": "Hello!"},
     {"role": "assistant", "content": "Hello. What would you like to talk about?"},
     {"role": "user", "content": "Why does bread rise? Explain it to a child of 6."}],
    [{"role": "user", "content": "List four things to take on a walk in the rain."}],
    [{"role": "user", "content": "Translate into French: the cellar is cold and dry."}],
    [{"role": "user", "content": "What is the difference between a river and a canal?"}],
    [{"role": "system", "content": "You are a patient librarian."},
     {"role": "user", "content": "I want a book about bridges. Where do I start?"}],
    [{"role": "user", "content": "Write a function in Python that returns the larger of two numbers."}],
    [{"role": "user", "content": "Is 91 a prime number? Say why."}],
    [{"role": "user", "content": "Give me a title for a talk about moss."}],
    [{"role": "user", "content": "My neighbour plays the drums at night. Draft a polite note."}],
    [{"role": "user", "content": "Which is heavier, a litre of oil or a litre of water?"},
     {"role": "assistant", "content": "Water is heavier; oil floats on it."},
     {"role": "user", "content": "And honey?"}],
    [{"role": "user", "content": "Summarise in one sentence: the ferry left late, the sea was rough, and we arrived at dusk."}],
    [{"role": "user", "content": "How many days has February in a leap year?"}],
    [{"role": "system", "content": "Answer like a ship's captain."},
     {"role": "user", "content": "What is for dinner?"}],
]
STEPS = 24
LONG_TOKENS = 1024


@torch.no_grad()
def row(model, tokenizer, messages):
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    sequence, greedy, gaps, top = list(ids), [], [], None
    for _ in range(STEPS):
        # The whole sequence every time: no cache whose rounding could differ.
        logits = model(input_ids=torch.tensor([sequence]), use_cache=False).logits[0, -1]
        best = torch.topk(logits, 10)
        if top is None:
            top = [[int(i), round(float(v), 6)] for i, v in zip(best.indices, best.values)]
        greedy.append(int(best.indices[0]))
        gaps.append(round(float(best.values[0] - best.values[1]), 6))
        sequence.append(greedy[-1])
    return {"messages": messages, "ids": ids, "top10": top, "greedy": greedy, "gaps": gaps,
            "greedy_text": tokenizer.decode(greedy)}


@torch.no_grad()
def long_row(model, tokenizer):
    """The first tokens of the demo's dialogues: likelihoods over the whole row, logits at some places of it."""
    dialogues = pathlib.Path(__file__).parents[2] / "assets/demo/dialogues.jsonl"
    text = "\n".join("{user}\n{assistant}".format(**json.loads(line)) for line in dialogues.open(encoding="utf-8"))
    ids = tokenizer(text, add_special_tokens=False)["input_ids"][:LONG_TOKENS]
    assert len(ids) == LONG_TOKENS
    logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double()
    nll = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    places = []
    for at in range(127, LONG_TOKENS, 128):
        best = torch.topk(logits[at], 10)
        places.append({"at": at, "top10": [[int(i), round(float(v), 6)] for i, v in zip(best.indices, best.values)]})
    return {"ids": ids, "nll_sum": float(nll.sum()), "places": places}


def main():
    torch.manual_seed(0)
    path = sys.argv[1]
    reference.check(path)
    model, tokenizer = reference.load_model(path), reference.load_tokenizer(path)
    rows = {
        "made_by": "make_smollm2.py",
        "versions": reference.versions(),
        "gguf_sha256": reference.SHA256,
        "prompts": [row(model, tokenizer, messages) for messages in PROMPTS],
        "long": [long_row(model, tokenizer)],
    }
    out = pathlib.Path(__file__).parent / "smollm2.json"
    out.write_text(one_row_a_line(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
