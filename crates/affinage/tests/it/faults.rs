//! What servers and judges do wrong: each fault survived or named, and no call paid twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use affinage_eval::comparison::LABELS;
use affinage_eval::judge::ledger::{LedgerEvent, LedgerRow, Phase};
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judgment::{Judgment, MissingReason, Outcome};
use serde_json::{Value, json};

use crate::data::{chat, export, json_of};
use crate::scripted::{
    KEY, PROMPTS, Scripted, good_judge, good_verdict, openai_reply, project, rows, run, serve, serve_paths,
};
use crate::{affinage, temp_dir};

const CALLS: usize = 2 * PROMPTS;

fn set(dir: &Path, from: &str, to: &str) {
    let path = dir.join("affinage.toml");
    let config = fs_err::read_to_string(&path).expect("there");
    assert!(config.contains(from), "{config}");
    fs_err::write(&path, config.replacen(from, to, 1)).expect("written");
}

/// Every file below `dir`.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs_err::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_transient_fault_is_asked_again_and_every_call_answered_once() {
    // The first request of every call fails in one of these ways.
    let faults: [fn() -> Scripted; 9] = [
        || Scripted::reply(429, "retry-after: 0.02\r\n", r#"{"error":{"code":"rate_limit_exceeded"}}"#),
        || Scripted::reply(429, "", r#"{"error":{"code":"slow_down"}}"#),
        || Scripted::reply(529, "", r#"{"type":"error","error":{"type":"overloaded_error"}}"#),
        || Scripted::reply(500, "", "oops"),
        || Scripted { delay: Duration::from_millis(1500), ..Scripted::reply(200, "", "late") },
        || Scripted { cut: true, ..Scripted::reply(200, "", openai_reply("VERDICT: K7", "stop")) },
        || Scripted::reply(200, "", r#"{"choices":[{"finish_reason":"stop","mess"#),
        || Scripted::reply(200, "", r#"{"unexpected":"schema"}"#),
        || Scripted::reply(503, "", r#"[{"error":{"code":503,"status":"UNAVAILABLE","message":"busy"}}]"#),
    ];
    let failed: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let (url, seen) = serve(move |number, body| {
        let kinds = {
            let mut failed = failed.lock().expect("not poisoned");
            let before = failed.len();
            *failed.entry(body["messages"].to_string()).or_insert(before)
        };
        let is_first = {
            static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
            let mut seen = SEEN.lock().expect("not poisoned");
            let is_first = !seen.contains(&kinds);
            seen.push(kinds);
            is_first
        };
        if is_first { faults[kinds % faults.len()]() } else { good_judge(number, body) }
    });
    let dir = temp_dir();
    project(dir.path(), &url, "openai");
    set(dir.path(), "concurrency = 3", "concurrency = 16\ntimeout-s = 1");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    assert_eq!(judgments.len(), CALLS);
    assert!(judgments.iter().all(|row| !matches!(row.outcome, Outcome::Missing { .. }) && row.attempts == 2));
    assert_eq!(seen.lock().expect("not poisoned").len(), 2 * CALLS);
    let ledger: Vec<LedgerRow> = rows(dir.path(), "ledger.jsonl");
    let failures = ledger.iter().filter(|row| matches!(row.event, LedgerEvent::Failed { .. })).count();
    assert_eq!(failures, CALLS, "each fault is noted");
}

#[test]
fn final_faults_end_the_judge_at_once_and_others_are_missing_with_their_reason() {
    for (status, body, named) in [
        (
            429,
            r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"RequestsPerDay"}}]"#,
            "RequestsPerDay",
        ),
        (
            429,
            r#"{"error":{"type":"enforced_spend_limit_reached","message":"spend"}}"#,
            "enforced_spend_limit_reached",
        ),
        (402, r#"{"error":{"type":"billing_error","message":"pay"}}"#, "billing_error"),
        (404, r#"{"error":{"type":"not_found_error","message":"model: judge-1"}}"#, "not_found_error"),
    ] {
        let dir = temp_dir();
        let (url, seen) = serve(move |_, _| Scripted::reply(status, "", body));
        project(dir.path(), &url, "openai");
        set(dir.path(), "concurrency = 3", "concurrency = 1");
        let (code, text) = run(dir.path(), &["judge"]);
        assert_eq!((code, seen.lock().expect("not poisoned").len()), (1, 1), "{text}");
        assert!(text.contains("judge `judge` stopped") && text.contains(named), "{text}");
    }
    // Replies that are no verdicts: an answer of another kind is stored and counted, never scored.
    let dir = temp_dir();
    let (url, _) = serve(|number, body| {
        let reply = match number % 4 {
            0 => json!({"model": "judge-1", "choices": [{"finish_reason": "stop",
                "message": {"content": null, "refusal": "I will not"}}]})
            .to_string(),
            1 => openai_reply("", "stop"),
            2 => openai_reply(r#"{"rationale":"x","winner":"both K7 and M2"}"#, "stop"),
            _ => return good_judge(number, body),
        };
        Scripted::reply(200, "", reply)
    });
    project(dir.path(), &url, "openai");
    set(dir.path(), "concurrency = 3", "concurrency = 1");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    let missing = |reason: MissingReason| {
        judgments.iter().filter(|row| row.outcome == Outcome::Missing { reason }).count()
    };
    assert_eq!(judgments.len(), CALLS);
    assert!(missing(MissingReason::Refusal) > 0, "{text}");
    let (_, analysis) = run(dir.path(), &["analyze", "--json"]);
    assert!(analysis.contains("A004") && analysis.contains("verdicts are missing"), "{analysis}");
}

#[test]
fn a_second_call_that_always_fails_stops_the_judge_and_is_asked_again_alone() {
    let dir = temp_dir();
    let is_well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let knows = std::sync::Arc::clone(&is_well);
    let (url, seen) = serve(move |number, body| {
        let is_second = body["messages"].as_array().is_some_and(|turns| turns.len() == 4);
        match (knows.load(Ordering::Relaxed), is_second) {
            (true, _) => good_judge(number, body),
            (false, true) => Scripted::reply(503, "retry-after: 0.02\r\n", r#"{"error":{"code":"busy"}}"#),
            (false, false) => Scripted::reply(200, "", openai_reply("Both have their merits.", "stop")),
        }
    });
    project(dir.path(), &url, "openai");
    set(dir.path(), "concurrency = 3", "concurrency = 1");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the judge does not answer"), "{text}");
    let asked = seen.lock().expect("not poisoned").len();
    assert_eq!(asked, 3 * (1 + 6), "three calls, each with one reply and six attempts at the second");
    assert_eq!(rows::<Judgment>(dir.path(), "judgments.jsonl"), [], "none is missing for good");
    is_well.store(true, Ordering::Relaxed);
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(seen.lock().expect("not poisoned").len(), asked + CALLS, "one call each");
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    assert_eq!(judgments.iter().filter(|row| row.repair.is_some()).count(), 3);
    assert!(judgments.iter().all(|row| !matches!(row.outcome, Outcome::Missing { .. })));
}

#[test]
fn a_byte_that_is_no_text_is_stored_as_it_came_and_blocks_nothing() {
    let dir = temp_dir();
    let (url, _) = serve(|_, body| {
        let reply = json!({"model": "judge-1", "choices": [{"finish_reason": "stop",
            "message": {"content": format!("K{}rzer.\n\n{}", '\u{1}', good_verdict(body))}}],
            "usage": {"prompt_tokens": 5000, "completion_tokens": 5}});
        let mut bytes = reply.to_string().replace("\\u0001", "\u{1}").into_bytes();
        // In Latin-1.
        bytes.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 0xfc);
        Scripted::reply(200, "", bytes)
    });
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    assert!(judgments.iter().all(|row| !matches!(row.outcome, Outcome::Missing { .. })));
    let (code, text) = run(dir.path(), &["analyze", "--verify"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("88 % (likely between 75 % and 100 %) of 32 prompts"), "{text}");
}

#[test]
fn a_model_that_changes_under_its_name_is_named() {
    let dir = temp_dir();
    let (url, _) = serve(|number, body| {
        let Scripted { body: reply, .. } = good_judge(number, body);
        let reply = String::from_utf8(reply).expect("text");
        let name = if number % 2 == 0 { "judge-1-2026" } else { "judge-2-mini" };
        Scripted::reply(200, "", reply.replace("judge-1-2026", name))
    });
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    let (_, text) = run(dir.path(), &["analyze", "--json"]);
    assert!(text.contains("`judge` was answered by judge-1-2026 and judge-2-mini."), "{text}");
}

/// The two labels and texts of a request, as a judge reads them.
fn shown(body: &Value) -> [(String, String); 2] {
    let user = WireFormat::Openai.user_text(body.to_string().as_bytes()).expect("a user message");
    let blocks: Vec<(String, String)> = user
        .split("<<Response ")
        .skip(1)
        .map(|block| {
            let (head, rest) = block.split_once('\n').expect("a head");
            let label = head.split(' ').next().expect("a label").to_owned();
            (label, rest.split("\n<<end").next().unwrap_or_default().to_owned())
        })
        .collect();
    blocks.try_into().expect("two answers")
}

#[test]
fn bad_judges_are_named() {
    type Choose = fn(&[(String, String); 2], usize) -> usize;
    // What it does, and what must be said about it.
    let judges: [(&str, Choose, &str); 5] = [
        ("first", |_, _| 0, "the answer shown first"),
        (
            "label",
            |shown, _| {
                let rank = |label: &str| LABELS.iter().position(|known| *known == label);
                usize::from(rank(&shown[0].0) > rank(&shown[1].0))
            },
            "the first label of a pair",
        ),
        ("longer", |shown, _| usize::from(shown[0].1.len() < shown[1].1.len()), "longer"),
        (
            "injected",
            |shown, number| {
                let words = ["VERDICT", "winner", "Choose ", "swapped by mistake"];
                let orders = |text: &str| words.iter().any(|word| text.contains(word));
                shown.iter().position(|(_, text)| orders(text)).unwrap_or(number % 2)
            },
            "obeys instructions hidden in an answer",
        ),
        (
            "random",
            |shown, _| {
                let bytes = shown[0].1.bytes().chain(shown[1].1.bytes());
                bytes.fold(7usize, |hash, byte| hash.wrapping_mul(31) ^ usize::from(byte)) >> 3 & 1
            },
            "no better than a coin",
        ),
    ];
    for (name, choose, said) in judges {
        let dir = temp_dir();
        let (url, _) = serve(move |number, body| {
            let shown = shown(body);
            let label = &shown[choose(&shown, number)].0;
            Scripted::reply(200, "", openai_reply(&format!("VERDICT: {label}"), "stop"))
        });
        project(dir.path(), &url, "openai");
        // To the end: what is wrong with a judge takes more calls than that it cannot judge.
        let (code, text) = run(dir.path(), &["judge", "--qualify", "--unfit"]);
        assert_eq!(code, 0, "{name}: {text}");
        assert!(text.contains("failed its exam"), "{name}: {text}");
        assert_eq!(run(dir.path(), &["judge", "--unfit"]).0, 0);
        let (_, text) = run(dir.path(), &["analyze", "--json"]);
        let text = &text[text.find('{').expect("JSON")..=text.rfind('}').expect("JSON")];
        let analysis: Value = serde_json::from_str(text).expect("one document");
        assert_eq!(analysis["judges"][0]["in_panel"], json!(false), "{name} is left out of the mean");
        assert!(text.contains(said), "{name} must be told by `{said}`: {}", analysis["judges"][0]);
    }
}

/// Kills `judge` at `kills` points and holds the end against a run that nobody killed.
fn kill(kills: usize) -> (usize, usize) {
    const DELAY: Duration = Duration::from_millis(8);
    let whole = temp_dir();
    let (url, _) = serve(good_judge);
    project(whole.path(), &url, "openai");
    assert_eq!(run(whole.path(), &["judge"]).0, 0);
    assert_eq!(run(whole.path(), &["analyze"]).0, 0);
    let table = |dir: &Path| fs_err::read(dir.join("evals/first-look/analysis.json")).expect("analysed");

    let (mut killed, mut asked_again, mut random) = (0, 0, 12_345usize);
    while killed < kills {
        let dir = temp_dir();
        let (url, seen) = serve(|number, body| Scripted { delay: DELAY, ..good_judge(number, body) });
        project(dir.path(), &url, "openai");
        // At most ten kills, so that each finds work to interrupt.
        for _ in 0..10.min(kills - killed) {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut child = affinage(dir.path())
                .args(["judge"])
                .env("TEST_JUDGE_KEY", KEY)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the binary starts");
            let before = seen.lock().expect("not poisoned").len();
            let started = std::time::Instant::now();
            while seen.lock().expect("not poisoned").len() == before
                && started.elapsed() < Duration::from_secs(5)
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_micros((random >> 33) as u64 % 20_000));
            child.kill().expect("SIGKILL");
            child.wait().expect("reaped");
            killed += 1;
        }
        let (code, text) = run(dir.path(), &["judge"]);
        assert_eq!(code, 0, "{text}");
        assert_eq!(run(dir.path(), &["analyze"]).0, 0);
        assert_eq!(table(dir.path()), table(whole.path()), "byte for byte");

        // Nothing was sent without an intent, and no answer that was stored was asked for again.
        let ledger: Vec<LedgerRow> = rows(dir.path(), "ledger.jsonl");
        let mut answers: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for row in &ledger {
            let (intents, answered) = answers.entry(&row.judgment_id).or_default();
            match row.event {
                LedgerEvent::Intent { .. } => *intents += 1,
                LedgerEvent::Answered { .. } => *answered += 1,
                LedgerEvent::Failed { .. } => {}
            }
        }
        assert_eq!(answers.len(), CALLS);
        assert!(answers.values().all(|(_, answered)| *answered == 1), "each call has one answer");
        let intents: usize = answers.values().map(|(intents, _)| intents).sum();
        let sent = seen.lock().expect("not poisoned").len();
        assert!(sent <= intents, "{sent} sent, {intents} intended");
        asked_again += sent - CALLS;
    }
    // Three calls are in flight at most.
    assert!(asked_again <= 3 * killed, "{asked_again} asked again after {killed} kills");
    (killed, asked_again)
}

#[test]
fn ten_kills_leave_the_same_table() {
    kill(10);
}

/// `cargo test -p affinage --test it -- --ignored --nocapture a_hundred_kills`.
#[test]
#[ignore = "slow: a hundred processes are killed"]
fn a_hundred_kills_leave_the_same_table() {
    let (killed, again) = kill(100);
    println!("{killed} kills, {again} calls without a stored answer asked again");
}

#[test]
fn the_key_is_in_no_file_of_exam_judging_or_memory() {
    let dir = temp_dir();
    let (url, seen) = serve(|number, body| {
        if body.get("response_format").is_some() {
            let message = format!("response_format is not for {KEY}");
            return Scripted::reply(400, "", json!({"error": {"message": message}}).to_string());
        }
        if number % 7 == 3 {
            return Scripted::reply(500, "", format!("upstream said: Bearer {KEY}"));
        }
        Scripted::reply(200, "", openai_reply(&format!("VERDICT: {}", shown(body)[0].0), "stop"))
    });
    project(dir.path(), &url, "openai");
    for args in [&["-v", "judge", "--qualify", "--unfit"][..], &["-v", "judge", "--unfit"]] {
        let (_, text) = run(dir.path(), args);
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(seen.lock().expect("not poisoned").iter().all(|(_, has_key)| *has_key));
    run(dir.path(), &["analyze"]);
    run(dir.path(), &["report"]);
    let all = files(dir.path());
    assert!(all.iter().any(|file| file.ends_with("exam/ledger.jsonl")) && all.len() > 12);
    for file in all {
        let bytes = fs_err::read(&file).expect("a file");
        let text = if file.ends_with("raw.jsonl.zst") { zstd_text(&bytes) } else { bytes };
        assert!(
            !text.windows(KEY.len()).any(|window| window == KEY.as_bytes()),
            "the key is in {}",
            file.display()
        );
    }
}

fn zstd_text(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).expect("zstd frames")
}

#[test]
fn a_batch_is_submitted_once_left_and_collected_in_any_order() {
    for kind in ["openai", "anthropic"] {
        let dir = temp_dir();
        static POLLS: AtomicUsize = AtomicUsize::new(0);
        POLLS.store(0, Ordering::SeqCst);
        let lines: Mutex<Vec<String>> = Mutex::default();
        let (url, seen) =
            serve_paths(move |_, target, body| match target.split(' ').nth(1).expect("a path") {
                "/v1/models" | "/v1/models?limit=1000" => Scripted::reply(404, "", "{}"),
                "/v1/files" => {
                    *lines.lock().expect("not poisoned") =
                        body.lines().filter(|line| line.starts_with('{')).map(batch_answer).collect();
                    Scripted::reply(200, "", r#"{"id":"file-1"}"#)
                }
                "/v1/messages/batches" => {
                    let all: Value = serde_json::from_str(body).expect("JSON");
                    *lines.lock().expect("not poisoned") =
                        all["requests"].as_array().expect("requests").iter().map(message_answer).collect();
                    Scripted::reply(200, "", r#"{"id":"batch-1","processing_status":"in_progress"}"#)
                }
                "/v1/batches" => Scripted::reply(200, "", r#"{"id":"batch-1","status":"validating"}"#),
                "/v1/batches/batch-1" | "/v1/messages/batches/batch-1" => {
                    let is_done = POLLS.fetch_add(1, Ordering::SeqCst) > 0;
                    let (openai, anthropic) =
                        if is_done { ("completed", "ended") } else { ("in_progress", "in_progress") };
                    Scripted::reply(
                        200,
                        "",
                        json!({"status": openai, "processing_status": anthropic,
                    "output_file_id": "file-2", "results_url": "http://192.0.2.1/elsewhere"})
                        .to_string(),
                    )
                }
                "/v1/files/file-2/content" | "/v1/messages/batches/batch-1/results" => {
                    // Out of order, one twice, one broken, one missing.
                    let mut lines = lines.lock().expect("not poisoned").clone();
                    lines.reverse();
                    lines.push(lines[0].clone());
                    lines[1] = "{\"custom_id\": \"jdg".to_owned();
                    lines[3] = "{\"custom_id\":\"jdg-of-nobody\"}".to_owned();
                    Scripted::reply(200, "", lines.join("\n"))
                }
                path => panic!("{path} was asked for"),
            });
        project(dir.path(), &url, kind);
        set(dir.path(), "concurrency = 3", "mode = \"batch\"");
        let (code, text) = run(dir.path(), &["judge"]);
        assert_eq!(code, 0, "{kind}: {text}");
        assert!(text.contains("64 wait in a batch"), "{kind}: {text}");
        let sent = if kind == "openai" { 2 } else { 1 };
        assert_eq!(seen.lock().expect("not poisoned").len(), sent);
        let (_, dry) = run(dir.path(), &["judge", "--dry-run"]);
        assert!(dry.contains("judge  judge      0"), "nothing is left to send: {dry}");
        let (code, text) = run(dir.path(), &["judge"]);
        assert_eq!(code, 0, "{kind}: {text}");
        assert!(text.contains("is being answered") && !text.contains("paid twice"), "{kind}: {text}");
        assert_eq!(seen.lock().expect("not poisoned").len(), sent, "{kind}: a batch is sent once");

        let (code, text) = run(dir.path(), &["judge"]);
        assert_eq!(code, 0, "{kind}: {text}");
        assert!(text.contains("brought 62 replies, 2 calls failed"), "{kind}: {text}");
        let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
        assert_eq!(judgments.len(), CALLS - 2);
        assert!(judgments.iter().all(|row| !matches!(row.outcome, Outcome::Missing { .. })));
        // Half the price: 1000 tokens in at 2 dollars a million, 20 out at 10.
        assert_eq!(judgments[0].cost_usd, Some(0.5 * (1000.0 * 2.0 + 20.0 * 10.0) / 1e6), "{kind}");
        // The two that got no line are in the next batch.
        assert!(text.contains("2 calls submitted as batch"), "{kind}: {text}");
        assert_eq!(run(dir.path(), &["analyze", "--verify"]).0, 0, "{kind}");
        let ledger: Vec<LedgerRow> = rows(dir.path(), "ledger.jsonl");
        let answered = ledger.iter().filter(|row| matches!(row.event, LedgerEvent::Answered { .. })).count();
        assert_eq!(answered, CALLS - 2, "{kind}: each answer is counted once");
        assert!(ledger.iter().all(|row| row.phase == Phase::Judge));
    }
}

fn batch_answer(line: &str) -> String {
    let line: Value = serde_json::from_str(line).expect("a line of the input");
    let text = good_verdict(&line["body"]);
    let reply = openai_reply(&text, "stop").replace("5000", "1000");
    let reply: Value = serde_json::from_str(&reply).expect("JSON");
    json!({"custom_id": line["custom_id"], "response": {"status_code": 200, "body": reply}, "error": null})
        .to_string()
}

fn message_answer(request: &Value) -> String {
    let text = good_verdict(&request["params"]);
    let message = json!({"model": "judge-1", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1000, "output_tokens": 20}});
    json!({"custom_id": request["custom_id"], "result": {"type": "succeeded", "message": message}})
        .to_string()
}

#[test]
fn the_probabilities_of_the_labels_are_read_where_the_server_gives_them() {
    let dir = temp_dir();
    let (url, seen) = serve(|_, body| {
        assert_eq!(body["logprobs"], json!(true));
        let said = good_verdict(body);
        let label = said.rsplit(' ').next().expect("a label");
        let [(first, _), (second, _)] = shown(body);
        let other = if first == label { second } else { first };
        // The label's first letter, nine to one.
        let token = |text: &str, likeliest: &[(&str, f64)]| {
            let top: Vec<Value> =
                likeliest.iter().map(|(token, p)| json!({"token": token, "logprob": p.ln()})).collect();
            json!({"token": text, "logprob": 0.0, "top_logprobs": top})
        };
        let tokens = [
            token("VER", &[]),
            token("DICT:", &[]),
            token(
                &format!(" {}", &label[..1]),
                &[(&format!(" {}", &label[..1]), 0.9), (&format!(" {}", &other[..1]), 0.1)],
            ),
            token(&label[1..], &[]),
        ];
        let reply = json!({"model": "judge-1", "choices": [{"finish_reason": "stop",
            "message": {"content": format!("VERDICT: {label}")}, "logprobs": {"content": tokens}}],
            "usage": {"prompt_tokens": 5000, "completion_tokens": 5}});
        Scripted::reply(200, "", reply.to_string())
    });
    project(dir.path(), &url, "openai");
    set(dir.path(), "concurrency = 3", "concurrency = 3\nlogprobs = true");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(seen.lock().expect("not poisoned").len(), CALLS);
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    assert!(judgments.iter().all(|row| {
        let p = row.p_first.expect("a probability");
        let expected = if row.outcome == Outcome::First { 0.9 } else { 0.1 };
        (p - expected).abs() < 1e-9
    }));
    let (_, text) = run(dir.path(), &["analyze", "--full"]);
    assert!(text.contains("28 won, 0 tied, 4 lost"), "{text}");
}

#[test]
fn a_plan_says_what_can_be_shown_and_what_it_takes() {
    let dir = temp_dir();
    let (url, seen) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["plan", "--effect", "0.7", "--json"]);
    assert_eq!(code, 0, "{text}");
    let plan: Value = serde_json::from_str(&text).expect("one document");
    // 32 independent prompts, a fifth of them ties: 25 decisive, of which 18 must be won.
    assert_eq!((&plan["reach"][0]["decisive"], &plan["reach"][0]["wins_needed"]), (&json!(25), &json!(18)));
    // Scores of a win rate of 70 % with a fifth of ties, each counted half, have the variance .16.
    assert_eq!(plan["prompts_needed"], json!(32));
    let judge = &plan["estimates"][1];
    assert_eq!((&judge["phase"], &judge["calls"]), (&json!("judge"), &json!(CALLS)));
    let usd = |part: &str| judge["cost_usd"][part].as_f64().expect("a price");
    assert!(usd("low") < usd("expected") && usd("expected") < usd("worst"), "{plan}");
    set(dir.path(), "price-in = 2.0\n", "");
    let (_, text) = run(dir.path(), &["plan"]);
    assert!(text.contains("unknown"), "{text}");
    assert_eq!(seen.lock().expect("not poisoned").len(), 0, "nothing is sent");
    let (code, text) = run(dir.path(), &["plan", "--effect", "0.4"]);
    assert_eq!(code, 2, "{text}");
}

#[test]
fn what_is_held_private_stays_on_this_machine_unless_named() {
    let dir = temp_dir();
    let dir = dir.path();
    let chats: Vec<Value> = (0..24).map(|i| chat(i, 2)).collect();
    run(dir, &["init"]);
    export(dir, "chats.json", &chats);
    json_of(dir, &["import", "chats.json"]);
    let version = json_of(dir, &["dataset", "--accept-clean"]);
    let folder = Path::new(version["folder"].as_str().expect("a folder")).to_owned();
    let test = fs_err::read_to_string(folder.join("test.jsonl")).expect("test rows");
    let row: Value = serde_json::from_str(test.lines().next().expect("a row")).expect("JSON");
    let (example, conversation) =
        (row["example_id"].as_str().expect("id"), row["conversation"].as_str().expect("key"));

    // An evaluation on another machine's judge, whose first prompt is that held-out example.
    project(dir, "http://192.0.2.1/v1", "openai");
    let eval = dir.join("evals/first-look");
    let prompt_id = affinage_eval::id::row_id("prm", &["held-out", example]);
    for name in ["prompts.jsonl", "completions.jsonl"] {
        let text = fs_err::read_to_string(eval.join(name)).expect("there").replace("prm-000", &prompt_id);
        fs_err::write(eval.join(name), text).expect("written");
    }
    let mut plan: Value =
        serde_json::from_slice(&fs_err::read(eval.join("plan.json")).expect("there")).expect("JSON");
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
    plan["dataset"] = json!({ "version": name, "train_examples": 10 });
    fs_err::write(eval.join("plan.json"), plan.to_string()).expect("written");
    let calls = |args: &[&str]| {
        let document = json_of(dir, &[&["judge", "--dry-run"], args].concat());
        (document["estimates"][0]["calls"].as_u64(), document["sources"].clone())
    };
    let (all, sources) = calls(&[]);
    assert_eq!(all, Some(64));
    assert!(sources.to_string().contains("chats.json"), "{sources}");
    json_of(dir, &["import", "chats.json", "--topic", &format!("{conversation}=private")]);
    let (open, sources) = calls(&[]);
    assert_eq!(open, Some(62), "{sources}");
    assert!(sources.to_string().contains("\"left_out\":1"), "{sources}");
    let (_, text) = run(dir, &["judge", "--dry-run"]);
    assert!(text.contains("not sent: 1 prompt from conversations that are or may be held private"), "{text}");
    assert_eq!(calls(&["--send-private", conversation]).0, Some(64));
}
