//! `'%s' % x` and `'{}'.format(x)`.

use super::arguments::Called;
use super::value::{SeqKind, Value};
use super::{Error, Limits, Result};

/// How one value is written.
#[derive(Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    grouping: Option<char>,
    width: usize,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `text % values`
pub(super) fn percent(text: &str, values: &Value, limits: &Limits) -> Result<Value> {
    let tuple = match values {
        Value::Seq(seq) if seq.kind == SeqKind::Tuple => seq.items.clone(),
        other => vec![other.clone()],
    };
    let (mut out, mut rest, mut next) = (String::new(), text, 0);
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let named = match rest.strip_prefix('(').and_then(|named| named.split_once(')')) {
            Some((name, after)) => {
                rest = after;
                Some(name)
            }
            None => None,
        };
        let flags = rest.len() - rest.trim_start_matches(['-', '+', ' ', '0', '#']).len();
        let has = |flag: char| rest[..flags].contains(flag);
        let (left, zeros) = (has('-'), has('0'));
        let sign = if has('+') { Some('+') } else { has(' ').then_some(' ') };
        let alternate = has('#');
        rest = &rest[flags..];
        let width = take_number(&mut rest)?.unwrap_or(0);
        let precision = match rest.strip_prefix('.') {
            Some(after) => {
                rest = after;
                Some(take_number(&mut rest)?.unwrap_or(0))
            }
            None => None,
        };
        let Some(kind) = rest.chars().next() else { return Err(Error::failed("`%` has no kind after it")) };
        rest = &rest[kind.len_utf8()..];
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match (named, values) {
            (Some(name), Value::Dict(dict)) => dict.get_str(name).cloned(),
            (Some(_), _) => return Err(Error::failed("`%(name)` needs a dictionary")),
            (None, _) => {
                next += 1;
                tuple.get(next - 1).cloned()
            }
        };
        let value = value.ok_or_else(|| Error::failed("`%` has more places than values"))?;
        let align = if left {
            '<'
        } else if zeros && !matches!(kind, 's' | 'r' | 'c') {
            '='
        } else {
            '>'
        };
        let fill = (align == '=').then_some('0');
        let spec = Spec { fill, align: Some(align), sign, alternate, width, precision, ..Spec::default() };
        out.push_str(&percent_value(kind, value, spec, limits)?);
        limits.text(out.len())?;
    }
    let is_mapping = matches!(values, Value::Dict(_));
    if next < tuple.len() && !is_mapping && (next > 0 || matches!(values, Value::Seq(_)) || !tuple.is_empty())
    {
        return Err(Error::failed("`%` has fewer places than values"));
    }
    out.push_str(rest);
    Value::text(out, limits)
}

fn percent_value(kind: char, value: Value, spec: Spec, limits: &Limits) -> Result<String> {
    let kind = match kind {
        's' | 'r' => {
            let mut text = String::new();
            match kind {
                's' => text.push_str(&value.to_text(limits)?),
                _ => value.write_repr(&mut text, limits)?,
            }
            return written(&Value::text(text, limits)?, &Spec { kind: Some('s'), ..spec }, limits);
        }
        'c' => 's',
        'd' | 'i' | 'u' => {
            let number = value.as_int().or_else(|| value.as_float().map(|value| value.trunc() as i64));
            let number =
                number.ok_or_else(|| Error::failed(format!("`%d` takes no {}", value.type_name())))?;
            return written(&Value::Int(number), &Spec { kind: Some('d'), precision: None, ..spec }, limits);
        }
        other => other,
    };
    written(&value, &Spec { kind: Some(kind), ..spec }, limits)
}

/// `text.format(...)`
pub(super) fn braces(
    text: &str,
    called: &Called,
    limits: &Limits,
    item: &dyn Fn(&Value, &Value) -> Result<Value>,
) -> Result<Value> {
    let (mut out, mut rest, mut next) = (String::new(), text, 0);
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let end = rest.find('}').filter(|_| brace == "{");
        let Some(end) = end else { return Err(Error::failed("a brace of `format` stands alone")) };
        let (field, spec) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        rest = &rest[end + 1..];
        let (field, conversion) = field.split_once('!').unwrap_or((field, ""));
        let mut value = field_value(field, called, &mut next, item)?;
        if conversion == "r" || conversion == "s" {
            let mut text = String::new();
            match conversion {
                "s" => text.push_str(&value.to_text(limits)?),
                _ => value.write_repr(&mut text, limits)?,
            }
            value = Value::text(text, limits)?;
        }
        out.push_str(&written(&value, &parsed(spec)?, limits)?);
        limits.text(out.len())?;
    }
    out.push_str(rest);
    Value::text(out, limits)
}

/// `0.name[key]`
fn field_value(
    field: &str,
    called: &Called,
    next: &mut usize,
    item: &dyn Fn(&Value, &Value) -> Result<Value>,
) -> Result<Value> {
    let end = field.find(['.', '[']).unwrap_or(field.len());
    let (name, mut path) = field.split_at(end);
    let missing = || Error::failed(format!("`format` has no value for {{{name}}}"));
    let mut value = if name.is_empty() {
        *next += 1;
        called.positional.get(*next - 1).cloned().ok_or_else(missing)?
    } else if let Ok(index) = name.parse::<usize>() {
        called.positional.get(index).cloned().ok_or_else(missing)?
    } else {
        let found = called.named.iter().find(|(known, _)| **known == *name);
        found.map(|(_, value)| value.clone()).ok_or_else(missing)?
    };
    while !path.is_empty() {
        let (key, after) = match path.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or_else(missing)?,
            None => {
                let inner = &path[1..];
                inner.split_at(inner.find(['.', '[']).unwrap_or(inner.len()))
            }
        };
        let key = key.parse().map_or_else(|_| Value::from(key), Value::Int);
        value = item(&value, &key)?;
        path = after;
    }
    Ok(value)
}

