//! `affinage models`: well-known small models, with what each would take on this machine.

use affinage_project::stages::models::known_models;
use clap::Args;

use crate::context::Context;
use crate::ui::results::models::known;

/// Choose a model: small ones, with their memory and time on this machine
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage models\n  affinage --set train.epochs=1 models\n  \
    affinage models --json | jq '.models[] | select(.memory_bytes < 4e9) | .model'")]
pub struct ModelsArgs {}

pub fn run(ctx: &Context, _args: ModelsArgs) -> anyhow::Result<()> {
    let choice = known_models(ctx)?;
    match ctx.json {
        true => ctx.ui.json(&choice),
        false => ctx.ui.data(&known(&choice)),
    }
}
