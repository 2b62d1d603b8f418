//! Which evaluation a command means where it names none, and what is said once when one is made.

use std::path::Path;

use affinage_project::folder::evaluation::Evaluation;
use serde_json::{Value, json};

use crate::scripted::{Scripted, project, run, serve};
use crate::{temp_dir, tiny};

/// Copies the evaluation `first-look` as another of its series.
fn copied(dir: &Path, name: &str) {
    let (from, to) = (dir.join("evals/first-look"), dir.join("evals").join(name));
    fs_err::create_dir_all(&to).expect("made");
    for file in ["plan.json", "prompts.jsonl", "completions.jsonl"] {
        let text = fs_err::read_to_string(from.join(file)).expect("there");
        fs_err::write(to.join(file), text.replace("\"first-look\"", &format!("\"{name}\"")))
            .expect("written");
    }
}

#[test]
fn an_evaluation_that_was_stopped_before_its_report_is_not_meant() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let eval = |args: &[&str]| {
        run(
            dir.path(),
            &[&["--set", "train.epochs=1", "--set", "eval.suites=[\"in-domain\"]"], args].concat(),
        )
    };
    let (code, text) = eval(&["run"]);
    assert_eq!(code, 0, "{text}");
    // A judge that refuses ends the next one after its answers.
    let (url, _) = serve(|_, _| Scripted::reply(401, "", "{}"));
    let toml = dir.path().join("affinage.toml");
    let before = fs_err::read_to_string(&toml).expect("there");
    let judge = format!(
        "{before}[[judge]]\nid = \"judge\"\nkind = \"openai\"\nmodel = \"judge-1\"\nbase-url = \"{url}\"\n\
         api-key-env = \"TEST_JUDGE_KEY\"\n"
    );
    fs_err::write(&toml, judge).expect("written");
    let stopped = &["--set", "generate.seed=9", "eval", "--yes"];
    let (code, text) = eval(stopped);
    assert!(code != 0 && text.contains("evaluation `first-look-2`, because"), "{text}");
    let (_, text) = eval(&["analyze"]);
    assert!(
        text.contains(
            "evaluation `first-look`, the newest that is whole; `--eval` takes another: `first-look-2`"
        ),
        "{text}"
    );
    let said = "`first-look-2` was stopped before its report: the command that began it goes on with it";
    assert!(text.contains(said), "{text}");
    // One without an answer is no other to take.
    let answers = dir.path().join("evals/first-look-2/completions.jsonl");
    let kept = fs_err::read(&answers).expect("answers");
    fs_err::remove_file(&answers).expect("removed");
    assert!(!eval(&["analyze"]).1.contains("takes another"));
    fs_err::write(&answers, kept).expect("written");
    // Its figures alone do not make it whole; the command that began it, at its end, does.
    assert_eq!(eval(&["analyze", "--eval", "first-look-2"]).0, 0);
    assert!(eval(&["report"]).1.contains(said));
    fs_err::write(&toml, before).expect("written");
    let (code, text) = eval(&["--set", "generate.seed=9", "eval"]);
    assert_eq!(code, 0, "{text}");
    let (_, text) = eval(&["analyze"]);
    assert!(
        text.contains("evaluation `first-look-2`, made last;") && !text.contains("was stopped"),
        "{text}"
    );
}

#[test]
fn one_that_lacks_answers_says_so_where_it_is_the_only_one() {
    let dir = temp_dir();
    project(dir.path(), "http://127.0.0.1:9/v1", "openai");
    let file = dir.path().join("evals/first-look/completions.jsonl");
    let text = fs_err::read_to_string(&file).expect("answers");
    let part: Vec<&str> = text.lines().take(60).collect();
    fs_err::write(&file, part.join("\n") + "\n").expect("written");
    let (_, text) = run(dir.path(), &["vote", "--as", "ben", "--no-open"]);
    assert!(
        text.contains("`first-look` lacks 4 answers: the command that began it goes on with it"),
        "{text}"
    );
    let at_work = Evaluation::named(dir.path(), "first-look").lock().expect("nobody else works on it");
    let (_, text) = run(dir.path(), &["analyze"]);
    assert!(text.contains("`first-look` is being made right now") && !text.contains("lacks 4"), "{text}");
    drop(at_work);
}

