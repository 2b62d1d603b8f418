//! The folder that a worker reads: rows as token ids, the modules of the adapter, the numbers of the optimiser, and its program.

use std::path::{Path, PathBuf};

use affinage_engine::lora::Adapter;
use affinage_engine::optim::AdamW;
use affinage_engine::weights::Weights;
use serde_json::json;

use crate::folder::config::EngineName;
use crate::folder::lock::FolderLock;
use crate::folder::project::{Project, cache_dir};
use crate::folder::run::{self, write_folder_atomically};
use crate::model::{LoadedModel, ModelSources, resolve};
use crate::stages::export::write_folder_text;
use crate::stages::external_trainer::{exact_precision, rows};
use crate::stages::training::Plan;

/// The program that speaks with us, and what it asks an engine for.
pub(in crate::stages) const PROGRAM: (&str, &str) =
    ("worker.py", include_str!("../../../../../assets/engines/worker.py"));
pub(in crate::stages) const MLX_BASE: (&str, &str) =
    ("mlx_base.py", include_str!("../../../../../assets/engines/mlx_base.py"));
const TORCH_BASE: (&str, &str) =
    ("torch_base.py", include_str!("../../../../../assets/engines/torch_base.py"));

/// A folder of one worker, `runs/.engine-PID`; removed when it is dropped.
pub(super) struct JobFolder {
    pub(super) path: PathBuf,
    _lock: FolderLock,
}

impl JobFolder {
    /// Makes it, and removes those that killed processes left.
    pub(super) fn new(project: &Path) -> anyhow::Result<JobFolder> {
        let runs = run::all(project);
        fs_err::create_dir_all(&runs)?;
        for entry in fs_err::read_dir(&runs)? {
            let path = entry?.path();
            let is_job = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
            if is_job && FolderLock::acquire(&path).is_ok() {
                fs_err::remove_dir_all(&path)?;
            }
        }
        let path = runs.join(format!("{PREFIX}{}", std::process::id()));
        fs_err::create_dir(&path)?;
        let _lock = FolderLock::acquire(&path)?;
        Ok(JobFolder { path, _lock })
    }
}

impl Drop for JobFolder {
    fn drop(&mut self) {
        // The next worker removes what is left.
        let _leftover = fs_err::remove_dir_all(&self.path);
    }
}

const PREFIX: &str = ".engine-";

/// Everything a worker for `engine` reads.
pub(super) fn write(
    engine: EngineName,
    (plan, adapter): (&Plan, &Adapter),
    base: &Path,
    dir: &Path,
) -> anyhow::Result<()> {
    let of_engine = match engine {
        EngineName::Torch => TORCH_BASE,
        EngineName::Mlx => MLX_BASE,
    };
    for (name, text) in [PROGRAM, of_engine] {
        fs_err::write(dir.join(name), text)?;
    }
    crate::folder::jsonl::write_all(&dir.join("rows.jsonl"), &rows(&plan.train))?;
    crate::folder::jsonl::write_all(&dir.join("validation.jsonl"), &rows(&plan.validation))?;
    write_numbers(plan, adapter, &base.display().to_string(), dir)
}

/// `worker.json`. `base` is a folder in the Hugging Face layout, absolute or relative to `dir`.
pub(in crate::stages) fn write_numbers(
    plan: &Plan,
    adapter: &Adapter,
    base: &str,
    dir: &Path,
) -> anyhow::Result<()> {
    let modules: Vec<_> = (adapter.layout.pairs.iter())
        .map(|pair| {
            json!({"path": format!("model.layers.{}.{}", pair.layer, pair.target.path()), "rank": pair.rank,
                "scale": pair.scale, "a": pair.a.len(), "b": pair.b.len()})
        })
        .collect();
    let (config, adam) = (&plan.config, AdamW::default());
    let numbers = json!({"v": 1, "base": base, "micro_batch_tokens": config.micro_batch_tokens,
        "adam_beta1": adam.beta1, "adam_beta2": adam.beta2, "adam_epsilon": adam.eps,
        "weight_decay": config.weight_decay, "clip_norm": config.clip_norm,
        "lora_plus_ratio": config.lora_plus_ratio, "modules": modules});
    Ok(fs_err::write(dir.join("worker.json"), numbers.to_string() + "\n")?)
}

/// A folder with the base in the Hugging Face layout: the model's own, else one in the cache with the numbers that our engine
/// reads.
pub(super) fn base(ctx: &Project, spec: &str, model: &LoadedModel) -> anyhow::Result<PathBuf> {
    let located = resolve(spec, &ctx.project, &ModelSources::from_environment()?, &ctx.ui)?;
    let is_other = model.weights.gguf().is_some() || model.weights.left_out().is_some();
    if located.path.is_dir() && !is_other {
        return Ok(fs_err::canonicalize(located.path)?);
    }
    let path = cache_dir()?.join("engines").join("bases").join(&model.sha256);
    if !path.is_dir() {
        let writing = format!("writing {} as a folder for other engines", model.name);
        ctx.ui.during(writing, || write_folder_atomically(&path, |dir| write_base(model, dir)))?;
    }
    Ok(path)
}

/// Weights, configuration and tokenizer, in the smallest plain format that holds the numbers as they are.
pub(in crate::stages) fn write_base(model: &LoadedModel, dir: &Path) -> anyhow::Result<()> {
    let weights: &Weights = &model.weights;
    let precision = exact_precision(weights);
    let merged = affinage_engine::export::Merged { weights, adapter: None };
    affinage_engine::export::save_folder(merged, precision, dir)?;
    write_folder_text(model, precision, dir)
}
