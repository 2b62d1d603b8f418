//! Dataset rows: `messages`, prompt/completion pairs, ShareGPT and Alpaca.
//!
//! A row is named by its id, if it has one, and the hash of its content, so the same row is imported once. Lists that
//! stand as a JSON text in a string, as columns of tables often do, are read like lists.

use std::borrow::Cow;

use serde_json::Value;

use super::error::ElementError;
use super::json::{array, mismatch, string};
use crate::conversation::{
    Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider, TreeError,
};
use crate::hash::short_hash;

/// A turn before it becomes a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub role: NodeRole,
    text: String,
    kind: BlockKind,
}

/// `{"messages": [{"role", "content"}]}`, also as `conversation` or `conversations`; content is a string or a list of parts with `text`.
pub fn messages(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let key = ["messages", "conversation", "conversations"].into_iter().find(|key| row.get(*key).is_some());
    let turns = message_list(array(row, key.unwrap_or("messages"))?)?;
    Ok(linear(Provider::Messages, row, turns, origin)?)
}

/// `{"prompt", "completion"}`, each a string or a list of messages.
pub fn pair(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let mut turns = turns_of(row, "prompt", NodeRole::User)?;
    turns.extend(turns_of(row, "completion", NodeRole::Assistant)?);
    Ok(linear(Provider::Messages, row, turns, origin)?)
}

/// The turns of a field that is one text of `role` or a list of messages.
pub(super) fn turns_of(row: &Value, key: &str, role: NodeRole) -> Result<Vec<Turn>, ElementError> {
    match row.get(key) {
        Some(Value::String(text)) => Ok(vec![Turn::text(role, text)]),
        Some(Value::Array(list)) => message_list(list),
        other => Err(mismatch(key, other, "a string or a list of messages")),
    }
}

/// The row with lists of messages that stand as JSON text in a string made lists.
pub fn unfolded(row: &Value) -> Cow<'_, Value> {
    const LISTS: [&str; 6] = ["messages", "conversations", "conversation", "prompt", "chosen", "rejected"];
    let list = |key: &str| {
        let text = row.get(key)?.as_str().filter(|text| text.trim_start().starts_with('['))?;
        let list: Vec<Value> = serde_json::from_str(text).ok()?;
        let is_message = |m: &Value| m.get("role").or_else(|| m.get("from")).is_some_and(Value::is_string);
        (!list.is_empty() && list.iter().all(is_message)).then(|| (key.to_owned(), Value::Array(list)))
    };
    let lists: Vec<(String, Value)> = LISTS.iter().filter_map(|key| list(key)).collect();
    match row.as_object().filter(|_| !lists.is_empty()) {
        Some(fields) => {
            let mut fields = fields.clone();
            fields.extend(lists);
            Cow::Owned(Value::Object(fields))
        }
        None => Cow::Borrowed(row),
    }
}

/// `{"conversations": [{"from", "value"}], "system"}`.
pub fn share_gpt(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let mut turns: Vec<Turn> =
        string(row, "system").map(|t| Turn::text(NodeRole::System, t)).into_iter().collect();
    for (index, turn) in array(row, "conversations")?.iter().enumerate() {
        let (role, kind) = match string(turn, "from") {
            Some("human" | "user") => (NodeRole::User, BlockKind::Text),
            Some("gpt" | "assistant" | "bot" | "chatgpt" | "bing" | "bard" | "model") => {
                (NodeRole::Assistant, BlockKind::Text)
            }
            Some("system") => (NodeRole::System, BlockKind::Text),
            Some("function_call") => (NodeRole::Assistant, BlockKind::ToolCall),
            Some("observation" | "tool" | "function") => (NodeRole::Tool, BlockKind::ToolResult),
            other => return Err(unknown_role(format!("conversations[{index}].from"), other)),
        };
        let text = turn.get("value").and_then(Value::as_str);
        let text = text.ok_or_else(|| {
            mismatch(&format!("conversations[{index}].value"), turn.get("value"), "a string")
        })?;
        turns.push(Turn { role, text: text.to_owned(), kind });
    }
    Ok(linear(Provider::ShareGpt, row, turns, origin)?)
}

