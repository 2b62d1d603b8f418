//! `affinage generate`: what base and checkpoints answer to the prompts of the suites.

use affinage_dataset::example::DatasetRow;
use affinage_dataset::message::{Message, Role};
use affinage_dataset::shingle::{ContainmentIndex, Shingles};
use affinage_engine::model::Model;
use affinage_eval::completion::Sampling;
use affinage_eval::design::{Audience, Design, LeftOut, TrainingSchedule, default_audiences};
use affinage_eval::plan::{
    Arm, ArmKind, BASE_AGAIN, DatasetFacts, JudgeKind as PlannedKind, Plan, PlannedComparison, PlannedJudge,
    Scope,
};
use affinage_eval::suite::{Domain, Prompt, Split};
use anyhow::anyhow;
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::{Config, Judge, JudgeKind};
use crate::context::Context;
use crate::datasets::DatasetVersion;
use crate::errors::{HintExt as _, usage};
use crate::evaluation::{Evaluation, Remote, tokens_needed};
use crate::events::{self, Event};
use crate::model::{LoadedModel, open_model};
use crate::reserve;
use crate::run::{Checkpoint, Run};
use crate::suites;

/// Generate answers of base and checkpoints to the prompt suites
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage generate\n  affinage --set eval.checkpoints='[\"step-40\",\"last\"]' generate\n  \
    affinage --set eval.name=quick --set eval.prompts-per-suite=5 generate\n  \
    affinage generate --engine openai --base-url http://127.0.0.1:8000/v1 --base-name Qwen/Qwen2.5-0.5B-Instruct"
)]
pub struct GenerateArgs {
    /// Training run (default: the newest)
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Texts may go to the servers that are configured or named here, without asking
    #[arg(long)]
    pub yes: bool,
    /// Set by `eval --final`: the sealed prompts in place of the test prompts.
    #[arg(skip)]
    pub reserve: bool,
    /// Set by `eval --null-test`: the base model against itself.
    #[arg(skip)]
    pub null_test: bool,
}

/// Who answers in place of this program's engine.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Answers from elsewhere")]
struct Elsewhere {
    /// Who answers
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// Ask this OpenAI-compatible server, up to /v1; checkpoints are models of their names there (step-000145)
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
    /// The server to ask, if one is named. Errors: another machine without `--yes`; a key that is not set.
    fn remote(&self, yes: bool) -> anyhow::Result<Option<Remote>> {
        let Some(base_url) = &self.base_url else { return Ok(None) };
        if self.engine != Engine::Openai {
            return Err(usage("--base-url needs `--engine openai`"));
        }
        let host =
            base_url.split("://").nth(1).unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
        if !matches!(host, "127.0.0.1" | "localhost") && !yes {
            return Err(usage(format!("--base-url {base_url}: your prompts would go to `{host}`")))
                .hint("pass `--yes` if they may");
        }
        let key = match &self.api_key_env {
            None => None,
            Some(name) => {
                Some(std::env::var(name).map_err(|_| anyhow!("the environment variable {name} is not set"))?)
            }
        };
        let (base_name, concurrency) = (self.base_name.clone(), self.concurrency);
        Ok(Some(Remote { base_url: base_url.clone(), key, base_name, concurrency }))
    }
}

impl GenerateArgs {
    /// The answers of one run.
    pub fn of(run: String, yes: bool) -> Self {
        Self { run: Some(run), elsewhere: Elsewhere::default(), yes, reserve: false, null_test: false }
    }
}

