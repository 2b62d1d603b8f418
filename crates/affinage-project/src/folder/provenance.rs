//! `provenance.json`: who made a folder, with what, on which machine, from which bytes.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::folder::jsonl;
use crate::machine::Machine;

/// The file in a run folder.
pub const FILE: &str = "provenance.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub v: u32,
    pub affinage_version: String,
    /// `release` or `debug`.
    pub build: String,
    pub command_line: Vec<String>,
    pub started_at: Timestamp,
    pub machine: Machine,
    /// SHA-256 of what went in, by name (`base`, `dataset/train.jsonl`, ...).
    pub sha256: BTreeMap<String, String>,
}

impl Provenance {
    /// This process, this machine, and the hashes that the caller knows.
    pub fn now(sha256: BTreeMap<String, String>) -> Self {
        Self {
            v: 1,
            affinage_version: env!("CARGO_PKG_VERSION").to_owned(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            command_line: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            started_at: Timestamp::now(),
            machine: Machine::here(),
            sha256,
        }
    }

    /// Writes `dir/provenance.json`.
    pub fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        jsonl::replace_file(&dir.join(FILE), &text)
    }

    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(FILE);
        serde_json::from_slice(&fs_err::read(&path)?)
            .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
    }
}
