//! Markdown and plain-text transcripts with learnt speakers.
//!
//! Nothing about the speakers' names is hard-coded: a line prefix (`SOCRATES: ...`, `**Human:** ...`), a heading
//! (`## User`) or a bare label line (`You said:`) that recurs at paragraph starts is a speaker. Three times are
//! enough; once, if the name is an obvious one or was given by the user. Which speaker is the assistant is said by
//! [`Roles`], or by obvious names; otherwise the import stops and shows what it found.
//!
//! A heading that stands directly before a turn of the user begins a new conversation: notes keep many in one file.
//! Hard-wrapped prose is unwrapped into paragraphs. Text before the first speaker is kept as context, never as text
//! of an example.

use std::collections::HashMap;

use super::error::ImportError;
use super::speakers::{self, Label, Speaker as Found, Style};
use super::unwrap_lines::{self, Wrap};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

pub use super::speakers::Speaker;

/// Roles the user gave: `--role NAME=assistant`. Names that a text does not have do not count for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    pub assistants: Vec<String>,
    /// If a text has some of them, only these are the user; lines of others stay in the turn they stand in.
    pub users: Vec<String>,
}

/// A transcript with its roles settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// At least one.
    pub conversations: Vec<Conversation>,
    pub speakers: Vec<Speaker>,
    pub wrap: Wrap,
    /// Lines inside a paragraph that begin with a speaker's name; they were not taken as turns.
    pub inner_label_lines: usize,
}

/// Reads a transcript. `Ok(None)` if no line pattern recurs, so there is nothing that could be a speaker.
pub fn conversations(text: &str, roles: &Roles, origin: &Origin) -> Result<Option<Parsed>, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let (front_matter, body) = split_front_matter(&text);
    let lines: Vec<&str> = body.lines().collect();
    let given: Vec<&str> = roles.assistants.iter().chain(&roles.users).map(String::as_str).collect();
    let learnt = speakers::learn(&lines, &given);
    let member = origin.member.as_str();
    if learnt.speakers.is_empty() {
        return Ok(None);
    }
    let cast = cast(&learnt.speakers, roles).ok_or_else(|| no_cast(&learnt.speakers, roles, member))?;
    let wrap = unwrap_lines::detect(&lines);
    let sections = sections(cut(&lines, &learnt.labels, &cast), front_matter);
    let mut conversations: Vec<Conversation> =
        sections.into_iter().map(|section| build(section, wrap, origin)).collect();
    number_namesakes(&mut conversations);
    let speakers = learnt.speakers.into_iter().filter(|s| cast.iter().any(|c| c.is(s))).collect();
    Ok(Some(Parsed { conversations, speakers, wrap, inner_label_lines: learnt.inner_label_lines }))
}

/// A speaker with a role.
pub(super) struct Part {
    pub name: String,
    style: Style,
    pub role: NodeRole,
}

impl Part {
    fn is(&self, speaker: &Found) -> bool {
        self.name == speaker.name && self.style == speaker.style
    }
}

struct Turn<'a> {
    role: NodeRole,
    author: Option<String>,
    lines: Vec<&'a str>,
}

fn no_cast(speakers: &[Speaker], roles: &Roles, member: &str) -> ImportError {
    let (member, speakers) = (member.to_owned(), speakers.to_vec());
    match roles.assistants.first() {
        None => ImportError::RolesNeeded { member, speakers },
        Some(name) => ImportError::UnknownSpeaker { name: name.clone(), member, speakers },
    }
}

/// Who plays which role; `None` if that cannot be told.
pub(super) fn cast(speakers: &[Speaker], roles: &Roles) -> Option<Vec<Part>> {
    let named = |list: &[String], name: &str| list.iter().any(|given| speakers::same_name(given, name));
    let part = |speaker: &Speaker, role| Part { name: speaker.name.clone(), style: speaker.style, role };
    if speakers.iter().any(|s| named(&roles.assistants, &s.name)) {
        let chosen_users = speakers.iter().any(|s| named(&roles.users, &s.name));
        let role_of = |speaker: &Speaker| {
            if named(&roles.assistants, &speaker.name) {
                Some(NodeRole::Assistant)
            } else {
                (!chosen_users || named(&roles.users, &speaker.name)).then_some(NodeRole::User)
            }
        };
        return Some(speakers.iter().filter_map(|s| role_of(s).map(|role| part(s, role))).collect());
    }
    let obvious: Vec<Part> =
        speakers.iter().filter_map(|s| speakers::obvious_role(&s.name).map(|role| part(s, role))).collect();
    let has = |role| obvious.iter().any(|p| p.role == role);
    (has(NodeRole::User) && has(NodeRole::Assistant)).then_some(obvious)
}

