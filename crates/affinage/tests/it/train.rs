//! `train` on the tiny model: to the end, interrupted, killed, resumed, and by two processes at once.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{affinage, temp_dir, tiny};

#[test]
fn a_run_leaves_checkpoints_events_and_metrics_that_agree() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let output =
        train(dir.path(), &["--json", "--set", "train.epochs=2"]).output().expect("the binary starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let run = only_run(dir.path());
    assert_eq!(printed["run"], run.file_name().and_then(|name| name.to_str()).expect("a name"));
    let steps = printed["steps"].as_u64().expect("a number");
    let last = format!("step-{steps:06}");
    assert_eq!(printed["checkpoints"].as_array().expect("a list").last().expect("not empty"), &last);
    assert_eq!(fs_err::read_to_string(run.join("latest")).expect("a file").trim(), last);
    for name in printed["checkpoints"].as_array().expect("a list") {
        let folder = run.join("checkpoints").join(name.as_str().expect("a name"));
        assert!(
            folder.join("adapter_model.safetensors").is_file()
                && folder.join("adapter_config.json").is_file()
        );
    }
    let losses = |name: &str, key: &str| -> Vec<f64> {
        rows(&run, name).iter().filter_map(|r| r[key].as_f64()).collect()
    };
    assert_eq!(losses("metrics.jsonl", "grad_norm").len() as u64, steps);
    let evaluated = losses("metrics.jsonl", "eval_loss");
    assert!(evaluated.last() < evaluated.first(), "training lowers the validation loss: {evaluated:?}");
    let provenance: Value =
        serde_json::from_slice(&fs_err::read(run.join("provenance.json")).expect("a file")).expect("JSON");
    assert!(provenance["sha256"]["base"].as_str().expect("a hash").len() == 64, "{provenance}");
    assert!(fs_err::read_to_string(run.join("run.toml")).expect("a file").contains("epochs = 2"));
}

#[cfg(unix)]
#[test]
fn stopped_by_ctrl_c_or_killed_a_resumed_run_ends_in_the_same_adapter() {
    let whole = temp_dir();
    tiny::project(whole.path());
    assert!(train(whole.path(), LONG).output().expect("the binary starts").status.success());
    let expected = last_adapter(&only_run(whole.path()));

    let dir = temp_dir();
    tiny::project(dir.path());
    let mut killed = start(dir.path(), LONG, 30);
    killed.kill().expect("it still runs");
    killed.wait().expect("it ended");
    let run = only_run(dir.path());
    let before = rows(&run, "events.jsonl").len();

    let stopped = start_resumed(dir.path(), before + 20);
    signal("-INT", stopped.id());
    let output = stopped.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("--resume"), "{}", text(&output.stderr));

    let output = train(dir.path(), &["--resume"]).output().expect("the binary starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(last_adapter(&run) == expected, "the resumed run must end in the same bytes");
    let steps: Vec<u64> = rows(&run, "events.jsonl")
        .iter()
        .filter(|event| event["event"] == "train-step")
        .map(|event| event["step"].as_u64().expect("a number"))
        .collect();
    assert!(steps.iter().copied().eq(1..=steps.len() as u64), "each step counts once: {steps:?}");

    let output = train(dir.path(), &["--resume"]).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is finished"), "{}", text(&output.stderr));
}

