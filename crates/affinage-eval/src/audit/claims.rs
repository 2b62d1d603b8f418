//! A write-up against the files: each number is recomputed and called confirmed, contradicted or not checkable.
//!
//! ```toml
//! [[claim]]
//! text = "Tuned wins 77 % of 57 comparisons"   # as it was written
//! statistic = "win-rate"                       # one of the names below
//! value = 77                                   # percent for rates
//! arm = "tuned"                                # optional; also `judge` and `category`
//! ```
//!
//! Of the rows: `rows`, `prompts`, `wins`, `losses`, `ties`, `missing`, `win-rate` (a tie is half), `decisive-win-rate`
//! (ties left out), `tie-rate`. Of the judges: `judges` (how many), `judge` (a name), `agreement` (percent) and `kappa`
//! (with `judge` and `other-judge` where there are more than two). Of time: `first-day`, `last-day`
//! (`value = "2026-01-31"`). A write-up as text or table is read by `write_up.rs`.

use serde::{Deserialize, Serialize};

use super::ResultsAudit;
use super::table::{Counts, TableRow};

/// The claims file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimsFile {
    #[serde(default)]
    pub claim: Vec<Claim>,
}

/// One number of a write-up.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Claim {
    #[serde(default)]
    pub text: String,
    pub statistic: String,
    pub value: Value,
    pub arm: Option<String>,
    pub judge: Option<String>,
    pub other_judge: Option<String>,
    pub category: Option<String>,
    /// Half a unit of the last digit that `value` shows, unless given.
    pub tolerance: Option<f64>,
}

/// What was written: a number, or a name or day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Number(f64),
    Text(String),
}

