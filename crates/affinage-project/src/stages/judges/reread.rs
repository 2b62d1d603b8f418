//! The verdicts of a folder by today's rules: replies that an earlier version had read are read again.

use std::cell::Cell;
use std::path::Path;

use affinage_eval::comparison::Comparison;
use affinage_eval::judge::reread::{Reread, is_older, read_again};
use affinage_eval::judgment::Judgment;

use super::raw;
use crate::folder::evaluation as files;
use crate::folder::jsonl;
use crate::folder::project::Project;

/// The rows of judges in `dir`, each without what `lighten` takes from it, and what came of reading replies again, if any were
/// read by other rules than today's. Nothing is written.
pub fn judgments(
    ctx: &Project,
    dir: &Path,
    lighten: impl Fn(&mut Judgment),
) -> anyhow::Result<(Vec<Judgment>, Option<Reread>)> {
    let path = dir.join(files::JUDGMENTS);
    let has_older = Cell::new(false);
    let mut judgments = jsonl::read_lean(&path, &ctx.ui, |row| {
        has_older.set(has_older.get() || is_older(row));
        lighten(row);
    })?;
    let mut reread = None;
    let raw_path = dir.join(files::RAW);
    if has_older.get() && raw_path.is_file() {
        let raw = match raw::read(&raw_path) {
            Ok(raw) => raw,
            Err(damage) => {
                ctx.ui.warn(format!("replies of an earlier version were not read again: {damage:#}"));
                Vec::new()
            }
        };
        let comparisons: Vec<Comparison> = jsonl::read(&dir.join(files::COMPARISONS), &ctx.ui)?;
        judgments = jsonl::read(&path, &ctx.ui)?;
        reread = read_again(&mut judgments, &comparisons, &raw);
        judgments.iter_mut().for_each(&lighten);
    }
    Ok((judgments, reread))
}
