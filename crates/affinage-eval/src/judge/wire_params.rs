//! What is asked of a server beside the texts, and what it turned out to refuse.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire_failure::WireFailure;

/// What is asked of a server beside the texts. A server that refuses one of these is asked without it.
#[derive(Clone, Debug, PartialEq)]
pub struct WireParams {
    pub model: String,
    pub max_tokens: u32,
    /// Ask for JSON that follows a schema.
    pub structured: bool,
    /// Ask for the probabilities of the tokens (OpenAI format only).
    pub logprobs: bool,
    /// Sent only where the user set one: newer models refuse it.
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u32>,
    pub seed: Option<u64>,
    /// What the server is to tell its chat template about thinking.
    pub thinking: Option<bool>,
    /// The name of the token limit in the OpenAI format: older servers know only `max_tokens`.
    pub max_tokens_key: MaxTokensKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensKey {
    MaxCompletionTokens,
    MaxTokens,
}

impl MaxTokensKey {
    pub fn name(self) -> &'static str {
        match self {
            MaxTokensKey::MaxCompletionTokens => "max_completion_tokens",
            MaxTokensKey::MaxTokens => "max_tokens",
        }
    }

    pub fn other(self) -> MaxTokensKey {
        match self {
            MaxTokensKey::MaxCompletionTokens => MaxTokensKey::MaxTokens,
            MaxTokensKey::MaxTokens => MaxTokensKey::MaxCompletionTokens,
        }
    }
}

/// Values for the chat template, as servers of open models (vLLM, SGLang, llama.cpp) take them.
pub const TEMPLATE_VALUES: &str = "chat_template_kwargs";

/// What can be taken out of a request or renamed in it, with the words by which servers name it.
const REFUSABLE: [(Refusable, &[&str]); 8] = [
    (Refusable::Structured, &["response_format", "output_config", "json_schema", "schema"]),
    (Refusable::Logprobs, &["logprobs"]),
    (Refusable::Temperature, &["temperature"]),
    (Refusable::TopP, &["top_p"]),
    (Refusable::TopK, &["top_k"]),
    (Refusable::Seed, &["seed"]),
    (Refusable::Thinking, &[TEMPLATE_VALUES]),
    (Refusable::MaxTokensKey, &["max_completion_tokens", "max_tokens"]),
];

/// Whether `said` (lower case, words apart) objects to the height of the token limit and not to its name.
pub(super) fn limit_is_too_large(said: &str) -> bool {
    const NAMES: &[&str] = &["max tokens", "max completion tokens", "max new tokens", "max output tokens"];
    const HEIGHT: &[&str] = &[
        "too large",
        "too high",
        "too big",
        "at most",
        "less than",
        "larger than",
        "greater than",
        "exceed",
        "maximum",
        "valid range",
        "supported range",
        "<=",
        " > ",
    ];
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    says(NAMES) && says(HEIGHT)
}

#[derive(Clone, Copy)]
enum Refusable {
    Structured,
    Logprobs,
    Temperature,
    TopP,
    TopK,
    Seed,
    Thinking,
    MaxTokensKey,
}

