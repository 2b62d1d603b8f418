//! Methods of Python's texts, dictionaries and lists. Those that change a list or a dictionary are not there: transformers'
//! sandbox refuses them.

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::arguments::{Called, int, int_or_none, required, text, text_or_none, truth, wrong_type};
use super::python::{self, is_space};
use super::value::{Dict, Seq, SeqKind, Value};
use super::{Error, Limits, Result, format};

const OF_TEXTS: [&str; 46] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
    "format_map",
    "encode",
    "translate",
];
const OF_DICTS: [&str; 5] = ["get", "items", "keys", "values", "copy"];
const OF_LISTS: [&str; 3] = ["count", "index", "copy"];

/// Whether a value has a method of that name.
pub(super) fn exists(value: &Value, name: &str) -> bool {
    match value {
        Value::Str(_) => OF_TEXTS.contains(&name),
        Value::Dict(_) => OF_DICTS.contains(&name),
        Value::Seq(seq) if seq.has_indices() => OF_LISTS.contains(&name),
        _ => false,
    }
}

/// Calls a method that [`exists`]. `item` is the subscript of `format`.
pub(super) fn call(
    value: &Value,
    name: &str,
    called: Called,
    limits: &Limits,
    item: &dyn Fn(&Value, &Value) -> Result<Value>,
) -> Result<Value> {
    match value {
        Value::Str(text) if name == "format" => format::braces(text, &called, limits, item),
        Value::Str(text) => of_text(text, name, called, limits),
        Value::Dict(dict) => of_dict(dict, value, name, called, limits),
        Value::Seq(seq) => of_list(seq, value, name, called, limits),
        _ => Err(Error::failed(format!("{} has no method `{name}`", value.type_name()))),
    }
}

fn of_dict(dict: &Dict, value: &Value, name: &str, called: Called, limits: &Limits) -> Result<Value> {
    if name == "get" {
        let [key, otherwise] = called.bind(name, ["key", "default"])?;
        let found = dict.get(&required(key, name, "key")?, limits)?.cloned();
        return Ok(found.or(otherwise).unwrap_or(Value::None));
    }
    called.none(name)?;
    let keys = dict.entries.iter().map(|(key, _)| key.clone());
    match name {
        "copy" => Ok(value.clone()),
        "keys" => Value::seq(SeqKind::Keys, keys.collect(), limits),
        "values" => {
            Value::seq(SeqKind::Values, dict.entries.iter().map(|(_, v)| v.clone()).collect(), limits)
        }
        _ => Value::seq(SeqKind::Items, items(dict, limits)?, limits),
    }
}

/// The pairs of a dictionary.
pub(super) fn items(dict: &Dict, limits: &Limits) -> Result<Vec<Value>> {
    let pair =
        |(key, value): &(Value, Value)| Value::seq(SeqKind::Tuple, vec![key.clone(), value.clone()], limits);
    dict.entries.iter().map(pair).collect()
}

fn of_list(seq: &Seq, value: &Value, name: &str, called: Called, limits: &Limits) -> Result<Value> {
    if name == "copy" {
        called.none(name)?;
        return Ok(value.clone());
    }
    let [wanted] = called.bind(name, ["value"])?;
    let wanted = required(wanted, name, "value")?;
    let mut found = Vec::new();
    for (at, item) in seq.items.iter().enumerate() {
        if item.equals(&wanted, limits)? {
            found.push(at);
        }
    }
    match (name, found.first()) {
        ("count", _) => Ok(Value::Int(found.len() as i64)),
        (_, Some(at)) => Ok(Value::Int(*at as i64)),
        _ => Err(Error::failed("`index` finds no such value")),
    }
}

