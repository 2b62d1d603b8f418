//! Frozen weights in panels of almost their stored width, for products with few rows.
//!
//! Decoding reads every weight for each step, so its speed is that of the memory: codes stay codes and are multiplied
//! out where they are used, in registers for up to [`FUSED_ROWS`] rows, else one panel at a time in L1. The values have the
//! bits of [`DType::unpack`] and meet the products in the same order, so results equal those over f32 panels bit for
//! bit.

use super::gemm::{KC, Left, Out};
use super::micro::{NR, Output};
use super::{Isa, fused, simd};
use crate::weights::{CodeFormat, DType, Matrix};
use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;

/// Up to so many rows, multiplying codes out again for each row block costs less than a pass through L1.
pub(super) const FUSED_ROWS: usize = 4;
/// Codes of four bits in one word: so many consecutive rows of a column.
pub(super) const IN_WORD: usize = 8;
/// The inner dimension is a whole number of these, whatever the format.
pub(super) const STEP: usize = 32;

/// The transpose of a frozen `[n, k]` weight: panels of [`NR`] columns, the last one padded with zeros.
pub struct Narrow {
    pub(super) k: usize,
    n: usize,
    pub(super) values: Values,
    /// `[panel][k / run][NR]` each, for [`Values::Four`] and [`Values::Eight`].
    pub(super) scales: Factors,
    pub(super) mins: Factors,
    /// Codes of a column that share a scale; [`STEP`] for plain numbers.
    pub(super) run: usize,
}

/// Panels of stored values, `[panel][k][NR]`.
pub(super) enum Values {
    F16(Vec<u16>),
    BF16(Vec<u16>),
    /// `[panel][k / 8][NR]`; a word holds eight consecutive rows of its column, each code where [`bit`] says, and code
    /// `d` means `steps[d]`.
    Four {
        words: Vec<u32>,
        steps: [i8; 16],
    },
    Eight(Vec<i8>),
}

/// Scales or minima as exactly as the format has them.
pub(super) enum Factors {
    None,
    Half(Vec<u16>),
    Full(Vec<f32>),
}

/// Where the code of row `k` stands in its word: the first four rows are the low codes of the bytes, the last four the
/// high ones, so that one look-up of bytes serves four rows.
fn bit(k: usize) -> usize {
    k % 4 * 8 + k % IN_WORD / 4 * 4
}

impl Factors {
    fn new(values: Vec<f32>, is_half: bool) -> Factors {
        match is_half {
            true => Factors::Half(values.iter().map(|value| half::f16::from_f32(*value).to_bits()).collect()),
            false => Factors::Full(values),
        }
    }

    fn read(&self, at: usize, out: &mut [f32; NR]) {
        match self {
            Factors::None => {}
            Factors::Half(values) => {
                let values = &values[at..at + NR];
                out.iter_mut()
                    .zip(values)
                    .for_each(|(out, bits)| *out = half::f16::from_bits(*bits).to_f32());
            }
            Factors::Full(values) => out.copy_from_slice(&values[at..at + NR]),
        }
    }
}

impl Narrow {
    /// Packs the transpose of a stored `matrix`; `None` for f32 numbers and for rows that are no multiple of 32.
    pub fn new(matrix: &Matrix) -> Option<Narrow> {
        matrix.row_bytes(0)?;
        let row = |row| matrix.row_bytes(row).expect("a stored matrix has stored rows");
        Narrow::from_rows(matrix.dtype(), matrix.rows(), matrix.cols(), row)
    }

