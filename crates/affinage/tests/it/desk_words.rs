//! The desk beyond accept and reject: topics, whose words, who is who, fixes, turns, tags, and new examples.

use std::path::Path;

use serde_json::{Value, json};

use crate::desk::{exported, id, mark, open, project, run};
use crate::room::Page;
use crate::{affinage, temp_dir, tiny};

/// 24 conversations on four topics, and one with personal data.
fn with_topics() -> tempfile::TempDir {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    let topics = [
        ("garden", "roses soil hedge compost"),
        ("python", "sorting lists loops errors"),
        ("bread", "dough flour crust oven"),
        ("grief", "letters silence funeral memory"),
    ];
    let mut rows: Vec<Value> = (0..24)
        .map(|i| {
            let (topic, words) = topics[i % 4];
            let words = format!("{topic} {words}");
            json!({ "messages": [
                { "role": "user", "content": format!("Tell me about {words}, question {i}?") },
                { "role": "assistant", "content": format!("The {words} of case {i} need patience and a plan.") },
                { "role": "user", "content": format!("And what of {topic} in winter, case {i}?") },
                { "role": "assistant", "content": format!("In winter the {words} of case {i} rest.") },
            ] })
        })
        .collect();
    rows.push(json!({ "messages": [
        { "role": "user", "content": "I am Ada Kern, ada@kern-post.de, or office@kern-post.de, or +49 30 12345678." },
        { "role": "assistant", "content": "Thank you, I will keep that in mind." },
    ] }));
    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    fs_err::write(dir.path().join("rows.jsonl"), rows.join("\n")).expect("written");
    run(dir.path(), &["import", "rows.jsonl"]);
    dir
}

fn document(dir: &Path, args: &[&str]) -> Value {
    let output = affinage(dir).args(args).arg("--json").output().expect("the binary starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one document")
}

/// All rows of the newest version.
fn frozen(dir: &Path, args: &[&str]) -> Vec<Value> {
    let folder = document(dir, args)["folder"].as_str().expect("a folder").to_owned();
    let files = ["train", "validation", "test"].map(|name| format!("{folder}/{name}.jsonl"));
    let text: String = files.iter().map(|file| fs_err::read_to_string(file).expect("a file")).collect();
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

fn row<'a>(rows: &'a [Value], id: &str) -> &'a Value {
    rows.iter().find(|row| row["example_id"] == id).expect("the example")
}

#[test]
fn the_first_screen_is_topics_and_its_choices_hold_everywhere() {
    let dir = with_topics();
    let mut page = open(dir.path());
    assert_eq!(page.get("api/summary")["begins_with_topics"], true);
    let found = page.wait("api/topics", |found| found["is_whole"] == json!(true));
    assert_eq!((&found["conversations"], &found["candidates"]), (&json!(25), &json!(49)));
    assert_eq!(found["aside_count"], 1, "personal data is set aside unasked: {found}");
    let topics = found["topics"].as_array().expect("topics");
    assert!(topics.len() >= 4, "{found}");
    assert_eq!(topics.iter().filter_map(|topic| topic["candidates"].as_u64()).sum::<u64>(), 49);
    let in_topics: u64 = topics.iter().filter_map(|topic| topic["conversations"].as_u64()).sum();
    assert_eq!(found["with_candidates"].as_u64(), Some(in_topics));
    let topic =
        topics.iter().find(|topic| topic["aside"] == 0 && topic["conversations"] != 1).expect("a topic");
    let (number, of) = (&topic["number"], topic["candidates"].as_u64().expect("a count"));
    let choose = |choice: Value| page.post("api/choice", &json!({ "topic": number, "choice": choice }));
    choose(json!("private"));
    let chosen = page.get("api/topics");
    let at = usize::try_from(number.as_u64().expect("a number")).expect("small");
    assert_eq!(chosen["topics"][at]["chosen"], "private");
    assert_eq!(page.get("api/summary")["candidates"].as_u64(), Some(49 - of), "private cards are not shown");
    let undone = page.post("api/undo", &json!({}));
    assert_eq!((&undone["is_of_topics"], &undone["summary"]["candidates"]), (&json!(true), &json!(49)));
    // Of a skipped topic no card comes up; of what is set aside neither, until it is kept.
    choose(json!("skip"));
    let private = found["aside"][0]["conversation"].clone();
    let mut card = page.get("api/card");
    let mut seen = 0;
    while card != Value::Null {
        assert_ne!(card["conversation"], private);
        assert_ne!(card["topic"][0], *number);
        mark(&page, &card, &json!({ "action": "accept" }));
        seen += 1;
        let next = page.get(&format!("api/next?of={}", id(&card)));
        card = if next["second_look"] == json!(true) {
            page.get(&format!("api/next?of={}", id(&next)))
        } else {
            next
        };
        assert!(seen < 60);
    }
    assert_eq!(seen, 49 - of - 1);
    page.post("api/choice", &json!({ "conversation": private, "choice": "keep" }));
    assert_eq!(page.get("api/card")["conversation"], private);
    page.post("api/begin", &json!({}));
    page.child.kill().expect("killed");
    page.child.wait().expect("ended");
    let page = open(dir.path());
    assert_eq!(page.get("api/summary")["begins_with_topics"], false, "seen once");
    assert_eq!(page.get("api/topics")["topics"][at]["chosen"], "skip");
    drop(page);
    let overview = document(dir.path(), &["import"]);
    assert_eq!(overview["overview"]["topics"][at]["skipped"], topic["conversations"]);
    fs_err::write(dir.path().join("more.md"), "## User\n\nWhy?\n\n## Assistant\n\nSo it is.\n")
        .expect("written");
    run(dir.path(), &["import", "more.md"]);
    assert_eq!(open(dir.path()).get("api/summary")["begins_with_topics"], true, "a new import, new topics");
}

