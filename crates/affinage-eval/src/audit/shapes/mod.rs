//! Foreign logs by shape: a JSON object (a line of JSONL, an element of an array, a CSV record) becomes rows.
//!
//! Six shapes are known: pair rows with two `*_response` fields, AlpacaEval's annotations, FastChat's pairwise
//! judgments (two games a line) and reviews (two scores a line), Arena-Hard's `games`, and `model_a`, `model_b` with a
//! winner or a judge's text. Anything else needs a mapping file.

mod arena_hard;
mod fastchat;

use serde::Serialize;
use serde_json::{Map, Value};

use super::mapping::Mapping;
use super::row::{Arm, Labels, PairRow, PositionSource, RowRef, Stored};
use super::verdict::{self, Said};

/// What a log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    PairRows,
    AlpacaEval,
    FastChat,
    FastChatReviews,
    ArenaHard,
    ModelPairs,
    Mapped,
}

impl Shape {
    pub fn name(self) -> &'static str {
        match self {
            Shape::PairRows => "pair rows",
            Shape::AlpacaEval => "AlpacaEval annotations",
            Shape::FastChat => "FastChat pairwise judgments",
            Shape::FastChatReviews => "FastChat reviews, two scores a line",
            Shape::ArenaHard => "Arena-Hard judgments, two games a line",
            Shape::ModelPairs => "model_a, model_b, winner",
            Shape::Mapped => "by the mapping file",
        }
    }
}

/// A record that is no row of any known shape.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ShapeError {
    #[error("not a pairwise log: found the fields {found}")]
    Unknown { found: String },
    #[error("the mapping names the field `{field}`, which the record does not have")]
    Missing { field: String },
}

/// The shape of a record.
pub fn shape(record: &Map<String, Value>) -> Result<Shape, ShapeError> {
    let has = |key: &str| record.contains_key(key);
    let has_any = |keys: &[&str]| keys.iter().any(|key| has(key));
    let is_judged = has_any(&WINNERS) || has_any(&JUDGE_TEXTS);
    if has("g1_winner") && has("model_1") && has("model_2") {
        Ok(Shape::FastChat)
    } else if has("generator_1") && has("generator_2") && has("preference") {
        Ok(Shape::AlpacaEval)
    } else if arena_hard::is_line(record) {
        Ok(Shape::ArenaHard)
    } else if has("model_a") && has("model_b") && (is_judged || has("winner_model_a")) {
        Ok(Shape::ModelPairs)
    } else if fastchat::review_scores(record).is_some() {
        Ok(Shape::FastChatReviews)
    } else if is_judged && response_fields(record).is_some() {
        Ok(Shape::PairRows)
    } else {
        let found: Vec<&str> = record.keys().take(12).map(String::as_str).collect();
        Err(ShapeError::Unknown { found: found.join(", ") })
    }
}

/// The rows of one record: two for FastChat's two games, else one.
pub fn rows(
    record: &Map<String, Value>,
    source: RowRef,
    mapping: Option<&Mapping>,
) -> Result<(Shape, Vec<PairRow>), ShapeError> {
    if let Some(mapping) = mapping {
        return Ok((Shape::Mapped, vec![mapping.row(record, source)?]));
    }
    let shape = shape(record)?;
    Ok((
        shape,
        match shape {
            Shape::FastChat => fastchat::games(record, source),
            Shape::FastChatReviews => vec![fastchat::review(record, source)],
            Shape::ArenaHard => arena_hard::games(record, source),
            Shape::AlpacaEval => vec![alpaca_eval(record, source)],
            Shape::ModelPairs => vec![model_pair(record, source)],
            Shape::PairRows | Shape::Mapped => vec![pair_row(record, source)],
        },
    ))
}

/// A value as text; `None` for null, missing and empty.
pub fn text(record: &Map<String, Value>, key: &str) -> Option<String> {
    as_text(record.get(key)?)
}

pub fn as_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

fn first_of(record: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| text(record, key))
}

