//! Everything that a report shows, as data. [`crate::analyze`] fills it from rows; nothing is computed later.
//!
//! Rates lie in 0..=1. Fields named `sentence` hold what [`crate::wording`] says of the finding beside them: a renderer
//! prints them as they are. A field that is `None` was not measured; the sentence beside it says why.

mod answers;
mod card;
mod comparison;
mod fragility;
mod judges;

pub use answers::{
    ArmFailureRates, ArmLikelihood, ArmLikelihoodPerCharacter, ArmStyleMarkers, BestValidation,
    CheckpointCurve, CheckpointPoint, LikelihoodGain, LikelihoodResult, ObjectiveResult, StyleMarkersResult,
};
pub use card::{AnswerCard, CardQuestion, CardRow, CardWord};
pub use comparison::{
    CategoryWinRate, Claim, ClaimKind, ComparisonResult, CriterionDifference, JudgeWinRate, LengthEffect,
    MissingCounts, VerdictWord, WinRate,
};
pub use fragility::{Fragility, Left, Part, PartFragility, Removal};
pub use judges::{
    Agreement, Conflict, DividedPair, JudgeOverlap, JudgePairAgreement, JudgeResult, JudgeVote,
};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dose::DoseResult;
use crate::findings::{DisagreementMap, FindingGroup};
use crate::judge::reread::Reread;
use crate::plan::{Arm, DatasetFacts, PlannedComparison};
use crate::suite::Domain;

/// `analysis.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    pub v: u32,
    pub evaluation: EvaluationFacts,
    pub headline: Headline,
    /// The first screen; without rows in files of versions that had none.
    #[serde(default)]
    pub card: AnswerCard,
    /// One sentence per claim, planned comparisons first, in the order of the plan.
    pub claims: Vec<Claim>,
    /// One entry per planned comparison, in the order of the plan.
    pub comparisons: Vec<ComparisonResult>,
    pub checkpoints: CheckpointCurve,
    pub judges: Vec<JudgeResult>,
    pub agreement: Agreement,
    /// Everything beyond the planned comparisons, by question.
    #[serde(default)]
    pub findings: Vec<FindingGroup>,
    /// What each judge says about each category and topic of the headline's prompts; `None` with fewer than two judges.
    #[serde(default)]
    pub disagreement_map: Option<DisagreementMap>,
    pub fit: Option<LikelihoodResult>,
    /// Of a dose study.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dose: Option<DoseResult>,
    pub voice: Option<StyleMarkersResult>,
    /// One entry per arm other than the base and category with checks; empty without checkable prompts.
    pub objective: Vec<ObjectiveResult>,
    /// One entry per arm.
    pub rates: Vec<ArmFailureRates>,
    /// Who wrote the training texts, and what the judges related to them say.
    pub relations: JudgeOverlap,
    /// Pairs on which judges or presentations disagree most, most divided first.
    pub divided_pairs: Vec<DividedPair>,
    /// What judges make of each pair that one of them judged in both orders, by id; `None` in files of versions that did not
    /// say. A judge whose log is inverted does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair_conflicts: Option<BTreeMap<String, Conflict>>,
    /// Numbered checks of the method, in the order of their codes.
    pub checks: Vec<MethodCheck>,
    /// Plain lines for the method words that the report uses.
    pub method_notes: Vec<MethodNote>,
    /// What to do next, most useful first.
    pub next_steps: Vec<String>,
    /// What came of reading replies of an earlier version by today's rules; `None` where no reply was read by others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reread: Option<Reread>,
    /// Hash of the rows that it was made from; empty in files of versions without one.
    #[serde(default)]
    pub rows_sha256: String,
}

/// What was evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationFacts {
    pub name: String,
    pub base_model: String,
    pub base_sha256: String,
    pub run: Option<String>,
    pub dataset: Option<DatasetFacts>,
    pub arms: Vec<Arm>,
    pub headline: PlannedComparison,
    pub sampling: crate::completion::Sampling,
    pub samples_per_prompt: u32,
    pub seed: u64,
    pub alpha: f64,
    pub margin: f64,
    pub prompts: usize,
    /// Groups of prompts that are not independent of each other.
    pub clusters: usize,
    pub prompts_by_category: Vec<CategoryCount>,
    pub completions: usize,
    pub comparisons: usize,
    pub judgments: usize,
    pub fit_rows: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryCount {
    pub category: String,
    pub domain: Domain,
    pub prompts: usize,
}

/// A figure with its uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub value: f64,
    pub interval: Option<Interval>,
    /// Prompts (or documents, or calls: `unit`) behind the figure.
    pub n: usize,
    /// Independent observations that the `n` are worth, after clustering.
    pub n_effective: f64,
    /// What is counted by `n`: "prompts", "conversations", "calls".
    pub unit: String,
    /// How the interval was made, in words: "t over prompt clusters", "Wilson".
    pub method: String,
}

/// Fewer observations have no interval on a page, only their count: intervals over so few clusters are known to be too
/// narrow, and exact ones of so few votes are wider than 60 points.
pub const FEWEST: usize = 10;
/// What stands in place of the interval of fewer.
pub const TOO_FEW: &str = "too few to say";

