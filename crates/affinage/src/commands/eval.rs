//! `affinage eval`: generate, judge, analyze and report in one go.

use std::collections::BTreeMap;

use affinage_eval::judgment::{Judgment, Outcome, VOTES_FILE, called};
use affinage_project::folder::jsonl;
use affinage_project::folder::run::Run;
use affinage_project::stages::judges::read_plan;
use clap::Args;

use super::{generate, judge, report};
use crate::context::Context;
use crate::ui::counted;

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
    args.generate.to_report = !args.dry_run;
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
        ctx.ui.say(nobody_is_asked(ctx, name)?);
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
    report::conclude(ctx, name, args.open)?;
    if !args.null_test {
        ctx.ui.hint(format!(
            "hear the difference yourself: `affinage chat --compare base,last{}`",
            run_option(ctx, name)
        ));
    }
    Ok(())
}

/// ` --run R` where `chat` would mean another run than that of the evaluation.
fn run_option(ctx: &Context, eval: &str) -> String {
    let run = read_plan(&ctx.project.join("evals").join(eval)).ok().and_then(|plan| plan.run);
    let meant = Run::newest(&ctx.project, &ctx.ui).ok().map(|run| run.name);
    run.filter(|run| meant.as_ref() != Some(run)).map(|run| format!(" --run {run}")).unwrap_or_default()
}

/// What becomes of the answers where affinage.toml has no judge: whoever voted has compared them.
fn nobody_is_asked(ctx: &Context, eval: &str) -> anyhow::Result<String> {
    let votes: Vec<Judgment> = jsonl::read(&ctx.project.join("evals").join(eval).join(VOTES_FILE), &ctx.ui)?;
    let mut by_voter: BTreeMap<&str, usize> = BTreeMap::new();
    let first =
        votes.iter().filter(|vote| vote.repeat == 0 && !matches!(vote.outcome, Outcome::Missing { .. }));
    first.for_each(|vote| *by_voter.entry(&vote.judge_id).or_default() += 1);
    if by_voter.is_empty() {
        return Ok("no judge is configured and nobody has voted: the answers are measured but not compared"
            .to_owned());
    }
    let said: Vec<String> = by_voter
        .into_iter()
        .map(|(voter, number)| format!("{} of {}", counted(number, "vote", "votes"), called(voter)))
        .collect();
    Ok(format!("no model judges; what people said of the answers: {}", said.join(", ")))
}
