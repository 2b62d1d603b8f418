//! Where a text without speakers is cut into sections: at headings; without them at rules; and what is too long, at blank
//! lines.

use std::collections::HashSet;
use std::ops::Range;

use super::prompt::{is_question, is_wide, sentence_ends};
use crate::import::fences::{self, Unclosed};

/// A text as long as this is one answer ...
const MAX_SIZE: usize = 3000;
/// ... a longer one is cut into parts of about this size, none of them smaller than the third.
const TARGET_SIZE: usize = 1600;
const MIN_SIZE: usize = 400;

/// What stands under one heading, or between two rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub title: Option<String>,
    /// The heading above that heading.
    pub above: Option<String>,
    pub lines: Range<usize>,
}

struct Heading {
    line: usize,
    /// Where its text begins.
    text: usize,
    level: usize,
    title: String,
}

/// The sections in order, those without words too.
pub(super) fn sections(lines: &[String]) -> Vec<Section> {
    let views: Vec<&str> = lines.iter().map(String::as_str).collect();
    let in_code = fences::inside(&views, Unclosed::ToTheEnd);
    let mut headings = marked_headings(&views, &in_code);
    if headings.is_empty() {
        headings = plain_headings(&views, &in_code);
    }
    if headings.is_empty() {
        return between_rules(&views, &in_code, title_line(&views, &in_code));
    }
    let untitled = |lines| Section { title: None, above: None, lines };
    let mut sections = vec![untitled(0..headings[0].line)];
    for (number, heading) in headings.iter().enumerate() {
        let end = headings.get(number + 1).map_or(lines.len(), |next| next.line);
        let above = headings[..number].iter().rev().find(|other| other.level < heading.level);
        sections.push(Section {
            title: Some(heading.title.clone()),
            above: above.map(|heading| heading.title.clone()),
            lines: heading.text..end,
        });
    }
    sections
}

/// The title that a text has itself: the heading of the first level, or with all others below it, with which it begins; in
/// plain text its first line.
pub(super) fn title(lines: &[String]) -> Option<String> {
    let views: Vec<&str> = lines.iter().map(String::as_str).collect();
    let in_code = fences::inside(&views, Unclosed::ToTheEnd);
    let headings = marked_headings(&views, &in_code);
    let Some((first, others)) = headings.split_first() else {
        let is_cut = !plain_headings(&views, &in_code).is_empty();
        let line = title_line(&views, &in_code).filter(|_| !is_cut)?;
        return Some(lines[line].trim().to_owned());
    };
    let begins = (0..first.line).all(|line| is_blank(&views, line));
    let is_above = others.iter().all(|other| other.level > first.level);
    (begins && is_above && (first.level == 1 || !others.is_empty())).then(|| first.title.clone())
}

/// Headings of Markdown: `# Title`, or a line under which `===` or `---` stands.
fn marked_headings(lines: &[&str], in_code: &[bool]) -> Vec<Heading> {
    let is_blank = |line: usize| lines[line].trim().is_empty();
    let mut headings = Vec::new();
    for line in (0..lines.len()).filter(|&line| !in_code[line] && !is_blank(line)) {
        if let Some((level, title)) = heading(lines[line]) {
            headings.push(Heading { line, text: line + 1, level, title });
            continue;
        }
        let Some(under) = lines.get(line + 1).map(|under| under.trim_end()) else { continue };
        let level = match under.chars().next() {
            Some('=') => 1,
            Some('-') => 2,
            _ => continue,
        };
        let is_rule = under.len() >= 3 && under.bytes().all(|byte| byte == under.as_bytes()[0]);
        let stands_apart = line == 0 || is_blank(line - 1);
        if is_rule && stands_apart && is_title(lines[line], 120) {
            headings.push(Heading { line, text: line + 2, level, title: lines[line].trim().to_owned() });
        }
    }
    headings
}

/// Level and words of `## Words ##`.
fn heading(line: &str) -> Option<(usize, String)> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    let title = rest.strip_prefix([' ', '\t'])?.trim().trim_end_matches('#').trim();
    let title = title.replace("**", "").replace("__", "");
    let has_words = title.chars().any(char::is_alphanumeric);
    ((1..=6).contains(&level) && has_words).then(|| (level, title.trim().to_owned()))
}

/// Could this line be a title?
fn is_title(line: &str, max_chars: usize) -> bool {
    let line = line.trim_end();
    line.chars().count() <= max_chars
        && line.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '“' | '„' | '«' | '§' | '¿'))
        && line.chars().any(char::is_alphabetic)
}

fn is_blank(lines: &[&str], line: usize) -> bool {
    lines.get(line).is_none_or(|line| line.trim().is_empty())
}

