//! From rows to findings. Pure: the same rows give the same [`Analysis`], in whatever order they stand.
//!
//! The unit of inference is the prompt. A judge's two presentations on a pair (both positions) make its score, the mean over
//! judges (and over samples) makes the prompt's score, and intervals run over clusters of prompts. Words come
//! from Holm-adjusted p over the planned comparisons.

mod agreement;
mod card;
mod checkpoints;
mod checks;
mod collinearity;
mod comparisons;
mod cuts;
mod disagreement;
mod dose;
pub(crate) mod estimate;
mod external_arms;
mod fragility;
mod headline;
mod human_eval;
mod judge_overlap;
mod judge_preferences;
mod judges;
mod leave_one_judge_out;
mod likelihood;
mod memorization;
mod no_rate;
mod notes;
mod null_test;
mod objective;
mod preregistration;
mod retention;
mod rows_hash;
mod texts;
mod topics;
mod variance;
mod votes;
pub(crate) mod win_rate;

pub use crate::wording::estimate::likely;
pub use checks::LEAK_FROM;
pub use cuts::unequal_cuts;
pub(crate) use judges::TESTABLE_PAIRS;
pub use no_rate::votes_needed;
pub use rows_hash::rows_sha256;
pub use win_rate::{ENOUGH, prompts_to_show};

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ROW_VERSION;
use crate::analysis::{Analysis, CategoryCount, EvaluationFacts, JudgeResult};
use crate::comparison::{BlindKey, Comparison, Pair};
use crate::completion::Completion;
use crate::judge::qualification::result::QualificationResult;
use crate::judge::reread::Reread;
use crate::judgment::{Judgment, is_author};
use crate::likelihood::LikelihoodRow;
use crate::memorization::MemorizationRow;
use crate::plan::{Plan, PlanError};
use crate::planted::{GoldVote, PlantedResult, planted_results};
use crate::registry::Looks;
use crate::suite::{Domain, Prompt};
use crate::wording::notes::{self as wording, PromptCounts, Step};

/// The files of an evaluation, as rows.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub plan: &'a Plan,
    pub prompts: &'a [Prompt],
    pub completions: &'a [Completion],
    pub comparisons: &'a [Comparison],
    pub blind_keys: &'a [BlindKey],
    /// Judges' and people's.
    pub judgments: &'a [Judgment],
    pub fit: &'a [LikelihoodRow],
    /// What the exams say; judges that failed theirs are left out of the mean.
    pub exams: &'a [QualificationResult],
    pub around: Around<'a>,
}

/// What surrounds the rows; all of it may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// Overlap of answers with training texts.
    pub overlap: &'a [MemorizationRow],
    /// How often these prompts were looked at.
    pub looks: Option<&'a Looks>,
    /// Evaluations of other seeds of the same recipe.
    pub siblings: &'a [Sibling],
    /// Validation losses of the evaluated run: (step, nats per token).
    pub validation: &'a [(u64, f64)],
    /// Votes of people on planted pairs.
    pub planted: &'a [GoldVote],
    /// What came of reading replies of an earlier version again, if any are.
    pub reread: Option<Reread>,
    /// How much the suites hold now.
    pub suites: Option<SuiteSizes>,
}

/// Prompts that the suites of affinage.toml hold, however few of each are asked: no advice goes beyond them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteSizes {
    /// Prompts of the headline that somebody has to compare.
    pub to_compare: usize,
    /// Prompts with exact answers.
    pub checked: usize,
    /// Held-out examples of the data set; `None` where it is not known.
    pub held_out: Option<usize>,
}

/// Another evaluation of the same recipe with another training seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Sibling {
    pub seed: u64,
    pub is_finished: bool,
    /// Of its headline, over all prompts.
    pub win_rate: f64,
}

