//! `affinage analyze`: statistics from the files of an evaluation alone, without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use affinage_eval::ROW_VERSION;
use affinage_eval::analysis::Analysis;
use affinage_eval::analyze::{Around, Inputs, Sibling, analyze};
use affinage_eval::comparison::{BlindKey, Comparison};
use affinage_eval::completion::Completion;
use affinage_eval::fit::FitRow;
use affinage_eval::history::looks;
use affinage_eval::judge::ledger::RawRow;
use affinage_eval::judge::reread::shown_text;
use affinage_eval::judgment::{Judgment, verify_verdict};
use affinage_eval::overlap::{OverlapRow, TrainingIndex};
use affinage_eval::plan::Plan;
use affinage_eval::planted::GoldVote;
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::context::Context;
use crate::datasets::DatasetVersion;
use crate::errors::HintExt as _;
use crate::evaluation::series;
use crate::events::Event;
use crate::history;
use crate::jsonl;
use crate::judges::{exam_results, judgments, raw, read_plan};
use crate::report::card;
use crate::run::Run;
use crate::ui::counted;

/// Statistics of an evaluation, offline, from its files alone
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage analyze\n  affinage analyze --full\n  affinage analyze --verify --json"
)]
pub struct AnalyzeArgs {
    /// The evaluation below evals/; default: the one made last of those that eval.name begins
    #[arg(long, value_name = "NAME")]
    pub eval: Option<String>,
    /// Also check every verdict against the raw bytes of its request
    #[arg(long)]
    pub verify: bool,
    /// Print every claim, limit and figure behind the answers, as `-v` does
    #[arg(long)]
    pub full: bool,
}

impl AnalyzeArgs {
    /// One evaluation, from its rows.
    pub fn of(eval: &str) -> Self {
        Self { eval: Some(eval.to_owned()), verify: false, full: false }
    }
}

pub fn run(ctx: &Context, args: AnalyzeArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let name = &series::meant(ctx, args.eval.as_deref())?;
    let dir = ctx.project.join("evals").join(name);
    if args.verify {
        let (verified, without) = verify(ctx, &dir)?;
        ctx.ui.say(format!(
            "verified {} against their raw requests; {without} have none",
            counted(verified, "verdict", "verdicts")
        ));
    }
    show(ctx, name, args.full)?;
    if !ctx.json {
        let more = "full report: `affinage report --open`; every figure here: `affinage analyze --full`";
        ctx.ui.hint(ctx.naming(name, more));
    }
    Ok(())
}

/// Analyses an evaluation and prints its answer card, or all findings; with `--json` the whole analysis.
pub fn show(ctx: &Context, name: &str, full: bool) -> anyhow::Result<()> {
    let dir = ctx.project.join("evals").join(name);
    let analysis = ctx.ui.during("computing the figures", || analyze_folder(ctx, &dir))?;
    if ctx.json {
        return ctx.ui.json(&analysis);
    }
    let plan = read_plan(&dir)?;
    let mut text = card::terminal(&ctx.project, &plan, &analysis, &ctx.ui);
    if full || ctx.ui.is_verbose() {
        text.push_str(&format!("\n\n{}", summary(&analysis)));
    }
    ctx.ui.data(&ctx.naming(name, &text))
}

