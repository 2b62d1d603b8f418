//! The messages format of Anthropic. Source: the API reference of `POST /v1/messages`, version 2023-06-01.
//!
//! No sampling parameters are sent: newer models reject them.

use serde_json::{Value, json};

use super::request::JudgeRequest;
use super::wire::{WireParams, WireReply, verdict_schema};
use crate::judgment::{MissingReason, Usage};

pub(super) fn body(request: &JudgeRequest, params: &WireParams) -> Value {
    let mut body = json!({
        "model": params.model,
        "max_tokens": params.max_tokens,
        "system": [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": request.user}],
    });
    if params.structured {
        let schema = verdict_schema(&request.labels);
        body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
    }
    body
}

/// `None` when `body` is not a message.
pub(super) fn reply(body: &Value) -> Option<WireReply> {
    let content = body["content"].as_array()?;
    let text: String = content
        .iter()
        .filter(|block| block["type"] == "text")
        .filter_map(|block| block["text"].as_str())
        .collect();
    let missing = match body["stop_reason"].as_str() {
        Some("end_turn" | "stop_sequence") => None,
        Some("refusal") => Some(MissingReason::Refusal),
        Some("max_tokens" | "model_context_window_exceeded") => Some(MissingReason::Truncated),
        _ => Some(MissingReason::Unparsed),
    };
    let usage = body.get("usage").map(|usage| {
        let count = |name: &str| usage[name].as_u64().unwrap_or(0);
        Usage {
            input_tokens: count("input_tokens"),
            output_tokens: count("output_tokens"),
            cached_input_tokens: count("cache_read_input_tokens"),
            cache_write_tokens: count("cache_creation_input_tokens"),
        }
    });
    Some(WireReply { text, model: body["model"].as_str().map(str::to_owned), usage, missing })
}