#[test]
fn resuming_is_proved_on_the_users_own_data() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let sets = ["--set", "train.dropout=0.1", "--set", "train.lora-plus-ratio=4"];
    let output = train(dir.path(), &["--json", "--verify-resume"]).args(sets).output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let proof: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&proof["identical"], &proof["resumed_after_step"]), (&true.into(), &2.into()));
    assert_eq!(proof["losses"]["whole"].as_array().expect("a list").len(), 4);
    assert_eq!(proof["losses"]["whole"], proof["losses"]["resumed"]);
    assert_eq!(proof["adapter"]["whole"], proof["adapter"]["resumed"]);
    assert!(!dir.path().join("runs/.verify-resume").exists() && tiny::runs(dir.path()).is_empty());
    // Another seed ends elsewhere: the hashes are of what was trained.
    let other =
        train(dir.path(), &["--json", "--verify-resume", "--set", "train.seed=7"]).args(sets).output();
    let other: Value = serde_json::from_slice(&other.expect("it starts").stdout).expect("one JSON document");
    assert_ne!(proof["adapter"]["whole"], other["adapter"]["whole"]);
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_says_what_is_left() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let sets =
        ["train.learning-rate=1e30", "train.warmup-ratio=0", "train.max-steps=6", "train.eval-every=6"];
    let mut command = train(dir.path(), &[]);
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    for part in ["step 2: the loss is NaN", "the last good checkpoint is step-000000", ", rows ", "hint: "] {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
    let run = only_run(dir.path());
    assert_eq!(fs_err::read_to_string(run.join("latest")).expect("a file").trim(), "step-000000");
}

#[test]
fn a_memory_budget_that_no_plan_keeps_is_an_error_with_the_least_that_would_do() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let output = train(dir.path(), &["--dry-run", "--json"]).output().expect("the binary starts");
    let plan: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(plan["recompute_layers"], 0, "without a budget every layer is kept");
    assert!(plan["expected_peak_bytes"].as_u64() > Some(1_000_000), "{plan}");

    let budget = ["--dry-run", "--set", "train.memory-budget-gb=0.001"];
    let output = train(dir.path(), &budget).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    for part in
        ["`train.memory-budget-gb` is 0.001", "even when every layer is run again", "micro-batch-tokens"]
    {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
}

#[test]
fn a_second_process_is_refused_and_told_the_first() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let mut first = start(dir.path(), LONG, 5);
    let run = only_run(dir.path());
    let output = train(dir.path(), &["--resume"]).output().expect("the binary starts");
    first.kill().expect("it still runs");
    first.wait().expect("it ended");
    assert_eq!(output.status.code(), Some(1));
    let said = format!("error: `{}` is in use by process {}\n", run.display(), first.id());
    assert!(text(&output.stderr).contains(&said), "{}", text(&output.stderr));
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs user namespaces, to mount a small file system"]
fn a_full_disk_leaves_the_last_good_checkpoint_and_a_clear_error() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let script = "mkdir disk && mount -t tmpfs -o size=1500k tmpfs disk && cp -r model datasets affinage.toml disk/ && \
        (\"$0\" -C disk train --set train.epochs=60 --set train.eval-every=2; echo \"exit $?\"; \
        cat disk/runs/*/latest; ls disk/runs/*/checkpoints)";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_affinage")])
        .current_dir(dir.path())
        .output()
        .expect("unshare exists");
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert!(
        said.contains("was not saved") && said.contains("No space left") && said.contains("hint: "),
        "{said}"
    );
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "exit 1", "{printed}");
    let newest = lines.iter().filter(|line| line.starts_with("step-")).max();
    assert_eq!(
        newest,
        Some(&lines[1]),
        "`latest` names the newest checkpoint and none is half there: {printed}"
    );
}

/// Long enough to be stopped in the middle, with a checkpoint every 20 steps.
const LONG: &[&str] = &["--set", "train.epochs=24", "--set", "train.eval-every=20"];

