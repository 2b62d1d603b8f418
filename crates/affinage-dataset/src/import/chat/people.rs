//! Conversations among people of a messenger, of whom one is the assistant.

use std::collections::{BTreeMap, HashMap};

use super::super::left_out::LeftOutKind;
use super::super::messenger;
use super::super::speakers::{Speaker as Found, Style};
use super::super::transcript::{Roles, cast};
use super::message::{Line, Speaker};
use super::thread::{Holder, Threads, add_speakers, build, newest_last};
use crate::conversation::{Block, BlockKind, Node, Origin, Provider};

/// People who are silent for longer have ended a conversation: what comes next answers nothing before it.
const PEOPLE_GAP_S: f64 = 6.0 * 3600.0;

/// A conversation among people: one of them is the assistant.
pub fn conversations(
    lines: Vec<Line>,
    holder: &Holder,
    roles: &Roles,
    origin: &Origin,
    threads: &mut Threads,
) {
    let mut services: BTreeMap<String, usize> = BTreeMap::new();
    let mut said: Vec<(Line, String)> = Vec::with_capacity(lines.len());
    for line in lines {
        let name = match &line.speaker {
            Speaker::Name(name) if !line.is_service => name.clone(),
            _ => {
                if line.is_service || !line.node.visible_text().is_empty() {
                    *services.entry(line.kind.clone().unwrap_or_default()).or_default() += 1;
                }
                continue;
            }
        };
        let mut line = line;
        mend_latin_1(&mut line.node);
        let words = line.node.visible_text();
        if messenger::is_reaction(&words) {
            *services.entry("reaction".to_owned()).or_default() += 1;
            continue;
        }
        if messenger::is_deletion(&words) {
            messenger::as_notice(&mut line.node, &words, true);
        }
        let name = mended_latin_1(&name).unwrap_or(name);
        if messenger::tells_of_attachment(&words, &name) {
            line.node.blocks = vec![Block::new(BlockKind::Media, words)];
        }
        said.push((line, name));
    }
    take_aliases(&mut said, roles);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, name) in &said {
        *counts.entry(name).or_default() += 1;
    }
    let mut found = Vec::new();
    let counted: Vec<Found> = counts
        .into_iter()
        .map(|(name, count)| Found { name: name.to_owned(), style: Style::Field, count })
        .collect();
    add_speakers(&mut found, &counted);
    if found.is_empty() {
        return;
    }
    // A program among people is the assistant, where nothing else says who is.
    let mut bots: Vec<&str> =
        said.iter().filter(|(line, _)| line.is_bot).map(|(_, name)| name.as_str()).collect();
    bots.sort_unstable();
    bots.dedup();
    let with_bot = match bots.as_slice() {
        [bot] if found.len() > 1 && !roles.are_given() => {
            cast(&found, &Roles { assistants: vec![(*bot).to_owned()], ..roles.clone() })
        }
        _ => None,
    };
    let Some(parts) = cast(&found, roles).or(with_bot) else {
        threads.without_roles.push(found);
        return;
    };
    newest_last(&mut said, |(line, _)| line);
    let (mut settled, mut others) = (Vec::new(), BTreeMap::new());
    for (mut line, name) in said {
        match parts.iter().find(|part| part.name == name) {
            Some(part) => {
                line.node.role = part.role;
                if line.is_forwarded && !line.node.hidden {
                    messenger::as_forwarded(&mut line.node);
                }
                line.node.author = Some(name);
                settled.push((line, true));
            }
            None => *others.entry(name).or_insert(0_usize) += 1,
        }
    }
    let sessions = sessions(settled);
    let is_one = sessions.len() == 1;
    for (number, session) in sessions.into_iter().enumerate() {
        let mut holder = holder.clone();
        let first = &session[0].0;
        let start =
            first.id.clone().unwrap_or_else(|| format!("{:.0}", first.node.time_s.unwrap_or(number as f64)));
        holder.id = holder.id.map(|id| format!("{id}-{start}"));
        holder.time_s = first.node.time_s.or(holder.time_s);
        if !is_one && let (Some(title), Some(time_s)) = (&holder.title, holder.time_s) {
            holder.title = Some(format!("{title} {}", day(time_s)));
        }
        holder.product = holder.product.or(Some(Provider::Messenger));
        match build(session, &holder, origin) {
            Ok(mut conversation) => {
                if number == 0 {
                    for (name, count) in std::mem::take(&mut others) {
                        (0..count).for_each(|_| {
                            conversation.left_out.add(
                                LeftOutKind::Message,
                                name.clone(),
                                "a speaker without a role",
                            );
                        });
                    }
                    for (kind, count) in std::mem::take(&mut services) {
                        (0..count).for_each(|_| {
                            conversation.left_out.add(LeftOutKind::Event, kind.clone(), "");
                        });
                    }
                }
                threads.conversations.push(conversation);
            }
            Err(error) => threads.errors.push(error),
        }
    }
    add_speakers(&mut threads.speakers, &found);
}

/// Names people as they are shown, unless the user named them by their ids.
fn take_aliases(said: &mut [(Line, String)], roles: &Roles) {
    let is_given = |name: &str| roles.assistants.iter().chain(&roles.users).any(|given| given == name);
    let shown: HashMap<String, String> = said
        .iter()
        .filter(|(_, name)| !is_given(name))
        .filter_map(|(line, name)| Some((name.clone(), line.alias.clone()?)))
        .collect();
    for (_, name) in said.iter_mut() {
        if let Some(alias) = shown.get(name) {
            name.clone_from(alias);
        }
    }
}

/// `2026-01-05` of a time.
fn day(time_s: f64) -> String {
    jiff::Timestamp::from_second(time_s as i64)
        .map_or_else(|_| String::new(), |at| at.to_string()[..10].to_owned())
}

fn sessions(lines: Vec<(Line, bool)>) -> Vec<Vec<(Line, bool)>> {
    let mut sessions: Vec<Vec<(Line, bool)>> = Vec::new();
    let mut before: Option<f64> = None;
    for item in lines {
        let now = item.0.node.time_s;
        // A topic waits for its answer.
        let is_topic = item.0.is_topic;
        let pause = now.zip(before).is_some_and(|(now, before)| now - before > PEOPLE_GAP_S) && !is_topic;
        before = now.or(before);
        match sessions.last_mut().filter(|_| !pause) {
            Some(session) => session.push(item),
            None => sessions.push(vec![item]),
        }
    }
    sessions
}

/// Texts of Facebook and Instagram are UTF-8 whose bytes were written as characters of their own.
fn mend_latin_1(node: &mut Node) {
    for block in &mut node.blocks {
        if let Some(mended) = mended_latin_1(&block.text) {
            block.text = mended;
        }
    }
}

/// The text its characters are the bytes of; `None` unless every character is a byte and together they are UTF-8.
fn mended_latin_1(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<_>>()?;
    String::from_utf8(bytes).ok()
}
