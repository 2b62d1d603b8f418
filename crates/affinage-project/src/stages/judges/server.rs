//! Where a judge behind an API is, what its server takes, and which models it has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::lifecycle::retires;
use affinage_eval::judge::record::Prices;
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judge::wire_params::{MaxTokensKey, WireLimits, WireParams};
use anyhow::anyhow;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::send::Endpoint;
use crate::errors::HintExt as _;
use crate::folder::config;
use crate::folder::jsonl;
use crate::folder::project::{Project, cache_dir};
use crate::http;
use crate::http::{host, is_loopback};

/// How a judge of the configuration is reached. Errors when its key is not set, except on this machine.
pub fn endpoint(judge: &config::Judge) -> anyhow::Result<Endpoint> {
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
    Ok(Endpoint {
        wire,
        base_url,
        key,
        params: WireParams {
            model: judge.model.clone(),
            max_tokens: u32::try_from(judge.max_tokens).unwrap_or(u32::MAX),
            structured: true,
            logprobs: judge.logprobs,
            temperature: judge.temperature,
            seed: judge.seed,
            max_tokens_key: match wire {
                WireFormat::Anthropic => MaxTokensKey::MaxTokens,
                WireFormat::Openai => MaxTokensKey::MaxCompletionTokens,
            },
        },
        prices: Prices { input: judge.price_in, output: judge.price_out },
        concurrency: judge.concurrency,
        timeout: Duration::from_secs(judge.timeout_s as u64),
        phase: Phase::Judge,
        budget_usd: None,
        spent_usd: 0.0,
        limits: WireLimits::default(),
        pace: None,
    })
}

/// The key in an environment variable; `None` where it is not set or blank.
pub fn key_in(variable: &str) -> Option<String> {
    let key = std::env::var(variable).ok()?.trim().to_owned();
    (!key.is_empty()).then_some(key)
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

impl Endpoint {
    /// The headers of every request, the key included.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers: Vec<(&str, String)> =
            self.wire.headers().iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.extend(self.key.as_deref().map(|key| self.wire.key_header(key)));
        headers
    }
}

/// Headers as they are sent.
pub fn borrowed<'h>(headers: &'h [(&'static str, String)]) -> Vec<(&'h str, &'h str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
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

/// What servers refuse, by address and model, in the user's cache folder.
pub struct Memory {
    /// `None` where there is no cache folder: then nothing is remembered.
    path: Option<PathBuf>,
    servers: BTreeMap<String, Remembered>,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    limits: WireLimits,
    /// RFC 3339, UTC.
    learnt_at: String,
}

/// Servers are updated: after so long they are asked in full again.
const FORGET_AFTER_DAYS: i64 = 30;

impl Memory {
    /// Reads the file; one that cannot be read teaches nothing.
    pub fn open() -> Memory {
        let path = cache_dir().ok().map(|dir| dir.join("judge-servers.json"));
        let text = path.as_ref().and_then(|path| fs_err::read(path).ok()).unwrap_or_default();
        let mut servers: BTreeMap<String, Remembered> = serde_json::from_slice(&text).unwrap_or_default();
        let oldest = Timestamp::now() - (24 * FORGET_AFTER_DAYS).hours();
        servers.retain(|_, known| known.learnt_at.parse::<Timestamp>().is_ok_and(|at| at >= oldest));
        Memory { path, servers }
    }

    pub fn limits(&self, base_url: &str, model: &str) -> WireLimits {
        self.servers.get(&key(base_url, model)).map(|known| known.limits.clone()).unwrap_or_default()
    }

    /// Keeps what was learnt. Errors: the file cannot be written.
    pub fn learn(&mut self, base_url: &str, model: &str, limits: WireLimits) -> anyhow::Result<()> {
        let learnt_at = Timestamp::now().to_string();
        self.servers.insert(key(base_url, model), Remembered { limits, learnt_at });
        let Some(path) = &self.path else { return Ok(()) };
        if let Some(dir) = path.parent() {
            fs_err::create_dir_all(dir)?;
        }
        jsonl::replace_file(path, &serde_json::to_vec_pretty(&self.servers)?)
    }
}

/// User information in an address may be a secret and is no part of the key.
fn key(base_url: &str, model: &str) -> String {
    let (scheme, rest) = base_url.split_once("://").unwrap_or(("http", base_url));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let authority = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{authority}/{} {model}", path.trim_end_matches('/'))
}
