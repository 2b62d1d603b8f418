//! Every planned comparison in all its cuts.

use std::collections::{BTreeMap, BTreeSet};

use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use super::Rows;
use super::estimate::{ANY, Observation, clustered, mean_words, share};
use super::no_rate::{self, votes_needed};
use super::votes::{PairVotes, Votes};
use super::win_rate::{PromptScore, Rules, decide, discord, not_worse_than_margin, win_rate};
use crate::analysis::{
    CategoryWinRate, Claim, ClaimKind, ComparisonResult, CriterionDifference, Interval, JudgeResult,
    JudgeWinRate, LengthEffect, MissingCounts, VerdictWord, WinRate,
};
use crate::completion::Completion;
use crate::judgment::{CRITERIA, MissingReason, is_person};
use crate::plan::PlannedComparison;
use crate::stats::evalue;
use crate::stats::multiple::holm;
use crate::suite::{Domain, Prompt};
use crate::wording::comparisons::{self as wording, Apart, NotComparable, Refusal};
use crate::wording::no_rate::sentence as why_no_rate;

/// A judge that is valid on a smaller share of the prompts leaves the mean of the panel.
pub const VALID_AT_LEAST: f64 = 0.9;

pub fn rules(rows: &Rows) -> Rules {
    let plan = rows.plan;
    let family = plan.design.stops_early.then_some(plan.comparisons.len());
    Rules { alpha: plan.alpha, margin: plan.margin, seed: plan.seed, family }
}

/// One result per planned comparison, words after Holm over all of them.
pub fn results(rows: &Rows, votes: &Votes, judges: &[JudgeResult]) -> Vec<ComparisonResult> {
    let mut results: Vec<ComparisonResult> =
        rows.plan.comparisons.par_iter().map(|planned| result(rows, votes, planned)).collect();
    let tested: Vec<(usize, f64)> =
        results.iter().enumerate().filter_map(|(i, result)| Some((i, result.p?))).collect();
    let mut adjusted = holm(&tested.iter().map(|(_, p)| *p).collect::<Vec<f64>>());
    if rows.plan.design.stops_early {
        // Looked at while it grew: only the e-value counts. K / E is at most alpha exactly when E reaches K / alpha.
        let e_value = |i: usize| results[i].overall.as_ref().and_then(|rate| rate.e_value).unwrap_or(0.0);
        let family = rows.plan.comparisons.len() as f64;
        adjusted = tested.iter().map(|(i, _)| (family / e_value(*i)).min(1.0)).collect();
    }
    for ((i, _), p_adjusted) in tested.into_iter().zip(adjusted) {
        let planned = &rows.plan.comparisons[i];
        let pairs: Vec<&PairVotes> = votes.of(planned).collect();
        let scores = scores_of(&pairs, &panel(&pairs), &Cut::Whole);
        results[i].p_adjusted = Some(p_adjusted);
        if let Some(overall) = &mut results[i].overall {
            redecide(overall, &scores, Some(p_adjusted), planned, rules(rows));
        }
    }
    decide_cuts(rows, votes, &mut results, domains);
    decide_cuts(rows, votes, &mut results, categories);
    decide_cuts(rows, votes, &mut results, single_judges);
    refuse_words(rows, votes, judges, &mut results);
    results.iter_mut().for_each(one_word_for_the_same_prompts);
    results
}

/// Some of the votes of a comparison.
#[derive(Clone)]
enum Cut {
    Whole,
    Domain(Domain),
    Category(Domain, String),
    Judge(String),
}

fn scores_of<'r>(pairs: &[&PairVotes<'r>], panel: &BTreeSet<&str>, cut: &Cut) -> Vec<PromptScore<'r>> {
    let of =
        |keep: &dyn Fn(&Prompt) -> bool| prompt_scores(&only(pairs, |votes| keep(votes.pair.prompt)), panel);
    match cut {
        Cut::Whole => prompt_scores(pairs, panel),
        Cut::Domain(domain) => of(&|prompt| prompt.domain == *domain),
        Cut::Category(domain, category) => {
            of(&|prompt| prompt.domain == *domain && prompt.category == *category)
        }
        Cut::Judge(judge) => scores_by(pairs, &BTreeSet::from([judge.as_str()])),
    }
}

/// The cuts of one kind, with their results.
type Cuts = fn(&mut ComparisonResult) -> Vec<(Cut, &mut WinRate)>;

