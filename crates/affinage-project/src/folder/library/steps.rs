//! The desk's journal: each step of a person with what it changed, so that every step can be taken back.
//!
//! A step is stored in the transaction that changes the decisions. Taking it back restores what was before and keeps
//! the step's row.

use std::collections::{HashMap, HashSet};

use affinage_dataset::message::Message;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use super::topics::put_choice;
use super::{Action, Choice, Decision, Library, TextFix, decisions, fixes};

/// What a person made of a candidate so far, decided or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    pub action: Option<Action>,
    /// The chosen answer.
    pub variant: Option<String>,
    /// The answer as edited.
    pub text: Option<String>,
    /// The prompt as edited.
    pub prompt: Option<String>,
    /// What stands before the prompt, where the person changed that.
    pub context: Option<Vec<Message>>,
    /// See [`Decision::original`].
    pub original: Option<String>,
    pub tags: Vec<String>,
    pub domain: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
}

impl Mark {
    fn of(decision: Decision) -> Mark {
        Mark {
            action: Some(decision.action),
            variant: decision.variant,
            text: decision.text,
            prompt: decision.prompt,
            context: decision.context,
            original: decision.original,
            tags: decision.tags,
            domain: decision.domain,
            reason: None,
        }
    }

    /// The mark with `decision` in force, made here or elsewhere. What the decision does not hold (an edit that was then
    /// rejected) stays for another look.
    fn under(self, decision: Decision) -> Mark {
        let decided = Mark::of(decision);
        Mark {
            action: decided.action,
            variant: decided.variant.or(self.variant),
            text: decided.text.or(self.text),
            prompt: decided.prompt.or(self.prompt),
            context: decided.context.or(self.context),
            original: decided.original.or(self.original),
            tags: if decided.tags.is_empty() { self.tags } else { decided.tags },
            domain: decided.domain.or(self.domain),
            reason: self.reason,
        }
    }

    /// True if words of the person's own stand in it.
    pub fn is_edited(&self) -> bool {
        self.text.is_some() || self.prompt.is_some() || self.context.is_some()
    }

    fn decision(&self, candidate: &str, conversation: &str) -> Option<Decision> {
        let action = match self.action? {
            // An accepted answer with words of the person's own is an edit, whatever key made it.
            Action::Accept | Action::Edit if self.is_edited() => Action::Edit,
            Action::Edit => Action::Accept,
            action => action,
        };
        let mut decision = Decision {
            candidate: candidate.to_owned(),
            conversation: conversation.to_owned(),
            variant: self.variant.clone().filter(|_| action != Action::Reject),
            action,
            text: None,
            prompt: None,
            context: None,
            original: None,
            tags: self.tags.clone(),
            domain: self.domain.clone(),
        };
        if action == Action::Edit {
            decision.text.clone_from(&self.text);
            decision.prompt.clone_from(&self.prompt);
            decision.context.clone_from(&self.context);
            decision.original.clone_from(&self.original);
        }
        Some(decision)
    }
}

/// One thing a person did: everything it changes is stored together and taken back together.
#[derive(Debug, Default)]
pub struct Step {
    pub changes: Vec<Change>,
    pub fixes: Vec<TextFix>,
    /// Choices about conversations; `None` takes one back.
    pub choices: Vec<(String, Option<Choice>)>,
}

#[derive(Debug, Clone)]
pub struct Change {
    pub candidate: String,
    pub conversation: String,
    pub before: Mark,
    pub after: Mark,
}

/// A second decision made without seeing the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondLook {
    pub candidate: String,
    pub first_accepts: bool,
    pub second_accepts: bool,
}

/// A step that was taken back.
#[derive(Debug)]
pub struct Undone {
    pub label: String,
    /// Marks that are in force again.
    pub marks: Vec<(String, Mark)>,
    /// Candidates whose fixes were taken back.
    pub unfixed: Vec<String>,
    /// Conversations whose choice is the earlier one again.
    pub choices: Vec<(String, Option<Choice>)>,
}

