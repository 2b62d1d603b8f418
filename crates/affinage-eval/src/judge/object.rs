//! JSON objects of a reply, and which label they name as winner or loser.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

use super::about::{is_no_rationale, speaks_against};
use super::loose_json::{self, object_end};
use super::reply::{Verdict, is_blank, outcome_of, said_label};
use crate::judgment::{CriterionScores, MissingReason, Outcome, ParsePath, PositionScores};

/// An object that says who won or lost.
pub(super) struct Stated {
    pub range: Range<usize>,
    pub verdict: Verdict,
    /// It says so under `winner`. Others are no verdict, and may contradict one.
    pub names_winner: bool,
    /// It holds a rationale or scores too, so it is no mere quotation of `{"winner": ...}`.
    pub is_whole: bool,
}

/// A key that stands twice is an error of this form, so that no object can name two winners.
#[derive(Deserialize)]
pub(super) struct JsonReply {
    rationale: Option<Value>,
    #[serde(default, deserialize_with = "scores_or_none")]
    scores: Option<BTreeMap<String, CriterionScores>>,
    winner: Option<Value>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// Scores of another form must not hide a winner that is stated well.
fn scores_or_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, CriterionScores>>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

impl JsonReply {
    /// `None` where the object says of nobody that it won or lost.
    pub fn stated(self, range: Range<usize>, labels: [&str; 2]) -> Option<Stated> {
        let is_whole = self.rationale.is_some() || self.scores.is_some();
        let names_winner = self.winner.is_some();
        let beside = self.others.iter().filter_map(|(key, value)| said_beside(key, value, labels));
        let winner = self.winner.map(|winner| match winner.as_str() {
            Some(said) => outcome_of(said, labels),
            None => Outcome::Missing { reason: MissingReason::UnknownLabel },
        });
        let mut said: Vec<Outcome> = winner.into_iter().chain(beside).collect();
        let first = *said.first()?;
        said.dedup();
        let label = said_label(first, labels);
        let label = label.as_deref();
        let is_none = |value: &Value| value.as_str().is_some_and(|text| is_no_rationale(text, label, labels));
        let outcome = match said.len() {
            _ if self.rationale.as_ref().is_some_and(is_none) => {
                Outcome::Missing { reason: MissingReason::Unparsed }
            }
            _ if self.others.iter().any(|(key, value)| disowns(key, value)) => {
                Outcome::Missing { reason: MissingReason::Unparsed }
            }
            1 if self.others.iter().all(|(key, value)| leaves_standing(key, value, label, labels)) => first,
            _ => Outcome::Missing { reason: MissingReason::BothLabels },
        };
        let scores = self.scores.and_then(|scores| {
            Some(PositionScores { first: *scores.get(labels[0])?, second: *scores.get(labels[1])? })
        });
        let scores = scores.filter(are_in_range);
        let outcome = match scores.as_ref().is_some_and(|scores| favour_other(scores, outcome)) {
            true => Outcome::Missing { reason: MissingReason::ScoresOtherwise },
            false => outcome,
        };
        let verdict = Verdict {
            outcome,
            label_said: said_label(outcome, labels),
            scores,
            rationale: self.rationale.and_then(|value| value.as_str().map(str::to_owned)),
            parse_path: if matches!(outcome, Outcome::Missing { .. }) {
                ParsePath::None
            } else {
                ParsePath::Json
            },
        };
        Some(Stated { range, verdict, names_winner, is_whole })
    }
}

/// Whether a flag of the object says that it is no verdict, or not the last one: `"draft": true`, `"is_final": false`.
fn disowns(key: &str, value: &Value) -> bool {
    const NOT_YET: &str = "draft example sample placeholder provisional preliminary tentative retracted withdrawn revoked \
        superseded hypothetical quoted quote copied invalid void";
    let name = snake_case(key);
    let has = |list: &[&str]| name.split('_').any(|word| list.contains(&word));
    match value {
        Value::Bool(true) => has(&NOT_YET.split_whitespace().collect::<Vec<_>>()),
        Value::Bool(false) => has(&AT_LAST),
        _ => false,
    }
}

/// Whether what stands under a key that was not asked for takes nothing from the verdict for `winner`. A label by itself must stand
/// under a key that says what it is; a flag must not be set that may take the verdict back.
fn leaves_standing(key: &str, value: &Value, winner: Option<&str>, labels: [&str; 2]) -> bool {
    const TROUBLE: [&str; 18] = [
        "error",
        "refusal",
        "status",
        "state",
        "warning",
        "disclaimer",
        "role",
        "source",
        "type",
        "kind",
        "criterion",
        "aspect",
        "pair",
        "step",
        "round",
        "stage",
        "phase",
        "properties",
    ];
    const WELL: [&str; 8] = ["", "ok", "done", "final", "complete", "completed", "success", "overall"];
    let name = snake_case(key);
    if let Some(outcome) = said_beside(key, value, labels) {
        return said_label(outcome, labels).as_deref() == winner;
    }
    let is_rank = ["rank", "place", "position"].iter().any(|word| name.contains(word));
    match value {
        Value::Bool(true) => {
            name.contains("tie") && winner.is_none() || name.split('_').any(|word| AT_LAST.contains(&word))
        }
        Value::String(text) if TROUBLE.contains(&name.as_str()) => {
            WELL.contains(&text.trim().to_ascii_lowercase().as_str())
        }
        Value::Null | Value::Bool(false) => true,
        _ if TROUBLE.contains(&name.as_str()) => false,
        Value::String(text) => !names_labels_alone(text, labels) && !speaks_against(text, winner, labels),
        Value::Array(all) => all.iter().all(|value| leaves_standing(key, value, winner, labels)),
        Value::Object(of) if is_rank => winner.is_none_or(|winner| {
            let first = of.iter().filter_map(|(label, rank)| Some((rank.as_f64()?, label)));
            first.min_by(|a, b| a.0.total_cmp(&b.0)).is_none_or(|(_, label)| label == winner)
        }),
        Value::Object(of) if ["prob", "likel", "confidence"].iter().any(|word| name.contains(word)) => winner
            .is_none_or(|winner| {
                let shares = of.iter().filter_map(|(label, share)| Some((share.as_f64()?, label)));
                shares.max_by(|a, b| a.0.total_cmp(&b.0)).is_none_or(|(_, label)| label == winner)
            }),
        Value::Object(of) => of.iter().all(|(key, value)| leaves_standing(key, value, winner, labels)),
        _ => true,
    }
}

/// Whether a text is labels and no other word.
fn names_labels_alone(text: &str, labels: [&str; 2]) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words =
        words.filter(|word| !["Response", "response", "Answer", "answer"].contains(word)).peekable();
    words.peek().is_some() && words.all(|word| labels.contains(&word) || word.eq_ignore_ascii_case("tie"))
}

