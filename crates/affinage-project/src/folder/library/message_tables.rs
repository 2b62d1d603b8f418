//! Databases of clients that are not known by name: a table whose columns say who spoke and what.
//!
//! Each row becomes a message with the names of its columns, and the import reads it like a message of any other list.
//! Columns that hold JSON are unfolded.

use anyhow::Context as _;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

use super::foreign::Rows;

const SPEAKERS: [&str; 7] =
    ["role", "sender", "author", "sender_type", "is_user", "from_user", "message_type"];
const TEXTS: [&str; 9] =
    ["content", "text", "message", "body", "parts", "content_json", "data", "blocks", "content_text"];

/// The tables that hold messages.
pub fn tables(db: &Connection, tables: &[String]) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    for table in tables {
        let columns = columns(db, table)?;
        let has =
            |names: &[&str]| columns.iter().any(|column| names.contains(&column.to_lowercase().as_str()));
        if has(&SPEAKERS) && has(&TEXTS) {
            found.push(table.clone());
        }
    }
    Ok(found)
}

fn columns(db: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

pub fn read(db: &Connection, table: &str, rows: Rows<'_>) -> anyhow::Result<()> {
    let columns = columns(db, table)?;
    let quoted = table.replace('"', "\"\"");
    // Tables with an order of their own are in it: SQLite's is that of insertion.
    let mut statement = db
        .prepare(&format!("SELECT * FROM \"{quoted}\""))
        .with_context(|| format!("in the table `{table}`"))?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let mut fields = Map::new();
        for (index, column) in columns.iter().enumerate() {
            let value = match row.get_ref(index)? {
                ValueRef::Null | ValueRef::Blob(_) => continue,
                ValueRef::Integer(number) => Value::from(number),
                ValueRef::Real(number) => Value::from(number),
                ValueRef::Text(text) => unfolded(&String::from_utf8_lossy(text)),
            };
            fields.insert(column.clone(), value);
        }
        rows(Value::Object(fields))?;
    }
    Ok(())
}

/// A text, or the object or list that stands in it.
fn unfolded(text: &str) -> Value {
    let parsed =
        text.trim_start().starts_with(['{', '[']).then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    parsed.unwrap_or_else(|| Value::from(text))
}
