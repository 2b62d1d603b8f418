//! Votes of people: blind, resumable, and rows like those of judges.

use std::collections::BTreeSet;
use std::path::Path;

use affinage_eval::comparison::{BlindKey, Comparison};
use affinage_eval::judgment::{Judgment, Outcome};
use serde_json::{Value, json};

use crate::room::Page;
use crate::scripted::{PROMPTS, Scripted, first_position_judge, good_judge, project, rows, run, serve};
use crate::temp_dir;

/// Prefers the answer that says "good", as the scripted judge does; the reference where one is damaged.
fn honest(item: &Value) -> &str {
    let side = |side: &str| item[side]["text"].as_str().expect("a text").to_owned();
    let (first, second) = (side("first"), side("second"));
    let is_good = |text: &str| text.contains("A good answer");
    let choice = match (is_good(&first), is_good(&second)) {
        (true, false) => "first",
        (false, true) => "second",
        // A damaged copy repeats itself or is cut: more different words are better.
        _ => {
            let words =
                |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<String>>().len();
            if words(&first) >= words(&second) { "first" } else { "second" }
        }
    };
    item[choice]["label"].as_str().expect("a label")
}

fn open(dir: &Path, args: &[&str]) -> Page {
    Page::open(dir, &[&["vote"], args].concat())
}

#[test]
fn a_session_is_blind_can_be_left_taken_back_and_revealed_once() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    let page = open(dir.path(), &["--as", "mira", "--pairs", "20"]);
    let mut state = page.get("api/state");
    // Twenty pairs, two of them twice, two planted ones.
    assert_eq!((&state["total"], &state["pairs"], &state["done"]), (&json!(24), &json!(20), &json!(0)));
    let text = state.to_string();
    assert!(!text.contains("base") && !text.contains("step-"), "no arm is named: {text}");
    assert_eq!(page.try_post("api/reveal", &json!({})).0, 400, "not before the end");
    for _ in 0..10 {
        let item = state["item"].clone();
        let body = json!({ "id": item["id"], "said": honest(&item), "ms": 1500 });
        state = page.try_post("api/vote", &body).1;
        // The same key twice is one vote.
        assert_eq!(page.try_post("api/vote", &body).1, state);
    }
    assert_eq!(state["done"], 10);
    let (_, undone) = page.try_post("api/undo", &json!({}));
    assert_eq!(undone["done"], 9);
    assert_ne!(undone["item"], state["item"]);
    let id = undone["item"]["id"].clone();
    assert_eq!(
        page.try_post("api/vote", &json!({ "id": id, "said": "Q9", "ms": 900 })).0,
        400,
        "no such label"
    );
    drop(page);

    let page = open(dir.path(), &["--as", "mira", "--pairs", "20"]);
    let mut state = page.get("api/state");
    assert_eq!((&state["done"], &state["item"]["id"]), (&json!(9), &id), "goes on where it was left");
    while !state["item"].is_null() {
        let item = state["item"].clone();
        state = page.try_post("api/vote", &json!({ "id": item["id"], "said": honest(&item), "ms": 1500 })).1;
    }
    let (status, revealed) = page.try_post("api/reveal", &json!({}));
    assert_eq!(status, 200, "{revealed}");
    let sentence = revealed["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("With fewer than 30 prompts no win rate is given."), "{sentence}");
    assert!(!sentence.contains('%'), "{sentence}");
    let agreement = &revealed["agreement"][0];
    assert_eq!((&agreement["judge"], &agreement["share"]), (&json!("judge"), &json!("100 %")), "{revealed}");
    assert!(
        revealed["checks"].to_string().contains("Answered alike when shown twice: 2 of 2."),
        "{revealed}"
    );
    assert_eq!(page.try_post("api/undo", &json!({})).0, 400, "what was seen cannot be unseen");
    drop(page);

    let votes: Vec<Judgment> = rows(dir.path(), "votes.jsonl");
    assert_eq!(votes.len(), 22, "planted pairs are not among them");
    assert!(votes.iter().all(|row| row.judge_id == "human:mira" && row.ms_to_vote == Some(1500)));
    assert_eq!(votes.iter().filter(|row| row.repeat == 1).count(), 2);
    // Positions and labels say nothing about the arm.
    let keys: Vec<BlindKey> = rows(dir.path(), "blind_key.jsonl");
    let first_arms = votes.iter().filter(|row| row.repeat == 0).map(|row| {
        let key = keys.iter().find(|key| key.comparison_id == row.comparison_id).expect("a key");
        key.first_arm.clone()
    });
    assert_eq!(first_arms.filter(|arm| arm == "base").count(), 10);
    let (code, text) = run(dir.path(), &["analyze", "--json"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("By mira: "), "{text}");
}

#[test]
fn a_longer_ballot_asks_for_what_is_missing_alone() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    for pairs in ["8", "20"] {
        let page = open(dir.path(), &["--as", "mira", "--pairs", pairs]);
        let mut state = page.get("api/state");
        while !state["item"].is_null() {
            let item = state["item"].clone();
            state =
                page.try_post("api/vote", &json!({ "id": item["id"], "said": honest(&item), "ms": 900 })).1;
        }
    }
    let votes: Vec<Judgment> = rows(dir.path(), "votes.jsonl");
    let comparisons: Vec<Comparison> = rows(dir.path(), "comparisons.jsonl");
    let pair_of = |vote: &Judgment| {
        let row = comparisons.iter().find(|row| row.comparison_id == vote.comparison_id);
        row.expect("a comparison").pair_id.clone()
    };
    let first: Vec<String> = votes.iter().filter(|vote| vote.repeat == 0).map(pair_of).collect();
    let pairs: BTreeSet<&String> = first.iter().collect();
    assert_eq!(pairs.len(), first.len(), "no pair is asked for again");
    assert!(pairs.len() >= 20, "{} pairs", pairs.len());
}

