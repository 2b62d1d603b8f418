//! The job for mlx-lm, and back. Its trainer tokenises, orders and averages by itself, so this is the same data and the
//! same numbers, not the same job; the README names each difference.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use affinage_dataset::tokenize::LossMode;
use affinage_engine::export::{load_mlx, save_mlx};
use affinage_engine::lora::{Adapter, Target};
use anyhow::{Context as _, bail, ensure};
use regex::Regex;
use serde_json::json;

use super::import::{Logged, Results};
use super::{Job, Source};
use crate::jsonl;
use crate::model::LoadedModel;

/// Writes data, configuration and command; the names of what must not change.
pub(super) fn write(source: &Source, adapter: &Adapter, dir: &Path) -> anyhow::Result<Vec<String>> {
    let config = &source.plan.config;
    if config.loss == LossMode::Assistant {
        bail!("mlx-lm learns the last answer of a row or all tokens; set train.loss to last-answer or full");
    }
    ensure!(
        config.lora_plus_ratio == 1.0,
        "mlx-lm has one learning rate for both matrices; set train.lora-plus-ratio to 1"
    );
    let start = dir.join("adapter-mlx");
    fs_err::create_dir(&start)?;
    save_mlx(adapter, source.base_name(), &start)?;
    fs_err::create_dir(dir.join("data"))?;
    for (split, name) in [("train", "train"), ("validation", "valid")] {
        let rows = source.version.rows(split, &source.ctx.ui)?;
        let rows: Vec<_> = rows.iter().map(|row| json!({"messages": row.messages})).collect();
        jsonl::write_all(&dir.join(format!("data/{name}.jsonl")), &rows)?;
    }
    fs_err::write(dir.join("lora.yaml"), yaml(source)?)?;
    let command = "#!/bin/sh\n# sh run.sh, from this folder, on a Mac with `pip install mlx-lm==0.32.2`.\nset -e\nmkdir -p out\n\
        mlx_lm.lora --config lora.yaml 2>&1 | tee out/log.txt\n";
    fs_err::write(dir.join("run.sh"), command)?;
    Ok(["data/train.jsonl", "data/valid.jsonl", "lora.yaml"].map(str::to_owned).to_vec())
}

fn yaml(source: &Source) -> anyhow::Result<String> {
    let (plan, config) = (source.plan, &source.plan.config);
    let numbers = plan.engine_config();
    let base = match source.needs_base() {
        true => "base",
        false => source.base_name(),
    };
    let keys: Vec<&str> =
        Target::ALL.into_iter().filter(|t| config.targets.contains(t)).map(Target::path).collect();
    let factor = if config.use_rslora { (config.rank as f64).sqrt() } else { config.rank as f64 };
    let decay = plan.steps as u64 - numbers.warmup_steps.min(plan.steps as u64 - 1);
    use affinage_engine::optim::Schedule;
    let schedule = match config.schedule {
        Schedule::Constant => String::new(),
        Schedule::Linear => format!(
            "lr_schedule:\n  name: linear_schedule\n  arguments: [{}, 0.0, {decay}]\n  warmup: {}\n",
            config.learning_rate, numbers.warmup_steps
        ),
        Schedule::Cosine => format!(
            "lr_schedule:\n  name: cosine_decay\n  arguments: [{}, {decay}, 0.0]\n  warmup: {}\n",
            config.learning_rate, numbers.warmup_steps
        ),
    };
    let every = plan.steps.div_ceil(4);
    Ok(format!(
        "# mlx_lm.lora --config lora.yaml\nmodel: {base}\ntrain: true\nfine_tune_type: lora\ndata: data\nseed: {seed}\n\
         num_layers: -1\nlora_parameters:\n  rank: {rank}\n  scale: {scale}\n  dropout: {dropout}\n  keys: {keys}\n\
         optimizer: adamw\noptimizer_config:\n  adamw:\n    betas: [0.9, 0.999]\n    eps: 1.0e-8\n    weight_decay: {decay_w:?}\n    \
         bias_correction: true\nlearning_rate: {rate}\n{schedule}iters: {steps}\nbatch_size: {rows}\nmax_seq_length: {limit}\n\
         mask_prompt: {mask}\nsteps_per_report: 1\nsteps_per_eval: {every}\nval_batches: -1\nsave_every: {every}\n\
         grad_checkpoint: false\nresume_adapter_file: adapter-mlx/adapters.safetensors\nadapter_path: out/adapters\n",
        seed = config.seed,
        rank = config.rank,
        scale = config.alpha / factor,
        dropout = config.dropout,
        keys = serde_json::to_string(&keys)?,
        decay_w = config.weight_decay,
        rate = config.learning_rate,
        steps = plan.steps,
        rows = config.rows_per_step,
        limit = config.max_seq_tokens,
        mask = config.loss != LossMode::Full,
    ))
}

static TRAIN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^Iter (\d+): Train loss ([\d.einfa+-]+), Learning Rate ([\d.e+-]+), It/sec ([\d.e+-]+)";
    Regex::new(pattern).expect("a valid pattern")
});
static VALIDATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^Iter (\d+): Val loss ([\d.einfa+-]+), Val took ([\d.]+)s").expect("a valid pattern")
});

/// What mlx-lm printed and saved.
pub(super) fn results(job: &Job, model: &LoadedModel, dir: &Path) -> anyhow::Result<Results> {
    let path = dir.join("out/log.txt");
    let text =
        fs_err::read_to_string(&path).context("the job was not run: `sh run.sh` in the folder writes it")?;
    let number = |text: &str| text.parse::<f64>().with_context(|| format!("{}: `{text}`", path.display()));
    let mut log = Vec::new();
    for line in text.lines() {
        if let Some(found) = TRAIN.captures(line) {
            let seconds = 1.0 / number(&found[4])?;
            let (step, loss) = (found[1].parse()?, number(&found[2])?);
            let learning_rate = number(&found[3])?;
            // mlx-lm neither clips nor prints the norm.
            log.push(Logged::Step { step, loss, grad_norm: 0.0, learning_rate, seconds });
        } else if let Some(found) = VALIDATION.captures(line) {
            // It evaluates before step N what we call N - 1, and after the last one.
            let at: usize = found[1].parse()?;
            let step = if at == job.steps { at } else { at.saturating_sub(1) };
            let (eval_loss, seconds) = (number(&found[2])?, number(&found[3])?);
            log.push(Logged::Evaluation { step, eval_loss, eval_tokens: 0, seconds });
        }
    }
    let adapters_dir = dir.join("out/adapters");
    let mut adapters = BTreeMap::from([(0, load_mlx(&dir.join("adapter-mlx"), model.weights.config())?)]);
    let scratch = dir.join("out/.reading");
    for entry in fs_err::read_dir(&adapters_dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(step) =
            name.strip_suffix("_adapters.safetensors").and_then(|step| step.parse::<usize>().ok())
        else {
            continue;
        };
        fs_err::create_dir_all(&scratch)?;
        fs_err::copy(&path, scratch.join("adapters.safetensors"))?;
        fs_err::copy(adapters_dir.join("adapter_config.json"), scratch.join("adapter_config.json"))?;
        adapters.insert(step, load_mlx(&scratch, model.weights.config())?);
    }
    if scratch.exists() {
        fs_err::remove_dir_all(&scratch)?;
    }
    adapters.insert(job.steps, load_mlx(&adapters_dir, model.weights.config())?);
    let seconds = log.iter().map(|logged| match logged {
        Logged::Step { seconds, .. } | Logged::Evaluation { seconds, .. } => *seconds,
    });
    Ok(Results { seconds: seconds.sum(), log, adapters })
}
