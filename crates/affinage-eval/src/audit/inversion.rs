//! Is the stored winner the arm that the judge named? Four independent ways to see that it is not.

use std::collections::BTreeMap;

use super::binding::Evidence;
use super::row::{Arm, Label, PairRow, Stored};
use super::verdict::Said;
use super::votes::{self, Claim, LabelMap, Vote};
use super::{ALPHA, Finding, Log, Severity, Unchecked, counted, percent};
use crate::stats::proportion::fisher_exact;
use crate::stats::special::{binomial_pmf, binomial_sf};
use crate::text::p_value;

/// Rows that must contradict before an order counts as inverted and not as a handful of slips.
const LEAST_ROWS: usize = 3;

pub fn check(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) {
    let readable = log.readings.iter().filter(|reading| reading.said.is_some()).count();
    let has_text = log.rows.iter().any(|row| row.judge_text.is_some());
    if readable == 0 {
        let because = match has_text {
            true => "no judge's text states a verdict in a form that can be read",
            false => "the log keeps no judge's text",
        };
        unchecked.push(Unchecked {
            check: "whether the stored winner is the one the judge named",
            because: because.to_owned(),
        });
    }
    let by_words = inverted_orders(log, findings);
    let by_scores = scores_by_arm(log, findings);
    verdict_against_scores(log, findings);
    findings.extend(other_scores(log));
    if readable > 0 && !by_words && !by_scores {
        unbound_maps(log, findings, unchecked);
    }
    if !log.bindings.misrecorded.is_empty() {
        findings.push(Finding {
            code: "R05",
            severity: Severity::Fault,
            sentence: format!(
                "{} a presentation order that is not the one in the judge's request.",
                match log.bindings.misrecorded.len() {
                    1 => "1 row records".to_owned(),
                    n => format!("{n} rows record"),
                }
            ),
            evidence: vec![
                "the position of both answers in the stored request was compared with the field".to_owned(),
            ],
            rows: log.refs(log.bindings.misrecorded.iter().copied()),
        });
    }
}

pub fn order_name(rows: &[PairRow], first: Option<Arm>) -> String {
    let arm = |arm: Arm| {
        rows.first()
            .filter(|row| rows.iter().all(|other| other.arms == row.arms))
            .map_or(["the first model", "the second model"][arm.index()], |row| row.arm(arm))
    };
    first.map_or("rows without an order".to_owned(), |first| format!("rows that show `{}` first", arm(first)))
}

/// Rows that agree, rows that contradict, and the evidence of the latter.
type Tally = (Vec<usize>, Vec<usize>, Vec<Evidence>);

/// Stored winners against the judge's words where the arm under the label is known. True when something was
/// found.
fn inverted_orders(log: &Log, findings: &mut Vec<Finding>) -> bool {
    let mut by_order: BTreeMap<Option<Arm>, Tally> = BTreeMap::new();
    let mut slips = Vec::new();
    for i in 0..log.rows.len() {
        let Claim::Derived(vote, evidence) = votes::claim(log.rows, &log.readings, &log.bindings, i) else {
            continue;
        };
        let entry = by_order.entry(log.rows[i].first).or_default();
        match (vote, votes::stored(&log.rows[i].stored)) {
            (Vote::Winner(said), Vote::Winner(stored)) => {
                if said == stored { &mut entry.0 } else { &mut entry.1 }.push(i);
                entry.2.push(evidence);
            }
            (said, stored) if said != stored => slips.push(i),
            _ => {}
        }
    }
    let mut found = false;
    for (order, (agree, contradict, evidence)) in by_order {
        if contradict.len() >= LEAST_ROWS && contradict.len() > agree.len() {
            found = true;
            let mut lines = vec![format!(
                "the judge's verdict and the stored winner agree in {} and contradict in {}",
                counted(agree.len(), "row"),
                counted(contradict.len(), "row")
            )];
            lines.push(how_known(log, order, &evidence));
            lines.extend(map_lines(log, order));
            findings.push(Finding {
                code: "R01",
                severity: Severity::Fault,
                sentence: format!(
                    "The stored winner is the opposite of what the judge said in {}.",
                    order_name(log.rows, order)
                ),
                evidence: lines,
                rows: log.refs(contradict),
            });
        } else {
            slips.extend(contradict);
        }
    }
    slips.extend(minority_of_maps(log));
    slips.sort_unstable();
    slips.dedup();
    if !slips.is_empty() {
        let lines = slips.iter().take(3).map(|&i| slip_line(log, i)).collect();
        findings.push(Finding {
            code: "R02",
            severity: Severity::Fault,
            sentence: format!(
                "In {} the stored outcome is not the one that the judge's text states.",
                counted(slips.len(), "row")
            ),
            evidence: lines,
            rows: log.refs(slips),
        });
    }
    found
}

