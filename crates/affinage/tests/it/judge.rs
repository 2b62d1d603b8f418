//! `judge` and `analyze` against a scripted server on this machine: retries, resuming, and what never leaves.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use affinage_eval::judge::ledger::{LedgerEvent, LedgerRow};
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judgment::{Judgment, MissingReason, Outcome};
use serde_json::{Value, json};

use crate::scripted::{
    KEY, PROMPTS, Scripted, good_judge, good_verdict, openai_reply, project, rows, run, serve,
};
use crate::{affinage, temp_dir, transcript};

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

    // 28 of 32 prompts are won, in both orders, whatever the positions and labels were.
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
    error: 64 requests would be sent to 192.0.2.1; this is not a terminal, so I cannot ask

    hint: pass `--yes` to send them, `--dry-run` to see what they would take
    ");
    let made = ["judgments.jsonl", "ledger.jsonl", "exam"]
        .map(|name| dir.path().join("evals/first-look").join(name));
    assert!(!made.iter().any(|path| path.exists()), "nothing is written before a yes");

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
    judge  phase  calls  answered  tokens in  tokens out    low  expected  worst
    judge  judge     64         0    ~22,929     ~19,200  $0.11     $0.24  $2.85
    --- stderr
    ");
    let (code, text) = run(dir.path(), &["judge", "--qualify", "--dry-run"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("judge  exam     140         0"), "{text}");
    assert!(!made.iter().any(|path| path.exists()), "a dry run writes nothing");
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
    assert!(text.contains("but its outcome is the position of"), "{text}");
}

