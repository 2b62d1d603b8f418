//! A scripted judge server on this machine, and a project that it judges.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use affinage_dataset::message::{Message, Role};
use affinage_eval::completion::{CompletionKey, FinishReason, Sampling};
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::plan::{Arm, ArmKind, JudgeKind, Plan, PlannedComparison, PlannedJudge, Scope};
use affinage_eval::suite::{Domain, Prompt, Split};
use serde_json::{Value, json};

use crate::affinage;

pub const KEY: &str = "sk-test-0123456789";
pub const PROMPTS: usize = 32;

/// A project with one evaluation, answers of two arms, and the judge `judge` at `base_url`.
pub fn project(dir: &Path, base_url: &str, kind: &str) {
    let config = format!(
        "model = \"tiny\"\n[[judge]]\nid = \"judge\"\nkind = \"{kind}\"\nmodel = \"judge-1\"\nbase-url = \"{base_url}\"\n\
         api-key-env = \"TEST_JUDGE_KEY\"\nconcurrency = 3\nprice-in = 2.0\nprice-out = 10.0\n[judging]\nrepeats = false\n"
    );
    fs_err::write(dir.join("affinage.toml"), config).expect("written");
    let eval = dir.join("evals/first-look");
    fs_err::create_dir_all(&eval).expect("made");
    let adapter = "a".repeat(64);
    let tuned = ArmKind::Checkpoint { step: 10, adapter_sha256: adapter.clone(), path: "runs/r".to_owned() };
    let headline =
        PlannedComparison { arm: "step-000010".to_owned(), against: "base".to_owned(), scope: Scope::All };
    let plan = Plan {
        v: 1,
        name: "first-look".to_owned(),
        base_model: "tiny".to_owned(),
        base_sha256: "b".repeat(64),
        run: None,
        dataset: None,
        arms: vec![
            Arm { name: "base".to_owned(), kind: ArmKind::Base },
            Arm { name: "step-000010".to_owned(), kind: tuned },
        ],
        comparisons: vec![headline.clone()],
        headline,
        sampling: Sampling { temperature: 0.0, top_p: 1.0, top_k: 0, max_new_tokens: 32 },
        thinking: None,
        samples_per_prompt: 1,
        seed: 1,
        judges: vec![PlannedJudge {
            judge_id: "judge".to_owned(),
            model: "judge-1".to_owned(),
            kind: JudgeKind::Openai,
            family: None,
        }],
        alpha: 0.05,
        margin: 0.1,
        design: affinage_eval::design::Design::default(),
    };
    let (mut prompts, mut completions) = (String::new(), String::new());
    for i in 0..PROMPTS {
        let prompt = prompt(i);
        for arm in &plan.arms {
            let key = CompletionKey {
                prompt_id: &prompt.prompt_id,
                arm: &arm.name,
                adapter_sha256: arm.adapter_sha256(),
                base_sha256: plan.base_sha256_of(arm),
                sample: 0,
                seed: 1,
                sampling: &plan.sampling,
            };
            // The server prefers the answer that says "good".
            let good = (arm.name != "base") != i.is_multiple_of(8);
            let text = format!("A {} answer to question {i}.", if good { "good" } else { "plain" });
            completions += &(json(&key.answered(text, 6, FinishReason::Stop)) + "\n");
        }
        prompts += &(json(&prompt) + "\n");
    }
    fs_err::write(eval.join("plan.json"), json(&plan)).expect("written");
    fs_err::write(eval.join("prompts.jsonl"), prompts).expect("written");
    fs_err::write(eval.join("completions.jsonl"), completions).expect("written");
}

fn prompt(i: usize) -> Prompt {
    Prompt {
        v: 1,
        prompt_id: format!("prm-{i:03}"),
        cluster_id: format!("cls-{i:03}"),
        split: Split::Report,
        domain: Domain::In,
        category: "in-domain".to_owned(),
        messages: vec![Message { role: Role::User, content: format!("Question {i}?") }],
        reference: None,
        check: None,
        source_hash: String::new(),
    }
}

fn json(row: &impl serde::Serialize) -> String {
    serde_json::to_string(row).expect("serialises")
}

