//! Judging an evaluation: which presentations are open, who is asked how, and that nothing is asked twice.
//!
//! The requests and the reading of replies are in `affinage_eval::judge`; here are the files, the model and the
//! sockets (through `client`). [`ask`] is the way: gather the work, show what it takes, ask once, then do it.

mod batch;
mod evaluated;
pub mod find;
mod interim;
pub mod judging;
mod local;
pub mod preview;
mod qualification;
mod reread;
mod send;
pub mod server;
mod sources;
mod store;
pub mod verify;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use affinage_engine::model::Model;
use affinage_eval::judge::deprecation::is_same_model;
use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::qualification::result::QualificationResult;
use affinage_eval::judge::rate_limit::RateLimit;
use affinage_eval::judge::record::Call;
use affinage_eval::judgment::{Judgment, MissingReason, Outcome};
use affinage_eval::plain::counted;
use serde::Serialize;

pub use evaluated::Evaluated;
pub use interim::ask_in_looks;
pub use preview::{Estimate, Leaving, total};
pub use qualification::{SpentRow, ledger, qualification_results};
pub use reread::{judgments, verdicts};
pub use sources::{PromptSources, SourceLine, answered_by_a_person};
pub use store::Store;
pub use work::{Presentation, references, rubrics};

use crate::client::{self, Memory};
use crate::errors::{self, ExitStatus};
use crate::folder::config::{self, JudgeMode};
use crate::folder::project::Project;
use crate::model::LoadedModel;
use work::Work;

/// Whether the calls may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Only say what would be done.
    DryRun,
    /// Ask the person ([`Request::ask`]) before anything leaves this machine.
    Ask,
    Given,
}

/// What the judges are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stages {
    Exam,
    Judging,
    /// The exam, then the judging, with one question before both.
    Both,
}

/// Who is asked what.
pub struct Request<'a> {
    pub judges: &'a [&'a config::Judge],
    pub stages: Stages,
    pub consent: Consent,
    /// Shows what would leave this machine and asks, once.
    pub ask: &'a dyn Fn(&Leaving<'_>) -> anyhow::Result<bool>,
    pub open: Option<OpenModel<'a>>,
    /// Private conversations, by key, title or file, that may be sent all the same.
    pub named_private: &'a [String],
    /// A lost exam is taken to its end, and judges that failed are asked all the same; their votes do not count.
    pub unfit_too: bool,
}

/// A model that is open already, so that a local judge need not load it again.
#[derive(Clone, Copy)]
pub struct OpenModel<'a> {
    /// How the configuration names it.
    pub spec: &'a str,
    pub model: &'a LoadedModel,
    pub engine: &'a Model,
}

/// The texts of completions by id.
pub type Texts<'a> = BTreeMap<&'a str, &'a str>;

/// What was planned and done.
#[derive(Debug, Default)]
pub struct Done {
    pub estimates: Vec<Estimate>,
    pub sources: Vec<SourceLine>,
    /// Empty in a dry run, and when the user said no.
    pub summaries: Vec<JudgeSummary>,
    pub exams: Vec<QualificationResult>,
    /// Judges that were not asked to judge, because they failed their exam.
    pub unfit: BTreeSet<String>,
}

/// What one judge did in one phase.
#[derive(Clone, Debug, Default, Serialize)]
pub struct JudgeSummary {
    pub judge_id: String,
    pub phase: &'static str,
    /// Both orders of every pair.
    pub planned: usize,
    pub already_answered: usize,
    pub made: usize,
    /// Calls that got no reply; the same command asks them again.
    pub failed: usize,
    /// Calls that wait in a batch of the provider.
    pub in_batch: usize,
    /// Replies without a verdict.
    pub missing: usize,
    /// Requests of which the server read only a part.
    pub cut_requests: usize,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// `null` when a price is not known.
    pub cost_usd: Option<f64>,
    /// What the server refused and is not sent any more.
    pub not_sent: Vec<String>,
    /// The fewest calls in flight to which the server's refusals lowered the number; `null`: it was never lowered.
    pub lowest_concurrency: Option<usize>,
    /// The server's words about a request that it will never answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<String>,
    /// Replies that held a thought and no answer.
    #[serde(skip)]
    pub only_thoughts: usize,
    /// Another model than the one that was asked for, as the replies name it.
    #[serde(skip)]
    pub other_model: Option<String>,
    /// The exam was ended because it could not be passed any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exam_lost: bool,
    /// Why the judge ended its work early.
    pub stopped: Option<String>,
}

impl JudgeSummary {
    /// Names the work while it runs: the exam of a judge is not its judging.
    fn label(&self) -> String {
        let work = if self.phase == Phase::Exam.name() { "exam" } else { "judging" };
        format!("{work}: {}", self.judge_id)
    }

