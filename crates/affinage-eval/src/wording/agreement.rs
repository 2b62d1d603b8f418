//! Sentences about the agreement of judges.

use super::estimate::decimals;
use crate::analysis::Estimate;

/// How far so many judges agree beyond chance, by Krippendorff's alpha and Gwet's AC1.
pub fn sentence(judges: usize, alpha: Option<&Estimate>, ac1: Option<&Estimate>) -> String {
    match (judges, alpha) {
        (0, _) => "No judge has voted.".to_owned(),
        (1, _) => "Only one judge or person has voted: agreement cannot be measured.".to_owned(),
        (_, None) => "The judges share too few votes to measure agreement.".to_owned(),
        (_, Some(alpha)) => {
            let words = match alpha.shown() {
                Some(interval) if interval.low > 0.0 => "more than chance",
                Some(interval) if interval.high < 0.0 => "less than chance",
                _ => "agreement beyond chance is not shown",
            };
            let robust = ac1.map_or(String::new(), |ac1| format!(", Gwet's AC1 {}", decimals(ac1)));
            format!(
                "{judges} judges on {} pairs: Krippendorff's alpha {} (0 is chance, 1 is full agreement){robust}: {words}. \
                 Agreement is not validity.",
                alpha.n,
                decimals(alpha)
            )
        }
    }
}
