//! Trainings of earlier commands with the model, the settings and the data that are asked for now.

use affinage_eval::plain::{counted, listed};

use super::pace::Pace;
use super::{PINNED_TOKENS, PinnedPrompt};
use crate::folder::config::{Config, Train};
use crate::folder::datasets::DatasetVersion;
use crate::folder::events::{Event, Record};
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

/// How fast an earlier training was.
pub(super) struct Earlier {
    pub run: String,
    pub pace: Pace,
    /// Of an evaluation, for each token of the validation rows that is learned; `None` where it had none.
    pub seconds_per_validation_token: Option<f64>,
}

/// The newest training of the project that this program computed on the same model with adapters of the same size and steps of
/// the same kind, as `train` asks for; how many rows and steps it had makes no difference. `None` before the first step of one.
pub(super) fn earlier_pace(ctx: &Project, train: &Train) -> anyhow::Result<Option<Earlier>> {
    for run in Run::list(&ctx.project)?.into_iter().rev() {
        let Ok(config) = Config::parse(&run.run_toml()?, &[]) else { continue };
        let then = &config.train;
        let is_alike = config.engine.is_none()
            && config.model == ctx.config.model
            && (then.rank, &then.targets, then.memory_budget_gb)
                == (train.rank, &train.targets, train.memory_budget_gb)
            && (then.max_seq_tokens, then.micro_batch_tokens)
                == (train.max_seq_tokens, train.micro_batch_tokens);
        if !is_alike {
            continue;
        }
        let records = run.events(&ctx.ui)?;
        let pace = Pace::of(&records);
        if pace.tokens_per_s() <= 0.0 {
            continue;
        }
        let (mut tokens, mut seconds) = (0, 0.0);
        for record in &records {
            if let Event::Evaluated(evaluated) = &record.event {
                tokens += evaluated.tokens;
                seconds += evaluated.seconds;
            }
        }
        let each = (tokens > 0 && seconds > 0.0).then(|| seconds / tokens as f64);
        return Ok(Some(Earlier { run: run.name, pace, seconds_per_validation_token: each }));
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

/// The prompt that a run was begun with.
pub(super) fn pinned_before(records: &[Record]) -> Option<PinnedPrompt> {
    let begun = records.iter().find_map(|record| match &record.event {
        Event::RunStarted(started) => started.sample.clone(),
        _ => None,
    });
    // Runs of earlier versions tell it by their answers alone.
    let answered = || {
        records.iter().find_map(|record| match &record.event {
            Event::Sample { prompt, .. } => {
                Some(PinnedPrompt { text: prompt.clone(), max_new_tokens: PINNED_TOKENS })
            }
            _ => None,
        })
    };
    begun.or_else(answered)
}
