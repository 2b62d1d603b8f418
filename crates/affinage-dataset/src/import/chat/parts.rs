//! The content of a message: a text, a list of parts, or an object around either.

use serde_json::Value;

use super::super::json::{string, strings};
use super::names::{self, Layers};
use crate::conversation::{Block, BlockKind, NodeRole};

/// What a part of a given type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Of(BlockKind),
    /// Parts a text where the model did something else between two pieces.
    Break,
    /// A mark inside a text: the text goes on behind it.
    Mark,
}

/// Words for types of parts: exact ones first, then what the type contains.
fn part(kind: &str) -> Part {
    const TEXT: [&str; 34] = [
        "text",
        "input_text",
        "output_text",
        "markdown",
        "markdowncontent",
        "md",
        "plain",
        "paragraph",
        "refusal",
        "response",
        "template_response",
        "request",
        "message",
        "m.text",
        "voice_note",
        "audio_transcription",
        "transcript",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "link",
        "text_link",
        "mention",
        "mention_name",
        "hashtag",
        "cashtag",
        "code",
        "pre",
        "spoiler",
        "blockquote",
        "email",
        "phone",
        "bot_command",
    ];
    const CONTAINS: [(Part, &[&str]); 4] = [
        (Part::Of(BlockKind::Reasoning), &["reason", "think", "thought"]),
        (
            Part::Of(BlockKind::ToolCall),
            &[
                "tool",
                "function",
                "search",
                "call",
                "command",
                "exec",
                "confirmation",
                "edit",
                "undo",
                "progress",
            ],
        ),
        (
            Part::Of(BlockKind::Media),
            &[
                "image",
                "audio",
                "video",
                "file",
                "document",
                "media",
                "attachment",
                "pdf",
                "sticker",
                "photo",
            ],
        ),
        (Part::Break, &["step", "snapshot", "patch"]),
    ];
    const MARKS: [&str; 6] =
        ["source", "reference", "citation", "custom_emoji", "annotation", "codeblockuri"];
    let kind = kind.to_lowercase();
    if TEXT.contains(&kind.as_str()) || names::role(&kind).is_some_and(|(_, kind)| kind == BlockKind::Text) {
        return Part::Of(BlockKind::Text);
    }
    if kind.contains("result") || kind.contains("output") {
        return Part::Of(BlockKind::ToolResult);
    }
    if MARKS.iter().any(|mark| kind.contains(mark)) {
        return Part::Mark;
    }
    let holds = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    CONTAINS
        .into_iter()
        .find(|(_, words)| holds(words))
        .map_or(Part::Of(BlockKind::Unknown), |(part, _)| part)
}

/// The content of one message as blocks.
#[derive(Debug, Default)]
pub struct Content {
    pub blocks: Vec<Block>,
    /// What the types of the parts say of the speaker, where nothing else does.
    pub role: Option<NodeRole>,
    /// The next text goes on where the last block ends.
    continues: bool,
}

impl Content {
    pub fn has_text(&self) -> bool {
        self.blocks.iter().any(|block| block.kind == BlockKind::Text && !block.text.trim().is_empty())
    }

