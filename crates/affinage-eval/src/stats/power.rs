//! What a number of decisive prompts can show at all: exact two-sided binomial tests against one half.

use super::special::{binomial_sf, bisect, normal_quantile};

/// The smallest count of wins above `n / 2` whose exact two-sided p is at most `alpha`; `None` if even all
/// wins do not reach it (n = 5 at .05).
pub fn critical_wins(n: u64, alpha: f64) -> Option<u64> {
    // Against one half the two-sided p is twice the upper tail, and it falls with k.
    let (mut low, mut high) = (n / 2 + 1, n + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if 2.0 * binomial_sf(middle, n, 0.5) <= alpha {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    (low <= n).then_some(low)
}

/// Probability of a false alarm that the exact test really has at `n`.
pub fn actual_alpha(n: u64, alpha: f64) -> f64 {
    critical_wins(n, alpha).map_or(0.0, |k| 2.0 * binomial_sf(k, n, 0.5))
}

/// Probability that `n` decisive prompts show a difference when the true win rate is `p`.
pub fn power(n: u64, p: f64, alpha: f64) -> f64 {
    critical_wins(n, alpha).map_or(0.0, |k| binomial_sf(k, n, p) + binomial_sf(k, n, 1.0 - p))
}

/// Numbers of decisive prompts for a wanted power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleSize {
    /// The first `n` that reaches it; power is a saw-tooth in `n`.
    pub first: u64,
    /// From here on every `n` reaches it.
    pub always: u64,
    /// The normal approximation.
    pub normal: f64,
}

/// Decisive prompts needed to show a true win rate `p` with the given power. `None` for `p = .5` and where more
/// than a hundred thousand would be needed.
pub fn sample_size(p: f64, alpha: f64, wanted: f64) -> Option<SampleSize> {
    let normal = normal_sample_size(p, alpha, wanted)?;
    if normal > 1e5 {
        return None;
    }
    // The saw-tooth stays within about 1/sqrt(n) of the normal curve; twice the normal size is far beyond it.
    let beyond = (2.0 * normal).ceil() as u64 + 60;
    let reaches = |n: &u64| power(*n, p, alpha) >= wanted;
    let first = (1..=beyond).find(reaches)?;
    let last_failure = (first..=beyond).rev().find(|n| !reaches(n));
    Some(SampleSize { first, always: last_failure.map_or(first, |n| n + 1), normal })
}

/// `((z_a/2 * .5 + z_b * sqrt(p (1 - p))) / (p - .5))^2`.
fn normal_sample_size(p: f64, alpha: f64, wanted: f64) -> Option<f64> {
    let distance = (p - 0.5).abs();
    if distance < 1e-9 {
        return None;
    }
    let reach = normal_quantile(1.0 - alpha / 2.0) * 0.5 + normal_quantile(wanted) * (p * (1.0 - p)).sqrt();
    Some((reach / distance).powi(2))
}

/// The smallest true win rate above one half that `n` decisive prompts show with the wanted power; `None` when
/// no count of wins is significant.
pub fn detectable_win_rate(n: u64, alpha: f64, wanted: f64) -> Option<f64> {
    critical_wins(n, alpha)?;
    Some(bisect(0.5, 1.0, |p| power(n, p, alpha) < wanted))
}

/// Independent observations that `n` clustered ones are worth, and the half width of a 95 % interval at one half.
pub fn effective_n(n: f64, design_effect: f64) -> (f64, f64) {
    let n_effective = n / design_effect;
    (n_effective, normal_quantile(0.975) * (0.25 / n_effective).sqrt())
}

/// About how many prompts would show a mean difference `effect` of scores with standard deviation `sd`:
/// `((z_a/2 + z_b) sd / effect)^2`, power .8. `None` for an effect of zero.
pub fn prompts_needed(effect: f64, sd: f64, alpha: f64) -> Option<usize> {
    let reach = normal_quantile(1.0 - alpha / 2.0) + normal_quantile(0.8);
    let needed = (reach * sd / effect).powi(2).ceil();
    (effect != 0.0 && needed.is_finite()).then_some(needed as usize)
}

#[cfg(test)]
mod tests {
    use super::super::proportion::binomial_test;
    use super::*;

    #[test]
    fn the_critical_count_is_the_smallest_significant_one() {
        for n in [6, 13, 30, 57, 200] {
            let k = critical_wins(n, 0.05).expect("reachable from six on");
            assert!(binomial_test(k, n, 0.5) <= 0.05);
            assert!(binomial_test(k - 1, n, 0.5) > 0.05);
        }
        assert_eq!(critical_wins(5, 0.05), None);
        assert_eq!(detectable_win_rate(5, 0.05, 0.8), None);
        assert_eq!(sample_size(0.5, 0.05, 0.8), None);
    }
}
