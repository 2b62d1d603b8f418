#!/usr/bin/env python3
"""Write ten tiny random models and the PyTorch results the engine's tests compare with. Run from the repository root:

    python testdata/golden/make_golden.py [NAME...]

Made with torch 2.15.0, transformers 5.23.0, peft 0.21.2, safetensors 0.8.0 (the installed ones are printed and stored in golden.safetensors).
Everything is f32 on one CPU thread and seeded: the same versions on the same machine write the same bytes.
Before the results are written the reference checks itself: one directional derivative per LoRA tensor against central differences in f64; adapter,
rsLoRA's scale, bias, norms, rope base and scaling, window, activation and the factors of a family must each move the logits far beyond the tolerance, weight decay and clipping the trained adapter: an engine
that leaves one of them out cannot pass."""
import copy, json, os, shutil, sys

os.environ["HF_HUB_OFFLINE"] = "1"
import peft, safetensors, torch, transformers
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig, GraniteConfig, LlamaConfig, MistralConfig, Olmo2Config, Phi3Config, Qwen2Config,
                          Qwen3Config, SmolLM3Config, get_linear_schedule_with_warmup)

VERSIONS = f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}, safetensors {safetensors.__version__}"
ALL_PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FUSED_PROJECTIONS = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
DOCUMENT_TOKENS = [5, 9, 14]
STEPS, WARMUP_STEPS, LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM = 10, 2, 1e-2, 0.01, 1.0
# What the tests allow: largest difference of a logit; of an adapter tensor's way from start to end, relative to its length.
LOGITS_TOLERANCE, UPDATE_TOLERANCE = 2e-5, 1e-4

SHAPE = dict(vocab_size=97, hidden_size=32, intermediate_size=48, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
             bos_token_id=1, pad_token_id=0)
LLAMA3_ROPE = dict(rope_type="llama3", rope_theta=1e5, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
LONG_ROPE = dict(rope_type="longrope", rope_theta=1e4, partial_rotary_factor=0.75, short_factor=[1.0, 1.25, 1.75], long_factor=[1.5, 4.0, 11.0])
MODELS = {
    # Tied head, one file; small enough weights that only the first steps' gradients are clipped.
    "tiny-llama": dict(config=LlamaConfig(**SHAPE, num_hidden_layers=2, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=True, eos_token_id=2,
                                          rope_parameters=dict(rope_type="default", rope_theta=1e5)), seed=1, spread=0.13),
    # Scaled rope whose three bands all hold frequencies, heads * head_dim != hidden, two end tokens, shards.
    "tiny-llama3": dict(config=LlamaConfig(**SHAPE, num_hidden_layers=2, head_dim=16, rms_norm_eps=1e-5, tie_word_embeddings=False,
                                           eos_token_id=[2, 3], rope_parameters=LLAMA3_ROPE), seed=2, max_shard_size="40KB"),
    # Bias on q, k and v; weights stored as bf16.
    "tiny-qwen2": dict(config=Qwen2Config(**SHAPE, num_hidden_layers=3, rms_norm_eps=1e-6, tie_word_embeddings=False, eos_token_id=2,
                                          use_sliding_window=False, rope_parameters=dict(rope_type="default", rope_theta=1e6)),
                       seed=3, dtype=torch.bfloat16),
    # Norm of each head of q and k before the rotation, heads * head_dim != hidden, tied head.
    "tiny-qwen3": dict(config=Qwen3Config(**SHAPE, num_hidden_layers=2, head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=True, eos_token_id=2,
                                          use_sliding_window=False, rope_parameters=dict(rope_type="default", rope_theta=1e6)), seed=4),
    # A window shorter than two of the documents in every layer, untied head.
    "tiny-mistral": dict(config=MistralConfig(**SHAPE, num_hidden_layers=2, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=False, eos_token_id=2,
                                              sliding_window=6, rope_parameters=dict(rope_type="default", rope_theta=1e4)), seed=5),
    # Four norms a layer and norms of the heads, each one more than stored; GELU; a window in the first and last layer, whose rotation is another than
    # the scaled one between; scaled embeddings; attention scaled by another number than the size of the heads; tied head; bf16.
    "tiny-gemma3": dict(config=Gemma3TextConfig(**SHAPE, num_hidden_layers=3, head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=True, eos_token_id=[2, 3],
                                                query_pre_attn_scalar=24, sliding_window=4,
                                                layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                                                rope_parameters=dict(full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e6),
                                                                     sliding_attention=dict(rope_type="default", rope_theta=1e2))),
                        seed=6, norms=0.0, dtype=torch.bfloat16),
    # The last of four layers without rotation.
    "tiny-smollm3": dict(config=SmolLM3Config(**SHAPE, num_hidden_layers=4, rms_norm_eps=1e-6, tie_word_embeddings=True, eos_token_id=2,
                                              rope_parameters=dict(rope_type="default", rope_theta=2e6)), seed=7, spread=0.15),
    # Four factors: of embeddings, attention, residual stream and logits.
    "tiny-granite": dict(config=GraniteConfig(**SHAPE, num_hidden_layers=2, rms_norm_eps=1e-5, tie_word_embeddings=True, eos_token_id=2,
                                              embedding_multiplier=6.0, attention_multiplier=0.2, residual_multiplier=0.45, logits_scaling=0.5,
                                              rope_parameters=dict(rope_type="default", rope_theta=1e4)), seed=8),
    # Norms at the outputs of attention and MLP only, and over the whole of q and of k.
    "tiny-olmo2": dict(config=Olmo2Config(**SHAPE, num_hidden_layers=2, rms_norm_eps=1e-6, tie_word_embeddings=False, eos_token_id=2,
                                          rope_parameters=dict(rope_type="default", rope_theta=5e5)), seed=9),
    # q, k and v in one matrix, gate and up in another; three quarters of each head rotated, by frequencies with factors of their own and lengthened by
    # a factor; a window in every layer, tied head.
    "tiny-phi3": dict(config=Phi3Config(**SHAPE | dict(max_position_embeddings=512), num_hidden_layers=2, rms_norm_eps=1e-5, tie_word_embeddings=True,
                                        eos_token_id=[2, 3], sliding_window=6, original_max_position_embeddings=128, rope_parameters=LONG_ROPE), seed=10),
}


