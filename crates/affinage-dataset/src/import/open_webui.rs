//! Open WebUI: rows of its JSON export, which are also the `chat` column of `webui.db`.
//!
//! A chat is a tree `history.messages` with `currentId`. Reasoning and tool calls stand as `<details>` in the text.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::error::ElementError;
use super::json::{number, string};
use crate::conversation::{Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};

/// Reads one row; the tree stands in `chat`, or is the row itself.
pub fn conversation(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let chat = row.get("chat").filter(|chat| chat.is_object()).unwrap_or(row);
    let messages = chat.pointer("/history/messages").and_then(Value::as_object).ok_or_else(|| {
        super::json::mismatch("history.messages", chat.pointer("/history/messages"), "an object")
    })?;
    let id = string(row, "id")
        .or_else(|| string(chat, "id"))
        .ok_or_else(|| super::json::mismatch("id", row.get("id"), "a string"))?;
    let links = messages
        .iter()
        .map(|(id, message)| Link {
            id: id.clone(),
            parent: string(message, "parentId").map(str::to_owned),
            node: message.is_object().then(|| node(id, message)),
        })
        .collect();
    let mut conversation = Conversation::new(Provider::OpenWebUi, id, origin);
    let title = string(row, "title").or_else(|| string(chat, "title"));
    conversation.title = title.unwrap_or_default().to_owned();
    conversation.project = string(row, "folder_id").map(str::to_owned);
    conversation.time_s = number(row, "created_at");
    let current = chat.get("history").and_then(|history| string(history, "currentId"));
    conversation.arrange(links, current)?;
    Ok(conversation)
}

fn node(id: &str, message: &Value) -> Node {
    let role = match string(message, "role") {
        Some("user") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        Some("tool") => NodeRole::Tool,
        _ => NodeRole::System,
    };
    let mut blocks = details_lifted(string(message, "content").unwrap_or_default());
    for file in message.get("files").and_then(Value::as_array).into_iter().flatten() {
        blocks.push(Block::named(BlockKind::Media, "", string(file, "name").unwrap_or("file")));
    }
    let mut node = Node::new(id, role, blocks);
    node.hidden = role == NodeRole::System;
    node.time_s = number(message, "timestamp");
    if role == NodeRole::Assistant {
        node.model = string(message, "model").map(str::to_owned);
        let unfinished = message.get("done").and_then(Value::as_bool) == Some(false);
        node.truncated = unfinished.then(|| "not done".to_owned());
        let rating = message.pointer("/annotation/rating").and_then(Value::as_f64);
        node.feedback = rating.and_then(|rating| match rating {
            r if r > 0.0 => Some(Feedback::Up),
            r if r < 0.0 => Some(Feedback::Down),
            _ => None,
        });
        node.edited = message.get("originalContent").is_some_and(Value::is_string);
    }
    node
}

static DETAILS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?s)<details\s+type="([a-z_]+)"[^>]*>(.*?)</details>\s*"#).expect("a valid pattern")
});

/// Text without its `<details type=...>` blocks, which become blocks of their own kind.
pub(super) fn details_lifted(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut spoken = String::new();
    let mut at = 0;
    for found in DETAILS.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        spoken.push_str(&text[at..whole.start()]);
        let kind = if &found[1] == "reasoning" { BlockKind::Reasoning } else { BlockKind::ToolCall };
        blocks.push(Block::named(kind, &found[2], &found[1]));
        at = whole.end();
    }
    spoken.push_str(&text[at..]);
    blocks.push(Block::new(BlockKind::Text, spoken));
    blocks
}
