//! `affinage vote`: blind votes of people, in the browser or by a file for somebody else.

use std::path::PathBuf;

use affinage_eval::judgment::{VOTER_NAMES, is_voter_name};
use affinage_project::errors::{HintExt as _, usage};
use affinage_project::stages::evaluation::series;
use affinage_project::stages::judges::Evaluated;
use anyhow::anyhow;
use clap::Args;

use crate::context::Context;
use crate::human_votes::{Ballot, Poll, bring, judge_id, write_pack, write_recognition};
use crate::ui::counted;
use crate::ui::results::votes as results;
use crate::web::{Room, RoomArgs};

/// Blind votes of people, in the browser
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage vote --as me                  you: which is better, or which sounds more like you where you wrote the training texts\n  \
    affinage vote --as mira                somebody else, at this machine\n  \
    affinage vote --as anna --author       somebody else who wrote the training texts\n  \
    affinage vote --as ben --pack ben.html one file for a friend, who sends votes-ben.json back\n  \
    affinage vote --import votes-ben.json\n  affinage vote --which-is-me friends.html --called Anna\n                                         a page for friends: which text is real?"
)]
pub struct VoteArgs {
    /// Who votes: `me`, or somebody else's name or pseudonym, which is written to votes.jsonl
    #[arg(long = "as", value_name = "NAME", value_parser = name)]
    voter: Option<String>,
    /// The voter wrote the training texts, and so knows the voice: shown apart. `--as me` needs no `--author`
    #[arg(long, requires = "voter")]
    author: bool,
    /// Pairs to vote on: half at random, half where judges disagree, each with its chance kept; for the author those on own
    /// prompts first [default: 40]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pairs: Option<u32>,
    /// Write one page that somebody else can vote with, offline
    #[arg(long, value_name = "FILE", group = "page", conflicts_with = "import")]
    pack: Option<PathBuf>,
    /// Write one page for friends: which of two openings did you write, and which the trained model?
    #[arg(long, value_name = "FILE", group = "page", conflicts_with_all = ["voter", "import"])]
    which_is_me: Option<PathBuf>,
    /// What your friends call you, on that page [default: the author]
    #[arg(long, value_name = "NAME", requires = "which_is_me")]
    called: Option<String>,
    /// Read the votes that a page saved
    #[arg(long, value_name = "FILE", conflicts_with = "voter")]
    import: Option<PathBuf>,
    /// The evaluation below evals/; default: the newest finished one whose name is, or begins with, eval.name
    #[arg(long, value_name = "NAME")]
    eval: Option<String>,
    /// Also pack what is held private: a conversation by its key or title, or a file (repeatable)
    #[arg(long, value_name = "NAME", requires = "page")]
    send_private: Vec<String>,
    #[command(flatten)]
    room: RoomArgs,
}

fn name(text: &str) -> Result<String, String> {
    if is_voter_name(text) { Ok(text.to_owned()) } else { Err(format!("expected {VOTER_NAMES}")) }
}

pub fn run(ctx: &Context, args: VoteArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let eval = &series::meant(ctx, args.eval.as_deref())?;
    let evaluated = Evaluated::open(ctx, eval)?;
    if let Some(file) = &args.import {
        let brought = bring(ctx, &evaluated, file)?;
        results::say_brought(&ctx.ui, &brought);
        if ctx.json {
            ctx.ui.json(&brought)?;
        }
        ctx.ui.hint(together(ctx, eval));
        return Ok(());
    }
    if let Some(file) = &args.which_is_me {
        let called = args.called.as_deref();
        let written = write_recognition(ctx, &evaluated, called, file, &args.send_private)?;
        results::say_recognition(&ctx.ui, &written);
        if ctx.json {
            ctx.ui.json(&written)?;
        }
        ctx.ui.hint(
            "send the file to friends who may read these texts; it opens on a telephone, and sends nothing",
        );
        return Ok(());
    }
    let voter = args
        .voter
        .as_deref()
        .ok_or_else(|| usage("who votes?"))
        .hint("you: `affinage vote --as me`; somebody else at this machine: `affinage vote --as NAME`")?;
    let judge_id = judge_id(ctx, &evaluated, voter, args.author)?;
    let pairs = args.pairs.map(|pairs| pairs as usize);
    // Held while the ballot is drawn and its comparisons are kept: a vote itself waits for nobody but other votes.
    let lock = evaluated.folder.lock()?;
    let ballot = Ballot::new(ctx, &evaluated, &judge_id, pairs)?;
    if ballot.items.is_empty() {
        return Err(anyhow!("evals/{eval}: no pair of different answers to vote on"));
    }
    results::say_drawn(&ctx.ui, &ballot);
    match &args.pack {
        Some(file) => {
            let packed = write_pack(ctx, &evaluated, ballot, file, &args.send_private)?;
            results::say_packed(&ctx.ui, &packed);
            if ctx.json {
                ctx.ui.json(&packed)?;
            }
            let import = ctx.command_on(eval, "vote", "--import FILE");
            ctx.ui.hint(format!("give the file to the voter; what comes back: {import}"));
            Ok(())
        }
        None => {
            ballot.keep_comparisons(ctx)?;
            drop(lock);
            open_page(ctx, eval, ballot, &args.room)
        }
    }
}

/// What to do with votes.
fn together(ctx: &Context, eval: &str) -> String {
    format!(
        "what people and judges say together: {}, then {}",
        ctx.command_on(eval, "analyze", ""),
        ctx.command_on(eval, "report", "--open")
    )
}

fn open_page(ctx: &Context, eval: &str, ballot: Ballot, room: &RoomArgs) -> anyhow::Result<()> {
    let poll = Poll::open(ctx, ballot)?;
    let (before, _) = poll.progress();
    let room_args = room;
    let room = Room::open(room_args.port)?;
    room.announce(ctx, room_args, "the blind vote")?;
    room.serve(&|request| poll.answer(request, &request.path))?;
    let (done, total) = poll.progress();
    ctx.ui.say(format!(
        "{done} of {} voted on, {} of them now; everything is saved",
        counted(total, "screen", "screens"),
        done.saturating_sub(before)
    ));
    if done < total {
        ctx.ui.hint("run the same command again to continue");
    } else {
        ctx.ui.say(poll.screens().in_words());
        poll.checks().iter().for_each(|line| ctx.ui.say(line));
        ctx.ui.hint(together(ctx, eval));
    }
    Ok(())
}
