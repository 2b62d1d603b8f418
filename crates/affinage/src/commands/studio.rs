//! `affinage studio`: the whole story on one page.

use clap::Args;

use crate::context::Context;
use crate::studio::Studio;
use crate::web::{Room, RoomArgs};

/// The whole story in the browser: bring, choose, train, talk, compare, vote, report
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage studio\n  affinage -C my-voice studio\n  affinage studio --no-open --port 8400\n\n\
    `affinage` alone opens it too. Everything is in the project folder: the page and the commands show the same."
)]
pub struct StudioArgs {
    #[command(flatten)]
    room: RoomArgs,
}

pub fn run(ctx: &Context, args: StudioArgs) -> anyhow::Result<()> {
    open(ctx, &args.room)
}

/// Opens the studio until Ctrl-C.
pub fn open(ctx: &Context, args: &RoomArgs) -> anyhow::Result<()> {
    let studio = Studio::open(ctx);
    let room = Room::open(args.port)?;
    room.announce(ctx, args, "the studio")?;
    let served = room.serve(&|request| studio.answer(request));
    studio.close();
    served?;
    ctx.ui.say("everything is saved; `affinage studio` goes on here");
    Ok(())
}
