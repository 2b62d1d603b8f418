//! `affinage inspect logits`: the likeliest next tokens.

use affinage_project::model::open_model;
use affinage_project::stages::inspect::next_tokens;

use super::LogitsArgs;
use crate::context::Context;
use crate::ui::Table;

pub fn run(ctx: &Context, args: LogitsArgs) -> anyhow::Result<()> {
    let spec = args.model.spec(ctx).to_owned();
    let subject = args.input.read(ctx)?;
    let loaded = open_model(ctx, &spec)?;
    let next = next_tokens(&loaded, &subject, args.top)?;
    if ctx.json {
        return ctx.ui.json(&next);
    }
    let mut table = Table::new(["id", "logit", "share", "token"]).right(&[0, 1, 2]);
    for next in &next {
        let share = format!("{:.2} %", 100.0 * next.probability);
        table.row([next.id.to_string(), format!("{:.2}", next.logit), share, format!("{:?}", next.piece)]);
    }
    ctx.ui.data(&table.render())
}
