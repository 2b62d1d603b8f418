//! What an evaluation can show at all, and what its judges would take, before anything is spent.

use std::collections::{BTreeMap, BTreeSet};

use affinage_eval::analyze::{ENOUGH, prompts_to_show};
use affinage_eval::comparison::{Presentations, REPEATS};
use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::qualification;
use affinage_eval::plain::listed;
use affinage_eval::stats::power::{critical_wins, detectable_win_rate, power};
use affinage_eval::suite::{Domain, Prompt};
use serde::Serialize;

use super::plan::steps_in_words;
use super::{series, settings};
use crate::folder::config::JudgeKind;
use crate::folder::datasets::DatasetVersion;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::next::next;
use crate::stages::forecast::EvaluationTime;
use crate::stages::judges::preview::{Length, estimate_of};
use crate::stages::judges::{Consent, Estimate, Evaluated, Request, Stages, ask};
use crate::stages::suites;
use crate::stages::training::standing;

/// What is asked about an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// `None`: the evaluation that the configured series means.
    pub eval: Option<&'a str>,
    /// The win rate that is to be shown, a tie counted half, as in a report: above 0.5 and below 1.
    pub effect: f64,
    /// The share of prompts that end in a tie, which show nothing.
    pub ties: f64,
}

/// What the prompts of one category can show.
#[derive(Debug, Serialize)]
pub struct Reach {
    pub category: String,
    pub prompts: usize,
    /// Conversations and documents they come from: prompts of one are not independent of each other.
    pub independent: usize,
    /// Independent prompts, less ties.
    pub decisive: u64,
    /// Wins that would be needed among them; `None` where there are too few prompts for any word, as in the two below.
    pub wins_needed: Option<u64>,
    /// The smallest true win rate that is shown four times in five, a tie counted half.
    pub smallest_shown: Option<f64>,
    /// The chance to show `effect`; 0 where there are too few prompts for any word.
    pub power: f64,
}

/// What an evaluation can show, and what it would cost; the document of `--json`.
#[derive(Serialize)]
pub struct Planned {
    pub v: u32,
    pub effect: f64,
    pub ties: f64,
    /// About how many independent prompts show the effect four times in five.
    pub prompts_needed: Option<u64>,
    pub reach: Vec<Reach>,
    /// Whether the estimates are of stored answers, or of answers as long as they may be.
    pub from_answers: bool,
    pub estimates: Vec<Estimate>,
    /// How long it takes, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<EvaluationTime>,
    /// All prompts, and how many of them a judge compares: the others have exact answers.
    #[serde(skip)]
    pub prompts: usize,
    #[serde(skip)]
    pub judged: usize,
}

/// Chance gives such a result in less than this share of cases.
pub const ALPHA: f64 = 0.05;
/// The win rate that is to be shown, and the share of ties, where nobody says otherwise.
pub const EFFECT: f64 = 0.6;
pub const TIES: f64 = 0.2;
/// How often an effect is to be shown where there is one.
pub const WANTED_POWER: f64 = 0.8;
impl Options<'_> {
    /// The share of wins among decided pairs where a win rate, ties counted half, is `rate`; at most all of them.
    fn of_decided(&self, rate: f64) -> f64 {
        const MOST: f64 = 0.999;
        (0.5 + (rate - 0.5) / (1.0 - self.ties)).min(MOST)
    }

    /// About how many independent prompts show the effect: the report's own formula, with the spread of scores that a model of
    /// this win rate and these ties has.
    fn prompts_needed(&self) -> Option<u64> {
        let distance = self.effect - 0.5;
        let variance = 0.25 * (1.0 - self.ties) - distance * distance;
        prompts_to_show(distance, variance.max(0.01), ALPHA).map(|needed| needed as u64)
    }

    /// The other way.
    fn with_ties(&self, of_decided: f64) -> f64 {
        0.5 + (of_decided - 0.5) * (1.0 - self.ties)
    }
}

/// What the evaluation can show and would cost: of its answers where there are some, else of the settings.
pub fn reach(ctx: &Project, options: &Options) -> anyhow::Result<Planned> {
    let name = &series::meant(ctx, options.eval)?;
    let evaluated = match Evaluation::named(&ctx.project, name).is_planned() {
        true => Evaluated::open(ctx, name).ok(),
        false => None,
    };
    if evaluated.is_some() {
        say_fixed(ctx, name)?;
    }
    let prompts = match &evaluated {
        Some(evaluated) => evaluated.prompts.clone(),
        None => configured_prompts(ctx)?,
    };
    if evaluated.is_none() && !Run::list(&ctx.project)?.is_empty() {
        let run = Run::meant(ctx, None)?;
        ctx.ui.say(match standing(&run)? {
            Some(at) => {
                format!(
                    "run {} is training now: {at}; {} is for when it has finished",
                    run.name,
                    next("eval")
                )
            }
            // What `affinage eval` would take: a checkpoint that is not there any more is known before anything is spent.
            None => steps_in_words(ctx, &run)?,
        });
    }
    let judged: Vec<&Prompt> = prompts.iter().filter(|prompt| prompt.check.is_none()).collect();
    if let Some(few) = suites::too_few(&ctx.config, &prompts) {
        ctx.ui.warn(few);
    }
    let reach = reaches(&judged, options);
    let estimates = match &evaluated {
        Some(evaluated) => from_answers(ctx, evaluated)?,
        None => from_settings(ctx, &judged),
    };
    Ok(Planned {
        time: None,
        v: 1,
        effect: options.effect,
        ties: options.ties,
        prompts_needed: options.prompts_needed(),
        reach,
        from_answers: evaluated.is_some(),
        estimates,
        prompts: prompts.len(),
        judged: judged.len(),
    })
}

