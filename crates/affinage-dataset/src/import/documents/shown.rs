//! How a document stands in a text: prose as it is, code in a fence.

use super::plain;

/// Types of documents that are prose, and the language of others where the name of the type is not its name.
const PROSE: [&str; 10] =
    ["", "document", "md", "markdown", "txt", "text", "plain", "plaintext", "richtext", "note"];
const LANGUAGES: [(&str, &str); 14] = [
    ("py", "python"),
    ("js", "javascript"),
    ("ts", "typescript"),
    ("rs", "rust"),
    ("rb", "ruby"),
    ("sh", "bash"),
    ("yml", "yaml"),
    ("htm", "html"),
    ("codehtml", "html"),
    ("react", "jsx"),
    ("svgxml", "svg"),
    ("xpython", "python"),
    ("kt", "kotlin"),
    ("cs", "csharp"),
];

/// A document as its reader saw it: prose as it is, code in a fence.
pub fn shown(kind: &str, language: &str, body: &str) -> String {
    let body = body.trim_matches(['\n', '\r']);
    match code_language(kind, language) {
        Some(language) if fenced_whole(body).is_none() => fence(&language, body),
        _ => body.to_owned(),
    }
}

/// As [`shown`], for a product that puts every document into a fence.
pub fn shown_from_fence(kind: &str, language: &str, body: &str) -> String {
    match (code_language(kind, language), fenced_whole(body)) {
        (None, Some(inside)) => inside.to_owned(),
        _ => shown(kind, language, body.trim()),
    }
}

/// The language of a document that is code, which may be empty; `None` for prose. Types are written as `code/python`,
/// `text/html`, `image/svg+xml`, `application/vnd.ant.react` or the ending of a file.
fn code_language(kind: &str, language: &str) -> Option<String> {
    let name = plain(kind.rsplit(['/', '.']).next().unwrap_or(kind));
    let language = match language {
        "" if name == "code" => String::new(),
        "" => LANGUAGES
            .iter()
            .find(|(short, _)| *short == name)
            .map_or(name.clone(), |(_, long)| (*long).to_owned()),
        named => named.to_owned(),
    };
    let is_prose = name != "code" && PROSE.contains(&plain(&language).as_str());
    (!is_prose).then_some(language)
}

/// Code in a fence that is longer than any in it.
pub fn fence(language: &str, code: &str) -> String {
    let longest = code
        .lines()
        .map(|line| line.trim_start().bytes().take_while(|b| *b == b'`').count())
        .max()
        .unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    format!("{ticks}{language}\n{}\n{ticks}", code.trim_matches(['\n', '\r']))
}

/// The inside of a text that is one fenced block and nothing else.
fn fenced_whole(text: &str) -> Option<&str> {
    let text = text.trim();
    let ticks = &text[..text.len() - text.trim_start_matches('`').len()];
    let (_, rest) = text.split_once('\n').filter(|_| ticks.len() >= 3)?;
    let inside = rest.strip_suffix(ticks)?;
    let inside = if inside.is_empty() { inside } else { inside.strip_suffix('\n')? };
    (!inside.lines().any(|line| line.trim() == ticks)).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_shown_as_it_is_and_code_in_a_fence() {
        for (kind, language, body, expected) in [
            ("document", "", "# A\n\nB.", "# A\n\nB."),
            ("text/markdown", "", "\nB.\n", "B."),
            ("code/python", "", "b = 1", "```python\nb = 1\n```"),
            ("application/vnd.ant.react", "", "<A/>", "```jsx\n<A/>\n```"),
            ("image/svg+xml", "", "<svg/>", "```svg\n<svg/>\n```"),
            ("py", "", "b = 1", "```python\nb = 1\n```"),
            ("application/vnd.ant.code", "", "b", "```\nb\n```"),
            ("md", "", "Use:\n\n```sh\nls\n```\n\nDone.", "Use:\n\n```sh\nls\n```\n\nDone."),
            ("html", "", "```\na\n```\nb", "````html\n```\na\n```\nb\n````"),
            ("text/markdown", "", "```\nverse\n```", "```\nverse\n```"),
        ] {
            assert_eq!(shown(kind, language, body), expected, "{kind}");
        }
        assert_eq!(shown_from_fence("text/markdown", "", "```\nverse\n```\n"), "verse");
        assert_eq!(shown_from_fence("text/html", "", "```html\n<p>\n```"), "```html\n<p>\n```");
    }
}