/// A row with nothing but its arms and its place.
pub fn bare(arms: [String; 2], source: RowRef) -> PairRow {
    PairRow {
        source,
        prompt: None,
        category: None,
        judge: None,
        judge_returned: None,
        arms,
        texts: [None, None],
        answer_ids: [None, None],
        finish_reasons: [None, None],
        first: None,
        position_source: PositionSource::Field,
        stored: Stored::Missing(String::new()),
        preference: None,
        judge_text: None,
        rendered: None,
        arm_scores: None,
        labels: None,
        stamp: None,
    }
}

const PROMPTS: [&str; 6] = ["prompt", "instruction", "question", "input", "query", "question_id"];
const JUDGES: [&str; 16] = [
    "judge_model",
    "judge",
    "judge_id",
    "judge_name",
    "annotator",
    "evaluator",
    "worker",
    "worker_id",
    "WorkerId",
    "annotator_id",
    "rater",
    "rater_id",
    "voter",
    "voter_id",
    "user_id",
    "reviewer_id",
];
/// Fields of an outcome.
const WINNERS: [&str; 7] =
    ["winner", "vote", "choice", "preferred", "preferred_model", "selected", "verdict"];
const RETURNED: [&str; 4] = ["model_returned", "judge_model_returned", "response_model", "judge_returned"];
const JUDGE_TEXTS: [&str; 8] = [
    "judgment",
    "judgement",
    "judge_text",
    "judge_response",
    "judge_output",
    "rationale",
    "raw_completion",
    "reasoning",
];
const CATEGORIES: [&str; 6] = ["config_name", "category", "domain", "dataset", "task", "language"];
const REQUESTS: [&str; 5] =
    ["judge_prompt", "user_prompt", "rendered_prompt", "judge_request", "judge_input"];
const TIMES: [&str; 6] = ["tstamp", "timestamp", "created_at", "judged_at", "date", "time"];
const ORDERS: [&str; 6] = ["presentation_order", "order", "position", "shown_first", "swapped", "is_swapped"];

fn common(row: &mut PairRow, record: &Map<String, Value>) {
    row.prompt = first_of(record, &PROMPTS);
    row.category = first_of(record, &CATEGORIES);
    row.judge = first_of(record, &JUDGES);
    row.judge_returned = first_of(record, &RETURNED);
    row.judge_text = first_of(record, &JUDGE_TEXTS);
    row.rendered = first_of(record, &REQUESTS);
    row.stamp = first_of(record, &TIMES);
}

/// The two arms of a record with `X_response` and `Y_response` (or output, answer, completion; or `response_X`),
/// with the arm that sounds like the base first. Fields of the judge do not count.
fn response_fields(record: &Map<String, Value>) -> Option<[(String, String); 2]> {
    let mut arms: Vec<(String, String)> = Vec::new();
    for key in record.keys() {
        for part in ["response", "output", "answer", "completion"] {
            let arm =
                key.strip_suffix(part).or_else(|| key.strip_prefix(part)).map(|arm| arm.trim_matches('_'));
            let Some(arm) = arm.filter(|arm| !arm.is_empty()) else { continue };
            let of_judge =
                ["judge", "raw", "judgment", "judgement", "evaluator", "reference", "expected", "gold"]
                    .iter()
                    .any(|name| arm.contains(name));
            if !of_judge && !arms.iter().any(|(name, _)| name == arm) {
                arms.push((arm.to_owned(), key.clone()));
            }
        }
    }
    let is_base = |arm: &str| {
        ["base", "baseline", "original", "reference", "a", "1", "model_a", "model_1"].contains(&arm)
    };
    arms.sort_by_key(|(arm, _)| !is_base(arm));
    <[(String, String); 2]>::try_from(arms).ok()
}

fn pair_row(record: &Map<String, Value>, source: RowRef) -> PairRow {
    let [(one, one_field), (two, two_field)] = response_fields(record).expect("the shape was recognised");
    let mut row = bare([one.clone(), two.clone()], source);
    common(&mut row, record);
    row.texts = [text(record, &one_field), text(record, &two_field)];
    for (arm, name) in row.arms.clone().iter().enumerate() {
        row.finish_reasons[arm] = text(record, &format!("{name}_finish_reason"));
    }
    row.stored = winner(outcome(record), &row.arms);
    row.first = ORDERS.iter().find_map(|key| order(key, record.get(*key)?, &row.arms));
    row.arm_scores = scores(record, &one).zip(scores(record, &two)).map(|(one, two)| [one, two]);
    row
}

