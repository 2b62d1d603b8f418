//! The desk's lists and ways on: selections, long rows, single files, freezing, and what a reload keeps.

use std::path::Path;

use serde_json::{Value, json};

use crate::desk::{exported, id, mark, open, project, run};
use crate::room::Page;
use crate::{affinage, temp_dir, tiny};

fn write_rows(dir: &Path, file: &str, rows: &[(String, String)]) {
    let lines: Vec<String> = rows
        .iter()
        .map(|(prompt, answer)| json!({ "prompt": prompt, "completion": answer }).to_string())
        .collect();
    fs_err::write(dir.join(file), lines.join("\n")).expect("written");
    run(dir, &["import", file]);
}

/// Nine cards of two files: prompts of one, four and nine words, answers of five and twenty words.
fn of_many_lengths() -> tempfile::TempDir {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    let prompts = ["Certainly.", "Which wood is best?", "How would you dry oak boards for a table?"];
    let row = |i: usize, file: &str| {
        let prompt = format!("{} {file}{i}", prompts[i % 3]);
        let answer = if i.is_multiple_of(2) {
            format!("Oak number {i} of {file}.")
        } else {
            format!(
                "Walnut number {i} of {file} is the one that a joiner keeps for doors, for chairs and for the long table."
            )
        };
        (prompt, answer)
    };
    write_rows(dir.path(), "alpha.jsonl", &(0..6).map(|i| row(i, "alpha")).collect::<Vec<_>>());
    write_rows(dir.path(), "beta.jsonl", &(0..3).map(|i| row(i, "beta")).collect::<Vec<_>>());
    dir
}

fn filter(value: Value) -> Value {
    json!({ "by": "filter", "value": value })
}

fn preview(page: &Page, value: Value) -> Value {
    page.post("api/group", &filter(value))
}

fn count(page: &Page, value: Value) -> u64 {
    preview(page, value)["count"].as_u64().expect("a count")
}

#[test]
fn a_list_is_chosen_by_length_file_words_and_decision_and_decided_on_at_once() {
    let dir = of_many_lengths();
    let page = open(dir.path());
    assert_eq!(count(&page, json!({})), 9);
    assert_eq!(count(&page, json!({ "prompt_to": 2 })), 3, "`Certainly. alpha0` are two words");
    assert_eq!(count(&page, json!({ "prompt_from": 3, "prompt_to": 5 })), 3);
    assert_eq!(count(&page, json!({ "answer_from": 10 })), 4);
    assert_eq!(count(&page, json!({ "answer_from": 10, "file": "beta.jsonl" })), 1);
    assert_eq!(count(&page, json!({ "words": "walnut" })), 4);
    assert_eq!(count(&page, json!({ "words": "oak boards" })), 3, "words of the prompt count too");
    assert_eq!(count(&page, json!({ "words": "walnut", "prompt_to": 2 })), 1);
    let shown = preview(&page, json!({ "prompt_to": 2, "file": "beta.jsonl" }));
    assert_eq!(
        (&shown["rule"], &shown["shown"][0]["prompt"], &shown["shown"][0]["answer"]),
        (
            &json!("undecided cards with a prompt of at most 2 words, from beta.jsonl"),
            &json!("Certainly. beta0"),
            &json!("Oak number 0 of beta.")
        ),
        "cards are told apart by their words"
    );
    // One decision for all of them, one undo, and the decided ones are a list too.
    let short = filter(json!({ "prompt_to": 2 }));
    let bulk = |count: u32| json!({ "group": short, "action": "reject", "count": count });
    assert_eq!(page.try_post("api/bulk", &bulk(2)).0, 400, "what was seen is what is done");
    assert_eq!(page.post("api/bulk", &bulk(3))["rejected"], 3);
    assert_eq!(count(&page, json!({ "prompt_to": 2 })), 0);
    assert_eq!(count(&page, json!({ "prompt_to": 2, "state": "rejected" })), 3);
    assert_eq!(count(&page, json!({ "state": "any" })), 9);
    let taken_back =
        json!({ "group": filter(json!({ "state": "rejected" })), "action": "accept", "count": 3 });
    let summary = page.post("api/bulk", &taken_back);
    assert_eq!((&summary["accepted"], &summary["rejected"]), (&json!(3), &json!(0)));
    let undone = page.post("api/undo", &json!({}));
    assert_eq!((&undone["count"], &undone["summary"]["rejected"]), (&json!(3), &json!(3)));
    page.post("api/undo", &json!({}));
    // All that a search finds.
    let found = filter(json!({ "words": "walnut" }));
    let accepted = page.post("api/bulk", &json!({ "group": found, "action": "accept", "count": 4 }));
    assert_eq!(accepted["accepted"], 4);
    assert_eq!(
        page.try_post("api/group", &filter(json!({ "promt_to": 2 }))).0,
        400,
        "a typing error is said"
    );
}

