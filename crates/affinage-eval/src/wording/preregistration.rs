//! Sentences about what was planned, what was looked at beyond it, and how far the result reaches.

use super::estimate::percent;
use crate::analysis::Estimate;
use crate::design::LeftOut;
use crate::plain::counted;
use crate::registry::Looks;

/// Where the headline's step stands in the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A later step was evaluated too.
    NotLast { last: u64 },
    /// The last of a finished schedule.
    PlannedLast,
    /// The last that was evaluated of a schedule that goes on.
    Early,
}

/// Where `step` stands in a schedule of `steps`.
pub fn last_or_best(step: u64, steps: u64, place: Place) -> String {
    match place {
        Place::NotLast { last } => format!(
            "The headline is step {step}, not the last one that was evaluated ({last}): chosen among many, its figures are too good."
        ),
        Place::PlannedLast => format!("The headline is the planned last step, {step} of {steps}."),
        Place::Early => format!(
            "The headline is step {step} of a schedule of {steps}: an early checkpoint is not what a shorter training would give."
        ),
    }
}

/// Who looked at the prompts before, and whether this evaluation opened the sealed reserve.
pub fn looks(looks: &Looks, is_final: bool) -> String {
    let earlier: Vec<String> = looks
        .earlier
        .iter()
        .map(|e| {
            format!(
                "{} ({} shared, looked at {})",
                e.evaluation,
                counted(e.shared_prompts, "prompt", "prompts"),
                counted(e.looks, "time", "times")
            )
        })
        .collect();
    let before = match earlier.is_empty() {
        true => "No evaluation looked at these prompts before.".to_owned(),
        false => format!("Looked at before by {}.", earlier.join(", ")),
    };
    let label = match (is_final, looks.is_adapted) {
        (true, _) => " The sealed reserve was opened for it, once.",
        (_, true) => " Run or data changed since: this result is adapted, not fresh.",
        _ => "",
    };
    format!("{before}{label}")
}

/// How many comparisons were planned, how many pairs have votes, and which judges no plan names.
pub fn beyond(comparisons: usize, pairs_with_votes: usize, unplanned: &[&str]) -> String {
    let beyond = match unplanned {
        [] => "Judges are those of the plan.".to_owned(),
        ids => format!("Beyond the plan: judges {}.", ids.join(", ")),
    };
    format!(
        "{} planned before the first answer, {} with votes. {beyond} Categories, readers, profiles and disagreement are looked at \
         beyond it: they raise questions; they settle none.",
        counted(comparisons, "comparison", "comparisons"),
        counted(pairs_with_votes, "pair", "pairs")
    )
}

/// That an arm of the plan was not asked.
pub fn left_out(left_out: &LeftOut) -> String {
    format!("`{}` was not asked: {}.", left_out.arm, left_out.because)
}

/// That the base was told nothing better than the program's own instruction.
pub const PLAIN_INSTRUCTION: &str = "The written instruction is the program's plain one: `eval.system-prompt` takes a better one, without which nobody can say \"better than asking well\".";

/// Where judging stopped, under a plan that may stop, and the e-value that each comparison needs.
pub fn stopped(judged: usize, of: usize, comparisons: usize, needed: f64) -> String {
    format!(
        "Judging could stop at any look: {judged} of {of} prompts were judged. {} E of {needed:.0}; intervals of a fixed number of \
         prompts do not hold under stopping, the confidence sequence does.",
        match comparisons {
            1 => "Its one comparison needs".to_owned(),
            n => format!("Each of {n} comparisons needs"),
        }
    )
}

/// That the result is about one training, of which `n` are there and `needed` would be about the settings.
pub fn one_training(n: usize, needed: usize) -> String {
    let so_far = if n > 1 { format!("; {n} are there so far") } else { String::new() };
    format!(
        "This is about one training run: another with the same settings may turn out differently. To say something about \
         the settings, train {needed} times to the end with different `train.seed` and evaluate each{so_far}."
    )
}

/// The win rate over `n` training seeds.
pub fn recipe(n: usize, estimate: Option<&Estimate>) -> String {
    let figures = estimate.map_or(String::new(), percent);
    format!(
        "Over {n} training seeds of this recipe the win rate is {figures}: about the recipe, on these prompts."
    )
}
