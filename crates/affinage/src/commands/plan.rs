//! `affinage plan`: what an evaluation can show at all, and what its judges would take, before anything is spent.

use affinage_project::errors::usage;
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::run::Run;
use affinage_project::stages::evaluation::reach::{EFFECT, Options, TIES, reach};
use affinage_project::stages::forecast;
use affinage_project::stages::suites::BUILT_IN_PROMPTS;
use clap::Args;

use crate::context::Context;
use crate::ui::results::reach as results;

/// What an evaluation can show, and what it would cost
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage plan\n  affinage plan --effect 0.55\n  \
    affinage --set eval.prompts-per-suite=20 plan --json")]
pub struct PlanArgs {
    /// The win rate that you care to show
    #[arg(long, value_name = "RATE", default_value_t = EFFECT)]
    effect: f64,
    /// Share of prompts that end in a tie, which show nothing
    #[arg(long, value_name = "SHARE", default_value_t = TIES)]
    ties: f64,
    /// The evaluation below evals/; default: the newest finished one whose name is, or begins with, eval.name
    #[arg(long, value_name = "NAME")]
    eval: Option<String>,
    /// Measure for some seconds how long it takes on this machine; needs a training
    #[arg(long)]
    time: bool,
}

pub fn run(ctx: &Context, args: PlanArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    if !(args.effect > 0.5 && args.effect < 1.0) {
        return Err(usage(format!("--effect {}: expected a win rate above 0.5 and below 1", args.effect)));
    }
    if !(0.0..1.0).contains(&args.ties) {
        return Err(usage(format!("--ties {}: expected a share of at least 0 and below 1", args.ties)));
    }
    let options = Options { eval: args.eval.as_deref(), effect: args.effect, ties: args.ties };
    let mut planned = reach(ctx, &options)?;
    if args.time {
        let run = Run::meant(ctx, None)?;
        let version = DatasetVersion::open(&ctx.project, Some(&run.dataset(&ctx.ui)?))?;
        planned.time = Some(forecast::evaluation(ctx, &version)?);
    }
    if ctx.json {
        return ctx.ui.json(&planned);
    }
    results::planned(&ctx.ui, &planned, &options)?;
    if planned
        .reach
        .last()
        .is_some_and(|all| planned.prompts_needed.is_some_and(|needed| (all.independent as u64) < needed))
    {
        ctx.ui.hint(match ctx.config.eval.prompts_per_suite {
            Some(asked) if asked < BUILT_IN_PROMPTS => format!(
                "too few prompts for this effect, because `eval.prompts-per-suite` is {asked}: without it {BUILT_IN_PROMPTS} of \
                 each suite are asked"
            ),
            _ => "too few prompts for this effect: add some with a [[suite]], or settle for detecting only larger differences"
                .to_owned(),
        });
    }
    Ok(())
}
