//! Files of other tools that are no text: databases and tables, read without changing them and turned into JSON lines.
//!
//! `webui.db` of Open WebUI stands here, [`super::llm_logs`], [`super::cursor`], [`super::message_tables`] and
//! [`crate::parquet`] beside it.

use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::{cursor, leftovers, llm_logs, message_tables};
use crate::errors::HintExt as _;

const SQLITE: &[u8] = b"SQLite format 3\0";
const PARQUET: &[u8] = b"PAR1";

/// Takes one row of JSON.
pub type Rows<'a> = &'a mut dyn FnMut(Value) -> anyhow::Result<()>;

/// If `path` is a database or a table, writes its rows as JSON lines into a file of `folder` and gives the file's path.
///
/// Errors: it is a database of something else, or damaged.
pub fn rows_of_file(path: &Path, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let mut head = Vec::new();
    fs_err::File::open(path)?.take(SQLITE.len() as u64).read_to_end(&mut head)?;
    if head != SQLITE && !head.starts_with(PARQUET) {
        return Ok(None);
    }
    let rows = leftovers::path(folder, "rows", ".jsonl");
    let mut file = BufWriter::new(fs_err::File::create(&rows)?);
    let mut write = |row: Value| Ok(writeln!(file, "{row}")?);
    let read = match head == SQLITE {
        true => database(path, &mut write),
        false => crate::parquet::read(path, &mut write),
    };
    if let Err(error) = read.and_then(|()| Ok(file.flush()?)) {
        fs_err::remove_file(&rows)?;
        return Err(error);
    }
    Ok(Some(rows))
}

fn database(path: &Path, rows: Rows<'_>) -> anyhow::Result<()> {
    let shown = path.display();
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open {shown}"))?;
    let tables = tables(&db).with_context(|| format!("cannot read {shown}"))?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    if has("chat") {
        open_webui(&db, rows).with_context(|| format!("cannot read {shown} as a database of Open WebUI"))
    } else if has("responses") || (has("threads") && has("messages")) {
        llm_logs::read(&db, &tables, rows).with_context(|| format!("cannot read {shown} as logs of `llm`"))
    } else if has("cursorDiskKV") || has("ItemTable") {
        cursor::read(&db, has("cursorDiskKV"), has("ItemTable"), rows)
            .with_context(|| format!("cannot read {shown} as the state of an editor"))
    } else {
        let of_messages = message_tables::tables(&db, &tables)?;
        if of_messages.is_empty() {
            let listed = tables.join(", ");
            return Err(anyhow!(
                "{shown}: found 0 conversations because no table of it holds messages (a role or a sender, and a text); it \
                 has {listed}"
            ))
            .hint(
                "affinage reads `webui.db` of Open WebUI, `logs.db` of the `llm` command, `state.vscdb` of Cursor and tables \
                 of messages",
            );
        }
        of_messages.iter().try_for_each(|table| {
            message_tables::read(&db, table, rows).with_context(|| format!("cannot read {shown}"))
        })
    }
}

fn tables(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

fn open_webui(db: &Connection, rows: Rows<'_>) -> anyhow::Result<()> {
    let mut statement =
        db.prepare("SELECT id, title, chat, CAST(created_at AS REAL) FROM chat ORDER BY id")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (id, title): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        let chat: Option<String> = row.get(2)?;
        let created_at: Option<f64> = row.get(3)?;
        // A chat that is no JSON stays a string, and the import refuses that one row.
        let chat =
            chat.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        rows(json!({ "id": id, "title": title, "created_at": created_at, "chat": chat }))?;
    }
    Ok(())
}
