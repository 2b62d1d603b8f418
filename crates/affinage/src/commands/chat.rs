//! `affinage chat`: talk to the base model or to any checkpoint, or to several side by side.

use affinage_dataset::message::{Message, Role};
use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::generate::{Emitted, Finish, Generator, Request};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use affinage_project::errors::{HintExt as _, interrupted};
use affinage_project::folder::run::{Run, shown_as};
use affinage_project::interrupt;
use affinage_project::model::{LoadedModel, open_model, packed_engine};
use affinage_project::stages::generation::{named_adapter, sampling};
use anyhow::{anyhow, bail};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::ctrl_c;
use crate::ui::{Growing, Paint, Ui, columns, counted};

/// Talk to the base model or a checkpoint; compare them side by side
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage chat\n  affinage chat --compare base,last\n  \
    affinage chat --compare base,step-16,last --prompt \"Why do ruins move us?\"\n\n\
    In the chat: /reset forgets the conversation, /quit (or Ctrl-D) ends it.")]
pub struct ChatArgs {
    /// Who answers: base, last, best or step-N
    #[arg(value_name = "ARM", conflicts_with = "compare")]
    arm: Option<String>,
    /// Several who answer side by side, e.g. base,last
    #[arg(long, value_name = "ARM,ARM", value_delimiter = ',')]
    compare: Vec<String>,
    /// Training run [default: the one that finished last]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Ask this one thing and end
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Begin the conversation with this instruction
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
}

/// Someone who answers, and the conversation so far as they know it.
struct Speaker {
    /// `base` or `step-000064`.
    name: String,
    /// The word by which it was asked for, such as `last`.
    asked: String,
    adapter: Option<(Adapter, String)>,
    messages: Vec<Message>,
    /// The last answer ended at the limit of new tokens.
    is_cut: bool,
}

impl Speaker {
    /// `step-000064 (last) · adapter 1f2e9c04` or `base · no adapter`.
    fn title(&self) -> String {
        match &self.adapter {
            Some((_, sha256)) => {
                format!("{} · adapter {}", shown_as(&self.name, &self.asked), &sha256[..12])
            }
            None => format!("{} · no adapter", self.name),
        }
    }

    fn last_words(&self) -> &str {
        self.messages.last().map_or("", |message| &message.content)
    }
}

pub fn run(ctx: &Context, args: ChatArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let names = match (args.arm, args.compare.is_empty()) {
        (Some(arm), _) => vec![arm],
        (None, false) => args.compare,
        (None, true) => vec![default_arm(ctx)?.to_owned()],
    };
    let is_trained = names.iter().any(|name| name.trim() != "base");
    let run = is_trained.then(|| Run::meant(ctx, args.run.as_deref())).transpose()?.map(|run| run.name);
    let model = open_model(ctx, &ctx.config.model.name)?;
    let engine = packed_engine(&ctx.ui, &model)?;
    let system: Vec<Message> = args.system.map(|text| Message::new(Role::System, text)).into_iter().collect();
    let mut speakers = names
        .iter()
        .map(|name| speaker(ctx, &engine, &model, name.trim(), run.as_deref(), &system))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(prompt) = args.prompt {
        return answer_once(ctx, &model, &engine, &mut speakers, &prompt);
    }
    let who: Vec<String> = speakers.iter().map(Speaker::title).collect();
    ctx.ui.say(format!("{}: {} · /reset forgets, /quit ends", model.name, who.join("; ")));
    loop {
        let Some(line) = ctx.ui.read_line("\nyou >")? else {
            // Ctrl-D leaves the cursor behind the question.
            ctx.ui.say("");
            break;
        };
        match line.as_str() {
            "" => continue,
            "/quit" | "/exit" => break,
            "/reset" => {
                speakers.iter_mut().for_each(|speaker| speaker.messages.clone_from(&system));
                ctx.ui.say("forgotten");
            }
            command if command.starts_with('/') => ctx.ui.say("commands: /reset, /quit"),
            text => answer(ctx, &model, &engine, &mut speakers, text)?,
        }
        if interrupt::take_request() {
            ctx.ui.say("the answer was ended by Ctrl-C; /quit or Ctrl-D ends the chat");
        }
    }
    Ok(())
}

/// Who answers where nobody is named: the last checkpoint of the run that finished last; before the first training the base model.
///
/// Errors: there was a training and its folder is gone, so the base would pass for it.
fn default_arm(ctx: &Context) -> anyhow::Result<&'static str> {
    if !Run::list(&ctx.project)?.is_empty() {
        return Ok("last");
    }
    if ctx.project.join("runs").is_dir() {
        return Err(anyhow!("a model was trained here, and its folder in runs/ is missing"))
            .hint("train again: `affinage train`; or talk to the untrained model: `affinage chat base`");
    }
    Ok("base")
}

fn speaker(
    ctx: &Context,
    engine: &Model,
    model: &LoadedModel,
    name: &str,
    run: Option<&str>,
    system: &[Message],
) -> anyhow::Result<Speaker> {
    let (found, adapter) = named_adapter(ctx, engine, model, name, run)?;
    Ok(Speaker { name: found, asked: name.to_owned(), adapter, messages: system.to_vec(), is_cut: false })
}

/// One answer as `--json` prints it.
#[derive(Serialize)]
struct Answered<'a> {
    arm: &'a str,
    /// The word by which the arm was asked for.
    asked: &'a str,
    adapter_sha256: Option<&'a str>,
    text: &'a str,
    /// It ended at the limit of new tokens.
    is_cut: bool,
}