/// Says that a plan does not follow settings that were changed after it was fixed, and what shows theirs.
fn say_fixed(ctx: &Project, name: &str) -> anyhow::Result<()> {
    const SHOWN: usize = 4;
    let changes = settings::changed(&Evaluation::named(&ctx.project, name), &ctx.config)?;
    if !changes.is_empty() {
        let votes = series::votes_in_words(ctx, name);
        ctx.ui.warn(format!(
            "this is the plan of `{name}`, which is fixed, though {}: other settings begin another evaluation{}, and the same \
             command with `--set eval.name={}` shows its plan",
            listed(&changes, SHOWN, "; "),
            votes.map_or(String::new(), |votes| format!(" ({votes} on `{name}` stay there and do not count for it)")),
            series::next(&ctx.project, name)?
        ));
    }
    Ok(())
}

/// The prompts that `affinage eval` would ask as things stand: the newest data set's test rows, if there is one.
fn configured_prompts(ctx: &Project) -> anyhow::Result<Vec<Prompt>> {
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
fn reaches(judged: &[&Prompt], options: &Options) -> Vec<Reach> {
    let mut by: BTreeMap<(Domain, &str), Vec<&Prompt>> = BTreeMap::new();
    for prompt in judged {
        by.entry((prompt.domain, &prompt.category)).or_default().push(prompt);
    }
    let mut rows: Vec<Reach> =
        by.iter().map(|((_, category), prompts)| of_category(category, prompts, options)).collect();
    if rows.len() != 1 {
        rows.push(of_category("all", judged, options));
    }
    rows
}

fn of_category(category: &str, prompts: &[&Prompt], options: &Options) -> Reach {
    let clusters: BTreeSet<&str> = prompts.iter().map(|prompt| prompt.cluster_id.as_str()).collect();
    let decisive = (clusters.len() as f64 * (1.0 - options.ties)).floor() as u64;
    let is_enough = clusters.len() >= ENOUGH;
    Reach {
        category: category.to_owned(),
        prompts: prompts.len(),
        independent: clusters.len(),
        decisive,
        wins_needed: critical_wins(decisive, ALPHA).filter(|_| is_enough),
        smallest_shown: detectable_win_rate(decisive, ALPHA, WANTED_POWER)
            .filter(|_| is_enough)
            .map(|rate| options.with_ties(rate)),
        power: if is_enough { power(decisive, options.of_decided(options.effect), ALPHA) } else { 0.0 },
    }
}

/// Of the answers that are there.
fn from_answers(ctx: &Project, evaluated: &Evaluated) -> anyhow::Result<Vec<Estimate>> {
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
fn from_settings(ctx: &Project, judged: &[&Prompt]) -> Vec<Estimate> {
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
    let cells = if config.judging.cells == Presentations::Two { 2 } else { 4 };
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
            estimates.push(estimate_of(judge, Phase::Exam, &vec![typical; qualification::CALLS], 0));
        }
        estimates.push(estimate_of(judge, Phase::Judge, &own, 0));
    }
    estimates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_win_rate_is_that_of_a_report_where_a_tie_counts_half() {
        let options = Options { eval: None, effect: 0.6, ties: 0.2 };
        // 100 prompts with 20 ties: 50 wins of 80 and half of 20 are 60.
        assert!((options.of_decided(0.6) - 50.0 / 80.0).abs() < 1e-12);
        assert!((options.with_ties(50.0 / 80.0) - 0.6).abs() < 1e-12);
        assert!(options.of_decided(0.99) < 1.0, "no more wins than decided pairs");
        let none = Options { ties: 0.0, ..options };
        assert!((none.of_decided(0.6) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn a_plan_names_the_number_of_prompts_that_a_report_names_for_the_same_win_rate() {
        let options = Options { eval: None, effect: 0.6, ties: 0.2 };
        // 100 prompts, 50 won, 20 tied, 30 lost: a win rate of 60 % with 20 % ties.
        let scores = [vec![1.0; 50], vec![0.5; 20], vec![0.0; 30]].concat();
        let variance = affinage_eval::stats::mean::variance(&scores).expect("a number");
        let after = prompts_to_show(0.1, variance, ALPHA).expect("a number");
        let before = options.prompts_needed().expect("a number") as usize;
        assert!(before.abs_diff(after) <= 2, "{before} {after}");
        assert!((140..160).contains(&before), "{before}");
    }

    #[test]
    fn nothing_is_shown_by_fewer_prompts_than_the_report_needs_for_a_word() {
        let options = Options { eval: None, effect: 0.9, ties: 0.0 };
        let prompts = |number: usize| -> Vec<Prompt> {
            let row = |i: usize| format!("{{\"prompt\": \"what is {i}\"}}\n");
            let defaults = affinage_eval::suite::SuiteDefaults {
                name: "s".to_owned(),
                category: "s".to_owned(),
                domain: Domain::Out,
                split: affinage_eval::suite::Split::Report,
            };
            affinage_eval::suite::parse_suite(&(0..number).map(row).collect::<String>(), &defaults)
                .expect("prompts")
        };
        let of = |number: usize| of_category("s", &prompts(number).iter().collect::<Vec<_>>(), &options);
        let (few, enough) = (of(ENOUGH - 1), of(ENOUGH));
        assert_eq!((few.wins_needed, few.smallest_shown, few.power), (None, None, 0.0));
        assert!(enough.wins_needed.is_some() && enough.smallest_shown.is_some() && enough.power > 0.9);
    }
}
