//! Calls to one server: a bounded number at once, retries with back-off, and what a refusal teaches.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use affinage_eval::judge::rate_limit::Aimd;
use affinage_eval::judge::wire::{WireFormat, WireReply};
use affinage_eval::judge::wire_failure::{FailureKind, WireFailure, retry_delay};
use affinage_eval::judge::wire_params::{WireLimits, WireParams};
use anyhow::{Context as _, anyhow};
use jiff::Timestamp;

use super::endpoint::{Endpoint, borrowed};
use super::http::{self, NoReply, NoReplyKind};
use crate::interrupt;

/// Attempts per call and run of the command.
const ATTEMPTS: u32 = 6;
/// Attempts whose replies are no answer though the server calls them a success, and takes money for them.
const PAID_ATTEMPTS: u32 = 2;
/// So many calls in a row that used up their attempts end the run: the server is not there. So many that were refused do
/// while none was answered: it refuses all.
const GIVE_UP_AFTER: usize = 3;

/// One question, and what is noted of it on the way.
pub trait Exchange {
    /// What is asked of the server beside the texts, if it takes all of it.
    fn params(&self) -> WireParams;

    /// The request.
    fn body(&self, params: &WireParams) -> Vec<u8>;

    /// In 0..1: spreads the waits of parallel calls.
    fn jitter(&self, attempt: u32) -> f64;

    /// Called before every attempt. An error ends the run, and nothing is sent.
    fn sending(&self, _attempt: u32, _body: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }

    /// Called after an attempt without an answer. A status of zero: no reply came, and it may have been worked on all the same.
    fn failed(&self, _attempt: u32, _body: &[u8], _failure: &WireFailure) -> anyhow::Result<()> {
        Ok(())
    }
}

/// An answer, with what was sent for it.
pub struct Answered {
    pub reply: WireReply,
    pub raw: http::Reply,
    pub body: Vec<u8>,
    pub params: WireParams,
    pub attempt: u32,
    /// RFC 3339, UTC.
    pub started_at: String,
}

/// What came of a call.
pub enum Called {
    Answered(Box<Answered>),
    /// Its attempts are used up; a later run may succeed.
    Failed(anyhow::Error),
    /// The server will never answer this request.
    Refused(anyhow::Error),
    /// A stop was requested, or another call ended the run, while this one waited.
    Stopping,
}

/// Asks one server; shared by the threads that do.
pub struct Client<'a> {
    endpoint: &'a Endpoint,
    /// As errors call the server: "the judge".
    name: &'a str,
    url: String,
    /// What the server was found to refuse.
    limits: Mutex<WireLimits>,
    /// Whether what is refused is left out; else a refusal is an error.
    adapts: bool,
    /// Calls in flight, and how many there may be.
    gate: Mutex<(usize, Aimd)>,
    gate_opened: Condvar,
    /// The first error that ends the run.
    stopped: Mutex<Option<anyhow::Error>>,
    exhausted_in_a_row: AtomicUsize,
    /// Questions that were answered.
    answered: AtomicUsize,
    refused: AtomicUsize,
}

