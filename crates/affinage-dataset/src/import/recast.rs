//! Records of programs that keep a conversation in a form of their own, as messages: pieces of one text, pairs of
//! strings, events with a source, trees of replies.

use serde_json::{Map, Value, json};

use super::chat::{log, names};
use super::json::string;
use super::{kobold, templated};
use crate::conversation::{BlockKind, NodeRole};

/// The messages of each conversation of a record; `None` if it is none of these.
pub fn conversations(record: &Value) -> Option<Vec<Vec<Value>>> {
    record.as_object()?;
    if let Some(conversations) = templated::of_row(record) {
        return Some(conversations);
    }
    [kobold::messages, pieces, pairs, alternating, replies]
        .into_iter()
        .find_map(|read| read(record))
        .map(|one| vec![one])
}

/// `{"text", "messages": [{"start", "metadata": {"role"}}]}`: each message is the text from its start to that of the next.
fn pieces(record: &Value) -> Option<Vec<Value>> {
    let (text, messages) = (string(record, "text")?, record.get("messages")?.as_array()?);
    let start = |message: &Value| Some(message.get("start")?.as_u64()? as usize);
    let starts: Vec<usize> = messages.iter().map(start).collect::<Option<_>>()?;
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let read = messages.iter().zip(starts.iter().zip(ends)).map(|(message, (start, end))| {
        let about = message.get("metadata").unwrap_or(message);
        let mut said = json!({ "role": string(about, "role")?, "content": text.get(*start..end)?.trim() });
        if let (Some(said), Some(status)) = (said.as_object_mut(), string(about, "status")) {
            said.insert("status".to_owned(), Value::from(status));
        }
        Some(said)
    });
    let read: Vec<Value> = read.collect::<Option<_>>()?;
    Some(read.into_iter().filter(|message| message["content"] != "").collect())
}

/// `{"internal": [[question, answer]], "visible"}`: a question that is only a mark opens with a greeting.
fn pairs(record: &Value) -> Option<Vec<Value>> {
    record.get("visible")?.as_array()?;
    let mut messages = Vec::new();
    for pair in record.get("internal")?.as_array()? {
        let [question, answer] = pair.as_array()?.as_slice() else { return None };
        let question = question.as_str()?;
        let is_mark = question.starts_with("<|") && question.ends_with("|>");
        if !question.trim().is_empty() && !is_mark {
            messages.push(json!({ "role": "user", "content": question }));
        }
        messages.push(json!({ "role": "assistant", "content": answer.as_str()? }));
    }
    (!messages.is_empty()).then_some(messages)
}

/// `{"id", "data": [question, answer, question, ...]}`: strings in turn, and nothing else but an id.
fn alternating(record: &Value) -> Option<Vec<Value>> {
    const LISTS: [&str; 7] =
        ["data", "dialog", "dialogue", "conversation", "conversations", "turns", "messages"];
    let fields = record.as_object()?;
    let name = LISTS.into_iter().find(|name| fields.contains_key(*name))?;
    let is_id = |key: &String| key == name || ["id", "uuid", "_id", "idx", "index"].contains(&key.as_str());
    let said = fields[name].as_array().filter(|said| said.len() > 1 && fields.keys().all(is_id))?;
    let role = |index: usize| if index.is_multiple_of(2) { "user" } else { "assistant" };
    said.iter()
        .enumerate()
        .map(|(at, text)| Some(json!({ "role": role(at), "content": text.as_str()? })))
        .collect()
}

/// `{"prompt": {"role", "text", "replies": [...]}}`: a message with the answers to it inside.
fn replies(record: &Value) -> Option<Vec<Value>> {
    const BELOW: [&str; 2] = ["replies", "children"];
    let below = |message: &Value| BELOW.iter().find_map(|name| message.get(*name)?.as_array().cloned());
    let is_said = |value: &&Value| value.get("role").is_some_and(Value::is_string) && below(value).is_some();
    let root =
        [record.get("prompt"), record.get("root"), Some(record)].into_iter().flatten().find(is_said)?;
    let mut messages: Vec<Value> = Vec::new();
    let mut waiting = vec![(root.clone(), None::<String>)];
    while let Some((mut message, parent)) = waiting.pop() {
        let own = ["message_id", "id", "uuid"]
            .iter()
            .find_map(|key| string(&message, key))
            .map_or_else(|| format!("#{}", messages.len()), str::to_owned);
        waiting.extend(below(&message).into_iter().flatten().rev().map(|reply| (reply, Some(own.clone()))));
        let fields = message.as_object_mut()?;
        BELOW.iter().chain(&["parent_id", "parent"]).for_each(|name| {
            fields.remove(*name);
        });
        fields.extend([("id".to_owned(), Value::from(own)), ("parent_id".to_owned(), Value::from(parent))]);
        messages.push(message);
    }
    Some(messages)
}

/// An event of an agent as a message: `{"source": "agent", "action": "run", "args"}`, `{"type": "say", "say": "reasoning"}`.
pub fn event(record: &Value) -> Option<Value> {
    let fields = record.as_object()?;
    log::as_message(record).or_else(|| of_source(fields)).or_else(|| of_say(record, fields))
}

