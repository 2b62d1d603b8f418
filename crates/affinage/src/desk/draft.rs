//! Drafts by the local model: base or a checkpoint, through the same generation as everywhere, in a thread of its own so
//! that the page never waits for it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use affinage_dataset::message::{Message, Role};
use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::generate::Request;
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use affinage_project::errors::usage;
use affinage_project::folder::run::Run;
use affinage_project::interrupt;
use affinage_project::model::{LoadedModel, open_model};
use affinage_project::stages::generation::{self, named_adapter, sampling};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::reading::POLL;
use crate::context::Context;
use crate::web::Reply;

/// What the page asks for.
#[derive(Deserialize)]
pub struct Asked {
    /// `base`, `last` or `step-N`.
    arm: String,
    prompt: String,
    #[serde(default)]
    context: Vec<Message>,
    count: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    #[default]
    Waiting,
    Loading,
    Writing,
    Done,
    Failed,
}

/// How far a job is.
#[derive(Default, Serialize)]
struct Progress {
    stage: Stage,
    /// In the order asked for, each as far as it is written.
    drafts: Vec<Draft>,
    error: Option<String>,
}

#[derive(Clone, Serialize)]
struct Draft {
    text: String,
    /// Written to its end.
    is_whole: bool,
    /// Base and checkpoint that wrote it.
    model: String,
    seed: u64,
}

#[derive(Default)]
pub struct Drafts(Mutex<Jobs>);

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<(u64, Asked)>,
    progress: BTreeMap<u64, Progress>,
    asked: u64,
}

/// More answers than a person compares.
const MOST: usize = 3;

/// Who may write: the base, then the checkpoints of the run that finished last, the last one first.
pub fn arms(ctx: &Context) -> anyhow::Result<Vec<String>> {
    let mut arms = vec!["base".to_owned()];
    if !Run::list(&ctx.project)?.is_empty() {
        let run = Run::newest(&ctx.project, &ctx.ui)?;
        arms.extend(run.checkpoints(&ctx.ui)?.iter().rev().map(|checkpoint| checkpoint.name()));
    }
    Ok(arms)
}

impl Drafts {
    /// Takes a job; the reply names it.
    pub fn ask(&self, asked: Asked) -> anyhow::Result<Reply> {
        if asked.prompt.trim().is_empty() || !(1..=MOST).contains(&asked.count) {
            return Err(usage(format!("drafts need a prompt, and are 1 to {MOST}")));
        }
        let mut jobs = self.lock();
        jobs.asked += 1;
        let number = jobs.asked;
        jobs.progress.insert(number, Progress::default());
        jobs.waiting.push_back((number, asked));
        Reply::json(&json!({ "job": number }))
    }

    pub fn reply(&self, job: &str) -> anyhow::Result<Reply> {
        let jobs = self.lock();
        let progress = job.parse().ok().and_then(|number: u64| jobs.progress.get(&number));
        Reply::json(progress.ok_or_else(|| usage(format!("no job `{job}`")))?)
    }

    /// Works until Ctrl-C. The model is loaded when the first draft is asked for.
    pub fn write(&self, ctx: &Context) {
        let mut writer = None;
        while !interrupt::requested() {
            let Some((number, asked)) = self.lock().waiting.pop_front() else {
                std::thread::sleep(POLL);
                continue;
            };
            if let Err(error) = self.work(ctx, &mut writer, number, &asked) {
                self.update(number, |progress| {
                    progress.stage = Stage::Failed;
                    progress.error = Some(format!("{error:#}"));
                });
            }
        }
    }

    fn work(
        &self,
        ctx: &Context,
        writer: &mut Option<Writer>,
        number: u64,
        asked: &Asked,
    ) -> anyhow::Result<()> {
        self.update(number, |progress| progress.stage = Stage::Loading);
        let writer = match writer {
            Some(writer) => writer,
            None => writer.insert(Writer::open(ctx)?),
        };
        let adapter = writer.adapter(ctx, &asked.arm)?;
        self.update(number, |progress| progress.stage = Stage::Writing);
        writer.write(ctx, adapter.as_ref(), number, asked, &|index, draft| {
            self.update(number, |progress| match progress.drafts.get_mut(index) {
                Some(known) => *known = draft,
                None => progress.drafts.push(draft),
            });
        })?;
        writer.adapters.insert(asked.arm.clone(), adapter);
        self.update(number, |progress| progress.stage = Stage::Done);
        Ok(())
    }

    fn update(&self, number: u64, change: impl FnOnce(&mut Progress)) {
        if let Some(progress) = self.lock().progress.get_mut(&number) {
            change(progress);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The loaded model and the adapters used so far.
struct Writer {
    model: LoadedModel,
    engine: Model,
    adapters: HashMap<String, Option<Adapter>>,
}

impl Writer {
    fn open(ctx: &Context) -> anyhow::Result<Writer> {
        let model = open_model(ctx, &ctx.config.model.name)?;
        let mut engine = Model::load(&model.weights)?;
        engine.pack();
        Ok(Writer { model, engine, adapters: HashMap::new() })
    }

    /// The adapter of an arm, lent out until the job is done.
    fn adapter(&mut self, ctx: &Context, arm: &str) -> anyhow::Result<Option<Adapter>> {
        match self.adapters.remove(arm) {
            Some(adapter) => Ok(adapter),
            None => {
                Ok(named_adapter(ctx, &self.engine, &self.model, arm, None)?.1.map(|(adapter, _)| adapter))
            }
        }
    }

    fn write(
        &self,
        ctx: &Context,
        adapter: Option<&Adapter>,
        job: u64,
        asked: &Asked,
        written: &dyn Fn(usize, Draft),
    ) -> anyhow::Result<()> {
        let Writer { model, engine, .. } = self;
        let mut messages = asked.context.clone();
        messages.push(Message::new(Role::User, asked.prompt.trim()));
        let prompt = tokenize_prompt(&model.tokenizer, model.template()?, &messages)?;
        let config = &ctx.config.generate;
        // Every job has seeds of its own: asking again gives other drafts.
        let seed = |index: usize| config.seed + job * MOST as u64 + index as u64;
        let request = |index: usize| {
            let request = Request {
                prompt: prompt.clone(),
                sampling: sampling(config),
                seed: seed(index),
                max_new_tokens: config
                    .max_new_tokens
                    .min(engine.max_positions().saturating_sub(prompt.len())),
            };
            (0, request)
        };
        let requests = (0..asked.count).map(request).collect();
        let name =
            if asked.arm == "base" { model.name.clone() } else { format!("{} {}", model.name, asked.arm) };
        let draft = |index: usize, ids: &[u32], is_whole: bool| -> anyhow::Result<()> {
            let text = model.tokenizer.decode(ids)?;
            // The last character may lack the bytes that come with the next token.
            let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER).trim().to_owned();
            written(index, Draft { text, is_whole, model: name.clone(), seed: seed(index) });
            Ok(())
        };
        // They stand in the order asked for, whichever is written first.
        (0..asked.count).try_for_each(|index| draft(index, &[], false))?;
        generation::generate_in_sight(
            engine,
            &[adapter],
            &model.end_tokens,
            requests,
            asked.count,
            |index, ids| draft(index, ids, false),
            |index, answer| draft(index, &answer.ids, true),
        )
    }
}
