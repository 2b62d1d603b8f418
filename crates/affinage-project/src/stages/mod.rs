//! The steps from rows to evidence, each a function of a project: it reads the files of the step before and writes its own.

pub mod arms;
pub mod evaluation;
pub mod evidence;
pub mod export;
pub mod external;
pub mod freeze;
pub mod generation;
pub mod handover;
pub mod import;
pub mod judges;
pub mod lengths;
pub mod reserve;
pub mod suites;
pub mod training;
