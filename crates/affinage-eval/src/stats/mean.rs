//! Means and their uncertainty, over independent observations or over clusters of dependent ones.

use std::collections::BTreeMap;

use super::Bounds;
use super::special::{t_quantile, t_sf};

/// A mean with its standard error and t interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    pub mean: f64,
    pub se: f64,
    pub interval: Bounds,
}

/// A mean over clusters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusteredMean {
    pub mean: f64,
    /// As if all observations were independent.
    pub se_independent: f64,
    /// Square root of (1/n^2) sum over clusters of (sum of residuals)^2.
    pub se_uncorrected: f64,
    /// The same times sqrt(C / (C - 1)); the one to use.
    pub se: f64,
    pub n: usize,
    pub clusters: usize,
    /// `(se / se_independent)^2`; 1 when the independent standard error is zero.
    pub design_effect: f64,
    /// mean +- t with C - 1 degrees of freedom.
    pub interval: Bounds,
}

impl ClusteredMean {
    /// min(C, n / max(1, design effect)).
    pub fn n_effective(&self) -> f64 {
        (self.clusters as f64).min(self.n as f64 / self.design_effect.max(1.0))
    }
}

/// The arithmetic mean; `None` of nothing.
pub fn mean(x: &[f64]) -> Option<f64> {
    (!x.is_empty()).then(|| x.iter().sum::<f64>() / x.len() as f64)
}

/// Sample variance with n - 1; `None` below two observations.
pub fn variance(x: &[f64]) -> Option<f64> {
    if x.len() < 2 {
        return None;
    }
    let center = mean(x)?;
    Some(x.iter().map(|value| (value - center).powi(2)).sum::<f64>() / (x.len() - 1) as f64)
}

/// Mean and Student's t interval at level `1 - alpha`. `None` below two observations.
pub fn mean_t(x: &[f64], alpha: f64) -> Option<Mean> {
    let se = (variance(x)? / x.len() as f64).sqrt();
    let mean = mean(x)?;
    let half = t_quantile(1.0 - alpha / 2.0, (x.len() - 1) as f64) * se;
    Some(Mean { mean, se, interval: (mean - half, mean + half) })
}

/// Mean of `x` with a standard error over the clusters that `cluster` names. Source: Miller (2024),
/// arXiv:2411.00640, with the small-sample factor C/(C-1). `None` below two clusters.
///
/// Panics if the lengths differ.
pub fn clustered_mean<K: Ord>(x: &[f64], cluster: &[K], alpha: f64) -> Option<ClusteredMean> {
    assert_eq!(x.len(), cluster.len(), "one cluster per observation");
    let n = x.len();
    let center = mean(x)?;
    let mut residual_sums: BTreeMap<&K, f64> = BTreeMap::new();
    for (value, key) in x.iter().zip(cluster) {
        *residual_sums.entry(key).or_default() += value - center;
    }
    let clusters = residual_sums.len();
    if clusters < 2 {
        return None;
    }
    let se_independent = (variance(x)? / n as f64).sqrt();
    let se_uncorrected = residual_sums.values().map(|sum| sum * sum).sum::<f64>().sqrt() / n as f64;
    let se = se_uncorrected * (clusters as f64 / (clusters - 1) as f64).sqrt();
    let design_effect = if se_independent > 0.0 { (se / se_independent).powi(2) } else { 1.0 };
    let half = t_quantile(1.0 - alpha / 2.0, (clusters - 1) as f64) * se;
    let interval = (center - half, center + half);
    Some(ClusteredMean {
        mean: center,
        se_independent,
        se_uncorrected,
        se,
        n,
        clusters,
        design_effect,
        interval,
    })
}

/// A mean over observations that were drawn with unequal probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedMean {
    pub mean: f64,
    pub se: f64,
    /// Evenly drawn observations that these are worth: `(sum w)^2 / sum w^2`.
    pub n_effective: f64,
}

/// Mean of `x` with weights, one over the probability with which each was drawn. Source: Hajek (1971), the ratio
/// estimator; its variance by the jackknife, `(n - 1) / n sum (v (x - mean) / (1 - v))^2` with `v = w / sum w`, which is
/// the usual one for even weights (Tukey 1958); Kish (1965) for the effective number.
/// `None` below two observations. Panics if the lengths differ.
pub fn weighted_mean(x: &[f64], weights: &[f64]) -> Option<WeightedMean> {
    assert_eq!(x.len(), weights.len(), "one weight per observation");
    if x.len() < 2 {
        return None;
    }
    let total: f64 = weights.iter().sum();
    let mean = x.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() / total;
    let left_out = |(x, w): (&f64, &f64)| (w / total * (x - mean) / (1.0 - w / total)).powi(2);
    let squares: f64 = x.iter().zip(weights).map(left_out).sum();
    let n = x.len() as f64;
    let n_effective = total * total / weights.iter().map(|w| w * w).sum::<f64>();
    Some(WeightedMean { mean, se: (squares * (n - 1.0) / n).sqrt(), n_effective })
}

