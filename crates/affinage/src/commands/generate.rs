//! `affinage generate`: what base, checkpoints and the user's own arms answer to the prompts of the suites.

use std::collections::BTreeMap;
use std::path::PathBuf;

use affinage_engine::model::Model;
use affinage_eval::plan::{Arm, Plan};
use affinage_eval::suite::{Domain, Prompt, Split};
use affinage_project::errors::usage;
use affinage_project::folder::config::{FOLDER_NAME, is_folder_name};
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::run::Run;
use affinage_project::http::leaves_machine;
use affinage_project::model::{LoadedModel, open_model, packed_engine};
use affinage_project::stages::arms;
use affinage_project::stages::evaluation::plan::{Planned, against_itself, plan, steps_in_words};
use affinage_project::stages::evaluation::{Evaluation, Leave, Remote, consented, server_key};
use affinage_project::stages::evaluation::{room, series, thinking};
use affinage_project::stages::judges::{Sources, read_plan};
use affinage_project::stages::reserve;
use affinage_project::stages::suites;
use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::ui::counted;

/// Generate answers of base and checkpoints to the prompt suites
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage generate\n  affinage --set eval.checkpoints='[\"step-40\",\"last\"]' generate\n  \
    affinage --set eval.prompts-per-suite=5 generate --name quick\n  \
    affinage generate --engine openai --base-url http://127.0.0.1:8000/v1 --base-name Qwen/Qwen2.5-0.5B-Instruct"
)]
pub struct GenerateArgs {
    /// Name the evaluation, a folder below evals/ [default: eval.name of affinage.toml, numbered for every other plan]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Training run [default: that of --name, else the one that finished last]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Send texts to the servers that are configured or named here, without asking
    #[arg(long)]
    pub yes: bool,
    /// Also ask other machines what is held private: a conversation by its key or title, or a file (repeatable)
    #[arg(long, value_name = "NAME")]
    pub send_private: Vec<String>,
    /// Set by `eval --final`: the sealed prompts in place of the test prompts.
    #[arg(skip)]
    pub reserve: bool,
    /// Set by `eval --null-test`: the base model against itself.
    #[arg(skip)]
    pub null_test: bool,
    /// Set by `eval`: the evaluation goes on to its report, and is not whole before.
    #[arg(skip)]
    pub to_report: bool,
    // Last: its heading goes on to what follows.
    #[command(flatten)]
    elsewhere: Elsewhere,
}

/// Who answers in place of this program's engine.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Answers from elsewhere")]
struct Elsewhere {
    /// Who answers
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// Ask this OpenAI-compatible server, up to /v1; it must offer each checkpoint under its name (step-000145)
    #[arg(long, value_name = "URL", required_if_eq("engine", "openai"), conflicts_with_all = ["batch_out", "batch_in"])]
    base_url: Option<String>,
    /// The base model's name there
    #[arg(long, value_name = "NAME", default_value = "base")]
    base_name: String,
    /// Calls in flight at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    concurrency: usize,
    /// The environment variable with the server's key
    #[arg(long, value_name = "NAME", requires = "base_url")]
    api_key_env: Option<String>,
    /// Write what is missing as a batch file for OpenAI or `vllm run-batch`, and generate nothing
    #[arg(long, value_name = "FILE", conflicts_with = "batch_in")]
    batch_out: Option<PathBuf>,
    /// Take the results of such a batch
    #[arg(long, value_name = "FILE")]
    batch_in: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// This program
    #[default]
    Own,
    /// A server that speaks the OpenAI format
    Openai,
}

impl Elsewhere {
    /// Whether prompts go to a server on another machine or into a file for one.
    fn leaves_machine(&self) -> bool {
        self.batch_out.is_some() || self.base_url.as_deref().is_some_and(leaves_machine)
    }

    /// The server to ask, if one is named. Errors: another machine without `--yes`; a key that is not set.
    fn remote(&self, yes: bool) -> anyhow::Result<Option<Remote>> {
        let Some(base_url) = &self.base_url else { return Ok(None) };
        if self.engine != Engine::Openai {
            return Err(usage("--base-url needs `--engine openai`"));
        }
        consented(base_url, yes).context("--base-url")?;
        let key = server_key(self.api_key_env.as_deref())?;
        let (base_name, concurrency) = (self.base_name.clone(), self.concurrency);
        Ok(Some(Remote { base_url: base_url.clone(), key, base_name, concurrency, refused: None }))
    }
}

