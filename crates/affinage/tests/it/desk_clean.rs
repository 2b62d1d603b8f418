//! What is clean and what is left to decide is the same for the desk, the freeze, the import and the file of decisions.

use std::path::Path;

use serde_json::{Value, json};

use crate::data::{chat, export, json_of};
use crate::desk::{open, run};
use crate::room::Page;
use crate::temp_dir;

const EVERYTHING: &str = "api/topics";

/// Six chats, of which the first has its question edited into a branch that is no longer shown; two notes, one of them a
/// day's; and a note with a key in it.
fn library(dir: &Path) {
    run(dir, &["init"]);
    let mut chats: Vec<Value> = (0..6).map(|id| chat(id, 1)).collect();
    for (role, node, parent) in [("user", "b0", "root"), ("assistant", "b1", "b0")] {
        chats[0]["mapping"][node] = json!({ "id": node, "parent": parent, "message": {
            "id": node, "author": { "role": role }, "create_time": 1.0, "recipient": "all", "metadata": {},
            "content": { "content_type": "text", "parts": [format!("What the {role} says of the other oar on that branch.")] },
        } });
    }
    export(dir, "chats.json", &chats);
    let notes = [
        (
            "notes/oars.md",
            "# Oars\n\nAsh bends and spruce does not, so the long pair is made of ash and the short one of spruce.\n",
        ),
        (
            "notes/2024-03-04.md",
            "Rowed to the second island and back, against the wind on both ways, which nobody believes.\n",
        ),
        (
            "notes/boat.md",
            "---\nprivate: true\n---\n# The boat\n\nIt leaks at the third plank, and I have told nobody but the carpenter of it.\n",
        ),
    ];
    for (name, text) in notes {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(path, text).expect("written");
    }
    run(dir, &["import", "chats.json"]);
    run(dir, &["import", "notes"]);
}

fn whole(dir: &Path) -> Page {
    let page = open(dir);
    page.wait(EVERYTHING, |found| found["is_whole"] == json!(true));
    page
}

#[test]
fn the_desk_and_the_freeze_call_the_same_cards_clean() {
    let dir = temp_dir();
    library(dir.path());
    let page = whole(dir.path());
    let all = json!({ "by": "filter", "value": {} });
    let seen = page.post("api/group", &all);
    assert_eq!((&seen["count"], &seen["clean"]), (&json!(9), &json!(7)), "{seen}");
    assert_eq!(
        (&seen["dated"], &seen["off_branch"], &seen["flagged"]),
        (&json!(1), &json!(1), &json!(0)),
        "{seen}"
    );
    let summary = page.get("api/summary");
    let told = ["open_clean", "open_dated", "open_off_branch"].map(|key| summary[key].as_u64());
    assert_eq!(told, [Some(7), Some(1), Some(1)], "the freeze page names what it leaves out");
    // The card on the other branch is marked, and only it.
    let cards = seen["shown"].as_array().expect("cards").iter();
    let cards: Vec<Value> =
        cards.map(|card| page.get(&format!("api/card?id={}", card["id"].as_str().expect("an id")))).collect();
    let dated: Vec<&Value> = cards.iter().filter(|card| card["dated"] == json!(true)).collect();
    assert!(dated.len() == 1 && dated[0]["provider"] == "note", "the dated note is marked: {dated:?}");
    let marked: Vec<Value> = cards.into_iter().filter(|card| card["off_branch"] == json!(true)).collect();
    assert_eq!(marked.len(), 1);
    assert!(
        marked[0]["prompt"].as_str().is_some_and(|prompt| prompt.contains("the other oar")),
        "{marked:?}"
    );
    let bulk = |count: u32| json!({ "group": all, "action": "accept", "clean_only": true, "count": count });
    assert_eq!(page.try_post("api/bulk", &bulk(8)).0, 400, "the dated note is not among them");
    assert_eq!(page.post("api/bulk", &bulk(7))["accepted"], 7);
    page.post("api/undo", &json!({}));
    drop(page);
    let frozen = json_of(dir.path(), &["dataset", "--accept-clean"])["manifest"]["counts"].clone();
    assert_eq!(
        (&frozen["accepted"], &frozen["dated"], &frozen["off_branch"]),
        (&json!(7), &json!(1), &json!(1))
    );
}

