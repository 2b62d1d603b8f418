//! Judges behind an API: a small pool of threads, retries with back-off, and rows that make a killed run resumable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use affinage_eval::judge::ledger::{LedgerEvent, RawRow, RawSide, Transport};
use affinage_eval::judge::record::{Call, Prices};
use affinage_eval::judge::wire::{
    FailureKind, WireFailure, WireFormat, WireParams, WireReply, redact, retry_delay,
};
use affinage_eval::judgment::Judgment;
use affinage_eval::rng::Rng;
use anyhow::{Context as _, anyhow};
use jiff::Timestamp;

use super::store::Store;
use super::{Evaluated, JudgeSummary};
use crate::context::Context;
use crate::errors::{HintExt as _, interrupted};
use crate::http::{self, NoReplyKind};
use crate::interrupt;
use crate::ui::Progress;

/// Attempts per call and run of the command.
const ATTEMPTS: u32 = 6;
/// So many calls in a row that used up their attempts end the run: the server is not there.
const GIVE_UP_AFTER: usize = 3;
const TIMEOUT: Duration = Duration::from_secs(180);

/// Where and how a judge is reached.
pub struct Endpoint {
    pub wire: WireFormat,
    pub base_url: String,
    /// From the environment; never written anywhere.
    pub key: Option<String>,
    pub params: WireParams,
    pub prices: Prices,
    pub concurrency: usize,
}

/// What the workers share.
struct Pool<'a> {
    endpoint: &'a Endpoint,
    url: String,
    params: Mutex<WireParams>,
    evaluated: &'a Evaluated,
    queue: Mutex<VecDeque<&'a Call>>,
    store: Mutex<&'a mut Store>,
    summary: Mutex<&'a mut JudgeSummary>,
    /// The first error that ends the run.
    stopped: Mutex<Option<anyhow::Error>>,
    exhausted_in_a_row: AtomicUsize,
    progress: &'a Progress,
}

/// Asks all `calls`. Calls that failed for good are counted in `summary`; the same command asks them again.
pub fn judge(
    ctx: &Context,
    evaluated: &Evaluated,
    endpoint: &Endpoint,
    calls: &[Call],
    store: &mut Store,
    summary: &mut JudgeSummary,
) -> anyhow::Result<()> {
    let progress = ctx.ui.progress(format!("judging: {}", summary.judge_id), calls.len() as u64, "calls");
    let pool = Pool {
        endpoint,
        url: endpoint.wire.url(&endpoint.base_url),
        params: Mutex::new(endpoint.params.clone()),
        evaluated,
        queue: Mutex::new(calls.iter().collect()),
        store: Mutex::new(store),
        summary: Mutex::new(summary),
        stopped: Mutex::new(None),
        exhausted_in_a_row: AtomicUsize::new(0),
        progress: &progress,
    };
    std::thread::scope(|scope| {
        for _ in 0..endpoint.concurrency.min(calls.len()) {
            scope.spawn(|| pool.work());
        }
    });
    let Pool { store, stopped, .. } = pool;
    lock(&store).sync()?;
    progress.finish("");
    if let Some(error) = lock(&stopped).take() {
        return Err(error).hint("answers so far are saved; the same command asks only for what is missing");
    }
    if interrupt::requested() {
        return Err(interrupted("stopped; the judgments so far are saved"))
            .hint("the same command goes on from there");
    }
    Ok(())
}

/// Why a call has no judgment.
enum Unanswered {
    /// Later calls may succeed.
    ThisCall,
    /// Ctrl-C, or another worker stopped the run, while this one waited.
    Stopping,
}

