//! What Obsidian, Notion and other note programs write between the words: what of it a reader sees stays, the rest goes.
//!
//! Links stay by their visible text. Pictures and other files, block ids, comments, queries, tags that are no part of a
//! sentence and footnotes with their marks are taken out. Code is left as it is.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::import::fences::{self, Unclosed};

fn pattern(regex: &str) -> Regex {
    Regex::new(regex).expect("the pattern is part of the program")
}

/// `![[picture.png|300]]`
static EMBED: LazyLock<Regex> = LazyLock::new(|| pattern(r"!\[\[([^\]\|\n]+)(?:\|[^\]\n]*)?\]\]"));
/// `![words](picture.png "title")`
static PICTURE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"!\[([^\]\n]*)\]\((?:<([^>\n]*)>|([^()\s]*(?:\([^)\n]*\)[^()\s]*)*))(?:\s+["'][^)\n]*["'])?\)"#)
});
/// `[[Page#Part|shown]]`
static WIKI: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[\[([^\]\|\n]+)(?:\|([^\]\n]*))?\]\]"));
/// `[shown](address)`, also with brackets in the address.
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"\[([^\]\[\n]+)\]\((?:<[^>\n]*>|[^()\s]*(?:\([^)\n]*\)[^()\s]*)*)(?:\s+["'][^)\n]*["'])?\)"#)
});
/// ` ^a1b2c3` at the end of a paragraph.
static BLOCK_ID: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|\s)\^[A-Za-z0-9][A-Za-z0-9-]*\s*$"));
static MARKED: LazyLock<Regex> = LazyLock::new(|| pattern(r"==([^=\s](?:[^=\n]*[^=\s])?)=="));
static COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"%%[^%\n]*%%|<!--[^\n]*?-->"));
static TAG_LINE: LazyLock<Regex> = LazyLock::new(|| {
    // `#old weirs#` of Bear is one tag.
    const TAG: &str =
        r"#(?:[\p{L}\p{N}_/-]*[\p{L}_/-][\p{L}\p{N}_/-]*#?|\p{L}[\p{L}\p{N}_/ -]{0,40}[\p{L}\p{N}]#)";
    pattern(&format!(r"^\s*(?:[Tt]ags?:\s*)?{TAG}(?:[\s,]+(?:{TAG}|#[\p{{L}}\p{{N}}_/-]+))*\s*$"))
});
/// ` #ethics #on/hold` behind the end of a sentence: the tags of a paragraph, not words of it.
static TAGS_AT_END: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"([.!?…。！？:»”"'’)\]*_])(?:[\s,]+#[\p{L}\p{N}_/-]*[\p{L}_/-][\p{L}\p{N}_/-]*)+\s*$"#)
});
static CALLOUT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\s*>[\s>]*)\[![^\]\n]*\][+-]?[ \t]*(.*)$"));
/// `[^1]: Words at the foot`
static FOOTNOTE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ {0,3}\[\^([^\]\s]+)\]:"));
/// `[^1]`, or `^[words at the foot]`
static FOOTNOTE_MARK: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[\^([^\]\s]+)\]|\^\[[^\]\n]+\]"));
/// A line of links, as an item of a list or not.
static LINKS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:(?:[-*+•]|\d+[.)])\s+)?(?:(?:\[\[[^\]\n]+\]\]|\[[^\]\[\n]+\]\([^)\n]*\)|<?https?://\S+)(?:[\s,;.·|]|and|und|et)*)+$",
    )
});
static PROPERTY: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[\p{L}][\p{L}\p{N} _/()-]{0,40}: \S"));

/// Fences whose code is a query of the note program.
const QUERIES: [&str; 5] = ["dataview", "dataviewjs", "query", "tasks", "base"];

