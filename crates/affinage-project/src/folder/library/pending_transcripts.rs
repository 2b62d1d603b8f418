//! Transcripts that wait for somebody to say who is who: their bytes are in the raw store, their speakers are known.

use std::path::{Path, PathBuf};

use affinage_dataset::conversation::{Conversation, NodeRole};
use affinage_dataset::import::{self, ElementError, ImportError, Item, Reject, Roles, Speaker, Together};
use anyhow::{Context as _, anyhow};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::import::Place;
use super::{Imported, Library, leftovers, raw};

/// A transcript whose speakers have no roles yet.
#[derive(Debug, Clone, Serialize)]
pub struct PendingTranscript {
    /// Of the imported file.
    pub sha256: String,
    /// The text's name: that of the file, or of a member of an archive.
    pub member: String,
    pub path: String,
    pub speakers: Vec<Voice>,
}

/// A speaker of a waiting transcript.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Voice {
    pub name: String,
    pub turns: usize,
}

/// One turn of a transcript, as the roles given would have it.
#[derive(Debug, Serialize)]
pub struct ReadTurn {
    pub role: NodeRole,
    pub author: Option<String>,
    pub text: String,
}

/// The speakers, if that is what an error is about.
pub(super) fn speakers_without_roles(error: &ImportError) -> Option<(&str, &[Speaker])> {
    match error {
        ImportError::RolesNeeded { member, speakers }
        | ImportError::UnknownSpeaker { member, speakers, .. } => Some((member, speakers)),
        _ => None,
    }
}

/// Remembers the texts of one file that wait, instead of those that waited before.
pub(super) fn put_pending(
    db: &Connection,
    sha256: &str,
    path: &Path,
    rejects: &[Reject],
    of_file: Option<&ImportError>,
) -> anyhow::Result<()> {
    db.execute("DELETE FROM waiting WHERE sha256 = ?1", [sha256])?;
    let of_members = rejects.iter().filter_map(|reject| match &reject.reason {
        ElementError::Transcript(error) => Some(&**error),
        _ => None,
    });
    for (member, speakers) in of_members.chain(of_file).filter_map(speakers_without_roles) {
        let voices: Vec<Voice> =
            speakers.iter().map(|s| Voice { name: s.name.clone(), turns: s.count }).collect();
        db.execute(
            "INSERT OR REPLACE INTO waiting VALUES (?1, ?2, ?3, ?4)",
            (sha256, member, path.to_string_lossy(), serde_json::to_string(&voices)?),
        )?;
    }
    Ok(())
}

impl Library {
    /// All transcripts that wait, by name.
    pub fn pending_transcripts(&self) -> anyhow::Result<Vec<PendingTranscript>> {
        let mut statement =
            self.db.prepare("SELECT sha256, member, path, speakers FROM waiting ORDER BY member")?;
        let rows = statement.query_map([], |row| {
            Ok((
                PendingTranscript {
                    sha256: row.get(0)?,
                    member: row.get(1)?,
                    path: row.get(2)?,
                    speakers: Vec::new(),
                },
                row.get(3)?,
            ))
        })?;
        let mut pending = Vec::new();
        for row in rows {
            let (found, speakers): (PendingTranscript, String) = row?;
            pending.push(PendingTranscript { speakers: serde_json::from_str(&speakers)?, ..found });
        }
        Ok(pending)
    }

    /// Imports the file of a waiting transcript with these roles.
    pub fn import_pending(
        &mut self,
        sha256: &str,
        roles: &Roles,
        imported_at: &str,
    ) -> anyhow::Result<Imported> {
        let unpacked = self.unpack(sha256)?;
        let mut together = Together::default();
        let place = match &unpacked.in_folder {
            Some(name) => Place::Folder { name, together: &mut together },
            None => Place::Alone,
        };
        let (file, named) = (&unpacked.file, &unpacked.named);
        let imported = self.import_named(file, named, place, roles, imported_at, &mut || {});
        // The first error is the one to report.
        let _ = fs_err::remove_dir_all(&unpacked.folder);
        imported
    }

