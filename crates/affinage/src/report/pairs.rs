//! The pairs to read, as data for the page's browser: blind until the reader asks.
//!
//! Left and right are dealt by a seeded coin, so that the place says nothing about the arm. Judges' verdicts are
//! told in terms of left and right.

use std::collections::{BTreeMap, BTreeSet};

use affinage_eval::comparison::{Comparison, Pair, pairs};
use affinage_eval::completion::{Completion, FinishReason};
use affinage_eval::judgment::{Judgment, Outcome, SeatScores};
use affinage_eval::rng::Rng;
use affinage_eval::suite::Domain;
use serde::Serialize;

use super::arms::Arms;
use super::evidence::Evidence;

/// Texts that the page carries; beyond it a selection is made.
pub const MAX_TEXT_BYTES: usize = 2_000_000;
/// Of every planned comparison, when not all pairs fit.
const RANDOM_PAIRS: usize = 50;

/// Everything that the browser shows.
#[derive(Debug, Serialize)]
pub struct PairData {
    comparisons: Vec<ComparisonName>,
    prompts: BTreeMap<String, PromptText>,
    answers: BTreeMap<String, Answer>,
    pub pairs: Vec<PairRow>,
    /// Pairs of the evaluation; those that are not in `pairs` stay in the files.
    pub total: usize,
}

#[derive(Debug, Serialize)]
struct ComparisonName {
    arm: ArmName,
    against: ArmName,
}

#[derive(Debug, Serialize)]
struct ArmName {
    name: String,
    short: String,
    class: &'static str,
    shape: &'static str,
}

#[derive(Debug, Serialize)]
struct PromptText {
    category: String,
    domain: &'static str,
    messages: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
struct Answer {
    text: String,
    cut: bool,
    tokens: usize,
}

/// How the judges' votes on a pair stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// Judges name different winners, each the same in both orders.
    Split,
    /// Some verdict changed with the order.
    Unstable,
    Agreed,
    Unjudged,
    /// The same text twice: a tie without a judge.
    Identical,
}

#[derive(Debug, Serialize)]
pub struct PairRow {
    id: String,
    /// Index into the planned comparisons.
    comparison: usize,
    prompt: String,
    /// Completion ids, left and right.
    sides: [String; 2],
    /// Which side is the first-named arm of the comparison: 0 or 1.
    arm_side: usize,
    conflict: Conflict,
    /// Variance of the votes where judges split, 0 elsewhere.
    division: f64,
    votes: Vec<Vote>,
}

#[cfg(test)]
impl PairRow {
    /// The pair with this id, if judges name different winners of it.
    pub fn is_split(&self, id: &str) -> bool {
        self.id == id && self.conflict == Conflict::Split
    }
}

/// One verdict. Sides: 0 left, 1 right.
#[derive(Debug, Serialize)]
struct Vote {
    judge: String,
    /// The side that sat in the first seat.
    first_seat: usize,
    /// Labels of left and right as the judge saw them.
    labels: [String; 2],
    /// "0", "1", "tie", or the reason why there is none.
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    p_first: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<SeatScores>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rationale: Option<String>,
    id: String,
}

/// Collects the pairs and, when their texts exceed [`MAX_TEXT_BYTES`], chooses.
pub fn collect(evidence: &Evidence, arms: &Arms) -> PairData {
    let plan = &evidence.plan;
    let all = pairs(plan, &evidence.prompts, &evidence.completions);
    let verdicts = verdicts_by_pair(evidence);
    let division: BTreeMap<&str, f64> =
        evidence.analysis.divided_pairs.iter().map(|pair| (pair.pair_id.as_str(), pair.division)).collect();
    let rows: Vec<PairRow> = all
        .iter()
        .map(|pair| {
            let verdicts = verdicts.get(pair.pair_id.as_str()).map_or(&[][..], Vec::as_slice);
            let comparison =
                plan.comparisons.iter().position(|c| c == pair.planned).expect("pairs come from the plan");
            let division = division.get(pair.pair_id.as_str()).copied().unwrap_or(0.0);
            pair_row(pair, comparison, verdicts, division, plan.seed)
        })
        .collect();
    let mut data = PairData {
        comparisons: plan
            .comparisons
            .iter()
            .map(|c| ComparisonName { arm: name(arms, &c.arm), against: name(arms, &c.against) })
            .collect(),
        prompts: BTreeMap::new(),
        answers: BTreeMap::new(),
        pairs: Vec::new(),
        total: rows.len(),
    };
    let order = reading_order(&rows, plan.comparisons.len(), plan.seed);
    let mut budget = MAX_TEXT_BYTES;
    let mut kept = BTreeSet::new();
    for position in order {
        let cost = data.cost(&rows[position], &all[position]);
        if cost > budget {
            continue;
        }
        budget -= cost;
        data.add_texts(&all[position]);
        kept.insert(position);
    }
    data.pairs = rows.into_iter().enumerate().filter(|(i, _)| kept.contains(i)).map(|(_, row)| row).collect();
    data.pairs.sort_by(|a, b| b.division.total_cmp(&a.division));
    data
}

