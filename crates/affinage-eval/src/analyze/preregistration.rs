//! What was planned before the first answer, what was looked at beyond it, and how far the result reaches.

use std::collections::{BTreeMap, BTreeSet};

use super::comparisons::{panel, prompt_scores, rules};
use super::estimate::figure;
use super::votes::{PairVotes, Votes};
use super::win_rate::win_rate;
use super::{Around, Rows};
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::judgment::is_person;
use crate::stats::mean::mean_t;
use crate::wording::preregistration::{self as wording, Place};

/// Seeds that a sentence about a recipe needs.
const SEEDS_OF_A_RECIPE: usize = 3;

/// What was planned, what was looked at beyond it, and how far the result reaches.
pub fn planned(rows: &Rows, votes: &Votes, around: Around) -> FindingGroup {
    let plan = rows.plan;
    let mut findings = vec![reach(rows, votes, around)];
    if let Some(schedule) = &plan.design.schedule {
        let step = plan.arm(&plan.headline.arm).and_then(|arm| arm.step()).unwrap_or(0);
        let last = plan.arms.iter().filter_map(|arm| arm.step()).max().unwrap_or(0);
        let place = match (step == last, step == schedule.steps && schedule.is_finished) {
            (false, _) => Place::NotLast { last },
            (true, true) => Place::PlannedLast,
            (true, false) => Place::Early,
        };
        let whole = wording::last_or_best(step, schedule.steps, place);
        findings.push(Finding::said("last or best", whole, "plan.json, events.jsonl"));
    }
    let own = around.looks.map(|looks| wording::looks(looks, plan.design.is_final));
    findings.extend(own.map(|sentence| Finding::said("looks", sentence, "evals/history.jsonl")));
    let unplanned: Vec<&str> = rows
        .judge_ids()
        .into_iter()
        .filter(|id| !is_person(id) && plan.judges.iter().all(|j| j.judge_id != *id))
        .collect();
    let with_votes = votes.pairs.iter().filter(|v| !v.judges.is_empty()).count();
    let beyond = wording::beyond(plan.comparisons.len(), with_votes, &unplanned);
    findings.push(Finding::said("planned and beyond", beyond, "plan.json"));
    for left_out in &plan.design.left_out {
        findings.push(Finding::said("left out", wording::left_out(left_out), "plan.json"));
    }
    findings.extend(stopped(rows, votes));
    if plan.design.instruction_is_default && plan.arms.iter().any(|arm| arm.name == "base+prompt") {
        findings.push(Finding::said("instruction", wording::PLAIN_INSTRUCTION.to_owned(), "plan.json"));
    }
    FindingGroup::new("planned", findings)
}

/// Where judging stopped, under a plan that may stop.
fn stopped(rows: &Rows, votes: &Votes) -> Option<Finding> {
    let plan = rows.plan;
    if !plan.design.stops_early {
        return None;
    }
    let all = crate::interim::order(plan.seed, &rows.sorted_prompts).len();
    let looked: BTreeSet<&str> = votes.pairs.iter().map(|v| v.pair.prompt.prompt_id.as_str()).collect();
    let needed = crate::stats::evalue::threshold(plan.comparisons.len(), plan.alpha);
    let sentence = wording::stopped(looked.len(), all, plan.comparisons.len(), needed);
    Some(Finding::said("stopping", sentence, "plan.json, judgments.jsonl"))
}

/// This adapter, or its recipe? Three seeds with finished schedules make the second possible.
fn reach(rows: &Rows, votes: &Votes, around: Around) -> Finding {
    let own = rows.plan.design.schedule.as_ref();
    let planned = &rows.plan.headline;
    let pairs: Vec<&PairVotes> = votes.of(planned).collect();
    let rate =
        win_rate(&prompt_scores(&pairs, &panel(&pairs)), (&planned.arm, &planned.against), rules(rows));
    let mut seeds: BTreeMap<u64, f64> =
        around.siblings.iter().filter(|s| s.is_finished).map(|s| (s.seed, s.win_rate)).collect();
    if let (Some(own), Some(rate)) = (own.filter(|schedule| schedule.is_finished), rate) {
        seeds.insert(own.seed, rate.estimate.value);
    }
    let n = seeds.len();
    if n < SEEDS_OF_A_RECIPE || !own.is_some_and(|schedule| schedule.is_finished) {
        let sentence = wording::one_training(n, SEEDS_OF_A_RECIPE);
        return Finding::said("reach", sentence, "plan.json of all evaluations");
    }
    let rates: Vec<f64> = seeds.into_values().collect();
    let estimate = mean_t(&rates, 0.05).map(|m| {
        let bounds = (m.interval.0.max(0.0), m.interval.1.min(1.0));
        figure(m.mean, bounds, rates.len(), "training seeds", "t over training seeds")
    });
    Finding {
        label: "recipe".to_owned(),
        sentence: wording::recipe(n, estimate.as_ref()),
        estimate,
        measure: FindingMeasure::Share,
        p: None,
        rows: "analysis.json of the evaluations of all seeds".to_owned(),
    }
}
