//! One file or archive member: tells its format by shape and reads its elements.

use std::io::{BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::chat::message::line;
use super::chat::thread::{Holder, Threads};
use super::elements::{Elements, End};
use super::encoding::{self, Decoding, MacLines, Text};
use super::error::{ElementError, ImportError};
use super::long_strings::Shortener;
use super::pdf::PdfText;
use super::shape::Element;
use super::table::{self, Table};
use super::transcript::AsNotes;
use super::{
    Import, LeftOutKind, activity, archive, file_kinds, html, joplin, members, message_table, notes, pages,
    shape, talk, telegram_page, templated, transcript, wrapper,
};
use crate::conversation::Origin;

/// How the content of a member is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Array,
    /// JSON lines, or a single object.
    Objects,
    Page,
    Text,
}

/// Bytes that are looked at to tell what a member is.
const HEAD_BYTES: u64 = 64 * 1024;

/// Reads a member by its content: an archive, a gzip file, text in any encoding that can be told.
pub(super) fn read<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    source: &mut dyn Read,
    name: &str,
) -> Result<(), E> {
    let mut head = Vec::new();
    (&mut *source).take(HEAD_BYTES).read_to_end(&mut head).map_err(|source| read_error(name, source))?;
    let mut whole = Cursor::new(&head).chain(source);
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return archive::read_nested(import, &mut whole, name);
    }
    if head.starts_with(b"\x1f\x8b\x08") {
        return read_gzip(import, whole, name);
    }
    if head.starts_with(file_kinds::PDF) {
        return read_pdf(import, &mut whole, name);
    }
    if let Some(kind) = file_kinds::of_head(&head) {
        return import.unreadable(name, kind);
    }
    let whole = BufReader::with_capacity(HEAD_BYTES as usize, whole);
    let Some(encoding) = encoding::of_head(&head) else {
        return match file_kinds::binary(&head) {
            Some(kind) => import.unreadable(name, kind),
            None if encoding::is_foreign(&head) => import.unreadable(name, &file_kinds::FOREIGN_ENCODING),
            None if encoding::has_mac_lines(&head) => {
                read_text_of(import, &mut BufReader::new(MacLines(whole)), name)
            }
            None => read_text_of(import, &mut { whole }, name),
        };
    };
    import.note(format!("{name}: read as {}", encoding::name(encoding)));
    let decoded = Decoding::new(whole, encoding);
    read_text_of(import, &mut BufReader::with_capacity(HEAD_BYTES as usize, decoded), name)
}

/// The text of a PDF: paragraphs and headings.
fn read_pdf<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    source: &mut dyn Read,
    name: &str,
) -> Result<(), E> {
    let limit_bytes = import.limits.element_bytes;
    let Some((bytes, origin)) = read_whole(import, source, name, limit_bytes)? else { return Ok(()) };
    match (import.limits.pdf)(&bytes) {
        Ok(PdfText { markdown, pages, pages_without_text }) => {
            if pages_without_text > 0 {
                import.note(format!(
                    "{name}: {pages_without_text} of {pages} pages hold no text that can be read"
                ));
            }
            words(import, &markdown, name, origin)
        }
        Err(error) => import.unreadable(name, file_kinds::of_pdf(&error)),
    }
}

/// A compressed file: what is in it may be no archive, but another member.
fn read_gzip<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    source: impl Read,
    name: &str,
) -> Result<(), E> {
    if import.depth >= import.limits.depth {
        import.together.unread(name, "compressed too often: unpack it and import what is in it");
        return Ok(());
    }
    import.depth += 1;
    import.note(format!("{name}: compressed with gzip, read unpacked"));
    let packed_bytes = import.budget.packed_bytes;
    let unpacked = MultiGzDecoder::new(BufReader::new(source));
    let result = archive::read_bounded(import, unpacked, name, packed_bytes, import.budget.limit_bytes);
    import.depth -= 1;
    result
}

/// Reads what is UTF-8, or should be.
fn read_text_of<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    mut reader: &mut dyn BufRead,
    name: &str,
) -> Result<(), E> {
    let form = form_of(name, reader.fill_buf().map_err(|source| read_error(name, source))?);
    if import.in_container
        && let Some(why) = import.together.why_not(name, form)
    {
        import.together.unread(name, why);
        return Ok(());
    }
    match form {
        Form::Array => read_array(import, &mut reader, name)?,
        Form::Objects => read_objects(import, &mut reader, name)?,
        Form::Page => read_page(import, &mut reader, name)?,
        Form::Text => read_text(import, &mut reader, name)?,
    }
    import.finish_activity()?;
    import.finish_gathered(name)
}

