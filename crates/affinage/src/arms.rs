//! What `[[arm]]` names, as arms of a plan. Each is opened once to be hashed and is loaded again when its turn comes.

use std::path::Path;

use affinage_engine::checkpoint::{adapter_sha256, load_adapter};
use affinage_eval::design::LeftOut;
use affinage_eval::plan::{Arm, ArmKind, DatasetFacts, OtherModel, PlannedComparison, Scope};
use affinage_eval::suite::{Domain, Prompt};
use anyhow::{Context as _, anyhow};

use crate::commands::generate::{dataset_facts, sampling};
use crate::config;
use crate::context::Context;
use crate::datasets::DatasetVersion;
use crate::errors::HintExt as _;
use crate::evaluation::tokens_needed;
use crate::judges::server::{host, is_loopback};
use crate::model::{LoadedModel, open_model};
use crate::provenance::Provenance;
use crate::run::Run;

/// The configured arms that have room, and those that have none.
#[derive(Default)]
pub struct Configured {
    pub arms: Vec<Arm>,
    pub left_out: Vec<LeftOut>,
}

/// Whether an `[[arm]]` is asked on another machine.
pub fn leave_machine(ctx: &Context) -> bool {
    let mut urls = ctx.config.arms.iter().filter_map(|arm| arm.base_url.as_deref());
    urls.any(|url| !is_loopback(host(url)))
}

/// Opens what `[[arm]]` names.
///
/// Errors: no such adapter or model; an adapter that does not fit its model.
pub fn configured(ctx: &Context, base: &LoadedModel, prompts: &[Prompt]) -> anyhow::Result<Configured> {
    let mut found = Configured::default();
    for wanted in &ctx.config.arms {
        let of_arm = || format!("[[arm]] `{}`", wanted.name);
        let (arm, room) = opened(ctx, base, wanted, prompts).with_context(of_arm)?;
        match room {
            Some(left_out) => {
                ctx.ui.warn(format!("`{}` is left out: {}", arm.name, left_out.because));
                found.left_out.push(left_out);
            }
            None => found.arms.push(arm),
        }
    }
    Ok(found)
}

fn opened(
    ctx: &Context,
    base: &LoadedModel,
    wanted: &config::Arm,
    prompts: &[Prompt],
) -> anyhow::Result<(Arm, Option<LeftOut>)> {
    let named = |kind| Arm { name: wanted.name.clone(), kind };
    if let (Some(model), Some(base_url)) = (&wanted.model, &wanted.base_url) {
        let kind = ArmKind::Remote { model: model.clone(), base_url: base_url.clone() };
        return Ok((named(kind), None));
    }
    let other = wanted.model.as_ref().map(|spec| open_model(ctx, spec)).transpose()?;
    let model = other.as_ref().unwrap_or(base);
    let on = wanted.model.clone().map(|spec| OtherModel { model: spec, sha256: model.sha256.clone() });
    let arm = named(match &wanted.adapter {
        // A base under another name is the base.
        Some(path) => adapter(ctx, model, path, on.filter(|on| on.sha256 != base.sha256), prompts)?,
        None => ArmKind::Model(on.expect("the configuration has an adapter or a model")),
    });
    let met = prompts.iter().filter(|prompt| prompt.domain == Domain::In || wanted.scope == Scope::All);
    let room = no_room(ctx, model, &arm, met)?;
    Ok((arm, room))
}

