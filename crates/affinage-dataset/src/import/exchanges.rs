//! Logs of calls to a model: what was sent stands in one field, what came back in another beside it.
//!
//! Proxies, tracers and batch files write the same row under different names: `messages` and `response`, `input` and
//! `output`, `request_body` and `response_body`. What was sent is a list of messages that ends with somebody else than
//! the assistant; without that, a row is something else. What came back is looked for in the answer-like fields.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::chat::layers::{Layers, is_nothing};
use super::chat::message::{Speaker, is_message, line, model, speaker};
use super::error::ElementError;
use super::json::{string, strings};
use super::parts::is_part;
use super::rows::{Turn, arranged};
use super::{LeftOutKind, facts, instructions, verdict};
use crate::conversation::{Conversation, NodeRole, Origin, Provider};

/// Objects inside one another that are looked into.
const MAX_DEPTH: usize = 4;
/// Lists of what was sent, by name.
const SENT: [&str; 9] = [
    "messages",
    "contents",
    "conversations",
    "conversation",
    "turns",
    "input",
    "inputs",
    "prompt",
    "prompts",
];
/// Parts of the names of fields around what was sent.
const AROUND_SENT: [&str; 8] = ["request", "input", "body", "prompt", "kwargs", "param", "payload", "query"];
/// How the names of fields end that hold what came back ...
const CAME_BACK: [&str; 11] = [
    "response",
    "output",
    "completion",
    "answer",
    "reply",
    "generation",
    "prediction",
    "choice",
    "candidate",
    "chosen",
    "result",
];
/// ... and what may stand behind that.
const FORMS: [&str; 8] = ["s", "body", "json", "text", "content", "message", "messages", "data"];
/// Fields inside of what came back, in the order in which they are looked for.
const INSIDE: [&str; 23] = [
    "choices",
    "candidates",
    "generations",
    "message",
    "messages",
    "output",
    "outputs",
    "outputText",
    "content",
    "parts",
    "text",
    "completion",
    "response",
    "answer",
    "body",
    "data",
    "result",
    "results",
    "prediction",
    "predictions",
    "generation",
    "generated_text",
    "output_text",
];

/// What somebody would have liked to come back.
const EXPECTED: [&str; 5] = ["expected", "expected_output", "expectedOutput", "ideal", "ground_truth"];

/// A row of a log, taken apart.
struct Exchange<'a> {
    sent: Vec<Value>,
    /// The object in which the list of what was sent stands.
    request: &'a Value,
    /// Answers to it, each of one or more messages; none if the call failed.
    answers: Vec<Vec<Value>>,
}

/// True if the row is a call to a model with its answer, or one to which nothing came back.
pub fn is_exchange(row: &Value) -> bool {
    found(row).is_some()
}

/// Reads a row for which [`is_exchange`] holds: several answers are variants of one.
pub fn conversation(row: &Value, origin: Origin) -> Result<Conversation, ElementError> {
    let Exchange { sent, request, answers } = found(row).ok_or_else(|| super::shape::unknown(row))?;
    let mut unread = 0;
    let mut prompt: Vec<Turn> = Vec::new();
    // Those beside the row itself are everywhere read alike.
    if let Some(words) = instructions::beside_list(request).filter(|_| !std::ptr::eq(request, row)) {
        prompt.extend(turn(&serde_json::json!({ "role": "system", "content": words })));
    }
    for message in &sent {
        match turn(message) {
            Some(turn) => prompt.push(turn),
            None => unread += 1,
        }
    }
    let feedback = verdict::of(row).filter(|_| answers.len() == 1);
    let answer = |messages: &Vec<Value>| (messages.iter().filter_map(turn).collect::<Vec<Turn>>(), feedback);
    let mut answers: Vec<_> = answers.iter().map(answer).filter(|(turns, _)| !turns.is_empty()).collect();
    // The first is the one that was given; the last of the tree is where the conversation stands.
    answers.reverse();
    let asked = prompt.len();
    let mut conversation = arranged(Provider::Messages, row, prompt, answers, origin)?;
    let model = model(Layers::of([request, row]));
    for node in conversation.nodes.iter_mut().skip(asked).filter(|node| node.role == NodeRole::Assistant) {
        node.model = node.model.take().or_else(|| model.clone());
    }
    for _ in 0..unread {
        conversation.left_out.add(LeftOutKind::Message, "", "its speaker is unknown");
    }
    for name in
        EXPECTED.into_iter().filter(|name| row.get(*name).is_some_and(|at| !strings(at).trim().is_empty()))
    {
        let place = format!("beside the answer, in `{name}`");
        conversation.left_out.add(LeftOutKind::Message, "another version", place);
    }
    Ok(conversation)
}

