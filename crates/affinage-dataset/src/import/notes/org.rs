//! Texts of Org (Emacs, Org-roam, Logseq) as the Markdown that the other notes are: headings, blocks, links, footnotes.

use std::sync::LazyLock;

use regex::{Captures, Regex};

fn pattern(regex: &str) -> Regex {
    Regex::new(regex).expect("the pattern is part of the program")
}

/// A keyword that only Org writes.
static KEYWORD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?im)^#\+(?:title|startup|filetags|options|author|date|begin_\w+)\b"));
/// `** TODO [#A] Words :tag:other:`
static HEADING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(\*+) (?:(?:TODO|DONE|NEXT|WAITING|CANCELLED) )?(?:\[#[A-Z]\] )?(.*?)(?:\s+:[\p{L}\p{N}_@:]+:)?\s*$",
    )
});
static BEGIN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^\s*#\+begin_(\w+)(?:\s+(\S+))?.*$"));
static END: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^\s*#\+end_(\w+)\s*$"));
/// `[[target][words]]`, `[[target]]`
static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[\[([^\]\n]+)\](?:\[([^\]\n]+)\])?\]"));
static VERBATIM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(^|[\s(])(?:=([^\s=](?:[^=\n]*[^\s=])?)=|~([^\s~](?:[^~\n]*[^\s~])?)~)($|[\s.,;:!?)])")
});
/// `[fn:1]`, or one with its words.
static FOOTNOTE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[fn:[^\]\n]*\]"));
static COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*# "));

/// True for a text of Org, by its name or by what only Org writes.
pub(super) fn is_org(member: &str, body: &str) -> bool {
    member.to_ascii_lowercase().ends_with(".org") || KEYWORD.is_match(body)
}

/// The text as Markdown; what is no part of it is added to `unseen`.
pub(super) fn markdown(body: &str, unseen: &mut Vec<&'static str>) -> String {
    let mut out = String::with_capacity(body.len());
    let (mut in_code, mut in_quote, mut in_note) = (false, false, false);
    for line in body.lines() {
        let kind = |found: &Captures<'_>| found[1].to_ascii_lowercase();
        let begins = BEGIN.captures(line).filter(|_| !in_code);
        let ends = END.captures(line);
        if let Some(begins) = begins {
            match kind(&begins).as_str() {
                "src" | "example" => {
                    in_code = true;
                    out.push_str(&format!("```{}\n", begins.get(2).map_or("", |language| language.as_str())));
                }
                "quote" | "verse" => in_quote = true,
                _ => {}
            }
            continue;
        }
        if let Some(ends) = ends {
            match kind(&ends).as_str() {
                "src" | "example" => {
                    in_code = false;
                    out.push_str("```\n");
                }
                "quote" | "verse" => in_quote = false,
                _ => {}
            }
            continue;
        }
        in_note = !in_code
            && (line.starts_with("[fn:") || (in_note && !line.trim().is_empty() && !line.starts_with('*')));
        if in_note {
            unseen.extend(line.starts_with("[fn:").then_some("footnote"));
        } else if in_code {
            out.push_str(&format!("{line}\n"));
        } else if COMMENT.is_match(line) {
            unseen.push("comment");
        } else if let Some(found) = HEADING.captures(line) {
            out.push_str(&format!("{} {}\n", "#".repeat(found[1].len().min(6)), shown(&found[2])));
        } else {
            out.push_str(&format!("{}{}\n", if in_quote { "> " } else { "" }, shown(line)));
        }
    }
    out
}

/// The words of a line as a reader sees them.
fn shown(line: &str) -> String {
    let line = super::vault::without(&FOOTNOTE, line);
    let line = LINK.replace_all(&line, |found: &Captures<'_>| {
        found.get(2).map_or_else(|| found[1].to_owned(), |words| words.as_str().to_owned())
    });
    let code = |found: &Captures<'_>| {
        let words = found.get(2).or(found.get(3)).map_or("", |words| words.as_str());
        format!("{}`{words}`{}", &found[1], &found[4])
    };
    VERBATIM.replace_all(&line, code).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn org_becomes_markdown() {
        let text = "#+title: Walls\n* TODO [#A] Old weirs :water:old:\nThey lean.[fn:1] See [[id:12][the mill]] and =cat x=.\n# to do\n#+begin_src sh\n# kept\n* kept\n#+end_src\n#+begin_quote\nSo they say.\n#+end_quote\n\n[fn:1] Since 1801.\n";
        let mut unseen = Vec::new();
        assert!(is_org("walls.txt", text) && !is_org("walls.md", "* one\n* two\n"));
        assert_eq!(
            markdown(text, &mut unseen),
            "#+title: Walls\n# Old weirs\nThey lean. See the mill and `cat x`.\n```sh\n# kept\n* kept\n```\n> So they say.\n\n"
        );
        assert_eq!(unseen, ["comment", "footnote"]);
    }
}
