//! A signed example and its line in a dataset file.

use serde::{Deserialize, Serialize};

use crate::authorship::{PERSON, UNKNOWN, Written};
use crate::conversation::Origin;
use crate::message::{self, Message};

/// Version of the dataset line.
pub const ROW_VERSION: u32 = 1;

/// Where an example comes from: enough to find the words in the imported bytes again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    pub source_sha256: String,
    /// Member and byte range of the conversation in the source.
    pub origin: Origin,
    pub provider: String,
    /// `provider:id` of the conversation.
    pub conversation: String,
    /// Nodes of the prompt, then of the answer.
    pub node_ids: Vec<String>,
    /// Model that wrote the answer, as the export names it.
    pub model: Option<String>,
    /// Characters of the answer by writer.
    #[serde(default)]
    pub written: Written,
    /// Speaker of a transcript, or `author` for an answer edited or written by the user.
    pub author: Option<String>,
    /// Nobody wrote the prompt: it was drafted by rule for a note.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prompt_drafted: bool,
}

/// One conversation to learn from: context turns, a prompt, and the answer as the last message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    pub example_id: String,
    pub messages: Vec<Message>,
    pub provenance: Provenance,
    pub tags: Vec<String>,
    /// The field it belongs to, in the person's own word.
    pub domain: Option<String>,
}

impl Example {
    /// The last user message, or nothing.
    pub fn prompt(&self) -> &str {
        message::prompt(&self.messages)
    }

    /// The last message if the assistant wrote it, else nothing.
    pub fn response(&self) -> &str {
        message::response(&self.messages)
    }

    /// Who wrote the answer: `model:NAME`, `person:NAME`, `edited:MODEL` (an answer changed by the user), `speaker:NAME`
    /// (of a transcript that does not say whether that is a person), or `unknown`. Judges related to the writer are
    /// reported apart.
    pub fn writer(&self) -> String {
        let wrote = |who: &str| self.provenance.written.contains_key(who);
        match (&self.provenance.model, &self.provenance.author) {
            (Some(model), None) => format!("model:{model}"),
            (Some(model), Some(_)) => format!("edited:{model}"),
            (None, Some(_)) if wrote(PERSON) && wrote(UNKNOWN) => format!("edited:{UNKNOWN}"),
            (None, Some(author)) if wrote(PERSON) => format!("person:{author}"),
            (None, Some(speaker)) => format!("speaker:{speaker}"),
            (None, None) => UNKNOWN.to_owned(),
        }
    }
}

/// A line of `train.jsonl`, `validation.jsonl`, `test.jsonl` or `reserve.jsonl`. Trainers that read `messages` rows
/// load it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetRow {
    pub v: u32,
    pub example_id: String,
    pub messages: Vec<Message>,
    /// `provider:id` of the conversation; examples of one conversation share it.
    pub conversation: String,
    /// The text that the conversation is a section of; examples of one document are not independent of each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Examples whose prompts are near-duplicates share it.
    pub prompt_cluster: String,
    /// See [`Example::writer`].
    pub writer: String,
    /// Characters of the answer by writer: `person`, `model:FAMILY`, `unknown`.
    #[serde(default, skip_serializing_if = "Written::is_empty")]
    pub written: Written,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

impl DatasetRow {
    /// What its example shares its matter with: the document, else the conversation.
    pub fn whole_text(&self) -> &str {
        self.document.as_deref().unwrap_or(&self.conversation)
    }
}

/// Why the chosen answer counts as better than another one, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// The user rewrote that answer into the chosen one.
    Edited,
    /// In the review the user took the chosen answer in place of the one the conversation went on with.
    Chosen,
    /// The user rated that answer down, or the chosen one up.
    Rated,
    /// The user asked again, and went on from the chosen answer.
    Kept,
}

/// A line of `alternatives.jsonl`: an answer to the same prompt that lost to the one in the example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlternativeRow {
    pub v: u32,
    pub example_id: String,
    pub text: String,
    pub evidence: Evidence,
    /// Model that wrote it, as the export names it.
    pub model: Option<String>,
}

/// A line of `lineage.jsonl`, one for each example of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageRow {
    pub v: u32,
    pub example_id: String,
    pub provenance: Provenance,
}
