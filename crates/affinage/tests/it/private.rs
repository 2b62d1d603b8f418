//! Names and personal data: found, shown, replaced by the same made-up values, and taken back.

use std::path::Path;

use serde_json::{Value, json};

use crate::{affinage, temp_dir, transcript};

fn json_of(dir: &Path, args: &[&str]) -> Value {
    let output = affinage(dir).arg("--json").args(args).output().expect("starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Two conversations of a Claude export whose account is Anna Berg.
fn export(dir: &Path) {
    let says = |id: &str, sender: &str, text: &str| json!({ "uuid": id, "sender": sender, "content": [{ "type": "text", "text": text }], "attachments": [], "files": [] });
    let chats = json!([
        { "uuid": "k1", "name": "Boats", "chat_messages": [
            says("a", "human", "Whom do I ask about the old boat in the harbour?"),
            says("b", "assistant", "Ask Anna Berg, her address is anna@boats.net and she answers within a day."),
            says("c", "human", "And if she does not answer?"),
            says("d", "assistant", "Then call her at +49 171 2345678, which Anna prefers to letters anyway."),
        ] },
        { "uuid": "k2", "name": "Letters", "chat_messages": [
            says("e", "human", "Please write a letter to ANNA@boats.net about the mast."),
            says("f", "assistant", "Dear Mrs Berg, the mast is broken, and I would like to have it mended soon."),
        ] },
    ]);
    let mut zip = zip::ZipWriter::new(fs_err::File::create(dir.join("claude.zip")).expect("a file"));
    let people = json!([{ "uuid": "u", "full_name": "Anna Berg", "email_address": "anna@boats.net" }]);
    for (name, value) in [("conversations.json", &chats), ("users.json", &people)] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("a member");
        std::io::Write::write_all(&mut zip, value.to_string().as_bytes()).expect("written");
    }
    zip.finish().expect("an archive");
}

#[test]
fn the_findings_for_other_programs_hold_no_key_in_full() {
    let dir = temp_dir();
    let dir = dir.path();
    assert!(affinage(dir).arg("init").status().expect("starts").success());
    let key = "sk-abcdefghijklmnopqrstuvwx1234567890";
    let row = json!({ "messages": [
        { "role": "user", "content": "Where is the key of the sluice?" },
        { "role": "assistant", "content": format!("The key is {key}, and it opens the sluice in spring.") },
    ] });
    fs_err::write(dir.join("rows.jsonl"), format!("{row}\n")).expect("written");
    json_of(dir, &["import", "rows.jsonl"]);
    let found = json_of(dir, &["lint"]);
    let texts: Vec<&str> =
        found["findings"].as_array().expect("a list").iter().filter_map(|row| row["text"].as_str()).collect();
    assert!(texts.iter().any(|text| text.starts_with("sk") && text.contains("****")), "{found}");
    assert!(!found.to_string().contains(key), "{found}");
}

#[test]
fn names_of_the_account_and_personal_data_are_replaced_alike_everywhere_and_can_be_taken_back() {
    let dir = temp_dir();
    let dir = dir.path();
    assert!(affinage(dir).arg("init").status().expect("starts").success());
    export(dir);
    json_of(dir, &["import", "claude.zip"]);
    let before = json_of(dir, &["lint"])["by_rule"].clone();
    assert_eq!(
        (&before["P02"], &before["P03"]),
        (&json!(4), &json!(4)),
        "what stands before a prompt counts: {before}"
    );
    insta::assert_snapshot!(transcript(dir, &["lint", "--pseudonyms"]), @r"
    exit: 0
    --- stdout
    found            becomes              places
    +49 171 2345678  202-555-0101              1
    ANNA@boats.net   person1@example.org       1
    Anna             Robin                     1
    Anna Berg        Robin Vale                2
    Berg             Vale                      1
    anna@boats.net   person1@example.org       2
    --- stderr
    6 values in 5 texts

    hint: nothing is changed yet: `affinage lint --fix --pseudonyms` does it, `--unfix` takes it back
    ");
    assert_eq!(json_of(dir, &["lint"])["by_rule"], before, "a look changes nothing");
    let after = json_of(dir, &["lint", "--fix", "--pseudonyms"])["by_rule"].clone();
    assert_eq!((&after["P02"], &after["P03"]), (&Value::Null, &Value::Null), "{after}");
    let rows = cards(dir);
    assert!(
        !rows.contains("Anna") && !rows.contains("Berg") && !rows.to_lowercase().contains("boats.net"),
        "{rows}"
    );
    assert!(rows.contains("Dear Mrs Vale") && rows.matches("person1@example.org").count() >= 2, "{rows}");
    assert_eq!(json_of(dir, &["lint", "--unfix"])["by_rule"], before);
    let more = json_of(dir, &["lint", "--private-name", "harbour"])["by_rule"].clone();
    assert_eq!(more["P03"], json!(6), "a name of the user's own choice, remembered");
    assert_eq!(json_of(dir, &["lint"])["by_rule"]["P03"], json!(6));
}

#[test]
fn a_system_message_with_a_key_is_found_kept_out_and_replaced() {
    let dir = temp_dir();
    let dir = dir.path();
    assert!(affinage(dir).arg("init").status().expect("starts").success());
    let key = "sk-EXAMPLEd4Fh7Jk1Lp9Qs3Vx6Zb2Nm8";
    let exchanges = [
        ("Why does a lighthouse blink?", "So that nobody takes it for a star."),
        ("What do gulls want from us?", "Bread first, then the whole afternoon."),
        ("How long does paint last on iron?", "Two winters near salt, five inland."),
        ("Who invented the knot?", "Somebody with two loose ends."),
        ("When is the tide highest?", "A day or so after full moon."),
        ("Where do old nets go?", "Over raspberries, mostly."),
        ("Is fog heavier than rain?", "Each drop is lighter, but it stays."),
        ("May I swim under the pier?", "Only while no ferry is due."),
    ];
    let row = |(prompt, answer): &(&str, &str)| {
        json!({ "messages": [
            { "role": "system", "content": format!("You keep the harbour. Call it with {key} and write to jo@boats.net.") },
            { "role": "user", "content": prompt },
            { "role": "assistant", "content": answer },
        ] })
    };
    let rows: String = exchanges.iter().map(|exchange| row(exchange).to_string() + "\n").collect();
    fs_err::write(dir.join("rows.jsonl"), &rows).expect("rows");
    let strict = |target: &str| affinage(dir).args(["lint", target, "--strict"]).output().expect("starts");
    let said = strict("rows.jsonl");
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stdout).contains("system message"), "{said:?}");
    json_of(dir, &["import", "rows.jsonl"]);
    assert_eq!(strict("library").status.code(), Some(1));
    let by_rule = json_of(dir, &["lint"])["by_rule"].clone();
    assert_eq!((&by_rule["P01"], &by_rule["P02"]), (&json!(8), &json!(8)), "{by_rule}");
    let freeze = |dir: &Path| affinage(dir).args(["dataset", "--accept-clean"]).output().expect("starts");
    assert!(!freeze(dir).status.success(), "nothing is clean");
    assert!(cards(dir).contains(key), "the cards show the system message");
    let after = json_of(dir, &["lint", "--fix", "--pseudonyms"])["by_rule"].clone();
    assert_eq!((&after["P01"], &after["P02"]), (&Value::Null, &Value::Null), "{after}");
    let shown = cards(dir);
    assert!(
        shown.contains("[secret key 1]") && !shown.contains(key) && !shown.contains("boats.net"),
        "{shown}"
    );
    let frozen = freeze(dir);
    assert!(frozen.status.success(), "{}", String::from_utf8_lossy(&frozen.stderr));
    assert!(strict("v1").status.success(), "{:?}", strict("v1"));
    json_of(dir, &["lint", "--unfix"]);
    assert!(cards(dir).contains(key), "taken back");
}

/// All cards as `review --export` writes them.
fn cards(dir: &Path) -> String {
    assert!(affinage(dir).args(["review", "--export", "cards.jsonl"]).status().expect("starts").success());
    fs_err::read_to_string(dir.join("cards.jsonl")).expect("cards")
}
