//! How much the log can show at all: distinct prompts, repeated prompts, categories.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;

use super::row::{Arm, PairRow};
use super::{Finding, Log, Severity, Unchecked, percent};
use crate::plain::counted;
use crate::stats::mean::clustered_mean;
use crate::stats::power::detectable_win_rate;
use crate::stats::proportion::wilson;

/// Below this many distinct prompts nothing comparative is said.
pub const LEAST_PROMPTS: usize = 30;

pub fn names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.collect::<BTreeSet<&str>>().into_iter().map(str::to_owned).collect()
}

/// The number of each row's prompt, equal for prompts that differ in case, punctuation or spaces alone.
pub fn number_prompts(rows: &[PairRow]) -> Vec<Option<usize>> {
    let keys: Vec<Option<String>> = rows.par_iter().map(PairRow::prompt_key).collect();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut number = |key: String| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    };
    keys.into_iter().map(|key| key.map(&mut number)).collect()
}

/// First and last day of the log; `None` where it keeps no times.
pub fn days(rows: &[PairRow]) -> Option<[String; 2]> {
    let days: BTreeSet<String> = rows.iter().filter_map(PairRow::day).collect();
    Some([days.first()?.clone(), days.last()?.clone()])
}

pub fn check(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) {
    let prompts = log.prompt_count();
    if prompts == 0 {
        unchecked.push(Unchecked {
            check: "repeated prompts and the effective number of observations",
            because:
                "the log does not keep the prompts: how many there are is not known, and rows are not prompts"
                    .to_owned(),
        });
        return;
    }
    findings.extend(repeated_prompts(log, prompts));
    if prompts < LEAST_PROMPTS {
        findings.push(few_prompts(log, prompts));
    }
    findings.extend(tiny_categories(log));
    if log.rows.iter().all(|row| row.category.is_none()) {
        unchecked.push(Unchecked {
            check: "categories with too few prompts",
            because: "the log names no categories".to_owned(),
        });
    }
}

/// One judge on one prompt more than once, other than by swapping the positions of the same two answers.
fn repeated_prompts(log: &Log, prompts: usize) -> Option<Finding> {
    let mut prompts_seen = HashSet::new();
    let mut shown = HashSet::new();
    let mut rows = Vec::new();
    for i in log.counted() {
        let row = &log.rows[i];
        let Some(prompt) = log.prompts[i] else { continue };
        let judged = (row.source.file, prompt, row.judge.as_deref(), &row.arms);
        let in_order = |first: Option<Arm>| (judged, &row.texts, first);
        let swapped = row.first.is_some_and(|first| shown.contains(&in_order(Some(first.other()))));
        let is_new = shown.insert(in_order(row.first));
        if !(prompts_seen.insert(judged) || swapped && is_new) {
            rows.push(i);
        }
    }
    if rows.is_empty() {
        return None;
    }
    let mut evidence = vec![format!(
        "{} rows in all, {} of them on a prompt that the same judge had before",
        log.rows.len(),
        rows.len()
    )];
    evidence.extend(spread(log));
    Some(Finding {
        code: "R18",
        severity: Severity::Limit,
        sentence: format!("{} comparisons are only {prompts} distinct prompts.", log.counted().count()),
        evidence,
        rows: log.refs(rows),
    })
}

fn spread(log: &Log) -> Option<String> {
    let (mut scores, mut keys) = (Vec::new(), Vec::new());
    for i in log.counted() {
        if let (Some(score), Some(prompt)) = (log.score(i, Arm::Two), log.prompts[i]) {
            scores.push(score);
            keys.push(prompt);
        }
    }
    let found = clustered_mean(&scores, &keys, 0.05)?;
    Some(format!(
        "standard error over prompts {:.1} points, {:.1} if all rows were independent; worth about {:.0} independent \
         rows",
        100.0 * found.se,
        100.0 * found.se_independent,
        found.n_effective()
    ))
}

fn few_prompts(log: &Log, prompts: usize) -> Finding {
    let detectable = match detectable_win_rate(prompts as u64, 0.05, 0.8) {
        Some(rate) => format!(
            "with {} only a true win rate of {} is shown with 80 % power",
            counted(prompts, "prompt", "prompts"),
            percent(rate)
        ),
        None => {
            format!(
                "with {} not even winning all of them is significant at 5 %",
                counted(prompts, "prompt", "prompts")
            )
        }
    };
    Finding {
        code: "R19",
        severity: Severity::Limit,
        sentence: format!(
            "The log has {}; below {LEAST_PROMPTS} no \"better\" or \"worse\" is supported.",
            counted(prompts, "distinct prompt", "distinct prompts")
        ),
        evidence: vec![detectable],
        rows: log.refs([]),
    }
}

fn tiny_categories(log: &Log) -> Option<Finding> {
    let mut categories: BTreeMap<&str, (BTreeSet<usize>, f64, usize)> = BTreeMap::new();
    for i in log.counted() {
        let row = &log.rows[i];
        if let (Some(category), Some(prompt)) = (row.category.as_deref(), log.prompts[i]) {
            let entry = categories.entry(category).or_default();
            entry.0.insert(prompt);
            if let Some(score) = log.score(i, Arm::Two) {
                entry.1 += score;
                entry.2 += 1;
            }
        }
    }
    let tiny: Vec<_> = categories.iter().filter(|(_, found)| found.0.len() < LEAST_PROMPTS).collect();
    // With one category this is the sentence on the whole log.
    if tiny.is_empty() || categories.len() < 2 {
        return None;
    }
    let line = |(name, (prompts, wins, n)): &(&&str, &(BTreeSet<usize>, f64, usize))| {
        let rate = if *n == 0 {
            return format!("`{name}`: {} prompts, no outcome", prompts.len());
        } else {
            wins / *n as f64
        };
        let effective = prompts.len().min(*n) as f64;
        let (low, high) = wilson(rate * effective, effective, 0.05).unwrap_or((0.0, 1.0));
        format!(
            "`{name}`: {} prompts; {} could be anything from {} to {}",
            prompts.len(),
            percent(rate),
            percent(low),
            percent(high)
        )
    };
    Some(Finding {
        code: "R20",
        severity: Severity::Limit,
        sentence: format!(
            "{} of {} categories have fewer than {LEAST_PROMPTS} distinct prompts; percentages of them show nothing.",
            tiny.len(),
            categories.len()
        ),
        evidence: tiny.iter().take(12).map(line).collect(),
        rows: Vec::new(),
    })
}
