//! The figures of every checkpoint side by side.

use super::Rows;
use crate::analysis::{
    BestValidation, CheckpointCurve, CheckpointPoint, ComparisonResult, Estimate, LikelihoodResult,
    ObjectiveResult, StyleMarkersResult, WinRate,
};
use crate::likelihood::LikelihoodControl;
use crate::plan::{ArmKind, Plan};
use crate::wording::checkpoints as wording;

/// Points in the order of steps, each from the results that the tables show.
pub fn curve(
    rows: &Rows,
    comparisons: &[ComparisonResult],
    fit: Option<&LikelihoodResult>,
    voice: Option<&StyleMarkersResult>,
    objective: &[ObjectiveResult],
) -> CheckpointCurve {
    let base = rows.plan.arms.iter().find(|arm| arm.kind == ArmKind::Base).map(|arm| arm.name.as_str());
    let mut points: Vec<CheckpointPoint> = Vec::new();
    for arm in &rows.plan.arms {
        let (Some(step), Some(adapter_sha256)) = (arm.step(), arm.adapter_sha256()) else {
            continue;
        };
        let gain = |control: LikelihoodControl| -> Option<Estimate> {
            let arm_likelihood = fit?.arms.iter().find(|found| found.arm == arm.name)?;
            Some(arm_likelihood.controls.iter().find(|gain| gain.control == control)?.gain.clone())
        };
        let compared = comparisons
            .iter()
            .find(|result| result.planned.arm == arm.name && Some(result.planned.against.as_str()) == base);
        let rate = |rate: Option<&WinRate>| rate.map(|rate| rate.estimate.clone());
        let marks = voice.and_then(|voice| voice.arms.iter().find(|found| found.arm == arm.name));
        let checked = objective.iter().find(|found| found.arm == arm.name && found.category.is_none());
        points.push(CheckpointPoint {
            arm: arm.name.clone(),
            step,
            adapter_sha256: adapter_sha256.to_owned(),
            fit_gain: gain(LikelihoodControl::Own),
            fit_gain_other_writer: gain(LikelihoodControl::OtherWriter),
            fit_gain_shuffled: gain(LikelihoodControl::Shuffled),
            voice: marks.map(|marks| marks.all_marks.clone()),
            win_rate: rate(compared.and_then(|result| result.overall.as_ref())),
            win_rate_in_domain: rate(compared.and_then(|result| result.in_domain.as_ref())),
            objective: checked.map(|checked| checked.correct.clone()),
        });
    }
    points.sort_by_key(|point| point.step);
    let sentence = wording::curve(&points);
    CheckpointCurve { points, sentence, best_validation: None }
}

/// Validation losses this close are one: noise of a few rows.
const SAME_LOSS: f64 = 0.005;

/// The lowest validation loss after step 0, where it is clearly lower than at the headline's step.
pub fn best_validation(plan: &Plan, validation: &[(u64, f64)]) -> Option<BestValidation> {
    let step = plan.arm(&plan.headline.arm)?.step()?;
    let (_, loss) = *validation.iter().find(|(at, _)| *at == step)?;
    let trained = validation.iter().filter(|(at, loss)| *at > 0 && loss.is_finite());
    let (best_step, best_loss) = *trained.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (loss - best_loss > SAME_LOSS).then_some(BestValidation { best_step, best_loss, step, loss })
}
