//! Which readings are one conversation.
//!
//! A product with ids is recognised by them. Where messages have no ids (transcripts, rows of data sets, prompts kept as
//! files) they are recognised by their words, and a conversation by its line of turns together with what its file is
//! called: see [`relation`]. [`signs`] are the numbers by which a library finds what could be the same; [`united`] makes
//! one conversation of two.

mod copy;
mod unite;

use std::collections::HashMap;

pub use copy::{copy_landmark, is_copy, is_same_note};
pub use unite::{Reading, United, share_messages, united, without_prompts};

use crate::conversation::{BlockKind, Conversation, Node, NodeRole, Provider};
use crate::hash::{hash_number, short_hash};

/// How conversations of a provider are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By the product's ids of conversation and message.
    Ids,
    /// Messages have ids; which of them are one conversation is inferred, differently in every export.
    Sessions,
    /// By words: texts and files that hold whole chats.
    Documents,
    /// By words, with care: rows of a data set share prompts and answers and are different rows all the same.
    Rows,
}

pub fn kind(provider: Provider) -> Kind {
    match provider {
        // An agent that goes on with a session copies its messages into another file.
        Provider::Gemini | Provider::ClaudeCode => Kind::Sessions,
        Provider::Messages | Provider::ShareGpt | Provider::Alpaca => Kind::Rows,
        provider if provider.has_node_ids() => Kind::Ids,
        _ => Kind::Documents,
    }
}

/// What ties two readings together besides their words, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bond {
    /// Nothing; both are rows of data sets.
    Row,
    /// Nothing; both are texts.
    Text,
    /// The row's own id, which may be as little as its number.
    RowId,
    /// The path within the archive or folder; of a single file, its name.
    Name,
    /// The path on this machine.
    File,
    /// The product's id of the conversation, or the same bytes of the same file.
    Certain,
}

/// One turn of a line: what was said, with each run of space as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub role: NodeRole,
    pub text: String,
}

impl Turn {
    fn is_answer(&self) -> bool {
        self.role == NodeRole::Assistant
    }

    /// Words that can tell conversations apart; instructions are often the same in many.
    fn words(&self) -> usize {
        if self.role == NodeRole::System { 0 } else { self.text.split(' ').count() }
    }
}

/// How a new reading stands to a known one, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// The same turns.
    Same,
    /// The new one is a beginning of the known one: an older copy.
    Older,
    /// The known one is a beginning of the new one.
    Grown,
    /// Turns differ, and others after them are the same: an edited copy.
    Edited,
    /// They begin alike and part for good.
    Branch,
    /// Two conversations, but so alike that one may be an edited copy of the other.
    Resembling,
    Apart,
}

impl Relation {
    /// True if both are readings of one conversation.
    pub fn is_one(self) -> bool {
        self < Relation::Resembling
    }
}

/// Words that a greeting and its answer do not have.
const STRONG_WORDS: usize = 8;
const WEAK_WORDS: usize = 4;

