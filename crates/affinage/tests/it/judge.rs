//! `judge` and `analyze` against a scripted server on this machine: retries, resuming, and what never leaves.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use affinage_dataset::message::{Message, Role};
use affinage_eval::completion::{CompletionKey, FinishReason, Sampling};
use affinage_eval::judge::ledger::{LedgerEvent, LedgerRow};
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judgment::{Judgment, MissingReason, Outcome};
use affinage_eval::plan::{Arm, ArmKind, JudgeKind, Plan, PlannedComparison, PlannedJudge, Scope};
use affinage_eval::suite::{Domain, Prompt, Split};
use serde_json::{Value, json};

use crate::{affinage, temp_dir, transcript};

const KEY: &str = "sk-test-0123456789";
const PROMPTS: usize = 32;

/// A project with one evaluation, answers of two arms, and the judge `judge` at `base_url`.
fn project(dir: &Path, base_url: &str, kind: &str) {
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
                base_sha256: &plan.base_sha256,
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

fn rows<T: serde::de::DeserializeOwned>(dir: &Path, name: &str) -> Vec<T> {
    let text = fs_err::read_to_string(dir.join("evals/first-look").join(name)).expect("the file is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

/// What the server sends back.
struct Scripted {
    status: u16,
    headers: &'static str,
    body: String,
    /// Close the connection in the middle of the body.
    cut: bool,
    delay: Duration,
}

impl Scripted {
    fn reply(status: u16, headers: &'static str, body: impl Into<String>) -> Scripted {
        Scripted { status, headers, body: body.into(), cut: false, delay: Duration::ZERO }
    }
}

/// Requests seen so far, in order of arrival: body and whether the key was sent.
type Seen = Arc<Mutex<Vec<(String, bool)>>>;

/// A server that answers with `script(number of the request, its body)`. It lives as long as the test.
fn serve(script: impl Fn(usize, &Value) -> Scripted + Send + Sync + 'static) -> (String, Seen) {
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

fn answer(mut stream: TcpStream, seen: &Seen, script: &dyn Fn(usize, &Value) -> Scripted) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let (mut length, mut has_key) = (0, false);
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
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let body = String::from_utf8(body).expect("JSON is UTF-8");
    let number = {
        let mut seen = seen.lock().expect("not poisoned");
        seen.push((body.clone(), has_key));
        seen.len() - 1
    };
    let scripted = script(number, &serde_json::from_str(&body).expect("a JSON body"));
    std::thread::sleep(scripted.delay);
    let length = scripted.body.len();
    let sent = if scripted.cut { &scripted.body[..length / 2] } else { &scripted.body };
    // The client may have been killed: nobody is left to tell.
    let _gone = write!(
        stream,
        "HTTP/1.1 {} X\r\ncontent-length: {length}\r\nx-request-id: req-{number}\r\n{}connection: close\r\n\r\n{sent}",
        scripted.status, scripted.headers
    );
}

/// The verdict of a judge that looks only for the word "good".
fn good_verdict(body: &Value) -> String {
    let user = WireFormat::Openai.user_text(body.to_string().as_bytes()).expect("a user message");
    let blocks: Vec<&str> = user.split("<<Response ").skip(1).collect();
    let good = blocks.iter().find(|block| block.contains("A good answer")).expect("one of the two is good");
    let label = good.split(' ').next().expect("a label");
    format!("I compared them.\nVERDICT: {label}")
}

fn openai_reply(text: &str, finish: &str) -> String {
    json!({"model": "judge-1-2026", "choices": [{"finish_reason": finish, "message": {"content": text}}],
        "usage": {"prompt_tokens": 5000, "completion_tokens": 20}})
    .to_string()
}

fn good_judge(_: usize, body: &Value) -> Scripted {
    Scripted::reply(200, "", openai_reply(&good_verdict(body), "stop"))
}

fn run(dir: &Path, args: &[&str]) -> (i32, String) {
    let output = affinage(dir).args(args).env("TEST_JUDGE_KEY", KEY).output().expect("the binary starts");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn a_judge_is_asked_twice_a_pair_and_never_again() {
    let dir = temp_dir();
    let (url, seen) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "no --yes is needed on this machine: {text}");
    assert_eq!(seen.lock().expect("not poisoned").len(), 2 * PROMPTS);
    assert!(seen.lock().expect("not poisoned").iter().all(|(_, has_key)| *has_key));
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    assert_eq!(judgments.len(), 2 * PROMPTS);
    assert!(judgments.iter().all(|j| j.model_returned.as_deref() == Some("judge-1-2026") && j.attempts == 1));
    assert_eq!(judgments[0].cost_usd, Some((5000.0 * 2.0 + 20.0 * 10.0) / 1e6));

    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!((code, seen.lock().expect("not poisoned").len()), (0, 2 * PROMPTS), "{text}");

    // 28 of 32 prompts are won, in both orders, whatever the seats and labels were.
    let (code, text) = run(dir.path(), &["analyze", "--verify", "--json"]);
    assert_eq!(code, 0, "{text}");
    let json_text = &text[text.find('{').expect("JSON")..=text.rfind('}').expect("JSON")];
    let analysis: Value = serde_json::from_str(json_text).expect("one document");
    assert_eq!(analysis["comparisons"][0]["overall"]["wins"], 28);
    assert_eq!(analysis["comparisons"][0]["overall"]["losses"], 4);
    assert_eq!(analysis["claims"][0]["word"], "better");
    assert!(text.contains("verified 64 verdicts"), "{text}");

    for entry in fs_err::read_dir(dir.path().join("evals/first-look")).expect("the folder") {
        let bytes = fs_err::read(entry.expect("an entry").path()).expect("a file");
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "the key is in no file");
    }
}

#[test]
fn limits_overloads_cut_replies_and_refused_parameters_are_survived() {
    let dir = temp_dir();
    let (url, seen) = serve(|number, body| {
        if body.get("response_format").is_some() {
            let message = "Unknown parameter: 'response_format'";
            return Scripted::reply(400, "", json!({"error": {"message": message, "code": "x"}}).to_string());
        }
        match number % 9 {
            3 => {
                Scripted::reply(429, "retry-after-ms: 20\r\n", r#"{"error":{"code":"rate_limit_exceeded"}}"#)
            }
            5 => Scripted::reply(529, "retry-after-ms: 20\r\n", r#"{"error":{"type":"overloaded_error"}}"#),
            7 => Scripted { cut: true, ..good_judge(number, body) },
            _ => good_judge(number, body),
        }
    });
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    assert_eq!(judgments.len(), 2 * PROMPTS);
    assert!(judgments.iter().all(|j| j.params_effective["structured_output"] == json!(false)));
    assert!(judgments.iter().any(|j| j.attempts > 1));
    assert!(seen.lock().expect("not poisoned").len() > 2 * PROMPTS);
    let ledger: Vec<LedgerRow> = rows(dir.path(), "ledger.jsonl");
    let intents = ledger.iter().filter(|row| matches!(row.event, LedgerEvent::Intent { .. })).count();
    assert_eq!(intents, seen.lock().expect("not poisoned").len(), "an intent before each call");
}

#[test]
fn a_verdict_that_is_none_is_stored_once_and_counted() {
    let dir = temp_dir();
    let (url, seen) = serve(|number, body| {
        let user = WireFormat::Openai.user_text(body.to_string().as_bytes()).expect("a user message");
        if user.contains("Question 1") {
            return Scripted::reply(200, "", openai_reply("VERDICT: A", "stop"));
        }
        if user.contains("Question 2") {
            return Scripted::reply(200, "", openai_reply(&good_verdict(body), "length"));
        }
        good_judge(number, body)
    });
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("44 without a verdict"), "{text}");
    let reasons =
        rows::<Judgment>(dir.path(), "judgments.jsonl").iter().fold(BTreeMap::new(), |mut all, row| {
            if let Outcome::Missing { reason } = row.outcome {
                *all.entry(reason).or_insert(0) += 1;
            }
            all
        });
    assert_eq!(reasons, BTreeMap::from([(MissingReason::UnknownLabel, 22), (MissingReason::Truncated, 22)]));
    run(dir.path(), &["judge"]);
    let calls = 2 * PROMPTS + 22;
    assert_eq!(seen.lock().expect("not poisoned").len(), calls, "an answer is kept, whatever it says");
}

#[test]
fn a_days_quota_and_a_wrong_key_stop_at_once_without_the_key_in_the_error() {
    for (status, body) in [
        (
            429,
            r#"{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}"#
                .to_owned(),
        ),
        (401, json!({"error": {"code": "invalid_api_key", "message": format!("bad key {KEY}")}}).to_string()),
    ] {
        let dir = temp_dir();
        let (url, seen) = serve(move |_, _| Scripted::reply(status, "", body.clone()));
        project(dir.path(), &url, "openai");
        let (code, text) = run(dir.path(), &["judge"]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("the same command asks only for what is missing"), "{text}");
        assert!(!text.contains(KEY), "{text}");
        assert!(seen.lock().expect("not poisoned").len() <= 3, "one call per worker");
        let ledger = fs_err::read_to_string(dir.path().join("evals/first-look/ledger.jsonl")).expect("there");
        assert!(!ledger.contains(KEY));
    }
}

#[test]
fn killed_and_resumed_gives_the_same_table_and_repeats_no_stored_answer() {
    let whole = temp_dir();
    let (url, _) = serve(good_judge);
    project(whole.path(), &url, "openai");
    assert_eq!(run(whole.path(), &["judge"]).0, 0);
    assert_eq!(run(whole.path(), &["analyze"]).0, 0);

    let dir = temp_dir();
    let (url, seen) =
        serve(|number, body| Scripted { delay: Duration::from_millis(15), ..good_judge(number, body) });
    project(dir.path(), &url, "openai");
    for kill_after in [5, 20, 40] {
        let mut child = affinage(dir.path())
            .args(["judge"])
            .env("TEST_JUDGE_KEY", KEY)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        while seen.lock().expect("not poisoned").len() < kill_after {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");
    }
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(run(dir.path(), &["analyze"]).0, 0);
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for (body, _) in seen.lock().expect("not poisoned").iter() {
        *asked.entry(body.clone()).or_default() += 1;
    }
    assert_eq!(asked.len(), 2 * PROMPTS);
    let repeated: usize = asked.values().map(|count| count - 1).sum();
    assert!(repeated <= 3 * 3, "three kills with three calls open each: {repeated} repeated");
    let table = |dir: &Path| fs_err::read(dir.join("evals/first-look/analysis.json")).expect("analysed");
    assert_eq!(table(dir.path()), table(whole.path()), "byte for byte");
}

#[test]
fn a_stored_reply_without_a_judgment_is_read_and_not_asked_again() {
    let dir = temp_dir();
    let (url, seen) = serve(good_judge);
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    let path = dir.path().join("evals/first-look/judgments.jsonl");
    let text = fs_err::read_to_string(&path).expect("there");
    let kept: Vec<&str> = text.lines().take(10).collect();
    fs_err::write(&path, kept.join("\n") + "\n").expect("written");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    assert_eq!(seen.lock().expect("not poisoned").len(), 2 * PROMPTS);
    let sorted = |text: &str| {
        let mut ids: Vec<String> = text.lines().map(|line| line.split(',').take(4).collect()).collect();
        ids.sort();
        ids
    };
    let again = fs_err::read_to_string(&path).expect("there");
    assert_eq!(sorted(&again), sorted(&text));
}

#[test]
fn nothing_leaves_the_machine_without_a_yes() {
    let dir = temp_dir();
    // An address of the documentation range: nobody is there.
    project(dir.path(), "http://192.0.2.1/v1", "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 2, "{text}");
    insta::assert_snapshot!(text, @r"
    error: judge `judge` would send 64 requests to 192.0.2.1; nobody can be asked here

    hint: pass `--yes` to send them, `--dry-run` to see what they would take
    ");
    assert_eq!(rows::<Judgment>(dir.path(), "judgments.jsonl").len(), 0);

    insta::assert_snapshot!(transcript(dir.path(), &["judge", "--yes"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: judge `judge`: the environment variable TEST_JUDGE_KEY is not set

    hint: `export TEST_JUDGE_KEY=...` in your shell; keys are never read from or written to files
    ");
    insta::assert_snapshot!(transcript(dir.path(), &["judge", "--dry-run"]), @r"
    exit: 0
    --- stdout
    judge  model    calls  answered  tokens in  tokens out    cost
    judge  judge-1     64         0    ~22,929     ~19,200  ~$0.24
    --- stderr
    ");
    insta::assert_snapshot!(transcript(dir.path(), &["judge", "--judge", "opus"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: no [[judge]] has the id `opus`

    hint: configured judges: judge
    ");
    insta::assert_snapshot!(transcript(dir.path(), &["judge", "--eval", "second-look"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: no evaluation in [DIR]/evals/second-look

    hint: there is first-look; name one with `--eval`
    ");
}

#[test]
fn an_inverted_key_is_refused() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    let path = dir.path().join("evals/first-look/blind_key.jsonl");
    let text = fs_err::read_to_string(&path).expect("there");
    let inverted =
        text.replace("first_arm", "x").replace("second_arm", "first_arm").replace("\"x\"", "\"second_arm\"");
    fs_err::write(&path, inverted).expect("written");
    let (code, text) = run(dir.path(), &["analyze"]);
    assert_eq!(code, 1);
    assert!(text.contains("the key is wrong"), "{text}");

    // A verdict that was edited is found by its raw request.
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    let path = dir.path().join("evals/first-look/judgments.jsonl");
    let text = fs_err::read_to_string(&path).expect("there");
    fs_err::write(&path, text.replacen("\"outcome\":\"first\"", "\"outcome\":\"second\"", 1))
        .expect("written");
    let (code, text) = run(dir.path(), &["analyze", "--verify"]);
    assert_eq!(code, 1);
    assert!(text.contains("but its outcome is the seat of"), "{text}");
}

#[test]
fn the_findings_fit_a_terminal() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    insta::assert_snapshot!(transcript(dir.path(), &["analyze"]), @r"
    exit: 0
    --- stdout
    Compared with `base`, `step-000010` is better in its domain; what happened outside it is not shown (win rate in-domain 88 % [75, 100] of 32 prompts, out-of-domain not judged).
    Forgetting by right answers was not measured: no checked prompts.
    Not known for single readers: no judge of the panel gave scores for the criteria.
    One judge, `judge`: one opinion.

    Before you believe it
      One judge, `judge`: one opinion.
      `judge` took no exam: whether it can judge is not known.
      One training run: this is about this adapter, not about its recipe.
      Not independent: no judge that is known to be unrelated to the writers and the base model, and that passed its exam, has voted, and no person other than the author.

    Claims
      `step-000010` against `base`: win rate 88 % [75, 100] of 32 prompts (28 won, 0 tied, 4 lost), p < .001: better.

    Answers
      `base`: of 32 answers, 0 cut at the token limit, 0 in a loop, 0 refused, 0 empty.
      `step-000010`: of 32 answers, 0 cut at the token limit, 0 in a loop, 0 refused, 0 empty.

    Do next
      Add a judge of another family.
    --- stderr

    hint: the whole of it: `affinage report`, or evals/first-look/analysis.json
    ");
}

#[test]
fn a_reply_that_cannot_be_read_is_asked_once_more_and_then_missing() {
    let dir = temp_dir();
    let (url, seen) = serve(|_, body| {
        let turns = body["messages"].as_array().expect("messages").len();
        let is_repair = turns == 4;
        let user = WireFormat::Openai.user_text(body.to_string().as_bytes()).expect("a user message");
        // Half of the questions are never answered in a form that can be read.
        let text = match (is_repair, user.contains("Question 1")) {
            (true, false) => good_verdict(body),
            _ => "I prefer the second one.".to_owned(),
        };
        Scripted::reply(200, "", openai_reply(&text, "stop"))
    });
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(seen.lock().expect("not poisoned").len(), 4 * PROMPTS, "one more call each, and no third");
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    let missing = judgments.iter().filter(|row| matches!(row.outcome, Outcome::Missing { .. })).count();
    assert_eq!(missing, 2 * 11, "questions 1 and 10 to 19");
    assert!(
        judgments.iter().all(|row| row.repair.as_ref().is_some_and(|r| r.reason == MissingReason::Unparsed))
    );
    assert_eq!(judgments[0].usage.map(|usage| usage.input_tokens), Some(10_000), "both calls are counted");
    let (code, text) = run(dir.path(), &["analyze", "--verify"]);
    assert_eq!(code, 0, "{text}");
    run(dir.path(), &["judge"]);
    assert_eq!(seen.lock().expect("not poisoned").len(), 4 * PROMPTS);
}

#[test]
fn a_budget_is_never_exceeded_and_needs_prices() {
    let dir = temp_dir();
    let (url, seen) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["--set", "judging.budget-usd=0.2", "judge"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("could exceed the budget of $0.20"), "{text}");
    let calls = seen.lock().expect("not poisoned").len();
    assert!(calls > 5 && calls < 2 * PROMPTS, "{calls} calls");
    let cost: f64 =
        rows::<Judgment>(dir.path(), "judgments.jsonl").iter().filter_map(|row| row.cost_usd).sum();
    assert!(cost > 0.0 && cost <= 0.2, "{cost}");
    let path = dir.path().join("affinage.toml");
    let config = fs_err::read_to_string(&path).expect("there").replace("price-out = 10.0\n", "");
    fs_err::write(&path, config).expect("written");
    let (code, text) = run(dir.path(), &["--set", "judging.budget-usd=5", "judge"]);
    assert_eq!((code, seen.lock().expect("not poisoned").len()), (1, calls), "fails closed: {text}");
    assert!(text.contains("a price of this judge is not known"), "{text}");
}

#[test]
fn a_request_that_the_server_cut_in_silence_is_no_verdict() {
    let dir = temp_dir();
    let (url, _) = serve(|number, body| {
        let cut = openai_reply(&good_verdict(body), "stop")
            .replace("\"prompt_tokens\":5000", "\"prompt_tokens\":60");
        if number % 2 == 0 { Scripted::reply(200, "", cut) } else { good_judge(number, body) }
    });
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("read only a part of 32 requests") && text.contains("num_ctx"), "{text}");
}

#[test]
fn an_exam_is_taken_once_and_keeps_a_bad_judge_out() {
    let dir = temp_dir();
    // Whatever it is shown, the first answer wins.
    let (url, seen) = serve(|_, body| {
        let user = WireFormat::Openai.user_text(body.to_string().as_bytes()).expect("a user message");
        let label =
            user.split("<<Response ").nth(1).and_then(|block| block.split(' ').next()).expect("a label");
        Scripted::reply(200, "", openai_reply(&format!("VERDICT: {label}"), "stop"))
    });
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge", "--qualify"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("`judge` failed its exam"), "{text}");
    assert!(text.contains("chooses the answer shown first"), "{text}");
    assert_eq!(seen.lock().expect("not poisoned").len(), 140);
    run(dir.path(), &["judge", "--qualify"]);
    assert_eq!(seen.lock().expect("not poisoned").len(), 140, "an exam is taken once");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    let (code, text) = run(dir.path(), &["analyze"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("No judge has finished") || text.contains("left out of the mean"), "{text}");
    let ledger =
        fs_err::read_to_string(dir.path().join("evals/first-look/exam/ledger.jsonl")).expect("there");
    assert!(ledger.lines().all(|line| line.contains("\"phase\":\"exam\"")));
}

#[test]
fn forty_calls_are_asked_again() {
    let dir = temp_dir();
    let (url, seen) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["--set", "judging.repeats=true", "judge"]);
    assert_eq!((code, seen.lock().expect("not poisoned").len()), (0, 2 * PROMPTS + 40), "{text}");
    run(dir.path(), &["analyze"]);
    let analysis: Value = serde_json::from_str(
        &fs_err::read_to_string(dir.path().join("evals/first-look/analysis.json")).expect("analysed"),
    )
    .expect("JSON");
    assert_eq!(analysis["judges"][0]["self_agreement"]["n"], 40);
    assert_eq!(analysis["judges"][0]["self_agreement"]["value"], 1.0);
}
