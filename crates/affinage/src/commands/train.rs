//! `affinage train`: LoRA fine-tuning of the base model on a frozen dataset version.

use std::path::{Path, PathBuf};
use std::time::Duration;

use affinage_project::errors::{HintExt as _, usage};
use affinage_project::folder::config::EngineName;
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::run::{Run, write_folder_atomically};
use affinage_project::interrupt;
use affinage_project::next::next;
use affinage_project::stages::external::{self, Asked, Start};
use affinage_project::stages::external_trainer;
use affinage_project::stages::forecast;
use affinage_project::stages::freeze::say_untested;
use affinage_project::stages::training::verify::verify_resume;
use affinage_project::stages::training::{
    Ahead, Calibration, Estimate, Job, PINNED_TOKENS, Part, PinnedPrompt, Prepared, before_the_first_step,
    prepare_run, propose_length, resumable, say_where_best,
};
use anyhow::anyhow;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::context::Context;
use crate::ui::results::training;

/// LoRA fine-tune the model on the newest dataset version
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  affinage train --dry-run\n  affinage train\n  affinage train --resume\n  \
    affinage train --verify-resume\n  \
    affinage train --engine auto\n  affinage train --engine trl --handover job\n  affinage train --import job\n  affinage --set train.epochs=3 train --sample \"Why do ruins move us?\""
)]
pub struct TrainArgs {
    /// Go on with an interrupted run: the one that was worked on last, or RUN
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "dry_run")]
    resume: Option<Option<String>>,
    /// Dataset version (default: the newest)
    #[arg(long, value_name = "VERSION")]
    data: Option<String>,
    /// Answer this prompt at every checkpoint, to see the voice change
    #[arg(long, value_name = "PROMPT")]
    sample: Option<String>,
    /// Print tokens, steps, memory and time from a short calibration; train nothing
    #[arg(long)]
    dry_run: bool,
    /// Prove on your data that a run killed in the middle and resumed ends in the same bits (four short steps, three times)
    #[arg(long, conflicts_with_all = ["resume", "dry_run", "sample"])]
    verify_resume: bool,
    /// Who computes the steps; another engine is first compared with this program on your rows
    #[arg(long, value_enum, conflicts_with_all = ["verify_resume", "import"])]
    engine: Option<EngineArg>,
    /// Install what --engine needs without a question
    #[arg(long, requires = "engine")]
    yes: bool,
    /// Write the job of --engine trl or mlx into this folder instead of training here
    #[arg(long, value_name = "DIR", requires = "engine", conflicts_with_all = ["resume", "dry_run", "sample", "verify_resume"])]
    handover: Option<PathBuf>,
    /// Take back what another engine made of a --handover folder, as a run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["resume", "dry_run", "sample", "verify_resume", "data", "handover"])]
    import: Option<PathBuf>,
    /// Train a part of --verify-resume, with its runs in this folder
    #[arg(long, value_name = "DIR", hide = true)]
    part_in: Option<PathBuf>,
    /// Stop moving in this step of the part, before its checkpoint
    #[arg(long, value_name = "STEP", hide = true, requires = "part_in")]
    halt_in: Option<usize>,
}

/// Who computes the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineArg {
    /// The fastest of those that are here
    Auto,
    /// This program
    Cpu,
    /// PyTorch: NVIDIA cards, Macs, processors
    #[value(alias = "trl")]
    Torch,
    /// MLX: Macs
    Mlx,
}

impl EngineArg {
    /// Whose job `--handover` writes.
    fn of_external_trainer(self) -> anyhow::Result<external_trainer::Engine> {
        match self {
            Self::Torch => Ok(external_trainer::Engine::Trl),
            Self::Mlx => Ok(external_trainer::Engine::Mlx),
            Self::Auto | Self::Cpu => Err(usage("--handover writes a job for --engine trl or mlx")),
        }
    }

    fn asked(self) -> Asked {
        match self {
            Self::Auto => Asked::Auto,
            Self::Cpu => Asked::Cpu,
            Self::Torch => Asked::Engine(EngineName::Torch),
            Self::Mlx => Asked::Engine(EngineName::Mlx),
        }
    }
}

/// What `--json` prints of a job for another machine.
#[derive(Serialize)]
struct HandedOver<'a> {
    v: u32,
    /// The folder of the job.
    handover: &'a Path,
}

/// What `--json` prints of a finished run.
#[derive(Serialize)]
struct Finished<'a> {
    v: u32,
    run: &'a str,
    steps: usize,
    checkpoints: Vec<String>,
}

