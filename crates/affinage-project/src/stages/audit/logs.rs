//! Reads logs of pairwise judgments: JSON lines, JSON documents with a list somewhere in them, CSV and TSV.
//!
//! Records are parsed one by one, so that a file of any content needs memory for its bytes, for one record and for the
//! rows that were found. What is read at once is bounded ([`MOST_BYTES`], [`MOST_ROWS`]); beyond is an error that says so.

use std::path::{Path, PathBuf};

use affinage_eval::audit::mapping::Mapping;
use affinage_eval::audit::mentions::Table;
use affinage_eval::audit::row::{PairRow, RowRef};
use affinage_eval::audit::shapes;
use affinage_eval::plain::{bytes, count};
use anyhow::anyhow;
use serde::Serialize;
use serde_json::{Map, Value};

use super::is_pointer;
use crate::errors::HintExt as _;

/// Bytes of all logs of one audit.
const MOST_BYTES: u64 = 128 << 20;
/// Judgments of all logs of one audit.
const MOST_ROWS: usize = 500_000;
/// Bytes of one record.
const MOST_OF_RECORD: usize = 4 << 20;
/// Objects around the list of a JSON document.
const DEEPEST: usize = 3;

#[derive(Serialize)]
pub struct FileFacts {
    pub path: String,
    pub shape: &'static str,
    pub rows: usize,
    /// Records that could not be read, with the reason of the first.
    pub skipped: usize,
    pub first_skipped: Option<String>,
}

/// The rows of some files.
#[derive(Default)]
pub struct Logs {
    pub files: Vec<FileFacts>,
    pub rows: Vec<PairRow>,
}

/// Reads every file of `paths`, and of a folder those of a log's ending.
///
/// Errors: a file cannot be read, is no regular file, or holds more than an audit reads at once.
pub fn read(paths: &[PathBuf], mapping: Option<&Mapping>) -> anyhow::Result<Logs> {
    let paths = log_files(paths)?;
    let mut size = 0;
    for path in &paths {
        let metadata = fs_err::metadata(path)?;
        if !metadata.is_file() {
            return Err(anyhow!("{} is not a regular file", path.display()))
                .hint("name a .jsonl, .json or .csv file");
        }
        size += metadata.len();
    }
    if size > MOST_BYTES {
        return Err(anyhow!(
            "the logs hold {}, an audit reads at most {} at once",
            bytes(size),
            bytes(MOST_BYTES)
        ))
        .hint("audit them file by file, or a part of the lines");
    }
    let mut logs = Logs::default();
    for path in &paths {
        read_file(path, mapping, &mut logs)?;
    }
    Ok(logs)
}

/// The files that were named, and those of the folders that were named.
fn log_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let is_log = |path: &PathBuf| {
            let ending = path.extension().and_then(|e| e.to_str());
            path.is_file() && ending.is_some_and(|e| matches!(e, "jsonl" | "json" | "csv" | "tsv"))
        };
        let mut found = Vec::new();
        for entry in fs_err::read_dir(path)? {
            found.push(entry?.path());
        }
        found.retain(is_log);
        found.sort();
        if found.is_empty() {
            return Err(anyhow!("no .jsonl, .json, .csv or .tsv file in {}", path.display()))
                .hint("name the log itself");
        }
        files.extend(found);
    }
    Ok(files)
}

fn read_file(path: &Path, mapping: Option<&Mapping>, logs: &mut Logs) -> anyhow::Result<()> {
    let content = fs_err::read(path)?;
    if is_pointer(&content) {
        return Err(anyhow!(
            "{} is a pointer of git's large-file storage, not the file itself",
            path.display()
        ))
        .hint("`git lfs pull` fetches it");
    }
    let text = String::from_utf8_lossy(&content);
    let text = text.trim_start_matches('\u{feff}');
    let file = logs.files.len();
    let before = logs.rows.len();
    let path_text = path.display().to_string();
    let mut facts = FileFacts { path: path_text, shape: "none", rows: 0, skipped: 0, first_skipped: None };
    let rows = &mut logs.rows;
    let mut take = |line: usize, record: Record| {
        let found = record.and_then(|record| {
            shapes::rows(&record, RowRef { file, line }, mapping).map_err(|error| error.to_string())
        });
        match found {
            Ok((shape, found)) => {
                facts.shape = shape.name();
                rows.extend(found);
            }
            Err(reason) => {
                facts.skipped += 1;
                facts.first_skipped.get_or_insert_with(|| format!("{}:{line}: {reason}", path.display()));
            }
        }
        match rows.len() > MOST_ROWS {
            true => Err(anyhow!("the logs hold more than {} judgments", count(MOST_ROWS as u64)))
                .hint("audit the files one by one, or a part of the lines"),
            false => Ok(()),
        }
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => for_each_record(text, ',', &mut take)?,
        Some("tsv") => for_each_record(text, '\t', &mut take)?,
        _ => for_each_object(text, mapping, &mut take)?,
    }
    facts.rows = logs.rows.len() - before;
    logs.files.push(facts);
    Ok(())
}

