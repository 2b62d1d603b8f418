//! Sentences about what was forgotten.

use crate::analysis::{CategoryWinRate, ObjectiveResult, VerdictWord, WinRate};

/// In how many categories outside the domain a loss beyond the margin is excluded, by preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// There is no category outside, or nothing was judged there: that is said where the win rates stand.
    NotJudged,
    All,
    None,
    Some {
        held: usize,
        of: usize,
    },
}

/// What was forgotten: right answers first (`worse`: categories with fewer), then preference.
pub fn forgotten(total: Option<&ObjectiveResult>, worse: &[&str], held: Held, margin: f64) -> String {
    let first = match total {
        None => "Forgetting by right answers was not measured: no checked prompts.".to_owned(),
        Some(total) if !worse.is_empty() && total.word != VerdictWord::Worse => format!(
            "Something was forgotten, of {}; over all checked prompts: {}",
            worse.join(", "),
            total.sentence
        ),
        Some(total) => match total.word {
            VerdictWord::Worse => format!("Something was forgotten: {}", total.sentence),
            VerdictWord::EquivalentWithinMargin | VerdictWord::Better => {
                format!("No forgetting by right answers: {}", total.sentence)
            }
            VerdictWord::NotShown => {
                format!("Whether anything was forgotten cannot be told yet: {}", total.sentence)
            }
        },
    };
    let points = 100.0 * margin;
    let by_preference = match held {
        Held::NotJudged => String::new(),
        Held::All => format!(
            " By preference, a loss larger than {points:.0} points can be ruled out in every category."
        ),
        Held::None => " In no category can we rule out that it got clearly worse.".to_owned(),
        Held::Some { held, of } => format!(
            " By preference, a loss larger than {points:.0} points can be ruled out in {held} of {of} categories."
        ),
    };
    format!("{first}{by_preference}")
}

/// The win rate in a category outside the domain, and whether a loss beyond the margin is excluded.
pub fn in_category(cut: &CategoryWinRate, rate: &WinRate) -> String {
    let bound = match cut.not_worse_than_margin {
        _ if rate.word == VerdictWord::Worse => "",
        Some(true) => " A loss beyond the margin is excluded.",
        Some(false) => " A loss beyond the margin is not excluded.",
        None => "",
    };
    format!("{}, {}{bound}", cut.category, rate.sentence)
}
