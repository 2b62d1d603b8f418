//! What an export says about a message besides its words: cut off, failed, not to be learnt.

use serde_json::Value;

use super::harness::parted;
use super::json::string;
use crate::conversation::{Block, BlockKind};

/// Fields that name why the model stopped or how far the message is.
const REASONS: [&str; 9] = [
    "finish_reason",
    "finishReason",
    "stop_reason",
    "stopReason",
    "finish_type",
    "done_reason",
    "doneReason",
    "status",
    "state",
];
/// Parts of the words that say that it did not come to its end, without case and separators.
const CUT: [&str; 15] = [
    "maxtoken",
    "maxoutput",
    "maxpredicted",
    "length",
    "interrupt",
    "incomplete",
    "unfinished",
    "partial",
    "inprogress",
    "cancel",
    "abort",
    "userstopped",
    "fail",
    "filter",
    "unloaded",
];
/// As [`CUT`], but only as whole words.
const CUT_WORDS: [&str; 10] = [
    "error",
    "safety",
    "recitation",
    "timeout",
    "truncated",
    "refusal",
    "streaming",
    "limit",
    "stopped",
    "paused",
];
/// Words in the names of flags that say that a message is not whole: `safety_truncated`, `isPartial` ...
const FLAGS: [&str; 11] = [
    "truncated",
    "unfinished",
    "interrupted",
    "aborted",
    "incomplete",
    "partial",
    "cancelled",
    "canceled",
    "cut_off",
    "cutoff",
    "stopped_early",
];
/// ... and words beside them by which they say it of something else.
const FLAGS_OF_OTHERS: [&str; 11] =
    ["context", "prompt", "history", "input", "title", "preview", "tool", "not", "can", "file", "logs"];

/// True for the name of a flag of a message that is not whole.
fn is_flag_of_cut(name: &str) -> bool {
    if !FLAGS.iter().any(|flag| name.to_ascii_lowercase().contains(flag)) {
        return false;
    }
    let name = parted(name);
    let has = |word: &&str| format!("_{name}_").contains(&format!("_{word}_"));
    FLAGS.iter().any(has) && !FLAGS_OF_OTHERS.iter().any(has)
}

/// True if a provider's word says that the answer did not come to its end.
pub fn is_cut(word: &str) -> bool {
    let plain: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    CUT.iter().any(|part| plain.contains(part)) || CUT_WORDS.contains(&plain.as_str())
}

/// The provider's word, if the message says of itself that it is not whole.
pub fn truncated(message: &Value) -> Option<String> {
    let reason = REASONS.iter().find_map(|key| string(message, key).filter(|word| is_cut(word)));
    let inner = [("finish_details", "type"), ("incomplete_details", "reason"), ("metadata", "finish_reason")];
    let nested =
        inner.iter().find_map(|(key, field)| string(message.get(key)?, field).filter(|word| is_cut(word)));
    let flags = message.as_object().into_iter().flatten().filter(|(_, value)| value.as_bool() == Some(true));
    let flag = flags.map(|(key, _)| key.as_str()).find(|key| is_flag_of_cut(key));
    let ends = ["done", "is_final", "isFinal", "is_complete", "isComplete"];
    let not_done = ends.iter().any(|key| message.get(*key).and_then(Value::as_bool) == Some(false));
    let is_stopped = |key: &&str| message.get(*key).and_then(Value::as_bool) == Some(true);
    let stopped = ["is_stop", "isStop", "is_stopped", "isStopped", "stopped"].into_iter().find(is_stopped);
    let failed = has_failed(message).then_some("error");
    let known = reason.or(nested).or(flag).or(stopped);
    known.or(not_done.then_some("not done")).or(failed).map(str::to_owned)
}

/// True if the message says that the product could not answer.
pub fn has_failed(message: &Value) -> bool {
    match message.get("error") {
        Some(Value::Bool(failed)) => *failed,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        _ => {
            ["isError", "is_error"].iter().any(|key| message.get(*key).and_then(Value::as_bool) == Some(true))
        }
    }
}

/// Flags of a message whose words are the product's account of a failure.
const ERROR_FLAGS: [&str; 5] = ["isError", "is_error", "isApiErrorMessage", "isErrorMessage", "error"];

/// True if the words of the message are an error of the product and nothing that the model said.
pub fn is_error_message(message: &Value) -> bool {
    ERROR_FLAGS.iter().any(|key| message.get(*key).and_then(Value::as_bool) == Some(true))
}

/// The content of such a message: what would be its words is an error.
pub fn as_error(blocks: Vec<Block>) -> Vec<Block> {
    let kind = |kind| if kind == BlockKind::Text { BlockKind::Error } else { kind };
    blocks.into_iter().map(|block| Block { kind: kind(block.kind), ..block }).collect()
}

/// Parts of the words by which a product says that the model was stopped.
const STOPS: [&str; 4] = ["interrupt", "cancel", "abort", "stopped"];

