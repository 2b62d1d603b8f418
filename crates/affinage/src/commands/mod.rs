//! One file per command: its arguments and `run(ctx, args)`.

pub mod analyze;
pub mod audit;
pub mod chat;
pub mod dataset;
pub mod demo;
pub mod doctor;
pub mod dose;
pub mod eval;
pub mod export;
pub mod generate;
pub mod import;
pub mod init;
pub mod inspect;
pub mod judge;
pub mod lint;
pub mod models;
pub mod plan;
pub mod report;
pub mod review;
pub mod run;
pub mod serve;
pub mod studio;
pub mod train;
pub mod verify;
pub mod vote;
