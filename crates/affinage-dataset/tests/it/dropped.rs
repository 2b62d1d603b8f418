//! What does not become text is counted by its kind: events and calls of agents' logs, deleted messages, thoughts beside
//! the words, what notes do not show.

use affinage_dataset::import::{LeftOutKind, Roles};
use serde_json::{Value, json};

use crate::exports::{HIDDEN, Outcome, import_bytes};

fn lines(rows: &[Value]) -> Vec<u8> {
    rows.iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes()
}

fn read(bytes: &[u8]) -> Outcome {
    import_bytes(bytes, &Roles::default()).expect("something that is read")
}

/// Prompts with their first answers; the word of the hidden must stand in none of them.
fn turns(outcome: &Outcome) -> Vec<(String, String)> {
    let turns: Vec<_> =
        outcome.candidates().into_iter().map(|c| (c.prompt, c.variants[0].text.clone())).collect();
    assert!(!format!("{turns:?}").contains(HIDDEN), "{turns:?}");
    turns
}

fn turn(prompt: &str, answer: &str) -> (String, String) {
    (prompt.to_owned(), answer.to_owned())
}

fn count(outcome: &Outcome, kind: LeftOutKind) -> usize {
    outcome.found.left_out.rows().iter().filter(|row| row.kind == kind).map(|row| row.count).sum()
}

#[test]
fn an_aborted_turn_of_an_agent_is_a_cut_answer_and_its_traffic_is_counted() {
    let item = |payload: Value| json!({ "timestamp": "2026-01-05T10:00:00Z", "type": "response_item", "payload": payload });
    let said = |role: &str, kind: &str, texts: &[&str]| {
        let parts: Vec<Value> = texts.iter().map(|text| json!({ "type": kind, "text": text })).collect();
        item(json!({ "type": "message", "role": role, "content": parts }))
    };
    let agents = format!("# AGENTS.md instructions for /kiln\n\n<INSTRUCTIONS>\n{HIDDEN}\n</INSTRUCTIONS>");
    let environment = format!("<environment_context>\n  <cwd>{HIDDEN}</cwd>\n</environment_context>");
    let event = |kind: &str| json!({ "timestamp": "2026-01-05T10:00:00Z", "type": "event_msg", "payload": { "type": kind, "reason": HIDDEN } });
    let rows = [
        json!({ "timestamp": "2026-01-05T10:00:00Z", "type": "session_meta", "payload": { "id": "s-1", "instructions": "Be brief." } }),
        said("user", "input_text", &[&agents, &environment]),
        said("user", "input_text", &["Why does the kiln crack?"]),
        event("token_count"),
        item(json!({ "type": "function_call", "name": "shell", "arguments": HIDDEN, "call_id": "c" })),
        item(json!({ "type": "function_call_output", "call_id": "c", "output": HIDDEN })),
        item(json!({ "type": "custom_tool_call", "name": "apply_patch", "input": HIDDEN, "call_id": "d" })),
        item(json!({ "type": "custom_tool_call_output", "call_id": "d", "output": HIDDEN })),
        said("assistant", "output_text", &["It cools too fast, and the bricks"]),
        event("turn_aborted"),
        said("user", "input_text", &["And the glaze?"]),
        said("assistant", "output_text", &["The glaze needs another firing."]),
    ];
    let outcome = read(&lines(&rows));
    assert_eq!(
        turns(&outcome),
        [
            turn("Why does the kiln crack?", "It cools too fast, and the bricks"),
            turn("And the glaze?", "The glaze needs another firing.")
        ]
    );
    let cut: Vec<bool> = outcome.candidates().iter().map(|c| c.variants[0].truncated.is_some()).collect();
    assert_eq!(cut, [true, false]);
    assert_eq!(count(&outcome, LeftOutKind::ToolTraffic), 4);
    assert_eq!(count(&outcome, LeftOutKind::Hidden), 2, "the instructions and the system message");
    assert_eq!(
        count(&outcome, LeftOutKind::Event),
        3,
        "the head, the count of tokens and the mark of the stop"
    );
}

#[test]
fn thoughts_that_a_product_keeps_beside_the_text_are_counted() {
    let rows = [
        json!({ "user_name": "Tove", "character_name": "Potter" }),
        json!({ "name": "Tove", "is_user": true, "mes": "Why clay?" }),
        json!({ "name": "Potter", "is_user": false, "mes": "It keeps its form.", "extra": { "reasoning": HIDDEN, "reasoning_duration": 12 } }),
        json!({ "name": "Note", "is_user": false, "mes": HIDDEN, "extra": { "type": "narrator" } }),
    ];
    let outcome = read(&lines(&rows));
    assert_eq!(turns(&outcome), [turn("Why clay?", "It keeps its form.")]);
    assert_eq!(count(&outcome, LeftOutKind::Reasoning), 1);
}