fn domains(result: &mut ComparisonResult) -> Vec<(Cut, &mut WinRate)> {
    let inside = result.in_domain.as_mut().map(|rate| (Cut::Domain(Domain::In), rate));
    let outside = result.out_of_domain.as_mut().map(|rate| (Cut::Domain(Domain::Out), rate));
    inside.into_iter().chain(outside).collect()
}

fn categories(result: &mut ComparisonResult) -> Vec<(Cut, &mut WinRate)> {
    let cuts = result.by_category.iter_mut().filter_map(|found| {
        let cut = Cut::Category(found.domain, found.category.clone());
        found.win_rate.as_mut().map(|rate| (cut, rate))
    });
    cuts.collect()
}

fn single_judges(result: &mut ComparisonResult) -> Vec<(Cut, &mut WinRate)> {
    let cuts = result.by_judge.iter_mut().filter_map(|found| {
        let cut = Cut::Judge(found.judge_id.clone());
        found.win_rate.as_mut().map(|rate| (cut, rate))
    });
    cuts.collect()
}

/// A cut, its win rate, and the p of its test.
type Decided<'a> = (Cut, &'a mut WinRate, f64);

/// The words of all cuts of one kind, after Holm over all of them in all planned comparisons.
fn decide_cuts(rows: &Rows, votes: &Votes, results: &mut [ComparisonResult], cuts: Cuts) {
    let tested: Vec<Vec<Decided>> = results
        .iter_mut()
        .map(|result| {
            let with_p = |(cut, rate): (Cut, _)| {
                let rate: &mut WinRate = rate;
                let p = rate.permutation_p?;
                Some((cut, rate, p))
            };
            cuts(result).into_iter().filter_map(with_p).collect()
        })
        .collect();
    let adjusted = holm(&tested.iter().flatten().map(|(.., p)| *p).collect::<Vec<f64>>());
    let mut adjusted = adjusted.into_iter();
    let decided: Vec<(&PlannedComparison, Vec<Decided>)> = rows
        .plan
        .comparisons
        .iter()
        .zip(tested)
        .map(|(planned, cuts)| {
            let with_adjusted =
                cuts.into_iter().zip(adjusted.by_ref()).map(|((cut, rate, _), p)| (cut, rate, p));
            (planned, with_adjusted.collect())
        })
        .collect();
    decided.into_par_iter().for_each(|(planned, cuts)| {
        let pairs: Vec<&PairVotes> = votes.of(planned).collect();
        let panel = panel(&pairs);
        for (cut, rate, p) in cuts {
            redecide(rate, &scores_of(&pairs, &panel, &cut), Some(p), planned, rules(rows));
        }
    });
}

/// A part that is the whole has the word of the whole: the only domain that was judged, the only category of a domain, the
/// only judge of the panel.
fn one_word_for_the_same_prompts(result: &mut ComparisonResult) {
    match (&mut result.in_domain, &mut result.out_of_domain) {
        (inside @ Some(_), None) => inside.clone_from(&result.overall),
        (None, outside @ Some(_)) => outside.clone_from(&result.overall),
        _ => {}
    }
    for domain in [Domain::In, Domain::Out] {
        let whole = match domain {
            Domain::In => result.in_domain.clone(),
            Domain::Out => result.out_of_domain.clone(),
        };
        let mut judged =
            result.by_category.iter_mut().filter(|cut| cut.domain == domain && cut.win_rate.is_some());
        if let (Some(only), None) = (judged.next(), judged.next()) {
            only.win_rate = whole;
        }
    }
    let mut panel = result.by_judge.iter_mut().filter(|cut| cut.in_panel);
    if let (Some(only), None) = (panel.next(), panel.next()) {
        only.win_rate.clone_from(&result.overall);
    }
}

/// Evidence of the prompts that the panel decided, against one half.
pub fn e_value(votes: &Votes, planned: &PlannedComparison) -> f64 {
    let pairs: Vec<&PairVotes> = votes.of(planned).collect();
    let scores = prompt_scores(&pairs, &panel(&pairs));
    let wins = scores.iter().filter(|s| s.score > 0.5).count() as u64;
    let decided = scores.iter().filter(|s| s.score != 0.5).count() as u64;
    if decided == 0 { 0.0 } else { evalue::mixture(wins, decided, 0.5, (1.0, 1.0)) }
}

