//! The headline without answers that stand in the training texts.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::comparisons::{panel, prompt_scores, rules};
use super::estimate::{rated, share};
use super::votes::{PairVotes, Votes};
use super::win_rate::win_rate;
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::memorization::{
    MEMORIZED_AT_LEAST_WORDS, MEMORIZED_FROM_SHARE, MEMORIZED_FROM_WORDS, MemorizationRow,
};
use crate::plain::counted;

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
        let sentence = "Overlap of the answers with the training texts was not measured: the data set's folder was not there.";
        findings.push(Finding::said("recitation", sentence.to_owned(), "overlap.jsonl"));
    } else {
        let memorized: BTreeSet<&str> =
            measured.iter().filter(|row| row.is_memorized()).map(|row| row.completion_id.as_str()).collect();
        let longest = measured.iter().max_by_key(|row| row.longest_words).map_or(0, |row| row.longest_words);
        findings.extend(share(memorized.len(), measured.len(), "answers").map(|estimate| Finding {
            label: "recited answers".to_owned(),
            sentence: format!(
                "{} of {} of `{}` {} {MEMORIZED_FROM_WORDS} words in a row of one training text, or {:.0} % of their words with \
                 {MEMORIZED_AT_LEAST_WORDS} in a row; the longest run is {}.",
                memorized.len(),
                counted(measured.len(), "judged answer", "judged answers"),
                planned.arm,
                if memorized.len() == 1 { "repeats" } else { "repeat" },
                100.0 * MEMORIZED_FROM_SHARE,
                counted(longest, "word", "words")
            ),
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
        findings.extend(rate.map(|rate| rated("headline without them", "Without them", rate, source)));
    }
    FindingGroup::new(
        "recitation",
        "A win in the domain can come from saying training texts again. Each judged answer is compared with every training text, word \
         for word.",
        findings,
    )
}