impl WireParams {
    /// What to record as the effective parameters.
    pub fn effective(&self) -> BTreeMap<String, Value> {
        let mut effective = BTreeMap::from([
            (self.max_tokens_key.name().to_owned(), json!(self.max_tokens)),
            ("structured_output".to_owned(), json!(self.structured)),
        ]);
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                effective.insert(name.to_owned(), value);
            }
        };
        add("logprobs", self.logprobs.then_some(json!(true)));
        add("temperature", self.temperature.map(|t| json!(t)));
        add("top_p", self.top_p.map(|p| json!(p)));
        add("top_k", self.top_k.map(|k| json!(k)));
        add("seed", self.seed.map(|seed| json!(seed)));
        add("thinking", self.thinking.map(|on| json!(on)));
        effective
    }

    /// Drops or renames what a refusal complains about: the parameter that the server names, else one that its words
    /// hold. False when there is nothing to change.
    pub fn adapt(&mut self, failure: &WireFailure) -> bool {
        if !failure.is_refusal() {
            return false;
        }
        let words = format!("{} {}", failure.code, failure.message);
        let sources = [failure.param.as_deref().unwrap_or_default(), &words].map(str::to_lowercase);
        if limit_is_too_large(&sources[1].replace(['_', '-'], " ")) {
            return false;
        }
        // Only the name that was sent can be refused: the other one may stand in the advice.
        let sent_key = self.max_tokens_key.name();
        sources.iter().any(|said| {
            let named = |names: &[&str]| names.iter().any(|name| said.contains(name));
            let was_sent = |what| !matches!(what, Refusable::MaxTokensKey) || said.contains(sent_key);
            REFUSABLE.iter().any(|(what, names)| named(names) && was_sent(*what) && self.drop(*what))
        })
    }

    /// Takes `what` out; false when it was not asked for.
    fn drop(&mut self, what: Refusable) -> bool {
        match what {
            Refusable::Structured => std::mem::take(&mut self.structured),
            Refusable::Logprobs => std::mem::take(&mut self.logprobs),
            Refusable::Temperature => self.temperature.take().is_some(),
            Refusable::TopP => self.top_p.take().is_some(),
            Refusable::TopK => self.top_k.take().is_some(),
            Refusable::Seed => self.seed.take().is_some(),
            Refusable::Thinking => self.thinking.take().is_some(),
            Refusable::MaxTokensKey => {
                self.max_tokens_key = self.max_tokens_key.other();
                true
            }
        }
    }

    /// Whether a reply of `output_tokens` shows that the server took no notice of the limit; then the limit gets its other
    /// name. A server that does not know a parameter may pass over it in silence.
    pub fn adapt_to_length(&mut self, output_tokens: u64) -> bool {
        let is_over = output_tokens > u64::from(self.max_tokens);
        if is_over {
            self.max_tokens_key = self.max_tokens_key.other();
        }
        is_over
    }

    /// These parameters without what `limits` says is refused.
    pub fn within(mut self, limits: &WireLimits) -> WireParams {
        self.structured &= limits.structured;
        self.logprobs &= limits.logprobs;
        self.temperature = self.temperature.filter(|_| limits.temperature);
        self.top_p = self.top_p.filter(|_| limits.top_p);
        self.top_k = self.top_k.filter(|_| limits.top_k);
        self.seed = self.seed.filter(|_| limits.seed);
        self.thinking = self.thinking.filter(|_| limits.thinking);
        self.max_tokens_key = limits.max_tokens_key.unwrap_or(self.max_tokens_key);
        self
    }

    /// The sampling settings that are asked for here and were not sent.
    pub fn left_out(&self, sent: &WireParams) -> Vec<String> {
        let settings = [
            (TEMPLATE_VALUES, self.thinking.is_some() && sent.thinking.is_none()),
            ("seed", self.seed.is_some() && sent.seed.is_none()),
            ("temperature", self.temperature.is_some() && sent.temperature.is_none()),
            ("top_k", self.top_k.is_some() && sent.top_k.is_none()),
            ("top_p", self.top_p.is_some() && sent.top_p.is_none()),
        ];
        settings.into_iter().filter(|(_, is_out)| *is_out).map(|(name, _)| name.to_owned()).collect()
    }
}

/// What a server takes, as learnt from its refusals. Remembered per address and model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WireLimits {
    pub structured: bool,
    pub logprobs: bool,
    pub temperature: bool,
    #[serde(default = "taken")]
    pub top_p: bool,
    #[serde(default = "taken")]
    pub top_k: bool,
    pub seed: bool,
    #[serde(default = "taken")]
    pub thinking: bool,
    /// The name of the token limit that it takes, once the usual one was refused or had no effect.
    #[serde(default)]
    pub max_tokens_key: Option<MaxTokensKey>,
}

/// What servers were remembered for before this was asked of any.
fn taken() -> bool {
    true
}

impl WireLimits {
    /// Takes in what one more refusal taught: `sent` was refused, `adapted` is what is sent now.
    pub fn learn(&mut self, sent: &WireParams, adapted: &WireParams) {
        self.structured &= adapted.structured || !sent.structured;
        self.logprobs &= adapted.logprobs || !sent.logprobs;
        self.temperature &= adapted.temperature.is_some() || sent.temperature.is_none();
        self.top_p &= adapted.top_p.is_some() || sent.top_p.is_none();
        self.top_k &= adapted.top_k.is_some() || sent.top_k.is_none();
        self.seed &= adapted.seed.is_some() || sent.seed.is_none();
        self.thinking &= adapted.thinking.is_some() || sent.thinking.is_none();
        if adapted.max_tokens_key != sent.max_tokens_key {
            self.max_tokens_key = Some(adapted.max_tokens_key);
        }
    }

    /// The names of what is not sent any more.
    pub fn refused(&self) -> Vec<&'static str> {
        let all = [
            (self.structured, "response_format"),
            (self.logprobs, "logprobs"),
            (self.temperature, "temperature"),
            (self.top_p, "top_p"),
            (self.top_k, "top_k"),
            (self.seed, "seed"),
            (self.thinking, TEMPLATE_VALUES),
        ];
        let refused = all.iter().filter(|(taken, _)| !taken).map(|(_, name)| *name);
        refused.chain(self.max_tokens_key.map(|key| key.other().name())).collect()
    }
}

impl Default for WireLimits {
    /// Nothing was refused yet.
    fn default() -> Self {
        WireLimits {
            structured: true,
            logprobs: true,
            temperature: true,
            top_p: true,
            top_k: true,
            seed: true,
            thinking: true,
            max_tokens_key: None,
        }
    }
}
