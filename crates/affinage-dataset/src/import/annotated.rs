//! Records of annotation tools, as rows of a data set: what was shown in `fields` or `data`, what people wrote in `responses`
//! or `annotations`; and pairs of transcripts of which one was preferred.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::chat::names;
use super::templated;

/// Fields of what was asked, and of what it is about.
const ASKED: [&str; 8] = ["prompt", "instruction", "question", "query", "input", "user", "request", "text"];
const ABOUT: [&str; 3] = ["context", "background", "input"];

/// Answers beside the one that is taken: those that people corrected, and further ones of theirs.
pub const SUPERSEDED: &str = "superseded answers";

/// The record as a row of a data set: what was asked, with the answer that people wrote or left; anything else as it is.
pub fn as_row(record: &Value) -> Cow<'_, Value> {
    let row = row_of(record).or_else(|| transcripts(record));
    row.map_or(Cow::Borrowed(record), Cow::Owned)
}

/// `{"chosen": "\n\nHuman: ...\n\nAssistant: ...", "rejected"}`: both as lists of messages.
fn transcripts(record: &Value) -> Option<Value> {
    let fields = record.as_object().filter(|fields| !fields.contains_key("prompt"))?;
    let side = |name: &str| {
        let text = fields.get(name)?.as_str()?;
        templated::of_row(&json!({ "text": text }))?
            .into_iter()
            .next()
            .map(|messages| (name.to_owned(), Value::from(messages)))
    };
    let sides = [side("chosen")?, side("rejected")?];
    let mut row = fields.clone();
    row.extend(sides);
    Some(Value::Object(row))
}

