//! The first sentence: what the headline comparison says in the domain, outside it, and about their difference.

use super::Rows;
use super::comparisons::{panel, prompt_scores};
use super::estimate::{percent, points};
use super::judge_preferences::JudgePreferences;
use super::votes::{PairVotes, Votes};
use super::win_rate::{ENOUGH, is_enough};
use crate::analysis::{
    Agreement, ComparisonResult, Composite, Estimate, Headline, Interval, JudgeResult, VerdictWord, WinRate,
};
use crate::findings::FindingGroup;
use crate::judgment::{is_author, spoken};
use crate::plain::counted;
use crate::plan::{JudgeKind, PlannedComparison};
use crate::planted::{LEFT_OUT, PlantedVerdict, haste};
use crate::stats::mean::clustered_mean;
use crate::stats::special::t_quantile;
use crate::suite::Domain;
use crate::text::uncapitalised;

pub fn headline(
    rows: &Rows,
    votes: &Votes,
    comparisons: &[ComparisonResult],
    judges: &[JudgeResult],
) -> Headline {
    let planned = &rows.plan.headline;
    let result = comparisons.iter().find(|result| result.is_headline);
    let not_comparable = result.is_some_and(|result| result.not_comparable.is_some());
    // Where no word may be used, the difference of two rates has none either.
    let coins = judges.iter().filter(|j| j.in_panel).all(|judge| judge.better_than_coin == Some(false));
    let contrast =
        contrast(rows, votes).filter(|_| !(not_comparable || coins || rows.plan.design.stops_early));
    Headline {
        composite: if not_comparable { Composite::NotComparable } else { composite(Words::of(result)) },
        sentence: sentence(planned, result, rows.plan.margin),
        answers: Default::default(),
        arm: planned.arm.clone(),
        against: planned.against.clone(),
        contrast_sentence: contrast.as_ref().map(contrast_sentence),
        contrast,
        limits: limits(rows, result, judges).into_iter().map(|limit| limit.sentence).collect(),
        with_failed_judges: None,
        cut_texts: None,
        fragility: None,
        in_domain: result.and_then(|result| result.in_domain.clone()),
        out_of_domain: result.and_then(|result| result.out_of_domain.clone()),
    }
}

/// The words of a comparison: in the domain and outside it, `None` where nothing was judged, and over all prompts.
#[derive(Clone, Copy, Debug)]
struct Words {
    inside: Option<VerdictWord>,
    outside: Option<VerdictWord>,
    overall: Option<VerdictWord>,
    /// A loss beyond the margin is excluded outside.
    not_worse_outside: bool,
}

impl Words {
    fn of(result: Option<&ComparisonResult>) -> Words {
        let word = |rate: Option<&WinRate>| rate.map(|rate| rate.word);
        Words {
            inside: word(result.and_then(|r| r.in_domain.as_ref())),
            outside: word(result.and_then(|r| r.out_of_domain.as_ref())),
            overall: word(result.and_then(|r| r.overall.as_ref())),
            not_worse_outside: result.and_then(|r| r.outside_not_worse_than_margin) == Some(true),
        }
    }
}

fn composite(words: Words) -> Composite {
    use VerdictWord::{Better, EquivalentWithinMargin as Equal, NotShown, Worse};
    let or_not_shown = |word: Option<VerdictWord>| word.unwrap_or(NotShown);
    match (or_not_shown(words.inside), or_not_shown(words.outside), or_not_shown(words.overall)) {
        (Better, Better, _) => Composite::BroadlyBetter,
        (Better, Worse, _) => Composite::TradedOff,
        (Better, Equal, _) => Composite::Specialised,
        (Better, NotShown, _) if words.not_worse_outside => Composite::Specialised,
        (Better, NotShown, _) => Composite::BetterInDomain,
        (Worse, Better, _) => Composite::BetterElsewhere,
        (Worse, Worse, _) => Composite::BroadlyWorse,
        (Worse, Equal | NotShown, _) => Composite::WorseInDomain,
        (Equal | NotShown, Better, _) => Composite::BetterOutside,
        (Equal | NotShown, Worse, _) => Composite::WorseOutside,
        (Equal, Equal, _) => Composite::Equivalent,
        (Equal, NotShown, _) => Composite::EquivalentInDomain,
        (NotShown, Equal, _) => Composite::EquivalentOutside,
        (NotShown, NotShown, Better) => Composite::BetterOverall,
        (NotShown, NotShown, Worse) => Composite::WorseOverall,
        (NotShown, NotShown, Equal) => Composite::EquivalentOverall,
        (NotShown, NotShown, NotShown) => Composite::NothingShown,
    }
}

