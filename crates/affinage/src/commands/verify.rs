//! `affinage verify`: a training executed again in parts, and the receipt of it.

use std::path::PathBuf;

use affinage_project::stages::verify::{Amount, Options, Verified, verify};
use anyhow::anyhow;
use clap::Args;

use crate::context::Context;
use crate::ui::results::runs;

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
        false => ctx.ui.data(&runs::verified(&ctx.ui, &receipt))?,
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
