#![no_main]
//! A chat template, rendered over a short conversation and turned into a training row.

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::{ChatTemplate, SpecialTokens};
use affinage_dataset::tokenize::{LossMode, tokenize_example, tokenize_prompt};
use affinage_dataset::tokenizer::Tokenizer;
use std::sync::LazyLock;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let bytes = std::fs::read(affinage_fuzz::golden("tiny-chat/tokenizer.json")).expect("the committed tokenizer");
    Tokenizer::from_json(&bytes).expect("the committed tokenizer")
});

libfuzzer_sys::fuzz_target!(|source: &str| {
    let special = SpecialTokens {
        bos: Some("<|im_start|>".to_owned()),
        eos: Some("<|im_end|>".to_owned()),
        ..SpecialTokens::default()
    };
    let Ok(template) = ChatTemplate::new(source, special, None) else { return };
    let messages = [
        Message::new(Role::System, "Be brief."),
        Message::new(Role::User, "One?"),
        Message::new(Role::Assistant, "Two."),
        Message::new(Role::User, "Three?"),
        Message::new(Role::Assistant, "Four."),
    ];
    let _ = tokenize_prompt(&TOKENIZER, &template, &messages[..2]);
    let _ = tokenize_example(&TOKENIZER, &template, "row", &messages, LossMode::Assistant, &[2], 512);
});
