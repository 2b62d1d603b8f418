//! What can be counted in the answers themselves: the style markers and the faults.

use std::collections::BTreeMap;

use super::Rows;
use super::estimate::{Observation, RATE, clustered, mean_words};
use crate::analysis::{ArmFailureRates, ArmStyleMarkers, Estimate, Interval, StyleMarkersResult};
use crate::completion::Completion;
use crate::failure_rates::{Faults, faults};
use crate::plan::{Arm, ArmKind};
use crate::stats::mean::mean;
use crate::stats::proportion::wilson;
use crate::style_markers::{Marks, marker_fitness, marks};
use crate::suite::Domain;
use crate::wording::texts::{self as wording, Faulty};

/// Marks of an arm's in-domain answers, by prompt: (cluster, answers).
type MarksByPrompt<'a> = BTreeMap<&'a str, (&'a str, Vec<Marks>)>;

/// `None` without in-domain answers of the base or without references.
pub fn style_markers(rows: &Rows) -> Option<StyleMarkersResult> {
    let base = rows.plan.arms.iter().find(|arm| arm.kind == ArmKind::Base)?;
    let base_marks = marks_by_prompt(rows, &base.name);
    let in_domain = rows.prompts.values().filter(|prompt| prompt.domain == Domain::In);
    let references: Vec<Marks> = in_domain.filter_map(|p| p.reference.as_deref()).map(marks).collect();
    let flat: Vec<Marks> = base_marks.values().flat_map(|(_, marks)| marks).copied().collect();
    if flat.is_empty() || references.is_empty() {
        return None;
    }
    let fitness = marker_fitness(&flat, &references);
    let shown: &[Arm] = if fitness.fit_to_show { &rows.plan.arms } else { &[] };
    let arms = shown.iter().filter_map(|arm| arm_style_markers(rows, arm, base, &base_marks)).collect();
    Some(StyleMarkersResult { fitness, arms, rules: wording::MARKER_RULES.map(str::to_owned).to_vec() })
}

fn marks_by_prompt<'a>(rows: &'a Rows, arm: &str) -> MarksByPrompt<'a> {
    let mut by_prompt: MarksByPrompt = BTreeMap::new();
    for completion in rows.completions.values().filter(|completion| completion.arm == arm) {
        let prompt = rows.prompts[completion.prompt_id.as_str()];
        if prompt.domain == Domain::In && !completion.is_lost_in_thought() {
            let entry = by_prompt.entry(&prompt.prompt_id).or_insert((&prompt.cluster_id, Vec::new()));
            entry.1.push(marks(completion.answer()));
        }
    }
    by_prompt
}

fn share_with(marks: &[Marks], has: impl Fn(&Marks) -> bool) -> f64 {
    marks.iter().filter(|marks| has(marks)).count() as f64 / marks.len() as f64
}

fn arm_style_markers(
    rows: &Rows,
    arm: &Arm,
    base: &Arm,
    base_marks: &MarksByPrompt,
) -> Option<ArmStyleMarkers> {
    let arm_marks = marks_by_prompt(rows, &arm.name);
    let all = |marks: &Vec<Marks>| share_with(marks, |m| m.all());
    let observations: Vec<Observation> =
        arm_marks.values().map(|(cluster, marks)| Observation { value: all(marks), cluster }).collect();
    let all_marks = clustered(&observations, RATE, "prompts")?;
    let paired: Vec<Observation> = arm_marks
        .iter()
        .filter_map(|(prompt_id, (cluster, marks))| {
            let value = all(marks) - all(&base_marks.get(prompt_id)?.1);
            Some(Observation { value, cluster })
        })
        .collect();
    let difference_to_base = if arm.name == base.name { None } else { super::objective::difference(&paired) };
    let flat: Vec<Marks> = arm_marks.values().flat_map(|(_, marks)| marks).copied().collect();
    let sentence = wording::marks(&arm.name, &all_marks, difference_to_base.as_ref());
    Some(ArmStyleMarkers {
        arm: arm.name.clone(),
        step: arm.step(),
        all_marks,
        image: share_with(&flat, |m| m.image),
        distinction: share_with(&flat, |m| m.distinction),
        closing_question: share_with(&flat, |m| m.closing_question),
        difference_to_base,
        sentence,
    })
}

/// Faults per arm, in the order of the plan.
pub fn failure_rates(rows: &Rows) -> Vec<ArmFailureRates> {
    rows.plan.arms.iter().map(|arm| arm_failure_rates(rows, arm)).collect()
}

/// A count as a share; answers are taken as independent.
fn wilson_share(k: usize, n: usize) -> Option<Estimate> {
    let (low, high) = wilson(k as f64, n as f64, 0.05)?;
    Some(Estimate {
        value: k as f64 / n as f64,
        interval: Some(Interval { low, high, level: 0.95 }),
        n,
        n_effective: n as f64,
        unit: "answers".to_owned(),
        method: "Wilson, answers taken as independent".to_owned(),
    })
}

fn arm_failure_rates(rows: &Rows, arm: &Arm) -> ArmFailureRates {
    let answers: Vec<&Completion> =
        rows.completions.values().copied().filter(|c| c.arm == arm.name).collect();
    let found: Vec<Faults> = answers.iter().map(|completion| faults(completion)).collect();
    let count = |has: fn(&Faults) -> bool| found.iter().filter(|faults| has(faults)).count();
    let (refusals, loops) = (count(|f| f.refusal), count(|f| f.looping));
    let (truncated, empty) = (count(|f| f.truncated), count(|f| f.empty));
    let said = answers.iter().filter(|completion| !completion.is_lost_in_thought());
    let tokens: Vec<f64> = said.filter_map(|c| c.answer_tokens()).map(|tokens| tokens as f64).collect();
    let lost = count(|f| f.lost_in_thought);
    let sentence = wording::faults(
        &arm.name,
        Faulty { answers: answers.len(), truncated, loops, refusals, empty, lost },
    );
    ArmFailureRates {
        arm: arm.name.clone(),
        answers: answers.len(),
        refusals,
        loops,
        truncated,
        empty,
        shares: [refusals, loops, truncated, empty]
            .into_iter()
            .filter_map(|k| wilson_share(k, answers.len()))
            .collect(),
        mean_words: mean_words(
            answers.iter().filter(|c| !c.is_lost_in_thought()).map(|completion| completion.answer()),
        ),
        mean_tokens: mean(&tokens).unwrap_or(0.0),
        sentence,
    }
}
