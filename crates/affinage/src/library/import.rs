//! Writing an import: conversations are united with what is there, so that a grown export adds only what is new.

use std::collections::HashMap;
use std::path::Path;

use affinage_dataset::conversation::Conversation;
use affinage_dataset::import::{
    self, ElementError, Found, ImportError, Item, Limits, Reject, Roles, Together,
};
use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _};

use super::waiting::{put_waiting, speakers_without_roles};
use super::{Library, foreign, raw};

/// Begins the path of what was written at the desk.
const AUTHORED: &str = "authored/";

/// What one file brought.
pub struct Imported {
    pub sha256: String,
    pub found: Found,
    pub rejects: Vec<Reject>,
    pub conversations_new: usize,
    /// Conversations that were there and got new or changed nodes.
    pub conversations_grown: usize,
    pub nodes_new: usize,
}

impl Imported {
    fn nothing(sha256: String, found: Found, rejects: Vec<Reject>) -> Imported {
        Imported { sha256, found, rejects, conversations_new: 0, conversations_grown: 0, nodes_new: 0 }
    }
}

/// What an imported file is a part of.
pub(super) enum Place<'a> {
    Alone,
    /// A file of a folder, `name` is its path there: what is not read is no error but noted in `together`.
    Folder {
        name: &'a str,
        together: &'a mut Together,
    },
}

impl Library {
    /// Imports one file in one transaction. `on_conversation` is called after each, for progress.
    ///
    /// A transcript whose speakers have no roles is an error, but its bytes stay: see [`Library::waiting`].
    pub fn import(
        &mut self,
        path: &Path,
        roles: &Roles,
        imported_at: &str,
        on_conversation: &mut dyn FnMut(),
    ) -> anyhow::Result<Imported> {
        self.import_named(path, path, Place::Alone, roles, imported_at, on_conversation)
    }

    /// Imports one file of a folder. `name` is its path in the folder.
    pub fn import_from_folder(
        &mut self,
        path: &Path,
        name: &str,
        together: &mut Together,
        roles: &Roles,
        imported_at: &str,
        on_conversation: &mut dyn FnMut(),
    ) -> anyhow::Result<Imported> {
        let place = Place::Folder { name, together };
        self.import_named(path, path, place, roles, imported_at, on_conversation)
    }

    /// A large import writes most pages for the first time: with a rollback journal they go to the file once, with the
    /// write-ahead log twice. If the desk has the library open, the log stays. True if the journal was changed; a
    /// library that is opened anew has the log again, whatever happened.
    fn write_in_one_pass(&self, file: &fs_err::File) -> anyhow::Result<bool> {
        const LARGE_BYTES: u64 = 64 << 20;
        if file.metadata()?.len() < LARGE_BYTES {
            return Ok(false);
        }
        self.db.busy_timeout(std::time::Duration::ZERO)?;
        let mode = self.db.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0));
        self.db.busy_timeout(super::BUSY_TIMEOUT)?;
        Ok(mode.is_ok_and(|mode| mode == "delete"))
    }

    /// Imports `path` as if it were `named`.
    pub(super) fn import_named(
        &mut self,
        path: &Path,
        named: &Path,
        place: Place<'_>,
        roles: &Roles,
        imported_at: &str,
        on_conversation: &mut dyn FnMut(),
    ) -> anyhow::Result<Imported> {
        let rows = foreign::rows_of_file(path, &self.project)?;
        let file = fs_err::File::open(rows.as_deref().unwrap_or(path))?;
        if let Some(rows) = &rows {
            // The open file can still be read; nothing is left behind, whatever happens.
            fs_err::remove_file(rows)?;
        }
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let project = self.project.clone();
        let in_one_pass = self.write_in_one_pass(&file)?;
        let transaction = self.db.transaction()?;
        // The hash is known only when the whole file was read; the row is completed below.
        transaction.execute(
            "INSERT INTO source (sha256, path, size_bytes, imported_at) VALUES ('', ?1, 0, ?2)",
            (named.to_string_lossy(), imported_at),
        )?;
        let mut writer =
            Writer { db: &transaction, source: transaction.last_insert_rowid(), new: 0, grown: 0, nodes: 0 };
        let mut rejects = Vec::new();
        let (stored, found) = std::thread::scope(|scope| {
            let storing = scope.spawn(|| raw::store(&project, path));
            let mut sink = |item| match item {
                Item::Conversation(conversation) => {
                    writer.write(&conversation)?;
                    on_conversation();
                    anyhow::Ok(())
                }
                Item::Reject(reject) => {
                    rejects.push(reject);
                    Ok(())
                }
            };
            let limits = Limits::default();
            let found = match place {
                Place::Alone => import::import(file, &name, roles, &limits, &mut sink),
                Place::Folder { name, together } => {
                    import::import_from_folder(file, name, roles, &limits, together, &mut sink)
                }
            };
            (storing.join().expect("copying bytes does not panic"), found)
        });
        let stored = stored?;
        let found = match found {
            Ok(found) if found.conversations > 0 => found,
            Err(error) if speakers_needed(&error) => {
                transaction.rollback()?;
                put_waiting(&self.db, &stored.sha256, named, &rejects, error.downcast_ref())?;
                return Err(error);
            }
            Ok(found) if rejects.iter().any(needs_speakers) => {
                transaction.rollback()?;
                put_waiting(&self.db, &stored.sha256, named, &rejects, None)?;
                return Ok(Imported::nothing(stored.sha256, found, rejects));
            }
            other => {
                // Nothing came of it: the bytes stay only if an earlier import brought them.
                forget_bytes(&transaction, &project, &stored.sha256)?;
                let found = other?;
                return Ok(Imported::nothing(stored.sha256, found, rejects));
            }
        };
        let (new, grown, nodes, source) = (writer.new, writer.grown, writer.nodes, writer.source);
        complete_source(&transaction, source, &stored)?;
        put_waiting(&transaction, &stored.sha256, named, &rejects, None)?;
        transaction.commit()?;
        if in_one_pass {
            self.db.execute_batch("PRAGMA journal_mode = WAL;")?;
        }
        self.keep_names(&found.names)?;
        Ok(Imported {
            sha256: stored.sha256,
            found,
            rejects,
            conversations_new: new,
            conversations_grown: grown,
            nodes_new: nodes,
        })
    }
}

