//! JSON with a few wrong bytes: a character is lost, not the conversation it stands in.
//!
//! Only what `serde_json` refuses is looked at again. Bytes that are not UTF-8, halves of surrogate pairs (as escapes or as
//! bytes), control characters and unknown escapes are mended where they stand in a string; anything else stays an error.

use serde_json::Value;

use super::error::ElementError;

const REPLACEMENT: &str = "\u{fffd}";

/// The value, and how many characters were replaced.
pub fn parse(bytes: &[u8]) -> Result<(Value, usize), ElementError> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok((value, 0)),
        Err(error) => {
            let (mended, count) = mended(bytes);
            match serde_json::from_slice(&mended) {
                Ok(value) if count > 0 => Ok((value, count)),
                _ => Err(error.into()),
            }
        }
    }
}

fn mended(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let mut count = 0;
    let mut in_string = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let (len, replaced) = match byte {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            b'\\' if in_string => escape(rest),
            0..0x20 if in_string => (1, Some(control(byte))),
            0..0x80 => (1, None),
            _ => wide(rest),
        };
        match replaced {
            Some(text) => {
                count += 1;
                out.extend_from_slice(text.as_bytes());
            }
            None => out.extend_from_slice(&rest[..len]),
        }
        at += len;
    }
    (out, count)
}

/// A raw control character as it should have been written.
fn control(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        _ => REPLACEMENT.to_owned(),
    }
}

/// Length of the escape at the beginning, and what it should be if it is wrong.
fn escape(rest: &[u8]) -> (usize, Option<String>) {
    match rest.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (2, None),
        Some(b'u') => match unit(rest) {
            Some(0xd800..=0xdbff) if matches!(unit(&rest[6..]), Some(0xdc00..=0xdfff)) => (12, None),
            Some(0xd800..=0xdfff) => (6, Some(REPLACEMENT.to_owned())),
            Some(_) => (6, None),
            None => (1, Some("\\\\".to_owned())),
        },
        // A backslash that begins no escape stands for itself.
        _ => (1, Some("\\\\".to_owned())),
    }
}

/// The number of `\uXXXX` at the beginning.
fn unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(text, 16).ok()
}

/// Length of what begins with a byte beyond ASCII, and what it should be if it is no character.
fn wide(rest: &[u8]) -> (usize, Option<String>) {
    let head = &rest[..rest.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text.chars().next().map(char::len_utf8),
        Err(error) if error.valid_up_to() > 0 => std::str::from_utf8(&head[..error.valid_up_to()])
            .ok()
            .and_then(|text| Some(text.chars().next()?.len_utf8())),
        Err(_) => None,
    };
    if let Some(len) = valid {
        return (len, None);
    }
    // Surrogates that were written as if they were characters, three bytes each.
    match (surrogate(rest), rest.get(3..).and_then(surrogate)) {
        (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
            let code = 0x10000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(low) - 0xdc00);
            (6, Some(char::from_u32(code).map_or_else(|| REPLACEMENT.to_owned(), String::from)))
        }
        (Some(_), _) => (3, Some(REPLACEMENT.to_owned())),
        _ => (1, Some(REPLACEMENT.to_owned())),
    }
}

fn surrogate(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
            Some(0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_character_costs_itself() {
        let cases: [(&[u8], &str, usize); 9] = [
            (b"\"a \xed\xa0\xbd\xed\xb8\x80 b\"", "a \u{1f600} b", 1),
            (b"\"a \xed\xa0\xbd b\"", "a \u{fffd} b", 1),
            (b"\"a \xff b \xc3( c\"", "a \u{fffd} b \u{fffd}( c", 2),
            (br#""a \ud83d b""#, "a \u{fffd} b", 1),
            (br#""a \ude00 b""#, "a \u{fffd} b", 1),
            (br#""a \ud83d\ude00 b \ud83d""#, "a \u{1f600} b \u{fffd}", 1),
            (b"\"a\nb\x01\"", "a\nb\u{fffd}", 2),
            (br#""C:\Users\x""#, "C:\\Users\\x", 2),
            ("\"\u{e9}\u{2019}\u{1f600} \\ud83d\"".as_bytes(), "\u{e9}\u{2019}\u{1f600} \u{fffd}", 1),
        ];
        for (bytes, expected, count) in cases {
            let (value, replaced) = parse(bytes).expect("mended");
            assert_eq!(
                (value.as_str(), replaced),
                (Some(expected), count),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn what_is_wrong_outside_of_strings_stays_an_error() {
        for bytes in [&b"{\"a\":tru}"[..], b"{\"a\":1", b"\xff\xfe", b"{\"a\":\"\xff\"", b""] {
            assert!(parse(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
