//! Receipts of checked trainings: `runs/R/receipts/TIME.json`.
//!
//! A receipt says which bytes went into a training, which adapters came out between its checkpoints, and which of these stretches
//! were executed again with the same bits. It holds hashes and settings and no text. It is not signed: what makes it
//! worth something is that anybody with the same data can execute the same steps.

use std::path::{Path, PathBuf};

use affinage_dataset::template::Thinking;
use anyhow::Context as _;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::errors::HintExt as _;
use crate::folder::config::Train;
use crate::folder::jsonl;
use crate::folder::run::{Run, folder_time};
use crate::machine::Machine;

/// The folder in a run, and the file in what is published.
const RECEIPTS: &str = "receipts";
pub const PUBLISHED: &str = "receipt.json";

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every step that was executed again gave the same bits.
    SameBits,
    Differs,
}

/// What can matter for the arithmetic of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineClass {
    pub os: String,
    pub arch: String,
    /// `scalar`, `avx2+fma`, `avx512`, `neon`; of a training it is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
}

impl MachineClass {
    /// This machine, with the instructions that the kernels use.
    pub fn here() -> MachineClass {
        let isa = affinage_engine::kernels::arch::isa();
        MachineClass { instructions: Some(isa.name().to_owned()), ..MachineClass::of(&Machine::here()) }
    }

    pub fn of(machine: &Machine) -> MachineClass {
        MachineClass { os: machine.os.clone(), arch: machine.arch.clone(), instructions: None }
    }

    /// "linux, x86_64, avx512"
    pub fn words(&self) -> String {
        [Some(&self.os), Some(&self.arch), self.instructions.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<&str>>()
            .join(", ")
    }
}

/// The steps between two checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Steps `from + 1` to `to`.
    pub from: usize,
    pub to: usize,
    /// Of the adapter's file before and after, as the run recorded it.
    pub before_sha256: String,
    pub after_sha256: String,
    /// Of the optimiser's state after it, where the run recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer_sha256: Option<String>,
    /// Whether its steps were executed again.
    pub executed: bool,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub v: u32,
    pub affinage_version: String,
    pub made_at: Timestamp,
    /// Where the steps were executed again, and where the run was trained.
    pub machine: MachineClass,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<MachineClass>,
    pub run: String,
    pub model: String,
    pub base_sha256: String,
    pub dataset: String,
    pub dataset_sha256: String,
    /// Of the tokens of every training row with what is learnt of them, and of the rows of every step.
    pub rows_sha256: String,
    pub order_sha256: String,
    pub train: Train,
    /// What the chat template was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    pub thinking: Thinking,
    /// Steps of the whole training.
    pub steps: usize,
    pub segments: Vec<Segment>,
    /// Steps that were executed again, and of how many that are saved.
    pub steps_executed: usize,
    pub steps_saved: usize,
    /// Seed of the draw of segments, and how many were drawn; others were executed on the way to them.
    pub draw_seed: u64,
    pub drawn: usize,
    /// The chance that one forged segment is not among those that were drawn.
    pub one_forged_segment_escapes: f64,
    pub outcome: Outcome,
    /// What differs, in sentences.
    pub differences: Vec<String>,
    /// The receipt of somebody else that was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_receipt_sha256: Option<String>,
}

impl Receipt {
    pub fn executed(&self) -> usize {
        self.segments.iter().filter(|segment| segment.executed).count()
    }

    pub fn is_good(&self) -> bool {
        self.outcome == Outcome::SameBits
    }

    /// Whether it is about this adapter, as a checkpoint of the run.
    pub fn names(&self, adapter_sha256: &str) -> bool {
        self.segments.iter().any(|segment| segment.after_sha256 == adapter_sha256)
    }

    /// "2 of 5 segments of the training (37 of 74 steps) executed again on linux, x86_64, avx512: the same bits"
    pub fn in_words(&self) -> String {
        let found = match self.outcome {
            Outcome::SameBits => "the same bits".to_owned(),
            Outcome::Differs => format!("it differs: {}", self.differences.join("; ")),
        };
        format!(
            "{} of {} between checkpoints ({} of {} steps) executed again on {}: {found}",
            self.executed(),
            affinage_eval::plain::counted(self.segments.len(), "segment", "segments"),
            self.steps_executed,
            self.steps_saved,
            self.machine.words(),
        )
    }

    /// Writes it into the folder of `run`.
    pub fn write(&self, run: &Run) -> anyhow::Result<PathBuf> {
        let folder = run.path.join(RECEIPTS);
        fs_err::create_dir_all(&folder)?;
        let named = |n: usize| {
            let more = if n == 0 { String::new() } else { format!("-{n}") };
            folder.join(format!("{}{more}.json", folder_time(self.made_at)))
        };
        let path = (0..).map(named).find(|path| !path.exists()).context("a free name")?;
        jsonl::replace_file(&path, &self.bytes()?)?;
        Ok(path)
    }

    pub fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    pub fn read(path: &Path) -> anyhow::Result<Receipt> {
        serde_json::from_slice(&fs_err::read(path)?)
            .with_context(|| format!("{} is not a receipt", path.display()))
            .hint("`affinage verify` writes receipts into receipts/ of the run's folder")
    }

    /// All receipts of `run`, oldest first.
    pub fn list(run: &Run) -> anyhow::Result<Vec<Receipt>> {
        let entries = match fs_err::read_dir(run.path.join(RECEIPTS)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<PathBuf>>>()?;
        let is_receipt = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let mut receipts = paths
            .iter()
            .filter(is_receipt)
            .map(|path| Receipt::read(path))
            .collect::<anyhow::Result<Vec<_>>>()?;
        receipts.sort_by_key(|receipt| receipt.made_at);
        Ok(receipts)
    }

    /// The newest receipt of `run` about an adapter.
    pub fn about(run: &Run, adapter_sha256: &str) -> anyhow::Result<Option<Receipt>> {
        Ok(Receipt::list(run)?.into_iter().rev().find(|receipt| receipt.names(adapter_sha256)))
    }
}
