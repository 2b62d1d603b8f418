//! What stages return, in words for a terminal: one file for the results of one stage.
//!
//! A function that returns text makes what goes to standard output; one that begins with `say` talks to people.

mod audit;
pub mod cards;
pub mod export;
pub mod judging;
pub mod library;
pub mod lint;
pub mod machine;
pub mod models;
pub mod reach;
pub mod training;
mod versions;
pub mod votes;

pub use audit::audited;
pub use versions::difference;
