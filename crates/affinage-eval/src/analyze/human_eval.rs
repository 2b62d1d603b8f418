//! Votes of people beside the judges: the author's own apart, those of others as a correction of the judges.

use std::collections::BTreeSet;

use super::Rows;
use super::comparisons::{panel, rules, scores_by};
use super::estimate::{figure, rated, share};
use super::votes::{PairVotes, Votes};
use super::win_rate::{ENOUGH, PromptScore, win_rate};
use crate::analysis::Estimate;
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::human_votes::is_even;
use crate::judgment::{VOTES_FILE, is_author, is_person, spoken};
use crate::planted::{PLANTED_VOTES_FILE, haste};
use crate::stats::mean::{mean, weighted_mean};
use crate::stats::models::{FEWEST_HUMAN_VOTES, prediction_powered_weighted, tuned_lambda};
use crate::stats::special::t_quantile;
use crate::suite::Domain;
use crate::wording::human_eval::{self as wording, Figure, OwnPrompts};

/// The row of the votes of whoever wrote the training texts.
const AUTHOR_ROW: &str = "the author";

/// Votes of people beside the judges: the author's own apart, others joined with the judges' votes.
pub fn people(rows: &Rows, votes: &Votes) -> FindingGroup {
    let planned = &rows.plan.headline;
    let pairs: Vec<&PairVotes> = votes.of(planned).collect();
    let (whole, panel): (BTreeSet<&str>, BTreeSet<&str>) =
        panel(&pairs).into_iter().partition(|judge| is_person(judge));
    let voted: BTreeSet<&str> =
        pairs.iter().flat_map(|v| v.judges.keys().copied()).filter(|judge| is_person(judge)).collect();
    // Whoever did not read corrects nobody.
    let ids: BTreeSet<&str> = voted.iter().copied().filter(|id| !rows.has_missed_planted(id)).collect();
    let mut findings = Vec::new();
    for (who, voters) in [(AUTHOR_ROW, true), ("other people", false)].map(|(who, author)| {
        (who, ids.iter().copied().filter(|id| is_author(id) == author).collect::<BTreeSet<&str>>())
    }) {
        // Where somebody voted on nearly all pairs, who voted on some is not in the mean, here as on the card.
        let in_mean: BTreeSet<&str> = voters.intersection(&whole).copied().collect();
        let voters = if in_mean.is_empty() { voters } else { in_mean };
        let rate = win_rate(&scores_by(&pairs, &voters), (&planned.arm, &planned.against), rules(rows));
        let Some(rate) = rate.filter(|_| !voters.is_empty()) else { continue };
        // Without votes of the author there is nobody whom the others are apart from.
        let by = match voters.iter().collect::<Vec<_>>()[..] {
            _ if who == AUTHOR_ROW => who,
            [only] => spoken(only),
            _ if ids.iter().any(|id| is_author(id)) => who,
            _ => "people",
        };
        let voters_of_rate = wording::Voters {
            by,
            are_author: who == AUTHOR_ROW,
            is_even: is_even(weights_of_voted(&pairs, &voters)),
        };
        let sentence = wording::by_people(voters_of_rate, &rate);
        findings.push(rated(by, sentence, rate, VOTES_FILE));
        if who != AUTHOR_ROW {
            findings.push(joined(&pairs, &voters, &panel));
        }
    }
    let planted: Vec<String> = voted
        .iter()
        .filter_map(|voter| Some((rows.planted.get(voter)?, rows.has_missed_planted(voter))))
        .map(|(planted, missed)| wording::planted(planted, missed))
        .collect();
    if !planted.is_empty() {
        findings.push(Finding::said("planted pairs", planted.join(" "), PLANTED_VOTES_FILE));
    }
    let fast: Vec<String> = voted.iter().filter_map(|voter| haste(voter, rows.ms_to_vote(voter))).collect();
    if !fast.is_empty() {
        findings.push(Finding::said("time to vote", fast.join(" "), VOTES_FILE));
    }
    if voted.is_empty() {
        findings.push(Finding::said("people", wording::NOBODY.to_owned(), VOTES_FILE));
    }
    FindingGroup::new("people", findings)
}

fn weights_of_voted(pairs: &[&PairVotes], voters: &BTreeSet<&str>) -> Vec<f64> {
    let voted = pairs.iter().filter(|pair| voters.iter().any(|voter| pair.judges.contains_key(voter)));
    voted.map(|pair| pair.draw_weight(voters.iter().any(|voter| is_author(voter)))).collect()
}

/// What the author of the training texts chose, for the card's question about the voice: a sentence for each author.
///
/// The figure is the win rate of the author's votes as every other part of the page has it: the same prompts, ties counted
/// alike, from [`ENOUGH`] prompts on. Whoever missed the planted pairs has no figure.
pub fn of_authors(rows: &Rows, votes: &Votes) -> Vec<String> {
    let pairs: Vec<&PairVotes> = votes.of(&rows.plan.headline).collect();
    let authors: BTreeSet<&str> =
        pairs.iter().flat_map(|votes| votes.judges.keys().copied()).filter(|id| is_author(id)).collect();
    authors.into_iter().filter_map(|author| of_author(rows, &pairs, author)).collect()
}

