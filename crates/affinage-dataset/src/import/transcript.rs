//! Markdown and plain-text transcripts with learnt speakers.
//!
//! Nothing about the speakers' names is hard-coded: a line prefix (`SOCRATES: ...`, `**Human:** ...`), a heading
//! (`## User`) or a bare label line (`You said:`) that recurs at paragraph starts is a speaker. Three times are
//! enough; once, if the name is an obvious one or was given by the user. Which speaker is the assistant is said by
//! [`Roles`], or by obvious names; otherwise the import stops and shows what it found.
//!
//! Hard-wrapped prose is unwrapped into paragraphs. Text before the first speaker is kept as context, never as text
//! of an example.

use super::error::ImportError;
use super::speakers::{self, Label, Speaker as Found, Style};
use super::unwrap_lines::{self, Wrap};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

pub use super::speakers::Speaker;

/// Roles the user gave: `--role NAME=assistant`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    pub assistants: Vec<String>,
    /// If not empty, only these speakers are the user; lines of others stay in the turn they stand in.
    pub users: Vec<String>,
}

/// A transcript with its roles settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    pub conversation: Conversation,
    pub speakers: Vec<Speaker>,
    pub wrap: Wrap,
    /// Lines inside a paragraph that begin with a speaker's name; they were not taken as turns.
    pub inner_label_lines: usize,
}

/// Reads a transcript. `Ok(None)` if no line pattern recurs, so there is nothing that could be a speaker.
pub fn conversation(text: &str, roles: &Roles, origin: Origin) -> Result<Option<Parsed>, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let (front_matter, body) = split_front_matter(&text);
    let lines: Vec<&str> = body.lines().collect();
    let given: Vec<&str> = roles.assistants.iter().chain(&roles.users).map(String::as_str).collect();
    let learnt = speakers::learn(&lines, &given);
    let member = origin.member.as_str();
    check_given(&given, &learnt.speakers, member)?;
    if learnt.speakers.is_empty() {
        return Ok(None);
    }
    let cast = cast(&learnt.speakers, roles).ok_or_else(|| ImportError::RolesNeeded {
        member: member.to_owned(),
        speakers: learnt.speakers.clone(),
    })?;
    let wrap = unwrap_lines::detect(&lines);
    let turns = cut(&lines, &learnt.labels, &cast);
    let speakers = learnt.speakers.into_iter().filter(|s| cast.iter().any(|c| c.is(s))).collect();
    let conversation = build(front_matter, turns, wrap, origin);
    Ok(Some(Parsed { conversation, speakers, wrap, inner_label_lines: learnt.inner_label_lines }))
}

/// A speaker with a role.
struct Part {
    name: String,
    style: Style,
    role: NodeRole,
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

fn check_given(given: &[&str], speakers: &[Speaker], member: &str) -> Result<(), ImportError> {
    match given.iter().find(|name| !speakers.iter().any(|s| speakers::same_name(&s.name, name))) {
        None => Ok(()),
        Some(name) => Err(ImportError::UnknownSpeaker {
            name: (*name).to_owned(),
            member: member.to_owned(),
            speakers: speakers.to_vec(),
        }),
    }
}

/// Who plays which role; `None` if that cannot be told.
fn cast(speakers: &[Speaker], roles: &Roles) -> Option<Vec<Part>> {
    let named = |list: &[String], name: &str| list.iter().any(|given| speakers::same_name(given, name));
    let part = |speaker: &Speaker, role| Part { name: speaker.name.clone(), style: speaker.style, role };
    if !roles.assistants.is_empty() {
        let role_of = |speaker: &Speaker| {
            if named(&roles.assistants, &speaker.name) {
                Some(NodeRole::Assistant)
            } else if roles.users.is_empty() || named(&roles.users, &speaker.name) {
                Some(NodeRole::User)
            } else {
                None
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

fn build(front_matter: &str, turns: Vec<Turn<'_>>, wrap: Wrap, origin: Origin) -> Conversation {
    let mut links: Vec<Link> = Vec::new();
    let mut seen = std::collections::HashMap::new();
    let mut first_spoken = None;
    for turn in turns {
        let mut text = unwrap_lines::join(without_rules(&turn.lines), wrap);
        let kind = if turn.role == NodeRole::System { BlockKind::Context } else { BlockKind::Text };
        if kind == BlockKind::Context {
            text = [front_matter, &text].join("\n").trim().to_owned();
            if text.is_empty() {
                continue;
            }
        } else if first_spoken.is_none() {
            first_spoken = Some(text.clone());
        }
        // The id is made of the words and their number of occurrence, so that a grown file keeps its ids.
        let hash = short_hash(&[turn.author.as_deref().unwrap_or(""), &text]);
        let occurrence = seen.entry(hash.clone()).and_modify(|n| *n += 1).or_insert(0);
        let mut node = Node::new(format!("{hash}-{occurrence}"), turn.role, vec![Block::new(kind, text)]);
        node.hidden = turn.role == NodeRole::System;
        node.author = turn.author;
        let parent = links.last().map(|link| link.id.clone());
        links.push(Link::to(node, parent));
    }
    let stem = origin.member.rsplit(['/', '\\']).next().unwrap_or("");
    let first_hash = short_hash(&[first_spoken.as_deref().unwrap_or("")]);
    let mut conversation = Conversation {
        provider: Provider::Transcript,
        native_id: format!("{stem}-{}", &first_hash[..8]),
        title: stem.to_owned(),
        time_s: None,
        nodes: Vec::new(),
        active_leaf: None,
        origin,
    };
    conversation.arrange(links, None).expect("a chain of distinct ids is a tree");
    conversation
}

/// The lines of a turn without the horizontal rules that separate turns.
fn without_rules<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let is_rule = |line: &&str| {
        let line = line.trim();
        line.is_empty()
            || (line.len() >= 3 && (line.chars().all(|c| c == '-') || line.chars().all(|c| c == '*')))
    };
    let start = lines.iter().position(|line| !is_rule(line)).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !is_rule(line)).map_or(start, |last| last + 1);
    &lines[start..end]
}

/// YAML front matter of a note, and the rest.
fn split_front_matter(text: &str) -> (&str, &str) {
    let end = text.strip_prefix("---\n").and_then(|rest| rest.find("\n---\n"));
    match end {
        Some(end) => text.split_at("---\n".len() + end + "\n---\n".len()),
        None => ("", text),
    }
}
