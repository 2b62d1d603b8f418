//! A judge that this program runs itself: which label would it write after `VERDICT:`?
//!
//! The score of a label is the summed log-probability of its tokens; both labels have the same number of
//! tokens. `p` is averaged over the presentations of a prompt; at most [`TIE_BAND`] away from one half is a tie.

use super::reply::Verdict;
use crate::judgment::{Outcome, ParsePath};

/// Half-width of the band around .5 that counts as a tie.
pub const TIE_BAND: f64 = 0.02;

/// What a local judge makes of one presentation.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalVerdict {
    /// Probability of the first position's label against the second's.
    pub p_first: f64,
    pub verdict: Verdict,
}

/// Scores both labels after `prefix` (the rendered chat up to and including `VERDICT:`).
///
/// `labels` are the token ids of " K7" and " M2", the first position's first; `score` gives the summed
/// log-probability of each continuation. Panics if the labels have different numbers of tokens.
pub fn judge_cell(
    prefix: &[u32],
    labels: [&str; 2],
    label_ids: [&[u32]; 2],
    score: &mut impl FnMut(&[u32], &[Vec<u32>]) -> Vec<f64>,
) -> LocalVerdict {
    assert_eq!(label_ids[0].len(), label_ids[1].len(), "labels of different lengths cannot be compared");
    let scores = score(prefix, &[label_ids[0].to_vec(), label_ids[1].to_vec()]);
    assert_eq!(scores.len(), 2, "one score per label");
    let p_first = 1.0 / (1.0 + (scores[1] - scores[0]).exp());
    LocalVerdict { p_first, verdict: verdict_of_p(p_first, labels) }
}

/// The verdict that a label probability stands for.
pub(super) fn verdict_of_p(p_first: f64, labels: [&str; 2]) -> Verdict {
    let outcome = outcome_of_p(p_first);
    let label_said = match outcome {
        Outcome::First => Some(labels[0].to_owned()),
        Outcome::Second => Some(labels[1].to_owned()),
        Outcome::Tie | Outcome::Missing { .. } => None,
    };
    Verdict { outcome, label_said, scores: None, rationale: None, parse_path: ParsePath::Probability }
}

/// First above the band, second below it, a tie inside.
pub fn outcome_of_p(p_first: f64) -> Outcome {
    if p_first - 0.5 >= TIE_BAND {
        Outcome::First
    } else if 0.5 - p_first >= TIE_BAND {
        Outcome::Second
    } else {
        Outcome::Tie
    }
}
