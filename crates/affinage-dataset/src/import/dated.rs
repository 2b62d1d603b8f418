//! Logs in which a line with the time stands above a name, and the words below it, without a colon.
//!
//! `[12-Mar-25 09:15 AM] NAME` of exporters of Discord, and a time and a name on two lines as exporters of iMessage write
//! them, become `[TIME] NAME:`. Blocks that the exporter adds (`{Reactions}`, `Tapbacks:`) become lines of the program, and
//! files are named.

use std::collections::BTreeMap;

use super::stamp;

/// Fewer such lines are no log.
const MIN_TURNS: usize = 3;
/// No name is longer.
const MAX_NAME_CHARS: usize = 40;

/// The log with its names before colons; `None` if `text` is something else.
pub(super) fn transcript(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let heads: BTreeMap<usize, Head<'_>> =
        (0..lines.len()).filter_map(|at| Some((at, head(&lines, at)?))).collect();
    let mut names: Vec<&str> = heads.values().map(|head| head.name).collect();
    names.sort_unstable();
    names.dedup();
    // Names recur; a text with dates above its paragraphs has as many first lines as dates.
    if heads.len() < MIN_TURNS || names.len() < 2 || names.len() * 2 > heads.len() {
        return None;
    }
    let has_two_lines = heads.values().any(|head| head.more > 0);
    let mut out = String::new();
    let (mut at, mut stamp, mut block) = (0, String::new(), None);
    while let Some(line) = lines.get(at) {
        at += 1;
        if let Some(head) = heads.get(&(at - 1)) {
            stamp = in_one_form(head.stamp);
            block = None;
            out.push_str(&format!("\n[{stamp}] {}: ", head.name));
            at += head.more;
            continue;
        }
        if has_two_lines && is_indented_head(&lines, at - 1) {
            at = end_of_indented(&lines, at);
            out.push_str(&format!("\n[{stamp}] (a reply that stands at its own place too)\n"));
            continue;
        }
        if has_two_lines && (is_remark(line) || is_announcement(&lines, at - 1)) {
            out.push_str(&format!("\n[{stamp}] ({})\n", line.trim().replace(':', " ")));
            continue;
        }
        match (block, line.trim()) {
            (Some(_), "") => block = None,
            (Some(Block::Files), file) => out.push_str(&format!("<attached: {file}>")),
            (Some(Block::Program), _) => continue,
            (None, words) => match block_of(words) {
                Some(kind) => {
                    block = Some(kind);
                    if kind == Block::Program {
                        out.push_str(&format!("\n[{stamp}] ({})", words.trim_matches([':', '{', '}'])));
                    }
                }
                None if is_attachment(words) => out.push_str(&format!("<attached: {words}>")),
                None => out.push_str(line),
            },
        }
        out.push('\n');
    }
    Some(out)
}

struct Head<'a> {
    stamp: &'a str,
    name: &'a str,
    /// Lines that belong to it behind the first.
    more: usize,
}

/// The time and the name that begin a turn at a line.
fn head<'a>(lines: &[&'a str], at: usize) -> Option<Head<'a>> {
    let line = lines[at].trim();
    if at > 0 && !lines[at - 1].trim().is_empty() {
        return None;
    }
    let is_name = |name: &str| {
        (1..=MAX_NAME_CHARS).contains(&name.chars().count())
            && !name.ends_with(['.', '!', '?', ':', ','])
            && name.starts_with(|c: char| c.is_alphanumeric() || c == '+')
    };
    if let Some((stamp, name)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        let name = name.strip_suffix(" (pinned)").unwrap_or(name);
        return (stamp::is_only(stamp) && is_name(name) && !name.contains(": ")).then_some(Head {
            stamp,
            name,
            more: 0,
        });
    }
    let stamp = line.split_once(" (").map_or(line, |(stamp, _)| stamp);
    let name = lines.get(at + 1)?.trim();
    (stamp.contains(':') && stamp::is_only(stamp) && is_name(name)).then_some(Head { stamp, name, more: 1 })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Files,
    Program,
}

/// The block that a line begins: what the exporter adds below the words.
fn block_of(line: &str) -> Option<Block> {
    if line == "{Attachments}" || line == "{Stickers}" {
        return Some(Block::Files);
    }
    let is_braced = line.starts_with('{')
        && line.ends_with('}')
        && line[1..line.len() - 1].chars().all(char::is_alphabetic);
    (is_braced && line.len() > 2 || line == "Tapbacks:").then_some(Block::Program)
}

