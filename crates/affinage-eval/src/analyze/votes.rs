//! Judgments become votes: positions are matched with the key, presentations with pairs, pairs with judges.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::comparisons::panel;
use super::disagreement::{Verdict, both_orders, conflict};
use super::judges::flips_like_a_coin;
use super::{AnalyzeError, Rows};
use crate::analysis::{Conflict, DividedPair, JudgeVote};
use crate::comparison::{Comparison, Pair, pairs};
use crate::interim;
use crate::judge::local::{TIE_BAND, outcome_of_p};
use crate::judgment::{Judgment, MissingReason, Outcome, PositionScores, Preference, is_author, is_person};
use crate::plan::PlannedComparison;

/// All votes of an evaluation.
pub struct Votes<'r> {
    /// In the order of the plan, then by prompt and sample.
    pub pairs: Vec<PairVotes<'r>>,
}

/// One pair and what every judge said about it.
pub struct PairVotes<'r> {
    pub pair: Pair<'r>,
    pub identical: bool,
    /// One of the two answers was lost in thought: whatever a judge said about it is no vote.
    pub unanswered: bool,
    /// By judge; a judge without an entry was not asked.
    pub judges: BTreeMap<&'r str, JudgePresentations<'r>>,
}

impl PairVotes<'_> {
    pub fn needs_judge(&self) -> bool {
        !self.identical && !self.unanswered
    }

    /// Mean scores in the first and second position of each judge that `counts` and judged both orders.
    pub fn in_both_orders(&self, counts: impl Fn(&JudgePresentations) -> bool) -> BTreeMap<&str, [f64; 2]> {
        let judges = self.judges.iter().filter(|(_, presentations)| counts(presentations));
        both_orders(judges.flat_map(|(judge_id, judge)| {
            judge.presentations.iter().map(|presentation| Verdict {
                judge_id,
                repeat: 0,
                is_first: presentation.arm_is_first,
                score: presentation.score,
            })
        }))
    }

    /// 1 over the chance with which the author, or else other people, were given this pair; 1 where nobody was. Ballots
    /// of either are nested, so the largest one tells the chance.
    pub fn draw_weight(&self, of_author: bool) -> f64 {
        let people = self.judges.iter().filter(|(id, judge)| judge.is_person && is_author(id) == of_author);
        let presentations = people.flat_map(|(_, judge)| &judge.presentations);
        let chances = presentations.filter_map(|presentation| presentation.judgment.draw_probability);
        chances.reduce(f64::max).map_or(1.0, |chance| 1.0 / chance)
    }
}

/// One judge's presentations on one pair.
#[derive(Default)]
pub struct JudgePresentations<'r> {
    pub presentations: Vec<JudgedPresentation<'r>>,
    /// The same comparisons asked again: they show how far the judge agrees with itself and are no votes.
    pub repeats: Vec<JudgedPresentation<'r>>,
    /// Failed its exam, or is the author of the texts: shown, and left out of the mean.
    pub is_apart: bool,
    /// People see a pair in one order: the other half of a pair's presentations goes to other people.
    pub is_person: bool,
    /// The stored winner contradicts the judge's own scores: apart, too.
    pub is_inverted: bool,
    /// It took no exam and its winner changes with the order as often as a coin's: apart, where others are left.
    pub is_coin: bool,
}

/// One judgment, unblinded.
pub struct JudgedPresentation<'r> {
    pub arm_is_first: bool,
    pub arm_has_label_x: bool,
    /// 1 for the arm, .5 for a tie, 0 against; `None` when missing.
    pub score: Option<f64>,
    /// Probability of the arm's label, from local judges.
    pub p_arm: Option<f64>,
    pub missing: Option<MissingReason>,
    pub judgment: &'r Judgment,
}

impl JudgedPresentation<'_> {
    /// The criterion scores as (arm, against).
    pub fn criteria(&self) -> Option<([f64; 5], [f64; 5])> {
        let PositionScores { first, second } = self.judgment.scores.as_ref()?;
        let (first, second) = (first.values(), second.values());
        Some(if self.arm_is_first { (first, second) } else { (second, first) })
    }
}