impl Library {
    /// Drops what the journal holds of candidates that are gone, taken back or not.
    pub(super) fn forget_marks(&self, alive: &HashSet<String>) -> anyhow::Result<()> {
        let mut statement = self.db.prepare("SELECT DISTINCT candidate FROM desk_change")?;
        let marked: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for candidate in marked.iter().filter(|candidate| !alive.contains(*candidate)) {
            self.db.execute("DELETE FROM desk_change WHERE candidate = ?1", [candidate])?;
            self.db.execute("DELETE FROM desk_second_look WHERE candidate = ?1", [candidate])?;
        }
        Ok(())
    }

    /// The mark of every candidate that has one. Decisions made elsewhere count as they stand.
    pub fn marks(&self) -> anyhow::Result<HashMap<String, Mark>> {
        let mut marks: HashMap<String, Mark> = HashMap::new();
        let mut statement = self.db.prepare(
            "SELECT candidate, after FROM desk_change JOIN desk_step ON desk_step.id = step \
             WHERE undone = 0 ORDER BY desk_change.rowid",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            marks.insert(row.get(0)?, serde_json::from_str(row.get_ref(1)?.as_str()?)?);
        }
        let mut decisions = self.decisions()?;
        for (candidate, mark) in &mut marks {
            match decisions.remove(candidate) {
                Some(decision) => *mark = std::mem::take(mark).under(decision),
                None => mark.action = None,
            }
        }
        marks.extend(decisions.into_iter().map(|(candidate, decision)| (candidate, Mark::of(decision))));
        Ok(marks)
    }

