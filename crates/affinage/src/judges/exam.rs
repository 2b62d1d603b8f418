//! The exam of every judge, in `evals/NAME/exam/`: a small evaluation of its own, with the same rows, ledger and raw
//! bytes, so that it resumes and is paid once like any other.

use std::collections::BTreeMap;
use std::path::Path;

use affinage_eval::judge::exam::result::{ExamResult, results};
use affinage_eval::judge::exam::{Exam, ExamItem, MIN_REFERENCES, exam, usable};
use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::record::Call;
use affinage_eval::judge::request::render;
use affinage_eval::judge::rubric::Rubrics;
use affinage_eval::suite::{Domain, Prompt};
use anyhow::anyhow;

use super::store::Store;
use super::{
    Consent, Estimate, Evaluated, JudgeSummary, LocalJudge, OpenModel, Round, Texts, form_of, labels_of,
    open_store, rubrics,
};
use crate::config;
use crate::context::Context;
use crate::jsonl;
use crate::suites;

/// References of the user's own that make an exam without help from the built-in suites.
const OWN_REFERENCES: usize = 20;

/// Examines every judge. Returns what it takes, what was done, and what the exams say (empty in a dry run).
pub fn examine(
    ctx: &Context,
    evaluated: &Evaluated,
    judges: &[&config::Judge],
    consent: Consent,
    open: Option<OpenModel>,
) -> anyhow::Result<(Vec<Estimate>, Vec<JudgeSummary>, Vec<ExamResult>)> {
    let prompts = references(ctx, evaluated)?;
    let usable = usable(&prompts);
    let rubrics = rubrics(ctx)?;
    let dir = evaluated.dir.join("exam");
    fs_err::create_dir_all(&dir)?;
    let spent_on_judging = Store::open(&evaluated.dir, &ctx.ui)?.spent_usd;
    let mut store = open_store(ctx, &dir)?;
    let mut known: Vec<ExamItem> = jsonl::read(&dir.join("items.jsonl"), &ctx.ui)?;
    let (mut estimates, mut summaries) = (Vec::new(), Vec::new());
    for judge in judges {
        let loaded = LocalJudge::open(ctx, judge, open)?;
        let labels = labels_of(loaded.as_ref())?;
        let exam = exam(&usable, &judge.id, evaluated.plan.seed, &labels).ok_or_else(|| {
            anyhow!(
                "only {} references are long enough for an exam, {MIN_REFERENCES} are needed",
                usable.len()
            )
        })?;
        if consent != Consent::DryRun {
            keep_items(ctx, &dir, &exam, &mut known)?;
        }
        let texts: Texts = exam
            .items
            .iter()
            .flat_map(|item| [&item.reference, &item.other])
            .map(|text| (text.completion_id.as_str(), text.text.as_str()))
            .collect();
        let calls = calls(&exam, judge, &usable, &rubrics, &texts);
        let planned = calls.len();
        let open_calls: Vec<Call> =
            calls.into_iter().filter(|call| !store.is_judged(&call.judgment_id())).collect();
        let round = Round {
            judge,
            loaded: loaded.as_ref(),
            consent,
            phase: Phase::Exam,
            cells: &exam.cells,
            calls: &open_calls,
            planned,
            spent_elsewhere_usd: spent_on_judging,
        };
        let (estimate, summary) = round.ask(ctx, &texts, &mut store)?;
        estimates.push(estimate);
        summaries.extend(summary);
    }
    drop(store);
    Ok((estimates, summaries, exam_results(ctx, &evaluated.dir)?))
}

/// What the exams in `DIR/exam/` say.
pub fn exam_results(ctx: &Context, dir: &Path) -> anyhow::Result<Vec<ExamResult>> {
    let path = |name: &str| dir.join("exam").join(name);
    let items: Vec<ExamItem> = jsonl::read(&path("items.jsonl"), &ctx.ui)?;
    let comparisons: Vec<_> = jsonl::read(&path("comparisons.jsonl"), &ctx.ui)?;
    let keys: Vec<_> = jsonl::read(&path("blind_key.jsonl"), &ctx.ui)?;
    let judgments: Vec<_> = jsonl::read(&path("judgments.jsonl"), &ctx.ui)?;
    Ok(results(&items, &comparisons, &keys, &judgments))
}

/// What the exams of an evaluation have cost so far.
pub fn spent_usd(ctx: &Context, dir: &Path) -> anyhow::Result<f64> {
    let dir = dir.join("exam");
    if dir.is_dir() { Ok(Store::open(&dir, &ctx.ui)?.spent_usd) } else { Ok(0.0) }
}

/// The user's own held-out answers; where they are few, those of the built-in suites as well.
fn references(ctx: &Context, evaluated: &Evaluated) -> anyhow::Result<Vec<Prompt>> {
    let own: Vec<Prompt> =
        evaluated.prompts.iter().filter(|prompt| prompt.domain == Domain::In).cloned().collect();
    let count = usable(&own).len();
    if count >= OWN_REFERENCES {
        return Ok(own);
    }
    let mut all = own;
    for name in ["creative", "practical", "coding"] {
        all.extend(suites::built_in(name, evaluated.plan.seed)?.unwrap_or_default());
    }
    ctx.ui
        .detail(format!("{count} references of your own are long enough; the exam also uses built-in ones"));
    Ok(all)
}

/// Adds the items that the file does not have.
fn keep_items(ctx: &Context, dir: &Path, exam: &Exam, known: &mut Vec<ExamItem>) -> anyhow::Result<()> {
    let mut writer = jsonl::Writer::open(&dir.join("items.jsonl"), &ctx.ui)?;
    for item in &exam.items {
        if !known.iter().any(|row| row.item_id == item.item_id) {
            writer.append(item)?;
            known.push(item.clone());
        }
    }
    writer.sync()
}

fn calls(
    exam: &Exam,
    judge: &config::Judge,
    prompts: &[&Prompt],
    rubrics: &Rubrics,
    texts: &Texts,
) -> Vec<Call> {
    let prompts: BTreeMap<&str, &Prompt> = prompts.iter().map(|p| (p.prompt_id.as_str(), *p)).collect();
    let call = |comparison: &affinage_eval::comparison::Comparison| {
        let prompt = prompts[comparison.prompt_id.as_str()];
        let text = |id: &str| texts[id];
        let (first, second) = (text(&comparison.first.completion_id), text(&comparison.second.completion_id));
        let request = render(form_of(judge), rubrics, prompt, comparison, first, second);
        Call { comparison: comparison.clone(), judge_id: judge.id.clone(), repeat: 0, request }
    };
    exam.cells.iter().map(|(comparison, _)| call(comparison)).collect()
}
