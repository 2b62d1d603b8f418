//! The first sentence: what the headline comparison says in the domain, outside it, and about their difference.

use super::Rows;
use super::comparisons::{panel, prompt_scores};
use super::judge_preferences::JudgePreferences;
use super::votes::{PairVotes, Votes};
use super::win_rate::{ENOUGH, is_enough};
use crate::analysis::{
    Agreement, ComparisonResult, Composite, Estimate, Headline, Interval, JudgeResult, VerdictWord,
};
use crate::findings::FindingGroup;
use crate::judgment::is_author;
use crate::plan::JudgeKind;
use crate::planted::{PlantedVerdict, haste};
use crate::stats::mean::clustered_mean;
use crate::stats::special::t_quantile;
use crate::suite::Domain;
use crate::wording::headline::{self as wording, Limit, Words};

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
        sentence: wording::sentence(planned, result, rows.plan.margin),
        answers: Default::default(),
        arm: planned.arm.clone(),
        against: planned.against.clone(),
        contrast_sentence: contrast.as_ref().map(wording::contrast),
        contrast,
        limits: limits(rows, result, judges).iter().map(wording::limit).collect(),
        with_failed_judges: None,
        cut_texts: None,
        fragility: None,
        in_domain: result.and_then(|result| result.in_domain.clone()),
        out_of_domain: result.and_then(|result| result.out_of_domain.clone()),
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

/// The limits of the headline. That there is no win rate at all is said by its sentence.
pub fn limits<'a>(
    rows: &Rows,
    result: Option<&'a ComparisonResult>,
    judges: &'a [JudgeResult],
) -> Vec<Limit<'a>> {
    let mut limits = Vec::new();
    let rate = result.and_then(|result| result.overall.as_ref());
    if let Some(&Estimate { n, n_effective, .. }) = rate.map(|rate| &rate.estimate) {
        if n < ENOUGH {
            limits.push(Limit::FewPrompts { n, n_effective });
        } else if !is_enough(n, n_effective) {
            limits.push(Limit::FewIndependent { n, n_effective });
        }
    }
    let panel: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.in_panel).collect();
    // A judge like a coin comes first: it decides whether anything else is worth reading.
    let like_coins = panel.iter().copied().filter(|judge| judge.better_than_coin == Some(false));
    limits.extend(like_coins.map(Limit::Consistency));
    limits.extend(judges.iter().filter(|judge| judge.is_coin).map(Limit::Coin));
    limits.extend(judges.iter().filter(|judge| judge.is_inverted).map(Limit::Inverted));
    // An author's votes are on the card although they are in no mean.
    let shown = judges.iter().filter(|judge| judge.in_panel || is_author(&judge.judge_id));
    let shown = shown.filter(|judge| !rows.has_missed_planted(&judge.judge_id));
    let hasty = shown.filter_map(|voter| haste(&voter.judge_id, rows.ms_to_vote(&voter.judge_id)));
    limits.extend(hasty.map(Limit::Hasty));
    match panel.as_slice() {
        [only] if only.kind == JudgeKind::Human => limits.push(Limit::OnePerson(only)),
        [only] => limits.push(Limit::OneJudge(only)),
        [] if rate.is_some_and(|rate| rate.identical == rate.estimate.n) => {
            limits.push(Limit::NothingToJudge);
        }
        _ => {}
    }
    // People see a pair in one order; what they were shown twice tells of them.
    let both_orders = panel.iter().copied().filter(|judge| judge.kind != JudgeKind::Human);
    let untested = both_orders.filter(|judge| judge.better_than_coin.is_none());
    limits.extend(untested.map(Limit::Consistency));
    let failed = judges.iter().filter_map(|judge| Some((judge, judge.exam.as_ref()?)));
    let failed = failed.filter(|(judge, exam)| match judge.cells_judged {
        0 => exam.is_unfit(),
        _ => !exam.is_qualified(),
    });
    limits.extend(failed.map(|(judge, exam)| Limit::FailedExam(judge, exam)));
    // Of a voter who saw all of them there is nothing to say.
    let planted = judges.iter().filter_map(|judge| Some((judge, judge.planted.as_ref()?)));
    for (voter, planted) in planted.filter(|(_, planted)| planted.verdict != PlantedVerdict::Passed) {
        match planted.is_missed() {
            true => limits.push(Limit::MissedPlanted(planted)),
            false if voter.in_panel => limits.push(Limit::Planted(planted)),
            false => {}
        }
    }
    let machines = judges.iter().filter(|judge| judge.kind != JudgeKind::Human && judge.cells_judged > 0);
    let unexamined = machines.filter(|judge| judge.exam.is_none() && !judge.is_coin);
    let unexamined: Vec<&str> = unexamined.map(|judge| judge.judge_id.as_str()).collect();
    if !unexamined.is_empty() {
        limits.push(Limit::NoExam(unexamined));
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
    limits.extend(judges.iter().filter(too_few_valid).map(Limit::FewValid));
    let many = |result: &&ComparisonResult| {
        result.missing.was_asked() && 20 * result.missing.missing > result.missing.planned
    };
    limits.extend(result.filter(many).map(|result| Limit::Missing(&result.missing)));
    if rows.plan.arm(&rows.plan.headline.arm).is_some_and(|arm| arm.step().is_some()) {
        limits.push(Limit::OneTraining);
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
        [first, ..] if comparable && coins.len() == panel.len() => {
            wording::by_coins(first, &headline.sentence)
        }
        _ => headline.sentence.clone(),
    };
    let better = match &headline.cut_texts {
        Some(cut) => [cut.as_str(), &better].join(" "),
        None => better,
    };
    let first_of =
        |id: &str| findings.iter().find(|group| group.id == id)?.first_sentence().map(str::to_owned);
    let worse = result.map_or(&[][..], |result| &result.by_category).iter().filter_map(|cut| {
        let rate = cut.win_rate.as_ref().filter(|rate| rate.word == VerdictWord::Worse)?;
        (cut.domain == Domain::Out).then(|| wording::of_category(cut, rate))
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
