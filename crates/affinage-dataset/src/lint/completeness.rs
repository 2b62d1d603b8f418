//! Completeness: answers that were cut, and blocks that were not closed.

use std::sync::LazyLock;

use regex::Regex;

use super::{Field, Hit, Subject, fenced, line_spans};

/// L20
pub fn cut_off(subject: &Subject) -> Vec<Hit> {
    let end = subject.response.len();
    subject
        .truncated
        .iter()
        .map(|word| Hit::new(Field::Response, end..end).detail(format!("`{word}`")))
        .collect()
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
    if listed || verse {
        return Vec::new();
    }
    vec![Hit::new(Field::Response, text.len() - last_char.len_utf8()..text.len())]
}

/// L22
pub fn open_block(subject: &Subject) -> Vec<Hit> {
    let text = &subject.response;
    let fence_lines: Vec<_> =
        line_spans(text).filter(|s| text[s.clone()].trim_start().starts_with("```")).collect();
    let mut hits = Vec::new();
    if fence_lines.len() % 2 == 1 {
        hits.extend(fence_lines.last().map(|last| Hit::new(Field::Response, last.clone()).detail("code")));
    }
    let fences = fenced(text);
    let formulas = text.match_indices("$$").map(|(at, _)| at);
    let formulas: Vec<usize> = formulas.filter(|at| !fences.iter().any(|fence| fence.contains(at))).collect();
    if formulas.len() % 2 == 1 {
        hits.extend(formulas.last().map(|&at| Hit::new(Field::Response, at..at + 2).detail("formula")));
    }
    hits
}

static LANGUAGE_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:python|json|yaml|bash|javascript|typescript|rust|html|css|sql|java|cpp|c\+\+|go)$")
        .expect("a valid pattern")
});
static CODE_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[{};=]\s*$|^\s*(?:import|from|def|class|fn|let|const|var|if|for|SELECT|#include|<\w|\$ )\b?|^\s*[\w.]+\(.*\)|^\s{2,}\S|^\w+:\s").expect("a valid pattern")
});

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
            LANGUAGE_LINE.is_match(&text[(*span).clone()])
                && next_line(*index).is_some_and(|line| CODE_LINE.is_match(line))
        })
        .map(|(_, span)| Hit::new(Field::Response, span.clone()))
        .collect()
}
