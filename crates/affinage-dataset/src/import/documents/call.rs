//! Calls that write documents: whose they are, what they write, and how a change is applied.

use regex::Regex;
use serde_json::Value;

use super::super::json::string;
use super::plain;
use super::spoken;

/// Names of tools that write documents, in lower case without separators: exact ones, and parts of names.
const TOOLS: [&str; 6] =
    ["artifacts", "createfile", "strreplace", "rewritefile", "presentfiles", "updatefile"];
const TOOL_PARTS: [&str; 4] = ["canmore", "textdoc", "artifact", "canvas"];
const DOCUMENT_VERBS: [&str; 6] = ["create", "write", "update", "rewrite", "edit", "change"];
/// Verbs of tools that only look at documents.
const LOOKS: [&str; 9] = ["search", "read", "get", "list", "view", "fetch", "find", "query", "delete"];

const BODIES: [&str; 8] =
    ["content", "file_text", "text", "code", "body", "markdown", "html", "file_content"];
const NAMES: [&str; 9] =
    ["id", "identifier", "artifact_id", "document_id", "textdoc_id", "path", "file_path", "filename", "name"];
const TYPES: [&str; 4] = ["type", "kind", "mime_type", "format"];
const CHANGES: [&str; 3] = ["updates", "edits", "changes"];
/// Fields of what a change looks for and what it puts there; the first pair is an expression.
const PAIRS: [(&str, &str); 6] = [
    ("pattern", "replacement"),
    ("old_str", "new_str"),
    ("old_string", "new_string"),
    ("old_text", "new_text"),
    ("search", "replace"),
    ("find", "replace"),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    find: String,
    replacement: String,
    is_pattern: bool,
    everywhere: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Write {
        id: Option<String>,
        kind: String,
        language: String,
        body: String,
        is_cut: bool,
    },
    Change {
        id: Option<String>,
        edits: Vec<Edit>,
        is_cut: bool,
    },
    /// Remarks on a document, which are the answer.
    Remarks(Vec<String>),
    /// Words shown to the reader; not whole if they had a form that the call does not hold.
    Words {
        texts: Vec<String>,
        is_whole: bool,
    },
    /// Files handed to the reader.
    Present(Vec<String>),
    /// A call that writes a document whose words are not there.
    Lost,
}

pub fn is_document_tool(name: &str) -> bool {
    let plain = plain(name);
    let holds = |words: &[&str]| words.iter().any(|word| plain.contains(word));
    TOOLS.contains(&plain.as_str())
        || spoken::is_spoken_tool(name)
        || (!holds(&LOOKS) && (holds(&TOOL_PARTS) || (plain.contains("document") && holds(&DOCUMENT_VERBS))))
}

/// Reads a call; `None` if it neither writes nor changes anything.
pub fn call(name: &str, arguments: &str) -> Option<Call> {
    let Some((value, is_cut)) = json_with_its_end(arguments) else {
        return Some(Call::Lost);
    };
    let plain = plain(name);
    let list = |keys: &[&str]| keys.iter().find_map(|key| value.get(*key)?.as_array());
    let texts = |list: &Vec<Value>| list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if plain == "presentfiles" {
        return list(&["filepaths", "file_paths", "paths", "files"]).map(|files| Call::Present(texts(files)));
    }
    if spoken::is_spoken_tool(name) {
        let (texts, is_whole) = spoken::words(&value);
        return Some(Call::Words { texts, is_whole: is_whole && !is_cut });
    }
    if let Some(comments) = list(&["comments"]) {
        let remarks = comments.iter().filter_map(|comment| string(comment, "comment").or(comment.as_str()));
        return Some(Call::Remarks(remarks.map(str::to_owned).collect()));
    }
    let command = string(&value, "command").unwrap_or_default().to_lowercase();
    if LOOKS.contains(&command.as_str()) {
        return None;
    }
    let id = NAMES.iter().find_map(|key| string(&value, key)).map(str::to_owned);
    let changes = list(&CHANGES).map_or(std::slice::from_ref(&value), Vec::as_slice);
    let edits: Vec<Edit> = changes.iter().filter_map(edit).collect();
    if !edits.is_empty() {
        let is_cut = is_cut || edits.len() < changes.len();
        // The canvas has one document and names none.
        let id = id.filter(|_| value.get("updates").is_none());
        return Some(Call::Change { id, edits, is_cut });
    }
    let Some(body) = BODIES.iter().find_map(|key| string(&value, key)) else {
        return Some(Call::Lost);
    };
    let field =
        |keys: &[&str]| keys.iter().find_map(|key| string(&value, key)).unwrap_or_default().to_owned();
    let path = field(&["path", "file_path", "filename"]);
    let kind = match field(&TYPES) {
        kind if kind.is_empty() => path
            .rsplit(['/', '\\'])
            .next()
            .and_then(|file| file.rsplit_once('.'))
            .map_or("", |at| at.1)
            .to_owned(),
        kind => kind,
    };
    Some(Call::Write { id, kind, language: field(&["language", "lang"]), body: body.to_owned(), is_cut })
}

