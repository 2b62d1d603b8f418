//! Judges behind an API: rows that make a killed run resumable, around the calls of [`crate::client`].

use std::sync::Mutex;

use affinage_eval::judge::ledger::{LedgerEvent, Phase, RawRow, RawSide, Transport};
use affinage_eval::judge::record::{Answer, Call};
use affinage_eval::judge::request::JudgeRequest;
use affinage_eval::judge::wire::WireReply;
use affinage_eval::judge::wire_failure::WireFailure;
use affinage_eval::judge::wire_params::{WireLimits, WireParams};
use affinage_eval::judgment::Judgment;
use affinage_eval::rng::Rng;
use jiff::Timestamp;

use super::server::JudgeServer;
use super::store::Store;
use super::{JudgeSummary, Texts};
use crate::client::{Answered, Budget, Called, Client, Exchange, lock, worst_usd};
use crate::errors::{HintExt as _, interrupted};
use crate::folder::project::Project;
use crate::interrupt;

/// What the workers share.
struct Pool<'a> {
    client: Client<'a>,
    server: &'a JudgeServer,
    texts: &'a Texts<'a>,
    budget: Budget,
    store: Mutex<&'a mut Store>,
    summary: Mutex<&'a mut JudgeSummary>,
}

/// Asks all `calls`. Calls that failed for good are counted in `summary`; the same command asks them again.
pub fn judge(
    ctx: &Project,
    texts: &Texts,
    server: &JudgeServer,
    calls: &[&Call],
    store: &mut Store,
    summary: &mut JudgeSummary,
) -> (WireLimits, anyhow::Result<()>) {
    let progress = ctx.ui.progress(summary.label(), calls.len() as u64, "calls");
    let pool = Pool {
        client: Client::new(&server.endpoint, "the judge", true),
        server,
        texts,
        budget: Budget::new(server.budget_usd, server.spent_usd),
        store: Mutex::new(store),
        summary: Mutex::new(summary),
    };
    let is_over = || lock(&pool.store).exam_is_lost();
    pool.client.each(calls.len(), is_over, |index| {
        let asked = pool.ask(calls[index])?;
        match asked {
            Ok(()) => {}
            Err(Unanswered::ThisCall | Unanswered::Refused) => lock(&pool.summary).failed += 1,
            Err(Unanswered::Stopping) => return Ok(false),
        }
        progress.advance(1);
        Ok(asked.is_ok())
    });
    let Pool { client, store, summary, .. } = pool;
    let (limits, lowest, stopped) = client.end();
    lock(&summary).lowest_concurrency = lowest;
    let result = end(&store, stopped);
    progress.finish("");
    (limits, result)
}

