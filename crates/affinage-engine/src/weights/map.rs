//! Memory-mapped weight files and their hashes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use super::error::LoadError;

/// A weight file; the map lives as long as anything that reads from it.
pub(super) struct MappedFile {
    pub path: PathBuf,
    pub map: Arc<Mmap>,
}

pub(super) fn map_file(path: &Path) -> Result<MappedFile, LoadError> {
    let io = |source| LoadError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    // SAFETY: the map is read-only and private to this process. If another program shortens the file
    // meanwhile, a read ends the process with a bus error; model files are written once, by rename.
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    refuse_pointer(path, &map)?;
    Ok(MappedFile { path: path.to_owned(), map: Arc::new(map) })
}

/// What a clone without Git LFS has in place of a large file.
///
/// Source: the specification of Git LFS, whose pointers begin with their version.
pub(super) fn refuse_pointer(path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err(LoadError::LfsPointer { path: path.to_owned() });
    }
    Ok(())
}

/// The SHA-256 of one file; of several files that of their sorted lines `name sha256\n`.
pub(super) fn sha256(files: &[MappedFile]) -> String {
    if let [file] = files {
        return hex_sha256(&file.map);
    }
    let mut lines: Vec<String> = files
        .iter()
        .map(|file| {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            format!("{name} {}\n", hex_sha256(&file.map))
        })
        .collect();
    lines.sort();
    hex_sha256(lines.concat().as_bytes())
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