    fn count(&mut self, judgment: &Judgment) {
        self.made += 1;
        self.missing += usize::from(matches!(judgment.outcome, Outcome::Missing { .. }));
        let is_thought = judgment.outcome == Outcome::Missing { reason: MissingReason::OnlyThought };
        self.only_thoughts += usize::from(is_thought);
        let other = |name: &&String| !is_same_model(&judgment.model_requested, name);
        if let Some(name) = judgment.model_returned.as_ref().filter(other) {
            self.other_model = Some(name.clone());
        }
        if let Some(usage) = judgment.usage {
            self.input_tokens += usage.total_input();
            self.output_tokens += usage.output_tokens;
        }
        self.cost_usd = self.cost_usd.zip(judgment.cost_usd).map(|(sum, cost)| sum + cost);
    }
}

/// Asks the judges for what they have not answered yet. The caller holds the folder's lock.
///
/// A judge that refuses to work (key, money, quota of the day, unknown model) is stopped and said; the others go on.
/// Errors: files, a key that is not set, Ctrl-C. What was answered before is stored.
pub fn ask(ctx: &Project, evaluated: &Evaluated, request: &Request) -> anyhow::Result<Done> {
    let sources = PromptSources::of(ctx, evaluated, request.named_private)?;
    if let Some(why) = sources.unknown() {
        ctx.ui.warn(format!(
            "who is private is not known, because {why}: no judge on another machine is shown your own texts"
        ));
    }
    let mut unfit = unfit(ctx, evaluated, request)?;
    let works = work::gather(ctx, evaluated, request, &sources, &unfit)?;
    let estimates = works.iter().map(preview::estimate).collect();
    let mut done =
        Done { estimates, sources: sources.lines.clone(), unfit: unfit.clone(), ..Done::default() };
    if request.consent == Consent::DryRun {
        return Ok(done);
    }
    for work in works.iter().filter(|work| work.local.is_none() && !work.calls.is_empty()) {
        // A key that is not set is said before anything is asked.
        server::judge_server(work.judge)?;
    }
    if !preview::agreed(ctx, &works, &done.estimates, &sources, request)? {
        return Ok(done);
    }
    let mut session = Session { ctx, evaluated, memory: Memory::open(), rate_limits: BTreeMap::new() };
    let mut stopped = BTreeSet::new();
    for work in &works {
        let is_unfit = work.phase == Phase::Judge && unfit.contains(&work.judge.id);
        if is_unfit || stopped.contains(&work.judge.id) {
            continue;
        }
        let summary = session.work(work)?;
        if work.phase == Phase::Exam {
            unfit = self::unfit(ctx, evaluated, request)?;
        }
        if summary.stopped.is_some() {
            stopped.insert(work.judge.id.clone());
        }
        done.summaries.push(summary);
    }
    done.exams = qualification_results(ctx, &evaluated.folder)?;
    done.unfit = unfit;
    Ok(done)
}

/// The judges of the request that are not asked to judge: they failed their exam, so their votes would not count.
fn unfit(ctx: &Project, evaluated: &Evaluated, request: &Request) -> anyhow::Result<BTreeSet<String>> {
    if request.unfit_too || request.stages == Stages::Exam {
        return Ok(BTreeSet::new());
    }
    let results = qualification_results(ctx, &evaluated.folder)?;
    let is_asked = |id: &str| request.judges.iter().any(|judge| judge.id == id);
    let unfit = results.into_iter().filter(|exam| exam.is_unfit() && is_asked(&exam.judge_id));
    Ok(unfit.map(|exam| exam.judge_id).collect())
}

/// What the works of one command share.
struct Session<'a> {
    ctx: &'a Project,
    evaluated: &'a Evaluated,
    memory: Memory,
    /// By host: all judges of a provider take turns.
    rate_limits: BTreeMap<String, Arc<Mutex<RateLimit>>>,
}

