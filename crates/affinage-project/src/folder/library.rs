//! The library of a project: everything imported and everything decided, in `library.db` (SQLite).
//!
//! Conversations are stored as nodes; candidates are not stored but derived from them, so that a better derivation
//! needs no migration. Imported bytes stay in `raw/SHA256.zst`. Decisions are append-only and name candidate and
//! variant by their content, so they outlive a new import. The only place that speaks SQL.

mod cursor;
mod decisions;
mod fixes;
mod foreign;
mod forget;
mod import;
mod left_out;
mod leftovers;
mod llm_logs;
mod lookup;
mod message_tables;
mod names;
mod pending_transcripts;
mod private;
mod profiles;
mod raw;
mod recognise;
mod schema;
mod search;
mod steps;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use affinage_dataset::conversation::{Conversation, Link, Node, Origin, Provider};
use anyhow::{Context as _, anyhow};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

pub use decisions::{Action, Decision, Since};
pub use fixes::{Derivation, TextFix};
pub use forget::Forgotten;
pub use import::{Imported, Named, Recognised};
pub use names::file_name;
pub use profiles::Profile;
pub use search::{Hit, Holding};
pub use steps::{Change, Mark, SecondLook, Step};
pub use topics::{Access, Choice, Overview, Standing, Standings, TopicView, of_whole};

use crate::errors::HintExt as _;

pub const LIBRARY_FILE: &str = "library.db";
/// Another process of the same project may be writing.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Whether nothing can be written to the folder because of where it lies, whoever asks.
fn is_on_read_only_media(folder: &Path) -> bool {
    #[cfg(unix)]
    let is_read_only = rustix::fs::statvfs(folder)
        .is_ok_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    #[cfg(not(unix))]
    let is_read_only = folder.metadata().is_ok_and(|found| found.permissions().readonly());
    is_read_only
}

/// Device and inode of a file; `None` where there is no file, or the system has no such numbers.
fn file_identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt as _;
        path.metadata().ok().map(|found| (found.dev(), found.ino()))
    };
    #[cfg(not(unix))]
    let identity = path.metadata().ok().and(None);
    identity
}

pub struct Library {
    db: Connection,
    project: PathBuf,
    /// See [`file_identity`].
    opened: Option<(u64, u64)>,
}

/// An imported file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    pub sha256: String,
    pub path: String,
    pub size_bytes: u64,
    pub imported_at: String,
}

