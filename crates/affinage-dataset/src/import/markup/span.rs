//! The table of marks, and where a span of markup ends.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Reasoning,
    Tool,
    /// Marks around words that a reader saw: the marks go, the words stay.
    Wrapper,
    /// As a wrapper; its words are a document whose type the attributes name.
    Document,
    /// As a document, in a fence that is not its own.
    FencedDocument,
    /// `<details>`: of which kind, its type or summary says.
    Details,
}

/// Where a span may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a line, or with a line break inside: within a sentence a tag may be the subject.
    Block,
    Anywhere,
}

/// Elements `<name ...>...</name>`, in any case.
const ELEMENTS: &[(&str, What, Place)] = &[
    ("think", What::Reasoning, Place::Block),
    ("thinking", What::Reasoning, Place::Block),
    ("thought", What::Reasoning, Place::Block),
    ("thoughts", What::Reasoning, Place::Block),
    ("reasoning", What::Reasoning, Place::Block),
    ("scratchpad", What::Reasoning, Place::Block),
    ("inner_monologue", What::Reasoning, Place::Block),
    ("seed:think", What::Reasoning, Place::Anywhere),
    ("antml:thinking", What::Reasoning, Place::Anywhere),
    ("antThinking", What::Reasoning, Place::Anywhere),
    ("tool_call", What::Tool, Place::Block),
    ("tool_calls", What::Tool, Place::Block),
    ("tool_use", What::Tool, Place::Block),
    ("tool_result", What::Tool, Place::Block),
    ("tool_results", What::Tool, Place::Block),
    ("tool_response", What::Tool, Place::Block),
    ("tool_outputs", What::Tool, Place::Block),
    ("function_call", What::Tool, Place::Block),
    ("function_calls", What::Tool, Place::Block),
    ("function_results", What::Tool, Place::Block),
    ("antml:function_calls", What::Tool, Place::Anywhere),
    ("execute_bash", What::Tool, Place::Block),
    ("execute_ipython", What::Tool, Place::Block),
    ("execute_browse", What::Tool, Place::Block),
    ("execute_command", What::Tool, Place::Block),
    ("bash-input", What::Tool, Place::Block),
    ("bash-stdout", What::Tool, Place::Block),
    ("bash-stderr", What::Tool, Place::Block),
    ("boltArtifact", What::Tool, Place::Block),
    ("antArtifact", What::Document, Place::Anywhere),
    ("details", What::Details, Place::Anywhere),
];

/// Spans between two marks that no one writes by chance.
const MARKED: &[(&str, &str, What)] = &[
    ("[THINK]", "[/THINK]", What::Reasoning),
    ("◁think▷", "◁/think▷", What::Reasoning),
    ("<|begin_of_thought|>", "<|end_of_thought|>", What::Reasoning),
    ("<|START_THINKING|>", "<|END_THINKING|>", What::Reasoning),
    ("<|inner_prefix|>", "<|inner_suffix|>", What::Reasoning),
    ("<|channel>thought", "<channel|>", What::Reasoning),
    ("<|begin_of_solution|>", "<|end_of_solution|>", What::Wrapper),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>", What::Wrapper),
    ("<|begin_of_box|>", "<|end_of_box|>", What::Wrapper),
    ("<function=", "</function>", What::Tool),
    ("[TOOL_REQUEST]", "[END_TOOL_REQUEST]", What::Tool),
    ("[TOOL_RESULT]", "[END_TOOL_RESULT]", What::Tool),
    ("<|START_ACTION|>", "<|END_ACTION|>", What::Tool),
    ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", What::Tool),
    ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", What::Tool),
];

/// Directives `:::name{...}` at the beginning of a line, up to a line `:::`.
const DIRECTIVES: &[(&str, What)] = &[
    ("artifact", What::FencedDocument),
    ("writing", What::FencedDocument),
    ("canvas", What::FencedDocument),
    ("thinking", What::Reasoning),
    ("think", What::Reasoning),
    ("reasoning", What::Reasoning),
];

/// What begins at a place of a text.
pub enum Found<'a> {
    Span(Span<'a>),
    /// A mark of the table without an end that parts it from the words.
    Open,
    Words,
}

/// A span of markup in a text.
pub struct Span<'a> {
    pub what: What,
    /// Name of the element; empty for other marks.
    pub name: &'a str,
    /// Attributes of the opening mark, and what stands between the marks.
    pub attributes: &'a str,
    pub inside: &'a str,
    pub end: usize,
}

