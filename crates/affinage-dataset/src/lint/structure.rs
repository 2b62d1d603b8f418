//! Structure: roles, empty turns, turns that hold more than one voice.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::residue::is_blank;
use super::{Field, Hit, Severity, Subject, fenced, fields, line_spans, rules::Where};
use crate::message::{Message, Role};

static INNER_MARKER: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?m)^(?:\*\*|\[)?(?:Human|User|Assistant|HUMAN|USER|ASSISTANT)(?:\*\*|\])?:(?:\*\*)?(?:\s|$)|🤖\s*assistant",
        r"|<\|(?:im_start|im_end|eot_id|endoftext|end|start_header_id|end_header_id|begin_of_text|user|assistant|system)\|>",
        r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</s>\s*\z|### (?:Response|Human|User|Assistant):",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// L02. A marker at the very beginning is L01.
pub fn inner_role_markers(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in fields(subject, Where::Both, Severity::Error) {
        let text = subject.text(field);
        let fences = fenced(text);
        let begins_at = text.len() - text.trim_start().len();
        let outside = |at: usize| !fences.iter().any(|fence| fence.contains(&at));
        for found in INNER_MARKER.find_iter(text) {
            let leads = found.start() <= begins_at
                && !found.as_str().starts_with(['<', '#', '🤖'])
                && !found.as_str().contains("INST]");
            // `<s>` and `</s>` also strike text through.
            let strikes = found.as_str().starts_with("</s>") && text.contains("<s>");
            if !leads && !strikes && outside(found.start()) {
                hits.push(Hit::new(field, found.range()));
            }
        }
    }
    hits
}

/// L03
pub fn empty_turns(subject: &Subject) -> Vec<Hit> {
    // A fault in the order of roles already says what is missing.
    if subject.role_fault.is_some() {
        return Vec::new();
    }
    fields(subject, Where::Both, Severity::Error)
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
        r"|now (?:make|write|do|give|try)|thanks|thank you|perfect|continue\b|go on\b|try again|(?:make|rewrite|shorten|expand|translate) (?:it|this|that)\b",
        r"|can you (?:make|rewrite|shorten|expand) (?:it|this|that)\b|what about\b|(?:and|but) (?:what|why|how|in|for)\b|expand on (?:it|this|that)\b",
        r"|same (?:again|thing)\b|more(?: please)?[.!]?\s*\z|why did you\b|as you (?:said|wrote)\b|the (?:first|second|third|last|other) (?:one|version)\b)",
        r"|\bthe (?:first|second|third|last) one\b|\[\d\]",
    );
    Regex::new(pattern).expect("a valid pattern")
});

const FOLLOW_UP_MAX_WORDS: usize = 40;

/// L05
pub fn orphan_follow_up(subject: &Subject) -> Vec<Hit> {
    if !subject.context.is_empty() || subject.prompt.split_whitespace().count() > FOLLOW_UP_MAX_WORDS {
        return Vec::new();
    }
    FOLLOW_UP.find(&subject.prompt).map(|found| Hit::new(Field::Prompt, found.range())).into_iter().collect()
}

static SPEAKER_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\*\*)?(\p{Lu}[\w.'’-]*(?: \p{Lu}[\w.'’-]*)?)(?:\*\*)?:(?:\*\*)?\s+\S")
        .expect("a valid pattern")
});

/// L07. Two names, one of which speaks again, or two names in capitals: labels such as `Note:` do not alternate.
pub fn nested_transcript(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in [Field::Prompt, Field::Response] {
        let text = subject.text(field);
        let fences = fenced(text);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut spans = Vec::new();
        for span in line_spans(text).filter(|span| !fences.iter().any(|fence| fence.contains(&span.start))) {
            if let Some(name) = SPEAKER_LINE.captures(&text[span.clone()]).and_then(|c| c.get(1)) {
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
