//! Conversations of a list of messages: who is who, which message follows which, where one conversation ends.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::super::error::ElementError;
use super::super::left_out::LeftOutKind;
use super::super::speakers::{Speaker as Found, Style};
use super::super::transcript::{Roles, cast};
use super::super::{instructions, verdict};
use super::layers::Layers;
use super::message::{Line, Parent, Speaker};
use super::names;
use crate::conversation::{Block, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

/// People who are silent for longer have ended a conversation: what comes next answers nothing before it.
const PEOPLE_GAP_S: f64 = 6.0 * 3600.0;

/// What the document around a list says of it.
#[derive(Debug, Clone, Default)]
pub struct Holder {
    pub product: Option<Provider>,
    pub id: Option<String>,
    pub title: Option<String>,
    pub time_s: Option<f64>,
    /// When the conversation was changed last.
    pub updated_s: Option<f64>,
    pub model: Option<String>,
    pub leaf: Option<String>,
    /// The system message beside the list.
    pub system: Option<String>,
    /// The verdict on the conversation: it is that on its last answer.
    pub feedback: Option<Feedback>,
}

impl Holder {
    /// Of the objects around a list, innermost first.
    pub fn of(around: &[&Value]) -> Holder {
        let mut about: Vec<&Value> = Vec::new();
        for value in around {
            about.extend(
                names::ABOUT.iter().filter_map(|name| value.get(*name)).filter(|value| value.is_object()),
            );
        }
        let own = Layers::of(around.iter().copied());
        let said = Layers::of(about);
        Holder {
            product: None,
            id: own.text(names::HOLDER_IDS).or_else(|| said.text(names::HOLDER_IDS)),
            title: own.text(names::TITLES).or_else(|| said.text(names::TITLES)),
            time_s: own.time_s().or_else(|| said.time_s()),
            updated_s: own.first_time_s(names::UPDATES).or_else(|| said.first_time_s(names::UPDATES)),
            model: super::message::model(own),
            leaf: own.text(names::LEAVES),
            system: around.iter().find_map(|value| instructions::beside_list(value)),
            feedback: around.first().and_then(|value| verdict::of(value)),
        }
    }
}

/// What became of a list of messages.
#[derive(Debug, Default)]
pub struct Threads {
    pub conversations: Vec<Conversation>,
    /// People who spoke in lists that were read.
    pub speakers: Vec<Found>,
    /// People of lists in which nobody is known to be the assistant, a list each.
    pub without_roles: Vec<Vec<Found>>,
    pub errors: Vec<ElementError>,
}

impl Threads {
    pub fn append(&mut self, mut other: Threads) {
        self.conversations.append(&mut other.conversations);
        add_speakers(&mut self.speakers, &other.speakers);
        self.without_roles.append(&mut other.without_roles);
        self.errors.append(&mut other.errors);
    }

    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty() && self.without_roles.is_empty() && self.errors.is_empty()
    }
}

/// Adds the counts of the same names; most frequent first.
pub fn add_speakers(sum: &mut Vec<Found>, more: &[Found]) {
    for speaker in more {
        match sum.iter_mut().find(|known| known.name == speaker.name) {
            Some(known) => known.count += speaker.count,
            None => sum.push(speaker.clone()),
        }
    }
    sum.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
}

/// Conversations of the messages, which may belong to several.
pub fn conversations(lines: Vec<Line>, holder: &Holder, roles: &Roles, origin: &Origin) -> Threads {
    let mut threads = Threads::default();
    for (thread, lines) in by_thread(lines) {
        let mut holder = holder.clone();
        if let Some(thread) = thread {
            holder.id = Some(thread);
        }
        holder.product = holder.product.or_else(|| lines.iter().find_map(|line| line.product));
        let has = |role: NodeRole| lines.iter().any(|line| line.speaker == Speaker::Role(role));
        match (has(NodeRole::User), has(NodeRole::Assistant)) {
            (false, false) => people(lines, &holder, roles, origin, &mut threads),
            (user, assistant) => {
                // The side that has no word for itself goes by name.
                let named = match (user, assistant) {
                    (false, _) => Some(NodeRole::User),
                    (true, false) => Some(NodeRole::Assistant),
                    _ => None,
                };
                match with_roles(lines, named, &holder, origin) {
                    Ok(conversation) => threads.conversations.push(conversation),
                    Err(error) => threads.errors.push(error),
                }
            }
        }
    }
    threads
}

