//! Everything that the page is made from, as plain data. The program fills it from files; a test from code.

use std::collections::BTreeMap;

use affinage_dataset::version::Manifest;
use affinage_eval::analysis::Analysis;
use affinage_eval::comparison::Comparison;
use affinage_eval::completion::Completion;
use affinage_eval::judgment::Judgment;
use affinage_eval::plan::Plan;
use affinage_eval::suite::Prompt;

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

/// What became of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluationState {
    /// Its figures were computed.
    Analysed,
    /// Planned and never analysed.
    Stopped,
    /// Its folder is gone.
    Deleted,
}

impl EvaluationState {
    pub fn words(self) -> &'static str {
        match self {
            EvaluationState::Analysed => "analysed",
            EvaluationState::Stopped => "stopped before its figures were computed",
            EvaluationState::Deleted => "deleted",
        }
    }
}

/// An evaluation of the project, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationFacts {
    pub name: String,
    pub planned_at: String,
    pub run: Option<String>,
    pub dataset: Option<String>,
    pub prompts: usize,
    pub looks: usize,
    pub is_final: bool,
    pub state: EvaluationState,
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
    pub started: Option<TrainingFacts>,
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
    pub provenance: Option<RunProvenance>,
}

/// What a run set out to do.
#[derive(Clone, Debug)]
pub struct TrainingFacts {
    /// Version folder and content hash of the data.
    pub dataset: String,
    pub dataset_sha256: String,
    pub steps: usize,
}

/// Who made a run, with what, on which machine, from which bytes.
#[derive(Clone, Debug)]
pub struct RunProvenance {
    /// RFC 3339.
    pub started_at: String,
    pub affinage_version: String,
    /// `release` or `debug`.
    pub build: String,
    pub command_line: Vec<String>,
    pub cpu: Option<String>,
    pub cores: usize,
    pub os: String,
    pub arch: String,
    /// SHA-256 of what went in, by name.
    pub sha256: BTreeMap<String, String>,
}

impl RunFacts {
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
