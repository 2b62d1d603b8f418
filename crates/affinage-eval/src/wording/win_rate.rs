//! Sentences about a win rate.

use super::estimate::percent;
use crate::analysis::{Estimate, VerdictWord, WinRate};
use crate::analyze::estimate::LEVEL;
use crate::analyze::win_rate::{ENOUGH, has_size, is_enough};
use crate::plain::counted;
use crate::text::p_value;

/// What a win rate's word rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Evidence {
    /// The p of its test, adjusted for the family where there is one.
    P(f64),
    /// An e-value that may be read while it grows, and the one from which a word is used.
    EValue { found: f64, needed: f64 },
    /// No prompt was decided.
    Nothing,
}

/// The sentence of a win rate before its word: who against whom, the rate, its n and its evidence.
pub fn figures(rate: &WinRate, evidence: Evidence, (arm, against): (&str, &str)) -> String {
    let prompts = counted(rate.estimate.n, "prompt", "prompts");
    let evidence = match evidence {
        Evidence::P(p) => format!(", {}", p_value(p)),
        Evidence::EValue { found, needed } => format!(", E = {found:.1} where {needed:.0} is needed"),
        Evidence::Nothing => String::new(),
    };
    format!(
        "`{arm}` against `{against}`: win rate {} of {prompts} ({}){evidence}",
        percent(&rate.estimate),
        rate.outcomes()
    )
}

/// The word of a win rate and, where nothing is shown, why not and what would show it. No full stop.
pub fn outcome(rate: &WinRate, margin: f64) -> String {
    if rate.word != VerdictWord::NotShown {
        return rate.word.words_within(margin);
    }
    let Estimate { n, n_effective, .. } = rate.estimate;
    let in_words = |needed| format!("; {}", needs(&rate.estimate, needed, margin));
    let needs = rate.needs_about_n.map_or_else(String::new, in_words);
    let few = if n < ENOUGH {
        format!(" (fewer than {ENOUGH} prompts, the least for any word)")
    } else if !is_enough(n, n_effective) {
        format!(" (the prompts are worth {n_effective:.0} independent ones)")
    } else {
        String::new()
    };
    format!("{}{few}{needs}", rate.word.words())
}

/// How many prompts would show which win rate: that of `rate`, or the smallest that would matter. A clause.
pub fn needs(rate: &Estimate, needed: usize, margin: f64) -> String {
    let (shown, which) = match has_size(rate) {
        true => (rate.value, "the one found here"),
        false => (0.5 + margin, "the smallest that would matter"),
    };
    format!("to show a win rate of {:.0} %, {which}, takes about {needed} prompts", 100.0 * shown)
}

/// How the word of a win rate and its plotted interval, which is not adjusted, differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Discord {
    /// The interval excludes one half, the word does not.
    OnlyInterval {
        /// The p was raised because several comparisons were planned.
        is_raised: bool,
    },
    /// The test at this alpha excludes one half, the interval does not.
    OnlyTest { alpha: f64 },
}

/// Why a win rate's word and its interval differ.
pub fn discord(found: Discord) -> String {
    match found {
        Discord::OnlyInterval { is_raised } => {
            let why = match is_raised {
                true => "several comparisons were planned, so the bar is higher",
                false => "the test does not reach the error rate",
            };
            format!(
                "The {:.0} % interval lies on one side of one half, the word does not: {why}.",
                100.0 * LEVEL
            )
        }
        Discord::OnlyTest { alpha } => {
            format!("The interval touches one half although the exact test at {alpha} does not.")
        }
    }
}