/// A text as its reader sees it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub lines: Vec<String>,
    /// Names of the pictures and files that the lines showed.
    pub media: Vec<String>,
    /// Of each line: it held links and nothing else.
    pub is_link: Vec<bool>,
    /// Notes at the foot, which are taken out.
    pub footnotes: usize,
    /// What else is not shown, by kind: comments, queries, lines of tags, properties.
    pub unseen: Vec<&'static str>,
}

impl Seen {
    fn push(&mut self, line: String, is_link: bool) {
        self.lines.push(line);
        self.is_link.push(is_link);
    }
}

/// The lines as they are seen. `of_notion` says that the file's name is one of Notion's, which writes properties under
/// the first heading.
pub(super) fn seen(lines: &[&str], of_notion: bool) -> Seen {
    let in_code = fences::inside(lines, Unclosed::ToTheEnd);
    let (mut skipped, unseen) = skipped(lines, &in_code, of_notion);
    let defined = skip_footnotes(lines, &in_code, &mut skipped);
    let mut seen = Seen { footnotes: defined.len(), unseen, ..Seen::default() };
    for (index, &line) in lines.iter().enumerate() {
        if skipped[index] {
            continue;
        }
        if in_code[index] {
            seen.push(line.to_owned(), false);
            continue;
        }
        let shown = outside_code(line, |part| {
            let part = FOOTNOTE_MARK.replace_all(part, |found: &Captures| match found.get(1) {
                Some(label) if !defined.contains(label.as_str()) => found[0].to_owned(),
                Some(_) => String::new(),
                None => {
                    seen.footnotes += 1;
                    String::new()
                }
            });
            let comments = COMMENT.find_iter(&part).count();
            seen.unseen.extend(std::iter::repeat_n("comment", comments));
            let (shown, media) = plain(&part);
            seen.media.extend(media);
            shown
        });
        // The frame of a callout of Notion.
        if matches!(line.trim(), "<aside>" | "</aside>") {
            continue;
        }
        let shown = BLOCK_ID.replace(&shown, "");
        let shown = TAGS_AT_END.replace(&shown, "$1").into_owned();
        let shown = match CALLOUT.captures(&shown) {
            Some(found) if found[2].trim().is_empty() => continue,
            Some(found) => format!("{}{}", &found[1], &found[2]),
            None => shown,
        };
        // A line that held nothing else is a gap.
        let is_emptied = shown.trim().is_empty() && !line.trim().is_empty();
        seen.push(if is_emptied { String::new() } else { shown }, LINKS.is_match(line));
    }
    seen
}

/// Lines that no reader sees: comments over several lines, queries, tags alone, Notion's properties; and what each of
/// them is.
fn skipped(lines: &[&str], in_code: &[bool], of_notion: bool) -> (Vec<bool>, Vec<&'static str>) {
    let mut skipped = vec![false; lines.len()];
    let mut kinds = Vec::new();
    let (mut comment, mut query): (Option<&str>, bool) = (None, false);
    for (index, &line) in lines.iter().enumerate() {
        if in_code[index] {
            let info = line.trim_start_matches(['>', ' ', '`', '~']);
            let is_fence = line.contains("```");
            skipped[index] = query;
            if !query && is_fence && QUERIES.contains(&info.trim()) {
                (query, skipped[index]) = (true, true);
                kinds.push("query");
            } else if query && is_fence && info.trim().is_empty() {
                query = false;
            }
            continue;
        }
        query = false;
        let trimmed = line.trim();
        if let Some(end) = comment {
            skipped[index] = true;
            if trimmed.contains(end) {
                comment = None;
            }
        } else if (trimmed.starts_with("%%") && trimmed.matches("%%").count() == 1)
            || (trimmed.starts_with("<!--") && !trimmed.contains("-->"))
        {
            let end = if trimmed.starts_with("%%") { "%%" } else { "-->" };
            // A comment that is never closed is text.
            if lines[index + 1..].iter().any(|line| line.contains(end)) {
                comment = Some(end);
                skipped[index] = true;
                kinds.push("comment");
            }
        } else {
            skipped[index] = TAG_LINE.is_match(line);
            kinds.extend(skipped[index].then_some("line of tags"));
        }
    }
    if of_notion && lines.first().is_some_and(|line| line.starts_with("# ")) {
        let is_blank = |line: &&&str| line.trim().is_empty();
        let start = 1 + lines[1..].iter().take_while(is_blank).count();
        let count = lines[start..].iter().take_while(|line| !line.trim().is_empty()).count();
        if lines[start..start + count].iter().all(|line| PROPERTY.is_match(line)) {
            skipped[start..start + count].fill(true);
            kinds.extend(std::iter::repeat_n("property", count));
        }
    }
    (skipped, kinds)
}

