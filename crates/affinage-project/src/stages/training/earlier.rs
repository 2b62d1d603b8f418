//! Trainings of earlier commands with the model, the settings and the data that are asked for now.

use affinage_eval::plain::{counted, listed};

use crate::folder::config::Config;
use crate::folder::datasets::DatasetVersion;
use crate::folder::events::Event;
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::next::next;
use crate::stages::evaluation::settings;

/// Settings that differ and are named.
const SHOWN_CHANGES: usize = 3;

/// A run with the same model, settings and data as the configuration asks for.
pub enum Trained {
    Finished(Run),
    /// Has a checkpoint to go on from.
    Stopped(Run),
}

/// The newest such run; one without any checkpoint has nothing to go on from and does not count.
pub fn trained_before(ctx: &Project, version: &DatasetVersion) -> anyhow::Result<Option<Trained>> {
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

/// Says so where a training on the same data was stopped under other settings, and which these are: a new one does not go on
/// from there.
pub fn say_stays_aside(ctx: &Project, version: &DatasetVersion) -> anyhow::Result<()> {
    for run in Run::list(&ctx.project)?.into_iter().rev() {
        let events = run.events(&ctx.ui)?;
        let is_finished = events.iter().any(|record| matches!(record.event, Event::Finished { .. }));
        let step = run.checkpoints(&ctx.ui)?.last().map_or(0, |checkpoint| checkpoint.step);
        if step > 0 && !is_finished && run.dataset(&ctx.ui)? == version.name {
            let then = Config::parse(&run.run_toml()?, &[]);
            let changes = then.ok().map(|then| settings::of_training(&then, &ctx.config)).transpose()?;
            let differs = changes.filter(|changes| !changes.is_empty());
            ctx.ui.say(format!(
                "{} was stopped after {} and has other settings{}: this is a new training from step 0; to go on with {} \
                 instead: {}",
                run.name,
                counted(step, "step", "steps"),
                differs.map_or(String::new(), |changes| format!(" ({})", listed(&changes, SHOWN_CHANGES, ", "))),
                run.name,
                next("train").option("--resume", &run.name),
            ));
            return Ok(());
        }
    }
    Ok(())
}
