//! What can go wrong with a file that is to be imported, and what to do about each.

use std::fs::FileType;
use std::path::Path;

use affinage_dataset::import::{Found, ImportError, Speaker};
use affinage_project::errors::HintExt as _;
use affinage_project::nearest::require_path;
use anyhow::anyhow;

/// The kind of a file; if there is none, the error names the nearest one that is there.
pub fn file_type(path: &Path) -> anyhow::Result<FileType> {
    require_path(path)?;
    Ok(fs_err::metadata(path)?.file_type())
}

/// The last line where some of several files failed; each said why when it did.
pub fn of_several(failed: &[String], given: usize) -> anyhow::Result<()> {
    match failed {
        [] => Ok(()),
        all if all.len() == given => Err(anyhow!("none of the {given} files could be imported; see above")),
        several => {
            let of = several.len();
            Err(anyhow!("{of} of {given} files could not be imported; see above: {}", several.join(", ")))
        }
    }
}

/// Nothing in a file or folder became a conversation.
pub fn nothing_found(shown: &str, reason: &str, found: &Found) -> anyhow::Error {
    let error = anyhow!("{shown}: found 0 conversations because {reason}");
    let hint = "affinage reads exports of ChatGPT, Claude, Gemini and many other chat clients, agents and messengers: \
                JSON with lists of messages, a message or a row a line, parquet, SQLite; transcripts whose speakers \
                recur (`NAME: ...`, `## NAME`); and notes: Markdown, text, HTML, docx, odt, epub, PDF";
    let hint =
        role_hint(&found.without_roles, shown).unwrap_or_else(|| found.way_out.unwrap_or(hint).to_owned());
    Err::<(), _>(error).hint(hint).expect_err("an error stays one")
}

/// A file of another kind: says what to do with it.
pub fn with_way_out(error: anyhow::Error) -> anyhow::Error {
    let way_out = error.downcast_ref::<ImportError>().and_then(ImportError::way_out).map(str::to_owned);
    match way_out {
        Some(way_out) => Err::<(), _>(error).hint(way_out).expect_err("an error stays one"),
        None => error,
    }
}

/// Speakers without roles: says which flag to give, with a real name in it.
pub fn with_role_hint(error: anyhow::Error, file: &str) -> anyhow::Error {
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
