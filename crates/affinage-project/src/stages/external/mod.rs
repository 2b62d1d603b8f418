//! The steps of a run on the user's device, computed by an engine that exists (PyTorch, MLX) in a process of its own.
//!
//! The loop stays that of [`training`](crate::stages::training): rows, order, learning rates, clipping, the starting adapter,
//! evaluations and checkpoints are decided here. A [`Worker`] computes gradients and updates, is told what to compute line by
//! line, and must first agree with our engine on the user's own rows ([`Check`]).

mod check;
mod choose;
mod environment;
mod failure;
pub(in crate::stages) mod job;
mod worker;

pub use check::{Check, start_checked};
pub use choose::{Agrees, Asked, Offer, offers, worker};
pub use environment::{Python, find, install, likely, nvidia, offer};
pub use worker::{Start, Worker};
