//! Faults of answers by rule: refusals, loops, cuts, empty answers.

use affinage_eval::analysis::{ArmRates, Estimate, Interval};
use affinage_eval::stats::proportion::wilson;

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::{Section, caption, details, table};
use super::numbers::{Measure, Source, count, figure};

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let rates = &evidence.analysis.rates;
    let head =
        ["arm", "answers", "refused", "looping", "cut at the limit", "empty", "mean words", "mean tokens"];
    let rows: Vec<Vec<String>> = rates.iter().enumerate().map(|(i, rate)| row(rate, i, arms)).collect();
    let sentences: String = rates.iter().map(|rate| arms.p(&rate.sentence)).collect();
    let body = format!(
        "{}{}{}",
        table("plain", &head, &[1, 2, 3, 4, 5, 6, 7], &rows),
        caption("Share of all answers, with Wilson's 95 % interval; the count is on hover."),
        details("In sentences", &sentences)
    );
    Section::new("faults", "Refusals, loops and cuts", body)
}

fn row(rate: &ArmRates, index: usize, arms: &Arms) -> Vec<String> {
    let cell = |faulty: usize, field: &str, what: &str| {
        let source =
            Source::new(format!("completions.jsonl arm = {}", rate.arm), format!(".rates[{index}].{field}"));
        let what = format!("{}: {what}, {faulty} of {}", arms.short(&rate.arm), rate.answers);
        figure(&what, &share(faulty, rate.answers), Measure::Share, &source)
    };
    vec![
        arms.label(&rate.arm),
        count(rate.answers),
        cell(rate.refusals, "refusals", "refused"),
        cell(rate.loops, "loops", "looping"),
        cell(rate.truncated, "truncated", "cut at the token limit"),
        cell(rate.empty, "empty", "without a letter or digit"),
        format!("{:.0}", rate.mean_words),
        format!("{:.0}", rate.mean_tokens),
    ]
}

/// A count as a share with its interval: a form of the count, no new finding.
fn share(k: usize, n: usize) -> Estimate {
    let interval = wilson(k as f64, n as f64, 0.05).map(|(low, high)| Interval { low, high, level: 0.95 });
    Estimate {
        value: k as f64 / n.max(1) as f64,
        interval,
        n,
        n_effective: n as f64,
        unit: "answers".to_owned(),
        method: "Wilson, answers taken as independent".to_owned(),
    }
}