/// Where the text goes on behind the code that begins with the backtick at `at`, or behind its backticks if they close
/// nothing in their paragraph.
pub fn behind_code(text: &str, at: usize) -> usize {
    let run = |from: usize| text.as_bytes()[from..].iter().take_while(|byte| **byte == b'`').count();
    let len = run(at);
    let end = text[at..].find("\n\n").map_or(text.len(), |paragraph| at + paragraph);
    let mut next = at + len;
    while let Some(found) = text.get(next..end).and_then(|rest| rest.find('`')) {
        let begin = next + found;
        let closing = run(begin);
        if closing == len {
            return begin + closing;
        }
        next = begin + closing;
    }
    at + len
}

/// What begins at `at`; `from` is where the words before it begin.
pub fn span_at(text: &str, at: usize, from: usize) -> Found<'_> {
    let rest = &text[at..];
    let line_start = text[..at].rfind('\n').map_or(0, |line| line + 1).max(from);
    let begins_line = text[line_start..at].trim().is_empty();
    let span = if rest.starts_with(":::") && begins_line {
        directive(text, at)
    } else if let Some(row) = MARKED.iter().find(|(open, ..)| rest.starts_with(open)) {
        marked(text, at, row)
    } else if let Some(row) = ELEMENTS.iter().find(|(name, ..)| opens(rest, name)) {
        element_span(text, at, row, begins_line)
    } else if begins_line && call_name(rest).is_some() {
        call_of_elements(text, at)
    } else if begins_line && frame(rest).is_some() {
        return framed(text, at).map_or(Found::Words, Found::Span);
    } else {
        return Found::Words;
    };
    span.map_or(Found::Open, Found::Span)
}

/// Elements in which pages frame what they fold away.
const FRAMES: [&str; 6] = ["div", "blockquote", "section", "center", "span", "p"];

/// Frames that hold nothing but reasoning or traffic of tools: they go with what they hold.
fn framed(text: &str, at: usize) -> Option<Span<'_>> {
    const MOST: usize = 3;
    const LONGEST_TAG: usize = 400;
    let mut names = Vec::new();
    let mut start = at;
    while let Some(name) = frame(&text[start..]).filter(|_| names.len() < MOST) {
        let tag = text.as_bytes()[start..].iter().take(LONGEST_TAG).position(|byte| *byte == b'>')?;
        names.push(name);
        start += tag + 1;
        start += text[start..].len() - text[start..].trim_start().len();
    }
    if !begins_mark(&text[start..]) {
        return None;
    }
    let Found::Span(span) = span_at(text, start, start) else { return None };
    let mut end = span.end;
    for name in names.into_iter().rev() {
        let closing = text[end..].trim_start();
        if !closes(closing, name) {
            return None;
        }
        end = text.len() - closing.len() + closing_len(closing);
    }
    matches!(span.what, What::Reasoning | What::Tool).then_some(Span { end, ..span })
}

/// The name of the frame that opens at the beginning of the text.
fn frame(rest: &str) -> Option<&'static str> {
    FRAMES.into_iter().find(|name| opens(rest, name))
}

fn marked<'a>(text: &'a str, at: usize, row: &(&str, &str, What)) -> Option<Span<'a>> {
    let (open, close, what) = *row;
    let start = at + open.len();
    let len = text[start..].find(close)?;
    let inside = &text[start..start + len];
    Some(Span { what, name: "", attributes: "", inside, end: start + len + close.len() })
}

fn element_span<'a>(
    text: &'a str,
    at: usize,
    row: &(&str, What, Place),
    begins_line: bool,
) -> Option<Span<'a>> {
    let (name, what, place) = *row;
    let (attributes, inside) = element(text, at, name)?;
    let end = inside.end + closing_len(&text[inside.end..]);
    let (attributes, inside) = (&text[attributes], &text[inside]);
    if place == Place::Block && !begins_line && !inside.contains('\n') {
        return None;
    }
    let what = if what == What::Details { kind_of_details(attributes, inside)? } else { what };
    Some(Span { what, name: &text[at + 1..at + 1 + name.len()], attributes, inside, end })
}

