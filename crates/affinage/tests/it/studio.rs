//! The studio: its rooms, work in processes of their own, files that are brought, and the pages that are mounted.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::room::Page;
use crate::scripted::{good_judge, serve};
use crate::{affinage, desk, scripted, temp_dir, tiny};

fn open(dir: &Path) -> Page {
    Page::open(dir, &["studio"])
}

/// Status and text of what lies at an address.
fn text(page: &Page, path: &str) -> (u16, String) {
    let (port, token) = (page.port, &page.token);
    let (status, _, body) = page.send(&format!(
        "GET /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    ));
    (status, body)
}

/// The strip: state and sentence of a room.
fn room(page: &Page, name: &str) -> (String, String) {
    let state = page.get("api/state");
    let rooms = state["rooms"].as_array().expect("rooms");
    let room = rooms.iter().find(|room| room["name"] == name).expect("a room");
    let text = |key: &str| room[key].as_str().expect("a text").to_owned();
    (text("state"), text("sentence"))
}

/// Waits until a job has ended.
fn ended(page: &Page, started: &Value) -> Value {
    let path = format!("api/job?id={}", started["job"]);
    page.wait(&path, |job| job["state"] != "running" && job["state"] != "waiting")
}

fn lines(job: &Value) -> String {
    let lines = job["lines"].as_array().expect("lines").iter();
    lines.map(|line| line.as_str().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Sends files as the page does; their names are theirs to choose.
fn bring(page: &Page, files: &[(&str, &str)]) -> Value {
    let announced: Vec<Value> =
        files.iter().map(|(path, text)| json!({ "path": path, "size": text.len() })).collect();
    let upload = page.post("api/bring/begin", &json!({ "files": announced }))["upload"].clone();
    let (port, token) = (page.port, &page.token);
    for (number, (_, text)) in files.iter().enumerate() {
        let (status, _, body) = page.send(&format!(
            "POST /{token}/api/bring/piece?upload={}&file={number}&at=0 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Origin: http://127.0.0.1:{port}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            upload.as_str().expect("a name"),
            text.len()
        ));
        assert_eq!(status, 200, "{body}");
    }
    page.post("api/bring/import", &json!({ "upload": upload }))
}

#[test]
fn every_room_and_its_script_is_there_and_asks_no_other_server() {
    let dir = temp_dir();
    let page = open(dir.path());
    let (status, shell) = text(&page, "");
    assert_eq!(status, 200);
    let scripts: Vec<&str> =
        shell.split("src=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
    assert!(scripts.contains(&"studio.js") && scripts.contains(&"rooms/train.js"), "{scripts:?}");
    for path in scripts.iter().chain(&["studio.css", "strip.css", "room.css"]) {
        let (status, body) = text(&page, path);
        assert!(status == 200 && !body.is_empty(), "{path}: {status}");
        assert!(!body.contains("https://") && !body.contains("innerHTML"), "{path}");
    }
    let state = page.get("api/state");
    let names: Vec<&str> =
        state["rooms"].as_array().expect("rooms").iter().filter_map(|r| r["name"].as_str()).collect();
    assert_eq!(names, ["start", "bring", "choose", "train", "talk", "compare", "vote", "report"]);
    for path in ["api/start", "api/bring", "api/train", "api/vote", "api/report", "api/jobs"] {
        page.get(path);
    }
    // What cannot be entered yet says so, and where to go.
    for (path, says, link) in
        [("choose/", "not a project yet", "../#start"), ("vote/", "not a project yet", "../#start")]
    {
        let (status, body) = text(&page, path);
        assert!(status == 200 && body.contains(says) && body.contains(link), "{path}: {body}");
        assert!(body.contains("../strip.js"), "{body}");
    }
    assert_eq!(text(&page, "rooms/choose.js").0, 404);
    // Of a folder that is no project nothing is read.
    assert_eq!(text(&page, "report/../affinage.toml").0, 400);
    assert_eq!(page.try_post("api/jobs", &json!({ "kind": "train", "command": "rm -rf /" })).0, 404);
}

#[test]
fn a_folder_becomes_a_project_and_is_remembered() {
    let dir = temp_dir();
    for name in ["one", "two"] {
        fs_err::create_dir(dir.path().join(name)).expect("made");
    }
    let page = Page::open(dir.path(), &["-C", "one", "studio"]);
    assert_eq!(room(&page, "start").0, "next");
    assert_eq!(room(&page, "bring").0, "empty");
    let models = page.get("api/start/models");
    assert!(models["models"].as_array().is_some_and(|known| known.len() > 10), "{models}");
    let made = page.post("api/start/project", &json!({ "model": "a \"quoted\" model" }));
    assert_eq!(made["project"]["model"], "a \"quoted\" model");
    assert_eq!(
        room(&page, "start"),
        ("done".to_owned(), "this project trains a \"quoted\" model".to_owned())
    );
    assert_eq!(room(&page, "bring").0, "next");
    assert_eq!(page.try_post("api/start/project", &json!({ "model": "x" })).0, 400, "it is one already");
    let state = page.get("api/state");
    let command = state["rooms"][1]["command"].as_str().expect("a command");
    assert!(command.starts_with("affinage -C ") && command.ends_with("/one import FILE"), "{command}");
    drop(page);
    let page = Page::open(dir.path(), &["-C", "two", "studio"]);
    let recent = page.get("api/start")["recent"].clone();
    assert_eq!(recent[0]["name"], "one", "{recent}");
    assert!(
        recent[0]["command"].as_str().is_some_and(|command| command.ends_with("/one studio")),
        "{recent}"
    );
}

const NOTE: &str = "# Rain\n\nIt has rained since morning, and the roof keeps count of it. I like to sit below and to hear how \
    evenly it goes on, as if somebody read a long book aloud without caring whether anybody listens.\n";

#[test]
fn what_is_brought_is_imported_stays_inside_and_leaves_no_copy() {
    let dir = temp_dir();
    let project = dir.path().join("project");
    fs_err::create_dir(&project).expect("made");
    desk::run(&project, &["init"]);
    let page = open(&project);
    let row =
        json!({ "prompt": "What are ruins good for?", "completion": "For patience, and for the view." });
    let started = bring(&page, &[("../../outside.jsonl", &row.to_string()), ("notes/a.md", NOTE)]);
    let job = ended(&page, &started);
    assert_eq!(job["state"], "finished", "{job}");
    assert!(lines(&job).contains("outside.jsonl: 1 conversation"), "{job}");
    assert!(
        job["command"].as_str().is_some_and(|command| command.ends_with("import notes outside.jsonl")),
        "{job}"
    );
    let entries = |folder: &Path| -> Vec<String> {
        let entries = fs_err::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(entries(dir.path()), ["project"], "nothing lies outside");
    assert!(!entries(&project).iter().any(|name| name.starts_with(".arriving")), "{:?}", entries(&project));
    let known = page.get("api/bring");
    assert!(known["sources"].to_string().contains("outside.jsonl"), "{known}");
    assert_eq!(room(&page, "bring").0, "done");

    // The desk shows what came after it was opened.
    let before =
        page.wait("choose/api/summary", |summary| summary["is_whole"] == json!(true))["candidates"].clone();
    let pasted =
        page.post("api/bring/paste", &json!({ "text": "User: Why do we wait?\n\nAssistant: Because.\n" }));
    let job = ended(&page, &pasted);
    assert_eq!(job["state"], "finished", "{job}");
    assert_eq!(text(&page, "choose/").0, 200);
    page.wait("choose/api/summary", |s| {
        s["is_whole"] == json!(true) && s["candidates"].as_u64() > before.as_u64()
    });

    // Errors are those of the command, with its hint.
    let failed = ended(&page, &bring(&page, &[("broken.zip", "PK\u{3}\u{4} no archive")]));
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(lines(&failed).contains("error: ") && lines(&failed).contains("broken.zip"), "{failed}");
    assert!(lines(&failed).contains("hint: "), "{failed}");
    let huge = json!({ "files": [{ "path": "a.zip", "size": 9_000_000_000u64 }] });
    let (status, refused) = page.try_post("api/bring/begin", &huge);
    assert!(status == 400 && refused["error"].as_str().is_some_and(|e| e.contains("too large")), "{refused}");
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("affinage import")), "{refused}");
}

#[test]
fn the_strip_follows_a_training_from_the_data_set_to_its_export() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let page = open(dir);
    assert_eq!(
        ["choose", "train", "talk", "compare"].map(|name| room(&page, name).0),
        ["done", "next", "empty", "empty"]
    );
    let version = page.get("api/train")["versions"][0].as_str().expect("a version").to_owned();

    let plan = ended(&page, &page.post("api/train/plan", &json!({ "version": version })));
    assert_eq!(plan["state"], "finished", "{plan}");
    let figures: Value = serde_json::from_str(plan["printed"].as_str().expect("a text")).expect("JSON");
    assert!(
        figures["steps"].as_u64() > Some(0) && figures["expected_peak_bytes"].as_u64() > Some(0),
        "{figures}"
    );
    assert!(plan["command"].as_str().is_some_and(|c| c.starts_with("affinage train --dry-run")), "{plan}");

    assert_eq!(page.try_post("api/train/begin", &json!({ "version": "v9" })).0, 400);
    assert_eq!(page.try_post("choose/api/training", &json!({ "version": "v9" })).0, 400);
    let (status, refused) =
        page.try_post("api/train/begin", &json!({ "version": version, "sample": "What\u{0}is kalo?" }));
    assert!(
        status == 400 && refused["error"].as_str().is_some_and(|error| error.contains("NUL")),
        "{refused}"
    );
    let sample = json!({ "version": version, "sample": "What is kalo?" });
    let done = ended(&page, &page.post("api/train/begin", &sample));
    assert_eq!(done["state"], "finished", "{done}");
    let state = page.get("api/train");
    assert_eq!(state["standing"], "finished", "{state}");
    let run = state["runs"][0]["name"].as_str().expect("a run").to_owned();
    let curves = page.get(&format!("api/train/run?name={run}"));
    assert!(curves["validation_by_step"].as_array().is_some_and(|losses| losses.len() >= 2), "{curves}");
    assert_eq!(
        curves["loss_by_step"].as_array().expect("losses").len() as u64,
        curves["steps"].as_u64().expect("steps")
    );
    assert_eq!(curves["samples"][0]["prompt"], "What is kalo?", "{curves}");
    assert_eq!(["train", "talk", "compare"].map(|name| room(&page, name).0), ["done", "done", "next"]);
    assert_eq!(page.try_post("api/train/resume", &json!({ "run": "../runs" })).0, 400);

    let export = json!({ "run": run, "checkpoint": "last", "to": "peft" });
    let exported = ended(&page, &page.post("api/report/export", &export));
    assert_eq!(exported["state"], "finished", "{exported}");
    assert!(dir.join("exports/last-peft/adapter_model.safetensors").is_file(), "{exported}");
    let again = ended(&page, &page.post("api/report/export", &export));
    assert_eq!(again["state"], "finished", "another folder, as the first is there: {again}");
    assert_eq!(
        page.try_post("api/report/export", &json!({ "run": run, "checkpoint": "last", "to": "--out=/" })).0,
        400
    );

    for missing in ["step-000999", "first"] {
        let wrong = json!({ "run": run, "checkpoint": missing, "to": "peft" });
        let (status, refused) = page.try_post("api/report/export", &wrong);
        assert!(
            status == 400 && refused["error"].as_str().is_some_and(|error| error.contains(missing)),
            "{refused}"
        );
    }

    // Something new: another version is due, and the training is of an earlier one.
    let row =
        json!({ "prompt": "What are ruins good for?", "completion": "For patience, and for the view." });
    let brought = ended(&page, &bring(&page, &[("more.jsonl", &row.to_string())]));
    assert_eq!(brought["state"], "finished");
    let said = lines(&brought);
    assert!(said.contains("`affinage dataset --accept-clean`"), "no setting that nobody made: {said}");
    let (state, sentence) = room(&page, "choose");
    assert_eq!(state, "stale");
    assert!(sentence.starts_with("1 conversation") && sentence.ends_with("freeze v2?"), "{sentence}");
    let frozen = ended(&page, &page.post("api/train/freeze", &json!({ "accept_clean": true })));
    assert_eq!(frozen["state"], "finished", "{frozen}");
    assert_eq!(["choose", "train"].map(|name| room(&page, name).0), ["done", "stale"]);
}

#[test]
fn one_job_works_and_the_others_wait_and_each_can_be_stopped() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let page = Page::open(dir, &["--set", "train.epochs=400", "studio"]);
    let version = page.get("api/train")["versions"][0].clone();
    let training = page.post("api/train/begin", &json!({ "version": version }));
    // At once, also before there is a run or a checkpoint: one word everywhere, and nothing to go on with.
    assert_eq!(page.get("api/train")["standing"], "running");
    assert_eq!(room(&page, "train"), ("next".to_owned(), "a training is running".to_owned()));
    let waiting = page.post("api/train/plan", &json!({ "version": version }));
    let (status, refused) = page.try_post("api/train/begin", &json!({ "version": version }));
    assert!(
        status == 400 && refused["error"].as_str().is_some_and(|e| e.contains("running already")),
        "{refused}"
    );
    let state = |job: &Value| page.get(&format!("api/job?id={}", job["job"]));
    assert_eq!(
        (state(&training)["state"].clone(), state(&waiting)["state"].clone()),
        (json!("running"), json!("waiting"))
    );
    assert!(
        state(&training)["command"]
            .as_str()
            .is_some_and(|c| c.starts_with("affinage --set train.epochs=400 train")),
        "{}",
        state(&training)
    );
    page.post("api/jobs/stop", &json!({ "id": waiting["job"] }));
    assert_eq!(state(&waiting)["state"], "stopped");
    page.wait("api/train", |train| train["runs"][0]["step"].as_u64() > Some(3));
    assert_eq!(room(&page, "train").0, "next", "while it runs");
    assert_eq!(page.get("api/train")["runs"][0]["state"], "running");
    page.post("api/jobs/stop", &json!({ "id": training["job"] }));
    let stopped = ended(&page, &training);
    assert_eq!(stopped["state"], "stopped", "{stopped}");
    let run = tiny::runs(dir).pop().expect("a run");
    assert!(run.join("latest").is_file(), "a checkpoint is saved");
    let (stand, sentence) = room(&page, "train");
    assert_eq!((stand.as_str(), sentence.contains("was stopped")), ("next", true), "{sentence}");
    assert_eq!(page.get("api/train")["standing"], "stopped");

    // Another training beside one that was stopped: what works is told.
    let second = page.post("api/train/begin", &json!({ "version": version }));
    assert_eq!(page.get("api/train")["standing"], "running");
    page.post("api/jobs/stop", &json!({ "id": second["job"] }));
    ended(&page, &second);

    // Every command obeys the end of its input, also one that has nothing to save.
    let plan = page.post("api/train/plan", &json!({ "version": version }));
    page.post("api/jobs/stop", &json!({ "id": plan["job"] }));
    let stopped = ended(&page, &plan);
    assert_eq!(stopped["state"], "stopped", "{stopped}");
}

#[test]
fn a_job_that_waits_reads_the_project_when_it_begins() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let file = dir.join("affinage.toml");
    let config = fs_err::read_to_string(&file).expect("there");
    let with = |key: &str| {
        let config = config.replace("[train]\n", &format!("[train]\n{key}\n"));
        fs_err::write(&file, config).expect("written");
    };
    with("epochs = 400");
    let page = open(dir);
    let version = page.get("api/train")["versions"][0].clone();
    let training = page.post("api/train/begin", &json!({ "version": version }));
    let plan = page.post("api/train/plan", &json!({ "version": version }));
    page.wait("api/train", |train| train["runs"][0]["step"].as_u64() > Some(1));
    with("max-steps = 3");
    page.post("api/jobs/stop", &json!({ "id": training["job"] }));
    let plan = ended(&page, &plan);
    let figures: Value = serde_json::from_str(plan["printed"].as_str().expect("a text")).expect("JSON");
    assert_eq!(figures["steps"], 3, "as the command that is shown would: {plan}");
    assert!(plan["command"].as_str().is_some_and(|command| !command.contains("--set")), "{plan}");
}

#[test]
fn what_cannot_be_read_is_one_row_and_closes_no_room() {
    let dir = temp_dir();
    let dir = dir.path();
    let (url, _) = serve(good_judge);
    scripted::project(dir, &url, "openai");
    assert_eq!(scripted::run(dir, &["judge"]).0, 0);
    let run = dir.join("runs/2026-01-01T000000Z-tiny");
    fs_err::create_dir_all(&run).expect("made");
    fs_err::write(run.join("run.toml"), "model = \"tiny\"\n").expect("written");
    fs_err::write(run.join("events.jsonl"), "{}\n{\"broken\n{}\n").expect("written");
    let damaged = dir.join("evals/first-look-2");
    fs_err::create_dir_all(&damaged).expect("made");
    for file in ["plan.json", "prompts.jsonl", "completions.jsonl"] {
        let whole = fs_err::read_to_string(dir.join("evals/first-look").join(file)).expect("there");
        let broken = if file == "completions.jsonl" { "{\"broken\n" } else { "" };
        fs_err::write(damaged.join(file), format!("{broken}{whole}")).expect("written");
    }
    let page = open(dir);
    let problem = |row: &Value| row["problem"].as_str().unwrap_or_default().to_owned();
    assert!(room(&page, "compare").1.contains("first-look"), "the strip is there");

    let train = page.get("api/train");
    assert!(problem(&train["runs"][0]).contains("events.jsonl:1: "), "{train}");
    let curves = page.get("api/train/run?name=2026-01-01T000000Z-tiny");
    assert_eq!((&curves["state"], &curves["loss_by_step"]), (&json!("unreadable"), &json!([])), "{curves}");
    let talk = page.get("api/talk");
    assert!(problem(&talk["runs"][0]).contains("events.jsonl:1: "), "{talk}");
    assert_eq!(page.get("api/report")["runs"], json!([]));

    let named = |rows: &Value, name: &str| -> Value {
        let rows = rows["evaluations"].as_array().expect("rows").iter();
        rows.clone().find(|row| row["name"] == name).cloned().expect("a row")
    };
    let compared = page.get("api/compare");
    let state = named(&compared, "first-look-2")["state"].as_str().expect("a text").to_owned();
    assert!(state.contains("completions.jsonl:1: "), "{state}");
    assert_eq!(named(&compared, "first-look")["is_whole"], true, "{compared}");
    for path in ["api/vote", "api/report"] {
        let rows = page.get(path);
        assert_eq!(rows["meant"], "first-look", "{rows}");
        assert!(problem(&named(&rows, "first-look-2")).contains("completions.jsonl:1: "), "{rows}");
        assert_eq!(named(&rows, "first-look")["is_whole"], true, "{rows}");
    }
}

#[test]
fn a_project_that_cannot_be_read_is_a_page_with_the_reason() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let page = open(dir);
    let (status, missing) = text(&page, "report/nothing/");
    assert!(status == 404 && missing.contains("no evaluation `nothing`"), "{missing}");
    assert!(missing.contains("\"../../strip.js\"") && missing.contains("../../#report"), "{missing}");
    fs_err::write(dir.join("affinage.toml"), "model = \n").expect("written");
    for (path, up) in [("choose/", "../"), ("vote/", "../"), ("report/first-look/", "../../")] {
        let (_, shown) = text(&page, path);
        assert!(shown.starts_with("<!doctype html>") && shown.contains("affinage.toml"), "{path}: {shown}");
        for part in [format!("\"{up}strip.js\""), format!("\"{up}room.css\""), format!("\"{up}#start\"")] {
            assert!(shown.contains(&part), "{path}: {part}: {shown}");
        }
    }
    assert!(text(&page, "choose/api/summary").1.starts_with('{'), "what a script asks for stays data");
    fs_err::remove_dir_all(dir).expect("removed");
    let (_, gone) = text(&page, "choose/");
    assert!(gone.starts_with("<!doctype html>"), "{gone}");
}