/// The words as the middle of a sentence. Each word that is shown is said, and none that is not.
fn said(words: Words, margin: f64) -> String {
    let is_shown = |word: &VerdictWord| *word != VerdictWord::NotShown;
    let shown = |word: Option<VerdictWord>| word.filter(is_shown).map(|word| word.words_within(margin));
    let unknown =
        |word: Option<VerdictWord>| if word.is_none() { "nothing was judged" } else { "nothing is shown" };
    let (inside, outside, overall) = (shown(words.inside), shown(words.outside), shown(words.overall));
    let start = match (&inside, &outside) {
        (Some(a), Some(b)) if a == b => format!("is {a} in its domain and outside it"),
        (Some(a), Some(b)) => format!("is {a} in its domain and {b} outside it"),
        (Some(a), None) if words.not_worse_outside => {
            format!("is {a} in its domain and not worse than the margin outside it")
        }
        (Some(a), None) => format!("is {a} in its domain; outside it {}", unknown(words.outside)),
        (None, Some(b)) => format!("is {b} outside its domain; in it {}", unknown(words.inside)),
        (None, None) => match &overall {
            Some(c) => {
                return format!(
                    "is {c} over all prompts; in its domain and outside it alone nothing is shown"
                );
            }
            None => "cannot be told from it yet".to_owned(),
        },
    };
    match overall.filter(|overall| inside.as_ref() != Some(overall) && outside.as_ref() != Some(overall)) {
        Some(overall) => format!("{start}; over all prompts it is {overall}"),
        None => start,
    }
}

fn sentence(planned: &PlannedComparison, result: Option<&ComparisonResult>, margin: f64) -> String {
    if let Some(reason) = result.and_then(|result| result.not_comparable.as_ref().or(result.no_rate.as_ref()))
    {
        return reason.clone();
    }
    let figures = |rate: Option<&WinRate>| match rate {
        Some(rate) if rate.estimate.n < ENOUGH => {
            format!("{} of {}", rate.outcomes(), counted(rate.estimate.n, "prompt", "prompts"))
        }
        Some(rate) => {
            format!("{} of {}", percent(&rate.estimate), counted(rate.estimate.n, "prompt", "prompts"))
        }
        None => "not judged".to_owned(),
    };
    format!(
        "Compared with `{}`, `{}` {} (win rate in-domain {}, out-of-domain {}).",
        planned.against,
        planned.arm,
        said(Words::of(result), margin),
        figures(result.and_then(|result| result.in_domain.as_ref())),
        figures(result.and_then(|result| result.out_of_domain.as_ref()))
    )
}

/// In-domain minus out-of-domain win rate. Clusters of the two are different prompts, so variances add (Welch).
fn contrast(rows: &Rows, votes: &Votes) -> Option<Estimate> {
    let pairs: Vec<&PairVotes> = votes.of(&rows.plan.headline).collect();
    let panel = panel(&pairs);
    let mean_of = |domain: Domain| {
        let pairs: Vec<&PairVotes> =
            pairs.iter().copied().filter(|votes| votes.pair.prompt.domain == domain).collect();
        let scores = prompt_scores(&pairs, &panel);
        let values: Vec<f64> = scores.iter().map(|s| s.score).collect();
        let clusters: Vec<&str> = scores.iter().map(|s| s.cluster).collect();
        clustered_mean(&values, &clusters, rows.plan.alpha)
    };
    let (inside, outside) = (mean_of(Domain::In)?, mean_of(Domain::Out)?);
    let (a, b) = (inside.se.powi(2), outside.se.powi(2));
    let value = inside.mean - outside.mean;
    let df_of = |clusters: usize| (clusters - 1) as f64;
    let interval = (a + b > 0.0).then(|| {
        let df = (a + b).powi(2) / (a * a / df_of(inside.clusters) + b * b / df_of(outside.clusters));
        let half = t_quantile(0.975, df) * (a + b).sqrt();
        Interval { low: (value - half).max(-1.0), high: (value + half).min(1.0), level: 0.95 }
    });
    Some(Estimate {
        value,
        interval,
        n: inside.n + outside.n,
        n_effective: inside.n_effective() + outside.n_effective(),
        unit: "prompts".to_owned(),
        method: "Welch over prompt clusters".to_owned(),
    })
}