fn found(row: &Value) -> Option<Exchange<'_>> {
    let (sent, request) = sent(row, 0)?;
    let last = sent.last()?;
    if !matches!(speaker(Layers::of_message(last)), Speaker::Role(NodeRole::User | NodeRole::Tool)) {
        return None;
    }
    let fields = row.as_object()?;
    let mut named: Vec<(&String, &Value)> =
        fields.iter().filter(|(name, value)| names_answer(name) && !std::ptr::eq(*value, request)).collect();
    // The reply of a server says more than a text beside it, and `output` more than `expected_output`.
    named.sort_by_key(|(name, value)| (value.is_string(), name.len()));
    let mut answers = named
        .into_iter()
        .map(|(_, value)| came_back(value, 0))
        .find(|answers| !answers.is_empty())
        .or_else(|| unnamed(fields))
        .or_else(|| has_failed(fields, &sent).then(Vec::new))?;
    // What came back is the whole conversation: what was sent stands in it again.
    for answer in &mut answers {
        if answer.len() > sent.len() && answer[..sent.len()].iter().zip(&sent).all(|(a, b)| same_words(a, b))
        {
            answer.drain(..sent.len());
        }
    }
    Some(Exchange { sent, request, answers })
}

/// True if nothing came back: the place for it is empty or holds an error. Messages with times, or more messages beside
/// them, are a client's conversation that waits for its answer.
fn has_failed(fields: &Map<String, Value>, sent: &[Value]) -> bool {
    let is_failure =
        |value: &Value| is_nothing(value) || value.get("error").is_some_and(|at| !is_nothing(at));
    let holds_messages = |value: &Value| value.as_array().is_some_and(|items| items.iter().any(is_message));
    fields.iter().any(|(name, value)| names_answer(name) && is_failure(value))
        && !fields.iter().any(|(name, value)| !is_sent(name) && holds_messages(value))
        && !sent.iter().any(|message| Layers::of_message(message).time_s().is_some())
}

/// True for the name of a field that holds what was sent.
fn is_sent(name: &str) -> bool {
    let name = plain(name);
    SENT.contains(&name.as_str()) || AROUND_SENT.iter().any(|part| name.contains(part))
}

/// What came back under another name: an object beside what was sent that shows a message of the assistant.
fn unnamed(fields: &Map<String, Value>) -> Option<Vec<Vec<Value>>> {
    let beside = fields.iter().filter(|(name, _)| !is_sent(name)).map(|(_, value)| unfolded(value));
    beside
        .filter(|value| shows_answer(value, 0))
        .map(|value| came_back(&value, 0))
        .find(|answers| !answers.is_empty())
}