fn edit(value: &Value) -> Option<Edit> {
    let (index, find, replacement) = PAIRS.iter().enumerate().find_map(|(index, (find, replacement))| {
        let replacement = value.get(*replacement)?.as_str()?;
        Some((index, string(value, find)?.to_owned(), replacement.to_owned()))
    })?;
    let everywhere = ["multiple", "replace_all", "all"]
        .iter()
        .any(|key| value.get(*key).and_then(Value::as_bool) == Some(true));
    Some(Edit { find, replacement, is_pattern: index == 0, everywhere })
}

/// The body after all edits; `None` if one of them finds nothing.
pub fn changed(body: &str, edits: &[Edit]) -> Option<String> {
    edits.iter().try_fold(body.to_owned(), |body, edit| edited(&body, edit))
}

fn edited(body: &str, edit: &Edit) -> Option<String> {
    const WHOLE: [&str; 6] = [".*", "^.*$", "(?s).*", "(?s)^.*$", "[\\s\\S]*", ".+"];
    if edit.is_pattern && WHOLE.contains(&edit.find.as_str()) {
        return Some(edit.replacement.clone());
    }
    if edit.is_pattern
        && let Ok(pattern) = Regex::new(&edit.find.replace("\\Z", "\\z"))
        && pattern.is_match(body)
    {
        let limit = usize::from(!edit.everywhere);
        let put = |found: &regex::Captures<'_>| with_groups(&edit.replacement, found);
        return Some(pattern.replacen(body, limit, put).into_owned());
    }
    // Models forget to escape, and escape what the expressions here do not know.
    let literal =
        [edit.find.clone(), unescaped(&edit.find)].into_iter().find(|text| body.contains(text.as_str()))?;
    Some(match edit.everywhere {
        true => body.replace(&literal, &edit.replacement),
        false => body.replacen(&literal, &edit.replacement, 1),
    })
}

/// The replacement with `\1` and `\g<1>` as what the groups found.
fn with_groups(replacement: &str, found: &regex::Captures<'_>) -> String {
    let mut text = String::with_capacity(replacement.len());
    let mut rest = replacement;
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        let named = behind.strip_prefix("g<").and_then(|group| group.split_once('>'));
        let digit = behind.chars().next().and_then(|c| c.to_digit(10)).filter(|digit| *digit > 0);
        match (named, digit) {
            (Some((name, behind)), _) => {
                let group = name.parse().map_or_else(|_| found.name(name), |number: usize| found.get(number));
                text.push_str(group.map_or("", |group| group.as_str()));
                rest = behind;
            }
            (None, Some(digit)) => {
                text.push_str(found.get(digit as usize).map_or("", |group| group.as_str()));
                rest = &behind[1..];
            }
            (None, None) => {
                text.push('\\');
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    text
}

/// An expression for a plain text, without its backslashes.
fn unescaped(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

/// A JSON object whose end may be lacking, and whether the lack cut a text. Line breaks in its strings are let pass.
fn json_with_its_end(text: &str) -> Option<(Value, bool)> {
    let text = text.trim();
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return value.is_object().then_some((value, false));
    }
    let mut mended = String::with_capacity(text.len() + 8);
    let mut closers = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    // Where the last whole element ended, with the brackets that were open there.
    let mut whole = None;
    for c in text.chars() {
        if in_string {
            match c {
                '\n' if !escaped => mended.push_str("\\n"),
                '\r' if !escaped => mended.push_str("\\r"),
                '\t' if !escaped => mended.push_str("\\t"),
                other => mended.push(other),
            }
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' => closers.push('}'),
            '[' => closers.push(']'),
            '}' | ']' if closers.pop() != Some(c) => return None,
            ',' => whole = Some((mended.len(), closers.clone())),
            _ => {}
        }
        mended.push(c);
    }
    let closed = |mut text: String, closers: &[char]| {
        text.extend(closers.iter().rev());
        serde_json::from_str::<Value>(&text).ok().filter(Value::is_object)
    };
    let ended = match in_string {
        // A backslash at the very end escapes nothing.
        true => format!("{}\"", mended.strip_suffix('\\').filter(|_| escaped).unwrap_or(&mended)),
        false => mended.trim_end_matches([',', ' ', '\n']).to_owned(),
    };
    if let Some(value) = closed(ended, &closers) {
        return Some((value, in_string));
    }
    let (len, closers) = whole?;
    closed(mended[..len].to_owned(), &closers).map(|value| (value, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_without_its_end_is_read_as_far_as_it_goes() {
        for (text, expected) in [
            (r#"{"a": {"b": ["c"]}}"#, Some((json!({ "a": { "b": ["c"] } }), false))),
            (r#"{"a": [{"b": "c"}"#, Some((json!({ "a": [{ "b": "c" }] }), false))),
            (r#"{"a": "cut he"#, Some((json!({ "a": "cut he" }), true))),
            (r#"{"a": "b", "c"#, Some((json!({ "a": "b" }), true))),
            ("{\"a\": \"two\nlines\"}", Some((json!({ "a": "two\nlines" }), false))),
            (r#"{"a": "b\"#, Some((json!({ "a": "b" }), true))),
            ("no json", None),
            ("[1]", None),
        ] {
            assert_eq!(json_with_its_end(text), expected, "{text}");
        }
    }
}
