//! The headline without answers that stand in the training texts.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::comparisons::{panel, prompt_scores, rules};
use super::estimate::{rated, share};
use super::votes::{PairVotes, Votes};
use super::win_rate::win_rate;
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::memorization::MemorizationRow;
use crate::wording::estimate::rated as said_of;
use crate::wording::memorization as wording;

/// The headline without answers that stand in the training texts.
pub fn memorization(rows: &Rows, votes: &Votes, overlap: &[MemorizationRow]) -> FindingGroup {
    let planned = &rows.plan.headline;
    let by_id: BTreeMap<&str, &MemorizationRow> =
        overlap.iter().map(|row| (row.completion_id.as_str(), row)).collect();
    let pairs: Vec<&PairVotes> = votes.of(planned).collect();
    let measured: Vec<&MemorizationRow> =
        pairs.iter().filter_map(|v| by_id.get(v.pair.arm.completion_id.as_str()).copied()).collect();
    let mut findings = Vec::new();
    if measured.is_empty() {
        findings.push(Finding::said("recitation", wording::NOT_MEASURED.to_owned(), "overlap.jsonl"));
    } else {
        let memorized: BTreeSet<&str> =
            measured.iter().filter(|row| row.is_memorized()).map(|row| row.completion_id.as_str()).collect();
        let longest = measured.iter().max_by_key(|row| row.longest_words).map_or(0, |row| row.longest_words);
        findings.extend(share(memorized.len(), measured.len(), "answers").map(|estimate| Finding {
            label: "recited answers".to_owned(),
            sentence: wording::recited(&planned.arm, memorized.len(), measured.len(), longest),
            estimate: Some(estimate),
            measure: FindingMeasure::Share,
            p: None,
            rows: "overlap.jsonl".to_owned(),
        }));
        let panel = panel(&pairs);
        let fresh: Vec<&PairVotes> = pairs
            .iter()
            .copied()
            .filter(|v| !memorized.contains(v.pair.arm.completion_id.as_str()))
            .collect();
        let rate = win_rate(&prompt_scores(&fresh, &panel), (&planned.arm, &planned.against), rules(rows));
        let source = "judgments.jsonl without recited answers";
        findings.extend(rate.map(|rate| {
            let sentence = said_of("Without them", &rate);
            rated("headline without them", sentence, rate, source)
        }));
    }
    FindingGroup::new("recitation", findings)
}
