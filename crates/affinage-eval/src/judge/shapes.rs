//! Clear verdicts in other shapes than a last line `VERDICT: label`: a label that is set apart, a mapping of keys, a verdict with
//! its reasons behind it, and words of praise behind a label.

use std::collections::BTreeSet;

use super::about::{begins_reasons, is_praise, leave_standing};
use super::layout::with_markdown;
use super::lines::Line;
use super::reply::{after_keyword, is_blank, outcome_of, said_label};
use crate::judgment::Outcome;

/// A verdict, and the position of its line.
pub(super) struct Found {
    pub outcome: Outcome,
    pub index: usize,
}

/// Signs that cheer, and take nothing back.
const CHEERS: [&str; 4] = ["\u{1f3c6}", "\u{2705}", "\u{2714}", "\u{1f451}"];

fn is_vote(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Missing { .. })
}

/// What stands behind `VERDICT:`: the label, perhaps with words behind it that praise it and do nothing else.
pub(super) fn outcome_behind_keyword(said: &str, labels: [&str; 2]) -> Outcome {
    let plain = outcome_of(said, labels);
    if is_vote(&plain) {
        return plain;
    }
    // Behind signs of a remark, or behind the first word that is the label.
    let begins = |c: char| "(,;:-\u{2013}\u{2014}".contains(c);
    let remark = said.find(begins);
    let ends: Vec<usize> =
        labels.iter().filter_map(|label| Some(said.find(label)? + label.len())).chain(remark).collect();
    let read = ends.into_iter().find_map(|end| {
        let (label, behind) = said.split_at(end);
        let is_cheer = CHEERS.contains(&behind.trim());
        Some(outcome_of(label, labels)).filter(|outcome| is_vote(outcome) && (is_cheer || is_praise(behind)))
    });
    read.filter(|outcome| *outcome != Outcome::Tie).unwrap_or(plain)
}

/// The verdict of a line that is a label and nothing else: `\boxed{A}`, `[[A]]`, `**Answer A**`, `Winner: A`. A bare label is one
/// where nothing else is said, or the line above it announces it.
pub(super) fn set_apart(line: &str, labels: [&str; 2], is_alone: bool) -> Option<Outcome> {
    let line = with_markdown(line);
    let line = line.trim_matches(is_blank);
    let is_framed = [("\\boxed{", "}"), ("$\\boxed{", "}$"), ("[", "]"), ("**", "**")]
        .iter()
        .any(|(open, close)| line.starts_with(open) && line.ends_with(close));
    let bare = unmarked(line)?;
    let said = if is_framed || is_alone { Some(bare.as_str()) } else { None };
    let outcome = |said: &str| Some(outcome_of(said, labels)).filter(is_vote);
    said.and_then(outcome).or_else(|| named_by_key(line, labels))
}

/// A line without its Markdown, of which no half may stand elsewhere.
fn unmarked(line: &str) -> Option<String> {
    let is_half = |mark: &str| line.matches(mark).count() % 2 == 1;
    let is_broken = ["**", "*", "`"].into_iter().any(is_half);
    (!is_broken).then(|| line.replace(['*', '`'], ""))
}

/// The verdict of a line that names it by a key: `Winner: A`, `The better response is A.`
pub(super) fn named_by_key(line: &str, labels: [&str; 2]) -> Option<Outcome> {
    let bare = unmarked(&with_markdown(line))?;
    let (key, said) = bare.split_once([':', '\u{ff1a}']).or_else(|| bare.split_once(" is "))?;
    names_verdict(key).then(|| outcome_of(said, labels)).filter(is_vote)
}

/// Whether a key names the verdict, and nothing that it may be about in part.
fn names_verdict(key: &str) -> bool {
    const NOUNS: [&str; 24] = [
        "verdict",
        "winner",
        "answer",
        "decision",
        "conclusion",
        "judgment",
        "judgement",
        "choice",
        "preference",
        "better",
        "better answer",
        "better response",
        "preferred response",
        "urteil",
        "endurteil",
        "sieger",
        "veredicto",
        "ganador",
        "veredito",
        "verdetto",
        "gagnant",
        "\u{432}\u{435}\u{440}\u{434}\u{438}\u{43a}\u{442}",
        "\u{88c1}\u{51b3}",
        "\u{5224}\u{5b9a}",
    ];
    const LEADS: [&str; 5] = ["", "final ", "my ", "overall ", "the "];
    let key = key.trim_matches(|c: char| is_blank(c) || "-#\"_".contains(c)).to_lowercase().replace('_', " ");
    LEADS.iter().any(|lead| key.strip_prefix(lead).is_some_and(|noun| NOUNS.contains(&noun)))
}

