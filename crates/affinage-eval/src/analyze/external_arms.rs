//! Arms that the plan's run did not make: what is known of them, and what nobody here can know.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::checks::LEAK_FROM;
use crate::analysis::{CheckState, MethodCheck};
use crate::completion::Served;
use crate::judge::family::family;
use crate::plan::{Arm, ArmKind};
use crate::wording::external_arms as wording;

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
            let sentence = wording::related(judge, &arm.name);
            said(CheckState::Tip, sentence);
        }
    }
    let advice = match state {
        CheckState::Issue => Some(wording::DOUBTFUL),
        CheckState::Tip => Some(wording::SAY_SO),
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
        let sentence = wording::trained_on(version, &names, most);
        (if most < LEAK_FROM { CheckState::Passed } else { CheckState::Issue }, sentence)
    };
    let mut sentences: Vec<(CheckState, String)> = known.into_iter().map(of_version).collect();
    if !unknown.is_empty() {
        sentences.push((CheckState::Tip, wording::training_unknown(&unknown)));
    }
    sentences
}

/// What the server said of itself.
fn served(rows: &Rows, arm: &Arm, model: &str, base_url: &str) -> (CheckState, String) {
    let answers = rows.completions.values().filter(|completion| completion.arm == arm.name);
    let said: Vec<&Served> = answers.filter_map(|completion| completion.served.as_ref()).collect();
    let models: BTreeSet<&str> = said.iter().filter_map(|served| served.model.as_deref()).collect();
    let refused: BTreeSet<&str> =
        said.iter().flat_map(|served| &served.refused).map(String::as_str).collect();
    let (models, refused) = (Vec::from_iter(models), Vec::from_iter(refused));
    let sentence = wording::served(&arm.name, model, base_url, &models, &refused);
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
