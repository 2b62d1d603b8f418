//! Judging an evaluation: which cells are open, who is asked how, and that nothing is asked twice.
//!
//! The requests and the reading of replies are in `affinage_eval::judge`; here are the files, the model and the
//! sockets (through `http`).

mod exam;
mod local;
mod preview;
pub mod raw;
mod send;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use affinage_engine::model::Model;
use affinage_eval::comparison::{
    Comparison, LabelPair, cells_for_judge, label_pairs, missing_answers, pairs, repeated_cells,
};
use affinage_eval::completion::Completion;
use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::record::Call;
use affinage_eval::judge::request::{Form, render};
use affinage_eval::judge::rubric::{Rubric, Rubrics};
use affinage_eval::judge::wire::{MaxTokensKey, WireFormat, WireParams};
use affinage_eval::judgment::{Judgment, Outcome};
use affinage_eval::plan::Plan;
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow};
use serde::Serialize;

pub use exam::{exam_results, examine};
pub use preview::{Estimate, table};

use crate::config;
use crate::context::Context;
use crate::errors::HintExt as _;
use crate::jsonl;
use crate::model::{LoadedModel, open_model};
use store::Store;

/// An evaluation folder, as far as a judge needs it.
pub struct Evaluated {
    pub dir: PathBuf,
    pub plan: Plan,
    pub prompts: Vec<Prompt>,
    pub completions: Vec<Completion>,
    /// Position in `completions` by id.
    positions: BTreeMap<String, usize>,
}

/// Whether the calls may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Only say what would be done.
    DryRun,
    /// Show three requests and ask, before anything leaves this machine.
    Ask,
    Given,
}

/// A model that is open already, so that a local judge need not load it again.
#[derive(Clone, Copy)]
pub struct OpenModel<'a> {
    /// How the configuration names it.
    pub spec: &'a str,
    pub model: &'a LoadedModel,
    pub engine: &'a Model,
}

/// What one judge did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct JudgeSummary {
    pub judge_id: String,
    /// Both orders of every pair.
    pub planned: usize,
    pub already_answered: usize,
    pub made: usize,
    /// Calls that got no reply; the same command asks them again.
    pub failed: usize,
    /// Replies without a verdict.
    pub missing: usize,
    /// Requests of which the server read only a part.
    pub cut_requests: usize,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// `null` when a price is not known.
    pub cost_usd: Option<f64>,
}

impl JudgeSummary {
    fn count(&mut self, judgment: &Judgment) {
        self.made += 1;
        self.missing += usize::from(matches!(judgment.outcome, Outcome::Missing { .. }));
        if let Some(usage) = judgment.usage {
            self.input_tokens += usage.total_input();
            self.output_tokens += usage.output_tokens;
        }
        self.cost_usd = self.cost_usd.zip(judgment.cost_usd).map(|(sum, cost)| sum + cost);
    }
}

impl Evaluated {
    /// Opens `evals/NAME`. Errors when it does not exist or lacks answers that the plan compares.
    pub fn open(ctx: &Context, name: &str) -> anyhow::Result<Evaluated> {
        let dir = ctx.project.join("evals").join(name);
        let plan = read_plan(&dir)?;
        let prompts: Vec<Prompt> = jsonl::read(&dir.join("prompts.jsonl"), &ctx.ui)?;
        let completions: Vec<Completion> = jsonl::read(&dir.join("completions.jsonl"), &ctx.ui)?;
        let missing = missing_answers(&plan, &prompts, &completions);
        if missing > 0 {
            return Err(anyhow!(
                "evals/{name}: {missing} of the answers that are to be compared are missing"
            ))
            .hint("run `affinage generate` to the end first");
        }
        let positions =
            completions.iter().enumerate().map(|(i, row)| (row.completion_id.clone(), i)).collect();
        Ok(Evaluated { dir, plan, prompts, completions, positions })
    }

    /// The text of a completion.
    pub fn text_of(&self, completion_id: &str) -> Option<&str> {
        Some(self.completions[*self.positions.get(completion_id)?].text.as_str())
    }
}

