//! Python's values, as far as templates have them.

use std::rc::Rc;
use std::sync::Arc;

use super::limits::NESTING;
use super::syntax::{Const, Macro};
use super::{Error, ErrorKind, Limits, Result, python};

#[derive(Clone)]
pub(crate) enum Value {
    /// What is undefined, for messages.
    Undefined(Arc<str>),
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    Seq(Rc<Seq>),
    Dict(Rc<Dict>),
    /// An index into the objects of a rendering: what changes while it is used.
    Object(usize),
    /// A macro and the scope that it was defined in.
    Macro(Arc<Macro>, usize),
    /// A method that was not called yet.
    Method(Rc<(Value, Arc<str>)>),
    Function(Function),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Range,
    Dict,
    Namespace,
    Joiner,
    Cycler,
    RaiseException,
    StrftimeNow,
}

/// Everything that has values in an order and cannot change.
pub(crate) struct Seq {
    pub kind: SeqKind,
    pub items: Vec<Value>,
    nesting: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeqKind {
    List,
    Tuple,
    /// `(grouper, list)` of the filter `groupby`.
    Group,
    /// start, stop, step
    Range(i64, i64, i64),
    Keys,
    Values,
    Items,
}

/// Entries in the order in which they were written; keys differ.
pub(crate) struct Dict {
    pub entries: Vec<(Value, Value)>,
    nesting: u32,
}

/// What changes while it is used. Objects lie in one list, so that none of them can hold another for ever.
pub(super) enum Object {
    Namespace(Vec<(Arc<str>, Value)>),
    /// What is left of it.
    Generator(std::vec::IntoIter<Value>),
    Joiner {
        separator: Value,
        used: bool,
    },
    Cycler {
        items: Rc<Vec<Value>>,
        at: usize,
    },
    Loop(super::interpreter::Loop),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Str(text.into())
    }
}

impl From<&Const> for Value {
    fn from(constant: &Const) -> Value {
        match constant {
            Const::None => Value::None,
            Const::Bool(value) => Value::Bool(*value),
            Const::Int(value) => Value::Int(*value),
            Const::Float(value) => Value::Float(*value),
            Const::Str(text) => Value::Str(text.clone()),
        }
    }
}

fn nesting(of: impl Iterator<Item = u32>) -> Result<u32> {
    let deepest = of.max().unwrap_or(0) + 1;
    match deepest > NESTING {
        true => Err(Error::new(
            ErrorKind::Limit,
            format!("the chat template nests lists more than {NESTING} deep, which is more than is allowed"),
        )),
        false => Ok(deepest),
    }
}

impl Value {
    pub(super) fn seq(kind: SeqKind, items: Vec<Value>, limits: &Limits) -> Result<Value> {
        limits.list(items.len())?;
        let nesting = nesting(items.iter().map(Value::nesting))?;
        Ok(Value::Seq(Rc::new(Seq { kind, items, nesting })))
    }

    pub(super) fn list(items: Vec<Value>, limits: &Limits) -> Result<Value> {
        Value::seq(SeqKind::List, items, limits)
    }