/// Messages by the conversation they name, in order of appearance. Where parents lead from one to another they are one.
fn by_thread(lines: Vec<Line>) -> Vec<(Option<String>, Vec<Line>)> {
    let thread_of: HashMap<&str, &str> =
        lines.iter().filter_map(|line| Some((line.id.as_deref()?, line.thread.as_deref()?))).collect();
    let crosses = lines.iter().any(|line| match (&line.parent, &line.thread) {
        (Parent::Id(above), Some(thread)) => {
            thread_of.get(above.as_str()).is_some_and(|other| other != thread)
        }
        _ => false,
    });
    if crosses {
        let first = lines.iter().find_map(|line| line.thread.clone());
        return vec![(first, lines)];
    }
    let mut order: Vec<Option<String>> = Vec::new();
    let mut groups: HashMap<Option<String>, Vec<Line>> = HashMap::new();
    for line in lines {
        if !groups.contains_key(&line.thread) {
            order.push(line.thread.clone());
        }
        groups.entry(line.thread.clone()).or_default().push(line);
    }
    order.into_iter().filter_map(|thread| groups.remove_entry(&thread)).collect()
}

/// A conversation with a model. Messages of words that are no role are left out and named; `named` is who speaks under a
/// name.
fn with_roles(
    lines: Vec<Line>,
    named: Option<NodeRole>,
    holder: &Holder,
    origin: &Origin,
) -> Result<Conversation, ElementError> {
    let mut left_out = Vec::new();
    // A client's record: its instructions to the model are no part of what was said, as they are in rows of a data set.
    let hides_system = holder.product.is_some() || lines.iter().any(|line| line.node.time_s.is_some());
    let mut settled: Vec<(Line, bool)> = Vec::with_capacity(lines.len());
    for mut line in lines {
        let role = match &line.speaker {
            Speaker::Role(role) => Some(*role),
            Speaker::Name(name) if !line.is_service => {
                named.inspect(|_| line.node.author = Some(name.clone()))
            }
            _ => None,
        };
        match role {
            Some(role) => {
                line.node.role = role;
                line.node.hidden |= role == NodeRole::System && hides_system;
                settled.push((line, true));
            }
            None if line.node.is_unread() => {
                left_out.push((line.node.missing.clone().unwrap_or_default(), ""));
                settled.push((line, true));
            }
            None => {
                let word = match &line.speaker {
                    Speaker::Name(word) if !line.node.visible_text().is_empty() => Some(word.clone()),
                    _ => None,
                };
                // Nobody knows whose words these are: they may be the user's.
                let is_said = word.is_some() && !line.is_service;
                if is_said {
                    line.node = Node { time_s: line.node.time_s, ..Node::unread("") };
                }
                left_out.extend(word.map(|word| (word, "not a known role")));
                settled.push((line, is_said));
            }
        }
    }
    newest_last(&mut settled, |(line, _)| line);
    let is_system = |(line, _): &(Line, bool)| line.node.role == NodeRole::System;
    if let Some(words) = holder.system.as_ref().filter(|_| !settled.iter().any(is_system)) {
        let mut system = super::message::line(&serde_json::json!({ "role": "system", "content": words }));
        system.node.hidden = hides_system;
        settled.insert(0, (system, true));
    }
    let last = settled.iter_mut().rfind(|(line, _)| line.node.role == NodeRole::Assistant);
    if let Some((line, _)) = last {
        line.node.feedback = line.node.feedback.or(holder.feedback);
    }
    let mut conversation = build(settled, holder, origin)?;
    for (word, reason) in left_out {
        conversation.left_out.add(LeftOutKind::Message, word, reason);
    }
    Ok(conversation)
}

/// Lists of messengers with the newest first are turned over, unless parents say the order.
fn newest_last<T>(lines: &mut [T], line: impl Fn(&T) -> &Line) {
    let has_parents = lines.iter().any(|item| matches!(line(item).parent, Parent::Id(_)));
    let times: Vec<f64> = lines.iter().filter_map(|item| line(item).node.time_s).collect();
    let falls = times.windows(2).all(|pair| pair[0] >= pair[1]) && times.first() > times.last();
    if !has_parents && falls && times.len() == lines.len() {
        lines.reverse();
    }
}

