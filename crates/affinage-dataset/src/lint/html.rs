//! HTML that stands among the words of an answer as it was written in a page or an export, where nobody speaks of HTML.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::rules::Where;
use super::{Code, Field, Hit, Subject};

/// A tag of an element that forms a page. What Markdown has no sign for (`<sub>`, `<kbd>`, `<br>`, `<details>`) is written so
/// in Markdown.
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)</?(?:p|div|span|font|ul|ol|li|h[1-6]|section|article|aside|time|blockquote|q|table|tbody|thead|tr|td|th|iframe|input|button|label",
        r"|form|center|body|html|head|header|footer|nav|main|figure|figcaption|picture|object|embed|svg|path|style|script|link|meta|strong|em|b|i|a|ruby|rb|rt|rp",
        r"|o:p|[a-z]{1,12}[:-][a-z][\w-]{0,20}|quote|legacyquote|partlist|emoji|at|attachment|ss|uriobject|systemevent|mention)(?P<rest>\s[^<>]*)?/?>",
    );
    Regex::new(pattern).expect("a valid pattern")
});
/// Elements that only messengers write, in a prompt too.
static MESSENGER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)</?(?:partlist|mx-reply|legacyquote|uriobject|systemevent)\b[^<>]*>|<(?:ss type|at id|attachment id|emoji id|quote author|e_m|c_i)\b[^<>]*>"#)
        .expect("a valid pattern")
});
/// Signs that HTML and XML write for others.
static ENTITY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"&(?:amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|[mn]dash|hellip|#\d{2,6}|#x[0-9a-fA-F]{2,5});")
        .expect("a valid pattern")
});
/// Words of those who speak of it.
static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)</?[a-z]|&\w+;|\b(?:x?html\d?|xml|svg|css|jsx|tsx|dom|tags?|markup|markdown|readme|template|website|web ?page|webseite|página|react|vue|angular|component|wiki|entit\w+|bbcode|epub)\b")
        .expect("a valid pattern")
});

/// L27
pub fn left(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    let texts = subject.fields(Where::Turns);
    if !texts.iter().any(|field| subject.text(*field).contains(['<', '&'])) {
        return hits;
    }
    let others = texts.iter().copied().chain([Field::System]).filter(|field| !subject.is_assistant(*field));
    let is_about = others.into_iter().any(|field| is_about(subject.text(field)));
    for field in texts {
        let text = subject.text(field);
        if !text.contains(['<', '&']) {
            continue;
        }
        let code = Code::of(text);
        let spans: Vec<Range<usize>> = match field {
            _ if !subject.is_assistant(field) => {
                MESSENGER.find_iter(text).map(|found| found.range()).collect()
            }
            _ if is_about => Vec::new(),
            Field::Context(_) | Field::Response | Field::Prompt | Field::System => {
                let entities = ENTITY.find_iter(text).map(|found| found.range());
                entities.chain(tags(text)).collect()
            }
        };
        hits.extend(
            spans.into_iter().filter(|span| !code.holds(span.start)).map(|span| Hit::new(field, span)),
        );
    }
    hits
}

/// True for words of somebody who speaks of HTML.
fn is_about(text: &str) -> bool {
    ABOUT.is_match(&MESSENGER.replace_all(text, ""))
}

/// Tags that form the text: those with attributes, those that a line begins with and ends with, and those alone on it. In a
/// sentence a bare tag is a word.
fn tags(text: &str) -> impl Iterator<Item = Range<usize>> {
    TAG.captures_iter(text).filter_map(move |found| {
        let whole = found.get(0)?;
        let has_attributes = found.name("rest").is_some_and(|rest| rest.as_str().contains('='));
        let line_start = text[..whole.start()].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[whole.end()..].find('\n').map_or(text.len(), |at| whole.end() + at);
        let line = text[line_start..line_end].trim();
        let forms_line = line.starts_with('<') && line.ends_with('>');
        (has_attributes || forms_line).then(|| whole.range())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, Role};

    fn found(prompt: &str, answer: &str) -> usize {
        let messages =
            [Message::new(Role::User, prompt.to_owned()), Message::new(Role::Assistant, answer.to_owned())];
        left(&Subject::of_messages("1", "c", &messages)).len()
    }

    #[test]
    fn html_that_a_page_left_is_told_from_html_that_is_spoken_of() {
        for answer in [
            "Peat keeps it.<span style=\"display:none\"></span>",
            "<aside>\nPeat keeps it.\n</aside>",
            "<p>Peat keeps <b>it</b>.</p>",
            "<time datetime=\"2026-03-12\">10:15</time>\n\nPeat keeps it.",
            "Peat &amp; moss keep it.",
            "It keeps<o:p style='x'></o:p>.",
        ] {
            assert!(found("What keeps butter?", answer) > 0, "{answer}");
            assert_eq!(found("How is this written in HTML?", answer), 0, "{answer}");
            assert_eq!(found("What keeps butter?", &format!("```\n{answer}\n```")), 0, "{answer}");
        }
        for answer in [
            "Water is H<sub>2</sub>O, and press <kbd>F1</kbd>.<br>Then wait.",
            "| a | b |\n|---|---|\n| one<br>two | c |",
            "<details>\n<summary>More</summary>\nPeat.\n</details>",
            "If a < b and b > c, peat & moss.",
            "It is a <p> that begins there.",
            "See <https://peat.test/a?b=1&c=2>.",
        ] {
            assert_eq!(found("What keeps butter?", answer), 0, "{answer}");
        }
        assert!(found("<at id=\"0\">Tove</at> what keeps butter?", "Peat.") > 0);
        assert_eq!(found("What does <div class=\"a\"> do?", "It is a box."), 0);
    }
}
