//! Chat templates: messages to the exact text a model was trained on.
//!
//! A template is a Jinja program shipped with the model. It is run as transformers runs it
//! (`utils/chat_template_utils.py`), with two differences: `strftime_now` gives the pinned date or fails, because a prompt
//! that holds today's date would make training data depend on the day; and a template that takes more steps or writes more
//! than any conversation needs is stopped.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use crate::jinja::Error as JinjaError;
use crate::jinja::{self, Program, Value};
use crate::message::{Message, Role};
use crate::tokenizer::TokenizerError;

/// Why a conversation could not be rendered or turned into a training row.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("the chat template is not valid: {0}")]
    Syntax(JinjaError),
    #[error("the chat template fails on this conversation: {0}")]
    Render(JinjaError),
    /// It loops, doubles or nests without end, or as if.
    #[error("{0}")]
    Limit(JinjaError),
    #[error("the chat template writes today's date, and no date is pinned")]
    DateNotPinned,
    #[error("the model names several chat templates ({names}) and none of them is `default`")]
    NoDefaultTemplate { names: String },
    #[error("`chat_template` is neither a text nor a list of named texts")]
    TemplateForm,
    #[error("there is no assistant turn to learn from")]
    NoAssistantTurn,
    #[error("the answer of turn {turn} cannot be found in what the chat template makes of it")]
    AnswerNotFound { turn: usize },
    #[error(
        "the answer of turn {turn} ends with {found} in the chat template, expected an end token (one of {expected})"
    )]
    EndOfTurn { turn: usize, found: &'static str, expected: String },
    #[error(
        "the answer of turn {turn} holds the end token `{token}` itself: what follows it would never be said"
    )]
    EndWithin { turn: usize, token: String },
    #[error("the text begins with the token `{token}` twice")]
    DoubledStart { token: String },
    #[error("the border {border} turn {turn} falls inside the token {token:?}")]
    SplitToken { turn: usize, border: Border, token: String },
    #[error("{tokens} tokens, {limit} allowed: cutting would lose the end of the answer")]
    TooLong { tokens: usize, limit: usize },
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Stands for a text whose place is searched: private-use characters, which no template touches.
pub(crate) const MARKER: &str = "\u{f8f0}\u{f8f1}\u{f8f2}";

/// Which end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    Before,
    After,
}

impl std::fmt::Display for Border {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Border::Before => "before the answer of",
            Border::After => "after the answer of",
        })
    }
}

/// Whether the text ends with the opening of an assistant turn, for the model to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationPrompt {
    Add,
    Omit,
}

/// The tokens that templates name by role, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    pub bos: Option<String>,
    pub eos: Option<String>,
    pub pad: Option<String>,
    pub unk: Option<String>,
}

/// Whether a template asks its model to think before it answers. Templates know it as `enable_thinking` (Qwen3, SmolLM3,
/// GLM) or `thinking` (Granite, DeepSeek); both are passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thinking {
    #[default]
    Off,
    On,
}

impl std::fmt::Display for Thinking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Thinking::Off => "off",
            Thinking::On => "on",
        })
    }
}

/// A compiled chat template.
pub struct ChatTemplate {
    program: Program,
    source: String,
    special: SpecialTokens,
    date: Option<Date>,
    thinking: Option<Thinking>,
}

impl From<jinja::Error> for TemplateError {
    fn from(error: jinja::Error) -> TemplateError {
        match error.kind {
            jinja::ErrorKind::Syntax => TemplateError::Syntax(error),
            jinja::ErrorKind::Failed => TemplateError::Render(error),
            jinja::ErrorKind::DateNotPinned => TemplateError::DateNotPinned,
            jinja::ErrorKind::Limit => TemplateError::Limit(error),
        }
    }
}

impl ChatTemplate {
    /// Compiles `source`. `date` is what the template takes for today.
    pub fn new(
        source: &str,
        special: SpecialTokens,
        date: Option<Date>,
    ) -> Result<ChatTemplate, TemplateError> {
        let (program, source) = (Program::parse(source)?, source.to_owned());
        Ok(ChatTemplate { program, source, special, date, thinking: None })
    }

    /// The same template, told whether the model is to think; without, it does as its maker chose.
    pub fn with_thinking(self, thinking: Thinking) -> ChatTemplate {
        ChatTemplate { thinking: Some(thinking), ..self }
    }

    /// What the template was told of thinking, whether or not it asks.
    pub fn told_thinking(&self) -> Option<Thinking> {
        self.thinking
    }

