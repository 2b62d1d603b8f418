//! `judge` with `stop-early`: looks of ten prompts, and a stop at the first one with enough evidence.

use std::path::Path;

use serde_json::Value;

use crate::scripted::{PROMPTS, Scripted, first_position_judge, good_judge, project, run, serve};
use crate::temp_dir;

/// The scripted project, with a plan that may stop early.
fn stopping_project(dir: &Path, url: &str) {
    project(dir, url, "openai");
    let path = dir.join("evals/first-look/plan.json");
    let mut plan: Value = serde_json::from_slice(&fs_err::read(&path).expect("a plan")).expect("JSON");
    plan["design"]["stops_early"] = Value::Bool(true);
    fs_err::write(path, plan.to_string()).expect("written");
}

fn analysis(dir: &Path) -> Value {
    let (code, text) = run(dir, &["analyze"]);
    assert_eq!(code, 0, "{text}");
    serde_json::from_slice(&fs_err::read(dir.join("evals/first-look/analysis.json")).expect("analysed"))
        .expect("JSON")
}

#[test]
fn judging_stops_when_every_comparison_has_enough_evidence() {
    let dir = temp_dir();
    let (url, seen) = serve(good_judge);
    stopping_project(dir.path(), &url);
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    // 28 of 32 prompts are won: ten are not enough for E = 20, twenty are.
    assert!(text.contains("after 10 of 32 prompts") && text.contains("judging stops here"), "{text}");
    let calls = seen.lock().expect("not poisoned").len();
    assert_eq!(calls, 2 * 20, "{text}");
    let found = analysis(dir.path());
    assert_eq!(found["claims"][0]["word"], "not-shown", "twenty prompts are too few for a headline");
    assert_eq!(found["comparisons"][0]["overall"]["estimate"]["n"], 20);

    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!((code, seen.lock().expect("not poisoned").len()), (0, calls), "no call is made again: {text}");
}

#[test]
fn a_judge_that_follows_the_position_is_asked_to_the_end() {
    let dir = temp_dir();
    let (url, seen) = serve(first_position_judge);
    stopping_project(dir.path(), &url);
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!((code, seen.lock().expect("not poisoned").len()), (0, 2 * PROMPTS), "{text}");
    assert!(text.contains("after 32 of 32 prompts") && !text.contains("stops here"), "{text}");
    assert_eq!(analysis(dir.path())["claims"][0]["word"], "not-shown");
}

#[test]
fn a_judge_that_stops_answering_ends_the_looks() {
    let dir = temp_dir();
    let (url, seen) = serve(|number, body| {
        if number < 15 {
            good_judge(number, body)
        } else {
            Scripted::reply(401, "", r#"{"error":{"message":"no"}}"#)
        }
    });
    stopping_project(dir.path(), &url);
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 1, "{text}");
    let calls = seen.lock().expect("not poisoned").len();
    assert!(calls < 2 * 10 + 4, "{calls} calls: a second look must not begin. {text}");
}
