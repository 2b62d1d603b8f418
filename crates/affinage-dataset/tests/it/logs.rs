//! What products write between and beside the turns: calls in two halves, changes, marks of the program, tables, old
//! encodings. Nothing of it is learnt in silence, and nothing that was said is lost without a word.

use affinage_dataset::candidate::{Candidate, ContextPolicy, candidates};
use affinage_dataset::conversation::Feedback;
use affinage_dataset::identity::{self, Bond, Reading, Relation};
use affinage_dataset::import::{ImportError, LeftOutKind, Roles};
use affinage_dataset::lint::{Severity, Subject, lint};
use serde_json::{Value, json};

use crate::exports::{HIDDEN, Outcome, import_bytes};

fn lines(rows: &[Value]) -> Vec<u8> {
    rows.iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes()
}

fn read(bytes: &[u8]) -> Outcome {
    import_bytes(bytes, &Roles::default()).expect("something that is read")
}

/// Prompt and answers of every candidate; the word of the hidden must stand in none of them.
fn turns(outcome: &Outcome) -> Vec<(String, Vec<String>)> {
    let turn = |c: Candidate| (c.prompt, c.variants.into_iter().map(|v| v.text).collect::<Vec<_>>());
    let turns: Vec<_> = outcome.candidates().into_iter().map(turn).collect();
    assert!(!format!("{turns:?}").contains(HIDDEN), "{turns:?}");
    turns
}

fn turn(prompt: &str, answer: &str) -> (String, Vec<String>) {
    (prompt.to_owned(), vec![answer.to_owned()])
}

fn left_out(outcome: &Outcome, kind: LeftOutKind) -> usize {
    outcome.found.left_out.rows().iter().filter(|row| row.kind == kind).map(|row| row.count).sum()
}

/// Rules that flag the first answer of the candidate with this number.
fn flags(outcome: &Outcome, number: usize) -> Vec<&'static str> {
    let candidate = &outcome.candidates()[number];
    let findings = lint(&[Subject::of_variant(candidate, &candidate.variants[0])]);
    findings.iter().filter(|f| f.severity != Severity::Information).map(|f| f.rule).collect()
}

#[test]
fn an_answer_that_stands_beside_its_prompt_is_read_with_it() {
    let asked = |words: &str| json!([{ "role": "user", "content": words }]);
    let outcome = read(&lines(&[
        json!({ "span": 1, "llm_input": { "messages": asked("Who mends the nets?") }, "llm_output": { "choices": [{ "message": { "role": "assistant", "content": "The widow mends them at dusk." }, "finish_reason": "stop" }] } }),
        json!({ "span": 2, "llm_input": { "messages": asked("And who tars the boat?") }, "llm_output": { "choices": [{ "message": { "role": "assistant", "content": "Her son does, when" }, "finish_reason": "length" }] } }),
        json!({ "turns": [{ "from": "human", "value": "What is bait?" }], "reply": "Whatever the fish forgets to fear." }),
    ]));
    let expected = [
        turn("Who mends the nets?", "The widow mends them at dusk."),
        turn("And who tars the boat?", "Her son does, when"),
        turn("What is bait?", "Whatever the fish forgets to fear."),
    ];
    assert_eq!(turns(&outcome), expected);
    assert!(flags(&outcome, 1).contains(&"L20") && flags(&outcome, 0).is_empty());
    assert_eq!(left_out(&outcome, LeftOutKind::Unanswered), 0);
}

#[test]
fn a_preference_may_have_a_list_as_its_prompt() {
    let said = |words: &str| json!({ "from": "gpt", "value": words });
    let row = json!({ "conversations": [{ "from": "human", "value": "When is it low water?" }], "chosen": said("An hour past noon."), "rejected": said("Never.") });
    let outcome = read(&lines(&[row]));
    let candidates = outcome.candidates();
    let mut verdicts: Vec<_> =
        candidates[0].variants.iter().map(|v| (v.text.as_str(), v.feedback == Some(Feedback::Up))).collect();
    verdicts.sort_unstable();
    assert_eq!(verdicts, [("An hour past noon.", true), ("Never.", false)]);
    assert_eq!(candidates[0].prompt, "When is it low water?");
}

