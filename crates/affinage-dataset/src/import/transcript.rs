//! Markdown and plain-text transcripts with learnt speakers.
//!
//! A line prefix (`SOCRATES: ...`, `**Human:** ...`), a heading (`## User`), a callout, a line of a chat log or a bare
//! label line (`You said:`) that recurs is a speaker: see [`speakers`]. Three times are enough; twice, if it talks with
//! somebody the user named; once, if the name is an obvious one or was given by the user. Which speaker is the
//! assistant is said by [`Roles`], or by obvious names; otherwise the import stops and shows what it found.
//!
//! A heading that stands directly before a turn of the user begins a new conversation: notes keep many in one file.
//! Hard-wrapped prose is unwrapped into paragraphs. Text before the first speaker is kept as context, never as text
//! of an example. Times beside a name, lines of the chat program and its words for a picture are no text. A text in which
//! nobody speaks is for [`super::notes`].

use std::collections::HashSet;

use super::error::ImportError;
use super::messenger::{self, InPlace};
use super::role_words::Side;
use super::speakers::{self, Label, Speaker as Found, Style};
use super::unwrap_lines::{self, Wrap};
use super::{aider, dated, dress, exporter_lines, notes, perplexity, role_words, settle, stamp, subtitles};
use crate::conversation::{Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider};

pub use super::speakers::Speaker;

/// Roles the user gave: `--role NAME=assistant`. Names that a text does not have do not count for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    pub assistants: Vec<String>,
    /// If a text has some of them, only these are the user; lines of others stay in the turn they stand in.
    pub users: Vec<String>,
    pub notes: AsNotes,
}

/// Which texts are notes: their sections are answers of one person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AsNotes {
    /// A file in which nobody speaks, unless names of speakers were given for it; in an archive or folder also then.
    #[default]
    Unnamed,
    /// Every text in which nobody speaks.
    Silent,
    /// Every text.
    All,
}

impl Roles {
    pub(super) fn are_given(&self) -> bool {
        !self.assistants.is_empty() || !self.users.is_empty()
    }
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
    /// Lines of the chat program itself (who joined, what is encrypted).
    pub program_lines: usize,
}

/// A turn takes about a kilobyte: this bounds the memory of one text. Chats of ten years hold some hundred thousand.
const MAX_TURNS: usize = 500_000;
const MAX_LINES: usize = 2_000_000;

fn at_most(limit: usize, what: &'static str, count: usize, member: &str) -> Result<(), ImportError> {
    let error = || ImportError::TooMany { member: member.to_owned(), limit, what };
    if count > limit { Err(error()) } else { Ok(()) }
}

/// A text as it is read: line ends of one kind, composed letters, subtitles as what is said.
pub(super) fn plain(text: &str) -> String {
    let mut text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    settle::normalise(&mut text);
    let of_program = [subtitles::transcript, aider::transcript, perplexity::transcript, dated::transcript];
    of_program.iter().find_map(|read| read(&text)).unwrap_or(text)
}

