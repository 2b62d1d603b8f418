//! What the reader saw is the text, whatever part of the export holds it; what nobody said ends no text.

use affinage_dataset::candidate::Candidate;
use affinage_dataset::conversation::BlockKind;
use affinage_dataset::import::{LeftOutKind, Roles};
use affinage_dataset::lint::{Severity, Subject, lint};
use serde_json::{Value, json};

use crate::exports::{ChatGpt, HIDDEN, Outcome, import_bytes};

fn read(export: &Value) -> Outcome {
    let outcome = import_bytes(export.to_string().as_bytes(), &Roles::default()).expect("an export");
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.rejects);
    outcome
}

fn candidates(export: &Value) -> Vec<Candidate> {
    let candidates = read(export).candidates();
    for candidate in &candidates {
        let context = candidate.context.iter().map(|message| message.content.as_str());
        let answers = candidate.variants.iter().map(|variant| variant.text.as_str());
        let mut texts = context.chain(answers).chain([candidate.prompt.as_str()]);
        assert!(!texts.any(|text| text.contains(HIDDEN)), "{candidate:?}");
    }
    candidates
}

/// Prompts with the answers to each.
fn turns(candidates: &[Candidate]) -> Vec<(&str, Vec<&str>)> {
    candidates
        .iter()
        .map(|c| (c.prompt.as_str(), c.variants.iter().map(|v| v.text.as_str()).collect()))
        .collect()
}

/// Rules that flag the first answer of a candidate with an error or a warning.
fn flags(candidate: &Candidate) -> Vec<&'static str> {
    let findings = lint(&[Subject::of_variant(candidate, &candidate.variants[0])]);
    findings.iter().filter(|f| f.severity != Severity::Information).map(|f| f.rule).collect()
}

fn chat(build: impl FnOnce(&mut ChatGpt)) -> Value {
    let mut chat = ChatGpt::new("c");
    build(&mut chat);
    json!([chat.element()])
}

fn claude(messages: Value) -> Value {
    json!([{ "uuid": "k", "name": "", "created_at": "2026-01-02T03:04:05Z", "chat_messages": messages }])
}

fn rows(messages: Value) -> Value {
    json!([{ "messages": messages }])
}

fn open_webui(messages: &[Value]) -> Value {
    let tree: serde_json::Map<String, Value> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let mut message = message.clone();
            message["parentId"] = index.checked_sub(1).map_or(Value::Null, |above| json!(above.to_string()));
            (index.to_string(), message)
        })
        .collect();
    let current = (messages.len() - 1).to_string();
    json!([{ "id": "x", "title": "T", "chat": { "history": { "messages": tree, "currentId": current } } }])
}

#[test]
fn a_canvas_is_the_answer_and_so_is_what_a_later_turn_made_of_it() {
    let call = |tool: &str, arguments: Value| {
        (
            json!({ "recipient": tool }),
            json!({ "content_type": "code", "language": "json", "text": arguments.to_string() }),
        )
    };
    let export = chat(|chat| {
        let (to, content) = call(
            "canmore.create_textdoc",
            json!({ "name": "Pond", "type": "document", "content": "The pond is deep." }),
        );
        chat.user("u1", "Write on the pond.").add("d1", "assistant", content, to, json!({}));
        chat.add("t1", "tool", json!({ "content_type": "text", "parts": [HIDDEN] }), json!({}), json!({}));
        chat.assistant("a1", "It is in the canvas.");
        let change =
            json!({ "updates": [{ "pattern": "deep", "multiple": false, "replacement": "shallow" }] });
        let (to, content) = call("canmore.update_textdoc", change);
        chat.user("u2", "No, shallow.")
            .add("d2", "assistant", content, to, json!({}))
            .assistant("a2", "Changed.");
    });
    let found = candidates(&export);
    assert_eq!(
        turns(&found),
        [("Write on the pond.", vec!["The pond is deep."]), ("No, shallow.", vec!["The pond is shallow."]),]
    );
    assert!(found.iter().all(|candidate| flags(candidate).is_empty()));
}

#[test]
fn an_answer_whose_document_the_export_lacks_is_an_error() {
    let change = json!({ "updates": [{ "pattern": "deep", "replacement": "shallow" }] }).to_string();
    let export = chat(|chat| {
        let content = json!({ "content_type": "code", "text": change });
        chat.user("u", "Shallow, please.");
        chat.add("d", "assistant", content, json!({ "recipient": "canmore.update_textdoc" }), json!({}));
        chat.assistant("a", "The pond is shallow now.");
    });
    let found = candidates(&export);
    assert_eq!(turns(&found), [("Shallow, please.", vec!["The pond is shallow now."])]);
    assert_eq!(flags(&found[0]), ["L26"]);
}

