//! A frozen version in the row formats of other tools.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use affinage_dataset::diff::Sides;
use affinage_dataset::example::{AlternativeRow, DatasetRow};
use affinage_dataset::export::{self, Format};
use affinage_dataset::label_leakage::{LeakingFeature, MIN_ANSWERS, leaking_features};
use affinage_dataset::message;
use affinage_dataset::split::Side;
use affinage_eval::plain::counted;
use anyhow::anyhow;
use serde::Serialize;
use serde_json::Value;

use crate::errors::HintExt as _;
use crate::folder::datasets::{ALTERNATIVES_FILE, DatasetVersion, conversations, rows_of, side_name};
use crate::folder::jsonl;
use crate::folder::project::Project;
use crate::folder::run::write_folder_atomically;
use crate::parquet;
use crate::stages::freeze::refuse_private;

/// The rows of other tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// `messages` with role and content.
    Messages,
    /// `conversations` with from and value.
    ShareGpt,
    /// `instruction`, `output`, `system`, `history`.
    Alpaca,
    /// `messages` in parquet files.
    Parquet,
    /// `prompt`, `chosen`, `rejected`.
    Preference,
}

/// What was written, and where.
pub struct Exported {
    pub version: String,
    /// The name of each file, its side, and its rows.
    pub files: Vec<(String, &'static str, usize)>,
}

/// What was written; the document of `--json`.
#[derive(Serialize)]
pub struct Document<'a> {
    v: u32,
    version: &'a str,
    out: &'a Path,
    /// By side.
    rows: BTreeMap<&'a str, usize>,
}

impl Exported {
    pub fn document<'a>(&'a self, out: &'a Path) -> Document<'a> {
        let rows = self.files.iter().map(|(_, side, rows)| (*side, *rows)).collect();
        Document { v: 1, version: &self.version, out, rows }
    }
}

/// Writes a version into the folder `out`, one file for each side. `allow_label_leakage`: preference pairs are written although one
/// outward feature tells chosen from rejected.
///
/// Errors: `out` exists; the version was changed, or holds what is private now; there are no pairs, or a feature tells them apart.
pub fn export_rows(
    ctx: &Project,
    version: Option<&str>,
    format: RowFormat,
    out: &Path,
    allow_label_leakage: bool,
) -> anyhow::Result<Exported> {
    let version = DatasetVersion::open(&ctx.project, version)?;
    version.check()?;
    let sides = version.sides(&ctx.ui)?;
    refuse_private(ctx, &version, conversations(&sides))?;
    let files = match format {
        RowFormat::Parquet => tables(sides),
        RowFormat::Messages => rows(&sides, Format::Messages)?,
        RowFormat::ShareGpt => rows(&sides, Format::ShareGpt)?,
        RowFormat::Alpaca => rows(&sides, Format::Alpaca)?,
        RowFormat::Preference => pairs(ctx, &version, &sides, allow_label_leakage)?,
    };
    if out.exists() {
        return Err(anyhow!("{} exists already", out.display()))
            .hint("name a folder that does not exist; nothing is overwritten");
    }
    write_folder_atomically(out, |folder| {
        files.iter().try_for_each(|(side, rows)| rows.write(folder, side))
    })?;
    let written = files.iter().map(|(side, rows)| (rows.file_name(side), *side, rows.len())).collect();
    Ok(Exported { version: version.name, files: written })
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
const SIDES: [Side; 3] = [Side::Train, Side::Validation, Side::Test];

fn tables(mut sides: Sides) -> Files {
    SIDES.map(|side| (side_name(side), Rows::Table(sides.remove(&side).unwrap_or_default()))).into()
}

fn rows(sides: &Sides, format: Format) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for side in SIDES {
        let rows = rows_of(sides, side);
        let written: Result<Vec<Value>, _> = rows.iter().map(|row| export::row(row, format)).collect();
        files.push((side_name(side), Rows::Lines(written?)));
    }
    Ok(files)
}

/// Preference pairs of training and validation.
///
/// Errors: there are none; an outward feature tells chosen from rejected.
fn pairs(
    ctx: &Project,
    version: &DatasetVersion,
    sides: &Sides,
    allow_label_leakage: bool,
) -> anyhow::Result<Files> {
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
    for side in [Side::Train, Side::Validation] {
        let mut written = Vec::new();
        for row in rows_of(sides, side) {
            for other in lost.remove(&row.example_id).unwrap_or_default() {
                written.push(export::preference(row, &other));
                chosen.push(message::response(&row.messages).to_owned());
                rejected.push(other.text);
            }
        }
        files.push((side_name(side), Rows::Lines(written)));
    }
    report_label_leakage(ctx, &chosen, &rejected, allow_label_leakage)?;
    Ok(files)
}

/// Rule L40.
fn report_label_leakage(
    ctx: &Project,
    chosen: &[String],
    rejected: &[String],
    allowed: bool,
) -> anyhow::Result<()> {
    let Some(found) = leaking_features(chosen, rejected) else {
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

fn sentence(leaking: &LeakingFeature) -> String {
    let share = leaking.auc.max(1.0 - leaking.auc);
    let side = if leaking.auc > 0.5 { "chosen" } else { "rejected" };
    format!("{} (the {side} one in {:.0} % of random pairs, ties half)", leaking.feature, 100.0 * share)
}
