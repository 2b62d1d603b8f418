//! The review desk: who is let in, decisions, and that nothing is lost.

use std::path::Path;

use serde_json::{Value, json};

use crate::room::Page;
use crate::{affinage, temp_dir};

/// A project with `count` questions, each with an answer of its own words.
pub fn project(count: usize) -> tempfile::TempDir {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    let rows: Vec<String> = (0..count)
        .map(|i| {
            json!({ "prompt": format!("What is thing number {i} good for?"),
                    "completion": format!("It is good for the purpose {i}, and for nothing else.") })
            .to_string()
        })
        .collect();
    fs_err::write(dir.path().join("rows.jsonl"), rows.join("\n")).expect("written");
    run(dir.path(), &["import", "rows.jsonl"]);
    dir
}

pub fn run(dir: &Path, args: &[&str]) {
    let output = affinage(dir).args(args).output().expect("the binary starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A desk whose library is read.
pub fn open(dir: &Path) -> Page {
    let page = Page::open(dir, &["review"]);
    page.wait("api/summary", |summary| summary["is_whole"] == json!(true));
    page
}

pub fn id(card: &Value) -> &str {
    card["id"].as_str().expect("a card")
}

#[test]
fn only_the_own_page_is_let_in_and_nothing_foreign_can_be_loaded() {
    let dir = project(2);
    let page = open(dir.path());
    let (port, token) = (page.port, page.token.clone());
    let status = |path: &str, headers: &str| {
        let request = format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        page.send(&request).0
    };
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    let api = format!("/{token}/api/summary");
    assert_eq!(status(&api, &host), 200);
    assert_eq!(status("/", &host), 403);
    assert_eq!(status(&api.replace(&token[1..4], "zzz"), &host), 403);
    assert_eq!(status(&api, &format!("Host: evil.example:{port}\r\n")), 421);
    assert_eq!(status(&api, ""), 421);
    assert_eq!(status(&api, &format!("{host}Origin: http://evil.example\r\n")), 403);
    let post = |origin: &str| {
        let body = "{}";
        page.send(&format!("POST /{token}/api/mark HTTP/1.1\r\n{host}{origin}Content-Length: 2\r\nConnection: close\r\n\r\n{body}")).0
    };
    assert_eq!(post(""), 403, "a form of another page sends no origin of ours");
    assert_eq!(post(&format!("Origin: http://127.0.0.1:{port}\r\n")), 400, "let in, but no decision");
    let (status, head, body) =
        page.send(&format!("GET /{token}/ HTTP/1.1\r\n{host}Connection: close\r\n\r\n"));
    assert_eq!(status, 200);
    assert!(head.contains("Content-Security-Policy: default-src 'none'; script-src 'self'"), "{head}");
    assert!(head.contains("Cache-Control: no-store") && head.contains("Referrer-Policy: no-referrer"));
    assert!(!body.contains("http://") && !body.contains("https://"), "the page asks no other server");
}

#[test]
fn a_decision_survives_a_kill_and_a_second_desk_is_refused() {
    let dir = project(5);
    let dir = dir.path();
    let mut page = open(dir);
    let second = affinage(dir).args(["review", "--no-open"]).output().expect("the binary starts");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&format!("in use by process {}", page.child.id())), "{said}");
    let first = page.get("api/card");
    let next = page.get(&format!("api/next?of={}", id(&first)));
    assert_eq!(mark(&page, &first, &json!({ "action": "reject", "reason": "dull" }))["rejected"], 1);
    page.post("api/place", &json!({ "id": id(&next) }));
    page.child.kill().expect("killed with SIGKILL");
    page.child.wait().expect("ended");
    let page = open(dir);
    assert_eq!(page.get("api/summary")["rejected"], 1);
    assert_eq!(id(&page.get("api/card")), id(&next), "the desk goes on where it stopped");
    let back = page.get(&format!("api/previous?of={}", id(&next)));
    assert_eq!((id(&back), &back["mark"]["reason"]), (id(&first), &json!("dull")));
}