    /// What the template was told of thinking, where that changes what it writes.
    pub fn thinking(&self) -> Option<Thinking> {
        let question = [Message::new(Role::User, "?")];
        let written =
            |thinking| self.write(&question, GenerationPrompt::Add, (self.date, Some(thinking))).ok();
        self.thinking.filter(|_| written(Thinking::Off) != written(Thinking::On))
    }

    /// What the template takes for today, where it writes the date into a conversation.
    pub fn date(&self) -> Option<Date> {
        let question = [Message::new(Role::User, "?")];
        let undated = self.write(&question, GenerationPrompt::Add, (None, self.thinking));
        self.date.filter(|_| matches!(undated, Err(TemplateError::DateNotPinned)))
    }

    /// The template in the `chat_template` entry of a `tokenizer_config.json`: a text, or a list of
    /// `{name, template}` of which `default` is taken.
    pub fn source_in_config(entry: &serde_json::Value) -> Result<Option<String>, TemplateError> {
        use serde_json::Value as Json;
        match entry {
            Json::Null => Ok(None),
            Json::String(source) => Ok(Some(source.clone())),
            Json::Array(entries) => {
                let text = |entry: &Json, key: &str| entry.get(key).and_then(Json::as_str).map(str::to_owned);
                let named: Option<Vec<(String, String)>> = entries
                    .iter()
                    .map(|entry| Some((text(entry, "name")?, text(entry, "template")?)))
                    .collect();
                let named = named.ok_or(TemplateError::TemplateForm)?;
                let names = named.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
                let default = named.into_iter().find(|(name, _)| name == "default");
                default.map(|(_, source)| Some(source)).ok_or(TemplateError::NoDefaultTemplate { names })
            }
            _ => Err(TemplateError::TemplateForm),
        }
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn special_tokens(&self) -> &SpecialTokens {
        &self.special
    }

    /// Whether a system message reaches the text. Some templates refuse one, others drop it.
    pub fn writes_system(&self) -> bool {
        let messages = [Message::new(Role::System, MARKER), Message::new(Role::User, "?")];
        self.render(&messages, GenerationPrompt::Add).is_ok_and(|text| text.contains(MARKER))
    }

    /// The conversation as this template can write it: without a system role, what stood there opens the first message
    /// of the user.
    pub fn with_system_written(&self, messages: &[Message]) -> Vec<Message> {
        let has_system = messages.iter().any(|message| message.role == Role::System);
        if !has_system || self.writes_system() {
            return messages.to_vec();
        }
        let (system, mut turns): (Vec<Message>, Vec<Message>) =
            messages.iter().cloned().partition(|message| message.role == Role::System);
        let instruction: Vec<&str> = system.iter().map(|message| message.content.as_str()).collect();
        match turns.iter_mut().find(|message| message.role == Role::User) {
            Some(first) => first.content = format!("{}\n\n{}", instruction.join("\n\n"), first.content),
            None => turns.insert(0, Message::new(Role::User, instruction.join("\n\n"))),
        }
        turns
    }

    /// The text of a conversation. Errors if the template raises one, is wrong, or asks for an unpinned date.
    pub fn render(&self, messages: &[Message], prompt: GenerationPrompt) -> Result<String, TemplateError> {
        self.write(messages, prompt, (self.date, self.thinking))
    }

    fn write(
        &self,
        messages: &[Message],
        prompt: GenerationPrompt,
        (date, thinking): (Option<Date>, Option<Thinking>),
    ) -> Result<String, TemplateError> {
        let message = |message: &Message| {
            let role = Value::from(message.role.as_str());
            Value::record([("role", role), ("content", Value::from(message.content.as_str()))])
        };
        let mut values: Vec<(Arc<str>, Value)> = vec![
            ("messages".into(), Value::given_list(messages.iter().map(message).collect())),
            ("add_generation_prompt".into(), Value::Bool(prompt == GenerationPrompt::Add)),
            ("tools".into(), Value::None),
            ("documents".into(), Value::None),
        ];
        let SpecialTokens { bos, eos, pad, unk } = &self.special;
        for (name, token) in [("bos_token", bos), ("eos_token", eos), ("pad_token", pad), ("unk_token", unk)]
        {
            values.extend(token.as_deref().map(|token| (name.into(), Value::from(token))));
        }
        if let Some(thinking) = thinking {
            let on = Value::Bool(thinking == Thinking::On);
            values.extend(["enable_thinking", "thinking"].map(|name| (name.into(), on.clone())));
        }
        Ok(self.program.render(values, date)?)
    }
}