impl GenerateArgs {
    /// The answers of one run, in the evaluation of the configured series that fits.
    pub fn of(run: String, yes: bool) -> Self {
        Self {
            name: None,
            run: Some(run),
            elsewhere: Elsewhere::default(),
            yes,
            send_private: Vec::new(),
            reserve: false,
            null_test: false,
            to_report: false,
        }
    }
}

/// Generates, and returns the name of the evaluation that it was for.
pub fn run(ctx: &Context, args: GenerateArgs) -> anyhow::Result<String> {
    ctx.require_project()?;
    let ctx = &named(ctx, args.name.as_deref())?;
    let run = match (&args.run, run_of(ctx, args.name.as_deref())) {
        (Some(named), _) => Run::meant(ctx, Some(named))?,
        (None, Some(planned)) => planned,
        (None, None) => Run::meant(ctx, None)?,
    };
    let version = DatasetVersion::open(&ctx.project, Some(&run.dataset(&ctx.ui)?))?;
    let model = open_model(ctx, &ctx.config.model.name)?;
    let held_out = if args.reserve {
        suites::held_out(&version, &reserve::open(ctx, &version)?, Split::Reserve, &ctx.ui)?
    } else {
        suites::test_prompts(&version, &ctx.ui)?
    };
    let prompts = suites::chosen(ctx, &ctx.config, held_out)?;
    let leave = Leave { yes: args.yes, send_private: &args.send_private };
    let prompts = match args.elsewhere.leaves_machine() || arms::leave_machine(ctx) {
        true => without_private(ctx, &version.name, prompts, &leave)?,
        false => prompts,
    };
    ctx.ui.say(steps_in_words(ctx, &run)?);
    let (config, said) = room::decided(ctx, &model, (Some(&run), &version))?;
    said.iter().for_each(|line| ctx.ui.say(line));
    // What affinage.toml says is kept beside the plan, what follows from it and the data stands in the plan.
    let planned = ctx.with_config(config);
    let Planned { mut plan, warnings } = plan(&planned, &model, &run, &version, &prompts)?;
    plan.design.is_final = args.reserve;
    if args.null_test {
        against_itself(&mut plan)?;
    }
    let thinks = thinking::in_words(model.template()?, plan.sampling.max_new_tokens as usize);
    thinks.iter().for_each(|said| ctx.ui.warn(said.clone()));
    // An evaluation that was named is that one or none, and a sealed reserve is opened once.
    let evaluation = match args.name.is_some() || args.reserve {
        true => Evaluation::fix(ctx, plan, prompts)?,
        false => Evaluation::fix_in_series(ctx, plan, prompts)?,
    };
    if evaluation.is_new && !args.null_test {
        warnings.iter().for_each(|warning| ctx.ui.warn(warning));
    }
    if args.to_report {
        series::begin(&evaluation.dir)?;
    }
    let name = evaluation.plan.name.clone();
    let meets = |arm: &Arm, prompt: &Prompt| meets(&evaluation.plan, arm, prompt);
    if let Some(path) = &args.elsewhere.batch_out {
        let rows = evaluation.write_batch(ctx, &args.elsewhere.base_name, path, &leave, meets)?;
        ctx.ui.say(format!("{}: {}", path.display(), counted(rows, "request", "requests")));
        ctx.ui.hint("run them, then `affinage generate --batch-in RESULTS`");
        if ctx.json {
            ctx.ui.json(&serde_json::json!({"v": 1, "requests": rows}))?;
        }
        return Ok(name);
    }
    if let Some(path) = &args.elsewhere.batch_in {
        let taken = evaluation.read_batch(ctx, path, meets)?;
        ctx.ui.say(format!(
            "{} taken, {} failed, {} not asked for",
            counted(taken.answers, "answer", "answers"),
            taken.failed,
            taken.unknown
        ));
        if ctx.json {
            ctx.ui.json(&taken)?;
        }
        return Ok(name);
    }
    if let Some(remote) = args.elsewhere.remote(args.yes)? {
        evaluation.generate_remotely(ctx, &remote, &leave, meets)?;
    }
    let engine = packed_engine(&ctx.ui, &model)?;
    fill(ctx, &model, engine, &evaluation, &BTreeMap::new(), &leave)?;
    if ctx.json {
        ctx.ui.json(
            &serde_json::json!({ "v": 1, "eval": evaluation.plan.name, "prompts": evaluation.prompts.len(),
            "arms": evaluation.plan.arms.iter().map(|arm| &arm.name).collect::<Vec<_>>() }),
        )?;
    }
    Ok(name)
}