/// True for a short line alone that does not end like a sentence and stands before a paragraph of prose.
fn is_plain_title(lines: &[&str], line: usize) -> bool {
    const MAX_CHARS: usize = 60;
    const MIN_PARAGRAPH_CHARS: usize = 80;
    let is_alone =
        (line == 0 || is_blank(lines, line - 1)) && is_blank(lines, line + 1) && !is_blank(lines, line);
    let end = lines[line].trim_end();
    let looks_so = is_title(end, MAX_CHARS)
        && !end.starts_with(char::is_lowercase)
        && (is_question(end) || !end.ends_with(['.', ',', ';', ':', '!', '…', '。', '”', '"', '»', '-']));
    let has_prose_below = || {
        let next = (line + 1..lines.len()).find(|&line| !is_blank(lines, line));
        let paragraph = next.map(|start| lines[start..].iter().take_while(|line| !line.trim().is_empty()));
        paragraph.is_some_and(|paragraph| {
            paragraph.map(|line| line.chars().count()).sum::<usize>() >= MIN_PARAGRAPH_CHARS
        })
    };
    is_alone && looks_so && has_prose_below()
}

/// Titles of plain text.
fn plain_headings(lines: &[&str], in_code: &[bool]) -> Vec<Heading> {
    let found: Vec<usize> =
        (0..lines.len()).filter(|&line| !in_code[line] && is_plain_title(lines, line)).collect();
    let different: HashSet<&str> = found.iter().map(|&line| lines[line].trim()).collect();
    // One line is no pattern, and lines that come again are names of somebody or something else.
    if found.len() < 2 || different.len() < found.len() {
        return Vec::new();
    }
    let heading =
        |line: usize| Heading { line, text: line + 1, level: 1, title: lines[line].trim().to_owned() };
    found.into_iter().map(heading).collect()
}

/// The title of a plain text: its first line, if it looks like one.
fn title_line(lines: &[&str], in_code: &[bool]) -> Option<usize> {
    let first = (0..lines.len()).find(|&line| !is_blank(lines, line))?;
    (!in_code[first] && is_plain_title(lines, first)).then_some(first)
}

/// The sections below the line that is the title, or all.
fn between_rules(lines: &[&str], in_code: &[bool], title: Option<usize>) -> Vec<Section> {
    let is_rule = |line: &str| {
        let marks: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        marks.len() >= 3 && ["-", "*", "_"].iter().any(|mark| marks.replace(mark, "").is_empty())
    };
    let words = title.map(|line| lines[line].trim().to_owned());
    let mut sections = Vec::new();
    let first = title.map_or(0, |line| line + 1);
    let mut start = first;
    for line in first..=lines.len() {
        if line == lines.len() || (!in_code[line] && is_rule(lines[line])) {
            sections.push(Section { title: words.clone(), above: None, lines: start..line });
            start = line + 1;
        }
    }
    sections
}

/// Characters, a sign of Chinese, Japanese or Korean as three.
fn size(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 3 } else { 1 }).sum()
}

/// A text as one answer, or as several where it is too long: cut between paragraphs, and a paragraph that is too long
/// itself between sentences.
pub(super) fn parts(text: &str) -> Vec<String> {
    if size(text) <= MAX_SIZE {
        return vec![text.to_owned()];
    }
    let mut pieces: Vec<(&str, &str)> = Vec::new();
    for block in blocks(text) {
        match size(block) <= MAX_SIZE || block.trim_start().starts_with(['`', '~']) {
            true => pieces.push(("\n\n", block)),
            false => pieces
                .extend(sentences(block).map(|(first, piece)| (if first { "\n\n" } else { " " }, piece))),
        }
    }
    let mut parts: Vec<String> = Vec::new();
    for (gap, piece) in pieces {
        match parts.last_mut() {
            Some(part) if size(part) < MIN_SIZE || size(part) + size(piece) <= TARGET_SIZE => {
                part.push_str(gap);
                part.push_str(piece);
            }
            _ => parts.push(piece.to_owned()),
        }
    }
    if let [.., before, last] = parts.as_slice()
        && size(last) < MIN_SIZE
        && size(before) + size(last) <= MAX_SIZE
    {
        let joined = format!("{before}\n\n{last}");
        parts.truncate(parts.len() - 2);
        parts.push(joined);
    }
    parts
}

/// Paragraphs; fenced code is one with all its blank lines.
fn blocks(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let bare: Vec<&str> = lines.iter().map(|line| line.trim_end_matches('\n')).collect();
    let in_code = fences::inside(&bare, Unclosed::ToTheEnd);
    let (mut blocks, mut start, mut at) = (Vec::new(), 0, 0);
    for (index, line) in lines.iter().enumerate() {
        if line.trim().is_empty() && !in_code[index] {
            blocks.push(&text[start..at]);
            start = at + line.len();
        }
        at += line.len();
    }
    blocks.push(&text[start..]);
    blocks
        .into_iter()
        .map(|block| block.trim_matches('\n'))
        .filter(|block| !block.trim().is_empty())
        .collect()
}