#[test]
fn a_rule_of_lint_and_a_topic_choose_cards_and_the_desk_names_what_there_is() {
    let dir = of_many_lengths();
    write_rows(
        dir.path(),
        "cut.jsonl",
        &[("Why is it cut?".to_owned(), "Because the saw stopped in the middle of the board and nobody was there to push it on to the other".to_owned())],
    );
    let page = open(dir.path());
    // The rules that compare cards with each other are through.
    page.wait("api/topics", |found| found["is_whole"] == json!(true));
    let options = page.get("api/filters");
    let files: Vec<&str> =
        options["files"].as_array().expect("files").iter().filter_map(|file| file["name"].as_str()).collect();
    assert_eq!(files, ["alpha.jsonl", "beta.jsonl", "cut.jsonl"]);
    let rule = options["rules"].as_array().expect("rules").iter().find(|rule| rule["id"] == "L21");
    assert_eq!(rule.expect("an open end")["count"], 1);
    assert_eq!(count(&page, json!({ "rule": "L21" })), 1);
    // The dashboard counts what the list shows, notes too.
    let figures = page.get("api/dashboard");
    let flags = figures["flags"].as_object().expect("rules");
    for rule in options["rules"].as_array().expect("rules") {
        let (_, on_dashboard) = flags
            .iter()
            .find(|(name, _)| name.starts_with(rule["id"].as_str().expect("an id")))
            .expect("listed");
        assert_eq!(*on_dashboard, rule["count"], "{rule}");
    }
    assert_eq!(flags.len(), options["rules"].as_array().map_or(0, Vec::len), "{flags:?}");
    let topics = options["topics"].as_array().expect("topics").len();
    let on_topics: u64 = (0..topics).map(|topic| count(&page, json!({ "topic": topic }))).sum();
    assert_eq!(on_topics, 10, "every card has one topic");
}

#[test]
fn going_through_a_list_shows_its_cards_and_no_others() {
    let dir = of_many_lengths();
    let page = open(dir.path());
    let first = page.post("api/only", &json!({ "filter": { "prompt_to": 2 } }));
    assert_eq!(page.get("api/summary")["only"]["left"], 3);
    let mut card = first;
    let mut seen = 0;
    while card != Value::Null {
        assert!(card["prompt"].as_str().is_some_and(|prompt| prompt.starts_with("Certainly.")), "{card}");
        mark(&page, &card, &json!({ "action": "reject" }));
        seen += 1;
        card = page.get(&format!("api/next?of={}", id(&card)));
    }
    assert_eq!((seen, &page.get("api/summary")["only"]["left"]), (3, &json!(0)));
    // Undo works in the middle of it, and brings the card back to the list.
    page.post("api/undo", &json!({}));
    assert_eq!(page.get("api/summary")["only"]["left"], 1);
    let other = page.post("api/only", &json!({ "filter": null }));
    assert_eq!(page.get("api/summary")["only"], Value::Null);
    let mut left = 0;
    let mut card = other;
    while card != Value::Null {
        mark(&page, &card, &json!({ "action": "accept" }));
        left += 1;
        card = page.get(&format!("api/next?of={}", id(&card)));
    }
    assert_eq!(left, 7, "all the others, and the one that was taken back");
}

