//! Counts of wins: intervals and exact tests.

use super::Bounds;
use super::special::{beta_quantile, beta_sf, binomial_pmf, ln_choose, normal_quantile};

/// Score interval for `k` of `n` at level `1 - alpha`. Source: Wilson (1927). `None` when `n` is zero.
pub fn wilson(k: f64, n: f64, alpha: f64) -> Option<Bounds> {
    if n <= 0.0 {
        return None;
    }
    let z = normal_quantile(1.0 - alpha / 2.0);
    let p = k / n;
    let center = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    Some((((center - half) / scale).max(0.0), ((center + half) / scale).min(1.0)))
}

/// Exact interval: each one-sided binomial tail holds at most `alpha / 2`. Source: Clopper and Pearson (1934).
pub fn clopper_pearson(k: u64, n: u64, alpha: f64) -> Option<Bounds> {
    if n == 0 {
        return None;
    }
    let (k_f, n_f) = (k as f64, n as f64);
    let low = if k == 0 { 0.0 } else { beta_quantile(alpha / 2.0, k_f, n_f - k_f + 1.0) };
    let high = if k == n { 1.0 } else { beta_quantile(1.0 - alpha / 2.0, k_f + 1.0, n_f - k_f) };
    Some((low, high))
}

/// Equal-tailed interval of the posterior under Jeffreys' prior, with 0 and 1 as ends at `k = 0` and `k = n`.
/// Source: Brown, Cai and DasGupta (2001).
pub fn jeffreys(k: u64, n: u64, alpha: f64) -> Option<Bounds> {
    if n == 0 {
        return None;
    }
    let (a, b) = (k as f64 + 0.5, (n - k) as f64 + 0.5);
    let low = if k == 0 { 0.0 } else { beta_quantile(alpha / 2.0, a, b) };
    let high = if k == n { 1.0 } else { beta_quantile(1.0 - alpha / 2.0, a, b) };
    Some((low, high))
}

/// P(win rate > 1/2) after `k` of `n` under a Beta prior.
pub fn posterior_above_half(k: u64, n: u64, prior: (f64, f64)) -> f64 {
    beta_sf(0.5, k as f64 + prior.0, (n - k) as f64 + prior.1)
}

/// Exact two-sided binomial test: the total probability of all counts that are no likelier than `k`. The slack
/// of 1e-7 makes equal probabilities equal after rounding, as in R and scipy.
pub fn binomial_test(k: u64, n: u64, p: f64) -> f64 {
    let limit = binomial_pmf(k, n, p) * (1.0 + 1e-7);
    let total: f64 = (0..=n).map(|i| binomial_pmf(i, n, p)).filter(|&pmf| pmf <= limit).sum();
    total.min(1.0)
}

/// Sign test: ties say nothing about direction and are dropped. `None` when all are ties.
pub fn sign_test(wins: u64, losses: u64) -> Option<f64> {
    (wins + losses > 0).then(|| binomial_test(wins, wins + losses, 0.5))
}

/// McNemar's test of two paired yes/no columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    pub p_exact: f64,
    /// With half of the observed count's probability; less conservative.
    pub p_mid: f64,
    /// The chi-square statistic with continuity correction.
    pub chi_square: f64,
}

/// `b` and `c` are the counts of pairs that only the first, and only the second, got right. Source: McNemar
/// (1947), mid-p after Fagerland, Lydersen and Laake (2013). `None` without any such pair.
pub fn mcnemar(b: u64, c: u64) -> Option<McNemar> {
    let p_exact = sign_test(b, c)?;
    let observed = binomial_pmf(b.min(c), b + c, 0.5);
    let difference = b.abs_diff(c) as f64;
    Some(McNemar {
        p_exact,
        p_mid: p_exact - observed,
        chi_square: (difference - 1.0).powi(2) / (b + c) as f64,
    })
}

/// Fisher's exact test of a 2x2 table, two-sided: the probability of all tables with the same margins that are
/// no likelier than this one. Source: Fisher (1922).
pub fn fisher_exact(table: [[u64; 2]; 2]) -> f64 {
    let [[a, b], [c, d]] = table;
    let (row, column, total) = (a + b, a + c, a + b + c + d);
    let probability =
        |k: u64| (ln_choose(row, k) + ln_choose(total - row, column - k) - ln_choose(total, column)).exp();
    let limit = probability(a) * (1.0 + 1e-7);
    let low = column.saturating_sub(total - row);
    let p: f64 = (low..=row.min(column)).map(probability).filter(|&p| p <= limit).sum();
    p.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_mirror_and_the_exact_one_is_wider() {
        for (k, n) in [(0u64, 7u64), (3, 7), (7, 7), (41, 57)] {
            let (low, high) = wilson(k as f64, n as f64, 0.05).expect("n is not zero");
            let (mirror_low, mirror_high) = wilson((n - k) as f64, n as f64, 0.05).expect("n is not zero");
            assert!((low - (1.0 - mirror_high)).abs() < 1e-14 && (high - (1.0 - mirror_low)).abs() < 1e-14);
            let exact = clopper_pearson(k, n, 0.05).expect("n is not zero");
            assert!(exact.1 - exact.0 >= high - low - 1e-12);
        }
        assert_eq!(wilson(0.0, 0.0, 0.05), None);
        assert_eq!(clopper_pearson(0, 0, 0.05), None);
        assert_eq!(sign_test(0, 0), None);
    }

    #[test]
    fn fisher_knows_the_lady_tasting_tea() {
        // Three of four cups right each way: 34/70.
        assert!((fisher_exact([[3, 1], [1, 3]]) - 34.0 / 70.0).abs() < 1e-12);
        assert!((fisher_exact([[4, 0], [0, 4]]) - 2.0 / 70.0).abs() < 1e-12);
        assert_eq!(fisher_exact([[0, 0], [0, 0]]), 1.0);
    }
}
