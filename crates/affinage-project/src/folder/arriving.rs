//! Files that a page sends, until they are imported: `.arriving-N/` in the project, for its user alone.
//!
//! What is sent is announced first, so that a file that is too large is refused before any of it comes, and a name never
//! decides where a file lies: each gets a path of plain parts below the folder.

use std::collections::BTreeSet;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::errors::{HintExt as _, usage};
use affinage_eval::plain::bytes as in_bytes;

/// What the files of one upload may have together.
pub const MOST_BYTES: u64 = 4 << 30;
/// Files of one upload.
pub const MOST_FILES: usize = 20_000;

const FOLDER: &str = ".arriving-";
/// What nobody has touched for so long was left by a process that is gone.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// A file that is to be sent.
#[derive(Clone, Debug, Deserialize)]
pub struct Announced {
    /// Its name, or its path in a folder that is sent whole, with `/`.
    pub path: String,
    pub size: u64,
}

/// Files on their way.
#[derive(Debug)]
pub struct Upload {
    folder: PathBuf,
    files: Vec<Arriving>,
}

#[derive(Debug)]
struct Arriving {
    path: PathBuf,
    size: u64,
    arrived: u64,
}

impl Upload {
    /// Makes the folder for what is announced.
    ///
    /// Errors: nothing is announced; it is too large, or too many files.
    pub fn begin(project: &Path, announced: &[Announced]) -> anyhow::Result<Upload> {
        if announced.is_empty() {
            return Err(usage("no file was given")).hint("an empty folder brings nothing");
        }
        if announced.len() > MOST_FILES {
            return Err(usage(format!("{} files at once are too many", announced.len())))
                .hint("bring the folder in the terminal: `affinage import FOLDER`");
        }
        let size = announced.iter().fold(0u64, |sum, file| sum.saturating_add(file.size));
        if size > MOST_BYTES {
            return Err(usage(format!(
                "{} are too large for the page, which takes {}",
                in_bytes(size),
                in_bytes(MOST_BYTES)
            )))
            .hint("bring it in the terminal, which reads it where it lies: `affinage import FILE`");
        }
        let folder = new_folder(project)?;
        let mut taken = BTreeSet::new();
        let files = announced.iter().map(|file| {
            let path = free_path(&inside(&file.path), &mut taken);
            Arriving { path: folder.join(path), size: file.size, arrived: 0 }
        });
        Ok(Upload { files: files.collect(), folder })
    }

    /// Adds bytes to a file; pieces come in order.
    ///
    /// Errors: no such file was announced; it has come already, or the piece is not the next one.
    pub fn add(&mut self, number: usize, at: u64, piece: &[u8]) -> anyhow::Result<()> {
        let file = self.files.get_mut(number).ok_or_else(|| usage("this file was not announced"))?;
        let end = at.saturating_add(piece.len() as u64);
        if at != file.arrived || end > file.size {
            return Err(usage(format!("{} changed while it was sent", file.path.display())))
                .hint("bring it again");
        }
        if let Some(parent) = file.path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let mut opened =
            fs_err::OpenOptions::new().write(true).create(true).truncate(false).open(&file.path)?;
        opened.seek(SeekFrom::Start(at))?;
        opened.write_all(piece)?;
        file.arrived = end;
        Ok(())
    }

    /// The folder that holds what has come.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What lies directly in the folder: files that came alone and folders that came whole, by name.
    ///
    /// Errors: something has not come yet.
    pub fn whole(&self) -> anyhow::Result<Vec<String>> {
        let is_there = |file: &Arriving| file.arrived == file.size && (file.size == 0 || file.path.is_file());
        if let Some(missing) = self.files.iter().find(|file| !is_there(file)) {
            let name = missing.path.strip_prefix(&self.folder).unwrap_or(&missing.path).display();
            return Err(usage(format!("{name} has not arrived whole"))).hint("bring it again");
        }
        for empty in self.files.iter().filter(|file| file.size == 0) {
            if let Some(parent) = empty.path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            fs_err::write(&empty.path, "")?;
        }
        let first = |file: &Arriving| {
            let below = file.path.strip_prefix(&self.folder).ok()?;
            Some(below.components().next()?.as_os_str().to_string_lossy().into_owned())
        };
        let names: BTreeSet<String> = self.files.iter().filter_map(first).collect();
        Ok(names.into_iter().collect())
    }
}