#[test]
fn a_line_that_recurs_in_what_is_left_out_too_keeps_out_the_same_cards_everywhere() {
    let dir = temp_dir();
    let dir = dir.path();
    library(dir);
    for (name, heading) in [("oar", "# Blades\n\n"), ("rope", "# Ropes\n\n"), ("2024-03-05", "")] {
        let text = format!(
            "{heading}Copied from the grey notebook\n\nThe {name} lay in the wet all night, and nobody saw it.\n"
        );
        fs_err::write(dir.join(format!("notes/{name}.md")), text).expect("written");
    }
    run(dir, &["import", "notes"]);
    let page = whole(dir);
    page.wait("api/filters", |filters| filters["rules"].to_string().contains("L11"));
    let clean = page.get("api/summary")["open_clean"].clone();
    drop(page);
    let found = json_of(dir, &["lint"]);
    assert_eq!((&found["by_rule"]["L11"], &found["accept_clean"]), (&json!(3), &clean), "{found}");
    let frozen = json_of(dir, &["dataset", "--accept-clean"])["manifest"]["counts"].clone();
    assert_eq!((&frozen["accepted"], &frozen["flagged"]), (&clean, &json!(2)), "{frozen}");
}

#[test]
fn what_is_left_to_decide_is_one_number_everywhere() {
    let dir = temp_dir();
    let dir = dir.path();
    library(dir);
    run(dir, &["import", "--topic", "chatgpt:chat-2=private", "--topic", "chatgpt:chat-3=skip"]);
    let page = whole(dir);
    let card = page.get("api/card");
    page.post("api/mark", &json!({ "id": card["id"], "mark": { "action": "reject" }, "label": "rejected" }));
    let at_the_desk = page.get("api/summary")["open"].clone();
    drop(page);
    assert_eq!(at_the_desk, 6, "of ten one is decided, one private, one skipped and one set aside");
    assert_eq!(json_of(dir, &["import"])["overview"]["left_to_decide"], at_the_desk);
    let written = json_of(dir, &["review", "--export", "cards.jsonl"]);
    assert_eq!(
        (&written["left_to_decide"], &written["held_back"], &written["private"], &written["candidates"]),
        (&at_the_desk, &json!(1), &json!(2), &json!(8)),
        "{written}"
    );
    let said = crate::transcript(dir, &["review", "--export", "cards.jsonl"]);
    assert!(said.contains("8 cards, 6 left to decide"), "{said}");
}

#[test]
fn the_card_of_a_version_says_how_its_examples_were_decided_on() {
    let dir = temp_dir();
    let dir = dir.path();
    library(dir);
    let page = whole(dir);
    let card = page.get("api/card");
    page.post("api/mark", &json!({ "id": card["id"], "mark": { "action": "accept" }, "label": "accepted" }));
    let all = json!({ "by": "filter", "value": {} });
    let clean = page.post("api/group", &all)["clean"].clone();
    page.post("api/bulk", &json!({ "group": all, "action": "accept", "clean_only": true, "count": clean }));
    drop(page);
    let said = crate::transcript(dir, &["dataset"]);
    assert!(
        said.contains("the accepted were decided on: 1 one card at a time, 6 many at once, by one click"),
        "{said}"
    );
    let version = json_of(dir, &["dataset"]);
    let counts = &version["manifest"]["counts"];
    assert_eq!(
        (&counts["imported_files"], &counts["decided"]),
        (&json!(4), &json!({ "alone": 1, "together": 6 }))
    );
    let folder = version["folder"].as_str().expect("a path");
    let card = fs_err::read_to_string(Path::new(folder).join("card.md")).expect("a card");
    assert!(card.contains("10 cards from 4 imported file(s): 7 accepted"), "{card}");
    assert!(card.contains("- 1 one card at a time\n- 6 many at once, by one click\n"), "{card}");
}
