//! Databases and tables of other tools: logs of `llm` in both generations, parquet.

use std::path::Path;

use serde_json::{Value, json};

use crate::{affinage, temp_dir, transcript};

fn project() -> tempfile::TempDir {
    let dir = temp_dir();
    assert!(affinage(dir.path()).arg("init").status().expect("starts").success());
    dir
}

fn import(dir: &Path, file: &str) -> Value {
    let output = affinage(dir).args(["--json", "import", file]).output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Cards as `review --export` writes them.
fn cards(dir: &Path) -> Vec<Value> {
    let path = dir.join("cards.jsonl");
    let status = affinage(dir).args(["review", "--export", "cards.jsonl"]).status().expect("starts");
    assert!(status.success());
    let text = fs_err::read_to_string(&path).expect("cards");
    fs_err::remove_file(path).expect("ours");
    text.lines().map(|line| serde_json::from_str(line).expect("a card")).collect()
}

/// Prompt and answers of each card.
fn shown(cards: &[Value]) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let answers = |card: &Value| {
        card["variants"].as_array().expect("variants").iter().map(|v| text(&v["text"])).collect()
    };
    let mut shown: Vec<(String, Vec<String>)> =
        cards.iter().map(|card| (text(&card["prompt"]), answers(card))).collect();
    shown.sort();
    shown
}

fn pairs(expected: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    expected
        .iter()
        .map(|(p, answers)| ((*p).to_owned(), answers.iter().map(|a| (*a).to_owned()).collect()))
        .collect()
}

const OLD_TABLES: &str = "
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT, options_json TEXT,
  response TEXT, response_json TEXT, conversation_id TEXT, duration_ms INTEGER, datetime_utc TEXT);
INSERT INTO conversations VALUES ('c1', 'Boats', 'gpt-4o');
INSERT INTO responses VALUES ('01a', 'gpt-4o', 'Why boats?', 'HIDDEN rules', NULL, NULL, 'They float.', NULL, 'c1', 1, '2024-05-01T10:00:00');
INSERT INTO responses VALUES ('01b', 'gpt-4o', 'And bridges?', NULL, NULL, NULL, 'They do not.', NULL, 'c1', 1, '2024-05-01T10:01:00');
INSERT INTO responses VALUES ('01c', 'gpt-4o', 'Alone?', NULL, NULL, NULL, 'Yes.', NULL, NULL, 1, '2024-05-02T10:00:00');
";

const NEW_TABLES: &str = "
ALTER TABLE responses ADD COLUMN reasoning TEXT;
CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT, datetime_utc TEXT, source TEXT);
CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, \"order\" INTEGER);
CREATE TABLE messages (hash TEXT PRIMARY KEY, parent_hash TEXT, role TEXT, provider_metadata TEXT);
CREATE TABLE parts (id INTEGER PRIMARY KEY, message_hash TEXT, position INTEGER, type TEXT, tool_name TEXT, text TEXT, payload TEXT);
CREATE TABLE threads (id TEXT PRIMARY KEY, name TEXT, tip_message_hash TEXT, forked_from TEXT, datetime_utc TEXT);
CREATE TABLE turns (id TEXT PRIMARY KEY, thread_id TEXT, parent_message_hash TEXT, tip_message_hash TEXT, model TEXT,
  resolved_model TEXT, datetime_utc TEXT);
INSERT INTO fragments VALUES (1, 'f', 'A long note on tides.', NULL, NULL);
INSERT INTO prompt_fragments VALUES ('01c', 1, 0);
INSERT INTO messages VALUES ('h1', NULL, 'user', NULL), ('h2', 'h1', 'assistant', NULL), ('h3', 'h2', 'user', NULL),
  ('h4', 'h3', 'assistant', NULL), ('h5', 'h1', 'assistant', NULL), ('h6', NULL, 'user', NULL), ('h7', 'h6', 'assistant', NULL);
INSERT INTO parts (message_hash, position, type, text, payload) VALUES
  ('h1', 0, 'text', NULL, '{\"text_ref\": [{\"fragment\": 1}, {\"literal\": \"\\nWhat does it say?\"}]}'),
  ('h2', 0, 'reasoning', 'HIDDEN thought', NULL), ('h2', 1, 'text', 'That they turn.', NULL),
  ('h3', 0, 'text', 'When?', NULL), ('h4', 0, 'tool_call', NULL, '{\"name\": \"HIDDEN\"}'), ('h4', 1, 'text', 'Twice a day.', NULL),
  ('h5', 0, 'text', 'That they come back.', NULL), ('h6', 0, 'text', 'Why boats?', NULL), ('h7', 0, 'text', 'They float.', NULL);
INSERT INTO threads VALUES ('t1', 'Tides', 'h4', NULL, '2026-01-01T10:00:00'), ('t2', 'Tides again', 'h5', 't1', '2026-01-01T11:00:00'),
  ('c1', 'Boats', 'h7', NULL, '2026-01-01T12:00:00');
INSERT INTO turns VALUES ('02a', 't1', 'h1', 'h2', 'qwen', NULL, '2026-01-01T10:00:00'), ('02b', 't1', 'h3', 'h4', 'qwen', NULL, '2026-01-01T10:01:00'),
  ('02c', 't2', 'h1', 'h5', 'llama', NULL, '2026-01-01T11:00:00'), ('02d', 'c1', 'h6', 'h7', 'llama', NULL, '2026-01-01T12:00:00');