    /// A later entry of the same key wins and keeps the place of the first.
    pub(super) fn dict(entries: Vec<(Value, Value)>, limits: &Limits) -> Result<Value> {
        limits.list(2 * entries.len())?;
        let mut distinct: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let mut found = None;
            for (at, (known, _)) in distinct.iter().enumerate() {
                if known.equals(&key, limits)? {
                    found = Some(at);
                    break;
                }
            }
            match found {
                Some(at) => distinct[at].1 = value,
                None => distinct.push((key, value)),
            }
        }
        let nesting = nesting(distinct.iter().map(|(key, value)| key.nesting().max(value.nesting())))?;
        Ok(Value::Dict(Rc::new(Dict { entries: distinct, nesting })))
    }

    /// A dictionary that a caller hands in. The keys differ.
    pub(crate) fn record<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        let entries: Vec<_> = entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect();
        let nesting = 1 + entries.iter().map(|(_, value)| value.nesting()).max().unwrap_or(0);
        Value::Dict(Rc::new(Dict { entries, nesting }))
    }

    /// A list that a caller hands in.
    pub(crate) fn given_list(items: Vec<Value>) -> Value {
        let nesting = 1 + items.iter().map(Value::nesting).max().unwrap_or(0);
        Value::Seq(Rc::new(Seq { kind: SeqKind::List, items, nesting }))
    }

    fn nesting(&self) -> u32 {
        match self {
            Value::Seq(seq) => seq.nesting,
            Value::Dict(dict) => dict.nesting,
            Value::Method(method) => method.0.nesting(),
            _ => 0,
        }
    }

    pub(super) fn text(text: impl Into<Arc<str>>, limits: &Limits) -> Result<Value> {
        let text = text.into();
        limits.text(text.len())?;
        Ok(Value::Str(text))
    }

    pub(super) fn undefined(what: impl Into<String>) -> Value {
        Value::Undefined(what.into().into())
    }

    pub(super) fn is_undefined(&self) -> bool {
        matches!(self, Value::Undefined(_))
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number; `True` is 1.
    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            Value::Bool(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            other => other.as_int().map(|value| value as f64),
        }
    }

    /// Python's name of the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Undefined(_) => "Undefined",
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Seq(seq) => match seq.kind {
                SeqKind::List => "list",
                SeqKind::Tuple | SeqKind::Group => "tuple",
                SeqKind::Range(..) => "range",
                SeqKind::Keys => "dict_keys",
                SeqKind::Values => "dict_values",
                SeqKind::Items => "dict_items",
            },
            Value::Dict(_) => "dict",
            Value::Object(_) => "object",
            Value::Macro(..) => "Macro",
            Value::Method(_) | Value::Function(_) => "function",
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Undefined(_) | Value::None => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Seq(seq) => !seq.items.is_empty(),
            Value::Dict(dict) => !dict.entries.is_empty(),
            Value::Object(_) | Value::Macro(..) | Value::Method(_) | Value::Function(_) => true,
        }
    }

    /// `len(x)`, where it has one.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Value::Undefined(_) => Some(0),
            Value::Str(text) => Some(text.chars().count()),
            Value::Seq(seq) => Some(seq.items.len()),
            Value::Dict(dict) => Some(dict.entries.len()),
            _ => None,
        }
    }

    /// `x == y`
    pub(super) fn equals(&self, other: &Value, limits: &Limits) -> Result<bool> {
        limits.step()?;
        Ok(match (self, other) {
            (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Seq(a), Value::Seq(b)) => {
                let same_type = self.type_name() == other.type_name();
                if Rc::ptr_eq(a, b) {
                    return Ok(true);
                }
                if !same_type || a.items.len() != b.items.len() {
                    return Ok(false);
                }
                for (a, b) in a.items.iter().zip(&b.items) {
                    if !a.equals(b, limits)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Dict(a), Value::Dict(b)) => {
                if Rc::ptr_eq(a, b) {
                    return Ok(true);
                }
                if a.entries.len() != b.entries.len() {
                    return Ok(false);
                }
                for (key, value) in &a.entries {
                    match b.get(key, limits)? {
                        Some(other) if value.equals(other, limits)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (Value::Object(a), Value::Object(b)) => a == b,
            (Value::Function(a), Value::Function(b)) => a == b,
            (Value::Macro(a, _), Value::Macro(b, _)) => Arc::ptr_eq(a, b),
            _ => match (self.as_int(), other.as_int()) {
                (Some(a), Some(b)) => a == b,
                _ => matches!((self.as_float(), other.as_float()), (Some(a), Some(b)) if a == b),
            },
        })
    }

    /// `str(x)`
    pub(super) fn to_text(&self, limits: &Limits) -> Result<Arc<str>> {
        match self {
            Value::Str(text) => Ok(text.clone()),
            Value::Undefined(_) => Ok("".into()),
            other => {
                let mut out = String::new();
                other.write_repr(&mut out, limits)?;
                Ok(out.into())
            }
        }
    }

    /// `repr(x)`
    pub(super) fn write_repr(&self, out: &mut String, limits: &Limits) -> Result<()> {
        limits.step()?;
        let before = out.len();
        match self {
            Value::Undefined(_) => out.push_str("Undefined"),
            Value::None => out.push_str("None"),
            Value::Bool(true) => out.push_str("True"),
            Value::Bool(false) => out.push_str("False"),
            Value::Int(value) => out.push_str(&value.to_string()),
            Value::Float(value) => out.push_str(&python::float(*value)),
            Value::Str(text) => python::quoted(text, out),
            Value::Seq(seq) => return seq.write_repr(out, limits),
            Value::Dict(dict) => {
                out.push('{');
                for (at, (key, value)) in dict.entries.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    key.write_repr(out, limits)?;
                    out.push_str(": ");
                    value.write_repr(out, limits)?;
                }
                out.push('}');
                return Ok(());
            }
            Value::Object(_) | Value::Macro(..) | Value::Method(_) | Value::Function(_) => {
                return Err(Error::failed(format!("a {} is no text", self.type_name())));
            }
        }
        limits.text(out.len() - before)
    }
}

impl Seq {
    fn write_repr(&self, out: &mut String, limits: &Limits) -> Result<()> {
        let (open, close) = match self.kind {
            SeqKind::List => ("[", "]"),
            SeqKind::Tuple | SeqKind::Group => ("(", if self.items.len() == 1 { ",)" } else { ")" }),
            SeqKind::Keys => ("dict_keys([", "])"),
            SeqKind::Values => ("dict_values([", "])"),
            SeqKind::Items => ("dict_items([", "])"),
            SeqKind::Range(start, stop, step) => {
                let step = if step == 1 { String::new() } else { format!(", {step}") };
                out.push_str(&format!("range({start}, {stop}{step})"));
                return Ok(());
            }
        };
        out.push_str(open);
        for (at, item) in self.items.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { ", " });
            item.write_repr(out, limits)?;
        }
        out.push_str(close);
        Ok(())
    }

    /// Whether it has numbers for indices.
    pub(super) fn has_indices(&self) -> bool {
        !matches!(self.kind, SeqKind::Keys | SeqKind::Values | SeqKind::Items)
    }
}

impl Dict {
    pub(super) fn get(&self, key: &Value, limits: &Limits) -> Result<Option<&Value>> {
        for (known, value) in &self.entries {
            let found = match (known, key) {
                (Value::Str(known), Value::Str(key)) => known == key,
                _ => known.equals(key, limits)?,
            };
            if found {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    pub(super) fn get_str(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(known, _)| known.as_str() == Some(key)).map(|(_, value)| value)
    }
}
