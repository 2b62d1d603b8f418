//! The A/A test: one model under two seeds goes through the whole pipeline. Its true win rate is one half, so whatever
//! is found is the pipeline's own doing.

use super::Rows;
use super::judges::is_shown;
use crate::analysis::{CheckState, ComparisonResult, JudgeResult, MethodCheck};
use crate::wording::null_test::{self as wording, End, Found};

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
        return Some(made(CheckState::Skipped, wording::NOT_JUDGED.to_owned(), None));
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
    let found = Found { rate, e_value, alarm_from: ALARM, margin, effects: &effects };
    let said = |state, end, advice| Some(made(state, wording::sentence(&found, end), advice));
    match () {
        () if e_value >= ALARM => said(CheckState::Issue, End::Alarm, Some(wording::ALARM_ADVICE)),
        () if !effects.is_empty() => said(CheckState::Tip, End::Figures, Some(wording::EFFECTS_ADVICE)),
        () if decisive < ENOUGH => said(CheckState::Tip, End::Few { decisive, needed: ENOUGH }, None),
        () if margin < rows.plan.margin => said(CheckState::Passed, End::Figures, None),
        () => said(CheckState::Tip, End::Wide(rows.plan.margin), None),
    }
}
