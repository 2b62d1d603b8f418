//! A table of comma-separated values: rows of prompt and answer, or of notes.

use csv::ReaderBuilder;
use serde_json::{Map, Value};

use super::records::{self, Alone};
use super::{exchanges, rows};
use crate::conversation::{Node, NodeRole};

/// What a table holds.
#[derive(Debug, PartialEq)]
pub(super) enum Table {
    /// Each row as an object with the names of the columns, for a reader of rows.
    Rows(Vec<Value>),
    /// Text of each row under a heading of its first column, as Markdown.
    Notes(String),
    /// No column of texts: with the names of the columns.
    Other(String),
}

/// Names of columns for what was asked and what was answered, in small letters.
#[rustfmt::skip]
const PROMPTS: &[&str] = &[
    "prompt", "instruction", "question", "input", "user", "query", "frage", "human", "user_input", "user_message", "user message",
    "prompt_text", "request", "pregunta", "eingabe",
];
#[rustfmt::skip]
const ANSWERS: &[&str] = &[
    "completion", "output", "answer", "response", "assistant", "reply", "antwort", "gpt", "chosen", "bot", "ai", "bot_message",
    "ai_response", "bot_response", "model_output", "response_text", "generated_text", "respuesta", "ausgabe", "ai response",
];
/// Names of columns that say something about the answer beside them.
const ABOUT: [&str; 3] = ["rating", "feedback", "system"];
/// Rows that are looked at to tell what a table holds.
const SAMPLE_ROWS: usize = 20;
/// Mean characters of a column that holds texts.
const MIN_CHARS: usize = 80;
const MAX_ROWS: usize = 500_000;

/// The table of a text, or `None` if it has no rows.
pub(super) fn read(text: &str) -> Option<Table> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head = text.lines().next()?;
    let count = |sign: u8| head.bytes().filter(|byte| *byte == sign).count();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|sign| count(*sign))?;
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().ok()?.iter().map(|name| name.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = reader
        .records()
        .take(MAX_ROWS)
        .filter_map(Result::ok)
        .map(|row| row.iter().map(str::to_owned).collect())
        .collect();
    if rows.is_empty() {
        return None;
    }
    let column = |known: &[&str]| names.iter().position(|name| known.contains(&name.to_lowercase().as_str()));
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let whole = |row: &Vec<String>| -> Value {
        names
            .iter()
            .enumerate()
            .map(|(column, name)| (name.clone(), Value::from(unquoted(cell(row, column)))))
            .collect()
    };
    // Calls to a model in JSON, and instructions with what they are about, are more than two columns.
    let is_whole = |row: &Vec<String>| {
        let row = whole(row);
        exchanges::is_exchange(&row) || (rows::is_alpaca(&row) && row.get("input").is_some())
    };
    if rows.iter().take(SAMPLE_ROWS).any(is_whole) {
        return Some(Table::Rows(rows.iter().map(whole).collect()));
    }
    if let (Some(prompt), Some(answer)) = (column(PROMPTS), column(ANSWERS)) {
        let about: Vec<usize> = (0..names.len())
            .filter(|column| ABOUT.contains(&names[*column].to_lowercase().as_str()))
            .collect();
        let row = |row: &Vec<String>| {
            let mut object = Map::new();
            object.insert("prompt".to_owned(), Value::from(words(&cell(row, prompt))));
            object.insert("completion".to_owned(), Value::from(words(&cell(row, answer))));
            for column in &about {
                object.insert(names[*column].to_lowercase(), Value::from(cell(row, *column)));
            }
            Value::Object(object)
        };
        return Some(Table::Rows(rows.iter().map(row).collect()));
    }
    let chars = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).sum::<usize>()
    };
    let longest = (0..names.len()).max_by_key(|&column| chars(column))?;
    if chars(longest) / rows.len() < MIN_CHARS {
        return Some(Table::Other(names.join(", ")));
    }
    let title = names
        .iter()
        .position(|name| ["name", "title", "titel", "heading"].contains(&name.to_lowercase().as_str()));
    let title = title.or((longest != 0).then_some(0)).filter(|title| *title != longest);
    let note = |row: &Vec<String>| {
        let words = |column: usize| row.get(column).map(|cell| cell.trim()).unwrap_or_default();
        let heading = title.map(words).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        match heading.is_empty() {
            true => format!("---\n\n{}\n", words(longest)),
            false => format!("# {heading}\n\n{}\n", words(longest)),
        }
    };
    Some(Table::Notes(rows.iter().map(note).collect::<Vec<_>>().join("\n")))
}

/// A cell of a table in which JSON stands: a text is written as JSON, too.
fn unquoted(cell: String) -> String {
    let text = cell.trim();
    let is_quoted = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
    is_quoted.then(|| serde_json::from_str(text).ok()).flatten().unwrap_or(cell)
}

/// The words of a cell, also of one that holds the record of a message.
fn words(cell: &str) -> String {
    let blocks = records::opened(cell, Alone::IsRecord);
    blocks.map_or_else(|| cell.to_owned(), |blocks| Node::new("", NodeRole::Assistant, blocks).visible_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_tell_what_a_table_holds() {
        let rows = read("id;Frage;Antwort\n1;Warum?;\"Darum; und\nso.\"\n2;Wann?\n").expect("rows");
        let expected = serde_json::json!([{"prompt": "Warum?", "completion": "Darum; und\nso."}, {"prompt": "Wann?", "completion": ""}]);
        assert_eq!(Table::Rows(expected.as_array().expect("an array").clone()), rows);
        let long =
            "The mill is loud and its wheel is never still, in spring and in autumn, by day and by night.";
        let notes = read(&format!(
            "\u{feff}Created,Name,Text\n2026,Mills,\"{long}\"\n2027,,{}\n",
            long.replace(',', " ")
        ));
        let Some(Table::Notes(text)) = notes else { panic!("{notes:?}") };
        assert!(text.starts_with(&format!("# Mills\n\n{long}\n\n---\n\nThe mill")), "{text}");
        assert_eq!(read("a,b\n1,2\n"), Some(Table::Other("a, b".to_owned())));
        assert_eq!(read("a,b\n"), None);
    }
}