/// `X_score`, `X_scores` or `score_X`: a number, or the sum of an object's or array's numbers.
fn scores(record: &Map<String, Value>, arm: &str) -> Option<f64> {
    [format!("{arm}_score"), format!("{arm}_scores"), format!("score_{arm}"), format!("scores_{arm}")]
        .iter()
        .find_map(|key| sum(record.get(key)?))
}

fn sum(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Array(values) => values.iter().map(sum).sum(),
        Value::Object(values) => values.values().map(sum).sum(),
        _ => None,
    }
}

/// The value of the field that holds the outcome.
fn outcome(record: &Map<String, Value>) -> Option<&Value> {
    WINNERS.iter().find_map(|key| record.get(*key))
}

/// The stored outcome: an arm's name, a tie, a label, or a word that is none of them.
pub fn winner(value: Option<&Value>, arms: &[String; 2]) -> Stored {
    let word = value.and_then(as_text).unwrap_or_default();
    let plain = word.trim().to_ascii_lowercase();
    for arm in Arm::BOTH {
        if plain == arms[arm.index()].to_ascii_lowercase() {
            return Stored::Winner(arm);
        }
    }
    match plain.as_str() {
        "model_a" | "model_1" | "response_a" | "response_1" => Stored::Winner(Arm::One),
        "model_b" | "model_2" | "response_b" | "response_2" => Stored::Winner(Arm::Two),
        "tie (bothbad)" | "bothbad" | "tie (both bad)" => Stored::Tie,
        _ => label_of_word(&word),
    }
}

/// A label (`A`, `[[B]]`, `B>A`), a tie, or a word that is neither.
pub fn label_of_word(word: &str) -> Stored {
    match verdict::said(word).filter(|_| word.len() <= MOST_OF_LABEL) {
        Some(Said::Label(label)) => Stored::Label(label),
        Some(Said::Tie) => Stored::Tie,
        None => Stored::Missing(word.to_owned()),
    }
}

/// Longer words are texts.
const MOST_OF_LABEL: usize = 24;

/// The arm that was shown first.
fn order(field: &str, value: &Value, arms: &[String; 2]) -> Option<Arm> {
    if field.contains("swapped") {
        return match value {
            Value::Bool(swapped) => Some(if *swapped { Arm::Two } else { Arm::One }),
            other => match as_text(other)?.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(Arm::Two),
                "false" | "0" | "no" => Some(Arm::One),
                _ => None,
            },
        };
    }
    let word = as_text(value)?.trim().to_ascii_lowercase();
    match word.as_str() {
        "ab" | "12" | "normal" | "original" | "a_first" | "straight" => return Some(Arm::One),
        "ba" | "21" | "swapped" | "reversed" | "flipped" | "b_first" => return Some(Arm::Two),
        _ => {}
    }
    Arm::BOTH.into_iter().find(|arm| word.starts_with(&arms[arm.index()].to_ascii_lowercase()))
}