#[test]
fn branches_change_their_own_document() {
    let tool = |command: &str, fields: Value| {
        let mut input = json!({ "command": command, "id": "p", "type": "text/markdown" });
        input.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        json!([{ "type": "tool_use", "name": "artifacts", "input": input }])
    };
    let message = |id: &str, parent: &str, sender: &str, content: Value| json!({ "uuid": id, "parent_message_uuid": parent, "sender": sender, "content": content });
    let change = |to: &str| tool("update", json!({ "old_str": "deep", "new_str": to }));
    let export = claude(json!([
        message("1", "", "human", json!([{ "type": "text", "text": "Write." }])),
        message("2", "1", "assistant", tool("create", json!({ "content": "A deep pond." }))),
        message("3", "2", "human", json!([{ "type": "text", "text": "Change." }])),
        message("4", "3", "assistant", change("wide")),
        message("5", "3", "assistant", change("dry")),
    ]));
    let found = candidates(&export);
    assert_eq!(
        turns(&found),
        [("Write.", vec!["A deep pond."]), ("Change.", vec!["A wide pond.", "A dry pond."])]
    );
}

#[test]
fn what_a_tool_shows_to_the_reader_is_an_answer() {
    let state = |report: &str| {
        let content = json!({ "content_type": "text", "parts": [report] });
        let state = json!({ "status": "done", "report_message": { "content": content } }).to_string();
        json!({ "is_visually_hidden_from_conversation": true, "chatgpt_sdk": { "widget_state": state } })
    };
    let export = chat(|chat| {
        let result = json!({ "content_type": "text", "parts": [HIDDEN] });
        chat.user("u", "Research ponds.");
        chat.add("w0", "tool", result.clone(), json!({}), state("Ponds freeze"));
        chat.add("w1", "tool", result, json!({}), state("Ponds freeze from above."));
        chat.assistant("a", "");
        let picture = json!({ "content_type": "multimodal_text", "parts": [{ "content_type": "image_asset_pointer", "metadata": { "dalle": { "prompt": HIDDEN } } }] });
        chat.user("u2", "Draw one.")
            .add("p", "tool", picture, json!({}), json!({}))
            .assistant("a2", "Here is the pond.");
    });
    let found = candidates(&export);
    assert_eq!(
        turns(&found),
        [("Research ponds.", vec!["Ponds freeze from above."]), ("Draw one.", vec!["Here is the pond."])]
    );
    assert_eq!(flags(&found[0]), [""; 0]);
    assert_eq!(flags(&found[1]), ["L26"], "the picture is not in the text");
}

#[test]
fn what_stays_outside_the_texts_is_counted_once() {
    let picture = |made: bool| {
        let metadata = if made { json!({ "dalle": { "prompt": HIDDEN } }) } else { json!({}) };
        json!({ "content_type": "image_asset_pointer", "metadata": metadata })
    };
    let parts = |parts: Value| json!({ "content_type": "multimodal_text", "parts": parts });
    let export = chat(|chat| {
        let attached =
            json!({ "attachments": [{ "name": "map.pdf" }, { "name": "1.png" }, { "name": "2.png" }] });
        let asked = parts(json!([picture(false), picture(false), "Which pond is older?"]));
        chat.add("u", "user", asked, json!({}), attached).assistant("a", "The left one.");
        let call = json!({ "content_type": "code", "text": HIDDEN });
        chat.user("u2", "Draw it.").add(
            "c",
            "assistant",
            call.clone(),
            json!({ "recipient": "dalle" }),
            json!({}),
        );
        // A result of three parts, and one that is the picture with words beside it.
        chat.add("t", "tool", parts(json!([HIDDEN, HIDDEN, HIDDEN])), json!({}), json!({}));
        chat.add("c2", "assistant", call, json!({ "recipient": "dalle" }), json!({}));
        chat.add("t2", "tool", parts(json!([picture(true), HIDDEN])), json!({}), json!({}));
        chat.assistant("a2", "Here it is.");
    });
    let rows = read(&export).found.left_out.rows();
    let count =
        |kind: LeftOutKind| rows.iter().filter(|row| row.kind == kind).map(|row| row.count).sum::<usize>();
    assert_eq!(count(LeftOutKind::Media), 4, "two pictures and a file of the user, and one that was made");
    assert_eq!(count(LeftOutKind::ToolTraffic), 4, "two calls and their results");
    // The fixture has custom instructions.
    assert_eq!(count(LeftOutKind::Hidden), 1);
    assert_eq!(rows.len(), 3, "{rows:?}");
}