/// True if a message in the value says that it is the assistant's, or the value holds a server's list of answers.
fn shows_answer(value: &Value, depth: usize) -> bool {
    const LISTS: [&str; 3] = ["choices", "candidates", "generations"];
    match value {
        _ if depth > MAX_DEPTH => false,
        // Where the user speaks, too, it is a conversation and no answer.
        Value::Array(items) => {
            let is_users = |item: &Value| speaker(Layers::of_message(item)) == Speaker::Role(NodeRole::User);
            !items.iter().any(is_users) && items.iter().any(|item| shows_answer(item, depth + 1))
        }
        Value::Object(fields) => {
            let is_said = || {
                is_message(value) && speaker(Layers::of_message(value)) == Speaker::Role(NodeRole::Assistant)
            };
            LISTS
                .iter()
                .any(|name| fields.get(*name).and_then(Value::as_array).is_some_and(|list| !list.is_empty()))
                || is_said()
                || fields.values().any(|inner| shows_answer(inner, depth + 1))
        }
        _ => false,
    }
}

fn names_answer(name: &str) -> bool {
    let name = plain(name);
    let mut stems = FORMS.iter().filter_map(|form| name.strip_suffix(form)).chain([name.as_str()]);
    stems.any(|stem| CAME_BACK.iter().any(|end| stem.ends_with(end)))
}

/// A name without case and separators.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A list or an object, also one that stands as JSON in a text.
fn unfolded(value: &Value) -> Cow<'_, Value> {
    let is_json = |text: &&str| text.starts_with('{') || text.starts_with("[{");
    let parsed =
        value.as_str().map(str::trim).filter(is_json).and_then(|text| serde_json::from_str(text).ok());
    parsed.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The messages that were sent, and the object in which their list stands.
fn sent(value: &Value, depth: usize) -> Option<(Vec<Value>, &Value)> {
    let fields = value.as_object().filter(|_| depth < MAX_DEPTH)?;
    if let Some(list) = SENT.iter().find_map(|name| messages(fields.get(*name)?)) {
        return Some((list, value));
    }
    // Inside of a request one text is what the user said.
    let one = || SENT.iter().filter(|_| depth > 0).find_map(|name| fields.get(*name)?.as_str());
    if let Some(text) = one().filter(|text| !text.trim().is_empty() && !text.starts_with(['[', '{'])) {
        return Some((vec![serde_json::json!({ "role": "user", "content": text })], value));
    }
    let around = fields.iter().filter(|(name, _)| {
        let name = plain(name);
        AROUND_SENT.iter().any(|part| name.contains(part))
    });
    around.map(|(_, inner)| inner).find_map(|inner| match inner {
        Value::String(_) => match unfolded(inner) {
            Cow::Owned(parsed) => sent(&parsed, depth + 1).map(|(list, _)| (list, inner)),
            Cow::Borrowed(_) => None,
        },
        _ => sent(inner, depth + 1),
    })
}

/// The messages of a list of them, or of a list of such lists with one element.
fn messages(value: &Value) -> Option<Vec<Value>> {
    let value = unfolded(value);
    let list = value.as_array()?;
    match list.as_slice() {
        [inner @ Value::Array(_)] => messages(inner),
        [] => None,
        items => items.iter().all(is_message).then(|| items.to_vec()),
    }
}

