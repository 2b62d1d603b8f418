//! Nothing is silent and nothing slides: what runs says so, `last` is what the log says, and a changed setting is named.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::{affinage, temp_dir, tiny};

fn run(dir: &Path, args: &[&str]) -> Output {
    affinage(dir).args(args).stdin(Stdio::null()).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs what must succeed and returns what it says to people.
fn said(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

/// Runs what must fail and returns what it says.
fn refused(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

/// A project with a run of eight steps that has checkpoints at 0, 2, 4, 6 and 8.
fn trained(dir: &Path) -> std::path::PathBuf {
    tiny::project(dir);
    said(dir, &["--set", "train.max-steps=8", "--set", "train.eval-every=2", "train"]);
    tiny::runs(dir).remove(0)
}

const FEW: [&str; 4] = ["--set", "eval.suites=[\"in-domain\"]", "--set", "eval.prompts-per-suite=3"];

fn with_few<'a>(args: &[&'a str]) -> Vec<&'a str> {
    FEW.iter().copied().chain(args.iter().copied()).collect()
}

#[test]
fn a_second_training_is_forecast_by_the_speed_of_the_first() {
    let dir = temp_dir();
    let first = trained(dir.path());
    let (mut tokens, mut seconds) = (0.0, 0.0);
    for line in fs_err::read_to_string(first.join("events.jsonl")).expect("a log").lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        if record["event"] == "train-step" {
            tokens += record["tokens"].as_f64().expect("a number");
            seconds += record["seconds"].as_f64().expect("a number");
        }
    }
    let name = first.file_name().expect("a name").to_string_lossy().into_owned();
    let told = format!("the time is told by how fast the training {name} was");
    let looked = |set: &str| {
        let output = run(dir.path(), &["--set", set, "train", "--dry-run", "--json"]);
        let estimate: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (estimate["tokens_per_s"].as_f64().expect("a number"), text(&output.stderr))
    };
    // More steps are as fast.
    let (speed, said) = looked("train.max-steps=20");
    assert!((speed / (tokens / seconds) - 1.0).abs() < 1e-9 && said.contains(&told), "{speed}: {said}");
    // Another rank is another training, and measured.
    let (_, said) = looked("train.rank=4");
    assert!(!said.contains("the time is told by"), "{said}");
    // All of a run is told by it too.
    let said = self::said(dir.path(), &with_few(&["--set", "train.max-steps=9", "run"]));
    assert!(said.contains(&told) && said.contains("from here about "), "{said}");
}

#[test]
fn a_last_checkpoint_that_is_gone_is_an_error_wherever_it_is_asked_for() {
    let dir = temp_dir();
    let run_dir = trained(dir.path());
    let name = run_dir.file_name().expect("a name").to_string_lossy().into_owned();
    let exported = said(dir.path(), &["export", "--adapter", "last", "--format", "peft", "--out", "whole"]);
    assert!(exported.contains(&format!("adapter: step-000008 (last) of run {name}")), "{exported}");
    let planned = said(dir.path(), &with_few(&["plan"]));
    assert!(planned.contains(&format!("run {name}: last is step-000008")), "{planned}");
    let asked = run(dir.path(), &["chat", "last", "--prompt", "What is kalo?"]);
    assert!(text(&asked.stderr).contains("step-000008 (last) · adapter "), "{}", text(&asked.stderr));
    let compared = run(dir.path(), &["chat", "--compare", "base,last", "--prompt", "What is kalo?"]);
    assert!(text(&compared.stdout).contains("step-000008 (last)"), "{}", text(&compared.stdout));

    fs_err::remove_dir_all(run_dir.join("checkpoints/step-000008")).expect("removed by hand");
    let asked: [&[&str]; 6] = [
        &["chat", "last", "--prompt", "What is kalo?"],
        &["export", "--adapter", "last", "--format", "peft", "--out", "out"],
        &["serve", "--port", "0"],
        &with_few(&["plan"]),
        &with_few(&["generate"]),
        &with_few(&["eval"]),
    ];
    for args in asked {
        let said = refused(dir.path(), args);
        assert!(
            said.contains("`last` is step-000008, and its folder") && said.contains("is missing"),
            "{said}"
        );
        assert!(
            said.contains("one that is there in place of `last`: step-000000, step-000002"),
            "what is there is named: {said}"
        );
    }
    assert!(!dir.path().join("out").exists() && !dir.path().join("evals").exists());
    // What is there can still be asked for by its own name.
    said_of_step(dir.path(), "step-000006");
}