/// How the line `new` stands to the line `known`.
///
/// If one is a beginning of the other, they are one; readings that nothing else ties need an answer in common for it,
/// and texts some words. If they part, it depends on the bond what they must have in common:
///
/// | bond | one conversation if |
/// |---|---|
/// | `Row` | never |
/// | `Text` | an exchange of some words, and three quarters of the shorter line |
/// | `RowId`, `Name` | an exchange of some words, and more after the difference or more than half of the shorter line |
/// | `File` | an exchange of some words |
/// | `Certain` | one turn |
///
/// Under `Name` and `File` it is also one if a single turn was reworded. A row is also one with another if what is answered
/// in it is a beginning of the other: a call that failed is often repeated with another prompt.
pub fn relation(known: &[Turn], new: &[Turn], bond: Bond) -> Relation {
    let shared = known.iter().zip(new).take_while(|(a, b)| a.text == b.text).count();
    if shared == known.len() && shared == new.len() {
        return Relation::Same;
    }
    if shared == known.len() || shared == new.len() {
        let has_answer = new[..shared].iter().any(Turn::is_answer);
        let words: usize = new[..shared].iter().map(Turn::words).sum();
        let is_one = match bond {
            Bond::Row => has_answer,
            Bond::Text => has_answer && words >= STRONG_WORDS,
            _ => true,
        };
        return match is_one {
            true if shared == new.len() => Relation::Older,
            true => Relation::Grown,
            false => Relation::Apart,
        };
    }
    if bond == Bond::Row {
        let answered = |line: &[Turn]| line.iter().rposition(Turn::is_answer).map_or(0, |at| at + 1);
        let (before, now) = (answered(known), answered(new));
        return match before.min(now) {
            0 => Relation::Apart,
            least if least > shared => Relation::Apart,
            _ if now < before => Relation::Older,
            _ => Relation::Grown,
        };
    }
    let common = Common::of(known, new);
    let shorter = known.len().min(new.len());
    let goes_on = common.turns > shared;
    let is_reworded =
        reworded(known, new).is_some_and(|turn| turn.is_answer() || common.answer_words >= WEAK_WORDS);
    let is_one = match bond {
        Bond::Row => false,
        Bond::Text => common.is_strong && 4 * common.turns >= 3 * shorter,
        Bond::RowId => common.is_strong && (goes_on || 2 * common.turns > shorter),
        Bond::Name => common.is_strong && (goes_on || 2 * common.turns > shorter) || is_reworded,
        Bond::File => common.is_strong || is_reworded,
        Bond::Certain => common.spoken_turns > 0,
    };
    let is_alike = match bond {
        Bond::Row | Bond::RowId => false,
        Bond::Text => common.is_strong && 2 * common.turns > shorter || copy::is_new_version(known, new),
        _ => common.answer_words >= WEAK_WORDS,
    };
    match (is_one, is_alike) {
        (true, _) if goes_on => Relation::Edited,
        (true, _) => Relation::Branch,
        (false, true) => Relation::Resembling,
        (false, false) => Relation::Apart,
    }
}

/// What two lines that part have in common, wherever it stands.
struct Common {
    turns: usize,
    /// Without instructions.
    spoken_turns: usize,
    answer_words: usize,
    /// An exchange is among it, and there are more words than chance or a greeting gives.
    is_strong: bool,
}

impl Common {
    fn of(known: &[Turn], new: &[Turn]) -> Common {
        let mut left: HashMap<&str, usize> = HashMap::new();
        known.iter().for_each(|turn| *left.entry(&turn.text).or_default() += 1);
        let take = |turn: &Turn| {
            let count = left.get_mut(turn.text.as_str()).filter(|count| **count > 0);
            count.map(|count| *count -= 1).is_some()
        };
        let is_common: Vec<bool> = new.iter().map(take).collect();
        let common = || new.iter().zip(&is_common).filter(|(_, is_common)| **is_common).map(|(turn, _)| turn);
        let has_exchange =
            (1..new.len()).any(|index| is_common[index - 1] && is_common[index] && new[index].is_answer());
        Common {
            turns: common().count(),
            spoken_turns: common().filter(|turn| turn.role != NodeRole::System).count(),
            answer_words: common().filter(|turn| turn.is_answer()).map(Turn::words).sum(),
            is_strong: has_exchange && common().map(Turn::words).sum::<usize>() >= STRONG_WORDS,
        }
    }
}

/// The turn in which alone the lines differ, as far as both go, if most of its words stayed.
fn reworded<'a>(known: &[Turn], new: &'a [Turn]) -> Option<&'a Turn> {
    let mut differing = known.iter().zip(new).filter(|(a, b)| a.text != b.text);
    match (differing.next(), differing.next()) {
        (Some((a, b)), None) if share_of_words(&a.text, &b.text) >= 0.5 => Some(b),
        _ => None,
    }
}

