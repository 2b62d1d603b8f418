//! The rows that make "never pays twice" checkable: an intent before each call, its end after it, and the raw
//! bytes of both sides.

use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;

/// One line of `ledger.jsonl`. A call is known by the id of the judgment that it will become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerRow {
    pub v: u32,
    pub judgment_id: String,
    pub judge_id: String,
    pub event: LedgerEvent,
    /// RFC 3339, UTC.
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum LedgerEvent {
    /// The next attempt is about to be sent. Without an end it was possibly paid.
    Intent { attempt: u32, request_sha256: String },
    /// The reply is in `raw.jsonl.zst`.
    Answered { attempt: u32, response_sha256: String, cost_usd: Option<f64> },
    /// No usable reply; the words are the server's, without keys.
    Failed { attempt: u32, reason: String },
}

impl LedgerRow {
    pub fn new(judgment_id: &str, judge_id: &str, event: LedgerEvent, at: String) -> LedgerRow {
        LedgerRow {
            v: ROW_VERSION,
            judgment_id: judgment_id.to_owned(),
            judge_id: judge_id.to_owned(),
            event,
            at,
        }
    }
}

/// Attempts per call with an intent but no end: a stopped process may have paid for them.
pub fn possibly_paid_twice(rows: &[LedgerRow]) -> usize {
    let mut open: std::collections::BTreeSet<(&str, u32)> = std::collections::BTreeSet::new();
    for row in rows {
        match &row.event {
            LedgerEvent::Intent { attempt, .. } => {
                open.insert((&row.judgment_id, *attempt));
            }
            LedgerEvent::Answered { attempt, .. } | LedgerEvent::Failed { attempt, .. } => {
                open.remove(&(row.judgment_id.as_str(), *attempt));
            }
        }
    }
    open.len()
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawSide {
    Request,
    Reply,
}

/// The circumstances of a reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transport {
    pub request_sha256: String,
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
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
}
