//! What stands in a page beside its words: how a word is read aloud, notes at the foot and comments, with their marks.
//!
//! A note is known by its links, whatever program wrote the page: the mark leads to the note, and the note leads back to
//! the mark. Where a page says `noteref` and `footnote` it needs no link back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{attribute, name, tag_end};

/// Longer pages have no notes that are looked for.
const MAX_TAGS: usize = 200_000;
/// Longer words between the tags of a link are no mark.
const MAX_MARK_CHARS: usize = 8;

static RUBY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?si)<rp\b[^>]*>[^<]*(?:</rp>)?|<rtc?\b[^>]*>.*?(?:</rtc?>|(<rt\b|<rb\b|<rp\b|</ruby>))")
        .expect("a valid pattern")
});

/// A page without what is next to its words, and what that was.
pub fn take_out(html: &str) -> (Cow<'_, str>, Vec<&'static str>) {
    let mut found = Vec::new();
    let holds = |marks: &[&str]| marks.iter().any(|mark| html.contains(mark));
    let mut page = Cow::Borrowed(html);
    if holds(&["<ruby", "<RUBY"]) {
        while RUBY.is_match(&page) {
            page = RUBY.replace_all(&page, "$1").into_owned().into();
        }
    }
    if holds(&["href=\"#", "href='#", "noteref", "footnote"]) {
        let mut spans = notes(&page, &mut found);
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        let mut kept = String::with_capacity(page.len());
        let mut at = 0;
        for span in spans {
            if span.start >= at {
                kept.push_str(&page[at..span.start]);
            }
            at = at.max(span.end);
        }
        kept.push_str(&page[at..]);
        page = kept.into();
    }
    (page, found)
}

/// A tag of a page.
struct Tag<'h> {
    span: Range<usize>,
    inside: &'h str,
    name: String,
    /// Where its element ends; of one that is never closed, where the tag ends.
    end: usize,
}

impl Tag<'_> {
    fn is_end(&self) -> bool {
        self.inside.starts_with('/')
    }

    fn element(&self) -> Range<usize> {
        self.span.start..self.end
    }

    fn says(&self, words: &[&str]) -> bool {
        ["epub:type", "role"].iter().any(|key| {
            attribute(self.inside, key)
                .is_some_and(|value| value.split_whitespace().any(|word| words.contains(&word)))
        })
    }

    fn ids(&self) -> impl Iterator<Item = String> {
        ["id", "name"].into_iter().filter_map(|key| attribute(self.inside, key))
    }
}

fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags: Vec<Tag<'_>> = Vec::new();
    let mut open: HashMap<String, Vec<usize>> = HashMap::new();
    let mut at = 0;
    while let Some(start) = memchr::memchr(b'<', &html.as_bytes()[at..]).map(|found| at + found) {
        let Some(len) = tag_end(&html[start..]).filter(|_| tags.len() < MAX_TAGS) else { break };
        let inside = &html[start + 1..start + len];
        at = start + 1;
        if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') {
            continue;
        }
        at = start + len + 1;
        let tag = Tag { span: start..at, inside, name: name(inside), end: at };
        if tag.is_end() {
            if let Some(first) = open.get_mut(&tag.name).and_then(Vec::pop) {
                tags[first].end = at;
            }
        } else if !inside.ends_with('/') {
            open.entry(tag.name.clone()).or_default().push(tags.len());
        }
        tags.push(tag);
    }
    tags
}

