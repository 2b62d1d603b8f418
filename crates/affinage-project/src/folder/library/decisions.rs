//! Decisions about candidates: append-only, the last one counts.

use std::collections::{HashMap, HashSet};

use affinage_dataset::candidate::{Candidate, ContextPolicy, Learn, Variant, candidates_of};
use affinage_dataset::conversation::Conversation;
use affinage_dataset::message::Message;
use affinage_dataset::shingle::normalise;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};

use super::Library;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Accept,
    Reject,
    /// Accept with words of the user's own.
    Edit,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Action::Accept => "accept",
            Action::Reject => "reject",
            Action::Edit => "edit",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub candidate: String,
    /// `provider:id` of the conversation, so that forgetting it can find its decisions.
    pub conversation: String,
    /// Accepted variant, or the one an edit began with; `None` in a reject of all.
    pub variant: Option<String>,
    pub action: Action,
    /// The edited answer.
    pub text: Option<String>,
    /// The edited prompt.
    pub prompt: Option<String>,
    /// What stands before the prompt instead of the context found.
    pub context: Option<Vec<Message>>,
    /// The words the edited answer was made from, where they are more than the variant's: turns that were merged.
    pub original: Option<String>,
    pub tags: Vec<String>,
    pub domain: Option<String>,
}

/// What happened after a version was frozen: numbers of candidates and of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Candidates that were decided on.
    pub cards: usize,
    /// Conversations that are private since then.
    pub private: usize,
    /// Conversations about which something else was chosen, or a choice was taken back.
    pub chosen: usize,
}

impl Since {
    pub fn is_nothing(&self) -> bool {
        self.cards + self.private + self.chosen == 0
    }
}

impl Library {
    /// The decision in force for each candidate.
    pub fn decisions(&self) -> anyhow::Result<HashMap<String, Decision>> {
        let mut statement = self.db.prepare(
            "SELECT candidate, conversation, variant, action, text, prompt, context, original, tags, domain \
             FROM decision ORDER BY id",
        )?;
        let rows = statement.query_map([], decision)?;
        let mut latest = HashMap::new();
        for decision in rows {
            let decision = decision?;
            latest.insert(decision.candidate.clone(), decision);
        }
        Ok(latest)
    }

    /// How many cards are accepted and to be learnt: those that are held private are not, nor unedited ones where only edited answers
    /// are learnt. The review desk counts the same of what it has read.
    pub fn accepted(&self) -> anyhow::Result<usize> {
        let (private, learn) = (self.held_private()?, self.learn()?);
        let is_learnt = |decision: &Decision| match decision.action {
            Action::Reject => false,
            Action::Accept => learn != Learn::Edited,
            Action::Edit => true,
        };
        let decisions = self.decisions()?.into_values();
        Ok(decisions.filter(|one| is_learnt(one) && !private.contains(&one.conversation)).count())
    }

    /// What was decided and chosen after a version was frozen; `None` where the library does not know the version.
    pub fn changed_since(&self, version_hash: &str) -> anyhow::Result<Option<Since>> {
        let Some(made_at) = self.made_at(version_hash)? else { return Ok(None) };
        let later = |sql: &str| self.later(sql, made_at);
        let cards = later("SELECT candidate, decided_at FROM decision")?;
        let private = later("SELECT conversation, chosen_at FROM shelving WHERE choice = 'private'")?;
        let mut chosen = later("SELECT conversation, chosen_at FROM shelving WHERE choice <> 'private'")?;
        // A choice that was taken back has no row any more but stands in the journal.
        chosen.extend(later(
            "SELECT desk_choice.conversation, desk_step.at FROM desk_choice JOIN desk_step ON desk_step.id = desk_choice.step",
        )?);
        Ok(Some(Since {
            cards: cards.len(),
            chosen: chosen.difference(&private).count(),
            private: private.len(),
        }))
    }

