//! `run`: all stages, and what a second call does.

use std::process::Output;

use serde_json::Value;

use crate::{affinage, temp_dir, tiny};

#[test]
fn all_stages_once_and_then_only_what_is_missing() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let first = run(dir.path(), &["--json"]);
    let document: Value =
        serde_json::from_slice(&first.stdout).expect("standard output is one JSON document");
    assert!(document.is_object(), "{document}");
    assert!(dir.path().join("evals/first-look/report.html").is_file());
    // The tiny model has no room for examples before a prompt: that arm is left out, and the plan says so.
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(said.contains("`base+3-examples` is left out: its longest prompt takes"), "{said}");
    // Before the first step: how long all of it takes.
    let (time, step) = (said.find("from here about "), said.find("step-000000"));
    assert!(time.is_some() && time < step, "{said}");
    let plan: Value =
        serde_json::from_slice(&fs_err::read(dir.path().join("evals/first-look/plan.json")).expect("a plan"))
            .expect("JSON");
    let named = |list: &Value, key: &str| -> Vec<String> {
        let items = list.as_array().expect("a list").iter();
        items.map(|item| item[key].as_str().expect("a name").to_owned()).collect()
    };
    let (arms, left_out) = (named(&plan["arms"], "name"), named(&plan["design"]["left_out"], "arm"));
    assert!(
        left_out.contains(&"base+3-examples".to_owned()) && !arms.contains(&left_out[0]),
        "{arms:?} {left_out:?}"
    );

    let events = log(dir.path());
    let second = run(dir.path(), &[]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("is finished") && said.contains("answers are there"), "{said}");
    assert_eq!(log(dir.path()), events, "nothing is trained again");
}

#[test]
fn a_changed_setting_is_a_new_run() {
    let dir = temp_dir();
    tiny::project(dir.path());
    run(dir.path(), &[]);
    let other = ["--set", "train.rank=4", "--set", "eval.name=rank-4"];
    run(dir.path(), &other);
    assert_eq!(fs_err::read_dir(dir.path().join("runs")).expect("a folder").count(), 2);
    let plan = fs_err::read_to_string(dir.path().join("evals/rank-4/plan.json")).expect("a plan");
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    let newest = tiny::runs(dir.path()).pop().expect("two runs");
    assert_eq!(plan["run"], newest.file_name().and_then(|name| name.to_str()).expect("a name"));
}

#[test]
fn another_training_has_an_evaluation_of_its_own() {
    let dir = temp_dir();
    tiny::project(dir.path());
    run(dir.path(), &[]);
    let second = run(dir.path(), &["--set", "train.rank=4"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("`first-look` is of another training; this one is `first-look-2`"), "{said}");
    let shown = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(shown.contains("`affinage vote --eval first-look-2 --as NAME`"), "{shown}");
    let again = run(dir.path(), &["--set", "train.rank=4"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("answers are there"), "it goes on with the same");
    assert!(!dir.path().join("evals/first-look-3").exists());
}

#[test]
fn a_model_that_cannot_be_had_stops_before_anything_is_frozen() {
    let dir = temp_dir();
    tiny::project(dir.path());
    fs_err::remove_dir_all(dir.path().join("datasets")).expect("removed");
    let output = affinage(dir.path())
        .args(["run", "--accept-clean", "--set", "model=./nowhere"])
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("nowhere"), "{said}");
    assert!(!dir.path().join("datasets").exists(), "{said}");
}

#[test]
fn a_short_training_says_how_few_rows_it_saw_and_changed_shares_that_sides_are_kept() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let said = |args: &[&str]| {
        let output = affinage(dir.path()).args(args).output().expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    let trained = said(&["train", "--set", "train.max-steps=1", "--set", "train.rows-per-step=2"]);
    assert!(trained.contains("trained 1 step on 2 of "), "{trained}");
    let kept = "earlier examples keep their side";
    assert!(!said(&["dataset", "--accept-clean"]).contains(kept));
    assert!(said(&["dataset", "--accept-clean", "--set", "dataset.test-share=0.3"]).contains(kept));
}

/// `affinage run` with one epoch and the in-domain prompts; it must succeed.
fn run(dir: &std::path::Path, args: &[&str]) -> Output {
    let mut command = affinage(dir);
    command.args(["run", "--set", "train.epochs=1", "--set", "eval.suites=[\"in-domain\"]"]).args(args);
    let output = command.output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn log(dir: &std::path::Path) -> String {
    let runs = tiny::runs(dir);
    let [run] = runs.as_slice() else { panic!("one run, not {runs:?}") };
    fs_err::read_to_string(run.join("events.jsonl")).expect("a file")
}
