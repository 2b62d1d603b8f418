//! Stored outcomes beside re-derived ones: all rows, by file, judge and category, and by pair or model where many meet.
//!
//! Rows of different arms never share a line, except where so many meet that each model has one line against all
//! others. Files whose judges differ share none unless the caller asks for it. Words come from p-values that are
//! adjusted for the number of lines that could have one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::row::{Arm, PairRow};
use super::votes::{self, Vote};
use super::{Log, Unchecked};
use crate::analyze::estimate::{Observation, RATE, clustered};
use crate::analyze::win_rate::is_enough;
use crate::stats::mean::clustered_mean;
use crate::stats::multiple::holm;
use crate::stats::proportion::sign_test;
use crate::stats::special::t_sf;

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
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableRow {
    /// `all`, or `file: x`, `judge: x`, `category: x`.
    pub group: String,
    /// Whose wins are counted, and against whom.
    pub arm: String,
    pub against: String,
    pub stored: Counts,
    /// Mean over rows; a tie is half, a preference that the log stores as a share counts as that share.
    pub stored_win_rate: Option<f64>,
    pub derived: Counts,
    pub derived_win_rate: Option<f64>,
    /// 95 % over prompts, unadjusted; `None` where the rows keep no prompts.
    pub interval: Option<(f64, f64)>,
    pub prompts: Option<usize>,
    pub n_effective: Option<f64>,
    /// Of an even draw, over prompts, and adjusted (Holm) over all lines with prompts enough for a word.
    pub p: Option<f64>,
    pub p_adjusted: Option<f64>,
    /// `better`, `worse`, `not shown`.
    pub word: &'static str,
}

/// Pairs of arms above which one line a model is shown instead of one a pair.
const MOST_PAIRS: usize = 12;
/// Values of a field above which they have no lines of their own (people who vote, one category a prompt).
const MOST_VALUES: usize = 24;
/// Error rate of all words of a table together.
pub const WORD_ALPHA: f64 = 0.05;

pub fn table(log: &Log, unchecked: &mut Vec<Unchecked>) -> Vec<TableRow> {
    let pairs: BTreeSet<&[String; 2]> = log.rows.iter().map(|row| &row.arms).collect();
    let mut table = match pairs.len() > MOST_PAIRS {
        true => by_model(log),
        false => pairs.into_iter().flat_map(|arms| of_pair(log, arms, unchecked)).collect(),
    };
    set_words(&mut table);
    table
}

/// What rows are grouped by.
type Field<'f> = &'f dyn Fn(&PairRow) -> Option<String>;

/// The lines of one pair of arms.
fn of_pair(log: &Log, arms: &[String; 2], unchecked: &mut Vec<Unchecked>) -> Vec<TableRow> {
    let members: Vec<usize> = (0..log.rows.len()).filter(|&i| log.rows[i].arms == *arms).collect();
    let mut judges: BTreeMap<usize, BTreeSet<Option<&str>>> = BTreeMap::new();
    for &i in &members {
        judges.entry(log.rows[i].source.file).or_default().insert(log.rows[i].judge.as_deref());
    }
    let one_panel = judges.values().all(|named| Some(named) == judges.values().next());
    let mut lines = Vec::new();
    if one_panel || log.asked.pool {
        lines.push(line(log, ALL.to_owned(), &members));
    } else {
        unchecked.push(Unchecked {
            check: "one rate over all files",
            because: "the files have different judges, and are counted apart; `--pool` counts them together"
                .to_owned(),
        });
    }
    let file = |row: &PairRow| Some(log.asked.file(row.source.file));
    let fields: [(&str, Field); 3] = [
        ("file", &file),
        ("judge", &|row: &PairRow| row.judge.clone()),
        ("category", &|row: &PairRow| row.category.clone()),
    ];
    for (name, field) in fields {
        let mut by_value: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for &i in &members {
            if let Some(value) = field(&log.rows[i]) {
                by_value.entry(value).or_default().push(i);
            }
        }
        // Every file has its line: a folder is a table.
        if by_value.len() < 2 || by_value.len() > MOST_VALUES && name != "file" {
            continue;
        }
        lines.extend(
            by_value.into_iter().map(|(value, of_value)| line(log, format!("{name}: {value}"), &of_value)),
        );
    }
    lines
}

fn line(log: &Log, group: String, members: &[usize]) -> TableRow {
    let rows: Vec<(usize, Arm)> = members.iter().map(|&i| (i, Arm::Two)).collect();
    let [against, arm] = log.rows[members[0]].arms.clone();
    counted(log, group, (arm, against), &rows)
}

