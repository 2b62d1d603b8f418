//! `verify` on the tiny model: true runs pass on every instruction set, and every forgery is told by what it is.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::{affinage, temp_dir, tiny};

const SETS: [&str; 4] = ["--set", "train.epochs=3", "--set", "train.dropout=0.1"];

/// A project with a finished run.
fn trained(dir: &Path) -> PathBuf {
    tiny::project(dir);
    train(dir, &[])
}

/// Another run in it.
fn train(dir: &Path, extra: &[&str]) -> PathBuf {
    let output =
        affinage(dir).arg("--quiet").args(SETS).args(extra).arg("train").output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    tiny::runs(dir).pop().expect("a run")
}

fn verify(dir: &Path, isa: &str, args: &[&str]) -> Output {
    affinage(dir).env("AFFINAGE_ISA", isa).args(["--json", "verify"]).args(args).output().expect("it starts")
}

fn receipt(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no receipt: {}", text(&output.stderr)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The error that names what differs, and the receipt that says so.
fn caught(output: &Output, reason: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains(reason), "{reason:?} is missing in {}", text(&output.stderr));
    if !output.stdout.is_empty() {
        assert_eq!(receipt(output)["outcome"], "differs");
    }
}

/// Changes one bit in the middle of a file.
fn flip_a_bit(path: &Path) {
    let mut bytes = fs_err::read(path).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(path, bytes).expect("written");
}

/// Replaces words in a file that must hold them.
fn replace(path: &Path, from: &str, to: &str) {
    let text = fs_err::read_to_string(path).expect("there");
    assert!(text.contains(from), "{from} in {}", path.display());
    fs_err::write(path, text.replacen(from, to, 1)).expect("written");
}

fn sets_of_this_machine() -> Vec<&'static str> {
    affinage_engine::kernels::arch::available().into_iter().map(|isa| isa.name()).collect()
}

#[test]
fn receipts_of_one_instruction_set_are_checked_on_every_other() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let output = affinage(dir.path())
        .env("AFFINAGE_ISA", "scalar")
        .args(["--quiet", "--set", "train.max-steps=4"])
        .args(SETS)
        .arg("train")
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let run = tiny::runs(dir.path()).pop().expect("a run");
    for isa in sets_of_this_machine() {
        let made = receipt(&verify(dir.path(), isa, &["--all"]));
        assert_eq!((&made["outcome"], &made["machine"]["instructions"]), (&"same-bits".into(), &isa.into()));
        let segments = made["segments"].as_array().expect("a list");
        assert!(segments.len() == 4 && segments.iter().all(|s| s["executed"] == true), "{made}");
        assert_eq!(
            (&made["steps_executed"], &made["one_forged_segment_escapes"]),
            (&made["steps"], &0.0.into())
        );
    }
    // Somebody else has the base, the data and the receipt, and no run.
    let theirs = temp_dir();
    tiny::project(theirs.path());
    let sent = theirs.path().join("sent.json");
    let first =
        fs_err::read_dir(run.join("receipts")).expect("a folder").next().expect("one").expect("an entry");
    fs_err::copy(first.path(), &sent).expect("copied");
    for isa in sets_of_this_machine() {
        let output = verify(theirs.path(), isa, &["--receipt", "sent.json", "--all"]);
        assert!(output.status.success(), "{isa}: {}", text(&output.stderr));
        let made = receipt(&output);
        assert_eq!(made["outcome"], "same-bits");
        assert!(made["checked_receipt_sha256"].as_str().is_some_and(|hash| hash.len() == 64));
    }
}