#[test]
fn whose_words_are_learnt_is_asked_once_and_holds_for_cards_and_dataset() {
    let dir = with_topics();
    let page = open(dir.path());
    let before = page.get("api/card");
    assert_eq!(page.get("api/topics")["is_answered"], false);
    page.post("api/learn", &json!({ "learn": "mine" }));
    page.wait("api/summary", |summary| summary["is_whole"] == json!(true) && summary["reading"] == json!(1));
    let card = page.get("api/card");
    assert_ne!(id(&card), id(&before));
    assert!(card["prompt"].as_str().is_some_and(|prompt| prompt.starts_with("The ")), "{card}");
    assert!(
        card["variants"][0]["text"].as_str().is_some_and(|text| text.starts_with("And what of")),
        "{card}"
    );
    assert_eq!(page.get("api/topics")["is_answered"], true);
    drop(page);
    assert_eq!(document(dir.path(), &["import"])["overview"]["learn"], "mine");
    let rows = frozen(dir.path(), &["dataset", "--accept-clean"]);
    assert!(rows.iter().all(|row| {
        row["messages"].as_array().expect("messages").last().expect("an answer")["content"]
            .as_str()
            .is_some_and(|text| text.starts_with("And what of"))
    }));
    // Only edited answers: an accepted one is not enough.
    run(dir.path(), &["import", "--learn", "edited"]);
    let page = open(dir.path());
    let first = page.get("api/card");
    assert_eq!(mark(&page, &first, &json!({ "action": "accept" }))["accepted"], 0);
    assert_eq!(
        mark(&page, &first, &json!({ "action": "accept", "text": "In my own words." }))["accepted"],
        1
    );
}