fn of_author(rows: &Rows, pairs: &[&PairVotes], author: &str) -> Option<String> {
    let planned = &rows.plan.headline;
    let scores = scores_by(pairs, &BTreeSet::from([author]));
    let rate = win_rate(&scores, (&planned.arm, &planned.against), rules(rows))?;
    let there = || {
        let answered = pairs.iter().filter(|votes| !votes.unanswered);
        answered.map(|votes| votes.pair.prompt.prompt_id.as_str()).collect::<BTreeSet<&str>>().len()
    };
    let figure = match () {
        () if rows.has_missed_planted(author) => Figure::Missed,
        () if rate.estimate.n >= ENOUGH => Figure::Made,
        () if there() < ENOUGH => Figure::TooFewThere,
        () => Figure::More(ENOUGH - rate.estimate.n),
    };
    Some(wording::of_author(author, rows.plan, &rate, figure, of_own(pairs, &scores)))
}

/// Which of the prompts are from the author's texts, where the voice shows best.
fn of_own(pairs: &[&PairVotes], scores: &[PromptScore]) -> OwnPrompts {
    let own_prompts: BTreeSet<&str> = pairs
        .iter()
        .filter(|votes| votes.pair.prompt.domain == Domain::In)
        .map(|votes| votes.pair.prompt.prompt_id.as_str())
        .collect();
    let own = || scores.iter().filter(|score| own_prompts.contains(score.prompt_id));
    let chosen = own().filter(|score| score.score > 0.5).count();
    let not_chosen = own().filter(|score| score.score < 0.5).count();
    OwnPrompts { all: scores.len(), from_texts: own().count(), chosen, not_chosen }
}

/// One pair that people and judges scored.
struct Both {
    human: f64,
    judge: f64,
    /// One over the chance with which people were given the pair.
    weight: f64,
}

impl Both {
    fn names_the_same(&self) -> bool {
        (self.human > 0.5) == (self.judge > 0.5) && (self.human < 0.5) == (self.judge < 0.5)
    }
}

/// Prediction-powered estimate: judges on all pairs, corrected on those that people voted on.
fn joined(pairs: &[&PairVotes], voters: &BTreeSet<&str>, panel: &BTreeSet<&str>) -> Finding {
    let of = |votes: &PairVotes, ids: &BTreeSet<&str>| {
        mean(&ids.iter().filter_map(|id| votes.judges.get(id)?.score()).collect::<Vec<f64>>())
    };
    let judged: Vec<(&PairVotes, f64)> = pairs.iter().filter_map(|v| Some((*v, of(v, panel)?))).collect();
    let both = |(votes, judge): &(&PairVotes, f64)| {
        Some(Both { human: of(votes, voters)?, judge: *judge, weight: votes.draw_weight(false) })
    };
    let both: Vec<Both> = judged.iter().filter_map(both).collect();
    if both.len() < FEWEST_HUMAN_VOTES {
        let sentence = wording::too_few_to_correct(both.len());
        return Finding::said("judges corrected by people", sentence, "votes.jsonl and judgments.jsonl");
    }
    let weights: Vec<f64> = both.iter().map(|pair| pair.weight).collect();
    let (human, judge): (Vec<f64>, Vec<f64>) = both.iter().map(|pair| (pair.human, pair.judge)).unzip();
    let all: Vec<f64> = judged.iter().map(|(_, judge)| *judge).collect();
    let lambda = tuned_lambda(&human, &judge, &weights, &all).unwrap_or(0.0);
    let found = prediction_powered_weighted(&human, &judge, &weights, &all, lambda, 0.05);
    let is_even = is_even(weights.iter().copied());
    let draw = match is_even {
        true => "pairs drawn at random",
        false => "pairs weighed by the probability of being drawn",
    };
    let estimate = found.map(|f| {
        let bounds = (f.interval.0.max(0.0), f.interval.1.min(1.0));
        figure(f.estimate, bounds, all.len(), "pairs", &format!("prediction-powered (PPI++), {draw}"))
    });
    let agreement = agreement(&both, &weights, is_even);
    Finding {
        label: "judges corrected by people".to_owned(),
        sentence: wording::corrected(human.len(), estimate.as_ref(), agreement.as_ref(), is_even),
        estimate,
        measure: FindingMeasure::Share,
        p: None,
        rows: "votes.jsonl and judgments.jsonl".to_owned(),
    }
}

/// How often judges and people name the same winner, over all pairs and not only those that were drawn.
fn agreement(both: &[Both], weights: &[f64], is_even: bool) -> Option<Estimate> {
    let same: Vec<f64> = both.iter().map(|pair| f64::from(u8::from(pair.names_the_same()))).collect();
    if is_even {
        let agreed = same.iter().filter(|same| **same == 1.0).count();
        return share(agreed, same.len(), "pairs");
    }
    let found = weighted_mean(&same, weights)?;
    let half = t_quantile(0.975, found.n_effective - 1.0) * found.se;
    let bounds = ((found.mean - half).max(0.0), (found.mean + half).min(1.0));
    Some(figure(found.mean, bounds, same.len(), "pairs", "weighed by the probability of being drawn"))
}
