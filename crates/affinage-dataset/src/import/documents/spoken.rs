//! Calls that show words to the reader: a letter, a plan, the result of a task, a card on the page.
//!
//! Which tools these are is told by the verbs of their names. What they show is told by the arguments: one text is the
//! answer; several pieces, or numbers and lists around them, had a form that the call does not hold.

use serde_json::Value;

use super::plain;

/// Parts of names of tools that show words, in lower case without separators.
const VERBS: [&str; 20] = [
    "compose",
    "display",
    "render",
    "present",
    "showto",
    "showuser",
    "attemptcompletion",
    "taskcompletion",
    "completetask",
    "finishtask",
    "exitplan",
    "planmoderespond",
    "submitplan",
    "respond",
    "reply",
    "finalanswer",
    "submitanswer",
    "askuser",
    "askfollowup",
    "messageuser",
];
/// Names that are no words of the answer, though they may be long.
const BESIDE: [&str; 16] = [
    "title",
    "summarytitle",
    "subject",
    "label",
    "name",
    "id",
    "kind",
    "type",
    "format",
    "mimetype",
    "language",
    "path",
    "filepath",
    "planfilepath",
    "command",
    "to",
];
/// Names of what is said. A text under any other name may be an order to a machine.
const WORDS: [&str; 17] = [
    "result",
    "plan",
    "response",
    "answer",
    "message",
    "body",
    "content",
    "text",
    "reply",
    "question",
    "markdown",
    "summary",
    "paragraphs",
    "steps",
    "items",
    "draft",
    "email",
];

/// Names of other tools: those that look something up, and those whose documents are followed.
const LOOKS: [&str; 6] = ["search", "get", "fetch", "find", "query", "read"];
const DOCUMENTS: [&str; 4] = ["canmore", "textdoc", "artifact", "canvas"];

pub fn is_spoken_tool(name: &str) -> bool {
    let looks =
        name.split(|c: char| !c.is_alphanumeric()).any(|word| LOOKS.contains(&word.to_lowercase().as_str()));
    let name = plain(name);
    let is_document = DOCUMENTS.iter().any(|part| name.contains(part)) || name == "presentfiles";
    !looks && !is_document && VERBS.iter().any(|verb| name.contains(verb))
}

/// The words that the call shows, and whether they are all of it.
pub fn words(arguments: &Value) -> (Vec<String>, bool) {
    let mut found = Found { texts: Vec::new(), others: 0 };
    found.look(arguments, "");
    let is_whole = found.texts.len() == 1 && found.others == 0;
    (found.texts, is_whole)
}

struct Found {
    texts: Vec<String>,
    /// Values that are neither words nor names.
    others: usize,
}

impl Found {
    fn look(&mut self, value: &Value, name: &str) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, field)| self.look(field, name)),
            Value::Array(items) => items.iter().for_each(|item| self.look(item, name)),
            Value::Null | Value::Bool(_) => {}
            Value::String(text) if text.trim().is_empty() => {}
            _ if BESIDE.contains(&plain(name).as_str()) => {}
            Value::String(text) if WORDS.contains(&plain(name).as_str()) => {
                self.texts.push(text.trim().to_owned());
            }
            _ => self.others += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_text_is_whole_and_pieces_are_not() {
        for (arguments, texts, is_whole) in [
            (json!({ "result": "Sown." }), vec!["Sown."], true),
            (
                json!({ "kind": "mail", "drafts": [{ "subject": "Seed", "body": "Dear Ada,\n\nsend seed." }] }),
                vec!["Dear Ada,\n\nsend seed."],
                true,
            ),
            (
                json!({ "drafts": [{ "body": "Dear Ada." }, { "body": "Hello Ada." }] }),
                vec!["Dear Ada.", "Hello Ada."],
                false,
            ),
            (
                json!({ "amount": 3, "rows": [{ "content": "Sow it in rows." }] }),
                vec!["Sow it in rows."],
                false,
            ),
            (json!({ "prompt": "A picture of a sower in the field." }), vec![], false),
            (json!({ "latitude": 3.5, "zoom": "near" }), vec![], false),
        ] {
            assert_eq!(
                words(&arguments),
                (texts.into_iter().map(str::to_owned).collect(), is_whole),
                "{arguments}"
            );
        }
    }

    #[test]
    fn tools_that_show_words_are_told_by_their_verbs() {
        for name in
            ["letter_compose_v2", "card_display", "ExitPlanMode", "attempt_completion", "final_answer"]
        {
            assert!(is_spoken_tool(name), "{name}");
        }
        for name in ["present_files", "web_search", "bash", "read_file", "update_plan"] {
            assert!(!is_spoken_tool(name), "{name}");
        }
    }
}
