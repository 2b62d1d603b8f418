//! What the two wire formats have in common: addresses, replies, and failures sorted into "again", "not this
//! one" and "stop asking".

use std::time::Duration;

use serde_json::{Value, json};

use super::request::JudgeRequest;
use super::wire_params::WireParams;
use super::{wire_anthropic, wire_openai};
use crate::judgment::{CRITERIA, MissingReason, Usage};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFormat {
    Anthropic,
    Openai,
}

/// A reply that the server calls a success.
#[derive(Clone, Debug, PartialEq)]
pub struct WireReply {
    pub text: String,
    pub model: Option<String>,
    pub usage: Option<Usage>,
    /// Why the text is no answer, if it is none: refused or cut.
    pub missing: Option<MissingReason>,
    /// The tokens of the text with their alternatives, where asked for and given.
    pub tokens: Vec<TokenChoice>,
}

/// One written token and the likeliest ones in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenChoice {
    pub token: String,
    /// Token and natural logarithm of its probability.
    pub likeliest: Vec<(String, f64)>,
}

/// A reply that is no success.
#[derive(Clone, Debug, PartialEq)]
pub struct WireFailure {
    pub kind: FailureKind,
    pub status: u16,
    /// The server's code or type, such as `rate_limit_error`.
    pub code: String,
    /// The parameter that the server names as the cause.
    pub param: Option<String>,
    /// The server's words.
    pub message: String,
}

impl WireFailure {
    /// The server objects to what was asked, not to when: a 400 or 422, and the 500 by which llama-cpp-python says
    /// that a parameter is not valid.
    pub fn is_refusal(&self) -> bool {
        matches!(self.status, 400 | 422)
            || self.status == 500 && is_validation_error(&self.message.to_lowercase())
    }
}

fn is_validation_error(said: &str) -> bool {
    said.contains("validation error")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Ask again, after this long if the server said so.
    Transient { retry_after: Option<Duration> },
    /// This request will never succeed; others may.
    ThisRequest,
    /// No request of this judge will succeed: key, money, permission, quota, unknown model.
    Judge,
}

impl WireFormat {
    pub fn default_base_url(self) -> &'static str {
        match self {
            WireFormat::Anthropic => "https://api.anthropic.com",
            WireFormat::Openai => "https://api.openai.com/v1",
        }
    }

    pub fn url(self, base_url: &str) -> String {
        let base = base_url.trim_end_matches('/');
        match self {
            WireFormat::Anthropic => format!("{}/v1/messages", base.trim_end_matches("/v1")),
            WireFormat::Openai => format!("{base}/chat/completions"),
        }
    }

    /// Headers without the key.
    pub fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            WireFormat::Anthropic => &[("anthropic-version", "2023-06-01")],
            WireFormat::Openai => &[],
        }
    }

    /// The header that carries the key. Its value must reach no row, error or log.
    pub fn key_header(self, key: &str) -> (&'static str, String) {
        match self {
            WireFormat::Anthropic => ("x-api-key", key.to_owned()),
            WireFormat::Openai => ("authorization", format!("Bearer {key}")),
        }
    }

    /// The header under which the server names the request.
    pub fn request_id_header(self) -> &'static str {
        match self {
            WireFormat::Anthropic => "request-id",
            WireFormat::Openai => "x-request-id",
        }
    }

    /// The body; equal inputs give equal bytes.
    pub fn body(self, request: &JudgeRequest, params: &WireParams) -> Vec<u8> {
        let body = match self {
            WireFormat::Anthropic => wire_anthropic::body(request, params),
            WireFormat::Openai => wire_openai::body(request, params),
        };
        serde_json::to_vec(&body).expect("a JSON value serialises")
    }

    /// The text of the first user's turn in a body that [`WireFormat::body`] made: where the answers stand.
    pub fn user_text(self, body: &[u8]) -> Option<String> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let user = body["messages"].as_array()?.iter().find(|message| message["role"] == "user")?;
        match &user["content"] {
            Value::String(text) => Some(text.clone()),
            Value::Array(blocks) => blocks.iter().map(|block| block["text"].as_str()).collect(),
            _ => None,
        }
    }

    /// Where the server lists its models.
    pub fn models_url(self, base_url: &str) -> String {
        let base = base_url.trim_end_matches('/');
        match self {
            WireFormat::Anthropic => format!("{}/v1/models?limit=1000", base.trim_end_matches("/v1")),
            WireFormat::Openai => format!("{base}/models"),
        }
    }

    /// The names in a list of models; `None` when `body` is no such list.
    pub fn model_names(self, body: &[u8]) -> Option<Vec<String>> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let data = body.get("data")?.as_array()?;
        Some(data.iter().filter_map(|model| Some(model["id"].as_str()?.to_owned())).collect())
    }

    /// Reads a reply; `header` looks a header up by its lower-case name.
    pub fn read(
        self,
        status: u16,
        header: impl Fn(&str) -> Option<String>,
        body: &[u8],
    ) -> Result<WireReply, WireFailure> {
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        if (200..300).contains(&status) {
            let reply = parsed.as_ref().and_then(|body| match self {
                WireFormat::Anthropic => wire_anthropic::reply(body),
                WireFormat::Openai => wire_openai::reply(body),
            });
            return reply.ok_or_else(|| WireFailure {
                kind: FailureKind::Transient { retry_after: None },
                status,
                code: "not_a_reply".to_owned(),
                param: None,
                message: excerpt(&String::from_utf8_lossy(body)),
            });
        }
        Err(failure(status, header, parsed.as_ref(), body))
    }
}

