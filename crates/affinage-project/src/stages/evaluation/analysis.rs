//! The rows of an evaluation folder as an [`Analysis`], kept in `analysis.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use affinage_eval::ROW_VERSION;
use affinage_eval::analysis::Analysis;
use affinage_eval::analyze::{Around, Inputs, Sibling, analyze};
use affinage_eval::comparison::{BlindKey, Comparison};
use affinage_eval::completion::Completion;
use affinage_eval::fit::FitRow;
use affinage_eval::history::looks;
use affinage_eval::judgment::Judgment;
use affinage_eval::overlap::{OverlapRow, TrainingIndex};
use affinage_eval::plan::Plan;
use affinage_eval::planted::GoldVote;
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow};

use super::audit::contradictions;
use crate::errors::HintExt as _;
use crate::folder::datasets::DatasetVersion;
use crate::folder::evaluation as files;
use crate::folder::events::Event;
use crate::folder::history;
use crate::folder::jsonl;
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::stages::judges::{exam_results, judgments, read_plan};

/// Reads the rows of an evaluation folder, analyses them and writes `analysis.json`.
pub fn analyze_folder(ctx: &Project, dir: &Path) -> anyhow::Result<Analysis> {
    let plan = read_plan(dir)?;
    let read = |name: &str| dir.join(name);
    let prompts: Vec<Prompt> = jsonl::read(&read(files::PROMPTS), &ctx.ui)?;
    let completions: Vec<Completion> = jsonl::read(&read(files::COMPLETIONS), &ctx.ui)?;
    let comparisons: Vec<Comparison> = jsonl::read(&read(files::COMPARISONS), &ctx.ui)?;
    let blind_keys: Vec<BlindKey> = jsonl::read(&read(files::BLIND_KEY), &ctx.ui)?;
    let (mut judgments, reread) = judgments(ctx, dir, without_traces)?;
    judgments.extend(jsonl::read_lean(&read(files::VOTES), &ctx.ui, without_traces)?);
    let fit: Vec<FitRow> = jsonl::read(&read(files::FIT), &ctx.ui)?;
    let exams = exam_results(ctx, dir)?;
    let planted: Vec<GoldVote> = jsonl::read(&read(files::PLANTED_VOTES), &ctx.ui)?;
    check_versions(dir, &prompts, &completions, &judgments)?;
    let overlap = overlaps(ctx, dir, &plan, &completions)?;
    history::looked(ctx, &plan.name, completions.len(), judgments.len())?;
    let history = history::read(ctx)?;
    let looks = looks(&history, &plan.name, &prompts.iter().map(|p| p.prompt_id.as_str()).collect());
    let siblings = siblings(ctx, &plan);
    let validation = validation(ctx, &plan);
    let inputs = Inputs {
        plan: &plan,
        prompts: &prompts,
        completions: &completions,
        comparisons: &comparisons,
        blind_keys: &blind_keys,
        judgments: &judgments,
        fit: &fit,
        exams: &exams,
        around: Around {
            overlap: &overlap,
            looks: Some(&looks),
            siblings: &siblings,
            validation: &validation,
            planted: &planted,
            reread,
        },
    };
    let analysis = analyze(&inputs)
        .with_context(|| format!("the rows of {} contradict each other", ctx.shown(dir)))
        .hint("no figure was computed; find out how the rows came about before anything is reported")?;
    contradictions(ctx, dir)?;
    if let Some(changed) = reread.and_then(|reread| reread.sentence()) {
        ctx.ui.warn(changed);
    }
    let mut text = serde_json::to_vec_pretty(&analysis)?;
    text.push(b'\n');
    jsonl::replace_file(&dir.join(files::ANALYSIS), &text)?;
    if let Some(dose) = &analysis.dose {
        let mut text = serde_json::to_vec_pretty(dose)?;
        text.push(b'\n');
        jsonl::replace_file(&dir.join("dose.json"), &text)?;
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
    dir: &Path,
    plan: &Plan,
    completions: &[Completion],
) -> anyhow::Result<Vec<OverlapRow>> {
    let file = dir.join("overlap.jsonl");
    let mut rows: Vec<OverlapRow> = jsonl::read(&file, &ctx.ui)?;
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
    let mut writer = jsonl::Writer::open(&file, &ctx.ui)?;
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
    let entries = fs_err::read_dir(files::all(&ctx.project)).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for entry in entries {
        let Ok(other) = read_plan(&entry.path()) else { continue };
        if other.name == plan.name {
            continue;
        }
        let Some(schedule) = other.design.schedule.filter(|s| s.recipe_sha256 == own.recipe_sha256) else {
            continue;
        };
        let text = fs_err::read(entry.path().join(files::ANALYSIS)).unwrap_or_default();
        let analysis: Option<Analysis> = serde_json::from_slice(&text).ok();
        let headline = analysis.and_then(|a| a.comparisons.into_iter().find(|c| c.is_headline)?.overall);
        found.extend(headline.map(|rate| Sibling {
            seed: schedule.seed,
            is_finished: schedule.is_finished,
            win_rate: rate.estimate.value,
        }));
    }
    found
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

fn check_versions(
    dir: &Path,
    prompts: &[Prompt],
    completions: &[Completion],
    judgments: &[Judgment],
) -> anyhow::Result<()> {
    let mut versions = prompts
        .iter()
        .map(|row| row.v)
        .chain(completions.iter().map(|row| row.v))
        .chain(judgments.iter().map(|row| row.v));
    match versions.find(|v| *v != ROW_VERSION) {
        Some(found) => Err(anyhow!("{}: rows of version {found}, expected {ROW_VERSION}", dir.display()))
            .hint("they were written by another version of affinage; use that one"),
        None => Ok(()),
    }
}
