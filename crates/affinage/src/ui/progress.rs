//! Progress of long work, so that nothing is silent: on a terminal a line that moves, elsewhere (logs, CI) a plain line at
//! least every ten seconds, whether or not a unit was finished meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::printable::printable;
use super::{Ui, bytes, count};

/// The longest silence where bars are not drawn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Work that is mostly short is not mentioned before this.
const LATE: Duration = Duration::from_secs(1);

/// One running task. `&self` methods: worker threads may share it.
pub struct Progress {
    task: Arc<Task>,
}

/// The tasks of a terminal that run now, oldest first: the newest is part of those before it.
#[derive(Default)]
pub(super) struct Running(Mutex<(u64, Vec<u64>)>);

impl Running {
    fn begin(&self) -> u64 {
        let mut running = self.lock();
        running.0 += 1;
        let number = running.0;
        running.1.push(number);
        number
    }

    fn is_newest(&self, number: u64) -> bool {
        self.lock().1.last() == Some(&number)
    }

    fn end(&self, number: u64) {
        self.lock().1.retain(|running| *running != number);
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Vec<u64>)> {
        self.0.lock().expect("no code panics while it holds this lock")
    }
}

/// When a task is first mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Now,
    /// Only if it is not done within a second.
    Late,
}

struct Task {
    /// Its place among the running tasks of the terminal.
    number: u64,
    label: String,
    unit: &'static str,
    total: Option<u64>,
    started: Instant,
    pace: Arc<Pace>,
    state: Mutex<State>,
    ended: Condvar,
    ui: Ui,
    /// Where plain lines go.
    say: Box<dyn Fn(String) + Send + Sync>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    done: u64,
    note: String,
    said_at: Duration,
    said_done: u64,
    is_ended: bool,
}

/// What the rate and the time left are computed from.
#[derive(Default)]
struct Pace {
    /// Units done by an earlier process.
    skipped: AtomicU64,
    /// Milliseconds from the start to the last unit; 0 before the first. What passed since then tells nothing of the rate.
    moved_ms: AtomicU64,
    /// In place of the mean over the whole time.
    told: Mutex<Option<Told>>,
}

/// Rate and time left as the caller knows them.
#[derive(Clone, Copy)]
struct Told {
    at: Instant,
    per_second: f64,
    left: Duration,
}

impl Progress {
    pub(super) fn start(
        ui: &Ui,
        label: String,
        total: Option<u64>,
        unit: &'static str,
        start: Start,
    ) -> Self {
        let said = ui.clone();
        let task = Task {
            number: ui.running.begin(),
            label,
            unit,
            total,
            started: Instant::now(),
            pace: Arc::default(),
            state: Mutex::default(),
            ended: Condvar::new(),
            ui: ui.clone(),
            say: Box::new(move |line| said.say(line)),
        };
        let progress = Self { task: Arc::new(task) };
        if start == Start::Now {
            progress.task.show();
        }
        let has_bars = ui.bars.is_some();
        if ui.verbosity > super::Verbosity::Quiet && !(has_bars && start == Start::Now) {
            let task = Arc::clone(&progress.task);
            std::thread::spawn(move || {
                if start == Start::Late {
                    task.wait(LATE);
                    task.show();
                }
                if !has_bars {
                    task.repeat(PATIENCE);
                }
            });
        }
        progress
    }

    /// `n` units were done by an earlier process: they count as done, not for the rate.
    pub fn skip(&self, n: u64) {
        self.task.pace.skipped.fetch_add(n, Ordering::Relaxed);
        let mut state = self.task.lock();
        state.done += n;
        state.said_done += n;
        if let Some(bar) = &state.bar {
            bar.inc(n);
        }
    }

    /// `n` more units are done.
    pub fn advance(&self, n: u64) {
        let task = &self.task;
        let mut state = task.lock();
        state.done += n;
        task.pace.moved_ms.store(task.started.elapsed().as_millis() as u64, Ordering::Relaxed);
        if let Some(bar) = &state.bar {
            return bar.inc(n);
        }
        let elapsed = task.started.elapsed();
        // The last unit is not reported: `finish` follows with its own line.
        let complete = task.total.is_some_and(|total| state.done >= total);
        let is_shown = state.said_at > Duration::ZERO || elapsed >= LATE;
        if task.ui.bars.is_none() && is_shown && !complete && task.is_tenth(&state, elapsed) {
            task.say_line(&mut state, elapsed);
        }
    }

