//! The judge in this process: label probabilities of a local model.

use std::cell::OnceCell;

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::GenerationPrompt;
use affinage_dataset::tokenize::tokenize_begun;
use affinage_engine::generate::score_continuations;
use affinage_engine::model::Model;
use affinage_eval::comparison::{LabelPair, label_pairs};
use affinage_eval::judge::ledger::{RawRow, RawSide};
use affinage_eval::judge::local::judge_cell;
use affinage_eval::judge::record::Call;
use affinage_eval::judge::reply::Verdict;
use affinage_eval::judge::request::VERDICT;
use affinage_eval::judgment::MissingReason;
use anyhow::{Context as _, anyhow};

use super::store::Store;
use super::{JudgeSummary, OpenModel, Texts};
use crate::errors::{HintExt as _, interrupted};
use crate::folder::config;
use crate::folder::project::Project;
use crate::interrupt;
use crate::model::{LoadedModel, engine, open_model};
use crate::observer::Observer;

/// The model of a local judge: borrowed where the caller has it open, else opened here.
pub enum LocalJudge<'a> {
    Borrowed(OpenModel<'a>),
    Owned(Box<(LoadedModel, OnceCell<Model>)>),
}

impl<'a> LocalJudge<'a> {
    /// `None` for a judge behind an API.
    pub fn open(
        ctx: &Project,
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
        Ok(Some(LocalJudge::Owned(Box::new((model, OnceCell::new())))))
    }

    pub fn model(&self) -> &LoadedModel {
        match self {
            LocalJudge::Borrowed(open) => open.model,
            LocalJudge::Owned(owned) => &owned.0,
        }
    }

    /// Loads the weights when they are first needed: a dry run needs none.
    pub fn engine(&self, ui: &dyn Observer) -> anyhow::Result<&Model> {
        match self {
            LocalJudge::Borrowed(open) => Ok(open.engine),
            LocalJudge::Owned(owned) => match owned.1.get() {
                Some(engine) => Ok(engine),
                None => {
                    let engine = engine(ui, &owned.0)?;
                    Ok(owned.1.get_or_init(|| engine))
                }
            },
        }
    }
}

/// Labels whose tokens, with the space before them, are equally many in this model's vocabulary.
pub fn labels(model: &LoadedModel) -> anyhow::Result<Vec<LabelPair>> {
    let pairs = label_pairs(|label| model.tokenizer.encode(&format!(" {label}")).map_or(0, |ids| ids.len()));
    if pairs.is_empty() {
        return Err(anyhow!("no two labels have the same number of tokens in {}", model.name))
            .hint("use another model as the local judge");
    }
    Ok(pairs)
}

/// Asks every call in turn and stores each answer before the next.
pub fn judge(
    ctx: &Project,
    texts: &Texts,
    judge: &LocalJudge,
    calls: &[Call],
    store: &mut Store,
    summary: &mut JudgeSummary,
) -> anyhow::Result<()> {
    let (model, engine) = (judge.model(), judge.engine(&ctx.ui)?);
    let progress = ctx.ui.progress(summary.label(), calls.len() as u64, "comparisons");
    for call in calls {
        if interrupt::requested() {
            progress.finish("");
            return Err(interrupted("stopped; the judgments so far are saved"))
                .hint("run the same command again to continue");
        }
        let shown = shown_text(model, call)?;
        let prefix = tokenize_begun(&model.tokenizer, model.template()?, &asked(call), VERDICT)?;
        let label_ids = [&call.request.labels[0], &call.request.labels[1]]
            .map(|label| model.tokenizer.encode(&format!(" {label}")));
        let [first, second] = label_ids;
        let (first, second) = (first?, second?);
        let judgment = if prefix.len() + first.len() > engine.max_positions() {
            call.unread(Verdict::missing(MissingReason::Truncated), &model.name, &shown)
        } else {
            let labels = [call.request.labels[0].as_str(), call.request.labels[1].as_str()];
            let mut score = |prefix: &[u32], continuations: &[Vec<u32>]| {
                let continuations: Vec<&[u32]> = continuations.iter().map(Vec::as_slice).collect();
                score_continuations(engine, None, prefix, &continuations)
            };
            let scored = judge_cell(&prefix, labels, [&first, &second], &mut score);
            call.scored(scored, &model.name, &shown)
        };
        call.verify(&judgment, |id| texts.get(id).copied())?;
        store.add_raw(RawRow::new(&judgment.judgment_id, RawSide::Request, shown.as_bytes(), None))?;
        store.add_judgment(&judgment)?;
        summary.made += 1;
        progress.advance(1);
        if store.exam_is_lost() {
            break;
        }
    }
    store.sync()?;
    progress.finish("");
    Ok(())
}

/// The whole text that the model reads: its chat template around the request, and the start of the verdict line.
fn shown_text(model: &LoadedModel, call: &Call) -> anyhow::Result<String> {
    Ok(model.template()?.render(&asked(call), GenerationPrompt::Add)? + VERDICT)
}

fn asked(call: &Call) -> Vec<Message> {
    let system = Some(&call.request.system).filter(|system| !system.is_empty());
    let system = system.map(|system| Message::new(Role::System, system.clone()));
    system.into_iter().chain([Message::new(Role::User, call.request.user_text())]).collect()
}