/// A conversation among people: one of them is the assistant.
fn people(lines: Vec<Line>, holder: &Holder, roles: &Roles, origin: &Origin, threads: &mut Threads) {
    let mut services = 0;
    let mut said: Vec<(Line, String)> = Vec::with_capacity(lines.len());
    for line in lines {
        let name = match &line.speaker {
            Speaker::Name(name) if !line.is_service => name.clone(),
            _ => {
                services += usize::from(!line.node.visible_text().is_empty());
                continue;
            }
        };
        let mut line = line;
        mend_latin_1(&mut line.node);
        said.push((line, mended_latin_1(&name).unwrap_or(name)));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, name) in &said {
        *counts.entry(name).or_default() += 1;
    }
    let mut found = Vec::new();
    let counted: Vec<Found> = counts
        .into_iter()
        .map(|(name, count)| Found { name: name.to_owned(), style: Style::Field, count })
        .collect();
    add_speakers(&mut found, &counted);
    if found.is_empty() {
        return;
    }
    // A program among people is the assistant, where nothing else says who is.
    let mut bots: Vec<&str> =
        said.iter().filter(|(line, _)| line.is_bot).map(|(_, name)| name.as_str()).collect();
    bots.sort_unstable();
    bots.dedup();
    let with_bot = match bots.as_slice() {
        [bot] if found.len() > 1 && !roles.are_given() => {
            cast(&found, &Roles { assistants: vec![(*bot).to_owned()], ..roles.clone() })
        }
        _ => None,
    };
    let Some(parts) = cast(&found, roles).or(with_bot) else {
        threads.without_roles.push(found);
        return;
    };
    newest_last(&mut said, |(line, _)| line);
    let (mut settled, mut others) = (Vec::new(), BTreeMap::new());
    for (mut line, name) in said {
        match parts.iter().find(|part| part.name == name) {
            Some(part) => {
                line.node.role = part.role;
                line.node.author = Some(name);
                settled.push((line, true));
            }
            None => *others.entry(name).or_insert(0_usize) += 1,
        }
    }
    let sessions = sessions(settled);
    let is_one = sessions.len() == 1;
    for (number, session) in sessions.into_iter().enumerate() {
        let mut holder = holder.clone();
        let first = &session[0].0;
        let start =
            first.id.clone().unwrap_or_else(|| format!("{:.0}", first.node.time_s.unwrap_or(number as f64)));
        holder.id = holder.id.map(|id| format!("{id}-{start}"));
        holder.time_s = first.node.time_s.or(holder.time_s);
        if !is_one && let (Some(title), Some(time_s)) = (&holder.title, holder.time_s) {
            holder.title = Some(format!("{title} {}", day(time_s)));
        }
        holder.product = holder.product.or(Some(Provider::Messenger));
        match build(session, &holder, origin) {
            Ok(mut conversation) => {
                if number == 0 {
                    for (name, count) in std::mem::take(&mut others) {
                        (0..count).for_each(|_| {
                            conversation.left_out.add(
                                LeftOutKind::Message,
                                name.clone(),
                                "a speaker without a role",
                            );
                        });
                    }
                    (0..services).for_each(|_| {
                        conversation.left_out.add(LeftOutKind::Message, "", "an event of the chat");
                    });
                }
                threads.conversations.push(conversation);
            }
            Err(error) => threads.errors.push(error),
        }
    }
    add_speakers(&mut threads.speakers, &found);
}

/// `2026-01-05` of a time.
fn day(time_s: f64) -> String {
    jiff::Timestamp::from_second(time_s as i64)
        .map_or_else(|_| String::new(), |at| at.to_string()[..10].to_owned())
}

fn sessions(lines: Vec<(Line, bool)>) -> Vec<Vec<(Line, bool)>> {
    let mut sessions: Vec<Vec<(Line, bool)>> = Vec::new();
    let mut before: Option<f64> = None;
    for item in lines {
        let now = item.0.node.time_s;
        let pause = now.zip(before).is_some_and(|(now, before)| now - before > PEOPLE_GAP_S);
        before = now.or(before);
        match sessions.last_mut().filter(|_| !pause) {
            Some(session) => session.push(item),
            None => sessions.push(vec![item]),
        }
    }
    sessions
}

