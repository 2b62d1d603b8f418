//! The rows of an evaluation folder as an [`Analysis`], kept in `analysis.json`.

use std::collections::{BTreeMap, BTreeSet};

use affinage_eval::ROW_VERSION;
use affinage_eval::analysis::Analysis;
use affinage_eval::analyze::{Around, Sibling, SuiteSizes, analyze};
use affinage_eval::completion::Completion;
use affinage_eval::judgment::Judgment;
use affinage_eval::memorization::{MemorizationRow, TrainingIndex};
use affinage_eval::plan::Plan;
use affinage_eval::registry::looks;
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow};

use super::audit::contradictions;
use super::stored::Stored;
use crate::errors::HintExt as _;
use crate::folder::datasets::DatasetVersion;
use crate::folder::evaluation::Evaluation;
use crate::folder::events::Event;
use crate::folder::project::Project;
use crate::folder::registry;
use crate::folder::run::Run;
use crate::stages::judges::qualification_results;
use crate::stages::suites;

/// Reads the rows of an evaluation, analyses them and writes `analysis.json`.
pub fn analyze_folder(ctx: &Project, evaluation: &Evaluation) -> anyhow::Result<Analysis> {
    let stored = Stored::read(ctx, evaluation, evaluation.plan()?, without_traces)?;
    let Stored { plan, prompts, completions, judgments, reread, .. } = &stored;
    let fit = evaluation.fit().read(&ctx.ui)?;
    let exams = qualification_results(ctx, evaluation)?;
    let planted = evaluation.planted_votes().read(&ctx.ui)?;
    check_versions(evaluation, &stored)?;
    let overlap = overlaps(ctx, evaluation, plan, completions)?;
    registry::looked(ctx, &plan.name, completions.len(), judgments.len())?;
    let registry = registry::read(ctx)?;
    let looks = looks(&registry, &plan.name, &prompts.iter().map(|p| p.prompt_id.as_str()).collect());
    let siblings = siblings(ctx, plan);
    let validation = validation(ctx, plan);
    let around = Around {
        overlap: &overlap,
        looks: Some(&looks),
        siblings: &siblings,
        validation: &validation,
        planted: &planted,
        suites: suite_sizes(ctx, plan),
        ..Around::default()
    };
    let analysis = analyze(&stored.inputs(&fit, &exams, around))
        .with_context(|| format!("the rows of {} contradict each other", ctx.shown(&evaluation.path)))
        .hint("no figure was computed; find out how the rows came about before anything is reported")?;
    contradictions(ctx, evaluation)?;
    if let Some(changed) = reread.and_then(|reread| reread.sentence()) {
        ctx.ui.warn(changed);
    }
    evaluation.analysis().write(&analysis)?;
    if let Some(dose) = &analysis.dose {
        evaluation.dose().write(dose)?;
    }
    Ok(analysis)
}

/// No figure needs a judgment's reasons, hashes and times; of a million rows they are two thirds of the memory.
fn without_traces(judgment: &mut Judgment) {
    judgment.rationale = None;
    judgment.response_sha256 = None;
    judgment.request_id = None;
    judgment.started_at = None;
    judgment.finished_at = None;
    judgment.request_sha256 = String::new();
    judgment.template_sha256 = String::new();
    judgment.params_effective.clear();
}

/// Overlap of every answer with the training texts, from `overlap.jsonl`; what is missing there is measured as long as
/// the data set's folder exists.
fn overlaps(
    ctx: &Project,
    evaluation: &Evaluation,
    plan: &Plan,
    completions: &[Completion],
) -> anyhow::Result<Vec<MemorizationRow>> {
    let mut rows = evaluation.overlaps().read(&ctx.ui)?;
    let known: BTreeSet<String> = rows.iter().map(|row| row.completion_id.clone()).collect();
    let missing: Vec<&Completion> =
        completions.iter().filter(|c| !known.contains(&c.completion_id)).collect();
    let Some(dataset) = plan.dataset.as_ref().filter(|_| !missing.is_empty()) else { return Ok(rows) };
    let Ok(version) = DatasetVersion::open(&ctx.project, Some(&dataset.version)) else { return Ok(rows) };
    let mut index = TrainingIndex::default();
    for row in version.rows("train", &ctx.ui)? {
        let text: Vec<&str> = row.messages.iter().map(|message| message.content.as_str()).collect();
        index.add(&row.example_id, &text.join("\n"));
    }
    let mut writer = evaluation.overlaps().appender(&ctx.ui)?;
    for completion in missing {
        let row = index.overlap(&completion.completion_id, completion.answer());
        writer.append(&row)?;
        rows.push(row);
    }
    Ok(rows)
}

