//! Which kind of adapter a path names, and which base the adapter says it was trained on.

use std::path::{Path, PathBuf};

use super::{ADAPTER_CONFIG, ADAPTER_FILE, CheckpointError, MLX_ADAPTER_FILE, read_json};
use crate::weights::GgufLora;

pub(super) const EXPECTED: &str = "a folder with adapter_config.json and adapter_model.safetensors (peft) or \
    adapters.safetensors (MLX), or a GGUF file";

/// Endings of files that Python unpickles.
const PICKLES: [&str; 5] = ["bin", "pt", "pth", "pkl", "ckpt"];

/// Where an adapter is, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterFiles {
    /// A folder in peft's layout.
    Peft(PathBuf),
    /// A folder in mlx-lm's layout.
    Mlx(PathBuf),
    /// A GGUF file.
    Gguf(PathBuf),
}

impl AdapterFiles {
    /// Looks at names alone; a file within an adapter's folder stands for the folder.
    ///
    /// Errors: no adapter, several, or one in a file that is not safe to open.
    pub fn find(path: &Path) -> Result<AdapterFiles, CheckpointError> {
        if path.is_file() {
            return of_file(path);
        }
        let names = names_in(path)?;
        let has = |name: &str| names.iter().any(|found| found == name);
        if has(ADAPTER_FILE) && has(ADAPTER_CONFIG) {
            return Ok(AdapterFiles::Peft(path.to_owned()));
        }
        if has(MLX_ADAPTER_FILE) && has(ADAPTER_CONFIG) {
            return Ok(AdapterFiles::Mlx(path.to_owned()));
        }
        let pickled = |name: &&String| name.starts_with("adapter_model.") && is_pickle(Path::new(name));
        if let Some(name) = names.iter().find(pickled) {
            return Err(CheckpointError::Pickle { path: path.join(name) });
        }
        let not_found = |found: String| CheckpointError::NotFound { path: path.to_owned(), found };
        if has(ADAPTER_CONFIG) || has(ADAPTER_FILE) || has(MLX_ADAPTER_FILE) {
            let found = names.iter().filter(|name| name.starts_with("adapter"));
            return Err(not_found(format!("it has only {}", list(found))));
        }
        let ggufs: Vec<&String> = names.iter().filter(|name| is_gguf(Path::new(name))).collect();
        match ggufs.as_slice() {
            [one] => return Ok(AdapterFiles::Gguf(path.join(one))),
            [] => {}
            several => return Err(not_found(format!("name one of {}", list(several)))),
        }
        let below = adapters_below(path, &names);
        Err(not_found(match below.as_slice() {
            [] if has("config.json") => "no adapter is in it, but a model".to_owned(),
            [] => format!("no {ADAPTER_CONFIG} in it"),
            below => format!("no adapter is in it; name one of {}", list(below)),
        }))
    }

    /// The base that the adapter says it was trained on: a name of a model or a path.
    pub fn base(&self) -> Option<String> {
        let named = match self {
            AdapterFiles::Peft(dir) => base_in(dir, "base_model_name_or_path"),
            AdapterFiles::Mlx(dir) => base_in(dir, "model"),
            AdapterFiles::Gguf(file) => GgufLora::open(file).ok().and_then(|file| file.base),
        };
        named.filter(|name| !name.is_empty())
    }
}

fn base_in(dir: &Path, key: &str) -> Option<String> {
    read_json(&dir.join(ADAPTER_CONFIG)).ok()?[key].as_str().map(str::to_owned)
}

fn of_file(path: &Path) -> Result<AdapterFiles, CheckpointError> {
    let name = path.file_name().unwrap_or_default();
    match path.parent() {
        Some(dir) if [ADAPTER_FILE, ADAPTER_CONFIG, MLX_ADAPTER_FILE].iter().any(|known| name == *known) => {
            AdapterFiles::find(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
        }
        _ if is_pickle(path) => Err(CheckpointError::Pickle { path: path.to_owned() }),
        _ if is_gguf(path) => Ok(AdapterFiles::Gguf(path.to_owned())),
        _ => Err(CheckpointError::NotFound { path: path.to_owned(), found: "it is a file".to_owned() }),
    }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

fn is_pickle(path: &Path) -> bool {
    has_ending(path, &PICKLES)
}

fn is_gguf(path: &Path) -> bool {
    has_ending(path, &["gguf"])
}

/// The names in a folder, in order.
fn names_in(dir: &Path) -> Result<Vec<String>, CheckpointError> {
    let entries = std::fs::read_dir(dir).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => CheckpointError::NotFound {
            path: dir.to_owned(),
            found: "there is no such file or folder".to_owned(),
        },
        _ => CheckpointError::Io { path: dir.to_owned(), source },
    })?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>, _>>().map_err(CheckpointError::io(dir))?;
    names.sort_unstable();
    Ok(names)
}

/// Folders one or two levels down with an adapter in them, the shorter names first, so that checkpoint-200 follows
/// checkpoint-99.
fn adapters_below(dir: &Path, names: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for name in names.iter().filter(|name| dir.join(name).is_dir()) {
        let below = names_in(&dir.join(name)).unwrap_or_default();
        if below.iter().any(|name| name == ADAPTER_CONFIG) {
            found.push(name.clone());
            continue;
        }
        let inner = below.into_iter().map(|inner| format!("{name}/{inner}"));
        found.extend(inner.filter(|path| dir.join(path).join(ADAPTER_CONFIG).is_file()));
    }
    found.sort_by_key(|name| (name.len(), name.clone()));
    found
}

/// At most eight names; of more, the last.
fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<S> = names.into_iter().collect();
    let shown: Vec<&str> = names[names.len().saturating_sub(8)..].iter().map(AsRef::as_ref).collect();
    let more = if names.len() > shown.len() { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}
