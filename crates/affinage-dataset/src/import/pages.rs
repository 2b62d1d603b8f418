//! Pages that hold conversations: as JSON in a script, as `chat.html` of a ChatGPT export does, or as elements that say who
//! speaks, as a saved page does.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::chat::names;
use super::html;
use crate::conversation::{BlockKind, NodeRole};

/// Where the JSON begins: behind these, `=` and white space, an array or an object stands.
const NAMES: [&[u8]; 4] = [b"jsonData", b"chatData", b"conversations", b"__NEXT_DATA__"];
const JSON_SCRIPT: &[u8] = b"application/json";

/// The bytes of the first such JSON, up to the end of its script.
pub fn embedded(page: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    while let Some(open) = memchr::memmem::find(&page[at..], b"<script").map(|found| at + found) {
        let inside = open + page[open..].iter().position(|b| *b == b'>')? + 1;
        let end =
            memchr::memmem::find(&page[inside..], b"</script").map_or(page.len(), |found| inside + found);
        let script = &page[inside..end];
        let start = if memchr::memmem::find(&page[open..inside], JSON_SCRIPT).is_some() {
            Some(0)
        } else {
            NAMES.iter().find_map(|name| assigned(script, name))
        };
        let json =
            start.map(|start| start + script[start..].iter().take_while(|b| b.is_ascii_whitespace()).count());
        if let Some(start) = json.filter(|start| matches!(script.get(*start), Some(b'[' | b'{'))) {
            return Some(inside + start..end);
        }
        at = end;
    }
    None
}

/// Index behind `name =`.
fn assigned(script: &[u8], name: &[u8]) -> Option<usize> {
    let behind = memchr::memmem::find(script, name)? + name.len();
    let spaces = script[behind..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    (script.get(behind + spaces) == Some(&b'=')).then_some(behind + spaces + 1)
}

/// The tag of an element, with its name and its attributes.
pub(super) static TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"<([a-zA-Z][\w-]*)((?:\s+[^<>"'=\s]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s<>"']+))?)*)\s*>"#)
        .expect("a valid pattern")
});
/// Attributes that name a speaker: `data-message-author-role="user"`, `data-testid="user-message"`.
static SPEAKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"\bdata-(?:[\w-]*(?:role|author|sender|speaker|from)[\w-]*|testid)\s*=\s*["']([\w-]{2,30})["']"#,
    )
    .expect("a valid pattern")
});
pub(super) static CLASS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\bclass\s*=\s*["']([^"']*)["']"#).expect("a valid pattern"));

/// The messages of a page whose elements say who speaks; `None` unless both sides do.
///
/// Who speaks is said by an attribute (`data-message-author-role`), by the element's own name (`<user-query>`), or by its
/// classes (`message user`).
pub fn messages(page: &str) -> Option<Vec<Value>> {
    [by_attribute, by_name, by_class].into_iter().find_map(|role: fn(&str, &str) -> Option<NodeRole>| {
        let mut messages: Vec<Value> = Vec::new();
        let mut at = 0;
        while let Some(found) = TAG.captures_at(page, at) {
            let (whole, name) = (found.get(0)?, found.get(1)?.as_str());
            at = whole.end();
            let Some(role) = role(name, found.get(2).map_or("", |attributes| attributes.as_str())) else { continue };
            let end = element_end(page, whole.end(), name);
            let text = said(&page[whole.end()..end], whole.as_str());
            at = end;
            if !text.trim().is_empty() {
                messages.push(json!({ "role": if role == NodeRole::User { "user" } else { "assistant" }, "content": text }));
            }
        }
        let has = |role: &str| messages.iter().any(|message| message["role"] == role);
        (has("user") && has("assistant")).then_some(messages)
    })
}

fn by_attribute(_: &str, attributes: &str) -> Option<NodeRole> {
    SPEAKER.captures_iter(attributes).find_map(|found| side(&found[1]))
}

fn by_name(name: &str, _: &str) -> Option<NodeRole> {
    name.contains('-').then(|| side(name)).flatten()
}

