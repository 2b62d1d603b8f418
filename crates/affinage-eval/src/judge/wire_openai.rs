//! The chat-completions format of OpenAI, which many servers speak. Source: the published OpenAPI description of
//! `POST /chat/completions`.
//!
//! No sampling parameters are sent unless the user set them: reasoning models reject them.

use serde::Serialize;
use serde_json::{Value, json};

use super::request::{Form, JudgeRequest};
use super::wire::{TokenChoice, WireReply, missing_by_end, parts_of, text_of, token_count, verdict_schema};
use super::wire_params::{TEMPLATE_VALUES, WireParams};
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
    let mut body = chat(&messages, params);
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

/// A conversation to go on with, under the sampling settings of `params`.
pub fn chat(messages: &[impl Serialize], params: &WireParams) -> Value {
    let mut body = json!({"model": params.model, "messages": messages});
    body[params.max_tokens_key.name()] = json!(params.max_tokens);
    let settings = [
        ("temperature", params.temperature.map(|temperature| json!(temperature))),
        ("top_p", params.top_p.map(|top_p| json!(top_p))),
        ("top_k", params.top_k.map(|top_k| json!(top_k))),
        ("seed", params.seed.map(|seed| json!(seed))),
        (TEMPLATE_VALUES, params.thinking.map(|on| json!({ "enable_thinking": on, "thinking": on }))),
    ];
    for (name, value) in settings {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

/// `None` when `body` is not a completion.
pub(super) fn reply(body: &Value) -> Option<WireReply> {
    let choices = body["choices"].as_array()?.as_slice();
    let (choice, others) = choices.split_first()?;
    let message = choice.get("message").filter(|message| message.is_object())?;
    let text = text_of(&message["content"]);
    let thought =
        ["reasoning_content", "reasoning", "thinking"].iter().find_map(|name| message[*name].as_str());
    let lost_thought = thought.filter(|thought| text.trim().is_empty() && !thought.trim().is_empty());
    let missing = missing_of(choice, body).or(lost_thought.map(|_| MissingReason::OnlyThought));
    let other = |choice: &Value| (text_of(&choice["message"]["content"]), missing_of(choice, body));
    Some(WireReply {
        text,
        model: body["model"].as_str().map(str::to_owned),
        usage: usage(&body["usage"]),
        missing,
        tokens: tokens(&choice["logprobs"]),
        lost_thought: lost_thought.map(str::to_owned),
        other_choices: others.iter().map(other).collect(),
    })
}

/// Why the text of a choice is no answer, by the signs beside it. Gateways name the end twice: where one of the words says
/// that the text was cut or withheld, it was.
fn missing_of(choice: &Value, body: &Value) -> Option<MissingReason> {
    let message = &choice["message"];
    let refusal = &message["refusal"];
    let is_refused = refusal == true || refusal.as_str().is_some_and(|refusal| !refusal.is_empty());
    if is_refused || parts_of(&message["content"]).any(|part| part["type"] == "refusal") {
        return Some(MissingReason::Refusal);
    }
    let channel = ["phase", "channel"].iter().find_map(|name| message[*name].as_str());
    if message["role"] == "user"
        || channel.is_some_and(|channel| !matches!(channel, "final" | "answer" | "final_answer"))
    {
        return Some(MissingReason::Unparsed);
    }
    let is_set = |name: &str| [choice, message, body].iter().any(|of| of[name] == true);
    if ["truncated", "partial", "incomplete"].into_iter().any(is_set) {
        return Some(MissingReason::Truncated);
    }
    let mut filters = choice["content_filter_results"].as_object().into_iter().flatten();
    if is_set("blocked") || filters.any(|(_, result)| result["filtered"] == true) {
        return Some(MissingReason::Refusal);
    }
    let by_end = missing_by_end(choice["finish_reason"].as_str());
    let certain = |reason: &MissingReason| *reason != MissingReason::Unparsed;
    let words = [
        &choice["native_finish_reason"],
        &choice["stop_reason"],
        &choice["incomplete_details"]["reason"],
        &body["status"],
        &body["incomplete_details"]["reason"],
    ];
    let beside = words.into_iter().find_map(|word| missing_by_end(word.as_str()).filter(certain));
    by_end.filter(certain).or(beside).or(by_end)
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

/// The written tokens and the likeliest ones in their places; none where the server gave none. In the older shape they stand
/// in lists beside each other.
fn tokens(logprobs: &Value) -> Vec<TokenChoice> {
    let choice = |token: &Value, logprob: &Value, likeliest: Vec<(String, f64)>| {
        let token = token.as_str()?.to_owned();
        let mut likeliest = likeliest;
        // The written token need not be among the likeliest.
        if !likeliest.iter().any(|(other, _)| *other == token) {
            likeliest.extend(logprob.as_f64().map(|logprob| (token.clone(), logprob)));
        }
        Some(TokenChoice { token, likeliest })
    };
    let list = |name: &str| logprobs[name].as_array().map_or(&[][..], Vec::as_slice);
    let pair = |value: &Value| Some((value["token"].as_str()?.to_owned(), value["logprob"].as_f64()?));
    let written = list("content").iter().filter_map(|token| {
        let likeliest = token["top_logprobs"].as_array().into_iter().flatten().filter_map(pair);
        choice(&token["token"], &token["logprob"], likeliest.collect())
    });
    let in_lists = list("tokens").iter().enumerate().filter_map(|(i, token)| {
        let likeliest = logprobs["top_logprobs"][i].as_object().into_iter().flatten();
        let likeliest = likeliest.filter_map(|(token, logprob)| Some((token.clone(), logprob.as_f64()?)));
        choice(token, &logprobs["token_logprobs"][i], likeliest.collect())
    });
    written.chain(in_lists).collect()
}
