//! `run`: all stages, and what a second call does.

use std::process::Output;

use serde_json::Value;

use crate::room::Page;
use crate::{affinage, desk, temp_dir, tiny};

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
    // And that it will give no verdict.
    let few = said.find("these prompts give at most ");
    assert!(few.is_some() && few < step, "{said}");
    assert_eq!(said.matches("these prompts give at most ").count(), 1, "once: {said}");
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
    assert!(!said.contains("from here at most about "), "nothing is left to write: {said}");

    // Where only the evaluation is open, how long it takes is said before its answers.
    fs_err::remove_dir_all(dir.path().join("evals/first-look")).expect("removed");
    let third = String::from_utf8_lossy(&run(dir.path(), &[]).stderr).into_owned();
    let (forecast, written) = (third.find("from here at most about "), third.find("generated "));
    assert!(forecast.is_some() && forecast < written, "{third}");
    assert!(third.contains("measuring how likely the held-out answers are"), "{third}");
}

#[test]
fn a_few_accepted_cards_are_trained_on_only_where_somebody_says_so() {
    let dir = temp_dir();
    tiny::project(dir.path());
    fs_err::remove_dir_all(dir.path().join("datasets")).expect("removed");
    let affinage = |args: &[&str]| affinage(dir.path()).args(args).output().expect("it starts");
    assert!(affinage(&["review", "--export", "cards.jsonl"]).status.success());
    let cards = dir.path().join("cards.jsonl");
    let first = fs_err::read_to_string(&cards).expect("a file");
    let accepted = first.lines().take(3).map(|line| {
        let mut card: Value = serde_json::from_str(line).expect("JSON");
        card["decision"] = "accept".into();
        format!("{card}\n")
    });
    fs_err::write(&cards, accepted.collect::<String>()).expect("written");
    assert!(affinage(&["review", "--import", "cards.jsonl"]).status.success());
    let refused = affinage(&["run"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    for part in ["1 example is there to train on", "learns these by heart", "`affinage review`", "`--few`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        !dir.path().join("datasets").exists() && tiny::runs(dir.path()).is_empty(),
        "nothing is frozen: {said}"
    );
    // Also where they are frozen already.
    assert!(affinage(&["dataset"]).status.success());
    assert!(!affinage(&["run"]).status.success() && tiny::runs(dir.path()).is_empty());
    let few = run(dir.path(), &["--few"]);
    let said = String::from_utf8_lossy(&few.stderr).into_owned();
    assert!(few.status.success() && tiny::runs(dir.path()).len() == 1, "{said}");
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
    assert!(
        said.contains("evaluation `first-look-2`, because `first-look` was planned for something else"),
        "{said}"
    );
    assert!(said.contains("the run was 20"), "{said}");
    // What the card says to do is kept with the figures: it names its evaluation, whichever is made later.
    let shown = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(shown.contains("`affinage vote --eval first-look-2 --as me`"), "{shown}");
    let again = run(dir.path(), &["--set", "train.rank=4"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("answers are there"), "it goes on with the same");
    assert!(!dir.path().join("evals/first-look-3").exists());
    // Back to the first training: its own evaluation.
    let first = run(dir.path(), &[]);
    assert!(String::from_utf8_lossy(&first.stderr).contains("evaluation `first-look`: it was planned for"));
    let shown = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(shown.contains("`affinage vote --eval first-look --as me`"), "{shown}");
}

#[test]
fn the_run_that_finished_last_is_meant_and_said_whatever_its_name() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let train = |args: &[&str]| {
        let output =
            affinage(dir.path()).args(["--set", "train.epochs=1"]).args(args).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    train(&["train"]);
    train(&["--set", "train.rank=4", "train"]);
    let [older, newer] = &tiny::runs(dir.path())[..] else { panic!("two runs") };
    // The one that was begun first comes to its end last.
    let name =
        |run: &std::path::Path| run.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let log = older.join("events.jsonl");
    let events: String = fs_err::read_to_string(&log)
        .expect("a log")
        .lines()
        .map(|line| {
            let mut record: Value = serde_json::from_str(line).expect("JSON");
            record["at"] = "2099-01-01T00:00:00Z".into();
            format!("{record}\n")
        })
        .collect();
    fs_err::write(&log, events).expect("written");
    let said = train(&["chat", "--compare", "base,last", "--prompt", "What is it?"]);
    let line = format!(
        "run `{}`: its training finished last; `--run` takes another: `{}`",
        name(older),
        name(newer)
    );
    assert_eq!(said.matches(&line).count(), 1, "{said}");
    let said = train(&["--set", "eval.suites=[\"in-domain\"]", "generate"]);
    assert!(said.contains(&format!("run {}: last is", name(older))), "{said}");
    assert!(
        !train(&["chat", "base", "--prompt", "What is it?"]).contains("finished last"),
        "no run is asked"
    );
    // The studio's rooms begin with the same one.
    let page = Page::open(dir.path(), &["studio"]);
    for room in ["talk", "report"] {
        assert_eq!(page.get(&format!("api/{room}"))["runs"][0]["name"], name(older), "{room}");
    }
}

#[test]
fn cards_decided_since_the_freeze_are_frozen_with_the_next_run() {
    let dir = temp_dir();
    tiny::project(dir.path());
    run(dir.path(), &[]);
    let cards = dir.path().join("cards.jsonl");
    let affinage = |args: &[&str]| {
        let output = affinage(dir.path()).args(args).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    affinage(&["review", "--export", "cards.jsonl"]);
    let first = fs_err::read_to_string(&cards).expect("a file").lines().next().expect("a card").to_owned();
    let mut card: Value = serde_json::from_str(&first).expect("JSON");
    card["decision"] = "reject".into();
    fs_err::write(&cards, format!("{card}\n")).expect("written");
    affinage(&["review", "--import", "cards.jsonl"]);
    let said = String::from_utf8_lossy(&run(dir.path(), &[]).stderr).into_owned();
    assert!(
        said.contains("1 card was decided since v1-") && said.contains("freezing another version"),
        "{said}"
    );
    assert_eq!(fs_err::read_dir(dir.path().join("datasets")).expect("a folder").count(), 2, "{said}");
    let again = String::from_utf8_lossy(&run(dir.path(), &[]).stderr).into_owned();
    assert!(!again.contains("decided since") && again.contains("is finished"), "{again}");
}

#[test]
fn accept_clean_freezes_again_where_the_newest_version_lacks_what_it_takes() {
    let dir = temp_dir();
    tiny::project(dir.path());
    // A first version of 20 cards that were accepted by hand.
    fs_err::remove_dir_all(dir.path().join("datasets")).expect("removed");
    let affinage = |args: &[&str]| {
        let output = affinage(dir.path()).args(args).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    affinage(&["review", "--export", "cards.jsonl"]);
    let cards = dir.path().join("cards.jsonl");
    let accepted = fs_err::read_to_string(&cards).expect("a file");
    let accepted = accepted.lines().take(20).map(|line| {
        let mut card: Value = serde_json::from_str(line).expect("JSON");
        card["decision"] = "accept".into();
        format!("{card}\n")
    });
    fs_err::write(&cards, accepted.collect::<String>()).expect("written");
    affinage(&["review", "--import", "cards.jsonl"]);
    affinage(&["dataset"]);
    let said = String::from_utf8_lossy(&run(dir.path(), &["--accept-clean"]).stderr).into_owned();
    assert!(
        said.contains("has no undecided answers, and they are asked for now: freezing another version"),
        "{said}"
    );
    assert_eq!(fs_err::read_dir(dir.path().join("datasets")).expect("a folder").count(), 2, "{said}");
    assert_eq!(said.matches("the report needs at least 30 to say anything").count(), 1, "{said}");
    assert!(!said.contains("the report needs 30 to say anything about"), "the freeze has said it: {said}");
    let again = String::from_utf8_lossy(&run(dir.path(), &["--accept-clean"]).stderr).into_owned();
    assert!(
        again.contains("is trained on as it is, `--accept-clean` adds nothing: it was frozen so"),
        "{again}"
    );
    assert_eq!(fs_err::read_dir(dir.path().join("datasets")).expect("a folder").count(), 2, "{again}");
    assert!(again.contains("is finished"), "{again}");
}

#[test]
fn what_is_private_since_the_freeze_is_frozen_out_of_the_next_run() {
    let dir = temp_dir();
    tiny::project(dir.path());
    run(dir.path(), &[]);
    let page = desk::open(dir.path());
    page.wait("api/summary", |summary| summary["is_whole"] == Value::Bool(true));
    let card = page.get("api/card");
    page.post("api/choice", &serde_json::json!({ "card": card["id"], "choice": "private" }));
    drop(page);
    for args in [&["train"][..], &["dataset", "export", "--format=messages", "--out=rows"]] {
        let output = affinage(dir.path()).args(args).output().expect("starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("were made private after it was frozen"),
            "{args:?}: {said}"
        );
        assert!(said.contains("freeze another version without them"), "{args:?}: {said}");
    }
    // Also where a training on it was stopped: it does not go on with what is private now.
    let stopped = tiny::runs(dir.path()).pop().expect("a run").join("events.jsonl");
    let log = fs_err::read_to_string(&stopped).expect("a log");
    let before: String =
        log.lines().filter(|line| !line.contains("\"finished\"")).map(|line| format!("{line}\n")).collect();
    fs_err::write(&stopped, before).expect("written");
    let said = String::from_utf8_lossy(&run(dir.path(), &[]).stderr).into_owned();
    assert!(
        said.contains("1 conversation was made private since v1-")
            && said.contains("freezing another version"),
        "{said}"
    );
    assert!(said.contains("1 held private"), "{said}");
    assert_eq!(tiny::runs(dir.path()).len(), 2, "trained anew: {said}");
    let again = String::from_utf8_lossy(&run(dir.path(), &[]).stderr).into_owned();
    assert!(!again.contains("made private since") && again.contains("is finished"), "{again}");
}

#[test]
fn at_the_end_the_way_to_hear_the_difference_is_said_and_votes_are_named() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let said = String::from_utf8_lossy(&run(dir.path(), &[]).stderr).into_owned();
    assert!(said.contains("`affinage chat --compare base,last`"), "{said}");
    assert!(said.contains("no judge is configured and nobody has voted"), "{said}");
    assert!(said.contains("validation rows"), "the time names them: {said}");
    let page = Page::open(dir.path(), &["vote", "--as", "mira", "--pairs", "3"]);
    let mut state = page.get("api/state");
    while let Some(label) = state["item"]["first"]["label"].as_str() {
        let vote = serde_json::json!({ "id": state["item"]["id"], "said": label, "ms": 900 });
        state = page.post("api/vote", &vote);
    }
    drop(page);
    let said = String::from_utf8_lossy(&run(dir.path(), &[]).stderr).into_owned();
    assert!(said.contains("no model judges; what people said of the answers: 3 votes of mira"), "{said}");
}

#[test]
fn answers_have_room_for_the_persons_own_unless_a_length_is_set_or_planned() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let limit = |eval: &str| -> u64 {
        let plan = fs_err::read(dir.path().join("evals").join(eval).join("plan.json")).expect("a plan");
        let plan: Value = serde_json::from_slice(&plan).expect("JSON");
        plan["sampling"]["max_new_tokens"].as_u64().expect("a number")
    };
    run(dir.path(), &[]);
    assert_eq!(limit("first-look"), 24, "it is set");
    // As `init` writes it. The tiny model has little room: nothing above the default is proposed.
    let default =
        ["--set", "generate.max-new-tokens=256", "--set", "eval.name=own", "--set", "eval.suites=[]"];
    let output = affinage(dir.path()).args(default).arg("generate").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("answers may have"), "{said}");
}

#[test]
fn a_stopped_training_goes_on_with_its_settings_and_stays_aside_under_others() {
    let dir = temp_dir();
    tiny::project(dir.path());
    run(dir.path(), &[]);
    // As if Ctrl-C had come before the last event.
    let stopped = tiny::runs(dir.path()).pop().expect("a run");
    let log = fs_err::read_to_string(stopped.join("events.jsonl")).expect("a log");
    let before: String =
        log.lines().filter(|line| !line.contains("\"finished\"")).map(|line| format!("{line}\n")).collect();
    fs_err::write(stopped.join("events.jsonl"), before).expect("written");
    let name = stopped.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let said = |args: &[&str]| String::from_utf8_lossy(&run(dir.path(), args).stderr).into_owned();
    let other = said(&["--set", "train.rank=4"]);
    // It says what differs, and how to go on with the other one; that command has settings of its own.
    let aside = format!(
        "now it is 4): this is a new training from step 0; to go on with {name} instead: \
         `affinage train --resume {name}`"
    );
    assert!(other.contains(&aside), "{other}");
    // What it says to do next has the settings of this call.
    assert!(other.contains(" --set train.rank=4 --set train.max-steps="), "{other}");
    let resumed = said(&[]);
    assert!(resumed.contains(" left), ") && resumed.contains("from here about "), "what remains: {resumed}");
    assert!(!resumed.contains("new training from step 0"), "{resumed}");
    assert!(!resumed.contains("--set train.rank"), "{resumed}");
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
    let kept = ": earlier examples keep their side";
    assert!(!said(&["dataset", "--accept-clean"]).contains(kept));
    let changed = said(&["dataset", "--accept-clean", "--set", "dataset.test-share=0.3"]);
    assert!(
        changed.contains("`dataset.test-share` is 0.3 now and was 0.15 for v1-") && changed.contains(kept)
    );
}

/// Shares and seed place only what comes, so a version stays the one to train on; a length changes what its rows carry.
#[test]
fn settings_of_the_data_that_were_changed_since_the_freeze_are_said_and_a_length_freezes_again() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let said = |args: &[&str]| String::from_utf8_lossy(&run(dir.path(), args).stderr).into_owned();
    let versions = || fs_err::read_dir(dir.path().join("datasets")).expect("a folder").count();
    said(&[]);
    assert_eq!(versions(), 1);
    let shares = said(&["--set", "dataset.test-share=0.3", "--set", "dataset.seed=7"]);
    for part in
        ["`dataset.test-share` is 0.3 now and was ", "`dataset.seed` is 7 now and was 42", "keep their side"]
    {
        assert!(shares.contains(part), "{part}: {shares}");
    }
    assert!(shares.contains("is finished") && versions() == 1, "{shares}");
    let shorter = ["--set", "train.max-seq-tokens=103"];
    let changed = "the training takes rows of 103 tokens now (`train.max-seq-tokens`), and of ";
    let again = said(&shorter);
    assert!(again.contains(changed) && again.contains("freezing another version"), "{again}");
    assert_eq!(versions(), 2, "{again}");
    assert!(!said(&shorter).contains(changed), "the newest is frozen so");
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