fn contrast_sentence(contrast: &Estimate) -> String {
    let shown = match contrast.shown() {
        Some(interval) if interval.low > 0.0 => "the win rate is higher in the domain",
        Some(interval) if interval.high < 0.0 => "the win rate is lower in the domain",
        _ => "a difference between the domains is not shown",
    };
    format!("In-domain minus out-of-domain: {}: {shown}.", points(contrast))
}

/// What a limit of the headline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    FewPrompts,
    /// A judge whose votes count changes its winner like a coin, or cannot be tested for it.
    Consistency,
    /// A judge's votes are left out, and why.
    Uncounted,
    /// What the planted pairs, or the time that the votes took, say of a voter.
    Planted,
    /// Who judged: one judge, judges without an exam, nobody because nothing needed a judge.
    Judges,
    Missing,
    OneTraining,
}

/// One sentence about what must be known before the headline is believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub kind: LimitKind,
    pub sentence: String,
}

/// The limits of the headline. That there is no win rate at all is said by its sentence.
pub fn limits(rows: &Rows, result: Option<&ComparisonResult>, judges: &[JudgeResult]) -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut add = |kind: LimitKind, sentence: String| limits.push(Limit { kind, sentence });
    let rate = result.and_then(|result| result.overall.as_ref());
    if let Some(Estimate { n, n_effective, .. }) = rate.map(|rate| &rate.estimate) {
        if *n < ENOUGH {
            let prompts = counted(*n, "prompt", "prompts");
            add(
                LimitKind::FewPrompts,
                format!(
                    "Only {prompts} ({n_effective:.0} independent): with fewer than {ENOUGH} prompts we do not say better or \
                     worse."
                ),
            );
        } else if !is_enough(*n, *n_effective) {
            add(
                LimitKind::FewPrompts,
                format!(
                    "All {n} prompts together count as {n_effective:.0} independent ones: with fewer than {ENOUGH} we do not \
                     say better or worse of them."
                ),
            );
        }
    }
    let panel: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.in_panel).collect();
    // A judge like a coin comes first: it decides whether anything else is worth reading.
    for judge in panel.iter().filter(|judge| judge.better_than_coin == Some(false)) {
        add(LimitKind::Consistency, judge.consistency_sentence.clone());
    }
    for judge in judges.iter().filter(|judge| judge.is_coin) {
        add(
            LimitKind::Uncounted,
            format!(
                "{} It took no exam either, so its votes are left out of the mean.",
                judge.consistency_sentence
            ),
        );
    }
    for judge in judges.iter().filter(|judge| judge.is_inverted) {
        add(
            LimitKind::Uncounted,
            format!(
                "`{}` names the answer that its own scores put lower: its log is inverted, and it is left out of every \
                 mean.",
                judge.judge_id
            ),
        );
    }
    // An author's votes are on the card although they are in no mean.
    let shown = judges.iter().filter(|judge| judge.in_panel || is_author(&judge.judge_id));
    let shown = shown.filter(|judge| !rows.has_missed_planted(&judge.judge_id));
    for hasty in shown.filter_map(|voter| haste(&voter.judge_id, rows.ms_to_vote(&voter.judge_id))) {
        add(LimitKind::Planted, hasty);
    }
    match panel.as_slice() {
        [only] if only.kind == JudgeKind::Human => {
            let whose = spoken(&only.judge_id);
            add(LimitKind::Judges, format!("The votes of one person count, those of {whose}: one opinion."));
        }
        [only] => add(LimitKind::Judges, format!("One judge, `{}`: one opinion.", only.judge_id)),
        [] if rate.is_some_and(|rate| rate.identical == rate.estimate.n) => add(
            LimitKind::Judges,
            "Both gave the same text to every prompt, so nothing needed a judge.".to_owned(),
        ),
        _ => {}
    }
    // People see a pair in one order; what they were shown twice tells of them.
    let both_orders = panel.iter().filter(|judge| judge.kind != JudgeKind::Human);
    let untested = both_orders.filter(|judge| judge.better_than_coin.is_none());
    untested.for_each(|judge| add(LimitKind::Consistency, judge.consistency_sentence.clone()));
    let failed = judges.iter().filter_map(|judge| Some((judge, judge.exam.as_ref()?)));
    let failed = failed.filter(|(judge, exam)| match judge.cells_judged {
        0 => exam.is_unfit(),
        _ => !exam.is_qualified(),
    });
    for (judge, exam) in failed {
        let sentence = match judge.cells_judged {
            0 => format!("{} So it was not asked to compare.", exam.sentence),
            _ => format!("{} Its votes are left out of the mean.", exam.sentence),
        };
        add(LimitKind::Uncounted, sentence);
    }
    // Of a voter who saw all of them there is nothing to say.
    let planted = judges.iter().filter_map(|judge| Some((judge, judge.planted.as_ref()?)));
    for (voter, planted) in planted.filter(|(_, planted)| planted.verdict != PlantedVerdict::Passed) {
        match planted.is_missed() {
            true => add(LimitKind::Planted, format!("{} {LEFT_OUT}", planted.sentence)),
            false if voter.in_panel => add(LimitKind::Planted, planted.sentence.clone()),
            false => {}
        }
    }
    let machines = || judges.iter().filter(|judge| judge.kind != JudgeKind::Human && judge.cells_judged > 0);
    let unexamined: Vec<String> = machines()
        .filter(|judge| judge.exam.is_none() && !judge.is_coin)
        .map(|judge| format!("`{}`", judge.judge_id))
        .collect();
    match unexamined.as_slice() {
        [] => {}
        [only] => {
            add(LimitKind::Judges, format!("{only} took no exam: whether it can judge is not known."));
        }
        many => add(
            LimitKind::Judges,
            format!("{} took no exam: whether they can judge is not known.", many.join(", ")),
        ),
    }
    let too_few_valid = |judge: &&JudgeResult| {
        let failed = judge.exam.as_ref().is_some_and(|exam| !exam.is_qualified());
        !judge.in_panel
            && judge.cells_judged > 0
            && !failed
            && !judge.is_inverted
            && !judge.is_coin
            && judge.kind != JudgeKind::Human
    };
    for judge in judges.iter().filter(too_few_valid) {
        add(
            LimitKind::Uncounted,
            format!(
                "`{}` is valid on {:.0} % of the pairs that it began and is left out of the mean.",
                judge.judge_id,
                100.0 * judge.valid_share
            ),
        );
    }
    let many = |result: &&ComparisonResult| {
        result.missing.was_asked() && 20 * result.missing.missing > result.missing.planned
    };
    if let Some(result) = result.filter(many) {
        add(LimitKind::Missing, result.missing.sentence.clone());
    }
    if rows.plan.arm(&rows.plan.headline.arm).is_some_and(|arm| arm.step().is_some()) {
        let sentence = "One training run: another run with the same settings may turn out differently.";
        add(LimitKind::OneTraining, sentence.to_owned());
    }
    limits
}

