//! Why a comparison has no win rate: who was asked, and why no vote counts.

use std::collections::BTreeSet;

use super::Rows;
use super::comparisons::{VALID_AT_LEAST, rules, scores_by};
use super::votes::PairVotes;
use super::win_rate::win_rate;
use crate::judge::qualification::result::QualificationVerdict;
use crate::judgment::{called, is_author, is_person};
use crate::plain::counted;
use crate::text::capitalised;

/// One sentence. `pairs` are those of the comparison.
pub fn reason(rows: &Rows, pairs: &[&PairVotes]) -> String {
    let needing: Vec<&PairVotes> = pairs.iter().copied().filter(|pair| pair.needs_judge()).collect();
    if needing.is_empty() {
        return match pairs.is_empty() {
            true => "The two have answered no prompt in common.".to_owned(),
            false => "No prompt has two different whole answers that could be compared.".to_owned(),
        };
    }
    let asked: BTreeSet<&str> = needing.iter().flat_map(|pair| pair.judges.keys().copied()).collect();
    let judges: Vec<(&str, Uncounted)> =
        asked.into_iter().map(|judge| (judge, uncounted(rows, judge, pairs))).collect();
    match judges.as_slice() {
        [] => not_asked(rows),
        [(judge, only)] => only.alone(judge),
        several if several.iter().all(|(_, why)| matches!(why, Uncounted::FailedExam(_))) => {
            format!("All {} judges failed their exams, so their votes do not count.", several.len())
        }
        several => {
            let each: Vec<String> = several.iter().map(|(judge, why)| why.among_others(judge)).collect();
            format!("No vote counts: {}.", each.join("; "))
        }
    }
}

/// Nobody judged a pair: because nobody was asked yet, or because every judge failed its exam before.
fn not_asked(rows: &Rows) -> String {
    let judges: Vec<&str> = rows.judge_ids().into_iter().filter(|judge| !is_person(judge)).collect();
    let failed: Vec<String> = judges.iter().filter_map(|judge| failed_exam(rows, judge)).collect();
    match failed.as_slice() {
        [only] if judges.len() == 1 => {
            format!("The only judge failed its exam ({only}), so it was not asked to compare.")
        }
        several if several.len() > 1 && several.len() == judges.len() => {
            format!("All {} judges failed their exams, so none was asked to compare.", several.len())
        }
        _ => "Nobody has compared the answers yet.".to_owned(),
    }
}

/// The first reason why a judge failed its exam; `None` where it passed, has not finished, or took none.
fn failed_exam(rows: &Rows, judge: &str) -> Option<String> {
    let exam = rows.exams.get(judge)?;
    let worse = || "it prefers the worse answer".to_owned();
    match exam.verdict {
        QualificationVerdict::Failed => Some(exam.reasons.first().cloned().unwrap_or_else(worse)),
        QualificationVerdict::AntiValid => Some(worse()),
        QualificationVerdict::Qualified | QualificationVerdict::Unfinished => None,
    }
}

/// On how many of so many pairs a judge has to give a verdict for a win rate.
pub fn votes_needed(pairs: usize) -> usize {
    (0..pairs).find(|n| *n as f64 / pairs as f64 >= VALID_AT_LEAST).unwrap_or(pairs)
}

/// Why the votes of one judge are no part of a win rate.
enum Uncounted {
    Author(Said),
    /// Its first reason.
    FailedExam(String),
    UnfinishedExam,
    /// A person who did not see the damage of the planted pairs.
    MissedPlanted,
    Inverted,
    Coin,
    /// It voted on too small a part of the pairs.
    Part {
        said: Said,
        of: usize,
        is_person: bool,
    },
}

/// What a judge said: on how many pairs, and the counts that its win rate has everywhere.
struct Said {
    pairs: usize,
    outcomes: String,
}

fn uncounted(rows: &Rows, judge: &str, pairs: &[&PairVotes]) -> Uncounted {
    let needing = || pairs.iter().filter(|pair| pair.needs_judge());
    let presentations = || needing().filter_map(|pair| pair.judges.get(judge));
    let names = pairs.first().map_or(("", ""), |pair| (&pair.pair.planned.arm, &pair.pair.planned.against));
    let rate = win_rate(&scores_by(pairs, &BTreeSet::from([judge])), names, rules(rows));
    let outcomes = rate.map_or("no vote that counts".to_owned(), |rate| rate.outcomes());
    let said = Said {
        pairs: presentations().filter(|presentations| presentations.score().is_some()).count(),
        outcomes,
    };
    if is_author(judge) {
        return Uncounted::Author(said);
    }
    if let Some(why) = failed_exam(rows, judge) {
        return Uncounted::FailedExam(why);
    }
    if rows.exams.get(judge).is_some_and(|exam| !exam.is_qualified()) {
        return Uncounted::UnfinishedExam;
    }
    if rows.has_missed_planted(judge) {
        return Uncounted::MissedPlanted;
    }
    if presentations().any(|presentations| presentations.is_inverted) {
        return Uncounted::Inverted;
    }
    if presentations().any(|presentations| presentations.is_coin) {
        return Uncounted::Coin;
    }
    Uncounted::Part { said, of: needing().count(), is_person: is_person(judge) }
}

impl Uncounted {
    fn alone(&self, judge: &str) -> String {
        match self {
            Uncounted::Author(said) => format!(
                "Only the author has voted (on {}: {}), and the author's votes are shown apart.",
                counted(said.pairs, "pair", "pairs"),
                said.outcomes
            ),
            Uncounted::FailedExam(why) => {
                format!("The only judge failed its exam ({why}), so its votes do not count.")
            }
            Uncounted::UnfinishedExam => "The only judge has not finished its exam.".to_owned(),
            Uncounted::MissedPlanted => {
                "The only voter missed the planted pairs, so the votes do not count.".to_owned()
            }
            Uncounted::Inverted => {
                "The only judge names the answer that its own scores put lower: its log is inverted.".to_owned()
            }
            Uncounted::Coin => {
                "The only judge changes its winner with the order as often as a coin would, so its votes do not count."
                    .to_owned()
            }
            Uncounted::Part { said, of, is_person } => {
                let needed = votes_needed(*of);
                let of_kind = if *is_person { "vote" } else { "verdict" };
                format!(
                    "{}; a win rate needs {needed} of them, so {} missing.",
                    capitalised(&self.among_others(judge)),
                    match needed.saturating_sub(said.pairs) {
                        1 => format!("1 {of_kind} is"),
                        n => format!("{n} {of_kind}s are"),
                    }
                )
            }
        }
    }

    fn among_others(&self, judge: &str) -> String {
        match self {
            Uncounted::Author(_) => "the author's votes are shown apart".to_owned(),
            Uncounted::FailedExam(_) => format!("`{judge}` failed its exam"),
            Uncounted::UnfinishedExam => format!("`{judge}` has not finished its exam"),
            Uncounted::MissedPlanted => format!("{} missed the planted pairs", called(judge)),
            Uncounted::Inverted => format!("the log of `{judge}` is inverted"),
            Uncounted::Coin => format!("`{judge}` changes its winner with the order as often as a coin"),
            Uncounted::Part { said, of, is_person } => {
                let did = if *is_person { "has voted on" } else { "gave a verdict that counts on" };
                format!(
                    "{} {did} {} of {} ({})",
                    called(judge),
                    said.pairs,
                    counted(*of, "pair", "pairs"),
                    said.outcomes
                )
            }
        }
    }
}
