//! Ctrl-C: the first asks a command to stop at its next safe point ([`interrupt`]), the second ends the process at once.
//!
//! A command that never asks [`interrupt::requested`] has no safe points, and a question at the terminal is one by itself:
//! there the first Ctrl-C already ends the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use affinage_project::interrupt::{self, LastWords};

static AT_PROMPT: AtomicBool = AtomicBool::new(false);
static STREAMING: AtomicBool = AtomicBool::new(false);
static SERVING: AtomicBool = AtomicBool::new(false);

/// What answers a request to stop.
static ANSWER: OnceLock<Arc<dyn Fn(Asked) + Send + Sync>> = OnceLock::new();

/// How the process is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// By Ctrl-C; twice, it ends at once.
    Signal,
    /// By the end of its input, once.
    EndOfInput,
}

/// From now on the end of standard input is as Ctrl-C once: who started this process asks it so to stop. Called after
/// [`listen`].
#[expect(clippy::disallowed_methods, reason = "not read: only its end is awaited")]
pub fn request_at_end_of_input() {
    std::thread::spawn(|| {
        // Input that cannot be read has ended.
        drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
        match ANSWER.get() {
            Some(answer) => answer(Asked::EndOfInput),
            None => drop(interrupt::request()),
        }
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
    on_first: impl Fn(&str) + Send + Sync + 'static,
    on_second: impl Fn(Option<&str>) + Send + Sync + 'static,
    at_once: impl Fn(&LastWords) + Send + Sync + 'static,
) {
    let answer: Arc<dyn Fn(Asked) + Send + Sync> = Arc::new(move |asked| {
        if let Some(words) = interrupt::last_words() {
            at_once(&words);
            std::process::exit(130);
        }
        let at_prompt = AT_PROMPT.load(Ordering::Relaxed);
        let is_graceful = interrupt::has_safe_points() && !at_prompt;
        let was_asked = interrupt::request();
        if was_asked && asked == Asked::EndOfInput {
            return;
        }
        if was_asked || !is_graceful {
            // At a prompt standard error belongs to the question.
            on_second(interrupt::hint().filter(|_| !at_prompt).as_deref());
            std::process::exit(130);
        }
        if asked == Asked::Signal && !STREAMING.load(Ordering::Relaxed) {
            on_first(&match (SERVING.load(Ordering::Relaxed), interrupt::unit()) {
                (true, _) => "closing; what was done here is saved".to_owned(),
                (false, Some(unit)) => unit.in_words(),
                (false, None) => "stopping at the next safe point; Ctrl-C again to stop at once".to_owned(),
            });
        }
    });
    let of_signals = Arc::clone(&answer);
    // It is installed once.
    drop(ANSWER.set(answer));
    let installed = ctrlc::set_handler(move || of_signals(Asked::Signal));
    // Without a handler Ctrl-C still ends the process: resuming then starts from the last checkpoint.
    drop(installed);
}
