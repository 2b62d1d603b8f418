//! Writing an import: conversations are united with what is there, so that a grown export adds only what is new.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use affinage_dataset::conversation::{Conversation, Node, NodeRole};
use affinage_dataset::identity::{self, Kind, Reading, Relation, United};
use affinage_dataset::import::{self, ElementError, Found, ImportError, Item, Reject, Roles, Together};
use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;

use super::pending_transcripts::{put_pending, speakers_without_roles};
use super::recognise::{self, Known};
use super::{Library, decisions, foreign, left_out, leftovers, raw};

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
    /// Messages that were not there; system messages without a word are none.
    pub nodes_new: usize,
    pub recognised: Recognised,
}

/// Conversations that the library had in another form, and what became of them.
#[derive(Debug, Default, Serialize)]
pub struct Recognised {
    /// Nothing was new.
    pub unchanged: usize,
    /// Nothing was new, but they are there under another name.
    pub renamed: Named,
    /// Older copies: nothing was taken away.
    pub older: usize,
    /// Messages with a known id and other words: about the same ones replaced the earlier words, others are next to them.
    pub reworded: usize,
    pub versions: usize,
    /// Edited copies, united with what was there.
    pub edited: Named,
    /// What looks like an edited copy and was kept apart.
    pub resembling: Named,
}

/// A number of conversations and the title of the first of them.
#[derive(Debug, Default, Serialize)]
pub struct Named {
    pub count: usize,
    pub first: String,
}

impl Named {
    fn add(&mut self, title: String) {
        if self.count == 0 {
            self.first = title;
        }
        self.count += 1;
    }
}

impl Recognised {
    /// Adds what another file of the same folder brought.
    pub fn merge(&mut self, other: Recognised) {
        self.unchanged += other.unchanged;
        self.older += other.older;
        self.reworded += other.reworded;
        self.versions += other.versions;
        let named = [
            (&mut self.renamed, other.renamed),
            (&mut self.edited, other.edited),
            (&mut self.resembling, other.resembling),
        ];
        for (all, more) in named {
            if all.count == 0 {
                all.first = more.first;
            }
            all.count += more.count;
        }
    }

    fn count(
        &mut self,
        before: &Conversation,
        new: &Conversation,
        relation: Relation,
        united: &United,
        grown: bool,
    ) {
        let is_older = united.is_older;
        self.older += usize::from(is_older);
        self.reworded += united.reworded;
        self.versions += united.versions;
        if relation == Relation::Edited {
            self.edited.add(before.title.clone());
        }
        let by_words = !before.provider.has_node_ids() && new.own_id.is_none();
        match grown || is_older {
            true => {}
            false if by_words && before.origin.member != new.origin.member => {
                self.renamed.add(before.title.clone());
            }
            false => self.unchanged += 1,
        }
    }
}

impl Imported {
    fn nothing(sha256: String, found: Found, rejects: Vec<Reject>) -> Imported {
        let recognised = Recognised::default();
        Imported {
            sha256,
            found,
            rejects,
            conversations_new: 0,
            conversations_grown: 0,
            nodes_new: 0,
            recognised,
        }
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
    /// library that is opened again has the log again, whatever happened.
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
        let source = transaction.last_insert_rowid();
        let mut writer = Writer::new(&transaction, source, (!is_pasted(named)).then_some(named));
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
            let limits = crate::pdf::limits();
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
                put_pending(&self.db, &stored.sha256, named, &rejects, error.downcast_ref())?;
                return Err(error);
            }
            Ok(found) if rejects.iter().any(needs_speakers) => {
                transaction.rollback()?;
                put_pending(&self.db, &stored.sha256, named, &rejects, None)?;
                return Ok(Imported::nothing(stored.sha256, found, rejects));
            }
            other => {
                // Nothing came of it: the bytes stay only if an earlier import brought them.
                forget_bytes(&transaction, &project, &stored.sha256)?;
                let found = other?;
                return Ok(Imported::nothing(stored.sha256, found, rejects));
            }
        };
        let Writer { new, grown, messages, recognised, .. } = writer;
        let source = complete_source(&transaction, source, &stored)?;
        left_out::put(&transaction, source, &found.left_out)?;
        put_pending(&transaction, &stored.sha256, named, &rejects, None)?;
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
            nodes_new: messages,
            recognised,
        })
    }
}

/// The name of text that was pasted and has no path.
const PASTED: &str = "pasted.md";

fn is_pasted(named: &Path) -> bool {
    named == Path::new(PASTED)
}