pub fn run(ctx: &Context, args: GenerateArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let model = open_model(ctx, &ctx.config.model)?;
    let run = Run::open(&ctx.project, args.run.as_deref())?;
    let version = DatasetVersion::open(&ctx.project, Some(&run.dataset(&ctx.ui)?))?;
    let held_out = if args.reserve {
        suites::held_out(&reserve::open(ctx, &version)?, Split::Reserve)
    } else {
        suites::held_out(&version.rows("test", &ctx.ui)?, Split::Report)
    };
    let prompts = suites::chosen(ctx, &ctx.config, held_out)?;
    let mut plan = plan(ctx, &model, &run, &version, &prompts)?;
    plan.design.is_final = args.reserve;
    if args.null_test {
        against_itself(&mut plan)?;
    }
    let evaluation = Evaluation::fix(ctx, plan, prompts)?;
    let meets = |arm: &Arm, prompt: &Prompt| meets(&evaluation.plan, arm, prompt);
    if let Some(path) = &args.elsewhere.batch_out {
        let rows = evaluation.write_batch(ctx, &args.elsewhere.base_name, path, meets)?;
        ctx.ui.say(format!("{}: {rows} requests", path.display()));
        ctx.ui.hint("run them, then `affinage generate --batch-in RESULTS`");
        return if ctx.json { ctx.ui.json(&serde_json::json!({"v": 1, "requests": rows})) } else { Ok(()) };
    }
    if let Some(path) = &args.elsewhere.batch_in {
        let taken = evaluation.read_batch(ctx, path, meets)?;
        ctx.ui.say(format!(
            "{} answers taken, {} failed, {} answer nothing that is missing",
            taken.answers, taken.failed, taken.unknown
        ));
        return if ctx.json { ctx.ui.json(&taken) } else { Ok(()) };
    }
    if let Some(remote) = args.elsewhere.remote(args.yes)? {
        evaluation.generate_remotely(ctx, &remote, meets)?;
    }
    let mut engine = Model::load(&model.weights)?;
    engine.pack();
    fill(ctx, &model, &engine, &evaluation, &BTreeMap::new())?;
    if ctx.json {
        ctx.ui.json(
            &serde_json::json!({ "v": 1, "eval": evaluation.plan.name, "prompts": evaluation.prompts.len(),
            "arms": evaluation.plan.arms.iter().map(|arm| &arm.name).collect::<Vec<_>>() }),
        )?;
    }
    Ok(())
}

/// Generates every answer that a planned comparison needs, in-domain ones of all arms, and scores the fit.
///
/// `other_writer` has answers of another writer by question, for the control of that name.
pub fn fill(
    ctx: &Context,
    model: &LoadedModel,
    engine: &Model,
    evaluation: &Evaluation,
    other_writer: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    evaluation.generate(ctx, model, engine, |arm, prompt| meets(&evaluation.plan, arm, prompt))?;
    let headline = &evaluation.plan.headline;
    let in_headline = |arm: &Arm| arm.name == headline.arm || arm.name == headline.against;
    evaluation.score_fit(ctx, model, engine, other_writer, in_headline)
}

/// Whether an arm answers a prompt: a planned comparison needs it, or the fit of in-domain texts does.
fn meets(plan: &Plan, arm: &Arm, prompt: &Prompt) -> bool {
    let mut mine = plan.comparisons.iter().filter(|c| c.arm == arm.name || c.against == arm.name);
    prompt.domain == Domain::In || mine.any(|c| c.scope.covers(prompt))
}

/// The plan that `[eval]` and `[[judge]]` describe: every chosen checkpoint against base on all prompts, the last one
/// also against base with a system prompt and against base with examples on the in-domain ones. The headline is the
/// planned last step, never the best of many.
pub fn plan(
    ctx: &Context,
    model: &LoadedModel,
    run: &Run,
    version: &DatasetVersion,
    prompts: &[Prompt],
) -> anyhow::Result<Plan> {
    let config = &ctx.config;
    let last = run.resolve("last", &ctx.ui)?;
    let (asked_well, left_out) = with_room(ctx, model, asked_well(ctx, version)?, prompts)?;
    let mut arms = vec![Arm { name: "base".to_owned(), kind: ArmKind::Base }];
    arms.extend(asked_well.iter().cloned());
    let steps = checkpoints(ctx, run)?;
    arms.extend(steps.iter().map(|checkpoint| {
        let path = checkpoint.path.strip_prefix(&ctx.project).unwrap_or(&checkpoint.path);
        let kind = ArmKind::Checkpoint {
            step: checkpoint.step as u64,
            adapter_sha256: checkpoint.adapter_sha256.clone(),
            path: path.to_string_lossy().into_owned(),
        };
        Arm { name: checkpoint.name(), kind }
    }));
    let against = |arm: &str, against: &str, scope| PlannedComparison {
        arm: arm.to_owned(),
        against: against.to_owned(),
        scope,
    };
    let headline = against(&last.name(), "base", Scope::All);
    let mut comparisons = vec![headline.clone()];
    comparisons.extend(asked_well.iter().map(|arm| against(&last.name(), &arm.name, Scope::InDomain)));
    let earlier = steps.iter().filter(|checkpoint| checkpoint.step != last.step);
    comparisons.extend(earlier.map(|checkpoint| against(&checkpoint.name(), "base", Scope::All)));
    Ok(Plan {
        v: 1,
        name: config.eval.name.clone(),
        base_model: config.model.clone(),
        base_sha256: model.sha256.clone(),
        run: Some(run.name.clone()),
        dataset: Some(dataset_facts(version, prompts, ctx)?),
        arms,
        comparisons,
        headline,
        sampling: sampling(ctx),
        samples_per_prompt: config.eval.repeats.unwrap_or(config.generate.samples) as u32,
        seed: config.generate.seed,
        judges: config.judges.iter().map(planned_judge).collect(),
        alpha: 0.05,
        margin: 0.1,
        design: Design { left_out, ..design(ctx, run)? },
    })
}

