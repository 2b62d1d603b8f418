//! Position, label and length: how much of the outcome is not the answer's quality. Always measured, a finding only
//! where the tests of the log, adjusted together, say so.

use std::collections::BTreeMap;

use serde::Serialize;

use super::inversion;
use super::row::Arm;
use super::votes::{self, Vote};
use super::{ALPHA, Finding, Log, Severity, Unchecked, percent};
use crate::plain::counted;
use crate::stats::mean::clustered_mean;
use crate::stats::models::length_controlled;
use crate::stats::multiple::holm;
use crate::stats::permutation::sign_flip_clustered;
use crate::stats::proportion::fisher_exact;
use crate::stats::special::{normal_cdf, t_sf};
use crate::text::p_value;

/// A measured effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    pub name: &'static str,
    /// What was measured, in words with its numbers.
    pub measured: String,
    pub p: f64,
    /// Holm's adjustment over the effects of this log.
    pub p_adjusted: f64,
}

/// Above this many clusters the t test is as good as the sign flips, and much faster.
const FLIP_UP_TO: usize = 500;

pub fn check(log: &Log, findings: &mut Vec<Finding>, unchecked: &mut Vec<Unchecked>) -> Vec<Effect> {
    let found = [position(log), label(log), length(log, unchecked), missing(log)];
    let mut effects: Vec<Effect> = found.into_iter().flatten().collect();
    let adjusted = holm(&effects.iter().map(|effect| effect.p).collect::<Vec<f64>>());
    for (effect, p) in effects.iter_mut().zip(adjusted) {
        effect.p_adjusted = p;
    }
    if log.rows.iter().any(|row| row.first.is_some())
        && !effects.iter().any(|effect| effect.name == "position")
    {
        unchecked.push(Unchecked {
            check: "position effect",
            because: match log.rows.iter().all(|row| row.first == log.rows[0].first) {
                true => "every row shows its answers in the same order".to_owned(),
                false => "too few decided rows with a known order".to_owned(),
            },
        });
    }
    for effect in effects.iter().filter(|effect| effect.p_adjusted <= ALPHA) {
        let (code, sentence) = match effect.name {
            "position" => (
                "R13",
                "The winner depends on the presentation order: the judge prefers a position, or winners were inverted \
                 under one order.",
            ),
            "label" => ("R14", "The winner depends on the label: the judge prefers a letter."),
            "missing outcomes" => (
                "R25",
                "Outcomes are missing more often in one presentation order: what is left is no fair sample of both.",
            ),
            "length" => ("R15", "The longer answer wins more often than the arms' difference explains."),
            _ => ("R24", "The shorter answer wins more often than the arms' difference explains."),
        };
        findings.push(Finding {
            code,
            severity: Severity::Suspicion,
            sentence: sentence.to_owned(),
            evidence: vec![
                effect.measured.clone(),
                format!(
                    "{}, adjusted for {}",
                    p_value(effect.p_adjusted),
                    counted(effects.len(), "test", "tests")
                ),
            ],
            rows: Vec::new(),
        });
    }
    effects
}

/// Prompt, arms and judge that a position effect is free of.
type Group<'l> = (usize, &'l [String; 2], Option<&'l str>);

/// The first position's score where it is free of the arms' difference: rows that show an answer against itself, or both
/// orders under one prompt and judge.
fn position(log: &Log) -> Option<Effect> {
    let identical: Vec<usize> = log.counted().filter(|&i| log.rows[i].is_identical()).collect();
    if identical.len() * 5 >= log.counted().count() * 4 {
        let named = |i: usize| votes::named(log.rows, &log.readings, &log.bindings, i);
        let first = |&i: &usize| Some((named(i).score(log.rows[i].first?)?, log.cluster(i)));
        let (scores, keys): (Vec<f64>, Vec<usize>) = identical.iter().filter_map(first).unzip();
        return clustered(
            log,
            "position",
            "of an answer against itself the one shown first wins",
            &scores,
            &keys,
        );
    }
    let mut groups: BTreeMap<Group, [Vec<f64>; 2]> = BTreeMap::new();
    for i in log.counted() {
        let row = &log.rows[i];
        if let (Some(first), Some(score)) = (row.first, row.first.and_then(|first| log.score(i, first))) {
            let group = groups.entry((log.cluster(i), &row.arms, row.judge.as_deref())).or_default();
            group[first.index()].push(score);
        }
    }
    let total = groups.len();
    let mut paired = (Vec::new(), Vec::new());
    for ((prompt, ..), [one, two]) in &groups {
        if !one.is_empty() && !two.is_empty() {
            let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
            paired.0.push((mean(one) + mean(two)) / 2.0);
            paired.1.push(*prompt);
        }
    }
    if total >= 8 && paired.0.len() * 5 >= total * 4 {
        return clustered(log, "position", "the answer shown first wins", &paired.0, &paired.1);
    }
    one_order_a_row(log)
}

