//! Rows, archives that misbehave, and files that hold no conversation.

use affinage_dataset::conversation::Provider;
use affinage_dataset::import::{ImportError, Limits, Roles};
use affinage_dataset::message::Role;

use crate::exports::{array, chatgpt, import_bytes, import_within, zip_of};

fn no_roles() -> Roles {
    Roles::default()
}

const ROWS: &str = r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi?"},{"role":"assistant","content":[{"type":"text","text":"Hello."}]}]}
{"conversations":[{"from":"human","value":"Two?"},{"from":"gpt","value":"Two."},{"from":"human","value":"Three?"},{"from":"gpt","value":"Three."}]}

{"instruction":"Sort.","input":"b a","output":"a b","history":[["Earlier?","Yes."]]}
{"prompt":"Left?","completion":"Right."}
{"messages":[{"role":"user","content":"torn
{"messages":[{"role":"narrator","content":"?"}]}
{"text":"no roles here"}
"#;

#[test]
fn rows_of_every_shape_in_one_file_and_bad_lines_apart() {
    let outcome = import_bytes(ROWS.as_bytes(), &no_roles()).expect("rows");
    let providers: Vec<Provider> = outcome.conversations.iter().map(|c| c.provider).collect();
    assert_eq!(providers, [Provider::Messages, Provider::ShareGpt, Provider::Alpaca, Provider::Messages]);
    let candidates = outcome.candidates();
    let pairs: Vec<(&str, &str)> =
        candidates.iter().map(|c| (c.prompt.as_str(), c.variants[0].text.as_str())).collect();
    assert_eq!(
        pairs,
        [
            ("Hi?", "Hello."),
            ("Two?", "Two."),
            ("Three?", "Three."),
            ("Earlier?", "Yes."),
            ("Sort.\n\nb a", "a b"),
            ("Left?", "Right."),
        ]
    );
    assert_eq!(
        candidates[0].system.as_deref(),
        Some("Be brief."),
        "a dataset's system message belongs to it"
    );
    assert_eq!(candidates[2].context[1].role, Role::Assistant);
    let reasons: Vec<String> =
        outcome.rejects.iter().map(|r| format!("{}: {}", r.origin.element, r.reason)).collect();
    insta::assert_snapshot!(reasons.join("\n"), @r"
    5: not valid JSON: EOF while parsing a string at line 1 column 43
    6: `messages[0].role` is `narrator`, expected a role such as `user` or `assistant`
    7: no list of messages: looked for `messages`, `chat_messages`, `mapping`, `conversations` and the like; its keys are `text`
    ");
}

#[test]
fn one_object_over_many_lines_and_an_array_of_rows_are_read_too() {
    let pretty = serde_json::to_vec_pretty(&chatgpt("alone", 2)).expect("json");
    assert_eq!(import_bytes(&pretty, &no_roles()).expect("one object").candidates().len(), 2);
    let rows = r#"[{"messages":[{"role":"user","content":"a?"},{"role":"assistant","content":"a."}]}]"#;
    assert_eq!(import_bytes(rows.as_bytes(), &no_roles()).expect("rows").candidates().len(), 1);
}

#[test]
fn files_without_conversations_say_why() {
    let why = |bytes: &[u8]| {
        let outcome = match import_bytes(bytes, &no_roles()) {
            Ok(outcome) => outcome,
            Err(error) => return error.to_string(),
        };
        assert!(outcome.conversations.is_empty());
        outcome.found.reason_for_none.expect("a reason")
    };
    let reasons = [
        why(b""),
        why(b"  \n "),
        why(b"[]"),
        why(b"[{\"id\":1,\"name\":\"x\"}]"),
        why(b"{\"shopping\":[]}"),
        why(b"***\n\n---\n"),
        why(&zip_of(&[("photo.jpg", b"\xff\xd8\xff\xe0")])),
        why(b"%PDF-1.4"),
        why(&zip_of(&[("word/document.xml", b"<w/>")])),
        why(b"<!doctype html><html><body><div class=\"message\"><img src=\"a.png\"></div></body></html>"),
    ];
    insta::assert_snapshot!(reasons.join("\n"), @r"
    export is empty
    export is empty
    export holds no elements
    the first element was refused: no list of messages: looked for `messages`, `chat_messages`, `mapping`, `conversations` and the like; its keys are `id`, `name`
    the first element was refused: no list of messages: looked for `messages`, `chat_messages`, `mapping`, `conversations` and the like; its keys are `shopping`
    export is no text: it holds no words
    export holds no conversation; not read: photo.jpg (a picture (JPEG))
    export is a damaged PDF document, which affinage does not read
    export is no text: it holds no words
    export is a page that shows messages, of which it cannot be told who wrote them: take the export as JSON
    ");
}

#[test]
fn archives_that_misbehave_are_refused() {
    let export = array(&[chatgpt("c", 1)]);
    let traversal = import_bytes(&zip_of(&[("../conversations.json", &export)]), &no_roles());
    assert!(matches!(traversal, Err(ImportError::UnsafePath { path }) if path == "../conversations.json"));
    let mut bomb = b"[".to_vec();
    bomb.resize(2 << 20, b' ');
    let limits = Limits { unpacked_floor_bytes: 1 << 20, ..Limits::default() };
    let refused = import_within(&zip_of(&[("conversations.json", &bomb)]), &no_roles(), &limits);
    assert!(matches!(refused, Err(ImportError::Bomb { member, .. }) if member == "export"));
    let allowed = import_within(&zip_of(&[("conversations.json", &export)]), &no_roles(), &limits);
    assert_eq!(allowed.expect("a small archive").conversations.len(), 1);
    assert!(matches!(import_bytes(b"PK\x03\x04 nothing", &no_roles()), Err(ImportError::Zip(_))));
}

#[test]
fn a_long_line_is_refused_and_the_next_is_read() {
    let long = format!("{{\"prompt\":\"{}\",\"completion\":\"x\"}}", "y".repeat(5000));
    let rows = format!(
        "{{\"prompt\":\"a\",\"completion\":\"b\"}}\n{long}\n{{\"prompt\":\"c\",\"completion\":\"d\"}}\n"
    );
    let limits = Limits { element_bytes: 1000, ..Limits::default() };
    let outcome = import_within(rows.as_bytes(), &no_roles(), &limits).expect("rows");
    assert_eq!((outcome.conversations.len(), outcome.rejects.len()), (2, 1));
    assert_eq!(outcome.rejects[0].reason.to_string(), "longer than 1000 bytes");
}
