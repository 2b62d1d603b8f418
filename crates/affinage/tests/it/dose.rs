//! `dose` on the tiny model: every cell a run of its own, nothing done twice, one evaluation with the curve.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::{affinage, temp_dir, tiny};

const STUDY: &str = "rows-per-step = 2\nlearning-rate = 0.05\n[eval]\nsuites = [\"in-domain\"]\n[dose]\nrows = [8, 16]\nepochs = [1]\nseeds = [1, 2, 3]\n";

fn command(dir: &Path, args: &[&str]) -> Output {
    affinage(dir).args(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(dir: &Path, args: &[&str]) -> Output {
    let output = command(dir, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    output
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(path).expect("there")).expect("JSON")
}

fn configure(dir: &Path, more: &str) {
    let path = dir.join("affinage.toml");
    let project = fs_err::read_to_string(&path).expect("there");
    // What more says of [train] must stand in that section.
    let (train, rest) = more.split_once("[eval]").expect("an evaluation");
    let project = project.replace("[generate]", &format!("{train}[generate]"));
    fs_err::write(&path, format!("{project}[eval]{rest}")).expect("written");
}

/// The example ids that the first `steps` steps of a run would meet, from its hand-over... read from its events.
fn trained_rows(run: &Path) -> u64 {
    let events = fs_err::read_to_string(run.join("events.jsonl")).expect("there");
    let started = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let started =
        started.filter_map(|row| row["examples"].as_u64().or_else(|| row["event"]["examples"].as_u64()));
    started.into_iter().next().expect("the run began")
}

#[test]
fn a_study_trains_every_cell_once_and_draws_its_curve() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    configure(dir, STUDY);
    let plan: Value =
        serde_json::from_slice(&done(dir, &["--json", "dose", "--dry-run"]).stdout).expect("JSON");
    let cells = plan["cells"].as_array().expect("a list");
    assert_eq!((cells.len(), &cells[0]["arm"], &cells[5]["rows"]), (6, &"r8-e1-s1".into(), &16.into()));
    assert!(
        plan["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0) && tiny::runs(dir).is_empty(),
        "{plan}"
    );

    done(dir, &["dose", "--fit-only"]);
    let runs = tiny::runs(dir);
    assert_eq!(runs.iter().map(|run| trained_rows(run)).collect::<Vec<_>>(), [8, 8, 8, 16, 16, 16]);
    for run in &runs {
        let settings = fs_err::read_to_string(run.join("run.toml")).expect("there");
        assert!(settings.contains("\nrows = ") && settings.contains("epochs = 1"), "{settings}");
    }
    let folder = dir.join("evals/dose");
    let dose = json(&folder.join("dose.json"));
    assert_eq!(dose, json(&folder.join("analysis.json"))["dose"]);
    let points = dose["doses"].as_array().expect("a list");
    assert_eq!(points.len(), 2);
    assert!(
        points.iter().all(|point| point["fit_gain"]["interval"].is_object() && point["win_rate"].is_null())
    );
    assert_eq!(points[1]["seeds"].as_array().map(Vec::len), Some(3));
    let steps = dose["steps"].as_array().expect("a list");
    assert!(
        steps.len() == 1 && steps[0]["sentence"].as_str().is_some_and(|s| s.contains("From 8 rows")),
        "{dose}"
    );
    let page = fs_err::read_to_string(folder.join("report.html")).expect("there");
    assert!(
        page.contains("More rows, more epochs?")
            && page.contains("Fit gained over the base by training rows")
    );
    assert!(folder.join("plots/dose-fit.svg").is_file() && !folder.join("plots/dose-win-rate.svg").exists());
    let shown = text(&done(dir, &["report", "--eval", "dose", "--md"]).stdout);
    assert!(shown.contains("| 16 | 1 |"), "{shown}");

    // Again: nothing is trained, and the same figures come out.
    let again = done(dir, &["dose", "--fit-only"]);
    assert!(text(&again.stderr).contains("is finished"), "{}", text(&again.stderr));
    assert_eq!((tiny::runs(dir).len(), json(&folder.join("dose.json"))), (6, dose));
}

#[test]
fn smaller_doses_are_the_beginnings_of_larger_ones() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let rows = |rows: &str, seed: &str| {
        let job = format!("job-{rows}-{seed}");
        let sets = [format!("train.rows={rows}"), format!("train.seed={seed}"), "train.epochs=1".to_owned()];
        let mut args: Vec<&str> = sets.iter().flat_map(|set| ["--set", set.as_str()]).collect();
        args.extend(["train", "--engine", "trl", "--handover", &job]);
        done(dir, &args);
        let text = fs_err::read_to_string(dir.join(&job).join("rows.jsonl")).expect("there");
        text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<String>>()
    };
    let (few, more, other) = (rows("6", "1"), rows("12", "1"), rows("6", "2"));
    assert_eq!((few.len(), more.len()), (6, 12));
    assert!(few.is_subset(&more), "the six rows of a seed are among its twelve");
    assert_ne!(few, other, "another seed draws other rows");
    let refused = command(dir, &["--set", "train.rows=1000", "train"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("train.rows is 1000, v1-"), "{}", text(&refused.stderr));
}

#[test]
fn two_versions_are_compared_at_equal_supervised_tokens() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let versions = || {
        let entries = fs_err::read_dir(dir.join("datasets")).expect("there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    // A second version with more dialogues, so that other rows are drawn.
    let dialogue = |i: usize| {
        let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
        let word =
            |k: usize| format!("{}o{}u{}", letter(7 * i + k), letter(i + 3 * k), letter(5 * i + 11 * k));
        let words = |from: usize, to: usize| (from..to).map(word).collect::<Vec<_>>().join(" ");
        let (asked, said) = (format!("What is {}?", words(0, 4)), format!("It is {}.", words(4, 12)));
        let row = serde_json::json!({"messages": [{"role": "user", "content": asked},
            {"role": "assistant", "content": said}]});
        format!("{row}\n")
    };
    fs_err::write(dir.join("more.jsonl"), (0..30).map(dialogue).collect::<String>()).expect("written");
    done(dir, &["import", "more.jsonl"]);
    done(dir, &["dataset", "--accept-clean"]);
    let [first, second] = &versions()[..] else { panic!("two versions") };
    configure(dir, &format!("{STUDY}datasets = [\"{second}\", \"{first}\"]\n"));
    let sets = ["--set", "dose.rows=[20]", "--set", "dose.seeds=[1,2]"];
    let output = done(dir, &[&sets[..], &["dose", "--fit-only"]].concat());
    let said = text(&output.stderr);
    assert!(said.contains("another seed may turn out differently"), "{said}");
    let plan = json(&dir.join("evals/dose/plan.json"));
    let cells = plan["design"]["dose"].as_array().expect("a list");
    assert_eq!(cells.iter().map(|cell| cell["arm"].as_str()).collect::<Vec<_>>().len(), 4);
    let tokens: Vec<f64> = cells.iter().filter_map(|cell| cell["supervised_tokens"].as_f64()).collect();
    let budget = tokens.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(tokens.iter().all(|tokens| *tokens < budget + 160.0), "within one row of each other: {tokens:?}");
    let steps = json(&dir.join("evals/dose/dose.json"))["steps"].clone();
    assert!(
        steps[0]["sentence"].as_str().is_some_and(|s| s.contains(first) && s.contains(second)),
        "{steps}"
    );
}
