//! Documents that a model writes by calling a tool: ChatGPT's canvas, Claude's artifacts and files, and their like.
//!
//! The reader saw the document, and the line beside it ("I have drafted it") says nothing without it. So the state of
//! each document is followed along the tree, and becomes text of the answer that wrote or changed it; the line becomes
//! a note. A change of a document that the export lacks cannot be told: the answer is marked as one that misses
//! something. The raw call stays in the tree.

mod call;
mod shown;
mod spoken;
mod stub;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use self::call::{Call, call, changed, is_document_tool};
pub use self::shown::{fence, shown, shown_from_fence};
use crate::conversation::{Block, BlockKind, Conversation, NodeRole};

/// Characters of all words of an answer that says nothing without what its call wrote.
const REMARK_CHARS: usize = 300;
/// Characters of a line beside a document that speaks of the page ("I have put it into the canvas"): one or two short
/// sentences. More may be a paragraph of the answer, and a paragraph that is lost is worse than a line that stays.
const LINE_CHARS: usize = 120;

/// A document as it stands after a call.
#[derive(Debug, Clone)]
struct Document {
    id: Option<String>,
    kind: String,
    language: String,
    body: String,
    /// Node and block in which it stands as text.
    shown: (usize, usize),
}

/// The documents of a conversation and the calls that failed, after a node.
#[derive(Debug, Clone, Default)]
struct State {
    documents: Vec<Rc<Document>>,
    failed: Vec<usize>,
}

/// Makes the documents of tool calls text of their answers, and marks the answers of which only a line is left.
pub fn resolve(conversation: &mut Conversation) {
    resolve_calls(conversation);
    stub::mark(conversation);
}

/// True if the words of a call stand as text in the answer.
pub fn is_text_of_answer(block: &Block) -> bool {
    let name = block.name.as_deref().unwrap_or_default();
    let has_words = |call: Call| {
        matches!(call, Call::Write { .. } | Call::Change { .. } | Call::Remarks(_) | Call::Words { .. })
    };
    is_call(block) && call(name, &block.text).is_some_and(has_words)
}

fn resolve_calls(conversation: &mut Conversation) {
    if !conversation.nodes.iter().any(|node| node.blocks.iter().any(is_call)) {
        return;
    }
    let turns = Turns::of(conversation);
    let mut resolver = Resolver { conversation, turns, shown: HashSet::new() };
    resolver.follow_all();
    resolver.part_remarks();
    for node in &mut resolver.conversation.nodes {
        // Where a later call of the same answer changed the document, the earlier one stands empty.
        if node.blocks.iter().any(is_call) {
            node.blocks.retain(|block| block.kind != BlockKind::Text || !block.text.is_empty());
        }
    }
}

fn is_call(block: &Block) -> bool {
    block.kind == BlockKind::ToolCall && is_document_tool(block.name.as_deref().unwrap_or(""))
}

/// Index of the document a call means: the one it names, or the last one written.
fn find(state: &State, id: Option<&str>) -> Option<usize> {
    match id {
        Some(id) => state.documents.iter().rposition(|document| document.id.as_deref() == Some(id)),
        None => state.documents.len().checked_sub(1),
    }
}

struct Resolver<'a> {
    conversation: &'a mut Conversation,
    turns: Turns,
    /// Node and block of the texts that calls wrote.
    shown: HashSet<(usize, usize)>,
}

