//! The same job on another engine: a folder that holds everything that decides the result, and the way back.
//!
//! Rows go over as token ids with labels, in the order of our steps, with the adapter we would start from: template, loss
//! mask, truncation, packing and random numbers cannot differ, because the other side has none of them to decide.

mod import;
mod mlx;
mod readme;

use std::collections::BTreeMap;
use std::path::Path;

use affinage_dataset::tokenize::TokenizedExample;
use affinage_engine::checkpoint::{ADAPTER_FILE, save_adapter};
use affinage_engine::model::Model;
use affinage_engine::optim::{AdamW, Schedule};
use affinage_engine::weights::{DType, Precision, Weights};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::folder::config::Config;
use crate::folder::datasets::DatasetVersion;
use crate::folder::events::LongRow;
use crate::folder::project::Project;
use crate::model::LoadedModel;
use crate::stages::external::job::write_base;
use crate::stages::training::Plan;
pub use import::import;

/// Who trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// TRL, PEFT and Accelerate: one GPU, many, or none
    Trl,
    /// MLX on the models of mlx-lm
    Mlx,
}

/// `job.json`: every number of the job, and the hashes of its files.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    pub v: u32,
    pub engine: Engine,
    pub base: Base,
    pub dataset: String,
    pub dataset_sha256: String,
    pub template_sha256: String,
    pub examples: usize,
    /// Rows of the data set that are in none of the files: they are longer than the job's limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LongRow>,
    pub steps: usize,
    pub epochs: usize,
    pub rows_per_step: usize,
    pub evaluated_after: Vec<usize>,
    pub learning_rate: f64,
    /// As transformers names it.
    pub schedule: String,
    pub warmup_steps: u64,
    pub adam_beta1: f64,
    pub adam_beta2: f64,
    pub adam_epsilon: f64,
    pub weight_decay: f64,
    pub clip_norm: f64,
    pub lora_plus_ratio: f64,
    pub dropout: f64,
    pub seed: u64,
    pub trainable_parameters: u64,
    pub total_parameters: u64,
    /// SHA-256 of the files of the folder.
    pub sha256: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Base {
    pub name: String,
    pub hub_id: Option<String>,
    pub revision: Option<String>,
    /// Of the weights that our engine reads.
    pub sha256: String,
}

/// A row of `rows.jsonl` and `validation.jsonl`.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    input_ids: Vec<u32>,
    /// The ids again where there is something to learn, else -100.
    labels: Vec<i64>,
}

const IGNORED: i64 = -100;

/// Files that are the same in every hand-over.
const FILES: [(&str, &str); 7] = [
    ("train.py", include_str!("../../../../../assets/handover/train.py")),
    ("requirements.txt", include_str!("../../../../../assets/handover/requirements.txt")),
    ("accelerate/one_gpu.yaml", include_str!("../../../../../assets/handover/accelerate/one_gpu.yaml")),
    ("accelerate/multi_gpu.yaml", include_str!("../../../../../assets/handover/accelerate/multi_gpu.yaml")),
    ("accelerate/fsdp2.yaml", include_str!("../../../../../assets/handover/accelerate/fsdp2.yaml")),
    ("job.sbatch", include_str!("../../../../../assets/handover/job.sbatch")),
    ("sky.yaml", include_str!("../../../../../assets/handover/sky.yaml")),
];

/// What a hand-over is made of.
pub struct Source<'a> {
    pub ctx: &'a Project,
    pub model: &'a LoadedModel,
    pub engine: &'a Model,
    pub version: &'a DatasetVersion,
    pub plan: &'a Plan,
}

