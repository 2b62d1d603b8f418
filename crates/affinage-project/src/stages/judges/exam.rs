//! The files of exams, in `evals/NAME/exam/`: a small evaluation of its own, with the same rows, ledger and raw bytes,
//! so that it resumes and is paid once like any other. And the ledgers of both.

use std::path::Path;

use affinage_eval::judge::exam::ExamItem;
use affinage_eval::judge::exam::result::{ExamResult, results};
use affinage_eval::judge::exam::sitting::Sitting;
use affinage_eval::judge::ledger::{LedgerRow, Phase, Spent, spent};
use serde::Serialize;

use super::reread::judgments;
use super::work::Work;
use crate::folder::evaluation as files;
use crate::folder::jsonl;
use crate::folder::project::Project;

/// What the exams in `DIR/exam/` say.
pub fn exam_results(ctx: &Project, dir: &Path) -> anyhow::Result<Vec<ExamResult>> {
    let path = |name: &str| dir.join(files::EXAM).join(name);
    let items: Vec<ExamItem> = jsonl::read(&path(files::ITEMS), &ctx.ui)?;
    let comparisons: Vec<_> = jsonl::read(&path(files::COMPARISONS), &ctx.ui)?;
    let keys: Vec<_> = jsonl::read(&path(files::BLIND_KEY), &ctx.ui)?;
    let (judgments, _) = judgments(ctx, &dir.join(files::EXAM), |_| {})?;
    Ok(results(&items, &comparisons, &keys, &judgments))
}

/// Adds the items that the file does not have.
pub fn keep_items(ctx: &Project, dir: &Path, items: &[ExamItem]) -> anyhow::Result<()> {
    let path = dir.join(files::ITEMS);
    let known: Vec<ExamItem> = jsonl::read(&path, &ctx.ui)?;
    let mut writer = jsonl::Writer::open(&path, &ctx.ui)?;
    for item in items.iter().filter(|item| known.iter().all(|row| row.item_id != item.item_id)) {
        writer.append(item)?;
    }
    writer.sync()
}

/// The exam of a work with the verdicts that are stored.
pub fn sitting(ctx: &Project, dir: &Path, work: &Work) -> anyhow::Result<Sitting> {
    let (verdicts, _) = judgments(ctx, dir, |_| {})?;
    Ok(Sitting::new(&work.items, &work.cells, verdicts))
}

/// What one judge's calls of one phase took.
#[derive(Clone, Debug, Serialize)]
pub struct SpentRow {
    pub judge_id: String,
    pub phase: Phase,
    #[serde(flatten)]
    pub spent: Spent,
}

/// The ledgers of an evaluation and of its exams, by judge and phase.
pub fn ledger(ctx: &Project, dir: &Path) -> anyhow::Result<Vec<SpentRow>> {
    let mut rows: Vec<LedgerRow> = jsonl::read(&dir.join(files::EXAM).join(files::LEDGER), &ctx.ui)?;
    rows.extend(jsonl::read::<LedgerRow>(&dir.join(files::LEDGER), &ctx.ui)?);
    let row = |((judge_id, phase), spent)| SpentRow { judge_id, phase, spent };
    Ok(spent(&rows).into_iter().map(row).collect())
}

/// What an evaluation has cost so far as a budget counts it.
pub fn spent_usd(ctx: &Project, dir: &Path) -> anyhow::Result<f64> {
    Ok(ledger(ctx, dir)?.iter().map(|row| row.spent.counted_usd()).sum())
}
