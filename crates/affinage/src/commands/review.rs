//! `affinage review`: the desk in the browser, or decisions as a JSONL file, out and back in.

use std::path::PathBuf;

use affinage_project::folder::lock::FolderLock;
use affinage_project::next::next;
use affinage_project::stages::cards;
use affinage_project::stages::freeze::{FIRST_MODEL_EXAMPLES, next_step};
use clap::Args;

use crate::context::Context;
use crate::desk::{Desk, first_model_command};
use crate::studio::jobs::Jobs;
use crate::ui::results::cards as results;
use crate::ui::{count, counted};
use crate::web::{Room, RoomArgs};

/// Decide what to learn from: accept, reject or edit each answer
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage review                          the desk, in your browser\n  \
    affinage review --export cards.jsonl     then fill in \"decision\" in each line\n  \
    affinage review --import cards.jsonl")]
pub struct ReviewArgs {
    /// Write all cards with their answers, flags and decisions
    #[arg(long, value_name = "FILE", conflicts_with = "import")]
    pub export: Option<PathBuf>,
    /// Read decisions: lines with `decision` set to accept, reject or edit
    #[arg(long, value_name = "FILE")]
    pub import: Option<PathBuf>,
    #[command(flatten)]
    pub room: RoomArgs,
}

pub fn run(ctx: &Context, args: ReviewArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    match (args.export, args.import) {
        (Some(file), _) => {
            let written = cards::write(ctx, &file)?;
            results::say_written(&ctx.ui, &written);
            if ctx.json { ctx.ui.json(&written) } else { Ok(()) }
        }
        (None, Some(file)) => {
            let taken = cards::read(ctx, &file)?;
            results::say_taken(&ctx.ui, &taken);
            if ctx.json { ctx.ui.json(&taken) } else { Ok(()) }
        }
        (None, None) => open_desk(ctx, &args.room),
    }
}

/// Serves the desk until Ctrl-C. Candidates are read beside it, so the first card is there at once.
fn open_desk(ctx: &Context, args: &RoomArgs) -> anyhow::Result<()> {
    let _lock = FolderLock::acquire(&ctx.project)?;
    let jobs = Jobs::default();
    let desk = Desk::open(ctx, jobs.clone())?;
    let before = desk.decided();
    let room = Room::open(args.port)?;
    room.announce(ctx, args, "the review desk")?;
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| desk.read_library(ctx));
        scope.spawn(|| desk.write_drafts(ctx));
        room.serve(&|request| desk.answer(ctx, request, &request.path))?;
        reading.join().expect("reading the library does not panic")
    })?;
    jobs.end(&ctx.ui);
    let decided = desk.decided();
    ctx.ui.say(format!(
        "{} decided, {} of them now; everything is saved",
        counted(decided, "card", "cards"),
        count(decided.saturating_sub(before) as u64)
    ));
    match desk.private() {
        0 => {}
        private => ctx.ui.say(format!(
            "{} held private, and no training or judge gets {}",
            counted(private, "card is", "cards are"),
            if private == 1 { "it" } else { "them" }
        )),
    }
    let untouched = format!(
        "{} also takes cards that you have not decided on, where lint finds nothing against them",
        first_model_command().words("--accept-clean")
    );
    if let Some(step) = next_step(ctx)? {
        ctx.ui.hint(step.to_string());
    } else if desk.accepted() >= FIRST_MODEL_EXAMPLES {
        ctx.ui.hint(format!(
            "enough for a first model to talk to: {} freezes, trains, answers and reports; {untouched}",
            first_model_command()
        ));
    } else if decided > 0 {
        ctx.ui.hint(format!(
            "go on with {}; or freeze what you accepted: {}; {untouched}",
            next("review"),
            next("dataset")
        ));
    } else if desk.has_cards() {
        ctx.ui.hint(untouched);
    }
    Ok(())
}
