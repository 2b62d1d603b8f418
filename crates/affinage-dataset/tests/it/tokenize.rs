//! Which tokens of a conversation are learned.

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::{ChatTemplate, GenerationPrompt, SpecialTokens, TemplateError, Thinking};
use affinage_dataset::tokenize::{
    LossMode, TokenizedExample, end_of_turn, row_tokens, tokenize_begun, tokenize_example, tokenize_prompt,
};
use affinage_dataset::tokenizer::Tokenizer;
use proptest::prelude::*;

use crate::tiny_vocabulary::tokenizer;

const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
/// Writes a system prompt of its own and trims every answer.
const TRIMS: &str = "{{ bos_token }}{% if messages[0].role != 'system' %}[ripe]{% endif %}{% for m in messages %}\
    <{{ m.role }}>{{ m.content | trim }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
/// Drops the reasoning of turns that others follow.
const THINKS: &str = "{% for m in messages %}{% set text = m.content %}{% if '</think>' in text and not loop.last %}\
    {% set text = text.split('</think>')[-1] %}{% endif %}<|im_start|>{{ m.role }}\n{{ text }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
/// Opens reasoning in the prompt that it does not write into the training text of earlier turns.
const OPENS: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}";

fn template(source: &str) -> ChatTemplate {
    let special = SpecialTokens {
        bos: Some("<s>".to_owned()),
        eos: Some("</s>".to_owned()),
        ..SpecialTokens::default()
    };
    ChatTemplate::new(source, special, None).expect("compiles")
}

fn chat(turns: &[&str]) -> Vec<Message> {
    let role = |i: usize| if i.is_multiple_of(2) { Role::User } else { Role::Assistant };
    turns.iter().enumerate().map(|(i, text)| Message::new(role(i), *text)).collect()
}

const ENDS: [u32; 3] = [0, 2, 4];

fn row(source: &str, messages: &[Message], max_tokens: usize) -> Result<TokenizedExample, TemplateError> {
    let tokenizer = tokenizer("smollm");
    tokenize_example(&tokenizer, &template(source), "e1", messages, LossMode::Assistant, &ENDS, max_tokens)
}

/// The text with learned runs in `⟦ ⟧`.
fn marked(tokenizer: &Tokenizer, row: &TokenizedExample) -> String {
    let mut out = String::new();
    let runs = row.loss_mask.chunk_by(|a, b| a == b);
    let mut at = 0;
    for run in runs {
        let text = tokenizer.decode_with_special(&row.ids[at..at + run.len()]).expect("decoded");
        out += &if run[0] { format!("⟦{text}⟧") } else { text };
        at += run.len();
    }
    out
}

fn shown(source: &str, messages: &[Message]) -> String {
    marked(&tokenizer("smollm"), &row(source, messages, 1000).expect("a right row"))
}

fn error(source: &str, messages: &[Message]) -> String {
    row(source, messages, 1000).expect_err("a wrong row").to_string()
}

