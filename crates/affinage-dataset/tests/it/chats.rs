//! Lists of messages of clients, agents and messengers under many names: each is the same conversation.

use affinage_dataset::conversation::Feedback;
use affinage_dataset::import::{ImportError, Limits, Roles};
use serde_json::{Value, json};

use crate::exports::{HIDDEN, Outcome, import_bytes, import_within, zip_of};

const ASK: &str = "Why do kites dip?";
const ANSWER: &str = "The wind drops near the ground.";
const MORE: &str = "And over water?";
const MORE_ANSWER: &str = "There it drops less.";

fn read(bytes: &[u8]) -> Outcome {
    import_bytes(bytes, &Roles::default()).expect("a readable file")
}

fn jon() -> Roles {
    Roles { assistants: vec!["Jon".to_owned()], users: Vec::new(), ..Roles::default() }
}

/// Prompts with their answers, sorted by prompt.
fn shown(outcome: &Outcome) -> Vec<(String, Vec<String>)> {
    let mut cards: Vec<(String, Vec<String>)> = outcome
        .candidates()
        .into_iter()
        .map(|c| (c.prompt, c.variants.into_iter().map(|v| v.text).collect()))
        .collect();
    cards.sort();
    cards
}

fn pair(prompt: &str, answer: &str) -> (String, Vec<String>) {
    (prompt.to_owned(), vec![answer.to_owned()])
}

fn one() -> Vec<(String, Vec<String>)> {
    vec![pair(ASK, ANSWER)]
}

fn two() -> Vec<(String, Vec<String>)> {
    vec![pair(MORE, MORE_ANSWER), pair(ASK, ANSWER)]
}

/// Rows of a file with one JSON value a line.
fn lines(rows: &[Value]) -> Vec<u8> {
    rows.iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes()
}

