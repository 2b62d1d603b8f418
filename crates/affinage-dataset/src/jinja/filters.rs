//! `x | ...`: the filters of jinja2, and transformers' `tojson`.
//!
//! Source: jinja2 3.1 `filters.py`. Without escaping of HTML, `safe` and `string` are one.

mod ordering;

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::arguments::{Called, int, int_or_none, required, text, text_or_none, truth, wrong_type};
use super::interpreter::Interpreter;
use super::operators::{arithmetic, order, sorted};
use super::syntax::Arithmetic;
use super::value::{SeqKind, Value};
use super::{Error, Limits, Result, format, json, methods, predicates, python};
pub(super) use ordering::of_group;
use ordering::ordered;

const NAMES: [&str; 46] = [
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "wordcount",
];

/// Names that are filters.
pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

pub(super) fn filter(run: &mut Interpreter, value: Value, name: &str, called: Called) -> Result<Value> {
    if !exists(name) {
        return Err(Error::failed(format!("there is no filter `{name}`")));
    }
    match name {
        "map" => map(run, &value, called),
        "select" | "reject" | "selectattr" | "rejectattr" => select(run, &value, name, called),
        "join" | "first" | "last" | "list" | "items" | "reverse" | "batch" | "slice" => {
            sequence(run, value, name, called)
        }
        "sort" | "unique" | "groupby" | "min" | "max" | "sum" | "dictsort" => {
            ordered(run, &value, name, called)
        }
        "abs" | "float" | "int" | "round" | "length" | "count" => number(run.limits, &value, name, called),
        "default" | "d" => {
            let [otherwise, boolean] = called.bind(name, ["default_value", "boolean"])?;
            let missing = value.is_undefined() || (truth(boolean, false) && !value.is_true());
            Ok(if missing { otherwise.unwrap_or_else(|| Value::from("")) } else { value })
        }
        "attr" => {
            let [attribute] = called.bind(name, ["name"])?;
            let attribute = text(Some(required(attribute, name, "name")?), "", name)?;
            Ok(match methods::exists(&value, &attribute) {
                true => Value::Method(std::rc::Rc::new((value, attribute))),
                false => Value::undefined(format!("{} has no attribute `{attribute}`", value.type_name())),
            })
        }
        "tojson" => tojson(run.limits, &value, called),
        _ => words(run.limits, &value, name, called),
    }
}

/// Filters of texts; any value is taken as its text.
fn words(limits: &Limits, value: &Value, name: &str, called: Called) -> Result<Value> {
    let s = value.to_text(limits)?;
    limits.steps(s.len() / 1024)?;
    let made = |text: String| Value::text(text, limits);
    match name {
        "replace" => {
            let [old, new, count] = called.bind(name, ["old", "new", "count"])?;
            let (old, new) = (required(old, name, "old")?, required(new, name, "new")?);
            let (old, new) = (old.to_text(limits)?, new.to_text(limits)?);
            methods::replaced(&s, &old, &new, int_or_none(count, name)?.unwrap_or(-1), limits)
        }
        "trim" => {
            let [chars] = called.bind(name, ["chars"])?;
            Ok(Value::from(methods::stripped(&s, text_or_none(chars, name)?.as_deref(), true, true)))
        }
        "center" => {
            let [width] = called.bind(name, ["width"])?;
            methods::padded(&s, name, usize::try_from(int(width, 80, name)?).unwrap_or(0), " ", limits)
        }
        "indent" => {
            let [width, first, blank] = called.bind(name, ["width", "first", "blank"])?;
            indented(&s, width, truth(first, false), truth(blank, false), limits)
        }
        "truncate" => {
            let [length, kill, end, leeway] = called.bind(name, ["length", "killwords", "end", "leeway"])?;
            let (length, leeway) = (int(length, 255, name)?, int_or_none(leeway, name)?.unwrap_or(5));
            truncated(value, length, truth(kill, false), &text(end, "...", name)?, leeway, limits)
        }
        "format" => {
            let Called { positional, named } = called;
            let values = match named.is_empty() {
                true => Value::seq(SeqKind::Tuple, positional, limits)?,
                false => Value::dict(named.into_iter().map(|(k, v)| (Value::Str(k), v)).collect(), limits)?,
            };
            format::percent(&s, &values, limits)
        }
        _ => {
            called.none(name)?;
            match name {
                "string" | "safe" => Ok(Value::Str(s)),
                "upper" => made(s.to_uppercase()),
                "lower" => made(s.to_lowercase()),
                "capitalize" => made(python::capitalized(&s)),
                "title" => made(title(&s)),
                "e" | "escape" | "forceescape" => made(escaped(&s)),
                "wordcount" => Ok(Value::Int(word_count(&s))),
                _ => Err(Error::failed(format!("there is no filter `{name}`"))),
            }
        }
    }
}

