//! Rows that are too long, documents as one text, prompts that ask nothing, and too little of everything: what is said and
//! that every place counts the same.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::data::json_of;
use crate::desk::{mark, open};
use crate::{affinage, temp_dir, tiny};

fn run(dir: &Path, args: &[&str]) -> Output {
    affinage(dir).args(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must succeed; its document and what it said.
pub fn done(dir: &Path, args: &[&str]) -> (Value, String) {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let output = run(dir, &args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    (serde_json::from_slice(&output.stdout).expect("one document"), text(&output.stderr))
}

pub fn rows(path: &Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

/// Words that no two numbers share.
pub fn words(number: usize, count: usize) -> String {
    let word = |mut n: usize| -> String {
        let letter = |n: &mut usize| {
            let letter = char::from(b'a' + (*n % 26) as u8);
            *n /= 26;
            letter
        };
        (0..5).map(|_| letter(&mut n)).collect()
    };
    (0..count).map(|i| word(number * 7919 + i * 97)).collect::<Vec<_>>().join(" ")
}

fn write_pairs(dir: &Path, name: &str, pairs: impl Iterator<Item = (String, String)>) {
    let line = |(prompt, answer)| json!({ "prompt": prompt, "completion": answer }).to_string();
    let lines: Vec<String> = pairs.map(line).collect();
    fs_err::write(dir.join(name), lines.join("\n")).expect("written");
}

/// Rows of the tiny project have 99 to 108 tokens. Of them 13 have an answer that ends behind the 103rd.
const LIMIT: &str = "train.max-seq-tokens=103";
const LONG_ROWS: usize = 13;

#[test]
fn a_version_leaves_out_what_the_training_cannot_take_and_names_it() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let (frozen, said) = done(dir, &["--set", LIMIT, "dataset", "--accept-clean"]);
    let lengths = &frozen["manifest"]["lengths"];
    let left_out = lengths["left_out"].as_object().expect("rows");
    assert_eq!((&lengths["limit"], left_out.len()), (&json!(103), LONG_ROWS), "{said}");
    assert!(left_out.values().all(|tokens| tokens.as_u64() > Some(103)), "{lengths}");
    assert_eq!((&lengths["longest"], &lengths["model"]), (&json!(108), &json!("model")));
    let folder = PathBuf::from(frozen["folder"].as_str().expect("a path"));
    let frozen_rows = ["train", "validation", "test"].map(|side| rows(&folder.join(format!("{side}.jsonl"))));
    assert_eq!(frozen_rows.concat().len(), 48 - LONG_ROWS);
    let card = fs_err::read_to_string(folder.join("card.md")).expect("a card");
    for (id, tokens) in left_out {
        assert!(card.contains(&format!("” (`{id}`): {tokens} tokens")), "{card}");
    }
    for part in [
        "13 rows are longer than the 103 tokens of model that the training takes, and left out:",
        "and 8 more; at the desk: `affinage review`",
        "`train.max-seq-tokens` 108 takes all rows",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The length that is named takes them all: that is the first version again, and what is said is of today.
    let (again, said) = done(dir, &["--set", "train.max-seq-tokens=108", "dataset", "--accept-clean"]);
    assert!(said.contains("nothing changed since v1-"), "{said}");
    let lengths = &again["manifest"]["lengths"];
    assert_eq!((&lengths["left_out"], &lengths["limit"]), (&json!({}), &json!(108)), "{said}");
    assert!(said.contains("all rows fit: the longest has 108 tokens, the training takes 108"), "{said}");
    let files = again["manifest"]["files"].as_object().expect("files");
    assert_eq!(files.values().filter_map(|file| file["examples"].as_u64()).sum::<u64>(), 48);
}

/// What lint notes of a row that is left out as too long is no remark on what was taken.
#[test]
fn remarks_are_counted_of_the_rows_that_are_taken() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let config = fs_err::read_to_string(dir.join("model/config.json")).expect("a file");
    let longer = config.replace("\"max_position_embeddings\": 128", "\"max_position_embeddings\": 1024");
    fs_err::write(dir.join("model/config.json"), longer).expect("written");
    write_pairs(
        dir,
        "rows.jsonl",
        std::iter::once(("Certainly.".to_owned(), format!("{}.", words(100, 24)))),
    );
    assert!(run(dir, &["import", "rows.jsonl"]).status.success());
    let noted = |limit: &str| {
        let (frozen, said) = done(dir, &["--set", limit, "dataset", "--accept-clean"]);
        (frozen["manifest"]["noted"]["L42"].clone(), said)
    };
    let (all, said) = noted("train.max-seq-tokens=250");
    assert_eq!(all, json!(1), "{said}");
    let (without, said) = noted("train.max-seq-tokens=108");
    assert_eq!(without, Value::Null, "{said}");
    assert!(!said.contains("a remark of lint that is no fault"), "{said}");
}

#[test]
fn without_the_model_a_version_is_frozen_and_says_that_nothing_was_measured() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let (frozen, said) =
        done(dir.path(), &["--set", "model=nobody/has-this-model", "dataset", "--accept-clean"]);
    assert!(
        said.contains(
            "how long the rows are was not measured: the model `nobody/has-this-model` is not on this machine yet"
        ),
        "{said}"
    );
    assert!(frozen["folder"].is_string());
}

#[test]
fn a_model_that_was_not_taught_to_chat_is_not_called_missing() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    fs_err::write(dir.join("model/tokenizer_config.json"), r#"{"eos_token": "<|im_end|>"}"#)
        .expect("written");
    let (_, said) = done(dir, &["dataset", "--accept-clean"]);
    assert!(said.contains("was not measured: model has no chat template"), "{said}");
    assert!(!said.contains("not on this machine"), "{said}");
}

/// More rows of the same would not help, so that nobody is sent to accept more.
#[test]
fn where_all_rows_are_too_long_that_is_the_error() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let output = run(dir.path(), &["--set", "train.max-seq-tokens=20", "dataset", "--accept-clean"]);
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for part in ["are longer than the 20 tokens that a training of", "raise `train.max-seq-tokens`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("accept more"), "{said}");
}

#[test]
fn a_training_leaves_long_rows_out_and_every_place_counts_the_same() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let (frozen, _) = done(dir, &["dataset", "--accept-clean"]);
    let of = |side: &str| {
        frozen["manifest"]["files"][format!("{side}.jsonl")]["examples"].as_u64().expect("a count")
    };
    let (estimate, said) = done(dir, &["--set", LIMIT, "train", "--dry-run"]);
    let left_out = estimate["left_out"].as_array().expect("rows").clone();
    let long_of = |side: &str| left_out.iter().filter(|row| row["split"] == side).count() as u64;
    assert!(long_of("train") > 0, "{estimate}");
    assert_eq!(estimate["rows"].as_u64(), Some(of("train") - long_of("train")));
    assert_eq!(estimate["keeps_all_tokens"], 108);
    let count = left_out.len();
    for part in [
        format!("{count} rows of more than 103 tokens left out, {} of train and", long_of("train")),
        "`train.max-seq-tokens` 108 takes all rows".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    // More rows and longer ones take longer: of the training with all rows about as much longer as it has more steps.
    let seconds = |key: &str| estimate[key].as_f64().expect("a number");
    let longer = seconds("keeps_all_seconds") / seconds("seconds");
    assert!(longer > 1.1 && longer < 3.0, "{longer}: {estimate}");

    let (finished, trained) = done(dir, &["--set", LIMIT, "train"]);
    for said in [&said, &trained] {
        let (_, needs) = said.split_once("108 takes all rows").expect("a proposal");
        let needs = needs.lines().next().unwrap_or_default();
        let (_, time) = needs.split_once(" of memory and ").expect("a time");
        assert!(time.starts_with(|c: char| c.is_ascii_digit()), "{time}");
    }
    let [folder] = tiny::runs(dir).try_into().expect("one run");
    let started = rows(&folder.join("events.jsonl")).remove(0);
    assert_eq!((&started["examples"], &started["left_out"]), (&estimate["rows"], &json!(left_out)));
    assert_eq!(finished["steps"], estimate["steps"]);
    let steps = estimate["rows"].as_u64().expect("a count").div_ceil(8) * 2;
    assert_eq!(estimate["steps"].as_u64(), Some(steps), "the order of the data is that of the rows taken");
    assert!(
        fs_err::read_to_string(folder.join("run.toml"))
            .expect("a file")
            .contains("long-rows = \"leave-out\"")
    );

    for engine in ["trl", "mlx"] {
        let job = dir.join(format!("job-{engine}"));
        done(dir, &["--set", LIMIT, "train", "--engine", engine, "--handover", &format!("job-{engine}")]);
        let written: Value =
            serde_json::from_slice(&fs_err::read(job.join("job.json")).expect("a job")).expect("JSON");
        assert_eq!(
            (&written["examples"], &written["left_out"]),
            (&estimate["rows"], &json!(left_out)),
            "{engine}"
        );
        let counts = ["rows.jsonl", "validation.jsonl"].map(|file| rows(&job.join(file)).len() as u64);
        assert_eq!(
            counts,
            [of("train") - long_of("train"), of("validation") - long_of("validation")],
            "{engine}"
        );
        let readme = fs_err::read_to_string(job.join("README.md")).expect("a file");
        assert!(readme.contains(&format!("| left out | {count} rows of the data set")), "{readme}");
    }
    let dose = run(dir, &["--set", LIMIT, "--set", "dose.rows=[999]", "dose", "--dry-run"]);
    assert!(
        text(&dose.stderr).contains(&format!("has {} to train on", estimate["rows"])),
        "{}",
        text(&dose.stderr)
    );

    let refused = run(dir, &["--set", LIMIT, "--set", "train.long-rows=\"refuse\"", "train"]);
    let said = text(&refused.stderr);
    assert!(!refused.status.success() && said.contains(" rows cannot be trained on:"), "{said}");
    let of_train =
        left_out.iter().filter(|row| row["split"] == "train").filter_map(|row| row["tokens"].as_u64());
    let takes = format!("`train.max-seq-tokens` {} takes all of train.jsonl", of_train.max().expect("a row"));
    assert!(said.contains(&takes), "{said}");
    let refused = run(dir, &["--set", "train.max-seq-tokens=20", "train"]);
    let said = text(&refused.stderr);
    assert!(
        said.contains("all training rows of") && said.contains("`train.max-seq-tokens` 108 takes"),
        "{said}"
    );
}

#[test]
fn a_bare_title_is_no_question_of_the_evaluation_and_the_freeze_counts_it() {
    let dir = temp_dir();
    let dir = dir.path();
    assert!(run(dir, &["init"]).status.success());
    fs_err::create_dir(dir.join("notes")).expect("made");
    for note in 0..12 {
        // No language that is known: the title alone is the prompt.
        let text = format!("# {}\n\n{}.\n", words(100 * note, 1), words(5000 + 100 * note, 30));
        fs_err::write(dir.join(format!("notes/note{note}.md")), text).expect("written");
    }
    assert!(run(dir, &["import", "notes"]).status.success());
    let (frozen, said) = done(dir, &["dataset", "--accept-clean"]);
    let tests = frozen["manifest"]["files"]["test.jsonl"]["examples"].as_u64().expect("a number");
    assert!(
        tests > 0 && said.contains("that ask") && said.contains("nothing, such as a bare title"),
        "{said}"
    );
    assert!(said.contains("test: 0 examples; the report needs at least 30"), "{said}");
    let plan = json_of(dir, &["--set", "eval.suites=[\"in-domain\"]", "plan"]);
    assert_eq!(plan["reach"][0]["prompts"], json!(0), "{plan}");
}

#[test]
fn sections_of_a_document_are_one_text_on_one_side_and_count_as_one() {
    let dir = temp_dir();
    let dir = dir.path();
    assert!(run(dir, &["init"]).status.success());
    fs_err::create_dir(dir.join("vault")).expect("made");
    for note in 0..12 {
        let section =
            |i: usize| format!("# {}\n\n{}.\n\n", words(100 * note + i, 3), words(5000 + 100 * note + i, 30));
        let body: String = (0..5).map(section).collect();
        fs_err::write(dir.join(format!("vault/note{note}.md")), body).expect("written");
    }
    assert!(run(dir, &["import", "vault"]).status.success());
    let (frozen, said) = done(dir, &["dataset", "--accept-clean"]);
    let folder = PathBuf::from(frozen["folder"].as_str().expect("a path"));
    let mut seen = std::collections::BTreeMap::new();
    for side in ["train", "validation", "test"] {
        let rows = rows(&folder.join(format!("{side}.jsonl")));
        let documents: std::collections::BTreeSet<String> =
            rows.iter().map(|row| row["document"].as_str().expect("a document").to_owned()).collect();
        assert_eq!(frozen["manifest"]["independent"][format!("{side}.jsonl")], json!(documents.len()));
        assert_eq!(rows.len(), 5 * documents.len(), "whole documents: {said}");
        documents.into_iter().for_each(|document| assert_eq!(seen.insert(document, side), None));
    }
    assert_eq!(seen.len(), 12);
    let train = seen.values().filter(|side| **side == "train").count();
    for part in [
        format!(
            "train: {} examples, which count as about {train} independent ones (those of one text,",
            5 * train
        ),
        "independent ones to say anything. Accept ".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    // Prompts of one document are one, also to the plan.
    let plan = json_of(dir, &["--set", "eval.suites=[\"in-domain\"]", "plan"]);
    let test = seen.values().filter(|side| **side == "test").count();
    assert_eq!(
        (&plan["reach"][0]["prompts"], &plan["reach"][0]["independent"]),
        (&json!(5 * test), &json!(test))
    );
    let shown = text(&run(dir, &["--set", "eval.suites=[\"in-domain\"]", "plan"]).stdout);
    assert!(shown.contains("no result is possible") && !shown.contains("never enough"), "{shown}");
    // The desk says it too.
    let page = open(dir);
    let card = page.get("api/card");
    assert_eq!(mark(&page, &card, &json!({ "action": "accept" }))["effective_n"], 1);
    // Those that make the report say more are found by one choice of the list.
    let new_text = json!({ "by": "filter", "value": { "new_text": true } });
    let found = page.post("api/group", &new_text);
    assert_eq!(found["count"], 55, "the text of the accepted one is left out: {found}");
    assert_eq!(found["rule"], "undecided cards of conversations or texts that no card is accepted of yet");
    let summary = page.get("api/summary");
    assert_eq!(
        (&summary["open_clean"], &summary["effective_n_of_clean"]),
        (&json!(59), &json!(11)),
        "{summary}"
    );
    let all = json!({ "group": { "by": "filter", "value": {} }, "action": "accept", "count": 59 });
    page.post("api/bulk", &all);
    let summary = page.get("api/summary");
    assert_eq!((&summary["accepted"], &summary["effective_n"]), (&json!(60), &json!(12)));
    assert_eq!(summary["effective_n_of_clean"], 0);
}

#[test]
fn one_long_note_is_cut_and_said_to_be_on_several_sides() {
    let dir = temp_dir();
    let dir = dir.path();
    assert!(run(dir, &["init"]).status.success());
    let section = |i: usize| format!("# {}\n\n{}.\n\n", words(i, 3), words(5000 + i, 30));
    fs_err::write(dir.join("diary.md"), (0..20).map(section).collect::<String>()).expect("written");
    assert!(run(dir, &["import", "diary.md"]).status.success());
    let (_, said) = done(dir, &["dataset", "--accept-clean"]);
    let large = "is a large part of all examples: parts of it train, other parts test";
    assert!(said.contains(&format!("diary.md {large}")), "{said}");
    // Conversations of one file are no parts of it, and what has one part is not cut.
    let chat = |i: usize| {
        let row = json!({"messages": [{"role": "user", "content": format!("What is {}?", words(i, 4))},
            {"role": "assistant", "content": format!("{}.", words(9000 + i, 9))}]});
        format!("{row}\n")
    };
    let few = temp_dir();
    let few = few.path();
    assert!(run(few, &["init"]).status.success());
    fs_err::write(few.join("chats.jsonl"), (0..4).map(chat).collect::<String>()).expect("written");
    assert!(run(few, &["import", "chats.jsonl"]).status.success());
    let (_, said) = done(few, &["dataset", "--accept-clean"]);
    assert!(!said.contains(large), "{said}");
    // A long one is known by its words, and not by the file that holds many.
    let turns: Vec<Value> = (0..70)
        .flat_map(|i| {
            let (asked, answered) = (words(2000 + i, 9), words(4000 + i, 20));
            [
                json!({"role": "user", "content": format!("What is {asked}?")}),
                json!({"role": "assistant", "content": format!("{answered}.")}),
            ]
        })
        .collect();
    let begin = turns[0]["content"].as_str().expect("a text").chars().take(12).collect::<String>();
    let long = format!("{}{}\n", (0..20).map(chat).collect::<String>(), json!({ "messages": turns }));
    fs_err::write(few.join("long.jsonl"), long).expect("written");
    assert!(run(few, &["import", "long.jsonl"]).status.success());
    let (_, said) = done(few, &["dataset", "--accept-clean"]);
    assert!(
        said.contains(&format!("the conversation that begins \u{201c}{begin}")) && said.contains(large),
        "{said}"
    );
    assert!(!said.contains("long.jsonl is a large"), "{said}");
}

#[test]
fn prompts_that_ask_nothing_are_taken_with_a_word_and_can_be_listed() {
    let dir = temp_dir();
    let dir = dir.path();
    assert!(run(dir, &["init"]).status.success());
    let prompt = |i: usize| match i {
        0 => "Certainly.".to_owned(),
        1 => "Go on.".to_owned(),
        _ => format!("What is {}?", words(i, 3)),
    };
    write_pairs(dir, "rows.jsonl", (0..12).map(|i| (prompt(i), format!("{}.", words(100 + i, 12)))));
    assert!(run(dir, &["import", "rows.jsonl"]).status.success());
    let (frozen, said) = done(dir, &["dataset", "--accept-clean"]);
    // "Go on." without its context has a warning, too.
    assert_eq!(frozen["manifest"]["noted"], json!({ "L42": 1 }), "{said}");
    assert!(
        said.contains(
            "of those taken undecided, with a remark of lint that is no fault: L42 the prompt asks nothing 1;"
        ),
        "{said}"
    );
    let findings = json_of(dir, &["lint", "--rule", "l42"])["findings"].clone();
    let rules: Vec<&str> =
        findings.as_array().expect("findings").iter().filter_map(|f| f["rule"].as_str()).collect();
    assert_eq!(rules, ["L42", "L42"]);
    let unknown = run(dir, &["lint", "--rule", "L99"]);
    assert!(
        text(&unknown.stderr).contains("no rule is called so; they go from L01 to P04"),
        "{}",
        text(&unknown.stderr)
    );
    let page = open(dir);
    let of = json!({ "by": "filter", "value": { "rule": "L42" } });
    assert_eq!(page.post("api/group", &of)["count"], 2);
}

#[test]
fn the_desk_trains_on_what_it_froze_and_stops_with_a_checkpoint() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let page = open(dir);
    let before = page.get("api/training");
    let version = before["newest"].as_str().expect("a version").to_owned();
    assert_eq!((&before["stage"], &before["decided_since"]), (&json!("none"), &json!(0)));
    let card = page.wait("api/card", |card| card["id"].is_string());
    page.post("api/mark", &json!({ "id": card["id"], "mark": { "action": "reject" }, "label": "rejected" }));
    assert_eq!(page.get("api/training")["decided_since"], 1, "the newest version does not know of it");
    assert_eq!(page.try_post("api/training", &json!({ "version": "v9" })).0, 400);
    assert_eq!(page.try_post("api/training", &json!({ "version": version, "resume": true })).0, 400);
    assert_eq!(page.post("api/training", &json!({ "version": version }))["stage"], "running");
    let finished = page.wait("api/training", |status| status["stage"] != "running");
    assert_eq!(
        (&finished["stage"], &finished["version"]),
        (&json!("finished"), &json!(version)),
        "{finished}"
    );
    assert_eq!(finished["step"], finished["steps"]);
    assert!(finished["validation"].as_array().is_some_and(|losses| losses.len() >= 2), "{finished}");
    let run_name = finished["run"].as_str().expect("a run").to_owned();
    assert!(
        rows(&dir.join("runs").join(run_name).join("events.jsonl"))
            .iter()
            .any(|row| row["event"] == "finished")
    );
    drop(page);

    // A long one: one at a time, stopped with a checkpoint, and gone on with; a page that is loaded again finds it.
    let config = fs_err::read_to_string(dir.join("affinage.toml")).expect("a file");
    fs_err::write(
        dir.join("affinage.toml"),
        config.replace("[train]", "[train]\nepochs = 300\neval-every = 50"),
    )
    .expect("written");
    let page = open(dir);
    page.post("api/training", &json!({ "version": version }));
    page.wait("api/training", |status| status["step"].as_u64() > Some(3));
    let (status, refused) = page.try_post("api/training", &json!({ "version": version }));
    assert!(
        status == 400 && refused["error"].as_str().is_some_and(|e| e.contains("running already")),
        "{refused}"
    );
    assert!(page.wait("api/training", |status| status["left_s"].is_number())["steps"].as_u64() > Some(1000));
    page.post("api/training/stop", &json!({}));
    let stopped = page.wait("api/training", |status| status["stage"] != "running");
    assert_eq!(stopped["stage"], "stopped", "{stopped}");
    let run_folder = dir.join("runs").join(stopped["run"].as_str().expect("a run"));
    let at = stopped["step"].as_u64().expect("a step");
    assert!(run_folder.join(format!("checkpoints/step-{at:06}/adapter_model.safetensors")).is_file());
    page.post("api/training", &json!({ "version": version, "resume": true }));
    page.wait("api/training", |status| status["step"].as_u64() > Some(at));
    // Who kills the desk stops its training, with a checkpoint.
    drop(page);
    let began = std::time::Instant::now();
    let is_stopped =
        || rows(&run_folder.join("events.jsonl")).last().is_some_and(|row| row["event"] == "interrupted");
    while !is_stopped() {
        assert!(
            began.elapsed() < std::time::Duration::from_secs(60),
            "the training goes on without its desk"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    // What the command refuses is shown in its words.
    let train = dir.join("datasets").join(&version).join("train.jsonl");
    let text = fs_err::read_to_string(&train).expect("rows");
    fs_err::write(&train, text.replacen("What", "Why", 1)).expect("written");
    let page = open(dir);
    page.post("api/training", &json!({ "version": version }));
    let failed = page.wait("api/training", |status| status["stage"] != "running");
    assert_eq!(failed["stage"], "failed", "{failed}");
    assert!(
        failed["lines"].to_string().contains("error: ") && failed["lines"].to_string().contains("SHA-256"),
        "{failed}"
    );
}
