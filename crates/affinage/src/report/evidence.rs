//! Everything that the page is made from, as plain data. [`super::read`] fills it from files; a test from code.

use std::collections::BTreeMap;

use affinage_dataset::version::Manifest;
use affinage_eval::analysis::Analysis;
use affinage_eval::comparison::Comparison;
use affinage_eval::completion::Completion;
use affinage_eval::judgment::Judgment;
use affinage_eval::plan::Plan;
use affinage_eval::suite::Prompt;

use crate::events::{Event, Record, RunStarted};
use crate::history::EvaluationFacts;
use crate::provenance::Provenance;

/// The files of one evaluation and what surrounds it in the project.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The name of the project's folder; empty where it has none.
    pub project: String,
    pub plan: Plan,
    pub analysis: Analysis,
    pub prompts: Vec<Prompt>,
    pub completions: Vec<Completion>,
    pub comparisons: Vec<Comparison>,
    /// Of models and of people.
    pub judgments: Vec<Judgment>,
    /// Every run of the project, oldest first, whatever became of it.
    pub runs: Vec<RunFacts>,
    /// Every evaluation that was planned, stopped and deleted ones too.
    pub evaluations: Vec<EvaluationFacts>,
    /// Changes of parser, rubric and suites, in words.
    pub changes: Vec<String>,
    /// The manifest of the data set, where its folder still exists.
    pub manifest: Option<Manifest>,
    /// The files that the page was made from.
    pub files: Vec<FileFacts>,
    /// Version of the program that draws the page.
    pub version: String,
}

impl Evidence {
    /// The run that made the checkpoints, if its folder is there.
    pub fn evaluated_run(&self) -> Option<&RunFacts> {
        let name = self.plan.run.as_deref()?;
        self.runs.iter().find(|run| run.name == name)
    }
}

/// One file, so that a reader can tell whether it is the same.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// Relative to the folder of the evaluation.
    pub name: String,
    pub rows: Option<usize>,
    pub size_bytes: u64,
    pub sha256: String,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    Finished,
    /// Stopped by Ctrl-C and not resumed.
    Interrupted,
    /// No last word: killed, crashed, or still at work.
    Unfinished,
    /// Not even its first event is there.
    NeverStarted,
}

impl RunState {
    pub fn words(self) -> &'static str {
        match self {
            RunState::Finished => "finished",
            RunState::Interrupted => "interrupted",
            RunState::Unfinished => "not finished",
            RunState::NeverStarted => "failed before its first step",
        }
    }
}

/// The pinned prompt answered at a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub step: usize,
    pub prompt: String,
    pub text: String,
}

/// A run as its events tell it.
#[derive(Clone, Debug)]
pub struct RunFacts {
    pub name: String,
    pub state: RunState,
    pub started: Option<RunStarted>,
    /// The last step that was trained.
    pub last_step: usize,
    /// (step, epoch, loss in nats per token); a repeated step counts with its newest figure.
    pub train: Vec<(usize, f64, f64)>,
    /// (step, loss) on the validation rows.
    pub validation: Vec<(usize, f64)>,
    pub samples: Vec<Sample>,
    pub resumed: usize,
    pub warnings: Vec<String>,
    /// Of the training, from its last event.
    pub seconds: Option<f64>,
    pub provenance: Option<Provenance>,
}

impl RunFacts {
    pub fn new(name: &str, records: &[Record], provenance: Option<Provenance>) -> Self {
        let mut run = Self {
            name: name.to_owned(),
            state: if records.is_empty() { RunState::NeverStarted } else { RunState::Unfinished },
            started: None,
            last_step: 0,
            train: Vec::new(),
            validation: Vec::new(),
            samples: Vec::new(),
            resumed: 0,
            warnings: Vec::new(),
            seconds: None,
            provenance,
        };
        let (mut train, mut validation, mut samples) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for record in records {
            match &record.event {
                Event::RunStarted(started) => run.started = Some(started.clone()),
                Event::TrainStep(t) => {
                    run.last_step = t.step;
                    run.state = RunState::Unfinished;
                    train.insert(t.step, (t.epoch, t.loss));
                }
                Event::Evaluated(e) => {
                    validation.insert(e.step, e.loss);
                }
                Event::Sample { step, prompt, text } => {
                    let (step, prompt, text) = (*step, prompt.clone(), text.clone());
                    samples.insert((step, prompt.clone()), Sample { step, prompt, text });
                }
                Event::Interrupted { .. } => run.state = RunState::Interrupted,
                Event::Resumed { .. } => {
                    run.resumed += 1;
                    run.state = RunState::Unfinished;
                }
                Event::Finished { seconds, .. } => {
                    run.state = RunState::Finished;
                    run.seconds = Some(*seconds);
                }
                Event::Warning { text } => run.warnings.push(text.clone()),
                Event::CheckpointSaved { .. } => {}
            }
        }
        run.train = train.into_iter().map(|(step, (epoch, loss))| (step, epoch, loss)).collect();
        run.validation = validation.into_iter().collect();
        run.samples = samples.into_values().collect();
        run
    }

    /// Passes over the data at `step`, where the log says.
    pub fn epoch_at(&self, step: usize) -> Option<f64> {
        if step == 0 {
            return Some(0.0);
        }
        self.train.iter().find(|(at, ..)| *at == step).map(|(_, epoch, _)| *epoch)
    }

    pub fn validation_at(&self, step: usize) -> Option<f64> {
        self.validation.iter().find(|(at, _)| *at == step).map(|(_, loss)| *loss)
    }
}
