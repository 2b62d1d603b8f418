//! Rows that are not what they claim to be: errors kept as results, texts under a wrong name, repetitions, cut
//! answers, and designs that cannot separate the label or the position from the model.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use super::inversion::{arm_name, label_is_arm, label_of};
use super::row::{Arm, PairRow, PositionSource, Stored};
use super::verdict::{self, NoJudgment};
use super::votes::Reading;
use super::{Finding, Log, Severity, Unchecked, percent};
use crate::plain::counted;
use crate::text::{squeeze, words_only};

pub fn check(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) {
    findings.extend(not_results(log));
    findings.extend(borrowed_texts(log, unchecked));
    findings.extend(duplicates(log));
    findings.extend(identical_answers(log));
    findings.extend(label_confounded(log));
    findings.extend(position_confounded(log, unchecked));
    truncation(log, findings, unchecked);
    findings.extend(not_shown(log));
}

/// Answers that are not in the request that the judge was sent.
fn not_shown(log: &Log) -> Option<Finding> {
    let rows = &log.bindings.not_shown;
    (!rows.is_empty()).then(|| Finding {
        code: "R26",
        severity: Severity::Fault,
        sentence: format!(
            "In {} the judge's request does not hold an answer of the row: another text was judged.",
            counted(rows.len(), "row", "rows")
        ),
        evidence: vec![
            "white space aside, neither the whole answer nor its beginning stands there; in most rows both do"
                .to_owned(),
        ],
        rows: log.refs(rows.iter().copied()),
    })
}

/// Marks rows that repeat an earlier one in all that they record.
pub fn mark_duplicates(rows: &[PairRow], readings: &mut [Reading]) {
    let mut seen: HashMap<[u8; 32], usize> = HashMap::new();
    for (i, row) in rows.iter().enumerate() {
        // Without a prompt or texts, equal rows are not known to be the same judgment.
        if row.prompt.is_none() && row.texts.iter().all(Option::is_none) {
            continue;
        }
        let mut hasher = Sha256::new();
        let mut add = |part: Option<&str>| {
            hasher.update([u8::from(part.is_some())]);
            hasher.update((part.map_or(0, str::len) as u64).to_le_bytes());
            hasher.update(part.unwrap_or_default());
        };
        let parts = [&row.prompt, &row.judge, &row.judge_text, &row.category, &row.rendered, &row.stamp];
        parts.into_iter().chain(&row.texts).chain(&row.answer_ids).for_each(|part| add(part.as_deref()));
        row.arms.iter().for_each(|arm| add(Some(arm)));
        add(row.first.map(|first| if first == Arm::One { "one" } else { "two" }));
        match seen.entry(hasher.finalize().into()) {
            Entry::Occupied(earlier) => readings[i].duplicate_of = Some(*earlier.get()),
            Entry::Vacant(entry) => _ = entry.insert(i),
        }
    }
}

fn duplicates(log: &Log) -> Option<Finding> {
    let rows: Vec<usize> = (0..log.rows.len()).filter(|&i| log.readings[i].duplicate_of.is_some()).collect();
    let line = |i: &usize| {
        let earlier = log.readings[*i].duplicate_of?;
        Some(format!("{} repeats {}", log.line(*i), log.line(earlier)))
    };
    let evidence = rows.iter().take(5).filter_map(line).collect();
    (!rows.is_empty()).then(|| Finding {
        code: "R09",
        severity: Severity::Fault,
        sentence: format!(
            "{} an earlier one word for word; the re-derived table counts it once.",
            if rows.len() == 1 { "1 row repeats".to_owned() } else { format!("{} rows repeat", rows.len()) }
        ),
        evidence,
        rows: log.refs(rows),
    })
}

