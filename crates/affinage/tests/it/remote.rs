//! `generate` through a server and through batch files: here our own `serve`, so the rows must be those of our engine.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::serve::Server;
use crate::{affinage, temp_dir, tiny};

const SETS: [&str; 4] =
    ["train.max-steps=6", "eval.suites=[\"in-domain\"]", "eval.examples=0", "eval.system-prompt="];

fn command(dir: &Path, args: &[&str]) -> Output {
    let mut command = affinage(dir);
    for set in SETS {
        command.args(["--set", set]);
    }
    command.args(args).output().expect("the binary starts")
}

fn done(dir: &Path, args: &[&str]) {
    let output = command(dir, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn rows(path: &Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).expect("there");
    let mut rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    rows.sort_by_key(|row| row["completion_id"].as_str().map(str::to_owned));
    rows
}

#[test]
fn a_server_and_a_batch_give_the_rows_of_our_own_engine() {
    let dir = temp_dir();
    tiny::project(dir.path());
    done(dir.path(), &["train"]);
    done(dir.path(), &["--set", "eval.name=own", "generate"]);
    let mut own = rows(&dir.path().join("evals/own/completions.jsonl"));
    // A template without the switch gives a server nothing to be told.
    for row in &mut own {
        assert_eq!(row.as_object_mut().expect("a row").remove("thinking"), Some(json!("off")));
    }
    assert!(own.len() > 8, "{} rows", own.len());

    let server = Server::start(dir.path());
    let url = format!("http://127.0.0.1:{}/v1", server.port);
    let asked = [
        "--set",
        "eval.name=remote",
        "generate",
        "--engine",
        "openai",
        "--base-url",
        &url,
        "--concurrency",
        "4",
    ];
    done(dir.path(), &asked);
    assert_eq!(rows(&dir.path().join("evals/remote/completions.jsonl")), own);
    assert!(dir.path().join("evals/remote/fit.jsonl").is_file());
    done(dir.path(), &asked);
    assert_eq!(
        rows(&dir.path().join("evals/remote/completions.jsonl")).len(),
        own.len(),
        "nothing is asked twice"
    );

    // The batch file, answered out of order and with a failure.
    done(dir.path(), &["--set", "eval.name=batch", "generate", "--batch-out", "batch.jsonl"]);
    let requests = fs_err::read_to_string(dir.path().join("batch.jsonl")).expect("there");
    let mut results: Vec<Value> = requests
        .lines()
        .map(|line| {
            let request: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!((&request["method"], &request["url"]), (&json!("POST"), &json!("/v1/chat/completions")));
            let (_, body) = server.post("chat/completions", &request["body"]);
            json!({"id": "x", "custom_id": request["custom_id"], "response": {"status_code": 200, "body": body}, "error": null})
        })
        .rev()
        .collect();
    assert_eq!(results.len(), own.len());
    let withheld = results[0].clone();
    results[0]["response"] = json!({"status_code": 500, "body": {"error": "x"}});
    results.push(json!({"custom_id": "cpl-of-something-else", "response": {"body": {}}}));
    let write = |rows: &[Value]| {
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs_err::write(dir.path().join("results.jsonl"), text).expect("written");
        let output = command(
            dir.path(),
            &["--json", "--set", "eval.name=batch", "generate", "--batch-in", "results.jsonl"],
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let taken = write(&results);
    assert_eq!(taken, json!({"answers": own.len() - 1, "failed": 1, "unknown": 1}));
    assert_eq!(write(&[withheld])["answers"], 1);
    assert_eq!(rows(&dir.path().join("evals/batch/completions.jsonl")), own);
}

#[test]
fn prompts_leave_the_machine_only_when_told_to() {
    let dir = temp_dir();
    tiny::project(dir.path());
    done(dir.path(), &["train"]);
    let refused = |args: &[&str], code: i32, part: &str| {
        let output = command(dir.path(), &[&["generate"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && said.contains(part), "{args:?}: {said}");
    };
    let far = ["--engine", "openai", "--base-url", "https://models.example.org/v1"];
    refused(&far, 2, "your prompts would go to `models.example.org`");
    refused(&["--engine", "openai"], 2, "--base-url");
    let near = [
        "--engine",
        "openai",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--api-key-env",
        "AFFINAGE_NO_SUCH_KEY",
    ];
    refused(&near, 1, "AFFINAGE_NO_SUCH_KEY is not set");
}
