//! The studio's rooms Talk and Compare.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::room::Page;
use crate::scripted::{good_judge, serve};
use crate::{affinage, desk, scripted, temp_dir, tiny};

fn open(dir: &Path) -> Page {
    Page::open(dir, &["studio"])
}

/// The data of the events that are sent until the stream says that it has ended.
fn events(page: &Page, path: &str) -> Vec<Value> {
    let (port, token) = (page.port, &page.token);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let request = format!("GET /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut events = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line.expect("readable");
        if line == "event: end" {
            break;
        }
        events.extend(
            line.strip_prefix("data: ").map(|data| serde_json::from_str::<Value>(data).expect("JSON")),
        );
    }
    events
}

/// What the page shows when the answer is whole.
fn said(page: &Page) -> Value {
    page.wait("api/talk", |talk| talk["said"]["stage"] == "idle")["said"].clone()
}

fn question(arms: &[&str], prompt: &str) -> Value {
    json!({ "arms": arms, "run": null, "system": null, "prompt": prompt, "settings": { "temperature": 0.0, "max-new-tokens": 12 } })
}

#[test]
fn both_answer_word_by_word_as_in_the_terminal_and_the_conversation_goes_on() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let sets = ["--set", "train.learning-rate=0.1", "--set", "train.max-steps=8"];
    assert!(affinage(dir).args(sets).arg("train").output().expect("it starts").status.success());
    let page = open(dir);
    let state = page.get("api/talk");
    let names = state["runs"][0]["names"].as_array().expect("names");
    assert!(names.contains(&json!("last")) && state["runs"][0]["arms"][0] == "step-000008", "{state}");

    let arms = state["runs"][0]["arms"].as_array().expect("arms");
    assert!(!arms.contains(&json!("step-000000")), "step 0 is the base: {state}");

    let asked = question(&["base", "last"], "What is kalo?");
    page.post("api/talk/ask", &asked);
    assert_eq!(page.try_post("api/talk/ask", &asked).0, 400, "one question at a time");
    let events = events(&page, "api/talk/answers");
    let grown = |speaker: usize| -> String {
        events.iter().filter_map(|event| event["answers"][speaker]["text"].as_str()).collect()
    };
    let shown = said(&page);
    let answers = shown["turns"][0]["answers"].as_array().expect("answers");
    assert_eq!(answers.len(), 2, "{shown}");
    for (speaker, answer) in answers.iter().enumerate() {
        assert_eq!(answer["text"], grown(speaker).as_str(), "the events together are the answer");
    }
    assert!(
        shown["titles"][1].as_str().is_some_and(|title| title.starts_with("step-000008 (last)")),
        "{shown}"
    );

    // The command that the page shows says the same.
    let command = page.post("api/talk/command", &asked)["command"].as_str().expect("a text").to_owned();
    let words =
        "affinage --set=generate.temperature=0.0 --set=generate.max-new-tokens=12 chat --compare=base,last";
    assert_eq!(command, words);
    let output = affinage(dir)
        .arg("--json")
        .args(words.split(' ').skip(1))
        .args(["--prompt", "What is kalo?"])
        .output()
        .expect("it starts");
    let in_terminal: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (answer, same) in answers.iter().zip(in_terminal["answers"].as_array().expect("answers")) {
        assert_eq!((&answer["text"], &answer["arm"]), (&same["text"], &same["arm"]));
    }

    // A question that cannot be answered is taken back, and the conversation goes on behind it.
    page.post("api/talk/ask", &question(&["base", "last"], &"long ".repeat(4000)));
    let failed = said(&page);
    assert!(failed["error"].as_str().is_some_and(|error| error.contains("positions")), "{failed}");
    assert_eq!(failed["turns"].as_array().expect("turns").len(), 1);
    page.post("api/talk/ask", &question(&["base", "last"], "And lomi?"));
    let second = said(&page);
    assert_eq!(
        (&second["error"], second["turns"].as_array().expect("turns").len()),
        (&Value::Null, 2),
        "{second}"
    );

    // What is impossible is refused in words; others who answer begin anew.
    for (key, value) in [("temperature", json!(-1)), ("max-new-tokens", json!(0)), ("colour", json!("red"))] {
        let mut wrong = asked.clone();
        wrong["settings"] = json!({ key: value });
        assert_eq!(page.try_post("api/talk/ask", &wrong).0, 400, "{key}");
    }
    assert_eq!(page.try_post("api/talk/ask", &question(&[], "Why?")).0, 400);
    page.post("api/talk/ask", &question(&["step-99"], "Why?"));
    assert!(said(&page)["error"].as_str().is_some_and(|error| error.contains("step-99")));
    page.post("api/talk/ask", &question(&["base"], "What is kalo?"));
    let alone = said(&page);
    assert_eq!(
        alone["turns"][0]["answers"][0]["text"], answers[0]["text"],
        "nobody's answer depends on others"
    );
    page.post("api/talk/forget", &json!({}));
    assert_eq!(said(&page)["turns"], json!([]));
}

