//! Ctrl-C: the first asks a command to stop at its next safe point, the second ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed. Long loops look at this between two units of work.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Installs the handler; called once by `main`. `on_first` tells the user what happens now.
pub fn listen(on_first: impl Fn() + Send + 'static) {
    let installed = ctrlc::set_handler(move || {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        on_first();
    });
    // Without a handler Ctrl-C still ends the process: resuming then starts from the last checkpoint.
    drop(installed);
}
