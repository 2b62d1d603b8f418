//! Stored outcomes beside re-derived ones: all rows, by judge, by category, and by pair or model where many meet.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Log;
use super::row::{Arm, PairRow};
use super::scope::LEAST_PROMPTS;
use super::votes::{self, Vote};
use crate::stats::mean::clustered_mean;

/// Wins, ties and losses of one arm, and rows without an outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    pub wins: usize,
    pub ties: usize,
    pub losses: usize,
    pub missing: usize,
}

impl Counts {
    fn add(&mut self, vote: Vote, arm: Arm) {
        match vote {
            Vote::Winner(winner) if winner == arm => self.wins += 1,
            Vote::Winner(_) => self.losses += 1,
            Vote::Tie => self.ties += 1,
            Vote::Missing => self.missing += 1,
        }
    }

    /// Ties count one half; `None` without an outcome.
    pub fn win_rate(&self) -> Option<f64> {
        let n = self.wins + self.ties + self.losses;
        (n > 0).then(|| (self.wins as f64 + 0.5 * self.ties as f64) / n as f64)
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableRow {
    /// `all`, or `judge: x`, `category: x`.
    pub group: String,
    /// Whose wins are counted, and against whom.
    pub arm: String,
    pub against: String,
    pub stored: Counts,
    pub stored_win_rate: Option<f64>,
    pub derived: Counts,
    pub derived_win_rate: Option<f64>,
    /// 95 % over prompts.
    pub interval: Option<(f64, f64)>,
    pub prompts: Option<usize>,
    pub n_effective: Option<f64>,
    /// `better`, `worse`, `not shown`.
    pub word: &'static str,
}

/// Pairs of arms above which one line a model is shown instead of one a pair.
const MOST_PAIRS: usize = 12;

pub fn table(log: &Log) -> Vec<TableRow> {
    let pairs: BTreeSet<&[String; 2]> = log.rows.iter().map(|row| &row.arms).collect();
    if pairs.len() > MOST_PAIRS {
        return by_model(log);
    }
    let mut table = Vec::new();
    for arms in pairs {
        let of_pair = |row: &PairRow| row.arms == *arms;
        table.extend(line(log, "all", Arm::Two, &of_pair));
        for (kind, values) in [
            ("judge", distinct(log, |row| row.judge.as_deref())),
            ("category", distinct(log, |row| row.category.as_deref())),
        ] {
            if values.len() < 2 {
                continue;
            }
            for value in values {
                let field =
                    |row: &PairRow| if kind == "judge" { row.judge.clone() } else { row.category.clone() };
                let chosen = |row: &PairRow| of_pair(row) && field(row).as_deref() == Some(&value);
                table.extend(line(log, &format!("{kind}: {value}"), Arm::Two, &chosen));
            }
        }
    }
    table
}

fn distinct(log: &Log, field: impl Fn(&PairRow) -> Option<&str>) -> BTreeSet<String> {
    log.rows.iter().filter_map(|row| field(row).map(str::to_owned)).collect()
}

fn line(log: &Log, group: &str, arm: Arm, chosen: &dyn Fn(&PairRow) -> bool) -> Option<TableRow> {
    let rows: Vec<(usize, Arm)> =
        (0..log.rows.len()).filter(|&i| chosen(&log.rows[i])).map(|i| (i, arm)).collect();
    let (first, _) = *rows.first()?;
    let names = (log.rows[first].arm(arm).to_owned(), log.rows[first].arm(arm.other()).to_owned());
    Some(counted(log, group.to_owned(), names, &rows))
}

fn by_model(log: &Log) -> Vec<TableRow> {
    let mut rows: BTreeMap<&str, Vec<(usize, Arm)>> = BTreeMap::new();
    for (i, row) in log.rows.iter().enumerate() {
        for arm in Arm::BOTH {
            rows.entry(row.arm(arm)).or_default().push((i, arm));
        }
    }
    rows.into_iter()
        .map(|(model, rows)| {
            counted(log, "all".to_owned(), (model.to_owned(), "all others".to_owned()), &rows)
        })
        .collect()
}

/// The line of rows, each with the arm whose wins count.
fn counted(log: &Log, group: String, (arm, against): (String, String), rows: &[(usize, Arm)]) -> TableRow {
    let (mut stored, mut derived) = (Counts::default(), Counts::default());
    let (mut scores, mut keys) = (Vec::new(), Vec::new());
    for &(i, arm) in rows {
        stored.add(votes::stored(&log.rows[i].stored), arm);
        if log.readings[i].duplicate_of.is_some() {
            continue;
        }
        derived.add(log.votes[i], arm);
        if let Some(score) = log.votes[i].score(arm) {
            scores.push(score);
            keys.push(log.rows[i].prompt_key().unwrap_or_else(|| format!("row {i}")));
        }
    }
    let mean = clustered_mean(&scores, &keys, 0.05);
    let interval = mean.map(|m| (m.interval.0.max(0.0), m.interval.1.min(1.0)));
    let has_prompts = rows.iter().any(|&(i, _)| log.rows[i].prompt.is_some());
    let enough = mean.is_some_and(|m| m.clusters >= LEAST_PROMPTS && m.n_effective() >= LEAST_PROMPTS as f64);
    TableRow {
        group,
        arm,
        against,
        stored,
        stored_win_rate: stored.win_rate(),
        derived,
        derived_win_rate: derived.win_rate(),
        interval,
        prompts: mean.filter(|_| has_prompts).map(|m| m.clusters),
        n_effective: mean.map(|m| m.n_effective()),
        word: match interval {
            Some((low, _)) if enough && low > 0.5 => "better",
            Some((_, high)) if enough && high < 0.5 => "worse",
            _ => "not shown",
        },
    }
}
