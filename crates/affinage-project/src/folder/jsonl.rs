//! Append-only JSON lines: one row a line, one `write` a row, one writer a file.
//!
//! A process that dies while writing leaves at most one incomplete last line. Readers leave it out, writers cut it
//! off, and both say so; a bad line anywhere else is an error with its line number.

use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::errors::HintExt as _;
use crate::observer::Observer;

/// A file of rows of one type; it need not be there.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    path: PathBuf,
    row: PhantomData<fn(T) -> T>,
}

impl<T> Rows<T> {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, row: PhantomData }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_there(&self) -> bool {
        self.path.is_file()
    }
}

impl<T: DeserializeOwned> Rows<T> {
    /// As the function [`read`].
    pub fn read(&self, ui: &dyn Observer) -> anyhow::Result<Vec<T>> {
        read(&self.path, ui)
    }

    /// As the function [`read_lean`].
    pub fn read_lean(&self, ui: &dyn Observer, lighten: impl Fn(&mut T)) -> anyhow::Result<Vec<T>> {
        read_lean(&self.path, ui, lighten)
    }
}

impl<T: Serialize> Rows<T> {
    /// As [`Writer::open`].
    pub fn appender(&self, ui: &dyn Observer) -> anyhow::Result<Appender<T>> {
        Ok(Appender { writer: Writer::open(&self.path, ui)?, row: PhantomData })
    }

    /// Appends one row, which is on the disk when this returns.
    pub fn append(&self, row: &T, ui: &dyn Observer) -> anyhow::Result<()> {
        let mut appender = self.appender(ui)?;
        appender.append(row)?;
        appender.sync()
    }

    /// As [`write_all`].
    pub fn replace<'a>(&self, rows: impl IntoIterator<Item = &'a T>) -> anyhow::Result<()>
    where
        T: 'a,
    {
        write_all(&self.path, rows)
    }
}

/// A [`Writer`] of rows of one type.
pub struct Appender<T> {
    writer: Writer,
    row: PhantomData<fn(T)>,
}

impl<T: Serialize> Appender<T> {
    /// As [`Writer::append`].
    pub fn append(&mut self, row: &T) -> anyhow::Result<()> {
        self.writer.append(row)
    }

    /// As [`Writer::sync`].
    pub fn sync(&self) -> anyhow::Result<()> {
        self.writer.sync()
    }
}

/// Reads all rows of `path`; a missing file has none.
///
/// Errors: the file cannot be read; a line is not a `T` (`file:line` is named).
pub fn read<T: DeserializeOwned>(path: &Path, ui: &dyn Observer) -> anyhow::Result<Vec<T>> {
    read_lean(path, ui, |_| {})
}

/// As [`read`]; `lighten` takes from each row what the caller does not need, before the next one is read.
pub fn read_lean<T: DeserializeOwned>(
    path: &Path,
    ui: &dyn Observer,
    lighten: impl Fn(&mut T),
) -> anyhow::Result<Vec<T>> {
    let mut rows = Vec::new();
    for_each_line(path, ui, |number, line| {
        let row = serde_json::from_slice(line)
            .map_err(|error| anyhow!("{}:{number}: {}", path.display(), without_position(&error)));
        let mut row =
            row.hint("the file was changed by hand or by another version; restore it or delete the line")?;
        lighten(&mut row);
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// Appends rows to one file.
pub struct Writer {
    file: fs_err::File,
    line: Vec<u8>,
}

impl Writer {
    /// Opens or creates `path` for appending; an incomplete last line is cut off and said.
    pub fn open(path: &Path, ui: &dyn Observer) -> anyhow::Result<Self> {
        let mut file =
            fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match last_line(&mut file)? {
            Tail::Whole => {}
            Tail::LacksNewline => {
                file.seek(SeekFrom::End(0))?;
                file.write_all(b"\n")?;
            }
            Tail::Torn { start, len } => {
                ui.warn(format!("{}: cut an incomplete last line ({len} bytes)", path.display()));
                file.set_len(start)?;
            }
        }
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file, line: Vec::new() })
    }

    /// Writes one row in one `write`, so that it is there whole or not at all.
    pub fn append<T: Serialize>(&mut self, row: &T) -> anyhow::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, row)?;
        self.line.push(b'\n');
        let path = self.file.path().to_owned();
        self.file.write_all(&self.line).with_context(|| format!("a row was not saved in {}", path.display()))
    }

    /// Waits until the rows are on the disk: before anything that relies on them (a paid call, a checkpoint).
    pub fn sync(&self) -> anyhow::Result<()> {
        Ok(self.file.sync_data()?)
    }
}

/// Writes a whole file of rows through a temporary file and a rename: readers see the old or the new rows.
pub fn write_all<'a, T: Serialize + 'a>(
    path: &Path,
    rows: impl IntoIterator<Item = &'a T>,
) -> anyhow::Result<()> {
    let mut text = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut text, row)?;
        text.push(b'\n');
    }
    replace_file(path, &text)
}

