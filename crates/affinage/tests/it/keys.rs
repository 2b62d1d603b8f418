//! A key that a server sends back, wherever it stands and however it is written, reaches no file and no screen.

use std::path::Path;

use serde_json::{Value, json};

use crate::scripted::{KEY, Scripted, good_verdict, project, run, serve, serve_paths};
use crate::{affinage, temp_dir, tiny};

/// The key in base64 behind `user:`, as it stands in `Authorization: Basic`.
const BASIC: &str = "dXNlcjpzay10ZXN0LTAxMjM0NTY3ODk=";

/// How a server may write the key.
fn dresses() -> Vec<String> {
    let written = |write: &dyn Fn(char) -> String| KEY.chars().map(write).collect::<String>();
    vec![
        KEY.to_owned(),
        format!("Bearer {KEY}"),
        format!("https://api.example/v1?key={KEY}&x=1"),
        written(&|c| format!("%{:02x}", c as u32)),
        written(&|c| format!("%{:02X}", c as u32)),
        written(&|c| format!("&#{};", c as u32)),
        written(&|c| format!("&#x{:X};", c as u32)),
        format!("Basic {BASIC}"),
        KEY[..15].to_owned(),
        KEY[3..].to_owned(),
    ]
}

/// Fails where the key, in any dress, stands in a file of `dir` (packed ones are unpacked) or in `printed`.
fn assert_unseen(dir: &Path, printed: &str) {
    let escaped: String = KEY.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
    let mut secrets = dresses();
    secrets.extend([BASIC[8..30].to_owned(), escaped]);
    let mut texts = vec![("the terminal".to_owned(), printed.as_bytes().to_vec())];
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs_err::read(&path).expect("readable");
            let unpacked = match path.extension() {
                Some(extension) if extension == "zst" => zstd::decode_all(&bytes[..]).expect("zstd"),
                _ => bytes,
            };
            texts.push((path.display().to_string(), unpacked));
        }
    }
    assert!(texts.len() > 5, "files were looked at");
    for (place, bytes) in texts {
        let text = String::from_utf8_lossy(&bytes);
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret} in {place}: {text}");
        }
    }
}

/// A whole answer that repeats the key in the place with this number.
fn echoing(number: usize, verdict: &str) -> Scripted {
    let dresses = dresses();
    let dress = &dresses[number % dresses.len()];
    let mut body = json!({"id": "c", "model": "judge-1",
        "choices": [{"finish_reason": "stop", "message": {"content": verdict}}],
        "usage": {"prompt_tokens": 5000, "completion_tokens": 20}});
    match number % 7 {
        0 => body["model"] = json!(format!("judge-1-{dress}")),
        1 => body["choices"][0]["message"]["content"] = json!(format!("{dress} was sent.\n{verdict}")),
        2 => body["system_fingerprint"] = json!(dress),
        3 => body["usage"]["note"] = json!({"sent": [dress]}),
        4 => body["choices"][0]["message"]["reasoning_content"] = json!(dress),
        5 => {
            let escaped: String = KEY.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
            body["id"] = json!("ESCAPED");
            return Scripted::reply(200, "", body.to_string().replace("ESCAPED", &escaped));
        }
        _ => return Scripted::reply(200, "x-request-id: req-sk-test-0123456789\r\n", body.to_string()),
    }
    Scripted::reply(200, "", body.to_string())
}

#[test]
fn a_key_in_a_judges_replies_is_masked_before_they_are_stored() {
    let dir = temp_dir();
    let (url, _) = serve_paths(|number, target, body| {
        if target.starts_with("GET ") {
            return Scripted::reply(200, "", json!({"data": [{"id": format!("for-{KEY}")}]}).to_string());
        }
        echoing(number, &good_verdict(&serde_json::from_str(body).expect("JSON")))
    });
    project(dir.path(), &url, "openai");
    let (code, mut printed) = run(dir.path(), &["-v", "judge"]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("it has for-[key]"), "{printed}");
    for args in [&["analyze", "--verify"][..], &["report"], &["--json", "analyze"]] {
        let (code, text) = run(dir.path(), args);
        assert_eq!(code, 0, "{text}");
        printed.push_str(&text);
    }
    assert!(printed.contains("verified 64 verdicts"), "a masked reply is verified like any other: {printed}");
    assert_unseen(dir.path(), &printed);
}

#[test]
fn a_key_in_a_judges_errors_is_masked_whatever_ends_the_run() {
    for dress in dresses() {
        let said = format!("Incorrect API key provided: {dress}.");
        let object = json!({"error": {"message": said, "code": "invalid_api_key"}}).to_string();
        for (status, headers, body) in [
            (401, "", object.clone()),
            (200, "", object.clone()),
            (400, "", json!({"detail": [{"msg": said}]}).to_string()),
            (200, "content-type: text/event-stream\r\n", format!("data: {said}\n\n")),
            (403, "content-type: text/html\r\n", format!("<html><body><p>{said}</p></body></html>")),
        ] {
            let dir = temp_dir();
            let (url, _) = serve(move |_, _| Scripted::reply(status, headers, body.clone()));
            project(dir.path(), &url, "openai");
            let (code, printed) = run(dir.path(), &["-v", "judge"]);
            assert_eq!(code, 1, "{printed}");
            assert_unseen(dir.path(), &printed);
        }
    }
}

#[test]
fn a_key_in_the_answers_of_an_arm_is_masked_too() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let (url, _) = serve(|number, _| echoing(number, "It is so."));
    let (failing, _) = serve(|number, _| {
        let dresses = dresses();
        let said = format!("Incorrect API key provided: {}", dresses[number % dresses.len()]);
        Scripted::reply(401, "", json!({"error": {"message": said}}).to_string())
    });
    let config = fs_err::read_to_string(dir.path().join("affinage.toml")).expect("there");
    let arm = |name: &str, url: &str| {
        format!(
            "[[arm]]\nname = \"{name}\"\nmodel = \"far\"\nbase-url = \"{url}\"\napi-key-env = \"TEST_JUDGE_KEY\"\n"
        )
    };
    let sets = ["train.max-steps=2", "eval.suites=[\"in-domain\"]", "eval.examples=0", "eval.system-prompt="];
    let mut printed = String::new();
    let mut command = |args: &[&str]| {
        let mut command = affinage(dir.path());
        sets.iter().for_each(|set| {
            command.args(["--set", set]);
        });
        let output =
            command.arg("-v").args(args).env("TEST_JUDGE_KEY", KEY).output().expect("the binary starts");
        printed.push_str(&String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
        output.status.success()
    };
    assert!(command(&["train"]));
    fs_err::write(
        dir.path().join("affinage.toml"),
        format!("{config}\n{}{}", arm("far", &url), arm("shut", &failing)),
    )
    .expect("written");
    assert!(!command(&["generate"]), "one of the two arms does not answer");
    let rows = fs_err::read_to_string(dir.path().join("evals/first-look/completions.jsonl")).expect("there");
    let far: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(
        far.iter()
            .any(|row| row["arm"] == "far" && row["text"].as_str().is_some_and(|t| t.contains("[key]")))
    );
    // Which of the failures is shown first depends on the threads.
    assert!(printed.contains("Incorrect API key provided: ") && printed.contains("[key]"), "{printed}");
    assert_unseen(dir.path(), &printed);
}
