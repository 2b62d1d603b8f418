//! A project folder and the stages on it: what is on the disk, what is sent out, and every step from an import to the evidence
//! of an evaluation. No terminal and no command line: a stage gets a [`Project`] and plain options, tells an
//! [`observer::Observer`] what happens, and returns its result. It stops early when [`interrupt::request`] was called.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod errors;
pub mod folder;
pub mod http;
pub mod interrupt;
pub mod machine;
pub mod model;
pub mod nearest;
pub mod observer;
pub mod parquet;
pub mod pdf;
pub mod stages;

pub use folder::project::Project;