/// `{"instruction", "input", "output", "system", "history": [[question, answer]]}`.
pub fn alpaca(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let required = |key: &str| {
        row.get(key).and_then(Value::as_str).ok_or_else(|| mismatch(key, row.get(key), "a string"))
    };
    let mut turns: Vec<Turn> =
        string(row, "system").map(|t| Turn::text(NodeRole::System, t)).into_iter().collect();
    for (index, exchange) in row.get("history").and_then(Value::as_array).into_iter().flatten().enumerate() {
        match exchange.as_array().map(Vec::as_slice) {
            Some([Value::String(question), Value::String(answer)]) => {
                turns.push(Turn::text(NodeRole::User, question));
                turns.push(Turn::text(NodeRole::Assistant, answer));
            }
            _ => return Err(mismatch(&format!("history[{index}]"), Some(exchange), "a pair of strings")),
        }
    }
    let instruction = required("instruction")?;
    let prompt = match string(row, "input") {
        Some(input) => format!("{instruction}\n\n{input}"),
        None => instruction.to_owned(),
    };
    turns.push(Turn::text(NodeRole::User, &prompt));
    turns.push(Turn::text(NodeRole::Assistant, required("output")?));
    Ok(linear(Provider::Alpaca, row, turns, origin)?)
}

impl Turn {
    fn text(role: NodeRole, text: &str) -> Turn {
        Turn { role, text: text.to_owned(), kind: BlockKind::Text }
    }
}

pub(super) fn message_list(messages: &[Value]) -> Result<Vec<Turn>, ElementError> {
    messages.iter().enumerate().map(|(index, message)| message_turn(index, message)).collect()
}

fn message_turn(index: usize, message: &Value) -> Result<Turn, ElementError> {
    // `prompt` and `chosen` of some data sets are lists of `from` and `value`.
    let (role_key, content_key) =
        if message.get("role").is_some() { ("role", "content") } else { ("from", "value") };
    let (role, kind) = match string(message, role_key) {
        Some("user" | "human") => (NodeRole::User, BlockKind::Text),
        Some("assistant" | "gpt" | "model") => (NodeRole::Assistant, BlockKind::Text),
        Some("system" | "developer") => (NodeRole::System, BlockKind::Text),
        Some("tool" | "function") => (NodeRole::Tool, BlockKind::ToolResult),
        other => return Err(unknown_role(format!("messages[{index}].role"), other)),
    };
    let text = match message.get(content_key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| string(part, "text")).collect();
            texts.join("\n\n")
        }
        // An assistant message that only calls a tool has no content.
        None | Some(Value::Null) if role == NodeRole::Assistant => String::new(),
        other => {
            return Err(mismatch(
                &format!("messages[{index}].content"),
                other,
                "a string or a list of parts",
            ));
        }
    };
    Ok(Turn { role, text, kind })
}

fn unknown_role(field: String, found: Option<&str>) -> ElementError {
    let found = found.map_or_else(|| "missing".to_owned(), |role| format!("`{role}`"));
    ElementError::Field { field, found, expected: "a role such as `user` or `assistant`" }
}

fn linear(
    provider: Provider,
    row: &Value,
    turns: Vec<Turn>,
    origin: Origin,
) -> Result<Conversation, TreeError> {
    arranged(provider, row, turns, Vec::new(), origin)
}

/// A line of turns, and below it answers with the verdict on each; the last is where the conversation stands.
pub(super) fn arranged(
    provider: Provider,
    row: &Value,
    line: Vec<Turn>,
    answers: Vec<(Vec<Turn>, Option<Feedback>)>,
    origin: Origin,
) -> Result<Conversation, TreeError> {
    let own_id =
        ["id", "example_id", "conversation_id", "prompt_id"].iter().find_map(|key| match row.get(*key) {
            Some(Value::String(id)) if !id.is_empty() => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => None,
        });
    // Ids like 0, 1, 2 repeat from file to file; the content keeps them apart.
    let content = short_hash(&[&row.to_string()]);
    let native_id = own_id.map_or(content.clone(), |id| format!("{id}-{content}"));
    let mut links: Vec<Link> = Vec::new();
    let mut add = |turn: Turn, parent: Option<String>, feedback| {
        let mut node = Node::new(links.len().to_string(), turn.role, vec![Block::new(turn.kind, turn.text)]);
        node.feedback = feedback;
        let id = node.id.clone();
        links.push(Link::to(node, parent));
        Some(id)
    };
    let mut end = None;
    for turn in line {
        end = add(turn, end.take(), None);
    }
    let mut active = end.clone();
    for (answer, feedback) in answers {
        active = end.clone();
        for turn in answer {
            let verdict = feedback.filter(|_| turn.role == NodeRole::Assistant);
            active = add(turn, active.take(), verdict);
        }
    }
    let mut conversation = Conversation::new(provider, native_id, origin);
    conversation.title = string(row, "title").unwrap_or_default().to_owned();
    conversation.arrange(links, active.as_deref())?;
    Ok(conversation)
}