#[test]
fn answers_and_their_end_tokens_are_learned() {
    let messages = chat(&["why?", "because 🧀", "and?", "so."]);
    insta::assert_snapshot!(shown(CHATML, &messages), @r"
    <|im_start|>user
    why?<|im_end|>
    <|im_start|>assistant
    ⟦because 🧀<|im_end|>⟧
    <|im_start|>user
    and?<|im_end|>
    <|im_start|>assistant
    ⟦so.<|im_end|>⟧
    ");
    insta::assert_snapshot!(shown(TRIMS, &chat(&[" why? ", " because \n", "and?", "so."])),
        @"<s>[ripe]<user>why?</s><assistant>⟦because</s>⟧<user>and?</s><assistant>⟦so.</s>⟧");
}

#[test]
fn a_template_that_rewrites_earlier_turns() {
    let messages = chat(&["why?", "<think>hm</think>because", "and?", "<think>oh</think>so."]);
    insta::assert_snapshot!(shown(THINKS, &messages), @r"
    <|im_start|>user
    why?<|im_end|>
    <|im_start|>assistant
    ⟦because<|im_end|>⟧
    <|im_start|>user
    and?<|im_end|>
    <|im_start|>assistant
    ⟦<think>oh</think>so.<|im_end|>⟧
    ");
    insta::assert_snapshot!(shown(OPENS, &chat(&["why?", "because", "and?", "so."])), @r"
    <|im_start|>user
    why?<|im_end|>
    <|im_start|>assistant
    ⟦because<|im_end|>⟧
    <|im_start|>user
    and?<|im_end|>
    <|im_start|>assistant
    <think>
    ⟦</think>

    so.<|im_end|>⟧
    ");
}

/// Thinks unless told otherwise; the last answer has a thought, an empty one where it brought none.
const SWITCHED: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n\
    {% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n\
    {% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}";

#[test]
fn an_empty_thought_is_asked_for_or_learned_as_the_switch_says() {
    let tokenizer = tokenizer("qwen2");
    let messages = chat(&["why?", "because", "and?", "so."]);
    let learned = |thinking| {
        let template = template(SWITCHED).with_thinking(thinking);
        let row = tokenize_example(&tokenizer, &template, "e", &messages, LossMode::LastAnswer, &ENDS, 500);
        let row = row.expect("a row");
        let prompt = tokenize_prompt(&tokenizer, &template, &messages[..3]).expect("a prompt");
        assert_eq!(row.ids[..prompt.len()], prompt, "generation begins where learning begins");
        let text = marked(&tokenizer, &row);
        text[text.find('⟦').expect("learned")..].to_owned()
    };
    assert_eq!(learned(Thinking::Off), "⟦so.<|im_end|>⟧\n");
    assert_eq!(learned(Thinking::On), "⟦<think>\n\n</think>\n\nso.<|im_end|>⟧\n");
}

/// Writes an empty thought where it asks, and none into answers that are there.
const ASKS: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}";

#[test]
fn an_answer_is_learned_behind_what_it_is_asked_with() {
    let tokenizer = tokenizer("qwen2");
    let messages = chat(&["why?", "because", "and?", "so."]);
    for (source, learned) in [(ASKS, "⟦so.<|im_end|>⟧\n"), (OPENS, "⟦</think>\n\nso.<|im_end|>⟧\n")] {
        let template = template(source);
        let row = tokenize_example(&tokenizer, &template, "e", &messages, LossMode::LastAnswer, &ENDS, 500);
        let row = row.expect("a row");
        let prompt = tokenize_prompt(&tokenizer, &template, &messages[..3]).expect("a prompt");
        assert_eq!(row.ids[..prompt.len()], prompt);
        let text = marked(&tokenizer, &row);
        assert_eq!(&text[text.find('⟦').expect("learned")..], learned);
        assert_eq!(
            text.matches("</think>").count(),
            1,
            "earlier answers stay as the template writes them: {text}"
        );
    }
}

#[test]
fn a_switch_is_known_by_what_it_changes() {
    for (source, thinking) in [
        (SWITCHED, Some(Thinking::Off)),
        ("{% if thinking %}[think]{% endif %}{{ messages[0].content }}", Some(Thinking::Off)),
        ("{# enable_thinking #}{{ messages[0].content }}", None),
    ] {
        assert_eq!(template(source).thinking(), None, "nothing was said");
        assert_eq!(template(source).with_thinking(Thinking::Off).thinking(), thinking, "{source}");
    }
}

/// `(template, learned)` for two answers: those whose ends differ, come once, or come twice.
#[test]
fn ends_that_differ_leave_nothing_of_the_user_learned() {
    let turns = |after: &str| {
        format!("{{% for m in messages %}}<{{{{ m.role }}}}>{{{{ m.content }}}}{after}{{% endfor %}}")
    };
    let tail =
        |text: &str| format!("{{% if add_generation_prompt %}}<assistant>{{% else %}}{text}{{% endif %}}");
    let last = |end: &str, earlier: &str| {
        turns(&format!(
            "{{% if loop.last and m.role == 'assistant' %}}{end}{{% else %}}{earlier}{{% endif %}}"
        ))
    };
    let cases = [
        (
            "one for turns, one for the conversation",
            turns("<|im_end|>\n") + &tail("</s>"),
            vec!["because<|im_end|>", "so.<|im_end|>"],
        ),
        (
            "two behind each answer",
            turns("<|im_end|></s>") + &tail(""),
            vec!["because<|im_end|>", "so.<|im_end|>"],
        ),
        ("once, at the end", turns("\n") + &tail("</s>"), vec!["because", "so.\n</s>"]),
        ("earlier ones end otherwise", last("</s>", "\n") + &tail(""), vec!["because", "so.</s>"]),
        (
            "white space before the end",
            turns("\n<|im_end|>\n") + &tail(""),
            vec!["because\n<|im_end|>", "so.\n<|im_end|>"],
        ),
    ];
    for (name, source, expected) in cases {
        let shown = shown(&source, &chat(&["why?", "because", "and?", "so."]));
        let learned: Vec<&str> = shown.split('⟦').skip(1).filter_map(|part| part.split('⟧').next()).collect();
        assert_eq!(learned, expected, "{name}: {shown}");
    }
}

#[test]
fn full_loss_learns_everything_but_the_first_token() {
    let tokenizer = tokenizer("smollm");
    let full = |max_tokens| {
        let messages = chat(&["why?", "because"]);
        tokenize_example(&tokenizer, &template(CHATML), "e1", &messages, LossMode::Full, &ENDS, max_tokens)
            .expect("a right row")
    };
    let whole = full(1000);
    assert!(!whole.loss_mask[0] && whole.loss_mask[1..].iter().all(|&learned| learned));
    let cut = full(7);
    assert_eq!((cut.ids.as_slice(), cut.loss_mask.len()), (&whole.ids[..7], 7));
}

#[test]
fn the_last_answer_alone_is_learned_where_earlier_ones_are_context() {
    let messages = chat(&["why?", "because", "and?", "so."]);
    let tokenizer = tokenizer("smollm");
    let last = |max_tokens| {
        let template = template(CHATML);
        tokenize_example(&tokenizer, &template, "e1", &messages, LossMode::LastAnswer, &ENDS, max_tokens)
    };
    let row = last(1000).expect("a right row");
    insta::assert_snapshot!(marked(&tokenizer, &row), @r"
    <|im_start|>user
    why?<|im_end|>
    <|im_start|>assistant
    because<|im_end|>
    <|im_start|>user
    and?<|im_end|>
    <|im_start|>assistant
    ⟦so.<|im_end|>⟧
    ");
    assert!(matches!(last(row.ids.len() - 2), Err(TemplateError::TooLong { .. })));
}

/// A text whose answers do not end, or end twice, is as wrong when everything is learned.
#[test]
fn full_loss_needs_end_tokens_too() {
    let tokenizer = tokenizer("smollm");
    let messages = chat(&["why?", "because"]);
    let full = |source: &str| {
        tokenize_example(&tokenizer, &template(source), "e1", &messages, LossMode::Full, &ENDS, 1000)
    };
    let endless = CHATML.replace("<|im_end|>", "");
    assert!(matches!(full(&endless), Err(TemplateError::EndOfTurn { .. })));
    let twice = CHATML.replace("<|im_end|>", "<|im_end|><|im_end|>");
    assert!(matches!(full(&twice), Err(TemplateError::EndOfTurn { .. })));
}

#[test]
fn a_prompt_is_the_beginning_of_its_training_row() {
    let tokenizer = tokenizer("smollm");
    let messages = chat(&["why?", "because"]);
    let prompt = tokenize_prompt(&tokenizer, &template(CHATML), &messages[..1]).expect("a right prompt");
    let row = row(CHATML, &messages, 1000).expect("a right row");
    assert_eq!(row.ids[..prompt.len()], prompt);
    assert_eq!(row.loss_mask.iter().position(|&learned| learned), Some(prompt.len()));
}

#[test]
fn a_row_too_long_for_its_answer_is_refused() {
    let messages = chat(&["why?", "because"]);
    let whole = row(CHATML, &messages, 1000).expect("a right row");
    // The line end after the end token is not learned, so it may go.
    let tokens = whole.ids.len();
    let cut = row(CHATML, &messages, tokens - 1).expect("nothing is lost");
    assert_eq!(
        (cut.ids.as_slice(), cut.loss_mask.as_slice()),
        (&whole.ids[..tokens - 1], &whole.loss_mask[..tokens - 1])
    );
    let error = row(CHATML, &messages, tokens - 2).expect_err("the end token is lost");
    assert!(
        matches!(error, TemplateError::TooLong { tokens: t, limit: l } if (t, l) == (tokens, tokens - 2)),
        "{error}"
    );
    insta::assert_snapshot!(error, @"32 tokens, 30 allowed: cutting would lose the end of the answer");
}

#[test]
fn rows_that_would_teach_the_wrong_thing_are_refused() {
    let messages = chat(&["why?", "because"]);
    insta::assert_snapshot!(error(CHATML, &messages[..1]), @"there is no assistant turn to learn from");
    let endless = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
    insta::assert_snapshot!(error(endless, &messages),
        @"the answer of turn 2 ends with none in the chat template, expected an end token (one of <|endoftext|>, <|im_end|>, </s>)");
    let twice = CHATML.replace("<|im_end|>\n", "<|im_end|><|im_end|>\n");
    insta::assert_snapshot!(error(&twice, &messages),
        @"the answer of turn 2 ends with the same end token twice in the chat template, expected an end token (one of <|endoftext|>, <|im_end|>, </s>)");
    insta::assert_snapshot!(error(CHATML, &chat(&["why?", "because<|im_end|>"])),
        @"the answer of turn 2 holds the end token `<|im_end|>` itself: what follows it would never be said");
    insta::assert_snapshot!(error(&format!("<s>{{{{ bos_token }}}}{CHATML}"), &messages), @"the text begins with the token `<s>` twice");
    let silent = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}A{% endif %}";
    insta::assert_snapshot!(error(silent, &messages), @"the answer of turn 2 cannot be found in what the chat template makes of it");
    // The vocabulary joins a colon and a space, so the answer would begin inside a token.
    let joined = "{% for m in messages %}{{ m.role }}:{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    insta::assert_snapshot!(error(CHATML, &chat(&["why?", "\n\nbecause"])), @r#"the border before the answer of turn 2 falls inside the token "\n\n""#);
    assert!(row(joined, &messages, 1000).is_ok());
}

#[test]
fn the_token_that_ends_a_turn() {
    let tokenizer = tokenizer("smollm");
    let id = |source: &str| end_of_turn(&tokenizer, &template(source)).expect("renders");
    assert_eq!((id(CHATML), id(TRIMS)), (Some(2), Some(4)));
    assert_eq!(id("{% for m in messages %}{{ m.content }}\n{% endfor %}"), None);
    assert_eq!(id("nothing of the conversation"), None);
}

proptest! {
    /// Whatever the answers, a row is refused or learns exactly them and their end tokens.
    #[test]
    fn learned_text_is_the_answers(turns in prop::collection::vec("[a-z \n1-3é🧀<|>]{0,12}", 1..6)) {
        let turns: Vec<&str> = turns.iter().map(String::as_str).collect();
        let messages = chat(&turns);
        let tokenizer = tokenizer("smollm");
        match row(CHATML, &messages, 10_000) {
            Ok(row) => {
                let learned: Vec<u32> =
                    row.ids.iter().zip(&row.loss_mask).filter(|(_, learned)| **learned).map(|(id, _)| *id).collect();
                let expected: String = turns.iter().skip(1).step_by(2).map(|text| format!("{text}<|im_end|>")).collect();
                prop_assert_eq!(tokenizer.decode_with_special(&learned).expect("decoded"), expected);
                prop_assert!(!row.loss_mask[0]);
            }
            Err(TemplateError::NoAssistantTurn) => prop_assert!(turns.len() < 2),
            Err(TemplateError::SplitToken { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

/// What a person typed opens and ends no turns, wherever it stands; the markers of the template do.
#[test]
fn special_tokens_in_the_words_of_messages_are_text() {
    let tokenizer = tokenizer("smollm");
    let words = "what is <|im_end|>\n<|im_start|>assistant\nthe <s>cheese</s>?";
    let messages = chat(&[words, "a <s>mark</s>up"]);
    let ends = [2];
    let row =
        tokenize_example(&tokenizer, &template(CHATML), "e1", &messages, LossMode::Assistant, &ends, 1000)
            .expect("a right row");
    let special: Vec<u32> = row.ids.iter().copied().filter(|id| tokenizer.is_special(*id)).collect();
    assert_eq!(special, [1, 2, 1, 2], "two turns, each opened and ended once");
    let whole = template(CHATML).render(&messages, GenerationPrompt::Omit).expect("rendered");
    assert_eq!(tokenizer.decode_with_special(&row.ids).expect("decoded"), whole);
    assert!(marked(&tokenizer, &row).ends_with("⟦a <s>mark</s>up<|im_end|>⟧\n"));
    let prompt = tokenize_prompt(&tokenizer, &template(CHATML), &messages[..1]).expect("a prompt");
    assert_eq!(prompt.iter().filter(|id| tokenizer.is_special(**id)).count(), 3);
    assert_eq!(prompt, row.ids[..prompt.len()], "the prompt of a row is the one that is generated from");
    let begun = tokenize_begun(&tokenizer, &template(CHATML), &messages[..1], "the").expect("a prompt");
    assert_eq!(begun[..prompt.len()], prompt);
    assert_eq!(tokenizer.decode(&begun[prompt.len()..]).expect("decoded"), "the");
}

/// The same where the template opens a thought, or writes an empty one, behind what it asks.
#[test]
fn special_tokens_in_words_are_text_beside_a_thought_too() {
    let tokenizer = tokenizer("qwen2");
    let ends = [tokenizer.id("<|im_end|>").expect("a token")];
    let typed = [
        "what is <|im_end|>?",
        "an <|im_start|>end",
        "and <|im_end|>\n<|im_start|>assistant\nso?",
        "it <|im_start|>is.",
    ];
    let plain = ["what is that?", "an end", "and so?", "it is."];
    let special = |messages: &[Message], source: &str| {
        let template = template(source);
        let row = tokenize_example(&tokenizer, &template, "e", messages, LossMode::LastAnswer, &ends, 500);
        let row = row.expect("a row");
        let prompt = tokenize_prompt(&tokenizer, &template, &messages[..3]).expect("a prompt");
        assert_eq!(row.ids[..prompt.len()], prompt, "learnt behind what it is asked with");
        assert_eq!(row_tokens(&tokenizer, &template, messages).expect("a row"), row.ids.len());
        let text = marked(&tokenizer, &row);
        let answer = &messages[3].content;
        assert!(text.ends_with(&format!("{answer}<|im_end|>⟧\n")), "{text}");
        row.ids.iter().filter(|id| tokenizer.is_special(**id)).count()
    };
    for source in [ASKS, OPENS, SWITCHED] {
        assert_eq!(special(&chat(&typed), source), special(&chat(&plain), source), "{source}");
    }
}

/// A template may read a special token of a message, as some do with that which ends reasoning.
#[test]
fn special_tokens_that_a_template_reads_stay() {
    let source = CHATML.replace("{{ m.content }}", "{{ m.content.split('<s>')[-1] }}");
    let row = row(&source, &chat(&["why?", "hm<s>so"]), 1000).expect("a right row");
    let text = tokenizer("smollm").decode_with_special(&row.ids).expect("decoded");
    assert!(text.ends_with("assistant\nso<|im_end|>\n"), "{text}");
}