    fn from_rows<'a>(
        dtype: DType,
        n: usize,
        k: usize,
        row_bytes: impl Fn(usize) -> &'a [u8] + Sync,
    ) -> Option<Narrow> {
        if dtype == DType::F32 || !k.is_multiple_of(STEP) || k == 0 {
            return None;
        }
        let padded = n.div_ceil(NR) * NR;
        let Some(format) = dtype.code_format() else {
            let mut values = vec![0u16; padded * k];
            values.par_chunks_mut(NR * k).enumerate().for_each(|(panel, out)| {
                for column in 0..NR.min(n - panel * NR) {
                    let bytes = row_bytes(panel * NR + column).as_chunks::<2>().0;
                    let out = out[column..].iter_mut().step_by(NR);
                    out.zip(bytes).for_each(|(out, bytes)| *out = u16::from_le_bytes(*bytes));
                }
            });
            let values = if dtype == DType::F16 { Values::F16(values) } else { Values::BF16(values) };
            return Some(Narrow { k, n, values, scales: Factors::None, mins: Factors::None, run: STEP });
        };
        Some(pack_codes(dtype, format, n, k, row_bytes))
    }

    /// Rows of the right side (the inner dimension).
    pub fn k(&self) -> usize {
        self.k
    }

    /// Columns of the right side.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Writes rows `k0..k0 + depth` of one panel as f32, `[depth][NR]`.
    fn unpack(&self, isa: Isa, panel: usize, k0: usize, depth: usize, out: &mut [f32]) {
        assert!(k0 + depth <= self.k && k0.is_multiple_of(STEP) && depth.is_multiple_of(STEP));
        match isa {
            // SAFETY: an instruction set is available where `isa` names it.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { fused::avx512::unpack(self, panel, k0, depth, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { fused::avx2::unpack(self, panel, k0, depth, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => unsafe { fused::neon::unpack(self, panel, k0, depth, out) },
            _ => unpack_portable(self, panel, k0, depth, out),
        }
    }
}

fn pack_codes<'a>(
    dtype: DType,
    format: CodeFormat,
    n: usize,
    k: usize,
    row_bytes: impl Fn(usize) -> &'a [u8] + Sync,
) -> Narrow {
    let panels = n.div_ceil(NR);
    let runs = k / format.run;
    let four = format.steps.is_some();
    let mut words = vec![0u32; if four { panels * NR * k / IN_WORD } else { 0 }];
    let mut bytes = vec![0i8; if four { 0 } else { panels * NR * k }];
    let (mut scales, mut mins) = (vec![0.0; panels * NR * runs], vec![0.0; panels * NR * runs]);
    let (mut codes, mut row_scales, mut row_mins) = (vec![0; k], vec![0.0; runs], vec![0.0; runs]);
    for row in 0..n {
        dtype.codes(row_bytes(row), &mut codes, &mut row_scales, &mut row_mins);
        let (panel, column) = (row / NR, row % NR);
        for run in 0..runs {
            let at = (panel * runs + run) * NR + column;
            (scales[at], mins[at]) = (row_scales[run], row_mins[run]);
        }
        if four {
            for (word, codes) in codes.chunks_exact(IN_WORD).enumerate() {
                let packed = (0..IN_WORD).fold(0, |packed, k| packed | (codes[k] as u32) << bit(k));
                words[(panel * (k / IN_WORD) + word) * NR + column] = packed;
            }
        } else {
            let column = bytes[panel * k * NR + column..].iter_mut().step_by(NR);
            column.zip(&codes).for_each(|(out, code)| *out = *code);
        }
    }
    let values = match format.steps {
        Some(steps) => Values::Four { words, steps },
        None => Values::Eight(bytes),
    };
    let mins = if format.has_min { Factors::new(mins, format.is_half) } else { Factors::None };
    Narrow { k, n, values, scales: Factors::new(scales, format.is_half), mins, run: format.run }
}