def main(names):
    print(VERSIONS)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.disable_progress_bar()
    here = os.path.dirname(os.path.abspath(__file__))
    for name in [name for name in names or MODELS if name in MODELS]:
        spec = MODELS[name]
        folder = os.path.join(here, name)
        shutil.rmtree(folder, ignore_errors=True)
        write_base(folder, **spec)
        documents = make_documents(spec["seed"])
        golden = {}
        for i, (ids, mask) in enumerate(documents):
            golden[f"doc{i}.ids"] = ids.to(torch.int32)
            golden[f"doc{i}.mask"] = mask.to(torch.int32)
        base = load_base(folder)
        golden |= logits_of(base, documents, "logits")
        require_features_matter(folder, documents)

        write_adapter(folder, "adapter", FUSED_PROJECTIONS if name == "tiny-phi3" else ALL_PROJECTIONS, use_rslora=False)
        golden |= logits_of(load_adapter(folder, "adapter"), documents, "logits_adapter")
        require_moved(golden, "logits", "logits_adapter", len(documents), "adapter")
        require_derivatives_match(folder, documents)
        golden |= train(folder, documents)
        require_training_features_matter(folder, documents, golden)

        if name == "tiny-qwen2":
            write_adapter(folder, "adapter-rslora", ["q_proj", "v_proj"], use_rslora=True)
            golden |= logits_of(load_adapter(folder, "adapter-rslora"), documents, "logits_rslora")
            plain_scale = load_adapter(folder, "adapter-rslora")
            for module in plain_scale.modules():
                if isinstance(module, peft.tuners.lora.LoraLayer):
                    module.scaling["default"] = 8 / 4
            golden_scale = golden | logits_of(plain_scale, documents, "logits_plain_scale")
            require_moved(golden_scale, "logits_plain_scale", "logits_rslora", len(documents), "rsLoRA's scale")
        save_file(golden, os.path.join(folder, "golden.safetensors"), metadata={"made_with": VERSIONS})
        report(name, golden)
    if not names or "tiny-gemma3-vision" in names:
        write_vision(here)


