//! What an import kept out of the texts, by kind and number.
//!
//! Parts that are stored in the tree but can never become text (reasoning, tool traffic, hidden messages, media) are
//! counted from the nodes; what never reached the tree (a message of an unknown role, a member of an archive that was
//! not read) is added by the importer that left it out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{documents, messenger, parts};
use crate::candidate::unasked_answers;
use crate::conversation::{BlockKind, Conversation, Node, NodeRole};

/// Why something is not among the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutKind {
    /// Member of an archive or folder that was not read.
    Member,
    /// A whole conversation or row that could not be read.
    Element,
    /// One message of a conversation that was read otherwise.
    Message,
    /// A conversation in which no answer has words: nothing can be learnt from it.
    Unanswered,
    /// An answer before which the user says nothing: a greeting, or the output of a log without its input.
    Unasked,
    /// A turn of the user in which there are no words.
    UserTurnWithoutWords,
    /// A part of a type that this version does not know.
    UnknownPart,
    /// Image, sound or file that the export only points to.
    Media,
    Reasoning,
    /// Calls of tools and their results.
    ToolTraffic,
    /// The words of a message again in another language.
    Translation,
    /// Lines of the assistant between its calls or beside a document.
    Remark,
    /// What is next to the text of a document: comments, notes at the foot, headers, hidden words.
    Beside,
    /// A message with the same words as the one before it.
    Repeated,
    /// Messages that the product does not show to its reader.
    Hidden,
    /// A message that its sender took back: only the program's word for it is left.
    Deleted,
    /// A message of somebody else that a person passed on among his own words.
    Forwarded,
    /// What a chat program says of itself: a missed call, who joined, a line of its log.
    Event,
    /// Error messages of the product.
    Error,
    /// Answers that the export excludes from training (`weight: 0`, `train: false`).
    NotToLearn,
    /// A line at the head of a note that says who wrote it, or when.
    Byline,
    /// A section of a note that is shorter than an answer.
    ShortSection,
    /// A section of a note that says no more than its prompt: it is one question.
    OnlyPrompt,
    /// What a note program keeps among the words and does not show: comments, queries, lines of tags, properties.
    PartOfNote,
    /// A section of a note that only links to others.
    LinkSection,
    /// A note at the foot of a note, with its mark in the text.
    FootnoteOfNote,
}

impl LeftOutKind {
    /// What it is called, for one and for several.
    fn words(self) -> [&'static str; 2] {
        match self {
            LeftOutKind::Member => ["file of the archive or folder", "files of the archive or folder"],
            LeftOutKind::Element => {
                ["conversation or row that was refused", "conversations or rows that were refused"]
            }
            LeftOutKind::Message => ["message that could not be read", "messages that could not be read"],
            LeftOutKind::Unanswered => ["conversation without an answer", "conversations without an answer"],
            LeftOutKind::Unasked => ["answer without a question", "answers without a question"],
            LeftOutKind::UserTurnWithoutWords => {
                ["turn of the user without words", "turns of the user without words"]
            }
            LeftOutKind::UnknownPart => ["part of an unknown type", "parts of unknown types"],
            LeftOutKind::Media => ["image, sound or file", "images, sounds and files"],
            LeftOutKind::Reasoning => ["piece of reasoning", "pieces of reasoning"],
            LeftOutKind::ToolTraffic => ["call or result of a tool", "calls and results of tools"],
            LeftOutKind::Translation => ["translation of a message", "translations of messages"],
            LeftOutKind::Remark => ["line next to a call or a document", "lines next to calls or documents"],
            LeftOutKind::Beside => {
                ["part next to the text of a document", "parts next to the text of documents"]
            }
            LeftOutKind::Repeated => {
                ["message that repeats the one before it", "messages that repeat the one before them"]
            }
            LeftOutKind::Hidden => ["hidden message", "hidden messages"],
            LeftOutKind::Deleted => ["message that was deleted", "messages that were deleted"],
            LeftOutKind::Forwarded => {
                ["message forwarded from somebody else", "messages forwarded from somebody else"]
            }
            LeftOutKind::Event => {
                ["event or line of the chat program", "events and lines of the chat program"]
            }
            LeftOutKind::Error => ["error message of the product", "error messages of the product"],
            LeftOutKind::NotToLearn => {
                ["answer that the export keeps from training", "answers that the export keeps from training"]
            }
            LeftOutKind::Byline => ["byline taken off", "bylines taken off"],
            LeftOutKind::ShortSection => {
                ["section too short to be an answer", "sections too short to be answers"]
            }
            LeftOutKind::OnlyPrompt => {
                ["section that says no more than its prompt", "sections that say no more than their prompts"]
            }
            LeftOutKind::PartOfNote => {
                ["part of a note that is not shown", "parts of notes that are not shown"]
            }
            LeftOutKind::LinkSection => ["section of links only", "sections of links only"],
            LeftOutKind::FootnoteOfNote => ["footnote of a note", "footnotes of notes"],
        }
    }