#[test]
fn the_findings_fit_a_terminal() {
    let dir = temp_dir();
    let dir = dir.path().join("my-voice");
    fs_err::create_dir(&dir).expect("made");
    let (url, _) = serve(good_judge);
    project(&dir, &url, "openai");
    assert_eq!(run(&dir, &["judge"]).0, 0);
    insta::assert_snapshot!(transcript(&dir, &["analyze"]), @r#"
    exit: 0
    --- stdout
    Is my-voice better than tiny? (step 10 against base)
      Did it learn the voice?   Cannot tell yet: none of the held-out examples is among these prompts: `in-domain` in `eval.suites` takes those that the data set has
      Is it better?             Better in its domain: win rate 88 % (likely between 75 % and 100 %) of 32 prompts (28 won, 0 tied, 4 lost)
      Did it forget anything?   Cannot tell yet: no question with an exact answer was asked; `eval.suites` in affinage.toml takes some, such as "maths"
      Watch out                 One judge, `judge`: one opinion. `judge` took no exam: whether it can judge is not known. 2 more things before you believe it: `affinage analyze --eval first-look --full`.
      Do next                   Add a judge of another family: a second `[[judge]]` in affinage.toml, then `affinage judge --eval first-look`.
                                Buy next: a tenth more prompts (about 0.07 US dollars more) lowers the standard error from 5.9 to 5.7 points, the most for its price.
    --- stderr

    hint: full report: `affinage report --open`; every figure here: `affinage analyze --full`
    "#);
    let (_, full) = run(&dir, &["analyze", "--full"]);
    let (_, verbose) = run(&dir, &["-v", "analyze"]);
    for text in [full, verbose] {
        assert!(text.starts_with("Is my-voice better than tiny?"), "the card comes first: {text}");
        for section in ["Before you believe it", "Claims", "Answers", "Do next"] {
            assert!(text.contains(&format!("\n{section}\n")), "{section}: {text}");
        }
        assert!(text.contains("(28 won, 0 tied, 4 lost), p < .001: better."), "{text}");
        assert!(text.contains("another run with the same settings may turn out differently."), "{text}");
    }
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

#[test]
fn what_a_server_refuses_is_remembered_by_the_next_run_and_said() {
    let dir = temp_dir();
    let (url, seen) = serve(|number, body| {
        for (param, name) in
            [("temperature", "temperature"), ("seed", "seed"), ("response_format", "response_format")]
        {
            if body.get(param).is_some() {
                let error =
                    json!({"error": {"message": "unsupported", "param": name, "code": "unsupported_value"}});
                return Scripted::reply(400, "", error.to_string());
            }
        }
        good_judge(number, body)
    });
    project(dir.path(), &url, "openai");
    let path = dir.path().join("affinage.toml");
    let config = fs_err::read_to_string(&path).expect("there");
    let config = config.replace("concurrency = 3", "concurrency = 1\ntemperature = 0.0\nseed = 7");
    fs_err::write(&path, config).expect("written");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the server takes no response_format, no temperature, no seed"), "{text}");
    assert_eq!(seen.lock().expect("not poisoned").len(), 2 * PROMPTS + 3);
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    assert!(judgments.iter().all(|row| !row.params_effective.contains_key("temperature")));

    // Another evaluation of the same server begins with what was learnt.
    fs_err::remove_dir_all(dir.path().join("evals")).expect("removed");
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    assert_eq!(seen.lock().expect("not poisoned").len(), 4 * PROMPTS + 3);
    let memory = fs_err::read_to_string(dir.path().join(".cache/judge-servers.json")).expect("kept");
    assert!(memory.contains("/v1/ judge-1") || memory.contains("/v1 judge-1"), "{memory}");
    assert!(!memory.contains(KEY));
}

#[test]
fn a_server_that_is_overloaded_is_asked_by_fewer_at_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let dir = temp_dir();
    static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);
    let (url, _) = serve(|number, body| {
        // No more than two at once.
        let in_flight = IN_FLIGHT.fetch_add(1, Ordering::SeqCst) + 1;
        std::thread::sleep(Duration::from_millis(30));
        IN_FLIGHT.fetch_sub(1, Ordering::SeqCst);
        if in_flight > 2 {
            return Scripted::reply(
                429,
                "retry-after-ms: 700\r\n",
                r#"{"error":{"code":"rate_limit_exceeded"}}"#,
            );
        }
        good_judge(number, body)
    });
    project(dir.path(), &url, "openai");
    let path = dir.path().join("affinage.toml");
    let config = fs_err::read_to_string(&path).expect("there").replace("concurrency = 3", "concurrency = 8");
    fs_err::write(&path, config).expect("written");
    // A call that met the limit six times is left to the next run of the same command.
    let (mut code, text) = run(dir.path(), &["judge"]);
    assert!(text.contains("slowed down to"), "{text}");
    for _ in 0..5 {
        if code != 0 {
            code = run(dir.path(), &["judge"]).0;
        }
    }
    assert_eq!(code, 0);
    assert_eq!(rows::<Judgment>(dir.path(), "judgments.jsonl").len(), 2 * PROMPTS);
}

#[test]
fn calls_a_minute_are_limited_for_all_judges_of_an_address() {
    let dir = temp_dir();
    let (url, seen) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let path = dir.path().join("affinage.toml");
    let config = fs_err::read_to_string(&path).expect("there");
    fs_err::write(&path, config.replace("concurrency = 3", "concurrency = 3\nrequests-per-minute = 1500"))
        .expect("written");
    let began = std::time::Instant::now();
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    assert_eq!(seen.lock().expect("not poisoned").len(), 2 * PROMPTS);
    // 64 turns of 40 ms.
    assert!(began.elapsed() >= Duration::from_millis(63 * 40), "{:?}", began.elapsed());
}

