//! Elements of a page: as they are shown, and what of a page is not among its words.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::{NO_TEXT, Writer, decoded, name, tag_end, write};

/// What is read aloud for a word, and the anchors of comments and notes of a document that was saved as a page.
static BESIDE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r##"(?si)<rt\b[^>]*>.*?</rt>|<rp\b[^>]*>.*?</rp>|<div\b[^>]*>\s*(?:<p\b[^>]*>\s*)?<a\b[^>]*href="#(?:cmnt|ftnt)_ref[^>]*>.*?</div>"##,
        r##"|(?:<sup>\s*)?<a\b[^>]*href="#(?:cmnt|ftnt)\d+"[^>]*>.*?</a>(?:\s*</sup>)?"##,
    ))
    .expect("a valid pattern")
});

/// A page without what is read aloud for its words and without the comments and notes at their anchors.
pub fn without_asides(html: &str) -> Cow<'_, str> {
    let may_hold = ["<rt", "<RT", "#cmnt", "#ftnt"].iter().any(|mark| html.contains(mark));
    if may_hold { BESIDE.replace_all(html, "") } else { html.into() }
}

/// The Markdown of an element of a page: without its buttons, and of its code only the code.
pub fn shown(html: &str) -> String {
    static BESIDE_CODE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?si)(<pre\b[^>]*>)((?:[^<]|<[^/c]|</[^p]|<c[^o])*?)(<code\b)").expect("a valid pattern")
    });
    let mut writer = Writer::default();
    write(&BESIDE_CODE.replace_all(html, "$1$3"), &NO_TEXT, &mut writer);
    writer.finish()
}

/// The words of an element whose white space is shown as it is written.
pub fn verbatim(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let Some(close) = tag_end(rest) else { break };
        if name(&rest[1..close]) == "br" {
            out.push('\n');
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    decoded(&out)
}

#[cfg(test)]
mod tests {
    use super::super::{markdown, page};
    use super::*;

    #[test]
    fn readings_and_comments_are_no_words() {
        assert_eq!(
            markdown("<p><ruby><rb>雪</rb><rp>（</rp><rt>ゆき</rt><rp>）</rp></ruby>が降る。</p>"),
            "雪が降る。"
        );
        let document = "<p>Old slates<a href=\"#cmnt1\" id=\"cmnt_ref1\">[a]</a> leak<sup><a href=\"#ftnt1\">[1]</a></sup>.</p>\
            <div><p><a href=\"#cmnt_ref1\">[a]</a><span>Tove: really?</span></p></div><div><p><a href=\"#ftnt_ref1\">[1]</a> Since 1801.</p></div>";
        assert_eq!(page(document).text, "Old slates leak.");
    }

    #[test]
    fn an_element_is_shown_without_its_buttons() {
        let html = "<p>Run it:</p><pre><div><span>python</span><button>Copy</button></div><code class=\"language-python\">print(1)\n</code></pre>";
        assert_eq!(shown(html), "Run it:\n\n```python\nprint(1)\n```");
        assert_eq!(verbatim("a &lt; b<br>and\n  <b>c</b>"), "a < b\nand\n  c");
    }
}
