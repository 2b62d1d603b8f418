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
    #[error("not a readable zip archive")]
    Zip(#[from] zip::result::ZipError),
    #[error("the archive holds the path `{path}`, which leads out of it")]
    UnsafePath { path: String },
    #[error(
        "`{member}` unpacks to more than {limit_bytes} bytes from {packed_bytes}; this looks like a zip bomb"
    )]
    Bomb { member: String, packed_bytes: u64, limit_bytes: u64 },
    #[error("{member} is not UTF-8 text: the byte at offset {offset} is not valid")]
    NotUtf8 { member: String, offset: usize },
    /// Speakers were found, but not who is the assistant.
    #[error("cannot tell who is the assistant in {member}; found speakers {}", list(speakers))]
    RolesNeeded { member: String, speakers: Vec<Speaker> },
    #[error("no speaker is called `{name}` in {member}; found speakers {}", list(speakers))]
    UnknownSpeaker { name: String, member: String, speakers: Vec<Speaker> },
}

/// One element of a file cannot be imported; the others can.
#[derive(Debug, Error)]
pub enum ElementError {
    #[error("not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not a JSON object but {found}")]
    NotAnObject { found: &'static str },
    #[error("no list of messages: looked for `{looked_for}` and the like; its keys are {keys}")]
    UnknownShape { keys: String, looked_for: String },
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

fn list(speakers: &[Speaker]) -> String {
    let named: Vec<String> = speakers.iter().map(|s| format!("`{}` ({})", s.name, s.count)).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}
