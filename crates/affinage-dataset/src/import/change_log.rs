//! Sessions that are kept as a log: a document, and a line for each change to it.
//!
//! VS Code writes `{"kind": 0, "v": DOCUMENT}` and behind it what was set (1), added to a list (2) or taken away (3) at
//! the path `k`. Only the document with all changes is a conversation.

use serde_json::Value;

use super::error::ElementError;

/// A line of such a log.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Base(Value),
    Set(Vec<Value>, Value),
    /// Appends to a list, which is cut to that many elements before.
    Push(Vec<Value>, Vec<Value>, Option<usize>),
    Delete(Vec<Value>),
}

/// A document and the bytes of the lines that made it.
#[derive(Debug, Default)]
pub struct Log {
    pub document: Value,
    pub len_bytes: u64,
}

/// The change that a line is, or `None` if it is something else.
pub fn change(value: &Value) -> Option<Change> {
    let fields = value.as_object()?;
    let is_known = |name: &String| matches!(name.as_str(), "kind" | "k" | "v" | "i");
    if !fields.keys().all(is_known) {
        return None;
    }
    let path = || {
        let path = fields.get("k")?.as_array()?;
        path.iter().all(|step| step.is_string() || step.is_u64()).then(|| path.clone())
    };
    match fields.get("kind")?.as_u64()? {
        0 => Some(Change::Base(
            fields.get("v").filter(|v| v.is_object() && !fields.contains_key("k"))?.clone(),
        )),
        1 => Some(Change::Set(path()?, fields.get("v").cloned().unwrap_or_default())),
        2 => {
            let values = fields.get("v").and_then(Value::as_array).cloned().unwrap_or_default();
            let from = fields.get("i").and_then(Value::as_u64).and_then(|i| usize::try_from(i).ok());
            Some(Change::Push(path()?, values, from))
        }
        3 => Some(Change::Delete(path()?)),
        _ => None,
    }
}

impl Log {
    /// Makes one change. Errors: the document has no such place, and is left as it was.
    pub fn apply(&mut self, change: Change) -> Result<(), ElementError> {
        let missing = |path: &[Value]| ElementError::Field {
            field: path.iter().map(step_name).collect::<Vec<_>>().join("."),
            found: "not in the document before this change".to_owned(),
            expected: "a place that is there",
        };
        match change {
            Change::Base(document) => self.document = document,
            Change::Set(path, value) => {
                *place(&mut self.document, &path).ok_or_else(|| missing(&path))? = value;
            }
            Change::Push(path, values, from) => {
                let list = place(&mut self.document, &path).ok_or_else(|| missing(&path))?;
                if list.is_null() {
                    *list = Value::Array(Vec::new());
                }
                let items = list.as_array_mut().ok_or_else(|| missing(&path))?;
                items.truncate(from.unwrap_or(usize::MAX));
                items.extend(values);
            }
            Change::Delete(path) => {
                let (last, above) = path.split_last().ok_or_else(|| missing(&path))?;
                match (place(&mut self.document, above), last) {
                    (Some(Value::Object(fields)), Value::String(name)) => drop(fields.remove(name)),
                    (Some(Value::Array(items)), Value::Number(_)) => {
                        let at = index(last).filter(|at| *at < items.len()).ok_or_else(|| missing(&path))?;
                        items.remove(at);
                    }
                    _ => return Err(missing(&path)),
                }
            }
        }
        Ok(())
    }
}

/// The value at a path; its last step may be a new field of an object, or one more element of a list.
fn place<'a>(document: &'a mut Value, path: &[Value]) -> Option<&'a mut Value> {
    let mut at = document;
    for (number, step) in path.iter().enumerate() {
        let is_last = number + 1 == path.len();
        at = match (at, step) {
            (Value::Object(fields), Value::String(name)) => match is_last {
                true => fields.entry(name).or_insert(Value::Null),
                false => fields.get_mut(name)?,
            },
            (Value::Array(items), Value::Number(_)) => {
                let index = index(step)?;
                if is_last && index == items.len() {
                    items.push(Value::Null);
                }
                items.get_mut(index)?
            }
            _ => return None,
        };
    }
    Some(at)
}

fn index(step: &Value) -> Option<usize> {
    usize::try_from(step.as_u64()?).ok()
}

fn step_name(step: &Value) -> String {
    step.as_str().map_or_else(|| step.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(lines: &[Value]) -> Result<Value, ElementError> {
        let mut log = Log::default();
        for line in lines {
            log.apply(change(line).expect("a change"))?;
        }
        Ok(log.document)
    }

    #[test]
    fn a_document_is_its_base_with_every_change() {
        let lines = [
            json!({ "kind": 0, "v": { "kites": [], "wind": 3 } }),
            json!({ "kind": 2, "k": ["kites"], "v": [{ "tail": [] }, { "tail": ["red"] }] }),
            json!({ "kind": 2, "k": ["kites", 0, "tail"], "v": ["blue", "green"] }),
            json!({ "kind": 1, "k": ["kites", 1, "name"], "v": "Heron" }),
            json!({ "kind": 2, "k": ["kites", 0, "tail"], "v": ["white"], "i": 1 }),
            json!({ "kind": 3, "k": ["wind"] }),
        ];
        let expected =
            json!({ "kites": [{ "tail": ["blue", "white"] }, { "tail": ["red"], "name": "Heron" }] });
        assert_eq!(made(&lines).expect("changes"), expected);
    }

    #[test]
    fn a_change_without_its_place_is_an_error_and_other_lines_are_none() {
        let lines = [
            json!({ "kind": 0, "v": { "kites": [] } }),
            json!({ "kind": 1, "k": ["kites", 4, "name"], "v": "x" }),
        ];
        assert!(matches!(made(&lines), Err(ElementError::Field { field, .. }) if field == "kites.4.name"));
        for other in [
            json!({ "kind": 0, "v": 1 }),
            json!({ "kind": "a", "v": {} }),
            json!({ "kind": 1, "v": 2, "role": "user" }),
        ] {
            assert_eq!(change(&other), None, "{other}");
        }
    }
}