impl Library {
    /// Imports text that was pasted, as if it were a file `pasted.md`: grown text of the same beginning is one source
    /// of new turns, not a second conversation.
    pub fn import_pasted(
        &mut self,
        text: &[u8],
        roles: &Roles,
        imported_at: &str,
        on_conversation: &mut dyn FnMut(),
    ) -> anyhow::Result<Imported> {
        let folder = self.project.join(format!(".pasted-{}", std::process::id()));
        fs_err::create_dir_all(&folder)?;
        let file = folder.join("pasted.md");
        let imported = fs_err::write(&file, text)
            .map_err(anyhow::Error::from)
            .and_then(|()| self.import(&file, roles, imported_at, on_conversation));
        // The first error is the one to report.
        let _ = fs_err::remove_dir_all(&folder);
        imported
    }
}

impl Library {
    /// When something was imported last; what was written at the desk does not count.
    pub fn newest_import(&self) -> anyhow::Result<Option<String>> {
        let mut statement =
            self.db.prepare_cached("SELECT max(imported_at) FROM source WHERE substr(path, 1, ?1) <> ?2")?;
        Ok(statement.query_row((AUTHORED.len(), AUTHORED), |row| row.get(0))?)
    }

    /// Adds a conversation written at the desk. Its words are kept as a source of their own, `authored/TITLE`.
    pub fn add_authored(&mut self, conversation: &Conversation, at: &str) -> anyhow::Result<()> {
        let file = self.project.join(format!(".authored-{}.json", std::process::id()));
        fs_err::write(&file, serde_json::to_vec_pretty(&conversation.nodes)?)?;
        let stored = raw::store(&self.project, &file);
        fs_err::remove_file(&file)?;
        let stored = stored?;
        let transaction = self.db.transaction()?;
        transaction.execute(
            "INSERT INTO source (sha256, path, size_bytes, imported_at) VALUES ('', ?1, 0, ?2)",
            (format!("{AUTHORED}{}", conversation.title), at),
        )?;
        let source = transaction.last_insert_rowid();
        Writer { db: &transaction, source, new: 0, grown: 0, nodes: 0 }.write(conversation)?;
        complete_source(&transaction, source, &stored)?;
        Ok(transaction.commit()?)
    }
}

fn speakers_needed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ImportError>().is_some_and(|error| speakers_without_roles(error).is_some())
}

/// A text of an archive or folder that waits for roles.
fn needs_speakers(reject: &Reject) -> bool {
    match &reject.reason {
        ElementError::Transcript(error) => speakers_without_roles(error).is_some(),
        _ => false,
    }
}

fn forget_bytes(db: &Connection, project: &Path, sha256: &str) -> anyhow::Result<()> {
    let known: Option<i64> =
        db.query_row("SELECT id FROM source WHERE sha256 = ?1", [sha256], |row| row.get(0)).optional()?;
    if known.is_none() {
        fs_err::remove_file(raw::path(project, sha256))?;
    }
    Ok(())
}