    /// True if the names are types and settings of products; others may be the names of a person's files.
    fn names_are_types(self) -> bool {
        use LeftOutKind::{Beside, Hidden, NotToLearn, PartOfNote, UnknownPart};
        matches!(self, Hidden | UnknownPart | Beside | NotToLearn | PartOfNote)
    }
}

/// One line for people: all of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutLine {
    pub kind: LeftOutKind,
    pub count: usize,
    /// `calls and results of tools`, in the number that `count` asks for.
    pub what: &'static str,
    /// The most frequent names with their numbers, or the first reason; may be empty.
    pub detail: String,
}

/// Number of things of one kind and name, with the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutCount {
    pub kind: LeftOutKind,
    /// The unknown type, the member, the name of the tool; empty if there is nothing to tell apart.
    pub name: String,
    pub count: usize,
    /// Reason or place of the first one; may be empty.
    pub first: String,
}

/// Everything one import, or one conversation, left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    counts: BTreeMap<(LeftOutKind, String), (usize, String)>,
}

impl LeftOut {
    /// Counts one thing; `first` is kept only for the first of its kind and name.
    pub fn add(&mut self, kind: LeftOutKind, name: impl Into<String>, first: impl Into<String>) {
        self.add_many(kind, name.into(), 1, first.into());
    }

    fn add_many(&mut self, kind: LeftOutKind, name: String, count: usize, first: String) {
        self.counts.entry((kind, name)).or_insert_with(|| (0, first)).0 += count;
    }

