//! Rows of preferences and Google's My Activity: both sides are kept, with the verdict.

use affinage_dataset::candidate::Candidate;
use affinage_dataset::conversation::Feedback;
use affinage_dataset::import::Roles;
use serde_json::{Value, json};

use crate::exports::import_bytes;

/// Prompt, and the answers with the verdict on each.
type Judged<'a> = (&'a str, Vec<(&'a str, Option<Feedback>)>);

fn judged(candidates: &[Candidate]) -> Vec<Judged<'_>> {
    candidates
        .iter()
        .map(|c| (c.prompt.as_str(), c.variants.iter().map(|v| (v.text.as_str(), v.feedback)).collect()))
        .collect()
}

fn imported(row: &Value) -> Vec<Candidate> {
    let outcome = import_bytes(row.to_string().as_bytes(), &Roles::default()).expect("a row");
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.rejects);
    outcome.candidates()
}

#[test]
fn chosen_and_rejected_in_all_their_shapes() {
    let user = |text: &str| json!({ "role": "user", "content": text });
    let assistant = |text: &str| json!({ "role": "assistant", "content": text });
    let ask = user("Why boats?");
    let (good, bad) = (assistant("They float."), assistant("No idea."));
    let listed = json!([ask, good]);
    let rows = [
        json!({ "prompt": "Why boats?", "chosen": "They float.", "rejected": "No idea." }),
        json!({ "prompt": [ask], "chosen": [good], "rejected": [bad] }),
        json!({ "prompt": "Why boats?", "chosen": [ask, good], "rejected": [ask, bad] }),
        json!({ "chosen": [ask, good], "rejected": [ask, bad] }),
        json!({ "chosen": listed.to_string(), "rejected": json!([ask, bad]).to_string() }),
        json!({ "input": { "messages": [ask] }, "preferred_output": [good], "non_preferred_output": [bad] }),
        json!({ "chosen": [{ "from": "human", "value": "Why boats?" }, { "from": "gpt", "value": "They float." }],
            "rejected": [{ "from": "human", "value": "Why boats?" }, { "from": "gpt", "value": "No idea." }] }),
    ];
    for row in rows {
        let found = imported(&row);
        let expected = [("No idea.", Some(Feedback::Down)), ("They float.", Some(Feedback::Up))];
        assert_eq!(judged(&found), [("Why boats?", expected.to_vec())], "{row}");
        assert!(found[0].variants[1].active, "the conversation stands on the chosen one: {row}");
    }
    let long = json!({ "chosen": [user("A?"), assistant("A."), user("B?"), good], "rejected": [user("A?"), assistant("A."), user("B?"), bad] });
    let found = imported(&long);
    assert_eq!(found.len(), 2, "the shared beginning stands once");
    assert_eq!(found[1].variants.len(), 2);
    assert_eq!((found[0].variants[0].feedback, found[1].context.len()), (None, 2));
}

