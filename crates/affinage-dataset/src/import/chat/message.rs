//! One message of a list, whatever the names of its fields.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::names::{self, Layers};
use super::parts::{Content, beside};
use crate::conversation::{Block, BlockKind, Node, NodeRole, Provider};

/// Who said a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    Role(NodeRole),
    /// A person's name, or a word that is no role.
    Name(String),
    Nobody,
}

/// What a message says of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    Unsaid,
    Root,
    Id(String),
}

/// A message before its list says who is who.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: Option<String>,
    pub parent: Parent,
    pub thread: Option<String>,
    pub speaker: Speaker,
    /// The role is settled by the list.
    pub node: Node,
    /// Other answers to the same prompt; with the node's own at [`Line::selected`].
    pub variants: Vec<Vec<Block>>,
    pub selected: usize,
    /// Id of the message that this one is another version of.
    pub replaces: Option<String>,
    /// Number of the version, from 0.
    pub version: u64,
    /// Joined, left, pinned: nobody's words.
    pub is_service: bool,
    pub product: Option<Provider>,
}

/// Types of rows that say again what other rows say.
const REPEATED: [&str; 1] = ["event_msg"];

/// True if an element of a list is a message: somebody says something.
pub fn is_message(value: &Value) -> bool {
    let fields = Layers::of_message(value);
    let is_repeated = |kind: &str| REPEATED.contains(&kind);
    value.is_object()
        && !value.get("type").and_then(Value::as_str).is_some_and(is_repeated)
        && (fields.has(names::TEXTS) || fields.has(names::VARIANTS) || fields.has(names::TOOLS))
        && (speaker(fields) != Speaker::Nobody || has_types_of_both_sides(fields))
}

/// True if the element is surely a message where it stands alone: by a role, or by a person with a time or an id.
pub fn is_message_alone(value: &Value) -> bool {
    let fields = Layers::of_message(value);
    is_message(value)
        && match speaker(fields) {
            Speaker::Role(_) => true,
            Speaker::Name(_) => fields.time_s().is_some(),
            Speaker::Nobody => false,
        }
}

/// True if an element is no message but has a place in the tree of messages.
pub fn is_structural(value: &Value) -> bool {
    let fields = Layers::of([value]);
    fields.has(&["uuid", "id"]) && fields.has(&["parentUuid", "parent_uuid", "parentId", "parent_id"])
}

fn has_types_of_both_sides(fields: Layers<'_>) -> bool {
    fields.all(&["fragments"]).any(|(_, value)| value.is_array())
}

pub fn speaker(fields: Layers<'_>) -> Speaker {
    let word = |value: &Value| match value {
        Value::String(word) => names::role(word).map(|(role, _)| role),
        Value::Object(_) => {
            let inner = Layers::of([value]);
            if let Some((_, is_person)) = inner.flag(names::IS_PERSON) {
                return Some(if is_person { NodeRole::User } else { NodeRole::Assistant });
            }
            let words = inner.all(&["role", "type", "name"]).filter_map(|(_, value)| value.as_str());
            words.filter_map(names::role).map(|(role, _)| role).next()
        }
        _ => None,
    };
    if let Some(role) = fields.all(names::ROLES).find_map(|(_, value)| word(value)) {
        return Speaker::Role(role);
    }
    if let Some((_, is_person)) = fields.flag(names::IS_PERSON) {
        return Speaker::Role(if is_person { NodeRole::User } else { NodeRole::Assistant });
    }
    if let Some((_, is_model)) = fields.flag(names::IS_MODEL) {
        return Speaker::Role(if is_model { NodeRole::Assistant } else { NodeRole::User });
    }
    let person = |value: &Value| match value {
        Value::String(name) => Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
        Value::Object(_) => Layers::of([value]).text(names::PERSON),
        _ => None,
    };
    // A role that is no known word is a name too: it is named where the message is left out.
    let stated =
        fields.all(&["role"]).chain(fields.all(names::SPEAKERS)).find_map(|(_, value)| person(value));
    stated.map_or(Speaker::Nobody, Speaker::Name)
}