/// Texts of Facebook and Instagram are UTF-8 whose bytes were written as characters of their own.
fn mend_latin_1(node: &mut Node) {
    for block in &mut node.blocks {
        if let Some(mended) = mended_latin_1(&block.text) {
            block.text = mended;
        }
    }
}

/// The text its characters are the bytes of; `None` unless every character is a byte and together they are UTF-8.
fn mended_latin_1(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<_>>()?;
    String::from_utf8(bytes).ok()
}

/// The tree of settled messages; those without a role (`false`) only hold their place in it.
fn build(lines: Vec<(Line, bool)>, holder: &Holder, origin: &Origin) -> Result<Conversation, ElementError> {
    let ids: HashSet<&str> = lines.iter().filter_map(|(line, _)| line.id.as_deref()).collect();
    let is_tree = lines
        .iter()
        .any(|(line, _)| matches!(&line.parent, Parent::Id(above) if ids.contains(above.as_str())));
    let known: HashSet<String> = ids.into_iter().map(str::to_owned).collect();
    let rivals =
        lines.iter().filter_map(|(line, _)| Some((line.replaces.clone()?, line.id.clone()?))).collect();
    let mut tree = Tree { rivals, ..Tree::default() };
    let mut last: Option<String> = None;
    // A system message without a place in the tree stands above all of it.
    let mut beside_list: Option<String> = None;
    for (line, is_said) in lines {
        let above = match &line.parent {
            Parent::Id(above) if is_tree && known.contains(above) => tree.place_of(above),
            Parent::Id(_) | Parent::Root if is_tree => beside_list.clone(),
            _ => tree.version_of(&line).unwrap_or_else(|| last.clone()),
        };
        if !is_said {
            if let Some(id) = line.id.filter(|_| is_tree) {
                tree.structure(id, above);
            }
            continue;
        }
        let goes_on = line.node.feedback != Some(Feedback::Down) || !tree.is_sibling(&above, &last);
        let is_beside_list = tree.links.is_empty() && line.node.role == NodeRole::System && line.id.is_none();
        let id = tree.message(line, above, holder);
        if is_beside_list {
            beside_list = Some(id.clone());
        }
        if goes_on {
            last = Some(id);
        }
    }
    let first = tree.links.iter().find_map(|link| {
        let node = link.node.as_ref().filter(|node| node.role == NodeRole::User)?;
        Some(node.visible_text()).filter(|text| !text.is_empty())
    });
    let stem = origin.member.rsplit(['/', '\\']).next().unwrap_or_default();
    let title = holder.title.clone().unwrap_or_else(|| stem.to_owned());
    let native_id =
        holder.id.clone().unwrap_or_else(|| short_hash(&[&title, first.as_deref().unwrap_or_default()]));
    let mut conversation =
        Conversation::new(holder.product.unwrap_or(Provider::Chat), native_id, origin.clone());
    conversation.title = title;
    let leaf = holder.leaf.as_ref().and_then(|leaf| tree.place_of(leaf));
    let ranked = || tree.best_ranked().filter(|_| is_tree);
    let active = leaf.or_else(ranked).or(last.filter(|_| !is_tree));
    conversation.arrange(tree.links, active.as_deref())?;
    let first_time = conversation.nodes.iter().find_map(|node| node.time_s);
    conversation.time_s = holder.time_s.or(first_time);
    conversation.updated_s = holder.updated_s;
    Ok(conversation)
}

/// Links under construction. Ids are made unique; a message with variants has a node for each.
#[derive(Default)]
struct Tree {
    links: Vec<Link>,
    /// Messages that another one was preferred to, with that other.
    rivals: HashMap<String, String>,
    /// How often an id came.
    seen: HashMap<String, usize>,
    /// The node under which what follows a message is hung.
    place: HashMap<String, String>,
    /// Places that a person gave to answers of one prompt, 0 or 1 the best, by node.
    ranks: HashMap<String, f64>,
}

