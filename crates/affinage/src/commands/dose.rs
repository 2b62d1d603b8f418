//! `affinage dose`: how much better with more rows, more epochs or other data?

use affinage_eval::dose::SEEDS_FOR_A_CLAIM;
use affinage_project::client::Leave;
use affinage_project::model::{engine, open_model};
use affinage_project::next::next;
use affinage_project::stages::dose::{self, Study};
use clap::Args;

use super::{analyze, judge, report};
use crate::context::Context;
use crate::ui::counted;
use crate::ui::results::training::dose_estimate;

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
    let engine = engine(&ctx.ui, &model)?;
    let study = Study::new(ctx, &model)?;
    let seeds = ctx.config.dose.seeds.len();
    ctx.ui.say(format!("{}: {}", counted(study.cells().len(), "training", "trainings"), study.described()));
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
        let estimate = dose::estimate(ctx, &engine, &study)?;
        return if ctx.json { ctx.ui.json(&estimate) } else { ctx.ui.data(&dose_estimate(&estimate)) };
    }
    let trained = dose::train(ctx, &model, &engine, &study)?;
    let ctx = &ctx.with_config(study.eval_config(ctx));
    let (stage, name) = (ctx.as_stage(), &ctx.config.eval.name);
    let is_judged = !args.fit_only && !ctx.config.judges.is_empty();
    let leave = Leave { yes: args.yes, ..Leave::default() };
    dose::answer(&stage, (&model, engine), &study, &trained, is_judged.then_some(&leave))?;
    if is_judged {
        judge::judge_all(&stage, name, judge::consent_if(args.yes), &[])?;
    } else if !args.fit_only {
        ctx.ui.warn(format!(
            "no [[judge]] in affinage.toml: only the fit is measured; {} shows how to add one",
            next("judge")
        ));
    }
    analyze::show_with_hint(ctx, name, false)?;
    report::write_and_say(&stage, name)?;
    ctx.ui.hint(
        "the run that finished last is one of the study now; `--run` names another for `chat`, `eval` and `export`",
    );
    Ok(())
}
