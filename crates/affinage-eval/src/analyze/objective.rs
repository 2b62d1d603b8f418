//! Right answers, paired by prompt with the base: the measure behind any sentence about forgetting.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::estimate::{Observation, RATE, RATE_DIFFERENCE, clustered};
use super::win_rate::{ENOUGH, is_enough};
use crate::analysis::{Claim, ClaimKind, Estimate, Interval, ObjectiveResult, VerdictWord};
use crate::objective::is_correct;
use crate::plan::{Arm, ArmKind};
use crate::stats::mean::{clustered_mean, equivalence, mean};
use crate::stats::permutation::sign_flip_clustered;
use crate::stats::proportion::{mcnemar, wilson};
use crate::wording::objective::{self as wording, OutsideOfScale, RightAnswers};

/// Where the base gets fewer or more right than this, equality shows nothing.
const FLOOR: f64 = 0.1;
const CEILING: f64 = 0.9;

/// One prompt's shares of right answers.
struct Checked<'a> {
    cluster: &'a str,
    arm: f64,
    base: f64,
}

/// For each arm other than the base: all categories together, then each.
pub fn results(rows: &Rows) -> Vec<ObjectiveResult> {
    let Some(base) = rows.plan.arms.iter().find(|arm| arm.kind == ArmKind::Base) else {
        return Vec::new();
    };
    let checked = rows.prompts.values().filter(|prompt| prompt.check.is_some());
    let categories: BTreeSet<&str> = checked.map(|prompt| prompt.category.as_str()).collect();
    let base_shares = shares(rows, &base.name);
    let mut results = Vec::new();
    for arm in rows.plan.arms.iter().filter(|arm| arm.name != base.name) {
        let arm_shares = shares(rows, &arm.name);
        for category in std::iter::once(None).chain(categories.iter().copied().map(Some)) {
            results.extend(result(rows, (arm, base), category, &arm_shares, &base_shares));
        }
    }
    results
}

/// Share of right answers by checkable prompt.
fn shares<'a>(rows: &'a Rows, arm: &str) -> BTreeMap<&'a str, f64> {
    let mut answers: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let answered = rows.completions.values().filter(|c| c.arm == arm && !c.is_lost_in_thought());
    for completion in answered {
        let prompt = rows.prompts[completion.prompt_id.as_str()];
        if let Some(correct) = is_correct(prompt, completion.answer()) {
            answers.entry(&prompt.prompt_id).or_default().push(if correct { 1.0 } else { 0.0 });
        }
    }
    answers.into_iter().filter_map(|(prompt, answers)| Some((prompt, mean(&answers)?))).collect()
}

fn result(
    rows: &Rows,
    (arm, base): (&Arm, &Arm),
    category: Option<&str>,
    arm_shares: &BTreeMap<&str, f64>,
    base_shares: &BTreeMap<&str, f64>,
) -> Option<ObjectiveResult> {
    let mut checked = Vec::new();
    for (prompt_id, arm_share) in arm_shares {
        let prompt = rows.prompts[prompt_id];
        if category.is_some_and(|category| prompt.category != category) {
            continue;
        }
        if let Some(base) = base_shares.get(prompt_id) {
            checked.push(Checked { cluster: &prompt.cluster_id, arm: *arm_share, base: *base });
        }
    }
    let observe = |value: fn(&Checked) -> f64| -> Vec<Observation> {
        checked.iter().map(|c| Observation { value: value(c), cluster: c.cluster }).collect()
    };
    let differences = observe(|c| c.arm - c.base);
    let correct = clustered(&observe(|c| c.arm), RATE, "prompts")?;
    let base_correct = clustered(&observe(|c| c.base), RATE, "prompts")?;
    let difference = difference(&differences)?;
    let only_arm = checked.iter().filter(|c| c.arm > 0.5 && c.base <= 0.5).count();
    let only_base = checked.iter().filter(|c| c.base > 0.5 && c.arm <= 0.5).count();
    let word = word(rows, &differences, base_correct.value);
    let lost = lost(rows, &[&arm.name, &base.name], category);
    let sentence = wording::sentence(&RightAnswers {
        arm: &arm.name,
        category,
        correct: &correct,
        base_correct: &base_correct,
        difference: &difference,
        word,
        scale: outside_of_scale(base_correct.value),
        margin: rows.plan.margin,
        lost,
    });
    Some(ObjectiveResult {
        arm: arm.name.clone(),
        category: category.map(str::to_owned),
        correct,
        base_correct,
        difference,
        only_arm,
        only_base,
        mcnemar_p: mcnemar(only_arm as u64, only_base as u64).map(|test| test.p_exact),
        word,
        sentence,
    })
}