type Record = Result<Map<String, Value>, String>;
type Take<'t> = &'t mut dyn FnMut(usize, Record) -> anyhow::Result<()>;

/// The records of a JSON document (a list, or an object with a list of records somewhere in it), or of its lines.
fn for_each_object(text: &str, mapping: Option<&Mapping>, take: Take) -> anyhow::Result<()> {
    let whole = text.trim();
    let is_one_document = value_end(whole.as_bytes(), 0) == whole.len();
    if whole.starts_with('[')
        && !whole.lines().next().is_some_and(|line| is_list(line) && line.len() < whole.len())
    {
        if !is_one_document {
            return Err(anyhow!("the JSON list does not end")).hint("the file was cut off; fetch it again");
        }
        return elements(whole).enumerate().try_for_each(|(i, element)| take(i + 1, object(element)));
    }
    if is_one_document && let Some(list) = list_of_records(whole, mapping, DEEPEST) {
        return elements(list).enumerate().try_for_each(|(i, element)| take(i + 1, object(element)));
    }
    if is_one_document && whole.starts_with('{') {
        return take(1, object(whole));
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (i, line) in lines {
        take(i + 1, object(line.trim()))?;
    }
    Ok(())
}

fn is_list(line: &str) -> bool {
    let line = line.trim();
    value_end(line.as_bytes(), 0) == line.len()
}

fn object(text: &str) -> Record {
    if text.len() > MOST_OF_RECORD {
        return Err(format!(
            "a record of {}, at most {} are read",
            bytes(text.len() as u64),
            bytes(MOST_OF_RECORD as u64)
        ));
    }
    if !text.starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The longest list of records in the members of an object that is no record itself.
fn list_of_records<'t>(text: &'t str, mapping: Option<&Mapping>, depth: usize) -> Option<&'t str> {
    let is_record = |text: &str| {
        object(text).is_ok_and(|record| shapes::rows(&record, RowRef { file: 0, line: 1 }, mapping).is_ok())
    };
    if depth == 0 || !text.starts_with('{') || is_record(text) {
        return None;
    }
    let lists = members(text).filter_map(|value| match value.as_bytes().first() {
        Some(b'[') if elements(value).next().is_some_and(is_record) => Some(value),
        Some(b'{') => list_of_records(value, mapping, depth - 1),
        _ => None,
    });
    lists.max_by_key(|list| list.len())
}

/// The index behind the JSON value that begins at `at`: brackets and strings are followed, nothing is parsed.
fn value_end(json: &[u8], at: usize) -> usize {
    let (mut depth, mut in_string, mut at) = (0usize, false, at);
    while at < json.len() {
        match json[at] {
            b'\\' if in_string => at += 1,
            b'"' => {
                in_string = !in_string;
                if !in_string && depth == 0 {
                    return at + 1;
                }
            }
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b':' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    // A value that does not end is not one that ends here.
    if depth > 0 || in_string { json.len() + 1 } else { json.len() }
}

/// The values that stand in a list or object, without white space around them.
fn inside(text: &str) -> impl Iterator<Item = &str> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let json = text.as_bytes();
        while at < json.len() && (json[at].is_ascii_whitespace() || matches!(json[at], b',' | b':')) {
            at += 1;
        }
        let end = value_end(json, at).min(json.len());
        let value = text.get(at..end).filter(|value| !value.trim().is_empty())?;
        at = end;
        Some(value.trim())
    })
}

