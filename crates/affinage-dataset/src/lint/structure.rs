//! Structure: roles, empty turns, turns that hold more than one voice.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::decoding::is_blank;
use super::{Code, Field, Hit, Subject, fenced, line_spans, rules::Where, shown};
use crate::import::is_remark;
use crate::message::{Message, Role};

static LEADING_MARKER: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)\A\s*(?P<before>#{1,4} |\*\*|\[)?(?P<who>Human|User|Assistant|You|ChatGPT|GPT-\d\S*|Claude|Gemini|AI|Bot|🤖)",
        r"(?:\*\*|\])?\s*(?P<end>:(?:\*\*)?\s|\n)\s*",
    );
    Regex::new(pattern).expect("a valid pattern")
});
static HEADING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^#{1,6} ").expect("a valid pattern"));

/// L01. Names that are words of their own (`AI`, `Claude`, `You`) count with a colon; alone on their line they are a
/// heading.
pub fn leading_marker(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Turns) {
        let text = subject.text(field);
        let Some(found) = LEADING_MARKER.captures(text) else { continue };
        if is_asked_dialogue(subject, field) {
            continue;
        }
        let part = |name| found.name(name).map_or("", |part| part.as_str());
        let (who, span) = (part("who"), 0..found.get(0).map_or(0, |whole| whole.end()));
        let is_word = ["you", "claude", "gemini", "ai", "bot"].contains(&who.to_lowercase().as_str());
        let has_colon = part("end").starts_with(':');
        let is_page_copy = who == "You" && field == Field::Prompt;
        if has_colon || !is_word || is_page_copy {
            let is_marker = !is_word
                && is_own_side(subject, field, who)
                && (has_colon || !part("before").is_empty() || !starts_upper(who) || who == "ChatGPT")
                && !is_one_of_several(&text[span.end..]);
            hits.push(Hit::new(field, span).fix(is_marker.then(String::new)));
        }
    }
    hits
}

fn starts_upper(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

/// A marker of the side that speaks in the field.
fn is_own_side(subject: &Subject, field: Field, who: &str) -> bool {
    let is_user = ["human", "user"].contains(&who.to_lowercase().as_str());
    is_user != subject.is_assistant(field)
}

/// True if several people speak in the text of a field, and the prompt asks for that. Another prompt of the same
/// conversation may ask for what stands in its context.
fn is_asked_dialogue(subject: &Subject, field: Field) -> bool {
    let text = subject.text(field);
    let mut names: Vec<&str> = Vec::new();
    let mut turns = 0;
    for name in text.lines().filter_map(speaker_of) {
        turns += 1;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let prompt = match field {
        Field::Response => &subject.prompt,
        Field::Context(index) if index > 0 => &subject.context[index - 1].content,
        _ => return false,
    };
    subject.is_assistant(field) && names.len() >= 2 && turns >= 3 && shown::asks_for_dialogue(prompt, &names)
}

/// The name before the colon of a line.
fn speaker_of(line: &str) -> Option<&str> {
    let name = SPEAKER_LINE.captures(line)?.get(1)?.as_str();
    (!is_remark(name)).then_some(name)
}

/// True if the line at `at` begins with a speaker's name.
pub fn is_spoken(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let name = speaker_of(&text[start..]);
    name.is_some_and(|name| {
        text.lines().filter(|line| speaker_of(line).is_some_and(|other| other != name)).count() > 0
    })
}

/// Text behind a marker in which other speakers or headings follow: the marker belongs to a dialogue or a document.
fn is_one_of_several(rest: &str) -> bool {
    HEADING.is_match(rest) || rest.lines().any(|line| SPEAKER_LINE.is_match(line))
}

/// A label of a speaker at the beginning of a line.
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?m)^(?:\*\*|\[)?(?:Human|User|Assistant|HUMAN|USER|ASSISTANT)(?:\*\*|\])?:(?:\*\*)?(?:\s|$)|🤖\s*assistant",
        r"|### (?:Response|Human|User|Assistant):",
    );
    Regex::new(pattern).expect("a valid pattern")
});
/// A mark of a chat template.
static TEMPLATE_MARK: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"<[|｜]/?[A-Za-z][\w▁.-]{1,40}[|｜]>|<\|(?:turn|channel)>|<(?:turn|channel)\|>|\[/?INST\]|\[/?SYSTEM_PROMPT\]|<</?SYS>>",
        r"|<(?:start|end)_of_turn>|<end_of_utterance>|</s>\s*\z",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// L02. A label at the very beginning is L01. A system message may show by labels how turns look.
