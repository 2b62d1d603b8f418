//! Whether the work is to stop. There is one request a process: whoever starts the stages makes it ([`request`], on Ctrl-C
//! for instance), and every stage stops at its next safe point, where what is done so far is on the disk.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use affinage_eval::plain;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static HAS_SAFE_POINTS: AtomicBool = AtomicBool::new(false);
static HINT: Mutex<Option<String>> = Mutex::new(None);
static UNIT: Mutex<Option<Unit>> = Mutex::new(None);
static AT_ONCE: Mutex<Option<LastWords>> = Mutex::new(None);

/// What is said where the first request ends the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWords {
    /// What was stopped and what is left of it.
    pub stopped: String,
    /// What to type to go on.
    pub hint: String,
}

/// A unit of work that the first request lets end and the second breaks off.
#[derive(Clone, Debug)]
pub struct Unit {
    /// `this step`.
    pub called: &'static str,
    pub began: Instant,
    /// How long it takes from there, by those before it; `None` where there were none.
    pub takes: Option<Duration>,
    /// What is done again where it is broken off: `this step`.
    pub lost: String,
}

impl Unit {
    /// What is said where it is asked to stop: `stopping after this step (about 20 s); ...`.
    pub fn in_words(&self) -> String {
        let left = match self.takes.map(|takes| takes.saturating_sub(self.began.elapsed()).as_secs_f64()) {
            None => String::new(),
            Some(left) if left < 59.5 => format!(" (about {:.0} s)", left.ceil().max(1.0)),
            Some(left) => format!(" (about {})", plain::duration(Duration::from_secs_f64(left))),
        };
        format!("stopping after {}{left}; press Ctrl-C again to stop now (loses {})", self.called, self.lost)
    }
}

/// Until the guard is dropped the work is in this unit.
pub fn during(unit: Unit) -> UnitGuard {
    set_unit(Some(unit));
    UnitGuard(())
}

/// Takes back a [`during`].
pub struct UnitGuard(());

impl Drop for UnitGuard {
    fn drop(&mut self) {
        set_unit(None);
    }
}

/// The unit that the work is in, if it tells.
pub fn unit() -> Option<Unit> {
    UNIT.lock().ok().and_then(|unit| unit.clone())
}

fn set_unit(unit: Option<Unit>) {
    *UNIT.lock().expect("no code panics while it holds this lock") = unit;
}

/// Asks the work to stop; returns whether it was asked before.
pub fn request() -> bool {
    REQUESTED.swap(true, Ordering::Relaxed)
}

/// Whether any work has looked for a request: work that never does cannot be stopped but by ending the process.
pub fn has_safe_points() -> bool {
    HAS_SAFE_POINTS.load(Ordering::Relaxed)
}

/// Whether the work is to stop. Long loops look at this between two units of work.
pub fn requested() -> bool {
    HAS_SAFE_POINTS.store(true, Ordering::Relaxed);
    REQUESTED.load(Ordering::Relaxed)
}

/// Whether a stop was requested since this was last asked: one answer was ended, and what it was part of goes on.
pub fn take_request() -> bool {
    REQUESTED.swap(false, Ordering::Relaxed)
}

/// How to go on with the work if the process is ended at once, until the guard is dropped.
pub fn hint_at_once(hint: String) -> HintGuard {
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

/// The hint of the newest [`hint_at_once`] whose guard was not dropped.
pub fn hint() -> Option<String> {
    HINT.lock().ok().and_then(|hint| hint.clone())
}

fn set_hint(hint: Option<String>) {
    *HINT.lock().expect("no code panics while it holds this lock") = hint;
}

/// Until the guard is dropped the first request ends the process with these words: for work that leaves nothing half done.
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

/// The words of the newest [`end_at_once`] whose guard was not dropped.
pub fn last_words() -> Option<LastWords> {
    AT_ONCE.lock().ok().and_then(|words| words.clone())
}

/// Returns what was set before.
fn set_at_once(words: Option<LastWords>) -> Option<LastWords> {
    std::mem::replace(&mut *AT_ONCE.lock().expect("no code panics while it holds this lock"), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_says_how_long_the_unit_still_takes_and_what_the_second_loses() {
        let began = Instant::now() - Duration::from_secs(10);
        let said = |takes: Option<u64>| {
            let takes = takes.map(|seconds| Duration::from_millis(seconds * 1000 + 400));
            Unit { called: "this step", began, takes, lost: "this step".to_owned() }.in_words()
        };
        let words = |left: &str| {
            format!("stopping after this step{left}; press Ctrl-C again to stop now (loses this step)")
        };
        assert_eq!(said(None), words(""));
        assert_eq!(said(Some(30)), words(" (about 21 s)"), "20.4 seconds at most are left");
        assert_eq!(said(Some(5)), words(" (about 1 s)"), "it takes longer than those before");
        assert_eq!(said(Some(100)), words(" (about 1m 30s)"));
        assert!(unit().is_none());
    }

    #[test]
    fn the_words_of_an_inner_stage_give_way_to_those_around_it() {
        let words =
            |stopped: &str| LastWords { stopped: stopped.to_owned(), hint: "run it again".to_owned() };
        let outer = end_at_once(words("the whole"));
        let inner = end_at_once(words("a stage"));
        assert_eq!(last_words(), Some(words("a stage")));
        drop(inner);
        assert_eq!(last_words(), Some(words("the whole")));
        drop(outer);
        assert_eq!(last_words(), None);
    }
}
