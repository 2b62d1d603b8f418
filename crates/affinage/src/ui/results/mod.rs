//! What stages return, in words for a terminal: one file for the results of one stage.

pub mod runs;
