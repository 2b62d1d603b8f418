//! Does the result hang on one judge, and how steady is each of them? What judges differ by is held against what each
//! differs from itself.

use std::collections::BTreeMap;

use super::Rows;
use super::comparisons::{panel, prompt_scores, rules};
use super::estimate::{LEVEL, share};
use super::votes::{JudgePresentations, PairVotes, Votes};
use super::win_rate::win_rate;
use crate::analysis::{Estimate, Interval};
use crate::comparison::REPEATS;
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::rng::Rng;
use crate::stats::agreement::cochran_q;
use crate::stats::bootstrap::{draw, positions, quantile};
use crate::wording::leave_one_judge_out as wording;

const RESAMPLES: usize = 300;

/// The headline without each judge, and each judge against itself.
pub fn group(rows: &Rows, votes: &Votes) -> FindingGroup {
    let mut findings = left_out(rows, votes);
    findings.extend(self_agreement(votes));
    findings.extend(against_ceiling(rows, votes));
    FindingGroup::new("panel", findings)
}

/// Is one judge carrying the result? Leave each out; test whether their win rates differ; how far one agrees with itself.
fn left_out(rows: &Rows, votes: &Votes) -> Vec<Finding> {
    let planned = &rows.plan.headline;
    let pairs: Vec<&PairVotes> = votes.of(planned).collect();
    let panel = panel(&pairs);
    let mut findings = Vec::new();
    for left_out in panel.iter().filter(|_| panel.len() > 1) {
        let others = panel.iter().copied().filter(|judge| judge != left_out).collect();
        let rate = win_rate(&prompt_scores(&pairs, &others), (&planned.arm, &planned.against), rules(rows));
        findings.extend(rate.map(|rate| Finding {
            label: format!("without {left_out}"),
            // The plot tells these; one sentence stands for all.
            sentence: String::new(),
            p: rate.permutation_p,
            estimate: Some(rate.estimate),
            measure: FindingMeasure::Share,
            rows: format!("judgments.jsonl without judge_id = {left_out}"),
        }));
    }
    findings.extend(range_without_one(&findings));
    let matrix: Vec<Vec<bool>> = pairs
        .iter()
        .filter_map(|votes| {
            let scores: Option<Vec<f64>> =
                panel.iter().map(|judge| votes.judges.get(judge)?.score()).collect();
            let scores = scores.filter(|scores| scores.len() > 1 && scores.iter().all(|s| *s != 0.5))?;
            Some(scores.iter().map(|s| *s > 0.5).collect())
        })
        .collect();
    if let Some(found) = cochran_q(&matrix) {
        let sentence = wording::cochran(&found, matrix.len());
        findings.push(Finding {
            p: Some(found.p),
            ..Finding::said("Cochran's Q", sentence, "pairs decided by every judge")
        });
    }
    findings
}

/// Between what the headline moves when any one judge is left out.
fn range_without_one(left_out: &[Finding]) -> Option<Finding> {
    let rates = || left_out.iter().filter_map(|finding| Some((finding.estimate.as_ref()?, &finding.label)));
    let (low, lowest) = rates().min_by(|a, b| a.0.value.total_cmp(&b.0.value))?;
    let (high, highest) = rates().max_by(|a, b| a.0.value.total_cmp(&b.0.value))?;
    let sentence = wording::range((low, lowest), (high, highest));
    Some(Finding::said("without one judge", sentence, "judgments.jsonl of the panel"))
}

/// The same judge, the same presentation, twice.
fn self_agreement(votes: &Votes) -> Vec<Finding> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (judge_id, presentations) in votes.pairs.iter().flat_map(|pair| &pair.judges) {
        let entry = counts.entry(judge_id).or_default();
        for again in &presentations.repeats {
            let id = &again.judgment.comparison_id;
            let before = presentations
                .presentations
                .iter()
                .find(|presentation| presentation.judgment.comparison_id == *id);
            if let (Some(before), Some(score)) =
                (before.and_then(|presentation| presentation.score), again.score)
            {
                entry.0 += usize::from(before == score);
                entry.1 += 1;
            }
        }
    }
    let mut findings = Vec::new();
    let mut untestable = Vec::new();
    for (judge, (same, repeats)) in counts {
        if repeats < REPEATS {
            untestable.push((judge, repeats));
            continue;
        }
        let estimate = share(same, repeats, "repeated verdicts");
        findings.push(Finding {
            label: format!("{judge} with itself"),
            sentence: wording::repeats(judge, estimate.as_ref(), repeats),
            estimate,
            measure: FindingMeasure::Share,
            p: None,
            rows: format!("judgments.jsonl judge_id = {judge}, repeat > 0"),
        });
    }
    if !untestable.is_empty() {
        let sentence = wording::untestable(&untestable);
        findings.push(Finding::said("self-agreement", sentence, "judgments.jsonl, repeat > 0"));
    }
    findings
}