def write_vision(here):
    """tiny-gemma3 as the text part of a model that sees pictures, as transformers writes one. The text alone must give the same bits."""
    folder, text_only = os.path.join(here, "tiny-gemma3-vision"), load_base(os.path.join(here, "tiny-gemma3"))
    vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=16, patch_size=8, vision_use_head=False)
    torch.manual_seed(12)
    text_config = {key: value for key, value in text_only.config.to_dict().items() if key != "_name_or_path"}
    config = Gemma3Config(text_config=text_config, vision_config=vision, mm_tokens_per_image=1, eos_token_id=[2, 3])
    model = Gemma3ForConditionalGeneration(config)
    model.model.language_model.load_state_dict(text_only.model.state_dict())
    model.to(torch.bfloat16).save_pretrained(folder)
    back = Gemma3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    documents = make_documents(MODELS["tiny-gemma3"]["seed"])
    want, got = (logits_of(model, documents, "logits") for model in (text_only, back))
    assert all(torch.equal(want[key], got[key]) for key in want), "the text part computes something else"
    parameters, ours = sum(p.numel() for p in back.parameters()), os.path.join(folder, "adapter")
    if os.path.isdir(ours):  # what affinage writes of the adapter of tiny-gemma3
        golden = load_file(os.path.join(here, "tiny-gemma3", "golden.safetensors"))
        got = logits_of(PeftModel.from_pretrained(back, ours).eval(), documents, "logits_adapter")
        assert all(torch.equal(got[key], golden[key]) for key in got), "peft computes something else from what affinage wrote"
    print(f"tiny-gemma3-vision: {parameters} parameters, the text part computes the same bits")


def write_base(folder, config, seed, spread=0.2, norms=1.0, dtype=torch.float32, max_shard_size="5GB"):
    """Random weights: matrices wide enough that the logits are not flat, norms around `norms`, biases around 0."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for parameter_name, p in model.named_parameters():
            if "norm" in parameter_name:
                p.normal_(norms, 0.1)
            elif parameter_name.endswith("bias"):
                p.normal_(0.0, 0.3)
            else:
                p.normal_(0.0, spread)
    model.to(dtype).save_pretrained(folder, max_shard_size=max_shard_size)


def load_base(folder, **overrides):
    """The stored weights as f32: rounding to bf16 is part of the reference."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", **overrides).eval()


def make_documents(seed):
    """(ids, mask) pairs; mask[i] = 1 when token i is predicted with loss. All tokens, two spans, and one span that stops before the end."""
    generator = torch.Generator().manual_seed(1000 + seed)
    documents = []
    for i, tokens in enumerate(DOCUMENT_TOKENS):
        ids = torch.randint(4, SHAPE["vocab_size"], (tokens,), generator=generator)
        mask = torch.zeros(tokens, dtype=torch.bool)
        for start, end in [[(1, 5)], [(3, 5), (7, 9)], [(6, 12)]][i]:
            mask[start:end] = True
        documents.append((ids, mask))
    return documents


def write_adapter(folder, adapter, targets, use_rslora):
    """A starting adapter with non-zero B (with B = 0 every gradient of A is zero)."""
    torch.manual_seed(7)
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, use_rslora=use_rslora, task_type="CAUSAL_LM")
    model = get_peft_model(load_base(folder), config)
    model.peft_config["default"].base_model_name_or_path = os.path.basename(folder)
    with torch.no_grad():
        for parameter_name, p in model.named_parameters():
            if "lora_B" in parameter_name:
                p.normal_(0.0, 0.05)
    out = os.path.join(folder, adapter)
    model.save_pretrained(out)
    os.remove(os.path.join(out, "README.md"))
    write_adapter_config(out)


def write_adapter_config(folder):
    """PEFT writes these sets in the order of the process' string hashes."""
    path = os.path.join(folder, "adapter_config.json")
    written = json.load(open(path))
    for key in ["target_modules", "exclude_modules"]:
        if isinstance(written[key], list):
            written[key].sort()
    with open(path, "w") as file:
        json.dump(written, file, indent=2, sort_keys=True)


def load_adapter(folder, adapter):
    return PeftModel.from_pretrained(load_base(folder), os.path.join(folder, adapter), is_trainable=True).eval()