    /// Shows a short text beside the bar (`loss 2.31`), or on the next plain line.
    pub fn note(&self, text: impl Into<String>) {
        let mut state = self.task.lock();
        state.note = text.into();
        if let Some(bar) = &state.bar {
            bar.set_message(printable(&state.note, false).into_owned());
        }
    }

    /// Rate and time left as the caller knows them: units that come at several speeds, or work between the units.
    pub fn tell(&self, per_second: f64, left: Duration) {
        *self.task.pace.lock() = Some(Told { at: Instant::now(), per_second, left });
    }

    /// Removes the bar and says how it ended and how long it took; an empty text says nothing.
    pub fn finish(self, text: impl AsRef<str>) {
        self.task.end();
        if !text.as_ref().is_empty() {
            let ui = &self.task.ui;
            let took = ui.paint(super::Paint::Dim, &super::duration(self.task.started.elapsed()));
            ui.say(format!("{} {took}", text.as_ref()));
        }
    }
}

impl Drop for Progress {
    /// A task that ends by an error leaves no bar behind.
    fn drop(&mut self) {
        self.task.end();
    }
}

impl Task {
    /// Draws the bar, or says the first plain line.
    fn show(&self) {
        let mut state = self.lock();
        if state.is_ended {
            return;
        }
        let Some(bars) = &self.ui.bars else {
            let total = self.total.map(|total| format!(" ({})", amount(total, self.unit)));
            (self.say)(format!("{}{}", self.label, total.unwrap_or_default()));
            state.said_at = self.started.elapsed();
            return;
        };
        let bar = match self.total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let style = style(self.total, self.unit, self.ui.colour_err, &self.pace);
        let bar = bars.add(bar.with_style(style).with_prefix(self.label.clone()));
        bar.set_elapsed(self.started.elapsed());
        bar.set_position(state.done);
        bar.set_message(printable(&state.note, false).into_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        state.bar = Some(bar);
    }

    /// Waits until the task has ended, at most for `time`.
    fn wait(&self, time: Duration) {
        let state = self.lock();
        let waited = self.ended.wait_timeout_while(state, time, |state| !state.is_ended);
        drop(waited.expect("no code panics while it holds this lock"));
    }

    /// Until the task ends: a line whenever nothing was said for as long as `patience`.
    fn repeat(&self, patience: Duration) {
        let mut state = self.lock();
        while !state.is_ended {
            let elapsed = self.started.elapsed();
            let due = state.said_at + patience;
            if elapsed >= due && self.ui.running.is_newest(self.number) {
                self.say_line(&mut state, elapsed);
                continue;
            }
            // A task within this one speaks for both.
            let due = if elapsed >= due { elapsed + patience } else { due };
            state.said_at = due.saturating_sub(patience);
            let waited = self.ended.wait_timeout(state, due - elapsed);
            state = waited.expect("no code panics while it holds this lock").0;
        }
    }

    fn end(&self) {
        let mut state = self.lock();
        state.is_ended = true;
        self.ui.running.end(self.number);
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        self.ended.notify_all();
    }

    /// Whether a tenth more is done than was said, and the last line is not of this second.
    fn is_tenth(&self, state: &State, elapsed: Duration) -> bool {
        let tenth = self.total.is_some_and(|total| (state.done - state.said_done) * 10 >= total.max(1));
        tenth && elapsed.saturating_sub(state.said_at) >= Duration::from_secs(1)
    }

    fn say_line(&self, state: &mut State, elapsed: Duration) {
        (state.said_at, state.said_done) = (elapsed, state.done);
        (self.say)(self.plain_line(state, elapsed));
    }

    fn plain_line(&self, state: &State, elapsed: Duration) -> String {
        let note = if state.note.is_empty() { String::new() } else { format!(" {}", state.note) };
        if self.total.is_none() && self.unit.is_empty() {
            return format!("{}, {}{note}", self.label, super::duration(elapsed));
        }
        let rate = self.pace.known_rate(self.total, state.done, elapsed);
        let mut line = match self.total {
            Some(total) => {
                let percent = state.done * 100 / total.max(1);
                format!(
                    "{} {percent}% ({} of {}",
                    self.label,
                    plain_amount(state.done, self.unit),
                    amount(total, self.unit)
                )
            }
            None => format!("{} ({}", self.label, amount(state.done, self.unit)),
        };
        // Before enough is done there is neither a rate nor a time left.
        if let Some(rate) = rate {
            line.push_str(&format!(", {}", rate_text(rate, self.unit)));
        }
        match self.total.and_then(|total| self.pace.left_text(total, state.done, elapsed)) {
            Some(left) => line.push_str(&format!(", {left}")),
            None => line.push_str(&format!(", {}", super::duration(elapsed))),
        }
        format!("{line}){note}")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds this lock")
    }
}

impl Pace {
    /// Units a second, as told or since the start of this process.
    fn rate(&self, done: u64, elapsed: Duration) -> f64 {
        if let Some(told) = *self.lock() {
            return told.per_second;
        }
        let here = done.saturating_sub(self.skipped.load(Ordering::Relaxed));
        let elapsed = elapsed.saturating_sub(self.waited(elapsed));
        here as f64 / elapsed.as_secs_f64().max(1e-3)
    }