/// Rows that contradict each other. Nothing is computed from them.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum AnalyzeError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{kind} {id} is there twice with different contents")]
    Conflict { kind: &'static str, id: String },
    #[error("completion {completion_id} is by the arm `{arm}`, which the plan does not have")]
    UnknownArm { completion_id: String, arm: String },
    #[error(
        "completion {completion_id} of `{arm}` was written by adapter {found}, the plan says {expected}: \
         the weights changed under the name"
    )]
    WrongAdapter { completion_id: String, arm: String, found: String, expected: String },
    #[error("completion {completion_id} was written by base weights {found}, the plan says {expected}")]
    WrongBase { completion_id: String, found: String, expected: String },
    #[error("{kind} {id} refers to {missing}, which no row defines")]
    Dangling { kind: &'static str, id: String, missing: String },
    #[error(
        "the blind key of {comparison_id} puts `{key_arm}` where the answer was written by `{arm}`: the key is wrong"
    )]
    WrongKey { comparison_id: String, key_arm: String, arm: String },
    #[error("judgment {judgment_id} says `{label}` but its outcome is the position of `{position_label}`")]
    WrongPosition { judgment_id: String, label: String, position_label: String },
    #[error(
        "judgment {judgment_id} has the draw probability {found}, expected a number above 0 and at most 1"
    )]
    BadProbability { judgment_id: String, found: f64 },
    #[error("comparison {comparison_id} has no blind key")]
    NoKey { comparison_id: String },
}

/// Computes everything that the report shows.
pub fn analyze(inputs: &Inputs) -> Result<Analysis, AnalyzeError> {
    inputs.plan.validate()?;
    let rows = Rows::index(inputs)?;
    let votes = votes::collect(&rows)?;
    let judges = judges::results(&rows, &votes);
    let comparisons = comparisons::results(&rows, &votes, &judges);
    let fit = likelihood::result(&rows);
    let voice = texts::style_markers(&rows);
    let objective = objective::results(&rows);
    let rates = texts::failure_rates(&rows);
    let mut checkpoints = checkpoints::curve(&rows, &comparisons, fit.as_ref(), voice.as_ref(), &objective);
    checkpoints.best_validation = checkpoints::best_validation(inputs.plan, inputs.around.validation);
    let mut checks = checks::run(&rows, &votes, &judges, &comparisons, inputs.around);
    checks.extend(null_test::check(&rows, &comparisons, &judges));
    checks.extend(external_arms::check(&rows));
    let mut headline = headline::headline(&rows, &votes, &comparisons, &judges);
    let relations = judge_overlap::result(&rows, &votes, &judges);
    headline.limits.extend(relations.limit.clone());
    headline.limits.extend(inputs.around.reread.and_then(|reread| reread.sentence()));
    headline.with_failed_judges = with_failed_judges(inputs, &judges)?;
    headline.cut_texts = cuts::of_headline(&rows, &votes).filter(|_| !headline.is_not_comparable());
    headline.fragility = fragility::result(&rows, &votes, &comparisons, &judges);
    let agreement = agreement::result(&rows, &votes);
    let values = judge_preferences::results(&rows, &votes);
    let (disagreement, disagreement_map) = disagreement::disagreement(&rows, &votes);
    let forgetting = retention::forgetting(&rows, &objective, &comparisons);
    let (variance, purchase) = variance::decomposition(&rows, &votes);
    let findings = vec![
        forgetting,
        judge_preferences::readers(&rows, &votes),
        judge_preferences::group(&rows, &votes, &values),
        disagreement,
        leave_one_judge_out::group(&rows, &votes),
        variance,
        variance::curve(&rows, &votes),
        memorization::memorization(&rows, &votes, inputs.around.overlap),
        human_eval::people(&rows, &votes),
        preregistration::planned(&rows, &votes, inputs.around),
    ];
    let planned = comparisons.iter().find(|result| result.is_headline);
    headline.answers = headline::answers(&headline, planned, &judges, &agreement, &findings, &values.judges);
    let mut claims: Vec<_> = comparisons.iter().map(|result| comparisons::claim(&rows, result)).collect();
    claims.extend(objective.iter().filter(|result| result.category.is_none()).map(objective::claim));
    let mut next_steps = notes::next_steps(
        inputs.plan,
        &headline,
        &comparisons,
        &judges,
        &checks,
        &to_vote_on(&votes, inputs.plan),
        PromptCounts { asked: to_compare(inputs), there: inputs.around.suites.map(|s| s.to_compare) },
    );
    if let Some(best) = &checkpoints.best_validation {
        // Behind what the first screen needs most.
        let step = wording::step(inputs.plan, &Step::BestValidation(best.best_step));
        next_steps.insert(next_steps.len().min(1), step);
    }
    next_steps.extend(purchase);
    let card = card::card(&card::Measured {
        rows: &rows,
        headline: &headline,
        comparisons: &comparisons,
        judges: &judges,
        not_comparable: comparisons::headline_not_comparable(&rows, &votes),
        fit: fit.as_ref(),
        voice: voice.as_ref(),
        of_authors: &human_eval::of_authors(&rows, &votes),
        objective: &objective,
        not_independent: relations.limit.as_deref(),
        best_validation: checkpoints.best_validation,
        suites: inputs.around.suites,
    });
    Ok(Analysis {
        v: ROW_VERSION,
        evaluation: facts(&rows),
        headline,
        card,
        claims,
        dose: dose::result(&rows, &votes),
        comparisons,
        checkpoints,
        agreement,
        findings,
        disagreement_map,
        judges,
        fit,
        voice,
        objective,
        rates,
        relations,
        divided_pairs: votes::divided(&rows, &votes),
        pair_conflicts: Some(votes::conflicts(&votes)),
        checks,
        method_notes: wording::method_notes(inputs.plan.comparisons.len(), inputs.plan.margin),
        next_steps,
        reread: inputs.around.reread,
        rows_sha256: rows_sha256(
            inputs.prompts,
            inputs.completions,
            inputs.comparisons,
            inputs.blind_keys,
            inputs.judgments,
            inputs.around.planted,
        ),
    })
}

