//! Changes of a text that can be taken back: what a safe fix did, byte by byte.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::lint::Finding;

/// One replacement; `start` counts bytes in the text before any edit of its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The rule whose fix it is.
    pub rule: String,
    pub start: usize,
    pub before: String,
    pub after: String,
}

impl Edit {
    fn span(&self) -> Range<usize> {
        self.start..self.start + self.before.len()
    }
}

/// The safe fixes among findings about one text, in its order. Where two overlap, the first that covers more is kept.
pub fn safe_fixes<'a>(text: &str, findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Edit> {
    let mut edits: Vec<Edit> = findings
        .into_iter()
        .filter_map(|finding| {
            let after = finding.fix.clone()?;
            let before = text.get(finding.span.clone())?.to_owned();
            Some(Edit { rule: finding.rule.to_owned(), start: finding.span.start, before, after })
        })
        .collect();
    edits.sort_by_key(|edit| (edit.start, std::cmp::Reverse(edit.before.len())));
    let mut end = 0;
    edits.retain(|edit| {
        let fits = edit.start >= end;
        if fits {
            end = edit.span().end;
        }
        fits
    });
    edits
}

/// The text after the edits, with what they left empty at both ends trimmed away; a first line keeps its indentation.
/// `None` if the text is not the one they were made for.
pub fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        if text.get(edit.span())? != edit.before {
            return None;
        }
        result.push_str(text.get(at..edit.start)?);
        result.push_str(&edit.after);
        at = edit.span().end;
    }
    result.push_str(&text[at..]);
    // A removed line leaves its line ends: no fix may make a gap of more than one empty line.
    while let Some(gap) = result.find("\n\n\n").filter(|_| !text.contains("\n\n\n")) {
        result.remove(gap);
    }
    let lead = &result[..result.len() - result.trim_start().len()];
    let start = lead.rfind('\n').map_or(lead.len(), |line_end| line_end + 1);
    Some(result[start..].trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, before: &str, after: &str) -> Edit {
        Edit { rule: "L00".into(), start, before: before.into(), after: after.into() }
    }

    #[test]
    fn edits_apply_only_to_their_text() {
        let edits = [edit(0, "Human: ", ""), edit(11, "x", "yy")];
        assert_eq!(apply("Human: Why x?", &edits).as_deref(), Some("Why yy?"));
        assert_eq!(apply("Humans: why x?", &edits), None);
        assert_eq!(
            apply("One.\n\nCopy code\n\nTwo.", &[edit(6, "Copy code", "")]).as_deref(),
            Some("One.\n\nTwo.")
        );
        assert_eq!(apply("2s\n\n    code\n", &[edit(0, "2s", "")]).as_deref(), Some("    code"));
    }
}
