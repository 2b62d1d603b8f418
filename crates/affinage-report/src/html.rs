//! Text as HTML, and the sections of the page.

use std::borrow::Cow;

use serde::Serialize;

use super::templates::{Markup, draw};
use super::view::{Inline, sentence};

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
    pub title: Cow<'static, str>,
    pub body: Markup,
    /// The body only says why there is nothing to show.
    pub is_missing: bool,
}

impl Section {
    /// `view` drawn by the template of this name.
    pub fn drawn(
        template: &str,
        id: &'static str,
        title: impl Into<Cow<'static, str>>,
        view: &impl Serialize,
    ) -> Self {
        Self { id, title: title.into(), body: draw(template, view), is_missing: false }
    }

    /// A part that this evaluation has nothing for: `why` is a sentence.
    pub fn missing(id: &'static str, title: impl Into<Cow<'static, str>>, why: &str) -> Self {
        Self::missing_for(id, title, sentence(why))
    }

    /// As [`Section::missing`], for a sentence that names arms.
    pub fn missing_for(id: &'static str, title: impl Into<Cow<'static, str>>, why: Inline) -> Self {
        let body = draw("missing.html", &Missing { why });
        Self { id, title: title.into(), body, is_missing: true }
    }
}

#[derive(Serialize)]
struct Missing {
    why: Inline,
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
        assert_eq!(visible_text("<p class=\"x\">kappa <b>here</b></p>").split_whitespace().count(), 2);
    }
}