/// Prompts of the headline that somebody has to compare.
fn to_compare(inputs: &Inputs) -> usize {
    let scope = inputs.plan.headline.scope;
    inputs.prompts.iter().filter(|prompt| prompt.check.is_none() && scope.covers(prompt)).count()
}

/// The e-value of every planned comparison, 0 where nothing is decided: all that a look during judging needs.
pub fn evidence(inputs: &Inputs) -> Result<Vec<f64>, AnalyzeError> {
    inputs.plan.validate()?;
    let rows = Rows::index(inputs)?;
    let votes = votes::collect(&rows)?;
    Ok(inputs.plan.comparisons.iter().map(|planned| comparisons::e_value(&votes, planned)).collect())
}

/// The headline's pairs that somebody has to compare.
fn to_vote_on<'v, 'r>(votes: &'v votes::Votes<'r>, plan: &'v Plan) -> Vec<&'v Pair<'r>> {
    votes.of(&plan.headline).map(|votes| &votes.pair).filter(|pair| pair.needs_judge()).collect()
}

/// Ids of the headline's pairs on which judges split: people are asked about these more often.
pub fn split_pairs(inputs: &Inputs) -> Result<BTreeSet<String>, AnalyzeError> {
    inputs.plan.validate()?;
    let rows = Rows::index(inputs)?;
    Ok(votes::split(&rows, &votes::collect(&rows)?))
}

/// The first sentence as it would read if every judge's votes counted; `None` when all of them do.
fn with_failed_judges(inputs: &Inputs, judges: &[JudgeResult]) -> Result<Option<String>, AnalyzeError> {
    // Judges that failed and were not asked have no votes that could change the sentence.
    let is_left_out = |judge: &JudgeResult| {
        let failed = judge.exam.as_ref().is_some_and(|exam| !exam.is_qualified());
        let missed = judge.planted.as_ref().is_some_and(PlantedResult::is_missed);
        judge.cells_judged > 0 && (failed || missed || judge.is_coin)
    };
    if !judges.iter().any(is_left_out) {
        return Ok(None);
    }
    let all = Inputs { exams: &[], around: Around { planted: &[], ..inputs.around }, ..*inputs };
    let rows = Rows { everybody_counts: true, ..Rows::index(&all)? };
    let votes = votes::collect(&rows)?;
    let judges = judges::results(&rows, &votes);
    let comparisons = comparisons::results(&rows, &votes, &judges);
    Ok(Some(headline::headline(&rows, &votes, &comparisons, &judges).sentence))
}

