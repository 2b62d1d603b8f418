//! Suites: the built-in ones and the user's files.

use std::path::Path;

use affinage_dataset::message::{Message, Role};
use affinage_eval::suite::{
    Check, Domain, Prompt, Split, SuiteDefaults, factual, maths, parse_suite, prompt_from_example,
    repeated_prompts,
};

fn defaults(name: &str) -> SuiteDefaults {
    SuiteDefaults {
        name: name.to_owned(),
        category: name.to_owned(),
        domain: Domain::Out,
        split: Split::Report,
    }
}

#[test]
fn the_built_in_suites_have_their_sizes_and_no_repeated_prompt() {
    let mut all: Vec<Prompt> = Vec::new();
    for name in ["coding", "practical", "creative"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../assets/suites/{name}.jsonl"));
        let text = std::fs::read_to_string(&path).expect("a built-in suite");
        let prompts = parse_suite(&text, &defaults(name)).expect("a valid suite");
        assert_eq!(prompts.len(), 30, "{name}");
        assert!(prompts.iter().all(|prompt| prompt.reference.is_some() && prompt.category == name));
        all.extend(prompts);
    }
    for suite in [maths::prompts(100, 1), factual::prompts(100, 1)] {
        assert_eq!(suite.len(), 100);
        assert!(suite.iter().all(|prompt| prompt.check.is_some() && prompt.domain == Domain::Out));
        all.extend(suite);
    }
    assert_eq!(repeated_prompts(&all), []);
    let mut ids: Vec<&str> = all.iter().map(|prompt| prompt.prompt_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn templates_repeat_with_their_seed_and_stay_distinct_for_others() {
    assert_eq!(maths::prompts(100, 3), maths::prompts(100, 3));
    assert_ne!(maths::prompts(100, 3), maths::prompts(100, 4));
    assert_ne!(factual::prompts(100, 3), factual::prompts(100, 4));
    for seed in 0..20 {
        assert_eq!(repeated_prompts(&maths::prompts(500, seed)), []);
    }
}

#[test]
fn a_user_suite_may_be_as_short_as_a_prompt_per_line() {
    let text = "{\"prompt\": \"Why?\"}\n\n{\"prompt\": \"2+2?\", \"reference\": \"4\", \"check\": \"number\", \"cluster\": \"sums\"}\n";
    let prompts = parse_suite(text, &defaults("mine")).expect("valid");
    assert_eq!(prompts.len(), 2);
    assert_eq!(prompts[0].question(), "Why?");
    assert_eq!(prompts[0].cluster_id, prompts[0].prompt_id);
    assert_eq!(prompts[1].check, Some(Check::Number));
    assert_ne!(prompts[1].cluster_id, prompts[1].prompt_id);
}

#[test]
fn bad_lines_are_named() {
    let error = |text: &str| {
        let error = parse_suite(text, &defaults("mine")).expect_err("a bad line");
        match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    };
    insta::assert_snapshot!([
        error("{\"prompt\": \"a\", \"promt\": \"b\"}"),
        error("{\"id\": \"x\"}"),
        error("{\"prompt\": \"  \"}"),
        error("{\"id\": \"x\", \"prompt\": \"a\"}\n{\"id\": \"x\", \"prompt\": \"b\"}"),
        error("{\"prompt\": \"How many?\", \"check\": \"number\", \"reference\": \"many\"}"),
        error("{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}"),
    ].join("\n"), @"
    suite `mine` line 1: not a JSON object with the keys of a suite line: unknown field `promt`, expected one of `id`, `category`, `prompt`, `messages`, `reference`, `check`, `cluster` at line 1 column 23
    suite `mine` line 1: expected exactly one of `prompt` and `messages`
    suite `mine` line 1: the prompt has no text
    suite `mine` line 2: id `x` was already used on line 1
    suite `mine` line 1: `check` is `number` but `reference` holds no number
    suite `mine` line 1: the last message is not the user's
    ");
}

#[test]
fn a_held_out_example_becomes_a_prompt_with_its_own_answer_as_reference() {
    let message = |role: Role, content: &str| Message { role, content: content.to_owned() };
    let messages = [
        message(Role::User, "What is patience?"),
        message(Role::Assistant, "Waiting."),
        message(Role::User, "Only that?"),
        message(Role::Assistant, "No: attention."),
    ];
    let prompt = prompt_from_example("ex-1", "c-1", Split::Report, &messages).expect("ends with an answer");
    assert_eq!((prompt.messages.len(), prompt.question()), (3, "Only that?"));
    assert_eq!(prompt.reference.as_deref(), Some("No: attention."));
    assert_eq!(prompt.domain, Domain::In);
    assert_eq!(prompt_from_example("ex-1", "c-1", Split::Report, &messages[..3]), None);
}
