//! The rows that make "never pays twice" checkable: an intent before each call, its end after it, and the raw
//! bytes of both sides.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;

/// One line of `ledger.jsonl`. A call is known by the id of the judgment that it will become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerRow {
    pub v: u32,
    pub judgment_id: String,
    pub judge_id: String,
    #[serde(default)]
    pub phase: Phase,
    pub event: LedgerEvent,
    /// RFC 3339, UTC.
    pub at: String,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Exam,
    #[default]
    Judge,
    /// A call asked again, to see how far the judge agrees with itself.
    Repeat,
    /// One more call after a reply that could not be read.
    Repair,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Phase::Exam => "exam",
            Phase::Judge => "judge",
            Phase::Repeat => "repeat",
            Phase::Repair => "repair",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum LedgerEvent {
    /// The next attempt is about to be sent. Without an end it was possibly paid: at most `worst_usd`.
    Intent {
        attempt: u32,
        request_sha256: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worst_usd: Option<f64>,
    },
    /// The reply is in `raw.jsonl.zst`.
    Answered { attempt: u32, response_sha256: String, cost_usd: Option<f64> },
    /// No usable reply; the words are the server's, without keys.
    Failed {
        attempt: u32,
        reason: String,
        /// What it cost at most, where the server may have answered all the same (the connection broke).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        possibly_usd: Option<f64>,
    },
}

impl LedgerRow {
    pub fn new(judgment_id: &str, judge_id: &str, phase: Phase, event: LedgerEvent, at: String) -> LedgerRow {
        LedgerRow {
            v: ROW_VERSION,
            judgment_id: judgment_id.to_owned(),
            judge_id: judge_id.to_owned(),
            phase,
            event,
            at,
        }
    }
}

/// What one judge's calls of one phase took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spent {
    pub answered: usize,
    pub failed_attempts: usize,
    /// Attempts that a stopped process left without an end: the answer may have been paid for.
    pub possibly_paid: usize,
    /// Of the answered calls; `None` as soon as one price is unknown.
    pub cost_usd: Option<f64>,
    /// What attempts without an answer cost at most, as far as prices are known.
    pub possibly_usd: f64,
    /// What a budget counts of the answered calls: their costs, and the worst case where a cost is not known.
    #[serde(skip)]
    answered_usd: f64,
}

impl Spent {
    /// What a budget must count: known costs, and at their worst those that are not known and attempts without an answer.
    pub fn counted_usd(&self) -> f64 {
        self.answered_usd + self.possibly_usd
    }
}

/// The ledger by judge and phase.
pub fn spent(rows: &[LedgerRow]) -> BTreeMap<(String, Phase), Spent> {
    let zero = Spent { cost_usd: Some(0.0), ..Spent::default() };
    let mut by: BTreeMap<(String, Phase), Spent> = BTreeMap::new();
    let mut open: BTreeMap<(&str, Phase, u32), (&str, f64)> = BTreeMap::new();
    for row in rows {
        let spent = by.entry((row.judge_id.clone(), row.phase)).or_insert(zero);
        let key = |attempt: u32| (row.judgment_id.as_str(), row.phase, attempt);
        match &row.event {
            LedgerEvent::Intent { attempt, worst_usd, .. } => {
                open.insert(key(*attempt), (&row.judge_id, worst_usd.unwrap_or(0.0)));
            }
            LedgerEvent::Answered { attempt, cost_usd, .. } => {
                let worst_usd = open.remove(&key(*attempt)).map_or(0.0, |(_, worst_usd)| worst_usd);
                spent.answered += 1;
                spent.answered_usd += cost_usd.unwrap_or(worst_usd);
                spent.cost_usd = spent.cost_usd.zip(*cost_usd).map(|(sum, cost)| sum + cost);
            }
            LedgerEvent::Failed { attempt, possibly_usd, .. } => {
                open.remove(&key(*attempt));
                spent.failed_attempts += 1;
                spent.possibly_usd += possibly_usd.unwrap_or(0.0);
            }
        }
    }
    for ((_, phase, _), (judge_id, worst_usd)) in open {
        let spent = by.entry((judge_id.to_owned(), phase)).or_insert(zero);
        spent.possibly_paid += 1;
        spent.possibly_usd += worst_usd;
    }
    by
}

/// One line of `raw.jsonl.zst`: exact bytes, keyed by their hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawRow {
    pub v: u32,
    pub judgment_id: String,
    pub side: RawSide,
    pub sha256: String,
    /// The bytes as text; replies that are not UTF-8 are kept as hex and say so.
    pub text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_hex: bool,
    /// For replies: what a reader needs to build the judgment again without asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawSide {
    Request,
    Reply,
    RepairRequest,
    RepairReply,
}

impl RawSide {
    pub fn is_reply(self) -> bool {
        matches!(self, RawSide::Reply | RawSide::RepairReply)
    }
}

/// The circumstances of a reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transport {
    pub request_sha256: String,
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// It came in a batch, at the price of a batch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_batch: bool,
    pub started_at: String,
    pub finished_at: String,
}

impl RawRow {
    pub fn new(judgment_id: &str, side: RawSide, bytes: &[u8], transport: Option<Transport>) -> RawRow {
        let (text, is_hex) = match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (crate::id::hex(bytes), true),
        };
        RawRow {
            v: ROW_VERSION,
            judgment_id: judgment_id.to_owned(),
            side,
            sha256: crate::id::sha256_hex(bytes),
            text,
            is_hex,
            transport,
        }
    }

    /// The bytes as they came; `None` where the text is no hex though it says so.
    pub fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        if !self.is_hex {
            return Some(Cow::Borrowed(self.text.as_bytes()));
        }
        crate::id::from_hex(&self.text).map(Cow::Owned)
    }
}
