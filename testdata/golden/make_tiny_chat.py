"""Writes tiny-chat/ (Hugging Face layout) and tiny-chat.gguf: one random Llama that can chat, in both forms.

usage: make_tiny_chat.py       needs: torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0

Both hold the same numbers: the matrices are quantised to Q8_0 for the GGUF file and unpacked again for the
folder. The tokenizer is trained on the text below, with the pipeline of SmolLM2. It tests loading, tokenizing
and plumbing; it says nothing sensible.
"""
import json, pathlib, shutil

import gguf, numpy, torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCAB, HIDDEN, FFN, LAYERS, HEADS, KV_HEADS, HEAD_DIM = 320, 32, 64, 1, 4, 2, 8
TEXT = """The affineur turns the wheels and washes the rind. The cave is cool and damp, the shelves are of spruce.
What does the system do? The user asks and the assistant answers. The longer the cheese ripens the stronger it is.
Wash the rind with brine, turn the wheel, wait for a week; then wash and turn and wait again."""
TEMPLATE = """{% for message in messages %}
{% if loop.first and message.role != 'system' %}
{{ '<|im_start|>system\\nYou ripen cheese.<|im_end|>\\n' }}
{%- endif %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{% if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}"""


def train_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[AddedToken(t, special=True, normalized=False) for t in SPECIAL],
        initial_alphabet=sorted(alphabet), show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    assert tokenizer.get_vocab_size() == VOCAB
    return tokenizer


def make_model():
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=FFN, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, head_dim=HEAD_DIM, max_position_embeddings=256,
        rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    model = LlamaForCausalLM(config).float()
    for parameter in model.parameters():  # a head that prefers something
        parameter.data.mul_(8.0) if parameter.dim() == 2 else parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return model


def interleave(weight, heads):
    """Rows as llama.cpp's converter stores q and k of the llama architecture."""
    rows, cols = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, cols).swapaxes(1, 2).reshape(rows, cols)


def gguf_name(name):
    if not name.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}[name]
    _, _, layer, rest = name.split(".", 3)
    part = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
            "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
            "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}[rest.rsplit(".", 1)[0]]
    return f"blk.{layer}.{part}.weight"


def write_gguf(model, tokenizer):
    """Replaces the matrices of `model` by what the quantised ones unpack to."""
    writer = gguf.GGUFWriter(HERE / "tiny-chat.gguf", "llama")
    writer.add_name("tiny-chat")
    writer.add_block_count(LAYERS)
    writer.add_context_length(256)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    spec = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(spec["vocab"], key=spec["vocab"].get)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in spec["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template(TEMPLATE)
    kind = gguf.GGMLQuantizationType.Q8_0
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        stored = weight.numpy().copy()
        if stored.ndim == 1:
            writer.add_tensor(gguf_name(name), stored)
            continue
        quantised = gguf.quants.quantize(stored, kind)
        weight.copy_(torch.from_numpy(gguf.quants.dequantize(quantised, kind)))
        if "q_proj" in name or "k_proj" in name:
            quantised = gguf.quants.quantize(interleave(stored, HEADS if "q_proj" in name else KV_HEADS), kind)
        writer.add_tensor(gguf_name(name), quantised, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    folder = HERE / "tiny-chat"
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer, model = train_tokenizer(), make_model()
    with torch.no_grad():
        write_gguf(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>", "lstrip": False},
         "pad_token": "<|endoftext|>", "chat_template": "chat_template.jinja wins over this"}, indent=2) + "\n")


if __name__ == "__main__":
    main()