fn of_text(s: &Arc<str>, name: &str, called: Called, limits: &Limits) -> Result<Value> {
    limits.steps(s.len() / 1024)?;
    let made = |text: String| Value::text(text, limits);
    match name {
        "upper" => called.none(name).and_then(|()| made(s.to_uppercase())),
        "lower" => called.none(name).and_then(|()| made(s.to_lowercase())),
        "casefold" => {
            called.none(name).and_then(|()| made(s.to_lowercase().replace('ß', "ss").replace('ς', "σ")))
        }
        "capitalize" => called.none(name).and_then(|()| made(python::capitalized(s))),
        "title" => called.none(name).and_then(|()| made(title(s))),
        "swapcase" => called.none(name).and_then(|()| made(swapped(s))),
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = called.bind(name, ["chars"])?;
            let chars = text_or_none(chars, name)?;
            Ok(Value::from(stripped(s, chars.as_deref(), name != "rstrip", name != "lstrip")))
        }
        "replace" => {
            let [old, new, count] = called.bind(name, ["old", "new", "count"])?;
            let (old, new) = (required(old, name, "old")?, required(new, name, "new")?);
            let (old, new) = (text(Some(old), "", name)?, text(Some(new), "", name)?);
            replaced(s, &old, &new, int(count, -1, name)?, limits)
        }
        "split" | "rsplit" => {
            let [separator, most] = called.bind(name, ["sep", "maxsplit"])?;
            let separator = text_or_none(separator, name)?;
            let most = usize::try_from(int(most, -1, name)?).unwrap_or(usize::MAX);
            let parts = split(s, separator.as_deref(), most, name == "rsplit")?;
            Value::list(parts.into_iter().map(Value::from).collect(), limits)
        }
        "splitlines" => {
            let [keep] = called.bind(name, ["keepends"])?;
            let lines = python::lines(s, truth(keep, false));
            Value::list(lines.into_iter().map(Value::from).collect(), limits)
        }
        "startswith" | "endswith" => {
            let [affix, start, end] = called.bind(name, ["affix", "start", "end"])?;
            let (part, _) = between(s, int_or_none(start, name)?, int_or_none(end, name)?);
            let Some(part) = part else { return Ok(Value::Bool(false)) };
            let has = |affix: &str| {
                if name == "startswith" { part.starts_with(affix) } else { part.ends_with(affix) }
            };
            match required(affix, name, "affix")? {
                Value::Str(affix) => Ok(Value::Bool(has(&affix))),
                Value::Seq(seq) if seq.kind == SeqKind::Tuple => {
                    Ok(Value::Bool(seq.items.iter().filter_map(Value::as_str).any(has)))
                }
                other => Err(wrong_type(name, "a text or a tuple of texts", &other)),
            }
        }
        "removeprefix" | "removesuffix" => {
            let [affix] = called.bind(name, ["affix"])?;
            let affix = text(Some(required(affix, name, "affix")?), "", name)?;
            let shorter =
                if name == "removeprefix" { s.strip_prefix(&*affix) } else { s.strip_suffix(&*affix) };
            Ok(Value::from(shorter.unwrap_or(s)))
        }
        "partition" | "rpartition" => {
            let [separator] = called.bind(name, ["sep"])?;
            let separator = text(Some(required(separator, name, "sep")?), "", name)?;
            if separator.is_empty() {
                return Err(Error::failed("an empty separator"));
            }
            let parts = match name {
                "partition" => s.split_once(&*separator).map_or([s, "", ""], |(a, b)| [a, &*separator, b]),
                _ => s.rsplit_once(&*separator).map_or(["", "", s], |(a, b)| [a, &*separator, b]),
            };
            Value::seq(SeqKind::Tuple, parts.map(Value::from).into(), limits)
        }
        "find" | "rfind" | "index" | "rindex" | "count" => search(s, name, called),
        "join" => {
            let [parts] = called.bind(name, ["iterable"])?;
            joined(s, required(parts, name, "iterable")?, limits)
        }
        "center" | "ljust" | "rjust" | "zfill" => {
            let [width, fill] = called.bind(name, ["width", "fillchar"])?;
            let width = int(Some(required(width, name, "width")?), 0, name)?;
            padded(s, name, usize::try_from(width).unwrap_or(0), &text(fill, " ", name)?, limits)
        }
        "expandtabs" => {
            let [size] = called.bind(name, ["tabsize"])?;
            expanded(s, usize::try_from(int(size, 8, name)?).unwrap_or(0), limits)
        }
        "format_map" | "encode" | "translate" => Err(Error::failed(format!("`{name}` is not available"))),
        _ => called.none(name).map(|()| Value::Bool(is(s, name))),
    }
}

