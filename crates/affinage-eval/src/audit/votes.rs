//! What each row is worth once labels are resolved: an arm, a tie, or nothing.

use std::collections::BTreeMap;

use super::binding::{Bindings, Evidence, Group, group};
use super::row::{Arm, Label, PairRow, Stored};
use super::verdict::{self, NoJudgment, Said};

/// What a row is counted as after the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    Winner(Arm),
    Tie,
    Missing,
}

impl Vote {
    /// What `arm` gets: 1, .5 or 0.
    pub fn score(self, arm: Arm) -> Option<f64> {
        match self {
            Vote::Winner(winner) => Some(if winner == arm { 1.0 } else { 0.0 }),
            Vote::Tie => Some(0.5),
            Vote::Missing => None,
        }
    }
}

/// A row as read.
pub struct Reading {
    pub said: Option<Said>,
    pub label_scores: Option<[f64; 2]>,
    pub no_judgment: Option<NoJudgment>,
    /// An error message stands in place of an answer.
    pub broken_answer: bool,
    /// A repetition of an earlier row; not counted again.
    pub duplicate_of: Option<usize>,
}

impl Reading {
    pub fn of(row: &PairRow) -> Reading {
        let text = row.judge_text.as_deref();
        let label_scores = text.and_then(verdict::label_scores);
        let stored_label = match row.stored {
            Stored::Label(label) => Some(Said::Label(label)),
            _ => None,
        };
        let said = text
            .and_then(verdict::said)
            .or_else(|| label_scores.and_then(higher).map(Said::Label))
            .or(stored_label);
        let no_judgment = if said.is_some() { None } else { text.and_then(verdict::no_judgment) };
        let broken = |text: &Option<String>| {
            text.as_deref().is_some_and(|t| {
                t.trim().is_empty() || t.len() < 200 && verdict::no_answer(t) == Some(NoJudgment::Error)
            })
        };
        Reading {
            said,
            label_scores,
            no_judgment,
            broken_answer: row.texts.iter().any(broken),
            duplicate_of: None,
        }
    }
}

/// The label with the higher sum; `None` when they are equal.
pub fn higher(scores: [f64; 2]) -> Option<Label> {
    match scores {
        [a, b] if a > b => Some(Label::A),
        [a, b] if b > a => Some(Label::B),
        _ => None,
    }
}

/// Counts of `(label said, arm stored)` in one order.
pub type LabelMap = [[usize; 2]; 2];

/// The label maps by file and order, over rows that state a label and store a winner.
pub fn label_maps(rows: &[PairRow], readings: &[Reading]) -> BTreeMap<Group, LabelMap> {
    let mut maps: BTreeMap<Group, LabelMap> = BTreeMap::new();
    for (row, reading) in rows.iter().zip(readings) {
        if let (Some(Said::Label(label)), Stored::Winner(arm)) = (reading.said, &row.stored) {
            maps.entry(group(row)).or_default()[label.index()][arm.index()] += 1;
        }
    }
    maps
}

/// The arm under A that a map stands for, with the share of its rows that follow it.
pub fn direction(map: &LabelMap) -> Option<(Arm, f64)> {
    let (one, two) = (map[0][0] + map[1][1], map[0][1] + map[1][0]);
    let rows = one + two;
    if rows == 0 {
        return None;
    }
    Some(if one >= two { (Arm::One, one as f64 / rows as f64) } else { (Arm::Two, two as f64 / rows as f64) })
}

/// What a row says about its own stored winner.
pub enum Claim {
    /// The judge's words and the binding give this vote.
    Derived(Vote, Evidence),
    /// The judge's words cannot be tied to an arm; the stored outcome stands.
    Unbound,
    /// No judgment was made.
    None,
}

pub fn claim(rows: &[PairRow], readings: &[Reading], bindings: &Bindings, i: usize) -> Claim {
    let reading = &readings[i];
    if reading.no_judgment.is_some() || reading.broken_answer {
        return Claim::None;
    }
    match reading.said {
        Some(Said::Tie) => Claim::Derived(Vote::Tie, Evidence::Request),
        Some(Said::Label(label)) => match bindings.under_a(rows, i) {
            Some((under_a, evidence)) => Claim::Derived(Vote::Winner(label.arm(under_a)), evidence),
            None => Claim::Unbound,
        },
        None => Claim::Unbound,
    }
}

/// What the judge of a row named: stated verdicts count for the arm under the label, errors and repetitions are missing.
pub fn named(rows: &[PairRow], readings: &[Reading], bindings: &Bindings, i: usize) -> Vote {
    match claim(rows, readings, bindings, i) {
        _ if readings[i].duplicate_of.is_some() => Vote::Missing,
        Claim::None => Vote::Missing,
        Claim::Derived(vote, _) => vote,
        Claim::Unbound => stored(&rows[i].stored),
    }
}

/// The re-derived votes: what was named, and a tie between two answers that are one.
pub fn votes(rows: &[PairRow], readings: &[Reading], bindings: &Bindings) -> Vec<Vote> {
    let vote = |i: usize| match named(rows, readings, bindings, i) {
        Vote::Winner(_) if rows[i].is_identical() => Vote::Tie,
        vote => vote,
    };
    (0..rows.len()).map(vote).collect()
}

/// The outcome as the log has it.
pub fn stored(stored: &Stored) -> Vote {
    match stored {
        Stored::Winner(arm) => Vote::Winner(*arm),
        Stored::Tie => Vote::Tie,
        Stored::Label(_) | Stored::Missing(_) => Vote::Missing,
    }
}

/// What `arm` gets by the stored outcome: the share that the log keeps, else 1, .5 or 0.
pub fn stored_score(row: &PairRow, arm: Arm) -> Option<f64> {
    match (row.preference, arm) {
        (Some(share), Arm::Two) => Some(share),
        (Some(share), Arm::One) => Some(1.0 - share),
        (None, _) => stored(&row.stored).score(arm),
    }
}
