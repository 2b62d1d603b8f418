//! How f32 is stored in the formats that exports write.
//!
//! Source: ggml `ggml-quants.c` (`quantize_row_q8_0_ref`, `quantize_row_q4_0_ref`); the bytes are the same.

use half::{bf16, f16};

use super::DType;

/// A number format that exports can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    F32,
    F16,
    BF16,
    Q8_0,
    Q4_0,
}

impl Precision {
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::BF16 => DType::BF16,
            Precision::Q8_0 => DType::Q8_0,
            Precision::Q4_0 => DType::Q4_0,
        }
    }

    /// Whether numbers share a scale, so that the error is of the size of the steps and not of rounding.
    pub fn is_quantised(self) -> bool {
        matches!(self, Precision::Q8_0 | Precision::Q4_0)
    }

    /// Appends `values` to `out`. Panics unless they are whole blocks.
    pub fn pack(self, values: &[f32], out: &mut Vec<u8>) {
        assert!(values.len().is_multiple_of(self.dtype().block_len()), "whole blocks of {:?}", self);
        match self {
            Precision::F32 => out.extend(values.iter().flat_map(|x| x.to_le_bytes())),
            Precision::F16 => out.extend(values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes())),
            Precision::BF16 => out.extend(values.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes())),
            Precision::Q8_0 => values.as_chunks::<32>().0.iter().for_each(|block| q8_0(block, out)),
            Precision::Q4_0 => values.as_chunks::<32>().0.iter().for_each(|block| q4_0(block, out)),
        }
    }
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { scale.recip() }
}

/// f16 scale, 32 signed bytes.
fn q8_0(values: &[f32; 32], out: &mut Vec<u8>) {
    let most = values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let scale = most / 127.0;
    let inverse = inverse(scale);
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(values.iter().map(|x| (x * inverse).round() as i8 as u8));
}

/// f16 scale, 16 bytes: value `i` in the low half of byte `i`, value `16 + i` in the high one.
fn q4_0(values: &[f32; 32], out: &mut Vec<u8>) {
    let mut most = 0.0f32;
    for x in values {
        if x.abs() > most.abs() {
            most = *x;
        }
    }
    let scale = most / -8.0;
    let inverse = inverse(scale);
    let digit = |x: f32| ((x * inverse + 8.5) as i8).clamp(0, 15) as u8;
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend((0..16).map(|i| digit(values[i]) | digit(values[16 + i]) << 4));
}
