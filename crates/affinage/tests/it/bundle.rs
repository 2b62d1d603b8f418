//! `export --bundle`: what is published, what it gives away, and what keeps it at home.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::{affinage, temp_dir, tiny};

/// A project with a run and an evaluation without judges.
fn evaluated(dir: &Path) {
    tiny::project(dir);
    let sets = ["train.epochs=1", "eval.suites=[\"in-domain\"]", "eval.examples=0", "eval.system-prompt="];
    let mut command = affinage(dir);
    command.arg("run");
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the binary starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn bundle(dir: &Path, args: &[&str]) -> Output {
    let all = ["--json", "export", "--adapter", "last", "--bundle", "--out", "public"];
    affinage(dir).args(all).args(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_bundle_holds_the_adapter_its_card_and_what_it_gives_away() {
    let dir = temp_dir();
    evaluated(dir.path());
    fs_err::write(
        dir.path().join("model/README.md"),
        "---\nlicense: apache-2.0\ntags: [x]\n---\n# A model\n",
    )
    .expect("written");
    let output = bundle(dir.path(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let public = dir.path().join("public");
    let names = [
        "adapter_model.safetensors",
        "adapter_config.json",
        "README.md",
        "DATA.md",
        "export.json",
        "memorisation.json",
    ];
    for name in names {
        assert!(public.join(name).is_file(), "{name}");
    }
    for name in ["prompts.jsonl", "completions.jsonl", "report.html", "analysis.json"] {
        assert!(public.join("evals/first-look").join(name).is_file(), "{name}");
    }
    assert!(!public.join("evals/first-look/raw.jsonl.zst").exists());

    let card = fs_err::read_to_string(public.join("README.md")).expect("there");
    let sha256 = printed["export"]["adapter_sha256"].as_str().expect("a hash");
    for part in [
        "---\nbase_model: \"model\"\n",
        "license: \"apache-2.0\"",
        "model-index: [",
        "\"type\":\"loss\"",
        sha256,
    ] {
        assert!(card.contains(part), "{part:?} is missing in {card}");
    }
    // Each number of the card is one that the run recorded.
    let run = tiny::runs(dir.path()).remove(0);
    let metrics = fs_err::read_to_string(run.join("metrics.jsonl")).expect("there");
    let mut losses =
        metrics.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?["eval_loss"].as_f64());
    let last = losses.next_back().expect("evaluated");
    assert!(card.contains(&format!("{last:.3} nats a token")), "{card}");

    // The held-out prompts and references are words of the user's rows, and are named.
    let exposed = fs_err::read_to_string(public.join("exposed_rows.jsonl")).expect("there");
    let exposed: Vec<Value> = exposed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(printed["exposed_rows"], json!(exposed.len()));
    let prompts = fs_err::read_to_string(public.join("evals/first-look/prompts.jsonl")).expect("there");
    let of_test = exposed.iter().filter(|row| row["split"] == "test" && row["part"] == "prompt");
    assert_eq!(
        of_test.filter(|row| row["file"] == "evals/first-look/prompts.jsonl").count(),
        prompts.lines().count()
    );
    assert!(!exposed.iter().any(|row| row["split"] == "train"), "{exposed:?}");
    let kinds: Vec<&Value> =
        printed["memorisation"].as_array().expect("a list").iter().map(|l| &l["kind"]).collect();
    assert_eq!(kinds, ["flagged", "trained", "held-out"]);
}

#[test]
fn an_open_finding_keeps_everything_at_home_until_someone_accepts_it() {
    let dir = temp_dir();
    evaluated(dir.path());
    let path = dir.path().join("evals/first-look/completions.jsonl");
    let rows = fs_err::read_to_string(&path).expect("there");
    let mut lines: Vec<String> = rows.lines().map(str::to_owned).collect();
    let mut row: Value = serde_json::from_str(&lines[2]).expect("JSON");
    row["text"] = json!("Write to anna.meier@kaesehof-allgaeu.de about the rind.");
    lines[2] = row.to_string();
    fs_err::write(&path, lines.join("\n") + "\n").expect("written");
    let output = bundle(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    let finding = "P02@evals/first-look/completions.jsonl:3";
    assert!(said.contains(finding) && said.contains("--accept") && !said.contains("anna.meier"), "{said}");
    assert!(!dir.path().join("public").exists());
    let output = bundle(dir.path(), &["--accept", finding]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed["accepted_findings"], json!([finding]));
    // An adapter of somewhere else has no recorded facts to print.
    let foreign = dir.path().join("foreign");
    fs_err::rename(dir.path().join("public"), &foreign).expect("moved");
    let args = ["export", "--adapter", "foreign", "--bundle", "--out", "public"];
    let output = affinage(dir.path()).args(args).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("not a checkpoint of a run"), "{}", text(&output.stderr));
}