impl Library {
    /// Imports text that was pasted, as if it were a file `pasted.md`.
    pub fn import_pasted(
        &mut self,
        text: &[u8],
        roles: &Roles,
        imported_at: &str,
        on_conversation: &mut dyn FnMut(),
    ) -> anyhow::Result<Imported> {
        let folder = leftovers::path(&self.project, "pasted", "");
        fs_err::create_dir_all(&folder)?;
        let file = folder.join(PASTED);
        let imported = fs_err::write(&file, text).map_err(anyhow::Error::from).and_then(|()| {
            self.import_named(&file, Path::new(PASTED), Place::Alone, roles, imported_at, on_conversation)
        });
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
        let file = leftovers::path(&self.project, "authored", ".json");
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
        Writer::new(&transaction, source, None).write(conversation)?;
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

/// Gives the new source row its hash; if the same bytes were imported before, that row takes over. Returns the row that
/// stands for the file.
fn complete_source(db: &Connection, source: i64, stored: &raw::Stored) -> anyhow::Result<i64> {
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
            Ok(known)
        }
        None => {
            let size = i64::try_from(stored.size_bytes)?;
            db.execute(
                "UPDATE source SET sha256 = ?1, size_bytes = ?2 WHERE id = ?3",
                (&stored.sha256, size, source),
            )?;
            Ok(source)
        }
    }
}

/// Writes conversations of one file.
struct Writer<'a> {
    db: &'a Connection,
    source: i64,
    /// Path on this machine; `None` for what has none, such as pasted text.
    file: Option<String>,
    /// Text or member that is being read, and the conversations it brought.
    member: String,
    written: HashSet<i64>,
    /// Conversations with ids that this file brought.
    brought: HashSet<i64>,
    new: usize,
    grown: usize,
    nodes: usize,
    /// Of the nodes, those that say something.
    messages: usize,
    recognised: Recognised,
}