impl Session<'_> {
    fn work(&mut self, work: &Work) -> anyhow::Result<JudgeSummary> {
        let (ctx, judge) = (self.ctx, work.judge);
        let mut summary = JudgeSummary {
            judge_id: judge.id.clone(),
            phase: work.phase.name(),
            planned: work.planned,
            already_answered: work.answered,
            exam_lost: work.is_lost,
            cost_usd: Some(0.0),
            ..JudgeSummary::default()
        };
        if work.calls.is_empty() {
            return Ok(summary);
        }
        let folder = work.folder(self.evaluated);
        folder.create()?;
        let mut store = Store::open(&folder, &ctx.ui)?;
        warn_of_rows(ctx, work, &store);
        if work.phase == Phase::Exam {
            qualification::keep_items(ctx, &folder, &work.items)?;
        }
        store.add_comparisons(&work.presentations)?;
        if work.phase == Phase::Exam && work.may_stop {
            store.watch(qualification::sitting(ctx, &folder, work)?);
        }
        let texts = work.texts(self.evaluated);
        let result = match &work.local {
            Some(local) => local::judge(ctx, &texts, local, &work.calls, &mut store, &mut summary),
            None => self.ask_server(work, &texts, &mut store, &mut summary),
        };
        summary.exam_lost = store.exam_is_lost();
        if summary.cut_requests > 0 {
            ctx.ui.warn(format!(
                "the server of `{}` read only a part of {}: it counted fewer tokens than there are words. Raise its \
                 context length (for Ollama num_ctx); those verdicts are missing",
                judge.id,
                counted(summary.cut_requests, "request", "requests")
            ));
        }
        if summary.only_thoughts > 0 {
            ctx.ui.warn(format!(
                "`{}` gave {} with a thought and no answer. Turn its thinking, or its server's reasoning parser, off; those \
                 verdicts are missing",
                judge.id,
                counted(summary.only_thoughts, "reply", "replies")
            ));
        }
        if let Some(other) = &summary.other_model {
            ctx.ui.warn(format!(
                "judge `{}`: {} was asked and {other} answered; name the model that answers, or ask its provider",
                judge.id, judge.model
            ));
        }
        match result {
            Ok(()) => Ok(summary),
            Err(error) if work.local.is_some() || errors::exit_status(&error) == ExitStatus::Interrupted => {
                Err(error)
            }
            Err(error) => {
                let hints = errors::hints(&error).join("; ");
                summary.stopped =
                    Some(format!("{error:#}{}{hints}", if hints.is_empty() { "" } else { "; " }));
                Ok(summary)
            }
        }
    }

    fn ask_server(
        &mut self,
        work: &Work,
        texts: &Texts,
        store: &mut Store,
        summary: &mut JudgeSummary,
    ) -> anyhow::Result<()> {
        let (ctx, judge) = (self.ctx, work.judge);
        let mut server = server::judge_server(judge)?;
        server.phase = work.phase;
        server.budget_usd = ctx.config.judging.budget_usd;
        server.spent_usd = qualification::spent_usd(ctx, &self.evaluated.folder)?;
        let endpoint = &mut server.endpoint;
        endpoint.limits = self.memory.limits(&endpoint.base_url, &judge.model);
        endpoint.rate_limit =
            judge.requests_per_minute.map(|calls| self.rate_limit(&endpoint.base_url, calls));
        server::warn_of_retirement(ctx, judge, endpoint);
        let known = endpoint.limits.clone();
        let calls = match judge.mode {
            JudgeMode::Now => work.calls.iter().collect(),
            JudgeMode::Batch => self.through_batches(work, &server, store, summary)?,
        };
        if calls.is_empty() {
            return Ok(());
        }
        let (limits, result) = send::judge(ctx, texts, &server, &calls, store, summary);
        summary.not_sent = limits.refused().into_iter().map(str::to_owned).collect();
        if limits != known {
            self.memory.learn(&server.endpoint.base_url, &judge.model, limits)?;
        }
        result
    }

    /// Collects what batches brought and submits what is in none. Returns the calls whose replies are stored: reading
    /// them may take one more call each.
    fn through_batches<'w>(
        &self,
        work: &'w Work,
        server: &server::JudgeServer,
        store: &mut Store,
        summary: &mut JudgeSummary,
    ) -> anyhow::Result<Vec<&'w Call>> {
        let folder = &work.folder(self.evaluated);
        let batches = batch::Batches { ctx: self.ctx, folder, server, judge_id: &work.judge.id };
        summary.in_batch = batches.collect(store)?;
        let waiting = batch::waiting(folder, &self.ctx.ui)?;
        let (stored, open): (Vec<&Call>, Vec<&Call>) = work
            .calls
            .iter()
            .filter(|call| !waiting.contains(&call.judgment_id()))
            .partition(|call| store.known.has_reply(&call.judgment_id()));
        if !open.is_empty() {
            batches.submit(store, &open, summary)?;
        }
        Ok(stored)
    }

    /// The rate limit of a provider: the strictest that any of its judges names.
    fn rate_limit(&mut self, base_url: &str, calls_per_minute: usize) -> Arc<Mutex<RateLimit>> {
        let host = client::http::host(base_url).to_owned();
        let new = || Arc::new(Mutex::new(RateLimit::per_minute(calls_per_minute)));
        let rate_limit = self.rate_limits.entry(host).or_insert_with(new);
        client::lock(rate_limit).tighten(calls_per_minute);
        Arc::clone(rate_limit)
    }
}

fn warn_of_rows(ctx: &Project, work: &Work, store: &Store) {
    let twice = store.known.possibly_paid_twice;
    if twice > 0 {
        ctx.ui.warn(format!(
            "{twice} earlier calls ended without a stored answer; they are asked again and may be paid twice"
        ));
    }
    let templates = work.calls.iter().map(|call| call.request.template_sha256.as_str()).collect();
    if work.phase == Phase::Judge && store.known.has_other_templates(&work.judge.id, &templates) {
        ctx.ui.warn(format!(
            "`{}` answered earlier calls under another rubric; verdicts under different rubrics are mixed",
            work.judge.id
        ));
    }
}
