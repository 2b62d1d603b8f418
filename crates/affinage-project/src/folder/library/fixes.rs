//! Fixes of single texts, recorded beside the imported words and never in them: each can be taken back.

use std::collections::{BTreeMap, HashMap};

use affinage_dataset::candidate::{Candidate, ContextPolicy, Learn, candidates_of};
use affinage_dataset::conversation::Conversation;
use affinage_dataset::edit::{self, Edit};
use affinage_dataset::lint::{Field, Finding, Subject};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::Library;

/// Edits of one text of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFix {
    pub candidate: String,
    /// `system`, `prompt`, `context:N`, or a variant's id.
    pub field: String,
    pub edits: Vec<Edit>,
}

impl TextFix {
    /// The safe fixes among findings about a variant of a candidate, text by text.
    pub fn safe<'a>(
        subject: &Subject,
        candidate: &str,
        variant: &str,
        findings: impl IntoIterator<Item = &'a Finding>,
    ) -> Vec<TextFix> {
        let mut by_field: BTreeMap<Field, Vec<&Finding>> = BTreeMap::new();
        for finding in findings.into_iter().filter(|finding| finding.fix.is_some()) {
            by_field.entry(finding.field).or_default().push(finding);
        }
        let fix = |(field, found): (Field, Vec<&Finding>)| TextFix {
            candidate: candidate.to_owned(),
            field: match field {
                Field::System => SYSTEM.to_owned(),
                Field::Prompt => PROMPT.to_owned(),
                Field::Context(index) => context_field(index),
                Field::Response => variant.to_owned(),
            },
            edits: edit::safe_fixes(subject.text(field), found),
        };
        by_field.into_iter().map(fix).filter(|fix| !fix.edits.is_empty()).collect()
    }

    /// The texts of a candidate by the names of their fields.
    pub fn texts(candidate: &Candidate) -> Vec<(String, &str)> {
        let mut texts: Vec<(String, &str)> = Vec::new();
        texts.extend(candidate.system.as_deref().map(|system| (SYSTEM.to_owned(), system)));
        texts.extend(
            candidate.context.iter().enumerate().map(|(index, m)| (context_field(index), &*m.content)),
        );
        texts.push((PROMPT.to_owned(), &candidate.prompt));
        texts.extend(candidate.variants.iter().map(|v| (v.variant_id.clone(), &*v.text)));
        texts
    }
}

const SYSTEM: &str = "system";
const PROMPT: &str = "prompt";
const CONTEXT: &str = "context:";

fn context_field(index: usize) -> String {
    format!("{CONTEXT}{index}")
}

/// How candidates are made of conversations in this library: context policy, whose words, and recorded fixes.
pub struct Derivation {
    pub policy: ContextPolicy,
    pub learn: Learn,
    fixes: HashMap<String, Vec<TextFix>>,
}

impl Derivation {
    /// The candidates with their fixes in force. Ids stay those of the imported words, so decisions keep.
    pub fn candidates(&self, conversation: &Conversation) -> Vec<Candidate> {
        let mut found = candidates_of(conversation, &self.policy, self.learn);
        for candidate in &mut found {
            for fix in self.fixes.get(&candidate.candidate_id).into_iter().flatten() {
                let Some(text) = text_of(candidate, &fix.field) else { continue };
                // A text that has changed since is not the one the fix was made for.
                if let Some(fixed) = edit::apply(text, &fix.edits) {
                    *text = fixed;
                }
            }
        }
        found
    }
}

fn text_of<'a>(candidate: &'a mut Candidate, field: &str) -> Option<&'a mut String> {
    if field == SYSTEM {
        return candidate.system.as_mut();
    }
    if field == PROMPT {
        return Some(&mut candidate.prompt);
    }
    match field.strip_prefix(CONTEXT) {
        Some(index) => candidate.context.get_mut(index.parse::<usize>().ok()?).map(|m| &mut m.content),
        None => candidate.variants.iter_mut().find(|v| v.variant_id == field).map(|v| &mut v.text),
    }
}

impl Library {
    /// How candidates are derived now; ask once for a pass over the library.
    pub fn derivation(&self) -> anyhow::Result<Derivation> {
        let mut statement =
            self.db.prepare("SELECT candidate, field, edits FROM fix WHERE undone_at IS NULL ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        let mut fixes: HashMap<String, Vec<TextFix>> = HashMap::new();
        for row in rows {
            let (candidate, field, edits) = row?;
            let edits = serde_json::from_str(&edits)?;
            fixes.entry(candidate.clone()).or_default().push(TextFix { candidate, field, edits });
        }
        Ok(Derivation { policy: ContextPolicy::default(), learn: self.learn()?, fixes })
    }

    /// Records fixes in one transaction; returns the number of its first row, which [`Library::undo_fixes`] takes.
    pub fn fix(&mut self, fixes: &[TextFix], made_at: &str) -> anyhow::Result<Option<i64>> {
        let transaction = self.db.transaction()?;
        let mut first = None;
        for fix in fixes {
            record(&transaction, fix, None, made_at)?;
            first.get_or_insert_with(|| transaction.last_insert_rowid());
        }
        transaction.commit()?;
        Ok(first)
    }

    /// Takes back the fixes in force of row `from` and later; returns how many.
    pub fn undo_fixes(&mut self, from: i64, undone_at: &str) -> anyhow::Result<usize> {
        Ok(self.db.execute(
            "UPDATE fix SET undone_at = ?2 WHERE id >= ?1 AND undone_at IS NULL",
            (from, undone_at),
        )?)
    }

    /// The first row of the newest run of fixes in force, and its time.
    pub fn newest_fixes(&self) -> anyhow::Result<Option<(i64, String)>> {
        let mut statement = self.db.prepare(
            "SELECT min(id), made_at FROM fix WHERE undone_at IS NULL GROUP BY made_at ORDER BY max(id) DESC LIMIT 1",
        )?;
        let mut rows = statement.query([])?;
        Ok(match rows.next()? {
            Some(row) => Some((row.get(0)?, row.get(1)?)),
            None => None,
        })
    }
}

/// Records one fix, as a part of a step of the desk if one is given.
pub(super) fn record(db: &Connection, fix: &TextFix, step: Option<i64>, made_at: &str) -> anyhow::Result<()> {
    let edits = serde_json::to_string(&fix.edits)?;
    db.prepare_cached(
        "INSERT INTO fix (candidate, field, edits, made_at, step) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((&fix.candidate, &fix.field, edits, made_at, step))?;
    Ok(())
}
