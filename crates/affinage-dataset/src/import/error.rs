//! What can go wrong in an import: of the whole file, or of one element.

use thiserror::Error;

use super::transcript::Speaker;
use crate::conversation::TreeError;

/// The file as a whole cannot be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    #[error("cannot read {member}")]
    Read {
        member: String,
        #[source]
        source: std::io::Error,
    },
    #[error("not a readable zip archive, perhaps a download that was cut off")]
    Zip(#[from] zip::result::ZipError),
    #[error("the archive holds the path `{path}`, which leads out of it")]
    UnsafePath { path: String },
    #[error(
        "`{member}` unpacks to more than {limit_bytes} bytes from {packed_bytes}; this looks like a zip bomb"
    )]
    Bomb { member: String, packed_bytes: u64, limit_bytes: u64 },
    #[error(
        "members of {member} overlap, which unpacks to many times what is in it; this looks like a zip bomb"
    )]
    Overlapping { member: String },
    /// A document, a picture, an encoding: something else than chats.
    #[error("{member} is {what}, which affinage does not read")]
    NotChats { member: String, what: &'static str, way_out: &'static str },
    #[error("{member} is {what}")]
    NoSpeakers { member: String, what: String },
    #[error("{member} has more than {limit} {what}, which no transcript holds; split it into several files")]
    TooMany { member: String, limit: usize, what: &'static str },
    /// Speakers were found, but not who is the assistant.
    #[error("cannot tell who is the assistant in {member}; found speakers {}", list(speakers))]
    RolesNeeded { member: String, speakers: Vec<Speaker> },
    #[error("no speaker is called `{name}` in {member}; found speakers {}", list(speakers))]
    UnknownSpeaker { name: String, member: String, speakers: Vec<Speaker> },
}

impl ImportError {
    /// What to do about it, where that does not depend on the file's speakers.
    pub fn way_out(&self) -> Option<&str> {
        match self {
            ImportError::NotChats { way_out, .. } => Some(way_out),
            ImportError::Zip(_) => {
                Some("download the export again, or unpack it with another program and import the folder")
            }
            ImportError::NoSpeakers { .. } => Some(
                "write who speaks before each turn (`Me: ...` before what was asked, `Voice: ...` before the answer) and \
                 import it with `--role Voice=assistant`; or take its sections as answers in your own words: `--notes`",
            ),
            _ => None,
        }
    }
}

/// One element of a file cannot be imported; the others can.
#[derive(Debug, Error)]
pub enum ElementError {
    #[error("not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not a JSON object but {found}")]
    NotAnObject { found: &'static str },
    #[error("an empty conversation: it holds no message")]
    Empty,
    #[error("no list of messages: looked for `{looked_for}` and the like; its keys are {keys}")]
    UnknownShape { keys: String, looked_for: String },
    #[error(
        "the elements of `{list}` are not understood: looked for `{looked_for}` and the like; the first has the keys {keys}"
    )]
    UnknownMessages { list: String, keys: String, looked_for: String },
    #[error("`{field}` is {found}, expected {expected}")]
    Field { field: String, found: String, expected: &'static str },
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A text file of an archive; the other members can still be read.
    #[error(transparent)]
    Transcript(Box<ImportError>),
    #[error("the file ends inside this element")]
    CutOff,
    #[error("longer than {limit_bytes} bytes")]
    TooLong { limit_bytes: usize },
    #[error("more than {limit} objects, which no conversation holds")]
    TooManyObjects { limit: usize },
}

impl ElementError {
    /// It says that the element is something else than a conversation, not that a conversation is broken.
    pub(super) fn is_of_another_kind(&self) -> bool {
        matches!(
            self,
            ElementError::UnknownShape { .. }
                | ElementError::UnknownMessages { .. }
                | ElementError::NotAnObject { .. }
        )
    }
}

fn list(speakers: &[Speaker]) -> String {
    let named: Vec<String> = speakers.iter().map(|s| format!("`{}` ({})", s.name, s.count)).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}
