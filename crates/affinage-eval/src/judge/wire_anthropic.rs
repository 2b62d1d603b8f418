//! The messages format of Anthropic. Source: the API reference of `POST /v1/messages`, version 2023-06-01.
//!
//! No sampling parameters are sent unless the user set them: newer models reject them.

use serde_json::{Value, json};

use super::request::{Form, JudgeRequest};
use super::wire::{WireReply, verdict_schema};
use super::wire_params::WireParams;
use crate::judgment::{MissingReason, Usage};

pub(super) fn body(request: &JudgeRequest, params: &WireParams) -> Value {
    let cached = json!({"type": "ephemeral"});
    // Both orders of a pair share everything up to the answers.
    let mut messages = vec![json!({"role": "user", "content": [
        {"type": "text", "text": request.shared, "cache_control": cached},
        {"type": "text", "text": request.user},
    ]})];
    if let Some(reply) = &request.to_repair {
        messages.push(json!({"role": "assistant", "content": reply}));
        messages.push(json!({"role": "user", "content": request.repair_instruction()}));
    }
    let mut body = json!({"model": params.model, "max_tokens": params.max_tokens, "messages": messages});
    if !request.system.is_empty() {
        body["system"] = json!([{"type": "text", "text": request.system, "cache_control": cached}]);
    }
    if let Some(temperature) = params.temperature {
        body["temperature"] = json!(temperature);
    }
    if params.structured && request.form == Form::Json {
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
    Some(WireReply {
        text,
        model: body["model"].as_str().map(str::to_owned),
        usage,
        missing,
        tokens: Vec::new(),
    })
}