/// Gives the new source row its hash; if the same bytes were imported before, that row takes over.
fn complete_source(db: &Connection, source: i64, stored: &raw::Stored) -> anyhow::Result<()> {
    let known: Option<i64> = db
        .query_row("SELECT id FROM source WHERE sha256 = ?1", [&stored.sha256], |row| row.get(0))
        .optional()?;
    match known {
        Some(known) => {
            db.execute(
                "INSERT OR IGNORE INTO node_source SELECT node, ?1 FROM node_source WHERE source = ?2",
                [known, source],
            )?;
            db.execute("UPDATE conversation SET source = ?1 WHERE source = ?2", [known, source])?;
            db.execute("DELETE FROM source WHERE id = ?1", [source])?;
        }
        None => {
            let size = i64::try_from(stored.size_bytes)?;
            db.execute(
                "UPDATE source SET sha256 = ?1, size_bytes = ?2 WHERE id = ?3",
                (&stored.sha256, size, source),
            )?;
        }
    }
    Ok(())
}

struct Writer<'a> {
    db: &'a Connection,
    source: i64,
    new: usize,
    grown: usize,
    nodes: usize,
}

impl Writer<'_> {
    fn write(&mut self, conversation: &Conversation) -> anyhow::Result<()> {
        let key = conversation.key();
        let known: Option<i64> = self
            .db
            .prepare_cached("SELECT id FROM conversation WHERE key = ?1")?
            .query_row([&key], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => self.insert_conversation(&key, conversation)?,
        };
        let nodes_before = self.nodes;
        let changed = self.write_nodes(id, conversation).with_context(|| format!("cannot store {key}"))?;
        match known {
            None => self.new += 1,
            Some(_) if changed || self.nodes > nodes_before => self.grown += 1,
            Some(_) => {}
        }
        self.update_conversation(id, conversation)
    }

    fn insert_conversation(&self, key: &str, conversation: &Conversation) -> anyhow::Result<i64> {
        let mut statement = self.db.prepare_cached(
            "INSERT INTO conversation (key, provider, native_id, title, source, origin) VALUES (?1, ?2, ?3, '', ?4, '{}')",
        )?;
        Ok(statement.insert((key, conversation.provider.as_str(), &conversation.native_id, self.source))?)
    }

    fn update_conversation(&self, id: i64, conversation: &Conversation) -> anyhow::Result<()> {
        let active = conversation.active_leaf.map(|leaf| &conversation.nodes[leaf].id);
        let origin = serde_json::to_string(&conversation.origin)?;
        let mut statement = self.db.prepare_cached(
            "UPDATE conversation SET title = ?2, time_s = ?3, active_node = ?4, source = ?5, origin = ?6, \
             project = ?7 WHERE id = ?1",
        )?;
        let project = &conversation.project;
        statement.execute((
            id,
            &conversation.title,
            conversation.time_s,
            active,
            self.source,
            origin,
            project,
        ))?;
        Ok(())
    }

    /// Unites the nodes with those that are there. Without ids of the provider's own, the new text replaces the old:
    /// an edited note is one text, not two branches. True if a node that was there changed.
    fn write_nodes(&mut self, id: i64, conversation: &Conversation) -> anyhow::Result<bool> {
        let mut known = self.known_nodes(id)?;
        let mut changed = false;
        for node in &conversation.nodes {
            let parent = node.parent.map(|index| conversation.nodes[index].id.as_str());
            let mut stored = node.clone();
            stored.parent = None;
            let data = serde_json::to_string(&stored)?;
            let row = match known.remove(&node.id) {
                Some(row) => {
                    let mut update = self.db.prepare_cached(
                        "UPDATE node SET parent = ?2, data = ?3 WHERE id = ?1 AND (parent IS NOT ?2 OR data <> ?3)",
                    )?;
                    changed |= update.execute((row, parent, &data))? > 0;
                    row
                }
                None => {
                    self.nodes += 1;
                    let mut insert = self.db.prepare_cached(
                        "INSERT INTO node (conversation, node_id, parent, data) VALUES (?1, ?2, ?3, ?4)",
                    )?;
                    insert.insert((id, &node.id, parent, &data))?
                }
            };
            let mut link =
                self.db.prepare_cached("INSERT OR IGNORE INTO node_source (node, source) VALUES (?1, ?2)")?;
            link.execute([row, self.source])?;
        }
        if !conversation.provider.has_node_ids() {
            for row in known.into_values() {
                self.db.execute("DELETE FROM node WHERE id = ?1", [row])?;
                changed = true;
            }
        }
        Ok(changed)
    }

    fn known_nodes(&self, conversation: i64) -> anyhow::Result<HashMap<String, i64>> {
        let mut statement = self.db.prepare_cached("SELECT node_id, id FROM node WHERE conversation = ?1")?;
        let rows = statement.query_map([conversation], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
