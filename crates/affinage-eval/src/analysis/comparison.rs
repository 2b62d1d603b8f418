//! What one arm against another came to, in all cuts, and the claims made of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Estimate, Interval};
use crate::judgment::MissingReason;
use crate::plan::PlannedComparison;
use crate::suite::Domain;

/// The only words that a comparison can end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictWord {
    Better,
    Worse,
    EquivalentWithinMargin,
    NotShown,
}

impl VerdictWord {
    pub fn words(self) -> &'static str {
        match self {
            VerdictWord::Better => "better",
            VerdictWord::Worse => "worse",
            VerdictWord::EquivalentWithinMargin => "equivalent within margin",
            VerdictWord::NotShown => "not shown",
        }
    }

    /// The words with the size of the margin, a share: "equivalent within 10 points".
    pub fn words_within(self, margin: f64) -> String {
        match self {
            VerdictWord::EquivalentWithinMargin => format!("equivalent within {:.0} points", 100.0 * margin),
            word => word.words().to_owned(),
        }
    }
}

/// What a claim is about, and so how its figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimKind {
    /// A planned comparison: its estimate is a win rate.
    Comparison,
    /// Right answers of an arm: its estimate is a difference of shares.
    RightAnswers,
}

/// A statement that the data license.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Stable name: "win:step-000145:base", "objective:step-000145".
    pub claim_id: String,
    /// `None` in files of versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ClaimKind>,
    /// One sentence with n and an interval.
    pub sentence: String,
    pub word: VerdictWord,
    pub estimate: Option<Estimate>,
    /// Unadjusted p of the test behind the word.
    pub p: Option<f64>,
    /// The same after Holm over the planned comparisons.
    pub p_adjusted: Option<f64>,
    /// Prompts that would probably be needed, beside "not shown".
    pub needs_about_n: Option<usize>,
    /// Why the word differs from what the interval suggests, or why there is no word.
    pub note: Option<String>,
}

/// Win rate of one arm against another over some prompts: mean over prompts of 1 (won), .5 (tie), 0 (lost).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WinRate {
    pub estimate: Estimate,
    /// Prompt-level outcomes: a prompt is won when its score is above .5.
    pub wins: usize,
    pub ties: usize,
    pub losses: usize,
    /// Ties because both answers were the same text; part of `ties`.
    pub identical: usize,
    /// Exact two-sided sign test on decisive prompts.
    pub sign_test_p: Option<f64>,
    /// Sign-flip permutation test on cluster sums; the p behind the word.
    pub permutation_p: Option<f64>,
    /// Beta-binomial mixture e-value of the decisive prompts against .5.
    pub e_value: Option<f64>,
    /// Confidence sequence of the decisive prompts' win rate: holds at every look, so it may be wider than the interval of `estimate`.
    #[serde(default)]
    pub anytime: Option<Interval>,
    /// Variance inflation by clustering; n / max(1, this) bounds `n_effective`.
    pub design_effect: f64,
    pub word: VerdictWord,
    /// `figures`, a colon, and the word with its reason.
    pub sentence: String,
    /// The sentence before its word: who against whom, the rate, its n and its test. Empty in files of versions without it.
    #[serde(default)]
    pub figures: String,
    pub needs_about_n: Option<usize>,
    /// Smallest true win rate of decisive prompts that this many would show with 80 % power.
    pub detectable_win_rate: Option<f64>,
}

impl WinRate {
    /// Ends the sentence behind its figures with `outcome`: the word and its reason, such as "not shown; needs about 60 prompts".
    pub(crate) fn conclude(&mut self, outcome: &str) {
        self.sentence = format!("{}: {outcome}.", self.figures);
    }

    /// The counts behind the one share that is told of votes, ties that nobody voted for named: "9 won, 2 tied, 5 lost; 1 tie
    /// because both gave the same text".
    pub fn outcomes(&self) -> String {
        let identical = self.identical_words().map_or(String::new(), |words| format!("; {words}"));
        format!("{} won, {} tied, {} lost{identical}", self.wins, self.ties, self.losses)
    }

    /// "1 tie because both gave the same text"; `None` where there is none.
    pub fn identical_words(&self) -> Option<String> {
        let ties = if self.identical == 1 { "tie" } else { "ties" };
        (self.identical > 0).then(|| format!("{} {ties} because both gave the same text", self.identical))
    }
}

/// One planned comparison in all its cuts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonResult {
    pub planned: PlannedComparison,
    pub is_headline: bool,
    /// All prompts of the scope. `None` when no vote counts: `no_rate` says why.
    pub overall: Option<WinRate>,
    /// Why there is no win rate, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_rate: Option<String>,
    /// Unadjusted and Holm-adjusted p over the planned comparisons.
    pub p: Option<f64>,
    pub p_adjusted: Option<f64>,
    pub in_domain: Option<WinRate>,
    pub out_of_domain: Option<WinRate>,
    /// One-sided bound against `.5 - margin` outside the domain; `None` where no word may be used there.
    #[serde(default)]
    pub outside_not_worse_than_margin: Option<bool>,
    /// Why the two cannot be compared at all: one lost its answers in thought, the other did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_comparable: Option<String>,
    pub by_category: Vec<CategoryWinRate>,
    pub by_judge: Vec<JudgeWinRate>,
    /// Mean score difference (arm minus against) per criterion, where judges gave scores.
    pub criteria: Vec<CriterionDifference>,
    pub missing: MissingCounts,
    /// Mean length in words of the two arms' answers, and how often the longer answer won.
    pub length: Option<LengthEffect>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryWinRate {
    pub category: String,
    pub domain: Domain,
    /// `None` when no prompt of the category has a vote that counts.
    pub win_rate: Option<WinRate>,
    /// One-sided bound against `.5 - margin`: is a loss larger than the margin excluded?
    pub not_worse_than_margin: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeWinRate {
    pub judge_id: String,
    /// False when the judge was valid on less than 90 % of prompts and so is not part of the mean.
    pub in_panel: bool,
    pub win_rate: Option<WinRate>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriterionDifference {
    pub criterion: String,
    pub estimate: Estimate,
}

/// Pairs that were planned and that cannot be counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissingCounts {
    /// Prompt x judge combinations that were planned.
    pub planned: usize,
    pub valid: usize,
    /// Planned minus valid.
    pub missing: usize,
    /// Presentations by reason; "not asked" presentations have no judgment at all.
    pub not_asked: usize,
    pub by_reason: BTreeMap<MissingReason, usize>,
    /// Win rate if every missing one were lost, and if every one were won.
    pub bounds: Option<Interval>,
    pub sentence: String,
}

impl MissingCounts {
    /// Whether any judge was asked anything.
    pub fn was_asked(&self) -> bool {
        self.valid > 0 || !self.by_reason.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LengthEffect {
    pub arm_mean_words: f64,
    pub against_mean_words: f64,
    /// Among decisive prompts whose answers differ in length: share won by the longer answer.
    pub longer_won: Option<Estimate>,
    pub sentence: String,
}