/// The stamp with one space where the exporter aligns its numbers with two: lines of the program are told by its form.
fn in_one_form(stamp: &str) -> String {
    stamp.split_whitespace().collect::<Vec<_>>().join(" ")
}

const INDENT: &str = "    ";

fn is_indented(line: &str) -> bool {
    line.starts_with(INDENT) && !line.trim().is_empty()
}

/// True where a reply is shown again, indented below the message that it answers.
fn is_indented_head(lines: &[&str], at: usize) -> bool {
    let stamp = lines[at].trim();
    let stamp = stamp.split_once(" (").map_or(stamp, |(stamp, _)| stamp);
    is_indented(lines[at])
        && stamp.contains(':')
        && stamp::is_only(stamp)
        && lines.get(at + 1).is_some_and(|name| is_indented(name))
}

/// The line behind what is indented.
fn end_of_indented(lines: &[&str], mut at: usize) -> usize {
    while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
        let next = rest.iter().position(|line| !line.trim().is_empty());
        match next.filter(|next| is_indented(rest[*next])) {
            Some(next) => at += next + 1,
            None => break,
        }
    }
    at
}

/// What the exporter says of a message below its words.
fn is_remark(line: &str) -> bool {
    const REMARKS: [&str; 3] =
        ["This message responded to an earlier message.", "Attachment missing!", "Couldn't load attachment"];
    let line = line.trim();
    let is_effect = line.starts_with("Sent with ") && line.split(' ').count() <= 4 && !line.ends_with('.');
    is_effect || REMARKS.contains(&line)
}

/// A line between two turns that tells in one what happened: `Jan 05, 2026 10:10:00 AM You named the conversation Mill`.
fn is_announcement(lines: &[&str], at: usize) -> bool {
    let is_blank =
        |at: Option<usize>| at.and_then(|at| lines.get(at)).is_none_or(|line| line.trim().is_empty());
    let line = lines[at];
    let said = stamp::leading(line).map(|(_, said)| said).filter(|said| !said.is_empty());
    let stamp = said.map(|said| line[..line.len() - said.len()].trim());
    is_blank(at.checked_sub(1))
        && is_blank(Some(at + 1))
        && stamp.is_some_and(|s| s.contains(':') && stamp::is_only(s))
}

/// The place of a file as a whole line.
fn is_attachment(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let is_path = line.starts_with('/') || line.starts_with("~/") || lower.starts_with("attachments/");
    is_path && (lower.contains("/attachments/") || lower.starts_with("attachments/")) && !line.contains(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_above_names_begin_turns() {
        let discord = "[12-Mar-25 09:15 AM] tove\nWhy reeds?\n\n[12-Mar-25 09:16 AM] Heron (pinned)\nThey hide me.\nAnd feed me.\n\n{Reactions}\n👍 (2)\n\n\
            [12-Mar-25 09:18 AM] tove\nAnd this?\n\n{Attachments}\nhttps://a.test/reed.jpg\n\n[12-Mar-25 09:19 AM] Heron\nMud.\n";
        let found = transcript(discord).expect("a log");
        for line in [
            "[12-Mar-25 09:15 AM] tove: Why reeds?",
            "[12-Mar-25 09:16 AM] Heron: They hide me.",
            "[12-Mar-25 09:16 AM] (Reactions)",
            "<attached: https://a.test/reed.jpg>",
        ] {
            assert!(found.lines().any(|found| found == line), "{line} in {found}");
        }
        assert!(!found.contains("👍"));
        let imessage = "Mar 12, 2025  9:15:02 AM (Read by them)\nMe\nWhy reeds?\n\nMar 12, 2025  9:17:40 AM\nHeron\nThey hide me.\nTapbacks:\nLoved by Me\n\nMar 12, 2025  9:18:01 AM\nMe\nAnd mud?\n\nMar 12, 2025  9:19:01 AM\nHeron\nIt is soft.\n";
        let found = transcript(imessage).expect("a log");
        assert!(
            found.contains("[Mar 12, 2025 9:17:40 AM] Heron: They hide me.") && !found.contains("Loved"),
            "{found}"
        );
        assert_eq!(
            transcript("Mar 12, 2025\nA day\n\nMar 13, 2025\nAnother\n\nMar 14, 2025\nA third\n"),
            None
        );
    }
}
