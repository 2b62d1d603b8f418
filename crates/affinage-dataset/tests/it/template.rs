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

/// `testdata/golden/make_constructs.py` asked transformers; `null` is an error there.
#[test]
fn constructs_give_what_jinja2_makes_of_them() {
    let fixture: Value = serde_json::from_str(include_str!("../../../../testdata/golden/constructs.json"))
        .expect("valid JSON");
    let messages: Vec<Message> = serde_json::from_value(fixture["messages"].clone()).expect("messages");
    let mut wrong = Vec::new();
    for construct in fixture["constructs"].as_array().expect("a list") {
        let source = construct["source"].as_str().expect("a text");
        let template = compile(&fixture, source);
        for (prompt, text) in [GenerationPrompt::Omit, GenerationPrompt::Add].into_iter().zip(0..) {
            let found = template
                .as_ref()
                .map_err(ToString::to_string)
                .and_then(|template| template.render(&messages, prompt).map_err(|error| error.to_string()));
            if found.as_deref().ok() != construct["texts"][text].as_str() {
                wrong.push(format!("{source}\n   ours   {found:?}\n   theirs {}", construct["texts"][text]));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// `AFFINAGE_TEMPLATES` is a file that `testdata/golden/make_constructs.py FOLDER... OUT.json` wrote.
#[test]
#[ignore = "needs AFFINAGE_TEMPLATES"]
fn templates_of_other_projects_give_what_jinja2_makes_of_them() {
    let file = std::env::var("AFFINAGE_TEMPLATES").expect("AFFINAGE_TEMPLATES is set");
    let fixture: Value =
        serde_json::from_str(&std::fs::read_to_string(file).expect("the file is there")).expect("valid JSON");
    let (mut wrong, mut equal, mut both_refuse) = (Vec::new(), 0, 0);
    for other in fixture["others"].as_array().expect("a list") {
        let file = other["file"].as_str().expect("a name");
        let expected: Vec<Option<String>> = serde_json::from_value(other["texts"].clone()).expect("texts");
        let template = match compile(&fixture, other["source"].as_str().expect("a text")) {
            Ok(template) => template,
            Err(error) if expected.iter().all(Option::is_none) => {
                both_refuse += expected.len();
                println!("{file}: both refuse it, here: {error}");
                continue;
            }
            Err(error) => {
                wrong.push(format!("{file}: {error}"));
                continue;
            }
        };
        let conversations: Vec<Vec<Message>> =
            serde_json::from_value(fixture["conversations"].clone()).expect("messages");
        let prompts = [GenerationPrompt::Omit, GenerationPrompt::Add];
        let cases = conversations.iter().flat_map(|messages| prompts.map(|prompt| (messages, prompt)));
        for ((messages, prompt), expected) in cases.zip(&expected) {
            match (template.render(messages, prompt), expected) {
                (Ok(found), Some(expected)) if found == *expected => equal += 1,
                (Err(_), None) => both_refuse += 1,
                (found, expected) => {
                    wrong.push(format!("{file}\n   ours   {found:?}\n   theirs {expected:?}"))
                }
            }
        }
    }
    println!("{equal} equal, {both_refuse} refused by both, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// What a template cannot do here: each stops at a bound, and the error names it.
#[test]
fn templates_without_end_stop() {
    let said = |source: &str| {
        let outcome = ChatTemplate::new(source, SpecialTokens::default(), None)
            .and_then(|template| template.render(&[Message::new(Role::User, "hi")], GenerationPrompt::Omit));
        match outcome {
            Err(TemplateError::Limit(error)) => error.to_string(),
            other => panic!("{source}: {other:?}"),
        }
    };
    let deep =
        |open: &str, close: &str, n: usize| format!("{{{{ {}1{} }}}}", open.repeat(n), close.repeat(n));
    let double = |start: &str, step: &str| {
        format!(
            "{{% set n = namespace(x={start}) %}}{{% for i in range(99) %}}{{% set n.x = {step} %}}{{% endfor %}}"
        )
    };
    let cases = [
        ("{% for i in range(10 ** 9) %}{% endfor %}".to_owned(), "`range` of more than 100000"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}".to_owned(), "million steps"),
        ("{% for i in range(99999) %}{{ 'abcdefghij' * 999 }}{% endfor %}".to_owned(), "a text of more than 64 MiB"),
        (double("'ab'", "n.x ~ n.x"), "a text of more than 64 MiB"),
        (double("'ab'", "n.x + n.x"), "a text of more than 64 MiB"),
        (double("'ab'", "n.x.replace('', n.x)"), "a text of more than 64 MiB"),
        (double("'ab'", "n.x | replace('a', n.x)"), "a text of more than 64 MiB"),
        (double("'ab'", "n.x.join(n.x)"), "a text of more than 64 MiB"),
        (double("[1]", "n.x + n.x"), "MiB"),
        (double("[1]", "[n.x, n.x]") + "{{ n.x }}", "steps"),
        (double("[1]", "[n.x, n.x]") + "{{ n.x | tojson }}", "steps"),
        (double("[1]", "[n.x]").replace("99", "999"), "nests lists more than 100 deep"),
        ("{% set a = namespace(x=[1]) %}{% for i in range(60) %}{% set a.x = [a.x, a.x] %}{% endfor %}\
          {% set b = namespace(x=[1]) %}{% for i in range(60) %}{% set b.x = [b.x, b.x] %}{% endfor %}{{ a.x == b.x }}"
            .to_owned(), "steps"),
        ("{{ 'a' * 10 ** 12 }}".to_owned(), "a text of more than 64 MiB"),
        ("{{ [1] * 10 ** 12 }}".to_owned(), "MiB"),
        ("{{ 'a'.center(10 ** 12) }}".to_owned(), "a text of more than 64 MiB"),
        ("{{ '{:>999999999}'.format(1) }}".to_owned(), "a text of more than 64 MiB"),
        ("{{ '%999999999d' % 1 }}".to_owned(), "a text of more than 64 MiB"),
        ("{{ 'a' | indent(10 ** 12) }}".to_owned(), "a text of more than 64 MiB"),
        ("{{ [1] | tojson(indent=10 ** 12) }}".to_owned(), "a text of more than 64 MiB"),
        ("{{ [1] | slice(10 ** 12) | list }}".to_owned(), "MiB"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(), "levels deep"),
        (deep("(", ")", 999), "nests more than"),
        (deep("[", "]", 999), "nests more than"),
        (deep("not ", "", 9999), "nests more than"),
        (deep("-", "", 9999), "nests more than"),
        (deep("1 + ", "", 9999), "nests more than"),
        (deep("", " | string", 9999), "nests more than"),
        (format!("{}{}", "{% if 1 %}".repeat(9999), "{% endif %}".repeat(9999)), "nests more than"),
    ];
    for (source, part) in cases {
        let said = said(&source);
        assert!(said.contains(part), "{}: {said}", source.chars().take(90).collect::<String>());
    }
}

/// A template that raises on a system message, one that drops it, and one that has the role.
#[test]
fn a_system_message_goes_where_the_template_can_write_it() {
    let turns = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    let raises = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no such role') }}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    let drops = "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    let messages = [
        Message::new(Role::System, "Be brief."),
        Message::new(Role::User, "Why?"),
        Message::new(Role::User, "So?"),
    ];
    for (source, written) in [
        (turns, "<system>Be brief.<user>Why?<user>So?"),
        (raises, "<user>Be brief.\n\nWhy?<user>So?"),
        (drops, "<user>Be brief.\n\nWhy?<user>So?"),
    ] {
        let template = ChatTemplate::new(source, SpecialTokens::default(), None).expect("compiles");
        let text = template.render(&template.with_system_written(&messages), GenerationPrompt::Omit);
        assert_eq!(text.expect("renders"), written);
        assert_eq!(template.writes_system(), source == turns);
        assert_eq!(template.with_system_written(&messages[1..]), messages[1..], "nothing to move");
    }
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
        @"the chat template fails on this conversation: str has no attribute `nonsense` (line 1)");
    let error = ChatTemplate::new("{% for %}", SpecialTokens::default(), None).err().expect("not Jinja");
    insta::assert_snapshot!(error, @"the chat template is not valid: found the end of the block, expected a name (line 1)");
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
