//! `affinage judge`: blind comparisons by the judges of `affinage.toml`.

use affinage_eval::judge::exam::result::ExamResult;
use clap::Args;
use serde::Serialize;

use crate::config::Judge;
use crate::context::Context;
use crate::errors::{self, HintExt as _};
use crate::judges::{Consent, Estimate, Evaluated, JudgeSummary, examine, judge_all, table};
use crate::lock::FolderLock;

/// Blind comparisons by judges; resumes, and never pays twice
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage judge --dry-run\n  affinage judge --qualify\n  affinage judge --judge opus --yes"
)]
pub struct JudgeArgs {
    /// The evaluation below evals/; default: eval.name of affinage.toml
    #[arg(long, value_name = "NAME")]
    pub eval: Option<String>,
    /// Only this judge (repeatable)
    #[arg(long, value_name = "ID")]
    pub judge: Vec<String>,
    /// Print calls, tokens and cost; send nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Examine the judges instead: can they see planted damage, do they hold to their verdict?
    #[arg(long)]
    pub qualify: bool,
    /// Send without showing requests and asking
    #[arg(long)]
    pub yes: bool,
}

impl JudgeArgs {
    /// The exam of all judges of one evaluation.
    pub fn exam_of(eval: &str, yes: bool) -> Self {
        Self { qualify: true, ..Self::of(eval, yes) }
    }

    /// All judges of one evaluation; `yes` sends without showing requests and asking.
    pub fn of(eval: &str, yes: bool) -> Self {
        Self { eval: Some(eval.to_owned()), judge: Vec::new(), dry_run: false, qualify: false, yes }
    }
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    evaluation: &'a str,
    estimates: &'a [Estimate],
    judges: &'a [JudgeSummary],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exams: &'a [ExamResult],
}

pub fn run(ctx: &Context, args: JudgeArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let chosen = chosen(ctx, &args.judge)?;
    let name = args.eval.as_deref().unwrap_or(&ctx.config.eval.name);
    let evaluated = Evaluated::open(ctx, name)?;
    let _lock = FolderLock::acquire(&evaluated.dir)?;
    let consent = match (args.dry_run, args.yes) {
        (true, _) => Consent::DryRun,
        (false, true) => Consent::Given,
        (false, false) => Consent::Ask,
    };
    let (estimates, summaries, exams) = if args.qualify {
        examine(ctx, &evaluated, &chosen, consent, None)?
    } else {
        let (estimates, summaries) = judge_all(ctx, &evaluated, &chosen, consent, None)?;
        (estimates, summaries, Vec::new())
    };
    if ctx.json {
        let judges = &summaries;
        ctx.ui.json(&Document { evaluation: name, estimates: &estimates, judges, exams: &exams })?;
    } else if consent == Consent::DryRun {
        ctx.ui.data(&table(&estimates))?;
    }
    summaries.iter().for_each(|summary| ctx.ui.say(line(summary)));
    if !ctx.json && consent != Consent::DryRun {
        let sentences: Vec<&str> = exams.iter().map(|exam| exam.sentence.as_str()).collect();
        if !sentences.is_empty() {
            ctx.ui.data(&sentences.join("\n"))?;
        }
    }
    let failed: usize = summaries.iter().map(|summary| summary.failed).sum();
    if failed > 0 {
        return Err(anyhow::anyhow!("{failed} calls got no usable reply; ledger.jsonl says why"))
            .hint("the same command asks only for what is missing");
    }
    if args.qualify && consent != Consent::DryRun {
        ctx.ui.hint("now let those that passed judge: `affinage judge`");
    } else if consent != Consent::DryRun {
        ctx.ui.hint("what the judgments say: `affinage analyze`");
    }
    Ok(())
}

/// The configured judges, or those that `--judge` names.
fn chosen<'a>(ctx: &'a Context, ids: &[String]) -> anyhow::Result<Vec<&'a Judge>> {
    let known = || ctx.config.judges.iter().map(|judge| judge.id.as_str()).collect::<Vec<_>>().join(", ");
    if ctx.config.judges.is_empty() {
        return Err(anyhow::anyhow!("affinage.toml has no judge"))
            .hint("add a [[judge]]; the commented example in affinage.toml shows how");
    }
    if ids.is_empty() {
        return Ok(ctx.config.judges.iter().collect());
    }
    let find = |id: &String| {
        let found = ctx.config.judges.iter().find(|judge| judge.id == *id);
        found
            .ok_or_else(|| errors::usage(format!("no [[judge]] has the id `{id}`")))
            .hint(format!("configured judges: {}", known()))
    };
    ids.iter().map(find).collect()
}

fn line(summary: &JudgeSummary) -> String {
    let mut parts = vec![format!(
        "{}: {} of {} judged",
        summary.judge_id,
        summary.already_answered + summary.made,
        summary.planned
    )];
    if summary.already_answered > 0 {
        parts.push(format!("{} were there", summary.already_answered));
    }
    if summary.missing > 0 {
        parts.push(format!("{} without a verdict", summary.missing));
    }
    if summary.failed > 0 {
        parts.push(format!("{} failed", summary.failed));
    }
    if summary.input_tokens > 0 {
        parts.push(format!("{} tokens in, {} out", summary.input_tokens, summary.output_tokens));
    }
    match summary.cost_usd {
        Some(0.0) => {}
        Some(cost) => parts.push(format!("${cost:.4}")),
        None => parts.push("cost unknown".to_owned()),
    }
    parts.join(", ")
}
