//! Whether a device computes what our engine computes, and which of the two is faster: the gradient of some of the user's own
//! rows, by both. Drivers and compilers of devices have given wrong gradients without a word.

use std::time::Instant;

use affinage_engine::kernels::random::Random;
use affinage_engine::lora::{Adapter, Layout};
use affinage_engine::model::{Document, Model};
use affinage_engine::optim::Moments;
use affinage_engine::train::Trainer;
use anyhow::anyhow;
use serde::Serialize;

use super::environment::Python;
use super::worker::{Start, Worker};
use crate::errors::HintExt as _;
use crate::folder::config::EngineName;
use crate::observer::Observer;
use crate::stages::training::Plan;

/// Largest difference of the gradients, relative to ours, in f32 and in bf16.
const ALLOWED_F32: f64 = 1e-3;
const ALLOWED_BF16: f64 = 1e-2;
/// `lora_B` is drawn within this, so that `lora_A` has a gradient too: in a fresh adapter it has none.
const SPREAD: f64 = 0.02;
/// A matrix whose gradient is smaller than this share of the largest one's counts as that large.
const SMALLEST_SHARE: f64 = 1e-2;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub tokens: usize,
    /// Of the whole gradient and of the loss.
    pub difference: f64,
    pub loss_difference: f64,
    /// The matrix that differs most.
    pub worst: String,
    pub worst_difference: f64,
    pub allowed: f64,
    pub device_tokens_per_s: f64,
    pub cpu_tokens_per_s: f64,
    /// Memory of the device, or of the process where it computes on the processor.
    pub device_peak_bytes: Option<u64>,
}

impl Check {
    /// Whether every matrix of the gradient is within what is allowed.
    pub fn agrees(&self) -> bool {
        // Not a number is no agreement.
        [self.difference, self.worst_difference, self.loss_difference].iter().all(|d| *d <= self.allowed)
    }

    /// How many times as fast as our engine the device is.
    pub fn speedup(&self) -> f64 {
        self.device_tokens_per_s / self.cpu_tokens_per_s
    }

    /// Errors: the device computes something else.
    fn accept(&self, worker: &Worker) -> anyhow::Result<()> {
        if self.agrees() {
            return Ok(());
        }
        let record = &worker.record;
        let versions: Vec<String> = record.versions.iter().map(|(name, v)| format!("{name} {v}")).collect();
        Err(anyhow!(
            "device `{}` is not used: on {} tokens of your rows its gradient ({}, {}) differs from this engine's by {:.1e} \
             ({} by {:.1e}), its loss by {:.1e}; allowed is {:.0e}",
            record.device,
            self.tokens,
            versions.join(", "),
            record.precision,
            self.difference,
            self.worst,
            self.worst_difference,
            self.loss_difference,
            self.allowed
        ))
        .hint("train with `--engine cpu`; a training on such a device would learn something else without a word")
    }
}

/// A worker whose device computes what our engine computes. Where a device's usual precision is too coarse for that, it computes
/// in f32.
///
/// Errors: those of [`Worker::start`]; the device computes something else.
pub fn start_checked(start: &Start, name: EngineName, python: &Python) -> anyhow::Result<(Worker, Check)> {
    let ui = &start.ctx.ui;
    let starting = |start: &Start| {
        let label = format!("starting {}", name.word());
        let mut worker = ui.during(label, || Worker::start(start, name, python))?;
        let check = check(&mut worker, start.engine, start.plan, ui)?;
        anyhow::Ok((worker, check))
    };
    let (worker, check) = starting(start)?;
    if check.agrees() || worker.record.precision == "f32" || start.precision.is_some() {
        check.accept(&worker)?;
        return Ok((worker, check));
    }
    ui.say(format!(
        "{} in {}: its gradient differs by {:.1e} ({} by {:.1e}), allowed is {:.0e}; it is tried in f32",
        worker.record.device,
        worker.record.precision,
        check.difference,
        check.worst,
        check.worst_difference,
        check.allowed
    ));
    drop(worker);
    let (worker, check) = starting(&Start { precision: Some("f32"), ..*start })?;
    check.accept(&worker)?;
    Ok((worker, check))
}

