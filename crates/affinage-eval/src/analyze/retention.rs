//! Whether something was forgotten: by right answers first, then by preference outside of the domain.

use super::Rows;
use crate::analysis::{ComparisonResult, ObjectiveResult, VerdictWord};
use crate::findings::{Finding, FindingGroup, FindingMeasure};

/// First by right answers, then by preference in each category.
pub fn forgetting(
    rows: &Rows,
    objective: &[ObjectiveResult],
    comparisons: &[ComparisonResult],
) -> FindingGroup {
    let planned = &rows.plan.headline;
    let of_arm: Vec<&ObjectiveResult> = objective.iter().filter(|result| result.arm == planned.arm).collect();
    let result = comparisons.iter().find(|result| result.is_headline);
    let outside: Vec<_> = result
        .iter()
        .flat_map(|r| &r.by_category)
        .filter(|cut| cut.domain == crate::suite::Domain::Out)
        .collect();
    let held: Vec<bool> = outside.iter().map(|cut| cut.not_worse_than_margin == Some(true)).collect();
    let total = of_arm.iter().find(|result| result.category.is_none());
    let by_preference = match held.iter().filter(|held| **held).count() {
        _ if held.is_empty() => String::new(),
        // Nothing was judged outside: that is said where the win rates stand.
        _ if outside.iter().all(|cut| cut.win_rate.is_none()) => String::new(),
        all if all == held.len() => format!(
            " By preference, a loss larger than {:.0} points can be ruled out in every category.",
            100.0 * rows.plan.margin
        ),
        0 => " In no category can we rule out that it got clearly worse.".to_owned(),
        some => format!(
            " By preference, a loss larger than {:.0} points can be ruled out in {some} of {} categories.",
            100.0 * rows.plan.margin,
            held.len()
        ),
    };
    let worse: Vec<&str> = of_arm
        .iter()
        .filter(|result| result.word == VerdictWord::Worse)
        .filter_map(|result| result.category.as_deref())
        .collect();
    let first = match total {
        Some(total) if !worse.is_empty() && total.word != VerdictWord::Worse => {
            format!(
                "Something was forgotten, of {}; over all checked prompts: {}",
                worse.join(", "),
                total.sentence
            )
        }
        None => "Forgetting by right answers was not measured: no checked prompts.".to_owned(),
        Some(total) => match (total.word, total.difference.interval) {
            (VerdictWord::Worse, _) => format!("Something was forgotten: {}", total.sentence),
            (VerdictWord::EquivalentWithinMargin | VerdictWord::Better, _) => {
                format!("No forgetting by right answers: {}", total.sentence)
            }
            (VerdictWord::NotShown, _) => {
                format!("Whether anything was forgotten cannot be told yet: {}", total.sentence)
            }
        },
    };
    let mut findings = vec![Finding::said(
        "forgetting",
        format!("{first}{by_preference}"),
        "completions.jsonl, checks in prompts.jsonl",
    )];
    let categories = of_arm.iter().filter(|result| result.category.is_some()).count();
    for result in of_arm.into_iter().filter(|result| result.category.is_none() || categories > 1) {
        let label = result.category.clone().unwrap_or_else(|| "all checked prompts".to_owned());
        findings.push(Finding {
            label,
            estimate: Some(result.difference.clone()),
            measure: FindingMeasure::SharePoints,
            p: result.mcnemar_p,
            // The first finding has the sentence about all of them.
            sentence: result.category.as_ref().map_or(String::new(), |_| result.sentence.clone()),
            rows: "completions.jsonl, paired by prompt".to_owned(),
        });
    }
    for cut in outside {
        let Some(rate) = &cut.win_rate else { continue };
        let bound = match cut.not_worse_than_margin {
            Some(true) => " A loss beyond the margin is excluded.",
            Some(false) => " A loss beyond the margin is not excluded.",
            None => "",
        };
        let is_worse = rate.word == VerdictWord::Worse;
        let bound = if is_worse { "" } else { bound };
        let sentence = format!("{}, {}{bound}", cut.category, rate.sentence);
        findings.push(Finding::said(&cut.category, sentence, "judgments.jsonl of the category"));
    }
    FindingGroup::new(
        "forgetting",
        "Right answers on checked prompts come first: they need no judge. Preference per category comes second, and at 30 prompts \
         it rarely shows anything.",
        findings,
    )
}
