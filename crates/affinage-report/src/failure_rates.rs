//! Faults of answers by rule: refusals, loops, cuts, empty answers.

use affinage_eval::analysis::ArmFailureRates;
use affinage_eval::plain::count;
use serde::Serialize;

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::Section;
use super::numbers::{Measure, Source};
use super::view::{Inline, Piece, Table};

#[derive(Serialize)]
struct View {
    table: Table,
    sentences: Vec<Inline>,
}

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let rates = &evidence.analysis.rates;
    let head =
        ["arm", "answers", "refused", "looping", "cut at the limit", "empty", "mean words", "mean tokens"];
    let rows = rates.iter().enumerate().map(|(i, rate)| row(rate, i, arms)).collect();
    let view = View {
        table: Table::new(&head, &[1, 2, 3, 4, 5, 6, 7], rows),
        sentences: arms.paragraphs(rates.iter().map(|rate| rate.sentence.as_str())),
    };
    Section::drawn("failure_rates.html", "faults", "Refusals, loops and cuts", &view)
}

fn row(rate: &ArmFailureRates, index: usize, arms: &Arms) -> Vec<Inline> {
    let cell = |position: usize, faulty: usize, what: &str| -> Inline {
        let source = Source::new(
            format!("completions.jsonl arm = {}", rate.arm),
            format!(".rates[{index}].shares[{position}]"),
        );
        let what = format!("{}: {what}, {faulty} of {}", arms.short(&rate.arm), rate.answers);
        Piece::figure_or_dash(&what, rate.shares.get(position), Measure::Share, &source).into()
    };
    vec![
        arms.name(&rate.arm).into(),
        count(rate.answers as u64).into(),
        cell(0, rate.refusals, "refused"),
        cell(1, rate.loops, "looping"),
        cell(2, rate.truncated, "cut at the token limit"),
        cell(3, rate.empty, "without a letter or digit"),
        format!("{:.0}", rate.mean_words).into(),
        format!("{:.0}", rate.mean_tokens).into(),
    ]
}
