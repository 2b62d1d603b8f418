//! The sign-flip test: under "no difference" each cluster's sum could as well have had the other sign.

use super::special::normal_cdf;
use crate::rng::Rng;

/// Up to this many values all `2^n` sign patterns are counted.
const ENUMERATE_UP_TO: usize = 16;
/// Random patterns above that.
pub const DRAWS: usize = 20_000;

/// From so many values on the normal limit stands in for the draws: it differs from them by less than they scatter.
const NORMAL_FROM: usize = 2000;

/// Two-sided p of `|mean(d)|` over all sign patterns, or over [`DRAWS`] seeded ones with
/// `p = (b + 1) / (m + 1)`; from 2,000 values on by the normal limit of the flipped sum, whose variance is the sum of
/// squares. Source: Fisher (1935); Phipson and Smyth (2010) for the +1. `None` of nothing.
pub fn sign_flip(d: &[f64], seed: u64) -> Option<f64> {
    if d.is_empty() {
        return None;
    }
    // A sum that equals the observed one up to rounding counts as reaching it.
    let observed = d.iter().sum::<f64>().abs() * (1.0 - 1e-12) - 1e-15;
    if d.len() <= ENUMERATE_UP_TO {
        let patterns = 1u32 << d.len();
        let reached =
            (0..patterns).filter(|pattern| flipped_sum(d, u64::from(*pattern)).abs() >= observed).count();
        return Some(reached as f64 / f64::from(patterns));
    }
    if d.len() >= NORMAL_FROM {
        let spread = d.iter().map(|value| value * value).sum::<f64>().sqrt();
        return Some(if spread > 0.0 { 2.0 * (1.0 - normal_cdf(observed / spread)) } else { 1.0 });
    }
    let mut rng = Rng::for_purpose(seed, &["sign flip"]);
    let sums = (0..DRAWS / LANES).flat_map(|_| random_sums(d, &mut rng));
    let reached = sums.filter(|sum| sum.abs() >= observed).count();
    Some((reached + 1) as f64 / (DRAWS + 1) as f64)
}

/// Two-sided p of a win rate over prompts grouped in clusters: scores lie in 0..=1, no difference is .5.
/// The p depends on neither the order of the rows nor the side that is called the first.
pub fn sign_flip_clustered<K: Ord>(scores: &[f64], cluster: &[K], center: f64, seed: u64) -> Option<f64> {
    let mut sums: std::collections::BTreeMap<&K, f64> = std::collections::BTreeMap::new();
    for (score, key) in scores.iter().zip(cluster) {
        *sums.entry(key).or_default() += score - center;
    }
    sign_flip(&sums.into_values().collect::<Vec<f64>>(), seed)
}

fn flipped_sum(d: &[f64], pattern: u64) -> f64 {
    d.iter().enumerate().map(|(i, value)| if pattern >> i & 1 == 1 { -value } else { *value }).sum()
}

/// Sums that are added up side by side, so that no addition waits for the one before; a divisor of [`DRAWS`].
const LANES: usize = 8;

/// The next [`LANES`] random sums. Each is what [`flipped_sum`] of every 64 values gives, added up in order.
fn random_sums(d: &[f64], rng: &mut Rng) -> [f64; LANES] {
    let words = d.len().div_ceil(64);
    let patterns: [Vec<u64>; LANES] = std::array::from_fn(|_| (0..words).map(|_| rng.next_u64()).collect());
    let mut sums = [0.0; LANES];
    for (word, chunk) in d.chunks(64).enumerate() {
        let mut bits: [u64; LANES] = std::array::from_fn(|lane| patterns[lane][word]);
        let mut of_chunk = [0.0; LANES];
        for value in chunk {
            for lane in 0..LANES {
                // The lowest bit becomes the sign.
                of_chunk[lane] += f64::from_bits(value.to_bits() ^ (bits[lane] << 63));
                bits[lane] >>= 1;
            }
        }
        for lane in 0..LANES {
            sums[lane] += of_chunk[lane];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_agree_with_the_sign_test_on_unit_steps() {
        // 30 wins of 40: the exact two-sided sign test gives .00222.
        let mut d = vec![0.5; 30];
        d.extend([-0.5; 10]);
        let p = sign_flip(&d, 1).expect("not empty");
        assert!((p - 0.00222).abs() < 0.001, "{p}");
        assert_eq!(sign_flip(&[0.0; 30], 1), Some(1.0), "no difference at all");
    }

    #[test]
    fn sums_side_by_side_are_the_sums_one_by_one() {
        let d: Vec<f64> = (0..150).map(|i| (f64::from(i) * 0.37).sin()).collect();
        let (mut together, mut alone) = (Rng::new(5), Rng::new(5));
        for _ in 0..20 {
            let one_by_one: [f64; LANES] =
                std::array::from_fn(|_| d.chunks(64).map(|chunk| flipped_sum(chunk, alone.next_u64())).sum());
            assert_eq!(random_sums(&d, &mut together), one_by_one);
        }
    }

    #[test]
    fn the_normal_limit_takes_over_without_a_step() {
        let mut rng = Rng::new(3);
        let mut d: Vec<f64> = (0..NORMAL_FROM).map(|_| rng.uniform() - 0.47).collect();
        let limit = sign_flip(&d, 1).expect("not empty");
        d.pop();
        let drawn = sign_flip(&d, 1).expect("not empty");
        assert!((limit - drawn).abs() < 0.02 && limit < 0.01 + drawn, "{limit} {drawn}");
        assert_eq!(sign_flip(&vec![0.0; NORMAL_FROM], 1), Some(1.0));
    }

    #[test]
    fn the_other_side_has_the_same_p() {
        let d: Vec<f64> = (0..33).map(|i| f64::from(i % 7) - 2.5).collect();
        let other: Vec<f64> = d.iter().map(|v| -v).collect();
        assert_eq!(sign_flip(&d, 9), sign_flip(&other, 9));
    }
}