#[test]
fn a_judge_that_is_stopped_does_not_stop_the_others_and_a_missing_model_is_said() {
    let dir = temp_dir();
    let (url, seen) = serve(|number, body| {
        if body["model"] == "gone-1" {
            return Scripted::reply(
                404,
                "",
                r#"{"error":{"code":"model_not_found","message":"no such model"}}"#,
            );
        }
        good_judge(number, body)
    });
    project(dir.path(), &url, "openai");
    let path = dir.path().join("affinage.toml");
    let config = fs_err::read_to_string(&path).expect("there");
    let gone = format!(
        "[[judge]]\nid = \"gone\"\nkind = \"openai\"\nmodel = \"gone-1\"\nbase-url = \"{url}\"\nconcurrency = 1\n"
    );
    fs_err::write(&path, config.replacen("[[judge]]", &format!("{gone}[[judge]]"), 1)).expect("written");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("judge `gone` stopped") && text.contains("404 model_not_found: no such model"),
        "{text}"
    );
    assert!(text.contains("the server does not list the model `gone-1`; it has judge-1"), "{text}");
    assert!(text.contains("judge: 64 of 64 judged"), "{text}");
    assert_eq!(
        seen.lock().expect("not poisoned").len(),
        2 * PROMPTS + 1,
        "one call of the judge that is gone"
    );
}

#[test]
fn a_reply_without_end_is_cut_off_and_a_success_that_is_none_is_paid_twice_at_most() {
    let dir = temp_dir();
    let (url, seen) =
        serve(|_, _| Scripted::reply(200, "", format!("{{\"choices\":[{}0]}}", "0,".repeat(3 << 20))));
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the reply is longer than 4 MB"), "{text}");
    assert!(seen.lock().expect("not poisoned").len() <= 2 * 3, "not asked again and again");

    let dir = temp_dir();
    let (url, seen) = serve(|_, _| Scripted::reply(200, "", "{\"choices\": []}"));
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the judge does not answer"), "{text}");
    assert!(
        seen.lock().expect("not poisoned").len() <= 2 * 5,
        "{} requests",
        seen.lock().expect("not poisoned").len()
    );
}

#[test]
fn a_proxy_of_the_environment_is_not_for_this_machine() {
    let dir = temp_dir();
    let (url, seen) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let mut command = affinage(dir.path());
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        // Nobody listens there.
        command.env(variable, "http://127.0.0.1:1");
    }
    let output = command.arg("judge").env("TEST_JUDGE_KEY", KEY).output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(seen.lock().expect("not poisoned").len(), 2 * PROMPTS);
}

#[test]
fn an_unknown_usage_costs_an_unknown_amount_and_fills_a_budget_at_its_worst() {
    let dir = temp_dir();
    let (url, seen) = serve(|_, body| {
        let text = openai_reply(&good_verdict(body), "stop")
            .replace("\"completion_tokens\":20", "\"completion_tokens\":2.5");
        Scripted::reply(200, "", text)
    });
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["--set", "judging.budget-usd=0.2", "judge"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("cost unknown"), "{text}");
    let judgments: Vec<Judgment> = rows(dir.path(), "judgments.jsonl");
    assert!(
        !judgments.is_empty() && judgments.iter().all(|row| row.cost_usd.is_none() && row.usage.is_none())
    );
    let calls = seen.lock().expect("not poisoned").len();
    let (code, text) = run(dir.path(), &["--set", "judging.budget-usd=0.2", "judge"]);
    assert_eq!((code, seen.lock().expect("not poisoned").len()), (1, calls), "the budget is full: {text}");
}

#[test]
fn a_judge_that_another_model_answers_and_one_that_refuses_everything_are_said() {
    let dir = temp_dir();
    let (url, _) = serve(|_, body| {
        Scripted::reply(
            200,
            "",
            openai_reply(&good_verdict(body), "stop").replace("judge-1-2026", "parrot-8b"),
        )
    });
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("judge-1 was asked and parrot-8b answered"), "{text}");

    let dir = temp_dir();
    let (url, seen) =
        serve(|_, _| Scripted::reply(400, "", r#"{"error":{"message":"the sky is too blue"}}"#));
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["judge"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("the judge refuses every request") && text.contains("the sky is too blue"),
        "{text}"
    );
    assert!(seen.lock().expect("not poisoned").len() <= 2 * 3);
}
