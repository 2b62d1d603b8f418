//! `logs.db` of the `llm` command, in both generations of its tables, which can stand side by side.
//!
//! The older one has a row of `responses` per answer. The newer one keeps each message once, by the hash of its content
//! and its parent; `threads` point at the last message of a conversation, `turns` say which model answered. A thread that
//! was forked from another is a branch of the same conversation here. Fragments stand by reference and are put back.
//! Source: the documentation of `llm`, "Logging to SQLite".

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Value, json};

use super::foreign::Rows;

/// Messages of one conversation.
#[derive(Default)]
struct Log {
    name: Option<String>,
    tip: Option<String>,
    messages: Vec<Value>,
    /// Texts of the answers, to know a row of the older tables again.
    answers: HashSet<String>,
}

pub fn read(db: &Connection, tables: &[String], rows: Rows<'_>) -> anyhow::Result<()> {
    let has = |name: &str| tables.iter().any(|table| table == name);
    let mut logs: BTreeMap<String, Log> = BTreeMap::new();
    if has("threads") && has("messages") && has("parts") {
        read_threads(db, has("fragments"), &mut logs)?;
    }
    if has("responses") {
        read_responses(db, has("prompt_fragments") && has("fragments"), &mut logs)?;
    }
    for (id, log) in logs {
        rows(json!({ "id": id, "name": log.name, "tip": log.tip, "llm_messages": log.messages }))?;
    }
    Ok(())
}

struct Thread {
    id: String,
    name: Option<String>,
    tip: Option<String>,
    forked_from: Option<String>,
}

fn read_threads(
    db: &Connection,
    has_fragments: bool,
    logs: &mut BTreeMap<String, Log>,
) -> anyhow::Result<()> {
    let mut statement =
        db.prepare("SELECT id, name, tip_message_hash, forked_from FROM threads ORDER BY id")?;
    let threads = statement.query_map([], |row| {
        Ok(Thread { id: row.get(0)?, name: row.get(1)?, tip: row.get(2)?, forked_from: row.get(3)? })
    })?;
    let threads: Vec<Thread> = threads.collect::<Result<_, _>>()?;
    let parents: HashMap<&str, &str> =
        threads.iter().filter_map(|t| Some((t.id.as_str(), t.forked_from.as_deref()?))).collect();
    // The thread a conversation began with; a loop among forks ends at its smallest member.
    let root = |thread: &str| -> String {
        let (mut at, mut seen) = (thread, BTreeSet::new());
        while let Some(&above) = parents.get(at).filter(|_| seen.insert(at)) {
            at = above;
        }
        if seen.contains(at) { seen.first().map_or(at, |first| *first).to_owned() } else { at.to_owned() }
    };
    let mut turns = db.prepare(
        "SELECT parent_message_hash, tip_message_hash, model, datetime_utc FROM turns WHERE thread_id = ?1 ORDER BY id",
    )?;
    let mut seen: HashSet<(String, String)> = HashSet::new();
    for thread in &threads {
        let id = root(&thread.id);
        let log = logs.entry(id.clone()).or_default();
        log.name = log.name.take().or_else(|| thread.name.clone());
        let mut tips: Vec<String> = thread.tip.iter().cloned().collect();
        let mut facts: HashMap<String, (Option<String>, Option<String>)> = HashMap::new();
        let mut found = turns.query([&thread.id])?;
        while let Some(row) = found.next()? {
            let (parent, tip): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
            let (model, time): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
            facts.extend(parent.map(|hash| (hash, (None, time.clone()))));
            facts.extend(tip.clone().map(|hash| (hash, (model, time))));
            tips.extend(tip);
        }
        for tip in tips {
            let mut at = Some(tip);
            while let Some(hash) = at.take().filter(|hash| seen.insert((id.clone(), hash.clone()))) {
                let fact = facts.get(&hash).cloned().unwrap_or_default();
                at = read_message(db, &hash, fact, has_fragments, log)?;
            }
        }
        // Ids are made in order of time: the newest thread is where the conversation stands.
        log.tip = thread.tip.clone().or(log.tip.take());
    }
    Ok(())
}

