//! Findings beside the planned comparisons: one shape for all, so that each is shown with its figure and its rows.

use serde::{Deserialize, Serialize};

use crate::analysis::Estimate;

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
