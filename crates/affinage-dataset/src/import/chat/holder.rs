//! Finds the lists of messages in a document: one conversation, or an account with all of them.
//!
//! A list is taken where it stands under one of the known names and its elements are messages, or questions with their
//! answers. Prompts, masks and settings hold such lists too, but these are no conversations.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::error::ElementError;
use super::super::instructions;
use super::super::json::kind_of;
use super::super::left_out::LeftOutKind;
use super::super::series::{self, Part};
use super::super::shape::{self, Context};
use super::message::{Line, Speaker, is_message, line, product, says_something};
use super::names::{LISTS, is_no_chat};
use super::pairs;
use super::thread::{Holder, Threads, conversations};
use crate::conversation::{Node, NodeRole};

/// Objects and lists inside one another that are looked into.
const MAX_DEPTH: usize = 6;
/// Names of lists whose questions have nothing to do with each other.
const ROWS: [&str; 7] = ["data", "rows", "examples", "items", "records", "train", "questions"];

/// All conversations of a document whose own shape is not known. Errors: it holds none.
pub fn read(value: &Value, context: &Context<'_>) -> Result<Threads, ElementError> {
    let mut walk = Walk { context, threads: Threads::default() };
    walk.value(value, "", &[], 0);
    if walk.threads.is_empty() { Err(shape::unknown(value)) } else { Ok(walk.threads) }
}

/// The elements of a list of messages; those that cannot be read keep their places.
fn lines(items: &[&Value]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(items.len());
    for item in items {
        lines.push(match item {
            Value::Object(_) if !says_something(item) => line(item),
            Value::Object(_) => Line::unread(lines.last(), "a message without a speaker".to_owned()),
            other => Line::unread(lines.last(), format!("{} among the messages", kind_of(other))),
        });
    }
    lines
}

/// Lists of messages in a value, each with the objects around it, innermost first.
fn message_lists<'v>(
    value: &'v Value,
    around: &[&'v Value],
    depth: usize,
    found: &mut Vec<(Vec<&'v Value>, Vec<&'v Value>)>,
) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) if items.iter().any(|item| is_message(item) && !pairs::is_pair(item)) => {
            found.push((around.to_vec(), items.iter().collect()));
        }
        Value::Array(items) => items.iter().for_each(|item| message_lists(item, around, depth + 1, found)),
        Value::Object(fields) => {
            let inside: Vec<&Value> = [value].into_iter().chain(around.iter().copied()).take(3).collect();
            for (name, field) in fields.iter().filter(|(name, _)| !is_no_chat(name)) {
                // What one message holds (its parts, its variants) is no list of messages.
                if !(is_message(value) && LISTS.contains(&name.as_str())) {
                    message_lists(field, &inside, depth + 1, found);
                }
            }
        }
        _ => {}
    }
}

/// True if objects beside the list of this name hold lists of messages, as the older threads of a chat do.
pub fn has_lists_beside(fields: &Map<String, Value>, taken: &str) -> bool {
    let beside = fields.iter().filter(|(name, field)| {
        *name != taken && !is_no_chat(name) && (field.is_object() || field.is_array())
    });
    let mut lists = Vec::new();
    for (_, field) in beside {
        match field {
            Value::Array(items) => {
                items
                    .iter()
                    .filter(|item| !is_message(item))
                    .for_each(|item| message_lists(item, &[], 1, &mut lists));
            }
            other => message_lists(other, &[], 1, &mut lists),
        }
    }
    !lists.is_empty()
}

