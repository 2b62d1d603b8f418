//! Notes that programs keep as JSON: outlines (Roam, Logseq), journals and notes (Day One, Keep, Simplenote, Standard Notes).
//!
//! A record is taken for a note only where the shape is that of such a program: rows of texts that others wrote look
//! otherwise alike.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::chat::names::time_s;
use super::json::string;
use super::notes;

/// One note as its program keeps it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Markdown with what is known of the note before it.
    pub text: String,
    pub is_trashed: bool,
}

/// The notes of an element; `None` if it is something else.
pub(super) fn read(value: &Value) -> Option<Vec<Record>> {
    if let Some(outline) = outline(value) {
        return Some(vec![outline]);
    }
    if ["textContent", "listContent"].iter().any(|key| value.get(*key).is_some())
        && value.get("isTrashed").is_some()
    {
        return Some(vec![keep(value)]);
    }
    let list = |key: &str| value.get(key).and_then(Value::as_array);
    if let Some(blocks) =
        list("blocks").filter(|blocks| blocks.iter().any(|block| block.get("page-name").is_some()))
    {
        return Some(blocks.iter().filter_map(outline).collect());
    }
    if let Some(entries) = list("entries").filter(|entries| entries.iter().all(is_entry)) {
        return Some(entries.iter().map(entry).collect());
    }
    if let Some(active) = list("activeNotes") {
        let of = |note: &Value, is_trashed| Record {
            is_trashed,
            ..record(None, string(note, "content").unwrap_or_default(), time_of(note))
        };
        let trashed = list("trashedNotes").map(Vec::as_slice).unwrap_or_default();
        let active = active.iter().map(|note| of(note, false));
        return Some(active.chain(trashed.iter().map(|note| of(note, true))).collect());
    }
    let items = list("items")?;
    let is_note = |item: &&Value| string(item, "content_type") == Some("Note");
    let notes: Vec<Record> = items.iter().filter(is_note).map(standard).collect();
    (!notes.is_empty()).then_some(notes)
}

fn record(title: Option<&str>, text: &str, time: Option<f64>) -> Record {
    let day = time.and_then(|time_s| jiff::Timestamp::from_second(time_s as i64).ok());
    let day = day.map(|at| at.to_string()[..10].to_owned());
    let title = title.map(str::trim).filter(|title| !title.is_empty());
    let front = notes::front_matter(title, &[], day.as_deref());
    Record { text: format!("{front}{}\n", text.trim_end()), is_trashed: false }
}

fn time_of(value: &Value) -> Option<f64> {
    const TIMES: [&str; 7] = [
        "creationDate",
        "create-time",
        "createdTimestampUsec",
        "userEditedTimestampUsec",
        "created_at",
        "createdAt",
        "edit-time",
    ];
    TIMES.iter().find_map(|key| time_s(value.get(*key)?))
}

/// A page of blocks inside one another: `{"title", "children": [{"string", "children"}]}`.
fn outline(value: &Value) -> Option<Record> {
    let children = value.get("children")?.as_array()?;
    let title = string(value, "title").or_else(|| string(value, "page-name"))?;
    children.iter().find(|child| words_of(child).is_some())?;
    let mut out = String::new();
    children.iter().for_each(|child| block(child, 0, &mut out));
    Some(record(Some(title), &out, time_of(value)))
}

fn words_of(block: &Value) -> Option<&str> {
    ["string", "content"].iter().find_map(|key| block.get(*key)?.as_str())
}

/// A block and those in it as items of a list, or as a heading.
fn block(value: &Value, depth: usize, out: &mut String) {
    const MAX_DEPTH: usize = 40;
    let words = words_of(value).unwrap_or_default();
    let level = value.get("heading").and_then(Value::as_u64).filter(|level| (1..=6).contains(level));
    let indent = "  ".repeat(depth);
    match level {
        Some(level) => {
            out.push_str(&format!("\n{} {}\n\n", "#".repeat(level as usize), words.replace('\n', " ")));
        }
        None => out.push_str(&format!("{indent}- {}\n", words.replace('\n', &format!("\n{indent}  ")))),
    }
    if let Some(id) = string(value, "uid") {
        out.push_str(&format!("{indent}  id:: {id}\n"));
    }
    let inside = if level.is_some() { 0 } else { depth + 1 };
    let children = value.get("children").and_then(Value::as_array).filter(|_| depth < MAX_DEPTH);
    children.into_iter().flatten().for_each(|child| block(child, inside, out));
}

