//! What the elements of a file are only together: messages that stand one a line, and people without roles.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::super::error::{ElementError, ImportError};
use super::super::left_out::LeftOutKind;
use super::super::series::{self, Part};
use super::super::speakers::Speaker;
use super::super::{Import, Reject};
use super::log;
use super::message::{Line, may_be_message};
use super::thread::{self, Holder, Threads, add_speakers};
use crate::conversation::Origin;

/// State of the member that is being read.
#[derive(Debug, Default)]
pub struct Gathered {
    lines: Vec<Line>,
    /// Questions with their answers, of conversations that they name.
    exchanges: Vec<Vec<Line>>,
    holder: Holder,
    /// Elements of no known shape: heads of files with a message a line, if such lines come.
    waiting: Vec<Reject>,
    speakers: Vec<Speaker>,
    /// People of chats in which nobody is known to be the assistant.
    people: Vec<Speaker>,
    chats_without_roles: usize,
    /// Conversations of this member that were handed on.
    imported: usize,
    /// How often each key came.
    keys: HashMap<String, usize>,
    /// Rows between the messages that hold none, by their type.
    events: BTreeMap<String, usize>,
}

/// What a row that is nothing known says to the messages beside it.
#[derive(Debug)]
pub struct Head {
    pub holder: Holder,
    /// What it is counted as, where it is no message.
    pub kind: Option<String>,
    /// Among messages it may be one that cannot be read.
    pub may_be_message: bool,
}

impl Head {
    pub fn of(row: &Value) -> Head {
        let around: Vec<&Value> = [Some(row), row.get("payload")].into_iter().flatten().collect();
        let may_be_message = may_be_message(row);
        let kind = log::name(row).filter(|_| !may_be_message);
        Head { holder: Holder::of(&around), kind, may_be_message }
    }
}

impl Gathered {
    /// A message that stands alone.
    pub fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// A question with its answer.
    pub fn exchange(&mut self, lines: Vec<Line>) {
        self.exchanges.push(lines);
    }

    /// The lines so far, those of exchanges by their time.
    fn take_lines(&mut self) -> Vec<Line> {
        let mut lines = std::mem::take(&mut self.lines);
        let mut exchanges = std::mem::take(&mut self.exchanges);
        let time = |lines: &Vec<Line>| lines.iter().find_map(|line| line.node.time_s);
        if exchanges.iter().all(|lines| time(lines).is_some()) {
            exchanges.sort_by(|a, b| time(a).partial_cmp(&time(b)).unwrap_or(Ordering::Equal));
        }
        lines.extend(exchanges.into_iter().flatten());
        lines
    }

    /// A row that may be the head of the messages in its file.
    pub fn head(&mut self, holder: Holder) {
        let known = &mut self.holder;
        known.title = known.title.take().or(holder.title);
        // The head of the conversation that was forked stands behind the fork's own, and may name another one.
        let is_of_fork = known.forked_from.is_some() && known.forked_from == holder.id;
        if known.id.is_none() || is_of_fork {
            known.id = holder.id;
            known.forked_from = holder.forked_from;
        }
        known.time_s = known.time_s.or(holder.time_s);
        known.updated_s = known.updated_s.or(holder.updated_s);
        known.system = known.system.take().or(holder.system);
    }
}

/// Elements of no known shape that wait for a line of messages; more are refused at once.
const MAX_WAITING: usize = 1000;

