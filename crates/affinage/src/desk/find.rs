//! Words on the desk: full-text search for cards, and the tags and domains used so far.

use std::collections::{BTreeSet, HashMap, HashSet};

use affinage_project::folder::library::Hit;
use serde::Serialize;
use serde_json::json;

use super::State;
use crate::web::Reply;

/// Messages looked at, best first, and cards shown of them.
const MESSAGES: usize = 200;
const SHOWN: usize = 30;

#[derive(Serialize)]
struct FoundCard {
    id: String,
    title: String,
    line: String,
    /// The words in `line`, in UTF-16 units.
    marks: Vec<(usize, usize)>,
}

impl State {
    /// Cards whose prompt or an answer holds all the words, best first.
    pub(super) fn search(&mut self, words: &str) -> anyhow::Result<Reply> {
        let mut by_node: HashMap<String, HashMap<String, Vec<String>>> = HashMap::new();
        let (mut cards, mut seen) = (Vec::new(), HashSet::new());
        for hit in self.library.search(words, MESSAGES)? {
            if !by_node.contains_key(&hit.conversation) {
                by_node.insert(hit.conversation.clone(), self.cards_by_node(&hit.conversation)?);
            }
            for id in by_node[&hit.conversation].get(&hit.node_id).into_iter().flatten() {
                if self.catalogue.index(id).is_some() && seen.insert(id.clone()) {
                    cards.push(found_card(id, &hit));
                }
            }
            if cards.len() >= SHOWN {
                break;
            }
        }
        Reply::json(&cards)
    }

    /// The candidates whose prompt or an answer each message of a conversation is.
    pub(super) fn cards_by_node(&self, key: &str) -> anyhow::Result<HashMap<String, Vec<String>>> {
        let mut cards: HashMap<String, Vec<String>> = HashMap::new();
        let Some((_, conversation)) = self.library.conversation(key)? else { return Ok(cards) };
        for candidate in self.derivation.candidates(&conversation) {
            let answers = candidate.variants.iter().flat_map(|variant| &variant.node_ids);
            for node in candidate.prompt_node_ids.iter().chain(answers) {
                cards.entry(node.clone()).or_default().push(candidate.candidate_id.clone());
            }
        }
        Ok(cards)
    }

    /// Tags and domains in use, to be offered while one is typed.
    pub(super) fn words(&self) -> anyhow::Result<Reply> {
        let tags: BTreeSet<&String> = self.marks.values().flat_map(|mark| &mark.tags).collect();
        let domains: BTreeSet<&String> =
            self.marks.values().filter_map(|mark| mark.domain.as_ref()).collect();
        Reply::json(&json!({ "tags": tags, "domains": domains }))
    }
}

fn found_card(id: &str, hit: &Hit) -> FoundCard {
    let units = |byte: usize| hit.excerpt[..byte].encode_utf16().count();
    FoundCard {
        id: id.to_owned(),
        title: hit.title.clone(),
        marks: hit.marks.iter().map(|range| (units(range.start), units(range.end))).collect(),
        line: hit.excerpt.clone(),
    }
}
