//! Faults of answers by rule: refusals, loops, cuts, empty answers.

use affinage_eval::analysis::ArmRates;

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::{Section, caption, details, table};
use super::numbers::{Measure, Source, count, figure_or_dash};

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let rates = &evidence.analysis.rates;
    let head =
        ["arm", "answers", "refused", "looping", "cut at the limit", "empty", "mean words", "mean tokens"];
    let rows: Vec<Vec<String>> = rates.iter().enumerate().map(|(i, rate)| row(rate, i, arms)).collect();
    let sentences: String = rates.iter().map(|rate| arms.p(&rate.sentence)).collect();
    let body = format!(
        "{}{}{}",
        table("plain", &head, &[1, 2, 3, 4, 5, 6, 7], &rows),
        caption("Share of all answers, with Wilson's 95 % interval."),
        details("In sentences", &sentences)
    );
    Section::new("faults", "Refusals, loops and cuts", body)
}

fn row(rate: &ArmRates, index: usize, arms: &Arms) -> Vec<String> {
    let cell = |position: usize, faulty: usize, what: &str| {
        let source = Source::new(
            format!("completions.jsonl arm = {}", rate.arm),
            format!(".rates[{index}].shares[{position}]"),
        );
        let what = format!("{}: {what}, {faulty} of {}", arms.short(&rate.arm), rate.answers);
        figure_or_dash(&what, rate.shares.get(position), Measure::Share, &source)
    };
    vec![
        arms.label(&rate.arm),
        count(rate.answers),
        cell(0, rate.refusals, "refused"),
        cell(1, rate.loops, "looping"),
        cell(2, rate.truncated, "cut at the token limit"),
        cell(3, rate.empty, "without a letter or digit"),
        format!("{:.0}", rate.mean_words),
        format!("{:.0}", rate.mean_tokens),
    ]
}
