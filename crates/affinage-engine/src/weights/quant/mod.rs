//! Number formats of stored weights.

mod blocks;
mod codes;
mod pack;
mod pack_k;

pub(crate) use codes::CodeFormat;

use std::fmt;

pub use pack::Precision;

/// How the numbers of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(non_camel_case_types, reason = "the names by which the formats are known")]
pub enum DType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4_K,
    Q5_K,
    Q6_K,
    IQ4_NL,
}

impl DType {
    pub const ALL: [DType; 12] = [
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::Q4_0,
        DType::Q4_1,
        DType::Q5_0,
        DType::Q5_1,
        DType::Q8_0,
        DType::Q4_K,
        DType::Q5_K,
        DType::Q6_K,
        DType::IQ4_NL,
    ];

    /// The type number of the GGUF tensor table (ggml `enum ggml_type`).
    pub(super) fn from_gguf_id(id: u32) -> Option<DType> {
        Some(match id {
            0 => DType::F32,
            1 => DType::F16,
            2 => DType::Q4_0,
            3 => DType::Q4_1,
            6 => DType::Q5_0,
            7 => DType::Q5_1,
            8 => DType::Q8_0,
            12 => DType::Q4_K,
            13 => DType::Q5_K,
            14 => DType::Q6_K,
            20 => DType::IQ4_NL,
            30 => DType::BF16,
            _ => return None,
        })
    }

    /// The inverse of [`DType::from_gguf_id`].
    pub(crate) fn gguf_id(self) -> u32 {
        (0..=30).find(|id| DType::from_gguf_id(*id) == Some(self)).expect("every format has a number")
    }

    /// The supported formats, for messages.
    pub(super) fn supported() -> String {
        DType::ALL.map(|dtype| dtype.to_string()).join(", ")
    }

    /// Numbers that share one block; a row is a whole number of blocks.
    #[inline]
    pub fn block_len(self) -> usize {
        match self {
            DType::F32 | DType::F16 | DType::BF16 => 1,
            DType::Q4_0 | DType::Q4_1 | DType::Q5_0 | DType::Q5_1 | DType::Q8_0 | DType::IQ4_NL => 32,
            DType::Q4_K | DType::Q5_K | DType::Q6_K => 256,
        }
    }

    /// Bytes of one block.
    #[inline]
    pub fn block_bytes(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F16 | DType::BF16 => 2,
            DType::Q4_0 | DType::IQ4_NL => 18,
            DType::Q4_1 => 20,
            DType::Q5_0 => 22,
            DType::Q5_1 => 24,
            DType::Q8_0 => 34,
            DType::Q4_K => 144,
            DType::Q5_K => 176,
            DType::Q6_K => 210,
        }
    }

    /// Bytes of `len` numbers, `len` a whole number of blocks.
    #[inline]
    pub fn bytes_for(self, len: usize) -> usize {
        len / self.block_len() * self.block_bytes()
    }

    /// Unpacks whole blocks; every machine gives the same bits.
    ///
    /// Panics if `bytes` and `out` do not hold the same number of blocks.
    #[inline]
    pub fn unpack(self, bytes: &[u8], out: &mut [f32]) {
        assert_eq!(bytes.len(), self.bytes_for(out.len()));
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 was just detected.
            return unsafe { unpack_avx2(self, bytes, out) };
        }
        blocks::unpack(self, bytes, out);
    }
}

/// The same loops, compiled for AVX2: three to six times as fast.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn unpack_avx2(dtype: DType, bytes: &[u8], out: &mut [f32]) {
    blocks::unpack(dtype, bytes, out);
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// Bytes with all bit patterns, but finite scales.
    fn some_bytes(dtype: DType, blocks: usize) -> Vec<u8> {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut bytes: Vec<u8> = (0..blocks * dtype.block_bytes()).map(|_| next()).collect();
        for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
            // The high bytes of f16 scales: an exponent below the largest.
            for at in [1, 3, dtype.block_bytes() - 1] {
                if let Some(byte) = block.get_mut(at) {
                    *byte &= 0x3b;
                }
            }
        }
        bytes
    }

    #[test]
    fn both_compilations_give_the_same_bits() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        for dtype in DType::ALL {
            let bytes = some_bytes(dtype, 37);
            let len = 37 * dtype.block_len();
            let (mut portable, mut avx2) = (vec![0.0; len], vec![0.0; len]);
            blocks::unpack(dtype, &bytes, &mut portable);
            dtype.unpack(&bytes, &mut avx2);
            assert!(portable.iter().zip(&avx2).all(|(a, b)| a.to_bits() == b.to_bits()), "{dtype}");
            assert!(portable.iter().any(|x| *x != 0.0), "{dtype}");
        }
    }
}
