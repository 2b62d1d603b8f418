//! One message of a list, whatever the names of its fields.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::super::harness::{self, Names};
use super::super::json::strings;
use super::super::{facts as provider, html, messenger, parts, verdict};
use super::layers::{self, Layers};
use super::parts::{Content, add_beside, blocks, content};
use super::{chosen, log, names};
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
    /// The thread is a topic of a room, in which others stand.
    pub is_topic: bool,
    pub speaker: Speaker,
    /// The name that is shown for a speaker who is named by an id.
    pub alias: Option<String>,
    /// The role is settled by the list.
    pub node: Node,
    /// Other answers to the same prompt; with the node's own at [`Line::selected`].
    pub variants: Vec<Vec<Block>>,
    pub selected: usize,
    /// For each of the other answers the provider's word if it was cut off.
    pub cuts: Vec<Option<String>>,
    /// Id of the message that this one is another version of.
    pub replaces: Option<String>,
    /// Id of the message whose words were changed to these.
    pub edits: Option<String>,
    /// Number of the version, from 0.
    pub version: u64,
    /// Place among the answers to one prompt, the best first.
    pub rank: Option<f64>,
    /// Joined, left, pinned: nobody's words.
    pub is_service: bool,
    /// A message of somebody else that the speaker passed on.
    pub is_forwarded: bool,
    /// The export says that a program wrote it, and not for whom it speaks.
    pub is_bot: bool,
    /// The type of its row, if it names one.
    pub kind: Option<String>,
    /// If it is the first of its list, the person wrote it: programs show the task under the word for all texts.
    pub may_be_task: bool,
    /// It says that the answer before it was stopped, with the product's word.
    pub stops: Option<String>,
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
        && (says(fields) || fields.has(names::VARIANTS) || fields.has(names::TOOLS))
        && (speaker(fields) != Speaker::Nobody || has_types_of_both_sides(fields))
}

/// True if there is a field of words. What came out of something that went in is no message.
fn says(fields: Layers<'_>) -> bool {
    let is_step = fields.all(&["input"]).next().is_some();
    names::TEXTS.iter().any(|name| fields.has(&[name]) && !(is_step && *name == "output"))
}

/// True if an element without a speaker or a type says something: among messages it is one that cannot be read.
pub fn says_something(value: &Value) -> bool {
    let fields = Layers::of_message(value);
    is_untyped(fields) && speaker(fields) == Speaker::Nobody && has_words(fields)
}

/// True if an element that is no message where it stands alone may be one among messages: somebody says something who is
/// not known, or the user says nothing.
pub fn may_be_message(value: &Value) -> bool {
    let fields = Layers::of_message(value);
    !value.is_object()
        || is_untyped(fields)
            && match speaker(fields) {
                Speaker::Role(role) => role == NodeRole::User,
                Speaker::Name(_) | Speaker::Nobody => has_words(fields),
            }
}

fn is_untyped(fields: Layers<'_>) -> bool {
    !fields.has(&["type", "subtype", "kind", "event"])
}

/// True if there are words, and nothing among them says whose they are.
fn has_words(fields: Layers<'_>) -> bool {
    let content = content(fields);
    content.role.is_none() && !Node::new("", NodeRole::User, content.blocks).visible_text().is_empty()
}

/// True unless the message says of itself that the assistant, a tool or the system said it.
pub fn may_be_the_users(message: &Value) -> bool {
    let is_others = |role: NodeRole| role != NodeRole::User;
    !matches!(speaker(Layers::of_message(message)), Speaker::Role(role) if is_others(role))
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
    // A row of a log of calls has a place in a tree of calls.
    let holds_call = fields.has(&["inputs", "input", "output", "outputs"]);
    fields.has(&["uuid", "id"])
        && fields.has(&["parentUuid", "parent_uuid", "parentId", "parent_id"])
        && !holds_call
}