fn answer_once(
    ctx: &Context,
    model: &LoadedModel,
    engine: &Model,
    speakers: &mut [Speaker],
    prompt: &str,
) -> anyhow::Result<()> {
    let ended = || match interrupt::requested() {
        true => Err(interrupted("the answer was ended by Ctrl-C")),
        false => Ok(()),
    };
    if !ctx.json {
        answer(ctx, model, engine, speakers, prompt)?;
        return ended();
    }
    reply(ctx, model, engine, speakers, prompt, |_, _| Ok(()))?;
    ended()?;
    let answers: Vec<Answered> = speakers
        .iter()
        .map(|speaker| Answered {
            arm: &speaker.name,
            asked: &speaker.asked,
            adapter_sha256: speaker.adapter.as_ref().map(|(_, sha256)| sha256.as_str()),
            text: speaker.last_words(),
            is_cut: speaker.is_cut,
        })
        .collect();
    ctx.ui.json(&serde_json::json!({ "v": 1, "prompt": prompt, "answers": answers }))
}

/// Answers grow in columns on a terminal that can show them, one after the other on another; where nobody watches, one
/// answer streams and several are printed once they are whole. An answer that the limit of new tokens cut says so.
fn answer(
    ctx: &Context,
    model: &LoadedModel,
    engine: &Model,
    speakers: &mut [Speaker],
    prompt: &str,
) -> anyhow::Result<()> {
    let ui = &ctx.ui;
    let mark = cut_mark(ctx.config.generate.max_new_tokens);
    let titles: Vec<String> = speakers.iter().map(Speaker::title).collect();
    if speakers.len() > 1 && !ui.shows_data() {
        reply(ctx, model, engine, speakers, prompt, |_, _| Ok(()))?;
        let texts: Vec<String> = speakers
            .iter()
            .map(|speaker| match speaker.is_cut {
                true => format!("{}\n{mark}", speaker.last_words()),
                false => speaker.last_words().to_owned(),
            })
            .collect();
        let answers = titles.into_iter().zip(texts.iter().map(String::as_str));
        return ui.data(&columns(ui, &answers.collect::<Vec<_>>()));
    }
    if ui.shows_data() {
        ui.data("")?;
    }
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    if let Some(mut growing) = Growing::start(ui, &titles)? {
        return reply(ctx, model, engine, speakers, prompt, |column, piece| match piece {
            Piece::Text(text) => growing.push(column, text),
            Piece::End { is_cut } => {
                if is_cut {
                    growing.push(column, &format!("\n{mark}"))?;
                }
                growing.end(column)
            }
        });
    }
    for (speaker, title) in speakers.chunks_mut(1).zip(titles) {
        ui.say(format!("\n{}", ui.paint(Paint::Accent, title)));
        reply(ctx, model, engine, speaker, prompt, |_, piece| match piece {
            Piece::Text(text) => ui.data_piece(text),
            Piece::End { is_cut } => {
                ui.data("\n")?;
                if is_cut {
                    ui.say(&mark);
                }
                Ok(())
            }
        })?;
        if interrupt::requested() {
            break;
        }
    }
    Ok(())
}

/// What stands below an answer that the limit of new tokens ended.
fn cut_mark(limit: usize) -> String {
    format!("[cut at the limit of {}: generate.max-new-tokens]", counted(limit, "token", "tokens"))
}

/// What a speaker's answer gains.
enum Piece<'a> {
    Text(&'a str),
    /// Nothing more.
    End {
        /// The limit of new tokens was met.
        is_cut: bool,
    },
}

/// Generates the next answers of `speakers` together, passing on text as it appears, and adds both turns to their
/// conversations. What a speaker says does not depend on who else speaks.
///
/// Ctrl-C ends the answers where they are.
fn reply(
    ctx: &Context,
    model: &LoadedModel,
    engine: &Model,
    speakers: &mut [Speaker],
    prompt: &str,
    mut said: impl FnMut(usize, Piece) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let config = &ctx.config.generate;
    let mut requests = Vec::new();
    for speaker in speakers.iter_mut() {
        speaker.messages.push(Message::new(Role::User, prompt));
        let ids = fit_context(ctx.ui.clone(), model, engine, &mut speaker.messages, config.max_new_tokens)?;
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
    let is_shown = ctx.ui.shows_data() && !ctx.json;
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
    ctrl_c::while_streaming(|| -> anyhow::Result<()> {
        while generator.active() > 0 && !interrupt::requested() {
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
        Ok(())
    })?;
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

/// The rest of a text that was ended in the middle, without the part of a character that it may end with.
fn whole(rest: &str) -> String {
    rest.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned()
}

/// The prompt's ids; the oldest exchanges are dropped, and that is said, when the conversation outgrows the model.
fn fit_context(
    ui: Ui,
    model: &LoadedModel,
    engine: &Model,
    messages: &mut Vec<Message>,
    new_tokens: usize,
) -> anyhow::Result<Vec<u32>> {
    loop {
        let ids = tokenize_prompt(&model.tokenizer, model.template()?, messages)?;
        if ids.len() + new_tokens <= engine.max_positions() {
            return Ok(ids);
        }
        let first = usize::from(messages[0].role == Role::System);
        if messages.len() < first + 3 {
            bail!(
                "{} tokens do not fit into the model's {} positions",
                ids.len() + new_tokens,
                engine.max_positions()
            );
        }
        messages.drain(first..first + 2);
        ui.warn("the conversation is longer than the model reads; its oldest exchange was dropped");
    }
}
