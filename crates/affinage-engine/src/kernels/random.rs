//! Counter-based random numbers: every draw is a pure function of a key and an index.
//!
//! SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): `mix(key + index * golden)`. No state has to be saved to resume, and
//! the order in which threads draw does not matter.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Random {
    key: u64,
    index: u64,
}

impl Random {
    /// The stream number `stream` under `seed`.
    pub fn new(seed: u64, stream: u64) -> Random {
        Random { key: combine(seed, stream), index: 0 }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.index += 1;
        bits_at(self.key, self.index)
    }

    /// Uniform in `[0, 1)` with 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller, 1958).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * self.uniform()).cos()) as f32
    }

    /// Uniform integer in `0..n`. Panics if `n` is zero.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "a draw from an empty range");
        ((self.bits() as u128 * n as u128) >> 64) as usize
    }

    /// A random order of `0..n` (Fisher and Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// A key from two numbers; chain calls for more.
pub fn combine(a: u64, b: u64) -> u64 {
    mix(mix(a.wrapping_add(GOLDEN)) ^ b.wrapping_mul(GOLDEN))
}

/// The random bits of `key` at `index`.
#[inline(always)]
pub fn bits_at(key: u64, index: u64) -> u64 {
    mix(key.wrapping_add(index.wrapping_mul(GOLDEN)))
}

#[inline(always)]
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Dropout with inverted scaling: zeroes a value with probability `rate`, else divides it by `1 - rate`.
///
/// `x` is one row; column `j` of the row that `key` names is kept or dropped whatever the batch around it looks like.
pub fn dropout_row(x: &mut [f32], key: u64, rate: f32) {
    let threshold = (rate as f64 * (1u64 << 32) as f64) as u64;
    let scale = 1.0 / (1.0 - rate);
    for (j, x) in x.iter_mut().enumerate() {
        *x *= if bits_at(key, j as u64) >> 32 < threshold { 0.0 } else { scale };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        let mut random = Random::new(7, 3);
        let n = 200_000;
        let normals: Vec<f64> = (0..n).map(|_| random.normal() as f64).collect();
        let mean = normals.iter().sum::<f64>() / n as f64;
        let variance = normals.iter().map(|x| x * x).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "mean {mean}, variance {variance}");
        let mut counts = [0; 6];
        (0..60_000).for_each(|_| counts[random.below(6)] += 1);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Random::new(1, 2).permutation(100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn dropout_keeps_the_mean_and_the_share() {
        let mut row = vec![1.0; 100_000];
        dropout_row(&mut row, combine(1, 2), 0.25);
        let dropped = row.iter().filter(|x| **x == 0.0).count() as f64 / row.len() as f64;
        let mean = row.iter().sum::<f32>() / row.len() as f32;
        assert!((dropped - 0.25).abs() < 0.01 && (mean - 1.0).abs() < 0.02, "{dropped} {mean}");
    }
}