/// True for the type of an event that ends an answer before its end: `turn_aborted`.
pub fn is_stop(word: &str) -> bool {
    let lower = word.to_lowercase();
    STOPS.iter().any(|stem| lower.contains(stem))
}

/// True for a product's own short sentence of it: `Request cancelled.`
pub fn is_stop_notice(text: &str) -> bool {
    /// No mark is longer.
    const MAX_CHARS: usize = 80;
    let lower = text.to_lowercase();
    text.chars().count() <= MAX_CHARS
        && is_stop(text)
        && ["request", "user", "generation", "response"].iter().any(|word| lower.contains(word))
}

/// True if a turn of the user's is only the mark that a product sets where the model was stopped:
/// `[Request interrupted by user]`, `<turn_aborted>...</turn_aborted>`.
pub fn is_interruption(text: &str) -> bool {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix('<') {
        let name = inside.split(['>', ' ', '\n']).next().unwrap_or_default();
        return name.contains('_') && is_stop(name) && text.ends_with(&format!("</{name}>"));
    }
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| !inside.contains(['[', ']', '\n']) && is_stop_notice(inside))
}

/// Fields of training data, and what each says when a message is not to be learnt.
const TRAINING: [(&str, bool); 13] = [
    // Name, and whether true (or 1) means that it is learnt.
    ("weight", true),
    ("loss_weight", true),
    ("train", true),
    ("training", true),
    ("trainable", true),
    ("is_trainable", true),
    ("loss", true),
    ("loss_mask", true),
    ("learn", true),
    ("masked", false),
    ("mask", false),
    ("ignore", false),
    ("no_train", false),
];

/// The field by which a message, a part of it or a whole row is kept out of training, with its value.
pub fn excluded(holder: &Value) -> Option<String> {
    let says_no = |key: &str, learnt: bool| match holder.get(key)? {
        Value::Bool(value) => (*value != learnt).then(|| format!("{key} {value}")),
        // A number is a weight, whatever the field is called.
        Value::Number(number) => (number.as_f64() == Some(0.0)).then(|| format!("{key} 0")),
        _ => None,
    };
    let own = TRAINING.iter().find_map(|(key, learnt)| says_no(key, *learnt));
    let inner = ["content", "train_detail"].iter().filter_map(|key| holder.get(*key)?.as_array()).flatten();
    own.or_else(|| inner.filter(|part| part.is_object()).find_map(excluded))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_for_answers_that_did_not_end() {
        for word in [
            "max_tokens",
            "MAX_TOKENS",
            "length",
            "interrupted",
            "maxPredictedTokensReached",
            "contextLengthReached",
            "userStopped",
            "incomplete",
            "in_progress",
            "finished_partial_completion",
            "cancelled",
            "content_filter",
            "SAFETY",
            "failed",
            "error",
        ] {
            assert!(is_cut(word), "{word}");
        }
        for word in [
            "stop",
            "STOP",
            "end_turn",
            "eosFound",
            "stop_sequence",
            "stopStringFound",
            "tool_use",
            "tool_calls",
            "finished_successfully",
            "completed",
            "success",
            "unknown",
            "FINISH_REASON_STOP",
            "",
        ] {
            assert!(!is_cut(word), "{word}");
        }
    }

    #[test]
    fn messages_that_are_not_whole_say_so_in_many_ways() {
        for (message, expected) in [
            (json!({ "finish_reason": "length" }), Some("length")),
            (json!({ "finish_details": { "type": "max_tokens" } }), Some("max_tokens")),
            (json!({ "done": false }), Some("not done")),
            (json!({ "is_stop": true, "done": true }), Some("is_stop")),
            (json!({ "is_stop": false, "stop": true }), None),
            (json!({ "error": { "content": "no memory" } }), Some("error")),
            (json!({ "unfinished": true, "error": false }), Some("unfinished")),
            (json!({ "finish_reason": "stop", "done": true, "error": null, "unfinished": false }), None),
        ] {
            assert_eq!(truncated(&message).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn what_is_not_to_be_learnt_is_said_in_many_ways() {
        for (message, expected) in [
            (json!({ "weight": 0 }), Some("weight 0")),
            (json!({ "weight": 0.0 }), Some("weight 0")),
            (json!({ "train": false }), Some("train false")),
            (json!({ "loss_mask": 0 }), Some("loss_mask 0")),
            (json!({ "masked": true }), Some("masked true")),
            (json!({ "content": [{ "text": "a", "train": false }] }), Some("train false")),
            (
                json!({ "train_detail": [{ "begin_offset": 0, "end_offset": 4, "train": false }] }),
                Some("train false"),
            ),
            (json!({ "weight": 1, "train": true, "masked": false, "content": "a" }), None),
        ] {
            assert_eq!(excluded(&message).as_deref(), expected, "{message}");
        }
    }
}