/// The spans of marks and notes; the kind of each note is added to `found`.
fn notes(html: &str, found: &mut Vec<&'static str>) -> Vec<Range<usize>> {
    let tags = tags(html);
    let mut place_of: HashMap<String, usize> = HashMap::new();
    let mut links: Vec<(usize, String)> = Vec::new();
    for (at, tag) in tags.iter().enumerate().filter(|(_, tag)| !tag.is_end()) {
        // The first of an id counts.
        tag.ids().for_each(|id| {
            place_of.entry(id).or_insert(at);
        });
        let target = (tag.name == "a").then(|| attribute(tag.inside, "href")).flatten();
        links.extend(target.and_then(|target| Some((at, target.strip_prefix('#')?.to_owned()))));
    }
    let mut leading_to: HashMap<&str, Vec<usize>> = HashMap::new();
    links.iter().for_each(|(at, target)| leading_to.entry(target).or_default().push(*at));
    let mut spans = Vec::new();
    let mut blocks: HashMap<usize, Range<usize>> = HashMap::new();
    for (at, target) in &links {
        let Some(&note) = place_of.get(target).filter(|note| *note > at) else { continue };
        let own = own_ids(&tags, *at);
        let mut backs = own.iter().filter_map(|id| leading_to.get(id.as_str())).flatten();
        let Some(&back) = backs.find(|back| holds(&tags, note, **back)) else { continue };
        if let Some(mark) = mark(html, &tags, *at) {
            spans.push(mark);
            let is_comment = target.contains("cmnt") || target.contains("comment");
            let block = block_around(&tags, note, back);
            if blocks.insert(block.start, block).is_none() {
                found.push(if is_comment { "comment" } else { "footnote" });
            }
        }
    }
    for (at, tag) in tags.iter().enumerate().filter(|(_, tag)| !tag.is_end()) {
        if tag.name == "a" && tag.says(&["noteref", "doc-noteref"]) {
            spans.extend(mark(html, &tags, at));
        } else if tag.name != "a"
            && tag.says(&["footnote", "endnote", "rearnote", "doc-footnote", "doc-endnote"])
            && blocks.insert(tag.span.start, tag.element()).is_none()
        {
            found.push("footnote");
        }
    }
    spans.extend(blocks.into_values());
    spans
}

