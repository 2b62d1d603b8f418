//! A conversation with the base model or with checkpoints of a run, side by side, as far as they remember it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use affinage_dataset::message::{Message, Role};
use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::generate::{Emitted, Finish, Generator, Request};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use anyhow::anyhow;
use serde::Serialize;

use crate::errors::HintExt as _;
use crate::folder::config::Generate;
use crate::folder::project::Project;
use crate::folder::run::{self, Run, shown_as};
use crate::interrupt;
use crate::model::{LoadedModel, open_model, packed_engine};
use crate::next::next;
use crate::observer::Observer;
use crate::stages::generation::{named_adapter, refuse_unencoded, sampling};

/// Someone who answers, and the conversation so far as they know it.
pub struct Speaker {
    /// `base` or `step-000064`.
    pub name: String,
    /// The word by which it was asked for, such as `last`.
    pub asked: String,
    adapter: Option<(Adapter, String)>,
    messages: Vec<Message>,
    /// The last answer ended at the limit of new tokens.
    pub is_cut: bool,
}

impl Speaker {
    /// `step-000064 (last) · adapter 1f2e9c04` or `base · no adapter`.
    pub fn title(&self) -> String {
        match &self.adapter {
            Some((_, sha256)) => {
                format!("{} · adapter {}", shown_as(&self.name, &self.asked), &sha256[..12])
            }
            None => format!("{} · no adapter", self.name),
        }
    }

    /// The last message.
    pub fn last_words(&self) -> &str {
        self.messages.last().map_or("", |message| &message.content)
    }

    /// Of the adapter; `None` for the base.
    pub fn adapter_sha256(&self) -> Option<&str> {
        self.adapter.as_ref().map(|(_, sha256)| sha256.as_str())
    }
}

/// The answers to one prompt; the document of `--json`.
#[derive(Serialize)]
pub struct Document<'a> {
    v: u32,
    prompt: &'a str,
    answers: Vec<Answered<'a>>,
}

/// What one speaker answered.
#[derive(Serialize)]
pub struct Answered<'a> {
    arm: &'a str,
    /// The word by which the arm was asked for.
    asked: &'a str,
    adapter_sha256: Option<&'a str>,
    text: &'a str,
    /// It ended at the limit of new tokens.
    is_cut: bool,
}

/// Who is asked, and how the conversation begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// `base`, `last`, `best` or `step-N`; empty: the last checkpoint, before the first training the base.
    pub arms: &'a [String],
    /// `None`: the run that finished last.
    pub run: Option<&'a str>,
    /// The instruction before the first question.
    pub system: Option<&'a str>,
}

/// A model in memory and the conversations that are held with it.
pub struct Chat<'a> {
    ctx: &'a Project,
    pub model: LoadedModel,
    engine: Model,
    pub speakers: Vec<Speaker>,
    system: Vec<Message>,
    /// How the next answers are sampled, and how long they may be.
    pub settings: Generate,
    /// Set, it ends the answers where they are, as a requested stop does, until whoever set it takes it back.
    pub stop: Arc<AtomicBool>,
}

impl<'a> Chat<'a> {
    /// Loads the model and the adapters. Errors: there is no such run or checkpoint; it was trained on another base.
    pub fn open(ctx: &'a Project, options: &Options) -> anyhow::Result<Self> {
        // Whom there is not is known before the model is loaded.
        let party = meant(ctx, options)?;
        let model = open_model(ctx, &ctx.config.model.name)?;
        let engine = packed_engine(&ctx.ui, &model)?;
        let (settings, stop) = (ctx.config.generate.clone(), Arc::default());
        let mut chat = Self { ctx, model, engine, speakers: Vec::new(), system: Vec::new(), settings, stop };
        chat.seat(party, options.system)?;
        Ok(chat)
    }

    /// Begins another conversation with the model that is loaded. Errors: as [`Self::open`]; the conversation so far goes on.
    pub fn begin(&mut self, options: &Options) -> anyhow::Result<()> {
        let party = meant(self.ctx, options)?;
        self.seat(party, options.system)
    }

