//! Votes of people beside the judges: the author's own apart, those of others as a correction of the judges.

use std::collections::BTreeSet;

use super::Rows;
use super::comparisons::{panel, rules, scores_by};
use super::estimate::{figure, likely, percent, rated, share};
use super::votes::{PairVotes, Votes};
use super::win_rate::{ENOUGH, PromptScore, win_rate};
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::human_votes::is_even;
use crate::judgment::{VOTES_FILE, is_author, is_me, is_person, spoken};
use crate::plain::counted;
use crate::plan::Arm;
use crate::planted::{LEFT_OUT, PLANTED_VOTES_FILE, haste};
use crate::stats::mean::{mean, weighted_mean};
use crate::stats::models::{FEWEST_HUMAN_VOTES, prediction_powered_weighted, tuned_lambda};
use crate::stats::special::t_quantile;
use crate::suite::Domain;
use crate::text::capitalised;

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
        let mut finding = rated(by, &format!("By {by}"), rate, VOTES_FILE);
        if who == AUTHOR_ROW {
            finding.sentence.push_str(" The author knows the voice; this is reported apart.");
            if !is_even(weights_of_voted(&pairs, &voters)) {
                finding.sentence.push_str(" Pairs on the author's own prompts were drawn before all others.");
            }
        } else if !is_even(weights_of_voted(&pairs, &voters)) {
            finding.sentence.push_str(
                " These pairs were not drawn evenly: the corrected figure is the one for all pairs.",
            );
        }
        findings.push(finding);
        if who != AUTHOR_ROW {
            findings.push(joined(&pairs, &voters, &panel));
        }
    }
    let planted: Vec<String> = voted
        .iter()
        .filter_map(|voter| Some((rows.planted.get(voter)?, rows.has_missed_planted(voter))))
        .map(
            |(planted, missed)| {
                if missed { format!("{} {LEFT_OUT}", planted.sentence) } else { planted.sentence.clone() }
            },
        )
        .collect();
    if !planted.is_empty() {
        findings.push(Finding::said("planted pairs", planted.join(" "), PLANTED_VOTES_FILE));
    }
    let fast: Vec<String> = voted.iter().filter_map(|voter| haste(voter, rows.ms_to_vote(voter))).collect();
    if !fast.is_empty() {
        findings.push(Finding::said("time to vote", fast.join(" "), VOTES_FILE));
    }
    if voted.is_empty() {
        findings.push(Finding::said(
            "people",
            "Nobody has voted: whether the judges agree with people is not known.".to_owned(),
            VOTES_FILE,
        ));
    }
    FindingGroup::new(
        "people",
        "Agreement among judges is not validity. Votes of people correct the judges' win rate for what the judges get wrong.",
        findings,
    )
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
    let (who, like) = match is_me(author) {
        true => (capitalised(spoken(author)), "more like their own voice"),
        false => (format!("The author {}", spoken(author)), "more like their own voice"),
    };
    let n = rate.estimate.n;
    let voted = counted(n, "prompt", "prompts");
    if rows.has_missed_planted(author) {
        return Some(format!(
            "{who} voted on {voted} which answer sounds {like}, and missed the planted pairs: no figure is made of these votes."
        ));
    }
    let tuned = match rows.plan.arm(&planned.arm).and_then(Arm::adapter_sha256) {
        Some(_) => "the tuned answer".to_owned(),
        None => format!("the answer of {}", rows.plan.called(&planned.arm)),
    };
    let own = of_own(pairs, &scores);
    let chose = format!(
        "{who} chose {tuned} as {like} on {} of {voted} (tied on {}, not chosen on {})",
        rate.wins, rate.ties, rate.losses
    );
    if n >= ENOUGH {
        return Some(format!("{chose}: {}.{own}", likely(&rate.estimate)));
    }
    let there: BTreeSet<&str> = pairs
        .iter()
        .filter(|votes| !votes.unanswered)
        .map(|votes| votes.pair.prompt.prompt_id.as_str())
        .collect();
    let more = match there.len() < ENOUGH {
        true => format!("a figure needs votes on {ENOUGH} prompts, and this evaluation has fewer"),
        false => format!(
            "votes on {} needed for a figure, {}",
            match ENOUGH - n {
                1 => "1 more prompt is".to_owned(),
                more => format!("{more} more prompts are"),
            },
            rows.plan.command("vote", &format!("--as {}", if is_me(author) { "me" } else { spoken(author) }))
        ),
    };
    Some(format!("{chose}: {more}.{own}"))
}

/// Which of the prompts are from the author's texts, where the voice shows best: a sentence, and what follows where most are not.
fn of_own(pairs: &[&PairVotes], scores: &[PromptScore]) -> String {
    let own_prompts: BTreeSet<&str> = pairs
        .iter()
        .filter(|votes| votes.pair.prompt.domain == Domain::In)
        .map(|votes| votes.pair.prompt.prompt_id.as_str())
        .collect();
    let own: Vec<&PromptScore> =
        scores.iter().filter(|score| own_prompts.contains(score.prompt_id)).collect();
    let (all, from_texts) = (scores.len(), own.len());
    let few = "so these votes say little about the voice";
    match from_texts {
        0 => format!(" None of these prompts is from the author's texts, {few}."),
        _ if from_texts == all => " All of these prompts are from the author's texts.".to_owned(),
        _ => {
            let chosen = own.iter().filter(|score| score.score > 0.5).count();
            let not = own.iter().filter(|score| score.score < 0.5).count();
            let are = if from_texts == 1 { "is" } else { "are" };
            let most = if 2 * from_texts < all { format!(", {few}") } else { String::new() };
            format!(
                " Of these prompts {from_texts} {are} from the author's texts (chosen on {chosen}, tied on {}, not chosen on \
                 {not}), the other {} are on other subjects{most}.",
                from_texts - chosen - not,
                all - from_texts
            )
        }
    }
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
        let sentence = format!(
            "{} voted on by people and judges; from {FEWEST_HUMAN_VOTES} on the judges are corrected by them.",
            counted(both.len(), "pair", "pairs")
        );
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
    let figures = estimate.as_ref().map_or(String::new(), percent);
    Finding {
        label: "judges corrected by people".to_owned(),
        sentence: format!(
            "Judges corrected by {} of people: {figures}; judges and people name the same winner in {}.{}",
            counted(human.len(), "vote", "votes"),
            agreement(&both, &weights, is_even),
            if is_even {
                ""
            } else {
                " More pairs were drawn where judges split; the weights take that back."
            }
        ),
        estimate,
        measure: FindingMeasure::Share,
        p: None,
        rows: "votes.jsonl and judgments.jsonl".to_owned(),
    }
}

/// How often judges and people name the same winner, over all pairs and not only those that were drawn.
fn agreement(both: &[Both], weights: &[f64], is_even: bool) -> String {
    let same: Vec<f64> = both.iter().map(|pair| f64::from(u8::from(pair.names_the_same()))).collect();
    if is_even {
        let agreed = same.iter().filter(|same| **same == 1.0).count();
        return share(agreed, same.len(), "pairs").map_or(String::new(), |estimate| percent(&estimate));
    }
    let found = weighted_mean(&same, weights);
    found.map_or(String::new(), |found| {
        let half = t_quantile(0.975, found.n_effective - 1.0) * found.se;
        let bounds = ((found.mean - half).max(0.0), (found.mean + half).min(1.0));
        percent(&figure(found.mean, bounds, same.len(), "pairs", "weighed by the probability of being drawn"))
    })
}
