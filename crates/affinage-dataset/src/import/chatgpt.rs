//! ChatGPT exports: `conversations.json`, or shards `conversations-000.json`, ...
//!
//! Each conversation is a `mapping` of nodes with parent links. All branches are kept; what is hidden, reasoning or
//! tool traffic is typed, so that it never becomes text of an example. `weight` is ignored on purpose: superseded
//! answers can carry 1 and placeholders 0. The shapes follow public schemas inferred from real archives
//! (polylogue's `schemas/providers/chatgpt`).

use std::collections::HashMap;

use serde_json::Value;

use super::error::ElementError;
use super::json::{number, object, string, strings};
use crate::conversation::{Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};

/// Ratings by message id, from `message_feedback.json`.
pub type Ratings = HashMap<String, Feedback>;

/// Reads one element of `conversations.json`.
pub fn conversation(
    element: &Value,
    ratings: &Ratings,
    origin: Origin,
) -> Result<Conversation, ElementError> {
    let mapping = object(element, "mapping")?;
    let native_id = ["conversation_id", "id"]
        .iter()
        .find_map(|key| string(element, key))
        .ok_or(ElementError::Field { field: "id".into(), found: "missing".into(), expected: "a string" })?;
    let model = string(element, "default_model_slug");
    let links = mapping
        .iter()
        .map(|(id, entry)| Link {
            id: id.clone(),
            parent: string(entry, "parent").map(str::to_owned),
            node: entry.get("message").filter(|m| m.is_object()).map(|m| node(id, m, model, ratings)),
        })
        .collect();
    let mut conversation = Conversation::new(Provider::ChatGpt, native_id, origin);
    conversation.title = string(element, "title").unwrap_or_default().to_owned();
    // `g-p-...` is a project, other ids are custom assistants.
    conversation.project = ["gizmo_id", "conversation_template_id"]
        .iter()
        .find_map(|key| string(element, key).filter(|id| id.starts_with("g-p-")))
        .map(str::to_owned);
    conversation.time_s = number(element, "create_time");
    conversation.arrange(links, string(element, "current_node"))?;
    Ok(conversation)
}

/// Reads `message_feedback.json`; rows of another shape are passed over.
pub fn ratings(rows: &Value) -> Ratings {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter()
        .filter_map(|row| {
            let id = string(row, "message_id").or_else(|| string(row, "id"))?;
            let rating = string(row, "rating")?.to_ascii_lowercase();
            let feedback = match rating.replace(['_', '-', ' '], "").as_str() {
                "thumbsup" => Feedback::Up,
                "thumbsdown" => Feedback::Down,
                _ => return None,
            };
            Some((id.to_owned(), feedback))
        })
        .collect()
}

fn node(id: &str, message: &Value, default_model: Option<&str>, ratings: &Ratings) -> Node {
    let author = message.get("author").unwrap_or(&Value::Null);
    let metadata = message.get("metadata").unwrap_or(&Value::Null);
    let role = match string(author, "role") {
        Some("user") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        Some("tool") => NodeRole::Tool,
        _ => NodeRole::System,
    };
    let mut node = Node::new(id, role, blocks(message, role));
    let flag = |name: &str| metadata.get(name).and_then(Value::as_bool).unwrap_or(false);
    node.hidden = role == NodeRole::System
        || flag("is_visually_hidden_from_conversation")
        || flag("is_user_system_message");
    if role == NodeRole::Assistant {
        node.model = string(metadata, "model_slug").or(default_model).map(str::to_owned);
        node.truncated = truncated(message, metadata);
    }
    node.time_s = number(message, "create_time");
    node.feedback =
        string(message, "id").and_then(|own| ratings.get(own)).or_else(|| ratings.get(id)).copied();
    node
}

fn truncated(message: &Value, metadata: &Value) -> Option<String> {
    let finish = metadata.get("finish_details").and_then(|details| string(details, "type"));
    let cut = |word: &&str| matches!(*word, "interrupted" | "max_tokens" | "length");
    let status = |word: &&str| matches!(*word, "in_progress" | "finished_partial_completion");
    finish.filter(cut).or_else(|| string(message, "status").filter(status)).map(str::to_owned)
}

fn blocks(message: &Value, role: NodeRole) -> Vec<Block> {
    let content = message.get("content").unwrap_or(&Value::Null);
    let recipient = string(message, "recipient").unwrap_or("all");
    let text_kind = match (role, recipient, string(message, "channel")) {
        (NodeRole::System, ..) => BlockKind::Context,
        (NodeRole::Tool, ..) => BlockKind::ToolResult,
        (NodeRole::Assistant, to, _) if to != "all" => BlockKind::ToolCall,
        (NodeRole::Assistant, _, Some("commentary")) => BlockKind::Commentary,
        (NodeRole::Assistant, _, Some("analysis")) => BlockKind::Reasoning,
        _ => BlockKind::Text,
    };
    let parts = content.get("parts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match string(content, "content_type").unwrap_or("text") {
        "text" | "multimodal_text" => parts.iter().filter_map(|part| part_block(part, text_kind)).collect(),
        "thoughts" | "reasoning_recap" => vec![Block::new(BlockKind::Reasoning, strings(content))],
        "user_editable_context" | "model_editable_context" => {
            vec![Block::new(BlockKind::Context, strings(content))]
        }
        "system_error" => vec![Block::new(BlockKind::Error, strings(content))],
        "code" => vec![Block::new(BlockKind::ToolCall, strings(content))],
        "execution_output"
        | "computer_output"
        | "tether_quote"
        | "tether_browsing_display"
        | "sonic_webpage"
        | "citable_code_output" => vec![Block::new(BlockKind::ToolResult, strings(content))],
        other => vec![Block::named(BlockKind::Unknown, strings(content), other)],
    }
}

/// A part is a string, or an object that points to media or holds the words of a recording.
fn part_block(part: &Value, text_kind: BlockKind) -> Option<Block> {
    if let Some(text) = part.as_str() {
        return (!text.is_empty()).then(|| Block::new(text_kind, text));
    }
    let kind = string(part, "content_type")?;
    match (kind, string(part, "text")) {
        ("audio_transcription", Some(text)) => Some(Block::new(text_kind, text)),
        _ => Some(Block::named(BlockKind::Media, "", kind)),
    }
}