#[test]
fn a_plan_during_a_training_says_where_it_stands() {
    let dir = temp_dir();
    let run_dir = trained(dir.path());
    let name = run_dir.file_name().expect("a name").to_string_lossy().into_owned();
    let log = fs_err::read_to_string(run_dir.join("events.jsonl")).expect("a log");
    // As the log is in the third step, before a checkpoint is saved and after.
    let lines: Vec<&str> = log.lines().collect();
    let third = lines.iter().position(|line| line.contains("\"step\":3")).expect("a third step");
    let kept = |of: &dyn Fn(&&str) -> bool| {
        let kept: Vec<&str> = lines[..=third].iter().copied().filter(of).collect();
        fs_err::write(run_dir.join("events.jsonl"), kept.join("\n") + "\n").expect("written");
    };
    kept(&|line| !line.contains("checkpoint-saved"));
    let lock = fs_err::File::open(run_dir.join(".lock")).expect("a lock file");
    assert!(refused(dir.path(), &with_few(&["plan"])).contains("has no checkpoint yet"), "nobody trains it");
    lock.file().lock().expect("held as a training holds it");
    let planned = said(dir.path(), &with_few(&["plan"]));
    assert!(planned.contains(&format!("run {name} is training now: step 3 of 8, about ")), "{planned}");
    let chat = refused(dir.path(), &["chat", "last", "--prompt", "What is kalo?"]);
    assert!(chat.contains("is training now and has no checkpoint yet"), "{chat}");
    kept(&|_| true);
    let planned = said(dir.path(), &with_few(&["plan"]));
    assert!(planned.contains("step 3 of 8") && !planned.contains("last is step-000002"), "{planned}");
    lock.file().unlock().expect("the training ends");
    let planned = said(dir.path(), &with_few(&["plan"]));
    assert!(planned.contains("last is step-000002") && !planned.contains("training now"), "{planned}");
}

#[test]
fn too_few_prompts_are_said_before_answers_and_votes() {
    let dir = temp_dir();
    trained(dir.path());
    let few = ": a figure needs 10, and to say better or worse it takes at least 30, and more where the difference is small; ";
    let planned = said(dir.path(), &with_few(&["plan"]));
    let at_most =
        format!("these prompts give at most 3 pairs of answers to compare (one for each prompt){few}");
    assert!(planned.contains(&at_most), "{planned}");
    assert!(
        planned.contains("`eval.prompts-per-suite` is 3: without it 30 of each suite are asked"),
        "{planned}"
    );
    let generated = said(dir.path(), &with_few(&["generate"]));
    let (warned, answers) = (generated.find(&at_most), generated.find("generating ("));
    assert!(warned.is_some() && warned < answers, "before the answers: {generated}");
    assert!(!said(dir.path(), &with_few(&["generate"])).contains(&at_most), "once");
    let voted = said(dir.path(), &["vote", "--as", "anna", "--pack", "anna.html"]);
    assert!(voted.contains("the answers differ in ") && voted.contains(few), "{voted}");
    let enough = [
        "--set",
        "eval.suites=[\"practical\"]",
        "--set",
        "eval.prompts-per-suite=30",
        "plan",
        "--eval",
        "other",
    ];
    assert!(!said(dir.path(), &enough).contains("to compare"), "30 are enough");
}

#[test]
fn an_answer_that_the_limit_cut_says_so() {
    let dir = temp_dir();
    trained(dir.path());
    let ask = |args: &[&str], limit: &str| {
        let limit = format!("generate.max-new-tokens={limit}");
        run(dir.path(), &[&["--set", &limit, "chat"], args, &["--prompt", "What is kalo?"]].concat())
    };
    let mark = "[cut at the limit of 1 token: generate.max-new-tokens]";
    let one = ask(&["last"], "1");
    assert!(text(&one.stderr).contains(mark) && !text(&one.stdout).contains(mark), "{}", text(&one.stderr));
    let both = text(&ask(&["--compare", "base,last"], "1").stdout);
    assert_eq!(both.matches("cut at the limit of 1 token").count(), 2, "{both}");
    let document = ask(&["last", "--json"], "1").stdout;
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!(document["answers"][0]["is_cut"], true, "{document}");
}

fn said_of_step(dir: &Path, step: &str) {
    let output = run(dir, &["--json", "chat", step, "--prompt", "What is kalo?"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&document["answers"][0]["arm"], &document["answers"][0]["asked"]),
        (&step.into(), &step.into())
    );
}

