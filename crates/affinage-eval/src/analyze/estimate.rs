//! Small steps from statistics to [`Estimate`]s and their words.

use super::win_rate::ENOUGH;
use crate::analysis::{Estimate, Interval, TOO_FEW, WinRate};
use crate::findings::{Finding, FindingMeasure};
use crate::plain::counted;
use crate::stats::{mean, proportion};

/// Level of every plotted interval.
pub const LEVEL: f64 = 0.95;
const ALPHA: f64 = 1.0 - LEVEL;

/// One observation: its value and the cluster that it belongs to.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    pub value: f64,
    pub cluster: &'a str,
}

/// Where values can lie: an interval beyond says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

pub const RATE: Range = Range { low: 0.0, high: 1.0 };
pub const RATE_DIFFERENCE: Range = Range { low: -1.0, high: 1.0 };
pub const ANY: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };

/// Mean over clusters with a t interval, cut to `range`. `None` of nothing; without interval when there are
/// fewer than two clusters.
///
/// When all values are equal the t interval would have no width. For a bounded range the score interval of
/// Wilson with the number of clusters as n stands in, and the method says so.
pub fn clustered(observations: &[Observation], range: Range, unit: &str) -> Option<Estimate> {
    let values: Vec<f64> = observations.iter().map(|o| o.value).collect();
    let clusters: Vec<&str> = observations.iter().map(|o| o.cluster).collect();
    let value = mean::mean(&values)?;
    let mut estimate = Estimate {
        value,
        interval: None,
        n: values.len(),
        n_effective: 1.0,
        unit: unit.to_owned(),
        method: "no interval: one cluster".to_owned(),
    };
    let Some(found) = mean::clustered_mean(&values, &clusters, ALPHA) else {
        return Some(estimate);
    };
    estimate.n_effective = found.n_effective();
    if found.se > 1e-12 {
        let (low, high) = found.interval;
        let (low, high) = (low.max(range.low), high.min(range.high));
        estimate.interval = Some(Interval { low, high, level: LEVEL });
        estimate.method = "t over prompt clusters".to_owned();
    } else if range.high.is_finite() {
        estimate.n_effective = found.clusters as f64;
        let n = found.clusters as f64;
        let width = range.high - range.low;
        let share = (value - range.low) / width;
        let bounds = proportion::wilson(share * n, n, ALPHA);
        estimate.interval = bounds.map(|(low, high)| Interval {
            low: range.low + low * width,
            high: range.low + high * width,
            level: LEVEL,
        });
        estimate.method = "Wilson over prompt clusters (all values equal)".to_owned();
    } else {
        estimate.method = "no interval: all values equal".to_owned();
    }
    Some(estimate)
}

/// `k` of `n` with the score interval from 30 on and the exact one below.
pub fn share(k: usize, n: usize, unit: &str) -> Option<Estimate> {
    let (bounds, method) = if n >= 30 {
        (proportion::wilson(k as f64, n as f64, ALPHA)?, "Wilson")
    } else {
        (proportion::clopper_pearson(k as u64, n as u64, ALPHA)?, "Clopper-Pearson")
    };
    Some(Estimate {
        value: k as f64 / n as f64,
        interval: Some(Interval { low: bounds.0, high: bounds.1, level: LEVEL }),
        n,
        n_effective: n as f64,
        unit: unit.to_owned(),
        method: method.to_owned(),
    })
}

/// A figure with an interval that came from elsewhere.
pub fn figure(value: f64, bounds: (f64, f64), n: usize, unit: &str, method: &str) -> Estimate {
    Estimate {
        value,
        interval: Some(Interval { low: bounds.0, high: bounds.1, level: LEVEL }),
        n,
        n_effective: n as f64,
        unit: unit.to_owned(),
        method: method.to_owned(),
    }
}

/// "64 % [51, 76]", of few observations "50 % (too few to say)"
pub fn percent(estimate: &Estimate) -> String {
    let number = |x: f64| format!("{:.0}", 100.0 * x + 0.0);
    format!("{} %{}", number(estimate.value), uncertainty(estimate, number))
}

/// [`percent`] for the first screen, where nobody was told what brackets mean: "64 % (likely between 51 % and 76 %)".
pub fn likely(estimate: &Estimate) -> String {
    let number = |x: f64| format!("{:.0} %", 100.0 * x + 0.0);
    format!("{}{}", number(estimate.value), in_words(estimate, number))
}

/// [`points_between`] for the first screen: "+12 points (likely between -3 and +27)".
pub fn likely_points_between(difference: &Estimate, shares: (f64, f64)) -> String {
    let number = |x: f64| format!("{:+.0}", (100.0 * x).round() + 0.0);
    let rounded = rounded_note(difference, shares);
    format!("{} points{rounded}{}", number(difference.value), in_words(difference, number))
}

