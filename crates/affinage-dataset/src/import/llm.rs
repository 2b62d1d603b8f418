//! Logs of the `llm` command: one row per conversation, as the reader of `logs.db` writes it.
//!
//! `{"llm_messages": [{"id", "parent", "role", "parts": [{"type", "text"}], "model", "time"}], "id", "name", "tip"}`. The
//! older generation of tables has one row per answer and becomes the same shape.

use serde_json::Value;

use super::error::ElementError;
use super::json::{array, mismatch, rfc3339_s, string};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};

pub fn conversation(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let id = string(element, "id").ok_or_else(|| mismatch("id", element.get("id"), "a string"))?;
    let mut links = Vec::new();
    for message in array(element, "llm_messages")? {
        links.push(Link::to(node(message)?, string(message, "parent").map(str::to_owned)));
    }
    let mut conversation = Conversation::new(Provider::Llm, id, origin);
    conversation.title = string(element, "name").unwrap_or_default().to_owned();
    conversation.arrange(links, string(element, "tip"))?;
    conversation.time_s = conversation.nodes.iter().find_map(|node| node.time_s);
    Ok(conversation)
}

fn node(message: &Value) -> Result<Node, ElementError> {
    let id = string(message, "id").ok_or_else(|| mismatch("id", message.get("id"), "a string"))?;
    let role = match string(message, "role") {
        Some("user") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        Some("system") => NodeRole::System,
        Some("tool") => NodeRole::Tool,
        _ => return Err(mismatch("role", message.get("role"), "`user` or `assistant`")),
    };
    let blocks = array(message, "parts")?.iter().map(|part| {
        let text = string(part, "text").unwrap_or_default();
        match string(part, "type") {
            Some("text") => Block::new(BlockKind::Text, text),
            Some("reasoning") => Block::new(BlockKind::Reasoning, text),
            Some("tool_call") => Block::new(BlockKind::ToolCall, text),
            Some("tool_result") => Block::new(BlockKind::ToolResult, text),
            Some("attachment") => Block::named(BlockKind::Media, "", "attachment"),
            other => Block::named(BlockKind::Unknown, text, other.unwrap_or_default()),
        }
    });
    let mut node = Node::new(id, role, blocks.collect());
    // The system prompt of a call is an instruction to the model, not a part of what was said.
    node.hidden = role == NodeRole::System;
    node.model = string(message, "model").map(str::to_owned);
    node.time_s = string(message, "time").and_then(rfc3339_s);
    Ok(node)
}