/// Each pair in one order only: order x winner for two arms, the rate of the first position for many.
fn one_order_a_row(log: &Log) -> Option<Effect> {
    let two_arms = log.rows.iter().all(|row| row.arms == log.rows[0].arms);
    if !two_arms {
        let (mut scores, mut keys) = (Vec::new(), Vec::new());
        for i in log.counted() {
            if let Some(score) = log.rows[i].first.and_then(|first| log.score(i, first)) {
                scores.push(score);
                keys.push(log.cluster(i));
            }
        }
        return clustered(log, "position", "the answer shown first wins", &scores, &keys);
    }
    let mut sums: BTreeMap<(Arm, usize), f64> = BTreeMap::new();
    for i in log.counted() {
        if let (Some(first), Vote::Winner(winner)) = (log.rows[i].first, log.votes[i]) {
            let one_vote = if winner == Arm::Two { 1.0 } else { -1.0 };
            *sums.entry((first, log.cluster(i))).or_default() += one_vote;
        }
    }
    let mut table = [[0u64; 2]; 2];
    for ((first, _), sum) in sums {
        if sum != 0.0 {
            table[first.index()][usize::from(sum > 0.0)] += 1;
        }
    }
    let [[a, b], [c, d]] = table;
    if a + b < 5 || c + d < 5 {
        return None;
    }
    let arm = log.rows[0].arm(Arm::Two);
    Some(Effect {
        name: "position",
        measured: format!(
            "`{arm}` wins {b} of {} ({}) when shown second and {d} of {} ({}) when shown first",
            a + b,
            percent(b as f64 / (a + b) as f64),
            c + d,
            percent(d as f64 / (c + d) as f64)
        ),
        p: fisher_exact(table),
        p_adjusted: 1.0,
    })
}

/// Labels that follow neither the position nor the arm: their own pull.
fn label(log: &Log) -> Option<Effect> {
    let (mut scores, mut keys) = (Vec::new(), Vec::new());
    let (mut positions, mut arms) = ([0usize; 2], [0usize; 2]);
    for i in log.counted() {
        let (Some((under_a, _)), Some(first)) = (log.bindings.under_a(log.rows, i), log.rows[i].first) else {
            continue;
        };
        if let Some(score) = log.score(i, under_a) {
            scores.push(score);
            keys.push(log.cluster(i));
            positions[usize::from(under_a == first)] += 1;
            arms[under_a.index()] += 1;
        }
    }
    let varies = |counts: [usize; 2]| counts.iter().all(|&n| n * 5 >= scores.len());
    if scores.len() < 20 || !varies(positions) || !varies(arms) {
        return None;
    }
    clustered(log, "label", "the answer labelled A wins", &scores, &keys)
}

fn clustered(log: &Log, name: &'static str, what: &str, scores: &[f64], keys: &[usize]) -> Option<Effect> {
    let found = clustered_mean(scores, keys, 0.05)?;
    if found.clusters < 8 {
        return None;
    }
    let p = if found.clusters <= FLIP_UP_TO {
        sign_flip_clustered(scores, keys, 0.5, 1)?
    } else {
        2.0 * t_sf((found.mean - 0.5).abs() / found.se, (found.clusters - 1) as f64)
    };
    Some(Effect {
        name,
        measured: format!(
            "{what} {} [{}, {}] of {} judgments on {} (50 % is no effect)",
            percent(found.mean),
            bound(found.interval.0),
            bound(found.interval.1),
            scores.len(),
            match log.prompt_count() {
                0 => format!("{} rows whose prompts are not kept", found.clusters),
                _ => format!("{} prompts", found.clusters),
            }
        ),
        p,
        p_adjusted: 1.0,
    })
}

fn bound(share: f64) -> String {
    format!("{:.0}", 100.0 * share.clamp(0.0, 1.0))
}

/// Beyond this slope wins are nearly separated by length, and Wald's test loses its power (Hauck and Donner 1977).
const LARGEST_SLOPE: f64 = 4.0;
/// Pairs in which either arm must be the longer one, before length can be told from the arm.
const LEAST_OF_SIDE: usize = 5;