#[test]
fn documents_with_lists_of_messages() {
    let plain = json!([{ "role": "user", "content": ASK }, { "role": "assistant", "content": ANSWER }]);
    let chat = json!({ "id": "c", "title": "Kites", "messages": plain });
    let text = |text: &str| json!([{ "type": "text", "text": text }]);
    let thought = json!({ "type": "reasoning", "text": HIDDEN });
    let cases: Vec<(&str, Value)> = vec![
        ("a list of messages", plain.clone()),
        ("lists of messages", json!([plain])),
        (
            "under another name",
            json!({ "dialogue": [{ "speaker": "user", "text": ASK }, { "speaker": "ai", "text": ANSWER }] }),
        ),
        (
            "a store by name",
            json!({ "chat-store": { "sessions": [chat] }, "mask-store": { "masks": { "m": { "messages": plain } } } }),
        ),
        (
            "folders and chats",
            json!({ "version": 4, "history": [chat], "folders": [], "prompts": [{ "role": "user", "content": HIDDEN }] }),
        ),
        ("chats by id", json!({ "chats": { "c": chat } })),
        (
            "parts in fragments",
            json!({ "conversations": [{ "id": "c", "messages": [
                { "id": "1", "role": "user", "fragments": [{ "ft": "content", "part": { "pt": "text", "text": ASK } }] },
                { "id": "2", "role": "assistant", "fragments": [{ "ft": "content", "part": { "pt": "text", "text": ANSWER } }] },
            ] }] }),
        ),
        (
            "parts with steps",
            json!({ "id": "c", "messages": [
                { "id": "1", "role": "user", "parts": text(ASK), "createdAt": "2026-03-01T08:00:00Z" },
                { "id": "2", "role": "assistant", "content": "", "parts": [{ "type": "step-start" }, thought,
                    { "type": "tool-weather", "input": { "q": HIDDEN }, "output": HIDDEN }, { "type": "source-url", "url": HIDDEN },
                    { "type": "text", "text": "The wind drops " }, { "type": "text", "text": "near the ground." }] },
            ] }),
        ),
        (
            "facts and parts apart",
            json!({ "info": { "id": "s", "title": "Kites" }, "messages": [
                { "info": { "id": "1", "role": "user", "time": { "created": 1_772_000_000_000_u64 } }, "parts": text(ASK) },
                { "info": { "id": "2", "role": "assistant" }, "parts": [{ "type": "text", "text": ANSWER }, { "type": "step-finish" }] },
            ] }),
        ),
        (
            "a message inside its entry",
            json!({ "sessionId": "s", "title": "Kites", "history": [
                { "message": { "role": "user", "content": ASK }, "contextItems": [{ "content": HIDDEN }] },
                { "message": { "role": "assistant", "content": ANSWER }, "contextItems": [] },
            ] }),
        ),
        (
            "types for roles",
            json!({ "sessionId": "s", "projectHash": "h", "messages": [
                { "id": "0", "type": "info", "content": "Update available" },
                { "id": "1", "type": "user", "content": ASK },
                { "id": "2", "type": "gemini", "content": ANSWER, "thoughts": [{ "subject": HIDDEN }], "toolCalls": [{ "name": "look", "args": { "at": HIDDEN } }] },
            ] }),
        ),
        (
            "serialised messages",
            json!({ "messages": [{ "type": "human", "data": { "content": ASK } }, { "type": "ai", "data": { "content": ANSWER } }] }),
        ),
        (
            "an account with nested and wrapped times",
            json!({ "conversations": [{ "conversation": { "id": "g", "title": "Kites" }, "responses": [
                { "response": { "_id": "1", "sender": "human", "message": ASK, "create_time": { "$date": { "$numberLong": "1772000000000" } } } },
                { "response": { "_id": "2", "sender": "assistant", "thinking_trace": HIDDEN, "message":
                    "The wind drops near the ground <grok:render type=\"x\"><argument name=\"id\">1</argument></grok:render>." } },
            ] }], "projects": [{ "name": HIDDEN }] }),
        ),
        (
            "characters and swipes by turn",
            json!({ "turns": [
                { "author": { "name": "Mara", "is_human": true }, "candidates": [{ "raw_content": ASK }] },
                { "author": { "name": "Keeper", "is_human": false }, "candidates": [{ "raw_content": ANSWER }] },
            ] }),
        ),
        (
            "questions with answers and sources",
            json!({ "metadata": { "thread_title": "Kites" }, "conversations": [{ "uuid": "p", "query": ASK,
                "answer": "The wind drops[1][2] near the ground [2].", "sources": [{ "url": "a" }, { "url": "b" }] }] }),
        ),
        (
            "requests with responses in parts",
            json!({ "requesterUsername": "mara", "requests": [{ "requestId": "r", "message": { "text": ASK, "parts": [{ "kind": "text", "text": ASK }] },
                "response": [{ "kind": "thinking", "value": HIDDEN }, { "kind": "toolInvocationSerialized", "x": HIDDEN }, { "value": "The wind drops " },
                    { "kind": "inlineReference", "inlineReference": { "name": "near" } }, { "value": " the ground." }] }] }),
        ),
    ];
    for (what, document) in cases {
        let outcome = read(document.to_string().as_bytes());
        let found = shown(&outcome);
        assert_eq!(
            found.len(),
            1,
            "{what}: {found:?} {:?} {:?}",
            outcome.rejects,
            outcome.found.reason_for_none
        );
        assert_eq!((found[0].0.as_str(), found[0].1[0].as_str()), (ASK, ANSWER), "{what}");
        assert!(!format!("{:?}", outcome.candidates()).contains(HIDDEN), "{what}");
        assert!(outcome.rejects.is_empty(), "{what}: {:?}", outcome.rejects);
        let pretty = serde_json::to_string_pretty(&document).expect("json");
        assert_eq!(shown(&read(pretty.as_bytes())), found, "{what}, over many lines");
    }
}

