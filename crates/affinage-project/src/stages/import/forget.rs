//! Forgetting what was imported, and what still holds text of it.

use std::path::Path;

use affinage_dataset::version::Manifest;
use serde::Serialize;

use crate::folder::datasets;
use crate::folder::library::{Forgotten, Library};
use crate::folder::project::Project;
use crate::folder::provenance;
use crate::folder::run::Run;

/// What was removed; the document of `--json`.
#[derive(Serialize)]
pub struct Removed {
    pub v: u32,
    pub forgotten: Forgotten,
    /// Runs that were trained on text of it: their files are not touched.
    pub runs: Vec<String>,
}

/// Removes an imported file or folder, see [`Library::forget`].
pub fn forget(ctx: &Project, source: &str) -> anyhow::Result<Removed> {
    let forgotten = Library::open(&ctx.project)?.forget(source)?;
    let runs = runs_on(&ctx.project, &forgotten.versions)?;
    Ok(Removed { v: 1, forgotten, runs })
}

/// Runs whose provenance names the training file of one of the versions.
fn runs_on(project: &Path, versions: &[String]) -> anyhow::Result<Vec<String>> {
    let mut hashes = Vec::new();
    for version in versions {
        let manifest = datasets::all(project).join(version).join(datasets::MANIFEST);
        if manifest.is_file() {
            let manifest: Manifest = serde_json::from_slice(&fs_err::read(manifest)?)?;
            hashes.push(manifest.hash);
            hashes.extend(manifest.files.into_values().map(|file| file.sha256));
        }
    }
    let mut runs = Vec::new();
    for run in Run::list(project)? {
        let provenance = run.path.join(provenance::FILE);
        let text = if provenance.is_file() { fs_err::read_to_string(provenance)? } else { String::new() };
        if hashes.iter().any(|hash| text.contains(hash)) {
            runs.push(run.name);
        }
    }
    Ok(runs)
}