impl Default for Value {
    fn default() -> Value {
        Value::Text(String::new())
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Value::Number(value) => f.write_str(&number(*value)),
            Value::Text(text) => f.write_str(text),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimVerdict {
    Confirmed,
    Contradicted,
    CannotBeChecked,
}

/// What the files say to a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckedClaim {
    pub text: String,
    pub statistic: String,
    pub claimed: Value,
    pub verdict: ClaimVerdict,
    /// The re-derived number.
    pub found: Option<f64>,
    /// The number of the stored outcomes.
    pub stored: Option<f64>,
    pub because: String,
}

/// Holds every claim against the results and the facts of training folders, which come as `(name, number)`.
pub fn check(claims: &[Claim], results: Option<&ResultsAudit>, facts: &[(String, f64)]) -> Vec<CheckedClaim> {
    claims.iter().map(|claim| check_one(claim, results, facts)).collect()
}

fn check_one(claim: &Claim, results: Option<&ResultsAudit>, facts: &[(String, f64)]) -> CheckedClaim {
    let of_training: Vec<f64> =
        facts.iter().filter(|(name, _)| *name == claim.statistic).map(|(_, value)| *value).collect();
    if !of_training.is_empty() {
        return of_folder(claim, &of_training);
    }
    let Some(results) = results else { return cannot(claim, "no file holds this number") };
    match claim.statistic.as_str() {
        "judges" => return compared(claim, results.judges.len() as f64, None),
        "judge" => return named(claim, &results.judges),
        "first-day" | "last-day" => {
            let which = usize::from(claim.statistic == "last-day");
            return match &results.days {
                Some(days) => named(claim, &days[which..=which]),
                None => cannot(claim, "the log keeps no times"),
            };
        }
        "agreement" | "kappa" => return of_judges(claim, results),
        "prompts" if claim.judge.is_none() && claim.category.is_none() => {
            return match results.distinct_prompts {
                Some(prompts) => compared(claim, prompts as f64, None),
                None => cannot(claim, "the log does not keep the prompts"),
            };
        }
        _ => {}
    }
    let Some((row, turned)) = line_of(claim, results) else {
        return cannot(claim, "the log has no such group of rows");
    };
    let statistic = |counts: &Counts, rate: Option<f64>, prompts: Option<usize>| {
        let turned_counts = Counts { wins: counts.losses, losses: counts.wins, ..*counts };
        let (counts, rate) = match turned {
            true => (&turned_counts, rate.map(|rate| 1.0 - rate)),
            false => (counts, rate),
        };
        of_counts(&claim.statistic, counts, rate, prompts)
    };
    match statistic(&row.derived, row.derived_win_rate, row.prompts) {
        Some(found) => compared(claim, found, statistic(&row.stored, row.stored_win_rate, None)),
        None => cannot(claim, "this statistic is not known, or the rows do not hold it"),
    }
}

fn of_counts(statistic: &str, counts: &Counts, rate: Option<f64>, prompts: Option<usize>) -> Option<f64> {
    let Counts { wins, losses, ties, missing } = *counts;
    let share = |k: usize, n: usize| (n > 0).then(|| 100.0 * k as f64 / n as f64);
    match statistic {
        "wins" => Some(wins as f64),
        "losses" => Some(losses as f64),
        "ties" => Some(ties as f64),
        "missing" => Some(missing as f64),
        "rows" => Some((wins + losses + ties + missing) as f64),
        "prompts" => prompts.map(|n| n as f64),
        "win-rate" => rate.map(|rate| 100.0 * rate),
        "decisive-win-rate" => share(wins, wins + losses),
        "tie-rate" => share(ties, wins + losses + ties),
        _ => None,
    }
}

fn checked(
    claim: &Claim,
    verdict: ClaimVerdict,
    found: Option<f64>,
    stored: Option<f64>,
    because: String,
) -> CheckedClaim {
    let (text, statistic, claimed) = (claim.text.clone(), claim.statistic.clone(), claim.value.clone());
    CheckedClaim { text, statistic, claimed, verdict, found, stored, because }
}

fn cannot(claim: &Claim, because: &str) -> CheckedClaim {
    checked(claim, ClaimVerdict::CannotBeChecked, None, None, because.to_owned())
}

/// A number of training folders, each of which may hold it.
fn of_folder(claim: &Claim, values: &[f64]) -> CheckedClaim {
    match values.iter().find(|value| agrees(claim, **value)) {
        Some(value) => {
            let because = "a file of the training folder".to_owned();
            checked(claim, ClaimVerdict::Confirmed, Some(*value), None, because)
        }
        None => {
            let shown: Vec<String> = values.iter().map(|value| number(*value)).collect();
            let because = format!("the training folder says {}", shown.join(", "));
            checked(claim, ClaimVerdict::Contradicted, values.first().copied(), None, because)
        }
    }
}

/// A name or a day against those of the log.
fn named(claim: &Claim, known: &[String]) -> CheckedClaim {
    if known.is_empty() {
        return cannot(claim, "the log names none");
    }
    let (verdict, because) = match known.contains(&claim.value.to_string()) {
        true => (ClaimVerdict::Confirmed, "the rows have it".to_owned()),
        false => (ClaimVerdict::Contradicted, format!("the rows have {}", known.join(", "))),
    };
    checked(claim, verdict, None, None, because)
}

/// Agreement of the named judges, or of the only two that there are.
fn of_judges(claim: &Claim, results: &ResultsAudit) -> CheckedClaim {
    let asked: Vec<&String> = [&claim.judge, &claim.other_judge].into_iter().flatten().collect();
    let mut pairs =
        results.agreements.iter().filter(|pair| asked.iter().all(|judge| pair.judges.contains(judge)));
    match (pairs.next(), pairs.next()) {
        (Some(pair), None) => match claim.statistic.as_str() {
            "agreement" => compared(claim, 100.0 * pair.raw, None),
            _ => match pair.kappa {
                Some(kappa) => compared(claim, kappa, None),
                None => cannot(claim, "one of the two judges gave a single outcome throughout"),
            },
        },
        (Some(_), Some(_)) => cannot(claim, "name the two judges: `judge` and `other-judge`"),
        (None, _) => cannot(claim, "no two such judges share pairs enough"),
    }
}

/// The table's line for the claim, and whether the claim's arm is the other one.
fn line_of<'t>(claim: &Claim, results: &'t ResultsAudit) -> Option<(&'t TableRow, bool)> {
    let group = match (&claim.judge, &claim.category) {
        (None, None) => "all".to_owned(),
        (Some(judge), None) if results.judges.len() > 1 => format!("judge: {judge}"),
        (Some(judge), None) if results.judges.contains(judge) => "all".to_owned(),
        (None, Some(category)) => format!("category: {category}"),
        _ => return None,
    };
    let mut lines = results.table.iter().filter(|row| row.group == group);
    match &claim.arm {
        None => lines.next().map(|row| (row, false)),
        Some(arm) => lines.find_map(|row| {
            let turned = row.against == *arm;
            (row.arm == *arm || turned).then_some((row, turned))
        }),
    }
}

fn compared(claim: &Claim, found: f64, stored: Option<f64>) -> CheckedClaim {
    if agrees(claim, found) {
        let because = "re-derived from the rows".to_owned();
        return checked(claim, ClaimVerdict::Confirmed, Some(found), stored, because);
    }
    let because = match stored {
        Some(stored) if agrees(claim, stored) => {
            format!(
                "the stored outcomes give it, but re-derived from the judges' words it is {}",
                number(found)
            )
        }
        _ => format!("the rows give {}", number(found)),
    };
    checked(claim, ClaimVerdict::Contradicted, Some(found), stored, because)
}

fn agrees(claim: &Claim, found: f64) -> bool {
    let Value::Number(value) = claim.value else { return false };
    let written = value.to_string();
    let digits = written.split_once('.').map_or(0, |(_, digits)| digits.len() as i32);
    let tolerance = claim.tolerance.unwrap_or(0.5 * 10f64.powi(-digits));
    (value - found).abs() <= tolerance + 1e-9
}

/// A number without more digits than it needs.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}").trim_end_matches('0').to_owned()
    }
}
