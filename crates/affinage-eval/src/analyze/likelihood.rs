//! Likelihood of the held-out texts ("fit to your texts" on the page), paired per document, beside its controls.

use std::collections::BTreeMap;

use super::Rows;
use super::estimate::{ANY, Observation, clustered};
use crate::analysis::{ArmLikelihood, ArmLikelihoodPerCharacter, LikelihoodGain, LikelihoodResult};
use crate::likelihood::{LikelihoodControl, LikelihoodRow};
use crate::plan::ArmKind;
use crate::stats::mean::mean;
use crate::wording::likelihood as wording;

/// `None` without likelihood rows of the base.
pub fn result(rows: &Rows) -> Option<LikelihoodResult> {
    let base = rows.plan.arms.iter().find(|arm| arm.kind == ArmKind::Base)?;
    let of_arm = |name: &str| -> RowsOfArm {
        let rows = rows.fit.iter().filter(|row| row.arm == name && row.tokens > 0);
        rows.map(|row| ((row.control, row.prompt_id.as_str()), row)).collect()
    };
    let base_rows = of_arm(&base.name);
    let mut base_nll_per_token = BTreeMap::new();
    for control in [LikelihoodControl::Own, LikelihoodControl::OtherWriter, LikelihoodControl::Shuffled] {
        let values: Vec<f64> = base_rows
            .iter()
            .filter(|((c, _), _)| *c == control)
            .map(|(_, row)| row.nll_per_token())
            .collect();
        base_nll_per_token.extend(mean(&values).map(|value| (control, value)));
    }
    if base_nll_per_token.is_empty() {
        return None;
    }
    let (mut arms, mut per_character) = (Vec::new(), Vec::new());
    for arm in rows.plan.arms.iter().filter(|arm| arm.name != base.name) {
        let arm_rows = of_arm(&arm.name);
        if arm_rows.iter().any(|(key, row)| base_rows.get(key).is_some_and(|base| base.tokens != row.tokens))
        {
            per_character.extend(in_characters(rows, &arm.name, &base_rows, &arm_rows));
            continue;
        }
        let controls: Vec<LikelihoodGain> = base_nll_per_token
            .keys()
            .filter_map(|control| gain(rows, *control, &base_rows, &arm_rows))
            .collect();
        if !controls.is_empty() {
            let sentence = wording::sentence(&arm.name, &controls);
            arms.push(ArmLikelihood { arm: arm.name.clone(), step: arm.step(), controls, sentence });
        }
    }
    let not_scored = rows.plan.arms.iter().filter(|arm| matches!(arm.kind, ArmKind::Remote { .. }));
    Some(LikelihoodResult {
        arms,
        per_character,
        not_scored: not_scored.map(|arm| arm.name.clone()).collect(),
        explanation: wording::explanation(|control| base_nll_per_token.contains_key(&control)),
        base_nll_per_token,
    })
}

/// Likelihood rows of an arm by control and prompt.
type RowsOfArm<'a> = BTreeMap<(LikelihoodControl, &'a str), &'a LikelihoodRow>;

/// The user's own texts, where the tokens of the two models differ.
fn in_characters(
    rows: &Rows,
    name: &str,
    base: &RowsOfArm,
    arm: &RowsOfArm,
) -> Option<ArmLikelihoodPerCharacter> {
    let own = arm.iter().filter(|((control, _), _)| *control == LikelihoodControl::Own);
    let observations: Vec<Observation> = own
        .filter_map(|((control, prompt_id), row)| {
            let base_row = base.get(&(*control, *prompt_id))?;
            let cluster = rows.prompts.get(prompt_id).map_or(*prompt_id, |prompt| prompt.cluster_id.as_str());
            Some(Observation { value: base_row.nll_per_character() - row.nll_per_character(), cluster })
        })
        .collect();
    let gain = clustered(&observations, ANY, "documents")?;
    let sentence = wording::per_character(name, &gain);
    Some(ArmLikelihoodPerCharacter { arm: name.to_owned(), gain, sentence })
}

fn gain(
    rows: &Rows,
    control: LikelihoodControl,
    base: &RowsOfArm,
    arm: &RowsOfArm,
) -> Option<LikelihoodGain> {
    let mut observations = Vec::new();
    let mut nll = Vec::new();
    for ((_, prompt_id), row) in arm.iter().filter(|((c, _), _)| *c == control) {
        let Some(base_row) = base.get(&(control, prompt_id)) else {
            continue;
        };
        let cluster = rows.prompts.get(prompt_id).map_or(*prompt_id, |prompt| prompt.cluster_id.as_str());
        observations.push(Observation { value: base_row.nll_per_token() - row.nll_per_token(), cluster });
        nll.push(row.nll_per_token());
    }
    Some(LikelihoodGain {
        control,
        lower_on: observations.iter().filter(|o| o.value > 0.0).count(),
        gain: clustered(&observations, ANY, "documents")?,
        arm_nll_per_token: mean(&nll)?,
    })
}