simd! {
    fn unpack_portable(narrow: &Narrow, panel: usize, k0: usize, depth: usize, out: &mut [f32]) {
        let (mut scale, mut min) = ([0.0f32; NR], [0.0f32; NR]);
        let has_min = !matches!(narrow.mins, Factors::None);
        for k in k0..k0 + depth {
            if (k - k0).is_multiple_of(narrow.run) {
                let at = (panel * (narrow.k / narrow.run) + k / narrow.run) * NR;
                narrow.scales.read(at, &mut scale);
                narrow.mins.read(at, &mut min);
            }
            let out: &mut [f32; NR] = (&mut out[(k - k0) * NR..][..NR]).try_into().expect("NR values");
            let at = (panel * narrow.k + k) * NR;
            match &narrow.values {
                Values::F16(values) => {
                    for (out, bits) in out.iter_mut().zip(&values[at..at + NR]) {
                        *out = half::f16::from_bits(*bits).to_f32();
                    }
                    continue;
                }
                Values::BF16(values) => {
                    for (out, bits) in out.iter_mut().zip(&values[at..at + NR]) {
                        *out = f32::from_bits(u32::from(*bits) << 16);
                    }
                    continue;
                }
                Values::Four { words, steps } => {
                    let words = &words[(panel * (narrow.k / IN_WORD) + k / IN_WORD) * NR..][..NR];
                    for (out, word) in out.iter_mut().zip(words) {
                        *out = f32::from(steps[(word >> bit(k) & 15) as usize]);
                    }
                }
                Values::Eight(bytes) => {
                    out.iter_mut().zip(&bytes[at..at + NR]).for_each(|(out, byte)| *out = f32::from(*byte));
                }
            }
            for i in 0..NR {
                out[i] = if has_min { scale[i].mul_add(out[i], min[i]) } else { scale[i] * out[i] };
            }
        }
    }
}

