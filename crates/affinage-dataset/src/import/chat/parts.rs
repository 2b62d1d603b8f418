//! The content of a message under many names, by the types of [`super::super::parts`].

use serde_json::Value;

use super::super::json::{string, strings};
use super::super::long_strings::is_base64;
use super::super::parts::{self, Join};
use super::layers::Layers;
use super::names;
use crate::conversation::{Block, BlockKind, Node, NodeRole};

/// The content of one message.
#[derive(Debug, Default)]
pub struct Content {
    pub blocks: Vec<Block>,
    /// What the types of the parts say of the speaker, where nothing else does.
    pub role: Option<NodeRole>,
}

impl Content {
    fn of(value: &Value) -> Content {
        // Plain strings among the parts are pieces of one text, as messengers cut it where the form of letters changes.
        let has_strings = value.as_array().is_some_and(|items| items.iter().any(Value::is_string));
        let join = if has_strings { Join::AsIs } else { Join::ByBorder };
        Content { blocks: parts::blocks_of(value, join), role: role_of_types(value) }
    }
}

/// DeepSeek names only the parts: a request is the person's, a response the model's.
fn role_of_types(value: &Value) -> Option<NodeRole> {
    let kinds = value.as_array()?.iter().filter_map(|item| string(item, "type"));
    let roles = kinds.filter_map(|kind| match kind {
        "REQUEST" => Some(NodeRole::User),
        "RESPONSE" | "TEMPLATE_RESPONSE" => Some(NodeRole::Assistant),
        _ => None,
    });
    roles.into_iter().next()
}

/// The content: a list of parts says more than the text beside it, so lists come first.
pub fn content(fields: Layers<'_>) -> Content {
    // The object around a message is not its content.
    let is_layer = |value: &Value| fields.values().any(|layer| std::ptr::eq(layer, value));
    let values = fields.all(names::TEXTS).map(|(_, value)| value).filter(|value| !is_layer(value));
    let (lists, others): (Vec<&Value>, Vec<&Value>) = values.partition(|value| value.is_array());
    let mut unheard = Vec::new();
    for value in lists.into_iter().chain(others) {
        let unfolded = unfolded(value);
        let mut content = Content::of(unfolded.as_ref().unwrap_or(value));
        if has_text(&content.blocks) || content.role.is_some() {
            return content;
        }
        unheard.append(&mut content.blocks);
    }
    if let Some(list) = fields.values().find_map(parts::typed_list) {
        unheard.append(&mut Content::of(list).blocks);
    }
    Content { blocks: unheard, role: None }
}

/// One value as the content of a message.
pub fn blocks(value: &Value) -> Vec<Block> {
    let found = match value {
        Value::Object(_) => content(Layers::of_message(value)).blocks,
        other => Content::of(other).blocks,
    };
    found.into_iter().filter(|block| block.kind != BlockKind::Text || !block.text.trim().is_empty()).collect()
}

fn has_text(blocks: &[Block]) -> bool {
    !Node::new("", NodeRole::Assistant, blocks.to_vec()).visible_text().is_empty()
}

/// A list of parts that stands as JSON in a text.
fn unfolded(value: &Value) -> Option<Value> {
    let text = value.as_str().filter(|text| text.starts_with("[{"))?;
    let list: Value = serde_json::from_str(text).ok()?;
    let are_parts = list.as_array()?.iter().all(|item| string(item, "type").is_some());
    are_parts.then_some(list)
}

/// The words of a card that a bot sends with its message. A card with a link is the look of a page and nobody's words.
fn embedded(fields: Layers<'_>, list: &Value) -> Vec<Block> {
    let said = strings(fields.all(&["content", "text"]).next().map_or(&Value::Null, |(_, text)| text));
    let cards = list.as_array().into_iter().flatten();
    let own = cards.filter(|card| !string(card, "url").is_some_and(|url| said.contains(url)));
    own.filter_map(|card| {
        let named = |at: &Value| {
            [string(at, "name"), string(at, "value")].into_iter().flatten().collect::<Vec<_>>().join("\n")
        };
        let parts = card.get("fields").and_then(Value::as_array).into_iter().flatten().map(named);
        let head =
            [string(card, "title"), string(card, "description")].into_iter().flatten().map(str::to_owned);
        let words: Vec<String> = head.chain(parts).filter(|text| !text.is_empty()).collect();
        (!words.is_empty()).then(|| Block::new(BlockKind::Text, words.join("\n\n")))
    })
    .collect()
}

/// What is next to the content: documents before it, reasoning, tool traffic, media.
pub fn add_beside(fields: Layers<'_>, content: &mut Content) {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let documents = fields.all(names::DOCUMENTS).flat_map(|(_, value)| items(value));
    let document =
        |item: Value| Some(Block::new(BlockKind::Text, string(&item, "content").or(string(&item, "text"))?));
    content.blocks.splice(0..0, documents.filter_map(document).collect::<Vec<_>>());
    for beside in fields.values().map(parts::beside) {
        content.blocks.splice(0..0, beside.before);
        content.blocks.extend(beside.files.into_iter().chain(beside.calls));
    }
    let words: Vec<Block> = fields.all(&["embeds"]).flat_map(|(_, list)| embedded(fields, list)).collect();
    content.blocks.extend(words);
    let holds = |value: &Value| !value.is_boolean() && !value.is_number();
    let calls = fields.all(names::TOOLS).filter(|(_, value)| holds(value)).map(|(_, value)| strings(value));
    let call = |text| Block::new(BlockKind::ToolCall, text);
    content.blocks.extend(calls.filter(|text| !text.is_empty()).map(call));
    let variables = fields.all(&["variableData"]).filter_map(|(_, data)| data.get("variables")?.as_array());
    content.blocks.extend(variables.flatten().map(|item| parts::file(item, "file")));
    for (name, value) in fields.all(names::MEDIA).filter(|(_, value)| holds(value)) {
        content.blocks.extend(items(value).iter().map(|item| parts::file(item, name)));
    }
    let others = fields.all(names::OTHERS).filter(|(_, value)| value.is_object());
    content.blocks.extend(others.map(|(name, value)| Block::named(BlockKind::Unknown, strings(value), name)));
    // A picture written out is no text of a file.
    for block in content.blocks.iter_mut().filter(|block| block.kind == BlockKind::Attachment) {
        if is_base64(block.text.as_bytes()) {
            *block = Block::named(BlockKind::Media, "", block.name.take().unwrap_or_default());
        }
    }
}
