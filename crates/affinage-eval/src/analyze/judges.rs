//! What each judge did, and what its votes are worth.

use std::collections::{BTreeMap, BTreeSet};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::Rows;
use super::comparisons::panel;
use super::estimate::{Observation, Range, clustered, share};
use super::votes::{JudgePresentations, JudgedPresentation, PairVotes, Votes};
use crate::analysis::{Estimate, JudgeResult};
use crate::judgment::{MissingReason, Usage, is_person};
use crate::plan::JudgeKind;
use crate::wording::judges::{self as wording, Habit};

/// Below this many pairs decisive in both orders, consistency is not testable.
pub const TESTABLE_PAIRS: usize = 20;

/// One result per judge of the plan or of the rows, by id.
pub fn results(rows: &Rows, votes: &Votes) -> Vec<JudgeResult> {
    rows.judge_ids.par_iter().map(|judge| result(rows, votes, judge)).collect()
}

fn result(rows: &Rows, votes: &Votes, judge_id: &str) -> JudgeResult {
    let planned = rows.plan.judges.iter().find(|judge| judge.judge_id == judge_id);
    let judged: Vec<(&PairVotes, &JudgePresentations)> =
        votes.pairs.iter().filter_map(|pair| Some((pair, pair.judges.get(judge_id)?))).collect();
    let presentations = || judged.iter().flat_map(|(_, judge)| &judge.presentations);
    let mut missing: BTreeMap<MissingReason, usize> = BTreeMap::new();
    presentations()
        .filter_map(|presentation| presentation.missing)
        .for_each(|reason| *missing.entry(reason).or_default() += 1);
    let valid = judged.iter().filter(|(_, judge)| judge.score().is_some()).count();
    let scored: Vec<f64> = presentations().filter_map(|presentation| presentation.score).collect();
    let ties = scored.iter().filter(|score| **score == 0.5).count();
    let slot_effect = slot_effect(&judged);
    let label_effect = label_effect(&judged);
    let flip_rate = flip_rate(&judged);
    let better_than_coin = better_than_coin(flip_rate.as_ref());
    let any = presentations().next();
    let kind = planned.map_or_else(|| kind_of(judge_id, any), |judge| judge.kind);
    let self_agreement = self_agreement(&judged);
    let in_both_orders = slot_effect.is_some();
    JudgeResult {
        judge_id: judge_id.to_owned(),
        model: planned
            .map(|judge| judge.model.clone())
            .or_else(|| any.map(|presentation| presentation.judgment.model_requested.clone()))
            .unwrap_or_default(),
        kind,
        models_returned: models_returned(presentations()),
        cells_judged: presentations().count(),
        missing,
        valid_share: if judged.is_empty() { 0.0 } else { valid as f64 / judged.len() as f64 },
        in_panel: in_panel(rows, votes, judge_id),
        slot_sentence: wording::effect(slot_effect.as_ref(), judge_id, Habit::Position, true),
        slot_effect,
        label_sentence: wording::effect(label_effect.as_ref(), judge_id, Habit::Label, in_both_orders),
        label_effect,
        is_inverted: judged.iter().any(|(_, judge)| judge.is_inverted),
        is_coin: judged.iter().any(|(_, judge)| judge.is_coin),
        better_than_coin,
        consistency_sentence: wording::consistency(judge_id, flip_rate.as_ref(), better_than_coin),
        flip_rate,
        tie_rate: (!scored.is_empty()).then(|| ties as f64 / scored.len() as f64),
        longer_won: longer_won(&judged),
        self_sentence: wording::with_itself(judge_id, kind, self_agreement.as_ref()),
        self_agreement,
        exam: rows.exams.get(judge_id).map(|exam| (*exam).clone()),
        planted: rows.planted.get(judge_id).cloned(),
        relation: super::judge_overlap::of_judge(rows, judge_id),
        usage: usage(presentations()),
        cost_usd: cost(presentations()),
    }
}

/// In the panel of every comparison that it began.
fn in_panel(rows: &Rows, votes: &Votes, judge_id: &str) -> bool {
    let mut began = false;
    for planned in &rows.plan.comparisons {
        let pairs: Vec<&PairVotes> = votes.of(planned).collect();
        if pairs.iter().any(|votes| votes.judges.contains_key(judge_id)) {
            began = true;
            if !panel(&pairs).contains(judge_id) {
                return false;
            }
        }
    }
    began
}

/// A judge that no plan names: people carry the prefix `human:`, probabilities come from local models.
fn kind_of(judge_id: &str, any: Option<&JudgedPresentation>) -> JudgeKind {
    if is_person(judge_id) {
        return JudgeKind::Human;
    }
    match any {
        Some(presentation) if presentation.p_arm.is_some() => JudgeKind::Local,
        _ => JudgeKind::Openai,
    }
}