#[test]
fn a_blind_pair_is_told_after_the_choice_and_kept_apart() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let sets = ["--set", "train.learning-rate=0.1", "--set", "train.max-steps=8"];
    assert!(affinage(dir).args(sets).arg("train").output().expect("it starts").status.success());
    let page = open(dir);
    page.post("api/talk/ask", &question(&["base", "last"], "What is kalo?"));
    let open_eyed = said(&page)["turns"][0]["answers"].clone();
    let by_arm = |arm: &str| {
        let answers = open_eyed.as_array().expect("answers").iter();
        answers.clone().find(|answer| answer["arm"] == arm).expect("an arm")["text"].clone()
    };
    assert_ne!(by_arm("base"), by_arm("step-000008"));

    let blind = |arms: &[&str]| {
        let mut asked = question(arms, "What is kalo?");
        asked["blind"] = json!(true);
        asked
    };
    assert_eq!(page.try_post("api/talk/ask", &blind(&["base"])).0, 400, "a pair is of two");
    page.post("api/talk/ask", &blind(&["last", "step-000008"]));
    assert!(said(&page)["error"].as_str().is_some_and(|error| error.contains("the same checkpoint")));

    let file = dir.join("blind-pairs.jsonl");
    let state = page.get("api/state");
    for choice in ["first", "second", "tie"].repeat(6) {
        page.post("api/talk/ask", &blind(&["base", "last"]));
        let mut sent: Vec<String> = events(&page, "api/talk/answers").iter().map(Value::to_string).collect();
        let pair = said(&page);
        let mut talk = page.get("api/talk");
        // Whom one may ask, and what was chosen before, is there whoever is asked.
        (talk["runs"], talk["tally"]) = (Value::Null, Value::Null);
        sent.push(talk.to_string());
        assert_eq!(page.get("api/state"), state, "no other room knows of it");
        for sent in &sent {
            for tells in ["step-0", "adapter", "\"seed\"", "base ·"] {
                assert!(!sent.contains(tells), "{tells}: {sent}");
            }
        }
        assert_eq!((&pair["titles"], &pair["choice"]), (&json!(["A", "B"]), &Value::Null), "{pair}");
        assert_eq!(pair["party"]["arms"], json!(["base", "last"]), "as it was asked, whatever the order");
        assert_eq!(pair["turns"].as_array().map(Vec::len), Some(1), "a conversation of its own");
        for speaker in [0, 1] {
            let answer = &pair["turns"][0]["answers"][speaker];
            assert_eq!((&answer["arm"], &answer["model"]), (&json!(""), &json!("")), "{pair}");
        }

        let chosen = json!({ "number": pair["number"], "choice": choice });
        let told = page.post("api/talk/choose", &chosen)["said"].clone();
        assert_eq!(page.try_post("api/talk/choose", &chosen).0, 400, "once");
        let rows = fs_err::read_to_string(&file).expect("kept");
        let row: Value = serde_json::from_str(rows.lines().last().expect("a row")).expect("JSON");
        assert_eq!((&row["choice"], &row["prompt"]), (&json!(choice), &json!("What is kalo?")));
        for speaker in [0, 1] {
            let arm = row["answers"][speaker]["arm"].as_str().expect("an arm");
            assert_eq!(row["answers"][speaker]["text"], by_arm(arm), "who wrote it is true: {row}");
            assert_eq!(row["answers"][speaker]["adapter_sha256"].is_string(), arm != "base", "{row}");
            assert_eq!(told["turns"][0]["answers"][speaker]["arm"], arm, "and told: {told}");
        }
        assert!(row["run"].as_str().is_some_and(|run| !run.is_empty()), "{row}");
    }
    let rows = fs_err::read_to_string(&file).expect("kept");
    let first = |row: &str| serde_json::from_str::<Value>(row).expect("JSON")["answers"][0]["arm"].clone();
    let base_first = rows.lines().filter(|row| first(row) == "base").count();
    assert!((1..18).contains(&base_first), "the order is drawn: {rows}");
    let tally = page.get("api/talk")["tally"]["rows"].clone();
    let better = |side: usize| tally[0]["better"][side].as_u64().expect("a number");
    assert_eq!((tally[0]["ties"].as_u64(), better(0) + better(1)), (Some(6), 12), "{tally}");
    // With names again: another conversation.
    page.post("api/talk/ask", &question(&["base", "last"], "And lomi?"));
    let after = said(&page);
    assert_eq!(
        (after["turns"].as_array().map(Vec::len), &after["is_blind"]),
        (Some(1), &json!(false)),
        "{after}"
    );
}

