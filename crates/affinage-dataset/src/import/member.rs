//! One file or archive member: tells its format by shape and reads its elements.

use std::io::{BufRead, Read};

use super::elements::{Elements, End};
use super::error::{ElementError, ImportError};
use super::long_strings::Shortener;
use super::shape::Element;
use super::{Import, activity, pages, shape, transcript, unwrap_lines, wrapper};
use crate::conversation::Origin;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Array,
    /// JSON lines, or a single object.
    Objects,
    Page,
    Text,
}

pub(super) fn read<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    mut reader: impl BufRead,
    name: &str,
) -> Result<(), E> {
    let read_error = |source| ImportError::Read { member: name.to_owned(), source };
    match form(reader.fill_buf().map_err(read_error)?) {
        Form::Array => read_array(import, reader, name)?,
        Form::Objects => read_objects(import, reader, name)?,
        Form::Page => read_page(import, reader, name)?,
        Form::Text => read_text(import, reader, name)?,
    }
    import.finish_activity()?;
    import.finish_gathered(name)
}

fn form(head: &[u8]) -> Form {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    // `[` also begins Markdown links and time stamps: an array of conversations holds objects.
    match head.strip_prefix(b"[").map(|inside| inside.trim_ascii_start().first()) {
        Some(None | Some(b'{' | b']' | b'[' | b'n' | b'"')) => Form::Array,
        None if head.starts_with(b"{") => Form::Objects,
        None if is_page(head) => Form::Page,
        _ => Form::Text,
    }
}

fn is_page(head: &[u8]) -> bool {
    let start = head[..head.len().min(512)].to_ascii_lowercase();
    head.starts_with(b"<") && [&b"<!doctype html"[..], b"<html"].iter().any(|mark| start.starts_with(mark))
}

fn read_array<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    reader: impl Read,
    name: &str,
) -> Result<(), E> {
    let limit_bytes = import.limits.element_bytes;
    let mut elements = Elements::new(reader, limit_bytes);
    let mut element = 0;
    loop {
        let piece =
            elements.next_piece().map_err(|source| ImportError::Read { member: name.to_owned(), source })?;
        let Some(piece) = piece else { break };
        let origin =
            Origin { member: name.to_owned(), element, offset: piece.offset, len_bytes: piece.len_bytes };
        import.long_strings(name, piece.long_strings);
        let after_break = piece.after_break;
        let read = match piece.end {
            End::Whole => shape::element_of(piece.bytes, import, &origin),
            End::CutOff => Err(ElementError::CutOff),
            End::TooLong => Err(ElementError::TooLong { limit_bytes }),
        };
        match read {
            Ok(found) => {
                elements.accept();
                import.element(found, origin)?;
            }
            Err(ElementError::TooManyObjects { .. }) if wrapper::read(import, piece.bytes, &origin)? => {
                elements.accept();
            }
            // The insides of an element that was already refused.
            Err(_) if after_break => continue,
            Err(reason) => import.reject(origin, reason)?,
        }
        element += 1;
    }
    if !elements.closed() {
        import.note(format!("{name} ends before its array is closed: the file may be cut off"));
    }
    Ok(())
}

