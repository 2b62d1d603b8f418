//! What every conversation gets before it is handed on, whatever product it comes from.

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use super::harness::{self, Names};
use super::records::Alone;
use super::{LeftOutKind, documents, facts, html, markup, records};
use crate::conversation::{Block, BlockKind, Conversation, Node, NodeRole};

/// Plain line ends and composed letters in all texts; reasoning, tool traffic and markup out of the words of the
/// assistant; documents of tool calls into them; lists of uploaded files out of the words of the user.
pub fn settle(conversation: &mut Conversation) {
    normalise(&mut conversation.title);
    for block in conversation.nodes.iter_mut().flat_map(|node| &mut node.blocks) {
        normalise(&mut block.text);
    }
    show_html(conversation);
    for node in &mut conversation.nodes {
        if matches!(node.role, NodeRole::User | NodeRole::Assistant) {
            open_records(node);
        }
        match node.role {
            NodeRole::User => settle_user(node),
            NodeRole::Assistant if !node.hidden => lift_markup(node),
            _ => {}
        }
    }
    harness::hide_answered_commands(&mut conversation.nodes);
    hide_set_up(&mut conversation.nodes);
    say_interruptions(&mut conversation.nodes);
    documents::resolve(conversation);
    drop_repeated(conversation);
}

/// Answers that are HTML from end to end become Markdown, if all of them are so and nobody asked for HTML.
fn show_html(conversation: &mut Conversation) {
    let is_word = |block: &Block| block.kind == BlockKind::Text && !block.text.trim().is_empty();
    let words_of = |role| {
        let nodes = conversation.nodes.iter().filter(move |node| node.role == role && !node.hidden);
        nodes.flat_map(|node| &node.blocks).filter(|block| is_word(block)).map(|block| block.text.as_str())
    };
    let is_about_html = |text: &str| text.contains('<') || text.to_lowercase().contains("html");
    let mut answers = words_of(NodeRole::Assistant).peekable();
    if answers.peek().is_none()
        || !answers.all(html::answer::is_html)
        || words_of(NodeRole::User).any(is_about_html)
    {
        return;
    }
    for node in conversation.nodes.iter_mut().filter(|node| node.role == NodeRole::Assistant && !node.hidden)
    {
        for block in node.blocks.iter_mut().filter(|block| is_word(block)) {
            block.text = html::answer::as_markdown(&block.text);
        }
    }
}

/// Takes the words out of a message of the assistant that says again, word for word, what the message above it says.
fn drop_repeated(conversation: &mut Conversation) {
    let texts: Vec<Option<String>> = conversation.nodes.iter().map(said_by_assistant).collect();
    for (index, text) in texts.iter().enumerate().filter(|(_, text)| text.is_some()) {
        let above = conversation.nodes[index].parent.and_then(|parent| texts[parent].as_ref());
        if above != text.as_ref() {
            continue;
        }
        let is_word = |block: &Block| matches!(block.kind, BlockKind::Text | BlockKind::Attachment);
        conversation.nodes[index].blocks.retain(|block| !is_word(block));
        conversation.left_out.add(LeftOutKind::Repeated, "", "");
    }
}

fn said_by_assistant(node: &Node) -> Option<String> {
    let text = (node.role == NodeRole::Assistant).then(|| node.visible_text());
    text.filter(|text| !text.is_empty())
}

/// What a product says to its model in the user's name before the first prompt, and what the model answers to that.
fn hide_set_up(nodes: &mut [Node]) {
    const WORDS: [&str; 2] = ["this is the ", "setting up the context"];
    let Some(first) =
        nodes.iter().position(|node| node.role == NodeRole::User && !node.visible_text().is_empty())
    else {
        return;
    };
    let begin: String = nodes[first].visible_text().chars().take(200).collect::<String>().to_lowercase();
    if !begin.starts_with(WORDS[0]) || !begin.contains(WORDS[1]) {
        return;
    }
    nodes[first].hidden = true;
    let mut belongs = vec![false; nodes.len()];
    belongs[first] = true;
    for index in first + 1..nodes.len() {
        belongs[index] =
            nodes[index].role != NodeRole::User && nodes[index].parent.is_some_and(|above| belongs[above]);
        nodes[index].hidden |= belongs[index];
    }
}

/// The mark of an interruption is no prompt; the answer above it did not come to its end.
fn say_interruptions(nodes: &mut [Node]) {
    for index in 0..nodes.len() {
        let is_mark = |node: &Node| {
            node.role == NodeRole::User && node.blocks.iter().any(|block| facts::is_interruption(&block.text))
        };
        if !is_mark(&nodes[index]) {
            continue;
        }
        nodes[index].hidden = true;
        let above = std::iter::successors(nodes[index].parent, |above| nodes[*above].parent)
            .find(|above| nodes[*above].role != NodeRole::Tool);
        if let Some(above) = above.filter(|above| nodes[*above].role == NodeRole::Assistant) {
            nodes[above].truncated.get_or_insert_with(|| "interrupted".to_owned());
        }
    }
}