#[test]
fn what_was_skipped_can_be_voted_on_until_who_wrote_what_is_shown() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let page = open(dir.path(), &["--as", "me", "--pairs", "32"]);
    let vote = |state: &Value, said: &str| {
        page.try_post("api/vote", &json!({ "id": state["item"]["id"], "said": said, "ms": 900 })).1
    };
    let mut state = page.get("api/state");
    let mut turn = 0;
    while !state["item"].is_null() {
        let said = if turn < 8 { "skip" } else { honest(&state["item"]) }.to_owned();
        state = vote(&state, &said);
        turn += 1;
    }
    assert_eq!(state["skipped"], 8, "{state}");
    let missing = state["missing"].as_u64().expect("a number");
    assert!((1..=8).contains(&missing), "{state}");
    let done = state["done"].clone();
    // Nothing is revealed yet, and the analysis says who has to give what.
    let (_, text) = run(dir.path(), &["analyze", "--json"]);
    let analysis: Value = serde_json::from_str(&text).expect("JSON");
    let why = analysis["headline"]["sentence"].as_str().expect("a sentence");
    assert!(
        why.starts_with("The maker of the model has voted on ")
            && why.contains("a win rate needs 29 of them"),
        "{why}"
    );
    let steps = analysis["next_steps"].to_string();
    assert!(steps.contains("Give the missing votes: `affinage vote --eval first-look --as me`"), "{steps}");
    let (status, mut state) = page.try_post("api/again", &json!({}));
    assert_eq!((status, &state["skipped"]), (200, &json!(0)), "{state}");
    while !state["item"].is_null() {
        let said = honest(&state["item"]).to_owned();
        state = vote(&state, &said);
    }
    assert_eq!((&state["done"], &state["skipped"], &state["missing"]), (&done, &json!(0), &json!(0)));
    let (_, revealed) = page.try_post("api/reveal", &json!({}));
    let sentence = revealed["sentence"].as_str().expect("a sentence");
    assert!(
        sentence.starts_with(
            "Of 32 prompts you chose the tuned model (step 10) on 28 and the base model on 4. Ties: 0. Skipped: 0. A tie \
             counts half: a win rate of 88 % (likely between "
        ),
        "{sentence}"
    );
    assert!(
        sentence.contains(" You saw 40 screens: 32 pairs, 4 of them shown again, 4 planted."),
        "they add up: {sentence}"
    );
    assert_eq!(page.try_post("api/again", &json!({})).0, 400, "what was seen cannot be unseen");
    drop(page);
    let (_, text) = run(dir.path(), &["analyze", "--json"]);
    assert!(!text.contains("Give the missing votes"), "{text}");
}

