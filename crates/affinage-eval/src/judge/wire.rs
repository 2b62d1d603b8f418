//! What the two wire formats have in common: addresses, bodies and replies.

use serde_json::{Value, json};

use super::request::JudgeRequest;
use super::wire_failure::{WireFailure, error_inside, failure, not_a_reply, status_of};
pub use super::wire_openai::chat;
use super::wire_params::WireParams;
use super::{loose_json, wire_anthropic, wire_openai};
use crate::judgment::{CRITERIA, MissingReason, Usage};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFormat {
    Anthropic,
    Openai,
}

impl WireFormat {
    /// Every one: a stored reply may be of any of them.
    pub const ALL: [WireFormat; 2] = [WireFormat::Openai, WireFormat::Anthropic];
}

/// A reply that the server calls a success.
#[derive(Clone, Debug, PartialEq)]
pub struct WireReply {
    pub text: String,
    pub model: Option<String>,
    pub usage: Option<Usage>,
    /// Why the text is no answer, if it is none: refused, cut, or only thought.
    pub missing: Option<MissingReason>,
    /// The tokens of the text with their alternatives, where asked for and given.
    pub tokens: Vec<TokenChoice>,
    /// What the server sent as a thought, where there is no text beside it.
    pub lost_thought: Option<String>,
    /// Further choices, of which none was asked for: text, and why it is no answer.
    pub other_choices: Vec<(String, Option<MissingReason>)>,
}

/// One written token and the likeliest ones in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenChoice {
    pub token: String,
    /// Token and natural logarithm of its probability.
    pub likeliest: Vec<(String, f64)>,
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
        let parsed: Option<Value> = loose_json::parse(without_frame(body));
        if !(200..300).contains(&status) {
            return Err(failure(status, header, parsed.as_ref(), body));
        }
        if let Some(error) = parsed.as_ref().and_then(error_inside) {
            return Err(failure(status_of(error), header, Some(error), body));
        }
        let reply = parsed.as_ref().and_then(|body| match self {
            WireFormat::Anthropic => wire_anthropic::reply(body),
            WireFormat::Openai => wire_openai::reply(body),
        });
        reply.ok_or_else(|| not_a_reply(status, header, body))
    }
}

/// A body without a byte order mark, and without the end of a stream behind it.
fn without_frame(body: &[u8]) -> &[u8] {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii();
    body.strip_suffix(b"data: [DONE]").unwrap_or(body)
}

/// The text of an answer: a string, or the texts of a list of parts. Parts of other types (thoughts, calls) say nothing.
pub(super) fn text_of(content: &Value) -> String {
    let part = |part: &Value| match part["type"].as_str() {
        _ if part["thought"] == true => None,
        None | Some("text" | "output_text") => part["text"].as_str().or(part.as_str()).map(str::to_owned),
        Some(_) => None,
    };
    match content {
        Value::Array(_) => parts_of(content).filter_map(part).collect(),
        content => content.as_str().unwrap_or_default().to_owned(),
    }
}

/// The parts of a content that is a list.
pub(super) fn parts_of(content: &Value) -> impl Iterator<Item = &Value> {
    content.as_array().into_iter().flatten()
}

/// How a reply ended by the server's word: what is missing about it, if anything. The words of both formats and of gateways
/// between them are known by their parts; case does not matter.
pub(super) fn missing_by_end(word: Option<&str>) -> Option<MissingReason> {
    const ENDED: &[&str] = &[
        "",
        "stop",
        "eos",
        "eos_token",
        "end_turn",
        "stop_sequence",
        "end",
        "end_of_text",
        "complete",
        "completed",
        "finished",
        "done",
    ];
    const CUT: &[&str] =
        &["length", "max_tokens", "max_output", "token_limit", "context_window", "incomplete", "truncat"];
    const WITHHELD: &[&str] = &[
        "filter",
        "refus",
        "safety",
        "recitation",
        "block",
        "prohibited",
        "spii",
        "sensitive",
        "guardrail",
        "moderat",
    ];
    let word = plain_word(word);
    let holds = |parts: &[&str]| parts.iter().any(|part| word.contains(part));
    match () {
        () if ENDED.contains(&word.as_str()) => None,
        () if holds(CUT) => Some(MissingReason::Truncated),
        () if holds(WITHHELD) => Some(MissingReason::Refusal),
        () => Some(MissingReason::Unparsed),
    }
}

/// Whether the word for the end says that the server broke off, so that asking again may help.
pub(super) fn broke_off(word: &Value) -> bool {
    const PARTS: &[&str] = &[
        "error",
        "abort",
        "cancel",
        "timeout",
        "timed_out",
        "insufficient",
        "fail",
        "unavailable",
        "overload",
        "interrupt",
        "preempt",
    ];
    let word = plain_word(word.as_str());
    PARTS.iter().any(|part| word.contains(part))
}

fn plain_word(word: Option<&str>) -> String {
    word.unwrap_or_default().to_ascii_lowercase().replace(['-', ' '], "_")
}

/// A number of tokens; also one that is written as text. `None` where it is no whole number: then it is not known.
pub(super) fn token_count(value: &Value) -> Option<u64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (number >= 0.0 && number.fract() == 0.0 && number < 1e15).then_some(number as u64)
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
