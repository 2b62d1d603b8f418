//! What the user keeps, skips or holds private, and whose words are learnt.

use std::collections::{BTreeMap, HashMap, HashSet};

use affinage_dataset::authorship::{self, Written};
use affinage_dataset::candidate::{Learn, openings as openings_of};
use affinage_dataset::conversation::{Conversation, Declared};
use affinage_dataset::identity;
use affinage_dataset::import::is_dated;
use affinage_dataset::topics::{self, Grouping, Place, SetAside, Topic};
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

/// Whether a conversation may be shown, and examples be made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Open,
    /// Only what a person accepted.
    ByHand,
    /// It is held private: none of it is shown, learnt or sent.
    Never,
}

/// What decides whether a conversation is held private.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// What the user said about it.
    pub choice: Option<Choice>,
    /// It says of itself that it is private ([`Declared::Private`]).
    pub is_marked_private: bool,
    /// A card of it is accepted, as it is or edited.
    pub has_accepted: bool,
}

impl Standing {
    /// The one rule of what is held private: what the user says is, and what says so of itself, until the user keeps it or accepts a
    /// card of it. To skip it, or to reject a card, says that it is not to be learnt, not that it may be shown.
    ///
    /// [`is_private_sql`] is the same rule for SQL.
    pub fn is_private(self) -> bool {
        match self.choice {
            Some(Choice::Private) => true,
            Some(Choice::Keep) => false,
            Some(Choice::Skip) | None => self.is_marked_private && !self.has_accepted,
        }
    }

    /// What may become of the conversation; `is_set_aside` is asked only where it matters.
    pub fn access(self, is_set_aside: impl FnOnce() -> bool) -> Access {
        match self.choice {
            _ if self.is_private() => Access::Never,
            Some(Choice::Keep) => Access::Open,
            Some(Choice::Skip) => Access::ByHand,
            _ if is_set_aside() => Access::ByHand,
            _ => Access::Open,
        }
    }
}

/// Keys of the conversations with an accepted card.
const ACCEPTED: &str = "SELECT conversation FROM decision WHERE action <> 'reject' AND id IN \
    (SELECT max(id) FROM decision GROUP BY candidate)";

/// [`Standing::is_private`] as a condition for the tables `conversation` and `shelving`, the second joined to the left.
pub(super) fn is_private_sql() -> String {
    format!(
        "CASE coalesce(shelving.choice, '') WHEN 'private' THEN 1 WHEN 'keep' THEN 0 ELSE \
         coalesce(json_extract(conversation.origin, '$.declared'), '') = 'private' \
         AND conversation.key NOT IN ({ACCEPTED}) END"
    )
}

/// What a choice about the whole of a topic, a folder or a file is about: what is held private there stays so, unless all of it is.
pub fn of_whole<T>(all: Vec<T>, choice: Option<Choice>, is_private: impl Fn(&T) -> bool) -> Vec<T> {
    if choice == Some(Choice::Private) || all.iter().all(&is_private) {
        return all;
    }
    all.into_iter().filter(|one| !is_private(one)).collect()
}

/// The standing of every conversation.
#[derive(Debug, Default)]
pub struct Standings {
    choices: HashMap<String, Choice>,
    /// Keys of conversations with an accepted card.
    accepted: HashSet<String>,
}

impl Standings {
    pub fn of(&self, conversation: &Conversation) -> Standing {
        self.of_key(&conversation.key(), conversation.origin.declared == Some(Declared::Private))
    }

    pub fn of_key(&self, key: &str, is_marked_private: bool) -> Standing {
        Standing {
            choice: self.choices.get(key).copied(),
            is_marked_private,
            has_accepted: self.accepted.contains(key),
        }
    }

    /// What may become of a conversation, by what the user said and else by what it holds.
    pub fn access(&self, conversation: &Conversation) -> Access {
        // What the user chose makes the look at the words needless.
        self.of(conversation).access(|| topics::set_aside(conversation).is_some())
    }
}

/// The first screen: what there is, by topic.
#[derive(Debug, Serialize)]
pub struct Overview {
    pub topics: Vec<TopicView>,
    /// Conversations left out unasked, with the reason, unless the user chose.
    pub set_aside: Vec<SetAsideView>,
    /// Characters of all answers by writer, and their shares.
    pub written: Written,
    pub shares: BTreeMap<String, f64>,
    pub learn: Learn,
    pub conversations: usize,
    /// Those of them that are no sections of notes and hold a candidate; the topics have no others.
    pub with_candidates: usize,
    pub candidates: usize,
    pub answers: usize,
    /// Conversations that are sections of notes, and the documents that they are of.
    pub sections: usize,
    pub documents: usize,
    /// Candidates that were accepted or edited, and those that are left to decide ([`Access::is_left_to_decide`]).
    pub accepted: usize,
    pub left_to_decide: usize,
    /// Those left to decide that are sections of dated notes ([`is_dated`]): a freeze takes them only where it is asked for them.
    pub dated: usize,
    /// Where a person's own words are learnt: those of them that no prompt stands before.
    pub openings: usize,
}