#[test]
fn the_author_votes_apart_and_two_voters_see_the_same_pairs_in_their_own_positions() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let mut pairs = Vec::new();
    for args in [&["--as", "me", "--author", "--pairs", "10"][..], &["--as", "ben", "--pairs", "10"]] {
        let page = open(dir.path(), args);
        let mut state = page.get("api/state");
        let is_author = args.contains(&"--author");
        assert_eq!((&state["is_author"], &state["pairs"]), (&json!(is_author), &json!(10)));
        assert_eq!(state["item"]["criterion"] == "Which sounds more like you?", is_author, "{state}");
        while !state["item"].is_null() {
            let body = json!({ "id": state["item"]["id"], "said": "tie", "ms": 400 });
            state = page.try_post("api/vote", &body).1;
        }
    }
    let votes: Vec<Judgment> = rows(dir.path(), "votes.jsonl");
    let comparisons: Vec<Comparison> = rows(dir.path(), "comparisons.jsonl");
    for voter in ["author:me", "human:ben"] {
        let mine: BTreeSet<String> = votes
            .iter()
            .filter(|row| row.judge_id == voter)
            .map(|row| {
                assert_eq!(row.outcome, Outcome::Tie);
                assert_eq!(row.params_effective.contains_key("question"), voter == "author:me");
                let shown = comparisons.iter().find(|c| c.comparison_id == row.comparison_id);
                shown.expect("a comparison").pair_id.clone()
            })
            .collect();
        pairs.push(mine);
    }
    assert_eq!((pairs[0].len(), &pairs[0]), (10, &pairs[1]));
    let (_, text) = run(dir.path(), &["analyze", "--json"]);
    assert!(text.contains("The author knows the voice; this is reported apart."), "{text}");
}

/// Votes on `n` screens more; `said` says what of each.
fn vote_on(page: &Page, n: usize, said: impl Fn(&Value) -> String) -> Value {
    let mut state = page.get("api/state");
    for _ in 0..n {
        let item = state["item"].clone();
        state = page.try_post("api/vote", &json!({ "id": item["id"], "said": said(&item), "ms": 900 })).1;
    }
    state
}

#[test]
fn votes_have_one_figure_at_their_end_on_the_card_and_in_the_report() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    // The two gave one text to a question: a tie that nobody votes on.
    let file = dir.path().join("evals/first-look/completions.jsonl");
    let text = fs_err::read_to_string(&file).expect("answers");
    let same = text.replace("A plain answer to question 5.", "A good answer to question 5.");
    assert_ne!(text, same);
    fs_err::write(&file, same).expect("written");
    let page = open(dir.path(), &["--as", "ben", "--pairs", "40"]);
    let total = page.get("api/state")["total"].as_u64().expect("a number") as usize;
    let is_third =
        |item: &Value| item["first"]["text"].as_str().is_some_and(|text| text.ends_with(" question 3."));
    vote_on(&page, total, |item| if is_third(item) { "tie" } else { honest(item) }.to_owned());
    let (_, revealed) = page.try_post("api/reveal", &json!({}));
    let sentence = revealed["sentence"].as_str().expect("a sentence");
    // 26 won, 2 ties, 4 lost: 27 of 32, and not 26 of 30, which is 87 %.
    assert!(
        sentence.starts_with(
            "Of 32 prompts you chose the tuned model (step 10) on 26 and the base model on 4. Ties: 2 (1 tie because both \
             gave the same text). Skipped: 0. A tie counts half: a win rate of 84 % (likely between "
        ),
        "{sentence}"
    );
    drop(page);
    let (_, json) = run(dir.path(), &["analyze", "--json"]);
    let (_, card) = run(dir.path(), &["analyze"]);
    assert_eq!(run(dir.path(), &["report"]).0, 0);
    let html = fs_err::read_to_string(dir.path().join("evals/first-look/report.html")).expect("written");
    for (what, text) in [("analysis.json", json), ("card", card), ("report", html)] {
        // The page writes figures with a narrow space.
        let text = text.replace('\u{202f}', " ");
        let words = "26 won, 2 tied, 4 lost; 1 tie because both gave the same text";
        assert!(text.contains("84 %") && text.contains(words), "{what}: {text}");
        assert!(!text.contains("87 %"), "{what}: {text}");
    }
}

