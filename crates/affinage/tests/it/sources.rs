//! import: databases, folders and whole files, what they bring and what is left out.

use std::path::Path;

use serde_json::{Value, json};

use crate::data::{chat, export, json_of, project, words};
use crate::{affinage, transcript};

#[test]
fn the_database_of_open_webui_is_read_and_another_one_refused() {
    let dir = project();
    let dir = dir.path();
    let chat = json!({ "history": { "currentId": "b", "messages": {
        "a": { "id": "a", "parentId": null, "role": "user", "content": "Why boats?" },
        "b": { "id": "b", "parentId": "a", "role": "assistant", "content": "They float.", "model": "llama3" },
    } } });
    let db = rusqlite::Connection::open(dir.join("webui.db")).expect("a database");
    db.execute_batch("CREATE TABLE chat (id TEXT, title TEXT, chat JSON, created_at INTEGER)")
        .expect("a table");
    for (id, chat) in [("x", chat.to_string()), ("y", "{broken".to_owned())] {
        db.execute("INSERT INTO chat VALUES (?1, 'T', ?2, 1700000000)", (id, chat)).expect("a row");
    }
    drop(db);
    let imported = json_of(dir, &["import", "webui.db"]);
    assert_eq!(imported["files"][0]["formats"], json!({ "open-webui": 1 }));
    assert_eq!(imported["files"][0]["rejects"].as_array().expect("a list").len(), 1);
    assert_eq!(imported["library"]["candidates"], 1);
    rusqlite::Connection::open(dir.join("other.db"))
        .expect("a database")
        .execute_batch("CREATE TABLE t (x)")
        .expect("made");
    let refused = transcript(dir, &["import", "other.db"]);
    assert!(refused.contains("found 0 conversations because no table of it holds messages"), "{refused}");
}

#[test]
fn conversations_without_an_answer_are_told_from_those_in_topics() {
    let dir = project();
    let dir = dir.path();
    let said = |role: &str, text: &str| json!({ "role": role, "content": text });
    let asked = |text: &str| json!({ "messages": [said("user", text)] });
    let answered = json!({ "messages": [said("user", "Why boats?"), said("assistant", "They float.")] });
    fs_err::write(dir.join("all.json"), answered.to_string()).expect("written");
    let all = transcript(dir, &["import", "all.json"]);
    assert!(all.contains("1 card (each a prompt with its answers, 1 in all) in 1 conversation\n"), "{all}");
    let rows = [answered, asked("Is anybody there?"), asked("Hello?")].map(|row| row.to_string()).join("\n");
    fs_err::write(dir.join("some.jsonl"), rows).expect("written");
    let some = transcript(dir, &["import", "some.jsonl"]);
    let library: Vec<&str> = some.lines().filter(|line| line.starts_with("library: ")).collect();
    let counted: Vec<&str> = library.iter().filter_map(|line| line.split(" in all) in ").nth(1)).collect();
    let overview = &json_of(dir, &["import"])["overview"];
    let (all, of) = (overview["conversations"].as_u64(), overview["with_candidates"].as_u64());
    assert_eq!(counted, [format!("{} of {} conversations", of.expect("a number"), all.expect("a number"))]);
    assert!(of < all, "{overview}");
    let topics = overview["topics"].as_array().expect("topics");
    let in_topics: usize = topics.iter().filter_map(|s| Some(s["conversations"].as_array()?.len())).sum();
    assert_eq!(of, Some(in_topics as u64));
}

/// A database with tables `key, value` or others, and its rows.
fn database(path: &std::path::Path, tables: &str, rows: &[(&str, &str, Value)]) {
    let db = rusqlite::Connection::open(path).expect("a database");
    db.execute_batch(tables).expect("tables");
    for (table, key, value) in rows {
        db.execute(&format!("INSERT INTO {table} VALUES (?1, ?2)"), (key, value.to_string())).expect("a row");
    }
}

/// A format, its file, and the messages that come later: role, parent and what is said.
type Case<'a> = (&'a str, String, Vec<(&'a str, &'a str, Value)>);

