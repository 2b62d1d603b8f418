//! The review desk: who is let in, decisions, and that nothing is lost.

use std::path::Path;

use serde_json::{Value, json};

use crate::room::Page;
use crate::{affinage, temp_dir};

/// A project with `count` questions, each with an answer of its own words.
fn project(count: usize) -> tempfile::TempDir {
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

fn run(dir: &Path, args: &[&str]) {
    let output = affinage(dir).args(args).output().expect("the binary starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn open(dir: &Path) -> Page {
    let page = Page::open(dir, &["review"]);
    page.wait("api/summary", |summary| summary["is_whole"] == json!(true));
    page
}

fn id(card: &Value) -> &str {
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
        page.send(&format!("POST /{token}/api/decide HTTP/1.1\r\n{host}{origin}Content-Length: 2\r\nConnection: close\r\n\r\n{body}")).0
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
    let decision = json!({ "id": id(&first), "action": "reject" });
    let summary = page.post("api/decide", &decision);
    assert_eq!(summary["rejected"], 1);
    page.child.kill().expect("killed with SIGKILL");
    page.child.wait().expect("ended");
    let page = open(dir);
    assert_eq!(page.get("api/summary")["rejected"], 1);
    assert_eq!(id(&page.get("api/card")), id(&next), "the desk goes on where it stopped");
}
