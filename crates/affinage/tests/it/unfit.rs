//! Judges that are not fit to judge, and what there is to do without a judge.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use affinage_eval::judgment::Judgment;
use serde_json::{Value, json};

use crate::scripted::{
    PROMPTS, Scripted, Seen, first_position_judge, good_judge, project, rows, run, serve, serve_paths,
};
use crate::temp_dir;

#[test]
fn an_exam_is_taken_once_and_keeps_a_bad_judge_out() {
    let dir = temp_dir();
    let (url, seen) = serve(first_position_judge);
    project(dir.path(), &url, "openai");
    let asked = || seen.lock().expect("not poisoned").len();
    let (code, text) = run(dir.path(), &["judge", "--qualify"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("`judge` failed its exam"), "{text}");
    let qualification_calls = asked();
    assert!(
        qualification_calls < 70,
        "a judge that follows the position is known long before 140 calls: {qualification_calls}"
    );
    let stopped =
        format!("It was stopped after {qualification_calls} of 140 calls: it could not pass any more.");
    assert!(text.contains(&stopped), "{text}");
    assert!(text.contains(&format!("exam: {qualification_calls} of 140 judged, stopped there")), "{text}");
    assert!(text.contains("no judge is left whose votes count. Vote yourself, blind, on 32 pairs"), "{text}");
    let (code, text) = run(dir.path(), &["judge", "--qualify"]);
    assert_eq!((code, asked()), (0, qualification_calls), "a lost exam is not gone on with: {text}");
    let exam: Vec<Judgment> = exam_rows(dir.path(), "judgments.jsonl");
    assert_eq!(exam.len(), qualification_calls, "every call that was paid has its verdict");

    // Its votes would not count, so it is not asked for them, except on request.
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!((code, asked()), (0, qualification_calls), "{text}");
    assert!(text.contains("`judge` failed its exam, so its votes would not count"), "{text}");
    let (code, text) = run(dir.path(), &["analyze"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("so it was not asked to compare") && text.contains("Vote yourself"), "{text}");
    assert_eq!(run(dir.path(), &["report"]).0, 0);
    let page = fs_err::read_to_string(dir.path().join("evals/first-look/report.html")).expect("written");
    assert!(
        page.contains("failed, stopped early") && page.contains(&format!("{qualification_calls} of 140")),
        "the exam's table"
    );
    // The rest of the exam is asked on request, says what the judge does, and changes nothing.
    let (code, text) = run(dir.path(), &["judge", "--qualify", "--unfit"]);
    assert_eq!((code, asked()), (0, 140), "only what is missing: {text}");
    assert!(text.contains("failed its exam") && text.contains("chooses the answer shown first"), "{text}");
    let (code, text) = run(dir.path(), &["judge", "--unfit"]);
    assert_eq!((code, asked()), (0, 140 + 2 * PROMPTS), "{text}");
    let (code, text) = run(dir.path(), &["analyze"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Cannot tell yet: the only judge failed its exam (")
            && text.contains("so its votes do not count"),
        "{text}"
    );
    let ledger =
        fs_err::read_to_string(dir.path().join("evals/first-look/exam/ledger.jsonl")).expect("there");
    assert!(ledger.lines().all(|line| line.contains("\"phase\":\"exam\"")));
}

fn exam_rows<T: serde::de::DeserializeOwned>(dir: &Path, name: &str) -> Vec<T> {
    rows(dir, &format!("exam/{name}"))
}

#[test]
fn of_two_judges_only_the_fit_one_is_asked_in_every_look() {
    let dir = temp_dir();
    let (bad, bad_seen) = serve(first_position_judge);
    let (good, good_seen) = serve(good_judge);
    project(dir.path(), &bad, "openai");
    let file = dir.path().join("affinage.toml");
    let second =
        format!("[[judge]]\nid = \"other\"\nkind = \"openai\"\nmodel = \"judge-1\"\nbase-url = \"{good}\"\n");
    let config = fs_err::read_to_string(&file).expect("there");
    fs_err::write(&file, format!("{config}stop-early = true\n{second}")).expect("written");
    let plan = dir.path().join("evals/first-look/plan.json");
    let mut text: Value = serde_json::from_str(&fs_err::read_to_string(&plan).expect("there")).expect("JSON");
    text["design"]["stops_early"] = json!(true);
    fs_err::write(&plan, text.to_string()).expect("written");
    assert_eq!(run(dir.path(), &["judge", "--qualify", "--judge", "judge"]).0, 0);
    let of = |seen: &Seen| seen.lock().expect("not poisoned").len();
    let lost = of(&bad_seen);
    assert!(0 < lost && lost < 70, "{lost}");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(of(&bad_seen), lost, "in no look");
    assert!(of(&good_seen) > 0, "the other one judges: {text}");
    assert_eq!(text.matches("so its votes would not count").count(), 1, "said once: {text}");
}

#[test]
fn without_a_judge_there_are_three_ways_on() {
    let dir = temp_dir();
    project(dir.path(), "http://127.0.0.1:9", "openai");
    fs_err::write(dir.path().join("affinage.toml"), "model = \"tiny\"\n").expect("written");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 1, "{text}");
    let places =
        ["affinage.toml has no judge", "Vote yourself, blind, on 32 pairs", "[[judge]]", "--find-local"];
    let at: Vec<Option<usize>> = places.iter().map(|part| text.find(part)).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "in this order: {text}");
    // What is printed can be pasted.
    let block = text.split("\n\n").find(|part| part.starts_with("[[judge]]")).expect("a block");
    fs_err::write(dir.path().join("affinage.toml"), format!("model = \"tiny\"\n\n{block}\n"))
        .expect("written");
    let (code, text) = run(dir.path(), &["judge", "--dry-run"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("claude"), "{text}");
}

#[test]
fn servers_of_this_machine_are_found_on_request_and_can_be_pasted() {
    let dir = temp_dir();
    let seen = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&seen);
    let (url, _) = serve_paths(move |_, target, _| {
        assert_eq!(target, "GET /v1/models HTTP/1.1");
        shared.fetch_add(1, Ordering::SeqCst);
        Scripted::reply(200, "", r#"{"data":[{"id":"nomic-embed-text"},{"id":"writer:7b"}]}"#)
    });
    project(dir.path(), "http://127.0.0.1:9", "openai");
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a port");
    // Nobody is asked without a request.
    run(dir.path(), &["judge", "--dry-run"]);
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    // A port on which nothing listens is passed over.
    let (code, text) = run(dir.path(), &["judge", "--find-local", port, "9"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    assert!(text.contains("answers and has nomic-embed-text, writer:7b"), "{text}");
    assert!(!text.contains(":9/v1"), "{text}");
    let start = text.find("[[judge]]").expect("a block");
    let block = text[start..].split("\n\n").next().expect("its end");
    assert!(block.contains(&format!("base-url = \"http://127.0.0.1:{port}/v1\"")), "{block}");
    assert!(block.contains("model = \"writer:7b\""), "what makes vectors cannot judge: {block}");
    let (code, text) = run(dir.path(), &["judge", "--find-local", "9"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("no model server answers on this machine"), "{text}");
}
