//! `affinage dataset`: freezes a version, compares versions and writes one for other tools.

mod diff;
mod export;

use std::path::{Path, PathBuf};

use affinage_dataset::version::Manifest;
use affinage_project::folder::datasets::ALTERNATIVES_FILE;
use affinage_project::stages::freeze::{
    Frozen, Options, Undecided, folder_word, freeze, say_size, say_version,
};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::context::Context;
use crate::ui::{Table, count};

/// Freeze a dataset version: train, validation and test without leaks, with a certificate
#[derive(Debug, Default, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  affinage dataset\n  affinage dataset --accept-clean\n  affinage dataset diff v1 v2\n  affinage dataset export --format sharegpt --out shared"
)]
pub struct DatasetArgs {
    #[command(subcommand)]
    pub command: Option<DatasetCommand>,
    /// Also take undecided answers that lint has no error or warning about
    #[arg(long)]
    pub accept_clean: bool,
    /// With --accept-clean: also take dated notes (daily notes, journals), which are left out otherwise
    #[arg(long, requires = "accept_clean")]
    pub dated_notes: bool,
    /// A word in the folder's name, as in v2-letters-1f2e9c
    #[arg(long, value_name = "WORD", value_parser = folder_word)]
    pub name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
    /// What changed from one version to another: examples, their sides, their words, the rules
    Diff(diff::DiffArgs),
    /// Write a version in the row format of other tools
    Export(export::ExportArgs),
}

pub fn run(ctx: &Context, args: DatasetArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    match &args.command {
        Some(DatasetCommand::Diff(args)) => return diff::run(ctx, args),
        Some(DatasetCommand::Export(args)) => return export::run(ctx, args),
        None => {}
    }
    let undecided = unread(args.accept_clean, args.dated_notes);
    let (folder, manifest) = freeze_decided(ctx, undecided, args.name.as_deref(), 0)?;
    if ctx.json {
        ctx.ui.json(&FrozenVersion { v: 1, folder: &folder, manifest: &manifest })?;
    }
    Ok(())
}

/// What `--json` prints of a version that was frozen.
#[derive(Serialize)]
struct FrozenVersion<'a> {
    v: u32,
    folder: &'a Path,
    manifest: &'a Manifest,
}

/// What is taken undecided where these options are given.
pub(super) fn unread(accept_clean: bool, dated: bool) -> Undecided {
    if accept_clean { Undecided::AcceptClean { dated } } else { Undecided::LeaveOut }
}

/// Freezes what was accepted, and of what nobody decided on what `undecided` takes, and says what came of it. With fewer than
/// `fewest` examples to train on it is an error.
pub(super) fn freeze_decided(
    ctx: &Context,
    undecided: Undecided,
    word: Option<&str>,
    fewest: usize,
) -> anyhow::Result<(PathBuf, Manifest)> {
    let frozen = freeze(ctx, &Options { undecided, word, fewest, ..Options::default() })?;
    show(ctx, &frozen)?;
    say_size(ctx, &frozen.manifest);
    let Frozen { folder, manifest, .. } = frozen;
    Ok((folder, manifest))
}

/// Prints the files of a version and says what it holds.
pub(super) fn show(ctx: &Context, frozen: &Frozen) -> anyhow::Result<()> {
    let mut table = Table::new(["file", "examples"]).right(&[1]);
    for (name, file) in frozen.manifest.files.iter().filter(|(name, _)| *name != ALTERNATIVES_FILE) {
        table.row([name.clone(), count(file.examples as u64)]);
    }
    if !ctx.json {
        ctx.ui.data(&table.render())?;
    }
    say_version(ctx, frozen)
}
