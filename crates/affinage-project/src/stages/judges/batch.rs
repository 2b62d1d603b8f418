//! Judges that answer in batches: submitted in one process, collected by the same command later.
//!
//! `batches.jsonl` says which calls are where: a row before a batch is sent, one with its name after, one when it was
//! collected. A batch that was sent and never named (the process died in between) is asked again and said as possibly
//! paid, like any other call without an end. Collected replies are stored as raw bytes; the ordinary way of asking
//! then reads them as if an earlier process had left them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use affinage_eval::ROW_VERSION;
use affinage_eval::id::{row_id, sha256_hex};
use affinage_eval::judge::batch::{
    BatchCall, BatchEvent, BatchRequest, BatchRow, BatchStatus, MAX_BYTES, MAX_REQUESTS, multipart,
};
use affinage_eval::judge::ledger::{LedgerEvent, Phase, RawRow, RawSide, Transport};
use affinage_eval::judge::record::Call;
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::plain::{count, counted};
use anyhow::{Context as _, anyhow};
use jiff::Timestamp;

use super::JudgeSummary;
use super::server::JudgeServer;
use super::store::Store;
use crate::client::http::{self, Reply};
use crate::client::{Budget, borrowed, worst_usd};
use crate::errors::HintExt as _;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;
use crate::observer::Observer;

/// A batch that the provider has and that was not collected.
#[derive(Clone, Debug)]
pub struct OpenBatch {
    batch_key: String,
    batch_id: String,
    judge_id: String,
    phase: Phase,
    submitted_at: String,
    calls: Vec<BatchCall>,
}

/// The open batches of an evaluation or its exams.
pub fn open_batches(folder: &Evaluation, ui: &dyn Observer) -> anyhow::Result<Vec<OpenBatch>> {
    let rows = folder.batches().read(ui)?;
    let mut calls: BTreeMap<&str, &Vec<BatchCall>> = BTreeMap::new();
    let mut open: BTreeMap<&str, OpenBatch> = BTreeMap::new();
    for row in &rows {
        match &row.event {
            BatchEvent::Submitting { calls: all } => {
                calls.insert(&row.batch_key, all);
            }
            BatchEvent::Submitted { batch_id } => {
                let batch = OpenBatch {
                    batch_key: row.batch_key.clone(),
                    batch_id: batch_id.clone(),
                    judge_id: row.judge_id.clone(),
                    phase: row.phase,
                    submitted_at: row.at.clone(),
                    calls: calls.get(row.batch_key.as_str()).map(|all| (*all).clone()).unwrap_or_default(),
                };
                open.insert(&row.batch_key, batch);
            }
            BatchEvent::Refused { .. } | BatchEvent::Collected { .. } => {
                open.remove(row.batch_key.as_str());
            }
        }
    }
    Ok(open.into_values().collect())
}

/// The calls that wait in open batches.
pub fn waiting(folder: &Evaluation, ui: &dyn Observer) -> anyhow::Result<BTreeSet<String>> {
    let open = open_batches(folder, ui)?;
    Ok(open.into_iter().flat_map(|batch| batch.calls).map(|call| call.judgment_id).collect())
}

/// The batches of one judge and phase.
pub struct Batches<'a> {
    pub ctx: &'a Project,
    pub folder: &'a Evaluation,
    pub server: &'a JudgeServer,
    pub judge_id: &'a str,
}

/// From the first byte to the last of one request; files of results can be large.
const TIMEOUT: Duration = Duration::from_secs(600);

