//! One chat message: the unit that templates render and datasets store.

use serde::{Deserialize, Serialize};

/// Who speaks. Lower-case in JSON, as every chat template expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// The name as written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// A message of a chat, as plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

impl Message {
    pub fn new(role: Role, content: impl Into<String>) -> Message {
        Message { role, content: content.into() }
    }
}

/// The last user message of an example, or nothing.
pub fn prompt(messages: &[Message]) -> &str {
    messages.iter().rev().find(|m| m.role == Role::User).map_or("", |m| &m.content)
}

/// What stands before the last user message of an example: a system message and earlier turns.
pub fn before(messages: &[Message]) -> &[Message] {
    messages.iter().rposition(|m| m.role == Role::User).map_or(&[], |prompt| &messages[..prompt])
}

/// The last message of an example if the assistant wrote it, else nothing.
pub fn response(messages: &[Message]) -> &str {
    messages.last().filter(|m| m.role == Role::Assistant).map_or("", |m| &m.content)
}
