//! Seeded random numbers for shuffles, permutation tests and bootstraps.
//!
//! SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): 64 bits of state, one multiply chain per number. Results
//! must be the same on every machine and in every version, so the generator is written out here.

use crate::id::derive_seed;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers, a pure function of its seed.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng { state: seed }
    }

    /// The stream of one purpose: `parts` keep two uses of the same seed apart.
    pub fn for_purpose(seed: u64, parts: &[&str]) -> Rng {
        Rng::new(derive_seed(seed, parts))
    }

    /// This stream after `numbers` more of [`Rng::next_u64`].
    pub fn ahead(&self, numbers: u64) -> Rng {
        Rng { state: self.state.wrapping_add(GOLDEN.wrapping_mul(numbers)) }
    }

    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `0..n`. The bias of the multiply-shift method is below `n / 2^64`. Panics if `n` is zero.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "an empty range has no members");
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    /// Fisher-Yates, in place.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // The first outputs of the published reference implementation for seed 1234567.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        let mut ahead = Rng::new(1_234_567).ahead(1);
        assert_eq!(ahead.next_u64(), 3_203_168_211_198_807_973);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_shuffle_keeps_the_members_and_below_reaches_both_ends() {
        let mut rng = Rng::new(7);
        let mut items: Vec<usize> = (0..50).collect();
        rng.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
        let seen: std::collections::BTreeSet<usize> = (0..200).map(|_| rng.below(4)).collect();
        assert_eq!(seen.len(), 4);
    }
}
