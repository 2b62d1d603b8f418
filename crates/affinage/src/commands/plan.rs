//! `affinage plan`: what an evaluation can show at all, and what its judges would take, before anything is spent.

use std::collections::{BTreeMap, BTreeSet};

use affinage_eval::comparison::{Cells, REPEATS};
use affinage_eval::judge::exam;
use affinage_eval::judge::ledger::Phase;
use affinage_eval::stats::power::{critical_wins, detectable_win_rate, power, sample_size};
use affinage_eval::suite::{Domain, Prompt};
use affinage_project::errors::usage;
use affinage_project::folder::config::JudgeKind;
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::run::Run;
use affinage_project::stages::evaluation::plan::steps_in_words;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::judges::preview::{Length, estimate_of};
use affinage_project::stages::judges::{Consent, Estimate, Evaluated, Request, Stages, ask};
use affinage_project::stages::suites::{self, BUILT_IN_PROMPTS};
use clap::Args;
use serde::Serialize;

use super::judge::consent::table;
use crate::context::Context;
use crate::ui::{Table, count, counted};

/// What an evaluation can show, and what it would cost
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage plan\n  affinage plan --effect 0.55\n  \
    affinage --set eval.prompts-per-suite=20 plan --json")]
pub struct PlanArgs {
    /// The win rate that you care to show
    #[arg(long, value_name = "RATE", default_value_t = 0.6)]
    effect: f64,
    /// Share of prompts that end in a tie, which show nothing
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    ties: f64,
    /// The evaluation below evals/; default: the newest whole one of those that eval.name begins
    #[arg(long, value_name = "NAME")]
    eval: Option<String>,
}

/// What the prompts of one category can show.
#[derive(Debug, Serialize)]
struct Reach {
    category: String,
    prompts: usize,
    /// Conversations and documents they come from: prompts of one are not independent of each other.
    independent: usize,
    /// Independent prompts, less ties.
    decisive: u64,
    /// Wins that would be needed among them.
    wins_needed: Option<u64>,
    /// The smallest true win rate that is shown four times in five.
    smallest_shown: Option<f64>,
    /// The chance to show `effect`.
    power: f64,
}

#[derive(Serialize)]
struct Document<'a> {
    v: u32,
    effect: f64,
    ties: f64,
    /// Prompts that show the effect four times in five.
    prompts_needed: Option<u64>,
    reach: &'a [Reach],
    /// Whether the estimates are of stored answers, or of answers as long as they may be.
    from_answers: bool,
    estimates: &'a [Estimate],
}

const ALPHA: f64 = 0.05;
const WANTED_POWER: f64 = 0.8;

pub fn run(ctx: &Context, args: PlanArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    if !(args.effect > 0.5 && args.effect < 1.0) {
        return Err(usage(format!("--effect {}: expected a win rate above 0.5 and below 1", args.effect)));
    }
    if !(0.0..1.0).contains(&args.ties) {
        return Err(usage(format!("--ties {}: expected a share of at least 0 and below 1", args.ties)));
    }
    let name = &series::meant(ctx, args.eval.as_deref())?;
    let evaluated = match ctx.project.join("evals").join(name).join("plan.json").is_file() {
        true => Evaluated::open(ctx, name).ok(),
        false => None,
    };
    let prompts = match &evaluated {
        Some(evaluated) => evaluated.prompts.clone(),
        None => configured_prompts(ctx)?,
    };
    if evaluated.is_none() && !Run::list(&ctx.project)?.is_empty() {
        let run = Run::meant(ctx, None)?;
        // What `affinage eval` would take: a checkpoint that is not there any more is known before anything is spent.
        ctx.ui.say(steps_in_words(ctx, &run)?);
    }
    let judged: Vec<&Prompt> = prompts.iter().filter(|prompt| prompt.check.is_none()).collect();
    let reach = reaches(&judged, &args);
    let estimates = match &evaluated {
        Some(evaluated) => from_answers(ctx, evaluated)?,
        None => from_settings(ctx, &judged),
    };
    let needed = sample_size(args.effect, ALPHA, WANTED_POWER);
    let prompts_needed = needed.map(|size| (size.always as f64 / (1.0 - args.ties)).ceil() as u64);
    if ctx.json {
        let from_answers = evaluated.is_some();
        let (reach, estimates) = (&reach, &estimates);
        let (effect, ties) = (args.effect, args.ties);
        return ctx.ui.json(&Document { v: 1, effect, ties, prompts_needed, reach, from_answers, estimates });
    }
    ctx.ui.data(&reach_table(&reach, args.effect))?;
    ctx.ui.data(&columns_in_words(&args))?;
    if judged.len() < prompts.len() {
        let checked = counted(prompts.len() - judged.len(), "more prompt has", "more prompts have");
        ctx.ui.data(&format!("{checked} exact answers, which are checked and need no judge"))?;
    }
    for line in reach.iter().filter_map(why) {
        ctx.ui.data(&line)?;
    }
    if let Some(needed) = prompts_needed {
        ctx.ui.data(&format!(
            "\nA true win rate of {:.0} % is shown four times in five from about {} independent prompts on, {:.0} % ties \
             counted in.",
            100.0 * args.effect,
            count(needed),
            100.0 * args.ties
        ))?;
    }
    if estimates.is_empty() {
        ctx.ui.data("\nNo [[judge]] in affinage.toml: nothing would be sent or spent.")?;
    } else {
        ctx.ui.data(&format!("\n{}", table(&estimates)))?;
        let basis = match &evaluated {
            Some(_) => "Tokens are counted from the stored answers, four characters each.",
            None => "No answers yet: each is taken to be as long as it may be, four characters a token.",
        };
        ctx.ui.data(&format!(
            "{basis} Worst: two bytes a token, replies as long as they may be, and every one asked for again."
        ))?;
    }
    if reach.last().is_some_and(|all| all.power < WANTED_POWER) {
        ctx.ui.hint(match ctx.config.eval.prompts_per_suite {
            Some(asked) if asked < BUILT_IN_PROMPTS => format!(
                "too few prompts for this effect, because `eval.prompts-per-suite` is {asked}: without it {BUILT_IN_PROMPTS} of \
                 each suite are asked"
            ),
            _ => "too few prompts for this effect: add some with a [[suite]], or settle for detecting only larger differences"
                .to_owned(),
        });
    }
    Ok(())
}