#[test]
fn an_answer_is_stopped_where_it_is_and_kept_as_an_example() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let page = open(dir);
    let mut long = question(&["base"], "What is kalo?");
    long["settings"] = json!({ "temperature": 1.0, "max-new-tokens": 80 });
    let length = |said: &Value| said["turns"][0]["answers"][0]["text"].as_str().expect("a text").len();
    page.post("api/talk/ask", &long);
    let whole = length(&said(&page));
    page.post("api/talk/forget", &json!({}));
    page.post("api/talk/ask", &long);
    page.post("api/talk/stop", &json!({}));
    let stopped = said(&page);
    let answer = &stopped["turns"][0]["answers"][0];
    assert!(answer["is_whole"] == json!(true) && length(&stopped) < whole, "{whole}: {stopped}");

    // As the page sends it: with the answer as the draft that the text was made from.
    page.wait("choose/api/summary", |summary| summary["is_whole"] == json!(true));
    let example = json!({
        "prompt": "What is kalo?", "context": [], "drafts": [{ "text": "It is so.", "model": answer["model"] }],
        "from": 0, "text": "It is so, and it stays so.",
    });
    let kept = page.post("choose/api/author", &example);
    let card = page.get(&format!("choose/api/card?id={}", kept["id"].as_str().expect("an id")));
    assert!(card.to_string().contains("It is so, and it stays so."), "{card}");
}

