//! How f32 is stored in the formats that exports write.
//!
//! Source: ggml `ggml-quants.c` (`quantize_row_q4_0_ref`, `q5_0`, `q5_1`, `q8_0`; the bytes are the same).

use half::{bf16, f16};

use super::{DType, pack_k};

/// What an export can write: one number format, or one of llama.cpp's mixtures (see [`Precision::stored_as`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(non_camel_case_types, reason = "the names by which the formats are known")]
pub enum Precision {
    F32,
    F16,
    BF16,
    Q8_0,
    Q5_K_M,
    Q4_K_M,
    Q4_0,
}

impl Precision {
    /// The format of most matrices.
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::BF16 => DType::BF16,
            Precision::Q8_0 => DType::Q8_0,
            Precision::Q5_K_M => DType::Q5_K,
            Precision::Q4_K_M => DType::Q4_K,
            Precision::Q4_0 => DType::Q4_0,
        }
    }

    /// Whether numbers share a scale, so that the error is of the size of the steps and not of rounding.
    pub fn is_quantised(self) -> bool {
        self.dtype().block_len() > 1
    }
}

impl DType {
    /// Appends `values` to `out`.
    ///
    /// Panics unless they are whole blocks, and on Q4_1 and IQ4_NL, which no export writes.
    pub fn pack(self, values: &[f32], out: &mut Vec<u8>) {
        assert!(values.len().is_multiple_of(self.block_len()), "whole blocks of {self}");
        let (by_32, by_256) = (values.as_chunks::<32>().0, values.as_chunks::<256>().0);
        match self {
            DType::F32 => out.extend(values.iter().flat_map(|x| x.to_le_bytes())),
            DType::F16 => out.extend(values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes())),
            DType::BF16 => out.extend(values.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes())),
            DType::Q8_0 => by_32.iter().for_each(|block| q8_0(block, out)),
            DType::Q4_0 => by_32.iter().for_each(|block| q4_0(block, out)),
            DType::Q5_0 => by_32.iter().for_each(|block| q5_0(block, out)),
            DType::Q5_1 => by_32.iter().for_each(|block| q5_1(block, out)),
            DType::Q4_K => by_256.iter().for_each(|block| pack_k::q4_k(block, out)),
            DType::Q5_K => by_256.iter().for_each(|block| pack_k::q5_k(block, out)),
            DType::Q6_K => by_256.iter().for_each(|block| pack_k::q6_k(block, out)),
            DType::Q4_1 | DType::IQ4_NL => panic!("no export writes {self}"),
        }
    }
}

pub(super) fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { scale.recip() }
}

/// The value that is farthest from zero, with its sign.
pub(super) fn peak(values: &[f32]) -> f32 {
    values.iter().fold(0.0f32, |most, &x| if x.abs() > most.abs() { x } else { most })
}

/// f16 scale, 32 signed bytes.
fn q8_0(values: &[f32; 32], out: &mut Vec<u8>) {
    let scale = peak(values).abs() / 127.0;
    let inverse = inverse(scale);
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(values.iter().map(|x| (x * inverse).round() as i8 as u8));
}

/// f16 scale, 16 bytes: value `i` in the low half of byte `i`, value `16 + i` in the high one.
fn q4_0(values: &[f32; 32], out: &mut Vec<u8>) {
    let scale = peak(values) / -8.0;
    let inverse = inverse(scale);
    let code = |x: f32| ((x * inverse + 8.5) as i8).clamp(0, 15) as u8;
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend((0..16).map(|i| code(values[i]) | code(values[16 + i]) << 4));
}

/// f16 scale, the fifth bits, low bits as in Q4_0.
fn q5_0(values: &[f32; 32], out: &mut Vec<u8>) {
    let scale = peak(values) / -16.0;
    let inverse = inverse(scale);
    out.extend(f16::from_f32(scale).to_le_bytes());
    five_bits(&values.map(|x| ((x * inverse + 16.5) as i8).clamp(0, 31) as u8), out);
}

/// f16 scale, f16 minimum, the fifth bits, low bits as in Q4_0.
fn q5_1(values: &[f32; 32], out: &mut Vec<u8>) {
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    let scale = (high - low) / 31.0;
    let inverse = inverse(scale);
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(f16::from_f32(low).to_le_bytes());
    five_bits(&values.map(|x| (((x - low) * inverse + 0.5) as u8).min(31)), out);
}

fn five_bits(codes: &[u8; 32], out: &mut Vec<u8>) {
    let fifths = codes.iter().enumerate().fold(0u32, |bits, (i, code)| bits | u32::from(code >> 4) << i);
    out.extend(fifths.to_le_bytes());
    out.extend((0..16).map(|i| codes[i] & 15 | codes[16 + i] << 4));
}