fn name(arms: &Arms, arm: &str) -> ArmName {
    let look = arms.look(arm);
    ArmName { name: arm.to_owned(), short: arms.short(arm), class: look.class, shape: look.shape.name() }
}

impl PairData {
    /// Bytes that the pair would add, with a little for its JSON.
    fn cost(&self, row: &PairRow, pair: &Pair) -> usize {
        let answer =
            |c: &Completion| if self.answers.contains_key(&c.completion_id) { 0 } else { c.text.len() };
        let prompt = match self.prompts.contains_key(&pair.prompt.prompt_id) {
            true => 0,
            false => pair.prompt.messages.iter().map(|m| m.content.len()).sum(),
        };
        let votes: usize = row.votes.iter().map(|v| 160 + v.rationale.as_ref().map_or(0, String::len)).sum();
        300 + answer(pair.arm) + answer(pair.against) + prompt + votes
    }

    fn add_texts(&mut self, pair: &Pair) {
        self.prompts.entry(pair.prompt.prompt_id.clone()).or_insert_with(|| PromptText {
            category: pair.prompt.category.clone(),
            domain: match pair.prompt.domain {
                Domain::In => "in",
                Domain::Out => "out",
            },
            messages: pair.prompt.messages.iter().map(|m| (m.role.as_str(), m.content.clone())).collect(),
        });
        for completion in [pair.arm, pair.against] {
            self.answers.entry(completion.completion_id.clone()).or_insert_with(|| Answer {
                text: completion.text.clone(),
                cut: completion.finish_reason == FinishReason::Length,
                tokens: completion.tokens,
            });
        }
    }
}

/// Positions in the order in which they are given room: divided pairs, then random ones of every comparison in
/// turn, 50 of each, then the rest.
fn reading_order(rows: &[PairRow], comparisons: usize, seed: u64) -> Vec<usize> {
    let mut divided: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].division > 0.0).collect();
    divided.sort_by(|&a, &b| rows[b].division.total_cmp(&rows[a].division));
    divided.truncate(RANDOM_PAIRS * comparisons);
    let mut random: Vec<usize> = (0..rows.len()).collect();
    Rng::for_purpose(seed, &["report", "pairs to read"]).shuffle(&mut random);
    let mut given = vec![0usize; comparisons];
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for position in random {
        let given = &mut given[rows[position].comparison];
        *given += 1;
        if *given <= RANDOM_PAIRS { first.push(position) } else { rest.push(position) }
    }
    let mut seen = BTreeSet::new();
    divided.into_iter().chain(first).chain(rest).filter(|&i| seen.insert(i)).collect()
}

/// Every verdict with the comparison that it is about, by pair.
fn verdicts_by_pair(evidence: &Evidence) -> BTreeMap<&str, Vec<(&Comparison, &Judgment)>> {
    let comparisons: BTreeMap<&str, &Comparison> =
        evidence.comparisons.iter().map(|c| (c.comparison_id.as_str(), c)).collect();
    let mut by_pair: BTreeMap<&str, Vec<(&Comparison, &Judgment)>> = BTreeMap::new();
    for judgment in &evidence.judgments {
        if let Some(comparison) = comparisons.get(judgment.comparison_id.as_str()) {
            by_pair.entry(&comparison.pair_id).or_default().push((comparison, judgment));
        }
    }
    for verdicts in by_pair.values_mut() {
        verdicts.sort_by(|a, b| {
            (&a.1.judge_id, a.1.repeat, &a.0.comparison_id).cmp(&(
                &b.1.judge_id,
                b.1.repeat,
                &b.0.comparison_id,
            ))
        });
    }
    by_pair
}