#[test]
fn a_drawn_part_is_executed_and_the_chance_of_an_escape_is_said() {
    let dir = temp_dir();
    let run = trained(dir.path());
    // The last segment begins at a state that is kept.
    let by_seed =
        |seed: u64| receipt(&verify(dir.path(), "", &["--sample", "0.25", "--seed", &seed.to_string()]));
    let last = (0..40).map(by_seed).find(|made| made["segments"][3]["executed"] == true).expect("drawn once");
    let executed: Vec<bool> =
        last["segments"].as_array().expect("a list").iter().map(|s| s["executed"] == true).collect();
    assert_eq!(executed, [false, false, false, true]);
    assert_eq!((&last["one_forged_segment_escapes"], &last["drawn"]), (&0.75.into(), &1.into()));
    let steps = |i: usize, key: &str| last["segments"][i][key].as_u64().expect("a number");
    assert_eq!(last["steps_executed"].as_u64(), Some(steps(3, "to") - steps(3, "from")));
    // What is said of it: where runs are looked at, and in the card of what is published.
    let shown = affinage(dir.path()).args(["inspect", "run"]).output().expect("it starts");
    assert!(text(&shown.stdout).contains("1 of 4 segments between checkpoints"), "{}", text(&shown.stdout));
    let args = ["export", "--adapter", "last", "--bundle", "--out", "to-publish"];
    let output = affinage(dir.path()).args(args).output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let card = fs_err::read_to_string(dir.path().join("to-publish/README.md")).expect("a card");
    assert!(card.contains("| checked | ") && card.contains("the same bits (`receipt.json`)"), "{card}");
    assert!(dir.path().join("to-publish/receipt.json").is_file());
    assert!(run.join("receipts").is_dir());
}

#[test]
fn changed_files_are_told_by_name() {
    let dir = temp_dir();
    let run = trained(dir.path());
    let at = |name: &str| run.join("checkpoints").join(name);
    let mut steps: Vec<String> = fs_err::read_dir(run.join("checkpoints"))
        .expect("there")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    steps.sort();
    for name in ["adapter_model.safetensors", "optimizer.safetensors"] {
        let file = at(steps.last().expect("some")).join(name);
        let whole = fs_err::read(&file).expect("there");
        flip_a_bit(&file);
        caught(&verify(dir.path(), "", &[]), &format!("{name} of {} is not", steps.last().expect("some")));
        fs_err::write(&file, whole).expect("written");
    }
    // A flipped bit whose hash was put into the log, too.
    let file = at(&steps[2]).join("adapter_model.safetensors");
    let (before, whole) = (sha256(&file), fs_err::read(&file).expect("there"));
    flip_a_bit(&file);
    replace(&run.join("events.jsonl"), &before, &sha256(&file));
    caught(
        &verify(dir.path(), "", &["--all"]),
        &format!("{}: the steps up to it, executed again, end in another adapter", steps[2]),
    );
    replace(&run.join("events.jsonl"), &sha256(&file), &before);
    fs_err::write(&file, whole).expect("written");

    // Another figure in the log.
    let log = run.join("events.jsonl");
    let whole = fs_err::read_to_string(&log).expect("there");
    let step = whole
        .lines()
        .find(|line| line.contains("\"step\":5,") && line.contains("train-step"))
        .expect("step 5");
    let loss = step.split("\"loss\":").nth(1).and_then(|rest| rest.split(',').next()).expect("a loss");
    fs_err::write(&log, whole.replace(&format!("\"loss\":{loss}"), "\"loss\":0.5")).expect("written");
    caught(&verify(dir.path(), "", &["--all"]), "step 5: the log has the loss 0.5");
    fs_err::write(&log, whole).expect("written");

    // A changed row, another base.
    let version = fs_err::read_dir(dir.path().join("datasets"))
        .expect("there")
        .next()
        .expect("one")
        .expect("an entry")
        .path();
    let rows = version.join("train.jsonl");
    let whole = fs_err::read_to_string(&rows).expect("there");
    replace(&rows, "It is ", "It was ");
    caught(&verify(dir.path(), "", &[]), "train.jsonl: its SHA-256 is");
    fs_err::write(&rows, whole).expect("written");
    flip_a_bit(&dir.path().join("model/model.safetensors"));
    caught(&verify(dir.path(), "", &[]), "was trained with another base model");
}

fn sha256(path: &Path) -> String {
    affinage_eval::id::sha256_hex(&fs_err::read(path).expect("there"))
}