/// Errors and refusals where a judgment or an answer should be.
fn not_results(log: &Log) -> Option<Finding> {
    let (mut errors, mut refusals, mut answers, mut scored) = (0, 0, 0, 0);
    let mut rows = Vec::new();
    for (i, reading) in log.readings.iter().enumerate() {
        match (reading.no_judgment, reading.broken_answer) {
            (Some(NoJudgment::Error), _) => errors += 1,
            (Some(NoJudgment::Refusal), _) => refusals += 1,
            (None, true) => answers += 1,
            (None, false) => continue,
        }
        scored += usize::from(!matches!(log.rows[i].stored, Stored::Missing(_)));
        rows.push(i);
    }
    let first = *rows.first()?;
    let mut evidence = Vec::new();
    for (n, what) in [
        (errors, "an error message stands in place of the judgment"),
        (refusals, "the judge declined and no verdict is stated"),
        (answers, "an answer is empty or an error message"),
    ] {
        if n > 0 {
            evidence.push(format!("in {}: {what}", counted(n, "row", "rows")));
        }
    }
    evidence.push(format!(
        "{scored} of them carry a winner or a tie; the others stand among the results and count wherever a rate is \
         divided by all rows"
    ));
    if let Some(text) = &log.rows[first].judge_text {
        let shown: String = squeeze(text).chars().take(90).collect();
        evidence.push(format!("{}: \"{shown}\"", log.line(first)));
    }
    Some(Finding {
        code: "R07",
        severity: Severity::Fault,
        sentence: format!(
            "{} of {} stored results are errors or refusals, not judgments.",
            rows.len(),
            log.rows.len()
        ),
        evidence,
        rows: log.refs(rows),
    })
}

/// Texts shorter than this may be equal by chance (`[[A]]`).
const LEAST_CHARS: usize = 40;

/// The same judgment under two judges' names, and judges whose server answered as somebody else.
fn borrowed_texts(log: &Log, unchecked: &mut Vec<Unchecked>) -> Option<Finding> {
    let mut by_text: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, row) in log.rows.iter().enumerate() {
        if let (Some(text), None, Some(_)) = (&row.judge_text, log.readings[i].no_judgment, &row.judge) {
            let text = squeeze(text);
            if text.chars().count() >= LEAST_CHARS {
                by_text.entry(text).or_default().push(i);
            }
        }
    }
    let mut rows = BTreeSet::new();
    let mut evidence = Vec::new();
    for group in by_text.values() {
        let names: BTreeSet<&str> = group.iter().filter_map(|&i| log.rows[i].judge.as_deref()).collect();
        if names.len() > 1 {
            let lines: Vec<String> = group.iter().take(4).map(|&i| log.line(i)).collect();
            if evidence.len() < 3 {
                let names: Vec<&str> = names.into_iter().collect();
                evidence.push(format!("{}: one text under {}", lines.join(", "), names.join(" and ")));
            }
            rows.extend(group);
        }
    }
    let mut returned = 0;
    for (i, row) in log.rows.iter().enumerate() {
        if let (Some(judge), Some(answered)) = (&row.judge, &row.judge_returned) {
            returned += 1;
            if !same_model(judge, answered) {
                if evidence.len() < 6 {
                    evidence.push(format!("{}: asked `{judge}`, answered by `{answered}`", log.line(i)));
                }
                rows.insert(i);
            }
        }
    }
    if returned == 0 {
        unchecked.push(Unchecked {
            check: "whether the named judge is the model that answered",
            because: "the log keeps no model name from the server's reply".to_owned(),
        });
    }
    (!rows.is_empty()).then(|| Finding {
        code: "R08",
        severity: Severity::Fault,
        sentence: format!("{} one judge's text under another judge's name.", holds(rows.len())),
        evidence,
        rows: log.refs(rows),
    })
}

fn holds(n: usize) -> String {
    if n == 1 { "1 row holds".to_owned() } else { format!("{n} rows hold") }
}

/// `gpt-4o` answers as `gpt-4o-2024-08-06`: one name begins the other, provider prefixes aside.
fn same_model(asked: &str, answered: &str) -> bool {
    let plain = |name: &str| words_only(name.rsplit('/').next().unwrap_or(name));
    let (asked, answered) = (plain(asked), plain(answered));
    asked.starts_with(&answered) || answered.starts_with(&asked)
}

/// Pairs of equal answers that have a winner.
fn identical_answers(log: &Log) -> Option<Finding> {
    let rows: Vec<usize> = (0..log.rows.len())
        .filter(|&i| log.rows[i].is_identical() && matches!(log.rows[i].stored, Stored::Winner(_)))
        .collect();
    (!rows.is_empty()).then(|| Finding {
        code: "R10",
        severity: Severity::Fault,
        sentence: format!(
            "{} a winner between two identical answers.",
            if rows.len() == 1 { "1 row names".to_owned() } else { format!("{} rows name", rows.len()) }
        ),
        evidence: vec![match log.rows[rows[0]].texts[0] {
            Some(_) => "white space aside the two texts are the same; such a pair is a tie".to_owned(),
            None => "both answers have one id; such a pair is a tie".to_owned(),
        }],
        rows: log.refs(rows),
    })
}