/// Reads the rows of an evaluation folder, analyses them and writes `analysis.json`.
pub fn analyze_folder(ctx: &Context, dir: &Path) -> anyhow::Result<Analysis> {
    let plan = read_plan(dir)?;
    let read = |name: &str| dir.join(name);
    let prompts: Vec<Prompt> = jsonl::read(&read("prompts.jsonl"), &ctx.ui)?;
    let completions: Vec<Completion> = jsonl::read(&read("completions.jsonl"), &ctx.ui)?;
    let comparisons: Vec<Comparison> = jsonl::read(&read("comparisons.jsonl"), &ctx.ui)?;
    let blind_keys: Vec<BlindKey> = jsonl::read(&read("blind_key.jsonl"), &ctx.ui)?;
    let (mut judgments, reread) = judgments(ctx, dir, without_traces)?;
    judgments.extend(jsonl::read_lean(&read("votes.jsonl"), &ctx.ui, without_traces)?);
    let fit: Vec<FitRow> = jsonl::read(&read("fit.jsonl"), &ctx.ui)?;
    let exams = exam_results(ctx, dir)?;
    let planted: Vec<GoldVote> = jsonl::read(&read("gold_votes.jsonl"), &ctx.ui)?;
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
    super::audit::contradictions(ctx, dir)?;
    if let Some(changed) = reread.and_then(|reread| reread.sentence()) {
        ctx.ui.warn(changed);
    }
    let mut text = serde_json::to_vec_pretty(&analysis)?;
    text.push(b'\n');
    jsonl::replace_file(&dir.join("analysis.json"), &text)?;
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
    ctx: &Context,
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
fn siblings(ctx: &Context, plan: &Plan) -> Vec<Sibling> {
    let Some(own) = &plan.design.schedule else { return Vec::new() };
    let entries = fs_err::read_dir(ctx.project.join("evals")).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for entry in entries {
        let Ok(other) = read_plan(&entry.path()) else { continue };
        if other.name == plan.name {
            continue;
        }
        let Some(schedule) = other.design.schedule.filter(|s| s.recipe_sha256 == own.recipe_sha256) else {
            continue;
        };
        let text = fs_err::read(entry.path().join("analysis.json")).unwrap_or_default();
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
fn validation(ctx: &Context, plan: &Plan) -> Vec<(u64, f64)> {
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

/// Proves for every judgment with raw bytes that the text under the winner's label is the winner's. Returns how
/// many were proved and how many have no raw request.
fn verify(ctx: &Context, dir: &Path) -> anyhow::Result<(usize, usize)> {
    let requests: BTreeMap<String, RawRow> =
        raw::read(&dir.join("raw.jsonl.zst"))?.into_iter().map(|row| (row.sha256.clone(), row)).collect();
    let comparisons: Vec<Comparison> = jsonl::read(&dir.join("comparisons.jsonl"), &ctx.ui)?;
    let comparisons: BTreeMap<&str, &Comparison> =
        comparisons.iter().map(|row| (row.comparison_id.as_str(), row)).collect();
    let completions: Vec<Completion> = jsonl::read(&dir.join("completions.jsonl"), &ctx.ui)?;
    let texts: BTreeMap<&str, &str> =
        completions.iter().map(|row| (row.completion_id.as_str(), row.answer())).collect();
    let (mut verified, mut without) = (0, 0);
    for judgment in jsonl::read::<Judgment>(&dir.join("judgments.jsonl"), &ctx.ui)? {
        let comparison = comparisons.get(judgment.comparison_id.as_str());
        let comparison = comparison.with_context(|| format!("{} has no comparison", judgment.judgment_id))?;
        let Some(request) = requests.get(&judgment.request_sha256) else {
            without += 1;
            continue;
        };
        if affinage_eval::id::sha256_hex(request.text.as_bytes()) != request.sha256 {
            return Err(anyhow!("the raw request of {} was changed", judgment.judgment_id))
                .hint("restore raw.jsonl.zst from a copy");
        }
        let shown = shown_text(&request.text);
        verify_verdict(&judgment, comparison, &shown, |id| texts.get(id).copied())?;
        verified += 1;
    }
    Ok((verified, without))
}

/// Everything behind the card: the headline, its limits, the claims, and what to do next.
fn summary(analysis: &Analysis) -> String {
    let answers = analysis.headline.answers.iter().filter(|line| !line.is_empty());
    let mut lines: Vec<String> = answers.cloned().collect();
    let mut section = |title: &str, items: Vec<String>| {
        if !items.is_empty() {
            lines.push(format!("\n{title}"));
            lines.extend(items.iter().map(|item| format!("  {item}")));
        }
    };
    section("Before you believe it", analysis.headline.limits.clone());
    section("Claims", analysis.claims.iter().map(|claim| claim.sentence.clone()).collect());
    let fit = analysis.fit.iter().flat_map(|fit| fit.arms.iter().map(|arm| arm.sentence.clone()));
    section("Fit to your texts", fit.collect());
    let dose = analysis.dose.iter().flat_map(|dose| {
        dose.limits.iter().cloned().chain(dose.steps.iter().map(|step| step.sentence.clone()))
    });
    section("More rows, more epochs?", dose.collect());
    // Marks that do not tell these texts apart say nothing here.
    let voice = analysis.voice.iter().filter(|voice| voice.fitness.fit_to_show).flat_map(|voice| {
        std::iter::once(voice.fitness.sentence.clone())
            .chain(voice.arms.iter().map(|arm| arm.sentence.clone()))
    });
    section("Voice", voice.collect());
    section("Answers", analysis.rates.iter().map(|rates| rates.sentence.clone()).collect());
    section("Do next", analysis.next_steps.clone());
    lines.join("\n")
}