fn how_known(log: &Log, order: Option<Arm>, evidence: &[Evidence]) -> String {
    if evidence.contains(&Evidence::Request) {
        return "which answer stood under which label is read from the judge's stored request".to_owned();
    }
    match log.bindings.of_order(order) {
        Some(bound) if bound.evidence == Evidence::Words => format!(
            "label A was `{}` here: in {} of {} rows the reasons given for a label use words that only that \
             arm's answer has",
            log.rows[0].arm(bound.under_a),
            bound.agreeing,
            bound.rows
        ),
        _ => "what labels mean is stated in the mapping file".to_owned(),
    }
}

fn map_lines(log: &Log, order: Option<Arm>) -> Vec<String> {
    let maps = votes::label_maps(log.rows, &log.readings);
    maps.get(&order).map(|map| map_line(log.rows, order, map)).into_iter().collect()
}

fn map_line(rows: &[PairRow], order: Option<Arm>, map: &LabelMap) -> String {
    let [[a1, a2], [b1, b2]] = map;
    let (one, two) = (rows[0].arm(Arm::One), rows[0].arm(Arm::Two));
    format!(
        "in {}: A stored as `{one}` {a1}, as `{two}` {a2}; B stored as `{one}` {b1}, as `{two}` {b2}",
        order_name(rows, order)
    )
}

/// Rows whose label went another way than almost all others of the same order.
fn minority_of_maps(log: &Log) -> Vec<usize> {
    let maps = votes::label_maps(log.rows, &log.readings);
    let mut minority = Vec::new();
    for (i, row) in log.rows.iter().enumerate() {
        let (Some(Said::Label(label)), Stored::Winner(stored)) = (log.readings[i].said, &row.stored) else {
            continue;
        };
        if let Some((under_a, share)) = maps.get(&row.first).and_then(votes::direction)
            && share >= 0.8
            && label.arm(under_a) != *stored
        {
            minority.push(i);
        }
    }
    minority.extend(log.rows.iter().enumerate().filter_map(|(i, row)| {
        let contradicts = matches!(
            (log.readings[i].said?, &row.stored),
            (Said::Label(_), Stored::Tie) | (Said::Tie, Stored::Winner(_))
        );
        contradicts.then_some(i)
    }));
    minority
}

fn slip_line(log: &Log, i: usize) -> String {
    let row = &log.rows[i];
    let said = match log.readings[i].said {
        Some(Said::Label(label)) => format!("winner {}", label.name()),
        Some(Said::Tie) => "a tie".to_owned(),
        None => "nothing".to_owned(),
    };
    let stored = match &row.stored {
        Stored::Winner(arm) => format!("`{}`", row.arm(*arm)),
        Stored::Tie => "a tie".to_owned(),
        Stored::Missing(word) => format!("`{word}`"),
    };
    format!("line {}: the text says {said}, stored is {stored}", row.source.line)
}

/// Stored winners against scores that the log keeps by arm, within each order. True when something was found.
fn scores_by_arm(log: &Log, findings: &mut Vec<Finding>) -> bool {
    let mut by_order: BTreeMap<Option<Arm>, (usize, Vec<usize>)> = BTreeMap::new();
    for (i, row) in log.rows.iter().enumerate() {
        let (Some([one, two]), Stored::Winner(stored)) = (row.arm_scores, &row.stored) else { continue };
        if one == two {
            continue;
        }
        let better = if one > two { Arm::One } else { Arm::Two };
        let entry = by_order.entry(row.first).or_default();
        if better == *stored { entry.0 += 1 } else { entry.1.push(i) }
    }
    let mut found = false;
    for (order, (agree, contradict)) in by_order {
        let p = at_most(agree, agree + contradict.len());
        if p > ALPHA {
            continue;
        }
        found = true;
        findings.push(Finding {
            code: "R03",
            severity: Severity::Fault,
            sentence: format!(
                "The stored winner is the arm with the lower scores in {} of {} {}.",
                contradict.len(),
                agree + contradict.len(),
                order_name(log.rows, order)
            ),
            evidence: vec![format!("so few agreements happen by chance with {}", p_value(p))],
            rows: log.refs(contradict),
        });
    }
    found
}