/// Skips the notes at the foot with their further lines, which are indented; gives their labels.
fn skip_footnotes<'a>(lines: &[&'a str], in_code: &[bool], skipped: &mut [bool]) -> HashSet<&'a str> {
    let mut labels = HashSet::new();
    let mut in_note = false;
    for (index, &line) in lines.iter().enumerate() {
        let label = FOOTNOTE.captures(line).and_then(|found| found.get(1)).filter(|_| !in_code[index]);
        let goes_on = line.trim().is_empty() || line.starts_with(['\t', ' ']);
        if let Some(label) = label {
            labels.insert(label.as_str());
        }
        in_note = label.is_some() || (in_note && goes_on);
        skipped[index] |= in_note && !line.trim().is_empty();
    }
    labels
}

/// Applies `change` to what of a line stands outside inline code.
pub(super) fn outside_code(line: &str, mut change: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('`') {
        let marks = rest[open..].len() - rest[open..].trim_start_matches('`').len();
        let inside = open + marks;
        let close = rest[inside..].find(&"`".repeat(marks)).map(|at| inside + at + marks);
        let Some(end) = close else { break };
        out += &change(&rest[..open]);
        out += &rest[open..end];
        rest = &rest[end..];
    }
    out + &change(rest)
}

/// Words as they are seen, and the names of the files that stood among them.
fn plain(text: &str) -> (String, Vec<String>) {
    let mut media = Vec::new();
    if !text.contains(['[', '=', '%', '<']) {
        return (text.to_owned(), media);
    }
    let text = COMMENT.replace_all(text, "");
    let text = EMBED.replace_all(&text, |found: &Captures| {
        media.push(found[1].trim().to_owned());
        String::new()
    });
    let text = PICTURE.replace_all(&text, |found: &Captures| {
        let address = found.get(2).or(found.get(3)).map_or("", |address| address.as_str());
        let name = if found[1].trim().is_empty() { address } else { &found[1] };
        media.push(name.chars().take(80).collect());
        String::new()
    });
    let text = WIKI.replace_all(&text, |found: &Captures| match found.get(2) {
        Some(shown) => shown.as_str().to_owned(),
        None => page(&found[1]),
    });
    let text = LINK.replace_all(&text, "$1");
    (MARKED.replace_all(&text, "$1").into_owned(), media)
}

