//! What a plan fixes beside its arms and comparisons, before any answer is seen.

use serde::{Deserialize, Serialize};

use crate::completion::Sampling;
use crate::dose::DoseCell;
use crate::judgment::CRITERIA;

/// The designed part of `plan.json`; every field has an empty default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Design {
    /// Further ways to sample, after the plan's own: a sweep of temperature or length. Answers of setting `s` have the
    /// sample numbers `s * repeats ..`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Sampling>,
    /// Readers with their own weights, fixed before looking.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Audience>,
    /// Judging may stop at any look. Words then come from e-values, not from p.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stops_early: bool,
    /// Arms of every default evaluation that this model has no room for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The written instruction of `base+prompt` is the program's, not the user's own best.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub instruction_is_default: bool,
    /// The sealed reserve was opened for this evaluation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// Prompts and comparisons are the demo's choice: no settings describe them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_demo: bool,
    /// The trainings of a dose study; every other arm but the base is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dose: Vec<DoseCell>,
    /// How the run that made the checkpoints was scheduled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<TrainingSchedule>,
}

/// An arm that was not asked, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    pub arm: String,
    /// "its longest prompt takes 2100 tokens with the answer, the model has 2048".
    pub because: String,
}

/// A reader: how much each criterion counts for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audience {
    pub name: String,
    /// In the order of [`CRITERIA`]; what matters is their proportion.
    pub weights: [f64; CRITERIA.len()],
}

/// The schedule of a training run, so that a checkpoint inside it is not taken for a shorter training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSchedule {
    /// Steps of the whole schedule.
    pub steps: u64,
    pub epochs: f64,
    pub is_finished: bool,
    /// SHA-256 of settings and data without the seed: runs with the same value follow one recipe.
    pub recipe_sha256: String,
    pub seed: u64,
}

/// Three readers that most evaluations can use: someone after ideas, someone after clarity, someone after a good read.
pub fn default_audiences() -> Vec<Audience> {
    let audience = |name: &str, weights| Audience { name: name.to_owned(), weights };
    vec![
        audience("wants ideas", [0.35, 0.1, 0.4, 0.1, 0.05]),
        audience("wants clarity", [0.0, 0.5, 0.2, 0.05, 0.25]),
        audience("wants a good read", [0.2, 0.1, 0.05, 0.4, 0.25]),
    ]
}