/// The ids of a link and of the element directly around it.
fn own_ids(tags: &[Tag<'_>], at: usize) -> Vec<String> {
    let around = at.checked_sub(1).map(|before| &tags[before]);
    let around = around.filter(|tag| !tag.is_end() && tag.span.end == tags[at].span.start);
    tags[at].ids().chain(around.into_iter().flat_map(Tag::ids)).collect()
}

/// The span of a link whose words are a mark, with the raised element that holds nothing else.
fn mark(html: &str, tags: &[Tag<'_>], at: usize) -> Option<Range<usize>> {
    let mut span = tags[at].element();
    let behind_tag = |(number, part): (usize, &str)| match number {
        0 => String::from(part),
        _ => part.split_once('>').map_or("", |(_, words)| words).to_owned(),
    };
    let inside = &html[tags[at].span.end..span.end];
    let words: String = inside.split('<').enumerate().map(behind_tag).collect();
    let words = words.trim();
    let bare = words.trim_matches(|c: char| !c.is_alphanumeric());
    let is_mark = bare.chars().all(char::is_numeric) || words.starts_with('[') || words.chars().count() == 1;
    if words.is_empty() || words.chars().count() > MAX_MARK_CHARS || !is_mark {
        return None;
    }
    for around in tags[..at].iter().rev() {
        let closes = |rest: &str| rest.starts_with("</") && rest.find('>') == Some(rest.len() - 1);
        let is_alone = !around.is_end()
            && around.span.end == span.start
            && html.get(span.end..around.end).is_some_and(closes);
        if !is_alone || !matches!(around.name.as_str(), "sup" | "small" | "span") {
            break;
        }
        span = around.element();
    }
    Some(span)
}

/// True if the link `back` stands in the element `note`, is it, or follows close behind its anchor.
fn holds(tags: &[Tag<'_>], note: usize, back: usize) -> bool {
    const NEAR: usize = 8;
    let is_anchor = tags[note].name == "a";
    back == note
        || tags[note].element().contains(&tags[back].span.start)
        || (is_anchor && (note..note + NEAR).contains(&back))
}

/// The block that the note is: its own element, or the one around its anchor.
fn block_around(tags: &[Tag<'_>], note: usize, back: usize) -> Range<usize> {
    const BLOCKS: [&str; 7] = ["p", "div", "li", "aside", "dd", "td", "section"];
    const NEAR: usize = 16;
    let is_around =
        |tag: &Tag<'_>| !tag.is_end() && BLOCKS.contains(&tag.name.as_str()) && tag.end > tags[back].span.end;
    if BLOCKS.contains(&tags[note].name.as_str()) {
        return tags[note].element();
    }
    let Some(block) = (0..=note).rev().take(NEAR).find(|at| is_around(&tags[*at])) else {
        return tags[note].span.start..tags[back].end;
    };
    // An element that begins with it holds all paragraphs of the note.
    let around = block.checked_sub(1).map(|at| &tags[at]).filter(|tag| is_around(tag) && tag.name == "div");
    let is_near = |tag: &&Tag<'_>| tag.end < tags[block].end + 4 * tags[block].element().len();
    around.filter(is_near).unwrap_or(&tags[block]).element()
}

#[cfg(test)]
mod tests {
    use super::super::{markdown, page};

    #[test]
    fn readings_of_words_are_no_words() {
        for html in [
            "<p><ruby><rb>雪</rb><rp>（</rp><rt>ゆき</rt><rp>）</rp></ruby>が降る。</p>",
            "<p><ruby>雪<rt>ゆき</ruby>が降る。</p>",
            "<p><ruby>雪<rp>(<rt>ゆき<rp>)</ruby>が降る。</p>",
            "<p><ruby><rb>雪<rtc><rt>ゆき</rt></rtc></ruby>が降る。</p>",
        ] {
            assert_eq!(markdown(html), "雪が降る。", "{html}");
        }
    }

    #[test]
    fn notes_are_known_by_links_both_ways() {
        let note = |mark: &str, note: &str| {
            format!(
                "<p>Old slates{mark} leak.</p><p>They are <a href=\"#w\">thin</a>.</p><h2 id=\"w\">Walls</h2><p>Thick.</p>{note}"
            )
        };
        for html in [
            note(
                "<sup><a href=\"#cmnt1\" id=\"cmnt_ref1\">[a]</a></sup>",
                "<div><p><a href=\"#cmnt_ref1\" id=\"cmnt1\">[a]</a><span>Tove: really?</span></p></div>",
            ),
            note(
                "<a href=\"#fn1\" class=\"footnote-ref\" id=\"fnref1\" role=\"doc-noteref\"><sup>1</sup></a>",
                "<section class=\"footnotes\"><hr/><ol><li id=\"fn1\"><p>Since 1801.<a href=\"#fnref1\">↩</a></p></li></ol></section>",
            ),
            note(
                "<sup id=\"cite_ref-1\" class=\"reference\"><a href=\"#cite_note-1\">[1]</a></sup>",
                "<ol><li id=\"cite_note-1\"><a href=\"#cite_ref-1\">↑</a> Since 1801.</li></ol>",
            ),
            note(
                "<a href=\"#_ftn1\" name=\"_ftnref1\" title=\"\"><span><span>[1]</span></span></a>",
                "<div id=ftn1><p><a href=\"#_ftnref1\" name=\"_ftn1\"><span>[1]</span></a> Since 1801.</p></div>",
            ),
            note(
                "<a epub:type=\"noteref\" href=\"#n1\">1</a>",
                "<aside epub:type=\"footnote\" id=\"n1\"><p>Since 1801.</p></aside>",
            ),
        ] {
            let found = page(&html);
            assert_eq!(
                found.text.trim_end_matches(['-', '\n', '1', '.', ' ']),
                "Old slates leak.\n\nThey are [thin](#w).\n\n## Walls\n\nThick",
                "{html}"
            );
            assert_eq!(found.beside.len(), 1, "{html}");
        }
    }

    #[test]
    fn links_into_the_page_are_no_notes() {
        for html in [
            "<p><a href=\"#a\">1</a> <a href=\"#b\">2</a></p><h2 id=\"a\">A</h2><p>One.</p><h2 id=\"b\">B</h2><p>Two.</p>",
            "<p id=\"top\"><a href=\"#end\">down</a></p><p id=\"end\"><a href=\"#top\">up</a></p>",
        ] {
            assert!(page(html).beside.is_empty(), "{html}");
        }
    }
}