pub fn run(ctx: &Context, args: TrainArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    if let Some(dir) = &args.import {
        let run = external_trainer::import(ctx, &ctx.project.join(dir))?;
        say_where_best(&ctx.ui, &run)?;
        return finished(ctx, &run);
    }
    let pinned = args.sample.map(|text| PinnedPrompt { text, max_new_tokens: PINNED_TOKENS });
    let resumed = match &args.resume {
        Some(name) => {
            let project = args.part_in.as_ref().unwrap_or(&ctx.project);
            Some(match name {
                Some(name) => Run::open(project, name)?,
                None => Run::unfinished(project, &ctx.ui)?,
            })
        }
        None => None,
    };
    if args.verify_resume {
        let version = DatasetVersion::open(&ctx.project, args.data.as_deref())?;
        return verify(ctx, &version.name);
    }
    let at_once = interrupt::end_at_once(before_the_first_step(ctx, args.dry_run, resumed.as_ref()));
    let part = args.part_in.map(|project| Part { project, halt_in: args.halt_in });
    let is_begun = resumed.is_some() || part.is_some();
    let Job { config, version, prepared } =
        prepare_and_say(ctx, resumed.as_ref(), args.data.as_deref(), part)?;
    let Prepared { model, engine, plan, memory } = &prepared;
    if !is_begun {
        say_untested(ctx, &version)?;
    }
    if !is_begun && !args.dry_run {
        let known = if plan.left_out.is_empty() { None } else { Calibration::known(ctx, plan)? };
        propose_length(ctx, engine, plan, known.map(|known| known.time(Ahead::all(plan))));
    }
    if let (Some(to), Some(dir)) = (args.engine, args.handover) {
        let to = to.of_external_trainer()?;
        let source = external_trainer::Source { ctx, model, engine, version: &version, plan };
        write_folder_atomically(&ctx.project.join(&dir), |dir| source.write(to, dir))?;
        ctx.ui.say(format!("the job is in {}", dir.display()));
        ctx.ui.hint(format!(
            "{} has the commands; then {}",
            dir.join("README.md").display(),
            next("train").option("--import", &dir.display().to_string())
        ));
        return if ctx.json { ctx.ui.json(&HandedOver { v: 1, handover: &dir }) } else { Ok(()) };
    }
    let start = Start { ctx, spec: &config.model.name, model, engine, plan, precision: None };
    if args.dry_run {
        let estimate = Estimate::measure(&start, memory)?;
        propose_length(ctx, engine, plan, Some(Duration::from_secs_f64(estimate.seconds)));
        return match ctx.json {
            true => ctx.ui.json(&estimate),
            false => ctx.ui.data(&training::estimate(plan, &estimate)),
        };
    }
    let resumes = resumed.as_ref().map(|run| (run, &config));
    let agrees = |offer: &str| if args.yes { Ok(true) } else { ctx.ui.confirm(offer) };
    let worker = external::worker(ctx, (args.engine.map(EngineArg::asked), &agrees), &start, resumes)?;
    drop(at_once);
    finished(ctx, &prepared.train(ctx, resumed, pinned, worker)?)
}

/// A new run on a dataset version, or the rest of `resumed`; how long this and the evaluation take is said before.
/// `is_new`: the version was frozen right before, which has said what it lacks.
pub(super) fn train_in_run(
    ctx: &Context,
    version: &str,
    resumed: Option<Run>,
    is_new: bool,
) -> anyhow::Result<()> {
    let at_once = interrupt::end_at_once(before_the_first_step(ctx, false, resumed.as_ref()));
    if resumed.is_none() && !is_new {
        say_untested(ctx, &DatasetVersion::open(&ctx.project, Some(version))?)?;
    }
    let Job { config, version, prepared } = prepare_and_say(ctx, resumed.as_ref(), Some(version), None)?;
    let done = resumed.as_ref().map(|run| resumable(run, &ctx.ui)).transpose()?.flatten();
    let takes = forecast::say(ctx, &prepared.model, &prepared.engine, (&prepared.plan, done), &version)?;
    if resumed.is_none() {
        propose_length(ctx, &prepared.engine, &prepared.plan, Some(takes));
    }
    let Prepared { model, engine, plan, .. } = &prepared;
    let start = Start { ctx, spec: &config.model.name, model, engine, plan, precision: None };
    let resumes = resumed.as_ref().map(|run| (run, &config));
    let worker = external::worker(ctx, (None, &|offer| ctx.ui.confirm(offer)), &start, resumes)?;
    drop(at_once);
    finished(ctx, &prepared.train(ctx, resumed, None, worker)?)
}

/// Prepares a training and says what it will do.
fn prepare_and_say(
    ctx: &Context,
    resumed: Option<&Run>,
    data: Option<&str>,
    part: Option<Part>,
) -> anyhow::Result<Job> {
    let job = prepare_run(ctx, resumed, data, part)?;
    training::planned(&ctx.ui, &job.prepared);
    Ok(job)
}

fn verify(ctx: &Context, version: &str) -> anyhow::Result<()> {
    let proof = verify_resume(ctx, version)?;
    match ctx.json {
        true => ctx.ui.json(&proof)?,
        false => ctx.ui.data(&training::proof(&ctx.ui, &proof))?,
    }
    match &proof.kept_in {
        None => Ok(()),
        Some(folder) => Err(anyhow!("the resumed run differs from the uninterrupted one"))
            .hint(format!("both are kept in {}; please report this", ctx.shown(folder))),
    }
}

fn finished(ctx: &Context, run: &Run) -> anyhow::Result<()> {
    let saved = run.checkpoints(&ctx.ui)?;
    let steps = saved.last().map_or(0, |checkpoint| checkpoint.step);
    let checkpoints: Vec<String> = saved.iter().map(|c| c.name()).collect();
    ctx.ui.say(format!("run {} with checkpoints {}", ctx.shown(&run.path), checkpoints.join(", ")));
    if ctx.json {
        ctx.ui.json(&Finished { v: 1, run: &run.name, steps, checkpoints })?;
    } else {
        ctx.ui.hint(format!(
            "talk to it: {}; find out whether it got better: {}",
            next("chat").words("--compare base,last"),
            next("eval")
        ));
    }
    Ok(())
}