/// Reads one message. `in_session`: of an agent's record, where the machine writes in the person's name.
pub fn line(value: &Value, in_session: bool) -> Line {
    let fields = Layers::of_message(value);
    let stated = speaker(fields);
    let by_person = match &stated {
        Speaker::Role(role) => *role == NodeRole::User,
        Speaker::Name(_) => true,
        Speaker::Nobody => false,
    };
    let mut content = content(fields, by_person);
    let stated = match (stated, content.role) {
        (Speaker::Nobody, Some(role)) => Speaker::Role(role),
        (stated, _) => stated,
    };
    beside(fields, &mut content);
    let typed = fields.all(&["type"]).find_map(|(_, word)| names::role(word.as_str()?));
    if let Some((_, kind)) = typed.filter(|(_, kind)| *kind != BlockKind::Text) {
        // A row that is a call, a result or a thought as a whole.
        content.blocks = vec![Block::new(kind, super::super::json::strings(value))];
    }
    let role = match &stated {
        Speaker::Role(role) => settled(*role, &content.blocks),
        _ => NodeRole::User,
    };
    let mut node = Node::new("", role, content.blocks);
    let mut variants = Vec::new();
    if let Some((_, Value::Array(list))) = fields.all(names::VARIANTS).find(|(_, value)| value.is_array()) {
        variants = list.iter().map(|variant| content_of_variant(variant, by_person).blocks).collect();
    }
    let selected = selected(fields, &variants, &node);
    if let Some(chosen) = variants.get(selected).filter(|_| node.visible_text().is_empty()) {
        node.blocks.extend(chosen.iter().cloned());
    }
    facts(fields, &mut node, in_session);
    let hidden_row = fields.flag(names::HIDDEN).is_some_and(|(_, hidden)| hidden);
    node.hidden |= hidden_row;
    let word = fields.all(&["subtype", "type"]).find_map(|(_, word)| word.as_str().map(str::to_owned));
    let id = Layers::of([value]).text(names::IDS).or_else(|| fields.text(names::IDS));
    Line {
        parent: parent(Layers::of([value]), fields),
        thread: fields.text(names::THREADS),
        is_service: matches!(stated, Speaker::Name(_) | Speaker::Nobody)
            && word.is_some_and(|word| names::is_service(&word)),
        speaker: match stated {
            Speaker::Role(_) => Speaker::Role(role),
            other => other,
        },
        node,
        variants,
        selected,
        replaces: fields.text(&["preferenceOver", "replaces", "regenerated_from"]),
        version: fields.number("version").filter(|n| *n >= 0.0).map_or(0, |n| n as u64),
        product: product(&[], value),
        id,
    }
}

/// The first product whose fields all are there.
pub fn product(holders: &[&Value], message: &Value) -> Option<Provider> {
    let fields = Layers::of_message(message);
    names::PRODUCTS
        .iter()
        .find(|(_, of_holder, of_message)| {
            of_holder.iter().all(|key| holders.iter().any(|holder| holder.get(*key).is_some()))
                && of_message.iter().all(|key| fields.has(&[key]))
        })
        .map(|(provider, ..)| *provider)
}

/// The content: a list of parts says more than the text beside it, so lists come first.
pub fn content(fields: Layers<'_>, by_person: bool) -> Content {
    let (lists, others): (Vec<&Value>, Vec<&Value>) =
        fields.all(names::TEXTS).map(|(_, value)| value).partition(|value| value.is_array());
    let mut unheard = Vec::new();
    for value in lists.into_iter().chain(others) {
        let mut content = Content::default();
        match value {
            Value::String(text) if text.starts_with('[') => match serde_json::from_str::<Value>(text) {
                Ok(list) if list.as_array().is_some_and(|list| list.iter().all(Value::is_object)) => {
                    content.add(&list, by_person);
                }
                _ => content.add(value, by_person),
            },
            _ => content.add(value, by_person),
        }
        if content.has_text() || content.role.is_some() {
            return content;
        }
        unheard.append(&mut content.blocks);
    }
    let mut content = Content::default();
    content.blocks = unheard;
    content
}

fn content_of_variant(variant: &Value, by_person: bool) -> Content {
    match variant {
        Value::Object(_) => content(Layers::of_message(variant), by_person),
        other => {
            let mut content = Content::default();
            content.add(other, by_person);
            content
        }
    }
}

/// A user's row that holds only results of tools is not the user's.
fn settled(role: NodeRole, blocks: &[Block]) -> NodeRole {
    let is_result = |block: &Block| matches!(block.kind, BlockKind::ToolResult | BlockKind::ToolCall);
    let only_results = !blocks.is_empty() && blocks.iter().all(is_result);
    if role == NodeRole::User && only_results { NodeRole::Tool } else { role }
}

fn selected(fields: Layers<'_>, variants: &[Vec<Block>], node: &Node) -> usize {
    let text = |blocks: &[Block]| Node::new("", NodeRole::Assistant, blocks.to_vec()).visible_text();
    let same = variants.iter().position(|variant| text(variant) == node.visible_text());
    let said = fields.all(names::SELECTED).find_map(|(_, value)| value.as_u64());
    let last = variants.len().saturating_sub(1);
    same.unwrap_or_else(|| usize::try_from(said.unwrap_or(0)).map_or(last, |index| index.min(last)))
}

fn parent(own: Layers<'_>, fields: Layers<'_>) -> Parent {
    let names: &[&str] = names::PARENTS;
    match fields.all(names::PARENTS).find_map(|(_, value)| names::scalar(value)) {
        Some(id) => Parent::Id(id),
        None => match fields.all(&["ancestors"]).find_map(|(_, list)| list.as_array()?.last()?.as_str()) {
            Some(id) => Parent::Id(id.to_owned()),
            None if own.has(names) => Parent::Root,
            None => Parent::Unsaid,
        },
    }
}

