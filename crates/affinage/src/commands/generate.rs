//! `affinage generate`: what base and checkpoints answer to the prompts of the suites.

use affinage_dataset::shingle::{ContainmentIndex, Shingles};
use affinage_engine::model::Model;
use affinage_eval::completion::Sampling;
use affinage_eval::plan::{
    Arm, ArmKind, DatasetFacts, JudgeKind as PlannedKind, Plan, PlannedComparison, PlannedJudge, Scope,
};
use affinage_eval::suite::{Domain, Prompt};
use clap::Args;
use std::collections::BTreeMap;

use crate::config::{Judge, JudgeKind};
use crate::context::Context;
use crate::datasets::DatasetVersion;
use crate::evaluation::Evaluation;
use crate::model::{LoadedModel, open_model};
use crate::run::Run;
use crate::suites;

/// Generate answers of base and checkpoints to the prompt suites
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage generate\n  affinage --set eval.checkpoints='[\"step-40\",\"last\"]' generate\n  \
    affinage --set eval.name=quick --set eval.prompts-per-suite=5 generate"
)]
pub struct GenerateArgs {
    /// Training run (default: the newest)
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

impl GenerateArgs {
    /// The answers of one run.
    pub fn of(run: String) -> Self {
        Self { run: Some(run) }
    }
}

pub fn run(ctx: &Context, args: GenerateArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let model = open_model(ctx, &ctx.config.model)?;
    let run = Run::open(&ctx.project, args.run.as_deref())?;
    let version = DatasetVersion::open(&ctx.project, Some(&run.dataset(&ctx.ui)?))?;
    let prompts = suites::chosen(ctx, &ctx.config, &version.rows("test", &ctx.ui)?)?;
    let plan = plan(ctx, &model, &run, &version, &prompts)?;
    let evaluation = Evaluation::fix(ctx, plan, prompts)?;
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
    let plan = &evaluation.plan;
    let compared = |arm: &Arm, prompt: &Prompt| {
        let mine = plan.comparisons.iter().filter(|c| c.arm == arm.name || c.against == arm.name);
        prompt.domain == Domain::In || mine.into_iter().any(|c| c.scope.covers(prompt))
    };
    evaluation.generate(ctx, model, engine, compared)?;
    let headline = &plan.headline;
    let in_headline = |arm: &Arm| arm.name == headline.arm || arm.name == headline.against;
    evaluation.score_fit(ctx, model, engine, other_writer, in_headline)
}

/// The plan that `[eval]` and `[[judge]]` describe: every chosen checkpoint against base on all prompts, the last one
/// also against base with a system prompt on the in-domain ones. The headline is the planned last step, never the best
/// of many.
pub fn plan(
    ctx: &Context,
    model: &LoadedModel,
    run: &Run,
    version: &DatasetVersion,
    prompts: &[Prompt],
) -> anyhow::Result<Plan> {
    let config = &ctx.config;
    let last = run.resolve("last", &ctx.ui)?;
    let mut arms = vec![Arm { name: "base".to_owned(), kind: ArmKind::Base }];
    if let Some(system_prompt) = &config.eval.system_prompt {
        let kind = ArmKind::Prompted { system_prompt: system_prompt.clone() };
        arms.push(Arm { name: "base+prompt".to_owned(), kind });
    }
    let mut steps: Vec<_> = config
        .eval
        .checkpoints
        .iter()
        .map(|name| run.resolve(name, &ctx.ui))
        .collect::<anyhow::Result<Vec<_>>>()?;
    steps.push(last.clone());
    steps.sort_by_key(|checkpoint| checkpoint.step);
    steps.dedup_by_key(|checkpoint| checkpoint.step);
    for checkpoint in &steps {
        let path = checkpoint.path.strip_prefix(&ctx.project).unwrap_or(&checkpoint.path);
        let kind = ArmKind::Checkpoint {
            step: checkpoint.step as u64,
            adapter_sha256: checkpoint.adapter_sha256.clone(),
            path: path.to_string_lossy().into_owned(),
        };
        arms.push(Arm { name: checkpoint.name(), kind });
    }
    let against = |arm: &str, against: &str, scope| PlannedComparison {
        arm: arm.to_owned(),
        against: against.to_owned(),
        scope,
    };
    let headline = against(&last.name(), "base", Scope::All);
    let mut comparisons = vec![headline.clone()];
    if config.eval.system_prompt.is_some() {
        comparisons.push(against(&last.name(), "base+prompt", Scope::InDomain));
    }
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
        samples_per_prompt: config.generate.samples as u32,
        seed: config.generate.seed,
        judges: config.judges.iter().map(planned_judge).collect(),
        alpha: 0.05,
        margin: 0.1,
    })
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
