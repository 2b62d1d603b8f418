//! Import: bytes of an export in, canonical conversations and rejects out.
//!
//! The format is told by shape, never by the file's name, and unknown shapes are refused with what was found. One
//! corrupt element loses only itself. Input is streamed: a 1 GB export needs memory for its largest conversation.

mod activity;
mod activity_label;
mod activity_time;
mod aider;
mod annotated;
mod archive;
mod book;
mod by_id;
mod change_log;
mod chat;
mod chatgpt;
mod claude;
mod dated;
mod documents;
mod dress;
mod elements;
mod encoding;
mod error;
mod exchanges;
mod exporter_lines;
mod facts;
mod fences;
mod file_kinds;
mod gemini;
mod halves;
mod harness;
mod html;
mod instructions;
mod joplin;
mod json;
mod kobold;
mod left_out;
mod libre_chat;
mod llm;
mod lm_studio;
mod long_strings;
mod mail;
mod markup;
mod member;
mod members;
mod mend;
mod message_table;
mod messenger;
mod note_records;
mod notes;
mod office;
mod open_webui;
mod pages;
mod parts;
mod pdf;
mod perplexity;
mod preferences;
mod recast;
mod records;
mod references;
mod role_words;
mod rows;
mod series;
mod settle;
mod shape;
mod speakers;
mod stamp;
mod subtitles;
mod table;
mod talk;
mod telegram_page;
mod templated;
mod transcript;
mod unwrap_lines;
mod verdict;
mod wrapper;

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::rc::Rc;

pub use archive::Limits;
pub use error::{ElementError, ImportError};
pub use left_out::{LeftOut, LeftOutCount, LeftOutKind, LeftOutLine};
pub use members::Together;
pub(crate) use notes::is_copy_name;
pub use notes::{Cut, heading_of, is_dated};
pub(crate) use parts::is_inside;
pub use pdf::{PdfError, PdfReader, PdfText, text as pdf_text};
pub(crate) use role_words::is_remark;
pub use speakers::{Speaker, Style};
pub use transcript::{AsNotes, Roles};
pub use unwrap_lines::Wrap;

use self::json::mismatch;
use crate::conversation::{Conversation, Origin};
use crate::identity;

/// What an import hands out, in the order of the file.
#[derive(Debug)]
pub enum Item {
    Conversation(Conversation),
    Reject(Reject),
}

/// An element that could not be read.
#[derive(Debug)]
pub struct Reject {
    pub origin: Origin,
    pub reason: ElementError,
}

/// Summary of one file.
#[derive(Debug, Default)]
pub struct Found {
    pub conversations: usize,
    pub rejects: usize,
    /// Those of them that are sections of notes: their prompts are drafts.
    pub drafted: usize,
    /// Words of those sections that stand in block quotes.
    pub quoted_words: usize,
    /// Sections of notes that were cut into parts.
    pub cut: Cut,
    /// Conversations by format, e.g. `chatgpt`.
    pub formats: BTreeMap<&'static str, usize>,
    /// Speakers of transcripts, with the name of the member.
    pub speakers: Vec<(String, Vec<Speaker>)>,
    /// Names of the people the account belongs to, where the export says them.
    pub names: Vec<String>,
    /// What is not among the texts, by kind and number.
    pub left_out: LeftOut,
    /// Things the user should know: skipped members, lines not taken as turns, an array without its end.
    pub notes: Vec<String>,
    /// Why there is no conversation, if there is none.
    pub reason_for_none: Option<String>,
    /// What to do about it, where that is known.
    pub way_out: Option<&'static str>,
    /// The speakers of the first text of a container that was refused because nobody is known to be the assistant.
    pub without_roles: Vec<Speaker>,
}