#[test]
fn conversations_without_an_answer_are_counted() {
    let outcome = read(&lines(&[
        json!({ "call": "a", "params": { "messages": [{ "role": "user", "content": "Is anybody there?" }] } }),
        json!({ "messages": [{ "role": "user", "content": "Hello?" }, { "role": "assistant", "content": "" }] }),
        json!({ "messages": [{ "role": "user", "content": "And now?" }, { "role": "assistant", "content": "Now I am." }] }),
    ]));
    assert_eq!(left_out(&outcome, LeftOutKind::Unanswered), 2);
    let line = outcome.found.left_out.lines().into_iter().find(|line| line.kind == LeftOutKind::Unanswered);
    assert!(
        line.is_some_and(|line| line.what == "conversations without an answer" && !line.detail.is_empty())
    );
}

#[test]
fn an_answer_without_its_question_is_counted() {
    let outcome = read(&lines(&[
        json!({ "custom_id": "1", "response": { "body": { "choices": [{ "message": { "role": "assistant", "content": "Nobody asked." } }] } } }),
        json!({ "messages": [{ "role": "assistant", "content": "Welcome aboard." }, { "role": "user", "content": "Where to?" }, { "role": "assistant", "content": "North." }] }),
    ]));
    assert_eq!(turns(&outcome), [turn("Where to?", "North.")]);
    assert_eq!(left_out(&outcome, LeftOutKind::Unasked), 2);
    let line = outcome.found.left_out.lines().into_iter().find(|line| line.kind == LeftOutKind::Unasked);
    assert_eq!(line.map(|line| line.what), Some("answers without a question"));
}

#[test]
fn of_ranked_answers_the_best_is_the_one_that_is_shown() {
    let message = |id: &str, parent: Value, role: &str, text: &str, rank: Value| json!({ "message_id": id, "parent_id": parent, "message_tree_id": "1", "role": role, "text": text, "rank": rank });
    let mut rows = vec![
        message("1", Value::Null, "prompter", "Who salts the herring?", Value::Null),
        message("2", json!("1"), "assistant", "The cook, in October.", json!(1)),
        message("3", json!("1"), "assistant", "The cook does, in October, in oak.", json!(0)),
        message("4", json!("3"), "prompter", "And who eats it?", Value::Null),
        message("5", json!("4"), "assistant", "Whoever stays for the winter.", Value::Null),
        message("6", json!("4"), "assistant", "Nobody that I know.", json!(0)),
        message("7", json!("2"), "prompter", "Why October?", json!(0)),
        message("8", json!("7"), "assistant", "The herring is fat then.", json!(0)),
    ];
    for _ in 0..2 {
        let outcome = read(&lines(&rows));
        let shown: Vec<(String, String)> = outcome
            .candidates()
            .into_iter()
            .filter_map(|c| Some((c.prompt, c.variants.into_iter().find(|v| v.active)?.text)))
            .collect();
        let expected = [
            ("Who salts the herring?", "The cook does, in October, in oak."),
            ("And who eats it?", "Nobody that I know."),
        ];
        assert_eq!(shown, expected.map(|(prompt, answer)| (prompt.to_owned(), answer.to_owned())));
        assert_eq!(outcome.candidates()[0].variants.len(), 2, "the other answer is a variant");
        rows[1..].reverse();
    }
}

#[test]
fn a_list_of_typed_parts_under_any_name_holds_the_answer() {
    let tree = json!({
        "a": { "id": "a", "role": "user", "content": "Why is the sea salt?", "parentId": null },
        "b": { "id": "b", "role": "assistant", "content": "", "parentId": "a",
            "segments": [{ "phase": "thinking", "content": HIDDEN }, { "phase": "answer", "content": "Rivers bring it." }] },
    });
    let outcome = read(
        json!([{ "title": "", "chat": { "history": { "messages": tree, "currentId": "b" } } }])
            .to_string()
            .as_bytes(),
    );
    assert_eq!(turns(&outcome), [turn("Why is the sea salt?", "Rivers bring it.")]);
}

