//! Typed findings to sentences: what the report, the terminal, the card and a write-up print.
//!
//! [`crate::analyze`] computes and calls these functions where a field named `sentence` is filled; nothing is decided
//! here. One file a subject, named as the file of `analyze/` that computes it. A finding that has no place in
//! [`crate::analysis`] is defined beside its sentence. Sentences begin with a capital and end with a full stop; what is
//! made for the middle of another sentence says so.

pub mod agreement;
pub mod card;
pub mod checkpoints;
pub mod checks;
pub mod collinearity;
pub mod comparisons;
pub mod cuts;
pub mod disagreement;
pub mod dose;
pub mod estimate;
pub mod external_arms;
pub mod fragility;
pub mod groups;
pub mod headline;
pub mod human_eval;
pub mod judge_overlap;
pub mod judge_preferences;
pub mod judges;
pub mod leave_one_judge_out;
pub mod likelihood;
pub mod memorization;
pub mod no_rate;
pub mod notes;
pub mod null_test;
pub mod objective;
pub mod preregistration;
pub mod retention;
pub mod texts;
pub mod variance;
pub mod win_rate;
