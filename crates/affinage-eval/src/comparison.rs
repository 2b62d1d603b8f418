//! Who meets whom, in which position and under which label.
//!
//! A judge sees two answers in two positions under two neutral labels. Both positions are judged: an answer that is
//! first in one presentation is second in the next. Labels are dealt in seeded blocks of four, which hold each of the
//! four ways to label the two presentations once, so that over prompts the label says nothing about the position
//! (2x2 counterbalancing with two calls per prompt; with four, each pair has all four presentations).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;
use crate::completion::Completion;
use crate::id::row_id;
use crate::plan::{Plan, PlannedComparison};
use crate::rng::Rng;
use crate::suite::Prompt;
use crate::text::squeeze;

/// One line of `comparisons.jsonl`: what one call shows. It names no arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub v: u32,
    pub comparison_id: String,
    /// The two completions, whatever their order and labels.
    pub pair_id: String,
    pub prompt_id: String,
    pub first: Position,
    pub second: Position,
}

/// A place in the request and the answer that sits there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub completion_id: String,
    /// "K7": what the judge calls this answer.
    pub label: String,
}

/// One line of `blind_key.jsonl`: the only row that says which arm sat where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlindKey {
    pub v: u32,
    pub comparison_id: String,
    pub first_arm: String,
    pub second_arm: String,
}

/// Two labels that may stand in one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelPair {
    pub x: &'static str,
    pub y: &'static str,
}

/// The labels in use: a letter and a digit that suggest no order and no mark (no A, B, 1, 2).
pub const LABELS: [&str; 10] = ["K7", "M2", "R4", "T9", "H3", "P6", "W5", "C8", "V6", "N4"];

/// Two answers to one prompt that are to be compared.
#[derive(Clone, Debug)]
pub struct Pair<'a> {
    pub pair_id: String,
    pub planned: &'a PlannedComparison,
    pub prompt: &'a Prompt,
    pub arm: &'a Completion,
    pub against: &'a Completion,
}

impl Pair<'_> {
    /// Equal up to white space: a tie that needs no judge.
    pub fn is_identical(&self) -> bool {
        !self.lacks_answer() && squeeze(self.arm.answer()) == squeeze(self.against.answer())
    }

    /// One of the two was lost in thought: there is nothing to compare, and nobody loses.
    pub fn lacks_answer(&self) -> bool {
        self.arm.is_lost_in_thought() || self.against.is_lost_in_thought()
    }

    /// Whether somebody has to say which is better.
    pub fn needs_judge(&self) -> bool {
        !self.lacks_answer() && !self.is_identical()
    }
}

/// Neighbouring labels of [`LABELS`] for which `token_count` gives the same number, so that the summed
/// log-probabilities of a local judge are comparable. A judge behind an API takes `|_| 1`.
pub fn label_pairs(token_count: impl Fn(&str) -> usize) -> Vec<LabelPair> {
    LABELS
        .chunks_exact(2)
        .map(|pair| LabelPair { x: pair[0], y: pair[1] })
        .filter(|pair| token_count(pair.x) == token_count(pair.y))
        .collect()
}

/// The id of two completions, the same for either order.
pub fn pair_id(one: &str, other: &str) -> String {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    row_id("pair", &[low, high])
}

/// All pairs that the plan asks for and whose two answers exist, in the order of plan, prompts and samples.
/// Answers meet on equal prompt and sample number. Prompts with a check are left out: what can be checked is
/// not judged.
pub fn pairs<'a>(plan: &'a Plan, prompts: &'a [Prompt], completions: &'a [Completion]) -> Vec<Pair<'a>> {
    let answers: BTreeMap<(&str, &str, u32), &Completion> =
        completions.iter().map(|c| ((c.prompt_id.as_str(), c.arm.as_str(), c.sample), c)).collect();
    let mut pairs = Vec::new();
    for planned in &plan.comparisons {
        for prompt in prompts.iter().filter(|prompt| is_judged(prompt, planned)) {
            for sample in 0..plan.samples() {
                let answer = |arm: &str| answers.get(&(prompt.prompt_id.as_str(), arm, sample)).copied();
                if let (Some(arm), Some(against)) = (answer(&planned.arm), answer(&planned.against)) {
                    let pair_id = pair_id(&arm.completion_id, &against.completion_id);
                    pairs.push(Pair { pair_id, planned, prompt, arm, against });
                }
            }
        }
    }
    pairs
}