/// Rows by id, each id once, in an order that does not depend on the files.
struct Rows<'a> {
    plan: &'a Plan,
    prompts: BTreeMap<&'a str, &'a Prompt>,
    completions: BTreeMap<&'a str, &'a Completion>,
    // Looked up a million times and never walked through: hashed.
    comparisons: HashMap<&'a str, &'a Comparison>,
    keys: HashMap<&'a str, &'a BlindKey>,
    /// By id.
    judgments: Vec<&'a Judgment>,
    judge_ids: BTreeSet<&'a str>,
    fit: &'a [LikelihoodRow],
    exams: BTreeMap<&'a str, &'a QualificationResult>,
    /// By voter.
    planted: BTreeMap<&'a str, PlantedResult>,
    /// Nobody is left out for what its votes look like.
    everybody_counts: bool,
    /// The same rows as `prompts` and `completions`, sorted, for functions over slices.
    sorted_prompts: Vec<Prompt>,
    sorted_completions: Vec<Completion>,
}

impl<'a> Rows<'a> {
    /// How long each vote of a voter took, in milliseconds.
    fn ms_to_vote(&self, voter: &str) -> Vec<u64> {
        let own = self.judgments.iter().filter(|row| row.judge_id == voter);
        own.filter_map(|row| row.ms_to_vote).collect()
    }

