//! What is asked of a server beside the texts, and what it turned out to refuse.

use std::collections::{BTreeMap, BTreeSet};

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

/// A parameter that a server may refuse, after which it is asked without.
struct Refusable {
    /// Its name in the record of what was sent.
    recorded: &'static str,
    /// The names by which servers call it; users are told the first.
    names: &'static [&'static str],
    /// What is asked; none where it is not.
    value: fn(&WireParams) -> Option<Value>,
    drop: fn(&mut WireParams),
    /// Whether answers are other ones without it.
    is_sampling: bool,
}

impl Refusable {
    fn name(&self) -> &'static str {
        self.names[0]
    }

    fn is_asked(&self, params: &WireParams) -> bool {
        (self.value)(params).is_some()
    }
}

const REFUSABLE: [Refusable; 7] = [
    Refusable {
        recorded: "structured_output",
        names: &["response_format", "output_config", "json_schema", "schema"],
        value: |params| params.structured.then_some(json!(true)),
        drop: |params| params.structured = false,
        is_sampling: false,
    },
    Refusable {
        recorded: "logprobs",
        names: &["logprobs"],
        value: |params| params.logprobs.then_some(json!(true)),
        drop: |params| params.logprobs = false,
        is_sampling: false,
    },
    Refusable {
        recorded: "temperature",
        names: &["temperature"],
        value: |params| params.temperature.map(|t| json!(t)),
        drop: |params| params.temperature = None,
        is_sampling: true,
    },
    Refusable {
        recorded: "top_p",
        names: &["top_p"],
        value: |params| params.top_p.map(|p| json!(p)),
        drop: |params| params.top_p = None,
        is_sampling: true,
    },
    Refusable {
        recorded: "top_k",
        names: &["top_k"],
        value: |params| params.top_k.map(|k| json!(k)),
        drop: |params| params.top_k = None,
        is_sampling: true,
    },
    Refusable {
        recorded: "seed",
        names: &["seed"],
        value: |params| params.seed.map(|seed| json!(seed)),
        drop: |params| params.seed = None,
        is_sampling: true,
    },
    Refusable {
        recorded: "thinking",
        names: &[TEMPLATE_VALUES],
        value: |params| params.thinking.map(|on| json!(on)),
        drop: |params| params.thinking = None,
        is_sampling: true,
    },
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

impl WireParams {
    /// What to record as the effective parameters.
    pub fn effective(&self) -> BTreeMap<String, Value> {
        let asked = REFUSABLE.iter().filter_map(|p| Some((p.recorded.to_owned(), (p.value)(self)?)));
        let always = [
            (self.max_tokens_key.name().to_owned(), json!(self.max_tokens)),
            ("structured_output".to_owned(), json!(self.structured)),
        ];
        always.into_iter().chain(asked).collect()
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
        sources.iter().any(|said| self.drop_named(said))
    }

    /// Drops the first parameter that `said` names and that is asked for; else gives the token limit its other name where
    /// `said` names the one that was sent (the other one may stand in the advice). False when there is nothing to change.
    fn drop_named(&mut self, said: &str) -> bool {
        let is_named = |p: &&Refusable| p.names.iter().any(|name| said.contains(name));
        if let Some(named) = REFUSABLE.iter().filter(is_named).find(|p| p.is_asked(self)) {
            (named.drop)(self);
            return true;
        }
        let is_limit = said.contains(self.max_tokens_key.name());
        if is_limit {
            self.max_tokens_key = self.max_tokens_key.other();
        }
        is_limit
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
        for parameter in REFUSABLE.iter().filter(|p| limits.refused.contains(p.name())) {
            (parameter.drop)(&mut self);
        }
        self.max_tokens_key = limits.max_tokens_key.unwrap_or(self.max_tokens_key);
        self
    }

    /// The sampling settings that are asked for here and were not sent, by name.
    pub fn left_out(&self, sent: &WireParams) -> Vec<String> {
        let is_out = |p: &&Refusable| p.is_sampling && p.is_asked(self) && !p.is_asked(sent);
        let names: BTreeSet<&str> = REFUSABLE.iter().filter(is_out).map(Refusable::name).collect();
        names.into_iter().map(str::to_owned).collect()
    }
}

/// What a server refuses, as learnt from its answers. Remembered per address and model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WireLimits {
    /// Parameters by the names that users are told.
    refused: BTreeSet<String>,
    /// The name of the token limit that it takes, once the usual one was refused or had no effect.
    pub max_tokens_key: Option<MaxTokensKey>,
}

impl WireLimits {
    /// Takes in what one more refusal taught: `sent` was refused, `adapted` is what is sent now.
    pub fn learn(&mut self, sent: &WireParams, adapted: &WireParams) {
        let dropped = REFUSABLE.iter().filter(|p| p.is_asked(sent) && !p.is_asked(adapted));
        self.refused.extend(dropped.map(|p| p.name().to_owned()));
        if adapted.max_tokens_key != sent.max_tokens_key {
            self.max_tokens_key = Some(adapted.max_tokens_key);
        }
    }

    /// The names of what is not sent any more.
    pub fn refused(&self) -> Vec<&'static str> {
        let names = REFUSABLE.iter().map(Refusable::name).filter(|name| self.refused.contains(*name));
        names.chain(self.max_tokens_key.map(|key| key.other().name())).collect()
    }
}
