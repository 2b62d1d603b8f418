//! The files of exams, in `evals/NAME/exam/`: a small evaluation of its own, with the same rows, ledger and raw bytes,
//! so that it resumes and is paid once like any other. And the ledgers of both.

use affinage_eval::judge::ledger::{Phase, Spent, spent};
use affinage_eval::judge::qualification::QualificationItem;
use affinage_eval::judge::qualification::result::{QualificationResult, results};
use affinage_eval::judge::qualification::sitting::Sitting;
use serde::Serialize;

use super::reread::judgments;
use super::work::Work;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;

/// What the exams of an evaluation say.
pub fn qualification_results(
    ctx: &Project,
    evaluation: &Evaluation,
) -> anyhow::Result<Vec<QualificationResult>> {
    let exam = evaluation.exam();
    let items = exam.items().read(&ctx.ui)?;
    let comparisons = exam.comparisons().read(&ctx.ui)?;
    let keys = exam.blind_keys().read(&ctx.ui)?;
    let (judgments, _) = judgments(ctx, &exam, |_| {})?;
    Ok(results(&items, &comparisons, &keys, &judgments))
}

/// Adds the items that the file does not have.
pub fn keep_items(ctx: &Project, exam: &Evaluation, items: &[QualificationItem]) -> anyhow::Result<()> {
    let known = exam.items().read(&ctx.ui)?;
    let mut writer = exam.items().appender(&ctx.ui)?;
    for item in items.iter().filter(|item| known.iter().all(|row| row.item_id != item.item_id)) {
        writer.append(item)?;
    }
    writer.sync()
}

/// The exam of a work with the verdicts that are stored.
pub fn sitting(ctx: &Project, exam: &Evaluation, work: &Work) -> anyhow::Result<Sitting> {
    let (verdicts, _) = judgments(ctx, exam, |_| {})?;
    Ok(Sitting::new(&work.items, &work.presentations, verdicts))
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
pub fn ledger(ctx: &Project, evaluation: &Evaluation) -> anyhow::Result<Vec<SpentRow>> {
    let mut rows = evaluation.exam().ledger().read(&ctx.ui)?;
    rows.extend(evaluation.ledger().read(&ctx.ui)?);
    let row = |((judge_id, phase), spent)| SpentRow { judge_id, phase, spent };
    Ok(spent(&rows).into_iter().map(row).collect())
}

/// What an evaluation has cost so far as a budget counts it.
pub fn spent_usd(ctx: &Project, evaluation: &Evaluation) -> anyhow::Result<f64> {
    Ok(ledger(ctx, evaluation)?.iter().map(|row| row.spent.counted_usd()).sum())
}