impl Pool<'_> {
    fn work(&self) {
        while let Some(call) = self.next() {
            match self.ask(call) {
                Ok(Ok(())) => self.exhausted_in_a_row.store(0, Ordering::Relaxed),
                Ok(Err(Unanswered::ThisCall)) => lock(&self.summary).failed += 1,
                Ok(Err(Unanswered::Stopping)) => return,
                Err(error) => return self.stop(error),
            }
            self.progress.advance(1);
        }
    }

    fn next(&self) -> Option<&Call> {
        if self.is_stopping() { None } else { lock(&self.queue).pop_front() }
    }

    fn is_stopping(&self) -> bool {
        interrupt::requested() || lock(&self.stopped).is_some()
    }

    fn stop(&self, error: anyhow::Error) {
        lock(&self.stopped).get_or_insert(error);
    }

    /// One call with its retries. An error ends the whole run.
    fn ask(&self, call: &Call) -> anyhow::Result<Result<(), Unanswered>> {
        let judgment_id = call.judgment_id();
        // Bound first: the guard must not live on while the reply is kept.
        let stored = lock(&self.store).take_unread_reply(&judgment_id);
        if let Some(reply) = stored
            && self.keep_stored(call, &reply)?
        {
            return Ok(Ok(()));
        }
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(call, &judgment_id, attempt)? {
                Attempt::Answered => return Ok(Ok(())),
                Attempt::Failed(failure, params) => {
                    if self.learn(&failure, &params) {
                        continue;
                    }
                    failure
                }
            };
            match failure.kind {
                FailureKind::Judge => return Err(self.refusal(&failure)),
                FailureKind::ThisRequest => return Ok(Err(Unanswered::ThisCall)),
                FailureKind::Transient { .. } if attempt >= ATTEMPTS => {
                    let in_a_row = self.exhausted_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
                    if in_a_row >= GIVE_UP_AFTER {
                        return Err(self.refusal(&failure)).context("the judge does not answer");
                    }
                    return Ok(Err(Unanswered::ThisCall));
                }
                FailureKind::Transient { retry_after } => {
                    let jitter = Rng::for_purpose(u64::from(attempt), &[&judgment_id]).uniform();
                    if !self.wait(retry_delay(attempt, retry_after, jitter)) {
                        return Ok(Err(Unanswered::Stopping));
                    }
                    attempt += 1;
                }
            }
        }
    }

    /// Sends once. What comes back is on the disk before it is looked at.
    fn attempt(&self, call: &Call, judgment_id: &str, attempt: u32) -> anyhow::Result<Attempt> {
        let wire = self.endpoint.wire;
        let params = lock(&self.params).clone();
        let body = wire.body(&call.request, &params);
        lock(&self.store).intend(judgment_id, &call.judge_id, attempt, &body)?;
        let mut headers = wire.headers().to_vec();
        let key_header = self.endpoint.key.as_deref().map(|key| wire.key_header(key));
        headers.extend(key_header.iter().map(|(name, value)| (*name, value.as_str())));
        let started_at = Timestamp::now().to_string();
        let reply = match http::post_json(&self.url, &headers, &body, TIMEOUT) {
            Ok(reply) => reply,
            Err(error) => {
                let kind = match error.kind {
                    NoReplyKind::Unsendable => FailureKind::Judge,
                    NoReplyKind::Timeout | NoReplyKind::Connection => {
                        FailureKind::Transient { retry_after: None }
                    }
                };
                let message = error.to_string();
                let failure = WireFailure { kind, status: 0, code: String::new(), message };
                return self.failed(call, attempt, failure, params);
            }
        };
        let header = |name: &str| reply.header(name).map(str::to_owned);
        let read = match wire.read(reply.status, header, &reply.body) {
            Ok(read) => read,
            Err(failure) => return self.failed(call, attempt, failure, params),
        };
        let transport = Transport {
            request_sha256: affinage_eval::id::sha256_hex(&body),
            attempts: attempt,
            request_id: reply.header(wire.request_id_header()).map(str::to_owned),
            started_at,
            finished_at: Timestamp::now().to_string(),
        };
        let row = RawRow::new(judgment_id, RawSide::Reply, &reply.body, Some(transport.clone()));
        let response_sha256 = lock(&self.store).add_raw(row)?;
        self.keep(call, &read, response_sha256, &params, &transport)?;
        Ok(Attempt::Answered)
    }

    fn failed(
        &self,
        call: &Call,
        attempt: u32,
        failure: WireFailure,
        sent: WireParams,
    ) -> anyhow::Result<Attempt> {
        let reason = self.redacted(&format!("{} {} {}", failure.status, failure.code, failure.message));
        let event = LedgerEvent::Failed { attempt, reason };
        lock(&self.store).note(&call.judgment_id(), &call.judge_id, event)?;
        Ok(Attempt::Failed(failure, sent))
    }

    /// Judgment from a reply, checked against the texts that were shown, then written.
    fn keep(
        &self,
        call: &Call,
        reply: &WireReply,
        response_sha256: String,
        params: &WireParams,
        transport: &Transport,
    ) -> anyhow::Result<()> {
        let prices = self.endpoint.prices;
        let judgment: Judgment = call.answered(reply, response_sha256.clone(), params, transport, prices);
        call.verify(&judgment, |id| self.evaluated.text_of(id))?;
        let mut store = lock(&self.store);
        store.add_judgment(&judgment)?;
        let cost_usd = judgment.cost_usd;
        let event = LedgerEvent::Answered { attempt: transport.attempts, response_sha256, cost_usd };
        store.note(&judgment.judgment_id, &judgment.judge_id, event)?;
        lock(&self.summary).count(&judgment);
        Ok(())
    }

    /// Reads a reply that an earlier process stored and did not get to judge. False when it cannot be read.
    fn keep_stored(&self, call: &Call, row: &RawRow) -> anyhow::Result<bool> {
        let Some(transport) = &row.transport else { return Ok(false) };
        let Ok(reply) = self.endpoint.wire.read(200, |_| None, row.text.as_bytes()) else { return Ok(false) };
        let params = lock(&self.params).clone();
        self.keep(call, &reply, row.sha256.clone(), &params, transport)?;
        Ok(true)
    }

    /// Drops what a 400 complains about, for all later calls. True when asking again can differ: also when
    /// another worker learnt it while this request, sent with the parameters `sent`, was on its way.
    fn learn(&self, failure: &WireFailure, sent: &WireParams) -> bool {
        let mut params = lock(&self.params);
        (failure.status == 400 && *params != *sent) || params.adapt(failure)
    }

    fn refusal(&self, failure: &WireFailure) -> anyhow::Error {
        let said = self.redacted(&failure.message);
        match failure.status {
            0 => anyhow!("{said}"),
            status => anyhow!("{}: {status} {}: {said}", self.url, failure.code),
        }
    }

    fn redacted(&self, text: &str) -> String {
        self.endpoint.key.as_deref().map_or_else(|| text.to_owned(), |key| redact(text, key))
    }

    /// Waits; false when the run stops meanwhile.
    fn wait(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if self.is_stopping() {
                return false;
            }
            std::thread::sleep(
                until.saturating_duration_since(Instant::now()).min(Duration::from_millis(100)),
            );
        }
        true
    }
}

enum Attempt {
    Answered,
    /// With the parameters that were sent.
    Failed(WireFailure, WireParams),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no worker panics while it holds a lock")
}