/// Makes an A/A test of a plan: the base model against itself under other seeds, on all prompts.
fn against_itself(plan: &mut Plan) -> anyhow::Result<()> {
    if plan.sampling.temperature == 0.0 {
        return Err(usage("an A/A test needs answers that differ: generate.temperature is 0"))
            .hint("set it above 0: `affinage --set generate.temperature=0.7 eval --null-test`");
    }
    plan.arms.retain(|arm| arm.kind == ArmKind::Base);
    plan.arms.push(Arm { name: BASE_AGAIN.to_owned(), kind: ArmKind::Base });
    plan.headline =
        PlannedComparison { arm: BASE_AGAIN.to_owned(), against: "base".to_owned(), scope: Scope::All };
    plan.comparisons = vec![plan.headline.clone()];
    Ok(())
}

/// The arms whose prompts, answers and references fit into the model's context, and those that were left out.
fn with_room(
    ctx: &Context,
    model: &LoadedModel,
    arms: Vec<Arm>,
    prompts: &[Prompt],
) -> anyhow::Result<(Vec<Arm>, Vec<LeftOut>)> {
    let limit = model.weights.config().max_positions();
    let new_tokens = ctx.config.eval.lengths.iter().copied().chain([sampling(ctx).max_new_tokens]).max();
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for arm in arms {
        let in_domain = prompts.iter().filter(|prompt| prompt.domain == Domain::In);
        let needed = tokens_needed(model, &arm, in_domain, new_tokens.unwrap_or(0) as usize)?;
        if needed <= limit {
            kept.push(arm);
            continue;
        }
        let because =
            format!("its longest prompt takes {needed} tokens with the answer, the model has {limit}");
        ctx.ui.warn(format!("`{}` is left out: {because}", arm.name));
        left_out.push(LeftOut { arm: arm.name, because });
    }
    Ok((kept, left_out))
}

/// The chosen checkpoints and the last one, by step.
fn checkpoints(ctx: &Context, run: &Run) -> anyhow::Result<Vec<Checkpoint>> {
    let names = ctx.config.eval.checkpoints.iter().map(String::as_str).chain(["last"]);
    let mut steps: Vec<_> =
        names.map(|name| run.resolve(name, &ctx.ui)).collect::<anyhow::Result<Vec<_>>>()?;
    steps.sort_by_key(|checkpoint| checkpoint.step);
    steps.dedup_by_key(|checkpoint| checkpoint.step);
    Ok(steps)
}

/// What stands in for the user's own best prompt, until they write one.
const PLAIN_INSTRUCTION: &str = "Answer the question directly and with care. Think it through, say something of your own, \
and write in clear, complete sentences.";

/// The base model asked well: with a written instruction, and with accepted examples in front.
fn asked_well(ctx: &Context, version: &DatasetVersion) -> anyhow::Result<Vec<Arm>> {
    let config = &ctx.config.eval;
    let mut arms = Vec::new();
    let system_prompt = config.system_prompt.as_deref().unwrap_or(PLAIN_INSTRUCTION).trim();
    if !system_prompt.is_empty() {
        let kind = ArmKind::Prompted { system_prompt: system_prompt.to_owned() };
        arms.push(Arm { name: "base+prompt".to_owned(), kind });
    }
    let rows = version.rows("train", &ctx.ui)?;
    let examples = examples(&rows, config.examples, ctx.config.generate.seed);
    if !examples.is_empty() {
        let name = format!("base+{}-examples", examples.len());
        let messages = examples.iter().flat_map(|row| last_exchange(&row.messages)).cloned().collect();
        let example_ids = examples.iter().map(|row| row.example_id.clone()).collect();
        arms.push(Arm { name, kind: ArmKind::Examples { example_ids, messages } });
    }
    Ok(arms)
}

/// Longer exchanges would leave small models no room for the question.
const EXAMPLE_WORDS: usize = 220;

/// `count` training rows in a seeded order, of those whose last exchange is short.
fn examples(rows: &[DatasetRow], count: usize, seed: u64) -> Vec<&DatasetRow> {
    let words = |row: &DatasetRow| {
        last_exchange(&row.messages).iter().map(|m| m.content.split_whitespace().count()).sum::<usize>()
    };
    let mut short: Vec<&DatasetRow> =
        rows.iter().filter(|row| (1..=EXAMPLE_WORDS).contains(&words(row))).collect();
    short.sort_by_key(|row| affinage_eval::id::row_id("example", &[&seed.to_string(), &row.example_id]));
    short.truncate(count);
    short
}

