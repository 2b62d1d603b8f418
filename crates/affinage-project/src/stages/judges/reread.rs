//! The verdicts of a folder by today's rules: replies that an earlier version had read are read again.

use std::cell::Cell;

use affinage_eval::judge::reread::{Reread, is_older, read_again};
use affinage_eval::judgment::Judgment;

use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;

/// The rows of judges in `folder`, each without what `lighten` takes from it, and what came of reading replies again, if any were
/// read by other rules than today's. Nothing is written.
pub fn judgments(
    ctx: &Project,
    folder: &Evaluation,
    lighten: impl Fn(&mut Judgment),
) -> anyhow::Result<(Vec<Judgment>, Option<Reread>)> {
    let has_older = Cell::new(false);
    let mut judgments = folder.judgments().read_lean(&ctx.ui, |row| {
        has_older.set(has_older.get() || is_older(row));
        lighten(row);
    })?;
    let mut reread = None;
    if has_older.get() && folder.raw().is_there() {
        let raw = match folder.raw().read() {
            Ok(raw) => raw,
            Err(damage) => {
                ctx.ui.warn(format!("replies of an earlier version were not read again: {damage:#}"));
                Vec::new()
            }
        };
        let comparisons = folder.comparisons().read(&ctx.ui)?;
        judgments = folder.judgments().read(&ctx.ui)?;
        reread = read_again(&mut judgments, &comparisons, &raw);
        judgments.iter_mut().for_each(&lighten);
    }
    Ok((judgments, reread))
}

/// As [`judgments`], with the votes of people behind the rows of judges.
pub fn verdicts(
    ctx: &Project,
    folder: &Evaluation,
    lighten: impl Fn(&mut Judgment),
) -> anyhow::Result<(Vec<Judgment>, Option<Reread>)> {
    let (mut verdicts, reread) = judgments(ctx, folder, &lighten)?;
    verdicts.extend(folder.votes().read_lean(&ctx.ui, lighten)?);
    Ok((verdicts, reread))
}
