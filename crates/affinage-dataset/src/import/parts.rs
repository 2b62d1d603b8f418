//! The content of a message as the products of the OpenAI, Anthropic, Google and AI SDK families write it: a text, a
//! list of typed parts, or an object around either.
//!
//! Types are one table. A type that is not in it becomes an unknown block with its name: it is never text, and it is
//! counted.

mod beside;
mod pointers;
mod types;

use serde_json::Value;

pub use self::beside::{Beside, beside};
use self::pointers::{cited, is_reference, place_name};
pub use self::types::is_part;
use self::types::{Part, part_of, part_of_kind};
use super::json::{string, strings};
use crate::conversation::{Block, BlockKind};

/// How the texts of neighbouring parts belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Pieces of one text, cut where a citation stands: put together as they are. So does Anthropic.
    AsIs,
    /// Nobody says: as they are if the cut lies inside a line or sentence, else as paragraphs.
    ByBorder,
}

/// Appends a text to the one before it, if the last block is one, by the rule of `join`.
pub fn push_text(blocks: &mut Vec<Block>, text: &str, join: Join) {
    let Some(last) = blocks.last_mut().filter(|last| last.kind == BlockKind::Text) else {
        blocks.push(Block::new(BlockKind::Text, text));
        return;
    };
    if join == Join::ByBorder && !is_inside(&last.text, text) {
        last.text.push_str("\n\n");
    }
    last.text.push_str(text);
}

/// True if the border between two pieces lies inside a line or a sentence: there is a space, a mark that belongs to
/// what stands before or behind it, or a word that goes on.
pub fn is_inside(before: &str, after: &str) -> bool {
    let (Some(end), Some(start)) = (before.chars().next_back(), after.chars().next()) else { return true };
    let has_no_case = start.is_alphabetic() && !start.is_lowercase() && !start.is_uppercase();
    end.is_whitespace()
        || start.is_whitespace()
        || start.is_lowercase()
        || ".,;:!?)]}%”’»…。、，）".contains(start)
        || "([{„‚«-–—/@#$€£¿¡（".contains(end)
        || (end.is_alphanumeric() && (has_no_case || start.is_numeric()))
}

/// The blocks of a content: a text, a list of texts and parts, or one part.
pub fn blocks_of(content: &Value, join: Join) -> Vec<Block> {
    let mut reader = Reader { blocks: Vec::new(), join, separate: false, around_edit: false };
    match content {
        Value::Array(items) if !items.is_empty() && items.iter().all(is_reference) => {
            reader.blocks.extend(items.iter().map(|id| {
                Block::named(BlockKind::Unknown, strings(id), "id of a part that is not in the file")
            }));
        }
        Value::Array(items) => items.iter().for_each(|item| reader.add(item)),
        other => reader.add(other),
    }
    reader.blocks
}

/// Name of a block that says the words of its message in another language.
pub const TRANSLATION: &str = "translation";

/// Fields that name the type of a part.
const KINDS: [&str; 15] = [
    "type",
    "content_type",
    "kind",
    "pt",
    "msgtype",
    "block_type",
    "blockType",
    "part_kind",
    "partKind",
    "part_type",
    "partType",
    "chunk_type",
    "item_type",
    "ft",
    "phase",
];

struct Reader {
    blocks: Vec<Block>,
    join: Join,
    /// The next text is one of its own.
    separate: bool,
    /// The fence that stands open before an edit of a file: it shows nothing.
    around_edit: bool,
}

impl Reader {
    fn add(&mut self, item: &Value) {
        if let Some(flag) = machine_made(item) {
            self.blocks.push(Block::named(BlockKind::Context, words(item).unwrap_or_default(), flag));
            return;
        }
        match item {
            Value::Null => {}
            Value::String(text) => self.text(text),
            Value::Object(_) if item.get("part").is_some_and(Value::is_object) => {
                item.get("part").into_iter().for_each(|inner| self.add(inner));
            }
            Value::Object(_) => match KINDS.iter().find_map(|key| string(item, key)) {
                Some(kind) => self.typed(item, kind),
                None if is_plain(item) => self.text(&words(item).unwrap_or_default()),
                None => match item.as_object().into_iter().flatten().find_map(|(_, at)| cited(at)) {
                    Some(texts) => texts.iter().for_each(|text| self.text(text)),
                    None => self.blocks.push(untyped(item)),
                },
            },
            other => {
                self.blocks.push(Block::named(
                    BlockKind::Unknown,
                    other.to_string(),
                    super::json::kind_of(other),
                ));
            }
        }
    }