/// True if a row is a call of a tool, its result or a thought as a whole, which its type says: `{"type": "function_call"}`.
pub fn is_traffic(value: &Value) -> bool {
    let row = value.get("payload").filter(|inner| inner.is_object()).unwrap_or(value);
    let kind = row.get("type").and_then(Value::as_str).and_then(names::role);
    kind.is_some_and(|(_, kind)| kind != BlockKind::Text)
        && names::ROLES[..4].iter().all(|name| row.get(*name).is_none())
}

fn has_types_of_both_sides(fields: Layers<'_>) -> bool {
    fields.all(&["fragments"]).any(|(_, value)| value.is_array())
}

/// What the first word for a role says: whose words these are and what they are.
fn role_word(fields: Layers<'_>) -> Option<(NodeRole, BlockKind)> {
    let word = |value: &Value| match value {
        Value::String(word) => names::role(word),
        Value::Object(_) => {
            let inner = Layers::of([value]);
            if let Some((_, is_person)) = inner.flag(names::IS_PERSON) {
                let role = if is_person { NodeRole::User } else { NodeRole::Assistant };
                return Some((role, BlockKind::Text));
            }
            let words = inner.all(&["role", "type", "name"]).filter_map(|(_, value)| value.as_str());
            words.filter_map(names::role).next()
        }
        _ => None,
    };
    fields.all(names::ROLES).find_map(|(_, value)| word(value))
}

/// What the words of a message are, where its role or a field beside it says that they are no answer.
fn kind_of_words(fields: Layers<'_>) -> Option<BlockKind> {
    let (role, kind) = role_word(fields)?;
    let beside = || fields.values().find_map(names::kind_beside).filter(|_| role == NodeRole::Assistant);
    Some(kind).filter(|kind| *kind != BlockKind::Text).or_else(beside)
}

