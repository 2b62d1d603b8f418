//! Sentences about right answers.

use super::estimate::{percent, points_between};
use crate::analysis::{Estimate, VerdictWord};
use crate::analyze::win_rate::ENOUGH;
use crate::plain::counted;

/// Why right answers of the base cannot tell what was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutsideOfScale {
    /// It gets nearly none right.
    TooLow,
    /// It gets nearly all right.
    TooHigh,
}

/// Right answers of an arm and of the base to the same prompts.
#[derive(Clone, Copy, Debug)]
pub struct RightAnswers<'a> {
    pub arm: &'a str,
    /// `None` over all categories.
    pub category: Option<&'a str>,
    pub correct: &'a Estimate,
    pub base_correct: &'a Estimate,
    pub difference: &'a Estimate,
    pub word: VerdictWord,
    pub scale: Option<OutsideOfScale>,
    pub margin: f64,
    /// Answers left out because they ended while thinking.
    pub lost: usize,
}

/// Right answers of an arm beside those of the base, and whether they differ.
pub fn sentence(found: &RightAnswers) -> String {
    let lost = match found.lost {
        0 => String::new(),
        n => format!(" ({} that ended while thinking left out)", counted(n, "answer", "answers")),
    };
    let of_category = found.category.map_or(String::new(), |category| format!(" ({category})"));
    let (correct, base_correct) = (found.correct, found.base_correct);
    let checked = counted(correct.n, "checked prompt", "checked prompts");
    if correct.is_of_few() {
        let right = |estimate: &Estimate| (estimate.value * estimate.n as f64 * 10.0).round() / 10.0;
        return format!(
            "`{}` gets {} of {checked} right{of_category}, the base {}; too few to compare{lost}.",
            found.arm,
            right(correct),
            right(base_correct)
        );
    }
    format!(
        "`{}` gets {} of {checked} right{of_category}, the base {}: {}, {}{lost}.",
        found.arm,
        percent(correct),
        percent(base_correct),
        points_between(found.difference, (correct.value, base_correct.value)),
        word(found)
    )
}

fn word(found: &RightAnswers) -> String {
    let word = found.word;
    match (word, found.scale) {
        (VerdictWord::NotShown, _) if found.correct.n < ENOUGH => {
            format!("{} (fewer than {ENOUGH} prompts)", word.words())
        }
        (VerdictWord::NotShown, Some(why)) => format!("{} ({})", word.words(), scale(why)),
        (VerdictWord::NotShown, None) => word.words().to_owned(),
        _ => word.words_within(found.margin),
    }
}

/// Why right answers of the base cannot tell what was lost: a clause.
pub fn scale(found: OutsideOfScale) -> &'static str {
    match found {
        OutsideOfScale::TooLow => "the base gets too few right to lose any",
        OutsideOfScale::TooHigh => "the base gets too many right to tell",
    }
}
