//! The job for mlx-lm, and back. Its trainer tokenises, orders and averages by itself, so this is the same data and the
//! same numbers, not the same job; the README names each difference.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Instant;

use affinage_dataset::tokenize::LossMode;
use affinage_engine::checkpoint::load_adapter;
use affinage_engine::export::save_mlx;
use affinage_engine::lora::{Adapter, Target};
use affinage_engine::model::Document;
use affinage_engine::optim::Schedule;
use affinage_engine::train::document_nll;
use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::json;

use super::import::{Logged, Results};
use super::{IGNORED, Job, Row, Source};
use crate::folder::jsonl;
use crate::folder::project::Project;
use crate::model::{LoadedModel, engine};

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
    let plan = source.plan;
    for (split, name, planned) in [("train", "train", &plan.train), ("validation", "valid", &plan.validation)]
    {
        let ids: HashSet<&str> = planned.iter().map(|row| row.example_id.as_str()).collect();
        let rows = source.version.rows(split, &source.ctx.ui)?;
        let rows = rows.iter().filter(|row| ids.contains(row.example_id.as_str()));
        let rows: Vec<_> = rows.map(|row| json!({"messages": row.messages})).collect();
        jsonl::write_all(&dir.join(format!("data/{name}.jsonl")), &rows)?;
    }
    fs_err::write(dir.join("lora.yaml"), yaml(source)?)?;
    fs_err::write(dir.join("train_mlx.py"), include_str!("../../../../../assets/handover/train_mlx.py"))?;
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
        "# read by train_mlx.py; `mlx_lm.lora --config lora.yaml` trains the same\nmodel: {base}\ntrain: true\nfine_tune_type: lora\ndata: data\nseed: {seed}\n\
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

#[derive(Deserialize)]
struct Done {
    seconds: f64,
}

/// What mlx-lm logged and saved. It evaluates at other steps than it saves, so the validation loss is computed here, from
/// the tokens of the job.
pub(super) fn results(ctx: &Project, job: &Job, model: &LoadedModel, dir: &Path) -> anyhow::Result<Results> {
    let out = dir.join("out");
    let done = fs_err::read(out.join("done.json"))
        .context("the job has not come to its end: `python train_mlx.py` in the folder runs it")?;
    let done: Done = serde_json::from_slice(&done)?;
    let mut log: Vec<Logged> = jsonl::read(&out.join("log.jsonl"), &ctx.ui)?;
    let adapters = adapters(job, model, dir)?;
    let engine = engine(&ctx.ui, model)?;
    let rows: Vec<Row> = jsonl::read(&dir.join("validation.jsonl"), &ctx.ui)?;
    let masks: Vec<Vec<bool>> =
        rows.iter().map(|row| row.labels.iter().map(|label| *label != IGNORED).collect()).collect();
    let documents: Vec<Document> = rows
        .iter()
        .zip(&masks)
        .map(|(row, loss_mask)| Document { row_id: 0, ids: &row.input_ids, loss_mask })
        .collect();
    for (step, adapter) in &adapters {
        let began = Instant::now();
        let scoring = format!("validation of step {step}");
        let nll = ctx.ui.during(scoring, || document_nll(&engine, Some(adapter), &documents, 1024, |_| {}));
        let (sum, tokens) =
            nll.iter().fold((0.0, 0), |(sum, tokens), nll| (sum + nll.sum, tokens + nll.tokens));
        if tokens > 0 {
            let (eval_loss, eval_tokens) = (sum / tokens as f64, tokens as u64);
            log.push(Logged::Evaluation {
                step: *step,
                eval_loss,
                eval_tokens,
                seconds: began.elapsed().as_secs_f64(),
            });
        }
    }
    Ok(Results { log, adapters, seconds: done.seconds })
}

/// The adapters by step; mlx-lm numbers its files and keeps one configuration for all.
fn adapters(job: &Job, model: &LoadedModel, dir: &Path) -> anyhow::Result<BTreeMap<usize, Adapter>> {
    let saved = dir.join("out/adapters");
    let mut adapters = BTreeMap::from([(0, load_adapter(&dir.join("adapter-mlx"), model.weights.config())?)]);
    adapters.insert(job.steps, load_adapter(&saved, model.weights.config())?);
    let scratch = dir.join("out/.reading");
    fs_err::create_dir_all(&scratch)?;
    fs_err::copy(saved.join("adapter_config.json"), scratch.join("adapter_config.json"))?;
    for entry in fs_err::read_dir(&saved)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(step) = name.strip_suffix("_adapters.safetensors").and_then(|step| step.parse().ok()) {
            fs_err::copy(&path, scratch.join("adapters.safetensors"))?;
            adapters.insert(step, load_adapter(&scratch, model.weights.config())?);
        }
    }
    fs_err::remove_dir_all(&scratch)?;
    Ok(adapters)
}
