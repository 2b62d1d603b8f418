//! Zip archives: each member is read by its content or named, and what an archive may not do.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::rc::Rc;

use zip::ZipArchive;
use zip::read::ZipFile;

use super::book::{self, Book};
use super::error::ImportError;
use super::members::Together;
use super::pdf::PdfReader;
use super::{Import, LeftOut, encoding, file_kinds, member, office};
use crate::conversation::Origin;

/// Bounds that protect memory and patience against broken or hostile files.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest single conversation, line or page.
    pub element_bytes: usize,
    /// Longest transcript: it is read as a whole, with a record for each line.
    pub text_bytes: usize,
    /// A file or member may always unpack to this many bytes ...
    pub unpacked_floor_bytes: u64,
    /// ... and beyond that to this many times its packed size. Chat JSON packs 5 to 20 times.
    pub unpacked_ratio: u64,
    /// Archives that are held in memory because they stand in another.
    pub nested_bytes: u64,
    /// Archives in archives.
    pub depth: usize,
    /// Reads PDFs. The default does so in this process, which a hostile file can bring down.
    pub pdf: PdfReader,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            element_bytes: 128 << 20,
            text_bytes: 48 << 20,
            unpacked_floor_bytes: 64 << 20,
            unpacked_ratio: 100,
            nested_bytes: 512 << 20,
            depth: 4,
            pdf: super::pdf::text,
        }
    }
}

impl Limits {
    fn unpacked_bytes(&self, packed_bytes: u64) -> u64 {
        self.unpacked_floor_bytes.max(packed_bytes.saturating_mul(self.unpacked_ratio))
    }
}

/// What one imported file may still unpack to, all its members and archives in archives together.
#[derive(Debug)]
pub(super) struct Budget {
    pub packed_bytes: u64,
    pub limit_bytes: u64,
    left: Cell<u64>,
}

impl Budget {
    pub fn of_file(packed_bytes: u64, limits: &Limits) -> Rc<Budget> {
        let limit_bytes = limits.unpacked_bytes(packed_bytes);
        Rc::new(Budget { packed_bytes, limit_bytes, left: Cell::new(limit_bytes) })
    }

    fn take(&self, bytes: u64) -> bool {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }
}

pub(super) fn read<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    reader: impl Read + Seek,
    file_name: &str,
    folder: &str,
) -> Result<(), E> {
    let mut archive = match ZipArchive::new(BufReader::new(reader)) {
        Ok(archive) => archive,
        Err(error) if import.in_container => {
            import.together.unread(file_name, format!("not a readable zip archive ({error})"));
            return Ok(());
        }
        Err(error) => return Err(ImportError::from(error).into()),
    };
    if archive.has_overlapping_files().map_err(ImportError::from)? {
        return Err(ImportError::Overlapping { member: file_name.to_owned() }.into());
    }
    let (names, declared_bytes) = member_names(&mut archive)?;
    // What an archive says of itself is known before anything is unpacked; one that lies is stopped on the way.
    if declared_bytes > import.budget.left.get() {
        let Budget { packed_bytes, limit_bytes, .. } = *import.budget;
        return Err(ImportError::Bomb { member: file_name.to_owned(), packed_bytes, limit_bytes }.into());
    }
    if let Some(document) = Document::of(names.iter().map(|(_, name)| name.as_str())) {
        return read_document(import, &mut archive, file_name, document);
    }
    if let Some(kind) = file_kinds::of_members(names.iter().map(|(_, name)| name.as_str())) {
        return import.unreadable(file_name, kind);
    }
    import.in_container = true;
    for (index, name) in names.iter().filter(|(_, name)| Together::is_companion(name)) {
        if let Some(member) = open(import, &mut archive, *index, &format!("{folder}{name}"))? {
            import.together.read_companion(name, member);
        }
    }
    let answers = read_answers(import, &mut archive, folder, &names)?;
    let paths: Vec<String> = names.iter().map(|(_, name)| format!("{folder}{name}")).collect();
    import.together.expect(paths.iter().map(String::as_str));
    let others = names.iter().filter(|(_, name)| !Together::is_companion(name) && !answers.contains(name));
    for (index, name) in others {
        let path = format!("{folder}{name}");
        if let Some((what, why)) = Together::passed_over(name) {
            import.together.unread_of_group(&path, why, &format!("{folder}{what}"));
        } else if let Some(member) = open(import, &mut archive, *index, &path)? {
            let limit_bytes = import.limits.unpacked_bytes(member.compressed_size());
            let packed_bytes = member.compressed_size();
            read_bounded(import, member, &path, packed_bytes, limit_bytes)?;
        }
    }
    import.end_series(folder)
}