/// The plan of an evaluation folder. Errors name the evaluations that exist.
pub fn read_plan(dir: &Path) -> anyhow::Result<Plan> {
    let path = dir.join("plan.json");
    let text = match fs_err::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let hint = match evaluations_beside(dir).as_slice() {
                [] => "make one with `affinage eval`".to_owned(),
                names => format!("there is {}; name one with `--eval`", names.join(", ")),
            };
            return Err(anyhow!("no evaluation in {}", dir.display())).hint(hint);
        }
        Err(error) => return Err(error.into()),
    };
    let plan: Plan = serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))?;
    plan.validate().with_context(|| format!("{}", path.display()))?;
    Ok(plan)
}

fn evaluations_beside(dir: &Path) -> Vec<String> {
    let Some(entries) = dir.parent().and_then(|evals| fs_err::read_dir(evals).ok()) else {
        return Vec::new();
    };
    let has_plan = |entry: &fs_err::DirEntry| entry.path().join("plan.json").is_file();
    let mut names: Vec<String> = entries
        .flatten()
        .filter(has_plan)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The texts of completions by id.
pub type Texts<'a> = BTreeMap<&'a str, &'a str>;

/// Asks every judge for what it has not answered yet. The caller holds the folder's lock.
///
/// Errors: a key that is not set, a judge that refuses to work, Ctrl-C. What was answered before is stored.
pub fn judge_all(
    ctx: &Context,
    evaluated: &Evaluated,
    judges: &[&config::Judge],
    consent: Consent,
    open: Option<OpenModel>,
) -> anyhow::Result<(Vec<Estimate>, Vec<JudgeSummary>)> {
    let rubrics = rubrics(ctx)?;
    let mut store = open_store(ctx, &evaluated.dir)?;
    let spent_on_exams = exam::spent_usd(ctx, &evaluated.dir)?;
    let texts: Texts =
        evaluated.completions.iter().map(|row| (row.completion_id.as_str(), row.text.as_str())).collect();
    let (mut estimates, mut summaries) = (Vec::new(), Vec::new());
    for judge in judges {
        let loaded = LocalJudge::open(ctx, judge, open)?;
        let labels = labels_of(loaded.as_ref())?;
        let (cells, calls, planned) = open_calls(ctx, evaluated, judge, &labels, &rubrics, &store)?;
        let round = Round {
            judge,
            loaded: loaded.as_ref(),
            consent,
            phase: Phase::Judge,
            cells: &cells,
            calls: &calls,
            planned,
            spent_elsewhere_usd: spent_on_exams,
        };
        let (estimate, summary) = round.ask(ctx, &texts, &mut store)?;
        estimates.push(estimate);
        summaries.extend(summary);
    }
    Ok((estimates, summaries))
}

fn open_store(ctx: &Context, dir: &Path) -> anyhow::Result<Store> {
    let store = Store::open(dir, &ctx.ui)?;
    if store.possibly_paid_twice > 0 {
        ctx.ui.warn(format!(
            "{} earlier calls ended without a stored answer; they are asked again and may be paid twice",
            store.possibly_paid_twice
        ));
    }
    Ok(store)
}

fn labels_of(loaded: Option<&LocalJudge>) -> anyhow::Result<Vec<LabelPair>> {
    match loaded {
        Some(local) => local::labels(local.get().0),
        None => Ok(label_pairs(|_| 1)),
    }
}

/// The built-in rubrics, with the user's own in their place.
pub fn rubrics(ctx: &Context) -> anyhow::Result<Rubrics> {
    let Some(file) = &ctx.config.judging.rubric_file else { return Ok(Rubrics::built_in()) };
    let text = fs_err::read_to_string(ctx.project.join(file))?;
    let own: BTreeMap<String, Rubric> = toml::from_str(&text)
        .map_err(|error| anyhow!("{}: {}", file.display(), error.message()))
        .hint("each category is a table: [letters] with focus = \"...\" and question = \"...\"")?;
    Ok(Rubrics::with(own))
}

/// One judge and the calls of one phase.
struct Round<'a> {
    judge: &'a config::Judge,
    /// `None` for a judge behind an API.
    loaded: Option<&'a LocalJudge<'a>>,
    consent: Consent,
    phase: Phase,
    cells: &'a [Cell],
    /// Those without a stored answer.
    calls: &'a [Call],
    planned: usize,
    /// On other phases of the same evaluation.
    spent_elsewhere_usd: f64,
}