#[derive(Debug, Serialize)]
pub struct TopicView {
    #[serde(flatten)]
    pub topic: Topic,
    /// Conversations that the user kept or skipped, and those that are held private, by the user's word or their own.
    pub kept: usize,
    pub skipped: usize,
    pub private: usize,
}

#[derive(Debug, Serialize)]
pub struct SetAsideView {
    /// Key and title; empty where the conversation is held private.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub conversation: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(flatten)]
    pub why: SetAside,
}

impl Library {
    /// Topics, what is set aside and who wrote it; one pass over the library.
    pub fn overview(&self) -> anyhow::Result<Overview> {
        let derivation = self.derivation()?;
        let mut places = Vec::new();
        let mut written = Written::new();
        let (decisions, learn) = (self.decisions()?, self.learn()?);
        let standings = self.standings()?;
        let mut private = HashSet::new();
        let (mut accepted, mut left_to_decide, mut openings, mut sections, mut dated) = (0, 0, 0, 0, 0);
        let mut documents = HashSet::new();
        self.for_each_conversation_private_too(|_, conversation| {
            let candidates = derivation.candidates(&conversation);
            let standing = standings.of(&conversation);
            if standing.is_private() {
                private.insert(conversation.key());
            }
            let mut place = Place::of(&conversation, &candidates);
            let access = standing.access(|| place.set_aside.is_some());
            let is_dated = is_dated(&conversation);
            for candidate in &candidates {
                let action = decisions.get(&candidate.candidate_id).map(|decision| decision.action);
                accepted += usize::from(matches!(action, Some(Action::Accept | Action::Edit)));
                let is_left = access.is_left_to_decide(action);
                left_to_decide += usize::from(is_left);
                dated += usize::from(is_left && is_dated);
            }
            if learn == Learn::Mine {
                openings += openings_of(&conversation);
            }
            if let Some(document) = identity::note_document(&conversation.key()) {
                sections += 1;
                documents.insert(document.to_owned());
            }
            // Of a hundred thousand conversations the sum is enough.
            for (who, chars) in std::mem::take(&mut place.written) {
                *written.entry(who).or_default() += chars;
            }
            places.push(place);
            Ok(())
        })?;
        let choices = &standings.choices;
        let unchosen = places.iter().filter(|place| !choices.contains_key(&place.conversation));
        let set_aside = unchosen.filter_map(|place| {
            let why = place.set_aside.clone()?;
            let told = |text: &String| {
                if private.contains(&place.conversation) { String::new() } else { text.clone() }
            };
            Some(SetAsideView { conversation: told(&place.conversation), title: told(&place.title), why })
        });
        let view = |topic: Topic| {
            let count = |choice| topic.all().filter(|key| choices.get(*key) == Some(&choice)).count();
            let (kept, skipped, private) =
                (count(Choice::Keep), count(Choice::Skip), topic.held_private.len());
            TopicView { topic, kept, skipped, private }
        };
        let is_section = |place: &Place| identity::note_document(&place.conversation).is_some();
        let told = Grouping::of(&places).told(|key| private.contains(key));
        Ok(Overview {
            set_aside: set_aside.collect(),
            topics: told.into_iter().map(view).collect(),
            shares: authorship::shares(&written),
            written,
            learn,
            sections,
            dated,
            documents: documents.len(),
            accepted,
            left_to_decide,
            openings,
            conversations: places.len(),
            with_candidates: places.iter().filter(|place| place.candidates > 0 && !is_section(place)).count(),
            candidates: places.iter().map(|place| place.candidates).sum(),
            answers: places.iter().map(|place| place.answers).sum(),
        })
    }

    /// What decides which conversations may be shown and learnt.
    pub fn standings(&self) -> anyhow::Result<Standings> {
        let mut statement = self.db.prepare(ACCEPTED)?;
        let accepted = statement.query_map([], |row| row.get(0))?;
        Ok(Standings { choices: self.choices()?, accepted: accepted.collect::<Result<_, _>>()? })
    }