#[test]
fn a_name_is_one_voter_and_me_is_the_author_of_own_words() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let author = |args: &[&str]| {
        let page = open(dir.path(), &[args, &["--pairs", "10"]].concat());
        let state = vote_on(&page, 1, |_| "tie".to_owned());
        (state["is_author"] == true, state["done"].as_u64())
    };
    // Learnt from a model's answers, "me" is a reader like any other ...
    assert_eq!(author(&["--as", "me"]), (false, Some(1)));
    let (code, text) = run(dir.path(), &["vote", "--as", "me", "--author", "--no-open"]);
    assert!(code == 2 && text.contains("me has given 1 vote on which answer is better"), "{text}");
    assert!(text.contains("`affinage vote --as me` goes on with them"), "{text}");
    // ... whoever began as the author goes on as the author ...
    assert_eq!(author(&["--as", "anna", "--author"]), (true, Some(1)));
    assert_eq!(author(&["--as", "anna"]), (true, Some(2)));
    let (_, text) = run(dir.path(), &["vote", "--as", "anna", "--pairs", "10", "--pack", "anna.html"]);
    assert!(
        text.contains("anna has given 2 votes as the author of the training texts; this goes on"),
        "{text}"
    );
    // ... and learnt from a person's own words "me" is their author.
    fs_err::remove_file(dir.path().join("evals/first-look/votes.jsonl")).expect("votes");
    let plan = dir.path().join("evals/first-look/plan.json");
    let mut stored: Value = serde_json::from_slice(&fs_err::read(&plan).expect("a plan")).expect("JSON");
    stored["dataset"] =
        json!({ "version": "v1", "train_examples": 9, "writers": { "person:me": 6, "model:gpt": 3 } });
    fs_err::write(&plan, stored.to_string()).expect("written");
    assert!(author(&["--as", "me"]).0);
    assert!(!author(&["--as", "ben"]).0);
    let (_, text) = run(dir.path(), &["vote", "--as", "me", "--pairs", "10", "--pack", "me.html"]);
    assert!(text.contains("this goes on with them") || text.contains("you vote as the author"), "{text}");
}

/// Follows the position on every fourth question: its winner changes with the order there.
fn splits_on_every_fourth(number: usize, body: &Value) -> Scripted {
    let is_split = (0..PROMPTS).step_by(4).any(|i| body.to_string().contains(&format!("Question {i}?")));
    if is_split { first_position_judge(number, body) } else { good_judge(number, body) }
}

#[test]
fn half_of_the_pairs_come_from_where_judges_split_and_every_vote_keeps_its_chance() {
    let dir = temp_dir();
    let (url, _) = serve(splits_on_every_fourth);
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    // Of 32 pairs 8 are split: of 12 drawn, 12 / 2 * (1 + 8 / 32) = 7.5, so 8, are.
    let (code, text) = run(dir.path(), &["vote", "--as", "ben", "--pairs", "12", "--pack", "ben.html"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("drawn: 8 of 8 pairs on which judges disagree, 4 of 24 others"), "{text}");
    // Votes of a later judge change no ballot.
    fs_err::remove_file(dir.path().join("evals/first-look/judgments.jsonl")).expect("it is there");
    let page = open(dir.path(), &["--as", "mira", "--pairs", "12"]);
    let mut state = page.get("api/state");
    while !state["item"].is_null() {
        let body = json!({ "id": state["item"]["id"], "said": honest(&state["item"]), "ms": 900 });
        state = page.try_post("api/vote", &body).1;
    }
    let (_, revealed) = page.try_post("api/reveal", &json!({}));
    let sentence = revealed["sentence"].as_str().expect("a sentence");
    assert!(
        sentence.starts_with("Of 12 prompts you chose the tuned model (step 10) on 8 ")
            && sentence.contains("weighs each")
            && !sentence.contains('%'),
        "{sentence}"
    );
    drop(page);
    let votes: Vec<Judgment> = rows(dir.path(), "votes.jsonl");
    let drawn_with = |chance: f64| {
        let first_looks = votes.iter().filter(|row| row.repeat == 0);
        first_looks.filter(|row| row.draw_probability == Some(chance)).count()
    };
    assert_eq!((drawn_with(1.0), drawn_with(4.0 / 24.0)), (8, 4));
}

#[test]
fn two_people_vote_at_the_same_time_and_lose_nothing() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let pages = [
        open(dir.path(), &["--as", "mira", "--pairs", "10"]),
        open(dir.path(), &["--as", "ben", "--pairs", "10"]),
    ];
    let say = |page: &Page, said: &str| {
        let item = page.get("api/state")["item"].clone();
        page.try_post("api/vote", &json!({ "id": item["id"], "said": said, "ms": 700 }))
    };
    for _ in 0..4 {
        assert!(pages.iter().all(|page| say(page, "tie").0 == 200));
    }
    // Taking back rewrites the file: the other's votes stay in it.
    assert_eq!(pages[0].try_post("api/undo", &json!({})).0, 200);
    assert_eq!(say(&pages[1], "skip").0, 200);
    let votes = || -> Vec<Value> {
        [rows::<Value>(dir.path(), "votes.jsonl"), rows(dir.path(), "gold_votes.jsonl")].concat()
    };
    let of = |voter: &str| votes().iter().filter(|row| row["judge_id"] == voter).count();
    assert_eq!((of("human:mira"), of("human:ben")), (3, 5));
    // A pack for a third needs nobody to stop.
    assert_eq!(run(dir.path(), &["vote", "--as", "cleo", "--pack", "cleo.html"]).0, 0);
}

