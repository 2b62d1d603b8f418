//! `affinage inspect tokens`: tokens one by one, and which of them are learned.

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::Thinking;
use affinage_dataset::tokenize::{LossMode, tokenize_example, tokenize_prompt};
use affinage_project::model::{LoadedModel, open_model};
use serde::Serialize;

use super::{Loss, Subject, TokensArgs};
use crate::context::Context;
use crate::ui::{Paint, Table, counted};

#[derive(Serialize)]
struct Listing {
    tokens: Vec<Listed>,
    /// What counts as learned; absent for a plain text.
    loss: Option<LossMode>,
    /// Tokens that are predicted with loss; absent for a plain text.
    learned: Option<usize>,
    /// Absent if no assistant turn is there to be generated.
    generation_prompt: Option<PromptCheck>,
    /// What the template was told of thinking; absent where that changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
}

#[derive(Serialize)]
struct Listed {
    id: u32,
    piece: String,
    learned: bool,
}

/// Whether generating the last answer would start from the very tokens it was trained after.
#[derive(Debug, PartialEq, Serialize)]
struct PromptCheck {
    tokens: usize,
    /// The first token that differs, from 0.
    differs_at: Option<usize>,
}

pub fn run(ctx: &Context, args: TokensArgs) -> anyhow::Result<()> {
    let spec = args.model.spec(ctx).to_owned();
    let loss = args.loss.map_or(ctx.config.train.loss, Loss::mode);
    let subject = args.input.read(ctx)?;
    let model = open_model(ctx, &spec)?;
    let listing = match subject {
        Subject::Text(text) => list_text(&model, &text)?,
        Subject::Conversation(messages) => list_conversation(&model, &messages, loss)?,
    };
    if ctx.json { ctx.ui.json(&listing) } else { ctx.ui.data(&shown(ctx, &listing)) }
}

fn list_text(model: &LoadedModel, text: &str) -> anyhow::Result<Listing> {
    let ids = model.tokenizer.encode(text)?;
    let tokens = ids.iter().map(|&id| listed(model, id, false)).collect();
    Ok(Listing { tokens, loss: None, learned: None, generation_prompt: None, thinking: None })
}

fn list_conversation(model: &LoadedModel, messages: &[Message], loss: LossMode) -> anyhow::Result<Listing> {
    let template = model.template()?;
    let ends = &model.end_tokens;
    let row = tokenize_example(&model.tokenizer, template, "shown", messages, loss, ends, usize::MAX)?;
    let generation_prompt = match messages.iter().rposition(|message| message.role == Role::Assistant) {
        Some(last) => {
            let prompt = tokenize_prompt(&model.tokenizer, template, &messages[..last])?;
            let differs_at = (0..prompt.len()).find(|&i| row.ids.get(i) != Some(&prompt[i]));
            Some(PromptCheck { tokens: prompt.len(), differs_at })
        }
        None => None,
    };
    let learned = row.loss_mask.iter().filter(|&&learned| learned).count();
    let tokens =
        row.ids.iter().zip(&row.loss_mask).map(|(&id, &learned)| listed(model, id, learned)).collect();
    let thinking = template.thinking();
    Ok(Listing { tokens, loss: Some(loss), learned: Some(learned), generation_prompt, thinking })
}

/// A piece of a character has no text of its own; then the vocabulary's letters for bytes are shown.
pub(super) fn piece(model: &LoadedModel, id: u32) -> String {
    match model.tokenizer.decode_with_special(&[id]) {
        Ok(text) if !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER) => text,
        _ => model.tokenizer.token(id).unwrap_or_default(),
    }
}

fn listed(model: &LoadedModel, id: u32, learned: bool) -> Listed {
    Listed { id, piece: piece(model, id), learned }
}

fn shown(ctx: &Context, listing: &Listing) -> String {
    let columns: &[&str] = match listing.learned {
        Some(_) => &["at", "id", "loss", "token"],
        None => &["at", "id", "token"],
    };
    let mut table = Table::new(columns.iter().copied()).right(&[0, 1]);
    for (at, token) in listing.tokens.iter().enumerate() {
        let paint = |text: String| if token.learned { ctx.ui.paint_data(Paint::Good, &text) } else { text };
        let mut cells = vec![at.to_string(), token.id.to_string()];
        if listing.learned.is_some() {
            cells.push(paint(if token.learned { "learned" } else { "" }.to_owned()));
        }
        cells.push(paint(format!("{:?}", token.piece)));
        table.row(cells);
    }
    let mut out = table.render();
    out.push_str(&format!("\n{}", counted(listing.tokens.len(), "token", "tokens")));
    if let Some(learned) = listing.learned {
        out.push_str(&format!(", {learned} of them learned"));
    }
    out.push('\n');
    if let Some(thinking) = listing.thinking {
        out.push_str(&format!("thinking is {thinking} (`model.thinking`)\n"));
    }
    if let Some(check) = &listing.generation_prompt {
        out.push_str(&match check.differs_at {
            None => format!("generation starts from the same {} tokens\n", check.tokens),
            Some(at) => {
                let note = format!("generation would start from other tokens: the first is at {at}");
                format!("{}\n", ctx.ui.paint_data(Paint::Warning, &note))
            }
        });
    }
    out
}
