//! Perplexity's Markdown: each question is a heading behind its picture or a rule, each answer ends in its list of pages.

use std::sync::LazyLock;

use regex::Regex;

use super::dress::is_rule;

/// The sign behind which the pages of an answer are listed.
const END: char = '\u{2042}';
/// A page of the list, or of the list as plain lines.
static PAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\[\^[\w-]+\]: *<?(?:https?://|www\.)\S+>?\s*$").expect("a valid pattern"));
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\[\^\d+(?:_\d+)?\]").expect("a valid pattern"));

/// References that the page does not show.
static HIDDEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"<span style="display: ?none">[^<]*</span>"#).expect("a valid pattern"));

/// The export as a transcript with headings for speakers; `None` if `text` is something else.
pub(super) fn transcript(text: &str) -> Option<String> {
    let is_end = |line: &str| line.trim_start().starts_with("<div") && line.contains(END);
    let is_logo = |line: &str| line.trim_start().starts_with("<img") && line.contains("pplx");
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    if !is_logo(first) && !text.lines().any(is_end) {
        return None;
    }
    let text = HIDDEN.replace_all(text, "");
    let mut out = String::new();
    // A question follows the picture, a rule, or nothing.
    let mut may_ask = true;
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            out.push_str(line);
        } else if is_logo(line) || is_end(line) || PAGE.is_match(line) {
            may_ask |= is_logo(line);
            continue;
        } else if is_rule(line) {
            may_ask = true;
            out.push_str(line);
        } else if let Some(question) = line.strip_prefix("# ").filter(|_| may_ask) {
            may_ask = false;
            out.push_str(&format!("\n## User\n\n{}\n\n## Perplexity\n", question.trim()));
        } else {
            may_ask &= line.trim().is_empty();
            out.push_str(&REFERENCE.replace_all(line, ""));
        }
        out.push('\n');
    }
    out.contains("## User\n").then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_behind_rules_are_questions() {
        let export = "<img src=\"https://a.test/pplx-logo.png\" style=\"height:64px\"/>\n\n# Why do barges list?\n\nThe load moves.[^1][^2]\n\n\
            # Causes\n\nWind.[^1_2]\n\n<div style=\"text-align: center\">\u{2042}</div>\n\n[^1]: https://a.test/1\n\n[^2]: https://a.test/2\n\n---\n\n\
            # And ferries?\n\nLess so.\n";
        let lines = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let expected = "## User\nWhy do barges list?\n## Perplexity\nThe load moves.\n# Causes\nWind.\n---\n## User\nAnd ferries?\n## Perplexity\nLess so.";
        assert_eq!(transcript(export).map(|text| lines(&text)), Some(lines(expected)));
        assert_eq!(transcript("# A note\n\nOn barges.[^1]\n\n[^1]: https://a.test\n"), None);
    }
}