impl Resolver<'_> {
    /// Follows the documents from the root to the leaves of the tree.
    fn follow_all(&mut self) {
        let mut states: HashMap<usize, State> = HashMap::new();
        // Nearest node at or above each with a state of its own.
        let mut last: Vec<Option<usize>> = Vec::with_capacity(self.conversation.nodes.len());
        for index in 0..self.conversation.nodes.len() {
            let node = &mut self.conversation.nodes[index];
            let above = node.parent.and_then(|parent| last[parent]);
            if node.role != NodeRole::Assistant || node.hidden || !node.blocks.iter().any(is_call) {
                last.push(above);
                continue;
            }
            let mut state = above.and_then(|above| states.get(&above)).cloned().unwrap_or_default();
            for block in std::mem::take(&mut node.blocks) {
                let name = block.name.clone().unwrap_or_default();
                let call = is_call(&block).then(|| call(&name, &block.text)).flatten();
                self.conversation.nodes[index].blocks.push(block);
                if let Some(call) = call {
                    self.follow(index, &mut state, &name, call);
                }
            }
            states.insert(index, state);
            last.push(Some(index));
        }
    }

    /// Applies one call of the node `index` to the state above it.
    fn follow(&mut self, index: usize, state: &mut State, name: &str, call: Call) {
        match call {
            Call::Remarks(remarks) => {
                let lines: Vec<String> =
                    remarks.iter().map(|remark| format!("- {}", remark.trim())).collect();
                self.push_text(index, lines.join("\n"));
            }
            Call::Words { texts, is_whole } => {
                if !texts.is_empty() {
                    self.push_text(index, texts.join("\n\n"));
                }
                if !is_whole {
                    let what = format!("the form in which `{name}` showed its words");
                    self.conversation.nodes[index].missing.get_or_insert(what);
                }
            }
            Call::Lost => self.lose(index, state, format!("the document that `{name}` wrote")),
            Call::Present(files) => {
                let stem = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
                let is_known = |file: &str| {
                    let ids = state.documents.iter().filter_map(|document| document.id.as_deref());
                    ids.map(stem).any(|id| id == stem(file))
                };
                if let Some(file) = files.iter().find(|file| !is_known(file)) {
                    self.lose(index, state, format!("the file `{}`", stem(file)));
                }
            }
            Call::Write { id, kind, language, body, is_cut } => {
                let old = id.as_deref().and_then(|id| find(state, Some(id)));
                let mut document = Document { id, kind, language, body, shown: (index, 0) };
                // Writing again does not say again what kind it is.
                if let Some(old) = old.filter(|_| document.kind.is_empty()).map(|old| &state.documents[old]) {
                    document.kind.clone_from(&old.kind);
                    document.language.clone_from(&old.language);
                }
                self.show(index, state, old, document, is_cut.then_some(name));
            }
            Call::Change { id, edits, is_cut } => {
                let old = find(state, id.as_deref());
                let changed = old.and_then(|at| changed(&state.documents[at].body, &edits));
                match (old, changed) {
                    (Some(at), Some(body)) => {
                        let document = Document { body, ..(*state.documents[at]).clone() };
                        self.show(index, state, old, document, is_cut.then_some(name));
                    }
                    _ => self.lose(index, state, format!("the document that `{name}` changed")),
                }
            }
        }
    }

    fn lose(&mut self, index: usize, state: &mut State, what: String) {
        self.conversation.nodes[index].missing.get_or_insert(what);
        state.failed.push(index);
    }

    /// Number of the new block.
    fn push_text(&mut self, index: usize, text: String) -> usize {
        let blocks = &mut self.conversation.nodes[index].blocks;
        blocks.push(Block::new(BlockKind::Text, text));
        self.shown.insert((index, blocks.len() - 1));
        blocks.len() - 1
    }

    /// Puts the document into the node as text; where the same answer showed an earlier state of it, that one goes.
    fn show(
        &mut self,
        index: usize,
        state: &mut State,
        old: Option<usize>,
        mut document: Document,
        cut_by: Option<&str>,
    ) {
        if let Some(old) = old {
            let (node, block) = state.documents.remove(old).shown;
            if self.turns.is_one_answer(node, index)
                && let Some(earlier) = self.conversation.nodes[node].blocks.get_mut(block)
            {
                earlier.text.clear();
            }
        }
        for failed in std::mem::take(&mut state.failed) {
            // A call that failed and was made again.
            if self.turns.is_one_answer(failed, index) {
                self.conversation.nodes[failed].missing = None;
            }
        }
        let text = shown(&document.kind, &document.language, &document.body);
        document.shown = (index, self.push_text(index, text));
        if let Some(name) = cut_by {
            let what = format!("the end of the document that `{name}` wrote");
            self.conversation.nodes[index].missing.get_or_insert(what);
        }
        state.documents.push(Rc::new(document));
    }

    /// A single line beside a document ("I have put it into the canvas") speaks of the page and is no part of the
    /// answer: it becomes a note of the assistant's. Whatever is longer stays.
    fn part_remarks(&mut self) {
        let count = self.conversation.nodes.len();
        let mut holds: Vec<bool> = vec![false; count];
        for (node, _) in &self.shown {
            holds[*node] = true;
        }
        // Remarks before the document, then those behind it.
        for index in (0..count).rev() {
            if let Some(parent) = self.turns.parent[index].filter(|parent| self.turns.children[*parent] == 1)
            {
                holds[parent] |= holds[index] && !self.turns.is_user[index];
            }
        }
        for index in 0..count {
            let above = self.turns.parent[index].is_some_and(|parent| holds[parent]);
            holds[index] = (holds[index] || above) && !self.turns.is_user[index];
            let node = &mut self.conversation.nodes[index];
            if !holds[index] || node.role != NodeRole::Assistant {
                continue;
            }
            for (at, block) in node.blocks.iter_mut().enumerate() {
                let line = block.text.trim();
                let is_remark = !line.contains('\n') && line.chars().count() <= LINE_CHARS;
                if block.kind == BlockKind::Text && is_remark && !self.shown.contains(&(index, at)) {
                    block.kind = BlockKind::Commentary;
                }
            }
        }
    }
}