#[test]
fn databases_of_editors_and_of_unknown_clients_are_read() {
    let items = "CREATE TABLE ItemTable (key TEXT UNIQUE, value BLOB);";
    let disk = "CREATE TABLE cursorDiskKV (key TEXT UNIQUE, value BLOB);";
    let bubble =
        |kind: u32, text: &str| json!({ "type": kind, "text": text, "thinking": { "text": "HIDDEN" } });
    let panel = json!({ "tabs": [{ "tabId": "t", "chatTitle": "Boats", "bubbles": [
        { "type": "user", "text": "Why boats?" }, { "type": "ai", "rawText": "They float.", "modelType": "small" } ] }] });
    let sessions = json!([{ "sessionId": "s", "requests": [{ "message": { "text": "Why boats?" }, "response": [{ "value": "They float." }] }] }]);
    let composer = json!({ "composerId": "c", "name": "Boats", "createdAt": 1_772_000_000_000_u64,
        "fullConversationHeadersOnly": [{ "bubbleId": "2", "type": 1 }, { "bubbleId": "1", "type": 2 }] });
    let older = json!({ "allComposers": [{ "composerId": "c", "conversation": [bubble(1, "Why boats?"), bubble(2, "They float.")] }] });
    let client = "CREATE TABLE sessions (id TEXT, name TEXT);
        CREATE TABLE messages (id INTEGER, session_id TEXT, role TEXT, content_json TEXT, created_timestamp INTEGER);
        INSERT INTO messages VALUES (1, 's', 'user', '[{\"type\":\"text\",\"text\":\"Why boats?\"}]', 1772000000);
        INSERT INTO messages VALUES (2, 's', 'assistant', '[{\"type\":\"thinking\",\"thinking\":\"HIDDEN\"},{\"type\":\"text\",\"text\":\"They float.\"}]', 1772000001);";
    let cases: [Case; 5] = [
        (
            "cursor",
            items.to_owned(),
            vec![("ItemTable", "workbench.panel.aichat.view.aichat.chatdata", panel)],
        ),
        ("chat", items.to_owned(), vec![("ItemTable", "interactive.sessions", sessions)]),
        ("cursor", items.to_owned(), vec![("ItemTable", "composer.composerData", older)]),
        (
            "cursor",
            format!("{items}{disk}"),
            vec![
                ("cursorDiskKV", "composerData:c", composer),
                ("cursorDiskKV", "composerData:empty", json!({ "composerId": "empty" })),
                ("cursorDiskKV", "bubbleId:c:1", bubble(2, "They float.")),
                ("cursorDiskKV", "bubbleId:c:2", bubble(1, "Why boats?")),
            ],
        ),
        ("chat", client.to_owned(), Vec::new()),
    ];
    for (format, tables, rows) in cases {
        let dir = project();
        let dir = dir.path();
        database(&dir.join("x.db"), &tables, &rows);
        let imported = json_of(dir, &["import", "x.db"]);
        assert_eq!(imported["files"][0]["formats"], json!({ format: 1 }), "{tables} {rows:?}");
        assert_eq!(imported["library"]["candidates"], 1, "{tables} {rows:?}");
        assert!(!json_of(dir, &["lint"]).to_string().contains("HIDDEN"));
    }
}

#[test]
fn a_folder_is_imported_by_its_files_and_forgotten_as_one() {
    let dir = project();
    let dir = dir.path();
    let talk = |end: &str| {
        format!("User: Who leads?\n\nAssistant: The wind.\n\nUser: And {end}?\n\nAssistant: The {end}.\n")
    };
    for (name, text) in [
        ("vault/.obsidian/app.json", "{}".to_owned()),
        ("vault/cranes/talk.md", talk("crane")),
        ("vault/geese/talk.md", talk("goose")),
        ("vault/picture.png", "\u{89}PNG".to_owned()),
        ("vault/sheet.pdf", "%PDF-1.7".to_owned()),
        ("vault/two.md", "Ann: a\n\nTom: b\n\nAnn: c\n\nTom: d\n\nAnn: e\n\nTom: f\n".to_owned()),
    ] {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(path, text).expect("written");
    }
    let said = transcript(dir, &["import", "vault"]);
    for part in ["in 2 files", ".obsidian/", "a damaged PDF document", "`Ann` (3), `Tom` (3)"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    fs_err::write(dir.join("vault/late.md"), talk("stork")).expect("written");
    let again = json_of(dir, &["import", "vault"]);
    let found = &again["files"][0];
    assert_eq!((found["path"].as_str(), &found["conversations"]), (Some("vault"), &json!(3)));
    let forgotten = transcript(dir, &["import", "--forget", "vault"]);
    assert!(forgotten.contains("forgot 3 files of vault"), "{forgotten}");
    assert_eq!(fs_err::read_dir(dir.join("raw")).expect("a folder").count(), 0, "also what waited for roles");
}

#[test]
fn what_is_no_file_and_what_is_no_chat_is_refused_with_a_way_out() {
    let dir = project();
    let dir = dir.path();
    fs_err::write(dir.join("sheet.pdf"), "%PDF-1.7").expect("written");
    for (path, says, hint) in
        [("/dev/zero", "a device", "import -"), ("sheet.pdf", "a damaged PDF document", ".md file")]
    {
        let output = affinage(dir).args(["import", path]).output().expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says) && said.contains(hint), "{said}");
    }
}

