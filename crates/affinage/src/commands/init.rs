//! `affinage init`: a project is a folder with a commented `affinage.toml`.

use std::io::Write as _;
use std::path::PathBuf;

use affinage_project::errors::HintExt as _;
use affinage_project::folder::config::TEMPLATE;
use affinage_project::folder::project::CONFIG_FILE;
use affinage_project::stages::import::FIRST;
use anyhow::anyhow;
use clap::Args;
use serde::Serialize;

use crate::context::Context;

/// Start a project: a folder with a commented affinage.toml
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  affinage init my-voice\n  cd my-voice\n  affinage import ~/Downloads/chats.zip"
)]
pub struct InitArgs {
    /// The folder, made if missing; default: the project folder of -C
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// What a project keeps out of version control: all but its settings, because texts and weights lie under any name that is given
/// with `--out`, `--pack` or `--export`.
const GITIGNORE: &str = "# Private texts and large files stay on this machine, under whatever name.\n\
    # To keep another file here in version control: !/NAME\n\
    /*\n!/.gitignore\n!/affinage.toml\n";

pub fn run(ctx: &Context, args: InitArgs) -> anyhow::Result<()> {
    let dir = args.dir.map_or_else(|| ctx.project.clone(), |dir| ctx.project.join(dir));
    fs_err::create_dir_all(&dir)?;
    let config = dir.join(CONFIG_FILE);
    write_new(&config, TEMPLATE)?;
    if let Err(error) = write_new(&dir.join(".gitignore"), GITIGNORE) {
        ctx.ui.detail(format!("{error:#}; left as it is"));
    }
    ctx.ui.say(format!("new project: {}", config.display()));
    ctx.ui.hint(FIRST);
    if ctx.json {
        #[derive(Serialize)]
        struct Made {
            project: PathBuf,
            config: PathBuf,
        }
        ctx.ui.json(&Made { project: dir, config })?;
    }
    Ok(())
}

/// Writes a file that does not exist yet, whole or not at all.
fn write_new(path: &std::path::Path, text: &str) -> anyhow::Result<()> {
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