impl JudgePresentations<'_> {
    /// Mean score in one position; `None` when no valid presentation has the arm there.
    pub fn position_score(&self, arm_is_first: bool) -> Option<f64> {
        let presentations =
            self.presentations.iter().filter(|presentation| presentation.arm_is_first == arm_is_first);
        crate::stats::mean::mean(
            &presentations.filter_map(|presentation| presentation.score).collect::<Vec<f64>>(),
        )
    }

    /// The judge's score of the arm on this pair: the mean of both positions, or for probabilities the vote of
    /// their mean. `None` unless both positions are valid.
    pub fn score(&self) -> Option<f64> {
        if self.is_person {
            return crate::stats::mean::mean(
                &self
                    .presentations
                    .iter()
                    .filter_map(|presentation| presentation.score)
                    .collect::<Vec<f64>>(),
            );
        }
        let (first, second) = (self.position_score(true)?, self.position_score(false)?);
        match self.p_arm() {
            Some(p) => Some(match outcome_of_p(p) {
                Outcome::First => 1.0,
                Outcome::Second => 0.0,
                Outcome::Tie | Outcome::Missing { .. } => 0.5,
            }),
            None => Some(0.5 * (first + second)),
        }
    }

    /// Mean over both positions of the arm's label probability, where every valid presentation has one.
    pub fn p_arm(&self) -> Option<f64> {
        let slot = |arm_is_first: bool| {
            let presentations =
                self.presentations.iter().filter(|c| c.arm_is_first == arm_is_first && c.score.is_some());
            let p: Option<Vec<f64>> = presentations.map(|presentation| presentation.p_arm).collect();
            crate::stats::mean::mean(&p?)
        };
        Some(0.5 * (slot(true)? + slot(false)?))
    }

    /// Whether the winner changed with the order; `None` unless both positions are decisive.
    pub fn flipped(&self) -> Option<bool> {
        let (first, second) = (self.position_score(true)?, self.position_score(false)?);
        (first != 0.5 && second != 0.5).then_some((first > 0.5) != (second > 0.5))
    }
}

impl<'r> Votes<'r> {
    pub fn of<'v>(&'v self, planned: &'v PlannedComparison) -> impl Iterator<Item = &'v PairVotes<'r>> {
        self.pairs.iter().filter(move |votes| votes.pair.planned == planned)
    }
}

/// Matches every judgment with its pair. Judgments of comparisons that the plan does not ask for are ignored.
pub fn collect<'r>(rows: &'r Rows<'r>) -> Result<Votes<'r>, AnalyzeError> {
    let mut by_pair: HashMap<&str, Vec<&Judgment>> = HashMap::new();
    for judgment in &rows.judgments {
        let Some(comparison) = rows.comparisons.get(judgment.comparison_id.as_str()) else {
            let (id, missing) =
                (judgment.judgment_id.clone(), format!("comparison {}", judgment.comparison_id));
            return Err(AnalyzeError::Dangling { kind: "judgment", id, missing });
        };
        by_pair.entry(&comparison.pair_id).or_default().push(judgment);
    }
    let mut collected = Vec::new();
    let looked_at = interim::looked_at(rows.plan, &rows.sorted_prompts, &judged_prompts(rows));
    for pair in pairs(rows.plan, &rows.sorted_prompts, &rows.sorted_completions) {
        if rows.plan.design.stops_early && !looked_at.contains(pair.prompt.prompt_id.as_str()) {
            continue;
        }
        let (identical, unanswered) = (pair.is_identical(), pair.lacks_answer());
        let mut judges: BTreeMap<&str, JudgePresentations> = BTreeMap::new();
        for judgment in by_pair.get(pair.pair_id.as_str()).into_iter().flatten() {
            let presentation = unblinded_presentation(rows, &pair, judgment)?;
            if unanswered {
                continue;
            }
            let judge = judges.entry(&judgment.judge_id).or_default();
            judge.is_apart = rows.is_apart(&judgment.judge_id);
            judge.is_person = is_person(&judgment.judge_id);
            let presentations =
                if judgment.repeat == 0 { &mut judge.presentations } else { &mut judge.repeats };
            presentations.push(presentation);
        }
        collected.push(PairVotes { pair, identical, unanswered, judges });
    }
    bar(&mut collected);
    bar_coins(rows, &mut collected);
    Ok(Votes { pairs: collected })
}

