#!/usr/bin/env python3
"""Write what peft and transformers make of twenty training steps on a real model, for the tests that need AFFINAGE_ORACLE.

usage: make_oracle.py HF_FOLDER ROWS.jsonl OUT [--tokens 128] [--f64]      needs: torch==2.15.0 transformers==5.24.0 peft==0.21.2

HF_FOLDER is the model in f32 (transformers' save_pretrained of the GGUF), ROWS.jsonl has `messages`. Written to OUT: rows.jsonl (ids and mask of the
first 16 rows, cut to --tokens, every token but the first with loss), start/ (r 16, alpha 32 on q and v, B random), step1_gradients.safetensors in f32 and
step1_gradients_f64.safetensors, oracle.json (losses), adapter/ (after 20 steps of 8 rows in file order, AdamW, rate 2e-4, clip 1.0)."""
import argparse, json, os

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

STEPS, ROWS, ROWS_PER_STEP = 20, 16, 8


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("model"), ap.add_argument("rows"), ap.add_argument("out")
    ap.add_argument("--tokens", type=int, default=128)
    ap.add_argument("--f64", action="store_true", help="train in f64: what f32 itself is measured against")
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    torch.manual_seed(42)
    tokenizer = AutoTokenizer.from_pretrained(a.model)
    rows = []
    for line in open(a.rows).readlines()[:ROWS]:
        messages = json.loads(line)["messages"]
        rows.append(tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)[:a.tokens])
    with open(os.path.join(a.out, "rows.jsonl"), "w") as file:
        for ids in rows:
            file.write(json.dumps({"ids": ids, "mask": [i > 0 for i in range(len(ids))]}) + "\n")

    start = os.path.join(a.out, "start")
    model = get_peft_model(load(a.model, torch.float32),
                           LoraConfig(r=16, lora_alpha=32, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.normal_(0, 0.02)
    model.save_pretrained(start)

    print("gradients in f64")
    gradients(PeftModel.from_pretrained(load(a.model, torch.float32), start, is_trainable=True).double(), rows, a.out, "step1_gradients_f64")
    model = PeftModel.from_pretrained(load(a.model, torch.float32), start, is_trainable=True)
    if a.f64:
        model = model.double()
    gradients(model, rows, a.out, "step1_gradients")
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=2e-4, weight_decay=0.0)
    losses = []
    for step in range(STEPS):
        first = step * ROWS_PER_STEP % len(rows)
        losses.append(backward(model, rows[first:first + ROWS_PER_STEP]))
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        print(step + 1, losses[-1], flush=True)
    model.float().save_pretrained(os.path.join(a.out, "adapter"))
    json.dump({"losses": losses, "torch": torch.__version__}, open(os.path.join(a.out, "oracle.json"), "w"))


def load(folder, dtype):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")


def backward(model, rows):
    """Loss of a step: summed NLL of all rows over their number of supervised tokens, one unpadded row at a time."""
    supervised = sum(len(ids) - 1 for ids in rows)
    total = 0.0
    for ids in rows:
        ids = torch.tensor(ids)
        logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1]
        loss = F.cross_entropy(logits, ids[1:], reduction="sum") / supervised
        loss.backward()
        total += float(loss.detach())
    return total


def gradients(model, rows, out, name):
    if next(model.parameters()).dtype == torch.float64:
        for module in model.modules():
            if type(module).__name__.endswith("RMSNorm"):  # transformers' own rounds to f32
                module.forward = (lambda norm, x: norm.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon))
                                  ).__get__(module)
    print(name, backward(model, rows[:ROWS_PER_STEP]))
    found = {n.replace(".default.", "."): p.grad.float().clone() for n, p in model.named_parameters() if p.requires_grad}
    model.zero_grad(set_to_none=True)
    save_file(found, os.path.join(out, name + ".safetensors"))


if __name__ == "__main__":
    main()
