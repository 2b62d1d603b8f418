//! Sentences about a judge's habits.

use super::estimate::{percent, points};
use crate::analysis::{Estimate, Interval};
use crate::analyze::TESTABLE_PAIRS;
use crate::comparison::REPEATS;
use crate::plain::counted;
use crate::plan::JudgeKind;

/// By what a judge may choose beside the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// A place: the first of two.
    Position,
    /// A name: the first label of a pair.
    Label,
}

/// How far a judge prefers what stands first (an effect above 0) or second; `None` where no pair was judged in both orders.
/// `cancels`: each pair is judged in both orders, else labels are dealt by chance.
pub fn effect(effect: Option<&Estimate>, judge_id: &str, habit: Habit, cancels: bool) -> String {
    let (first, second) = match habit {
        Habit::Position => ("the answer shown first", "the answer shown second"),
        Habit::Label => ("the first label of a pair", "the second label of a pair"),
    };
    let harmless = match cancels {
        true => "both orders are judged, so it cancels",
        false => "labels are dealt by chance, so it costs certainty and favours no arm",
    };
    let Some(effect) = effect else {
        return format!("`{judge_id}` has not judged a pair in both orders.");
    };
    let figures = points(effect);
    match effect.shown() {
        Some(interval) if interval.low > 0.0 => {
            format!("`{judge_id}` prefers {first}, by {figures} ({harmless}).")
        }
        Some(interval) if interval.high < 0.0 => {
            format!("`{judge_id}` prefers {second}, by {} ({harmless}).", points(&mirrored(effect)))
        }
        _ => format!("`{judge_id}`: no effect of {first} is shown ({figures})."),
    }
}

/// The same effect, seen from the other side.
fn mirrored(effect: &Estimate) -> Estimate {
    let interval = effect.interval.map(|i| Interval { low: -i.high, high: -i.low, ..i });
    Estimate { value: -effect.value, interval, ..effect.clone() }
}

/// How often a judge changed its winner with the order; `better_than_coin` as in [`crate::analysis::JudgeResult`].
pub fn consistency(judge_id: &str, flip_rate: Option<&Estimate>, better_than_coin: Option<bool>) -> String {
    let Some(rate) = flip_rate else {
        return format!(
            "`{judge_id}` has no pair that is decisive in both orders: its consistency is not testable."
        );
    };
    let flips = (rate.value * rate.n as f64).round() as usize;
    let figures = format!(
        "`{judge_id}` changed its winner with the order in {flips} of {} ({})",
        counted(rate.n, "pair", "pairs"),
        percent(rate)
    );
    match (better_than_coin, rate.interval) {
        (None, _) => format!("{figures}: fewer than {TESTABLE_PAIRS} pairs, not testable."),
        (Some(true), _) => format!("{figures}: fewer than a coin would."),
        (Some(false), Some(interval)) if interval.low > 0.5 => {
            format!("{figures}: it follows the position, not the answer, and is no better than a coin.")
        }
        (Some(false), _) => format!("{figures}: no better than a coin."),
    }
}

/// How often a judge that was asked again says the same.
pub fn with_itself(judge_id: &str, kind: JudgeKind, agreement: Option<&Estimate>) -> String {
    match agreement {
        Some(estimate) if estimate.n >= REPEATS => {
            let of = counted(estimate.n, "call", "calls");
            format!("Asked again, `{judge_id}` says the same in {} of {of}.", percent(estimate))
        }
        Some(estimate) => format!(
            "`{judge_id}` was asked again {}, fewer than {REPEATS}: how far it agrees with itself is not testable.",
            counted(estimate.n, "time", "times")
        ),
        None if kind == JudgeKind::Local => {
            format!("`{judge_id}` runs here and is deterministic: asked again it says the same.")
        }
        None => format!("`{judge_id}` was not asked again: how far it agrees with itself is not known."),
    }
}
