//! What one element of JSON is: told by its shape, never by the file's name.

use serde_json::Value;

use super::chat::gather::Head;
use super::chat::holder;
use super::chat::message::{Line, is_message_alone, is_structural, is_traffic, line, stop_of};
use super::chat::thread::{Holder, Threads, conversations};
use super::chat::{log, names, pairs};
use super::error::{ElementError, ImportError};
use super::json::kind_of;
use super::transcript::Roles;
use super::{
    Import, activity, annotated, by_id, change_log, chatgpt, claude, exchanges, gemini, libre_chat, llm,
    lm_studio, mend, note_records, open_webui, preferences, recast, rows, verdict,
};
use crate::conversation::{Conversation, Origin};

/// Shapes an element of JSON can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    ChatGpt,
    Claude,
    Messages,
    Pair,
    ShareGpt,
    Alpaca,
    OpenWebUi,
    LibreChat,
    LmStudio,
    AiStudio,
    GeminiWorkspace,
    Llm,
    OpenAiPreference,
    ChosenRejected,
    Labelled,
    Exchange,
    TwoSides,
}

/// What one element of JSON is.
pub(super) enum Element {
    Conversation(Box<Conversation>),
    /// A document that holds lists of messages.
    Threads(Threads),
    /// A line of a log of changes to one document.
    Change(change_log::Change),
    /// A message of a file that has one a line.
    Line(Box<Line>),
    /// A question with its answer, in a conversation that it names.
    Exchange(Vec<Line>),
    /// Nothing that is known; it may be the head of messages that stand one a line.
    Unknown {
        reason: ElementError,
        head: Head,
    },
    /// Notes that a program keeps as JSON.
    Notes(Vec<note_records::Record>),
    /// A record of My Activity; conversations are made of many.
    Activity(activity::Record),
}

/// What readers of conversations need to know beside the element.
pub(super) struct Context<'a> {
    pub ratings: &'a chatgpt::Ratings,
    pub roles: &'a Roles,
    /// Other files of the export may go on with its chats.
    pub is_part: bool,
    pub origin: Origin,
}

/// A parsed object takes about a kilobyte: this bounds the memory of one element at 300 MB. Real conversations of
/// thousands of messages hold some ten thousand.
const MAX_OBJECTS: usize = 250_000;

/// The value, and how many of its characters were wrong. Errors: it holds more objects than memory should.
pub(super) fn parse(bytes: &[u8]) -> Result<(Value, usize), ElementError> {
    if memchr::memchr_iter(b'{', bytes).count() > MAX_OBJECTS {
        return Err(ElementError::TooManyObjects { limit: MAX_OBJECTS });
    }
    mend::parse(bytes)
}

pub(super) fn element_of<E: From<ImportError>>(
    bytes: &[u8],
    import: &mut Import<'_, E>,
    origin: &Origin,
) -> Result<Element, ElementError> {
    let (mut value, mended) = parse(bytes)?;
    import.mended += mended;
    import.together.answers.join(&mut value);
    let is_part = import.together.series.has(&origin.member);
    let context =
        Context { ratings: &import.together.ratings, roles: import.roles, is_part, origin: origin.clone() };
    element(&value, &context)
}