/// `isalpha` and the like.
pub(super) fn is(s: &str, name: &str) -> bool {
    static DECIMAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{Nd}+$").expect("a constant pattern"));
    static DIGIT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐❶-❾]+$").expect("a constant pattern"));
    let all = |holds: fn(char) -> bool| !s.is_empty() && s.chars().all(holds);
    match name {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => s.is_ascii(),
        "isdecimal" => DECIMAL.is_match(s),
        "isdigit" => DIGIT.is_match(s),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(is_space),
        "isprintable" => s.chars().all(python::is_printable),
        "isidentifier" => all(|c| c == '_' || c.is_alphanumeric()) && !s.starts_with(char::is_numeric),
        "islower" => s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase),
        "isupper" => s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase),
        "istitle" => s.chars().any(|c| c.is_lowercase() || c.is_uppercase()) && title(s) == s,
        _ => false,
    }
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}

fn title(s: &str) -> String {
    let mut within = false;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match within {
            true => out.extend(c.to_lowercase()),
            false => out.push_str(&python::title_case(c)),
        }
        within = is_cased(c);
    }
    out
}

fn swapped(s: &str) -> String {
    let swap =
        |c: char| if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() };
    s.chars().map(swap).collect()
}

/// `strip`, `lstrip` and `rstrip`
pub(super) fn stripped<'a>(s: &'a str, chars: Option<&str>, left: bool, right: bool) -> &'a str {
    let goes = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let s = if left { s.trim_start_matches(goes) } else { s };
    if right { s.trim_end_matches(goes) } else { s }
}

/// `replace`; a negative count is all.
pub(super) fn replaced(s: &str, old: &str, new: &str, count: i64, limits: &Limits) -> Result<Value> {
    let found = if old.is_empty() { s.chars().count() + 1 } else { s.matches(old).count() };
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(found);
    limits.steps(found / 64)?;
    limits.text(s.len().saturating_add(new.len().saturating_mul(count)))?;
    Ok(Value::Str(s.replacen(old, new, count).into()))
}

/// At most `most` cuts, from the left or from the right.
fn split<'a>(s: &'a str, separator: Option<&str>, most: usize, from_right: bool) -> Result<Vec<&'a str>> {
    let pieces = most.saturating_add(1);
    let mut parts: Vec<&str> = match (separator, from_right) {
        (Some(""), _) => return Err(Error::failed("an empty separator")),
        (Some(separator), false) => return Ok(s.splitn(pieces, separator).collect()),
        (Some(separator), true) => s.rsplitn(pieces, separator).collect(),
        (None, false) => return Ok(words(s, most)),
        (None, true) => words_from_right(s, most),
    };
    parts.reverse();
    Ok(parts)
}

fn words(s: &str, most: usize) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = s.trim_start_matches(is_space);
    while !rest.is_empty() {
        if found.len() == most {
            found.push(rest);
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        found.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    found
}

/// The last word first.
fn words_from_right(s: &str, most: usize) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = s.trim_end_matches(is_space);
    while !rest.is_empty() {
        if found.len() == most {
            found.push(rest);
            break;
        }
        let start = rest.char_indices().rfind(|(_, c)| is_space(*c)).map_or(0, |(at, c)| at + c.len_utf8());
        found.push(&rest[start..]);
        rest = rest[..start].trim_end_matches(is_space);
    }
    found
}