/// Replaces a file in one step: temporary file beside it, fsync, rename.
pub fn replace_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut name = path.file_name().context("the path of a file to replace ends with its name")?.to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let mut file = fs_err::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    Ok(fs_err::rename(&temporary, path)?)
}

/// Calls `f(line number, line)` for every line that is not blank, without its end.
fn for_each_line(
    path: &Path,
    ui: &dyn Observer,
    mut f: impl FnMut(usize, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = match fs_err::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        number += 1;
        let ended = line.pop_if(|byte| *byte == b'\n').is_some();
        if !ended && !is_complete(&line) {
            let (file, len) = (path.display(), line.len());
            ui.warn(format!("{file}:{number}: left out an incomplete last line ({len} bytes)"));
            return Ok(());
        }
        if !line.trim_ascii().is_empty() {
            f(number, &line)?;
        }
    }
}

/// What stands behind the last newline of a file.
enum Tail {
    /// Nothing: the file is empty or ends with a newline.
    Whole,
    /// A complete row (an editor left the newline out).
    LacksNewline,
    /// A piece of a row.
    Torn { start: u64, len: u64 },
}

fn last_line(file: &mut fs_err::File) -> anyhow::Result<Tail> {
    use std::io::Read as _;
    const BLOCK: u64 = 1 << 16;
    let size = file.seek(SeekFrom::End(0))?;
    let mut tail: Vec<u8> = Vec::new();
    let mut start = size;
    while start > 0 {
        let from = start.saturating_sub(BLOCK);
        let mut block = vec![0; (start - from) as usize];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut block)?;
        let newline = block.iter().rposition(|byte| *byte == b'\n');
        let kept = newline.map_or(0, |at| at + 1);
        tail.splice(0..0, block[kept..].iter().copied());
        start = from + kept as u64;
        if newline.is_some() {
            break;
        }
    }
    Ok(match tail.as_slice() {
        [] => Tail::Whole,
        line if is_complete(line) => Tail::LacksNewline,
        line => Tail::Torn { start, len: line.len() as u64 },
    })
}

/// No proper prefix of a JSON object is itself JSON, so an unended line that parses was written whole.
fn is_complete(line: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// serde_json's message without "at line 1 column 5": the line number of a JSONL file is ours to tell.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => format!("{} (column {})", &text[..at], error.column()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        v: u32,
        text: String,
    }

    fn row(text: &str) -> Row {
        Row { v: 1, text: text.to_owned() }
    }

    fn ui() -> Silent {
        Silent
    }

    #[test]
    fn a_torn_tail_at_any_byte_loses_only_the_last_row() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("rows.jsonl");
        let rows = [row("one\ntwo"), row("步骤 🧀"), row(&"long ".repeat(30_000))];
        let mut writer = Writer::open(&path, &ui()).expect("a new file");
        for row in &rows {
            writer.append(row).expect("appending works");
        }
        let whole = fs_err::read(&path).expect("the file is there");
        let third = whole.len()
            - 1
            - whole[..whole.len() - 1].iter().rev().position(|b| *b == b'\n').expect("3 lines");
        for cut in [third, third + 1, third + 7, third + 70_000, whole.len() - 2] {
            fs_err::write(&path, &whole[..cut]).expect("writing works");
            assert_eq!(read::<Row>(&path, &ui()).expect("the tail is left out"), rows[..2]);
            let mut writer = Writer::open(&path, &ui()).expect("the tail is cut");
            writer.append(&row("again")).expect("appending works");
            let after = read::<Row>(&path, &ui()).expect("whole again");
            assert_eq!((after.len(), &after[2]), (3, &row("again")));
        }
    }

    #[test]
    fn a_whole_last_row_without_newline_is_kept() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("rows.jsonl");
        fs_err::write(&path, r#"{"v":1,"text":"a"}"#).expect("writing works");
        assert_eq!(read::<Row>(&path, &ui()).expect("readable"), [row("a")]);
        Writer::open(&path, &ui()).expect("open").append(&row("b")).expect("append");
        assert_eq!(read::<Row>(&path, &ui()).expect("readable"), [row("a"), row("b")]);
    }

    #[test]
    fn a_bad_line_is_an_error_with_its_number() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("rows.jsonl");
        fs_err::write(&path, "{\"v\":1,\"text\":\"a\"}\n\n{\"v\":1,\"text\":2}\n").expect("writing works");
        let error = read::<Row>(&path, &ui()).expect_err("line 3 is wrong").to_string();
        assert!(
            error.ends_with("rows.jsonl:3: invalid type: integer `2`, expected a string (column 15)"),
            "{error}"
        );
        assert_eq!(read::<Row>(&dir.path().join("none.jsonl"), &ui()).expect("no file, no rows"), []);
    }
}
