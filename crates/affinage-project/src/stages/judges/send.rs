//! Judges behind an API: a small pool of threads, retries with back-off, and rows that make a killed run resumable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use affinage_eval::judge::ledger::{LedgerEvent, Phase, RawRow, RawSide, Transport};
use affinage_eval::judge::pace::{Aimd, Pace};
use affinage_eval::judge::record::{Answer, Call, Prices};
use affinage_eval::judge::request::JudgeRequest;
use affinage_eval::judge::wire::{WireFormat, WireReply};
use affinage_eval::judge::wire_failure::{FailureKind, WireFailure, retry_delay};
use affinage_eval::judge::wire_params::{WireLimits, WireParams};
use affinage_eval::judgment::Judgment;
use affinage_eval::rng::Rng;
use anyhow::{Context as _, anyhow};
use jiff::Timestamp;

use super::budget::{Budget, worst_usd};
use super::server::borrowed;
use super::store::Store;
use super::{JudgeSummary, Texts};
use crate::errors::{HintExt as _, interrupted};
use crate::folder::project::Project;
use crate::http::{self, NoReplyKind};
use crate::interrupt;
use crate::observer::Progress;

/// Attempts per call and run of the command.
const ATTEMPTS: u32 = 6;
/// Attempts whose replies are no answer though the server calls them a success, and takes money for them.
const PAID_ATTEMPTS: u32 = 2;
/// So many calls in a row that used up their attempts end the run: the server is not there. So many that were refused do
/// while none was answered: it refuses all.
const GIVE_UP_AFTER: usize = 3;

/// Where and how a judge is reached.
pub struct Endpoint {
    pub wire: WireFormat,
    pub base_url: String,
    /// From the environment; never written anywhere.
    pub key: Option<String>,
    pub params: WireParams,
    pub prices: Prices,
    pub concurrency: usize,
    /// From the name look-up to the last byte of a reply.
    pub timeout: Duration,
    /// What the calls are for.
    pub phase: Phase,
    /// All calls of the evaluation together may cost so much.
    pub budget_usd: Option<f64>,
    /// Spent before these calls.
    pub spent_usd: f64,
    /// What the server is known to refuse.
    pub limits: WireLimits,
    /// The provider's turns, shared by its judges.
    pub pace: Option<Arc<Mutex<Pace>>>,
}

/// What the workers share.
struct Pool<'a> {
    endpoint: &'a Endpoint,
    url: String,
    /// Sent from now on, and what the server was found to refuse.
    params: Mutex<(WireParams, WireLimits)>,
    /// Calls in flight, and how many there may be.
    gate: Mutex<(usize, Aimd)>,
    gate_opened: Condvar,
    texts: &'a Texts<'a>,
    budget: Budget,
    queue: Mutex<VecDeque<&'a Call>>,
    store: Mutex<&'a mut Store>,
    summary: Mutex<&'a mut JudgeSummary>,
    /// The first error that ends the run.
    stopped: Mutex<Option<anyhow::Error>>,
    exhausted_in_a_row: AtomicUsize,
    answered: AtomicUsize,
    refused: AtomicUsize,
    progress: &'a Progress,
}

/// Asks all `calls`. Calls that failed for good are counted in `summary`; the same command asks them again.
pub fn judge(
    ctx: &Project,
    texts: &Texts,
    endpoint: &Endpoint,
    calls: &[&Call],
    store: &mut Store,
    summary: &mut JudgeSummary,
) -> (WireLimits, anyhow::Result<()>) {
    let progress = ctx.ui.progress(summary.label(), calls.len() as u64, "calls");
    let pool = Pool {
        endpoint,
        url: endpoint.wire.url(&endpoint.base_url),
        params: Mutex::new((endpoint.params.clone().within(&endpoint.limits), endpoint.limits.clone())),
        gate: Mutex::new((0, Aimd::new(endpoint.concurrency))),
        gate_opened: Condvar::new(),
        texts,
        budget: Budget::new(endpoint.budget_usd, endpoint.spent_usd),
        queue: Mutex::new(calls.iter().copied().collect()),
        store: Mutex::new(store),
        summary: Mutex::new(summary),
        stopped: Mutex::new(None),
        exhausted_in_a_row: AtomicUsize::new(0),
        answered: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        progress: &progress,
    };
    std::thread::scope(|scope| {
        for _ in 0..endpoint.concurrency.min(calls.len()) {
            scope.spawn(|| pool.work());
        }
    });
    let limits = lock(&pool.params).1.clone();
    let lowest = lock(&pool.gate).1.lowest();
    if lowest < endpoint.concurrency {
        lock(&pool.summary).lowest_concurrency = Some(lowest);
    }
    let result = pool.end();
    progress.finish("");
    (limits, result)
}

/// Why a call has no judgment.
enum Unanswered {
    /// Later calls may succeed.
    ThisCall,
    /// The server will never answer this request.
    Refused,
    /// Ctrl-C, or another worker stopped the run, while this one waited.
    Stopping,
}