/// Reads a transcript.
///
/// Errors: nobody speaks in it ([`ImportError::NoSpeakers`]), or it is not known who is the assistant.
pub fn conversations(text: &str, roles: &Roles, origin: &Origin) -> Result<Parsed, ImportError> {
    let of_client = aider::program_lines(text.trim_start_matches('\u{feff}'));
    let text = plain(text);
    let (front_matter, body) = notes::split_front_matter(&text);
    // A text that calls itself private is so whoever speaks in it.
    let origin = &Origin { declared: notes::mark(front_matter, body), ..origin.clone() };
    let member = origin.member.as_str();
    at_most(MAX_LINES, "lines", memchr::memchr_iter(b'\n', body.as_bytes()).count(), member)?;
    let lines: Vec<&str> = body.lines().collect();
    let given: Vec<&str> = roles.assistants.iter().chain(&roles.users).map(String::as_str).collect();
    let learnt = speakers::learn(&lines, &given);
    if learnt.speakers.is_empty() && !learnt.likely.is_empty() {
        return Err(no_cast(&learnt.likely, roles, member));
    }
    if learnt.speakers.is_empty() {
        return Err(no_speakers(&lines, learnt.lone.as_ref(), &given, member));
    }
    at_most(MAX_TURNS, "turns", learnt.labels.len(), member)?;
    let cast = cast(&learnt.speakers, roles).ok_or_else(|| no_cast(&learnt.speakers, roles, member))?;
    let wrap = unwrap_lines::detect(&lines);
    let (turns, program_lines) = cut(&lines, &learnt.labels, &cast);
    let sections = sections(turns, front_matter);
    let conversations: Vec<Conversation> =
        sections.into_iter().map(|section| build(section, wrap, origin)).collect();
    let speakers = learnt.speakers.into_iter().filter(|s| cast.iter().any(|c| c.is(s))).collect();
    let inner_label_lines = learnt.inner_label_lines;
    let program_lines = program_lines + of_client;
    Ok(Parsed { conversations, speakers, wrap, inner_label_lines, program_lines })
}

/// A speaker with a role.
pub(super) struct Part {
    pub name: String,
    style: Style,
    pub role: NodeRole,
    /// What the words under the name are.
    kind: BlockKind,
}

impl Part {
    fn is(&self, speaker: &Found) -> bool {
        self.name == speaker.name && self.style == speaker.style
    }
}

struct Turn<'a> {
    role: NodeRole,
    kind: BlockKind,
    author: Option<String>,
    lines: Vec<&'a str>,
    /// What the chat program wrote in the place of pictures, sounds and files.
    media: Vec<&'a str>,
    /// The turn is only the program's word for a message that was deleted (`true`), or for a call.
    notice: Option<(&'a str, bool)>,
    /// The turn is a question with answers to choose from, as the chat program shows it.
    is_poll: bool,
}

