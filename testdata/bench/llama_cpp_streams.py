#!/usr/bin/env python3
"""Greedy decoding of many prompts at once by llama.cpp, as `affinage bench generate` counts it.

usage: llama_cpp_streams.py MODEL.gguf PROMPTS.jsonl [--new 128] [--batch 16] [--threads 2] [--repeats 3]

Rows of PROMPTS.jsonl have `messages`; they are rendered as ChatML (SmolLM2's template). All prompts are read first, then
every stream gains one token a step; end tokens stop nothing. Decoding counts `llama_decode` until the logits are there
and the choice of the largest. Needs llama-cpp-python (used: 0.3.36, built from its sdist for the machine) and numpy.
"""
import argparse, ctypes, json, time
import numpy as np
import llama_cpp as lc

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"  # what the template adds

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("prompts")
parser.add_argument("--new", type=int, default=128)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--no-extra-buffers", action="store_true", help="no AMX: some virtual machines kill its instructions")
args = parser.parse_args()

quiet = lc.llama_log_callback(lambda level, text, data: None)
lc.llama_log_set(quiet, ctypes.c_void_p(0))
lc.llama_backend_init()
model_params = lc.llama_model_default_params()
model_params.use_extra_bufts = not args.no_extra_buffers
model = lc.llama_model_load_from_file(args.model.encode(), model_params)
vocab = lc.llama_model_get_vocab(model)
n_vocab = lc.llama_vocab_n_tokens(vocab)


def tokens(messages):
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM}] + messages
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages) + "<|im_start|>assistant\n"
    raw = text.encode()
    out = (lc.llama_token * (len(raw) + 8))()
    count = lc.llama_tokenize(vocab, raw, len(raw), out, len(out), False, True)
    return list(out[:count])


prompts = [tokens(json.loads(line)["messages"]) for line in open(args.prompts)][: args.batch]
params = lc.llama_context_default_params()
params.n_ctx = sum(map(len, prompts)) + len(prompts) * (args.new + 8) + 512
params.n_batch = 2048
params.n_ubatch = 512
params.n_seq_max = len(prompts)
params.n_threads = params.n_threads_batch = args.threads
params.kv_unified = True
context = lc.llama_init_from_model(model, params)
memory = lc.llama_get_memory(context)
batch = lc.llama_batch_init(2048, 0, 1)


def decode(entries):
    """entries: (token, position, sequence, wants logits); returns the index of the largest logit where wanted."""
    chosen = []
    for first in range(0, len(entries), 2048):
        part = entries[first : first + 2048]
        batch.n_tokens = len(part)
        wanted = []
        for i, (token, position, sequence, wants) in enumerate(part):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, position, 1, wants
            batch.seq_id[i][0] = sequence
            if wants:
                wanted.append(i)
        assert lc.llama_decode(context, batch) == 0
        for i in wanted:
            logits = np.ctypeslib.as_array(lc.llama_get_logits_ith(context, i), shape=(n_vocab,))
            chosen.append(int(logits.argmax()))
    return chosen


def run():
    lc.llama_memory_clear(memory, True)
    began = time.perf_counter()
    entries = [
        (token, at, sequence, at + 1 == len(prompt))
        for sequence, prompt in enumerate(prompts)
        for at, token in enumerate(prompt)
    ]
    last = decode(entries)
    prefill = time.perf_counter() - began
    for step in range(args.new - 1):
        last = decode([(token, len(prompts[s]) + step, s, True) for s, token in enumerate(last)])
    return prefill, time.perf_counter() - began - prefill


run()  # warm up
for _ in range(args.repeats):
    prefill, decoding = run()
    count = len(prompts) * (args.new - 1)
    print(json.dumps({"streams": len(prompts), "prompt_tokens": sum(map(len, prompts)), "prefill_seconds": round(prefill, 3),
                      "decode_tokens_per_s": round(count / decoding, 1),
                      "tokens_per_s": round(len(prompts) * args.new / (prefill + decoding), 1)}))
