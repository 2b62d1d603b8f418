//! Chat templates against transformers (`testdata/golden/make_templates.py`).

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::{ChatTemplate, GenerationPrompt, SpecialTokens, TemplateError};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../../testdata/golden/templates.json")).expect("valid JSON")
}

fn special(fixture: &Value) -> SpecialTokens {
    let token = |name: &str| fixture["special"][name].as_str().map(str::to_owned);
    SpecialTokens {
        bos: token("bos_token"),
        eos: token("eos_token"),
        pad: token("pad_token"),
        unk: token("unk_token"),
    }
}

fn compile(fixture: &Value, source: &str) -> Result<ChatTemplate, TemplateError> {
    let today = fixture["today"].as_str().expect("a date").parse().expect("a date");
    ChatTemplate::new(source, special(fixture), Some(today))
}

/// Each conversation without and with the generation prompt; `None` where the template raises an error.
fn texts(fixture: &Value, template: &ChatTemplate) -> Vec<Option<String>> {
    let conversations: Vec<Vec<Message>> =
        serde_json::from_value(fixture["conversations"].clone()).expect("messages");
    let both = |messages: &Vec<Message>| {
        [GenerationPrompt::Omit, GenerationPrompt::Add].map(|prompt| template.render(messages, prompt).ok())
    };
    conversations.iter().flat_map(both).collect()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn our_templates_render_as_in_transformers() {
    let fixture = fixture();
    for own in fixture["own"].as_array().expect("a list") {
        let template = compile(&fixture, own["source"].as_str().expect("a text")).expect("compiles");
        let expected: Vec<Option<String>> = serde_json::from_value(own["texts"].clone()).expect("texts");
        assert_eq!(texts(&fixture, &template), expected, "{}", own["name"]);
    }
}

/// `AFFINAGE_ORACLE/chat_templates` is the folder of that name in the wheel of trl 1.16.0.
#[test]
#[ignore = "needs AFFINAGE_ORACLE"]
fn templates_of_released_models_render_as_in_transformers() {
    let fixture = fixture();
    let folder = std::env::var("AFFINAGE_ORACLE").expect("AFFINAGE_ORACLE is set");
    let mut wrong = Vec::new();
    for other in fixture["others"].as_array().expect("a list") {
        let file = other["file"].as_str().expect("a name");
        let source = std::fs::read_to_string(format!("{folder}/chat_templates/{file}"))
            .expect("the template is there");
        assert_eq!(sha256(&source), other["sha256"].as_str().expect("a hash"), "{file} is another version");
        let expected: Vec<Option<String>> =
            serde_json::from_value(other["texts_sha256"].clone()).expect("hashes");
        match compile(&fixture, &source) {
            Err(error) => wrong.push(format!("{file}: {error}")),
            Ok(template) => {
                let found = texts(&fixture, &template);
                let found: Vec<Option<String>> =
                    found.iter().map(|text| text.as_deref().map(sha256)).collect();
                let places: Vec<usize> = (0..found.len()).filter(|&i| found[i] != expected[i]).collect();
                if !places.is_empty() {
                    wrong.push(format!("{file}: texts {places:?} differ"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn today_must_be_pinned() {
    let source =
        "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% endif %}{{ messages[0].content }}";
    let template = ChatTemplate::new(source, SpecialTokens::default(), None).expect("compiles");
    let error =
        template.render(&[Message::new(Role::User, "hi")], GenerationPrompt::Omit).expect_err("no date");
    assert!(matches!(error, TemplateError::DateNotPinned), "{error}");
    insta::assert_snapshot!(error, @"the chat template writes today's date, and no date is pinned");
}

#[test]
fn errors_say_what_the_template_says_and_nothing_of_the_conversation() {
    let raise = |source: &str| {
        let template = ChatTemplate::new(source, SpecialTokens::default(), None).expect("compiles");
        let secret = [Message::new(Role::User, "a secret")];
        template.render(&secret, GenerationPrompt::Omit).expect_err("it raises").to_string()
    };
    insta::assert_snapshot!(raise("\n{{ raise_exception('No user turn') }}"),
        @"the chat template fails on this conversation: No user turn (line 2)");
    insta::assert_snapshot!(raise("{{ messages[0].content.nonsense() }}"),
        @"the chat template fails on this conversation: string has no method named nonsense (line 1)");
    let error = ChatTemplate::new("{% for %}", SpecialTokens::default(), None).err().expect("not Jinja");
    insta::assert_snapshot!(error, @"the chat template is not valid: unexpected end of block, expected in (line 1)");
}

#[test]
fn the_default_of_several_named_templates_is_taken() {
    let source = |entry: Value| ChatTemplate::source_in_config(&entry);
    assert_eq!(source(Value::Null).expect("none"), None);
    assert_eq!(source(json!("x")).expect("a text"), Some("x".to_owned()));
    let named = json!([{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]);
    assert_eq!(source(named).expect("a default"), Some("d".to_owned()));
    let error = source(json!([{"name": "rag", "template": "r"}, {"name": "tool_use", "template": "t"}]));
    insta::assert_snapshot!(error.expect_err("no default"),
        @"the model names several chat templates (rag, tool_use) and none of them is `default`");
    assert!(matches!(source(json!({"a": 1})), Err(TemplateError::TemplateForm)));
    assert!(matches!(source(json!([{"name": "default"}])), Err(TemplateError::TemplateForm)));
}