#[test]
fn files_with_a_message_a_line() {
    let value = |text: &str| json!([{ "type": "text", "text": { "value": text, "annotations": [] } }]);
    let input = |text: &str| json!([{ "type": "input_text", "text": text }]);
    let output = |text: &str| json!([{ "type": "output_text", "text": text }]);
    let item = |payload: Value| json!({ "timestamp": "2026-03-01T08:00:00Z", "type": "response_item", "payload": payload });
    let cases: Vec<(&str, Vec<Value>)> = vec![
        (
            "a thread",
            vec![
                json!({ "id": "1", "object": "thread.message", "thread_id": "t", "role": "user", "content": value(ASK), "created_at": 1_772_000_000_000_u64 }),
                json!({ "id": "2", "object": "thread.message", "thread_id": "t", "role": "assistant", "content": value(ANSWER) }),
            ],
        ),
        (
            "a head and messages",
            vec![
                json!({ "working_dir": "/x", "description": "Kites", "message_count": 4 }),
                json!({ "role": "user", "created": 1_772_000_000, "content": [{ "type": "text", "text": ASK }] }),
                json!({ "role": "assistant", "created": 1_772_000_001, "content": [{ "type": "toolRequest", "id": "x", "toolCall": { "value": HIDDEN } }] }),
                json!({ "role": "user", "created": 1_772_000_002, "content": [{ "type": "toolResponse", "id": "x", "toolResult": { "value": HIDDEN } }] }),
                json!({ "role": "assistant", "created": 1_772_000_003, "content": [{ "type": "text", "text": ANSWER }] }),
            ],
        ),
        (
            "an agent's session with a tree",
            vec![
                json!({ "type": "summary", "summary": "Kites", "leafUuid": "a2" }),
                json!({ "type": "user", "uuid": "u", "parentUuid": null, "sessionId": "s", "message": { "role": "user",
                    "content": format!("<system-reminder>{HIDDEN}</system-reminder>\n{ASK}") } }),
                json!({ "type": "progress", "uuid": "p", "parentUuid": "u", "sessionId": "s", "data": { "type": "hook", "text": HIDDEN } }),
                json!({ "type": "user", "uuid": "m", "parentUuid": "p", "sessionId": "s", "isMeta": true, "message": { "role": "user", "content": HIDDEN } }),
                json!({ "type": "assistant", "uuid": "a1", "parentUuid": "p", "sessionId": "s", "message": { "role": "assistant", "content": [
                    { "type": "thinking", "thinking": HIDDEN }, { "type": "tool_use", "name": "Read", "input": { "path": HIDDEN } }] } }),
                json!({ "type": "user", "uuid": "r", "parentUuid": "a1", "sessionId": "s", "message": { "role": "user", "content": [
                    { "type": "tool_result", "content": HIDDEN }] } }),
                json!({ "type": "assistant", "uuid": "a2", "parentUuid": "r", "sessionId": "s", "message": { "role": "assistant", "content": [
                    { "type": "text", "text": ANSWER }] } }),
                json!({ "type": "user", "uuid": "side", "parentUuid": null, "isSidechain": true, "sessionId": "s", "message": { "role": "user", "content": HIDDEN } }),
            ],
        ),
        (
            "an agent's session with payloads",
            vec![
                json!({ "timestamp": "2026-03-01T08:00:00Z", "type": "session_meta", "payload": { "id": "s", "instructions": HIDDEN } }),
                item(
                    json!({ "type": "message", "role": "user", "content": input(&format!("<environment_context>\n{HIDDEN}\n</environment_context>")) }),
                ),
                item(json!({ "type": "message", "role": "user", "content": input(ASK) })),
                json!({ "timestamp": "2026-03-01T08:00:00Z", "type": "event_msg", "payload": { "type": "user_message", "message": ASK } }),
                item(json!({ "type": "reasoning", "summary": [{ "type": "summary_text", "text": HIDDEN }] })),
                item(json!({ "type": "function_call", "name": "shell", "arguments": HIDDEN })),
                item(json!({ "type": "function_call_output", "output": HIDDEN })),
                json!({ "timestamp": "2026-03-01T08:00:00Z", "type": "event_msg", "payload": { "type": "agent_message", "message": ANSWER } }),
                item(json!({ "type": "message", "role": "assistant", "content": output(ANSWER) })),
            ],
        ),
        (
            "events with data",
            vec![
                json!({ "type": "session.start", "data": { "sessionId": "s" }, "id": "0", "parentId": null }),
                json!({ "type": "user.message", "data": { "content": ASK }, "id": "1", "parentId": "0" }),
                json!({ "type": "tool.execution_start", "data": { "toolName": HIDDEN }, "id": "2", "parentId": "1" }),
                json!({ "type": "assistant.message", "data": { "content": ANSWER, "toolRequests": [] }, "id": "3", "parentId": "2" }),
            ],
        ),
        (
            "messages inside messages, a tool's role",
            vec![
                json!({ "type": "session", "id": "s", "cwd": "/x" }),
                json!({ "type": "message", "id": "1", "parentId": null, "message": { "role": "user", "content": [{ "type": "text", "text": ASK }] } }),
                json!({ "type": "message", "id": "2", "parentId": "1", "message": { "role": "toolResult", "content": [{ "type": "text", "text": HIDDEN }] } }),
                json!({ "type": "message", "id": "3", "parentId": "2", "message": { "role": "assistant", "content": [{ "type": "text", "text": ANSWER }] } }),
            ],
        ),
        (
            "a tree of a crowd",
            vec![
                json!({ "message_id": "1", "parent_id": null, "message_tree_id": "1", "text": ASK, "role": "prompter" }),
                json!({ "message_id": "2", "parent_id": "1", "message_tree_id": "1", "text": ANSWER, "role": "assistant" }),
            ],
        ),
    ];
    for (what, rows) in cases {
        let outcome = read(&lines(&rows));
        assert_eq!(shown(&outcome), one(), "{what}: {:?}", outcome.found.reason_for_none);
        assert!(!format!("{:?}", outcome.candidates()).contains(HIDDEN), "{what}");
        assert!(outcome.rejects.is_empty(), "{what}: {:?}", outcome.rejects);
        let array = serde_json::to_vec(&rows).expect("json");
        assert_eq!(shown(&read(&array)), one(), "{what}, as an array");
    }
}

