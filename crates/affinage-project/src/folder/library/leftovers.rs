//! Files that a command makes for itself while it works, and what killed commands left of them.
//!
//! Their names hold the number of the process, so the next command that opens the library finds those nobody uses.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// A file or folder `.WHAT-PROCESS` with an ending, in a folder of the project.
pub(super) fn path(folder: &Path, what: &str, ending: &str) -> PathBuf {
    folder.join(format!(".{what}-{}{ending}", std::process::id()))
}

/// What files of [`path`] can be; other hidden files are not ours.
const KINDS: [&str; 5] = ["pasted", "authored", "waiting", "rows", "raw"];

/// Removes files of processes that are gone, and imported bytes that no import has completed.
///
/// What cannot be removed stays for the next command: nobody waits for it.
pub(super) fn remove(db: &Connection, project: &Path) -> anyhow::Result<()> {
    let raw = project.join("raw");
    for folder in [project, &raw] {
        for entry in entries(folder) {
            if process_of(&entry).is_some_and(|process| !is_running(process)) {
                let _stays = match entry.is_dir() {
                    true => fs_err::remove_dir_all(&entry),
                    false => fs_err::remove_file(&entry),
                };
            }
        }
    }
    remove_unknown_bytes(db, &raw)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// 17 of `.pasted-17` and `.rows-17.jsonl`; also of `.17.tmp`, as older releases called bytes on their way into the store.
fn process_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?.strip_prefix('.')?;
    let number = match name.split_once('-') {
        Some((kind, number)) if KINDS.contains(&kind) => number,
        Some(_) => return None,
        None => name.strip_suffix(".tmp")?,
    };
    number.split('.').next()?.parse().ok()
}

/// True where that cannot be told.
fn is_running(process: u32) -> bool {
    let processes = Path::new("/proc");
    process == std::process::id()
        || !processes.join("self").exists()
        || processes.join(process.to_string()).exists()
}

/// Bytes in the store that belong to no file and to no waiting text.
fn remove_unknown_bytes(db: &Connection, raw: &Path) -> anyhow::Result<()> {
    /// Between the bytes and their row lies the import; a text that is found to wait is noted a moment after it.
    const MIN_AGE: Duration = Duration::from_secs(60);
    let is_old = |path: &Path| {
        let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
        modified.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > MIN_AGE)
    };
    let stored: Vec<PathBuf> = entries(raw)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "zst") && is_old(path))
        .collect();
    if stored.is_empty() {
        return Ok(());
    }
    let mut statement =
        db.prepare("SELECT EXISTS (SELECT 1 FROM source WHERE sha256 = ?1 UNION SELECT 1 FROM waiting WHERE sha256 = ?1)")?;
    let mut unknown = Vec::new();
    for path in stored {
        let sha256 = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if !statement.query_row([sha256], |row| row.get::<_, bool>(0))? {
            unknown.push((sha256.to_owned(), path));
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    // While another command imports, its bytes have no row that could be seen.
    db.busy_timeout(Duration::ZERO)?;
    let alone = Transaction::new_unchecked(db, TransactionBehavior::Immediate);
    db.busy_timeout(super::BUSY_TIMEOUT)?;
    let Ok(_alone) = alone else { return Ok(()) };
    for (sha256, path) in unknown {
        if !statement.query_row([&sha256], |row| row.get::<_, bool>(0))? {
            let _stays = fs_err::remove_file(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_working_files_hold_their_process() {
        let cases = [
            (".pasted-17", Some(17)),
            (".rows-17.jsonl", Some(17)),
            (".raw-17.tmp", Some(17)),
            (".17.tmp", Some(17)),
            (".git-17", None),
            (".gitignore", None),
            ("pasted-17", None),
            (".pasted-x", None),
        ];
        for (name, process) in cases {
            assert_eq!(process_of(Path::new(name)), process, "{name}");
        }
        let made = path(Path::new("project"), "rows", ".jsonl");
        assert_eq!(process_of(&made), Some(std::process::id()));
        assert!(is_running(std::process::id()));
    }
}