/// An entry of a journal: a text, and when it was begun.
fn is_entry(value: &Value) -> bool {
    value.get("creationDate").is_some() && value.get("uuid").is_some()
}

/// Signs of Markdown that were typed as they are.
static ESCAPED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\\([\\`*_{}\[\]()#+.!|>~-])").expect("the pattern is part of the program"));

fn entry(value: &Value) -> Record {
    let text = string(value, "text").unwrap_or_default();
    let mut is_code = false;
    let shown = |line: &str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if is_code || is_fence { line.to_owned() } else { ESCAPED.replace_all(line, "$1").into_owned() }
    };
    let shown: Vec<String> = text.lines().map(shown).collect();
    record(None, &shown.join("\n"), time_of(value))
}

/// A note of Keep: words, or a list of things to do.
fn keep(value: &Value) -> Record {
    let items = value.get("listContent").and_then(Value::as_array).into_iter().flatten();
    let items = items.filter_map(|item| {
        let mark = if item.get("isChecked").and_then(Value::as_bool) == Some(true) { "x" } else { " " };
        Some(format!("- [{mark}] {}", string(item, "text")?))
    });
    let text = string(value, "textContent").map(str::to_owned);
    let text: Vec<String> = text.into_iter().chain(items).collect();
    Record {
        is_trashed: value.get("isTrashed").and_then(Value::as_bool) == Some(true),
        ..record(string(value, "title"), &text.join("\n"), time_of(value))
    }
}

fn standard(item: &Value) -> Record {
    let content = item.get("content").unwrap_or(&Value::Null);
    let flag = |at: &Value| at.get("trashed").and_then(Value::as_bool) == Some(true);
    let is_trashed = flag(content)
        || item.get("deleted").and_then(Value::as_bool) == Some(true)
        || content.pointer("/appData/org.standardnotes.sn").is_some_and(flag);
    Record {
        is_trashed,
        ..record(string(content, "title"), string(content, "text").unwrap_or_default(), time_of(item))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(value: &Value) -> Vec<(String, bool)> {
        read(value).unwrap_or_default().into_iter().map(|record| (record.text, record.is_trashed)).collect()
    }

    #[test]
    fn notes_of_known_shapes_are_markdown() {
        let page = json!({ "title": "Weirs", "create-time": 86_400_000_000_u64, "children": [
            { "string": "Old ones", "heading": 2, "children": [{ "string": "They lean.\nLong.", "children": [{ "string": "all of them", "uid": "u1" }] }] }] });
        let expected = "---\ntitle: Weirs\ndate: 1972-09-27\n---\n\n\n## Old ones\n\n- They lean.\n  Long.\n  - all of them\n    id:: u1\n";
        assert_eq!(texts(&page), [(expected.to_owned(), false)]);
        let journal = json!({ "metadata": {}, "entries": [
            { "uuid": "A", "creationDate": "2026-03-04T10:00:00Z", "text": "It left at 7\\.30\\!\n```\na\\.b\n```" }] });
        assert_eq!(
            texts(&journal),
            [("---\ndate: 2026-03-04\n---\n\nIt left at 7.30!\n```\na\\.b\n```\n".to_owned(), false)]
        );
        let kept = json!({ "title": "Buy", "isTrashed": true, "textContent": "Nails", "listContent": [{ "text": "bread", "isChecked": true }] });
        assert_eq!(texts(&kept), [("---\ntitle: Buy\n---\n\nNails\n- [x] bread\n".to_owned(), true)]);
        let simple = json!({ "activeNotes": [{ "id": "1", "content": "Nails." }], "trashedNotes": [{ "id": "2", "content": "Old." }] });
        assert_eq!(texts(&simple), [("Nails.\n".to_owned(), false), ("Old.\n".to_owned(), true)]);
        let standard = json!({ "version": "004", "items": [{ "content_type": "Tag", "content": {} },
            { "content_type": "Note", "content": { "title": "T", "text": "Nails.", "trashed": true } }] });
        assert_eq!(texts(&standard), [("---\ntitle: T\n---\n\nNails.\n".to_owned(), true)]);
    }

    #[test]
    fn rows_of_texts_are_no_notes() {
        for row in [
            json!({ "id": 1, "title": "Weir", "url": "https://a.test", "text": "A weir is a wall." }),
            json!({ "title": "x", "children": [] }),
            json!({ "entries": [{ "text": "a" }] }),
            json!({ "items": [{ "content": "a" }] }),
        ] {
            assert_eq!(read(&row), None, "{row}");
        }
    }
}
