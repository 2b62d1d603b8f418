//! What outliners and other note programs keep between the lines of a note for themselves (Logseq, Roam, Org, Dataview):
//! properties, drawers, dates of tasks, the ids of blocks and the calls of their macros. A reader of the page does not see
//! them as words.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

fn pattern(regex: &str) -> Regex {
    Regex::new(regex).expect("the pattern is part of the program")
}

/// `collapsed:: true`, also as an item; a path of code has no space behind its colons.
static PROPERTY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:[-*]\s+)?\*{0,2}([\p{L}_][\p{L}\p{N}_./-]{0,39}(?: [\p{L}\p{N}_-]{1,20}){0,2})\*{0,2}::(?:\s+(.*))?$",
    )
});
/// `:LOGBOOK:`, and the end of such a drawer.
static DRAWER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*:([A-Z][A-Z_-]{2,30}):\s*$"));
const DRAWER_END: &str = ":END:";
/// `SCHEDULED: <2026-03-16 Mon>`, `CLOCK: [2026-03-12 Thu 09:15]`.
static PLANNED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:(?:SCHEDULED|DEADLINE|CLOSED|CLOCK): *[<\[]\d{4}-[^>\]\n]*[>\]](?:--[<\[][^>\]\n]*[>\]])?(?:\s*=>\s*[\d:]+)?\s*)+$",
    )
});
/// `#+TITLE: Mills` of Org.
static KEYWORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^#\+([A-Za-z][A-Za-z_]{2,30}):(?:\s+(.*))?$"));
/// `((65f0aaaa-0000-4000-8000-000000000001))`, or Roam's `((9-letters))`.
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\(\(([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9_-]{9})\)\)"));
/// `{{embed [[Milk]]}}`, `{{[[TODO]]}}`, `{{query ...}}`; words that a macro hides stand behind its colon.
static MACRO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"\{\{+\s*(?:\[\[)?(?i:embed|query|renderer|video|youtube|vimeo|bilibili|tweet|twitter|pdf|iframe|audio|mermaid|diagram|table|kanban|calc|attr-table",
        r"|word-count|slider|encrypt|orphans|roam/\w+|todo|done|namespace|function|zotero[\w-]*|mentions|toc|pomo|timer|date|or|page-ref|linkpreview)",
        r"(?:\]\])?(?:[ :|][^\n]*?)?\}\}+",
    ))
});
/// `{{cloze words}}`, `{{c1::words::hint}}`, whose words are seen.
static CLOZE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\{\{+(?:cloze[ :]+|c\d+::)([^{}\n]*?)(?:::[^{}\n]*|\\\\[^{}\n]*)?\}\}+"));
/// Words that are marked: `^^so^^` of Roam and Logseq, `::so::` of Bear.
static MARKED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\^\^([^\^\s](?:[^\^\n]*[^\^\s])?)\^\^|(?P<before>^|[\s(])::([^:\s](?:[^:\n]*[^:\s])?)::(?P<behind>$|[\s).,;:!?])",
    )
});

/// Lines of a note without what its program keeps among them.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub lines: Vec<String>,
    /// The title that a property gives.
    pub title: Option<String>,
    /// What was taken out, by kind.
    pub unseen: Vec<&'static str>,
}

/// Takes out what the program keeps for itself. `in_code` says of each line if it stands in a block of code.
pub(super) fn read(lines: &[&str], in_code: &[bool]) -> Own {
    let blocks = blocks_by_id(lines);
    let mut own = Own::default();
    let mut drawer = None;
    for (index, &line) in lines.iter().enumerate() {
        if drawer.is_some_and(|end| index <= end) {
            continue;
        }
        if in_code[index] {
            own.lines.push(line.to_owned());
            continue;
        }
        if let Some(end) = end_of_drawer(lines, index) {
            drawer = Some(end);
            own.unseen.push("property");
        } else if PLANNED.is_match(line) {
            own.unseen.push("date of a task");
        } else if let Some(found) = property(line) {
            if found.0.eq_ignore_ascii_case("title") && own.title.is_none() {
                own.title = found.1.map(str::to_owned);
            }
            own.unseen.push("property");
        } else {
            let shown = shown(line, &blocks, &mut own.unseen);
            own.lines.push(shown);
        }
    }
    own
}

/// Name and value of a property, or of a keyword of Org.
fn property(line: &str) -> Option<(&str, Option<&str>)> {
    let found = PROPERTY.captures(line).or_else(|| KEYWORD.captures(line))?;
    let part = |number| found.get(number).map(|part| part.as_str().trim());
    Some((part(1)?, part(2).filter(|value| !value.is_empty())))
}

