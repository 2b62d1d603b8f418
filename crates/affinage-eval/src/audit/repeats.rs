//! What repeats where it should differ: time stamps of judgments on different texts, and one answer to every prompt.

use std::collections::{BTreeMap, BTreeSet};

use super::row::Arm;
use super::{Finding, Log, Severity, Unchecked, percent};
use crate::plain::counted;
use crate::text::squeeze;

pub fn check(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) {
    stamps(log, findings, unchecked);
    findings.extend(Arm::BOTH.iter().filter_map(|arm| constant_answer(log, *arm)));
}

/// Rows that must share their stamps before it is no accident.
const LEAST_STAMPS: usize = 3;
/// Share of the stamped rows that must share theirs.
const LEAST_SHARE: f64 = 0.05;

/// Judgments by one judge at one moment on different answers to one prompt: the stamp is that of another judgment.
/// A stamp of whole seconds may meet another prompt's by chance, and all rows of a batch may carry one.
fn stamps(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) {
    let mut by_stamp: BTreeMap<(Option<&str>, &str), Vec<usize>> = BTreeMap::new();
    let mut stamped = 0;
    for i in log.counted() {
        let row = &log.rows[i];
        if let Some(stamp) = row.stamp.as_deref().filter(|stamp| has_time(stamp)) {
            stamped += 1;
            by_stamp.entry((row.judge.as_deref(), stamp)).or_default().push(i);
        }
    }
    if stamped == 0 {
        unchecked.push(Unchecked {
            check: "judgments that keep the time of an earlier one",
            because: "the log keeps no times of day".to_owned(),
        });
        return;
    }
    let distinct = by_stamp.keys().map(|(_, stamp)| *stamp).collect::<BTreeSet<&str>>().len();
    let groups = || by_stamp.values().filter(|rows| rows.len() > 1);
    let same_prompt = groups().flat_map(|rows| other_answers(log, rows)).collect::<BTreeSet<usize>>();
    let other_prompts: BTreeSet<usize> = by_stamp
        .iter()
        .filter(|((_, stamp), rows)| rows.len() > 1 && is_fine(stamp) && are_of_lines(log, rows))
        .flat_map(|(_, rows)| rows.iter().copied())
        .collect();
    let is_pattern = |rows: &BTreeSet<usize>| {
        rows.len() >= LEAST_STAMPS && rows.len() as f64 >= LEAST_SHARE * stamped as f64
    };
    if is_pattern(&same_prompt) {
        findings.push(Finding {
            code: "R22",
            severity: Severity::Fault,
            sentence: format!(
                "{} the time of another judgment of the same prompt, on other answers: one of them was not judged then.",
                if same_prompt.len() == 1 { "1 row keeps".to_owned() } else { format!("{} rows keep", same_prompt.len()) }
            ),
            evidence: examples(log, groups(), &same_prompt),
            rows: log.refs(same_prompt),
        });
    } else if distinct > 1 && is_pattern(&other_prompts) {
        findings.push(Finding {
            code: "R22",
            severity: Severity::Suspicion,
            sentence: format!(
                "{} to the fraction of a second the time of another judgment by the same judge.",
                if other_prompts.len() == 1 {
                    "1 row has".to_owned()
                } else {
                    format!("{} rows have", other_prompts.len())
                }
            ),
            evidence: examples(log, groups(), &other_prompts),
            rows: log.refs(other_prompts),
        });
    } else if distinct == 1 && stamped >= LEAST_STAMPS {
        unchecked.push(Unchecked {
            check: "judgments that keep the time of an earlier one",
            because: "all rows have one time: it is that of the file, not of the judging".to_owned(),
        });
    }
}

/// A day alone is no time.
fn has_time(stamp: &str) -> bool {
    stamp.contains(':') || stamp.parse::<f64>().is_ok_and(|seconds| seconds >= 1e8)
}

/// Finer than a second.
fn is_fine(stamp: &str) -> bool {
    stamp.contains('.') || stamp.parse::<f64>().is_ok_and(|number| number >= 1e11)
}

/// Rows that answer a prompt of this group with other texts than the first such row does.
fn other_answers(log: &Log, rows: &[usize]) -> Vec<usize> {
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for &i in rows {
        let Some(prompt) = log.prompts[i] else { continue };
        let earlier = *first.entry(prompt).or_insert(i);
        let (one, other) = (&log.rows[earlier].texts, &log.rows[i].texts);
        let has_texts = one.iter().chain(other).all(Option::is_some);
        if has_texts && one != other && !(one[0] == other[1] && one[1] == other[0]) {
            found.push(i);
        }
    }
    found
}

/// Whether the rows stand in different lines: two games of one line were stored together.
fn are_of_lines(log: &Log, rows: &[usize]) -> bool {
    rows.iter().any(|&i| log.rows[i].source != log.rows[rows[0]].source)
}

fn examples<'g>(
    log: &Log,
    groups: impl Iterator<Item = &'g Vec<usize>>,
    of: &BTreeSet<usize>,
) -> Vec<String> {
    let shared = groups.filter(|rows| rows.iter().any(|i| of.contains(i)));
    let line = |rows: &Vec<usize>| {
        let lines: Vec<String> = rows.iter().take(3).map(|&i| log.line(i)).collect();
        format!("{}: {}", lines.join(", "), log.rows[rows[0]].stamp.as_deref().unwrap_or_default())
    };
    shared.take(3).map(line).collect()
}

/// Distinct prompts that an arm must have answered, and the share of them with one text.
const LEAST_PROMPTS: usize = 10;
const MOST_OF_ONE: f64 = 0.9;

/// An answer that never changes is no answer; judges prefer some such texts all the same.
fn constant_answer(log: &Log, arm: Arm) -> Option<Finding> {
    // By name and not by side: a column may hold many models.
    let mut prompts: BTreeMap<&str, BTreeMap<String, BTreeSet<usize>>> = BTreeMap::new();
    for i in log.counted() {
        if let (Some(text), Some(prompt)) = (log.rows[i].text(arm), log.prompts[i]) {
            let text: String = squeeze(text).chars().take(400).collect();
            prompts.entry(log.rows[i].arm(arm)).or_default().entry(text).or_default().insert(prompt);
        }
    }
    let (name, text, same, all) = prompts.into_iter().find_map(|(name, texts)| {
        let all = texts.values().flatten().collect::<BTreeSet<&usize>>().len();
        let (text, same) =
            texts.into_iter().map(|(text, prompts)| (text, prompts.len())).max_by_key(|found| found.1)?;
        (all >= LEAST_PROMPTS && same as f64 >= MOST_OF_ONE * all as f64).then_some((name, text, same, all))
    })?;
    let rows = log.counted().filter(|&i| log.rows[i].arm(arm) == name);
    let won = rows.filter_map(|i| log.score(i, arm)).fold((0.0, 0), |(sum, n), score| (sum + score, n + 1));
    let shown: String = text.chars().take(90).collect();
    Some(Finding {
        code: "R23",
        severity: Severity::Fault,
        sentence: format!(
            "`{name}` gives one and the same answer to {same} of {}.",
            counted(all, "prompt", "prompts")
        ),
        evidence: vec![
            format!("\"{shown}\""),
            format!(
                "it wins {} of {}",
                percent(won.0 / f64::from(won.1.max(1))),
                counted(won.1 as usize, "judgment", "judgments")
            ),
        ],
        rows: Vec::new(),
    })
}