#[test]
fn a_transcript_without_roles_waits_at_the_desk() {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    let play = "ANNA: Why is it so?\n\nMILLER: Because it was said.\n\n".repeat(4);
    fs_err::write(dir.path().join("play.txt"), &play).expect("written");
    let refused = affinage(dir.path()).args(["import", "play.txt"]).output().expect("the binary starts");
    assert_eq!(refused.status.code(), Some(1), "a script still sees that nothing was imported");
    let page = open(dir.path());
    assert_eq!(page.get("api/summary")["begins_with_topics"], true);
    let waiting = page.get("api/topics")["waiting"][0].clone();
    assert_eq!((&waiting["member"], &waiting["speakers"][0]["name"]), (&json!("play.txt"), &json!("ANNA")));
    let cast = |roles: Value| json!({ "sha256": waiting["sha256"], "member": "play.txt", "roles": roles, "profile": "mill" });
    assert_eq!(
        page.try_post("api/waiting/assign", &cast(json!({ "ANNA": "user" }))).0,
        400,
        "nobody to learn"
    );
    let roles = json!({ "ANNA": "user", "MILLER": "assistant" });
    let read = page.post("api/waiting/read", &cast(roles.clone()));
    assert_eq!(
        (&read[0]["role"], &read[1]["role"], &read[1]["text"]),
        (&json!("user"), &json!("assistant"), &json!("Because it was said."))
    );
    assert_eq!(page.get("api/summary")["candidates"], 0, "to look changes nothing");
    let found = page.post("api/waiting/assign", &cast(roles));
    assert_eq!(
        (found["waiting"].as_array().map(Vec::len), &found["profiles"][0]["name"]),
        (Some(0), &json!("mill"))
    );
    page.wait("api/summary", |summary| summary["candidates"] == json!(4));
    drop(page);
    fs_err::write(dir.path().join("more.txt"), play.replace("said", "sung")).expect("written");
    run(dir.path(), &["import", "more.txt", "--profile", "mill"]);
    // Left out, its bytes go too.
    fs_err::write(dir.path().join("third.txt"), play.replace("said", "shown")).expect("written");
    let raw = || fs_err::read_dir(dir.path().join("raw")).expect("a folder").count();
    let before = raw();
    assert!(
        !affinage(dir.path()).args(["import", "third.txt"]).output().expect("it starts").status.success()
    );
    assert_eq!(raw(), before + 1);
    let page = open(dir.path());
    let waiting = page.get("api/topics")["waiting"][0].clone();
    page.post("api/waiting/leave", &json!({ "sha256": waiting["sha256"], "member": waiting["member"] }));
    assert_eq!(raw(), before);
}

#[test]
fn safe_fixes_of_the_desk_are_the_recorded_ones_and_one_step() {
    let dir = temp_dir();
    run(dir.path(), &["init"]);
    let rows = json!({ "prompt": "What is a gable good for?", "completion": "It turns the rain away from the wall.\n\nCopy code" });
    fs_err::write(dir.path().join("rows.jsonl"), rows.to_string()).expect("written");
    run(dir.path(), &["import", "rows.jsonl"]);
    let page = open(dir.path());
    let card = page.get("api/card");
    assert_eq!(card["variants"][0]["fixes"], 1, "{card}");
    let fix = json!({ "id": id(&card), "variant": card["variants"][0]["variant"] });
    let fixed = page.post("api/fix", &fix);
    assert_eq!(fixed["variants"][0]["text"], "It turns the rain away from the wall.");
    assert_eq!(
        (&fixed["variants"][0]["flags"], &fixed["mark"]["text"]),
        (&json!([]), &Value::Null),
        "no edit"
    );
    assert_eq!(
        exported(dir.path(), id(&card))["variants"][0]["text"],
        "It turns the rain away from the wall."
    );
    let undone = page.post("api/undo", &json!({}));
    assert_eq!((&undone["label"], &undone["id"]), (&json!("made the safe fixes"), &card["id"]));
    let again = page.get(&format!("api/card?id={}", id(&card)));
    assert_eq!(again["variants"], card["variants"]);
    // The terminal's fixes reach the open desk, and the terminal can take the desk's back.
    run(dir.path(), &["lint", "--fix"]);
    let seen = page.get(&format!("api/card?id={}", id(&card)));
    assert_eq!(seen["variants"][0]["text"], "It turns the rain away from the wall.");
    run(dir.path(), &["lint", "--unfix"]);
    page.post("api/fix", &fix);
    run(dir.path(), &["lint", "--unfix"]);
    let seen = page.get(&format!("api/card?id={}", id(&card)));
    assert_eq!(seen["variants"], card["variants"]);
    assert_eq!(page.post("api/undo", &json!({}))["label"], "made the safe fixes", "nothing is undone twice");
}

