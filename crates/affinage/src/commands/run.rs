//! `affinage run`: from imported conversations to the report. Each stage looks at the files of the project and does
//! only what is missing, so running it again goes on where it stopped.

pub mod forecast;

use clap::Args;

use super::{dataset, eval, train};
use crate::config::Config;
use crate::context::Context;
use crate::datasets::DatasetVersion;
use crate::events::Event;
use crate::judges::read_plan;
use crate::model::{Sources, resolve};
use crate::run::Run;
use crate::ui::Paint;

/// All stages from affinage.toml: dataset, train, eval; run it again and it goes on
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage import ~/Downloads/chats.zip\n  affinage run --accept-clean\n  \
    affinage run --yes    # judges are asked without a question"
)]
pub struct RunArgs {
    /// If there is no dataset yet: also take undecided answers that lint has no error or warning about
    #[arg(long)]
    accept_clean: bool,
    /// Send texts to the configured API judges without asking
    #[arg(long)]
    yes: bool,
}

pub fn run(ctx: &Context, args: RunArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    // Only the last stage prints data and says what to do next.
    let inner = ctx.as_stage();
    let is_frozen = !DatasetVersion::list(&ctx.project)?.is_empty();
    if !is_frozen {
        dataset::imported(ctx)?;
    }
    // Before the freeze, because it may take the network: nothing is frozen, counted or planned without a model.
    stage(ctx, "model");
    let located = resolve(&ctx.config.model, &ctx.project, &Sources::from_environment()?, &ctx.ui)?;
    ctx.ui.say(located.name);
    stage(ctx, "dataset");
    if !is_frozen {
        dataset::run(&inner, dataset::DatasetArgs { accept_clean: args.accept_clean, ..Default::default() })?;
    }
    let version = DatasetVersion::open(&ctx.project, None)?;
    ctx.ui.say(format!("{}; `affinage dataset` freezes another", version.name));

    stage(ctx, "train");
    match trained_before(ctx, &version)? {
        None => train::run(&inner, train::TrainArgs::on(version.name.clone()))?,
        Some(Trained::Finished(run)) => ctx.ui.say(format!("{} is finished", run.name)),
        Some(Trained::Stopped(run)) => train::run(&inner, train::TrainArgs::going_on(run.name))?,
    }

    stage(ctx, "eval");
    let run = match trained_before(ctx, &version)? {
        Some(Trained::Finished(run) | Trained::Stopped(run)) => run,
        None => Run::open(&ctx.project, None)?,
    };
    eval::run(ctx, eval::EvalArgs::of(evaluation_of(ctx, &run.name)?, run.name, args.yes))
}

/// The evaluation of `run`: the configured one, or one beside it where that is of another training.
fn evaluation_of(ctx: &Context, run: &str) -> anyhow::Result<String> {
    let configured = &ctx.config.eval.name;
    let evals = ctx.project.join("evals");
    let names =
        std::iter::once(configured.clone()).chain((2..).map(|number| format!("{configured}-{number}")));
    for name in names {
        let dir = evals.join(&name);
        if !dir.join("plan.json").is_file() || read_plan(&dir)?.run.as_deref() == Some(run) {
            if name != *configured {
                ctx.ui.say(format!(
                    "`{configured}` is of another training; this one is `{name}`. For `vote`, `analyze` and `report` of it set \
                     name = \"{name}\" under [eval] in affinage.toml"
                ));
            }
            return Ok(name);
        }
    }
    unreachable!("the names have no end")
}

fn stage(ctx: &Context, name: &str) {
    ctx.ui.say(ctx.ui.paint(Paint::Bold, name));
}

/// A run with the same model, settings and data as the configuration asks for.
pub enum Trained {
    Finished(Run),
    /// Has a checkpoint to go on from.
    Stopped(Run),
}

/// The newest such run; one without any checkpoint has nothing to go on from and does not count.
pub fn trained_before(ctx: &Context, version: &DatasetVersion) -> anyhow::Result<Option<Trained>> {
    for run in Run::list(&ctx.project)?.into_iter().rev() {
        let Ok(config) = Config::parse(&run.run_toml()?, &[]) else { continue };
        let events = run.events(&ctx.ui)?;
        let same_data = events.iter().any(|record| {
            matches!(&record.event, Event::RunStarted(started) if started.dataset_sha256 == version.sha256())
        });
        if !same_data || config.model != ctx.config.model || config.train != ctx.config.train {
            continue;
        }
        if events.iter().any(|record| matches!(record.event, Event::Finished { .. })) {
            return Ok(Some(Trained::Finished(run)));
        }
        if !run.checkpoints(&ctx.ui)?.is_empty() {
            return Ok(Some(Trained::Stopped(run)));
        }
    }
    Ok(None)
}