/// The prompts that `affinage eval` would ask as things stand: the newest data set's test rows, if there is one.
fn configured_prompts(ctx: &Context) -> anyhow::Result<Vec<Prompt>> {
    let held_out = match DatasetVersion::list(&ctx.project)?.pop() {
        Some(version) => suites::test_prompts(&version, &ctx.ui)?,
        None => {
            ctx.ui.say("no data set yet: in-domain prompts are not counted");
            Vec::new()
        }
    };
    suites::chosen(ctx, &ctx.config, held_out)
}

/// By category, in-domain first, then all together.
fn reaches(judged: &[&Prompt], args: &PlanArgs) -> Vec<Reach> {
    let mut by: BTreeMap<(Domain, &str), Vec<&Prompt>> = BTreeMap::new();
    for prompt in judged {
        by.entry((prompt.domain, &prompt.category)).or_default().push(prompt);
    }
    let mut rows: Vec<Reach> =
        by.iter().map(|((_, category), prompts)| reach(category, prompts, args)).collect();
    if rows.len() != 1 {
        rows.push(reach("all", judged, args));
    }
    rows
}

fn reach(category: &str, prompts: &[&Prompt], args: &PlanArgs) -> Reach {
    let clusters: BTreeSet<&str> = prompts.iter().map(|prompt| prompt.cluster_id.as_str()).collect();
    let decisive = (clusters.len() as f64 * (1.0 - args.ties)).floor() as u64;
    Reach {
        category: category.to_owned(),
        prompts: prompts.len(),
        independent: clusters.len(),
        decisive,
        wins_needed: critical_wins(decisive, ALPHA),
        smallest_shown: detectable_win_rate(decisive, ALPHA, WANTED_POWER),
        power: power(decisive, args.effect, ALPHA),
    }
}

fn reach_table(reach: &[Reach], effect: f64) -> String {
    let chance = format!("chance to show {:.0} %", 100.0 * effect);
    let heads =
        ["category", "prompts", "independent", "without ties", "wins it takes", "shown from", &chance];
    let mut table = Table::new(heads).right(&[1, 2, 3, 4, 5, 6]);
    for row in reach {
        table.row([
            row.category.clone(),
            count(row.prompts as u64),
            count(row.independent as u64),
            format!("~{}", count(row.decisive)),
            row.wins_needed.map_or("-".to_owned(), |wins| format!("{wins} of {}", row.decisive)),
            row.smallest_shown.map_or("-".to_owned(), |rate| format!("{:.0} %", 100.0 * rate)),
            format!("{:.0} %", 100.0 * row.power),
        ]);
    }
    table.render()
}

/// What the columns of the table say.
fn columns_in_words(args: &PlanArgs) -> String {
    format!(
        "independent: prompts of one conversation or document, or that ask the same, count once\n\
         without ties: those left if {:.0} % end in a tie\n\
         wins it takes: so many of them, for a result that chance gives in less than 1 of {:.0} cases\n\
         shown from: a model that is better by this share of wins is found to be so four times in five\n\
         last column: how often a model that wins {:.0} % is found to be better\n",
        100.0 * args.ties,
        1.0 / ALPHA,
        100.0 * args.effect
    )
}

