//! `affinage dataset diff`: what changed from one version to another.

use std::collections::BTreeMap;

use affinage_dataset::diff::{Difference, Sides, difference};
use affinage_dataset::split::Side;
use affinage_project::folder::datasets::{DatasetVersion, file_name};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::ui::{Table, count};

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
    let (old, new) = (sides(ctx, &before)?, sides(ctx, &after)?);
    let difference = difference((&before.manifest.rules, &old), (&after.manifest.rules, &new));
    if ctx.json {
        let (before, after) = (&before.name, &after.name);
        return ctx.ui.json(&Compared { v: 1, before, after, difference: &difference });
    }
    if difference.is_empty() {
        ctx.ui.say(format!("{} and {} hold the same examples on the same sides", before.name, after.name));
        return Ok(());
    }
    ctx.ui.data(&table(&old, &new, &difference))?;
    for rule in &difference.rules {
        ctx.ui.say(format!("rule {}: {} became {}", rule.rule, rule.before, rule.after));
    }
    for moved in &difference.moved {
        ctx.ui.warn(format!("{} moved from {} to {}", moved.example_id, name(moved.from), name(moved.to)));
    }
    Ok(())
}

/// The rows of each side that has a file.
fn sides(ctx: &Context, version: &DatasetVersion) -> anyhow::Result<Sides> {
    let mut sides = Sides::new();
    for side in [Side::Train, Side::Validation, Side::Test, Side::Reserve] {
        let rows = version.rows(name(side), &ctx.ui)?;
        if !rows.is_empty() {
            sides.insert(side, rows);
        }
    }
    Ok(sides)
}

fn name(side: Side) -> &'static str {
    file_name(side).and_then(|file| file.strip_suffix(".jsonl")).unwrap_or("retired")
}

fn table(old: &Sides, new: &Sides, difference: &Difference) -> String {
    let reworded: std::collections::BTreeSet<&str> = difference.reworded.iter().map(String::as_str).collect();
    let mut table = Table::new(["side", "before", "after", "new", "gone", "reworded", "moved here"])
        .right(&[1, 2, 3, 4, 5, 6]);
    for side in [Side::Train, Side::Validation, Side::Test, Side::Reserve] {
        let rows = |of: &Sides| of.get(&side).map_or(0, Vec::len);
        if rows(old) + rows(new) == 0 {
            continue;
        }
        let listed = |of: &BTreeMap<Side, Vec<String>>| of.get(&side).map_or(0, Vec::len);
        let here = new.get(&side).into_iter().flatten();
        let counts = [
            rows(old),
            rows(new),
            listed(&difference.added),
            listed(&difference.removed),
            here.filter(|row| reworded.contains(row.example_id.as_str())).count(),
            difference.moved.iter().filter(|moved| moved.to == side).count(),
        ];
        let cells = counts.map(|number| count(number as u64));
        table.row(std::iter::once(name(side).to_owned()).chain(cells));
    }
    table.render()
}
