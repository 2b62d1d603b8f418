//! What is measured of each arm's answers without a judge, and how it moves over checkpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Estimate, VerdictWord};
use crate::likelihood::LikelihoodControl;
use crate::style_markers::MarkerFitness;

/// How figures move over the checkpoints of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointCurve {
    /// In the order of steps.
    pub points: Vec<CheckpointPoint>,
    /// What the curve says and what it cannot: an early checkpoint is not what a shorter training would give.
    pub sentence: String,
    /// Where the validation loss was lower than at the headline's step; `None` where it was not, or is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_validation: Option<BestValidation>,
}

/// An earlier or later checkpoint with a lower validation loss, in nats per token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestValidation {
    pub best_step: u64,
    pub best_loss: f64,
    /// The headline's.
    pub step: u64,
    pub loss: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointPoint {
    pub arm: String,
    pub step: u64,
    pub adapter_sha256: String,
    /// Base NLL per token minus this arm's, on the user's own references: above 0 means it fits them more.
    pub fit_gain: Option<Estimate>,
    pub fit_gain_other_writer: Option<Estimate>,
    pub fit_gain_shuffled: Option<Estimate>,
    /// Share of in-domain answers with all three marks; `None` unless the meter is fit to show.
    pub voice: Option<Estimate>,
    /// Against the base, where that pair was judged.
    pub win_rate: Option<Estimate>,
    pub win_rate_in_domain: Option<Estimate>,
    /// Share of checked answers that are right.
    pub objective: Option<Estimate>,
}

/// Fit to the user's texts, never a vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodResult {
    /// Every arm other than the base with fit rows of the base's tokens, in the order of the plan.
    pub arms: Vec<ArmLikelihood>,
    /// Arms that cut texts into other tokens: nats per token do not compare.
    #[serde(default)]
    pub per_character: Vec<ArmLikelihoodPerCharacter>,
    /// Arms that nobody here can score, because a server gives answers and no likelihoods.
    #[serde(default)]
    pub not_scored: Vec<String>,
    pub base_nll_per_token: BTreeMap<LikelihoodControl, f64>,
    /// What fit is and is not.
    pub explanation: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmLikelihood {
    pub arm: String,
    pub step: Option<u64>,
    /// One entry per control that was scored for this arm and the base, own texts first.
    pub controls: Vec<LikelihoodGain>,
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmLikelihoodPerCharacter {
    pub arm: String,
    /// Mean over the user's own texts of base NLL per character minus this arm's, in nats.
    pub gain: Estimate,
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodGain {
    pub control: LikelihoodControl,
    /// Mean over documents of base NLL per token minus this arm's, in nats.
    pub gain: Estimate,
    pub arm_nll_per_token: f64,
    /// Documents on which the arm's NLL is lower.
    pub lower_on: usize,
}

/// The style markers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleMarkersResult {
    pub fitness: MarkerFitness,
    /// Empty unless `fitness.fit_to_show`. In the order of the plan.
    pub arms: Vec<ArmStyleMarkers>,
    /// The three rules in words.
    pub rules: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmStyleMarkers {
    pub arm: String,
    pub step: Option<u64>,
    /// Share of in-domain answers with all three marks.
    pub all_marks: Estimate,
    pub image: f64,
    pub distinction: f64,
    pub closing_question: f64,
    /// Share minus the base's, paired by prompt; `None` for the base itself.
    pub difference_to_base: Option<Estimate>,
    pub sentence: String,
}

/// Right answers on prompts that can be checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveResult {
    pub arm: String,
    /// `None` for all categories together.
    pub category: Option<String>,
    pub correct: Estimate,
    pub base_correct: Estimate,
    /// Arm minus base, paired by prompt.
    pub difference: Estimate,
    /// Prompts that only the arm, and only the base, got right.
    pub only_arm: usize,
    pub only_base: usize,
    pub mcnemar_p: Option<f64>,
    pub word: VerdictWord,
    pub sentence: String,
}

/// Faults of an arm's answers, by rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmFailureRates {
    pub arm: String,
    pub answers: usize,
    pub refusals: usize,
    pub loops: usize,
    pub truncated: usize,
    pub empty: usize,
    /// The same four counts as shares, in that order, with Wilson intervals; none without answers.
    #[serde(default)]
    pub shares: Vec<Estimate>,
    pub mean_words: f64,
    pub mean_tokens: f64,
    pub sentence: String,
}
