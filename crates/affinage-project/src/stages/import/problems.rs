//! What can go wrong with a file that is to be imported, and what to do about each.

use std::fs::FileType;
use std::path::Path;

use affinage_dataset::import::{Found, ImportError, Speaker};
use anyhow::anyhow;

use crate::errors::HintExt as _;
use crate::nearest::require_path;

/// The kind of a file; if there is none, the error names the nearest one that is there.
pub(super) fn file_type(path: &Path) -> anyhow::Result<FileType> {
    require_path(path)?;
    Ok(fs_err::metadata(path)?.file_type())
}

/// Nothing in a file or folder became a conversation.
pub(super) fn nothing_found(shown: &str, reason: &str, found: &Found) -> anyhow::Error {
    let error = anyhow!("{shown}: found 0 conversations because {reason}");
    let hint = "affinage reads exports of ChatGPT, Claude, Gemini and many other chat clients, agents and messengers: \
                JSON with lists of messages, a message or a row a line, parquet, SQLite; transcripts whose speakers \
                recur (`NAME: ...`, `## NAME`); and notes: Markdown, text, HTML, docx, odt, epub, PDF";
    let hint =
        role_hint(&found.without_roles, shown).unwrap_or_else(|| found.way_out.unwrap_or(hint).to_owned());
    Err::<(), _>(error).hint(hint).expect_err("an error stays one")
}

/// A file of another kind: says what to do with it.
pub(super) fn with_way_out(error: anyhow::Error) -> anyhow::Error {
    let way_out = error.downcast_ref::<ImportError>().and_then(ImportError::way_out).map(str::to_owned);
    match way_out {
        Some(way_out) => Err::<(), _>(error).hint(way_out).expect_err("an error stays one"),
        None => error,
    }
}

/// Speakers without roles: says which flag to give, with a real name in it.
pub(super) fn with_role_hint(error: anyhow::Error, file: &str) -> anyhow::Error {
    let speakers = match error.downcast_ref::<ImportError>() {
        Some(ImportError::RolesNeeded { speakers, .. } | ImportError::UnknownSpeaker { speakers, .. }) => {
            speakers
        }
        _ => return error,
    };
    let Some(hint) = role_hint(speakers, file) else { return error };
    let at_desk = "or say it at the desk, where the text waits now: `affinage review`";
    let notes = format!(
        "if it is no dialogue, take its sections as your own words: `affinage import {file} --notes`"
    );
    // The outermost hint is shown first.
    Err::<(), _>(error).hint(notes).hint(at_desk).hint(hint).expect_err("an error stays one")
}

/// Which flag says who is the assistant, with the name of a speaker in it.
fn role_hint(speakers: &[Speaker], file: &str) -> Option<String> {
    let first = speakers.iter().find(|s| !s.is_obvious_user()).or(speakers.first())?;
    let name = if first.name.contains(' ') {
        format!("'{}=assistant'", first.name)
    } else {
        format!("{}=assistant", first.name)
    };
    Some(format!(
        "say who the model should learn to be, everyone else is the user: `affinage import {file} --role {name}`"
    ))
}
