//! Where the fields of a message are looked for: in the message, in what is inside it and in what is around it.

use serde_json::Value;

use super::super::json::number;
use super::names::{ENVELOPES, ROLES, TEXTS, TIMES, role, time_s};

/// The object and the objects around or inside it, in which fields are looked for: first wins.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    layers: [Option<&'a Value>; 4],
}

impl<'a> Layers<'a> {
    pub fn of(values: impl IntoIterator<Item = &'a Value>) -> Layers<'a> {
        let mut layers = [None; 4];
        for (slot, value) in layers.iter_mut().zip(values) {
            *slot = Some(value);
        }
        Layers { layers }
    }

    /// A message with the object it is wrapped in.
    pub fn of_message(value: &'a Value) -> Layers<'a> {
        let inner = ENVELOPES.iter().filter_map(|key| value.get(*key)).find(|inner| {
            let has = |names: &[&str]| names.iter().any(|name| inner.get(*name).is_some());
            inner.is_object() && (has(ROLES) || has(&TEXTS[..8])) && !is_content(inner)
        });
        Layers::of(inner.into_iter().chain([value]))
    }

    pub fn values(self) -> impl Iterator<Item = &'a Value> {
        self.layers.into_iter().flatten()
    }

    /// All fields of these names that hold something, names first, inner layers before outer ones.
    pub fn all(self, names: &'static [&'static str]) -> impl Iterator<Item = (&'static str, &'a Value)> {
        names.iter().flat_map(move |name| {
            self.values().filter_map(|layer| layer.get(*name)).filter(|v| !is_nothing(v)).map(|v| (*name, v))
        })
    }

    pub fn has(self, names: &[&str]) -> bool {
        names.iter().any(|name| self.values().any(|layer| layer.get(*name).is_some()))
    }

    /// A text or a number, as text.
    pub fn text(self, names: &'static [&'static str]) -> Option<String> {
        self.all(names).find_map(|(_, value)| scalar(value))
    }

    pub fn flag(self, names: &'static [&'static str]) -> Option<(&'static str, bool)> {
        self.all(names).find_map(|(name, value)| Some((name, value.as_bool()?)))
    }

    /// True if one of the fields is true, whatever the others say.
    pub fn any_true(self, names: &'static [&'static str]) -> bool {
        self.all(names).any(|(_, value)| value.as_bool() == Some(true))
    }

    pub fn time_s(self) -> Option<f64> {
        self.first_time_s(TIMES)
    }

    /// The first of these fields that is a time.
    pub fn first_time_s(self, names: &'static [&'static str]) -> Option<f64> {
        self.all(names).find_map(|(_, value)| time_s(value))
    }

    pub fn number(self, name: &str) -> Option<f64> {
        self.values().find_map(|layer| number(layer, name))
    }
}

/// An object such as `{"type": "text", "text": ...}` that is the content of its message and not a message.
fn is_content(value: &Value) -> bool {
    value.get("type").and_then(Value::as_str).is_some_and(|word| role(word).is_none())
        && !["role", "sender", "author", "from", "content"].iter().any(|name| value.get(*name).is_some())
}

pub fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
