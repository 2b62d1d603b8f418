//! What a stage tells whoever started it: messages, and how far long work is. A stage asks nothing and prints nothing.

use std::sync::Arc;
use std::time::Duration;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What is done or found.
    Said,
    /// What happens inside.
    Detail,
    /// Something the user should know although the work goes on.
    Warning,
    /// What the user may do next; not for whoever runs this stage as one of several.
    Hint,
}

/// Long work: what it is called, how much there is and in which unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub label: String,
    /// `None`: not known beforehand.
    pub total: Option<u64>,
    /// Of the total and of what is done, in the plural; `"bytes"` are shown as sizes, `""` is no unit at all.
    pub unit: &'static str,
    /// Mostly short: not worth a word unless it takes longer than a second.
    pub is_short: bool,
}

/// Who is told. Stages may call it from several threads.
pub trait Observer: Send + Sync {
    /// One message; it may have several lines.
    fn message(&self, kind: Kind, text: &str);

    /// Work begins.
    fn begin(&self, task: Task) -> Box<dyn Meter>;

    /// `text`, in a message, as less important than what is beside it.
    fn dimmed(&self, text: &str) -> String {
        text.to_owned()
    }

    /// Whether this stage is one of several of a larger command: that command tells how to go on.
    fn is_stage(&self) -> bool {
        false
    }
}

/// How far a [`Task`] is. Dropped without [`Meter::finish`], the task has failed.
pub trait Meter: Send + Sync {
    /// `n` units were done by an earlier process: they count as done, not for the rate.
    fn skip(&self, n: u64);
    /// `n` more units are done.
    fn advance(&self, n: u64);
    /// A short text beside the figures, in place of the one before.
    fn note(&self, text: String);
    /// Rate and time left as the stage knows them, where the mean of the units done would mislead.
    fn tell(&self, per_second: f64, left: Duration);
    /// The task is done; `text` says how it ended and may be empty.
    fn finish(self: Box<Self>, text: &str);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn message(&self, _: Kind, _: &str) {}

    fn begin(&self, _: Task) -> Box<dyn Meter> {
        Box::new(Silent)
    }
}

impl Meter for Silent {
    fn skip(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn note(&self, _: String) {}
    fn tell(&self, _: f64, _: Duration) {}
    fn finish(self: Box<Self>, _: &str) {}
}

impl Observer for Arc<dyn Observer> {
    fn message(&self, kind: Kind, text: &str) {
        self.as_ref().message(kind, text);
    }

    fn begin(&self, task: Task) -> Box<dyn Meter> {
        self.as_ref().begin(task)
    }

    fn dimmed(&self, text: &str) -> String {
        self.as_ref().dimmed(text)
    }

    fn is_stage(&self) -> bool {
        self.as_ref().is_stage()
    }
}

/// What stages call.
impl dyn Observer + '_ {
    pub fn say(&self, text: impl AsRef<str>) {
        self.message(Kind::Said, text.as_ref());
    }

    pub fn detail(&self, text: impl AsRef<str>) {
        self.message(Kind::Detail, text.as_ref());
    }

    pub fn warn(&self, text: impl AsRef<str>) {
        self.message(Kind::Warning, text.as_ref());
    }

    pub fn hint(&self, text: impl AsRef<str>) {
        self.message(Kind::Hint, text.as_ref());
    }

    /// Begins work of `total` units.
    pub fn progress(&self, label: impl Into<String>, total: u64, unit: &'static str) -> Progress {
        Progress(self.begin(Task { label: label.into(), total: Some(total), unit, is_short: false }))
    }

    /// As [`Self::progress`], for work that is mostly short.
    pub fn late_progress(&self, label: impl Into<String>, total: u64, unit: &'static str) -> Progress {
        Progress(self.begin(Task { label: label.into(), total: Some(total), unit, is_short: true }))
    }

    /// Begins work with an unknown end.
    pub fn spinner(&self, label: impl Into<String>, unit: &'static str) -> Progress {
        Progress(self.begin(Task { label: label.into(), total: None, unit, is_short: false }))
    }

    /// As [`Self::spinner`], for work that is mostly short.
    pub fn late_spinner(&self, label: impl Into<String>, unit: &'static str) -> Progress {
        Progress(self.begin(Task { label: label.into(), total: None, unit, is_short: true }))
    }

    /// Runs `work`, which is mostly short and has no units.
    pub fn during<R>(&self, label: impl Into<String>, work: impl FnOnce() -> R) -> R {
        let progress = self.late_spinner(label, "");
        let done = work();
        progress.finish("");
        done
    }
}

/// One task of a stage; see [`Meter`].
pub struct Progress(Box<dyn Meter>);

impl Progress {
    pub fn skip(&self, n: u64) {
        self.0.skip(n);
    }

    pub fn advance(&self, n: u64) {
        self.0.advance(n);
    }

    pub fn note(&self, text: impl Into<String>) {
        self.0.note(text.into());
    }

    pub fn tell(&self, per_second: f64, left: Duration) {
        self.0.tell(per_second, left);
    }

    pub fn finish(self, text: impl AsRef<str>) {
        self.0.finish(text.as_ref());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what it is told.
    #[derive(Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<String>>>);

    impl Kept {
        /// All that it was told.
        pub(crate) fn lines(&self) -> Vec<String> {
            self.0.lock().expect("not poisoned").clone()
        }

        fn push(&self, line: String) {
            self.0.lock().expect("not poisoned").push(line);
        }
    }

    impl Observer for Kept {
        fn message(&self, kind: Kind, text: &str) {
            self.push(format!("{kind:?} {text}"));
        }

        fn begin(&self, task: Task) -> Box<dyn Meter> {
            self.push(format!("{} {:?} {} {}", task.label, task.total, task.unit, task.is_short));
            Box::new(self.clone())
        }

        fn is_stage(&self) -> bool {
            true
        }
    }

    impl Meter for Kept {
        fn skip(&self, n: u64) {
            self.push(format!("skip {n}"));
        }
        fn advance(&self, n: u64) {
            self.push(format!("advance {n}"));
        }
        fn note(&self, text: String) {
            self.push(format!("note {text}"));
        }
        fn tell(&self, per_second: f64, left: Duration) {
            self.push(format!("tell {per_second} {left:?}"));
        }
        fn finish(self: Box<Self>, text: &str) {
            self.push(format!("finish {text}"));
        }
    }

    #[test]
    fn whoever_observes_hears_all_that_a_stage_says_also_behind_an_arc() {
        let kept = Kept::default();
        let shared: Arc<dyn Observer> = Arc::new(kept.clone());
        let observer: &dyn Observer = &shared;
        observer.warn("low disk");
        let progress = observer.progress("reading", 3, "rows");
        progress.skip(1);
        progress.advance(2);
        progress.note("last");
        progress.tell(2.0, Duration::from_secs(1));
        progress.finish("read");
        assert_eq!(observer.during("hashing", || 7), 7);
        assert!(observer.is_stage());
        let lines = kept.lines().join("\n");
        assert_eq!(
            lines,
            "Warning low disk\nreading Some(3) rows false\nskip 1\nadvance 2\nnote last\ntell 2 1s\nfinish read\n\
             hashing None  true\nfinish "
        );
    }
}