/// What was sent and not imported is the person's, and nobody comes back for it.
#[cfg(unix)]
#[test]
fn what_was_sent_and_not_imported_goes_with_the_studio() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let arriving = || {
        let names =
            fs_err::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".arriving-")).count()
    };
    let mut page = open(dir);
    page.post("api/bring/begin", &json!({ "files": [{ "path": "a.md", "size": 4 }] }));
    assert_eq!(arriving(), 1);
    let pid = page.child.id().to_string();
    assert!(
        std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill is there").success()
    );
    assert!(page.child.wait().expect("it ends").success());
    assert_eq!(arriving(), 0);
    // One that was killed could not: the next start does.
    let mut page = open(dir);
    page.post("api/bring/begin", &json!({ "files": [{ "path": "a.md", "size": 4 }] }));
    page.child.kill().expect("ended");
    page.child.wait().expect("ended");
    assert_eq!(arriving(), 1);
    let _page = open(dir);
    assert_eq!(arriving(), 0);
}

/// Ctrl-C closes the studio, whose training saves a checkpoint first.
#[cfg(unix)]
#[test]
fn another_model_is_one_line_and_waits_for_work() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let file = dir.join("affinage.toml");
    let config = fs_err::read_to_string(&file).expect("there").replacen('\n', " # mine\n", 1);
    fs_err::write(&file, &config).expect("written");
    let page = Page::open(dir, &["--set", "train.epochs=400", "studio"]);
    let wanted = json!({ "model": "another" });
    let version = page.get("api/train")["versions"][0].clone();
    let training = page.post("api/train/begin", &json!({ "version": version }));
    let (status, refused) = page.try_post("api/start/model", &wanted);
    assert!(status == 400 && refused.to_string().contains("work is going on"), "{refused}");
    page.post("api/jobs/stop", &json!({ "id": training["job"] }));
    ended(&page, &training);
    assert_eq!(fs_err::read_to_string(&file).expect("there"), config, "nothing was changed");

    assert_eq!(page.post("api/start/model", &wanted)["project"]["model"], "another");
    assert_eq!(room(&page, "start").1, "this project trains another");
    let after = fs_err::read_to_string(&file).expect("there");
    assert_eq!(after, config.replacen("\"model\" # mine", "\"another\" # mine", 1));
    assert_ne!(after, config);
    assert_eq!(page.try_post("api/start/model", &json!({ "model": " " })).0, 400);
    drop(page);
    let page = Page::open(dir, &["--set", "model=\"model\"", "studio"]);
    let (status, refused) = page.try_post("api/start/model", &wanted);
    assert!(status == 400 && refused.to_string().contains("--set model"), "{refused}");
}

