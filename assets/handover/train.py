"""The same job on TRL, PEFT and Accelerate. Everything that decides the result is a file beside this one: tokens and
loss masks (rows.jsonl), which rows form each step (order.json), the starting adapter (adapter/), the numbers (job.json).

    python train.py                                              one process
    torchrun --standalone --nproc_per_node 2 train.py            two processes on this machine
    accelerate launch --config_file accelerate/multi_gpu.yaml train.py

Writes out/log.jsonl, out/checkpoints/step-N/ and out/done.json; `affinage train --import DIR` takes them back.
"""

import argparse
import hashlib
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

HERE = Path(__file__).parent
JOB = json.loads((HERE / "job.json").read_text())
OUT = HERE / "out"
IGNORED = -100


def read_rows(name):
    rows = [json.loads(line) for line in (HERE / name).read_text().splitlines()]
    return [{"input_ids": row["input_ids"], "labels": row["labels"]} for row in rows]


def in_order(rows, steps, size):
    """The rows step after step. A short step is filled up with rows nothing is learnt from: the loss is a sum over
    supervised tokens, divided once, so they change no number."""
    filler = {"input_ids": rows[0]["input_ids"][:2], "labels": [IGNORED, IGNORED]}
    return [row for step in steps for row in [rows[i] for i in step] + [filler] * (size - len(step))]


def check_files():
    for name, expected in JOB["sha256"].items():
        found = hashlib.sha256((HERE / name).read_bytes()).hexdigest()
        assert found == expected, f"{name} was changed: SHA-256 {found}, expected {expected}"


class Log(TrainerCallback):
    """One line a step; at the steps of the job the validation loss, by tokens, and the adapter."""

    def __init__(self):
        self.last = time.monotonic()

    def write(self, state, row):
        if state.is_world_process_zero:
            with open(OUT / "log.jsonl", "a") as log:
                log.write(json.dumps(row) + "\n")

    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in logs:
            now = time.monotonic()
            self.write(state, {"step": state.global_step, "loss": logs["loss"], "grad_norm": logs["grad_norm"],
                               "learning_rate": logs["learning_rate"], "seconds": now - self.last})
            self.last = now

    def on_train_begin(self, args, state, control, **_):
        self.evaluate_and_save(state, 0)
        self.last = time.monotonic()

    def on_step_end(self, args, state, control, **_):
        if state.global_step in JOB["evaluated_after"]:
            # The trainer logs this step after its end; the evaluation must not count as its time.
            began = time.monotonic()
            self.evaluate_and_save(state, state.global_step)
            self.last += time.monotonic() - began

    def evaluate_and_save(self, state, step):
        trainer, began = self.trainer, time.monotonic()
        model, accelerator = trainer.model_wrapped, trainer.accelerator
        model.eval()
        total = torch.zeros(2, dtype=torch.float64)
        with torch.no_grad():
            for row in self.validation[accelerator.process_index :: accelerator.num_processes]:
                ids = torch.tensor([row["input_ids"]], device=accelerator.device)
                labels = torch.tensor(row["labels"][1:], device=accelerator.device)
                logits = model(input_ids=ids).logits[0, :-1].float()
                kept = labels != IGNORED
                nll = torch.nn.functional.cross_entropy(logits[kept], labels[kept], reduction="none")
                total += torch.tensor([nll.double().sum().item(), kept.sum().item()], dtype=torch.float64)
        model.train()
        total = accelerator.reduce(total.to(accelerator.device), reduction="sum").tolist()
        state_dict = accelerator.get_state_dict(model)
        if accelerator.is_main_process:
            folder = OUT / "checkpoints" / f"step-{step:06}"
            accelerator.unwrap_model(model).save_pretrained(folder, state_dict=state_dict)
            self.write(state, {"step": step, "eval_loss": total[0] / max(total[1], 1), "eval_tokens": int(total[1]),
                               "seconds": time.monotonic() - began})


class Trainer(SFTTrainer):
    """LoRA+ where the job has it: a learning rate of its own for lora_B."""

    def create_optimizer(self, *args, **kwargs):
        ratio = JOB["lora_plus_ratio"]
        if ratio != 1 and self.optimizer is None:
            cls, options = SFTTrainer.get_optimizer_cls_and_kwargs(self.args, self.model)
            named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
            groups = [{"params": [p for name, p in named if ("lora_B" in name) == is_b], "lr": options["lr"] * (ratio if is_b else 1),
                       "weight_decay": self.args.weight_decay} for is_b in (False, True)]
            self.optimizer = cls(groups, **options)
        return super().create_optimizer(*args, **kwargs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-device-rows", type=int, default=1, help="rows in memory at once; changes rounding only")
    parser.add_argument("--dtype", default="float32", help="bfloat16 is faster on GPUs and not the same numbers")
    parser.add_argument("--gradient-checkpointing", action="store_true", help="less memory, more time, same numbers")
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    check_files()
    assert not (OUT / "log.jsonl").exists(), f"{OUT} holds a run already"
    OUT.mkdir(exist_ok=True)

    size = JOB["rows_per_step"]
    config = SFTConfig(
        output_dir=str(OUT / "trainer"), max_steps=JOB["steps"], per_device_train_batch_size=options.per_device_rows,
        learning_rate=JOB["learning_rate"], lr_scheduler_type=JOB["schedule"], warmup_steps=JOB["warmup_steps"],
        optim="adamw_torch", adam_beta1=JOB["adam_beta1"], adam_beta2=JOB["adam_beta2"], adam_epsilon=JOB["adam_epsilon"],
        weight_decay=JOB["weight_decay"], max_grad_norm=JOB["clip_norm"], seed=JOB["seed"],
        train_sampling_strategy="sequential", max_length=None, packing=False, loss_type="nll",
        dataset_kwargs={"skip_prepare_dataset": True}, gradient_checkpointing=options.gradient_checkpointing,
        bf16=False, use_cpu=options.cpu, logging_steps=1, logging_nan_inf_filter=False, save_strategy="no", report_to="none",
        disable_tqdm=True)
    window = options.per_device_rows * config.world_size
    assert size % window == 0, f"{size} rows a step do not divide among {config.world_size} processes x {options.per_device_rows} rows"
    config.gradient_accumulation_steps = size // window

    base = HERE / "base" if (HERE / "base").is_dir() else JOB["base"]["hub_id"]
    revision = None if isinstance(base, Path) else JOB["base"]["revision"]
    tokenizer = AutoTokenizer.from_pretrained(base, revision=revision)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(base, revision=revision, dtype=getattr(torch, options.dtype), attn_implementation="sdpa")
    model = PeftModel.from_pretrained(model, HERE / "adapter", is_trainable=True)

    rows = in_order(read_rows("rows.jsonl"), json.loads((HERE / "order.json").read_text()), size)
    log = Log()
    trainer = Trainer(model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[log])
    log.trainer, log.validation = trainer, read_rows("validation.jsonl")
    began = time.monotonic()
    trainer.train()
    if trainer.accelerator.is_main_process:
        packages = {name: version(name) for name in ["torch", "transformers", "trl", "peft", "accelerate"]}
        done = {"seconds": time.monotonic() - began, "processes": config.world_size, "dtype": options.dtype, "packages": packages,
                "device": torch.cuda.get_device_name() if torch.cuda.is_available() and not options.cpu else "cpu",
                "machine": platform.platform(), "job_sha256": hashlib.sha256((HERE / "job.json").read_bytes()).hexdigest()}
        (OUT / "done.json").write_text(json.dumps(done, indent=2) + "\n")


if __name__ == "__main__":
    main()
