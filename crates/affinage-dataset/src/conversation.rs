//! The canonical conversation: a tree of typed nodes, whatever the provider.
//!
//! Every importer ends here. A node keeps everything the export said (reasoning, tool calls, hidden context), but
//! only [`BlockKind::Text`] and [`BlockKind::Attachment`] of visible user and assistant nodes can ever become text of
//! an example; see [`Node::visible_text`]. Parents stand before their children, so a cycle cannot be expressed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::import::{LeftOut, LeftOutKind};

/// Attachments up to this many characters stand in the turn's text; longer ones are named with their length.
pub const ATTACHMENT_LIMIT_CHARS: usize = 4000;

/// Author of a prompt that nobody wrote: it is a draft made by rule of a note's heading or first words.
pub const DRAFTED: &str = "drafted";

/// Where a conversation was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    ChatGpt,
    Claude,
    /// `{"messages": [{"role", "content"}]}` rows, and prompt/completion pairs.
    Messages,
    /// `{"conversations": [{"from", "value"}]}` rows.
    ShareGpt,
    /// `{"instruction", "input", "output"}` rows.
    Alpaca,
    /// Markdown or plain text with speakers.
    Transcript,
    /// Open WebUI: its JSON export or `webui.db`.
    OpenWebUi,
    LibreChat,
    LmStudio,
    /// `logs.db` of the `llm` command.
    Llm,
    /// Google Takeout: My Activity, or a Workspace conversation.
    Gemini,
    /// A prompt of Google AI Studio, kept in Drive.
    AiStudio,
    Grok,
    DeepSeek,
    LeChat,
    Perplexity,
    Jan,
    ClaudeCode,
    Codex,
    GeminiCli,
    Cursor,
    SillyTavern,
    TypingMind,
    Telegram,
    Discord,
    /// A chat among people from any other messenger.
    Messenger,
    /// A list of messages from any other client.
    Chat,
    /// Written at the review desk: the answers are drafts or the person's own words.
    Authored,
    /// A section of a text in which nobody speaks; its prompt is a draft.
    Note,
}

/// Every provider with its name and whether it gives every message an id of its own.
const PROVIDERS: [(Provider, &str, bool); 29] = [
    (Provider::ChatGpt, "chatgpt", true),
    (Provider::Claude, "claude", true),
    (Provider::Messages, "messages", false),
    (Provider::ShareGpt, "sharegpt", false),
    (Provider::Alpaca, "alpaca", false),
    (Provider::Transcript, "transcript", false),
    (Provider::OpenWebUi, "open-webui", true),
    (Provider::LibreChat, "librechat", true),
    (Provider::LmStudio, "lm-studio", false),
    (Provider::Llm, "llm", true),
    (Provider::Gemini, "gemini", true),
    (Provider::AiStudio, "ai-studio", false),
    (Provider::Grok, "grok", true),
    (Provider::DeepSeek, "deepseek", true),
    (Provider::LeChat, "le-chat", true),
    (Provider::Perplexity, "perplexity", true),
    (Provider::Jan, "jan", true),
    (Provider::ClaudeCode, "claude-code", true),
    (Provider::Codex, "codex", false),
    (Provider::GeminiCli, "gemini-cli", true),
    (Provider::Cursor, "cursor", true),
    (Provider::SillyTavern, "sillytavern", false),
    (Provider::TypingMind, "typingmind", true),
    (Provider::Telegram, "telegram", true),
    (Provider::Discord, "discord", true),
    (Provider::Messenger, "messenger", true),
    (Provider::Chat, "chat", false),
    (Provider::Authored, "authored", true),
    (Provider::Note, "note", false),
];

impl Provider {
    fn row(self) -> &'static (Provider, &'static str, bool) {
        PROVIDERS.iter().find(|row| row.0 == self).unwrap_or(&PROVIDERS[0])
    }

    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    pub fn parse(name: &str) -> Option<Provider> {
        PROVIDERS.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The model behind a product whose exports name none: all its answers are of one family.
    pub fn model(self) -> Option<&'static str> {
        (self == Provider::Claude).then_some("claude")
    }

    /// True if the provider gives every message an id of its own, so that two exports can be united node by node.
    pub fn has_node_ids(self) -> bool {
        self.row().2
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    System,
    User,
    Assistant,
    Tool,
}

