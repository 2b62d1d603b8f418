//! Answers of which only a line beside a call is left: what the call wrote or showed was the answer.
//!
//! Which calls show something cannot be told from their names, so the place and the size decide: a short line behind
//! which a call stands, or beside a call with long texts. Such an answer is marked as one that is not whole.

use serde_json::Value;

use super::super::chat::layers::is_nothing;
use super::call::is_document_tool;
use super::{REMARK_CHARS, Turns};
use crate::conversation::{BlockKind, Conversation, NodeRole};

/// A text of this length and as many words in the arguments of a call is more than a question to a tool.
const LONG_CHARS: usize = 200;
const LONG_WORDS: usize = 25;
/// Arguments that say what a machine is to do or to think.
const NOT_FOR_READERS: [&str; 14] = [
    "code",
    "command",
    "cmd",
    "script",
    "query",
    "sql",
    "prompt",
    "expression",
    "thought",
    "thinking",
    "reasoning",
    "explanation",
    "task",
    "instructions",
];

/// Marks the answers of which only a short line is text.
pub fn mark(conversation: &mut Conversation) {
    let is_call = |kind: BlockKind| kind == BlockKind::ToolCall;
    if !conversation.nodes.iter().any(|node| node.blocks.iter().any(|block| is_call(block.kind))) {
        return;
    }
    let turns = Turns::of(conversation);
    let mut goes_on = vec![false; conversation.nodes.len()];
    for (index, parent) in turns.parent.iter().enumerate() {
        if let Some(parent) = parent.filter(|_| !turns.is_user[index]) {
            goes_on[parent] = true;
        }
    }
    for end in (0..goes_on.len()).filter(|index| !goes_on[*index] && !turns.is_user[*index]) {
        let mut nodes: Vec<usize> = std::iter::successors(Some(end), |&at| turns.parent[at])
            .take_while(|&at| !turns.is_user[at])
            .collect();
        nodes.reverse();
        if let Some(name) = substance(conversation, &nodes) {
            conversation.nodes[end]
                .missing
                .get_or_insert(format!("what the call of `{name}` wrote or showed"));
        }
    }
}

/// The call that holds more than the words of a turn do.
fn substance(conversation: &Conversation, nodes: &[usize]) -> Option<String> {
    let (mut chars, mut since_call) = (0, 0);
    let (mut behind, mut long) = (None, None);
    let nodes = nodes.iter().map(|index| &conversation.nodes[*index]);
    for node in nodes.filter(|node| node.role == NodeRole::Assistant && !node.hidden) {
        for block in &node.blocks {
            let len = block.text.trim().chars().count();
            match (block.kind, block.name.as_deref().filter(|name| !name.is_empty())) {
                (BlockKind::Text, _) if len > 0 => {
                    since_call = if behind.take().is_some() { len } else { since_call + len };
                    chars += len;
                }
                // What these wrote is text already, or is said to be missing.
                (BlockKind::ToolCall, Some(name)) if is_document_tool(name) => {}
                (BlockKind::ToolCall, Some(name)) => {
                    behind = Some(name);
                    if holds_long_text(&block.text) || writes_file(&block.text) {
                        long.get_or_insert(name);
                    }
                }
                _ => {}
            }
        }
    }
    let is_line = |chars: usize| (1..=REMARK_CHARS).contains(&chars);
    let behind = behind.filter(|_| is_line(since_call));
    behind.or(long.filter(|_| is_line(chars))).map(str::to_owned)
}

/// Fields in which a call names a file, and those in which it says what to write there.
const FILES: [&str; 9] = [
    "path",
    "file_path",
    "filePath",
    "filepath",
    "filename",
    "file_name",
    "absolute_path",
    "TargetFile",
    "notebook_path",
];
const WRITTEN: [&str; 14] = [
    "content",
    "contents",
    "file_text",
    "new_string",
    "newString",
    "new_str",
    "new_source",
    "edits",
    "diff",
    "patch",
    "code_edit",
    "CodeContent",
    "insert_text",
    "replacement",
];

/// True for a call that writes a file or changes one, however short it is: a line that says so is no answer without it.
fn writes_file(arguments: &str) -> bool {
    if arguments.contains("*** Begin Patch") {
        return true;
    }
    let says = |value: &Value| {
        FILES.iter().any(|name| value.get(*name).is_some_and(Value::is_string))
            && WRITTEN.iter().any(|name| value.get(*name).is_some_and(|at| !is_nothing(at)))
    };
    arguments.starts_with('{') && serde_json::from_str::<Value>(arguments).is_ok_and(|value| says(&value))
}

fn holds_long_text(arguments: &str) -> bool {
    arguments.len() >= LONG_CHARS
        && serde_json::from_str::<Value>(arguments).is_ok_and(|value| has_long_text(&value, ""))
}

fn has_long_text(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => {
            !NOT_FOR_READERS.contains(&name)
                && text.chars().count() >= LONG_CHARS
                && text.split_whitespace().count() >= LONG_WORDS
        }
        Value::Array(items) => items.iter().any(|item| has_long_text(item, name)),
        Value::Object(fields) => fields.iter().any(|(name, field)| has_long_text(field, name)),
        _ => false,
    }
}