#[test]
fn votes_on_another_evaluation_of_the_series_are_named() {
    let dir = temp_dir();
    project(dir.path(), "http://127.0.0.1:9/v1", "openai");
    fs_err::write(dir.path().join("evals/first-look/votes.jsonl"), "").expect("written");
    let alone = run(dir.path(), &["analyze"]).1;
    assert!(!alone.contains("nobody has voted on"), "{alone}");
    copied(dir.path(), "first-look-2");
    let line = "nobody has voted on `first-look-2` yet; kept where they were cast, and counted there alone: 0 votes on `first-look`";
    let (_, text) = run(dir.path(), &["analyze"]);
    assert!(text.contains(line), "{text}");
    fs_err::write(dir.path().join("evals/first-look-2/votes.jsonl"), "").expect("written");
    let (_, text) = run(dir.path(), &["analyze"]);
    assert!(!text.contains("nobody has voted on"), "{text}");
}

#[test]
fn votes_under_an_earlier_name_and_prompts_that_may_be_recited_are_said_when_a_plan_is_made() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let said = |args: &[&str]| {
        let (code, text) = run(dir.path(), &[&["--set", "eval.suites=[\"in-domain\"]"], args].concat());
        assert_eq!(code, 0, "{text}");
        text
    };
    said(&["--set", "train.epochs=1", "train"]);
    let first = said(&["generate"]);
    assert!(!first.contains("may be recited") && !first.contains("nobody has voted on"), "{first}");
    fs_err::write(dir.path().join("evals/first-look/votes.jsonl"), "").expect("written");
    // A prompt that was trained on, with its answer, in a file of one's own.
    let version = fs_err::read_dir(dir.path().join("datasets")).expect("a folder").next().expect("a version");
    let train = version.expect("readable").path().join("train.jsonl");
    let row = fs_err::read_to_string(train).expect("rows").lines().next().expect("a row").to_owned();
    let row: Value = serde_json::from_str(&row).expect("JSON");
    let text = |turn: usize| row["messages"][turn]["content"].as_str().expect("a text").to_owned();
    let line = json!({ "prompt": text(0), "reference": text(1) });
    fs_err::write(dir.path().join("mine.jsonl"), format!("{line}\n")).expect("written");
    let toml = dir.path().join("affinage.toml");
    let config = fs_err::read_to_string(&toml).expect("there");
    let suite = "[eval]\nname = \"second\"\n[[suite]]\nname = \"mine\"\nfile = \"mine.jsonl\"\n\
                 category = \"mine\"\ndomain = \"out\"\n";
    fs_err::write(&toml, format!("{config}{suite}")).expect("written");
    let made = said(&["generate"]);
    let recited = format!(
        "1 prompt shares 20 % or more of the five-word sequences of question and reference answer with one training \
         example, the turns before its prompt included, so that a good answer may be recited: \"{}\" (100 %)",
        text(0)
    );
    assert_eq!(made.matches(&recited).count(), 1, "{made}");
    assert!(made.contains("nobody has voted on `second` yet; kept where they were cast, and counted there alone: 0 votes on `first-look`"), "{made}");
    let again = said(&["generate"]);
    assert!(
        !again.contains("may be recited") && !again.contains("nobody has voted on"),
        "said once: {again}"
    );
    // Whoever looks for the votes is told where they are.
    let analyzed = said(&["analyze"]);
    assert!(analyzed.contains("nobody has voted on `second` yet; kept where they were cast, and counted there alone: 0 votes on `first-look`"), "{analyzed}");
}

#[test]
fn examples_that_stand_alone_are_counted_where_they_are_too_few() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let said = |args: &[&str]| run(dir.path(), &[&["--set", "eval.suites=[\"in-domain\"]"], args].concat()).1;
    said(&["--set", "train.epochs=1", "train"]);
    assert!(!said(&["generate"]).contains("stand alone"), "three of many are found");
    let text = said(&["--set", "eval.examples=90", "generate"]);
    assert!(text.contains("`eval.examples` asks for 90 examples before the questions, and "), "{text}");
}
