//! Dataset rows: `messages`, prompt/completion pairs, ShareGPT and Alpaca.
//!
//! A row is named by its id, if it has one, and the hash of its content, so the same row is imported once.

use serde_json::Value;

use super::error::ElementError;
use super::json::{array, mismatch, string};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

/// A turn before it becomes a node.
struct Turn {
    role: NodeRole,
    text: String,
    kind: BlockKind,
}

/// `{"messages": [{"role", "content"}]}`; content is a string or a list of parts with `text`.
pub fn messages(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let turns = message_list(array(row, "messages")?)?;
    Ok(linear(Provider::Messages, row, turns, origin)?)
}

/// `{"prompt", "completion"}`, each a string or a list of messages.
pub fn pair(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let mut turns = Vec::new();
    for (key, role) in [("prompt", NodeRole::User), ("completion", NodeRole::Assistant)] {
        match row.get(key) {
            Some(Value::String(text)) => turns.push(Turn::text(role, text)),
            Some(Value::Array(list)) => turns.extend(message_list(list)?),
            other => return Err(mismatch(key, other, "a string or a list of messages")),
        }
    }
    Ok(linear(Provider::Messages, row, turns, origin)?)
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

fn message_list(messages: &[Value]) -> Result<Vec<Turn>, ElementError> {
    messages.iter().enumerate().map(|(index, message)| message_turn(index, message)).collect()
}

fn message_turn(index: usize, message: &Value) -> Result<Turn, ElementError> {
    let (role, kind) = match string(message, "role") {
        Some("user") => (NodeRole::User, BlockKind::Text),
        Some("assistant") => (NodeRole::Assistant, BlockKind::Text),
        Some("system" | "developer") => (NodeRole::System, BlockKind::Text),
        Some("tool" | "function") => (NodeRole::Tool, BlockKind::ToolResult),
        other => return Err(unknown_role(format!("messages[{index}].role"), other)),
    };
    let text = match message.get("content") {
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
) -> Result<Conversation, crate::conversation::TreeError> {
    let own_id = ["id", "example_id", "conversation_id"].iter().find_map(|key| match row.get(*key) {
        Some(Value::String(id)) if !id.is_empty() => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    });
    // Ids like 0, 1, 2 repeat from file to file; the content keeps them apart.
    let content = short_hash(&[&row.to_string()]);
    let native_id = own_id.map_or(content.clone(), |id| format!("{id}-{content}"));
    let links = turns
        .into_iter()
        .enumerate()
        .map(|(index, turn)| {
            let node = Node::new(index.to_string(), turn.role, vec![Block::new(turn.kind, turn.text)]);
            Link::to(node, index.checked_sub(1).map(|previous| previous.to_string()))
        })
        .collect();
    let mut conversation = Conversation::new(provider, native_id, origin);
    conversation.title = string(row, "title").unwrap_or_default().to_owned();
    conversation.arrange(links, None)?;
    Ok(conversation)
}
