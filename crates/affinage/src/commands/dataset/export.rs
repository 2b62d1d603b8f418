//! `affinage dataset export`: a frozen version in the row formats of other tools.

use std::path::PathBuf;

use affinage_project::stages::rows::{Exported, RowFormat, export_rows};
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::ui::{Table, count};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The version: its folder name, or `v1` (default: the newest)
    pub version: Option<String>,
    #[arg(long, value_enum)]
    pub format: FormatArg,
    /// Folder to make; one file for each side
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write preference pairs although one outward feature tells chosen from rejected
    #[arg(long)]
    pub allow_label_artefact: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// `messages` with role and content (OpenAI, TRL, axolotl)
    Messages,
    /// `conversations` with from and value
    #[value(name = "sharegpt")]
    ShareGpt,
    /// `instruction`, `output`, `system`, `history`
    Alpaca,
    /// `messages` in parquet files, as the Hugging Face hub keeps them
    Parquet,
    /// `prompt`, `chosen`, `rejected` (DPO): where you edited, rated or regenerated an answer
    Preference,
}

impl From<FormatArg> for RowFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Messages => Self::Messages,
            FormatArg::ShareGpt => Self::ShareGpt,
            FormatArg::Alpaca => Self::Alpaca,
            FormatArg::Parquet => Self::Parquet,
            FormatArg::Preference => Self::Preference,
        }
    }
}

pub fn run(ctx: &Context, args: &ExportArgs) -> anyhow::Result<()> {
    let (version, format) = (args.version.as_deref(), args.format.into());
    let exported = export_rows(ctx, version, format, &args.out, args.allow_label_artefact)?;
    if ctx.json {
        return ctx.ui.json(&exported.document(&args.out));
    }
    let Exported { version, files } = exported;
    let mut table = Table::new(["file", "rows"]).right(&[1]);
    for (file, _, rows) in files {
        table.row([file, count(rows as u64)]);
    }
    ctx.ui.data(&table.render())?;
    ctx.ui.say(format!("{version} written to {}", args.out.display()));
    Ok(())
}
