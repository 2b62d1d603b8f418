//! `affinage judge`: blind comparisons by the judges of `affinage.toml`.

use affinage_eval::judge::exam::result::ExamResult;
use clap::Args;
use serde::Serialize;

use crate::config::Judge;
use crate::context::Context;
use crate::errors::{self, HintExt as _};
use crate::judges::{
    Consent, Done, Estimate, Evaluated, JudgeSummary, Request, SourceLine, SpentRow, Stages, ask_in_looks,
    ledger, table,
};
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
    /// Also send what is held private: a conversation by its key or title, or a file (repeatable)
    #[arg(long, value_name = "NAME")]
    pub send_private: Vec<String>,
    /// Set by `eval`: the exam first, then the judging, with one question before both.
    #[arg(skip)]
    pub exam_first: bool,
}

impl JudgeArgs {
    /// Exam and judging of one evaluation.
    pub fn with_exam(eval: &str, yes: bool) -> Self {
        Self { exam_first: true, ..Self::of(eval, yes) }
    }

    /// All judges of one evaluation; `yes` sends without showing requests and asking.
    pub fn of(eval: &str, yes: bool) -> Self {
        let eval = Some(eval.to_owned());
        let (judge, send_private) = (Vec::new(), Vec::new());
        Self { eval, judge, dry_run: false, qualify: false, yes, send_private, exam_first: false }
    }

    fn stages(&self) -> Stages {
        match (self.qualify, self.exam_first) {
            (true, _) => Stages::Exam,
            (false, true) => Stages::Both,
            (false, false) => Stages::Judging,
        }
    }
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    evaluation: &'a str,
    estimates: &'a [Estimate],
    sources: &'a [SourceLine],
    judges: &'a [JudgeSummary],
    ledger: &'a [SpentRow],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exams: &'a [ExamResult],
}

pub fn run(ctx: &Context, args: JudgeArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let chosen = chosen(ctx, &args.judge)?;
    let name = args.eval.as_deref().unwrap_or(&ctx.config.eval.name);
    let mut evaluated = Evaluated::open(ctx, name)?;
    let _lock = FolderLock::acquire(&evaluated.dir)?;
    let consent = match (args.dry_run, args.yes) {
        (true, _) => Consent::DryRun,
        (false, true) => Consent::Given,
        (false, false) => Consent::Ask,
    };
    let request = Request {
        judges: &chosen,
        stages: args.stages(),
        consent,
        open: None,
        named_private: &args.send_private,
    };
    let done = ask_in_looks(ctx, &mut evaluated, &request)?;
    if ctx.json {
        let Done { estimates, sources, summaries, exams } = &done;
        let ledger = &ledger(ctx, &evaluated.dir)?;
        let judges = summaries;
        ctx.ui.json(&Document { evaluation: name, estimates, sources, judges, ledger, exams })?;
    } else if consent == Consent::DryRun {
        ctx.ui.data(&table(&done.estimates))?;
        show_left_out(ctx, &done.sources);
    }
    done.summaries.iter().for_each(|summary| ctx.ui.say(line(summary)));
    if !ctx.json && !done.exams.is_empty() && args.stages() != Stages::Judging {
        let sentences: Vec<&str> = done.exams.iter().map(|exam| exam.sentence.as_str()).collect();
        ctx.ui.data(&sentences.join("\n"))?;
    }
    check_end(&done)?;
    if consent != Consent::DryRun {
        ctx.ui.hint(match args.stages() {
            Stages::Exam => "now let those that passed judge: `affinage judge`",
            Stages::Judging | Stages::Both => "what the judgments say: `affinage analyze`",
        });
    }
    Ok(())
}

/// Errors when a judge was stopped or calls got no reply.
fn check_end(done: &Done) -> anyhow::Result<()> {
    let stopped: Vec<String> = done
        .summaries
        .iter()
        .filter_map(|summary| {
            Some(format!("judge `{}` stopped: {}", summary.judge_id, summary.stopped.as_ref()?))
        })
        .collect();
    if !stopped.is_empty() {
        return Err(anyhow::anyhow!("{}", stopped.join("\n")));
    }
    let failed: usize = done.summaries.iter().map(|summary| summary.failed).sum();
    if failed > 0 {
        let refusal = done.summaries.iter().find_map(|summary| summary.last_refusal.as_ref());
        let said = refusal.map_or(String::new(), |refusal| format!("; one of them: {refusal}"));
        return Err(anyhow::anyhow!("{failed} calls got no usable reply; ledger.jsonl says why{said}"))
            .hint("the same command asks only for what is missing");
    }
    Ok(())
}

fn show_left_out(ctx: &Context, sources: &[SourceLine]) {
    let left_out: usize = sources.iter().map(|line| line.left_out).sum();
    if left_out > 0 {
        ctx.ui.say(format!(
            "{left_out} prompts are from conversations held private, or may be, and stay on this machine; \
             `--send-private NAME` sends them all the same"
        ));
    }
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
        "{}{}: {} of {} judged",
        summary.judge_id,
        if summary.phase == "exam" { ", exam" } else { "" },
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
    if summary.in_batch > 0 {
        parts.push(format!("{} wait in a batch", summary.in_batch));
    }
    if !summary.not_sent.is_empty() {
        parts.push(format!("the server takes no {}", summary.not_sent.join(", no ")));
    }
    if let Some(lowest) = summary.lowest_concurrency {
        parts.push(format!("slowed down to {lowest} at once"));
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