fn of_source(fields: &Map<String, Value>) -> Option<Value> {
    let (role, _) = names::role(fields.get("source")?.as_str()?)?;
    let (action, observation) = (fields.get("action").and_then(Value::as_str), fields.get("observation"));
    let args = fields.get("args").unwrap_or(&Value::Null);
    let words = |keys: &[&str]| keys.iter().find_map(|key| string(args, key)).filter(|text| !text.is_empty());
    let own = || fields.get("message").and_then(Value::as_str).unwrap_or_default();
    let mut message = match (action, observation) {
        (None, Some(Value::String(kind))) => {
            json!({ "role": "tool", "name": kind, "content": fields.get("content").and_then(Value::as_str).unwrap_or_default() })
        }
        (Some("system"), _) => json!({ "role": "system", "content": words(&["content"]).unwrap_or(own()) }),
        (Some("message"), _) => {
            json!({ "role": if role == NodeRole::User { "user" } else { "assistant" }, "content": words(&["content"]).unwrap_or(own()) })
        }
        (Some("finish"), _) => {
            json!({ "role": "assistant", "content": words(&["final_thought", "message", "content"]).unwrap_or(own()) })
        }
        (Some(action), _) => {
            json!({ "role": "assistant", "reasoning": words(&["thought"]).unwrap_or_default(), "tool_calls": [{ "name": action, "arguments": args.to_string() }] })
        }
        _ => return None,
    };
    let about = message.as_object_mut()?;
    for name in ["id", "timestamp"] {
        about.extend(fields.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    Some(message)
}

/// Whose words they are that a program shows under a word of its own.
fn of_say(record: &Value, fields: &Map<String, Value>) -> Option<Value> {
    let kind = string(record, "type").filter(|kind| matches!(*kind, "say" | "ask"))?;
    let word = string(record, kind)?;
    let text = string(record, "text").unwrap_or_default();
    let mut message = match word {
        "task" | "user_feedback" | "user_feedback_diff" => json!({ "role": "user", "content": text }),
        // A question whether it is done says the result again.
        "completion_result" if kind == "ask" => {
            json!({ "role": "assistant", "tool_calls": [{ "name": word, "arguments": text }] })
        }
        "text" | "completion_result" => {
            json!({ "role": "assistant", "content": text, "may_be_task": word == "text" })
        }
        "followup" => {
            let asked = serde_json::from_str::<Value>(text)
                .ok()
                .and_then(|asked| string(&asked, "question").map(str::to_owned));
            json!({ "role": "assistant", "content": asked.unwrap_or_else(|| text.to_owned()) })
        }
        word if names::role(word).is_some_and(|(_, kind)| kind == BlockKind::Reasoning) => {
            json!({ "role": "assistant", "reasoning": text })
        }
        "error" | "diff_error" => json!({ "role": "assistant", "content": text, "isError": true }),
        word => json!({ "role": "assistant", "tool_calls": [{ "name": word, "arguments": text }] }),
    };
    let about = message.as_object_mut()?;
    for name in ["ts", "partial", "images"] {
        about.extend(fields.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roles and words of the first conversation.
    fn said(record: &Value) -> Option<Vec<(String, String)>> {
        let of = |message: &Value, keys: &[&str]| {
            keys.iter().find_map(|key| string(message, key)).unwrap_or_default().to_owned()
        };
        Some(
            conversations(record)?[0]
                .iter()
                .map(|m| (of(m, &["role"]), of(m, &["content", "text"])))
                .collect(),
        )
    }

    #[test]
    fn records_of_every_form_are_messages() {
        let expected = vec![
            ("user".to_owned(), "Why eels?".to_owned()),
            ("assistant".to_owned(), "They – swim.".to_owned()),
        ];
        for record in [
            json!({ "text": "Why eels?\nThey – swim.\n", "messages": [{ "start": 0, "metadata": { "role": "user" } }, { "start": 10, "metadata": { "role": "assistant" } }] }),
            json!({ "internal": [["Why eels?", "They – swim."]], "visible": [["Why eels?", "They – swim."]] }),
            json!({ "id": "1", "data": ["Why eels?", "They – swim."] }),
            json!({ "prompt": { "role": "user", "text": "Why eels?", "replies": [{ "role": "assistant", "text": "They – swim.", "replies": [] }] } }),
        ] {
            assert_eq!(said(&record).as_ref(), Some(&expected), "{record}");
        }
        for other in [
            json!({ "data": ["a", "b"], "labels": [1, 0] }),
            json!({ "messages": [{ "role": "user", "content": "a" }] }),
            json!({ "prompt": { "role": "user", "text": "a" } }),
        ] {
            assert_eq!(said(&other), None, "{other}");
        }
    }

    #[test]
    fn events_are_messages_of_their_sources() {
        for (record, role, words) in [
            (
                json!({ "source": "user", "action": "message", "args": { "content": "Why eels?" } }),
                "user",
                "Why eels?",
            ),
            (
                json!({ "source": "agent", "action": "finish", "args": { "final_thought": "They swim." } }),
                "assistant",
                "They swim.",
            ),
            (
                json!({ "source": "agent", "action": "run", "args": { "command": "ls" }, "message": "Running" }),
                "assistant",
                "",
            ),
            (json!({ "source": "environment", "observation": "run", "content": "out" }), "tool", "out"),
            (json!({ "type": "say", "say": "user_feedback", "text": "Why eels?" }), "user", "Why eels?"),
            (
                json!({ "type": "say", "say": "completion_result", "text": "They swim." }),
                "assistant",
                "They swim.",
            ),
            (
                json!({ "type": "ask", "ask": "followup", "text": "{\"question\":\"Sea or lake?\"}" }),
                "assistant",
                "Sea or lake?",
            ),
            (json!({ "type": "say", "say": "api_req_started", "text": "x" }), "assistant", ""),
        ] {
            let message = event(&record).expect("an event");
            assert_eq!(
                (string(&message, "role"), string(&message, "content").unwrap_or_default()),
                (Some(role), words),
                "{record}"
            );
        }
        for other in [
            json!({ "source": "claude", "prompt": "a", "completion": "b" }),
            json!({ "type": "say", "words": "a" }),
        ] {
            assert_eq!(event(&other), None, "{other}");
        }
    }
}