/// What a piece of a node is. Only `Text` and `Attachment` can become text of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockKind {
    Text,
    /// Text of a pasted or attached file.
    Attachment,
    Reasoning,
    /// Progress notes of an assistant between tool calls.
    Commentary,
    ToolCall,
    ToolResult,
    /// Custom instructions, memory, text before the first speaker.
    Context,
    /// An image, audio or file that the export only points to.
    Media,
    Error,
    /// A content type this version does not know.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    pub kind: BlockKind,
    pub text: String,
    /// File name of an attachment, name of a tool, or the unknown content type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Block {
    pub fn new(kind: BlockKind, text: impl Into<String>) -> Block {
        Block { kind, text: text.into(), name: None }
    }

    pub fn named(kind: BlockKind, text: impl Into<String>, name: impl Into<String>) -> Block {
        Block { kind, text: text.into(), name: Some(name.into()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feedback {
    Up,
    Down,
}

/// One message of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Unique in its conversation: the provider's id, or one made from the content.
    pub id: String,
    /// Index of the parent in [`Conversation::nodes`]; always smaller than the node's own index.
    pub parent: Option<usize>,
    pub role: NodeRole,
    pub blocks: Vec<Block>,
    /// Model name as the export gives it.
    pub model: Option<String>,
    /// Speaker of a transcript.
    pub author: Option<String>,
    /// Seconds since 1970, UTC.
    pub time_s: Option<f64>,
    /// The provider's word for an answer that was cut off (`max_tokens`, `interrupted`, ...).
    pub truncated: Option<String>,
    /// The provider does not show this node to the reader.
    pub hidden: bool,
    pub feedback: Option<Feedback>,
    /// The user changed the text where it was written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
    /// The export's word for an answer that must not be learnt (`weight 0`, `train false`); it stays as context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<String>,
    /// What the reader saw as the answer and the export does not hold: a changed document without its beginning. Of a
    /// user's message: that nothing of it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

impl Node {
    pub fn new(id: impl Into<String>, role: NodeRole, blocks: Vec<Block>) -> Node {
        Node {
            id: id.into(),
            parent: None,
            role,
            blocks,
            model: None,
            author: None,
            time_s: None,
            truncated: None,
            hidden: false,
            feedback: None,
            edited: false,
            excluded: None,
            missing: None,
        }
    }

    /// Stands where a message could not be read and may have been the user's: it has no words, and it ends the turn
    /// above it, so that the answers before and behind it are not one.
    pub fn unread(id: impl Into<String>) -> Node {
        Node {
            missing: Some("a message that could not be read".to_owned()),
            ..Node::new(id, NodeRole::User, Vec::new())
        }
    }

    /// True for what [`Node::unread`] makes.
    pub fn is_unread(&self) -> bool {
        self.role == NodeRole::User && self.missing.is_some()
    }

    /// The text a reader saw, trimmed at both ends; empty for hidden, tool and reasoning nodes.
    pub fn visible_text(&self) -> String {
        if self.hidden || self.role == NodeRole::Tool {
            return String::new();
        }
        let parts: Vec<String> = self.blocks.iter().filter_map(Block::visible_text).collect();
        parts.join("\n\n")
    }

    /// What stands between this message and the one before it, if that ended at the limit of tokens and this one goes on
    /// with the same text: the space that both have at the border.
    pub fn goes_on_from(&self, before: &Node) -> Option<String> {
        const LIMITS: [&str; 4] = ["token", "length", "predicted", "limit"];
        let ended_at_limit = before.truncated.as_ref().is_some_and(|word| {
            let word = word.to_lowercase();
            LIMITS.iter().any(|limit| word.contains(limit))
        });
        let are_one =
            self.role == NodeRole::Assistant && before.role == self.role && before.author == self.author;
        if !ended_at_limit || !are_one {
            return None;
        }
        let end = &before.blocks.iter().rev().find(|block| block.visible_text().is_some())?.text;
        let start = &self.blocks.iter().find(|block| block.visible_text().is_some())?.text;
        let border =
            [&end[end.trim_end().len()..], &start[..start.len() - start.trim_start().len()]].concat();
        (!border.is_empty() || crate::import::is_inside(end, start)).then_some(border)
    }

    /// A reply that should hold words and does not, as opposed to one that only thinks or calls a tool.
    pub fn is_empty_reply(&self) -> bool {
        let words = |block: &Block| block.kind == BlockKind::Text && block.text.trim().is_empty();
        self.role == NodeRole::Assistant && !self.hidden && self.blocks.iter().all(words)
    }

    /// A prompt that nobody wrote.
    pub fn is_drafted(&self) -> bool {
        self.role == NodeRole::User && self.author.as_deref() == Some(DRAFTED)
    }

    /// Number of images, sounds, files and parts of unknown types that belong to the message but not to its text.
    pub fn media_count(&self) -> usize {
        self.blocks.iter().filter(|b| matches!(b.kind, BlockKind::Media | BlockKind::Unknown)).count()
    }

    /// A message of the user's, whatever is in it: custom instructions are none.
    pub fn is_user_turn(&self) -> bool {
        let is_context = |block: &Block| block.kind == BlockKind::Context;
        self.role == NodeRole::User && (self.blocks.is_empty() || !self.blocks.iter().all(is_context))
    }

    /// Some block is a text that somebody said, whether it was shown or not.
    pub fn has_words_of_its_own(&self) -> bool {
        self.blocks.iter().any(|block| block.kind == BlockKind::Text && !block.text.trim().is_empty())
    }

    /// Names of what an answer showed beside its words: media, and parts of unknown types that hold text.
    pub fn shown_beside(&self) -> Vec<String> {
        if self.hidden || self.role != NodeRole::Assistant {
            return Vec::new();
        }
        let is_beside = |block: &&Block| match block.kind {
            BlockKind::Media => true,
            BlockKind::Unknown => !block.text.trim().is_empty(),
            _ => false,
        };
        let name = |block: &Block| block.name.clone().filter(|name| !name.is_empty());
        let beside = self.blocks.iter().filter(is_beside);
        beside.map(|block| name(block).unwrap_or_else(|| "file".to_owned())).collect()
    }

    /// Number of attached files whose words stand in the text of the message.
    pub fn attachment_count(&self) -> usize {
        let is_shown = |block: &&Block| {
            let text = block.text.trim();
            block.kind == BlockKind::Attachment
                && !text.is_empty()
                && text.chars().count() <= ATTACHMENT_LIMIT_CHARS
        };
        self.blocks.iter().filter(is_shown).count()
    }
}

impl Block {
    fn visible_text(&self) -> Option<String> {
        let text = self.text.trim();
        match self.kind {
            BlockKind::Text if !text.is_empty() => Some(text.to_owned()),
            BlockKind::Attachment if !text.is_empty() => {
                let len_chars = text.chars().count();
                if len_chars <= ATTACHMENT_LIMIT_CHARS {
                    Some(text.to_owned())
                } else {
                    let name = self.name.as_deref().filter(|n| !n.is_empty()).unwrap_or("text");
                    Some(format!("[pasted: {name}, {len_chars} characters]"))
                }
            }
            _ => None,
        }
    }
}

/// What a document says of itself for which nobody expects it to be learnt unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declared {
    /// Its front matter, its tags or a comment call it private.
    Private,
    /// Its front matter calls it a draft, or not to be published.
    Draft,
    /// It names this author, and is a saved web page or one of few texts that name him.
    By { name: String },
}

/// Where in its source a conversation stands, and what that says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Member of the archive, or the file name.
    pub member: String,
    /// Number of the element or line, from 0.
    pub element: usize,
    /// Byte range in the (unpacked) member.
    pub offset: u64,
    pub len_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
}

impl Origin {
    /// A place in a member that says nothing of itself.
    pub fn at(member: &str, element: usize, offset: u64, len_bytes: u64) -> Origin {
        Origin { member: member.to_owned(), element, offset, len_bytes, declared: None }
    }

    /// A name for the text that a section of it was read from, of which no name of a person's own can be told;
    /// `source_sha256` is the hash of the imported file.
    pub fn document(&self, source_sha256: &str) -> String {
        format!("document:{}", crate::hash::short_hash(&[source_sha256, &self.member]))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    pub provider: Provider,
    /// The product's id, or one made from the content. An importer leaves it empty for texts that have none: see
    /// [`crate::identity::name_by_words`].
    pub native_id: String,
    /// The id in the source of a conversation whose messages have none: what it is recognised by besides its words.
    pub own_id: Option<String>,
    pub title: String,
    /// Folder or project the user put it into, as the export names it.
    pub project: Option<String>,
    pub time_s: Option<f64>,
    /// When the product changed it last: of two exports the one with the later time is the newer.
    pub updated_s: Option<f64>,
    /// Parents first; build with [`Conversation::arrange`].
    pub nodes: Vec<Node>,
    /// Index of the last node the user was looking at.
    pub active_leaf: Option<usize>,
    pub origin: Origin,
    /// What the importer could not put into the tree: messages of unknown roles, parts without a place.
    pub left_out: LeftOut,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TreeError {
    #[error("the parent links of node `{node}` form a cycle")]
    Cycle { node: String },
}

impl Conversation {
    /// A conversation without nodes, title or time.
    pub fn new(provider: Provider, native_id: impl Into<String>, origin: Origin) -> Conversation {
        Conversation {
            provider,
            native_id: native_id.into(),
            own_id: None,
            title: String::new(),
            project: None,
            time_s: None,
            updated_s: None,
            nodes: Vec::new(),
            active_leaf: None,
            origin,
            left_out: LeftOut::default(),
        }
    }

    /// `provider:native_id`, unique in a library.
    pub fn key(&self) -> String {
        format!("{}:{}", self.provider.as_str(), self.native_id)
    }

    /// The document that this is a section of, see [`Origin::document`]; `None` where it stands for itself.
    pub fn document(&self, source_sha256: &str) -> Option<String> {
        (self.provider == Provider::Note).then(|| self.origin.document(source_sha256))
    }

    /// Indices from the root down to `leaf`.
    pub fn path_to(&self, leaf: usize) -> Vec<usize> {
        let mut path: Vec<usize> = std::iter::successors(Some(leaf), |&i| self.nodes[i].parent).collect();
        path.reverse();
        path
    }

    /// Children of every node, in the order of [`Conversation::nodes`].
    pub fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(parent) = node.parent {
                children[parent].push(index);
            }
        }
        children
    }

    /// Orders nodes parents first and sets [`Conversation::nodes`] and [`Conversation::active_leaf`].
    ///
    /// `links` holds `(node, id of the parent)`; `None` as a node is a structural entry without a message, whose
    /// children are attached to its nearest ancestor with one. A parent id that does not exist makes a root, because
    /// exports of deleted branches leave such links. Of entries with the same id the first is kept, the others are
    /// counted in [`Conversation::left_out`]. Without `active` the newest leaf is taken, one whose answer has words if
    /// there is one.
    pub fn arrange(&mut self, mut links: Vec<Link>, active: Option<&str>) -> Result<(), TreeError> {
        let mut index_of = HashMap::with_capacity(links.len());
        links.retain(|link| {
            let is_new = !index_of.contains_key(&link.id);
            if is_new {
                index_of.insert(link.id.clone(), index_of.len());
            } else if link.node.is_some() {
                self.left_out.add(LeftOutKind::Message, "an id that comes twice", link.id.clone());
            }
            is_new
        });
        let parents: Vec<Option<usize>> =
            links.iter().map(|l| l.parent.as_ref().and_then(|p| index_of.get(p).copied())).collect();
        let order =
            parents_first(&parents).map_err(|index| TreeError::Cycle { node: links[index].id.clone() })?;

        // Position of each link's nearest entry with a message, itself included.
        let mut anchor: Vec<Option<usize>> = vec![None; links.len()];
        let mut messages: Vec<Option<Node>> = Vec::with_capacity(links.len());
        messages.resize_with(links.len(), || None);
        for (index, link) in links.into_iter().enumerate() {
            messages[index] = link.node;
        }
        self.nodes.clear();
        for index in order {
            let above = parents[index].and_then(|p| anchor[p]);
            anchor[index] = match messages[index].take() {
                Some(mut node) => {
                    node.parent = above;
                    self.nodes.push(node);
                    Some(self.nodes.len() - 1)
                }
                None => above,
            };
        }
        let named = active.and_then(|id| index_of.get(id)).and_then(|&index| anchor[index]);
        self.active_leaf = named.or_else(|| self.newest_leaf());
        Ok(())
    }

    fn newest_leaf(&self) -> Option<usize> {
        let children = self.children();
        let leaves = (0..self.nodes.len()).filter(|&i| children[i].is_empty());
        let ordered = leaves.map(|i| {
            let time_s = self.nodes[i].time_s.unwrap_or(f64::NEG_INFINITY);
            (!self.is_wordless_answer(i), time_s, i)
        });
        let newest = ordered.max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        newest.map(|(_, _, index)| index)
    }

    /// True if the reader sees nothing from this leaf up to the question above it: an answer that failed or was deleted.
    fn is_wordless_answer(&self, leaf: usize) -> bool {
        let is_question = |node: &Node| node.is_user_turn() && !node.hidden;
        let mut above = std::iter::successors(Some(leaf), |&i| self.nodes[i].parent).map(|i| &self.nodes[i]);
        let first_seen = above.find(|node| is_question(node) || !node.visible_text().is_empty());
        !is_question(&self.nodes[leaf]) && first_seen.is_none_or(is_question)
    }
}

/// One entry of an export's tree before it is arranged.
#[derive(Debug, Clone)]
pub struct Link {
    pub id: String,
    pub parent: Option<String>,
    pub node: Option<Node>,
}

impl Link {
    /// An entry with a message; its id is the node's.
    pub fn to(node: Node, parent: Option<String>) -> Link {
        Link { id: node.id.clone(), parent, node: Some(node) }
    }
}

/// A stable order in which every entry stands after its parent; `Err(i)` if `i` lies on a cycle.
fn parents_first(parents: &[Option<usize>]) -> Result<Vec<usize>, usize> {
    let mut order = Vec::with_capacity(parents.len());
    let mut placed = vec![false; parents.len()];
    let mut on_path = vec![false; parents.len()];
    for start in 0..parents.len() {
        let mut path = Vec::new();
        let mut current = Some(start);
        while let Some(index) = current.filter(|&i| !placed[i]) {
            if on_path[index] {
                return Err(index);
            }
            on_path[index] = true;
            path.push(index);
            current = parents[index];
        }
        for &index in path.iter().rev() {
            on_path[index] = false;
            placed[index] = true;
            order.push(index);
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests;