pub fn rows<T: serde::de::DeserializeOwned>(dir: &Path, name: &str) -> Vec<T> {
    let text = fs_err::read_to_string(dir.join("evals/first-look").join(name)).expect("the file is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

/// What the server sends back.
pub struct Scripted {
    pub status: u16,
    pub headers: &'static str,
    pub body: Vec<u8>,
    /// Close the connection in the middle of the body.
    pub cut: bool,
    pub delay: Duration,
}

impl Scripted {
    pub fn reply(status: u16, headers: &'static str, body: impl Into<Vec<u8>>) -> Scripted {
        Scripted { status, headers, body: body.into(), cut: false, delay: Duration::ZERO }
    }
}

/// Requests seen so far, in order of arrival: body and whether the key was sent.
pub type Seen = Arc<Mutex<Vec<(String, bool)>>>;

/// A server that answers with `script(number of the request, its body)` and lists the model `judge-1`. It lives as long
/// as the test.
pub fn serve(script: impl Fn(usize, &Value) -> Scripted + Send + Sync + 'static) -> (String, Seen) {
    serve_paths(move |number, target, body| {
        if target.starts_with("GET ") {
            return Scripted::reply(200, "", r#"{"data":[{"id":"judge-1"}]}"#);
        }
        script(number, &serde_json::from_str(body).expect("a JSON body"))
    })
}

/// The same with the request's line (`POST /v1/... HTTP/1.1`) and its body as text. GETs are not counted.
pub fn serve_paths(script: impl Fn(usize, &str, &str) -> Scripted + Send + Sync + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}/v1", listener.local_addr().expect("bound"));
    let seen: Seen = Arc::default();
    let (shared, script) = (Arc::clone(&seen), Arc::new(script));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, script) = (Arc::clone(&shared), Arc::clone(&script));
            std::thread::spawn(move || answer(stream, &seen, &*script));
        }
    });
    (address, seen)
}

fn answer(mut stream: TcpStream, seen: &Seen, script: &dyn Fn(usize, &str, &str) -> Scripted) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let (mut length, mut has_key, mut target) = (0, false, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        has_key |= line.contains(KEY);
        if target.is_empty() {
            line.trim().clone_into(&mut target);
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let body = String::from_utf8(body).expect("bodies are UTF-8");
    let number = {
        let mut seen = seen.lock().expect("not poisoned");
        if !target.starts_with("GET ") {
            seen.push((body.clone(), has_key));
        }
        seen.len().saturating_sub(1)
    };
    let scripted = script(number, &target, &body);
    std::thread::sleep(scripted.delay);
    let length = scripted.body.len();
    let sent = if scripted.cut { &scripted.body[..length / 2] } else { &scripted.body };
    // The client may have been killed: nobody is left to tell.
    let head = format!(
        "HTTP/1.1 {} X\r\n{}content-length: {length}\r\nx-request-id: req-{number}\r\nconnection: close\r\n\r\n",
        scripted.status, scripted.headers
    );
    let _gone = stream.write_all(&[head.as_bytes(), sent].concat());
}

/// The verdict of a judge that looks only for the word "good".
pub fn good_verdict(body: &Value) -> String {
    let user = WireFormat::Openai.user_text(body.to_string().as_bytes()).expect("a user message");
    let blocks: Vec<&str> = user.split("<<Response ").skip(1).collect();
    let good = blocks.iter().find(|block| block.contains("A good answer")).expect("one of the two is good");
    let label = good.split(' ').next().expect("a label");
    format!("I compared them.\nVERDICT: {label}")
}

pub fn openai_reply(text: &str, finish: &str) -> String {
    json!({"model": "judge-1-2026", "choices": [{"finish_reason": finish, "message": {"content": text}}],
        "usage": {"prompt_tokens": 5000, "completion_tokens": 20}})
    .to_string()
}

pub fn good_judge(_: usize, body: &Value) -> Scripted {
    Scripted::reply(200, "", openai_reply(&good_verdict(body), "stop"))
}

/// A judge that follows the position: whatever it is shown, the first answer wins.
pub fn first_position_judge(_: usize, body: &Value) -> Scripted {
    let user = WireFormat::Openai.user_text(body.to_string().as_bytes()).expect("a user message");
    let label = user.split("<<Response ").nth(1).and_then(|block| block.split(' ').next()).expect("a label");
    Scripted::reply(200, "", openai_reply(&format!("VERDICT: {label}"), "stop"))
}

pub fn run(dir: &Path, args: &[&str]) -> (i32, String) {
    let output = affinage(dir).args(args).env("TEST_JUDGE_KEY", KEY).output().expect("the binary starts");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}
