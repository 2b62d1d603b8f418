//! LibreChat: `messages` with parent ids, or `messagesTree` with nested `children`. Parts of one content belong to one text.

use serde_json::Value;

use super::error::ElementError;
use super::facts;
use super::instructions;
use super::json::{mismatch, rfc3339_s, string, strings};
use super::parts::{Join, blocks_of, file, quotation};
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
        // A message without an id is known by its place.
        let own = string(message, "messageId").map_or_else(|| format!("#{}", links.len()), str::to_owned);
        let parent = string(message, "parentMessageId").map(str::to_owned).or(above);
        links.push(Link::to(node(&own, message), parent));
        let children = message.get("children").and_then(Value::as_array).into_iter().flatten();
        waiting.extend(children.rev().map(|child| (child, Some(own.clone()))));
    }
    instructions::lead(&mut links, instructions::beside_list(element));
    let mut conversation = Conversation::new(Provider::LibreChat, id, origin);
    conversation.title = string(element, "title").unwrap_or_default().to_owned();
    conversation.arrange(links, None)?;
    conversation.time_s = conversation.nodes.iter().find_map(|node| node.time_s);
    Ok(conversation)
}

fn node(id: &str, message: &Value) -> Node {
    let flag = |key: &str| message.get(key).and_then(Value::as_bool).unwrap_or(false);
    let by_user = message.get("isCreatedByUser").and_then(Value::as_bool);
    let by_user = by_user.unwrap_or_else(|| string(message, "sender") == Some("User"));
    let role = if by_user { NodeRole::User } else { NodeRole::Assistant };
    let mut node = Node::new(id, role, blocks(message, by_user));
    node.time_s = string(message, "createdAt").and_then(rfc3339_s);
    node.edited = flag("isEdited");
    if !by_user {
        node.model = string(message, "model").map(str::to_owned);
        node.truncated = facts::truncated(message);
        node.feedback = match message.pointer("/feedback/rating").and_then(Value::as_str) {
            Some("thumbsUp") => Some(Feedback::Up),
            Some("thumbsDown") => Some(Feedback::Down),
            _ => None,
        };
    }
    node
}

fn blocks(message: &Value, by_user: bool) -> Vec<Block> {
    let mut blocks =
        message.get("content").map(|content| blocks_of(content, Join::ByBorder)).unwrap_or_default();
    if blocks.is_empty() {
        // A message that is an error says so in its text.
        let kind = match !by_user && facts::has_failed(message) {
            true => BlockKind::Error,
            false => BlockKind::Text,
        };
        blocks.extend(string(message, "text").map(|text| Block::new(kind, text)));
    }
    let list = |key: &str| message.get(key).and_then(Value::as_array).into_iter().flatten();
    if by_user {
        let passages: Vec<Block> = list("quotes")
            .map(|quote| {
                ["text", "content", "quote"]
                    .iter()
                    .find_map(|key| string(quote, key))
                    .map_or_else(|| strings(quote), str::to_owned)
            })
            .filter(|passage| !passage.trim().is_empty())
            .map(|passage| quotation(&passage))
            .collect();
        blocks.splice(0..0, passages);
        blocks.extend(list("files").map(|item| file(item, "file")));
    } else {
        blocks.extend(
            list("attachments")
                .filter(|item| string(item, "filepath").is_some())
                .map(|item| file(item, "file")),
        );
    }
    blocks
}
