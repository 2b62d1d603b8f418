"""Loads what `affinage export` wrote with the programs it is meant for, and compares them with the tuned model.

usage: check_exports.py BASE EXPORTS

BASE is the base model as a Hugging Face folder. EXPORTS has one folder an export: peft, merged-f32, merged-f16,
merged-bf16, gguf-f16, gguf-q8_0, gguf-lora; what is not there is not checked. The reference is transformers with peft in
f32 on 8 x 64 tokens that the tuned model drew itself. Figures: mean KL a token from the reference, positions with the same
choice. The GGUF adapter is put on the merged file with weight -1, which must give the bare base back.

Exits 1 where a form is further away than DECISIONS allow. Needs torch, transformers, peft, llama-cpp-python.
"""

import pathlib
import sys

import llama_cpp
import peft
import torch
from llama_cpp import Llama
from transformers import AutoModelForCausalLM

ROWS, TOKENS = 8, 64
# f16 twice: the merged file is rounded, and llama.cpp multiplies in f16.
ALLOWED = {"peft": 1e-6, "merged-f32": 1e-6, "merged-f16": 1e-4, "merged-bf16": 3e-3, "gguf-f16": 2e-4, "gguf-lora": 2e-4}


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def drawn(model):
    """Rows that the tuned model draws from one seed: likely texts, whatever its tokenizer."""
    torch.manual_seed(1)
    rows = torch.randint(3, model.config.vocab_size, (ROWS, 1))
    while rows.shape[1] < TOKENS:
        chances = torch.softmax(model(rows).logits[:, -1], -1)
        rows = torch.cat([rows, torch.multinomial(chances, 1)], 1)
    return rows


def in_transformers(model, rows):
    return torch.log_softmax(model(rows).logits.double(), -1)


def in_llama_cpp(rows, model_path, **options):
    llm = Llama(str(model_path), n_ctx=TOKENS, logits_all=True, verbose=False, n_threads=1, **options)
    found = []
    for row in rows.tolist():
        llm.reset()
        llm.eval(row)
        found.append(torch.tensor(llm.scores[: len(row)].copy()).double())
    return torch.log_softmax(torch.stack(found), -1)


def kl(reference, other):
    return (reference.exp() * (reference - other)).sum(-1).mean().item()


@torch.no_grad()
def main():
    base_folder, exports = map(pathlib.Path, sys.argv[1:3])
    base = load(base_folder)
    tuned = peft.PeftModel.from_pretrained(load(base_folder), exports / "peft").eval()
    rows = drawn(tuned)
    of_base, of_tuned = in_transformers(base, rows), in_transformers(tuned, rows)
    bare = kl(of_tuned, of_base)
    print(f"peft {peft.__version__}, torch {torch.__version__}, llama-cpp-python {llama_cpp.__version__}")
    print(f"{'the bare base':16} {bare:9.1e}")
    failed = []

    def check(name, reference, found, allowed):
        distance = kl(reference, found)
        same = (reference.argmax(-1) == found.argmax(-1)).sum().item()
        # A form must also be far nearer to what it stands for than the other of the two models is.
        fails = not distance <= allowed or not distance <= bare / 2
        failed.extend([name] if fails else [])
        print(f"{name:16} {distance:9.1e} of {allowed:.0e}  same choice {same} of {ROWS * TOKENS}{'  FAILS' if fails else ''}")

    for name in ["merged-f32", "merged-f16", "merged-bf16"]:
        if (exports / name).is_dir():
            check(name, of_tuned, in_transformers(load(exports / name), rows), ALLOWED[name])
    merged = exports / "gguf-f16" / "model.gguf"
    check("gguf-f16", of_tuned, in_llama_cpp(rows, merged), ALLOWED["gguf-f16"])
    adapter = next((exports / "gguf-lora").glob("*.gguf"))
    check("gguf-lora", of_base, in_llama_cpp(rows, merged, lora_path=str(adapter), lora_scale=-1.0), ALLOWED["gguf-lora"])
    if (exports / "gguf-q8_0").is_dir():
        check("gguf-q8_0", of_tuned, in_llama_cpp(rows, exports / "gguf-q8_0" / "model.gguf"), bare / 10)
    if failed:
        sys.exit(f"too far away: {', '.join(failed)}")


main()
