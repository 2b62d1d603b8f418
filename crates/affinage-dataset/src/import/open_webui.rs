//! Open WebUI: rows of its JSON export, which are also the `chat` column of `webui.db`.
//!
//! A chat is a tree `history.messages` with `currentId`, or before that existed a line `messages`. Reasoning and tool
//! calls stand as `<details>` in the text, newer versions add them to `output[]`. Parts of one content belong to one text.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::error::ElementError;
use super::facts;
use super::instructions;
use super::json::{Odd, mismatch, number, string, strings};
use super::parts::{Join, beside, blocks_of, file, typed_list};
use crate::conversation::{Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

/// Reads one row; the tree stands in `chat`, or is the row itself.
pub fn conversation(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let chat = row.get("chat").filter(|chat| chat.is_object()).unwrap_or(row);
    let tree = chat.pointer("/history/messages").and_then(Value::as_object).filter(|tree| !tree.is_empty());
    let line = chat.get("messages").and_then(Value::as_array).filter(|line| !line.is_empty());
    let mut odd = Odd::default();
    let mut links = Vec::new();
    match (tree, line) {
        (Some(tree), _) => {
            for (id, message) in tree {
                let parent = string(message, "parentId").map(str::to_owned);
                add(id, message, parent, &mut links, &mut odd);
            }
        }
        (None, Some(line)) => {
            for (index, message) in line.iter().enumerate() {
                let id = string(message, "id").map_or_else(|| format!("#{index}"), str::to_owned);
                let above = links.last().map(|link: &Link| link.id.clone());
                let parent = string(message, "parentId").map(str::to_owned).or(above);
                add(&id, message, parent, &mut links, &mut odd);
            }
        }
        (None, None) if chat.pointer("/history/messages").is_some_and(Value::is_object) => {
            return Err(ElementError::Empty);
        }
        (None, None) => {
            return Err(mismatch("history.messages", chat.pointer("/history/messages"), "an object"));
        }
    }
    let left_out = odd.finish()?;
    let title = string(row, "title").or_else(|| string(chat, "title")).unwrap_or_default();
    let created = number(row, "created_at");
    let id = string(row, "id").or_else(|| string(chat, "id")).map(str::to_owned).unwrap_or_else(|| {
        // Without an id: what stays the same while the chat grows.
        let first = links.iter().filter(|link| link.parent.is_none()).find_map(|link| link.node.as_ref());
        let first = first.map(|node| format!("{}{}", node.id, node.visible_text())).unwrap_or_default();
        short_hash(&[&created.unwrap_or_default().to_string(), &first])
    });
    instructions::lead(&mut links, instructions::beside_list(chat));
    let mut conversation = Conversation::new(Provider::OpenWebUi, id, origin);
    conversation.left_out = left_out;
    conversation.title = title.to_owned();
    conversation.project = string(row, "folder_id").map(str::to_owned);
    conversation.time_s = created;
    conversation.updated_s = number(row, "updated_at");
    let current = chat.get("history").and_then(|history| string(history, "currentId"));
    conversation.arrange(links, current)?;
    Ok(conversation)
}

/// `{"data": {"rating"}, "meta": {"message_id"}, "snapshot": {"chat"}}` of a feedback history as its chat, in which the
/// message that was rated says so.
pub fn rated(row: &Value) -> Cow<'_, Value> {
    let chat = || {
        let mut chat = row.pointer("/snapshot/chat").filter(|chat| chat.is_object())?.clone();
        let rating = row.pointer("/data/rating").filter(|rating| !rating.is_null())?.clone();
        let id = row.pointer("/meta/message_id")?.as_str()?;
        let inner = if chat.get("chat").is_some_and(Value::is_object) { "/chat" } else { "" };
        let by_id = format!("{inner}/history/messages/{}", id.replace('~', "~0").replace('/', "~1"));
        let at = match chat.pointer(&by_id).is_some() {
            true => chat.pointer_mut(&by_id),
            false => chat
                .pointer_mut(&format!("{inner}/messages"))
                .and_then(Value::as_array_mut)
                .and_then(|list| list.iter_mut().find(|message| string(message, "id") == Some(id))),
        };
        at?.as_object_mut()?.insert("annotation".to_owned(), json!({ "rating": rating }));
        Some(chat)
    };
    chat().map_or(Cow::Borrowed(row), Cow::Owned)
}

/// Adds a message, and what several models' answers were merged into as one more answer beside it.
fn add(id: &str, message: &Value, parent: Option<String>, links: &mut Vec<Link>, odd: &mut Odd) {
    let read = match message.is_object() {
        true => node(id, message),
        false => Err(mismatch("message", Some(message), "an object")),
    };
    let node = odd.node(id, message, read);
    let merged =
        message.pointer("/merged/content").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let merged = node.as_ref().zip(merged).map(|(node, text)| {
        let mut merged =
            Node::new(format!("{id}#merged"), node.role, vec![Block::new(BlockKind::Text, text)]);
        merged.model.clone_from(&node.model);
        merged.time_s = node.time_s;
        Link::to(merged, parent.clone())
    });
    links.extend(merged);
    links.push(Link { id: id.to_owned(), parent, node });
}

fn node(id: &str, message: &Value) -> Result<Node, ElementError> {
    let role = match string(message, "role") {
        Some("user") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        Some("tool") => NodeRole::Tool,
        Some("system" | "developer") => NodeRole::System,
        _ => return Err(mismatch("role", message.get("role"), "`user` or `assistant`")),
    };
    let mut node = Node::new(id, role, blocks(message, role));
    node.hidden = role == NodeRole::System;
    node.time_s = number(message, "timestamp");
    if role == NodeRole::Assistant {
        node.model = string(message, "model").map(str::to_owned);
        node.truncated = facts::truncated(message);
        let rating = message.pointer("/annotation/rating");
        let rating = rating.and_then(|at| at.as_f64().or_else(|| at.as_str()?.trim().parse().ok()));
        node.feedback = rating.and_then(|rating| match rating {
            r if r > 0.0 => Some(Feedback::Up),
            r if r < 0.0 => Some(Feedback::Down),
            _ => None,
        });
        node.edited = message.get("originalContent").is_some_and(Value::is_string);
    }
    Ok(node)
}

fn blocks(message: &Value, role: NodeRole) -> Vec<Block> {
    let mut blocks =
        message.get("content").map(|content| blocks_of(content, Join::ByBorder)).unwrap_or_default();
    let has_words = blocks.iter().any(|block| !block.text.trim().is_empty());
    if role == NodeRole::Assistant
        && !has_words
        && let Some(output) = message
            .get("output")
            .filter(|output| output.as_array().is_some_and(|items| !items.is_empty()))
            .or_else(|| typed_list(message))
    {
        blocks = blocks_of(output, Join::AsIs);
    }
    match role {
        NodeRole::User => {
            let files = message.get("files").and_then(Value::as_array).into_iter().flatten();
            blocks.extend(files.map(|item| file(item, "file")));
        }
        // Pictures that the model made, and calls beside the words.
        _ => {
            let beside = beside(message);
            blocks.splice(0..0, beside.before);
            blocks.extend(beside.files.into_iter().chain(beside.calls));
        }
    }
    let error = message.get("error").filter(|error| !error.is_boolean()).map(strings);
    blocks.extend(error.filter(|text| !text.is_empty()).map(|text| Block::new(BlockKind::Error, text)));
    blocks
}