#[test]
fn what_failed_stays_with_its_lines_until_it_is_dismissed() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    fs_err::remove_dir_all(dir.join("model")).expect("removed");
    let page = open(dir);
    let version = page.get("api/train")["versions"][0].clone();
    let failed = page.post("api/train/begin", &json!({ "version": version }));
    ended(&page, &failed);
    // More pieces of work than are kept.
    for _ in 0..45 {
        let done = page.post("api/train/freeze", &json!({ "accept_clean": true }));
        page.post("api/jobs/stop", &json!({ "id": done["job"] }));
        ended(&page, &done);
    }
    let listed = |page: &Page| {
        let jobs = page.get("api/jobs");
        jobs.as_array().expect("jobs").iter().find(|job| job["id"] == failed["job"]).cloned()
    };
    let job = listed(&page).expect("it is there still");
    assert!(job["state"] == "failed" && lines(&job).contains("error:"), "{job}");
    page.post("api/jobs/dismiss", &json!({ "id": failed["job"] }));
    assert_eq!(listed(&page), None);
    // What works is not taken off, and no number is given twice.
    let next = page.post("api/train/freeze", &json!({ "accept_clean": true }));
    page.post("api/jobs/dismiss", &json!({ "id": next["job"] }));
    assert!(ended(&page, &next)["id"].as_u64() > failed["job"].as_u64().map(|id| id + 45));
}