/// Reads the members that hold what came back to the calls of a batch; which they are.
fn read_answers<E: From<ImportError>, R: Read + Seek>(
    import: &mut Import<'_, E>,
    archive: &mut ZipArchive<R>,
    folder: &str,
    names: &[(usize, String)],
) -> Result<HashSet<String>, E> {
    const HEAD_BYTES: u64 = 4096;
    let mut heads = Vec::new();
    for (index, name) in names.iter().filter(|(_, name)| Together::may_be_half(name)) {
        let mut head = Vec::new();
        // A member that cannot be read is named where it is read as a whole.
        let Ok(member) = archive.by_index(*index) else { continue };
        if member.take(HEAD_BYTES).read_to_end(&mut head).is_ok() {
            heads.push((name.as_str(), head));
        }
    }
    let answers: HashSet<String> = Together::answers_among(&heads).into_iter().map(str::to_owned).collect();
    for (index, name) in names.iter().filter(|(_, name)| answers.contains(name)) {
        if let Some(member) = open(import, archive, *index, &format!("{folder}{name}"))? {
            import.together.read_answers(name, member);
        }
    }
    Ok(answers)
}

/// A document that is an archive inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Document {
    Word,
    /// A text, or a table or presentation: its `mimetype` says which.
    Odf,
    Book,
}

impl Document {
    fn of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Document> {
        let holds = |wanted: &str| names.clone().any(|name| name == wanted);
        match () {
            () if holds("word/document.xml") => Some(Document::Word),
            () if holds("META-INF/container.xml") => Some(Document::Book),
            () if holds("content.xml") && holds("mimetype") => Some(Document::Odf),
            () => None,
        }
    }
}

/// Reads the text of a document.
fn read_document<E: From<ImportError>, R: Read + Seek>(
    import: &mut Import<'_, E>,
    archive: &mut ZipArchive<R>,
    name: &str,
    document: Document,
) -> Result<(), E> {
    let limit_bytes = import.limits.text_bytes as u64;
    let budget = Rc::clone(&import.budget);
    let mut is_bomb = false;
    let mut left_out = LeftOut::default();
    let mut members = |member: &str| {
        let member = archive.by_name(member).ok()?;
        let (mut over, mut damage) = (false, None);
        let budget = Rc::clone(&budget);
        let mut bounded =
            Bounded { source: member, left: limit_bytes, budget, over: &mut over, damage: &mut damage };
        let mut bytes = Vec::new();
        let read = bounded.read_to_end(&mut bytes);
        is_bomb |= over;
        read.ok()?;
        Some(encoding::text(bytes)?.text)
    };
    let text = match document {
        Document::Word => office::word(&mut members, &mut left_out).ok_or(&file_kinds::BROKEN_WORD),
        Document::Odf => {
            let kind = members("mimetype").unwrap_or_default();
            let is_locked =
                members("META-INF/manifest.xml").is_some_and(|list| list.contains("encryption-data"));
            match kind.contains("opendocument.text") {
                false => Err(&file_kinds::OPEN_DOCUMENT),
                true if is_locked => Err(&file_kinds::PROTECTED),
                true => office::open_document(&mut members, &mut left_out).ok_or(&file_kinds::OPEN_DOCUMENT),
            }
        }
        Document::Book => match book::book(&mut members, &mut left_out) {
            Some(Book::Text(text)) => Ok(text),
            Some(Book::Protected) => Err(&file_kinds::PROTECTED_BOOK),
            None => Err(&file_kinds::BROKEN_BOOK),
        },
    };
    if is_bomb {
        let Budget { packed_bytes, .. } = *import.budget;
        return Err(ImportError::Bomb { member: name.to_owned(), packed_bytes, limit_bytes }.into());
    }
    match text {
        Ok(text) => {
            import.found.left_out.merge(&left_out);
            let len_bytes = text.len() as u64;
            let origin = Origin::at(name, 0, 0, len_bytes);
            member::words(import, &text, name, origin)
        }
        Err(kind) => import.unreadable(name, kind),
    }
}