/// Line feeds alone, and Unicode's form NFC.
pub(super) fn normalise(text: &mut String) {
    if text.contains('\r') {
        *text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    // Below U+0300, whose first byte is 0xcc, every character is composed.
    if text.bytes().any(|byte| byte >= 0xcc) && is_nfc_quick(text.chars()) != IsNormalized::Yes {
        *text = text.nfc().collect();
    }
}

/// The HTML that a page puts around an answer, as the Markdown it shows.
fn page_of_answer(text: &str) -> Option<String> {
    const AROUND: [&str; 3] =
        ["<div class=\"markdown", "<div class=\"result-streaming", "<div class='markdown"];
    let text = text.trim();
    (AROUND.iter().any(|tag| text.starts_with(tag)) && text.ends_with("</div>")).then(|| html::shown(text))
}

fn lift_markup(node: &mut Node) {
    for block in node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        if let Some(shown) = page_of_answer(&block.text) {
            block.text = shown;
        }
    }
    let lift = |block: Block| {
        let lifted = (block.kind == BlockKind::Text).then(|| markup::lifted(&block.text)).flatten();
        let Some(lifted) = lifted else { return vec![block] };
        let mut blocks = lifted.blocks;
        let behind = blocks.split_off(blocks.len().saturating_sub(lifted.behind));
        if !lifted.spoken.trim().is_empty() {
            blocks.push(Block::new(BlockKind::Text, lifted.spoken));
        }
        blocks.extend(behind);
        blocks
    };
    node.blocks = std::mem::take(&mut node.blocks).into_iter().flat_map(lift).collect();
}

/// Elements with which products begin a prompt to which files were uploaded.
const UPLOADS: [&str; 4] = ["uploaded_files", "attached_files", "uploaded_file", "attached_file"];

/// Opens the texts that are the record of a message.
fn open_records(node: &mut Node) {
    let opened = |block: Block| match block.kind {
        BlockKind::Text => records::opened(&block.text, Alone::IsWords).unwrap_or_else(|| vec![block]),
        _ => vec![block],
    };
    node.blocks = std::mem::take(&mut node.blocks).into_iter().flat_map(opened).collect();
}

fn settle_user(node: &mut Node) {
    if !node.hidden {
        harness::unburden(node, Names::Known);
    }
    // Results of tools that an interface puts into the user's role.
    let is_traffic = |block: &Block| matches!(block.kind, BlockKind::ToolResult | BlockKind::ToolCall);
    if !node.blocks.is_empty() && node.blocks.iter().all(is_traffic) {
        node.role = NodeRole::Tool;
        return;
    }
    // What the product wrote alone in the user's name is no prompt, but the answer above it ends here.
    let is_said =
        |block: &Block| matches!(block.kind, BlockKind::Text | BlockKind::Attachment | BlockKind::Media);
    if !node.blocks.iter().any(is_said) {
        for block in
            node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Context && block.name.is_some())
        {
            block.kind = BlockKind::Text;
            node.hidden = true;
        }
    }
    let mut uploads = Vec::new();
    for block in node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        if let Some((files, words)) = parted_uploads(&block.text) {
            uploads.push(Block::named(BlockKind::Media, "", files));
            block.text = words;
        }
    }
    node.blocks.extend(uploads);
}

/// The list of files at the beginning of a prompt, and the words behind it. A list that holds the files' text is
/// left where it is.
fn parted_uploads(text: &str) -> Option<(String, String)> {
    let begin = text.trim_start();
    let (list, words) = UPLOADS.iter().find_map(|name| {
        let inside = begin.strip_prefix(&format!("<{name}>"))?;
        inside.split_once(&format!("</{name}>"))
    })?;
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_name = |line: &str| {
        line.ends_with("/>") || line.starts_with('/') || line.starts_with("- ") || !line.contains(' ')
    };
    let names: Vec<&str> = lines.collect();
    names.iter().all(|line| is_name(line)).then(|| (names.join(", "), words.trim_start().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Link, Origin, Provider};

    fn settled(role: NodeRole, blocks: Vec<Block>) -> Node {
        let mut conversation = Conversation::new(Provider::Messages, "c", Origin::default());
        conversation.arrange(vec![Link::to(Node::new("n", role, blocks), None)], None).expect("a node");
        settle(&mut conversation);
        conversation.nodes.remove(0)
    }

    fn text(words: &str) -> Vec<Block> {
        vec![Block::new(BlockKind::Text, words)]
    }

    #[test]
    fn line_ends_and_letters_have_one_form() {
        let node = settled(NodeRole::User, text("One\r\nTwo\rThu\u{308}r\n\n\ncode"));
        assert_eq!(node.visible_text(), "One\nTwo\nThür\n\n\ncode");
    }

    #[test]
    fn only_what_the_assistant_says_is_parted_from_its_reasoning() {
        let words = "<think>\nHm.\n</think>\n\nBoats float.";
        assert_eq!(settled(NodeRole::Assistant, text(words)).visible_text(), "Boats float.");
        assert_eq!(settled(NodeRole::User, text(words)).visible_text(), words);
    }

    #[test]
    fn a_reply_that_only_thinks_is_not_an_empty_reply() {
        let node = settled(NodeRole::Assistant, text("<think>Hm.</think>"));
        assert!(!node.is_empty_reply() && node.visible_text().is_empty());
    }

    #[test]
    fn a_list_of_uploads_is_media_and_no_words() {
        let node = settled(
            NodeRole::User,
            text("<uploaded_files>\n<file name=\"a.txt\"/>\n</uploaded_files>\n\nWhat is in it?"),
        );
        assert_eq!((node.visible_text().as_str(), node.media_count()), ("What is in it?", 1));
        let words = "<uploaded_files>\nThe text of a file stands here.\n</uploaded_files>\n\nSum up.";
        assert_eq!(settled(NodeRole::User, text(words)).visible_text(), words);
    }

    #[test]
    fn results_of_tools_are_no_turn_of_the_user() {
        let results = vec![Block::new(BlockKind::ToolResult, "12")];
        assert_eq!(settled(NodeRole::User, results).role, NodeRole::Tool);
    }
}