fn title(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut begins = true;
    for c in s.chars() {
        let between = python::is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
        match begins && !between {
            true => out.extend(c.to_uppercase()),
            false => out.extend(c.to_lowercase()),
        }
        begins = between;
    }
    out
}

fn escaped(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn word_count(s: &str) -> i64 {
    static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w+").expect("a constant pattern"));
    WORD.find_iter(s).count() as i64
}

fn indented(s: &str, width: Option<Value>, first: bool, blank: bool, limits: &Limits) -> Result<Value> {
    let indent = match width {
        Some(Value::Str(indent)) => indent.to_string(),
        width => {
            let width = usize::try_from(int(width, 4, "indent")?).unwrap_or(0);
            limits.text(width)?;
            " ".repeat(width)
        }
    };
    // The line end is jinja2's: a text that ends with one keeps it.
    let whole = format!("{s}\n");
    let lines = python::lines(&whole, false);
    limits.text(s.len().saturating_add(lines.len().saturating_mul(indent.len() + 1)))?;
    let mut out = if first { indent.clone() } else { String::new() };
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                out.push_str(&indent);
            }
        }
        out.push_str(line);
    }
    Ok(Value::Str(out.into()))
}

fn truncated(
    value: &Value,
    length: i64,
    kill_words: bool,
    end: &str,
    leeway: i64,
    limits: &Limits,
) -> Result<Value> {
    let s = value.as_str().ok_or_else(|| wrong_type("truncate", "a text", value))?;
    let chars = s.chars().count() as i64;
    let kept = length - end.chars().count() as i64;
    if kept < 0 || leeway < 0 {
        return Err(Error::failed("`truncate` has no room for its end"));
    }
    if chars <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let head: String = s.chars().take(kept as usize).collect();
    let head = match head.rsplit_once(' ') {
        Some((words, _)) if !kill_words => words,
        _ => &head,
    };
    Value::text(format!("{head}{end}"), limits)
}

