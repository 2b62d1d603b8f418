//! Completeness: answers that were cut, and blocks that were not closed.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{Code, Field, Hit, Severity, Subject, fenced, fences, line_spans, shown};

/// L20
pub fn cut_off(subject: &Subject) -> Vec<Hit> {
    let end = subject.response.len();
    subject
        .truncated
        .iter()
        .map(|word| Hit::new(Field::Response, end..end).detail(format!("`{word}`")))
        .collect()
}

/// L26: an error if words of the answer are missing, a warning if something else stood beside them.
pub fn missing_parts(subject: &Subject) -> Vec<Hit> {
    let whole = 0..subject.response.len();
    let missing =
        subject.missing.iter().map(|what| Hit::new(Field::Response, whole.clone()).detail(what.as_str()));
    let beside = (!subject.beside.is_empty()).then(|| {
        let detail = format!("it also showed {}", subject.beside.join(", "));
        let hit = Hit::new(Field::Response, whole.clone()).detail(detail);
        Hit { severity: Some(Severity::Warning), ..hit }
    });
    missing.chain(beside).collect()
}

/// Shorter answers ("Yes", "42", a title) need no full stop.
const OPEN_END_MIN_WORDS: usize = 8;
/// Lines shorter than this, several in a row, are verse.
const VERSE_LINE_CHARS: usize = 60;

/// L21
pub fn open_end(subject: &Subject) -> Vec<Hit> {
    let text = subject.response.trim_end();
    let in_code = fenced(text).last().is_some_and(|fence| fence.end == text.len());
    let Some(last_char) = text.chars().next_back() else { return Vec::new() };
    // Besides sentence ends: closing quotes and brackets, dashes, Markdown emphasis, emoji.
    let closes = !(last_char.is_alphanumeric() || matches!(last_char, ',' | ';' | ':' | '(' | '-'))
        || text.ends_with("--");
    if closes || in_code || text.split_whitespace().count() < OPEN_END_MIN_WORDS {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.last().map_or("", |line| line.trim_start());
    let numbered = last
        .split_once(['.', ')'])
        .is_some_and(|(n, _)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let listed = last.starts_with(['-', '*', '+', '•', '|', '#', '>']) || numbered;
    let verse =
        lines.len() >= 3 && lines.iter().rev().take(3).all(|line| line.chars().count() < VERSE_LINE_CHARS);
    if listed || verse || is_couplet(&lines) || shown::ends_with_signature(text) {
        return Vec::new();
    }
    vec![Hit::new(Field::Response, text.len() - last_char.len_utf8()..text.len())]
}

/// The last paragraph is two lines of verse: as long as each other, where a line that was cut is shorter.
fn is_couplet(lines: &[&str]) -> bool {
    let stanza: Vec<usize> = lines
        .iter()
        .rev()
        .map_while(|line| {
            let len = line.trim().chars().count();
            (len > 0).then_some(len)
        })
        .collect();
    match stanza.as_slice() {
        [last, before] => *last.max(before) < VERSE_LINE_CHARS && 4 * last >= 3 * before,
        _ => false,
    }
}

/// L22
pub fn open_block(subject: &Subject) -> Vec<Hit> {
    let text = &subject.response;
    let hit = |span, what: &str| Hit::new(Field::Response, span).detail(what);
    let mut hits: Vec<Hit> = fences(text).1.map(|line| hit(line, "code")).into_iter().collect();
    let code = Code::of(text);
    let outside = |at: &usize| !code.holds(*at);
    let signs: Vec<usize> = text.match_indices("$$").map(|(at, _)| at).filter(outside).collect();
    if signs.len() % 2 == 1 {
        hits.extend(signs.last().map(|&at| hit(at..at + 2, "formula")));
    }
    let opened = text.rfind(r"\[").filter(outside).filter(|at| !text[*at..].contains(r"\]"));
    hits.extend(opened.map(|at| hit(at..at + 2, "formula")));
    let end = text.trim_end();
    let is_prose = |span: &Range<usize>| outside(&span.start);
    if let Some(last) = line_spans(end).last().filter(is_prose) {
        if is_bare_marker(&end[last.clone()]) {
            hits.push(hit(last, "list"));
        } else if is_open_table(end) {
            hits.push(hit(last, "table"));
        }
    }
    hits
}

/// `3.` or `-` with nothing behind it, as the beginning of an item. `---` is a rule.
fn is_bare_marker(line: &str) -> bool {
    let line = line.trim();
    let number = line.strip_suffix(['.', ')']);
    matches!(line, "-" | "*" | "+" | "•")
        || number.is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The text ends in a table whose last row has fewer cells than its head, or none follows the head.
fn is_open_table(text: &str) -> bool {
    let rows: Vec<&str> =
        text.lines().rev().map(str::trim).take_while(|line| line.starts_with('|')).collect();
    let (Some(last), Some(head)) = (rows.first(), rows.last()) else { return false };
    let is_rule = |row: &str| row.contains('-') && row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '));
    let bars = |row: &str| row.matches('|').count();
    rows.len() >= 2 && is_rule(rows[rows.len() - 2]) && (is_rule(last) || bars(last) < bars(head))
}

static LANGUAGE_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:python|json|yaml|toml|xml|bash|sh|shell|powershell|javascript|js|jsx|typescript|ts|tsx|rust|html|css|sql|java|kotlin|swift|ruby|php|cpp|c|c\+\+|csharp|go|plaintext)$")
        .expect("a valid pattern")
});
static CODE_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[{};=]\s*$|^\s*(?:import|from|def|class|fn|let|const|var|if|for|SELECT|#include|<\w|\$ )\b?|^\s*[\w.]+\(.*\)|^\s{2,}\S|^\w+:\s|^\s*(?:ls|cd|cat|pip|npm|git|sudo|echo|curl|docker|cargo|mkdir)\s").expect("a valid pattern")
});

/// The name of a programming language alone on a line, as above a code block on a page.
pub fn is_language(line: &str) -> bool {
    LANGUAGE_LINE.is_match(line)
}

/// A line as programs, data and shells have it.
pub fn is_code_line(line: &str) -> bool {
    CODE_LINE.is_match(line)
}

/// L23
pub fn lost_fence(subject: &Subject) -> Vec<Hit> {
    let text = &subject.response;
    let fences = fenced(text);
    let spans: Vec<_> = line_spans(text).collect();
    let next_line = |index: usize| {
        spans[index + 1..].iter().map(|s| &text[s.clone()]).find(|line| !line.trim().is_empty())
    };
    spans
        .iter()
        .enumerate()
        .filter(|(_, span)| !fences.iter().any(|fence| fence.contains(&span.start)))
        .filter(|(index, span)| {
            is_language(&text[(*span).clone()]) && next_line(*index).is_some_and(is_code_line)
        })
        .map(|(_, span)| Hit::new(Field::Response, span.clone()))
        .collect()
}
