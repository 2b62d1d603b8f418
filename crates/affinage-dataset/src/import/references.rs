//! Marks in ChatGPT's texts that its page replaces: names of things, links, citations.
//!
//! A mark is a span of private-use characters, `\u{e200}KIND\u{e202}...\u{e201}`, or an older `【...】`. The message's
//! `metadata.content_references[]` says what stood there: `matched_text` with `alt`, `name` or `items[].url`. What carried
//! words is replaced by them, a citation goes with the space before it, and a mark without a reference stays for lint.

use serde_json::Value;

use super::json::string;

const START: char = '\u{e200}';
const SEPARATOR: char = '\u{e202}';
const END: char = '\u{e201}';

/// Kinds of marks that point to a source or fold in a widget: they are no words of the answer.
const CITATIONS: [&str; 14] = [
    "cite",
    "filecite",
    "navlist",
    "video",
    "image_group",
    "i",
    "products",
    "forecast",
    "finance",
    "schedule",
    "standing",
    "calculator",
    "map",
    "businesses_map",
];

/// The text with its marks replaced, by what the message's metadata says.
pub fn resolved(text: &str, metadata: &Value) -> String {
    let mut text = text.to_owned();
    // The first bytes of the characters that begin a mark.
    if memchr::memchr2(0xee, 0xe3, text.as_bytes()).is_none() {
        return text;
    }
    let references =
        metadata.get("content_references").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for reference in references {
        let Some(mark) = string(reference, "matched_text").filter(|mark| mark.contains([START, '【']))
        else {
            continue;
        };
        match words(mark, reference) {
            Some(words) => text = text.replace(mark, &words),
            None => remove(&mut text, mark),
        }
    }
    text
}

/// What a mark stood for; `None` for a citation.
fn words(mark: &str, reference: &Value) -> Option<String> {
    let inside = mark.trim_start_matches(START).trim_end_matches(END);
    let mut fields = inside.split(SEPARATOR);
    let kind = fields.next().unwrap_or_default();
    let of_source = string(reference, "type").is_some_and(|word| {
        ["webpage", "citation", "source", "file", "image", "video", "nav"]
            .iter()
            .any(|part| word.contains(part))
    });
    if mark.starts_with('【') || CITATIONS.contains(&kind) || (of_source && kind != "url") {
        return None;
    }
    let alt = string(reference, "alt").or_else(|| string(reference, "name")).map(str::to_owned);
    alt.or_else(|| match (kind, fields.next(), fields.next()) {
        ("url", Some(title), Some(link)) => Some(format!("[{title}]({link})")),
        _ => Some(string(reference, "title").unwrap_or(mark).to_owned()),
    })
}

/// Removes each mark with the spaces before it.
fn remove(text: &mut String, mark: &str) {
    while let Some(at) = text.find(mark) {
        let start = text[..at].trim_end_matches([' ', '\u{a0}']).len();
        text.replace_range(start..at + mark.len(), "");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_become_what_stood_there() {
        let mark = |fields: &[&str]| format!("{START}{}{END}", fields.join(&SEPARATOR.to_string()));
        let name = mark(&["entity", "[\"ship\",\"Vasa\",\"of 1628\"]"]);
        let cite = mark(&["cite", "turn0search1", "turn0search3"]);
        let link = mark(&["url", "the museum", "https://ships.example/vasa"]);
        for (before, reference, expected) in [
            (
                format!("The {name} sank."),
                json!({ "matched_text": name, "type": "entity", "name": "Vasa" }),
                "The Vasa sank.",
            ),
            (
                format!("She sank {cite}. Soon {cite}, alas."),
                json!({ "matched_text": cite, "type": "grouped_webpages", "alt": "([ships](https://ships.example))" }),
                "She sank. Soon, alas.",
            ),
            (
                format!("See {link}."),
                json!({ "matched_text": link, "type": "url" }),
                "See [the museum](https://ships.example/vasa).",
            ),
            (
                "Wet 【4:0†log.pdf】.".to_owned(),
                json!({ "matched_text": "【4:0†log.pdf】", "type": "file" }),
                "Wet.",
            ),
        ] {
            assert_eq!(resolved(&before, &json!({ "content_references": [reference] })), expected);
        }
    }

    #[test]
    fn a_mark_without_a_reference_and_a_reference_without_a_mark_change_nothing() {
        let text = format!("The {START}entity{SEPARATOR}[\"ship\"]{END} sank【結論】.");
        assert_eq!(resolved(&text, &json!({})), text);
        let footnote = json!({ "content_references": [{ "matched_text": " ", "type": "sources_footnote" }] });
        assert_eq!(resolved(&text, &footnote), text);
    }
}
