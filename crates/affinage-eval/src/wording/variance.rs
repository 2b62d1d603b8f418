//! Sentences about what makes the win rate uncertain.

use crate::stats::components::{Buy, Components};

/// Where no strengths could be fitted.
pub const NO_STRENGTHS: &str = "No strengths: too few arms met on judged prompts.";

/// The parts of the variance of a verdict, and the standard error of the win rate that follows, a share.
pub fn components(found: &Components, standard_error: f64) -> String {
    let part = |name: &str, variance: Option<f64>| match variance {
        Some(variance) => format!("{name} {variance:.3}"),
        None => format!("{name}: this design cannot separate them"),
    };
    format!(
        "Variance of a single verdict: {}; {}; {}; {}; {}. Standard error of the win rate over new prompts, answers and judges: \
         {:.1} points.",
        part("prompts", Some(found.prompt)),
        part("answers", found.generation),
        part("judges", found.judge),
        part("judge x prompt", found.prompt_judge),
        part("rest", Some(found.residual)),
        100.0 * standard_error
    )
}

/// Why the spread of scores cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoComponents {
    NoVotes,
    OnePrompt,
    /// All votes on so many prompts say the same.
    AllEqual(usize),
    /// Votes on so many prompts.
    TooFew(usize),
}

/// Why the spread of scores cannot be taken apart.
pub fn no_components(why: NoComponents) -> String {
    match why {
        NoComponents::NoVotes => "There is no spread to take apart: no vote counts yet.".to_owned(),
        NoComponents::OnePrompt => {
            "There is no spread to take apart: there are votes on one prompt only, and it takes two."
                .to_owned()
        }
        NoComponents::AllEqual(n) => {
            format!("There is no spread to take apart: all votes on the {n} prompts say the same.")
        }
        NoComponents::TooFew(n) => {
            format!("The votes on {n} prompts are too few to take their spread apart.")
        }
    }
}

/// What more is needed for a purchase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cost {
    UsDollars(f64),
    /// Where no price is known.
    AnswersAndVerdicts(f64),
}

/// What to buy next, and from which standard error to which it leads, shares.
pub fn buy_next(what: Buy, cost: Cost, now: f64, then: f64) -> String {
    let what = match what {
        Buy::Prompts => "a tenth more prompts",
        Buy::Answers => "one more answer per prompt",
        Buy::Judges => "one more judge",
        Buy::Repeats => "each verdict once more",
    };
    let cost = match cost {
        Cost::UsDollars(cost) => format!("about {cost:.2} US dollars more"),
        Cost::AnswersAndVerdicts(count) => format!("{count:.0} more answers and verdicts"),
    };
    format!(
        "Buy next: {what} ({cost}) lowers the standard error from {:.1} to {:.1} points, the most for its price.",
        100.0 * now,
        100.0 * then
    )
}

/// The spread of the win rates of repeats in points, beside that by chance alone.
pub fn spread(observed: f64, by_chance: f64, is_more: bool) -> String {
    let word = if is_more { "more than chance" } else { "no more than chance" };
    format!(
        "Win rates of the repeats spread by {observed:.1} points (standard deviation), by chance alone {by_chance:.1}: {word}."
    )
}
