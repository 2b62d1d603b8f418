//! Second readings of a conversation: grown, edited, renamed, older, in any order.

use std::collections::BTreeSet;
use std::path::PathBuf;

use affinage_dataset::candidate::{ContextPolicy, candidates};
use proptest::prelude::*;

use super::*;
use crate::folder::library::Action;

/// A project with files to import, which can lie in folders of their own.
struct Project {
    dir: tempfile::TempDir,
    library: Library,
    imports: usize,
}

impl Project {
    fn new() -> Project {
        let dir = tempfile::tempdir().expect("a folder");
        let library = Library::open_or_create(dir.path()).expect("a library");
        Project { dir, library, imports: 0 }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.dir.path().join("files").join(name);
        fs_err::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs_err::write(&file, text).expect("written");
        file
    }

    fn import(&mut self, name: &str, text: &str) -> Imported {
        let file = self.write(name, text);
        self.imports += 1;
        let at = format!("2026-01-01T00:00:{:02}Z", self.imports);
        self.library.import(&file, &Roles::default(), &at, &mut || {}).expect("imported")
    }

    /// Prompt, answers and the answer of the active branch, of all candidates.
    fn cards(&self) -> Vec<(String, BTreeSet<String>, String)> {
        let mut cards = Vec::new();
        let each = |_: &str, conversation: Conversation| {
            for candidate in candidates(&conversation, &ContextPolicy::default()) {
                let active = candidate.variants.iter().find(|v| v.active).map(|v| v.text.clone());
                let texts = candidate.variants.into_iter().map(|v| v.text).collect();
                cards.push((candidate.prompt, texts, active.unwrap_or_default()));
            }
            Ok(())
        };
        self.library.for_each_conversation(each).expect("read");
        cards.sort();
        cards
    }

    fn prompts(&self) -> Vec<String> {
        self.cards().into_iter().map(|card| card.0).collect()
    }
}

/// A text with speakers.
fn text(turns: &[String]) -> String {
    let turn = |(index, turn): (usize, &String)| {
        format!("{}: {turn}\n\n", if index % 2 == 0 { "User" } else { "Assistant" })
    };
    turns.iter().enumerate().map(turn).collect()
}

