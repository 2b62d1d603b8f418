//! ChatGPT exports: `conversations.json`, or shards `conversations-000.json`, ...
//!
//! Each conversation is a `mapping` of nodes with parent links. All branches are kept; what is hidden, reasoning or
//! tool traffic is typed, so that it never becomes text of an example. `weight` is ignored on purpose: superseded
//! answers can carry 1 and placeholders 0. The shapes follow public schemas inferred from real archives
//! (polylogue's `schemas/providers/chatgpt`).
//!
//! Parts of a message are texts, pictures and recordings that its page shows below each other.

use std::collections::HashMap;

use serde_json::Value;

use super::error::ElementError;
use super::json::{number, object, string, strings};
use super::parts::{Join, push_text, quotation};
use super::{LeftOut, LeftOutKind, documents, facts, references};
use crate::conversation::{Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};

/// Ratings by message id, from `message_feedback.json`.
pub type Ratings = HashMap<String, Feedback>;

/// Reads one element of `conversations.json`.
pub fn conversation(
    element: &Value,
    ratings: &Ratings,
    origin: Origin,
) -> Result<Conversation, ElementError> {
    if matches!(element.get("mapping"), None | Some(Value::Null)) {
        return Err(ElementError::Empty);
    }
    let mapping = object(element, "mapping")?;
    let native_id = ["conversation_id", "id"]
        .iter()
        .find_map(|key| string(element, key))
        .ok_or(ElementError::Field { field: "id".into(), found: "missing".into(), expected: "a string" })?;
    let model = string(element, "default_model_slug");
    let mut left_out = LeftOut::default();
    let links: Vec<Link> = mapping
        .iter()
        .map(|(id, entry)| {
            let message = entry.get("message").filter(|message| message.is_object());
            Link {
                id: id.clone(),
                parent: string(entry, "parent").map(str::to_owned),
                node: message.and_then(|message| node(id, message, model, ratings, &mut left_out)),
            }
        })
        .collect();
    let mut conversation = Conversation::new(Provider::ChatGpt, native_id, origin);
    conversation.left_out = left_out;
    conversation.title = string(element, "title").unwrap_or_default().to_owned();
    // `g-p-...` is a project, other ids are custom assistants.
    conversation.project = ["gizmo_id", "conversation_template_id"]
        .iter()
        .find_map(|key| string(element, key).filter(|id| id.starts_with("g-p-")))
        .map(str::to_owned);
    conversation.time_s = number(element, "create_time");
    conversation.updated_s = number(element, "update_time");
    conversation.arrange(links, string(element, "current_node"))?;
    keep_last_reports(&mut conversation);
    part_announcements(&mut conversation);
    match conversation.nodes.is_empty() && conversation.left_out.is_empty() {
        true => Err(ElementError::Empty),
        false => Ok(conversation),
    }
}

/// A widget writes its state again and again: of the reports on the way to an answer the last one counts. On a branch
/// of its own each is kept.
fn keep_last_reports(conversation: &mut Conversation) {
    let is_report = |block: &Block| block.name.as_deref() == Some(REPORT);
    let holds = |node: &Node| node.blocks.iter().any(is_report);
    let reports: Vec<usize> =
        (0..conversation.nodes.len()).filter(|i| holds(&conversation.nodes[*i])).collect();
    if reports.len() < 2 {
        return;
    }
    let children = conversation.children();
    for index in reports {
        let mut above = conversation.nodes[index].parent;
        while let Some(at) = above.filter(|at| children[*at].len() == 1) {
            let node = &mut conversation.nodes[at];
            if node.is_user_turn() && !node.hidden {
                break;
            }
            node.blocks.retain(|block| !is_report(block));
            above = node.parent;
        }
    }
}

/// The result of a task that ran on its own is the answer; that it was begun is a line beside it.
fn part_announcements(conversation: &mut Conversation) {
    /// Longer words are part of the answer.
    const MAX_CHARS: usize = 400;
    let is_result = |node: &Node| node.blocks.iter().any(|block| block.name.as_deref() == Some(TASK_RESULT));
    let results: Vec<usize> =
        (0..conversation.nodes.len()).filter(|index| is_result(&conversation.nodes[*index])).collect();
    for index in results {
        let mut above = conversation.nodes[index].parent;
        while let Some(at) = above.filter(|at| !conversation.nodes[*at].is_user_turn()) {
            let node = &mut conversation.nodes[at];
            if node.role == NodeRole::Assistant && node.visible_text().chars().count() <= MAX_CHARS {
                let words = node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text);
                words.for_each(|block| block.kind = BlockKind::Commentary);
            }
            above = node.parent;
        }
    }
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

