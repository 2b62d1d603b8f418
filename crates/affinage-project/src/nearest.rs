//! What somebody meant who typed a name that does not exist: commands, keys of affinage.toml, files.

use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::errors::HintExt as _;

/// The known name that is most like `name`, in any case and with `_` for `-`; `None` if none is close.
///
/// Close is one edit and one more for every four characters, and of three characters no more than one, where two neighbouring characters that changed places are one
/// edit. Of two names as close, the one with the same characters wins: `modle` is `model`, not `mode`.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = plain(name);
    let rank = |candidate: &str| {
        let candidate = plain(candidate);
        let distance = strsim::osa_distance(&name, &candidate);
        let length = candidate.chars().count();
        let is_close = distance <= 1 + length / 4 && 3 * distance <= length.max(name.chars().count());
        is_close.then(|| (distance, sorted(&name) != sorted(&candidate)))
    };
    let ranked = known.iter().filter_map(|candidate| Some((rank(candidate)?, *candidate)));
    ranked.min().map(|(_, candidate)| candidate)
}

/// As names are compared: in small letters, with `-` for `_`.
pub fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace('_', "-")
}

fn sorted(name: &str) -> Vec<char> {
    let mut characters: Vec<char> = name.chars().collect();
    characters.sort_unstable();
    characters
}

/// Fails if there is nothing at `path`; the error names the most similar path that there is.
pub fn require_path(path: &Path) -> anyhow::Result<()> {
    // A folder that may not be looked into has an error of its own where the file is opened.
    if path.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let missing = anyhow!("there is no file or folder {}", path.display());
    let hint = match beside(path) {
        Some(name) => format!("did you mean {name}?"),
        None => match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            Some(folder) => {
                format!("the folder {} does not exist either: give the whole path", folder.display())
            }
            None => "give its whole path, or drag the file into this window".to_owned(),
        },
    };
    Err(missing).hint(hint)
}

/// The text of a file that the user named.
///
/// Errors: there is none, with the most similar one; it is a folder; it is not UTF-8.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    require_path(path)?;
    anyhow::ensure!(!path.is_dir(), "{} is a folder: the name of a file is expected", path.display());
    fs_err::read_to_string(path).with_context(|| format!("{} cannot be read as text", path.display()))
}

/// The path in the same folder whose name is most like that of `path`.
pub fn beside(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs_err::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let views: Vec<&str> = names.iter().map(String::as_str).collect();
    let wanted = path.file_name()?.to_string_lossy();
    // A name without its ending is the nearest of all.
    let stem = format!("{}.", wanted.to_lowercase());
    let begins = views.iter().copied().filter(|name| name.to_lowercase().starts_with(&stem)).min();
    let found = begins.or_else(|| nearest(&wanted, &views))?;
    let path = folder.map_or_else(|| found.into(), |folder| folder.join(found));
    Some(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_close_and_has_the_same_letters() {
        let known = ["mode", "model", "max-tokens", "learning-rate", "lint", "init"];
        for (typed, meant) in [
            ("modle", Some("model")),
            ("mdoe", Some("mode")),
            ("Model", Some("model")),
            ("learning_rate", Some("learning-rate")),
            ("learnig-rtae", Some("learning-rate")),
            ("lr", None),
            ("q", None),
            ("int", Some("init")),
            ("finetune", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, &known), meant, "{typed}");
        }
    }

    #[test]
    fn a_missing_path_names_the_most_similar_one() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs_err::write(dir.path().join("Chats.JSON"), "[]").expect("written");
        let hint = |name: &str| {
            let error = require_path(&dir.path().join(name)).expect_err("it is not there");
            crate::errors::hints(&error)[0].to_owned()
        };
        let found = format!("did you mean {}?", dir.path().join("Chats.JSON").display());
        assert_eq!([hint("chats"), hint("chtas.json")], [found.clone(), found]);
        assert_eq!(hint("novel.epub"), "give its whole path, or drag the file into this window");
        assert!(hint("nowhere/chats.json").contains("nowhere does not exist either"));
        require_path(&dir.path().join("Chats.JSON")).expect("it is there");
    }
}