#[test]
fn messages_of_several_conversations_in_one_list_are_parted() {
    let row = |id: u32, topic: &str, role: &str, text: &str| json!({ "id": id.to_string(), "topicId": topic, "role": role, "content": text, "createdAt": 1_772_000_000_000_u64 + u64::from(id) });
    let state = json!({ "exportType": "all", "state": { "topics": [{ "id": "a", "title": "x" }], "messages": [
        row(1, "a", "user", ASK), row(2, "b", "user", MORE), row(3, "a", "assistant", ANSWER), row(4, "b", "assistant", MORE_ANSWER),
    ] } });
    let outcome = read(state.to_string().as_bytes());
    assert_eq!(outcome.conversations.len(), 2);
    assert_eq!(shown(&outcome), two());
    assert_eq!(outcome.conversations[0].nodes[0].time_s, Some(1_772_000_000.001));
}

#[test]
fn other_answers_are_variants_with_their_ratings() {
    let swipes = lines(&[
        json!({ "user_name": "Mara", "character_name": "Keeper" }),
        json!({ "name": "Mara", "is_user": true, "mes": ASK }),
        json!({ "name": "Keeper", "is_user": false, "mes": ANSWER, "swipes": ["It tires.", ANSWER], "swipe_id": 1, "extra": { "reasoning": HIDDEN } }),
        json!({ "name": "Mara", "is_user": true, "mes": MORE }),
        json!({ "name": "Keeper", "is_user": false, "mes": MORE_ANSWER, "swipes": [MORE_ANSWER] }),
    ]);
    let outcome = read(&swipes);
    assert_eq!(outcome.conversations[0].title, "Keeper");
    let candidates = outcome.candidates();
    assert_eq!(candidates.len(), 2);
    let texts: Vec<(&str, bool)> =
        candidates[0].variants.iter().map(|v| (v.text.as_str(), v.active)).collect();
    assert_eq!(texts, [("It tires.", false), (ANSWER, true)]);
    assert_eq!(candidates[1].context[1].content, ANSWER, "the chat goes on from the answer that was chosen");

    let message = |id: &str, role: &str, text: &str, fields: Value| {
        let mut message = json!({ "id": id, "chatId": "c", "role": role, "content": text, "contentChunks": null, "version": 0 });
        message.as_object_mut().expect("an object").extend(fields.as_object().cloned().unwrap_or_default());
        message
    };
    for rejected_first in [true, false] {
        let mut answers = vec![
            message("2", "assistant", "It tires.", json!({ "preference": "rejected" })),
            message("3", "assistant", ANSWER, json!({ "preference": "preferred", "preferenceOver": "2" })),
        ];
        if !rejected_first {
            answers.reverse();
        }
        let mut chat = vec![message("1", "user", ASK, json!({}))];
        chat.extend(answers);
        chat.push(message("4", "user", MORE, json!({})));
        chat.push(message("5", "assistant", MORE_ANSWER, json!({ "reaction": "like" })));
        let zip = zip_of(&[("chat-1.json", &serde_json::to_vec(&chat).expect("json"))]);
        let outcome = read(&zip);
        let candidates = outcome.candidates();
        let mut rated: Vec<(&str, Option<Feedback>)> =
            candidates[0].variants.iter().map(|v| (v.text.as_str(), v.feedback)).collect();
        rated.sort_by_key(|(text, _)| *text);
        assert_eq!(rated, [("It tires.", Some(Feedback::Down)), (ANSWER, Some(Feedback::Up))]);
        assert_eq!(candidates[1].context[1].content, ANSWER);
        assert_eq!(candidates[1].variants[0].feedback, Some(Feedback::Up));
    }
}