/// Which nodes are one answer, without a branch between them.
struct Turns {
    parent: Vec<Option<usize>>,
    /// Number of the children.
    children: Vec<usize>,
    is_user: Vec<bool>,
}

impl Turns {
    fn of(conversation: &Conversation) -> Turns {
        let nodes = &conversation.nodes;
        let mut children = vec![0; nodes.len()];
        for parent in nodes.iter().filter_map(|node| node.parent) {
            children[parent] += 1;
        }
        Turns {
            parent: nodes.iter().map(|node| node.parent).collect(),
            children,
            is_user: nodes.iter().map(|node| !node.hidden && node.is_user_turn()).collect(),
        }
    }

    fn is_one_answer(&self, above: usize, below: usize) -> bool {
        let mut at = below;
        while at != above {
            match self.parent[at] {
                Some(parent) if !self.is_user[at] && self.children[parent] == 1 => at = parent,
                _ => return false,
            }
        }
        true
    }
}

/// A name in lower case, without separators.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::conversation::{Link, Node, Origin, Provider};

    fn call_block(name: &str, arguments: &Value) -> Block {
        Block::named(BlockKind::ToolCall, arguments.to_string(), name)
    }

    /// A line of turns: `Ok` is what the user said, `Err` what the assistant did.
    fn resolved(turns: Vec<Result<&str, Vec<Block>>>) -> Vec<(String, Option<String>)> {
        let mut links: Vec<Link> = Vec::new();
        for turn in turns {
            let id = links.len().to_string();
            let node = match turn {
                Ok(text) => Node::new(id, NodeRole::User, vec![Block::new(BlockKind::Text, text)]),
                Err(blocks) => Node::new(id, NodeRole::Assistant, blocks),
            };
            let parent = links.last().map(|link| link.id.clone());
            links.push(Link::to(node, parent));
        }
        let mut conversation = Conversation::new(Provider::ChatGpt, "c", Origin::default());
        conversation.arrange(links, None).expect("a line");
        resolve(&mut conversation);
        let answers = conversation.nodes.iter().filter(|node| node.role == NodeRole::Assistant);
        answers.map(|node| (node.visible_text(), node.missing.clone())).collect()
    }

    fn create(content: &str) -> Block {
        call_block(
            "canmore.create_textdoc",
            &json!({ "name": "Masts", "type": "document", "content": content }),
        )
    }

    fn update(pattern: &str, replacement: &str, multiple: bool) -> Block {
        let change = json!({ "pattern": pattern, "multiple": multiple, "replacement": replacement });
        call_block("canmore.update_textdoc", &json!({ "updates": [change] }))
    }

    #[test]
    fn changes_are_applied_to_the_document_as_it_stood() {
        for (change, expected) in [
            (update("tall", "short", false), "Masts are short. So tall."),
            (update("tall", "short", true), "Masts are short. So short."),
            (update(".*", "All new: \\frac.", false), "All new: \\frac."),
            (update("(Masts) are (\\w+)", "\\2 are the \\g<1>", false), "tall are the Masts. So tall."),
            (update("So tall. (Really?)", "x", false), "LOST"),
            (update("So tall\\.\\Z", "No.", false), "Masts are tall. No."),
            (update("So (?=tall)", "x", false), "LOST"),
        ] {
            let answers = resolved(vec![
                Ok("Write."),
                Err(vec![create("Masts are tall. So tall.")]),
                Ok("Change."),
                Err(vec![change]),
            ]);
            assert_eq!(answers[0], ("Masts are tall. So tall.".to_owned(), None));
            match expected {
                "LOST" => {
                    assert!(answers[1].1.as_deref().is_some_and(|what| what.contains("update_textdoc")))
                }
                text => assert_eq!(answers[1], (text.to_owned(), None)),
            }
        }
    }

    #[test]
    fn an_answer_shows_each_document_once_as_it_was_left() {
        let say = |text: &str| Block::new(BlockKind::Text, text);
        let answers = resolved(vec![
            Ok("Write."),
            Err(vec![create("Draft.")]),
            Err(vec![update("no such words", "x", false)]),
            Err(vec![update("Draft", "Done", false), say("Here it is.")]),
        ]);
        assert_eq!(answers.iter().map(|a| a.0.as_str()).collect::<Vec<_>>(), ["", "", "Done."]);
        assert!(
            answers.iter().all(|answer| answer.1.is_none()),
            "the failed call was made again: {answers:?}"
        );
    }

    #[test]
    fn paragraphs_around_a_document_stay_and_a_line_about_it_goes() {
        let say = |text: &str| Block::new(BlockKind::Text, text);
        let before = "Before the text, two decisions. The masts come first, because the eye climbs from the deck. \
            The sails follow, since nobody sees them furled.";
        let answers = resolved(vec![
            Ok("Write and explain."),
            Err(vec![say(before), create("Masts are tall."), say("Tell me if it should be shorter.")]),
        ]);
        assert_eq!(answers[0].0, format!("{before}\n\nMasts are tall."));
    }

    #[test]
    fn artifacts_and_files_are_followed_by_their_names() {
        let artifact = |input: Value| call_block("artifacts", &input);
        let file = |name: &str, input: Value| call_block(name, &input);
        let answers = resolved(vec![
            Ok("Two."),
            Err(vec![
                artifact(
                    json!({ "command": "create", "id": "a", "type": "text/markdown", "content": "Alpha." }),
                ),
                artifact(
                    json!({ "command": "create", "id": "b", "type": "application/vnd.ant.code", "language": "python", "content": "b = 1" }),
                ),
            ]),
            Ok("Change a."),
            Err(vec![artifact(
                json!({ "command": "update", "id": "a", "old_str": "Alpha", "new_str": "Omega" }),
            )]),
            Ok("Files."),
            Err(vec![
                file("create_file", json!({ "path": "/out/m.md", "file_text": "Masts." })),
                file("str_replace", json!({ "path": "/out/m.md", "old_str": "Masts", "new_str": "Sails" })),
                file("present_files", json!({ "filepaths": ["/other/m.md"] })),
            ]),
            Ok("And?"),
            Err(vec![file("present_files", json!({ "filepaths": ["/out/table.xlsx"] }))]),
        ]);
        assert_eq!(answers[0].0, "Alpha.\n\n```python\nb = 1\n```");
        assert_eq!(answers[1].0, "Omega.");
        assert_eq!(answers[2], ("Sails.".to_owned(), None));
        assert_eq!(answers[3].1.as_deref(), Some("the file `table.xlsx`"));
    }

    #[test]
    fn a_call_whose_words_are_gone_marks_its_answer_and_others_do_not() {
        let answers = resolved(vec![
            Ok("Write."),
            Err(vec![call_block("artifacts", &json!({})), Block::new(BlockKind::Text, "Done.")]),
        ]);
        assert_eq!(answers[0].1.as_deref(), Some("the document that `artifacts` wrote"));
        for name in ["search_documents", "view", "web_search", "read_canvas"] {
            let answers =
                resolved(vec![Ok("Look."), Err(vec![call_block(name, &json!({ "content": "x" }))])]);
            assert_eq!(answers[0], (String::new(), None), "{name}");
        }
    }
}
