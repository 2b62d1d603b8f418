//! Google: a prompt of AI Studio kept in Drive, and a conversation of Takeout's Workspace folder.

use std::collections::HashMap;

use serde_json::Value;

use super::error::ElementError;
use super::facts;
use super::json::{Odd, array, mismatch, rfc3339_s, string};
use super::parts::{Join, push_text};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

/// `{"runSettings", "systemInstruction", "chunkedPrompt": {"chunks": [{"role", "text", "isThought"}]}}`.
pub fn ai_studio(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let prompt = element.get("chunkedPrompt").unwrap_or(&Value::Null);
    let model = element.pointer("/runSettings/model").and_then(Value::as_str);
    let mut links: Vec<Link> = Vec::new();
    let mut odd = Odd::default();
    for (index, chunk) in array(prompt, "chunks")?.iter().enumerate() {
        let is_user = string(chunk, "role") == Some("user");
        let parent = index.checked_sub(1).map(|previous| previous.to_string());
        if !is_user && string(chunk, "role") != Some("model") {
            let id = index.to_string();
            let node = odd.node(&id, chunk, Err(mismatch("role", chunk.get("role"), "`user` or `model`")));
            links.push(Link { id, parent, node });
            continue;
        }
        let is_thought = chunk.get("isThought").and_then(Value::as_bool).unwrap_or(false);
        let block = match (string(chunk, "text"), is_thought) {
            (Some(text), true) => Block::new(BlockKind::Reasoning, text),
            (Some(text), false) => Block::new(BlockKind::Text, text),
            (None, _) if string(chunk, "errorMessage").is_some() => {
                Block::new(BlockKind::Error, string(chunk, "errorMessage").unwrap_or_default())
            }
            (None, _) => Block::named(BlockKind::Media, "", "file"),
        };
        let role = if is_user { NodeRole::User } else { NodeRole::Assistant };
        let mut node = Node::new(index.to_string(), role, vec![block]);
        if !is_user {
            node.model = model.map(|name| name.trim_start_matches("models/").to_owned());
            node.truncated = facts::truncated(chunk);
        }
        odd.readable += 1;
        links.push(Link::to(node, parent));
    }
    let left_out = odd.finish()?;
    let stem = origin.member.rsplit(['/', '\\']).next().unwrap_or("").to_owned();
    // Neither the prompt nor its chunks have an id: they are recognised by their words.
    let mut conversation = Conversation::new(Provider::AiStudio, "", origin);
    conversation.left_out = left_out;
    conversation.title = stem;
    conversation.arrange(links, None)?;
    Ok(conversation)
}

/// `{"title", "creation_time", "conversation_turns": [{"user_turn"}, {"system_turn"}]}`; a turn index that comes again
/// is a regeneration.
pub fn workspace(element: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let title = string(element, "title").unwrap_or_default();
    let created = string(element, "creation_time").unwrap_or_default();
    let mut links: Vec<Link> = Vec::new();
    let (mut user, mut answer): (Option<String>, Option<String>) = (None, None);
    let native_id = short_hash(&[created, title]);
    let mut seen: HashMap<String, usize> = HashMap::new();
    for turn in array(element, "conversation_turns")? {
        // A turn has no id, and a later export may lack an earlier one.
        let words = short_hash(&[&native_id, &turn.to_string()]);
        let occurrence = *seen.entry(words.clone()).and_modify(|count| *count += 1).or_insert(0);
        let id = format!("{words}-{occurrence}");
        if let Some(said) = turn.get("user_turn") {
            let text = string(said, "prompt").unwrap_or_default();
            let node = Node::new(&id, NodeRole::User, vec![Block::new(BlockKind::Text, text)]);
            links.push(Link::to(node, answer.take()));
            user = Some(id);
        } else if let Some(said) = turn.get("system_turn") {
            let mut blocks: Vec<Block> = string(said, "model_thoughts")
                .map(|text| Block::new(BlockKind::Reasoning, text))
                .into_iter()
                .collect();
            for part in said.get("text").and_then(Value::as_array).into_iter().flatten() {
                if let Some(text) = string(part, "data") {
                    push_text(&mut blocks, text, Join::ByBorder);
                }
            }
            let mut node = Node::new(&id, NodeRole::Assistant, blocks);
            node.model = Some("gemini".to_owned());
            links.push(Link::to(node, user.clone()));
            answer = Some(id);
        }
    }
    let mut conversation = Conversation::new(Provider::Gemini, native_id, origin);
    conversation.title = title.to_owned();
    conversation.time_s = rfc3339_s(created);
    conversation.arrange(links, answer.as_deref())?;
    Ok(conversation)
}
