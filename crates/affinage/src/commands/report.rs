//! `affinage report`: one self-contained page from the files of an evaluation, offline.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::errors::HintExt as _;
use crate::evaluation::series;
use crate::jsonl::replace_file;
use crate::report::{self, Page};
use crate::ui::{bytes, counted};

/// Draw report.html from an evaluation's files, offline
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  affinage report --open\n  affinage report --eval first-look --md\n  affinage report --thread"
)]
pub struct ReportArgs {
    /// The evaluation, a folder below evals/; default: the one made last of those that eval.name begins
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
    super::analyze::show(ctx, eval, false)?;
    let stage = ctx.as_stage();
    let evidence = report::read::read(&stage, eval)?;
    let page = report::render(&evidence);
    let path = ctx.project.join("evals").join(eval).join("report.html");
    replace_file(&path, page.html.as_bytes())?;
    write_plots(&path.with_file_name("plots"), &evidence)?;
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
    let evidence = report::read::read(ctx, name)?;
    let page = ctx.ui.during("drawing the report", || report::render(&evidence));
    let path = ctx.project.join("evals").join(name).join("report.html");
    replace_file(&path, page.html.as_bytes())?;
    let plots = write_plots(&path.with_file_name("plots"), &evidence)?;
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
        ctx.ui.data(&report::markdown::summary(&evidence))?;
    }
    if args.thread {
        ctx.ui.data(&report::markdown::thread(&evidence))?;
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
fn write_plots(dir: &Path, evidence: &report::evidence::Evidence) -> anyhow::Result<usize> {
    fs_err::create_dir_all(dir)?;
    for entry in fs_err::read_dir(dir)? {
        let old = entry?.path();
        if old.extension().is_some_and(|extension| extension == "svg") {
            fs_err::remove_file(old)?;
        }
    }
    let plots = report::plots::plots(evidence);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonl;
    use crate::report::story::Story;
    use crate::ui::{Ui, Verbosity};

    fn project_with_evaluation() -> (tempfile::TempDir, Context) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs_err::write(dir.path().join("affinage.toml"), "").expect("written");
        let eval = dir.path().join("evals/first-look");
        fs_err::create_dir_all(&eval).expect("made");
        let story = Story::new("");
        jsonl::write_all(&eval.join("prompts.jsonl"), &story.prompts).expect("written");
        jsonl::write_all(&eval.join("completions.jsonl"), &story.completions).expect("written");
        jsonl::write_all(&eval.join("comparisons.jsonl"), &story.comparisons).expect("written");
        jsonl::write_all(&eval.join("judgments.jsonl"), &story.judgments).expect("written");
        jsonl::write_all(&eval.join("blind_key.jsonl"), &story.keys).expect("written");
        let evidence = story.evidence();
        let json = |name: &str, value: serde_json::Result<Vec<u8>>| {
            fs_err::write(eval.join(name), value.expect("plain data")).expect("written");
        };
        json("plan.json", serde_json::to_vec(&evidence.plan));
        json("analysis.json", serde_json::to_vec(&evidence.analysis));
        let ctx = Context::open(dir.path(), &[], false, Ui::new(Verbosity::Quiet)).expect("a project");
        (dir, ctx)
    }

    fn args() -> ReportArgs {
        ReportArgs { eval: None, open: false, md: false, thread: false }
    }

    #[test]
    fn the_page_is_made_from_the_folder_alone() {
        let (dir, ctx) = project_with_evaluation();
        run(&ctx, args()).expect("drawn");
        let path = dir.path().join("evals/first-look/report.html");
        let first = fs_err::read_to_string(&path).expect("there");
        assert!(first.starts_with("<!doctype html>") && first.contains("judgments.jsonl"));
        run(&ctx, args()).expect("drawn again");
        assert_eq!(fs_err::read_to_string(&path).expect("there"), first, "drawing twice changes nothing");
    }

    #[test]
    fn an_analysis_of_other_rows_is_refused() {
        let (dir, ctx) = project_with_evaluation();
        let path = dir.path().join("evals/first-look/judgments.jsonl");
        let rows = fs_err::read_to_string(&path).expect("there");
        let fewer: Vec<&str> = rows.lines().skip(2).collect();
        fs_err::write(&path, format!("{}\n", fewer.join("\n"))).expect("written");
        let error = run(&ctx, args()).expect_err("the analysis is older");
        let n = rows.lines().count();
        assert_eq!(
            format!("{error:#}"),
            format!("analysis.json was made from {n} judgments, the folder holds {}", n - 2)
        );
        assert_eq!(
            crate::errors::hints(&error),
            ["`affinage analyze --eval first-look` brings it up to date"]
        );
    }
}
