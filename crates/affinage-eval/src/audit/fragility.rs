//! How few prompts, verdicts or judges the words of a log hang on, and how few verdicts decide who leads a board.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Log;
use super::row::Arm;
use super::table::{ALL, ALL_OTHERS, TableRow, WORD_ALPHA, family, p_of};
use crate::analysis::{Left, Part, PartFragility, Removal, VerdictWord};
use crate::analyze::win_rate::word;
use crate::plain::counted;
use crate::stats::fragility::{Goal, Rule, Totals, Wholes, turn};
use crate::stats::multiple::holm;

/// The word of one line and what turns it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hanging {
    pub arm: String,
    pub against: String,
    #[serde(flatten)]
    pub found: PartFragility,
    pub sentence: String,
}

/// Who leads a board, and the fewest verdicts without which it does not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leader {
    pub leader: String,
    pub next: String,
    /// Exact up to 64, else at most so many; `None` where leaving out any half of their verdicts does not do it.
    pub verdicts: Option<usize>,
    /// Verdicts on either of the two.
    pub of: usize,
    pub sentence: String,
}

/// The rule of the table: Student's test over prompts, adjusted over the lines that can have a word.
struct Decision<'t> {
    table: &'t [TableRow],
    family: &'t [usize],
    line: usize,
}

impl Decision<'_> {
    fn word_of(&self, mean: f64, p: Option<f64>) -> VerdictWord {
        let p_at = |&line: &usize| if line == self.line { p } else { self.table[line].p };
        let adjusted = self.family.iter().position(|line| *line == self.line).and_then(|place| {
            p?;
            holm(&self.family.iter().filter_map(p_at).collect::<Vec<f64>>()).get(place).copied()
        });
        word(0.5 + mean, adjusted, WORD_ALPHA, || false)
    }
}

impl Rule for Decision<'_> {
    type Word = VerdictWord;

    fn word(&self, values: &[f64], clusters: &[usize]) -> VerdictWord {
        let scores: Vec<f64> = values.iter().map(|value| value + 0.5).collect();
        self.word_of(values.iter().sum::<f64>() / values.len() as f64, p_of(&scores, clusters))
    }

    fn about(&self, totals: &Totals) -> VerdictWord {
        self.word_of(totals.mean(), Some(totals.p_of_t(0.0)))
    }
}

/// A verdict of a line that counts.
struct Counted<'r> {
    judge: Option<&'r str>,
    prompt: usize,
    value: f64,
}

/// Of every line of all rows of two arms that has prompts enough for a word.
pub fn of_lines(log: &Log, table: &[TableRow]) -> Vec<Hanging> {
    let family = family(table);
    let lines = family.iter().filter(|&&i| table[i].group == ALL && table[i].against != ALL_OTHERS);
    let found = lines.map(|&line| {
        let TableRow { arm, against, .. } = &table[line];
        let counted = log.counted().filter(|&i| log.rows[i].arms == [against.clone(), arm.clone()]);
        let mut numbers: BTreeMap<Option<usize>, usize> = BTreeMap::new();
        let rows: Vec<Counted> = counted
            .filter_map(|i| {
                let value = log.score(i, Arm::Two)? - 0.5;
                let next = numbers.len();
                let prompt = *numbers.entry(log.prompts[i]).or_insert(next);
                Some(Counted { judge: log.rows[i].judge.as_deref(), prompt, value })
            })
            .collect();
        let found = of_line(&rows, numbers.len(), &Decision { table, family: &family, line });
        let sentence = format!("{arm} against {against}: {}", found.in_words(0.0));
        Hanging { arm: arm.clone(), against: against.clone(), found, sentence }
    });
    found.collect()
}

