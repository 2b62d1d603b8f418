//! Words and verdicts in unusual places: what can be told is read, what cannot is said, and nothing is learnt unseen.

use affinage_dataset::candidate::Candidate;
use affinage_dataset::conversation::Feedback;
use affinage_dataset::import::{LeftOutKind, Roles};
use affinage_dataset::lint::{Severity, Subject, lint};
use serde_json::{Value, json};

use crate::exports::{HIDDEN, Outcome, import_bytes};

const ASK: &str = "Why is the peat cut in May?";
const ANSWER: &str = "It dries until the rain comes back.";

fn read(document: &Value) -> Outcome {
    read_as(document.to_string().as_bytes(), &Roles::default())
}

fn read_as(bytes: &[u8], roles: &Roles) -> Outcome {
    let outcome = import_bytes(bytes, roles).expect("a readable file");
    for candidate in outcome.candidates() {
        let texts = candidate.variants.iter().map(|variant| &variant.text);
        assert!(!texts.chain([&candidate.prompt]).any(|text| text.contains(HIDDEN)), "{candidate:?}");
    }
    outcome
}

fn shown(candidates: &[Candidate]) -> Vec<(&str, Vec<&str>)> {
    candidates
        .iter()
        .map(|c| (c.prompt.as_str(), c.variants.iter().map(|v| v.text.as_str()).collect()))
        .collect()
}

/// Rules with an error or a warning on the first answer.
fn flags(candidate: &Candidate) -> Vec<&'static str> {
    let findings = lint(&[Subject::of_variant(candidate, &candidate.variants[0])]);
    findings.iter().filter(|f| f.severity != Severity::Information).map(|f| f.rule).collect()
}

fn count(outcome: &Outcome, kind: LeftOutKind) -> usize {
    outcome.found.left_out.rows().iter().filter(|row| row.kind == kind).map(|row| row.count).sum()
}

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

