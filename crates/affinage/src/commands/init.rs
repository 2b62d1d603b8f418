//! `affinage init`: a project is a folder with a commented `affinage.toml`.

use std::path::PathBuf;

use affinage_project::stages::import::FIRST;
use affinage_project::stages::init::init;
use clap::Args;

use crate::context::Context;

/// Start a project: a folder with a commented affinage.toml
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage init my-voice\n  cd my-voice\n  affinage import ~/Downloads/chats.zip\n\n  \
    affinage init my-voice --model HuggingFaceTB/SmolLM2-360M-Instruct"
)]
pub struct InitArgs {
    /// The folder, made if missing; default: the project folder of -C
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The model to train, as `affinage models` names it; else the template's
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
}

pub fn run(ctx: &Context, args: InitArgs) -> anyhow::Result<()> {
    let dir = args.dir.map_or_else(|| ctx.project.clone(), |dir| ctx.project.join(dir));
    let made = init(&ctx.ui, &dir, args.model.as_deref())?;
    ctx.ui.say(format!("new project: {}", made.config.display()));
    ctx.ui.hint(FIRST);
    if ctx.json { ctx.ui.json(&made) } else { Ok(()) }
}
