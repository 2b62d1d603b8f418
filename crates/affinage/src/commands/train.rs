//! `affinage train`: LoRA fine-tuning of the base model on a frozen dataset version.

use std::path::{Path, PathBuf};
use std::time::Duration;

use affinage_engine::model::Model;
use affinage_project::errors::{HintExt as _, usage};
use affinage_project::folder::config::{Config, EngineName};
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::run::{Run, write_folder_atomically};
use affinage_project::interrupt::{self, LastWords};
use affinage_project::machine;
use affinage_project::stages::external::{self, Asked, Start};
use affinage_project::stages::external_trainer;
use affinage_project::stages::forecast;
use affinage_project::stages::freeze::say_untested;
use affinage_project::stages::lengths::{Needs, limit};
use affinage_project::stages::training::verify::{Proof, verify_resume};
use affinage_project::stages::training::{
    Ahead, Calibration, Estimate, MemoryPlan, Part, PinnedPrompt, Plan, Prepared, Workload, multiply_rate,
    peak_bytes, prepare, resumable, say_where_best, time_within,
};
use anyhow::anyhow;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::context::Context;
use crate::ui::{Paint, Table, bytes, count, counted, duration};

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
    let pinned = args.sample.map(|text| PinnedPrompt { text, max_new_tokens: 96 });
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
    let (config, version, prepared) = prepared(ctx, resumed.as_ref(), args.data.as_deref(), part)?;
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
            "{} has the commands; then `affinage train --import {}`",
            dir.join("README.md").display(),
            dir.display()
        ));
        return if ctx.json { ctx.ui.json(&HandedOver { v: 1, handover: &dir }) } else { Ok(()) };
    }
    let start = Start { ctx, spec: &config.model.name, model, engine, plan, precision: None };
    if args.dry_run {
        return dry_run(ctx, &start, memory);
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
    let (config, version, prepared) = prepared(ctx, resumed.as_ref(), Some(version), None)?;
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

/// Loads the model, plans the training and says what it will do. A resumed run follows the configuration and the data that
/// it was started with.
fn prepared(
    ctx: &Context,
    resumed: Option<&Run>,
    data: Option<&str>,
    part: Option<Part>,
) -> anyhow::Result<(Config, DatasetVersion, Prepared)> {
    let (config, data) = match resumed {
        Some(run) => {
            let config = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
            (config, Some(run.dataset(&ctx.ui)?))
        }
        None => (ctx.config.clone(), data.map(str::to_owned)),
    };
    let version = DatasetVersion::open(&ctx.project, data.as_deref())?;
    let prepared = prepare(ctx, &config, &version, part)?;
    describe(ctx, &prepared);
    Ok((config, version, prepared))
}

fn verify(ctx: &Context, version: &str) -> anyhow::Result<()> {
    let proof = verify_resume(ctx, version)?;
    match ctx.json {
        true => ctx.ui.json(&proof)?,
        false => ctx.ui.data(&shown(ctx, &proof))?,
    }
    match &proof.kept_in {
        None => Ok(()),
        Some(folder) => Err(anyhow!("the resumed run differs from the uninterrupted one"))
            .hint(format!("both are kept in {}; please report this", ctx.shown(folder))),
    }
}

fn shown(ctx: &Context, proof: &Proof) -> String {
    let killed =
        format!("killed in step {}, resumed after {}", proof.killed_in_step, proof.resumed_after_step);
    let mut table = Table::new(["", "in one process", &killed, ""]);
    let mut row = |name: String, whole: String, resumed: String| {
        let (paint, word) = if whole == resumed { (Paint::Good, "same") } else { (Paint::Error, "differs") };
        table.row([name, whole, resumed, ctx.ui.paint_data(paint, word)]);
    };
    for (step, (whole, resumed)) in proof.losses.whole.iter().zip(&proof.losses.resumed).enumerate() {
        row(format!("loss of step {}", step + 1), whole.to_string(), resumed.to_string());
    }
    for (step, (whole, resumed)) in proof.grad_norms.whole.iter().zip(&proof.grad_norms.resumed).enumerate() {
        row(format!("gradient norm of step {}", step + 1), whole.to_string(), resumed.to_string());
    }
    for (name, hashes) in [("adapter", &proof.adapter), ("moments", &proof.moments)] {
        row(name.to_owned(), hashes.whole[..16].to_owned(), hashes.resumed[..16].to_owned());
    }
    let word = if proof.identical {
        "resuming is exact on this machine and this data"
    } else {
        "resuming is not exact"
    };
    format!("{}\n{word}\n", table.render())
}

/// What Ctrl-C says before the first step: while the model is read and the speed is measured nothing is written.
fn before_the_first_step(ctx: &Context, is_dry_run: bool, resumed: Option<&Run>) -> LastWords {
    let again = |command: &str| match ctx.ui.is_stage() {
        true => "the same command, run again, goes on from here".to_owned(),
        false => format!("to begin again: `affinage {command}`"),
    };
    match (is_dry_run, resumed) {
        (true, _) => LastWords {
            stopped: "the dry run was stopped before its end; nothing was trained, and nothing was changed"
                .to_owned(),
            hint: again("train --dry-run"),
        },
        (false, Some(run)) => LastWords {
            stopped: format!(
                "stopped before {} went on; its checkpoints are as they were, and nothing is lost",
                run.name
            ),
            hint: again(&format!("train --resume {}", run.name)),
        },
        (false, None) => LastWords {
            stopped: "stopped before the first step; nothing was trained, and nothing is lost".to_owned(),
            hint: again("train"),
        },
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
        ctx.ui.hint("talk to it: `affinage chat --compare base,last`; find out whether it got better: `affinage eval`");
    }
    Ok(())
}

fn describe(ctx: &Context, prepared: &Prepared) {
    let Prepared { model, engine, plan, memory } = prepared;
    let trainable = plan.new_adapter(engine).values.len();
    let total = model.weights.parameter_count();
    ctx.ui.say(format!(
        "{}: {} of {} parameters are trained ({:.2} %)",
        model.name,
        count(trainable as u64),
        count(total as u64),
        100.0 * trainable as f64 / total as f64
    ));
    ctx.ui.say(format!(
        "dataset {}: {} to train on, {} to validate; {}, {}",
        plan.dataset,
        counted(plan.train.len(), "row", "rows"),
        plan.validation.len(),
        counted(plan.steps, "step", "steps"),
        counted(plan.tokens() as usize, "token", "tokens")
    ));
    ctx.ui.say(format!(
        "memory: about {} at its highest; {}",
        bytes(memory.expected_peak_bytes),
        kept(memory)
    ));
    if machine::available_memory_bytes().is_some_and(|free| free < memory.expected_peak_bytes) {
        ctx.ui.warn("that is more than is free now");
        ctx.ui.hint("`memory-budget-gb` under [train] runs layers again instead of keeping them: slower, the same result");
    }
}

fn kept(memory: &MemoryPlan) -> String {
    match memory.recompute_layers {
        0 => "no memory saving needed".to_owned(),
        again => format!("{again} of {} layers are run again in the backward to save memory", memory.layers),
    }
}

/// Which length would take the rows that are left out, and what memory and time it needs. `measured` is how long the training
/// takes as it is; without it that is told from this machine's multiply, in about a second.
fn propose_length(ctx: &Context, engine: &Model, plan: &Plan, measured: Option<Duration>) {
    let Some(spread) = plan.spread().filter(|_| !plan.left_out.is_empty()) else { return };
    let resident = machine::resident_bytes().unwrap_or(0);
    let model = engine.config();
    let now = measured.unwrap_or_else(|| {
        let rate = ctx.ui.during("measuring this machine", multiply_rate);
        let seconds = Workload::within(plan, 0).seconds(&plan.config, model, rate);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    });
    let time = time_within(plan, model, now);
    let needs = |tokens| Needs {
        peak_bytes: peak_bytes(&plan.config, model, tokens, resident),
        time: Some(time(tokens)),
    };
    let limit = limit(&plan.config, model);
    if let Some(proposal) = spread.proposal(limit, engine.max_positions(), needs) {
        ctx.ui.say(proposal);
    }
}

/// `99 % of those to train and validate on have at most 812 tokens, the longest 3,221; 1,024 are taken, 4 rows are longer and left out`
fn lengths_in_words(plan: &Plan, estimate: &Estimate<'_>) -> String {
    let left_out = match plan.left_out.len() {
        0 => "none is longer".to_owned(),
        rows => format!("{} longer and left out", counted(rows, "row is", "rows are")),
    };
    format!(
        "99 % of those to train and validate on have at most {} tokens, the longest {}; train.max-seq-tokens is {}, {left_out}",
        count(estimate.keeps_most_tokens as u64),
        count(estimate.keeps_all_tokens as u64),
        count(plan.config.max_seq_tokens as u64),
    )
}

/// `, of it 1m 10s for 5 evaluations of 36 rows`; nothing without validation rows.
fn evaluations_counted(estimate: &Estimate<'_>, rows: usize) -> String {
    if rows == 0 {
        return String::new();
    }
    let all = duration(Duration::from_secs_f64(estimate.evaluation_s * estimate.evaluations as f64));
    let evaluations = counted(estimate.evaluations, "evaluation", "evaluations");
    format!(", of it {all} for {evaluations} of {}", counted(rows, "row", "rows"))
}

/// A line for this program and each other engine; nothing where there is no other.
fn engines_in_words(estimate: &Estimate<'_>) -> String {
    if estimate.engines.is_empty() {
        return String::new();
    }
    let time = duration(Duration::from_secs_f64(estimate.seconds));
    let ours = bytes(estimate.memory.expected_peak_bytes);
    let own = format!("cpu, this program: about {time}, {ours}, exact: the same bits on every machine");
    let others = estimate.engines.iter().map(|engine| format!("\n         {}", engine.in_words()));
    format!("\nengines  {own}{}", others.collect::<String>())
}

fn dry_run(ctx: &Context, start: &Start, memory: &MemoryPlan) -> anyhow::Result<()> {
    let plan = start.plan;
    let estimate = Estimate::measure(start, memory)?;
    propose_length(ctx, start.engine, plan, Some(Duration::from_secs_f64(estimate.seconds)));
    if ctx.json {
        return ctx.ui.json(&estimate);
    }
    let memory = format!("about {} at its highest; {}", bytes(memory.expected_peak_bytes), kept(memory));
    ctx.ui.data(&format!(
        "steps    {} (rows a step: {})\ntokens   {} ({:.0} % of the tokens are answers, the part that is learned)\n\
         rows     {}\nspeed    {:.0} tokens/s, measured on {} tokens\ntime     about {}{}\nmemory   {}{}",
        estimate.steps,
        plan.config.rows_per_step,
        count(estimate.tokens),
        100.0 * estimate.supervised_share,
        lengths_in_words(plan, &estimate),
        estimate.tokens_per_s,
        estimate.measured_tokens,
        duration(Duration::from_secs_f64(estimate.seconds)),
        evaluations_counted(&estimate, plan.validation.len()),
        memory,
        engines_in_words(&estimate),
    ))
}
