//! Text without the characters that command a terminal.

use std::borrow::Cow;

/// The text as it may reach a terminal: line ends and tabs stay; with `colour`, so do colours and weights (`ESC [ 1;31 m`).
/// Every other control character (C0, DEL, C1) is left out, with the sequence that it begins: titles, clipboard and cursor
/// belong to the user, not to a text that was imported.
pub fn printable(text: &str, colour: bool) -> Cow<'_, str> {
    if !text.chars().any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_command) {
        shown.push_str(&rest[..at]);
        let len = sequence_len(&rest[at..]);
        let sequence = &rest[at..at + len];
        if colour && is_style(sequence) {
            shown.push_str(sequence);
        }
        rest = &rest[at + len..];
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

fn is_command(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// Bytes of the sequence that the control character at the beginning of `text` opens, at least that character.
fn sequence_len(text: &str) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    let after = &text[first..];
    let (opener, parameters) = match (text.chars().next(), after.chars().next()) {
        (Some('\u{1b}'), Some(opener @ ('[' | ']' | 'P' | 'X' | '^' | '_'))) => (opener, &after[1..]),
        (Some('\u{9b}'), _) => ('[', after),
        (Some('\u{9d}'), _) => (']', after),
        _ => return first,
    };
    let head = text.len() - parameters.len();
    if opener == '[' {
        // Parameters, then one final character.
        let end = parameters.find(|c: char| !matches!(c, ' '..='?'));
        return match end {
            Some(end) if matches!(parameters.as_bytes()[end], b'@'..=b'~') => head + end + 1,
            Some(end) => head + end,
            None => text.len(),
        };
    }
    // A string for the terminal ends with BEL or ESC \; without an end only its opener is taken, so that no text is lost.
    let line = parameters.split('\n').next().unwrap_or_default();
    let ends = [("\u{7}", 1), ("\u{1b}\\", 2), ("\u{9c}", 2)];
    let end = ends.iter().filter_map(|(end, len)| Some(line.find(end)? + len)).min();
    end.map_or(head, |end| head + end)
}

/// `ESC [ digits ; digits m`.
fn is_style(sequence: &str) -> bool {
    let inner = sequence.strip_prefix("\u{1b}[").and_then(|rest| rest.strip_suffix('m'));
    inner.is_some_and(|codes| codes.bytes().all(|b| b.is_ascii_digit() || b == b';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_to_the_terminal_are_left_out_and_words_stay() {
        let cases = [
            ("plain\ttext\n", "plain\ttext\n", "plain\ttext\n"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red", "\u{1b}[1;31mred\u{1b}[0m"),
            ("a\u{1b}]0;owned\u{7}b", "ab", "ab"),
            ("a\u{1b}]52;c;aGk=\u{1b}\\b", "ab", "ab"),
            ("a\u{1b}[2J\u{1b}[10;5Hb", "ab", "ab"),
            ("a\u{9b}31mb\u{9d}0;t\u{7}c", "abc", "abc"),
            ("bell\u{7} back\u{8} return\rover", "bell back returnover", "bell back returnover"),
            ("open \u{1b}]0;no end\nnext", "open 0;no end\nnext", "open 0;no end\nnext"),
            ("cut \u{1b}[", "cut ", "cut "),
            ("é\u{1b}é\u{7f}ü", "ééü", "ééü"),
        ];
        for (text, plain, colour) in cases {
            assert_eq!(printable(text, false), plain, "{text:?}");
            assert_eq!(printable(text, true), colour, "{text:?}");
        }
    }
}
