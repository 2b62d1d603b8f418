//! Small pieces of HTML. Every text from outside passes [`esc`]; nothing else may stand between tags or quotes.

use affinage_eval::judgment::{is_person, spoken};

/// `text` for use between tags and inside quoted attributes. Control characters that HTML forbids become U+FFFD.
pub fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// JSON for a `<script type="application/json">`: no `<` is left, so no text can end the element.
pub fn json_for_script<T: serde::Serialize>(value: &T) -> String {
    let json = serde_json::to_string(value).expect("plain data serialises");
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// One part of the page.
pub struct Section {
    /// Anchor.
    pub id: &'static str,
    pub title: &'static str,
    pub body: String,
    /// The body only says why there is nothing to show.
    pub is_missing: bool,
}

impl Section {
    pub fn new(id: &'static str, title: &'static str, body: String) -> Self {
        Self { id, title, body, is_missing: false }
    }

    /// A part that this evaluation has nothing for: `why` is a sentence.
    pub fn missing(id: &'static str, title: &'static str, why: &str) -> Self {
        Self { id, title, body: p(why), is_missing: true }
    }
}

/// A paragraph of a sentence; nothing for an empty one. Words in backticks become code.
pub fn p(text: &str) -> String {
    if text.trim().is_empty() { String::new() } else { format!("<p>{}</p>\n", prose(text, &code)) }
}

/// `text` with every word in backticks drawn by `word` (which must escape it) and the rest escaped.
pub fn prose(text: &str, word: &dyn Fn(&str) -> String) -> String {
    let text = typeset(text);
    let pieces: Vec<&str> = text.split('`').collect();
    let paired = pieces.len() % 2 == 1;
    let mut html = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        match i % 2 {
            1 if paired => html.push_str(&word(piece)),
            1 => html.push_str(&format!("`{}", esc(piece))),
            _ => html.push_str(&esc(piece)),
        }
    }
    html
}

/// A narrow no-break space before "%" and a real minus before a negative number; no word changes.
fn typeset(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        out.push(match character {
            ' ' if next == '%' => '\u{202f}',
            '-' if matches!(before, ' ' | '[' | '(') && next.is_ascii_digit() => '\u{2212}',
            c => c,
        });
        before = character;
    }
    out
}

/// A word in backticks: code, or a person by the name that people use.
pub fn code(word: &str) -> String {
    match is_person(word) {
        true => esc(spoken(word)),
        false => format!("<code>{}</code>", esc(word)),
    }
}

/// Who judged, as a heading or a cell.
pub fn judge_name(judge_id: &str) -> String {
    esc(spoken(judge_id))
}

/// A paragraph in small type below a figure.
pub fn caption(text: &str) -> String {
    format!("<p class=\"caption\">{}</p>\n", esc(text))
}

/// Detail one click below. `summary` is plain text, `body` is HTML.
pub fn details(summary: &str, body: &str) -> String {
    format!("<details><summary>{}</summary>\n<div class=\"inside\">{body}</div></details>\n", esc(summary))
}

/// A table of cells that are HTML already. The first cell of a row is its heading; `numeric` columns are set right. On a
/// narrow screen a row becomes a block, and each cell is named by its column.
pub fn table(class: &str, head: &[&str], numeric: &[usize], rows: &[Vec<String>]) -> String {
    let class_of = |i: usize| if numeric.contains(&i) { " class=\"num\"" } else { "" };
    let labels: Vec<String> = head.iter().map(|h| format!(" data-label=\"{}\"", esc(h))).collect();
    let head: String = head
        .iter()
        .enumerate()
        .map(|(i, h)| format!("<th scope=\"col\"{}>{}</th>", class_of(i), esc(h)))
        .collect();
    let mut body = String::new();
    for row in rows {
        body.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let class = class_of(i);
            body.push_str(&match i {
                0 => format!("<th scope=\"row\"{class}>{cell}</th>"),
                _ => format!("<td{class}{}>{cell}</td>", labels.get(i).map_or("", String::as_str)),
            });
        }
        body.push_str("</tr>\n");
    }
    format!(
        "<div class=\"scroll\"><table class=\"{class}\"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )
}

/// A time as people read it, to the minute: "2026-11-29 20:27". What does not look like one stays as it is.
pub fn time(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_time =
        bytes.len() >= 16 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[10] == b'T' && bytes[13] == b':';
    match text.get(..16).filter(|_| is_time) {
        Some(minutes) => minutes.replace('T', " "),
        None => text.to_owned(),
    }
}

/// The first 12 digits of a hash, the whole of it on hover.
pub fn hash(sha256: &str) -> String {
    let short: String = sha256.chars().take(12).collect();
    format!("<code class=\"hash\" data-tip=\"{}\">{}</code>", esc(sha256), esc(&short))
}

/// HTML without its tags, for finding words in it. Attributes and escapes are left out or left as they are.
pub fn visible_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut inside_tag = false;
    for character in html.chars() {
        match character {
            '<' => inside_tag = true,
            '>' => {
                inside_tag = false;
                text.push(' ');
            }
            c if !inside_tag => text.push(c),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ends_with_its_minutes() {
        assert_eq!(time("2026-11-29T20:27:51.439408646Z"), "2026-11-29 20:27");
        assert_eq!((time("soon"), time("2026-11-29")), ("soon".to_owned(), "2026-11-29".to_owned()));
    }

    #[test]
    fn nothing_leaves_text_or_attribute() {
        assert_eq!(
            esc("<img src='x' onerror=\"a&b\">\0"),
            "&lt;img src=&#39;x&#39; onerror=&quot;a&amp;b&quot;&gt;\u{fffd}"
        );
        assert_eq!(json_for_script(&"</script><!--\u{2028}"), "\"\\u003c/script>\\u003c!--\\u2028\"");
        assert_eq!(prose("`a<b` is <", &code), "<code>a&lt;b</code> is &lt;");
        assert_eq!(
            prose("-3 points [-24, +19], 95 % of it-2", &code),
            "\u{2212}3 points [\u{2212}24, +19], 95\u{202f}% of it-2"
        );
        assert_eq!(prose("one ` alone", &code), "one ` alone");
        assert_eq!(visible_text("<p class=\"x\">kappa <b>here</b></p>").split_whitespace().count(), 2);
    }
}
