//! The job for MLX: the program that also computes the steps of `train --engine mlx`, with a loop around it.

use std::path::Path;

use affinage_engine::lora::Adapter;
use affinage_engine::weights::Family;
use affinage_eval::plain::count;
use anyhow::{anyhow, ensure};

use super::Source;
use crate::errors::HintExt as _;
use crate::stages::external::job;

/// Writes rates, numbers and programs; the names of what must not change.
pub(super) fn write(source: &Source, adapter: &Adapter, dir: &Path) -> anyhow::Result<Vec<String>> {
    let plan = source.plan;
    ensure!(
        plan.config.dropout == 0.0,
        "train.dropout is {}, whose masks cannot be the same on MLX; set it to 0",
        plan.config.dropout
    );
    refuse_window(source)?;
    let numbers = plan.engine_config();
    let (peak, total, warmup) = (numbers.learning_rate, numbers.total_steps, numbers.warmup_steps);
    let rates: Vec<f64> = (1..=total).map(|step| numbers.schedule.rate(peak, step, total, warmup)).collect();
    fs_err::write(dir.join("rates.json"), serde_json::to_string(&rates)? + "\n")?;
    job::write_numbers(plan, adapter, "base", dir)?;
    let loop_around = ("train_mlx.py", include_str!("../../../../../assets/handover/train_mlx.py"));
    let packages = ("requirements.txt", include_str!("../../../../../assets/engines/requirements-mlx.txt"));
    for (name, text) in [job::PROGRAM, job::MLX_BASE, loop_around, packages] {
        fs_err::write(dir.join(name), text)?;
    }
    Ok(["rates.json", "worker.json", "worker.py", "mlx_base.py"].map(str::to_owned).to_vec())
}

/// mlx-lm lets every layer see the whole row, but for those of Gemma 3.
///
/// Errors: a row is longer than the window of this model.
fn refuse_window(source: &Source) -> anyhow::Result<()> {
    let (plan, model) = (source.plan, source.model.weights.config());
    let longest = plan.train.iter().chain(&plan.validation).map(|row| row.ids.len()).max().unwrap_or(0);
    match model.sliding_window.filter(|window| model.family != Family::Gemma3 && *window < longest) {
        Some(window) => Err(anyhow!(
            "mlx-lm has no sliding window for {}: in this model a token sees the last {} tokens, and the longest row has {}",
            model.family.name(),
            count(window as u64),
            count(longest as u64)
        ))
        .hint(format!("`--engine trl` has it; or take shorter rows only: `train.max-seq-tokens` {window}")),
        None => Ok(()),
    }
}
