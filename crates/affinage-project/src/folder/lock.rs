//! One process at a time per folder: an advisory lock on `DIR/.lock`, which holds the owner's process id.
//!
//! The operating system drops the lock when its process ends, however it ends, so a lock is never stale.

use std::fs::TryLockError;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::anyhow;

use crate::errors::HintExt as _;

/// Held until dropped.
#[derive(Debug)]
pub struct FolderLock {
    _file: fs_err::File,
}

impl FolderLock {
    /// Takes the lock of `dir`, an existing folder.
    ///
    /// Errors: another process holds it (its id is named); the lock file cannot be written.
    pub fn acquire(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(".lock");
        let mut file = fs_err::OpenOptions::new().read(true).write(true).create(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let known = file.read_to_string(&mut owner).is_ok() && !owner.trim().is_empty();
                let owner =
                    if known { format!("process {}", owner.trim()) } else { "another process".to_owned() };
                return Err(anyhow!("`{}` is in use by {owner}", dir.display()))
                    .hint("wait until it has finished, or stop it with Ctrl-C; it resumes later");
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }

    /// Whether a process holds the lock of `dir`. What it says may have changed when it is read.
    pub fn is_held(dir: &Path) -> bool {
        let file = fs_err::File::open(dir.join(".lock"));
        file.is_ok_and(|file| matches!(file.file().try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Waits for the lock `DIR/.NAME.lock`, which is held for one write at a time.
    pub fn turn(dir: &Path, name: &str) -> anyhow::Result<Self> {
        let path = dir.join(format!(".{name}.lock"));
        let file = fs_err::OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        file.lock()?;
        Ok(Self { _file: file })
    }
}
