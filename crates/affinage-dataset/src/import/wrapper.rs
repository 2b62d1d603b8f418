//! One huge object around many conversations, or around the many messages of one: its lists are read element by element.
//!
//! Accounts come as `{"conversations": [...], ...}`. Small ones are parsed whole; an object with too many values for that,
//! or longer than an element may be, is read like an array where such a list begins.

use std::io::Read;

use super::chat::message::is_message;
use super::chat::names::is_no_chat;
use super::chat::{holder, thread};
use super::elements::{Elements, End};
use super::error::{ElementError, ImportError};
use super::shape::{self, Context};
use super::{Import, mend};
use crate::conversation::Origin;

/// Objects inside one another that are looked into.
const MAX_DEPTH: usize = 4;

/// Reads the lists in an object that is whole in memory. False if it holds none.
pub(super) fn read<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    bytes: &[u8],
    origin: &Origin,
) -> Result<bool, E> {
    let mut found = false;
    let mut behind = 0;
    for start in lists(bytes) {
        if start < behind || !is_list_of_chats(import, &bytes[start..], origin) {
            continue;
        }
        found = true;
        let end = start + read_list(import, &bytes[start..], origin, start as u64)? as usize;
        behind = end;
        // What the object says of the list, were it a list of messages.
        let around = [&bytes[..start], b"[]", &bytes[end.min(bytes.len())..]].concat();
        let around = mend::parse(&around).map(|(value, _)| value).unwrap_or_default();
        import.gathered.head(thread::Holder::of(&[&around]));
        import.finish_lines(origin)?;
    }
    Ok(found)
}

/// Reads the first list of an object of which `head` is the beginning and `rest` what follows. False if there is none.
pub(super) fn stream<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    head: &[u8],
    rest: impl Read,
    origin: &Origin,
) -> Result<bool, E> {
    let Some(start) = lists(head).into_iter().find(|start| is_list_of_chats(import, &head[*start..], origin))
    else {
        return Ok(false);
    };
    read_list(import, head[start..].chain(rest), origin, start as u64)?;
    import.finish_lines(origin)?;
    Ok(true)
}

/// Reads a list whose opening bracket stands first; gives its length in bytes.
fn read_list<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    list: impl Read,
    origin: &Origin,
    offset: u64,
) -> Result<u64, E> {
    let mut elements = Elements::new(list, import.limits.element_bytes);
    let mut element = 0;
    loop {
        let piece = elements
            .next_piece()
            .map_err(|source| ImportError::Read { member: origin.member.clone(), source })?;
        let Some(piece) = piece else { return Ok(elements.position()) };
        let (from, len_bytes) = (origin.offset + offset + piece.offset, piece.len_bytes);
        let own = Origin::at(&origin.member, element, from, len_bytes);
        import.long_strings(&origin.member, piece.long_strings);
        let found = match piece.end {
            End::Whole => shape::element_of(piece.bytes, import, &own),
            End::CutOff => Err(ElementError::CutOff),
            End::TooLong => Err(ElementError::TooLong { limit_bytes: import.limits.element_bytes }),
        };
        element += 1;
        match found {
            Ok(found) => {
                elements.accept();
                import.element(found, own)?;
            }
            Err(ElementError::TooManyObjects { .. }) if read(import, piece.bytes, &own)? => elements.accept(),
            Err(_) if piece.after_break => {}
            Err(reason) => import.reject(own, reason)?,
        }
    }
}

/// True if the first element of the list is a conversation, or a message of one.
fn is_list_of_chats<E>(import: &Import<'_, E>, list: &[u8], origin: &Origin) -> bool {
    let Some(open) = memchr::memchr(b'{', list) else { return false };
    let first = &list[open..];
    let first = &first[..value_end(first, 0)];
    match shape::parse(first) {
        Ok((first, _)) => {
            let context = Context {
                ratings: &import.together.ratings,
                roles: import.roles,
                is_part: false,
                origin: origin.clone(),
            };
            shape::is_known(&first) || is_message(&first) || holder::read(&first, &context).is_ok()
        }
        // A chat that is itself too much for one element, or of which only the beginning is here.
        Err(_) => lists(first).into_iter().any(|start| is_list_of_chats(import, &first[start..], origin)),
    }
}

/// Indices of the opening brackets of lists of objects that stand in no other list.
fn lists(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut key = &bytes[..0];
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                if next_byte(bytes, end) == Some(b':') {
                    key = &bytes[at + 1..end - 1];
                }
                at = end;
                continue;
            }
            b'{' => {
                depth += 1;
                if depth > 1 && is_no_chat(&String::from_utf8_lossy(key)) {
                    at = value_end(bytes, at);
                    depth -= 1;
                    continue;
                }
            }
            b'}' => depth = depth.saturating_sub(1),
            b'[' => {
                let is_of_objects = next_byte(bytes, at + 1) == Some(b'{');
                if is_of_objects && depth <= MAX_DEPTH && !is_no_chat(&String::from_utf8_lossy(key)) {
                    found.push(at);
                }
                at = value_end(bytes, at);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn next_byte(bytes: &[u8], from: usize) -> Option<u8> {
    bytes.get(from..)?.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// Index behind the string that begins at `start`, or the end of the bytes.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        if bytes[at + found] == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    bytes.len()
}

/// Index behind the list or object that begins at `start`, or the end of the bytes.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_where_they_stand_in_objects_only() {
        let json =
            br#"{"a":"[{","b":[1],"c" : [ {"x":[{}]} ],"settings":{"e":[{}]},"d":{"e":[{"f":1}]},"g":[]}"#;
        let found: Vec<&str> = lists(json)
            .iter()
            .map(|&at| std::str::from_utf8(&json[at..value_end(json, at)]).expect("text"))
            .collect();
        assert_eq!(found, [r#"[ {"x":[{}]} ]"#, r#"[{"f":1}]"#]);
        assert_eq!(lists(b"{\"a\":[{\"b\":\"torn").len(), 1);
    }
}
