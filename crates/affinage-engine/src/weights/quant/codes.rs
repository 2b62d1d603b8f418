//! Block-quantised codes and their scales: `value = scale * step(code) + min`, with one scale (and minimum) for a
//! run of codes of a row.
//!
//! Decoding reads every weight once a step, so it keeps the codes and multiplies them out in registers. The product
//! `scale * step` is exact in f32 (at most 17 and 7 bits), so one fused multiply-add gives the same bits as
//! [`DType::unpack`].

use super::DType;
use super::blocks::{IQ4_NL_VALUES, f16_to_f32, k_scale, nibbles};

/// How a format divides a number into code, scale and minimum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CodeFormat {
    /// Codes that share a scale.
    pub run: usize,
    /// Whether a minimum is added.
    pub has_min: bool,
    /// Whether scales and minima are f16 numbers.
    pub is_half: bool,
    /// What the sixteen codes of a four-bit format stand for; `None` where a code is the number itself, one byte.
    pub steps: Option<[i8; 16]>,
}

impl DType {
    /// The codes of this format; `None` for plain numbers.
    pub(crate) fn code_format(self) -> Option<CodeFormat> {
        let counted = |from: i8| Some(std::array::from_fn(|code| code as i8 + from));
        let (run, has_min, is_half, steps) = match self {
            DType::F32 | DType::F16 | DType::BF16 => return None,
            DType::Q4_0 => (32, false, true, counted(-8)),
            DType::Q4_1 => (32, true, true, counted(0)),
            DType::IQ4_NL => (32, false, true, Some(IQ4_NL_VALUES)),
            DType::Q5_0 | DType::Q8_0 => (32, false, true, None),
            DType::Q5_1 => (32, true, true, None),
            DType::Q4_K => (32, true, false, counted(0)),
            DType::Q5_K => (32, true, false, None),
            DType::Q6_K => (16, false, false, None),
        };
        Some(CodeFormat { run, has_min, is_half, steps })
    }

    /// Takes whole blocks apart: `codes` one for each number, `scales` and `mins` one for each run.
    ///
    /// Panics on plain numbers and if the lengths disagree.
    pub(crate) fn codes(self, bytes: &[u8], codes: &mut [i8], scales: &mut [f32], mins: &mut [f32]) {
        let format = self.code_format().expect("a quantised format");
        assert_eq!(bytes.len(), self.bytes_for(codes.len()));
        assert!(scales.len() * format.run == codes.len() && mins.len() == scales.len());
        let runs = self.block_len() / format.run;
        let blocks = bytes.chunks_exact(self.block_bytes()).zip(codes.chunks_exact_mut(self.block_len()));
        let scales = scales.chunks_exact_mut(runs).zip(mins.chunks_exact_mut(runs));
        for ((block, codes), (scales, mins)) in blocks.zip(scales) {
            match self {
                DType::Q4_K | DType::Q5_K => large_block(self, block, codes, scales, mins),
                DType::Q6_K => q6_k(block, codes, scales),
                _ => small_block(self, block, codes, scales, mins),
            }
        }
    }
}

/// The formats of 32 numbers: f16 scale, perhaps f16 minimum, perhaps 32 fifth bits, codes.
fn small_block(dtype: DType, block: &[u8], codes: &mut [i8], scales: &mut [f32], mins: &mut [f32]) {
    scales[0] = f16_to_f32([block[0], block[1]]);
    let mut rest = &block[2..];
    if matches!(dtype, DType::Q4_1 | DType::Q5_1) {
        mins[0] = f16_to_f32([block[2], block[3]]);
        rest = &block[4..];
    }
    if dtype == DType::Q8_0 {
        codes.iter_mut().zip(rest).for_each(|(code, byte)| *code = *byte as i8);
        return;
    }
    let mut fifths = 0;
    if matches!(dtype, DType::Q5_0 | DType::Q5_1) {
        fifths = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]);
        rest = &rest[4..];
    }
    let from = if dtype == DType::Q5_0 { 16 } else { 0 };
    for (i, (code, low)) in codes.iter_mut().zip(nibbles(rest)).enumerate() {
        *code = (low | ((fifths >> i & 1) as u8) << 4) as i8 - from;
    }
}

/// Q4_K and Q5_K: eight runs of 32 codes.
fn large_block(dtype: DType, block: &[u8], codes: &mut [i8], scales: &mut [f32], mins: &mut [f32]) {
    let (fifths, at) = if dtype == DType::Q5_K { (&block[16..48], 48) } else { (&[0u8; 32][..], 16) };
    for (part, codes) in codes.chunks_exact_mut(32).enumerate() {
        let (scale, min) = k_scale(&block[..16], part);
        (scales[part], mins[part]) = (scale, -min);
        let low = &block[at + part / 2 * 32..][..32];
        for i in 0..32 {
            codes[i] = ((low[i] >> (part % 2 * 4) & 15) | (fifths[i] >> part & 1) << 4) as i8;
        }
    }
}

/// Sixteen runs of 16 codes of six bits, less 32; see [`super::blocks`] for where they lie.
fn q6_k(block: &[u8], codes: &mut [i8], scales: &mut [f32]) {
    let scale = f16_to_f32([block[208], block[209]]);
    for (part, codes) in codes.chunks_exact_mut(16).enumerate() {
        let (half, run, from) = (part / 8, part % 8 / 2, part % 2 * 16);
        let low = &block[half * 64 + run % 2 * 32 + from..][..16];
        let high = &block[128 + half * 32 + from..][..16];
        scales[part] = scale * f32::from(block[192 + part] as i8);
        for i in 0..16 {
            codes[i] = ((low[i] >> (run / 2 * 4) & 15) | (high[i] >> (run * 2) & 3) << 4) as i8 - 32;
        }
    }
}
