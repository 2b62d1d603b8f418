//! Who judged, how far each can be trusted, and where they part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Estimate;
use crate::judge::family::Relation;
use crate::judge::qualification::result::QualificationResult;
use crate::judgment::{MissingReason, Usage};
use crate::plan::JudgeKind;
use crate::planted::PlantedResult;

/// One judge's work and how far it can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeResult {
    pub judge_id: String,
    pub model: String,
    pub kind: JudgeKind,
    /// Names that the server gave for itself.
    pub models_returned: Vec<String>,
    pub cells_judged: usize,
    pub missing: BTreeMap<MissingReason, usize>,
    /// Valid share of the pairs that this judge began.
    pub valid_share: f64,
    pub in_panel: bool,
    /// Mean over pairs of (score of the arm in the first position) - .5: above 0 means it favours the first position.
    pub slot_effect: Option<Estimate>,
    pub slot_sentence: String,
    /// The same for the label that stands first in its pair.
    pub label_effect: Option<Estimate>,
    pub label_sentence: String,
    /// Share of pairs decisive in both orders whose winner changed with the order.
    pub flip_rate: Option<Estimate>,
    /// The stored winner contradicts the judge's own scores: its log is inverted, and it is left out.
    #[serde(default)]
    pub is_inverted: bool,
    /// It took no exam and its winner changes with the order as often as a coin's: left out of the mean.
    #[serde(default)]
    pub is_coin: bool,
    /// Whether the flips are fewer than a coin's; decided by the interval of `flip_rate`.
    pub better_than_coin: Option<bool>,
    pub consistency_sentence: String,
    /// Share of presentations with a tie.
    pub tie_rate: Option<f64>,
    /// Share of decisive prompt-level votes in which the longer answer won.
    pub longer_won: Option<Estimate>,
    /// Share of repeated calls with the outcome of the first one; testable from 40 on.
    pub self_agreement: Option<Estimate>,
    pub self_sentence: String,
    /// The exam that it took before judging, if any.
    pub exam: Option<QualificationResult>,
    /// Of a person: what the planted pairs say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<PlantedResult>,
    /// To the writers of the training texts and the base model.
    pub relation: Relation,
    pub usage: Usage,
    /// `None` when a price is unknown.
    pub cost_usd: Option<f64>,
}

impl JudgeResult {
    /// Whether a reader must know something of this judge: a favourite position or label (or no interval that would exclude one), a winner that
    /// follows the order like a coin's, a place outside the mean.
    pub fn has_habit(&self) -> bool {
        let differs = |effect: &Option<Estimate>| {
            let interval = effect.as_ref().and_then(|effect| effect.interval);
            interval.is_none_or(|interval| interval.low > 0.0 || interval.high < 0.0)
        };
        differs(&self.slot_effect)
            || differs(&self.label_effect)
            || self.better_than_coin != Some(true)
            || self.is_inverted
            || !self.in_panel
    }
}

/// How far judges agree about prompt-level votes, beyond chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Krippendorff's alpha, nominal, over all judges; `None` with fewer than two judges.
    pub alpha: Option<Estimate>,
    /// Gwet's AC1 on the same votes: where nearly all votes are alike, alpha falls though judges agree; AC1 does not.
    #[serde(default)]
    pub ac1: Option<Estimate>,
    pub by_pair: Vec<JudgePairAgreement>,
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgePairAgreement {
    pub one: String,
    pub other: String,
    /// Share of common pairs with the same vote (win, tie, loss).
    pub raw: Estimate,
    /// Cohen's kappa; `None` when one of the two gave a single answer throughout.
    pub kappa: Option<Estimate>,
}

/// A pair on which the judges split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DividedPair {
    pub pair_id: String,
    pub prompt_id: String,
    pub category: String,
    pub arm: String,
    pub against: String,
    pub arm_completion_id: String,
    pub against_completion_id: String,
    /// Score of `arm` (1 won, .5 tie, 0 lost) by judge.
    pub votes: Vec<JudgeVote>,
    /// Variance of the votes over judges, then over presentations.
    pub division: f64,
}

/// How the judges' votes on a pair stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// Judges name different winners, each the same in both orders: a conflict of values.
    Split,
    /// Some verdict changed with the order.
    Unstable,
    Agreed,
    /// Nobody judged it in both orders.
    Unjudged,
}

impl Conflict {
    pub const fn name(self) -> &'static str {
        match self {
            Conflict::Split => "split",
            Conflict::Unstable => "unstable",
            Conflict::Agreed => "agreed",
            Conflict::Unjudged => "unjudged",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeVote {
    pub judge_id: String,
    /// Mean over the two positions.
    pub score: f64,
    /// Whether both positions agree.
    pub stable: bool,
}

/// Judges apart by their relation to the writers of the training texts and to the base model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeOverlap {
    /// Share of the training answers by writer: `person:NAME`, `model:NAME`, `edited:NAME`, `speaker:NAME`, `unknown`.
    pub writers: BTreeMap<String, f64>,
    /// Win rate of the headline arm by related and by unrelated judges, mean over judges per prompt.
    pub related: Option<Estimate>,
    pub unrelated: Option<Estimate>,
    /// Related minus unrelated on the prompts that both judged.
    pub difference: Option<Estimate>,
    /// An unrelated judge that passed its exam, or people other than the author, voted.
    pub is_independent: bool,
    pub sentence: String,
    /// What the headline must carry, if anything.
    pub limit: Option<String>,
}