    /// How long the last unit is ago: between two of them the time left falls and does not rise.
    fn waited(&self, elapsed: Duration) -> Duration {
        match self.moved_ms.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            moved => elapsed.saturating_sub(Duration::from_millis(moved)),
        }
    }

    /// The rate, once it rests on enough: of answers that are written side by side the first comes after many are begun, and
    /// what a model takes to load is in it too.
    fn known_rate(&self, total: Option<u64>, done: u64, elapsed: Duration) -> Option<f64> {
        const ENOUGH_UNITS: u64 = 30;
        const ENOUGH_TIME: Duration = Duration::from_secs(10);
        let skipped = self.skipped.load(Ordering::Relaxed);
        let here = done.saturating_sub(skipped);
        let is_enough = self.lock().is_some()
            || total.is_none_or(|total| 4 * here >= total.saturating_sub(skipped))
            || (here >= ENOUGH_UNITS && elapsed >= ENOUGH_TIME);
        Some(self.rate(done, elapsed)).filter(|rate| *rate > 0.0 && is_enough)
    }

    fn left(&self, total: u64, done: u64, elapsed: Duration) -> Option<Duration> {
        if let Some(told) = *self.lock() {
            return Some(told.left.saturating_sub(told.at.elapsed()));
        }
        let rate = self.known_rate(Some(total), done, elapsed);
        let left = rate.map(|rate| Duration::from_secs_f64((total.saturating_sub(done)) as f64 / rate))?;
        Some(left.saturating_sub(self.waited(elapsed)))
    }