/// `message user`, `user-message`, `msg msg--assistant`.
fn by_class(_: &str, attributes: &str) -> Option<NodeRole> {
    const MESSAGES: [&str; 5] = ["message", "msg", "turn", "bubble", "chat"];
    let class = CLASS.captures(attributes)?.get(1)?.as_str().to_lowercase();
    let words = |token: &str| {
        token.split(['-', '_']).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let tokens: Vec<Vec<String>> = class.split_whitespace().map(words).collect();
    let is_message = |word: &String| MESSAGES.contains(&word.as_str());
    let is_said = |token: &&Vec<String>| token.iter().all(|word| is_message(word) || side(word).is_some());
    let named: Vec<&String> = tokens.iter().filter(is_said).flatten().collect();
    let sides: Vec<NodeRole> = named.iter().filter_map(|word| side(word)).collect();
    (named.iter().any(|word| is_message(word)) && sides.windows(2).all(|pair| pair[0] == pair[1]))
        .then(|| sides.first().copied())
        .flatten()
}

/// The side that a word names, also with what it does behind it: `user`, `user-message`, `model-response`.
fn side(word: &str) -> Option<NodeRole> {
    const BEHIND: [&str; 6] = ["message", "query", "response", "turn", "msg", "prompt"];
    let lower = word.to_lowercase();
    let bare = BEHIND
        .iter()
        .find_map(|end| lower.strip_suffix(end))
        .map_or(lower.as_str(), |bare| bare.trim_end_matches(['-', '_']));
    let named = names::role(if bare.is_empty() { &lower } else { bare });
    named
        .filter(|(_, kind)| *kind == BlockKind::Text)
        .map(|(role, _)| role)
        .filter(|role| matches!(role, NodeRole::User | NodeRole::Assistant))
}

/// Where the element ends whose tag ends at `start`; elements of the same name may stand in it.
pub(super) fn element_end(page: &str, start: usize, name: &str) -> usize {
    let (mut depth, mut at) = (1, start);
    while let Some(found) = memchr::memchr(b'<', &page.as_bytes()[at..]).map(|found| at + found) {
        let rest = &page[found + 1..];
        let closes = rest.starts_with('/');
        let of = |rest: &str| {
            rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
                && rest[name.len()..].starts_with(|c: char| c == '>' || c.is_whitespace())
        };
        if of(rest.trim_start_matches('/')) {
            depth = if closes { depth - 1 } else { depth + 1 };
        }
        if depth == 0 {
            return found;
        }
        at = found + 1;
    }
    page.len()
}

/// The words of an element: those of its content, if one is named, without buttons and names beside it.
fn said(inside: &str, tag: &str) -> String {
    const CONTENT: [&str; 8] =
        ["content", "text", "body", "markdown", "prose", "message-content", "message-text", "message-body"];
    let is_verbatim = |class: &str| class.contains("pre-wrap");
    let class_of = |tag: &str| CLASS.captures(tag).map(|found| found[1].to_lowercase()).unwrap_or_default();
    let content = TAG.captures_iter(inside).find_map(|found| {
        let class = class_of(&found[0]);
        let is_content = is_verbatim(&class) || class.split_whitespace().any(|word| CONTENT.contains(&word));
        let start = found.get(0)?.end();
        is_content.then(|| (class, &inside[start..element_end(inside, start, &found[1])]))
    });
    let (class, words) = content.unwrap_or_else(|| (class_of(tag), inside));
    if is_verbatim(&class) { html::verbatim(words) } else { html::shown(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_on(page: &str) -> Option<Vec<(String, String)>> {
        let of = |message: &Value, key: &str| message[key].as_str().unwrap_or_default().to_owned();
        Some(messages(page)?.iter().map(|m| (of(m, "role"), of(m, "content"))).collect())
    }

    #[test]
    fn elements_that_name_their_speaker_are_messages() {
        let expected = vec![
            ("user".to_owned(), "Why fens?\nTell me.".to_owned()),
            ("assistant".to_owned(), "They are **wet**.\n\n```python\nprint(1)\n```".to_owned()),
        ];
        for page in [
            r#"<h5>You said:</h5><div data-message-author-role="user" data-message-id="1"><div class="whitespace-pre-wrap">Why fens?
Tell me.</div></div><div class="x" data-message-author-role="assistant"><div class="markdown prose"><p>They are <b>wet</b>.</p><pre><div><div>python</div><button>Copy code</button></div><code class="language-python">print(1)
</code></pre></div></div><button>Good</button>"#,
            r#"<user-query><p>Why fens?<br>Tell me.</p></user-query><model-response><div>They are <b>wet</b>.</div><pre><code class="language-python">print(1)</code></pre></model-response>"#,
            r#"<div class="message user"><div class="name">Mara</div><div class="content">Why fens?<br>Tell me.</div></div><div class="message assistant"><div class="content"><p>They are <b>wet</b>.</p><pre><code class="language-python">print(1)</code></pre></div></div>"#,
        ] {
            assert_eq!(said_on(page).as_ref(), Some(&expected), "{page}");
        }
        for page in [
            "<div class=\"user-theme\">Why?</div><p>So.</p>",
            "<div data-role=\"user\">Only one side.</div>",
            "<div class=\"chat-user assistant\">x</div>",
        ] {
            assert_eq!(said_on(page), None, "{page}");
        }
    }
}