/// Judges that took no exam and flip like a coin are left out of the mean, unless the panel of the headline is made of them.
fn bar_coins(rows: &Rows, pairs: &mut [PairVotes]) {
    if rows.everybody_counts {
        return;
    }
    let mut flips: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for (judge_id, presentations) in pairs.iter().flat_map(|votes| &votes.judges) {
        if !presentations.is_person && !presentations.is_apart && !rows.exams.contains_key(judge_id) {
            flips.entry(judge_id).or_default().extend(presentations.flipped());
        }
    }
    flips.retain(|_, flips| flips_like_a_coin(flips));
    let of_headline: Vec<&PairVotes> =
        pairs.iter().filter(|votes| *votes.pair.planned == rows.plan.headline).collect();
    if panel(&of_headline).iter().all(|judge| flips.contains_key(judge)) {
        return;
    }
    let coins: BTreeSet<String> = flips.into_keys().map(str::to_owned).collect();
    for (judge_id, presentations) in pairs.iter_mut().flat_map(|votes| &mut votes.judges) {
        presentations.is_coin = coins.contains(*judge_id);
        presentations.is_apart |= presentations.is_coin;
    }
}

fn judged_prompts<'r>(rows: &Rows<'r>) -> BTreeSet<&'r str> {
    let judged =
        rows.judgments.iter().filter_map(|judgment| rows.comparisons.get(judgment.comparison_id.as_str()));
    judged.map(|comparison| comparison.prompt_id.as_str()).collect()
}

/// The label that was said must be the label of the position that won: a swapped outcome stops the analysis.
fn check_position(judgment: &Judgment, comparison: &Comparison) -> Result<(), AnalyzeError> {
    let position_label = match judgment.outcome {
        Outcome::First => &comparison.first.label,
        Outcome::Second => &comparison.second.label,
        Outcome::Tie | Outcome::Missing { .. } => return Ok(()),
    };
    match &judgment.label_said {
        Some(label) if label != position_label => Err(AnalyzeError::WrongPosition {
            judgment_id: judgment.judgment_id.clone(),
            label: label.clone(),
            position_label: position_label.clone(),
        }),
        _ => Ok(()),
    }
}

/// A judge whose stored winners contradict its own scores is left out of the mean.
fn bar(pairs: &mut [PairVotes]) {
    let mut agreed: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (judge_id, presentations) in pairs.iter().flat_map(|votes| &votes.judges) {
        let entry = agreed.entry(judge_id).or_default();
        for presentation in &presentations.presentations {
            let (Some((arm, against)), Some(score)) = (presentation.criteria(), presentation.score) else {
                continue;
            };
            let gap: f64 = arm.iter().zip(against).map(|(a, b)| a - b).sum();
            if score != 0.5 && gap != 0.0 {
                entry.0 += u64::from((gap > 0.0) == (score > 0.5));
                entry.1 += 1;
            }
        }
    }
    let inverted: Vec<String> = agreed
        .iter()
        .filter(|(_, (k, n))| is_inverted(*k, *n))
        .map(|(judge_id, _)| (*judge_id).to_owned())
        .collect();
    for (judge_id, presentations) in pairs.iter_mut().flat_map(|votes| &mut votes.judges) {
        presentations.is_inverted = inverted.iter().any(|id| id == judge_id);
        presentations.is_apart |= presentations.is_inverted;
    }
}

/// Winner and own scores agree in `k` of `n` verdicts: so seldom that chance does not explain it (one-sided, .001).
fn is_inverted(k: u64, n: u64) -> bool {
    n >= 12 && 1.0 - crate::stats::special::binomial_sf(k + 1, n, 0.5) < 0.001
}

fn unblinded_presentation<'r>(
    rows: &'r Rows<'r>,
    pair: &Pair,
    judgment: &'r Judgment,
) -> Result<JudgedPresentation<'r>, AnalyzeError> {
    let comparison = rows.comparisons[judgment.comparison_id.as_str()];
    let Some(key) = rows.keys.get(comparison.comparison_id.as_str()) else {
        return Err(AnalyzeError::NoKey { comparison_id: comparison.comparison_id.clone() });
    };
    for (position, key_arm) in [(&comparison.first, &key.first_arm), (&comparison.second, &key.second_arm)] {
        let Some(completion) = rows.completions.get(position.completion_id.as_str()) else {
            let (id, missing) =
                (comparison.comparison_id.clone(), format!("completion {}", position.completion_id));
            return Err(AnalyzeError::Dangling { kind: "comparison", id, missing });
        };
        if completion.arm != *key_arm {
            let (comparison_id, key_arm) = (comparison.comparison_id.clone(), key_arm.clone());
            return Err(AnalyzeError::WrongKey { comparison_id, key_arm, arm: completion.arm.clone() });
        }
    }
    check_position(judgment, comparison)?;
    if let Some(found) = judgment.draw_probability.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
        return Err(AnalyzeError::BadProbability { judgment_id: judgment.judgment_id.clone(), found });
    }
    let arm_is_first = key.first_arm == pair.arm.arm;
    let score = judgment.outcome.unblind(key).map(|preference| match preference {
        Preference::Tie => 0.5,
        Preference::For(arm) if arm == pair.arm.arm => 1.0,
        Preference::For(_) => 0.0,
    });
    let missing = match judgment.outcome {
        Outcome::Missing { reason } => Some(reason),
        Outcome::First | Outcome::Second | Outcome::Tie => None,
    };
    Ok(JudgedPresentation {
        arm_is_first,
        arm_has_label_x: has_label_x(comparison, arm_is_first),
        score,
        p_arm: judgment.p_first.map(|p| if arm_is_first { p } else { 1.0 - p }),
        missing,
        judgment,
    })
}