    fn text(&mut self, text: &str) {
        if std::mem::take(&mut self.around_edit)
            && let Some((fence, behind)) = closing_fence(text)
            && let Some(open) = self.blocks.iter_mut().rfind(|block| block.kind == BlockKind::Text)
            && let Some(before) = before_fence(&open.text, fence)
        {
            open.text.truncate(before.len());
            return self.text(behind);
        }
        match std::mem::take(&mut self.separate) {
            true => self.blocks.push(Block::new(BlockKind::Text, text)),
            false => push_text(&mut self.blocks, text, self.join),
        }
    }

    fn typed(&mut self, item: &Value, kind: &str) {
        let of = |block: BlockKind| Block::new(block, strings_without_type(item));
        match part_of_kind(kind) {
            Some(Part::Text) => match words(item) {
                Some(text) => self.text(&text),
                // `{"type": "message", "content": [...]}` of the Responses API.
                None => item
                    .get("content")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .for_each(|i| self.add(i)),
            },
            Some(Part::Reasoning) => self.blocks.push(of(BlockKind::Reasoning)),
            Some(Part::ToolCall) => {
                self.around_edit |= EDITS.contains(&kind);
                call(item, kind, &mut self.blocks);
            }
            Some(Part::ToolResult) => self.blocks.push(of(BlockKind::ToolResult)),
            Some(Part::Media) => self.blocks.push(file(item, kind)),
            Some(Part::Audio) => match spoken(item) {
                Some(text) => self.text(&text),
                None => self.blocks.push(file(item, kind)),
            },
            Some(Part::Error) => self.blocks.push(of(BlockKind::Error)),
            Some(Part::Translation) => {
                let words = strings(item.get("content").unwrap_or(item));
                self.blocks.push(Block::named(BlockKind::Commentary, words, TRANSLATION));
            }
            Some(Part::Place) => match place_name(item, item.get(kind).unwrap_or(&Value::Null)) {
                Some(name) => self.text(&name),
                None => self.blocks.push(Block::named(BlockKind::Unknown, kind, kind)),
            },
            Some(Part::Break) => self.separate = true,
            Some(Part::Nothing) => {}
            None => match cited(item) {
                Some(texts) => texts.iter().for_each(|text| self.text(text)),
                None => self.blocks.push(Block::named(BlockKind::Unknown, strings_without_type(item), kind)),
            },
        }
    }
}

/// Types of edits of files, which stand between the lines of a fence that show nothing.
const EDITS: [&str; 4] = ["textEditGroup", "textEdit", "notebookEditGroup", "workspaceEdit"];

/// The fence that a text begins with, and what follows its line.
fn closing_fence(text: &str) -> Option<(&str, &str)> {
    let begin = text.trim_start();
    let sign = begin.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let behind = begin.trim_start_matches(sign);
    let fence = &begin[..begin.len() - behind.len()];
    let line = behind.split('\n').next().unwrap_or_default();
    (fence.len() >= 3 && line.trim().is_empty()).then_some((fence, &behind[line.len()..]))
}

/// The text before its last line, if that opens such a fence: "````rust".
fn before_fence<'a>(text: &'a str, fence: &str) -> Option<&'a str> {
    let text = text.trim_end();
    let start = text.rfind('\n').map_or(0, |at| at + 1);
    let language = text[start..].trim_start().strip_prefix(fence)?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '+' | '#' | '-' | '_' | '.');
    language.trim().chars().all(is_name).then_some(&text[..start])
}

/// The flag by which a product says that it wrote a part into the turn itself.
fn machine_made(item: &Value) -> Option<&'static str> {
    const FLAGS: [&str; 6] = ["synthetic", "isSynthetic", "is_synthetic", "isMeta", "hidden", "isHidden"];
    FLAGS.into_iter().find(|key| item.get(*key).and_then(Value::as_bool) == Some(true))
}