fn of_line(rows: &[Counted], prompts: usize, decision: &Decision) -> PartFragility {
    let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
    let clusters: Vec<usize> = rows.iter().map(|row| row.prompt).collect();
    let word = decision.word(&values, &clusters);
    let (up, down) = (Goal::Student { center: 0.0, side: 1.0 }, Goal::Student { center: 0.0, side: -1.0 });
    let goals = match word {
        VerdictWord::Better => vec![down],
        VerdictWord::Worse => vec![up],
        VerdictWord::EquivalentWithinMargin | VerdictWord::NotShown => vec![up, down],
    };
    let mut by_prompt: Vec<Vec<f64>> = vec![Vec::new(); prompts];
    rows.iter().for_each(|row| by_prompt[row.prompt].push(row.value));
    let whole = Wholes::new(by_prompt.into_iter().enumerate());
    let single = Wholes::new(rows.iter().map(|row| (row.prompt, vec![row.value])));
    let number = |item: usize| (item + 1).to_string();
    let found = turn(&whole, &goals, decision, prompts / 2, false);
    let mut removals = vec![Removal::of_items(Left::Prompts, prompts, found, false, number)];
    let found = turn(&single, &goals, decision, rows.len() / 2, false);
    removals.push(Removal::of_items(Left::Verdicts, rows.len(), found, false, number));
    for removal in &mut removals {
        // Numbers of prompts and rows in the order of the log name nothing that a reader could look up.
        removal.ids.clear();
    }
    let judges: BTreeSet<&str> = rows.iter().filter_map(|row| row.judge).collect();
    if judges.len() > 1 {
        let judges: Vec<&str> = judges.into_iter().collect();
        let word_without = |set: &[&str]| {
            let left = rows.iter().filter(|row| row.judge.is_none_or(|judge| !set.contains(&judge)));
            let (values, clusters): (Vec<f64>, Vec<usize>) = left.map(|row| (row.value, row.prompt)).unzip();
            (!values.is_empty()).then(|| decision.word(&values, &clusters))
        };
        removals.push(Removal::of_voters(Left::Judges, &judges, judges.len() - 1, word, word_without));
    }
    PartFragility { part: Part::All, word, prompts_to_half: whole.to_half(), removals }
}

/// Models that are near enough to the first to be looked at.
const CONTENDERS: usize = 5;

/// Of a board: the model with the highest win rate, and the fewest verdicts without which another one has as high a rate.
pub fn leader(log: &Log, table: &[TableRow]) -> Option<Leader> {
    let mut lines: Vec<(f64, &str)> = table
        .iter()
        .filter(|line| line.against == ALL_OTHERS)
        .filter_map(|line| Some((line.derived_win_rate?, line.arm.as_str())))
        .collect();
    lines.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let ((_, first), others) = lines.split_first()?;
    let found = others.iter().take(CONTENDERS).map(|(_, other)| {
        let meeting = Meeting::of(log, first, other);
        (meeting.fewest(), meeting.verdicts(), *other)
    });
    let (verdicts, of, next) = found.min_by_key(|(verdicts, ..)| verdicts.unwrap_or(usize::MAX))?;
    let all = counted(of, "verdict", "verdicts");
    let sentence = match verdicts {
        Some(0) => format!("{first} and {next} lead together."),
        Some(k) => {
            let decide = if k == 1 { "decides" } else { "decide" };
            let them = if k == 1 { "it" } else { "them" };
            format!(
                "{k} of the {all} on {first} or {next} {decide} who leads by win rate: without {them} {next} is level with {first} \
                 or above."
            )
        }
        None => format!("No half of the {all} on {first} or {next} decides that {first} leads by win rate."),
    };
    Some(Leader { leader: (*first).to_owned(), next: next.to_owned(), verdicts, of, sentence })
}

/// Up to so many verdicts every number is tried.
const ONE_BY_ONE: usize = 64;

/// Sums of the first 0, 1, 2, ... of some scores.
type Sums = Vec<f64>;

/// The verdicts on two models, best for the first to lose first.
struct Meeting {
    /// Of the first alone, from its highest; of the second alone, from its lowest; of both together, from the first's highest.
    first: Sums,
    second: Sums,
    both: Sums,
}

impl Meeting {
    fn of(log: &Log, first: &str, second: &str) -> Meeting {
        let (mut of_first, mut of_second, mut of_both) = (Vec::new(), Vec::new(), Vec::new());
        for i in log.counted() {
            let score = |model: &str| {
                let arm = Arm::BOTH.into_iter().find(|arm| log.rows[i].arm(*arm) == model)?;
                log.score(i, arm)
            };
            match (score(first), score(second)) {
                (Some(score), None) => of_first.push(score),
                (None, Some(score)) => of_second.push(score),
                (Some(score), Some(_)) => of_both.push(score),
                (None, None) => {}
            }
        }
        let sums = |mut scores: Vec<f64>, is_falling: bool| {
            scores.sort_by(|a, b| if is_falling { b.total_cmp(a) } else { a.total_cmp(b) });
            let mut sum = 0.0;
            std::iter::once(0.0)
                .chain(scores.into_iter().map(|score| {
                    sum += score;
                    sum
                }))
                .collect()
        };
        Meeting { first: sums(of_first, true), second: sums(of_second, false), both: sums(of_both, true) }
    }

