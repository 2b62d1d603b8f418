//! Judges behind an API: a small pool of threads, retries with back-off, and rows that make a killed run resumable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use affinage_eval::judge::ledger::{LedgerEvent, Phase, RawRow, RawSide, Transport};
use affinage_eval::judge::record::{Answer, Call, Prices};
use affinage_eval::judge::request::JudgeRequest;
use affinage_eval::judge::wire::{
    FailureKind, WireFailure, WireFormat, WireParams, WireReply, cost_usd, redact, retry_delay,
};
use affinage_eval::judgment::Judgment;
use affinage_eval::rng::Rng;
use anyhow::{Context as _, anyhow};
use jiff::Timestamp;

use super::store::Store;
use super::{JudgeSummary, Texts};
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
    /// What the calls are for.
    pub phase: Phase,
    /// All calls of the evaluation together may cost so much.
    pub budget_usd: Option<f64>,
    /// Spent before these calls.
    pub spent_usd: f64,
}

/// What the workers share.
struct Pool<'a> {
    endpoint: &'a Endpoint,
    url: String,
    params: Mutex<WireParams>,
    texts: &'a Texts<'a>,
    /// Spent, or set aside for calls under way.
    reserved_usd: Mutex<f64>,
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
    texts: &Texts,
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
        texts,
        reserved_usd: Mutex::new(endpoint.spent_usd),
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

    /// One call with its retries, and one more where the reply cannot be read. An error ends the whole run.
    fn ask(&self, call: &Call) -> anyhow::Result<Result<(), Unanswered>> {
        let first = match self.reply(call, self.phase(call), &call.request)? {
            Ok(reply) => reply,
            Err(unanswered) => return Ok(Err(unanswered)),
        };
        let repair = if call.needs_repair(&first.reply) {
            match self.reply(call, Phase::Repair, &call.request.repairing(&first.reply.text))? {
                Ok(reply) => Some(reply),
                Err(Unanswered::Stopping) => return Ok(Err(Unanswered::Stopping)),
                // The first reply stands as it is: missing.
                Err(Unanswered::ThisCall) => None,
            }
        } else {
            None
        };
        self.keep(call, &first, repair.as_ref())?;
        Ok(Ok(()))
    }

    fn phase(&self, call: &Call) -> Phase {
        if call.repeat > 0 { Phase::Repeat } else { self.endpoint.phase }
    }

    /// A reply to `request`: one that an earlier process stored, else a new one.
    fn reply(
        &self,
        call: &Call,
        phase: Phase,
        request: &JudgeRequest,
    ) -> anyhow::Result<Result<Received, Unanswered>> {
        let judgment_id = call.judgment_id();
        let side = if phase == Phase::Repair { RawSide::RepairReply } else { RawSide::Reply };
        // Bound first: the guard must not live on while the reply is read.
        let stored = lock(&self.store).take_unread_reply(&judgment_id, side);
        if let Some(received) = stored.and_then(|row| self.stored(&row)) {
            self.note_answer(call, phase, &received)?;
            return Ok(Ok(received));
        }
        let (mut attempt, mut adapted) = (1, 0);
        loop {
            let failure = match self.attempt(call, phase, request, attempt)? {
                Attempt::Answered(received) => return Ok(Ok(received)),
                Attempt::Failed(failure, params) => {
                    // A server that refuses one thing after another is given up on.
                    if adapted < 8 && self.learn(&failure, &params) {
                        adapted += 1;
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

    /// What a call costs at most: a token for every two bytes of the request, all written to a cache, and a reply as
    /// long as it may be. `None` where a price is unknown.
    fn worst_usd(&self, body: &[u8]) -> Option<f64> {
        let (input, output) = (self.endpoint.prices.input?, self.endpoint.prices.output?);
        let tokens = body.len() as f64 / 2.0;
        Some((1.25 * tokens * input + f64::from(self.endpoint.params.max_tokens) * output) / 1e6)
    }

    /// Sets the worst case of a call aside, or refuses: a budget is never exceeded, not even by calls under way.
    fn reserve(&self, worst_usd: Option<f64>) -> anyhow::Result<()> {
        let Some(budget) = self.endpoint.budget_usd else { return Ok(()) };
        let Some(worst) = worst_usd else {
            return Err(anyhow!("judging.budget-usd is set, but a price of this judge is not known"))
                .hint("set price-in and price-out of the judge, or take the budget out");
        };
        let mut reserved = lock(&self.reserved_usd);
        if *reserved + worst > budget {
            return Err(anyhow!(
                "the next call could exceed the budget of ${budget:.2}: ${:.4} are spent or under way, it costs up \
                 to ${worst:.4}",
                *reserved
            ))
            .hint("raise judging.budget-usd; answers so far are saved");
        }
        *reserved += worst;
        Ok(())
    }

    /// Puts back what a call did not cost.
    fn settle(&self, worst_usd: Option<f64>, cost_usd: Option<f64>) {
        if let (Some(_), Some(worst)) = (self.endpoint.budget_usd, worst_usd) {
            *lock(&self.reserved_usd) -= worst - cost_usd.unwrap_or(worst).min(worst);
        }
    }

    /// Sends once. What comes back is on the disk before it is looked at.
    fn attempt(
        &self,
        call: &Call,
        phase: Phase,
        request: &JudgeRequest,
        attempt: u32,
    ) -> anyhow::Result<Attempt> {
        let wire = self.endpoint.wire;
        let judgment_id = call.judgment_id();
        let params = lock(&self.params).clone();
        let body = wire.body(request, &params);
        let worst_usd = self.worst_usd(&body);
        self.reserve(worst_usd)?;
        lock(&self.store).intend(&judgment_id, &call.judge_id, phase, attempt, &body, worst_usd)?;
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
                // It may have been paid all the same, so its worst case stays set aside.
                return self.failed(call, phase, attempt, failure, params);
            }
        };
        let header = |name: &str| reply.header(name).map(str::to_owned);
        let read = match wire.read(reply.status, header, &reply.body) {
            Ok(read) => read,
            Err(failure) => {
                self.settle(worst_usd, Some(0.0));
                return self.failed(call, phase, attempt, failure, params);
            }
        };
        let transport = Transport {
            request_sha256: affinage_eval::id::sha256_hex(&body),
            attempts: attempt,
            request_id: reply.header(wire.request_id_header()).map(str::to_owned),
            started_at,
            finished_at: Timestamp::now().to_string(),
        };
        let side = if phase == Phase::Repair { RawSide::RepairReply } else { RawSide::Reply };
        let row = RawRow::new(&judgment_id, side, &reply.body, Some(transport.clone()));
        let response_sha256 = lock(&self.store).add_raw(row)?;
        let received = Received { reply: read, response_sha256, transport };
        self.settle(worst_usd, self.cost_usd(&received));
        self.note_answer(call, phase, &received)?;
        Ok(Attempt::Answered(received))
    }

    fn cost_usd(&self, received: &Received) -> Option<f64> {
        let prices = self.endpoint.prices;
        cost_usd(received.reply.usage.as_ref(), prices.input, prices.output)
    }

    fn note_answer(&self, call: &Call, phase: Phase, received: &Received) -> anyhow::Result<()> {
        let event = LedgerEvent::Answered {
            attempt: received.transport.attempts,
            response_sha256: received.response_sha256.clone(),
            cost_usd: self.cost_usd(received),
        };
        lock(&self.store).note(&call.judgment_id(), &call.judge_id, phase, event)
    }

    fn failed(
        &self,
        call: &Call,
        phase: Phase,
        attempt: u32,
        failure: WireFailure,
        sent: WireParams,
    ) -> anyhow::Result<Attempt> {
        let reason = self.redacted(&format!("{} {} {}", failure.status, failure.code, failure.message));
        let event = LedgerEvent::Failed { attempt, reason };
        lock(&self.store).note(&call.judgment_id(), &call.judge_id, phase, event)?;
        Ok(Attempt::Failed(failure, sent))
    }

    /// Judgment from the replies, checked against the texts that were shown, then written.
    fn keep(&self, call: &Call, first: &Received, repair: Option<&Received>) -> anyhow::Result<()> {
        let params = lock(&self.params).clone();
        let repair = repair.map(Received::answer);
        let judgment: Judgment =
            call.answered(&first.answer(), repair.as_ref(), &params, self.endpoint.prices);
        call.verify(&judgment, |id| self.texts.get(id).copied())?;
        lock(&self.store).add_judgment(&judgment)?;
        let mut summary = lock(&self.summary);
        summary.cut_requests += usize::from(call.was_cut(&first.reply));
        summary.count(&judgment);
        Ok(())
    }

    /// A reply that an earlier process stored and did not get to judge; `None` when it cannot be read.
    fn stored(&self, row: &RawRow) -> Option<Received> {
        let reply = self.endpoint.wire.read(200, |_| None, row.text.as_bytes()).ok()?;
        Some(Received { reply, response_sha256: row.sha256.clone(), transport: row.transport.clone()? })
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

/// A reply that is on the disk.
struct Received {
    reply: WireReply,
    response_sha256: String,
    transport: Transport,
}

impl Received {
    fn answer(&self) -> Answer<'_> {
        Answer { reply: &self.reply, response_sha256: &self.response_sha256, transport: &self.transport }
    }
}

enum Attempt {
    Answered(Received),
    /// With the parameters that were sent.
    Failed(WireFailure, WireParams),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no worker panics while it holds a lock")
}
