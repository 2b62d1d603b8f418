//! `report`: the page from an evaluation's folder alone, and what is said where the folder does not hold together.

use crate::scripted::{Scripted, good_verdict, openai_reply, project, run, serve};
use crate::{temp_dir, transcript};

#[test]
fn report_names_what_is_missing_and_the_command_that_makes_it() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("affinage.toml"), "").expect("written");
    insta::assert_snapshot!(transcript(dir.path(), &["report"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: no evaluation `first-look` in evals

    hint: make one with `affinage eval`
    ");
    let eval = dir.path().join("evals/mine");
    fs_err::create_dir_all(&eval).expect("made");
    fs_err::write(eval.join("plan.json"), "{}").expect("written");
    insta::assert_snapshot!(transcript(dir.path(), &["report"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: no evaluation `first-look` in evals

    hint: there is mine; name one with `--eval NAME`
    ");
    insta::assert_snapshot!(transcript(dir.path(), &["report", "--eval", "mine"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: evals/mine has no analysis.json

    hint: `affinage analyze --eval mine` makes it, offline, from the rows
    ");
}

#[test]
fn the_page_is_made_from_the_folder_alone_and_an_older_analysis_is_refused() {
    let dir = temp_dir();
    let (url, _) = serve(|_, body| Scripted::reply(200, "", openai_reply(&good_verdict(body), "stop")));
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    assert_eq!(run(dir.path(), &["analyze"]).0, 0);
    let page = dir.path().join("evals/first-look/report.html");
    assert_eq!(run(dir.path(), &["report"]).0, 0);
    let first = fs_err::read_to_string(&page).expect("there");
    assert!(first.starts_with("<!doctype html>") && first.contains("judgments.jsonl"));
    assert_eq!(run(dir.path(), &["report"]).0, 0);
    assert_eq!(fs_err::read_to_string(&page).expect("there"), first, "drawing twice changes nothing");

    let path = dir.path().join("evals/first-look/judgments.jsonl");
    let rows = fs_err::read_to_string(&path).expect("there");
    let n = rows.lines().count();
    let fewer: Vec<&str> = rows.lines().skip(2).collect();
    fs_err::write(&path, format!("{}\n", fewer.join("\n"))).expect("written");
    let (code, text) = run(dir.path(), &["report"]);
    assert_eq!(code, 1, "{text}");
    let told = format!("analysis.json was made from {n} judgments, the folder holds {}", n - 2);
    assert!(text.contains(&told), "{text}");
    assert!(text.contains("`affinage analyze --eval first-look` brings it up to date"), "{text}");

    // Rows that came after the figures are no contradiction: they are computed anew.
    let (code, text) = run(dir.path(), &["analyze"]);
    assert_eq!(code, 0, "{text}");
    fs_err::write(&path, rows).expect("written");
    let (code, text) = run(dir.path(), &["report"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2 votes or verdicts came after the figures: they are computed anew"), "{text}");
    assert!(!run(dir.path(), &["report"]).1.contains("computed anew"), "once");
}
