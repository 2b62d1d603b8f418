//! Where judges disagree.
//!
//! Two judges that name different winners of a pair, each the same in both orders, are a conflict of values; a winner
//! that moves with the order is a coin flip.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::estimate::share;
use super::topics::{Topic, topics};
use super::votes::{JudgePresentations, PairVotes, Votes};
use crate::analysis::Conflict;
use crate::findings::{DisagreementMap, Finding, FindingGroup, FindingMeasure, MapRow};
use crate::judgment::is_person;
use crate::rng::Rng;
use crate::stats::disagreement::{Division, ItemCells, division};
use crate::stats::mean::mean;
use crate::stats::multiple::holm;
use crate::wording::disagreement::{self as wording, Says};

const DRAWS: usize = 999;

/// One verdict on a pair: of whom, with which of the two answers in the first position, and the score of that same answer: 1 for
/// a win, .5 for a tie, 0; `None` where it is missing.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    pub judge_id: &'a str,
    pub repeat: u32,
    pub is_first: bool,
    pub score: Option<f64>,
}

/// Each judge's mean score in the first and in the second position. People see one order, answers to a repeat are no votes, and
/// who has no valid vote in both orders says nothing about conflicts.
pub fn both_orders<'a>(verdicts: impl IntoIterator<Item = Verdict<'a>>) -> BTreeMap<&'a str, [f64; 2]> {
    let mut positions: BTreeMap<&str, [Vec<f64>; 2]> = BTreeMap::new();
    for verdict in verdicts.into_iter().filter(|v| v.repeat == 0 && !is_person(v.judge_id)) {
        let of_judge = positions.entry(verdict.judge_id).or_default();
        of_judge[usize::from(!verdict.is_first)].extend(verdict.score);
    }
    let means = |[first, second]: [Vec<f64>; 2]| Some([mean(&first)?, mean(&second)?]);
    positions.into_iter().filter_map(|(judge, scores)| Some((judge, means(scores)?))).collect()
}

/// Whether judges contradict each other, or themselves.
pub fn conflict<'c>(judges: impl IntoIterator<Item = &'c [f64; 2]>) -> Conflict {
    let judges: Vec<&[f64; 2]> = judges.into_iter().collect();
    let steady = |winner: f64| judges.iter().any(|judge| judge.iter().all(|score| *score == winner));
    match () {
        () if judges.is_empty() => Conflict::Unjudged,
        () if steady(1.0) && steady(0.0) => Conflict::Split,
        () if judges.iter().any(|judge| judge[0] != judge[1]) => Conflict::Unstable,
        () => Conflict::Agreed,
    }
}

/// A pair of the headline that two judges or more judged in both orders.
struct Shared<'v, 'r> {
    votes: &'v PairVotes<'r>,
    /// Both positions of every judge, in the order of the judges' ids.
    presentations: ItemCells,
    conflict: Conflict,
}

impl Shared<'_, '_> {
    fn is_conflict(&self) -> bool {
        self.conflict == Conflict::Split
    }

    fn is_flip(&self) -> bool {
        self.conflict == Conflict::Unstable
    }
}

fn shared<'v, 'r>(rows: &'v Rows, votes: &'v Votes<'r>) -> Vec<Shared<'v, 'r>> {
    votes
        .of(&rows.plan.headline)
        .filter(|pair| pair.needs_judge())
        .map(|votes| {
            let judges = votes.in_both_orders(|presentations| !presentations.is_inverted);
            let conflict = conflict(judges.values());
            Shared { votes, presentations: judges.into_values().map(Vec::from).collect(), conflict }
        })
        .filter(|pair| pair.presentations.len() >= 2)
        .collect()
}

/// Pairs that belong together, by position among the shared ones.
struct Part {
    label: String,
    topic: bool,
    pairs: Vec<usize>,
}