#[test]
fn rows_that_are_too_long_for_the_training_are_known_and_an_edit_mends_them() {
    let dir = temp_dir();
    tiny::project(dir.path());
    // The tiny model has a token for each character; 128 of them are one row.
    let long = ("What is tumo?".to_owned(), "It is a long thing and goes on. ".repeat(6).trim().to_owned());
    write_rows(dir.path(), "long.jsonl", &[long]);
    let page = open(dir.path());
    let options = page.wait("api/filters", |options| options["lengths"]["known"]["stage"] == "known");
    assert_eq!(
        (&options["lengths"]["known"]["limit"], &options["lengths"]["count"]),
        (&json!(128), &json!(1))
    );
    let found = preview(&page, json!({ "too_long": true }));
    assert_eq!(found["count"], 1);
    let tokens = found["shown"][0]["too_long"].as_u64().expect("tokens");
    assert!(tokens > 191 + 13 && tokens < 300, "answer, prompt and the template's marks: {tokens}");
    let card = page.get(&format!("api/card?id={}", id(&found["shown"][0])));
    assert_eq!(card["too_long"].as_u64(), Some(tokens));
    mark(&page, &card, &json!({ "action": "accept", "text": "It is a thing." }));
    let card = page.get(&format!("api/card?id={}", id(&card)));
    assert_eq!(
        (&card["too_long"], count(&page, json!({ "too_long": true, "state": "any" }))),
        (&Value::Null, 0)
    );
    page.post("api/undo", &json!({}));
    assert_eq!(count(&page, json!({ "too_long": true })), 1);
    drop(page);
    // Without the model's files nobody knows; nothing is fetched for it.
    let config = fs_err::read_to_string(dir.path().join("affinage.toml")).expect("a file");
    let other = config.replace("model = \"model\"", "model = \"nobody/has-this-model\"");
    fs_err::write(dir.path().join("affinage.toml"), other).expect("written");
    let page = open(dir.path());
    let options = page.wait("api/filters", |options| options["lengths"]["known"]["stage"] != "waiting");
    let why = options["lengths"]["known"]["why"].as_str().expect("a reason");
    assert!(why.contains("nobody/has-this-model") && why.contains("not on this machine"), "{why}");
}

#[test]
fn an_edited_card_says_what_is_new_in_it_and_what_keeps_it_out() {
    let dir = project(3);
    let page = open(dir.path());
    let card = page.get("api/card");
    assert_eq!(card["edited"], Value::Null);
    let text = card["variants"][0]["text"].as_str().expect("a text");
    let longer = text.replace("for nothing else", "for nothing else at all");
    let accepted = mark(&page, &card, &json!({ "action": "accept", "text": longer }));
    assert_eq!(accepted["accepted"], 1);
    let edited = page.get(&format!("api/card?id={}", id(&card)));
    let share = edited["edited"]["new_share"].as_f64().expect("a share");
    let new = longer.chars().count() - text.chars().count();
    assert!(share > 0.0 && share < 3.0 * new as f64 / longer.chars().count() as f64, "{share}");
    assert_eq!(edited["edited"]["flags"], json!([]));
    // An edit with an error in it is kept out of the data set, and the card says so before the freeze does.
    let broken = format!("{text}\n\n<|im_end|>");
    mark(&page, &card, &json!({ "action": "accept", "text": broken }));
    let edited = page.get(&format!("api/card?id={}", id(&card)));
    let flag = &edited["edited"]["flags"][0];
    assert_eq!((&flag["rule"], &flag["severity"]), (&json!("L02"), &json!("E")), "{edited}");
    page.post("api/undo", &json!({}));
    let figures = page.get("api/dashboard");
    assert_eq!(figures["typed"].as_u64(), Some((share * longer.chars().count() as f64).round() as u64));
    assert!(figures["summary"]["effective_n"].as_f64().is_some_and(|n| (n - 1.0).abs() < 1e-9));
    page.post("api/undo", &json!({}));
    assert_eq!(exported(dir.path(), id(&card))["decision"], Value::Null, "one undo for edit and acceptance");
}