#[test]
fn training_says_where_validation_was_best_when_it_was_not_at_the_end() {
    let dir = temp_dir();
    tiny::project(dir.path());
    // One step at a rate so high that it loses what the base knew.
    let losses = |output: &str| -> Vec<f64> {
        let of_line = |line: &str| line.split_once("  validation loss ")?.1.trim().parse().ok();
        output.lines().filter_map(of_line).collect()
    };
    let worse = ["3", "10", "30"].iter().find_map(|rate| {
        let rate = format!("train.learning-rate={rate}");
        let sets = [&rate, "train.max-steps=1", "train.warmup-ratio=0", "train.schedule=constant"];
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).chain(["train"]).collect();
        let output = said(dir.path(), &sets);
        let losses = losses(&output);
        (losses[0] < losses[1]).then_some((output, losses))
    });
    let (output, losses) = worse.expect("one of the rates is too high");
    let line = format!(
        "validation loss was lowest at step-000000 ({:.4}); the last checkpoint, step-000001, has {:.4}",
        losses[0], losses[1]
    );
    assert!(output.contains(&line), "{line:?} is missing in {output}");
    assert!(output.contains("`affinage chat --compare best,last`"), "{output}");

    let falling = temp_dir();
    let run_dir = trained(falling.path());
    let events = fs_err::read_to_string(run_dir.join("events.jsonl")).expect("a log");
    let losses: Vec<f64> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|event| event["event"] == "evaluated")
        .map(|event| event["loss"].as_f64().expect("a number"))
        .collect();
    assert!(losses.is_sorted_by(|a, b| a >= b), "this run is to fall to its end: {losses:?}");
    let again = run(falling.path(), &["--set", "train.max-steps=8", "--set", "train.eval-every=2", "train"]);
    assert!(!text(&again.stderr).contains("was lowest at"), "{}", text(&again.stderr));
}