/// The line that ends the drawer which begins at a line.
fn end_of_drawer(lines: &[&str], start: usize) -> Option<usize> {
    /// Longer ones are text.
    const MAX_LINES: usize = 200;
    if !DRAWER.is_match(lines[start]) || lines[start].trim() == DRAWER_END {
        return None;
    }
    let behind = lines[start + 1..].iter().take(MAX_LINES);
    behind
        .take_while(|line| !line.trim().is_empty())
        .position(|line| line.trim() == DRAWER_END)
        .map(|at| start + 1 + at)
}

/// The words of the blocks that have an id in this text.
fn blocks_by_id(lines: &[&str]) -> HashMap<String, String> {
    let mut blocks = HashMap::new();
    let mut words = None;
    for &line in lines {
        match property(line) {
            Some(("id", Some(id))) => {
                blocks.extend(words.map(|words: &str| (id.to_owned(), words.to_owned())));
            }
            Some(_) => {}
            None if line.trim().is_empty() => words = None,
            None => words = Some(line.trim().trim_start_matches(['-', '*', '#', ' ']).trim()),
        }
    }
    blocks
}

/// True for a word that nobody writes.
fn is_id(word: &str) -> bool {
    word.len() > 9
        || word[1..]
            .contains(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
}

/// A line as its reader sees it.
fn shown(line: &str, blocks: &HashMap<String, String>, unseen: &mut Vec<&'static str>) -> String {
    if !["((", "{{", "^^", "::"].iter().any(|mark| line.contains(mark)) {
        return line.to_owned();
    }
    super::vault::outside_code(line, |part| {
        let part = CLOZE.replace_all(part, "$1");
        let part = REFERENCE.replace_all(&part, |found: &Captures<'_>| {
            if !is_id(&found[1]) {
                return found[0].to_owned();
            }
            unseen.push("reference");
            // One step: a block may refer to itself.
            let words = blocks.get(&found[1]).map_or("", String::as_str);
            REFERENCE.replace_all(words, "").trim().to_owned()
        });
        let part = MACRO.replace_all(&part, |_: &Captures<'_>| {
            unseen.push("macro");
            String::new()
        });
        MARKED
            .replace_all(&part, |found: &Captures<'_>| {
                let of = |name| found.name(name).map_or("", |part| part.as_str());
                let words = found.get(1).or(found.get(3)).map_or("", |words| words.as_str());
                format!("{}{words}{}", of("before"), of("behind"))
            })
            .into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (String, Vec<&'static str>, Option<String>) {
        let lines: Vec<&str> = text.lines().collect();
        let in_code: Vec<bool> = lines.iter().map(|line| line.starts_with("    ")).collect();
        let own = read(&lines, &in_code);
        (own.lines.join("\n"), own.unseen, own.title)
    }

    #[test]
    fn what_an_outliner_keeps_for_itself_is_no_text() {
        let page = "title:: Old weirs\ntags:: water, wall\n\n- A weir leans.\n  id:: 0a1b2c3d-0000-4000-8000-00000000000f\n  collapsed:: true\n\
            \t- TODO mend it\n\t  SCHEDULED: <2026-03-16 Mon>\n\t  :LOGBOOK:\n\t  CLOCK: [2026-03-12 Thu 09:15:02]--[2026-03-12 Thu 09:20:00] =>  00:04:58\n\t  :END:\n\
            - See ((0a1b2c3d-0000-4000-8000-00000000000f)) and {{embed [[Mills]]}} too.";
        let (text, unseen, title) = read_text(page);
        assert_eq!(text, "\n- A weir leans.\n\t- TODO mend it\n- See A weir leans. and  too.");
        assert_eq!(
            unseen,
            [
                "property",
                "property",
                "property",
                "property",
                "date of a task",
                "property",
                "reference",
                "macro"
            ]
        );
        assert_eq!(title.as_deref(), Some("Old weirs"));
        let (org, _, title) =
            read_text(":PROPERTIES:\n:ID: 12\n:END:\n#+title: Mills\n#+filetags: :water:\n\nThey are loud.");
        assert_eq!((org.as_str(), title.as_deref()), ("\nThey are loud.", Some("Mills")));
    }

    #[test]
    fn words_that_are_marked_stay() {
        for (line, expected) in [
            ("The ^^old^^ wall and ::the new one::.", "The old wall and the new one."),
            ("A {{cloze weir}} and {{c1::mill::what}}.", "A weir and mill."),
            ("Use std::vec::Vec and a::b, or `x:: y`.", "Use std::vec::Vec and a::b, or `x:: y`."),
            ("It costs ((about nine)) crowns.", "It costs ((about nine)) crowns."),
            ("Write {{name}} in the letter.", "Write {{name}} in the letter."),
            ("They said: wait.", "They said: wait."),
            ("    key:: value", "    key:: value"),
        ] {
            assert_eq!(read_text(line), (expected.to_owned(), Vec::new(), None), "{line}");
        }
    }
}
