//! Import: bytes of an export in, canonical conversations and rejects out.
//!
//! The format is told by shape, never by the file's name, and unknown shapes are refused with what was found. One
//! corrupt element loses only itself. Input is streamed: a 1 GB export needs memory for its largest conversation.

mod activity;
mod activity_label;
mod activity_time;
mod archive;
mod chat;
mod chatgpt;
mod claude;
mod elements;
mod error;
mod gemini;
mod html;
mod json;
mod left_out;
mod libre_chat;
mod llm;
mod lm_studio;
mod long_strings;
mod member;
mod mend;
mod open_webui;
mod pages;
mod preferences;
mod rows;
mod shape;
mod speakers;
mod transcript;
mod unwrap_lines;
mod wrapper;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

pub use archive::Limits;
pub use error::{ElementError, ImportError};
pub use left_out::{LeftOut, LeftOutCount, LeftOutKind};
pub use speakers::{Speaker, Style};
pub use transcript::Roles;
pub use unwrap_lines::Wrap;

use crate::conversation::{Conversation, Origin};

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
}

/// Reads an export: a zip archive, JSON, JSON lines, Markdown or plain text.
///
/// Conversations and rejects go to `sink`, whose error stops the import. `file_name` is only a label.
pub fn import<E: From<ImportError>>(
    mut reader: impl Read + Seek,
    file_name: &str,
    roles: &Roles,
    limits: &Limits,
    sink: &mut dyn FnMut(Item) -> Result<(), E>,
) -> Result<Found, E> {
    let read_error = |source| ImportError::Read { member: file_name.to_owned(), source };
    let mut magic = [0u8; 4];
    let mut len = 0;
    while len < magic.len() {
        match reader.read(&mut magic[len..]).map_err(read_error)? {
            0 => break,
            read => len += read,
        }
    }
    reader.seek(SeekFrom::Start(0)).map_err(read_error)?;
    let mut import = Import {
        roles,
        limits,
        in_archive: false,
        ratings: chatgpt::Ratings::new(),
        activity: Vec::new(),
        gathered: chat::Gathered::default(),
        mended: 0,
        found: Found::default(),
        sink,
    };
    if magic.starts_with(b"PK\x03\x04") || magic.starts_with(b"PK\x05\x06") {
        import.in_archive = true;
        archive::read(&mut import, reader)?;
    } else {
        let mut reader = BufReader::with_capacity(64 * 1024, reader);
        reader.fill_buf().map_err(read_error)?;
        member::read(&mut import, reader, file_name)?;
    }
    Ok(import.finish(file_name))
}

/// State of one import.
struct Import<'a, E> {
    roles: &'a Roles,
    limits: &'a Limits,
    ratings: chatgpt::Ratings,
    /// Records of the member that is being read.
    activity: Vec<activity::Record>,
    /// What the elements of that member are only together.
    gathered: chat::Gathered,
    /// Characters of that member that had to be replaced.
    mended: usize,
    /// Other members follow: one that cannot be read is a reject, not the end.
    in_archive: bool,
    found: Found,
    sink: &'a mut dyn FnMut(Item) -> Result<(), E>,
}

impl<E: From<ImportError>> Import<'_, E> {
    fn conversation(&mut self, conversation: Conversation) -> Result<(), E> {
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
            Element::Line(line) => {
                self.gathered.line(*line);
                Ok(())
            }
            Element::Unknown(reason, head) => self.unknown(origin, reason, head),
            Element::Activity(record) => {
                self.activity.push(record);
                Ok(())
            }
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
        self.found.rejects += 1;
        self.found.left_out.add(LeftOutKind::Element, "", reason.to_string());
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

    fn finish(mut self, file_name: &str) -> Found {
        if self.found.conversations > 0 {
            self.found.reason_for_none = None;
        } else {
            self.found.reason_for_none.get_or_insert_with(|| format!("{file_name} holds no elements"));
        }
        self.found
    }
}