fn row_of(record: &Value) -> Option<Value> {
    let annotations = record.get("annotations").filter(|list| list.is_array());
    let shown = record.get("fields").or_else(|| annotations.and_then(|_| record.get("data")));
    let fields = shown?.as_object()?;
    let (responses, suggestions) =
        (annotations.or_else(|| record.get("responses")), record.get("suggestions"));
    let is_record = |value: Option<&Value>| value.is_some_and(|value| value.is_array() || value.is_object());
    if !is_record(responses) && !is_record(suggestions) {
        return None;
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let asked = ASKED.into_iter().find(|name| text(name).is_some());
    let own = names::ANSWERS.iter().find_map(|name| text(name).filter(|_| asked != Some(*name)));
    let mut answers = written(responses);
    if answers.is_empty() && own.is_none() {
        answers = written(suggestions);
    }
    let chat = fields.values().find(|field| {
        let items = field.as_array().map(Vec::as_slice).unwrap_or_default();
        !items.is_empty()
            && items.iter().all(|item| item.get("role").is_some() && item.get("content").is_some())
    });
    let mut row = Map::new();
    row.extend(record.get("id").map(|id| ("id".to_owned(), id.clone())));
    if let Some(chat) = chat {
        let mut messages = chat.as_array().cloned().unwrap_or_default();
        let is_asked = messages.last().is_some_and(|last| last["role"] != "assistant");
        messages.extend(
            answers
                .first()
                .or(own.as_ref())
                .filter(|_| is_asked)
                .map(|answer| json!({ "role": "assistant", "content": answer })),
        );
        row.insert("messages".to_owned(), Value::from(messages));
        return Some(Value::Object(row));
    }
    let mut question = text(asked?)?.to_owned();
    if let Some(about) = ABOUT.into_iter().filter(|name| asked != Some(*name)).find_map(text) {
        question = format!("{question}\n\n{about}");
    }
    // What people wrote stands for what was shown to them.
    let mut answers = answers.into_iter().chain(own);
    let answer = answers.next()?;
    let others: Vec<&str> = answers.filter(|other| *other != answer).collect();
    if !others.is_empty() {
        row.insert(SUPERSEDED.to_owned(), json!(others));
    }
    row.extend([
        ("prompt".to_owned(), Value::from(question)),
        ("completion".to_owned(), Value::from(answer)),
    ]);
    Some(Value::Object(row))
}

/// Texts that were written as answers: values of more than one word. Labels and ratings are none.
fn written(responses: Option<&Value>) -> Vec<&str> {
    let values: Vec<&Value> = match responses {
        // `[{"status", "values": {"answer": {"value"}}}]`, `[{"question_name", "value"}]`
        Some(Value::Array(list)) => {
            let is_kept = |response: &&Value| {
                response.get("status").is_none_or(|status| status != "discarded")
                    && response.get("was_cancelled").is_none_or(|cancelled| cancelled != true)
            };
            list.iter().filter(is_kept).flat_map(values_of).collect()
        }
        // `{"answer": [{"value", "user_id"}]}`, `{"answer": {"value"}}`
        Some(Value::Object(questions)) => {
            let all = questions.values().flat_map(|answers| {
                let list = answers.as_array().into_iter().flatten();
                std::iter::once(answers).chain(list).filter_map(|answer| answer.get("value"))
            });
            all.collect()
        }
        _ => Vec::new(),
    };
    let mut texts: Vec<&str> = Vec::new();
    for text in values.into_iter().filter_map(Value::as_str) {
        if text.trim().contains([' ', '\n', '。']) && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// The values of one response: `{"values": {"answer": {"value"}}}`, or `{"result": [{"value": {"text": ["..."]}}]}`.
fn values_of(response: &Value) -> Vec<&Value> {
    let results = response.get("result").and_then(Value::as_array).into_iter().flatten();
    let texts = results.filter_map(|result| result.pointer("/value/text"));
    let texts = texts.flat_map(|text| text.as_array().map_or(std::slice::from_ref(text), Vec::as_slice));
    let named = response.get("values").and_then(Value::as_object).into_iter().flatten();
    let named = named.filter_map(|(_, value)| value.get("value"));
    texts.chain(response.get("value")).chain(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_the_answer() {
        let asked = json!({ "prompt": "Why bogs?" });
        let both = json!({ "instruction": "Why bogs?", "response": "It is magic there." });
        for (record, expected) in [
            (
                json!({ "fields": asked, "responses": [{ "status": "submitted", "values": { "a": { "value": "Water stays there." }, "stars": { "value": 4 } } }], "suggestions": [] }),
                json!({ "prompt": "Why bogs?", "completion": "Water stays there." }),
            ),
            (
                json!({ "id": "7", "fields": both, "responses": { "better": [{ "value": "Water stays there." }], "label": [{ "value": "bad" }] } }),
                json!({ "id": "7", "prompt": "Why bogs?", "completion": "Water stays there.", SUPERSEDED: ["It is magic there."] }),
            ),
            (
                json!({ "fields": both, "responses": [], "suggestions": [{ "question_name": "better", "value": "By a machine." }] }),
                json!({ "prompt": "Why bogs?", "completion": "It is magic there." }),
            ),
            (
                json!({ "data": asked, "annotations": [{ "result": [{ "type": "textarea", "value": { "text": ["Water stays there."] } }] }, { "was_cancelled": true, "result": [{ "value": { "text": ["No, not that."] } }] }] }),
                json!({ "prompt": "Why bogs?", "completion": "Water stays there." }),
            ),
            (
                json!({ "chosen": "\n\nHuman: Why bogs?\n\nAssistant: Water.", "rejected": "\n\nHuman: Why bogs?\n\nAssistant: Magic." }),
                json!({ "chosen": [{ "role": "user", "content": "Why bogs?" }, { "role": "assistant", "channel": "", "content": "Water." }],
                    "rejected": [{ "role": "user", "content": "Why bogs?" }, { "role": "assistant", "channel": "", "content": "Magic." }] }),
            ),
            (
                json!({ "fields": { "chat": [{ "role": "user", "content": "Why bogs?" }] }, "responses": { "a": [{ "value": "Water stays." }] } }),
                json!({ "messages": [{ "role": "user", "content": "Why bogs?" }, { "role": "assistant", "content": "Water stays." }] }),
            ),
        ] {
            assert_eq!(*as_row(&record), expected, "{record}");
        }
        for other in [
            json!({ "fields": asked }),
            json!({ "fields": ["a"], "responses": [] }),
            json!({ "fields": asked, "responses": [] }),
        ] {
            assert_eq!(*as_row(&other), other);
        }
    }
}
