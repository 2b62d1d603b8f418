//! Logs of agents and batches, and chats of messengers: what a person typed is his turn, what is no message is counted by
//! its name, and a line beside a file is no answer.

use affinage_dataset::candidate::Candidate;
use affinage_dataset::import::{LeftOutKind, Roles};
use affinage_dataset::lint::{Severity, Subject, lint};
use serde_json::{Value, json};

use crate::exports::{Outcome, import_bytes, zip_of};

fn rows(rows: &[Value]) -> Outcome {
    let bytes = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
    import_bytes(bytes.as_bytes(), &Roles::default()).expect("something that is read")
}

fn with_assistant(bytes: &[u8], name: &str) -> Outcome {
    let roles = Roles { assistants: vec![name.to_owned()], ..Roles::default() };
    import_bytes(bytes, &roles).expect("something that is read")
}

/// Prompt, first answer and the rules that flag it, of every candidate.
fn turns(outcome: &Outcome) -> Vec<(String, String, Vec<&'static str>)> {
    let turn = |candidate: Candidate| {
        let findings = lint(&[Subject::of_variant(&candidate, &candidate.variants[0])]);
        let flags = findings.iter().filter(|f| f.severity != Severity::Information).map(|f| f.rule).collect();
        (candidate.prompt.clone(), candidate.variants[0].text.clone(), flags)
    };
    outcome.candidates().into_iter().map(turn).collect()
}

fn names(outcome: &Outcome, kind: LeftOutKind) -> Vec<String> {
    let rows = outcome.found.left_out.rows().into_iter();
    rows.filter(|row| row.kind == kind).map(|row| row.name).collect()
}

fn claude_code(rows: &[Value]) -> Vec<Value> {
    let place = |(index, row): (usize, &Value)| {
        let mut row = row.clone();
        let fields = row.as_object_mut().expect("an object");
        let above = index.checked_sub(1).map(|above| format!("u-{above}"));
        fields.extend([
            ("uuid".to_owned(), json!(format!("u-{index}"))),
            ("parentUuid".to_owned(), json!(above)),
            ("sessionId".to_owned(), json!("s-1")),
            ("timestamp".to_owned(), json!(format!("2026-02-03T08:{index:02}:00Z"))),
        ]);
        row
    };
    rows.iter().enumerate().map(place).collect()
}

#[test]
fn what_is_typed_while_an_agent_works_is_a_prompt() {
    let said = |role: &str, words: &str| json!({ "type": role, "message": { "role": role, "content": [{ "type": "text", "text": words }] } });
    let log = claude_code(&[
        said("user", "Which ropes hold the barge?"),
        said("assistant", "Two of hemp and one of wire."),
        json!({ "type": "attachment", "attachment": { "type": "queued_command", "prompt": "And what holds the ferry?", "commandMode": "prompt" } }),
        json!({ "type": "attachment", "attachment": { "type": "skill_listing", "content": "no" } }),
        said("assistant", "A chain that lies on the bed of the river."),
        json!({ "type": "assistant", "message": { "role": "assistant", "content": [{ "type": "tool_use", "id": "q", "name": "AskUserQuestion", "input": { "questions": [{ "question": "Oil or tar?", "options": [] }] } }] } }),
        json!({ "type": "user", "message": { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "q", "content": "answered" }] }, "toolUseResult": { "answers": { "Oil or tar?": "Tar, it is cheaper" } } }),
        said("assistant", "Then tar it in dry weather, twice."),
    ]);
    let outcome = rows(&log);
    let prompts: Vec<String> = turns(&outcome).into_iter().map(|(prompt, ..)| prompt).collect();
    assert_eq!(prompts, ["Which ropes hold the barge?", "And what holds the ferry?", "Tar, it is cheaper"]);
    assert_eq!(turns(&outcome)[2].1, "Then tar it in dry weather, twice.");
    assert!(names(&outcome, LeftOutKind::Event).contains(&"attachment skill_listing".to_owned()));
}