/// Everything that is said about disagreement: the findings and the map.
pub fn disagreement(rows: &Rows, votes: &Votes) -> (FindingGroup, Option<DisagreementMap>) {
    let pairs = shared(rows, votes);
    let (mut findings, mut map) = (Vec::new(), None);
    if pairs.is_empty() {
        findings.push(Finding::said("judges", wording::NOT_KNOWN.to_owned(), "judgments.jsonl"));
    } else {
        findings.extend(conflicts(&pairs));
        let found =
            topics(&pairs.iter().map(|p| p.votes.pair.prompt.question()).collect::<Vec<_>>(), rows.plan.seed);
        let parts = parts(&pairs, &found);
        let (divided, rows_of_map) = divisions(rows, &pairs, &parts);
        findings.extend(divided);
        findings.extend(topic_findings(rows, &pairs, &found, &rows_of_map.judges));
        map = Some(rows_of_map);
    }
    let group = FindingGroup::new("disagreement", findings);
    (group, map)
}

fn conflicts(pairs: &[Shared]) -> Option<Finding> {
    let conflicts: Vec<&str> =
        pairs.iter().filter(|p| p.is_conflict()).map(|p| p.votes.pair.pair_id.as_str()).collect();
    let flips = pairs.iter().filter(|p| p.is_flip()).count();
    share(conflicts.len(), pairs.len(), "pairs").map(|estimate| Finding {
        label: "conflicts of values".to_owned(),
        sentence: wording::conflicts(conflicts.len(), flips, pairs.len()),
        estimate: Some(estimate),
        measure: FindingMeasure::Share,
        p: None,
        rows: match conflicts.len() {
            0 => "judgments.jsonl of the headline".to_owned(),
            n if n > LISTED => format!("pairs {} and {} more", conflicts[..LISTED].join(", "), n - LISTED),
            _ => format!("pairs {}", conflicts.join(", ")),
        },
    })
}

/// At most this many ids are written into one line.
const LISTED: usize = 40;

/// All pairs, each category, each topic.
fn parts(pairs: &[Shared], topics: &[Topic]) -> Vec<Part> {
    let mut categories: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, pair) in pairs.iter().enumerate() {
        categories.entry(&pair.votes.pair.prompt.category).or_default().push(i);
    }
    let whole = Part { label: "all".to_owned(), topic: false, pairs: (0..pairs.len()).collect() };
    let of_category =
        |(name, pairs): (&str, Vec<usize>)| Part { label: name.to_owned(), topic: false, pairs };
    let of_topic = |t: &Topic| Part { label: t.terms.join(", "), topic: true, pairs: t.members.clone() };
    let mut parts = vec![whole];
    parts.extend(categories.into_iter().map(of_category));
    parts.extend(topics.iter().map(of_topic));
    parts
}

/// Division of every part against its null, Holm over the parts: what is said of all pairs, and the map.
fn divisions(rows: &Rows, pairs: &[Shared], parts: &[Part]) -> (Option<Finding>, DisagreementMap) {
    let mut rng = Rng::for_purpose(rows.plan.seed, &["division"]);
    let judges: BTreeSet<&str> = pairs
        .iter()
        .flat_map(|p| {
            p.votes.judges.iter().filter(|(_, presentations)| !presentations.is_inverted).map(|(id, _)| *id)
        })
        .collect();
    // A million votes need fewer draws for the same p: the null distribution of a mean over them is narrow.
    let draws = DRAWS.min((20_000_000 / pairs.len().max(1)).max(99));
    let tested: Vec<(&Part, Division)> = parts
        .iter()
        .filter_map(|part| {
            let items: Vec<ItemCells> = part.pairs.iter().map(|&i| pairs[i].presentations.clone()).collect();
            Some((part, division(&items, draws, &mut rng)?))
        })
        .collect();
    let adjusted = holm(&tested.iter().map(|(_, found)| found.p).collect::<Vec<f64>>());
    let said = |((part, found), p): (&(&Part, Division), &f64)| {
        let sentence = wording::division(found, *p <= 0.05);
        Finding { p: Some(*p), ..Finding::said(&part.label, sentence, "judgments.jsonl of the headline") }
    };
    let map_row = |((part, found), p): (&(&Part, Division), &f64)| {
        let of_judge = |judge: &&str| {
            let scores = part.pairs.iter().filter_map(|&i| pairs[i].votes.judges.get(judge)?.score());
            mean(&scores.collect::<Vec<f64>>())
        };
        let conflicting = part.pairs.iter().filter(|&&i| pairs[i].is_conflict());
        MapRow {
            label: part.label.clone(),
            is_topic: part.topic,
            pairs: part.pairs.len(),
            by_judge: judges.iter().map(of_judge).collect(),
            conflicts: conflicting.map(|&i| pairs[i].votes.pair.pair_id.clone()).collect(),
            flips: part.pairs.iter().filter(|&&i| pairs[i].is_flip()).count(),
            entropy_bits: found.entropy_bits,
            entropy_by_noise_bits: found.entropy_by_noise_bits,
            p_adjusted: *p,
        }
    };
    let map = DisagreementMap {
        judges: judges.iter().map(|id| (*id).to_owned()).collect(),
        rows: tested.iter().zip(&adjusted).map(map_row).collect(),
    };
    (tested.iter().zip(&adjusted).next().map(said), map)
}