";

/// The rows of a foreign file stand in a file beside the library only while they are imported.
fn assert_nothing_left_behind(dir: &Path) {
    let mut entries = fs_err::read_dir(dir).expect("a folder").flatten();
    assert!(entries.all(|entry| !entry.file_name().to_string_lossy().starts_with(".rows")));
}

#[test]
fn logs_of_llm_in_both_generations() {
    let dir = project();
    let dir = dir.path();
    let db = rusqlite::Connection::open(dir.join("logs.db")).expect("a database");
    db.execute_batch(OLD_TABLES).expect("the older tables");
    let imported = import(dir, "logs.db");
    assert_eq!(imported["files"][0]["formats"], json!({ "llm": 2 }));
    let old =
        [("Alone?", &["Yes."][..]), ("And bridges?", &["They do not."]), ("Why boats?", &["They float."])];
    let found = cards(dir);
    assert_eq!(shown(&found), pairs(&old));
    assert!(!format!("{found:?}").contains("HIDDEN"), "system prompts are no text");

    db.execute_batch(NEW_TABLES).expect("the newer tables beside them");
    let fresh = project();
    let fresh = fresh.path();
    fs_err::copy(dir.join("logs.db"), fresh.join("logs.db")).expect("copied");
    assert_eq!(import(fresh, "logs.db")["files"][0]["formats"], json!({ "llm": 3 }));
    let found = cards(fresh);
    // The fork is a branch of its conversation, and what the newer tables repeat of the older ones stands once.
    let expected = [
        ("A long note on tides.\nAlone?", &["Yes."][..]),
        ("A long note on tides.\nWhat does it say?", &["That they turn.", "That they come back."]),
        ("And bridges?", &["They do not."]),
        ("When?", &["Twice a day."]),
        ("Why boats?", &["They float."]),
    ];
    let mut shown = shown(&found);
    shown.iter_mut().for_each(|(_, answers)| answers.sort_by_key(|answer| answer.len()));
    assert_eq!(shown, pairs(&expected));
    assert!(!format!("{found:?}").contains("HIDDEN"), "reasoning and tools are no text");
    let again = import(fresh, "logs.db");
    assert_eq!(
        (&again["files"][0]["nodes_new"], &again["files"][0]["conversations_new"]),
        (&json!(0), &json!(0))
    );
}

#[test]
fn parquet_with_lists_of_structs_json_text_and_preferences() {
    let dir = project();
    let dir = dir.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/import");
    for name in ["messages.parquet", "conversations.parquet", "preferences.parquet"] {
        fs_err::copy(data.join(name), dir.join(name)).expect("copied");
    }
    let imported = import(dir, "messages.parquet");
    assert_eq!(imported["files"][0]["formats"], json!({ "messages": 5 }), "three row groups, snappy");
    assert_eq!(
        import(dir, "conversations.parquet")["files"][0]["formats"],
        json!({ "sharegpt": 3 }),
        "zstd, JSON text"
    );
    let imported = import(dir, "preferences.parquet");
    assert_eq!(imported["files"][0]["formats"], json!({ "messages": 1 }));
    let rejects = imported["files"][0]["rejects"].as_array().expect("a list");
    assert_eq!(rejects.len(), 1, "a row without answers is listed: {rejects:?}");
    let cards = cards(dir);
    assert_eq!(cards.len(), 9);
    let shown = shown(&cards);
    assert!(
        shown.contains(&("What is number 3? Köln".to_owned(), vec!["It is 3.\nNothing more.".to_owned()])),
        "{shown:?}"
    );
    let both = shown.iter().find(|(_, answers)| answers.len() == 2).expect("a preference");
    assert_eq!(both.1, ["The first.", "The second."], "the chosen one first");
    assert_nothing_left_behind(dir);
}

#[test]
fn a_damaged_or_foreign_table_is_refused_and_leaves_nothing_behind() {
    let dir = project();
    let dir = dir.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/import/messages.parquet");
    let mut bytes = fs_err::read(data).expect("a file");
    bytes.truncate(bytes.len() / 2);
    fs_err::write(dir.join("cut.parquet"), &bytes).expect("written");
    fs_err::write(dir.join("cut.db"), b"SQLite format 3\0 and nothing more").expect("written");
    for name in ["cut.parquet", "cut.db"] {
        let said = transcript(dir, &["import", name]);
        assert!(said.starts_with("exit: 1") && said.contains(&format!("cannot read {name}")), "{said}");
    }
    assert_nothing_left_behind(dir);
}

#[test]
fn damaged_parquet_is_an_error_and_never_a_crash() {
    let dir = project();
    let dir = dir.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/import/messages.parquet");
    let whole = fs_err::read(data).expect("a file");
    for number in 0..60 {
        let mut bytes = whole.clone();
        let at = (number * 7919 + 13) % bytes.len();
        bytes[at] ^= 1 << (number % 8);
        if number % 5 == 0 {
            bytes.drain(at..(at + number + 1).min(whole.len()));
        }
        fs_err::write(dir.join("damaged.parquet"), &bytes).expect("written");
        let output = affinage(dir).args(["import", "damaged.parquet"]).output().expect("starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(0 | 1)) && !said.contains("panicked"),
            "byte {at}: {said}"
        );
    }
}