def adapter_keys(model):
    """Parameters by the key they have in adapter_model.safetensors."""
    return {n.replace(".default.", "."): p for n, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def logits_of(model, documents, label):
    return {f"doc{i}.{label}": model(input_ids=ids[None]).logits[0].clone() for i, (ids, _) in enumerate(documents)}


def loss_of(model, documents):
    """Sum of the supervised tokens' NLL (summed in f64) over their number, one unpadded document at a time."""
    supervised = sum(int(mask.sum()) for _, mask in documents)
    total = 0.0
    for ids, mask in documents:
        logits, keep = model(input_ids=ids[None]).logits[0, :-1], mask[1:]
        total = total + F.cross_entropy(logits[keep].double(), ids[1:][keep], reduction="sum")
    return total / supervised


def train(folder, documents, weight_decay=WEIGHT_DECAY, max_grad_norm=MAX_GRAD_NORM):
    """Loss and gradients of the starting adapter (before clipping), then ten AdamW steps on all documents at once."""
    model = load_adapter(folder, "adapter")
    named = adapter_keys(model)
    assert set(named) == set(get_peft_model_state_dict(model))
    optimizer = torch.optim.AdamW(named.values(), lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP_STEPS, STEPS)
    losses, norms, rates, golden = [], [], [], {}
    for step in range(STEPS):
        loss = loss_of(model, documents)
        loss.backward()
        if step == 0:
            golden |= {f"grad.{key}": p.grad.clone() for key, p in named.items()}
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(named.values(), max_grad_norm).item())
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    golden |= {f"final.{key}": p.detach().clone() for key, p in named.items()}
    f64 = lambda values: torch.tensor(values, dtype=torch.float64)
    return golden | dict(loss=f64(losses[:1]), grad_norm=f64(norms[:1]), step_losses=f64(losses), step_grad_norms=f64(norms), step_lrs=f64(rates))


def require_moved(golden, before, after, documents, what):
    moved = max((golden[f"doc{i}.{before}"] - golden[f"doc{i}.{after}"]).abs().max().item() for i in range(documents))
    assert moved > 100 * LOGITS_TOLERANCE, f"{what} moves the logits by {moved:.2g} only"
    print(f"  {what}: moves the logits by {moved:.2f}")


def require_features_matter(folder, documents):
    """Break one feature of the base at a time: the logits must move."""
    want = logits_of(load_base(folder), documents, "want")
    config = load_base(folder).config

    def check(what, model):
        require_moved(want | logits_of(model, documents, "got"), "want", "got", len(documents), what)

    def check_config(what, **changes):
        changed = copy.deepcopy(config)
        for key, value in changes.items():
            setattr(changed, key, value)
        check(what, load_base(folder, config=changed))

    def check_modules(what, name, change):
        model = load_base(folder)
        for layer in model.model.layers:
            parent, _, child = ("." + name).rpartition(".")
            change(layer.get_submodule(parent.strip(".")), child)
        check(what, model)

    if config.model_type == "gemma3_text":
        full, sliding = config.rope_parameters["full_attention"], config.rope_parameters["sliding_attention"]
        check_config("rope theta", rope_parameters=dict(full_attention=full | dict(rope_theta=1e2), sliding_attention=sliding))
        check_config("rope scaling", rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=1e6), sliding_attention=sliding))
        check_config("rope theta of the window", rope_parameters=dict(full_attention=full, sliding_attention=sliding | dict(rope_theta=1e6)))
        check_config("scale of attention", query_pre_attn_scalar=16)
        check_config("activation", hidden_activation="silu")
        unscaled = load_base(folder)
        unscaled.model.embed_tokens.embed_scale.fill_(1.0)
        check("scale of embeddings", unscaled)
    elif config.model_type == "phi3":
        rope = config.rope_parameters
        check_config("rope theta", rope_parameters=rope | dict(rope_theta=1e2))
        check_config("short factors", rope_parameters=rope | dict(short_factor=[1.0, 1.0, 1.0]))
        check_config("long factors in their place", rope_parameters=rope | dict(short_factor=rope["long_factor"]))
        check_config("attention factor", rope_parameters=rope | dict(attention_factor=1.0))
        check_config("unrotated part", rope_parameters=rope | dict(partial_rotary_factor=1.0, short_factor=rope["short_factor"] + [1.0],
                                                                   long_factor=rope["long_factor"] + [1.0]))
    else:
        check_config("rope theta", rope_parameters=dict(rope_type="default", rope_theta=1e3))
        if config.rope_parameters["rope_type"] == "llama3":
            check_config("rope scaling", rope_parameters=dict(rope_type="default", rope_theta=config.rope_parameters["rope_theta"]))
    if getattr(config, "sliding_window", None) and config.model_type in ["gemma3_text", "mistral", "phi3"]:
        check_config("window", sliding_window=128)
        check_config("one token of the window", sliding_window=config.sliding_window - 1)
    if config.model_type == "smollm3":
        check_config("layer without rotation", no_rope_layers=[1, 1, 1, 1])
    for factor in ["embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling"] if config.model_type == "granite" else []:
        check_config(factor, **{factor: 1.0})
    norms = {"gemma3_text": ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm",
                             "self_attn.q_norm", "self_attn.k_norm"],
             "olmo2": ["post_attention_layernorm", "post_feedforward_layernorm", "self_attn.q_norm", "self_attn.k_norm"]}
    for norm in norms.get(config.model_type, []):
        check_modules(norm, norm, lambda parent, child: setattr(parent, child, torch.nn.Identity()))
    for projection in ["q_proj", "k_proj", "v_proj"] if config.model_type == "qwen2" else []:
        model = load_base(folder)
        for layer in model.model.layers:
            getattr(layer.self_attn, projection).bias.data.zero_()
        check(f"{projection} bias", model)
    for norm in ["q_norm", "k_norm"] if config.model_type == "qwen3" else []:
        model = load_base(folder)
        for layer in model.model.layers:
            getattr(layer.self_attn, norm).weight.data.fill_(1.0)
        check(f"{norm} weight", model)
        for layer in model.model.layers:
            setattr(layer.self_attn, norm, torch.nn.Identity())
        check(norm, model)


