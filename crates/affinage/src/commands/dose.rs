//! `affinage dose`: how much better with more rows, more epochs or other data? Every cell is a training of its own with a
//! finished schedule, registered like any other; one evaluation compares their last steps on the same prompts.
//!
//! Nothing is done twice: a cell whose run is finished is kept, a stopped one goes on.

mod study;

use std::time::Duration;

use affinage_engine::model::Model;
use affinage_eval::dose::SEEDS_FOR_A_CLAIM;
use affinage_project::folder::config::Config;
use affinage_project::folder::run::Run;
use affinage_project::model::{engine, open_model};
use affinage_project::stages::evaluation::Leave;
use affinage_project::stages::training::{Ahead, Calibration, TrainingRun};
use clap::Args;
use serde::Serialize;

use super::run::{Trained, trained_before};
use super::{analyze, generate, judge, report};
use crate::context::Context;
use crate::ui::{count, counted, duration};
use study::{Cell, Study};

/// A dose-response study: how much better with more rows or more epochs?
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage dose --dry-run\n  affinage dose\n  affinage --set dose.rows='[50,100]' --set dose.epochs='[1,2]' dose --fit-only\n\n\
    [dose] in affinage.toml says which rows, epochs, seeds and datasets. Run it again and it goes on."
)]
pub struct DoseArgs {
    /// Print the trainings, their tokens and the time from a short calibration; train nothing
    #[arg(long)]
    dry_run: bool,
    /// Measure only the fit to the held-out texts: no answers, no judges
    #[arg(long)]
    fit_only: bool,
    /// Send texts to the servers that are configured, without asking
    #[arg(long)]
    yes: bool,
}

pub fn run(ctx: &Context, args: DoseArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let model = open_model(ctx, &ctx.config.model.name)?;
    let mut engine = engine(&ctx.ui, &model)?;
    let study = Study::new(ctx, &model)?;
    let (cells, seeds) = (study.cells(), ctx.config.dose.seeds.len());
    ctx.ui.say(format!("{}: {}", counted(cells.len(), "training", "trainings"), study.described()));
    if ctx.config.train.max_steps.is_some() {
        ctx.ui.warn(
            "train.max-steps is not used: a dose is its rows and epochs, each with a finished schedule",
        );
    }
    if seeds < SEEDS_FOR_A_CLAIM {
        ctx.ui.warn(format!(
            "{} where {SEEDS_FOR_A_CLAIM} are needed: another seed may turn out differently",
            counted(seeds, "seed", "seeds")
        ));
    }
    if args.dry_run {
        return dry_run(ctx, &engine, &study, &cells);
    }
    let mut trained = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        ctx.ui.say(format!("{}/{}  {}", number + 1, cells.len(), cell.arm));
        trained.push(train_cell(ctx, &model, &engine, &study, cell)?);
    }
    let (plan, prompts) = study.evaluation(ctx, &model, &cells, &trained)?;
    let (config, ui) = (study.eval_config(ctx), ctx.ui.clone());
    let ctx = &ctx.with_config(config).with_ui(ui);
    let inner = ctx.as_stage();
    ctx.ui.during("preparing the model", || engine.pack());
    let is_judged = !args.fit_only && !ctx.config.judges.is_empty();
    {
        let evaluation = affinage_project::stages::evaluation::Evaluation::fix(&inner, plan, prompts)?;
        let nobody_else = std::collections::BTreeMap::new();
        if is_judged {
            generate::fill(
                &inner,
                &model,
                engine,
                &evaluation,
                &nobody_else,
                &Leave { yes: args.yes, ..Leave::default() },
            )?;
        } else {
            evaluation.score_fit(&inner, &model, &engine, &nobody_else)?;
        }
    }
    let name = &ctx.config.eval.name;
    if is_judged {
        let judging = match ctx.config.judging.qualify {
            true => judge::JudgeArgs::with_exam(name, args.yes),
            false => judge::JudgeArgs::of(name, args.yes),
        };
        judge::run(&inner, judging)?;
    } else if !args.fit_only {
        ctx.ui.warn(
            "no [[judge]] in affinage.toml: only the fit is measured; `affinage judge` shows how to add one",
        );
    }
    analyze::run(ctx, analyze::AnalyzeArgs::of(name))?;
    report::run(&inner, report::ReportArgs::of(name))?;
    ctx.ui.hint(
        "the run that finished last is one of the study now; `--run` names another for `chat`, `eval` and `export`",
    );
    Ok(())
}