/// Computes the gradient of the same rows here and by `worker`. Nothing is updated.
fn check(worker: &mut Worker, engine: &Model, plan: &Plan, ui: &dyn Observer) -> anyhow::Result<Check> {
    let rows = rows(plan);
    let examples: Vec<_> = rows.iter().map(|row| &plan.train[*row]).collect();
    let documents: Vec<Document> = (rows.iter().zip(&examples))
        .map(|(row, example)| Document { row_id: *row as u64, ids: &example.ids, loss_mask: &example.loss_mask })
        .collect();
    let tokens: usize = examples.iter().map(|example| example.ids.len()).sum();
    let adapter = drawn(plan.new_adapter(engine), plan.config.seed);
    let label = format!("comparing {} with this engine on your rows", worker.record.device);
    let progress = ui.progress(label, 3, "parts");
    worker.load(&adapter.values, &Moments::zeros(adapter.values.len()))?;
    // The first pass prepares what later ones use.
    worker.gradient(&rows)?;
    progress.advance(1);
    let theirs = worker.gradient(&rows)?;
    progress.advance(1);
    let layout = adapter.layout.clone();
    let mut trainer = Trainer::new(engine, adapter, plan.engine_config());
    let began = Instant::now();
    let nll = trainer.gradient(&documents)?;
    let seconds = began.elapsed().as_secs_f64();
    progress.finish("");
    let (difference, worst) = differences(&layout, trainer.last_gradient(), &theirs.values);
    let allowed = if worker.record.precision == "f32" { ALLOWED_F32 } else { ALLOWED_BF16 };
    Ok(Check {
        tokens,
        difference,
        loss_difference: (theirs.loss - nll.mean()).abs() / nll.mean().abs(),
        worst: worst.0,
        worst_difference: worst.1,
        allowed,
        device_tokens_per_s: tokens as f64 / theirs.seconds,
        cpu_tokens_per_s: tokens as f64 / seconds,
        device_peak_bytes: theirs.peak_bytes,
    })
}

/// The longest row, where devices go wrong first, and as many of the first steps as a micro-batch holds beside it.
fn rows(plan: &Plan) -> Vec<usize> {
    let len = |row: usize| plan.train[row].ids.len();
    let Some(longest) = (0..plan.train.len()).max_by_key(|row| len(*row)) else { return Vec::new() };
    let (mut rows, mut tokens) = (vec![longest], len(longest));
    for row in (1..=plan.steps.min(8)).flat_map(|step| plan.rows_of(step)) {
        if !rows.contains(&row) && tokens + len(row) <= plan.config.micro_batch_tokens {
            rows.push(row);
            tokens += len(row);
        }
    }
    rows
}

fn drawn(mut adapter: Adapter, seed: u64) -> Adapter {
    let layout = adapter.layout.clone();
    let mut random = Random::new(seed, layout.pairs.len() as u64);
    for pair in &layout.pairs {
        adapter.values[pair.b.clone()].fill_with(|| ((2.0 * random.uniform() - 1.0) * SPREAD) as f32);
    }
    adapter
}

/// Of the whole gradient, and of the matrix that differs most, by name.
fn differences(layout: &Layout, ours: &[f32], theirs: &[f32]) -> (f64, (String, f64)) {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let of = |range: std::ops::Range<usize>| {
        let pairs = ours[range.clone()].iter().zip(&theirs[range.clone()]);
        let apart = norm(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)));
        (apart, norm(&mut ours[range].iter().map(|a| f64::from(*a))))
    };
    let matrices: Vec<_> = layout
        .pairs
        .iter()
        .flat_map(|pair| [("lora_A", &pair.a), ("lora_B", &pair.b)].map(|(part, range)| (pair, part, of(range.clone()))))
        .collect();
    let largest = matrices.iter().map(|(_, _, (_, norm))| *norm).fold(0.0, f64::max);
    let mut worst = (String::new(), 0.0);
    for (pair, part, (apart, norm)) in matrices {
        let difference = apart / norm.max(SMALLEST_SHARE * largest);
        // A difference that is not a number is the worst.
        if worst.0.is_empty() || difference.is_nan() || difference > worst.1 {
            worst = (format!("{part} of layer {} {}", pair.layer, pair.target.path()), difference);
        }
        if difference.is_nan() {
            break;
        }
    }
    let (apart, norm) = of(0..ours.len());
    (apart / norm, worst)
}
