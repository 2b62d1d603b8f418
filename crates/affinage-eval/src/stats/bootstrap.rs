//! Resampling of clusters: the dependence inside a cluster goes along with it.

use std::collections::BTreeMap;

use crate::rng::Rng;

/// Position of each observation's cluster, 0.. in the order of the keys, and the number of clusters.
pub fn positions<K: Ord>(keys: &[K]) -> (Vec<usize>, usize) {
    let distinct: std::collections::BTreeSet<&K> = keys.iter().collect();
    let count = distinct.len();
    let of: BTreeMap<&K, usize> = distinct.into_iter().enumerate().map(|(i, key)| (key, i)).collect();
    (keys.iter().map(|key| of[key]).collect(), count)
}

/// How often each of `clusters` is drawn when as many are drawn with replacement. Source: Efron (1979); Field and
/// Welsh (2007) for clusters.
pub fn draw(clusters: usize, rng: &mut Rng) -> Vec<f64> {
    let mut counts = vec![0.0; clusters];
    for _ in 0..clusters {
        counts[rng.below(clusters)] += 1.0;
    }
    counts
}

/// Covariance of estimates over resamples: `estimates[resample][quantity]`. `None` below two resamples.
pub fn covariance(estimates: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = estimates.len();
    if n < 2 {
        return None;
    }
    let quantities = estimates[0].len();
    let means: Vec<f64> =
        (0..quantities).map(|q| estimates.iter().map(|e| e[q]).sum::<f64>() / n as f64).collect();
    let mut covariance = vec![vec![0.0; quantities]; quantities];
    for estimate in estimates {
        for i in 0..quantities {
            for j in 0..quantities {
                covariance[i][j] += (estimate[i] - means[i]) * (estimate[j] - means[j]) / (n - 1) as f64;
            }
        }
    }
    Some(covariance)
}

/// The `share` quantile of unsorted values (nearest rank). `None` of nothing.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * share).round() as usize])
}

/// The factor by which standard errors are multiplied for bands that hold together: the `level` quantile over
/// resamples of `max_q |estimate_q - center_q| / se_q`. Quantities without spread are left out; `None` when none has
/// any. Source: Efron and Tibshirani (1993), ch. 12; Montiel Olea and Plagborg-Moller (2019).
pub fn max_t_factor(estimates: &[Vec<f64>], center: &[f64], level: f64) -> Option<f64> {
    let covariance = covariance(estimates)?;
    let se: Vec<f64> = (0..center.len()).map(|q| covariance[q][q].sqrt()).collect();
    let moving: Vec<usize> = (0..center.len()).filter(|&q| se[q] > 1e-12).collect();
    if moving.is_empty() {
        return None;
    }
    let largest: Vec<f64> = estimates
        .iter()
        .map(|estimate| moving.iter().map(|&q| ((estimate[q] - center[q]) / se[q]).abs()).fold(0.0, f64::max))
        .collect();
    quantile(&largest, level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resamples_draw_every_cluster_once_on_average() {
        let (positions, count) = positions(&["b", "a", "b", "c"]);
        assert_eq!((positions, count), (vec![1, 0, 1, 2], 3));
        let mut rng = Rng::new(1);
        let mut total = [0.0; 3];
        for _ in 0..30_000 {
            let drawn = draw(3, &mut rng);
            assert_eq!(drawn.iter().sum::<f64>(), 3.0);
            total.iter_mut().zip(drawn).for_each(|(sum, count)| *sum += count);
        }
        assert!(total.iter().all(|sum| (sum / 30_000.0 - 1.0).abs() < 0.02), "{total:?}");
    }

    #[test]
    fn a_band_for_many_is_wider_than_an_interval_for_one() {
        let mut rng = Rng::new(2);
        // Sums of twelve uniforms are nearly normal with variance 1.
        let mut normal = || (0..12).map(|_| rng.uniform()).sum::<f64>() - 6.0;
        let estimates: Vec<Vec<f64>> = (0..2000).map(|_| (0..5).map(|_| normal()).collect()).collect();
        let one: Vec<Vec<f64>> = estimates.iter().map(|e| vec![e[0]]).collect();
        let factor = |e: &[Vec<f64>], n: usize| max_t_factor(e, &vec![0.0; n], 0.95).expect("spread");
        assert!((factor(&one, 1) - 1.96).abs() < 0.1, "{}", factor(&one, 1));
        // Sidak's factor for five independent normals is 2.57.
        assert!((factor(&estimates, 5) - 2.57).abs() < 0.12, "{}", factor(&estimates, 5));
    }
}
