//! Exports of local tools and of Google: branches, regenerations, reasoning, ratings and cuts.

use affinage_dataset::candidate::Candidate;
use affinage_dataset::conversation::Feedback;
use affinage_dataset::import::Roles;
use serde_json::{Value, json};

use crate::exports::import_bytes;

fn candidates(export: &Value, format: &str) -> Vec<Candidate> {
    let outcome = import_bytes(export.to_string().as_bytes(), &Roles::default()).expect("an export");
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.rejects);
    assert_eq!(outcome.found.formats.keys().collect::<Vec<_>>(), [&format]);
    assert!(!format!("{:?}", outcome.candidates()).contains("HIDDEN"), "reasoning and tools are no text");
    outcome.candidates()
}

/// Prompt, and the answers with whether each is on the branch the user ended on.
fn shown(candidates: &[Candidate]) -> Vec<(&str, Vec<(&str, bool)>)> {
    candidates
        .iter()
        .map(|c| (c.prompt.as_str(), c.variants.iter().map(|v| (v.text.as_str(), v.active)).collect()))
        .collect()
}

#[test]
fn open_webui() {
    let export = json!([{ "id": "x", "title": "T", "created_at": 1700000000, "folder_id": "notes", "chat": { "history": {
        "currentId": "b2", "messages": {
            "a": { "id": "a", "parentId": null, "role": "user", "content": "Why boats?" },
            "b": { "id": "b", "parentId": "a", "role": "assistant", "content": "First.", "model": "llama3", "done": false },
            "b2": { "id": "b2", "parentId": "a", "role": "assistant", "model": "llama3", "done": true,
                "content": "<details type=\"reasoning\" done=\"true\">\n<summary>Thought</summary>\nHIDDEN\n</details>\nSecond.",
                "annotation": { "rating": 1 } },
        } } } }]);
    let found = candidates(&export, "open-webui");
    assert_eq!(shown(&found), [("Why boats?", vec![("First.", false), ("Second.", true)])]);
    assert_eq!(found[0].variants[0].truncated.as_deref(), Some("not done"));
    assert_eq!(found[0].variants[1].feedback, Some(Feedback::Up));
    assert_eq!(found[0].variants[1].model.as_deref(), Some("llama3"));
}

#[test]
fn libre_chat_flat_and_nested() {
    let root = "00000000-0000-0000-0000-000000000000";
    let ask =
        json!({ "messageId": "m", "parentMessageId": root, "isCreatedByUser": true, "text": "Why boats?" });
    let reply = json!({ "messageId": "n", "parentMessageId": "m", "isCreatedByUser": false, "model": "gpt-4o",
        "isEdited": true, "finish_reason": "incomplete", "text": "",
        "content": [{ "type": "think", "think": "HIDDEN" }, { "type": "text", "text": "They float." }] });
    let mut nested = ask.clone();
    nested["children"] = json!([reply]);
    for export in [
        json!({ "conversationId": "c", "title": "T", "messages": [ask, reply] }),
        json!({ "conversationId": "c", "title": "T", "messagesTree": [nested] }),
    ] {
        let found = candidates(&export, "librechat");
        assert_eq!(shown(&found), [("Why boats?", vec![("They float.", true)])]);
        assert!(found[0].variants[0].edited);
        assert_eq!(found[0].variants[0].truncated.as_deref(), Some("incomplete"));
    }
}

#[test]
fn lm_studio() {
    let user = |text: &str| {
        json!({ "versions": [{ "type": "singleStep", "role": "user",
        "content": [{ "type": "text", "text": text }] }], "currentlySelected": 0 })
    };
    let step = |text: &str, style: Value| {
        json!({ "type": "contentBlock", "style": style,
        "content": [{ "type": "text", "text": text }] })
    };
    let version = |text: &str| {
        json!({ "type": "multiStep", "role": "assistant", "senderInfo": { "senderName": "qwen" },
        "steps": [step("HIDDEN", json!({ "type": "thinking" })), step(text, Value::Null)] })
    };
    let export = json!({ "name": "T", "createdAt": 1746605587520i64, "messages": [
        user("Why boats?"),
        { "versions": [version("First."), version("Second.")], "currentlySelected": 1 },
        user("And?"),
        { "versions": [version("So.")], "currentlySelected": 0 },
    ] });
    let found = candidates(&export, "lm-studio");
    assert_eq!(
        shown(&found),
        [("Why boats?", vec![("First.", false), ("Second.", true)]), ("And?", vec![("So.", true)]),]
    );
    assert_eq!(found[1].context[1].content, "Second.");
}

#[test]
fn ai_studio_and_workspace() {
    let chunks = json!([{ "role": "user", "text": "Why boats?" }, { "role": "model", "text": "HIDDEN", "isThought": true },
        { "role": "model", "text": "They float.", "finishReason": "MAX_TOKENS" }]);
    let drive =
        json!({ "runSettings": { "model": "models/gemini-2.5-pro" }, "chunkedPrompt": { "chunks": chunks } });
    let found = candidates(&drive, "ai-studio");
    assert_eq!(shown(&found), [("Why boats?", vec![("They float.", true)])]);
    assert_eq!(found[0].variants[0].model.as_deref(), Some("gemini-2.5-pro"));
    assert_eq!(found[0].variants[0].truncated.as_deref(), Some("MAX_TOKENS"));

    let turn =
        |text: &str| json!({ "system_turn": { "text": [{ "data": text }], "model_thoughts": "HIDDEN" } });
    let takeout = json!({ "title": "T", "creation_time": "2026-02-02T07:24:02Z", "conversation_turns": [
        { "user_turn": { "prompt": "Why boats?", "turn_index": 0 } }, turn("First."), turn("Second."),
        { "user_turn": { "prompt": "And?", "turn_index": 1 } }, turn("So."),
    ] });
    let found = candidates(&takeout, "gemini");
    assert_eq!(
        shown(&found),
        [("Why boats?", vec![("First.", false), ("Second.", true)]), ("And?", vec![("So.", true)]),]
    );
}
