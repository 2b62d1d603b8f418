//! Well-known small models, with what each would take on this machine.

use affinage_engine::weights::Family;
use serde::Serialize;

use crate::folder::project::Project;
use crate::machine::{self, Machine};
use crate::model::known::{KNOWN_MODELS, KnownModel, Licence};
use crate::model::{self, ModelSources};
use crate::stages::training::{SHARE_OF_RATE, Workload, multiply_rate};

/// Well-known models, each with what it takes here; the document of `--json`.
#[derive(Serialize)]
pub struct KnownModels {
    pub v: u32,
    /// `model` of affinage.toml.
    pub chosen: String,
    /// Measured.
    pub multiply_gflops: f64,
    /// The share of it that a training is taken to reach.
    pub share_of_multiply: f64,
    pub machine_memory_bytes: Option<u64>,
    pub free_memory_bytes: Option<u64>,
    pub data: Data,
    pub models: Vec<Row>,
    /// Models of these load, in whatever size.
    pub families: [Family; Family::ALL.len()],
}

/// What times are for.
#[derive(Serialize)]
pub struct Data {
    /// `null`: nothing is frozen, rows are assumed.
    pub dataset: Option<String>,
    /// The model that counted the tokens; `null`: estimated.
    pub counted_by: Option<String>,
    pub train_rows: usize,
    pub train_tokens: usize,
    pub validation_rows: usize,
    pub left_out_rows: usize,
    pub epochs: usize,
    /// Of the training: as many as the epochs have, or `train.max-steps`.
    pub steps: usize,
    #[serde(skip)]
    pub steps_of_epochs: usize,
}

/// One of them.
#[derive(Serialize)]
pub struct Row {
    pub model: &'static str,
    pub family: Family,
    pub parameters: u64,
    pub disk_bytes: u64,
    /// Estimated, at the highest.
    pub memory_bytes: u64,
    /// Estimated; zero without rows to train on.
    pub seconds: f64,
    pub licence: Licence,
    pub on_this_machine: bool,
}

/// Measures this machine and estimates what each well-known model takes on it.
pub fn known_models(ctx: &Project) -> anyhow::Result<KnownModels> {
    let train = &ctx.config.train;
    if train.supervised_tokens.is_some() {
        ctx.ui.warn("`train.supervised-tokens` is not looked at here: times are for all rows");
    }
    let sources = ModelSources::from_environment()?;
    let work = ctx.ui.during("counting tokens", || Workload::of(ctx))?;
    let (steps, steps_of_epochs) = work.steps(train);
    let memory: Vec<u64> = KNOWN_MODELS.iter().map(|known| work.memory_bytes(train, known)).collect();
    let rate = ctx.ui.during("measuring this machine", multiply_rate);
    let row = |(known, memory_bytes): (&KnownModel, u64)| -> anyhow::Result<Row> {
        Ok(Row {
            model: known.spec,
            family: known.family,
            parameters: known.parameters(),
            disk_bytes: known.disk_bytes,
            memory_bytes,
            seconds: work.seconds(train, &known.config(), rate),
            licence: known.licence,
            on_this_machine: model::on_this_machine(known.spec, &ctx.project, &sources)?.is_some(),
        })
    };
    let models = KNOWN_MODELS.iter().zip(memory).map(row).collect::<anyhow::Result<Vec<Row>>>()?;
    Ok(KnownModels {
        v: 1,
        chosen: ctx.config.model.name.clone(),
        multiply_gflops: rate / 1e9,
        share_of_multiply: SHARE_OF_RATE,
        machine_memory_bytes: Machine::here().memory_bytes,
        free_memory_bytes: machine::available_memory_bytes(),
        data: Data {
            dataset: work.dataset,
            counted_by: work.counted_by,
            train_rows: work.train.len(),
            train_tokens: work.train.iter().sum(),
            validation_rows: work.validation.len(),
            left_out_rows: work.left_out,
            epochs: train.epochs,
            steps,
            steps_of_epochs,
        },
        models,
        families: Family::ALL,
    })
}
