//! Databases of other tools, read without changing them: `webui.db` of Open WebUI.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::errors::HintExt as _;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// If `path` is an SQLite database, writes its chats as JSON lines into a file of `folder` and gives the file's path.
///
/// Errors: it is a database of something else.
pub fn rows_of_database(path: &Path, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let mut magic = [0; MAGIC.len()];
    let is_database = fs_err::File::open(path)?.read_exact(&mut magic).is_ok() && magic == *MAGIC;
    if !is_database {
        return Ok(None);
    }
    let shown = path.display();
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open {shown}"))?;
    let mut tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")?;
    let tables = tables.query_map([], |row| row.get(0))?;
    let tables: Vec<String> =
        tables.collect::<Result<_, _>>().with_context(|| format!("cannot read {shown}"))?;
    if !tables.iter().any(|name| name == "chat") {
        return Err(anyhow!(
            "{shown}: found 0 conversations because it has no table `chat`; it has {}",
            tables.join(", ")
        ))
        .hint("affinage reads `webui.db` of Open WebUI");
    }
    let rows = folder.join(format!(".rows-{}.jsonl", std::process::id()));
    let mut file = std::io::BufWriter::new(fs_err::File::create(&rows)?);
    let mut statement = db
        .prepare("SELECT id, title, chat, CAST(created_at AS REAL) FROM chat ORDER BY id")
        .with_context(|| format!("{shown} is not a database of Open WebUI"))?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (id, title): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        let chat: Option<String> = row.get(2)?;
        let created_at: Option<f64> = row.get(3)?;
        // A chat that is no JSON stays a string, and the import refuses that one row.
        let chat =
            chat.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        let line = json!({ "id": id, "title": title, "created_at": created_at, "chat": chat });
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    Ok(Some(rows))
}