impl Source<'_> {
    /// Fills the existing folder `dir`.
    pub fn write(&self, engine: Engine, dir: &Path) -> anyhow::Result<()> {
        let plan = self.plan;
        let config = Config { train: plan.config.clone(), ..self.ctx.config.clone() };
        fs_err::write(dir.join("run.toml"), config.effective_toml())?;
        let mut files = vec!["run.toml".to_owned()];
        if self.needs_base() {
            let base = dir.join("base");
            fs_err::create_dir(&base)?;
            write_base(self.model, &base)?;
            files.push("base/model.safetensors".to_owned());
        }
        let order: Vec<Vec<usize>> = (1..=plan.steps).map(|step| plan.rows_of(step)).collect();
        fs_err::write(dir.join("order.json"), serde_json::to_string(&order)? + "\n")?;
        crate::folder::jsonl::write_all(&dir.join("rows.jsonl"), &rows(&plan.train))?;
        crate::folder::jsonl::write_all(&dir.join("validation.jsonl"), &rows(&plan.validation))?;
        files.extend(["order.json", "rows.jsonl", "validation.jsonl"].map(str::to_owned));
        let adapter = plan.new_adapter(self.engine);
        let folder = dir.join("adapter");
        fs_err::create_dir(&folder)?;
        save_adapter(&adapter, self.base_name(), &folder)?;
        files.push(format!("adapter/{ADAPTER_FILE}"));
        match engine {
            Engine::Trl => {
                for (name, text) in FILES {
                    let path = dir.join(name);
                    fs_err::create_dir_all(path.parent().expect("inside the folder"))?;
                    fs_err::write(path, text)?;
                }
            }
            Engine::Mlx => files.extend(mlx::write(self, &adapter, dir)?),
        }
        let job = self.job(engine, &files, adapter.values.len() as u64, dir)?;
        fs_err::write(dir.join("job.json"), serde_json::to_string_pretty(&job)? + "\n")?;
        Ok(fs_err::write(dir.join("README.md"), readme::readme(self, &job))?)
    }

    /// A model that others can fetch by name and commit is named, every other one goes along.
    fn needs_base(&self) -> bool {
        let weights = &self.model.weights;
        let is_other = weights.gguf().is_some() || weights.left_out().is_some();
        self.model.hub_id.is_none() || self.model.revision.is_none() || is_other
    }

    fn base_name(&self) -> &str {
        self.model.hub_id.as_deref().unwrap_or(&self.model.name)
    }

    fn job(&self, engine: Engine, files: &[String], trainable: u64, dir: &Path) -> anyhow::Result<Job> {
        let (plan, config, adam) = (self.plan, &self.plan.config, AdamW::default());
        let numbers = plan.engine_config();
        let schedule = match config.schedule {
            Schedule::Constant => "constant_with_warmup",
            Schedule::Linear => "linear",
            Schedule::Cosine => "cosine",
        };
        let mut sha256 = BTreeMap::new();
        for name in files {
            sha256.insert(name.clone(), file_sha256(&dir.join(name))?);
        }
        Ok(Job {
            v: 1,
            engine,
            base: Base {
                name: self.model.name.clone(),
                hub_id: self.model.hub_id.clone(),
                revision: self.model.revision.clone(),
                sha256: self.model.sha256.clone(),
            },
            dataset: plan.dataset.clone(),
            dataset_sha256: plan.dataset_sha256.clone(),
            template_sha256: hex_sha256(self.model.template()?.source().as_bytes()),
            examples: plan.train.len(),
            left_out: plan.left_out.clone(),
            steps: plan.steps,
            epochs: config.epochs,
            rows_per_step: config.rows_per_step,
            evaluated_after: (1..=plan.steps).filter(|step| plan.evaluated_after(*step)).collect(),
            learning_rate: config.learning_rate,
            schedule: schedule.to_owned(),
            warmup_steps: numbers.warmup_steps,
            adam_beta1: adam.beta1,
            adam_beta2: adam.beta2,
            adam_epsilon: adam.eps,
            weight_decay: config.weight_decay,
            clip_norm: config.clip_norm,
            lora_plus_ratio: config.lora_plus_ratio,
            dropout: config.dropout,
            seed: config.seed,
            trainable_parameters: trainable,
            total_parameters: self.model.weights.parameter_count() as u64,
            sha256,
        })
    }
}

pub(in crate::stages) fn rows(examples: &[TokenizedExample]) -> Vec<serde_json::Value> {
    let row = |example: &TokenizedExample| {
        let mut labels: Vec<i64> = (example.ids.iter().zip(&example.loss_mask))
            .map(|(id, learnt)| if *learnt { i64::from(*id) } else { IGNORED })
            .collect();
        // Nothing predicts the first token.
        labels[0] = IGNORED;
        json!({"input_ids": example.ids, "labels": labels})
    };
    examples.iter().map(row).collect()
}

/// The smallest plain format that holds the base's numbers as they are.
pub(in crate::stages) fn exact_precision(weights: &Weights) -> Precision {
    let all = |dtype| weights.tensors().all(|tensor| tensor.dtype == dtype);
    match (all(DType::BF16), all(DType::F16)) {
        (true, _) => Precision::BF16,
        (_, true) => Precision::F16,
        _ => Precision::F32,
    }
}

fn file_sha256(path: &Path) -> anyhow::Result<String> {
    let mut digest = Sha256::new();
    std::io::copy(&mut fs_err::File::open(path)?, &mut digest)?;
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
