//! `affinage inspect run`: a training, its checkpoints and receipts.

use affinage_project::folder::run::Run;
use affinage_project::stages::inspect::RunFacts;

use crate::context::Context;
use crate::ui::results::runs;

pub(super) fn run(ctx: &Context, name: Option<&str>) -> anyhow::Result<()> {
    ctx.require_project()?;
    let facts = RunFacts::of(&Run::meant(ctx, name)?, &ctx.ui)?;
    match ctx.json {
        true => ctx.ui.json(&facts),
        false => ctx.ui.data(&runs::inspected(&facts)),
    }
}
