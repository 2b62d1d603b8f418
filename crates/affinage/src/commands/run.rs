//! `affinage run`: from imported conversations to the report. Each stage looks at the files of the project and does
//! only what is missing, so running it again goes on where it stopped.

use affinage_project::client::Leave;
use affinage_project::folder::datasets::{DatasetVersion, TRAIN};
use affinage_project::folder::run::Run;
use affinage_project::interrupt::{self, LastWords};
use affinage_project::model::{ModelSources, resolve};
use affinage_project::stages::evaluation::answers::Options;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::forecast;
use affinage_project::stages::freeze::{FEWEST_TO_TRAIN, again, imported, refuse_few};
use affinage_project::stages::training::{Trained, say_stays_aside, trained_before};
use clap::Args;

use super::{dataset, eval, train};
use crate::context::Context;
use crate::ui::Paint;

/// All stages from affinage.toml: dataset, train, eval; run it again and it goes on
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage import ~/Downloads/chats.zip\n  affinage run --accept-clean\n  \
    affinage run --yes    # judges are asked without a question"
)]
pub struct RunArgs {
    /// Also take undecided answers that lint has no error or warning about: freezes again where the newest dataset lacks them
    #[arg(long)]
    accept_clean: bool,
    /// With --accept-clean: also take dated notes (daily notes, journals), which are left out otherwise
    #[arg(long, requires = "accept_clean")]
    dated_notes: bool,
    /// Train also where there are fewer than 10 examples, which a model learns by heart
    #[arg(long)]
    few: bool,
    /// Send texts to the configured API judges without asking
    #[arg(long)]
    yes: bool,
}

pub fn run(ctx: &Context, args: RunArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    // Only the last stage prints data and says what to do next.
    let inner = ctx.as_stage();
    let at_once = interrupt::end_at_once(LastWords {
        stopped: "stopped before the training; what is imported and frozen is kept".to_owned(),
        hint: "the same command, run again, goes on from there".to_owned(),
    });
    if DatasetVersion::list(&ctx.project)?.is_empty() {
        imported(ctx)?;
    }
    // Before the freeze, because it may take the network: nothing is frozen, counted or planned without a model.
    stage(ctx, "model");
    let located = resolve(&ctx.config.model.name, &ctx.project, &ModelSources::from_environment()?, &ctx.ui)?;
    ctx.ui.say(located.name);
    stage(ctx, "dataset");
    let fewest = if args.few { 0 } else { FEWEST_TO_TRAIN };
    let asked = dataset::unread(args.accept_clean, args.dated_notes);
    let undecided = match DatasetVersion::list(&ctx.project)?.pop() {
        None => Some(asked),
        Some(newest) => again(ctx, &newest, asked)?,
    };
    let is_new = undecided.is_some();
    if let Some(undecided) = undecided {
        dataset::freeze_decided(&inner, undecided, None, fewest)?;
    }
    let version = DatasetVersion::open(&ctx.project, None)?;
    ctx.ui.say(&version.name);
    drop(at_once);

    stage(ctx, "train");
    let before = trained_before(ctx, &version)?;
    let was_finished = matches!(before, Some(Trained::Finished(_)));
    match before {
        None => {
            refuse_few(version.manifest.files.get(TRAIN).map_or(0, |file| file.examples), fewest)?;
            say_stays_aside(ctx, &version)?;
            train::train_in_run(&inner, &version.name, None, is_new)?;
        }
        Some(Trained::Finished(run)) => ctx.ui.say(format!("{} is finished", run.name)),
        Some(Trained::Stopped(run)) => train::train_in_run(&inner, &version.name, Some(run), is_new)?,
    }

    stage(ctx, "eval");
    let run = match trained_before(ctx, &version)? {
        Some(Trained::Finished(run) | Trained::Stopped(run)) => run,
        None => Run::newest(&ctx.project, &ctx.ui)?,
    };
    // What is trained in this call has said it before.
    if was_finished && !series::is_answered(ctx, &run.name)? {
        forecast::say_evaluation(ctx, &version)?;
    }
    let leave = Leave { yes: args.yes, ..Leave::default() };
    eval::evaluate(
        ctx,
        &Options { run: Some(&run.name), leave, is_few_said: !was_finished, ..Options::default() },
    )
}

fn stage(ctx: &Context, name: &str) {
    ctx.ui.say(ctx.ui.paint(Paint::Bold, name));
}