    /// Candidates in the order in which they were decided on, as far as their decisions stand.
    pub fn decided_in_order(&self) -> anyhow::Result<Vec<String>> {
        let mut statement =
            self.db.prepare("SELECT candidate FROM decision GROUP BY candidate ORDER BY max(id)")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Candidates that somebody decided on one at a time, so that they were seen; those of a decision about many were not.
    pub fn decided_alone(&self) -> anyhow::Result<HashSet<String>> {
        let mut statement = self.db.prepare(
            "SELECT candidate FROM desk_change JOIN desk_step ON desk_step.id = step WHERE undone = 0 \
             AND label NOT GLOB 'accepted [0-9]*' AND label NOT GLOB 'rejected [0-9]*' \
             AND (SELECT count(*) FROM desk_change AS other WHERE other.step = desk_step.id) = 1",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Candidates on which the desk holds any change that stands.
    pub fn changed_at_the_desk(&self) -> anyhow::Result<HashSet<String>> {
        let mut statement = self.db.prepare(
            "SELECT DISTINCT candidate FROM desk_change JOIN desk_step ON desk_step.id = step WHERE undone = 0",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores one step: all it changes or nothing.
    pub fn take_step(&mut self, label: &str, step: &Step, at: &str) -> anyhow::Result<()> {
        let chosen = self.choices()?;
        let transaction = self.db.transaction()?;
        transaction.execute("INSERT INTO desk_step (at, label) VALUES (?1, ?2)", [at, label])?;
        let number = transaction.last_insert_rowid();
        for change in &step.changes {
            transaction.prepare_cached("INSERT INTO desk_change VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
                number,
                &change.candidate,
                &change.conversation,
                serde_json::to_string(&change.before)?,
                serde_json::to_string(&change.after)?,
            ))?;
            put_in_force(&transaction, &change.candidate, &change.conversation, &change.after, at)?;
        }
        for fix in &step.fixes {
            fixes::record(&transaction, fix, Some(number), at)?;
        }
        for (conversation, choice) in &step.choices {
            let before = chosen.get(conversation).map(|choice| choice.as_str());
            transaction.prepare_cached("INSERT INTO desk_choice VALUES (?1, ?2, ?3)")?.execute((
                number,
                conversation,
                before,
            ))?;
            put_choice(&transaction, conversation, *choice, at)?;
        }
        Ok(transaction.commit()?)
    }

    /// Takes the newest step back; `None` if there is none.
    pub fn undo_step(&mut self, at: &str) -> anyhow::Result<Option<Undone>> {
        let transaction = self.db.transaction()?;
        let newest: Option<(i64, String)> = transaction
            .query_row(
                "SELECT id, label FROM desk_step WHERE undone = 0 ORDER BY id DESC LIMIT 1",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let Some((step, label)) = newest else { return Ok(None) };
        let mut undone = Undone { label, marks: Vec::new(), unfixed: Vec::new(), choices: Vec::new() };
        let changes: Vec<(String, String, String)> = {
            let mut statement = transaction.prepare(
                "SELECT candidate, conversation, before FROM desk_change WHERE step = ?1 ORDER BY rowid DESC",
            )?;
            let rows = statement.query_map([step], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        for (candidate, conversation, before) in changes {
            let before: Mark = serde_json::from_str(&before)?;
            put_in_force(&transaction, &candidate, &conversation, &before, at)?;
            undone.marks.push((candidate, before));
        }
        {
            let mut statement = transaction.prepare(
                "UPDATE fix SET undone_at = ?2 WHERE step = ?1 AND undone_at IS NULL RETURNING candidate",
            )?;
            let rows = statement.query_map((step, at), |row| row.get(0))?;
            undone.unfixed = rows.collect::<Result<_, _>>()?;
            let mut statement =
                transaction.prepare("SELECT conversation, before FROM desk_choice WHERE step = ?1")?;
            let rows = statement.query_map([step], |row| {
                let before: Option<String> = row.get(1)?;
                Ok((row.get(0)?, before.as_deref().and_then(Choice::parse)))
            })?;
            undone.choices = rows.collect::<Result<_, _>>()?;
        }
        for (conversation, choice) in &undone.choices {
            put_choice(&transaction, conversation, *choice, at)?;
        }
        transaction.execute("UPDATE desk_step SET undone = 1 WHERE id = ?1", [step])?;
        transaction.commit()?;
        Ok(Some(undone))
    }

    /// The card on the desk.
    pub fn desk_place(&self) -> anyhow::Result<Option<String>> {
        Ok(self.db.query_row("SELECT candidate FROM desk_place", [], |row| row.get(0)).optional()?)
    }

    pub fn set_desk_place(&self, candidate: &str) -> anyhow::Result<()> {
        self.db.prepare_cached("INSERT OR REPLACE INTO desk_place VALUES (1, ?1)")?.execute([candidate])?;
        Ok(())
    }

    pub fn second_looks(&self) -> anyhow::Result<Vec<SecondLook>> {
        let mut statement = self
            .db
            .prepare("SELECT candidate, first_accepts, second_accepts FROM desk_second_look ORDER BY at")?;
        let rows = statement.query_map([], |row| {
            Ok(SecondLook { candidate: row.get(0)?, first_accepts: row.get(1)?, second_accepts: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn add_second_look(&self, look: &SecondLook, at: &str) -> anyhow::Result<()> {
        self.db.execute(
            "INSERT OR REPLACE INTO desk_second_look VALUES (?1, ?2, ?3, ?4)",
            (&look.candidate, look.first_accepts, look.second_accepts, at),
        )?;
        Ok(())
    }

    /// Changes whenever another connection, so another command, has changed the library.
    pub fn outside_changes(&self) -> anyhow::Result<i64> {
        Ok(self.db.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }
}

/// Makes `mark` what the decisions say about a candidate.
fn put_in_force(
    db: &Connection,
    candidate: &str,
    conversation: &str,
    mark: &Mark,
    at: &str,
) -> anyhow::Result<()> {
    match mark.decision(candidate, conversation) {
        Some(decision) => decisions::append(db, &decision, at),
        None => {
            db.prepare_cached("DELETE FROM decision WHERE candidate = ?1")?.execute([candidate])?;
            Ok(())
        }
    }
}