fn alpaca_eval(record: &Map<String, Value>, source: RowRef) -> PairRow {
    let name = |key: &str| text(record, key).unwrap_or_else(|| key.to_owned());
    let mut row = bare([name("generator_1"), name("generator_2")], source);
    common(&mut row, record);
    // Annotators without words keep the log-probabilities of one token here.
    row.judge_text =
        row.judge_text.filter(|_| !matches!(record.get("raw_completion"), Some(Value::Object(_))));
    row.texts = [text(record, "output_1"), text(record, "output_2")];
    // Weighted annotators store 1 + P(second): the nearer side is the outcome, the share is what counts.
    let preference = record.get("preference").and_then(Value::as_f64);
    row.preference = preference
        .filter(|preference| (1.0..=2.0).contains(preference) && ![1.0, 1.5, 2.0].contains(preference))
        .map(|preference| preference - 1.0);
    row.stored = match preference {
        Some(preference) if preference == 1.5 || preference == 0.0 => Stored::Tie,
        Some(preference) if (1.0..1.5).contains(&preference) => Stored::Winner(Arm::One),
        Some(preference) if preference > 1.5 && preference <= 2.0 => Stored::Winner(Arm::Two),
        Some(other) => Stored::Missing(other.to_string()),
        None => Stored::Missing("no preference".to_owned()),
    };
    row.first =
        ["is_switched_output_1_output_2", "is_switched"].iter().find_map(|key| match record.get(*key)? {
            Value::Bool(switched) => Some(if *switched { Arm::Two } else { Arm::One }),
            _ => None,
        });
    row
}

fn model_pair(record: &Map<String, Value>, source: RowRef) -> PairRow {
    let name = |key: &str| text(record, key).unwrap_or_else(|| key.to_owned());
    let mut row = bare([name("model_a"), name("model_b")], source);
    common(&mut row, record);
    row.texts =
        [first_of(record, &["response_a", "answer_a"]), first_of(record, &["response_b", "answer_b"])];
    row.first = Some(Arm::One);
    row.position_source = PositionSource::Column;
    row.labels = Some(Labels::Position);
    // The columns are called A and B, so a label names a column.
    let by_column = |stored: Stored| match stored {
        Stored::Label(label) => Stored::Winner(label.arm(Arm::One)),
        other => other,
    };
    row.stored = match outcome(record) {
        Some(word) => by_column(winner(Some(word), &row.arms)),
        None if record.contains_key("winner_model_a") => one_of_columns(record),
        None => Stored::Missing("no winner".to_owned()),
    };
    if let Some(first) = ORDERS.iter().find_map(|key| order(key, record.get(*key)?, &row.arms)) {
        row.first = Some(first);
        row.position_source = PositionSource::Field;
        row.labels = None;
    }
    // One pair of models is one pair, whichever stands in the first column.
    if row.arms[0] > row.arms[1] {
        row.arms.swap(0, 1);
        row.texts.swap(0, 1);
        row.first = row.first.map(Arm::other);
        row.stored = match row.stored {
            Stored::Winner(arm) => Stored::Winner(arm.other()),
            other => other,
        };
    }
    row
}

