//! Commands for what to do next, with the settings of this call.

use std::sync::OnceLock;

pub use affinage_eval::next::{FOLLOWS, Next, shell_word};

/// The `--set` of this process: it has one command line.
static SETS: OnceLock<Vec<String>> = OnceLock::new();

/// The commands of [`next`] repeat these `--set` from now on; the first call counts.
pub fn repeat(sets: &[String]) {
    let _is_set_already = SETS.set(sets.to_vec());
}

/// A command that a text of this call names. What is kept in a file names [`Next::new`] instead, without the settings of a call.
pub fn next(command: &'static str) -> Next {
    Next::new(command).repeating(SETS.get().map_or(&[], Vec::as_slice))
}