/// True if the text begins with the opening tag of an element.
fn opens(rest: &str, name: &str) -> bool {
    let bytes = rest.as_bytes();
    let named = bytes.get(1..=name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
    rest.starts_with('<')
        && named
        && bytes.get(name.len() + 1).is_some_and(|next| *next == b'>' || next.is_ascii_whitespace())
}

fn closes(rest: &str, name: &str) -> bool {
    let bytes = rest.as_bytes();
    let named = bytes.get(2..2 + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
    rest.starts_with("</") && named && bytes.get(2 + name.len()) == Some(&b'>')
}

fn closing_len(rest: &str) -> usize {
    rest.find('>').map_or(rest.len(), |at| at + 1)
}

/// Attributes and inside of the element that begins at `at`; elements of the same name may stand in it.
fn element(text: &str, at: usize, name: &str) -> Option<(Range<usize>, Range<usize>)> {
    let attributes_start = at + 1 + name.len();
    let mut quote = None;
    let mut tag_end = None;
    for (index, byte) in text.as_bytes()[attributes_start..].iter().enumerate() {
        match (quote, byte) {
            (None, b'"') => quote = Some(b'"'),
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'>') => {
                tag_end = Some(attributes_start + index);
                break;
            }
            _ => {}
        }
    }
    let tag_end = tag_end?;
    if text[..tag_end].ends_with('/') {
        return None;
    }
    let mut depth = 1;
    let mut next = tag_end + 1;
    while let Some(found) = memchr::memchr(b'<', &text.as_bytes()[next..]) {
        let here = next + found;
        if opens(&text[here..], name) {
            depth += 1;
        } else if closes(&text[here..], name) {
            depth -= 1;
            if depth == 0 {
                return Some((attributes_start..tag_end, tag_end + 1..here));
            }
        }
        next = here + 1;
    }
    None
}

/// `name="value"` among attributes.
pub fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(found) = attributes.get(from..)?.find(name) {
        let at = from + found;
        let begins = attributes[..at].ends_with(|c: char| c.is_whitespace() || c == '{') || at == 0;
        let value = attributes[at + name.len()..].strip_prefix("=\"");
        if let Some(value) = value.filter(|_| begins) {
            return value.split('"').next();
        }
        from = at + name.len();
    }
    None
}

/// Summaries under which products fold the reasoning, where no type says so.
static THOUGHT_SUMMARY: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)^\W*(?:(?:show|view|model|ai)\W+)?(?:thinking|thoughts?|reasoning|reasoned|chain[ -]of[ -]thought",
        r"|nachgedacht|denkprozess|gedanken(?:gang|kette)?|überlegung(?:en)?|réflexion|raisonnement|pensamientos?",
        r"|razonamiento|ragionamento|pensiero|raciocínio|pensamento|思考(?:过程|過程)?|推理(?:过程|過程)?|생각|рассуждени[ея]|размышлени[ея])",
        r"(?:\W+(?:process|steps|(?:für|for|pour|durante|por)\b.*|\d.*|\(.*))?\W*$",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// Open WebUI names the type; others fold reasoning under a summary. Any other `<details>` is a part of the answer.
fn kind_of_details(attributes: &str, inside: &str) -> Option<What> {
    match attribute(attributes, "type") {
        Some("reasoning") => return Some(What::Reasoning),
        Some(_) => return Some(What::Tool),
        None => {}
    }
    let summary = inside.trim_start().strip_prefix("<summary>")?.split("</summary>").next()?;
    THOUGHT_SUMMARY.is_match(summary).then_some(What::Reasoning)
}

fn directive(text: &str, at: usize) -> Option<Span<'_>> {
    let (head, _) = text[at..].split_once('\n')?;
    let named = head.trim_start_matches(':');
    let (_, what) = DIRECTIVES.iter().find(|(name, _)| {
        named
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })?;
    let attributes = named.trim_start_matches(|c: char| c.is_alphanumeric()).trim().trim_end_matches('}');
    let start = at + head.len() + 1;
    let mut fence: Option<&str> = None;
    let mut line_at = start;
    for line in text[start..].split_inclusive('\n') {
        let trimmed = line.trim();
        let ticks = &trimmed[..trimmed.len() - trimmed.trim_start_matches('`').len()];
        match fence {
            Some(open) if trimmed == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None if trimmed == ":::" => {
                let end = line_at + line.trim_end_matches('\n').len();
                return Some(Span { what: *what, name: "", attributes, inside: &text[start..line_at], end });
            }
            None => {}
        }
        line_at += line.len();
    }
    None
}

/// Length of a citation that was written out as `\ue202turn0search1`, and whether it points to a source; marks around
/// words point nowhere and leave them.
pub fn citation(rest: &str) -> Option<(usize, bool)> {
    static CITATION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:\\ue20[0-9a-f])+(?:turn\d+[a-z]+\d+(?:\\ue20[0-9a-f])*)*").expect("a valid pattern")
    });
    let found = CITATION.find(rest).filter(|_| rest.starts_with("\\ue20"))?;
    Some((found.end(), found.as_str().contains("turn")))
}

/// First words of the names of calls that agents write as elements: `<read_file><path>...</path></read_file>`.
const CALL_VERBS: [&str; 22] = [
    "access", "apply", "ask", "attempt", "browser", "condense", "create", "delete", "edit", "execute",
    "fetch", "insert", "list", "new", "plan", "read", "replace", "run", "search", "switch", "use", "write",
];
/// Elements inside a call that hold words to the reader.
const SPOKEN: [&str; 5] = ["result", "response", "question", "answer", "message"];

