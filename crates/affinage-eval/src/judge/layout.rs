//! Elements of HTML that lay a text out and say nothing of it. Others (`<blockquote>`, `<del>`, `<pre>`) quote, or take back.

use std::borrow::Cow;

/// A tag of such an element, without attributes but those of language and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout<'t> {
    pub len: usize,
    pub name: &'t str,
    pub is_end: bool,
}

impl Layout<'_> {
    /// Whether a line ends where it stands.
    pub fn is_block(&self) -> bool {
        BLOCKS.contains(&self.name)
    }

    /// Whether it needs no tag at its end.
    pub fn is_single(&self) -> bool {
        ["p", "br", "hr"].contains(&self.name)
    }
}

const BLOCKS: [&str; 17] = [
    "p", "br", "hr", "div", "section", "article", "main", "body", "html", "center", "header", "h1", "h2",
    "h3", "h4", "h5", "h6",
];

/// Inline elements with the Markdown that means the same.
const INLINE: [(&str, &str); 9] = [
    ("b", "**"),
    ("strong", "**"),
    ("i", "*"),
    ("em", "*"),
    ("u", ""),
    ("span", ""),
    ("big", ""),
    ("small", ""),
    ("mark", ""),
];

/// The tag that `text` begins with. Names are in small letters: in capitals they may be labels.
pub(super) fn layout_at(text: &str) -> Option<Layout<'_>> {
    let inside = text.strip_prefix('<')?;
    let inside = &inside[..inside.char_indices().find(|(at, c)| *c == '>' || *at > 40)?.0];
    let len = inside.len() + 2;
    if !text[len - 1..].starts_with('>') {
        return None;
    }
    let bare = inside.strip_prefix('/').unwrap_or(inside);
    let is_end = bare.len() < inside.len();
    let mut words = bare.trim_end_matches('/').split_ascii_whitespace();
    let name = words.next().filter(|_| !bare.starts_with(char::is_whitespace))?;
    let says_nothing =
        words.all(|word| ["dir=", "lang=", "align="].iter().any(|name| word.starts_with(name)));
    let is_known = BLOCKS.contains(&name) || INLINE.iter().any(|(inline, _)| *inline == name);
    (is_known && says_nothing).then_some(Layout { len, name, is_end })
}

/// The pieces of `line` between tags of blocks, with their places, and what the tags are. Tags in the middle of a line are
/// looked at only where the line begins with one, so that a sentence about `<div>` is a sentence; `<br>` always.
pub(super) fn pieces(line: &str) -> (Vec<(usize, &str)>, Vec<Layout<'_>>) {
    let begins = layout_at(line.trim_start()).is_some();
    let (mut pieces, mut tags, mut start) = (Vec::new(), Vec::new(), 0);
    for (at, _) in line.match_indices('<') {
        let Some(tag) = layout_at(&line[at..]).filter(|tag| at >= start && tag.is_block()) else { continue };
        let is_quoted = line[..at].ends_with(['"', '\'', '`']);
        if is_quoted || !(begins || tag.name == "br" || ends_in_tags(&line[at..])) {
            continue;
        }
        pieces.push((start, &line[start..at]));
        start = at + tag.len;
        tags.push(tag);
    }
    pieces.push((start, &line[start..]));
    (pieces, tags)
}

/// Whether `rest` is closing tags and nothing else.
fn ends_in_tags(rest: &str) -> bool {
    let mut rest = rest.trim();
    while let Some(tag) = layout_at(rest).filter(|tag| tag.is_end) {
        rest = rest[tag.len..].trim_start();
    }
    rest.is_empty()
}

/// `line` with Markdown in place of inline tags.
pub(super) fn with_markdown(line: &str) -> Cow<'_, str> {
    if !line.contains('<') {
        return Cow::Borrowed(line);
    }
    let mut plain = line.to_owned();
    for (name, mark) in INLINE {
        plain = plain.replace(&format!("<{name}>"), mark).replace(&format!("</{name}>"), mark);
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_tags_that_lay_out() {
        let texts = |line| {
            pieces(line)
                .0
                .into_iter()
                .map(|(_, text)| text)
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
        };
        for (line, expected) in [
            ("<p>One.</p><p lang=\"de\">Zwei.</p>", vec!["One.", "Zwei."]),
            ("One.<br/>Two.", vec!["One.", "Two."]),
            ("One.</p></div>", vec!["One."]),
            ("It puts a <div> before <p>.", vec!["It puts a <div> before <p>."]),
            ("It writes `<br>` twice.", vec!["It writes `<br>` twice."]),
            ("<blockquote>One.</blockquote>", vec!["<blockquote>One.</blockquote>"]),
            ("<p class=\"quote\">One.</p>", vec!["<p class=\"quote\">One."]),
            ("<H3>", vec!["<H3>"]),
        ] {
            assert_eq!(texts(line), expected, "{line}");
        }
        assert_eq!(with_markdown("<b>One</b> <em>two</em> <u>three</u>"), "**One** *two* three");
        assert_eq!(with_markdown("<b>One"), "**One");
    }
}