    fn index(inputs: &Inputs<'a>) -> Result<Rows<'a>, AnalyzeError> {
        let prompts = unique("prompt", inputs.prompts, |row| &row.prompt_id)?;
        let completions = unique("completion", inputs.completions, |row| &row.completion_id)?;
        for completion in completions.values() {
            check_completion(inputs.plan, &prompts, completion)?;
        }
        let judgments = hashed("judgment", inputs.judgments, |row| &row.judgment_id)?;
        let mut judgments: Vec<&Judgment> = judgments.into_values().collect();
        judgments.sort_unstable_by(|a, b| a.judgment_id.cmp(&b.judgment_id));
        let mut judge_ids: BTreeSet<&str> =
            inputs.plan.judges.iter().map(|judge| judge.judge_id.as_str()).collect();
        for judgment in &judgments {
            // Of a million rows collected at once the names would be sorted first.
            judge_ids.insert(&judgment.judge_id);
        }
        let sorted_prompts = prompts.values().map(|prompt| (*prompt).clone()).collect();
        let sorted_completions = completions.values().map(|completion| (*completion).clone()).collect();
        Ok(Rows {
            plan: inputs.plan,
            prompts,
            completions,
            comparisons: hashed("comparison", inputs.comparisons, |row| &row.comparison_id)?,
            keys: hashed("blind key", inputs.blind_keys, |row| &row.comparison_id)?,
            judgments,
            judge_ids,
            fit: inputs.fit,
            exams: inputs.exams.iter().map(|exam| (exam.judge_id.as_str(), exam)).collect(),
            planted: planted_results(inputs.around.planted),
            everybody_counts: false,
            sorted_prompts,
            sorted_completions,
        })
    }

    /// Whether a judge's votes are shown and not counted: it failed its exam, missed the planted pairs or wrote the
    /// texts itself.
    fn is_apart(&self, judge_id: &str) -> bool {
        is_author(judge_id)
            || self.exams.get(judge_id).is_some_and(|exam| !exam.is_qualified())
            || self.has_missed_planted(judge_id)
    }

    /// Whether a person did not see the damage that anybody who reads sees.
    fn has_missed_planted(&self, voter: &str) -> bool {
        self.planted.get(voter).is_some_and(PlantedResult::is_missed)
    }

    /// Judges with at least one judgment, and planned ones.
    fn judge_ids(&self) -> BTreeSet<&str> {
        self.judge_ids.clone()
    }
}

fn unique<'a, T: PartialEq>(
    kind: &'static str,
    rows: &'a [T],
    id: impl Fn(&'a T) -> &'a String,
) -> Result<BTreeMap<&'a str, &'a T>, AnalyzeError> {
    let mut by_id: BTreeMap<&str, &T> = BTreeMap::new();
    for row in rows {
        if let Some(first) = by_id.insert(id(row), row)
            && first != row
        {
            return Err(AnalyzeError::Conflict { kind, id: id(row).clone() });
        }
    }
    Ok(by_id)
}

/// As [`unique`], in no order.
fn hashed<'a, T: PartialEq>(
    kind: &'static str,
    rows: &'a [T],
    id: impl Fn(&'a T) -> &'a String,
) -> Result<HashMap<&'a str, &'a T>, AnalyzeError> {
    let mut by_id: HashMap<&str, &T> = HashMap::with_capacity(rows.len());
    for row in rows {
        if let Some(first) = by_id.insert(id(row), row)
            && first != row
        {
            return Err(AnalyzeError::Conflict { kind, id: id(row).clone() });
        }
    }
    Ok(by_id)
}

fn check_completion(
    plan: &Plan,
    prompts: &BTreeMap<&str, &Prompt>,
    completion: &Completion,
) -> Result<(), AnalyzeError> {
    let completion_id = completion.completion_id.clone();
    if !prompts.contains_key(completion.prompt_id.as_str()) {
        let missing = format!("prompt {}", completion.prompt_id);
        return Err(AnalyzeError::Dangling { kind: "completion", id: completion_id, missing });
    }
    let Some(arm) = plan.arm(&completion.arm) else {
        return Err(AnalyzeError::UnknownArm { completion_id, arm: completion.arm.clone() });
    };
    let shown = |hash: Option<&str>| hash.unwrap_or("none").to_owned();
    if arm.adapter_sha256() != completion.adapter_sha256.as_deref() {
        let (found, expected) = (shown(completion.adapter_sha256.as_deref()), shown(arm.adapter_sha256()));
        return Err(AnalyzeError::WrongAdapter { completion_id, arm: arm.name.clone(), found, expected });
    }
    if plan.base_sha256_of(arm) != completion.base_sha256.as_deref() {
        let unknown = |hash: Option<&str>| hash.unwrap_or("of unknown hash").to_owned();
        let found = unknown(completion.base_sha256.as_deref());
        let expected = unknown(plan.base_sha256_of(arm));
        return Err(AnalyzeError::WrongBase { completion_id, found, expected });
    }
    Ok(())
}

fn facts(rows: &Rows) -> EvaluationFacts {
    let plan = rows.plan;
    let mut categories: BTreeMap<(Domain, &str), usize> = BTreeMap::new();
    for prompt in rows.prompts.values() {
        *categories.entry((prompt.domain, &prompt.category)).or_default() += 1;
    }
    let clusters: BTreeSet<&str> = rows.prompts.values().map(|prompt| prompt.cluster_id.as_str()).collect();
    EvaluationFacts {
        name: plan.name.clone(),
        base_model: plan.base_model.clone(),
        base_sha256: plan.base_sha256.clone(),
        run: plan.run.clone(),
        dataset: plan.dataset.clone(),
        arms: plan.arms.clone(),
        headline: plan.headline.clone(),
        sampling: plan.sampling.clone(),
        samples_per_prompt: plan.samples_per_prompt,
        seed: plan.seed,
        alpha: plan.alpha,
        margin: plan.margin,
        prompts: rows.prompts.len(),
        clusters: clusters.len(),
        prompts_by_category: categories
            .into_iter()
            .map(|((domain, category), prompts)| CategoryCount {
                category: category.to_owned(),
                domain,
                prompts,
            })
            .collect(),
        completions: rows.completions.len(),
        comparisons: rows.comparisons.len(),
        judgments: rows.judgments.len(),
        fit_rows: rows.fit.len(),
    }
}
