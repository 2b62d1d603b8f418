//! `affinage inspect run`: a training, its checkpoints and receipts.

use affinage_project::folder::run::{Run, checkpoint_name};
use affinage_project::stages::inspect::RunFacts;

use crate::context::Context;
use crate::ui::Table;

pub(super) fn run(ctx: &Context, name: Option<&str>) -> anyhow::Result<()> {
    ctx.require_project()?;
    let facts = RunFacts::of(&Run::meant(ctx, name)?, &ctx.ui)?;
    match ctx.json {
        true => ctx.ui.json(&facts),
        false => ctx.ui.data(&shown(&facts)),
    }
}

fn shown(facts: &RunFacts) -> String {
    let ended = if facts.is_finished { "finished" } else { "not finished" };
    let mut text =
        format!("{}: {} on {}, {} steps, {ended}\n\n", facts.run, facts.model, facts.dataset, facts.steps);
    let mut table = Table::new(["checkpoint", "validation loss", "adapter", "optimiser state"]).right(&[1]);
    for checkpoint in &facts.checkpoints {
        let state = match (checkpoint.is_there, checkpoint.has_optimizer_state) {
            (false, _) => "its folder is gone",
            (true, true) => "kept",
            (true, false) => "not kept",
        };
        table.row([
            checkpoint_name(checkpoint.step),
            checkpoint.validation_loss.map_or("-".to_owned(), |loss| format!("{loss:.4}")),
            checkpoint.adapter_sha256.get(..16).unwrap_or_default().to_owned(),
            state.to_owned(),
        ]);
    }
    text.push_str(&table.render());
    match facts.receipts.as_slice() {
        [] => text.push_str("\nnot checked yet: `affinage verify` executes parts of it again\n"),
        receipts => {
            text.push_str("\nchecked\n");
            for receipt in receipts {
                let at = receipt.made_at.strftime("%Y-%m-%d %H:%M UTC");
                text.push_str(&format!("  {at}: {}\n", receipt.in_words()));
            }
        }
    }
    text
}