pub fn speaker(fields: Layers<'_>) -> Speaker {
    if let Some((role, _)) = role_word(fields) {
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

impl Line {
    /// Takes the names of people for their ids, also where others mention them.
    pub fn name_people(&mut self, people: &HashMap<String, String>) {
        if people.is_empty() {
            return;
        }
        if let Speaker::Name(id) = &self.speaker {
            self.alias = people.get(id).cloned().or(self.alias.take());
        }
        for block in self.node.blocks.iter_mut().filter(|block| block.text.contains('@')) {
            for (id, name) in people {
                block.text = block.text.replace(&format!("@{id}"), &format!("@{name}"));
            }
        }
    }

    /// Stands where an element of a list could not be read; `reason` says why.
    pub fn unread(before: Option<&Line>, reason: String) -> Line {
        let mut unread = line(&Value::Null);
        unread.node = Node { missing: Some(reason), ..Node::unread("") };
        unread.node.time_s = before.and_then(|before| before.node.time_s);
        unread.thread = before.and_then(|before| before.thread.clone());
        unread
    }
}

/// Reads one message.
pub fn line(value: &Value) -> Line {
    match messenger::of_matrix(value) {
        Some((shown, edits)) => Line { edits, ..read(&shown) },
        None => read(value),
    }
}

fn read(value: &Value) -> Line {
    let fields = Layers::of_message(value);
    let is_error = log::is_error(value);
    let stated = if is_error { Speaker::Role(NodeRole::Assistant) } else { speaker(fields) };
    let mut content: Content = content(fields);
    let stated = match (stated, content.role) {
        (Speaker::Nobody, Some(role)) => Speaker::Role(role),
        (stated, _) => stated,
    };
    add_beside(fields, &mut content);
    let typed = fields.all(&["type"]).find_map(|(_, word)| names::role(word.as_str()?));
    if let Some((_, kind)) = typed.filter(|(_, kind)| *kind != BlockKind::Text) {
        // A row that is a call, a result or a thought as a whole.
        content.blocks = parts::of_row(fields.values().next().unwrap_or(value), kind);
    } else if is_error {
        content.blocks = vec![Block::new(BlockKind::Error, strings(value))];
    } else if let Some(kind) = kind_of_words(fields) {
        for block in content.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
            block.kind = kind;
        }
    }
    let role = match &stated {
        Speaker::Role(role) => *role,
        _ => NodeRole::User,
    };
    let mut node = Node::new("", role, content.blocks);
    let (mut variants, mut cuts) = (Vec::new(), Vec::new());
    let mut marked = None;
    if let Some((_, Value::Array(list))) = fields.all(names::VARIANTS).find(|(_, value)| value.is_array()) {
        variants = list.iter().map(blocks).collect();
        cuts = list.iter().map(provider::truncated).collect();
        marked = chosen::variant(fields, list);
    }
    let selected = marked.unwrap_or_else(|| selected(fields, &variants, &node));
    if let Some(chosen) = variants.get(selected).filter(|_| node.visible_text().is_empty()) {
        node.blocks.extend(chosen.iter().cloned());
    }
    let sender = if let Speaker::Name(name) = &stated { Some(name.as_str()) } else { None };
    let is_forwarded = sender.is_some_and(|sender| messenger::is_forwarded(value, sender));
    if is_forwarded && let Some(words) = messenger::passed_on(value) {
        node.blocks.insert(0, Block::new(BlockKind::Text, words));
    }
    as_shown(fields, &mut node);
    facts(fields, &mut node);
    // Of somebody who is named the list says later whether he is the assistant.
    if role == NodeRole::Assistant || matches!(stated, Speaker::Name(_)) {
        node.truncated = node.truncated.or_else(|| cuts.get(selected).cloned().flatten());
    }
    node.hidden |= fields.any_true(names::HIDDEN);
    let kind = fields.text(&["type"]).unwrap_or_default();
    if kind.starts_with("m.room.") && kind.ends_with("encrypted") {
        messenger::as_notice(&mut node, "a message that was not decrypted", false);
    } else if fields
        .all(&["extra"])
        .any(|(_, extra)| ["narrator", "comment"].iter().any(|kind| extra["type"] == **kind))
    {
        node.hidden = true;
    }
    let is_redacted = fields.all(&["unsigned"]).any(|(_, about)| about.get("redacted_because").is_some())
        || (kind == "m.room.message" && node.blocks.is_empty() && !fields.has(&["body", "msgtype"]));
    let is_taken_back = fields.text(&["message_state"]).is_some_and(|state| state == "DELETED");
    if fields.any_true(names::DELETED) || is_redacted || is_taken_back {
        let words = node.visible_text();
        messenger::as_notice(&mut node, if words.is_empty() { "deleted" } else { &words }, true);
    }
    let words = fields.all(&["subtype", "messagetype", "type"]);
    let word = words.filter_map(|(_, word)| word.as_str()).next().map(str::to_owned);
    let kind = word.as_ref().map(|word| log::kind_of_event(value, word));
    let id = Layers::of([value]).text(names::IDS).or_else(|| fields.text(names::IDS));
    let (thread, topic) = (fields.text(names::THREADS), fields.text(names::TOPICS));
    Line {
        parent: parent(Layers::of([value]), fields),
        is_topic: thread.is_none() && topic.is_some(),
        thread: thread.or(topic),
        is_service: matches!(stated, Speaker::Name(_) | Speaker::Nobody)
            && word.as_ref().is_some_and(|word| names::is_service(word)),
        is_forwarded,
        is_bot: is_bot(fields),
        kind,
        may_be_task: value.get("may_be_task").and_then(Value::as_bool) == Some(true),
        stops: stop_of(value),
        alias: fields
            .text(&["displayName", "display_name", "real_name"])
            .filter(|_| matches!(stated, Speaker::Name(_))),
        speaker: stated,
        node,
        variants,
        selected,
        cuts,
        replaces: fields.text(&["preferenceOver", "replaces", "regenerated_from"]),
        // Larger ones are times.
        version: fields.number("version").filter(|n| (0.0..1000.0).contains(n)).map_or(0, |n| n as u64),
        edits: None,
        rank: fields.number("rank").filter(|_| role == NodeRole::Assistant),
        product: product(&[], value),
        id,
    }
}

/// The word of an event that ends the answer before it: `{"type": "event_msg", "payload": {"type": "turn_aborted"}}`, or
/// `{"type": "info", "content": "Request cancelled."}`.
pub fn stop_of(value: &Value) -> Option<String> {
    let types = [Some(value), value.get("payload"), value.get("event")].into_iter().flatten();
    let mut words = types.filter_map(|at| at.get("type")?.as_str());
    let own = words.clone().next()?;
    if names::role(own).is_some_and(|(role, _)| role != NodeRole::System) {
        return None;
    }
    let by_type = words.find(|word| provider::is_stop(word));
    let says =
        || value.get("content")?.as_str().filter(|text| own == "info" && provider::is_stop_notice(text));
    by_type.or_else(says).map(str::to_owned)
}

/// True if a messenger says that the sender is a program.
fn is_bot(fields: Layers<'_>) -> bool {
    let says_so = |fields: Layers<'_>| fields.any_true(names::IS_BOT);
    says_so(fields)
        || fields.has(&["bot_id"])
        || fields.all(&["author", "user", "sender", "from"]).any(|(_, value)| says_so(Layers::of([value])))
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

fn selected(fields: Layers<'_>, variants: &[Vec<Block>], node: &Node) -> usize {
    let text = |blocks: &[Block]| Node::new("", NodeRole::Assistant, blocks.to_vec()).visible_text();
    let same = variants.iter().position(|variant| text(variant) == node.visible_text());
    let said = fields.all(names::SELECTED).find_map(|(_, value)| value.as_u64());
    let last = variants.len().saturating_sub(1);
    same.unwrap_or_else(|| usize::try_from(said.unwrap_or(0)).map_or(last, |index| index.min(last)))
}

fn parent(own: Layers<'_>, fields: Layers<'_>) -> Parent {
    let names: &[&str] = names::PARENTS;
    match fields.all(names::PARENTS).find_map(|(_, value)| layers::scalar(value)) {
        Some(id) => Parent::Id(id),
        None => match fields.all(&["ancestors"]).find_map(|(_, list)| list.as_array()?.last()?.as_str()) {
            Some(id) => Parent::Id(id.to_owned()),
            None if own.has(names) => Parent::Root,
            None => Parent::Unsaid,
        },
    }
}

/// Time, model, cut, rating and what else the export says about a message.
fn facts(fields: Layers<'_>, node: &mut Node) {
    node.time_s = fields.time_s();
    if node.role == NodeRole::User {
        harness::unburden(node, Names::Any);
        return;
    }
    if node.role != NodeRole::Assistant {
        return;
    }
    node.model = model(fields);
    node.truncated = fields.values().find_map(provider::truncated);
    node.excluded = fields.values().find_map(provider::excluded);
    node.feedback = fields.values().find_map(verdict::of);
    node.edited = fields.any_true(names::EDITED);
    if fields.values().any(provider::is_error_message) {
        node.blocks = provider::as_error(std::mem::take(&mut node.blocks));
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

/// Texts that messengers write as HTML, or with its escapes.
fn as_shown(fields: Layers<'_>, node: &mut Node) {
    let is_html = fields.text(&["messagetype"]).is_some_and(|kind| kind.starts_with("RichText"));
    let is_slack = fields.all(&["ts"]).any(|(_, time)| time.as_str().is_some_and(messenger::is_slack_time));
    let mentions = fields.values().find_map(|layer| layer.get("mentions")?.as_array());
    for block in node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        if is_html {
            block.text = html::markdown(&messenger::skype_html(&block.text));
        } else if is_slack {
            block.text = html::decoded(&messenger::slack_links(&block.text));
        } else if let Some(mentions) = mentions {
            block.text = messenger::discord_names(&block.text, mentions);
        }
    }
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
