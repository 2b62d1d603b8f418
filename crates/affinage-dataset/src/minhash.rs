//! MinHash signatures and banded lookup: proposes pairs of texts that are probably near-duplicates, without comparing
//! all pairs. Whoever asks verifies every proposal exactly.
//!
//! 128 hashes in 32 bands of 4: a pair with Jaccard similarity `J` is proposed with probability `1 - (1 - J^4)^32`:
//! .56 at J = .4, .87 at .5, .9998 at .7, all but 5 in 10^8 at .8. Source: Broder, "On the resemblance and containment
//! of documents" (1997); Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::shingle::Shingles;

const HASHES: usize = 128;
const BAND_HASHES: usize = 4;

/// For each hash function the smallest value over the shingles of a text.
pub type Signature = [u32; HASHES];

/// `x -> (factor x + offset) mod 2^64`, of which the upper half counts (multiply-shift); factors are odd.
const FUNCTIONS: [(u64, u64); HASHES] = {
    let mut functions = [(0, 0); HASHES];
    let mut index = 0;
    while index < HASHES {
        functions[index] = (split_mix(2 * index as u64) | 1, split_mix(2 * index as u64 + 1));
        index += 1;
    }
    functions
};

/// The `index`-th number of SplitMix64 from 0.
const fn split_mix(index: u64) -> u64 {
    let z = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub fn signature(shingles: &Shingles) -> Signature {
    let mut signature = [u32::MAX; HASHES];
    for shingle in shingles.iter() {
        for (lowest, (factor, offset)) in signature.iter_mut().zip(&FUNCTIONS) {
            let hash = (shingle.wrapping_mul(*factor).wrapping_add(*offset) >> 32) as u32;
            *lowest = (*lowest).min(hash);
        }
    }
    signature
}

/// Calls `propose(a, b)`, `a < b`, for every pair that agrees in all hashes of some band; a pair that agrees in several
/// bands comes several times.
pub fn propose(signatures: &[Signature], propose: &mut dyn FnMut(usize, usize)) {
    for band in 0..HASHES / BAND_HASHES {
        let key = |signature: &Signature| {
            let mut bytes = [0; 4 * BAND_HASHES];
            for (at, hash) in signature[band * BAND_HASHES..][..BAND_HASHES].iter().enumerate() {
                bytes[4 * at..][..4].copy_from_slice(&hash.to_le_bytes());
            }
            xxh3_64_with_seed(&bytes, band as u64)
        };
        let mut keyed: Vec<(u64, usize)> =
            signatures.iter().enumerate().map(|(index, signature)| (key(signature), index)).collect();
        keyed.sort_unstable();
        for bucket in keyed.chunk_by(|a, b| a.0 == b.0) {
            for (at, (_, later)) in bucket.iter().enumerate() {
                bucket[..at].iter().for_each(|(_, earlier)| propose(*earlier, *later));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of equal hashes estimates Jaccard similarity: standard error sqrt(J (1 - J) / 128) < .045.
    #[test]
    fn signatures_agree_as_often_as_the_sets_do() {
        let text =
            |from: usize| -> String { (from..from + 400).map(|i| format!("w{} ", letters(i))).collect() };
        let a = Shingles::of(&[&text(0)]);
        for shift in [0, 40, 100, 200, 390] {
            let b = Shingles::of(&[&text(shift)]);
            let jaccard = a.jaccard(&b);
            let equal = signature(&a).iter().zip(&signature(&b)).filter(|(x, y)| x == y).count();
            let estimate = equal as f64 / HASHES as f64;
            assert!((estimate - jaccard).abs() < 4.0 * 0.045, "shift {shift}: {estimate} for {jaccard}");
        }
    }

    /// Digits are folded to one, letters are not.
    fn letters(number: usize) -> String {
        number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
    }
}