/// Words of both texts that stand in the other, as a share of all.
fn share_of_words(a: &str, b: &str) -> f64 {
    let mut left: HashMap<&str, usize> = HashMap::new();
    a.split(' ').for_each(|word| *left.entry(word).or_default() += 1);
    let mut shared = 0;
    for word in b.split(' ') {
        if let Some(count) = left.get_mut(word).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    2.0 * shared as f64 / (a.split(' ').count() + b.split(' ').count()) as f64
}

/// How `new` stands to the nearest line of `known`.
pub fn relation_of(known: &Conversation, new: &Conversation, bond: Bond) -> Relation {
    let new = main_line(new);
    let nearest = lines(known).iter().map(|line| relation(line, &new, bond)).min();
    nearest.unwrap_or(Relation::Apart)
}

/// Turns from the root to the leaf where the conversation stands.
pub fn main_line(conversation: &Conversation) -> Vec<Turn> {
    conversation.active_leaf.map(|leaf| line_to(conversation, leaf)).unwrap_or_default()
}

/// Lines looked at in a tree, the main one first.
const MAX_LINES: usize = 16;

fn lines(conversation: &Conversation) -> Vec<Vec<Turn>> {
    let children = conversation.children();
    let others = (0..conversation.nodes.len())
        .rev()
        .filter(|&index| children[index].is_empty() && Some(index) != conversation.active_leaf);
    let leaves = conversation.active_leaf.into_iter().chain(others).take(MAX_LINES);
    leaves.map(|leaf| line_to(conversation, leaf)).collect()
}

fn line_to(conversation: &Conversation, leaf: usize) -> Vec<Turn> {
    let path = conversation.path_to(leaf).into_iter().map(|index| &conversation.nodes[index]);
    path.filter_map(|node| Some(Turn { role: node.role, text: said(node)? })).collect()
}

/// The words of a node by which it is recognised; `None` if nobody sees it. A turn without words is what it points to.
fn said(node: &Node) -> Option<String> {
    let text = node.visible_text();
    if !text.is_empty() {
        return Some(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let is_turn = node.role == NodeRole::User && !node.hidden;
    is_turn.then(|| {
        let media = node.blocks.iter().filter(|block| block.kind == BlockKind::Media);
        media.map(|block| format!("[{}]", block.name.as_deref().unwrap_or_default())).collect()
    })
}

/// What a node is recognised by, seen or not.
fn content(node: &Node) -> String {
    said(node).unwrap_or_else(|| {
        let texts: Vec<&str> = node.blocks.iter().map(|block| block.text.as_str()).collect();
        format!("{:?}\n{}", node.role, texts.join("\n"))
    })
}

/// Gives a text whose messages have no ids such of their words, and a key of its path and its first exchange.
///
/// The id that the importer gave it, if any, is its key and is kept as [`Conversation::own_id`].
pub fn name_by_words(conversation: &mut Conversation) {
    if kind(conversation.provider) != Kind::Documents {
        return;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for node in &mut conversation.nodes {
        let texts: Vec<&str> = node.blocks.iter().map(|block| block.text.as_str()).collect();
        let hash = short_hash(&[node.author.as_deref().unwrap_or(""), &texts.join("\n\n")]);
        let occurrence = *seen.entry(hash.clone()).and_modify(|count| *count += 1).or_insert(0);
        node.id = format!("{hash}-{occurrence}");
    }
    if !conversation.native_id.is_empty() {
        conversation.own_id = Some(conversation.native_id.clone());
        return;
    }
    let line = main_line(conversation);
    // A text keeps its key while it grows.
    let named_by = &line[..line.iter().position(Turn::is_answer).map_or(line.len(), |at| at + 1)];
    let member = conversation.origin.member.as_str();
    let stem = member.rsplit(['/', '\\']).next().unwrap_or_default();
    let parts = std::iter::once(member).chain(named_by.iter().map(|turn| turn.text.as_str()));
    let digest = short_hash(&parts.collect::<Vec<_>>());
    conversation.native_id = format!("{stem}-{}", &digest[..8]);
}

/// The name of the document in the key of a note, which is a section of it; `None` for other keys.
pub fn note_document(key: &str) -> Option<&str> {
    let (document, _) = key.strip_prefix(Provider::Note.as_str())?.strip_prefix(':')?.rsplit_once('-')?;
    Some(document)
}

/// What [`Conversation::own_id`] was in libraries of before it was kept: a row's key ended with a digest of its content.
pub fn own_id_of_older_key(conversation: &Conversation) -> Option<String> {
    const DIGEST: usize = 16;
    match kind(conversation.provider) {
        Kind::Rows => {
            let (id, digest) = conversation.native_id.rsplit_once('-')?;
            (digest.len() == DIGEST && !id.is_empty()).then(|| id.to_owned())
        }
        // These were named by file and first words.
        _ if matches!(conversation.provider, Provider::Transcript | Provider::AiStudio | Provider::Note) => {
            None
        }
        _ => Some(conversation.native_id.clone()),
    }
}

/// By what a conversation is found again.
#[derive(Debug, Default)]
pub struct Signs {
    /// Numbers that a library keeps with the conversation.
    pub landmarks: Vec<i64>,
    /// Landmarks that another reading of it would have, each with the bond that it is.
    pub probes: Vec<(i64, Bond)>,
}

/// The signs of a conversation; `file` is its path on this machine.
pub fn signs(conversation: &Conversation, file: Option<&str>) -> Signs {
    let kind = kind(conversation.provider);
    let mut signs = Signs::default();
    match kind {
        Kind::Ids => return signs,
        Kind::Sessions => {
            signs.landmarks = prompt_ids(conversation).map(|(_, number)| number).collect();
            return signs;
        }
        Kind::Documents | Kind::Rows => signs.probes = names(conversation, file),
    }
    signs.landmarks = signs.probes.iter().map(|(number, _)| *number).collect();
    // A section of a note under another name, with other words in it.
    let begin = copy::beginning(conversation);
    signs.landmarks.extend(begin);
    signs.probes.extend(begin.map(|number| (number, Bond::Text)));
    let loose = if kind == Kind::Rows { Bond::Row } else { Bond::Text };
    for (number, line) in lines(conversation).iter().enumerate() {
        let marks = Marks::of(conversation, line);
        if number == 0 {
            // Where a known line ends as this one does now or did earlier, and where one goes on from its last answer.
            let words = marks.ends.iter().chain(marks.beginnings.last()).chain(&marks.exchanges);
            signs.probes.extend(words.map(|number| (*number, loose)));
        }
        // A row that ends without an answer may go on with another prompt.
        let ends = if kind == Kind::Rows { marks.beginnings.len() } else { marks.ends.len() };
        signs.landmarks.extend(marks.ends.iter().skip(ends.saturating_sub(1)));
        signs.landmarks.extend(marks.beginnings);
        signs.landmarks.extend(marks.exchanges);
    }
    signs
}

/// Ids of the prompts of an inferred conversation, with their landmarks.
pub fn prompt_ids(conversation: &Conversation) -> impl Iterator<Item = (&str, i64)> {
    let is_meant = |node: &&Node| node.role == NodeRole::User && node.time_s.is_some();
    let provider = conversation.provider.as_str();
    let prompts = conversation.nodes.iter().filter(is_meant);
    prompts.map(move |node| (node.id.as_str(), hash_number(&["prompt", provider, &node.id])))
}

/// What the conversation is called, and where its bytes stand.
fn names(conversation: &Conversation, file: Option<&str>) -> Vec<(i64, Bond)> {
    let provider = conversation.provider.as_str();
    let origin = &conversation.origin;
    let member = origin.member.as_str();
    let place = [origin.element as u64, origin.offset, origin.len_bytes].map(|number| number.to_string());
    let is_text = kind(conversation.provider) == Kind::Documents;
    let mut names = Vec::new();
    match &conversation.own_id {
        Some(id) => {
            let bond = if is_text { Bond::Certain } else { Bond::RowId };
            names.push((hash_number(&["id", provider, id]), bond));
        }
        None if is_text => {
            names.push((hash_number(&["name", provider, member]), Bond::Name));
            names.extend(file.map(|file| (hash_number(&["file", provider, file, member]), Bond::File)));
        }
        None => {}
    }
    // A text is one element, so that its length alone would say little.
    if !is_text {
        let [element, offset, len_bytes] = &place;
        let number = hash_number(&["place", provider, member, element, offset, len_bytes]);
        names.push((number, Bond::Certain));
    }
    names
}

/// Landmarks of one line.
#[derive(Default)]
struct Marks {
    /// Of the line up to each answer.
    beginnings: Vec<i64>,
    /// Of the line as it would be if it ended at each turn (of a row: at each answer); the last is its own end.
    ends: Vec<i64>,
    /// Of each prompt with its answer; rows are not looked for by them.
    exchanges: Vec<i64>,
}

impl Marks {
    fn of(conversation: &Conversation, line: &[Turn]) -> Marks {
        let provider = conversation.provider.as_str();
        let is_row = kind(conversation.provider) == Kind::Rows;
        let mut marks = Marks::default();
        let mut above = String::new();
        for (index, turn) in line.iter().enumerate() {
            above = short_hash(&[&above, &turn.text]);
            if turn.is_answer() || !is_row || index + 1 == line.len() {
                marks.ends.push(hash_number(&["end", provider, &above]));
            }
            if turn.is_answer() {
                marks.beginnings.push(hash_number(&["beginning", provider, &above]));
            }
            if turn.is_answer() && index > 0 && !is_row {
                marks.exchanges.push(hash_number(&["exchange", provider, &line[index - 1].text, &turn.text]));
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests;
