//! Topics: their names, numbers and order, in the terminal and at the desk.

use std::path::Path;

use serde_json::{Value, json};

use crate::data::json_of;
use crate::desk::{open, run};
use crate::temp_dir;

/// A topic as both show it.
#[derive(Debug, PartialEq)]
struct Shown {
    name: String,
    number: u64,
    skipped: u64,
    private: u64,
}

fn shown(rows: &Value, first: u64) -> Vec<Shown> {
    let number = |row: &Value, key: &str| row[key].as_u64().expect("a number");
    let row = |row: &Value| Shown {
        name: row["name"].as_str().expect("a name").to_owned(),
        number: number(row, "number") + first,
        skipped: number(row, "skipped"),
        private: number(row, "private"),
    };
    rows.as_array().expect("topics").iter().map(row).collect()
}

fn in_the_terminal(dir: &Path) -> Vec<Shown> {
    shown(&json_of(dir, &["import"])["overview"]["topics"], 0)
}

/// The desk counts from 0.
fn at_the_desk(dir: &Path) -> Vec<Shown> {
    let found = open(dir).wait("api/topics", |found| found["is_whole"] == json!(true));
    shown(&found["topics"], 1)
}

fn names(shown: &[Shown]) -> Vec<&str> {
    shown.iter().map(|topic| topic.name.as_str()).collect()
}

const TOPICS: [&str; 3] =
    ["kiln glaze clay potter", "harbour tide anchor rope", "violin sonata bowing strings"];

#[test]
fn a_topic_keeps_its_number_and_name_at_the_desk_and_in_the_terminal() {
    let dir = temp_dir();
    let dir = dir.path();
    let row = |i: usize| {
        json!({ "prompt": format!("What of the {} in case {i}?", TOPICS[i % 3]),
                "completion": format!("It is as one would expect of case {i}.") })
        .to_string()
            + "\n"
    };
    fs_err::write(dir.join("rows.jsonl"), (0..24).map(row).collect::<String>()).expect("written");
    run(dir, &["init"]);
    run(dir, &["import", "rows.jsonl"]);
    let before = in_the_terminal(dir);
    assert!(before.len() >= 3, "{before:?}");
    assert_eq!(before, at_the_desk(dir));
    run(dir, &["import", "--topic", "1=skip"]);
    run(dir, &["import", "--topic", &format!("{}=private", before[1].name)]);
    let after = in_the_terminal(dir);
    assert_eq!(after, at_the_desk(dir));
    let mut expected = names(&before);
    expected[1] = "held private";
    assert_eq!(names(&after), expected, "a topic that is private tells no word, the others stay");
    assert!(after[0].skipped > 0 && after[0].private == 0 && after[1].private > 0, "{after:?}");
    let said = crate::transcript(dir, &["import"]);
    let row = said.lines().find(|line| line.contains(&before[0].name)).unwrap_or_else(|| panic!("{said}"));
    assert!(row.trim_start().starts_with('1') && row.trim_end().ends_with("skip"), "{row}");
    // What was skipped as a whole opens nothing that is private, and the other way round.
    run(dir, &["import", "--topic", "2=keep"]);
    assert_eq!(names(&in_the_terminal(dir)), names(&before));
}

#[test]
fn where_a_persons_words_are_learnt_they_name_the_topics() {
    let dir = temp_dir();
    let dir = dir.path();
    let phrases = ["tapestry delve nuanced", "landscape leverage holistic", "journey embark testament"];
    let row = |i: usize| {
        let said = |role: &str, text: String| json!({ "role": role, "content": text });
        let phrase = phrases[i % 3];
        json!({ "messages": [
            said("user", format!("Hello for the time {i}.")),
            said("assistant", format!("Let us begin with the {phrase} of it, number {i}.")),
            said("user", format!("No, I mean the {}, as in case {i}.", TOPICS[i % 3])),
            said("assistant", format!("Indeed: the {phrase} again, number {i}.")),
        ] })
        .to_string()
            + "\n"
    };
    fs_err::write(dir.join("rows.jsonl"), (0..24).map(row).collect::<String>()).expect("written");
    run(dir, &["init"]);
    run(dir, &["import", "rows.jsonl", "--learn", "mine"]);
    let found = in_the_terminal(dir);
    assert_eq!(found, at_the_desk(dir));
    for name in names(&found) {
        let is_of =
            |words: &[&str]| words.iter().flat_map(|words| words.split(' ')).any(|word| name.contains(word));
        assert!(is_of(&TOPICS) && !is_of(&phrases), "{found:?}");
    }
}
