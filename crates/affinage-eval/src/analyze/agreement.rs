//! Agreement of judges about pairs, beyond chance.
//!
//! Every coefficient is a function of sums over pairs, so that a resample of clusters costs one sum and not one pass
//! over the votes.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::estimate::{LEVEL, share};
use super::votes::Votes;
use crate::analysis::{Agreement, Estimate, Interval, JudgePairAgreement};
use crate::human_votes::is_even;
use crate::judgment::{is_author, is_person};
use crate::rng::Rng;
use crate::stats::agreement::{Scale, cohen_kappa, gwet_ac1, krippendorff_alpha};
use crate::stats::bootstrap::{draw, positions, quantile};
use crate::wording::agreement as wording;

/// Resamples behind the intervals.
const RESAMPLES: usize = 500;
/// Lost, tie, won.
const VALUES: usize = 3;

/// Votes of one judge: by position of the pair, 0 lost, 1 tie, 2 won.
type JudgeVotes<'r> = BTreeMap<&'r str, Vec<Option<i64>>>;

pub fn result(rows: &Rows, votes: &Votes) -> Agreement {
    let mut judges: JudgeVotes = BTreeMap::new();
    let ids: BTreeSet<&str> = votes.pairs.iter().flat_map(|votes| votes.judges.keys().copied()).collect();
    // An identical pair was shown to nobody, and one without an answer has no votes.
    let pairs: Vec<_> = votes.pairs.iter().filter(|votes| votes.needs_judge()).collect();
    for id in ids {
        let vote = |score: f64| if score > 0.5 { 2 } else { i64::from(score == 0.5) };
        judges.insert(id, pairs.iter().map(|v| v.judges.get(id)?.score().map(vote)).collect());
    }
    let clusters: Vec<&str> = pairs.iter().map(|votes| votes.pair.prompt.cluster_id.as_str()).collect();
    let resampling = Resampling::of(&clusters, rows.plan.seed);
    let weights_of = |author: bool| pairs.iter().map(|votes| votes.draw_weight(author)).collect();
    let weights = Weights { author: weights_of(true), others: weights_of(false) };
    // People who were given divided pairs more often would make a panel look divided: they stand in the table by pair.
    let is_rated = |judge: &str| !is_person(judge) || chances_are_equal(&judges[judge], &weights.of(judge));
    let ratings: Vec<Vec<Option<i64>>> =
        judges.iter().filter(|(judge, _)| is_rated(judge)).map(|(_, votes)| votes.clone()).collect();
    let (alpha, ac1) = if ratings.len() < 2 {
        (None, None)
    } else {
        let alpha = krippendorff_alpha(&ratings, Scale::Nominal);
        let ac1 = gwet_ac1(&ratings).map(|found| found.ac1);
        (
            panel_estimate(alpha, &ratings, &resampling, alpha_of_sums),
            panel_estimate(ac1, &ratings, &resampling, ac1_of_sums),
        )
    };
    let sentence = wording::sentence(ratings.len(), alpha.as_ref(), ac1.as_ref());
    Agreement { by_pair: by_pair(&judges, &weights, &resampling), alpha, ac1, sentence }
}

/// One over the chance with which each pair was given to the author, and to other people.
struct Weights {
    author: Vec<f64>,
    others: Vec<f64>,
}

impl Weights {
    fn of(&self, judge: &str) -> Vec<f64> {
        match () {
            () if is_author(judge) => self.author.clone(),
            () if is_person(judge) => self.others.clone(),
            () => vec![1.0; self.others.len()],
        }
    }

    /// Of pairs that both were given: ballots of one order are nested, so the smaller chance is that of both.
    fn of_both(&self, one: &str, other: &str) -> Vec<f64> {
        self.of(one).into_iter().zip(self.of(other)).map(|(one, other)| one.max(other)).collect()
    }
}

/// Whether all pairs that a voter saw were drawn with one chance.
fn chances_are_equal(votes: &[Option<i64>], weights: &[f64]) -> bool {
    is_even(votes.iter().zip(weights).filter(|(vote, _)| vote.is_some()).map(|(_, weight)| *weight))
}

/// Clusters drawn with replacement, the same draws for every coefficient.
struct Resampling {
    cluster_of: Vec<usize>,
    clusters: usize,
    draws: Vec<Vec<f64>>,
}

impl Resampling {
    fn of(clusters: &[&str], seed: u64) -> Resampling {
        let (cluster_of, clusters) = positions(clusters);
        let mut rng = Rng::for_purpose(seed, &["agreement"]);
        let draws = if clusters == 0 { 0 } else { RESAMPLES };
        Resampling { cluster_of, clusters, draws: (0..draws).map(|_| draw(clusters, &mut rng)).collect() }
    }