#[test]
fn a_single_file_and_a_single_conversation_of_a_topic_can_be_skipped() {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    for name in ["ion", "meno", "crito"] {
        let turn = |i: usize| {
            format!(
                "Ann: And what of {name} {i}, the virtue and the law?\n\nBee: The law of {name} {i} is the virtue of it.\n\n"
            )
        };
        let text: String = (0..5).map(turn).collect();
        fs_err::write(dir.path().join(format!("{name}.txt")), text).expect("written");
        run(dir.path(), &["import", &format!("{name}.txt"), "--role", "Bee=assistant"]);
    }
    let ask = |words: &str| (words.to_owned(), "It is the law.".to_owned());
    let rows =
        [ask("What of ion, the virtue and the law?"), ask("And again, what of ion, the virtue and the law?")];
    write_rows(dir.path(), "rows.jsonl", &rows);
    let page = open(dir.path());
    let found = page.wait("api/topics", |found| found["is_whole"] == json!(true));
    let topics = found["topics"].as_array().expect("topics").len();
    // The topic that holds a file, and the file there.
    let file = |name: &str| {
        let on = |topic: usize| {
            let files = page.get(&format!("api/topic?number={topic}"));
            files.as_array().expect("files").iter().find(|file| file["name"] == name).cloned()
        };
        (0..topics).find_map(|topic| on(topic).map(|file| (topic, file))).expect("the file")
    };
    let (topic, rows) = file("rows.jsonl");
    assert_eq!((&file("ion.txt").1["candidates"], &rows["count"]), (&json!(5), &json!(2)), "{found}");
    let conversation = file("meno.txt").1["conversations"][0]["conversation"].clone();
    page.post("api/choice", &json!({ "conversation": conversation, "choice": "skip" }));
    page.post("api/choice", &json!({ "topic": topic, "file": "rows.jsonl", "choice": "skip" }));
    assert_eq!(
        ["ion.txt", "meno.txt", "crito.txt", "rows.jsonl"].map(|name| file(name).1["chosen"].clone()),
        [Value::Null, json!("skip"), Value::Null, json!("skip")]
    );
    assert_eq!(count(&page, json!({})), 10, "skipped ones are in no list");
    let undone = page.post("api/undo", &json!({}));
    assert_eq!((&undone["label"], &undone["count"]), (&json!("rows.jsonl: skip"), &json!(2)));
    assert_eq!(count(&page, json!({})), 12);
}

#[test]
fn the_desk_freezes_as_the_command_does() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let page = open(dir.path());
    let (status, refused) = page.try_post("api/freeze", &json!({}));
    assert_ne!(status, 200, "{refused}");
    assert!(
        refused["error"].as_str().is_some_and(|error| error.contains("nothing was decided yet")),
        "{refused}"
    );
    let all = json!({ "group": filter(json!({})), "action": "accept", "count": 48 });
    page.post("api/bulk", &all);
    assert_eq!(page.try_post("api/freeze", &json!({ "name": "no spaces" })).0, 400);
    let frozen = page.post("api/freeze", &json!({ "name": "desk" }));
    let name = frozen["name"].as_str().expect("a name").to_owned();
    assert!(name.starts_with("v2-desk-"), "{frozen}");
    let examples: u64 =
        frozen["files"].as_array().expect("files").iter().filter_map(|file| file["examples"].as_u64()).sum();
    assert!(
        examples > 30 && dir.path().join("datasets").join(&name).join("train.jsonl").is_file(),
        "{frozen}"
    );
    let lines = frozen["lines"].to_string();
    assert!(
        lines.contains("48 accepted") && !lines.contains("frozen: "),
        "said once, as the folder: {lines}"
    );
    assert_eq!(frozen["folder"], format!("datasets/{name}"));
    let files: Vec<&str> =
        frozen["files"].as_array().expect("files").iter().filter_map(|file| file["name"].as_str()).collect();
    assert_eq!(files, ["train.jsonl", "validation.jsonl", "test.jsonl"]);
    // The desk goes on, and the command finds the same version. Nothing is open, and what was never seen comes up no second
    // time.
    assert_eq!(page.get("api/card"), Value::Null);
    let card = preview(&page, json!({ "state": "accepted" }))["shown"][0].clone();
    assert_eq!(mark(&page, &card, &json!({ "action": "accept" }))["accepted"], 48);
    let output = affinage(dir.path()).arg("dataset").output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains(&format!("nothing changed since {name}")), "{said}");
}

#[test]
fn what_is_being_written_survives_a_reload() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let page = open(dir.path());
    assert_eq!(page.get("api/authoring"), Value::Null);
    let job = page.post("api/draft", &json!({ "arm": "base", "prompt": "What is kalo?", "count": 2 }))["job"]
        .clone();
    page.post("api/authoring", &json!({ "prompt": "What is kalo?", "job": job }));
    // The page that is loaded again finds the words and the job, and the drafts as far as they are.
    let kept = page.get("api/authoring");
    assert_eq!((&kept["prompt"], &kept["job"]), (&json!("What is kalo?"), &job));
    let mut seen: Vec<usize> = Vec::new();
    let done =
        page.wait(&format!("api/drafts?job={}", kept["job"]), |progress| progress["stage"] == json!("done"));
    let drafts = done["drafts"].as_array().expect("drafts");
    seen.extend(drafts.iter().filter_map(|draft| draft["text"].as_str()).map(str::len));
    assert_eq!((drafts.len(), seen.len()), (2, 2));
    assert!(drafts.iter().all(|draft| draft["is_whole"] == json!(true)), "{done}");
}

