//! Where exports lie that name no folder of their own: `exports/WORD/`.

use std::path::{Path, PathBuf};

/// A folder in the project, relative to it, that is not there yet.
pub fn free(project: &Path, word: &str) -> PathBuf {
    let named = |number: usize| match number {
        1 => Path::new("exports").join(word),
        more => Path::new("exports").join(format!("{word}-{more}")),
    };
    (1..).map(named).find(|folder| !project.join(folder).exists()).unwrap_or_default()
}