/// Reads an export: a zip archive, JSON, JSON lines, Markdown or plain text, also compressed by gzip.
///
/// Conversations and rejects go to `sink`, whose error stops the import. `file_name` is only a label.
pub fn import<E: From<ImportError>>(
    reader: impl Read + Seek,
    file_name: &str,
    roles: &Roles,
    limits: &Limits,
    sink: &mut dyn FnMut(Item) -> Result<(), E>,
) -> Result<Found, E> {
    let mut together = Together::default();
    let mut found = read_file(reader, file_name, roles, limits, &mut together, false, sink)?;
    found.left_out.merge(&together.left_out());
    Ok(found)
}

/// Reads one file of a folder, as if the folder were an archive: a file of another kind is no error but named by
/// [`Together::left_out`]. `name` is its path in the folder, with `/` between the parts.
pub fn import_from_folder<E: From<ImportError>>(
    reader: impl Read + Seek,
    name: &str,
    roles: &Roles,
    limits: &Limits,
    together: &mut Together,
    sink: &mut dyn FnMut(Item) -> Result<(), E>,
) -> Result<Found, E> {
    read_file(reader, name, roles, limits, together, true, sink)
}

fn read_file<E: From<ImportError>>(
    mut reader: impl Read + Seek,
    name: &str,
    roles: &Roles,
    limits: &Limits,
    together: &mut Together,
    in_container: bool,
    sink: &mut dyn FnMut(Item) -> Result<(), E>,
) -> Result<Found, E> {
    let read_error = |source| ImportError::Read { member: name.to_owned(), source };
    let mut magic = Vec::new();
    (&mut reader).take(4).read_to_end(&mut magic).map_err(read_error)?;
    let len_bytes = reader.seek(SeekFrom::End(0)).map_err(read_error)?;
    reader.seek(SeekFrom::Start(0)).map_err(read_error)?;
    let mut import = Import {
        roles,
        limits,
        in_container,
        depth: 0,
        nested_bytes: 0,
        budget: archive::Budget::of_file(len_bytes, limits),
        together,
        activity: Vec::new(),
        held: None,
        gathered: chat::Gathered::default(),
        log: None,
        mended: 0,
        found: Found::default(),
        sink,
    };
    if magic == b"PK\x03\x04" || magic == b"PK\x05\x06" {
        let folder = if in_container { format!("{name}/") } else { String::new() };
        archive::read(&mut import, reader, name, &folder)?;
    } else if in_container {
        import.member(&mut reader, name)?;
    } else {
        member::read(&mut import, &mut reader, name)?;
    }
    Ok(import.finish(name))
}

/// State of one import.
struct Import<'a, E> {
    roles: &'a Roles,
    limits: &'a Limits,
    /// The file is an archive, or stands in a folder: a member that cannot be read is named, and is not the end.
    in_container: bool,
    /// Archives and compressed files around the member that is read, and the bytes of those held in memory.
    depth: usize,
    nested_bytes: u64,
    budget: Rc<archive::Budget>,
    together: &'a mut Together,
    /// Records of the member that is being read.
    activity: Vec<activity::Record>,
    /// Elements of a member of a container that are something else than conversations: rejects if a conversation
    /// is next to them; else the member as a whole is something else.
    held: Option<Vec<Reject>>,
    /// What the elements of that member are only together.
    gathered: chat::Gathered,
    /// The document of that member, if it is a log of changes to one.
    log: Option<change_log::Log>,
    /// Characters of that member that had to be replaced.
    mended: usize,
    found: Found,
    sink: &'a mut dyn FnMut(Item) -> Result<(), E>,
}

