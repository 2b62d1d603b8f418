//! Rows of a frozen version as other trainers read them.
//!
//! Sources of the shapes: OpenAI and TRL (`messages`; conversational `prompt`, `chosen`, `rejected`), FastChat
//! (`conversations`, called ShareGPT), LLaMA-Factory (Alpaca with `system` and `history`).

use serde_json::{Value, json};
use thiserror::Error;

use crate::example::{AlternativeRow, DatasetRow};
use crate::message::{Message, Role};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Messages,
    ShareGpt,
    Alpaca,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExportError {
    /// Alpaca holds a system text, exchanges, a question and an answer, in this order and nothing else.
    #[error(
        "{example_id}: message {index} is of the {role}, where Alpaca has a place for the {expected} only"
    )]
    Order { example_id: String, index: usize, role: &'static str, expected: &'static str },
}

/// One line of an exported file. Every format keeps `id`, so that a line leads back to its example.
pub fn row(row: &DatasetRow, format: Format) -> Result<Value, ExportError> {
    let id = &row.example_id;
    Ok(match format {
        Format::Messages => json!({ "id": id, "messages": row.messages }),
        Format::ShareGpt => {
            let from = |role| match role {
                Role::System => "system",
                Role::User => "human",
                Role::Assistant => "gpt",
            };
            let turns: Vec<Value> =
                row.messages.iter().map(|m| json!({ "from": from(m.role), "value": m.content })).collect();
            json!({ "id": id, "conversations": turns })
        }
        Format::Alpaca => alpaca(row)?,
    })
}

fn alpaca(row: &DatasetRow) -> Result<Value, ExportError> {
    let system = row.messages.first().filter(|m| m.role == Role::System);
    let turns = &row.messages[usize::from(system.is_some())..];
    for (index, turn) in turns.iter().enumerate() {
        let expected = if index % 2 == 0 { Role::User } else { Role::Assistant };
        if turn.role != expected {
            return Err(ExportError::Order {
                example_id: row.example_id.clone(),
                index: index + usize::from(system.is_some()),
                role: turn.role.as_str(),
                expected: expected.as_str(),
            });
        }
    }
    let text = |message: Option<&Message>| message.map_or("", |m| m.content.as_str()).to_owned();
    let (history, last) = turns.split_at(turns.len().saturating_sub(2));
    let history: Vec<[&str; 2]> =
        history.chunks(2).map(|pair| [&*pair[0].content, &*pair[1].content]).collect();
    Ok(json!({
        "id": row.example_id,
        "instruction": text(last.first()),
        "input": "",
        "output": text(last.get(1)),
        "system": text(system),
        "history": history,
    }))
}

/// A preference pair: the messages before the answer, the answer, and one that lost to it.
pub fn preference(row: &DatasetRow, lost: &AlternativeRow) -> Value {
    let (chosen, prompt) = row.messages.split_last().expect("an example ends with its answer");
    json!({
        "id": row.example_id,
        "prompt": prompt,
        "chosen": [chosen],
        "rejected": [Message::new(Role::Assistant, lost.text.clone())],
        "evidence": lost.evidence,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(roles: &[Role]) -> DatasetRow {
        let text = |(i, role): (usize, &Role)| Message::new(*role, format!("text {i}"));
        DatasetRow {
            v: 1,
            example_id: "e1".into(),
            messages: roles.iter().enumerate().map(text).collect(),
            conversation: "c".into(),
            document: None,
            prompt_cluster: "p".into(),
            writer: "person:me".into(),
            written: Default::default(),
            tags: Vec::new(),
            domain: None,
        }
    }

    #[test]
    fn alpaca_holds_system_text_and_history() {
        use Role::{Assistant, System, User};
        let written = row(&example(&[System, User, Assistant, User, Assistant]), Format::Alpaca);
        let expected = json!({
            "id": "e1", "instruction": "text 3", "input": "", "output": "text 4", "system": "text 0",
            "history": [["text 1", "text 2"]],
        });
        assert_eq!(written, Ok(expected));
    }

    #[test]
    fn what_alpaca_cannot_hold_is_refused_by_place() {
        let error =
            row(&example(&[Role::User, Role::User, Role::Assistant]), Format::Alpaca).expect_err("no place");
        assert_eq!(
            error.to_string(),
            "e1: message 1 is of the user, where Alpaca has a place for the assistant only"
        );
    }
}