pub fn inner_role_markers(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        let text = subject.text(field);
        let code = Code::of(text);
        let begins_at = text.len() - text.trim_start().len();
        let leads =
            |label: &regex::Match<'_>| label.start() <= begins_at && !label.as_str().starts_with(['#', '🤖']);
        // `<s>` and `</s>` also strike text through.
        let strikes = |mark: &regex::Match<'_>| mark.as_str().starts_with("</s>") && text.contains("<s>");
        let may_be_labels = field != Field::System && !is_asked_dialogue(subject, field);
        let labels = LABEL.find_iter(text).filter(|label| may_be_labels && !leads(label));
        let marks = TEMPLATE_MARK.find_iter(text).filter(|mark| !strikes(mark));
        let outside = labels.chain(marks).filter(|found| !code.holds(found.start()));
        hits.extend(outside.map(|found| Hit::new(field, found.range())));
    }
    hits
}

/// L03
pub fn empty_turns(subject: &Subject) -> Vec<Hit> {
    // A fault in the order of roles already says what is missing.
    if subject.role_fault.is_some() {
        return Vec::new();
    }
    subject
        .fields(Where::Turns)
        .into_iter()
        .filter(|field| is_blank(subject.text(*field)))
        .map(|field| Hit::new(field, 0..subject.text(field).len()))
        .collect()
}

/// L04
pub fn roles(subject: &Subject) -> Vec<Hit> {
    subject.role_fault.iter().map(|fault| Hit::new(Field::Response, 0..0).detail(fault)).collect()
}

/// What is wrong with the order of roles: optional system message, then user and assistant in turn, assistant last.
pub fn role_fault(messages: &[Message]) -> Option<String> {
    let start = usize::from(messages.first().is_some_and(|m| m.role == Role::System));
    for (index, message) in messages[start..].iter().enumerate() {
        let expected = if index % 2 == 0 { Role::User } else { Role::Assistant };
        if message.role != expected {
            let (number, found, expected) = (start + index, message.role.as_str(), expected.as_str());
            return Some(format!("message {number} is of `{found}`, expected `{expected}`"));
        }
    }
    match messages.last().map(|m| m.role) {
        Some(Role::Assistant) => None,
        Some(role) => Some(format!("the last message is of `{}`", role.as_str())),
        None => Some("no messages".to_owned()),
    }
}

static FOLLOW_UP: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)\A\s*(?:this is (?:great|good|nice|perfect)|that(?:'|’)?s (?:great|good|not|wrong)|(?:now|please) (?:make|redo|rewrite) (?:it|this|that)",
        r"|now (?:make|write|do|give|try)|(?:thanks|thank you)(?: so much| very much| a lot)?(?: for (?:that|this|the (?:answer|help|reply)))?\s*(?:[.,!;:–—-]|\z)|perfect\b|continue\b|go on\b|try again|(?:make|rewrite|shorten|expand|translate) (?:it|this|that)\b",
        r"|can you (?:make|rewrite|shorten|expand) (?:it|this|that)\b|what about\b|(?:and|but) (?:what|why|how|in|for)\b|expand on (?:it|this|that)\b",
        r"|same (?:again|thing)\b|more(?: please)?[.!]?\s*\z|why did you\b|as you (?:said|wrote)\b|the (?:first|second|third|last|other) (?:one|version)\b)",
        r"|\bthe (?:first|second|third|last) one\b|\[\d\]",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// A follow-up that names what it is about: it may stand below.
static THIS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:this|it|that)\s*\z").expect("a valid pattern"));

const FOLLOW_UP_MAX_WORDS: usize = 40;
/// Fewer words below a prompt are no text that it is about.
const PASTED_MIN_WORDS: usize = 4;

/// L05
pub fn orphan_follow_up(subject: &Subject) -> Vec<Hit> {
    let has_material = !subject.context.is_empty() || subject.prompt_attachment_count > 0;
    if has_material || subject.prompt.split_whitespace().count() > FOLLOW_UP_MAX_WORDS {
        return Vec::new();
    }
    let prompt = &subject.prompt;
    let letter = shown::letter(prompt);
    let is_pasted = |at: usize| {
        letter.as_ref().is_some_and(|letter| letter.contains(&at)) || shown::is_quoted(prompt, at)
    };
    let found = FOLLOW_UP.find_iter(prompt).find(|found| !is_pasted(found.start()));
    // What follows in a paragraph of its own is what "this" means.
    let is_with_text = |found: &regex::Match<'_>| {
        found.start() == 0
            && prompt
                .trim()
                .split_once("\n\n")
                .is_some_and(|(_, text)| text.split_whitespace().count() >= PASTED_MIN_WORDS)
    };
    let found = found.filter(|found| !(is_with_text(found) && THIS.is_match(found.as_str())));
    found.map(|found| Hit::new(Field::Prompt, found.range())).into_iter().collect()
}