#[test]
fn a_file_of_decisions_names_the_row_and_the_words_that_are_wrong() {
    let dir = project(3);
    run(dir.path(), &["review", "--export", "cards.jsonl"]);
    let text = fs_err::read_to_string(dir.path().join("cards.jsonl")).expect("a file");
    let decided = |decisions: [Value; 3]| {
        let rows = text.lines().zip(decisions).map(|(line, decision)| {
            let mut row: Value = serde_json::from_str(line).expect("a row");
            row["decision"] = decision;
            row.to_string()
        });
        fs_err::write(dir.path().join("cards.jsonl"), rows.collect::<Vec<_>>().join("\n")).expect("written");
        let output = affinage(dir.path()).args(["review", "--import", "cards.jsonl"]).output();
        let output = output.expect("the binary starts");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (ok, said) = decided([json!("yes"), json!(1), json!("accept")]);
    assert!(!ok && said.contains("2 decisions cannot be used, so none was taken"), "{said}");
    assert!(said.contains(r#"row 1: "decision" is "yes"; write "accept", "reject" or "edit""#), "{said}");
    assert!(said.contains(r#"row 2: "decision" is 1; write"#), "{said}");
    let (ok, said) = decided([json!("Accept"), json!(" reject "), Value::Null]);
    assert!(ok && said.contains("2 decisions, 2 of them new; 1 line without one"), "{said}");
}

#[test]
fn what_lint_flags_is_accepted_only_where_that_is_asked_for() {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    let row = |i: usize, answer: &str| (format!("How is beam number {i} to be joined?"), answer.to_owned());
    write_rows(
        dir.path(),
        "joints.jsonl",
        &[
            row(1, "With a tenon, and a peg of dry oak through both of them."),
            row(2, "With a dovetail where the load pulls, and glue besides."),
            row(3, "It is pegged.\n\nAssistant: It is pegged twice."),
        ],
    );
    let page = open(dir.path());
    let all = filter(json!({}));
    let seen = page.post("api/group", &all);
    assert_eq!(
        (&seen["count"], &seen["flagged"], &seen["errors"]),
        (&json!(3), &json!(1), &json!(1)),
        "{seen}"
    );
    let flagged = seen["shown"].as_array().expect("cards").iter().filter(|card| card["rules"] != json!([]));
    assert_eq!(flagged.count(), 1, "{seen}");
    let clean = |count: u32| json!({ "group": all, "action": "accept", "clean_only": true, "count": count });
    assert_eq!(page.try_post("api/bulk", &clean(3)).0, 400, "the number is that of the clean ones");
    let summary = page.post("api/bulk", &clean(2));
    assert_eq!(summary["accepted"], 2, "{summary}");
    assert_eq!(page.post("api/group", &all)["count"], 1, "the flagged one is left");
    let rest = json!({ "group": all, "action": "accept", "count": 1 });
    assert_eq!(page.post("api/bulk", &rest)["accepted"], 3, "also it, by its own button");
}

#[test]
fn a_topic_that_is_skipped_later_does_not_come_up_again() {
    let dir = of_many_lengths();
    let page = open(dir.path());
    assert_eq!(page.get("api/summary")["open"], 9);
    page.post("api/begin", &json!({}));
    let first = page.get("api/card")["id"].clone();
    let topic = page.get("api/topics")["topics"][0].clone();
    let skipped = json!({ "topic": topic["number"], "choice": "skip" });
    page.post("api/choice", &skipped);
    let summary = page.get("api/summary");
    let left = 9 - topic["candidates"].as_u64().expect("a number");
    assert_eq!(summary["open"], left, "{summary}");
    let figures = page.get("api/dashboard");
    let mut listed = figures["topics"].as_array().expect("topics").iter();
    let row = listed.find(|row| row["name"] == topic["name"]).expect("still listed");
    assert_eq!((&row["counts"][0], &row["choice"]), (&topic["candidates"], &json!("skip")));
    // What does not come up is nothing to count by rule.
    let all = page.get("api/filters")["rules"].as_array().map_or(0, Vec::len);
    assert_eq!(figures["flags"].as_object().map_or(0, |flags| flags.len()), all);
    let again = page.get("api/card");
    assert!(again.is_null() == (left == 0), "{again}");
    assert!(left > 0 || first.is_string(), "the first card is not shown again: {again}");
}