/// A message; `None` if nobody that is known said it.
fn node(
    id: &str,
    message: &Value,
    default_model: Option<&str>,
    ratings: &Ratings,
    left_out: &mut LeftOut,
) -> Option<Node> {
    let author = message.get("author").unwrap_or(&Value::Null);
    let metadata = message.get("metadata").unwrap_or(&Value::Null);
    let flag = |name: &str| metadata.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut role = match string(author, "role") {
        Some("user") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        Some("tool") => NodeRole::Tool,
        Some("system" | "developer") => NodeRole::System,
        other => {
            left_out.add(LeftOutKind::Message, format!("of the role `{}`", other.unwrap_or("none")), id);
            let has_words = !strings(message.get("content").unwrap_or(&Value::Null)).trim().is_empty();
            return has_words.then(|| Node::unread(id));
        }
    };
    let mut blocks = blocks(message, metadata, role);
    let mut hidden = role == NodeRole::System
        || flag("is_visually_hidden_from_conversation")
        || flag("is_user_system_message");
    if role == NodeRole::Tool {
        // What a tool shows to the reader is the assistant's answer.
        let shown = shown_by_tool(message, metadata);
        if !shown.is_empty() {
            (role, hidden) = (NodeRole::Assistant, false);
            // A picture that was made is one thing, not also a part of the tool's result.
            let mut made = shown.iter().filter(|block| block.kind == BlockKind::Media).count();
            blocks.retain(|block| {
                let is_same = block.kind == BlockKind::Media && made > 0;
                made -= usize::from(is_same);
                !is_same
            });
            blocks.extend(shown);
        }
    }
    if flag("is_async_task_result_message") {
        for block in blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
            block.name = Some(TASK_RESULT.to_owned());
        }
    }
    let mut node = Node::new(id, role, blocks);
    node.hidden = hidden;
    if role == NodeRole::Assistant {
        node.model = string(metadata, "model_slug").or(default_model).map(str::to_owned);
        node.truncated = truncated(message, metadata);
    }
    node.time_s = number(message, "create_time");
    node.feedback =
        string(message, "id").and_then(|own| ratings.get(own)).or_else(|| ratings.get(id)).copied();
    Some(node)
}

fn truncated(message: &Value, metadata: &Value) -> Option<String> {
    let finish = metadata.get("finish_details").and_then(|details| string(details, "type"));
    let word = |word: &&str| facts::is_cut(word);
    finish.filter(word).or_else(|| string(message, "status").filter(word)).map(str::to_owned)
}

fn blocks(message: &Value, metadata: &Value, role: NodeRole) -> Vec<Block> {
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
    let of = |kind: BlockKind| vec![Block::new(kind, strings(content))];
    match string(content, "content_type").unwrap_or("text") {
        _ if text_kind == BlockKind::ToolCall => {
            vec![Block::named(BlockKind::ToolCall, call_text(content), recipient)]
        }
        "text" | "multimodal_text" => {
            let mut blocks = part_blocks(content, metadata, text_kind);
            if role == NodeRole::User {
                add_attached(metadata, &mut blocks);
            }
            blocks
        }
        "thoughts" | "reasoning_recap" => of(BlockKind::Reasoning),
        "user_editable_context" | "model_editable_context" => of(BlockKind::Context),
        "system_error" => of(BlockKind::Error),
        // Shown as a block of code.
        "code" if text_kind == BlockKind::Text => {
            let code = string(content, "text").unwrap_or_default();
            let language = string(content, "language").filter(|language| *language != "unknown");
            let text = language.map_or_else(|| code.to_owned(), |language| documents::fence(language, code));
            vec![Block::new(BlockKind::Text, text)]
        }
        "code" => of(text_kind),
        "execution_output"
        | "computer_output"
        | "tether_quote"
        | "tether_browsing_display"
        | "sonic_webpage"
        | "citable_code_output" => of(BlockKind::ToolResult),
        other => vec![Block::named(BlockKind::Unknown, strings(content), other)],
    }
}

/// The arguments of a call as they were written: `text`, or strings among `parts`.
fn call_text(content: &Value) -> String {
    let parts = content.get("parts").and_then(Value::as_array).into_iter().flatten();
    let parts: Vec<&str> = parts.filter_map(Value::as_str).collect();
    match string(content, "text") {
        Some(text) => text.to_owned(),
        None if parts.is_empty() => strings(content),
        None => parts.concat(),
    }
}

