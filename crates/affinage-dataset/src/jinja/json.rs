//! `json.dumps` of Python.

use super::operators::{order, sorted};
use super::python;
use super::value::{Seq, SeqKind, Value};
use super::{Error, Limits, Result};

pub(super) struct Style {
    pub ensure_ascii: bool,
    /// The white space of one level.
    pub indent: Option<String>,
    pub item_separator: String,
    pub key_separator: String,
    pub sort_keys: bool,
}

pub(super) fn dumps(value: &Value, style: &Style, limits: &Limits) -> Result<String> {
    let mut writer = Writer { out: String::new(), style, limits };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    style: &'a Style,
    limits: &'a Limits,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, level: usize) -> Result<()> {
        self.limits.step()?;
        let before = self.out.len();
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Int(value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&number(*value)),
            Value::Str(text) => self.text(text),
            Value::Seq(seq) if is_array(seq) => return self.array(seq, level),
            Value::Dict(dict) => {
                let mut entries: Vec<(String, &Value, &Value)> = Vec::with_capacity(dict.entries.len());
                for (key, value) in &dict.entries {
                    entries.push((name(key)?, key, value));
                }
                if self.style.sort_keys {
                    entries = sorted(entries, &mut |a, b| order(a.1, b.1, self.limits))?;
                }
                return self.object(&entries, level);
            }
            other => {
                let message = format!("an object of type {} is not JSON serializable", other.type_name());
                return Err(Error::failed(message));
            }
        }
        self.limits.text(self.out.len() - before)
    }

    fn array(&mut self, seq: &Seq, level: usize) -> Result<()> {
        self.out.push('[');
        for (at, item) in seq.items.iter().enumerate() {
            self.between(at, level + 1)?;
            self.value(item, level + 1)?;
        }
        self.close(seq.items.is_empty(), level, ']')
    }

    fn object(&mut self, entries: &[(String, &Value, &Value)], level: usize) -> Result<()> {
        self.out.push('{');
        for (at, (name, _, value)) in entries.iter().enumerate() {
            self.between(at, level + 1)?;
            self.text(name);
            self.out.push_str(&self.style.key_separator);
            self.value(value, level + 1)?;
        }
        self.close(entries.is_empty(), level, '}')
    }

    fn between(&mut self, at: usize, level: usize) -> Result<()> {
        if at > 0 {
            self.out.push_str(&self.style.item_separator);
        }
        self.line(level)
    }

    fn close(&mut self, empty: bool, level: usize, bracket: char) -> Result<()> {
        if !empty {
            self.line(level)?;
        }
        self.out.push(bracket);
        Ok(())
    }

    fn line(&mut self, level: usize) -> Result<()> {
        let Some(indent) = &self.style.indent else { return Ok(()) };
        self.limits.text(indent.len().saturating_mul(level))?;
        self.out.push('\n');
        self.out.push_str(&indent.repeat(level));
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x08' => self.out.push_str("\\b"),
                '\x0c' => self.out.push_str("\\f"),
                '\0'..='\x1f' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ if c.is_ascii() || !self.style.ensure_ascii => self.out.push(c),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        self.out.push('"');
    }
}

fn is_array(seq: &Seq) -> bool {
    matches!(seq.kind, SeqKind::List | SeqKind::Tuple | SeqKind::Group)
}

fn number(value: f64) -> String {
    match python::float(value).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        finite => finite.to_owned(),
    }
}

/// A key as a text.
fn name(key: &Value) -> Result<String> {
    match key {
        Value::Str(text) => Ok(text.to_string()),
        Value::None => Ok("null".to_owned()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Int(value) => Ok(value.to_string()),
        Value::Float(value) => Ok(number(*value)),
        other => Err(Error::failed(format!("a key of JSON is no {}", other.type_name()))),
    }
}
