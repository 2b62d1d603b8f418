//! What there is to ask: for each judge and phase the presentations, and the calls among them that have no stored answer.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use affinage_eval::comparison::{
    BlindKey, Comparison, LabelPair, label_pairs, pairs, presentations_for_judge, repeated_presentations,
};
use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::qualification::{
    MIN_REFERENCES, Qualification, QualificationItem, qualification, usable,
};
use affinage_eval::judge::record::Call;
use affinage_eval::judge::request::{Form, render};
use affinage_eval::judge::rubric::{Rubric, Rubrics};
use affinage_eval::suite::{Domain, Prompt};
use anyhow::{Context as _, anyhow};

use super::local::{self, LocalJudge};
use super::qualification::sitting;
use super::server::remote_host;
use super::sources::PromptSources;
use super::store::Known;
use super::{Evaluated, Request, Stages, Texts};
use crate::errors::HintExt as _;
use crate::folder::config;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;
use crate::nearest::read_text;
use crate::stages::suites;

pub type Presentation = (Comparison, BlindKey);

/// One judge and the calls of one phase.
pub struct Work<'a> {
    pub judge: &'a config::Judge,
    /// `None` for a judge behind an API.
    pub local: Option<Rc<LocalJudge<'a>>>,
    pub phase: Phase,
    pub presentations: Vec<Presentation>,
    /// Those without a stored answer.
    pub calls: Vec<Call>,
    pub planned: usize,
    /// How many of these have a stored answer.
    pub answered: usize,
    /// An exam that ends as soon as it cannot be passed.
    pub may_stop: bool,
    /// It cannot be passed any more: nothing further is asked.
    pub is_lost: bool,
    /// Those among them that wait in a batch of the provider.
    pub in_batch: BTreeSet<String>,
    /// The pairs of an exam.
    pub items: Vec<QualificationItem>,
}

impl Work<'_> {
    /// The calls that would be sent now.
    pub fn to_send(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| !self.in_batch.contains(&call.judgment_id()))
    }

    /// The texts that the calls show, by completion.
    pub fn texts<'t>(&'t self, evaluated: &'t Evaluated) -> Texts<'t> {
        if self.phase == Phase::Exam {
            let texts = self.items.iter().flat_map(|item| [&item.reference, &item.other]);
            texts.map(|text| (text.completion_id.as_str(), text.text.as_str())).collect()
        } else {
            let rows = evaluated.completions.iter();
            rows.map(|row| (row.completion_id.as_str(), row.answer())).collect()
        }
    }

    /// Where its files are.
    pub fn folder(&self, evaluated: &Evaluated) -> Evaluation {
        if self.phase == Phase::Exam { evaluated.folder.exam() } else { evaluated.folder.clone() }
    }
}

/// All work, exams first for each judge. Reads files and writes none.
pub fn gather<'a>(
    ctx: &Project,
    evaluated: &Evaluated,
    request: &Request<'a>,
    sources: &PromptSources,
    unfit: &BTreeSet<String>,
) -> anyhow::Result<Vec<Work<'a>>> {
    let rubrics = rubrics(ctx)?;
    let exam_folder = evaluated.folder.exam();
    let (judged, examined) = (Known::read(&evaluated.folder, &ctx.ui)?, Known::read(&exam_folder, &ctx.ui)?);
    let references = match request.stages {
        Stages::Judging => Vec::new(),
        Stages::Exam | Stages::Both => references(ctx, evaluated)?,
    };
    let mut works = Vec::new();
    for judge in request.judges.iter().copied() {
        let local = LocalJudge::open(ctx, judge, request.open)?.map(Rc::new);
        let labels = labels_of(local.as_deref())?;
        // What is private stays on this machine; a judge that runs here may read it.
        let may_read = |prompt_id: &str| remote_host(judge).is_none() || !sources.is_private(prompt_id);
        if request.stages != Stages::Judging {
            let prompts: Vec<Prompt> =
                references.iter().filter(|prompt| may_read(&prompt.prompt_id)).cloned().collect();
            let exam = qualification_of(evaluated, judge, &usable(&prompts), &labels)?;
            let calls = qualification_calls(&exam, judge, &prompts, &rubrics);
            let planned = calls.len();
            let (calls, in_batch) = open_calls(calls, &examined);
            let answered = planned - calls.len();
            let Qualification { items, presentations } = exam;
            let mut work = Work {
                judge,
                local: local.clone(),
                phase: Phase::Exam,
                presentations,
                calls,
                planned,
                answered,
                // What waits in a batch is paid for, so it is read to the end.
                may_stop: judge.mode == config::JudgeMode::Now && !request.unfit_too,
                is_lost: false,
                in_batch,
                items,
            };
            if work.may_stop && sitting(ctx, &exam_folder, &work)?.is_lost() {
                (work.is_lost, work.calls) = (true, Vec::new());
            }
            works.push(work);
        }
        if request.stages != Stages::Exam && !unfit.contains(&judge.id) {
            let (mut presentations, mut all) = judging_calls(ctx, evaluated, judge, &labels, &rubrics);
            all.retain(|call| may_read(&call.comparison.prompt_id));
            presentations.retain(|(comparison, _)| may_read(&comparison.prompt_id));
            let planned = all.len();
            let (calls, in_batch) = open_calls(all, &judged);
            let answered = planned - calls.len();
            let (items, may_stop, is_lost) = (Vec::new(), false, false);
            let phase = Phase::Judge;
            let work = Work {
                judge,
                local,
                phase,
                presentations,
                calls,
                planned,
                answered,
                may_stop,
                is_lost,
                in_batch,
                items,
            };
            works.push(work);
        }
    }
    Ok(works)
}

