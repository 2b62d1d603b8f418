//! Everything that a report shows, as data. [`crate::analyze`] fills it from rows; nothing is computed later.
//!
//! Rates lie in 0..=1. Where words are decided they are decided here, in fields named `sentence`: a renderer
//! prints them as they are. A field that is `None` was not measured; the sentence beside it says why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::findings::{DisagreementMap, FindingGroup};
use crate::fit::FitControl;
use crate::judge::exam::result::ExamResult;
use crate::judge::family::Relation;
use crate::judgment::{MissingReason, Usage};
use crate::plan::{Arm, DatasetFacts, JudgeKind, PlannedComparison};
use crate::suite::Domain;
use crate::voice::MeterFitness;

/// `analysis.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    pub v: u32,
    pub evaluation: EvaluationFacts,
    pub headline: Headline,
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
    pub fit: Option<FitResult>,
    pub voice: Option<VoiceResult>,
    /// One entry per arm other than the base and category with checks; empty without checkable prompts.
    pub objective: Vec<ObjectiveResult>,
    /// One entry per arm.
    pub rates: Vec<ArmRates>,
    /// Who wrote the training texts, and what the judges related to them say.
    pub relations: Relations,
    /// Pairs on which judges or cells disagree most, most divided first.
    pub divided_pairs: Vec<DividedPair>,
    /// Numbered checks of the method, in the order of their codes.
    pub checks: Vec<MethodCheck>,
    /// Plain lines for the method words that the report uses.
    pub method_notes: Vec<MethodNote>,
    /// What to do next, most useful first.
    pub next_steps: Vec<String>,
}

/// Judges apart by their relation to the writers of the training texts and to the base model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relations {
    /// Share of the training answers by writer: `person:NAME`, `model:NAME`, `edited:NAME`, `unknown`.
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

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
    /// .95 for the plotted intervals.
    pub level: f64,
}

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
}

/// The first thing a reader sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    pub composite: Composite,
    /// The composite in one sentence, with its figures.
    pub sentence: String,
    /// The first screen: better? for what? for whom? how sure?
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Composite {
    /// Better in the domain and outside it.
    BroadlyBetter,
    /// Better in the domain, outside it not worse than the margin.
    Specialised,
    /// Better in the domain, outside it nothing is shown.
    BetterInDomain,
    /// Better in one, worse in the other.
    TradedOff,
    /// Worse in the domain, and outside it not better.
    Worse,
    NothingShown,
}

/// A statement that the data license.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Stable name: "win:step-000145:base", "fit:step-000145".
    pub claim_id: String,
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
    /// Wins over wins and losses, with a Wilson (n >= 30) or Clopper-Pearson interval; `None` when all tie.
    pub decisive: Option<Estimate>,
    /// Exact two-sided sign test on decisive prompts.
    pub sign_test_p: Option<f64>,
    /// Sign-flip permutation test on cluster sums; the p behind the word.
    pub permutation_p: Option<f64>,
    /// Beta-binomial mixture e-value of the decisive prompts against .5.
    pub e_value: Option<f64>,
    /// Confidence sequence of the decisive prompts' win rate: holds at every look, so it may be wider than `decisive`.
    #[serde(default)]
    pub anytime: Option<Interval>,
    /// Variance inflation by clustering; n / max(1, this) bounds `n_effective`.
    pub design_effect: f64,
    pub word: VerdictWord,
    pub sentence: String,
    pub needs_about_n: Option<usize>,
    /// Smallest true win rate of decisive prompts that this many would show with 80 % power.
    pub detectable_win_rate: Option<f64>,
}

/// One planned comparison in all its cuts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonResult {
    pub planned: PlannedComparison,
    pub is_headline: bool,
    /// All prompts of the scope. `None` when no prompt was judged in both seats.
    pub overall: Option<WinRate>,
    /// Unadjusted and Holm-adjusted p over the planned comparisons.
    pub p: Option<f64>,
    pub p_adjusted: Option<f64>,
    pub in_domain: Option<WinRate>,
    pub out_of_domain: Option<WinRate>,
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
    /// `None` when no prompt of the category was judged in both seats.
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
    /// Cells by reason; "not asked" cells have no judgment at all.
    pub not_asked: usize,
    pub by_reason: BTreeMap<MissingReason, usize>,
    /// Win rate if every missing one were lost, and if every one were won.
    pub bounds: Option<Interval>,
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LengthEffect {
    pub arm_mean_words: f64,
    pub against_mean_words: f64,
    /// Among decisive prompts whose answers differ in length: share won by the longer answer.
    pub longer_won: Option<Estimate>,
    pub sentence: String,
}

/// How figures move over the checkpoints of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointCurve {
    /// In the order of steps.
    pub points: Vec<CheckpointPoint>,
    /// What the curve says and what it cannot: steps of one schedule are no shorter trainings.
    pub sentence: String,
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
    /// Mean over pairs of (score of the arm in the first seat) - .5: above 0 means it favours the first seat.
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
    /// Whether the flips are fewer than a coin's; decided by the interval of `flip_rate`.
    pub better_than_coin: Option<bool>,
    pub consistency_sentence: String,
    /// Share of cells with a tie.
    pub tie_rate: Option<f64>,
    /// Share of decisive prompt-level votes in which the longer answer won.
    pub longer_won: Option<Estimate>,
    /// Share of repeated calls with the outcome of the first one; testable from 40 on.
    pub self_agreement: Option<Estimate>,
    pub self_sentence: String,
    /// The exam that it took before judging, if any.
    pub exam: Option<ExamResult>,
    /// To the writers of the training texts and the base model.
    pub relation: Relation,
    pub usage: Usage,
    /// `None` when a price is unknown.
    pub cost_usd: Option<f64>,
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

/// Fit to the user's texts, never a vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitResult {
    /// Every arm other than the base with fit rows, in the order of the plan.
    pub arms: Vec<ArmFit>,
    pub base_nll_per_token: BTreeMap<FitControl, f64>,
    /// What fit is and is not.
    pub explanation: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmFit {
    pub arm: String,
    pub step: Option<u64>,
    /// One entry per control that was scored for this arm and the base, own texts first.
    pub controls: Vec<FitGain>,
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitGain {
    pub control: FitControl,
    /// Mean over documents of base NLL per token minus this arm's, in nats.
    pub gain: Estimate,
    pub arm_nll_per_token: f64,
    /// Documents on which the arm's NLL is lower.
    pub lower_on: usize,
}

/// The voice meter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VoiceResult {
    pub fitness: MeterFitness,
    /// Empty unless `fitness.fit_to_show`. In the order of the plan.
    pub arms: Vec<ArmVoice>,
    /// The three rules in words.
    pub rules: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmVoice {
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
pub struct ArmRates {
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
    /// Variance of the votes over judges, then over cells.
    pub division: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeVote {
    pub judge_id: String,
    /// Mean over the two seats.
    pub score: f64,
    /// Whether both seats agree.
    pub stable: bool,
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
