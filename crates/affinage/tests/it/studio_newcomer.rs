//! The studio as somebody meets it who has not read the manual: what is asked too early, what is private, what was refused,
//! and figures that stand in two places.

use std::path::Path;

use serde_json::{Value, json};

use crate::room::Page;
use crate::{desk, temp_dir, tiny};

fn open(dir: &Path) -> Page {
    Page::open(dir, &["studio"])
}

fn room(page: &Page, name: &str) -> String {
    let state = page.get("api/state");
    let rooms = state["rooms"].as_array().expect("rooms");
    let room = rooms.iter().find(|room| room["name"] == name).expect("a room");
    room["sentence"].as_str().expect("a text").to_owned()
}

/// Waits until a job has ended.
fn ended(page: &Page, started: &Value) -> Value {
    let path = format!("api/job?id={}", started["job"]);
    page.wait(&path, |job| job["state"] != "running" && job["state"] != "waiting")
}

fn text(page: &Page, path: &str) -> (u16, String) {
    let (port, token) = (page.port, &page.token);
    let (status, _, body) = page.send(&format!(
        "GET /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    ));
    (status, body)
}

#[test]
fn before_there_is_a_project_every_room_leads_to_start() {
    let dir = temp_dir();
    let page = open(dir.path());
    let asked = json!({ "arms": ["base"], "run": null, "system": null, "prompt": "Who are you?" });
    for (path, body) in [
        ("api/talk/ask", &asked),
        ("api/bring/begin", &json!({ "files": [{ "path": "a.md", "size": 4 }] })),
        ("api/bring/paste", &json!({ "text": "Rain." })),
        ("api/train/freeze", &json!({})),
        ("api/train/settings", &json!({ "epochs": 2, "max_steps": null })),
        ("api/compare/begin", &json!({})),
        ("choose/api/freeze", &json!({})),
    ] {
        let (status, refused) = page.try_post(path, body);
        assert_eq!(status, 400, "{path}: {refused}");
        assert!(refused["error"].as_str().is_some_and(|e| e.contains("is not a project yet")), "{refused}");
        assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("Start")), "{refused}");
    }
    assert_eq!(page.get("api/talk")["said"]["stage"], "idle", "no model is fetched");
    for path in ["choose/", "vote/"] {
        let (status, shown) = text(&page, path);
        assert!(status == 200 && shown.contains("\"../#start\""), "{path}: {shown}");
    }
    assert!(fs_err::read_dir(dir.path()).expect("a folder").next().is_none(), "nothing was written");
}

#[test]
fn the_length_of_a_training_is_changed_in_the_settings_and_older_figures_go() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let file = dir.join("affinage.toml");
    let before = fs_err::read_to_string(&file).expect("there").replace("[train]\n", "[train] # slowly\n");
    fs_err::write(&file, &before).expect("written");
    let page = open(dir);
    let version = page.get("api/train")["versions"][0].clone();
    let plan = ended(&page, &page.post("api/train/plan", &json!({ "version": version })));
    assert_eq!(plan["state"], "finished", "{plan}");
    let plans =
        || page.get("api/jobs").as_array().expect("jobs").iter().filter(|job| job["kind"] == "plan").count();
    assert_eq!(plans(), 1);
    let set = |epochs: usize, steps: Value| {
        page.try_post("api/train/settings", &json!({ "epochs": epochs, "max_steps": steps }))
    };
    assert_eq!(set(2, json!(5)).0, 200);
    let state = page.get("api/train");
    assert_eq!((&state["epochs"], &state["max_steps"]), (&json!(2), &json!(5)), "{state}");
    assert_eq!(plans(), 0, "the figures are those of other settings");
    let after = fs_err::read_to_string(&file).expect("there");
    assert!(after.contains("[train] # slowly\n") && after.contains("max-seq-tokens = 128\n"), "{after}");

    let plan = ended(&page, &page.post("api/train/plan", &json!({ "version": version })));
    let figures: Value = serde_json::from_str(plan["printed"].as_str().expect("a text")).expect("JSON");
    assert_eq!(figures["steps"], 5, "{plan}");
    let training = ended(&page, &page.post("api/train/begin", &json!({ "version": version })));
    assert_eq!((&training["state"], plans()), (&json!("finished"), 0), "{training}");
    assert!(!training["lines"].to_string().contains("% ("), "no line that was true for a moment: {training}");

    let (status, refused) = set(0, json!(5));
    assert!(status == 400 && refused["error"].as_str().is_some_and(|e| e.contains("epochs")), "{refused}");
    assert_eq!(fs_err::read_to_string(&file).expect("there"), after, "what is refused changes nothing");
    assert_eq!(set(2, Value::Null).0, 200);
    assert!(!fs_err::read_to_string(&file).expect("there").contains("max-steps"), "the limit is gone");
    drop(page);
    let page = Page::open(dir, &["--set", "train.epochs=4", "studio"]);
    let (status, refused) = page.try_post("api/train/settings", &json!({ "epochs": 3, "max_steps": null }));
    assert!(status == 400 && refused.to_string().contains("--set train.epochs"), "{refused}");
}