/// `winner_model_a`, `winner_model_b` and `winner_tie`, one of them 1.
fn one_of_columns(record: &Map<String, Value>) -> Stored {
    let is_set = |key: &str| {
        text(record, key).is_some_and(|value| matches!(value.trim(), "1" | "1.0" | "true" | "True"))
    };
    match ["winner_model_a", "winner_model_b", "winner_tie"].map(is_set) {
        [true, false, false] => Stored::Winner(Arm::One),
        [false, true, false] => Stored::Winner(Arm::Two),
        [false, false, true] => Stored::Tie,
        _ => Stored::Missing("not exactly one winner column is 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(record: Value) -> Vec<PairRow> {
        let record = record.as_object().expect("an object");
        rows(record, RowRef { file: 0, line: 1 }, None).expect("a known shape").1
    }

    #[test]
    fn each_shape_gives_its_rows() {
        let pair =
            read(json!({"config_name": "c", "prompt": "p", "baseline_response": "x", "tuned_response": "y",
            "judge_model": "j", "judgment": "Winner: A", "presentation_order": "BA", "winner": "tuned"}));
        assert_eq!(pair[0].arms, ["baseline", "tuned"]);
        assert_eq!((pair[0].first, &pair[0].stored), (Some(Arm::Two), &Stored::Winner(Arm::Two)));

        let alpaca = read(json!({"instruction": "i", "output_1": "x", "generator_1": "ref", "output_2": "y",
            "generator_2": "mine", "annotator": "gpt", "preference": 1.93}));
        assert_eq!((alpaca[0].first, &alpaca[0].stored), (None, &Stored::Winner(Arm::Two)));

        let games = read(json!({"question_id": 81, "model_1": "x", "model_2": "y", "g1_winner": "model_1",
            "g2_winner": "error", "judge": ["gpt-4", "pair-v2"], "turn": 1,
            "g1_user_prompt": "[The Start of Assistant A's Answer]\none\n[The End of Assistant A's Answer]\n[The Start of Assistant B's Answer]\ntwo\n[The End of Assistant B's Answer]",
            "g1_judgment": "[[A]]"}));
        assert_eq!(games.len(), 2);
        assert_eq!(games[0].texts, [Some("one".to_owned()), Some("two".to_owned())]);
        assert_eq!(
            (games[1].first, &games[1].stored),
            (Some(Arm::Two), &Stored::Missing("error".to_owned()))
        );

        let review = read(json!({"question_id": 7, "answer1_id": "x", "answer2_id": "y", "reviewer_id": 2,
            "text": "8 6.5\nThe first is fuller.", "score": [8.0, 6.5]}));
        assert_eq!((review[0].first, &review[0].stored), (Some(Arm::One), &Stored::Winner(Arm::One)));
        assert_eq!(review[0].arm_scores, Some([8.0, 6.5]));
        let failed =
            read(json!({"question_id": 8, "answer1_id": "x", "answer2_id": "y", "content": "I cannot.",
            "tuple": [-1, -1]}));
        assert_eq!(failed[0].stored, Stored::Missing("no scores".to_owned()));

        let columns =
            read(json!({"model_a": "x", "model_b": "y", "winner_model_a": "0", "winner_model_b": "1",
            "winner_tie": "0"}));
        assert_eq!(columns[0].stored, Stored::Winner(Arm::Two));

        let games = read(json!({"question_id": "q", "model": "mine", "judge": "j", "games": [
            {"user_prompt": "<|The Start of Assistant A's Answer|>\none\n<|The End of Assistant A's Answer|>\n<|The Start of Assistant B's Answer|>\ntwo\n<|The End of Assistant B's Answer|>",
             "judgment": "[[A>>B]]", "score": "A>>B"},
            {"judgment": {"answer": "[[A=B]]"}, "score": "A=B"}]}));
        assert_eq!(games[0].texts, [Some("one".to_owned()), Some("two".to_owned())]);
        assert_eq!((games[0].first, &games[0].stored), (Some(Arm::One), &Stored::Winner(Arm::One)));
        assert_eq!((games[1].judge_text.as_deref(), &games[1].stored), (Some("[[A=B]]"), &Stored::Tie));

        let vote = read(json!({"model_a": "x", "model_b": "y", "vote": "B", "worker_id": "w7"}));
        assert_eq!((vote[0].judge.as_deref(), &vote[0].stored), (Some("w7"), &Stored::Winner(Arm::Two)));
        let said = read(json!({"model_a": "x", "model_b": "y", "judgment": "[[A]]"}));
        assert_eq!(
            (&said[0].stored, said[0].labels),
            (&Stored::Missing("no winner".to_owned()), Some(Labels::Position))
        );
        let label =
            read(json!({"prompt": "p", "base_response": "x", "tuned_response": "y", "winner": "[[B]]"}));
        assert_eq!(label[0].stored, Stored::Label(crate::audit::row::Label::B), "of which arm is not known");
        let weighted = read(json!({"generator_1": "x", "generator_2": "y", "preference": 1.75}));
        assert_eq!((weighted[0].preference, &weighted[0].stored), (Some(0.75), &Stored::Winner(Arm::Two)));

        let csv = read(json!({"model_a": "zeta", "model_b": "alpha", "winner": "model_a"}));
        assert_eq!(
            (csv[0].first, &csv[0].stored),
            (Some(Arm::Two), &Stored::Winner(Arm::Two)),
            "sorted by name"
        );
    }

    #[test]
    fn an_unknown_shape_names_what_was_found() {
        let record = json!({"text": "x", "score": 3});
        let error = shape(record.as_object().expect("an object")).expect_err("no pair");
        assert_eq!(error.to_string(), "not a pairwise log: found the fields text, score");
    }
}
