//! Everything that a training run may say: a closed set of events, one a line in `events.jsonl`.
//!
//! `events.jsonl` is the source; `metrics.jsonl` (flat numbers for plots, trainer habits: `loss`, `eval_loss`) is
//! derived from it and rebuilt whenever the log is opened.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::folder::jsonl;
use crate::observer::Observer;

/// One thing that happened. Steps count from 1; step 0 is the untrained adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    RunStarted(RunStarted),
    TrainStep(TrainStep),
    Evaluated(Evaluated),
    CheckpointSaved {
        step: usize,
        adapter_sha256: String,
        /// Of the file with the optimiser's state; other engines do not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optimizer_sha256: Option<String>,
    },
    /// The pinned prompt answered at a checkpoint.
    Sample {
        step: usize,
        prompt: String,
        text: String,
    },
    /// Ctrl-C was obeyed after this step.
    Interrupted {
        step: usize,
    },
    /// Work goes on from the checkpoint of this step.
    Resumed {
        step: usize,
    },
    Finished {
        step: usize,
        seconds: f64,
        peak_rss_bytes: Option<u64>,
    },
    Warning {
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    pub model: String,
    pub base_sha256: String,
    /// Version folder and content hash of the data.
    pub dataset: String,
    pub dataset_sha256: String,
    /// Rows that are trained on.
    pub examples: usize,
    /// Rows of the data that are longer than the training takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LongRow>,
    pub steps: usize,
    /// Of all steps; 0 in runs of earlier versions, which did not count them.
    #[serde(default)]
    pub tokens: u64,
    pub epochs: usize,
    pub trainable_parameters: u64,
    pub total_parameters: u64,
    /// The prompt that is answered at every checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SamplePrompt>,
}

/// A prompt that is answered at every checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplePrompt {
    pub text: String,
    pub max_new_tokens: usize,
}

/// A row that is neither trained on nor validated with, because it is longer than the training takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongRow {
    /// `train` or `validation`.
    pub split: String,
    pub example_id: String,
    pub tokens: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainStep {
    pub step: usize,
    /// Passes over the data so far, in fractions.
    pub epoch: f64,
    /// Mean negative log-likelihood in nats per supervised token.
    pub loss: f64,
    pub learning_rate: f64,
    /// Before clipping; not every other engine says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grad_norm: Option<f64>,
    pub tokens: u64,
    pub supervised_tokens: u64,
    pub tokens_per_s: f64,
    pub peak_rss_bytes: Option<u64>,
    pub seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    pub step: usize,
    /// Mean negative log-likelihood in nats per supervised token of the validation rows.
    pub loss: f64,
    /// Supervised tokens of the validation rows.
    pub tokens: u64,
    pub seconds: f64,
}

impl Event {
    /// The step after which it happened, for events that belong to one.
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::TrainStep(TrainStep { step, .. })
            | Self::Evaluated(Evaluated { step, .. })
            | Self::CheckpointSaved { step, .. }
            | Self::Sample { step, .. }
            | Self::Interrupted { step }
            | Self::Resumed { step }
            | Self::Finished { step, .. } => Some(*step),
            Self::RunStarted(_) | Self::Warning { .. } => None,
        }
    }
}

/// A line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub v: u32,
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

/// The open log of a run: events and the metrics derived from them.
pub struct EventLog {
    events: jsonl::Writer,
    metrics: jsonl::Writer,
}

impl EventLog {
    /// Opens the log in the run folder `dir` and rebuilds `metrics.jsonl` from the events.
    pub fn open(dir: &Path, ui: &dyn Observer) -> anyhow::Result<Self> {
        let events = jsonl::Writer::open(&dir.join(EVENTS), ui)?;
        let metrics: Vec<Metric> =
            read(dir, ui)?.iter().filter_map(|record| Metric::of(&record.event)).collect();
        let path = dir.join(METRICS);
        jsonl::write_all(&path, &metrics)?;
        Ok(Self { events, metrics: jsonl::Writer::open(&path, ui)? })
    }

    /// Records one event now.
    pub fn emit(&mut self, event: Event) -> anyhow::Result<()> {
        let metric = Metric::of(&event);
        self.events.append(&Record { v: 1, at: Timestamp::now(), event })?;
        match metric {
            Some(metric) => self.metrics.append(&metric),
            None => Ok(()),
        }
    }

    /// Waits until the events are on the disk.
    pub fn sync(&self) -> anyhow::Result<()> {
        self.events.sync()
    }
}

/// All events of the run folder `dir`, oldest first.
pub fn read(dir: &Path, ui: &dyn Observer) -> anyhow::Result<Vec<Record>> {
    jsonl::read(&dir.join(EVENTS), ui)
}

/// Seconds that the processes of a run worked for what its events hold, the time between them left out.
pub fn seconds_of(records: &[Record]) -> f64 {
    let begins = |record: &Record| matches!(record.event, Event::RunStarted(_) | Event::Resumed { .. });
    let pairs = records.iter().zip(records.iter().skip(1));
    let within = pairs.filter(|(_, next)| !begins(next));
    within.map(|(one, next)| next.at.duration_since(one.at).as_secs_f64().max(0.0)).sum()
}

/// Takes back what happened after the checkpoint of `step`: those events move to `superseded.jsonl`.
///
/// Called before a resume opens the log. A crash in between repeats lines in `superseded.jsonl` and loses none.
pub fn rewind(dir: &Path, step: usize, ui: &dyn Observer) -> anyhow::Result<()> {
    supersede(dir, |at| at > step, ui)
}

/// Takes back everything that belongs to a step, also to step 0: no checkpoint was saved.
pub fn rewind_to_start(dir: &Path, ui: &dyn Observer) -> anyhow::Result<()> {
    supersede(dir, |_| true, ui)
}

fn supersede(dir: &Path, is_later: impl Fn(usize) -> bool, ui: &dyn Observer) -> anyhow::Result<()> {
    let (later, kept): (Vec<Record>, Vec<Record>) =
        read(dir, ui)?.into_iter().partition(|record| record.event.step().is_some_and(&is_later));
    if later.is_empty() {
        return Ok(());
    }
    let mut superseded = jsonl::Writer::open(&dir.join("superseded.jsonl"), ui)?;
    for record in &later {
        superseded.append(record)?;
    }
    superseded.sync()?;
    jsonl::write_all(&dir.join(EVENTS), &kept)
}

const EVENTS: &str = "events.jsonl";
const METRICS: &str = "metrics.jsonl";

/// A line of `metrics.jsonl`.
#[derive(Serialize)]
#[serde(untagged)]
enum Metric {
    Train {
        v: u32,
        step: usize,
        epoch: f64,
        loss: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        grad_norm: Option<f64>,
        learning_rate: f64,
        tokens_per_s: f64,
    },
    Validation {
        v: u32,
        step: usize,
        eval_loss: f64,
    },
}

impl Metric {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::TrainStep(t) => Some(Self::Train {
                v: 1,
                step: t.step,
                epoch: t.epoch,
                loss: t.loss,
                grad_norm: t.grad_norm,
                learning_rate: t.learning_rate,
                tokens_per_s: t.tokens_per_s,
            }),
            Event::Evaluated(e) => Some(Self::Validation { v: 1, step: e.step, eval_loss: e.loss }),
            _ => None,
        }
    }
}