    fn seat(&mut self, (names, run): Meant, system: Option<&str>) -> anyhow::Result<()> {
        let Self { ctx, model, engine, .. } = self;
        let system: Vec<Message> = system.map(|text| Message::new(Role::System, text)).into_iter().collect();
        let speaker = |name: &str| -> anyhow::Result<Speaker> {
            let (found, adapter) = named_adapter(ctx, engine, model, name, run.as_deref())?;
            let (asked, messages) = (name.to_owned(), system.clone());
            Ok(Speaker { name: found, asked, adapter, messages, is_cut: false })
        };
        self.speakers = names.into_iter().map(speaker).collect::<anyhow::Result<_>>()?;
        self.system = system;
        Ok(())
    }

    /// Forgets the conversation, except for the instruction that it began with.
    pub fn reset(&mut self) {
        self.speakers.iter_mut().for_each(|speaker| speaker.messages.clone_from(&self.system));
    }

    /// Adds a turn that was said before: the question, and the answer of each speaker in their order.
    pub fn recall(&mut self, prompt: &str, answers: &[&str]) {
        for (speaker, answer) in self.speakers.iter_mut().zip(answers) {
            speaker.messages.push(Message::new(Role::User, prompt));
            speaker.messages.push(Message::new(Role::Assistant, *answer));
        }
    }

    /// What everybody said last, as the answers to `prompt`.
    pub fn document<'d>(&'d self, prompt: &'d str) -> Document<'d> {
        let answered = |speaker: &'d Speaker| Answered {
            arm: &speaker.name,
            asked: &speaker.asked,
            adapter_sha256: speaker.adapter_sha256(),
            text: speaker.last_words(),
            is_cut: speaker.is_cut,
        };
        Document { v: 1, prompt, answers: self.speakers.iter().map(answered).collect() }
    }

    /// The answers of all speakers to `prompt`, together, see [`Self::reply_of`].
    pub fn reply(
        &mut self,
        prompt: &str,
        is_shown: bool,
        said: impl FnMut(usize, Piece) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.reply_of(0..self.speakers.len(), prompt, is_shown, said)
    }

    /// Generates the next answers of some speakers together, passing on text as it appears, and adds both turns to their
    /// conversations. What a speaker says does not depend on who else speaks.
    ///
    /// A requested stop, or [`Self::stop`], ends the answers where they are; an error leaves the conversations as they were.
    /// `is_shown`: words that appear show that something goes on.
    pub fn reply_of(
        &mut self,
        speakers: Range<usize>,
        prompt: &str,
        is_shown: bool,
        said: impl FnMut(usize, Piece) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let before: Vec<_> =
            self.speakers[speakers.clone()].iter().map(|speaker| speaker.messages.clone()).collect();
        let done = self.try_reply_of(speakers.clone(), prompt, is_shown, said);
        if done.is_err() {
            for (speaker, messages) in self.speakers[speakers].iter_mut().zip(before) {
                speaker.messages = messages;
            }
        }
        done
    }

    fn try_reply_of(
        &mut self,
        speakers: Range<usize>,
        prompt: &str,
        is_shown: bool,
        mut said: impl FnMut(usize, Piece) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Self { ctx, model, engine, speakers: all, settings: config, stop, .. } = self;
        let speakers = &mut all[speakers];
        let mut requests = Vec::new();
        for speaker in speakers.iter_mut() {
            speaker.messages.push(Message::new(Role::User, prompt));
            let ids = fit_context(&ctx.ui, model, engine, &mut speaker.messages, config.max_new_tokens)?;
            let seed = config.seed + speaker.messages.len() as u64;
            let sampling = sampling(config);
            requests.push(Request { prompt: ids, sampling, seed, max_new_tokens: config.max_new_tokens });
        }
        let adapters: Vec<Option<&Adapter>> =
            speakers.iter().map(|speaker| speaker.adapter.as_ref().map(|(adapter, _)| adapter)).collect();
        let mut generator = Generator::with_arms(engine, &adapters, &model.end_tokens);
        for (arm, request) in requests.into_iter().enumerate() {
            generator.start_in(arm, request);
        }
        // Words on a terminal show that something goes on; before the first one, and where nobody sees them, this line does.
        let mut waiting = Some(ctx.ui.late_spinner("answering", "tokens"));
        let mut streams: Vec<_> = speakers.iter().map(|_| Some(model.tokenizer.stream())).collect();
        let mut texts = vec![String::new(); speakers.len()];
        let mut cut = vec![false; speakers.len()];
        // `ended` says whether the last part was cut.
        let mut add = |speaker: usize, part: String, ended: Option<bool>| -> anyhow::Result<()> {
            texts[speaker].push_str(&part);
            if !part.is_empty() {
                said(speaker, Piece::Text(&part))?;
            }
            let Some(is_cut) = ended else { return Ok(()) };
            cut[speaker] = is_cut;
            said(speaker, Piece::End { is_cut })
        };
        while generator.active() > 0 && !interrupt::requested() && !stop.load(Ordering::Relaxed) {
            let emitted = generator.step();
            if is_shown {
                waiting = None;
            }
            for Emitted { sequence, token, finish } in emitted {
                let Some(stream) = &mut streams[sequence] else { continue };
                if let Some(token) = token {
                    add(sequence, stream.push(token)?, None)?;
                    waiting.iter().for_each(|progress| progress.advance(1));
                }
                if let Some(stream) = streams[sequence].take_if(|_| finish.is_some()) {
                    let is_cut = finish == Some(Finish::Length);
                    let rest = stream.finish()?;
                    add(sequence, if is_cut { whole(&rest) } else { rest }, Some(is_cut))?;
                }
            }
        }
        drop(waiting);
        for (speaker, stream) in streams.into_iter().enumerate() {
            if let Some(stream) = stream {
                add(speaker, whole(&stream.finish()?), Some(false))?;
            }
        }
        for ((speaker, text), is_cut) in speakers.iter_mut().zip(texts).zip(cut) {
            speaker.messages.push(Message::new(Role::Assistant, text));
            speaker.is_cut = is_cut;
        }
        Ok(())
    }
}

