//! `affinage vote`: blind votes of people, in the browser or by a file for somebody else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use affinage_eval::human_votes::{Draw, Said, Screens, SessionEvent, too_few};
use affinage_eval::judgment::{AUTHOR, VOTER, is_person};
use affinage_project::errors::{HintExt as _, usage};
use affinage_project::nearest::read_text;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::judges::{Evaluated, Sources};
use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::context::Context;
use crate::human_votes::{Ballot, Brought, Packed, Poll, Returned, VoteFiles, html, judge_id};
use crate::ui::{bytes, counted};
use crate::web::{Room, RoomArgs};

/// Blind votes of people, in the browser
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage vote --as me                  you: which is better, or which sounds more like you where you wrote the training texts\n  \
    affinage vote --as mira                somebody else, at this machine\n  \
    affinage vote --as anna --author       somebody else who wrote the training texts\n  \
    affinage vote --as ben --pack ben.html one file for a friend, who sends votes-ben.json back\n  \
    affinage vote --import votes-ben.json"
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
    #[arg(long, value_name = "FILE", conflicts_with = "import")]
    pack: Option<PathBuf>,
    /// Read the votes that a page saved
    #[arg(long, value_name = "FILE", conflicts_with = "voter")]
    import: Option<PathBuf>,
    /// The evaluation below evals/; default: the newest finished one whose name is, or begins with, eval.name
    #[arg(long, value_name = "NAME")]
    eval: Option<String>,
    /// Also pack what is held private: a conversation by its key or title, or a file (repeatable)
    #[arg(long, value_name = "NAME", requires = "pack")]
    send_private: Vec<String>,
    #[command(flatten)]
    room: RoomArgs,
}

/// A voter's name is part of an id.
fn name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty()
        && text.len() <= 40
        && text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("expected up to 40 letters, digits, `-`, `_` and `.`".to_owned())
    }
}

