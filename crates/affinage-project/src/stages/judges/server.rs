//! Where a judge behind an API is, what its server takes, and which models it has.

use std::time::Duration;

use affinage_eval::judge::deprecation::retires;
use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::record::Prices;
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judge::wire_params::{MaxTokensKey, WireLimits, WireParams};
use anyhow::anyhow;
use jiff::Timestamp;

use crate::client::http::{self, host, is_loopback};
use crate::client::{Endpoint, borrowed, key_in};
use crate::errors::HintExt as _;
use crate::folder::config;
use crate::folder::project::Project;

/// A judge behind an API: where it is, how it is asked, and what its calls may cost.
pub struct JudgeServer {
    pub endpoint: Endpoint,
    pub params: WireParams,
    pub prices: Prices,
    /// What the calls are for.
    pub phase: Phase,
    /// All calls of the evaluation together may cost so much.
    pub budget_usd: Option<f64>,
    /// Spent before these calls.
    pub spent_usd: f64,
}

/// How a judge of the configuration is reached. Errors when its key is not set, except on this machine.
pub fn judge_server(judge: &config::Judge) -> anyhow::Result<JudgeServer> {
    let Some(wire) = wire(judge) else {
        return Err(anyhow!("judge `{}` is local and has no address", judge.id));
    };
    let base_url = base_url(judge);
    let variable = judge.api_key_env();
    let key = variable.and_then(key_in);
    if key.is_none() && http::leaves_machine(&base_url) {
        let variable = variable.unwrap_or_default();
        return Err(anyhow!("judge `{}`: the environment variable {variable} is not set", judge.id)).hint(
            format!("`export {variable}=...` in your shell; keys are never read from or written to files"),
        );
    }
    Ok(JudgeServer {
        params: WireParams {
            model: judge.model.clone(),
            max_tokens: u32::try_from(judge.max_tokens).unwrap_or(u32::MAX),
            structured: true,
            logprobs: judge.logprobs,
            temperature: judge.temperature,
            top_p: None,
            top_k: None,
            seed: judge.seed,
            thinking: None,
            max_tokens_key: match wire {
                WireFormat::Anthropic => MaxTokensKey::MaxTokens,
                WireFormat::Openai => MaxTokensKey::MaxCompletionTokens,
            },
        },
        prices: Prices { input: judge.price_in, output: judge.price_out },
        phase: Phase::Judge,
        budget_usd: None,
        spent_usd: 0.0,
        endpoint: Endpoint {
            wire,
            base_url,
            key,
            concurrency: judge.concurrency,
            timeout: Duration::from_secs(judge.timeout_s as u64),
            limits: WireLimits::default(),
            rate_limit: None,
        },
    })
}

/// `None` for a judge in this process.
pub fn wire(judge: &config::Judge) -> Option<WireFormat> {
    match judge.kind {
        config::JudgeKind::Anthropic => Some(WireFormat::Anthropic),
        config::JudgeKind::Openai => Some(WireFormat::Openai),
        config::JudgeKind::Local => None,
    }
}

/// The configured address, else the provider's own; empty for a judge in this process.
pub fn base_url(judge: &config::Judge) -> String {
    let usual = wire(judge).map_or("", WireFormat::default_base_url);
    judge.base_url.clone().unwrap_or_else(|| usual.to_owned())
}

/// The host that texts would be sent to, where it is another machine.
pub fn remote_host(judge: &config::Judge) -> Option<String> {
    wire(judge)?;
    let url = base_url(judge);
    let host = host(&url);
    (!is_loopback(host)).then(|| host.to_owned())
}

/// Warns when the model is gone or soon will be: by the server's own list, else by a table of known days.
pub fn warn_of_retirement(ctx: &Project, judge: &config::Judge, endpoint: &Endpoint) {
    let model = &judge.model;
    if let Some(day) = retires(model) {
        let today = Timestamp::now().to_string();
        let verb = if *day <= today[..10] { "was retired on" } else { "will be retired on" };
        ctx.ui.warn(format!(
            "judge `{}`: {model} {verb} {day}; verdicts cannot be repeated after that",
            judge.id
        ));
    }
    let url = endpoint.wire.models_url(&endpoint.base_url);
    let headers = endpoint.headers();
    let listed = match http::get(&url, &borrowed(&headers), Duration::from_secs(10)) {
        Ok(reply) if reply.status == 200 => endpoint.wire.model_names(&reply.body),
        Ok(_) | Err(_) => None,
    };
    match listed {
        // A provider may write a path in front of the name (`models/NAME`).
        Some(names) if !names.iter().any(|name| name == model || name.ends_with(&format!("/{model}"))) => {
            let shown: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
            let more = if names.len() > shown.len() { ", ..." } else { "" };
            ctx.ui.warn(format!(
                "judge `{}`: the server does not list the model `{model}`; it has {}{more}",
                judge.id,
                if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
            ));
        }
        Some(_) => {}
        None => ctx.ui.detail(format!("judge `{}`: the server gives no list of models", judge.id)),
    }
}