fn pair_row(
    pair: &Pair,
    comparison: usize,
    verdicts: &[(&Comparison, &Judgment)],
    division: f64,
    seed: u64,
) -> PairRow {
    let arm_side = Rng::for_purpose(seed, &["report", "side", &pair.pair_id]).below(2);
    let mut sides = [pair.arm.completion_id.clone(), pair.against.completion_id.clone()];
    if arm_side == 1 {
        sides.reverse();
    }
    let votes: Vec<Vote> =
        verdicts.iter().map(|(comparison, judgment)| vote(&sides, comparison, judgment)).collect();
    PairRow {
        id: pair.pair_id.clone(),
        comparison,
        prompt: pair.prompt.prompt_id.clone(),
        arm_side,
        conflict: if pair.is_identical() { Conflict::Identical } else { conflict(&votes) },
        division,
        sides,
        votes,
    }
}

fn vote(sides: &[String; 2], comparison: &Comparison, judgment: &Judgment) -> Vote {
    let first_seat = usize::from(comparison.first.completion_id != sides[0]);
    let seats = [&comparison.first.label, &comparison.second.label];
    let verdict = match judgment.outcome {
        Outcome::First => first_seat.to_string(),
        Outcome::Second => (1 - first_seat).to_string(),
        Outcome::Tie => "tie".to_owned(),
        Outcome::Missing { reason } => reason.name().to_owned(),
    };
    Vote {
        judge: judgment.judge_id.clone(),
        first_seat,
        labels: [seats[first_seat].clone(), seats[1 - first_seat].clone()],
        verdict,
        p_first: judgment.p_first,
        scores: judgment.scores.clone(),
        rationale: judgment.rationale.clone().filter(|text| !text.trim().is_empty()),
        id: judgment.judgment_id.clone(),
    }
}

/// Stable judges against each other are a conflict of values; a winner that moves with the order is not.
fn conflict(votes: &[Vote]) -> Conflict {
    let mut winners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for vote in votes.iter().filter(|vote| matches!(vote.verdict.as_str(), "0" | "1" | "tie")) {
        winners.entry(&vote.judge).or_default().insert(&vote.verdict);
    }
    let stable: BTreeSet<&str> =
        winners.values().filter(|w| w.len() == 1).flatten().copied().filter(|w| *w != "tie").collect();
    if winners.is_empty() {
        Conflict::Unjudged
    } else if stable.len() > 1 {
        Conflict::Split
    } else if winners.values().any(|w| w.len() > 1) {
        Conflict::Unstable
    } else {
        Conflict::Agreed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote_of(judge: &str, verdict: &str) -> Vote {
        Vote {
            judge: judge.to_owned(),
            first_seat: 0,
            labels: ["K7".to_owned(), "M2".to_owned()],
            verdict: verdict.to_owned(),
            p_first: None,
            scores: None,
            rationale: None,
            id: String::new(),
        }
    }

    #[test]
    fn only_stable_opposites_are_a_conflict_of_values() {
        let of =
            |votes: &[(&str, &str)]| conflict(&votes.iter().map(|(j, v)| vote_of(j, v)).collect::<Vec<_>>());
        assert_eq!(of(&[("a", "0"), ("a", "0"), ("b", "1"), ("b", "1")]), Conflict::Split);
        assert_eq!(of(&[("a", "0"), ("a", "1"), ("b", "1"), ("b", "1")]), Conflict::Unstable);
        assert_eq!(of(&[("a", "0"), ("b", "0"), ("b", "refusal")]), Conflict::Agreed);
        assert_eq!(of(&[("a", "no verdict found")]), Conflict::Unjudged);
        assert_eq!(of(&[("a", "tie"), ("a", "tie"), ("b", "1"), ("b", "1")]), Conflict::Agreed);
    }
}
