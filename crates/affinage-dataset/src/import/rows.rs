//! Dataset rows: `messages`, prompt/completion pairs, ShareGPT and Alpaca.
//!
//! A row is recognised by its id, if it has one, and its words: see [`crate::identity`]. Lists that stand as a JSON text
//! in a string, as columns of tables often do, are read like lists.
//!
//! Parts of one content are pieces of one text where the border lies inside a line, else paragraphs: rows come from
//! servers of every make, and a row does not say from which.

use std::borrow::Cow;

use serde_json::Value;

use super::annotated::SUPERSEDED;
use super::chat::message::may_be_the_users;
use super::chat::names::{kind_beside, role};
use super::error::ElementError;
use super::json::{Odd, array, mismatch, string};
use super::parts::{Beside, Join, beside, blocks_of};
use super::{LeftOut, LeftOutKind, facts, instructions, verdict};
use crate::conversation::{
    Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider, TreeError,
};
use crate::hash::short_hash;

/// A turn before it becomes a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub role: NodeRole,
    blocks: Vec<Block>,
    truncated: Option<String>,
    excluded: Option<String>,
    feedback: Option<Feedback>,
    /// Stands where a message could not be read.
    is_unread: bool,
    /// Messages of the list that could not be read; they stand with its first turn.
    left_out: LeftOut,
}

/// `{"messages": [{"role", "content"}]}`, also as `conversation` or `conversations`; content is a string or a list of parts.
pub fn messages(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let key = ["messages", "conversation", "conversations"].into_iter().find(|key| row.get(*key).is_some());
    let turns = message_list(array(row, key.unwrap_or("messages"))?)?;
    Ok(linear(Provider::Messages, row, turns, origin)?)
}

/// `{"prompt", "completion"}`, each a string or a list of messages.
pub fn pair(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let mut turns = turns_of(row, "prompt", NodeRole::User)?;
    turns.extend(turns_of(row, "completion", NodeRole::Assistant)?);
    Ok(linear(Provider::Messages, row, turns, origin)?)
}

/// The turns of a field that is one text of `role` or a list of messages.
pub(super) fn turns_of(row: &Value, key: &str, role: NodeRole) -> Result<Vec<Turn>, ElementError> {
    match row.get(key) {
        Some(Value::String(text)) => Ok(vec![Turn::text(role, text)]),
        Some(Value::Array(list)) => message_list(list),
        Some(message @ Value::Object(_)) => message_list(std::slice::from_ref(message)),
        other => Err(mismatch(key, other, "a string or a list of messages")),
    }
}

/// The row with lists of messages that stand as JSON text in a string made lists.
pub fn unfolded(row: &Value) -> Cow<'_, Value> {
    const LISTS: [&str; 7] =
        ["messages", "conversations", "conversation", "prompt", "completion", "chosen", "rejected"];
    let list = |key: &str| {
        let text = row.get(key)?.as_str().filter(|text| text.trim_start().starts_with('['))?;
        let list: Vec<Value> = serde_json::from_str(text).ok()?;
        let is_message = |m: &Value| m.get("role").or_else(|| m.get("from")).is_some_and(Value::is_string);
        (!list.is_empty() && list.iter().all(is_message)).then(|| (key.to_owned(), Value::Array(list)))
    };
    let lists: Vec<(String, Value)> = LISTS.iter().filter_map(|key| list(key)).collect();
    match row.as_object().filter(|_| !lists.is_empty()) {
        Some(fields) => {
            let mut fields = fields.clone();
            fields.extend(lists);
            Cow::Owned(Value::Object(fields))
        }
        None => Cow::Borrowed(row),
    }
}

/// `{"conversations": [{"from", "value"}], "system"}`.
pub fn share_gpt(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let turns = list_of("conversations", array(row, "conversations")?)?;
    Ok(linear(Provider::ShareGpt, row, turns, origin)?)
}

/// Fields of the text that an instruction is about, and of its answer.
const INPUTS: [&str; 2] = ["input", "context"];
const OUTPUTS: [&str; 5] = ["output", "response", "completion", "answer", "target"];

/// True if the row is an instruction with its answer.
pub fn is_alpaca(row: &Value) -> bool {
    row.get("instruction").is_some()
        && OUTPUTS.iter().any(|key| row.get(*key).is_some_and(|at| at.is_string()))
}

/// True for the words by which data sets say that there is no input.
fn is_nothing(text: &str) -> bool {
    const WORDS: [&str; 9] =
        ["<noinput>", "<no input>", "noinput", "no input", "n/a", "none", "null", "nan", "[noinput]"];
    let text = text.trim();
    text.chars().all(|c| matches!(c, '-' | '–' | '—' | '.')) || WORDS.contains(&text.to_lowercase().as_str())
}