/// SIGKILL at five moments of a quick review: what was answered is in the library, and at most one more.
#[test]
fn a_kill_in_the_middle_of_a_review_loses_nothing_that_was_answered() {
    let dir = project(2000);
    let dir = dir.path();
    let mut before = 0;
    for round in 0..5u64 {
        let page = open(dir);
        let pid = page.child.id();
        // Some decisions in, so that a slow machine is killed in the middle too.
        let (begun, is_begun) = std::sync::mpsc::channel();
        let killer = std::thread::spawn(move || {
            is_begun.recv().expect("decisions are made");
            std::thread::sleep(std::time::Duration::from_millis(35 * round));
            let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
            assert!(status.expect("kill is there").success());
        });
        let mut answered = 0;
        let mut card = page.get("api/card");
        // The connection breaks when the process is gone.
        while let Some(next) = page.ask(&format!("api/next?of={}", id(&card))) {
            let action = if answered % 3 == 0 { "reject" } else { "accept" };
            let body = json!({ "id": id(&card), "mark": { "action": action, "tags": [format!("t{answered}")] }, "label": "test" });
            if card["second_look"] == json!(false) {
                if page.ask_post("api/mark", &body).is_none() {
                    break;
                }
                answered += 1;
            }
            if answered == 5 {
                begun.send(()).ok();
            }
            card = next;
        }
        killer.join().expect("killed");
        drop(page);
        let page = open(dir);
        let summary = page.get("api/summary");
        let decided =
            summary["accepted"].as_u64().expect("a count") + summary["rejected"].as_u64().expect("a count");
        assert!(
            decided == before + answered || decided == before + answered + 1,
            "{decided} of {before} + {answered}"
        );
        before = decided;
    }
    assert!(before > 20, "the kills came before the decisions: {before}");
}

/// Stores a mark as the page does and gives the summary.
pub fn mark(page: &Page, card: &Value, mark: &Value) -> Value {
    page.post("api/mark", &json!({ "id": id(card), "mark": mark, "label": "test" }))
}

/// The lines of `review --export`, by candidate.
pub fn exported(dir: &Path, id: &str) -> Value {
    run(dir, &["review", "--export", "out.jsonl"]);
    let text = fs_err::read_to_string(dir.join("out.jsonl")).expect("a file");
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a row"));
    rows.into_iter().find(|row| row["id"] == id).expect("the candidate")
}

#[test]
fn steps_are_the_decisions_of_the_library_and_each_can_be_undone() {
    let dir = project(4);
    let dir = dir.path();
    let page = open(dir);
    let card = page.get("api/card");
    let variant = card["variants"][0]["variant"].clone();
    mark(&page, &card, &json!({ "action": "accept" }));
    mark(&page, &card, &json!({ "action": "accept", "variant": variant, "text": "In my own words." }));
    mark(&page, &card, &json!({ "action": "reject" }));
    assert_eq!(exported(dir, id(&card))["decision"], "reject");
    let undone = page.post("api/undo", &json!({}));
    assert_eq!((&undone["id"], &undone["summary"]["accepted"]), (&card["id"], &json!(1)));
    let row = exported(dir, id(&card));
    assert_eq!((&row["decision"], &row["text"]), (&json!("edit"), &json!("In my own words.")));
    page.post("api/undo", &json!({}));
    let row = exported(dir, id(&card));
    assert_eq!((&row["decision"], &row["variant"], &row["text"]), (&json!("accept"), &variant, &Value::Null));
    page.post("api/undo", &json!({}));
    assert_eq!(exported(dir, id(&card))["decision"], Value::Null);
    assert_eq!(page.post("api/undo", &json!({}))["label"], Value::Null, "nothing is left to undo");
    let (status, refused) =
        page.try_post("api/mark", &json!({ "id": id(&card), "mark": { "text": " " }, "label": "" }));
    assert!(status == 400 && refused["error"].as_str().is_some_and(|e| e.contains("empty")), "{refused}");
}

#[test]
fn a_group_is_one_step_and_one_undo() {
    let dir = project(6);
    let page = open(dir.path());
    let card = page.get("api/card");
    mark(&page, &card, &json!({ "action": "accept" }));
    let group = json!({ "by": "conversation", "value": card["conversation"] });
    let preview = page.post("api/group", &group);
    assert_eq!(preview["count"], 0, "every row is a conversation of its own: {preview}");
    fs_err::write(dir.path().join("more.md"), "## User\n\nWhy?\n\n## Assistant\n\nSo it is.\n\n".repeat(5))
        .expect("written");
    drop(page);
    run(dir.path(), &["import", "more.md"]);
    let page = open(dir.path());
    let hits = page.get("api/search?words=so%20IT");
    assert_eq!(hits.as_array().map(Vec::len), Some(5), "{hits}");
    let long = page.get(&format!("api/card?id={}", id(&hits[0])));
    let group = json!({ "by": "conversation", "value": long["conversation"] });
    assert_eq!(page.post("api/group", &group)["count"], 5);
    let bulk = |count: u32| json!({ "group": group, "action": "reject", "count": count });
    assert_eq!(page.try_post("api/bulk", &bulk(4)).0, 400, "the preview is what is done");
    assert_eq!(page.post("api/bulk", &bulk(5))["rejected"], 5);
    let undone = page.post("api/undo", &json!({}));
    assert_eq!((&undone["count"], &undone["summary"]["rejected"]), (&json!(5), &json!(0)));
    let whole = page.get(&format!("api/conversation?key={}", long["conversation"].as_str().expect("a key")));
    assert_eq!(whole["turns"].as_array().map(Vec::len), Some(10));
}