#[test]
fn an_evaluation_is_planned_made_and_answered_with_its_card() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let sets = ["--set", "eval.suites=[\"in-domain\"]", "--set", "generate.max-new-tokens=8"];
    let page = Page::open(dir, &[&sets[..], &["studio"]].concat());
    let before = page.get("api/compare");
    assert_eq!(
        (&before["run"], &before["judges"], &before["evaluations"]),
        (&Value::Null, &json!([]), &json!([]))
    );
    desk::run(dir, &["--set", "train.max-steps=4", "train"]);
    let state = page.get("api/compare");
    assert!(state["run"].is_string(), "{state}");
    assert_eq!(state["arms"], json!(["base", "base+prompt", "base+3-examples", "last"]));

    let planned = page.get("api/compare/plan?prompts=3");
    let printed = affinage(dir)
        .args(sets)
        .args(["--json", "--set", "eval.prompts-per-suite=3", "plan"])
        .output()
        .expect("it starts");
    let printed: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    assert_eq!((&planned["reach"], &planned["estimates"]), (&printed["reach"], &printed["estimates"]));

    let timed = page.post("api/compare/time", &json!({ "prompts": 3 }));
    let path = format!("api/job?id={}", timed["job"]);
    let timed = page.wait(&path, |job| job["state"] != "running" && job["state"] != "waiting");
    assert_eq!(
        (&timed["state"], &timed["command"]),
        (&json!("finished"), &planned["time_command"]),
        "{timed}"
    );
    let figures: Value = serde_json::from_str(timed["printed"].as_str().expect("a text")).expect("JSON");
    assert!(figures["time"]["seconds"].as_f64() > Some(0.0), "{figures}");
    let answers = figures["time"]["answers"].clone();

    let job = page.post("api/compare/begin", &json!({ "prompts": 3 }));
    assert_eq!(page.try_post("api/compare/begin", &json!({ "prompts": 3 })).0, 400, "one at a time");
    let path = format!("api/job?id={}", job["job"]);
    let done = page.wait(&path, |job| job["state"] != "running" && job["state"] != "waiting");
    assert_eq!((&done["state"], &done["kind"]), (&json!("finished"), &json!("eval")), "{done}");
    assert!(
        done["command"].as_str().is_some_and(|c| c.ends_with(" --set=eval.prompts-per-suite=3 eval")),
        "{done}"
    );
    let state = page.get("api/compare");
    let made = &state["evaluations"][0];
    assert_eq!((&made["is_whole"], &made["answers"]), (&json!(true), &made["of_answers"]), "{made}");
    let written = fs_err::read_to_string(dir.join("evals/first-look/completions.jsonl")).expect("answers");
    assert_eq!((answers, written.lines().count()), (json!(12), 6), "two arms had no room in this model");
    // The lines of the card are those of the terminal.
    let plain = |text: &str| text.replace(':', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let output = affinage(dir).args(sets).arg("analyze").output().expect("it starts");
    let printed = plain(&String::from_utf8_lossy(&output.stdout));
    let lines = made["card"]["lines"].as_array().expect("lines");
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        let text = line.as_str().expect("a line");
        assert!(!text.contains("?:") && !text.starts_with(':'), "no orphan colon: {text}");
        let line = plain(line.as_str().expect("a line"));
        assert!(printed.contains(&line), "{line}: {printed}");
    }
    // Other settings: the page says what its button does, and names no option of a command.
    let planned = page.get("api/compare/plan?prompts=2&tokens=40");
    let command = planned["command"].as_str().expect("a command");
    assert!(
        command.ends_with(" --set=eval.prompts-per-suite=2 --set=eval.max-new-tokens=40 eval"),
        "{command}"
    );
    let notes = planned["notes"].to_string();
    assert!(
        notes.contains("the button Compare begins another evaluation")
            && notes.contains("`eval.prompts-per-suite` was 3"),
        "{notes}"
    );
    assert!(!notes.contains("--eval") && !notes.contains("--set"), "{notes}");
    assert_eq!(page.try_post("api/compare/resume", &json!({ "eval": "../x" })).0, 400);
}

#[test]
fn judges_are_named_with_their_variables_and_never_with_their_keys() {
    let dir = temp_dir();
    let dir = dir.path();
    let (url, _) = serve(good_judge);
    scripted::project(dir, &url, "openai");
    let page = open(dir);
    let state = page.get("api/compare");
    assert_eq!(
        (&state["judges"][0]["id"], &state["judges"][0]["variable"]),
        (&json!("judge"), &json!("TEST_JUDGE_KEY"))
    );
    assert_eq!(state["judges"][0]["host"], Value::Null, "it is on this machine");
    assert!(!state.to_string().contains(scripted::KEY), "{state}");
    let estimates = page.get("api/compare/plan")["estimates"].clone();
    assert!(
        estimates[0]["calls"].as_u64() > Some(0) && estimates[0]["cost_usd"]["worst"].as_f64() > Some(0.0),
        "{estimates}"
    );
}