fn elements(list: &str) -> impl Iterator<Item = &str> {
    inside(list)
}

/// The values of an object's members.
fn members(object: &str) -> impl Iterator<Item = &str> {
    inside(object).skip(1).step_by(2)
}

/// A CSV or TSV file as a table.
pub fn table(text: &str, separator: char) -> anyhow::Result<Table> {
    let mut table = Table::default();
    for_each_record(text, separator, &mut |_, record| {
        let record = record.map_err(|reason| anyhow!(reason))?;
        if table.header.is_empty() {
            table.header = record.keys().cloned().collect();
        }
        table.rows.push(record.values().map(|value| value.as_str().unwrap_or_default().to_owned()).collect());
        Ok(())
    })?;
    Ok(table)
}

/// Records of RFC 4180: quoted fields may hold the separator, quotes (doubled) and line ends. The number is the line on
/// which the record begins.
fn for_each_record(text: &str, separator: char, take: Take) -> anyhow::Result<()> {
    let mut header: Option<Vec<String>> = None;
    let mut finish = |line: usize, fields: Vec<String>| {
        if fields.iter().all(String::is_empty) {
            return Ok(());
        }
        let Some(header) = &header else {
            header = Some(fields);
            return Ok(());
        };
        take(
            line,
            match fields.len() == header.len() {
                true => Ok(header.iter().cloned().zip(fields.into_iter().map(Value::String)).collect()),
                false => Err(format!("{} fields, the header has {}", fields.len(), header.len())),
            },
        )
    };
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let (mut line, mut begins) = (1, 1);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => quoted = !quoted,
            other if other == separator && !quoted => fields.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                fields.push(std::mem::take(&mut field));
                finish(begins, std::mem::take(&mut fields))?;
                begins = line;
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
        finish(begins, fields)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_fields_may_hold_commas_quotes_and_lines() {
        let mut records: Vec<(usize, Record)> = Vec::new();
        let text = "model_a,winner\r\n\"a, \"\"b\"\"\nc\",tie\nx\ny,z\n";
        for_each_record(text, ',', &mut |line, record| {
            records.push((line, record));
            Ok(())
        })
        .expect("read");
        let shown: Vec<String> = records.iter().map(|(line, record)| format!("{line} {record:?}")).collect();
        assert_eq!(records[0].1.as_ref().expect("two fields")["model_a"], "a, \"b\"\nc", "{shown:?}");
        assert_eq!(records[0].0, 2);
        assert_eq!(records[1].1, Err("1 fields, the header has 2".to_owned()));
        assert_eq!((records[2].0, records[2].1.is_ok()), (5, true));
    }

    fn winners(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for_each_object(text, None, &mut |line, record| {
            found.push(record.map_or_else(|reason| reason, |record| format!("{line} {}", record["winner"])));
            Ok(())
        })
        .unwrap_or_else(|error| found.push(error.to_string()));
        found
    }

    #[test]
    fn records_are_found_in_lines_in_lists_and_in_lists_inside_objects() {
        let [one, two] =
            ["tie", "model_a"].map(|w| format!(r#"{{"model_a": "x [1", "model_b": "y", "winner": "{w}"}}"#));
        let expected = ["1 \"tie\"", "2 \"model_a\""];
        for text in [
            format!("{one}\n{two}\n"),
            format!("[{one},\n  {two}]"),
            format!("{{\"version\": [1, 2], \"data\": [{one}, {two}], \"note\": \"[\"}}"),
            format!("{{\n \"results\": {{\"n\": 2, \"rows\": [\n{one},\n{two}\n]}}\n}}"),
        ] {
            assert_eq!(winners(&text), expected, "{text}");
        }
        assert_eq!(winners(&one), ["1 \"tie\""]);
        assert_eq!(
            winners(&format!("{one}\n{{\"winner\": ")),
            ["1 \"tie\"", "EOF while parsing a value at line 1 column 10"]
        );
        assert_eq!(winners(&format!("[{one}, {{\"winner\"")), ["the JSON list does not end"]);
        assert_eq!(winners("[0,1]"), ["not a JSON object", "not a JSON object"]);
    }
}
