//! `x is ...`: the tests of jinja2.
//!
//! Source: jinja2 3.1 `tests.py`.

use std::cmp::Ordering;

use super::arguments::{Called, required, wrong_type};
use super::interpreter::Interpreter;
use super::operators::order;
use super::value::{Object, SeqKind, Value};
use super::{Error, Result, filters, methods};

/// Names that are tests.
pub(super) fn exists(name: &str) -> bool {
    const NAMES: [&str; 38] = [
        "boolean",
        "callable",
        "defined",
        "divisibleby",
        "eq",
        "equalto",
        "==",
        "escaped",
        "even",
        "false",
        "filter",
        "float",
        "ge",
        ">=",
        "gt",
        ">",
        "greaterthan",
        "in",
        "integer",
        "iterable",
        "le",
        "<=",
        "lower",
        "lt",
        "<",
        "lessthan",
        "mapping",
        "ne",
        "!=",
        "none",
        "number",
        "odd",
        "sameas",
        "sequence",
        "string",
        "test",
        "true",
        "undefined",
    ];
    NAMES.contains(&name) || name == "upper"
}

pub(super) fn test(run: &mut Interpreter, value: &Value, name: &str, called: Called) -> Result<bool> {
    let limits = run.limits;
    let one = |called: Called| {
        let [other] = called.bind(name, ["other"])?;
        required(other, name, "a value to compare with")
    };
    let compared =
        |called: Called, holds: fn(Ordering) -> bool| Ok(holds(order(value, &one(called)?, limits)?));
    match name {
        "eq" | "equalto" | "==" => return value.equals(&one(called)?, limits),
        "ne" | "!=" => return Ok(!value.equals(&one(called)?, limits)?),
        "lt" | "<" | "lessthan" => return compared(called, Ordering::is_lt),
        "le" | "<=" => return compared(called, Ordering::is_le),
        "gt" | ">" | "greaterthan" => return compared(called, Ordering::is_gt),
        "ge" | ">=" => return compared(called, Ordering::is_ge),
        "in" => {
            let whole = one(called)?;
            return run.contains(&whole, value);
        }
        "sameas" => return same(value, &one(called)?, run),
        "divisibleby" => {
            let divisor = one(called)?.as_int().filter(|divisor| *divisor != 0);
            let (Some(a), Some(b)) = (value.as_int(), divisor) else {
                return Err(wrong_type(name, "whole numbers", value));
            };
            return Ok(a.checked_rem(b) == Some(0));
        }
        _ => {}
    }
    called.none(name)?;
    let parity = || value.as_int().ok_or_else(|| wrong_type(name, "a whole number", value));
    Ok(match name {
        "defined" => !value.is_undefined(),
        "undefined" => value.is_undefined(),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_)),
        "string" => matches!(value, Value::Str(_)),
        "mapping" => matches!(value, Value::Dict(_)),
        "sequence" => match value {
            Value::Seq(seq) => seq.has_indices(),
            other => matches!(other, Value::Str(_) | Value::Dict(_) | Value::Undefined(_)),
        },
        "iterable" => match value {
            Value::Object(id) => matches!(run.object(*id), Object::Generator(_) | Object::Loop(_)),
            other => matches!(other, Value::Str(_) | Value::Seq(_) | Value::Dict(_) | Value::Undefined(_)),
        },
        // What is undefined raises when it is called, and can be called by Python's word.
        "callable" => match value {
            Value::Object(id) => matches!(run.object(*id), Object::Joiner { .. } | Object::Loop(_)),
            other => matches!(
                other,
                Value::Macro(..) | Value::Method(_) | Value::Function(_) | Value::Undefined(_)
            ),
        },
        "even" => parity()?.rem_euclid(2) == 0,
        "odd" => parity()?.rem_euclid(2) == 1,
        "lower" => methods::is(&value.to_text(limits)?, "islower"),
        "upper" => methods::is(&value.to_text(limits)?, "isupper"),
        "escaped" => false,
        "filter" => value.as_str().is_some_and(filters::exists),
        "test" => value.as_str().is_some_and(exists),
        _ => return Err(Error::failed(format!("there is no test `{name}`"))),
    })
}

/// `a is b` of Python, for values that are one by their nature.
fn same(a: &Value, b: &Value, run: &Interpreter) -> Result<bool> {
    match (a, b) {
        (Value::Seq(x), Value::Seq(y)) => {
            let empty = |seq: &super::value::Seq| seq.kind == SeqKind::Tuple && seq.items.is_empty();
            Ok(std::rc::Rc::ptr_eq(x, y) || (empty(x) && empty(y)))
        }
        (Value::Dict(x), Value::Dict(y)) => Ok(std::rc::Rc::ptr_eq(x, y)),
        _ => Ok(a.type_name() == b.type_name() && a.equals(b, run.limits)?),
    }
}