#[test]
fn a_pack_holds_no_key_and_its_votes_come_back_once() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["vote", "--as", "ben", "--pairs", "12", "--pack", "ben.html"]);
    assert_eq!(code, 0, "{text}");
    let page = fs_err::read_to_string(dir.path().join("ben.html")).expect("written");
    let (head, rest) = page.split_once("id=\"pack\">").expect("the items");
    let (pack, code) = rest.split_once("</script>").expect("their end");
    // Answers may hold addresses; the page itself loads and sends nothing.
    for part in [head, code] {
        assert!(!part.contains("src=") && !part.contains("://") && !part.contains("fetch(\""), "{part}");
    }
    assert!(!page.contains("step-000010"), "no arm is named");
    let pack: Value = serde_json::from_str(pack).expect("JSON");
    let items = pack["items"].as_array().expect("items");
    assert_eq!(items.len(), 16);
    let votes: Vec<Value> = items
        .iter()
        .map(|item| json!({ "id": item["id"], "said": honest(item), "ms": 2000, "at": "2026-11-25T10:00:00Z" }))
        .collect();
    let mut returned = json!({ "affinage_votes": 1, "pack_id": pack["pack_id"], "voter": pack["voter"],
        "pairs": pack["pairs"], "votes": votes });
    let write =
        |value: &Value| fs_err::write(dir.path().join("votes.json"), value.to_string()).expect("written");
    write(&returned);
    let (code, text) = run(dir.path(), &["vote", "--import", "votes.json"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(
            "16 answered screens of ben, 16 of them new; voted on so far: 16 screens: 12 pairs, 2 of them shown again, 2 planted"
        ), "{text}");
    let (_, text) = run(dir.path(), &["vote", "--import", "votes.json"]);
    assert!(text.contains("16 answered screens of ben, 0 of them new"), "{text}");
    assert_eq!(rows::<Judgment>(dir.path(), "votes.jsonl").len(), 14);

    returned["votes"][0]["id"] = json!("vot-0000");
    write(&returned);
    let (code, text) = run(dir.path(), &["vote", "--import", "votes.json"]);
    assert_eq!(code, 1);
    assert!(text.contains("vote 1: no such pair in evals/first-look"), "{text}");
}

#[test]
fn a_vote_needs_a_name() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["vote", "--no-open"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("`affinage vote --as NAME`"), "{text}");
}

/// Sees no difference where a damaged copy is planted; else prefers the answer that says "good".
fn careless(item: &Value) -> &str {
    let is_pair =
        |side: &str| item[side]["text"].as_str().is_some_and(|text| text.contains("answer to question"));
    if is_pair("first") || is_pair("second") { honest(item) } else { "tie" }
}