    /// Adds a content. The pieces of a model's text are put together as they are: they were cut where a mark or a
    /// citation stood. A person's parts are texts of their own, unless plain strings stand among them.
    pub fn add(&mut self, value: &Value, by_person: bool) {
        match value {
            Value::String(text) => self.text(text, false),
            Value::Array(items) => {
                let pieces = !by_person || items.iter().any(Value::is_string);
                for item in items {
                    self.part(item, pieces);
                }
                self.continues = false;
            }
            Value::Object(_) => self.part(value, !by_person),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, is_piece: bool) {
        match self.blocks.last_mut().filter(|last| is_piece && last.kind == BlockKind::Text) {
            Some(last) if self.continues => last.text.push_str(text),
            _ => self.blocks.push(Block::new(BlockKind::Text, text)),
        }
        self.continues = is_piece;
    }

    fn part(&mut self, item: &Value, pieces: bool) {
        if let Some(text) = item.as_str() {
            return self.text(text, pieces);
        }
        if let Some(inner) = item.get("part").filter(|inner| inner.is_object()) {
            return self.part(inner, pieces);
        }
        let kind = ["type", "kind", "pt", "msgtype", "content_type", "modality"]
            .iter()
            .find_map(|key| string(item, key));
        let text = text_of(item);
        let part = match kind {
            Some(kind) => part(kind),
            None if text.is_some() => Part::Of(BlockKind::Text),
            None if item.get("inline_data").or_else(|| item.get("inlineData")).is_some() => {
                Part::Of(BlockKind::Media)
            }
            None => Part::Of(BlockKind::Unknown),
        };
        let kind = kind.unwrap_or_default();
        match part {
            Part::Of(BlockKind::Text) => {
                let words = names::role(kind).map(|(role, _)| role);
                let by = match kind.to_lowercase().as_str() {
                    "request" => Some(NodeRole::User),
                    "response" | "template_response" => Some(NodeRole::Assistant),
                    _ => words,
                };
                self.role = self.role.or(by);
                text.into_iter().for_each(|text| self.text(&text, pieces));
                return;
            }
            Part::Of(BlockKind::Media) => {
                self.blocks.push(Block::named(BlockKind::Media, "", media_name(item, kind)))
            }
            Part::Of(BlockKind::Unknown) if kind.is_empty() && strings(item).is_empty() => {}
            Part::Of(other) => self.blocks.push(Block::named(other, strings(item), kind)),
            // A place in the code that the model names: `{"kind": "inlineReference", "inlineReference": {"name"}}`.
            Part::Mark => {
                let named = item.get(kind).and_then(|at| string(at, "name"));
                named.into_iter().for_each(|name| self.text(name, pieces));
                return;
            }
            Part::Break => {}
        }
        self.continues = false;
    }
}

/// `"text"`, or `{"text": {"value": "..."}}`.
fn text_of(item: &Value) -> Option<String> {
    names::PART_TEXTS.iter().find_map(|key| match item.get(*key)? {
        Value::String(text) => Some(text.clone()),
        wrapped @ Value::Object(_) => {
            string(wrapped, "value").or_else(|| string(wrapped, "text")).map(str::to_owned)
        }
        _ => None,
    })
}

/// What stands beside the content: documents before it, reasoning, tool traffic, media.
pub fn beside(fields: Layers<'_>, content: &mut Content) {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let documents = fields.all(names::DOCUMENTS).flat_map(|(_, value)| items(value));
    let documents = documents.filter_map(|item| Some(Block::new(BlockKind::Text, text_of(&item)?)));
    content.blocks.splice(0..0, documents.collect::<Vec<_>>());
    for (names, kind) in [(names::REASONING, BlockKind::Reasoning), (names::TOOLS, BlockKind::ToolCall)] {
        let values = fields.all(names).filter(|(_, value)| !value.is_boolean() && !value.is_number());
        content
            .blocks
            .extend(values.map(|(_, value)| Block::new(kind, strings(value))).filter(|b| !b.text.is_empty()));
    }
    for (name, value) in
        fields.all(names::MEDIA).filter(|(_, value)| !value.is_boolean() && !value.is_number())
    {
        content.blocks.extend(items(value).iter().map(|item| {
            let extracted = ["extracted_content", "extractedContent", "content", "text"].iter();
            match extracted.filter_map(|key| string(item, key)).find(|text| !is_encoded(text)) {
                Some(text) => Block::named(BlockKind::Attachment, text, media_name(item, name)),
                None => Block::named(BlockKind::Media, "", media_name(item, name)),
            }
        }));
    }
}

fn media_name(item: &Value, kind: &str) -> String {
    let name =
        ["file_name", "fileName", "filename", "name", "title"].iter().find_map(|key| string(item, key));
    name.unwrap_or(kind).to_owned()
}

/// A data URI or base64: no words.
fn is_encoded(text: &str) -> bool {
    text.starts_with("data:") || super::super::long_strings::is_base64(text.as_bytes())
}