#[test]
fn what_an_import_leaves_out_is_counted_shown_and_written_into_the_card() {
    let dir = project();
    let dir = dir.path();
    let mut chats: Vec<Value> = (0..40).map(|i| chat(i, 1)).collect();
    for (id, content, role) in [
        ("think", json!({ "content_type": "thoughts", "thoughts": [{ "content": "hm" }] }), "assistant"),
        ("tool", json!({ "content_type": "execution_output", "text": "12" }), "tool"),
        ("map", json!({ "content_type": "sea_chart", "text": "rocks" }), "assistant"),
    ] {
        chats[0]["mapping"][id] = json!({ "id": id, "parent": "0-0-1", "message": {
            "id": id, "author": { "role": role }, "content": content, "recipient": "all", "metadata": {},
        }});
    }
    chats.push(json!({ "id": "broken", "mapping": 7 }));
    export(dir, "chats.json", &chats);
    let said = transcript(dir, &["import", "chats.json"]);
    assert!(said.contains("40 conversations (40 new, 0 grown since), 83 new messages"), "{said}");
    let table: Vec<&str> =
        said.lines().skip_while(|line| !line.contains("left out of the texts")).take(5).collect();
    let expected = [
        "  left out of the texts ",
        "  conversation or row that was refused  ",
        "  part of an unknown type  ",
        "  piece of reasoning  ",
        "  call or result of a tool  ",
    ];
    assert_eq!(table.len(), expected.len(), "{said}");
    for (line, expected) in table.iter().zip(expected) {
        assert!(line.starts_with(expected), "{said}");
    }
    assert!(table[2].ends_with("1  sea_chart"), "{said}");
    let overview = transcript(dir, &["import"]);
    let short = "left out of the texts: 1 conversation or row that was refused, 1 part of an unknown type, 1 piece of reasoning, \
                 1 call or result of a tool";
    assert!(overview.contains(short), "{overview}");
    let document = json_of(dir, &["import", "chats.json"]);
    assert_eq!(document["files"][0]["recognised"]["unchanged"], 40);
    assert_eq!(document["files"][0]["left_out"], document["left_out"], "the same bytes count once");
    assert_eq!(document["left_out"].as_array().map(Vec::len), Some(4));
    let frozen = json_of(dir, &["dataset", "--accept-clean"]);
    let card = fs_err::read_to_string(Path::new(frozen["folder"].as_str().expect("a path")).join("card.md"));
    let card = card.expect("a card");
    assert!(card.contains("- 1 part of an unknown type (sea_chart)\n"), "{card}");
    assert!(card.contains("- 1 conversation or row that was refused\n"), "reasons may hold words: {card}");
}

#[test]
fn a_speaker_is_neither_a_person_nor_a_model_until_somebody_says_so() {
    let dir = project();
    let dir = dir.path();
    let turn = |i: usize| format!("User: {}?\n\nHost: {}.\n\n", words(i * 2, 10), words(i * 2 + 1, 16));
    let text: String = (0..30).map(|i| format!("# Evening {i}\n\n{}", turn(i))).collect();
    fs_err::write(dir.join("evenings.md"), text).expect("written");
    let imported = json_of(dir, &["import", "evenings.md", "--role", "Host=assistant"]);
    assert_eq!(imported["overview"]["shares"], json!({ "unknown": 1.0 }));
    let manifest = &json_of(dir, &["dataset", "--accept-clean"])["manifest"];
    let writers: Vec<&String> = manifest["writers"].as_object().expect("writers").keys().collect();
    assert_eq!(writers, ["speaker:Host"]);
    assert_eq!(
        manifest["written"].as_object().map(|written| written.keys().collect::<Vec<_>>()),
        Some(vec![&"unknown".to_owned()])
    );
}
