//! Whole conversations: how much of what was said before a prompt stands in its row.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::rows::{done, rows, words};
use crate::{temp_dir, tiny};

const CHATS: usize = 12;
const EXCHANGES: usize = 9;

/// A project with chats of nine exchanges, and a model that takes long rows. In the first chat the third answer holds a key.
fn project(dir: &Path) {
    tiny::write_model(&dir.join("model"));
    let config = dir.join("model/config.json");
    let text = fs_err::read_to_string(&config).expect("a file");
    let longer = text.replace("\"max_position_embeddings\": 128", "\"max_position_embeddings\": 4096");
    fs_err::write(config, longer).expect("written");
    fs_err::write(dir.join("affinage.toml"), "model = \"model\"\n").expect("written");
    let exchange = |chat: usize, number: usize| {
        let at = 100 * chat + number;
        let key =
            if (chat, number) == (0, 2) { " The key is sk-EXAMPLEa8Kq2Zt9Lw4Xc8Vb1Np6Rk3." } else { "" };
        [
            json!({ "role": "user", "content": format!("What is {}?", words(at, 4)) }),
            json!({ "role": "assistant", "content": format!("It is {}.{key}", words(at + 50, 6)) }),
        ]
    };
    let chat = |chat: usize| {
        let turns: Vec<Value> = (0..EXCHANGES).flat_map(|number| exchange(chat, number)).collect();
        let system = json!({ "role": "system", "content": format!("You know {}.", words(9000 + chat, 3)) });
        let messages = [vec![system], turns].concat();
        format!("{}\n", json!({ "messages": messages }))
    };
    fs_err::write(dir.join("chats.jsonl"), (0..CHATS).map(chat).collect::<String>()).expect("written");
    done(dir, &["import", "chats.jsonl"]);
}

fn frozen(dir: &Path, set: &[&str]) -> (Value, Vec<Value>) {
    let (frozen, _) = done(dir, &[set, &["dataset", "--accept-clean"]].concat());
    let folder = PathBuf::from(frozen["folder"].as_str().expect("a path"));
    let all = ["train", "validation", "test"].map(|side| rows(&folder.join(format!("{side}.jsonl"))));
    (frozen["manifest"].clone(), all.concat())
}

fn contents(row: &Value) -> Vec<(String, String)> {
    let text = |message: &Value, key: &str| message[key].as_str().expect("a text").to_owned();
    let messages = row["messages"].as_array().expect("messages");
    messages.iter().map(|message| (text(message, "role"), text(message, "content"))).collect()
}

/// In the model's ChatML: a token a character, and one for each of the two marks.
fn tokens(turns: &[(String, String)]) -> usize {
    turns.iter().map(|(role, content)| role.len() + content.len() + 4).sum()
}

