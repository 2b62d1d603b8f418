//! Many cards at once: what a group is, in words and as the cards it means.

use std::collections::HashMap;

use affinage_project::folder::library::{Access, Mark};
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::filter::Filter;

/// Which candidates a bulk step means: undecided ones, unless a filter says otherwise. Serialised as the rule the person reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by", content = "value")]
pub enum Group {
    /// All of one conversation, by its key.
    Conversation(String),
    /// All whose proposed answer or prompt this rule of lint flags.
    Flag(String),
    /// All answers of one model.
    Model(String),
    /// All whose prompts are near-duplicates of the prompt of one card, by its id; itself among them.
    Near(String),
    /// All of one topic, by its number.
    Topic(usize),
    /// All of the person's own selection.
    Filter(Box<Filter>),
}

impl Group {
    /// Indices of the undecided candidates in the group; without the words that a filter asks for.
    pub fn undecided(&self, catalogue: &Catalogue, marks: &HashMap<String, Mark>) -> Vec<usize> {
        if let Group::Filter(filter) = self {
            return filter.members(catalogue, marks, None);
        }
        let near = match self {
            Group::Near(id) => catalogue.index(id).map(|index| &catalogue.entries[index]),
            _ => None,
        };
        let holds = |index: &usize| {
            let entry = &catalogue.entries[*index];
            let is_open = marks.get(&entry.id).is_none_or(|mark| mark.action.is_none());
            // What is set aside is decided on where it can be seen, not in passing.
            let is_meant = match (catalogue.conversation(*index).access(), self) {
                (Access::Never, _) => false,
                (Access::ByHand, group) => matches!(group, Group::Conversation(_)),
                (Access::Open, _) => true,
            };
            is_open
                && is_meant
                && match self {
                    Group::Conversation(key) => catalogue.conversation(*index).key == *key,
                    Group::Flag(rule) => entry.rules.iter().any(|flag| flag == rule),
                    Group::Model(model) => entry.model.as_deref() == Some(model.as_str()),
                    Group::Near(_) => near.is_some_and(|near| near.asks_nearly(entry)),
                    Group::Topic(number) => catalogue.conversation(*index).topic == Some(*number),
                    Group::Filter(_) => false,
                }
        };
        (0..catalogue.entries.len()).filter(holds).collect()
    }

    /// The rule in words.
    pub fn words(&self, catalogue: &Catalogue) -> String {
        match self {
            Group::Conversation(key) => {
                let found = catalogue.conversations.iter().find(|conversation| conversation.key == *key);
                let title = found.map_or("", |conversation| conversation.title.as_str());
                let title = if title.is_empty() { "this conversation" } else { title };
                format!("undecided cards of {title}")
            }
            Group::Flag(rule) => format!("undecided cards that rule {rule} flags"),
            Group::Model(model) => format!("undecided cards answered by {model}"),
            Group::Near(_) => "undecided cards that ask nearly what this one asks".to_owned(),
            Group::Topic(number) => {
                let name = catalogue.topics.get(*number).map_or("", |topic| topic.name.as_str());
                format!("undecided cards of the topic {name}")
            }
            Group::Filter(filter) => filter.in_words(catalogue),
        }
    }
}