/// Pull of length beside the arms' own difference, one observation a prompt and pair of arms. Its name says which of
/// the two wins: `length`, or `brevity`.
fn length(log: &Log, unchecked: &mut Vec<Unchecked>) -> Option<Effect> {
    let two_arms = log.rows.iter().all(|row| row.arms == log.rows[0].arms);
    if !two_arms {
        return None;
    }
    let mut pairs: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
    let (mut longer, mut decided) = (0, 0);
    for i in log.counted() {
        let row = &log.rows[i];
        let (Some(one), Some(two)) = (row.text(Arm::One), row.text(Arm::Two)) else { continue };
        let Some(score) = log.score(i, Arm::Two) else { continue };
        let difference = two.chars().count() as f64 - one.chars().count() as f64;
        pairs.entry(log.cluster(i)).or_default().push((difference, score));
        if difference != 0.0 && score != 0.5 {
            decided += 1;
            longer += usize::from((difference > 0.0) == (score > 0.5));
        }
    }
    let mean = |values: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        values.iter().map(of).sum::<f64>() / values.len() as f64
    };
    let differences: Vec<f64> = pairs.values().map(|pair| mean(pair, |p| p.0)).collect();
    let scores: Vec<f64> = pairs.values().map(|pair| mean(pair, |p| p.1)).collect();
    if scores.len() < 20 || decided == 0 {
        return None;
    }
    let arm = log.rows[0].arm(Arm::Two);
    let (longer_arm, shorter_arm) = differences.iter().fold((0, 0), |(longer, shorter), d| {
        (longer + usize::from(*d > 0.0), shorter + usize::from(*d < 0.0))
    });
    if longer_arm.min(shorter_arm) < LEAST_OF_SIDE {
        unchecked.push(Unchecked {
            check: "length effect",
            because: format!(
                "`{arm}` is the longer one in {longer_arm} pairs and the shorter one in {shorter_arm}: length and arm \
                 cannot be told apart"
            ),
        });
        return None;
    }
    let name = |longer_wins: bool| if longer_wins { "length" } else { "brevity" };
    let measured = match 2 * longer >= decided {
        true => format!("the longer answer wins {longer} of {decided} decided rows"),
        false => format!("the shorter answer wins {} of {decided} decided rows", decided - longer),
    };
    let share = percent(longer.max(decided - longer) as f64 / decided as f64);
    let measured = format!("{measured} ({share})");
    let fitted =
        length_controlled(&differences, &scores).filter(|fitted| fitted.slope.abs() <= LARGEST_SLOPE);
    let Some(fitted) = fitted else {
        // Length nearly separates wins from losses: wins are counted among prompts where the arm is longer or shorter.
        let mut table = [[0u64; 2]; 2];
        for (difference, score) in differences.iter().zip(&scores) {
            if *difference != 0.0 && *score != 0.5 {
                table[usize::from(*difference > 0.0)][usize::from(*score > 0.5)] += 1;
            }
        }
        let [[lost_short, won_short], [lost_long, won_long]] = table;
        let longer_wins = won_long * (lost_short + won_short) > won_short * (lost_long + won_long);
        return Some(Effect { name: name(longer_wins), measured, p: fisher_exact(table), p_adjusted: 1.0 });
    };
    let rates = (percent(fitted.raw_win_rate), percent(fitted.win_rate));
    let z = fitted.slope / fitted.se.1;
    Some(Effect {
        name: name(fitted.slope > 0.0),
        measured: format!("{measured}; `{arm}` wins {}, at equal length {}", rates.0, rates.1),
        p: 2.0 * (1.0 - normal_cdf(z.abs())),
        p_adjusted: 1.0,
    })
}

/// Rows without an outcome by presentation order, one observation a prompt and order (Fisher's exact test).
fn missing(log: &Log) -> Option<Effect> {
    let mut lacks: BTreeMap<(Arm, usize), bool> = BTreeMap::new();
    for i in log.counted() {
        if let Some(first) = log.rows[i].first {
            *lacks.entry((first, log.cluster(i))).or_default() |= log.votes[i] == Vote::Missing;
        }
    }
    let mut table = [[0u64; 2]; 2];
    for ((first, _), lacks) in lacks {
        table[first.index()][usize::from(lacks)] += 1;
    }
    let [[kept_one, lost_one], [kept_two, lost_two]] = table;
    if lost_one + lost_two == 0 || kept_one + lost_one < 5 || kept_two + lost_two < 5 {
        return None;
    }
    let name = |arm: Arm| inversion::arm_name(log, None, arm);
    Some(Effect {
        name: "missing outcomes",
        measured: format!(
            "an outcome is missing on {lost_one} of {} prompts when {} is shown first, and on {lost_two} of {} when {} is \
             (Fisher's exact test)",
            kept_one + lost_one,
            name(Arm::One),
            kept_two + lost_two,
            name(Arm::Two)
        ),
        p: fisher_exact(table),
        p_adjusted: 1.0,
    })
}
