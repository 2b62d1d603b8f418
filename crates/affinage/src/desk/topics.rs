//! The first screen: what there is by topic, what is set aside, whose words are learnt, and who is who.

use std::collections::BTreeMap;

use affinage_dataset::authorship;
use affinage_dataset::candidate::Learn;
use affinage_dataset::conversation::Provider;
use affinage_dataset::import::Roles;
use affinage_project::errors::{HintExt as _, usage};
use affinage_project::folder::library::{Access, Action, Choice, Profile};
use anyhow::anyhow;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::{Catalogue, ConversationEntry};
use super::lengths::Lengths;
use super::{State, choice, now, queue};
use crate::web::Reply;

/// Set when the person went on to the cards: [`State::newest_import`] then.
const SEEN: &str = "territory-seen";
/// Conversations set aside that are listed one by one.
const SHOWN_ASIDE: usize = 100;
const SHOWN_TURNS: usize = 6;
/// Conversations of a file that are listed one by one.
const SHOWN_CONVERSATIONS: usize = 100;

#[derive(Deserialize)]
pub struct Question {
    learn: Learn,
}

/// Who is who in a waiting transcript: `assistant`, `user` or nobody by name.
#[derive(Deserialize)]
pub struct Cast {
    sha256: String,
    member: String,
    #[serde(default)]
    roles: BTreeMap<String, String>,
    /// Name under which the roles are kept for the next file.
    #[serde(default)]
    profile: Option<String>,
}

impl Cast {
    fn roles(&self) -> Roles {
        let of = |wanted: &str| {
            self.roles.iter().filter(|(_, role)| *role == wanted).map(|(name, _)| name.clone()).collect()
        };
        // Where nobody is left out, everyone else is the user: so the roles serve texts with other people too.
        let is_exact = self.roles.values().any(|role| role == "nobody");
        Roles {
            assistants: of("assistant"),
            users: if is_exact { of("user") } else { Vec::new() },
            ..Roles::default()
        }
    }
}

/// True if no assistant has written anything here: all are notes, or examples of this desk.
pub(super) fn is_notes_only(catalogue: &Catalogue) -> bool {
    let own = [Provider::Note, Provider::Authored].map(Provider::as_str);
    let is_own = |entry: &ConversationEntry| entry.key.split(':').next().is_some_and(|of| own.contains(&of));
    !catalogue.conversations.is_empty() && catalogue.conversations.iter().all(is_own)
}

/// True if some of what is here are sections of notes, which are no conversations.
pub(super) fn has_notes(catalogue: &Catalogue) -> bool {
    let note = Provider::Note.as_str();
    catalogue.conversations.iter().any(|entry| entry.key.split(':').next() == Some(note))
}

impl State {
    /// True until the person has seen the topics of the newest import, or who waits for a role.
    pub(super) fn begins_with_topics(&self) -> anyhow::Result<bool> {
        Ok(self.library.setting(SEEN)? != Some(self.newest_import()?))
    }

    /// Changes with every import and with every transcript that waits.
    fn newest_import(&self) -> anyhow::Result<String> {
        let newest = self.library.newest_import()?.unwrap_or_default();
        Ok(format!("{newest}, {} waiting", self.library.pending_transcripts()?.len()))
    }

    /// The person goes on to the cards; the question counts as answered.
    pub(super) fn begin(&mut self) -> anyhow::Result<Reply> {
        let learn = self.library.learn()?;
        self.library.set_learn(learn)?;
        let newest = self.newest_import()?;
        self.library.set_setting(SEEN, &newest)?;
        Reply::json(&json!({}))
    }

    /// What there is. Titles and names of files of what is held private are in it only where `with_held` asks for them.
    pub(super) fn overview(&mut self, with_held: bool) -> anyhow::Result<Reply> {
        let profiles = self.library.profiles()?;
        let catalogue = &self.catalogue;
        let is_named = |c: &&ConversationEntry| with_held || !c.standing.is_private();
        let held = catalogue.conversations.iter().filter(|c| c.standing.is_private()).count();
        let aside = catalogue.conversations.iter().filter(|c| c.set_aside.is_some()).filter(is_named);
        let aside_count = aside.clone().filter(|c| c.access() != Access::Open).count();
        let shown_aside: Vec<Value> = aside.take(SHOWN_ASIDE).map(aside_row).collect();
        Reply::json(&json!({
            "is_whole": catalogue.is_whole,
            "conversations": catalogue.conversations.len(),
            "with_candidates": catalogue.conversations.iter().filter(|c| c.candidates > 0).count(),
            "files": catalogue.files.len(),
            "candidates": catalogue.entries.len(),
            "topics": self.topic_rows(),
            "folders": if is_notes_only(catalogue) { choice::folder_rows(catalogue, with_held) } else { Vec::new() },
            "aside": shown_aside,
            "aside_count": aside_count,
            "held": held,
            "shows_held": with_held,
            "shares": authorship::shares(&catalogue.written),
            "learn": self.derivation.learn,
            "is_notes_only": is_notes_only(catalogue),
            "has_notes": has_notes(catalogue),
            "is_answered": self.library.setting("learn")?.is_some(),
            "waiting": self.library.pending_transcripts()?,
            "left_out": self.library.left_out()?.lines(),
            "profiles": profiles,
        }))
    }

