//! `blind-pairs.jsonl`: which of two answers a person preferred in a conversation, without knowing who wrote them. It is the
//! person's own tally: no evaluation and no report reads it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::jsonl::Rows;

const FILE: &str = "blind-pairs.jsonl";
/// The version of [`BlindPair`].
pub const VERSION: u32 = 1;

/// One question, both answers, and the choice that was made before it was told who wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlindPair {
    pub v: u32,
    /// When it was chosen.
    pub at: String,
    /// The base model.
    pub model: String,
    /// The training of the checkpoints.
    pub run: String,
    /// The instruction before the question.
    pub system: Option<String>,
    pub prompt: String,
    /// In the order in which they were shown.
    pub answers: [BlindAnswer; 2],
    pub choice: Choice,
}

/// An answer and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlindAnswer {
    /// `base` or `step-000064`.
    pub arm: String,
    /// `None` for the base.
    pub adapter_sha256: Option<String>,
    pub text: String,
    /// It ended at the limit of new tokens.
    pub is_cut: bool,
}

/// Which answer is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    First,
    Second,
    Tie,
}

/// The pairs of a project, oldest first.
pub fn blind_pairs(project: &Path) -> Rows<BlindPair> {
    Rows::at(project.join(FILE))
}
