//! The arithmetic of the decoder: plain functions over slices, forward and backward side by side.
//!
//! Conventions: row-major `[rows, cols]`; `d` + name is the gradient of `name`; what a backward needs from its forward
//! is an explicit argument. All tests compare with naive f64 versions.

#![expect(clippy::needless_range_loop, reason = "lanes and rows are indices here, and the loops vectorise")]

pub mod arch;
pub mod attention;
pub mod glu;
pub mod loss;
pub mod math;
pub mod norm;
pub mod random;
pub mod rope;
