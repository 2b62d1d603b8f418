//! `affinage dataset diff`: what changed from one version to another.

use affinage_dataset::diff::{Difference, difference};
use affinage_project::folder::datasets::DatasetVersion;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::ui::results;

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older version: its folder name, or `v1`
    pub before: String,
    /// The newer version
    pub after: String,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Compared<'a> {
    v: u32,
    before: &'a str,
    after: &'a str,
    difference: &'a Difference,
}

pub fn run(ctx: &Context, args: &DiffArgs) -> anyhow::Result<()> {
    let before = DatasetVersion::open(&ctx.project, Some(&args.before))?;
    let after = DatasetVersion::open(&ctx.project, Some(&args.after))?;
    let (old, new) = (before.sides(&ctx.ui)?, after.sides(&ctx.ui)?);
    let difference = difference((&before.manifest.rules, &old), (&after.manifest.rules, &new));
    if ctx.json {
        let (before, after) = (&before.name, &after.name);
        return ctx.ui.json(&Compared { v: 1, before, after, difference: &difference });
    }
    if difference.is_empty() {
        ctx.ui.say(format!("{} and {} hold the same examples on the same sides", before.name, after.name));
        return Ok(());
    }
    results::difference(&ctx.ui, &old, &new, &difference)
}