/// The verdict line against the same text's scores.
fn verdict_against_scores(log: &Log, findings: &mut Vec<Finding>) {
    let (mut agree, mut contradict) = (0, Vec::new());
    for (i, reading) in log.readings.iter().enumerate() {
        let (Some(Said::Label(said)), Some(scores)) = (reading.said, reading.label_scores) else { continue };
        match votes::higher(scores) {
            Some(label) if label == said => agree += 1,
            Some(_) => contradict.push(i),
            None => {}
        }
    }
    let n = agree + contradict.len();
    if n > 0 && at_most(agree, n) <= ALPHA {
        findings.push(Finding {
            code: "R04",
            severity: Severity::Fault,
            sentence: format!(
                "The judge's verdict contradicts its own scores in {} of {n} texts.",
                contradict.len()
            ),
            evidence: vec!["the label with the lower sum of scores is named as the winner".to_owned()],
            rows: log.refs(contradict),
        });
    }
}

/// Stored scores that are not those of the text, in a log that otherwise stores the text's scores.
fn other_scores(log: &Log) -> Option<Finding> {
    let (mut agree, mut differ) = (0, Vec::new());
    for (i, row) in log.rows.iter().enumerate() {
        let (Some(stored), Some(said)) = (row.arm_scores, log.readings[i].label_scores) else { continue };
        let Some((under_a, _)) = log.bindings.under_a(log.rows, i) else { continue };
        let said = if under_a == Arm::One { said } else { [said[1], said[0]] };
        if stored == said { agree += 1 } else { differ.push(i) }
    }
    // Where the log keeps another measure (a mean, a percentage), most rows differ.
    (!differ.is_empty() && agree > 4 * differ.len()).then(|| Finding {
        code: "R21",
        severity: Severity::Fault,
        sentence: format!(
            "In {} the stored scores are not those that the judge's text states.",
            counted(differ.len(), "row")
        ),
        evidence: vec![format!("in {} they are", counted(agree, "other row"))],
        rows: log.refs(differ),
    })
}

/// P(X <= k) of a fair coin in `n` throws.
fn at_most(k: usize, n: usize) -> f64 {
    if n == 0 {
        1.0
    } else {
        1.0 - binomial_sf(k as u64, n as u64, 0.5) + binomial_pmf(k as u64, n as u64, 0.5)
    }
}

/// Labels whose meaning nothing in the log tells: one of two readings is right, and the other is an inversion.
fn unbound_maps(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) {
    let maps = votes::label_maps(log.rows, &log.readings);
    let orders = [Some(Arm::One), Some(Arm::Two)];
    let known = |order: &Option<Arm>| {
        log.bindings.of_order(*order).is_some()
            || (0..log.rows.len())
                .filter(|&i| log.rows[i].first == *order)
                .any(|i| log.bindings.under_a(log.rows, i).is_some())
    };
    let [Some(first), Some(second)] = orders.map(|order| maps.get(&order).and_then(votes::direction)) else {
        if maps.keys().any(|order| !known(order)) {
            unchecked.push(Unchecked {
                check: "whether the judge's labels were read the right way round",
                because: "the log does not hold both presentation orders with a stated label".to_owned(),
            });
        }
        return;
    };
    if orders.iter().all(known) || first.1 < 0.8 || second.1 < 0.8 {
        return;
    }
    let lines =
        || orders.iter().map(|order| map_line(log.rows, *order, &maps[order])).collect::<Vec<String>>();
    let table = order_by_winner(log);
    let p = fisher_exact(table);
    let opposite = first.0 != second.0;
    let reading = if opposite {
        "the label names the position; if it named the model, the winners of one order are inverted"
    } else {
        "the label names the model; if it named the position, the winners of one order are inverted"
    };
    if p <= ALPHA || !opposite {
        let [[first_one, first_two], [second_one, second_two]] = table;
        let mut evidence = lines();
        evidence.push(format!(
            "winner by order: {first_two} of {} for the second arm when it is shown last, {second_two} of {} when \
             it is shown first (Fisher's exact test, {})",
            first_one + first_two,
            second_one + second_two,
            p_value(p)
        ));
        evidence.push(format!("the stored winners are right only if {reading}"));
        evidence.extend(other_reading(log));
        findings.push(Finding {
            code: "R01",
            severity: Severity::Suspicion,
            sentence:
                "The winners may be inverted under one presentation order: the log does not say what the \
                       judge's labels mean, and its two orders disagree."
                    .to_owned(),
            evidence,
            rows: Vec::new(),
        });
    } else {
        unchecked.push(Unchecked {
            check: "whether the judge's labels were read the right way round",
            because: format!("the stored winners are right only if {reading}, and the log does not tell"),
        });
    }
}

