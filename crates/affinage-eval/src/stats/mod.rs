//! Statistics in f64: pure functions, seeded where they draw, each with its source.
//!
//! A function returns `None` where its answer is not defined by the data (one observation has no standard
//! error), never a stand-in number.
//!
//! `gwet_ac1_table`, `fleiss_kappa`, `paired_difference`, `stratified_mean`, `prediction_powered`, `benjamini_hochberg`,
//! `actual_alpha`, `jeffreys`, `posterior_above_half`, `bradley_terry` and `bradley_terry_ties` are called by no analysis: they
//! stay as they are checked against another implementation (`tests/it/stats_vectors.rs`) and check others themselves.

#![expect(clippy::needless_range_loop, reason = "rows and columns of matrices are indices here")]

pub mod agreement;
pub mod bootstrap;
pub mod collinearity;
pub mod components;
pub mod crossed;
pub mod disagreement;
pub mod evalue;
pub mod fragility;
mod linear;
pub mod logit;
pub mod mean;
pub mod models;
pub mod multiple;
pub mod permutation;
pub mod power;
pub mod proportion;
pub mod ranking;
pub mod special;
pub mod strengths;

pub use linear::solve;

/// A lower and an upper bound.
pub type Bounds = (f64, f64);
