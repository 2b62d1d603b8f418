//! Decisions about candidates: append-only, the last one counts.

use std::collections::HashMap;

use rusqlite::types::Type;
use serde::{Deserialize, Serialize};

use super::Library;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Accept,
    Reject,
    /// Accept with a text of the user's own.
    Edit,
}

impl Action {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Action::Accept => "accept",
            Action::Reject => "reject",
            Action::Edit => "edit",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub candidate: String,
    /// `provider:id` of the conversation, so that forgetting it can find its decisions.
    pub conversation: String,
    /// Accepted variant, or the one an edit began with; `None` in a reject of all.
    pub variant: Option<String>,
    pub action: Action,
    /// The edited answer.
    pub text: Option<String>,
}

impl Library {
    /// The decision in force for each candidate.
    pub fn decisions(&self) -> anyhow::Result<HashMap<String, Decision>> {
        let mut statement = self
            .db
            .prepare("SELECT candidate, conversation, variant, action, text FROM decision ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            let action: String = row.get(3)?;
            Ok(Decision {
                candidate: row.get(0)?,
                conversation: row.get(1)?,
                variant: row.get(2)?,
                action: match action.as_str() {
                    "accept" => Action::Accept,
                    "reject" => Action::Reject,
                    "edit" => Action::Edit,
                    _ => return Err(rusqlite::Error::InvalidColumnType(3, action, Type::Text)),
                },
                text: row.get(4)?,
            })
        })?;
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
            transaction.execute(
                "INSERT INTO decision (candidate, conversation, variant, action, text, decided_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    &decision.candidate,
                    &decision.conversation,
                    &decision.variant,
                    decision.action.as_str(),
                    &decision.text,
                    decided_at,
                ),
            )?;
            in_force.insert(decision.candidate.clone(), decision.clone());
            added += 1;
        }
        transaction.commit()?;
        Ok(added)
    }
}
