//! How a figure and its uncertainty are written.

use crate::analysis::{Estimate, Interval, TOO_FEW, WinRate};
use crate::analyze::win_rate::ENOUGH;
use crate::plain::counted;

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

/// The sentence of a win rate of the headline over some of the votes: `beginning` says of which.
pub fn rated(beginning: &str, rate: &WinRate) -> String {
    let prompts = counted(rate.estimate.n, "prompt", "prompts");
    match rate.estimate.n < ENOUGH {
        true => format!("{beginning}: {} of {prompts}.", rate.outcomes()),
        false => format!(
            "{beginning} the win rate is {} of {prompts} ({}).",
            percent(&rate.estimate),
            rate.outcomes()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::estimate::{figure, share};

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