    /// What is left in words. After the last unit something may follow that the caller told of, such as an evaluation.
    fn left_text(&self, total: u64, done: u64, elapsed: Duration) -> Option<String> {
        let left = self.left(total, done, elapsed)?;
        match (done >= total, left.as_secs()) {
            // It takes longer than the caller thought.
            (false, _) if left.is_zero() => {
                Some(format!("longer than expected, {} so far", super::duration(elapsed)))
            }
            (false, _) => Some(format!("{} left", super::duration(left))),
            (true, 0) => Some("finishing".to_owned()),
            (true, _) => Some(format!("finishing, about {}", super::duration(left))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Told>> {
        self.told.lock().expect("no code panics while it holds this lock")
    }
}

fn amount(n: u64, unit: &str) -> String {
    if unit == "bytes" { bytes(n) } else { format!("{} {unit}", count(n)) }
}

fn plain_amount(n: u64, unit: &str) -> String {
    if unit == "bytes" { bytes(n) } else { count(n) }
}

/// On a bar, large totals are a percentage: a line has room for the figures that move.
fn done_of(done: u64, total: u64, unit: &str) -> String {
    if is_large(total, unit) {
        return format!("{}%", done * 100 / total);
    }
    format!("{}/{}", plain_amount(done, unit), amount(total, unit))
}

/// The rate on a bar; beside a percentage it also names the unit.
fn bar_rate(per_second: f64, total: Option<u64>, unit: &str) -> String {
    let rate = rate_text(per_second, unit);
    match (total.is_some_and(|total| is_large(total, unit)), rate.strip_suffix("/s")) {
        (true, Some(number)) => format!("{number} {unit}/s"),
        _ => rate,
    }
}

fn is_large(total: u64, unit: &str) -> bool {
    total >= 10_000 && unit != "bytes"
}

fn rate_text(per_second: f64, unit: &str) -> String {
    match unit {
        "bytes" => format!("{}/s", bytes(per_second as u64)),
        _ if per_second >= 10.0 => format!("{}/s", count(per_second.round() as u64)),
        _ if per_second >= 0.1 => format!("{per_second:.1}/s"),
        _ => format!("{}/each", super::duration(Duration::from_secs_f64(1.0 / per_second.max(1e-9)))),
    }
}

fn style(total: Option<u64>, unit: &'static str, colour: bool, pace: &Arc<Pace>) -> ProgressStyle {
    type State = indicatif::ProgressState;
    type Out<'a> = &'a mut dyn std::fmt::Write;
    let (of_rate, of_left) = (Arc::clone(pace), Arc::clone(pace));
    let (label, bar) = if colour { (":.cyan", ".cyan/dim") } else { ("", "") };
    // The spinner moves while no unit is finished.
    let template = match (total, unit) {
        (Some(_), _) => {
            format!("{{spinner}} {{prefix{label}}} {{bar:18{bar}}} {{done}} {{rate}} {{left}} {{wide_msg}}")
        }
        (None, "") => format!("{{spinner}} {{prefix{label}}} {{took}} {{wide_msg}}"),
        (None, _) => format!("{{spinner}} {{prefix{label}}} {{done}} {{rate}} {{wide_msg}}"),
    };
    ProgressStyle::with_template(&template)
        .expect("the template is a constant")
        .progress_chars("━╸─")
        .with_key("took", |state: &State, out: Out<'_>| {
            let _ = write!(out, "{}", super::duration(state.elapsed()));
        })
        .with_key("done", move |state: &State, out: Out<'_>| {
            let _ = match total {
                Some(total) => write!(out, "{}", done_of(state.pos(), total, unit)),
                None => write!(out, "{}", amount(state.pos(), unit)),
            };
        })
        .with_key("rate", move |state: &State, out: Out<'_>| {
            if let Some(rate) = of_rate.known_rate(total, state.pos(), state.elapsed()) {
                let _ = write!(out, "{}", bar_rate(rate, total, unit));
            }
        })
        .with_key("left", move |state: &State, out: Out<'_>| {
            match total.and_then(|total| of_left.left_text(total, state.pos(), state.elapsed())) {
                Some(left) => {
                    let _ = write!(out, "{left}");
                }
                // Not enough is done yet: the time that passed shows that something goes on.
                None => {
                    let _ = write!(out, "{}", super::duration(state.elapsed()));
                }
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(label: &str, total: Option<u64>, unit: &'static str) -> (Arc<Task>, Arc<Mutex<Vec<String>>>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let ui = Ui::new(crate::ui::Verbosity::Quiet);
        let task = Task {
            number: ui.running.begin(),
            label: label.to_owned(),
            unit,
            total,
            started: Instant::now(),
            pace: Arc::default(),
            state: Mutex::default(),
            ended: Condvar::new(),
            ui,
            say: Box::new(move |line| heard.lock().expect("not poisoned").push(line)),
        };
        (Arc::new(task), said)
    }

    #[test]
    fn plain_lines_come_about_every_tenth() {
        let (task, _) = task("reading", Some(100), "rows");
        let is_tenth = |done: u64, said_done: u64, at_ms: u64| {
            let state = State { done, said_done, ..State::default() };
            task.is_tenth(&state, Duration::from_millis(at_ms))
        };
        assert!(!is_tenth(9, 0, 5000));
        assert!(is_tenth(10, 0, 5000) && is_tenth(60, 50, 5000));
        assert!(!is_tenth(50, 0, 900), "never more than one a second");
    }

    #[test]
    fn a_task_that_does_not_move_is_heard_again_and_again_until_it_ends() {
        let (task, said) = task("measuring", None, "");
        let repeated = Arc::clone(&task);
        let ticker = std::thread::spawn(move || repeated.repeat(Duration::from_millis(5)));
        let began = Instant::now();
        while said.lock().expect("not poisoned").len() < 3 {
            assert!(began.elapsed() < Duration::from_secs(60), "it stays silent");
            std::thread::sleep(Duration::from_millis(1));
        }
        task.end();
        ticker.join().expect("it ends with the task");
        let lines = said.lock().expect("not poisoned").clone();
        assert!(lines.iter().all(|line| line.starts_with("measuring, ")), "{lines:?}");
        task.show();
        assert_eq!(said.lock().expect("not poisoned").len(), lines.len(), "nothing is said after the end");
    }

    #[test]
    fn a_task_within_another_speaks_for_both() {
        let (outer, said) = task("training", None, "");
        let inner = outer.ui.running.begin();
        let repeated = Arc::clone(&outer);
        let ticker = std::thread::spawn(move || repeated.repeat(Duration::from_millis(2)));
        std::thread::sleep(Duration::from_millis(40));
        assert!(said.lock().expect("not poisoned").is_empty(), "the inner one has the word");
        outer.ui.running.end(inner);
        let began = Instant::now();
        while said.lock().expect("not poisoned").is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "the outer one has it again");
            std::thread::sleep(Duration::from_millis(1));
        }
        outer.end();
        ticker.join().expect("it ends with the task");
    }

