//! Is the stored winner the arm that the judge named? Four independent ways to see that it is not.

use std::collections::{BTreeMap, BTreeSet};

use super::binding;
use super::binding::{Evidence, Group, group};
use super::row::{Arm, Label, Stored};
use super::verdict::Said;
use super::votes::{self, Claim, LabelMap, Vote};
use super::{ALPHA, Finding, Log, Severity, Unchecked, percent};
use crate::plain::counted;
use crate::stats::proportion::{fisher_exact, sign_test};
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
    let inverted = inverted_orders(log, findings);
    let by_scores = scores_by_arm(log, findings);
    verdict_against_scores(log, findings);
    findings.extend(other_scores(log));
    if readable > 0 && !by_scores {
        for file in log.files().difference(&inverted) {
            unbound_maps(log, *file, findings, unchecked);
        }
        labels_alone(log, unchecked);
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

/// `rows that show x first`, with the file where there are several.
fn group_name(log: &Log, group: Group) -> String {
    let order = match group.1 {
        Some(first) => format!("rows that show {} first", arm_name(log, Some(group), first)),
        None => "rows without an order".to_owned(),
    };
    if log.files().len() > 1 { format!("{order} of {}", log.asked.file(group.0)) } else { order }
}

/// What an arm is called among the rows of a group, or of the whole log: its name if all of them have it.
pub fn arm_name(log: &Log, of: Option<Group>, arm: Arm) -> String {
    let rows = log.rows.iter().filter(|row| of.is_none_or(|of| group(row) == of));
    let names: BTreeSet<&str> = rows.map(|row| row.arm(arm)).collect();
    match names.first().filter(|_| names.len() == 1) {
        Some(name) => format!("`{name}`"),
        None => ["the first model", "the second model"][arm.index()].to_owned(),
    }
}

/// Rows that agree, rows that contradict, and the evidence of the latter.
#[derive(Default)]
struct Tally {
    agree: Vec<usize>,
    contradict: Vec<usize>,
    evidence: Vec<Evidence>,
}

impl Tally {
    fn is_inverted(&self) -> bool {
        self.contradict.len() >= LEAST_ROWS && self.contradict.len() > self.agree.len()
    }
}

/// Stored winners against the judge's words where the arm under the label is known, by file, order and judge. Returns
/// the files in which something was inverted.
fn inverted_orders(log: &Log, findings: &mut Vec<Finding>) -> BTreeSet<usize> {
    let mut by_order: BTreeMap<Group, BTreeMap<Option<&str>, Tally>> = BTreeMap::new();
    let mut slips = Vec::new();
    for i in 0..log.rows.len() {
        let Claim::Derived(vote, evidence) = votes::claim(log.rows, &log.readings, &log.bindings, i) else {
            continue;
        };
        let row = &log.rows[i];
        let tally = by_order.entry(group(row)).or_default().entry(row.judge.as_deref()).or_default();
        match (vote, &row.stored) {
            (_, Stored::Label(_) | Stored::Missing(_)) => {}
            (Vote::Winner(said), Stored::Winner(stored)) => {
                if said == *stored { &mut tally.agree } else { &mut tally.contradict }.push(i);
                tally.evidence.push(evidence);
            }
            (said, stored) if said != votes::stored(stored) => slips.push(i),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for (group, judges) in by_order {
        let is_whole = judges.values().all(Tally::is_inverted);
        let mut inverted = Tally::default();
        let mut names = Vec::new();
        for (judge, tally) in judges {
            if !tally.is_inverted() {
                slips.extend(tally.contradict);
                continue;
            }
            names.extend(judge.map(|judge| format!("`{judge}`")));
            inverted.agree.extend(tally.agree);
            inverted.contradict.extend(tally.contradict);
            inverted.evidence.extend(tally.evidence);
        }
        if !inverted.contradict.is_empty() {
            found.insert(group.0);
            let whose = if is_whole { String::new() } else { format!(", judged by {}", names.join(", ")) };
            findings.push(inverted_order(log, group, &whose, inverted));
        }
    }
    slips.extend(minority_of_maps(log, &found));
    slips.sort_unstable();
    slips.dedup();
    if !slips.is_empty() {
        let lines = slips.iter().take(3).map(|&i| slip_line(log, i)).collect();
        findings.push(Finding {
            code: "R02",
            severity: Severity::Fault,
            sentence: format!(
                "In {} the stored outcome is not the one that the judge's text states.",
                counted(slips.len(), "row", "rows")
            ),
            evidence: lines,
            rows: log.refs(slips),
        });
    }
    found
}

fn inverted_order(log: &Log, group: Group, whose: &str, tally: Tally) -> Finding {
    let mut evidence = vec![format!(
        "the judge's verdict and the stored winner agree in {} and contradict in {}",
        counted(tally.agree.len(), "row", "rows"),
        counted(tally.contradict.len(), "row", "rows")
    )];
    evidence.push(how_known(log, group, &tally.evidence));
    evidence.extend(map_lines(log, group));
    Finding {
        code: "R01",
        severity: Severity::Fault,
        sentence: format!(
            "The stored winner is the opposite of what the judge said in {}{whose}.",
            group_name(log, group)
        ),
        evidence,
        rows: log.refs(tally.contradict),
    }
}

fn how_known(log: &Log, group: Group, evidence: &[Evidence]) -> String {
    if evidence.contains(&Evidence::Request) {
        return "which answer stood under which label is read from the judge's stored request".to_owned();
    }
    match log.bindings.of_group(group) {
        Some(bound) if evidence.contains(&Evidence::Words) => format!(
            "label A was {} here: of {} rows whose reasons fit their own answers and not those of other rows, {} say so",
            arm_name(log, Some(group), bound.under_a),
            bound.rows,
            bound.agreeing
        ),
        _ => "what labels mean is stated by the mapping file or the log's format".to_owned(),
    }
}

fn map_lines(log: &Log, group: Group) -> Vec<String> {
    let maps = votes::label_maps(log.rows, &log.readings);
    maps.get(&group).map(|map| map_line(log, group, map)).into_iter().collect()
}

fn map_line(log: &Log, group: Group, map: &LabelMap) -> String {
    let [[a1, a2], [b1, b2]] = map;
    let [one, two] = Arm::BOTH.map(|arm| arm_name(log, Some(group), arm));
    format!(
        "in {}: A stored as {one} {a1}, as {two} {a2}; B stored as {one} {b1}, as {two} {b2}",
        group_name(log, group)
    )
}

/// Largest p of "either arm as often" at which an order's map counts as one, and its exceptions as slips.
const MAP_P: f64 = 0.03;

/// Rows whose label went another way than almost all others of the same file and order, where nothing better is known,
/// and rows that state a label and store a tie, or the reverse.
fn minority_of_maps(log: &Log, inverted: &BTreeSet<usize>) -> Vec<usize> {
    let maps = votes::label_maps(log.rows, &log.readings);
    let settled: BTreeMap<Group, Arm> = maps
        .iter()
        .filter_map(|(group, map)| {
            let (under_a, share) = votes::direction(map)?;
            let n = map.iter().flatten().sum::<usize>() as f64;
            let p = sign_test((share * n).round() as u64, ((1.0 - share) * n).round() as u64)?;
            (share >= 0.8 && p <= MAP_P && !inverted.contains(&group.0)).then_some((*group, under_a))
        })
        .collect();
    let is_slip = |i: &usize| match (log.readings[*i].said, &log.rows[*i].stored) {
        (Some(Said::Label(label)), Stored::Winner(stored)) => {
            let under_a =
                settled.get(&group(&log.rows[*i])).filter(|_| log.bindings.under_a(log.rows, *i).is_none());
            under_a.is_some_and(|under_a| label.arm(*under_a) != *stored)
        }
        (Some(Said::Label(_)), Stored::Tie) | (Some(Said::Tie), Stored::Winner(_)) => true,
        _ => false,
    };
    (0..log.rows.len()).filter(is_slip).collect()
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
        Stored::Label(label) => format!("label {}", label.name()),
        Stored::Missing(word) => format!("`{word}`"),
    };
    format!("{}: the text says {said}, stored is {stored}", log.line(i))
}

/// Stored winners against scores that the log keeps by arm, within each order. True when something was found.
fn scores_by_arm(log: &Log, findings: &mut Vec<Finding>) -> bool {
    let mut by_order: BTreeMap<Group, (usize, Vec<usize>)> = BTreeMap::new();
    for (i, row) in log.rows.iter().enumerate() {
        let (Some([one, two]), Stored::Winner(stored)) = (row.arm_scores, &row.stored) else { continue };
        if one == two {
            continue;
        }
        let better = if one > two { Arm::One } else { Arm::Two };
        let entry = by_order.entry(group(row)).or_default();
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
                group_name(log, order)
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
            counted(differ.len(), "row", "rows")
        ),
        evidence: vec![format!("in {} they are", counted(agree, "other row", "other rows"))],
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

/// What was not checked in a file where labels have no known meaning.
const MEANING: &str = "whether the judge's labels were read the right way round";

/// Labels whose meaning nothing in the file tells: one of two readings is right, and the other is an inversion. A
/// suspicion only where the label was taken for the model, which is not the custom, and the winner depends on the order,
/// which an inversion would cause. (Where it was taken for the position, the position effect R13 is what can be said.)
fn unbound_maps(log: &Log, file: usize, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) {
    let maps = votes::label_maps(log.rows, &log.readings);
    let members: Vec<usize> = (0..log.rows.len()).filter(|&i| log.rows[i].source.file == file).collect();
    let is_known = |group: &Group| {
        members
            .iter()
            .any(|&i| binding::group(&log.rows[i]) == *group && log.bindings.under_a(log.rows, i).is_some())
    };
    let of_file = |group: &&Group| group.0 == file && !is_known(group);
    if !maps.keys().any(|group| of_file(&group)) {
        return;
    }
    let name = if log.files().len() > 1 { format!("in {}, ", log.asked.file(file)) } else { String::new() };
    let mut cannot = |why: &str| {
        unchecked.push(Unchecked { check: MEANING, because: format!("not enough to tell: {name}{why}") });
    };
    if log.bindings.without_meaning.contains(&file) {
        return cannot(
            "the judge's reasons point to another meaning of A in either order, and no meaning fits both",
        );
    }
    let groups = Arm::BOTH.map(|arm| (file, Some(arm)));
    let [Some(first), Some(second)] = groups.map(|group| maps.get(&group).and_then(votes::direction)) else {
        return cannot("the log does not hold both presentation orders with a stated label");
    };
    if first.1 < 0.8 || second.1 < 0.8 {
        return cannot("the labels follow neither the position nor the model");
    }
    let opposite = first.0 != second.0;
    let reading = if opposite {
        "the label names the position; if it named the model, the winners of one order are inverted"
    } else {
        "the label names the model; if it named the position, the winners of one order are inverted"
    };
    let table = order_by_winner(log, &members);
    let p = fisher_exact(table);
    if opposite || p > ALPHA || groups.iter().any(is_known) {
        return cannot(&format!("the stored winners are right only if {reading}"));
    }
    let [[first_one, first_two], [second_one, second_two]] = table;
    let mut evidence: Vec<String> = groups.iter().map(|group| map_line(log, *group, &maps[group])).collect();
    evidence.push(format!(
        "winner by order: {first_two} of {} for the second arm when it is shown last, {second_two} of {} when \
         it is shown first (Fisher's exact test, {})",
        first_one + first_two,
        second_one + second_two,
        p_value(p)
    ));
    evidence.push(format!("the stored winners are right only if {reading}"));
    evidence.extend(other_reading(log, file));
    findings.push(Finding {
        code: "R01",
        severity: Severity::Suspicion,
        sentence: format!(
            "{}he winners may be inverted under one presentation order: the log does not say what the judge's labels \
             mean, and the winner depends on the order.",
            if name.is_empty() { "T".to_owned() } else { format!("{}t", name.replacen('i', "I", 1)) }
        ),
        evidence,
        rows: Vec::new(),
    });
}

/// Rows that store a label and no arm, and whose label has no known meaning.
fn labels_alone(log: &Log, unchecked: &mut Vec<Unchecked>) {
    let is_open = |i: &usize| {
        let stated = matches!(log.readings[*i].said, Some(Said::Label(_)));
        let without_arm = matches!(log.rows[*i].stored, Stored::Label(_) | Stored::Missing(_));
        stated && without_arm && log.bindings.under_a(log.rows, *i).is_none()
    };
    let open = (0..log.rows.len()).filter(is_open).count();
    if open > 0 {
        unchecked.push(Unchecked {
            check: "which arm won",
            because: format!(
                "not enough to tell: {} only a label, and nothing says which answer it was given to; they count as \
                 missing (`labels` of a mapping file can say it)",
                if open == 1 { "1 row holds".to_owned() } else { format!("{open} rows hold") }
            ),
        });
    }
}

/// `[first arm][winner]` over decisive stored outcomes, one a prompt and order.
fn order_by_winner(log: &Log, members: &[usize]) -> [[u64; 2]; 2] {
    let mut sums: BTreeMap<(Arm, usize), f64> = BTreeMap::new();
    for &i in members {
        let row = &log.rows[i];
        if let (Some(first), Stored::Winner(winner), None) =
            (row.first, &row.stored, log.readings[i].duplicate_of)
        {
            *sums.entry((first, log.cluster(i))).or_default() += if *winner == Arm::Two { 1.0 } else { -1.0 };
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
fn other_reading(log: &Log, file: usize) -> Option<String> {
    let (mut wins, mut stored_wins, mut n) = (0, 0, 0);
    let maps = votes::label_maps(log.rows, &log.readings);
    let under_a_first = maps.get(&(file, Some(Arm::One))).and_then(votes::direction)?.0;
    let opposite = maps.get(&(file, Some(Arm::Two))).and_then(votes::direction)?.0 != under_a_first;
    for i in log.counted().filter(|&i| log.rows[i].source.file == file) {
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
            "as stored {} wins {} of {n} decided rows ({}); under the other reading {wins} ({})",
            arm_name(log, Some((file, Some(Arm::One))), Arm::Two),
            stored_wins,
            percent(stored_wins as f64 / n as f64),
            percent(wins as f64 / n as f64)
        )
    })
}

/// The arm that label A always stood for in both orders, where it is known in at least `least` rows of each.
pub fn label_is_arm(log: &Log, least: usize) -> Option<Arm> {
    let mut arms = [[0usize; 2]; 2];
    for i in 0..log.rows.len() {
        if let (Some(first), Some((arm, _))) = (log.rows[i].first, log.bindings.under_a(log.rows, i)) {
            arms[first.index()][arm.index()] += 1;
        }
    }
    Arm::BOTH.into_iter().find(|arm| {
        arms.iter().all(|of_order| of_order[arm.index()] >= least && of_order[arm.other().index()] == 0)
    })
}

/// The label under which `arm` stood, for texts.
pub fn label_of(under_a: Arm, arm: Arm) -> Label {
    if under_a == arm { Label::A } else { Label::B }
}