#[test]
fn what_a_program_writes_in_the_users_name_is_no_prompt() {
    let said = |id: u32, role: &str, words: &str| json!({ "id": id, "role": role, "content": words, "timestamp": 1_770_000_000 + id });
    let mut summary = said(3, "user", &format!("{HIDDEN}: all so far in short."));
    summary["hidden"] = json!(false);
    summary["isSynthetic"] = json!(true);
    let mut parts = said(4, "user", "");
    parts["content"] = json!([{ "type": "text", "text": "And the tide?" }, { "type": "text", "text": HIDDEN, "synthetic": true }]);
    let failed = json!({ "id": 7, "role": "assistant", "content": format!("{{\"code\": 500, \"why\": \"{HIDDEN}\"}}"), "is_error": true, "timestamp": 1_770_000_007 });
    let list = json!([
        said(1, "user", "Who rows?"),
        said(2, "assistant", "Two brothers."),
        summary,
        parts,
        said(5, "assistant", "It turns at four, and"),
        said(6, "user", "[Generation cancelled by the user]"),
        failed,
        said(8, "user", "Who steers?"),
        said(9, "assistant", "The elder."),
    ]);
    let outcome = read(json!({ "messages": list, "title": "Boat" }).to_string().as_bytes());
    let expected = [
        turn("Who rows?", "Two brothers."),
        turn("And the tide?", "It turns at four, and"),
        turn("Who steers?", "The elder."),
    ];
    assert_eq!(turns(&outcome), expected);
    assert!(flags(&outcome, 1).contains(&"L20"), "the answer was stopped");
    assert!(flags(&outcome, 2).is_empty());
    assert!(!outcome.candidates()[2].context.iter().any(|message| message.content.contains(HIDDEN)));
    assert_eq!((left_out(&outcome, LeftOutKind::Error), left_out(&outcome, LeftOutKind::Hidden)), (1, 3));
}

#[test]
fn a_session_begins_with_the_first_words_of_the_person() {
    let part = |role: &str, words: &str| json!({ "role": role, "parts": [{ "text": words }] });
    let list = json!([
        part("user", &format!("This is the Heron CLI. We are setting up the context for our chat. {HIDDEN}")),
        part("model", &format!("Thanks. {HIDDEN}")),
        part("user", "What eats a pike?"),
        part("model", "A larger pike."),
    ]);
    assert_eq!(turns(&read(list.to_string().as_bytes())), [turn("What eats a pike?", "A larger pike.")]);
}

#[test]
fn reasoning_that_only_its_key_names_is_reasoning() {
    let list = json!([
        { "role": "user", "content": [{ "text": "How deep is the weir?" }] },
        { "role": "assistant", "content": [{ "reasoningContent": { "inner": { "text": HIDDEN } } }, { "text": "Two fathoms." }] },
    ]);
    let outcome = read(&lines(&[json!({ "messages": list })]));
    assert_eq!(turns(&outcome), [turn("How deep is the weir?", "Two fathoms.")]);
    assert!(flags(&outcome, 0).is_empty());
}

