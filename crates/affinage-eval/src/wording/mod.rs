//! Typed findings to sentences: what the report, the terminal, the card and a write-up print.
//!
//! [`crate::analyze`] computes and calls these functions where a field named `sentence` is filled; nothing is decided here
//! and nothing reads a sentence back. One file a subject, named as the file of `analyze/` that computes it. A finding
//! that has no place in [`crate::analysis`] is defined beside its sentence. Sentences begin with a capital and end with a
//! full stop; what is made for the middle of another sentence says so.

pub mod card;
pub mod comparisons;
pub mod estimate;
pub mod headline;
pub mod no_rate;
pub mod notes;
pub mod objective;
pub mod win_rate;
