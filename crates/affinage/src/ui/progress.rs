//! Progress of long work: a bar on a terminal, a few plain lines elsewhere (logs, CI).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::printable::printable;
use super::{Ui, table};

/// One running task. `&self` methods: worker threads may share it.
pub struct Progress {
    ui: Ui,
    label: String,
    unit: &'static str,
    total: Option<u64>,
    started: Instant,
    bar: Option<ProgressBar>,
    /// Units done by an earlier process.
    skipped: Arc<AtomicU64>,
    plain: Mutex<PlainState>,
}

#[derive(Default)]
struct PlainState {
    done: u64,
    note: String,
    said_at: Duration,
    said_done: u64,
}

impl Progress {
    pub(super) fn start(ui: &Ui, label: String, total: Option<u64>, unit: &'static str) -> Self {
        let skipped = Arc::default();
        let bar = ui.bars.as_ref().map(|bars| {
            let bar = match total {
                Some(total) => ProgressBar::new(total),
                None => ProgressBar::new_spinner(),
            };
            let bar = bars
                .add(bar.with_style(style(total, unit, ui.colour_err, &skipped)).with_prefix(label.clone()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let progress = Self {
            ui: ui.clone(),
            label,
            unit,
            total,
            started: Instant::now(),
            bar,
            skipped,
            plain: Mutex::default(),
        };
        if progress.bar.is_none() {
            let total = total.map(|total| format!(" ({})", amount(total, unit))).unwrap_or_default();
            ui.say(format!("{}{total}", progress.label));
        }
        progress
    }

    /// `n` units were done by an earlier process: they count as done, not for the rate.
    pub fn skip(&self, n: u64) {
        self.skipped.fetch_add(n, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            return bar.inc(n);
        }
        let mut plain = self.lock();
        plain.done += n;
        plain.said_done += n;
    }

    /// `n` more units are done.
    pub fn advance(&self, n: u64) {
        if let Some(bar) = &self.bar {
            return bar.inc(n);
        }
        let mut plain = self.lock();
        plain.done += n;
        let elapsed = self.started.elapsed();
        let complete = self.total.is_some_and(|total| plain.done >= total);
        // The last unit is not reported: `finish` follows with its own line.
        if !complete && is_due(self.total, &plain, elapsed) {
            plain.said_at = elapsed;
            plain.said_done = plain.done;
            self.ui.say(self.plain_line(&plain, elapsed));
        }
    }

    /// Shows a short text beside the bar (`loss 2.31`), or on the next plain line.
    pub fn note(&self, text: impl Into<String>) {
        match &self.bar {
            Some(bar) => bar.set_message(printable(&text.into(), false).into_owned()),
            None => self.lock().note = text.into(),
        }
    }

    /// Removes the bar and says how it ended and how long it took; an empty text says nothing.
    pub fn finish(self, text: impl AsRef<str>) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !text.as_ref().is_empty() {
            let took = self.ui.paint(super::Paint::Dim, &table::duration(self.started.elapsed()));
            self.ui.say(format!("{} {took}", text.as_ref()));
        }
    }

    fn plain_line(&self, plain: &PlainState, elapsed: Duration) -> String {
        let rate = rate(plain.done, &self.skipped, elapsed);
        let mut line = match self.total {
            Some(total) => {
                let percent = plain.done * 100 / total.max(1);
                format!(
                    "{} {percent}% ({} of {}",
                    self.label,
                    plain_amount(plain.done, self.unit),
                    amount(total, self.unit)
                )
            }
            None => format!("{} ({}", self.label, amount(plain.done, self.unit)),
        };
        line.push_str(&format!(", {}", rate_text(rate, self.unit)));
        if let Some(left) = self.total.and_then(|total| time_left(total, plain.done, rate)) {
            line.push_str(&format!(", {} left", table::duration(left)));
        }
        line.push(')');
        if !plain.note.is_empty() {
            line.push_str(&format!(" {}", plain.note));
        }
        line
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PlainState> {
        self.plain.lock().expect("no code panics while it holds this lock")
    }
}

impl Drop for Progress {
    /// A task that ends by an error leaves no bar behind.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A plain line is due after 10 % more, or after a silence that grows with the task: 10 s, then 30 s, then 60 s.
fn is_due(total: Option<u64>, plain: &PlainState, elapsed: Duration) -> bool {
    let silence = elapsed.saturating_sub(plain.said_at);
    let patience = match elapsed.as_secs() {
        0..60 => 10,
        60..600 => 30,
        _ => 60,
    };
    let tenth = total.is_some_and(|total| (plain.done - plain.said_done) * 10 >= total.max(1));
    silence.as_secs() >= patience || (tenth && silence >= Duration::from_secs(1))
}

/// Units a second since the start of this process.
fn rate(done: u64, skipped: &AtomicU64, elapsed: Duration) -> f64 {
    let here = done.saturating_sub(skipped.load(Ordering::Relaxed));
    here as f64 / elapsed.as_secs_f64().max(1e-3)
}

fn time_left(total: u64, done: u64, rate: f64) -> Option<Duration> {
    (rate > 0.0).then(|| Duration::from_secs_f64((total.saturating_sub(done)) as f64 / rate))
}

fn amount(n: u64, unit: &str) -> String {
    if unit == "bytes" { table::bytes(n) } else { format!("{} {unit}", table::count(n)) }
}

fn plain_amount(n: u64, unit: &str) -> String {
    if unit == "bytes" { table::bytes(n) } else { table::count(n) }
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
        "bytes" => format!("{}/s", table::bytes(per_second as u64)),
        _ if per_second >= 10.0 => format!("{}/s", table::count(per_second.round() as u64)),
        _ if per_second >= 0.1 => format!("{per_second:.1}/s"),
        _ => format!("{}/each", table::duration(Duration::from_secs_f64(1.0 / per_second.max(1e-9)))),
    }
}

fn style(total: Option<u64>, unit: &'static str, colour: bool, skipped: &Arc<AtomicU64>) -> ProgressStyle {
    let (of_rate, of_left) = (Arc::clone(skipped), Arc::clone(skipped));
    let (label, bar) = if colour { (":.cyan", ".cyan/dim") } else { ("", "") };
    let template = match total {
        Some(_) => format!("{{prefix{label}}} {{bar:20{bar}}} {{done}} {{rate}} {{left}} {{wide_msg}}"),
        None => format!("{{spinner{label}}} {{prefix{label}}} {{done}} {{rate}} {{wide_msg}}"),
    };
    ProgressStyle::with_template(&template)
        .expect("the template is a constant")
        .progress_chars("━╸─")
        .with_key("done", move |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = match total {
                Some(total) => write!(out, "{}", done_of(state.pos(), total, unit)),
                None => write!(out, "{}", amount(state.pos(), unit)),
            };
        })
        .with_key("rate", move |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            if state.pos() > 0 {
                let _ =
                    write!(out, "{}", bar_rate(rate(state.pos(), &of_rate, state.elapsed()), total, unit));
            }
        })
        .with_key("left", move |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let rate = rate(state.pos(), &of_left, state.elapsed());
            if let Some(left) = total.and_then(|total| time_left(total, state.pos(), rate)) {
                let _ = write!(out, "{} left", table::duration(left));
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(done: u64, said_done: u64, said_at_s: u64) -> PlainState {
        PlainState { done, said_done, said_at: Duration::from_secs(said_at_s), ..PlainState::default() }
    }

    #[test]
    fn plain_lines_come_about_every_tenth_or_after_a_silence() {
        let due = |plain: PlainState, at_s: u64| is_due(Some(100), &plain, Duration::from_secs(at_s));
        assert!(!due(state(9, 0, 0), 5), "neither a tenth nor ten seconds");
        assert!(due(state(10, 0, 0), 5), "a tenth");
        assert!(due(state(1, 0, 0), 10), "ten seconds");
        assert!(!due(state(1, 0, 100), 110), "after a minute the patience is 30 s");
        assert!(due(state(1, 0, 100), 130));
        assert!(
            !is_due(Some(100), &state(50, 0, 0), Duration::from_millis(900)),
            "never more than one a second"
        );
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
