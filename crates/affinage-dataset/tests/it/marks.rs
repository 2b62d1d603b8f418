//! Marks that products set beside an answer: phases, thoughts, limits, forks, files, edits, their own words.

use affinage_dataset::candidate::{Candidate, ContextPolicy, candidates};
use affinage_dataset::identity::{Reading, united};
use affinage_dataset::import::{LeftOutKind, Roles};
use affinage_dataset::lint::{Severity, Subject, lint};
use serde_json::{Value, json};

use crate::exports::{ChatGpt, HIDDEN, Outcome, array, import_bytes, zip_of};

fn read(bytes: &[u8]) -> Outcome {
    import_bytes(bytes, &Roles::default()).expect("something that is read")
}

fn rows(rows: &[Value]) -> Vec<u8> {
    rows.iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes()
}

/// Prompts with their answers.
fn turns(candidates: &[Candidate]) -> Vec<(&str, Vec<&str>)> {
    candidates
        .iter()
        .map(|c| (c.prompt.as_str(), c.variants.iter().map(|v| v.text.as_str()).collect()))
        .collect()
}

/// Rules that flag an answer of a candidate with an error or a warning.
fn flags(candidate: &Candidate, variant: usize) -> Vec<&'static str> {
    let findings = lint(&[Subject::of_variant(candidate, &candidate.variants[variant])]);
    findings.iter().filter(|f| f.severity != Severity::Information).map(|f| f.rule).collect()
}

fn counted(outcome: &Outcome, kind: LeftOutKind) -> Vec<(String, usize)> {
    let rows = outcome.found.left_out.rows().into_iter().filter(|row| row.kind == kind);
    rows.map(|row| (row.name, row.count)).collect()
}

#[test]
fn of_an_answer_in_phases_only_the_answer_is_words() {
    let phase = |name: &str, words: &str| json!({ "phase": name, "content": words, "status": "finished" });
    for before in [
        vec![phase("thinking_summary", HIDDEN)],
        vec![phase("ThinkingSummary", ""), phase("search_plan", HIDDEN), phase("web_search", HIDDEN)],
        vec![phase("reasoning_draft", HIDDEN), phase("planning", HIDDEN), phase("drumming", HIDDEN)],
    ] {
        let mut list = before;
        list.push(phase("answer", "Lock gates lean against the water."));
        let tree = json!({
            "q": { "id": "q", "role": "user", "content": "Why do lock gates point upstream?", "parentId": null },
            "a": { "id": "a", "role": "assistant", "content": "", "parentId": "q", "content_list": list },
        });
        let chat = json!([{ "chat": { "history": { "messages": tree, "currentId": "a" } } }]);
        let outcome = read(chat.to_string().as_bytes());
        let found = outcome.candidates();
        assert_eq!(
            turns(&found),
            [("Why do lock gates point upstream?", vec!["Lock gates lean against the water."])],
            "{list:?}"
        );
        let read = [LeftOutKind::Reasoning, LeftOutKind::ToolTraffic, LeftOutKind::UnknownPart];
        let count: usize =
            read.into_iter().flat_map(|kind| counted(&outcome, kind)).map(|(_, count)| count).sum();
        assert_eq!(count, list.len() - 1, "what is not read is counted: {list:?}");
    }
}

#[test]
fn thoughts_in_a_quote_end_with_their_time() {
    for time in [
        "Worked for 2m 5s",
        "Thought for a few seconds",
        "*Thought about locks for 41 s*",
        "7 Sekunden lang nachgedacht",
        "Réflexion durant 12 secondes",
        "Pensó durante 8 segundos",
        "Думал 12 секунд",
        "思考了 9 秒",
        "12초 동안 생각함",
    ] {
        let file = format!(
            "## User:\n\nWhy is the lock deep?\n\n## Assistant:\n\n> **Weighing barges**\n>\n> {HIDDEN}\n>\n> {time}\n\nFor the barges.\n\n> Deep water, long keel.\n\n## User:\n\nHow deep?\n\n## Assistant:\n\n> Three fathoms.\n\nSo the old book says.\n"
        );
        let outcome = read(file.as_bytes());
        let found = outcome.candidates();
        let expected = [
            ("Why is the lock deep?", vec!["For the barges.\n\n> Deep water, long keel."]),
            ("How deep?", vec!["> Three fathoms.\n\nSo the old book says."]),
        ];
        assert_eq!(turns(&found), expected, "{time}");
        assert_eq!(counted(&outcome, LeftOutKind::Reasoning), [(String::new(), 1)], "{time}");
    }
    let callout =
        format!("## User:\n\nWhy?\n\n## Assistant:\n\n> [!note]- Thinking\n> {HIDDEN}\n\nFor the barges.\n");
    assert_eq!(turns(&read(callout.as_bytes()).candidates()), [("Why?", vec!["For the barges."])]);
}

