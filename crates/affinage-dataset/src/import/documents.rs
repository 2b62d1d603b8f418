//! Documents that a model writes by calling a tool: ChatGPT's canvas, Claude's artifacts and files, and their like.
//!
//! The reader saw the document, and the line beside it ("I have drafted it") says nothing without it. So the state of
//! each document is followed along the tree, and becomes text of the answer that wrote or changed it; the line becomes
//! a note. A change of a document that the export lacks cannot be told: the answer is marked as one that misses
//! something. The raw call stays in the tree.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use regex::Regex;
use serde_json::Value;

use super::json::string;
use crate::conversation::{Block, BlockKind, Conversation, NodeRole};

/// Names of tools that write documents, in lower case without separators: exact ones, and parts of names.
const TOOLS: [&str; 6] =
    ["artifacts", "createfile", "strreplace", "rewritefile", "presentfiles", "updatefile"];
const TOOL_PARTS: [&str; 4] = ["canmore", "textdoc", "artifact", "canvas"];
const DOCUMENT_VERBS: [&str; 6] = ["create", "write", "update", "rewrite", "edit", "change"];
/// Verbs of tools that only look at documents.
const LOOKS: [&str; 9] = ["search", "read", "get", "list", "view", "fetch", "find", "query", "delete"];

/// Characters of a line beside a document that says nothing without it.
const REMARK_CHARS: usize = 300;

const BODIES: [&str; 8] =
    ["content", "file_text", "text", "code", "body", "markdown", "html", "file_content"];
const NAMES: [&str; 9] =
    ["id", "identifier", "artifact_id", "document_id", "textdoc_id", "path", "file_path", "filename", "name"];
const TYPES: [&str; 4] = ["type", "kind", "mime_type", "format"];
const CHANGES: [&str; 3] = ["updates", "edits", "changes"];
/// Fields of what a change looks for and what it puts there; the first pair is an expression.
const PAIRS: [(&str, &str); 6] = [
    ("pattern", "replacement"),
    ("old_str", "new_str"),
    ("old_string", "new_string"),
    ("old_text", "new_text"),
    ("search", "replace"),
    ("find", "replace"),
];

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

#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    find: String,
    replacement: String,
    is_pattern: bool,
    everywhere: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Call {
    Write {
        id: Option<String>,
        kind: String,
        language: String,
        body: String,
        is_cut: bool,
    },
    Change {
        id: Option<String>,
        edits: Vec<Edit>,
        is_cut: bool,
    },
    /// Remarks on a document, which are the answer.
    Remarks(Vec<String>),
    /// Files handed to the reader.
    Present(Vec<String>),
    /// A call that writes a document whose words are not there.
    Lost,
}

/// The documents of a conversation and the calls that failed, after a node.
#[derive(Debug, Clone, Default)]
struct State {
    documents: Vec<Rc<Document>>,
    failed: Vec<usize>,
}