/// A part without a type that is words, as Google writes them.
fn is_plain(item: &Value) -> bool {
    item.get("thought").and_then(Value::as_bool) != Some(true) && words(item).is_some()
}

/// A part without a type that is not words: `{"text", "thought": true}`, `{"functionCall": {...}}`, `{"inlineData": {...}}`.
fn untyped(item: &Value) -> Block {
    if let Some(thought) = words(item) {
        return Block::new(BlockKind::Reasoning, thought);
    }
    let fields = item.as_object().into_iter().flatten();
    let known = fields.filter_map(|(key, inner)| Some((key, part_of(key)?, inner))).next();
    match known {
        Some((key, Part::ToolCall, inner)) => {
            Block::named(BlockKind::ToolCall, arguments(inner), string(inner, "name").unwrap_or(key))
        }
        Some((key, Part::ToolResult, inner)) => {
            Block::named(BlockKind::ToolResult, strings(inner), key.as_str())
        }
        Some((key, Part::Media | Part::Audio, inner)) => file(inner, key),
        Some((_, Part::Reasoning, inner)) => Block::new(BlockKind::Reasoning, strings(inner)),
        Some((_, Part::Error, inner)) => Block::new(BlockKind::Error, strings(inner)),
        _ => Block::named(BlockKind::Unknown, strings(item), "part without a type"),
    }
}

/// The text of a part: `"text"`, or wrapped as `{"text": {"value": "..."}}`.
fn words(item: &Value) -> Option<String> {
    ["text", "value", "content", "refusal", "transcript", "markdown", "body"]
        .iter()
        .find_map(|key| match item.get(*key)? {
            Value::String(text) => Some(text.clone()),
            wrapped @ Value::Object(_) => {
                string(wrapped, "value").or_else(|| string(wrapped, "text")).map(str::to_owned)
            }
            _ => None,
        })
        .or_else(|| string(item.get("data").filter(|data| data.is_object())?, "text").map(str::to_owned))
}

/// The words of a recording.
fn spoken(item: &Value) -> Option<String> {
    let inner =
        ["audio", "input_audio"].iter().find_map(|key| item.get(*key).filter(|inner| inner.is_object()));
    [Some(item), inner].into_iter().flatten().find_map(|at| {
        ["transcript", "transcription", "text"].iter().find_map(|key| string(at, key)).map(str::to_owned)
    })
}

/// A file: an attachment if its words are there, else media.
pub fn file(item: &Value, kind: &str) -> Block {
    let inner = ["source", "file", "document", "data"]
        .iter()
        .find_map(|key| item.get(*key).filter(|at| at.is_object()));
    let layers = || {
        [Some(item), inner, inner.and_then(|at| at.get("data")).filter(|at| at.is_object())]
            .into_iter()
            .flatten()
    };
    let find = |keys: &[&str]| keys.iter().find_map(|key| layers().find_map(|at| string(at, key)));
    let name = find(&["title", "file_name", "fileName", "filename", "name"]).unwrap_or(kind);
    let is_text = find(&["type"]) == Some("text") || layers().any(|at| string(at, "type") == Some("text"));
    let keys: &[&str] = match is_text {
        true => &["extracted_content", "content", "text", "data"],
        false => &["extracted_content", "content", "text"],
    };
    let text = find(keys).filter(|text| !text.starts_with("data:"));
    match text {
        Some(text) => Block::named(BlockKind::Attachment, text, name),
        None => Block::named(BlockKind::Media, "", name),
    }
}