/// Cuts the lines into turns at the labels of the cast. The first turn is what stands before any label.
fn cut<'a>(lines: &[&'a str], labels: &[Label<'a>], cast: &[Part]) -> Vec<Turn<'a>> {
    let mut turns = vec![Turn { role: NodeRole::System, author: None, lines: Vec::new() }];
    let mut labels = labels.iter().peekable();
    for (index, &line) in lines.iter().enumerate() {
        let label = labels.next_if(|label| label.line == index);
        let part = label.and_then(|l| cast.iter().find(|p| p.name == l.name && p.style == l.style));
        if let (Some(label), Some(part)) = (label, part) {
            turns.push(Turn { role: part.role, author: Some(part.name.clone()), lines: vec![label.rest] });
        } else if let Some(turn) = turns.last_mut() {
            turn.lines.push(line);
        }
    }
    turns
}

/// The turns of one conversation.
struct Section<'a> {
    title: Option<String>,
    turns: Vec<Turn<'a>>,
}

/// Groups turns into conversations. A heading at the end of a turn, directly before a turn of the user, is the title
/// of the next. Front matter and text before the first speaker go to the first conversation.
fn sections<'a>(turns: Vec<Turn<'a>>, front_matter: &'a str) -> Vec<Section<'a>> {
    let mut sections = vec![Section { title: None, turns: Vec::new() }];
    let mut title_of_next = None;
    let mut turns = turns.into_iter().peekable();
    let mut is_first = true;
    while let Some(mut turn) = turns.next() {
        if std::mem::take(&mut is_first) {
            turn.lines.splice(0..0, front_matter.lines());
        }
        if let Some(title) = title_of_next.take() {
            let spoken = sections.last().is_some_and(|s| s.turns.iter().any(|t| t.role != NodeRole::System));
            match sections.last_mut() {
                Some(last) if !spoken => last.title = Some(title),
                _ => sections.push(Section { title: Some(title), turns: Vec::new() }),
            }
        }
        if turns.peek().is_some_and(|next| next.role == NodeRole::User) {
            let kept = without_rules(&turn.lines).len();
            let start = turn.lines.len() - turn.lines.iter().rev().take_while(|l| is_rule(l)).count();
            if kept > 0 && turn.lines[start - 1].starts_with('#') {
                title_of_next = Some(turn.lines[start - 1].trim_start_matches('#').trim().to_owned());
                turn.lines.truncate(start - 1);
            }
        }
        if let Some(section) = sections.last_mut() {
            section.turns.push(turn);
        }
    }
    sections
}

fn build(section: Section<'_>, wrap: Wrap, origin: &Origin) -> Conversation {
    let mut links: Vec<Link> = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut first_spoken = None;
    for turn in section.turns {
        let text = unwrap_lines::join(without_rules(&turn.lines), wrap);
        let is_context = turn.role == NodeRole::System;
        if is_context && text.is_empty() {
            continue;
        }
        if !is_context {
            first_spoken.get_or_insert_with(|| text.clone());
        }
        // The id is made of the words and their number of occurrence, so that a grown file keeps its ids.
        let hash = short_hash(&[turn.author.as_deref().unwrap_or(""), &text]);
        let occurrence = *seen.entry(hash.clone()).and_modify(|n| *n += 1).or_insert(0);
        let kind = if is_context { BlockKind::Context } else { BlockKind::Text };
        let mut node = Node::new(format!("{hash}-{occurrence}"), turn.role, vec![Block::new(kind, text)]);
        node.hidden = is_context;
        node.author = turn.author;
        let parent = links.last().map(|link| link.id.clone());
        links.push(Link::to(node, parent));
    }
    let stem = origin.member.rsplit(['/', '\\']).next().unwrap_or("");
    let title = section.title.unwrap_or_else(|| stem.to_owned());
    let named_by = short_hash(&[&title, first_spoken.as_deref().unwrap_or("")]);
    let mut conversation =
        Conversation::new(Provider::Transcript, format!("{stem}-{}", &named_by[..8]), origin.clone());
    conversation.title = title;
    conversation.arrange(links, None).expect("a chain of distinct ids is a tree");
    conversation
}

/// Conversations of one file with the same title and first words are told apart by their number.
fn number_namesakes(conversations: &mut [Conversation]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for conversation in conversations {
        let count = seen.entry(conversation.native_id.clone()).and_modify(|n| *n += 1).or_insert(1);
        if *count > 1 {
            conversation.native_id.push_str(&format!("-{count}"));
        }
    }
}

/// The lines of a turn without the horizontal rules that separate turns.
fn without_rules<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let start = lines.iter().position(|line| !is_rule(line)).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !is_rule(line)).map_or(start, |last| last + 1);
    &lines[start..end]
}

/// Blank, or a horizontal rule.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || (line.len() >= 3 && (line.chars().all(|c| c == '-') || line.chars().all(|c| c == '*')))
}

/// YAML front matter of a note, and the rest.
fn split_front_matter(text: &str) -> (&str, &str) {
    let end = text.strip_prefix("---\n").and_then(|rest| rest.find("\n---\n"));
    match end {
        Some(end) => text.split_at("---\n".len() + end + "\n---\n".len()),
        None => ("", text),
    }
}
