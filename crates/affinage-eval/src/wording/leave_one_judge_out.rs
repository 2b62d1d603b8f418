//! Sentences about single judges: the headline without each, and each against itself and another.

use super::estimate::{percent, points};
use crate::analysis::Estimate;
use crate::comparison::REPEATS;
use crate::stats::agreement::CochranQ;

/// Whether judges differ in their win rates, on so many pairs that all decided.
pub fn cochran(found: &CochranQ, pairs: usize) -> String {
    let word = match found.p <= 0.05 {
        true => "judges differ in their win rates",
        false => "no difference between their win rates is shown",
    };
    format!(
        "Cochran's Q {:.1} with {} degrees of freedom on {pairs} decided pairs: {word}.",
        found.q, found.df
    )
}

/// Between which win rates the headline moves when any one judge is left out, each with the name of its row.
pub fn range((low, lowest): (&Estimate, &str), (high, highest): (&Estimate, &str)) -> String {
    format!(
        "Whichever judge is left out, the win rate stays between {} ({lowest}) and {} ({highest}).",
        percent(low),
        percent(high)
    )
}

/// How often a judge repeats its verdict.
pub fn repeats(judge: &str, agreement: Option<&Estimate>, repeats: usize) -> String {
    let figures = agreement.map_or(String::new(), percent);
    format!(
        "`{judge}` repeats its verdict in {figures} of {repeats} presentations: the ceiling for agreement with anyone."
    )
}

/// The judges that were asked again too seldom, with how often.
pub fn untestable(judges: &[(&str, usize)]) -> String {
    let each: Vec<String> = judges.iter().map(|(judge, repeats)| format!("`{judge}` ({repeats})")).collect();
    format!(
        "How far a judge agrees with itself is not testable with fewer than {REPEATS} presentations asked again: {}.",
        each.join(", ")
    )
}

/// Verdicts that are the same, of how many.
pub type Same = (f64, f64);

/// The agreement of two judges with each other beside that of each with itself, and the difference.
pub fn against_ceiling(judges: [&str; 2], shared: Same, own: [Same; 2], gap: &Estimate) -> String {
    let word = match gap.interval.is_some_and(|interval| interval.high < 0.0) {
        true => "they value different things",
        false => "no more than their own noise",
    };
    let percent = |(same, of): Same| 100.0 * same / of;
    format!(
        "`{}` and `{}` give the same verdict in {:.0} % of shared presentations; asked again, each repeats its own in {:.0} and {:.0} %: \
         {}: {word}.",
        judges[0],
        judges[1],
        percent(shared),
        percent(own[0]),
        percent(own[1]),
        points(gap)
    )
}