fn read_error(member: &str, source: std::io::Error) -> ImportError {
    ImportError::Read { member: member.to_owned(), source }
}

pub(super) fn form(head: &[u8]) -> Form {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    // `[` also begins Markdown links and time stamps: an array of conversations holds objects.
    match head.strip_prefix(b"[").map(|inside| inside.trim_ascii_start().first()) {
        Some(None | Some(b'{' | b']' | b'[' | b'n' | b'"')) => Form::Array,
        None if head.starts_with(b"{") => Form::Objects,
        None if is_page(head) => Form::Page,
        _ => Form::Text,
    }
}

/// The form of a member of this name: a note may begin with fields in JSON, or with a brace that is no JSON.
pub(super) fn form_of(name: &str, head: &[u8]) -> Form {
    let form = form(head);
    if form != Form::Objects || !members::is_note(name) {
        return form;
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let may_be_json = text[1..].trim_start().starts_with(['"', '}']) || text[1..].trim_start().is_empty();
    if may_be_json && notes::json_at_head(text).is_none() { form } else { Form::Text }
}

/// A page, also one with an XML prolog or a comment before it.
fn is_page(head: &[u8]) -> bool {
    let start = head[..head.len().min(1024)].to_ascii_lowercase();
    let holds = |mark: &[u8]| memchr::memmem::find(&start, mark).is_some();
    let begins =
        [&b"<!doctype html"[..], b"<html", b"<?xml", b"<!--"].iter().any(|mark| start.starts_with(mark));
    begins && (holds(b"<html") || holds(b"<!doctype html"))
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
        let origin = Origin::at(name, element, piece.offset, piece.len_bytes);
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
        let mut origin = Origin::at(name, element, offset, len_bytes);
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
    limit_bytes: usize,
) -> Result<Option<(Vec<u8>, Origin)>, E> {
    let mut bytes = Vec::new();
    let mut limited = reader.take(limit_bytes as u64 + 1);
    limited.read_to_end(&mut bytes).map_err(|source| read_error(name, source))?;
    let origin = Origin::at(name, 0, 0, bytes.len() as u64);
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
    let limit_bytes = import.limits.element_bytes;
    let Some((bytes, origin)) = read_whole(import, reader, name, limit_bytes)? else { return Ok(()) };
    if let Some(at) = pages::embedded(&bytes) {
        let json = &bytes[at];
        return match form(json) {
            Form::Array => read_array(import, json, name),
            _ => read_objects(import, json, name),
        };
    }
    let page = String::from_utf8_lossy(&bytes);
    if let Some(records) = activity::page(&page, &origin) {
        return records
            .into_iter()
            .try_for_each(|record| import.element(Element::Activity(record), origin.clone()));
    }
    if let Some(messages) = telegram_page::messages(&page) {
        messages.iter().for_each(|message| import.gathered.line(line(message)));
        import.gathered.head(Holder { title: telegram_page::title(&page), ..Holder::default() });
        return Ok(());
    }
    if let Some(messages) = pages::messages(&page).filter(|_| import.roles.notes != AsNotes::All) {
        messages.iter().for_each(|message| import.gathered.line(line(message)));
        let title = html::page(&page).title;
        import.gathered.head(Holder { title, ..Holder::default() });
        return Ok(());
    }
    if let Some(what) = talk::of_page(&page, name)
        && import.roles.notes != AsNotes::All
    {
        return import.left_unread(name, what);
    }
    page_words(import, &page, name, origin)
}

/// The words of a page, or of a piece of one.
fn page_words<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    page: &str,
    name: &str,
    origin: Origin,
) -> Result<(), E> {
    let html::Page { title, people, day, text, beside } = html::page(page);
    beside.into_iter().for_each(|kind| import.found.left_out.add(LeftOutKind::Beside, kind, ""));
    if text.trim().is_empty() {
        return import.left_unread(
            name,
            "a page without text: its words may be fetched by a script, so save it as text",
        );
    }
    let front = notes::front_matter(title.as_deref(), &people, day.as_deref());
    decoded(import, &format!("{front}{text}\n"), name, origin, false)
}