#[test]
fn another_seed_or_order_is_told_apart_from_the_claimed_one() {
    let dir = temp_dir();
    let run = trained(dir.path());
    // It claims the settings of another training.
    let toml = run.join("run.toml");
    let whole = fs_err::read_to_string(&toml).expect("there");
    let seed = whole.lines().find(|line| line.starts_with("seed = ")).expect("a seed").to_owned();
    let in_train = whole.find("[train]").expect("a section");
    let own = whole[in_train..].lines().find(|line| line.starts_with("seed = ")).expect("a seed");
    fs_err::write(&toml, whole[..in_train].to_owned() + &whole[in_train..].replacen(own, "seed = 977", 1))
        .expect("written");
    caught(&verify(dir.path(), "", &["--all"]), "step-000000: these settings begin with another adapter");
    fs_err::write(&toml, whole.replace("learning-rate = ", "learning-rate = 1.5 # ")).expect("written");
    caught(&verify(dir.path(), "", &["--all"]), "the log has the learning rate");
    fs_err::write(&toml, &whole).expect("written");
    assert!(verify(dir.path(), "", &["--all"]).status.success(), "{seed}");

    // A receipt that claims another seed, other tokens or another end.
    let receipt = good_receipt(&run);
    let whole = fs_err::read_to_string(&receipt).expect("there");
    let value: Value = serde_json::from_str(&whole).expect("JSON");
    let sent = dir.path().join("sent.json");
    let check = |from: String, to: &str, reason: &str| {
        assert!(whole.contains(&from), "{from}");
        fs_err::write(&sent, whole.replacen(&from, to, 1)).expect("written");
        caught(&verify(dir.path(), "", &["--receipt", "sent.json", "--all"]), reason);
    };
    let train_seed = format!("\"seed\": {}", value["train"]["seed"]);
    check(train_seed, "\"seed\": 977", "the rows come in another order");
    let of = |key: &str| value[key].as_str().expect("a hash").to_owned();
    check(of("rows_sha256"), &"0".repeat(64), "the training rows have other tokens");
    check(of("order_sha256"), &"0".repeat(64), "the rows come in another order");
    check(of("dataset_sha256"), &"0".repeat(64), "which no version here has");
    check(of("base_sha256"), &"0".repeat(64), "was trained with another base model");
    let end = value["segments"][3]["after_sha256"].as_str().expect("a hash").to_owned();
    check(end, &"0".repeat(64), "executed again, end in another adapter");
    fs_err::write(&sent, &whole).expect("written");
    assert!(verify(dir.path(), "", &["--receipt", "sent.json"]).status.success());
}

fn good_receipt(run: &Path) -> PathBuf {
    let good = |path: &PathBuf| fs_err::read_to_string(path).expect("there").contains("same-bits");
    let mut found =
        fs_err::read_dir(run.join("receipts")).expect("a folder").map(|e| e.expect("an entry").path());
    found.find(good).expect("a good receipt")
}

#[test]
fn runs_of_other_engines_and_runs_without_a_step_are_refused() {
    let dir = temp_dir();
    let run = trained(dir.path());
    let toml = run.join("run.toml");
    let whole = fs_err::read_to_string(&toml).expect("there");
    let engine = "\n[engine]\nname = \"torch\"\ndevice = \"cuda\"\nprecision = \"bf16\"\n[engine.versions]\n";
    fs_err::write(&toml, whole.clone() + engine).expect("written");
    caught(
        &verify(dir.path(), "", &[]),
        "were computed by torch on cuda in bf16: they cannot be made again to the bit",
    );
    fs_err::write(&toml, whole).expect("written");
    replace(&run.join("provenance.json"), "\"sha256\": {", "\"sha256\": {\n\"handover/job.json\": \"0\",");
    caught(&verify(dir.path(), "", &[]), "were computed by another program on another machine");
    let empty = temp_dir();
    tiny::project(empty.path());
    caught(&verify(empty.path(), "", &[]), "no runs in");
    let output = verify(dir.path(), "", &["--sample", "1.5"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
