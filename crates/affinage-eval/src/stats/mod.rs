//! Statistics in f64: pure functions, seeded where they draw, each with its source.
//!
//! A function returns `None` where its answer is not defined by the data (one observation has no standard
//! error), never a stand-in number.

pub mod agreement;
pub mod evalue;
mod linear;
pub mod mean;
pub mod models;
pub mod multiple;
pub mod permutation;
pub mod power;
pub mod proportion;
pub mod ranking;
pub mod special;

/// A lower and an upper bound.
pub type Bounds = (f64, f64);