impl Tree {
    fn place_of(&self, id: &str) -> Option<String> {
        // A message may stand before its parent: then the parent's id is what it will get.
        Some(self.place.get(id).cloned().unwrap_or_else(|| id.to_owned()))
    }

    /// The leaf below the best of the ranked answers at every fork, and the last where none is ranked; `None` without ranks.
    fn best_ranked(&self) -> Option<String> {
        if self.ranks.is_empty() {
            return None;
        }
        let ids: HashSet<&str> = self.links.iter().map(|link| link.id.as_str()).collect();
        let mut below: HashMap<Option<&str>, Vec<&str>> = HashMap::new();
        for link in &self.links {
            let parent = link.parent.as_deref().filter(|parent| ids.contains(parent));
            below.entry(parent).or_default().push(&link.id);
        }
        let rank = |id: &str| self.ranks.get(id).copied().unwrap_or(f64::INFINITY);
        let mut best = None;
        // Each list is taken once, so that parents in a circle end.
        while let Some(children) = below.remove(&best) {
            best = children.into_iter().rev().min_by(|a, b| rank(a).total_cmp(&rank(b)));
        }
        best.map(str::to_owned)
    }

    fn parent_of(&self, node: &str) -> Option<String> {
        self.links.iter().rev().find(|link| link.id == node)?.parent.clone()
    }

    /// The parent of the message that this one is another version of; outer `None` if it is none.
    fn version_of(&self, line: &Line) -> Option<Option<String>> {
        let rival = line.id.as_ref().and_then(|id| self.rivals.get(id));
        let rival = line.replaces.as_ref().or(rival).and_then(|id| self.place.get(id));
        let same = line.id.as_ref().and_then(|id| self.place.get(id));
        let has_role = |link: &&Link| link.node.as_ref().is_some_and(|node| node.role == line.node.role);
        let before = self.links.last().filter(has_role).map(|link| &link.id);
        let other = rival.or_else(|| same.or(before).filter(|_| line.version > 0))?;
        Some(self.parent_of(other))
    }

    /// True if a message below `above` stands beside the node `other`.
    fn is_sibling(&self, above: &Option<String>, other: &Option<String>) -> bool {
        other.as_ref().is_some_and(|other| self.parent_of(other) == *above)
    }

    fn unique(&mut self, id: &str) -> String {
        let count = self.seen.entry(id.to_owned()).and_modify(|count| *count += 1).or_insert(1);
        if *count == 1 { id.to_owned() } else { format!("{id}#{count}") }
    }

    fn structure(&mut self, id: String, parent: Option<String>) {
        let own = self.unique(&id);
        self.place.entry(id).or_insert_with(|| own.clone());
        self.links.push(Link { id: own, parent, node: None });
    }

    /// Adds a message and its variants; gives the id below which the next one stands.
    fn message(&mut self, line: Line, parent: Option<String>, holder: &Holder) -> String {
        let Line { id, mut node, variants, selected, rank, .. } = line;
        if node.role == NodeRole::Assistant {
            node.model = node.model.or_else(|| holder.model.clone());
        }
        // An id is made of the words and their number, so that a grown list keeps its ids.
        let given =
            id.clone().unwrap_or_else(|| short_hash(&[&format!("{:?}", node.role), &node.visible_text()]));
        let text = |blocks: &[Block]| Node::new("", node.role, blocks.to_vec()).visible_text();
        let own_text = node.visible_text();
        let others: Vec<Vec<Block>> = match node.role {
            NodeRole::Assistant => variants
                .into_iter()
                .enumerate()
                .filter(|(index, blocks)| {
                    *index != selected && text(blocks) != own_text && !text(blocks).is_empty()
                })
                .map(|(_, blocks)| blocks)
                .collect(),
            _ => Vec::new(),
        };
        for blocks in others {
            let mut other = node.clone();
            other.blocks = blocks;
            other.feedback = None;
            other.id = self.unique(&format!("{given}.{}", short_hash(&[&other.visible_text()])));
            self.links.push(Link::to(other, parent.clone()));
        }
        let own = self.unique(&given);
        if let Some(id) = id {
            self.place.insert(id, own.clone());
        }
        self.ranks.extend(rank.map(|rank| (own.clone(), rank)));
        node.id.clone_from(&own);
        self.links.push(Link::to(node, parent));
        own
    }
}