/// `{"instruction", "input", "output", "system", "history": [[question, answer]]}`, also as `{"instruction", "context",
/// "response"}`.
pub fn alpaca(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let required = |key: &str| {
        row.get(key).and_then(Value::as_str).ok_or_else(|| mismatch(key, row.get(key), "a string"))
    };
    let mut turns: Vec<Turn> = Vec::new();
    for (index, exchange) in row.get("history").and_then(Value::as_array).into_iter().flatten().enumerate() {
        match exchange.as_array().map(Vec::as_slice) {
            Some([Value::String(question), Value::String(answer)]) => {
                turns.push(Turn::text(NodeRole::User, question));
                turns.push(Turn::text(NodeRole::Assistant, answer));
            }
            _ => return Err(mismatch(&format!("history[{index}]"), Some(exchange), "a pair of strings")),
        }
    }
    let instruction = required("instruction")?;
    let input = INPUTS.iter().find_map(|key| string(row, key)).filter(|input| !is_nothing(input));
    let prompt = match input {
        Some(input) => format!("{instruction}\n\n{input}"),
        None => instruction.to_owned(),
    };
    let output = OUTPUTS.into_iter().find(|key| row.get(*key).is_some()).unwrap_or(OUTPUTS[0]);
    let answer = required(output)?;
    turns.push(Turn::text(NodeRole::User, &prompt));
    turns.push(Turn::text(NodeRole::Assistant, if answer.trim() == "<nooutput>" { "" } else { answer }));
    Ok(linear(Provider::Alpaca, row, turns, origin)?)
}

impl Turn {
    /// A message that another reader has read.
    pub fn of_node(node: Node) -> Turn {
        let Node { role, blocks, truncated, excluded, feedback, .. } = node;
        Turn { truncated, excluded, feedback, ..Turn::of(role, blocks) }
    }

    fn text(role: NodeRole, text: &str) -> Turn {
        Turn::of(role, vec![Block::new(BlockKind::Text, text)])
    }

    fn of(role: NodeRole, blocks: Vec<Block>) -> Turn {
        Turn {
            role,
            blocks,
            truncated: None,
            excluded: None,
            feedback: None,
            is_unread: false,
            left_out: LeftOut::default(),
        }
    }
}

pub(super) fn message_list(messages: &[Value]) -> Result<Vec<Turn>, ElementError> {
    list_of("messages", messages)
}

/// The turns of a list; a message that cannot be read costs itself, a list without any is an error.
fn list_of(field: &str, messages: &[Value]) -> Result<Vec<Turn>, ElementError> {
    let mut turns = Vec::with_capacity(messages.len());
    let mut odd = Odd::default();
    for (index, message) in messages.iter().enumerate() {
        match message_turn(&format!("{field}[{index}]"), message) {
            Ok(turn) => {
                odd.readable += 1;
                turns.push(turn);
            }
            Err(error) => {
                odd.message(error);
                if may_be_the_users(message) {
                    turns.push(Turn { is_unread: true, ..Turn::of(NodeRole::User, Vec::new()) });
                }
            }
        }
    }
    let left_out = odd.finish()?;
    if let Some(first) = turns.first_mut() {
        first.left_out = left_out;
    }
    Ok(turns)
}

fn message_turn(place: &str, message: &Value) -> Result<Turn, ElementError> {
    // `prompt` and `chosen` of some data sets are lists of `from` and `value`.
    let role_key = ["role", "from"].into_iter().find(|key| message.get(*key).is_some()).unwrap_or("role");
    let word = message.get(role_key).and_then(Value::as_str);
    let (role, kind) = word.and_then(role).ok_or_else(|| {
        mismatch(
            &format!("{place}.{role_key}"),
            message.get(role_key),
            "a role such as `user` or `assistant`",
        )
    })?;
    let content_key = ["content", "value", "parts"].into_iter().find(|key| message.get(*key).is_some());
    let content_key = content_key.unwrap_or(if role_key == "from" { "value" } else { "content" });
    let Beside { before: mut blocks, files, calls } = beside(message);
    blocks.extend(files);
    // `{"content": null, "audio": {"transcript"}}`: what was spoken is the text.
    let transcript = message.get("audio").and_then(|audio| string(audio, "transcript"));
    match message.get(content_key) {
        Some(content @ (Value::String(_) | Value::Array(_) | Value::Object(_))) => {
            blocks.extend(blocks_of(content, Join::ByBorder));
        }
        None | Some(Value::Null) if transcript.is_some() => {
            blocks.extend(transcript.map(|text| Block::new(BlockKind::Text, text)));
        }
        // A message of the assistant that only calls a tool has no content; a user's may only have pictures.
        None | Some(Value::Null)
            if role == NodeRole::Assistant || !blocks.is_empty() || !calls.is_empty() => {}
        other => {
            return Err(mismatch(&format!("{place}.{content_key}"), other, "a string or a list of parts"));
        }
    }
    blocks.extend(calls);
    let beside = kind_beside(message).filter(|_| role == NodeRole::Assistant);
    if let Some(kind) = Some(kind).filter(|kind| *kind != BlockKind::Text).or(beside) {
        for block in blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
            block.kind = kind;
        }
    }
    let is_assistant = role == NodeRole::Assistant;
    if is_assistant && facts::is_error_message(message) {
        blocks = facts::as_error(blocks);
    }
    Ok(Turn {
        truncated: facts::truncated(message).filter(|_| is_assistant),
        excluded: facts::excluded(message).filter(|_| is_assistant),
        feedback: verdict::of(message).filter(|_| is_assistant),
        ..Turn::of(role, blocks)
    })
}

