//! What the desk knows of every candidate without holding its text: the text is read when its card is.

use std::collections::HashMap;
use std::path::Path;

use crate::library::Library;

#[derive(Default)]
pub struct Catalogue {
    pub entries: Vec<Entry>,
    pub conversations: Vec<ConversationEntry>,
    /// Everything was read.
    pub is_whole: bool,
    by_id: HashMap<String, usize>,
}

pub struct Entry {
    pub id: String,
    /// Index in [`Catalogue::conversations`].
    pub conversation: usize,
}

pub struct ConversationEntry {
    pub key: String,
    pub candidates: usize,
}

impl Catalogue {
    pub fn index(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub fn conversation(&self, index: usize) -> &ConversationEntry {
        &self.conversations[self.entries[index].conversation]
    }

    /// Adds conversations with the ids of their candidates.
    pub fn add(&mut self, read: Vec<(ConversationEntry, Vec<String>)>) {
        for (conversation, ids) in read {
            for id in ids {
                self.by_id.insert(id.clone(), self.entries.len());
                self.entries.push(Entry { id, conversation: self.conversations.len() });
            }
            self.conversations.push(conversation);
        }
    }
}

/// Conversations handed over at once: the desk answers in between.
const BATCH: usize = 200;

/// Goes through the library with a connection of its own.
pub fn read(
    project: &Path,
    mut add: impl FnMut(Vec<(ConversationEntry, Vec<String>)>),
) -> anyhow::Result<()> {
    let mut batch = Vec::new();
    let library = Library::open(project)?;
    let derivation = library.derivation()?;
    library.for_each_conversation(|_, conversation| {
        let found = derivation.candidates(&conversation);
        let entry = ConversationEntry { key: conversation.key(), candidates: found.len() };
        batch.push((entry, found.into_iter().map(|candidate| candidate.candidate_id).collect()));
        if batch.len() == BATCH {
            add(std::mem::take(&mut batch));
        }
        Ok(())
    })?;
    add(batch);
    Ok(())
}
