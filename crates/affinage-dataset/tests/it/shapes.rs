//! Shapes of products that say something beside the words of a chat: none of it is learnt, none of it is lost in silence.

use affinage_dataset::import::{LeftOutKind, Roles};
use serde_json::{Value, json};

use crate::exports::{HIDDEN, Outcome, import_bytes, zip_of};

const ASK: &str = "Why does the sluice leak?";
const ANSWER: &str = "The board has shrunk.";
const MORE: &str = "And in winter?";
const MORE_ANSWER: &str = "Ice lifts it.";

fn read(bytes: &[u8]) -> Outcome {
    let outcome = import_bytes(bytes, &Roles::default()).expect("a readable file");
    for candidate in outcome.candidates() {
        assert!(!format!("{candidate:?}").contains(HIDDEN), "{candidate:?}");
    }
    outcome
}

fn csv(table: &str) -> Outcome {
    read(&zip_of(&[("table.csv", table.as_bytes())]))
}

fn of(document: &Value) -> Outcome {
    read(document.to_string().as_bytes())
}

/// Prompts with their first answers.
fn shown(outcome: &Outcome) -> Vec<(String, String)> {
    outcome.candidates().into_iter().map(|c| (c.prompt, c.variants[0].text.clone())).collect()
}

fn pair(prompt: &str, answer: &str) -> (String, String) {
    (prompt.to_owned(), answer.to_owned())
}

fn count(outcome: &Outcome, kind: LeftOutKind) -> usize {
    outcome.found.left_out.rows().iter().filter(|row| row.kind == kind).map(|row| row.count).sum()
}

fn lines(rows: &[Value]) -> Vec<u8> {
    rows.iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes()
}

#[test]
fn reasoning_and_tools_named_by_a_role_are_no_answer() {
    let reasoning = [
        json!({ "role": "thinking", "content": HIDDEN }),
        json!({ "role": "Analysis", "content": HIDDEN }),
        json!({ "role": "assistant", "channel": "analysis", "content": HIDDEN }),
        json!({ "role": "assistant", "is_reasoning": true, "content": HIDDEN }),
        json!({ "role": "thought", "content": HIDDEN }),
    ];
    for message in reasoning {
        let list =
            json!([{ "role": "user", "content": ASK }, message, { "role": "assistant", "content": ANSWER }]);
        for document in
            [list.clone(), json!({ "messages": list }), json!({ "title": "Sluice", "messages": list })]
        {
            let outcome = of(&document);
            assert_eq!(shown(&outcome), [pair(ASK, ANSWER)], "{document}");
            assert_eq!(count(&outcome, LeftOutKind::Reasoning), 1, "{document}");
        }
    }
    let table = format!("role,content\nuser,{ASK}\nthinking,{HIDDEN}\nassistant,{ANSWER}\n");
    assert_eq!(shown(&read(table.as_bytes())), [pair(ASK, ANSWER)]);
}

#[test]
fn what_an_agent_writes_in_the_persons_name_is_no_prompt() {
    let text = |text: &str| json!([{ "type": "text", "text": text }]);
    let task = json!([
        { "role": "user", "content": [{ "type": "text", "text": format!("<task>\n{ASK}\n</task>") }, { "type": "text", "text": "<environment_details>\nHIDDEN\n</environment_details>" }] },
        { "role": "assistant", "content": text("<read_file>\n<path>HIDDEN.md</path>\n</read_file>") },
        { "role": "user", "content": [{ "type": "text", "text": "[read_file for 'HIDDEN.md'] Result:" }, { "type": "text", "text": HIDDEN }] },
        { "role": "assistant", "content": text(&format!("<attempt_completion>\n<result>\n{ANSWER}\n</result>\n</attempt_completion>")) },
        { "role": "user", "content": text(&format!("[attempt_completion] Result:\nThe user says HIDDEN:\n<feedback>\n{MORE}\n</feedback>\n<environment_details>HIDDEN</environment_details>")) },
        { "role": "assistant", "content": text(MORE_ANSWER) },
    ]);
    let outcome = of(&task);
    assert_eq!(shown(&outcome), [pair(ASK, ANSWER), pair(MORE, MORE_ANSWER)]);
    assert!(count(&outcome, LeftOutKind::ToolTraffic) > 1);
    let said = |role: &str, kind: &str, text: &str| json!({ "timestamp": "2026-05-01T10:00:00Z", "type": "response_item", "payload": { "type": "message", "role": role, "content": [{ "type": kind, "text": text }] } });
    let session = [
        said(
            "user",
            "input_text",
            "# AGENTS.md instructions for /mill\n\n<INSTRUCTIONS>\nHIDDEN\n</INSTRUCTIONS>",
        ),
        said("user", "input_text", "<recently_viewed_code_snippets>HIDDEN</recently_viewed_code_snippets>"),
        said("user", "input_text", ASK),
        said("assistant", "output_text", ANSWER),
    ];
    let outcome = read(&lines(&session));
    assert_eq!(shown(&outcome), [pair(ASK, ANSWER)]);
    assert_eq!(count(&outcome, LeftOutKind::Hidden), 2);
}