#[test]
fn who_misses_the_planted_pairs_is_named_in_the_same_words_everywhere() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    let page = open(dir.path(), &["--as", "ben", "--pairs", "32"]);
    let mut state = page.get("api/state");
    while !state["item"].is_null() {
        let body = json!({ "id": state["item"]["id"], "said": careless(&state["item"]), "ms": 300 });
        state = page.try_post("api/vote", &body).1;
    }
    let (_, revealed) = page.try_post("api/reveal", &json!({}));
    let sentence = "Ben missed the planted pairs: found the undamaged text in 0 of 4 planted pairs, where somebody \
                    who reads finds 80 % or more.";
    let whole = format!("{sentence} These votes are shown and left out of the mean.");
    assert!(revealed["checks"].to_string().contains(&whole), "{revealed}");
    drop(page);
    let (code, text) = run(dir.path(), &["analyze", "--json"]);
    assert_eq!(code, 0, "{text}");
    let analysis: Value = serde_json::from_str(&text).expect("JSON");
    let limits = analysis["headline"]["limits"].to_string();
    assert!(limits.contains(&whole), "{limits}");
    let ben =
        analysis["judges"].as_array().expect("judges").iter().find(|judge| judge["judge_id"] == "human:ben");
    assert_eq!(ben.expect("he voted")["in_panel"], json!(false));
    assert_eq!(run(dir.path(), &["report"]).0, 0);
    let html = fs_err::read_to_string(dir.path().join("evals/first-look/report.html")).expect("written");
    assert!(html.contains("missed the planted pairs") && html.contains("missed, left out of the mean"));
    // The audit computes the analysis again from the same files.
    let (code, text) = run(dir.path(), &["audit", "evals/first-look"]);
    assert!(code == 0 && text.contains("No fault was found"), "{code} {text}");

    // Votes that come back from a pack are told in the same words.
    let (code, text) = run(dir.path(), &["vote", "--as", "cleo", "--pairs", "20", "--pack", "cleo.html"]);
    assert_eq!(code, 0, "{text}");
    let page = fs_err::read_to_string(dir.path().join("cleo.html")).expect("written");
    let pack =
        page.split_once("id=\"pack\">").and_then(|(_, rest)| rest.split_once("</script>")).expect("items");
    let pack: Value = serde_json::from_str(pack.0).expect("JSON");
    let votes: Vec<Value> = pack["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| json!({ "id": item["id"], "said": careless(item), "ms": 300, "at": "2026-11-25T10:00:00Z" }))
        .collect();
    let returned = json!({ "affinage_votes": 1, "pack_id": pack["pack_id"], "voter": pack["voter"],
        "pairs": pack["pairs"], "votes": votes });
    fs_err::write(dir.path().join("votes.json"), returned.to_string()).expect("written");
    let (code, text) = run(dir.path(), &["vote", "--import", "votes.json"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Cleo missed the planted pairs: found the undamaged text in 0 of 2"), "{text}");
    assert!(text.contains("left out of the mean"), "{text}");
}

#[test]
fn an_answer_that_the_limit_cut_is_marked_with_the_limit() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    // What a model behind an answer did is told by its row alone.
    let file = dir.path().join("evals/first-look/completions.jsonl");
    let cut = |line: &str| match line.contains("A good answer to question 3.") {
        true => line.replace("\"finish_reason\":\"stop\"", "\"finish_reason\":\"length\""),
        false => line.to_owned(),
    };
    let rows: Vec<String> = fs_err::read_to_string(&file).expect("answers").lines().map(cut).collect();
    fs_err::write(&file, rows.join("\n") + "\n").expect("written");
    let page = open(dir.path(), &["--as", "mira", "--pairs", "32"]);
    let mut state = page.get("api/state");
    let mut marked = Vec::new();
    while !state["item"].is_null() {
        let item = state["item"].clone();
        let sides = ["first", "second"].map(|side| item[side].clone());
        marked.extend(sides.into_iter().filter(|side| !side["cut_at"].is_null()));
        state = page.try_post("api/vote", &json!({ "id": item["id"], "said": honest(&item), "ms": 1500 })).1;
    }
    assert!(!marked.is_empty());
    for side in marked {
        assert_eq!((&side["text"], &side["cut_at"]), (&json!("A good answer to question 3."), &json!(32)));
    }
}

/// The items of a pack.
fn packed(dir: &Path, args: &[&str]) -> (Vec<Value>, String) {
    let (code, text) = run(dir, &[&["vote", "--pack", "pack.html"], args].concat());
    assert_eq!(code, 0, "{text}");
    let page = fs_err::read_to_string(dir.join("pack.html")).expect("written");
    let pack = page.split_once("id=\"pack\">").and_then(|(_, rest)| rest.split_once("</script>"));
    let pack: Value = serde_json::from_str(pack.expect("the items").0).expect("JSON");
    (pack["items"].as_array().expect("items").clone(), text)
}

#[test]
fn the_author_is_shown_own_prompts_first_and_every_screen_says_where_its_prompt_comes_from() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    // Ten prompts are the author's own, the other 22 come with the program.
    let file = dir.path().join("evals/first-look/prompts.jsonl");
    let text = fs_err::read_to_string(&file).expect("prompts");
    let outside = |(number, line): (usize, &str)| match number < 10 {
        true => format!("{line}\n"),
        false => {
            let line = line.replace("\"domain\":\"in\"", "\"domain\":\"out\"");
            line.replace("\"category\":\"in-domain\"", "\"category\":\"practical\"") + "\n"
        }
    };
    fs_err::write(&file, text.lines().enumerate().map(outside).collect::<String>()).expect("written");
    // The prompts of the evaluation with what is said of them; planted pairs ask something else.
    let asked = |items: &[Value]| -> BTreeSet<(String, String)> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let all = items.iter().map(|item| (text(&item["messages"][0]["content"]), text(&item["origin"])));
        all.filter(|(question, _)| question.starts_with("Question ")).collect()
    };
    let of = |asked: &BTreeSet<(String, String)>, origin: &str| {
        asked.iter().filter(|(_, said)| said == origin).count()
    };
    let built_in = "The prompt is a built-in one (practical), from nobody's texts";
    let (items, said) = packed(dir.path(), &["--as", "anna", "--author", "--pairs", "12"]);
    assert!(
        said.contains(
            "drawn: 10 of 10 pairs on prompts that were held out of the data set, before 2 of 22 others"
        ),
        "{said}"
    );
    let author = asked(&items);
    assert_eq!(
        of(&author, "The prompt is from the data set and was kept out of the training"),
        10,
        "{author:?}"
    );
    assert_eq!((of(&author, built_in), author.len()), (2, 12), "{author:?}");
    let (items, _) = packed(dir.path(), &["--as", "ben", "--pairs", "12"]);
    let reader = asked(&items);
    assert!(of(&reader, built_in) > 2, "drawn from all: {reader:?}");
    let own = of(&reader, "The prompt is from the data set and was kept out of the training");
    assert_eq!(own + of(&reader, built_in), 12, "{reader:?}");
    // A ballot that an earlier version drew stays what it was.
    let drawing = dir.path().join("evals/first-look/ballot.json");
    let text = fs_err::read_to_string(&drawing).expect("it is drawn");
    fs_err::write(&drawing, text.replace("\"author_own_first\": true", "\"author_own_first\": false"))
        .expect("written");
    let (items, _) = packed(dir.path(), &["--as", "anna", "--author", "--pairs", "12"]);
    let questions = |asked: BTreeSet<(String, String)>| -> BTreeSet<String> {
        asked.into_iter().map(|(question, _)| question).collect()
    };
    assert_eq!(questions(asked(&items)), questions(reader));
}

