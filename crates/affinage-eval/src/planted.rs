//! Planted pairs: what people are asked beside the pairs of the evaluation, to see whether they read.
//!
//! A planted pair is a reference against a grossly damaged copy of itself (grade 1 of the judges' exam). A ballot holds
//! one for every ten pairs, six at most, so little can be said of a voter; [`planted_results`] is the one place that
//! says it, and the page, the terminal and the report print its sentence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::judge::qualification::result::Counted;
use crate::judgment::{Outcome, called};
use crate::plain::counted;
use crate::stats::proportion::clopper_pearson;
use crate::text::capitalised;

/// The file of an evaluation in which votes of people on planted pairs stand.
pub const PLANTED_VOTES_FILE: &str = "gold_votes.jsonl";

/// One line of [`PLANTED_VOTES_FILE`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoldVote {
    pub v: u32,
    pub item_id: String,
    pub judge_id: String,
    /// What was done to the reference.
    pub damage: String,
    pub outcome: Outcome,
    /// Whether the reference won; `None` when the voter passed.
    pub is_right: Option<bool>,
    pub ms_to_vote: u64,
    pub finished_at: String,
}

/// Whoever reads prefers the undamaged text at least so often; judges are held to the same share.
pub const READS_FROM: f64 = 0.8;

/// What follows where they were missed.
pub const LEFT_OUT: &str = "These votes are shown and left out of the mean.";

/// What a voter's planted pairs say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlantedVerdict {
    /// So many found that guessing is excluded: the lower bound is above one half (5 of 5, 6 of 6).
    Passed,
    /// So many missed that somebody who finds four in five would do so in less than one of twenty cases: the upper
    /// bound is below [`READS_FROM`] (0 of 2, 0 of 3, 1 of 4, 1 of 5, 2 of 6, and fewer). The votes do not count.
    Missed,
    /// Too few to say either.
    TooFew,
}

/// One voter's planted pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlantedResult {
    /// Where the undamaged text was preferred, of those with a vote. A tie has not found it; a pass is no vote.
    pub found: Counted,
    pub verdict: PlantedVerdict,
    pub sentence: String,
}

impl PlantedResult {
    /// Whether the votes are left out of the mean.
    pub fn is_missed(&self) -> bool {
        self.verdict == PlantedVerdict::Missed
    }
}

/// One result per voter with a vote on a planted pair, by id. Rows of one item count once.
pub fn planted_results(rows: &[GoldVote]) -> BTreeMap<&str, PlantedResult> {
    let mut by_voter: BTreeMap<&str, BTreeMap<&str, &GoldVote>> = BTreeMap::new();
    for row in rows {
        by_voter.entry(&row.judge_id).or_default().insert(&row.item_id, row);
    }
    let result = |voter: &str, items: BTreeMap<&str, &GoldVote>| {
        let decided: Vec<bool> = items.values().filter_map(|row| row.is_right).collect();
        let found = Counted { count: decided.iter().filter(|right| **right).count(), of: decided.len() };
        let open = items.values().filter(|row| row.is_right.is_none() && row.outcome == Outcome::Tie).count();
        let verdict = verdict(found);
        let sentence = match found.of {
            0 => format!(
                "{} called {} a tie, a text and its damaged copy: whether these votes were given with care is not known.",
                capitalised(&called(voter)),
                counted(open, "planted pair", "planted pairs")
            ),
            _ => sentence(voter, found, verdict) + &not_counted(open),
        };
        (found.of + open > 0).then_some(PlantedResult { found, verdict, sentence })
    };
    by_voter.into_iter().filter_map(|(voter, items)| Some((voter, result(voter, items)?))).collect()
}

/// Ties of an author, whom the question does not ask for the undamaged text.
fn not_counted(ties: usize) -> String {
    match ties {
        0 => String::new(),
        1 => " 1 more was called a tie and does not count.".to_owned(),
        more => format!(" {more} more were called ties and do not count."),
    }
}

/// By one-sided 95 % bounds (Clopper-Pearson).
fn verdict(found: Counted) -> PlantedVerdict {
    let bounds = clopper_pearson(found.count as u64, found.of as u64, 0.10);
    match bounds {
        Some((_, high)) if high < READS_FROM => PlantedVerdict::Missed,
        Some((low, _)) if low > 0.5 => PlantedVerdict::Passed,
        _ => PlantedVerdict::TooFew,
    }
}

fn sentence(voter: &str, Counted { count, of }: Counted, verdict: PlantedVerdict) -> String {
    let pairs = if of == 1 { "planted pair" } else { "planted pairs" };
    let found = format!("found the undamaged text in {count} of {of} {pairs}");
    let voter = capitalised(&called(voter));
    match verdict {
        PlantedVerdict::Passed => format!("{voter} {found}."),
        PlantedVerdict::TooFew if count == of => {
            format!("{voter} {found}. Of so few, somebody who guesses can find all of them too.")
        }
        PlantedVerdict::TooFew => {
            format!("{voter} {found}: of so few pairs this speaks neither for nor against these votes.")
        }
        PlantedVerdict::Missed => format!(
            "{voter} missed the planted pairs: {found}, where somebody who reads finds {:.0} % or more.",
            100.0 * READS_FROM
        ),
    }
}

/// Votes that were given faster than this, in the middle, were given without reading two answers.
pub const READING_MS: u64 = 2_000;
/// Fewer votes say nothing about how they are given.
const FEWEST_TIMED: usize = 10;