/// Is it better, for what, for whom, how sure; one sentence each.
pub fn answers(
    headline: &Headline,
    result: Option<&ComparisonResult>,
    judges: &[JudgeResult],
    agreement: &Agreement,
    findings: &[FindingGroup],
    preferences: &[JudgePreferences],
) -> [String; 4] {
    let panel: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.in_panel).collect();
    let coins: Vec<&&JudgeResult> = panel.iter().filter(|j| j.better_than_coin == Some(false)).collect();
    let comparable = headline.composite != Composite::NotComparable;
    let better = match coins.as_slice() {
        [first, ..] if comparable && coins.len() == panel.len() => format!(
            "This cannot be told from these votes: {}; for what they are worth, {}",
            first.consistency_sentence.trim_end_matches('.'),
            uncapitalised(&headline.sentence)
        ),
        _ => headline.sentence.clone(),
    };
    let better = match &headline.cut_texts {
        Some(cut) => format!("{cut} {better}"),
        None => better,
    };
    let first_of =
        |id: &str| findings.iter().find(|group| group.id == id)?.first_sentence().map(str::to_owned);
    let worse = result.map_or(&[][..], |result| &result.by_category).iter().filter_map(|cut| {
        let rate = cut.win_rate.as_ref().filter(|rate| rate.word == VerdictWord::Worse)?;
        (cut.domain == Domain::Out).then(|| format!("{}, {}", cut.category, rate.sentence))
    });
    let for_what: Vec<String> =
        headline.contrast_sentence.clone().into_iter().chain(worse).chain(first_of("forgetting")).collect();
    let rewarding: Vec<String> =
        preferences.iter().filter_map(|judge| judge.length_sentence.clone()).collect();
    let for_whom = match (comparable, rewarding.is_empty()) {
        (false, _) => String::new(),
        (true, true) => first_of("readers").unwrap_or_else(|| agreement.sentence.clone()),
        (true, false) => rewarding.join(" "),
    };
    let sure = headline.limits.first().cloned().unwrap_or_default();
    [better, for_what.join(" "), for_whom, sure]
}