/// How many answers the planned comparisons still lack. Labels are dealt over all pairs, so judging waits until
/// none is missing.
pub fn missing_answers(plan: &Plan, prompts: &[Prompt], completions: &[Completion]) -> usize {
    let present: BTreeSet<(&str, &str, u32)> =
        completions.iter().map(|c| (c.prompt_id.as_str(), c.arm.as_str(), c.sample)).collect();
    let mut needed: BTreeSet<(&str, &str, u32)> = BTreeSet::new();
    for planned in &plan.comparisons {
        for prompt in prompts.iter().filter(|prompt| is_judged(prompt, planned)) {
            for arm in [&planned.arm, &planned.against] {
                needed.extend((0..plan.samples()).map(|s| (prompt.prompt_id.as_str(), arm.as_str(), s)));
            }
        }
    }
    needed.difference(&present).count()
}

fn is_judged(prompt: &Prompt, planned: &PlannedComparison) -> bool {
    prompt.check.is_none() && planned.scope.covers(prompt)
}

/// How many ways of showing a pair are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presentations {
    /// Both orders; the label is balanced over prompts.
    #[default]
    Two,
    /// Both orders, each under both labels.
    Four,
}

/// The presentations of every pair for one judge, in the order in which that judge is asked.
///
/// Identical pairs, and those that lack an answer, get no presentation. The labels and the order depend on `judge_id`, so that judges do not share an
/// accident of the draw. Panics if `labels` is empty.
pub fn presentations_for_judge(
    pairs: &[Pair],
    judge_id: &str,
    seed: u64,
    labels: &[LabelPair],
    presentations_per_pair: Presentations,
) -> Vec<(Comparison, BlindKey)> {
    let mut dealer = LabelDealer::new(labels, seed, judge_id);
    let mut presentations = Vec::with_capacity(2 * pairs.len());
    for pair in dealt(pairs, judge_id, seed) {
        let [(arm, against), (arm_again, against_again)] = dealer.deal();
        let mut add = |arm_is_first: bool, (arm, against): (&str, &str)| {
            let (arm, against) = (Shown::of(pair.arm, arm), Shown::of(pair.against, against));
            let positions = if arm_is_first { [arm, against] } else { [against, arm] };
            presentations.push(presentation(&pair.pair_id, &pair.prompt.prompt_id, positions));
        };
        add(true, (arm, against));
        add(false, (arm_again, against_again));
        if presentations_per_pair == Presentations::Four {
            add(true, (against, arm));
            add(false, (against_again, arm_again));
        }
    }
    dealer.rng.shuffle(&mut presentations);
    presentations
}

/// The presentations that a judge is asked a second time, to see how far it agrees with itself: a seeded choice of 40 or a
/// tenth, whichever is more; all where there are fewer.
pub fn repeated_presentations(
    presentations: &[(Comparison, BlindKey)],
    judge_id: &str,
    seed: u64,
) -> Vec<Comparison> {
    let mut chosen: Vec<&Comparison> = presentations.iter().map(|(comparison, _)| comparison).collect();
    chosen.sort_by(|a, b| a.comparison_id.cmp(&b.comparison_id));
    Rng::for_purpose(seed, &["repeats", judge_id]).shuffle(&mut chosen);
    chosen.truncate(REPEATS.max(presentations.len().div_ceil(10)));
    chosen.into_iter().cloned().collect()
}

