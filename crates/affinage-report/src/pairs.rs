//! The pairs to read, as data for the page's browser: blind until the reader asks.
//!
//! Left and right are dealt by a seeded coin, so that the place says nothing about the arm. Judges' verdicts are
//! told in terms of left and right.

use std::collections::{BTreeMap, BTreeSet};

use affinage_eval::analysis::Conflict;
use affinage_eval::comparison::{Comparison, Pair, pairs};
use affinage_eval::completion::{Completion, FinishReason};
use affinage_eval::judgment::{Judgment, Outcome, PositionScores, is_person, spoken};
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
    /// Without the thought before it.
    text: String,
    cut: bool,
    /// Ended while thinking.
    lost: bool,
    tokens: usize,
}

const SPLIT: &str = Conflict::Split.name();

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
    /// "split", "unstable", "agreed", "unjudged", "unknown" where the analysis is older than the question, or why there is nothing to judge: "identical", "unanswered".
    conflict: &'static str,
    /// Variance of the votes where judges split, 0 elsewhere.
    division: f64,
    votes: Vec<Vote>,
}

#[cfg(test)]
impl PairRow {
    /// The pair with this id, if judges name different winners of it.
    pub fn is_split(&self, id: &str) -> bool {
        self.id == id && self.conflict == SPLIT
    }
}

/// One verdict. Sides: 0 left, 1 right.
#[derive(Debug, Serialize)]
struct Vote {
    judge: String,
    is_person: bool,
    /// The side that sat in the first position.
    first_seat: usize,
    /// Labels of left and right as the judge saw them.
    labels: [String; 2],
    /// "0", "1", "tie", or the reason why there is none.
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    p_first: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<PositionScores>,
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
    let conflicts = evidence.analysis.pair_conflicts.as_ref();
    let rows: Vec<PairRow> = all
        .iter()
        .map(|pair| {
            let verdicts = verdicts.get(pair.pair_id.as_str()).map_or(&[][..], Vec::as_slice);
            let comparison =
                plan.comparisons.iter().position(|c| c == pair.planned).expect("pairs come from the plan");
            let division = division.get(pair.pair_id.as_str()).copied().unwrap_or(0.0);
            let conflict = conflict_of(pair, conflicts);
            pair_row(pair, comparison, verdicts, (division, conflict), plan.seed)
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
    /// Whether votes divide any pair: one voter alone cannot.
    pub fn has_divided(&self) -> bool {
        self.pairs.iter().any(|pair| pair.division > 0.0)
    }

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
                text: completion.answer().to_owned(),
                lost: completion.is_lost_in_thought(),
                cut: completion.finish_reason == FinishReason::Length,
                tokens: completion.answer_tokens().unwrap_or(0),
            });
        }
    }
}

/// Positions in the order in which they are given room: conflicts of values, divided pairs, then random ones of every comparison in
/// turn, 50 of each, then the rest.
fn reading_order(rows: &[PairRow], comparisons: usize, seed: u64) -> Vec<usize> {
    let mut divided: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].division > 0.0).collect();
    divided.sort_by(|&a, &b| rows[b].division.total_cmp(&rows[a].division));
    divided.truncate(RANDOM_PAIRS * comparisons);
    let split = (0..rows.len()).filter(|&i| rows[i].conflict == SPLIT);
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
    split.chain(divided).chain(first).chain(rest).filter(|&i| seen.insert(i)).collect()
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
    (division, conflict): (f64, &'static str),
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
        conflict,
        division,
        sides,
        votes,
    }
}

fn vote(sides: &[String; 2], comparison: &Comparison, judgment: &Judgment) -> Vote {
    let first_seat = usize::from(comparison.first.completion_id != sides[0]);
    let positions = [&comparison.first.label, &comparison.second.label];
    let verdict = match judgment.outcome {
        Outcome::First => first_seat.to_string(),
        Outcome::Second => (1 - first_seat).to_string(),
        Outcome::Tie => "tie".to_owned(),
        Outcome::Missing { reason } => reason.name().to_owned(),
    };
    Vote {
        judge: spoken(&judgment.judge_id).to_owned(),
        is_person: is_person(&judgment.judge_id),
        first_seat,
        labels: [positions[first_seat].clone(), positions[1 - first_seat].clone()],
        verdict,
        p_first: judgment.p_first,
        scores: judgment.scores.clone(),
        rationale: judgment.rationale.clone().filter(|text| !text.trim().is_empty()),
        id: judgment.judgment_id.clone(),
    }
}

/// Why there is nothing to judge, else what the analysis says of the pair.
fn conflict_of(pair: &Pair, conflicts: Option<&BTreeMap<String, Conflict>>) -> &'static str {
    if pair.lacks_answer() {
        return "unanswered";
    }
    if pair.is_identical() {
        return "identical";
    }
    let Some(conflicts) = conflicts else { return "unknown" };
    conflicts.get(&pair.pair_id).copied().unwrap_or(Conflict::Unjudged).name()
}
