//! The messages format of Anthropic. Source: the API reference of `POST /v1/messages`, version 2023-06-01.
//!
//! No sampling parameters are sent unless the user set them: newer models reject them.

use serde_json::{Value, json};

use super::request::{Form, JudgeRequest};
use super::wire::{WireReply, missing_by_end, text_of, token_count, verdict_schema};
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
    let content = body.get("content").filter(|content| content.is_array() || content.is_string())?;
    let text = text_of(content);
    let thought = content.as_array().into_iter().flatten().find_map(|block| block["thinking"].as_str());
    let lost_thought = thought.filter(|_| text.trim().is_empty());
    let missing = missing_by_end(body["stop_reason"].as_str());
    Some(WireReply {
        missing: missing.or(lost_thought.map(|_| MissingReason::OnlyThought)),
        text,
        model: body["model"].as_str().map(str::to_owned),
        usage: usage(&body["usage"]),
        tokens: Vec::new(),
        lost_thought: lost_thought.map(str::to_owned),
        other_choices: Vec::new(),
    })
}

/// `None` where the server does not say it, or says what cannot be.
fn usage(usage: &Value) -> Option<Usage> {
    let (input_tokens, output_tokens) =
        (token_count(&usage["input_tokens"])?, token_count(&usage["output_tokens"])?);
    let cached = |name: &str| token_count(&usage[name]).unwrap_or(0);
    let usage = Usage {
        input_tokens,
        output_tokens,
        cached_input_tokens: cached("cache_read_input_tokens"),
        cache_write_tokens: cached("cache_creation_input_tokens"),
    };
    (usage != Usage::default()).then_some(usage)
}
