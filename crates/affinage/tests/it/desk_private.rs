//! What is held private from a card, from a search and by folder.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::desk::{open, run};
use crate::room::Page;
use crate::temp_dir;

const KILN: &str =
    "The kiln stands behind the house, and on a cold morning one hears it tick long before it can be seen.";
const CLAY: &str =
    "The clay comes from the river bank, and it is full of roots that one has to pick out by hand.";

/// Notes on pottery, and two on health in a folder of their own.
fn notes() -> TempDir {
    let dir = temp_dir();
    let folder = dir.path().join("notes");
    for (name, text) in [
        ("work/kiln.md", format!("# The kiln\n\n## Its first winter here\n\n{KILN}\n\n## What I mended in it\n\n{KILN} I mended its door.\n")),
        ("work/clay.md", format!("# The clay\n\n{CLAY}\n")),
        ("own/health/ferritin.md", format!("# At the doctor\n\n## What she found\n\nFerritin was low again, she said, and asked whether I slept at all in these weeks.\n\n## What to ask next\n\n{CLAY} I could not think of anything else to say there.\n")),
        ("own/sleep.md", "# Nights\n\nI woke at three again and counted the glazes on the shelf until it was light outside.\n".to_owned()),
    ] {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(path, text).expect("written");
    }
    run(dir.path(), &["init"]);
    run(dir.path(), &["import", "notes"]);
    dir
}

fn shown(page: &Page) -> u64 {
    page.get("api/summary")["candidates"].as_u64().expect("a number")
}

#[test]
fn a_folder_of_notes_is_held_private_with_all_below_it() {
    let dir = notes();
    let page = open(dir.path());
    let found = page.wait("api/topics", |found| found["is_whole"] == json!(true));
    let rows = found["folders"].as_array().expect("folders");
    let row =
        |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {found}"));
    assert_eq!((&row("own")["files"], &row("own")["candidates"]), (&json!(2), &json!(3)));
    assert_eq!((&row("own/health")["files"], &row("own/health")["is_file"]), (&json!(1), &json!(false)));
    let before = shown(&page);
    page.post("api/choice", &json!({ "folder": "own", "choice": "private" }));
    assert_eq!(shown(&page), before - 3);
    let found = page.get("api/topics?held=1");
    let chosen =
        found["folders"].as_array().expect("folders").iter().filter(|row| row["chosen"] == "private");
    assert_eq!(chosen.count(), 4, "two folders and their files: {found}");
    let linted = crate::transcript(dir.path(), &["lint", "--rule", "L33"]);
    assert!(linted.contains("not looked at: 3 cards that you hold private"), "{linted}");
    page.post("api/undo", &json!({}));
    assert_eq!(shown(&page), before);
}

#[test]
fn a_card_makes_its_whole_document_private_and_a_list_forgets_it() {
    let dir = notes();
    let page = open(dir.path());
    page.wait("api/topics", |found| found["is_whole"] == json!(true));
    let before = shown(&page);
    let first = page.post("api/only", &json!({ "filter": { "words": "ferritin" } }));
    assert_eq!(page.get("api/summary")["only"]["left"], 1);
    let held = page.post("api/choice", &json!({ "card": first["id"], "choice": "private" }));
    assert_eq!(held["count"], 2, "both sections of the document");
    assert_eq!(shown(&page), before - 2);
    assert_eq!(page.get("api/summary")["only"]["left"], 0, "what is private is not left to decide");
    assert_eq!(page.get("api/card"), Value::Null);
}

#[test]
fn all_that_a_search_finds_is_held_private_whatever_was_decided() {
    let dir = notes();
    let page = open(dir.path());
    page.wait("api/topics", |found| found["is_whole"] == json!(true));
    let before = shown(&page);
    let clay = json!({ "by": "filter", "value": { "words": "\"river bank\"" } });
    page.post("api/bulk", &json!({ "group": clay, "action": "accept", "count": 2 }));
    let any = json!({ "by": "filter", "value": { "words": "\"river bank\"", "state": "any" } });
    let held = page.post("api/choice", &json!({ "group": any, "choice": "private" }));
    assert_eq!((&held["label"], &held["count"]), (&json!("3 cards of 2 documents: private"), &json!(3)));
    assert_eq!(shown(&page), before - 3);
    assert_eq!(page.get("api/summary")["accepted"], 0);
}

