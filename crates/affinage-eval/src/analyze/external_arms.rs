//! Arms that the plan's run did not make: what is known of them, and what nobody here can know.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::checks::LEAK_FROM;
use crate::analysis::{CheckState, MethodCheck};
use crate::completion::Served;
use crate::judge::family::family;
use crate::plan::{Arm, ArmKind};

/// `None` where every arm is the base or a checkpoint of the run.
pub fn check(rows: &Rows) -> Option<MethodCheck> {
    let arms: Vec<&Arm> = rows.plan.arms.iter().filter(|arm| !arm.is_of_plan()).collect();
    if arms.is_empty() {
        return None;
    }
    let mut state = CheckState::Passed;
    let mut sentences = Vec::new();
    let mut said = |found: CheckState, sentence: String| {
        let is_worse = found == CheckState::Issue || state == CheckState::Passed;
        state = if is_worse { found } else { state };
        sentences.push(sentence);
    };
    for (found, sentence) in training(&arms) {
        said(found, sentence);
    }
    for arm in arms {
        if let ArmKind::Remote { model, base_url } = &arm.kind {
            let (found, sentence) = served(rows, arm, model, base_url);
            said(found, sentence);
        }
        for judge in related_judges(rows, arm) {
            let sentence =
                format!("`{judge}` is of the family of `{}`: judges favour their relatives.", arm.name);
            said(CheckState::Tip, sentence);
        }
    }
    let advice = match state {
        CheckState::Issue => {
            Some("its figures may be recitation, or of several models: do not compare with it")
        }
        CheckState::Tip => Some("say so with every figure of theirs"),
        _ => None,
    };
    Some(MethodCheck {
        code: "A017".to_owned(),
        title: "Arms from elsewhere".to_owned(),
        state,
        sentence: sentences.join(" "),
        advice: advice.map(str::to_owned),
    })
}

/// Whether they may have learnt the prompts, those of one data set together.
fn training(arms: &[&Arm]) -> Vec<(CheckState, String)> {
    let mut unknown: Vec<&str> = Vec::new();
    let mut known: BTreeMap<&str, (f64, Vec<&str>)> = BTreeMap::new();
    for arm in arms {
        match &arm.kind {
            ArmKind::Adapter { trained_on: Some(facts), .. } => {
                let most = facts.max_prompt_containment.unwrap_or(0.0);
                known.entry(&facts.version).or_insert((most, Vec::new())).1.push(&arm.name);
            }
            _ => unknown.push(&arm.name),
        }
    }
    let of_version = |(version, (most, names)): (&str, (f64, Vec<&str>))| {
        let sentence = format!(
            "{} trained on {version}; the nearest prompt shares {:.0} % of its five-word sequences with a text of it (limit \
             {:.0} %).",
            were(&names),
            100.0 * most,
            100.0 * LEAK_FROM
        );
        (if most < LEAK_FROM { CheckState::Passed } else { CheckState::Issue }, sentence)
    };
    let mut sentences: Vec<(CheckState, String)> = known.into_iter().map(of_version).collect();
    if !unknown.is_empty() {
        let sentence =
            format!("What {} trained on is not known: these prompts may have been among it.", were(&unknown));
        sentences.push((CheckState::Tip, sentence));
    }
    sentences
}

/// "`a` was", "`a`, `b` and `c` were", "24 arms were".
fn were(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [one] => format!("{one} was"),
        [first @ .., last] if names.len() <= 4 => format!("{} and {last} were", first.join(", ")),
        many => format!("{} arms were", many.len()),
    }
}

/// What the server said of itself.
fn served(rows: &Rows, arm: &Arm, model: &str, base_url: &str) -> (CheckState, String) {
    let answers = rows.completions.values().filter(|completion| completion.arm == arm.name);
    let said: Vec<&Served> = answers.filter_map(|completion| completion.served.as_ref()).collect();
    let models: BTreeSet<&str> = said.iter().filter_map(|served| served.model.as_deref()).collect();
    let refused: BTreeSet<&str> =
        said.iter().flat_map(|served| &served.refused).map(String::as_str).collect();
    let mut sentence = format!(
        "`{}` is {model} behind {base_url}: its weights are unknown and can change under the name",
        arm.name
    );
    if !models.is_empty() {
        let names: Vec<&str> = models.iter().copied().collect();
        sentence.push_str(&format!("; it answered as {}", names.join(" and ")));
    }
    if !refused.is_empty() {
        let names: Vec<&str> = refused.into_iter().collect();
        sentence
            .push_str(&format!("; it refused {}, so its answers are drawn in its own way", names.join(", ")));
    }
    sentence.push('.');
    (if models.len() > 1 { CheckState::Issue } else { CheckState::Tip }, sentence)
}

/// Judges of the same family as the arm.
fn related_judges<'a>(rows: &Rows<'a>, arm: &Arm) -> Vec<&'a str> {
    let named = match &arm.kind {
        ArmKind::Remote { model, .. } => Some(model.as_str()),
        _ => arm.other_model().map(|other| other.model.as_str()),
    };
    let Some(arm_family) = named.and_then(family) else { return Vec::new() };
    let judges = rows.plan.judges.iter().filter(|judge| {
        judge.family.as_deref().or_else(|| family(&judge.model)).is_some_and(|found| found == arm_family)
    });
    judges.map(|judge| judge.judge_id.as_str()).collect()
}
