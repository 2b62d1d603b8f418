//! Answers of base, checkpoints and the user's own arms to the prompts of an evaluation: the plan is fixed first, then each
//! arm is asked for what is missing.

use std::collections::BTreeMap;
use std::path::Path;

use affinage_engine::model::Model;
use affinage_eval::plain::counted;
use affinage_eval::plan::{Arm, Plan};
use affinage_eval::suite::{Domain, Prompt, Split};
use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::plan::{Planned, against_itself, plan, steps_in_words};
use super::{FixedEvaluation, Remote, Taken};
use super::{room, thinking};
use crate::client::http::leaves_machine;
use crate::client::{Leave, consented, server_key};
use crate::errors::usage;
use crate::folder::config::{Config, FOLDER_NAME, is_folder_name};
use crate::folder::datasets::DatasetVersion;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::model::{LoadedModel, open_model, packed_engine};
use crate::stages::arms;
use crate::stages::judges::PromptSources;
use crate::stages::reserve;
use crate::stages::suites;

/// Which evaluation is to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// On the test prompts.
    #[default]
    Test,
    /// On the sealed prompts, once; its name ends in `-final`.
    Final,
    /// The base model against itself, where nothing is to be found; its name ends in `-null`.
    Null,
}

impl Kind {
    fn suffix(self) -> &'static str {
        match self {
            Kind::Test => "",
            Kind::Final => "-final",
            Kind::Null => "-null",
        }
    }
}

/// Who answers for the arms on the base.
#[derive(Clone, Copy, Debug, Default)]
pub enum By<'a> {
    /// This program's engine.
    #[default]
    Engine,
    /// A server that speaks the OpenAI format and has each checkpoint under its name.
    Server {
        base_url: &'a str,
        base_name: &'a str,
        concurrency: usize,
        /// The environment variable with its key.
        api_key_env: Option<&'a str>,
    },
    /// Nobody yet: what is missing is written to this file, as a batch for OpenAI or `vllm run-batch`.
    BatchOut { path: &'a Path, base_name: &'a str },
    /// The results of such a batch.
    BatchIn(&'a Path),
}

impl By<'_> {
    /// Whether prompts go to a server on another machine or into a file for one.
    fn leaves_machine(self) -> bool {
        match self {
            By::Server { base_url, .. } => leaves_machine(base_url),
            By::BatchOut { .. } => true,
            By::Engine | By::BatchIn(_) => false,
        }
    }
}

/// What is generated, by whom, and what may leave this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The evaluation: this one or none. `None`: the one of the configured series that fits.
    pub name: Option<&'a str>,
    /// `None`: the run of `name`, else the one that finished last.
    pub run: Option<&'a str>,
    pub kind: Kind,
    /// The evaluation goes on to its report, and is not whole before.
    pub to_report: bool,
    /// What the prompts are too few for was said before, by the same command.
    pub is_few_said: bool,
    pub by: By<'a>,
    pub leave: Leave<'a>,
}

/// What came of it.
pub struct Generated {
    /// The evaluation's folder below `evals/`.
    pub name: String,
    pub prompts: usize,
    pub arms: Vec<String>,
    pub outcome: Outcome,
}

/// How the answers came, or where they are asked for.
pub enum Outcome {
    Answered,
    /// So many requests were written to a batch file.
    Requested(usize),
    /// Answers were taken from a batch file.
    Taken(Taken),
}

/// What came of it; the document of `--json`.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Document<'a> {
    Answered { v: u32, eval: &'a str, prompts: usize, arms: &'a [String] },
    Requested { v: u32, requests: usize },
    Taken(&'a Taken),
}

impl Generated {
    pub fn document(&self) -> Document<'_> {
        match &self.outcome {
            Outcome::Answered => {
                Document::Answered { v: 1, eval: &self.name, prompts: self.prompts, arms: &self.arms }
            }
            Outcome::Requested(requests) => Document::Requested { v: 1, requests: *requests },
            Outcome::Taken(taken) => Document::Taken(taken),
        }
    }
}