#[test]
fn an_answer_that_goes_on_behind_its_limit_is_one_text() {
    let limit = json!({ "finish_details": { "type": "max_tokens" } });
    for (first, second, expected) in [
        (
            "The sluice opens at the turn of the",
            " tide and shuts.",
            "The sluice opens at the turn of the tide and shuts.",
        ),
        ("It is a slui", "ce of oak.", "It is a sluice of oak."),
        ("First the gate.\n\n", "Then the paddle.", "First the gate.\n\nThen the paddle."),
        ("First the gate.", "Then the paddle.", "First the gate.\n\nThen the paddle."),
    ] {
        let mut chat = ChatGpt::new("c");
        chat.user("q", "How does it work?").assistant_with("a", first, limit.clone()).assistant("b", second);
        let outcome = read(&array(&[chat.element()]));
        let found = outcome.candidates();
        assert_eq!(turns(&found), [("How does it work?", vec![expected])]);
        assert_eq!(found[0].variants[0].truncated, None);
    }
    let mut chat = ChatGpt::new("c");
    chat.user("q", "How?").assistant("a", "By hand").assistant("b", "and by foot.");
    assert_eq!(
        turns(&read(&array(&[chat.element()])).candidates()),
        [("How?", vec!["By hand\n\nand by foot."])]
    );
}

/// A session of an agent, with the heads before its messages.
fn session(heads: &[(&str, Option<&str>)], said: &[&str]) -> Vec<u8> {
    let head = |(id, fork): &(&str, Option<&str>)| json!({ "timestamp": "2026-03-01T08:00:00Z", "type": "session_meta", "payload": { "id": id, "cwd": "/lock", "forked_from_id": fork } });
    let message = |(index, words): (usize, &&str)| {
        let (role, kind) = if index % 2 == 0 { ("user", "input_text") } else { ("assistant", "output_text") };
        json!({ "timestamp": format!("2026-03-01T08:{index:02}:00Z"), "type": "response_item",
            "payload": { "type": "message", "role": role, "content": [{ "type": kind, "text": words }] } })
    };
    rows(&heads.iter().map(head).chain(said.iter().enumerate().map(message)).collect::<Vec<_>>())
}

#[test]
fn a_fork_of_a_session_is_a_branch_of_it() {
    const BEGIN: [&str; 2] = ["How wide is the lock of the canal?", "Seven feet, as all narrow locks are."];
    let first =
        session(&[("s-1", None)], &[&BEGIN[..], &["And how long is it then?", "Seventy-two feet."]].concat());
    let fork = session(
        &[("s-2", Some("s-1")), ("s-1", None)],
        &[&BEGIN[..], &["Who built it?", "James Brindley did."]].concat(),
    );
    let of_fork = session(
        &[("s-3", Some("s-2")), ("s-2", Some("s-1")), ("s-1", None)],
        &[&BEGIN[..], &["When was that?", "In 1772."]].concat(),
    );
    let bare = session(&[("s-4", Some("s-1"))], &[&BEGIN[..], &["Is it deep?", "No."]].concat());
    let zip = zip_of(&[("1.jsonl", &first), ("2.jsonl", &fork), ("3.jsonl", &of_fork), ("4.jsonl", &bare)]);
    let outcome = read(&zip);
    let [known, others @ ..] = outcome.conversations.as_slice() else { panic!("four sessions") };
    let mut all = known.clone();
    for other in others {
        assert_eq!(other.key(), known.key());
        all = united(&all, other, Reading::SameImport).expect("a tree").conversation;
    }
    let found = candidates(&all, &ContextPolicy::default());
    assert_eq!(found.len(), 5, "{:?}", turns(&found));
    assert_eq!(found.iter().filter(|c| c.prompt == BEGIN[0]).count(), 1);
    assert_eq!(session(&[], &[]), Vec::<u8>::new());
}