/// Adds a message; gives the hash of the one before it.
fn read_message(
    db: &Connection,
    hash: &str,
    (model, time): (Option<String>, Option<String>),
    has_fragments: bool,
    log: &mut Log,
) -> anyhow::Result<Option<String>> {
    let mut statement = db.prepare_cached("SELECT parent_hash, role FROM messages WHERE hash = ?1")?;
    let found: Option<(Option<String>, String)> =
        statement.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((parent, role)) = found else { return Ok(None) };
    let mut statement = db.prepare_cached(
        "SELECT type, text, payload FROM parts WHERE message_hash = ?1 ORDER BY position, id",
    )?;
    let mut found = statement.query([hash])?;
    let mut parts = Vec::new();
    while let Some(row) = found.next()? {
        let (kind, text, payload): (String, Option<String>, Option<String>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let text = match (text, payload) {
            (Some(text), _) => text,
            (None, Some(payload)) => payload_text(db, &payload, has_fragments)?,
            (None, None) => String::new(),
        };
        if role == "assistant" && kind == "text" {
            log.answers.insert(text.clone());
        }
        parts.push(json!({ "type": kind, "text": text }));
    }
    log.messages.push(
        json!({ "id": hash, "parent": parent, "role": role, "parts": parts, "model": model, "time": time }),
    );
    Ok(parent)
}

/// `{"text_ref": [{"fragment": 1}, {"literal": "..."}]}` put back together; other payloads as they are.
fn payload_text(db: &Connection, payload: &str, has_fragments: bool) -> anyhow::Result<String> {
    let value: Value = serde_json::from_str(payload).unwrap_or(Value::Null);
    let Some(pieces) = value.get("text_ref").and_then(Value::as_array).filter(|_| has_fragments) else {
        return Ok(payload.to_owned());
    };
    let mut text = String::new();
    for piece in pieces {
        if let Some(literal) = piece.get("literal").and_then(Value::as_str) {
            text.push_str(literal);
        } else if let Some(id) = piece.get("fragment").and_then(Value::as_i64) {
            let content = db.query_row("SELECT content FROM fragments WHERE id = ?1", [id], |row| row.get(0));
            text.push_str(&content.optional()?.unwrap_or_else(|| format!("[fragment {id} is missing]")));
        }
    }
    Ok(text)
}

fn read_responses(
    db: &Connection,
    has_fragments: bool,
    logs: &mut BTreeMap<String, Log>,
) -> anyhow::Result<()> {
    let columns: Vec<String> = db
        .prepare("SELECT name FROM pragma_table_info('responses')")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let column = |name: &'static str| if columns.iter().any(|c| c == name) { name } else { "NULL" };
    let mut names = db.prepare("SELECT name FROM conversations WHERE id = ?1").ok();
    let mut fragments = match has_fragments {
        true => Some(db.prepare(
            "SELECT content FROM prompt_fragments JOIN fragments ON fragments.id = fragment_id \
             WHERE response_id = ?1 ORDER BY \"order\"",
        )?),
        false => None,
    };
    let mut statement = db.prepare(&format!(
        "SELECT CAST(id AS TEXT), prompt, {}, response, {}, model, CAST({} AS TEXT), {} FROM responses ORDER BY {}, id",
        column("system"),
        column("reasoning"),
        column("conversation_id"),
        column("datetime_utc"),
        column("datetime_utc"),
    ))?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let id: String = row.get(0)?;
        let text = |index: usize| -> rusqlite::Result<Option<String>> { row.get(index) };
        let (prompt, system, response, reasoning) = (text(1)?, text(2)?, text(3)?, text(4)?);
        let (model, conversation, time) = (text(5)?, text(6)?, text(7)?);
        let conversation = conversation.unwrap_or_else(|| id.clone());
        let log = logs.entry(conversation.clone()).or_default();
        let response = response.unwrap_or_default();
        // A conversation that went on in the newer tables has its beginning there too.
        if !log.answers.insert(response.clone()) {
            continue;
        }
        if log.name.is_none()
            && let Some(names) = &mut names
        {
            log.name = names.query_row([&conversation], |row| row.get(0)).optional()?.flatten();
        }
        let mut asked: Vec<String> = match &mut fragments {
            Some(statement) => statement.query_map([&id], |row| row.get(0))?.collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        asked.extend(prompt);
        let part = |kind: &str, text: &str| json!({ "type": kind, "text": text });
        let mut add = |name: &str, role: &str, parts: Value, model: Option<&str>| {
            let id = format!("{id}-{name}");
            log.messages.push(json!({ "id": id, "parent": log.tip, "role": role, "parts": parts, "model": model, "time": time }));
            log.tip = Some(id);
        };
        if let Some(system) = system.filter(|text| !text.is_empty()) {
            add("system", "system", json!([part("text", &system)]), None);
        }
        add("prompt", "user", json!([part("text", &asked.join("\n"))]), None);
        let thought = reasoning.filter(|text| !text.is_empty()).map(|text| part("reasoning", &text));
        let parts: Vec<Value> = thought.into_iter().chain([part("text", &response)]).collect();
        add("response", "assistant", json!(parts), model.as_deref());
    }
    Ok(())
}
