//! `affinage report`: one self-contained page from the files of an evaluation, offline.

use std::path::Path;

use affinage_project::errors::HintExt as _;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::report::{Written, texts_held, write};
use affinage_report::evidence::Evidence;
use affinage_report::markdown;
use anyhow::Context as _;
use clap::Args;

use crate::context::Context;
use crate::ui::{bytes, counted};
use crate::web::{OPENER, has_desktop, show};

/// Draw report.html from an evaluation's files, offline
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  affinage report --open\n  affinage report --eval first-look --md\n  affinage report --thread"
)]
pub struct ReportArgs {
    /// The evaluation, a folder below evals/; default: the newest finished one whose name is, or begins with, eval.name
    #[arg(long, value_name = "NAME")]
    pub eval: Option<String>,
    /// Show the page in the browser
    #[arg(long)]
    pub open: bool,
    /// Print the first screen as Markdown too
    #[arg(long, conflicts_with = "json")]
    pub md: bool,
    /// Print it as a short thread for social media
    #[arg(long, conflicts_with_all = ["json", "md"])]
    pub thread: bool,
}

/// Whether the page of an evaluation that ended is opened, or is offered to whoever sits before the terminal.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    pub open: bool,
    pub offer: bool,
}

/// The end of an evaluation: its answer card, its page, and the page opened where somebody wants to see it. With `--json`
/// the analysis is the only output.
pub fn conclude(ctx: &Context, eval: &str, Opening { open, offer }: Opening) -> anyhow::Result<()> {
    let analysis = super::analyze::computed(ctx, eval)?;
    let (Written { report: path, .. }, evidence) = write(&ctx.as_stage(), eval)?;
    // After the page: the commands of the card name the evaluation where it is not the one meant, and now it is whole.
    super::analyze::show(ctx, eval, &analysis, false)?;
    if !ctx.json {
        texts_held(&evidence).iter().for_each(|held| ctx.ui.say(held));
        ctx.ui.data(&format!("\nReport: {}", as_typed(&path).display()))?;
    }
    if open || (offer && is_wanted(ctx, "Open it in the browser?")) {
        open_in_browser(ctx, &path)?;
    }
    Ok(())
}

/// Asks where somebody sits before a terminal and a browser; elsewhere the answer is no.
pub fn is_wanted(ctx: &Context, question: &str) -> bool {
    !ctx.json && ctx.ui.is_watched() && has_desktop() && ctx.ui.confirm(question).is_ok_and(|yes| yes)
}

/// Relative to the working directory where it lies inside.
fn as_typed(path: &Path) -> &Path {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(&here).ok()).unwrap_or(path)
}

pub fn run(ctx: &Context, args: ReportArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let name = &series::meant(ctx, args.eval.as_deref())?;
    let (written, evidence) = write_and_say(ctx, name)?;
    if args.md {
        ctx.ui.data(&markdown::summary(&evidence))?;
    }
    if args.thread {
        ctx.ui.data(&markdown::thread(&evidence))?;
    }
    if args.open {
        open_in_browser(ctx, &written.report)?;
    }
    if ctx.json { ctx.ui.json(&written) } else { Ok(()) }
}

/// Writes the page and says where it lies.
pub(super) fn write_and_say(ctx: &Context, eval: &str) -> anyhow::Result<(Written, Evidence)> {
    let (written, evidence) = write(ctx, eval)?;
    let (folder, plots) = &written.plots;
    ctx.ui.say(format!("report: {} ({})", ctx.shown(&written.report), bytes(written.size_bytes as u64)));
    ctx.ui.say(format!("plots: {} in {}", counted(*plots, "SVG file", "SVG files"), ctx.shown(folder)));
    if written.pairs_embedded < written.pairs_total {
        ctx.ui.say(format!(
            "{} of {} are in the page, the others in the files",
            written.pairs_embedded,
            counted(written.pairs_total, "pair", "pairs")
        ));
    }
    texts_held(&evidence).iter().for_each(|held| ctx.ui.say(held));
    Ok((written, evidence))
}

/// Asks the desktop to show a file.
fn open_in_browser(ctx: &Context, path: &Path) -> anyhow::Result<()> {
    if !has_desktop() {
        ctx.ui.say(format!("if no browser appears, open {} in one", path.display()));
    }
    match show(path) {
        // It was said what to do instead.
        Err(_) if !has_desktop() => Ok(()),
        shown => shown
            .with_context(|| format!("cannot open the browser with `{OPENER}`"))
            .hint(format!("open {} yourself", path.display())),
    }
}
