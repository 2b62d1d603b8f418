//! `affinage report`: one self-contained page from the files of an evaluation, offline.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use affinage_project::errors::HintExt as _;
use affinage_project::folder::jsonl::replace_file;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::evidence;
use affinage_report::evidence::Evidence;
use affinage_report::{Page, markdown, plots};
use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::ui::{bytes, counted};

/// Draw report.html from an evaluation's files, offline
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  affinage report --open\n  affinage report --eval first-look --md\n  affinage report --thread"
)]
pub struct ReportArgs {
    /// The evaluation, a folder below evals/; default: the newest whole one of those that eval.name begins
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

impl ReportArgs {
    /// The page of one evaluation.
    pub fn of(eval: &str) -> Self {
        Self { eval: Some(eval.to_owned()), open: false, md: false, thread: false }
    }
}

#[derive(Serialize)]
struct Made {
    report: PathBuf,
    size_bytes: usize,
    pairs_embedded: usize,
    pairs_total: usize,
}

/// The end of an evaluation: its answer card, its page, and the page opened where somebody wants to see it. With `--json`
/// the analysis is the only output.
pub fn conclude(ctx: &Context, eval: &str, open: bool) -> anyhow::Result<()> {
    let analysis = super::analyze::computed(ctx, eval)?;
    let evidence = evidence::read(&ctx.as_stage(), eval)?;
    let Drawn { path, .. } = draw(ctx, eval, &evidence)?;
    // After the page: the commands of the card name the evaluation where it is not the one meant, and now it is whole.
    super::analyze::show(ctx, eval, &analysis, false)?;
    if !ctx.json {
        ctx.ui.data(&format!("\nReport: {}", as_typed(&path).display()))?;
    }
    let wanted = || {
        ctx.ui.is_watched() && has_desktop() && ctx.ui.confirm("Open it in the browser?").is_ok_and(|yes| yes)
    };
    if open || (!ctx.json && wanted()) {
        open_in_browser(ctx, &path)?;
    }
    Ok(())
}

/// The page of an evaluation, written.
struct Drawn {
    path: PathBuf,
    page: Page,
    /// Plots beside it.
    plots: usize,
}

/// Draws the page and its plots. From here on the evaluation is whole.
fn draw(ctx: &Context, eval: &str, evidence: &Evidence) -> anyhow::Result<Drawn> {
    let dir = ctx.project.join("evals").join(eval);
    let page = affinage_report::render(evidence);
    let path = dir.join(series::REPORT_FILE);
    replace_file(&path, page.html.as_bytes())?;
    let plots = write_plots(&dir.join("plots"), evidence)?;
    series::end(&dir)?;
    Ok(Drawn { path, page, plots })
}

/// Relative to the working directory where it lies inside.
fn as_typed(path: &Path) -> &Path {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(&here).ok()).unwrap_or(path)
}

/// Whether a browser can appear: not in a session over the network.
fn has_desktop() -> bool {
    cfg!(any(target_os = "macos", windows))
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
}

pub fn run(ctx: &Context, args: ReportArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let name = &series::meant(ctx, args.eval.as_deref())?;
    let evidence = evidence::read(ctx, name)?;
    let Drawn { path, page, plots } = ctx.ui.during("drawing the report", || draw(ctx, name, &evidence))?;
    let size = page.html.len();
    ctx.ui.say(format!("report: {} ({})", ctx.shown(&path), bytes(size as u64)));
    let files = counted(plots, "SVG file", "SVG files");
    ctx.ui.say(format!("plots: {files} in {}", ctx.shown(&path.with_file_name("plots"))));
    if page.pairs_embedded < page.pairs_total {
        ctx.ui.say(format!(
            "{} of {} are in the page, the others in the files",
            page.pairs_embedded,
            counted(page.pairs_total, "pair", "pairs")
        ));
    }
    if args.md {
        ctx.ui.data(&markdown::summary(&evidence))?;
    }
    if args.thread {
        ctx.ui.data(&markdown::thread(&evidence))?;
    }
    if args.open {
        open_in_browser(ctx, &path)?;
    }
    if ctx.json {
        let Page { pairs_embedded, pairs_total, .. } = page;
        ctx.ui.json(&Made { report: path, size_bytes: size, pairs_embedded, pairs_total })?;
    }
    Ok(())
}

/// Writes every plot as a file of its own and removes those of an earlier report. Returns how many there are.
fn write_plots(dir: &Path, evidence: &Evidence) -> anyhow::Result<usize> {
    fs_err::create_dir_all(dir)?;
    for entry in fs_err::read_dir(dir)? {
        let old = entry?.path();
        if old.extension().is_some_and(|extension| extension == "svg") {
            fs_err::remove_file(old)?;
        }
    }
    let plots = plots::plots(evidence);
    for plot in &plots {
        replace_file(&dir.join(&plot.name), plot.svg.as_bytes())?;
    }
    Ok(plots.len())
}

/// Asks the desktop to show a file.
fn open_in_browser(ctx: &Context, path: &Path) -> anyhow::Result<()> {
    if !has_desktop() {
        ctx.ui.say(format!("if no browser appears, open {} in one", path.display()));
    }
    let (program, before): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        _ => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(before).arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        // It was said what to do instead.
        Err(_) if !has_desktop() => Ok(()),
        Err(error) => Err(error)
            .with_context(|| format!("cannot open the browser with `{program}`"))
            .hint(format!("open {} yourself", path.display())),
        Ok(_) => Ok(()),
    }
}