impl Round<'_> {
    /// Estimates, then asks unless this is a dry run.
    fn ask(
        &self,
        ctx: &Context,
        texts: &Texts,
        store: &mut Store,
    ) -> anyhow::Result<(Estimate, Option<JudgeSummary>)> {
        let judge = self.judge;
        let estimate = preview::estimate(judge, self.calls, self.planned - self.calls.len());
        let mut summary = JudgeSummary {
            judge_id: judge.id.clone(),
            planned: self.planned,
            already_answered: estimate.already_answered,
            cost_usd: Some(0.0),
            ..JudgeSummary::default()
        };
        if self.consent == Consent::DryRun {
            return Ok((estimate, None));
        }
        let templates = self.calls.iter().map(|call| call.request.template_sha256.as_str()).collect();
        if !self.calls.is_empty()
            && self.phase == Phase::Judge
            && store.has_other_templates(&judge.id, &templates)
        {
            ctx.ui.warn(format!(
                "`{}` answered earlier calls under another rubric; verdicts under different rubrics are mixed",
                judge.id
            ));
        }
        if !self.calls.is_empty() {
            match self.loaded {
                Some(local) => {
                    store.add_comparisons(self.cells)?;
                    let (model, engine) = local.get();
                    local::judge(ctx, texts, model, engine, self.calls, store, &mut summary)?;
                }
                None => self.ask_api(ctx, texts, store, &mut summary)?,
            }
        }
        if summary.cut_requests > 0 {
            ctx.ui.warn(format!(
                "the server of `{}` read only a part of {} requests: it counted fewer tokens than they have words. \
                 Raise its context length (for Ollama num_ctx); those verdicts are missing",
                judge.id, summary.cut_requests
            ));
        }
        Ok((estimate, Some(summary)))
    }

    fn ask_api(
        &self,
        ctx: &Context,
        texts: &Texts,
        store: &mut Store,
        summary: &mut JudgeSummary,
    ) -> anyhow::Result<()> {
        let mut endpoint = endpoint(self.judge)?;
        endpoint.phase = self.phase;
        endpoint.budget_usd = ctx.config.judging.budget_usd;
        endpoint.spent_usd = store.spent_usd + self.spent_elsewhere_usd;
        let host = host(&endpoint.base_url);
        if self.consent == Consent::Ask
            && !is_loopback(host)
            && !preview::confirm(ctx, self.judge, self.calls, host)?
        {
            ctx.ui.say(format!("nothing was sent to {host}"));
            return Ok(());
        }
        store.add_comparisons(self.cells)?;
        let answered = send::judge(ctx, texts, &endpoint, self.calls, store, summary);
        store.spent_usd += summary.cost_usd.unwrap_or(0.0);
        answered
    }
}

/// The cells of a judge, the calls among them that have no stored answer, and how many calls there are in all.
fn open_calls(
    ctx: &Context,
    evaluated: &Evaluated,
    judge: &config::Judge,
    labels: &[LabelPair],
    rubrics: &Rubrics,
    store: &Store,
) -> anyhow::Result<(Vec<Cell>, Vec<Call>, usize)> {
    let (plan, judging) = (&evaluated.plan, &ctx.config.judging);
    let pairs = pairs(plan, &evaluated.prompts, &evaluated.completions);
    let cells = cells_for_judge(&pairs, &judge.id, plan.seed, labels, judging.cells);
    // A local judge is deterministic: asked again it says the same.
    let is_repeated = judging.repeats && judge.kind != config::JudgeKind::Local;
    let repeats = if is_repeated { repeated_cells(&cells, &judge.id, plan.seed) } else { Vec::new() };
    let prompts: BTreeMap<&str, &Prompt> =
        evaluated.prompts.iter().map(|p| (p.prompt_id.as_str(), p)).collect();
    let form = form_of(judge);
    let call = |(comparison, repeat): (&Comparison, u32)| {
        let text = |id: &str| evaluated.text_of(id).expect("cells are made of stored completions");
        let prompt = prompts[comparison.prompt_id.as_str()];
        let (first, second) = (text(&comparison.first.completion_id), text(&comparison.second.completion_id));
        let request = render(form, rubrics, prompt, comparison, first, second);
        Call { comparison: comparison.clone(), judge_id: judge.id.clone(), repeat, request }
    };
    let firsts = cells.iter().map(|(comparison, _)| (comparison, 0));
    let all: Vec<Call> = firsts.chain(repeats.iter().map(|comparison| (comparison, 1))).map(call).collect();
    let planned = all.len();
    let calls = all.into_iter().filter(|call| !store.is_judged(&call.judgment_id())).collect();
    Ok((cells, calls, planned))
}

