//! Decisions about candidates: append-only, the last one counts.

use std::collections::HashMap;

use affinage_dataset::message::Message;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
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
