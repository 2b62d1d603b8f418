//! `raw.jsonl.zst`: the exact bytes that went to judges and came back (a key in them masked), one zstd frame a row.
//!
//! Frames stand one after another, so rows can be appended and any zstd tool reads the file. A process that dies
//! while writing leaves at most one incomplete last frame, which is cut off on open and said.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use affinage_eval::judge::ledger::RawRow;
use anyhow::{Context as _, anyhow};
use zstd::zstd_safe;

use crate::errors::HintExt as _;
use crate::observer::Observer;

/// The file; it need not be there.
#[derive(Clone, Debug)]
pub struct RawRows {
    path: PathBuf,
}

impl RawRows {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn is_there(&self) -> bool {
        self.path.is_file()
    }

    /// Packed bytes.
    pub fn size_bytes(&self) -> anyhow::Result<u64> {
        Ok(fs_err::metadata(&self.path)?.len())
    }

    /// All rows; a missing file has none, an incomplete last frame is left out.
    pub fn read(&self) -> anyhow::Result<Vec<RawRow>> {
        Ok(rows_of(&self.path)?.0)
    }

    /// Opens or creates the file for appending; an incomplete last row is cut off and said.
    pub fn appender(&self, ui: &dyn Observer) -> anyhow::Result<RawAppender> {
        let path = &self.path;
        let mut file =
            fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let (_, whole) = rows_of(path)?;
        let size = file.seek(SeekFrom::End(0))?;
        if whole < size {
            ui.warn(format!("{}: cut an incomplete last row ({} bytes)", path.display(), size - whole));
            file.set_len(whole)?;
            file.seek(SeekFrom::End(0))?;
        }
        Ok(RawAppender { file })
    }
}

/// The open file.
pub struct RawAppender {
    file: fs_err::File,
}

impl RawAppender {
    /// Writes one row in one `write`.
    pub fn append(&mut self, row: &RawRow) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(row)?;
        line.push(b'\n');
        let frame = zstd::encode_all(line.as_slice(), 3)?;
        Ok(self.file.write_all(&frame)?)
    }

    /// Waits until the rows are on the disk.
    pub fn sync(&self) -> anyhow::Result<()> {
        Ok(self.file.sync_data()?)
    }
}

/// The rows and how many bytes they take.
fn rows_of(path: &Path) -> anyhow::Result<(Vec<RawRow>, u64)> {
    let bytes = match fs_err::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error.into()),
    };
    let mut rows = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        // An error here means that the frame goes on behind the end of the file.
        let Ok(length) = zstd_safe::find_frame_compressed_size(&bytes[at..]) else { break };
        let damaged = || format!("{}: the row at byte {at} is damaged", path.display());
        let line = zstd::decode_all(&bytes[at..at + length])
            .with_context(damaged)
            .hint("restore the file from a copy; the judgments are in judgments.jsonl and not affected")?;
        rows.push(serde_json::from_slice(&line).map_err(|error| anyhow!("{}: {error}", damaged()))?);
        at += length;
    }
    Ok((rows, at as u64))
}

#[cfg(test)]
mod tests {
    use affinage_eval::judge::ledger::RawSide;

    use super::*;
    use crate::observer::Silent;

    #[test]
    fn a_torn_frame_loses_only_the_last_row() {
        let ui = Silent;
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("raw.jsonl.zst");
        let row = |id: &str| RawRow::new(id, RawSide::Reply, "text ".repeat(50).as_bytes(), None);
        let raw = RawRows::at(path.clone());
        let mut file = raw.appender(&ui).expect("a new file");
        assert_eq!(raw.read().expect("reads"), []);
        file.append(&row("one")).expect("appended");
        let first = fs_err::metadata(&path).expect("there").len() as usize;
        file.append(&row("two")).expect("appended");
        let whole = fs_err::read(&path).expect("there");
        for cut in [first + 1, first + 9, whole.len() - 1] {
            fs_err::write(&path, &whole[..cut]).expect("written");
            assert_eq!(raw.read().expect("reads"), [row("one")]);
            let mut file = raw.appender(&ui).expect("opens");
            file.append(&row("three")).expect("appended");
            assert_eq!(raw.read().expect("reads"), [row("one"), row("three")]);
        }
    }
}