/// The verdict of a reply that does not end with it: keys with values, or a first line with its reasons behind it.
pub(super) fn not_last(text: &str, lines: &[Line], labels: [&str; 2]) -> Option<Found> {
    let read = lines.iter().map(|line| match line {
        Line::Text { at, is_fenced: false, .. } => Some((*at, line.prose()?.into_owned())),
        _ => None,
    });
    let read = read.collect::<Option<Vec<_>>>().filter(|read| read.len() > 1)?;
    mapping(text, &read, labels).or_else(|| reasons_behind(&read, labels))
}

/// A verdict that stands first, with reasons behind it that begin as such and leave it standing.
fn reasons_behind(lines: &[(usize, String)], labels: [&str; 2]) -> Option<Found> {
    let (_, first) = lines.first()?;
    let outcome = outcome_behind_keyword(&after_keyword(first)?, labels);
    let winner = said_label(outcome, labels);
    let behind: Vec<&str> = lines[1..].iter().map(|(_, line)| line.as_str()).collect();
    let stands = is_vote(&outcome) && stand_behind(&behind, winner.as_deref(), labels);
    stands.then_some(Found { outcome, index: 0 })
}

/// Whether these lines are reasons of a verdict for `winner` before them.
pub(super) fn are_reasons(lines: &[Line], winner: Option<&str>, labels: [&str; 2]) -> bool {
    let prose: Option<Vec<_>> = lines.iter().map(Line::prose).collect();
    prose.is_some_and(|prose| {
        stand_behind(&prose.iter().map(|line| &**line).collect::<Vec<_>>(), winner, labels)
    })
}

fn stand_behind(behind: &[&str], winner: Option<&str>, labels: [&str; 2]) -> bool {
    let quotes = |line: &&str| line.starts_with('>') || after_keyword(line).is_some();
    let reasons = behind.join("\n");
    let named = reasons.split(|c: char| !c.is_alphanumeric()).find(|word| labels.contains(word));
    !behind.iter().any(quotes)
        && behind.first().is_some_and(|first| begins_reasons(first, winner))
        && (named.is_none() || winner.is_none() || named == winner)
        && leave_standing(&reasons, winner, labels)
}

/// A reply of keys with values, as YAML has them: one names the verdict, the others reasons, scores and labels.
fn mapping(text: &str, lines: &[(usize, String)], labels: [&str; 2]) -> Option<Found> {
    const VERDICTS: [&str; 3] = ["verdict", "winner", "final_verdict"];
    const OTHERS: [&str; 14] = [
        "reason",
        "reasons",
        "rationale",
        "reasoning",
        "explanation",
        "justification",
        "comment",
        "confidence",
        "score",
        "scores",
        "creativity",
        "coherence",
        "depth",
        "engagement",
    ];
    let mut found = None;
    let mut values = String::new();
    let mut keys = BTreeSet::new();
    for (index, (at, line)) in lines.iter().enumerate() {
        let is_inner = text[..*at].ends_with([' ', '\t']);
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let key = key.trim_matches(['"', '\'', ' ']).to_ascii_lowercase();
        let is_known = OTHERS.contains(&key.as_str())
            || key == "writing_quality"
            || labels.iter().any(|label| label.eq_ignore_ascii_case(&key));
        match () {
            () if VERDICTS.contains(&key.as_str()) && !is_inner => {
                let outcome = outcome_of(value.trim(), labels);
                if found.is_some() || !is_vote(&outcome) {
                    return None;
                }
                found = Some(Found { outcome, index });
            }
            () if is_known && line.contains(':') && (is_inner || keys.insert(key.clone())) => {
                values = values + value + "\n"
            }
            () if is_inner && index > 0 && after_keyword(line).is_none() => values = values + line + "\n",
            () => return None,
        }
    }
    let found = found?;
    let winner = said_label(found.outcome, labels);
    let first = values.split(|c: char| !c.is_alphanumeric()).find(|word| labels.contains(word));
    let begins_well = found.index > 0 || first.is_none() || winner.is_none() || first == winner.as_deref();
    (begins_well && leave_standing(&values, winner.as_deref(), labels)).then_some(found)
}
