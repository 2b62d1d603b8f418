//! The chat-completions format of OpenAI, which many servers speak. Source: the published OpenAPI description of
//! `POST /chat/completions`.
//!
//! No sampling parameters are sent unless the user set them: reasoning models reject them.

use serde_json::{Value, json};

use super::request::{Form, JudgeRequest};
use super::wire::{TokenChoice, WireReply, missing_by_end, text_of, token_count, verdict_schema};
use super::wire_params::WireParams;
use crate::judgment::{MissingReason, Usage};

pub(super) fn body(request: &JudgeRequest, params: &WireParams) -> Value {
    let mut messages = Vec::new();
    if !request.system.is_empty() {
        messages.push(json!({"role": "system", "content": request.system}));
    }
    messages.push(json!({"role": "user", "content": request.user_text()}));
    if let Some(reply) = &request.to_repair {
        messages.push(json!({"role": "assistant", "content": reply}));
        messages.push(json!({"role": "user", "content": request.repair_instruction()}));
    }
    let mut body = json!({"model": params.model, "messages": messages});
    body[params.max_tokens_key.name()] = json!(params.max_tokens);
    if let Some(temperature) = params.temperature {
        body["temperature"] = json!(temperature);
    }
    if let Some(seed) = params.seed {
        body["seed"] = json!(seed);
    }
    if params.logprobs && request.form == Form::Label {
        body["logprobs"] = json!(true);
        body["top_logprobs"] = json!(10);
    }
    if params.structured && request.form == Form::Json {
        let schema = verdict_schema(&request.labels);
        body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "verdict", "strict": true, "schema": schema}});
    }
    body
}

/// `None` when `body` is not a completion.
pub(super) fn reply(body: &Value) -> Option<WireReply> {
    let choice = body["choices"].as_array()?.first()?;
    let message = choice.get("message")?;
    let refused = message["refusal"].as_str().is_some_and(|refusal| !refusal.is_empty());
    let text = text_of(&message["content"]);
    let thought =
        ["reasoning_content", "reasoning", "thinking"].iter().find_map(|name| message[*name].as_str());
    let lost_thought = thought.filter(|thought| text.trim().is_empty() && !thought.trim().is_empty());
    let missing = match missing_by_end(choice["finish_reason"].as_str()) {
        _ if refused => Some(MissingReason::Refusal),
        None if lost_thought.is_some() => Some(MissingReason::OnlyThought),
        missing => missing,
    };
    Some(WireReply {
        text,
        model: body["model"].as_str().map(str::to_owned),
        usage: usage(&body["usage"]),
        missing,
        tokens: tokens(&choice["logprobs"]),
        lost_thought: lost_thought.map(str::to_owned),
    })
}

/// `None` where the server does not say it, or says what cannot be.
fn usage(usage: &Value) -> Option<Usage> {
    let input = token_count(&usage["prompt_tokens"])?;
    let output_tokens = token_count(&usage["completion_tokens"])?;
    let cached = token_count(&usage["prompt_tokens_details"]["cached_tokens"]).unwrap_or(0);
    let usage = Usage {
        input_tokens: input.saturating_sub(cached),
        output_tokens,
        cached_input_tokens: cached.min(input),
        cache_write_tokens: 0,
    };
    (usage != Usage::default()).then_some(usage)
}

/// The written tokens and the likeliest ones in their places; none where the server gave none.
fn tokens(logprobs: &Value) -> Vec<TokenChoice> {
    let pair = |value: &Value| Some((value["token"].as_str()?.to_owned(), value["logprob"].as_f64()?));
    let written = logprobs["content"].as_array().into_iter().flatten();
    written
        .filter_map(|token| {
            let likeliest = token["top_logprobs"].as_array().into_iter().flatten().filter_map(pair);
            Some(TokenChoice { token: token["token"].as_str()?.to_owned(), likeliest: likeliest.collect() })
        })
        .collect()
}