    /// Keys of all that is held private, in the library or no longer there.
    pub fn held_private(&self) -> anyhow::Result<HashSet<String>> {
        let mut statement = self.db.prepare(&format!(
            "SELECT key FROM conversation LEFT JOIN shelving ON shelving.conversation = conversation.key WHERE {} \
             UNION SELECT conversation FROM shelving WHERE choice = 'private'",
            is_private_sql()
        ))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// SHA-256 of the imported files that brought private texts and no others.
    pub fn private_sources(&self) -> anyhow::Result<HashSet<String>> {
        let mut statement = self.db.prepare(&format!(
            "SELECT source.sha256 FROM conversation JOIN source ON source.id = conversation.source \
             LEFT JOIN shelving ON shelving.conversation = conversation.key \
             GROUP BY source.id HAVING min({}) = 1",
            is_private_sql()
        ))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
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

impl Access {
    /// Whether a candidate comes up for a decision: it has none, and its conversation is neither skipped, private nor set
    /// aside. What every screen calls left to decide.
    pub fn is_left_to_decide(self, action: Option<Action>) -> bool {
        self == Access::Open && action.is_none()
    }
}

#[cfg(test)]
mod tests {
    use affinage_dataset::import::Roles;

    use super::*;
    use crate::folder::library::Decision;

    /// A note that says this of itself, with a choice and a decision about it.
    struct Case {
        word: String,
        mark: &'static str,
        choice: Option<Choice>,
        actions: &'static [Action],
    }

    /// All combinations of choices, marks, and decisions on one card, the last of which counts.
    fn cases() -> Vec<Case> {
        let choices = [None, Some(Choice::Keep), Some(Choice::Skip), Some(Choice::Private)];
        let decisions: [&[Action]; 6] = [
            &[],
            &[Action::Accept],
            &[Action::Edit],
            &[Action::Reject],
            &[Action::Accept, Action::Reject],
            &[Action::Reject, Action::Accept],
        ];
        let mut cases = Vec::new();
        for mark in ["title: plain", "private: true", "draft: true"] {
            for choice in choices {
                for actions in decisions {
                    cases.push(Case { word: format!("wort{:02}ende", cases.len()), mark, choice, actions });
                }
            }
        }
        cases
    }

    #[test]
    fn one_rule_says_what_is_private_to_iteration_search_topics_and_gate() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut library = Library::open_or_create(dir.path()).expect("a library");
        let at = "2026-01-01T00:00:00Z";
        let cases = cases();
        for Case { word, mark, .. } in &cases {
            let text = format!(
                "---\n{mark}\n---\n# On {word}\n\nOf {word} there is more to say than of any other thing that I know.\n"
            );
            let file = dir.path().join(format!("{word}.md"));
            fs_err::write(&file, text).expect("written");
            library.import(&file, &Roles::default(), at, &mut || {}).expect("imported");
        }
        // Its word, key and card of every note.
        let derivation = library.derivation().expect("read");
        let mut notes: HashMap<String, (String, String)> = HashMap::new();
        library
            .for_each_conversation_private_too(|_, conversation| {
                let card = derivation.candidates(&conversation)[0].candidate_id.clone();
                let word = conversation.title.trim_start_matches("On ").to_owned();
                notes.insert(word, (conversation.key(), card));
                Ok(())
            })
            .expect("read");
        assert_eq!(notes.len(), cases.len(), "{notes:?}");
        for Case { word, choice, actions, .. } in &cases {
            let (key, card) = &notes[word];
            library.choose(std::slice::from_ref(key), *choice, at).expect("chosen");
            for action in *actions {
                let decision = Decision {
                    candidate: card.clone(),
                    conversation: key.clone(),
                    variant: None,
                    action: *action,
                    text: (*action == Action::Edit).then(|| "In my words.".to_owned()),
                    prompt: None,
                    context: None,
                    original: None,
                    tags: Vec::new(),
                    domain: None,
                };
                library.decide(&[decision], at).expect("decided");
            }
        }
        let mut iterated = HashSet::new();
        let passed_over = library
            .for_each_conversation(|_, conversation| {
                iterated.insert(conversation.key());
                Ok(())
            })
            .expect("read");
        let held = library.held_private().expect("read");
        let overview = library.overview().expect("read");
        let in_topics: HashSet<&String> =
            overview.topics.iter().flat_map(|view| &view.topic.held_private).collect();
        let mut private = 0;
        for Case { word, mark, choice, actions } in &cases {
            let (key, _) = &notes[word];
            let has_accepted = matches!(actions.last(), Some(Action::Accept | Action::Edit));
            let is_marked_private = *mark == "private: true";
            let expected = Standing { choice: *choice, is_marked_private, has_accepted }.is_private();
            private += usize::from(expected);
            let hits = library.search(word, 10).expect("searched");
            let holding = library.nodes_that_hold(word).expect("searched");
            let said = [
                !iterated.contains(key),
                held.contains(key),
                in_topics.contains(key),
                hits.is_empty(),
                holding.nodes.is_empty(),
                holding.private > 0,
            ];
            assert_eq!(said, [expected; 6], "{mark}, {choice:?}, {actions:?}");
        }
        assert_eq!(passed_over, private);
        // By the user's word six of each mark; by their own, those neither kept nor accepted.
        assert_eq!(private, 3 * 6 + 2 * 3);
    }

    #[test]
    fn a_choice_about_the_whole_leaves_alone_what_is_private_in_it() {
        let is_private = |number: &i32| *number < 2;
        let meant = |all: &[i32], choice| of_whole(all.to_vec(), choice, is_private);
        assert_eq!(meant(&[0, 1, 2, 3], Some(Choice::Skip)), [2, 3]);
        assert_eq!(meant(&[0, 1, 2, 3], None), [2, 3]);
        assert_eq!(meant(&[0, 1, 2, 3], Some(Choice::Private)), [0, 1, 2, 3]);
        assert_eq!(meant(&[0, 1], Some(Choice::Keep)), [0, 1], "all of it is private");
    }
}
