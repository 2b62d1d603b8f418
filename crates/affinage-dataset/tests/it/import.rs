//! Exports of ChatGPT and Claude: what is kept, what never becomes text, and what one bad element costs.

use affinage_dataset::conversation::Feedback;
use affinage_dataset::import::{Limits, Roles};
use affinage_dataset::message::Role;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::exports::{ChatGpt, HIDDEN, array, chatgpt, import_bytes, import_within, zip_of};

fn no_roles() -> Roles {
    Roles::default()
}

#[test]
fn every_visible_turn_is_kept_and_nothing_hidden_becomes_text() {
    let elements: Vec<Value> = (0..20).map(|i| chatgpt(&format!("c{i}"), 1 + i % 7)).collect();
    let outcome = import_bytes(&array(&elements), &no_roles()).expect("an export");
    assert_eq!((outcome.conversations.len(), outcome.rejects.len()), (20, 0));
    let candidates = outcome.candidates();
    assert_eq!(candidates.len(), (0..20).map(|i| 1 + i % 7).sum::<usize>());
    for candidate in &candidates {
        let turn = candidate.position;
        let id = candidate.conversation.strip_prefix("chatgpt:").expect("the provider");
        assert_eq!(candidate.prompt, format!("question {turn} of {id}"));
        assert_eq!(candidate.variants.len(), 1);
        assert_eq!(candidate.variants[0].text, format!("answer {turn} of {id}"));
        assert_eq!(candidate.variants[0].model.as_deref(), Some("gpt-4o"));
        assert_eq!(candidate.context.len(), 2 * turn.min(3), "whole exchanges, at most three");
        assert!(!format!("{:?}{:?}", candidate.context, candidate.system).contains(HIDDEN));
    }
    let kept = outcome.conversations.iter().flat_map(|c| &c.nodes).flat_map(|n| &n.blocks);
    assert!(kept.filter(|block| block.text.contains(HIDDEN)).count() > 20, "hidden text is typed, not lost");
}

#[test]
fn regenerations_and_edits_on_all_branches_are_variants_and_candidates() {
    let mut chat = ChatGpt::new("c");
    chat.user("u1", "Why do ruins move us?").assistant("a1", "First answer.");
    // A regeneration with reasoning in between is a sibling of a1 although its parent is another node.
    chat.back_to("u1")
        .noise("n")
        .assistant("a2", "Second answer.")
        .user("u2", "Go on.")
        .assistant("a3", "More.");
    chat.back_to("context")
        .user("u1b", "Why do old houses move us?")
        .assistant("a4", "On the edited prompt.");
    chat.back_to("a3");
    let outcome = import_bytes(&array(&[chat.element()]), &no_roles()).expect("an export");
    let candidates = outcome.candidates();
    let shown: Vec<(&str, Vec<(&str, bool)>)> = candidates
        .iter()
        .map(|c| (c.prompt.as_str(), c.variants.iter().map(|v| (v.text.as_str(), v.active)).collect()))
        .collect();
    assert_eq!(
        shown,
        [
            ("Why do ruins move us?", vec![("First answer.", false), ("Second answer.", true)]),
            ("Go on.", vec![("More.", true)]),
            ("Why do old houses move us?", vec![("On the edited prompt.", false)]),
        ]
    );
    assert_eq!(candidates[1].context[1].content, "Second answer.", "the context is that of its own branch");
}

#[test]
fn truncation_feedback_and_empty_answers_are_facts_of_the_variant() {
    let mut chat = ChatGpt::new("c");
    chat.user("u1", "Tell me everything.");
    chat.assistant_with("a1", "Everything begins", json!({ "finish_details": { "type": "max_tokens" } }));
    chat.user("u2", "And?").assistant("a2", "");
    let feedback = br#"[{"message_id":"a1","conversation_id":"c","rating":"thumbs_down","content":"{}"}]"#;
    let zip =
        zip_of(&[("message_feedback.json", feedback), ("conversations.json", &array(&[chat.element()]))]);
    let candidates = import_bytes(&zip, &no_roles()).expect("an export").candidates();
    assert_eq!(candidates[0].variants[0].truncated.as_deref(), Some("max_tokens"));
    assert_eq!(candidates[0].variants[0].feedback, Some(Feedback::Down));
    assert_eq!(candidates[1].variants[0].text, "", "an answer without words is shown, not hidden");
    assert!(candidates[1].context.len() == 2 && candidates.len() == 2);
}