/// The name of the call that an element at the beginning of the text may be: a verb, `_` and more.
fn call_name(rest: &str) -> Option<&str> {
    let inside = rest.strip_prefix('<')?;
    let len = inside.bytes().take_while(|byte| byte.is_ascii_lowercase() || *byte == b'_').count();
    let (verb, _) = inside[..len].split_once('_')?;
    (inside[len..].starts_with('>') && CALL_VERBS.contains(&verb)).then_some(&inside[..len])
}

/// A call whose arguments are elements and nothing else. If one of them holds words to the reader, they are its inside.
fn call_of_elements(text: &str, at: usize) -> Option<Span<'_>> {
    let name = call_name(&text[at..])?;
    let (_, inside) = element(text, at, name)?;
    let end = inside.end + closing_len(&text[inside.end..]);
    let inside = &text[inside];
    let mut spoken = None;
    let mut next = inside.len() - inside.trim_start().len();
    while next < inside.len() {
        let child = inside[next..].strip_prefix('<')?.split(['>', ' ']).next()?;
        let (_, words) = element(inside, next, child)?;
        if SPOKEN.contains(&child) {
            spoken.get_or_insert(&inside[words.clone()]);
        }
        next = words.end + closing_len(&inside[words.end..]);
        next += inside[next..].len() - inside[next..].trim_start().len();
    }
    let what = if spoken.is_some() { What::Wrapper } else { What::Tool };
    Some(Span { what, name, attributes: "", inside: spoken.unwrap_or(inside), end })
}

/// True for a line such as `Thought for 3 seconds`, in many languages.
pub fn is_thought_label(line: &str) -> bool {
    THOUGHT_SUMMARY.is_match(line)
}

/// The title of a callout, or its kind if it has none: `[!note]- Thinking`, `[!thinking]`.
pub fn callout(line: &str) -> Option<&str> {
    let (kind, title) = line.strip_prefix("[!")?.split_once(']')?;
    let title = title.trim_start_matches(['+', '-', ' ']);
    Some(if title.is_empty() { kind } else { title })
}

/// True for a short line that says how long the model thought or worked, in many languages: `Worked for 1m 12s`.
pub fn is_time_of_thought(line: &str) -> bool {
    /// Longer lines are text.
    const MAX_CHARS: usize = 60;
    static VERB: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = concat!(
            r"(?i)\b(?:thought|thinking|worked|reasoned|reasoning|researched|nachgedacht|gedacht|überlegt|gearbeitet|réfléchi|réflexion",
            r"|raisonné|travaillé|pens(?:ó|ado|ando|ou|ato|é)|razonó|razonado|razonamiento|trabajó|trabajado|raciocinou|raciocínio|trabalhou",
            r"|ragionato|ragionamento|lavorato|nagedacht|gewerkt|myśla\w+|pracowa\w+|дума\w+|размышл\w+|рассужд\w+|работа\w+|düşün\w+|çalış\w+)\b",
            r"|思考|考え|推理|推論|作業|工作|생각|추론|작업|فكر|تفكير|सोच",
        );
        Regex::new(pattern).expect("a valid pattern")
    });
    static DURATION: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = concat!(
            r"(?i)\d\s*(?:(?:h|m|s|ms|min\w*|h(?:ou)?rs?|sec\w*|sek\w*|st(?:d|unden?)|seg\w*|heures?|horas?|or[ae]|uur|godz\w*|мин\w*|сек\w*|час\w*",
            r"|с|saniye|sn|dakika|dk)\b|秒|分|時間|小时|초|분|시간|ثاني|ثوان|دقيق|सेकंड|मिनट)",
            r"|\b(?:a few|a couple of|some|einige|ein paar|quelques|unos|algunos|alguns|pochi|een paar|kilka|несколько|birkaç) ?\p{L}+|几秒|数秒|몇 초",
        );
        Regex::new(pattern).expect("a valid pattern")
    });
    let line = line.trim_matches(['*', '_', ' ']);
    line.chars().count() <= MAX_CHARS
        && line.chars().count() > 3
        && !line.ends_with('?')
        && DURATION.is_match(line)
        && VERB.is_match(line)
}

/// True if a mark of the tables begins the text.
pub fn begins_mark(rest: &str) -> bool {
    call_name(rest).is_some()
        || ELEMENTS.iter().any(|(name, ..)| opens(rest, name))
        || MARKED.iter().any(|(open, ..)| rest.starts_with(open))
}
