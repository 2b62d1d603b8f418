//! `affinage run`: from imported conversations to the report. Each stage looks at the files of the project and does
//! only what is missing, so running it again goes on where it stopped.

pub mod forecast;

use affinage_project::folder::config::Config;
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::events::Event;
use affinage_project::folder::library::{LIBRARY_FILE, Library, Since};
use affinage_project::folder::run::Run;
use affinage_project::interrupt::{self, LastWords};
use affinage_project::model::{Sources, resolve};
use affinage_project::stages::freeze::{Undecided, imported, taken_undecided};
use clap::Args;

use super::{dataset, eval, train};
use crate::context::Context;
use crate::ui::{Paint, counted};

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
    /// With --accept-clean: also take dated notes (daily notes, journals), which are left out otherwise
    #[arg(long, requires = "accept_clean")]
    dated_notes: bool,
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
    let is_frozen = !DatasetVersion::list(&ctx.project)?.is_empty();
    if !is_frozen {
        imported(ctx)?;
    }
    // Before the freeze, because it may take the network: nothing is frozen, counted or planned without a model.
    stage(ctx, "model");
    let located = resolve(&ctx.config.model.name, &ctx.project, &Sources::from_environment()?, &ctx.ui)?;
    ctx.ui.say(located.name);
    stage(ctx, "dataset");
    if !is_frozen {
        dataset::freeze_decided(&inner, dataset::unread(args.accept_clean, args.dated_notes), None)?;
    }
    let mut version = DatasetVersion::open(&ctx.project, None)?;
    if is_frozen {
        version = frozen_again(ctx, &inner, version, dataset::unread(args.accept_clean, args.dated_notes))?;
    }
    ctx.ui.say(&version.name);
    drop(at_once);

    stage(ctx, "train");
    match trained_before(ctx, &version)? {
        None => {
            say_stays_aside(ctx, &version)?;
            train::run(&inner, train::TrainArgs::on(version.name.clone()))?;
        }
        Some(Trained::Finished(run)) => ctx.ui.say(format!("{} is finished", run.name)),
        Some(Trained::Stopped(run)) => train::run(&inner, train::TrainArgs::going_on(run.name))?,
    }

    stage(ctx, "eval");
    let run = match trained_before(ctx, &version)? {
        Some(Trained::Finished(run) | Trained::Stopped(run)) => run,
        None => Run::newest(&ctx.project, &ctx.ui)?,
    };
    eval::run(ctx, eval::EvalArgs::of(run.name, args.yes))
}

/// The version to train on: another one where something that it follows from was changed since the newest one, by the same
/// rules. A training that was stopped goes on with the data that it began with, unless something of them is private now.
fn frozen_again(
    ctx: &Context,
    inner: &Context,
    version: DatasetVersion,
    asked: Undecided,
) -> anyhow::Result<DatasetVersion> {
    if !ctx.project.join(LIBRARY_FILE).is_file() {
        return Ok(version);
    }
    let library = Library::open(&ctx.project)?;
    let Some(since) = library.changed_since(version.sha256())? else { return Ok(version) };
    let before = taken_undecided(&version.manifest);
    let takes_more = asked == Undecided::AcceptClean { dated: true } && before != asked;
    if since.is_nothing() && !takes_more {
        return Ok(version);
    }
    let said = match since.is_nothing() {
        true => format!("{} has no dated notes, and they are asked for now", version.name),
        false => changes_in_words(&since, &version.name),
    };
    if let Some(Trained::Stopped(run)) = trained_before(ctx, &version)?
        && since.private == 0
    {
        ctx.ui.say(format!(
            "{said}: {} goes on without; `affinage dataset` freezes them too, and `affinage run` then trains anew",
            run.name
        ));
        return Ok(version);
    }
    ctx.ui.say(format!("{said}: freezing another version"));
    drop(library);
    let undecided = match (asked, before) {
        (Undecided::LeaveOut, before) => before,
        (_, Undecided::AcceptClean { dated: true }) => before,
        (asked, _) => asked,
    };
    let (_, manifest) = dataset::freeze_decided(inner, undecided, None)?;
    DatasetVersion::open(&ctx.project, Some(&manifest.name))
}

/// `2 cards were decided and 1 conversation was made private since v1-3fa2b1`
fn changes_in_words(since: &Since, version: &str) -> String {
    let parts = [
        (since.cards, "card was decided", "cards were decided"),
        (since.private, "conversation was made private", "conversations were made private"),
        (
            since.chosen,
            "conversation was kept, skipped or opened",
            "conversations were kept, skipped or opened",
        ),
    ];
    let said: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, several)| counted(number, one, several))
        .collect();
    format!("{} since {version}", said.join(" and "))
}

/// Says so where a training on the same data was stopped under other settings: a new one does not go on from there.
fn say_stays_aside(ctx: &Context, version: &DatasetVersion) -> anyhow::Result<()> {
    for run in Run::list(&ctx.project)?.into_iter().rev() {
        let events = run.events(&ctx.ui)?;
        let is_finished = events.iter().any(|record| matches!(record.event, Event::Finished { .. }));
        let step = run.checkpoints(&ctx.ui)?.last().map_or(0, |checkpoint| checkpoint.step);
        if step > 0 && !is_finished && run.dataset(&ctx.ui)? == version.name {
            ctx.ui.say(format!(
                "these settings begin a training of their own; {} of {} under other settings {} kept: \
                 `affinage train --resume {}` goes on with {}",
                counted(step, "step", "steps"),
                run.name,
                if step == 1 { "is" } else { "are" },
                run.name,
                if step == 1 { "it" } else { "them" },
            ));
            return Ok(());
        }
    }
    Ok(())
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