/// Words that no p can carry: of judges whose winner changes with the order as often as a coin's, of a part of a comparison
/// that could stop at any look, of answers that are not comparable.
fn refuse_words(rows: &Rows, votes: &Votes, judges: &[JudgeResult], results: &mut [ComparisonResult]) {
    let is_coin = |id: &str| is_coin(judges, id);
    for (result, planned) in results.iter_mut().zip(&rows.plan.comparisons) {
        let pairs: Vec<&PairVotes> = votes.of(planned).collect();
        let panel = panel(&pairs);
        let by_coins = !panel.is_empty() && panel.iter().all(|judge| is_coin(judge));
        let whole = match () {
            () if result.not_comparable.is_some() => {
                not_comparable(&pairs, planned).map(|found| Refusal::NotComparable(found.apart))
            }
            () if by_coins => Some(Refusal::Coin),
            () => None,
        };
        if let Some(overall) = result.overall.as_mut().filter(|_| whole.is_some()) {
            refuse(overall, whole.unwrap_or(Refusal::Coin));
        }
        if let Some(why) = whole.or(rows.plan.design.stops_early.then_some(Refusal::Peeked)) {
            domains(result).into_iter().for_each(|(_, rate)| refuse(rate, why));
            categories(result).into_iter().for_each(|(_, rate)| refuse(rate, why));
            single_judges(result).into_iter().for_each(|(_, rate)| refuse(rate, why));
            result.outside_not_worse_than_margin = None;
            result.by_category.iter_mut().for_each(|cut| cut.not_worse_than_margin = None);
        }
        let coins = result.by_judge.iter_mut().filter(|cut| is_coin(&cut.judge_id));
        coins.filter_map(|cut| cut.win_rate.as_mut()).for_each(|rate| refuse(rate, Refusal::Coin));
    }
}

fn is_coin(judges: &[JudgeResult], id: &str) -> bool {
    judges.iter().any(|judge| judge.judge_id == id && judge.better_than_coin == Some(false))
}

/// Whether every judge of the panel changes its winner with the order as often as a coin's.
pub fn is_judged_by_coins(result: &ComparisonResult, judges: &[JudgeResult]) -> bool {
    let panel: Vec<&JudgeWinRate> = result.by_judge.iter().filter(|judge| judge.in_panel).collect();
    !panel.is_empty() && panel.iter().all(|judge| is_coin(judges, &judge.judge_id))
}

fn refuse(rate: &mut WinRate, why: Refusal) {
    if rate.word != VerdictWord::NotShown {
        rate.word = VerdictWord::NotShown;
        rate.conclude(&wording::refused(why));
    }
}

/// From this share of lost answers on, who wins may only tell who finishes.
const LOST_AT_MOST: f64 = 0.05;

/// A greater difference of the shares of answers with a thought before them is no chance and no matter of some prompts: one
/// of the two is a model that thinks.
const THINKS_APART: f64 = 0.25;

/// [`not_comparable`] of the headline.
pub fn headline_not_comparable<'r>(rows: &Rows<'r>, votes: &Votes) -> Option<NotComparable<'r>> {
    let pairs: Vec<&PairVotes> = votes.of(&rows.plan.headline).collect();
    not_comparable(&pairs, &rows.plan.headline)
}

/// How the answers of two arms cannot be compared: one ended while thinking more often than the other, or one thinks before
/// it answers and the other does not.
fn not_comparable<'p>(pairs: &[&PairVotes], planned: &'p PlannedComparison) -> Option<NotComparable<'p>> {
    let uneven = |apart: Apart, of: fn(&Completion) -> bool| {
        let count = |is_of: &dyn Fn(&&&PairVotes) -> bool| pairs.iter().filter(is_of).count();
        let arm = (count(&|votes| of(votes.pair.arm)), planned.arm.as_str());
        let against = (count(&|votes| of(votes.pair.against)), planned.against.as_str());
        let (more, less) = if arm.0 > against.0 { (arm, against) } else { (against, arm) };
        NotComparable { apart, more, less, of: pairs.len() }
    };
    let lost = uneven(Apart::Lost, Completion::is_lost_in_thought);
    let (more, less) = (lost.more.0, lost.less.0);
    let most = LOST_AT_MOST * pairs.len() as f64;
    if more as f64 > most && (less as f64 <= most || (more - less) as f64 > most) {
        return Some(lost);
    }
    let thinks = uneven(Apart::Thinks, Completion::has_thought);
    let is_apart = (thinks.more.0 - thinks.less.0) as f64 > THINKS_APART * pairs.len() as f64;
    is_apart.then_some(thinks)
}

