//! The OpenAI wire format: what is read of a request, and the documents that go back.

use affinage_dataset::message::{Message, Role};
use affinage_engine::generate::{Finish, Sampling};
use affinage_project::errors::usage;
use affinage_project::folder::config::Generate;
use affinage_project::model::LoadedModel;
use serde::Deserialize;
use serde_json::{Value, json};

use super::decoder::TokenStep;

/// What both kinds of completion share. Unknown fields are ignored, as other servers do; those that would change the
/// answer and are not implemented are refused.
#[derive(Debug, Deserialize)]
pub struct Common {
    pub model: String,
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub top_k: Option<usize>,
    pub seed: Option<u64>,
    pub n: Option<usize>,
    pub stop: Option<Texts>,
    #[serde(default)]
    pub stream: bool,
    pub stream_options: Option<StreamOptions>,
    pub max_tokens: Option<usize>,
    pub max_completion_tokens: Option<usize>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    logit_bias: Option<Value>,
    tools: Option<Vec<Value>>,
    response_format: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub struct StreamOptions {
    #[serde(default)]
    pub include_usage: bool,
}

/// `POST /v1/chat/completions`.
#[derive(Debug, Deserialize)]
pub struct ChatRequest {
    messages: Vec<ChatMessage>,
    #[serde(default)]
    logprobs: bool,
    top_logprobs: Option<usize>,
    #[serde(flatten)]
    pub common: Common,
}

/// `POST /v1/completions`.
#[derive(Debug, Deserialize)]
pub struct TextRequest {
    pub prompt: Prompts,
    #[serde(default)]
    pub echo: bool,
    pub logprobs: Option<usize>,
    #[serde(flatten)]
    pub common: Common,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Texts {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Prompts {
    Text(String),
    Texts(Vec<String>),
    Ids(Vec<u32>),
    Lists(Vec<Vec<u32>>),
}

#[derive(Debug, Deserialize)]
struct ChatMessage {
    role: String,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    r#type: String,
    #[serde(default)]
    text: String,
}

/// As many alternatives as OpenAI gives.
const MAX_ALTERNATIVES: usize = 20;
const MAX_CHOICES: usize = 64;

impl Common {
    /// Errors name the field.
    pub fn check(&self) -> anyhow::Result<()> {
        let not_zero = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
        let is_set = |value: &Option<Value>| {
            value
                .as_ref()
                .is_some_and(|value| !value.is_null() && value.as_object().is_none_or(|o| !o.is_empty()))
        };
        let other_format = self.response_format.as_ref().is_some_and(|format| format["type"] != "text");
        let refused = [
            ("presence_penalty", not_zero(self.presence_penalty)),
            ("frequency_penalty", not_zero(self.frequency_penalty)),
            ("logit_bias", is_set(&self.logit_bias)),
            ("tools", self.tools.as_ref().is_some_and(|tools| !tools.is_empty())),
            ("response_format", other_format),
        ];
        if let Some((name, _)) = refused.iter().find(|(_, refused)| *refused) {
            return Err(usage(format!("`{name}` is not implemented here; leave it away")));
        }
        if self.temperature.is_some_and(|t| !(0.0..=100.0).contains(&t)) {
            return Err(usage("`temperature` must be 0 or more"));
        }
        if self.top_p.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
            return Err(usage("`top_p` must be above 0 and at most 1"));
        }
        if !(1..=MAX_CHOICES).contains(&self.choices()) {
            return Err(usage(format!("`n` must be 1 to {MAX_CHOICES}")));
        }
        Ok(())
    }

    pub fn choices(&self) -> usize {
        self.n.unwrap_or(1)
    }

    /// What is not said is as in `[generate]`.
    pub fn sampling(&self, config: &Generate) -> Sampling {
        let own = affinage_project::stages::generation::sampling(config);
        Sampling {
            temperature: self.temperature.unwrap_or(own.temperature),
            top_p: self.top_p.unwrap_or(own.top_p),
            top_k: self.top_k.unwrap_or(own.top_k),
        }
    }

    /// The limit that was asked for.
    pub fn limit(&self) -> Option<usize> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    pub fn stops(&self) -> Vec<String> {
        match &self.stop {
            None => Vec::new(),
            Some(Texts::One(text)) => vec![text.clone()],
            Some(Texts::Several(texts)) => texts.clone(),
        }
    }
}

impl ChatRequest {
    pub fn messages(&self) -> anyhow::Result<Vec<Message>> {
        let message = |message: &ChatMessage| {
            let role = match message.role.as_str() {
                "system" | "developer" => Role::System,
                "user" => Role::User,
                "assistant" => Role::Assistant,
                other => {
                    return Err(usage(format!(
                        "a message of the role `{other}`; known: system, user, assistant"
                    )));
                }
            };
            let content = match &message.content {
                None => String::new(),
                Some(Content::Text(text)) => text.clone(),
                Some(Content::Parts(parts)) => {
                    if let Some(part) = parts.iter().find(|part| part.r#type != "text") {
                        return Err(usage(format!(
                            "a part of the type `{}`; only text is read",
                            part.r#type
                        )));
                    }
                    parts.iter().map(|part| part.text.as_str()).collect()
                }
            };
            Ok(Message::new(role, content))
        };
        if self.messages.is_empty() {
            return Err(usage("`messages` is empty"));
        }
        self.messages.iter().map(message).collect()
    }

