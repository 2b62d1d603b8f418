//! LM Studio: `*.conversation.json`, a line of messages, each with versions (regenerations).
//!
//! Messages have no ids and only the selected version leads on, so an id is the position of message and version.

use serde_json::Value;

use super::error::ElementError;
use super::json::{array, mismatch, number, string};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

pub fn conversation(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let messages = array(element, "messages")?;
    let title = string(element, "name").unwrap_or_default();
    let created_ms = number(element, "createdAt");
    let mut links = Vec::new();
    let mut above: Option<String> = None;
    for (index, message) in messages.iter().enumerate() {
        let versions = array(message, "versions")?;
        let selected = message.get("currentlySelected").and_then(Value::as_u64).unwrap_or(0);
        let selected = usize::try_from(selected).unwrap_or(0).min(versions.len().saturating_sub(1));
        for (number, version) in versions.iter().enumerate() {
            links.push(Link::to(node(format!("{index}.{number}"), version)?, above.clone()));
        }
        if !versions.is_empty() {
            above = Some(format!("{index}.{selected}"));
        }
    }
    // The export has no id; when it was made and its name stay the same while it grows.
    let named = created_ms.map_or_else(|| title.to_owned(), |ms| format!("{ms}"));
    let mut conversation = Conversation::new(Provider::LmStudio, short_hash(&[&named]), origin);
    conversation.title = title.to_owned();
    conversation.time_s = created_ms.map(|ms| ms / 1000.0);
    conversation.arrange(links, above.as_deref())?;
    Ok(conversation)
}

fn node(id: String, version: &Value) -> Result<Node, ElementError> {
    let role = match string(version, "role") {
        Some("user") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        Some("system") => NodeRole::System,
        _ => return Err(mismatch("role", version.get("role"), "`user` or `assistant`")),
    };
    let mut blocks = Vec::new();
    content(version, BlockKind::Text, &mut blocks);
    for step in version.get("steps").and_then(Value::as_array).into_iter().flatten() {
        let style = step.pointer("/style/type").and_then(Value::as_str);
        match string(step, "type") {
            Some("contentBlock") if style == Some("thinking") => {
                content(step, BlockKind::Reasoning, &mut blocks);
            }
            Some("contentBlock") => content(step, BlockKind::Text, &mut blocks),
            _ => {}
        }
    }
    let mut node = Node::new(id, role, blocks);
    if role == NodeRole::Assistant {
        node.model = version.pointer("/senderInfo/senderName").and_then(Value::as_str).map(str::to_owned);
    }
    Ok(node)
}

fn content(holder: &Value, kind: BlockKind, blocks: &mut Vec<Block>) {
    for part in holder.get("content").and_then(Value::as_array).into_iter().flatten() {
        match string(part, "type") {
            Some("text") => blocks.extend(string(part, "text").map(|text| Block::new(kind, text))),
            Some("file") => blocks.push(Block::named(BlockKind::Media, "", "file")),
            Some("toolCallRequest") => {
                blocks.push(Block::new(BlockKind::ToolCall, super::json::strings(part)));
            }
            Some("toolCallResult") => {
                blocks.push(Block::new(BlockKind::ToolResult, super::json::strings(part)));
            }
            _ => {}
        }
    }
}
