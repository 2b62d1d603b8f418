//! HTML of an answer to the Markdown it was made from: headings, lists, code, tables, quotes, emphasis, links.
//!
//! A tolerant reader of tags: what is not closed is closed at the end, unknown tags are passed over, scripts and styles
//! are left out.

use std::sync::LazyLock;

pub mod answer;
mod asides;
mod elements;

pub use self::elements::{raised, shown, verbatim};
use self::elements::{says, without_links};
use quick_xml::escape::resolve_html5_entity;
use regex::Regex;

/// Elements of a page that hold no text of it.
const NO_TEXT: [&str; 10] =
    ["script", "style", "head", "nav", "footer", "noscript", "template", "svg", "button", "select"];
/// What a page says under itself, where no element tells: rights and cookies.
static IMPRINT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)^(?:©|\(c\) ?\d{4}|copyright (?:©|\(c\)|\d{4}))|\ball rights reserved\b|\balle rechte vorbehalten\b",
        r"|\btous droits réservés\b|\btodos los derechos reservados\b|\btutti i diritti riservati\b",
        r"|^\W*(?:(?:privacy|cookies?)[ -]?(?:policy|settings|preferences|notice|einstellungen|richtlinie)(?:\]\([^)\s]*\))?\W*)+$",
        r"|^(?:this (?:site|website)|we) uses? cookies\b",
    ))
    .expect("a valid pattern")
});

/// A whole page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub title: Option<String>,
    /// Who it says has written it.
    pub people: Vec<String>,
    /// The day it says.
    pub day: Option<String>,
    pub text: String,
    /// What stood beside the text: notes at the foot and comments, by kind.
    pub beside: Vec<&'static str>,
}

/// The Markdown of a piece of HTML.
pub fn markdown(html: &str) -> String {
    let mut writer = Writer::default();
    write(html, &NO_TEXT[..2], &mut writer);
    writer.finish()
}

/// A whole page, without its navigation and imprint, and with the places of its pictures. The lines that name its author
/// and its day stay in the text.
pub fn page(html: &str) -> Page {
    let title = find(html, "<title").and_then(|at| {
        let inside = &html[at + tag_end(&html[at..])? + 1..];
        let text = decoded(&inside[..find(inside, "</title")?]);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    });
    let mut writer = Writer { is_page: true, ..Writer::default() };
    write(html, &NO_TEXT, &mut writer);
    let (mut people, mut day) = (authors(html), None);
    for (is_day, words) in std::mem::take(&mut writer.said) {
        match is_day {
            // The first stands at the head, later ones may stand in the text.
            true if day.is_none() => day = Some(words),
            true => {}
            false if !people.contains(&words) => people.push(words),
            false => {}
        }
    }
    let beside = std::mem::take(&mut writer.beside);
    Page { title, people, day, text: without_imprint(&writer.finish()).to_owned(), beside }
}

/// More elements within one another name no author.
const MOST_SAYING: usize = 8;
/// Longer words are no byline but the text itself.
const MAX_SAID_CHARS: usize = 120;

/// `<meta name="author" content="…">` in the head.
fn authors(html: &str) -> Vec<String> {
    let head = &html[..find(html, "</head").unwrap_or(0)];
    let tags =
        head.match_indices("<meta").filter_map(|(at, _)| Some(&head[at + 1..at + tag_end(&head[at..])?]));
    let is_author =
        |tag: &&str| attribute(tag, "name").is_some_and(|name| name.eq_ignore_ascii_case("author"));
    let people = tags.filter(is_author).filter_map(|tag| attribute(tag, "content"));
    people.map(|who| who.trim().to_owned()).filter(|who| !who.is_empty()).collect()
}

/// A text without the last lines that say nothing but rights and cookies.
fn without_imprint(text: &str) -> &str {
    const MAX_LINES: usize = 4;
    const MAX_CHARS: usize = 200;
    let mut text = text.trim_end();
    for _ in 0..MAX_LINES {
        let start = text.rfind('\n').map_or(0, |at| at + 1);
        let last = &text[start..];
        if last.chars().count() > MAX_CHARS || !IMPRINT.is_match(last) {
            break;
        }
        text = text[..start].trim_end();
    }
    text
}

