//! Claude exports: `conversations.json`, an array of conversations with a flat list of `chat_messages`.
//!
//! Newer exports link messages by `parent_message_uuid`, older ones are linear. `content[]` is trusted over `text`,
//! which can be empty or hold a placeholder. Pasted text stands in `attachments`. The shapes follow public schemas
//! inferred from real archives (polylogue's `schemas/providers/claude-ai`). Extensions write the same list with `role`.
//!
//! Neighbouring text blocks are one text, cut where a citation stands: they are put together as they are.

use serde_json::Value;

use super::error::ElementError;
use super::facts;
use super::json::{Odd, array, mismatch, rfc3339_s, string};
use super::parts::{Join, blocks_of, file};
use crate::conversation::{Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

/// Reads one element of `conversations.json`.
pub fn conversation(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let messages = array(element, "chat_messages")?;
    let made = || {
        let first = messages.first().map(Value::to_string).unwrap_or_default();
        short_hash(&[string(element, "created_at").unwrap_or_default(), &first])
    };
    let native_id =
        ["uuid", "id"].iter().find_map(|key| string(element, key)).map_or_else(made, str::to_owned);
    let mut links: Vec<Link> = Vec::with_capacity(messages.len());
    let mut odd = Odd::default();
    for (index, message) in messages.iter().enumerate() {
        let previous = links.last().map(|link| link.id.clone());
        let parent = string(message, "parent_message_uuid").map(str::to_owned).or(previous);
        let id = string(message, "uuid").map_or_else(|| format!("#{index}"), str::to_owned);
        let node = odd.node(&id, message, node(&id, message));
        links.push(Link { id, parent, node });
    }
    let left_out = odd.finish()?;
    let mut conversation = Conversation::new(Provider::Claude, native_id, origin);
    conversation.left_out = left_out;
    conversation.title = string(element, "name").unwrap_or_default().to_owned();
    conversation.project = string(element, "project_uuid")
        .or_else(|| element.get("project").and_then(|p| string(p, "name")))
        .map(str::to_owned);
    conversation.time_s = string(element, "created_at").and_then(rfc3339_s);
    conversation.updated_s = string(element, "updated_at").and_then(rfc3339_s);
    conversation.arrange(links, string(element, "current_leaf_message_uuid"))?;
    Ok(conversation)
}

fn node(id: &str, message: &Value) -> Result<Node, ElementError> {
    let speaker = ["sender", "role"].into_iter().find(|key| message.get(*key).is_some()).unwrap_or("sender");
    let role = match string(message, speaker) {
        Some("human" | "user") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        _ => return Err(mismatch(speaker, message.get(speaker), "`human` or `assistant`")),
    };
    let mut node = Node::new(id, role, blocks(message, role));
    node.time_s = string(message, "created_at").and_then(rfc3339_s);
    if role == NodeRole::Assistant {
        node.truncated = facts::truncated(message);
        node.model = string(message, "model").map(str::to_owned);
    }
    node.feedback =
        message.get("chat_feedback").and_then(|f| string(f, "type")).and_then(|kind| match kind {
            "upvote" | "thumbs_up" => Some(Feedback::Up),
            "downvote" | "thumbs_down" => Some(Feedback::Down),
            _ => None,
        });
    Ok(node)
}

fn blocks(message: &Value, role: NodeRole) -> Vec<Block> {
    let list = |key: &str| message.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let join = if role == NodeRole::Assistant { Join::AsIs } else { Join::ByBorder };
    let mut blocks = message.get("content").map(|content| blocks_of(content, join)).unwrap_or_default();
    if blocks.is_empty() {
        blocks.extend(string(message, "text").map(|text| Block::new(BlockKind::Text, text)));
    }
    blocks.extend(list("attachments").iter().map(|attachment| file(attachment, "")));
    let media =
        ["files", "files_v2"].into_iter().map(list).find(|files| !files.is_empty()).unwrap_or_default();
    blocks.extend(media.iter().map(|media| file(media, "file")));
    blocks
}
