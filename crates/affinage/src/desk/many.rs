//! Many cards at once: what a group holds, one decision for all of it, and going through it card by card.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use affinage_dataset::candidate::Candidate;
use affinage_dataset::counts::Omission;
use affinage_dataset::lint::rules::titled;
use affinage_eval::plain::first_words;
use affinage_project::errors::usage;
use affinage_project::folder::library::{Access, Action, Change, Mark, Step};
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::catalogue::proposed;
use super::filter::Filter;
use super::group::Group;
use crate::ui::counted;
use crate::web::Reply;

/// Cards shown of a group before a bulk step.
const SHOWN: usize = 30;
/// Characters of a prompt and an answer that tell one card from another.
const FIRST_CHARS: usize = 140;

#[derive(Deserialize)]
pub struct Bulk {
    group: Group,
    action: Action,
    /// Only those that are clean.
    #[serde(default)]
    clean_only: bool,
    /// How many cards the preview promised; another number is refused.
    count: usize,
}

/// Cards to go through; `null` ends it.
#[derive(Deserialize)]
pub struct Only {
    filter: Option<Filter>,
}

impl State {
    /// Indices of the candidates a group means.
    pub(super) fn members(&mut self, group: &Group) -> anyhow::Result<Vec<usize>> {
        let Group::Filter(filter) = group else { return Ok(group.undecided(&self.catalogue, &self.marks)) };
        let found = self.found_by(filter)?;
        Ok(filter.members(&self.catalogue, &self.marks, found.as_ref()))
    }

    /// The candidates that hold the words of a filter; `None` where it asks for none.
    pub(super) fn found_by(&mut self, filter: &Filter) -> anyhow::Result<Option<HashSet<usize>>> {
        match filter.words.as_deref().map(str::trim).filter(|words| !words.is_empty()) {
            Some(words) => Ok(Some(self.cards_that_hold(words)?)),
            None => Ok(None),
        }
    }

    /// Every candidate whose prompt or an answer holds all the words.
    fn cards_that_hold(&mut self, words: &str) -> anyhow::Result<HashSet<usize>> {
        let mut nodes: HashMap<String, HashSet<String>> = HashMap::new();
        for (conversation, node) in self.library.nodes_that_hold(words)?.nodes {
            nodes.entry(conversation).or_default().insert(node);
        }
        let mut cards = HashSet::new();
        for (conversation, nodes) in nodes {
            let shown = self.catalogue.conversation_called(&conversation);
            if shown.is_none_or(|conversation| conversation.access() == Access::Never) {
                continue;
            }
            for (node, ids) in self.cards_by_node(&conversation)? {
                if nodes.contains(&node) {
                    cards.extend(ids.iter().filter_map(|id| self.catalogue.index(id)));
                }
            }
        }
        Ok(cards)
    }

    /// What a group means: the rule in words, how many, and the first of them.
    pub(super) fn preview(&mut self, group: &Group) -> anyhow::Result<Reply> {
        let members = self.members(group)?;
        // A conversation is read once, however many of its cards are shown.
        let mut read: HashMap<usize, Vec<Candidate>> = HashMap::new();
        let mut shown = Vec::new();
        for &index in members.iter().take(SHOWN) {
            let number = self.catalogue.entries[index].conversation;
            if let Entry::Vacant(vacant) = read.entry(number) {
                vacant.insert(self.found(index)?.candidates);
            }
            let id = &self.catalogue.entries[index].id;
            let candidate = read[&number].iter().find(|candidate| candidate.candidate_id == *id);
            shown.extend(candidate.map(|candidate| self.first_words(index, candidate)));
        }
        let rule = group.words(&self.catalogue);
        let whole = self.whole_of(group)?;
        let entries = || members.iter().map(|index| &self.catalogue.entries[*index]);
        let left_out = |why: Omission| entries().filter(|entry| entry.omission() == Some(why)).count();
        let errors = entries().filter(|entry| entry.has_error()).count();
        let flagged = entries().filter(|entry| !entry.rules.is_empty()).count();
        let clean = entries().filter(|entry| entry.is_clean()).count();
        Reply::json(&json!({
            "rule": rule, "count": members.len(), "whole": whole, "shown": shown, "clean": clean, "flagged": flagged, "errors": errors,
            "dated": left_out(Omission::Dated), "off_branch": left_out(Omission::OffBranch),
        }))
    }

    /// A card by what it begins with.
    fn first_words(&self, index: usize, candidate: &Candidate) -> Value {
        let mark = self.marks.get(&candidate.candidate_id);
        let chosen = mark.and_then(|mark| mark.variant.as_ref());
        let variant = candidate.variants.iter().find(|v| Some(&v.variant_id) == chosen);
        let answer = mark.and_then(|mark| mark.text.as_deref());
        let prompt = mark.and_then(|mark| mark.prompt.as_deref());
        let conversation = self.catalogue.conversation(index);
        json!({
            "id": candidate.candidate_id, "title": conversation.title,
            "topic": conversation.topic.map(|topic| &self.catalogue.topics[topic].name),
            "file": self.catalogue.files[conversation.file],
            "prompt": first_words(prompt.unwrap_or(&candidate.prompt), FIRST_CHARS),
            "answer": first_words(answer.unwrap_or(&variant.unwrap_or(proposed(candidate)).text), FIRST_CHARS),
            "action": mark.and_then(|mark| mark.action),
            "too_long": self.catalogue.entries[index].too_long,
            // With their words: nobody knows the rules of lint by number.
            "rules": self.catalogue.entries[index].rules.iter().map(|rule| titled(rule)).collect::<Vec<_>>(),
        })
    }

    /// One action for a whole group, as one step.
    pub(super) fn bulk(&mut self, asked: &Bulk) -> anyhow::Result<Reply> {
        let Bulk { group, action, clean_only, count } = asked;
        let mut members = self.members(group)?;
        if *clean_only {
            members.retain(|index| self.catalogue.entries[*index].is_clean());
        }
        if members.len() != *count {
            return Err(usage(format!(
                "there are {} now, not {count}; look again",
                counted(members.len(), "card", "cards")
            )));
        }
        let changes = members.into_iter().map(|index| {
            let entry = &self.catalogue.entries[index];
            let before = self.marks.get(&entry.id).cloned().unwrap_or_default();
            let variant = before.variant.clone().unwrap_or_else(|| entry.proposed.clone());
            let after = Mark { action: Some(*action), variant: Some(variant), reason: None, ..before };
            self.change(index, after)
        });
        let changes: Vec<Change> = changes.collect();
        let verb = if *action == Action::Reject { "rejected" } else { "accepted" };
        let clean = if *clean_only { " without errors or warnings of lint" } else { "" };
        let label = format!("{verb} {} {}{clean}", changes.len(), group.words(&self.catalogue));
        self.take(&label, Step { changes, ..Step::default() })?;
        Reply::json(&self.summary()?)
    }

    /// From here on only these cards come up, until all are decided on or the person wants all cards again. Gives the
    /// first of them; `null` if none is open.
    pub(super) fn go_through(&mut self, Only { filter }: Only) -> anyhow::Result<Reply> {
        let members = match &filter {
            Some(filter) => Some(self.members(&Group::Filter(Box::new(filter.clone())))?),
            None => None,
        };
        self.only = filter;
        let shown = self.queue.keep_to(
            members.map(|members| members.into_iter().collect()),
            &self.catalogue,
            &self.marks,
        );
        self.reply_with(shown)
    }
}
