//! The system message that is next to a list of messages and not in it.

use std::collections::HashSet;

use serde_json::Value;

use super::parts::{Join, blocks_of};
use crate::conversation::{Block, BlockKind, Link, Node, NodeRole};

/// Fields of the object that holds the list.
const NAMES: [&str; 11] = [
    "system",
    "systemInstruction",
    "system_instruction",
    "system_prompt",
    "systemPrompt",
    "system_message",
    "systemMessage",
    "promptPrefix",
    "preprompt",
    "prePrompt",
    "instructions",
];
/// Objects with the settings of the whole conversation, in which it may stand too.
const SETTINGS: [&str; 2] = ["options", "params"];
/// Where its words stand if it is an object.
const INSIDE: [&str; 4] = ["parts", "content", "text", "value"];

/// The words of the system message of the object: a text, a list of parts, or an object around either.
pub fn beside_list(holder: &Value) -> Option<String> {
    let settings = SETTINGS.iter().filter_map(|name| holder.get(*name));
    std::iter::once(holder).chain(settings).find_map(of_object)
}

/// Id of the message.
pub const ID: &str = "system message";

/// Puts the system message before the first messages of a conversation that has none.
pub fn lead(links: &mut Vec<Link>, words: Option<String>) {
    let is_system = |link: &Link| link.node.as_ref().is_some_and(|node| node.role == NodeRole::System);
    let Some(words) = words.filter(|_| !links.iter().any(is_system)) else { return };
    let ids: HashSet<String> = links.iter().map(|link| link.id.clone()).collect();
    let is_first = |link: &&mut Link| link.parent.as_ref().is_none_or(|parent| !ids.contains(parent));
    links.iter_mut().filter(is_first).for_each(|link| link.parent = Some(ID.to_owned()));
    links
        .insert(0, Link::to(Node::new(ID, NodeRole::System, vec![Block::new(BlockKind::Text, words)]), None));
}

fn of_object(holder: &Value) -> Option<String> {
    NAMES.iter().find_map(|name| {
        let content = match holder.get(*name)? {
            Value::Bool(_) | Value::Number(_) | Value::Null => return None,
            inner @ Value::Object(_) => INSIDE.iter().find_map(|key| inner.get(*key))?,
            other => other,
        };
        let node = Node::new("", NodeRole::System, blocks_of(content, Join::ByBorder));
        Some(node.visible_text()).filter(|text| !text.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_is_found_in_every_form() {
        for holder in [
            json!({ "system": "Be brief." }),
            json!({ "system": [{ "text": "Be brief." }] }),
            json!({ "system": [{ "type": "text", "text": "Be brief.", "cache_control": {} }] }),
            json!({ "systemInstruction": { "role": "system", "parts": [{ "text": "Be brief." }] } }),
            json!({ "system_message": { "content": "Be brief." } }),
            json!({ "options": { "promptPrefix": "Be brief." } }),
            json!({ "params": { "system": "Be brief." } }),
        ] {
            assert_eq!(beside_list(&holder).as_deref(), Some("Be brief."), "{holder}");
        }
        for holder in
            [json!({ "system": true }), json!({ "system": "" }), json!({ "system": null }), json!({})]
        {
            assert_eq!(beside_list(&holder), None, "{holder}");
        }
    }

    #[test]
    fn it_leads_where_no_message_is_a_system_message() {
        let node = |id: &str, role| Node::new(id, role, vec![Block::new(BlockKind::Text, id)]);
        let mut links = vec![
            Link::to(node("q", NodeRole::User), Some("not in the export".to_owned())),
            Link::to(node("a", NodeRole::Assistant), Some("q".to_owned())),
            Link::to(node("other q", NodeRole::User), None),
        ];
        lead(&mut links, None);
        assert_eq!(links.len(), 3);
        for _ in 0..2 {
            lead(&mut links, Some("Be brief.".to_owned()));
            let parents: Vec<Option<&str>> = links.iter().map(|link| link.parent.as_deref()).collect();
            assert_eq!(parents, [None, Some("system message"), Some("q"), Some("system message")]);
        }
    }
}
