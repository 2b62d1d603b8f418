//! What stands beside the content of a message and not in it.

use serde_json::Value;

use super::super::json::strings;
use super::{call, file};
use crate::conversation::{Block, BlockKind};

/// What stands beside the content of a message, as servers write it.
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
    let reasoning =
        ["reasoning_content", "reasoning", "thinking", "thoughts"].iter().filter_map(|key| message.get(*key));
    for value in reasoning {
        let text = strings(value);
        if !text.is_empty() {
            beside.before.push(Block::new(BlockKind::Reasoning, text));
        }
    }
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
    for item in files.iter().filter_map(|key| message.get(*key)?.as_array()).flatten() {
        beside.files.push(match item {
            Value::Object(_) => file(item, "file"),
            _ => Block::named(BlockKind::Media, "", "file"),
        });
    }
    beside
}