impl<'a> Writer<'a> {
    fn new(db: &'a Connection, source: i64, file: Option<&Path>) -> Writer<'a> {
        Writer {
            db,
            source,
            file: file.map(|file| file.to_string_lossy().into_owned()),
            member: String::new(),
            written: HashSet::new(),
            brought: HashSet::new(),
            new: 0,
            grown: 0,
            nodes: 0,
            messages: 0,
            recognised: Recognised::default(),
        }
    }

    fn write(&mut self, conversation: &Conversation) -> anyhow::Result<()> {
        if self.member != conversation.origin.member {
            self.member.clone_from(&conversation.origin.member);
            self.written.clear();
        }
        let key = conversation.key();
        let signs = identity::signs(conversation, self.file.as_deref());
        let found = recognise::find(self.db, conversation, &signs, &self.written)
            .with_context(|| format!("cannot look up {key}"))?;
        if !found.elsewhere.is_empty() {
            // With fewer prompts it is found by those that are its own.
            return self.write(&identity::without_prompts(conversation, &found.elsewhere)?);
        }
        if let Some(copied) = found.copied {
            // Forgetting the other source leaves what this one holds too.
            self.rows_of(copied.id)?.into_values().try_for_each(|row| self.link(row))?;
            self.recognised.renamed.add(copied.title);
            return Ok(());
        }
        let id = match found.known {
            None => {
                found.resembling.into_iter().for_each(|title| self.recognised.resembling.add(title));
                self.insert(conversation)
            }
            Some(known) => self.unite(known, conversation),
        };
        let id = id.with_context(|| format!("cannot store {key}"))?;
        recognise::put_landmarks(self.db, id, &signs.landmarks)?;
        if identity::kind(conversation.provider) == identity::Kind::Ids {
            let landmark = identity::copy_landmark(conversation);
            recognise::put_landmarks(self.db, id, landmark.as_slice())?;
        }
        match identity::kind(conversation.provider) {
            Kind::Ids => self.brought.insert(id),
            _ => self.written.insert(id),
        };
        Ok(())
    }

    fn insert(&mut self, conversation: &Conversation) -> anyhow::Result<i64> {
        let native_id = recognise::free_native_id(self.db, conversation)?;
        let provider = conversation.provider.as_str();
        let mut insert = self.db.prepare_cached(
            "INSERT INTO conversation (key, provider, native_id, title, source, origin) VALUES (?1, ?2, ?3, '', ?4, '{}')",
        )?;
        let id = insert.insert((format!("{provider}:{native_id}"), provider, native_id, self.source))?;
        for node in &conversation.nodes {
            let parent = node.parent.map(|parent| conversation.nodes[parent].id.as_str());
            let row = self.insert_node(id, node, parent)?;
            self.link(row)?;
        }
        self.new += 1;
        self.update_conversation(id, conversation)?;
        Ok(id)
    }

    fn unite(&mut self, known: Known, new: &Conversation) -> anyhow::Result<i64> {
        let Known { id, conversation: before, relation } = known;
        let reading = if self.brought.contains(&id) { Reading::SameImport } else { Reading::Later };
        let united = identity::united(&before, new, reading)?;
        let United { conversation: after, ids, is_older, .. } = &united;
        let nodes_before = self.nodes;
        let changed = self.write_changes(id, &before, after)?;
        let rows = self.rows_of(id)?;
        ids.iter().filter_map(|id| rows.get(id)).try_for_each(|row| self.link(*row))?;
        let grown = changed || self.nodes > nodes_before;
        if changed {
            decisions::follow(self.db, &before, after)?;
        }
        if *is_older {
            // The file that the conversation is said to come from stays the newer one.
            self.update_head(id, after)?;
        } else {
            self.update_conversation(id, after)?;
        }
        self.grown += usize::from(grown);
        self.recognised.count(&before, new, relation, &united, grown);
        Ok(id)
    }

    /// Stores what differs; true if a message that was there changed.
    fn write_changes(
        &mut self,
        id: i64,
        before: &Conversation,
        after: &Conversation,
    ) -> anyhow::Result<bool> {
        let index_of: HashMap<&str, usize> =
            before.nodes.iter().enumerate().map(|(index, node)| (node.id.as_str(), index)).collect();
        let parent_id = |conversation: &Conversation, node: &Node| {
            node.parent.map(|parent| conversation.nodes[parent].id.clone())
        };
        let mut changed = false;
        for node in &after.nodes {
            let parent = parent_id(after, node);
            let Some(known) = index_of.get(node.id.as_str()).map(|&index| &before.nodes[index]) else {
                self.insert_node(id, node, parent.as_deref())?;
                continue;
            };
            let data = stored(node)?;
            if data != stored(known)? || parent != parent_id(before, known) {
                let mut update = self.db.prepare_cached(
                    "UPDATE node SET parent = ?3, data = ?4 WHERE conversation = ?1 AND node_id = ?2",
                )?;
                update.execute((id, &node.id, parent, data))?;
                changed = true;
            }
        }
        Ok(changed)
    }

    fn insert_node(&mut self, id: i64, node: &Node, parent: Option<&str>) -> anyhow::Result<i64> {
        self.nodes += 1;
        // Many exports begin each conversation with a system message without a word.
        self.messages += usize::from(node.role != NodeRole::System || !node.visible_text().trim().is_empty());
        let mut insert = self.db.prepare_cached(
            "INSERT INTO node (conversation, node_id, parent, data) VALUES (?1, ?2, ?3, ?4)",
        )?;
        Ok(insert.insert((id, &node.id, parent, stored(node)?))?)
    }

    /// Notes that this file holds the node too.
    fn link(&self, row: i64) -> anyhow::Result<()> {
        let mut link =
            self.db.prepare_cached("INSERT OR IGNORE INTO node_source (node, source) VALUES (?1, ?2)")?;
        link.execute([row, self.source])?;
        Ok(())
    }

    fn rows_of(&self, id: i64) -> anyhow::Result<HashMap<String, i64>> {
        let mut statement = self.db.prepare_cached("SELECT node_id, id FROM node WHERE conversation = ?1")?;
        let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Says that this file brought the conversation last.
    fn update_conversation(&self, id: i64, conversation: &Conversation) -> anyhow::Result<()> {
        let origin = serde_json::to_string(&conversation.origin)?;
        let mut statement =
            self.db.prepare_cached("UPDATE conversation SET source = ?2, origin = ?3 WHERE id = ?1")?;
        statement.execute((id, self.source, origin))?;
        self.update_head(id, conversation)
    }

    fn update_head(&self, id: i64, conversation: &Conversation) -> anyhow::Result<()> {
        let active = conversation.active_leaf.map(|leaf| &conversation.nodes[leaf].id);
        let mut statement = self.db.prepare_cached(
            "UPDATE conversation SET title = ?2, time_s = ?3, active_node = ?4, project = ?5, updated_s = ?6 WHERE id = ?1",
        )?;
        let Conversation { title, time_s, project, updated_s, .. } = conversation;
        statement.execute((id, title, time_s, active, project, updated_s))?;
        Ok(())
    }
}

/// A node as the library keeps it: its parent has a column.
fn stored(node: &Node) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&Node { parent: None, ..node.clone() })?)
}

#[cfg(test)]
mod tests;