/// What a flag says that is set where a verdict holds.
const AT_LAST: [&str; 4] = ["final", "valid", "own", "definitive"];

/// Who won, by what stands under another key than `winner`: under `preferred` or `best` the winner, under `loser`, `rejected` or
/// `less_preferred` the other one. `None` where it says nothing of that.
fn said_beside(key: &str, value: &Value, labels: [&str; 2]) -> Option<Outcome> {
    const WINS: &[&str] = &[
        "winner",
        "better",
        "best",
        "verdict",
        "prefer",
        "choice",
        "decision",
        "final",
        "chosen",
        "selected",
        "gewinner",
        "sieger",
        "besser",
        "gagnant",
        "meilleur",
        "ganador",
        "mejor",
        "vencedor",
        "melhor",
        "vincitore",
        "migliore",
        "\u{43f}\u{43e}\u{431}\u{435}\u{434}",
        "\u{43b}\u{443}\u{447}\u{448}",
        "\u{80dc}",
        "\u{52dd}",
        "\u{66f4}\u{597d}",
        "\u{66f4}\u{4f73}",
        "\u{c2b9}\u{c790}",
        "\u{627}\u{644}\u{641}\u{627}\u{626}\u{632}",
        "\u{935}\u{93f}\u{91c}\u{947}\u{924}\u{93e}",
        "kazanan",
        "overall",
        "answer",
        "conclusion",
        "pick",
        "vote",
        "top",
        "recommend",
        "revised",
        "correction",
        "1st",
        "first_place",
    ];
    const LOSES: &[&str] = &[
        "loser",
        "loses",
        "losing",
        "lost",
        "worse",
        "worst",
        "weak",
        "inferior",
        "reject",
        "runner",
        "dispreferred",
        "unpreferred",
        "unchosen",
        "second",
        "2nd",
        "defeated",
        "discard",
        "bad",
        "verlierer",
        "schlechter",
        "unterlegen",
        "perdant",
        "perdedor",
        "peor",
        "pior",
        "perdente",
        "peggiore",
        "\u{43f}\u{440}\u{43e}\u{438}\u{433}\u{440}",
        "\u{8d25}",
        "\u{6557}",
        "\u{d328}\u{c790}",
    ];
    // `less_preferred`, `chosen_over`.
    const TURNS: &[&str] = &["not", "non", "un", "less", "least", "over", "than", "against"];
    let name = snake_case(key);
    let is_rank = name.starts_with("rank");
    let loses = name.contains("second_best")
        || name
            .split('_')
            .any(|word| TURNS.contains(&word) || LOSES.iter().any(|known| word.starts_with(known)));
    if !(loses || is_rank && value.is_array() || WINS.iter().any(|known| name.contains(known))) {
        return None;
    }
    let said = match value {
        Value::Array(all) => all.first()?.as_str()?,
        Value::Object(of) => {
            ["label", "response", "name", "id"].iter().find_map(|key| of.get(*key)?.as_str())?
        }
        other => other.as_str()?,
    };
    match outcome_of(said, labels) {
        Outcome::Missing { reason: MissingReason::UnknownLabel } => None,
        Outcome::First if loses => Some(Outcome::Second),
        Outcome::Second if loses => Some(Outcome::First),
        // Nobody lost more than the other.
        outcome => Some(outcome),
    }
}

