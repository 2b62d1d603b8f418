//! The files that judging writes: comparisons, blind key, judgments, ledger and raw bytes. One process writes
//! them, under the folder's lock.

use std::collections::{BTreeMap, BTreeSet};

use affinage_eval::comparison::{BlindKey, Comparison};
use affinage_eval::judge::ledger::{LedgerEvent, LedgerRow, Phase, RawRow, RawSide, spent};
use affinage_eval::judge::qualification::sitting::Sitting;
use affinage_eval::judgment::Judgment;
use jiff::Timestamp;

use super::batch;
use crate::folder::evaluation::{Evaluation, RawAppender};
use crate::folder::jsonl::Appender;
use crate::observer::Observer;

/// What the files hold; read without writing anything.
pub struct Known {
    comparisons: BTreeSet<String>,
    keys: BTreeSet<String>,
    judged: BTreeSet<String>,
    /// Hashes of the raw rows that are stored.
    raw_hashes: BTreeSet<String>,
    /// Template of the stored judgments, by judge.
    templates: BTreeMap<String, BTreeSet<String>>,
    /// Replies without a judgment: a process died between the two, or a batch brought them.
    unread_replies: BTreeMap<(String, RawSide), RawRow>,
    answered_calls: BTreeSet<(String, Phase)>,
    /// The highest attempt of each call.
    attempts: BTreeMap<String, u32>,
    in_batches: BTreeSet<String>,
    /// Calls of earlier processes that have no end.
    pub possibly_paid_twice: usize,
}

impl Known {
    /// Reads a folder; one that does not exist knows nothing.
    pub fn read(folder: &Evaluation, ui: &dyn Observer) -> anyhow::Result<Known> {
        let comparisons = folder.comparisons().read(ui)?;
        let keys = folder.blind_keys().read(ui)?;
        let judgments = folder.judgments().read(ui)?;
        let mut ledger = folder.ledger().read(ui)?;
        let raw_rows = folder.raw().read()?;
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
        // A reply that is stored ends its call, whether the ledger got to say so or not.
        let answered_calls = ledger
            .iter()
            .filter(|row| matches!(row.event, LedgerEvent::Answered { .. }))
            .map(|row| (row.judgment_id.clone(), row.phase))
            .collect();
        let mut attempts: BTreeMap<String, u32> = BTreeMap::new();
        for row in &ledger {
            if let LedgerEvent::Intent { attempt, .. } = row.event {
                let most = attempts.entry(row.judgment_id.clone()).or_default();
                *most = attempt.max(*most);
            }
        }
        let in_batches = batch::waiting(folder, ui)?;
        ledger.retain(|row| {
            let side = if row.phase == Phase::Repair { RawSide::RepairReply } else { RawSide::Reply };
            !in_batches.contains(&row.judgment_id)
                && !unread_replies.contains_key(&(row.judgment_id.clone(), side))
        });
        let possibly_paid_twice = spent(&ledger).values().map(|spent| spent.possibly_paid).sum();
        Ok(Known {
            comparisons: comparisons.into_iter().map(|row| row.comparison_id).collect(),
            keys: keys.into_iter().map(|row| row.comparison_id).collect(),
            judged,
            raw_hashes,
            templates,
            unread_replies,
            answered_calls,
            attempts,
            in_batches,
            possibly_paid_twice,
        })
    }

    /// Whether a reply is stored that no judgment was made of yet.
    pub fn has_reply(&self, judgment_id: &str) -> bool {
        self.unread_replies.contains_key(&(judgment_id.to_owned(), RawSide::Reply))
    }

    /// Whether the call waits in a batch.
    pub fn is_in_batch(&self, judgment_id: &str) -> bool {
        self.in_batches.contains(judgment_id)
    }

    /// Whether the ledger has the end of this call.
    pub fn is_answered(&self, judgment_id: &str, phase: Phase) -> bool {
        self.answered_calls.contains(&(judgment_id.to_owned(), phase))
    }

    pub fn is_judged(&self, judgment_id: &str) -> bool {
        self.judged.contains(judgment_id)
    }

    /// Whether this judge's stored verdicts were asked for in words that `templates` does not have.
    pub fn has_other_templates(&self, judge_id: &str, templates: &BTreeSet<&str>) -> bool {
        let stored = self.templates.get(judge_id).into_iter().flatten();
        stored.into_iter().any(|stored| !templates.contains(stored.as_str()))
    }
}

/// The open files.
pub struct Store {
    pub known: Known,
    comparisons: Appender<Comparison>,
    keys: Appender<BlindKey>,
    judgments: Appender<Judgment>,
    ledger: Appender<LedgerRow>,
    raw: RawAppender,
    /// The exam that these verdicts decide.
    sitting: Option<Sitting>,
}

impl Store {
    /// Opens or creates the files of a folder.
    pub fn open(folder: &Evaluation, ui: &dyn Observer) -> anyhow::Result<Store> {
        // Opened first: a torn tail is cut off before it is read.
        let raw = folder.raw().appender(ui)?;
        Ok(Store {
            known: Known::read(folder, ui)?,
            comparisons: folder.comparisons().appender(ui)?,
            keys: folder.blind_keys().appender(ui)?,
            judgments: folder.judgments().appender(ui)?,
            ledger: folder.ledger().appender(ui)?,
            raw,
            sitting: None,
        })
    }

    /// From here on verdicts are held against this exam.
    pub fn watch(&mut self, sitting: Sitting) {
        self.sitting = Some(sitting);
    }

    /// Whether the exam cannot be passed any more; false without one.
    pub fn exam_is_lost(&self) -> bool {
        self.sitting.as_ref().is_some_and(Sitting::is_lost)
    }

    /// Writes the comparisons that are not in the files yet, their keys first.
    pub fn add_comparisons(&mut self, presentations: &[(Comparison, BlindKey)]) -> anyhow::Result<()> {
        for (comparison, key) in presentations {
            if self.known.keys.insert(key.comparison_id.clone()) {
                self.keys.append(key)?;
            }
            if self.known.comparisons.insert(comparison.comparison_id.clone()) {
                self.comparisons.append(comparison)?;
            }
        }
        Ok(())
    }

    pub fn take_unread_reply(&mut self, judgment_id: &str, side: RawSide) -> Option<RawRow> {
        self.known.unread_replies.remove(&(judgment_id.to_owned(), side))
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
        let is_new = self.known.raw_hashes.insert(row.sha256.clone());
        if is_new || row.side.is_reply() {
            self.raw.append(&row)?;
        }
        if row.side.is_reply() {
            self.raw.sync()?;
        }
        Ok(row.sha256)
    }

    /// A reply that a batch brought, to be read like one that an earlier process left.
    pub fn add_raw_reply(&mut self, row: RawRow) -> anyhow::Result<()> {
        self.add_raw(row.clone())?;
        self.known.unread_replies.insert((row.judgment_id.clone(), row.side), row);
        Ok(())
    }

    /// The number of the next attempt at a call, over all processes.
    pub fn next_attempt(&mut self, judgment_id: &str) -> u32 {
        let most = self.known.attempts.entry(judgment_id.to_owned()).or_default();
        *most += 1;
        *most
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
        self.known.judged.insert(judgment.judgment_id.clone());
        self.judgments.append(judgment)?;
        if let Some(sitting) = &mut self.sitting {
            sitting.note(judgment);
        }
        Ok(())
    }

    pub fn sync(&self) -> anyhow::Result<()> {
        self.judgments.sync()
    }
}
