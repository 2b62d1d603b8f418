//! `affinage judge`: blind comparisons by the judges of `affinage.toml`.

use affinage_project::next::next;
use affinage_project::stages::judges::judging::{Judged, Options, judge};
use affinage_project::stages::judges::{Consent, Stages, find};
use clap::Args;

use crate::context::Context;
use crate::ui::results::judging as results;

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
        let found = find::local_servers(ports);
        return match ctx.json {
            true => ctx.ui.json(&found),
            false => results::local_servers(&ctx.ui, &found.servers),
        };
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
            ask: &|leaving| results::ask(&ctx.ui, leaving),
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
            ask: &|leaving| results::ask(&ctx.ui, leaving),
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
        ctx.ui.data(&results::table(&judged.estimates))?;
        results::say_left_out(&ctx.ui, &judged.sources);
    }
    judged.judges.iter().for_each(|summary| ctx.ui.say(results::line(summary)));
    if !ctx.json && !judged.exams.is_empty() && options.stages != Stages::Judging {
        let sentences: Vec<&str> = judged.exams.iter().map(|exam| exam.sentence.as_str()).collect();
        ctx.ui.data(&sentences.join("\n"))?;
    }
    for judge_id in &judged.unfit {
        ctx.ui.say(format!(
            "`{judge_id}` failed its exam, so its votes would not count and it is not asked to judge; \
             {} asks it all the same",
            next("judge").words("--unfit")
        ));
    }
    judged.check()?;
    if options.consent != Consent::DryRun {
        say_next(ctx, &judged, options.stages);
    }
    Ok(judged)
}

fn say_next(ctx: &Context, judged: &Judged, stages: Stages) {
    let call = |command| ctx.command_on(&judged.evaluation, command, "");
    ctx.ui.hint(match &judged.vote_instead {
        Some(vote) => format!("no judge is left whose votes count. {vote}"),
        None if stages == Stages::Exam => format!("now let those that passed judge: {}", call("judge")),
        None => format!("what the judgments say: {}", call("analyze")),
    });
}