#[test]
fn rows_that_name_a_conversation_are_one_by_their_time() {
    let row = |id: u32, conversation: &str, minute: u32, prompt: &str, response: &str| {
        json!({ "id": format!("r{id}"), "model": "m", "prompt": prompt, "system": "Be brief.", "response": response,
            "conversation_id": conversation, "datetime_utc": format!("2026-03-01T08:{minute:02}:00") })
    };
    let mut log = vec![
        row(1, "c1", 1, "What is a paddle?", "A small gate in a lock."),
        row(2, "c2", 2, "What is a pound?", "The water between two locks."),
        row(3, "c1", 3, "Who lifts it?", "The one with the windlass."),
    ];
    for _ in 0..2 {
        for bytes in [Value::from(log.clone()).to_string().into_bytes(), rows(&log)] {
            let outcome = read(&bytes);
            assert_eq!(outcome.conversations.len(), 2);
            let found = outcome.candidates();
            let last = found.iter().find(|c| c.prompt == "Who lifts it?").expect("the follow-up");
            let context: Vec<&str> = last.context.iter().map(|message| message.content.as_str()).collect();
            assert_eq!(context, ["What is a paddle?", "A small gate in a lock."]);
            assert_eq!(last.variants[0].text, "The one with the windlass.");
            assert_eq!(found.len(), 3);
        }
        log.reverse();
    }
}

#[test]
fn files_beside_a_prompt_are_in_it_or_flagged() {
    let chat = |extra: Value| {
        json!([{ "conv": { "id": "k", "name": "Lock", "currNode": "2" }, "messages": [
            { "id": "1", "convId": "k", "type": "text", "timestamp": 1_772_352_000_000_u64, "role": "user", "content": "Shorten it.", "parent": null, "extra": extra },
            { "id": "2", "convId": "k", "type": "text", "timestamp": 1_772_352_001_000_u64, "role": "assistant", "content": "Shut the gate.", "parent": "1" },
        ] }])
    };
    for kind in ["TEXT", "textFile", "context"] {
        let extra = json!([{ "type": kind, "name": "rules.txt", "content": "Always shut the lower gate." }]);
        let outcome = read(chat(extra).to_string().as_bytes());
        assert!(outcome.candidates()[0].prompt.contains("Always shut the lower gate."), "{kind}");
    }
    for extra in [
        json!([{ "type": "IMAGE", "name": "gate.png", "base64Url": "data:image/png;base64,AAAA" }]),
        json!([{ "type": "AUDIO", "name": "gate.mp3", "base64Data": "AAAA", "mimeType": "audio/mpeg" }]),
    ] {
        let found = read(chat(extra).to_string().as_bytes()).candidates();
        assert!(flags(&found[0], 0).contains(&"L32"), "{found:?}");
    }
}

#[test]
fn a_text_beside_a_question_is_no_part_of_its_answer() {
    let row = json!({ "id": "r1", "model": "m", "prompt": "Shorten it.", "response": "Shut the gate.", "conversation_id": "c",
        "datetime_utc": "2026-03-01T08:00:00", "prompt_fragments": [{ "hash": "a0", "content": "Always shut the lower gate." }] });
    let found = read(&rows(&[row])).candidates();
    assert_eq!(turns(&found), [("Shorten it.\n\nAlways shut the lower gate.", vec!["Shut the gate."])]);
    let log = json!({ "messages": [
        { "role": "user", "content": "Who dug it?", "timestamp": 1_772_352_000 },
        { "role": "assistant", "content": "Navvies did.", "timestamp": 1_772_352_009, "extra": [{ "type": "web", "content": "A page about navvies." }] },
    ] });
    assert_eq!(
        turns(&read(log.to_string().as_bytes()).candidates()),
        [("Who dug it?", vec!["Navvies did."])]
    );
}

#[test]
fn an_edit_of_a_file_takes_its_fence_along() {
    for fence in ["```", "````", "~~~"] {
        let said = |text: String| json!({ "value": text });
        let response = json!([
            said("I turn the windlass twice.".to_owned()),
            { "kind": "codeblockUri", "uri": { "path": "/lock/gate.py" }, "isEdit": true },
            said(format!("\n{fence}\n")),
            { "kind": "textEditGroup", "uri": { "path": "/lock/gate.py" }, "edits": [[{ "text": HIDDEN }]] },
            said(format!("\n{fence}\n")),
            said("The gate opens now:\n\n````py\nopen()\n````\n".to_owned()),
        ]);
        let log = json!({ "requesterUsername": "mara", "responderUsername": "GitHub Copilot",
            "requests": [{ "requestId": "r1", "message": { "text": "Open it wider." }, "response": response, "timestamp": 1_772_352_000_000_u64 }] });
        let outcome = read(log.to_string().as_bytes());
        let answer = outcome.candidates()[0].variants[0].text.clone();
        assert_eq!(
            answer, "I turn the windlass twice.\n\nThe gate opens now:\n\n````py\nopen()\n````",
            "{fence}"
        );
        assert_eq!(counted(&outcome, LeftOutKind::ToolTraffic).len(), 1);
    }
}

