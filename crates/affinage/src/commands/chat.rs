//! `affinage chat`: talk to the base model or to any checkpoint, or to several side by side.

use affinage_project::errors::interrupted;
use affinage_project::interrupt;
use affinage_project::stages::chat::{Chat, Options, Piece, Speaker};
use clap::Args;

use crate::context::Context;
use crate::ctrl_c;
use crate::ui::{Growing, Paint, columns, counted};

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

pub fn run(ctx: &Context, args: ChatArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let arms = match args.arm {
        Some(arm) => vec![arm],
        None => args.compare,
    };
    let (run, system) = (args.run.as_deref(), args.system.as_deref());
    let mut chat = Chat::open(ctx, &Options { arms: &arms, run, system })?;
    if let Some(prompt) = args.prompt {
        return answer_once(ctx, &mut chat, &prompt);
    }
    let who: Vec<String> = chat.speakers.iter().map(Speaker::title).collect();
    ctx.ui.say(format!("{}: {} · /reset forgets, /quit ends", chat.model.name, who.join("; ")));
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
                chat.reset();
                ctx.ui.say("forgotten");
            }
            command if command.starts_with('/') => ctx.ui.say("commands: /reset, /quit"),
            text => answer(ctx, &mut chat, text)?,
        }
        if interrupt::take_request() {
            ctx.ui.say("the answer was ended by Ctrl-C; /quit or Ctrl-D ends the chat");
        }
    }
    Ok(())
}

fn answer_once(ctx: &Context, chat: &mut Chat, prompt: &str) -> anyhow::Result<()> {
    let ended = || match interrupt::requested() {
        true => Err(interrupted("the answer was ended by Ctrl-C")),
        false => Ok(()),
    };
    if !ctx.json {
        answer(ctx, chat, prompt)?;
        return ended();
    }
    ctrl_c::while_streaming(|| chat.reply(prompt, false, |_, _| Ok(())))?;
    ended()?;
    ctx.ui.json(&chat.document(prompt))
}

/// Answers grow in columns on a terminal that can show them, one after the other on another; where nobody watches, one
/// answer streams and several are printed once they are whole. An answer that the limit of new tokens cut says so.
fn answer(ctx: &Context, chat: &mut Chat, prompt: &str) -> anyhow::Result<()> {
    let ui = &ctx.ui;
    let is_shown = ui.shows_data();
    let mark = cut_mark(ctx.config.generate.max_new_tokens);
    let titles: Vec<String> = chat.speakers.iter().map(Speaker::title).collect();
    if chat.speakers.len() > 1 && !is_shown {
        ctrl_c::while_streaming(|| chat.reply(prompt, false, |_, _| Ok(())))?;
        let text = |speaker: &Speaker| match speaker.is_cut {
            true => format!("{}\n{mark}", speaker.last_words()),
            false => speaker.last_words().to_owned(),
        };
        let texts: Vec<String> = chat.speakers.iter().map(text).collect();
        let answers = titles.into_iter().zip(texts.iter().map(String::as_str));
        return ui.data(&columns(ui, &answers.collect::<Vec<_>>()));
    }
    if is_shown {
        ui.data("")?;
    }
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    if let Some(mut growing) = Growing::start(ui, &titles)? {
        let said = |column: usize, piece: Piece| match piece {
            Piece::Text(text) => growing.push(column, text),
            Piece::End { is_cut } => {
                if is_cut {
                    growing.push(column, &format!("\n{mark}"))?;
                }
                growing.end(column)
            }
        };
        return ctrl_c::while_streaming(|| chat.reply(prompt, is_shown, said));
    }
    for (speaker, title) in titles.into_iter().enumerate() {
        ui.say(format!("\n{}", ui.paint(Paint::Accent, title)));
        let said = |_, piece: Piece| match piece {
            Piece::Text(text) => ui.data_piece(text),
            Piece::End { is_cut } => {
                ui.data("\n")?;
                if is_cut {
                    ui.say(&mark);
                }
                Ok(())
            }
        };
        ctrl_c::while_streaming(|| chat.reply_of(speaker..speaker + 1, prompt, is_shown, said))?;
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