#[test]
fn sharded_archives_are_read_whole_and_system_folders_ignored() {
    let shards: Vec<Vec<u8>> =
        (0..3).map(|i| array(&[chatgpt(&format!("s{i}"), 2), chatgpt(&format!("t{i}"), 1)])).collect();
    let zip = zip_of(&[
        ("user.json", b"{\"id\":\"u\"}"),
        ("__MACOSX/._conversations-000.json", b"\x00\x05\x16\x07"),
        ("chat.html", b"<html></html>"),
        ("conversations-001.json", &shards[1]),
        ("conversations-000.json", &shards[0]),
        ("conversations-002.json", &shards[2]),
    ]);
    let outcome = import_bytes(&zip, &no_roles()).expect("an export");
    let ids: Vec<&str> = outcome.conversations.iter().map(|c| c.native_id.as_str()).collect();
    assert_eq!(ids, ["s0", "t0", "s1", "t1", "s2", "t2"]);
    assert!(outcome.rejects.is_empty() && outcome.found.notes.is_empty(), "{:?}", outcome.found);
    let origin = &outcome.conversations[3].origin;
    let bytes = &shards[1][origin.offset as usize..][..origin.len_bytes as usize];
    assert_eq!((origin.member.as_str(), origin.element), ("conversations-001.json", 1));
    assert_eq!(serde_json::from_slice::<Value>(bytes).expect("the element")["id"], "t1");
}

