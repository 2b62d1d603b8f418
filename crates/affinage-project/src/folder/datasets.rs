//! Frozen dataset versions on disk: `datasets/vN-HASH/{train,validation,test}.jsonl` and `manifest.json`.

use std::path::{Path, PathBuf};

use affinage_dataset::diff::Sides;
use affinage_dataset::example::DatasetRow;
use affinage_dataset::message;
use affinage_dataset::shingle::LEAK_THRESHOLD;
use affinage_dataset::split::{Measured, Side, Trained};
use affinage_dataset::version::Manifest;
use affinage_eval::id::sha256_hex;
use anyhow::{Context as _, anyhow};

use crate::errors::HintExt as _;
use crate::folder::jsonl;
use crate::next::next;
use crate::observer::Observer;

/// What a version is, with hashes of its files.
pub const MANIFEST: &str = "manifest.json";
/// The rows of each side.
pub const TRAIN: &str = "train.jsonl";
pub const VALIDATION: &str = "validation.jsonl";
pub const TEST: &str = "test.jsonl";
/// Sealed until the last evaluation.
pub const RESERVE: &str = "reserve.jsonl";
/// Answers that lost to the chosen one, of the training and validation examples.
pub const ALTERNATIVES_FILE: &str = "alternatives.jsonl";

/// The folder that holds one for every version.
pub const ALL: &str = "datasets";

/// The folder of all versions of a project.
pub fn all(project: &Path) -> PathBuf {
    project.join(ALL)
}

/// The file of a side; a retired example is in none.
pub fn file_name(side: Side) -> Option<&'static str> {
    match side {
        Side::Train => Some(TRAIN),
        Side::Validation => Some(VALIDATION),
        Side::Test => Some(TEST),
        Side::Reserve => Some(RESERVE),
        Side::Retired => None,
    }
}

/// What a side is called: `train`, `validation`, `test`, `reserve` or `retired`.
pub fn side_name(side: Side) -> &'static str {
    file_name(side).and_then(|file| file.strip_suffix(".jsonl")).unwrap_or("retired")
}

/// A dataset version.
#[derive(Clone, Debug)]
pub struct DatasetVersion {
    /// `v3-1f2e9c`.
    pub name: String,
    pub path: PathBuf,
    pub manifest: Manifest,
}

impl DatasetVersion {
    /// All versions of a project, oldest first.
    pub fn list(project: &Path) -> anyhow::Result<Vec<Self>> {
        let entries = match fs_err::read_dir(all(project)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let Some(number) = version_number(&name) else { continue };
            if path.join(MANIFEST).is_file() {
                versions.push((number, name, path));
            }
        }
        versions.sort();
        versions.into_iter().map(|(_, name, path)| Self::read(name, path)).collect()
    }

    /// The version called `name` (or `vN`); without a name, the newest.
    pub fn open(project: &Path, name: Option<&str>) -> anyhow::Result<Self> {
        let mut versions = Self::list(project)?;
        if versions.is_empty() {
            return Err(anyhow!("no dataset in {}", all(project).display()))
                .hint(format!(
                    "freeze what you accepted: {}; with `--accept-clean` also what you have not looked at and lint finds \
                     nothing against",
                    next("dataset")
                ));
        }
        let Some(name) = name else { return Ok(versions.pop().expect("not empty")) };
        let found = versions.iter().find(|v| v.name == name || v.name.split('-').next() == Some(name));
        let names: Vec<&str> = versions.iter().map(|v| v.name.as_str()).collect();
        found
            .cloned()
            .ok_or_else(|| anyhow!("no dataset version `{name}`"))
            .hint(format!("there are {}", names.join(", ")))
    }

    fn read(name: String, path: PathBuf) -> anyhow::Result<Self> {
        let file = path.join(MANIFEST);
        let manifest = serde_json::from_slice(&fs_err::read(&file)?)
            .with_context(|| format!("{} is not a manifest", file.display()))?;
        Ok(Self { name, path, manifest })
    }

    /// Content hash of the version, as its manifest has it.
    pub fn sha256(&self) -> &str {
        &self.manifest.hash
    }