    /// Percentile interval of `of`, a function of sums over units; `None` when it is seldom defined.
    fn interval(&self, units: &[Vec<f64>], of: impl Fn(&[f64]) -> Option<f64>) -> Option<Interval> {
        let width = units.first()?.len();
        let mut by_cluster = vec![vec![0.0; width]; self.clusters];
        for (unit, cluster) in units.iter().zip(&self.cluster_of) {
            by_cluster[*cluster].iter_mut().zip(unit).for_each(|(sum, value)| *sum += value);
        }
        let mut found = Vec::with_capacity(RESAMPLES);
        for drawn in &self.draws {
            let mut sums = vec![0.0; width];
            for (cluster, times) in by_cluster.iter().zip(drawn).filter(|(_, times)| **times > 0.0) {
                sums.iter_mut().zip(cluster).for_each(|(sum, value)| *sum += times * value);
            }
            found.extend(of(&sums));
        }
        if found.len() < RESAMPLES / 2 {
            return None;
        }
        let tail = (1.0 - LEVEL) / 2.0;
        Some(Interval { low: quantile(&found, tail)?, high: quantile(&found, 1.0 - tail)?, level: LEVEL })
    }
}

fn panel_estimate(
    value: Option<f64>,
    ratings: &[Vec<Option<i64>>],
    resampling: &Resampling,
    of: impl Fn(&[f64]) -> Option<f64>,
) -> Option<Estimate> {
    let units: Vec<Vec<f64>> =
        (0..resampling.cluster_of.len()).map(|unit| unit_sums(ratings, unit)).collect();
    let n = units.iter().filter(|unit| unit[PAIRABLE] > 0.0).count();
    Some(Estimate {
        value: value?,
        interval: resampling.interval(&units, of),
        n,
        n_effective: resampling.clusters.min(n) as f64,
        unit: "pairs".to_owned(),
        method: format!("cluster bootstrap, {RESAMPLES} resamples"),
    })
}

/// Where the sums of a unit stand: Krippendorff's coincidences, then what AC1 needs.
const AGREEMENT: usize = VALUES * VALUES;
const PAIRABLE: usize = AGREEMENT + 1;
const RATED: usize = PAIRABLE + 1;
const PREVALENCE: usize = RATED + 1;

fn unit_sums(ratings: &[Vec<Option<i64>>], unit: usize) -> Vec<f64> {
    let mut counts = [0.0; VALUES];
    ratings.iter().filter_map(|judge| judge[unit]).for_each(|value| counts[value as usize] += 1.0);
    let raters: f64 = counts.iter().sum();
    let mut sums = vec![0.0; PREVALENCE + VALUES];
    if raters == 0.0 {
        return sums;
    }
    sums[RATED] = 1.0;
    for (k, count) in counts.iter().enumerate() {
        sums[PREVALENCE + k] = count / raters;
    }
    if raters < 2.0 {
        return sums;
    }
    sums[PAIRABLE] = 1.0;
    for c in 0..VALUES {
        for k in 0..VALUES {
            let same = f64::from(u8::from(c == k));
            sums[c * VALUES + k] = counts[c] * (counts[k] - same) / (raters - 1.0);
        }
        sums[AGREEMENT] += counts[c] * (counts[c] - 1.0) / (raters * (raters - 1.0));
    }
    sums
}

/// `1 - (n - 1) sum_{c != k} o_ck / sum_{c != k} n_c n_k`. Source: Krippendorff (2011).
fn alpha_of_sums(sums: &[f64]) -> Option<f64> {
    let row = |c: usize| (0..VALUES).map(|k| sums[c * VALUES + k]).sum::<f64>();
    let totals: [f64; VALUES] = std::array::from_fn(row);
    let n: f64 = totals.iter().sum();
    let (mut observed, mut expected) = (0.0, 0.0);
    for c in 0..VALUES {
        for k in (0..VALUES).filter(|k| *k != c) {
            observed += sums[c * VALUES + k];
            expected += totals[c] * totals[k];
        }
    }
    (expected > 0.0).then(|| 1.0 - (n - 1.0) * observed / expected)
}