/// A link to a page, or to a heading or paragraph of it, as Obsidian shows it.
fn page(target: &str) -> String {
    let (page, part) = target.split_once('#').unwrap_or((target, ""));
    let page = page.trim().trim_end_matches(".md");
    let part = part.trim();
    match (page.is_empty(), part.is_empty() || part.starts_with('^')) {
        (_, true) => page.to_owned(),
        (true, false) => part.replace('#', " > "),
        (false, false) => format!("{page} > {}", part.replace('#', " > ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        seen(&text.lines().collect::<Vec<_>>(), false).lines.join("\n")
    }

    #[test]
    fn links_stay_by_what_is_seen_of_them() {
        let cases = [
            ("See [[Old weirs]] and [[Mills|the mill]].", "See Old weirs and the mill."),
            ("[[Mills#Noise]], [[#Noise]], [[Mills#^a1]]", "Mills > Noise, Noise, Mills"),
            ("A [map](https://x.test/a_(b)?c=1 \"t\") and [page](Page%20abc.md).", "A map and page."),
            ("An ==old== weir. ^a1b2c3", "An old weir."),
            ("2^10 and a[0] == b[1] == c", "2^10 and a[0] == b[1] == c"),
            ("Use `[[x]]` and ``a ` [b](c)`` here [d](e)", "Use `[[x]]` and ``a ` [b](c)`` here d"),
            (
                "> [!note]- On mills\n> They are loud.\n\n> [!tip]\n> Wait.",
                "> On mills\n> They are loud.\n\n> Wait.",
            ),
            ("a %%not seen%% b <!-- nor this --> c", "a  b  c"),
            ("%%\nhidden\n%%\nshown", "shown"),
            ("%% no end", "%% no end"),
            ("#mill #water/old\n\nI like #mills.", "\nI like #mills."),
            ("#1 is first", "#1 is first"),
            ("#mill/old# #wide water# #1", ""),
            ("#wide water is here", "#wide water is here"),
            ("The weir hums. #mill #water/old", "The weir hums."),
            ("He said “no.” #mill", "He said “no.”"),
            ("It is issue #12, see #mills", "It is issue #12, see #mills"),
            ("The first. #1", "The first. #1"),
            ("```dataview\nlist\n```\n```sh\n[[ -f x ]] && echo\n```", "```sh\n[[ -f x ]] && echo\n```"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn files_among_the_words_are_named_and_gone() {
        let text = "Look:\n![[weir.png|300]]\n\nor ![a mill](img/mill.jpg) here";
        let found = seen(&text.lines().collect::<Vec<_>>(), false);
        assert_eq!(found.lines, ["Look:", "", "", "or  here"]);
        assert_eq!(found.media, ["weir.png", "a mill"]);
    }

    #[test]
    fn footnotes_and_their_marks_are_gone() {
        let text = "It leans.[^1] It waits.^[So they say.] [^x] is not one, nor is `[^1]`.\n\n[^1]: Since 1801.\n    Or earlier.\n\nMore.";
        let found = seen(&text.lines().collect::<Vec<_>>(), false);
        assert_eq!(found.lines, ["It leans. It waits. [^x] is not one, nor is `[^1]`.", "", "", "More."]);
        assert_eq!(found.footnotes, 2);
    }

    #[test]
    fn lines_of_links_alone_are_known() {
        let cases = [
            ("- [[Old weirs]]", true),
            ("* [Mills](mills.md), [[Weirs|the weir]]", true),
            ("https://x.test/weir", true),
            ("- [[Old weirs]] lean", false),
            ("![[weir.png]]", false),
            ("", false),
        ];
        for (line, expected) in cases {
            assert_eq!(seen(&[line], false).is_link, [expected], "{line}");
        }
    }

    #[test]
    fn what_is_not_shown_is_counted_by_kind() {
        let text = "%%\nhidden\n%%\n#mill #weir\n\nIt leans. %%why%% And `%%so%%` <!-- no --> on.\n\n```tasks\nnot done\n```\n";
        let found = seen(&text.lines().collect::<Vec<_>>(), false);
        assert_eq!(found.unseen, ["comment", "line of tags", "query", "comment", "comment"]);
        let lines = ["# Mills", "", "Created: March 4, 2026", "Tags: water, old", "", "They lean."];
        assert_eq!(seen(&lines, true).unseen, ["property", "property"]);
    }

    #[test]
    fn properties_of_notion_are_no_text() {
        let lines = ["# Mills", "", "Created: March 4, 2026", "Tags: water, old", "", "They are: loud."];
        assert_eq!(seen(&lines, true).lines, ["# Mills", "", "", "They are: loud."]);
        assert_eq!(seen(&lines, false).lines, lines);
    }
}
