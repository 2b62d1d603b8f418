#!/usr/bin/env python3
"""Write adapters as peft writes them, with the options it has, and the logits of `tiny-qwen3` under each. Run from the repository root:

    python testdata/golden/make_adapters.py

Writes adapters/NAME/ and adapters/logits.safetensors. adapters/ours/ is what affinage writes after reading adapters/patterns (a test holds it to these
bytes; with AFFINAGE_BLESS=1 it writes them anew); peft must compute the same from both. Made with torch 2.15.0, transformers 5.24.0, peft 0.21.2."""
import os, shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file

from make_golden import VERSIONS, adapter_keys, load_base, logits_of, make_documents, write_adapter_config

ADAPTERS = {
    # Ranks and alphas of their own, by the end of a name and by a whole one; the first pattern that fits counts.
    "patterns": LoraConfig(r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM",
                           rank_pattern={"layers.1.self_attn.q_proj": 2, "down_proj": 6},
                           alpha_pattern={"self_attn.v_proj": 3, "model.layers.0.mlp.down_proj": 5}),
    # Targets by an expression that must match the whole name.
    "expression": LoraConfig(r=3, lora_alpha=9, target_modules=r".*\.1\.(self_attn\.k_proj|mlp\.up_proj)", init_lora_weights="gaussian",
                             lora_dropout=0.1, task_type="CAUSAL_LM"),
    # Some layers only, some modules excluded.
    "layers": LoraConfig(r=1, lora_alpha=16, target_modules=["o_proj", "gate_proj", "mlp.up_proj"], layers_to_transform=[1], layers_pattern="layers",
                         exclude_modules=["gate_proj"], task_type="CAUSAL_LM"),
}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    base, out = os.path.join(here, "tiny-qwen3"), os.path.join(here, "adapters")
    documents = make_documents(4)
    want, golden = logits_of(load_base(base), documents, "logits"), {}
    for name, config in ADAPTERS.items():
        torch.manual_seed(7)
        model = get_peft_model(load_base(base), config)
        model.peft_config["default"].base_model_name_or_path = "tiny-qwen3"
        with torch.no_grad():
            for key, p in adapter_keys(model).items():
                if "lora_B" in key:
                    p.normal_(0.0, 0.1)
        folder = os.path.join(out, name)
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        os.remove(os.path.join(folder, "README.md"))
        write_adapter_config(folder)
        golden |= logits_of(PeftModel.from_pretrained(load_base(base), folder).eval(), documents, name)
        moved = max((golden[f"doc{i}.{name}"] - want[f"doc{i}.logits"]).abs().max().item() for i in range(len(documents)))
        assert moved > 0.2, f"{name} moves the logits by {moved:.2g} only"
        print(f"{name}: moves the logits by {moved:.2f}")
    save_file(golden, os.path.join(out, "logits.safetensors"), metadata={"made_with": VERSIONS})
    ours = os.path.join(out, "ours")
    if os.path.isdir(ours):
        got = logits_of(PeftModel.from_pretrained(load_base(base), ours).eval(), documents, "patterns")
        assert all(torch.equal(got[key], golden[key]) for key in got), "peft computes something else from what affinage wrote"
        print("ours: the same bits as patterns")
    else:
        print("ours: not there yet")


if __name__ == "__main__":
    main()