impl<'a> Client<'a> {
    /// `adapts`: what the server refuses is left out of later requests; else a refusal is an error.
    pub fn new(endpoint: &'a Endpoint, name: &'a str, adapts: bool) -> Self {
        Client {
            endpoint,
            name,
            url: endpoint.wire.url(&endpoint.base_url),
            limits: Mutex::new(endpoint.limits.clone()),
            adapts,
            gate: Mutex::new((0, Aimd::new(endpoint.concurrency))),
            gate_opened: Condvar::new(),
            stopped: Mutex::new(None),
            exhausted_in_a_row: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    /// Runs `ask` for the numbers below `count`, on as many threads as calls may be in flight, until one fails, a stop is
    /// requested or `is_over`. `ask` says whether its question was answered, which may take several calls. [`Self::end`] has
    /// the error.
    pub fn each(
        &self,
        count: usize,
        is_over: impl Fn() -> bool + Sync,
        ask: impl Fn(usize) -> anyhow::Result<bool> + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            while !self.is_stopping() && !is_over() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return;
                }
                match ask(index) {
                    Ok(true) => {
                        self.exhausted_in_a_row.store(0, Ordering::Relaxed);
                        self.answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(false) => {}
                    Err(error) => {
                        lock(&self.stopped).get_or_insert(error);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.endpoint.concurrency.min(count) {
                scope.spawn(work);
            }
        });
    }

    /// What the server was found to refuse; the fewest calls in flight to which its refusals lowered the number, if they did;
    /// and the error that ended the run.
    pub fn end(self) -> (WireLimits, Option<usize>, Option<anyhow::Error>) {
        let lowest = lock(&self.gate).1.lowest();
        let lowered = (lowest < self.endpoint.concurrency).then_some(lowest);
        let (limits, stopped) = (lock(&self.limits).clone(), lock(&self.stopped).take());
        (limits, lowered, stopped)
    }

    /// What is sent now of what a call asks for.
    pub fn params(&self, exchange: &dyn Exchange) -> WireParams {
        exchange.params().within(&lock(&self.limits))
    }

    /// What the server was found to refuse so far.
    pub fn limits(&self) -> WireLimits {
        lock(&self.limits).clone()
    }

    /// One call with its retries. An error ends the whole run.
    pub fn call(&self, exchange: &dyn Exchange) -> anyhow::Result<Called> {
        let (mut attempt, mut paid) = (1, 0);
        // The bodies that were refused: what a refusal teaches must lead to another one.
        let mut refused: Vec<Vec<u8>> = Vec::new();
        loop {
            if !self.enter() {
                return Ok(Called::Stopping);
            }
            let params = self.params(exchange);
            let body = exchange.body(&params);
            let failure = match self.attempt(exchange, attempt, body.clone(), params.clone())? {
                Ok(answered) => {
                    self.learn_from_length(exchange, &answered);
                    return Ok(Called::Answered(Box::new(answered)));
                }
                Err(failure) => failure,
            };
            refused.push(body);
            let teaches = self.adapts && self.learn(exchange, &failure, &params);
            if teaches && !refused.contains(&exchange.body(&self.params(exchange))) {
                continue;
            }
            paid += u32::from(failure.may_be_paid());
            let FailureKind::Transient { retry_after } = failure.kind else { return self.refuse(&failure) };
            if attempt >= ATTEMPTS || paid >= PAID_ATTEMPTS {
                let in_a_row = self.exhausted_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
                let error = self.refusal(&failure);
                return match in_a_row >= GIVE_UP_AFTER {
                    true => Err(error).with_context(|| format!("{} does not answer", self.name)),
                    false => Ok(Called::Failed(error)),
                };
            }
            if !self.wait(retry_delay(attempt, retry_after, exchange.jitter(attempt))) {
                return Ok(Called::Stopping);
            }
            attempt += 1;
        }
    }

    /// The server will never answer this request. While it has answered none, the same may be true of all.
    fn refuse(&self, failure: &WireFailure) -> anyhow::Result<Called> {
        let error = self.refusal(failure);
        if failure.kind == FailureKind::Judge {
            return Err(error);
        }
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused >= GIVE_UP_AFTER && self.answered.load(Ordering::Relaxed) == 0 {
            return Err(error).with_context(|| format!("{} refuses every request", self.name));
        }
        Ok(Called::Refused(error))
    }

    /// Sends once, from a place among the calls in flight that is given back.
    fn attempt(
        &self,
        exchange: &dyn Exchange,
        attempt: u32,
        body: Vec<u8>,
        params: WireParams,
    ) -> anyhow::Result<Result<Answered, WireFailure>> {
        if let Err(error) = exchange.sending(attempt, &body) {
            self.leave(None);
            return Err(error);
        }
        let headers = self.endpoint.headers();
        let started_at = Timestamp::now().to_string();
        let sent = http::post_json(&self.url, &borrowed(&headers), &body, self.endpoint.timeout);
        self.leave(sent.as_ref().ok().map(|reply| reply.status));
        let read = sent.map_err(|error| failure_of(&error)).and_then(|raw| {
            let header = |name: &str| raw.header_for_waiting(name);
            let reply = self.endpoint.wire.read(raw.status, header, &raw.body)?;
            Ok((reply, raw))
        });
        match read {
            Ok((reply, raw)) => Ok(Ok(Answered { reply, raw, body, params, attempt, started_at })),
            Err(failure) => {
                exchange.failed(attempt, &body, &failure)?;
                Ok(Err(failure))
            }
        }
    }

    fn is_stopping(&self) -> bool {
        interrupt::requested() || lock(&self.stopped).is_some()
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
        let turn = self.endpoint.rate_limit.as_ref().map(|rate_limit| lock(rate_limit).turn(since_start()));
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

    /// Drops what a refusal complains about, for all later calls. True when asking again can differ: also when
    /// another worker learnt it while this request, sent with the parameters `sent`, was on its way.
    fn learn(&self, exchange: &dyn Exchange, failure: &WireFailure, sent: &WireParams) -> bool {
        let mut limits = lock(&self.limits);
        let now = exchange.params().within(&limits);
        if failure.is_refusal() && now != *sent {
            return true;
        }
        let mut adapted = now.clone();
        let adapts = adapted.adapt(failure);
        limits.learn(&now, &adapted);
        adapts
    }

    /// Servers may pass over the token limit in silence; the length of a reply shows it.
    fn learn_from_length(&self, exchange: &dyn Exchange, answered: &Answered) {
        let mut limits = lock(&self.limits);
        // Anthropic's format has one name, and another worker may have learnt it already.
        let may_differ =
            self.adapts && self.endpoint.wire == WireFormat::Openai && limits.max_tokens_key.is_none();
        let output_tokens = answered.reply.usage.map_or(0, |usage| usage.output_tokens);
        let now = exchange.params().within(&limits);
        let mut adapted = now.clone();
        if may_differ && now == answered.params && adapted.adapt_to_length(output_tokens) {
            limits.learn(&now, &adapted);
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

/// No reply, as a failure with the status zero.
fn failure_of(error: &NoReply) -> WireFailure {
    let kind = match error.kind {
        NoReplyKind::Unsendable => FailureKind::Judge,
        NoReplyKind::TooLong => FailureKind::ThisRequest,
        NoReplyKind::Timeout | NoReplyKind::Connection => FailureKind::Transient { retry_after: None },
    };
    WireFailure { kind, status: 0, code: String::new(), param: None, message: error.to_string() }
}

/// Time since the first call of this process.
fn since_start() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The content of a lock that no worker leaves in the middle of a change.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no worker panics while it holds a lock")
}
