//! LibreChat: `messages` with parent ids, or `messagesTree` with nested `children`.

use serde_json::Value;

use super::error::ElementError;
use super::json::{mismatch, rfc3339_s, string};
use crate::conversation::{Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};

pub fn conversation(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let id = string(element, "conversationId")
        .ok_or_else(|| mismatch("conversationId", element.get("conversationId"), "a string"))?;
    let listed = ["messagesTree", "messages"].iter().find_map(|key| element.get(*key)?.as_array());
    let listed = listed.ok_or_else(|| mismatch("messages", element.get("messages"), "an array"))?;
    let mut links: Vec<Link> = Vec::new();
    // An own stack: children nest as deep as the conversation is long.
    let mut waiting: Vec<(&Value, Option<String>)> = listed.iter().rev().map(|m| (m, None)).collect();
    while let Some((message, above)) = waiting.pop() {
        let own = string(message, "messageId")
            .ok_or_else(|| mismatch("messageId", message.get("messageId"), "a string"))?;
        let parent = string(message, "parentMessageId").map(str::to_owned).or(above);
        links.push(Link::to(node(own, message), parent));
        let children = message.get("children").and_then(Value::as_array).into_iter().flatten();
        waiting.extend(children.rev().map(|child| (child, Some(own.to_owned()))));
    }
    let mut conversation = Conversation::new(Provider::LibreChat, id, origin);
    conversation.title = string(element, "title").unwrap_or_default().to_owned();
    conversation.arrange(links, None)?;
    conversation.time_s = conversation.nodes.first().and_then(|node| node.time_s);
    Ok(conversation)
}

fn node(id: &str, message: &Value) -> Node {
    let flag = |key: &str| message.get(key).and_then(Value::as_bool).unwrap_or(false);
    let by_user = message.get("isCreatedByUser").and_then(Value::as_bool);
    let by_user = by_user.unwrap_or_else(|| string(message, "sender") == Some("User"));
    let role = if by_user { NodeRole::User } else { NodeRole::Assistant };
    let parts = message.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut blocks: Vec<Block> = parts.iter().filter_map(part_block).collect();
    if blocks.is_empty() {
        blocks.extend(string(message, "text").map(|text| Block::new(BlockKind::Text, text)));
    }
    let mut node = Node::new(id, role, blocks);
    node.time_s = string(message, "createdAt").and_then(rfc3339_s);
    node.edited = flag("isEdited");
    if !by_user {
        node.model = string(message, "model").map(str::to_owned);
        let incomplete = string(message, "finish_reason").filter(|r| matches!(*r, "incomplete" | "length"));
        node.truncated = incomplete.or(flag("unfinished").then_some("unfinished")).map(str::to_owned);
        node.feedback = match message.pointer("/feedback/rating").and_then(Value::as_str) {
            Some("thumbsUp") => Some(Feedback::Up),
            Some("thumbsDown") => Some(Feedback::Down),
            _ => None,
        };
    }
    node
}

fn part_block(part: &Value) -> Option<Block> {
    let text = |key: &str| match part.get(key)? {
        Value::String(text) => Some(text.clone()),
        // Some versions wrap it: `{"text": {"value": "..."}}`.
        wrapped => string(wrapped, "value").map(str::to_owned),
    };
    Some(match string(part, "type")? {
        "text" => Block::new(BlockKind::Text, text("text")?),
        "think" => Block::new(BlockKind::Reasoning, text("think").unwrap_or_default()),
        "tool_call" => Block::new(BlockKind::ToolCall, super::json::strings(part)),
        "error" => Block::new(BlockKind::Error, super::json::strings(part)),
        other => Block::named(BlockKind::Unknown, super::json::strings(part), other),
    })
}
