//! Which examples belong together: conversations, near-duplicates, and what many conversations say alike.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    Drop, DropReason, FORMULA_CONVERSATIONS, Item, MAX_COMPONENT_SHARE, MAX_REPEATED_SHARE, SECTION_LEN,
    Side, SplitError, Tie, beginning,
};
use crate::dedup::{Nearness, UnionFind, clusters};
use crate::shingle::normalise;

/// What hangs together.
pub(super) struct Groups {
    /// Conversation or section of each item.
    group: Vec<usize>,
    pub(super) prompt: Vec<Option<usize>>,
    response: Vec<Option<usize>>,
    /// Items that are dropped because they repeat a formula, with the one that is kept; their text ties nothing.
    repeats: BTreeMap<usize, usize>,
    /// Connected component of each item.
    component: Vec<usize>,
}

/// So many texts that tie examples together are named.
const MOST_TIES: usize = 20;

impl Groups {
    /// Errors: one group is too much of all.
    pub(super) fn of(items: &[Item<'_>], sectioned: &BTreeSet<String>) -> Result<Groups, SplitError> {
        let groups = Groups::tied(items, sectioned, true);
        if groups.check_size(items).is_ok() {
            return Ok(groups);
        }
        // A greeting stands before most prompts: such answers are dropped from the held-out side instead.
        let groups = Groups::tied(items, sectioned, false);
        let Err(error) = groups.check_size(items) else { return Ok(groups) };
        let groups = groups.without_repeats();
        let is_much = groups.repeats.len() as f64 > MAX_REPEATED_SHARE * items.len() as f64;
        if is_much || groups.check_size(items).is_err() { Err(error) } else { Ok(groups) }
    }

    /// The same without the ties of formulae.
    fn without_repeats(self) -> Groups {
        let Groups { group, mut prompt, mut response, .. } = self;
        let mut repeats: BTreeMap<usize, usize> = BTreeMap::new();
        for clusters in [&prompt, &response] {
            let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (index, cluster) in clusters.iter().enumerate().filter_map(|(i, c)| Some((i, (*c)?))) {
                members.entry(cluster).or_default().push(index);
            }
            for members in members.into_values() {
                let within: BTreeSet<usize> = members.iter().map(|&index| group[index]).collect();
                let kept = members.iter().copied().find(|index| !repeats.contains_key(index));
                if let Some(kept) = kept.filter(|_| within.len() > FORMULA_CONVERSATIONS) {
                    for repeat in members.into_iter().filter(|index| *index != kept) {
                        repeats.entry(repeat).or_insert(kept);
                    }
                }
            }
        }
        // A cluster has the number of its first text, which may be a repeat.
        for clusters in [&mut prompt, &mut response] {
            let mut first: HashMap<usize, usize> = HashMap::new();
            for (index, own) in clusters.iter_mut().enumerate() {
                *own = own.filter(|_| !repeats.contains_key(&index));
                if let Some(cluster) = own {
                    *cluster = *first.entry(*cluster).or_insert(index);
                }
            }
        }
        let mut sets = sets(&group, [&prompt, &response], 0..group.len());
        let component = (0..group.len()).map(|index| sets.find(index)).collect();
        Groups { group, prompt, response, repeats, component }
    }

    /// Drops the repeats of formulae that are not dropped yet.
    pub(super) fn drop_repeats(&self, items: &[Item<'_>], sides: &[Side], drops: &mut Vec<Drop>) {
        let repeats = self.repeats.iter().filter(|(repeat, _)| sides[**repeat] != Side::Retired);
        drops.extend(repeats.map(|(&repeat, &kept)| Drop {
            example_id: items[repeat].example_id.to_owned(),
            side: sides[repeat],
            reason: DropReason::Repeated { kept: items[kept].example_id.to_owned() },
        }));
    }

    fn tied(items: &[Item<'_>], sectioned: &BTreeSet<String>, by_context: bool) -> Groups {
        let mut first_of: HashMap<(&str, usize), usize> = HashMap::new();
        let group: Vec<usize> = items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let part = match sectioned.contains(item.document) {
                    true => (item.conversation, item.position / SECTION_LEN),
                    false => (item.document, 0),
                };
                *first_of.entry(part).or_insert(index)
            })
            .collect();
        let prompt = clusters(&items.iter().map(|i| i.prompt).collect::<Vec<_>>(), Nearness::Related);
        let carried = if by_context { carried(items) } else { BTreeMap::new() };
        let answers: Vec<&str> = items.iter().map(|i| i.response).chain(carried.keys().copied()).collect();
        // A cluster has the number of its first text: below the number of items it holds an answer of one.
        let mut response = clusters(&answers, Nearness::Related);
        let of_carried = response.split_off(items.len());
        let carries: Vec<(usize, usize)> = carried
            .into_values()
            .zip(of_carried)
            .filter_map(|(carriers, cluster)| Some((carriers, cluster.filter(|c| *c < items.len())?)))
            .flat_map(|(carriers, cluster)| carriers.into_iter().map(move |item| (item, cluster)))
            .collect();
        let mut sets = sets(&group, [&prompt, &response], 0..items.len());
        let mut of_cluster: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, cluster) in response.iter().enumerate().filter_map(|(i, c)| Some((i, (*c)?))) {
            of_cluster.entry(cluster).or_default().push(index);
        }
        for (carrier, cluster) in carries {
            // The sections of one document may stand apart; their borders are dropped.
            let others = of_cluster.get(&cluster).into_iter().flatten();
            let others = others.filter(|other| items[**other].document != items[carrier].document);
            others.for_each(|other| sets.union(carrier, *other));
        }
        let component = (0..items.len()).map(|i| sets.find(i)).collect();
        Groups { group, prompt, response, repeats: BTreeMap::new(), component }
    }

