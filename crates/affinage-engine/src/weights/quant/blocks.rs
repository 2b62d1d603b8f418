//! How the blocks of each format are unpacked to f32.
//!
//! Source: ggml `ggml-common.h` (layouts) and `ggml-quants.c` (values). The loops run inside the matrix
//! multiply, so they have no branches on the data and are written to be vectorised *within* a block. Left
//! alone, the compiler vectorises across eight blocks instead and gathers single bytes, four times slower;
//! [`opaque`] keeps it from that. Everything is inlined, so that the caller's instruction set counts.

use super::DType;

/// The steps of IQ4_NL.
pub(super) const IQ4_NL_VALUES: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

#[inline(always)]
pub(super) fn unpack(dtype: DType, bytes: &[u8], out: &mut [f32]) {
    match dtype {
        DType::F32 => f32_values(bytes, out),
        DType::F16 => f16_values(bytes, out),
        DType::BF16 => bf16_values(bytes, out),
        DType::Q4_0 => q4_0(bytes, out),
        DType::Q4_1 => q4_1(bytes, out),
        DType::Q5_0 => q5_0(bytes, out),
        DType::Q5_1 => q5_1(bytes, out),
        DType::Q8_0 => q8_0(bytes, out),
        DType::Q4_K => q4_k(bytes, out),
        DType::Q5_K => q5_k(bytes, out),
        DType::Q6_K => q6_k(bytes, out),
        DType::IQ4_NL => iq4_nl(bytes, out),
    }
}

#[inline(always)]
fn f32_values(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.as_chunks().0.iter().zip(out) {
        *out = f32::from_le_bytes(*bytes);
    }
}

#[inline(always)]
fn f16_values(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.as_chunks().0.iter().zip(out) {
        *out = f16_to_f32(*bytes);
    }
}

#[inline(always)]
fn bf16_values(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.as_chunks().0.iter().zip(out) {
        *out = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
    }
}

/// f16 scale, 16 bytes of [`nibbles`], less 8.
#[inline(always)]
fn q4_0(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<18>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let block = opaque(block);
        let scale = f16_to_f32([block[0], block[1]]);
        let codes = nibbles(&block[2..]);
        for i in 0..32 {
            out[i] = scale * f32::from(codes[i] as i8 - 8);
        }
    }
}

/// f16 scale, f16 minimum, 16 bytes of [`nibbles`].
#[inline(always)]
fn q4_1(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<20>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let block = opaque(block);
        let scale = f16_to_f32([block[0], block[1]]);
        let min = f16_to_f32([block[2], block[3]]);
        let codes = nibbles(&block[4..]);
        for i in 0..32 {
            out[i] = scale * f32::from(codes[i]) + min;
        }
    }
}

/// f16 scale, 32 fifth bits, 16 bytes of [`nibbles`], less 16.
#[inline(always)]
fn q5_0(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<22>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let block = opaque(block);
        let scale = f16_to_f32([block[0], block[1]]);
        let fifths = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
        let codes = nibbles(&block[6..]);
        for i in 0..32 {
            let code = u32::from(codes[i]) | (fifths >> i & 1) << 4;
            out[i] = scale * (code as i32 - 16) as f32;
        }
    }
}

/// f16 scale, f16 minimum, 32 fifth bits, 16 bytes of [`nibbles`].
#[inline(always)]
fn q5_1(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<24>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let block = opaque(block);
        let scale = f16_to_f32([block[0], block[1]]);
        let min = f16_to_f32([block[2], block[3]]);
        let fifths = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
        let codes = nibbles(&block[8..]);
        for i in 0..32 {
            let code = u32::from(codes[i]) | (fifths >> i & 1) << 4;
            out[i] = scale * (code as i32) as f32 + min;
        }
    }
}

/// f16 scale, 32 signed bytes. (The compiler does this one right when left alone.)
#[inline(always)]
fn q8_0(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<34>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = f16_to_f32([block[0], block[1]]);
        for i in 0..32 {
            out[i] = scale * f32::from(block[2 + i] as i8);
        }
    }
}

/// f16 scale, 16 bytes of [`nibbles`] that choose among uneven steps.
#[inline(always)]
fn iq4_nl(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<18>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = f16_to_f32([block[0], block[1]]);
        let codes = nibbles(&block[2..]);
        for i in 0..32 {
            out[i] = scale * f32::from(IQ4_NL_VALUES[usize::from(codes[i])]);
        }
    }
}