/// The wait before attempt `attempt + 1`: what the server asked for (up to a minute), else .5 s doubled per
/// attempt up to 8 s; `jitter` in 0..1 takes up to a quarter off, so that parallel calls spread.
pub fn retry_delay(attempt: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    match retry_after {
        Some(asked) if asked > Duration::ZERO && asked <= Duration::from_secs(60) => asked,
        _ => {
            let doubled = 0.5 * f64::from(1u32 << attempt.saturating_sub(1).min(4));
            Duration::from_secs_f64(doubled.min(8.0) * (1.0 - 0.25 * jitter))
        }
    }
}

/// US dollars at list prices per million tokens; `None` when a price or the usage is unknown.
///
/// Cached tokens are counted at the full input price and tokens written to a cache at 1.25 times that, so the
/// figure is an upper bound for the five-minute cache that is asked for.
pub fn cost_usd(usage: Option<&Usage>, price_in: Option<f64>, price_out: Option<f64>) -> Option<f64> {
    let usage = usage?;
    let input =
        (usage.input_tokens + usage.cached_input_tokens) as f64 + 1.25 * usage.cache_write_tokens as f64;
    Some((input * price_in? + usage.output_tokens as f64 * price_out?) / 1e6)
}

/// `text` without `key`, for server messages that quote what they were sent.
pub fn redact(text: &str, key: &str) -> String {
    if key.len() < 4 { text.to_owned() } else { text.replace(key, "[key]") }
}

/// The JSON schema of a verdict, labels included.
pub(super) fn verdict_schema(labels: &[String; 2]) -> Value {
    let object = |properties: Value, required: Vec<&str>| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let score: serde_json::Map<String, Value> =
        CRITERIA.iter().map(|name| ((*name).to_owned(), json!({"type": "integer"}))).collect();
    let scores = object(score.into(), CRITERIA.to_vec());
    let [label, other] = labels;
    object(
        json!({
            "rationale": {"type": "string"},
            "scores": object(json!({label.as_str(): scores, other.as_str(): scores}), vec![label, other]),
            "winner": {"type": "string", "enum": [label, other, "tie"]},
        }),
        vec!["rationale", "scores", "winner"],
    )
}

fn failure(
    status: u16,
    header: impl Fn(&str) -> Option<String>,
    parsed: Option<&Value>,
    body: &[u8],
) -> WireFailure {
    // Some servers wrap the object in an array of one.
    let parsed = parsed.map(|value| value.get(0).unwrap_or(value));
    let error = parsed.and_then(|value| value.get("error"));
    let field = |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str);
    let code = field("code").or_else(|| field("status")).or_else(|| field("type")).unwrap_or("").to_owned();
    let text = || error.and_then(Value::as_str).map(str::to_owned);
    let message = field("message")
        .map(str::to_owned)
        .or_else(text)
        .unwrap_or_else(|| excerpt(&String::from_utf8_lossy(body)));
    let said = format!("{code} {} {message}", field("type").unwrap_or("")).to_lowercase();
    let param = field("param").map(str::to_owned);
    WireFailure { kind: kind(status, &said, header), status, code, param, message: excerpt(&message) }
}

/// Money and day quotas end the judge's work even where the status says "try again".
const EXHAUSTED: &[&str] = &[
    "insufficient_quota",
    "credit_balance",
    "credit balance",
    "spend_limit",
    "usage_limit",
    "billing",
    "perday",
    "per_day",
    "per day",
    "requestsperday",
];

fn kind(status: u16, said: &str, header: impl Fn(&str) -> Option<String>) -> FailureKind {
    if EXHAUSTED.iter().any(|word| said.contains(word)) {
        return FailureKind::Judge;
    }
    let should_retry = header("x-should-retry");
    match status {
        401..=404 => FailureKind::Judge,
        _ if should_retry.as_deref() == Some("false") => FailureKind::ThisRequest,
        500 if is_validation_error(said) => FailureKind::ThisRequest,
        408 | 409 | 429 | 500.. => FailureKind::Transient { retry_after: retry_after(header) },
        _ if should_retry.as_deref() == Some("true") => {
            FailureKind::Transient { retry_after: retry_after(header) }
        }
        _ => FailureKind::ThisRequest,
    }
}

fn retry_after(header: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let number = |name: &str| header(name)?.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let seconds = number("retry-after-ms").map(|ms| ms / 1e3).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn excerpt(text: &str) -> String {
    let line = crate::text::squeeze(text);
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