impl Library {
    /// Opens the library of a project, made if missing.
    pub fn open_or_create(project: &Path) -> anyhow::Result<Library> {
        if is_on_read_only_media(project) {
            return Err(anyhow!("{} lies on read-only media", project.display()))
                .hint("copy the project to a folder that can be written");
        }
        Library::connect(project, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens the library of a project; on read-only media for reading alone.
    ///
    /// Errors: nothing was imported yet; the file was made by a newer version.
    pub fn open(project: &Path) -> anyhow::Result<Library> {
        if !project.join(LIBRARY_FILE).is_file() {
            return Err(anyhow!("nothing was imported into this project yet ({LIBRARY_FILE} is missing)"))
                .hint("bring your conversations: `affinage import FILE...`");
        }
        match is_on_read_only_media(project) {
            true => Library::read_only(project),
            false => Library::connect(project, OpenFlags::SQLITE_OPEN_READ_WRITE),
        }
    }

    /// SQLite needs files of its own beside a database that may change, so this one is said to be immutable.
    ///
    /// Errors: an unfinished write is next to it; it is of an older version.
    fn read_only(project: &Path) -> anyhow::Result<Library> {
        let path = project.join(LIBRARY_FILE);
        let unfinished = path.with_file_name(format!("{LIBRARY_FILE}-wal"));
        if unfinished.metadata().is_ok_and(|found| found.len() > 0) {
            return Err(anyhow!(
                "{} cannot be read where nothing can be written: it holds an unfinished write",
                path.display()
            ))
            .hint("copy the project to a folder that can be written");
        }
        let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let db = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
            .with_context(|| format!("cannot open {}", path.display()))?;
        schema::migrate(&db, &path)?;
        Ok(Library { db, project: project.to_owned(), opened: file_identity(&path) })
    }

    fn connect(project: &Path, flags: OpenFlags) -> anyhow::Result<Library> {
        let path = project.join(LIBRARY_FILE);
        let prepare = || -> rusqlite::Result<Connection> {
            let db = Connection::open_with_flags(&path, flags)?;
            db.busy_timeout(BUSY_TIMEOUT)?;
            // Landmarks come in no order: their pages (20 MB for a million rows) should stay in memory.
            db.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; \
                 PRAGMA cache_size = -32000;",
            )?;
            Ok(db)
        };
        let db = prepare().with_context(|| format!("cannot open {}", path.display()))?;
        schema::migrate(&db, &path)?;
        leftovers::remove(&db, project)?;
        Ok(Library { db, project: project.to_owned(), opened: file_identity(&path) })
    }

    /// Whether another file lies where this one was opened, or none: a backup or a sync has replaced it, and what is
    /// written here is lost with the old one. Never where the system cannot tell.
    pub fn is_replaced(&self) -> bool {
        self.opened.is_some() && file_identity(&self.project.join(LIBRARY_FILE)) != self.opened
    }

    /// Opens the file that has replaced this one.
    ///
    /// Errors: there is none, and the old one stays open.
    pub fn reopen(&mut self) -> anyhow::Result<()> {
        if !self.project.join(LIBRARY_FILE).is_file() {
            return Err(anyhow!("{LIBRARY_FILE} is missing in {}", self.project.display()))
                .hint("put it back from your backup");
        }
        // Both files have the same log beside them by its name: nothing of the old one may be left in it.
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.leave_log();
        self.db = Connection::open_in_memory()?;
        *self = Library::open(&self.project)?;
        Ok(())
    }

    /// Leaves the log where it lies when this closes: it is the one of the file that has replaced this.
    fn leave_log(&self) {
        // Where it fails the log is removed, as ever.
        drop(self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
    }

    /// All imported files, oldest first.
    pub fn sources(&self) -> anyhow::Result<Vec<Source>> {
        let mut statement =
            self.db.prepare("SELECT sha256, path, size_bytes, imported_at FROM source ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            let size_bytes: i64 = row.get(2)?;
            Ok(Source {
                sha256: row.get(0)?,
                path: row.get(1)?,
                size_bytes: size_bytes.unsigned_abs(),
                imported_at: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Calls `f` with every conversation that may be shown and the SHA-256 of the file that brought it last. Passed over are
    /// those that are held private ([`Standing::is_private`]); returns how many candidates they have.
    pub fn for_each_conversation(
        &self,
        mut f: impl FnMut(&str, Conversation) -> anyhow::Result<()>,
    ) -> anyhow::Result<usize> {
        let (standings, derivation) = (self.standings()?, self.derivation()?);
        let mut private = 0;
        self.for_each_conversation_private_too(|source, conversation| {
            if standings.of(&conversation).is_private() {
                private += derivation.candidates(&conversation).len();
                return Ok(());
            }
            f(source, conversation)
        })?;
        Ok(private)
    }

    /// As [`Library::for_each_conversation`], with those that are held private: for what counts, forgets or takes a choice
    /// back, and shows none of their words.
    pub fn for_each_conversation_private_too(
        &self,
        mut f: impl FnMut(&str, Conversation) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let sources: BTreeMap<i64, String> = {
            let mut statement = self.db.prepare("SELECT id, sha256 FROM source")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut statement = self.db.prepare(
            "SELECT id, provider, native_id, title, time_s, active_node, source, origin, project, updated_s \
             FROM conversation ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let source: i64 = row.get(6)?;
            let active: Option<String> = row.get(5)?;
            let mut conversation = conversation_row(row)?;
            let links = links(&self.db, id)?;
            conversation.arrange(links, active.as_deref()).with_context(|| conversation.key())?;
            f(sources.get(&source).map_or("", String::as_str), conversation)?;
        }
        Ok(())
    }

    /// `provider:id` of every conversation.
    pub fn conversation_keys(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut statement = self.db.prepare("SELECT key FROM conversation")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many conversations there are.
    pub fn conversations(&self) -> anyhow::Result<usize> {
        let number: i64 = self.db.query_row("SELECT COUNT(*) FROM conversation", [], |row| row.get(0))?;
        Ok(usize::try_from(number)?)
    }

    /// Conversations of each project that the exports name.
    pub fn conversations_by_project(&self) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let mut statement =
            self.db.prepare("SELECT project, key FROM conversation WHERE project IS NOT NULL ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut projects: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows {
            let (project, key) = row?;
            projects.entry(project).or_default().push(key);
        }
        Ok(projects)
    }

    /// Remembers a frozen dataset version and the files its examples come from.
    pub fn add_version(
        &self,
        hash: &str,
        name: &str,
        sources: &[String],
        made_at: &str,
    ) -> anyhow::Result<()> {
        self.db.execute(
            "INSERT INTO version (hash, name, sources, made_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (hash) DO NOTHING",
            (hash, name, serde_json::to_string(sources)?, made_at),
        )?;
        Ok(())
    }

    /// A version was frozen again and came out the same: whatever happened before this changed nothing of it.
    pub fn version_is_current(&self, hash: &str, at: &str) -> anyhow::Result<()> {
        self.db.execute("UPDATE version SET made_at = ?2 WHERE hash = ?1", (hash, at))?;
        Ok(())
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        if self.is_replaced() {
            self.leave_log();
        }
    }
}

/// Nodes of a conversation with their parents, in the order in which they came.
fn links(db: &Connection, conversation: i64) -> anyhow::Result<Vec<Link>> {
    let mut statement =
        db.prepare_cached("SELECT parent, data FROM node WHERE conversation = ?1 ORDER BY id")?;
    let mut rows = statement.query([conversation])?;
    let mut links = Vec::new();
    while let Some(row) = rows.next()? {
        let node: Node = serde_json::from_str(row.get_ref(1)?.as_str()?)?;
        links.push(Link::to(node, row.get(0)?));
    }
    Ok(links)
}

fn conversation_row(row: &rusqlite::Row<'_>) -> anyhow::Result<Conversation> {
    let provider: String = row.get(1)?;
    let origin: Origin = serde_json::from_str(row.get_ref(7)?.as_str()?)?;
    let provider = Provider::parse(&provider)
        .with_context(|| format!("unknown provider `{provider}` in {LIBRARY_FILE}"))?;
    let native_id: String = row.get(2)?;
    let mut conversation = Conversation::new(provider, native_id, origin);
    conversation.title = row.get(3)?;
    conversation.time_s = row.get(4)?;
    conversation.project = row.get(8)?;
    conversation.updated_s = row.get(9)?;
    Ok(conversation)
}