/// f16 scale of scales, f16 scale of minima, 12 bytes of [`k_scale`], 128 bytes of codes: 32 bytes hold 32
/// numbers in their low and the next 32 in their high halves.
#[inline(always)]
fn q4_k(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<144>().0.iter().zip(out.as_chunks_mut::<256>().0) {
        let block = opaque(block);
        for (part, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let (scale, min) = k_scale(&block[..16], part);
            let codes = &block[16 + part / 2 * 32..][..32];
            let shift = part % 2 * 4;
            for i in 0..32 {
                out[i] = scale * f32::from(codes[i] >> shift & 15) - min;
            }
        }
    }
}

/// As Q4_K with 32 bytes of fifth bits between: bit `part` of byte `i` belongs to number `i` of that part.
#[inline(always)]
fn q5_k(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<176>().0.iter().zip(out.as_chunks_mut::<256>().0) {
        let block = opaque(block);
        for (part, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let (scale, min) = k_scale(&block[..16], part);
            let fifths = &block[16..48];
            let codes = &block[48 + part / 2 * 32..][..32];
            let shift = part % 2 * 4;
            for i in 0..32 {
                let code = (codes[i] >> shift & 15) | (fifths[i] >> part & 1) << 4;
                out[i] = scale * f32::from(code) - min;
            }
        }
    }
}

/// 128 bytes of low codes, 64 bytes of high bit pairs, 16 signed scales, f16 scale of scales. Each half of
/// the block is four runs of 32 numbers: runs 0 and 2 share low codes (low and high halves of the bytes), so
/// do 1 and 3; all four share the 32 bytes of bit pairs.
#[inline(always)]
fn q6_k(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<210>().0.iter().zip(out.as_chunks_mut::<256>().0) {
        let block = opaque(block);
        let scale = f16_to_f32([block[208], block[209]]);
        for (part, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let (half, run, from) = (part / 8, part % 8 / 2, part % 2 * 16);
            let low = &block[half * 64 + run % 2 * 32 + from..][..16];
            let high = &block[128 + half * 32 + from..][..16];
            let scale = scale * f32::from(block[192 + part] as i8);
            let (low_shift, high_shift) = (run / 2 * 4, run * 2);
            for i in 0..16 {
                let code = (low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4;
                out[i] = scale * f32::from(code as i8 - 32);
            }
        }
    }
}

/// Scale and minimum of one of the eight parts: 6 bits each, packed into 12 bytes after the two f16.
#[inline(always)]
pub(super) fn k_scale(head: &[u8], part: usize) -> (f32, f32) {
    let packed = &head[4..16];
    let (scale, min) = if part < 4 {
        (packed[part] & 63, packed[part + 4] & 63)
    } else {
        let both = packed[part + 4];
        (both & 15 | packed[part - 4] >> 6 << 4, both >> 4 | packed[part] >> 6 << 4)
    };
    let (scales, minima) = (f16_to_f32([head[0], head[1]]), f16_to_f32([head[2], head[3]]));
    (scales * f32::from(scale), minima * f32::from(min))
}

/// 32 numbers of four bits: number `i` in the low half of byte `i`, number `16 + i` in its high half.
#[inline(always)]
pub(super) fn nibbles(bytes: &[u8]) -> [u8; 32] {
    let mut codes = [0; 32];
    for i in 0..16 {
        codes[i] = bytes[i] & 15;
    }
    for i in 0..16 {
        codes[16 + i] = bytes[i] >> 4;
    }
    codes
}

/// The compiler cannot see that one block follows the other.
#[inline(always)]
fn opaque<const N: usize>(block: &[u8; N]) -> &[u8; N] {
    std::hint::black_box(block)
}

/// Half precision without a branch or a table, exact for all values: moving the bits up makes a number
/// that is 2^112 too small, subnormal or not; infinities and NaN keep their full exponent.
#[inline(always)]
pub(super) fn f16_to_f32(bytes: [u8; 2]) -> f32 {
    let half = u32::from(u16::from_le_bytes(bytes));
    let magnitude = (half & 0x7fff) << 13;
    let scaled = f32::from_bits(magnitude) * f32::from_bits((127 + 112) << 23);
    let bits = if magnitude >= 0x7c00 << 13 { magnitude | 0x7f80_0000 } else { scaled.to_bits() };
    f32::from_bits(bits | (half & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_precision_number_is_exact() {
        for half in 0..=u16::MAX {
            let expected = half::f16::from_bits(half).to_f32();
            let found = f16_to_f32(half.to_le_bytes());
            let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
            assert!(same, "{half:#06x}: {found}, expected {expected}");
        }
    }
}