    fn check_size(&self, items: &[Item<'_>]) -> Result<(), SplitError> {
        let Some((largest, share)) = too_large(&self.component) else { return Ok(()) };
        let conversation = items[largest].document.to_owned();
        let (ties, is_enough) = self.ties(items, largest);
        Err(SplitError::OneComponent { share, conversation, ties, is_enough })
    }

    /// The texts that tie most groups of a component together, each as it can be searched for: as many as have to go, and whether
    /// that is enough; where more than [`MOST_TIES`] would have to go, the first so many. Of texts that are alike each is named.
    fn ties(&self, items: &[Item<'_>], component: usize) -> (Vec<Tie>, bool) {
        let mut groups: BTreeMap<(&'static str, usize), BTreeSet<usize>> = BTreeMap::new();
        let mut texts: BTreeMap<(&'static str, usize), Vec<&str>> = BTreeMap::new();
        for index in (0..items.len()).filter(|&i| self.component[i] == component) {
            let prompt = ("prompt", self.prompt[index], items[index].prompt);
            for (what, cluster, text) in [prompt, ("answer", self.response[index], items[index].response)] {
                let Some(cluster) = cluster else { continue };
                groups.entry((what, cluster)).or_default().insert(self.group[index]);
                let (known, text) = (texts.entry((what, cluster)).or_default(), beginning(text));
                if !known.contains(&text) {
                    known.push(text);
                }
            }
        }
        let mut tied: Vec<_> = groups.into_iter().filter(|(_, groups)| groups.len() > 1).collect();
        tied.sort_by_key(|(_, groups)| std::cmp::Reverse(groups.len()));
        let of_cluster = |((what, cluster), groups): ((&'static str, usize), BTreeSet<usize>)| {
            let alike = texts.remove(&(what, cluster)).unwrap_or_default();
            alike.into_iter().map(move |text| Tie { what, text: text.to_owned(), groups: groups.len() })
        };
        let mut ties: Vec<Tie> = tied.into_iter().flat_map(of_cluster).take(MOST_TIES).collect();
        // Of each item the first text that takes it out.
        let gone_by: Vec<Option<usize>> = items
            .iter()
            .map(|item| {
                ties.iter()
                    .position(|tie| [item.prompt, item.response].iter().any(|own| own.contains(&tie.text)))
            })
            .collect();
        let enough = (1..=ties.len())
            .find(|&shown| self.is_split_without(|i| gone_by[i].is_some_and(|by| by < shown)));
        ties.truncate(enough.unwrap_or(MOST_TIES));
        (ties, enough.is_some())
    }

    /// Whether no component is too much of all once these items are gone.
    fn is_split_without(&self, is_gone: impl Fn(usize) -> bool) -> bool {
        let left: Vec<usize> = (0..self.group.len()).filter(|index| !is_gone(*index)).collect();
        let mut sets = sets(&self.group, [&self.prompt, &self.response], left.iter().copied());
        let component: Vec<usize> = left.iter().map(|&index| sets.find(index)).collect();
        left.len() >= 3 && too_large(&component).is_none()
    }

    pub(super) fn prompt_names(&self, items: &[Item<'_>]) -> Vec<String> {
        let name = |index: usize| crate::hash::short_hash(&[&normalise(items[index].prompt)]);
        self.prompt.iter().enumerate().map(|(index, cluster)| name(cluster.unwrap_or(index))).collect()
    }

    /// Members of each component, in the seeded order of the components. The order depends on the ids alone.
    pub(super) fn in_seeded_order(&self, items: &[Item<'_>], seed: u64) -> Vec<Vec<usize>> {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, component) in self.component.iter().enumerate() {
            members.entry(*component).or_default().push(index);
        }
        let mut components: Vec<Vec<usize>> = members.into_values().collect();
        components.sort_by_cached_key(|members| {
            let name = members.iter().map(|&i| items[i].example_id).min().unwrap_or_default();
            (xxh3_64_with_seed(name.as_bytes(), seed), name)
        });
        components
    }
}

/// Ties each of `items` to its group and to its clusters of prompts and of answers.
fn sets(group: &[usize], clusters: [&[Option<usize>]; 2], items: impl Iterator<Item = usize>) -> UnionFind {
    let mut sets = UnionFind::new(group.len());
    for index in items {
        sets.union(index, group[index]);
        clusters
            .into_iter()
            .filter_map(|cluster| cluster[index])
            .for_each(|cluster| sets.union(index, cluster));
    }
    sets
}

/// The component that holds more than [`MAX_COMPONENT_SHARE`] of the items, with its share; `component` has one number an item.
fn too_large(component: &[usize]) -> Option<(usize, f64)> {
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    component.iter().for_each(|number| *sizes.entry(*number).or_default() += 1);
    let shares = sizes.into_iter().map(|(number, size)| (number, size as f64 / component.len() as f64));
    shares.into_iter().find(|(_, share)| *share > MAX_COMPONENT_SHARE)
}

/// Answers that stand before prompts of other documents, with the items that carry them.
fn carried<'a>(items: &'a [Item<'_>]) -> BTreeMap<&'a str, Vec<usize>> {
    let own: HashSet<(&str, &str)> = items.iter().map(|item| (item.document, item.response)).collect();
    let mut carried: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        for answer in item.answers_before().filter(|answer| !own.contains(&(item.document, *answer))) {
            carried.entry(answer).or_default().push(index);
        }
    }
    carried
}