#[test]
fn a_log_of_changes_is_one_document() {
    let ask = |id: &str, words: &str| json!({ "requestId": id, "message": { "text": words }, "response": [], "timestamp": 1_770_000_000_000_u64 });
    let outcome = read(&lines(&[
        json!({ "kind": 0, "v": { "sessionId": "s", "responderUsername": "Helper", "requests": [] } }),
        json!({ "kind": 2, "k": ["requests"], "v": [ask("r1", "Where is the ford?")] }),
        json!({ "kind": 2, "k": ["requests", 0, "response"], "v": [{ "value": "Below the mill." }] }),
        json!({ "kind": 2, "k": ["requests"], "v": [ask("r2", "Is it deep?")] }),
        json!({ "kind": 1, "k": ["requests", 7, "response"], "v": [{ "value": "lost" }] }),
        json!({ "kind": 1, "k": ["requests", 1, "response"], "v": [{ "value": "To the knee." }] }),
    ]));
    assert_eq!(
        turns(&outcome),
        [turn("Where is the ford?", "Below the mill."), turn("Is it deep?", "To the knee.")]
    );
    assert_eq!((outcome.found.conversations, outcome.rejects.len()), (1, 1));
    assert!(outcome.rejects[0].reason.to_string().contains("requests.7.response"));
}

#[test]
fn a_table_of_messages_is_read_oldest_first() {
    let table = "Topic,Date,Sender,Text\nFerry,2026-02-03T11:20:09,AI,\"At dawn, if the wind allows.\"\nFerry,2026-02-03T11:20:01,Human,When does it cross?\n";
    assert_eq!(turns(&read(table.as_bytes())), [turn("When does it cross?", "At dawn, if the wind allows.")]);
}

#[test]
fn files_for_programs_are_named_and_not_read() {
    let yaml = "model: owl\nmessages:\n  - role: user\n    content: Who sleeps?\n  - role: assistant\n    content: The owl.\n";
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 9\n";
    let python = "[{'role': 'user', 'content': 'Who sleeps?'}]";
    let (koi8, _, _) = encoding_rs::KOI8_R.encode(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Кто спит в камышах у самой воды?\"}]}\n",
    );
    for (bytes, kind) in [
        (yaml.as_bytes(), "YAML"),
        (pointer.as_bytes(), "Git LFS"),
        (python.as_bytes(), "Python"),
        (&koi8[..], "older encoding"),
    ] {
        match import_bytes(bytes, &Roles::default()) {
            Err(ImportError::NotChats { what, way_out, .. }) => {
                assert!(what.contains(kind) && !way_out.is_empty(), "{what}")
            }
            other => panic!("{kind}: {:?}", other.map(|outcome| outcome.found)),
        }
    }
}

#[test]
fn a_list_that_is_there_is_not_called_missing() {
    let odd = json!({ "messages": [{ "tide": 1, "moon": "full" }] });
    let outcome = read(&lines(&[odd]));
    let reason = outcome.rejects[0].reason.to_string();
    assert!(reason.contains("the elements of `messages`") && reason.contains("`tide`, `moon`"), "{reason}");
    assert!(!reason.contains("no list of messages"));
}

#[test]
fn the_first_notice_of_a_chat_program_is_no_picture() {
    let log = "[03.02.26, 11:20:00] Tove: \u{200e}Messages and calls are end-to-end encrypted.\n\
        [03.02.26, 11:20:10] Tove: Who has the oars?\n[03.02.26, 11:21:00] Per: They are in the shed.\n\
        \u{200e}[03.02.26, 11:22:00] Tove: \u{200e}image omitted\n[03.02.26, 11:23:00] Per: That one is cracked.\n";
    let roles = Roles { assistants: vec!["Per".to_owned()], ..Roles::default() };
    let outcome = import_bytes(log.as_bytes(), &roles).expect("a chat");
    assert_eq!(turns(&outcome)[0], turn("Who has the oars?", "They are in the shed."));
    assert!(flags(&outcome, 0).is_empty());
    assert!(
        flags(&outcome, 1).iter().any(|rule| ["L03", "L32"].contains(rule)),
        "a picture is not in its words"
    );
}

#[test]
fn a_model_behind_the_time_is_no_part_of_a_name() {
    let text = "**User** (2026-02-03 11:20)\n\nWho has the oars?\n\n**Assistant** (2026-02-03 11:21) · owl-2\n\nThey are in the shed.\n\n\
        **User** (2026-02-03 11:22)\n\nBoth?\n\n**Assistant** (2026-02-03 11:23) · owl-2\n\nBoth.\n";
    let expected = [turn("Who has the oars?", "They are in the shed."), turn("Both?", "Both.")];
    assert_eq!(turns(&read(text.as_bytes())), expected);
}