/// What a value is.
pub(super) fn element(value: &Value, context: &Context<'_>) -> Result<Element, ElementError> {
    if let Some(change) = change_log::change(value) {
        return Ok(Element::Change(change));
    }
    if let Some(record) = activity::record(value, &context.origin) {
        return Ok(Element::Activity(record));
    }
    let value = &*rows::unfolded(value);
    let value = &*open_webui::rated(value);
    let value = &*by_id::joined(value);
    let value = &*annotated::as_row(value);
    if let Some(message) = recast::event(value) {
        return Ok(Element::Line(Box::new(line(&message))));
    }
    if let Some(conversations) = recast::conversations(value) {
        let holder = Holder::of(&[value]);
        return Ok(Element::Threads(Threads::of(conversations, &holder, context.roles, &context.origin)));
    }
    if is_known(value) {
        return Ok(Element::Conversation(Box::new(conversation(value, context)?)));
    }
    if is_message_alone(value) && !pairs::is_pair(value) || is_row_of_log(value) {
        return Ok(Element::Line(Box::new(line(value))));
    }
    match holder::read(value, context) {
        Ok(threads) => Ok(Element::Threads(threads)),
        // A row that is one question with its answer.
        Err(ElementError::UnknownShape { .. }) if pairs::is_row(value) => {
            let lines = pairs::lines(value).map(Vec::from).unwrap_or_default();
            if lines.iter().any(|line| line.thread.is_some() && line.node.time_s.is_some()) {
                return Ok(Element::Exchange(pairs::led(lines, value)));
            }
            let holder = Holder { model: None, title: None, ..Holder::of(&[value]) };
            Ok(Element::Threads(conversations(lines, &holder, context.roles, &context.origin)))
        }
        Err(
            reason @ (ElementError::UnknownShape { .. }
            | ElementError::UnknownMessages { .. }
            | ElementError::NotAnObject { .. }),
        ) => Ok(match note_records::read(value) {
            Some(records) => Element::Notes(records),
            None => Element::Unknown { reason, head: Head::of(value) },
        }),
        Err(error) => Err(error),
    }
}

/// True for a row that stands alone and has a place among messages: in their tree, a call or a thought as a whole, or the
/// end of an answer.
fn is_row_of_log(value: &Value) -> bool {
    is_structural(value) || is_traffic(value) || log::is_error(value) || stop_of(value).is_some()
}

/// True if the object is a conversation of a known product, or a row of a known kind.
pub(super) fn is_known(value: &Value) -> bool {
    shape(value).is_some()
}

/// The error for an object of no known shape: what was looked for and what is there.
pub(super) fn unknown(value: &Value) -> ElementError {
    let Some(fields) = value.as_object() else {
        return ElementError::NotAnObject { found: kind_of(value) };
    };
    // A list that is there is not missing: its elements are not understood.
    let list = names::LISTS.iter().find_map(|name| {
        let first = fields.get(*name)?.as_array()?.iter().find(|item| item.is_object())?;
        Some((*name, first))
    });
    match list {
        Some((list, first)) => ElementError::UnknownMessages {
            list: list.to_owned(),
            keys: keys(first.as_object().unwrap_or(fields)),
            looked_for: [&names::ROLES[..4], &names::TEXTS[..2]].concat().join("`, `"),
        },
        None => ElementError::UnknownShape { keys: keys(fields), looked_for: names::LISTS[..4].join("`, `") },
    }
}

/// The first names of the fields, for an error.
fn keys(fields: &serde_json::Map<String, Value>) -> String {
    let keys: Vec<String> = fields.keys().take(8).map(|key| format!("`{key}`")).collect();
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}

/// Reads an object for which [`is_known`] holds.
pub(super) fn conversation(value: &Value, context: &Context<'_>) -> Result<Conversation, ElementError> {
    let origin = context.origin.clone();
    match shape(value).ok_or_else(|| unknown(value))? {
        Shape::ChatGpt => chatgpt::conversation(value, context.ratings, origin),
        Shape::Claude => claude::conversation(value, origin),
        Shape::Messages => rows::messages(value, origin),
        Shape::Pair => rows::pair(value, origin),
        Shape::ShareGpt => rows::share_gpt(value, origin),
        Shape::Alpaca => rows::alpaca(value, origin),
        Shape::OpenWebUi => open_webui::conversation(value, origin),
        Shape::LibreChat => libre_chat::conversation(value, origin),
        Shape::LmStudio => lm_studio::conversation(value, origin),
        Shape::AiStudio => gemini::ai_studio(value, origin),
        Shape::GeminiWorkspace => gemini::workspace(value, origin),
        Shape::Llm => llm::conversation(value, origin),
        Shape::OpenAiPreference => preferences::open_ai(value, origin),
        Shape::ChosenRejected => preferences::chosen_rejected(value, origin),
        Shape::Labelled => preferences::labelled(value, origin),
        Shape::Exchange => exchanges::conversation(value, origin),
        Shape::TwoSides => preferences::two_sides(value, origin),
    }
}

