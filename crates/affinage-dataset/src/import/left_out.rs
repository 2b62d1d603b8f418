//! What an import kept out of the texts, by kind and number.
//!
//! Parts that are stored in the tree but can never become text (reasoning, tool traffic, hidden messages, media) are
//! counted from the nodes; what never reached the tree (a message of an unknown role, a member of an archive that was
//! not read) is added by the importer that left it out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::conversation::{BlockKind, Conversation, Node};

/// Why something is not among the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutKind {
    /// Member of an archive or folder that was not read.
    Member,
    /// A whole conversation or row that could not be read.
    Element,
    /// One message of a conversation that was read otherwise.
    Message,
    /// A turn of the user in which there are no words.
    UserTurnWithoutWords,
    /// A part of a type that this version does not know.
    UnknownPart,
    /// Image, sound or file that the export only points to.
    Media,
    Reasoning,
    /// Calls of tools, their results and the progress notes between them.
    ToolTraffic,
    /// Messages that the product does not show to its reader.
    Hidden,
    /// Error messages of the product.
    Error,
    /// Answers that the export excludes from training (`weight: 0`, `train: false`).
    NotToLearn,
}

/// Number of things of one kind and name, with the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutCount {
    pub kind: LeftOutKind,
    /// The unknown type, the member, the name of the tool; empty if there is nothing to tell apart.
    pub name: String,
    pub count: usize,
    /// Reason or place of the first one; may be empty.
    pub first: String,
}

/// Everything one import, or one conversation, left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    counts: BTreeMap<(LeftOutKind, String), (usize, String)>,
}

impl LeftOut {
    /// Counts one thing; `first` is kept only for the first of its kind and name.
    pub fn add(&mut self, kind: LeftOutKind, name: impl Into<String>, first: impl Into<String>) {
        self.add_many(kind, name.into(), 1, first.into());
    }

    fn add_many(&mut self, kind: LeftOutKind, name: String, count: usize, first: String) {
        self.counts.entry((kind, name)).or_insert_with(|| (0, first)).0 += count;
    }

    pub fn merge(&mut self, other: &LeftOut) {
        for ((kind, name), (count, first)) in &other.counts {
            self.add_many(*kind, name.clone(), *count, first.clone());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Rows in the order of kinds, then names.
    pub fn rows(&self) -> Vec<LeftOutCount> {
        self.counts
            .iter()
            .map(|((kind, name), (count, first))| LeftOutCount {
                kind: *kind,
                name: name.clone(),
                count: *count,
                first: first.clone(),
            })
            .collect()
    }

    /// What the conversation's nodes hold beside their texts, and what its importer left out of the tree.
    pub fn of(conversation: &Conversation) -> LeftOut {
        let mut left_out = conversation.left_out.clone();
        for node in &conversation.nodes {
            left_out.add_node(node);
        }
        left_out
    }

    fn add_node(&mut self, node: &Node) {
        if node.hidden {
            let has_words = node.blocks.iter().any(|block| !block.text.trim().is_empty());
            if has_words {
                self.add(LeftOutKind::Hidden, "", "");
            }
            return;
        }
        for block in &node.blocks {
            let name = block.name.clone().unwrap_or_default();
            match block.kind {
                BlockKind::Text | BlockKind::Attachment | BlockKind::Context => {}
                BlockKind::Reasoning => self.add(LeftOutKind::Reasoning, "", ""),
                BlockKind::Commentary | BlockKind::ToolCall | BlockKind::ToolResult => {
                    self.add(LeftOutKind::ToolTraffic, "", name);
                }
                BlockKind::Media => self.add(LeftOutKind::Media, "", name),
                BlockKind::Error => self.add(LeftOutKind::Error, "", ""),
                BlockKind::Unknown => self.add(LeftOutKind::UnknownPart, name, ""),
            }
        }
        if node.is_user_turn() && node.visible_text().is_empty() {
            self.add(LeftOutKind::UserTurnWithoutWords, "", "");
        }
        if let Some(word) = &node.excluded {
            self.add(LeftOutKind::NotToLearn, word.clone(), "");
        }
    }
}