#[test]
fn who_closes_the_studio_keeps_what_was_learned() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let mut page = Page::open(dir, &["--set", "train.epochs=400", "studio"]);
    let version = page.get("api/train")["versions"][0].clone();
    page.post("api/train/begin", &json!({ "version": version }));
    page.wait("api/train", |train| train["runs"][0]["step"].as_u64() > Some(3));
    let pid = page.child.id().to_string();
    assert!(
        std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill is there").success()
    );
    let began = Instant::now();
    let status = loop {
        match page.child.try_wait().expect("a process") {
            Some(status) => break status,
            None => assert!(began.elapsed() < Duration::from_secs(60), "it does not close"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "{status}");
    let run = tiny::runs(dir).pop().expect("a run");
    let events = fs_err::read_to_string(run.join("events.jsonl")).expect("events");
    assert!(events.lines().last().is_some_and(|line| line.contains("\"interrupted\"")), "{events}");
}

#[test]
fn the_desk_the_vote_and_the_report_are_mounted() {
    let dir = temp_dir();
    let dir = dir.path();
    let (url, _) = serve(good_judge);
    scripted::project(dir, &url, "openai");
    assert_eq!(scripted::run(dir, &["judge"]).0, 0);
    let page = open(dir);
    let votes = page.get("api/vote");
    let eval = votes["meant"].as_str().expect("an evaluation").to_owned();
    assert!(
        votes["evaluations"][0]["pack"].as_str().is_some_and(|c| c.contains("--pack NAME.html")),
        "{votes}"
    );
    let (_, vote) = text(&page, "vote/");
    for part in ["../room.js", "../strip.js", "src=\"vote.js\""] {
        assert!(vote.contains(part), "{part}: {vote}");
    }
    assert_eq!(page.try_post("api/vote/open", &json!({ "eval": eval, "name": "../me" })).0, 400);
    page.post("api/vote/open", &json!({ "eval": eval, "name": "mira" }));
    let state = page.get("vote/api/state");
    let said = json!({ "id": state["item"]["id"], "said": state["item"]["first"]["label"], "ms": 900 });
    assert_eq!(room(&page, "vote"), ("empty".to_owned(), format!("nobody has voted on {eval} yet")));
    let mut voted = page.post("vote/api/vote", &said);
    assert_eq!(voted["done"], 1);
    assert_eq!(room(&page, "vote"), ("done".to_owned(), format!("1 vote of people on {eval}")));
    // Planted pairs and those shown again are screens, and no votes on a pair: as every other place counts.
    while voted["item"].is_object() {
        let said = json!({ "id": voted["item"]["id"], "said": voted["item"]["first"]["label"], "ms": 900 });
        voted = page.post("vote/api/vote", &said);
    }
    assert_eq!(room(&page, "vote").1, format!("{} votes of people on {eval}", voted["pairs"]));
    assert!(voted["pairs"].as_u64() < voted["done"].as_u64(), "{voted}");
    assert_eq!(page.get("api/vote")["evaluations"][0]["waits_for"], Value::Null);

    assert_eq!(room(&page, "report").0, "empty");
    assert_eq!(text(&page, &format!("report/{eval}/")).0, 404, "it is not drawn yet");
    page.post("api/report/draw", &json!({ "eval": eval }));
    assert_eq!(room(&page, "report").0, "done");
    // A file that was only written anew is no vote; a vote that was taken back is a change.
    std::thread::sleep(std::time::Duration::from_millis(30));
    let votes = dir.join("evals").join(&eval).join("votes.jsonl");
    fs_err::write(&votes, fs_err::read(&votes).expect("votes")).expect("written");
    assert_eq!(room(&page, "report").0, "done");
    page.post("vote/api/undo", &json!({}));
    assert_eq!(room(&page, "report").0, "stale");
    assert_eq!(page.get("api/report")["evaluations"][0]["is_outdated"], true);
    page.post("api/report/draw", &json!({ "eval": eval }));
    assert_eq!(room(&page, "report").0, "done");
    let (status, report) = text(&page, &format!("report/{eval}/"));
    assert!(
        status == 200 && report.contains("href=\"style.css\"") && !report.contains("<style>"),
        "{report}"
    );
    assert!(text(&page, &format!("report/{eval}/style.css")).1.contains("{"));
    assert!(text(&page, &format!("report/{eval}/script.js")).1.contains("pair-data"));
    let shown = page.get("api/report");
    assert!(
        shown["evaluations"][0]["card"]["title"].as_str().is_some_and(|title| title.ends_with('?')),
        "{shown}"
    );
    assert_eq!(page.try_post("api/report/draw", &json!({ "eval": ".." })).0, 400);
    // One that is not finished says why nobody can vote on it.
    fs_err::write(dir.join("evals").join(&eval).join("begun"), "").expect("written");
    let unfinished = page.get("api/vote")["evaluations"][0].clone();
    assert_eq!(unfinished["is_whole"], false, "{unfinished}");
    assert!(
        unfinished["waits_for"].as_str().is_some_and(|why| why.starts_with("every answer is there")),
        "{unfinished}"
    );

    let row =
        json!({ "prompt": "What are ruins good for?", "completion": "For patience, and for the view." });
    fs_err::write(dir.join("rows.jsonl"), row.to_string()).expect("written");
    desk::run(dir, &["import", "rows.jsonl"]);
    let (_, desk) = text(&page, "choose/");
    assert!(
        desk.contains("../strip.js") && desk.contains("../room.css") && desk.contains("src=\"desk.js\""),
        "{desk}"
    );
    page.wait("choose/api/summary", |summary| summary["is_whole"] == json!(true));
    assert_eq!(page.get("choose/api/topics")["has_notes"], false);
    assert_eq!(page.get("choose/api/training")["stage"], "none");
}

#[test]
fn without_a_terminal_the_program_alone_prints_its_help() {
    let dir = temp_dir();
    let output = affinage(dir.path()).output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("A first day:") && said.contains("studio"), "{said}");
}