pub fn run(ctx: &Context, args: VoteArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let eval = &series::meant(ctx, args.eval.as_deref())?;
    let evaluated = Evaluated::open(ctx, eval)?;
    if let Some(file) = &args.import {
        return import(ctx, &evaluated, file);
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
    let Draw { preferred: (drawn, preferred), others: (others_drawn, others) } = ballot.draw;
    let of = counted(preferred, "pair", "pairs");
    let beside = format!("{others_drawn} of {}", counted(others, "other", "others"));
    match (ballot.own_first, preferred) {
        (true, 0) => ctx.ui.say("no pair is on a prompt of the data set: all are on other prompts"),
        (true, _) => {
            let beside = if others == 0 { String::new() } else { format!(", before {beside}") };
            ctx.ui.say(format!("drawn: {drawn} of {of} on prompts that were held out of the data set{beside}"));
        }
        (false, 0) => {}
        (false, _) => ctx.ui.say(format!(
            "drawn: {drawn} of {of} on which judges disagree, {beside}; every figure weighs them by these chances"
        )),
    }
    let pairs = ballot.to_compare();
    if let Some(few) = too_few(pairs) {
        ctx.ui.warn(format!(
            "the answers differ in {}: {few}; `affinage eval` with more prompts makes another evaluation, without these votes",
            counted(pairs, "pair", "pairs")
        ));
    }
    match &args.pack {
        Some(file) => pack(ctx, &evaluated, ballot, file, &args.send_private),
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

fn pack(
    ctx: &Context,
    evaluated: &Evaluated,
    mut ballot: Ballot,
    file: &Path,
    send_private: &[String],
) -> anyhow::Result<()> {
    let sources = Sources::of(ctx, evaluated, send_private)?;
    let all = ballot.items.len();
    ballot.without_private(&sources);
    let left_out = all - ballot.items.len();
    ballot.keep_comparisons(ctx)?;
    let page = html(&ballot)?;
    fs_err::write(file, &page)?;
    ctx.ui.say(format!(
        "{}: {}, {}; it holds texts of",
        file.display(),
        Screens::of(&ballot.items).in_words(),
        bytes(page.len() as u64)
    ));
    sources.shown().iter().for_each(|line| ctx.ui.say(format!("  {line}")));
    let whole = ballot.items.iter().filter(|item| item.is_gold());
    let whole: BTreeSet<&str> =
        whole.filter_map(|item| sources.of_prompt(&item.call.comparison.prompt_id)).collect();
    if !whole.is_empty() {
        ctx.ui.warn(format!(
            "it also holds whole texts of yours, each beside a damaged copy, which tell whether the voter reads: from {}; hold \
             private what nobody may read (`affinage review`), and write the file again",
            whole.into_iter().collect::<Vec<&str>>().join(", ")
        ));
    }
    if left_out > 0 {
        ctx.ui.say(format!(
            "left out, because their conversations are held private: {}",
            counted(left_out, "screen", "screens")
        ));
    }
    if ctx.json {
        ctx.ui.json(&Packed { v: 1, file, items: ballot.items.len(), left_out })?;
    }
    let import = ctx.command_on(&evaluated.plan.name, "vote", "--import FILE");
    ctx.ui.hint(format!("give the file to the voter; what comes back: {import}"));
    Ok(())
}

fn import(ctx: &Context, evaluated: &Evaluated, file: &Path) -> anyhow::Result<()> {
    let text = read_text(file)?;
    let returned: Returned = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a file of votes", file.display()))
        .hint("expected the file that a page of `affinage vote --pack` saves")?;
    if returned.affinage_votes != 1 || !is_person(&returned.voter) {
        return Err(anyhow!("{}: votes of another version of affinage", file.display()));
    }
    let _lock = evaluated.folder.lock()?;
    let ballot = Ballot::new(ctx, evaluated, &returned.voter, Some(returned.pairs))?;
    // All or nothing: a file with one strange vote is not to be trusted in part.
    let mut votes = Vec::new();
    for (number, vote) in returned.votes.iter().enumerate() {
        let place = || format!("{}: vote {}", file.display(), number + 1);
        let item = ballot.items.iter().find(|item| item.id == vote.id);
        let item = item
            .ok_or_else(|| anyhow!("{}: no such pair in evals/{}", place(), evaluated.plan.name))
            .hint("the pack was made from another evaluation, or its answers have changed; name it with `--eval`")?;
        let said = Said::parse(&vote.said, &item.call)
            .ok_or_else(|| anyhow!("{}: `{}` is not a vote on this pair", place(), vote.said))?;
        votes.push((item, said, vote.ms, vote.at));
    }
    ballot.keep_comparisons(ctx)?;
    let mut files = VoteFiles::open(ballot.folder(), &returned.voter, &ballot.items, &ctx.ui)?;
    let added = files.change(&ballot.items, |files| {
        let mut added = 0;
        for (item, said, ms, at) in votes {
            if !files.is_done(&item.id) {
                files.add(item, &said, ms, at)?;
                added += 1;
            }
        }
        if added > 0 {
            files.note(SessionEvent::Imported { votes: added })?;
        }
        Ok(added)
    })?;
    let all = returned.votes.len();
    let named =
        [VOTER, AUTHOR].iter().find_map(|kind| returned.voter.strip_prefix(kind)).unwrap_or(&returned.voter);
    let voted = Screens::of(ballot.items.iter().filter(|item| files.is_done(&item.id))).in_words();
    let answered = counted(all, "answered screen", "answered screens");
    ctx.ui.say(format!("{answered} of {named}, {added} of them new; voted on so far: {voted}"));
    files.checks(&ballot.items).iter().for_each(|line| ctx.ui.say(line));
    if ctx.json {
        ctx.ui.json(&Brought { v: 1, voter: &returned.voter, votes: all, new: added })?;
    }
    ctx.ui.hint(together(ctx, &evaluated.plan.name));
    Ok(())
}
