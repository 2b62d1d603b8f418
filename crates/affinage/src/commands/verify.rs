//! `affinage verify`: a training executed again in parts, and the receipt of it.

use std::path::PathBuf;

use affinage_project::folder::receipt::Receipt;
use affinage_project::stages::verify::{Amount, Options, Verified, verify};
use anyhow::anyhow;
use clap::Args;

use crate::context::Context;
use crate::ui::{Paint, Table, counted};

/// Execute parts of a training again: do its checkpoints follow from its data, to the bit?
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage verify\n  affinage verify --sample 0.5\n  affinage verify --steps 40\n  affinage verify --all --json\n  \
    affinage verify --receipt receipt.json\n\n\
    The steps between two checkpoints are executed again from the stored state and must end in the same bits, on any machine. Which\n\
    ones is drawn at random. A receipt with hashes and no text is written into receipts/ of the run's folder; with the same base\n\
    model and data somebody else checks it with --receipt."
)]
pub struct VerifyArgs {
    /// The run; default: the one whose training finished last
    #[arg(value_name = "RUN", conflicts_with = "receipt")]
    run: Option<String>,
    /// Execute this share of the segments between checkpoints
    #[arg(long, value_name = "P", default_value_t = 0.25, value_parser = share, conflicts_with_all = ["steps", "all"])]
    sample: f64,
    /// Execute segments with about so many steps together, one at least
    #[arg(long, value_name = "N", conflicts_with = "all")]
    steps: Option<usize>,
    /// Execute every step again, which takes as long as the training
    #[arg(long)]
    all: bool,
    /// Check this receipt against the base model and the data here
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Seed of the draw; default: a random one
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a share above 0 and at most 1, such as 0.25".to_owned()),
    }
}

pub fn run(ctx: &Context, args: VerifyArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let amount = match (args.all, args.steps) {
        (true, _) => Amount::All,
        (false, Some(steps)) => Amount::Steps(steps),
        (false, None) => Amount::Share(args.sample),
    };
    let seed = args.seed.map_or_else(random_seed, Ok)?;
    let options = Options { run: args.run.as_deref(), receipt: args.receipt.as_deref(), amount, seed };
    let Verified { receipt, written } = verify(ctx, options)?;
    match ctx.json {
        true => ctx.ui.json(&receipt)?,
        false => ctx.ui.data(&shown(ctx, &receipt))?,
    }
    if let Some(path) = &written {
        ctx.ui.hint(format!("receipt: {}", ctx.shown(path)));
    }
    match receipt.is_good() {
        true => Ok(()),
        false => {
            Err(anyhow!("run `{}` is not what it says: {}", receipt.run, receipt.differences.join("; ")))
        }
    }
}

/// Half the bits, so that every reader of JSON keeps the number.
fn random_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random bytes for the draw: {error}"))?;
    Ok(u32::from_le_bytes(bytes).into())
}

fn shown(ctx: &Context, receipt: &Receipt) -> String {
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
            ctx.ui.paint_data(paint, word),
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