impl Batches<'_> {
    /// Stores the replies of every batch that has ended. Returns how many calls still wait.
    pub fn collect(&self, store: &mut Store) -> anyhow::Result<usize> {
        let mut waiting = 0;
        for batch in open_batches(self.folder, &self.ctx.ui)? {
            if batch.judge_id != self.judge_id || batch.phase != self.server.phase {
                continue;
            }
            let url =
                format!("{}/{}", self.wire().batches_url(&self.server.endpoint.base_url), batch.batch_id);
            let reply = self.get(&url)?;
            let status = self.wire().batch_status(&reply.body);
            match status.with_context(|| format!("batch {}: no batch came back", batch.batch_id))? {
                BatchStatus::Working { answered } => {
                    waiting += batch.calls.len();
                    self.ctx.ui.say(format!(
                        "`{}`: batch {} of {} is being answered ({} so far)",
                        self.judge_id,
                        batch.batch_id,
                        counted(batch.calls.len(), "call", "calls"),
                        count(answered)
                    ));
                }
                BatchStatus::Failed { reason } => {
                    self.ctx
                        .ui
                        .warn(format!("`{}`: batch {} failed: {reason}", self.judge_id, batch.batch_id));
                    self.end_calls(store, &batch, &batch.calls, &reason)?;
                    self.note(&batch.batch_key, BatchEvent::Refused { reason })?;
                }
                BatchStatus::Ended { files } => self.store_results(store, &batch, &files)?,
            }
        }
        Ok(waiting)
    }

    fn store_results(&self, store: &mut Store, batch: &OpenBatch, files: &[String]) -> anyhow::Result<()> {
        // Addresses are made here and not taken from the reply: a key goes to the configured host alone.
        let base = self.server.endpoint.base_url.trim_end_matches('/');
        let urls: Vec<String> = match self.wire() {
            WireFormat::Anthropic => {
                vec![format!("{}/{}/results", self.wire().batches_url(base), batch.batch_id)]
            }
            WireFormat::Openai => files.iter().map(|id| format!("{base}/files/{id}/content")).collect(),
        };
        let mut open: BTreeMap<&str, &BatchCall> =
            batch.calls.iter().map(|call| (call.judgment_id.as_str(), call)).collect();
        let (mut answered, mut failed) = (0, Vec::new());
        for url in urls {
            for line in self.wire().batch_lines(&self.get(&url)?.body) {
                // A line that comes twice, or that nobody asked for, is left out.
                let Some(call) = open.remove(line.custom_id.as_str()) else { continue };
                match line.reply {
                    Ok(bytes) => {
                        let transport = Transport {
                            request_sha256: call.request_sha256.clone(),
                            attempts: call.attempt,
                            request_id: None,
                            is_batch: true,
                            started_at: batch.submitted_at.clone(),
                            finished_at: Timestamp::now().to_string(),
                        };
                        let row = RawRow::new(&call.judgment_id, RawSide::Reply, &bytes, Some(transport));
                        store.add_raw_reply(row)?;
                        answered += 1;
                    }
                    Err(reason) => failed.push((call, reason)),
                }
            }
        }
        let silent = open.into_values().map(|call| (call, "no line in the results".to_owned()));
        failed.extend(silent);
        for (call, reason) in &failed {
            self.end_calls(store, batch, std::slice::from_ref(*call), reason)?;
        }
        self.ctx.ui.say(format!(
            "`{}`: batch {} brought {}{}",
            self.judge_id,
            batch.batch_id,
            counted(answered, "reply", "replies"),
            if failed.is_empty() {
                String::new()
            } else {
                format!(", {} failed", counted(failed.len(), "call", "calls"))
            }
        ));
        self.note(&batch.batch_key, BatchEvent::Collected { answered, failed: failed.len() })
    }

    fn end_calls(
        &self,
        store: &mut Store,
        batch: &OpenBatch,
        calls: &[BatchCall],
        reason: &str,
    ) -> anyhow::Result<()> {
        for call in calls {
            let reason = reason.to_owned();
            let event = LedgerEvent::Failed { attempt: call.attempt, reason, possibly_usd: None };
            store.note(&call.judgment_id, self.judge_id, batch.phase, event)?;
        }
        Ok(())
    }

    /// Sends `calls` in as few batches as fit. Each is on the disk, its intents included, before it leaves.
    pub fn submit(
        &self,
        store: &mut Store,
        calls: &[&Call],
        summary: &mut JudgeSummary,
    ) -> anyhow::Result<()> {
        let params = self.server.params.clone().within(&self.server.endpoint.limits);
        let budget = Budget::new(self.server.budget_usd, self.server.spent_usd);
        let mut left: &[&Call] = calls;
        while !left.is_empty() {
            let (mut requests, mut batch_calls, mut bytes) = (Vec::new(), Vec::new(), 0);
            while let Some((call, rest)) = left.split_first() {
                let body = self.wire().body(&call.request, &params);
                if requests.len() >= MAX_REQUESTS || (bytes + body.len() > MAX_BYTES && !requests.is_empty())
                {
                    break;
                }
                bytes += body.len();
                let worst = worst_usd(body.len(), params.max_tokens, self.server.prices);
                budget.reserve(worst)?;
                let judgment_id = call.judgment_id();
                let attempt = store.next_attempt(&judgment_id);
                store.intend(&judgment_id, self.judge_id, self.server.phase, attempt, &body, worst)?;
                batch_calls.push(BatchCall {
                    judgment_id: judgment_id.clone(),
                    request_sha256: sha256_hex(&body),
                    attempt,
                });
                requests.push(BatchRequest { custom_id: judgment_id, body });
                left = rest;
            }
            self.submit_one(store, &requests, batch_calls)?;
            summary.in_batch += requests.len();
        }
        Ok(())
    }

    fn submit_one(
        &self,
        store: &mut Store,
        requests: &[BatchRequest],
        calls: Vec<BatchCall>,
    ) -> anyhow::Result<()> {
        let now = Timestamp::now().to_string();
        let mut parts: Vec<&str> = calls.iter().map(|call| call.request_sha256.as_str()).collect();
        parts.extend([self.judge_id, now.as_str()]);
        let batch_key = row_id("bat", &parts);
        let ended = OpenBatch {
            batch_key: batch_key.clone(),
            batch_id: String::new(),
            judge_id: self.judge_id.to_owned(),
            phase: self.server.phase,
            submitted_at: now,
            calls: calls.clone(),
        };
        self.note(&batch_key, BatchEvent::Submitting { calls: calls.clone() })?;
        match self.create(&batch_key, requests) {
            Ok(batch_id) => {
                self.note(&batch_key, BatchEvent::Submitted { batch_id: batch_id.clone() })?;
                self.ctx.ui.say(format!(
                    "`{}`: {} submitted as batch {batch_id}; the same command collects the replies",
                    self.judge_id,
                    counted(calls.len(), "call", "calls")
                ));
                Ok(())
            }
            Err(Uncreated::Refused(reason)) => {
                self.end_calls(store, &ended, &calls, &reason)?;
                self.note(&batch_key, BatchEvent::Refused { reason: reason.clone() })?;
                Err(anyhow!("the batch was refused: {reason}"))
                    .hint("nothing of it is paid; set mode = \"now\" if this server has no batches")
            }
            // It may exist: its intents stay open and are counted as possibly paid.
            Err(Uncreated::Unknown(reason)) => {
                Err(anyhow!("whether the batch was made is not known: {reason}"))
                    .hint("look at the provider's list of batches before you run the command again")
            }
        }
    }

    fn create(&self, batch_key: &str, requests: &[BatchRequest]) -> Result<String, Uncreated> {
        let wire = self.wire();
        let (input, url) = (wire.batch_input(requests), wire.batches_url(&self.server.endpoint.base_url));
        let body = match wire {
            WireFormat::Anthropic => input,
            WireFormat::Openai => {
                let boundary = format!("affinage-{batch_key}");
                let form = multipart(&boundary, "batch", &format!("{batch_key}.jsonl"), &input);
                let files = format!("{}/files", self.server.endpoint.base_url.trim_end_matches('/'));
                let kind = format!("multipart/form-data; boundary={boundary}");
                let file_id = self.id_of(self.post(&files, &kind, &form)?)?;
                serde_json::json!({"input_file_id": file_id, "endpoint": "/v1/chat/completions",
                    "completion_window": "24h", "metadata": {"batch_key": batch_key}})
                .to_string()
                .into_bytes()
            }
        };
        self.id_of(self.post(&url, "application/json", &body)?)
    }

    fn id_of(&self, reply: Reply) -> Result<String, Uncreated> {
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        match (reply.status, body["id"].as_str()) {
            (200..=299, Some(id)) => Ok(id.to_owned()),
            (200..=299, None) => Err(Uncreated::Unknown("the reply has no id".to_owned())),
            (status @ 400..=499, _) => Err(Uncreated::Refused(self.failure(status, &reply.body))),
            (status, _) => Err(Uncreated::Unknown(self.failure(status, &reply.body))),
        }
    }

    fn failure(&self, status: u16, body: &[u8]) -> String {
        let read = self.wire().read(status, |_| None, body);
        let said = read.err().map_or_else(String::new, |f| format!("{} {}", f.code, f.message));
        format!("{status} {said}")
    }

    fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Reply, Uncreated> {
        let headers = self.server.endpoint.headers();
        let mut headers = borrowed(&headers);
        headers.push(("content-type", content_type));
        http::post(url, &headers, body, TIMEOUT).map_err(|error| Uncreated::Unknown(error.to_string()))
    }

    fn get(&self, url: &str) -> anyhow::Result<Reply> {
        let reply = http::get_file(url, &borrowed(&self.server.endpoint.headers()), TIMEOUT)?;
        match reply.status {
            200 => Ok(reply),
            status => Err(anyhow!("{}: {}", http::shown(url), self.failure(status, &reply.body)))
                .hint("the batch is kept; the same command asks for it again"),
        }
    }

    fn note(&self, batch_key: &str, event: BatchEvent) -> anyhow::Result<()> {
        let row = BatchRow {
            v: ROW_VERSION,
            batch_key: batch_key.to_owned(),
            judge_id: self.judge_id.to_owned(),
            phase: self.server.phase,
            event,
            at: Timestamp::now().to_string(),
        };
        self.folder.batches().append(&row, &self.ctx.ui)
    }

    fn wire(&self) -> WireFormat {
        self.server.endpoint.wire
    }
}

enum Uncreated {
    /// The provider said no.
    Refused(String),
    /// No answer, or none that says whether the batch exists.
    Unknown(String),
}