fn linear(
    provider: Provider,
    row: &Value,
    turns: Vec<Turn>,
    origin: Origin,
) -> Result<Conversation, TreeError> {
    arranged(provider, row, turns, Vec::new(), origin)
}

/// A line of turns, and below it answers with the verdict on each; the last is where the conversation stands.
pub(super) fn arranged(
    provider: Provider,
    row: &Value,
    mut line: Vec<Turn>,
    answers: Vec<(Vec<Turn>, Option<Feedback>)>,
    origin: Origin,
) -> Result<Conversation, TreeError> {
    let own_id =
        ["id", "example_id", "conversation_id", "prompt_id"].iter().find_map(|key| match row.get(*key) {
            Some(Value::String(id)) if !id.is_empty() => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => None,
        });
    // Ids like 0, 1, 2 repeat from file to file; the content keeps them apart.
    let content = short_hash(&[&row.to_string()]);
    let native_id = own_id.as_ref().map_or(content.clone(), |id| format!("{id}-{content}"));
    add_media(row, &mut line);
    // A row of one exchange says beside its texts how the answer ended.
    if let Some(last) = line.iter_mut().rfind(|turn| turn.role == NodeRole::Assistant) {
        last.truncated = last.truncated.take().or_else(|| facts::truncated(row));
        if answers.is_empty() {
            last.feedback = last.feedback.or_else(|| verdict::of(row));
        }
    }
    let mut links: Vec<Link> = Vec::new();
    let mut left_out = LeftOut::default();
    if let Some(words) = instructions::beside_list(row) {
        match line.iter().find(|turn| turn.role == NodeRole::System) {
            None => line.insert(0, Turn::text(NodeRole::System, &words)),
            Some(own) if Node::new("", NodeRole::System, own.blocks.clone()).visible_text() == words => {}
            Some(_) => left_out.add(LeftOutKind::Message, "a second system message", "beside the messages"),
        }
    }
    let others = row.get(SUPERSEDED).and_then(Value::as_array).map_or(0, Vec::len);
    (0..others).for_each(|_| left_out.add(LeftOutKind::Message, "another version", "beside the answer"));
    let whole_row = facts::excluded(row);
    let mut add = |turn: Turn, parent: Option<String>, feedback: Option<Feedback>| {
        let id = links.len().to_string();
        let mut node = match turn.is_unread {
            true => Node::unread(id),
            false => Node::new(id, turn.role, turn.blocks),
        };
        left_out.merge(&turn.left_out);
        node.feedback = feedback.or(turn.feedback);
        node.truncated = turn.truncated;
        node.excluded =
            turn.excluded.or_else(|| whole_row.clone().filter(|_| turn.role == NodeRole::Assistant));
        let id = node.id.clone();
        links.push(Link::to(node, parent));
        Some(id)
    };
    let mut end = None;
    for turn in line {
        end = add(turn, end.take(), None);
    }
    let mut active = end.clone();
    for (answer, feedback) in answers {
        active = end.clone();
        for turn in answer {
            let verdict = feedback.filter(|_| turn.role == NodeRole::Assistant);
            active = add(turn, active.take(), verdict);
        }
    }
    let mut conversation = Conversation::new(provider, native_id, origin);
    conversation.left_out = left_out;
    conversation.own_id = own_id;
    conversation.title = string(row, "title").unwrap_or_default().to_owned();
    conversation.arrange(links, active.as_deref())?;
    Ok(conversation)
}

/// Puts the pictures and recordings that a row lists beside its messages to the prompts that mark their places, or to
/// the first one.
fn add_media(row: &Value, line: &mut [Turn]) {
    let lists = [("images", "<image>"), ("videos", "<video>"), ("audios", "<audio>"), ("image", "<image>")];
    for (key, mark) in lists {
        let is_there = match row.get(key) {
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Object(_) | Value::String(_)) => true,
            _ => false,
        };
        let users = || {
            let is_user = |turn: &Turn| turn.role == NodeRole::User && !turn.is_unread;
            line.iter().enumerate().filter(move |(_, turn)| is_user(turn)).map(|(index, _)| index)
        };
        let marked: Vec<usize> = users()
            .filter(|index| line[*index].blocks.iter().any(|block| block.text.contains(mark)))
            .collect();
        let places = if marked.is_empty() { users().take(1).collect() } else { marked };
        for index in places.into_iter().filter(|_| is_there) {
            line[index].blocks.push(Block::named(BlockKind::Media, "", key));
        }
    }
}