#[test]
fn the_record_of_a_message_in_a_text_is_its_words() {
    let record = json!({ "text": ANSWER, "sources": [{ "text": HIDDEN }], "type": "chat" }).to_string();
    let table = format!("id,prompt,response\n1,{ASK},\"{}\"\n", record.replace('"', "\"\""));
    assert_eq!(shown(&csv(&table)), [pair(ASK, ANSWER)]);
    assert_eq!(shown(&of(&json!({ "prompt": ASK, "completion": record }))), [pair(ASK, ANSWER)]);
    let asked_for = json!({ "answer": ANSWER }).to_string();
    assert_eq!(
        shown(&of(&json!({ "prompt": ASK, "completion": asked_for }))),
        [pair(ASK, &asked_for)],
        "JSON may be the answer"
    );
    let messages = json!([{ "role": "user", "content": ASK }]).to_string();
    let output = json!({ "role": "assistant", "content": ANSWER }).to_string();
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let calls = format!("id,input,output\n1,{},{}\n", quoted(&messages), quoted(&output));
    assert_eq!(shown(&csv(&calls)), [pair(ASK, ANSWER)]);
    let instructions =
        format!("instruction,input,output\nShorten it.,A long sluice.,Sluice.\n{ASK},<noinput>,{ANSWER}\n");
    assert_eq!(
        shown(&csv(&instructions)),
        [pair("Shorten it.\n\nA long sluice.", "Sluice."), pair(ASK, ANSWER)]
    );
}

#[test]
fn words_for_no_input_are_no_input() {
    for nothing in ["<noinput>", "N/A", "None", "nan", "-", " "] {
        let row = json!({ "instruction": ASK, "input": nothing, "output": ANSWER });
        assert_eq!(shown(&of(&row)), [pair(ASK, ANSWER)], "{nothing}");
    }
    let row = json!({ "instruction": "Who is named?", "context": "Ida met Jon.", "response": "Both.", "category": "qa" });
    assert_eq!(shown(&of(&row)), [pair("Who is named?\n\nIda met Jon.", "Both.")]);
}

#[test]
fn an_answer_that_was_corrected_elsewhere_is_not_learnt() {
    let record = json!({
        "id": "1", "fields": { "instruction": ASK, "response": HIDDEN },
        "responses": [{ "status": "submitted", "values": { "corrected": { "value": ANSWER } } }],
    });
    let outcome = of(&record);
    assert_eq!(shown(&outcome), [pair(ASK, ANSWER)]);
    let rows = outcome.found.left_out.rows();
    assert_eq!(rows.iter().map(|row| (row.kind, row.count)).collect::<Vec<_>>(), [(LeftOutKind::Message, 1)]);
}

#[test]
fn lists_of_messages_beside_the_first_are_read_or_counted() {
    let said = |role: &str, text: &str| json!({ "id": text, "role": role, "contentParts": [{ "type": "text", "text": text }] });
    let list = [said("user", ASK), said("assistant", ANSWER)];
    let older = [said("user", MORE), said("assistant", MORE_ANSWER)];
    let chat = json!({
        "id": "s", "name": "Sluice", "messages": list,
        "threads": [{ "id": "t", "name": "Older", "messages": older }],
        "messageForksHash": { "1": { "lists": [{ "messages": [] }, { "messages": [said("assistant", "Nobody greased it.")] }] } },
        "backup": list,
    });
    for document in [chat.clone(), json!({ "sessions": [chat] })] {
        let outcome = of(&document);
        let mut pairs = shown(&outcome);
        pairs.sort();
        assert_eq!(pairs, [pair(MORE, MORE_ANSWER), pair(ASK, ANSWER)], "{document}");
        let rows = outcome.found.left_out.rows();
        let other =
            rows.iter().find(|row| row.kind == LeftOutKind::Message).expect("the other answer is counted");
        assert_eq!((other.name.as_str(), other.count), ("another version", 1));
    }
    let plain = |pairs: [(&str, &str); 2]| {
        Value::from(pairs.map(|(role, text)| json!({ "role": role, "content": text })).to_vec())
    };
    let row = json!({
        "messages": plain([("user", ASK), ("assistant", ANSWER)]),
        "threads": [{ "messages": plain([("user", MORE), ("assistant", MORE_ANSWER)]) }],
    });
    assert_eq!(shown(&of(&row)).len(), 2, "also where the first is written as a row");
}

