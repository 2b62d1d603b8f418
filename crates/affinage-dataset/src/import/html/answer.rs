//! Answers that a product keeps as the HTML of its page, where the person asked for no HTML.

use std::sync::LazyLock;

use regex::Regex;

use super::{NO_TEXT, Writer, name, tag_end, write};

/// Elements that hold the paragraphs of a text.
const BLOCKS: [&str; 15] = [
    "p",
    "div",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "table",
    "section",
    "hr",
];
/// Elements inside them that only form letters.
const FORMS: [&str; 22] = [
    "b", "strong", "i", "em", "u", "s", "del", "code", "a", "br", "sup", "sub", "span", "li", "thead",
    "tbody", "tr", "td", "th", "mark", "small", "kbd",
];
/// Marks of sources.
static SOURCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\s*<sup[^>]*>\s*(?:<[^>]+>\s*)*\[[\d, ]+\]\s*(?:</[^>]+>\s*)*</sup>")
        .expect("a valid pattern")
});

/// True for a text that is the HTML of paragraphs from its first sign to its last: nothing stands between them, and each
/// element is one that forms text.
pub fn is_html(text: &str) -> bool {
    let text = text.trim();
    if !text.starts_with('<') || !text.ends_with('>') {
        return false;
    }
    let (mut depth, mut rest, mut elements) = (0usize, text, 0);
    while let Some(open) = rest.find('<') {
        let between = &rest[..open];
        if depth == 0 && !between.trim().is_empty() {
            return false;
        }
        rest = &rest[open..];
        let Some(close) =
            tag_end(rest).filter(|_| rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'))
        else {
            return false;
        };
        let tag = &rest[1..close];
        let name = name(tag);
        let is_block = BLOCKS.contains(&name.as_str());
        if !is_block && !FORMS.contains(&name.as_str()) || tag.len() > 200 {
            return false;
        }
        match (tag.starts_with('/'), is_block && name != "hr") {
            (true, true) => depth = depth.saturating_sub(1),
            (false, true) => {
                depth += 1;
                elements += 1;
            }
            _ => {}
        }
        rest = &rest[close + 1..];
    }
    elements > 0 && depth == 0
}

/// The Markdown of such a text, without its marks of sources.
pub fn as_markdown(text: &str) -> String {
    let mut writer = Writer::default();
    write(&SOURCE.replace_all(text, ""), &NO_TEXT, &mut writer);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_html_are_told_from_texts_about_it() {
        let html = "<p>It was <b>raised</b> in 1931 <sup>[1]</sup>.</p>\n\n<ul><li>by two metres</li></ul>";
        assert!(is_html(html));
        assert_eq!(as_markdown(html), "It was **raised** in 1931.\n\n- by two metres");
        for text in [
            "Write <p>so</p>.",
            "<p>a</p> and <p>b</p>",
            "<p>a",
            "<form><p>a</p></form>",
            "<script>x</script>",
            "<b>a</b>",
            "a < b > c",
        ] {
            assert!(!is_html(text), "{text}");
        }
    }
}
