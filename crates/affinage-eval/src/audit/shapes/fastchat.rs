//! FastChat's logs: pairwise judgments hold two games a line, one in each order; reviews hold two scores a line.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{as_text, bare, first_of, text, winner};
use crate::audit::row::{Arm, Labels, PairRow, RowRef, Stored};

/// The rows of one line of pairwise judgments. The answers are those of the first game's request, so that the second
/// one's can be held against them.
pub fn games(record: &Map<String, Value>, source: RowRef) -> Vec<PairRow> {
    let name = |key: &str| text(record, key).unwrap_or_else(|| key.to_owned());
    let judge = record.get("judge").and_then(|judge| match judge {
        Value::Array(parts) => parts.first().and_then(as_text),
        other => as_text(other),
    });
    let turn = record.get("turn").and_then(as_text).map(|turn| format!("turn {turn}"));
    let mut texts = None;
    let mut rows = Vec::new();
    for (game, first) in [("g1", Arm::One), ("g2", Arm::Two)] {
        let Some(stored) = record.get(&format!("{game}_winner")) else { continue };
        let mut row = bare([name("model_1"), name("model_2")], source);
        row.prompt = text(record, "question_id").map(|id| match &turn {
            Some(turn) => format!("question {id} {turn}"),
            None => format!("question {id}"),
        });
        row.category = text(record, "category").or_else(|| turn.clone());
        row.judge = judge.clone();
        row.rendered = text(record, &format!("{game}_user_prompt"));
        row.judge_text = text(record, &format!("{game}_judgment"));
        row.first = Some(first);
        row.labels = Some(Labels::Position);
        row.stamp = text(record, "tstamp");
        row.stored = winner(Some(stored), &["model_1".to_owned(), "model_2".to_owned()]);
        if texts.is_none() {
            texts = row.rendered.as_deref().map(|request| answers(request, first));
        }
        row.texts = texts.clone().unwrap_or_default();
        rows.push(row);
    }
    rows
}

/// Both answers by arm, out of a request that shows `first` under A.
pub fn answers(request: &str, first: Arm) -> [Option<String>; 2] {
    let found = between_markers(request);
    let [in_first, in_second] = [found.get("a").cloned(), found.get("b").cloned()];
    if first == Arm::One { [in_first, in_second] } else { [in_second, in_first] }
}

/// The texts between `[The Start of Assistant A's Answer]` and its end; the last of each label (a judge of the
/// second turn sees both turns in one block).
fn between_markers(request: &str) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    for (label, letter) in [("a", "A"), ("b", "B")] {
        let bounds = [
            (
                format!("[The Start of Assistant {letter}'s Answer]"),
                format!("[The End of Assistant {letter}'s Answer]"),
            ),
            (
                format!("<|The Start of Assistant {letter}'s Answer|>"),
                format!("<|The End of Assistant {letter}'s Answer|>"),
            ),
            (
                format!("<|The Start of Assistant {letter}'s Conversation with User|>"),
                format!("<|The End of Assistant {letter}'s Conversation with User|>"),
            ),
        ];
        for (start, end) in bounds {
            if let Some((_, rest)) = request.split_once(&start)
                && let Some((text, _)) = rest.split_once(&end)
            {
                found.insert(label, text.trim().to_owned());
            }
        }
    }
    found
}

/// The two scores of a review, in the order shown; `None` for another shape.
pub fn review_scores(record: &Map<String, Value>) -> Option<[f64; 2]> {
    let is_review = ["answer1_id", "review_id"].iter().any(|key| record.contains_key(*key));
    let Value::Array(pair) = ["score", "scores", "tuple"].iter().find_map(|key| record.get(*key))? else {
        return None;
    };
    match pair.as_slice() {
        [one, two] if is_review => Some([one.as_f64()?, two.as_f64()?]),
        _ => None,
    }
}

/// One review: assistant 1 is shown first, and the higher score wins. A reply without scores was stored as -1, -1.
pub fn review(record: &Map<String, Value>, source: RowRef) -> PairRow {
    let scores = review_scores(record).expect("the shape was recognised");
    let name = |number: usize| {
        first_of(
            record,
            &[&format!("model_{number}"), &format!("answer{number}_model"), &format!("model{number}")],
        )
        .unwrap_or_else(|| format!("assistant {number}"))
    };
    let mut row = bare([name(1), name(2)], source);
    row.prompt = text(record, "question_id").map(|id| format!("question {id}"));
    row.category = first_of(record, &["category", "type"]);
    row.judge = text(record, "reviewer_id").map(|id| format!("reviewer {id}"));
    row.judge_text = first_of(record, &["text", "content", "review"]);
    row.answer_ids = [text(record, "answer1_id"), text(record, "answer2_id")];
    row.first = Some(Arm::One);
    row.labels = Some(Labels::Position);
    row.stored = match scores {
        [one, two] if one < 0.0 || two < 0.0 => Stored::Missing("no scores".to_owned()),
        [one, two] if one > two => Stored::Winner(Arm::One),
        [one, two] if two > one => Stored::Winner(Arm::Two),
        _ => Stored::Tie,
    };
    row.arm_scores = Some(scores).filter(|scores| scores.iter().all(|score| *score >= 0.0));
    row
}
