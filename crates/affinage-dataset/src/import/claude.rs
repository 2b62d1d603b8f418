//! Claude exports: `conversations.json`, an array of conversations with a flat list of `chat_messages`.
//!
//! Newer exports link messages by `parent_message_uuid`, older ones are linear. `content[]` is trusted over `text`,
//! which can be empty or hold a placeholder. Pasted text stands in `attachments`. The shapes follow public schemas
//! inferred from real archives (polylogue's `schemas/providers/claude-ai`).

use serde_json::Value;

use super::error::ElementError;
use super::json::{array, mismatch, rfc3339_s, string, strings};
use crate::conversation::{Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};

/// Reads one element of `conversations.json`.
pub fn conversation(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let messages = array(element, "chat_messages")?;
    let native_id =
        string(element, "uuid").ok_or_else(|| mismatch("uuid", element.get("uuid"), "a string"))?.to_owned();
    let mut links: Vec<Link> = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let previous = links.last().map(|link| link.id.clone());
        let parent = string(message, "parent_message_uuid").map(str::to_owned).or(previous);
        links.push(Link::to(node(index, message)?, parent));
    }
    let mut conversation = Conversation::new(Provider::Claude, native_id, origin);
    conversation.title = string(element, "name").unwrap_or_default().to_owned();
    conversation.project = string(element, "project_uuid")
        .or_else(|| element.get("project").and_then(|p| string(p, "name")))
        .map(str::to_owned);
    conversation.time_s = string(element, "created_at").and_then(rfc3339_s);
    conversation.arrange(links, string(element, "current_leaf_message_uuid"))?;
    Ok(conversation)
}

fn node(index: usize, message: &Value) -> Result<Node, ElementError> {
    let role = match string(message, "sender") {
        Some("human") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        _ => return Err(mismatch("sender", message.get("sender"), "`human` or `assistant`")),
    };
    let id = string(message, "uuid").map_or_else(|| format!("#{index}"), str::to_owned);
    let mut node = Node::new(id, role, blocks(message));
    node.time_s = string(message, "created_at").and_then(rfc3339_s);
    node.truncated = string(message, "stop_reason").filter(|r| *r == "max_tokens").map(str::to_owned);
    node.feedback =
        message.get("chat_feedback").and_then(|f| string(f, "type")).and_then(|kind| match kind {
            "upvote" | "thumbs_up" => Some(Feedback::Up),
            "downvote" | "thumbs_down" => Some(Feedback::Down),
            _ => None,
        });
    Ok(node)
}

fn blocks(message: &Value) -> Vec<Block> {
    let list = |key: &str| message.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut blocks: Vec<Block> = list("content").iter().filter_map(block).collect();
    if blocks.is_empty() {
        blocks.extend(string(message, "text").map(|text| Block::new(BlockKind::Text, text)));
    }
    for attachment in list("attachments") {
        let name = string(attachment, "file_name").unwrap_or_default();
        blocks.push(match string(attachment, "extracted_content") {
            Some(text) => Block::named(BlockKind::Attachment, text, name),
            None => Block::named(BlockKind::Media, "", name),
        });
    }
    let media = list("files").iter().map(|file| string(file, "file_name").unwrap_or_default());
    blocks.extend(media.map(|name| Block::named(BlockKind::Media, "", name)));
    blocks
}

fn block(part: &Value) -> Option<Block> {
    let kind = string(part, "type")?;
    Some(match kind {
        "text" => Block::new(BlockKind::Text, string(part, "text")?),
        "thinking" | "redacted_thinking" => {
            Block::new(BlockKind::Reasoning, string(part, "thinking").unwrap_or(""))
        }
        "tool_use" => {
            let input = part.get("input").map(strings).unwrap_or_default();
            Block::named(BlockKind::ToolCall, input, string(part, "name").unwrap_or_default())
        }
        "tool_result" => {
            Block::new(BlockKind::ToolResult, part.get("content").map(strings).unwrap_or_default())
        }
        "image" | "document" => Block::named(BlockKind::Media, "", kind),
        other => Block::named(BlockKind::Unknown, strings(part), other),
    })
}
