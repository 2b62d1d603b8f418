//! Learns who speaks in a transcript from line patterns that recur.

use std::collections::BTreeMap;

use crate::conversation::NodeRole;

/// How a speaker's turns are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// `NAME: text`, also with Markdown emphasis (`**NAME:** text`).
    Prefix,
    /// `## NAME`
    Heading,
    /// A paragraph that is only `NAME`.
    Line,
    /// A field of a message.
    Field,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Speaker {
    pub name: String,
    pub style: Style,
    pub count: usize,
}

impl Speaker {
    /// The name itself says that this is the user (`User`, `Me`).
    pub fn is_obvious_user(&self) -> bool {
        obvious_role(&self.name) == Some(NodeRole::User)
    }
}

/// A line that begins a turn if its name turns out to be a speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label<'a> {
    pub line: usize,
    pub name: &'a str,
    pub style: Style,
    /// What follows the label on its line.
    pub rest: &'a str,
}

#[derive(Debug)]
pub struct Learnt<'a> {
    /// Most frequent first.
    pub speakers: Vec<Speaker>,
    /// All labels of these speakers, in order of lines.
    pub labels: Vec<Label<'a>>,
    pub inner_label_lines: usize,
}

const MIN_COUNT: usize = 3;
const MAX_NAME_CHARS: usize = 30;
const MAX_NAME_WORDS: usize = 3;
/// From this share on, labels at line starts inside paragraphs are turns too (logs without blank lines).
const INNER_SHARE: f64 = 0.5;

/// Finds speakers. `given` are names the user assigned; one occurrence is enough for them.
pub fn learn<'a>(lines: &[&'a str], given: &[&str]) -> Learnt<'a> {
    let all = labels(lines);
    let starts: Vec<Label<'a>> = all.iter().filter(|l| at_paragraph_start(lines, l)).copied().collect();
    let from_starts = count(&starts, given);
    let from_all = count(&all, given);
    let total = |speakers: &[Speaker]| speakers.iter().map(|s| s.count).sum::<usize>();
    let inner = total(&from_all).saturating_sub(total(&from_starts));
    let use_all = inner as f64 >= INNER_SHARE * total(&from_all).max(1) as f64;
    let (speakers, candidates) = if use_all { (from_all, &all) } else { (from_starts, &starts) };
    let is_speaker = |l: &Label| speakers.iter().any(|s| s.name == l.name && s.style == l.style);
    let kept: Vec<Label<'a>> = candidates.iter().filter(|l| is_speaker(l)).copied().collect();
    let inner_label_lines = all.iter().filter(|l| is_speaker(l)).count() - kept.len();
    Learnt { labels: kept, inner_label_lines, speakers }
}

/// Names are compared without case and outer white space.
pub fn same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// The role that a name says by itself (`User`, `You said`, `ChatGPT`), if any.
pub fn obvious_role(name: &str) -> Option<NodeRole> {
    let lower = name.trim().to_lowercase();
    let plain = lower.strip_suffix(" said").unwrap_or(&lower);
    match plain {
        "user" | "human" | "you" | "me" | "prompt" | "question" | "q" => Some(NodeRole::User),
        "assistant" | "ai" | "bot" | "model" | "answer" | "a" | "response" | "claude" | "chatgpt" | "gpt"
        | "gpt-4" | "gemini" | "llama" | "mistral" | "qwen" => Some(NodeRole::Assistant),
        _ => None,
    }
}