/// JSON lines if the first line is an object by itself, else one object over many lines.
fn read_objects<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    mut reader: impl BufRead,
    name: &str,
) -> Result<(), E> {
    let limit_bytes = import.limits.element_bytes;
    let read_error = |source| ImportError::Read { member: name.to_owned(), source };
    let (mut offset, mut element) = (0u64, 0);
    let mut line = Vec::new();
    let mut shortener = Shortener::default();
    loop {
        line.clear();
        let (len_bytes, has_ended) =
            shortener.read_line(&mut reader, &mut line, limit_bytes).map_err(read_error)?;
        if len_bytes == 0 {
            import.long_strings(name, shortener.count);
            return Ok(());
        }
        let mut origin = Origin { member: name.to_owned(), element, offset, len_bytes };
        offset += len_bytes;
        let is_first = element == 0;
        let is_blank = line.trim_ascii().is_empty();
        let parses = || serde_json::from_slice::<serde::de::IgnoredAny>(line.trim_ascii_start()).is_ok();
        if is_first
            && line.len() <= limit_bytes
            && !is_blank
            && !line.trim_ascii_end().ends_with(b"}")
            && !parses()
        {
            origin.len_bytes +=
                shortener.read_rest(&mut reader, &mut line, limit_bytes).map_err(read_error)?;
        }
        if line.len() > limit_bytes {
            if is_first && wrapper::stream(import, &line, &mut reader, &origin)? {
                import.long_strings(name, shortener.count);
                return Ok(());
            }
            import.reject(origin, ElementError::TooLong { limit_bytes })?;
            if !has_ended {
                skip_line(&mut reader).map_err(read_error)?;
                shortener.begin_line();
            }
        } else if !is_blank {
            let bytes = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
            match shape::element_of(bytes, import, &origin) {
                Ok(found) => import.element(found, origin)?,
                Err(ElementError::TooManyObjects { .. }) if wrapper::read(import, bytes, &origin)? => {}
                Err(reason) => import.reject(origin, reason)?,
            }
        }
        element += 1;
    }
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|&b| b == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// All bytes of a member that is one element, with its origin; a reject if they are too many.
fn read_whole<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    reader: impl Read,
    name: &str,
) -> Result<Option<(Vec<u8>, Origin)>, E> {
    let limit_bytes = import.limits.element_bytes;
    let mut bytes = Vec::new();
    let mut limited = reader.take(limit_bytes as u64 + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(|source| ImportError::Read { member: name.to_owned(), source })?;
    let origin = Origin { member: name.to_owned(), element: 0, offset: 0, len_bytes: bytes.len() as u64 };
    if bytes.len() > limit_bytes {
        import.reject(origin, ElementError::TooLong { limit_bytes })?;
        return Ok(None);
    }
    Ok(Some((bytes, origin)))
}

/// A page of My Activity; bytes that are not UTF-8 cost only their characters.
fn read_page<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    reader: impl Read,
    name: &str,
) -> Result<(), E> {
    let Some((bytes, origin)) = read_whole(import, reader, name)? else { return Ok(()) };
    if let Some(at) = pages::embedded(&bytes) {
        let json = &bytes[at];
        return match form(json) {
            Form::Array => read_array(import, json, name),
            _ => read_objects(import, json, name),
        };
    }
    match activity::page(&String::from_utf8_lossy(&bytes), &origin) {
        Some(records) => records
            .into_iter()
            .try_for_each(|record| import.element(Element::Activity(record), origin.clone())),
        None => {
            let what =
                "is a page, but not one of Gemini's My Activity, and no script in it holds conversations";
            import.found.reason_for_none.get_or_insert_with(|| format!("{name} {what}"));
            import.note(format!("{name} {what}"));
            Ok(())
        }
    }
}

fn read_text<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    reader: impl Read,
    name: &str,
) -> Result<(), E> {
    let Some((bytes, origin)) = read_whole(import, reader, name)? else { return Ok(()) };
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| ImportError::NotUtf8 { member: name.to_owned(), offset: error.valid_up_to() });
    let parsed = text.and_then(|text| transcript::conversations(text, import.roles, &origin));
    match parsed {
        Err(error) if import.in_archive => import.reject(origin, ElementError::Transcript(Box::new(error))),
        Err(error) => Err(error.into()),
        Ok(None) => {
            let is_empty = bytes.trim_ascii().is_empty();
            let what = if is_empty { "is empty" } else { "is text in which no speaker recurs" };
            import.found.reason_for_none.get_or_insert_with(|| format!("{name} {what}"));
            import.note(format!("{name} {what}"));
            Ok(())
        }
        Ok(Some(parsed)) => {
            import.found.speakers.push((name.to_owned(), parsed.speakers));
            if parsed.inner_label_lines > 0 {
                let count = parsed.inner_label_lines;
                import.note(format!(
                    "{name}: {count} lines inside paragraphs begin with a speaker's name; not split"
                ));
            }
            if let unwrap_lines::Wrap::At(width) = parsed.wrap {
                import
                    .note(format!("{name}: lines wrapped at {width} characters were joined into paragraphs"));
            }
            parsed.conversations.into_iter().try_for_each(|conversation| import.conversation(conversation))
        }
    }
}
