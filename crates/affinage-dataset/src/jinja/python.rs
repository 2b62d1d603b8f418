//! Texts and numbers as Python writes and takes them apart.

use std::sync::LazyLock;

use regex::Regex;

/// `str.isspace` of one character.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// `repr` of a text.
pub(super) fn quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if c == quote => {
                out.push('\\');
                out.push(c);
            }
            _ if is_printable(c) => out.push(c),
            _ => out.push_str(&match u32::from(c) {
                code @ ..=0xff => format!("\\x{code:02x}"),
                code @ ..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    out.push(quote);
}

/// `str.isprintable` of one character: no control, format or unassigned code, and no space but the usual one.
pub(super) fn is_printable(c: char) -> bool {
    static OTHER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[\p{Other}\p{Separator}]$").expect("a constant pattern"));
    matches!(c, ' '..='~') || (!c.is_ascii() && !OTHER.is_match(c.encode_utf8(&mut [0; 4])))
}

/// `repr` of a number: `1.0`, `1e+16`, `1e-05`, `inf`.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let text = format!("{value:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `str.splitlines`, with or without the ends.
pub(super) fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c| {
        matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
    }) {
        let after = &rest[at..];
        let len = match after.strip_prefix("\r\n") {
            Some(_) => 2,
            None => after.chars().next().map_or(0, char::len_utf8),
        };
        found.push(if keep_ends { &rest[..at + len] } else { &rest[..at] });
        rest = &rest[at + len..];
    }
    if !rest.is_empty() {
        found.push(rest);
    }
    found
}

/// `str.capitalize`
pub(super) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| title_case(first) + &chars.as_str().to_lowercase())
}

/// One character at the beginning of a word; those that become several have one capital.
pub(super) fn title_case(c: char) -> String {
    let upper: Vec<char> = c.to_uppercase().collect();
    match upper.split_first() {
        Some((first, rest)) if !rest.is_empty() => {
            std::iter::once(*first).chain(rest.iter().flat_map(|c| c.to_lowercase())).collect()
        }
        _ => upper.into_iter().collect(),
    }
}

/// `int(text, base)`
pub(super) fn parse_int(text: &str, base: u32) -> Option<i64> {
    let text = text.trim_matches(is_space);
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let prefix = match base {
        16 => "0x",
        8 => "0o",
        2 => "0b",
        _ => "",
    };
    let lower = digits.to_lowercase();
    let digits = if prefix.is_empty() { digits } else { lower.strip_prefix(prefix).unwrap_or(&lower) };
    let digits = without_underscores(digits)?;
    let value = i64::from_str_radix(&digits, base).ok().filter(|_| !digits.starts_with(['-', '+']))?;
    Some(if negative { -value } else { value })
}

/// `float(text)`
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(is_space);
    let known = text.trim_start_matches(['-', '+']).to_lowercase();
    match known.as_str() {
        "inf" | "infinity" | "nan" => return text.to_lowercase().parse().ok(),
        _ if known.chars().any(|c| !c.is_ascii_digit() && !matches!(c, '.' | 'e' | '+' | '-' | '_')) => {
            return None;
        }
        _ => {}
    }
    without_underscores(text)?.parse().ok()
}

/// Python allows one underscore between two digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let right = |at: usize| digit(at.checked_sub(1)) && digit(Some(at + 1));
    let all = bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || right(at));
    all.then(|| text.replace('_', ""))
}