fn shape(value: &Value) -> Option<Shape> {
    match own_shape(value) {
        // What looks like a list of messages may be half of a call to a model.
        None | Some(Shape::Messages | Shape::ShareGpt) if exchanges::is_exchange(value) => {
            Some(Shape::Exchange)
        }
        own => own,
    }
}

/// The shape by the fields of the object itself.
fn own_shape(value: &Value) -> Option<Shape> {
    let fields = value.as_object()?;
    if let Some(Value::Object(mapping)) = fields.get("mapping") {
        // DeepSeek writes the same tree with other messages.
        let has_fragments = |node: &Value| node.pointer("/message/fragments").is_some();
        return (!mapping.values().any(has_fragments)).then_some(Shape::ChatGpt);
    }
    // A conversation that lost its messages.
    let is_shell = fields.get("mapping").is_some_and(Value::is_null)
        || (fields.contains_key("conversation_id") && fields.contains_key("create_time"));
    if is_shell {
        return Some(Shape::ChatGpt);
    }
    let is_array = |key: &str| fields.get(key).is_some_and(Value::is_array);
    let first_has = |key: &str, field: &str| {
        fields[key].as_array().and_then(|a| a.first()).is_none_or(|m| m.get(field).is_some())
    };
    let has = |pointer: &str| value.pointer(pointer).is_some();
    // Rows hold roles and contents; chat clients give titles, times or parts, too.
    let is_row = |key: &str| {
        let list = fields[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let any_has = |names: &[&str]| list.iter().any(|m| names.iter().any(|name| m.get(*name).is_some()));
        first_has(key, "role")
            && (list.is_empty() || any_has(&["content"]))
            && !any_has(&["parts"])
            && !any_has(names::TIMES)
            && !names::CLIENT_FIELDS.iter().chain(names::TIMES).any(|name| fields.contains_key(*name))
            && !holder::has_lists_beside(fields, key)
    };
    if verdict::sides(value).is_some() {
        Some(Shape::TwoSides)
    } else if is_array("chat_messages") {
        Some(Shape::Claude)
    } else if ["/chat/history/messages", "/history/messages", "/chat/messages"].iter().any(|key| has(key)) {
        Some(Shape::OpenWebUi)
    } else if fields.contains_key("conversationId") && (is_array("messages") || is_array("messagesTree")) {
        Some(Shape::LibreChat)
    } else if is_array("messages")
        && !fields["messages"].as_array().is_some_and(Vec::is_empty)
        && first_has("messages", "versions")
    {
        Some(Shape::LmStudio)
    } else if has("/chunkedPrompt/chunks") {
        Some(Shape::AiStudio)
    } else if is_array("conversation_turns") {
        Some(Shape::GeminiWorkspace)
    } else if ["chosen", "rejected"].iter().all(|key| fields.contains_key(*key))
        && ["messages", "conversations", "conversation"].iter().any(|key| is_array(key))
    {
        Some(Shape::ChosenRejected)
    } else if is_array("messages") && is_row("messages") {
        Some(Shape::Messages)
    } else if is_array("conversations") && first_has("conversations", "from") {
        Some(Shape::ShareGpt)
    } else if ["conversation", "conversations"].iter().any(|key| is_array(key) && is_row(key)) {
        Some(Shape::Messages)
    } else if fields.contains_key("preferred_output") && fields.contains_key("non_preferred_output") {
        Some(Shape::OpenAiPreference)
    } else if fields.contains_key("chosen") && fields.contains_key("rejected") {
        Some(Shape::ChosenRejected)
    } else if ["prompt", "completion", "label"].iter().all(|key| fields.contains_key(*key)) {
        Some(Shape::Labelled)
    } else if is_array("llm_messages") {
        Some(Shape::Llm)
    } else if rows::is_alpaca(value) || fields.contains_key("instruction") && fields.contains_key("output") {
        Some(Shape::Alpaca)
    } else if fields.contains_key("prompt") && fields.contains_key("completion") {
        Some(Shape::Pair)
    } else {
        None
    }
}