#[test]
fn a_history_made_short_is_no_conversation_and_a_patch_no_answer() {
    let item = |payload: Value| json!({ "timestamp": "2026-02-03T08:00:00Z", "type": "response_item", "payload": payload });
    let said = |role: &str, words: &str| {
        item(
            json!({ "type": "message", "role": role, "content": [{ "type": "output_text", "text": words }] }),
        )
    };
    let log = [
        said("user", "Put a note on eels into eels.md"),
        item(
            json!({ "type": "custom_tool_call", "name": "apply_patch", "call_id": "1", "input": "*** Begin Patch\n*** Add File: eels.md\n+They come at night.\n*** End Patch" }),
        ),
        said("assistant", "eels.md has the note."),
        json!({ "timestamp": "2026-02-03T08:01:00Z", "type": "compacted", "payload": { "message": "Short.", "replacement_history": [{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Put a note on eels into eels.md" }] }] } }),
        json!({ "timestamp": "2026-02-03T08:01:01Z", "type": "event_msg", "payload": { "type": "token_count" } }),
        said("user", "When do they leave?"),
        said("assistant", "In the first storm of autumn, down the river."),
    ];
    let outcome = rows(&log);
    assert_eq!(outcome.conversations.len(), 1);
    let turns = turns(&outcome);
    assert_eq!(turns[0].2, ["L26"]);
    assert_eq!((turns[1].0.as_str(), turns[1].2.len()), ("When do they leave?", 0));
    let events = names(&outcome, LeftOutKind::Event);
    assert!(
        events.contains(&"compacted".to_owned()) && events.contains(&"token_count".to_owned()),
        "{events:?}"
    );
    let tools = outcome.found.left_out.rows().into_iter().find(|row| row.kind == LeftOutKind::ToolTraffic);
    assert_eq!(tools.map(|row| row.first).as_deref(), Some("apply_patch"));
}

#[test]
fn an_error_of_a_client_ends_the_turn() {
    let message = |id: usize, kind: &str, words: &str| json!({ "id": id.to_string(), "timestamp": format!("2026-02-03T08:0{id}:00Z"), "type": kind, "content": words });
    let messages = [
        message(1, "user", "How deep is the lock?"),
        message(2, "error", "[API Error: no capacity]"),
        message(3, "user", "Once more: how deep is the lock?"),
        message(4, "gemini", "Nine feet at low water."),
        message(5, "warning", "A loop was seen."),
    ];
    let whole = json!({ "sessionId": "s", "projectHash": "p", "startTime": "2026-02-03T08:00:00Z", "messages": messages });
    let head =
        json!({ "sessionId": "s", "projectHash": "p", "startTime": "2026-02-03T08:00:00Z", "kind": "main" });
    let by_line: Vec<Value> = [head]
        .into_iter()
        .chain(messages.clone())
        .chain([json!({ "$set": { "lastUpdated": "x" } })])
        .collect();
    let as_document = import_bytes(whole.to_string().as_bytes(), &Roles::default()).expect("read");
    for (outcome, event) in [(as_document, "warning"), (rows(&by_line), "$set")] {
        let turns = turns(&outcome);
        assert_eq!(turns.len(), 1);
        assert_eq!(
            (turns[0].0.as_str(), turns[0].1.as_str()),
            ("Once more: how deep is the lock?", "Nine feet at low water.")
        );
        assert_eq!(names(&outcome, LeftOutKind::Error).len(), 1);
        assert!(names(&outcome, LeftOutKind::Event).contains(&event.to_owned()));
    }
}

#[test]
fn what_a_program_adds_to_a_prompt_is_counted() {
    let log = json!([
        { "role": "user", "content": [{ "type": "text", "text": "<task>\nName the tides.\n</task>" }, { "type": "text", "text": "<environment_details>\nno\n</environment_details>" }] },
        { "role": "assistant", "content": [{ "type": "text", "text": "Spring tide and neap tide." }] },
        { "role": "user", "content": "Why neap?\n<environment_details>\nno\n</environment_details>" },
        { "role": "assistant", "content": "Nobody knows the word's origin." },
    ]);
    let outcome = import_bytes(log.to_string().as_bytes(), &Roles::default()).expect("read");
    let prompts: Vec<String> = turns(&outcome).into_iter().map(|(prompt, ..)| prompt).collect();
    assert_eq!(prompts, ["Name the tides.", "Why neap?"]);
    let hidden = outcome.found.left_out.rows().into_iter().find(|row| row.kind == LeftOutKind::Hidden);
    assert!(hidden.is_some_and(|row| row.count >= 2));
}

#[test]
fn the_halves_of_a_batch_are_joined() {
    let asked = |id: &str, words: &str| {
        json!({ "custom_id": id, "method": "POST", "url": "/v1/x", "body": { "model": "m", "messages": [{ "role": "user", "content": words }] } }).to_string() + "\n"
    };
    let answered = |id: &str, words: &str, reason: &str| {
        json!({ "id": "r", "custom_id": id, "response": { "status_code": 200, "body": { "choices": [{ "message": { "role": "assistant", "content": words }, "finish_reason": reason }] } }, "error": null }).to_string() + "\n"
    };
    let sent =
        asked("a", "What is a sluice?") + &asked("b", "What is a weir?") + &asked("c", "What is a lock?");
    let came_back = answered("b", "A wall that the water walks over.", "stop")
        + &answered("a", "A door for", "length")
        + &answered("z", "Nobody asked.", "stop");
    let outcome = import_bytes(
        &zip_of(&[("in.jsonl", sent.as_bytes()), ("a_out.jsonl", came_back.as_bytes())]),
        &Roles::default(),
    )
    .expect("read");
    let turns = turns(&outcome);
    assert_eq!((turns[0].0.as_str(), turns[0].1.as_str()), ("What is a sluice?", "A door for"));
    assert!(turns[0].2.contains(&"L20"));
    assert_eq!(
        (turns[1].0.as_str(), turns[1].1.as_str()),
        ("What is a weir?", "A wall that the water walks over.")
    );
    assert_eq!(turns.len(), 2);
    let count = |kind| {
        outcome
            .found
            .left_out
            .rows()
            .iter()
            .filter(|row| row.kind == kind)
            .map(|row| row.count)
            .sum::<usize>()
    };
    assert_eq!((count(LeftOutKind::Unanswered), count(LeftOutKind::Unasked)), (1, 1));
}

#[test]
fn a_rating_of_a_feedback_history_is_read() {
    let message = |id: &str, parent: Value, role: &str, words: &str| json!({ "id": id, "parentId": parent, "role": role, "content": words });
    let tree = json!({ "q": message("q", Value::Null, "user", "What is a quay?"), "a": message("a", json!("q"), "assistant", "A kind of fish that sleeps.") });
    let row = json!({ "id": "f", "type": "rating", "data": { "rating": "-1", "reason": "" }, "meta": { "chat_id": "c", "message_id": "a" },
        "snapshot": { "chat": { "id": "c", "title": "Quay", "chat": { "history": { "messages": tree, "currentId": "a" } } } } });
    let outcome = import_bytes(json!([row]).to_string().as_bytes(), &Roles::default()).expect("read");
    assert_eq!(turns(&outcome)[0].2, ["L39"]);
}

#[test]
fn a_text_of_a_table_of_json_has_no_quotation_marks() {
    let table = "id,input,output\n1,\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"Who lights the buoy?\"\"}]\",\"\"\"The keeper, at dusk.\"\"\"\n";
    let outcome =
        import_bytes(&zip_of(&[("traces.csv", table.as_bytes())]), &Roles::default()).expect("read");
    assert_eq!(turns(&outcome)[0].1, "The keeper, at dusk.");
}

#[test]
fn calls_and_polls_of_messengers_are_named() {
    let message = |id: u32, from: &str, words: &str| json!({ "id": id, "type": "message", "date_unixtime": (1_770_000_000 + 60 * id).to_string(), "from": from, "from_id": from, "text": words, "text_entities": [] });
    let mut poll = message(4, "Ada", "");
    poll["poll"] = json!({ "question": "Oars or sails?", "answers": [] });
    let chat = json!({ "name": "Bo", "type": "personal_chat", "id": 1, "messages": [
        message(1, "Ada", "How do I row?"),
        message(2, "Bo", "With your back to where you go."),
        { "id": 3, "type": "service", "date_unixtime": "1770000180", "actor": "Ada", "actor_id": "Ada", "action": "phone_call", "discard_reason": "missed", "text": "" },
        poll,
        message(5, "Bo", "Sails, when there is wind."),
    ] });
    let outcome = with_assistant(chat.to_string().as_bytes(), "Bo");
    assert_eq!(names(&outcome, LeftOutKind::Event), ["phone_call (missed)"]);
    assert_eq!(names(&outcome, LeftOutKind::UnknownPart), ["poll"]);
    let text = "[03/02/2026, 08:00:00] Ada: How do I row?\n[03/02/2026, 08:01:00] Bo: With your back to where you go.\n\
        [03/02/2026, 08:02:00] Ada: Failed call\n[03/02/2026, 08:03:00] Ada: \u{200e}POLL:\nOars or sails?\n\u{200e}OPTION: Oars (1 vote)\n\u{200e}OPTION: Sails (0 votes)\n\n\
        [03/02/2026, 08:04:00] Ada: And how do I sail?\n[03/02/2026, 08:05:00] Bo: Ask the wind first.\n";
    let outcome = with_assistant(text.as_bytes(), "Bo");
    let turns = turns(&outcome);
    assert_eq!((turns[1].0.as_str(), turns[1].2.as_slice()), ("And how do I sail?", &["L32"][..]));
    assert_eq!(names(&outcome, LeftOutKind::Event), ["Failed call"]);
    assert_eq!(names(&outcome, LeftOutKind::UnknownPart), ["poll"]);
}
