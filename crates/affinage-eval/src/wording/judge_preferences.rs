//! Sentences about what judges reward, and about readers with their own weights.

use super::estimate::percent;
use crate::analysis::Estimate;

/// The win rate of some judges at equal length.
pub fn at_equal_length(who: &str, rate: &Estimate) -> String {
    format!("By {who} the win rate at equal length is {} of {} prompts.", percent(rate), rate.n)
}

/// That a judge rewards length: log odds for a standard deviation, and its win rate at equal length with the bounds.
pub fn rewards_length(judge: &str, log_odds: f64, equal_length: Option<(f64, (f64, f64))>) -> String {
    let left = equal_length.map_or(String::new(), |(rate, (low, high))| {
        format!(
            "; at equal length its win rate would be {:.0} % [{:.0}, {:.0}]",
            100.0 * rate,
            100.0 * low,
            100.0 * high
        )
    });
    format!(
        "`{judge}` rewards length ({log_odds:+.1} log odds for an answer longer by a standard deviation){left}."
    )
}

/// That no judge has the prompts that a profile needs.
pub fn not_fitted(needed: usize, arm: &str, against: &str) -> String {
    format!("Not fitted: no judge has {needed} prompts of `{arm}` against `{against}`.")
}

/// How far so many prompts let a judge's preference be seen: log odds, from the surest judge to the least sure. `penalised`
/// are the judges whose votes the features separate.
pub fn power(prompts: usize, (low, high): (f64, f64), penalised: &[&str]) -> String {
    let range = match high - low < 0.05 {
        true => format!("{high:.1}"),
        false => format!("{low:.1} to {high:.1}"),
    };
    let penalised: Vec<String> = penalised.iter().map(|judge| format!("`{judge}`")).collect();
    let penalty = match penalised.is_empty() {
        true => String::new(),
        false => {
            format!(" Features separate the votes of {}: Firth's penalty was used.", penalised.join(", "))
        }
    };
    format!(
        "With {prompts} prompts a judge must move its log odds by about {range} per standard deviation for its least certain \
         feature to be seen with 80 % power.{penalty}"
    )
}

/// Whether judges value a feature differently.
pub fn interaction(feature: &str, is_shown: bool) -> String {
    let shown = match is_shown {
        true => "judges value it differently",
        false => "no difference between judges is shown",
    };
    format!("{feature}: {shown}.")
}

/// The win rate for a reader, by their weights of the criteria.
pub fn reader(name: &str, rate: &Estimate) -> String {
    format!(
        "For a reader who {name}, the win rate is {} of {} prompts (not one of the planned comparisons).",
        percent(rate),
        rate.n
    )
}

/// Where no criteria were scored.
pub const NO_CRITERIA: &str = "Unknown: no judge scored the five criteria.";