    fn verdicts(&self) -> usize {
        self.first.len() + self.second.len() + self.both.len() - 3
    }

    /// Whether the first is level or below without the first `i` of its own, `j` of the second's and `l` of both.
    fn is_level(&self, i: usize, j: usize, l: usize) -> bool {
        let rest = |sums: &Sums, gone: usize| sums[sums.len() - 1] - sums[gone];
        let number = |own: &Sums, gone: usize| (own.len() - 1 - gone + self.both.len() - 1 - l) as f64;
        let (n_first, n_second) = (number(&self.first, i), number(&self.second, j));
        let both = rest(&self.both, l);
        let met = (self.both.len() - 1 - l) as f64;
        let (a, b) = (rest(&self.first, i) + both, rest(&self.second, j) + met - both);
        n_first > 0.5 && n_second > 0.5 && a / n_first <= b / n_second + 1e-12
    }

    /// Whether some `k` verdicts do it. For given numbers of each kind those that help most are known: rates are sums over
    /// numbers, and a verdict on both counts for each, so it goes with the highest score of the first.
    fn is_level_without(&self, k: usize) -> bool {
        let most = |sums: &Sums| sums.len() - 1;
        (0..=k.min(most(&self.both))).any(|l| {
            let rest = k - l;
            (rest.saturating_sub(most(&self.second))..=rest.min(most(&self.first)))
                .any(|i| self.is_level(i, rest - i, l))
        })
    }

    /// The fewest verdicts without which the first is level or below, of at most half of them.
    fn fewest(&self) -> Option<usize> {
        let most = self.verdicts() / 2;
        // Few ones are tried one by one, more by halving: whoever is level without k is, but for odd cases, without k + 1.
        if let Some(k) = (0..=most.min(ONE_BY_ONE)).find(|k| self.is_level_without(*k)) {
            return Some(k);
        }
        let mut high = (2 * ONE_BY_ONE).min(most);
        while !self.is_level_without(high) {
            if high == most {
                return None;
            }
            high = (2 * high).min(most);
        }
        let mut low = ONE_BY_ONE.max(high / 2);
        while low + 1 < high {
            let middle = low.midpoint(high);
            if self.is_level_without(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Score for the first, for the second.
    type Row = (Option<f64>, Option<f64>);

    fn sums(scores: &[f64]) -> Sums {
        let mut sum = 0.0;
        std::iter::once(0.0)
            .chain(scores.iter().map(|score| {
                sum += score;
                sum
            }))
            .collect()
    }

    /// Every subset of the verdicts, against the scan over numbers.
    #[test]
    fn the_fewest_verdicts_are_those_of_every_subset() {
        let first = [1.0, 1.0, 0.5, 0.0];
        let second = [0.0, 0.0, 0.5, 1.0];
        let both = [1.0, 1.0, 0.5];
        let meeting = Meeting { first: sums(&first), second: sums(&second), both: sums(&both) };
        let rows: Vec<Row> = first
            .iter()
            .map(|s| (Some(*s), None))
            .chain(second.iter().map(|s| (None, Some(*s))))
            .chain(both.iter().map(|s| (Some(*s), Some(1.0 - s))))
            .collect();
        let is_level = |gone: u32| {
            let rate = |of: fn(&Row) -> Option<f64>| {
                let left = rows.iter().enumerate().filter(|(i, _)| gone >> i & 1 == 0);
                let scores: Vec<f64> = left.filter_map(|(_, row)| of(row)).collect();
                crate::stats::mean::mean(&scores)
            };
            matches!((rate(|row| row.0), rate(|row| row.1)), (Some(a), Some(b)) if a <= b + 1e-12)
        };
        let least = (0..1u32 << rows.len()).filter(|gone| is_level(*gone)).map(u32::count_ones).min();
        assert_eq!(meeting.fewest(), least.map(|least| least as usize));
        assert_eq!(meeting.fewest(), Some(4));
    }
}
