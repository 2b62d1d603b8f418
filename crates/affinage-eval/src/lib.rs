//! Replies in, findings out: suites, blind comparisons, judges, statistics.
//!
//! Nothing here touches a file, a socket, the clock, the environment or a terminal: requests are built and
//! replies are read as bytes, and the analysis is a function of rows. The flow is
//! `Prompt + arm -> Completion -> Comparison (+ BlindKey, kept apart) -> Judgment -> unblind -> Analysis`.

pub mod analysis;
pub mod analyze;
pub mod arm;
pub mod audit;
pub mod comparison;
pub mod completion;
pub mod design;
pub mod dose;
pub mod failure_rates;
pub mod findings;
pub mod human_votes;
pub mod id;
pub mod interim;
pub mod judge;
pub mod judgment;
pub mod likelihood;
pub mod memorization;
pub mod next;
pub mod objective;
pub mod plain;
pub mod plan;
pub mod planted;
pub mod recognition;
pub mod registry;
pub mod rng;
mod signs;
pub mod stats;
pub mod style_markers;
pub mod suite;
pub mod text;
pub mod thought;
pub(crate) mod wording;

/// The version that every row of an evaluation carries as `v`.
pub const ROW_VERSION: u32 = 1;
