//! What is on the disk: every file and folder of a project is opened here by one type, and no other place spells its path.

pub mod arriving;
pub mod blind_pairs;
pub mod config;
pub mod datasets;
pub mod evaluation;
pub mod events;
pub mod exports;
pub mod jsonl;
pub mod library;
pub mod lock;
pub mod project;
pub mod provenance;
pub mod receipt;
pub mod recent;
pub mod registry;
pub mod run;
