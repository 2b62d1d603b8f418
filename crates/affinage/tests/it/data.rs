//! import, lint, review and dataset: from files to a frozen version.

use std::path::Path;

use serde_json::{Value, json};

use crate::{affinage, temp_dir, transcript};

/// Words that no two numbers share.
pub fn words(number: usize, count: usize) -> String {
    let word = |mut n: usize| -> String {
        let mut word = String::new();
        for _ in 0..5 {
            word.push(char::from(b'a' + (n % 26) as u8));
            n /= 26;
        }
        word
    };
    (0..count).map(|i| word(number * 1009 + i * 31)).collect::<Vec<_>>().join(" ")
}

/// A ChatGPT conversation with `turns` exchanges.
pub fn chat(id: usize, turns: usize) -> Value {
    let mut mapping = json!({ "root": { "id": "root", "parent": null, "message": null } });
    let mut parent = "root".to_owned();
    for turn in 0..turns {
        for (role, side) in [("user", 0), ("assistant", 1)] {
            let node = format!("{id}-{turn}-{side}");
            let end = if side == 0 { "?" } else { "." };
            let text = format!("{}{end}", words(id * 100 + turn * 2 + side, 10 + 6 * side));
            mapping[&node] = json!({ "id": node, "parent": parent, "message": {
                "id": node, "author": { "role": role }, "create_time": 1.0 + turn as f64,
                "content": { "content_type": "text", "parts": [text] }, "recipient": "all",
                "metadata": { "model_slug": "gpt-4o" },
            }});
            parent = node;
        }
    }
    json!({ "id": format!("chat-{id}"), "title": "t", "mapping": mapping, "current_node": parent })
}

pub fn export(dir: &Path, name: &str, chats: &[Value]) {
    fs_err::write(dir.join(name), serde_json::to_vec(chats).expect("json")).expect("written");
}

pub fn project() -> tempfile::TempDir {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    dir
}