fn turns(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Turn `index` of a conversation, in its first or second wording.
fn wording(index: usize, is_edited: bool) -> String {
    let again = if is_edited { "again and with more care " } else { "" };
    format!(
        "The turn of number {index} speaks {again}of lantern {} and of harbour {}.",
        index * 7,
        index * 13
    )
}

/// A copy of a growing text.
#[derive(Debug, Clone)]
struct Copy {
    name: &'static str,
    turns: Vec<String>,
}

const NAMES: [&str; 4] = ["notes.md", "notes (1).md", "old/notes.md", "copy of notes.md"];

/// Successive copies: each has one or two exchanges more than the one before, and some have a turn reworded. Of one
/// exchange only one turn is ever reworded.
fn copies() -> impl Strategy<Value = Vec<Copy>> {
    let step = (1..=2usize, 0..NAMES.len());
    let edits = proptest::sample::subsequence(vec![0usize, 1, 2, 3], 0..=2);
    (proptest::collection::vec(step, 2..5), edits, proptest::collection::vec((0..2usize, 0..4usize), 2))
        .prop_map(|(steps, exchanges, choices)| {
            let edits: Vec<(usize, usize)> = exchanges
                .iter()
                .zip(&choices)
                .map(|(exchange, (side, copy))| (2 * exchange + side, 1 + copy % (steps.len() - 1)))
                .collect();
            let mut exchanges = 3;
            let copy = |(number, (more, name)): (usize, &(usize, usize))| {
                exchanges += more;
                let is_edited =
                    |turn: usize| edits.iter().any(|(edited, since)| *edited == turn && *since <= number);
                let turns = (0..2 * exchanges).map(|turn| wording(turn, is_edited(turn))).collect();
                Copy { name: NAMES[*name], turns }
            };
            steps.iter().enumerate().map(copy).collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_copies_gives_the_same_cards(
        copies in copies(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        shuffled in any::<u64>(),
    ) {
        let mut in_turn = Project::new();
        copies.iter().for_each(|copy| drop(in_turn.import(copy.name, &text(&copy.turns))));
        let expected = in_turn.cards();
        let newest = &copies.last().expect("a copy").turns;
        let prompts: BTreeSet<&String> = newest.iter().step_by(2).collect();
        prop_assert_eq!(expected.iter().map(|card| &card.0).collect::<BTreeSet<_>>(), prompts);
        prop_assert_eq!(expected.len(), newest.len() / 2, "no card stands twice");
        for (prompt, texts, active) in &expected {
            let at = newest.iter().position(|turn| turn == prompt).expect("a prompt");
            prop_assert_eq!(active, &newest[at + 1]);
            let ever: BTreeSet<String> = copies.iter().filter_map(|copy| copy.turns.get(at + 1).cloned()).collect();
            prop_assert_eq!(texts, &ever, "every wording of an answer is kept");
        }
        let mut mixed: Vec<&Copy> = copies.iter().collect();
        mixed.sort_by_key(|copy| affinage_dataset::hash::hash_number(&[&shuffled.to_string(), &copy.turns.len().to_string()]));
        mixed.extend(order.iter().map(|index| index.get(&copies)));
        let mut other = Project::new();
        mixed.iter().for_each(|copy| drop(other.import(copy.name, &text(&copy.turns))));
        prop_assert_eq!(other.cards(), expected);
        prop_assert_eq!(other.library.conversation_keys().expect("keys").len(), 1);
    }
}

const Q1: &str = "Why do old bridges hum when the wind is in the north?";
const A1: &str = "Their cables are long and thin, as strings are.";
const Q2: &str = "And does the frost change the note of them?";
const A2: &str = "It does, by about a third in a cold January.";
const Q3: &str = "Who tunes them, then?";
const A3: &str = "Nobody does, and nobody could.";

#[test]
fn a_system_message_without_a_word_is_not_counted_as_a_message() {
    let mut project = Project::new();
    let node = |id: &str, role: &str, text: &str, parent: &str, child: Option<&str>| {
        serde_json::json!({
            "id": id, "parent": parent, "children": child.into_iter().collect::<Vec<_>>(),
            "message": { "id": id, "author": { "role": role }, "content": { "content_type": "text", "parts": [text] } },
        })
    };
    let export = serde_json::json!([{
        "title": "Walls", "conversation_id": "c1", "current_node": "n3", "create_time": 1700000000.0,
        "mapping": {
            "n0": { "id": "n0", "message": null, "parent": null, "children": ["n1"] },
            "n1": node("n1", "system", "", "n0", Some("n2")),
            "n2": node("n2", "user", Q1, "n1", Some("n3")),
            "n3": node("n3", "assistant", A1, "n2", None),
        },
    }]);
    let imported = project.import("conversations.json", &export.to_string());
    assert_eq!((imported.conversations_new, imported.nodes_new), (1, 2));
}

#[test]
fn namesakes_in_two_folders_are_two_conversations() {
    let mut project = Project::new();
    project.import("walls/chat.md", &text(&turns(&["Hello", "What shall we do today?", Q1, A1])));
    let second =
        project.import("roofs/chat.md", &text(&turns(&["Hello", "What shall we do today?", Q2, A2])));
    assert_eq!((second.conversations_new, second.conversations_grown), (1, 0));
    assert_eq!(project.prompts(), [Q2, "Hello", "Hello", Q1].map(str::to_owned));
    let again = project.import("walls/chat.md", &text(&turns(&["Hello", "What shall we do today?", Q1, A1])));
    assert_eq!((again.nodes_new, again.recognised.unchanged), (0, 1));
    assert_eq!(project.prompts().len(), 4);
}

#[test]
fn what_is_recognised_is_counted() {
    let mut project = Project::new();
    project.import("bridges.md", &text(&turns(&[Q1, A1, Q2, A2])));
    let copy = project.import("copy.md", &text(&turns(&[Q1, A1, Q2, A2])));
    assert_eq!((copy.recognised.renamed.count, copy.recognised.renamed.first.as_str()), (1, "bridges.md"));
    let older = project.import("old/bridges.md", &text(&turns(&[Q1, A1])));
    assert_eq!((older.recognised.older, older.nodes_new, older.conversations_grown), (1, 0, 0));
    let edited = project.import("bridges.md", &text(&turns(&["Why do they hum?", A1, Q2, A2])));
    assert_eq!((edited.recognised.edited.count, edited.conversations_grown), (1, 1));
    let alike = project.import("bridges.md", &text(&turns(&["Something else about them?", A2])));
    assert_eq!((alike.recognised.resembling.count, alike.conversations_new), (1, 1));
}

#[test]
fn a_note_under_another_name_is_the_same_text() {
    let mut project = Project::new();
    let note =
        "The water falls over the old wall all day, and at night one hears it from the house on the hill.\n";
    project.import("weir.md", note);
    let copy = project.import("old/weir of the mill.md", note);
    assert_eq!(
        (copy.recognised.renamed.count, copy.recognised.resembling.count, copy.conversations_new),
        (1, 0, 0)
    );
    assert_eq!(project.prompts().len(), 1);
    let longer = format!("# On the weir\n\n{note}\n# Of the same\n\n{note}");
    let again = project.import("two.md", &longer);
    assert_eq!(again.conversations_new, 0, "both sections are there");
}

#[test]
fn rows_without_ids_are_one_only_where_one_begins_with_the_other() {
    let row = |id: Option<&str>, turns: &[&str]| {
        let message = |(index, text): (usize, &&str)| {
            let role = if index % 2 == 0 { "user" } else { "assistant" };
            serde_json::json!({ "role": role, "content": text })
        };
        let messages: Vec<serde_json::Value> = turns.iter().enumerate().map(message).collect();
        match id {
            Some(id) => serde_json::json!({ "id": id, "messages": messages }).to_string(),
            None => serde_json::json!({ "messages": messages }).to_string(),
        }
    };
    let mut project = Project::new();
    let first =
        [row(None, &[Q1, A1]), row(None, &[Q1, A2]), row(Some("0"), &[Q2, A2]), row(Some("c"), &[Q3, A3])];
    assert_eq!(project.import("a.jsonl", &first.join("\n")).conversations_new, 4);
    let second = [
        row(None, &[Q1, A1, Q2, A2]),
        row(Some("0"), &[Q3, A3, Q1, A3]),
        row(Some("c"), &[Q3, A3, "And then?", "Then it rains."]),
    ];
    let imported = project.import("b.jsonl", &second.join("\n"));
    assert_eq!((imported.conversations_new, imported.conversations_grown), (1, 2));
    let again = project.import("c.jsonl", &first.join("\n"));
    assert_eq!((again.conversations_new, again.nodes_new, again.recognised.older), (0, 0, 2));
}

/// A library of before messages without ids were known by their words: the keys and ids of that time.
#[test]
fn an_older_library_is_not_doubled_and_its_decisions_stay() {
    let mut project = Project::new();
    let notes = text(&turns(&[Q1, A1, Q2, A2]));
    let rows = serde_json::json!({ "id": "c1", "messages": [
        { "role": "user", "content": Q3 }, { "role": "assistant", "content": A3 },
    ] })
    .to_string();
    project.import("notes.md", &notes);
    project.import("log.jsonl", &rows);
    let db = &project.library.db;
    db.execute_batch(
        "UPDATE conversation SET key = 'messages:c1-0123456789abcdef', native_id = 'c1-0123456789abcdef' WHERE provider = 'messages';
         UPDATE conversation SET key = 'transcript:notes.md-01234567', native_id = 'notes.md-01234567' WHERE provider = 'transcript';
         UPDATE node SET node_id = id, parent = NULLIF(id - 1, (SELECT min(id) - 1 FROM node AS first WHERE first.conversation = node.conversation)),
             data = json_set(data, '$.id', CAST(id AS TEXT));
         UPDATE conversation SET active_node = (SELECT max(id) FROM node WHERE conversation = conversation.id);
         DROP TABLE landmark; ALTER TABLE source DROP COLUMN left_out;
         ALTER TABLE conversation DROP COLUMN updated_s; PRAGMA user_version = 3;",
    )
    .expect("as it was");
    project.library = Library::open(project.dir.path()).expect("opened");
    let cards = project.cards();
    assert_eq!(cards.len(), 3);
    let mut candidate = None;
    let each = |_: &str, conversation: Conversation| {
        candidate =
            candidates(&conversation, &ContextPolicy::default()).into_iter().next().or(candidate.take());
        Ok(())
    };
    project.library.for_each_conversation(each).expect("read");
    let candidate = candidate.expect("a candidate");
    project.library.decide(&[accepted(&candidate)], "2026-01-01T00:01:00Z").expect("decided");
    assert_eq!(project.import("notes.md", &notes).nodes_new, 0);
    assert_eq!(project.import("log.jsonl", &rows).nodes_new, 0);
    let grown = rows.replace(
        "}]}",
        "},{\"role\":\"user\",\"content\":\"And then?\"},{\"role\":\"assistant\",\"content\":\"Rain.\"}]}",
    );
    assert_eq!(project.import("log.jsonl", &grown).conversations_grown, 1);
    assert_eq!(project.cards().len(), 4);
    assert!(project.library.decisions().expect("read").contains_key(&candidate.candidate_id));
}

fn accepted(candidate: &affinage_dataset::candidate::Candidate) -> decisions::Decision {
    decisions::Decision {
        candidate: candidate.candidate_id.clone(),
        conversation: candidate.conversation.clone(),
        variant: Some(candidate.variants[0].variant_id.clone()),
        action: Action::Accept,
        text: None,
        prompt: None,
        context: None,
        original: None,
        tags: Vec::new(),
        domain: None,
    }
}

#[test]
fn a_decision_follows_its_answer_when_the_prompt_is_reworded() {
    let mut project = Project::new();
    project.import("notes.md", &text(&turns(&[Q1, A1, Q2, A2])));
    let first = |project: &Project| {
        let mut found = Vec::new();
        let each = |_: &str, conversation: Conversation| {
            found.extend(candidates(&conversation, &ContextPolicy::default()));
            Ok(())
        };
        project.library.for_each_conversation(each).expect("read");
        found.into_iter().find(|candidate| candidate.variants[0].text == A1).expect("the answer")
    };
    let before = first(&project);
    project.library.decide(&[accepted(&before)], "2026-01-01T00:01:00Z").expect("decided");
    project.import("notes.md", &text(&turns(&["Why do they hum?", A1, Q2, A2])));
    let after = first(&project);
    assert_ne!(before.candidate_id, after.candidate_id);
    let decisions = project.library.decisions().expect("read");
    assert_eq!(decisions[&after.candidate_id].variant, Some(after.variants[0].variant_id.clone()));
    assert_eq!(decisions.len(), 1);
    // An edited answer is one more answer: what was accepted stays accepted.
    project.import("notes.md", &text(&turns(&["Why do they hum?", A3, Q2, A2])));
    let last = first(&project);
    assert_eq!((last.candidate_id, last.variants.len()), (after.candidate_id, 2));
}

#[test]
fn activity_of_other_days_neither_doubles_nor_loses() {
    let record = |minute: usize| {
        serde_json::json!({
            "header": "Gemini Apps", "title": format!("Prompted {}", wording(minute, false)), "products": ["Gemini Apps"],
            "time": format!("2026-02-02T10:{minute:02}:00Z"),
            "safeHtmlItem": [{ "html": format!("<p>{}</p>", wording(minute + 100, false)) }],
        })
    };
    let takeout = |minutes: &[usize]| {
        let newest_first: Vec<serde_json::Value> =
            minutes.iter().rev().map(|minute| record(*minute)).collect();
        serde_json::Value::from(newest_first).to_string()
    };
    // Without minute 25 the session falls into two.
    let takeouts: [&[usize]; 3] = [&[0, 10, 45], &[10, 25, 45, 50], &[0, 10, 25]];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]] {
        let mut project = Project::new();
        for number in [order, order].concat() {
            project.import("MyActivity.json", &takeout(takeouts[number]));
        }
        let mut expected = [0, 10, 25, 45, 50].map(|minute| wording(minute, false)).to_vec();
        expected.sort();
        assert_eq!(project.prompts(), expected, "{order:?}");
    }
}

#[test]
fn one_id_in_two_accounts_is_two_conversations() {
    let chat = |prefix: &str, prompt: &str, answer: &str| {
        serde_json::json!([{ "uuid": "c", "name": "n", "chat_messages": [
            { "uuid": format!("{prefix}1"), "sender": "human", "content": [{ "type": "text", "text": prompt }] },
            { "uuid": format!("{prefix}2"), "sender": "assistant", "content": [{ "type": "text", "text": answer }] },
        ] }])
        .to_string()
    };
    let mut project = Project::new();
    project.import("mine.json", &chat("m", Q1, A1));
    assert_eq!(project.import("yours.json", &chat("y", Q2, A2)).conversations_new, 1);
    for (name, prefix, prompt, answer) in [("mine.json", "m", Q1, A1), ("yours.json", "y", Q2, A2)] {
        let again = project.import(name, &chat(prefix, prompt, answer));
        assert_eq!((again.conversations_new, again.nodes_new), (0, 0));
    }
    assert_eq!(project.cards().len(), 2);
}

#[test]
fn ids_that_two_chats_of_one_file_share_mix_nothing() {
    let chat = |title: &str, prompt: &str, answer: &str| {
        let message = |id: &str, sender: &str, text: &str| serde_json::json!({ "uuid": id, "sender": sender, "content": [{ "type": "text", "text": text }] });
        serde_json::json!({ "uuid": "c", "name": title,
            "chat_messages": [message("1", "human", prompt), message("2", "assistant", answer)] })
    };
    let card = |prompt: &str, answer: &str| {
        (prompt.to_owned(), BTreeSet::from([answer.to_owned()]), answer.to_owned())
    };
    let beetles = ("What eats the slugs?", "Ground beetles eat the slugs.");
    let larvae = ("What eats the aphids?", "The larvae of ladybirds do.");
    let file =
        serde_json::json!([chat("a", beetles.0, beetles.1), chat("b", larvae.0, larvae.1)]).to_string();
    let mut project = Project::new();
    for expected in [2, 0] {
        let imported = project.import("export.json", &file);
        assert_eq!((imported.conversations_new, imported.conversations_grown), (expected, 0));
        assert_eq!(project.cards(), [card(larvae.0, larvae.1), card(beetles.0, beetles.1)]);
    }
    // In one file an answer with some of the words is another answer; a later file brings its newer state.
    let reworded = "Ground beetles and toads eat the slugs.";
    let twice =
        serde_json::json!([chat("a", beetles.0, beetles.1), chat("a", beetles.0, reworded)]).to_string();
    let mut project = Project::new();
    let imported = project.import("export.json", &twice);
    assert_eq!(
        (imported.conversations_new, imported.recognised.versions, imported.recognised.reworded),
        (1, 1, 0)
    );
    assert_eq!(project.cards()[0].1.len(), 2);
    assert_eq!(project.import("export.json", &twice).nodes_new, 0);
    let mut project = Project::new();
    project.import("export.json", &serde_json::json!([chat("a", beetles.0, beetles.1)]).to_string());
    let later =
        project.import("later.json", &serde_json::json!([chat("a", beetles.0, reworded)]).to_string());
    assert_eq!((later.recognised.versions, later.recognised.reworded), (0, 1));
    assert_eq!(project.cards(), [card(beetles.0, reworded)]);
}

/// What an export says twice: another copy of the whole, a copy cut short, one with other branches.
#[test]
fn of_exports_with_ids_any_order_of_imports_gives_the_same_cards() {
    type Nodes<'a> = &'a [(&'a str, Option<&'a str>, &'a str)];
    let export = |updated: f64, leaf: &str, nodes: Nodes<'_>| {
        let mut mapping = serde_json::Map::new();
        for (id, parent, text) in nodes {
            let role = if id.starts_with('q') { "user" } else { "assistant" };
            mapping.insert(
                (*id).to_owned(),
                serde_json::json!({ "id": id, "parent": parent, "message": {
                "id": id, "author": { "role": role }, "recipient": "all", "create_time": 5.0, "metadata": {},
                "content": { "content_type": "text", "parts": [text] } } }),
            );
        }
        serde_json::json!([{ "id": "c", "title": "t", "update_time": updated, "current_node": leaf, "mapping": mapping }])
            .to_string()
    };
    let (q1, a1) = (("q1", None, Q1), ("a1", Some("q1"), A1));
    let (q2, a2) = (("q2", Some("a1"), Q2), ("a2", Some("q2"), A2));
    let (q3, a3) = (("q3", Some("a1"), Q3), ("a3", Some("q3"), A3));
    let regenerated = ("a1b", Some("q1"), "Because the wind plays them.");
    let states = [
        export(1.0, "a1", &[q1, a1]),
        export(2.0, "a2", &[q1, a1, q2, a2]),
        export(3.0, "a3", &[q1, a1, regenerated, q3, a3]),
        export(2.0, "a1", &[q1, a1]),
    ];
    let mut expected = None;
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 1, 3], [1, 3, 0, 2], [2, 3, 1, 0], [0, 2, 3, 1]] {
        let mut project = Project::new();
        for number in order.into_iter().chain(order) {
            project.import(&format!("{number}.json"), &states[number]);
        }
        let cards = project.cards();
        let shown: Vec<&str> = cards.iter().map(|card| card.2.as_str()).collect();
        // The question of the second state stands on a branch that the third does not show.
        assert_eq!(shown, ["", A3, A1], "{order:?}");
        assert_eq!(*expected.get_or_insert_with(|| cards.clone()), cards, "{order:?}");
    }
}

#[test]
fn what_killed_commands_left_goes_and_what_runs_stays() {
    let project = Project::new();
    let folder = project.dir.path();
    let gone = u32::MAX;
    fs_err::create_dir_all(folder.join("raw")).expect("made");
    fs_err::create_dir_all(folder.join(format!(".pasted-{gone}"))).expect("made");
    let files =
        [format!(".pasted-{gone}/pasted.md"), format!(".rows-{gone}.jsonl"), format!("raw/.{gone}.tmp")];
    files.iter().for_each(|file| fs_err::write(folder.join(file), "left").expect("written"));
    let running = leftovers::path(folder, "rows", ".jsonl");
    fs_err::write(&running, "mine").expect("written");
    let unknown = raw::path(folder, "abc");
    fs_err::write(&unknown, "bytes").expect("written");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    fs_err::File::options()
        .write(true)
        .open(&unknown)
        .and_then(|file| file.set_modified(long_ago))
        .expect("set");
    drop(Library::open(folder).expect("opened"));
    assert!(files.iter().all(|file| !folder.join(file).exists()) && !unknown.exists());
    assert!(running.exists());
}

#[test]
fn messages_that_an_agent_copies_into_another_session_stand_once() {
    let session = |id: &str, turns: &[(&str, Option<&str>, &str)]| -> String {
        let row = |(uuid, parent, text): &(&str, Option<&str>, &str)| {
            let role = if uuid.starts_with('q') { "user" } else { "assistant" };
            let row = serde_json::json!({ "sessionId": id, "uuid": uuid, "parentUuid": parent, "type": role, "timestamp": "2026-01-05T10:00:00Z",
                "message": { "role": role, "content": text } });
            format!("{row}\n")
        };
        turns.iter().map(row).collect()
    };
    let first = [("q1", None, Q1), ("a1", Some("q1"), A1)];
    let longer = [first[0], first[1], ("q2", Some("a1"), Q2), ("a2", Some("q2"), A2)];
    let other = [first[0], first[1], ("q3", Some("a1"), Q3), ("a3", Some("q3"), A3)];
    let states = [session("s1", &first), session("s2", &longer), session("s3", &other)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let mut project = Project::new();
        for number in order {
            project.import(&format!("{number}.jsonl"), &states[number]);
        }
        let mut prompts = project.prompts();
        prompts.sort();
        let mut expected = turns(&[Q1, Q2, Q3]);
        expected.sort();
        assert_eq!(prompts, expected, "{order:?}");
    }
}

#[test]
fn a_library_that_cannot_be_written_is_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("50% #1?");
    fs_err::create_dir(&folder).expect("made");
    let mut library = Library::open_or_create(&folder).expect("a library");
    let file = dir.path().join("rows.jsonl");
    let row = serde_json::json!({ "prompt": "Why boats?", "completion": "They float." });
    fs_err::write(&file, row.to_string()).expect("written");
    library.import(&file, &Roles::default(), "2026-01-01T00:00:00Z", &mut || {}).expect("imported");
    assert!(Library::read_only(&folder).is_err(), "the write-ahead log is not merged yet");
    drop(library);
    let mut library = Library::read_only(&folder).expect("opened");
    assert_eq!(library.sources().expect("read").len(), 1);
    assert!(library.keep_names(&["Anna".to_owned()]).is_err());
}

#[test]
fn what_an_extension_saved_of_a_chat_that_is_there_is_not_doubled() {
    let said = [
        "Why do old bridges hum in the wind?",
        "The cables are long, and thin as strings.",
        "And in frost?",
        "A third higher.",
    ];
    let message = |(at, words): (usize, &&str)| {
        let sender = if at % 2 == 0 { "human" } else { "assistant" };
        serde_json::json!({ "uuid": at.to_string(), "sender": sender, "text": words, "created_at": format!("2026-01-01T00:0{at}:00Z") })
    };
    let messages: Vec<_> = said.iter().enumerate().map(message).collect();
    let export =
        serde_json::json!([{ "uuid": "c", "name": "Bridges", "chat_messages": messages }]).to_string();
    let mut project = Project::new();
    assert_eq!(project.import("conversations.json", &export).conversations_new, 1);
    let before = project.cards();
    let copied = project.import("saved.md", &text(&turns(&said)));
    assert_eq!((copied.conversations_new, copied.recognised.renamed.count), (0, 1));
    assert_eq!(project.cards(), before);
    project
        .library
        .forget(&project.dir.path().join("files/conversations.json").to_string_lossy())
        .expect("forgotten");
    assert_eq!(project.cards(), before, "the copy holds it, too");
}
