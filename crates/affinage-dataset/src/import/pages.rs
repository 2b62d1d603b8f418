//! Pages that carry their conversations as JSON in a script, as `chat.html` of a ChatGPT export does.

use std::ops::Range;

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