    /// Checks that the files are those that were frozen.
    ///
    /// Errors: a file is missing or has other bytes.
    pub fn check_files(&self) -> anyhow::Result<()> {
        for (name, record) in &self.manifest.files {
            let path = self.path.join(name);
            let found = sha256_hex(&fs_err::read(&path)?);
            if found != record.sha256 {
                return Err(anyhow!(
                    "{}: its SHA-256 is {}, the manifest of {} has {}",
                    path.display(),
                    &found[..12],
                    self.name,
                    record.sha256.get(..12).unwrap_or(&record.sha256)
                ))
                .hint(format!(
                    "a version is frozen; change the library and freeze another with {}",
                    next("dataset")
                ));
            }
        }
        Ok(())
    }

    /// As [`DatasetVersion::check_files`], and that the certificate is true of them.
    ///
    /// Errors also: a held-out example overlaps a training example by the threshold or more, or by another share than the
    /// certificate says.
    pub fn check(&self) -> anyhow::Result<()> {
        self.check_files()?;
        let train = self.measured(&[TRAIN])?;
        let held_out = self.measured(&[VALIDATION, TEST, RESERVE])?;
        let certificate = &self.manifest.certificate;
        let is_context_read = certificate.max_in_context.is_some();
        let (largest, in_context) = Trained::new(train.iter(), is_context_read).largest(held_out.iter());
        let pairs = [
            (largest, certificate.max_containment, "a held-out example shares", "a training example"),
            (
                in_context.unwrap_or_default(),
                certificate.max_in_context.unwrap_or_default(),
                "a held-out answer shares",
                "the turns before a training prompt",
            ),
        ];
        for (found, certified, shares, with) in pairs {
            if found >= LEAK_THRESHOLD || (found - certified).abs() > 1e-9 {
                return Err(anyhow!(
                    "{}: {shares} {found:.3} of its word sequences with {with}; the certificate says {certified:.3}, the \
                     limit is {LEAK_THRESHOLD}",
                    self.name
                ))
                .hint(format!("freeze a version with this release: {}", next("dataset")));
            }
        }
        Ok(())
    }

    /// Each example of the files that are there, as the leak measure sees it.
    fn measured(&self, files: &[&str]) -> anyhow::Result<Vec<Measured>> {
        let mut found = Vec::new();
        for name in files.iter().filter(|name| self.manifest.files.contains_key(**name)) {
            for line in fs_err::read_to_string(self.path.join(name))?.lines() {
                let row: DatasetRow = serde_json::from_str(line)
                    .with_context(|| format!("{} is not a row of {name} in {}", line, self.name))?;
                let (prompt, response) = (message::prompt(&row.messages), message::response(&row.messages));
                found.push(Measured::new(message::before(&row.messages), prompt, response));
            }
        }
        Ok(found)
    }

    /// The rows of one split: `train`, `validation`, `test` or `reserve`; none if it has no file.
    pub fn rows(&self, split: &str, ui: &dyn Observer) -> anyhow::Result<Vec<DatasetRow>> {
        jsonl::read(&self.path.join(format!("{split}.jsonl")), ui)
    }

    /// The rows of each side that has any.
    pub fn sides(&self, ui: &dyn Observer) -> anyhow::Result<Sides> {
        let mut sides = Sides::new();
        for side in [Side::Train, Side::Validation, Side::Test, Side::Reserve] {
            let rows = self.rows(side_name(side), ui)?;
            if !rows.is_empty() {
                sides.insert(side, rows);
            }
        }
        Ok(sides)
    }
}

/// The conversations of all rows, a row each.
pub fn conversations(sides: &Sides) -> impl Iterator<Item = &str> {
    sides.values().flatten().map(|row| row.conversation.as_str())
}

/// The rows of one side.
pub fn rows_of(sides: &Sides, side: Side) -> &[DatasetRow] {
    sides.get(&side).map_or(&[], Vec::as_slice)
}

/// 3 of `v3-1f2e9c`.
pub fn version_number(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.split('-').next()?.parse().ok()
}