#[test]
fn open_webui_says_its_answer_in_several_places() {
    let ask = json!({ "role": "user", "content": "Why ponds?" });
    let output = json!({ "role": "assistant", "content": "", "done": true, "output": [
        { "type": "reasoning", "summary": [{ "type": "summary_text", "text": HIDDEN }] },
        { "type": "function_call", "name": "f", "arguments": HIDDEN },
        { "type": "message", "content": [{ "type": "output_text", "text": "They hold " }, { "type": "output_text", "text": "water." }] },
    ] });
    let found = candidates(&open_webui(&[ask.clone(), output]));
    assert_eq!(turns(&found), [("Why ponds?", vec!["They hold water."])]);
    assert!(flags(&found[0]).is_empty());

    let merged = json!({ "role": "assistant", "content": "For frogs.", "merged": { "status": true, "content": "For frogs and water." } });
    assert_eq!(
        turns(&candidates(&open_webui(&[ask.clone(), merged])))[0].1,
        ["For frogs and water.", "For frogs."]
    );

    let failed = json!({ "role": "assistant", "content": "They", "error": { "content": "no memory left" } });
    assert_eq!(flags(&candidates(&open_webui(&[ask, failed]))[0]), ["L20"]);

    let line = json!([{ "id": "", "chat": { "messages": [
        { "id": "1", "role": "user", "content": [{ "type": "text", "text": "Why ponds?" }] },
        { "id": "2", "role": "assistant", "content": "For frogs." },
    ] } }]);
    assert_eq!(turns(&candidates(&line)), [("Why ponds?", vec!["For frogs."])]);
}

#[test]
fn every_message_of_the_user_ends_the_answer_before_it() {
    let said = |text: &str| json!([{ "type": "text", "text": text }]);
    let message = |sender: &str, content: Value| json!({ "sender": sender, "content": content });
    for (asked, prompt, rules) in [
        (json!([{ "type": "voice_note", "text": "And in winter?" }]), "And in winter?", &["L05"][..]),
        (json!([]), "", &["L03"]),
        (json!([{ "type": "hologram", "text": "x" }]), "", &["L03", "L32"]),
        (json!([{ "type": "image" }]), "", &["L03", "L32"]),
        (json!([{ "type": "text", "text": "Which?" }, { "type": "image" }]), "Which?", &["L32"]),
    ] {
        let export = claude(json!([
            message("human", said("Why ponds?")),
            message("assistant", said("They hold water.")),
            message("human", asked.clone()),
            message("assistant", said("They freeze.")),
        ]));
        let found = candidates(&export);
        assert_eq!(
            turns(&found),
            [("Why ponds?", vec!["They hold water."]), (prompt, vec!["They freeze."])],
            "{asked}"
        );
        let flagged: Vec<&str> = flags(&found[1]).into_iter().filter(|rule| *rule != "L05").collect();
        let expected: Vec<&str> = rules.iter().copied().filter(|rule| *rule != "L05").collect();
        assert_eq!(flagged, expected, "{asked}");
    }
    let recorded = chat(|chat| {
        let parts = json!([{ "content_type": "audio_transcription", "text": "Why ponds?" }, { "content_type": "audio_asset_pointer" }]);
        chat.user_with("u", parts).assistant("a", "They hold water.");
    });
    assert!(flags(&candidates(&recorded)[0]).is_empty(), "the words of the recording are there");
    let hidden = chat(|chat| {
        chat.user("u", "Why ponds?").assistant("a", "They hold water.");
        let nudge = json!({ "content_type": "text", "parts": [HIDDEN] });
        chat.add("h", "user", nudge, json!({}), json!({ "is_visually_hidden_from_conversation": true }));
        chat.assistant("b", "They freeze.");
    });
    let found = candidates(&hidden);
    assert_eq!(turns(&found), [("Why ponds?", vec!["They hold water."]), ("", vec!["They freeze."])]);
}

