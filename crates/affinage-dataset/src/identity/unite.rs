//! One conversation of two readings.
//!
//! Nothing known is ever taken away: what the newer reading lacks stays as a branch. A turn that was changed is next to
//! the old one, and what followed the old one follows the new one. Where messages have ids, small changes of a message are
//! its newer state, and are counted; other words under a known id are another version of it.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Kind, content, kind, main_line, said, share_of_words};
use crate::conversation::{Conversation, Link, Node, NodeRole, TreeError};

/// Two readings of one conversation together.
pub struct United {
    pub conversation: Conversation,
    /// Ids in it of the new reading's nodes.
    pub ids: Vec<String>,
    /// The new reading is an older copy.
    pub is_older: bool,
    /// Messages that have other words now; the earlier ones are replaced.
    pub reworded: usize,
    /// Messages whose id a known one with other words has; both are kept.
    pub versions: usize,
}

/// Where the new reading comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A later import: small changes of a message are its newer state.
    Later,
    /// The import that also brought what is known: it says one thing at a time, so different words are two messages.
    SameImport,
}

/// Words of two messages that are as good as the same.
const ALIKE: f64 = 0.5;

/// False if two conversations with the same id cannot be one: both have messages, no answer or longer prompt of them is the
/// same, and of those with the same ids not most have about the same words.
pub fn share_messages(known: &Conversation, new: &Conversation) -> bool {
    if known.nodes.is_empty() || new.nodes.is_empty() {
        return true;
    }
    let by_id = with_the_same_ids(known, new);
    let same = if by_id.iter().any(Option::is_some) { by_id } else { Alike::new(known).find(known, new) };
    let (mut pairs, mut alike) = (0, 0);
    for (at, node) in same.iter().zip(&new.nodes) {
        let Some(at) = at else { continue };
        let (before, now) = (content(&known.nodes[*at]), content(node));
        if before == now && is_telling(node, true) {
            return true;
        }
        pairs += 1;
        alike += usize::from(share_of_words(&before, &now) >= ALIKE);
    }
    2 * alike > pairs
}

/// The known conversation with what the new reading adds. Known messages keep their ids.
///
/// The newer reading decides about texts, order, title and where the conversation stands. It is the one that was changed
/// later, or has the later message; without times, the one whose line is longer, and of equal ones the new one.
pub fn united(known: &Conversation, new: &Conversation, reading: Reading) -> Result<United, TreeError> {
    let same = same_messages(known, new, reading);
    let is_older = is_older(known, new, &same);
    let ids = ids_in_union(known, new, &same);
    let mut links = Links::of(known);
    for (index, node) in new.nodes.iter().enumerate() {
        let parent = node.parent.map(|parent| ids[parent].as_str());
        match same[index] {
            None => links.add(&ids[index], node, parent),
            Some(at) if !is_older => {
                let keeps_parent = parent.is_none() && stands_below_others(known, at, &same);
                links.replace(&ids[index], node);
                if !keeps_parent {
                    links.hang(&ids[index], parent);
                }
            }
            Some(_) => {}
        }
    }
    if is_older {
        // What began an export may have something before it in an older one.
        for (index, node) in new.nodes.iter().enumerate() {
            let parent = node.parent.map(|parent| ids[parent].as_str());
            if same[index].is_some_and(|at| known.nodes[at].parent.is_none()) {
                links.hang_root(&ids[index], parent);
            }
        }
    }
    let brings_nothing = same.iter().all(Option::is_some);
    let by_words = matches!(kind(known.provider), Kind::Documents | Kind::Rows);
    let head = if is_older || (brings_nothing && by_words) { known } else { new };
    let mut united = Conversation::new(known.provider, known.native_id.clone(), new.origin.clone());
    united.own_id.clone_from(&known.own_id);
    united.title.clone_from(&head.title);
    united.project = head.project.clone().or_else(|| known.project.clone());
    united.time_s = head.time_s.or(known.time_s);
    united.updated_s = [known.updated_s, new.updated_s].into_iter().flatten().max_by(f64::total_cmp);
    if is_older {
        united.origin = known.origin.clone();
    }
    let active = match is_older {
        true => known.active_leaf.map(|leaf| known.nodes[leaf].id.clone()),
        false => new.active_leaf.map(|leaf| ids[leaf].clone()),
    };
    united.arrange(links.links, active.as_deref())?;
    let is_reworded = |at: usize, node: &Node| {
        let (before, now) = (said(&known.nodes[at]), said(node));
        before.zip(now).is_some_and(|(before, now)| !now.starts_with(&before))
    };
    let pairs = || same.iter().zip(&new.nodes).filter_map(|(at, node)| Some(((*at)?, node)));
    let reworded = pairs().filter(|(at, node)| !is_older && is_reworded(*at, node)).count();
    let is_version = |id: &str, node: &Node| id != node.id && known.nodes.iter().all(|known| known.id != id);
    let versions = match kind(known.provider) {
        Kind::Ids => ids.iter().zip(&new.nodes).filter(|(id, node)| is_version(id, node)).count(),
        _ => 0,
    };
    Ok(United { conversation: united, ids, is_older, reworded, versions })
}