/// A call with the name of its tool and its arguments as JSON, and its result if the same part holds it.
fn call(item: &Value, kind: &str, blocks: &mut Vec<Block>) {
    // LibreChat and OpenAI put the call into an object of its own.
    let inner = ["tool_call", "function", "toolInvocation"]
        .iter()
        .find_map(|key| item.get(*key).filter(|at| at.is_object()));
    let inner = inner.map(|at| at.get("function").filter(|function| function.is_object()).unwrap_or(at));
    let at = inner.unwrap_or(item);
    let name = ["name", "toolName", "tool_name"].iter().find_map(|key| string(at, key));
    let name = name.unwrap_or_else(|| kind.strip_prefix("tool-").unwrap_or(kind));
    blocks.push(Block::named(BlockKind::ToolCall, arguments(at), name));
    let result = ["output", "result"].iter().find_map(|key| at.get(*key).filter(|result| !result.is_null()));
    blocks.extend(result.map(|result| Block::named(BlockKind::ToolResult, strings(result), name)));
}

/// The blocks of a row that is a call, the result of one or a thought as a whole.
pub fn of_row(row: &Value, kind: BlockKind) -> Vec<Block> {
    let names_tool = ["name", "toolName", "tool_name"].iter().any(|key| string(row, key).is_some());
    if kind != BlockKind::ToolCall || !names_tool {
        return vec![Block::new(kind, strings(row))];
    }
    let mut blocks = Vec::new();
    call(row, "", &mut blocks);
    blocks
}

/// The arguments of a call as JSON text; all strings of the call if it has no such field.
fn arguments(call: &Value) -> String {
    let found =
        ["input", "arguments", "args", "parameters", "rawInput"].iter().find_map(|key| call.get(*key));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => strings_without_type(call),
        Some(other) => other.to_string(),
    }
}

fn strings_without_type(item: &Value) -> String {
    let Some(fields) = item.as_object() else { return strings(item) };
    let kept = fields
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "type" | "content_type" | "kind" | "signature"));
    let texts: Vec<String> = kept.map(|(_, value)| strings(value)).filter(|text| !text.is_empty()).collect();
    texts.join("\n")
}

/// A list beside an empty content whose elements all have a type: where newer versions of a product keep what was said
/// (`content_list: [{phase, content}]`, `output: [{type, ...}]`). One of them is text, or thoughts where nothing else came.
/// Types that nobody knows may stand in it if it is named as a content or its elements are phases.
pub fn typed_list(message: &Value) -> Option<&Value> {
    let lists = || message.as_object().into_iter().flatten().filter(|(_, value)| is_typed(value));
    let holds = |list: &Value, wanted: Part| kinds_of(list).any(|kind| part_of_kind(kind) == Some(wanted));
    let fits = |name: &str, list: &Value, wanted: Part| {
        let may_be_new = ["content", "output", "parts", "blocks", "segments", "fragments"]
            .iter()
            .any(|word| name.contains(word))
            || list.as_array().into_iter().flatten().all(|item| string(item, "phase").is_some());
        holds(list, wanted) && (may_be_new || kinds_of(list).all(|kind| part_of_kind(kind).is_some()))
    };
    [Part::Text, Part::Reasoning]
        .into_iter()
        .find_map(|wanted| lists().find(|(name, list)| fits(name, list, wanted)).map(|(_, list)| list))
}

/// The types of a list's elements.
fn kinds_of(list: &Value) -> impl Iterator<Item = &str> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| KINDS.iter().find_map(|key| string(item, key)))
}

/// A list that is not empty and whose elements all have a type.
fn is_typed(list: &Value) -> bool {
    let len = list.as_array().map_or(0, Vec::len);
    len > 0 && kinds_of(list).count() == len
}

