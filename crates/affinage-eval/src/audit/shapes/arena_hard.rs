//! Arena-Hard's judgments: a line holds two games, the baseline's answer under A in the first and under B in the second.

use serde_json::{Map, Value};

use super::fastchat::answers;
use super::{as_text, bare, first_of, label_of_word, text};
use crate::audit::row::{Arm, Labels, PairRow, RowRef, Stored};

pub fn is_line(record: &Map<String, Value>) -> bool {
    let games = record.get("games").and_then(Value::as_array);
    record.contains_key("model")
        && games.is_some_and(|games| games.iter().any(|game| game.get("score").is_some()))
}

/// The rows of one line. The score (`A>>B`) is the stored outcome: it names a label, and labels name positions here.
pub fn games(record: &Map<String, Value>, source: RowRef) -> Vec<PairRow> {
    let arms = [
        first_of(record, &["baseline", "baseline_model"]).unwrap_or_else(|| "baseline".to_owned()),
        text(record, "model").unwrap_or_else(|| "model".to_owned()),
    ];
    let games = record.get("games").and_then(Value::as_array).into_iter().flatten();
    let mut texts = None;
    let mut rows = Vec::new();
    for (game, first) in games.zip(Arm::BOTH) {
        let Some(game) = game.as_object() else { continue };
        let mut row = bare(arms.clone(), source);
        row.prompt = first_of(record, &["question_id", "uid", "prompt"]);
        row.category = first_of(record, &["category", "cluster"]);
        row.judge = text(record, "judge");
        row.stamp = first_of(record, &super::TIMES);
        row.rendered = request(game);
        row.judge_text = match game.get("judgment") {
            Some(Value::Object(parts)) => text(parts, "answer"),
            other => other.and_then(as_text),
        };
        row.first = Some(first);
        row.labels = Some(Labels::Position);
        row.stored = match label_of_word(&text(game, "score").unwrap_or_default()) {
            Stored::Label(label) => Stored::Winner(label.arm(first)),
            other => other,
        };
        if texts.is_none() {
            texts = row.rendered.as_deref().map(|request| answers(request, first));
        }
        row.texts = texts.clone().unwrap_or_default();
        rows.push(row);
    }
    rows
}

/// The user's part of the judge's request: a text, or a list of messages.
fn request(game: &Map<String, Value>) -> Option<String> {
    match ["user_prompt", "prompt"].iter().find_map(|key| game.get(*key))? {
        Value::Array(messages) => {
            let last =
                messages.iter().rfind(|message| message.get("role").is_some_and(|role| role == "user"))?;
            last.get("content").and_then(as_text)
        }
        other => as_text(other),
    }
}