/// Source: Gwet (2008), as [`gwet_ac1`].
fn ac1_of_sums(sums: &[f64]) -> Option<f64> {
    let shares: Vec<f64> = (0..VALUES).map(|k| sums[PREVALENCE + k] / sums[RATED]).collect();
    let values = shares.iter().filter(|share| **share > 0.0).count();
    if sums[PAIRABLE] == 0.0 || values < 2 {
        return None;
    }
    let observed = sums[AGREEMENT] / sums[PAIRABLE];
    let expected = shares.iter().map(|share| share * (1.0 - share)).sum::<f64>() / (values as f64 - 1.0);
    Some((observed - expected) / (1.0 - expected))
}

/// Agreement of each two judges. Between judges every pair counts once; where a person is one of them, a pair counts by
/// 1 over the chance with which it was drawn (Horvitz and Thompson 1952; the share is Hajek's).
fn by_pair(judges: &JudgeVotes, weights: &Weights, resampling: &Resampling) -> Vec<JudgePairAgreement> {
    let ids: Vec<&str> = judges.keys().copied().collect();
    let mut agreements = Vec::new();
    for (i, one) in ids.iter().enumerate() {
        for other in &ids[i + 1..] {
            let (of_one, of_other) = (&judges[one], &judges[other]);
            let both: Vec<Option<(i64, i64)>> = of_one.iter().zip(of_other).map(|(a, b)| a.zip(*b)).collect();
            let with_person = is_person(one) || is_person(other);
            let shared: Vec<Option<i64>> = both.iter().map(|votes| votes.map(|(a, _)| a)).collect();
            let weights = weights.of_both(one, other);
            let is_weighted = with_person && !chances_are_equal(&shared, &weights);
            let units: Vec<Vec<f64>> = both
                .iter()
                .zip(&weights)
                .map(|(votes, weight)| {
                    let mut presentation = vec![0.0; VALUES * VALUES];
                    if let Some((a, b)) = votes {
                        presentation[*a as usize * VALUES + *b as usize] =
                            if is_weighted { *weight } else { 1.0 };
                    }
                    presentation
                })
                .collect();
            let mut table = vec![0.0; VALUES * VALUES];
            units.iter().for_each(|unit| table.iter_mut().zip(unit).for_each(|(sum, x)| *sum += x));
            let n = both.iter().flatten().count();
            let estimate = |value, of: fn(&[f64]) -> Option<f64>| Estimate {
                value,
                interval: resampling.interval(&units, of),
                n,
                n_effective: resampling.clusters.min(n) as f64,
                unit: "pairs".to_owned(),
                method: match is_weighted {
                    true => format!(
                        "weighted by the chance of being drawn, cluster bootstrap, {RESAMPLES} resamples"
                    ),
                    false => format!("cluster bootstrap, {RESAMPLES} resamples"),
                },
            };
            let raw = match is_weighted {
                true => share_alike(&table).map(|value| estimate(value, share_alike)),
                false => share(both.iter().flatten().filter(|(a, b)| a == b).count(), n, "pairs"),
            };
            if let Some(raw) = raw {
                let kappa = kappa_of(&table).map(|value| estimate(value, kappa_of));
                agreements.push(JudgePairAgreement {
                    one: (*one).to_owned(),
                    other: (*other).to_owned(),
                    raw,
                    kappa,
                });
            }
        }
    }
    agreements
}

fn share_alike(table: &[f64]) -> Option<f64> {
    let all: f64 = table.iter().sum();
    (all > 0.0).then(|| (0..VALUES).map(|k| table[k * VALUES + k]).sum::<f64>() / all)
}

fn kappa_of(table: &[f64]) -> Option<f64> {
    let rows: Vec<Vec<f64>> = table.chunks(VALUES).map(<[f64]>::to_vec).collect();
    cohen_kappa(&rows).map(|found| found.kappa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_give_the_coefficients_of_the_votes() {
        let mut rng = Rng::new(4);
        let ratings: Vec<Vec<Option<i64>>> = (0..4)
            .map(|_| (0..60).map(|_| (rng.below(5) > 0).then(|| rng.below(VALUES) as i64)).collect())
            .collect();
        let mut sums = vec![0.0; PREVALENCE + VALUES];
        for unit in 0..60 {
            sums.iter_mut().zip(unit_sums(&ratings, unit)).for_each(|(sum, x)| *sum += x);
        }
        let alpha = krippendorff_alpha(&ratings, Scale::Nominal).expect("ratings differ");
        let ac1 = gwet_ac1(&ratings).expect("ratings differ").ac1;
        assert!((alpha_of_sums(&sums).expect("they differ") - alpha).abs() < 1e-12);
        assert!((ac1_of_sums(&sums).expect("they differ") - ac1).abs() < 1e-12);
    }
}