fn models_returned<'c, 'r: 'c>(
    presentations: impl Iterator<Item = &'c JudgedPresentation<'r>>,
) -> Vec<String> {
    let returned: BTreeSet<&str> =
        presentations.filter_map(|presentation| presentation.judgment.model_returned.as_deref()).collect();
    returned.into_iter().map(str::to_owned).collect()
}

/// Half the difference between the arm's score in the first and in the second position: .5 for a judge that always
/// says "first", 0 for one that does not look at the position.
fn slot_effect(judged: &[(&PairVotes, &JudgePresentations)]) -> Option<Estimate> {
    let observations: Vec<Observation> = judged
        .iter()
        .filter_map(|(votes, judge)| {
            let value = 0.5 * (judge.position_score(true)? - judge.position_score(false)?);
            Some(Observation { value, cluster: &votes.pair.prompt.cluster_id })
        })
        .collect();
    clustered(&observations, Range { low: -0.5, high: 0.5 }, "pairs")
}

/// Mean over presentations of the score of the answer with label x, minus .5.
fn label_effect(judged: &[(&PairVotes, &JudgePresentations)]) -> Option<Estimate> {
    let observations: Vec<Observation> = judged
        .iter()
        .flat_map(|(votes, judge)| {
            judge.presentations.iter().filter_map(|presentation| {
                let score = presentation.score?;
                let value = if presentation.arm_has_label_x { score - 0.5 } else { 0.5 - score };
                Some(Observation { value, cluster: &votes.pair.prompt.cluster_id })
            })
        })
        .collect();
    clustered(&observations, Range { low: -0.5, high: 0.5 }, "calls")
}

fn flip_rate(judged: &[(&PairVotes, &JudgePresentations)]) -> Option<Estimate> {
    rate_of(&judged.iter().filter_map(|(_, judge)| judge.flipped()).collect::<Vec<bool>>())
}

fn rate_of(flips: &[bool]) -> Option<Estimate> {
    share(flips.iter().filter(|flipped| **flipped).count(), flips.len(), "pairs")
}

/// Whether a judge's winners changed with the order so often that a coin's may have, on enough pairs to tell.
pub fn flips_like_a_coin(flips: &[bool]) -> bool {
    better_than_coin(rate_of(flips).as_ref()) == Some(false)
}

fn better_than_coin(flip_rate: Option<&Estimate>) -> Option<bool> {
    let flip_rate = flip_rate.filter(|rate| rate.n >= TESTABLE_PAIRS)?;
    Some(flip_rate.interval?.high < 0.5)
}

/// Share of repeated calls with the outcome of the first one: the ceiling of any agreement between judges.
fn self_agreement(judged: &[(&PairVotes, &JudgePresentations)]) -> Option<Estimate> {
    let same: Vec<bool> = judged
        .iter()
        .flat_map(|(_, judge)| {
            judge.repeats.iter().filter_map(|again| {
                let of = |c: &&JudgedPresentation| c.judgment.comparison_id == again.judgment.comparison_id;
                Some(again.score? == judge.presentations.iter().find(of)?.score?)
            })
        })
        .collect();
    share(same.iter().filter(|same| **same).count(), same.len(), "repeated calls")
}

fn longer_won(judged: &[(&PairVotes, &JudgePresentations)]) -> Option<Estimate> {
    let words = |text: &str| text.split_whitespace().count();
    let decided: Vec<bool> = judged
        .iter()
        .filter_map(|(votes, judge)| {
            let (arm, against) = (words(votes.pair.arm.answer()), words(votes.pair.against.answer()));
            let score = judge.score()?;
            (arm != against && score != 0.5).then_some((arm > against) == (score > 0.5))
        })
        .collect();
    share(decided.iter().filter(|won| **won).count(), decided.len(), "decisive pairs")
}

fn usage<'c, 'r: 'c>(presentations: impl Iterator<Item = &'c JudgedPresentation<'r>>) -> Usage {
    presentations.filter_map(|presentation| presentation.judgment.usage).fold(Usage::default(), Usage::plus)
}

/// `None` as soon as one call's price is unknown.
fn cost<'c, 'r: 'c>(presentations: impl Iterator<Item = &'c JudgedPresentation<'r>>) -> Option<f64> {
    // The sum of nothing is -0.
    presentations.map(|presentation| presentation.judgment.cost_usd).sum::<Option<f64>>().map(|usd| usd + 0.0)
}

/// Whether `effect` excludes zero.
pub fn is_shown(effect: Option<&Estimate>) -> bool {
    effect.and_then(Estimate::shown).is_some_and(|interval| interval.low > 0.0 || interval.high < 0.0)
}