/// Answers to checked prompts that ended while thinking.
fn lost(rows: &Rows, arms: &[&str], category: Option<&str>) -> usize {
    let is_checked = |prompt_id: &str| {
        let prompt = rows.prompts[prompt_id];
        prompt.check.is_some() && category.is_none_or(|category| prompt.category == category)
    };
    let of_arms = rows.completions.values().filter(|c| arms.contains(&c.arm.as_str()));
    of_arms.filter(|c| c.is_lost_in_thought() && is_checked(&c.prompt_id)).count()
}

/// Arm minus base. Where no prompt differs there is no spread to build an interval from: at most the share that `n`
/// unchanged prompts do not exclude (Wilson's bound of 0 of `n`) can differ, each by the whole range.
pub fn difference(differences: &[Observation]) -> Option<Estimate> {
    let mut estimate = clustered(differences, RATE_DIFFERENCE, "prompts")?;
    if let Some(bound) = unchanged_bound(differences, 0.05) {
        estimate.interval = Some(Interval { low: -bound, high: bound, level: 0.95 });
        estimate.method = "Wilson's bound of the share that differs (none does)".to_owned();
    }
    Some(estimate)
}

/// `None` as soon as one prompt differs.
fn unchanged_bound(differences: &[Observation], alpha: f64) -> Option<f64> {
    let clusters: BTreeSet<&str> = differences.iter().map(|o| o.cluster).collect();
    let is_unchanged = clusters.len() > 1 && differences.iter().all(|o| o.value == 0.0);
    is_unchanged.then(|| wilson(0.0, clusters.len() as f64, alpha))?.map(|(_, high)| high)
}

fn word(rows: &Rows, differences: &[Observation], base_share: f64) -> VerdictWord {
    let values: Vec<f64> = differences.iter().map(|o| o.value).collect();
    let clusters: Vec<&str> = differences.iter().map(|o| o.cluster).collect();
    let (alpha, margin) = (rows.plan.alpha, rows.plan.margin);
    let Some(found) = clustered_mean(&values, &clusters, alpha) else {
        return VerdictWord::NotShown;
    };
    if !is_enough(found.n, found.n_effective()) {
        return VerdictWord::NotShown;
    }
    let p = sign_flip_clustered(&values, &clusters, 0.0, rows.plan.seed).unwrap_or(1.0);
    if p <= alpha {
        return if found.mean > 0.0 { VerdictWord::Better } else { VerdictWord::Worse };
    }
    let can_tell = (FLOOR..=CEILING).contains(&base_share);
    let df = (found.clusters - 1) as f64;
    let equivalent = match unchanged_bound(differences, 2.0 * alpha) {
        Some(bound) => bound < margin,
        None => equivalence(found.mean, found.se, df, -margin, margin).is_some_and(|t| t.p <= alpha),
    };
    if can_tell && equivalent { VerdictWord::EquivalentWithinMargin } else { VerdictWord::NotShown }
}

/// Why right answers of the base cannot tell what was lost.
fn outside_of_scale(base_share: f64) -> Option<OutsideOfScale> {
    match base_share {
        share if share < FLOOR => Some(OutsideOfScale::TooLow),
        share if share > CEILING => Some(OutsideOfScale::TooHigh),
        _ => None,
    }
}

/// Why nothing is shown although the prompts are enough; `None` where the interval alone is too wide.
pub fn why_unshown(result: &ObjectiveResult) -> Option<OutsideOfScale> {
    outside_of_scale(result.base_correct.value).filter(|_| result.word == VerdictWord::NotShown)
}

/// About how many checked prompts would show the difference seen, or the tenth that an evaluation cares about.
pub fn needed(result: &ObjectiveResult) -> Option<usize> {
    if result.word != VerdictWord::NotShown {
        return None;
    }
    let interval = result.difference.interval?;
    let n = result.difference.n as f64;
    let sd = (interval.high - interval.low) / 2.0 / 1.96 * n.sqrt();
    let seen = result.difference.value.abs();
    let effect = if seen < 0.02 { 0.1 } else { seen };
    crate::stats::power::prompts_needed(effect, sd.max(0.1), 0.05).map(|n| n.max(ENOUGH))
}

/// The claim about all checked prompts of an arm.
pub fn claim(result: &ObjectiveResult) -> Claim {
    Claim {
        claim_id: format!("objective:{}", result.arm),
        kind: Some(ClaimKind::RightAnswers),
        sentence: result.sentence.clone(),
        word: result.word,
        estimate: Some(result.difference.clone()),
        p: result.mcnemar_p,
        p_adjusted: None,
        needs_about_n: needed(result),
        note: None,
    }
}
