//! Residue: what the page or the platform left in the text.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::completeness::{is_code_line, is_language};
use super::{Code, Hit, Subject, line_spans, rules::Where};

/// Where a line of a chat page is residue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    /// In paragraphs of such lines before the first words of a text or at its end.
    AtEdge,
    AtEnd,
}

/// When such a line can go without taking words of a person along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    /// Its words may be an answer or verse.
    Never,
    AtEnd,
    /// Also in a paragraph of its own at the beginning.
    AtEndOrBegin,
    /// Only as the first line of what the assistant says.
    FirstOfAnswer,
}

struct PageLine {
    /// The whole line.
    regex: Regex,
    place: Place,
    goes: Goes,
}

static PAGE_LINES: LazyLock<Vec<PageLine>> = LazyLock::new(|| {
    let line = |pattern: &str, place, goes| {
        let whole = format!(r"^\s*(?:{pattern})\s*$");
        PageLine { regex: Regex::new(&whole).expect("a valid pattern"), place, goes }
    };
    vec![
        line("Copy code|Regenerate response", Place::Anywhere, Goes::AtEnd),
        line(
            "Copy|Edit|Retry|Share|Regenerate|Read aloud|Good response|Bad response",
            Place::AtEnd,
            Goes::Never,
        ),
        line(r"\d{1,2} / \d{1,2}|[○●]{4,}", Place::AtEdge, Goes::AtEnd),
        line(
            r"(?:Thought|Worked|Reasoned) for (?:a few|a couple of|\d+) ?(?:s|m|seconds?|minutes?)(?: (?:and )?\d+ ?(?:s|seconds?))?",
            Place::Anywhere,
            Goes::AtEndOrBegin,
        ),
        line("ChatGPT (?:said|responded|replied):", Place::Anywhere, Goes::FirstOfAnswer),
        line("(?:You|Claude|Gemini) (?:said|responded|replied):", Place::Anywhere, Goes::Never),
        line(
            concat!(
                r"Was this response better or worse\?|Is this conversation helpful so far\?",
                r"|(?:ChatGPT|Claude|Gemini|Copilot) (?:ist eine KI und kann|kann) Fehler machen\.[^\n]*|(?:ChatGPT|Gemini) (?:est une IA et )?peut (?:faire|commettre) des erreurs\.[^\n]*",
                r"|(?:ChatGPT|Gemini) (?:es una IA y )?puede cometer errores\.[^\n]*|(?:ChatGPT|Gemini) (?:è un'IA e )?può commettere errori\.[^\n]*",
                r"|Show thinking|Gedankengang anzeigen|Afficher (?:le raisonnement|la réflexion)|Mostrar (?:razonamiento|raciocínio)|Mostra ragionamento",
                r"|(?:ChatGPT|Claude|Gemini) (?:is AI and )?can make mistakes\. ",
                r"(?:Check important info|Please double-check (?:cited sources|responses)|Consider checking important information",
                r"|Verify important information)\.(?: See Cookie Preferences\.)?",
            ),
            Place::Anywhere,
            Goes::AtEnd,
        ),
        line(
            concat!(
                r"Rated (?:the )?(?:(?:first|second|third|last|other)(?: one| response| answer)?|[A-D1-4]) (?:slightly |much )?better",
                r"|(?:(?:The )?(?:first|second)(?: one| response| answer)?|(?:Response |Answer )?[A-D1-4]) is (?:slightly |much )?more (?:helpful|harmless)",
            ),
            Place::AtEnd,
            Goes::Never,
        ),
    ]
});

/// A line outside code that is not empty.
struct Line<'a> {
    span: Range<usize>,
    text: &'a str,
    paragraph: usize,
    page: Option<&'static PageLine>,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let code = Code::of(text);
    let mut paragraph = 0;
    let mut lines = Vec::new();
    for span in line_spans(text) {
        let line = &text[span.clone()];
        if line.trim().is_empty() {
            paragraph += 1;
        } else {
            let is_code = code.holds(span.start);
            let page = PAGE_LINES.iter().find(|page| !is_code && page.regex.is_match(line));
            lines.push(Line { span, text: line, paragraph, page });
        }
    }
    lines
}

/// The lines between the edges: from the first paragraph with words to the last one. If that one does not end with a
/// finished sentence or a block, what follows may belong to it.
fn between_edges(lines: &[Line]) -> Range<usize> {
    let with_words: HashSet<usize> =
        lines.iter().filter(|line| line.page.is_none()).map(|line| line.paragraph).collect();
    let has_words = |line: &Line| with_words.contains(&line.paragraph);
    match (lines.iter().position(has_words), lines.iter().rposition(has_words)) {
        (Some(first), Some(last)) => {
            let closes = |c: char| !c.is_alphanumeric() && !",:;-–—(".contains(c);
            let is_finished = lines[last].text.trim_end().ends_with(closes);
            first..if is_finished { last + 1 } else { lines.len() }
        }
        _ => 0..lines.len(),
    }
}

/// True for a button between the language of a code block and its code, as a copied page has it.
fn heads_code(lines: &[Line], index: usize) -> bool {
    let is_words = |line: &&Line| line.page.is_none();
    let (before, behind) = (lines[..index].iter().rev().find(is_words), lines[index..].iter().find(is_words));
    ["Copy code", "Copy", "Edit"].contains(&lines[index].text.trim())
        && before.is_some_and(|line| is_language(line.text))
        && behind.is_some_and(|line| is_code_line(line.text) || line.text.trim_start().starts_with("```"))
}

/// L10. A button such as `Copy` or a counter such as `2 / 3` counts where it stands apart: elsewhere it may be an answer.
pub fn page_lines(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        let lines = lines(subject.text(field));
        let between = between_edges(&lines);
        for (index, line) in lines.iter().enumerate() {
            let Some(page) = line.page else { continue };
            let is_end = index >= between.end;
            let is_in_place = match page.place {
                Place::Anywhere => true,
                Place::AtEdge => is_end || index < between.start,
                Place::AtEnd => is_end,
            };
            let heads_code = heads_code(&lines, index);
            if !is_in_place && !heads_code {
                continue;
            }
            let goes = match page.goes {
                _ if heads_code => true,
                Goes::Never => false,
                Goes::AtEnd => is_end,
                Goes::AtEndOrBegin => is_end || index < between.start,
                Goes::FirstOfAnswer => index == 0 && subject.is_assistant(field),
            };
            hits.push(Hit::new(field, line.span.clone()).fix(goes.then(String::new)));
        }
    }
    hits
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
    for field in subject.fields(Where::Row) {
        let found = BINARY.find_iter(subject.text(field));
        let data = found.filter(|f| f.as_str().starts_with("data:") || mixed(f.as_str()));
        hits.extend(data.map(|f| Hit::new(field, f.range())));
    }
    hits
}
