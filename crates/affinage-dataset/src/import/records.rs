//! Texts that are the JSON record of a message: `{"text": "...", "sources": [...]}` in the cell of a table or in a log.

use serde_json::Value;

use super::chat::names::role;
use super::harness::parted;
use super::parts::{Join, blocks_of};
use crate::conversation::Block;

/// Fields of the words, in the order in which they are looked for.
const WORDS: [&str; 12] = [
    "text",
    "content",
    "answer",
    "response",
    "reply",
    "output",
    "completion",
    "message",
    "textResponse",
    "generated_text",
    "output_text",
    "result",
];
/// Words of the names of fields that a program keeps beside words ...
#[rustfmt::skip]
const OF_PROGRAM: &[&str] = &[
    "source", "citation", "reference", "document", "id", "uuid", "role", "model", "created", "token", "usage", "metric", "finish", "stop",
    "attachment", "metadata", "annotation", "refusal", "timestamp", "latency",
];
/// ... and those that may be next to them, and in JSON that was asked for.
const BESIDE: &[&str] = &[
    "type",
    "time",
    "date",
    "status",
    "error",
    "score",
    "confidence",
    "feedback",
    "rating",
    "cost",
    "provider",
    "reason",
];

/// What a record with nothing but words is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// Words: somebody may have asked for JSON.
    IsWords,
    IsRecord,
}

/// The blocks of a text that is wholly the record of one message; `None` if it is anything else.
///
/// Besides words, a record holds only what says something about them: JSON that was asked for does not.
pub fn opened(text: &str, alone: Alone) -> Option<Vec<Block>> {
    let text = text.trim();
    if !text.starts_with('{') || !text.ends_with('}') {
        return None;
    }
    let record: Value = serde_json::from_str(text).ok()?;
    let fields = record.as_object()?;
    let holds_words = |value: &Value| match value {
        Value::String(words) => !words.trim().is_empty(),
        Value::Array(parts) => {
            parts.iter().any(|part| part.get("text").is_some() || part.get("type").is_some())
        }
        _ => false,
    };
    let words = WORDS.iter().find(|key| fields.get(**key).is_some_and(holds_words))?;
    let has_word = |name: &str, known: &[&str]| {
        let name = parted(name);
        name.split('_').any(|word| known.contains(&word) || known.contains(&word.trim_end_matches('s')))
    };
    let others: Vec<(&String, &Value)> = fields.iter().filter(|(name, _)| name != words).collect();
    let is_empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let is_about = |(name, value): &(&String, &Value)| {
        is_empty(value) || has_word(name, OF_PROGRAM) || has_word(name, BESIDE)
    };
    let is_message = fields.get("role").and_then(Value::as_str).is_some_and(|word| role(word).is_some());
    let is_record = match alone {
        Alone::IsRecord => true,
        Alone::IsWords => others.iter().any(|(name, _)| has_word(name, OF_PROGRAM)),
    };
    (is_message || (is_record && others.iter().all(is_about)))
        .then(|| blocks_of(&fields[*words], Join::ByBorder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Node, NodeRole};

    fn words(text: &str, alone: Alone) -> Option<String> {
        opened(text, alone).map(|blocks| Node::new("n", NodeRole::Assistant, blocks).visible_text())
    }

    #[test]
    fn a_record_is_its_words() {
        for text in [
            r#"{"text":"It rains.\nMuch.","sources":[{"text":"no"}],"type":"chat"}"#,
            r#" {"role":"assistant","content":[{"type":"text","text":"It rains.\nMuch."}],"anything":{"a":1}} "#,
            r#"{"answer":"It rains.\nMuch.","citations":[],"confidence":0.4}"#,
        ] {
            assert_eq!(words(text, Alone::IsWords).as_deref(), Some("It rains.\nMuch."), "{text}");
        }
        assert_eq!(words(r#"{"response":"Rain."}"#, Alone::IsRecord).as_deref(), Some("Rain."));
    }

    #[test]
    fn other_json_stays_as_it_is() {
        for text in [
            r#"{"answer":"Rain."}"#,
            r#"{"type":"poem","text":"Rain."}"#,
            r#"{"text":"Rain","weather":"wet"}"#,
            r#"{"type":"chat","sources":[]}"#,
            r#"{"text":"Rain","sources":[]} is what came."#,
            "{not json}",
        ] {
            assert_eq!(words(text, Alone::IsWords), None, "{text}");
        }
    }
}