impl Estimate {
    /// Whether fewer than [`FEWEST`] observations are behind it.
    pub fn is_of_few(&self) -> bool {
        self.n < FEWEST
    }

    /// The interval, where there are enough observations to show one or to choose words by it.
    pub fn shown(&self) -> Option<Interval> {
        self.interval.filter(|_| !self.is_of_few())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
    /// .95 for the plotted intervals.
    pub level: f64,
}

/// The first thing a reader sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    pub composite: Composite,
    /// The composite in one sentence, with its figures.
    pub sentence: String,
    /// The same in sentences for programs and `analyze --full`: better? for what? for whom? how sure?
    #[serde(default)]
    pub answers: [String; 4],
    pub arm: String,
    pub against: String,
    /// Win rate in the domain, `None` without judged prompts there.
    pub in_domain: Option<WinRate>,
    pub out_of_domain: Option<WinRate>,
    /// In-domain minus out-of-domain win rate.
    pub contrast: Option<Estimate>,
    pub contrast_sentence: Option<String>,
    /// What the reader must know before believing the sentence: few prompts, one judge, a judge like a coin,
    /// one training run.
    pub limits: Vec<String>,
    /// The sentence as it would read if the judges that failed their exam counted too; `None` when none failed.
    pub with_failed_judges: Option<String>,
    /// Where the answers of one arm were cut at the token limit much more often than those of the other: what is
    /// compared are cut texts.
    #[serde(default)]
    pub cut_texts: Option<String>,
    /// How few prompts, verdicts or voters it hangs on; `None` where no word could be used, and in files of versions that did
    /// not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragility: Option<Fragility>,
}

impl Headline {
    /// Whether no word is possible, because one arm lost its answers in thought.
    pub fn is_not_comparable(&self) -> bool {
        self.composite == Composite::NotComparable
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Composite {
    /// Better in the domain and outside it.
    BroadlyBetter,
    /// Better in the domain, outside it equivalent or not worse than the margin.
    Specialised,
    /// Better in the domain, outside it nothing is shown.
    BetterInDomain,
    /// Better in the domain, worse outside it.
    TradedOff,
    /// Worse in the domain, better outside it.
    BetterElsewhere,
    /// Worse in the domain and outside it.
    BroadlyWorse,
    /// Worse in the domain, outside it equivalent or nothing shown.
    #[serde(alias = "worse")]
    WorseInDomain,
    /// Better outside the domain, in it equivalent or nothing shown.
    BetterOutside,
    /// Worse outside the domain, in it equivalent or nothing shown.
    WorseOutside,
    /// Equivalent in the domain and outside it.
    Equivalent,
    /// Equivalent in the domain, outside it nothing is shown.
    EquivalentInDomain,
    /// Equivalent outside the domain, in it nothing is shown.
    EquivalentOutside,
    /// Better, worse or equivalent over all prompts, while of neither part alone anything is shown.
    BetterOverall,
    WorseOverall,
    EquivalentOverall,
    /// Of no prompts anything is shown, or nobody compared the answers.
    NothingShown,
    /// One arm lost its answers in thought, the other did not.
    NotComparable,
}

impl Composite {
    /// The composite as it is read. `margin` is the difference that counts as none, as a share.
    pub fn words(self, margin: f64) -> String {
        let none = format!("no difference larger than {:.0} points", 100.0 * margin);
        let words = match self {
            Composite::BroadlyBetter => "better",
            Composite::Specialised => {
                return format!(
                    "better in its domain, no loss larger than {:.0} points outside it",
                    100.0 * margin
                );
            }
            Composite::BetterInDomain => "better in its domain",
            Composite::TradedOff => "better in its domain, worse outside it",
            Composite::BetterElsewhere => "worse in its domain, better outside it",
            Composite::BroadlyWorse => "worse",
            Composite::WorseInDomain => "worse in its domain",
            Composite::BetterOutside => "better outside its domain",
            Composite::WorseOutside => "worse outside its domain",
            Composite::Equivalent => return none,
            Composite::EquivalentInDomain => return format!("{none} in its domain"),
            Composite::EquivalentOutside => return format!("{none} outside its domain"),
            Composite::BetterOverall => "better over all prompts",
            Composite::WorseOverall => "worse over all prompts",
            Composite::EquivalentOverall => return format!("{none} over all prompts"),
            Composite::NothingShown | Composite::NotComparable => "cannot tell yet",
        };
        words.to_owned()
    }
}

/// One numbered check of the method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodCheck {
    /// "A001".
    pub code: String,
    pub title: String,
    pub state: CheckState,
    /// What was looked at and what was found, with figures.
    pub sentence: String,
    /// What to do about an issue or a tip.
    pub advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    Passed,
    /// Worth knowing; the figures stand.
    Tip,
    /// The figures are in doubt.
    Issue,
    NotApplicable,
    /// The data for the check are not there.
    Skipped,
}

/// A method word and its plain line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodNote {
    pub term: String,
    pub plain: String,
}
