//! The tables of `library.db` and how older ones become these.
//!
//! Every version is a step; a new file takes all of them. An older file is copied to `library.vN.db` first and then
//! taken to the newest version in one transaction; a newer one is refused.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::recognise;
use crate::errors::HintExt as _;

/// Step `n` leads from version `n` to `n + 1`. Steps are never changed once released.
const STEPS: &[&str] = &[
    "
CREATE TABLE source (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    imported_at TEXT NOT NULL
);
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    native_id TEXT NOT NULL,
    title TEXT NOT NULL,
    time_s REAL,
    active_node TEXT,
    source INTEGER NOT NULL,
    origin TEXT NOT NULL
);
CREATE TABLE node (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    node_id TEXT NOT NULL,
    parent TEXT,
    data TEXT NOT NULL,
    UNIQUE (conversation, node_id)
);
CREATE TABLE node_source (
    node INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,
    source INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    PRIMARY KEY (node, source)
) WITHOUT ROWID;
CREATE INDEX node_source_by_source ON node_source (source);
CREATE TABLE decision (
    id INTEGER PRIMARY KEY,
    candidate TEXT NOT NULL,
    conversation TEXT NOT NULL,
    variant TEXT,
    action TEXT NOT NULL CHECK (action IN ('accept', 'reject', 'edit')),
    text TEXT,
    decided_at TEXT NOT NULL
);
CREATE INDEX decision_by_candidate ON decision (candidate);
CREATE TABLE version (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    sources TEXT NOT NULL,
    made_at TEXT NOT NULL
);
",
    // The full-text index holds no copy of the words: a row's number is that of its node. Nodes wait in `unindexed`
    // until the index has them, so a kill between the two loses nothing.
    "
ALTER TABLE conversation ADD COLUMN project TEXT;
CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1,
    tokenize=\"unicode61 remove_diacritics 2\");
CREATE TABLE unindexed (node INTEGER PRIMARY KEY);
INSERT INTO unindexed SELECT id FROM node;
CREATE TRIGGER node_added AFTER INSERT ON node BEGIN
    INSERT OR IGNORE INTO unindexed VALUES (new.id);
END;
CREATE TRIGGER node_changed AFTER UPDATE OF data ON node BEGIN
    INSERT OR IGNORE INTO unindexed VALUES (new.id);
END;
CREATE TRIGGER node_removed AFTER DELETE ON node BEGIN
    DELETE FROM words WHERE rowid = old.id;
    DELETE FROM unindexed WHERE node = old.id;
END;
CREATE TABLE shelving (
    conversation TEXT PRIMARY KEY,
    choice TEXT NOT NULL CHECK (choice IN ('keep', 'skip', 'private')),
    chosen_at TEXT NOT NULL
);
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE speaker_profile (
    name TEXT PRIMARY KEY,
    roles TEXT NOT NULL
);
CREATE TABLE fix (
    id INTEGER PRIMARY KEY,
    candidate TEXT NOT NULL,
    field TEXT NOT NULL,
    edits TEXT NOT NULL,
    made_at TEXT NOT NULL,
    undone_at TEXT
);
CREATE INDEX fix_by_candidate ON fix (candidate);
",
    // The desk's journal stood outside the versions once, so its tables may be there. A step may hold decisions, fixes
    // and choices about conversations; `waiting` are transcripts in the raw store whose speakers have no roles yet.
    "