#[test]
fn each_corrupt_element_loses_only_itself() {
    let good = |id: &str| chatgpt(id, 2).to_string().into_bytes();
    let mut cyclic = chatgpt("cyclic", 2);
    cyclic["mapping"]["cyclic-u0"]["parent"] = json!("cyclic-a1");
    let bad: Vec<Vec<u8>> = vec![
        b"\"Corrupted entry\"".to_vec(),
        b"null".to_vec(),
        b"{\"title\":\"no mapping\",\"id\":\"x\"}".to_vec(),
        b"{\"title\":\"bad \xff\xfe bytes\",\"mapping\":{}}".to_vec(),
        b"{\"title\":\"not json\",\"mapping\":{tru}}".to_vec(),
        cyclic.to_string().into_bytes(),
    ];
    let mut export = b"[".to_vec();
    for (index, bad) in bad.iter().enumerate() {
        export.extend(good(&format!("g{index}")));
        export.push(b',');
        export.extend(bad);
        export.push(b',');
    }
    export.extend(good("last"));
    export.push(b']');
    let outcome = import_bytes(&export, &no_roles()).expect("an export");
    assert_eq!(outcome.conversations.len(), 7);
    let reasons: Vec<String> =
        outcome.rejects.iter().map(|r| format!("{}: {}", r.origin.element, r.reason)).collect();
    insta::assert_snapshot!(reasons.join("\n"), @r"
    1: not a JSON object but a string
    3: not a JSON object but null
    5: no list of messages: looked for `messages`, `chat_messages`, `mapping`, `conversations` and the like; its keys are `title`, `id`
    7: `id` is missing, expected a string
    9: not valid JSON: key must be a string at line 1 column 32
    11: the parent links of node `cyclic-u0` form a cycle
    ");
}

#[test]
fn a_lost_bracket_or_a_cut_file_costs_one_conversation() {
    let elements: Vec<Value> = (0..5).map(|i| chatgpt(&format!("c{i}"), 3)).collect();
    let text = String::from_utf8(array(&elements)).expect("UTF-8");
    let third = text.find("question 1 of c2").expect("in the text");
    let brace = third + text[third..].find('}').expect("a bracket");
    let damaged = format!("{}{}", &text[..brace], &text[brace + 1..]);
    let outcome = import_bytes(damaged.as_bytes(), &no_roles()).expect("an export");
    let ids: Vec<&str> = outcome.conversations.iter().map(|c| c.native_id.as_str()).collect();
    assert_eq!(ids, ["c0", "c1", "c3", "c4"]);
    assert_eq!(outcome.rejects.len(), 1);

    let cut = &text.as_bytes()[..text.len() - 200];
    let outcome = import_bytes(cut, &no_roles()).expect("an export");
    assert_eq!(outcome.conversations.len(), 4);
    assert_eq!(outcome.rejects[0].reason.to_string(), "the file ends inside this element");
    assert_eq!(outcome.found.notes, ["export ends before its array is closed: the file may be cut off"]);
}

fn claude_message(uuid: &str, sender: &str, parent: Option<&str>, content: Value) -> Value {
    let mut message = json!({
        "uuid": uuid, "sender": sender, "text": "This block is not supported on your current device yet.",
        "content": content, "created_at": "2025-02-03T10:00:01.000000Z", "attachments": [], "files": [],
    });
    if let Some(parent) = parent {
        message["parent_message_uuid"] = json!(parent);
    }
    message
}

const SENTINEL: &str = "00000000-0000-4000-8000-000000000000";

fn says(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}

#[test]
fn claude_content_is_trusted_over_text_and_branches_are_variants() {
    let answer = json!([
        { "type": "thinking", "thinking": HIDDEN },
        { "type": "text", "text": "The hammer withdraws" },
        { "type": "tool_use", "name": "web_search", "input": { "content": HIDDEN } },
        { "type": "tool_result", "content": [{ "type": "text", "text": HIDDEN }] },
        { "type": "text", "text": "when it is used." },
    ]);
    let mut pasted = claude_message("m1", "human", Some(SENTINEL), json!([]));
    pasted["text"] = json!("");
    pasted["attachments"] =
        json!([{ "file_name": "", "extracted_content": "A pasted passage about tools." }]);
    pasted["files"] = json!([{ "file_name": "a.png" }]);
    let element = json!({
        "uuid": "k1", "name": "Hammer", "created_at": "2025-02-03T10:00:00Z",
        "chat_messages": [
            pasted,
            claude_message("m2", "assistant", Some("m1"), answer),
            claude_message("m3", "assistant", Some("m1"), says("A second try.")),
            claude_message("m4", "human", Some("m2"), says("Go on.")),
            claude_message("m5", "assistant", Some("m4"), says("On and on.")),
        ],
    });
    let outcome = import_bytes(&array(&[element]), &no_roles()).expect("an export");
    let candidates = outcome.candidates();
    assert_eq!(candidates.len(), 2);
    assert_eq!(candidates[0].prompt, "A pasted passage about tools.");
    assert_eq!(candidates[0].prompt_media_count, 1);
    let texts: Vec<(&str, bool)> =
        candidates[0].variants.iter().map(|v| (v.text.as_str(), v.active)).collect();
    assert_eq!(texts, [("The hammer withdraws\n\nwhen it is used.", true), ("A second try.", false)]);
    assert_eq!(candidates[1].context[0].role, Role::User);
}

#[test]
fn old_claude_exports_without_parents_are_linear() {
    let element = json!({ "uuid": "k", "name": "", "chat_messages": [
        claude_message("m1", "human", None, says("One?")),
        claude_message("m2", "assistant", None, says("One.")),
        claude_message("m3", "human", None, says("Two?")),
        claude_message("m4", "assistant", None, says("Two.")),
    ]});
    let zip = zip_of(&[("users.json", b"[]"), ("conversations.json", &array(&[element]))]);
    let candidates = import_bytes(&zip, &no_roles()).expect("an export").candidates();
    assert_eq!(candidates.len(), 2);
    assert_eq!(candidates[1].context.len(), 2);
    assert!(candidates.iter().all(|c| c.variants[0].active));
}

#[test]
fn a_grown_export_keeps_the_ids_of_what_was_there() {
    let before = import_bytes(&array(&[chatgpt("c", 3)]), &no_roles()).expect("an export").candidates();
    let after = import_bytes(&array(&[chatgpt("c", 5)]), &no_roles()).expect("an export").candidates();
    let ids = |candidates: &[affinage_dataset::candidate::Candidate]| -> Vec<String> {
        candidates.iter().map(|c| format!("{}/{}", c.candidate_id, c.variants[0].variant_id)).collect()
    };
    assert_eq!(ids(&before), ids(&after)[..3]);
    assert_eq!(after.len(), 5);
}

/// Bytes of a valid export with a few of them changed, cut or doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 0..6);
    (1usize..4, edits, any::<bool>()).prop_map(|(turns, edits, zipped)| {
        let mut bytes = array(&[chatgpt("a", turns), chatgpt("b", 2), chatgpt("c", 1)]);
        if zipped {
            bytes = zip_of(&[("conversations.json", &bytes)]);
        }
        for (place, byte, kind) in edits {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_an_importer_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), head in "(\\[|\\{|PK\x03\x04|SOCRATES: |# |\\[\\{\"mapping\":)?") {
        let mut all = head.into_bytes();
        all.extend(bytes);
        let limits = Limits { element_bytes: 200, ..Limits::default() };
        let _outcome = import_within(&all, &no_roles(), &limits);
    }

    #[test]
    fn damaged_exports_give_conversations_and_rejects_and_never_panic(bytes in mutated()) {
        if let Ok(outcome) = import_bytes(&bytes, &no_roles()) {
            for candidate in outcome.candidates() {
                prop_assert!(!candidate.variants.is_empty());
            }
        }
    }
}
