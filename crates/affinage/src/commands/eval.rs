//! `affinage eval`: generate, judge, analyze and report in one go.

use clap::Args;

use super::{analyze, generate, judge, report};
use crate::context::Context;

/// Compare base and checkpoints: generate, judge, analyze, report
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage eval\n  affinage --set eval.name=short --set eval.prompts-per-suite=5 eval\n  \
    affinage eval --final"
)]
pub struct EvalArgs {
    #[command(flatten)]
    generate: generate::GenerateArgs,
    /// Send texts to the configured API judges without asking
    #[arg(long)]
    yes: bool,
    /// Open the sealed reserve of the data set: once, when nothing will be changed any more
    #[arg(long)]
    r#final: bool,
}

impl EvalArgs {
    /// The evaluation of one run.
    pub fn of(run: String, yes: bool) -> Self {
        Self { generate: generate::GenerateArgs::of(run), yes, r#final: false }
    }
}

pub fn run(ctx: &Context, mut args: EvalArgs) -> anyhow::Result<()> {
    args.generate.reserve = args.r#final;
    // The final evaluation has a folder of its own: it is another plan, on other prompts.
    let mut config = ctx.config.clone();
    if args.r#final {
        config.eval.name.push_str("-final");
    }
    let ctx = &Context { config, project: ctx.project.clone(), json: ctx.json, ui: ctx.ui.clone() };
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