#[test]
fn what_the_export_says_of_an_answer_is_kept() {
    let chat = json!({ "chatID": "c", "chatTitle": "Kites", "model": "small-1", "messages": [
        { "uuid": "1", "role": "user", "content": ASK, "attachments": [{ "name": "kite.png" }], "createdAt": "2026-03-01T08:00:00Z" },
        { "uuid": "2", "role": "assistant", "content": "The wind", "finish_reason": "length", "isEdited": true },
        { "uuid": "3", "role": "narrator", "content": "They pause." },
        { "uuid": "4", "role": "user", "content": MORE },
        { "uuid": "5", "role": "assistant", "content": MORE_ANSWER, "model": "large-2", "weight": 0 },
    ] });
    let outcome = read(json!({ "data": { "chats": [chat] } }).to_string().as_bytes());
    let conversation = &outcome.conversations[0];
    assert_eq!((conversation.key().as_str(), conversation.title.as_str()), ("typingmind:c", "Kites"));
    assert_eq!(conversation.time_s, Some(1_772_352_000.0));
    let candidates = outcome.candidates();
    assert_eq!(candidates[0].prompt_media_count, 1);
    let variant = &candidates[0].variants[0];
    assert_eq!(
        (variant.truncated.as_deref(), variant.model.as_deref(), variant.edited),
        (Some("length"), Some("small-1"), true)
    );
    let last = conversation.nodes.last().expect("nodes");
    assert_eq!((last.model.as_deref(), last.excluded.as_deref()), (Some("large-2"), Some("weight 0")));
    let rows = outcome.found.left_out.rows();
    assert!(rows.iter().any(|row| row.name == "narrator" && row.count == 1), "{rows:?}");
}

/// One chat among people, in the words of several messengers.
fn messengers() -> Vec<(&'static str, Value)> {
    vec![
        (
            "text in pieces and a service row",
            json!({ "name": "Jon", "type": "personal_chat", "id": 7, "messages": [
                { "id": 0, "type": "service", "actor": "Mara", "action": "phone_call", "text": "" },
                { "id": 1, "type": "message", "date": "2026-03-01T08:00:00", "date_unixtime": "1772352000", "from": "Mara", "from_id": "user1", "text": ASK, "text_entities": [] },
                { "id": 2, "type": "message", "date": "2026-03-01T08:01:00", "date_unixtime": "1772352060", "from": "Jon", "from_id": "user2",
                    "text": ["The ", { "type": "bold", "text": "wind" }, " drops near the ground."], "text_entities": [] },
            ] }),
        ),
        (
            "an author with a name",
            json!({ "guild": { "name": "x" }, "channel": { "id": "2", "name": "kites" }, "messages": [
                { "id": "0", "type": "GuildMemberJoin", "content": "Joined the server.", "author": { "id": "1", "name": "Mara" } },
                { "id": "1", "type": "Default", "timestamp": "2026-03-01T08:00:00+00:00", "content": ASK, "author": { "id": "1", "name": "Mara", "isBot": false } },
                { "id": "2", "type": "Reply", "timestamp": "2026-03-01T08:01:00+00:00", "content": ANSWER, "author": { "id": "2", "name": "Jon", "isBot": false } },
            ] }),
        ),
        (
            "newest first, bytes as characters",
            json!({ "participants": [{ "name": "Mara" }, { "name": "Jon" }], "title": "Jon", "messages": [
                { "sender_name": "Jon", "timestamp_ms": 1_772_352_060_000_u64, "content": ANSWER, "type": "Generic" },
                { "sender_name": "Mara", "timestamp_ms": 1_772_352_000_000_u64, "content": ASK, "type": "Generic" },
            ] }),
        ),
        (
            "a list of rows with profiles",
            json!([
                { "type": "message", "subtype": "channel_join", "user": "U1", "text": "<@U1> has joined", "ts": "1772351000.000100", "user_profile": { "real_name": "Mara" } },
                { "type": "message", "user": "U1", "text": ASK, "ts": "1772352000.000100", "user_profile": { "real_name": "Mara" } },
                { "type": "message", "user": "U2", "text": ANSWER, "ts": "1772352060.000100", "user_profile": { "real_name": "Jon" } },
            ]),
        ),
        (
            "content with a body",
            json!({ "room_name": "kites", "messages": [
                { "type": "m.room.message", "sender": "Mara", "event_id": "$1", "origin_server_ts": 1_772_352_000_000_u64, "content": { "msgtype": "m.text", "body": ASK } },
                { "type": "m.room.member", "sender": "Jon", "event_id": "$2", "origin_server_ts": 1_772_352_001_000_u64, "content": { "membership": "join" } },
                { "type": "m.room.message", "sender": "Jon", "event_id": "$3", "origin_server_ts": 1_772_352_060_000_u64, "content": { "msgtype": "m.text", "body": ANSWER } },
            ] }),
        ),
        (
            "a creator",
            json!({ "messages": [
                { "creator": { "name": "Mara", "email": "m@x.test", "user_type": "Human" }, "created_date": "Sunday", "text": ASK, "message_id": "1" },
                { "creator": { "name": "Jon", "email": "j@x.test", "user_type": "Human" }, "created_date": "Sunday", "text": ANSWER, "message_id": "2" },
            ] }),
        ),
    ]
}

