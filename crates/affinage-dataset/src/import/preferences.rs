//! Rows of preferences: a prompt with a chosen and a rejected answer, or one answer with a verdict.
//!
//! Both answers are kept as variants of one prompt, with the verdict as the user's rating.

use serde_json::Value;

use super::error::ElementError;
use super::json::{array, mismatch};
use super::rows::{Turn, arranged, message_list, turns_of};
use super::verdict::{self, Winner};
use crate::conversation::{Conversation, Feedback, NodeRole, Origin, Provider};

/// `{"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}`.
pub fn open_ai(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let input = row.get("input").unwrap_or(&Value::Null);
    let prompt = message_list(array(input, "messages")?)?;
    let chosen = message_list(array(row, "preferred_output")?)?;
    let rejected = message_list(array(row, "non_preferred_output")?)?;
    compared(row, prompt, chosen, rejected, origin)
}

/// `{"prompt", "chosen", "rejected"}`: strings or lists of messages. Without `prompt`, and where both answers repeat it,
/// the beginning that both lists share is the prompt.
pub fn chosen_rejected(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let [prompt, chosen, rejected] = parted(row, "chosen", "rejected")?;
    compared(row, prompt, chosen, rejected, origin)
}

/// Two answers, or two whole conversations, whose names differ in their ends, and a field that says which is better.
/// Errors: no field says it in words that are understood.
pub fn two_sides(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let sides = verdict::sides(row)
        .ok_or_else(|| mismatch("conversation_a", row.get("conversation_a"), "a list of messages"))?;
    let winner = verdict::winner(row, &sides)?;
    let [prompt, first, second] = parted(row, &sides.first, &sides.second)?;
    let (up, down) = (Some(Feedback::Up), Some(Feedback::Down));
    let answers = match winner {
        Winner::First => vec![(second, down), (first, up)],
        Winner::Second => vec![(first, down), (second, up)],
        Winner::Both => vec![(second, None), (first, None)],
        Winner::Neither => vec![(second, down), (first, down)],
    };
    require(&prompt)?;
    Ok(arranged(Provider::Messages, row, prompt, answers, origin)?)
}

/// Fields that hold the prompt of two answers.
const PROMPTS: [&str; 9] = [
    "prompt",
    "messages",
    "conversations",
    "context",
    "question",
    "instruction",
    "input",
    "query",
    "conversation",
];

/// The prompt and two answers to it. What both answers begin with is the prompt, else the row's own.
fn parted(row: &Value, one: &str, other: &str) -> Result<[Vec<Turn>; 3], ElementError> {
    let mut chosen = turns_of(row, one, NodeRole::Assistant)?;
    let mut rejected = turns_of(row, other, NodeRole::Assistant)?;
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
        let key = PROMPTS.iter().find(|key| row.get(**key).is_some()).unwrap_or(&PROMPTS[0]);
        prompt = turns_of(row, key, NodeRole::User)?;
    }
    Ok([prompt, chosen, rejected])
}

/// An error if there is no prompt.
fn require(prompt: &[Turn]) -> Result<(), ElementError> {
    match prompt.is_empty() {
        false => Ok(()),
        true => Err(ElementError::Field {
            field: "prompt".to_owned(),
            found: "missing, and the two answers share no beginning".to_owned(),
            expected: "a prompt",
        }),
    }
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
    require(&prompt)?;
    // The last one is where the conversation stands.
    let answers = vec![(rejected, Some(Feedback::Down)), (chosen, Some(Feedback::Up))];
    Ok(arranged(Provider::Messages, row, prompt, answers, origin)?)
}