fn by_model(log: &Log) -> Vec<TableRow> {
    let mut rows: BTreeMap<&str, Vec<(usize, Arm)>> = BTreeMap::new();
    for (i, row) in log.rows.iter().enumerate() {
        for arm in Arm::BOTH {
            rows.entry(row.arm(arm)).or_default().push((i, arm));
        }
    }
    rows.into_iter()
        .map(|(model, rows)| counted(log, ALL.to_owned(), (model.to_owned(), ALL_OTHERS.to_owned()), &rows))
        .collect()
}

/// The line of rows, each with the arm whose wins count. Rows without a prompt are in the counts and no more: how many
/// independent ones they are is not known.
fn counted(log: &Log, group: String, (arm, against): (String, String), rows: &[(usize, Arm)]) -> TableRow {
    let (mut stored, mut derived) = (Counts::default(), Counts::default());
    let (mut as_stored, mut as_derived) = (Sum::default(), Sum::default());
    let mut scored: Vec<(f64, Option<usize>)> = Vec::new();
    for &(i, arm) in rows {
        stored.add(votes::stored(&log.rows[i].stored), arm);
        as_stored.add(votes::stored_score(&log.rows[i], arm));
        if log.readings[i].duplicate_of.is_some() {
            continue;
        }
        derived.add(log.votes[i], arm);
        let score = log.score(i, arm);
        as_derived.add(score);
        scored.extend(score.map(|score| (score, log.prompts[i])));
    }
    let mut line = TableRow {
        group,
        arm,
        against,
        stored,
        stored_win_rate: as_stored.mean(),
        derived,
        derived_win_rate: as_derived.mean(),
        interval: None,
        prompts: None,
        n_effective: None,
        p: None,
        p_adjusted: None,
        word: "not shown",
    };
    over_prompts(&mut line, &scored);
    line
}

#[derive(Default)]
struct Sum {
    sum: f64,
    n: usize,
}

impl Sum {
    fn add(&mut self, value: Option<f64>) {
        self.sum += value.unwrap_or(0.0);
        self.n += usize::from(value.is_some());
    }

    fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

/// Interval and p over prompts, rows without one together as if they were one; of equal scores the score interval and the exact test stand in for those of t.
fn over_prompts(line: &mut TableRow, scored: &[(f64, Option<usize>)]) {
    let names: Vec<String> =
        scored.iter().map(|(_, prompt)| prompt.map_or(String::new(), |p| p.to_string())).collect();
    let observations: Vec<Observation> = scored
        .iter()
        .zip(&names)
        .map(|((value, _), cluster)| Observation { value: *value, cluster })
        .collect();
    let values: Vec<f64> = scored.iter().map(|(value, _)| *value).collect();
    let distinct: BTreeSet<usize> = scored.iter().filter_map(|(_, prompt)| *prompt).collect();
    let Some(estimate) = clustered(&observations, RATE, "prompts").filter(|_| !distinct.is_empty()) else {
        return;
    };
    line.interval = estimate.interval.map(|interval| (interval.low, interval.high));
    line.prompts = Some(distinct.len());
    line.n_effective = Some(estimate.n_effective);
    line.p = p_of(&values, &names);
}

/// p of an even draw, over clusters.
pub fn p_of<K: Ord>(values: &[f64], clusters: &[K]) -> Option<f64> {
    clustered_mean(values, clusters, WORD_ALPHA).and_then(|found| match found.se > 1e-12 {
        true => Some(2.0 * t_sf((found.mean - 0.5).abs() / found.se, (found.clusters - 1) as f64)),
        false if (found.mean - 0.5).abs() < 1e-12 => Some(1.0),
        false => sign_test(found.clusters as u64, 0),
    })
}

/// Lines with prompts enough for a word.
pub fn family(table: &[TableRow]) -> Vec<usize> {
    let has_enough = |line: &TableRow| {
        line.p.is_some() && is_enough(line.prompts.unwrap_or(0), line.n_effective.unwrap_or(0.0))
    };
    (0..table.len()).filter(|&i| has_enough(&table[i])).collect()
}

/// The group of a line of all rows.
pub const ALL: &str = "all";
/// Against whom a model's line is, where many meet.
pub const ALL_OTHERS: &str = "all others";

fn set_words(table: &mut [TableRow]) {
    let family = family(table);
    let adjusted = holm(&family.iter().filter_map(|&i| table[i].p).collect::<Vec<f64>>());
    for (&i, p) in family.iter().zip(adjusted) {
        let line = &mut table[i];
        line.p_adjusted = Some(p);
        line.word = match line.derived_win_rate {
            Some(rate) if p <= WORD_ALPHA && rate > 0.5 => "better",
            Some(rate) if p <= WORD_ALPHA && rate < 0.5 => "worse",
            _ => "not shown",
        };
    }
}
