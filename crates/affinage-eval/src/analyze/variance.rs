//! Variance components of the headline with what to buy next, the spread of repeats, and the strengths of all arms.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::comparisons::{panel, prompt_scores, rules};
use super::estimate::figure;
use super::votes::{JudgePresentations, PairVotes, Votes};
use super::win_rate::win_rate;
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::plan::ArmKind;
use crate::rng::Rng;
use crate::stats::bootstrap::positions;
use crate::stats::components::{Costs, Score, Sizes, components, purchases};
use crate::stats::strengths::{Meeting, strengths};
use crate::wording::variance::{self as wording, Cost, NoComponents};

const DRAWS: usize = 999;
const RESAMPLES: usize = 300;

/// Components of the headline's scores, what to buy next, and the spread over repeated answers; and the sentence of the
/// purchase, which is a next step.
pub fn decomposition(rows: &Rows, votes: &Votes) -> (FindingGroup, Option<String>) {
    let pairs: Vec<&PairVotes> = votes.of(&rows.plan.headline).collect();
    let panel = panel(&pairs);
    let prompts: Vec<&str> = pairs.iter().map(|pair| pair.pair.prompt.prompt_id.as_str()).collect();
    let (prompt_of, count) = positions(&prompts);
    let mut scores = Vec::new();
    for (pair, prompt) in pairs.iter().zip(&prompt_of) {
        for (judge, id) in panel.iter().enumerate() {
            for presentation in
                pair.judges.get(id).into_iter().flat_map(|presentations| &presentations.presentations)
            {
                let generation = pair.pair.arm.sample as usize;
                scores.extend(presentation.score.map(|value| Score {
                    prompt: *prompt,
                    generation,
                    judge,
                    value,
                }));
            }
        }
    }
    let (mut findings, mut purchase) = (Vec::new(), None);
    match components(&scores) {
        None => findings.push(Finding::said(
            "components",
            wording::no_components(why_no_components(&scores)),
            "judgments.jsonl",
        )),
        Some(found) => {
            let answers = f64::from(rows.plan.samples().max(1));
            let presentations = scores.len() as f64 / (count as f64 * answers * panel.len() as f64).max(1.0);
            let now = Sizes {
                prompts: count as f64,
                answers,
                judges: panel.len() as f64,
                cells: presentations.max(1.0),
            };
            let sentence = wording::components(&found, found.of_mean(now).sqrt());
            findings.push(Finding::said(
                "components",
                sentence,
                "judgments.jsonl of the headline, panel judges",
            ));
            let next = next_purchase(rows, votes, &found, now);
            purchase = Some(next.sentence.clone());
            findings.push(next);
        }
    }
    findings.extend(repeats(rows, votes));
    let group = FindingGroup::new("variance", findings);
    (group, purchase)
}

/// Why the spread of these scores cannot be taken apart.
fn why_no_components(scores: &[Score]) -> NoComponents {
    let prompts: BTreeSet<usize> = scores.iter().map(|score| score.prompt).collect();
    let is_equal = scores.iter().all(|score| score.value == scores[0].value);
    match prompts.len() {
        0 => NoComponents::NoVotes,
        1 => NoComponents::OnePrompt,
        n if is_equal => NoComponents::AllEqual(n),
        n => NoComponents::TooFew(n),
    }
}

fn next_purchase(
    rows: &Rows,
    votes: &Votes,
    found: &crate::stats::components::Components,
    now: Sizes,
) -> Finding {
    let costs: Vec<f64> = votes
        .pairs
        .iter()
        .flat_map(|pair| pair.judges.values())
        .flat_map(|presentations| &presentations.presentations)
        .filter_map(|presentation| presentation.judgment.cost_usd)
        .collect();
    let price = crate::stats::mean::mean(&costs).filter(|price| *price > 0.0);
    let costs = Costs { answer: price.map_or(1.0, |price| 0.1 * price), verdict: price.unwrap_or(1.0) };
    let best = purchases(found, now, costs)[0];
    let cost = match price {
        Some(_) => Cost::UsDollars(best.extra_cost),
        None => Cost::AnswersAndVerdicts(best.extra_cost),
    };
    let sentence = wording::buy_next(best.what, cost, found.of_mean(now).sqrt(), best.se);
    Finding::said(
        "buy next",
        sentence,
        &format!("plan.json seed {}, cost_usd in judgments.jsonl", rows.plan.seed),
    )
}

/// Win rates of single repeats and settings, against what chance alone spreads.
fn repeats(rows: &Rows, votes: &Votes) -> Vec<Finding> {
    let samples = rows.plan.samples();
    if samples < 2 {
        return Vec::new();
    }
    let planned = &rows.plan.headline;
    let all: Vec<&PairVotes> = votes.of(planned).collect();
    let panel = panel(&all);
    let mut findings = Vec::new();
    let mut table: BTreeMap<&str, Vec<Option<f64>>> = BTreeMap::new();
    for sample in 0..samples {
        let pairs: Vec<&PairVotes> = all.iter().copied().filter(|v| v.pair.arm.sample == sample).collect();
        let scores = prompt_scores(&pairs, &panel);
        for score in &scores {
            table.entry(score.prompt_id).or_insert_with(|| vec![None; samples as usize])[sample as usize] =
                Some(score.score);
        }
        let sampling = rows.plan.sampling_of(sample);
        let label = format!(
            "repeat {} at temperature {}, {} tokens",
            sample % rows.plan.samples_per_prompt + 1,
            sampling.temperature,
            sampling.max_new_tokens
        );
        findings.extend(win_rate(&scores, (&planned.arm, &planned.against), rules(rows)).map(|rate| {
            Finding {
                label: label.clone(),
                sentence: String::new(),
                estimate: Some(rate.estimate),
                measure: FindingMeasure::Share,
                p: None,
                rows: format!("completions.jsonl sample = {sample}"),
            }
        }));
    }
    let complete: Vec<Vec<f64>> =
        table.into_values().filter_map(|row| row.into_iter().collect::<Option<Vec<f64>>>()).collect();
    findings.extend(variance_of_repeats(complete, rows.plan.seed));
    findings
}