#[test]
fn what_was_accepted_at_once_and_never_opened_gets_no_second_look() {
    let dir = project(90);
    let page = open(dir.path());
    let group = json!({ "by": "filter", "value": {} });
    let mut card = page.get("api/card");
    for _ in 0..4 {
        mark(&page, &card, &json!({ "action": "reject" }));
        card = page.get(&format!("api/next?of={}", id(&card)));
    }
    for digit in ["1", "2", "3"] {
        let text = json!({ "by": "filter", "value": { "words": digit } });
        let count = page.post("api/group", &text)["count"].as_u64().expect("a count");
        page.post("api/bulk", &json!({ "group": text, "action": "accept", "count": count }));
    }
    assert!(
        page.get("api/summary")["accepted"].as_u64() >= Some(20),
        "so many that a second look would be due"
    );
    let left = page.post("api/group", &group)["count"].as_u64().expect("a count");
    for _ in 0..10 {
        card = page.get(&format!("api/next?of={}", id(&card)));
        assert_eq!(card["second_look"], json!(false), "{left} are left");
        mark(&page, &card, &json!({ "action": "accept" }));
    }
    // The same after the desk was closed.
    drop(page);
    let page = open(dir.path());
    for _ in 0..3 {
        card = page.get(&format!("api/next?of={}", id(&card)));
        assert_eq!(card["second_look"], json!(false));
    }
}

#[test]
fn the_queue_learns_says_why_and_looks_twice() {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    // Long answers are to be liked: half of the rows have one.
    let rows: Vec<String> = (0..160)
        .map(|i: usize| {
            let more = "and it goes on with care ".repeat((i % 2) * 12);
            json!({ "prompt": format!("What is thing number {i} good for?"),
                    "completion": format!("It is good for purpose {i} {more}indeed.") })
            .to_string()
        })
        .collect();
    fs_err::write(dir.path().join("rows.jsonl"), rows.join("\n")).expect("written");
    run(dir.path(), &["import", "rows.jsonl"]);
    let page = open(dir.path());
    let mut card = page.get("api/card");
    assert!(card["why"].as_str().is_some_and(|why| why.contains("adapts after 50 decisions")), "{card}");
    let mut twice = 0;
    let mut first_time = std::collections::HashMap::new();
    for turn in 0..75 {
        if card["second_look"] == json!(true) {
            assert_eq!(card["mark"]["action"], Value::Null, "the first decision is hidden");
            let accepts = first_time[id(&card)];
            let same = page.post("api/second-look", &json!({ "id": id(&card), "accepts": accepts }));
            assert_eq!(same["same"], true);
            twice += 1;
        } else {
            let is_long = card["variants"][0]["text"].as_str().expect("a text").len() > 100;
            // The order before learning follows the length too, so some long ones are refused first.
            let accepts = if turn < 45 { turn % 2 == 0 } else { is_long };
            let action = if accepts { "accept" } else { "reject" };
            mark(&page, &card, &json!({ "action": action }));
            first_time.insert(id(&card).to_owned(), accepts);
        }
        card = page.get(&format!("api/next?of={}", id(&card)));
    }
    assert_eq!(twice, 3, "one in twenty");
    // It is the likeliest of all by now, so there is nothing to weigh.
    assert_eq!(card["why"], "", "{card}");
    let figures = page.get("api/dashboard");
    assert_eq!((&figures["second_looks"]["count"], &figures["second_looks"]["same"]), (&json!(3), &json!(3)));
}

#[cfg(unix)]
#[test]
fn a_library_that_was_replaced_takes_no_decision_until_the_page_is_opened_again() {
    let dir = project(2);
    let path = |name: &str| dir.path().join(name);
    fs_err::copy(path("library.db"), path("backup.db")).expect("copied");
    let page = open(dir.path());
    let card = page.get("api/card");
    mark(&page, &card, &json!({ "action": "reject" }));
    fs_err::rename(path("backup.db"), path("library.db")).expect("replaced");
    let accept = json!({ "id": id(&card), "mark": { "action": "accept" }, "label": "test" });
    let (status, reply) = page.try_post("api/mark", &accept);
    assert!(status != 200 && reply.to_string().contains("the library was replaced"), "{status} {reply}");
    let (port, token) = (page.port, &page.token);
    let head = format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n");
    assert_eq!(page.send(&format!("GET /{token}/ HTTP/1.1\r\n{head}\r\n")).0, 200);
    page.wait("api/summary", |summary| summary["is_whole"] == json!(true));
    let summary = page.get("api/summary");
    assert_eq!((&summary["rejected"], &summary["candidates"]), (&json!(0), &json!(2)));
    page.post("api/mark", &accept);
    drop(page);
    assert_eq!(exported(dir.path(), id(&card))["decision"], "accept");
}
