//! The system message that stands beside a list of messages and not in it.

use serde_json::Value;

use super::parts::{Join, blocks_of};
use crate::conversation::{Node, NodeRole};

/// Fields of the object that holds the list.
const NAMES: [&str; 7] = [
    "system",
    "systemInstruction",
    "system_instruction",
    "system_prompt",
    "systemPrompt",
    "system_message",
    "systemMessage",
];
/// Where its words stand if it is an object.
const INSIDE: [&str; 4] = ["parts", "content", "text", "value"];

/// The words of the system message of the object: a text, a list of parts, or an object around either.
pub fn beside_list(holder: &Value) -> Option<String> {
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
        ] {
            assert_eq!(beside_list(&holder).as_deref(), Some("Be brief."), "{holder}");
        }
        for holder in
            [json!({ "system": true }), json!({ "system": "" }), json!({ "system": null }), json!({})]
        {
            assert_eq!(beside_list(&holder), None, "{holder}");
        }
    }
}
