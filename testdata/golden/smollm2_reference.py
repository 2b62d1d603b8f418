"""SmolLM2-135M-Instruct in transformers, from the GGUF file that affinage uses (SHA-256 below).

transformers' GGUF conversion forgets SmolLM's pre-tokenizer (`tokenizer.ggml.pre = smollm`): every digit is
a piece of its own, then GPT-2 byte level. It is put back here, else numbers get other ids.
"""
import hashlib, json, os, tempfile

import tokenizers, torch, transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def versions():
    return {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "torch": torch.__version__}


def check(path):
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    assert found == SHA256, f"{path} has sha256 {found}, expected {SHA256}"


def load_tokenizer(path):
    folder, name = os.path.split(path)
    converted = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    with tempfile.TemporaryDirectory() as out:
        converted.save_pretrained(out)
        with open(f"{out}/tokenizer.json") as file:
            spec = json.load(file)
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}
    fixed = PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer.from_str(json.dumps(spec)),
        bos_token=converted.bos_token, eos_token=converted.eos_token)
    fixed.chat_template = converted.chat_template
    return fixed


def load_model(path):
    """The unpacked weights in plain f32 modules."""
    folder, name = os.path.split(path)
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config._attn_implementation = "eager"
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    plain.load_state_dict(loaded.state_dict())
    return plain
