//! Findings beside the planned comparisons: one shape for all, so that each is shown with its figure and its rows.

use serde::{Deserialize, Serialize};

use crate::analysis::Estimate;
use crate::wording::groups::plain;

/// Findings that answer one question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingGroup {
    /// Anchor and key: "forgetting", "readers".
    pub id: String,
    pub title: String,
    /// What is asked here and how to read the answer, for a newcomer.
    pub plain: String,
    pub findings: Vec<Finding>,
}

/// Every group in the order in which an analysis lists them: key and title.
pub const GROUPS: [(&str, &str); 10] = [
    ("forgetting", "What was forgotten"),
    ("readers", "Better for which reader"),
    ("values", "What each judge rewards"),
    ("disagreement", "Where judges disagree"),
    ("panel", "Does it hang on one judge?"),
    ("variance", "What makes the win rate uncertain"),
    ("strengths", "All arms on one scale"),
    ("recitation", "Is it recitation?"),
    ("people", "What people say"),
    ("planned", "What was planned, and how far it reaches"),
];

/// The title of a group of this program.
///
/// Panics: [`GROUPS`] has no such id.
pub fn title(id: &str) -> &'static str {
    GROUPS
        .iter()
        .find(|(known, _)| *known == id)
        .unwrap_or_else(|| panic!("`{id}` is no group of findings"))
        .1
}

impl FindingGroup {
    /// Panics: [`GROUPS`] has no such id.
    pub fn new(id: &str, findings: Vec<Finding>) -> FindingGroup {
        FindingGroup { id: id.to_owned(), title: title(id).to_owned(), plain: plain(id).to_owned(), findings }
    }

    /// What the group says first.
    pub fn first_sentence(&self) -> Option<&str> {
        self.findings.iter().map(|finding| finding.sentence.as_str()).find(|sentence| !sentence.is_empty())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub label: String,
    pub estimate: Option<Estimate>,
    pub measure: FindingMeasure,
    pub p: Option<f64>,
    pub sentence: String,
    /// The rows behind it, as one would look for them.
    pub rows: String,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingMeasure {
    /// A win rate or another share, 0..=1, compared with one half.
    Share,
    /// A difference of shares.
    SharePoints,
    /// A coefficient: log odds, a correlation.
    Coefficient,
}

impl Finding {
    /// A sentence without a figure.
    pub fn said(label: &str, sentence: String, rows: &str) -> Finding {
        let (label, rows) = (label.to_owned(), rows.to_owned());
        Finding { label, estimate: None, measure: FindingMeasure::Share, p: None, sentence, rows }
    }
}

/// Prompts of the headline that belong together, and what each judge says about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DisagreementMap {
    pub judges: Vec<String>,
    pub rows: Vec<MapRow>,
}

/// One category, or one topic found by shared words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapRow {
    pub label: String,
    /// The group was made by words of the prompts, not by the suite.
    pub is_topic: bool,
    /// Pairs judged by at least two judges in both orders.
    pub pairs: usize,
    /// Win rate of the headline arm by judge, in the order of [`DisagreementMap::judges`].
    pub by_judge: Vec<Option<f64>>,
    /// Pairs on which two judges name different winners, each the same in both orders.
    pub conflicts: Vec<String>,
    /// Other pairs on which some verdict changed with the order.
    pub flips: usize,
    /// Mean entropy of the judges' votes on a pair, in bits: 0 when all agree, 1 with two equal camps.
    pub entropy_bits: f64,
    /// The same when the verdicts of a pair are dealt among its judges at random.
    pub entropy_by_noise_bits: f64,
    /// Of "judges differ no more than by their own noise", after Holm over the rows of the map.
    pub p_adjusted: f64,
}
