//! `affinage judge`: blind comparisons by the judges of `affinage.toml`.

pub mod consent;

use affinage_project::stages::judges::judging::{Judged, Options, judge};
use affinage_project::stages::judges::{Consent, JudgeSummary, SourceLine, Stages, find};
use clap::Args;

use crate::context::Context;
use crate::ui::counted;

/// Blind comparisons by judges; resumes, and never pays twice
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage judge --dry-run\n  affinage judge --qualify\n  affinage judge --judge opus --yes\n  affinage judge --find-local"
)]
pub struct JudgeArgs {
    /// The evaluation below evals/; default: the newest finished one whose name is, or begins with, eval.name
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
}

pub fn run(ctx: &Context, args: JudgeArgs) -> anyhow::Result<()> {
    if let Some(ports) = &args.find_local {
        return find_local(ctx, ports);
    }
    ctx.require_project()?;
    judge_and_show(
        ctx,
        &Options {
            eval: args.eval.as_deref(),
            judges: &args.judge,
            stages: if args.qualify { Stages::Exam } else { Stages::Judging },
            consent: match (args.dry_run, args.yes) {
                (true, _) => Consent::DryRun,
                (false, yes) => consent_if(yes),
            },
            ask: &|leaving| consent::ask(&ctx.ui, leaving),
            named_private: &args.send_private,
            unfit_too: args.unfit,
        },
    )?;
    Ok(())
}

/// `--yes`: the calls are made without a question.
pub(super) fn consent_if(yes: bool) -> Consent {
    if yes { Consent::Given } else { Consent::Ask }
}

/// Judges an evaluation, after the exam where the project asks for one.
pub(super) fn judge_all(
    ctx: &Context,
    eval: &str,
    consent: Consent,
    named_private: &[String],
) -> anyhow::Result<Judged> {
    judge_and_show(
        ctx,
        &Options {
            eval: Some(eval),
            judges: &[],
            stages: if ctx.config.judging.qualify { Stages::Both } else { Stages::Judging },
            consent,
            ask: &|leaving| consent::ask(&ctx.ui, leaving),
            named_private,
            unfit_too: false,
        },
    )
}

/// Asks the judges and says what came back. Errors when a judge was stopped or calls got no reply.
fn judge_and_show(ctx: &Context, options: &Options) -> anyhow::Result<Judged> {
    let judged = judge(ctx, options)?;
    if ctx.json {
        ctx.ui.json(&judged)?;
    } else if options.consent == Consent::DryRun {
        ctx.ui.data(&consent::table(&judged.estimates))?;
        show_left_out(ctx, &judged.sources);
    }
    judged.judges.iter().for_each(|summary| ctx.ui.say(line(summary)));
    if !ctx.json && !judged.exams.is_empty() && options.stages != Stages::Judging {
        let sentences: Vec<&str> = judged.exams.iter().map(|exam| exam.sentence.as_str()).collect();
        ctx.ui.data(&sentences.join("\n"))?;
    }
    for judge_id in &judged.unfit {
        ctx.ui.say(format!(
            "`{judge_id}` failed its exam, so its votes would not count and it is not asked to judge; \
             `affinage judge --unfit` asks it all the same"
        ));
    }
    judged.check()?;
    if options.consent != Consent::DryRun {
        say_next(ctx, &judged, options.stages);
    }
    Ok(judged)
}

fn say_next(ctx: &Context, judged: &Judged, stages: Stages) {
    let call = |command: &str| ctx.command_on(&judged.evaluation, command, "");
    ctx.ui.hint(match &judged.vote_instead {
        Some(vote) => format!("no judge is left whose votes count. {vote}"),
        None if stages == Stages::Exam => format!("now let those that passed judge: {}", call("judge")),
        None => format!("what the judgments say: {}", call("analyze")),
    });
}

/// Says which servers of this machine answer, with a judge to paste for each.
fn find_local(ctx: &Context, ports: &[u16]) -> anyhow::Result<()> {
    let found = find::local_servers(ports);
    if ctx.json {
        return ctx.ui.json(&found);
    }
    let servers = &found.servers;
    for server in servers {
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

fn show_left_out(ctx: &Context, sources: &[SourceLine]) {
    let left_out: usize = sources.iter().map(|line| line.left_out).sum();
    if left_out > 0 {
        ctx.ui.say(format!(
            "not sent: {} from conversations that are or may be held private; `--send-private NAME` sends them all the same",
            counted(left_out, "prompt", "prompts")
        ));
    }
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
