//! Whether something was forgotten: by right answers first, then by preference outside of the domain.

use super::Rows;
use crate::analysis::{ComparisonResult, ObjectiveResult, VerdictWord};
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::wording::retention::{self as wording, Held};

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
    let held = match held.iter().filter(|held| **held).count() {
        _ if outside.iter().all(|cut| cut.win_rate.is_none()) => Held::NotJudged,
        all if all == held.len() => Held::All,
        0 => Held::None,
        some => Held::Some { held: some, of: held.len() },
    };
    let worse: Vec<&str> = of_arm
        .iter()
        .filter(|result| result.word == VerdictWord::Worse)
        .filter_map(|result| result.category.as_deref())
        .collect();
    let sentence = wording::forgotten(total.copied(), &worse, held, rows.plan.margin);
    let mut findings =
        vec![Finding::said("forgetting", sentence, "completions.jsonl, checks in prompts.jsonl")];
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
        let sentence = wording::in_category(cut, rate);
        findings.push(Finding::said(&cut.category, sentence, "judgments.jsonl of the category"));
    }
    FindingGroup::new("forgetting", findings)
}