/// Plans the evaluation, or opens the one that is planned already, and generates what it lacks.
///
/// Errors: no run, no dataset or no model; another plan under that name; texts would leave this machine without consent.
pub fn generate(ctx: &Project, options: &Options) -> anyhow::Result<Generated> {
    let ctx = &ctx.with_config(named(&ctx.config, options.name, options.kind)?);
    // What was named keeps its name, with the word behind it.
    let name = options.name.map(|_| ctx.config.eval.name.as_str());
    let is_final = options.kind == Kind::Final;
    let run = match (options.run, run_of(ctx, name)) {
        (Some(named), _) => Run::meant(ctx, Some(named))?,
        (None, Some(planned)) => planned,
        (None, None) => Run::meant(ctx, None)?,
    };
    let version = DatasetVersion::open(&ctx.project, Some(&run.dataset(&ctx.ui)?))?;
    let model = open_model(ctx, &ctx.config.model.name)?;
    let held_out = if is_final {
        suites::held_out(&version, &reserve::open(ctx, &version)?, Split::Reserve, &ctx.ui)?
    } else {
        suites::test_prompts(&version, &ctx.ui)?
    };
    let prompts = suites::chosen(ctx, &ctx.config, held_out)?;
    let leave = &options.leave;
    let prompts = match options.by.leaves_machine() || arms::leave_machine(ctx) {
        true => without_private(ctx, &version.name, prompts, leave)?,
        false => prompts,
    };
    ctx.ui.say(steps_in_words(ctx, &run)?);
    let (config, said) = room::decided(ctx, &model, (Some(&run), &version))?;
    said.iter().for_each(|line| ctx.ui.say(line));
    // What affinage.toml says is kept beside the plan, what follows from it and the data stands in the plan.
    let planned = ctx.with_config(config);
    let Planned { mut plan, warnings } = plan(&planned, &model, &run, &version, &prompts)?;
    plan.design.is_final = is_final;
    if options.kind == Kind::Null {
        against_itself(&mut plan)?;
    }
    let thinks = thinking::in_words(model.template()?, plan.sampling.max_new_tokens as usize);
    thinks.iter().for_each(|said| ctx.ui.warn(said.clone()));
    // An evaluation that was named is that one or none, and a sealed reserve is opened once.
    let evaluation = match name.is_some() || is_final {
        true => FixedEvaluation::fix(ctx, plan, prompts)?,
        false => FixedEvaluation::fix_in_series(ctx, plan, prompts)?,
    };
    if evaluation.is_new && options.kind != Kind::Null {
        let few = suites::too_few(&ctx.config, &evaluation.prompts).filter(|_| !options.is_few_said);
        warnings.iter().chain(&few).for_each(|warning| ctx.ui.warn(warning));
    }
    if options.to_report {
        evaluation.folder.begin()?;
    }
    let outcome = answered(ctx, &model, &evaluation, options)?;
    Ok(Generated {
        name: evaluation.plan.name.clone(),
        prompts: evaluation.prompts.len(),
        arms: evaluation.plan.arms.iter().map(|arm| arm.name.clone()).collect(),
        outcome,
    })
}

/// The answers of a planned evaluation, by whoever gives them.
fn answered(
    ctx: &Project,
    model: &LoadedModel,
    evaluation: &FixedEvaluation,
    options: &Options,
) -> anyhow::Result<Outcome> {
    let meets = |arm: &Arm, prompt: &Prompt| meets(&evaluation.plan, arm, prompt);
    let leave = &options.leave;
    match options.by {
        By::BatchOut { path, base_name } => {
            return Ok(Outcome::Requested(evaluation.write_batch(ctx, base_name, path, leave, meets)?));
        }
        By::BatchIn(path) => return Ok(Outcome::Taken(evaluation.read_batch(ctx, path, meets)?)),
        By::Server { base_url, base_name, concurrency, api_key_env } => {
            consented(base_url, leave.yes).context("--base-url")?;
            let key = server_key(api_key_env)?;
            let remote = Remote::new(base_url, key, concurrency, base_name, false);
            evaluation.generate_remotely(ctx, &remote, leave, meets)?;
        }
        By::Engine => {}
    }
    let engine = packed_engine(&ctx.ui, model)?;
    fill(ctx, model, engine, evaluation, &BTreeMap::new(), leave)?;
    Ok(Outcome::Answered)
}

/// The run of the evaluation `name`, where there are both.
fn run_of(ctx: &Project, name: Option<&str>) -> Option<Run> {
    let plan = Evaluation::named(&ctx.project, name?).plan().ok()?;
    Run::list(&ctx.project).ok()?.into_iter().find(|run| plan.run.as_ref() == Some(&run.name))
}

/// The configuration with `eval.name` as the command names it and the kind ends it. Errors: the name is no folder name.
fn named(config: &Config, name: Option<&str>, kind: Kind) -> anyhow::Result<Config> {
    let mut config = config.clone();
    if let Some(name) = name {
        if !is_folder_name(name) {
            return Err(usage(format!("--name {name:?}: expected {FOLDER_NAME}")));
        }
        config.eval.name = name.to_owned();
    }
    config.eval.name.push_str(kind.suffix());
    Ok(config)
}

/// Generates every answer that a planned comparison needs, in-domain ones of all arms, and scores the fit: first on the
/// base, then on other models, one in memory at a time, then behind servers.
///
/// `other_writer` has answers of another writer by question, for the control of that name.
pub fn fill(
    ctx: &Project,
    model: &LoadedModel,
    engine: Model,
    evaluation: &FixedEvaluation,
    other_writer: &BTreeMap<String, String>,
    leave: &Leave,
) -> anyhow::Result<()> {
    let meets = |arm: &Arm, prompt: &Prompt| meets(&evaluation.plan, arm, prompt);
    // Whoever must not be asked is known before the first hour is spent.
    evaluation.servers(ctx, leave, meets)?;
    evaluation.generate(ctx, model, &engine, meets)?;
    evaluation.score_likelihood(ctx, model, &engine, other_writer)?;
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
        evaluation.score_likelihood(ctx, &model, &engine, other_writer)?;
    }
    evaluation.ask_servers(ctx, leave, meets)?;
    evaluation.warn_of_cuts(ctx)
}

/// Generates the answers of the arms on the base, and scores nothing.
pub fn answer(
    ctx: &Project,
    model: &LoadedModel,
    engine: &Model,
    evaluation: &FixedEvaluation,
) -> anyhow::Result<()> {
    evaluation.generate(ctx, model, engine, |arm, prompt| meets(&evaluation.plan, arm, prompt))?;
    evaluation.warn_of_cuts(ctx)
}

/// The prompts without those that are held private: every arm answers the same prompts, so what one arm must not be asked
/// is asked of none.
fn without_private(
    ctx: &Project,
    version: &str,
    prompts: Vec<Prompt>,
    leave: &Leave,
) -> anyhow::Result<Vec<Prompt>> {
    let sources = PromptSources::of_prompts(ctx, Some(version), &prompts, leave.send_private)?;
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
