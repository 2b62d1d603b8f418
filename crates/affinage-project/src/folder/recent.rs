//! Projects that were opened lately, in the user's cache folder; the newest first.

use std::path::{Path, PathBuf};

use crate::folder::jsonl::replace_file;
use crate::folder::project::{CONFIG_FILE, cache_dir};

const FILE: &str = "recent-projects.json";
const KEPT: usize = 12;

/// Notes that a project was opened. The list is a convenience: what cannot be kept is not.
pub fn remember(project: &Path) {
    let Ok(folder) = cache_dir() else { return };
    let mut projects = list();
    projects.retain(|known| known != project);
    projects.insert(0, project.to_owned());
    projects.truncate(KEPT);
    let _not_kept = fs_err::create_dir_all(&folder)
        .map_err(anyhow::Error::from)
        .and_then(|()| replace_file(&folder.join(FILE), &serde_json::to_vec_pretty(&projects)?));
}

/// The projects that are still there.
pub fn list() -> Vec<PathBuf> {
    let text = cache_dir().ok().and_then(|folder| fs_err::read(folder.join(FILE)).ok()).unwrap_or_default();
    let projects: Vec<PathBuf> = serde_json::from_slice(&text).unwrap_or_default();
    projects.into_iter().filter(|project| project.join(CONFIG_FILE).is_file()).collect()
}
