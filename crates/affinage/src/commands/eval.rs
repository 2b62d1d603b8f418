//! `affinage eval`: generate, judge, analyze and report in one go.

use clap::Args;

use super::{generate, judge, report};
use crate::context::Context;

/// Compare base and checkpoints: generate, judge, analyze, report
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage eval\n  affinage --set eval.prompts-per-suite=5 eval --name short\n  \
    affinage eval --final\n  affinage eval --null-test"
)]
pub struct EvalArgs {
    /// Generate the answers, then only print what the judges would take; send nothing
    #[arg(long, conflicts_with_all = ["yes", "final"])]
    dry_run: bool,
    /// Open the sealed reserve of the data set: once, when nothing will be changed any more
    #[arg(long)]
    r#final: bool,
    /// Test the pipeline instead: the base model against itself under two seeds, where nothing is to be found
    #[arg(long, conflicts_with = "final")]
    null_test: bool,
    /// Show the report in the browser at the end
    #[arg(long)]
    open: bool,
    // Last: the heading of its second part goes on to what follows.
    #[command(flatten)]
    generate: generate::GenerateArgs,
}

impl EvalArgs {
    /// The evaluation of one run.
    pub fn of(run: String, yes: bool) -> Self {
        Self {
            generate: generate::GenerateArgs::of(run, yes),
            dry_run: false,
            r#final: false,
            null_test: false,
            open: false,
        }
    }
}

pub fn run(ctx: &Context, mut args: EvalArgs) -> anyhow::Result<()> {
    args.generate.reserve = args.r#final;
    // The final evaluation has a folder of its own: it is another plan, on other prompts.
    let mut config = generate::named(ctx, args.generate.name.as_deref())?.config.clone();
    if args.r#final {
        config.eval.name.push_str("-final");
    }
    args.generate.null_test = args.null_test;
    if args.null_test {
        config.eval.name.push_str("-null");
    }
    let ctx = &ctx.with_config(config);
    // What was named keeps its name, with the word behind it.
    args.generate.name = args.generate.name.map(|_| ctx.config.eval.name.clone());
    let yes = args.generate.yes;
    let send_private = args.generate.send_private.clone();
    let inner = ctx.as_stage();
    let name = &generate::run(&inner, args.generate)?;
    if ctx.config.judges.is_empty() {
        ctx.ui.say("no judge is configured: the answers are measured but not compared");
    } else {
        let judging = match ctx.config.judging.qualify {
            true => judge::JudgeArgs::with_exam(name, yes),
            false => judge::JudgeArgs::of(name, yes),
        };
        judge::run(&inner, judge::JudgeArgs { dry_run: args.dry_run, send_private, ..judging })?;
    }
    if args.dry_run {
        return Ok(());
    }
    report::conclude(ctx, name, args.open)
}
