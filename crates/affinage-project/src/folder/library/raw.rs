//! The raw store: imported bytes under their own hash, compressed, never changed.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::leftovers;

/// Bytes of a file in the raw store.
pub struct Stored {
    pub sha256: String,
    pub size_bytes: u64,
}

/// Exports are large and zips are compressed already: the fastest level is enough.
const ZSTD_LEVEL: i32 = 1;

pub fn path(project: &Path, sha256: &str) -> PathBuf {
    project.join("raw").join(format!("{sha256}.zst"))
}

/// Copies a file into the store; an equal one that is there already stays.
pub fn store(project: &Path, file: &Path) -> anyhow::Result<Stored> {
    let folder = project.join("raw");
    fs_err::create_dir_all(&folder)?;
    let temporary = leftovers::path(&folder, "raw", ".tmp");
    let stored = write(file, &temporary).and_then(|stored| {
        fs_err::rename(&temporary, path(project, &stored.sha256))?;
        Ok(stored)
    });
    if stored.is_err() {
        // The first error is the one to report.
        let _ = fs_err::remove_file(&temporary);
    }
    stored
}

fn write(file: &Path, temporary: &Path) -> anyhow::Result<Stored> {
    let mut source = fs_err::File::open(file)?;
    let mut packed = zstd::Encoder::new(fs_err::File::create(temporary)?, ZSTD_LEVEL)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut size_bytes = 0;
    loop {
        let read = source.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        packed.write_all(&buffer[..read])?;
        size_bytes += read as u64;
    }
    packed.finish()?.sync_all()?;
    Ok(Stored { sha256: format!("{:x}", hasher.finalize()), size_bytes })
}