/// What a speaker's answer gains.
pub enum Piece<'a> {
    Text(&'a str),
    /// Nothing more.
    End {
        /// The limit of new tokens was met.
        is_cut: bool,
    },
}

/// Who is to answer, and the run of those that were trained.
type Meant<'o> = (Vec<&'o str>, Option<String>);

/// Says which run is meant, where there are several.
fn meant<'o>(ctx: &Project, options: &Options<'o>) -> anyhow::Result<Meant<'o>> {
    let names = match options.arms {
        [] => vec![default_arm(ctx)?],
        arms => arms.iter().map(|arm| arm.trim()).collect(),
    };
    let is_trained = names.iter().any(|name| *name != "base");
    let run = is_trained.then(|| Run::meant(ctx, options.run)).transpose()?.map(|run| run.name);
    Ok((names, run))
}

/// Who answers where nobody is named: the last checkpoint of the run that finished last; before the first training the base model.
///
/// Errors: there was a training and its folder is gone, so the base would pass for it.
fn default_arm(ctx: &Project) -> anyhow::Result<&'static str> {
    if !Run::list(&ctx.project)?.is_empty() {
        return Ok("last");
    }
    if run::all(&ctx.project).is_dir() {
        return Err(anyhow!("a model was trained here, and its folder in runs/ is missing")).hint(format!(
            "train again: {}; or talk to the untrained model: {}",
            next("train"),
            next("chat").words("base")
        ));
    }
    Ok("base")
}

/// The rest of a text that was ended in the middle, without the part of a character that it may end with.
fn whole(rest: &str) -> String {
    rest.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned()
}

/// The prompt's ids; the oldest exchanges are dropped, and that is said, when the conversation outgrows the model.
fn fit_context(
    ui: &dyn Observer,
    model: &LoadedModel,
    engine: &Model,
    messages: &mut Vec<Message>,
    new_tokens: usize,
) -> anyhow::Result<Vec<u32>> {
    loop {
        let bytes: usize = messages.iter().map(|message| message.content.len()).sum();
        let too_long = match refuse_unencoded(&model.tokenizer, bytes, engine.max_positions()) {
            Err(too_long) => too_long,
            Ok(()) => {
                let ids = tokenize_prompt(&model.tokenizer, model.template()?, messages)?;
                let tokens = ids.len() + new_tokens;
                if tokens <= engine.max_positions() {
                    return Ok(ids);
                }
                anyhow!("{tokens} tokens do not fit into the model's {} positions", engine.max_positions())
            }
        };
        let first = usize::from(messages[0].role == Role::System);
        if messages.len() < first + 3 {
            return Err(too_long);
        }
        messages.drain(first..first + 2);
        ui.warn("the conversation is longer than the model reads; its oldest exchange was dropped");
    }
}