fn take_number(rest: &mut &str) -> Result<Option<usize>> {
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(len);
    *rest = after;
    match digits.is_empty() {
        true => Ok(None),
        false => digits.parse().map(Some).map_err(|_| Error::failed("a width is out of range")),
    }
}

/// `[[fill]align][sign][#][0][width][grouping][.precision][kind]`
fn parsed(spec: &str) -> Result<Spec> {
    let mut found = Spec::default();
    let mut rest = spec;
    let is_align = |c: char| matches!(c, '<' | '>' | '=' | '^');
    let mut chars = spec.chars();
    match (chars.next(), chars.next()) {
        (Some(fill), Some(align)) if is_align(align) => {
            (found.fill, found.align) = (Some(fill), Some(align));
            rest = &rest[fill.len_utf8() + 1..];
        }
        (Some(align), _) if is_align(align) => {
            found.align = Some(align);
            rest = &rest[1..];
        }
        _ => {}
    }
    if let Some(sign) = rest.chars().next().filter(|c| matches!(c, '+' | '-' | ' ')) {
        (found.sign, rest) = (Some(sign), &rest[1..]);
    }
    if let Some(after) = rest.strip_prefix('#') {
        (found.alternate, rest) = (true, after);
    }
    if rest.starts_with('0') && found.align.is_none() {
        (found.fill, found.align) = (Some('0'), Some('='));
    }
    found.width = take_number(&mut rest)?.unwrap_or(0);
    if let Some(grouping) = rest.chars().next().filter(|c| matches!(c, ',' | '_')) {
        (found.grouping, rest) = (Some(grouping), &rest[1..]);
    }
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        found.precision = take_number(&mut rest)?;
    }
    let mut kinds = rest.chars();
    found.kind = kinds.next();
    match kinds.next() {
        None => Ok(found),
        Some(_) => Err(Error::failed(format!("`{spec}` is no format"))),
    }
}

fn written(value: &Value, spec: &Spec, limits: &Limits) -> Result<String> {
    limits.text(spec.width.max(spec.precision.unwrap_or(0)))?;
    let is_number = value.as_float().is_some() && !matches!((value, spec.kind), (Value::Bool(_), None));
    let (sign, body) = match (is_number, spec.kind) {
        (true, kind) if kind != Some('s') => number(value, spec)?,
        (_, None | Some('s')) => {
            let text = value.to_text(limits)?;
            let kept = spec.precision.unwrap_or(usize::MAX);
            (String::new(), text.chars().take(kept).collect())
        }
        (_, Some(kind)) => {
            return Err(Error::failed(format!("the format `{kind}` takes no {}", value.type_name())));
        }
    };
    let missing = spec.width.saturating_sub(sign.chars().count() + body.chars().count());
    let fill = |count: usize| spec.fill.unwrap_or(' ').to_string().repeat(count);
    Ok(match spec.align.unwrap_or(if is_number { '>' } else { '<' }) {
        '<' => format!("{sign}{body}{}", fill(missing)),
        '^' => format!("{}{sign}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
        '=' => format!("{sign}{}{body}", fill(missing)),
        _ => format!("{}{sign}{body}", fill(missing)),
    })
}

/// Sign (with a prefix) and digits.
fn number(value: &Value, spec: &Spec) -> Result<(String, String)> {
    let unknown =
        |kind: char| Error::failed(format!("the format `{kind}` is unknown for {}", value.type_name()));
    let (negative, mut body, prefix) = match (value.as_int(), spec.kind) {
        (Some(int), None | Some('d' | 'n')) => (int < 0, int.unsigned_abs().to_string(), ""),
        (Some(int), Some('x')) => (int < 0, format!("{:x}", int.unsigned_abs()), "0x"),
        (Some(int), Some('X')) => (int < 0, format!("{:X}", int.unsigned_abs()), "0X"),
        (Some(int), Some('o')) => (int < 0, format!("{:o}", int.unsigned_abs()), "0o"),
        (Some(int), Some('b')) => (int < 0, format!("{:b}", int.unsigned_abs()), "0b"),
        (_, kind) => {
            let float = value.as_float().unwrap_or(0.0);
            let places = spec.precision.unwrap_or(6);
            let body = match kind {
                None if spec.precision.is_none() => super::python::float(float.abs()),
                Some('f' | 'F') => format!("{:.places$}", float.abs()),
                Some('%') => format!("{:.places$}%", float.abs() * 100.0),
                Some('e') => exponent(float.abs(), places),
                Some(kind) => return Err(unknown(kind)),
                None => return Err(unknown('g')),
            };
            (float.is_sign_negative(), body, "")
        }
    };
    if let Some(separator) = spec.grouping {
        body = grouped(&body, separator);
    }
    let sign = if negative {
        "-"
    } else {
        spec.sign.filter(|sign| *sign != '-').map_or("", |s| if s == '+' { "+" } else { " " })
    };
    let prefix = if spec.alternate { prefix } else { "" };
    Ok((format!("{sign}{prefix}"), body))
}

fn exponent(value: f64, places: usize) -> String {
    let text = format!("{value:.places$e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// Thousands apart.
fn grouped(body: &str, separator: char) -> String {
    let whole = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
    let (digits, rest) = body.split_at(whole);
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out + rest
}