/// The run of the evaluation `name`, where there are both.
fn run_of(ctx: &Context, name: Option<&str>) -> Option<Run> {
    let plan = read_plan(&ctx.project.join("evals").join(name?)).ok()?;
    Run::list(&ctx.project).ok()?.into_iter().find(|run| plan.run.as_ref() == Some(&run.name))
}

/// The same project with `eval.name` as the command names it. Errors: the name is no folder name.
pub fn named(ctx: &Context, name: Option<&str>) -> anyhow::Result<Context> {
    let mut config = ctx.config.clone();
    if let Some(name) = name {
        if !is_folder_name(name) {
            return Err(usage(format!("--name {name:?}: expected {FOLDER_NAME}")));
        }
        config.eval.name = name.to_owned();
    }
    Ok(ctx.with_config(config))
}

/// Generates every answer that a planned comparison needs, in-domain ones of all arms, and scores the fit: first on the
/// base, then on other models, one in memory at a time, then behind servers.
///
/// `other_writer` has answers of another writer by question, for the control of that name.
pub fn fill(
    ctx: &Context,
    model: &LoadedModel,
    engine: Model,
    evaluation: &Evaluation,
    other_writer: &BTreeMap<String, String>,
    leave: &Leave,
) -> anyhow::Result<()> {
    let meets = |arm: &Arm, prompt: &Prompt| meets(&evaluation.plan, arm, prompt);
    // Whoever must not be asked is known before the first hour is spent.
    evaluation.servers(ctx, leave, meets)?;
    evaluation.generate(ctx, model, &engine, meets)?;
    evaluation.score_fit(ctx, model, &engine, other_writer)?;
    drop(engine);
    for other in evaluation.plan.other_models() {
        if !evaluation.lacks(ctx, &other.sha256, other_writer, meets)? {
            continue;
        }
        let model = open_model(ctx, &other.model)?;
        ensure!(
            model.sha256 == other.sha256,
            "{}: its SHA-256 is {}, the plan has {}",
            other.model,
            model.sha256,
            other.sha256
        );
        ctx.ui.say(format!("{}, SHA-256 {}", other.model, &model.sha256[..16]));
        let engine = packed_engine(&ctx.ui, &model)?;
        evaluation.generate(ctx, &model, &engine, meets)?;
        evaluation.score_fit(ctx, &model, &engine, other_writer)?;
    }
    evaluation.ask_servers(ctx, leave, meets)?;
    evaluation.warn_of_cuts(ctx)
}

/// Generates the answers of the arms on the base, and scores nothing.
pub fn answer(
    ctx: &Context,
    model: &LoadedModel,
    engine: &Model,
    evaluation: &Evaluation,
) -> anyhow::Result<()> {
    evaluation.generate(ctx, model, engine, |arm, prompt| meets(&evaluation.plan, arm, prompt))?;
    evaluation.warn_of_cuts(ctx)
}

/// The prompts without those that are held private: every arm answers the same prompts, so what one arm must not be asked
/// is asked of none.
fn without_private(
    ctx: &Context,
    version: &str,
    prompts: Vec<Prompt>,
    leave: &Leave,
) -> anyhow::Result<Vec<Prompt>> {
    let sources = Sources::of_prompts(ctx, Some(version), &prompts, leave.send_private)?;
    let all = prompts.len();
    let kept: Vec<Prompt> =
        prompts.into_iter().filter(|prompt| !sources.is_private(&prompt.prompt_id)).collect();
    if let Some(why) = sources.unknown() {
        ctx.ui.warn(format!("who is private is not known, because {why}: all of your own texts stay here"));
    }
    if kept.len() < all {
        ctx.ui.say(format!(
            "left out, because an arm is on another machine: {} from conversations held private; `--send-private NAME` asks \
             them all the same",
            counted(all - kept.len(), "prompt", "prompts")
        ));
    }
    Ok(kept)
}

/// Whether an arm answers a prompt: a planned comparison needs it, or the fit of in-domain texts does.
fn meets(plan: &Plan, arm: &Arm, prompt: &Prompt) -> bool {
    let mut mine = plan.comparisons.iter().filter(|c| c.arm == arm.name || c.against == arm.name);
    prompt.domain == Domain::In || mine.any(|c| c.scope.covers(prompt))
}
