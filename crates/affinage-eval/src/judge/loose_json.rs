//! JSON as servers and models write it where they do not keep to the standard. What is mended has one meaning only.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;

/// Parses `bytes`, strictly if that goes, else mended by [`mended`].
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes)
        .or_else(|_| serde_json::from_str(&mended(&String::from_utf8_lossy(bytes))))
        .ok()
}

/// `text` with half surrogate pairs as U+FFFD, control characters in strings escaped, escapes that do not exist taken
/// literally, no comma behind the last of a list or an object, and as null what is no number of most readers: `NaN`, `Infinity`, `-Infinity` and 1e400.
fn mended(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let mut used = c.len_utf8();
        match c {
            '"' => {
                in_string = !in_string;
                out.push(c);
            }
            '\\' if in_string => used = escape(rest, &mut out),
            c if in_string && c.is_ascii_control() => write!(out, "\\u{:04x}", c as u32).unwrap_or_default(),
            _ => match ["NaN", "-Infinity", "Infinity"]
                .iter()
                .find(|word| !in_string && rest.starts_with(**word))
            {
                Some(word) => {
                    out.push_str("null");
                    used = word.len();
                }
                None if !in_string && (c.is_ascii_digit() || c == '-') => {
                    let is_of_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
                    used = rest.find(|c| !is_of_number(c)).unwrap_or(rest.len());
                    let is_endless = rest[..used].parse::<f64>().is_ok_and(f64::is_infinite);
                    out.push_str(if is_endless { "null" } else { &rest[..used] });
                }
                // A comma behind the last of a list or an object.
                None if c == ',' && !in_string && rest[1..].trim_start().starts_with(['}', ']']) => {}
                None => out.push(c),
            },
        }
        rest = &rest[used..];
    }
    out
}

/// Copies the escape that `rest` begins with; returns its length.
fn escape(rest: &str, out: &mut String) -> usize {
    let unit = |text: &str| u16::from_str_radix(text.get(2..6).filter(|_| text.starts_with("\\u"))?, 16).ok();
    match rest[1..].chars().next() {
        Some('u') => match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => {
                out.push_str(&rest[..12]);
                12
            }
            (Some(0xd800..=0xdfff), _) => {
                out.push('\u{fffd}');
                6
            }
            (Some(_), _) => {
                out.push_str(&rest[..6]);
                6
            }
            (None, _) => {
                out.push_str("\\\\u");
                2
            }
        },
        Some(c @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
            out.push('\\');
            out.push(c);
            2
        }
        _ => {
            out.push_str("\\\\");
            1
        }
    }
}

/// Where the object that `text` begins with ends: behind the brace that closes it, strings left aside.
pub(super) fn object_end(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_has_one_meaning_is_mended_and_the_rest_is_none() {
        for (text, expected) in [
            (
                r#"{"a": "\ud83d", "b": "\ud83d\ude00", "c": "\ude00x"}"#,
                json!({"a": "\u{fffd}", "b": "\u{1f600}", "c": "\u{fffd}x"}),
            ),
            (
                r#"{"a": [-Infinity, Infinity, NaN], "b": "NaN"}"#,
                json!({"a": [null, null, null], "b": "NaN"}),
            ),
            (
                r#"{"a": [1e400, -1e400, 1.5e3], "b": "1e400"}"#,
                json!({"a": [null, null, 1500.0], "b": "1e400"}),
            ),
            ("{\"a\": \"one\ntwo\tthree\"}", json!({"a": "one\ntwo\tthree"})),
            (r#"{"a": [1, 2,], "b": ",}",}"#, json!({"a": [1, 2], "b": ",}"})),
            (r#"{"a": "it\'s \alpha \\ \u12"}"#, json!({"a": "it\\'s \\alpha \\ \\u12"})),
        ] {
            assert_eq!(parse::<Value>(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(parse::<Value>(b"{\"a\": \"\xff\"}"), Some(json!({"a": "\u{fffd}"})));
        for text in ["{\"a\": 1,,}", "{'a': 1}", "{\"a\": 1", "{\"a\": Nan}", ""] {
            assert_eq!(parse::<Value>(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_object_ends_at_its_own_brace() {
        for (text, end) in
            [("{} x", Some(2)), (r#"{"a": "}\"}", "b": {}} y"#, Some(22)), ("{\"a\": {}", None)]
        {
            assert_eq!(object_end(text), end, "{text}");
        }
    }
}