#[test]
fn a_dry_run_counts_the_evaluations() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let estimate = |sets: &[&str]| -> Value {
        let output = run(dir.path(), &[&["--json"], sets, &["train", "--dry-run"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    };
    let number = |document: &Value, key: &str| document[key].as_f64().expect("a number");
    let sets = ["--set", "train.max-steps=6", "--set", "train.eval-every=1"];
    let often = estimate(&sets);
    assert_eq!(often["evaluations"], 7, "before the first step and after each: {often}");
    let (each, seconds) = (number(&often, "evaluation_s"), number(&often, "seconds"));
    let training = number(&often, "tokens") / number(&often, "tokens_per_s");
    assert!(each > 0.0 && (seconds - (training + 7.0 * each)).abs() < 1e-6 * seconds.max(1.0), "{often}");
    assert_eq!(estimate(&["--set", "train.max-steps=6", "--set", "train.eval-every=6"])["evaluations"], 2);

    let shown = run(dir.path(), &[&sets[..], &["train", "--dry-run"]].concat());
    assert!(text(&shown.stdout).contains(" for 7 evaluations of "), "{}", text(&shown.stdout));
}

#[test]
fn a_changed_setting_under_the_same_name_is_named_with_a_way_on() {
    let dir = temp_dir();
    trained(dir.path());
    said(dir.path(), &with_few(&["generate"]));
    let said_then = said(dir.path(), &with_few(&["generate"]));
    assert!(said_then.contains("answers are there"), "the same settings go on: {said_then}");

    // Who names no evaluation gets another one beside it, with the answers that are there already.
    let more = ["--set", "eval.suites=[\"in-domain\"]", "--set", "eval.prompts-per-suite=4"];
    let beside = said(dir.path(), &[&more[..], &["generate"]].concat());
    let because = "evaluation `first-look-2`, because `first-look` was planned for something else: \
                   `eval.prompts-per-suite` was 3, now it is 4";
    assert!(beside.contains(because) && beside.contains("are taken over"), "{beside}");
    assert_eq!(beside.matches("nothing is lost, but the figures of before and after").count(), 1, "{beside}");
    assert!(dir.path().join("evals/first-look-2/plan.json").is_file());
    // A plan is what it was fixed as, whatever is set when it is shown.
    let fixed = "this is the plan of `first-look-2`, which is fixed, though `eval.prompts-per-suite` was 4, now it is 3";
    let planned = said(dir.path(), &with_few(&["plan"]));
    assert!(planned.contains(fixed) && planned.contains("`--set eval.name=first-look-3`"), "{planned}");
    let other = said(dir.path(), &with_few(&["--set", "eval.name=first-look-3", "plan"]));
    assert!(!other.contains("which is fixed") && other.contains("at most 3 pairs"), "{other}");
    assert!(!said(dir.path(), &[&more[..], &["plan"]].concat()).contains("which is fixed"));
    let again = said(dir.path(), &[&more[..], &["generate"]].concat());
    assert!(again.contains("evaluation `first-look-2`") && again.contains("answers are there"), "{again}");
    // What reads an evaluation means the one made last, says so, and takes another by its name.
    let analyzed = said(dir.path(), &["analyze"]);
    assert!(
        analyzed.contains("evaluation `first-look-2`, made last; `--eval` takes another: `first-look`"),
        "{analyzed}"
    );
    assert!(dir.path().join("evals/first-look-2/analysis.json").is_file());
    assert!(!said(dir.path(), &["analyze", "--eval", "first-look"]).contains("made last"));

    // Who names one means that one or none.
    let named = [&more[..], &["generate", "--name", "first-look"]].concat();
    let refusal = refused(dir.path(), &named);
    assert!(
        refusal.contains(
            "the evaluation `first-look` was planned for something else: `eval.prompts-per-suite` was 3, now it is 4"
        ),
        "{refusal}"
    );
    // The way on has the settings of this call: without them it would make another evaluation than is meant.
    let way = "`affinage --set 'eval.suites=[\"in-domain\"]' --set eval.prompts-per-suite=4 eval --name first-look-3` makes another one";
    assert!(refusal.contains(way), "{refusal}");
    let told = refusal.split("hint:").next().unwrap_or_default();
    for inner in ["max_prompt_containment", "\"", "{"] {
        assert!(!told.contains(inner), "{inner:?} is no word for people: {refusal}");
    }
    let second = with_few(&["generate", "--name", "first-look-2"]);
    assert!(refused(dir.path(), &second).contains(" eval --name first-look-3`"), "names count up");

    // Another run is named as what it is, and so is a plan that an earlier version fixed.
    let named = |rest: &[&'static str]| with_few(&[rest, &["generate", "--name", "first-look"]].concat());
    let refusal = refused(dir.path(), &named(&["--set", "generate.seed=9"]));
    assert!(refusal.contains("`generate.seed` was 1, now it is 9"), "{refusal}");
    said(dir.path(), &["--set", "train.max-steps=2", "train"]);
    assert!(!said(dir.path(), &named(&[])).contains("was planned for"), "its run is meant with it");
    let newest = tiny::runs(dir.path()).pop().expect("two runs");
    let newest = newest.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let other_run = [&with_few(&[])[..], &["generate", "--name", "first-look", "--run", &newest]].concat();
    let refusal = refused(dir.path(), &other_run);
    assert!(refusal.contains("something else: the run was 20"), "{refusal}");
    assert!(refusal.contains(&format!(" eval --name first-look-3 --run {newest}`")), "{refusal}");
    fs_err::remove_file(dir.path().join("evals/first-look/settings.toml")).expect("removed");
    let refusal = refused(dir.path(), &[&more[..], &["generate", "--name", "first-look"]].concat());
    assert!(refusal.contains("`in-domain` had 3 prompts, now it has 4"), "{refusal}");
    let bad = run(dir.path(), &with_few(&["generate", "--name", "../out"]));
    assert_eq!(bad.status.code(), Some(2), "{}", text(&bad.stderr));
}

#[test]
fn an_evaluation_of_the_demos_own_choice_goes_on_as_long_as_nothing_was_changed() {
    let dir = temp_dir();
    trained(dir.path());
    said(dir.path(), &with_few(&["generate"]));
    // What the demo leaves: fewer prompts than the settings ask for, and a plan that says whose choice that was.
    let eval = dir.path().join("evals/first-look");
    let prompts = fs_err::read_to_string(eval.join("prompts.jsonl")).expect("there");
    let fewer: Vec<&str> = prompts.lines().skip(1).collect();
    fs_err::write(eval.join("prompts.jsonl"), format!("{}\n", fewer.join("\n"))).expect("written");
    let refusal = refused(dir.path(), &with_few(&["generate", "--name", "first-look"]));
    assert!(refusal.contains("`in-domain` had 2 prompts, now it has 3"), "not the demo's: {refusal}");
    let plan = fs_err::read(eval.join("plan.json")).expect("there");
    let mut plan: Value = serde_json::from_slice(&plan).expect("JSON");
    plan["design"]["is_demo"] = true.into();
    fs_err::write(eval.join("plan.json"), plan.to_string()).expect("written");
    let kept = said(dir.path(), &with_few(&["generate"]));
    assert!(
        kept.contains("`first-look` is the evaluation of the demo") && kept.contains("answers are there"),
        "{kept}"
    );
    let refusal = refused(
        dir.path(),
        &with_few(&["--set", "generate.temperature=0.25", "eval", "--name", "first-look"]),
    );
    assert!(refusal.contains("`generate.temperature` was 0.7, now it is 0.25"), "{refusal}");
}

#[test]
fn a_taken_port_is_replaced_by_a_free_one_unless_it_was_asked_for() {
    let dir = temp_dir();
    tiny::project(dir.path());
    // Another program may hold the usual port already: then this one need not.
    let held = TcpListener::bind(("127.0.0.1", 8100)).ok();
    let mut child = affinage(dir.path())
        .arg("serve")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
    std::io::BufRead::read_line(&mut out, &mut line).expect("the address");
    let refusal = refused(dir.path(), &["serve", "--port", "8100"]);
    child.kill().expect("it still runs");
    let stderr = text(&child.wait_with_output().expect("ended").stderr);
    assert!(line.starts_with("http://127.0.0.1:") && !line.contains(":8100/"), "{line}");
    assert!(stderr.contains("port 8100 is taken by another program: a free one is used"), "{stderr}");
    assert!(refusal.contains("127.0.0.1:8100") && refusal.contains("leave `--port` out"), "{refusal}");
    drop(held);
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_says_how_to_go_on_and_one_run_has_one_time() {
    let dir = temp_dir();
    tiny::project(dir.path());
    // Steps so long that the second Ctrl-C comes within the one in which the first came.
    let sets = ["train.epochs=400", "train.eval-every=100000", "train.rows-per-step=32"];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).collect();
    let mut child =
        affinage(dir.path()).args(sets).arg("train").stderr(Stdio::piped()).spawn().expect("it starts");
    let log = || fs_err::read_to_string(tiny::runs(dir.path()).first()?.join("events.jsonl")).ok();
    let began = std::time::Instant::now();
    while log().is_none_or(|log| log.matches("train-step").count() < 2) {
        assert!(began.elapsed().as_secs() < 120, "no step in two minutes");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    while child.try_wait().expect("waited for").is_none() {
        let _ended_already = std::process::Command::new("kill").args(["-INT", &pid]).output();
    }
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(130));
    let said = text(&output.stderr);
    let kept = ("hint: checkpoint step-", " is kept; `affinage train --resume` goes on from ");
    assert!(said.contains(kept.0) && said.contains(kept.1), "{said}");
    let waits = "; press Ctrl-C again to stop now (loses the ";
    assert!(said.contains("stopping after this step (about ") && said.contains(waits), "{said}");
    assert!(said.contains(" steps since step-000000)"), "there is no other checkpoint: {said}");
    // What the second one left is whole: the run goes on, and one Ctrl-C saves the step in which it comes.
    let mut child = affinage(dir.path()).args(["train", "--resume"]).stderr(Stdio::piped()).spawn();
    let child = child.as_mut().expect("it starts");
    let began = std::time::Instant::now();
    while log().is_none_or(|log| !log.contains("resumed") || !log.contains("train-step")) {
        assert!(began.elapsed().as_secs() < 120, "no step in two minutes");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let once = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(once.expect("it runs").success());
    let mut said = String::new();
    let mut errors = child.stderr.take().expect("a pipe");
    std::io::Read::read_to_string(&mut errors, &mut said).expect("UTF-8");
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    assert!(said.contains("stopped after step ") && said.contains(" is saved"), "{said}");
    // With other settings another training begins, and says what lies beside it.
    let anew =
        affinage(dir.path()).args(["--set", "train.max-steps=1", "train"]).output().expect("it starts");
    let said = text(&anew.stderr);
    assert!(
        said.contains("this is a new training; run `") && said.contains("` lies unfinished with step-"),
        "{said}"
    );

    let whole = temp_dir();
    let run_dir = trained(whole.path());
    let events = fs_err::read_to_string(run_dir.join("events.jsonl")).expect("a log");
    let finished: Value = serde_json::from_str(events.lines().last().expect("a line")).expect("JSON");
    let seconds = finished["seconds"].as_f64().expect("a number");
    let steps: f64 = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|event| event["event"] == "train-step" || event["event"] == "evaluated")
        .map(|event| event["seconds"].as_f64().expect("a number"))
        .sum();
    assert!(seconds >= steps, "the run's time holds steps and evaluations: {seconds} {steps}");
}