/// True if the known reading is the newer one.
pub(super) fn is_older(known: &Conversation, new: &Conversation, same: &[Option<usize>]) -> bool {
    let brings_nothing = same.iter().all(Option::is_some);
    match kind(known.provider) {
        Kind::Ids | Kind::Sessions => {
            let earlier = |before: Option<f64>, now: Option<f64>| {
                before.zip(now).filter(|(before, now)| before != now).map(|(before, now)| now < before)
            };
            earlier(known.updated_s, new.updated_s)
                .or_else(|| earlier(newest_s(known), newest_s(new)))
                .unwrap_or(brings_nothing && new.nodes.len() < known.nodes.len())
        }
        Kind::Documents | Kind::Rows => {
            let (before, now) = (main_line(known), main_line(new));
            let is_said_already =
                same.iter().zip(&new.nodes).all(|(same, node)| same.is_some() || said(node).is_none());
            let differs = before.iter().zip(&now).any(|(a, b)| a.text != b.text);
            now.len() < before.len() || (is_said_already && differs)
        }
    }
}

fn newest_s(conversation: &Conversation) -> Option<f64> {
    conversation.nodes.iter().filter_map(|node| node.time_s).max_by(f64::total_cmp)
}

/// For each new node the known one that is the same message.
pub(super) fn same_messages(
    known: &Conversation,
    new: &Conversation,
    reading: Reading,
) -> Vec<Option<usize>> {
    if matches!(kind(known.provider), Kind::Ids | Kind::Sessions) {
        let by_id = with_the_same_ids(known, new);
        // Ids that an older release made of positions are other ids now.
        if by_id.iter().any(Option::is_some) {
            let are_ids = kind(known.provider) == Kind::Ids;
            return if are_ids { same_versions(known, new, by_id, reading) } else { by_id };
        }
    }
    Alike::new(known).find(known, new)
}

fn index_of_ids(known: &Conversation) -> HashMap<&str, usize> {
    known.nodes.iter().enumerate().map(|(index, node)| (node.id.as_str(), index)).collect()
}

fn with_the_same_ids(known: &Conversation, new: &Conversation) -> Vec<Option<usize>> {
    let index_of = index_of_ids(known);
    new.nodes.iter().map(|node| index_of.get(node.id.as_str()).copied()).collect()
}

/// Of each message that is known by its id the version that is meant; none where it is another one.
fn same_versions(
    known: &Conversation,
    new: &Conversation,
    by_id: Vec<Option<usize>>,
    reading: Reading,
) -> Vec<Option<usize>> {
    let index_of = index_of_ids(known);
    let version = |(node, at): (&Node, &Option<usize>)| {
        let first = (*at)?;
        let (mut id, mut versions) = (node.id.clone(), Vec::new());
        while let Some(at) = index_of.get(id.as_str()) {
            versions.push(*at);
            id.push(OTHER_VERSION);
        }
        let now = content(node);
        let equal = versions.iter().find(|at| content(&known.nodes[**at]) == now);
        equal.copied().or_else(|| is_newer_state(&known.nodes[first], node, reading).then_some(first))
    };
    let mut same: Vec<Option<usize>> = new.nodes.iter().zip(&by_id).map(version).collect();
    // A prompt with other words that got another answer is another prompt: the earlier answer must not stand below it.
    for index in (0..new.nodes.len()).filter(|index| by_id[*index].is_some()) {
        if same[index].is_some() || new.nodes[index].role == NodeRole::User {
            continue;
        }
        let above = std::iter::successors(new.nodes[index].parent, |at| new.nodes[*at].parent);
        let prompt = above.into_iter().find(|at| new.nodes[*at].role == NodeRole::User);
        let Some((prompt, before)) = prompt.and_then(|prompt| Some((prompt, same[prompt]?))) else {
            continue;
        };
        if content(&known.nodes[before]) != content(&new.nodes[prompt]) {
            same[prompt] = None;
        }
    }
    same
}

