//! Trainings that were executed again, and runs that are looked at.

use affinage_project::folder::receipt::Receipt;
use affinage_project::folder::run::checkpoint_name;
use affinage_project::stages::inspect::RunFacts;

use crate::ui::{Paint, Table, Ui, counted};

/// Every segment with what executing it again gave, and what that is worth.
pub fn verified(ui: &Ui, receipt: &Receipt) -> String {
    let mut table = Table::new(["steps", "adapter before", "adapter after", ""]);
    let last = receipt.segments.iter().rposition(|segment| segment.executed);
    for (i, segment) in receipt.segments.iter().enumerate() {
        let (paint, word) = match segment.executed {
            false => (Paint::Dim, "not executed"),
            true if receipt.is_good() || Some(i) != last => (Paint::Good, "same bits"),
            true => (Paint::Error, "differs"),
        };
        table.row([
            format!("{} to {}", segment.from + 1, segment.to),
            short(&segment.before_sha256),
            short(&segment.after_sha256),
            ui.paint_data(paint, word),
        ]);
    }
    let chance = match receipt.one_forged_segment_escapes {
        // The error says what differs.
        _ if !receipt.is_good() => return table.render(),
        0.0 => "every saved step was executed again".to_owned(),
        chance => format!(
            "{} drawn at random (seed {}): one forged segment would have escaped with a chance of {:.0} %",
            counted(receipt.drawn, "segment was", "segments were"),
            receipt.draw_seed,
            100.0 * chance
        ),
    };
    format!("{}{}\n{chance}\n", table.render(), receipt.in_words())
}

fn short(sha256: &str) -> String {
    sha256.get(..16).unwrap_or(sha256).to_owned()
}

/// A run, its checkpoints, and what executing it again found.
pub fn inspected(facts: &RunFacts) -> String {
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