    fn topic_rows(&self) -> Vec<Value> {
        let catalogue = &self.catalogue;
        let mut decided = vec![[0usize; 2]; catalogue.topics.len()];
        for (index, entry) in catalogue.entries.iter().enumerate() {
            let action = self.marks.get(&entry.id).and_then(|mark| mark.action);
            if let (Some(topic), Some(action)) = (catalogue.conversation(index).topic, action) {
                decided[topic][usize::from(action == Action::Reject)] += 1;
            }
        }
        let row = |(number, topic): (usize, &affinage_dataset::topics::Topic)| {
            let of = conversations_of(catalogue, number);
            let count = |choice: Choice| of.clone().filter(|c| c.standing.choice == Some(choice)).count();
            let is_aside = |c: &&ConversationEntry| c.standing.choice.is_none() && c.set_aside.is_some();
            let aside = of.clone().filter(is_aside).filter(|c| !c.standing.is_private()).count();
            let chosen = choice::chosen_for(of.clone());
            json!({
                "number": number, "name": topic.name, "typical": topic.typical,
                "first": topic.first_s.and_then(super::card::date), "last": topic.last_s.and_then(super::card::date),
                "projects": topic.projects, "conversations": topic.len(),
                "candidates": topic.candidates, "answers": topic.answers, "aside": aside,
                "accepted": decided[number][0], "rejected": decided[number][1],
                "kept": count(Choice::Keep), "skipped": count(Choice::Skip),
                "private": topic.held_private.len(), "chosen": chosen,
            })
        };
        catalogue.topics.iter().enumerate().map(row).collect()
    }

    /// What stands on a topic, file by file: those with the most cards first. What is held private is in it only where `with_held`
    /// asks for it.
    pub(super) fn topic(&self, number: &str, with_held: bool) -> anyhow::Result<Reply> {
        let number: usize = number.parse().map_err(|_| usage(format!("no topic {number}")))?;
        let mut files: BTreeMap<usize, Vec<&ConversationEntry>> = BTreeMap::new();
        let is_named = |c: &&ConversationEntry| with_held || !c.standing.is_private();
        for conversation in conversations_of(&self.catalogue, number).filter(is_named) {
            files.entry(conversation.file).or_default().push(conversation);
        }
        let file = |(file, conversations): (usize, Vec<&ConversationEntry>)| {
            let candidates: usize = conversations.iter().map(|c| c.candidates).sum();
            let chosen = choice::chosen_for(conversations.iter().copied());
            let rows = conversations.iter().take(SHOWN_CONVERSATIONS).map(|c| {
                json!({ "conversation": c.key, "title": c.title, "candidates": c.candidates, "choice": c.standing.choice,
                    "set_aside": c.set_aside })
            });
            json!({
                "name": self.catalogue.files[file], "candidates": candidates, "chosen": chosen,
                "count": conversations.len(), "conversations": rows.collect::<Vec<Value>>(),
            })
        };
        let mut files: Vec<Value> = files.into_iter().map(file).collect();
        files.sort_by_key(|file| std::cmp::Reverse(file["candidates"].as_u64()));
        Reply::json(&files)
    }

    /// Whose words are learnt. Other words are other candidates, so everything is read again where the sides change.
    pub(super) fn learn(&mut self, Question { learn }: &Question) -> anyhow::Result<Reply> {
        let before = self.derivation.learn;
        self.library.set_learn(*learn)?;
        self.derivation = self.library.derivation()?;
        if (before == Learn::Mine) != (*learn == Learn::Mine) {
            self.start_over()?;
        }
        self.overview(false)
    }

    /// Begins to read the library again.
    pub(super) fn start_over(&mut self) -> anyhow::Result<()> {
        self.reading += 1;
        self.catalogue = Catalogue::default();
        self.only = None;
        self.lengths = Lengths::default();
        self.queue = queue(&self.library)?;
        Ok(())
    }

    /// The first turns of a waiting transcript as these roles read them.
    pub(super) fn read_pending(&mut self, cast: &Cast) -> anyhow::Result<Reply> {
        let turns = self.library.read_pending(&cast.sha256, &cast.member, &cast.roles(), SHOWN_TURNS)?;
        Reply::json(&turns)
    }

    /// Imports a waiting transcript with its roles, and keeps them under a name if there is one.
    pub(super) fn assign(&mut self, cast: &Cast) -> anyhow::Result<Reply> {
        let roles = cast.roles();
        if roles.assistants.is_empty() {
            return Err(usage("say who the model should learn to be: one speaker is the assistant"));
        }
        let imported = self.library.import_pending(&cast.sha256, &roles, &now())?;
        if let Some(reason) = imported.found.reason_for_none {
            return Err(anyhow!("found 0 conversations because {reason}")).hint("choose other roles");
        }
        if let Some(name) = cast.profile.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            let Roles { assistants, users, .. } = roles;
            self.library.save_profile(&Profile { name: name.to_owned(), assistants, users })?;
        }
        self.start_over()?;
        self.overview(false)
    }

    /// Leaves a waiting transcript out; its bytes go unless an import uses them.
    pub(super) fn leave_pending(&mut self, cast: &Cast) -> anyhow::Result<Reply> {
        self.library.leave_pending(&cast.sha256, &cast.member)?;
        self.overview(false)
    }
}

pub(super) fn conversations_of(
    catalogue: &Catalogue,
    topic: usize,
) -> impl Iterator<Item = &ConversationEntry> + Clone {
    catalogue.conversations.iter().filter(move |conversation| conversation.topic == Some(topic))
}

fn aside_row(conversation: &ConversationEntry) -> Value {
    json!({
        "conversation": conversation.key, "title": conversation.title, "candidates": conversation.candidates,
        "why": conversation.set_aside, "choice": conversation.standing.choice,
    })
}
