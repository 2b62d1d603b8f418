//! What judges and servers send in place of a plain verdict, by kind, and that what is stored reads as what was received.

use affinage_eval::comparison::{Comparison, Seat};
use affinage_eval::judge::ledger::{RawRow, RawSide, Transport};
use affinage_eval::judge::record::{Answer, Call, Prices};
use affinage_eval::judge::reply::parse_verdict;
use affinage_eval::judge::request::{Form, JudgeRequest};
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judge::wire_failure::FailureKind;
use affinage_eval::judge::wire_params::{MaxTokensKey, WireParams};
use affinage_eval::judgment::{MissingReason, Outcome};
use proptest::prelude::*;
use serde_json::{Value, json};

const LABELS: [&str; 2] = ["K7", "M2"];

/// Kind, what a reader without prejudice takes the replies for, and the replies. Where there is a vote it is for K7; where
/// there is none, K7 is the label that a careless reader would take.
const KINDS: &[(&str, Option<MissingReason>, &[&str])] = &[
    (
        "a thought without an end",
        Some(MissingReason::Truncated),
        &[
            "<think effort=\"high\">\nK7 starts better.\nVERDICT: K7",
            "<ponder>\nK7 starts better.\nVERDICT: K7",
            "<my_reasoning_2>K7 starts better.\nVERDICT: K7",
            "< musings >\nVERDICT: K7",
            "<|ponder|>\nVERDICT: K7",
            "<|channel>thought\nK7 starts better.\nVERDICT: K7",
            "<|channel|>analysis to=rater<|message|>K7 starts better.\nVERDICT: K7",
            "<|start|>assistant<|channel|>commentary<|message|>VERDICT: K7",
            "<start_of_turn>model\n<|channel>thought\nVERDICT: K7",
            "<|im_start|>ponder\nVERDICT: K7",
            "<unused12>thought\nVERDICT: K7",
            "[BEGIN REASONING]\nVERDICT: K7",
            "\u{25c1}ponder\u{25b7}K7 starts better.\nVERDICT: K7",
            "&lt;thinking&gt;\nVERDICT: K7",
            "<\u{8003}\u{616e}>\nVERDICT: K7",
            "<details open>\n<summary>Steps</summary>\n\nVERDICT: K7",
            "Both were read.\n<!-- a note\nVERDICT: K7",
            "Both were read.\n<ponder>\nVERDICT: K7",
            "<ponder>one</ponder>\n<ponder>\nVERDICT: K7",
            "<answer>\n<ponder>\nVERDICT: K7",
            "<answer>{\"rationale\": \"r\", \"winner\": \"K7\"}",
        ],
    ),
    (
        "a thought that has lost its signs",
        Some(MissingReason::Unparsed),
        &[
            "thought\nK7 starts better.\nVERDICT: K7",
            "analysisThe user wants one label.\nVERDICT: K7",
            "Thinking process:\n\n1. Read both.\n\nVERDICT: K7",
            "**Thinking...**\n\nVERDICT: K7",
            "Here's my thought process:\n\nK7 starts better.\n\nVERDICT: K7",
        ],
    ),
    (
        "a closed thought, and then a verdict",
        None,
        &[
            "<think effort=\"high\">\nVERDICT: M2\n</think>\n\nVERDICT: K7",
            "<ponder>\nVERDICT: M2\n</ponder>\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "<|channel>thought\nVERDICT: M2\n<channel|>VERDICT: K7",
            "<|channel>thought\n<channel|>{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "M2 starts better.\nVERDICT: M2\n<channel|>VERDICT: K7",
            "<unused12>thought\nVERDICT: M2\n<unused13>VERDICT: K7",
            "<|START_THINKING|>VERDICT: M2<|END_THINKING|><|START_RESPONSE|>VERDICT: K7<|END_RESPONSE|>",
            "<|channel|>analysis<|message|>VERDICT: M2<|end|><|start|>assistant<|channel|>final<|message|>VERDICT: K7<|return|>",
            "VERDICT: M2<|end|><|start|>assistant<|channel|>final<|message|>VERDICT: K7",
            "<|im_start|>assistant\nVERDICT: K7<|im_end|>",
            "<think>a</think>\n<answer>\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n</answer>",
            "<answer>VERDICT: K7</answer>",
            "<!-- M2? VERDICT: M2 -->\nVERDICT: K7",
            "<b>Depth</b>: K7 goes further.\n\nVERDICT: K7",
            "<h3>Comparison</h3>\nK7 goes further.<br>\n\nVERDICT: K7",
            "<K7> goes further.\nVERDICT: K7",
            "M2 holds the word `<ponder>` for no reason.\nVERDICT: K7",
        ],
    ),
    (
        "a verdict behind the end of the turn",
        None,
        &[
            "VERDICT: K7<|im_end|>\n<|im_start|>user\nNext.<|im_end|>\n<|im_start|>assistant\nVERDICT: M2",
            "VERDICT: K7<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nVERDICT: M2",
            "VERDICT: K7<end_of_turn>\n<start_of_turn>model\nVERDICT: M2",
            "VERDICT: K7</s>[INST] Next. [/INST]\nVERDICT: M2",
            "VERDICT: K7\n<|user|>\nNext.\n<|assistant|>\nVERDICT: M2",
            "VERDICT: K7<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>VERDICT: M2",
        ],
    ),
    (
        "different verdicts",
        Some(MissingReason::BothLabels),
        &[
            "For a poet:\nVERDICT: M2\n\nFor a teacher:\nVERDICT: K7",
            "VERDICT: tie\n\nBut if I must choose one of them, then it is this.\n\nVERDICT: K7",
            "VERDICT: M2\n\nI was wrong there.\n\nVERDICT: K7",
            "VERDICT: M2\n\nHuman: and these?\n\nAssistant:\n\nVERDICT: K7",
            "`VERDICT: M2` or\n`VERDICT: K7`",
            "Depth\n{\"winner\": \"M2\"}\n\nStyle\n{\"winner\": \"K7\"}",
            "{\"winner\": \"K7\", \"Winner\": \"M2\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"better_answer\": \"M2\"}",
            "VERDICT: M2\n\n<ponder>\nNext.\n</ponder>\nVERDICT: K7",
        ],
    ),
    (
        "a quotation, brace or fence without an end",
        Some(MissingReason::Unparsed),
        &[
            "<<Response K7 00aa11bb>>\nOne may see it so.\nVERDICT: K7",
            "<<question 00aa11bb>>\nWhy?\n<<end question 00aa11bb>>\n<<Response K7 00aa11bb>>\nSo.\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "{\"rationale\": \"It orders me to write\nVERDICT: K7",
            "{\"rationale\": \"It orders me to write\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "{\"votes\": [\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "It reads: \"One may see it so.\n\nVERDICT: K7",
            "Sie schreibt: \u{201e}So sei es.\n\nVERDICT: K7",
            "Elle dit\u{a0}: \u{ab} ainsi soit-il.\n\nVERDICT: K7",
        ],
    ),
    (
        "a verdict that may be quoted or is part of a sentence",
        Some(MissingReason::Unparsed),
        &[
            "K7 has an order in it:\n\n    VERDICT: K7",
            "K7 has an order in it:\n\n`VERDICT: K7`",
            "K7 tells the reader to do three things:\n- Stop here.\n- VERDICT: K7",
            "K7 says at its end:\n> Stop here and write\nVERDICT: K7",
            "I would never say\nVERDICT: K7",
            "One could write, for instance,\n{\"rationale\": \"...\", \"winner\": \"K7\"}",
            "K7 has this in it:\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "<answer>\nOne may see it so.\nVERDICT: K7\n</answer>",
            "VERDICT: K7\n<think>Or M2?</think>",
            "VERDICT: K7\n<ponder>\nOr M2?\n</ponder>\nThank you.",
        ],
    ),
    (
        "a label that trails off",
        Some(MissingReason::UnknownLabel),
        &[
            "VERDICT: K7...",
            "VERDICT: **K7 ..**",
            "VERDICT: K7\u{2026}",
            "{\"rationale\": \"r\", \"winner\": \"K7...\"}",
        ],
    ),
    (
        "words of the judge's own before the verdict",
        None,
        &[
            "K7 is deeper.\n\nMy final verdict:\nVERDICT: K7",
            "## Conclusion\nVERDICT: K7",
            "**Overall**\nVERDICT: K7",
            "- Depth: K7\n- Style: M2\n\nVERDICT: K7",
            "Comparison:\n- Depth: K7 wins\n- VERDICT: K7",
            "Based on the criteria, here is my assessment:\n```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n```",
            "\"Look at the joint\" is where K7 begins, and it is right.\nVERDICT: K7",
            "K7 is right. (M2 is not.)\nVERDICT: K7!",
            "VERDICT: K7\n\nAfter a second reading I hold to it.\n\nVERDICT: K7",
            "One of them holds\n```\nVERDICT: M2\n```\nwhich is an order.\nVERDICT: K7",
            "{\"rationale\": \"r\", \"first_look\": {\"winner\": \"M2\"}, \"winner\": \"K7\", \"loser\": \"M2\"}",
        ],
    ),
];

#[test]
fn replies_of_every_kind_are_read_as_what_they_are() {
    let swapped = |text: &str| text.replace("K7", "\u{1}").replace("M2", "K7").replace('\u{1}', "M2");
    for (kind, missing, replies) in KINDS {
        for text in *replies {
            let said = [*text, &swapped(text)].map(|text| parse_verdict(text, LABELS).outcome);
            let expected = match missing {
                Some(reason) => [Outcome::Missing { reason: *reason }; 2],
                None => [Outcome::First, Outcome::Second],
            };
            assert_eq!(said, expected, "{kind}: {text}");
        }
    }
}

/// The reading of a body by its server's success, as the stored row has it.
fn outcome_of(form: Form, body: &[u8]) -> Result<Outcome, FailureKind> {
    let reply = WireFormat::Openai.read(200, |_| None, body).map_err(|failure| failure.kind)?;
    let seat = |label: &str| Seat { label: label.to_owned(), completion_id: format!("cpl-{label}") };
    let comparison = Comparison {
        v: 1,
        comparison_id: "cmp".to_owned(),
        pair_id: "pair".to_owned(),
        prompt_id: "prm".to_owned(),
        first: seat("K7"),
        second: seat("M2"),
    };
    let request = JudgeRequest {
        system: String::new(),
        shared: String::new(),
        user: String::new(),
        form,
        to_repair: None,
        labels: LABELS.map(str::to_owned),
        template_sha256: String::new(),
    };
    let call = Call { comparison, judge_id: "j".to_owned(), repeat: 0, request };
    let transport = Transport {
        request_sha256: String::new(),
        attempts: 1,
        request_id: None,
        is_batch: false,
        started_at: String::new(),
        finished_at: String::new(),
    };
    let answer = Answer { reply: &reply, response_sha256: "", transport: &transport };
    let params = WireParams {
        model: "m".to_owned(),
        max_tokens: 9,
        max_tokens_key: MaxTokensKey::MaxTokens,
        temperature: None,
        seed: None,
        structured: false,
        logprobs: form == Form::Label,
    };
    Ok(call.answered(&answer, None, &params, Prices::default()).outcome)
}

/// A completion with this choice.
fn completion(choice: &Value) -> Value {
    json!({"model": "m", "choices": [choice]})
}

fn choice(text: &str, end: &str) -> Value {
    json!({"message": {"role": "assistant", "content": text}, "finish_reason": end})
}

#[test]
fn signs_beside_the_text_are_believed_in_both_forms() {
    let missing = |reason| Ok(Outcome::Missing { reason });
    let with = |edit: &dyn Fn(&mut Value)| {
        let mut body = completion(&choice("VERDICT: K7", "stop"));
        edit(&mut body);
        body
    };
    let beside = |name: &str, value: Value| with(&|body| body["choices"][0][name] = value.clone());
    let in_message =
        |name: &str, value: Value| with(&|body| body["choices"][0]["message"][name] = value.clone());
    let again = Err(FailureKind::Transient { retry_after: None });
    for (body, expected) in [
        (with(&|_| ()), Ok(Outcome::First)),
        (completion(&choice("VERDICT: K7", "length")), missing(MissingReason::Truncated)),
        (completion(&choice("VERDICT: K7", "TOKEN_LIMIT")), missing(MissingReason::Truncated)),
        (completion(&choice("VERDICT: K7", "max-tokens-reached")), missing(MissingReason::Truncated)),
        (completion(&choice("VERDICT: K7", "blocked_by_filter")), missing(MissingReason::Refusal)),
        (beside("native_finish_reason", json!("MAX_OUTPUT_TOKENS")), missing(MissingReason::Truncated)),
        (beside("native_finish_reason", json!("image_safety")), missing(MissingReason::Refusal)),
        (beside("native_finish_reason", json!("whatever")), Ok(Outcome::First)),
        (with(&|body| body["status"] = json!("incomplete")), missing(MissingReason::Truncated)),
        (in_message("refusal", json!(true)), missing(MissingReason::Refusal)),
        (in_message("role", json!("user")), missing(MissingReason::Unparsed)),
        (
            in_message(
                "content",
                json!([{"type": "text", "text": "VERDICT: K7"}, {"type": "refusal", "refusal": "No."}]),
            ),
            missing(MissingReason::Refusal),
        ),
        (
            in_message(
                "content",
                json!([{"type": "text", "text": "VERDICT: M2", "thought": true}, {"type": "text", "text": "VERDICT: K7"}]),
            ),
            Ok(Outcome::First),
        ),
        (
            in_message("content", json!([{"text": "VERDICT: K7", "thought": true}])),
            missing(MissingReason::Unparsed),
        ),
        (in_message("error", json!("gone")), again),
        (with(&|body| body["choices"][0]["message"] = Value::Null), again),
        (completion(&choice("VERDICT: K7", "aborted")), again),
        (completion(&choice("VERDICT: K7", "upstream_error")), again),
        (completion(&choice("VERDICT: K7", "insufficient_capacity")), again),
        (
            json!({"choices": [choice("VERDICT: K7", "stop"), choice("VERDICT: M2", "stop")]}),
            missing(MissingReason::BothLabels),
        ),
        (
            json!({"choices": [choice("VERDICT: K7", "stop"), choice("VERDICT: K7", "length")]}),
            missing(MissingReason::BothLabels),
        ),
        (
            json!({"choices": [choice("VERDICT: K7", "stop"), choice("Both.\n\nVERDICT: K7", "stop")]}),
            Ok(Outcome::First),
        ),
    ] {
        for form in [Form::Json, Form::Label] {
            assert_eq!(outcome_of(form, body.to_string().as_bytes()), expected, "{form:?} {body}");
        }
    }
}

#[test]
fn the_older_shape_of_probabilities_is_read_too() {
    let body = |favoured: &str| {
        let mut choice = choice("VERDICT: K7", "stop");
        let at_label = json!({" K7": -2.0, favoured: -0.2});
        choice["logprobs"] = json!({"tokens": ["VERDICT:", " K7"], "token_logprobs": [-0.1, -2.0], "top_logprobs": [{}, at_label]});
        completion(&choice).to_string()
    };
    let otherwise = Ok(Outcome::Missing { reason: MissingReason::ScoredOtherwise });
    assert_eq!(outcome_of(Form::Label, body(" M2").as_bytes()), otherwise);
    assert_eq!(outcome_of(Form::Label, body(" tie").as_bytes()), otherwise);
    assert_eq!(outcome_of(Form::Label, body(" K").as_bytes()), Ok(Outcome::First));
}

#[test]
fn a_frame_around_the_body_is_no_part_of_it() {
    let body = completion(&choice("VERDICT: K7", "stop")).to_string();
    for framed in
        [format!("\u{feff}{body}"), format!("{body}\n\ndata: [DONE]\n"), body.replace("\"m\"", "1e999")]
    {
        assert_eq!(outcome_of(Form::Json, framed.as_bytes()), Ok(Outcome::First), "{framed}");
    }
}

/// Pieces of replies, whole and broken, and bytes that are no text.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let content = proptest::sample::select(vec![
        "VERDICT: K7",
        "<think>a</think>VERDICT: M2",
        "K\u{fc}rzer.\n\nVERDICT: tie",
        "{\"rationale\": \"caf\u{e9}\", \"winner\": \"M2\"}",
        "neither",
    ]);
    let broken = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (content, broken).prop_map(|(content, broken)| {
        let mut bytes = completion(&choice(content, "stop")).to_string().into_bytes();
        for (place, byte) in broken {
            let at = place.index(bytes.len());
            bytes.insert(at, byte);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_stored_reads_as_what_was_received(body in prop_oneof![4 => body(), 1 => any::<Vec<u8>>()]) {
        let row = RawRow::new("jdg", RawSide::Reply, &body, None);
        let line = serde_json::to_string(&row).expect("a row");
        let stored: RawRow = serde_json::from_str(&line).expect("the same row");
        let bytes = stored.bytes().expect("bytes");
        prop_assert_eq!(bytes.as_ref(), body.as_slice());
        for form in [Form::Json, Form::Label] {
            prop_assert_eq!(outcome_of(form, &bytes), outcome_of(form, &body));
        }
    }
}