/// Below this many repeated calls, agreement with oneself says nothing: 4 of 4 gives [.40, 1].
pub const REPEATS: usize = 40;

/// Deals labels in seeded blocks of four, which hold each of the four ways to label two presentations once.
pub(crate) struct LabelDealer<'l> {
    labels: &'l [LabelPair],
    block: Vec<usize>,
    pub(crate) rng: Rng,
}

impl<'l> LabelDealer<'l> {
    pub(crate) fn new(labels: &'l [LabelPair], seed: u64, judge_id: &str) -> LabelDealer<'l> {
        assert!(!labels.is_empty(), "a comparison needs two labels");
        LabelDealer { labels, block: Vec::new(), rng: Rng::for_purpose(seed, &["labels", judge_id]) }
    }

    /// Labels of (arm, against) for the presentation with the arm in the first position, then for the other.
    pub(crate) fn deal(&mut self) -> [(&'static str, &'static str); 2] {
        if self.block.is_empty() {
            self.block = vec![0, 1, 2, 3];
            self.rng.shuffle(&mut self.block);
        }
        let pattern = self.block.pop().expect("a block was just dealt");
        let pair = &self.labels[self.rng.below(self.labels.len())];
        let labels = |bit: usize| if pattern & bit == 0 { (pair.x, pair.y) } else { (pair.y, pair.x) };
        [labels(1), labels(2)]
    }
}

/// The pairs that need a judge, categories together (so that a block of four stays within one where it can),
/// in random order inside.
fn dealt<'p, 'a>(pairs: &'p [Pair<'a>], judge_id: &str, seed: u64) -> Vec<&'p Pair<'a>> {
    let mut rng = Rng::for_purpose(seed, &["blocks", judge_id]);
    let mut dealt: Vec<(&PlannedComparison, &str, u64, &Pair)> = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.needs_judge()) {
        dealt.push((pair.planned, &pair.prompt.category, rng.next_u64(), pair));
    }
    dealt.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    dealt.into_iter().map(|(.., pair)| pair).collect()
}

/// An answer, its arm and the label that it gets in one presentation.
pub(crate) struct Shown<'a> {
    pub completion_id: &'a str,
    pub arm: &'a str,
    pub label: &'a str,
}

impl<'a> Shown<'a> {
    pub(crate) fn of(completion: &'a Completion, label: &'a str) -> Shown<'a> {
        Shown { completion_id: &completion.completion_id, arm: &completion.arm, label }
    }
}

/// One presentation: what is shown, in the order of the positions.
pub(crate) fn presentation(pair_id: &str, prompt_id: &str, positions: [Shown; 2]) -> (Comparison, BlindKey) {
    let [first_arm, second_arm] = [positions[0].arm.to_owned(), positions[1].arm.to_owned()];
    let [first, second] = positions.map(|shown| Position {
        completion_id: shown.completion_id.to_owned(),
        label: shown.label.to_owned(),
    });
    let comparison_id = comparison_id(&first, &second);
    let key = BlindKey { v: ROW_VERSION, comparison_id: comparison_id.clone(), first_arm, second_arm };
    let (pair_id, prompt_id) = (pair_id.to_owned(), prompt_id.to_owned());
    (Comparison { v: ROW_VERSION, comparison_id, pair_id, prompt_id, first, second }, key)
}

/// The id of what a judge is shown: two answers, their order and their labels.
pub fn comparison_id(first: &Position, second: &Position) -> String {
    row_id("cmp", &[&first.completion_id, &first.label, &second.completion_id, &second.label])
}

impl Comparison {
    /// The label that comes first in [`LABELS`] of the two: "label x" of the label effect.
    pub fn first_position_has_label_x(&self) -> bool {
        let rank = |label: &str| LABELS.iter().position(|&l| l == label).unwrap_or(LABELS.len());
        (rank(&self.first.label), self.first.label.as_str())
            < (rank(&self.second.label), self.second.label.as_str())
    }
}