/// One pair of judges on one prompt cluster: verdicts shared and equal, repeated and equal, of the first and the second.
#[derive(Clone, Copy, Default)]
struct Tally {
    shared: f64,
    same: f64,
    again: [f64; 2],
    same_again: [f64; 2],
}

impl Tally {
    /// Agreement of the two minus the mean agreement of each with itself. Two judges with the same chances of saying
    /// the same agree as often as one with itself, so this is zero when they differ by noise alone.
    fn gap(&self) -> Option<f64> {
        let own = |i: usize| (self.again[i] > 0.0).then(|| self.same_again[i] / self.again[i]);
        (self.shared > 0.0).then_some(self.same / self.shared - 0.5 * (own(0)? + own(1)?))
    }
}

/// Do two judges differ by more than each differs from itself?
fn against_ceiling(rows: &Rows, votes: &Votes) -> Vec<Finding> {
    let clusters: Vec<&str> = votes.pairs.iter().map(|v| v.pair.prompt.cluster_id.as_str()).collect();
    let (cluster_of, count) = positions(&clusters);
    let judges: Vec<&str> =
        rows.judge_ids().into_iter().filter(|id| !crate::judgment::is_person(id)).collect();
    let mut findings = Vec::new();
    for (i, one) in judges.iter().enumerate() {
        for other in &judges[i + 1..] {
            let mut tallies = vec![Tally::default(); count];
            for (votes, cluster) in votes.pairs.iter().zip(&cluster_of) {
                add(&mut tallies[*cluster], votes, [one, other]);
            }
            findings.extend(gap_finding(rows, [one, other], &tallies));
        }
    }
    findings
}

fn add(tally: &mut Tally, votes: &PairVotes, judges: [&str; 2]) {
    for (i, judge) in judges.iter().enumerate() {
        let Some(presentations) = votes.judges.get(judge) else { continue };
        for again in &presentations.repeats {
            let id = &again.judgment.comparison_id;
            let before = presentations
                .presentations
                .iter()
                .find(|presentation| presentation.judgment.comparison_id == *id);
            if let (Some(before), Some(score)) =
                (before.and_then(|presentation| presentation.score), again.score)
            {
                tally.again[i] += 1.0;
                tally.same_again[i] += f64::from(u8::from(before == score));
            }
        }
    }
    let [Some(one), Some(other)] = judges.map(|judge| votes.judges.get(judge)) else { return };
    for position in [true, false] {
        // One verdict of each judge in this position: with four presentations the first of them.
        let verdict = |presentations: &JudgePresentations| {
            presentations
                .presentations
                .iter()
                .find(|presentation| presentation.arm_is_first == position && presentation.score.is_some())?
                .score
        };
        if let (Some(a), Some(b)) = (verdict(one), verdict(other)) {
            tally.shared += 1.0;
            tally.same += f64::from(u8::from(a == b));
        }
    }
}

fn gap_finding(rows: &Rows, judges: [&str; 2], tallies: &[Tally]) -> Option<Finding> {
    let sum = |weights: Option<&[f64]>| {
        tallies.iter().enumerate().fold(Tally::default(), |mut total, (i, tally)| {
            let weight = weights.map_or(1.0, |weights| weights[i]);
            total.shared += weight * tally.shared;
            total.same += weight * tally.same;
            for judge in 0..2 {
                total.again[judge] += weight * tally.again[judge];
                total.same_again[judge] += weight * tally.same_again[judge];
            }
            total
        })
    };
    let total = sum(None);
    let gap = total.gap()?;
    let source = format!("judgments.jsonl of {} and {}, repeat >= 0", judges[0], judges[1]);
    let label = format!("{} and {}", judges[0], judges[1]);
    if total.again.iter().any(|again| *again < REPEATS as f64) {
        return None;
    }
    let mut rng = Rng::for_purpose(rows.plan.seed, &["ceiling", judges[0], judges[1]]);
    let resampled: Vec<f64> =
        (0..RESAMPLES).filter_map(|_| sum(Some(&draw(tallies.len(), &mut rng))).gap()).collect();
    let tail = (1.0 - LEVEL) / 2.0;
    let interval =
        Interval { low: quantile(&resampled, tail)?, high: quantile(&resampled, 1.0 - tail)?, level: LEVEL };
    let estimate = Estimate {
        value: gap,
        interval: Some(interval),
        n: total.shared as usize,
        n_effective: tallies.iter().filter(|t| t.shared > 0.0).count() as f64,
        unit: "shared verdicts".to_owned(),
        method: format!("cluster bootstrap, {RESAMPLES} resamples"),
    };
    let own = |i: usize| (total.same_again[i], total.again[i]);
    Some(Finding {
        sentence: wording::against_ceiling(judges, (total.same, total.shared), [own(0), own(1)], &estimate),
        label,
        estimate: Some(estimate),
        measure: FindingMeasure::SharePoints,
        p: None,
        rows: source,
    })
}
