//! Do the judges agree beyond chance, and does one judge agree with itself when the positions are swapped?

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};

use serde::Serialize;

use super::row::Arm;
use super::votes::Vote;
use super::{Finding, Log, Severity, Unchecked, percent};
use crate::stats::agreement::{Scale, cohen_kappa, krippendorff_alpha};
use crate::stats::proportion::wilson;
use crate::stats::special::normal_quantile;

/// Pairs that two judges must share before their agreement is measured.
const LEAST_PAIRS: usize = 10;
/// A raw agreement that sounds high, and a kappa that is not.
const HIGH_RAW: f64 = 0.8;
const LOW_KAPPA: f64 = 0.4;

/// How far two judges agree about the pairs that both saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgeAgreement {
    pub judges: [String; 2],
    pub pairs: usize,
    /// Share of the pairs with the same outcome.
    pub raw: f64,
    /// Cohen's kappa with its 95 % interval; `None` when one of the two gave a single outcome throughout.
    pub kappa: Option<f64>,
    pub interval: Option<(f64, f64)>,
}

impl JudgeAgreement {
    /// Of a table of outcomes lost, tie, won.
    fn of(judges: [&str; 2], table: &[Vec<f64>]) -> JudgeAgreement {
        let n: f64 = table.iter().flatten().sum();
        let found = cohen_kappa(table);
        let half = |se: f64| normal_quantile(0.975) * se;
        JudgeAgreement {
            judges: judges.map(str::to_owned),
            pairs: n as usize,
            raw: (0..table.len()).map(|k| table[k][k]).sum::<f64>() / n,
            kappa: found.map(|found| found.kappa),
            interval: found.map(|found| (found.kappa - half(found.se), found.kappa + half(found.se))),
        }
    }
}

pub fn check(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) -> Vec<JudgeAgreement> {
    let agreements = between_judges(log, findings, unchecked);
    findings.extend(swapped(log));
    agreements
}

/// A unit that several judges saw: prompt, answers and arms, as the hash of them.
fn unit(log: &Log, i: usize) -> Option<u64> {
    let row = &log.rows[i];
    let mut hasher = DefaultHasher::new();
    (log.prompts[i]?, &row.arms, &row.texts).hash(&mut hasher);
    Some(hasher.finish())
}

/// Judges above which pairs of them are not told one by one: people who vote, not a panel.
const MOST_JUDGES: usize = 12;
/// Judges of one unit above which its pairs are not formed.
const MOST_OF_UNIT: usize = 100;

fn between_judges(
    log: &Log,
    findings: &mut Vec<Finding>,
    unchecked: &mut Vec<Unchecked>,
) -> Vec<JudgeAgreement> {
    let judges: BTreeSet<&str> = log.rows.iter().filter_map(|row| row.judge.as_deref()).collect();
    if judges.len() < 2 {
        unchecked.push(Unchecked {
            check: "agreement of judges beyond chance",
            because: match judges.len() {
                0 => "the log names no judge".to_owned(),
                _ => "only one judge is named".to_owned(),
            },
        });
        return Vec::new();
    }
    let names: Vec<&str> = judges.into_iter().collect();
    let number = |judge: &str| names.binary_search(&judge).ok();
    let mut scores: BTreeMap<u64, BTreeMap<usize, (f64, usize)>> = BTreeMap::new();
    for i in log.counted() {
        let judge = log.rows[i].judge.as_deref().and_then(number);
        if let (Some(unit), Some(judge), Some(score)) = (unit(log, i), judge, log.score(i, Arm::Two)) {
            let sum = scores.entry(unit).or_default().entry(judge).or_default();
            *sum = (sum.0 + score, sum.1 + 1);
        }
    }
    // 0 lost, 1 tie, 2 won, from the mean over a judge's orders and repeats.
    let value = |(sum, n): (f64, usize)| match sum / n as f64 {
        mean if mean > 0.5 => 2,
        mean => usize::from(mean == 0.5),
    };
    let units: Vec<Vec<(usize, usize)>> =
        scores.values().map(|unit| unit.iter().map(|(judge, sum)| (*judge, value(*sum))).collect()).collect();
    let mut tables: BTreeMap<(usize, usize), Vec<Vec<f64>>> = BTreeMap::new();
    for unit in units.iter().filter(|unit| unit.len() <= MOST_OF_UNIT) {
        for (at, (one, a)) in unit.iter().enumerate() {
            for (other, b) in &unit[at + 1..] {
                tables.entry((*one, *other)).or_insert_with(|| vec![vec![0.0; 3]; 3])[*a][*b] += 1.0;
            }
        }
    }
    let enough = |table: &Vec<Vec<f64>>| table.iter().flatten().sum::<f64>() >= LEAST_PAIRS as f64;
    let mut agreements: Vec<JudgeAgreement> = tables
        .iter()
        .filter(|(_, table)| enough(table))
        .map(|((one, other), table)| JudgeAgreement::of([names[*one], names[*other]], table))
        .collect();
    if names.len() <= MOST_JUDGES {
        findings.extend(agreements.iter().filter_map(weak_agreement));
    }
    if tables.is_empty() || names.len() <= MOST_JUDGES && agreements.is_empty() {
        unchecked.push(Unchecked {
            check: "agreement of judges beyond chance",
            because: format!("no two judges share {LEAST_PAIRS} pairs"),
        });
    } else if names.len() > 2
        && let Some(alpha) = krippendorff_alpha(&by_place(&units), Scale::Nominal)
        && alpha <= 0.0
    {
        findings.push(Finding {
            code: "R16",
            severity: Severity::Suspicion,
            sentence: format!("The {} judges together agree no more than chance would.", names.len()),
            evidence: vec![format!("Krippendorff's alpha {alpha:.2} (0 is chance, 1 is full agreement)")],
            rows: Vec::new(),
        });
    }
    if names.len() > MOST_JUDGES {
        agreements.clear();
    }
    agreements
}

