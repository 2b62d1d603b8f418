"""Writes exports/: what llama.cpp's own converters make of a merged model and of an adapter.

usage: make_exports.py LLAMA_CPP [NAME...]    needs: torch==2.15.0 transformers==5.24.0 peft==0.21.2 llama-cpp-python==0.3.36

LLAMA_CPP is the folder with convert_hf_to_gguf.py and convert_lora_to_gguf.py (vendor/llama.cpp of the source package
of llama-cpp-python). The adapters' values are few-bit fractions, so that B A is exact and every way of merging gives the
same f32. The converters know pre-tokenizers by a hash of released vocabularies; ours is named to them. Q4_0 is made by
llama.cpp's quantiser from the F16 file.
"""
import json, pathlib, runpy, shutil, sys, tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

NAMES = ["tiny-chat", "tiny-llama3", "tiny-qwen2", "tiny-qwen3", "tiny-gemma3", "tiny-smollm3", "tiny-granite", "tiny-olmo2", "tiny-phi3"]
HERE = pathlib.Path(__file__).parent
OUT = HERE / "exports"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FUSED_TARGETS = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]


def make_adapter(base, folder):
    """Random multiples of 1/32 below 1/2 in magnitude."""
    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=FUSED_TARGETS if base.name == "tiny-phi3" else TARGETS, task_type="CAUSAL_LM"))
    model.peft_config["default"].base_model_name_or_path = base.name
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_" in name:
                p.copy_(torch.randint(-12, 13, p.shape) / 32)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    config["target_modules"] = sorted(config["target_modules"])
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def merged(base, adapter, folder):
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    model.save_pretrained(folder)
    for name in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]:
        if (base / name).exists():
            shutil.copy(base / name, folder / name)
    config = folder / "tokenizer_config.json"
    if config.exists():  # transformers 5 takes no bare records of tokens
        entries = json.loads(config.read_text()).items()
        config.write_text(json.dumps({k: v["content"] if isinstance(v, dict) and "content" in v else v for k, v in entries}))


def run(script, *args):
    sys.argv = [script, *map(str, args)]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as done:
        assert not done.code, done.code


def main():
    llama_cpp = pathlib.Path(sys.argv[1]).resolve()
    sys.path[:0] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
    from conversion import base as conversion
    convert_hf, convert_lora = str(llama_cpp / "convert_hf_to_gguf.py"), str(llama_cpp / "convert_lora_to_gguf.py")
    names = sys.argv[2:] or NAMES
    for name in names:
        shutil.rmtree(OUT / name, ignore_errors=True)
        (OUT / name).mkdir(parents=True)
    conversion.TextModel.get_vocab_base_pre = lambda self, tokenizer: "smollm"
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for name in names:
            base, adapter = scratch / "base" / name, OUT / name / "adapter"
            shutil.copytree(HERE / name, base, ignore=shutil.ignore_patterns("adapter*"))
            # GGUF has no place for the positions of the original model; every released one has 8192.
            config = (base / "config.json").read_text()
            config = config.replace('"original_max_position_embeddings": 64', '"original_max_position_embeddings": 8192')
            # Nor for a scale of attention in Gemma 3, and the converter has none for its layers: all before the sixth have a window.
            if name == "tiny-gemma3":
                config = config.replace('"query_pre_attn_scalar": 24', '"query_pre_attn_scalar": 16').replace('"full_attention",', '"sliding_attention",')
            (base / "config.json").write_text(config)
            make_adapter(base, adapter)
            merged(base, adapter, scratch / name)
            run(convert_lora, adapter, "--base", base, "--outfile", OUT / name / "lora.gguf", "--outtype", "f32")
            if name != "tiny-chat":  # they have no vocabulary, of which the converter of Gemma counts the tokens
                vocab = json.loads(config)["vocab_size"]
                tokenizer = {"model": {"vocab": {str(i): i for i in range(vocab)}}, "added_tokens": []}
                (scratch / name / "tokenizer.json").write_text(json.dumps(tokenizer))
                for cls in conversion.ModelBase._model_classes[conversion.ModelType.TEXT].values():
                    cls.set_vocab = lambda self: None
            for outtype in ["f16", "q8_0"] if name == "tiny-chat" else ["f16"]:
                run(convert_hf, scratch / name, "--outfile", OUT / name / f"merged-{outtype}.gguf", "--outtype", outtype)
            if name == "tiny-chat":
                import llama_cpp
                params = llama_cpp.llama_model_quantize_default_params()
                params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
                paths = [str(OUT / name / f"merged-{t}.gguf").encode() for t in ["f16", "q4_0"]]
                assert llama_cpp.llama_model_quantize(paths[0], paths[1], params) == 0


if __name__ == "__main__":
    main()