/// A note that is held private, with faults that every command would show: a key, an address, residue and wrong characters, a
/// near-duplicate of an open one, and a word that stands nowhere else.
const SECRET: &str = "quittenbaum";

#[test]
fn a_conversation_that_is_newly_private_is_shown_by_no_command() {
    let dir = notes();
    let dir = dir.path();
    let name = format!("notes/own/health/{SECRET}.md");
    let text = format!(
        "# The {SECRET}\n\n{KILN} The {SECRET} is what I mean, at {SECRET}@kiln.bayern, and my wifi password is {SECRET}ast.\n\n\
         ## More of the {SECRET}\n\nThe {SECRET} canâ€™t be seen from the house, [and] nobody knows it. <|im_end|>\n"
    );
    fs_err::write(dir.join(&name), text).expect("written");
    run(dir, &["import", "notes"]);
    let shown = |args: &[&str]| crate::transcript(dir, args).contains(SECRET);
    let commands: [&[&str]; 16] = [
        &["import"],
        &["import", "--json"],
        &["import", "--find", "kiln"],
        &["import", "--find", "kiln", "--json"],
        &["lint", "--verbose"],
        &["lint", "--json"],
        &["lint", "--rule", "L41"],
        &["lint", "--pseudonyms"],
        &["lint", "--pseudonyms", "--json"],
        &["lint", "--fix", "--pseudonyms", "--verbose"],
        &["review", "--export", "cards.jsonl", "--json"],
        &["dataset", "--accept-clean", "--verbose"],
        &["dataset", "--json"],
        &["lint", "v1"],
        &["inspect"],
        &["doctor"],
    ];
    let before: Vec<&[&str]> = commands.iter().take(9).copied().filter(|args| shown(args)).collect();
    assert!(before.len() >= 6, "they show it while it is not private: {before:?}");
    let page = open(dir);
    page.wait("api/topics", |found| found["is_whole"] == json!(true));
    let hits = page.get(&format!("api/search?words={SECRET}"));
    let card = json!({ "card": hits[0]["id"], "choice": "private" });
    assert_eq!(page.post("api/choice", &card)["count"], 2, "both sections");
    assert_eq!(page.get(&format!("api/search?words={SECRET}")), json!([]));
    drop(page);
    for args in commands {
        assert!(!shown(args), "{args:?}: {}", crate::transcript(dir, args));
    }
    let said = crate::transcript(dir, &["lint", "--fix"]);
    assert!(said.contains("not changed: 2 cards that you hold private"), "{said}");
    let cards = fs_err::read_to_string(dir.join("cards.jsonl")).expect("cards");
    assert!(cards.contains("kiln") && !cards.contains(SECRET), "{cards}");
    let datasets: Vec<_> = fs_err::read_dir(dir.join("datasets")).into_iter().flatten().flatten().collect();
    for file in
        datasets.iter().flat_map(|version| fs_err::read_dir(version.path()).into_iter().flatten().flatten())
    {
        let text = fs_err::read_to_string(file.path()).unwrap_or_default();
        assert!(!text.contains(SECRET), "{}", file.path().display());
    }
}

