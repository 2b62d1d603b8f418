//! Rows of preferences: a prompt with a chosen and a rejected answer, or one answer with a verdict.
//!
//! Both answers are kept as variants of one prompt, with the verdict as the user's rating.

use serde_json::Value;

use super::error::ElementError;
use super::json::{array, mismatch};
use super::rows::{Turn, arranged, message_list, turns_of};
use crate::conversation::{Conversation, Feedback, NodeRole, Origin, Provider};

/// `{"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}`.
pub fn open_ai(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let input = row.get("input").unwrap_or(&Value::Null);
    let prompt = message_list(array(input, "messages")?)?;
    let chosen = message_list(array(row, "preferred_output")?)?;
    let rejected = message_list(array(row, "non_preferred_output")?)?;
    compared(row, prompt, chosen, rejected, origin)
}

/// Lists in which the prompt of a preference may stand instead of `prompt`.
pub const LISTS: [&str; 3] = ["messages", "conversations", "conversation"];

/// `{"prompt", "chosen", "rejected"}`: strings or lists of messages. Without `prompt`, and where both answers repeat it,
/// the beginning that both lists share is the prompt.
pub fn chosen_rejected(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let mut chosen = turns_of(row, "chosen", NodeRole::Assistant)?;
    let mut rejected = turns_of(row, "rejected", NodeRole::Assistant)?;
    let shared =
        chosen.iter().zip(&rejected).take_while(|(a, b)| a == b && a.role != NodeRole::Assistant).count();
    // Answers of several turns: the last exchange differs, what stands before it is shared whole.
    let shared = match chosen.iter().zip(&rejected).take_while(|(a, b)| a == b).count() {
        all if all < chosen.len() && all < rejected.len() => all,
        _ => shared,
    };
    let mut prompt: Vec<Turn> = chosen.drain(..shared).collect();
    rejected.drain(..shared);
    if prompt.is_empty() {
        let list = LISTS.iter().find(|key| row.get(**key).is_some_and(Value::is_array));
        prompt = turns_of(row, list.unwrap_or(&"prompt"), NodeRole::User)?;
    }
    compared(row, prompt, chosen, rejected, origin)
}

/// `{"prompt", "completion", "label"}`: true if the completion is wanted.
pub fn labelled(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let label = row.get("label");
    let wanted = match label {
        Some(Value::Bool(wanted)) => *wanted,
        Some(Value::Number(number)) if number.as_i64() == Some(1) => true,
        Some(Value::Number(number)) if number.as_i64() == Some(0) => false,
        other => return Err(mismatch("label", other, "true or false")),
    };
    let rating = if wanted { Feedback::Up } else { Feedback::Down };
    let prompt = turns_of(row, "prompt", NodeRole::User)?;
    let answer = turns_of(row, "completion", NodeRole::Assistant)?;
    Ok(arranged(Provider::Messages, row, prompt, vec![(answer, Some(rating))], origin)?)
}

fn compared(
    row: &Value,
    prompt: Vec<Turn>,
    chosen: Vec<Turn>,
    rejected: Vec<Turn>,
    origin: Origin,
) -> Result<Conversation, ElementError> {
    if prompt.is_empty() {
        return Err(ElementError::Field {
            field: "prompt".to_owned(),
            found: "missing, and the two answers share no beginning".to_owned(),
            expected: "a prompt",
        });
    }
    // The last one is where the conversation stands.
    let answers = vec![(rejected, Some(Feedback::Down)), (chosen, Some(Feedback::Up))];
    Ok(arranged(Provider::Messages, row, prompt, answers, origin)?)
}
