//! Sentences about judges related to the writers of the training texts.

use super::estimate::{percent, points};
use crate::analysis::Estimate;

/// What the headline must carry where nobody independent voted.
pub const NOT_INDEPENDENT: &str = "Not independent: no vote of an outside judge or person counts yet.";

/// The win rates by related and by unrelated judges, and their difference on the prompts that both judged.
pub fn sentence(
    related: Option<&Estimate>,
    unrelated: Option<&Estimate>,
    difference: Option<&Estimate>,
) -> String {
    match (related, unrelated, difference) {
        (None, None, _) => "No judge's relation to the writers is known.".to_owned(),
        (Some(related), None, _) => format!(
            "Only judges related to the writers or to the base model voted: win rate {}.",
            percent(related)
        ),
        (None, Some(unrelated), _) => {
            format!(
                "Only judges unrelated to the writers and to the base model voted: win rate {}.",
                percent(unrelated)
            )
        }
        (Some(related), Some(unrelated), difference) => {
            let words = match difference.map(|d| (d, d.shown())) {
                Some((d, Some(interval))) if interval.low > 0.0 => {
                    format!("related judges favour the arm more, by {}", points(d))
                }
                Some((d, Some(interval))) if interval.high < 0.0 => {
                    format!("related judges favour the arm less, by {}", points(d))
                }
                Some((d, _)) => format!("a difference is not shown ({})", points(d)),
                None => "they share too few prompts for a difference".to_owned(),
            };
            format!(
                "Win rate by related judges {}, by unrelated ones {}: {words}.",
                percent(related),
                percent(unrelated)
            )
        }
    }
}