#[test]
fn notes_that_were_sent_along_are_no_words_of_the_prompt() {
    let chat = |given: &str| {
        format!(
            "**user**: Which gate is older?\n{given}\n[Timestamp: 2026/03/01 08:00:00]\n\n**ai**: The upper one.\n[Timestamp: 2026/03/01 08:00:09]\n\n**user**: And [Context: war] of it?\n[Timestamp: 2026/03/01 08:01:00]\n\n**ai**: It was mended in the war.\n[Timestamp: 2026/03/01 08:01:09]\n"
        )
    };
    for given in
        ["[Context: Notes: Locks/Gate.md]", "[Context: Notes: [[Gate]], b.md | URLs: https://lock.test]"]
    {
        let outcome = read(chat(given).as_bytes());
        let found = outcome.candidates();
        let expected = [
            ("Which gate is older?", vec!["The upper one."]),
            ("And [Context: war] of it?", vec!["It was mended in the war."]),
        ];
        assert_eq!(turns(&found), expected);
        assert!(flags(&found[0], 0).contains(&"L32"));
        assert_eq!(counted(&outcome, LeftOutKind::Media).len(), 1);
    }
}

#[test]
fn words_of_a_service_are_no_answer() {
    let node = |id: &str, parent: &str, kind: &str, words: &str| json!({ "id": id, "parent": parent, "children": [], "message": { "inserted_at": "2026-03-01T08:00:00Z", "model": "m", "fragments": [{ "type": kind, "content": words }] } });
    let mapping = json!({
        "root": { "id": "root", "parent": null, "children": [], "message": null },
        "1": node("1", "root", "REQUEST", "Who dug it?"),
        "2": node("2", "1", "TEMPLATE_RESPONSE", "Let us talk of something else."),
        "3": node("3", "2", "REQUEST", "Who paid for it?"),
        "4": node("4", "3", "RESPONSE", "The Duke did."),
    });
    let outcome = read(json!([{ "id": "d", "title": "Canal", "mapping": mapping }]).to_string().as_bytes());
    assert_eq!(turns(&outcome.candidates()), [("Who paid for it?", vec!["The Duke did."])]);
    assert_eq!(counted(&outcome, LeftOutKind::Error), [(String::new(), 1)]);
    for (words, is_flagged) in [
        ("The server is busy. Please try again later.", true),
        ("Servers are currently overloaded, please try again in a few minutes.", true),
        ("服务器繁忙，请稍后再试。", true),
        ("The server is busy with the guests at the long table.", false),
    ] {
        let mut chat = ChatGpt::new("c");
        chat.user("q", "Where is he?").assistant("a", words);
        let found = read(&array(&[chat.element()])).candidates();
        assert_eq!(flags(&found[0], 0).contains(&"L14"), is_flagged, "{words}");
    }
}

#[test]
fn an_answer_that_a_filter_cut_is_cut() {
    let turn = |id: &str, name: &str, is_human: Option<bool>, answers: Value| {
        json!({ "turn_key": { "chat_id": "h", "turn_id": id }, "create_time": format!("2026-03-01T08:0{id}:00Z"),
            "author": { "author_id": name, "name": name, "is_human": is_human }, "candidates": answers, "primary_candidate_id": format!("{id}b") })
    };
    for of_keeper in [Some(false), None] {
        let asked = json!([{ "candidate_id": "1b", "raw_content": "What is in the lock?" }]);
        let answers = json!([
            { "candidate_id": "2a", "raw_content": "Only water and a boat." },
            { "candidate_id": "2b", "raw_content": "Only water, and at night", "safety_truncated": true },
        ]);
        let log = json!({ "turns": [turn("1", "mara", Some(true), asked), turn("2", "Keeper", of_keeper, answers)] });
        let found = read(log.to_string().as_bytes()).candidates();
        let cut: Vec<(&str, bool)> =
            found[0].variants.iter().map(|v| (v.text.as_str(), v.truncated.is_some())).collect();
        assert!(cut.contains(&("Only water, and at night", true)), "{cut:?}");
        assert!(cut.contains(&("Only water and a boat.", false)), "{cut:?}");
    }
}

#[test]
fn numbers_of_sources_are_flagged_and_taken_out() {
    for (text, is_flagged) in [
        ("The lock is old [[1]][[2]].", true),
        ("The lock is old [[1]](https://lock.test/a).", true),
        ("运河很老[[3]]。", true),
        ("Write `x[[1]]` for the first.\n\n```r\nx[[1]]\n```", false),
        ("R prints:\n\n[[1]]\n\nand the value.", false),
    ] {
        let mut chat = ChatGpt::new("c");
        chat.user("q", "Where is he?").assistant("a", text);
        let found = read(&array(&[chat.element()])).candidates();
        assert_eq!(flags(&found[0], 0).contains(&"L13"), is_flagged, "{text}");
    }
}