#[test]
fn rows_of_every_server_say_the_same() {
    let ask = json!({ "role": "user", "content": "Why ponds?" });
    for (reply, rules) in [
        (
            json!({ "role": "assistant", "content": format!("<think>\n{HIDDEN}\n</think>\n\nThey hold water.") }),
            &[][..],
        ),
        (json!({ "role": "assistant", "content": "They hold water.", "reasoning_content": HIDDEN }), &[]),
        (
            json!({ "role": "assistant", "content": [{ "type": "thinking", "thinking": HIDDEN }, { "type": "text", "text": "They hold " }, { "type": "text", "text": "water." }] }),
            &[],
        ),
        (
            json!({ "role": "assistant", "parts": [{ "type": "step-start" }, { "type": "reasoning", "text": HIDDEN }, { "type": "text", "text": "They hold water." }] }),
            &[],
        ),
        (
            json!({ "role": "assistant", "content": "They hold water.", "tool_calls": [{ "type": "function", "function": { "name": "f", "arguments": HIDDEN } }] }),
            &["L26"],
        ),
        (json!({ "role": "assistant", "content": null, "audio": { "transcript": "They hold water." } }), &[]),
        (json!({ "role": "assistant", "content": "They hold water.", "finish_reason": "length" }), &["L20"]),
        (
            json!({ "role": "assistant", "content": [{ "type": "text", "text": "They hold water." }, { "type": "hologram", "text": HIDDEN }] }),
            &["L26"],
        ),
    ] {
        let found = candidates(&rows(json!([ask, reply])));
        assert_eq!(turns(&found), [("Why ponds?", vec!["They hold water."])], "{reply}");
        assert_eq!(flags(&found[0]), rules, "{reply}");
    }
    let pair =
        json!([{ "prompt": "Why ponds?", "completion": "They hold water.", "finish_reason": "length" }]);
    assert_eq!(flags(&candidates(&pair)[0]), ["L20"]);
    let results = json!([
        ask,
        { "role": "assistant", "content": [{ "type": "text", "text": "Let me look." }, { "type": "tool_use", "name": "f", "input": {} }] },
        { "role": "user", "content": [{ "type": "tool_result", "content": HIDDEN }] },
        { "role": "assistant", "content": "They hold water." },
    ]);
    assert_eq!(
        turns(&candidates(&rows(results))),
        [("Why ponds?", vec!["Let me look.\n\nThey hold water."])]
    );
}

#[test]
fn pictures_beside_the_messages_of_a_row_belong_to_the_prompt_that_marks_them() {
    let messages = json!([
        { "role": "user", "content": "Why ponds?" }, { "role": "assistant", "content": "They hold water." },
        { "role": "user", "content": "<image>Which frog?" }, { "role": "assistant", "content": "A green one." },
    ]);
    let found = candidates(&json!([{ "messages": messages, "images": ["frog.png"] }]));
    assert_eq!(found.iter().map(|c| c.prompt_media_count).collect::<Vec<_>>(), [0, 1]);
    assert!(
        candidates(&json!([{ "messages": messages, "images": [] }]))
            .iter()
            .all(|c| c.prompt_media_count == 0)
    );
}

#[test]
fn answers_that_are_not_to_be_learnt_stay_as_context() {
    for mark in [json!({ "weight": 0 }), json!({ "train": false }), json!({ "loss": false })] {
        let mut draft = json!({ "role": "assistant", "content": "A draft." });
        draft.as_object_mut().expect("an object").extend(mark.as_object().expect("an object").clone());
        let user = |text: &str| json!({ "role": "user", "content": text });
        let export = rows(
            json!([user("Why ponds?"), draft, user("Better?"), { "role": "assistant", "content": "They hold water." }]),
        );
        let outcome = read(&export);
        let found = outcome.candidates();
        assert_eq!(turns(&found), [("Better?", vec!["They hold water."])], "{mark}");
        assert_eq!(found[0].context[1].content, "A draft.");
        assert!(outcome.found.left_out.rows().iter().any(|row| row.kind == LeftOutKind::NotToLearn));
    }
}

