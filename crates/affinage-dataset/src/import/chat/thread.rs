//! Conversations of a list of messages: who is who, which message follows which, where one conversation ends.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::error::ElementError;
use super::super::left_out::LeftOutKind;
use super::super::series::Part;
use super::super::speakers::Speaker as Found;
use super::super::transcript::Roles;
use super::super::{instructions, verdict};
use super::layers::Layers;
use super::message::{Line, Parent, Speaker};
use super::{names, people};
use crate::conversation::{Block, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

/// What the document around a list says of it.
#[derive(Debug, Clone, Default)]
pub struct Holder {
    pub product: Option<Provider>,
    pub id: Option<String>,
    /// The conversation that this one goes on with: its messages stand here, too.
    pub forked_from: Option<String>,
    pub title: Option<String>,
    pub time_s: Option<f64>,
    /// When the conversation was changed last.
    pub updated_s: Option<f64>,
    pub model: Option<String>,
    pub leaf: Option<String>,
    /// Messages whose words were changed later.
    pub edits: usize,
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
            edits: 0,
            forked_from: forked_from(own),
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

/// The id of the conversation that was forked, which may stand in an object or in the path of its file.
fn forked_from(own: Layers<'_>) -> Option<String> {
    let named = own.all(names::FORKS).find_map(|(_, value)| match value {
        Value::Object(_) => Layers::of([value]).text(names::HOLDER_IDS),
        other => other.as_str().map(str::to_owned),
    })?;
    let file = named.rsplit(['/', '\\']).next().unwrap_or_default();
    let id = match file.split_once('.') {
        Some((stem, _)) => stem.rsplit('_').next().unwrap_or(stem),
        None => file,
    };
    Some(id.to_owned()).filter(|id| !id.is_empty())
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
    /// Chats that go on in another file.
    pub parts: Vec<Part>,
}

impl Threads {
    /// Conversations of messages that another reader has written as such.
    pub fn of(conversations: Vec<Vec<Value>>, holder: &Holder, roles: &Roles, origin: &Origin) -> Threads {
        let mut threads = Threads::default();
        for messages in conversations {
            let lines = messages.iter().map(super::message::line).collect();
            threads.append(self::conversations(lines, holder, roles, origin));
        }
        threads
    }

    pub fn append(&mut self, mut other: Threads) {
        self.conversations.append(&mut other.conversations);
        add_speakers(&mut self.speakers, &other.speakers);
        self.without_roles.append(&mut other.without_roles);
        self.errors.append(&mut other.errors);
        self.parts.append(&mut other.parts);
    }

    pub fn is_empty(&self) -> bool {
        let is_without = self.without_roles.is_empty() && self.errors.is_empty();
        self.conversations.is_empty() && is_without && self.parts.is_empty()
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
    for (thread, mut lines) in by_thread(lines) {
        if let Some(first) = lines.first_mut().filter(|first| first.may_be_task) {
            first.speaker = Speaker::Role(NodeRole::User);
        }
        let mut holder = holder.clone();
        holder.edits = apply_edits(&mut lines);
        if let Some(thread) = thread {
            holder.id = Some(thread);
        }
        holder.product = holder.product.or_else(|| lines.iter().find_map(|line| line.product));
        let has = |role: NodeRole| lines.iter().any(|line| line.speaker == Speaker::Role(role));
        match (has(NodeRole::User), has(NodeRole::Assistant)) {
            (false, false) => people::conversations(lines, &holder, roles, origin, &mut threads),
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

/// Puts the words of edits into the messages that they change; how many.
fn apply_edits(lines: &mut Vec<Line>) -> usize {
    let (edits, kept): (Vec<Line>, Vec<Line>) =
        std::mem::take(lines).into_iter().partition(|line| line.edits.is_some());
    *lines = kept;
    let mut count = 0;
    for edit in edits {
        let edited =
            edit.edits.as_ref().and_then(|id| lines.iter_mut().find(|line| line.id.as_ref() == Some(id)));
        match edited {
            Some(line) => {
                line.node.blocks = edit.node.blocks;
                line.node.edited = true;
                count += 1;
            }
            // The message that it changes is not in the file.
            None => lines.push(edit),
        }
    }
    count
}

/// Topics of a room: one to which nobody else said anything is no conversation of its own, as in a room where every message
/// opens a topic; and the message that opens one may not name it.
fn settle_topics(lines: &mut [Line]) {
    let is_mans = |line: &Line| !matches!(line.speaker, Speaker::Role(_));
    let mut sizes: HashMap<String, usize> = HashMap::new();
    for thread in lines.iter().filter(|line| line.is_topic).filter_map(|line| line.thread.clone()) {
        *sizes.entry(thread).or_default() += 1;
    }
    for line in lines.iter_mut().filter(|line| is_mans(line)) {
        if line.thread.is_none()
            && let Some(size) = line.id.as_ref().and_then(|id| sizes.get_mut(id))
        {
            *size += 1;
            line.thread.clone_from(&line.id);
            line.is_topic = true;
        }
    }
    for line in lines.iter_mut().filter(|line| line.is_topic && is_mans(line)) {
        if line.thread.as_ref().is_some_and(|thread| sizes[thread] < 2) {
            line.thread = None;
            line.is_topic = false;
        }
    }
}

/// Messages by the conversation they name, in order of appearance. Where parents lead from one to another they are one.
fn by_thread(mut lines: Vec<Line>) -> Vec<(Option<String>, Vec<Line>)> {
    settle_topics(&mut lines);
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
    let (mut left_out, mut events) = (Vec::new(), Vec::new());
    // A client's record: its instructions to the model are no part of what was said, as they are in rows of a data set.
    let hides_system = holder.product.is_some() || lines.iter().any(|line| line.node.time_s.is_some());
    let mut settled: Vec<(Line, bool)> = Vec::with_capacity(lines.len());
    for mut line in lines {
        if let Some(word) = line.stops.take() {
            cut_last(&mut settled, word);
        }
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
                if let Some(kind) = line.kind.take().filter(|_| word.is_none()) {
                    events.push(kind);
                }
                left_out.extend(word.map(|word| (word, "not a known role")));
                settled.push((line, is_said));
            }
        }
    }
    newest_last(&mut settled, |(line, _)| line);
    let last = settled.iter_mut().rfind(|(line, _)| line.node.role == NodeRole::Assistant);
    if let Some((line, _)) = last {
        line.node.feedback = line.node.feedback.or(holder.feedback);
    }
    let mut conversation = build(settled, holder, origin)?;
    let leads = conversation
        .nodes
        .first()
        .filter(|node| node.role == NodeRole::System && node.id == instructions::ID);
    if hides_system && leads.is_some() {
        conversation.nodes[0].hidden = true;
    }
    events.into_iter().for_each(|kind| conversation.left_out.add(LeftOutKind::Event, kind, ""));
    for (word, reason) in left_out {
        conversation.left_out.add(LeftOutKind::Message, word, reason);
    }
    Ok(conversation)
}

/// The answer that was being given did not come to its end.
fn cut_last(settled: &mut [(Line, bool)], word: String) {
    let said = settled.iter_mut().rev().map(|(line, _)| &mut line.node);
    let mut turn = said.filter(|node| node.role == NodeRole::Assistant || !node.visible_text().is_empty());
    if let Some(node) = turn.next().filter(|node| node.role == NodeRole::Assistant) {
        node.truncated.get_or_insert(word);
    }
}

/// Lists of messengers with the newest first are turned over, unless parents say the order.
pub fn newest_last<T>(lines: &mut [T], line: impl Fn(&T) -> &Line) {
    let has_parents = lines.iter().any(|item| matches!(line(item).parent, Parent::Id(_)));
    let times: Vec<f64> = lines.iter().filter_map(|item| line(item).node.time_s).collect();
    let falls = times.windows(2).all(|pair| pair[0] >= pair[1]) && times.first() > times.last();
    if !has_parents && falls && times.len() == lines.len() {
        lines.reverse();
    }
}

/// The tree of settled messages; those without a role (`false`) only hold their place in it.
pub(super) fn build(
    lines: Vec<(Line, bool)>,
    holder: &Holder,
    origin: &Origin,
) -> Result<Conversation, ElementError> {
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
    instructions::lead(&mut tree.links, holder.system.clone());
    conversation.arrange(tree.links, active.as_deref())?;
    let first_time = conversation.nodes.iter().find_map(|node| node.time_s);
    conversation.time_s = holder.time_s.or(first_time);
    conversation.updated_s = holder.updated_s;
    for _ in 0..holder.edits {
        conversation.left_out.add(
            LeftOutKind::Message,
            "another version",
            "the words before they were edited",
        );
    }
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

    /// True if a message below `above` is next to the node `other`.
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
        let Line { id, mut node, variants, selected, mut cuts, rank, .. } = line;
        if node.role == NodeRole::Assistant {
            node.model = node.model.or_else(|| holder.model.clone());
        }
        // An id is made of the words and their number, so that a grown list keeps its ids.
        let given =
            id.clone().unwrap_or_else(|| short_hash(&[&format!("{:?}", node.role), &node.visible_text()]));
        let text = |blocks: &[Block]| Node::new("", node.role, blocks.to_vec()).visible_text();
        let own_text = node.visible_text();
        let others: Vec<(usize, Vec<Block>)> = match node.role {
            NodeRole::Assistant => variants
                .into_iter()
                .enumerate()
                .filter(|(index, blocks)| {
                    *index != selected && text(blocks) != own_text && !text(blocks).is_empty()
                })
                .collect(),
            _ => Vec::new(),
        };
        for (index, blocks) in others {
            let mut other = node.clone();
            other.blocks = blocks;
            if let Some(cut) = cuts.get_mut(index) {
                other.truncated = cut.take();
            }
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
