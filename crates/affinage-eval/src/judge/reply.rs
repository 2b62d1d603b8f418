//! Reading a verdict. Nothing but an exact label on the verdict line, or in the winner field, makes a winner.
//!
//! Order of reading: a JSON object with a `winner` field (in a code fence or not); else the last line that is
//! not empty, when it reads `VERDICT: label`. An unknown label, both labels or any other text is missing, with
//! its reason; a label inside other words never counts.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::request::VERDICT;
use super::wire::TokenChoice;
use crate::judgment::{CriterionScores, MissingReason, Outcome, ParsePath, SeatScores};

/// What a reply says.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// The winner's label as said.
    pub label_said: Option<String>,
    pub scores: Option<SeatScores>,
    pub rationale: Option<String>,
    pub parse_path: ParsePath,
}

impl Verdict {
    pub fn missing(reason: MissingReason) -> Verdict {
        Verdict {
            outcome: Outcome::Missing { reason },
            label_said: None,
            scores: None,
            rationale: None,
            parse_path: ParsePath::None,
        }
    }
}

/// A key that stands twice is an error of this form, so that no object can name two winners.
#[derive(Deserialize)]
struct JsonReply {
    rationale: Option<serde_json::Value>,
    scores: Option<BTreeMap<String, CriterionScores>>,
    winner: Option<serde_json::Value>,
}

/// Reads the text of a reply; `labels` are those of the first and second seat.
pub fn parse_verdict(text: &str, labels: [&str; 2]) -> Verdict {
    parse_json(text, labels).unwrap_or_else(|| parse_last_line(text, labels))
}

/// Probability of the first seat's label against the second's, at the place where `tokens` write the label of
/// the verdict line. `None` when there is no such place or neither label is among the likeliest tokens there.
///
/// A token counts for a label that it begins; the two labels of a request begin with different letters.
pub fn label_probability(tokens: &[TokenChoice], labels: [&str; 2]) -> Option<f64> {
    let mut before = String::new();
    let at_label = tokens.iter().find(|choice| {
        let is_label = before.trim_end().ends_with(VERDICT) && !choice.token.trim().is_empty();
        before.push_str(&choice.token);
        is_label
    })?;
    let mass = |label: &str| -> f64 {
        let begins = |token: &str| !token.trim().is_empty() && label.starts_with(token.trim());
        at_label.likeliest.iter().filter(|(token, _)| begins(token)).map(|(_, logprob)| logprob.exp()).sum()
    };
    let (first, second) = (mass(labels[0]), mass(labels[1]));
    let p = first / (first + second);
    p.is_finite().then_some(p)
}

fn parse_json(text: &str, labels: [&str; 2]) -> Option<Verdict> {
    let json = unfenced(text);
    // Scores of another form must not hide a winner that is stated well.
    let reply: JsonReply = serde_json::from_str(json).ok().or_else(|| {
        #[derive(Deserialize)]
        struct WinnerOnly {
            winner: Option<serde_json::Value>,
            rationale: Option<serde_json::Value>,
        }
        let WinnerOnly { winner, rationale } = serde_json::from_str(json).ok()?;
        Some(JsonReply { rationale, scores: None, winner })
    })?;
    let winner = reply.winner?;
    let outcome = match winner.as_str() {
        Some(said) => outcome_of(said, labels),
        None => Outcome::Missing { reason: MissingReason::UnknownLabel },
    };
    let scores = reply.scores.and_then(|scores| {
        Some(SeatScores { first: *scores.get(labels[0])?, second: *scores.get(labels[1])? })
    });
    Some(Verdict {
        outcome,
        label_said: said_label(outcome, labels),
        scores: scores.filter(are_in_range),
        rationale: reply.rationale.and_then(|value| value.as_str().map(str::to_owned)),
        parse_path: if matches!(outcome, Outcome::Missing { .. }) {
            ParsePath::None
        } else {
            ParsePath::Json
        },
    })
}

fn parse_last_line(text: &str, labels: [&str; 2]) -> Verdict {
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("");
    let Some(said) = last.trim_matches('*').trim().strip_prefix(VERDICT) else {
        return Verdict::missing(MissingReason::Unparsed);
    };
    let outcome = outcome_of(said.trim_matches('*'), labels);
    let parse_path = match outcome {
        Outcome::Missing { .. } => ParsePath::None,
        _ => ParsePath::VerdictLine,
    };
    Verdict { outcome, label_said: said_label(outcome, labels), scores: None, rationale: None, parse_path }
}

fn outcome_of(said: &str, labels: [&str; 2]) -> Outcome {
    let said = said.trim();
    if said == labels[0] {
        return Outcome::First;
    }
    if said == labels[1] {
        return Outcome::Second;
    }
    if said.eq_ignore_ascii_case("tie") {
        return Outcome::Tie;
    }
    let words: Vec<&str> = said.split(|c: char| !c.is_alphanumeric()).collect();
    let both = labels.iter().all(|label| words.contains(label));
    Outcome::Missing { reason: if both { MissingReason::BothLabels } else { MissingReason::UnknownLabel } }
}

fn said_label(outcome: Outcome, labels: [&str; 2]) -> Option<String> {
    match outcome {
        Outcome::First => Some(labels[0].to_owned()),
        Outcome::Second => Some(labels[1].to_owned()),
        Outcome::Tie | Outcome::Missing { .. } => None,
    }
}

fn are_in_range(scores: &SeatScores) -> bool {
    [scores.first, scores.second].iter().flat_map(|s| s.values()).all(|score| (1.0..=10.0).contains(&score))
}

/// The text inside a single Markdown code fence, or the text itself.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|inner| inner.strip_suffix("```")).unwrap_or(text).trim()
}