#[test]
fn chats_among_people_need_to_know_who_is_the_assistant() {
    for (what, document) in messengers() {
        let bytes = document.to_string();
        let outcome =
            import_bytes(bytes.as_bytes(), &jon()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(shown(&outcome), one(), "{what}");
        let names: Vec<&str> = outcome.found.speakers[0].1.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["Jon", "Mara"], "{what}");
        match import_bytes(bytes.as_bytes(), &Roles::default()) {
            Err(ImportError::RolesNeeded { speakers, .. }) => {
                let counts: Vec<(&str, usize)> =
                    speakers.iter().map(|s| (s.name.as_str(), s.count)).collect();
                assert_eq!(counts, [("Jon", 1), ("Mara", 1)], "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
        let nobody = Roles { assistants: vec!["Ida".to_owned()], users: Vec::new(), ..Roles::default() };
        assert!(
            matches!(import_bytes(bytes.as_bytes(), &nobody), Err(ImportError::UnknownSpeaker { .. })),
            "{what}"
        );
    }
}

#[test]
fn a_long_pause_among_people_ends_a_conversation() {
    let message = |hour: u64, from: &str, text: &str| json!({ "id": hour, "from": from, "timestamp": 1_772_352_000 + 3600 * hour, "text": text });
    let chat = json!({ "id": "c", "name": "Kites", "messages": [
        message(0, "Mara", ASK), message(1, "Jon", ANSWER), message(30, "Jon", "Good morning."), message(31, "Mara", MORE), message(32, "Jon", MORE_ANSWER),
    ] });
    let outcome = import_bytes(chat.to_string().as_bytes(), &jon()).expect("a chat");
    assert_eq!(outcome.conversations.len(), 2);
    assert_eq!(shown(&outcome), two(), "the greeting answers nothing");
}

#[test]
fn accounts_with_many_chats_leave_out_those_without_the_assistant() {
    let chat = |id: u32, other: &str| {
        json!({ "name": other, "type": "personal_chat", "id": id, "messages": [
            { "id": 1, "type": "message", "date_unixtime": "1772352000", "from": "Mara", "text": ASK },
            { "id": 2, "type": "message", "date_unixtime": "1772352060", "from": other, "text": ANSWER },
        ] })
    };
    let account = json!({ "personal_information": { "first_name": "Mara" }, "chats": { "list": [chat(1, "Jon"), chat(2, "Ida"), chat(3, "Bo")] } });
    let outcome = import_bytes(account.to_string().as_bytes(), &jon()).expect("an account");
    assert_eq!(shown(&outcome), one());
    let rows = outcome.found.left_out.rows();
    assert!(
        rows.iter().any(|row| row.count == 2 && row.first.contains("no speaker is the assistant")),
        "{rows:?}"
    );
    match import_bytes(account.to_string().as_bytes(), &Roles::default()) {
        Err(ImportError::RolesNeeded { speakers, .. }) => {
            assert_eq!((speakers[0].name.as_str(), speakers[0].count), ("Mara", 3))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_an_agent_writes_into_a_turn_is_not_the_persons() {
    let cases = [
        (
            format!(
                "<system-reminder>{HIDDEN}</system-reminder>\n{ASK}\n<environment_details>\n{HIDDEN}\n</environment_details>"
            ),
            ASK,
        ),
        (format!("<task>\n{ASK}\n</task>"), ASK),
        (format!("<my-kite>{ASK}</my-kite>"), "<my-kite>Why do kites dip?</my-kite>"),
        (format!("{ASK} <b>now</b>"), "Why do kites dip? <b>now</b>"),
    ];
    for (said, expected) in cases {
        let rows = [
            json!({ "role": "user", "content": said, "timestamp": "2026-03-01T08:00:00Z" }),
            json!({ "role": "assistant", "content": ANSWER, "timestamp": "2026-03-01T08:00:01Z" }),
        ];
        assert_eq!(shown(&read(&lines(&rows))), [pair(expected, ANSWER)], "{said}");
    }
}

#[test]
fn escapes_of_messengers_are_what_was_typed() {
    let slack = json!([
        { "type": "message", "user": "U1", "text": "Is a &lt; b &amp; c?", "ts": "1772352000.000100", "user_profile": { "real_name": "Mara" } },
        { "type": "message", "user": "U2", "text": "Yes.", "ts": "1772352060.000100", "user_profile": { "real_name": "Jon" } },
    ]);
    let skype = json!({ "userId": "m", "conversations": [{ "id": "8:x", "displayName": "Jon", "MessageList": [
        { "id": "2", "displayName": "Jon", "originalarrivaltime": "2026-03-01T08:01:00Z", "messagetype": "RichText", "content": "Yes.", "from": "Jon" },
        { "id": "1", "displayName": "Mara", "originalarrivaltime": "2026-03-01T08:00:00Z", "messagetype": "RichText", "content": "Is a &lt; b &amp; c?", "from": "Mara" },
    ] }] });
    for document in [slack, skype] {
        let outcome = import_bytes(document.to_string().as_bytes(), &jon()).expect("a chat");
        assert_eq!(shown(&outcome), [pair("Is a < b & c?", "Yes.")]);
    }
}

#[test]
fn documents_without_messages_say_what_was_looked_for() {
    for document in [
        json!({ "title": "x", "notes": [{ "id": 1, "body": "text" }] }),
        json!({ "settings": { "messages": [{ "role": "user", "content": "hi" }] } }),
        json!({ "prompt_library": [{ "role": "user", "content": "hi" }] }),
    ] {
        let outcome = read(document.to_string().as_bytes());
        assert!(outcome.conversations.is_empty(), "{document}");
    }
    let outcome = read(br#"{"title": "x", "notes": []}"#);
    let reason = outcome.found.reason_for_none.expect("a reason");
    assert!(reason.contains("`messages`") && reason.contains("`title`, `notes`"), "{reason}");
}

#[test]
fn two_chats_of_the_same_name_and_first_words_are_two() {
    let chat = |answer: &str| {
        json!({ "title": "New chat", "messages": [
        { "role": "user", "content": "Hi", "timestamp": 1_772_000_000 }, { "role": "assistant", "content": answer } ] })
    };
    let outcome = read(json!({ "chats": [chat("Hello."), chat("Good day.")] }).to_string().as_bytes());
    let keys: std::collections::HashSet<String> = outcome.conversations.iter().map(|c| c.key()).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn a_page_with_its_conversations_in_a_script() {
    let messages = json!([{ "role": "user", "content": ASK, "time": 1_772_000_000 }, { "role": "assistant", "content": ANSWER }]);
    for script in [
        format!("<script>var x = 1; var jsonData = [{{\"messages\": {messages}}}]; var y = {{}};</script>"),
        format!(
            "<script id=\"d\" type=\"application/json\">\n{{\"chats\": [{{\"messages\": {messages}}}]}}</script>"
        ),
    ] {
        let page =
            format!("<!DOCTYPE html><html><head><script>1</script></head><body>{script}</body></html>");
        let outcome = read(page.as_bytes());
        assert_eq!(shown(&outcome), one(), "{:?}", outcome.found);
    }
}

#[test]
fn one_wrong_character_costs_a_character_and_a_picture_itself() {
    let picture = format!("data:image/png;base64,{}", "iVBORw0K".repeat(200_000));
    for wrapped in [false, true] {
        let chat = format!(
            "{{\"id\":\"c\",\"messages\":[{{\"role\":\"user\",\"time\":1772000000,\"content\":[{{\"type\":\"text\",\"text\":\"{ASK}\"}},\
             {{\"type\":\"image_url\",\"image_url\":{{\"url\":\"{picture}\"}}}}]}},{{\"role\":\"assistant\",\"content\":\"The \\ud83d wind.\"}}]}}"
        );
        let bytes = if wrapped { format!("[{chat}]") } else { chat };
        let outcome = read(bytes.as_bytes());
        let candidates = outcome.candidates();
        assert_eq!((candidates[0].prompt.as_str(), candidates[0].prompt_media_count), (ASK, 1));
        assert_eq!(candidates[0].variants[0].text, "The \u{fffd} wind.");
        assert_eq!(
            outcome.conversations[0].origin.len_bytes,
            (bytes.len() - 2 * usize::from(wrapped)) as u64
        );
        let rows = outcome.found.left_out.rows();
        assert!(rows.iter().any(|row| row.name == "long string" && row.count == 1), "{rows:?}");
        assert!(outcome.found.notes.iter().any(|note| note.contains("1 wrong character was replaced")));
    }
}

/// A document and the same limits as always, or limits so small that its lists are read one element at a time.
fn both_ways(document: &Value, roles: &Roles) -> [Outcome; 2] {
    let bytes = document.to_string().into_bytes();
    let small = Limits { element_bytes: bytes.len() / 2, ..Limits::default() };
    [Limits::default(), small].map(|limits| import_within(&bytes, roles, &limits).expect("a document"))
}

#[test]
fn an_account_longer_than_an_element_may_be_is_read_chat_by_chat() {
    let chat = |id: u32| {
        json!({ "id": format!("c{id}"), "title": "Kites", "messages": [
            { "id": "1", "role": "user", "content": format!("{ASK} {id}"), "createdAt": "2026-03-01T08:00:00Z" },
            { "id": "2", "role": "assistant", "content": ANSWER } ] })
    };
    let chats: Vec<Value> = (0..40).map(chat).collect();
    let account = json!({ "version": 2, "settings": { "masks": [{ "messages": [] }] }, "data": { "user": "[{", "chats": chats } });
    let [whole, in_parts] = both_ways(&account, &Roles::default());
    assert_eq!(whole.conversations.len(), 40);
    let keys = |outcome: &Outcome| {
        outcome.conversations.iter().map(|c| (c.key(), c.nodes.clone())).collect::<Vec<_>>()
    };
    assert_eq!(keys(&whole), keys(&in_parts));
    let origin = &in_parts.conversations[7].origin;
    let bytes = account.to_string().into_bytes();
    let element = &bytes[origin.offset as usize..][..origin.len_bytes as usize];
    assert_eq!(serde_json::from_slice::<Value>(element).expect("the element")["id"], "c7");

    let messages: Vec<Value> = (0..400)
        .map(|n: u32| json!({ "id": n, "from": if n.is_multiple_of(2) { "Mara" } else { "Jon" }, "date_unixtime": (1_772_352_000 + n).to_string(), "text": format!("{n}") }))
        .collect();
    let [whole, in_parts] = both_ways(&json!({ "id": 7, "name": "Jon", "messages": messages }), &jon());
    assert_eq!(whole.candidates().len(), 200);
    assert_eq!(shown(&whole), shown(&in_parts));
}

#[test]
fn more_objects_than_one_element_may_hold_are_read_list_by_list() {
    let messages = |count: u32| -> Vec<Value> {
        let said = |n: u32| json!({ "id": n, "from": if n.is_multiple_of(2) { "Mara" } else { "Jon" }, "time": 1_772_352_000 + n, "text": vec![json!({ "type": "plain", "text": n.to_string() }); 8] });
        (0..count).map(said).collect()
    };
    let account = json!({ "chats": { "list": [
        { "id": 1, "name": "Jon", "messages": messages(30_000) }, { "id": 2, "name": "Jon again", "messages": messages(6) } ] } });
    let outcome = import_bytes(account.to_string().as_bytes(), &jon()).expect("an account");
    let counts: Vec<usize> = outcome.conversations.iter().map(|c| c.nodes.len()).collect();
    assert_eq!(counts, [30_000, 6], "{:?}", outcome.rejects);
}