/// The parts of a content; `kind` is what its texts are.
fn part_blocks(content: &Value, metadata: &Value, kind: BlockKind) -> Vec<Block> {
    let parts = content.get("parts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let transcribed = |part: &Value| {
        string(part, "content_type") == Some("audio_transcription") && string(part, "text").is_some()
    };
    let has_transcript = parts.iter().any(transcribed);
    let mut blocks = Vec::new();
    for part in parts {
        let text = part.as_str().or_else(|| string(part, "text").filter(|_| transcribed(part)));
        match (text, string(part, "content_type")) {
            (Some(""), _) | (None, None) => {}
            (Some(text), _) => {
                let text = references::resolved(text, metadata);
                match kind {
                    BlockKind::Text => push_text(&mut blocks, &text, Join::ByBorder),
                    // One result of a tool may have many parts.
                    other => match blocks.last_mut().filter(|last| last.kind == other) {
                        Some(last) => last.text = format!("{}\n\n{text}", last.text),
                        None => blocks.push(Block::new(other, text)),
                    },
                }
            }
            // The words of the recording are there.
            (None, Some(kind)) if has_transcript && is_sound(part, kind) => {}
            (None, Some(kind)) => blocks.push(Block::named(BlockKind::Media, "", kind)),
        }
    }
    blocks
}

/// A recording, without pictures of a camera.
fn is_sound(part: &Value, kind: &str) -> bool {
    let frames =
        part.get("frames_asset_pointers").and_then(Value::as_array).is_some_and(|frames| !frames.is_empty());
    kind.contains("audio") && !frames
}

/// What stands in the metadata of a user's message: files that no part points to, and the passage it answers to.
fn add_attached(metadata: &Value, blocks: &mut Vec<Block>) {
    let pointed_to = blocks.iter().filter(|block| block.kind == BlockKind::Media).count();
    let attachments = metadata.get("attachments").and_then(Value::as_array).into_iter().flatten();
    let names = attachments.skip(pointed_to).map(|file| string(file, "name").unwrap_or("file"));
    blocks.extend(names.map(|name| Block::named(BlockKind::Media, "", name)));
    let passage = metadata.get("targeted_reply").map(strings).filter(|passage| !passage.trim().is_empty());
    if let Some(passage) = passage {
        blocks.insert(0, quotation(&passage));
    }
}

/// What the node of a tool shows as an answer: the report of a widget, or a picture that was made.
fn shown_by_tool(message: &Value, metadata: &Value) -> Vec<Block> {
    let state = metadata.pointer("/chatgpt_sdk/widget_state");
    let state = match state {
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(state @ Value::Object(_)) => Some(state.clone()),
        _ => None,
    };
    let report = state.as_ref().and_then(|state| report_in(state, 0));
    let mut shown = report.unwrap_or_default();
    for block in &mut shown {
        block.name = Some(REPORT.to_owned());
    }
    let parts = message.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten();
    let is_made = |part: &&Value| {
        ["dalle", "generation"]
            .iter()
            .any(|by| part.get("metadata").and_then(|m| m.get(*by)).is_some_and(Value::is_object))
    };
    shown.extend(parts.filter(is_made).map(|_| Block::named(BlockKind::Media, "", "picture")));
    shown
}

/// Name of blocks that hold what a task brought that ran on its own.
const TASK_RESULT: &str = "task result";
/// Name of blocks that hold the report of a widget.
const REPORT: &str = "report";
/// Names under which a widget keeps what it shows.
const REPORTS: [&str; 4] = ["report_message", "report", "final_report", "final_message"];
/// Objects in objects that are looked through for a report.
const REPORT_DEPTH: usize = 4;

fn report_in(state: &Value, depth: usize) -> Option<Vec<Block>> {
    let found = REPORTS.iter().find_map(|key| match state.get(*key)? {
        Value::String(text) => Some(vec![Block::new(BlockKind::Text, text.as_str())]),
        report => {
            let metadata = report.get("metadata").unwrap_or(&Value::Null);
            let blocks = part_blocks(report.get("content").unwrap_or(report), metadata, BlockKind::Text);
            (!blocks.is_empty()).then_some(blocks)
        }
    });
    let inner = || state.as_object()?.values().find_map(|value| report_in(value, depth + 1));
    if depth < REPORT_DEPTH { found.or_else(inner) } else { found }
}