fn tojson(limits: &Limits, value: &Value, called: Called) -> Result<Value> {
    const OF: &str = "tojson";
    let [ensure_ascii, indent, separators, sort_keys] =
        called.bind(OF, ["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let indent = match indent {
        None | Some(Value::None) => None,
        Some(Value::Str(indent)) => Some(indent.to_string()),
        Some(width) => {
            let width = usize::try_from(int(Some(width), 0, OF)?).unwrap_or(0);
            limits.text(width)?;
            Some(" ".repeat(width))
        }
    };
    let between = if indent.is_some() { "," } else { ", " };
    let (item_separator, key_separator) = match separators {
        None | Some(Value::None) => (between.to_owned(), ": ".to_owned()),
        Some(Value::Seq(seq)) if seq.items.len() == 2 => {
            let separator =
                |at: usize| text(Some(seq.items[at].clone()), "", OF).map(|text| text.to_string());
            (separator(0)?, separator(1)?)
        }
        Some(other) => return Err(wrong_type(OF, "two separators", &other)),
    };
    let (ensure_ascii, sort_keys) = (truth(ensure_ascii, false), truth(sort_keys, false));
    let style = json::Style { ensure_ascii, indent, item_separator, key_separator, sort_keys };
    Value::text(json::dumps(value, &style, limits)?, limits)
}

fn number(limits: &Limits, value: &Value, name: &str, called: Called) -> Result<Value> {
    let no_number = || wrong_type(name, "a number", value);
    match name {
        "length" | "count" => {
            called.none(name)?;
            let len =
                value.len().ok_or_else(|| Error::failed(format!("a {} has no length", value.type_name())))?;
            Ok(Value::Int(len as i64))
        }
        "abs" => {
            called.none(name)?;
            match value.as_int() {
                Some(int) => int.checked_abs().map(Value::Int).ok_or_else(no_number),
                None => value.as_float().map(|float| Value::Float(float.abs())).ok_or_else(no_number),
            }
        }
        "float" => {
            let [otherwise] = called.bind(name, ["default"])?;
            if value.is_undefined() {
                return Err(no_number());
            }
            let found = value.as_float().or_else(|| python::parse_float(value.as_str()?));
            Ok(found.map(Value::Float).or(otherwise).unwrap_or(Value::Float(0.0)))
        }
        "int" => {
            let [otherwise, base] = called.bind(name, ["default", "base"])?;
            if value.is_undefined() {
                return Err(no_number());
            }
            let base = u32::try_from(int(base, 10, name)?).ok().filter(|base| (2..=36).contains(base));
            let base = base.ok_or_else(|| Error::failed("`int` takes a base from 2 to 36"))?;
            let truncated = |float: f64| (float.abs() < i64::MAX as f64).then_some(float.trunc() as i64);
            let found = match value {
                Value::Str(text) => {
                    python::parse_int(text, base).or_else(|| python::parse_float(text).and_then(truncated))
                }
                other => other.as_int().or_else(|| other.as_float().and_then(truncated)),
            };
            Ok(found.map(Value::Int).or(otherwise).unwrap_or(Value::Int(0)))
        }
        _ => {
            let [precision, method] = called.bind(name, ["precision", "method"])?;
            round(value, int(precision, 0, name)?, &text(method, "common", name)?, limits)
        }
    }
}

fn round(value: &Value, precision: i64, method: &str, limits: &Limits) -> Result<Value> {
    let float = value.as_float().ok_or_else(|| wrong_type("round", "a number", value))?;
    let places = i32::try_from(precision).ok().filter(|places| places.abs() <= 300);
    let places = places.ok_or_else(|| Error::failed("`round` takes a precision up to 300"))?;
    limits.text(places.unsigned_abs() as usize)?;
    let factor = 10f64.powi(places);
    match (method, value.as_int()) {
        ("common", Some(int)) if places >= 0 => Ok(Value::Int(int)),
        ("common", Some(int)) => {
            let unit = 10i64.checked_pow(places.unsigned_abs()).unwrap_or(i64::MAX);
            let (low, rest) = (int.div_euclid(unit) * unit, int.rem_euclid(unit));
            let up = rest * 2 > unit || (rest * 2 == unit && (low / unit) % 2 != 0);
            Ok(Value::Int(if up { low + unit } else { low }))
        }
        ("common", None) if places >= 0 => {
            let text = format!("{float:.*}", places as usize);
            Ok(Value::Float(text.parse().unwrap_or(float)))
        }
        ("common", None) => Ok(Value::Float((float * factor).round_ties_even() / factor)),
        ("ceil", _) => Ok(Value::Float((float * factor).ceil() / factor)),
        ("floor", _) => Ok(Value::Float((float * factor).floor() / factor)),
        _ => Err(Error::failed("`round` knows the methods common, ceil and floor")),
    }
}

/// A value along `a.b.0`.
fn along(run: &mut Interpreter, value: &Value, path: &Value) -> Result<Value> {
    let mut found = value.clone();
    match path {
        Value::Str(path) => {
            for part in path.split('.') {
                let key = match part.parse::<i64>() {
                    Ok(index) if part.bytes().all(|b| b.is_ascii_digit()) => Value::Int(index),
                    _ => Value::from(part),
                };
                found = run.item(&found, &key)?;
            }
            Ok(found)
        }
        other => run.item(&found, other),
    }
}

/// What `map` and `select` go through: anything that is false in Python's sense is empty, `none` too.
fn items_or_nothing(run: &mut Interpreter, value: &Value) -> Result<Vec<Value>> {
    if value.is_true() { run.iterate(value) } else { Ok(Vec::new()) }
}

fn map(run: &mut Interpreter, value: &Value, mut called: Called) -> Result<Value> {
    let items = items_or_nothing(run, value)?;
    let mut out = Vec::with_capacity(items.len());
    if called.positional.is_empty() {
        let [attribute, otherwise] = called.bind("map", ["attribute", "default"])?;
        let attribute = required(attribute, "map", "attribute")?;
        for item in items {
            let found = along(run, &item, &attribute)?;
            out.push(match &otherwise {
                Some(otherwise) if found.is_undefined() => otherwise.clone(),
                _ => found,
            });
        }
    } else {
        let name = text(Some(called.positional.remove(0)), "", "map")?;
        for item in items {
            let called = Called { positional: called.positional.clone(), named: called.named.clone() };
            out.push(run.filter(item, &name, called)?);
        }
    }
    run.generator(out)
}

fn select(run: &mut Interpreter, value: &Value, name: &str, mut called: Called) -> Result<Value> {
    let items = items_or_nothing(run, value)?;
    let wanted = name.starts_with("select");
    let attribute = match name.ends_with("attr") {
        true if called.positional.is_empty() => {
            return Err(Error::failed(format!("`{name}` needs an attribute")));
        }
        true => Some(called.positional.remove(0)),
        false => None,
    };
    let test = match called.positional.is_empty() {
        true => None,
        false => Some(text(Some(called.positional.remove(0)), "", name)?),
    };
    let mut out = Vec::new();
    for item in items {
        let looked_at = match &attribute {
            Some(attribute) => along(run, &item, attribute)?,
            None => item.clone(),
        };
        let holds = match &test {
            Some(test) => {
                let called = Called { positional: called.positional.clone(), named: called.named.clone() };
                predicates::test(run, &looked_at, test, called)?
            }
            None => looked_at.is_true(),
        };
        if holds == wanted {
            out.push(item);
        }
    }
    run.generator(out)
}

fn sequence(run: &mut Interpreter, value: Value, name: &str, called: Called) -> Result<Value> {
    match name {
        "join" => {
            let [separator, attribute] = called.bind(name, ["d", "attribute"])?;
            let separator = separator.map_or_else(|| Ok("".into()), |d| d.to_text(run.limits))?;
            let mut texts = Vec::new();
            for item in run.iterate(&value)? {
                let item = match attribute.as_ref().filter(|attribute| !matches!(attribute, Value::None)) {
                    Some(attribute) => along(run, &item, attribute)?,
                    None => item,
                };
                texts.push(item.to_text(run.limits)?);
            }
            let separators = separator.len().saturating_mul(texts.len());
            run.limits.text(texts.iter().map(|text| text.len()).sum::<usize>().saturating_add(separators))?;
            Ok(Value::Str(texts.join(&*separator).into()))
        }
        "first" => {
            called.none(name)?;
            let first = run.first(&value)?;
            Ok(first.unwrap_or_else(|| Value::undefined("no first item, the sequence is empty")))
        }
        "last" => {
            called.none(name)?;
            if let Value::Object(_) = value {
                return Err(Error::failed("a generator cannot be read from its end"));
            }
            let last = run.iterate(&value)?.pop();
            Ok(last.unwrap_or_else(|| Value::undefined("no last item, the sequence is empty")))
        }
        "list" => {
            called.none(name)?;
            let items = run.iterate(&value)?;
            Value::list(items, run.limits)
        }
        "items" => {
            called.none(name)?;
            let items = match &value {
                Value::Undefined(_) => Vec::new(),
                Value::Dict(dict) => methods::items(dict, run.limits)?,
                other => return Err(wrong_type(name, "a dictionary", other)),
            };
            run.generator(items)
        }
        "reverse" => {
            called.none(name)?;
            if let Value::Str(text) = &value {
                return Value::text(text.chars().rev().collect::<String>(), run.limits);
            }
            let mut items = run.iterate(&value)?;
            items.reverse();
            run.generator(items)
        }
        _ => {
            let [count, fill] = called.bind(name, ["count", "fill_with"])?;
            let count = int(Some(required(count, name, "count")?), 0, name)?;
            let count = usize::try_from(count).ok().filter(|count| *count > 0);
            let count = count.ok_or_else(|| Error::failed(format!("`{name}` takes a number above 0")))?;
            let fill = fill.filter(|fill| !matches!(fill, Value::None));
            let items = run.iterate(&value)?;
            run.limits.list(count)?;
            let parts =
                if name == "batch" { batches(items, count, fill) } else { slices(&items, count, fill) };
            let parts = parts.into_iter().map(|part| Value::list(part, run.limits)).collect::<Result<_>>()?;
            run.generator(parts)
        }
    }
}

fn batches(items: Vec<Value>, count: usize, fill: Option<Value>) -> Vec<Vec<Value>> {
    let mut parts: Vec<Vec<Value>> = items.chunks(count).map(<[Value]>::to_vec).collect();
    if let (Some(last), Some(fill)) = (parts.last_mut(), fill) {
        last.resize(count, fill);
    }
    parts
}

fn slices(items: &[Value], count: usize, fill: Option<Value>) -> Vec<Vec<Value>> {
    let (each, longer) = (items.len() / count, items.len() % count);
    let mut from = 0;
    (0..count)
        .map(|at| {
            let len = each + usize::from(at < longer);
            let mut part = items[from..from + len].to_vec();
            from += len;
            if at >= longer && longer > 0 {
                part.extend(fill.clone());
            }
            part
        })
        .collect()
}

/// A text in lower case, so that order and equality ignore case.
fn folded(value: Value, case_sensitive: bool, limits: &Limits) -> Result<Value> {
    match &value {
        Value::Str(text) if !case_sensitive => Value::text(text.to_lowercase(), limits),
        _ => Ok(value),
    }
}

/// A text's characters as values.
pub(super) fn characters(text: &Arc<str>) -> Vec<Value> {
    text.chars().map(|c| Value::from(&*c.encode_utf8(&mut [0; 4]))).collect()
}
