//! Keep, skip and private: for a topic, a file or folder, one conversation or document, or all that cards of a group stem from.

use std::collections::{BTreeMap, HashSet};

use affinage_project::errors::usage;
use affinage_project::folder::library::{Choice, Step, of_whole};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::catalogue::{Catalogue, ConversationEntry};
use super::filter::Filter;
use super::group::Group;
use super::topics::conversations_of;
use crate::ui::counted;
use crate::web::Reply;

/// A choice and what it is about; `null` takes it back.
#[derive(Deserialize)]
pub struct Chosen {
    #[serde(flatten)]
    about: About,
    choice: Option<Choice>,
    /// How many cards the page promised; another number is refused.
    #[serde(default)]
    cards: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct About {
    topic: Option<usize>,
    /// With a topic only what of this file stands there.
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

/// Folders and files of notes with what was chosen for all of each, by name; without `with_held` not those of which all is held
/// private.
pub(super) fn folder_rows(catalogue: &Catalogue, with_held: bool) -> Vec<Value> {
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
        let chosen = chosen_for(conversations.iter().copied());
        let files: HashSet<usize> = conversations.iter().map(|c| c.file).collect();
        json!({
            "name": name, "is_file": is_file, "files": files.len(), "chosen": chosen,
            "candidates": conversations.iter().map(|c| c.candidates).sum::<usize>(),
        })
    };
    let is_named = |(_, of): &(_, Vec<&ConversationEntry>)| {
        with_held || of.iter().any(|conversation| !conversation.standing.is_private())
    };
    found.into_iter().filter(is_named).take(SHOWN_FOLDERS).map(row).collect()
}

/// The choice that was made for all of these. What is set aside or held private among them has one of its own.
pub(super) fn chosen_for<'a>(
    conversations: impl Iterator<Item = &'a ConversationEntry> + Clone,
) -> Option<Choice> {
    let has = |found: &ConversationEntry, choice| found.standing.choice == Some(choice);
    let stands_apart = |found: &ConversationEntry, choice| match found.standing.choice {
        None => found.set_aside.is_some(),
        Some(_) => choice != Choice::Private && found.standing.is_private(),
    };
    [Choice::Keep, Choice::Skip, Choice::Private].into_iter().find(|choice| {
        conversations.clone().any(|found| has(found, *choice))
            && conversations.clone().all(|found| has(found, *choice) || stands_apart(found, *choice))
    })
}

impl State {
    /// Makes a choice as one step.
    pub(super) fn choose(&mut self, Chosen { about, choice, cards }: &Chosen) -> anyhow::Result<Reply> {
        let (keys, name) = self.meant(about, *choice)?;
        if let Some(promised) = cards {
            let of = self.catalogue.conversations.iter().filter(|found| keys.contains(&found.key));
            let now: usize = of.map(|found| found.candidates).sum();
            if now != *promised {
                let now = counted(now, "card", "cards");
                return Err(usage(format!("these are {now} now, not {promised}; look again")));
            }
        }
        let word = match choice {
            Some(Choice::Keep) => "keep",
            Some(Choice::Skip) => "skip",
            Some(Choice::Private) => "private",
            None => "no choice",
        };
        let label = format!("{name}: {word}");
        let choices = keys.iter().map(|key| (key.clone(), *choice)).collect();
        self.take(&label, Step { choices, ..Step::default() })?;
        Reply::json(&json!({ "label": label, "count": keys.len() }))
    }

    /// Keys of the conversations meant, and what they are called together.
    fn meant(&mut self, about: &About, choice: Option<Choice>) -> anyhow::Result<(Vec<String>, String)> {
        let About { topic, file, folder, conversation, card, group } = about;
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
            let members = match group {
                Group::Filter(filter) if choice == Some(Choice::Private) => self.holding(filter)?,
                group => self.members(group)?,
            };
            return Ok((self.whole_texts(&members), self.in_words(&members)));
        }
        let catalogue = &self.catalogue;
        let known =
            |number: &usize| catalogue.topics.get(*number).ok_or_else(|| usage(format!("no topic {number}")));
        let name = match (file, folder, topic) {
            (Some(name), ..) | (None, Some(name), _) => name.clone(),
            (None, None, Some(number)) => known(number)?.name.clone(),
            (None, None, None) => return Err(usage("a choice names what it is about")),
        };
        let of_topic: Vec<&ConversationEntry> = match topic {
            Some(number) => conversations_of(catalogue, *number).collect(),
            None => catalogue.conversations.iter().collect(),
        };
        let is_meant = |c: &&ConversationEntry| {
            let of = catalogue.files[c.file].as_str();
            // To keep a topic or folder is not yet to keep what is set aside there.
            (choice != Some(Choice::Keep) || c.set_aside.is_none())
                && file.as_ref().is_none_or(|file| of == file)
                && folder.as_ref().is_none_or(|folder| is_in(&c.folder, folder))
        };
        let meant = of_topic.into_iter().filter(is_meant).collect();
        let meant = of_whole(meant, choice, |found: &&ConversationEntry| found.standing.is_private());
        Ok((meant.into_iter().map(|found| found.key.clone()).collect(), name))
    }

    /// What these cards stem from, whole: `31 cards of 3 conversations`.
    fn in_words(&self, members: &[usize]) -> String {
        let (cards, notes, chats) = self.whole(members);
        let of = [(chats, ["conversation", "conversations"]), (notes, ["document", "documents"])];
        let of: Vec<String> = of
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(n, [one, many])| counted(n, one, many))
            .collect();
        format!("{} of {}", counted(cards, "card", "cards"), of.join(" and "))
    }

    /// What is held private with all that a search found: how many cards, and that in words. `null` for other groups.
    pub(super) fn whole_of(&mut self, group: &Group) -> anyhow::Result<Value> {
        let Group::Filter(filter) = group else { return Ok(Value::Null) };
        if filter.words.is_none() {
            return Ok(Value::Null);
        }
        let members = self.holding(filter)?;
        let (cards, ..) = self.whole(&members);
        Ok(json!({ "cards": cards, "words": self.in_words(&members) }))
    }

    /// The cards that a filter finds, whatever was decided about them.
    fn holding(&mut self, filter: &Filter) -> anyhow::Result<Vec<usize>> {
        let found = self.found_by(filter)?;
        Ok(filter.shown(&self.catalogue, &self.marks, found.as_ref()))
    }

    /// How many cards, documents of notes, and conversations these cards stem from.
    fn whole(&self, members: &[usize]) -> (usize, usize, usize) {
        let texts: HashSet<&str> =
            members.iter().map(|index| self.catalogue.conversation(*index).whole_text()).collect();
        let of = self.catalogue.conversations.iter().filter(|c| texts.contains(c.whole_text()));
        let documents: HashSet<&str> = of.clone().filter_map(|c| c.document.as_deref()).collect();
        (of.map(|c| c.candidates).sum(), documents.len(), texts.len() - documents.len())
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