#[test]
fn single_verdicts_and_rows_that_lack_a_side() {
    let row = |label: Value| json!({ "prompt": "Why boats?", "completion": "They float.", "label": label });
    let verdict = |row: &Value| imported(row)[0].variants[0].feedback;
    assert_eq!(verdict(&row(json!(true))), Some(Feedback::Up));
    assert_eq!(verdict(&row(json!(0))), Some(Feedback::Down));
    let refused = |row: Value| {
        let outcome = import_bytes(row.to_string().as_bytes(), &Roles::default()).expect("readable");
        outcome.rejects.iter().map(|reject| reject.reason.to_string()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(refused(row(json!("maybe"))), "`label` is `maybe`, expected true or false");
    assert_eq!(
        refused(json!({ "chosen": "They float.", "rejected": "No idea." })),
        "`prompt` is missing, expected a string or a list of messages"
    );
}

#[test]
fn lists_as_json_text_and_the_singular_key_are_read() {
    let messages = json!([{ "role": "user", "content": "Why boats?" }, { "role": "assistant", "content": "They float." }]);
    for row in [
        json!({ "messages": messages.to_string() }),
        json!({ "conversation": messages }),
        json!({ "conversations": messages }),
    ] {
        assert_eq!(judged(&imported(&row)), [("Why boats?", vec![("They float.", None)])], "{row}");
    }
    // A prompt that only looks like a list is a text.
    let row = json!({ "prompt": "[1, 2]", "completion": "Three." });
    assert_eq!(judged(&imported(&row)), [("[1, 2]", vec![("Three.", None)])]);
}

fn activity(time: &str, title: &str, answers: &[&str]) -> Value {
    let items: Vec<Value> = answers.iter().map(|html| json!({ "html": html })).collect();
    json!({ "header": "Gemini Apps", "title": title, "time": time, "products": ["Gemini Apps"], "safeHtmlItem": items })
}

#[test]
fn my_activity_has_sessions_regenerations_ratings_and_other_records() {
    // Newest first, as the file has it.
    let records = json!([
        activity("2026-02-02T18:00:00Z", "Prompted Another day?", &["<p>Yes.</p>"]),
        activity("2026-02-02T08:05:30Z", "Selected preferred draft", &["<p>First <b>one</b>.</p>"]),
        activity(
            "2026-02-02T08:05:00.5Z",
            "Prompted And bridges?",
            &["<p>First <b>one</b>.</p>", "<p>Second.</p>"]
        ),
        activity("2026-02-02T08:02:00Z", "Created Gemini Canvas titled X", &[]),
        activity("2026-02-02T08:01:00Z", "Gave feedback: Bad response", &[]),
        activity("2026-02-02T08:00:00Z", "Prompted Why boats?", &["<p>They float.</p>"]),
        activity("2026-02-01T08:00:00Z", "Prompted Nobody answered", &[]),
    ]);
    let outcome = import_bytes(records.to_string().as_bytes(), &Roles::default()).expect("records");
    assert_eq!(outcome.conversations.len(), 2);
    let candidates = outcome.candidates();
    assert_eq!(
        judged(&candidates),
        [
            ("Why boats?", vec![("They float.", Some(Feedback::Down))]),
            ("And bridges?", vec![("First **one**.", Some(Feedback::Up)), ("Second.", None)]),
            ("Another day?", vec![("Yes.", None)]),
        ]
    );
    assert!(candidates[1].variants[0].active && candidates[1].context.len() == 2);
    insta::assert_snapshot!(outcome.found.notes.join("\n"), @r"
    conversations inferred: 2; My Activity does not say which prompts belong together, so a pause of half an hour begins another one
    2 records of My Activity hold no prompt with an answer and were passed over
    ");
}

#[test]
fn the_verb_before_the_prompt_is_learnt_in_other_languages() {
    let records: Vec<Value> = (0..4)
        .map(|i| {
            activity(
                &format!("2026-02-0{}T08:00:00Z", i + 1),
                &format!("Eingegebener Prompt: Frage {i} an dich"),
                &["<p>Ja.</p>"],
            )
        })
        .collect();
    let outcome = import_bytes(&crate::exports::array(&records), &Roles::default()).expect("records");
    let prompts: Vec<String> = outcome.candidates().into_iter().map(|c| c.prompt).collect();
    assert_eq!(prompts, ["Frage 0 an dich", "Frage 1 an dich", "Frage 2 an dich", "Frage 3 an dich"]);
}

#[test]
fn another_page_or_another_product_says_what_is_missing() {
    let read = |bytes: &[u8]| import_bytes(bytes, &Roles::default()).expect("readable").found;
    let page = read(
        b"<!DOCTYPE html><html><body>The mill stands below the weir and is loud all year, so that nobody sleeps well beside it.</body></html>",
    );
    assert_eq!((page.drafted, page.reason_for_none), (1, None), "any other page is a note");
    let watched = json!([{ "header": "YouTube", "title": "Watched boats", "time": "2026-02-02T08:00:00Z", "products": ["YouTube"] }]);
    let watched = read(watched.to_string().as_bytes());
    assert_eq!(
        watched.reason_for_none.as_deref(),
        Some("My Activity holds no prompt to Gemini with an answer")
    );
}
