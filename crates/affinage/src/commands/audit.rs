//! `affinage audit`: other people's results and training folders, and our own evaluations, read again from their files.

use std::path::PathBuf;

use affinage_eval::audit::claims::ClaimVerdict;
use affinage_project::errors::HintExt as _;
use affinage_project::stages::audit::{Options, audit};
use anyhow::anyhow;
use clap::Args;

use crate::context::Context;
use crate::ui::counted;
use crate::ui::results::audited;

/// Check results, training folders or an evaluation: do the files support what is claimed?
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage audit judgments.jsonl\n  affinage audit results/ --claims write-up.md --strict\n  affinage audit log.csv --mapping mapping.toml --json\n  affinage audit outputs/my-lora\n  affinage audit evals/first-look\n\nKnown shapes: pair rows with two *_response fields, AlpacaEval annotations, FastChat pairwise judgments\nand reviews, Arena-Hard games, and model_a, model_b with a winner, vote or judgment. Anything else needs\n--mapping. A folder with adapter_config.json, trainer_state.json, checkpoints or events.jsonl is read as a\ntraining run; one with plan.json and comparisons.jsonl as an evaluation of ours.\n\n--claims takes a write-up: sentences (\"On 57 prompts tuned wins 77 %: 40 wins, 5 ties, 12 losses. Judged by\njudge-north.\"), a table (Markdown, .csv or .tsv) whose columns are named win rate, wins, ties, losses, n, prompts,\nagreement, kappa or statistic and value, and whose other cells name a judge, category or arm; or a .toml file:\n  [[claim]]\n  text = \"Tuned wins 77 % of 57 comparisons\"\n  statistic = \"win-rate\"   # docs/METHOD.md lists the names\n  value = 77                # percent for rates, held at the digit it is written with\n  arm = \"tuned\"             # optional, as judge and category"
)]
pub struct AuditArgs {
    /// Logs of pairwise judgments (.jsonl, .json, .csv), folders with them, folders of a training run, or evals/NAME
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// How the fields of an unknown log are named (TOML)
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// A write-up to hold against the files: text, a table, or TOML
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// Count files of different judges together
    #[arg(long)]
    pub pool: bool,
    /// Exit with 1 if there is any finding or contradicted claim
    #[arg(long)]
    pub strict: bool,
}

pub fn run(ctx: &Context, args: AuditArgs) -> anyhow::Result<()> {
    let AuditArgs { paths, mapping, claims, pool, strict } = args;
    let (mapping, claims) = (mapping.as_deref(), claims.as_deref());
    let document = audit(ctx, &Options { paths: &paths, mapping, claims, pool })?;
    match ctx.json {
        true => ctx.ui.json(&document)?,
        false => ctx.ui.data(&audited(&ctx.ui, &document))?,
    }
    let contradicted =
        document.claims.iter().filter(|claim| claim.verdict == ClaimVerdict::Contradicted).count();
    let found = document.findings().count();
    if strict && found + contradicted > 0 {
        return Err(anyhow!(
            "{} and {}",
            counted(found, "finding", "findings"),
            counted(contradicted, "contradicted claim", "contradicted claims")
        ))
        .hint("without `--strict` findings do not fail");
    }
    Ok(())
}