impl<E: From<ImportError>> Import<'_, E> {
    pub(in super::super) fn threads(&mut self, threads: Threads, origin: &Origin) -> Result<(), E> {
        self.refuse_waiting()?;
        add_speakers(&mut self.gathered.speakers, &threads.speakers);
        for speakers in &threads.without_roles {
            add_speakers(&mut self.gathered.people, speakers);
            self.gathered.chats_without_roles += 1;
        }
        for part in threads.parts {
            self.together.series.hold(&origin.member, part);
        }
        for mut conversation in threads.conversations {
            // Chats without ids of their own can be alike; and an id of the whole may stand for each.
            let count = self.gathered.keys.entry(conversation.key()).and_modify(|n| *n += 1).or_insert(1);
            if *count > 1 {
                conversation.native_id.push_str(&format!("-{count}"));
            }
            self.gathered.imported += 1;
            self.conversation(conversation)?;
        }
        threads.errors.into_iter().try_for_each(|error| self.reject(origin.clone(), error))
    }

    /// Refuses an element, or lets it wait: it may be the head of what follows.
    pub(in super::super) fn unknown(
        &mut self,
        origin: Origin,
        reason: ElementError,
        Head { holder, kind, may_be_message }: Head,
    ) -> Result<(), E> {
        self.gathered.head(holder);
        if let Some(kind) = kind {
            *self.gathered.events.entry(kind).or_default() += 1;
        }
        if may_be_message && !self.gathered.lines.is_empty() {
            let unread = Line::unread(self.gathered.lines.last(), reason.to_string());
            self.gathered.lines.push(unread);
            return Ok(());
        }
        if self.gathered.waiting.len() >= MAX_WAITING && self.gathered.lines.is_empty() {
            self.refuse_waiting()?;
            return self.reject(origin, reason);
        }
        if self.gathered.waiting.len() < MAX_WAITING {
            self.gathered.waiting.push(Reject { origin, reason });
        }
        Ok(())
    }

    pub(in super::super) fn refuse_waiting(&mut self) -> Result<(), E> {
        if !self.gathered.lines.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.gathered.waiting);
        waiting.into_iter().try_for_each(|reject| self.reject(reject.origin, reject.reason))
    }

    /// Makes conversations of the lines so far.
    pub(in super::super) fn finish_lines(&mut self, origin: &Origin) -> Result<(), E> {
        self.refuse_waiting()?;
        let mut holder = std::mem::take(&mut self.gathered.holder);
        // A fork and what it was forked from are branches of one conversation.
        holder.id = holder.forked_from.take().or(holder.id);
        let mut lines = self.gathered.take_lines();
        lines.iter_mut().for_each(|line| line.name_people(&self.together.people));
        if lines.is_empty() {
            return Ok(());
        }
        self.gathered.waiting.clear();
        for (kind, count) in std::mem::take(&mut self.gathered.events) {
            (0..count).for_each(|_| self.found.left_out.add(LeftOutKind::Event, kind.clone(), ""));
        }
        let is_part = self.together.series.has(&origin.member);
        let chat = is_part.then(|| series::chat_of(&lines, &holder, self.roles, origin)).flatten();
        let threads = match chat {
            Some(chat) => {
                series::name_channel(&mut holder, &origin.member);
                Threads { parts: vec![Part { chat, holder, lines }], ..Threads::default() }
            }
            None => thread::conversations(lines, &holder, self.roles, origin),
        };
        self.threads(threads, origin)
    }

    /// Finishes a member, and says whose roles are missing.
    pub(in super::super) fn finish_gathered(&mut self, member: &str) -> Result<(), E> {
        let origin = Origin::at(member, 0, 0, 0);
        self.finish_log(member)?;
        self.finish_lines(&origin)?;
        let gathered = std::mem::take(&mut self.gathered);
        let mended = std::mem::take(&mut self.mended);
        if mended > 0 {
            let characters = if mended == 1 { "character was" } else { "characters were" };
            self.note(format!("{member}: {mended} wrong {characters} replaced"));
        }
        if !gathered.speakers.is_empty() {
            self.found.speakers.push((member.to_owned(), gathered.speakers));
        }
        if gathered.people.is_empty() {
            return Ok(());
        }
        if gathered.imported > 0 {
            for _ in 0..gathered.chats_without_roles {
                let why = "a chat in which no speaker is the assistant";
                self.found.left_out.add(LeftOutKind::Element, "", why);
            }
            return Ok(());
        }
        let (member, speakers) = (member.to_owned(), gathered.people);
        let error = match self.roles.assistants.first() {
            None => ImportError::RolesNeeded { member, speakers },
            Some(name) => ImportError::UnknownSpeaker { name: name.clone(), member, speakers },
        };
        if self.in_container {
            self.reject(origin, ElementError::Transcript(Box::new(error)))
        } else {
            Err(error.into())
        }
    }
}
