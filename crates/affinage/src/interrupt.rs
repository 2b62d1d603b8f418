//! Ctrl-C: the first asks a command to stop at its next safe point, the second ends the process at once.
//!
//! A command that never asks [`requested`] has no safe points, and a question at the terminal is one by itself:
//! there the first Ctrl-C already ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);
static HAS_SAFE_POINTS: AtomicBool = AtomicBool::new(false);
static AT_PROMPT: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed. Long loops look at this between two units of work.
pub fn requested() -> bool {
    HAS_SAFE_POINTS.store(true, Ordering::Relaxed);
    REQUESTED.load(Ordering::Relaxed)
}

/// Runs `ask`, which waits for the user: Ctrl-C ends the process meanwhile.
pub fn while_asking<R>(ask: impl FnOnce() -> R) -> R {
    AT_PROMPT.store(true, Ordering::Relaxed);
    let answer = ask();
    AT_PROMPT.store(false, Ordering::Relaxed);
    answer
}

/// Installs the handler; called once by `main`. `on_first` tells the user what happens now.
pub fn listen(on_first: impl Fn() + Send + 'static) {
    let installed = ctrlc::set_handler(move || {
        let is_graceful = HAS_SAFE_POINTS.load(Ordering::Relaxed) && !AT_PROMPT.load(Ordering::Relaxed);
        if REQUESTED.swap(true, Ordering::Relaxed) || !is_graceful {
            std::process::exit(130);
        }
        on_first();
    });
    // Without a handler Ctrl-C still ends the process: resuming then starts from the last checkpoint.
    drop(installed);
}