#[test]
fn turns_tags_and_domain_reach_the_rows() {
    let dir = project(40);
    let text = "## User\n\nWhat is a lintel, and what does it carry?\n\n## Assistant\n\nA beam over a door.\n\nThanks, go on.\n\n\
        ## User\n\ngo on\n\n## Assistant\n\nIt carries the wall above the opening.\n";
    fs_err::write(dir.path().join("more.md"), text).expect("written");
    run(dir.path(), &["import", "more.md"]);
    let page = open(dir.path());
    let hits = page.get("api/search?words=lintel");
    assert_eq!(hits.as_array().map(Vec::len), Some(1), "{hits}");
    let (start, end) = (
        hits[0]["marks"][0][0].as_u64().expect("a place"),
        hits[0]["marks"][0][1].as_u64().expect("a place"),
    );
    assert_eq!(&hits[0]["line"].as_str().expect("a line")[start as usize..end as usize], "lintel");
    let card = page.get(&format!("api/card?id={}", id(&hits[0])));
    let variant = &card["variants"][0];
    let next = page.get(&format!(
        "api/following?id={}&variant={}",
        id(&card),
        variant["variant"].as_str().expect("an id")
    ));
    assert_eq!(
        (&next["prompt"], &next["text"]),
        (&json!("go on"), &json!("It carries the wall above the opening."))
    );
    let joined = "A beam over a door.\n\nIt carries the wall above the opening.";
    let original = format!(
        "{}\n\n{}",
        variant["text"].as_str().expect("a text"),
        next["text"].as_str().expect("a text")
    );
    mark(
        &page,
        &card,
        &json!({ "action": "accept", "text": joined, "original": original, "prompt": "What is a lintel?",
        "tags": ["houses", "words"], "domain": " building " }),
    );
    assert_eq!(page.get("api/words"), json!({ "tags": ["houses", "words"], "domains": ["building"] }));
    let last = page.get("api/search?words=%22carries+the+wall%22");
    let last = page.get(&format!("api/card?id={}", id(&last[0])));
    assert_eq!(last["context"].as_array().map(Vec::len), Some(2));
    mark(&page, &last, &json!({ "action": "accept", "context": [] }));
    let row_of_file = exported(dir.path(), id(&card));
    assert_eq!(
        (&row_of_file["new_prompt"], &row_of_file["tags"]),
        (&json!("What is a lintel?"), &json!(["houses", "words"]))
    );
    drop(page);
    let rows = frozen(dir.path(), &["dataset", "--accept-clean"]);
    let joined_row = row(&rows, id(&card));
    assert_eq!(
        joined_row["messages"],
        json!([{ "role": "user", "content": "What is a lintel?" }, { "role": "assistant", "content": joined }])
    );
    assert_eq!(
        (&joined_row["tags"], &joined_row["domain"]),
        (&json!(["houses", "words"]), &json!("building"))
    );
    let alone = row(&rows, id(&last));
    assert_eq!(
        alone["messages"].as_array().map(Vec::len),
        Some(2),
        "what was said before is left away: {alone}"
    );
    // The same decisions from a file, elsewhere.
    run(dir.path(), &["review", "--import", "out.jsonl"]);
    assert_eq!(
        row(&frozen(dir.path(), &["dataset", "--accept-clean"]), id(&card))["messages"],
        joined_row["messages"]
    );
}

#[test]
fn cards_that_ask_nearly_the_same_are_one_step() {
    let dir = project(3);
    let near = (0..4).map(|i| {
        (format!("Please explain to me once more why the old stone bridge was never used by anybody {i}"), i)
    });
    // One that is near each of them, and one that shares words with that one alone, too few to be near it.
    let others = [
        "explain to me once more why the old stone bridge was never used by anybody who lived in the valley then",
        "stone bridge was never used by anybody who lived in the valley then or came through it on foot",
    ];
    let others = others.into_iter().map(str::to_owned).zip(4..);
    let asks: Vec<String> = near
        .chain(others)
        .map(|(prompt, i)| {
            json!({ "prompt": prompt, "completion": format!("Reason number {i}.") }).to_string()
        })
        .collect();
    fs_err::write(dir.path().join("asks.jsonl"), asks.join("\n")).expect("written");
    run(dir.path(), &["import", "asks.jsonl"]);
    let page = open(dir.path());
    page.wait("api/summary", |summary| summary["is_whole"] == json!(true));
    let near = |words: &str| {
        let hits = page.get(&format!("api/search?words={words}"));
        let card = page.get(&format!("api/card?id={}", id(&hits[0])));
        (card["near"].clone(), json!({ "by": "near", "value": card["id"] }))
    };
    // The four, and the one that is near each of them.
    let (count, group) = near("please");
    assert_eq!(count, 5);
    assert_eq!(near("foot").0, Value::Null);
    let preview = page.post("api/group", &group);
    assert_eq!(
        (&preview["count"], &preview["rule"]),
        (&json!(5), &json!("undecided cards that ask nearly what this one asks"))
    );
    assert_eq!(
        page.post("api/bulk", &json!({ "group": group, "action": "reject", "count": 5 }))["rejected"],
        5
    );
    assert_eq!(page.post("api/undo", &json!({}))["summary"]["rejected"], 0);
}