fn count(labels: &[Label<'_>], given: &[&str]) -> Vec<Speaker> {
    let mut counts: BTreeMap<(Style, &str), usize> = BTreeMap::new();
    for label in labels {
        *counts.entry((label.style, label.name)).or_default() += 1;
    }
    let mut speakers: Vec<Speaker> = counts
        .into_iter()
        .filter(|((_, name), count)| {
            *count >= MIN_COUNT || obvious_role(name).is_some() || given.iter().any(|g| same_name(g, name))
        })
        .map(|((style, name), count)| Speaker { name: name.to_owned(), style, count })
        .collect();
    // A single repeated pattern is no dialogue; neither is one style's noise beside another style's speakers.
    let turns =
        |style: Style| -> usize { speakers.iter().filter(|s| s.style == style).map(|s| s.count).sum() };
    let names = |style: Style| speakers.iter().filter(|s| s.style == style).count();
    let obvious = |style: Style| {
        speakers.iter().filter(|s| s.style == style && obvious_role(&s.name).is_some()).count()
    };
    let best = [Style::Prefix, Style::Heading, Style::Line]
        .into_iter()
        .filter(|&style| names(style) >= 2)
        .max_by_key(|&style| (obvious(style).min(2), turns(style)));
    speakers.retain(|s| Some(s.style) == best);
    speakers.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    speakers
}

fn at_paragraph_start(lines: &[&str], label: &Label<'_>) -> bool {
    label.style == Style::Heading || label.line == 0 || {
        let before = lines[label.line - 1].trim();
        before.is_empty() || before.chars().all(|c| matches!(c, '-' | '*' | '_' | '='))
    }
}

/// Every line outside code fences that looks like a label.
fn labels<'a>(lines: &[&'a str]) -> Vec<Label<'a>> {
    let mut found = Vec::new();
    let mut in_fence = false;
    for (line, &text) in lines.iter().enumerate() {
        if text.trim_start().starts_with("```") {
            in_fence = !in_fence;
        } else if !in_fence {
            let next_is_blank = lines.get(line + 1).is_none_or(|next| next.trim().is_empty());
            let previous_is_blank = line == 0 || lines[line - 1].trim().is_empty();
            let label = heading(text)
                .or_else(|| prefix(text))
                .or_else(|| (next_is_blank && previous_is_blank).then(|| bare_line(text)).flatten());
            found.extend(label.map(|(style, name, rest)| Label { line, name, style, rest }));
        }
    }
    found
}

fn heading(line: &str) -> Option<(Style, &str, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let title = title.strip_prefix(' ')?.trim();
    let name = title.trim_matches(['*', '_']).trim_end_matches(':').trim_matches(['*', '_']).trim();
    ((1..=6).contains(&level) && is_name(name)).then_some((Style::Heading, name, ""))
}

/// `NAME: rest`, `**NAME:** rest`, `**NAME**: rest`, `NAME:`.
fn prefix(line: &str) -> Option<(Style, &str, &str)> {
    let (before, after) = line.split_once(':')?;
    let marks: &[char] = &['*', '_'];
    let name = before.trim_matches(marks).trim();
    let opened = before.len() - before.trim_start_matches(marks).len();
    let closed = before.trim_start_matches(marks).len()
        - before.trim_start_matches(marks).trim_end_matches(marks).len();
    let rest = if opened > closed { after.strip_prefix(&before[..opened - closed])? } else { after };
    let separated = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (separated && is_name(name)).then(|| (Style::Prefix, name, rest.trim_start()))
}

fn bare_line(line: &str) -> Option<(Style, &str, &str)> {
    let name = line.trim().trim_matches(['*', '_']).trim();
    let ends_like_a_name = name.chars().last().is_some_and(|c| c.is_alphanumeric() || c == ')');
    (ends_like_a_name && is_name(name)).then_some((Style::Line, name, ""))
}

fn is_name(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let allowed = |c: char| {
        c.is_alphanumeric() || matches!(c, ' ' | '\'' | '’' | '-' | '.' | '(' | ')' | '_') || !c.is_ascii()
    };
    (1..=MAX_NAME_WORDS).contains(&words)
        && text.chars().count() <= MAX_NAME_CHARS
        && text.chars().all(allowed)
        && text.chars().any(|c| c.is_alphabetic() || !c.is_ascii())
        && !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'))
}
