//! `affinage eval`: generate, judge, analyze and report in one go.

use clap::Args;

use super::{analyze, generate, judge, report};
use crate::context::Context;

/// Compare base and checkpoints: generate, judge, analyze, report
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage eval\n  affinage --set eval.name=short --set eval.prompts-per-suite=5 eval"
)]
pub struct EvalArgs {
    #[command(flatten)]
    generate: generate::GenerateArgs,
    /// Send texts to the configured API judges without asking
    #[arg(long)]
    yes: bool,
}

impl EvalArgs {
    /// The evaluation of one run.
    pub fn of(run: String, yes: bool) -> Self {
        Self { generate: generate::GenerateArgs::of(run), yes }
    }
}

pub fn run(ctx: &Context, args: EvalArgs) -> anyhow::Result<()> {
    let name = &ctx.config.eval.name;
    let inner = ctx.as_stage();
    generate::run(&inner, args.generate)?;
    if ctx.config.judges.is_empty() {
        ctx.ui.warn("no [[judge]] in affinage.toml: only what needs no judge is measured");
    } else {
        if ctx.config.judging.qualify {
            judge::run(&inner, judge::JudgeArgs::exam_of(name, args.yes))?;
        }
        judge::run(&inner, judge::JudgeArgs::of(name, args.yes))?;
    }
    analyze::run(ctx, analyze::AnalyzeArgs::of(name))?;
    report::run(&inner, report::ReportArgs::of(name))
}
