//! Elements of a page, as they are shown.

use std::sync::LazyLock;

use regex::Regex;

use super::{NO_TEXT, Writer, attribute, decoded, name, tag_end, write};

/// Raised or lowered signs of a number, as characters of their own: `m<sup>2</sup>` is not `m2`.
pub fn raised(text: &str, is_lowered: bool) -> Option<String> {
    const SIGNS: &str = "0123456789+-=()";
    let shown: Vec<char> = if is_lowered {
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎"
    } else {
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾"
    }
    .chars()
    .collect();
    let is_number = text.contains(|c: char| c.is_ascii_digit());
    let sign = |c: char| SIGNS.find(if matches!(c, '−' | '–') { '-' } else { c }).map(|at| shown[at]);
    text.chars().map(sign).collect::<Option<String>>().filter(|_| is_number)
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

/// Whether an element names the author of a page, or the day; true for the day. `<address>` and `<time>` do so by themselves,
/// others by `rel`, `itemprop` or a class such as `post-author` or `entry-date`.
pub fn says(name: &str, tag: &str) -> Option<bool> {
    let class = attribute(tag, "class").unwrap_or_default().to_lowercase();
    let part = |names: &[&str]| class.split([' ', '-', '_']).any(|part| names.contains(&part));
    let is = |key: &str, value: &str| {
        attribute(tag, key).is_some_and(|found| found.split_whitespace().any(|word| word == value))
    };
    let is_text = matches!(name, "article" | "section" | "main" | "body" | "html");
    let is_day = name == "time"
        || is("itemprop", "datePublished")
        || part(&["date", "pubdate", "dateline", "published"]);
    let is_author = name == "address"
        || is("rel", "author")
        || is("itemprop", "author")
        || part(&["author", "byline"])
        || class.split_whitespace().any(|word| word == "by");
    (!is_text && (is_day || is_author)).then_some(is_day)
}

/// `[Ida Feld](/people/3)` as `Ida Feld`.
pub fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('[') {
        plain.push_str(before);
        let link = behind.split_once("](").and_then(|(words, link)| Some((words, link.split_once(')')?.1)));
        let Some((words, after)) = link else {
            plain.push('[');
            rest = behind;
            continue;
        };
        plain.push_str(words);
        rest = after;
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_numbers_stay_raised() {
        assert_eq!(
            super::super::markdown(
                "<p>10<sup>-3</sup> m<sup>2</sup> of CO<sub>2</sub>, the 1<sup>st</sup></p>"
            ),
            "10⁻³ m² of CO₂, the 1st"
        );
    }

    #[test]
    fn an_element_is_shown_without_its_buttons() {
        let html = "<p>Run it:</p><pre><div><span>python</span><button>Copy</button></div><code class=\"language-python\">print(1)\n</code></pre>";
        assert_eq!(shown(html), "Run it:\n\n```python\nprint(1)\n```");
        assert_eq!(verbatim("a &lt; b<br>and\n  <b>c</b>"), "a < b\nand\n  c");
    }
}
