//! `affinage chat`: talk to the base model or to any checkpoint, or to several side by side.

use affinage_dataset::message::{Message, Role};
use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::generate::{Generator, Request};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use anyhow::bail;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::generation::{named_adapter, sampling};
use crate::interrupt;
use crate::model::{LoadedModel, open_model};
use crate::run::Run;
use crate::ui::{Paint, Ui, columns};

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
    /// Training run (default: the newest)
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
    name: String,
    adapter: Option<(Adapter, String)>,
    messages: Vec<Message>,
}

impl Speaker {
    /// `step-000064 · adapter 1f2e9c04` or `base · no adapter`.
    fn title(&self) -> String {
        match &self.adapter {
            Some((_, sha256)) => format!("{} · adapter {}", self.name, &sha256[..12]),
            None => format!("{} · no adapter", self.name),
        }
    }
}

pub fn run(ctx: &Context, args: ChatArgs) -> anyhow::Result<()> {
    let model = open_model(ctx, &ctx.config.model)?;
    let mut engine = Model::load(&model.weights)?;
    let names = match (args.arm, args.compare.is_empty()) {
        (Some(arm), _) => vec![arm],
        (None, false) => args.compare,
        (None, true) if Run::list(&ctx.project)?.is_empty() => vec!["base".to_owned()],
        (None, true) => vec!["last".to_owned()],
    };
    let system: Vec<Message> = args.system.map(|text| Message::new(Role::System, text)).into_iter().collect();
    let mut speakers = names
        .iter()
        .map(|name| speaker(ctx, &engine, &model, name.trim(), args.run.as_deref(), &system))
        .collect::<anyhow::Result<Vec<_>>>()?;
    engine.pack();
    if let Some(prompt) = args.prompt {
        return answer_once(ctx, &model, &engine, &mut speakers, &prompt);
    }
    ctx.ui.say(format!("{} · /reset forgets, /quit ends", model.name));
    loop {
        let Some(line) = ctx.ui.read_line("\nyou >")? else { break };
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
        if interrupt::requested() {
            break;
        }
    }
    Ok(())
}

fn speaker(
    ctx: &Context,
    engine: &Model,
    model: &LoadedModel,
    name: &str,
    run: Option<&str>,
    system: &[Message],
) -> anyhow::Result<Speaker> {
    let (name, adapter) = named_adapter(ctx, engine, model, name, run)?;
    Ok(Speaker { name, adapter, messages: system.to_vec() })
}

/// One answer as `--json` prints it.
#[derive(Serialize)]
struct Answered<'a> {
    arm: &'a str,
    adapter_sha256: Option<&'a str>,
    text: &'a str,
}

fn answer_once(
    ctx: &Context,
    model: &LoadedModel,
    engine: &Model,
    speakers: &mut [Speaker],
    prompt: &str,
) -> anyhow::Result<()> {
    if !ctx.json {
        return answer(ctx, model, engine, speakers, prompt);
    }
    for speaker in speakers.iter_mut() {
        reply(ctx, model, engine, speaker, prompt, |_| Ok(()))?;
    }
    let answers: Vec<Answered> = speakers
        .iter()
        .map(|speaker| Answered {
            arm: &speaker.name,
            adapter_sha256: speaker.adapter.as_ref().map(|(_, sha256)| sha256.as_str()),
            text: speaker.messages.last().map_or("", |message| &message.content),
        })
        .collect();
    ctx.ui.json(&serde_json::json!({ "v": 1, "prompt": prompt, "answers": answers }))
}

/// One speaker streams; several are shown in columns, or one below the other where there is no room.
fn answer(
    ctx: &Context,
    model: &LoadedModel,
    engine: &Model,
    speakers: &mut [Speaker],
    prompt: &str,
) -> anyhow::Result<()> {
    let ui = &ctx.ui;
    if let [speaker] = speakers {
        ui.say(format!("\n{}", ui.paint(Paint::Accent, &speaker.title())));
        reply(ctx, model, engine, speaker, prompt, |piece| ui.data_piece(piece))?;
        return ui.data("\n");
    }
    let progress = ui.progress("answering", speakers.len() as u64, "answers");
    for speaker in speakers.iter_mut() {
        progress.note(speaker.name.clone());
        reply(ctx, model, engine, speaker, prompt, |_| Ok(()))?;
        progress.advance(1);
    }
    progress.finish("");
    let cells: Vec<(String, &str)> = speakers
        .iter()
        .map(|speaker| {
            (speaker.title(), speaker.messages.last().map_or("", |message| message.content.as_str()))
        })
        .collect();
    ui.data(&columns(ui, &cells))
}

/// Generates the next answer of `speaker`, passing on text as it appears, and adds both turns to the conversation.
///
/// Ctrl-C ends the answer where it is.
fn reply(
    ctx: &Context,
    model: &LoadedModel,
    engine: &Model,
    speaker: &mut Speaker,
    prompt: &str,
    mut piece: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    speaker.messages.push(Message::new(Role::User, prompt));
    let config = &ctx.config.generate;
    let ids = fit_context(ctx.ui.clone(), model, engine, &mut speaker.messages, config.max_new_tokens)?;
    let adapter = speaker.adapter.as_ref().map(|(adapter, _)| adapter);
    let mut generator = Generator::new(engine, adapter, &model.end_tokens);
    let seed = config.seed + speaker.messages.len() as u64;
    let request =
        Request { prompt: ids, sampling: sampling(config), seed, max_new_tokens: config.max_new_tokens };
    generator.start(request);
    let mut stream = model.tokenizer.stream();
    let mut text = String::new();
    let mut said = |part: String, text: &mut String| -> anyhow::Result<()> {
        text.push_str(&part);
        if part.is_empty() { Ok(()) } else { piece(&part) }
    };
    while generator.active() > 0 && !interrupt::requested() {
        for token in generator.step().into_iter().filter_map(|emitted| emitted.token) {
            said(stream.push(token)?, &mut text)?;
        }
    }
    said(stream.finish()?, &mut text)?;
    speaker.messages.push(Message::new(Role::Assistant, text));
    Ok(())
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
