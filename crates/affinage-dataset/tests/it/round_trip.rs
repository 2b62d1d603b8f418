//! Rows of a version, written in each format and read again by the importers: the same messages, so the same tokens.

use affinage_dataset::example::{AlternativeRow, DatasetRow, Evidence};
use affinage_dataset::export::{self, Format};
use affinage_dataset::import::Roles;
use affinage_dataset::message::{Message, Role};

use crate::exports::import_bytes;

/// Texts that a careless writer breaks: quotes, blank lines, leading spaces in code, other scripts, JSON inside.
const TEXTS: [&str; 6] = [
    "Why \"ruins\"?\n\nAnd why now?",
    "```python\n    print('a\\n')\n```\n\nThat is all.",
    "Zürich, 東京, עברית — 👩‍👩‍👧 done.",
    "{\"messages\": []}",
    "A\ttab, a \\ and a closing line.",
    "1. one\n2. two\n\n> quoted",
];

fn example(number: usize, with_system: bool, exchanges: usize) -> DatasetRow {
    let text = |i: usize| TEXTS[(number + i) % TEXTS.len()];
    let mut messages = Vec::new();
    messages.extend(with_system.then(|| Message::new(Role::System, "Answer as a mason would.")));
    for exchange in 0..exchanges {
        messages.push(Message::new(Role::User, text(2 * exchange)));
        messages.push(Message::new(Role::Assistant, text(2 * exchange + 1)));
    }
    DatasetRow {
        v: 1,
        example_id: format!("e{number}"),
        messages,
        conversation: "c".into(),
        document: None,
        prompt_cluster: "p".into(),
        writer: "person:me".into(),
        written: Default::default(),
        tags: Vec::new(),
        domain: None,
    }
}

fn examples() -> Vec<DatasetRow> {
    (0..24).map(|i| example(i, i % 2 == 0, 1 + i % 4)).collect()
}

/// Messages of the last candidate of each imported row.
fn reloaded(lines: &str) -> Vec<Vec<Message>> {
    let outcome = import_bytes(lines.as_bytes(), &Roles::default()).expect("rows");
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.rejects);
    let of = |conversation| {
        let candidates = affinage_dataset::candidate::candidates(conversation, &Default::default());
        let last = candidates.into_iter().next_back().expect("an answer");
        let mut messages: Vec<Message> =
            last.system.map(|text| Message::new(Role::System, text)).into_iter().collect();
        messages.extend(last.context);
        messages.push(Message::new(Role::User, last.prompt));
        messages.push(Message::new(Role::Assistant, last.variants[0].text.clone()));
        messages
    };
    outcome.conversations.iter().map(of).collect()
}

#[test]
fn every_format_gives_the_same_messages_back() {
    for format in [Format::Messages, Format::ShareGpt, Format::Alpaca] {
        let rows = examples();
        let lines: Vec<String> =
            rows.iter().map(|row| export::row(row, format).expect("a row").to_string()).collect();
        let expected: Vec<&Vec<Message>> = rows.iter().map(|row| &row.messages).collect();
        assert_eq!(reloaded(&lines.join("\n")).iter().collect::<Vec<_>>(), expected, "{format:?}");
    }
}

#[test]
fn a_pair_holds_the_same_prompt_for_both_answers() {
    let row = example(3, true, 2);
    let lost = AlternativeRow {
        v: 1,
        example_id: row.example_id.clone(),
        text: "No idea.".into(),
        evidence: Evidence::Rated,
        model: None,
    };
    let pair = export::preference(&row, &lost);
    let messages =
        |key: &str| -> Vec<Message> { serde_json::from_value(pair[key].clone()).expect("messages") };
    assert_eq!([messages("prompt"), messages("chosen")].concat(), row.messages);
    assert_eq!(messages("rejected"), [Message::new(Role::Assistant, "No idea.")]);
    assert_eq!(pair["evidence"], "rated");
}