#[test]
fn a_training_that_goes_on_answers_the_prompt_that_it_began_with() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let page = Page::open(dir, &["--set", "train.epochs=400", "--set", "train.eval-every=4", "studio"]);
    let version = page.get("api/train")["versions"][0].clone();
    let begun = page.post("api/train/begin", &json!({ "version": version, "sample": "What is kalo?" }));
    page.wait("api/train", |train| train["runs"][0]["step"].as_u64() > Some(4));
    page.post("api/jobs/stop", &json!({ "id": begun["job"] }));
    ended(&page, &begun);
    let state = page.get("api/train");
    let (name, at) = (state["runs"][0]["name"].as_str().expect("a run"), state["runs"][0]["step"].as_u64());
    assert!(state["runs"][0]["validation_step"].as_u64() <= at, "the loss has its step: {state}");
    assert_eq!(
        page.get("api/compare")["stopped_at"],
        json!(format!("step {} of {}", at.expect("a step"), state["runs"][0]["steps"]))
    );
    let resumed = page.post("api/train/resume", &json!({ "run": name }));
    let path = format!("api/train/run?name={name}");
    let is_later = |one: &Value| one["step"].as_u64() > at && one["prompt"] == "What is kalo?";
    page.wait(&path, |run| run["samples"].as_array().is_some_and(|samples| samples.iter().any(is_later)));
    page.post("api/jobs/stop", &json!({ "id": resumed["job"] }));
    ended(&page, &resumed);
}

#[test]
fn the_strip_counts_what_the_desk_counts() {
    let dir = desk::project(12);
    let page = open(dir.path());
    page.wait("choose/api/summary", |summary| summary["is_whole"] == json!(true));
    let mut card = page.get("choose/api/card");
    for _ in 0..3 {
        let mark = json!({ "id": card["id"], "mark": { "action": "accept" }, "label": "accepted" });
        let summary = page.post("choose/api/mark", &mark);
        let accepted = summary["accepted"].as_u64().expect("a number");
        let said = room(&page, "choose");
        let cards = if accepted == 1 { "card is" } else { "cards are" };
        assert!(said.starts_with(&format!("{accepted} {cards} accepted;")), "{said}");
        card = page.get(&format!("choose/api/next?of={}", card["id"].as_str().expect("an id")));
    }
    // What is private is not learnt, at the desk and without one.
    let key = page.get("choose/api/search?words=number")[0].clone();
    assert!(key.is_object(), "{key}");
    let accepted =
        page.post("choose/api/group", &json!({ "by": "filter", "value": { "state": "accepted" } }));
    let one = accepted["shown"][0]["id"].clone();
    page.post("choose/api/choice", &json!({ "card": one, "choice": "private" }));
    assert!(room(&page, "choose").starts_with("2 cards are accepted;"), "{}", room(&page, "choose"));
    drop(page);
    let page = open(dir.path());
    assert!(room(&page, "choose").starts_with("2 cards are accepted;"), "{}", room(&page, "choose"));
}

#[test]
fn names_of_private_texts_are_shown_where_one_asks_for_them() {
    const SECRET: &str = "About the divorce";
    let dir = temp_dir();
    let dir = dir.path();
    desk::run(dir, &["init"]);
    let words = "The wall is dry, and no mortar holds it; each stone lies on two others, as my grandfather laid them.";
    for (name, body) in
        [("Walls", words), (SECRET, "We spoke of the house, and who would keep it, until the lamp went out.")]
    {
        fs_err::write(dir.join(format!("{name}.md")), format!("# {name}\n\n{body}\n")).expect("written");
        desk::run(dir, &["import", "--notes", &format!("{name}.md")]);
    }
    let page = open(dir);
    page.wait("choose/api/topics", |found| found["is_whole"] == json!(true));
    let everywhere = |held: &str| -> String {
        let topics = page.get(&format!("choose/api/topics?{held}"));
        let inside = (0..topics["topics"].as_array().map_or(0, Vec::len))
            .map(|number| page.get(&format!("choose/api/topic?number={number}&{held}")).to_string());
        let inside: String = inside.collect();
        format!("{topics}{inside}{}{}", page.get("choose/api/filters"), page.get("api/bring"))
    };
    assert!(everywhere("").contains(SECRET));
    page.post("choose/api/choice", &json!({ "file": format!("{SECRET}.md"), "choice": "private" }));
    let shown = everywhere("");
    assert!(!shown.contains(SECRET) && shown.contains("Walls.md"), "{shown}");
    assert_eq!(page.get("choose/api/topics")["held"], 1);
    assert!(everywhere("held=1").contains(SECRET), "so that it can be taken back");
}

#[test]
fn a_refused_freeze_is_no_fault_and_names_all_that_ties() {
    let dir = temp_dir();
    let dir = dir.path();
    desk::run(dir, &["init"]);
    let asked = [
        "Please rewrite the following text in my own voice, thank you",
        "Now tell me in a few sentences whether it reads well to you",
    ];
    let chat = |number: usize| {
        let turn = |prompt: &str, part: usize| json!([{ "role": "user", "content": prompt }, { "role": "assistant", "content": format!("Number {number} of part {part} stands alone as word{number}x{part} between others{number}x{part}.") }]);
        let own = format!("What about thing{number} beside stone{number} and river{number}?");
        let turns = [turn(asked[0], 1), turn(asked[1], 2), turn(&own, 3)];
        let messages: Vec<&Value> = turns.iter().flat_map(|turn| turn.as_array().expect("two")).collect();
        json!({ "messages": messages }).to_string()
    };
    let rows: Vec<String> = (0..16).map(chat).collect();
    fs_err::write(dir.join("chats.jsonl"), rows.join("\n")).expect("written");
    desk::run(dir, &["import", "chats.jsonl"]);
    let page = open(dir);
    page.wait("choose/api/summary", |summary| summary["is_whole"] == json!(true));
    let (status, refused) = page.try_post("choose/api/freeze", &json!({ "accept_clean": true }));
    assert_eq!(status, 400, "{refused}");
    let said = refused.to_string();
    assert!(asked.iter().all(|text| said.contains(text)), "{said}");
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("Reject all")), "{said}");
}