/// Python's `s[start:end]`, and how many characters come before; nothing where `start` lies behind the end.
fn between(s: &str, start: Option<i64>, end: Option<i64>) -> (Option<&str>, usize) {
    if start.is_none() && end.is_none() {
        return (Some(s), 0);
    }
    let len = s.chars().count();
    let place = |index: i64| {
        let index = if index < 0 { index.saturating_add(len as i64).max(0) } else { index };
        usize::try_from(index).unwrap_or(usize::MAX)
    };
    let (start, end) = (place(start.unwrap_or(0)), end.map_or(len, place).min(len));
    if start > end {
        return (None, start);
    }
    let byte = |index: usize| s.char_indices().nth(index).map_or(s.len(), |(at, _)| at);
    (Some(&s[byte(start)..byte(end)]), start)
}

fn search(s: &str, name: &str, called: Called) -> Result<Value> {
    let [wanted, start, end] = called.bind(name, ["sub", "start", "end"])?;
    let wanted = text(Some(required(wanted, name, "sub")?), "", name)?;
    let (part, before) = between(s, int_or_none(start, name)?, int_or_none(end, name)?);
    if name == "count" {
        let count = |part: &str| match wanted.is_empty() {
            true => part.chars().count() + 1,
            false => part.matches(&*wanted).count(),
        };
        return Ok(Value::Int(part.map_or(0, count) as i64));
    }
    let from_left = matches!(name, "find" | "index");
    let byte = |part: &str| if from_left { part.find(&*wanted) } else { part.rfind(&*wanted) };
    let found = part.and_then(|part| byte(part).map(|at| before + part[..at].chars().count()));
    match found {
        Some(at) => Ok(Value::Int(at as i64)),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(Error::failed(format!("`{name}` finds no such text"))),
    }
}

fn joined(separator: &str, parts: Value, limits: &Limits) -> Result<Value> {
    let items: Vec<Value> = match &parts {
        Value::Seq(seq) => seq.items.clone(),
        Value::Dict(dict) => dict.entries.iter().map(|(key, _)| key.clone()).collect(),
        Value::Str(text) => text.chars().map(|c| Value::from(&*c.to_string())).collect(),
        Value::Undefined(_) => Vec::new(),
        other => return Err(wrong_type("join", "a list of texts", other)),
    };
    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    let texts = texts.ok_or_else(|| Error::failed("`join` takes texts only"))?;
    let separators = separator.len().saturating_mul(texts.len());
    limits.text(texts.iter().map(|text| text.len()).sum::<usize>().saturating_add(separators))?;
    Ok(Value::Str(texts.join(separator).into()))
}

/// `center`, `ljust`, `rjust` and `zfill`
pub(super) fn padded(s: &str, name: &str, width: usize, fill: &str, limits: &Limits) -> Result<Value> {
    let len = s.chars().count();
    let missing = width.saturating_sub(len);
    limits.text(s.len().saturating_add(missing.saturating_mul(fill.len().max(1))))?;
    let mut chars = fill.chars();
    let (Some(fill), None) = (chars.next(), chars.next()) else {
        return Err(Error::failed(format!("`{name}` fills with one character")));
    };
    let fill = |count: usize| String::from(fill).repeat(count);
    // Python puts the odd one to the left where the width is odd.
    let left = missing / 2 + (missing & width & 1);
    let padded = match name {
        "ljust" => format!("{s}{}", fill(missing)),
        "rjust" => format!("{}{s}", fill(missing)),
        "center" => format!("{}{s}{}", fill(left), fill(missing - left)),
        _ => {
            let signed = usize::from(s.starts_with(['-', '+']));
            format!("{}{}{}", &s[..signed], "0".repeat(missing), &s[signed..])
        }
    };
    Ok(Value::Str(padded.into()))
}

fn expanded(s: &str, size: usize, limits: &Limits) -> Result<Value> {
    limits.text(s.len().saturating_add(s.matches('\t').count().saturating_mul(size)))?;
    let (mut out, mut column) = (String::new(), 0);
    for c in s.chars() {
        match c {
            '\t' => {
                let spaces = if size == 0 { 0 } else { size - column % size };
                out.push_str(&" ".repeat(spaces));
                column += spaces;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            _ => {
                out.push(c);
                column += 1;
            }
        }
    }
    Ok(Value::Str(out.into()))
}