struct Walk<'a> {
    context: &'a Context<'a>,
    threads: Threads,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, name: &str, around: &[&Value], depth: usize) {
        if depth > MAX_DEPTH || is_no_chat(name) {
            return;
        }
        match value {
            Value::Object(fields) => {
                if depth > 0 && shape::is_known(value) {
                    return self.known(value);
                }
                let inside: Vec<&Value> = [value].into_iter().chain(around.iter().copied()).take(3).collect();
                let before = self.threads.conversations.len();
                let mut lists = LISTS.iter().filter_map(|name| Some((*name, fields.get(*name)?)));
                if let Some((taken, _)) = lists.find(|(name, list)| self.list(list, name, &inside)) {
                    return self.beside(fields, taken, &inside, before);
                }
                for (name, field) in fields {
                    self.value(field, name, &inside, depth + 1);
                }
            }
            Value::Array(items) if !self.list(value, name, &[]) => {
                items.iter().for_each(|item| self.value(item, name, &[], depth + 1));
            }
            _ => {}
        }
    }

    /// Looks at what is next to a list that was taken: older threads of a chat are conversations of their own; what
    /// belongs to messages of the list (other answers, copies with changes) is counted.
    fn beside(&mut self, fields: &Map<String, Value>, taken: &str, inside: &[&Value], before: usize) {
        let read = self.threads.conversations.get(before..).unwrap_or_default();
        if read.is_empty() {
            return;
        }
        let mut known: HashSet<String> =
            read.iter().flat_map(|conversation| &conversation.nodes).map(Node::visible_text).collect();
        for (name, field) in fields.iter().filter(|(name, _)| *name != taken && !is_no_chat(name)) {
            let mut lists = Vec::new();
            message_lists(field, inside, 0, &mut lists);
            for (around, items) in lists {
                let lines = lines(&items);
                let texts: Vec<String> = lines
                    .iter()
                    .filter(|line| line.speaker != Speaker::Role(NodeRole::System))
                    .map(|line| line.node.visible_text())
                    .filter(|text| !text.is_empty())
                    .collect();
                let new = texts.iter().filter(|text| !known.contains(*text)).count();
                let has = |role| lines.iter().any(|line| line.speaker == Speaker::Role(role));
                if new == texts.len() && has(NodeRole::User) && has(NodeRole::Assistant) {
                    let holder = Holder { product: product(&around, items[0]), ..Holder::of(&around) };
                    self.take(conversations(lines, &holder, self.context.roles, &self.context.origin));
                } else if let Some(last) = self.threads.conversations.last_mut() {
                    let place = format!("beside the messages, in `{name}`");
                    (0..new).for_each(|_| {
                        last.left_out.add(LeftOutKind::Message, "another version", place.clone())
                    });
                }
                known.extend(texts);
            }
        }
    }

    fn known(&mut self, value: &Value) {
        match shape::conversation(value, self.context) {
            Ok(conversation) => self.threads.conversations.push(conversation),
            Err(error) => self.threads.errors.push(error),
        }
    }

    /// Takes a list of messages, or an object of them by their ids; false if it is something else.
    fn list(&mut self, list: &Value, name: &str, around: &[&Value]) -> bool {
        let items: Vec<&Value> = match list {
            Value::Array(items) => items.iter().collect(),
            Value::Object(fields) if fields.values().all(Value::is_object) => fields.values().collect(),
            _ => return false,
        };
        let Some(first) = items.iter().copied().find(|item| is_message(item) || pairs::is_pair(item)) else {
            return false;
        };
        let holds_messages = is_message(first) && !pairs::is_pair(first)
            || items.iter().filter(|item| is_message(item)).count() > 1;
        // Under a name that says nothing, one thing with an input and an output makes no rows of a whole list.
        let is_named = !around.is_empty() || ROWS.contains(&name);
        if !holds_messages && !is_named && !items.iter().all(|item| pairs::is_pair(item)) {
            return false;
        }
        let mut holder = Holder::of(around);
        holder.product = product(around, first);
        if holds_messages {
            let (lines, roles, origin) = (lines(&items), self.context.roles, &self.context.origin);
            let chat =
                self.context.is_part.then(|| series::chat_of(&lines, &holder, roles, origin)).flatten();
            match chat {
                Some(chat) => self.threads.parts.push(Part { chat, holder, lines }),
                None => self.take(conversations(lines, &holder, roles, origin)),
            }
            return true;
        }
        let others = items.iter().filter(|item| !pairs::is_pair(item));
        self.threads.errors.extend(others.map(|item| shape::unknown(item)));
        if ROWS.contains(&name) || around.is_empty() {
            for item in items {
                let Some(lines) = pairs::lines(item) else { continue };
                let system = instructions::beside_list(item);
                let own = Holder { id: lines[0].thread.clone(), system, ..Holder::default() };
                self.take(conversations(lines.into(), &own, self.context.roles, &self.context.origin));
            }
        } else {
            let lines = items.iter().filter_map(|item| pairs::lines(item)).flatten().collect();
            self.take(conversations(lines, &holder, self.context.roles, &self.context.origin));
        }
        true
    }

    fn take(&mut self, threads: Threads) {
        self.threads.append(threads);
    }
}