/// An adapter folder on a model, as the kind of an arm. `path` is relative to the project folder.
///
/// Errors: the folder cannot be read, does not fit the model, or was trained on another base.
pub fn adapter(
    ctx: &Context,
    model: &LoadedModel,
    path: &Path,
    on: Option<OtherModel>,
    prompts: &[Prompt],
) -> anyhow::Result<ArmKind> {
    let dir = ctx.project.join(path);
    let adapter = load_adapter(&dir, model.weights.config())
        .hint("an adapter is a folder with adapter_config.json and adapter_model.safetensors (peft)")?;
    let run = run_of(ctx, &dir)?;
    if let Some(run) = &run {
        let trained_on = Provenance::read(&run.path)?.sha256.remove("base");
        if trained_on.as_ref().is_some_and(|sha256| *sha256 != model.sha256) {
            return Err(anyhow!(
                "{} was trained on another base than {} (SHA-256 differs)",
                ctx.shown(&dir),
                model.name
            ))
            .hint("name its own base beside it: `model = \"...\"`");
        }
    }
    Ok(ArmKind::Adapter {
        adapter_sha256: adapter_sha256(&adapter),
        path: path.to_string_lossy().into_owned(),
        on,
        trained_on: match run {
            Some(run) => trained_on(ctx, &run, prompts)?.map(Box::new),
            None => None,
        },
    })
}

/// The run of this project in whose `checkpoints/` a folder lies.
fn run_of(ctx: &Context, dir: &Path) -> anyhow::Result<Option<Run>> {
    let Ok(dir) = fs_err::canonicalize(dir) else { return Ok(None) };
    let Some(run_dir) = dir.parent().and_then(Path::parent) else { return Ok(None) };
    Ok(Run::list(&ctx.project)?.into_iter().find(|run| run.path == run_dir))
}

/// The data of a run, and how near they come to the prompts; `None` where the version is gone.
fn trained_on(ctx: &Context, run: &Run, prompts: &[Prompt]) -> anyhow::Result<Option<DatasetFacts>> {
    let name = run.dataset(&ctx.ui)?;
    let version = DatasetVersion::list(&ctx.project)?.into_iter().find(|version| version.name == name);
    version.map(|version| dataset_facts(&version, prompts, ctx)).transpose()
}

/// Why an arm cannot answer: a prompt, its answer or its reference does not fit into the model's context.
pub fn no_room<'p>(
    ctx: &Context,
    model: &LoadedModel,
    arm: &Arm,
    prompts: impl Iterator<Item = &'p Prompt>,
) -> anyhow::Result<Option<LeftOut>> {
    let limit = model.weights.config().max_positions();
    let new_tokens = ctx.config.eval.lengths.iter().copied().chain([sampling(ctx).max_new_tokens]).max();
    let needed = tokens_needed(model, arm, prompts, new_tokens.unwrap_or(0) as usize)?;
    if needed <= limit {
        return Ok(None);
    }
    let because = format!("its longest prompt takes {needed} tokens with the answer, the model has {limit}");
    Ok(Some(LeftOut { arm: arm.name.clone(), because }))
}

/// The comparisons that `[[arm]]` asks for, among the arms of the plan. Where one side is a checkpoint of the run, the
/// win rate is the checkpoint's.
///
/// Errors: `against` names what is no arm of this evaluation.
pub fn comparisons(
    ctx: &Context,
    arms: &[Arm],
    left_out: &[LeftOut],
    last: &str,
) -> anyhow::Result<Vec<PlannedComparison>> {
    let find = |name: &str| arms.iter().find(|arm| arm.name == name);
    let mut comparisons = Vec::new();
    for wanted in ctx.config.arms.iter().filter(|wanted| find(&wanted.name).is_some()) {
        for against in &wanted.against {
            let name = if against == "last" { last } else { against.as_str() };
            if left_out.iter().any(|left| left.arm == name) {
                continue;
            }
            let Some(other) = find(name) else {
                let known: Vec<String> = arms.iter().map(|arm| format!("`{}`", arm.name)).collect();
                let problem = "which is no arm of this evaluation";
                return Err(anyhow!("[[arm]] `{}` is to meet `{against}`, {problem}", wanted.name))
                    .hint(format!("there are `last`, {}", known.join(", ")));
            };
            let (mine, theirs) = (wanted.name.clone(), other.name.clone());
            let (arm, against) = if other.step().is_some() { (theirs, mine) } else { (mine, theirs) };
            comparisons.push(PlannedComparison { arm, against, scope: wanted.scope });
        }
    }
    Ok(comparisons)
}