/// Status and body of a request for something.
fn try_get(page: &Page, path: &str) -> (u16, String) {
    let (port, token) = (page.port, &page.token);
    let (status, _, body) = page.send(&format!(
        "GET /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    ));
    (status, body)
}

/// The conversation of the note that is set aside, as a part of an address.
fn set_aside(page: &Page) -> (Value, String) {
    let found = page.wait("api/topics?held=1", |found| found["is_whole"] == json!(true));
    let key = found["aside"][0]["conversation"].clone();
    let address = key.as_str().expect("a key").replace('/', "%2F").replace(' ', "%20").replace('#', "%23");
    (key, address)
}

#[test]
fn a_note_that_calls_itself_private_is_shown_once_it_is_kept_or_a_card_of_it_is_accepted() {
    let dir = notes();
    let dir = dir.path();
    let text = format!(
        "---\nprivate: true\n---\n# The {SECRET}\n\nThe {SECRET} stands behind the house, where nobody looks.\n"
    );
    fs_err::write(dir.join("notes/own/tree.md"), text).expect("written");
    run(dir, &["import", "notes"]);
    let page = open(dir);
    let (key, address) = set_aside(&page);
    let search = || page.get(&format!("api/search?words={SECRET}")).as_array().map_or(0, Vec::len);
    let conversation = || try_get(&page, &format!("api/conversation?key={address}"));
    let terminal = || crate::transcript(dir, &["lint", "--verbose"]).contains("not looked at: 1 card");
    // Whether it is shown: by the desk's search, its conversation and the cards it counts, and by a command.
    let shown = || [search() > 0, conversation().0 == 200, shown(&page) == 7, !terminal()];
    assert_eq!(shown(), [false; 4]);
    let (status, said) = conversation();
    assert!(status == 400 && said.contains("held private") && !said.contains(SECRET), "{status}: {said}");
    page.post("api/choice", &json!({ "conversation": key, "choice": "keep" }));
    assert_eq!(shown(), [true; 4]);
    let card = page.get(&format!("api/search?words={SECRET}"))[0]["id"].clone();
    let mark = |action: &str| {
        page.post("api/mark", &json!({ "id": card, "mark": { "action": action }, "label": action }));
    };
    mark("accept");
    page.post("api/choice", &json!({ "conversation": key, "choice": null }));
    assert_eq!(shown(), [true; 4], "a card of it is accepted");
    let frozen = crate::data::json_of(dir, &["dataset", "--accept-clean"])["manifest"]["counts"].clone();
    assert!(frozen["private"] == 0 && frozen["decided"]["alone"] == 1, "{frozen}");
    mark("reject");
    assert_eq!(shown(), [false; 4], "what is rejected is not shown for that");
    let id = card.as_str().expect("an id");
    for path in [format!("api/card?id={id}"), format!("api/following?id={id}&variant=x")] {
        let (status, said) = try_get(&page, &path);
        assert!(status == 400 && said.contains("held private") && !said.contains(SECRET), "{path}: {said}");
    }
    let accept = json!({ "id": card, "mark": { "action": "accept" }, "label": "accept" });
    assert_eq!(page.try_post("api/mark", &accept).0, 400, "nobody accepts what they are not shown");
    page.post("api/undo", &json!({}));
    assert_eq!(shown(), [true; 4], "it is accepted again");
    run(dir, &["import", "--topic", &format!("{}=private", key.as_str().expect("a key"))]);
    assert_eq!(shown(), [false; 4], "a choice made in a terminal holds at a desk that is open");
}

#[test]
fn a_search_says_how_much_it_would_hold_private() {
    let dir = notes();
    let page = open(dir.path());
    page.wait("api/topics", |found| found["is_whole"] == json!(true));
    let group = json!({ "by": "filter", "value": { "words": "\"river bank\"" } });
    let whole = json!({ "cards": 3, "words": "3 cards of 2 documents" });
    assert_eq!(page.post("api/group", &group)["whole"], whole);
    // Skipped or decided on, they are still found.
    page.post("api/choice", &json!({ "file": "clay.md", "choice": "skip" }));
    let found = page.post("api/group", &group);
    assert_eq!((&found["count"], &found["whole"]), (&json!(1), &whole));
    let hold = |cards: u32| {
        page.try_post("api/choice", &json!({ "group": group, "choice": "private", "cards": cards }))
    };
    let (status, said) = hold(2);
    assert!(status == 400 && said.to_string().contains("these are 3 cards now, not 2"), "{said}");
    assert_eq!(hold(3).1["label"], "3 cards of 2 documents: private");
    assert_eq!(page.get("api/search?words=%22river%20bank%22"), json!([]));
}
