//! `state.vscdb` of Cursor and of other editors made from VS Code: JSON values under keys.
//!
//! `cursorDiskKV` holds a row `composerData:ID` for each conversation and a row `bubbleId:ID:BUBBLE` for each message; before
//! 2025 the messages stood in the first. `ItemTable` holds the older panel, and the sessions of Copilot.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::foreign::Rows;

/// Values of `ItemTable` that hold whole conversations, each with its messages.
const PANELS: [&str; 3] =
    ["workbench.panel.aichat.view.aichat.chatdata", "interactive.sessions", "composer.composerData"];

pub fn read(db: &Connection, has_disk: bool, has_items: bool, rows: Rows<'_>) -> anyhow::Result<()> {
    if has_disk {
        composers(db, rows)?;
    }
    for panel in PANELS.iter().filter(|_| has_items) {
        match value(db, "ItemTable", panel)? {
            // Sessions may stand in a list without anything around it.
            Some(Value::Array(sessions)) => rows(json!({ "sessions": sessions }))?,
            Some(Value::Object(mut panel)) => match panel.remove("allComposers") {
                Some(Value::Array(composers)) => {
                    composers.iter().filter_map(|c| row(c, Vec::new())).try_for_each(&mut *rows)?;
                }
                _ => rows(Value::Object(panel))?,
            },
            _ => {}
        }
    }
    Ok(())
}

/// Values of the keys from `first` on that are less than `end`, without what is no JSON.
fn values(db: &Connection, table: &str, first: &str, end: &str) -> rusqlite::Result<HashMap<String, Value>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT key, CAST(value AS TEXT) FROM {table} WHERE key >= ?1 AND key < ?2 ORDER BY key"
    ))?;
    let found = statement.query_map([first, end], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut values = HashMap::new();
    for row in found {
        let (key, text): (String, Option<String>) = row?;
        if let Some(value) = text.and_then(|text| serde_json::from_str(&text).ok()) {
            values.insert(key, value);
        }
    }
    Ok(values)
}

/// The value of one key.
fn value(db: &Connection, table: &str, key: &str) -> rusqlite::Result<Option<Value>> {
    Ok(values(db, table, key, &format!("{key}\u{1}"))?.remove(key))
}

fn composers(db: &Connection, rows: Rows<'_>) -> anyhow::Result<()> {
    const PREFIX: &str = "composerData:";
    let ids: Vec<String> = db
        .prepare("SELECT substr(key, 14) FROM cursorDiskKV WHERE key >= 'composerData:' AND key < 'composerData;' ORDER BY key")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in ids {
        // One conversation at a time: the table holds years of them.
        let Some(composer) = value(db, "cursorDiskKV", &format!("{PREFIX}{id}"))? else { continue };
        let mut bubbles = values(db, "cursorDiskKV", &format!("bubbleId:{id}:"), &format!("bubbleId:{id};"))?;
        let headers = composer.get("fullConversationHeadersOnly").and_then(Value::as_array);
        let stored = headers.into_iter().flatten().filter_map(|header| {
            let bubble = header.get("bubbleId")?.as_str()?;
            let mut stored = bubbles.remove(&format!("bubbleId:{id}:{bubble}"))?;
            stored.as_object_mut()?.insert("bubbleId".to_owned(), Value::from(bubble));
            Some(stored)
        });
        let stored: Vec<Value> = stored.collect();
        row(&composer, stored).into_iter().try_for_each(&mut *rows)?;
    }
    Ok(())
}

/// A conversation with its messages, those inside of it or the stored ones; `None` if there are none.
fn row(composer: &Value, stored: Vec<Value>) -> Option<Value> {
    let inside = composer.get("conversation").and_then(Value::as_array).cloned().unwrap_or_default();
    let messages = if inside.is_empty() { stored } else { inside };
    let messages: Vec<Value> = messages.into_iter().map(with_role).collect();
    let field = |name: &str| composer.get(name).cloned().unwrap_or_default();
    (!messages.is_empty()).then(|| {
        json!({ "composerId": field("composerId"), "name": field("name"), "createdAt": field("createdAt"), "messages": messages })
    })
}

/// Bubbles say who speaks by a number.
fn with_role(mut bubble: Value) -> Value {
    let role = match bubble.get("type").and_then(Value::as_i64) {
        Some(1) => "user",
        Some(2) => "assistant",
        _ => return bubble,
    };
    if let Some(fields) = bubble.as_object_mut() {
        fields.insert("role".to_owned(), Value::from(role));
        fields.entry("text").or_insert_with(|| Value::from(""));
    }
    bubble
}