/// L09. What a note answers is for its writer to say.
pub fn drafted_prompt(subject: &Subject) -> Vec<Hit> {
    let whole = 0..subject.prompt.len();
    let hit = || Hit::new(Field::Prompt, whole).detail("write what you would have asked, or leave it");
    subject.prompt_drafted.then(hit).into_iter().collect()
}

static SPEAKER_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\*\*)?(\p{Lu}[\w.'’-]*(?: \p{Lu}[\w.'’-]*)?)(?:\*\*)?:(?:\*\*)?\s+\S")
        .expect("a valid pattern")
});

/// L07. Two names, one of which speaks again, or two names in capitals: labels such as `Note:` are nobody's name.
pub fn nested_transcript(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in [Field::Prompt, Field::Response] {
        let text = subject.text(field);
        if is_asked_dialogue(subject, field) {
            continue;
        }
        let fences = fenced(text);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut spans = Vec::new();
        for span in line_spans(text).filter(|span| !fences.iter().any(|fence| fence.contains(&span.start))) {
            let name = SPEAKER_LINE.captures(&text[span.clone()]).and_then(|c| c.get(1));
            if let Some(name) = name.filter(|name| !is_remark(name.as_str())) {
                *counts.entry(name.as_str()).or_default() += 1;
                spans.push(span.start..span.start + name.end() + 1);
            }
        }
        let capitals = |name: &str| name.chars().count() > 2 && !name.chars().any(char::is_lowercase);
        let alternate =
            counts.values().filter(|count| **count > 1).count() >= 1 && counts.len() >= 2 && spans.len() >= 4;
        if alternate || counts.keys().filter(|name| capitals(name)).count() >= 2 {
            let detail = format!("{} speaker lines", spans.len());
            hits.extend(spans.into_iter().next().map(|first| Hit::new(field, first).detail(detail)));
        }
    }
    hits
}

static GLUED: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)\bthank(?:s| you)[,!]? (?:claude|chatgpt|gpt|gemini)\b",
        r"|\A(?:can|could|would) you (?:please )?(?:rewrite|shorten|translate|rephrase|expand on|make (?:it|this|that))\b[^\n]*\?\s*\z",
        r"|\A(?:can|could|would) you (?:also )?give me\b[^\n]*\bplease\?\s*\z",
        r"|\A(?:now )?please (?:rewrite|shorten|translate|rephrase) (?:it|this|that)\b[^\n]*\z",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// L08
pub fn glued_turn(subject: &Subject) -> Vec<Hit> {
    let text = subject.response.trim_end();
    let Some(start) = text.rfind("\n\n").map(|at| at + 2) else { return Vec::new() };
    GLUED
        .find(&text[start..])
        .map(|found| Hit::new(Field::Response, start + found.start()..start + found.end()))
        .into_iter()
        .collect()
}
