//! Frozen dataset versions on disk: `datasets/vN-HASH/{train,validation,test}.jsonl` and `manifest.json`.

use std::path::{Path, PathBuf};

use affinage_dataset::example::DatasetRow;
use affinage_dataset::version::Manifest;
use anyhow::{Context as _, anyhow};

use crate::errors::HintExt as _;
use crate::jsonl;
use crate::ui::Ui;

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
        let entries = match fs_err::read_dir(project.join("datasets")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let Some(number) = version_number(&name) else { continue };
            if path.join("manifest.json").is_file() {
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
            return Err(anyhow!("no dataset in {}", project.join("datasets").display()))
                .hint("freeze one first: `affinage dataset --accept-clean`");
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
        let file = path.join("manifest.json");
        let manifest = serde_json::from_slice(&fs_err::read(&file)?)
            .with_context(|| format!("{} is not a manifest", file.display()))?;
        Ok(Self { name, path, manifest })
    }

    /// Content hash of the version, as its manifest has it.
    pub fn sha256(&self) -> &str {
        &self.manifest.hash
    }

    /// The rows of one split: `train`, `validation`, `test` or `reserve`; none if it has no file.
    pub fn rows(&self, split: &str, ui: &Ui) -> anyhow::Result<Vec<DatasetRow>> {
        jsonl::read(&self.path.join(format!("{split}.jsonl")), ui)
    }
}

/// 3 of `v3-1f2e9c`.
pub fn version_number(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.split('-').next()?.parse().ok()
}
