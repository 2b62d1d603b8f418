//! Ctrl-C: the first asks a command to stop at its next safe point, the second ends the process at once.
//!
//! A command that never asks [`requested`] has no safe points, and a question at the terminal is one by itself:
//! there the first Ctrl-C already ends the process.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);
static HAS_SAFE_POINTS: AtomicBool = AtomicBool::new(false);
static AT_PROMPT: AtomicBool = AtomicBool::new(false);
static STREAMING: AtomicBool = AtomicBool::new(false);
static HINT: Mutex<Option<&'static str>> = Mutex::new(None);
static AT_ONCE: Mutex<Option<LastWords>> = Mutex::new(None);

/// What is said where the first Ctrl-C ends the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWords {
    /// What was stopped and what is left of it.
    pub stopped: String,
    /// What to type to go on.
    pub hint: String,
}

/// Whether Ctrl-C was pressed. Long loops look at this between two units of work.
pub fn requested() -> bool {
    HAS_SAFE_POINTS.store(true, Ordering::Relaxed);
    REQUESTED.load(Ordering::Relaxed)
}

/// Whether Ctrl-C was pressed since this was last asked: one answer was ended, and what it was part of goes on.
pub fn take_request() -> bool {
    REQUESTED.swap(false, Ordering::Relaxed)
}

/// From now on the end of standard input is as Ctrl-C once: who started this process asks it so to stop.
pub fn request_at_end_of_input() {
    std::thread::spawn(|| {
        // Input that cannot be read has ended.
        drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
        REQUESTED.store(true, Ordering::Relaxed);
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

/// What a process that a second Ctrl-C ends says last, until the guard is dropped: how to go on with the work.
pub fn hint_at_once(hint: &'static str) -> HintGuard {
    set_hint(Some(hint));
    HintGuard(())
}

/// Takes back a [`hint_at_once`].
pub struct HintGuard(());

impl Drop for HintGuard {
    fn drop(&mut self) {
        set_hint(None);
    }
}

/// Until the guard is dropped the first Ctrl-C ends the process with these words: for work that leaves nothing half done.
pub fn end_at_once(words: LastWords) -> AtOnceGuard {
    AtOnceGuard { before: set_at_once(Some(words)) }
}

/// Takes back an [`end_at_once`].
pub struct AtOnceGuard {
    before: Option<LastWords>,
}

impl Drop for AtOnceGuard {
    fn drop(&mut self) {
        set_at_once(self.before.take());
    }
}

/// Returns what was set before.
fn set_at_once(words: Option<LastWords>) -> Option<LastWords> {
    std::mem::replace(&mut *AT_ONCE.lock().expect("no code panics while it holds this lock"), words)
}

fn set_hint(hint: Option<&'static str>) {
    *HINT.lock().expect("no code panics while it holds this lock") = hint;
}

/// Installs the handler; called once by `main`. `on_first` tells the user what happens now, `on_second` how to go on with
/// what is ended at once, `at_once` the words of [`end_at_once`].
pub fn listen(
    on_first: impl Fn() + Send + 'static,
    on_second: impl Fn(&str) + Send + 'static,
    at_once: impl Fn(&LastWords) + Send + 'static,
) {
    let installed = ctrlc::set_handler(move || {
        if let Some(words) = AT_ONCE.lock().ok().and_then(|words| words.clone()) {
            at_once(&words);
            std::process::exit(130);
        }
        let at_prompt = AT_PROMPT.load(Ordering::Relaxed);
        let is_graceful = HAS_SAFE_POINTS.load(Ordering::Relaxed) && !at_prompt;
        if REQUESTED.swap(true, Ordering::Relaxed) || !is_graceful {
            // At a prompt standard error belongs to the question.
            let hint = HINT.lock().ok().and_then(|hint| *hint).filter(|_| !at_prompt);
            if let Some(hint) = hint {
                on_second(hint);
            }
            std::process::exit(130);
        }
        if !STREAMING.load(Ordering::Relaxed) {
            on_first();
        }
    });
    // Without a handler Ctrl-C still ends the process: resuming then starts from the last checkpoint.
    drop(installed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_inner_stage_give_way_to_those_around_it() {
        let words =
            |stopped: &str| LastWords { stopped: stopped.to_owned(), hint: "run it again".to_owned() };
        let said = || AT_ONCE.lock().expect("not poisoned").clone();
        let outer = end_at_once(words("the whole"));
        let inner = end_at_once(words("a stage"));
        assert_eq!(said(), Some(words("a stage")));
        drop(inner);
        assert_eq!(said(), Some(words("the whole")));
        drop(outer);
        assert_eq!(said(), None);
    }
}
