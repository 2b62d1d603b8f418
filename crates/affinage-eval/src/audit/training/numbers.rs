//! Numbers of a training's card against what its files say.

use super::{Folder, TrainingLog, cannot, finding};
use crate::audit::mentions::{self, Mention};
use crate::audit::{Finding, Severity, Unchecked, claims};
use crate::plain::counted;

/// Numbers of the card beside words that the files know. What no file can say is unchecked, and how much of the card
/// that is.
pub fn card_numbers(folder: &Folder, unchecked: &mut Vec<Unchecked>) -> Vec<Finding> {
    let check = "numbers of the card";
    let Some(text) = &folder.card else {
        cannot(unchecked, check, "there is no README.md");
        return Vec::new();
    };
    let (mentions, others) = mentions::mentions(text);
    let (mut findings, mut unknown, mut held) = (Vec::new(), Vec::new(), 0);
    for mention in mentions {
        let known = known(folder, &mention);
        if known.is_empty() {
            unknown.push(format!("{} {}", mention.kind, mention.written));
            continue;
        }
        held += 1;
        if known.iter().any(|(low, high)| mention.fits(*low, *high)) {
            continue;
        }
        let shown: Vec<String> = known.iter().take(8).map(|(low, high)| range(*low, *high)).collect();
        let more = if known.len() > 8 { " and others" } else { "" };
        findings.push(finding(
            "T09",
            Severity::Fault,
            format!(
                "The card says {} {}; no file supports it.",
                mention.kind.replace('-', " "),
                mention.written
            ),
            vec![format!("the files say {}{more}", shown.join(", ")), format!("card: \"{}\"", mention.said)],
        ));
    }
    let mut left = Vec::new();
    if !unknown.is_empty() {
        left.push(format!("no file says {}", unknown.join(", ")));
    }
    if others > 0 {
        left.push(format!("{} beside no word that the audit knows", counted(others, "number", "numbers")));
    }
    if !left.is_empty() {
        let because =
            format!("{} held against the files; {}", counted(held, "number", "numbers"), left.join("; "));
        unchecked.push(Unchecked { check, because });
    }
    findings
}

/// What the files say of a mention's kind, each as the range in which it lies.
fn known(folder: &Folder, mention: &Mention) -> Vec<(f64, f64)> {
    let exact = |values: Vec<f64>| values.into_iter().map(|value| (value, value)).collect::<Vec<_>>();
    let setting =
        |names: &[&str]| -> Vec<f64> { names.iter().filter_map(|name| number_of(folder, name)).collect() };
    let adapter = folder.adapter.as_ref();
    let log = folder.log.as_ref();
    let losses = |of: fn(&TrainingLog) -> &Vec<(u64, f64)>| -> Vec<f64> {
        log.map_or(Vec::new(), |log| of(log).iter().map(|(_, loss)| *loss).collect())
    };
    match mention.kind {
        "rank" => exact(adapter.iter().map(|a| a.rank as f64).collect()),
        "alpha" => exact(adapter.iter().map(|a| a.alpha).collect()),
        "dropout" => exact(adapter.iter().filter_map(|a| a.dropout).collect()),
        "epochs" => exact(
            log.iter()
                .map(|log| log.epochs)
                .chain(setting(&["num_train_epochs", "num_epochs", "epochs"]))
                .collect(),
        ),
        "steps" => {
            let counts = log.iter().flat_map(|log| [log.step as f64, log.planned_steps as f64]);
            exact(
                counts
                    .filter(|steps| *steps > 0.0)
                    .chain(setting(&["max_steps"]).into_iter().filter(|n| *n > 0.0))
                    .collect(),
            )
        }
        "warm-up" => exact(setting(&["warmup_steps", "warmup-steps"])),
        "accumulation" => exact(setting(&["gradient_accumulation_steps", "gradient-accumulation"])),
        "batch-size" => {
            let sizes = setting(&[
                "per_device_train_batch_size",
                "micro_batch_size",
                "train_batch_size",
                "batch-size",
            ]);
            let times = setting(&["gradient_accumulation_steps"]);
            let products = sizes.iter().flat_map(|size| times.iter().map(move |times| size * times));
            exact(products.chain(sizes.iter().copied()).collect())
        }
        "seed" => exact(setting(&["seed"])),
        "learning-rate" => peak_rate(folder),
        "eval-loss" => exact(losses(|log| &log.evaluations)),
        "train-loss" => exact(losses(|log| &log.train)),
        _ => {
            let is_last =
                ["final", "last", "end"].iter().any(|word| mention.said.to_lowercase().contains(word));
            let (train, evaluations) = (losses(|log| &log.train), losses(|log| &log.evaluations));
            match is_last {
                true => exact(train.last().into_iter().chain(evaluations.last()).copied().collect()),
                false => exact(train.into_iter().chain(evaluations).collect()),
            }
        }
    }
}

fn number_of(folder: &Folder, name: &str) -> Option<f64> {
    folder.settings.get(name)?.parse().ok()
}

/// The height of the schedule: as a settings file names it, else from the rates that were logged. It lies at or above
/// the highest of them, and not above where the straight lines through their neighbours meet: schedules rise and fall
/// without a corner elsewhere.
pub fn peak_rate(folder: &Folder) -> Vec<(f64, f64)> {
    let named: Vec<f64> =
        ["learning_rate", "learning-rate", "lr"].iter().filter_map(|name| number_of(folder, name)).collect();
    if !named.is_empty() {
        return named.into_iter().map(|rate| (rate, rate)).collect();
    }
    let Some(log) = &folder.log else { return Vec::new() };
    let Some(highest) = log.learning_rate else { return Vec::new() };
    let rates = &log.rates;
    let Some(top) = rates.iter().position(|(_, rate)| *rate == highest) else {
        return vec![(highest, highest)];
    };
    let point = |at: usize| rates.get(at).map(|(step, rate)| (*step as f64, *rate));
    let before = |back: usize| match top.checked_sub(back) {
        Some(at) => point(at),
        // Schedules rise from nothing at the first step.
        None => Some((0.0, 0.0)).filter(|_| top + 1 == back && top > 0),
    };
    let mut reach = highest;
    // The peak lies before or behind the highest logged point, below the rise before it and the fall behind it.
    for (rise, fall) in [
        (before(2).zip(before(1)), point(top).zip(point(top + 1))),
        (before(1).zip(point(top)), point(top + 1).zip(point(top + 2))),
    ] {
        let Some((from, to)) = fall else { continue };
        let start = rise.map_or(0.0, |(_, last)| last.0);
        let stand = (0..=200).map(|k| start + (from.0 - start) * f64::from(k) / 200.0);
        let below = |x: f64| rise.map_or(f64::INFINITY, |(a, b)| on_line(a, b, x)).min(on_line(from, to, x));
        // Where no rise was logged, the fall began at step 0 at the earliest.
        if rise.is_some() || from == (rates[0].0 as f64, rates[0].1) {
            reach = stand.map(below).fold(reach, f64::max);
        }
    }
    vec![(highest, reach * 1.002)]
}

/// The height at `x` of the line through two points.
fn on_line((x1, y1): (f64, f64), (x2, y2): (f64, f64), x: f64) -> f64 {
    if x2 > x1 { y1 + (y2 - y1) / (x2 - x1) * (x - x1) } else { y1 }
}

fn range(low: f64, high: f64) -> String {
    let shown = |value: f64| match value {
        value if value != 0.0 && value.abs() < 0.01 => format!("{value:.3e}"),
        value => claims::number(value),
    };
    if high - low <= 0.011 * low.abs() { shown(low) } else { format!("{} to {}", shown(low), shown(high)) }
}
