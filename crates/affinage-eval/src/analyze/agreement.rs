//! Agreement of judges about pairs, beyond chance.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::estimate::{LEVEL, decimals, share};
use super::votes::Votes;
use crate::analysis::{Agreement, Estimate, Interval, JudgePairAgreement};
use crate::rng::Rng;
use crate::stats::agreement::{Scale, cohen_kappa, krippendorff_alpha};
use crate::stats::special::normal_quantile;

/// Resamples behind the interval of alpha.
const RESAMPLES: usize = 500;

/// Votes of one judge: by position of the pair, 0 lost, 1 tie, 2 won.
type JudgeVotes<'r> = BTreeMap<&'r str, Vec<Option<i64>>>;

pub fn result(rows: &Rows, votes: &Votes) -> Agreement {
    let mut judges: JudgeVotes = BTreeMap::new();
    let ids: BTreeSet<&str> = votes.pairs.iter().flat_map(|votes| votes.judges.keys().copied()).collect();
    // An identical pair was shown to nobody.
    let pairs: Vec<_> = votes.pairs.iter().filter(|votes| !votes.identical).collect();
    for id in ids {
        let vote = |score: f64| if score > 0.5 { 2 } else { i64::from(score == 0.5) };
        judges.insert(id, pairs.iter().map(|v| v.judges.get(id)?.score().map(vote)).collect());
    }
    let clusters: Vec<&str> = pairs.iter().map(|votes| votes.pair.prompt.cluster_id.as_str()).collect();
    let alpha = alpha(&judges, &clusters, rows.plan.seed);
    let sentence = sentence(judges.len(), alpha.as_ref());
    Agreement { by_pair: by_pair(&judges), alpha, sentence }
}

fn alpha(judges: &JudgeVotes, clusters: &[&str], seed: u64) -> Option<Estimate> {
    if judges.len() < 2 {
        return None;
    }
    let ratings: Vec<Vec<Option<i64>>> = judges.values().cloned().collect();
    let value = krippendorff_alpha(&ratings, Scale::Nominal)?;
    let rated_twice = |unit: &usize| ratings.iter().filter(|judge| judge[*unit].is_some()).count() >= 2;
    let n = (0..clusters.len()).filter(rated_twice).count();
    let distinct: BTreeSet<&str> = clusters.iter().copied().collect();
    Some(Estimate {
        value,
        interval: bootstrap(&ratings, clusters, seed),
        n,
        n_effective: distinct.len().min(n) as f64,
        unit: "pairs".to_owned(),
        method: format!("cluster bootstrap, {RESAMPLES} resamples"),
    })
}

/// Percentile interval of alpha over resampled clusters.
fn bootstrap(ratings: &[Vec<Option<i64>>], clusters: &[&str], seed: u64) -> Option<Interval> {
    let mut units_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (unit, cluster) in clusters.iter().enumerate() {
        units_of.entry(cluster).or_default().push(unit);
    }
    let groups: Vec<&Vec<usize>> = units_of.values().collect();
    let mut rng = Rng::for_purpose(seed, &["agreement"]);
    let mut alphas = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let units: Vec<usize> =
            (0..groups.len()).flat_map(|_| groups[rng.below(groups.len())].iter().copied()).collect();
        let resampled: Vec<Vec<Option<i64>>> =
            ratings.iter().map(|judge| units.iter().map(|&unit| judge[unit]).collect()).collect();
        alphas.extend(krippendorff_alpha(&resampled, Scale::Nominal));
    }
    if alphas.len() < RESAMPLES / 2 {
        return None;
    }
    alphas.sort_by(f64::total_cmp);
    let at = |share: f64| alphas[((alphas.len() - 1) as f64 * share).round() as usize];
    let tail = (1.0 - LEVEL) / 2.0;
    Some(Interval { low: at(tail), high: at(1.0 - tail), level: LEVEL })
}

fn by_pair(judges: &JudgeVotes) -> Vec<JudgePairAgreement> {
    let ids: Vec<&&str> = judges.keys().collect();
    let mut agreements = Vec::new();
    for (i, one) in ids.iter().enumerate() {
        for other in &ids[i + 1..] {
            let mut table = vec![vec![0.0; 3]; 3];
            for (a, b) in judges[**one].iter().zip(&judges[**other]) {
                if let (Some(a), Some(b)) = (a, b) {
                    table[*a as usize][*b as usize] += 1.0;
                }
            }
            let n: f64 = table.iter().flatten().sum();
            let same = (0..3).map(|k| table[k][k]).sum::<f64>();
            if let Some(raw) = share(same as usize, n as usize, "pairs") {
                let kappa = kappa(&table, n);
                let (one, other) = ((**one).to_owned(), (**other).to_owned());
                agreements.push(JudgePairAgreement { one, other, raw, kappa });
            }
        }
    }
    agreements
}

fn kappa(table: &[Vec<f64>], n: f64) -> Option<Estimate> {
    let found = cohen_kappa(table)?;
    let half = normal_quantile(0.5 + LEVEL / 2.0) * found.se;
    let (low, high) = ((found.kappa - half).max(-1.0), (found.kappa + half).min(1.0));
    Some(Estimate {
        value: found.kappa,
        interval: Some(Interval { low, high, level: LEVEL }),
        n: n as usize,
        n_effective: n,
        unit: "pairs".to_owned(),
        method: "asymptotic (Fleiss, Cohen and Everitt)".to_owned(),
    })
}

fn sentence(judges: usize, alpha: Option<&Estimate>) -> String {
    match (judges, alpha) {
        (0, _) => "No judge has voted.".to_owned(),
        (1, _) => "Only one judge has voted: agreement cannot be measured.".to_owned(),
        (_, None) => "The judges share too few votes to measure agreement.".to_owned(),
        (_, Some(alpha)) => {
            let words = match alpha.interval {
                Some(interval) if interval.low > 0.0 => "more than chance",
                Some(interval) if interval.high < 0.0 => "less than chance",
                _ => "agreement beyond chance is not shown",
            };
            format!(
                "{judges} judges on {} pairs: Krippendorff's alpha {} (0 is chance, 1 is full agreement): {words}. \
                 Agreement is not validity.",
                alpha.n,
                decimals(alpha)
            )
        }
    }
}
