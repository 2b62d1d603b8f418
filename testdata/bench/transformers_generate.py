#!/usr/bin/env python3
"""Greedy generation by transformers in f32, one prompt after the other and as one padded batch.

usage: transformers_generate.py FOLDER PROMPTS.jsonl [--new 128] [--prompts 16] [--alone 4] [--threads 2]

FOLDER is a Hugging Face folder in f32 (of a GGUF: `AutoModelForCausalLM.from_pretrained(dir, gguf_file=name)`, saved).
End tokens stop nothing: every prompt gains exactly `--new` tokens. Used: torch 2.15.0, transformers 5.24.0.
"""
import argparse, json, time, torch
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("prompts_file")
parser.add_argument("--new", type=int, default=128)
parser.add_argument("--prompts", type=int, default=16)
parser.add_argument("--alone", type=int, default=4, help="prompts of the slow one-by-one way")
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)

tokenizer = AutoTokenizer.from_pretrained(args.folder, padding_side="left")
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained(args.folder, dtype=torch.float32).eval()
rows = [json.loads(line)["messages"] for line in open(args.prompts_file)][: args.prompts]
texts = [tokenizer.apply_chat_template(row, tokenize=False, add_generation_prompt=True) for row in rows]
settings = dict(do_sample=False, min_new_tokens=args.new, max_new_tokens=args.new, pad_token_id=tokenizer.pad_token_id)


def generate(texts):
    inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.inference_mode():
        return model.generate(**inputs, **settings).shape[1] - inputs.input_ids.shape[1]


def measure(name, groups):
    began = time.perf_counter()
    tokens = sum(len(group) * generate(group) for group in groups)
    seconds = time.perf_counter() - began
    print(json.dumps({"way": name, "tokens": tokens, "seconds": round(seconds, 2), "tokens_per_s": round(tokens / seconds, 1)}), flush=True)


generate(texts[:1])  # warm up
measure("padded batch", [texts])
measure("one by one", [[text] for text in texts[: args.alone]])
