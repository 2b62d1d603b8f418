//! Files that a page sends, until they are imported: `.arriving-N/` in the project, for its user alone.
//!
//! What is sent is announced first, so that a file that is too large is refused before any of it comes, and a name never
//! decides where a file lies: each gets a path of plain parts below the folder.

use std::collections::{BTreeMap, BTreeSet};
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
/// Bytes of a name, and of a path below a project, that every usual disk takes.
const MOST_NAME_BYTES: usize = 255;
const MOST_PATH_BYTES: usize = 3500;
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
    /// Errors: nothing is announced; it is too large, or too many files; no disk takes a name; a file and a folder have one name.
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
        let mut taken = Taken::default();
        let paths: Vec<PathBuf> = announced.iter().map(|file| taken.free_path(&inside(&file.path))).collect();
        for path in &paths {
            can_be_stored(path)?;
        }
        if let Some(both) = paths.iter().find(|path| taken.is_folder(path)) {
            return Err(usage(format!("{} is a file and a folder in what is sent", both.display())))
                .hint("rename one of them, or bring them one after the other");
        }
        let folder = new_folder(project)?;
        let files = paths.into_iter().zip(announced).map(|(path, file)| Arriving {
            path: folder.join(path),
            size: file.size,
            arrived: 0,
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

/// Removes what processes that are gone left behind in a project; called before this process takes its first upload.
pub fn remove_left_behind(project: &Path) {
    let is_left = |name: &str| {
        let process = name.strip_prefix(FOLDER)?.split_once('-')?.0.parse().ok()?;
        // A process that ended may have had the number of this one.
        Some(process == std::process::id() || is_gone(process))
    };
    let is_old = |path: &Path| {
        let modified = path.metadata().and_then(|found| found.modified()).ok();
        modified.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > LEFT_BEHIND)
    };
    for entry in fs_err::read_dir(project).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(FOLDER) && (is_left(&name) == Some(true) || is_old(&entry.path())) {
            // What cannot be removed stays for the next time.
            let _stays = fs_err::remove_dir_all(entry.path());
        }
    }
}

/// Whether no process has this number any more; `false` where that cannot be known.
#[cfg(unix)]
fn is_gone(process: u32) -> bool {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    process.is_some_and(|process| {
        matches!(rustix::process::test_kill_process(process), Err(rustix::io::Errno::SRCH))
    })
}

#[cfg(not(unix))]
fn is_gone(_: u32) -> bool {
    false
}

/// Errors: no disk takes the path.
fn can_be_stored(path: &Path) -> anyhow::Result<()> {
    let shown = |text: &str| text.chars().take(40).collect::<String>();
    let long = path.components().find(|part| part.as_os_str().len() > MOST_NAME_BYTES);
    if let Some(part) = long {
        let name = part.as_os_str().to_string_lossy();
        return Err(usage(format!(
            "the name `{}…` is too long: it takes {} bytes, and a disk {MOST_NAME_BYTES}",
            shown(&name),
            name.len()
        )))
        .hint("rename the file, and bring it again");
    }
    let length = path.as_os_str().len();
    if length > MOST_PATH_BYTES {
        return Err(usage(format!(
            "the path `{}…` is too long: it takes {length} bytes, and a disk {MOST_PATH_BYTES}",
            shown(&path.to_string_lossy())
        )))
        .hint("bring the files without the folders around them");
    }
    Ok(())
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

/// Paths of one upload. Some disks do not tell capital letters apart, so here nobody does.
#[derive(Default)]
struct Taken {
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
    /// The number that the next file of a path is tried with.
    next: BTreeMap<String, usize>,
}

impl Taken {
    /// The path, or one beside it where that is taken.
    fn free_path(&mut self, parts: &[String]) -> PathBuf {
        let path: PathBuf = parts.iter().collect();
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            // What is above a folder that is known is known too.
            if !self.folders.insert(folded(folder)) {
                break;
            }
        }
        let mut free = path.clone();
        let number = self.next.entry(folded(&path)).or_insert(2);
        while !self.files.insert(folded(&free)) {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let ending =
                path.extension().map_or(String::new(), |ending| format!(".{}", ending.to_string_lossy()));
            free = path.with_file_name(format!("{stem}-{number}{ending}"));
            *number += 1;
        }
        free
    }

    /// Whether a file lies below `path`.
    fn is_folder(&self, path: &Path) -> bool {
        self.folders.contains(&folded(path))
    }
}

fn folded(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::{ExitStatus, exit_status, hints, in_one_line};

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

    #[test]
    fn many_files_of_one_name_are_numbered_at_once() {
        let project = tempfile::tempdir().expect("a temporary folder");
        let mut files = vec![announced("a-3.md", 1)];
        files.extend((0..5000).map(|_| announced("a.md", 1)));
        files.push(announced("A.md", 1));
        let began = std::time::Instant::now();
        let upload = Upload::begin(project.path(), &files).expect("announced");
        // Trying every number for every file took a minute.
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
        let paths: BTreeSet<String> = upload.files.iter().map(|file| folded(&file.path)).collect();
        assert_eq!(paths.len(), files.len(), "none replaces another");
        assert!(upload.files[5001].path.ends_with("A-5002.md"), "{:?}", upload.files[5001]);
    }

    #[test]
    fn names_that_no_disk_takes_are_refused_in_words() {
        let project = tempfile::tempdir().expect("a temporary folder");
        let long = "a".repeat(256);
        let deep = "folder/".repeat(600) + "a.md";
        let refused: [(&[&str], &str); 4] = [
            (&["x", "x/a.md"], "x is a file and a folder"),
            (&["X/b/a.md", "x"], "x is a file and a folder"),
            (&[&long], "too long: it takes 256 bytes, and a disk 255"),
            (&[&deep], "too long: it takes 4204 bytes"),
        ];
        for (names, expected) in refused {
            let files: Vec<Announced> = names.iter().map(|name| announced(name, 1)).collect();
            let error = Upload::begin(project.path(), &files).expect_err("refused");
            assert!(in_one_line(&error).contains(expected), "{error:#}");
            assert_eq!(exit_status(&error), ExitStatus::Usage);
            assert_eq!(hints(&error).len(), 1);
        }
        assert_eq!(fs_err::read_dir(project.path()).expect("read").count(), 0, "nothing was made");
    }

    #[cfg(unix)]
    #[test]
    fn what_a_process_that_is_gone_left_is_removed_at_once() {
        let project = tempfile::tempdir().expect("a temporary folder");
        let mut ended = std::process::Command::new("true").spawn().expect("it starts");
        ended.wait().expect("ended");
        let mut alive = std::process::Command::new("sleep").arg("60").spawn().expect("it starts");
        let left = [ended.id(), std::process::id()].map(|id| project.path().join(format!("{FOLDER}{id}-1")));
        let others = [format!("{FOLDER}{}-1", alive.id()), format!("{FOLDER}mine"), "notes".to_owned()];
        let others = others.map(|name| project.path().join(name));
        for folder in left.iter().chain(&others) {
            fs_err::create_dir(folder).expect("made");
            fs_err::write(folder.join("a.md"), "private").expect("written");
        }
        remove_left_behind(project.path());
        alive.kill().expect("ended");
        alive.wait().expect("ended");
        assert!(left.iter().all(|folder| !folder.exists()));
        assert!(others.iter().all(|folder| folder.join("a.md").is_file()));
    }
}
