//! All integration tests of the crate in one binary.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test reads files and says what it measured"
)]

mod analysis;
mod arms;
mod audit;
mod blinding;
mod card;
mod coverage;
mod dose;
mod exams;
mod faulty_logs;
mod first_screen;
mod fragility;
mod human_eval;
mod null_test;
mod replies;
mod reply_kinds;
mod requests;
mod rereading;
mod rules;
mod stats_vectors;
mod study;
mod style_markers;
mod suites;
mod training_folders;
mod verdict_shapes;
mod wire;
mod world;
