//! The steps from rows to evidence, each a function of a project: it reads the files of the step before and writes its own.

pub mod arms;
pub mod audit;
pub mod chat;
pub mod demo;
pub mod doctor;
pub mod dose;
pub mod evaluation;
pub mod evidence;
pub mod export;
pub mod external;
pub mod external_trainer;
pub mod forecast;
pub mod freeze;
pub mod generation;
pub mod import;
pub mod init;
pub mod inspect;
pub mod judges;
pub mod lengths;
pub mod lint;
pub mod models;
pub mod report;
pub mod reserve;
pub mod rows;
pub mod suites;
pub mod training;