/// Deals each prompt's scores among its repeats: under chance alone the repeats' means spread as much.
fn variance_of_repeats(table: Vec<Vec<f64>>, seed: u64) -> Option<Finding> {
    let spread = |table: &[Vec<f64>]| {
        let columns = table[0].len();
        let means: Vec<f64> =
            (0..columns).map(|c| table.iter().map(|row| row[c]).sum::<f64>() / table.len() as f64).collect();
        crate::stats::mean::variance(&means).unwrap_or(0.0).sqrt()
    };
    table.first()?;
    let observed = spread(&table);
    let mut rng = Rng::for_purpose(seed, &["repeats"]);
    let (mut reached, mut total, mut dealt) = (0, 0.0, table.clone());
    for _ in 0..DRAWS {
        dealt.iter_mut().for_each(|row| rng.shuffle(row));
        let found = spread(&dealt);
        total += found;
        reached += usize::from(found >= observed - 1e-12);
    }
    let p = (reached + 1) as f64 / (DRAWS + 1) as f64;
    let sentence = wording::spread(100.0 * observed, 100.0 * total / DRAWS as f64, p <= 0.05);
    Some(Finding { p: Some(p), ..Finding::said("spread over repeats", sentence, "completions.jsonl sample") })
}

/// Davidson strengths of all arms that met, beside the base, with one band for the whole curve.
pub fn curve(rows: &Rows, votes: &Votes) -> FindingGroup {
    let base = rows.plan.arms.iter().position(|arm| arm.kind == ArmKind::Base);
    let mut order: Vec<&str> = base.map(|at| rows.plan.arms[at].name.as_str()).into_iter().collect();
    order.extend(
        rows.plan.arms.iter().enumerate().filter(|(i, _)| Some(*i) != base).map(|(_, arm)| arm.name.as_str()),
    );
    let clusters: Vec<&str> = votes.pairs.iter().map(|v| v.pair.prompt.cluster_id.as_str()).collect();
    let (cluster_of, count) = positions(&clusters);
    let mut meetings = Vec::new();
    for (votes, cluster) in votes.pairs.iter().zip(cluster_of) {
        let scores: Vec<f64> =
            votes.judges.values().filter(|c| !c.is_apart).filter_map(JudgePresentations::score).collect();
        let place = |name: &str| order.iter().position(|known| *known == name);
        let met = place(&votes.pair.planned.arm).zip(place(&votes.pair.planned.against));
        let Some((one, other)) = met.filter(|_| !scores.is_empty()) else { continue };
        let part = |wanted: fn(f64) -> bool| {
            scores.iter().filter(|s| wanted(**s)).count() as f64 / scores.len() as f64
        };
        let (wins, losses) = (part(|s| s > 0.5), part(|s| s < 0.5));
        meetings.push(Meeting { cluster, one, other, wins, ties: 1.0 - wins - losses, losses });
    }
    let mut met: Vec<usize> = meetings.iter().flat_map(|m| [m.one, m.other]).collect();
    met.sort_unstable();
    met.dedup();
    let renumber = |arm: usize| met.iter().position(|known| *known == arm).unwrap_or(0);
    meetings.iter_mut().for_each(|m| (m.one, m.other) = (renumber(m.one), renumber(m.other)));
    let mut rng = Rng::for_purpose(rows.plan.seed, &["strengths"]);
    let found = strengths(&meetings, met.len(), count, rows.plan.alpha, RESAMPLES, &mut rng);
    let findings = match found {
        None => vec![Finding::said("strengths", wording::NO_STRENGTHS.to_owned(), "judgments.jsonl")],
        Some(found) => found
            .iter()
            .zip(&met[1..])
            .map(|(strength, arm)| Finding {
                label: order[*arm].to_owned(),
                sentence: String::new(),
                estimate: Some(figure(
                    strength.log_odds,
                    strength.band,
                    count,
                    "prompts",
                    "Davidson, simultaneous max-|t| band over prompts",
                )),
                measure: FindingMeasure::Coefficient,
                p: None,
                rows: "judgments.jsonl, all comparisons".to_owned(),
            })
            .collect(),
    };
    FindingGroup::new("strengths", findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_that_cannot_be_taken_apart_says_which_reason_it_is() {
        let scores = |values: &[f64], same_prompt: bool| -> Vec<Score> {
            let score = |(prompt, value): (usize, &f64)| Score {
                prompt: if same_prompt { 0 } else { prompt },
                generation: 0,
                judge: 0,
                value: *value,
            };
            values.iter().enumerate().map(score).collect()
        };
        for (scores, says) in [
            (scores(&[], false), "no vote counts yet"),
            (scores(&[1.0, 0.0], true), "on one prompt only"),
            (scores(&[1.0, 1.0, 1.0], false), "all votes on the 3 prompts say the same"),
        ] {
            assert_eq!(components(&scores).map(|_| ()), None);
            let said = wording::no_components(why_no_components(&scores));
            assert!(said.contains(says), "{said}");
        }
    }
}