#[test]
fn one_message_that_cannot_be_read_costs_itself() {
    let user = |text: &str| json!({ "role": "user", "content": text });
    let reply = |text: &str| json!({ "role": "assistant", "content": text });
    let odd = [
        json!({ "role": "narrator", "content": "Night fell." }),
        json!({ "content": "?" }),
        json!({ "role": "user", "content": 3 }),
        json!(7),
    ];
    for message in odd {
        let outcome = read(&rows(json!([
            user("Why ponds?"),
            reply("They hold water."),
            message,
            user("And?"),
            reply("Frogs.")
        ])));
        assert_eq!(outcome.candidates().len(), 2, "{message}");
        let rows = outcome.found.left_out.rows();
        assert_eq!(rows.iter().filter(|row| row.kind == LeftOutKind::Message).count(), 1, "{message}");
    }
    let share = json!([{ "conversations": [{ "from": "human", "value": "Why ponds?" }, { "from": "gpt", "value": "Water." }, { "from": "narrator", "value": "Night." }] }]);
    assert_eq!(turns(&read(&share).candidates()), [("Why ponds?", vec!["Water."])]);
    let said =
        |sender: &str, text: &str| json!({ "sender": sender, "content": [{ "type": "text", "text": text }] });
    let outcome = read(&claude(json!([
        said("human", "Why ponds?"),
        said("narrator", "Night."),
        said("assistant", "Water.")
    ])));
    assert_eq!(
        turns(&outcome.candidates()),
        [("Why ponds?", vec!["Water."])],
        "its answer hangs on the message above"
    );
    let row = outcome
        .found
        .left_out
        .rows()
        .into_iter()
        .find(|row| row.kind == LeftOutKind::Message)
        .expect("counted");
    assert!(row.name.contains("narrator"), "{row:?}");
    let nothing = import_bytes(
        rows(json!([{ "role": "narrator", "content": "Night." }])).to_string().as_bytes(),
        &Roles::default(),
    );
    assert_eq!(nothing.expect("an export").rejects.len(), 1, "a conversation of nothing else is refused");
}

#[test]
fn an_export_says_where_words_came_from() {
    let export = chat(|chat| {
        let text = json!({ "content_type": "text", "parts": ["What is the point?"] });
        let metadata =
            json!({ "attachments": [{ "name": "pond.pdf" }], "targeted_reply": "Ponds are deep." });
        chat.add("u", "user", text, json!({}), metadata).assistant("a", "That they are deep.");
    });
    let found = candidates(&export);
    assert_eq!(found[0].prompt, "> Ponds are deep.\n\nWhat is the point?");
    assert_eq!(flags(&found[0]), ["L32"], "the file is not in the text");

    let libre = |quote: Value| {
        json!({ "conversationId": "c", "messages": [
            { "messageId": "1", "parentMessageId": null, "isCreatedByUser": true, "text": "Shorter.", "quotes": [quote] },
            { "messageId": "2", "parentMessageId": "1", "isCreatedByUser": false, "text": "Deep." },
        ] })
    };
    for quote in [json!("Ponds are deep."), json!({ "text": "Ponds are deep.", "messageId": "0" })] {
        assert_eq!(candidates(&libre(quote))[0].prompt, "> Ponds are deep.\n\nShorter.");
    }
}

#[test]
fn code_that_was_shown_as_code_is_fenced_and_the_call_is_kept() {
    let export = chat(|chat| {
        let code = json!({ "content_type": "code", "language": "json", "text": "{\"depth\": 3}" });
        chat.user("u", "As JSON.").add("a", "assistant", code, json!({}), json!({}));
    });
    assert_eq!(turns(&candidates(&export)), [("As JSON.", vec!["```json\n{\"depth\": 3}\n```"])]);
    let tool = json!([{ "type": "tool_use", "name": "artifacts", "input": { "command": "create", "id": "p", "content": "Deep." } }]);
    let outcome = read(&claude(
        json!([{ "sender": "human", "text": "Write." }, { "sender": "assistant", "content": tool }]),
    ));
    let kinds: Vec<BlockKind> =
        outcome.conversations[0].nodes[1].blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [BlockKind::ToolCall, BlockKind::Text]);
}

#[test]
fn conversations_without_messages_are_said_to_be_empty() {
    let mut shells = vec![json!({ "id": "1", "conversation_id": "1", "title": "T", "create_time": 1.0 })];
    shells.push(json!({ "id": "2", "title": "T", "mapping": null }));
    shells.push(json!({ "id": "3", "title": "T", "mapping": {} }));
    let outcome =
        import_bytes(&serde_json::to_vec(&shells).expect("json"), &Roles::default()).expect("an export");
    let reasons: Vec<String> = outcome.rejects.iter().map(|reject| reject.reason.to_string()).collect();
    assert_eq!(reasons, ["an empty conversation: it holds no message"; 3]);
}
