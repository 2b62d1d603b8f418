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

/// Largest difference of the gradients, relative to ours, in f32, and in TF32 and bf16.
const ALLOWED_F32: f64 = 1e-3;
const ALLOWED_COARSE: f64 = 1e-2;
/// So many times as much is allowed for a single matrix, whose gradient may be small.
const OF_ONE_MATRIX: f64 = 10.0;
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
    /// Whether loss, gradient and each matrix of the gradient are within what is allowed.
    pub fn agrees(&self) -> bool {
        // Not a number is no agreement.
        self.difference <= self.allowed
            && self.loss_difference <= self.allowed
            && self.worst_difference <= OF_ONE_MATRIX * self.allowed
    }

    /// `its gradient differs by 1.2e-6 (lora_A of layer 1 mlp.up_proj by 3.4e-6), its loss by 5.6e-8`
    pub fn in_words(&self) -> String {
        format!(
            "its gradient differs by {:.1e} ({} by {:.1e}), its loss by {:.1e}; allowed is {:.0e}, {:.0e} for one matrix",
            self.difference,
            self.worst,
            self.worst_difference,
            self.loss_difference,
            self.allowed,
            OF_ONE_MATRIX * self.allowed
        )
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
            "device `{}` is not used: on {} tokens of your rows it does not compute what this program computes ({}, {}): {}",
            record.device,
            self.tokens,
            versions.join(", "),
            record.precision,
            self.in_words()
        ))
        .hint("train with `--engine cpu`; a training on such a device would learn something else without a word")
    }
}

/// A worker whose device computes what our engine computes. Where its usual precision is too coarse for that, the next finer one
/// is tried.
///
/// Errors: those of [`Worker::start`]; the device computes something else.
pub fn start_checked(start: &Start, name: EngineName, python: &Python) -> anyhow::Result<(Worker, Check)> {
    let ui = &start.ctx.ui;
    let mut ours: Option<Ours> = None;
    let mut precision = start.precision;
    loop {
        let label = format!("starting {}", name.word());
        let mut worker = ui.during(label, || Worker::start(&Start { precision, ..*start }, name, python))?;
        let ours = match &mut ours {
            Some(ours) => ours,
            none => none.insert(Ours::compute(start.engine, start.plan, ui)?),
        };
        let check = ours.compared_with(&mut worker, ui)?;
        let finer = finer(name, &worker.record.precision);
        if check.agrees() || start.precision.is_some() || finer.is_none() {
            check.accept(&worker)?;
            return Ok((worker, check));
        }
        let finer = finer.unwrap_or_default();
        let (device, tried) = (&worker.record.device, &worker.record.precision);
        ui.say(format!("{device} in {tried}: {}; {finer} is tried", check.in_words()));
        precision = Some(finer);
    }
}

/// The next finer precision of an engine.
fn finer(name: EngineName, precision: &str) -> Option<&'static str> {
    match (name, precision) {
        (EngineName::Torch, "bf16") => Some("tf32"),
        (_, "bf16" | "tf32") => Some("f32"),
        _ => None,
    }
}

/// What our engine computes of some rows.
struct Ours {
    rows: Vec<usize>,
    tokens: usize,
    adapter: Adapter,
    loss: f64,
    gradient: Vec<f32>,
    seconds: f64,
}

impl Ours {
    fn compute(engine: &Model, plan: &Plan, ui: &dyn Observer) -> anyhow::Result<Ours> {
        let rows = rows(plan);
        let examples: Vec<_> = rows.iter().map(|row| &plan.train[*row]).collect();
        let documents: Vec<Document> = (rows.iter().zip(&examples))
            .map(|(row, example)| Document {
                row_id: *row as u64,
                ids: &example.ids,
                loss_mask: &example.loss_mask,
            })
            .collect();
        let tokens = examples.iter().map(|example| example.ids.len()).sum();
        let adapter = drawn(plan.new_adapter(engine), plan.config.seed);
        let mut trainer = Trainer::new(engine, adapter.clone(), plan.engine_config());
        let label = format!("computing the gradient of {tokens} tokens of your rows");
        let began = Instant::now();
        let nll = ui.during(label, || trainer.gradient(&documents))?;
        let seconds = began.elapsed().as_secs_f64();
        let gradient = trainer.last_gradient().to_vec();
        Ok(Ours { rows, tokens, adapter, loss: nll.mean(), gradient, seconds })
    }

    /// Lets `worker` compute the same. Nothing is updated.
    fn compared_with(&self, worker: &mut Worker, ui: &dyn Observer) -> anyhow::Result<Check> {
        let label = format!("the same on {}", worker.record.device);
        let progress = ui.progress(label, 2, "passes");
        worker.load(&self.adapter.values, &Moments::zeros(self.adapter.values.len()))?;
        // The first pass prepares what later ones use.
        worker.gradient(&self.rows)?;
        progress.advance(1);
        let theirs = worker.gradient(&self.rows)?;
        progress.finish("");
        let (difference, worst) = differences(&self.adapter.layout, &self.gradient, &theirs.values);
        let tokens = self.tokens as f64;
        Ok(Check {
            tokens: self.tokens,
            difference,
            loss_difference: (theirs.loss - self.loss).abs() / self.loss.abs(),
            worst: worst.0,
            worst_difference: worst.1,
            allowed: if worker.record.precision == "f32" { ALLOWED_F32 } else { ALLOWED_COARSE },
            device_tokens_per_s: tokens / theirs.seconds,
            cpu_tokens_per_s: tokens / self.seconds,
            device_peak_bytes: theirs.peak_bytes,
        })
    }
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
        .flat_map(|pair| {
            [("lora_A", &pair.a), ("lora_B", &pair.b)].map(|(part, range)| (pair, part, of(range.clone())))
        })
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