#[test]
fn lines_of_the_exporter_are_no_words() {
    let text = "## You\n\nWho has the oars?\n\n🕓 2026-02-03 11:20:00\n\n## ChatGPT\n\nThey are in the shed.\n\n[Sent: 2026-02-03 11:20:09]\n\n---\n\n\
        ## You\n\nBoth?\n\n## ChatGPT\n\nBoth.\n\n---\n\n*Saved with [Oar](https://oar.test)*\n";
    let outcome = read(text.as_bytes());
    assert_eq!(turns(&outcome), [turn("Who has the oars?", "They are in the shed."), turn("Both?", "Both.")]);
    assert!(outcome.found.notes.iter().any(|note| note.contains("3 lines")), "{:?}", outcome.found.notes);
}

#[test]
fn the_history_of_a_coding_tool_is_its_prompts_and_answers() {
    let text = "\n# aider chat started at 2026-02-03 11:20:00\n\n> Aider v1  \n\n#### Who has the oars?  \n\nThey are in the shed.\n\n> Tokens: 3  \n\n\
        #### Both?  \n\nBoth.\n\n> Tokens: 4  \n";
    assert_eq!(
        turns(&read(text.as_bytes())),
        [turn("Who has the oars?", "They are in the shed."), turn("Both?", "Both.")]
    );
}

#[test]
fn a_call_that_failed_says_again_what_was_asked_before_it() {
    let asked = |words: &str| json!({ "role": "user", "content": words });
    let said = |words: &str| json!({ "role": "assistant", "content": words });
    let begin = json!([asked("Who salts the herring?")]);
    let more = json!([asked("Who salts the herring?"), said("The aunt, in March."), asked("And the eel?")]);
    let row = |id: &str, sent: &Value, output: Value| json!({ "id": id, "type": "GENERATION", "startTime": "2026-02-01T08:00:00Z", "sessionId": "s", "input": sent, "output": output });
    let done = row("o1", &begin, said("The aunt, in March."));
    let failed = row("o2", &more, Value::Null);
    for rows in [[&done, &failed], [&failed, &done]] {
        let outcome = read(json!(rows).to_string().as_bytes());
        let [first, second] = &outcome.conversations[..] else { panic!("{:?}", outcome.conversations) };
        let signs = [first, second].map(|conversation| identity::signs(conversation, None));
        assert!(signs[1].probes.iter().any(|(number, _)| signs[0].landmarks.contains(number)));
        assert!(identity::relation_of(first, second, Bond::Row) <= Relation::Grown);
        let both = identity::united(first, second, Reading::SameImport).expect("a tree").conversation;
        let found = candidates(&both, &ContextPolicy::default());
        assert_eq!((found.len(), found[0].prompt.as_str()), (1, "Who salts the herring?"));
        assert_eq!(both.nodes.len(), 3);
    }
}

#[test]
fn a_command_that_the_client_answers_is_no_prompt() {
    let row = |uuid: &str, above: &str, role: &str, words: &str| {
        json!({ "uuid": uuid, "parentUuid": above, "sessionId": "s", "type": role, "timestamp": "2026-02-01T08:00:00Z",
            "message": { "role": role, "content": words } })
    };
    let command = |name: &str, args: &str| {
        format!(
            "<command-name>/{name}</command-name>\n  <command-message>{name}</command-message>\n  <command-args>{args}</command-args>"
        )
    };
    let outcome = read(&lines(&[
        row("a", "", "user", "Who salts the herring?"),
        row("b", "a", "assistant", "The aunt, in March."),
        row("c", "b", "user", &command("model", HIDDEN)),
        row("d", "c", "user", &format!("<local-command-stdout>Set to {HIDDEN}</local-command-stdout>")),
        row(
            "e",
            "c",
            "user",
            &(command("add-dir", HIDDEN) + "<local-command-stdout>ok</local-command-stdout>"),
        ),
        row("f", "e", "user", "And the eel?"),
        row("g", "f", "assistant", "Nobody: it is smoked."),
        row("h", "g", "user", &command("review", "the barrel")),
        row("i", "h", "assistant", "The lid is loose."),
    ]));
    let expected = [
        turn("Who salts the herring?", "The aunt, in March."),
        turn("And the eel?", "Nobody: it is smoked."),
        turn("/review the barrel", "The lid is loose."),
    ];
    assert_eq!(turns(&outcome), expected);
    assert_eq!(left_out(&outcome, LeftOutKind::Hidden), 3);
}

