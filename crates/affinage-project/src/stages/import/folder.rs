//! A folder: an unpacked export, a vault of notes, conversations that a program keeps one a file. Each file that is read
//! is a source of its own, so that a folder that has grown, or a file of it, can be imported again and be forgotten.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use affinage_dataset::import::{Found, Roles, Together};
use affinage_eval::plain::{count, counted};

use crate::errors::HintExt as _;
use crate::folder::evaluation;
use crate::folder::library::Library;
use crate::folder::project::CONFIG_FILE;
use crate::folder::{datasets, run};

use super::problems::nothing_found;
use super::{FileSummary, counted_texts, new_messages, summarise};
use crate::folder::project::Project;

/// Folders below the one that is imported.
const MAX_DEPTH: usize = 32;
/// Bytes that tell what a file is.
const HEAD_BYTES: u64 = 4096;

/// A file, and its path in the folder with `/` between the parts.
struct Member {
    path: PathBuf,
    name: String,
}

pub fn import(
    ctx: &Project,
    library: &mut Library,
    folder: &Path,
    roles: &Roles,
) -> anyhow::Result<FileSummary> {
    let shown = folder.display().to_string();
    let mut together = Together::default();
    let mut members = Vec::new();
    walk(folder, "", 0, &mut members, &mut together)?;
    members.sort_by_cached_key(|member| Together::order(&member.name));
    let (companions, members): (Vec<Member>, Vec<Member>) =
        members.into_iter().partition(|member| Together::is_companion(&member.name));
    for companion in &companions {
        together.read_companion(&companion.name, fs_err::File::open(&companion.path)?);
    }
    let progress = ctx.ui.spinner(format!("importing {shown}"), "conversations");
    let now = jiff::Timestamp::now().to_string();
    let (mut heads, mut named): (Vec<(&str, Vec<u8>)>, Vec<&str>) = (Vec::new(), Vec::new());
    for (member, head) in members.iter().filter_map(|member| Some((member, head(member).ok()?))) {
        together.look_at_head(&member.name, &head);
        named.extend((!head.is_empty()).then_some(member.name.as_str()));
        if Together::may_be_half(&member.name) {
            heads.push((&member.name, head));
        }
    }
    let answers = Together::answers_among(&heads);
    for member in members.iter().filter(|member| answers.contains(member.name.as_str())) {
        together.read_answers(&member.name, fs_err::File::open(&member.path)?);
    }
    together.expect(named.into_iter().filter(|name| !answers.contains(name)));
    let mut whole = FileSummary::of_folder(folder);
    let mut read = HashSet::new();
    let mut files = 0;
    let mut first = None;
    for member in members.iter().filter(|member| !answers.contains(member.name.as_str())) {
        if !is_readable(member, &mut together) {
            continue;
        }
        let imported =
            library.import_from_folder(&member.path, &member.name, &mut together, roles, &now, &mut || {
                progress.advance(1)
            });
        match imported {
            Ok(imported) => {
                files += usize::from(imported.found.conversations > 0);
                // What of the folder nobody read is kept with the first of its files.
                if imported.found.conversations > 0 {
                    first.get_or_insert_with(|| imported.sha256.clone());
                }
                read.insert(imported.sha256.clone());
                whole.add(summarise(&member.path, Path::new(&member.name), imported));
            }
            Err(error) => together.unread(&member.name, format!("{error:#}")),
        }
    }
    whole.add_unread(&together);
    if let Some(first) = first {
        library.add_left_out(&first, &together.left_out())?;
    }
    if whole.conversations == 0 {
        let reason = match whole.rejects.first() {
            Some(first) => format!("the first text was refused: {}", first.reason),
            None => together.reason_for_none("the folder"),
        };
        return Err(nothing_found(&shown, &reason, &Found::default())).hint(
            "who speaks in a text is said with `--role NAME=assistant`, or at the desk: `affinage review`",
        );
    }
    progress.finish(format!(
        "{shown}: {} in {} ({} new, {} grown since){}",
        counted_texts(whole.drafted, whole.conversations),
        counted(files, "file", "files"),
        count(whole.conversations_new as u64),
        count(whole.conversations_grown as u64),
        new_messages(whole.drafted, whole.conversations, whole.nodes_new)
    ));
    whole.gone = gone(library, folder, &read)?;
    Ok(whole)
}

/// What was imported from this folder before and is no longer in it. `read` are the hashes of what is there now, also under
/// another name.
fn gone(library: &Library, folder: &Path, read: &HashSet<String>) -> anyhow::Result<Vec<String>> {
    let sources = library.sources()?.into_iter();
    let gone = sources
        .filter(|source| Path::new(&source.path).starts_with(folder) && !Path::new(&source.path).exists())
        .filter(|source| !read.contains(&source.sha256));
    Ok(gone.map(|source| source.path).collect())
}

/// Collects the files below `folder`; what nobody looks into is noted.
fn walk(
    folder: &Path,
    above: &str,
    depth: usize,
    members: &mut Vec<Member>,
    together: &mut Together,
) -> anyhow::Result<()> {
    let mut entries = fs_err::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs_err::DirEntry::file_name);
    let is_project = entries.iter().any(|entry| entry.file_name() == CONFIG_FILE);
    for entry in entries {
        let base = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        let name = format!("{above}{base}{}", if kind.is_dir() { "/" } else { "" });
        let path = entry.path();
        let why_not = match Together::passed_over(&name) {
            Some((_, why)) => Some(why),
            None if is_project && is_made_here(&base) => Some("made by affinage"),
            None if kind.is_dir() && path.join("CACHEDIR.TAG").is_file() => {
                Some("made by a tool, which marks it as a cache")
            }
            None if kind.is_dir() && depth >= MAX_DEPTH => Some("a folder too deep in others"),
            None if kind.is_symlink() && path.is_dir() => Some("a link to a folder: import that folder"),
            None if !kind.is_dir() && !path.is_file() => {
                Some("no file but a device, a pipe, a socket or a broken link")
            }
            None => None,
        };
        match why_not {
            Some(why) => together.unread_of_group(&name, why, &name),
            None if kind.is_dir() => walk(&path, &name, depth + 1, members, together)?,
            None => members.push(Member { path, name }),
        }
    }
    Ok(())
}

/// What affinage keeps in the folder of a project.
fn is_made_here(name: &str) -> bool {
    matches!(name, CONFIG_FILE | "raw" | datasets::ALL | run::ALL | evaluation::ALL)
        || name.starts_with("library.db")
}

/// True if the file may hold conversations; pictures, documents and programs are only noted, never copied.
fn is_readable(member: &Member, together: &mut Together) -> bool {
    match head(member) {
        Ok(head) => together.may_hold_chats(&member.name, &head),
        Err(error) => {
            together.unread(&member.name, error.to_string());
            false
        }
    }
}

/// What a file begins with.
fn head(member: &Member) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut head = Vec::new();
    fs_err::File::open(&member.path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}