CREATE TABLE IF NOT EXISTS desk_step (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    label TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS desk_change (
    step INTEGER NOT NULL REFERENCES desk_step,
    candidate TEXT NOT NULL,
    conversation TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS desk_change_by_step ON desk_change (step);
CREATE INDEX IF NOT EXISTS desk_change_by_candidate ON desk_change (candidate);
CREATE TABLE IF NOT EXISTS desk_place (only INTEGER PRIMARY KEY CHECK (only = 1), candidate TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS desk_second_look (
    candidate TEXT PRIMARY KEY,
    first_accepts INTEGER NOT NULL,
    second_accepts INTEGER NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE desk_choice (
    step INTEGER NOT NULL REFERENCES desk_step,
    conversation TEXT NOT NULL,
    before TEXT
);
CREATE INDEX desk_choice_by_step ON desk_choice (step);
ALTER TABLE fix ADD COLUMN step INTEGER REFERENCES desk_step;
CREATE INDEX fix_by_step ON fix (step);
ALTER TABLE decision ADD COLUMN prompt TEXT;
ALTER TABLE decision ADD COLUMN context TEXT;
ALTER TABLE decision ADD COLUMN original TEXT;
ALTER TABLE decision ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE decision ADD COLUMN domain TEXT;
CREATE TABLE waiting (
    sha256 TEXT NOT NULL,
    member TEXT NOT NULL,
    path TEXT NOT NULL,
    speakers TEXT NOT NULL,
    PRIMARY KEY (sha256, member)
);
",
    // Numbers by which conversations without ids are found again, see `recognise`; what each file's import left out, as
    // JSON. A decision of a candidate that got another id keeps its row.
    "
CREATE TABLE landmark (
    number INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    PRIMARY KEY (number, conversation)
) WITHOUT ROWID;
ALTER TABLE source ADD COLUMN left_out TEXT NOT NULL DEFAULT '[]';
",
    // When the product changed a conversation last, by which an older copy is known.
    "ALTER TABLE conversation ADD COLUMN updated_s REAL;",
];

/// The version from which on conversations have landmarks; SQL cannot make those of older ones.
const WITH_LANDMARKS: u32 = 4;

/// Takes the database to the newest version.
///
/// Errors: a newer affinage made it; the copy or a step fails, and then nothing has changed.
pub fn migrate(db: &Connection, path: &Path) -> anyhow::Result<()> {
    let newest = u32::try_from(STEPS.len())?;
    let found = version(db).with_context(|| format!("cannot open {}", path.display()))?;
    if found > newest {
        return Err(anyhow!("{} has version {found}, this affinage reads {newest}", path.display()))
            .hint("use the affinage that wrote it, or a newer one");
    }
    if found == newest {
        return Ok(());
    }
    let copy = path.with_file_name(format!("library.v{found}.db"));
    if found > 0 && !copy.exists() {
        db.execute("VACUUM INTO ?1", [copy.to_string_lossy()])
            .with_context(|| format!("cannot copy {} to {}", path.display(), copy.display()))?;
    }
    let step_up = || -> anyhow::Result<()> {
        let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
        // Two processes may open a library at once; the other one may have been first.
        let found = version(db)?;
        for step in STEPS.iter().skip(found as usize) {
            transaction.execute_batch(step)?;
        }
        if (1..WITH_LANDMARKS).contains(&found) {
            recognise::put_all_landmarks(&transaction)?;
        }
        transaction.execute_batch(&format!("PRAGMA user_version = {newest};"))?;
        Ok(transaction.commit()?)
    };
    step_up().with_context(|| format!("cannot bring {} to version {newest}", path.display()))
}

fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_library_is_copied_and_brought_to_the_newest_version() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("library.db");
        let db = Connection::open(&path).expect("a database");
        db.execute_batch(&format!("{} PRAGMA user_version = 1;", STEPS[0])).expect("version 1");
        db.execute_batch(
            "INSERT INTO conversation VALUES (1, 'k', 'chatgpt', 'k', 't', 1.0, NULL, 1, '{}');
             INSERT INTO node VALUES (7, 1, 'n', NULL, '{}');",
        )
        .expect("rows");
        // A desk of that time made its own tables.
        db.execute_batch(
            "CREATE TABLE desk_place (only INTEGER PRIMARY KEY CHECK (only = 1), candidate TEXT NOT NULL);",
        )
        .expect("a table");
        migrate(&db, &path).expect("migrated");
        let waiting: i64 = db.query_row("SELECT node FROM unindexed", [], |row| row.get(0)).expect("a row");
        assert_eq!(waiting, 7, "old nodes wait for the index");
        let copy = Connection::open(dir.path().join("library.v1.db")).expect("the copy");
        let version: i64 = copy.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
        assert_eq!(version, 1);
        db.execute_batch("SELECT step, tags FROM fix, decision, waiting").expect("the tables of every step");
        migrate(&db, &path).expect("a second time changes nothing");
        db.execute_batch("PRAGMA user_version = 99").expect("set");
        assert!(migrate(&db, &path).expect_err("newer").to_string().contains("has version 99"));
    }
}
