//! Logs of the `llm` command: one row per conversation, as the reader of `logs.db` writes it.
//!
//! `{"llm_messages": [{"id", "parent", "role", "parts": [{"type", "text"}], "model", "time"}], "id", "name", "tip"}`. The
//! older generation of tables has one row per answer and becomes the same shape.

use serde_json::Value;

use super::error::ElementError;
use super::facts;
use super::json::{Odd, array, mismatch, rfc3339_s, string};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};

pub fn conversation(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let id = string(element, "id").ok_or_else(|| mismatch("id", element.get("id"), "a string"))?;
    let mut links = Vec::new();
    let mut odd = Odd::default();
    for (index, message) in array(element, "llm_messages")?.iter().enumerate() {
        let id = string(message, "id").map_or_else(|| format!("#{index}"), str::to_owned);
        let node = odd.node(&id, message, node(&id, message));
        links.push(Link { id, parent: string(message, "parent").map(str::to_owned), node });
    }
    let left_out = odd.finish()?;
    let mut conversation = Conversation::new(Provider::Llm, id, origin);
    conversation.left_out = left_out;
    conversation.title = string(element, "name").unwrap_or_default().to_owned();
    conversation.arrange(links, string(element, "tip"))?;
    conversation.time_s = conversation.nodes.iter().find_map(|node| node.time_s);
    Ok(conversation)
}

fn node(id: &str, message: &Value) -> Result<Node, ElementError> {
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
            Some("tool_call") => {
                Block::named(BlockKind::ToolCall, text, string(part, "name").unwrap_or_default())
            }
            Some("tool_result") => Block::new(BlockKind::ToolResult, text),
            Some("attachment") => Block::named(BlockKind::Media, "", "attachment"),
            other => Block::named(BlockKind::Unknown, text, other.unwrap_or_default()),
        }
    });
    let mut node = Node::new(id, role, blocks.collect());
    // The system prompt of a call is an instruction to the model, not a part of what was said.
    node.hidden = role == NodeRole::System;
    node.model = string(message, "model").map(str::to_owned);
    node.truncated = facts::truncated(message);
    node.time_s = string(message, "time").and_then(rfc3339_s);
    Ok(node)
}
