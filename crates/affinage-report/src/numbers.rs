//! How figures are written: the value, its interval, its n, and where it comes from.

use affinage_eval::analysis::{Estimate, Interval, TOO_FEW};

/// What a figure measures decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// 0..=1, written as per cent: "63 %".
    Share,
    /// A difference of shares in percentage points: "+12".
    SharePoints,
    /// Nats per token gained: "+0.124".
    Nats,
    /// Nats per token of a text: "2.431".
    Loss,
    /// A difference of scores or another plain number: "+0.62".
    Points,
    /// An agreement coefficient: "0.41".
    Coefficient,
}

impl Measure {
    pub fn value(self, value: f64) -> String {
        match self {
            Measure::Share => percent(value),
            Measure::SharePoints => format!("{} pt", signed((100.0 * value).round(), 0)),
            Measure::Nats => signed(value, 3),
            Measure::Loss => unsigned(value, 3),
            Measure::Points => signed(value, 2),
            Measure::Coefficient => unsigned(value, 2),
        }
    }

    /// "[51, 76]" in the measure's unit.
    pub fn interval(self, interval: &Interval) -> String {
        let bound = |value: f64| match self {
            Measure::Share => unsigned(100.0 * value, 0),
            Measure::SharePoints => signed((100.0 * value).round(), 0),
            Measure::Nats => signed(value, 3),
            Measure::Loss => unsigned(value, 3),
            Measure::Points => signed(value, 2),
            Measure::Coefficient => unsigned(value, 2),
        };
        format!("[{}, {}]", bound(interval.low), bound(interval.high))
    }

    /// For the ticks of an axis: short.
    pub fn tick(self, value: f64) -> String {
        match self {
            Measure::Share => percent(value),
            Measure::SharePoints => signed((100.0 * value).round(), 0),
            Measure::Nats | Measure::Points => signed(value, decimals(value)),
            Measure::Loss => unsigned(value, 2),
            Measure::Coefficient => unsigned(value, 1),
        }
    }
}

/// As many decimals as a tick needs: 0.05 two, 0.5 one, 5 none.
fn decimals(value: f64) -> usize {
    (0..3).find(|&d| (value * 10f64.powi(d) - (value * 10f64.powi(d)).round()).abs() < 1e-6).unwrap_or(3)
        as usize
}

/// "63 %" with a narrow no-break space.
pub fn percent(share: f64) -> String {
    format!("{}\u{202f}%", percent_digits(share))
}

/// Whole per cent; one decimal where rounding would pretend never or always.
fn percent_digits(share: f64) -> String {
    let value = 100.0 * share;
    let rounds_to_an_end = (value > 0.0 && value < 0.95) || (value < 100.0 && value > 99.05);
    minus(format!("{value:.*}", usize::from(rounds_to_an_end)))
}

/// A number with its sign and a real minus.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = minus(format!("{value:.decimals$}"));
    if text.starts_with('\u{2212}') || text.chars().all(|c| matches!(c, '0' | '.')) {
        text
    } else {
        format!("+{text}")
    }
}

pub fn unsigned(value: f64, decimals: usize) -> String {
    minus(format!("{value:.decimals$}"))
}

fn minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_owned(),
        Some(digits) => format!("\u{2212}{digits}"),
        None => text,
    }
}

/// "p = .031", "p < .001", as everywhere, with narrow spaces that do not break.
pub fn p_value(p: f64) -> String {
    affinage_eval::text::p_value(p).replace(' ', "\u{202f}")
}

/// Where a figure can be checked.
#[derive(Clone, Debug)]
pub struct Source {
    /// The rows behind it: file and filter.
    pub rows: String,
    /// Its place in `analysis.json`, as `jq` writes it.
    pub pointer: String,
}

impl Source {
    pub fn new(rows: impl Into<String>, pointer: impl Into<String>) -> Self {
        Self { rows: rows.into(), pointer: pointer.into() }
    }
}

/// What hovering or tapping a figure tells: n, method, rows and place.
pub fn tip(what: &str, estimate: &Estimate, measure: Measure, source: &Source) -> String {
    let mut lines = vec![what.to_owned()];
    let interval = estimate.shown().map_or_else(
        || format!(", {}", no_interval(estimate)),
        |i| format!(" {} at {}", measure.interval(&i), percent(i.level)),
    );
    lines.push(format!("{}{interval}", measure.value(estimate.value)));
    lines.push(format!(
        "n = {} {} (worth {} independent)",
        affinage_eval::plain::count(estimate.n as u64),
        estimate.unit,
        unsigned(estimate.n_effective, usize::from(estimate.n_effective.fract() > 0.05))
    ));
    if !estimate.method.is_empty() && !estimate.is_of_few() {
        lines.push(format!("interval: {}", estimate.method));
    }
    lines.push(format!("rows: {}", source.rows));
    lines.push(format!("analysis.json: {}", source.pointer));
    lines.join("\n")
}

/// What stands in place of an interval that is not there.
pub fn no_interval(estimate: &Estimate) -> String {
    if estimate.is_of_few() { TOO_FEW.to_owned() } else { "no interval".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_never_pretend() {
        assert_eq!(percent(0.631), "63\u{202f}%");
        assert_eq!(percent(0.004), "0.4\u{202f}%");
        assert_eq!(percent(0.996), "99.6\u{202f}%");
        assert_eq!((percent(0.0), percent(1.0)), ("0\u{202f}%".to_owned(), "100\u{202f}%".to_owned()));
        assert_eq!(signed(-0.0001, 2), "0.00");
        assert_eq!((signed(0.125, 3), signed(-3.0, 0)), ("+0.125".to_owned(), "\u{2212}3".to_owned()));
        assert_eq!(p_value(0.0312), "p\u{202f}=\u{202f}.031");
        assert_eq!(p_value(0.00002), "p\u{202f}<\u{202f}.001");
        let interval = Interval { low: 0.008, high: 0.712, level: 0.95 };
        assert_eq!(Measure::Share.interval(&interval), "[1, 71]");
        let interval = Interval { low: -0.02, high: 0.3, level: 0.95 };
        assert_eq!(Measure::SharePoints.interval(&interval), "[\u{2212}2, +30]");
        assert_eq!(Measure::Nats.tick(0.05), "+0.05");
    }
}