#[test]
fn a_translation_beside_the_answer_is_counted_and_the_answer_is_whole() {
    let blocks = json!([{ "type": "main_text", "content": "The aunt, in March." }, { "type": "translation", "content": format!("{HIDDEN} im März.") }]);
    let outcome = read(
        json!({ "messages": [
            { "id": "1", "role": "user", "content": "Who salts the herring?" },
            { "id": "2", "role": "assistant", "blocks": blocks },
        ], "title": "Fish" })
        .to_string()
        .as_bytes(),
    );
    assert_eq!(turns(&outcome), [turn("Who salts the herring?", "The aunt, in March.")]);
    assert!(flags(&outcome, 0).is_empty());
    let counted = [LeftOutKind::Translation, LeftOutKind::UnknownPart].map(|kind| left_out(&outcome, kind));
    assert_eq!(counted, [1, 0]);
}

#[test]
fn what_a_person_passes_on_is_not_his_answer() {
    let telegram = |at: u32, from: &str, words: &str| {
        json!({ "id": at, "type": "message", "date_unixtime": (1_770_000_000 + at).to_string(), "from": from,
            "from_id": from, "text": words, "text_entities": [] })
    };
    let passed = |at: u32, from: &str, words: &str, source: Value| {
        let mut message = telegram(at, from, words);
        message["forwarded_from"] = source;
        message
    };
    let bot = json!({ "date_unixtime": "1770000008", "from": "Jon", "text": HIDDEN, "forward_origin": { "type": "hidden_user" } });
    let discord = json!({ "date_unixtime": "1770000009", "from": "Jon", "text": "",
        "message_snapshots": [{ "message": { "content": HIDDEN } }] });
    let chat = json!({ "name": "Jon", "type": "personal_chat", "id": 9, "messages": [
        telegram(1, "Mara", "Who salts the herring?"),
        telegram(2, "Jon", "The aunt, in March."),
        passed(3, "Jon", HIDDEN, json!("Fish Weekly")),
        passed(4, "Jon", HIDDEN, Value::Null),
        passed(5, "Jon", "She begins early.", json!("Jon")),
        { "id": 6, "type": "service", "date_unixtime": "1770000006", "actor": "Mara", "actor_id": "user1", "action": "phone_call",
            "discard_reason": "missed", "text": "", "text_entities": [] },
        bot,
        discord,
        passed(10, "Mara", "Eels are dear this year.", json!("Fish Weekly")),
        telegram(11, "Mara", "Is it so?"),
        telegram(12, "Jon", "It is, by half."),
    ] });
    let roles = Roles { assistants: vec!["Jon".to_owned()], users: Vec::new(), ..Roles::default() };
    let outcome = import_bytes(chat.to_string().as_bytes(), &roles).expect("a chat");
    let expected = [
        turn("Who salts the herring?", "The aunt, in March.\n\nShe begins early."),
        turn("> Eels are dear this year.\n\nIs it so?", "It is, by half."),
    ];
    assert_eq!(turns(&outcome), expected);
    let counted = [LeftOutKind::Forwarded, LeftOutKind::Event].map(|kind| left_out(&outcome, kind));
    assert_eq!(counted, [4, 1]);
}
