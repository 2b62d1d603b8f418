//! The arithmetic of the decoder: plain functions over slices, forward and backward side by side.
//!
//! Conventions: row-major `[rows, cols]`; `d` + name is the gradient of `name`; what a backward needs from its forward
//! is an explicit argument. All tests compare with naive f64 versions.

pub mod arch;
pub mod attention;
pub mod loss;
pub mod math;
pub mod norm;
pub mod random;
pub mod rope;
pub mod swiglu;