/// Characters by writer in a row.
fn written(row: &Value) -> (u64, u64) {
    let model =
        row["written"].as_object().expect("writers").iter().filter(|(who, _)| who.starts_with("model:"));
    (row["written"]["person"].as_u64().unwrap_or(0), model.filter_map(|(_, chars)| chars.as_u64()).sum())
}

#[test]
fn new_examples_say_who_wrote_them() {
    let dir = project(40);
    let page = open(dir.path());
    let own = page.post(
        "api/author",
        &json!({ "prompt": "What is a sill?", "text": "The lower edge of a window.", "domain": "houses" }),
    );
    let draft = "The lower edge of a window, made of stone.";
    let edited = page.post("api/author", &json!({ "prompt": "What is a sill made of?", "from": 1, "tags": ["houses"],
        "context": [{ "role": "user", "content": "What is a sill?" }, { "role": "assistant", "content": "An edge." }],
        "drafts": [{ "text": "Wood.", "model": "smollm2 step-10" }, { "text": draft, "model": "smollm2 step-10" }],
        "text": "The lower edge of a window, made of slate." }));
    assert_eq!(edited["summary"]["accepted"], 2);
    let card = page.get(&format!("api/card?id={}", id(&edited)));
    assert_eq!((card["variants"].as_array().map(Vec::len), &card["provider"]), (Some(2), &json!("authored")));
    let share = page.post("api/written", &json!({ "text": "The lower edge of a window, made of slate.", "original": draft, "model": "smollm2" }));
    assert_eq!(share["written"], card["written"]);
    let figures = page.get("api/dashboard");
    assert!(
        figures["shares"]["person"].as_f64().is_some_and(|share| share > 0.4 && share < 0.6),
        "{figures}"
    );
    assert_eq!(page.try_post("api/author", &json!({ "prompt": " ", "text": "So." })).0, 400);
    // Taking it back leaves no card behind that a freeze could take.
    let before = page.get("api/summary")["candidates"].clone();
    let made = page.post(
        "api/author",
        &json!({ "prompt": "What is a lintel?", "text": "A beam above a door, of stone or oak." }),
    );
    assert_eq!(made["label"], "wrote an example");
    let undone = page.post("api/undo", &json!({}));
    assert_eq!((&undone["label"], &undone["id"]), (&made["label"], &Value::Null));
    page.wait("api/summary", |summary| summary["is_whole"] == json!(true));
    assert_eq!(page.get("api/summary")["candidates"], before);
    assert_eq!(page.try_post("api/place", &json!({ "id": made["id"] })).0, 400, "there is no such card");
    drop(page);
    let rows = frozen(dir.path(), &["dataset", "--accept-clean"]);
    let (own, edited) = (row(&rows, id(&own)), row(&rows, id(&edited)));
    assert_eq!(
        (written(own), &own["writer"], &own["domain"]),
        ((27, 0), &json!("person:author"), &json!("houses"))
    );
    assert_eq!((written(edited), &edited["writer"]), ((6, 36), &json!("edited:smollm2 step-10")));
    assert_eq!(edited["messages"].as_array().map(Vec::len), Some(4), "with what stands before: {edited}");
    // Undo takes the decision back, the words stay.
    let page = open(dir.path());
    let undone = page.post("api/undo", &json!({}));
    assert_eq!((&undone["label"], &undone["summary"]["accepted"]), (&json!("wrote an example"), &json!(1)));
}

#[test]
fn drafts_come_from_the_local_model_while_the_desk_answers() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let page = open(dir.path());
    assert_eq!(page.get("api/arms"), json!(["base"]));
    let ask =
        |arm: &str| page.post("api/draft", &json!({ "arm": arm, "prompt": "What is kalo?", "count": 3 }));
    let job = ask("base")["job"].clone();
    let done = page.wait(&format!("api/drafts?job={job}"), |progress| progress["stage"] == json!("done"));
    let drafts = done["drafts"].as_array().expect("drafts");
    assert_eq!(drafts.len(), 3);
    assert_eq!(drafts[0]["model"], "model");
    let seeds: std::collections::BTreeSet<u64> =
        drafts.iter().filter_map(|draft| draft["seed"].as_u64()).collect();
    assert_eq!(seeds.len(), 3, "each has a seed of its own");
    let failed = ask("step-7")["job"].clone();
    let failed =
        page.wait(&format!("api/drafts?job={failed}"), |progress| progress["stage"] == json!("failed"));
    assert!(failed["error"].as_str().is_some_and(|error| !error.is_empty()), "{failed}");
    assert_eq!(page.try_post("api/draft", &json!({ "arm": "base", "prompt": "Why?", "count": 9 })).0, 400);
}

