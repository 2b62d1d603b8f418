//! Batches of calls in two files: what was sent stands in one, what came back in another, in any order, and a word that
//! both rows carry says what belongs together.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

use super::json::string;

/// The word that both halves carry.
const IDS: [&str; 3] = ["custom_id", "key", "recordId"];
const SENT: [&str; 4] = ["body", "params", "request", "modelInput"];
const CAME_BACK: [&str; 4] = ["response", "result", "error", "modelOutput"];
/// Bytes of what came back that are kept in memory.
const MAX_BYTES: u64 = 256 << 20;
/// The word that both carry stands among the first fields.
const HEAD_BYTES: usize = 400;

/// Which half a file of a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Sent,
    CameBack,
}

/// Which half the file is that begins so; `None` if it is no half of a batch.
pub fn of_head(head: &[u8]) -> Option<Half> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let line = text.lines().next().unwrap_or_default();
    let begin: String = line.chars().take(HEAD_BYTES).collect();
    if !line.starts_with('{') || !IDS.iter().any(|id| begin.contains(&format!("\"{id}\""))) {
        return None;
    }
    let first = |names: &[&str]| {
        let at = names.iter().filter_map(|name| {
            let rest = &line[line.find(&format!("\"{name}\""))? + name.len() + 2..];
            let behind = rest.trim_start().strip_prefix(':')?.trim_start();
            behind.starts_with('{').then(|| line.len() - rest.len())
        });
        at.min()
    };
    match (first(&SENT), first(&CAME_BACK)) {
        (Some(_), None) => Some(Half::Sent),
        (None, Some(_)) => Some(Half::CameBack),
        // What came back holds the body of the answer.
        (Some(sent), Some(came_back)) if came_back < sent => Some(Half::CameBack),
        _ => None,
    }
}

/// What came back, by the word that the other half carries too.
#[derive(Debug, Default)]
pub struct Answers {
    by_id: HashMap<String, Value>,
    /// Lines that could not be kept.
    pub lost: usize,
}

impl Answers {
    /// Reads a file of what came back.
    pub fn read(&mut self, source: impl Read) -> std::io::Result<()> {
        let mut lines = BufReader::new(source).take(MAX_BYTES);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let row = serde_json::from_slice::<Value>(&line).ok();
            match row.and_then(|row| Some((id(&row)?.to_owned(), row))) {
                Some((id, row)) => drop(self.by_id.entry(id).or_insert(row)),
                None => self.lost += usize::from(!line.trim_ascii().is_empty()),
            }
            line.clear();
        }
        Ok(())
    }

    /// Takes what came back to this row into it.
    pub fn join(&mut self, row: &mut Value) {
        if self.by_id.is_empty() || !SENT.iter().any(|name| row.get(*name).is_some()) {
            return;
        }
        let Some(answer) = id(row).and_then(|id| self.by_id.remove(id)) else { return };
        if let (Some(row), Value::Object(answer)) = (row.as_object_mut(), answer) {
            let about = answer
                .into_iter()
                .filter(|(name, value)| CAME_BACK.contains(&name.as_str()) && !value.is_null());
            row.extend(about);
        }
    }

    /// How many came back to nothing that was sent.
    pub fn unasked(&self) -> usize {
        self.by_id.len()
    }
}

fn id(row: &Value) -> Option<&str> {
    IDS.iter().find_map(|id| string(row, id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn halves_are_told_by_what_comes_first() {
        for (head, expected) in [
            (r#"{"custom_id":"a","method":"POST","body":{"messages":[]}}"#, Some(Half::Sent)),
            (
                r#"{"id":"x","custom_id":"a","response":{"status_code":200,"body":{"choices":[]}},"error":null}"#,
                Some(Half::CameBack),
            ),
            (r#"{"custom_id":"a","result":{"type":"succeeded","message":{}}}"#, Some(Half::CameBack)),
            (r#"{"custom_id":"a","params":{"messages":[]}}"#, Some(Half::Sent)),
            (r#"{"key":"a","request":{"contents":[]}}"#, Some(Half::Sent)),
            (r#"{"key":"a","request":{"contents":[]},"response":{"candidates":[]}}"#, None),
            (r#"{"messages":[]}"#, None),
        ] {
            assert_eq!(of_head(head.as_bytes()), expected, "{head}");
        }
    }

    #[test]
    fn what_came_back_is_put_beside_what_was_sent() {
        let mut answers = Answers::default();
        let rows = "{\"custom_id\":\"b\",\"response\":{\"n\":2},\"error\":null}\n{\"custom_id\":\"c\",\"response\":{\"n\":3}}\nno row\n";
        answers.read(rows.as_bytes()).expect("memory");
        let mut row = json!({ "custom_id": "b", "body": {} });
        answers.join(&mut row);
        assert_eq!(row, json!({ "custom_id": "b", "body": {}, "response": { "n": 2 } }));
        assert_eq!((answers.unasked(), answers.lost), (1, 1));
    }
}
