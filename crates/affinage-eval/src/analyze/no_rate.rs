//! Why a comparison has no win rate: who was asked, and why no vote counts.

use std::collections::BTreeSet;

use super::Rows;
use super::comparisons::{VALID_AT_LEAST, rules, scores_by};
use super::votes::PairVotes;
use super::win_rate::win_rate;
use crate::judge::qualification::result::QualificationVerdict;
use crate::judgment::{is_author, is_person};
use crate::wording::no_rate::{NoRate, Said, Uncounted, prefers_worse};

/// `pairs` are those of the comparison.
pub fn reason<'r>(rows: &Rows, pairs: &[&PairVotes<'r>]) -> NoRate<'r> {
    let needing: Vec<&PairVotes> = pairs.iter().copied().filter(|pair| pair.needs_judge()).collect();
    if needing.is_empty() {
        return if pairs.is_empty() { NoRate::NothingInCommon } else { NoRate::NothingToCompare };
    }
    let asked: BTreeSet<&str> = needing.iter().flat_map(|pair| pair.judges.keys().copied()).collect();
    match asked.is_empty() {
        true => not_asked(rows),
        false => {
            NoRate::Uncounted(asked.into_iter().map(|judge| (judge, uncounted(rows, judge, pairs))).collect())
        }
    }
}

/// Nobody judged a pair: because nobody was asked yet, or because every judge failed its exam before.
fn not_asked<'r>(rows: &Rows) -> NoRate<'r> {
    let judges: Vec<&str> = rows.judge_ids().into_iter().filter(|judge| !is_person(judge)).collect();
    let failed: Vec<String> = judges.iter().filter_map(|judge| failed_exam(rows, judge)).collect();
    match !failed.is_empty() && failed.len() == judges.len() {
        true => NoRate::AllUnfit(failed),
        false => NoRate::NobodyAsked,
    }
}

/// The first reason why a judge failed its exam; `None` where it passed, has not finished, or took none.
fn failed_exam(rows: &Rows, judge: &str) -> Option<String> {
    let exam = rows.exams.get(judge)?;
    match exam.verdict {
        QualificationVerdict::Failed => Some(exam.reasons.first().cloned().unwrap_or_else(prefers_worse)),
        QualificationVerdict::AntiValid => Some(prefers_worse()),
        QualificationVerdict::Qualified | QualificationVerdict::Unfinished => None,
    }
}

/// On how many of so many pairs a judge has to give a verdict for a win rate.
pub fn votes_needed(pairs: usize) -> usize {
    (0..pairs).find(|n| *n as f64 / pairs as f64 >= VALID_AT_LEAST).unwrap_or(pairs)
}

fn uncounted(rows: &Rows, judge: &str, pairs: &[&PairVotes]) -> Uncounted {
    let needing = || pairs.iter().filter(|pair| pair.needs_judge());
    let presentations = || needing().filter_map(|pair| pair.judges.get(judge));
    let names = pairs.first().map_or(("", ""), |pair| (&pair.pair.planned.arm, &pair.pair.planned.against));
    let rate = win_rate(&scores_by(pairs, &BTreeSet::from([judge])), names, rules(rows));
    let said =
        Said { pairs: presentations().filter(|presentations| presentations.score().is_some()).count(), rate };
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
    let of = needing().count();
    Uncounted::Part { said, of, needed: votes_needed(of), is_person: is_person(judge) }
}