/// The answers in a value: each a list of messages of the assistant's turn.
fn came_back(value: &Value, depth: usize) -> Vec<Vec<Value>> {
    if depth > MAX_DEPTH {
        return Vec::new();
    }
    let value = &*unfolded(value);
    match value {
        Value::String(text) if !text.trim().is_empty() => vec![vec![said(value)]],
        Value::Array(items) => {
            if items.iter().all(|item| is_message(item) && !is_choice(item)) {
                return if items.is_empty() { Vec::new() } else { vec![items.clone()] };
            }
            // Parts of one content have a type; alternatives have none, or one that is no part's.
            if items.iter().any(|item| string(item, "type").is_some_and(is_part)) {
                return vec![vec![said(value)]];
            }
            items.iter().flat_map(|item| came_back(item, depth + 1)).collect()
        }
        Value::Object(fields) => {
            if is_message(value) && !is_choice(value) {
                return vec![vec![value.clone()]];
            }
            let inside = INSIDE.iter().find_map(|name| {
                let inner =
                    fields.iter().find(|(field, _)| plain(field) == plain(name)).map(|(_, inner)| inner)?;
                let answers =
                    if *name == "parts" { vec![vec![said(inner)]] } else { came_back(inner, depth + 1) };
                (!answers.is_empty()).then_some(answers)
            });
            // Under a name of its own: `outputBodyJson`.
            let wrapped = || {
                let is_around = |name: &str| names_answer(name) || plain(name).contains("body");
                let inner = fields.iter().filter(|(name, inner)| {
                    unfolded(inner).is_object() && (is_around(name) || shows_answer(inner, depth + 1))
                });
                inner.map(|(_, inner)| came_back(inner, depth + 1)).find(|answers| !answers.is_empty())
            };
            let mut answers = inside.or_else(wrapped).unwrap_or_default();
            // How it ended is next to the message.
            let ended = [Some(value), fields.get("generation_info"), fields.get("response_metadata")];
            if let Some(word) = ended.into_iter().flatten().find_map(facts::truncated) {
                for last in answers.iter_mut().filter_map(|answer| answer.last_mut()) {
                    if let Some(message) = last.as_object_mut().filter(|m| !m.contains_key("finish_reason")) {
                        message.insert("finish_reason".to_owned(), Value::from(word.clone()));
                    }
                }
            }
            answers
        }
        _ => Vec::new(),
    }
}

/// One of several answers, with the message inside it.
fn is_choice(value: &Value) -> bool {
    let holds = |name: &str| value.get(name).is_some_and(Value::is_object);
    (holds("message") || holds("content")) && string(value, "role").is_none()
}

fn said(content: &Value) -> Value {
    serde_json::json!({ "role": "assistant", "content": content })
}

fn same_words(a: &Value, b: &Value) -> bool {
    line(a).node.visible_text() == line(b).node.visible_text()
}