/// A passage that the user answers to, as a quotation in front of the words.
pub fn quotation(passage: &str) -> Block {
    let lines: Vec<String> =
        passage.trim().lines().map(|line| format!("> {line}").trim_end().to_owned()).collect();
    Block::new(BlockKind::Text, lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conversation::{Node, NodeRole};

    fn said(content: &Value, join: Join) -> String {
        Node::new("n", NodeRole::Assistant, blocks_of(content, join)).visible_text()
    }

    #[test]
    fn only_what_a_reader_saw_as_words_is_text() {
        for (content, expected) in [
            (json!("Plain."), "Plain."),
            (json!({ "text": "One object." }), "One object."),
            (json!(["A string", " in a list."]), "A string in a list."),
            (
                json!([{ "type": "output_text", "text": "Shown." }, { "type": "reasoning", "text": "no" }]),
                "Shown.",
            ),
            (
                json!([{ "type": "step-start" }, { "type": "tool-rain", "input": { "at": "no" } }, { "type": "text", "text": "Wet." }]),
                "Wet.",
            ),
            (
                json!([{ "text": "no", "thought": true }, { "text": "Yes." }, { "functionCall": { "name": "no" } }]),
                "Yes.",
            ),
            (json!([{ "type": "text", "text": { "value": "Wrapped." } }]), "Wrapped."),
            (
                json!([{ "type": "text", "data": { "text": "In data." } }, { "type": "finish", "data": { "reason": "x" } }]),
                "In data.",
            ),
            (
                json!([{ "type": "message", "content": [{ "type": "output_text", "text": "Inner." }] }]),
                "Inner.",
            ),
            (
                json!([{ "type": "input_audio", "input_audio": { "transcript": "Said aloud." } }]),
                "Said aloud.",
            ),
            (
                json!([{ "type": "document", "source": { "type": "text", "data": "In a file." } }]),
                "In a file.",
            ),
            (json!([{ "type": "hologram", "text": "no" }]), ""),
            (json!(null), ""),
        ] {
            assert_eq!(said(&content, Join::ByBorder), expected, "{content}");
        }
    }

    #[test]
    fn pieces_of_one_text_are_joined_as_they_are() {
        let parts = |texts: &[&str]| {
            Value::from(texts.iter().map(|t| json!({ "type": "text", "text": t })).collect::<Vec<_>>())
        };
        for (texts, join, expected) in [
            (&["Rain comes ", "late", ", as a rule."][..], Join::ByBorder, "Rain comes late, as a rule."),
            (&["Rain co", "mes late."], Join::ByBorder, "Rain comes late."),
            (&["First part.", "Second part."], Join::ByBorder, "First part.\n\nSecond part."),
            (&["He said “no.”", "Then he left."], Join::ByBorder, "He said “no.”\n\nThen he left."),
            (&["Shorten this", "The text."], Join::ByBorder, "Shorten this\n\nThe text."),
            (&["雨は", "遅い。"], Join::ByBorder, "雨は遅い。"),
            (&["One.", "Two."], Join::AsIs, "One.Two."),
        ] {
            assert_eq!(said(&parts(texts), join), expected, "{texts:?}");
        }
        let steps = json!([{ "type": "text", "text": "First" }, { "type": "step-start" }, { "type": "text", "text": "second" }]);
        assert_eq!(
            said(&steps, Join::AsIs),
            "First\n\nsecond",
            "a step of its own is a paragraph of its own"
        );
        let marked = json!([{ "type": "text", "text": "Dry" }, { "type": "source-url", "url": "x" }, { "type": "text", "text": " and warm." }]);
        assert_eq!(said(&marked, Join::ByBorder), "Dry and warm.", "a source parts no sentence");
    }

    #[test]
    fn unknown_parts_and_files_are_kept_by_name() {
        let content =
            json!([{ "type": "hologram", "text": "light" }, { "type": "file", "filename": "a.bin" }]);
        let blocks = blocks_of(&content, Join::ByBorder);
        let shown: Vec<_> = blocks.iter().map(|b| (b.kind, b.name.as_deref().unwrap_or_default())).collect();
        assert_eq!(shown, [(BlockKind::Unknown, "hologram"), (BlockKind::Media, "a.bin")]);
    }

    #[test]
    fn a_call_keeps_the_name_of_its_tool_and_its_arguments() {
        let calls = [
            json!({ "type": "tool_use", "name": "draw", "input": { "size": 2 } }),
            json!({ "type": "tool_call", "tool_call": { "name": "draw", "args": "{\"size\":2}" } }),
            json!({ "type": "function", "function": { "name": "draw", "arguments": "{\"size\":2}" } }),
            json!({ "type": "tool-draw", "input": { "size": 2 } }),
        ];
        for item in calls {
            let mut blocks = Vec::new();
            call(&item, string(&item, "type").expect("a type"), &mut blocks);
            assert_eq!(blocks, [Block::named(BlockKind::ToolCall, "{\"size\":2}", "draw")], "{item}");
        }
    }
}
