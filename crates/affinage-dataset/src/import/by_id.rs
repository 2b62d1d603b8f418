//! Documents in the form of a database: a message names its parts by their ids, and the parts stand in another table.
//!
//! An id is never a text. Where the table is in the document, its objects are put in the place of their ids; where it
//! is not, see [`super::parts`].

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// Fields that hold messages or their parts, and so may hold their ids.
const LISTS: [&str; 8] =
    ["parts", "blocks", "content", "contents", "contentParts", "fragments", "messages", "chat_messages"];
/// Fields in which an object of a table says its id.
const IDS: [&str; 5] = ["id", "_id", "uuid", "key", "ID"];
/// A table inside a table inside a table.
const MAX_DEPTH: usize = 4;
/// Longer strings are no ids.
const MAX_ID_BYTES: usize = 100;

/// The document with objects in the place of ids; unchanged where no list consists of the ids of objects.
pub fn joined(document: &Value) -> Cow<'_, Value> {
    let mut lists = Vec::new();
    find_lists(document, &mut lists);
    if lists.is_empty() {
        return Cow::Borrowed(document);
    }
    let wanted: HashSet<&str> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    let mut table = HashMap::new();
    find_objects(document, &wanted, &mut table);
    let is_whole = |list: &Vec<&str>| list.iter().all(|id| table.contains_key(id));
    let used: HashSet<&str> = lists.iter().filter(|list| is_whole(list)).flatten().copied().collect();
    // Words such as `text` are names of fields, too.
    if !used.iter().any(|id| id.bytes().any(|byte| byte.is_ascii_digit())) {
        return Cow::Borrowed(document);
    }
    table.retain(|id, _| used.contains(id));
    let places: HashSet<*const Value> = table.values().map(|object| std::ptr::from_ref(*object)).collect();
    let join = Join { table, places };
    Cow::Owned(join.value(document, 0))
}

/// The strings of a list that may be ids: not one of them has a space.
fn ids(list: &Value) -> Option<Vec<&str>> {
    let is_id = |id: &&str| !id.is_empty() && id.len() <= MAX_ID_BYTES && !id.contains(char::is_whitespace);
    let ids: Option<Vec<&str>> = list.as_array()?.iter().map(|item| item.as_str().filter(is_id)).collect();
    ids.filter(|ids| !ids.is_empty())
}

fn find_lists<'a>(value: &'a Value, lists: &mut Vec<Vec<&'a str>>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match ids(field).filter(|_| LISTS.contains(&name.as_str())) {
                    Some(list) => lists.push(list),
                    None => find_lists(field, lists),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find_lists(item, lists)),
        _ => {}
    }
}

fn find_objects<'a>(value: &'a Value, wanted: &HashSet<&'a str>, table: &mut HashMap<&'a str, &'a Value>) {
    match value {
        Value::Object(fields) => {
            let own = IDS.iter().find_map(|key| fields.get(*key)?.as_str());
            if let Some(id) = own.filter(|id| wanted.contains(id)) {
                table.entry(id).or_insert(value);
            }
            for (name, field) in fields {
                if let Some(id) = wanted.get(name.as_str()).filter(|_| field.is_object()) {
                    table.entry(id).or_insert(field);
                }
                find_objects(field, wanted, table);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find_objects(item, wanted, table)),
        _ => {}
    }
}

struct Join<'a> {
    table: HashMap<&'a str, &'a Value>,
    /// The objects of the table: where they stand now, nothing stays.
    places: HashSet<*const Value>,
}

impl Join<'_> {
    fn value(&self, value: &Value, depth: usize) -> Value {
        match value {
            Value::Object(fields) => {
                let kept = fields.iter().filter(|(_, field)| !self.is_moved(field));
                kept.map(|(name, field)| (name.clone(), self.field(name, field, depth))).collect()
            }
            Value::Array(items) => {
                let kept = items.iter().filter(|item| !self.is_moved(item));
                Value::Array(kept.map(|item| self.value(item, depth)).collect())
            }
            other => other.clone(),
        }
    }

    fn is_moved(&self, value: &Value) -> bool {
        self.places.contains(&std::ptr::from_ref(value))
    }

    fn field(&self, name: &str, field: &Value, depth: usize) -> Value {
        let found = ids(field).filter(|_| LISTS.contains(&name) && depth < MAX_DEPTH).and_then(|list| {
            list.iter().map(|id| Some(self.value(self.table.get(id)?, depth + 1))).collect::<Option<_>>()
        });
        found.map_or_else(|| self.value(field, depth), Value::Array)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_stand_where_their_ids_stood() {
        let by_key = json!({
            "messages": [{ "role": "user", "parts": ["p-1", "p-2"] }],
            "store": { "p-1": { "text": "Why" }, "p-2": { "text": " here?" } },
        });
        let expected = json!({
            "messages": [{ "role": "user", "parts": [{ "text": "Why" }, { "text": " here?" }] }],
            "store": {},
        });
        assert_eq!(*joined(&by_key), expected);
        let nested = json!({
            "chats": [{ "messages": ["m1"] }],
            "messages": [{ "id": "m1", "role": "user", "blocks": ["b1"] }],
            "blocks": [{ "id": "b1", "text": "Why?" }],
        });
        let block = json!({ "id": "b1", "text": "Why?" });
        let message = json!({ "id": "m1", "role": "user", "blocks": [block] });
        assert_eq!(
            *joined(&nested),
            json!({ "chats": [{ "messages": [message] }], "messages": [], "blocks": [] })
        );
    }

    #[test]
    fn words_are_no_ids() {
        for document in [
            json!({ "content": { "parts": ["text"] }, "text": { "a": 1 } }),
            json!({ "messages": [{ "parts": ["Two words", "p-1"] }], "p-1": { "text": "x" } }),
            json!({ "messages": [{ "parts": ["p-1"] }] }),
        ] {
            assert!(matches!(joined(&document), Cow::Borrowed(_)), "{document}");
        }
    }
}
