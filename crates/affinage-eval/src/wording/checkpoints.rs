//! Sentences about the checkpoints side by side.

use crate::analysis::CheckpointPoint;

/// How many checkpoints there are, in the order of their steps, and how many were judged against the base.
pub fn curve(points: &[CheckpointPoint]) -> String {
    match points {
        [] => "The plan has no checkpoint.".to_owned(),
        [only] => format!("One checkpoint, `{}`, is in the plan: a curve of win rates needs more.", only.arm),
        [first, .., last] => {
            let judged = points.iter().filter(|point| point.win_rate.is_some()).count();
            format!(
                "{} checkpoints, step {} to {}, {judged} of them judged against the base. An early checkpoint is not \
                 what a shorter training would give.",
                points.len(),
                first.step,
                last.step
            )
        }
    }
}