/// What the run came to. Answers are on the disk when this returns.
fn end(store: &Mutex<&mut Store>, stopped: Option<anyhow::Error>) -> anyhow::Result<()> {
    lock(store).sync()?;
    if let Some(error) = stopped {
        return Err(error).hint("answers so far are saved; the same command asks only for what is missing");
    }
    if interrupt::requested() {
        return Err(interrupted("stopped; the judgments so far are saved"))
            .hint("run the same command again to continue");
    }
    Ok(())
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
        if call.repeat > 0 { Phase::Repeat } else { self.server.phase }
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
        let asking = Asking { pool: self, call, phase, request, judgment_id };
        Ok(match self.client.call(&asking)? {
            Called::Answered(answered) => Ok(self.received(&asking, *answered)?),
            Called::Failed(_) => Err(Unanswered::ThisCall),
            Called::Refused(error) => {
                lock(&self.summary).last_refusal = Some(format!("{error:#}"));
                Err(Unanswered::Refused)
            }
            Called::Stopping => Err(Unanswered::Stopping),
        })
    }

    /// Puts an answer on the disk before it is looked at.
    fn received(&self, asking: &Asking, answered: Answered) -> anyhow::Result<Received> {
        let Answered { reply, raw, body, attempt, started_at, .. } = answered;
        let transport = Transport {
            request_sha256: affinage_eval::id::sha256_hex(&body),
            attempts: attempt,
            request_id: raw.header(self.server.endpoint.wire.request_id_header()).map(str::to_owned),
            is_batch: false,
            started_at,
            finished_at: Timestamp::now().to_string(),
        };
        let side = if asking.phase == Phase::Repair { RawSide::RepairReply } else { RawSide::Reply };
        let row = RawRow::new(&asking.judgment_id, side, &raw.body, Some(transport.clone()));
        let response_sha256 = lock(&self.store).add_raw(row)?;
        let received = Received { reply, response_sha256, transport };
        self.budget.settle(asking.worst_usd(&body), self.cost_usd(&received));
        self.note_answer(asking.call, asking.phase, &received)?;
        Ok(received)
    }

    fn cost_usd(&self, received: &Received) -> Option<f64> {
        received.answer().cost_usd(self.server.prices)
    }

    fn note_answer(&self, call: &Call, phase: Phase, received: &Received) -> anyhow::Result<()> {
        let event = LedgerEvent::Answered {
            attempt: received.transport.attempts,
            response_sha256: received.response_sha256.clone(),
            cost_usd: self.cost_usd(received),
        };
        lock(&self.store).note(&call.judgment_id(), &call.judge_id, phase, event)
    }

    /// Judgment from the replies, checked against the texts that were shown, then written.
    fn keep(&self, call: &Call, first: &Received, repair: Option<&Received>) -> anyhow::Result<()> {
        let params = self.server.params.clone().within(&self.client.limits());
        let repair = repair.map(Received::answer);
        let judgment: Judgment = call.answered(&first.answer(), repair.as_ref(), &params, self.server.prices);
        call.verify(&judgment, |id| self.texts.get(id).copied())?;
        lock(&self.store).add_judgment(&judgment)?;
        let mut summary = lock(&self.summary);
        summary.cut_requests += usize::from(call.was_cut(&first.reply));
        summary.count(&judgment);
        Ok(())
    }

    /// A reply that an earlier process stored and did not get to judge; `None` when it cannot be read.
    fn stored(&self, row: &RawRow) -> Option<Received> {
        let reply = self.server.endpoint.wire.read(200, |_| None, &row.bytes()?).ok()?;
        Some(Received { reply, response_sha256: row.sha256.clone(), transport: row.transport.clone()? })
    }
}

/// A call under way.
struct Asking<'p, 'a> {
    pool: &'p Pool<'a>,
    call: &'p Call,
    phase: Phase,
    request: &'p JudgeRequest,
    judgment_id: String,
}

impl Asking<'_, '_> {
    fn worst_usd(&self, body: &[u8]) -> Option<f64> {
        worst_usd(body.len(), self.pool.server.params.max_tokens, self.pool.server.prices)
    }
}

impl Exchange for Asking<'_, '_> {
    fn params(&self) -> WireParams {
        self.pool.server.params.clone()
    }

    fn body(&self, params: &WireParams) -> Vec<u8> {
        self.pool.server.endpoint.wire.body(self.request, params)
    }

    fn jitter(&self, attempt: u32) -> f64 {
        Rng::for_purpose(u64::from(attempt), &[&self.judgment_id]).uniform()
    }

    fn sending(&self, attempt: u32, body: &[u8]) -> anyhow::Result<()> {
        let worst_usd = self.worst_usd(body);
        self.pool.budget.reserve(worst_usd)?;
        let mut store = lock(&self.pool.store);
        store.intend(&self.judgment_id, &self.call.judge_id, self.phase, attempt, body, worst_usd)
    }

    fn failed(&self, attempt: u32, body: &[u8], failure: &WireFailure) -> anyhow::Result<()> {
        let worst_usd = self.worst_usd(body);
        let possibly_usd = match failure.status {
            // It may have been paid all the same, so its worst case stays set aside.
            0 => worst_usd,
            _ => {
                let paid = worst_usd.filter(|_| failure.may_be_paid());
                self.pool.budget.settle(worst_usd, Some(paid.unwrap_or(0.0)));
                paid
            }
        };
        let reason = format!("{} {} {}", failure.status, failure.code, failure.message);
        let event = LedgerEvent::Failed { attempt, reason, possibly_usd };
        lock(&self.pool.store).note(&self.judgment_id, &self.call.judge_id, self.phase, event)
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
