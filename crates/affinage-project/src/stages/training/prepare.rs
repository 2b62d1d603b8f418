//! From a dataset version to the first step.

use affinage_engine::model::Model;

use super::{MemoryPlan, Part, PinnedPrompt, Plan, TrainingRun};
use crate::folder::config::Config;
use crate::folder::datasets::{DatasetVersion, conversations};
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::interrupt::LastWords;
use crate::model::{LoadedModel, engine, open_model};
use crate::next::{Next, next};
use crate::stages::external::Worker;
use crate::stages::freeze::refuse_private;

/// A base model in memory, and what a training on it will do.
pub struct Prepared {
    pub model: LoadedModel,
    pub engine: Model,
    pub plan: Plan,
    pub memory: MemoryPlan,
}

/// Loads the model of `config` and plans its training on `version`; with `part`, the short training of a check.
///
/// Errors: those of [`refuse_private`], [`open_model`] and [`Plan::new`]; it does not fit into `train.memory-budget-gb`.
pub fn prepare(
    ctx: &Project,
    config: &Config,
    version: &DatasetVersion,
    part: Option<Part>,
) -> anyhow::Result<Prepared> {
    let sides = version.sides(&ctx.ui)?;
    refuse_private(ctx, version, conversations(&sides))?;
    let model = open_model(ctx, &config.model.name)?;
    if let Some(date) = model.template()?.date().filter(|_| config.date.is_none()) {
        ctx.ui.say(format!(
            "the chat template writes the date: it is {date} in this training and in every answer after it; `date` in \
             affinage.toml sets another day"
        ));
    }
    let engine = engine(&ctx.ui, &model)?;
    let reading = format!("reading dataset {}", version.name);
    let mut plan = ctx.ui.during(reading, || Plan::new(&model, (version, &sides), &config.train, &ctx.ui))?;
    if let Some(part) = part {
        plan = plan.part(part)?;
    }
    let memory = plan.fit_memory(&engine)?;
    Ok(Prepared { model, engine, plan, memory })
}

/// A training that is ready to begin or to go on.
pub struct Job {
    /// A resumed run follows the configuration that it was started with.
    pub config: Config,
    pub version: DatasetVersion,
    pub prepared: Prepared,
}

/// As [`prepare`], for a new run on the version `data`, the newest where none is named, or for the rest of `resumed`, which has
/// a configuration and a version of its own.
pub fn prepare_run(
    ctx: &Project,
    resumed: Option<&Run>,
    data: Option<&str>,
    part: Option<Part>,
) -> anyhow::Result<Job> {
    let (config, data) = match resumed {
        Some(run) => {
            let config = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
            (config, Some(run.dataset(&ctx.ui)?))
        }
        None => (ctx.config.clone(), data.map(str::to_owned)),
    };
    let version = DatasetVersion::open(&ctx.project, data.as_deref())?;
    let prepared = prepare(ctx, &config, &version, part)?;
    Ok(Job { config, version, prepared })
}

/// What Ctrl-C says before the first step: while the model is read and the speed is measured nothing is written.
pub fn before_the_first_step(ctx: &Project, is_dry_run: bool, resumed: Option<&Run>) -> LastWords {
    let again = |command: Next| match ctx.ui.is_stage() {
        true => "the same command, run again, goes on from here".to_owned(),
        false => format!("to begin again: {command}"),
    };
    match (is_dry_run, resumed) {
        (true, _) => LastWords {
            stopped: "the dry run was stopped before its end; nothing was trained, and nothing was changed"
                .to_owned(),
            hint: again(next("train").words("--dry-run")),
        },
        (false, Some(run)) => LastWords {
            stopped: format!(
                "stopped before {} went on; its checkpoints are as they were, and nothing is lost",
                run.name
            ),
            hint: again(next("train").option("--resume", &run.name)),
        },
        (false, None) => LastWords {
            stopped: "stopped before the first step; nothing was trained, and nothing is lost".to_owned(),
            hint: again(next("train")),
        },
    }
}

impl Prepared {
    /// Trains to the end: a new run, or the rest of `resumed`. A `pinned` prompt is answered at every checkpoint.
    ///
    /// With a `worker` another engine computes the steps.
    /// Errors: those of [`TrainingRun::resume`]; a stop was requested (a checkpoint is on the disk); the loss is not finite;
    /// files.
    pub fn train(
        &self,
        ctx: &Project,
        resumed: Option<Run>,
        pinned: Option<PinnedPrompt>,
        worker: Option<Worker>,
    ) -> anyhow::Result<Run> {
        let Self { model, engine, plan, .. } = self;
        // run.toml says who computes.
        let record = worker.as_ref().map(|worker| worker.record.clone());
        let ctx = &Project { config: Config { engine: record, ..ctx.config.clone() }, ..ctx.clone() };
        let training = match resumed {
            Some(run) => TrainingRun::resume(ctx, model, engine, plan, run, pinned)?,
            None => {
                if plan.part.is_none() {
                    Run::say_unfinished(ctx)?;
                }
                TrainingRun::create(ctx, model, engine, plan, pinned)?
            }
        };
        training.on(worker)?.go()
    }
}

/// A new run on a dataset version, the newest where none is named.
pub fn train(ctx: &Project, data: Option<&str>, pinned: Option<PinnedPrompt>) -> anyhow::Result<Run> {
    let version = DatasetVersion::open(&ctx.project, data)?;
    prepare(ctx, &ctx.config, &version, None)?.train(ctx, None, pinned, None)
}