/// The paired t test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    pub mean: f64,
    pub se: f64,
    pub interval: Bounds,
    pub t: f64,
    pub p: f64,
    /// What the standard error would be if the pairing were ignored.
    pub se_unpaired: f64,
    /// Pearson's correlation of the two columns; pairing helps as far as this is above zero.
    pub correlation: f64,
}

/// Paired difference `a - b`. Source: Student (1908). `None` below two pairs or when all differences are equal.
/// Panics if the lengths differ.
pub fn paired_difference(a: &[f64], b: &[f64], alpha: f64) -> Option<PairedDifference> {
    assert_eq!(a.len(), b.len(), "one partner each");
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let Mean { mean: center, se, interval } = mean_t(&differences, alpha)?;
    if se == 0.0 {
        return None;
    }
    let n = a.len() as f64;
    let (mean_a, mean_b) = (mean(a)?, mean(b)?);
    let (variance_a, variance_b) = (variance(a)?, variance(b)?);
    let covariance = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / (n - 1.0);
    let t = center / se;
    Some(PairedDifference {
        mean: center,
        se,
        interval,
        t,
        p: (2.0 * t_sf(t.abs(), n - 1.0)).min(1.0),
        se_unpaired: ((variance_a + variance_b) / n).sqrt(),
        correlation: covariance / (variance_a * variance_b).sqrt(),
    })
}

/// Two one-sided tests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equivalence {
    pub t_low: f64,
    pub p_low: f64,
    pub t_high: f64,
    pub p_high: f64,
    /// The larger of the two: equivalent at alpha when below it.
    pub p: f64,
}

/// Is the mean inside `(low, high)`? From a mean, its standard error and degrees of freedom. Source: Schuirmann
/// (1987). `None` when the standard error is zero.
pub fn equivalence(mean: f64, se: f64, df: f64, low: f64, high: f64) -> Option<Equivalence> {
    if se <= 0.0 {
        return None;
    }
    let (t_low, t_high) = ((mean - low) / se, (mean - high) / se);
    let (p_low, p_high) = (t_sf(t_low, df), t_sf(-t_high, df));
    Some(Equivalence { t_low, p_low, t_high, p_high, p: p_low.max(p_high) })
}

/// Mean over strata with fixed weights: `sum w_h mean_h`, variance `sum w_h^2 s_h^2 / n_h`. Source: Cochran,
/// Sampling Techniques (1977), ch. 5. `None` when a stratum has fewer than two observations.
pub fn stratified_mean(strata: &[(f64, Vec<f64>)]) -> Option<(f64, f64)> {
    let (mut total, mut squares) = (0.0, 0.0);
    for (weight, x) in strata {
        total += weight * mean(x)?;
        squares += weight * weight * variance(x)? / x.len() as f64;
    }
    Some((total, squares.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeating_every_row_leaves_the_clustered_error_and_shrinks_the_naive_one() {
        let x: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 5) / 4.0).collect();
        let cluster: Vec<usize> = (0..40).collect();
        let once = clustered_mean(&x, &cluster, 0.05).expect("40 clusters");
        let twice = clustered_mean(&[x.clone(), x].concat(), &[cluster.clone(), cluster].concat(), 0.05)
            .expect("40 clusters");
        assert!((once.mean - twice.mean).abs() < 1e-15);
        assert!((once.se - twice.se).abs() < 1e-15, "{} {}", once.se, twice.se);
        let shrunk = once.se_independent / twice.se_independent;
        assert!((shrunk - 2f64.sqrt()).abs() < 0.02, "{shrunk}");
        assert!((twice.n_effective() - 40.0).abs() < 0.6, "{}", twice.n_effective());
    }

    #[test]
    fn equal_weights_change_nothing_and_unequal_ones_cost_observations() {
        let x = [1.0, 0.0, 0.5, 1.0, 1.0];
        let (even, plain) = (weighted_mean(&x, &[3.0; 5]).expect("five"), mean_t(&x, 0.05).expect("five"));
        assert!((even.mean - plain.mean).abs() < 1e-15 && (even.se - plain.se).abs() < 1e-15);
        assert!((even.n_effective - 5.0).abs() < 1e-12);
        // Two that stand for nine others each, three for themselves: (2 * 9 + 3)^2 / (2 * 81 + 3).
        let found = weighted_mean(&x, &[9.0, 9.0, 1.0, 1.0, 1.0]).expect("five");
        assert!((found.mean - 11.5 / 21.0).abs() < 1e-15);
        assert!((found.n_effective - 441.0 / 165.0).abs() < 1e-12);
    }

    #[test]
    fn too_little_gives_nothing() {
        assert_eq!(mean_t(&[1.0], 0.05), None);
        assert_eq!(clustered_mean(&[1.0, 0.0], &[1, 1], 0.05), None);
        assert_eq!(paired_difference(&[1.0, 2.0], &[0.0, 1.0], 0.05), None);
    }
}
