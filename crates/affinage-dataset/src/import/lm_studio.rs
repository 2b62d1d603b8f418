//! LM Studio: `*.conversation.json`, a line of messages, each with versions (regenerations).
//!
//! Messages have no ids and only the selected version leads on, so an id is the position of message and version.

use serde_json::Value;

use super::error::ElementError;
use super::facts;
use super::instructions;
use super::json::{Odd, array, mismatch, number, string};
use super::parts::{Join, blocks_of};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

pub fn conversation(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let messages = array(element, "messages")?;
    let title = string(element, "name").unwrap_or_default();
    let created_ms = number(element, "createdAt");
    let mut links = Vec::new();
    let mut above: Option<String> = None;
    let mut odd = Odd::default();
    for (index, message) in messages.iter().enumerate() {
        let versions = match array(message, "versions") {
            Ok(versions) => versions,
            Err(error) => {
                let id = format!("{index}.0");
                if let Some(node) = odd.node(&id, message, Err(error)) {
                    links.push(Link::to(node, above.replace(id)));
                }
                continue;
            }
        };
        let selected = message.get("currentlySelected").and_then(Value::as_u64).unwrap_or(0);
        let selected = usize::try_from(selected).unwrap_or(0).min(versions.len().saturating_sub(1));
        for (number, version) in versions.iter().enumerate() {
            let id = format!("{index}.{number}");
            let node = odd.node(&id, version, node(&id, version));
            links.push(Link { id, parent: above.clone(), node });
        }
        if !versions.is_empty() {
            above = Some(format!("{index}.{selected}"));
        }
    }
    let left_out = odd.finish()?;
    instructions::lead(&mut links, instructions::beside_list(element).or_else(|| set_for_chat(element)));
    // The export has no id; when it was made and its name stay the same while it grows.
    let named = created_ms.map_or_else(|| title.to_owned(), |ms| format!("{ms}"));
    let mut conversation = Conversation::new(Provider::LmStudio, short_hash(&[&named]), origin);
    conversation.left_out = left_out;
    conversation.title = title.to_owned();
    conversation.time_s = created_ms.map(|ms| ms / 1000.0);
    conversation.arrange(links, above.as_deref())?;
    Ok(conversation)
}

/// The system message among the settings of the one chat.
fn set_for_chat(element: &Value) -> Option<String> {
    let fields = element.pointer("/perChatPredictionConfig/fields")?.as_array()?;
    let field = fields.iter().find(|field| string(field, "key") == Some("llm.prediction.systemPrompt"))?;
    string(field, "value").filter(|words| !words.trim().is_empty()).map(str::to_owned)
}

fn node(id: &str, version: &Value) -> Result<Node, ElementError> {
    let role = match string(version, "role") {
        Some("user") => NodeRole::User,
        Some("assistant") => NodeRole::Assistant,
        Some("system") => NodeRole::System,
        _ => return Err(mismatch("role", version.get("role"), "`user` or `assistant`")),
    };
    let content =
        |holder: &Value| holder.get("content").map(|c| blocks_of(c, Join::ByBorder)).unwrap_or_default();
    let mut node = Node::new(id, role, content(version));
    for step in version.get("steps").and_then(Value::as_array).into_iter().flatten() {
        let is_thought = step.pointer("/style/type").and_then(Value::as_str) == Some("thinking");
        match string(step, "type") {
            // A step is a text of its own.
            Some("contentBlock") => {
                let as_thought = |block: Block| match block.kind {
                    BlockKind::Text if is_thought => Block { kind: BlockKind::Reasoning, ..block },
                    _ => block,
                };
                node.blocks.extend(content(step).into_iter().map(as_thought));
                if let Some(word) = step.pointer("/genInfo/stats/stopReason").and_then(Value::as_str) {
                    // The last step says how the answer ended.
                    node.truncated = facts::is_cut(word).then(|| word.to_owned());
                }
            }
            Some("status" | "toolStatus" | "debugInfoBlock") | None => {}
            Some(other) => {
                node.blocks.push(Block::named(BlockKind::Unknown, super::json::strings(step), other))
            }
        }
    }
    if role == NodeRole::Assistant {
        node.model = version.pointer("/senderInfo/senderName").and_then(Value::as_str).map(str::to_owned);
        node.truncated = node.truncated.or_else(|| facts::truncated(version));
    }
    Ok(node)
}