    /// How many conversations came, or got messages, with files that were imported after a version was frozen; 0 where the
    /// library does not know the version.
    pub fn imported_since(&self, version_hash: &str) -> anyhow::Result<usize> {
        let Some(made_at) = self.made_at(version_hash)? else { return Ok(0) };
        let sources = self.later("SELECT CAST(id AS TEXT), imported_at FROM source", made_at)?;
        if sources.is_empty() {
            return Ok(0);
        }
        let sources = sources.into_iter().collect::<Vec<String>>().join(",");
        // From the new files' side: an import brings little beside what is there.
        let new = format!(
            "SELECT COUNT(DISTINCT node.conversation) FROM node_source AS new JOIN node ON node.id = new.node \
             WHERE new.source IN ({sources}) AND NOT EXISTS \
             (SELECT 1 FROM node_source AS old WHERE old.node = new.node AND old.source NOT IN ({sources}))"
        );
        Ok(self.db.query_row(&new, [], |row| row.get(0))?)
    }

    /// When a version was frozen; `None` where the library does not know it.
    fn made_at(&self, version_hash: &str) -> anyhow::Result<Option<Timestamp>> {
        let mut statement = self.db.prepare("SELECT made_at FROM version WHERE hash = ?1")?;
        let made_at: Option<String> = statement.query_row([version_hash], |row| row.get(0)).optional()?;
        Ok(made_at.map(|at| at.parse()).transpose()?)
    }

    /// What `sql`, rows of a text and a time, has after that time.
    fn later(&self, sql: &str, than: Timestamp) -> anyhow::Result<HashSet<String>> {
        let mut statement = self.db.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut later = HashSet::new();
        for row in rows {
            let (what, at): (String, String) = row?;
            if at.parse::<Timestamp>()? > than {
                later.insert(what);
            }
        }
        Ok(later)
    }

    /// Appends decisions in one transaction; those already in force are left out. Returns how many were new.
    pub fn decide(&mut self, decisions: &[Decision], decided_at: &str) -> anyhow::Result<usize> {
        let mut in_force = self.decisions()?;
        let transaction = self.db.transaction()?;
        let mut added = 0;
        for decision in decisions {
            if in_force.get(&decision.candidate) == Some(decision) {
                continue;
            }
            append(&transaction, decision, decided_at)?;
            in_force.insert(decision.candidate.clone(), decision.clone());
            added += 1;
        }
        transaction.commit()?;
        Ok(added)
    }
}

fn decision(row: &Row<'_>) -> rusqlite::Result<Decision> {
    let action: String = row.get(3)?;
    let action = match action.as_str() {
        "accept" => Action::Accept,
        "reject" => Action::Reject,
        "edit" => Action::Edit,
        _ => return Err(rusqlite::Error::InvalidColumnType(3, action, Type::Text)),
    };
    let context: Option<String> = row.get(6)?;
    let tags: String = row.get(8)?;
    let not_json = |column: usize| {
        move |_: serde_json::Error| rusqlite::Error::InvalidColumnType(column, String::new(), Type::Text)
    };
    Ok(Decision {
        candidate: row.get(0)?,
        conversation: row.get(1)?,
        variant: row.get(2)?,
        action,
        text: row.get(4)?,
        prompt: row.get(5)?,
        context: context.map(|text| serde_json::from_str(&text)).transpose().map_err(not_json(6))?,
        original: row.get(7)?,
        tags: serde_json::from_str(&tags).map_err(not_json(8))?,
        domain: row.get(9)?,
    })
}

/// Appends one decision.
pub(super) fn append(db: &Connection, decision: &Decision, decided_at: &str) -> anyhow::Result<()> {
    let context = decision.context.as_ref().map(serde_json::to_string).transpose()?;
    db.prepare_cached(
        "INSERT INTO decision (candidate, conversation, variant, action, text, prompt, context, original, tags, domain, \
         decided_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute((
        &decision.candidate,
        &decision.conversation,
        &decision.variant,
        decision.action.as_str(),
        &decision.text,
        &decision.prompt,
        context,
        &decision.original,
        serde_json::to_string(&decision.tags)?,
        &decision.domain,
        decided_at,
    ))?;
    Ok(())
}

