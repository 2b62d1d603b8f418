//! Ctrl-C: the first asks a command to stop at its next safe point ([`interrupt`]), the second ends the process at once.
//!
//! A command that never asks [`interrupt::requested`] has no safe points, and a question at the terminal is one by itself:
//! there the first Ctrl-C already ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

use affinage_project::interrupt::{self, LastWords};

static AT_PROMPT: AtomicBool = AtomicBool::new(false);
static STREAMING: AtomicBool = AtomicBool::new(false);
static SERVING: AtomicBool = AtomicBool::new(false);

/// From now on the end of standard input is as Ctrl-C once: who started this process asks it so to stop.
#[expect(clippy::disallowed_methods, reason = "not read: only its end is awaited")]
pub fn request_at_end_of_input() {
    std::thread::spawn(|| {
        // Input that cannot be read has ended.
        drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
        interrupt::request();
    });
}

/// Runs `ask`, which waits for the user: Ctrl-C ends the process meanwhile.
pub fn while_asking<R>(ask: impl FnOnce() -> R) -> R {
    AT_PROMPT.store(true, Ordering::Relaxed);
    let answer = ask();
    AT_PROMPT.store(false, Ordering::Relaxed);
    answer
}

/// Runs `stream`, which prints a text piece by piece and ends it at once after Ctrl-C: nothing is said into the text.
pub fn while_streaming<R>(stream: impl FnOnce() -> R) -> R {
    STREAMING.store(true, Ordering::Relaxed);
    let done = stream();
    STREAMING.store(false, Ordering::Relaxed);
    done
}

/// Runs `serve`, which answers a page until Ctrl-C and has stored all that it was told.
pub fn while_serving<R>(serve: impl FnOnce() -> R) -> R {
    SERVING.store(true, Ordering::Relaxed);
    let done = serve();
    SERVING.store(false, Ordering::Relaxed);
    done
}

/// Installs the handler; called once by `main`. `on_first` tells the user what happens now, `on_second` how to go on with
/// what is ended at once, if that is known, and leaves the terminal as the shell expects it, `at_once` the words of [`interrupt::end_at_once`].
#[expect(clippy::disallowed_methods, reason = "the second Ctrl-C ends the process")]
pub fn listen(
    on_first: impl Fn(&str) + Send + 'static,
    on_second: impl Fn(Option<&str>) + Send + 'static,
    at_once: impl Fn(&LastWords) + Send + 'static,
) {
    let installed = ctrlc::set_handler(move || {
        if let Some(words) = interrupt::last_words() {
            at_once(&words);
            std::process::exit(130);
        }
        let at_prompt = AT_PROMPT.load(Ordering::Relaxed);
        let is_graceful = interrupt::has_safe_points() && !at_prompt;
        if interrupt::request() || !is_graceful {
            // At a prompt standard error belongs to the question.
            on_second(interrupt::hint().filter(|_| !at_prompt));
            std::process::exit(130);
        }
        if !STREAMING.load(Ordering::Relaxed) {
            on_first(&match (SERVING.load(Ordering::Relaxed), interrupt::unit()) {
                (true, _) => "closing; what was done here is saved".to_owned(),
                (false, Some(unit)) => unit.in_words(),
                (false, None) => "stopping at the next safe point; Ctrl-C again to stop at once".to_owned(),
            });
        }
    });
    // Without a handler Ctrl-C still ends the process: resuming then starts from the last checkpoint.
    drop(installed);
}