impl Pool<'_> {
    /// What the run came to. Answers are on the disk when this returns.
    fn end(self) -> anyhow::Result<()> {
        lock(&self.store).sync()?;
        if let Some(error) = lock(&self.stopped).take() {
            return Err(error)
                .hint("answers so far are saved; the same command asks only for what is missing");
        }
        if interrupt::requested() {
            return Err(interrupted("stopped; the judgments so far are saved"))
                .hint("run the same command again to continue");
        }
        Ok(())
    }

    fn work(&self) {
        while let Some(call) = self.next() {
            match self.ask(call) {
                Ok(Ok(())) => {
                    self.exhausted_in_a_row.store(0, Ordering::Relaxed);
                    self.answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Err(Unanswered::ThisCall | Unanswered::Refused)) => lock(&self.summary).failed += 1,
                Ok(Err(Unanswered::Stopping)) => return,
                Err(error) => return self.stop(error),
            }
            self.progress.advance(1);
        }
    }

    fn next(&self) -> Option<&Call> {
        let is_over = self.is_stopping() || lock(&self.store).exam_is_lost();
        if is_over { None } else { lock(&self.queue).pop_front() }
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
                // The first reply is stored: a later run asks for the second alone.
                Err(unanswered @ (Unanswered::Stopping | Unanswered::ThisCall)) => {
                    return Ok(Err(unanswered));
                }
                // The first reply stands as it is: missing.
                Err(Unanswered::Refused) => None,
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
            let is_noted = lock(&self.store).known.is_answered(&judgment_id, phase);
            if !is_noted {
                self.note_answer(call, phase, &received)?;
            }
            return Ok(Ok(received));
        }
        let (mut attempt, mut paid) = (1, 0);
        // The bodies that were refused: what a refusal teaches must lead to another one.
        let mut refused: Vec<Vec<u8>> = Vec::new();
        loop {
            let failure = match self.attempt(call, phase, request, attempt)? {
                Attempt::Answered(received) => return Ok(Ok(received)),
                Attempt::Stopping => return Ok(Err(Unanswered::Stopping)),
                Attempt::Failed(failure, params) => {
                    refused.push(self.endpoint.wire.body(request, &params));
                    let teaches = self.learn(&failure, &params);
                    let next = self.endpoint.wire.body(request, &lock(&self.params).0);
                    if teaches && !refused.contains(&next) {
                        continue;
                    }
                    failure
                }
            };
            paid += u32::from(failure.may_be_paid());
            match failure.kind {
                FailureKind::Judge => return Err(self.refusal(&failure)),
                FailureKind::ThisRequest => return self.refused(&failure),
                FailureKind::Transient { .. } if attempt >= ATTEMPTS || paid >= PAID_ATTEMPTS => {
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

    /// The server will never answer this request. While it has answered none, the same may be true of all.
    fn refused(&self, failure: &WireFailure) -> anyhow::Result<Result<Received, Unanswered>> {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused >= GIVE_UP_AFTER && self.answered.load(Ordering::Relaxed) == 0 {
            return Err(self.refusal(failure)).context("the judge refuses every request");
        }
        lock(&self.summary).last_refusal = Some(format!("{:#}", self.refusal(failure)));
        Ok(Err(Unanswered::Refused))
    }

    /// Waits for a free place among the calls in flight and for the provider's turn; false when the run stops.
    fn enter(&self) -> bool {
        let mut gate = lock(&self.gate);
        while gate.0 >= gate.1.limit() {
            if self.is_stopping() {
                return false;
            }
            let waited = self.gate_opened.wait_timeout(gate, Duration::from_millis(100));
            gate = waited.expect("no worker panics while it holds a lock").0;
        }
        gate.0 += 1;
        drop(gate);
        let turn = self.endpoint.pace.as_ref().map(|pace| lock(pace).turn(since_start()));
        if turn.is_none_or(|turn| self.wait(turn)) {
            return true;
        }
        self.leave(None);
        false
    }

    /// Gives the place back; the reply's status steers how many there are.
    fn leave(&self, status: Option<u16>) {
        let mut gate = lock(&self.gate);
        gate.0 -= 1;
        match status {
            Some(200..=299) => gate.1.succeeded(),
            Some(429 | 503 | 529) => gate.1.overloaded(since_start()),
            _ => {}
        }
        self.gate_opened.notify_all();
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
        if !self.enter() {
            return Ok(Attempt::Stopping);
        }
        let params = lock(&self.params).0.clone();
        let body = wire.body(request, &params);
        let worst_usd = worst_usd(body.len(), self.endpoint.params.max_tokens, self.endpoint.prices);
        if let Err(error) = self.budget.reserve(worst_usd) {
            self.leave(None);
            return Err(error);
        }
        lock(&self.store).intend(&judgment_id, &call.judge_id, phase, attempt, &body, worst_usd)?;
        let headers = self.endpoint.headers();
        let started_at = Timestamp::now().to_string();
        let sent = http::post_json(&self.url, &borrowed(&headers), &body, self.endpoint.timeout);
        self.leave(sent.as_ref().ok().map(|reply| reply.status));
        let reply = match sent {
            Ok(reply) => reply,
            Err(error) => {
                let kind = match error.kind {
                    NoReplyKind::Unsendable => FailureKind::Judge,
                    NoReplyKind::TooLong => FailureKind::ThisRequest,
                    NoReplyKind::Timeout | NoReplyKind::Connection => {
                        FailureKind::Transient { retry_after: None }
                    }
                };
                let message = error.to_string();
                let failure = WireFailure { kind, status: 0, code: String::new(), param: None, message };
                // It may have been paid all the same, so its worst case stays set aside.
                return self.failed(call, phase, attempt, (failure, params), worst_usd);
            }
        };
        let read = match wire.read(reply.status, |name| reply.header_for_waiting(name), &reply.body) {
            Ok(read) => read,
            Err(failure) => {
                let paid = worst_usd.filter(|_| failure.may_be_paid());
                self.budget.settle(worst_usd, Some(paid.unwrap_or(0.0)));
                return self.failed(call, phase, attempt, (failure, params), paid);
            }
        };
        let transport = Transport {
            request_sha256: affinage_eval::id::sha256_hex(&body),
            attempts: attempt,
            request_id: reply.header(wire.request_id_header()).map(str::to_owned),
            is_batch: false,
            started_at,
            finished_at: Timestamp::now().to_string(),
        };
        let side = if phase == Phase::Repair { RawSide::RepairReply } else { RawSide::Reply };
        let row = RawRow::new(&judgment_id, side, &reply.body, Some(transport.clone()));
        let response_sha256 = lock(&self.store).add_raw(row)?;
        let received = Received { reply: read, response_sha256, transport };
        self.learn_from_length(&received, &params);
        self.budget.settle(worst_usd, self.cost_usd(&received));
        self.note_answer(call, phase, &received)?;
        Ok(Attempt::Answered(received))
    }

    fn cost_usd(&self, received: &Received) -> Option<f64> {
        received.answer().cost_usd(self.endpoint.prices)
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
        (failure, sent): (WireFailure, WireParams),
        possibly_usd: Option<f64>,
    ) -> anyhow::Result<Attempt> {
        let reason = format!("{} {} {}", failure.status, failure.code, failure.message);
        let event = LedgerEvent::Failed { attempt, reason, possibly_usd };
        lock(&self.store).note(&call.judgment_id(), &call.judge_id, phase, event)?;
        Ok(Attempt::Failed(failure, sent))
    }

    /// Judgment from the replies, checked against the texts that were shown, then written.
    fn keep(&self, call: &Call, first: &Received, repair: Option<&Received>) -> anyhow::Result<()> {
        let params = lock(&self.params).0.clone();
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
        let reply = self.endpoint.wire.read(200, |_| None, &row.bytes()?).ok()?;
        Some(Received { reply, response_sha256: row.sha256.clone(), transport: row.transport.clone()? })
    }

    /// Drops what a refusal complains about, for all later calls. True when asking again can differ: also when
    /// another worker learnt it while this request, sent with the parameters `sent`, was on its way.
    fn learn(&self, failure: &WireFailure, sent: &WireParams) -> bool {
        let mut guard = lock(&self.params);
        let (params, limits) = &mut *guard;
        if failure.is_refusal() && *params != *sent {
            return true;
        }
        let before = params.clone();
        let adapts = params.adapt(failure);
        limits.learn(&before, params);
        adapts
    }

    /// Servers may pass over the token limit in silence; the length of a reply shows it.
    fn learn_from_length(&self, received: &Received, sent: &WireParams) {
        let mut guard = lock(&self.params);
        let (params, limits) = &mut *guard;
        let before = params.clone();
        // Anthropic's format has one name, and another worker may have learnt it already.
        let may_differ = self.endpoint.wire == WireFormat::Openai && limits.max_tokens_key.is_none();
        let output_tokens = received.reply.usage.map_or(0, |usage| usage.output_tokens);
        if may_differ && *params == *sent && params.adapt_to_length(output_tokens) {
            limits.learn(&before, params);
        }
    }

    fn refusal(&self, failure: &WireFailure) -> anyhow::Error {
        match failure.status {
            0 => anyhow!("{}", failure.message),
            status => {
                let code = if failure.code.is_empty() { String::new() } else { format!(" {}", failure.code) };
                anyhow!("{}: {status}{code}: {}", http::shown(&self.url), failure.message)
            }
        }
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
    /// The run ended before anything was sent.
    Stopping,
}

/// Time since the first call of this process.
fn since_start() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no worker panics while it holds a lock")
}