/// Where a word of ASCII in small letters begins, in letters of any size.
fn find(text: &str, word: &str) -> Option<usize> {
    let first = word.as_bytes().first()?;
    memchr::memchr_iter(*first, text.as_bytes()).find(|&at| {
        text.as_bytes()
            .get(at..at + word.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    })
}

fn write(html: &str, no_text: &[&str], writer: &mut Writer) {
    let (html, beside) = asides::take_out(html);
    let html = &*html;
    writer.beside = beside;
    // Elements that are not closed any more: looking for their ends again and again would take forever.
    let mut unclosed: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        writer.text(&rest[..open]);
        rest = &rest[open..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let named = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        let Some(close) = tag_end(rest).filter(|_| named) else {
            // A sign, not a tag.
            writer.text("&lt;");
            rest = &rest[1..];
            continue;
        };
        let tag = &rest[1..close];
        rest = &rest[close + 1..];
        let name = name(tag);
        if !tag.starts_with('/') && !tag.ends_with('/') && no_text.contains(&name.as_str()) {
            // Code that is never closed is all that follows; other elements may end without saying so.
            let is_code = matches!(name.as_str(), "script" | "style");
            if unclosed.contains(&name) {
                continue;
            }
            match find(rest, &format!("</{name}")) {
                Some(at) => rest = &rest[at..],
                None if is_code => rest = "",
                None => unclosed.push(name),
            }
        } else if tag.starts_with('/') {
            writer.close(&name);
        } else {
            writer.open(&name, tag, rest);
        }
    }
    writer.text(rest);
}

/// Index of the `>` that ends the tag at the beginning; one in a quoted attribute does not count.
fn tag_end(html: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn name(tag: &str) -> String {
    let name = tag.trim_start_matches('/');
    let len = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    name[..len].to_ascii_lowercase()
}

/// The value of an attribute of a tag.
pub fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = tag[..*at].chars().next_back();
        before.is_some_and(char::is_whitespace) && tag[at + name.len()..].trim_start().starts_with('=')
    })?;
    let value = tag[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let value = match quote {
        Some(quote) => value[1..].split(quote).next().unwrap_or_default(),
        None => value.split([' ', '>']).next().unwrap_or_default(),
    };
    Some(decoded(value))
}

/// Text with its entities replaced; an unknown one stays as it is.
pub fn decoded(text: &str) -> String {
    /// Spaces of other widths are spaces.
    const SPACES: [&str; 3] = ["emsp", "ensp", "thinsp"];
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        result.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(34).position(|byte| byte == b';');
        let entity = end.and_then(|end| rest.get(1..end));
        let number = |digits: &str| match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        };
        let found = entity.and_then(|entity| match entity.strip_prefix('#') {
            Some(digits) => number(digits).and_then(char::from_u32).map(String::from),
            None => SPACES
                .contains(&entity)
                .then(|| " ".to_owned())
                .or_else(|| resolve_html5_entity(entity).map(str::to_owned)),
        });
        match (found, end) {
            (Some(sign), Some(end)) => {
                result.push_str(&sign);
                rest = &rest[end + 1..];
            }
            _ => {
                result.push('&');
                rest = &rest[1..];
            }
        }
    }
    result.push_str(rest);
    result
}

#[derive(Default)]
struct Writer {
    out: String,
    /// What every line begins with: quotes and the indentation of list items.
    prefixes: Vec<String>,
    /// Open lists; the number of the next item if it is ordered.
    lists: Vec<Option<usize>>,
    /// Line ends before the next text.
    pending: usize,
    /// Nothing was written in the list item or quote yet.
    at_item_start: bool,
    in_pre: bool,
    /// Open links: where their text begins, and their target.
    links: Vec<(usize, String)>,
    rows: Vec<Vec<String>>,
    cell_start: Option<usize>,
    /// Pictures are named where they stand, and it is heeded who wrote it and when.
    is_page: bool,
    /// The open elements that name the author or the day, where the text of each begins, and if it is the day.
    saying: Vec<(String, usize, bool)>,
    /// What such elements said; true for a day.
    said: Vec<(bool, String)>,
    /// Where a raised or lowered text begins.
    raised: Option<usize>,
    /// What stood beside the words, by kind.
    beside: Vec<&'static str>,
}

