//! The figures of a freeze add up: every candidate is accepted or left out for a reason that is said by number.

use std::path::Path;

use serde_json::{Value, json};

use crate::data::{chat, export, json_of};
use crate::{affinage, temp_dir, tiny};

fn run(dir: &Path, args: &[&str]) -> String {
    let output = affinage(dir).args(args).output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Freezes, and holds the figures of `--json` against the library and the files; gives them.
fn frozen(dir: &Path, args: &[&str]) -> Value {
    let document = json_of(dir, args);
    let manifest = &document["manifest"];
    let counts = manifest["counts"].as_object().expect("counts");
    let library = json_of(dir, &["import"]);
    assert_eq!(counts["candidates"], library["library"]["candidates"]);
    let no_reason = ["candidates", "accepted", "edited", "drafted", "imported_files", "decided"];
    let left_out: u64 =
        counts.iter().filter(|(name, _)| !no_reason.contains(&name.as_str())).map(|(_, n)| number(n)).sum();
    assert_eq!(number(&counts["candidates"]), number(&counts["accepted"]) + left_out, "{counts:?}");
    let files = manifest["files"].as_object().expect("files").iter();
    let examples: u64 = files
        .filter(|(name, _)| *name != "alternatives.jsonl")
        .map(|(_, file)| number(&file["examples"]))
        .sum();
    let dropped = manifest["certificate"]["dropped"].as_array().expect("a list").len() as u64;
    assert_eq!(number(&counts["accepted"]), examples + dropped, "{counts:?}");
    document
}

fn card(document: &Value) -> String {
    let folder = document["folder"].as_str().expect("a path");
    fs_err::read_to_string(Path::new(folder).join("card.md")).expect("a card")
}

/// Conversations of one exchange; the first has its question edited into a branch that is not shown, the second and third
/// say the same, the answer of the fourth has residue in it.
fn chats() -> Vec<Value> {
    let mut chats: Vec<Value> = (0..30).map(|id| chat(id, 1)).collect();
    for (role, node, parent) in [("user", "b0", "root"), ("assistant", "b1", "b0")] {
        chats[0]["mapping"][node] = json!({ "id": node, "parent": parent, "message": {
            "id": node, "author": { "role": role }, "create_time": 1.0, "recipient": "all", "metadata": {},
            "content": { "content_type": "text", "parts": [format!("What the {role} says on the other branch of it.")] },
        } });
    }
    for side in [0, 1] {
        let message = |id: usize| format!("/mapping/{id}-0-{side}/message/content/parts/0");
        let same = chats[1].pointer(&message(1)).expect("a text").clone();
        *chats[2].pointer_mut(&message(2)).expect("a text") = same;
    }
    let text = chats[3].pointer_mut("/mapping/3-0-1/message/content/parts/0").expect("a text");
    *text = json!(format!("{} <|im_end|>", text.as_str().expect("a text")));
    chats
}

#[test]
fn every_candidate_is_accepted_or_left_out_for_a_named_reason() {
    let dir = temp_dir();
    let dir = dir.path();
    run(dir, &["init"]);
    export(dir, "chats.json", &chats());
    run(dir, &["import", "chats.json"]);
    run(dir, &["import", "--topic", "chatgpt:chat-4=private", "--topic", "chatgpt:chat-5=skip"]);

    let said = run(dir, &["dataset", "--accept-clean"]);
    assert!(said.contains("31 cards: 26 accepted (0 edited), 5 left out"), "{said}");
    let clean = frozen(dir, &["dataset", "--accept-clean"]);
    let counts = &clean["manifest"]["counts"];
    for (reason, words) in [
        ("off_branch", "1 on a branch that its conversation does not show"),
        ("private", "1 held private"),
        ("set_aside", "1 in a conversation that is skipped or set aside"),
        ("flagged", "1 not decided on, and flagged by lint"),
        ("exact_duplicates", "1 repeats another example word for word"),
    ] {
        assert_eq!(counts[reason], 1, "{reason} of {counts}");
        assert!(
            said.contains(&format!("  {words}\n")) && card(&clean).contains(&format!("- {words}\n")),
            "{said}"
        );
    }
    assert!(
        card(&clean)
            .contains("31 cards from 1 imported file(s): 26 accepted (0 of them edited), 5 left out.")
    );

    run(dir, &["review", "--export", "cards.jsonl"]);
    let cards = fs_err::read_to_string(dir.join("cards.jsonl")).expect("cards");
    let mut cards: Vec<Value> =
        cards.lines().map(|line| serde_json::from_str(line).expect("a card")).collect();
    for (index, card) in cards.iter_mut().enumerate() {
        card["decision"] = match index {
            0..20 => json!("accept"),
            20 => json!("reject"),
            21 | 22 => json!("edit"),
            _ => Value::Null,
        };
    }
    cards[21]["text"] = json!("The words of a person, and of nobody else.");
    cards[22]["text"] = json!("The words of a person <|im_end|>");
    let lines: Vec<String> = cards.iter().map(Value::to_string).collect();
    fs_err::write(dir.join("cards.jsonl"), lines.join("\n")).expect("written");
    run(dir, &["review", "--import", "cards.jsonl"]);
    let signed = frozen(dir, &["dataset"]);
    let counts = &signed["manifest"]["counts"];
    assert_eq!((&counts["rejected"], &counts["edited"]), (&json!(1), &json!(1)), "{counts}");
    assert!(number(&counts["blocked"]) >= 1 && number(&counts["undecided"]) >= 6, "{counts}");
    assert_eq!(counts["off_branch"], 0, "a person decided on it, or nobody did: {counts}");

    run(dir, &["import", "--learn", "edited"]);
    cards.iter_mut().take(20).for_each(|card| {
        card["decision"] = json!("edit");
        card["text"] =
            json!(format!("Edited by hand: {}", card["variants"][0]["text"].as_str().expect("a text")));
    });
    let lines: Vec<String> = cards.iter().map(Value::to_string).collect();
    fs_err::write(dir.join("cards.jsonl"), lines.join("\n")).expect("written");
    run(dir, &["review", "--import", "cards.jsonl"]);
    let counts = frozen(dir, &["dataset"])["manifest"]["counts"].clone();
    assert!(number(&counts["not_edited"]) >= 6 && number(&counts["edited"]) >= 15, "{counts}");
}

#[test]
fn an_older_copy_changes_no_frozen_row() {
    let dir = temp_dir();
    let dir = dir.path();
    run(dir, &["init"]);
    // Times that do not tell which copy is the older one.
    let flat = |mut chat: Value| {
        let nodes = chat["mapping"].as_object_mut().expect("nodes").values_mut();
        nodes
            .filter(|node| node["message"].is_object())
            .for_each(|node| node["message"]["create_time"] = json!(7.0));
        chat
    };
    let all = |turns: usize| (0..12).map(|id| flat(chat(id, turns))).collect::<Vec<_>>();
    export(dir, "grown.json", &all(2));
    export(dir, "early.json", &all(1));
    run(dir, &["import", "early.json"]);
    run(dir, &["import", "grown.json"]);
    let before = frozen(dir, &["dataset", "--accept-clean"]);
    assert_eq!(before["manifest"]["counts"]["accepted"], 24);
    let said = run(dir, &["import", "early.json"]);
    assert!(said.contains("12 older copies of what is there: nothing was taken away"), "{said}");
    assert_eq!(frozen(dir, &["dataset", "--accept-clean"])["manifest"]["hash"], before["manifest"]["hash"]);
}

#[test]
fn lint_leads_to_a_freeze_that_has_something_to_take() {
    let dir = temp_dir();
    let dir = dir.path();
    run(dir, &["init"]);
    export(dir, "chats.json", &chats());
    run(dir, &["import", "chats.json"]);
    let said = run(dir, &["lint"]);
    assert!(said.contains("or freeze what is clean: `affinage dataset --accept-clean`"), "{said}");
    run(dir, &["review", "--export", "cards.jsonl"]);
    let cards = fs_err::read_to_string(dir.join("cards.jsonl")).expect("cards");
    let decided = |line: &str| {
        let mut card: Value = serde_json::from_str(line).expect("a card");
        card["decision"] = json!("accept");
        format!("{card}\n")
    };
    fs_err::write(dir.join("cards.jsonl"), cards.lines().map(decided).collect::<String>()).expect("written");
    run(dir, &["review", "--import", "cards.jsonl"]);
    let said = run(dir, &["lint"]);
    assert!(said.contains("; or freeze what you accepted: `affinage dataset`"), "{said}");
    assert!(!said.contains("--accept-clean"), "nothing undecided is left: {said}");
}

#[test]
fn what_to_do_next_follows_from_what_is_there() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let next = || {
        let said = run(dir, &["import"]);
        said.lines().rfind(|line| line.starts_with("hint: ")).unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    assert!(next().contains("train on v1-") && next().contains("`affinage train`"), "{}", next());
    let more = json!({"messages": [
        {"role": "user", "content": "What is the harbour like at night?"},
        {"role": "assistant", "content": "Quiet, with one lamp above the third boat."}
    ]});
    fs_err::write(dir.join("more.jsonl"), format!("{more}\n")).expect("written");
    let said = run(dir, &["import", "more.jsonl"]);
    assert!(said.contains("hint: 1 conversation or section was imported since v1-"), "{said}");
    // What was frozen before took the clean ones unread, and so does the command that is named.
    assert!(said.contains("freeze another version, `affinage dataset --accept-clean`"), "{said}");
    frozen(dir, &["dataset", "--accept-clean"]);
    assert!(next().contains("train on v2-"), "{}", next());
    run(dir, &["import", "--learn", "mine"]);
    let other = next();
    assert!(
        other.contains("was frozen to learn the answers that you accept, whoever wrote them, and now your own words are to be learnt"),
        "{other}"
    );
    assert!(!other.contains("train on"), "{other}");
    run(dir, &["import", "--learn", "assistant"]);
    assert!(next().contains("train on v2-"), "{}", next());
    run(dir, &["--set", "train.max-steps=2", "train"]);
    let trained = run(dir, &["--set", "train.max-steps=2", "import"]);
    assert!(trained.contains("made it better: `affinage eval`"), "{trained}");
    let few = ["--set", "train.max-steps=2", "--set", "eval.suites=[\"in-domain\"]"];
    run(dir, &[&few[..], &["eval"]].concat());
    let evaluated = run(dir, &[&few[..], &["import"]].concat());
    assert!(
        evaluated.contains("what came of v2-") && evaluated.contains("`affinage report --open`"),
        "{evaluated}"
    );
    let lint = run(dir, &["lint"]);
    assert!(!lint.contains("or freeze what is clean"), "it is frozen: {lint}");
}
