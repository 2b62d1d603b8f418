//! Evidence that may be looked at while it grows.

use super::Bounds;
use super::special::{bisect, ln_beta};

/// Beta-binomial mixture e-value of `k` wins among `n` against a win rate of `p0`:
/// `B(k + a, n - k + b) / B(a, b) / (p0^k (1 - p0)^(n - k))`. At any time, under `p0`, it reaches `1 / alpha`
/// with probability at most alpha (Ville). Source: Robbins (1970); Howard et al. (2021).
pub fn mixture(k: u64, n: u64, p0: f64, prior: (f64, f64)) -> f64 {
    log_mixture(k as f64, n as f64, p0, prior).exp()
}

fn log_mixture(k: f64, n: f64, p0: f64, (a, b): (f64, f64)) -> f64 {
    let likelihood = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count * p.ln() };
    ln_beta(k + a, n - k + b) - ln_beta(a, b) - likelihood(k, p0) - likelihood(n - k, 1.0 - p0)
}

/// What E must reach when `comparisons` were planned and judging may stop at any look: `K / alpha`, since `E >= 20`
/// is .05 for one comparison alone. Source: Bonferroni's inequality with Ville's; Wang and Ramdas (2022).
pub fn threshold(comparisons: usize, alpha: f64) -> f64 {
    comparisons.max(1) as f64 / alpha
}

/// Evidence of several judges about one hypothesis: the mean of their e-values is one, under any dependence; the
/// product would need independent judges. Source: Vovk and Wang (2021). `None` of nothing.
pub fn of_judges(e_values: &[f64]) -> Option<f64> {
    super::mean::mean(e_values)
}

/// All win rates whose e-value stays below `1 / alpha`: valid at every look.
pub fn confidence_sequence(k: u64, n: u64, prior: (f64, f64), alpha: f64) -> Bounds {
    let (k, n) = (k as f64, n as f64);
    let limit = -alpha.ln();
    let excluded = |p: f64| log_mixture(k, n, p, prior) >= limit;
    let center = if n > 0.0 { k / n } else { 0.5 };
    let low = if k == 0.0 { 0.0 } else { bisect(0.0, center, excluded) };
    let high = if k == n { 1.0 } else { bisect(center, 1.0, |p| !excluded(p)) };
    (low, high)
}