fn has_label_x(comparison: &Comparison, arm_is_first: bool) -> bool {
    comparison.first_position_has_label_x() == arm_is_first
}

/// Pairs of the headline on which the judges that count split, as the findings and the page count it: see
/// [`super::disagreement::conflict`]. Of a single judge, the pairs whose verdict changes with the order.
pub fn split(rows: &Rows, votes: &Votes) -> BTreeSet<String> {
    let is_split = |pair: &&PairVotes| {
        let judges = pair.in_both_orders(|presentations| !presentations.is_apart);
        let conflict = conflict(judges.values());
        if judges.len() == 1 { conflict == Conflict::Unstable } else { conflict == Conflict::Split }
    };
    votes.of(&rows.plan.headline).filter(is_split).map(|votes| votes.pair.pair_id.clone()).collect()
}

/// What judges make of every pair that one of them judged in both orders, by its id.
pub fn conflicts(votes: &Votes) -> BTreeMap<String, Conflict> {
    let of =
        |pair: &PairVotes| conflict(pair.in_both_orders(|presentations| !presentations.is_inverted).values());
    let all = votes.pairs.iter().map(|pair| (pair.pair.pair_id.clone(), of(pair)));
    all.filter(|(_, conflict)| *conflict != Conflict::Unjudged).collect()
}

/// At most this many divided pairs are listed.
const DIVIDED_PAIRS: usize = 20;

/// The pairs on which judges, or the positions of one judge, disagree most.
pub fn divided(rows: &Rows, votes: &Votes) -> Vec<DividedPair> {
    let mut divided: Vec<DividedPair> =
        votes.pairs.iter().filter_map(divided_pair).filter(|pair| pair.division > 0.0).collect();
    divided.sort_by(|a, b| b.division.total_cmp(&a.division).then_with(|| a.pair_id.cmp(&b.pair_id)));
    divided.dedup_by(|a, b| a.pair_id == b.pair_id);
    divided.truncate(DIVIDED_PAIRS.min(rows.completions.len()));
    divided
}

fn divided_pair(votes: &PairVotes) -> Option<DividedPair> {
    let mut listed = Vec::new();
    let mut within = Vec::new();
    for (judge_id, presentations) in &votes.judges {
        let (Some(score), Some(first), Some(second)) =
            (presentations.score(), presentations.position_score(true), presentations.position_score(false))
        else {
            continue;
        };
        let p_is_close = presentations.p_arm().is_some_and(|p| (p - 0.5).abs() < TIE_BAND);
        within.push((first - second).powi(2) / 4.0);
        let stable = first == second && !p_is_close;
        listed.push(JudgeVote { judge_id: (*judge_id).to_owned(), score, stable });
    }
    let scores: Vec<f64> = listed.iter().map(|vote| vote.score).collect();
    let between = crate::stats::mean::variance(&scores).unwrap_or(0.0);
    let pair = &votes.pair;
    Some(DividedPair {
        pair_id: pair.pair_id.clone(),
        prompt_id: pair.prompt.prompt_id.clone(),
        category: pair.prompt.category.clone(),
        arm: pair.arm.arm.clone(),
        against: pair.against.arm.clone(),
        arm_completion_id: pair.arm.completion_id.clone(),
        against_completion_id: pair.against.completion_id.clone(),
        division: between + crate::stats::mean::mean(&within)?,
        votes: listed,
    })
}
