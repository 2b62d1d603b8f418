//! What is next to the content of a message and not in it.

use serde_json::Value;

use super::super::chat::names;
use super::super::harness::parted;
use super::{call, file};
use crate::conversation::{Block, BlockKind, NodeRole};

/// What is next to the content of a message, as servers write it.
#[derive(Debug, Default)]
pub struct Beside {
    /// Reasoning, and calls with their results: the words come behind them.
    pub before: Vec<Block>,
    pub files: Vec<Block>,
    /// Calls that wait for their results: the words come before them.
    pub calls: Vec<Block>,
}

pub fn beside(message: &Value) -> Beside {
    let mut beside = Beside::default();
    let thoughts = reasoning(message).into_iter().map(|text| Block::new(BlockKind::Reasoning, text));
    beside.before.extend(thoughts);
    let calls =
        ["tool_calls", "toolCalls", "toolInvocations"].iter().filter_map(|key| message.get(*key)?.as_array());
    let calls = calls.flatten().map(|item| (item, "tool_call"));
    let old = message.get("function_call").filter(|item| item.is_object());
    for (item, kind) in calls.chain(old.map(|item| (item, "function_call"))) {
        let mut read = Vec::new();
        call(item, kind, &mut read);
        let has_result = read.iter().any(|block| block.kind == BlockKind::ToolResult);
        if has_result { &mut beside.before } else { &mut beside.calls }.extend(read);
    }
    let files = ["experimental_attachments", "attachments", "images", "files"];
    let files = files.iter().filter_map(|key| message.get(*key)?.as_array());
    for item in files.chain(sent_along(message)).flatten() {
        beside.files.push(match item {
            Value::Object(_) => file(item, "file"),
            _ => Block::named(BlockKind::Media, "", "file"),
        });
    }
    beside
}

/// Fields of a file: where a list has elements with one of them, they are files.
const FILES: [&str; 10] = [
    "content",
    "base64Url",
    "base64Data",
    "base64",
    "mimeType",
    "mime_type",
    "file_name",
    "fileName",
    "filename",
    "path",
];

/// Lists under names of many uses in which some products keep the files of a question: their elements have a type, or the
/// name of the list says it.
fn sent_along(message: &Value) -> impl Iterator<Item = &Vec<Value>> {
    const LISTS: [&str; 7] =
        ["extra", "extras", "context", "contexts", "context_items", "contextItems", "prompt_fragments"];
    let has_type =
        |item: &Value| ["type", "kind"].iter().any(|key| item.get(*key).is_some_and(Value::is_string));
    let is_file = |item: &Value| FILES.iter().any(|key| item.get(*key).is_some());
    let is_answer = ["role", "sender", "from", "author"]
        .iter()
        .filter_map(|key| message.get(*key)?.as_str())
        .filter_map(names::role)
        .any(|(role, _)| role != NodeRole::User);
    let lists = LISTS.iter().filter(move |_| !is_answer);
    lists.filter_map(|key| Some((*key, message.get(*key)?.as_array()?))).filter_map(move |(key, items)| {
        let are_typed = key == "prompt_fragments" || items.iter().all(has_type);
        (are_typed && items.iter().any(is_file)).then_some(items)
    })
}

/// Objects of a message in which products keep what they know of it.
const INSIDE: [&str; 9] = [
    "extra",
    "metadata",
    "meta",
    "additional_kwargs",
    "additionalKwargs",
    "provider_specific_fields",
    "providerMetadata",
    "provider_metadata",
    "extra_content",
];
/// Words in the names of fields that hold thoughts ...
const THOUGHTS: [&str; 5] = ["reasoning", "thinking", "thought", "chain_of_thought", "scratchpad"];
/// ... and words beside them that say something of the thoughts instead.
#[rustfmt::skip]
const OF_THOUGHTS: [&str; 29] = [
    "effort", "duration", "time", "budget", "signature", "signatures", "enabled", "tokens", "token", "level", "type", "id", "ids", "model", "config",
    "mode", "display", "format", "status", "title", "encrypted", "start", "end", "started", "ended", "finished", "visible", "count", "ms",
];

/// Thoughts that stand under a name of their own beside the content, or in an object of the message; each once.
fn reasoning(message: &Value) -> Vec<String> {
    let objects = INSIDE.iter().filter_map(|key| message.get(*key));
    let fields = std::iter::once(message).chain(objects).filter_map(Value::as_object).flatten();
    let mut thoughts: Vec<String> = Vec::new();
    for (_, value) in fields.filter(|(name, _)| names_thoughts(name)) {
        let text = match value {
            Value::Array(items) => {
                items.iter().map(super::strings_without_type).collect::<Vec<_>>().join("\n\n")
            }
            other => super::strings_without_type(other),
        };
        let text = text.trim();
        if !text.is_empty() && !thoughts.iter().any(|known| known.contains(text)) {
            thoughts.push(text.to_owned());
        }
    }
    thoughts
}

/// True for the name of a field that holds thoughts: `reasoning_content`, `extraThinking`.
fn names_thoughts(name: &str) -> bool {
    // Most fields are none of them.
    if !["eason", "hink", "hought", "cratch"].iter().any(|part| name.contains(part)) {
        return false;
    }
    let name = parted(name);
    THOUGHTS.iter().any(|word| {
        name.split('_').any(|part| part.trim_end_matches('s') == *word) || name.contains("chain_of_thought")
    }) && !name.split('_').any(|part| OF_THOUGHTS.contains(&part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn thoughts_beside_the_content_are_found_once() {
        for message in [
            json!({ "reasoning_content": "The wheel waits." }),
            json!({ "extra": { "reasoning": "The wheel waits.", "reasoning_duration": 1200, "reasoning_type": "model" } }),
            json!({ "reasoning": "The wheel waits.", "reasoning_details": [{ "type": "reasoning.text", "text": "The wheel waits." }] }),
            json!({ "thoughts": [{ "type": "thought", "content": "The wheel waits." }] }),
            json!({ "additional_kwargs": { "thinkingText": "The wheel waits." } }),
        ] {
            assert_eq!(reasoning(&message), ["The wheel waits."], "{message}");
        }
        for message in [
            json!({ "reasoning_effort": "high", "thinking": true, "reasoningTokens": 12 }),
            json!({ "thoughtSignature": "QUJD", "content": "I think so." }),
            json!({ "reason": "stop", "finish_reason": "length" }),
        ] {
            assert!(reasoning(&message).is_empty(), "{message}");
        }
    }
}