thread_local! {
    static PANEL_SPACE: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

impl Left {
    /// Computes one block of a product with narrow panels. `cols` starts at a multiple of [`NR`].
    ///
    /// # Safety
    /// `out` is valid for the block, and no other thread touches that block.
    pub(super) unsafe fn narrow_block(
        &self,
        narrow: &Narrow,
        rows: Range<usize>,
        cols: Range<usize>,
        out: Out,
        output: Output,
    ) {
        let mut space = PANEL_SPACE.take();
        space.resize(KC * NR, 0.0);
        for n0 in cols.clone().step_by(NR) {
            let width = NR.min(cols.end - n0);
            for k0 in (0..self.k).step_by(KC) {
                let depth = KC.min(self.k - k0);
                let output = if k0 == 0 { output } else { Output::Accumulate };
                if self.isa != Isa::Scalar && self.m <= FUSED_ROWS && rows.len() == self.m {
                    // SAFETY: `out` is valid for these rows and columns.
                    unsafe { self.fused(narrow, n0, k0, depth, width, out, output) };
                    continue;
                }
                narrow.unpack(self.isa, n0 / NR, k0, depth, &mut space);
                // SAFETY: passed on to the caller.
                unsafe { self.column(k0, depth, rows.clone(), &space, n0, width, out, output) };
            }
        }
        PANEL_SPACE.set(space);
    }

    /// All rows, at most [`FUSED_ROWS`], against one panel that is multiplied out in registers.
    ///
    /// # Safety
    /// `out` is valid for all rows and `width` columns from `n0`.
    #[expect(clippy::too_many_arguments, reason = "the coordinates of a block of a product")]
    unsafe fn fused(
        &self,
        narrow: &Narrow,
        n0: usize,
        k0: usize,
        depth: usize,
        width: usize,
        out: Out,
        output: Output,
    ) {
        let mut sums = [[0.0; NR]; FUSED_ROWS];
        let left = &self.data[k0 * self.m..][..self.m * depth];
        match self.isa {
            // SAFETY: an instruction set is available where `isa` names it.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { fused::avx512::fused(narrow, n0 / NR, k0, left, self.m, &mut sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { fused::avx2::fused(narrow, n0 / NR, k0, left, self.m, &mut sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => unsafe { fused::neon::fused(narrow, n0 / NR, k0, left, self.m, &mut sums) },
            isa => unreachable!("{isa:?} has no vectors"),
        }
        for (row, sums) in sums.iter().enumerate().take(self.m) {
            // SAFETY: the caller vouches for the row.
            let out = unsafe { std::slice::from_raw_parts_mut(out.data.add(row * out.stride + n0), width) };
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = if output == Output::Accumulate { *out + sum } else { *sum };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::arch::available;
    use crate::kernels::arch::gemm::{Packed, Right, View};
    use crate::kernels::random::Random;
    use sha2::{Digest, Sha256};

    /// Rows of all bit patterns, but with finite scales.
    fn some_rows(dtype: DType, n: usize, k: usize) -> Vec<u8> {
        let mut random = Random::new(9, dtype as u64);
        let mut bytes: Vec<u8> =
            (0..n * dtype.bytes_for(k)).map(|_| (random.uniform() * 256.0) as u8).collect();
        for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
            for at in [1, 3, dtype.block_bytes() - 1] {
                if let Some(byte) = block.get_mut(at) {
                    *byte &= 0xbb; // an exponent below the largest
                }
            }
        }
        bytes
    }

    /// SHA-256 of the products of [`narrow_panels_multiply_as_unpacked_ones_do`], on every machine.
    const PRODUCTS: &str = "46db6ed05526d4f4da32d5563e6a62d759394f3c91a95ac8783e922a9bc38c7f";

    /// Every format, at few and many rows, on every instruction set: the bits of the product with f32 panels, and those
    /// of every other machine.
    #[test]
    fn narrow_panels_multiply_as_unpacked_ones_do() {
        let mut sha = Sha256::new();
        let (n, k) = (70, 512);
        for dtype in DType::ALL.into_iter().filter(|dtype| *dtype != DType::F32) {
            let bytes = some_rows(dtype, n, k);
            let stride = dtype.bytes_for(k);
            let narrow = Narrow::from_rows(dtype, n, k, |row| &bytes[row * stride..][..stride]).unwrap();
            assert_eq!((narrow.k(), narrow.n()), (k, n));
            let mut values = vec![0.0; n * k];
            dtype.unpack(&bytes, &mut values);
            assert!(values.iter().all(|value| value.is_finite()), "{dtype}");
            let packed = Packed::new(Right::Transposed(&Matrix::from_f32(n, k, values)));
            for rows in [1, 2, 3, 4, 5, 16, 29] {
                let mut random = Random::new(1, rows as u64);
                let x: Vec<f32> = (0..rows * k).map(|_| random.normal()).collect();
                for isa in available() {
                    let left = Left::pack_on(isa, View::rows(&x, rows, k, k));
                    for output in [Output::Overwrite, Output::Accumulate] {
                        let (mut want, mut got) = (vec![0.5; rows * n], vec![0.5; rows * n]);
                        left.multiply(packed.whole(), &mut want, n, output);
                        left.multiply(Right::Narrow(&narrow), &mut got, n, output);
                        assert_eq!(got, want, "{dtype}, {rows} rows, {isa:?}");
                        if isa == Isa::Scalar {
                            got.iter().for_each(|value| sha.update(value.to_bits().to_le_bytes()));
                        }
                    }
                }
            }
        }
        assert_eq!(format!("{:x}", sha.finalize()), PRODUCTS);
    }

    /// Products of few rows with stored weights on one thread, the fastest of many rounds, on every vector path.
    #[expect(clippy::print_stderr, reason = "it measures")]
    #[test]
    #[ignore = "measures; run it alone with --ignored --nocapture"]
    fn speed_of_few_rows() {
        let (n, k) = (2048, 512);
        for dtype in [DType::Q4_1, DType::IQ4_NL, DType::Q8_0, DType::Q6_K, DType::F16] {
            let (bytes, stride) = (some_rows(dtype, n, k), dtype.bytes_for(k));
            let narrow = Narrow::from_rows(dtype, n, k, |row| &bytes[row * stride..][..stride]).unwrap();
            for rows in [1, 2, 4, 16] {
                let x: Vec<f32> = (0..rows * k).map(|i| (i as f32).sin()).collect();
                let mut out = vec![0.0; rows * n];
                for isa in available().into_iter().skip(1) {
                    let left = Left::pack_on(isa, View::rows(&x, rows, k, k));
                    let mut round = || {
                        let began = std::time::Instant::now();
                        left.multiply(Right::Narrow(&narrow), &mut out, n, Output::Overwrite);
                        began.elapsed().as_secs_f64()
                    };
                    let best = (0..400).map(|_| round()).fold(f64::INFINITY, f64::min);
                    let weights = (n * k) as f64 / best / 1e9;
                    eprintln!("{dtype} {rows} rows {:9} {weights:6.2} G weights/s", isa.name());
                }
            }
        }
    }
}