/// Rows that a design needs before one-sidedness is a finding and not an accident.
const LEAST_ROWS: usize = 8;

fn label_confounded(log: &Log) -> Option<Finding> {
    let under_a = label_is_arm(log, LEAST_ROWS)?;
    Some(Finding {
        code: "R06",
        severity: Severity::Fault,
        sentence: format!(
            "Label A always meant {}, in either presentation order: a judge's liking for a label counts as \
             quality.",
            arm_name(log, None, under_a)
        ),
        evidence: vec![format!(
            "{} stood under {} in all rows where labels could be resolved",
            arm_name(log, None, under_a.other()),
            label_of(under_a, under_a.other()).name()
        )],
        rows: Vec::new(),
    })
}

/// One arm was always shown first.
fn position_confounded(log: &Log, unchecked: &mut Vec<Unchecked>) -> Option<Finding> {
    let known = log.rows.iter().filter(|row| row.first.is_some()).count();
    if known == 0 {
        unchecked.push(Unchecked {
            check: "position effects and the presentation order",
            because: "the log does not say which answer was shown first".to_owned(),
        });
        return None;
    }
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for row in log.rows {
        if let Some(arm) = row.first {
            *first.entry(row.arm(arm)).or_default() += 1;
            for arm in &row.arms {
                *shown.entry(arm).or_default() += 1;
            }
        }
    }
    let always: Vec<&str> = shown
        .iter()
        .filter(|(arm, shown)| **shown >= LEAST_ROWS && first.get(*arm) == Some(*shown))
        .map(|(arm, _)| *arm)
        .collect();
    if always.is_empty() {
        return None;
    }
    let names = always.join("`, `");
    let by_column = log.rows.iter().all(|row| row.position_source == PositionSource::Column);
    let (severity, sentence, evidence) = match by_column {
        false => (
            Severity::Fault,
            format!(
                "`{names}` was always shown first: a judge's liking for the first position counts as quality."
            ),
            format!("{known} rows with a known order, none the other way round"),
        ),
        // The column may be a position, or no more than a column.
        true => (
            Severity::Limit,
            format!(
                "`{names}` always stands in the first column; whether it was also shown first is not recorded."
            ),
            "a judge's liking for the first position cannot be told from quality".to_owned(),
        ),
    };
    Some(Finding { code: "R11", severity, sentence, evidence: vec![evidence], rows: Vec::new() })
}

/// Share of cut answers in one arm from which on they are more than accidents.
const CUT_SHARE: f64 = 0.05;

fn truncation(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) {
    let mut by_arm: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    let mut rows = BTreeSet::new();
    let mut recorded = 0;
    for (i, row) in log.rows.iter().enumerate() {
        for arm in Arm::BOTH {
            let Some(text) = row.text(arm) else { continue };
            let reason = row.finish_reasons[arm.index()].as_deref();
            recorded += usize::from(reason.is_some());
            let cut = match reason {
                Some(reason) => matches!(reason, "length" | "max_tokens" | "MAX_TOKENS"),
                None => verdict::looks_cut(text),
            };
            let entry = by_arm.entry(row.arm(arm)).or_default();
            entry.0.insert(text);
            if cut {
                entry.1.insert(text);
                rows.insert(i);
            }
        }
    }
    if by_arm.is_empty() {
        unchecked.push(Unchecked {
            check: "answers cut at the token limit, identical answers, length effects",
            because: "the log does not keep the answers".to_owned(),
        });
        return;
    }
    let share = |(all, cut): &(BTreeSet<&str>, BTreeSet<&str>)| cut.len() as f64 / all.len() as f64;
    if !by_arm.values().any(|texts| texts.1.len() >= 3 && share(texts) >= CUT_SHARE) {
        return;
    }
    let evidence = by_arm
        .iter()
        .map(|(arm, texts)| {
            format!("`{arm}`: {} of {} answers ({})", texts.1.len(), texts.0.len(), percent(share(texts)))
        })
        .collect();
    findings.push(Finding {
        code: "R12",
        severity: if recorded > 0 { Severity::Fault } else { Severity::Suspicion },
        sentence: match recorded {
            0 => "Answers that look cut in mid-sentence were judged.".to_owned(),
            _ => "Answers cut at the token limit were judged.".to_owned(),
        },
        evidence,
        rows: log.refs(rows),
    });
}