    pub fn merge(&mut self, other: &LeftOut) {
        for ((kind, name), (count, first)) in &other.counts {
            self.add_many(*kind, name.clone(), *count, first.clone());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// What [`LeftOut::rows`] gave.
    pub fn from_rows(rows: Vec<LeftOutCount>) -> LeftOut {
        let mut left_out = LeftOut::default();
        for LeftOutCount { kind, name, count, first } in rows {
            left_out.add_many(kind, name, count, first);
        }
        left_out
    }

    /// Rows in the order of kinds, then names.
    pub fn rows(&self) -> Vec<LeftOutCount> {
        self.counts
            .iter()
            .map(|((kind, name), (count, first))| LeftOutCount {
                kind: *kind,
                name: name.clone(),
                count: *count,
                first: first.clone(),
            })
            .collect()
    }

    /// One line for each kind, at most as many as there are kinds.
    pub fn lines(&self) -> Vec<LeftOutLine> {
        let mut by_kind: BTreeMap<LeftOutKind, Vec<LeftOutCount>> = BTreeMap::new();
        self.rows().into_iter().for_each(|row| by_kind.entry(row.kind).or_default().push(row));
        let line = |(kind, rows): (LeftOutKind, Vec<LeftOutCount>)| {
            let count = rows.iter().map(|row| row.count).sum();
            let [one, several] = kind.words();
            LeftOutLine { kind, count, what: if count == 1 { one } else { several }, detail: detail(rows) }
        };
        by_kind.into_iter().map(line).collect()
    }

    /// Without names and reasons that may say something about a person.
    pub fn without_names(&self) -> LeftOut {
        let mut nameless = LeftOut::default();
        for LeftOutCount { kind, name, count, .. } in self.rows() {
            let name = if kind.names_are_types() { name } else { String::new() };
            nameless.add_many(kind, name, count, String::new());
        }
        nameless
    }

    /// What the conversation's nodes hold beside their texts, and what its importer left out of the tree. Of a
    /// conversation without a candidate it says why: nobody answers, nobody asks, or the export forbids it.
    pub fn of(conversation: &Conversation) -> LeftOut {
        let mut left_out = conversation.left_out.clone();
        // The name of a single file says nothing new; that of a member of an archive or folder does.
        let member = conversation.origin.member.as_str();
        let place = if member.contains('/') { member } else { "" };
        for node in &conversation.nodes {
            left_out.add_node(node, place);
        }
        let answers = || conversation.nodes.iter().filter(|node| node.role == NodeRole::Assistant);
        if answers().all(|node| node.visible_text().is_empty()) {
            let why = match answers().next() {
                None => "no message in it is the assistant's",
                Some(_) => "the assistant's messages hold no words",
            };
            left_out.add(LeftOutKind::Unanswered, "", why);
        }
        (0..unasked_answers(conversation)).for_each(|_| left_out.add(LeftOutKind::Unasked, "", ""));
        left_out
    }

    fn add_node(&mut self, node: &Node, place: &str) {
        if node.hidden {
            let mut said = node.blocks.iter().filter(|block| !block.text.trim().is_empty());
            if let Some(first) = said.next() {
                let is_instruction = first.kind == BlockKind::Context && node.role == NodeRole::User;
                let hidden = (LeftOutKind::Hidden, if is_instruction { "custom instructions" } else { "" });
                let (kind, name) = messenger::kind_of_notice(first).unwrap_or(hidden);
                self.add(kind, name, "");
            }
            return;
        }
        for block in &node.blocks {
            let name = block.name.clone().unwrap_or_default();
            match block.kind {
                // A part that a product wrote into somebody's turn has the name of its flag.
                BlockKind::Context if block.name.is_some() => self.add(LeftOutKind::Hidden, "", ""),
                BlockKind::Text | BlockKind::Attachment | BlockKind::Context => {}
                BlockKind::Reasoning => self.add(LeftOutKind::Reasoning, "", ""),
                BlockKind::Commentary if name == parts::TRANSLATION => {
                    self.add(LeftOutKind::Translation, "", "");
                }
                BlockKind::Commentary => self.add(LeftOutKind::Remark, "", ""),
                // The words of such a call are the answer.
                BlockKind::ToolCall if documents::is_text_of_answer(block) => {}
                BlockKind::ToolCall | BlockKind::ToolResult => self.add(LeftOutKind::ToolTraffic, "", name),
                BlockKind::Media => self.add(LeftOutKind::Media, "", name),
                BlockKind::Error => self.add(LeftOutKind::Error, "", ""),
                BlockKind::Unknown => self.add(LeftOutKind::UnknownPart, name, place),
            }
        }
        if node.is_user_turn() && !node.is_unread() && node.visible_text().is_empty() {
            self.add(LeftOutKind::UserTurnWithoutWords, "", "");
        }
        if let Some(word) = &node.excluded {
            self.add(LeftOutKind::NotToLearn, word.clone(), "");
        }
    }
}

/// Names listed of a kind.
const SHOWN_NAMES: usize = 3;
/// Characters of a name or reason.
const SHOWN_CHARS: usize = 80;

/// `voice_note 4, flag 2 and 3 others`, or the first reason.
fn detail(mut rows: Vec<LeftOutCount>) -> String {
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    let short = |text: &str| -> String {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    };
    let named: Vec<&LeftOutCount> = rows.iter().filter(|row| !row.name.is_empty()).collect();
    if named.is_empty() {
        return rows.first().map(|row| short(&row.first)).unwrap_or_default();
    }
    let shown: Vec<String> = named
        .iter()
        .take(SHOWN_NAMES)
        .map(|row| match (row.count, row.first.is_empty()) {
            (1, true) => short(&row.name),
            (1, false) => format!("{} ({})", short(&row.name), short(&row.first)),
            (count, _) => format!("{} {count}", short(&row.name)),
        })
        .collect();
    let others = match named.len().saturating_sub(SHOWN_NAMES) {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        count => format!(" and {count} others"),
    };
    shown.join(", ") + &others
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::candidate::{ContextPolicy, candidates};
    use crate::conversation::{Block, Link, Origin, Provider};

    /// A node below the one `.0` steps before it, if there are as many.
    type Made = (usize, NodeRole, BlockKind, &'static str, bool, bool);

    fn conversation(nodes: &[Made]) -> Conversation {
        let mut conversation = Conversation::new(Provider::Chat, "c", Origin::default());
        let link = |(index, (above, role, kind, text, hidden, excluded)): (usize, &Made)| {
            let mut node = Node::new(index.to_string(), *role, vec![Block::new(*kind, *text)]);
            node.hidden = *hidden;
            node.excluded = excluded.then(|| "weight 0".to_owned());
            Link::to(node, index.checked_sub(*above).map(|parent| parent.to_string()))
        };
        conversation.arrange(nodes.iter().enumerate().map(link).collect(), None).expect("a tree");
        conversation
    }

    fn any_node() -> impl Strategy<Value = Made> {
        use BlockKind::*;
        let role = prop::sample::select(vec![
            NodeRole::User,
            NodeRole::Assistant,
            NodeRole::Assistant,
            NodeRole::System,
            NodeRole::Tool,
        ]);
        let kind = prop::sample::select(vec![Text, Text, Text, Context, ToolCall, Reasoning, Media, Unknown]);
        let text = prop::sample::select(vec!["Words.", "Other words.", ""]);
        (1..4usize, role, kind, text, prop::bool::weighted(0.2), prop::bool::weighted(0.2))
    }

    proptest! {
        #[test]
        fn a_conversation_without_a_candidate_has_a_reason(nodes in prop::collection::vec(any_node(), 0..8)) {
            let conversation = conversation(&nodes);
            let found = candidates(&conversation, &ContextPolicy::default());
            let rows = LeftOut::of(&conversation).rows();
            let is_reason = |kind| {
                matches!(kind, LeftOutKind::Unanswered | LeftOutKind::Unasked | LeftOutKind::NotToLearn)
            };
            prop_assert!(!found.is_empty() || rows.iter().any(|row| is_reason(row.kind)), "{:?}", rows);
        }
    }

    #[test]
    fn answers_that_nobody_asked_for_are_counted() {
        let said = |above: usize, role: NodeRole, text: &'static str| {
            (above, role, BlockKind::Text, text, false, false)
        };
        let (user, assistant) = (NodeRole::User, NodeRole::Assistant);
        let unasked = |nodes: &[Made]| {
            let rows = LeftOut::of(&conversation(nodes)).rows();
            rows.iter().filter(|row| row.kind == LeftOutKind::Unasked).map(|row| row.count).sum::<usize>()
        };
        assert_eq!(unasked(&[said(1, assistant, "A knot.")]), 1);
        let greeting =
            [said(1, assistant, "Welcome."), said(1, user, "What is a knot?"), said(1, assistant, "A loop.")];
        assert_eq!(unasked(&greeting), 1);
        assert_eq!(unasked(&greeting[1..]), 0);
        let two = [said(9, assistant, "One."), said(9, assistant, "Two."), said(9, assistant, "")];
        assert_eq!(unasked(&two), 2, "answers on two branches");
    }

    #[test]
    fn one_line_of_each_kind_in_words_of_its_number() {
        let mut left_out = LeftOut::default();
        left_out.add(LeftOutKind::Reasoning, "", "");
        for (name, count) in [("card", 2), ("flag", 1), ("poll", 5), ("map", 1), ("chart", 1)] {
            (0..count).for_each(|_| left_out.add(LeftOutKind::UnknownPart, name, ""));
        }
        left_out.add(LeftOutKind::Member, "plans/2025.key", "not text");
        left_out.add(LeftOutKind::Element, "", "no known shape\n of a row");
        left_out.add(LeftOutKind::Element, "", "another reason");
        let shown = |left_out: &LeftOut| -> Vec<String> {
            let line = |line: LeftOutLine| format!("{} {} | {}", line.count, line.what, line.detail);
            left_out.lines().into_iter().map(line).collect()
        };
        assert_eq!(
            shown(&left_out),
            [
                "1 file of the archive or folder | plans/2025.key (not text)",
                "2 conversations or rows that were refused | no known shape of a row",
                "10 parts of unknown types | poll 5, card 2, chart and 2 others",
                "1 piece of reasoning | ",
            ]
        );
        assert_eq!(
            shown(&left_out.without_names())[..3],
            [
                "1 file of the archive or folder | ",
                "2 conversations or rows that were refused | ",
                "10 parts of unknown types | poll 5, card 2, chart and 2 others",
            ]
        );
        assert_eq!(LeftOut::from_rows(left_out.rows()), left_out);
    }
}