/// Runs a command that must succeed and gives its standard output.
fn run(dir: &Path, args: &[&str]) -> String {
    let output = affinage(dir).args(args).output().expect("the binary starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub fn json_of(dir: &Path, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&run(dir, &args)).expect("one JSON document")
}

fn rows(path: &Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

#[test]
fn an_export_becomes_a_version_and_growth_keeps_its_sides() {
    let dir = project();
    let dir = dir.path();
    let chats: Vec<Value> = (0..40).map(|i| chat(i, 2)).collect();
    export(dir, "chats.json", &chats);
    let imported = json_of(dir, &["import", "chats.json"]);
    assert_eq!(imported["files"][0]["conversations_new"], 40);
    assert_eq!(imported["library"], json!({ "conversations": 40, "candidates": 80, "answers": 80 }));
    insta::assert_snapshot!(transcript(dir, &["dataset"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: nothing was decided yet, so there is nothing to freeze

    hint: take everything lint finds nothing against: `affinage dataset --accept-clean`
    hint: or choose yourself: `affinage review` opens the desk in your browser
    ");
    let first = json_of(dir, &["dataset", "--accept-clean"]);
    let folder = Path::new(first["folder"].as_str().expect("a path")).to_owned();
    let manifest = &first["manifest"];
    assert!(manifest["certificate"]["max_containment"].as_f64().expect("a number") < 0.2);
    assert!(manifest["certificate"]["max_in_context"].as_f64().expect("a number") < 0.2);
    assert_eq!(manifest["rules"]["selection"], "accept-clean");
    let card = fs_err::read_to_string(folder.join("card.md")).expect("a card");
    assert!(card.contains("nobody read those"), "{card}");
    assert!(card.contains("an edit counted by what it changed: model:gpt 100.0 %."), "{card}");
    let train = rows(&folder.join("train.jsonl"));
    let test = rows(&folder.join("test.jsonl"));
    let validation = rows(&folder.join("validation.jsonl"));
    assert!(card.contains(&format!("model:gpt-4o: {}", train.len())), "{card}");
    assert_eq!(train.len() + test.len() + validation.len(), 80);
    assert!((8..=16).contains(&test.len()) && (4..=12).contains(&validation.len()));
    let lineage = rows(&folder.join("lineage.jsonl"));
    assert_eq!(lineage.len(), 80);
    let origin = &lineage[0]["provenance"]["origin"];
    let at = |key: &str| origin[key].as_u64().expect("a number") as usize;
    let bytes = fs_err::read(dir.join("chats.json")).expect("the export");
    let element: Value =
        serde_json::from_slice(&bytes[at("offset")..][..at("len_bytes")]).expect("the element");
    let node = lineage[0]["provenance"]["node_ids"][0].as_str().expect("a node");
    assert!(element["mapping"][node].is_object(), "the byte range leads to the words");
    let row = train
        .iter()
        .find(|row| row["messages"].as_array().is_some_and(|m| m.len() == 4))
        .expect("a second turn");
    assert_eq!(
        (&row["v"], &row["messages"][3]["role"], &row["writer"]),
        (&json!(1), &json!("assistant"), &json!("model:gpt-4o"))
    );

    assert!(transcript(dir, &["dataset", "--accept-clean"]).contains("nothing changed since v1-"));
    export(dir, "more.json", &(40..60).map(|i| chat(i, 2)).collect::<Vec<_>>());
    run(dir, &["import", "more.json"]);
    let second = json_of(dir, &["dataset", "--accept-clean", "--name", "more"]);
    let name = second["manifest"]["name"].as_str().expect("a name");
    assert!(name.starts_with("v2-more-"), "{name}");
    for (id, side) in manifest["sides"].as_object().expect("sides") {
        assert_eq!(second["manifest"]["sides"][id], *side);
    }
}

#[test]
fn the_same_library_in_another_place_gives_the_same_hash() {
    let hash = |order: [&str; 2]| {
        let dir = project();
        export(dir.path(), "a.json", &(0..20).map(|i| chat(i, 2)).collect::<Vec<_>>());
        export(dir.path(), "b.json", &(20..40).map(|i| chat(i, 1)).collect::<Vec<_>>());
        order.iter().for_each(|file| drop(run(dir.path(), &["import", file])));
        json_of(dir.path(), &["dataset", "--accept-clean"])["manifest"]["hash"].clone()
    };
    assert_eq!(hash(["a.json", "b.json"]), hash(["b.json", "a.json"]));
}

#[test]
fn review_takes_decisions_out_and_in() {
    let dir = project();
    let dir = dir.path();
    insta::assert_snapshot!(transcript(dir, &["review"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: nothing was imported into this project yet (library.db is missing)

    hint: bring your conversations: `affinage import FILE...`
    ");
    export(dir, "chats.json", &(0..30).map(|i| chat(i, 1)).collect::<Vec<_>>());
    run(dir, &["import", "chats.json"]);
    run(dir, &["review", "--export", "cards.jsonl"]);
    let mut cards = rows(&dir.join("cards.jsonl"));
    assert_eq!(cards.len(), 30);
    for card in cards.iter_mut().take(20) {
        card["decision"] = json!("accept");
    }
    cards[20]["decision"] = json!("reject");
    cards[21]["decision"] = json!("edit");
    cards[21]["text"] = json!("Said in my own words, at last.");
    let write = |cards: &[Value]| {
        let lines: Vec<String> = cards.iter().map(Value::to_string).collect();
        fs_err::write(dir.join("cards.jsonl"), lines.join("\n")).expect("written");
    };
    write(&cards);
    let first = json_of(dir, &["review", "--import", "cards.jsonl"]);
    assert_eq!(first, json!({ "v": 1, "decisions": 22, "new": 22, "undecided": 8 }));
    assert_eq!(
        json_of(dir, &["review", "--import", "cards.jsonl"])["new"],
        0,
        "the same decisions again are none"
    );

    let dataset = json_of(dir, &["dataset"]);
    let counts = &dataset["manifest"]["counts"];
    assert_eq!(
        (&counts["accepted"], &counts["edited"], &counts["rejected"], &counts["undecided"]),
        (&json!(21), &json!(1), &json!(1), &json!(8))
    );
    let folder = Path::new(dataset["folder"].as_str().expect("a path")).to_owned();
    let all = ["train", "validation", "test"]
        .map(|name| fs_err::read_to_string(folder.join(format!("{name}.jsonl"))).expect("a file"));
    assert!(all.concat().contains("Said in my own words, at last."));
    // Who wrote what is trained on, not what is held out.
    let writers = dataset["manifest"]["writers"].as_object().expect("counts");
    assert_eq!(writers.values().filter_map(Value::as_u64).sum::<u64>() as usize, all[0].lines().count());

    cards[3]["id"] = json!("nobody");
    cards[4]["decision"] = json!("edit");
    write(&cards);
    let refused = transcript(dir, &["review", "--import", "cards.jsonl"]);
    insta::assert_snapshot!(refused, @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 decisions cannot be used, so none was taken: cards.jsonl: row 4: no card `nobody` in the library; cards.jsonl: row 5: `edit` needs the new answer in `text`, or `new_prompt` or `new_context`

    hint: correct these lines and import the file again
    ");
}

#[test]
fn a_second_import_adds_only_what_is_new_and_keeps_decisions() {
    let dir = project();
    let dir = dir.path();
    export(dir, "chats.json", &(0..10).map(|i| chat(i, 2)).collect::<Vec<_>>());
    run(dir, &["import", "chats.json"]);
    let again = json_of(dir, &["import", "chats.json"]);
    let brought = |document: &Value| {
        let file = &document["files"][0];
        ["conversations_new", "conversations_grown", "nodes_new"]
            .map(|key| file[key].as_u64().expect("a count"))
    };
    assert_eq!(brought(&again), [0, 0, 0]);
    run(dir, &["review", "--export", "cards.jsonl"]);
    let accepted = fs_err::read_to_string(dir.join("cards.jsonl"))
        .expect("cards")
        .replace("\"decision\":null", "\"decision\":\"accept\"");
    fs_err::write(dir.join("cards.jsonl"), accepted).expect("written");
    run(dir, &["review", "--import", "cards.jsonl"]);

    let mut grown: Vec<Value> = (1..10).map(|i| chat(i, 2)).collect();
    grown.insert(0, chat(0, 3));
    grown.push(chat(10, 1));
    export(dir, "chats.json", &grown);
    assert_eq!(brought(&json_of(dir, &["import", "chats.json"])), [1, 1, 4]);
    let review = json_of(dir, &["review", "--export", "cards.jsonl"]);
    assert_eq!(review["left_to_decide"], 2, "only the two new answers are undecided");
}

#[test]
fn forgetting_leaves_no_trace_of_the_text() {
    let dir = project();
    let dir = dir.path();
    export(dir, "a.json", &(0..20).map(|i| chat(i, 1)).collect::<Vec<_>>());
    export(dir, "b.json", &(19..25).map(|i| chat(i, 1)).collect::<Vec<_>>());
    run(dir, &["import", "a.json", "b.json"]);
    run(dir, &["dataset", "--accept-clean"]);
    let secret = words(3 * 100 + 1, 16);
    let held = |file: &str| {
        let bytes = fs_err::read(dir.join(file)).unwrap_or_default();
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    assert!(held("library.db") || held("library.db-wal"));
    let forgotten = transcript(dir, &["import", "--forget", "a.json"]);
    assert!(
        forgotten.contains("19 conversations, 38 messages"),
        "conversation 19 is in the other file too: {forgotten}"
    );
    assert!(forgotten.contains("text of it is still in datasets/: v1-"), "{forgotten}");
    assert!(!held("library.db") && !held("library.db-wal"));
    assert_eq!(fs_err::read_dir(dir.join("raw")).expect("a folder").count(), 1);
    assert_eq!(json_of(dir, &["import", "b.json"])["library"]["conversations"], 6);
    let unknown = transcript(dir, &["import", "--forget", "a.json"]);
    assert!(unknown.contains("no imported file is called `a.json`"), "{unknown}");
}

#[test]
fn imports_that_bring_nothing_say_why() {
    let dir = project();
    let dir = dir.path();
    fs_err::write(dir.join("list.json"), "[{\"item\":\"milk\"}]").expect("written");
    insta::assert_snapshot!(transcript(dir, &["import", "list.json"]), @r"
    exit: 1
    --- stdout
    --- stderr
    importing list.json
    error: list.json: found 0 conversations because the first element was refused: no list of messages: looked for `messages`, `chat_messages`, `mapping`, `conversations` and the like; its keys are `item`

    hint: affinage reads exports of ChatGPT, Claude, Gemini and many other chat clients, agents and messengers: JSON with lists of messages, a message or a row a line, parquet, SQLite; transcripts whose speakers recur (`NAME: ...`, `## NAME`); and notes: Markdown, text, HTML, docx, odt, epub, PDF
    ");
    assert!(!dir.join("raw").exists() || fs_err::read_dir(dir.join("raw")).expect("a folder").count() == 0);
    let play = "ANNA: Why?\n\nMILLER: So.\n\n".repeat(3);
    fs_err::write(dir.join("play.txt"), &play).expect("written");
    insta::assert_snapshot!(transcript(dir, &["import", "play.txt"]), @r"
    exit: 1
    --- stdout
    --- stderr
    importing play.txt
    error: cannot tell who is the assistant in play.txt; found speakers `ANNA` (3), `MILLER` (3)

    hint: say who the model should learn to be, everyone else is the user: `affinage import play.txt --role ANNA=assistant`
    hint: or say it at the desk, where the text waits now: `affinage review`
    hint: if it is no dialogue, take its sections as your own words: `affinage import play.txt --notes`
    ");
    insta::assert_snapshot!(transcript(dir, &["import", "play.txt", "--role", "MILLER=narrator"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: invalid value 'MILLER=narrator' for '--role <NAME=assistant|user>': `narrator` is not a role, expected `assistant` or `user`

    For more information, try '--help'.
    ");
    let both = transcript(dir, &["import", "list.json", "play.txt", "--role", "miller=assistant"]);
    assert!(both.starts_with("exit: 1") && both.contains("library: 3 cards"), "{both}");
}

#[test]
fn roles_of_the_configuration_are_used() {
    let dir = project();
    let dir = dir.path();
    fs_err::write(dir.join("affinage.toml"), "[dataset.roles]\n\"Miller\" = \"assistant\"\n")
        .expect("written");
    fs_err::write(dir.join("play.md"), "## Anna\n\nWhy?\n\n## Miller\n\nSo.\n\n".repeat(3)).expect("written");
    assert_eq!(json_of(dir, &["import", "play.md"])["library"]["candidates"], 3);
}

#[test]
fn lint_shows_the_place_and_fails_only_when_asked() {
    let dir = project();
    let dir = dir.path();
    let rows = "{\"prompt\":\"What is moss?\",\"completion\":\"A small forest.\\n\\nUser: and lichen?\"}\n\
        {\"prompt\":\"And lichen, if I may ask?\",\"completion\":\"Two that live as one.\"}\n";
    fs_err::write(dir.join("rows.jsonl"), rows).expect("written");
    run(dir, &["import", "rows.jsonl"]);
    insta::assert_snapshot!(transcript(dir, &["lint"]), @r"
    exit: 0
    --- stdout
    2 examples: 1 clean, 1 with an error

       rule  found  what
    E  L02       1  the name of a role, such as `Assistant:`, inside the text

    E L02 the name of a role, such as `Assistant:`, inside the text
      rows.jsonl, answer
        A small forest.  User: and lichen?
                         ^^^^^^
    --- stderr
    found are places in all answers, also of cards that are decided on; the desk counts cards that are open, each by the answer that it proposes
    lint cannot see names of people (pupils, patients, friends) or what else is private beside them; name those that it should find: `affinage lint --private-name NAME`

    hint: decide on them: `affinage review`; or freeze what is clean: `affinage dataset --accept-clean`
    ");
    let strict = transcript(dir, &["lint", "--strict", "-q"]);
    assert!(
        strict.starts_with("exit: 1") && strict.contains("error: 1 error or warning in library"),
        "{strict}"
    );
    let document = json_of(dir, &["lint"]);
    let finding = &document["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["severity"], &finding["text"]),
        (&json!("L02"), &json!("E"), &json!("User: "))
    );
    assert_eq!((&finding["field"], &finding["bytes"]), (&json!("response"), &json!([17, 23])));
    fs_err::write(dir.join("plain.jsonl"), "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi?\"}]}\n")
        .expect("written");
    let plain = run(dir, &["lint", "plain.jsonl"]);
    assert!(plain.contains("plain.jsonl, line 1, “Hi?”, answer: the last message is of `user`"), "{plain}");
    let missing = transcript(dir, &["lint", "nothing-here"]);
    assert!(
        missing.contains("error: `nothing-here` is neither a file or folder nor a dataset version"),
        "{missing}"
    );
}

#[test]
fn a_library_of_a_newer_version_is_refused() {
    let dir = project();
    let dir = dir.path();
    export(dir, "chats.json", &[chat(0, 1)]);
    run(dir, &["import", "chats.json"]);
    let bytes = fs_err::read(dir.join("library.db")).expect("a library");
    let mut newer = bytes.clone();
    // SQLite keeps `user_version` in bytes 60 to 63 of the file, big-endian.
    newer[60..64].copy_from_slice(&99u32.to_be_bytes());
    fs_err::write(dir.join("library.db"), newer).expect("written");
    let refused = transcript(dir, &["lint"]);
    assert!(refused.contains("has version 99, this affinage reads"), "{refused}");
    assert!(transcript(&temp_dir().path().join("."), &["lint"]).contains("no affinage.toml"));
}

#[test]
fn words_are_found_and_gone_when_their_source_is_forgotten() {
    let dir = project();
    let dir = dir.path();
    let mut lamp = chat(1, 1);
    lamp["mapping"]["1-0-0"]["message"]["content"]["parts"] = json!(["What does a Lamp know of the café?"]);
    export(dir, "lamp.json", &[lamp, chat(2, 1)]);
    run(dir, &["import", "lamp.json"]);
    for query in ["lamp", "CAFE", "\"a lamp\" caf", "\"lamp know\""] {
        let found = json_of(dir, &["import", "--find", query]);
        assert_eq!(found["hits"].as_array().expect("a list").len(), 1, "{query}");
        assert_eq!(found["hits"][0]["node_id"], "1-0-0");
        assert!(found["hits"][0]["excerpt"].as_str().expect("text").contains("Lamp"));
    }
    for query in ["\"lamp café\"", "lantern", "AND", "\"", "*"] {
        let found = json_of(dir, &["import", "--find", query]);
        assert_eq!(found["hits"], json!([]), "{query}");
    }
    run(dir, &["import", "--forget", "lamp.json"]);
    assert_eq!(json_of(dir, &["import", "--find", "lamp"])["hits"], json!([]));
}

#[test]
fn private_conversations_stay_out_and_ones_own_words_can_be_learnt() {
    let dir = project();
    let dir = dir.path();
    let chats: Vec<Value> = (0..12).map(|i| chat(i, 2)).collect();
    export(dir, "chats.json", &chats);
    let imported = json_of(dir, &["import", "chats.json", "--topic", "chatgpt:chat-3=private"]);
    assert_eq!(imported["overview"]["shares"], json!({ "model:gpt": 1.0 }));
    let version = json_of(dir, &["dataset", "--accept-clean"]);
    assert_eq!(version["manifest"]["counts"]["private"], 2);
    assert_eq!(json_of(dir, &["review", "--export", "cards.jsonl"])["private"], 2);
    let cards = fs_err::read_to_string(dir.join("cards.jsonl")).expect("cards");
    assert!(!cards.is_empty() && !cards.contains("chat-3"), "{cards}");
    let mine = json_of(dir, &["import", "--learn", "mine"]);
    assert_eq!(mine["overview"]["shares"], json!({ "person": 1.0 }));
    assert_eq!(mine["library"]["candidates"], 12, "a first question answers nothing");
    let version = json_of(dir, &["dataset", "--accept-clean"]);
    assert_eq!(version["manifest"]["rules"]["learn"], "mine");
    let folder = Path::new(version["folder"].as_str().expect("a path")).to_owned();
    let lineage = rows(&folder.join("lineage.jsonl"));
    assert!(lineage.iter().all(|row| row["provenance"]["written"]["person"].as_u64() > Some(0)));
}

#[test]
fn a_conversation_is_chosen_by_its_title() {
    let dir = project();
    let dir = dir.path();
    let mut titled = chat(1, 2);
    titled["title"] = json!("Umbrellas and ownership");
    export(dir, "chats.json", &[chat(0, 2), titled]);
    json_of(dir, &["import", "chats.json", "--topic", "Umbrellas and ownership=private"]);
    assert_eq!(json_of(dir, &["review", "--export", "cards.jsonl"])["private"], 2);
}

#[test]
fn safe_fixes_are_recorded_and_taken_back() {
    let dir = project();
    let dir = dir.path();
    let mut marked = chat(1, 1);
    let parts = &mut marked["mapping"]["1-0-1"]["message"]["content"]["parts"];
    *parts = json!([format!("Assistant: {}", parts[0].as_str().expect("text"))]);
    export(dir, "chats.json", &[marked, chat(2, 1)]);
    run(dir, &["import", "chats.json"]);
    let before = json_of(dir, &["lint"]);
    assert_eq!(before["by_rule"]["L01"], 1);
    assert_eq!(json_of(dir, &["lint", "--fix"])["by_rule"], json!({}));
    assert_eq!(json_of(dir, &["lint", "--unfix"])["by_rule"], before["by_rule"]);
}

/// Exchanges of which each was asked again: the last answer is the one the user went on with.
fn regenerated(id: usize, opening: &str) -> Value {
    let mut chat = chat(id, 1);
    let prompt = format!("{id}-0-0");
    let first = format!("{id}-0-1-first");
    chat["mapping"][&first] = json!({ "id": first, "parent": prompt, "message": {
        "id": first, "author": { "role": "assistant" }, "create_time": 0.5,
        "content": { "content_type": "text", "parts": [format!("{opening}{}.", words(id * 100 + 77, 16))] },
        "recipient": "all", "metadata": { "model_slug": "gpt-4o" },
    }});
    chat
}

#[test]
fn a_version_is_written_for_other_tools() {
    let dir = project();
    let dir = dir.path();
    export(dir, "chats.json", &(0..40).map(|i| regenerated(i, "")).collect::<Vec<_>>());
    run(dir, &["import", "chats.json"]);
    let folder = json_of(dir, &["dataset", "--accept-clean"])["folder"].as_str().expect("a path").to_owned();
    let train = rows(&Path::new(&folder).join("train.jsonl"));
    for (format, key) in [("messages", "messages"), ("sharegpt", "conversations"), ("alpaca", "instruction")]
    {
        let written = json_of(dir, &["dataset", "export", "--format", format, "--out", format]);
        assert_eq!(written["rows"]["train"], train.len());
        let lines = rows(&dir.join(format).join("train.jsonl"));
        assert!(lines.len() == train.len() && lines.iter().all(|line| !line[key].is_null()));
        assert_eq!(lines[0]["id"], train[0]["example_id"]);
    }
    let tables = json_of(dir, &["dataset", "export", "--format", "parquet", "--out", "tables"]);
    assert_eq!(tables["rows"]["train"], train.len());
    let other = project();
    let table = dir.join("tables/train.parquet");
    let imported = json_of(other.path(), &["import", table.to_str().expect("UTF-8")]);
    assert_eq!(imported["files"][0]["conversations_new"], train.len());
    run(other.path(), &["review", "--export", "cards.jsonl"]);
    let read_back: Vec<[Value; 2]> = rows(&other.path().join("cards.jsonl"))
        .into_iter()
        .map(|card| [card["prompt"].clone(), card["variants"][0]["text"].clone()])
        .collect();
    for row in &train {
        let words = [&row["messages"][0]["content"], &row["messages"][1]["content"]].map(Clone::clone);
        assert!(read_back.contains(&words), "{words:?}");
    }
    let pairs = json_of(dir, &["dataset", "export", "v1", "--format", "preference", "--out", "pairs"]);
    assert_eq!(pairs["rows"]["train"], train.len(), "each was asked again once");
    let pair = &rows(&dir.join("pairs/train.jsonl"))[0];
    assert_eq!(pair["evidence"], "kept");
    assert_eq!(pair["chosen"][0], train[0]["messages"][1]);
    let again = transcript(dir, &["dataset", "export", "--format", "alpaca", "--out", "alpaca"]);
    assert!(again.contains("alpaca exists already") && again.contains("nothing is overwritten"), "{again}");
}

#[test]
fn pairs_that_an_outward_feature_decides_are_refused() {
    let dir = project();
    let dir = dir.path();
    export(dir, "chats.json", &(0..40).map(|i| regenerated(i, "Certainly, ")).collect::<Vec<_>>());
    run(dir, &["import", "chats.json"]);
    run(dir, &["dataset", "--accept-clean"]);
    let export = ["dataset", "export", "--format", "preference", "--out", "pairs"];
    let refused = transcript(dir, &export);
    assert!(
        refused.contains("exit: 1") && refused.contains("L40") && refused.contains("certainly"),
        "{refused}"
    );
    assert!(!dir.join("pairs").exists());
    let allowed = transcript(dir, &[&export[..], &["--allow-label-artefact"]].concat());
    assert!(allowed.contains("exit: 0") && allowed.contains("warning: L40"), "{allowed}");
}

#[test]
fn a_diff_names_what_came_and_what_was_reworded() {
    let dir = project();
    let dir = dir.path();
    export(dir, "chats.json", &(0..40).map(|i| chat(i, 1)).collect::<Vec<_>>());
    run(dir, &["import", "chats.json"]);
    run(dir, &["dataset", "--accept-clean"]);
    run(dir, &["review", "--export", "cards.jsonl"]);
    let mut cards = rows(&dir.join("cards.jsonl"));
    cards[0]["decision"] = json!("edit");
    cards[0]["text"] = json!("Said in my own words, at last.");
    cards[1]["decision"] = json!("reject");
    let lines: Vec<String> = cards.iter().map(Value::to_string).collect();
    fs_err::write(dir.join("cards.jsonl"), lines.join("\n")).expect("written");
    run(dir, &["review", "--import", "cards.jsonl"]);
    export(dir, "more.json", &(40..45).map(|i| chat(i, 1)).collect::<Vec<_>>());
    run(dir, &["import", "more.json"]);
    run(dir, &["dataset", "--accept-clean"]);
    let difference = &json_of(dir, &["dataset", "diff", "v1", "v2"])["difference"];
    let listed = |key: &str| -> usize {
        let sides = difference[key].as_object().expect("sides").values();
        sides.map(|ids| ids.as_array().expect("ids").len()).sum()
    };
    assert_eq!((listed("added"), listed("removed")), (5, 1));
    assert_eq!(difference["reworded"], json!([cards[0]["id"]]));
    assert_eq!((&difference["moved"], &difference["rules"]), (&json!([]), &json!([])));
    assert!(transcript(dir, &["dataset", "diff", "v1", "v1"]).contains("hold the same examples"));
}