    /// The first turns of a waiting transcript as these roles read them; nothing in the library changes.
    pub fn read_pending(
        &self,
        sha256: &str,
        member: &str,
        roles: &Roles,
        turns: usize,
    ) -> anyhow::Result<Vec<ReadTurn>> {
        let unpacked = self.unpack(sha256)?;
        let read = first_conversation(&unpacked, member, roles);
        let _ = fs_err::remove_dir_all(&unpacked.folder);
        let Some(conversation) = read? else { return Ok(Vec::new()) };
        let spoken = conversation.nodes.iter().filter(|node| !node.visible_text().is_empty());
        let turn = |node: &affinage_dataset::conversation::Node| ReadTurn {
            role: node.role,
            author: node.author.clone(),
            text: node.visible_text().chars().take(SHOWN_CHARS).collect(),
        };
        Ok(spoken.take(turns).map(turn).collect())
    }

    /// Lets a waiting transcript go. Its bytes stay only if an import or another member needs them.
    pub fn leave_pending(&mut self, sha256: &str, member: &str) -> anyhow::Result<()> {
        self.db.execute("DELETE FROM waiting WHERE sha256 = ?1 AND member = ?2", [sha256, member])?;
        let is_needed: bool = self.db.query_row(
            "SELECT EXISTS (SELECT 1 FROM waiting WHERE sha256 = ?1 UNION SELECT 1 FROM source WHERE sha256 = ?1)",
            [sha256],
            |row| row.get(0),
        )?;
        let bytes = raw::path(&self.project, sha256);
        if !is_needed && bytes.exists() {
            fs_err::remove_file(bytes)?;
        }
        Ok(())
    }

    /// The bytes of a waiting file, under its own name, in a folder to be removed.
    fn unpack(&self, sha256: &str) -> anyhow::Result<Unpacked> {
        let pending = self.pending_transcripts()?.into_iter().find(|pending| pending.sha256 == sha256);
        let pending = pending.ok_or_else(|| anyhow!("no transcript waits for roles under this name"))?;
        let path = PathBuf::from(pending.path);
        let in_folder = name_in_folder(&path, &pending.member);
        let name = path.file_name().unwrap_or(path.as_os_str());
        let folder = leftovers::path(&self.project, "waiting", "");
        fs_err::create_dir_all(&folder)?;
        let file = folder.join(name);
        let packed = fs_err::File::open(raw::path(&self.project, sha256))?;
        std::io::copy(&mut zstd::Decoder::new(packed)?, &mut fs_err::File::create(&file)?)
            .with_context(|| format!("cannot unpack {}", path.display()))?;
        Ok(Unpacked { folder, file, named: path, in_folder })
    }
}

/// Characters of a turn that show how it was read.
const SHOWN_CHARS: usize = 400;

struct Unpacked {
    folder: PathBuf,
    file: PathBuf,
    /// The path under which it was imported.
    named: PathBuf,
    /// Its path in the folder that was imported.
    in_folder: Option<String>,
}

/// The path of a file in the folder with which it was imported, if it was; its texts are named by that path.
fn name_in_folder(path: &Path, member: &str) -> Option<String> {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let names = (0..parts.len()).rev().map(|start| parts[start..].join("/"));
    let is_file_name = path.file_name().is_some_and(|name| name == member);
    names.filter(|_| !is_file_name).find(|name| {
        member.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn first_conversation(
    unpacked: &Unpacked,
    member: &str,
    roles: &Roles,
) -> anyhow::Result<Option<Conversation>> {
    let name = unpacked.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut first = None;
    let file = fs_err::File::open(&unpacked.file)?;
    let mut sink = |item| {
        if let Item::Conversation(conversation) = item
            && first.is_none()
            && conversation.origin.member == member
        {
            first = Some(conversation);
        }
        anyhow::Ok(())
    };
    let limits = crate::pdf::limits();
    match &unpacked.in_folder {
        Some(name) => {
            import::import_from_folder(file, name, roles, &limits, &mut Together::default(), &mut sink)?
        }
        None => import::import(file, &name, roles, &limits, &mut sink)?,
    };
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_folder_keeps_its_path_there() {
        let cases = [
            ("/x/vault/walls/chat.md", "walls/chat.md", Some("walls/chat.md")),
            ("/x/vault/chats.zip", "chats.zip/walls/chat.md", Some("chats.zip")),
            ("/x/vault/more/chats.zip", "more/chats.zip/chat.md", Some("more/chats.zip")),
            ("/x/chats.zip", "walls/chat.md", None),
            ("/x/chat.md", "chat.md", None),
        ];
        for (path, member, expected) in cases {
            assert_eq!(name_in_folder(Path::new(path), member).as_deref(), expected, "{path} {member}");
        }
    }
}