/// Scores of the judges on one prompt, in the order of the map; `None` where one gave none.
type PromptScores = Vec<Option<f64>>;

/// Topics on which the judges part in another way than elsewhere: how far the gaps between their win rates on the topic
/// are from the gaps on all other prompts, against the same for prompts drawn at random. Holm over topics.
fn topic_findings(rows: &Rows, pairs: &[Shared], topics: &[Topic], judges: &[String]) -> Vec<Finding> {
    let mut prompts: BTreeMap<&str, usize> = BTreeMap::new();
    let number_of: Vec<usize> = pairs
        .iter()
        .map(|pair| {
            let next = prompts.len();
            *prompts.entry(&pair.votes.pair.prompt.prompt_id).or_insert(next)
        })
        .collect();
    // Several answers to one prompt are one observation: the first pair stands for its prompt's topic, all for its scores.
    let mut sums = vec![vec![(0.0, 0.0); judges.len()]; prompts.len()];
    for (pair, prompt) in pairs.iter().zip(&number_of) {
        for (judge, sum) in judges.iter().zip(&mut sums[*prompt]) {
            if let Some(score) = pair.votes.judges.get(judge.as_str()).and_then(JudgePresentations::score) {
                *sum = (sum.0 + score, sum.1 + 1.0);
            }
        }
    }
    let scores: Vec<PromptScores> = sums
        .iter()
        .map(|prompt| prompt.iter().map(|(sum, n)| (*n > 0.0).then(|| sum / n)).collect())
        .collect();
    let mut rng = Rng::for_purpose(rows.plan.seed, &["topics divide"]);
    let draws = DRAWS.min((20_000_000 / scores.len().max(1)).max(199));
    let tested: Vec<(&Topic, Vec<bool>, f64)> = topics
        .iter()
        .filter_map(|topic| {
            let mut inside = vec![false; scores.len()];
            topic.members.iter().for_each(|&pair| inside[number_of[pair]] = true);
            let observed = parting(&scores, &inside)?;
            let mut dealt = inside.clone();
            let reached = (0..draws)
                .filter(|_| {
                    rng.shuffle(&mut dealt);
                    parting(&scores, &dealt).is_some_and(|by_chance| by_chance >= observed - 1e-12)
                })
                .count();
            Some((topic, inside, (reached + 1) as f64 / (draws + 1) as f64))
        })
        .collect();
    let adjusted = holm(&tested.iter().map(|(.., p)| *p).collect::<Vec<f64>>());
    let divided = tested.iter().zip(adjusted).filter(|(_, p)| *p <= 0.05);
    let mut findings: Vec<Finding> =
        divided.map(|((topic, inside, _), p)| topic_finding(topic, &scores, inside, judges, p)).collect();
    if findings.is_empty() && !topics.is_empty() {
        let sentence = wording::no_topic(topics.len());
        findings.push(Finding::said("topics", sentence, TOPIC_ROWS));
    }
    findings
}

const TOPIC_ROWS: &str = "judgments.jsonl of the headline, words of prompts.jsonl";

