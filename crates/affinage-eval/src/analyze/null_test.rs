//! The A/A test: one model under two seeds goes through the whole pipeline. Its true win rate is one half, so whatever
//! is found is the pipeline's own doing.

use super::Rows;
use super::judges::is_shown;
use crate::analysis::{CheckState, ComparisonResult, JudgeResult, MethodCheck};

/// An e-value from which chance is no explanation.
const ALARM: f64 = 20.0;
/// Decisive prompts from which a pass can be said: with fewer only an alarm can.
const ENOUGH: usize = 200;

/// `None` unless the evaluation is an A/A test.
pub fn check(rows: &Rows, comparisons: &[ComparisonResult], judges: &[JudgeResult]) -> Option<MethodCheck> {
    if !rows.plan.is_null_test() {
        return None;
    }
    let made = |state, sentence: String, advice: Option<&str>| MethodCheck {
        code: "A012".to_owned(),
        title: "A/A test".to_owned(),
        state,
        sentence,
        advice: advice.map(str::to_owned),
    };
    let rate =
        comparisons.iter().find(|result| result.is_headline).and_then(|result| result.overall.as_ref());
    let Some(rate) = rate else {
        return Some(made(CheckState::Skipped, "No pair was judged in both orders.".to_owned(), None));
    };
    let decisive = rate.wins + rate.losses;
    // The half-width that the 95 % interval of the win rate leaves possible.
    let margin = rate
        .estimate
        .interval
        .map_or(0.5, |interval| (interval.high - 0.5).max(0.5 - interval.low).clamp(0.0, 0.5));
    let e_value = rate.e_value.unwrap_or(1.0);
    let effects: Vec<&str> = judges
        .iter()
        .filter(|judge| judge.in_panel)
        .flat_map(|judge| {
            let position = is_shown(judge.slot_effect.as_ref()).then_some(judge.slot_sentence.as_str());
            let label = is_shown(judge.label_effect.as_ref()).then_some(judge.label_sentence.as_str());
            [position, label]
        })
        .flatten()
        .collect();
    let figures = format!(
        "One model under two seeds: {}, e-value {e_value:.2} (alarm from {ALARM:.0}); a bias of more \
         than {:.0} points is excluded.",
        rate.outcomes(),
        100.0 * margin
    );
    let with_effects = [&[figures.as_str()], effects.as_slice()].concat().join(" ");
    Some(if e_value >= ALARM {
        made(
            CheckState::Issue,
            format!("Alarm: {with_effects}"),
            Some(
                "the pipeline prefers one of two equal models: believe no win rate until the cause is found",
            ),
        )
    } else if !effects.is_empty() {
        made(
            CheckState::Tip,
            with_effects,
            Some("both orders are judged, so position and label cancel in the win rate"),
        )
    } else if decisive < ENOUGH {
        let few = format!(
            "{figures} No alarm; from {ENOUGH} decisive prompts on a pass could be said, here are {decisive}."
        );
        made(CheckState::Tip, few, None)
    } else if margin < rows.plan.margin {
        made(CheckState::Passed, figures, None)
    } else {
        made(
            CheckState::Tip,
            format!("{figures} That is more than the margin of {:.0} points.", 100.0 * rows.plan.margin),
            None,
        )
    })
}