/// Time, model, cut, rating and what else the export says about a message.
fn facts(fields: Layers<'_>, node: &mut Node, in_session: bool) {
    node.time_s = fields.time_s();
    if node.role == NodeRole::User {
        if in_session {
            unburden(node);
        }
        return;
    }
    if node.role != NodeRole::Assistant {
        return;
    }
    node.model = model(fields);
    node.truncated = cut(fields);
    node.feedback = fields.all(names::RATINGS).find_map(|(_, value)| names::rating(value));
    node.edited = fields.flag(names::EDITED).is_some_and(|(_, edited)| edited);
    let unwanted = |name: &str| {
        fields.values().any(|layer| match layer.get(name) {
            Some(Value::Bool(wanted)) => !wanted,
            Some(Value::Number(weight)) => weight.as_f64() == Some(0.0),
            _ => false,
        })
    };
    node.excluded = ["weight", "train", "loss"].into_iter().find(|name| unwanted(name)).map(str::to_owned);
    let failed = fields.flag(names::ERRORS).is_some_and(|(_, failed)| failed);
    if failed {
        for block in node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
            block.kind = BlockKind::Error;
        }
    }
    let sources =
        fields.all(names::SOURCES).filter_map(|(_, list)| Some(list.as_array()?.len())).max().unwrap_or(0);
    for block in node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        block.text = plain(&block.text, sources);
    }
}

pub fn model(fields: Layers<'_>) -> Option<String> {
    fields.all(names::MODELS).find_map(|(_, value)| match value {
        Value::String(name) => Some(name.clone()),
        Value::Object(_) => Layers::of([value]).text(&["modelName", "name", "id"]),
        _ => None,
    })
}

fn cut(fields: Layers<'_>) -> Option<String> {
    let flagged = fields.all(names::CUT_FLAGS).find(|(_, value)| value.as_bool() == Some(true));
    let word = fields.all(names::CUT_REASONS).find_map(|(_, value)| {
        value.as_str().filter(|word| names::CUT_WORDS.contains(&word.to_lowercase().as_str()))
    });
    word.or(flagged.map(|(name, _)| name)).map(str::to_owned)
}

/// Elements an agent writes into the person's turns: `<system-reminder>...</system-reminder>`, `<environment_context>`.
static MACHINE_START: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*<([a-z]+(?:[-_][a-z]+)+)[^>]*>").expect("a valid pattern"));

/// Takes what the machine wrote before and behind the person's words out of a turn.
fn unburden(node: &mut Node) {
    for block in node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        let mut text = block.text.as_str();
        loop {
            let trimmed = text.trim();
            if let Some(found) = MACHINE_START.captures(trimmed) {
                let end = format!("</{}>", &found[1]);
                let Some(at) = trimmed.find(&end) else { break };
                text = &trimmed[at + end.len()..];
            } else if let Some((before, name)) = machine_end(trimmed) {
                let Some(at) = before.rfind(&format!("<{name}")) else { break };
                text = &trimmed[..at];
            } else {
                break;
            }
        }
        if text.len() != block.text.len() {
            block.text = text.trim().to_owned();
        }
    }
    if node.visible_text().is_empty() && node.media_count() == 0 {
        node.hidden = true;
    }
}

/// The text before `</some-name>` at the end, and the name.
fn machine_end(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_suffix('>')?;
    let (before, name) = inside.rsplit_once("</")?;
    let is_name =
        name.contains(['-', '_']) && name.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '_');
    is_name.then_some((before, name))
}

/// Elements that Grok's page renders, with the space before them.
static RENDERED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)[ \t]?<grok:[a-z-]+[^>]*?(?:/>|>.*?</grok:[a-z-]+>)|</?xaiArtifact[^>]*>")
        .expect("a valid pattern")
});
static NUMBERED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[ \t]?\[(\d{1,3})\]").expect("a valid pattern"));

/// Model text without a product's marks: rendered elements, and `[3]` where the message lists that many sources.
pub fn plain(text: &str, sources: usize) -> String {
    let text = RENDERED.replace_all(text, "");
    if sources == 0 || !text.contains('[') {
        return text.into_owned();
    }
    let mut kept = String::with_capacity(text.len());
    for (index, span) in text.split('`').enumerate() {
        if index > 0 {
            kept.push('`');
        }
        if index % 2 == 1 {
            kept.push_str(span);
            continue;
        }
        let mut at = 0;
        for found in NUMBERED.captures_iter(span) {
            let Some(whole) = found.get(0) else { continue };
            let is_source = found[1].parse::<usize>().is_ok_and(|number| (1..=sources).contains(&number));
            let is_link = span[whole.end()..].starts_with(['(', ':']);
            if is_source && !is_link {
                kept.push_str(&span[at..whole.start()]);
                at = whole.end();
            }
        }
        kept.push_str(&span[at..]);
    }
    kept
}