/// Each judge's mean score where `inside` is `side`.
fn means(scores: &[PromptScores], inside: &[bool], side: bool) -> Vec<Option<f64>> {
    let judges = scores.first().map_or(0, Vec::len);
    let mut sums = vec![(0.0, 0.0); judges];
    for (prompt, _) in scores.iter().zip(inside).filter(|(_, inside)| **inside == side) {
        for (sum, score) in sums.iter_mut().zip(prompt) {
            *sum = (sum.0 + score.unwrap_or(0.0), sum.1 + f64::from(u8::from(score.is_some())));
        }
    }
    sums.into_iter().map(|(sum, n)| (n > 0.0).then(|| sum / n)).collect()
}

/// Variance over judges of how much each moves from the other prompts to these: 0 when all move alike.
fn parting(scores: &[PromptScores], inside: &[bool]) -> Option<f64> {
    let (here, there) = (means(scores, inside, true), means(scores, inside, false));
    let moves: Vec<f64> =
        here.into_iter().zip(there).filter_map(|(here, there)| Some(here? - there?)).collect();
    crate::stats::mean::variance(&moves)
}

fn topic_finding(
    topic: &Topic,
    scores: &[PromptScores],
    inside: &[bool],
    judges: &[String],
    p: f64,
) -> Finding {
    let (here, there) = (means(scores, inside, true), means(scores, inside, false));
    let mut named: Vec<Says> = here
        .iter()
        .zip(&there)
        .zip(judges)
        .filter_map(|((here, there), judge)| Some(Says { judge, here: (*here)?, there: (*there)? }))
        .collect();
    // The two that part most are those whose moves lie furthest from each other.
    named.sort_by(|a, b| (a.here - a.there).total_cmp(&(b.here - b.there)));
    let prompts = inside.iter().filter(|inside| **inside).count();
    let sentence = wording::topic(&topic.terms, prompts, named.last(), named.first());
    Finding {
        p: Some(p),
        ..Finding::said(&format!("topic {}", topic.terms.join(", ")), sentence, TOPIC_ROWS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(judge, repeat, the answer sat first, its score)`
    type Said = (&'static str, u32, bool, Option<f64>);

    #[test]
    fn only_steady_opposites_are_a_conflict_of_values() {
        let both = |judge, score| [(judge, 0, true, Some(score)), (judge, 0, false, Some(score))];
        let position = |judge| [(judge, 0, true, Some(1.0)), (judge, 0, false, Some(0.0))];
        let cases: [(&str, Vec<Said>, Conflict); 9] = [
            ("steady and opposed", [both("a", 1.0), both("b", 0.0)].concat(), Conflict::Split),
            ("one follows the position", [position("a"), both("b", 0.0)].concat(), Conflict::Unstable),
            ("a tie is no winner", [both("a", 0.5), both("b", 0.0)].concat(), Conflict::Agreed),
            (
                "asked in one order",
                [vec![("a", 0, true, Some(1.0))], both("b", 0.0).into()].concat(),
                Conflict::Agreed,
            ),
            (
                "one order missing",
                [vec![("a", 0, true, Some(1.0)), ("a", 0, false, None)], both("b", 0.0).into()].concat(),
                Conflict::Agreed,
            ),
            ("people see one order", [both("human:p", 1.0), both("b", 0.0)].concat(), Conflict::Agreed),
            (
                "a repeat is no vote",
                [both("a", 0.0), [("a", 1, true, Some(1.0)), ("a", 1, false, Some(1.0))], both("b", 0.0)]
                    .concat(),
                Conflict::Agreed,
            ),
            (
                "nobody in both orders",
                vec![("a", 0, true, Some(1.0)), ("b", 0, false, Some(0.0))],
                Conflict::Unjudged,
            ),
            ("nobody", vec![], Conflict::Unjudged),
        ];
        for (name, said, expected) in cases {
            let verdicts = said.into_iter().map(|(judge_id, repeat, is_first, score)| Verdict {
                judge_id,
                repeat,
                is_first,
                score,
            });
            assert_eq!(conflict(both_orders(verdicts).values()), expected, "{name}");
        }
    }
}