fn redecide(
    rate: &mut WinRate,
    scores: &[PromptScore],
    p: Option<f64>,
    planned: &PlannedComparison,
    rules: Rules,
) {
    let values: Vec<f64> = scores.iter().map(|s| s.score).collect();
    let clusters: Vec<&str> = scores.iter().map(|s| s.cluster).collect();
    decide(rate, &values, &clusters, p, (&planned.arm, &planned.against), rules);
}

fn result(rows: &Rows, votes: &Votes, planned: &PlannedComparison) -> ComparisonResult {
    let pairs: Vec<&PairVotes> = votes.of(planned).collect();
    let panel = panel(&pairs);
    let scores = prompt_scores(&pairs, &panel);
    let names = (planned.arm.as_str(), planned.against.as_str());
    let overall = win_rate(&scores, names, rules(rows));
    let of = |domain| prompt_scores(&only(&pairs, |votes| votes.pair.prompt.domain == domain), &panel);
    let (inside, outside) = (of(Domain::In), of(Domain::Out));
    ComparisonResult {
        planned: planned.clone(),
        is_headline: *planned == rows.plan.headline,
        no_rate: overall.is_none().then(|| why_no_rate(&no_rate::reason(rows, &pairs))),
        p: overall.as_ref().and_then(|rate| rate.permutation_p),
        p_adjusted: None,
        overall,
        in_domain: win_rate(&inside, names, rules(rows)),
        out_of_domain: win_rate(&outside, names, rules(rows)),
        outside_not_worse_than_margin: not_worse_than_margin(&outside, rules(rows)),
        not_comparable: not_comparable(&pairs, planned).map(wording::not_comparable),
        by_category: by_category(rows, &pairs, &panel, planned),
        by_judge: by_judge(rows, &pairs, &panel, planned),
        criteria: criteria(&pairs, &panel),
        missing: missing(rows, &pairs),
        length: length(&pairs, &scores),
    }
}

/// Judges whose both positions are valid on enough of the pairs that need a judge.
pub fn panel<'r>(pairs: &[&PairVotes<'r>]) -> BTreeSet<&'r str> {
    let needing: Vec<_> = pairs.iter().filter(|votes| votes.needs_judge()).collect();
    let began: BTreeSet<&str> = needing.iter().flat_map(|votes| votes.judges.keys().copied()).collect();
    let valid = |judge: &str| {
        let valid = needing.iter().filter(|v| v.judges.get(judge).is_some_and(|c| c.score().is_some()));
        valid.count() as f64 / needing.len() as f64
    };
    let is_apart = |judge: &str| needing.iter().any(|v| v.judges.get(judge).is_some_and(|c| c.is_apart));
    began.into_iter().filter(|judge| valid(judge) >= VALID_AT_LEAST && !is_apart(judge)).collect()
}

/// One score per prompt that has a valid vote of `judges`: mean over judges, then over samples. Identical pairs
/// count as ties as soon as anything was judged, or when no pair needs a judge.
pub fn prompt_scores<'r>(pairs: &[&PairVotes<'r>], judges: &BTreeSet<&str>) -> Vec<PromptScore<'r>> {
    let mut by_prompt: BTreeMap<&str, (&str, Vec<f64>, bool)> = BTreeMap::new();
    let ties_count = !judges.is_empty() || pairs.iter().all(|votes| votes.identical);
    for votes in pairs.iter().filter(|votes| !votes.unanswered) {
        let score = match votes.identical {
            true => ties_count.then_some(0.5),
            false => {
                let scores = judges.iter().filter_map(|judge| votes.judges.get(judge)?.score());
                crate::stats::mean::mean(&scores.collect::<Vec<f64>>())
            }
        };
        if let Some(score) = score {
            let prompt = votes.pair.prompt;
            let entry = by_prompt.entry(&prompt.prompt_id).or_insert((&prompt.cluster_id, Vec::new(), true));
            entry.1.push(score);
            entry.2 &= votes.identical;
        }
    }
    by_prompt
        .into_iter()
        .map(|(prompt_id, (cluster, scores, identical))| PromptScore {
            prompt_id,
            cluster,
            score: scores.iter().sum::<f64>() / scores.len() as f64,
            identical,
        })
        .collect()
}