/// The last question and its answer; nothing where a row does not end so.
fn last_exchange(messages: &[Message]) -> &[Message] {
    match messages {
        [.., asked, answer] if asked.role == Role::User && answer.role == Role::Assistant => {
            &messages[messages.len() - 2..]
        }
        _ => &[],
    }
}

/// Sweeps, readers and the schedule of the run, as they stand before the first answer.
fn design(ctx: &Context, run: &Run) -> anyhow::Result<Design> {
    let config = &ctx.config.eval;
    let own = sampling(ctx);
    let mut settings: Vec<Sampling> = Vec::new();
    settings.extend(config.temperatures.iter().map(|&temperature| Sampling { temperature, ..own.clone() }));
    settings.extend(config.lengths.iter().map(|&max_new_tokens| Sampling { max_new_tokens, ..own.clone() }));
    settings.retain(|setting| *setting != own);
    let audience = |a: &crate::config::Audience| Audience {
        name: a.name.clone(),
        weights: [a.creativity, a.coherence, a.depth, a.engagement, a.writing_quality],
    };
    let audiences: Vec<Audience> = config.audiences.iter().map(audience).collect();
    Ok(Design {
        settings,
        audiences: if audiences.is_empty() { default_audiences() } else { audiences },
        stops_early: ctx.config.judging.stop_early,
        left_out: Vec::new(),
        instruction_is_default: config.system_prompt.is_none(),
        is_final: false,
        schedule: schedule(ctx, run)?,
    })
}

/// The schedule of the run from its events and settings; `None` where it did not begin.
fn schedule(ctx: &Context, run: &Run) -> anyhow::Result<Option<TrainingSchedule>> {
    let records = events::read(&run.path, &ctx.ui)?;
    let started = records.iter().find_map(|record| match &record.event {
        Event::RunStarted(started) => Some(started),
        _ => None,
    });
    let Some(started) = started else { return Ok(None) };
    let epochs = records.iter().rev().find_map(|record| match &record.event {
        Event::TrainStep(step) => Some(step.epoch),
        _ => None,
    });
    let settings = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
    // The seed is no part of a recipe: three seeds of one recipe are three tries of it.
    let recipe = serde_json::to_string(&crate::config::Train { seed: 0, ..settings.train.clone() })?;
    let recipe = format!("{recipe}\n{}\n{}", started.base_sha256, started.dataset_sha256);
    Ok(Some(TrainingSchedule {
        steps: started.steps as u64,
        epochs: epochs.unwrap_or(0.0),
        is_finished: records.iter().any(|record| matches!(record.event, Event::Finished { .. })),
        recipe_sha256: affinage_eval::id::sha256_hex(recipe.as_bytes()),
        seed: settings.train.seed,
    }))
}

/// `[generate]`, with the evaluation's own limit of new tokens.
pub fn sampling(ctx: &Context) -> Sampling {
    let config = &ctx.config.generate;
    Sampling {
        temperature: config.temperature,
        top_p: config.top_p,
        top_k: config.top_k as u32,
        max_new_tokens: ctx.config.eval.max_new_tokens.unwrap_or(config.max_new_tokens) as u32,
    }
}

/// What the manifest says about leaks, and the same measure for the prompts of this evaluation.
pub fn dataset_facts(
    version: &DatasetVersion,
    prompts: &[Prompt],
    ctx: &Context,
) -> anyhow::Result<DatasetFacts> {
    version.check()?;
    let rows = version.rows("train", &ctx.ui)?;
    let train: Vec<Shingles> = rows
        .iter()
        .map(|row| {
            Shingles::of(&row.messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>())
        })
        .collect();
    let index = ContainmentIndex::new(&train);
    let overlap = |prompt: &Prompt| {
        let asked = Shingles::of(&[prompt.question(), prompt.reference.as_deref().unwrap_or_default()]);
        index.max_containment(&asked).map_or(0.0, |found| found.share)
    };
    Ok(DatasetFacts {
        version: version.name.clone(),
        train_examples: rows.len(),
        max_containment: Some(version.manifest.certificate.max_containment),
        writers: version.manifest.writers.clone(),
        max_prompt_containment: prompts.iter().map(overlap).reduce(f64::max),
    })
}

fn planned_judge(judge: &Judge) -> PlannedJudge {
    let kind = match judge.kind {
        JudgeKind::Local => PlannedKind::Local,
        JudgeKind::Anthropic => PlannedKind::Anthropic,
        JudgeKind::Openai => PlannedKind::Openai,
    };
    PlannedJudge {
        judge_id: judge.id.clone(),
        model: judge.model.clone(),
        kind,
        family: judge.family.clone(),
    }
}
