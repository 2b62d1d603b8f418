//! Chat templates: messages to the exact text a model was trained on.
//!
//! A template is a Jinja program shipped with the model. It is run as transformers runs it
//! (`utils/chat_template_utils.py`: block trimming, Python string methods, `tojson`, `raise_exception`,
//! loop controls, `generation` blocks), with one difference: `strftime_now` gives the pinned date or fails,
//! because a prompt that holds today's date would make training data depend on the day.

use std::sync::LazyLock;

use jiff::civil::Date;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, ErrorKind, context};
use regex::Regex;
use serde::Serialize as _;

use crate::message::Message;
use crate::tokenizer::TokenizerError;

/// Why a conversation could not be rendered or turned into a training row.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("the chat template is not valid: {}", shown(.0))]
    Syntax(#[source] minijinja::Error),
    #[error("the chat template fails on this conversation: {}", shown(.0))]
    Render(#[source] minijinja::Error),
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
        "the answer of turn {turn} ends with {found} end tokens in the chat template, expected exactly one \
         (an end token is one of {expected})"
    )]
    EndOfTurn { turn: usize, found: usize, expected: String },
    #[error("the text begins with the token `{token}` twice")]
    DoubledStart { token: String },
    #[error("the border {border} turn {turn} falls inside the token {token:?}")]
    SplitToken { turn: usize, border: Border, token: String },
    #[error("{tokens} tokens, {limit} allowed: cutting would lose the end of the answer")]
    TooLong { tokens: usize, limit: usize },
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

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

/// A compiled chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    special: SpecialTokens,
}

const NAME: &str = "chat";
/// The detail of the error that stands for [`TemplateError::DateNotPinned`].
const NO_DATE: &str = "no date is pinned";

impl ChatTemplate {
    /// Compiles `source`. `date` is what the template takes for today.
    pub fn new(
        source: &str,
        special: SpecialTokens,
        date: Option<Date>,
    ) -> Result<ChatTemplate, TemplateError> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_formatter(as_python);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", move |format: String| strftime(&format, date));
        environment
            .add_template_owned(NAME, without_generation_tags(source))
            .map_err(TemplateError::Syntax)?;
        Ok(ChatTemplate { environment, source: source.to_owned(), special })
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

    /// The text of a conversation. Errors if the template raises one, is wrong, or asks for an unpinned date.
    pub fn render(&self, messages: &[Message], prompt: GenerationPrompt) -> Result<String, TemplateError> {
        let template = self.environment.get_template(NAME).map_err(TemplateError::Syntax)?;
        let special = |token: &Option<String>| token.as_deref().map_or(Value::UNDEFINED, Value::from);
        let values = context! {
            messages => messages,
            add_generation_prompt => prompt == GenerationPrompt::Add,
            tools => (),
            documents => (),
            bos_token => special(&self.special.bos),
            eos_token => special(&self.special.eos),
            pad_token => special(&self.special.pad),
            unk_token => special(&self.special.unk),
        };
        template.render(values).map_err(|error| match error.detail() {
            Some(NO_DATE) => TemplateError::DateNotPinned,
            _ => TemplateError::Render(error),
        })
    }
}

/// `{{ x }}` as Python writes it.
fn as_python(
    out: &mut minijinja::Output,
    state: &minijinja::State,
    value: &Value,
) -> Result<(), minijinja::Error> {
    let text = match value.kind() {
        ValueKind::Bool if value.is_true() => "True",
        ValueKind::Bool => "False",
        ValueKind::None => "None",
        _ => return minijinja::escape_formatter(out, state, value),
    };
    out.write_str(text).map_err(|_| minijinja::Error::new(ErrorKind::WriteFailure, "the text cannot grow"))
}

/// The detail of a template error without its debug listing, which would repeat the conversation.
fn shown(error: &minijinja::Error) -> String {
    let place = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{}{place}", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned))
}

/// `{% generation %}` marks what the assistant wrote and prints nothing; a block that is always true has
/// the same effect on the white space around it.
fn without_generation_tags(source: &str) -> String {
    static TAG: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}").expect("a constant pattern")
    });
    let tag = |captures: &regex::Captures| {
        let word = if captures.get(2).is_some() { "endif" } else { "if true" };
        format!("{{%{} {word} {}%}}", &captures[1], &captures[3])
    };
    TAG.replace_all(source, tag).into_owned()
}

fn strftime(format: &str, date: Option<Date>) -> Result<String, minijinja::Error> {
    let Some(date) = date else {
        return Err(minijinja::Error::new(ErrorKind::InvalidOperation, NO_DATE));
    };
    jiff::fmt::strtime::format(format, date.at(0, 0, 0, 0))
        .map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

/// Python's `json.dumps(x, ensure_ascii=False, indent=indent)`: a space after `:` and, on one line, `,`.
fn to_json(value: &Value, options: Kwargs) -> Result<String, minijinja::Error> {
    let indent: Option<usize> = options.get("indent")?;
    let _escapes_only: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let failed =
        |error: serde_json::Error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string());
    let mut bytes = Vec::new();
    match indent {
        Some(width) => {
            let spaces = " ".repeat(width);
            let pretty = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
            let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, pretty);
            value.serialize(&mut serializer).map_err(failed)?;
        }
        None => {
            let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, OneLine);
            value.serialize(&mut serializer).map_err(failed)?;
        }
    }
    Ok(String::from_utf8(bytes).expect("JSON is UTF-8"))
}

/// `{"a": 1, "b": [1, 2]}`
struct OneLine;

impl serde_json::ser::Formatter for OneLine {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}