#[test]
fn the_answer_that_was_chosen_is_the_answer() {
    let candidates = json!([{ "candidate_id": "a", "raw_content": "Rot." }, { "candidate_id": "b", "raw_content": ANSWER }]);
    let flagged = json!([{ "content": "Rot." }, { "content": ANSWER, "is_selected": true }]);
    for answer in [
        json!({ "author": { "name": "Miller" }, "candidates": candidates, "primary_candidate_id": "b" }),
        json!({ "role": "assistant", "variants": flagged }),
    ] {
        let turns = json!([{ "role": "user", "content": ASK }, answer]);
        let outcome = of(&json!({ "title": "Mill", "turns": turns }));
        let candidate = &outcome.candidates()[0];
        let active: Vec<&str> =
            candidate.variants.iter().filter(|v| v.active).map(|v| v.text.as_str()).collect();
        assert_eq!((candidate.variants.len(), active), (2, vec![ANSWER]), "{answer}");
    }
}

#[test]
fn links_and_names_of_messengers_are_shown_as_they_were() {
    let said = |name: &str, text: &str, ts: &str| json!({ "type": "message", "username": name, "text": text, "ts": ts });
    let slack = json!([
        said("mara", ASK, "1767607200.000100"),
        said("GPT", "See <https://mill.test|the mill> &amp; <@U7>.", "1767607201.000100")
    ]);
    assert_eq!(shown(&of(&slack)), [pair(ASK, "See [the mill](https://mill.test) & @U7.")]);
    let author = |name: &str, is_bot: bool| json!({ "name": name, "isBot": is_bot });
    let discord = json!({ "guild": { "id": "1" }, "channel": { "id": "2" }, "messages": [
        { "id": "1", "type": "Default", "timestamp": "2026-05-01T10:00:00Z", "content": format!("<@9> {ASK}"), "author": author("ann", false), "mentions": [{ "id": "9", "name": "miller" }] },
        { "id": "2", "type": "Reply", "timestamp": "2026-05-01T10:01:00Z", "content": ANSWER, "author": author("miller", true), "mentions": [] },
    ] });
    assert_eq!(shown(&of(&discord)), [pair(&format!("@miller {ASK}"), ANSWER)]);
}

#[test]
fn transcripts_of_every_dress_are_transcripts() {
    for text in [
        format!(
            "# Sluice\n_Exported on 3 May from a program_\n\n---\n\n**User**\n\n{ASK}\n\n---\n\n**Cursor**\n\n{ANSWER}\n"
        ),
        format!("---\n\n**User**\n\n{ASK}\n\n---\n\n**Millwright**\n\n{ANSWER}\n"),
        format!("=== USER ===\n{ASK}\n\n=== ASSISTANT ===\n{ANSWER}\n"),
        format!("---\n\n**user**\n\n{ASK}\n\n---\n\n**assistant** (m-4)\n\n{ANSWER}\n"),
        format!("[User]\n{ASK}\n\n[Assistant]\n{ANSWER}\n"),
        format!("User\n----\n\n{ASK}\n\nAssistant\n---------\n\n{ANSWER}\n"),
        format!("<h3>User</h3>\n\n{ASK}\n\n<h3>ChatGPT</h3>\n\n{ANSWER}\n"),
        format!("<user>\n{ASK}\n</user>\n<assistant>\n{ANSWER}\n</assistant>\n"),
        format!("## Message 1 - User\n\n{ASK}\n\n## Message 2 - Assistant\n\n{ANSWER}\n"),
        format!(
            "---\nmodel: m\n---\n\n# Chat\n\n{ASK}\n\n<hr class=\"__chatgpt_plugin\">\n\n### role::assistant<span style=\"a\"> (m)</span>\n\n{ANSWER}\n\n<hr class=\"__chatgpt_plugin\">\n\n### role::user\n\n"
        ),
        format!(
            "## Prompt\n\n{ASK}\n\n## System\n\nHIDDEN\n\n## Response\n\n{ANSWER}\n\n## Token usage\n\n12 input, 9 output\n"
        ),
        format!("## User\n\n{ASK}\n\n## Thinking\n\nHIDDEN\n\n## Assistant\n\n{ANSWER}\n\n*340 tokens*\n"),
        format!("User: {ASK}\n\nThinking: HIDDEN\n\nAssistant: {ANSWER}\n"),
        format!("## User\n\n{ASK}\n\n## Assistant\n\n### Thinking\n\nHIDDEN\n\n---\n\n{ANSWER}\n"),
        format!(
            "<img src=\"https://a.test/pplx-logo.png\"/>\n\n# {ASK}\n\n{ANSWER}[^1]\n\n<div style=\"text-align: center\">\u{2042}</div>\n\n[^1]: https://a.test\n"
        ),
        format!(
            "# User\n\n{ASK}\n\n---\n# Assistant\n\n<div style=\"a\">\n<details>\n<summary>Reasoning</summary>\nHIDDEN\n</details>\n</div>\n{ANSWER}\n"
        ),
    ] {
        let outcome = read(text.as_bytes());
        assert_eq!(shown(&outcome), [pair(ASK, ANSWER)], "{text}");
        assert!(outcome.found.formats.contains_key("transcript"), "{text}");
    }
}

