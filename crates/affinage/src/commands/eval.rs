//! `affinage eval`: generate, judge, analyze and report in one go.

use std::collections::BTreeMap;

use affinage_eval::judgment::{Outcome, called};
use affinage_project::folder::evaluation::Evaluation;
use affinage_project::folder::run::Run;
use affinage_project::next::next;
use affinage_project::stages::evaluation::answers::{self, Kind, Options};
use affinage_project::stages::judges::Consent;
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

pub fn run(ctx: &Context, args: EvalArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let kind = match (args.r#final, args.null_test) {
        (true, _) => Kind::Final,
        (_, true) => Kind::Null,
        (false, false) => Kind::Test,
    };
    let options = args.generate.options(kind)?;
    let name = answer_and_judge(ctx, &options, args.dry_run)?;
    if args.dry_run { Ok(()) } else { conclude(ctx, &name, kind, args.open) }
}

/// Answers, verdicts, figures and the page of one evaluation.
pub(super) fn evaluate(ctx: &Context, options: &Options) -> anyhow::Result<()> {
    let name = answer_and_judge(ctx, options, false)?;
    conclude(ctx, &name, options.kind, false)
}

fn answer_and_judge(ctx: &Context, options: &Options, dry_run: bool) -> anyhow::Result<String> {
    let stage = ctx.as_stage();
    let options = &Options { to_report: !dry_run, ..*options };
    let generated = answers::generate(&stage, options)?;
    generate::show(&stage, options, &generated)?;
    let name = generated.name;
    if ctx.config.judges.is_empty() {
        ctx.ui.say(nobody_is_asked(ctx, &name)?);
    } else {
        let consent = if dry_run { Consent::DryRun } else { judge::consent_if(options.leave.yes) };
        judge::judge_all(&stage, &name, consent, options.leave.send_private)?;
    }
    Ok(name)
}

fn conclude(ctx: &Context, name: &str, kind: Kind, open: bool) -> anyhow::Result<()> {
    report::conclude(ctx, name, report::Opening { open, offer: true })?;
    if kind != Kind::Null {
        let chat = next("chat").words("--compare base,last");
        let chat = other_run(ctx, name).into_iter().fold(chat, |chat, run| chat.option("--run", &run));
        ctx.ui.hint(format!("hear the difference yourself: {chat}"));
    }
    Ok(())
}

/// The run of the evaluation, where `chat` would mean another one.
fn other_run(ctx: &Context, eval: &str) -> Option<String> {
    let run = Evaluation::named(&ctx.project, eval).plan().ok().and_then(|plan| plan.run);
    let meant = Run::newest(&ctx.project, &ctx.ui).ok().map(|run| run.name);
    run.filter(|run| meant.as_ref() != Some(run))
}

/// What becomes of the answers where affinage.toml has no judge: whoever voted has compared them.
fn nobody_is_asked(ctx: &Context, eval: &str) -> anyhow::Result<String> {
    let votes = Evaluation::named(&ctx.project, eval).votes().read(&ctx.ui)?;
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