/// The turn of a message whose speaker is known by a role.
fn turn(message: &Value) -> Option<Turn> {
    let line = line(message);
    match line.speaker {
        Speaker::Role(_) => Some(Turn::of_node(line.node)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Role and words of every message, and the word for a cut.
    fn read(row: &Value) -> Vec<(NodeRole, String, Option<String>)> {
        let read = conversation(row, Origin::default()).expect("an exchange");
        read.nodes.iter().map(|n| (n.role, n.visible_text(), n.truncated.clone())).collect()
    }

    #[test]
    fn a_call_to_which_nothing_came_back_ends_with_its_prompt() {
        let sent = json!([
            { "role": "user", "content": "Why do geese fly in a wedge?" },
            { "role": "assistant", "content": "Each rides the wind of the one before." },
            { "role": "user", "content": "Who leads?" },
        ]);
        for row in [
            json!({ "input": sent, "output": null, "level": "ERROR" }),
            json!({ "request": { "messages": sent }, "response": { "error": { "message": "too many requests" } } }),
            json!({ "inputs": sent, "outputs": {}, "metadata": {} }),
        ] {
            assert!(is_exchange(&row), "{row}");
            let words: Vec<String> = read(&row).into_iter().map(|(_, words, _)| words).collect();
            let expected =
                ["Why do geese fly in a wedge?", "Each rides the wind of the one before.", "Who leads?"];
            assert_eq!(words, expected, "{row}");
        }
        let mut timed = sent.clone();
        timed[2]["timestamp"] = json!(1_770_000_000);
        for client in [
            json!({ "messages": timed, "response": null }),
            json!({ "input": [sent[0]], "output": null, "steps": [sent[0], sent[1]] }),
            json!({ "input": sent }),
        ] {
            assert!(!is_exchange(&client), "{client}");
        }
    }

    #[test]
    fn what_was_sent_and_what_came_back_are_one_conversation() {
        let asked = json!([{ "role": "user", "content": "Why do geese fly in a wedge?" }]);
        let words = "Each rides the wind of the one before.";
        for row in [
            json!({ "messages": asked, "answer": words }),
            json!({ "prompts": asked, "modelOutput": { "content": words } }),
            json!({ "http_request": { "body": { "messages": asked } }, "http_response": { "body": { "choices": [{ "message": { "role": "assistant", "content": words } }] } } }),
            json!({ "requestJson": json!({ "messages": asked }).to_string(), "responseJson": json!({ "choices": [{ "text": words }] }).to_string() }),
            json!({ "params": { "contents": [{ "role": "user", "parts": [{ "text": "Why do geese fly in a wedge?" }] }] }, "prediction": { "candidates": [{ "content": { "role": "model", "parts": [{ "text": words }] } }] } }),
            json!({ "input": asked, "output": [{ "type": "reasoning", "text": "no" }, { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": words }] }] }),
            json!({ "input": { "inputBodyJson": { "messages": asked } }, "output": { "outputBodyJson": { "role": "assistant", "content": [{ "type": "text", "text": words }] } } }),
            json!({ "input": { "inputBodyJson": { "messages": asked } }, "output": { "outputBodyJson": { "generation": words } } }),
            json!({ "inputs": { "messages": [asked] }, "outputs": { "generations": [[{ "text": words, "type": "ChatGeneration", "message": { "lc": 1, "type": "constructor", "kwargs": { "type": "ai", "content": words } } }]] } }),
            json!({ "messages": asked, "raw": { "choices": [{ "message": { "role": "assistant", "content": words } }] } }),
            json!({ "inputs": { "messages": [asked] }, "outputs": { "messages": [{ "role": "user", "content": "Why do geese fly in a wedge?" }, { "role": "assistant", "content": words }] } }),
        ] {
            let found: Vec<(NodeRole, String)> = read(&row)
                .into_iter()
                .filter(|(_, text, _)| !text.is_empty())
                .map(|(role, text, _)| (role, text))
                .collect();
            let expected = [
                (NodeRole::User, "Why do geese fly in a wedge?".to_owned()),
                (NodeRole::Assistant, words.to_owned()),
            ];
            assert_eq!(found, expected, "{row}");
        }
    }

    #[test]
    fn how_the_answer_ended_and_other_answers_are_kept() {
        let row = json!({
            "call": 7, "llm_request": { "system": "You keep birds.", "messages": [{ "role": "user", "content": "Name a wader." }] },
            "llm_response": { "choices": [
                { "message": { "role": "assistant", "content": "The curl" }, "finish_reason": "length" },
                { "message": { "role": "assistant", "content": "The snipe." }, "finish_reason": "stop" },
            ] },
        });
        let found = read(&row);
        assert_eq!(found[0], (NodeRole::System, "You keep birds.".to_owned(), None));
        let ends: Vec<(&str, Option<&str>)> =
            found[2..].iter().map(|(_, text, end)| (text.as_str(), end.as_deref())).collect();
        assert_eq!(ends, [("The snipe.", None), ("The curl", Some("length"))]);
    }

    #[test]
    fn other_rows_are_no_exchange() {
        let answered =
            json!([{ "role": "user", "content": "Where?" }, { "role": "assistant", "content": "Here." }]);
        let asked = json!([{ "role": "user", "content": "Where?" }]);
        for row in [
            json!({ "messages": answered, "response": "Here." }),
            json!({ "messages": asked }),
            json!({ "prompts": asked, "chats": [{ "messages": answered }] }),
            json!({ "messages": asked, "metadata": { "text": "a title", "note": { "content": "of it" } } }),
            json!({ "messages": asked, "response": { "status": 500 } }),
            json!({ "messages": asked, "response_id": "r-1", "completion_time": "3 s" }),
            json!({ "input": "ls", "output": "total 3" }),
            json!({ "response": "Here." }),
        ] {
            assert!(!is_exchange(&row), "{row}");
        }
    }
}