    #[test]
    fn short_work_that_starts_late_is_not_mentioned() {
        let (task, said) = task("reading", Some(10), "rows");
        let late = Arc::clone(&task);
        let waiting = std::thread::spawn(move || {
            late.wait(Duration::from_secs(60));
            late.show();
        });
        task.end();
        waiting.join().expect("it does not wait for the minute");
        assert!(said.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn a_line_says_what_is_left_as_it_was_told() {
        let (task, _) = task("training", Some(1000), "tokens");
        let line = |done: u64| task.plain_line(&State { done, ..State::default() }, Duration::from_secs(20));
        assert_eq!(line(0), "training 0% (0 of 1,000 tokens, 20s)");
        assert_eq!(line(20), "training 2% (20 of 1,000 tokens, 20s)", "a few of many tell no time");
        assert_eq!(line(40), "training 4% (40 of 1,000 tokens, 2.0/s, 8m 00s left)");
        assert_eq!(line(200), "training 20% (200 of 1,000 tokens, 10/s, 1m 20s left)");
        task.pace.skipped.store(100, Ordering::Relaxed);
        assert_eq!(line(200), "training 20% (200 of 1,000 tokens, 5.0/s, 2m 40s left)");
        let at = Instant::now() + Duration::from_secs(60);
        *task.pace.lock() = Some(Told { at, per_second: 50.0, left: Duration::from_secs(90) });
        assert_eq!(line(200), "training 20% (200 of 1,000 tokens, 50/s, 1m 30s left)");
        assert_eq!(line(1000), "training 100% (1,000 of 1,000 tokens, 50/s, finishing, about 1m 30s)");
        let past = Instant::now();
        *task.pace.lock() = Some(Told { at: past, per_second: 50.0, left: Duration::ZERO });
        assert_eq!(line(200), "training 20% (200 of 1,000 tokens, 50/s, longer than expected, 20s so far)");
        *task.pace.lock() = None;
        assert_eq!(line(1000), "training 100% (1,000 of 1,000 tokens, 45/s, finishing)");
    }

    #[test]
    fn what_is_left_falls_while_a_unit_takes_its_time() {
        let (task, _) = task("scoring", Some(1000), "tokens");
        task.pace.moved_ms.store(20_000, Ordering::Relaxed);
        let line = |seconds: u64| {
            task.plain_line(&State { done: 200, ..State::default() }, Duration::from_secs(seconds))
        };
        assert_eq!(line(20), "scoring 20% (200 of 1,000 tokens, 10/s, 1m 20s left)");
        assert_eq!(line(50), "scoring 20% (200 of 1,000 tokens, 10/s, 50s left)");
        assert_eq!(line(200), "scoring 20% (200 of 1,000 tokens, 10/s, longer than expected, 3m 20s so far)");
    }

    #[test]
    fn a_slow_rate_is_given_per_unit() {
        let shown = [1234.4, 3.21, 0.02].map(|rate| rate_text(rate, "steps"));
        assert_eq!(shown, ["1,234/s", "3.2/s", "50s/each"]);
        assert_eq!(rate_text(12_500_000.0, "bytes"), "12.5 MB/s");
    }

    #[test]
    fn a_bar_shows_counts_while_they_are_short() {
        assert_eq!(
            (done_of(60, 290, "steps"), bar_rate(24.0, Some(290), "steps")),
            ("60/290 steps".into(), "24/s".into())
        );
        let large = (done_of(50_000, 200_000, "tokens"), bar_rate(1234.0, Some(200_000), "tokens"));
        assert_eq!(large, ("25%".into(), "1,234 tokens/s".into()));
        assert_eq!(done_of(52_000_000, 98_000_000, "bytes"), "52.0 MB/98.0 MB");
    }
}