fn read_text<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    reader: impl Read,
    name: &str,
) -> Result<(), E> {
    let limit_bytes = import.limits.text_bytes.min(import.limits.element_bytes);
    let Some((bytes, origin)) = read_whole(import, reader, name, limit_bytes)? else { return Ok(()) };
    if bytes.trim_ascii().is_empty() {
        import.found.reason_for_none.get_or_insert_with(|| format!("{name} is empty"));
        import
            .found
            .way_out
            .get_or_insert("export or download it again, and look whether it has a size then");
        return Ok(());
    }
    let Some(Text { text, note }) = encoding::text(bytes) else {
        return import.unreadable(name, &file_kinds::FOREIGN_ENCODING);
    };
    if let Some(note) = note {
        import.note(format!("{name}: {note}"));
    }
    if let Some(conversations) =
        templated::conversations(&text).filter(|_| import.roles.notes != AsNotes::All)
    {
        import.note(format!("{name}: read as turns of a template of models"));
        let (front_matter, body) = notes::split_front_matter(&text);
        let origin = Origin { declared: notes::mark(front_matter, body), ..origin };
        let threads = Threads::of(conversations, &Holder::default(), import.roles, &origin);
        return import.threads(threads, &origin);
    }
    if let Some(rows) = message_table::messages(&text) {
        import.note(format!("{name}: a table, read as a message a row"));
        rows.iter().for_each(|row| import.gathered.line(line(row)));
        return Ok(());
    }
    if let Some(kind) = file_kinds::of_text(&text) {
        return import.unreadable(name, kind);
    }
    if [".csv", ".tsv"].iter().any(|ending| name.to_ascii_lowercase().ends_with(ending)) {
        return read_table(import, &text, name, origin);
    }
    if members::is_page(name) && text.trim_start().starts_with('<') {
        return page_words(import, &text, name, origin);
    }
    words(import, &text, name, origin)
}

/// Rows of a table are conversations, or notes.
fn read_table<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    text: &str,
    name: &str,
    origin: Origin,
) -> Result<(), E> {
    match table::read(text) {
        Some(Table::Rows(rows)) => rows.iter().enumerate().try_for_each(|(element, row)| {
            let origin = Origin { element, ..origin.clone() };
            match shape::element_of(row.to_string().as_bytes(), import, &origin) {
                Ok(found) => import.element(found, origin),
                Err(reason) => import.reject(origin, reason),
            }
        }),
        Some(Table::Notes(notes)) => import.notes(&notes, name, &origin),
        Some(Table::Other(columns)) => import.left_unread(
            name,
            &format!("a table without a column of texts, or of prompts and answers (its columns: {columns})"),
        ),
        None => import.left_unread(name, "a table without rows"),
    }
}

/// Reads a text that is decoded: a transcript, or notes.
pub(super) fn words<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    text: &str,
    name: &str,
    origin: Origin,
) -> Result<(), E> {
    let is_misnamed = members::is_page(name);
    decoded(import, text, name, origin, is_misnamed)
}

/// `is_misnamed` says that the name is that of a page and the text was none.
fn decoded<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    text: &str,
    name: &str,
    origin: Origin,
    is_misnamed: bool,
) -> Result<(), E> {
    let text = match joplin::item(text) {
        joplin::Item::Text(text) => text.into(),
        joplin::Item::Note(text) => text,
        joplin::Item::Other(what) => return import.left_unread(name, what),
    };
    let text = &*text;
    let roles = import.roles;
    if roles.notes == AsNotes::All {
        return import.notes(text, name, &origin);
    }
    let may_be_notes = import.in_container || roles.notes == AsNotes::Silent || !roles.are_given();
    let parsed = match transcript::conversations(text, roles, &origin) {
        Ok(parsed) => parsed,
        Err(ImportError::NoSpeakers { .. }) if may_be_notes => {
            return match talk::of_text(text, name) {
                Some(what) => import.left_unread(name, what),
                None if import.in_container && is_misnamed => {
                    import.left_unread(name, "text in which nobody speaks, and no page as its name says")
                }
                None => {
                    if roles.are_given() {
                        import.note(format!("{name}: nobody speaks in it whom you named; read as a note"));
                    }
                    import.notes(text, name, &origin)
                }
            };
        }
        Err(error) if import.in_container => {
            return import.reject(origin, ElementError::Transcript(Box::new(error)));
        }
        Err(error) => return Err(error.into()),
    };
    if !parsed.speakers.is_empty() {
        import.found.speakers.push((name.to_owned(), parsed.speakers));
    }
    let counted = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let notes = [
        counted(parsed.inner_label_lines, "lines inside paragraphs begin with a speaker's name; not split"),
        counted(parsed.program_lines, "lines of the chat program itself are left out"),
        parsed.wrap.said(),
    ];
    for note in notes.into_iter().flatten() {
        import.note(format!("{name}: {note}"));
    }
    parsed.conversations.into_iter().try_for_each(|conversation| import.conversation(conversation))
}