/// A long paragraph in pieces that end with a sentence, where it has sentences; the flag marks the first.
fn sentences(block: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut ends: Vec<usize> = sentence_ends(block).collect();
    ends.push(block.len());
    let mut pieces = Vec::new();
    let mut start = 0;
    for end in ends {
        let mut rest = &block[start..end];
        // Words without an end of a sentence are cut between words, or anywhere.
        while size(rest) > MAX_SIZE {
            let limit = rest.char_indices().nth(TARGET_SIZE / 3).map_or(rest.len(), |(at, _)| at);
            let at = rest[..limit].rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(limit);
            pieces.push(&rest[..at]);
            rest = &rest[at..];
        }
        pieces.push(rest);
        start = end;
    }
    let is_filled = |piece: &&str| !piece.is_empty();
    pieces.into_iter().map(str::trim).filter(is_filled).enumerate().map(|(index, piece)| (index == 0, piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(text: &str) -> Vec<(Option<String>, Option<String>, String)> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let found = sections(&lines).into_iter();
        found
            .map(|s| (s.title, s.above, lines[s.lines].join("\n").trim().to_owned()))
            .filter(|s| !s.2.is_empty())
            .collect()
    }

    fn section(title: &str, above: &str, text: &str) -> (Option<String>, Option<String>, String) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (some(title), some(above), text.to_owned())
    }

    #[test]
    fn headings_of_markdown_cut_and_know_what_is_above_them() {
        let text = "Before.\n# Weirs\n\n## **Old ones** ##\nThey lean.\n```sh\n# no heading\n```\nMills\n=====\nLoud.\n\nNo\nheading\n---\nx";
        let expected = [
            section("", "", "Before."),
            section(
                "Old ones",
                "Weirs",
                "They lean.\n```sh\n# no heading\n```\nMills\n=====\nLoud.\n\nNo\nheading\n---\nx",
            ),
        ];
        assert_eq!(titles(text), expected, "a title under a line needs a blank line before it");
        let text = "Mills\n=====\nLoud.\n\nWeirs\n-----\nStill.";
        assert_eq!(titles(text), [section("Mills", "", "Loud."), section("Weirs", "Mills", "Still.")]);
        assert_eq!(titles("#tag\n\n####### seven\n\n#  \n\nx").len(), 1);
    }

    #[test]
    fn lone_short_lines_are_headings_if_there_are_several_different_ones() {
        let prose = "The water falls over the old wall all day, and at night one hears it from the house on the hill.";
        let text = format!("BOOK ONE\n\n{prose}\n\nYes.\n\nWhy does it fall?\n\n{prose}\n\n{prose}");
        let found = titles(&text);
        assert_eq!(
            found.iter().map(|s| s.0.as_deref()).collect::<Vec<_>>(),
            [Some("BOOK ONE"), Some("Why does it fall?")]
        );
        assert!(found[0].2.ends_with("Yes."));
        let repeated = format!("Morning\n\n{prose}\n\nMorning\n\n{prose}");
        assert_eq!(titles(&repeated).len(), 1);
        let titled = titles(&format!("\nAlone\n\n{prose}\n\n---\n\nMore."));
        assert_eq!(
            titled,
            [section("Alone", "", prose), section("Alone", "", "More.")],
            "the first line is the title"
        );
        assert_eq!(titles(&format!("Dear Ida,\n\n{prose}"))[0].0, None);
    }

    #[test]
    fn rules_cut_where_there_are_no_headings() {
        assert_eq!(titles("One.\n\n---\n\nTwo.\n\n* * *\nThree.").len(), 3);
        assert_eq!(titles("```\n---\n```\nOne.").len(), 1);
    }

    #[test]
    fn what_is_too_long_is_cut_between_paragraphs_and_loses_no_word() {
        let paragraph = "The mill stood by the river and was never still. ".repeat(9);
        let code = format!("```\n{}\n\n{}\n```", "x".repeat(900), "y".repeat(900));
        let text = [paragraph.trim(); 10].join("\n\n") + "\n\n" + &code + "\n\nEnd.";
        let parts = parts(&text);
        assert!(parts.len() > 3, "{}", parts.len());
        assert_eq!(parts.join("\n\n"), text);
        assert!(
            parts.iter().all(|part| (MIN_SIZE..=MAX_SIZE).contains(&size(part))),
            "{:?}",
            parts.iter().map(|p| size(p)).collect::<Vec<_>>()
        );
        assert!(parts.iter().any(|part| part.contains(&code)), "code stays whole");
    }

    #[test]
    fn a_paragraph_without_end_is_cut_between_sentences_words_or_anywhere() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for text in ["The mill was never still. ".repeat(400), "mill and ".repeat(900)] {
            let found = parts(&text);
            assert!(found.iter().all(|part| size(part) <= MAX_SIZE), "{text:.20}");
            assert_eq!(words(&found.join(" ")), words(&text));
        }
        let dense = "水".repeat(4000);
        let found = parts(&dense);
        assert!(found.iter().all(|part| size(part) <= MAX_SIZE));
        assert_eq!(found.concat().replace(' ', ""), dense);
    }
}