/// The scores of some voters alone, by the same count as the headline's. Pairs with one text on both sides are ties of theirs
/// as soon as they voted on as many pairs as a win rate needs: beside a small sample, those of all prompts would be most of it.
pub fn scores_by<'r>(pairs: &[&PairVotes<'r>], voters: &BTreeSet<&str>) -> Vec<PromptScore<'r>> {
    let needing = only(pairs, PairVotes::needs_judge);
    let has_voted = |votes: &&&PairVotes| {
        voters
            .iter()
            .any(|voter| votes.judges.get(voter).is_some_and(|presentations| presentations.score().is_some()))
    };
    match needing.iter().filter(has_voted).count() >= votes_needed(needing.len()) {
        true => prompt_scores(pairs, voters),
        false => prompt_scores(&needing, voters),
    }
}

fn only<'v, 'r>(
    pairs: &[&'v PairVotes<'r>],
    keep: impl Fn(&PairVotes<'r>) -> bool,
) -> Vec<&'v PairVotes<'r>> {
    pairs.iter().copied().filter(|votes| keep(votes)).collect()
}

fn by_category(
    rows: &Rows,
    pairs: &[&PairVotes],
    panel: &BTreeSet<&str>,
    planned: &PlannedComparison,
) -> Vec<CategoryWinRate> {
    let names = (planned.arm.as_str(), planned.against.as_str());
    let categories: BTreeSet<(Domain, &str)> =
        pairs.iter().map(|v| (v.pair.prompt.domain, v.pair.prompt.category.as_str())).collect();
    let cut = |(domain, category): &(Domain, &str)| {
        let of_category = only(pairs, |votes| {
            votes.pair.prompt.domain == *domain && votes.pair.prompt.category == *category
        });
        prompt_scores(&of_category, panel)
    };
    let scores: Vec<Vec<PromptScore>> = categories.iter().map(cut).collect();
    categories
        .iter()
        .zip(&scores)
        .map(|((domain, category), scores)| CategoryWinRate {
            category: (*category).to_owned(),
            domain: *domain,
            win_rate: win_rate(scores, names, rules(rows)),
            not_worse_than_margin: not_worse_than_margin(scores, rules(rows)),
        })
        .collect()
}

fn by_judge(
    rows: &Rows,
    pairs: &[&PairVotes],
    panel: &BTreeSet<&str>,
    planned: &PlannedComparison,
) -> Vec<JudgeWinRate> {
    let names = (planned.arm.as_str(), planned.against.as_str());
    let began = pairs.iter().flat_map(|votes| votes.judges.keys().copied()).collect::<BTreeSet<&str>>();
    began
        .into_iter()
        .map(|judge| JudgeWinRate {
            judge_id: judge.to_owned(),
            in_panel: panel.contains(judge),
            win_rate: win_rate(&scores_by(pairs, &BTreeSet::from([judge])), names, rules(rows)),
        })
        .collect()
}

/// Arm minus against per criterion, mean over presentations and judges per prompt.
fn criteria(pairs: &[&PairVotes], panel: &BTreeSet<&str>) -> Vec<CriterionDifference> {
    let mut by_prompt: BTreeMap<&str, (&str, Vec<[f64; 5]>)> = BTreeMap::new();
    for votes in pairs {
        let presentations =
            panel.iter().filter_map(|judge| votes.judges.get(judge)).flat_map(|judge| &judge.presentations);
        for (arm, against) in presentations.filter_map(|presentation| presentation.criteria()) {
            let prompt = votes.pair.prompt;
            let entry = by_prompt.entry(&prompt.prompt_id).or_insert((&prompt.cluster_id, Vec::new()));
            entry.1.push(std::array::from_fn(|i| arm[i] - against[i]));
        }
    }
    let difference = |(i, criterion): (usize, &&str)| {
        let observations: Vec<Observation> = by_prompt
            .values()
            .map(|(cluster, presentations)| Observation {
                value: presentations.iter().map(|presentation| presentation[i]).sum::<f64>()
                    / presentations.len() as f64,
                cluster,
            })
            .collect();
        let estimate = clustered(&observations, ANY, "prompts")?;
        Some(CriterionDifference { criterion: (*criterion).to_owned(), estimate })
    };
    CRITERIA.iter().enumerate().filter_map(difference).collect()
}

/// What was planned for the judges that began (or are in the plan) and what of it counts.
fn missing(rows: &Rows, pairs: &[&PairVotes]) -> MissingCounts {
    let needing: Vec<&&PairVotes> = pairs.iter().filter(|votes| !votes.identical).collect();
    // People vote on as many pairs as they like.
    let began = |judge: &str| pairs.iter().any(|votes| votes.judges.contains_key(judge));
    // A judge that failed its exam and was not asked is missing nowhere.
    let not_asked = |judge: &str| rows.exams.get(judge).is_some_and(|exam| exam.is_unfit()) && !began(judge);
    let (unfit, judges): (BTreeSet<&str>, BTreeSet<&str>) =
        rows.judge_ids().into_iter().filter(|judge| !is_person(judge)).partition(|judge| not_asked(judge));
    let mut counts = MissingCounts {
        planned: needing.len() * judges.len(),
        valid: 0,
        missing: 0,
        not_asked: 0,
        by_reason: BTreeMap::new(),
        bounds: None,
        sentence: String::new(),
    };
    let (mut total, mut identical) = (0.0, 0);
    for votes in pairs {
        if votes.identical {
            identical += judges.len();
            continue;
        }
        if votes.unanswered {
            *counts.by_reason.entry(MissingReason::NoAnswer).or_default() += 2 * judges.len();
            continue;
        }
        for judge in &judges {
            let presentations = votes.judges.get(judge);
            counts.not_asked += 2usize
                .saturating_sub(presentations.map_or(0, |presentations| presentations.presentations.len()));
            for reason in presentations
                .into_iter()
                .flat_map(|presentations| &presentations.presentations)
                .filter_map(|presentation| presentation.missing)
            {
                *counts.by_reason.entry(reason).or_default() += 1;
            }
            if let Some(score) = presentations.and_then(|presentations| presentations.score()) {
                counts.valid += 1;
                total += score;
            }
        }
    }
    counts.missing = counts.planned - counts.valid;
    let all = (counts.planned + identical) as f64;
    let low = (total + 0.5 * identical as f64) / all;
    counts.bounds =
        (all > 0.0).then(|| Interval { low, high: low + counts.missing as f64 / all, level: 1.0 });
    counts.sentence = match unfit.is_empty() || !judges.is_empty() || needing.is_empty() {
        true => wording::missing(&counts),
        false => wording::all_unfit(unfit),
    };
    counts
}

fn length(pairs: &[&PairVotes], scores: &[PromptScore]) -> Option<LengthEffect> {
    if scores.is_empty() {
        return None;
    }
    let answered = || pairs.iter().filter(|votes| !votes.unanswered);
    let arm_mean_words = mean_words(answered().map(|votes| votes.pair.arm.answer()));
    let against_mean_words = mean_words(answered().map(|votes| votes.pair.against.answer()));
    let score_of: BTreeMap<&str, f64> = scores.iter().map(|s| (s.prompt_id, s.score)).collect();
    let (mut longer_won, mut decided) = (0, 0);
    for votes in answered() {
        let words = |text: &str| text.split_whitespace().count();
        let (arm, against) = (words(votes.pair.arm.answer()), words(votes.pair.against.answer()));
        let score = score_of.get(votes.pair.prompt.prompt_id.as_str()).copied().unwrap_or(0.5);
        if arm != against && score != 0.5 {
            decided += 1;
            longer_won += usize::from((arm > against) == (score > 0.5));
        }
    }
    let longer = share(longer_won, decided, "decisive pairs");
    let sentence = wording::length(arm_mean_words, against_mean_words, longer.as_ref(), decided);
    Some(LengthEffect { arm_mean_words, against_mean_words, longer_won: longer, sentence })
}

/// The sentence of one planned comparison.
pub fn claim(rows: &Rows, result: &ComparisonResult) -> Claim {
    let planned = &result.planned;
    let claim_id = format!("win:{}:{}", planned.arm, planned.against);
    let Some(rate) = &result.overall else {
        return Claim {
            claim_id,
            kind: Some(ClaimKind::Comparison),
            sentence: result.not_comparable.clone().unwrap_or_else(|| wording::not_judged(result)),
            word: VerdictWord::NotShown,
            estimate: None,
            p: None,
            p_adjusted: None,
            needs_about_n: None,
            note: (result.missing.missing > 0 && result.missing.was_asked())
                .then(|| result.missing.sentence.clone()),
        };
    };
    Claim {
        claim_id,
        kind: Some(ClaimKind::Comparison),
        sentence: rate.sentence.clone(),
        word: rate.word,
        estimate: Some(rate.estimate.clone()),
        p: result.p,
        p_adjusted: result.p_adjusted,
        needs_about_n: rate.needs_about_n,
        note: discord(rate, result.p, result.p_adjusted, rows.plan.alpha)
            .map(crate::wording::win_rate::discord),
    }
}