/// Removes what processes that are gone left behind in a project.
pub fn remove_left_behind(project: &Path) {
    let is_old = |path: &Path| {
        let modified = path.metadata().and_then(|found| found.modified()).ok();
        modified.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > LEFT_BEHIND)
    };
    for entry in fs_err::read_dir(project).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(FOLDER) && is_old(&entry.path()) {
            // What cannot be removed stays for the next time.
            let _stays = fs_err::remove_dir_all(entry.path());
        }
    }
}

fn new_folder(project: &Path) -> anyhow::Result<PathBuf> {
    let mut number = 1u32;
    loop {
        let folder = project.join(format!("{FOLDER}{}-{number}", std::process::id()));
        match fs_err::create_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            made => {
                made?;
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt as _;
                    fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
                }
                return Ok(folder);
            }
        }
    }
}

/// `path` as plain parts below a folder: nothing of it leads out, and no part is an option of a command.
fn inside(path: &str) -> Vec<String> {
    let part = |part: &str| {
        let plain: String =
            part.chars().map(|c| if c.is_control() || "<>:\"|?*".contains(c) { '_' } else { c }).collect();
        let plain = plain.trim().trim_end_matches('.').to_owned();
        match plain.strip_prefix('-') {
            Some(rest) => format!("_{rest}"),
            None => plain,
        }
    };
    let parts = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | ".."));
    let mut parts: Vec<String> = parts.map(part).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        parts.push("file".to_owned());
    }
    parts
}

/// The path, or one beside it where that is taken.
fn free_path(parts: &[String], taken: &mut BTreeSet<PathBuf>) -> PathBuf {
    let path: PathBuf = parts.iter().collect();
    let mut free = path.clone();
    let mut number = 2;
    // Some disks do not tell capital letters apart.
    while !taken.insert(PathBuf::from(free.to_string_lossy().to_lowercase())) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let ending =
            path.extension().map_or(String::new(), |ending| format!(".{}", ending.to_string_lossy()));
        free = path.with_file_name(format!("{stem}-{number}{ending}"));
        number += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::{hints, in_one_line};

    fn announced(path: &str, size: u64) -> Announced {
        Announced { path: path.to_owned(), size }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let project = tempfile::tempdir().expect("a temporary folder");
        let names = [
            "../../etc/passwd",
            "..\\up.md",
            "/abs.txt",
            "..",
            "-rf",
            "a/./b/../c.md",
            "C:\\x\\y.md",
            "C_/x/y.md",
        ];
        let files: Vec<Announced> = names.iter().map(|name| announced(name, 1)).collect();
        let mut upload = Upload::begin(project.path(), &files).expect("announced");
        for number in 0..files.len() {
            upload.add(number, 0, b"x").expect("added");
        }
        for file in &upload.files {
            let below = file.path.strip_prefix(upload.folder()).expect("inside");
            assert!(
                below.components().all(|part| matches!(part, std::path::Component::Normal(_))),
                "{below:?}"
            );
            assert!(file.path.is_file(), "{below:?}");
        }
        let paths: BTreeSet<&PathBuf> = upload.files.iter().map(|file| &file.path).collect();
        assert_eq!(paths.len(), names.len(), "none replaces another");
        assert_eq!(upload.whole().expect("all came"), ["C_", "_rf", "a", "abs.txt", "etc", "file", "up.md"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs_err::metadata(upload.folder()).expect("a folder").permissions().mode();
            assert_eq!(mode & 0o077, 0, "for its user alone");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_comes_and_pieces_come_in_order() {
        let project = tempfile::tempdir().expect("a temporary folder");
        let error = Upload::begin(project.path(), &[announced("a.zip", MOST_BYTES), announced("b", 1)])
            .expect_err("too large");
        assert!(in_one_line(&error).contains("too large for the page"), "{error:#}");
        assert!(hints(&error)[0].contains("affinage import FILE"));
        assert_eq!(fs_err::read_dir(project.path()).expect("read").count(), 0, "nothing was made");
        let mut upload = Upload::begin(project.path(), &[announced("a.md", 4)]).expect("announced");
        upload.add(0, 0, b"ab").expect("added");
        assert!(upload.whole().is_err());
        assert!(upload.add(0, 0, b"ab").is_err() && upload.add(0, 2, b"cde").is_err());
        upload.add(0, 2, b"cd").expect("added");
        assert_eq!(upload.whole().expect("whole"), ["a.md"]);
        assert_eq!(fs_err::read(upload.folder().join("a.md")).expect("there"), b"abcd");
    }
}
