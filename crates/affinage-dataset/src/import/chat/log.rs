//! Rows of agents' logs that are no messages by their form: what a person typed while the agent worked, what he chose
//! when it asked, an error of the product. All others are counted by their names.

use serde_json::{Map, Value, json};

use super::super::json::string;
use super::layers::is_nothing;

/// Fields of a row that say where it stands; the rest of it is its content.
const PLACES: [&str; 14] = [
    "uuid",
    "id",
    "parentUuid",
    "parent_uuid",
    "parentId",
    "parent_id",
    "timestamp",
    "sessionId",
    "session_id",
    "isSidechain",
    "isMeta",
    "cwd",
    "version",
    "userType",
];

/// The row as a message of the user's, if it holds what he typed or chose outside of one.
pub fn as_message(row: &Value) -> Option<Value> {
    let fields = row.as_object()?;
    let content = typed_ahead(fields).or_else(|| chosen(fields))?;
    let mut message: Map<String, Value> =
        PLACES.iter().filter_map(|name| Some(((*name).to_owned(), fields.get(*name)?.clone()))).collect();
    message.extend([
        ("type".to_owned(), Value::from("user")),
        ("message".to_owned(), json!({ "role": "user", "content": content })),
    ]);
    Some(Value::Object(message))
}

/// `{"type": "attachment", "attachment": {"type": "queued_command", "prompt": "..."}}`: a prompt typed while the agent
/// worked. What a program put into the same queue has another mode.
fn typed_ahead(fields: &Map<String, Value>) -> Option<Value> {
    let kind = fields.get("type")?.as_str()?;
    let inner = fields.get(kind)?.as_object()?;
    let mode = inner.get("commandMode").or_else(|| inner.get("mode")).and_then(Value::as_str);
    inner
        .get("prompt")
        .filter(|prompt| mode.is_none_or(|mode| mode == "prompt") && !is_nothing(prompt))
        .filter(|prompt| prompt.is_string() || prompt.is_array())
        .cloned()
}

/// `{"type": "user", "toolUseResult": {"answers": {"Oak or elm?": "Elm"}}}`: the result of a question to the user.
fn chosen(fields: &Map<String, Value>) -> Option<Value> {
    let answers = fields.get("toolUseResult")?.get("answers")?.as_object()?;
    let said = |answer: &Value| match answer {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Array(texts) => Some(texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        _ => None,
    };
    let said: Vec<String> = answers.values().filter_map(said).filter(|text| !text.is_empty()).collect();
    (!said.is_empty()).then(|| Value::from(said.join("\n\n")))
}

/// True for a row that is an error of the product: `{"id", "timestamp", "type": "error", "content": "..."}`.
pub fn is_error(row: &Value) -> bool {
    let is_word = |kind: &str| matches!(kind, "error" | "api_error" | "apiError");
    string(row, "type").is_some_and(is_word)
        && ["role", "sender", "author", "from"].iter().all(|name| row.get(*name).is_none())
        && ["id", "uuid"].iter().any(|name| row.get(*name).is_some())
        && ["content", "message", "text", "error"].iter().any(|name| row.get(*name).is_some())
}

/// What an event is called: `attachment todo_reminder`, `phone_call (missed)`.
pub fn kind_of_event(row: &Value, word: &str) -> String {
    let detail = row.get(word).and_then(|at| string(at, "type"));
    // Telegram's services say what they are in a field of their own.
    let action = string(row, "action").filter(|_| word == "service");
    match (detail, action, string(row, "discard_reason")) {
        (Some(detail), ..) => format!("{word} {detail}"),
        (None, Some(action), Some(reason)) => format!("{action} ({reason})"),
        (None, Some(action), None) => action.to_owned(),
        (None, None, _) => word.to_owned(),
    }
}

/// What a row that is not read is called: its type with that of the object inside it, or the first of its fields.
pub fn name(row: &Value) -> Option<String> {
    let inner = row.get("payload");
    let layers = [inner, Some(row)].into_iter().flatten();
    let kinds = layers.flat_map(|at| ["type", "kind", "record_type", "subtype"].map(|key| at.get(key)));
    let Some(kind) = kinds.flatten().find_map(Value::as_str) else {
        return row.as_object()?.keys().next().cloned();
    };
    Some(kind_of_event(row, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_person_typed_or_chose_is_a_message() {
        let words = |row: &Value| as_message(row)?["message"]["content"].as_str().map(str::to_owned);
        for (row, expected) in [
            (
                json!({ "type": "attachment", "attachment": { "type": "queued_command", "prompt": "And the oars?" } }),
                Some("And the oars?"),
            ),
            (
                json!({ "type": "attachment", "attachment": { "type": "queued_command", "prompt": "<x/>", "commandMode": "task-notification" } }),
                None,
            ),
            (json!({ "type": "attachment", "attachment": { "type": "todo_reminder", "content": [] } }), None),
            (
                json!({ "type": "user", "toolUseResult": { "answers": { "Ash or fir?": "Ash", "How long?": "Nine feet" } } }),
                Some("Ash\n\nNine feet"),
            ),
            (json!({ "type": "user", "toolUseResult": "ok" }), None),
        ] {
            assert_eq!(words(&row).as_deref(), expected, "{row}");
        }
    }

    #[test]
    fn every_row_has_a_name() {
        for (row, expected) in [
            (json!({ "type": "event_msg", "payload": { "type": "token_count" } }), "token_count"),
            (
                json!({ "type": "attachment", "attachment": { "type": "todo_reminder" } }),
                "attachment todo_reminder",
            ),
            (json!({ "type": "compacted", "payload": { "message": "m" } }), "compacted"),
            (json!({ "$set": { "lastUpdated": "2026" } }), "$set"),
        ] {
            assert_eq!(name(&row).as_deref(), Some(expected), "{row}");
        }
    }
}
