//! What Python's operators do with values.

use std::cmp::Ordering;
use std::sync::Arc;

use super::syntax::Arithmetic;
use super::value::{SeqKind, Value};
use super::{Error, Limits, Result, format};

fn unsupported<T>(sign: &str, a: &Value, b: &Value) -> Result<T> {
    for value in [a, b] {
        if let Value::Undefined(what) = value {
            return Err(Error::failed(what.to_string()));
        }
    }
    Err(Error::failed(format!("`{sign}` does not take {} and {}", a.type_name(), b.type_name())))
}

fn in_range(value: Option<i64>) -> Result<Value> {
    value.map(Value::Int).ok_or_else(|| Error::failed("a number is out of range"))
}

pub(super) fn arithmetic(kind: Arithmetic, a: &Value, b: &Value, limits: &Limits) -> Result<Value> {
    match kind {
        Arithmetic::Add => add(a, b, limits),
        Arithmetic::Subtract => numbers("-", a, b, |a, b| Ok(a.checked_sub(b)), |a, b| Ok(a - b)),
        Arithmetic::Multiply => multiply(a, b, limits),
        Arithmetic::Divide => match (a.as_float(), b.as_float()) {
            (Some(a), Some(b)) => nonzero(b).map(|b| Value::Float(a / b)),
            _ => unsupported("/", a, b),
        },
        Arithmetic::FloorDivide => numbers(
            "//",
            a,
            b,
            |a, b| {
                nonzero_int(b).map(|b| {
                    a.checked_div_euclid(b).map(|q| if b < 0 && a.rem_euclid(b) != 0 { q - 1 } else { q })
                })
            },
            |a, b| nonzero(b).map(|b| (a / b).floor()),
        ),
        Arithmetic::Modulo => match a {
            Value::Str(text) => format::percent(text, b, limits),
            _ => numbers(
                "%",
                a,
                b,
                |a, b| {
                    let b = nonzero_int(b)?;
                    let rest = a.checked_rem(b);
                    Ok(rest.map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }))
                },
                |a, b| nonzero(b).map(|b| a - b * (a / b).floor()),
            ),
        },
        Arithmetic::Power => numbers(
            "**",
            a,
            b,
            |a, b| Ok(u32::try_from(b).ok().and_then(|b| a.checked_pow(b))),
            |a, b| Ok(a.powf(b)),
        ),
    }
}

fn nonzero(b: f64) -> Result<f64> {
    if b == 0.0 { Err(Error::failed("division by zero")) } else { Ok(b) }
}

fn nonzero_int(b: i64) -> Result<i64> {
    if b == 0 { Err(Error::failed("division by zero")) } else { Ok(b) }
}

fn numbers(
    sign: &str,
    a: &Value,
    b: &Value,
    ints: impl Fn(i64, i64) -> Result<Option<i64>>,
    floats: impl Fn(f64, f64) -> Result<f64>,
) -> Result<Value> {
    if let (Some(x), Some(y)) = (a.as_int(), b.as_int()) {
        // A negative power of a whole number is a fraction.
        return match sign == "**" && y < 0 {
            true => Ok(Value::Float(floats(x as f64, y as f64)?)),
            false => in_range(ints(x, y)?),
        };
    }
    match (a.as_float(), b.as_float()) {
        (Some(a), Some(b)) => Ok(Value::Float(floats(a, b)?)),
        _ => unsupported(sign, a, b),
    }
}

fn add(a: &Value, b: &Value, limits: &Limits) -> Result<Value> {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => {
            limits.text(a.len() + b.len())?;
            Ok(Value::Str([&**a, &**b].concat().into()))
        }
        (Value::Seq(x), Value::Seq(y)) => match (x.kind, y.kind) {
            (SeqKind::List, SeqKind::List) => Value::list([&x.items[..], &y.items[..]].concat(), limits),
            (SeqKind::Tuple | SeqKind::Group, SeqKind::Tuple | SeqKind::Group) => {
                Value::seq(SeqKind::Tuple, [&x.items[..], &y.items[..]].concat(), limits)
            }
            _ => unsupported("+", a, b),
        },
        _ => numbers("+", a, b, |a, b| Ok(a.checked_add(b)), |a, b| Ok(a + b)),
    }
}

fn multiply(a: &Value, b: &Value, limits: &Limits) -> Result<Value> {
    let times = |count: i64| usize::try_from(count).unwrap_or(0);
    match (a, b) {
        (Value::Str(text), count) | (count, Value::Str(text)) => match count.as_int() {
            Some(count) => {
                limits.text(text.len().saturating_mul(times(count)))?;
                Ok(Value::Str(text.repeat(times(count)).into()))
            }
            None => unsupported("*", a, b),
        },
        (Value::Seq(seq), count) | (count, Value::Seq(seq)) => match (seq.kind, count.as_int()) {
            (SeqKind::List | SeqKind::Tuple | SeqKind::Group, Some(count)) => {
                limits.list(seq.items.len().saturating_mul(times(count)))?;
                let kind = if seq.kind == SeqKind::List { SeqKind::List } else { SeqKind::Tuple };
                let items = std::iter::repeat_n(&seq.items, times(count)).flatten().cloned().collect();
                Value::seq(kind, items, limits)
            }
            _ => unsupported("*", a, b),
        },
        _ => numbers("*", a, b, |a, b| Ok(a.checked_mul(b)), |a, b| Ok(a * b)),
    }
}

pub(super) fn negative(value: &Value) -> Result<Value> {
    match (value.as_int(), value) {
        (Some(int), _) => in_range(int.checked_neg()),
        (None, Value::Float(float)) => Ok(Value::Float(-float)),
        _ => unsupported("-", value, &Value::Int(0)),
    }
}

pub(super) fn positive(value: &Value) -> Result<Value> {
    match (value.as_int(), value) {
        (Some(int), _) => Ok(Value::Int(int)),
        (None, Value::Float(_)) => Ok(value.clone()),
        _ => unsupported("+", value, &Value::Int(0)),
    }
}

/// `a ~ b`: the texts of both.
pub(super) fn concat(values: &[Value], limits: &Limits) -> Result<Value> {
    let texts = values.iter().map(|value| value.to_text(limits)).collect::<Result<Vec<Arc<str>>>>()?;
    limits.text(texts.iter().map(|text| text.len()).sum())?;
    Ok(Value::Str(texts.concat().into()))
}

/// The order of two values; an error where Python knows none.
pub(super) fn order(a: &Value, b: &Value, limits: &Limits) -> Result<Ordering> {
    limits.step()?;
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Ok(a.cmp(b)),
        (Value::Seq(x), Value::Seq(y)) if a.type_name() == b.type_name() && x.has_indices() => {
            for (a, b) in x.items.iter().zip(&y.items) {
                if !a.equals(b, limits)? {
                    return order(a, b, limits);
                }
            }
            Ok(x.items.len().cmp(&y.items.len()))
        }
        _ => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => Ok(a.cmp(&b)),
            _ => match (a.as_float(), b.as_float()) {
                (Some(a), Some(b)) => Ok(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
                _ => unsupported("<", a, b),
            },
        },
    }
}

/// Sorts, and leaves equal items in their order. Unlike the library's, it takes an order that fails or contradicts itself.
pub(super) fn sorted<T>(
    mut items: Vec<T>,
    order: &mut dyn FnMut(&T, &T) -> Result<Ordering>,
) -> Result<Vec<T>> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let mut left = sorted(items, order)?.into_iter().peekable();
    let mut right = sorted(right, order)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        merged.extend(if order(b, a)?.is_lt() { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