#[test]
fn logs_of_several_conversations_are_parted() {
    let log = format!(
        "# 2026-05-01T10:00:00    conversation: 01a id: 01b\n\nModel: **m**\n\n## Prompt\n\n{ASK}\n\n## Response\n\n{ANSWER}\n\n\
         # 2026-05-02T10:00:00    conversation: 01c id: 01d\n\nModel: **m** (resolved: **m-2**)\n\n## Prompt\n\n{MORE}\n\n## Response\n\n{MORE_ANSWER}\n"
    );
    let outcome = read(log.as_bytes());
    assert_eq!(shown(&outcome), [pair(ASK, ANSWER), pair(MORE, MORE_ANSWER)]);
    assert_eq!(outcome.conversations.len(), 2);
}

#[test]
fn headings_of_an_answer_are_no_other_part() {
    let answer = format!("{ANSWER}\n\n## Analysis\n\nWood works.\n\n## Tools\n\nA plane.");
    let outcome = read(format!("## User\n\n{ASK}\n\n## Assistant\n\n{answer}\n").as_bytes());
    assert_eq!(shown(&outcome), [pair(ASK, &answer)]);
    let notes = "# Roles\n\n## User\n\nMay read all of it, but writes to nothing that stands in the shared rooms of the house.\n\n## Group\n\nHolds many users.\n\n## Owner\n\nMay write, too.\n";
    assert!(read(notes.as_bytes()).found.formats.contains_key("note"), "headings of a text are no speakers");
}

#[test]
fn a_text_that_a_program_parted_is_never_notes() {
    for text in [
        format!("<|im_start|>reader\n{ASK}<|im_end|>\n{ANSWER}\n"),
        format!("{ASK}\n\n{ANSWER}\n\n_Exported from ChatGPT on 3 May_\n"),
        format!("# CHAT: [2026-05-01T10:00:00+01:00]\n{ASK}\n--------\n{ANSWER}\n--------\n"),
        format!("### role::reader\n\n{ASK}\n\n### role::miller\n\n{ANSWER}\n"),
    ] {
        let outcome = import_bytes(text.as_bytes(), &Roles::default()).expect("a refusal in words");
        assert!(outcome.conversations.is_empty() && outcome.found.reason_for_none.is_some(), "{text}");
    }
}

#[test]
fn parts_beside_the_text_of_a_document_are_counted() {
    let document = "<w:document><w:body><w:p><w:r><w:t>A sluice holds the water of the mill, and its board shrinks when the summer is dry.</w:t></w:r></w:p></w:body></w:document>";
    let zip = zip_of(&[
        ("word/document.xml", document.as_bytes()),
        ("word/comments.xml", b"<w:comments><w:comment/></w:comments>"),
        ("word/footnotes.xml", b"<w:footnotes><w:footnote w:id=\"1\"/></w:footnotes>"),
    ]);
    let outcome = read(&zip);
    assert_eq!(count(&outcome, LeftOutKind::Beside), 2);
    assert!(outcome.found.left_out.lines().iter().any(|line| line.detail == "comment, footnote"));
}