#[test]
fn a_row_carries_as_many_earlier_turns_as_its_tokens_hold() {
    let dir = temp_dir();
    let dir = dir.path();
    project(dir);
    const LIMIT: usize = 620;
    let (manifest, rows) = frozen(dir, &["--set", "train.max-seq-tokens=620"]);
    let lengths = &manifest["lengths"];
    assert_eq!((&lengths["holds_context"], &lengths["limit"]), (&json!(true), &json!(LIMIT)), "{lengths}");
    let of_chat = |row: &Value| contents(row)[0].1.clone();
    let first = format!("You know {}.", words(9000, 3));
    let mut deepest = 0;
    for row in &rows {
        let turns = contents(row);
        assert_eq!(turns[0].0, "system", "the system message stays");
        let number = |turn: &str| {
            (0..100 * CHATS + 60)
                .find(|at| turn == format!("What is {}?", words(*at, 4)))
                .expect("a question")
        };
        let asked: Vec<usize> = turns[1..].iter().step_by(2).map(|(_, turn)| number(turn)).collect();
        assert!(asked.windows(2).all(|pair| pair[1] == pair[0] + 1), "nothing between is missing: {asked:?}");
        // The line feed behind the last mark may be cut.
        assert!(tokens(&turns) <= LIMIT + 1, "{}", tokens(&turns));
        deepest = deepest.max(asked.len());
        if !asked[0].is_multiple_of(100) && of_chat(row) != first {
            let exchange = [
                ("user", format!("What is {}?", words(asked[0] - 1, 4))),
                ("assistant", format!("It is {}.", words(asked[0] + 49, 6))),
            ];
            let exchange = exchange.map(|(role, content)| (role.to_owned(), content));
            assert!(tokens(&turns) + tokens(&exchange) > LIMIT, "one more would have fitted: {asked:?}");
        }
    }
    // One measure of one data set: rows as the training takes them, with the turns before their prompts.
    let longest = rows.iter().map(|row| tokens(&contents(row)).min(LIMIT)).max().expect("rows");
    assert_eq!(lengths["longest"], longest, "{lengths}");
    let set = ["--set", "train.max-seq-tokens=620"];
    let (models, _) = done(dir, &[&set[..], &["models"]].concat());
    assert_eq!(models["data"]["left_out_rows"], 0, "the training leaves none out: {models}");
    let (plan, _) = done(dir, &[&set[..], &["train", "--dry-run"]].concat());
    assert_eq!(plan["keeps_all_tokens"], longest, "{plan}");
    assert!(deepest > 4, "further back than three exchanges: {deepest}");
    // What lint finds in a turn far above ends the context there, and costs no row.
    let of_first: Vec<&Value> = rows.iter().filter(|row| of_chat(row) == first).collect();
    assert!(of_first.len() >= 3, "{}", of_first.len());
    assert!(rows.iter().all(|row| !row.to_string().contains("sk-EXAMPLE")));
    // The same choice again is the same version.
    let (again, _) = frozen(dir, &["--set", "train.max-seq-tokens=620"]);
    assert_eq!(again["hash"], manifest["hash"]);
    let (shorter, rows) = frozen(dir, &["--set", "train.max-seq-tokens=300"]);
    assert_ne!(shorter["hash"], manifest["hash"]);
    assert!(rows.iter().all(|row| tokens(&contents(row)) <= 301), "the oldest turns give way first");
    assert_eq!(shorter["lengths"]["left_out"], json!({}), "no answer is lost for the turns before it");
}

#[test]
fn without_the_model_the_turns_right_before_a_prompt_are_its_context() {
    let dir = temp_dir();
    let dir = dir.path();
    project(dir);
    let (manifest, rows) = frozen(dir, &["--set", "model=elsewhere/model"]);
    assert_eq!(manifest["lengths"], Value::Null);
    let most = rows.iter().map(|row| contents(row).len()).max();
    assert_eq!(most, Some(1 + 2 * 3 + 2), "a system message, three exchanges, prompt and answer");
}

#[test]
fn prompts_of_an_evaluation_come_with_what_was_said_before() {
    let dir = temp_dir();
    let dir = dir.path();
    project(dir);
    let set = ["--set", "train.max-seq-tokens=620"];
    let (_, rows) = frozen(dir, &set);
    let few = ["--set", "train.max-steps=1", "--set", "train.rank=2", "--set", "generate.max-new-tokens=4"];
    done(dir, &[&set[..], &few, &["train"]].concat());
    let suites = ["--set", "eval.suites=[\"in-domain\"]", "--set", "eval.examples=0"];
    done(dir, &[&set[..], &few, &suites, &["generate"]].concat());
    let prompts = crate::rows::rows(&dir.join("evals/first-look/prompts.jsonl"));
    let asked = |prompt: &Value| contents(prompt);
    let deep: Vec<&Value> = prompts.iter().filter(|prompt| asked(prompt).len() > 1 + 2 * 3 + 1).collect();
    assert!(!deep.is_empty(), "turns beyond the nearest three exchanges are asked with");
    for prompt in deep {
        let turns = asked(prompt);
        let with_answer = |row: &Value| contents(row).split_last().is_some_and(|(_, before)| before == turns);
        assert!(rows.iter().any(with_answer), "as in the row, without its answer");
    }
}