/// `bestAnswer`, `Best-Answer` and `best answer` as `best_answer`.
fn snake_case(key: &str) -> String {
    let mut name = String::new();
    let mut was_small = false;
    for c in key.chars() {
        if was_small && c.is_uppercase() {
            name.push('_');
        }
        was_small = c.is_lowercase();
        match c.is_alphanumeric() {
            true => name.extend(c.to_lowercase()),
            false => name.push('_'),
        }
    }
    name
}

/// The objects of a part of a reply.
pub(super) struct Objects {
    /// Those that begin a line; `None` in place of one that is JSON of another form.
    pub read: Vec<(Range<usize>, Option<JsonReply>)>,
    /// One of them is still open where the part ends.
    pub is_open: bool,
    /// One of them speaks of a winner and cannot be read.
    pub is_unclear: bool,
}

impl Objects {
    pub fn of(text: &str, part: Range<usize>) -> Objects {
        let mut found = Objects { read: Vec::new(), is_open: false, is_unclear: false };
        let (mut at, mut end) = (part.start, part.start);
        for line in text[part.clone()].split_inclusive('\n') {
            let start = at + line.len() - line.trim_start_matches(is_blank).len();
            at += line.len();
            if start < end || found.is_open || !text[start..part.end].starts_with('{') {
                continue;
            }
            let Some(length) = object_end(&text[start..part.end]) else {
                found.is_open = true;
                continue;
            };
            let object = &text.as_bytes()[start..start + length];
            let read: Option<JsonReply> = loose_json::parse(object);
            let names_winner = read.as_ref().is_some_and(|object| object.winner.is_some());
            found.is_unclear |= !names_winner && text[start..start + length].contains("winner");
            if loose_json::parse::<serde::de::IgnoredAny>(object).is_some() {
                end = start + length;
                found.read.push((start..end, read));
            }
        }
        found
    }
}

/// Whether the sum of the scores is higher for the answer that lost.
fn favour_other(scores: &PositionScores, outcome: Outcome) -> bool {
    let sum = |scores: &CriterionScores| scores.values().iter().sum::<f64>();
    let lead = sum(&scores.first) - sum(&scores.second);
    match outcome {
        Outcome::First => lead < 0.0,
        Outcome::Second => lead > 0.0,
        Outcome::Tie | Outcome::Missing { .. } => false,
    }
}

fn are_in_range(scores: &PositionScores) -> bool {
    [scores.first, scores.second].iter().flat_map(|s| s.values()).all(|score| (1.0..=10.0).contains(&score))
}