/// True if a known message became this one: it has about the same words, or more of them.
fn is_newer_state(known: &Node, node: &Node, reading: Reading) -> bool {
    let Some(before) = said(known) else { return true };
    let now = said(node).unwrap_or_default();
    let goes_on = now.starts_with(&before) || (before.starts_with(&now) && !now.is_empty());
    goes_on || (reading == Reading::Later && share_of_words(&before, &now) >= ALIKE)
}

/// Known nodes by their words, each given away once.
struct Alike {
    contents: Vec<String>,
    children: Vec<Vec<usize>>,
    is_taken: Vec<bool>,
}

impl Alike {
    fn new(known: &Conversation) -> Alike {
        Alike {
            contents: known.nodes.iter().map(content).collect(),
            children: known.children(),
            is_taken: vec![false; known.nodes.len()],
        }
    }

    fn find(mut self, known: &Conversation, new: &Conversation) -> Vec<Option<usize>> {
        let contents: Vec<String> = new.nodes.iter().map(content).collect();
        let mut same: Vec<Option<usize>> = vec![None; new.nodes.len()];
        // From the root down as far as both say the same.
        let roots: Vec<usize> =
            (0..known.nodes.len()).filter(|&index| known.nodes[index].parent.is_none()).collect();
        for (index, node) in new.nodes.iter().enumerate() {
            let below = match node.parent {
                None => roots.as_slice(),
                Some(parent) => same[parent].map_or(&[][..], |at| self.children[at].as_slice()),
            };
            let mut below = below.iter().copied();
            let found = below.find(|&at| !self.is_taken[at] && self.contents[at] == contents[index]);
            found.into_iter().for_each(|at| self.is_taken[at] = true);
            same[index] = found;
        }
        self.find_elsewhere(known, new, &contents, &mut same);
        same
    }

    /// The same words after a turn that was changed, put in or taken out.
    fn find_elsewhere(
        &mut self,
        known: &Conversation,
        new: &Conversation,
        contents: &[String],
        same: &mut [Option<usize>],
    ) {
        let mut is_active = vec![false; known.nodes.len()];
        let path = known.active_leaf.map(|leaf| known.path_to(leaf)).unwrap_or_default();
        path.iter().for_each(|&index| is_active[index] = true);
        let others = (0..known.nodes.len()).filter(|&index| !is_active[index]);
        let mut by_content: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for index in path.iter().copied().chain(others).filter(|&index| !self.is_taken[index]) {
            by_content.entry(&self.contents[index]).or_default().push_back(index);
        }
        let new_children = new.children();
        let (depths, depths_new) = (depths(known), depths(new));
        for index in (0..new.nodes.len()).filter(|&index| same[index].is_none()).collect::<Vec<_>>() {
            let Some(found) = by_content.get_mut(contents[index].as_str()) else { continue };
            let follows_the_same = |at: usize| {
                let mine = new_children[index].iter().map(|&child| contents[child].as_str());
                let theirs: HashSet<&str> =
                    self.children[at].iter().map(|&child| self.contents[child].as_str()).collect();
                mine.into_iter().any(|content| theirs.contains(content))
            };
            let stands_on_the_same = |at: usize| {
                let mine = new.nodes[index].parent.map(|parent| contents[parent].as_str());
                mine.is_some() && mine == known.nodes[at].parent.map(|parent| self.contents[parent].as_str())
            };
            let is_meant = |at: &usize| {
                is_telling(&new.nodes[index], depths_new[index] == depths[*at])
                    || follows_the_same(*at)
                    || stands_on_the_same(*at)
            };
            if let Some(place) = found.iter().position(is_meant) {
                same[index] = found.remove(place);
            }
        }
    }
}