/// The calls without a stored judgment, and those of them that wait in a batch.
fn open_calls(calls: Vec<Call>, known: &Known) -> (Vec<Call>, BTreeSet<String>) {
    let open: Vec<Call> = calls.into_iter().filter(|call| !known.is_judged(&call.judgment_id())).collect();
    let waiting = open.iter().map(Call::judgment_id).filter(|id| known.is_in_batch(id)).collect();
    (open, waiting)
}

fn labels_of(local: Option<&LocalJudge>) -> anyhow::Result<Vec<LabelPair>> {
    match local {
        Some(local) => local::labels(local.model()),
        None => Ok(label_pairs(|_| 1)),
    }
}

/// The built-in rubrics, with the user's own in their place.
pub fn rubrics(ctx: &Project) -> anyhow::Result<Rubrics> {
    let Some(file) = &ctx.config.judging.rubric_file else { return Ok(Rubrics::built_in()) };
    let text = read_text(&ctx.project.join(file)).context("judging.rubric-file")?;
    let own: BTreeMap<String, Rubric> = toml::from_str(&text)
        .map_err(|error| anyhow!("{}: {}", file.display(), error.message()))
        .hint("each category is a table: [letters] with focus = \"...\" and question = \"...\"")?;
    Ok(Rubrics::with(own))
}

/// The presentations of a judge and all its calls, repeats included.
fn judging_calls(
    ctx: &Project,
    evaluated: &Evaluated,
    judge: &config::Judge,
    labels: &[LabelPair],
    rubrics: &Rubrics,
) -> (Vec<Presentation>, Vec<Call>) {
    let (plan, judging) = (&evaluated.plan, &ctx.config.judging);
    let pairs = pairs(plan, &evaluated.prompts, &evaluated.completions);
    let mut presentations = presentations_for_judge(&pairs, &judge.id, plan.seed, labels, judging.cells);
    // A local judge is deterministic: asked again it says the same.
    let is_repeated = judging.repeats && judge.kind != config::JudgeKind::Local;
    let mut repeats =
        if is_repeated { repeated_presentations(&presentations, &judge.id, plan.seed) } else { Vec::new() };
    if let Some(due) = &evaluated.due {
        presentations.retain(|(comparison, _)| due.contains(&comparison.prompt_id));
        repeats.retain(|comparison| due.contains(&comparison.prompt_id));
    }
    let prompts: BTreeMap<&str, &Prompt> =
        evaluated.prompts.iter().map(|p| (p.prompt_id.as_str(), p)).collect();
    let form = form_of(judge);
    let call = |(comparison, repeat): (&Comparison, u32)| {
        let text = |id: &str| evaluated.text_of(id).expect("presentations are made of stored completions");
        let prompt = prompts[comparison.prompt_id.as_str()];
        let (first, second) = (text(&comparison.first.completion_id), text(&comparison.second.completion_id));
        let request = render(form, rubrics, prompt, comparison, first, second);
        Call { comparison: comparison.clone(), judge_id: judge.id.clone(), repeat, request }
    };
    let firsts = presentations.iter().map(|(comparison, _)| (comparison, 0));
    let calls = firsts.chain(repeats.iter().map(|comparison| (comparison, 1))).map(call).collect();
    (presentations, calls)
}

/// Where the label is read by its probability the request is short; other judges explain themselves.
fn form_of(judge: &config::Judge) -> Form {
    if judge.kind == config::JudgeKind::Local || judge.logprobs { Form::Label } else { Form::Json }
}

/// References of the user's own that make an exam without help from the built-in suites.
const OWN_REFERENCES: usize = 20;

/// The user's own held-out answers; where they are few, those of the built-in suites as well.
pub fn references(ctx: &Project, evaluated: &Evaluated) -> anyhow::Result<Vec<Prompt>> {
    let own: Vec<Prompt> =
        evaluated.prompts.iter().filter(|prompt| prompt.domain == Domain::In).cloned().collect();
    let count = usable(&own).len();
    if count >= OWN_REFERENCES {
        return Ok(own);
    }
    let mut all = own;
    for name in ["creative", "practical", "coding"] {
        all.extend(suites::built_in(name, evaluated.plan.seed)?.unwrap_or_default());
    }
    ctx.ui
        .detail(format!("{count} references of your own are long enough; the exam also uses built-in ones"));
    Ok(all)
}

fn qualification_of(
    evaluated: &Evaluated,
    judge: &config::Judge,
    usable: &[&Prompt],
    labels: &[LabelPair],
) -> anyhow::Result<Qualification> {
    qualification(usable, &judge.id, evaluated.plan.seed, labels).ok_or_else(|| {
        anyhow!("only {} references are long enough for an exam, {MIN_REFERENCES} are needed", usable.len())
    })
}

fn qualification_calls(
    exam: &Qualification,
    judge: &config::Judge,
    prompts: &[Prompt],
    rubrics: &Rubrics,
) -> Vec<Call> {
    let prompts: BTreeMap<&str, &Prompt> = prompts.iter().map(|p| (p.prompt_id.as_str(), p)).collect();
    let sides = exam.items.iter().flat_map(|item| [&item.reference, &item.other]);
    let texts: Texts = sides.map(|text| (text.completion_id.as_str(), text.text.as_str())).collect();
    let call = |comparison: &Comparison| {
        let prompt = prompts[comparison.prompt_id.as_str()];
        let text = |id: &str| texts[id];
        let (first, second) = (text(&comparison.first.completion_id), text(&comparison.second.completion_id));
        let request = render(form_of(judge), rubrics, prompt, comparison, first, second);
        Call { comparison: comparison.clone(), judge_id: judge.id.clone(), repeat: 0, request }
    };
    exam.presentations.iter().map(|(comparison, _)| call(comparison)).collect()
}