    pub fn alternatives(&self) -> anyhow::Result<Option<usize>> {
        let count = self.top_logprobs.unwrap_or(0);
        match self.logprobs || count > 0 {
            true => alternatives(Some(count), "top_logprobs"),
            false => Ok(None),
        }
    }
}

impl TextRequest {
    pub fn alternatives(&self) -> anyhow::Result<Option<usize>> {
        alternatives(self.logprobs, "logprobs")
    }
}

fn alternatives(count: Option<usize>, name: &str) -> anyhow::Result<Option<usize>> {
    match count {
        Some(count) if count > MAX_ALTERNATIVES => {
            Err(usage(format!("`{name}` is {count}, at most {MAX_ALTERNATIVES}")))
        }
        count => Ok(count),
    }
}

pub fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

pub fn usage_counts(prompt: usize, completion: usize) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

/// A token in `logprobs.content`.
pub fn chat_logprob(model: &LoadedModel, step: &TokenStep) -> Value {
    let entry = |id: u32, log_probability: f64| {
        let (token, bytes) = token_text(model, id);
        json!({"token": token, "logprob": log_probability, "bytes": bytes})
    };
    let mut value = entry(step.id, step.log_probability);
    let top: Vec<Value> = step.alternatives.iter().map(|(id, logprob)| entry(*id, *logprob)).collect();
    value["top_logprobs"] = json!(top);
    value
}

/// The `logprobs` of a text completion; the first token of a text has no probability.
pub fn text_logprobs(model: &LoadedModel, steps: &[TokenStep]) -> Value {
    let (mut tokens, mut own, mut top, mut offsets, mut offset) = (vec![], vec![], vec![], vec![], 0);
    for step in steps {
        let text = token_text(model, step.id).0;
        offsets.push(offset);
        offset += text.chars().count();
        tokens.push(text);
        let known = !step.log_probability.is_nan();
        own.push(known.then_some(step.log_probability));
        let alternatives = step.alternatives.iter().rev();
        let map: serde_json::Map<String, Value> =
            alternatives.map(|(id, logprob)| (token_text(model, *id).0, json!(logprob))).collect();
        top.push(known.then_some(map));
    }
    json!({"tokens": tokens, "token_logprobs": own, "top_logprobs": top, "text_offset": offsets})
}

/// The text of one token and its bytes; half a character reads U+FFFD in the text and is whole in the bytes.
fn token_text(model: &LoadedModel, id: u32) -> (String, Vec<u8>) {
    let text = model.tokenizer.decode_with_special(&[id]).unwrap_or_default();
    let stored = model.tokenizer.token(id).unwrap_or_default();
    let bytes = stored.chars().map(byte_of).collect::<Option<Vec<u8>>>();
    let bytes =
        bytes.filter(|_| !model.tokenizer.is_special(id)).unwrap_or_else(|| text.clone().into_bytes());
    (text, bytes)
}

/// The byte that a character of a byte-level vocabulary stands for.
///
/// Source: GPT-2 `encoder.py` (`bytes_to_unicode`): printable bytes are themselves, the 68 others follow from U+0100 on.
fn byte_of(c: char) -> Option<u8> {
    let is_itself = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(c) {
        code @ 0..=0xff => u8::try_from(code).ok().filter(|byte| is_itself(*byte)),
        code => (0..=0xff).filter(|byte| !is_itself(*byte)).nth((code - 0x100) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_the_vocabulary_are_bytes() {
        let bytes: Vec<u8> = "ĠAéĊ".chars().filter_map(byte_of).collect();
        assert_eq!(bytes, [b' ', b'A', 0xe9, b'\n']);
        assert_eq!(byte_of('東'), None);
    }

    #[test]
    fn what_would_change_the_answer_is_refused() {
        let refused = |fields: &str| {
            let text = format!("{{\"model\": \"base\", \"messages\": [], {fields}}}");
            let request: ChatRequest = serde_json::from_str(&text).expect("JSON");
            request.common.check().err().map(|error| error.to_string())
        };
        assert_eq!(
            refused("\"presence_penalty\": 0, \"tools\": [], \"logit_bias\": {}, \"user\": \"x\""),
            None
        );
        for field in [
            "\"frequency_penalty\": 0.5",
            "\"tools\": [{}]",
            "\"response_format\": {\"type\": \"json_object\"}",
        ] {
            assert!(refused(field).is_some_and(|said| said.contains("is not implemented")), "{field}");
        }
        assert!(refused("\"n\": 0").is_some() && refused("\"top_p\": 0").is_some());
    }
}