/// What other evaluations of the same recipe found; unreadable ones are no evidence.
fn siblings(ctx: &Project, plan: &Plan) -> Vec<Sibling> {
    let Some(own) = &plan.design.schedule else { return Vec::new() };
    let mut found = Vec::new();
    for evaluation in Evaluation::list(&ctx.project).unwrap_or_default() {
        let Ok(other) = evaluation.plan() else { continue };
        if other.name == plan.name {
            continue;
        }
        let Some(schedule) = other.design.schedule.filter(|s| s.recipe_sha256 == own.recipe_sha256) else {
            continue;
        };
        let analysis = evaluation.analysis().read().ok();
        let headline = analysis.and_then(|a| a.comparisons.into_iter().find(|c| c.is_headline)?.overall);
        found.extend(headline.map(|rate| Sibling {
            seed: schedule.seed,
            is_finished: schedule.is_finished,
            win_rate: rate.estimate.value,
        }));
    }
    found
}

/// What the suites of affinage.toml and the plan's data set hold; `None` where they cannot be read, for the sealed
/// reserve, which is asked once, and for the demo, which has its own choice of prompts.
fn suite_sizes(ctx: &Project, plan: &Plan) -> Option<SuiteSizes> {
    if plan.design.is_final || plan.design.is_demo {
        return None;
    }
    let version = plan.dataset.as_ref().map(|dataset| dataset.version.as_str());
    let version = version.and_then(|version| DatasetVersion::open(&ctx.project, Some(version)).ok());
    let held_out = version.and_then(|version| suites::test_prompts(&version, &ctx.ui).ok());
    let mut config = ctx.config.clone();
    config.eval.prompts_per_suite = Some(usize::MAX);
    let prompts = suites::chosen(ctx, &config, held_out.clone().unwrap_or_default()).ok()?;
    let (checked, compared): (Vec<&Prompt>, Vec<&Prompt>) =
        prompts.iter().partition(|prompt| prompt.check.is_some());
    Some(SuiteSizes {
        to_compare: compared.into_iter().filter(|prompt| plan.headline.scope.covers(prompt)).count(),
        checked: checked.len(),
        held_out: held_out.map(|prompts| prompts.len()),
    })
}

/// Validation losses of the evaluated run; none where its folder is gone or another engine wrote none.
fn validation(ctx: &Project, plan: &Plan) -> Vec<(u64, f64)> {
    let run = plan.run.as_deref().and_then(|run| Run::open(&ctx.project, run).ok());
    let records = run.and_then(|run| run.events(&ctx.ui).ok()).unwrap_or_default();
    let mut losses = BTreeMap::new();
    for record in records {
        if let Event::Evaluated(evaluated) = record.event {
            losses.insert(evaluated.step as u64, evaluated.loss);
        }
    }
    losses.into_iter().collect()
}

fn check_versions(evaluation: &Evaluation, stored: &Stored) -> anyhow::Result<()> {
    let (prompts, completions) = (stored.prompts.iter(), stored.completions.iter());
    let mut versions = prompts
        .map(|row| row.v)
        .chain(completions.map(|row| row.v))
        .chain(stored.judgments.iter().map(|row| row.v));
    let path = evaluation.path.display();
    match versions.find(|v| *v != ROW_VERSION) {
        Some(found) => Err(anyhow!("{path}: rows of version {found}, expected {ROW_VERSION}"))
            .hint("they were written by another version of affinage; use that one"),
        None => Ok(()),
    }
}
