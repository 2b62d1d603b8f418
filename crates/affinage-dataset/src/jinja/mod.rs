//! Jinja as chat templates use it, with the results of jinja2 3.1 in transformers' sandbox.
//!
//! Values, printing and methods are Python's: `{{ [none] }}` is `[None]`, a dictionary is a sequence of its keys, what
//! is undefined has length 0, a generator is empty once it was read. What jinja2 refuses is refused. Left out are
//! inheritance, imports, escaping of HTML, and filters for web pages.
//!
//! A template is somebody else's program: steps, depth and bytes are bounded ([`Limits`]), and it can reach nothing.

mod arguments;
mod filters;
mod format;
mod interpreter;
mod json;
mod lexer;
mod limits;
mod methods;
mod operators;
mod parser;
mod predicates;
mod python;
mod syntax;
mod value;

use std::sync::Arc;

use jiff::civil::Date;

pub(crate) use limits::Limits;
pub(crate) use value::Value;

/// A parsed template.
pub(crate) struct Program {
    body: Vec<syntax::Statement>,
}

/// Why a template is not valid, or fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
    /// From 1; 0 where it is unknown.
    pub line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Syntax,
    /// Jinja or Python would raise an error here, or the template does.
    Failed,
    DateNotPinned,
    /// More steps or bytes than any chat template needs.
    Limit,
}

type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), line: 0 }
    }

    fn failed(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Failed, message)
    }

    /// The innermost place stays.
    fn at(mut self, line: u32) -> Error {
        if self.line == 0 {
            self.line = line;
        }
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if self.line > 0 { write!(f, " (line {})", self.line) } else { Ok(()) }
    }
}

impl std::error::Error for Error {}

impl Program {
    pub(crate) fn parse(source: &str) -> Result<Program> {
        Ok(Program { body: parser::parse(source)? })
    }

    /// `date` is what the template takes for today.
    pub(crate) fn render(&self, globals: Vec<(Arc<str>, Value)>, date: Option<Date>) -> Result<String> {
        interpreter::render(&self.body, globals, date, &Limits::default())
    }
}