/// An answer of more than a few words is the same answer wherever it stands, a prompt where as much stands before it; `Go
/// on.` is not the same prompt.
fn is_telling(node: &Node, is_at_same_depth: bool) -> bool {
    const MIN_WORDS: usize = 4;
    (node.role == NodeRole::Assistant || is_at_same_depth)
        && said(node).is_some_and(|text| text.split(' ').count() >= MIN_WORDS)
}

/// Number of turns above each node.
fn depths(conversation: &Conversation) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(conversation.nodes.len());
    for node in &conversation.nodes {
        let above = node.parent.map(|parent| (depths[parent], &conversation.nodes[parent]));
        depths.push(above.map_or(0, |(depth, parent)| depth + usize::from(said(parent).is_some())));
    }
    depths
}

/// Stands behind the id of a message whose own id another one with other words has.
const OTHER_VERSION: char = '+';

/// The id of every new node: the known one's, or its own, changed if another known message has it.
fn ids_in_union(known: &Conversation, new: &Conversation, same: &[Option<usize>]) -> Vec<String> {
    let mut taken: HashSet<String> = known.nodes.iter().map(|node| node.id.clone()).collect();
    let ids = new.nodes.iter().zip(same).map(|(node, same)| match same {
        Some(at) => known.nodes[*at].id.clone(),
        None => {
            let mut id = node.id.clone();
            while !taken.insert(id.clone()) {
                id.push(OTHER_VERSION);
            }
            id
        }
    });
    ids.collect()
}

/// True if what stands above a known node is none of the new reading's: its parent can stay without making a circle.
fn stands_below_others(known: &Conversation, at: usize, same: &[Option<usize>]) -> bool {
    let is_new: HashSet<usize> = same.iter().flatten().copied().collect();
    let above = known.path_to(at);
    above.len() > 1 && above[..above.len() - 1].iter().all(|index| !is_new.contains(index))
}

/// Nodes and their parents, in the order of the known ones.
struct Links {
    links: Vec<Link>,
    at: HashMap<String, usize>,
}

impl Links {
    fn of(known: &Conversation) -> Links {
        let parent = |node: &Node| node.parent.map(|parent| known.nodes[parent].id.clone());
        let links: Vec<Link> = known.nodes.iter().map(|node| Link::to(node.clone(), parent(node))).collect();
        let at = links.iter().enumerate().map(|(index, link)| (link.id.clone(), index)).collect();
        Links { links, at }
    }

    fn add(&mut self, id: &str, node: &Node, parent: Option<&str>) {
        self.at.insert(id.to_owned(), self.links.len());
        let node = Node { id: id.to_owned(), ..node.clone() };
        self.links.push(Link::to(node, parent.map(str::to_owned)));
    }

    fn replace(&mut self, id: &str, node: &Node) {
        self.links[self.at[id]].node = Some(Node { id: id.to_owned(), ..node.clone() });
    }

    fn hang(&mut self, id: &str, parent: Option<&str>) {
        self.links[self.at[id]].parent = parent.map(str::to_owned);
    }

    /// Hangs a root under `parent`, unless that stands below it.
    fn hang_root(&mut self, id: &str, parent: Option<&str>) {
        let mut above = parent;
        while let Some(next) = above {
            if next == id {
                return;
            }
            above = self.at.get(next).and_then(|&index| self.links[index].parent.as_deref());
        }
        self.hang(id, parent);
    }
}

/// The conversation without these prompts and the answers to them; what followed stays.
pub fn without_prompts(
    conversation: &Conversation,
    prompts: &HashSet<String>,
) -> Result<Conversation, TreeError> {
    let is_left_out = |node: &Node| {
        let parent = node.parent.map(|parent| &conversation.nodes[parent]);
        let prompt = if node.role == NodeRole::User { Some(node) } else { parent };
        prompt.is_some_and(|prompt| prompts.contains(&prompt.id))
    };
    let link = |node: &Node| Link {
        id: node.id.clone(),
        parent: node.parent.map(|parent| conversation.nodes[parent].id.clone()),
        node: (!is_left_out(node)).then(|| node.clone()),
    };
    let active = conversation.active_leaf.map(|leaf| conversation.nodes[leaf].id.clone());
    let mut rest = conversation.clone();
    rest.arrange(conversation.nodes.iter().map(link).collect(), active.as_deref())?;
    Ok(rest)
}
