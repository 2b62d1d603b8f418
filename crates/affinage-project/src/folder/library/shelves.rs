//! What the user keeps, skips or holds private, and whose words are learnt.

use std::collections::{BTreeMap, HashMap, HashSet};

use affinage_dataset::authorship::{self, Written};
use affinage_dataset::candidate::{Learn, openings as openings_of};
use affinage_dataset::conversation::{Conversation, Declared};
use affinage_dataset::identity;
use affinage_dataset::territory::{self, Place, SetAside, Shelf};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use super::{Action, Library};

/// What the user said about a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Learn from it, even if it would be set aside.
    Keep,
    /// Not interesting; an answer accepted by hand still counts.
    Skip,
    /// Never in a dataset, whatever else was decided.
    Private,
}

impl Choice {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Choice::Keep => "keep",
            Choice::Skip => "skip",
            Choice::Private => "private",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Choice> {
        [Choice::Keep, Choice::Skip, Choice::Private].into_iter().find(|choice| choice.as_str() == name)
    }
}

/// Whether examples may be made of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Open,
    /// Only what a person accepted.
    ByHand,
    Never,
}

/// The first screen: what there is, by topic.
#[derive(Debug, Serialize)]
pub struct Territory {
    pub shelves: Vec<ShelfView>,
    /// Conversations left out unasked, with the reason, unless the user chose.
    pub set_aside: Vec<SetAsideView>,
    /// Characters of all answers by writer, and their shares.
    pub written: Written,
    pub shares: BTreeMap<String, f64>,
    pub learn: Learn,
    pub conversations: usize,
    /// Those of them that are no sections of notes and hold a candidate; the shelves have no others.
    pub with_candidates: usize,
    pub candidates: usize,
    pub answers: usize,
    /// Conversations that are sections of notes, and the documents that they are of.
    pub sections: usize,
    pub documents: usize,
    /// Candidates that were accepted or edited, and those that are left to decide ([`Access::is_left_to_decide`]).
    pub accepted: usize,
    pub left_to_decide: usize,
    /// Where a person's own words are learnt: those of them that no prompt stands before.
    pub openings: usize,
}

#[derive(Debug, Serialize)]
pub struct ShelfView {
    #[serde(flatten)]
    pub shelf: Shelf,
    /// Conversations the user kept, skipped or holds private.
    pub kept: usize,
    pub skipped: usize,
    pub private: usize,
}

#[derive(Debug, Serialize)]
pub struct SetAsideView {
    pub conversation: String,
    pub title: String,
    #[serde(flatten)]
    pub why: SetAside,
}

impl Library {
    /// Shelves, what is set aside and who wrote it; one pass over the library.
    pub fn territory(&self) -> anyhow::Result<Territory> {
        let derivation = self.derivation()?;
        let mut places = Vec::new();
        let mut written = Written::new();
        let (decisions, learn) = (self.decisions()?, self.learn()?);
        let choices = self.choices()?;
        let (mut accepted, mut left_to_decide, mut openings, mut sections) = (0, 0, 0, 0);
        let mut documents = HashSet::new();
        self.for_each_conversation_private_too(|_, conversation| {
            let candidates = derivation.candidates(&conversation);
            let access = access(&conversation, &choices);
            for candidate in &candidates {
                let action = decisions.get(&candidate.candidate_id).map(|decision| decision.action);
                accepted += usize::from(matches!(action, Some(Action::Accept | Action::Edit)));
                left_to_decide += usize::from(access.is_left_to_decide(action));
            }
            if learn == Learn::Mine {
                openings += openings_of(&conversation);
            }
            if let Some(document) = identity::note_document(&conversation.key()) {
                sections += 1;
                documents.insert(document.to_owned());
            }
            let mut place = Place::of(&conversation, &candidates);
            // Of a hundred thousand conversations the sum is enough.
            for (who, chars) in std::mem::take(&mut place.written) {
                *written.entry(who).or_default() += chars;
            }
            places.push(place);
            Ok(())
        })?;
        let view = |shelf: Shelf| {
            let count =
                |choice| shelf.conversations.iter().filter(|c| choices.get(*c) == Some(&choice)).count();
            let (kept, skipped, private) = (count(Choice::Keep), count(Choice::Skip), count(Choice::Private));
            ShelfView { shelf, kept, skipped, private }
        };
        let unchosen = places.iter().filter(|place| !choices.contains_key(&place.conversation));
        let set_aside = unchosen.filter_map(|place| {
            let why = place.set_aside.clone()?;
            Some(SetAsideView { conversation: place.conversation.clone(), title: place.title.clone(), why })
        });
        let set_aside = set_aside.collect();
        let is_private = |place: &Place| match choices.get(&place.conversation) {
            Some(choice) => *choice == Choice::Private,
            None => place.set_aside == Some(SetAside::Declared { declared: Declared::Private }),
        };
        let (private, open): (Vec<Place>, Vec<Place>) = places.into_iter().partition(is_private);
        // What is private must not be told by the words that name a shelf.
        let shelves = territory::shelves(&open).into_iter().chain(Shelf::held_private(&private));
        let shelves = shelves.map(view).collect();
        let places = || open.iter().chain(&private);
        let is_section = |place: &Place| identity::note_document(&place.conversation).is_some();
        Ok(Territory {
            set_aside,
            shelves,
            shares: authorship::shares(&written),
            written,
            learn,
            sections,
            documents: documents.len(),
            accepted,
            left_to_decide,
            openings,
            conversations: places().count(),
            with_candidates: places().filter(|place| place.candidates > 0 && !is_section(place)).count(),
            candidates: places().map(|place| place.candidates).sum(),
            answers: places().map(|place| place.answers).sum(),
        })
    }

