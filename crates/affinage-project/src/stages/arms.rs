//! What `[[arm]]` names, as arms of a plan. Each is opened once to be hashed and is loaded again when its turn comes.

use std::path::Path;

use affinage_engine::checkpoint::{AdapterFiles, adapter_sha256, load_adapter};
use affinage_eval::design::LeftOut;
use affinage_eval::plan::{Arm, ArmKind, DatasetFacts, OtherModel, PlannedComparison, Scope};
use affinage_eval::suite::{Domain, Prompt};
use anyhow::{Context as _, anyhow};

use crate::client::http::leaves_machine;
use crate::errors::HintExt as _;
use crate::folder::config;
use crate::folder::datasets::DatasetVersion;
use crate::folder::project::Project;
use crate::folder::provenance::Provenance;
use crate::folder::run::Run;
use crate::model::{LoadedModel, open_model};
use crate::stages::evaluation::plan::{TrainingSide, sampling};
use crate::stages::evaluation::tokens_needed;

/// The configured arms that have room, and those that have none.
#[derive(Default)]
pub struct Configured {
    pub arms: Vec<Arm>,
    pub left_out: Vec<LeftOut>,
}

/// Whether an `[[arm]]` is asked on another machine.
pub fn leave_machine(ctx: &Project) -> bool {
    let mut urls = ctx.config.arms.iter().filter_map(|arm| arm.base_url.as_deref());
    urls.any(leaves_machine)
}

/// Opens what `[[arm]]` names. `facts` are those of the data that the evaluated run was trained on.
///
/// Errors: no such adapter or model; an adapter that does not fit its model.
pub fn configured(
    ctx: &Project,
    base: &LoadedModel,
    prompts: &[Prompt],
    facts: &DatasetFacts,
) -> anyhow::Result<Configured> {
    let mut found = Configured::default();
    for wanted in &ctx.config.arms {
        let of_arm = || format!("[[arm]] `{}`", wanted.name);
        let (arm, room) = opened(ctx, base, wanted, (prompts, facts)).with_context(of_arm)?;
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
    ctx: &Project,
    base: &LoadedModel,
    wanted: &config::Arm,
    (prompts, facts): (&[Prompt], &DatasetFacts),
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
        Some(path) => adapter(ctx, model, path, on.filter(|on| on.sha256 != base.sha256), (prompts, facts))?,
        None => ArmKind::Model(on.expect("the configuration has an adapter or a model")),
    });
    let met = prompts.iter().filter(|prompt| prompt.domain == Domain::In || wanted.scope == Scope::All);
    let room = no_room(ctx, model, &arm, met)?;
    Ok((arm, room))
}

/// An adapter on a model, as the kind of an arm. `path` is relative to the project folder.
///
/// Errors: the adapter cannot be read, does not fit the model, or was trained on another base.
pub fn adapter(
    ctx: &Project,
    model: &LoadedModel,
    path: &Path,
    on: Option<OtherModel>,
    (prompts, facts): (&[Prompt], &DatasetFacts),
) -> anyhow::Result<ArmKind> {
    let dir = ctx.project.join(path);
    let adapter = load_adapter(&dir, model.weights.config())?;
    let run = run_of(ctx, &dir)?;
    if run.is_none() {
        warn_of_another_base(ctx, &dir, model);
    }
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
            Some(run) => trained_on(ctx, &run, prompts, facts)?.map(Box::new),
            None => None,
        },
    })
}

/// Says so where an adapter names another base than the model it is put on. A name proves nothing, so this is no error.
pub fn warn_of_another_base(ctx: &Project, path: &Path, model: &LoadedModel) {
    let named = AdapterFiles::find(path).ok().and_then(|files| files.base());
    let Some(named) = named.filter(|named| !is_named(model, named)) else { return };
    ctx.ui.warn(format!(
        "{} says that it was trained on `{named}`, and is put on `{}`: on other weights it is not what was trained",
        ctx.shown(path),
        model.hub_id.as_deref().unwrap_or(&model.name)
    ));
}

fn is_named(model: &LoadedModel, named: &str) -> bool {
    let known = [Some(&model.name), model.hub_id.as_ref()].into_iter().flatten();
    known.into_iter().any(|known| bare_name(known) == bare_name(named))
}

/// A model's name without owner, folder and file ending, in lower case; of a path in the Hub's cache, the model's.
fn bare_name(name: &str) -> String {
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    let cached = parts.iter().find_map(|part| part.strip_prefix("models--")?.rsplit("--").next());
    let last = cached.or(parts.last().copied()).unwrap_or_default().to_lowercase();
    last.strip_suffix(".gguf").unwrap_or(&last).to_owned()
}

/// The run of this project in whose `checkpoints/` a folder lies.
fn run_of(ctx: &Project, dir: &Path) -> anyhow::Result<Option<Run>> {
    let Ok(dir) = fs_err::canonicalize(dir) else { return Ok(None) };
    let Some(run_dir) = dir.parent().and_then(Path::parent) else { return Ok(None) };
    Ok(Run::list(&ctx.project)?.into_iter().find(|run| run.path == run_dir))
}

/// The data of a run, and how near they come to the prompts; `None` where the version is gone. `known` are such facts of one
/// version, which are not measured again.
fn trained_on(
    ctx: &Project,
    run: &Run,
    prompts: &[Prompt],
    known: &DatasetFacts,
) -> anyhow::Result<Option<DatasetFacts>> {
    let name = run.dataset(&ctx.ui)?;
    if name == known.version {
        return Ok(Some(known.clone()));
    }
    let version = DatasetVersion::list(&ctx.project)?.into_iter().find(|version| version.name == name);
    let facts =
        |version: DatasetVersion| Ok(TrainingSide::read(&version, &ctx.ui)?.facts(&version, prompts).0);
    version.map(facts).transpose()
}

/// Why an arm cannot answer: a prompt, its answer or its reference does not fit into the model's context.
pub fn no_room<'p>(
    ctx: &Project,
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
    ctx: &Project,
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

#[cfg(test)]
mod tests {
    use super::bare_name;

    #[test]
    fn names_of_one_model_are_one_name() {
        for (name, bare) in [
            ("Qwen/Qwen2.5-0.5B-Instruct", "qwen2.5-0.5b-instruct"),
            ("qwen2.5-0.5b-instruct", "qwen2.5-0.5b-instruct"),
            ("/srv/models/Qwen2.5-0.5B-Instruct/", "qwen2.5-0.5b-instruct"),
            ("C:\\models\\Qwen2.5-0.5B-Instruct.gguf", "qwen2.5-0.5b-instruct"),
            ("/c/hub/models--Qwen--Qwen2.5-0.5B-Instruct/snapshots/7ae5/", "qwen2.5-0.5b-instruct"),
            ("unsloth/Qwen2.5-0.5B-Instruct-bnb-4bit", "qwen2.5-0.5b-instruct-bnb-4bit"),
            ("", ""),
        ] {
            assert_eq!(bare_name(name), bare, "{name}");
        }
    }
}