/// Lets what was decided about answers stay with them where a new reading changed what stands around them.
///
/// If the prompt has other words now, the candidate has another id, and the decision goes to it. If accepted words were
/// changed where they were written, the decision keeps the words that were accepted.
pub(super) fn follow(db: &Connection, before: &Conversation, after: &Conversation) -> anyhow::Result<()> {
    for learn in [Learn::Assistant, Learn::Mine] {
        let policy = ContextPolicy::default();
        let now = candidates_of(after, &policy, learn);
        for candidate in candidates_of(before, &policy, learn) {
            let Some(successor) = successor(&candidate, &now) else { continue };
            for variant in &candidate.variants {
                let changed = successor.variants.iter().find(|other| other.node_ids == variant.node_ids);
                if let Some(changed) = changed.filter(|changed| changed.variant_id != variant.variant_id) {
                    follow_words(db, &candidate.candidate_id, variant, changed)?;
                }
            }
            if successor.candidate_id != candidate.candidate_id {
                rename(db, &candidate.candidate_id, &successor.candidate_id)?;
            }
        }
    }
    Ok(())
}

/// The candidate with the same id, else the one that has most of the answers.
fn successor<'a>(candidate: &Candidate, now: &'a [Candidate]) -> Option<&'a Candidate> {
    let same = now.iter().find(|other| other.candidate_id == candidate.candidate_id);
    let shared = |other: &Candidate| {
        let is_there = |v: &&Variant| candidate.variants.iter().any(|old| old.node_ids == v.node_ids);
        other.variants.iter().filter(is_there).count()
    };
    same.or_else(|| now.iter().filter(|other| shared(other) > 0).max_by_key(|other| shared(other)))
}

fn follow_words(db: &Connection, candidate: &str, old: &Variant, new: &Variant) -> anyhow::Result<()> {
    if normalise(&old.text) != normalise(&new.text) {
        db.execute(
            "UPDATE decision SET text = ?3, original = coalesce(original, ?3) \
             WHERE candidate = ?1 AND variant = ?2 AND action <> 'reject' AND text IS NULL",
            (candidate, &old.variant_id, &old.text),
        )?;
    }
    db.execute(
        "UPDATE decision SET variant = ?3 WHERE candidate = ?1 AND variant = ?2",
        (candidate, &old.variant_id, &new.variant_id),
    )?;
    Ok(())
}

fn rename(db: &Connection, old: &str, new: &str) -> anyhow::Result<()> {
    // Where a row of the new id is there already, it is the one that counts.
    for table in ["decision", "fix", "desk_change", "desk_place", "desk_second_look"] {
        db.execute(&format!("UPDATE OR IGNORE {table} SET candidate = ?2 WHERE candidate = ?1"), [old, new])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::library::Choice;

    #[test]
    fn what_is_private_since_a_version_is_told_from_other_choices() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut library = Library::open_or_create(dir.path()).expect("a library");
        library.add_version("abc", "v1-abc", &[], "2026-01-01T10:00:00Z").expect("stored");
        let mut choose = |conversation: &str, choice, at| {
            library.choose(&[conversation.to_owned()], Some(choice), at).expect("chosen");
        };
        choose("before", Choice::Private, "2026-01-01T09:00:00Z");
        choose("diary", Choice::Private, "2026-01-01T11:00:00Z");
        choose("letters", Choice::Skip, "2026-01-01T11:00:00Z");
        let since = library.changed_since("abc").expect("read");
        assert_eq!(since, Some(Since { cards: 0, private: 1, chosen: 1 }));
        assert_eq!(library.changed_since("another").expect("read"), None);
        library.version_is_current("abc", "2026-01-01T12:00:00Z").expect("stored");
        assert!(library.changed_since("abc").expect("read").is_some_and(|since| since.is_nothing()));
    }
}
