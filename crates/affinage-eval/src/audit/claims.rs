//! A write-up against the files: each number is recomputed and called confirmed, contradicted or not checkable.
//!
//! ```toml
//! [[claim]]
//! text = "Tuned wins 77 % of 57 comparisons"   # as it was written
//! statistic = "win-rate"                       # wins, losses, ties, missing, rows, prompts, win-rate, judges
//! value = 77                                   # percent for rates
//! arm = "tuned"                                # optional; also `judge` and `category`
//! ```

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
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    #[serde(default)]
    pub text: String,
    pub statistic: String,
    pub value: f64,
    pub arm: Option<String>,
    pub judge: Option<String>,
    pub category: Option<String>,
    /// Half a unit of the last digit that `value` shows, unless given.
    pub tolerance: Option<f64>,
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
    pub claimed: f64,
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
    let checked = |verdict, found, stored, because: String| CheckedClaim {
        text: claim.text.clone(),
        statistic: claim.statistic.clone(),
        claimed: claim.value,
        verdict,
        found,
        stored,
        because,
    };
    let cannot = |because: &str| checked(ClaimVerdict::CannotBeChecked, None, None, because.to_owned());
    let of_training: Vec<f64> =
        facts.iter().filter(|(name, _)| *name == claim.statistic).map(|(_, value)| *value).collect();
    if !of_training.is_empty() {
        let near = of_training.iter().find(|value| agrees(claim, **value));
        let shown: Vec<String> = of_training.iter().map(|value| number(*value)).collect();
        return match near {
            Some(value) => checked(
                ClaimVerdict::Confirmed,
                Some(*value),
                None,
                "a file of the training folder".to_owned(),
            ),
            None => checked(
                ClaimVerdict::Contradicted,
                of_training.first().copied(),
                None,
                format!("the training folder says {}", shown.join(", ")),
            ),
        };
    }
    let Some(results) = results else { return cannot("no file holds this number") };
    match claim.statistic.as_str() {
        "judges" => return compared(claim, results.judges.len() as f64, None, &checked),
        "prompts" if claim.judge.is_none() && claim.category.is_none() => {
            return match results.distinct_prompts {
                Some(prompts) => compared(claim, prompts as f64, None, &checked),
                None => cannot("the log does not keep the prompts"),
            };
        }
        _ => {}
    }
    let Some((row, turned)) = line_of(claim, results) else {
        return cannot("the log has no such group of rows");
    };
    let numbers = |counts: &Counts, prompts: Option<usize>| {
        let counts =
            if turned { Counts { wins: counts.losses, losses: counts.wins, ..*counts } } else { *counts };
        match claim.statistic.as_str() {
            "wins" => Some(counts.wins as f64),
            "losses" => Some(counts.losses as f64),
            "ties" => Some(counts.ties as f64),
            "missing" => Some(counts.missing as f64),
            "rows" => Some((counts.wins + counts.losses + counts.ties + counts.missing) as f64),
            "prompts" => prompts.map(|n| n as f64),
            "win-rate" => counts.win_rate().map(|rate| 100.0 * rate),
            _ => None,
        }
    };
    match numbers(&row.derived, row.prompts) {
        Some(found) => compared(claim, found, numbers(&row.stored, None), &checked),
        None => cannot("this statistic is not known, or the rows do not hold it"),
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

fn compared(
    claim: &Claim,
    found: f64,
    stored: Option<f64>,
    checked: &dyn Fn(ClaimVerdict, Option<f64>, Option<f64>, String) -> CheckedClaim,
) -> CheckedClaim {
    if agrees(claim, found) {
        return checked(ClaimVerdict::Confirmed, Some(found), stored, "re-derived from the rows".to_owned());
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
    checked(ClaimVerdict::Contradicted, Some(found), stored, because)
}

fn agrees(claim: &Claim, found: f64) -> bool {
    let written = claim.value.to_string();
    let digits = written.split_once('.').map_or(0, |(_, digits)| digits.len() as i32);
    let tolerance = claim.tolerance.unwrap_or(0.5 * 10f64.powi(-digits));
    (claim.value - found).abs() <= tolerance + 1e-9
}

/// A number without more digits than it needs.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}").trim_end_matches('0').to_owned()
    }
}