impl Writer {
    fn text(&mut self, raw: &str) {
        let text = decoded(raw);
        if self.in_pre {
            for (index, line) in text.split('\n').enumerate() {
                if index > 0 {
                    self.out.push('\n');
                    self.out.push_str(self.prefixes.concat().as_str());
                }
                self.out.push_str(line);
            }
            return;
        }
        let begins_with_space = text.starts_with([' ', '\n', '\t']);
        let words: Vec<&str> = text.split([' ', '\n', '\t', '\r']).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            if !text.is_empty()
                && self.pending == 0
                && !self.out.is_empty()
                && !self.out.ends_with([' ', '\n'])
            {
                self.out.push(' ');
            }
            return;
        }
        let fresh_line = self.pending > 0 || self.out.is_empty() || self.at_item_start;
        self.start_text();
        if begins_with_space && !fresh_line && !self.out.ends_with(' ') {
            self.out.push(' ');
        }
        self.out.push_str(&words.join(" ").replace('\u{a0}', " "));
        if text.ends_with([' ', '\n', '\t']) {
            self.out.push(' ');
        }
    }

    /// Writes the line ends that are due and what the line begins with.
    fn start_text(&mut self) {
        self.at_item_start = false;
        let prefix = self.prefixes.concat();
        if self.out.is_empty() {
            self.out.push_str(&prefix);
        } else if self.pending > 0 {
            let kept = self.out.trim_end_matches(' ').len();
            self.out.truncate(kept);
            for line in 0..self.pending {
                self.out.push('\n');
                let is_last = line + 1 == self.pending;
                self.out.push_str(if is_last { &prefix } else { prefix.trim_end() });
            }
        }
        self.pending = 0;
    }

    fn gap(&mut self, lines: usize) {
        if !self.at_item_start && self.cell_start.is_none() {
            self.pending = self.pending.max(lines);
        }
    }

    fn mark(&mut self, mark: &str) {
        self.start_text();
        self.out.push_str(mark);
    }

    fn open(&mut self, name: &str, tag: &str, rest: &str) {
        if self.is_page
            && self.saying.len() < MOST_SAYING
            && !tag.ends_with('/')
            && let Some(is_day) = says(name, tag)
        {
            self.saying.push((name.to_owned(), self.out.len(), is_day));
        }
        match name {
            "p" | "div" | "section" | "article" => self.gap(2),
            "br" if self.in_pre => self.text("\n"),
            "br" => self.pending = (self.pending + 1).min(2),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.gap(2);
                let level = usize::from(name.as_bytes()[1] - b'0');
                self.mark(&format!("{} ", "#".repeat(level)));
            }
            "strong" | "b" => self.mark("**"),
            "em" | "i" => self.mark("*"),
            "del" | "s" => self.mark("~~"),
            "code" if !self.in_pre => self.mark("`"),
            "sup" | "sub" => self.raised = Some(self.out.len()),
            "pre" => {
                self.gap(2);
                let code = rest
                    .trim_start()
                    .strip_prefix('<')
                    .and_then(|code| Some(&code[..tag_end(rest.trim_start())? - 1]));
                let class = code.and_then(|code| attribute(code, "class")).unwrap_or_default();
                let language =
                    class.split(' ').find_map(|class| class.strip_prefix("language-")).unwrap_or("");
                self.mark(&format!("```{language}\n{}", self.prefixes.concat()));
                self.in_pre = true;
            }
            "blockquote" => {
                self.gap(2);
                if self.pending > 0 && !self.out.is_empty() {
                    // The empty line before the quote does not belong to it.
                    self.out.push_str(&"\n".repeat(self.pending - 1));
                    self.pending = 1;
                }
                self.prefixes.push("> ".to_owned());
                self.at_item_start = true;
            }
            "ul" | "ol" => {
                let first = attribute(tag, "start").and_then(|start| start.parse().ok()).unwrap_or(1);
                self.gap(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push((name == "ol").then_some(first));
            }
            "li" => {
                self.at_item_start = false;
                self.gap(1);
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.mark(&marker);
                self.prefixes.push(" ".repeat(marker.len()));
                self.at_item_start = true;
            }
            "hr" => {
                self.gap(2);
                self.mark("---");
                self.gap(2);
            }
            "img" if self.is_page => {
                let words = attribute(tag, "alt").filter(|words| !words.trim().is_empty());
                let words = words.unwrap_or_else(|| "picture".to_owned()).replace(['[', ']', '\n'], " ");
                self.mark(&format!("![{words}](picture)"));
            }
            "a" if !tag.ends_with('/') => {
                self.start_text();
                self.links.push((self.out.len(), attribute(tag, "href").unwrap_or_default()));
            }
            "tr" => self.rows.push(Vec::new()),
            "td" | "th" => {
                self.pending = 0;
                self.cell_start = Some(self.out.len());
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if let Some(at) = self.saying.iter().rposition(|saying| saying.0 == name) {
            let (_, start, is_day) = self.saying.remove(at);
            let words = without_links(self.out.get(start..).unwrap_or_default());
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let words = words.trim_matches(['*', '_']).to_owned();
            if !words.is_empty() && words.chars().count() <= MAX_SAID_CHARS {
                self.said.push((is_day, words));
            }
        }
        match name {
            "p" | "div" | "section" | "article" => self.gap(if self.lists.is_empty() { 2 } else { 1 }),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.gap(2),
            "strong" | "b" => self.out.push_str("**"),
            "em" | "i" => self.out.push('*'),
            "del" | "s" => self.out.push_str("~~"),
            "code" if !self.in_pre => self.out.push('`'),
            "sup" | "sub" => {
                if let Some(start) = self.raised.take()
                    && let Some(shown) = self.out.get(start..).and_then(|text| raised(text, name == "sub"))
                {
                    self.out.truncate(start);
                    self.out.push_str(&shown);
                }
            }
            "pre" if self.in_pre => {
                self.in_pre = false;
                let prefix = self.prefixes.concat();
                if !self.out.ends_with(&format!("\n{prefix}")) {
                    self.out.push_str(&format!("\n{prefix}"));
                }
                self.out.push_str("```");
                self.gap(2);
            }
            "blockquote" => {
                self.prefixes.pop();
                self.gap(2);
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.at_item_start = false;
                self.gap(if self.lists.is_empty() { 2 } else { 1 });
            }
            "li" => {
                self.prefixes.pop();
                self.at_item_start = false;
                self.gap(1);
            }
            "a" => {
                if let Some((start, target)) = self.links.pop()
                    && let Some(text) = self.out.get(start..).map(str::to_owned)
                    && !target.is_empty()
                    && text != target
                {
                    self.out.truncate(start);
                    self.out.push_str(&format!("[{text}]({target})"));
                }
            }
            "td" | "th" => {
                if let Some(start) = self.cell_start.take()
                    && let Some(cell) = self.out.get(start..).map(|cell| cell.trim().replace('\n', " "))
                {
                    self.out.truncate(start);
                    self.rows.last_mut().into_iter().for_each(|row| row.push(cell.clone()));
                }
                self.pending = 0;
            }
            "table" => self.table(),
            _ => {}
        }
    }

    fn table(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        self.gap(2);
        for (index, row) in rows.iter().enumerate() {
            self.mark(&format!("| {} |", row.join(" | ")));
            self.pending = 1;
            if index == 0 {
                self.mark(&format!("|{}", "---|".repeat(row.len())));
                self.pending = 1;
            }
        }
        self.gap(2);
    }

    fn finish(mut self) -> String {
        if self.in_pre {
            self.close("pre");
        }
        self.out.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_marks() {
        let cases = [
            (
                "<p>One <strong>two</strong> three.</p><p>Four<br>five.</p>",
                "One **two** three.\n\nFour\nfive.",
            ),
            (
                "<h2>Head</h2>\n<ul>\n<li>a</li>\n<li><p>b</p>\n<ul><li>c</li></ul></li></ul><p>End</p>",
                "## Head\n\n- a\n- b\n  - c\n\nEnd",
            ),
            ("<ol start=\"3\"><li>a</li><li>b</li></ol>", "3. a\n4. b"),
            (
                "<pre><code class=\"language-rust\">if a &lt; b {\n    c()\n}\n</code></pre><p>x</p>",
                "```rust\nif a < b {\n    c()\n}\n```\n\nx",
            ),
            ("<blockquote><p>a</p><p>b</p></blockquote>c", "> a\n>\n> b\n\nc"),
            (
                "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>",
                "| a | b |\n|---|---|\n| 1 | 2 |",
            ),
            (
                "a <a href=\"https://x.org/?a=1&amp;b\">link</a>, <code>x</code> &amp; 2 < 3 &#39;&#x41;&nbsp;",
                "a [link](https://x.org/?a=1&b), `x` & 2 < 3 'A",
            ),
            ("<style>p > a {}</style><p>a<script>alert('<p>')</script></p><!-- b --><p>c", "a\n\nc"),
            ("", ""),
        ];
        for (html, expected) in cases {
            assert_eq!(markdown(html), expected, "{html}");
        }
    }

    #[test]
    fn a_page_is_its_text_without_what_stands_around_it() {
        let html = "<!DOCTYPE html><HTML><HEAD><TITLE>Old\n weirs &amp; mills</TITLE><meta x></HEAD><body><nav><a href=/>Home</a></nav><h1>Weirs</h1>\
            <p>They l&auml;an<img src=x.png alt='a [weir]'/> &amp;c; <a id='x'/>here.</p><script/><SCRIPT>if (a</p>b)</SCRIPT><p>End</body>";
        let expected = "# Weirs\n\nThey läan![a  weir ](picture) &c; here.\n\nEnd";
        let title = Some("Old weirs & mills".to_owned());
        assert_eq!(page(html), Page { title, text: expected.to_owned(), ..Page::default() });
        assert_eq!(page("<nav>a<p>b").text, "a\n\nb");
    }

    #[test]
    fn a_page_says_who_wrote_it_and_what_stands_under_it_is_left_out() {
        let html = "<html><head><meta name=author content='Ida Feld'></head><body><h1>Weirs</h1><p class=by>by Otto Mill</p><span class='date x'>3 May</span>\
            <p>They lean.</p><footer><p>© Mill Press</p></footer><div>© 2020 Mill Press. All rights reserved.</div><div><a href='#'>Cookie settings</a></div></body></html>";
        let found = page(html);
        assert_eq!(found.people, ["Ida Feld", "by Otto Mill"]);
        assert_eq!(found.day.as_deref(), Some("3 May"));
        assert_eq!(found.text, "# Weirs\n\nby Otto Mill\n\n3 May\n\nThey lean.");
        assert_eq!(page("<p>We use cookies for tea.</p>").text, "");
        assert_eq!(
            page("<p>My cookies burn.</p><p>All of us use cookies.</p>").text,
            "My cookies burn.\n\nAll of us use cookies."
        );
    }

    #[test]
    fn many_unclosed_elements_are_looked_for_once() {
        let html = "<nav>x ".repeat(200_000);
        assert_eq!(page(&html).text.len(), 2 * 200_000 - 1);
    }

    #[test]
    fn broken_html_loses_no_words_and_never_panics() {
        for html in [
            "<p>a",
            "</li>a</ul>",
            "a <b",
            "<a href=>b</a>",
            "<td>x</td>",
            "&#xffffffff; &; &unknown;",
            "<pre>a",
            "ä<öü>é",
        ] {
            let text = markdown(html);
            assert!(text.len() <= html.len() + 16, "{html}: {text}");
        }
        assert_eq!(markdown("a <b and c"), "a <b and c");
    }
}
