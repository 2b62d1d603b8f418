//! `affinage inspect tokens`: tokens one by one, and which of them are learned.

use affinage_project::model::open_model;
use affinage_project::stages::inspect::{Listing, list};

use super::{Loss, TokensArgs};
use crate::context::Context;
use crate::ui::{Paint, Table, counted};

pub fn run(ctx: &Context, args: TokensArgs) -> anyhow::Result<()> {
    let spec = args.model.spec(ctx).to_owned();
    let loss = args.loss.map_or(ctx.config.train.loss, Loss::mode);
    let subject = args.input.read(ctx)?;
    let model = open_model(ctx, &spec)?;
    let listing = list(&model, &subject, loss)?;
    if ctx.json { ctx.ui.json(&listing) } else { ctx.ui.data(&shown(ctx, &listing)) }
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