fn assistant(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

#[test]
fn a_message_that_cannot_be_read_parts_the_answers_around_it() {
    let unread = [
        json!(null),
        json!("a bare text"),
        json!({ "content": "no speaker" }),
        json!({ "role": "user" }),
        json!({ "role": "user", "content": null }),
        json!({ "role": "user", "content": 7 }),
        json!({ "role": null, "content": "x" }),
        json!({ "role": "moderator", "content": "x" }),
    ];
    for message in unread {
        let list = json!([user(ASK), assistant(ANSWER), message, assistant("Turf is cut later.")]);
        let timed: Vec<Value> = list
            .as_array()
            .expect("a list")
            .iter()
            .enumerate()
            .map(|(second, message)| {
                let mut message = message.clone();
                if let Some(fields) = message.as_object_mut() {
                    fields.insert("created_at".to_owned(), json!(1_772_000_000 + second));
                }
                message
            })
            .collect();
        for document in
            [json!([{ "messages": list }]), list.clone(), json!({ "chat": "bog", "messages": timed })]
        {
            let outcome = read(&document);
            let found = outcome.candidates();
            assert_eq!(shown(&found)[0], (ASK, vec![ANSWER]), "{document}");
            assert!(found.iter().skip(1).all(|candidate| candidate.prompt.is_empty()), "{document}");
            assert_eq!(
                count(&outcome, LeftOutKind::Message) + count(&outcome, LeftOutKind::UserTurnWithoutWords),
                1,
                "{document}: {:?}",
                outcome.found.left_out.rows()
            );
        }
    }
    // What the assistant or a tool surely said ends no turn of theirs.
    let odd = json!([{ "messages": [user(ASK), assistant("First,"), { "role": "assistant", "content": 7 }, assistant("it dries.")] }]);
    assert_eq!(shown(&read(&odd).candidates()), [(ASK, vec!["First,\n\nit dries."])]);
    let said = |sender: &str, text: &str| json!({ "sender": sender, "text": text });
    let claude = json!([{ "uuid": "k", "name": "", "chat_messages": [
        said("human", ASK), said("assistant", ANSWER), said("narrator", "Night."), said("assistant", "Turf is cut later."),
    ] }]);
    assert_eq!(shown(&read(&claude).candidates())[0], (ASK, vec![ANSWER]));
}

#[test]
fn ids_of_parts_are_never_text() {
    let part =
        |id: &str, kind: &str, text: &str| json!({ "id": id, "of": "m", "type": kind, "content": text });
    let joined = json!({ "store": {
        "talks": [{ "id": "t1", "messages": [
            { "id": "m1", "role": "user", "blocks": ["x1"] },
            { "id": "m2", "role": "assistant", "blocks": ["x2", "x3"] },
        ] }],
        "pieces": [part("x1", "main_text", ASK), part("x2", "thinking", HIDDEN), part("x3", "main_text", ANSWER)],
    } });
    let outcome = read(&joined);
    assert_eq!(shown(&outcome.candidates()), [(ASK, vec![ANSWER])]);
    assert_eq!(outcome.conversations.len(), 1, "the table of pieces is no conversation");
    let lost = json!({ "messages": [
        { "id": "m1", "role": "user", "parts": ["prt_51"] }, { "id": "m2", "role": "assistant", "parts": ["prt_52"] },
    ] });
    let outcome = read(&lost);
    assert!(outcome.candidates().is_empty());
    assert_eq!(count(&outcome, LeftOutKind::UnknownPart), 2);
}

#[test]
fn what_goes_through_a_machine_is_no_question_with_an_answer() {
    for runs in [
        json!({ "runs": [{ "kind": "tool", "input": "cut --deep", "output": HIDDEN }] }),
        json!({ "trace": [{ "name": "RunnableSequence chain", "input": "x", "output": HIDDEN }] }),
        json!({ "trace": [{ "input": "x", "output": HIDDEN }, { "at": 3 }] }),
    ] {
        let outcome = read(&runs);
        assert!(outcome.conversations.is_empty(), "{runs}");
        assert_eq!(outcome.rejects.len(), 1);
    }
    let step = |kind: &str, words: &str| json!({ "type": kind, "name": "x", "input": "", "output": words });
    let steps = json!({ "id": "t", "steps": [
        step("user_message", ASK),
        { "type": "tool", "name": "look", "input": "bog", "output": HIDDEN },
        { "type": "assistant_message", "output": ANSWER, "feedback": { "value": 0 } },
    ] });
    let found = read(&steps).candidates();
    assert_eq!(shown(&found), [(ASK, vec![ANSWER])]);
    assert_eq!(found[0].variants[0].feedback, Some(Feedback::Down));
    let rows = json!({ "rows": [{ "input": ASK, "output": ANSWER }, { "note": "none" }] });
    let outcome = read(&rows);
    assert_eq!(shown(&outcome.candidates()), [(ASK, vec![ANSWER])]);
    assert_eq!(outcome.rejects.len(), 1, "the other row is said");
}

#[test]
fn a_verdict_beside_an_answer_is_kept_whatever_it_is_called() {
    let talk = json!([user(ASK), assistant(ANSWER)]);
    let share = json!([{ "from": "human", "value": ASK }, { "from": "gpt", "value": ANSWER }]);
    for row in [
        json!({ "messages": talk, "label": false }),
        json!({ "conversations": share, "kto_tag": false }),
        json!({ "messages": talk, "is_desirable": 0 }),
        json!({ "instruction": ASK, "output": ANSWER, "accepted": false }),
        json!({ "messages": [user(ASK), { "role": "assistant", "content": ANSWER, "feedback": "thumbs_down" }] }),
        json!({ "title": "Bog", "messages": talk, "rating": -1 }),
        json!({ "requests": [{ "message": { "text": ASK }, "response": [{ "value": ANSWER }], "vote": 0 }] }),
    ] {
        let found = read(&row).candidates();
        assert_eq!(shown(&found), [(ASK, vec![ANSWER])], "{row}");
        assert_eq!(found[0].variants[0].feedback, Some(Feedback::Down), "{row}");
    }
    let liked = json!({ "messages": talk, "label": true });
    assert_eq!(read(&liked).candidates()[0].variants[0].feedback, Some(Feedback::Up));
}

#[test]
fn of_two_sides_the_loser_is_marked_and_an_unclear_verdict_is_refused() {
    let side = |text: &str| json!([user(ASK), assistant(text)]);
    let row = |winner: Value| json!({ "talk_a": side(ANSWER), "talk_b": side("No idea."), "winner": winner });
    let judged = |row: &Value| -> Vec<(String, Option<Feedback>)> {
        let found = read(row).candidates();
        assert_eq!(found.len(), 1, "{row}");
        found[0].variants.iter().map(|v| (v.text.clone(), v.feedback)).collect()
    };
    let (up, down) = (Some(Feedback::Up), Some(Feedback::Down));
    let good = |verdict| (ANSWER.to_owned(), verdict);
    let bad = |verdict| ("No idea.".to_owned(), verdict);
    assert_eq!(judged(&row(json!("model_a"))), [bad(down), good(up)]);
    assert_eq!(judged(&row(json!("tie (bothbad)"))), [bad(down), good(down)]);
    assert_eq!(judged(&row(json!("tie"))), [bad(None), good(None)]);
    let numbered = json!({ "instruction": ASK, "output_1": ANSWER, "output_2": "No idea.", "preference": 1 });
    assert_eq!(judged(&numbered), [bad(down), good(up)]);
    for unclear in [json!("perhaps"), json!(null), json!(1)] {
        let outcome = read(&row(unclear.clone()));
        assert!(outcome.conversations.is_empty() && outcome.rejects.len() == 1, "{unclear}");
        assert!(outcome.rejects[0].reason.to_string().contains("winner"), "{}", outcome.rejects[0].reason);
    }
}

fn claude(content: Value) -> Value {
    json!([{ "uuid": "k", "name": "", "created_at": "2026-01-02T03:04:05Z", "chat_messages": [
        { "uuid": "1", "sender": "human", "text": ASK },
        { "uuid": "2", "sender": "assistant", "content": content },
    ] }])
}

#[test]
fn words_that_a_call_shows_are_the_answer_and_the_line_beside_it_is_not() {
    let text = |text: &str| json!({ "type": "text", "text": text });
    let call = |name: &str, input: Value| json!({ "type": "tool_use", "name": name, "input": input });
    for (name, input) in [
        (
            "letter_compose_v3",
            json!({ "kind": "letter", "drafts": [{ "label": "plain", "subject": "Peat", "body": ANSWER }] }),
        ),
        ("ExitPlanMode", json!({ "plan": ANSWER })),
        ("attempt_completion", json!({ "result": ANSWER })),
    ] {
        let found = read(&claude(json!([text("I have it now."), call(name, input)]))).candidates();
        assert_eq!(shown(&found), [(ASK, vec![ANSWER])], "{name}");
        assert!(flags(&found[0]).is_empty(), "{name}: {:?}", flags(&found[0]));
    }
    let card = json!({ "title": "Peat", "rows": [{ "n": 1, "content": "Cut it in blocks." }, { "n": 2, "content": "Stack it in heaps." }] });
    let found = read(&claude(json!([call("card_display", card), text("Good luck with it.")]))).candidates();
    assert_eq!(shown(&found), [(ASK, vec!["Cut it in blocks.\n\nStack it in heaps."])]);
    assert_eq!(flags(&found[0]), ["L26"], "the form of the card is not in the call");

    let letter = "The peat is cut in May and dries until the rain comes back in autumn. ".repeat(4);
    let long = |key: &str| json!({ "where": "shed", key: letter });
    for (content, expected) in [
        (json!([text("Let me look."), call("moisture", json!({ "at": "shed" }))]), true),
        (json!([call("file_it", long("words")), text("It is in the shed's book.")]), true),
        (json!([call("python", long("code")), text("It is twelve.")]), false),
        (json!([call("moisture", json!({ "at": "shed" })), text(ANSWER)]), false),
        (json!([text(&letter.repeat(2)), call("remember", json!({ "what": "peat" }))]), false),
    ] {
        let found = read(&claude(content.clone())).candidates();
        assert_eq!(flags(&found[0]).contains(&"L26"), expected, "{content}");
    }
    let protocol = json!([{ "messages": [user(ASK), assistant(
        "Let me look.\n\n<function_calls>\n<invoke name=\"moisture\">\n<parameter name=\"at\">shed</parameter>\n</invoke>\n</function_calls>",
    )] }]);
    let found = read(&protocol).candidates();
    assert_eq!((shown(&found)[0].1[0], flags(&found[0])), ("Let me look.", vec!["L26"]));
    let rows = json!([{ "messages": [user(ASK), { "role": "assistant", "content": "Let me look.", "tool_calls": [
        { "type": "function", "function": { "name": "moisture", "arguments": "{}" } },
    ] }] }]);
    assert_eq!(flags(&read(&rows).candidates()[0]), ["L26"]);
}

#[test]
fn the_card_that_a_bot_sends_is_what_it_says() {
    let message = |name: &str, text: &str, embeds: Value| json!({ "author": { "name": name }, "content": text, "timestamp": "2026-01-05T10:00:00Z", "embeds": embeds });
    let channel = json!({ "guild": {}, "channel": {}, "messages": [
        message("mara", ASK, json!([])),
        message("digger", "@mara", json!([{ "title": "", "description": ANSWER, "fields": [{ "name": "Until", "value": "October" }] }])),
        message("mara", "See https://bog.test/peat", json!([{ "url": "https://bog.test/peat", "title": HIDDEN, "description": HIDDEN }])),
    ] });
    let roles = Roles { assistants: vec!["digger".to_owned()], users: Vec::new(), ..Roles::default() };
    let found = read_as(channel.to_string().as_bytes(), &roles).candidates();
    assert_eq!(
        shown(&found),
        [(ASK, vec!["@mara\n\nIt dries until the rain comes back.\n\nUntil\nOctober"])]
    );
}

#[test]
fn the_type_of_a_part_may_stand_under_another_name() {
    for key in ["block_type", "part_kind", "chunk_type", "partType"] {
        let parts = json!([{ key: "thinking", "content": HIDDEN }, { key: "text", "text": ANSWER }]);
        let chat = json!({ "store": { "bog": [user(ASK), { "role": "assistant", "blocks": parts }] } });
        assert_eq!(shown(&read(&chat).candidates()), [(ASK, vec![ANSWER])], "{key}");
    }
}

#[test]
fn marks_of_agents_and_quoted_reasoning_are_lifted() {
    let spoken = |text: &str| read(&json!([{ "messages": [user(ASK), assistant(text)] }])).candidates();
    for text in [
        format!(
            "<thinking>\n{HIDDEN}\n</thinking>\n\n<attempt_completion>\n<result>\n{ANSWER}\n</result>\n</attempt_completion>"
        ),
        format!("<plan_mode_respond>\n<response>{ANSWER}</response>\n</plan_mode_respond>"),
        format!("*Thinking...*\n\n> {HIDDEN} first.\n>\n> {HIDDEN} then.\n\n{ANSWER}"),
        format!("> **Thought for 4 seconds**\n> {HIDDEN}\n\n{ANSWER}"),
        format!("<read_file>\n<path>{HIDDEN}</path>\n</read_file>\n\n{ANSWER}"),
    ] {
        let found = spoken(&text);
        assert_eq!(shown(&found), [(ASK, vec![ANSWER])], "{text}");
        assert!(flags(&found[0]).is_empty(), "{text}: {:?}", flags(&found[0]));
    }
    for text in [
        "> Thinking is hard.\n\nSo said the digger of peat.",
        "*Peat*\n\n> It is cut in May.\n\nSo said the digger of peat.",
        "<peat_layers>\n<top>brown</top>\n</peat_layers>\n\nThat is the list.",
        "<read_me>\nIt is cut in May.\n</read_me>",
    ] {
        assert_eq!(spoken(text)[0].variants[0].text, text);
    }
    assert!(flags(&spoken(&format!("*Thinking...*\n\nFirst the rain.\n\n{ANSWER}"))[0]).contains(&"L16"));
}

#[test]
fn names_inside_a_sentence_stay_in_it() {
    let place = |fields: Value| {
        let mut part = json!({ "kind": "inlineReference" });
        part.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        part
    };
    let request = |parts: Value| json!({ "requests": [{ "message": { "text": ASK }, "response": parts }] });
    let whole = request(json!([
        { "value": "Cut " }, place(json!({ "inlineReference": { "name": "turf" } })), { "value": " as in " },
        place(json!({ "name": "bog.txt", "inlineReference": { "path": "/land/bog.txt" } })), { "value": " and " },
        place(json!({ "inlineReference": { "fsPath": "/land/fen.txt" } })), { "value": "." },
    ]));
    let found = read(&whole).candidates();
    assert_eq!(shown(&found), [(ASK, vec!["Cut turf as in bog.txt and fen.txt."])]);
    assert!(flags(&found[0]).is_empty());
    let lost = request(
        json!([{ "value": "Cut it as in " }, place(json!({ "inlineReference": { "line": 4 } })), { "value": "." }]),
    );
    assert_eq!(flags(&read(&lost).candidates()[0]), ["L26"]);
    let cited = json!({ "cited": { "pieces": [{ "text": "until the rain comes back." }], "sources": [{ "title": "Bog" }] } });
    let rows = json!([{ "messages": [user(ASK), { "role": "assistant", "content": [{ "text": "It dries " }, cited] }] }]);
    assert_eq!(shown(&read(&rows).candidates()), [(ASK, vec![ANSWER])]);
}

#[test]
fn the_system_message_beside_the_list_is_kept() {
    let parts = |text: &str| json!([{ "text": text }]);
    let words = "You dig peat.";
    for row in [
        json!({ "system": words, "messages": [user(ASK), assistant(ANSWER)] }),
        json!({ "system": parts(words), "messages": [{ "role": "user", "content": parts(ASK) }, { "role": "assistant", "content": parts(ANSWER) }] }),
        json!({ "system_instruction": { "parts": parts(words) }, "contents": [{ "role": "user", "parts": parts(ASK) }, { "role": "model", "parts": parts(ANSWER) }] }),
        json!({ "system": words, "prompt": ASK, "completion": ANSWER }),
        json!({ "system": words, "instruction": ASK, "output": ANSWER }),
        json!({ "system": words, "prompt": ASK, "chosen": ANSWER, "rejected": "No idea." }),
        json!({ "rows": [{ "system": words, "question": ASK, "answer": ANSWER }] }),
    ] {
        let found = read(&row).candidates();
        assert_eq!(found.len(), 1, "{row}");
        assert_eq!(found[0].system.as_deref(), Some(words), "{row}");
    }
    let inside = json!({ "system": words, "messages": [{ "role": "system", "content": "You burn it." }, user(ASK), assistant(ANSWER)] });
    let outcome = read(&inside);
    assert_eq!(outcome.candidates()[0].system.as_deref(), Some("You burn it."));
    assert_eq!(count(&outcome, LeftOutKind::Message), 1, "the other one is said");
}

#[test]
fn a_message_that_was_logged_twice_stands_once() {
    let list = json!([
        user(ASK),
        assistant(ANSWER),
        assistant(ANSWER),
        assistant(ANSWER),
        user("And turf?"),
        assistant("Later.")
    ]);
    for document in [json!([{ "messages": list }]), json!({ "title": "Bog", "messages": list })] {
        let outcome = read(&document);
        assert_eq!(
            shown(&outcome.candidates()),
            [(ASK, vec![ANSWER]), ("And turf?", vec!["Later."])],
            "{document}"
        );
        assert_eq!(count(&outcome, LeftOutKind::Repeated), 2);
    }
}

#[test]
fn calls_are_counted_as_they_are() {
    let call = |name: &str, arguments: Value| json!({ "type": "function", "function": { "name": name, "arguments": arguments.to_string() } });
    let outcome = read(&json!([{ "messages": [
        user(ASK),
        { "role": "assistant", "content": "I look first.", "tool_calls": [call("moisture", json!({}))] },
        { "role": "tool", "content": "wet" },
        { "role": "assistant", "content": "It is written.", "tool_calls": [call("create_document", json!({ "content": ANSWER }))] },
        { "role": "tool", "content": "done" },
    ] }]));
    assert_eq!(shown(&outcome.candidates()), [(ASK, vec![ANSWER])]);
    assert_eq!(
        count(&outcome, LeftOutKind::ToolTraffic),
        3,
        "a call and two results; the other call is the answer"
    );
    assert_eq!(count(&outcome, LeftOutKind::Remark), 2);
}