#[test]
fn sixty_accepted_are_enough_for_a_taste_with_the_offered_command() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let page = open(dir.path());
    let mut card = page.get("api/card");
    while card != Value::Null {
        let is_again = card["second_look"] == json!(true);
        card = if is_again { page.get(&format!("api/next?of={}", id(&card))) } else { accept(&page, &card) };
    }
    for i in 0..12 {
        let prompt = format!("What is {} {i}?", "tu ".repeat(2 + i % 3).trim());
        let text = format!("It is {} {i}.", "lomi ".repeat(2 + i % 4).trim());
        page.post("api/author", &json!({ "prompt": prompt, "text": text }));
    }
    let figures = page.get("api/dashboard");
    assert_eq!((&figures["summary"]["accepted"], &figures["summary"]["taste"]), (&json!(60), &json!(60)));
    // Thirty test examples, of which there are 15 in a hundred.
    assert_eq!(figures["summary"]["report_from"], 200);
    let commands = figures["taste_command"].as_str().expect("a command").to_owned();
    drop(page);
    for command in commands.split(" && ") {
        let few = ["--set", "eval.suites=[\"in-domain\"]", "--set", "train.epochs=1"];
        let args: Vec<&str> = few.into_iter().chain(command.split(' ').skip(1)).collect();
        run(dir.path(), &args);
    }
    assert_eq!(tiny::runs(dir.path()).len(), 1);
    // The checkpoints of the taste can draft.
    let page = open(dir.path());
    let arms = page.get("api/arms");
    let arm = arms[1].as_str().expect("a checkpoint").to_owned();
    let job =
        page.post("api/draft", &json!({ "arm": arm, "prompt": "What is kalo?", "count": 1 }))["job"].clone();
    let done = page.wait(&format!("api/drafts?job={job}"), |progress| progress["stage"] == json!("done"));
    assert_eq!(done["drafts"][0]["model"], format!("model {arm}"));
}

/// Accepts the card on the desk and goes on.
fn accept(page: &Page, card: &Value) -> Value {
    mark(page, card, &json!({ "action": "accept" }));
    page.get(&format!("api/next?of={}", id(card)))
}

#[test]
fn the_dashboard_says_what_is_missing() {
    let dir = with_topics();
    let page = open(dir.path());
    let mut card = page.get("api/card");
    let found = page.get("api/topics");
    let skipped = found["topics"][0]["number"].clone();
    let mut accepted = 0;
    while accepted < 10 && card != Value::Null {
        if card["second_look"] == json!(true) || card["topic"][0] == skipped {
            card = page.get(&format!("api/next?of={}", id(&card)));
        } else {
            card = accept(&page, &card);
            accepted += 1;
        }
    }
    let figures = page.get("api/dashboard");
    assert_eq!(figures["gaps"], json!([]), "ten accepted say nothing yet");
    assert_eq!(figures["topics"][0]["counts"][1], 0);
    assert_eq!((accepted, &figures["summary"]["accepted"]), (10, &json!(10)));
    for i in 0..20 {
        page.post("api/author", &json!({ "prompt": format!("What is thing {i}?"), "text": format!("Thing {i} is made by hand, with care.") }));
    }
    let figures = page.get("api/dashboard");
    let gaps: Vec<&str> =
        figures["gaps"].as_array().expect("gaps").iter().filter_map(|gap| gap["words"].as_str()).collect();
    let name = found["topics"][0]["name"].as_str().expect("a name");
    assert!(gaps.iter().any(|gap| gap.starts_with(&format!("nothing yet from {name}"))), "{gaps:?}");
    let group = &figures["gaps"][0]["group"];
    assert!(page.post("api/group", group)["count"].as_u64().is_some_and(|count| count > 0), "{group}");
    assert!(figures["written"]["person"].as_u64().is_some_and(|chars| chars > 500), "{figures}");
}