impl<'a> Turn<'a> {
    fn new(role: NodeRole, author: Option<String>, lines: Vec<&'a str>) -> Turn<'a> {
        let kind = if author.is_some() { BlockKind::Text } else { BlockKind::Context };
        Turn { role, kind, author, lines, media: Vec::new(), notice: None, is_poll: false }
    }

    fn of(part: &Part, rest: &'a str) -> Turn<'a> {
        Turn { kind: part.kind, ..Turn::new(part.role, Some(part.name.clone()), vec![rest]) }
    }
}

/// What a text without speakers is, in words that are true of it.
fn no_speakers(lines: &[&str], lone: Option<&Found>, given: &[&str], member: &str) -> ImportError {
    let headings: Vec<&str> = lines.iter().filter_map(|line| heading_title(line)).collect();
    let what = match (lone, headings.as_slice()) {
        (Some(only), _) => {
            format!("text in which only `{}` speaks, {} times", only.name, only.count)
        }
        (None, []) => "text without speakers".to_owned(),
        (None, [one]) => format!("text under the heading `{one}`, without speakers"),
        (None, [first, .., last]) => {
            format!("text in {} sections (`{first}` to `{last}`), without speakers", headings.len())
        }
    };
    let missing: Vec<String> = given.iter().map(|name| format!("`{name}`")).collect();
    let missing = match missing.as_slice() {
        [] => String::new(),
        names => format!("; no line begins with {} as a name", names.join(" or ")),
    };
    ImportError::NoSpeakers { member: member.to_owned(), what: what + &missing }
}

/// The words of a Markdown heading.
fn heading_title(line: &str) -> Option<&str> {
    let title = line.strip_prefix('#')?.trim_start_matches('#');
    title.strip_prefix(' ').map(str::trim).filter(|title| !title.is_empty())
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
    let is_given = |name: &str| {
        roles.assistants.iter().chain(&roles.users).any(|given| speakers::same_name(given, name))
    };
    let is_side =
        |s: &&Speaker| s.style != Style::Field && role_words::side(&s.name).is_some() && !is_given(&s.name);
    let (beside, people): (Vec<&Speaker>, Vec<&Speaker>) = speakers.iter().partition(is_side);
    let people: Vec<Speaker> = people.into_iter().cloned().collect();
    let mut parts = cast_people(&people, roles)?;
    for speaker in beside {
        let (role, kind) = match role_words::side(&speaker.name)?.0 {
            Side::System => (NodeRole::System, BlockKind::Text),
            Side::Tool => (NodeRole::Tool, BlockKind::ToolResult),
            Side::Reasoning => (NodeRole::Assistant, BlockKind::Reasoning),
            Side::Statistics => (NodeRole::Tool, BlockKind::Context),
        };
        parts.push(Part { name: speaker.name.clone(), style: speaker.style, role, kind });
    }
    Some(parts)
}

fn cast_people(speakers: &[Speaker], roles: &Roles) -> Option<Vec<Part>> {
    let named = |list: &[String], name: &str| list.iter().any(|given| speakers::same_name(given, name));
    let part = |speaker: &Speaker, role| Part {
        name: speaker.name.clone(),
        style: speaker.style,
        role,
        kind: BlockKind::Text,
    };
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
    // Two speak and one is said to be the user.
    if let [first, second] = speakers
        && roles.assistants.is_empty()
        && named(&roles.users, &first.name) != named(&roles.users, &second.name)
    {
        let role_of = |s: &Speaker| match named(&roles.users, &s.name) {
            true => NodeRole::User,
            false => NodeRole::Assistant,
        };
        return Some(speakers.iter().map(|s| part(s, role_of(s))).collect());
    }
    // Two speak on lines of their own, and only programs call one of them so.
    if let [first, second] = speakers
        && !roles.are_given()
        && first.style == second.style
        && matches!(first.style, Style::Line | Style::Heading | Style::Callout)
        && role_words::is_programs_user(&first.name) != role_words::is_programs_user(&second.name)
        && speakers.iter().any(|s| role_words::obvious_role(&s.name).is_none())
    {
        let role_of = |s: &Speaker| match role_words::is_programs_user(&s.name) {
            true => NodeRole::User,
            false => NodeRole::Assistant,
        };
        return Some(speakers.iter().map(|s| part(s, role_of(s))).collect());
    }
    let obvious: Vec<Part> =
        speakers.iter().filter_map(|s| role_words::obvious_role(&s.name).map(|role| part(s, role))).collect();
    let has = |role| obvious.iter().any(|p| p.role == role);
    // Everybody who talks with a product is a user.
    if !has(NodeRole::User) && obvious.iter().any(|p| role_words::is_certain_assistant(&p.name)) {
        let role_of = |s: &Speaker| role_words::obvious_role(&s.name).unwrap_or(NodeRole::User);
        return Some(speakers.iter().map(|s| part(s, role_of(s))).collect());
    }
    (has(NodeRole::User) && has(NodeRole::Assistant)).then_some(obvious)
}

/// Cuts the lines into turns at the labels of the cast, and counts the lines of the chat program. The first turn is
/// what stands before any label.
fn cut<'a>(lines: &[&'a str], labels: &[Label<'a>], cast: &[Part]) -> (Vec<Turn<'a>>, usize) {
    let is_quoted = labels.first().is_some_and(|label| label.style.is_quoted());
    let is_log = labels.first().is_some_and(|label| matches!(label.style, Style::Timed | Style::Angle));
    let stamps: HashSet<String> = labels.iter().filter_map(|label| stamp_shape(lines[label.line])).collect();
    let labels_behind_tags = !labels.is_empty()
        && labels.iter().all(|label| {
            let above = lines[..label.line].iter().rev().find(|line| !line.trim().is_empty());
            above.is_some_and(|line| dress::is_tag_of_rule(line))
        });
    let mut turns = vec![Turn::new(NodeRole::System, None, Vec::new())];
    let mut program_lines = 0;
    let mut labels = labels.iter().peekable();
    for (index, &line) in lines.iter().enumerate() {
        let label = labels.next_if(|label| label.line == index);
        let part = label.and_then(|l| cast.iter().find(|p| p.name == l.name && p.style == l.style));
        if let (Some(label), Some(part)) = (label, part) {
            // A picture of the speaker above the name.
            if let Some(turn) = turns.last_mut() {
                turn.lines.pop_if(|line| is_picture(line));
            }
            turns.push(Turn::of(part, label.rest));
        } else if label.is_none()
            && is_log
            && (stamp_shape(line).is_some_and(|shape| stamps.contains(&shape))
                || is_day_line(lines, index, labels.peek().map(|next| next.line)))
        {
            program_lines += 1;
        } else if let Some(turn) = turns.last_mut() {
            turn.lines.push(if is_quoted && turn.author.is_some() { unquoted(line) } else { line });
        }
    }
    // Numbers that a program keeps are no turn.
    let before = turns.len();
    turns.retain(|turn| !turn.author.as_deref().is_some_and(dress::is_statistics));
    program_lines += before - turns.len();
    program_lines += drop_closing_tags(&mut turns);
    part_reasoning(&mut turns);
    if labels_behind_tags {
        take_first_prompt(&mut turns);
    }
    if is_log && drop_notice(&mut turns) {
        program_lines += 1;
    }
    for turn in turns.iter_mut().filter(|turn| turn.author.is_some()) {
        if turn.role == NodeRole::User {
            let given = exporter_lines::take_given(&mut turn.lines);
            program_lines += given.len();
            turn.media.extend(given);
        }
        drop_time_line(&mut turn.lines);
        if is_log {
            program_lines += take_frame(&mut turn.lines);
            take_media(turn);
        }
    }
    let mut said: Vec<&mut Vec<&str>> =
        turns.iter_mut().filter(|turn| turn.author.is_some()).map(|turn| &mut turn.lines).collect();
    program_lines += exporter_lines::take_out(&mut said);
    (turns, program_lines)
}

/// Takes out the lines that close the element in which a turn stands: `</assistant>`.
fn drop_closing_tags(turns: &mut [Turn<'_>]) -> usize {
    let closes = |line: &str| {
        let name = line.trim().strip_prefix("</").and_then(|rest| rest.strip_suffix('>'));
        name.is_some_and(|name| role_words::obvious_role(name).is_some())
    };
    let mut count = 0;
    for turn in turns.iter_mut().filter(|turn| turn.author.is_some()) {
        if let Some(last) = turn.lines.iter().rposition(|line| !line.trim().is_empty())
            && closes(turn.lines[last])
        {
            turn.lines.truncate(last);
            count += 1;
        }
    }
    count
}

/// Reasoning ends at a rule: what stands behind it is the answer.
fn part_reasoning(turns: &mut Vec<Turn<'_>>) {
    for index in (0..turns.len()).rev() {
        let turn = &mut turns[index];
        if turn.kind != BlockKind::Reasoning {
            continue;
        }
        let start = turn.lines.iter().position(|line| !is_rule(line)).unwrap_or(turn.lines.len());
        let rule = turn.lines[start..].iter().position(|line| !line.trim().is_empty() && is_rule(line));
        let Some(rule) = rule.map(|at| start + at) else { continue };
        let behind = turn.lines.split_off(rule);
        if behind.iter().any(|line| !is_rule(line)) {
            let answer = Turn::new(NodeRole::Assistant, turn.author.clone(), behind);
            turns.insert(index + 1, answer);
        }
    }
}

/// Where every label stands behind a rule of the program's own, what stands before the first rule is the first prompt,
/// if an answer follows it.
fn take_first_prompt(turns: &mut Vec<Turn<'_>>) {
    let [preamble, first, ..] = turns.as_mut_slice() else { return };
    if first.role != NodeRole::Assistant {
        return;
    }
    let is_head = |line: &&str| is_rule(line) || line.starts_with('#');
    let start = preamble.lines.iter().position(|line| !is_head(line)).unwrap_or(preamble.lines.len());
    let said = preamble.lines.split_off(start);
    if !said.is_empty() {
        turns.insert(1, Turn::new(NodeRole::User, Some("user".to_owned()), said));
    }
}

/// One or two signs that are neither letters nor Markdown.
fn is_picture(line: &str) -> bool {
    let line = line.trim();
    (1..=4).contains(&line.chars().count()) && !line.is_ascii() && !line.chars().any(char::is_alphanumeric)
}

/// The stamp that begins a line, all its numbers alike: `0/0/0, 0:0 AM - `.
fn stamp_shape(line: &str) -> Option<String> {
    let line = line.trim_start_matches(role_words::is_invisible);
    let (_, rest) = stamp::leading(line)?;
    let mut shape = String::new();
    for c in line[..line.len() - rest.len()].chars() {
        match (c.is_numeric(), shape.ends_with('0')) {
            (true, true) => {}
            (true, false) => shape.push('0'),
            // Before and after noon are one shape.
            (false, _) => shape.push(if matches!(c, 'A' | 'P') { 'A' } else { c }),
        }
    }
    Some(shape)
}

/// A line of a quote without its mark.
fn unquoted(line: &str) -> &str {
    line.strip_prefix('>').map_or(line, |quoted| quoted.strip_prefix(' ').unwrap_or(quoted))
}

/// A line that is only a date or a time directly after the label is when it was said.
fn drop_time_line(lines: &mut [&str]) {
    let mut filled = (0..lines.len()).filter(|&line| !lines[line].trim().is_empty());
    if let (Some(first), Some(_)) = (filled.next(), filled.next())
        && [stamp::is_only, stamp::is_marked, is_time_element]
            .iter()
            .any(|is| is(lines[first].trim_start_matches('>')))
    {
        lines[first] = "";
    }
}

/// `<time datetime="...">10:15</time>` on a line of its own.
fn is_time_element(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("<time ") && line.ends_with("</time>") && line.matches('<').count() == 2
}

/// The chat program's first words (`Messages and calls are end-to-end encrypted.`), which it puts into somebody's mouth
/// behind a mark that nobody types: a sentence is no picture. True if there were such.
fn drop_notice(turns: &mut Vec<Turn<'_>>) -> bool {
    let Some(first) = turns.iter().position(|turn| turn.author.is_some()) else { return false };
    let mut words = turns[first].lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
    let is_sentence =
        |line: &str| line.ends_with(['.', '。', '।', '۔']) || line.split_whitespace().count() > 6;
    let is_notice = words.next().is_some_and(|line| line.starts_with('\u{200e}') && is_sentence(line));
    if is_notice && words.next().is_none() {
        turns.remove(first);
        return true;
    }
    false
}

/// True for a day that a log sets above the messages of it.
fn is_day_line(lines: &[&str], index: usize, next_label: Option<usize>) -> bool {
    let is_set_apart = index > 0 && lines[index - 1].trim().is_empty();
    is_set_apart && next_label == Some(index + 1) && stamp::is_only(lines[index])
}

/// Takes off what a log puts around the words of a turn: a tab before each line, quotation marks around several lines,
/// and the line that says what is answered; how many lines went.
fn take_frame(lines: &mut [&str]) -> usize {
    let filled: Vec<usize> = (0..lines.len()).filter(|&line| !lines[line].trim().is_empty()).collect();
    let [first, .., last] = filled.as_slice() else {
        lines.iter_mut().for_each(|line| *line = line.strip_prefix('\t').unwrap_or(line));
        return 0;
    };
    if filled.iter().all(|&line| lines[line].starts_with('\t')) {
        lines.iter_mut().for_each(|line| *line = line.strip_prefix('\t').unwrap_or(line));
    }
    let is_framed = |line: &str| line.matches('"').count() == 1;
    if lines[*first].starts_with('"')
        && lines[*last].ends_with('"')
        && is_framed(lines[*first])
        && is_framed(lines[*last])
    {
        lines[*first] = &lines[*first][1..];
        lines[*last] = &lines[*last][..lines[*last].len() - 1];
    }
    let answered = lines[*first].strip_prefix("Replying to \"");
    if answered.is_some_and(|rest| rest.ends_with('"') && !rest[..rest.len() - 1].contains('"')) {
        lines[*first] = "";
        return 1;
    }
    0
}

/// Takes out what a chat program writes in the place of a picture, a sound, a file or a whole message, and of the word
/// "edited".
fn take_media(turn: &mut Turn<'_>) {
    if messenger::is_poll(&turn.lines) {
        turn.lines.clear();
        turn.is_poll = true;
        return;
    }
    let is_whole = turn.lines.iter().filter(|line| !line.trim().is_empty()).count() == 1;
    for line in &mut turn.lines {
        *line = messenger::without_edit_mark(line).unwrap_or(line);
        if let Some((words, file)) = messenger::before_file(line) {
            turn.media.push(file);
            *line = words;
            continue;
        }
        match messenger::in_place(line, is_whole) {
            Some(InPlace::Media(words)) => turn.media.push(words),
            Some(InPlace::Deleted) => turn.notice = Some((line.trim(), true)),
            Some(InPlace::Event(words)) => turn.notice = Some((words, false)),
            None => continue,
        }
        *line = "";
    }
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
            // Facts that a program writes below the title.
            let is_below = |line: &&&str| is_rule(line) || exporter_lines::is_fact(line);
            let bare = turn.lines.len() - turn.lines.iter().rev().take_while(|l| is_rule(l)).count();
            let facts = turn.lines.len() - turn.lines.iter().rev().take_while(is_below).count();
            let is_title = |end: usize| end > 0 && turn.lines[end - 1].starts_with('#');
            let start = if is_title(facts) { facts } else { bare };
            if kept > 0 && is_title(start) {
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
    for turn in section.turns {
        let text = unwrap_lines::join(without_rules(&turn.lines), wrap);
        let is_system = turn.role == NodeRole::System;
        if is_system && text.is_empty() {
            continue;
        }
        let mut blocks = vec![Block::new(turn.kind, text)];
        blocks.extend(turn.is_poll.then(|| Block::named(BlockKind::Unknown, "", "poll")));
        blocks.extend(turn.media.into_iter().map(|words| Block::named(BlockKind::Media, "", words)));
        let mut node = Node::new(links.len().to_string(), turn.role, blocks);
        node.hidden = is_system;
        if let Some((words, is_deleted)) = turn.notice {
            messenger::as_notice(&mut node, words, is_deleted);
        }
        node.author = turn.author;
        let parent = links.last().map(|link| link.id.clone());
        links.push(Link::to(node, parent));
    }
    let stem = origin.member.rsplit(['/', '\\']).next().unwrap_or("");
    let title = section.title.unwrap_or_else(|| stem.to_owned());
    // Neither the text nor its turns have an id: they are recognised by their words.
    let mut conversation = Conversation::new(Provider::Transcript, "", origin.clone());
    conversation.title = title;
    conversation.arrange(links, None).expect("a chain of distinct ids is a tree");
    conversation
}

/// The lines of a turn without the horizontal rules that separate turns.
pub(super) fn without_rules<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let start = lines.iter().position(|line| !is_rule(line)).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !is_rule(line)).map_or(start, |last| last + 1);
    &lines[start..end]
}

/// Blank, or a horizontal rule.
fn is_rule(line: &str) -> bool {
    line.trim().is_empty() || dress::is_rule(line)
}
