//! What a filter, test, method or function was called with.

use std::sync::Arc;

use super::value::Value;
use super::{Error, Result};

#[derive(Default)]
pub(super) struct Called {
    pub positional: Vec<Value>,
    pub named: Vec<(Arc<str>, Value)>,
}

impl Called {
    /// The values of parameters, by place or by name.
    ///
    /// Errors: more values than parameters; a name that is none of them, or given twice.
    pub(super) fn bind<const N: usize>(self, of: &str, parameters: [&str; N]) -> Result<[Option<Value>; N]> {
        if self.positional.len() > N {
            let problem = format!("`{of}` takes at most {N} arguments, {} are given", self.positional.len());
            return Err(Error::failed(problem));
        }
        let mut bound = [const { None }; N];
        for (place, value) in bound.iter_mut().zip(self.positional) {
            *place = Some(value);
        }
        for (name, value) in self.named {
            let place = parameters.iter().position(|parameter| **parameter == *name);
            match place.map(|place| &mut bound[place]) {
                Some(place @ None) => *place = Some(value),
                Some(Some(_)) => return Err(Error::failed(format!("`{of}` is given `{name}` twice"))),
                None => return Err(Error::failed(format!("`{of}` has no parameter `{name}`"))),
            }
        }
        Ok(bound)
    }

    /// Errors if anything was given.
    pub(super) fn none(self, of: &str) -> Result<()> {
        self.bind(of, []).map(|[]| ())
    }
}

/// A value that must be there.
pub(super) fn required(value: Option<Value>, of: &str, name: &str) -> Result<Value> {
    value.ok_or_else(|| Error::failed(format!("`{of}` needs `{name}`")))
}

pub(super) fn wrong_type(of: &str, expected: &str, found: &Value) -> Error {
    match found {
        Value::Undefined(what) => Error::failed(what.to_string()),
        _ => Error::failed(format!("`{of}` takes {expected}, not {}", found.type_name())),
    }
}

/// A whole number, or what stands for one that is not given.
pub(super) fn int(value: Option<Value>, otherwise: i64, of: &str) -> Result<i64> {
    match value {
        None => Ok(otherwise),
        Some(value) => value.as_int().ok_or_else(|| wrong_type(of, "a whole number", &value)),
    }
}

/// As [`int`], where `none` is as good as nothing.
pub(super) fn int_or_none(value: Option<Value>, of: &str) -> Result<Option<i64>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => int(Some(value), 0, of).map(Some),
    }
}

pub(super) fn text(value: Option<Value>, otherwise: &str, of: &str) -> Result<Arc<str>> {
    match value {
        None => Ok(otherwise.into()),
        Some(Value::Str(text)) => Ok(text),
        Some(other) => Err(wrong_type(of, "a text", &other)),
    }
}

/// As [`text`], where `none` is as good as nothing.
pub(super) fn text_or_none(value: Option<Value>, of: &str) -> Result<Option<Arc<str>>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => text(Some(value), "", of).map(Some),
    }
}

pub(super) fn truth(value: Option<Value>, otherwise: bool) -> bool {
    value.map_or(otherwise, |value| value.is_true())
}