/// `[first arm][winner]` over decisive stored outcomes, one a prompt and order.
fn order_by_winner(log: &Log) -> [[u64; 2]; 2] {
    let mut sums: BTreeMap<(Arm, String), f64> = BTreeMap::new();
    for i in log.counted() {
        let row = &log.rows[i];
        if let (Some(first), Stored::Winner(winner)) = (row.first, &row.stored) {
            let prompt = row.prompt_key().unwrap_or_else(|| i.to_string());
            *sums.entry((first, prompt)).or_default() += if *winner == Arm::Two { 1.0 } else { -1.0 };
        }
    }
    let mut table = [[0; 2]; 2];
    for ((first, _), sum) in sums {
        if sum != 0.0 {
            table[first.index()][usize::from(sum > 0.0)] += 1;
        }
    }
    table
}

/// What the win rate would be under the other meaning of the labels.
fn other_reading(log: &Log) -> Option<String> {
    let (mut wins, mut stored_wins, mut n) = (0, 0, 0);
    let maps = votes::label_maps(log.rows, &log.readings);
    let under_a_first = maps.get(&Some(Arm::One)).and_then(votes::direction)?.0;
    let opposite = maps.get(&Some(Arm::Two)).and_then(votes::direction)?.0 != under_a_first;
    for i in log.counted() {
        let (Some(first), Some(Said::Label(label))) = (log.rows[i].first, log.readings[i].said) else {
            continue;
        };
        let Stored::Winner(stored) = &log.rows[i].stored else { continue };
        // The other reading keeps the first order and turns the second one round.
        let under_a = match (first, opposite) {
            (Arm::One, _) => under_a_first,
            (Arm::Two, true) => under_a_first,
            (Arm::Two, false) => under_a_first.other(),
        };
        n += 1;
        wins += usize::from(label.arm(under_a) == Arm::Two);
        stored_wins += usize::from(*stored == Arm::Two);
    }
    (n > 0).then(|| {
        format!(
            "as stored `{}` wins {} of {n} decided rows ({}); under the other reading {wins} ({})",
            log.rows[0].arm(Arm::Two),
            stored_wins,
            percent(stored_wins as f64 / n as f64),
            percent(wins as f64 / n as f64)
        )
    })
}

/// Whether label A always stood for one arm in both orders, where that is known or stored so.
pub fn label_is_arm(log: &Log) -> Option<Arm> {
    let mut arms = [0usize; 2];
    for i in 0..log.rows.len() {
        if let Some((arm, _)) = log.bindings.under_a(log.rows, i) {
            arms[arm.index()] += 1;
        }
    }
    let orders = [Arm::One, Arm::Two].map(|arm| log.rows.iter().any(|row| row.first == Some(arm)));
    match arms {
        [one, 0] if one > 0 && orders[0] && orders[1] => Some(Arm::One),
        [0, two] if two > 0 && orders[0] && orders[1] => Some(Arm::Two),
        _ => None,
    }
}

/// The label under which `arm` stood, for texts.
pub fn label_of(under_a: Arm, arm: Arm) -> Label {
    if under_a == arm { Label::A } else { Label::B }
}
