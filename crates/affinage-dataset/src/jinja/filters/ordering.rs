//! Filters that order, compare or group items.

use super::*;

pub(super) fn ordered(run: &mut Interpreter, value: &Value, name: &str, called: Called) -> Result<Value> {
    let limits = run.limits;
    match name {
        "sum" => {
            let [attribute, start] = called.bind(name, ["attribute", "start"])?;
            let mut sum = start.unwrap_or(Value::Int(0));
            for item in run.iterate(value)? {
                let item = attribute_of(run, item, attribute.as_ref())?;
                sum = arithmetic(Arithmetic::Add, &sum, &item, limits)?;
            }
            Ok(sum)
        }
        "sort" => {
            let [reverse, case_sensitive, attribute] =
                called.bind(name, ["reverse", "case_sensitive", "attribute"])?;
            let paths = match &attribute {
                Some(Value::Str(paths)) => paths.split(',').map(|path| Some(Value::from(path))).collect(),
                other => vec![other.clone()],
            };
            let case_sensitive = truth(case_sensitive, false);
            let mut keyed = Vec::new();
            for item in run.iterate(value)? {
                let mut key = Vec::new();
                for path in &paths {
                    key.push(folded(
                        attribute_of(run, item.clone(), path.as_ref())?,
                        case_sensitive,
                        limits,
                    )?);
                }
                keyed.push((key, item));
            }
            let sorted = by_key(keyed, truth(reverse, false), limits)?;
            Value::list(sorted.into_iter().map(|(_, item)| item).collect(), limits)
        }
        "dictsort" => {
            let [case_sensitive, by, reverse] = called.bind(name, ["case_sensitive", "by", "reverse"])?;
            let Value::Dict(dict) = value else { return Err(wrong_type(name, "a dictionary", value)) };
            let by = text(by, "key", name)?;
            if !matches!(&*by, "key" | "value") {
                return Err(Error::failed("`dictsort` sorts by key or value"));
            }
            let case_sensitive = truth(case_sensitive, false);
            let mut keyed = Vec::new();
            for (pair, (key, value)) in methods::items(dict, limits)?.into_iter().zip(&dict.entries) {
                let by = if &*by == "key" { key } else { value };
                keyed.push((vec![folded(by.clone(), case_sensitive, limits)?], pair));
            }
            let sorted = by_key(keyed, truth(reverse, false), limits)?;
            Value::list(sorted.into_iter().map(|(_, pair)| pair).collect(), limits)
        }
        "groupby" => {
            let [attribute, otherwise, case_sensitive] =
                called.bind(name, ["attribute", "default", "case_sensitive"])?;
            let attribute = required(attribute, name, "attribute")?;
            grouped(run, value, &attribute, otherwise.as_ref(), truth(case_sensitive, false))
        }
        _ => {
            let [case_sensitive, attribute] = called.bind(name, ["case_sensitive", "attribute"])?;
            let case_sensitive = truth(case_sensitive, false);
            let mut keyed = Vec::new();
            for item in run.iterate(value)? {
                let key =
                    folded(attribute_of(run, item.clone(), attribute.as_ref())?, case_sensitive, limits)?;
                keyed.push((key, item));
            }
            if name == "unique" { unique(run, keyed) } else { extreme(name, keyed, limits) }
        }
    }
}

pub(super) fn attribute_of(run: &mut Interpreter, item: Value, attribute: Option<&Value>) -> Result<Value> {
    match attribute {
        None | Some(Value::None) => Ok(item),
        Some(attribute) => along(run, &item, attribute),
    }
}

/// By the keys, one after the other; equal ones stay in their order, also in reverse.
pub(super) fn by_key(
    keyed: Vec<(Vec<Value>, Value)>,
    reverse: bool,
    limits: &Limits,
) -> Result<Vec<(Vec<Value>, Value)>> {
    let mut compare = |a: &(Vec<Value>, Value), b: &(Vec<Value>, Value)| {
        for (a, b) in a.0.iter().zip(&b.0) {
            let found = order(a, b, limits)?;
            if found.is_ne() {
                return Ok(if reverse { found.reverse() } else { found });
            }
        }
        Ok(std::cmp::Ordering::Equal)
    };
    sorted(keyed, &mut compare)
}

pub(super) fn unique(run: &mut Interpreter, keyed: Vec<(Value, Value)>) -> Result<Value> {
    let (mut seen, mut out): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for (key, item) in keyed {
        let mut known = false;
        for other in &seen {
            if other.equals(&key, run.limits)? {
                known = true;
                break;
            }
        }
        if !known {
            seen.push(key);
            out.push(item);
        }
    }
    run.generator(out)
}

/// The first of the least or greatest.
pub(super) fn extreme(name: &str, keyed: Vec<(Value, Value)>, limits: &Limits) -> Result<Value> {
    let mut best: Option<(Value, Value)> = None;
    for (key, item) in keyed {
        let better = match &best {
            None => true,
            Some((known, _)) if name == "min" => order(&key, known, limits)?.is_lt(),
            Some((known, _)) => order(&key, known, limits)?.is_gt(),
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| Value::undefined("no item, the sequence is empty"), |(_, item)| item))
}

pub(super) fn grouped(
    run: &mut Interpreter,
    value: &Value,
    attribute: &Value,
    otherwise: Option<&Value>,
    case_sensitive: bool,
) -> Result<Value> {
    let limits = run.limits;
    let (mut keyed, mut named) = (Vec::new(), Vec::new());
    for item in run.iterate(value)? {
        let found = along(run, &item, attribute)?;
        let found = otherwise.filter(|_| found.is_undefined()).cloned().unwrap_or(found);
        keyed.push((vec![folded(found.clone(), case_sensitive, limits)?], Value::Int(named.len() as i64)));
        named.push((found, item));
    }
    // A group has the name that its first item has.
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for (key, at) in by_key(keyed, false, limits)? {
        let (name, item) = named[at.as_int().unwrap_or_default() as usize].clone();
        let same = match groups.last() {
            Some((last, ..)) => last.equals(&key[0], limits)?,
            None => false,
        };
        match groups.last_mut() {
            Some((_, _, items)) if same => items.push(item),
            _ => groups.push((key[0].clone(), name, vec![item])),
        }
    }
    let group = |(_, name, items): (Value, Value, Vec<Value>)| {
        let items = Value::list(items, limits)?;
        Value::seq(SeqKind::Group, vec![name, items], limits)
    };
    let groups = groups.into_iter().map(group).collect::<Result<Vec<_>>>()?;
    Value::list(groups, limits)
}

/// The attribute of a group, by name.
pub(in crate::jinja) fn of_group(items: &[Value], name: &str) -> Option<Value> {
    let at = ["grouper", "list"].iter().position(|known| *known == name)?;
    items.get(at).cloned()
}