fn train(dir: &Path, args: &[&str]) -> Command {
    let mut command = affinage(dir);
    command.arg("train").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts a new run and waits until its log has `events` lines.
fn start(dir: &Path, args: &[&str], events: usize) -> Child {
    let child = train(dir, args).spawn().expect("the binary starts");
    wait_until(|| tiny::runs(dir).len() == 1);
    wait_until(|| log_lines(&only_run(dir)) >= events);
    child
}

#[cfg(unix)]
fn start_resumed(dir: &Path, events: usize) -> Child {
    let child = train(dir, &["--resume"]).spawn().expect("the binary starts");
    wait_until(|| log_lines(&only_run(dir)) >= events);
    child
}

fn wait_until(done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(120), "nothing happened for two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(unix)]
fn signal(name: &str, pid: u32) {
    let sent: Output = Command::new("kill").args([name, &pid.to_string()]).output().expect("kill exists");
    assert!(sent.status.success(), "{}", text(&sent.stderr));
}

fn only_run(dir: &Path) -> PathBuf {
    let [run] = tiny::runs(dir).try_into().expect("one run");
    fs_err::canonicalize(run).expect("it exists")
}

fn log_lines(run: &Path) -> usize {
    fs_err::read(run.join("events.jsonl")).map_or(0, |log| log.iter().filter(|byte| **byte == b'\n').count())
}

fn rows(run: &Path, name: &str) -> Vec<Value> {
    let log = fs_err::read_to_string(run.join(name)).expect("a file");
    // The last line of a killed run may be incomplete.
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn last_adapter(run: &Path) -> Vec<u8> {
    let last = fs_err::read_to_string(run.join("latest")).expect("a file");
    fs_err::read(run.join("checkpoints").join(last.trim()).join("adapter_model.safetensors"))
        .expect("an adapter")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_version_that_was_changed_after_it_was_frozen_is_not_trained_on() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let folder = fs_err::read_dir(dir.path().join("datasets")).expect("a folder").next().expect("a version");
    let path = folder.expect("an entry").path().join("train.jsonl");
    let changed =
        fs_err::read_to_string(&path).expect("rows").replacen("\"content\":\"", "\"content\":\"And ", 1);
    fs_err::write(&path, changed).expect("written");
    let output = train(dir.path(), &[]).output().expect("the binary starts");
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("train.jsonl: its SHA-256 is"), "{said}");
    assert!(!dir.path().join("runs").exists(), "no run begins");
}

#[test]
fn an_answer_to_the_pinned_prompt_that_was_cut_is_shown_as_cut() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let args = ["--set", "train.max-steps=1", "--sample", "What is a river?"];
    let output = train(dir.path(), &args).output().expect("the binary starts");
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let events = rows(&only_run(dir.path()), "events.jsonl");
    let (first, answer) = events
        .iter()
        .filter(|event| event["event"] == "sample")
        .find_map(|event| Some((event["step"].as_u64()?, event["text"].as_str()?)))
        .expect("an answer");
    // The tiny model does not end by itself.
    let shown = said.lines().filter(|line| line.trim_start().starts_with("step-000000"));
    assert!(first == 0 && shown.into_iter().any(|line| line.ends_with(" \u{2026}")), "{said}");
    assert!(!answer.ends_with('\u{2026}'), "the stored answer is the model's own: {answer}");
}

#[test]
fn ctrl_c_while_the_speed_is_measured_says_what_was_stopped_and_how_to_go_on() {
    let dir = temp_dir();
    tiny::project(dir.path());
    // Pieces that take long enough to be stopped.
    let slow = ["--set", "train.rows-per-step=48", "--set", "train.micro-batch-tokens=65536"];
    for (args, stopped, again) in [
        (
            &["train", "--dry-run"][..],
            "interrupted: the dry run was stopped before its end; nothing was trained",
            "train --dry-run",
        ),
        (
            &["run"][..],
            "interrupted: stopped before the first step; nothing was trained, and nothing is lost",
            "the same command",
        ),
    ] {
        let mut command = affinage(dir.path());
        command.args(slow).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let before: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("memory: ")).collect();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("still running");
        let after: Vec<String> = lines.collect();
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{before:?} {after:?}");
        let said = after.join("\n");
        assert!(said.contains(stopped) && said.contains(again), "{said}");
        assert!(tiny::runs(dir.path()).is_empty(), "no run was begun");
    }
}