/// A local judge's label is read by its probability; others explain themselves.
fn form_of(judge: &config::Judge) -> Form {
    if judge.kind == config::JudgeKind::Local { Form::Label } else { Form::Json }
}

type Cell = (Comparison, affinage_eval::comparison::BlindKey);

/// How a judge of the configuration is reached. Errors when its key is not set, except on this machine.
fn endpoint(judge: &config::Judge) -> anyhow::Result<send::Endpoint> {
    let wire = match judge.kind {
        config::JudgeKind::Anthropic => WireFormat::Anthropic,
        config::JudgeKind::Openai => WireFormat::Openai,
        config::JudgeKind::Local => return Err(anyhow!("judge `{}` is local and has no address", judge.id)),
    };
    let base_url = judge.base_url.clone().unwrap_or_else(|| wire.default_base_url().to_owned());
    let variable = judge.api_key_env();
    let key = variable.and_then(|name| std::env::var(name).ok()).filter(|key| !key.trim().is_empty());
    if key.is_none() && !is_loopback(host(&base_url)) {
        let variable = variable.unwrap_or_default();
        return Err(anyhow!("judge `{}`: the environment variable {variable} is not set", judge.id)).hint(
            format!("`export {variable}=...` in your shell; keys are never read from or written to files"),
        );
    }
    Ok(send::Endpoint {
        wire,
        base_url,
        key: key.map(|key| key.trim().to_owned()),
        params: WireParams {
            model: judge.model.clone(),
            max_tokens: u32::try_from(judge.max_tokens).unwrap_or(u32::MAX),
            structured: true,
            logprobs: false,
            temperature: None,
            seed: None,
            max_tokens_key: MaxTokensKey::MaxCompletionTokens,
        },
        prices: preview::prices(judge),
        concurrency: judge.concurrency,
        phase: Phase::Judge,
        budget_usd: None,
        spent_usd: 0.0,
    })
}

/// The host of a URL with its port cut off.
fn host(url: &str) -> &str {
    let authority = url.split("://").nth(1).unwrap_or(url).split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The model of a local judge: borrowed where the caller has it open, else opened here.
enum LocalJudge<'a> {
    Borrowed(OpenModel<'a>),
    Owned(Box<(LoadedModel, Model)>),
}

impl<'a> LocalJudge<'a> {
    /// `None` for a judge behind an API.
    fn open(
        ctx: &Context,
        judge: &config::Judge,
        open: Option<OpenModel<'a>>,
    ) -> anyhow::Result<Option<LocalJudge<'a>>> {
        if judge.kind != config::JudgeKind::Local {
            return Ok(None);
        }
        if let Some(open) = open.filter(|open| open.spec == judge.model) {
            return Ok(Some(LocalJudge::Borrowed(open)));
        }
        let model = open_model(ctx, &judge.model).with_context(|| format!("judge `{}`", judge.id))?;
        let engine = Model::load(&model.weights)?;
        Ok(Some(LocalJudge::Owned(Box::new((model, engine)))))
    }

    fn get(&self) -> (&LoadedModel, &Model) {
        match self {
            LocalJudge::Borrowed(open) => (open.model, open.engine),
            LocalJudge::Owned(owned) => (&owned.0, &owned.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_this_machine() {
        for url in ["http://localhost:8080/v1", "http://127.0.0.1:11434/v1", "http://[::1]:8000", "127.0.0.2"]
        {
            assert!(is_loopback(host(url)), "{url}");
        }
        for url in
            ["https://api.openai.com/v1", "http://localhost.example.com", "http://127.0.0.1@evil.example/v1"]
        {
            assert!(!is_loopback(host(url)), "{url}");
        }
    }
}