/// [`points`] of a difference that is next to the two shares, as whole percentages: it says "rounded" where theirs would
/// be another number.
pub fn points_between(difference: &Estimate, shares: (f64, f64)) -> String {
    let number = |x: f64| format!("{:+.0}", (100.0 * x).round() + 0.0);
    let rounded = rounded_note(difference, shares);
    format!("{} points{rounded}{}", number(difference.value), uncertainty(difference, number))
}

fn rounded_note(difference: &Estimate, (arm, base): (f64, f64)) -> &'static str {
    let whole = |share: f64| (100.0 * share).round() as i64;
    if whole(arm) - whole(base) == whole(difference.value) { "" } else { ", rounded" }
}

fn in_words(estimate: &Estimate, number: impl Fn(f64) -> String) -> String {
    match estimate.shown() {
        Some(Interval { low, high, .. }) if !estimate.is_of_few() => {
            format!(" (likely between {} and {})", number(low), number(high))
        }
        _ => uncertainty(estimate, number),
    }
}

/// "+12 points [-3, 27]"
pub fn points(estimate: &Estimate) -> String {
    let number = |x: f64| format!("{:+.0}", (100.0 * x).round() + 0.0);
    format!("{} points{}", number(estimate.value), uncertainty(estimate, number))
}

/// "0.31 [0.25, 0.37]"
pub fn decimals(estimate: &Estimate) -> String {
    let number = |x: f64| format!("{x:.2}");
    format!("{}{}", number(estimate.value), uncertainty(estimate, number))
}

/// "0.31 nats per token [0.25, 0.37]"
pub fn nats(estimate: &Estimate) -> String {
    let number = |x: f64| format!("{x:.2}");
    format!("{} nats per token{}", number(estimate.value), uncertainty(estimate, number))
}

/// " [51, 76]" behind a value; nothing where it has no interval, words where an interval would look like a finding.
pub fn uncertainty(estimate: &Estimate, number: impl Fn(f64) -> String) -> String {
    match estimate.shown() {
        _ if estimate.is_of_few() => format!(" ({TOO_FEW})"),
        Some(Interval { low, high, .. }) => format!(" [{}, {}]", number(low), number(high)),
        None => String::new(),
    }
}

/// Mean number of words of some texts; 0 of none.
pub fn mean_words<'a>(texts: impl Iterator<Item = &'a str>) -> f64 {
    let counts: Vec<f64> = texts.map(|text| text.split_whitespace().count() as f64).collect();
    mean::mean(&counts).unwrap_or(0.0)
}

/// A win rate of the headline over some of the votes: `beginning` says of which.
pub fn rated(label: &str, beginning: &str, rate: WinRate, source: &str) -> Finding {
    let prompts = counted(rate.estimate.n, "prompt", "prompts");
    let sentence = match rate.estimate.n < ENOUGH {
        true => format!("{beginning}: {} of {prompts}.", rate.outcomes()),
        false => format!(
            "{beginning} the win rate is {} of {prompts} ({}).",
            percent(&rate.estimate),
            rate.outcomes()
        ),
    };
    Finding {
        label: label.to_owned(),
        sentence,
        p: rate.permutation_p,
        estimate: Some(rate.estimate),
        measure: FindingMeasure::Share,
        rows: source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_observations_have_no_interval_that_looks_like_a_finding() {
        let of = |n: usize| share(n / 2, n, "pairs").expect("some");
        assert_eq!(percent(&of(4)), "50 % (too few to say)");
        assert_eq!(percent(&of(8)), "50 % (too few to say)");
        assert_eq!(percent(&of(10)), "50 % [19, 81]");
        assert_eq!(points(&of(4)), "+50 points (too few to say)");
        assert_eq!(decimals(&of(4)), "0.50 (too few to say)");
        assert_eq!(likely(&of(4)), "50 % (too few to say)");
        assert_eq!(likely(&of(10)), "50 % (likely between 19 % and 81 %)");
        assert_eq!(likely_points_between(&of(10), (0.7, 0.2)), "+50 points (likely between +19 and +81)");
        assert!(of(4).interval.is_some() && of(4).shown().is_none(), "the file keeps what was computed");
    }

    #[test]
    fn a_difference_that_the_printed_shares_do_not_give_is_called_rounded() {
        let difference = |value: f64| figure(value, (value - 0.05, value + 0.05), 30, "prompts", "by hand");
        // 26.7 % and 23.3 %: printed 27 and 23, which would be 4.
        let shares = (0.267, 0.233);
        let found = difference(shares.0 - shares.1);
        assert_eq!(points_between(&found, shares), "+3 points, rounded [-2, +8]");
        assert_eq!(likely_points_between(&found, shares), "+3 points, rounded (likely between -2 and +8)");
        assert_eq!(points_between(&difference(0.04), (0.27, 0.23)), "+4 points [-1, +9]");
    }
}
