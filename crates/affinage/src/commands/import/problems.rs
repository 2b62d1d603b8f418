//! What can go wrong with a file that is to be imported, and what to do about each.

use std::fs::FileType;
use std::io::ErrorKind;
use std::path::Path;

use affinage_dataset::import::{Found, ImportError, Speaker};
use anyhow::anyhow;

use crate::config::nearest;
use crate::errors::HintExt as _;

/// The kind of a file; if there is none, the error names the nearest one that is there.
pub fn file_type(path: &Path) -> anyhow::Result<FileType> {
    match fs_err::metadata(path) {
        Ok(found) => Ok(found.file_type()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let missing = anyhow!("there is no file or folder {}", path.display());
            match beside(path) {
                Some(name) => Err(missing).hint(format!("did you mean {name}?")),
                None => Err(missing).hint("give its whole path, or drag the file into this window"),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// The path in the same folder whose name is most like that of `path`.
fn beside(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs_err::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let wanted = path.file_name()?.to_string_lossy().to_lowercase();
    let small: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    // A name without its ending is the nearest of all.
    let begins =
        small.iter().position(|name| name.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('.')));
    let views: Vec<&str> = small.iter().map(String::as_str).collect();
    let found = begins
        .or_else(|| nearest(&wanted, &views).and_then(|near| small.iter().position(|name| name == near)))?;
    let path = folder.map_or_else(|| names[found].clone().into(), |folder| folder.join(&names[found]));
    Some(path.display().to_string())
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
        "if nobody speaks in it, take its sections as your own words: `affinage import {file} --notes`"
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
