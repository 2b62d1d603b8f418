//! The files that judging writes: comparisons, blind key, judgments, ledger and raw bytes. One process writes
//! them, under the folder's lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use affinage_eval::comparison::{BlindKey, Comparison};
use affinage_eval::judge::ledger::{LedgerEvent, LedgerRow, Phase, RawRow, RawSide, possibly_paid_twice};
use affinage_eval::judgment::Judgment;
use jiff::Timestamp;

use super::raw::RawFile;
use crate::jsonl;
use crate::ui::Ui;

pub struct Store {
    comparisons: jsonl::Writer,
    keys: jsonl::Writer,
    judgments: jsonl::Writer,
    ledger: jsonl::Writer,
    raw: RawFile,
    known_comparisons: BTreeSet<String>,
    known_keys: BTreeSet<String>,
    judged: BTreeSet<String>,
    /// Hashes of the raw rows that are stored.
    raw_hashes: BTreeSet<String>,
    /// Template of the stored judgments, by judge and category of wording.
    templates: BTreeMap<String, BTreeSet<String>>,
    /// Replies without a judgment: a process died between the two.
    unread_replies: BTreeMap<(String, RawSide), RawRow>,
    /// Calls of earlier processes that have no end.
    pub possibly_paid_twice: usize,
    /// US dollars of the calls in this ledger, with what open calls may have cost; unknown prices count nothing.
    pub spent_usd: f64,
}

impl Store {
    pub fn open(dir: &Path, ui: &Ui) -> anyhow::Result<Store> {
        let path = |name: &str| dir.join(name);
        let comparisons: Vec<Comparison> = jsonl::read(&path("comparisons.jsonl"), ui)?;
        let keys: Vec<BlindKey> = jsonl::read(&path("blind_key.jsonl"), ui)?;
        let judgments: Vec<Judgment> = jsonl::read(&path("judgments.jsonl"), ui)?;
        let ledger: Vec<LedgerRow> = jsonl::read(&path("ledger.jsonl"), ui)?;
        let (raw, raw_rows) = RawFile::open(&path("raw.jsonl.zst"), ui)?;
        let mut templates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in &judgments {
            templates.entry(row.judge_id.clone()).or_default().insert(row.template_sha256.clone());
        }
        let judged: BTreeSet<String> = judgments.into_iter().map(|row| row.judgment_id).collect();
        let raw_hashes = raw_rows.iter().map(|row| row.sha256.clone()).collect();
        let unread = |row: &RawRow| row.side.is_reply() && !judged.contains(&row.judgment_id);
        let unread_replies: BTreeMap<(String, RawSide), RawRow> = raw_rows
            .into_iter()
            .filter(unread)
            .map(|row| ((row.judgment_id.clone(), row.side), row))
            .collect();
        let ended = |row: &LedgerRow| {
            let side = if row.phase == Phase::Repair { RawSide::RepairReply } else { RawSide::Reply };
            unread_replies.contains_key(&(row.judgment_id.clone(), side))
        };
        let answered_usd = |row: &LedgerRow| match row.event {
            LedgerEvent::Answered { cost_usd, .. } => cost_usd,
            LedgerEvent::Intent { .. } | LedgerEvent::Failed { .. } => None,
        };
        let answered_usd: f64 = ledger.iter().filter_map(answered_usd).sum();
        let open_ledger: Vec<LedgerRow> = ledger.into_iter().filter(|row| !ended(row)).collect();
        let open = possibly_paid_twice(&open_ledger);
        Ok(Store {
            comparisons: jsonl::Writer::open(&path("comparisons.jsonl"), ui)?,
            keys: jsonl::Writer::open(&path("blind_key.jsonl"), ui)?,
            judgments: jsonl::Writer::open(&path("judgments.jsonl"), ui)?,
            ledger: jsonl::Writer::open(&path("ledger.jsonl"), ui)?,
            raw,
            known_comparisons: comparisons.into_iter().map(|row| row.comparison_id).collect(),
            known_keys: keys.into_iter().map(|row| row.comparison_id).collect(),
            judged,
            raw_hashes,
            unread_replies,
            templates,
            possibly_paid_twice: open.len(),
            spent_usd: answered_usd + open.iter().flatten().sum::<f64>(),
        })
    }

    /// Writes the comparisons that are not in the files yet, their keys first.
    pub fn add_comparisons(&mut self, cells: &[(Comparison, BlindKey)]) -> anyhow::Result<()> {
        for (comparison, key) in cells {
            if self.known_keys.insert(key.comparison_id.clone()) {
                self.keys.append(key)?;
            }
            if self.known_comparisons.insert(comparison.comparison_id.clone()) {
                self.comparisons.append(comparison)?;
            }
        }
        Ok(())
    }

    pub fn is_judged(&self, judgment_id: &str) -> bool {
        self.judged.contains(judgment_id)
    }

    pub fn take_unread_reply(&mut self, judgment_id: &str, side: RawSide) -> Option<RawRow> {
        self.unread_replies.remove(&(judgment_id.to_owned(), side))
    }

    /// Whether this judge's stored verdicts were asked for in words that `templates` does not have.
    pub fn has_other_templates(&self, judge_id: &str, templates: &BTreeSet<&str>) -> bool {
        let stored = self.templates.get(judge_id).into_iter().flatten();
        stored.into_iter().any(|stored| !templates.contains(stored.as_str()))
    }

    /// Says that a call is about to be made; on the disk when this returns.
    pub fn intend(
        &mut self,
        judgment_id: &str,
        judge_id: &str,
        phase: Phase,
        attempt: u32,
        body: &[u8],
        worst_usd: Option<f64>,
    ) -> anyhow::Result<()> {
        let side = if phase == Phase::Repair { RawSide::RepairRequest } else { RawSide::Request };
        let request_sha256 = self.add_raw(RawRow::new(judgment_id, side, body, None))?;
        self.note(judgment_id, judge_id, phase, LedgerEvent::Intent { attempt, request_sha256, worst_usd })?;
        self.ledger.sync()
    }

    /// Keeps raw bytes under their hash; equal bytes are kept once, replies always.
    pub fn add_raw(&mut self, row: RawRow) -> anyhow::Result<String> {
        let is_new = self.raw_hashes.insert(row.sha256.clone());
        if is_new || row.side.is_reply() {
            self.raw.append(&row)?;
        }
        if row.side.is_reply() {
            self.raw.sync()?;
        }
        Ok(row.sha256)
    }

    pub fn note(
        &mut self,
        judgment_id: &str,
        judge_id: &str,
        phase: Phase,
        event: LedgerEvent,
    ) -> anyhow::Result<()> {
        self.ledger.append(&LedgerRow::new(judgment_id, judge_id, phase, event, Timestamp::now().to_string()))
    }

    pub fn add_judgment(&mut self, judgment: &Judgment) -> anyhow::Result<()> {
        self.judged.insert(judgment.judgment_id.clone());
        self.judgments.append(judgment)
    }

    pub fn sync(&self) -> anyhow::Result<()> {
        self.judgments.sync()
    }
}
