//! What was planned before the first answer, what was looked at beyond it, and how far the result reaches.

use std::collections::{BTreeMap, BTreeSet};

use super::comparisons::{panel, prompt_scores, rules};
use super::estimate::figure;
use super::votes::{PairVotes, Votes};
use super::win_rate::win_rate;
use super::{Around, Rows};
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::judgment::is_person;
use crate::plain::counted;
use crate::stats::mean::mean_t;
use crate::wording::estimate::percent;

/// Seeds that a sentence about a recipe needs.
const SEEDS_OF_A_RECIPE: usize = 3;

/// What was planned, what was looked at beyond it, and how far the result reaches.
pub fn planned(rows: &Rows, votes: &Votes, around: Around) -> FindingGroup {
    let plan = rows.plan;
    let mut findings = vec![reach(rows, votes, around)];
    if let Some(schedule) = &plan.design.schedule {
        let step = plan.arm(&plan.headline.arm).and_then(|arm| arm.step()).unwrap_or(0);
        let last = plan.arms.iter().filter_map(|arm| arm.step()).max().unwrap_or(0);
        let whole = match (step == last, step == schedule.steps && schedule.is_finished) {
            (false, _) => format!(
                "The headline is step {step}, not the last one that was evaluated ({last}): chosen among many, its figures are too good."
            ),
            (true, true) => format!("The headline is the planned last step, {step} of {}.", schedule.steps),
            (true, false) => format!(
                "The headline is step {step} of a schedule of {}: an early checkpoint is not what a shorter training would give.",
                schedule.steps
            ),
        };
        findings.push(Finding::said("last or best", whole, "plan.json, events.jsonl"));
    }
    let own = around.looks.map(|looks| {
        let earlier: Vec<String> = looks
            .earlier
            .iter()
            .map(|e| {
                format!(
                    "{} ({} shared, looked at {})",
                    e.evaluation,
                    counted(e.shared_prompts, "prompt", "prompts"),
                    counted(e.looks, "time", "times")
                )
            })
            .collect();
        let before = match earlier.is_empty() {
            true => "No evaluation looked at these prompts before.".to_owned(),
            false => format!("Looked at before by {}.", earlier.join(", ")),
        };
        let label = match (plan.design.is_final, looks.is_adapted) {
            (true, _) => " The sealed reserve was opened for it, once.",
            (_, true) => " Run or data changed since: this result is adapted, not fresh.",
            _ => "",
        };
        format!("{before}{label}")
    });
    findings.extend(own.map(|sentence| Finding::said("looks", sentence, "evals/history.jsonl")));
    let unplanned: Vec<&str> = rows
        .judge_ids()
        .into_iter()
        .filter(|id| !is_person(id) && plan.judges.iter().all(|j| j.judge_id != *id))
        .collect();
    let beyond = match unplanned.as_slice() {
        [] => "Judges are those of the plan.".to_owned(),
        ids => format!("Beyond the plan: judges {}.", ids.join(", ")),
    };
    findings.push(Finding::said(
        "planned and beyond",
        format!(
            "{} planned before the first answer, {} with votes. {beyond} Categories, readers, profiles and disagreement are looked at \
             beyond it: they raise questions; they settle none.",
            counted(plan.comparisons.len(), "comparison", "comparisons"),
            counted(votes.pairs.iter().filter(|v| !v.judges.is_empty()).count(), "pair", "pairs")
        ),
        "plan.json",
    ));
    for left_out in &plan.design.left_out {
        let sentence = format!("`{}` was not asked: {}.", left_out.arm, left_out.because);
        findings.push(Finding::said("left out", sentence, "plan.json"));
    }
    findings.extend(stopped(rows, votes));
    if plan.design.instruction_is_default && plan.arms.iter().any(|arm| arm.name == "base+prompt") {
        let sentence = "The written instruction is the program's plain one: `eval.system-prompt` takes a better one, without which nobody can say \"better than asking well\".";
        findings.push(Finding::said("instruction", sentence.to_owned(), "plan.json"));
    }
    FindingGroup::new(
        "planned",
        "A figure that was planned once and looked at once means what it says. Each extra look makes a lucky finding more likely.",
        findings,
    )
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
    let sentence = format!(
        "Judging could stop at any look: {} of {all} prompts were judged. {} E of {needed:.0}; intervals of a fixed number of \
         prompts do not hold under stopping, the confidence sequence does.",
        looked.len(),
        match plan.comparisons.len() {
            1 => "Its one comparison needs".to_owned(),
            n => format!("Each of {n} comparisons needs"),
        }
    );
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
        let so_far = if n > 1 { format!("; {n} are there so far") } else { String::new() };
        let sentence = format!(
            "This is about one training run: another with the same settings may turn out differently. To say something about \
             the settings, train {SEEDS_OF_A_RECIPE} times to the end with different `train.seed` and evaluate each{so_far}."
        );
        return Finding::said("reach", sentence, "plan.json of all evaluations");
    }
    let rates: Vec<f64> = seeds.into_values().collect();
    let estimate = mean_t(&rates, 0.05).map(|m| {
        let bounds = (m.interval.0.max(0.0), m.interval.1.min(1.0));
        figure(m.mean, bounds, rates.len(), "training seeds", "t over training seeds")
    });
    let figures = estimate.as_ref().map_or(String::new(), percent);
    Finding {
        label: "recipe".to_owned(),
        sentence: format!(
            "Over {n} training seeds of this recipe the win rate is {figures}: about the recipe, on these prompts."
        ),
        estimate,
        measure: FindingMeasure::Share,
        p: None,
        rows: "analysis.json of the evaluations of all seeds".to_owned(),
    }
}
