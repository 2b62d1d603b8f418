//! `affinage dataset export`: a frozen version in the row formats of other tools.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use affinage_dataset::artefact::{Artefact, MIN_ANSWERS, artefacts};
use affinage_dataset::example::{AlternativeRow, DatasetRow};
use affinage_dataset::export::{self, Format};
use affinage_dataset::message;
use affinage_project::errors::HintExt as _;
use affinage_project::folder::datasets::{ALTERNATIVES_FILE, DatasetVersion};
use affinage_project::folder::jsonl;
use affinage_project::folder::run::write_folder_atomically;
use affinage_project::parquet;
use anyhow::anyhow;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::context::Context;
use crate::ui::{Table, count, counted};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The version: its folder name, or `v1` (default: the newest)
    pub version: Option<String>,
    #[arg(long, value_enum)]
    pub format: RowFormat,
    /// Folder to make; one file for each side
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write preference pairs although one outward feature tells chosen from rejected
    #[arg(long)]
    pub allow_label_artefact: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
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

pub fn run(ctx: &Context, args: &ExportArgs) -> anyhow::Result<()> {
    let version = DatasetVersion::open(&ctx.project, args.version.as_deref())?;
    version.check()?;
    let files = match args.format {
        RowFormat::Parquet => tables(ctx, &version)?,
        RowFormat::Messages => rows(ctx, &version, Format::Messages)?,
        RowFormat::ShareGpt => rows(ctx, &version, Format::ShareGpt)?,
        RowFormat::Alpaca => rows(ctx, &version, Format::Alpaca)?,
        RowFormat::Preference => pairs(ctx, &version, args.allow_label_artefact)?,
    };
    if args.out.exists() {
        return Err(anyhow!("{} exists already", args.out.display()))
            .hint("name a folder that does not exist; nothing is overwritten");
    }
    write_folder_atomically(&args.out, |folder| {
        files.iter().try_for_each(|(side, rows)| rows.write(folder, side))
    })?;
    if ctx.json {
        let counts: BTreeMap<&str, usize> = files.iter().map(|(side, rows)| (*side, rows.len())).collect();
        return ctx
            .ui
            .json(&serde_json::json!({ "v": 1, "version": version.name, "out": args.out, "rows": counts }));
    }
    let mut table = Table::new(["file", "rows"]).right(&[1]);
    for (side, rows) in &files {
        table.row([rows.file_name(side), count(rows.len() as u64)]);
    }
    ctx.ui.data(&table.render())?;
    ctx.ui.say(format!("{} written to {}", version.name, args.out.display()));
    Ok(())
}

/// What is written for each side.
type Files = Vec<(&'static str, Rows)>;

enum Rows {
    Lines(Vec<Value>),
    Table(Vec<DatasetRow>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Rows::Lines(lines) => lines.len(),
            Rows::Table(rows) => rows.len(),
        }
    }

    fn file_name(&self, side: &str) -> String {
        match self {
            Rows::Lines(_) => format!("{side}.jsonl"),
            Rows::Table(_) => format!("{side}.parquet"),
        }
    }

    fn write(&self, folder: &Path, side: &str) -> anyhow::Result<()> {
        let path = folder.join(self.file_name(side));
        match self {
            Rows::Lines(lines) => jsonl::write_all(&path, lines),
            Rows::Table(rows) => parquet::write(&path, rows),
        }
    }
}

/// The sides that leave the house; the reserve stays sealed.
const SIDES: [&str; 3] = ["train", "validation", "test"];

fn tables(ctx: &Context, version: &DatasetVersion) -> anyhow::Result<Files> {
    SIDES.iter().map(|side| Ok((*side, Rows::Table(version.rows(side, &ctx.ui)?)))).collect()
}

fn rows(ctx: &Context, version: &DatasetVersion, format: Format) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for side in SIDES {
        let rows = version.rows(side, &ctx.ui)?;
        let written: Result<Vec<Value>, _> = rows.iter().map(|row| export::row(row, format)).collect();
        files.push((side, Rows::Lines(written?)));
    }
    Ok(files)
}

/// Preference pairs of training and validation.
///
/// Errors: there are none; an outward feature tells chosen from rejected.
fn pairs(ctx: &Context, version: &DatasetVersion, allow_artefact: bool) -> anyhow::Result<Files> {
    let mut lost: HashMap<String, Vec<AlternativeRow>> = HashMap::new();
    let path = version.path.join(ALTERNATIVES_FILE);
    if path.is_file() {
        for row in jsonl::read::<AlternativeRow>(&path, &ctx.ui)? {
            lost.entry(row.example_id.clone()).or_default().push(row);
        }
    }
    if lost.is_empty() {
        return Err(anyhow!("{} has no rejected answers", version.name)).hint(
            "pairs come from answers you edited, rated or asked for again; import such chats, or edit in `affinage review`",
        );
    }
    let (mut chosen, mut rejected) = (Vec::new(), Vec::new());
    let mut files = Files::new();
    for side in ["train", "validation"] {
        let mut written = Vec::new();
        for row in version.rows(side, &ctx.ui)? {
            for other in lost.remove(&row.example_id).unwrap_or_default() {
                written.push(export::preference(&row, &other));
                chosen.push(message::response(&row.messages).to_owned());
                rejected.push(other.text);
            }
        }
        files.push((side, Rows::Lines(written)));
    }
    report_artefacts(ctx, &chosen, &rejected, allow_artefact)?;
    Ok(files)
}

/// Rule L40.
fn report_artefacts(
    ctx: &Context,
    chosen: &[String],
    rejected: &[String],
    allowed: bool,
) -> anyhow::Result<()> {
    let Some(found) = artefacts(chosen, rejected) else {
        ctx.ui.warn(format!(
            "{}, fewer than {MIN_ANSWERS}: whether an outward feature decides (L40) cannot be said",
            counted(chosen.len(), "pair", "pairs")
        ));
        return Ok(());
    };
    let Some(strongest) = found.first() else { return Ok(()) };
    let named: Vec<String> = found.iter().take(5).map(sentence).collect();
    if allowed {
        named.iter().for_each(|sentence| ctx.ui.warn(format!("L40: {sentence}")));
        return Ok(());
    }
    Err(anyhow!("L40: one outward feature tells chosen from rejected: {}", sentence(strongest)))
        .hint(
            "a model would learn that instead of your taste; edit or reject answers until both sides have it",
        )
        .hint("write them all the same: `--allow-label-artefact`")
}

fn sentence(artefact: &Artefact) -> String {
    let share = artefact.auc.max(1.0 - artefact.auc);
    let side = if artefact.auc > 0.5 { "chosen" } else { "rejected" };
    format!("{} (the {side} one in {:.0} % of random pairs, ties half)", artefact.feature, 100.0 * share)
}