#[test]
fn to_the_author_a_damaged_copy_may_sound_alike() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let page = open(dir.path(), &["--as", "me", "--author", "--pairs", "32"]);
    let mut state = page.get("api/state");
    while !state["item"].is_null() {
        let body = json!({ "id": state["item"]["id"], "said": careless(&state["item"]), "ms": 300 });
        state = page.try_post("api/vote", &body).1;
    }
    let (_, revealed) = page.try_post("api/reveal", &json!({}));
    let checks = revealed["checks"].to_string();
    assert!(!checks.contains("missed"), "a tie is no miss: {revealed}");
    assert!(checks.contains("You called 4 planted pairs a tie"), "and it is told: {revealed}");
    drop(page);
    let planted: Vec<Value> = rows(dir.path(), "gold_votes.jsonl");
    assert_eq!(planted.len(), 4);
    assert!(planted.iter().all(|row| row["outcome"] == "tie" && row["is_right"].is_null()), "{planted:?}");
    let (_, card) = run(dir.path(), &["analyze"]);
    assert!(
        card.contains(
            "The author chose the tuned answer as more like their own voice on 28 of 32 prompts (tied on 0, not chosen on 4): 88 %"
        ),
        "{card}"
    );
}

#[test]
fn a_voice_of_nobody_has_no_page_for_friends() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    let (code, text) = run(dir.path(), &["vote", "--which-is-me", "friends.html"]);
    assert!(
        code != 0 && text.contains("the model learnt another voice") && text.contains("--learn mine"),
        "{text}"
    );
    assert!(!dir.path().join("friends.html").exists());
}
