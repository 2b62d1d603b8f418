//! Sentences about the dose-response curve.

use crate::analyze::win_rate::ENOUGH;
use crate::dose::{DoseMeasure, DoseWord, SEEDS_FOR_A_CLAIM};
use crate::stats::crossed::CrossedMean;
use crate::text::p_value;

/// How to read the curve.
pub const EXPLANATION: &str = "Each point is one training with a finished schedule; the line joins the means. Bars are \
95 % intervals that count prompts and training seeds as random: other prompts like these, other seeds. Smaller doses of one \
seed are the beginnings of larger ones. Fit and win rate are two things: fit is how little the held-out texts surprise it.";

/// That nothing was judged.
pub const FIT_ALONE: &str = "Nothing was judged: the curve is of fit alone, which is no quality.";

/// That there are too few training seeds for a claim.
pub fn few_seeds(seeds: usize) -> String {
    format!(
        "{seeds} training {}: {SEEDS_FOR_A_CLAIM} are needed to say that another seed would turn out alike.",
        if seeds == 1 { "seed" } else { "seeds" }
    )
}

/// What would show a step between doses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// About so many.
    Seeds(usize),
    Prompts(usize),
    Both,
}

/// A step from one dose to the next.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub measure: DoseMeasure,
    pub found: &'a CrossedMean,
    pub p_adjusted: Option<f64>,
    pub word: DoseWord,
    /// What would show it, where it is not shown.
    pub needs: Needs,
}

/// A step between doses, its difference and whether it is shown.
pub fn step(step: &Step) -> String {
    let Step { from, to, found, .. } = step;
    let (what, scale, digits, unit) = match step.measure {
        DoseMeasure::WinRate => ("win rate", 100.0, 0, "points"),
        DoseMeasure::Fit => ("fit", 1.0, 3, "nats per token"),
    };
    let figure = |x: f64| format!("{:+.digits$}", scale * x);
    let interval = match found.se > 0.0 {
        true => format!(" [{}, {}]", figure(found.interval.0), figure(found.interval.1)),
        false => String::new(),
    };
    let p = step.p_adjusted.map_or(String::new(), |p| format!(", {}", p_value(p)));
    let start = format!("From {from} to {to}: {what} {}{interval} {unit}{p}", figure(found.mean));
    if step.word != DoseWord::NotShown {
        return format!("{start}: {}.", step.word.words(step.measure));
    }
    let why = match (found.seeds, found.prompts, step.needs) {
        (seeds, ..) if seeds < SEEDS_FOR_A_CLAIM => {
            let here = if seeds == 1 { "is 1".to_owned() } else { format!("are {seeds}") };
            format!("a recipe needs {SEEDS_FOR_A_CLAIM} training seeds, here {here}")
        }
        (_, prompts, _) if prompts < ENOUGH => format!("needs about {ENOUGH} prompts, here are {prompts}"),
        (.., Needs::Seeds(seeds)) => format!("needs about {seeds} seeds"),
        (.., Needs::Prompts(prompts)) => format!("needs about {prompts} prompts"),
        (.., Needs::Both) => "needs more seeds and more prompts".to_owned(),
    };
    format!("{start}: not shown; {why}.")
}