/// The finished run of a cell: an earlier one, the rest of a stopped one, or a new one.
fn train_cell(
    ctx: &Context,
    model: &affinage_project::model::LoadedModel,
    engine: &Model,
    study: &Study,
    cell: &Cell,
) -> anyhow::Result<Run> {
    let config = Config { train: cell.train.clone(), ..ctx.config.clone() };
    let ctx = &ctx.with_config(config).without_json();
    let before = trained_before(ctx, study.version(cell))?;
    if let Some(Trained::Finished(run)) = before {
        ctx.ui.say(format!("{} is finished", run.name));
        return Ok(run);
    }
    let mut plan = study.plan(cell)?;
    plan.fit_memory(engine)?;
    let training = match before {
        Some(Trained::Stopped(run)) => TrainingRun::resume(ctx, model, engine, &plan, run, None)?,
        _ => TrainingRun::create(ctx, model, engine, &plan, None)?,
    };
    training.go()
}

/// What `--dry-run` prints.
#[derive(Serialize)]
struct Estimate {
    v: u32,
    cells: Vec<EstimatedCell>,
    /// Input tokens of the trainings that are not finished.
    tokens: u64,
    tokens_per_s: f64,
    seconds: f64,
}

#[derive(Serialize)]
struct EstimatedCell {
    arm: String,
    rows: usize,
    supervised_tokens: u64,
    steps: usize,
    tokens: u64,
    is_finished: bool,
}

fn dry_run(ctx: &Context, engine: &Model, study: &Study, cells: &[Cell]) -> anyhow::Result<()> {
    let mut estimated = Vec::new();
    let (mut largest, mut evaluations) = (None, 0);
    for cell in cells {
        let config = Config { train: cell.train.clone(), ..ctx.config.clone() };
        let of_cell = ctx.with_config(config).without_json();
        let is_finished =
            matches!(trained_before(&of_cell, study.version(cell))?, Some(Trained::Finished(_)));
        let plan = study.plan(cell)?;
        if !is_finished {
            evaluations += Ahead::all(&plan).evaluations;
        }
        estimated.push(EstimatedCell {
            arm: cell.arm.clone(),
            rows: plan.train.len(),
            supervised_tokens: plan.supervised_tokens(),
            steps: plan.steps,
            tokens: plan.tokens(),
            is_finished,
        });
        largest = Some(plan);
    }
    let mut plan = largest.expect("a study has cells");
    plan.fit_memory(engine)?;
    let tokens = estimated.iter().filter(|cell| !cell.is_finished).map(|cell| cell.tokens).sum();
    let calibration = Calibration::measure(engine, &plan, &ctx.ui)?;
    let tokens_per_s = calibration.tokens_per_s;
    let seconds = calibration.time(Ahead { tokens, evaluations }).as_secs_f64();
    let estimate = Estimate { v: 1, cells: estimated, tokens, tokens_per_s, seconds };
    if ctx.json {
        return ctx.ui.json(&estimate);
    }
    let mut table =
        format!("{:<20}{:>7}{:>12}{:>8}{:>12}\n", "training", "rows", "supervised", "steps", "tokens");
    for cell in &estimate.cells {
        table.push_str(&format!(
            "{:<20}{:>7}{:>12}{:>8}{:>12}{}\n",
            cell.arm,
            count(cell.rows as u64),
            count(cell.supervised_tokens),
            cell.steps,
            count(cell.tokens),
            if cell.is_finished { "  finished" } else { "" }
        ));
    }
    ctx.ui.data(&format!(
        "{table}\ntokens   {} to train on\nspeed    {tokens_per_s:.0} tokens/s\ntime     about {}, {} counted",
        count(estimate.tokens),
        duration(Duration::from_secs_f64(seconds)),
        counted(evaluations, "evaluation", "evaluations"),
    ))
}
