//! Sentences about what can be counted in the answers themselves.

use super::estimate::{percent, points};
use crate::analysis::Estimate;
use crate::plain::counted;

/// By what the marks of the voice are known.
pub const MARKER_RULES: [&str; 3] = [
    "Image: something is likened to something (\"like a ...\", \"as if\", \"as ... as a\", \"imagine\", \"picture\").",
    "Distinction: two things are held apart (\"not ..., but ...\", \"rather than\", \"the difference between\").",
    "Closing question: the last sentence is a question of at least three words.",
];

/// In how many answers of an arm all three marks stand, beside the base.
pub fn marks(arm: &str, all_marks: &Estimate, difference_to_base: Option<&Estimate>) -> String {
    let beside = difference_to_base.map_or(String::new(), |difference| {
        format!(", {} against the base on the same prompts", points(difference))
    });
    format!(
        "`{arm}`: all three marks in {} of the answers to {}{beside}.",
        percent(all_marks),
        counted(all_marks.n, "in-domain prompt", "in-domain prompts")
    )
}

/// Answers of an arm with faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulty {
    pub answers: usize,
    pub truncated: usize,
    pub loops: usize,
    pub refusals: usize,
    pub empty: usize,
    /// Ended while thinking.
    pub lost: usize,
}

/// How many answers of an arm have which fault.
pub fn faults(arm: &str, found: Faulty) -> String {
    let Faulty { truncated, loops, refusals, empty, lost, .. } = found;
    let thinking = if lost > 0 { format!(" {lost} ended while thinking.") } else { String::new() };
    format!(
        "`{arm}`: of {}, {truncated} cut at the token limit, {loops} in a loop, {refusals} refused, {empty} empty.{thinking}",
        counted(found.answers, "answer", "answers")
    )
}
