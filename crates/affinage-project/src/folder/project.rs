//! A project: its folder, its configuration, and who is told what happens on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::errors::{HintExt as _, usage};
use crate::folder::config::Config;
use crate::nearest;
use crate::next::next;
use crate::observer::Observer;

/// The name of the configuration file that makes a folder a project.
pub const CONFIG_FILE: &str = "affinage.toml";

/// What every stage is given.
#[derive(Clone)]
pub struct Project {
    /// Absolute path of the project folder (`-C DIR`, else the working directory).
    pub project: PathBuf,
    /// The project's `affinage.toml`, or the defaults when there is none, with `--set` applied.
    pub config: Config,
    pub ui: Arc<dyn Observer>,
}

impl Project {
    /// Reads `affinage.toml` of `project`, if there is one, and applies `--set key=value` in order.
    ///
    /// Errors: `project` is not a folder; the file cannot be read or is not valid (see [`Config::parse`]).
    pub fn open(project: &Path, sets: &[String], ui: Arc<dyn Observer>) -> anyhow::Result<Self> {
        if !project.is_dir() {
            let shown = project.display();
            return match project.exists() {
                true => Err(usage(format!("-C {shown}: this is a file, not the folder of a project"))),
                false => Err(usage(format!("-C {shown}: there is no such folder"))),
            }
            .hint(match nearest::beside(project) {
                Some(near) => format!("did you mean `-C {near}`? Or make a project: `affinage init {shown}`"),
                None => format!("make a project there: `affinage init {shown}`"),
            });
        }
        let project = fs_err::canonicalize(project)?;
        let path = project.join(CONFIG_FILE);
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let config = Config::parse(&text, sets).map_err(|error| error.located(CONFIG_FILE))?;
        if config.engine.is_some() {
            return Err(usage(format!(
                "{CONFIG_FILE} has [engine], which only the run.toml of a training has"
            )))
            .hint(format!(
                "leave it out, and name the engine when you train: {}",
                next("train").words("--engine auto")
            ));
        }
        Ok(Self { project, config, ui })
    }

    /// Fails unless the folder is a project. Commands that read or write project files start with this.
    pub fn require_project(&self) -> anyhow::Result<()> {
        if self.project.join(CONFIG_FILE).is_file() {
            return Ok(());
        }
        let above = self.project.ancestors().skip(1).find(|dir| dir.join(CONFIG_FILE).is_file());
        let hint = match above {
            Some(dir) => format!("there is one above: `affinage -C {} ...`", dir.display()),
            None => "start one with `affinage init`, or name its folder with `-C DIR`".to_owned(),
        };
        Err(anyhow!("no {CONFIG_FILE} in {}", self.project.display())).hint(hint)
    }

    /// The same project under another configuration.
    pub fn with_config(&self, config: Config) -> Self {
        Self { config, ..self.clone() }
    }

    /// `path` for people: relative to the project folder where it lies inside.
    pub fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.project).unwrap_or(path).display()
    }
}

/// Where downloads are kept: `$AFFINAGE_CACHE`, else `$XDG_CACHE_HOME/affinage`, else `~/.cache/affinage`.
pub fn cache_dir() -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("AFFINAGE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("affinage")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache").join("affinage")))
        .context("no cache folder: neither AFFINAGE_CACHE, XDG_CACHE_HOME nor a home folder is set")
}
