//! The desk's journal: each step of a person with what it changed, so that every step can be taken back.
//!
//! A step is stored in the transaction that changes the decisions. Taking it back restores what was before and keeps
//! the step's row.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use super::{Action, Library};

/// What a person made of a candidate so far, decided or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    pub action: Option<Action>,
    /// The chosen answer.
    pub variant: Option<String>,
    /// The answer as edited.
    pub text: Option<String>,
    pub tags: Vec<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
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

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS desk_step (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    label TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS desk_change (
    step INTEGER NOT NULL REFERENCES desk_step,
    candidate TEXT NOT NULL,
    conversation TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS desk_change_by_step ON desk_change (step);
CREATE INDEX IF NOT EXISTS desk_change_by_candidate ON desk_change (candidate);
CREATE TABLE IF NOT EXISTS desk_place (only INTEGER PRIMARY KEY CHECK (only = 1), candidate TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS desk_second_look (
    candidate TEXT PRIMARY KEY,
    first_accepts INTEGER NOT NULL,
    second_accepts INTEGER NOT NULL,
    at TEXT NOT NULL
);
";

/// Label of a step that was taken back, and the marks that are in force again.
type Undone = (String, Vec<(String, Mark)>);

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

    /// Makes the journal's tables where they are missing.
    pub fn prepare_desk(&self) -> anyhow::Result<()> {
        Ok(self.db.execute_batch(TABLES)?)
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
                Some(decision) => {
                    mark.action = Some(decision.action);
                    mark.variant = decision.variant.or(mark.variant.take());
                    mark.text = decision.text.or(mark.text.take());
                }
                None => mark.action = None,
            }
        }
        marks.extend(decisions.into_iter().map(|(candidate, d)| {
            (candidate, Mark { action: Some(d.action), variant: d.variant, text: d.text, ..Mark::default() })
        }));
        Ok(marks)
    }

    /// Candidates in the order in which they were decided on, as far as their decisions stand.
    pub fn decided_in_order(&self) -> anyhow::Result<Vec<String>> {
        let mut statement =
            self.db.prepare("SELECT candidate FROM decision GROUP BY candidate ORDER BY max(id)")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores one step: all its changes or none.
    pub fn take_step(&mut self, label: &str, changes: &[Change], at: &str) -> anyhow::Result<()> {
        let transaction = self.db.transaction()?;
        transaction.execute("INSERT INTO desk_step (at, label) VALUES (?1, ?2)", [at, label])?;
        let step = transaction.last_insert_rowid();
        for change in changes {
            transaction.prepare_cached("INSERT INTO desk_change VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
                step,
                &change.candidate,
                &change.conversation,
                serde_json::to_string(&change.before)?,
                serde_json::to_string(&change.after)?,
            ))?;
            put_in_force(&transaction, &change.candidate, &change.conversation, &change.after, at)?;
        }
        Ok(transaction.commit()?)
    }

    /// Takes the newest step back. Gives its label and the marks that are in force again; `None` if there is none.
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
        let changes: Vec<(String, String, String)> = {
            let mut statement = transaction.prepare(
                "SELECT candidate, conversation, before FROM desk_change WHERE step = ?1 ORDER BY rowid DESC",
            )?;
            let rows = statement.query_map([step], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut restored = Vec::with_capacity(changes.len());
        for (candidate, conversation, before) in changes {
            let before: Mark = serde_json::from_str(&before)?;
            put_in_force(&transaction, &candidate, &conversation, &before, at)?;
            restored.push((candidate, before));
        }
        transaction.execute("UPDATE desk_step SET undone = 1 WHERE id = ?1", [step])?;
        transaction.commit()?;
        Ok(Some((label, restored)))
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

    /// Messages whose stored text holds `words` (case of ASCII letters does not count): conversation, node id and time.
    pub fn find_words(&self, words: &str, limit: usize) -> anyhow::Result<Vec<(String, String)>> {
        let escaped: String = serde_json::to_string(words)?.trim_matches('"').to_owned();
        let pattern = format!("%{}%", escaped.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let mut statement = self.db.prepare_cached(
            "SELECT conversation.key, node.node_id FROM node JOIN conversation ON conversation.id = node.conversation \
             WHERE node.data LIKE ?1 ESCAPE '\\' LIMIT ?2",
        )?;
        let rows =
            statement.query_map((pattern, i64::try_from(limit)?), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Makes `mark` what the decisions say about a candidate.
fn put_in_force(
    db: &Connection,
    candidate: &str,
    conversation: &str,
    mark: &Mark,
    at: &str,
) -> rusqlite::Result<()> {
    let action = match mark.action {
        None => {
            db.prepare_cached("DELETE FROM decision WHERE candidate = ?1")?.execute([candidate])?;
            return Ok(());
        }
        // An accepted answer with words of the person's own is an edit, whatever key made it.
        Some(Action::Accept | Action::Edit) if mark.text.is_some() => Action::Edit,
        Some(Action::Edit) => Action::Accept,
        Some(action) => action,
    };
    let text = mark.text.as_ref().filter(|_| action == Action::Edit);
    let variant = mark.variant.as_ref().filter(|_| action != Action::Reject);
    db.prepare_cached(
        "INSERT INTO decision (candidate, conversation, variant, action, text, decided_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((candidate, conversation, variant, action.as_str(), text, at))?;
    Ok(())
}
