//! Token ids in, numbers out: weights, kernels, LoRA training and generation on the CPU.
//!
//! The engine knows no text, no chat and no judge.

pub mod checkpoint;
pub mod generate;
pub mod kernels;
pub mod lora;
pub mod model;
pub mod optim;
pub mod train;
pub mod weights;

#[cfg(test)]
mod testing;