/// Why a category can have no result, or counts for less than its prompts: `in-domain: 57 prompts from 3 conversations or
/// documents count as about 3: no result is possible`.
fn why(row: &Reach) -> Option<String> {
    let prompts = counted(row.prompts, "prompt", "prompts");
    let few = row.independent < row.prompts;
    let from = match few {
        true => format!(
            "{prompts} from {} count as about {}",
            counted(row.independent, "conversation or document", "conversations or documents"),
            row.independent
        ),
        false => prompts,
    };
    match row.wins_needed {
        None => Some(format!("{}: {from}: no result is possible", row.category)),
        Some(_) if few => Some(format!("{}: {from}", row.category)),
        Some(_) => None,
    }
}

/// Of the answers that are there.
fn from_answers(ctx: &Context, evaluated: &Evaluated) -> anyhow::Result<Vec<Estimate>> {
    let judges: Vec<_> = ctx.config.judges.iter().collect();
    let stages = if ctx.config.judging.qualify { Stages::Both } else { Stages::Judging };
    let request = Request {
        judges: &judges,
        stages,
        consent: Consent::DryRun,
        ask: &|_| Ok(false),
        open: None,
        named_private: &[],
        unfit_too: false,
    };
    Ok(ask(ctx, evaluated, &request)?.estimates)
}

/// Rubric, markers and instruction of a request, in characters.
const FRAME_CHARACTERS: usize = 2200;
const CHARACTERS_PER_TOKEN: usize = 4;

/// Of the settings alone: every answer as long as it may be.
fn from_settings(ctx: &Context, judged: &[&Prompt]) -> Vec<Estimate> {
    let config = &ctx.config;
    let answer = CHARACTERS_PER_TOKEN * config.eval.max_new_tokens.unwrap_or(config.generate.max_new_tokens);
    let length = |prompt: &Prompt| {
        let asked: usize = prompt.messages.iter().map(|message| message.content.chars().count()).sum();
        let shared_characters = FRAME_CHARACTERS + asked;
        let characters = shared_characters + 2 * answer;
        Length { shared_characters, characters, bytes: characters }
    };
    let in_domain = |prompt: &&&Prompt| prompt.domain == Domain::In;
    // The last checkpoint and each further one meet base on all prompts; base asked well meets the last in-domain.
    let checkpoints = config.eval.checkpoints.iter().filter(|name| *name != "last").count() + 1;
    let asked_well =
        usize::from(config.eval.system_prompt.as_deref() != Some("")) + usize::from(config.eval.examples > 0);
    let cells = if config.judging.cells == Cells::Two { 2 } else { 4 };
    let repeated = |lengths: Vec<Length>, times: usize| {
        (0..times).flat_map(|_| lengths.clone()).collect::<Vec<Length>>()
    };
    let all: Vec<Length> = judged.iter().map(|prompt| length(prompt)).collect();
    let within: Vec<Length> = judged.iter().filter(in_domain).map(|prompt| length(prompt)).collect();
    let samples = config.eval.repeats.unwrap_or(config.generate.samples)
        * (1 + config.eval.temperatures.len() + config.eval.lengths.len());
    let mut lengths = repeated(all, cells * checkpoints * samples);
    lengths.extend(repeated(within, cells * asked_well * samples));
    let mut estimates = Vec::new();
    for judge in &config.judges {
        let mut own = lengths.clone();
        if config.judging.repeats && judge.kind != JudgeKind::Local {
            own.extend(lengths.iter().take(REPEATS.max(lengths.len().div_ceil(10))));
        }
        if config.judging.qualify {
            let typical = Length {
                shared_characters: FRAME_CHARACTERS,
                characters: FRAME_CHARACTERS + 2 * answer,
                bytes: FRAME_CHARACTERS + 2 * answer,
            };
            estimates.push(estimate_of(judge, Phase::Exam, &vec![typical; exam::CALLS], 0));
        }
        estimates.push(estimate_of(judge, Phase::Judge, &own, 0));
    }
    estimates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(prompts: usize, independent: usize, wins_needed: Option<u64>) -> Reach {
        let category = "in-domain".to_owned();
        Reach { category, prompts, independent, decisive: 0, wins_needed, smallest_shown: None, power: 0.0 }
    }

    #[test]
    fn a_category_without_a_possible_result_says_why() {
        assert_eq!(
            why(&reach(57, 3, None)).as_deref(),
            Some(
                "in-domain: 57 prompts from 3 conversations or documents count as about 3: no result is possible"
            )
        );
        assert_eq!(why(&reach(1, 1, None)).as_deref(), Some("in-domain: 1 prompt: no result is possible"));
        assert_eq!(
            why(&reach(57, 12, Some(10))).as_deref(),
            Some("in-domain: 57 prompts from 12 conversations or documents count as about 12")
        );
        assert_eq!(why(&reach(57, 57, Some(30))), None);
    }
}