/// What is said of a voter who took `ms_to_vote` for each vote, if half of the votes were given in less than [`READING_MS`].
/// The seconds that are named are more than half of the votes took.
pub fn haste(voter: &str, mut ms_to_vote: Vec<u64>) -> Option<String> {
    ms_to_vote.sort_unstable();
    let middle = *ms_to_vote.get(ms_to_vote.len() / 2)?;
    let seconds = (middle / 100 + 1) as f64 / 10.0;
    (ms_to_vote.len() >= FEWEST_TIMED && middle < READING_MS).then(|| {
        format!(
            "{} took less than {seconds:.1} seconds for half of the votes: nobody reads two answers in that time.",
            capitalised(&called(voter))
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgment::MissingReason;

    fn row(voter: &str, item: usize, is_right: Option<bool>) -> GoldVote {
        GoldVote {
            v: crate::ROW_VERSION,
            item_id: format!("vot-{item}"),
            judge_id: voter.to_owned(),
            damage: "shuffled".to_owned(),
            outcome: match is_right {
                Some(true) => Outcome::First,
                Some(false) => Outcome::Second,
                None => Outcome::Missing { reason: MissingReason::Skipped },
            },
            is_right,
            ms_to_vote: 900,
            finished_at: "2026-11-30T08:00:00Z".to_owned(),
        }
    }

    fn of(found: usize, shown: usize) -> PlantedResult {
        let rows: Vec<GoldVote> = (0..shown).map(|i| row("human:ben", i, Some(i < found))).collect();
        planted_results(&rows).remove("human:ben").expect("ben voted")
    }

    #[test]
    fn the_most_that_a_voter_may_miss_is_what_a_reader_would_miss_in_one_of_twenty() {
        // By hand: the chance of at most k of n at .8 is below .05 for these k and not for k + 1.
        for (most_found, shown) in [(0, 2), (0, 3), (1, 4), (1, 5), (2, 6)] {
            for found in 0..=shown {
                let expected = found <= most_found;
                assert_eq!(of(found, shown).is_missed(), expected, "{found} of {shown}");
            }
        }
        assert_eq!(of(0, 1).verdict, PlantedVerdict::TooFew, "one alone proves nothing");
        for (found, shown, verdict) in [
            (4, 4, PlantedVerdict::TooFew),
            (5, 5, PlantedVerdict::Passed),
            (5, 6, PlantedVerdict::TooFew),
            (6, 6, PlantedVerdict::Passed),
        ] {
            assert_eq!(of(found, shown).verdict, verdict, "{found} of {shown}");
        }
    }

    #[test]
    fn a_pass_is_no_vote_and_voters_are_told_apart() {
        let rows = [
            row("human:ben", 0, Some(false)),
            row("human:ben", 1, None),
            row("human:ben", 2, Some(false)),
            row("human:ben", 2, Some(false)),
            row("author:me", 0, Some(true)),
            row("human:cleo", 0, None),
        ];
        let results = planted_results(&rows);
        assert_eq!(results["human:ben"].found, Counted { count: 0, of: 2 });
        assert!(results["human:ben"].is_missed() && !results["author:me"].is_missed());
        assert!(!results.contains_key("human:cleo"), "only passes: nothing is known");
        assert_eq!(
            results["human:ben"].sentence,
            "Ben missed the planted pairs: found the undamaged text in 0 of 2 planted pairs, where somebody who \
             reads finds 80 % or more."
        );
        let mine = &results["author:me"].sentence;
        assert_eq!(
            mine,
            "The author found the undamaged text in 1 of 1 planted pair. Of so few, somebody who guesses can find all of them \
             too."
        );
        let tied = GoldVote { outcome: Outcome::Tie, ..row("author:me", 1, None) };
        let rows: Vec<GoldVote> = rows.into_iter().chain([tied]).collect();
        let result = &planted_results(&rows)["author:me"];
        assert_eq!(result.found, Counted { count: 1, of: 1 });
        assert!(
            result.sentence.ends_with(" 1 more was called a tie and does not count."),
            "every planted pair is told: {}",
            result.sentence
        );
        let all_tied: Vec<GoldVote> =
            (0..2).map(|i| GoldVote { outcome: Outcome::Tie, ..row("author:me", i, None) }).collect();
        assert_eq!(
            planted_results(&all_tied)["author:me"].sentence,
            "The author called 2 planted pairs a tie, a text and its damaged copy: whether these votes were given with care is \
             not known."
        );
        let missed_some = of(3, 4).sentence;
        assert!(missed_some.ends_with("this speaks neither for nor against these votes."), "{missed_some}");
    }

    #[test]
    fn votes_that_nobody_can_have_read_for_are_told() {
        let said = haste("author:me", (0..30).map(|i| 530 + 20 * i).collect()).expect("too fast");
        assert_eq!(
            said,
            "The author took less than 0.9 seconds for half of the votes: nobody reads two answers in that time."
        );
        // One of 22 below 0.9 seconds, half of them 0.95 or less: it is less than 1.0 that half took.
        let mostly = [vec![850; 1], vec![950; 12], vec![4_000; 9]].concat();
        let said = haste("author:me", mostly).expect("too fast");
        assert!(said.contains("less than 1.0 seconds for half of the votes"), "{said}");
        assert_eq!(haste("author:me", vec![2_500; 30]), None);
        assert_eq!(haste("author:me", vec![600; 9]), None, "too few to tell");
    }
}