/// Makes the documents of tool calls text of their answers.
pub fn resolve(conversation: &mut Conversation) {
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
                // Writing anew does not say again what kind it is.
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
    /// answer: it becomes a note of the assistant's. Longer remarks stay.
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
                let is_remark = !line.contains('\n') && line.chars().count() <= REMARK_CHARS;
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

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_document_tool(name: &str) -> bool {
    let plain = plain(name);
    let holds = |words: &[&str]| words.iter().any(|word| plain.contains(word));
    TOOLS.contains(&plain.as_str())
        || (!holds(&LOOKS) && (holds(&TOOL_PARTS) || (plain.contains("document") && holds(&DOCUMENT_VERBS))))
}

/// Reads a call; `None` if it neither writes nor changes anything.
fn call(name: &str, arguments: &str) -> Option<Call> {
    let Some((value, is_cut)) = json_with_its_end(arguments) else {
        return Some(Call::Lost);
    };
    let plain = plain(name);
    let list = |keys: &[&str]| keys.iter().find_map(|key| value.get(*key)?.as_array());
    let texts = |list: &Vec<Value>| list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if plain == "presentfiles" {
        return list(&["filepaths", "file_paths", "paths", "files"]).map(|files| Call::Present(texts(files)));
    }
    if let Some(comments) = list(&["comments"]) {
        let remarks = comments.iter().filter_map(|comment| string(comment, "comment").or(comment.as_str()));
        return Some(Call::Remarks(remarks.map(str::to_owned).collect()));
    }
    let command = string(&value, "command").unwrap_or_default().to_lowercase();
    if LOOKS.contains(&command.as_str()) {
        return None;
    }
    let id = NAMES.iter().find_map(|key| string(&value, key)).map(str::to_owned);
    let changes = list(&CHANGES).map_or(std::slice::from_ref(&value), Vec::as_slice);
    let edits: Vec<Edit> = changes.iter().filter_map(edit).collect();
    if !edits.is_empty() {
        let is_cut = is_cut || edits.len() < changes.len();
        // The canvas has one document and names none.
        let id = id.filter(|_| value.get("updates").is_none());
        return Some(Call::Change { id, edits, is_cut });
    }
    let Some(body) = BODIES.iter().find_map(|key| string(&value, key)) else {
        return Some(Call::Lost);
    };
    let field =
        |keys: &[&str]| keys.iter().find_map(|key| string(&value, key)).unwrap_or_default().to_owned();
    let path = field(&["path", "file_path", "filename"]);
    let kind = match field(&TYPES) {
        kind if kind.is_empty() => path
            .rsplit(['/', '\\'])
            .next()
            .and_then(|file| file.rsplit_once('.'))
            .map_or("", |at| at.1)
            .to_owned(),
        kind => kind,
    };
    Some(Call::Write { id, kind, language: field(&["language", "lang"]), body: body.to_owned(), is_cut })
}

fn edit(value: &Value) -> Option<Edit> {
    let (index, find, replacement) = PAIRS.iter().enumerate().find_map(|(index, (find, replacement))| {
        let replacement = value.get(*replacement)?.as_str()?;
        Some((index, string(value, find)?.to_owned(), replacement.to_owned()))
    })?;
    let everywhere = ["multiple", "replace_all", "all"]
        .iter()
        .any(|key| value.get(*key).and_then(Value::as_bool) == Some(true));
    Some(Edit { find, replacement, is_pattern: index == 0, everywhere })
}

/// The body after all edits; `None` if one of them finds nothing.
fn changed(body: &str, edits: &[Edit]) -> Option<String> {
    edits.iter().try_fold(body.to_owned(), |body, edit| edited(&body, edit))
}

fn edited(body: &str, edit: &Edit) -> Option<String> {
    const WHOLE: [&str; 6] = [".*", "^.*$", "(?s).*", "(?s)^.*$", "[\\s\\S]*", ".+"];
    if edit.is_pattern && WHOLE.contains(&edit.find.as_str()) {
        return Some(edit.replacement.clone());
    }
    if edit.is_pattern
        && let Ok(pattern) = Regex::new(&edit.find.replace("\\Z", "\\z"))
        && pattern.is_match(body)
    {
        let limit = usize::from(!edit.everywhere);
        let put = |found: &regex::Captures<'_>| with_groups(&edit.replacement, found);
        return Some(pattern.replacen(body, limit, put).into_owned());
    }
    // Models forget to escape, and escape what the expressions here do not know.
    let literal =
        [edit.find.clone(), unescaped(&edit.find)].into_iter().find(|text| body.contains(text.as_str()))?;
    Some(match edit.everywhere {
        true => body.replace(&literal, &edit.replacement),
        false => body.replacen(&literal, &edit.replacement, 1),
    })
}

/// The replacement with `\1` and `\g<1>` as what the groups found.
fn with_groups(replacement: &str, found: &regex::Captures<'_>) -> String {
    let mut text = String::with_capacity(replacement.len());
    let mut rest = replacement;
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        let named = behind.strip_prefix("g<").and_then(|group| group.split_once('>'));
        let digit = behind.chars().next().and_then(|c| c.to_digit(10)).filter(|digit| *digit > 0);
        match (named, digit) {
            (Some((name, behind)), _) => {
                let group = name.parse().map_or_else(|_| found.name(name), |number: usize| found.get(number));
                text.push_str(group.map_or("", |group| group.as_str()));
                rest = behind;
            }
            (None, Some(digit)) => {
                text.push_str(found.get(digit as usize).map_or("", |group| group.as_str()));
                rest = &behind[1..];
            }
            (None, None) => {
                text.push('\\');
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    text
}

/// An expression for a plain text, without its backslashes.
fn unescaped(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

/// A JSON object whose end may be lacking, and whether the lack cut a text. Line breaks in its strings are let pass.
fn json_with_its_end(text: &str) -> Option<(Value, bool)> {
    let text = text.trim();
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return value.is_object().then_some((value, false));
    }
    let mut mended = String::with_capacity(text.len() + 8);
    let mut closers = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    // Where the last whole element ended, with the brackets that were open there.
    let mut whole = None;
    for c in text.chars() {
        if in_string {
            match c {
                '\n' if !escaped => mended.push_str("\\n"),
                '\r' if !escaped => mended.push_str("\\r"),
                '\t' if !escaped => mended.push_str("\\t"),
                other => mended.push(other),
            }
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' => closers.push('}'),
            '[' => closers.push(']'),
            '}' | ']' if closers.pop() != Some(c) => return None,
            ',' => whole = Some((mended.len(), closers.clone())),
            _ => {}
        }
        mended.push(c);
    }
    let closed = |mut text: String, closers: &[char]| {
        text.extend(closers.iter().rev());
        serde_json::from_str::<Value>(&text).ok().filter(Value::is_object)
    };
    let ended = match in_string {
        // A backslash at the very end escapes nothing.
        true => format!("{}\"", mended.strip_suffix('\\').filter(|_| escaped).unwrap_or(&mended)),
        false => mended.trim_end_matches([',', ' ', '\n']).to_owned(),
    };
    if let Some(value) = closed(ended, &closers) {
        return Some((value, in_string));
    }
    let (len, closers) = whole?;
    closed(mended[..len].to_owned(), &closers).map(|value| (value, true))
}

/// Types of documents that are prose, and the language of others where the name of the type is not its name.
const PROSE: [&str; 10] =
    ["", "document", "md", "markdown", "txt", "text", "plain", "plaintext", "richtext", "note"];
const LANGUAGES: [(&str, &str); 14] = [
    ("py", "python"),
    ("js", "javascript"),
    ("ts", "typescript"),
    ("rs", "rust"),
    ("rb", "ruby"),
    ("sh", "bash"),
    ("yml", "yaml"),
    ("htm", "html"),
    ("codehtml", "html"),
    ("react", "jsx"),
    ("svgxml", "svg"),
    ("xpython", "python"),
    ("kt", "kotlin"),
    ("cs", "csharp"),
];

/// A document as its reader saw it: prose as it is, code in a fence.
pub fn shown(kind: &str, language: &str, body: &str) -> String {
    let body = body.trim_matches(['\n', '\r']);
    match code_language(kind, language) {
        Some(language) if fenced_whole(body).is_none() => fence(&language, body),
        _ => body.to_owned(),
    }
}

/// As [`shown`], for a product that puts every document into a fence.
pub fn shown_from_fence(kind: &str, language: &str, body: &str) -> String {
    match (code_language(kind, language), fenced_whole(body)) {
        (None, Some(inside)) => inside.to_owned(),
        _ => shown(kind, language, body.trim()),
    }
}

/// The language of a document that is code, which may be empty; `None` for prose. Types are written as `code/python`,
/// `text/html`, `image/svg+xml`, `application/vnd.ant.react` or the ending of a file.
fn code_language(kind: &str, language: &str) -> Option<String> {
    let name = plain(kind.rsplit(['/', '.']).next().unwrap_or(kind));
    let language = match language {
        "" if name == "code" => String::new(),
        "" => LANGUAGES
            .iter()
            .find(|(short, _)| *short == name)
            .map_or(name.clone(), |(_, long)| (*long).to_owned()),
        named => named.to_owned(),
    };
    let is_prose = name != "code" && PROSE.contains(&plain(&language).as_str());
    (!is_prose).then_some(language)
}

/// Code in a fence that is longer than any in it.
pub fn fence(language: &str, code: &str) -> String {
    let longest = code
        .lines()
        .map(|line| line.trim_start().bytes().take_while(|b| *b == b'`').count())
        .max()
        .unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    format!("{ticks}{language}\n{}\n{ticks}", code.trim_matches(['\n', '\r']))
}

/// The inside of a text that is one fenced block and nothing else.
fn fenced_whole(text: &str) -> Option<&str> {
    let text = text.trim();
    let ticks = &text[..text.len() - text.trim_start_matches('`').len()];
    let (_, rest) = text.split_once('\n').filter(|_| ticks.len() >= 3)?;
    let inside = rest.strip_suffix(ticks)?;
    let inside = if inside.is_empty() { inside } else { inside.strip_suffix('\n')? };
    (!inside.lines().any(|line| line.trim() == ticks)).then_some(inside)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn json_without_its_end_is_read_as_far_as_it_goes() {
        for (text, expected) in [
            (r#"{"a": {"b": ["c"]}}"#, Some((json!({ "a": { "b": ["c"] } }), false))),
            (r#"{"a": [{"b": "c"}"#, Some((json!({ "a": [{ "b": "c" }] }), false))),
            (r#"{"a": "cut he"#, Some((json!({ "a": "cut he" }), true))),
            (r#"{"a": "b", "c"#, Some((json!({ "a": "b" }), true))),
            ("{\"a\": \"two\nlines\"}", Some((json!({ "a": "two\nlines" }), false))),
            (r#"{"a": "b\"#, Some((json!({ "a": "b" }), true))),
            ("no json", None),
            ("[1]", None),
        ] {
            assert_eq!(json_with_its_end(text), expected, "{text}");
        }
    }

    #[test]
    fn prose_is_shown_as_it_is_and_code_in_a_fence() {
        for (kind, language, body, expected) in [
            ("document", "", "# A\n\nB.", "# A\n\nB."),
            ("text/markdown", "", "\nB.\n", "B."),
            ("code/python", "", "b = 1", "```python\nb = 1\n```"),
            ("application/vnd.ant.react", "", "<A/>", "```jsx\n<A/>\n```"),
            ("image/svg+xml", "", "<svg/>", "```svg\n<svg/>\n```"),
            ("py", "", "b = 1", "```python\nb = 1\n```"),
            ("application/vnd.ant.code", "", "b", "```\nb\n```"),
            ("md", "", "Use:\n\n```sh\nls\n```\n\nDone.", "Use:\n\n```sh\nls\n```\n\nDone."),
            ("html", "", "```\na\n```\nb", "````html\n```\na\n```\nb\n````"),
            ("text/markdown", "", "```\nverse\n```", "```\nverse\n```"),
        ] {
            assert_eq!(shown(kind, language, body), expected, "{kind}");
        }
        assert_eq!(shown_from_fence("text/markdown", "", "```\nverse\n```\n"), "verse");
        assert_eq!(shown_from_fence("text/html", "", "```html\n<p>\n```"), "```html\n<p>\n```");
    }
}
