//! Residue: what the page, the platform or a wrong decoding left in the text.

use std::sync::LazyLock;

use regex::Regex;

use super::{Field, Hit, Severity, Subject, fields, line_spans, rules::Where};

static PAGE_LINE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"^\s*(?:Copy code|Regenerate(?: response)?|Share|(?:You|ChatGPT|Claude|Gemini) (?:said|responded|replied):",
        r"|Was this response better or worse\?.*|Is this conversation helpful so far\?",
        r"|Thought for (?:a few|a couple of|\d+) ?(?:s|m|seconds?|minutes?)(?: (?:and )?\d+ ?(?:s|seconds?))?",
        r"|(?:ChatGPT|Claude|Gemini) can make mistakes\..*",
        r"|Rated .{1,60} better|.{0,40}[○●]{4,}.{0,40}",
        r"|.{0,60}\bis (?:slightly |much )?more (?:helpful|harmless)\b.{0,20})\s*$",
    );
    Regex::new(pattern).expect("a valid pattern")
});
/// Buttons and counters that are words of their own elsewhere.
static PAGE_EDGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:\d{1,2} / \d{1,2}|Copy|Edit|Retry|Read aloud|Good response|Bad response)\s*$")
        .expect("a valid pattern")
});

/// L10. A counter such as `2 / 3` or a button such as `Copy` counts only as the first or last of several lines: alone it
/// may be an answer.
pub fn page_lines(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in fields(subject, Where::Both, Severity::Error) {
        let text = subject.text(field);
        let lines: Vec<_> = line_spans(text).filter(|span| !text[span.clone()].trim().is_empty()).collect();
        for (index, span) in lines.iter().enumerate() {
            let line = &text[span.clone()];
            let at_edge = lines.len() > 1 && (index == 0 || index == lines.len() - 1);
            if PAGE_LINE.is_match(line) || (at_edge && PAGE_EDGE.is_match(line)) {
                let mut hit = Hit::new(field, span.clone());
                hit.fix = Some(String::new());
                hits.push(hit);
            }
        }
    }
    hits
}

/// L16
pub fn think_blocks(subject: &Subject) -> Vec<Hit> {
    ["think", "thinking"].iter().flat_map(|tag| tag_blocks(&subject.response, tag)).collect()
}

fn tag_blocks(text: &str, tag: &str) -> Vec<Hit> {
    let (open_tag, close_tag) = (format!("<{tag}>"), format!("</{tag}>"));
    let hit = |span, what: &str| Hit::new(Field::Response, span).detail(what);
    let mut hits = Vec::new();
    let mut rest = 0;
    loop {
        let open = text[rest..].find(&open_tag).map(|at| rest + at);
        let close = text[rest..].find(&close_tag).map(|at| rest + at);
        match (open, close) {
            (None, None) => return hits,
            (Some(open), Some(close)) if open < close => {
                let inside = &text[open + open_tag.len()..close];
                if inside.contains(&open_tag) {
                    hits.push(hit(open..open + open_tag.len(), "opened twice"));
                } else if inside.trim().is_empty() {
                    hits.push(hit(open..close + close_tag.len(), "empty"));
                }
                rest = close + close_tag.len();
            }
            (_, Some(close)) => {
                hits.push(hit(close..close + close_tag.len(), "not opened"));
                rest = close + close_tag.len();
            }
            (Some(open), None) => {
                hits.push(hit(open..open + open_tag.len(), "not closed"));
                return hits;
            }
        }
    }
}

static BINARY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"data:\w+/[\w.+-]+;base64,[A-Za-z0-9+/=]*|[A-Za-z0-9+/_-]{200,}={0,2}|(?:[A-Za-z0-9+/]{60,}\r?\n){2,}[A-Za-z0-9+/]+={0,2}")
        .expect("a valid pattern")
});

/// L17. A long run counts only if it mixes cases and digits: rows of one letter are not data.
pub fn binary_data(subject: &Subject) -> Vec<Hit> {
    let mixed = |run: &str| {
        let has = |class: fn(&u8) -> bool| run.bytes().any(|b| class(&b));
        has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
    };
    let mut hits = Vec::new();
    for field in fields(subject, Where::Both, Severity::Error) {
        let found = BINARY.find_iter(subject.text(field));
        let data = found.filter(|f| f.as_str().starts_with("data:") || mixed(f.as_str()));
        hits.extend(data.map(|f| Hit::new(field, f.range())));
    }
    hits
}

static INVISIBLE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"[\x00-\x08\x0e-\x1f\x7f\x{80}-\x{9f}\x{ad}\x{200b}\x{2060}\x{feff}\x{202a}-\x{202e}\x{2066}-\x{2069}]+|[\x0b\x0c\x{2028}\x{2029}]+|\x{fffd}+";
    Regex::new(pattern).expect("a valid pattern")
});

/// L18. Joiners stay: emoji and several scripts need them. A replacement character cannot be fixed, the text is lost.
pub fn invisible(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in [Field::Prompt, Field::Response] {
        for found in INVISIBLE.find_iter(subject.text(field)) {
            let mut hit = Hit::new(field, found.range());
            hit.fix = match found.as_str().chars().next() {
                Some('\u{fffd}') => None,
                Some('\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}') => Some("\n".to_owned()),
                _ => Some(String::new()),
            };
            hits.push(hit);
        }
    }
    hits
}

/// Nothing in it can be seen.
pub fn is_blank(text: &str) -> bool {
    INVISIBLE.replace_all(text, "").trim().is_empty()
}

/// L19. Runs of characters that are UTF-8 read as Windows-1252, such as `â€™`; the fix decodes them.
pub fn mojibake(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in [Field::Prompt, Field::Response] {
        let text = subject.text(field);
        let mut bytes = Vec::new();
        let mut start = 0;
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            match cp1252_byte(c) {
                Some(byte) => {
                    if bytes.is_empty() {
                        start = at;
                    }
                    bytes.push(byte);
                }
                None => {
                    let decoded = std::str::from_utf8(&bytes).ok().filter(|_| bytes.len() > 1);
                    if let Some(decoded) = decoded {
                        let mut hit = Hit::new(field, start..at);
                        hit.fix = Some(decoded.to_owned());
                        hits.push(hit);
                    }
                    bytes.clear();
                }
            }
        }
    }
    hits
}

/// The byte of a non-ASCII character in Windows-1252; bytes without a character stand for themselves.
fn cp1252_byte(c: char) -> Option<u8> {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match HIGH.iter().position(|high| *high == c) {
        Some(index) => Some(0x80 + index as u8),
        None => u8::try_from(u32::from(c)).ok().filter(|byte| *byte >= 0x80),
    }
}