def require_training_features_matter(folder, documents, golden):
    """Leave out one part of the optimiser at a time: every trained tensor must end elsewhere."""
    start = load_file(os.path.join(folder, "adapter", "adapter_model.safetensors"))
    for what, changed in [("weight decay", dict(weight_decay=0.0)), ("clipping", dict(max_grad_norm=1e9))]:
        without = train(folder, documents, **changed)
        moved = min(((without[f"final.{k}"] - golden[f"final.{k}"]).norm() / (golden[f"final.{k}"] - start[k]).norm()).item() for k in start)
        assert moved > 3 * UPDATE_TOLERANCE, f"{what} moves an update by {moved:.1e} only"
        print(f"  {what}: moves every tensor's update by {moved:.1e} or more")


def require_derivatives_match(folder, documents):
    """Directional derivative of the loss in f64 along one random direction per LoRA tensor: autograd against central differences."""

    def norm_forward(norm, x):  # transformers' own rounds to f32
        gemma = hasattr(norm, "eps")
        weight, eps = (1.0 + norm.weight, norm.eps) if gemma else (norm.weight, norm.variance_epsilon)
        return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))

    model = load_adapter(folder, "adapter").double()
    # In f64, eager attention would still take its softmax in f32.
    model.base_model.model.set_attn_implementation("sdpa")
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = norm_forward.__get__(module)
    loss_of(model, documents).backward()
    in_f32 = load_adapter(folder, "adapter")
    loss_of(in_f32, documents).backward()
    rounded = {key: p.grad.double() for key, p in adapter_keys(in_f32).items()}
    generator = torch.Generator().manual_seed(11)
    worst, worst_rounding, step = 0.0, 0.0, 1e-4
    for key, p in adapter_keys(model).items():
        direction = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        # Half along the gradient, else chance could make the derivative too small to compare.
        direction = direction / direction.norm() + p.grad / p.grad.norm()
        values = []
        with torch.no_grad():
            for scale in (step, -2 * step, step):
                p += scale * direction
                values.append(loss_of(model, documents).item())
        measured, derived = (values[0] - values[1]) / (2 * step), (p.grad * direction).sum().item()
        worst = max(worst, abs(measured - derived) / abs(derived))
        worst_rounding = max(worst_rounding, ((rounded[key] - p.grad).norm() / p.grad.norm()).item())
    print(f"  derivatives: worst relative difference to central differences {worst:.1e}; f32 gradients to f64 gradients {worst_rounding:.1e}")
    assert worst < 1e-6 and worst_rounding < 1e-5


def report(name, golden):
    losses, norms = golden["step_losses"], golden["step_grad_norms"]
    print(f"{name}: loss {losses[0]:.6f} -> {losses[-1]:.6f}, gradient norm {norms[0]:.4f} (range {norms.min():.3f}..{norms.max():.3f})")


if __name__ == "__main__":
    main(sys.argv[1:])
