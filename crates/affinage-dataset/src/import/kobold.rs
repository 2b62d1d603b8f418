//! Saves of programs that keep one running text cut into actions: `{"prompt", "actions": [...]}` (KoboldLite).
//!
//! The text is put together as it was written and cut at the marks of its turns: `{{[INPUT]}}`, the tags that its
//! settings name, or the names of the two who talk.

use regex::Regex;
use serde_json::{Value, json};

use super::json::string;

/// The messages of a save; `None` if the object is none, or its text has no turns.
pub fn messages(save: &Value) -> Option<Vec<Value>> {
    let actions = save.get("actions").and_then(Value::as_array)?;
    let words =
        |action: &Value| action.as_str().or_else(|| string(action, "Selected Text")).map(str::to_owned);
    let actions: Vec<String> = actions.iter().map(words).collect::<Option<_>>()?;
    let text = string(save, "prompt")?.to_owned() + &actions.concat();
    let setting =
        |key: &str| save.get("savedsettings").and_then(|settings| string(settings, key)).map(str::trim);
    let (user, assistant) =
        (setting("chatname"), setting("chatopponent").map(|name| name.split("||$||").next().unwrap_or(name)));
    let marks = [
        (Some("{{[INPUT]}}"), Some("{{[OUTPUT]}}"), ""),
        (setting("instruct_starttag"), setting("instruct_endtag"), ""),
        (user.or(Some("You")), assistant.or(Some("KoboldGPT")), ":"),
    ];
    let turns =
        marks.into_iter().find_map(|(user, assistant, colon)| cut(&text, user?, assistant?, colon))?;
    let memory = string(save, "memory").map(str::trim).filter(|memory| !memory.is_empty());
    let system = memory.map(|words| json!({ "role": "system", "content": words }));
    Some(system.into_iter().chain(turns).collect())
}

/// The turns between marks that begin lines; `None` unless both sides speak.
fn cut(text: &str, user: &str, assistant: &str, colon: &str) -> Option<Vec<Value>> {
    if user.is_empty() || assistant.is_empty() || user == assistant {
        return None;
    }
    let side = |name: &str| format!("{}{colon}", regex::escape(name));
    let mark =
        Regex::new(&format!(r"(?m)^[ \t]*(?:({})|({}))[ \t]*\n?", side(user), side(assistant))).ok()?;
    let found: Vec<_> = mark.captures_iter(text).collect();
    let ends =
        found.iter().skip(1).filter_map(|next| next.get(0)).map(|next| next.start()).chain([text.len()]);
    let mut turns = Vec::new();
    let before = text[..found.first()?.get(0)?.start()].trim();
    if !before.is_empty() {
        turns.push(json!({ "role": "system", "content": before }));
    }
    for (turn, end) in found.iter().zip(ends) {
        let words = text[turn.get(0)?.end()..end].trim();
        if !words.is_empty() {
            let role = if turn.get(1).is_some() { "user" } else { "assistant" };
            turns.push(json!({ "role": role, "content": words }));
        }
    }
    let has = |role: &str| turns.iter().any(|turn| turn["role"] == role);
    (has("user") && has("assistant")).then_some(turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(save: &Value) -> Option<Vec<(String, String)>> {
        let of = |message: &Value, key: &str| string(message, key).unwrap_or_default().to_owned();
        Some(messages(save)?.iter().map(|m| (of(m, "role"), of(m, "content"))).collect())
    }

    #[test]
    fn the_running_text_is_cut_at_its_marks() {
        let expected = [
            ("user", "Why dunes?"),
            ("assistant", "The wind\nbuilds them."),
            ("user", "And grass?"),
            ("assistant", "It holds them."),
        ];
        let expected: Vec<(String, String)> =
            expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        for save in [
            json!({ "prompt": "\n{{[INPUT]}}\nWhy dunes?\n{{[OUTPUT]}}\n", "actions": ["The wind\nbuilds them.", "\n{{[INPUT]}}\nAnd grass?\n{{[OUTPUT]}}\nIt holds", " them."] }),
            json!({ "prompt": "\n### Ask:\nWhy dunes?\n### Say:\n", "actions": ["The wind\nbuilds them.", "\n### Ask:\nAnd grass?\n### Say:\nIt holds them."],
                "savedsettings": { "instruct_starttag": "\n### Ask:\n", "instruct_endtag": "\n### Say:\n" } }),
            json!({ "prompt": "\nTove: Why dunes?", "actions": ["\nGull: The wind\nbuilds them.", "\nTove: And grass?", "\nGull: It holds them."],
                "savedsettings": { "chatname": "Tove", "chatopponent": "Gull" } }),
        ] {
            assert_eq!(said(&save).as_ref(), Some(&expected), "{save}");
        }
        let story = json!({ "prompt": "The dune moved.", "actions": [" It moved on."] });
        assert_eq!(said(&story), None);
        let remembered =
            json!({ "memory": "Be a gull.", "prompt": "You: Why?", "actions": ["\nKoboldGPT: Wind."] });
        assert_eq!(
            said(&remembered).map(|turns| turns[0].clone()),
            Some(("system".to_owned(), "Be a gull.".to_owned()))
        );
    }
}