/// Opens a member; one that cannot be unpacked is named, and the others are read.
fn open<'a, E: From<ImportError>, R: Read + Seek>(
    import: &mut Import<'_, E>,
    archive: &'a mut ZipArchive<R>,
    index: usize,
    path: &str,
) -> Result<Option<ZipFile<'a, R>>, E> {
    match archive.by_index(index) {
        Ok(member) => Ok(Some(member)),
        Err(zip::result::ZipError::Io(source)) => {
            Err(ImportError::Read { member: path.to_owned(), source }.into())
        }
        Err(error) => {
            let why = format!(
                "cannot be unpacked ({error}): unpack the archive with another program and import the folder"
            );
            import.together.unread(path, why);
            import.found.way_out.get_or_insert(
                "unpack the archive with another program, which asks for its password if it has one, and import the folder",
            );
            Ok(None)
        }
    }
}

/// Reads a stream that is unpacked: a member, or what is in a gzip file. Where it is damaged (a wrong check sum, a
/// broken stream) it ends, and that is named.
pub(super) fn read_bounded<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    source: impl Read,
    path: &str,
    packed_bytes: u64,
    limit_bytes: u64,
) -> Result<(), E> {
    let (mut over, mut damage) = (false, None);
    let budget = Rc::clone(&import.budget);
    let mut bounded = Bounded { source, left: limit_bytes, budget, over: &mut over, damage: &mut damage };
    let before = import.found.conversations;
    let result = import.member(&mut bounded, path);
    if over {
        let member = path.to_owned();
        return Err(match import.budget.is_spent() {
            true => {
                let Budget { packed_bytes, limit_bytes, .. } = *import.budget;
                ImportError::Bomb { member, packed_bytes, limit_bytes }
            }
            false => ImportError::Bomb { member, packed_bytes, limit_bytes },
        }
        .into());
    }
    if let Some(damage) = damage {
        let kept = match import.found.conversations - before {
            0 => "nothing of it is kept".to_owned(),
            1 => "1 conversation of it is kept".to_owned(),
            count => format!("{count} conversations of it are kept"),
        };
        import
            .together
            .unread_damaged(path, format!("damaged ({damage}), {kept}: download the export again"));
    }
    result
}

/// Reads an archive that stands in another, from memory.
pub(super) fn read_nested<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    source: &mut dyn Read,
    path: &str,
) -> Result<(), E> {
    let limit_bytes = import.limits.nested_bytes - import.nested_bytes;
    let mut bytes = Vec::new();
    let unpacked = source.take(limit_bytes + 1).read_to_end(&mut bytes);
    unpacked.map_err(|source| ImportError::Read { member: path.to_owned(), source })?;
    if bytes.len() as u64 > limit_bytes || import.depth >= import.limits.depth {
        import
            .together
            .unread(path, "an archive too large or too deep in others: take it out and import it by itself");
        return Ok(());
    }
    let len_bytes = bytes.len() as u64;
    import.nested_bytes += len_bytes;
    import.depth += 1;
    let result = read(import, Cursor::new(bytes), path, &format!("{path}/"));
    import.depth -= 1;
    import.nested_bytes -= len_bytes;
    result
}

/// Index and name of every file, in the order of reading, and the bytes that all are said to unpack to. Paths that lead out of the archive are refused, although
/// nothing is ever unpacked to disk: such an archive is not an export.
fn member_names<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
) -> Result<(Vec<(usize, String)>, u64), ImportError> {
    let (mut names, mut declared_bytes) = (Vec::new(), 0u64);
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index)?;
        let name = file.name().to_owned();
        if file.enclosed_name().is_none() || name.split(['/', '\\']).any(|part| part == "..") {
            return Err(ImportError::UnsafePath { path: name });
        }
        declared_bytes = declared_bytes.saturating_add(file.size());
        if !file.is_dir() {
            names.push((index, name));
        }
    }
    names.sort_by_cached_key(|(_, name)| Together::order(name));
    Ok((names, declared_bytes))
}

/// A reader that fails when more comes out than an honest file holds, and ends where its source is damaged.
struct Bounded<'a, R> {
    source: R,
    left: u64,
    budget: Rc<Budget>,
    over: &'a mut bool,
    damage: &'a mut Option<String>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match self.source.read(out) {
            Ok(read) => read,
            Err(error) => {
                self.damage.get_or_insert_with(|| error.to_string());
                return Ok(0);
            }
        };
        match self.left.checked_sub(read as u64).filter(|_| self.budget.take(read as u64)) {
            Some(left) => self.left = left,
            None => {
                *self.over = true;
                return Err(io::Error::other("it unpacks to too many bytes"));
            }
        }
        Ok(read)
    }
}