/// Ratings by place in their unit instead of by judge: alpha does not ask who rated.
fn by_place(units: &[Vec<(usize, usize)>]) -> Vec<Vec<Option<i64>>> {
    let most = units.iter().map(Vec::len).max().unwrap_or(0).min(MOST_OF_UNIT);
    let at =
        |place: usize| units.iter().map(|unit| unit.get(place).map(|(_, value)| *value as i64)).collect();
    (0..most).map(at).collect()
}

fn weak_agreement(agreement: &JudgeAgreement) -> Option<Finding> {
    let [one, other] = &agreement.judges;
    let (raw, kappa, (low, high)) = (agreement.raw, agreement.kappa?, agreement.interval?);
    let sentence = if high <= 0.0 {
        format!("`{one}` and `{other}` agree less than chance would make them.")
    } else if low <= 0.0 {
        format!("Agreement of `{one}` and `{other}` beyond chance is not shown.")
    } else if raw >= HIGH_RAW && kappa < LOW_KAPPA {
        format!("`{one}` and `{other}` agree often mostly because one outcome prevails.")
    } else {
        return None;
    };
    Some(Finding {
        code: "R16",
        severity: Severity::Suspicion,
        sentence,
        evidence: vec![format!(
            "raw agreement {} on {} pairs; beyond chance (Cohen's kappa) {kappa:.2} [{low:.2}, {high:.2}]",
            percent(raw),
            agreement.pairs
        )],
        rows: Vec::new(),
    })
}

/// A judge that names another winner after a swap in this share of pairs, at the lower end of the interval, tells
/// little.
const FLIP_LIMIT: f64 = 0.3;

/// Row and winner of one unit by one judge, for either arm shown first.
type BothOrders = [Option<(usize, Arm)>; 2];

fn swapped(log: &Log) -> Vec<Finding> {
    let mut pairs: BTreeMap<(u64, Option<&str>), BothOrders> = BTreeMap::new();
    for i in log.counted() {
        if let (Some(unit), Some(first), Vote::Winner(winner)) =
            (unit(log, i), log.rows[i].first, log.votes[i])
        {
            pairs.entry((unit, log.rows[i].judge.as_deref())).or_default()[first.index()] = Some((i, winner));
        }
    }
    let mut by_judge: BTreeMap<Option<&str>, (Vec<usize>, usize)> = BTreeMap::new();
    for ((_, judge), positions) in &pairs {
        if let [Some((i, one)), Some((_, two))] = positions {
            let entry = by_judge.entry(*judge).or_default();
            entry.1 += 1;
            if one != two {
                entry.0.push(*i);
            }
        }
    }
    let mut findings = Vec::new();
    for (judge, (flips, n)) in by_judge {
        let Some((low, high)) = wilson(flips.len() as f64, n as f64, 0.05) else { continue };
        if low <= FLIP_LIMIT {
            continue;
        }
        findings.push(Finding {
            code: "R17",
            severity: Severity::Suspicion,
            sentence: format!(
                "`{}` changes its winner with the order in {} of {n} pairs that it saw both ways.",
                judge.unwrap_or("the judge"),
                flips.len()
            ),
            evidence: vec![format!(
                "{} [{:.0}, {:.0}]; a coin flips half",
                percent(flips.len() as f64 / n as f64),
                100.0 * low,
                100.0 * high
            )],
            rows: log.refs(flips),
        });
    }
    findings
}
