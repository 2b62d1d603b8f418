"""mlx-lm's own trainer with lora.yaml, and a log that `affinage train --import DIR` reads: out/log.jsonl, out/adapters/."""

import json
import time
import types
from importlib.metadata import version
from pathlib import Path

import yaml
from mlx_lm import lora
from mlx_lm.tuner.callbacks import TrainingCallback

HERE = Path(__file__).parent
OUT = HERE / "out"


class Log(TrainingCallback):
    def on_train_loss_report(self, info):
        row = {"step": info["iteration"], "loss": info["train_loss"], "learning_rate": info["learning_rate"],
               "seconds": 1 / info["iterations_per_second"]}
        with open(OUT / "log.jsonl", "a") as log:
            log.write(json.dumps(row) + "\n")


def main():
    assert not (OUT / "log.jsonl").exists(), f"{OUT} holds a run already"
    OUT.mkdir(exist_ok=True)
    options = lora.CONFIG_DEFAULTS | yaml.safe_load((HERE / "lora.yaml").read_text())
    # Its command line has no place for a callback of one's own.
    lora.get_reporting_callbacks = lambda *args, **kwargs: Log()
    began = time.monotonic()
    lora.run(types.SimpleNamespace(**options))
    done = {"seconds": time.monotonic() - began, "packages": {name: version(name) for name in ["mlx", "mlx-lm"]}}
    (OUT / "done.json").write_text(json.dumps(done, indent=2) + "\n")


if __name__ == "__main__":
    main()
