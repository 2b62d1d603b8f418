//! Where exports lie that name no folder of their own: `exports/WORD/`.

use std::path::{Path, PathBuf};

/// A folder in the project, relative to it, that is not there yet and none of `promised`, which others are about to make.
pub fn free(project: &Path, word: &str, promised: &[PathBuf]) -> PathBuf {
    let named = |number: usize| match number {
        1 => Path::new("exports").join(word),
        more => Path::new("exports").join(format!("{word}-{more}")),
    };
    let is_free = |folder: &PathBuf| !promised.contains(folder) && !project.join(folder).exists();
    (1..).map(named).find(is_free).unwrap_or_default()
}
