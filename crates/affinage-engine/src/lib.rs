//! Token ids in, numbers out: weights, kernels, LoRA training and generation on the CPU.
//!
//! The engine knows no text, no chat and no judge.

pub mod checkpoint;
pub mod export;
pub mod generate;
pub mod kernels;
pub mod lora;
pub mod model;
pub mod optim;
pub mod profile;
pub mod train;
pub mod weights;

/// Computes on `threads` threads instead of one for each core. Changes no result. Only the first call counts, and only
/// before anything was computed.
pub fn use_threads(threads: std::num::NonZeroUsize) {
    // An error says that the pool exists already: the documented no-op.
    let _pool_exists = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
}

#[cfg(test)]
mod same_bits;
#[cfg(test)]
mod testing;
