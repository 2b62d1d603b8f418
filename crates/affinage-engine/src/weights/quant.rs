//! Number formats of stored weights and how each is unpacked to f32.
//!
//! Source: ggml `ggml-common.h` (block layouts) and `ggml-quants.c` (values). The loops have no branches
//! on the data, so that the compiler vectorises them: they run inside the matrix multiply.

use std::fmt;

/// How the numbers of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
}

impl DType {
    pub const ALL: [DType; 8] = [
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::Q4_0,
        DType::Q4_1,
        DType::Q5_0,
        DType::Q5_1,
        DType::Q8_0,
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
            30 => DType::BF16,
            _ => return None,
        })
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
            _ => 32,
        }
    }

    /// Bytes of one block.
    #[inline]
    pub fn block_bytes(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F16 | DType::BF16 => 2,
            DType::Q4_0 => 18,
            DType::Q4_1 => 20,
            DType::Q5_0 => 22,
            DType::Q5_1 => 24,
            DType::Q8_0 => 34,
        }
    }

    /// Bytes of `len` numbers, `len` a whole number of blocks.
    #[inline]
    pub fn bytes_for(self, len: usize) -> usize {
        len / self.block_len() * self.block_bytes()
    }

    /// Unpacks whole blocks. Panics if `bytes` and `out` do not hold the same number of blocks.
    #[inline]
    pub fn unpack(self, bytes: &[u8], out: &mut [f32]) {
        assert_eq!(bytes.len(), self.bytes_for(out.len()));
        match self {
            DType::F32 => f32_values(bytes, out),
            DType::F16 => f16_values(bytes, out),
            DType::BF16 => bf16_values(bytes, out),
            DType::Q4_0 => q4_0(bytes, out),
            DType::Q4_1 => q4_1(bytes, out),
            DType::Q5_0 => q5_0(bytes, out),
            DType::Q5_1 => q5_1(bytes, out),
            DType::Q8_0 => q8_0(bytes, out),
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

fn f32_values(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.chunks_exact(4).zip(out) {
        *out = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
}

fn f16_values(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.chunks_exact(2).zip(out) {
        *out = f16_to_f32([bytes[0], bytes[1]]);
    }
}

fn bf16_values(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.chunks_exact(2).zip(out) {
        *out = f32::from_bits(u32::from(u16::from_le_bytes([bytes[0], bytes[1]])) << 16);
    }
}

/// Half precision without a branch or a table, exact for all values: moving the bits up makes a number
/// that is 2^112 too small, subnormal or not; infinities and NaN keep their full exponent.
#[inline]
fn f16_to_f32(bytes: [u8; 2]) -> f32 {
    let half = u32::from(u16::from_le_bytes(bytes));
    let magnitude = (half & 0x7fff) << 13;
    let scaled = f32::from_bits(magnitude) * f32::from_bits((127 + 112) << 23);
    let bits = if magnitude >= 0x7c00 << 13 { magnitude | 0x7f80_0000 } else { scaled.to_bits() };
    f32::from_bits(bits | (half & 0x8000) << 16)
}

/// f16 scale, 16 bytes: number `i` in the low half of byte `i`, number `16 + i` in its high half, minus 8.
fn q4_0(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<18>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = f16_to_f32([block[0], block[1]]);
        for i in 0..16 {
            out[i] = scale * (i32::from(block[2 + i] & 15) - 8) as f32;
            out[16 + i] = scale * (i32::from(block[2 + i] >> 4) - 8) as f32;
        }
    }
}

/// f16 scale, f16 minimum, 16 bytes as in Q4_0 but without the offset.
fn q4_1(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<20>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = f16_to_f32([block[0], block[1]]);
        let min = f16_to_f32([block[2], block[3]]);
        for i in 0..16 {
            out[i] = scale * i32::from(block[4 + i] & 15) as f32 + min;
            out[16 + i] = scale * i32::from(block[4 + i] >> 4) as f32 + min;
        }
    }
}

/// f16 scale, 32 fifth bits, 16 bytes as in Q4_0, minus 16.
fn q5_0(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<22>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = f16_to_f32([block[0], block[1]]);
        let high = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
        for i in 0..16 {
            out[i] = scale * (fifth_bit(block[6 + i] & 15, high, i) - 16) as f32;
            out[16 + i] = scale * (fifth_bit(block[6 + i] >> 4, high, 16 + i) - 16) as f32;
        }
    }
}

/// f16 scale, f16 minimum, 32 fifth bits, 16 bytes as in Q4_0 but without the offset.
fn q5_1(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<24>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = f16_to_f32([block[0], block[1]]);
        let min = f16_to_f32([block[2], block[3]]);
        let high = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
        for i in 0..16 {
            out[i] = scale * fifth_bit(block[8 + i] & 15, high, i) as f32 + min;
            out[16 + i] = scale * fifth_bit(block[8 + i] >> 4, high, 16 + i) as f32 + min;
        }
    }
}

#[inline]
fn fifth_bit(low: u8, high: u32, i: usize) -> i32 {
    (u32::from(low) | (high >> i & 1) << 4) as i32
}

/// f16 scale, 32 signed bytes.
fn q8_0(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<34>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = f16_to_f32([block[0], block[1]]);
        for i in 0..32 {
            out[i] = scale * f32::from(block[2 + i] as i8);
        }
    }
}