impl<E: From<ImportError>> Import<'_, E> {
    /// Reads a member of an archive or folder.
    fn member(&mut self, source: &mut dyn Read, name: &str) -> Result<(), E> {
        let outer = self.held.replace(Vec::new());
        let before = self.found.conversations;
        let result = member::read(self, source, name).and_then(|()| self.end_part(name));
        let held = std::mem::replace(&mut self.held, outer).unwrap_or_default();
        if let Some(first) = held.first() {
            let elements = if held.len() == 1 { String::new() } else { format!("{} elements, ", held.len()) };
            self.together.unread(name, format!("{elements}{}", first.reason));
        }
        if self.found.conversations > before
            && self.found.formats.keys().any(|format| !matches!(*format, "transcript" | "note"))
        {
            self.together.read_as_json(name);
        }
        if self.found.conversations > before {
            self.together.read_folder_of(name);
        }
        result
    }

    /// Takes the sections of a text in which nobody speaks as answers.
    fn notes(&mut self, text: &str, name: &str, origin: &Origin) -> Result<(), E> {
        let notes = self.sections(text, origin);
        if notes.conversations.is_empty() {
            return self.left_unread(name, &notes::why_none(&notes.left_out));
        }
        self.take_sections(notes, name)
    }

    fn sections(&self, text: &str, origin: &Origin) -> notes::Notes {
        let text = transcript::plain(text);
        let (front_matter, body) = notes::split_front_matter(&text);
        notes::read(body, front_matter, origin, self.together)
    }

    fn take_sections(&mut self, notes: notes::Notes, name: &str) -> Result<(), E> {
        self.found.left_out.merge(&notes.left_out);
        self.found.quoted_words += notes.quoted_words;
        self.found.cut.add(notes.cut);
        if let Some(said) = notes.wrap.said() {
            self.note(format!("{name}: {said}"));
        }
        self.found.drafted += notes.conversations.len();
        notes.conversations.into_iter().try_for_each(|conversation| self.conversation(conversation))
    }

    /// Takes a note that a program keeps as JSON.
    fn record(&mut self, record: note_records::Record, origin: &Origin) -> Result<(), E> {
        self.refuse_waiting()?;
        if record.is_trashed {
            self.found.left_out.add(LeftOutKind::PartOfNote, "note in the trash", origin.member.as_str());
            return Ok(());
        }
        let notes = self.sections(&record.text, origin);
        self.take_sections(notes, &origin.member)
    }

    /// A text of which nothing is taken: why, as the reason for nothing or among the members that were not read.
    fn left_unread(&mut self, name: &str, what: &str) -> Result<(), E> {
        self.found.reason_for_none.get_or_insert_with(|| format!("{name} is {what}"));
        if self.in_container {
            self.together.unread(name, what);
        }
        Ok(())
    }

    /// A document or something else that holds no chats: an error, or one of the members that were not read.
    fn unreadable(&mut self, name: &str, kind: &'static file_kinds::Kind) -> Result<(), E> {
        if !self.in_container {
            let file_kinds::Kind { what, way_out, .. } = *kind;
            return Err(ImportError::NotChats { member: name.to_owned(), what, way_out }.into());
        }
        self.together.unread_kind(name, kind);
        Ok(())
    }

    fn conversation(&mut self, mut conversation: Conversation) -> Result<(), E> {
        self.release_held()?;
        settle::settle(&mut conversation);
        identity::name_by_words(&mut conversation);
        self.found.conversations += 1;
        self.found.left_out.merge(&LeftOut::of(&conversation));
        *self.found.formats.entry(conversation.provider.as_str()).or_default() += 1;
        (self.sink)(Item::Conversation(conversation))
    }

    fn element(&mut self, element: shape::Element, origin: Origin) -> Result<(), E> {
        use shape::Element;
        match element {
            Element::Conversation(conversation) => {
                self.refuse_waiting()?;
                self.conversation(*conversation)
            }
            Element::Threads(threads) => self.threads(threads, &origin),
            Element::Change(change) => self.change(change, origin),
            Element::Line(line) => {
                self.gathered.line(*line);
                Ok(())
            }
            Element::Exchange(lines) => {
                self.gathered.exchange(lines);
                Ok(())
            }
            Element::Unknown { reason, head } => self.unknown(origin, reason, head),
            Element::Activity(record) => {
                self.activity.push(record);
                Ok(())
            }
            Element::Notes(records) => {
                records.into_iter().try_for_each(|record| self.record(record, &origin))
            }
        }
    }

    /// Makes a change of a log to its document.
    fn change(&mut self, change: change_log::Change, origin: Origin) -> Result<(), E> {
        if matches!(change, change_log::Change::Base(_)) {
            self.finish_log(&origin.member)?;
            self.log = Some(change_log::Log::default());
        }
        let limit_bytes = self.limits.element_bytes;
        let done = match &mut self.log {
            Some(log) if log.len_bytes + origin.len_bytes > limit_bytes as u64 => {
                Err(ElementError::TooLong { limit_bytes })
            }
            Some(log) => {
                log.len_bytes += origin.len_bytes;
                log.apply(change)
            }
            None => Err(mismatch("kind", None, "a document (`kind` 0) before its changes")),
        };
        done.or_else(|reason| self.reject(origin, reason))
    }

    /// Reads the document of a log with all its changes.
    fn finish_log(&mut self, member: &str) -> Result<(), E> {
        let Some(change_log::Log { document, len_bytes }) = self.log.take() else { return Ok(()) };
        let origin = Origin::at(member, 0, 0, len_bytes);
        let read = {
            let ratings = &self.together.ratings;
            let context =
                shape::Context { ratings, roles: self.roles, is_part: false, origin: origin.clone() };
            shape::element(&document, &context)
        };
        match read {
            // A log inside a log is none.
            Ok(shape::Element::Change(_)) => self.reject(origin, ElementError::Empty),
            Ok(found) => self.element(found, origin),
            Err(reason) => self.reject(origin, reason),
        }
    }

    /// Makes conversations of the records of a member.
    fn finish_activity(&mut self) -> Result<(), E> {
        if self.activity.is_empty() {
            return Ok(());
        }
        let (conversations, notes) = activity::conversations(std::mem::take(&mut self.activity));
        if conversations.is_empty() {
            let reason = "My Activity holds no prompt to Gemini with an answer".to_owned();
            self.found.reason_for_none.get_or_insert(reason);
        }
        self.found.notes.extend(notes);
        conversations.into_iter().try_for_each(|conversation| self.conversation(conversation))
    }

    fn reject(&mut self, origin: Origin, reason: ElementError) -> Result<(), E> {
        /// More are no longer held back.
        const MAX_HELD: usize = 10_000;
        if reason.is_of_another_kind()
            && let Some(held) = self.held.as_mut().filter(|held| held.len() < MAX_HELD)
        {
            held.push(Reject { origin, reason });
            return Ok(());
        }
        self.release_held()?;
        self.refuse(origin, reason)
    }

    /// What was held back is next to conversations.
    fn release_held(&mut self) -> Result<(), E> {
        let held = self.held.take().unwrap_or_default();
        held.into_iter().try_for_each(|reject| self.refuse(reject.origin, reject.reason))
    }

    fn refuse(&mut self, origin: Origin, reason: ElementError) -> Result<(), E> {
        self.found.rejects += 1;
        self.found.left_out.add(LeftOutKind::Element, "", reason.to_string());
        if let ElementError::Transcript(error) = &reason
            && let ImportError::RolesNeeded { speakers, .. } = &**error
            && self.found.without_roles.is_empty()
        {
            self.found.without_roles.clone_from(speakers);
        }
        self.found.reason_for_none.get_or_insert_with(|| format!("the first element was refused: {reason}"));
        (self.sink)(Item::Reject(Reject { origin, reason }))
    }

    /// Counts strings of many megabytes, which never become text.
    fn long_strings(&mut self, member: &str, count: usize) {
        for _ in 0..count {
            let first = format!("{member}: a string of many megabytes");
            self.found.left_out.add(LeftOutKind::Media, "long string", first);
        }
    }

    fn note(&mut self, note: String) {
        self.found.notes.push(note);
    }

    fn finish(mut self, name: &str) -> Found {
        self.found.names = self.together.names().to_vec();
        if self.found.conversations > 0 {
            self.found.reason_for_none = None;
        } else if self.found.rejects == 0 && self.in_container {
            self.found.reason_for_none = Some(self.together.reason_for_none(name));
        } else {
            self.found.reason_for_none.get_or_insert_with(|| format!("{name} holds no elements"));
        }
        self.found
    }
}
