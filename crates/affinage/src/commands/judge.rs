//! `affinage judge`: blind comparisons by the judges of `affinage.toml`.

pub mod consent;

use std::collections::BTreeSet;

use affinage_eval::judge::exam::result::ExamResult;
use affinage_project::errors::{self, HintExt as _};
use affinage_project::folder::config::Judge;
use affinage_project::folder::lock::FolderLock;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::judges::{
    Consent, Done, Estimate, Evaluated, JudgeSummary, Request, SourceLine, SpentRow, Stages, ask_in_looks,
    find, ledger,
};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::ui::counted;

/// Blind comparisons by judges; resumes, and never pays twice
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage judge --dry-run\n  affinage judge --qualify\n  affinage judge --judge opus --yes\n  affinage judge --find-local"
)]
pub struct JudgeArgs {
    /// The evaluation below evals/; default: the newest whole one of those that eval.name begins
    #[arg(long, value_name = "NAME")]
    pub eval: Option<String>,
    /// Only this judge (repeatable)
    #[arg(long, value_name = "ID")]
    pub judge: Vec<String>,
    /// Print calls, tokens and cost; send nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Examine the judges instead: can they see planted damage, do they give the same verdict twice?
    #[arg(long)]
    pub qualify: bool,
    /// Go on with judges that cannot pass: the whole exam, and votes that are shown and do not count
    #[arg(long)]
    pub unfit: bool,
    /// Ask which model servers answer on this machine (Ollama, LM Studio, llama.cpp, or these ports); judge nothing
    #[arg(long, value_name = "PORT", num_args = 0.., value_delimiter = ',', conflicts_with_all = ["qualify", "dry_run", "yes", "judge"])]
    pub find_local: Option<Vec<u16>>,
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
        let (judge, send_private, find_local) = (Vec::new(), Vec::new(), None);
        let (dry_run, qualify, unfit, exam_first) = (false, false, false, false);
        Self { eval, judge, dry_run, qualify, unfit, find_local, yes, send_private, exam_first }
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
    /// Failed their exam and were not asked to judge.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unfit: &'a BTreeSet<String>,
}

pub fn run(ctx: &Context, args: JudgeArgs) -> anyhow::Result<()> {
    if let Some(ports) = &args.find_local {
        return find_local(ctx, ports);
    }
    ctx.require_project()?;
    let name = &series::meant(ctx, args.eval.as_deref())?;
    if ctx.config.judges.is_empty() {
        let evaluated = Evaluated::open(ctx, name).ok();
        return Err(anyhow::anyhow!("affinage.toml has no judge")).hint(find::ways(evaluated.as_ref()));
    }
    let chosen = chosen(ctx, &args.judge)?;
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
        ask: &|leaving| consent::ask(&ctx.ui, leaving),
        open: None,
        named_private: &args.send_private,
        unfit_too: args.unfit,
    };
    let done = ask_in_looks(ctx, &mut evaluated, &request)?;
    if ctx.json {
        let Done { estimates, sources, summaries, exams, unfit } = &done;
        let ledger = &ledger(ctx, &evaluated.dir)?;
        let judges = summaries;
        ctx.ui.json(&Document { evaluation: name, estimates, sources, judges, ledger, exams, unfit })?;
    } else if consent == Consent::DryRun {
        ctx.ui.data(&consent::table(&done.estimates))?;
        show_left_out(ctx, &done.sources);
    }
    done.summaries.iter().for_each(|summary| ctx.ui.say(line(summary)));
    if !ctx.json && !done.exams.is_empty() && args.stages() != Stages::Judging {
        let sentences: Vec<&str> = done.exams.iter().map(|exam| exam.sentence.as_str()).collect();
        ctx.ui.data(&sentences.join("\n"))?;
    }
    for judge_id in &done.unfit {
        ctx.ui.say(format!(
            "`{judge_id}` failed its exam, so its votes would not count and it is not asked to judge; \
             `affinage judge --unfit` asks it all the same"
        ));
    }
    check_end(&done)?;
    if consent != Consent::DryRun {
        let is_fit =
            |judge: &&Judge| !done.exams.iter().any(|exam| exam.judge_id == judge.id && exam.is_unfit());
        let nobody_is_fit = !args.unfit && !chosen.iter().any(is_fit);
        match find::vote_first(&evaluated).filter(|_| nobody_is_fit) {
            Some(vote) => {
                ctx.ui.hint(ctx.naming(name, &format!("no judge is left whose votes count. {vote}")));
            }
            None if args.stages() == Stages::Exam => {
                let judge = ctx.command_on(name, "judge", "");
                ctx.ui.hint(format!("now let those that passed judge: {judge}"));
            }
            None => {
                let analyze = ctx.command_on(name, "analyze", "");
                ctx.ui.hint(format!("what the judgments say: {analyze}"));
            }
        }
    }
    Ok(())
}

/// Says which servers of this machine answer, with a judge to paste for each.
fn find_local(ctx: &Context, ports: &[u16]) -> anyhow::Result<()> {
    let servers = find::local_servers(ports);
    if ctx.json {
        return ctx.ui.json(&serde_json::json!({ "v": 1, "servers": servers }));
    }
    for server in &servers {
        let program = server.usual_program.map_or(String::new(), |name| format!(" (usually {name})"));
        let models = match server.models.as_slice() {
            [] => "has no model yet".to_owned(),
            names => format!("has {}", names.join(", ")),
        };
        ctx.ui.say(format!("{}{program} answers and {models}", server.base_url));
        ctx.ui.data(&find::block(server))?;
    }
    match servers.as_slice() {
        [] => {
            ctx.ui.say("no model server answers on this machine");
            ctx.ui.hint("start one, for example `ollama serve`, or name its port: `affinage judge --find-local PORT`");
        }
        _ => ctx.ui.hint(
            "append one to affinage.toml, then `affinage judge --qualify`: an exam shows whether it can judge",
        ),
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
        return Err(anyhow::anyhow!(
            "no usable reply to {}; ledger.jsonl says why{said}",
            counted(failed, "call", "calls")
        ))
        .hint("the same command asks only for what is missing");
    }
    Ok(())
}

fn show_left_out(ctx: &Context, sources: &[SourceLine]) {
    let left_out: usize = sources.iter().map(|line| line.left_out).sum();
    if left_out > 0 {
        ctx.ui.say(format!(
            "not sent: {} from conversations that are or may be held private; `--send-private NAME` sends them all the same",
            counted(left_out, "prompt", "prompts")
        ));
    }
}

/// The configured judges, or those that `--judge` names.
fn chosen<'a>(ctx: &'a Context, ids: &[String]) -> anyhow::Result<Vec<&'a Judge>> {
    let known = || ctx.config.judges.iter().map(|judge| judge.id.as_str()).collect::<Vec<_>>().join(", ");
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
    if summary.exam_lost && summary.already_answered + summary.made < summary.planned {
        parts.push("stopped there: it could not pass any more".to_owned());
    }
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