    /// What the user chose, by conversation.
    pub fn choices(&self) -> anyhow::Result<HashMap<String, Choice>> {
        let mut statement = self.db.prepare("SELECT conversation, choice FROM shelving")?;
        let rows = statement.query_map([], |row| {
            let choice: String = row.get(1)?;
            let choice =
                Choice::parse(&choice).ok_or(rusqlite::Error::InvalidColumnType(1, choice, Type::Text))?;
            Ok((row.get(0)?, choice))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Sets the choice for conversations; `None` takes it back.
    pub fn choose(
        &mut self,
        conversations: &[String],
        choice: Option<Choice>,
        chosen_at: &str,
    ) -> anyhow::Result<()> {
        let transaction = self.db.transaction()?;
        for conversation in conversations {
            put_choice(&transaction, conversation, choice, chosen_at)?;
        }
        Ok(transaction.commit()?)
    }

    /// Whose words are learnt; the assistant's unless the user said otherwise.
    pub fn learn(&self) -> anyhow::Result<Learn> {
        Ok(self.setting("learn")?.as_deref().and_then(Learn::parse).unwrap_or_default())
    }

    pub fn set_learn(&mut self, learn: Learn) -> anyhow::Result<()> {
        self.set_setting("learn", learn.as_str())
    }

    pub fn setting(&self, name: &str) -> anyhow::Result<Option<String>> {
        let mut statement = self.db.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    pub fn set_setting(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        self.db.execute(
            "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
            (name, value),
        )?;
        Ok(())
    }
}

/// Sets or takes back the choice about one conversation.
pub(super) fn put_choice(
    db: &Connection,
    conversation: &str,
    choice: Option<Choice>,
    chosen_at: &str,
) -> rusqlite::Result<()> {
    match choice {
        Some(choice) => db
            .prepare_cached(
                "INSERT INTO shelving VALUES (?1, ?2, ?3) \
                 ON CONFLICT (conversation) DO UPDATE SET choice = ?2, chosen_at = ?3",
            )?
            .execute((conversation, choice.as_str(), chosen_at))?,
        None => db.prepare_cached("DELETE FROM shelving WHERE conversation = ?1")?.execute([conversation])?,
    };
    Ok(())
}

/// What may become of a conversation, by the user's choice and else by what it holds.
pub fn access(conversation: &Conversation, choices: &HashMap<String, Choice>) -> Access {
    let choice = choices.get(&conversation.key()).copied();
    // What the user chose makes the look at the words needless.
    Access::of(choice, || territory::set_aside(conversation).is_some())
}

impl Access {
    /// Whether a candidate comes up for a decision: it has none, and its conversation is neither skipped, private nor set
    /// aside. What every screen calls left to decide.
    pub fn is_left_to_decide(self, action: Option<Action>) -> bool {
        self == Access::Open && action.is_none()
    }

    pub fn of(choice: Option<Choice>, is_set_aside: impl FnOnce() -> bool) -> Access {
        match choice {
            Some(Choice::Keep) => Access::Open,
            Some(Choice::Skip) => Access::ByHand,
            Some(Choice::Private) => Access::Never,
            None if is_set_aside() => Access::ByHand,
            None => Access::Open,
        }
    }
}
