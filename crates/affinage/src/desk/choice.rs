//! Keep, skip and private: for a topic, a file or folder, one conversation or document, or all that cards of a group stem from.

use std::collections::{BTreeMap, HashSet};

use affinage_project::errors::usage;
use affinage_project::folder::library::{Choice, Step};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::catalogue::{Catalogue, ConversationEntry};
use super::group::Group;
use super::territory::conversations_of;
use crate::ui::counted;
use crate::web::Reply;

/// A choice and what it is about; `null` takes it back.
#[derive(Deserialize)]
pub struct Chosen {
    #[serde(flatten)]
    about: About,
    choice: Option<Choice>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct About {
    shelf: Option<usize>,
    /// With a shelf only what of this file stands there.
    file: Option<String>,
    /// A folder with all below it.
    folder: Option<String>,
    conversation: Option<String>,
    /// The whole conversation or document of a card.
    card: Option<String>,
    /// The whole conversations and documents of these cards.
    group: Option<Group>,
}

/// Folders and files listed.
const SHOWN_FOLDERS: usize = 300;

/// True for a folder that is the wanted one, or below it.
fn is_in(folder: &str, wanted: &str) -> bool {
    let rest = folder.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Folders and files of notes with what was chosen for all of each, by name.
pub(super) fn folder_rows(catalogue: &Catalogue) -> Vec<Value> {
    let mut found: BTreeMap<(&str, bool), Vec<&ConversationEntry>> = BTreeMap::new();
    for conversation in &catalogue.conversations {
        let file = catalogue.files[conversation.file].as_str();
        let above = conversation.folder.as_str();
        let ends = above.match_indices('/').map(|(at, _)| at).chain([above.len()]);
        ends.filter(|end| *end > 0)
            .for_each(|end| found.entry((&above[..end], false)).or_default().push(conversation));
        found.entry((file, true)).or_default().push(conversation);
    }
    let row = |((name, is_file), conversations): ((&str, bool), Vec<&ConversationEntry>)| {
        let first = conversations.first().and_then(|c| c.choice);
        let chosen = first.filter(|_| conversations.iter().all(|c| c.choice == first));
        let files: HashSet<usize> = conversations.iter().map(|c| c.file).collect();
        json!({
            "name": name, "is_file": is_file, "files": files.len(), "chosen": chosen,
            "candidates": conversations.iter().map(|c| c.candidates).sum::<usize>(),
        })
    };
    found.into_iter().take(SHOWN_FOLDERS).map(row).collect()
}

impl State {
    /// Makes a choice as one step.
    pub(super) fn choose(&mut self, Chosen { about, choice }: &Chosen) -> anyhow::Result<Reply> {
        let (keys, name) = self.meant(about, *choice)?;
        let word = match choice {
            Some(Choice::Keep) => "keep",
            Some(Choice::Skip) => "skip",
            Some(Choice::Private) => "private",
            None => "no choice",
        };
        let label = format!("{name}: {word}");
        let choices = keys.iter().map(|key| (key.clone(), *choice)).collect();
        self.take(&label, Step { choices, ..Step::default() })?;
        for key in &keys {
            self.catalogue.conversation_called(key).into_iter().for_each(|found| found.choice = *choice);
        }
        let (catalogue, marks) = (&self.catalogue, &self.marks);
        self.queue.retain(|index| catalogue.is_met(index, marks));
        Reply::json(&json!({ "label": label, "count": keys.len() }))
    }

    /// Keys of the conversations meant, and what they are called together.
    fn meant(&mut self, about: &About, choice: Option<Choice>) -> anyhow::Result<(Vec<String>, String)> {
        let About { shelf, file, folder, conversation, card, group } = about;
        if let Some(key) = conversation {
            let found = self.catalogue.conversation_called(key);
            let found = found.ok_or_else(|| usage(format!("no conversation `{key}`")))?;
            return Ok((vec![key.clone()], found.title.clone()));
        }
        if let Some(id) = card {
            let index = self.index(id)?;
            return Ok((self.whole_texts(&[index]), self.catalogue.conversation(index).title.clone()));
        }
        if let Some(group) = group {
            let members = self.members(group)?;
            let keys = self.whole_texts(&members);
            let name = format!("all of {}", counted(members.len(), "card", "cards"));
            return Ok((keys, name));
        }
        let catalogue = &self.catalogue;
        let known = |number: &usize| {
            catalogue.shelves.get(*number).ok_or_else(|| usage(format!("no topic {number}")))
        };
        let name = match (file, folder, shelf) {
            (Some(name), ..) | (None, Some(name), _) => name.clone(),
            (None, None, Some(number)) => known(number)?.name.clone(),
            (None, None, None) => return Err(usage("a choice names what it is about")),
        };
        let of_shelf: Vec<&ConversationEntry> = match shelf {
            Some(number) => conversations_of(catalogue, *number).collect(),
            None => catalogue.conversations.iter().collect(),
        };
        let is_meant = |c: &&ConversationEntry| {
            let of = catalogue.files[c.file].as_str();
            // To keep a shelf or folder is not yet to keep what is set aside there.
            (choice != Some(Choice::Keep) || c.set_aside.is_none())
                && file.as_ref().is_none_or(|file| of == file)
                && folder.as_ref().is_none_or(|folder| is_in(&c.folder, folder))
        };
        Ok((of_shelf.into_iter().filter(is_meant).map(|c| c.key.clone()).collect(), name))
    }

    /// Keys of all conversations, and of all sections of the documents, to which these cards belong.
    fn whole_texts(&self, members: &[usize]) -> Vec<String> {
        let texts: HashSet<&str> =
            members.iter().map(|index| self.catalogue.conversation(*index).whole_text()).collect();
        let of = self.catalogue.conversations.iter().filter(|c| texts.contains(c.whole_text()));
        of.map(|c| c.key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_what_is_below_it() {
        for (folder, wanted, expected) in [
            ("vault/visits", "vault", true),
            ("vault/visits", "vault/visits", true),
            ("private", "private", true),
            ("privateer", "private", false),
            ("", "private", false),
        ] {
            assert_eq!(is_in(folder, wanted), expected, "{folder} in {wanted}");
        }
    }
}