#[test]
fn deleted_messages_and_calls_are_no_pictures() {
    let log = "04.03.26, 09:15 - Tove: Why clay?\n04.03.26, 09:16 - ChatGPT: It keeps its form.\n04.03.26, 09:17 - Tove: Diese Nachricht wurde gelöscht\n\
        04.03.26, 09:17 - Tove: Verpasster Sprachanruf\n04.03.26, 09:18 - Tove: And sand?\n04.03.26, 09:19 - ChatGPT: It does not. <Diese Nachricht wurde bearbeitet.>\n\
        04.03.26, 09:20 - Tove: <Medien ausgeschlossen>\n04.03.26, 09:21 - ChatGPT: A fine pot.\n";
    let outcome = read(log.as_bytes());
    let found = turns(&outcome);
    assert_eq!(found[..2], [turn("Why clay?", "It keeps its form."), turn("And sand?", "It does not.")]);
    let kinds =
        [LeftOutKind::Deleted, LeftOutKind::Event, LeftOutKind::Media].map(|kind| count(&outcome, kind));
    assert_eq!(kinds, [1, 1, 1]);
    assert_eq!(outcome.candidates()[1].prompt_media_count, 0);
}

#[test]
fn messages_of_messengers_are_read_by_their_facts() {
    let matrix = |id: &str, who: &str, content: Value| json!({ "type": "m.room.message", "event_id": id, "sender": who, "origin_server_ts": 1_767_607_200_000_u64, "content": content });
    let edit = json!({ "msgtype": "m.text", "body": format!(" * {HIDDEN}"), "m.new_content": { "msgtype": "m.text", "body": "It keeps its form." },
        "m.relates_to": { "rel_type": "m.replace", "event_id": "$2" } });
    let reply = json!({ "msgtype": "m.text", "body": format!("> <@bot:a> {HIDDEN}\n\nAnd sand?"), "m.relates_to": { "m.in_reply_to": { "event_id": "$2" } } });
    let room = json!({ "room_name": "Clay", "messages": [
        matrix("$1", "@tove:a", json!({ "msgtype": "m.text", "body": "Why clay?" })),
        matrix("$2", "@bot:a", json!({ "msgtype": "m.text", "body": HIDDEN })),
        matrix("$3", "@bot:a", edit),
        matrix("$4", "@tove:a", reply),
        matrix("$5", "@bot:a", json!({ "msgtype": "m.text", "body": "It does not." })),
    ] });
    let roles = Roles { assistants: vec!["@bot:a".to_owned()], ..Roles::default() };
    let outcome = import_bytes(room.to_string().as_bytes(), &roles).expect("a room");
    assert_eq!(turns(&outcome), [turn("Why clay?", "It keeps its form."), turn("And sand?", "It does not.")]);
    assert_eq!(count(&outcome, LeftOutKind::Message), 1, "the words before the edit");
}

#[test]
fn what_a_note_does_not_show_is_counted_and_a_question_is_no_note() {
    let note = format!(
        "# Clay\n\n%% {HIDDEN} %%\n\nClay keeps its form because its grains are flat and hold each other.\n\n```dataview\n{HIDDEN}\n```\n\n```tasks\n{HIDDEN}\n```\n"
    );
    let outcome = read(note.as_bytes());
    assert_eq!(turns(&outcome).len(), 1);
    let rows = outcome.found.left_out.rows();
    let parts: Vec<(&str, usize)> = rows.iter().map(|row| (row.name.as_str(), row.count)).collect();
    assert_eq!(parts, [("comment", 1), ("query", 2)]);
    let question = "# Clay\n\nWhy does clay keep its form when sand and dust do not?\n".to_owned();
    let asked = read(question.trim_start_matches("# Clay\n\n").as_bytes());
    let reason = asked.found.reason_for_none.unwrap_or_default();
    assert!(asked.conversations.len() == 1 || reason.contains("one question"), "{reason}");
}

#[test]
fn a_call_that_failed_has_a_question_without_an_answer() {
    let row = |answer: Value| json!({ "id": "a", "parent_id": null, "inputs": { "messages": [{ "role": "user", "content": "Why clay?" }] }, "output": answer, "exception": "no" });
    let outcome = read(&lines(&[
        row(Value::Null),
        row(json!({ "choices": [{ "message": { "role": "assistant", "content": "It keeps." } }] })),
    ]));
    assert_eq!(turns(&outcome), [turn("Why clay?", "It keeps.")]);
    assert_eq!(count(&outcome, LeftOutKind::Unanswered), 1);
}

#[test]
fn the_time_of_a_conversation_is_that_of_its_first_message() {
    let message = |id: &str, parent: Option<&str>, user: bool, at: &str| json!({ "messageId": id, "parentMessageId": parent, "isCreatedByUser": user, "text": id, "createdAt": at });
    let export = json!({ "conversationId": "c", "messages": [
        message("answer", Some("question"), false, "2026-01-05T10:00:09Z"),
        message("question", None, true, "2026-01-05T10:00:00Z"),
    ] });
    let outcome = read(export.to_string().as_bytes());
    assert_eq!(outcome.conversations[0].time_s, Some(1_767_607_200.0));
}

#[test]
fn a_row_of_one_question_with_its_answer_is_read() {
    let rows = [
        json!({ "id": "1", "system_prompt": "Be brief.", "question": "Why clay?", "response": "It keeps its form." }),
        json!({ "id": "2", "question": "And sand?", "answer": "It does not." }),
    ];
    let outcome = read(&lines(&rows));
    assert_eq!(turns(&outcome), [turn("Why clay?", "It keeps its form."), turn("And sand?", "It does not.")]);
    assert_eq!(outcome.candidates()[0].system.as_deref(), Some("Be brief."));
    let log = json!({ "level": "info", "message": "started", "response": "ok" });
    assert!(read(&lines(&[log])).conversations.is_empty());
}
