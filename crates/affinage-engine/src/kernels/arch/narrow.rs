//! Frozen weights in panels of almost their stored width, for products with few rows.
//!
//! Decoding reads every weight for each step, so its speed is that of the memory: digits stay digits and are multiplied
//! out where they are used, in registers for up to [`FUSED_ROWS`] rows on AVX-512, else one panel at a time in L1. The
//! values have the bits of [`DType::unpack`] and meet the products in the same order, so results equal those over f32
//! panels bit for bit.

use super::gemm::{KC, Left, Out};
use super::micro::{NR, Start};
use super::{Isa, simd};
use crate::weights::{DType, DigitFormat, Matrix};
use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;

/// Up to so many rows, multiplying digits out anew for each row block costs less than a pass through L1.
const FUSED_ROWS: usize = 4;
/// Digits of four bits in one word: so many consecutive rows of a column.
const IN_WORD: usize = 8;
/// The inner dimension is a whole number of these, whatever the format.
const STEP: usize = 32;

/// The transpose of a frozen `[n, k]` weight: panels of [`NR`] columns, the last one padded with zeros.
pub struct Narrow {
    k: usize,
    n: usize,
    values: Values,
    /// `[panel][k / run][NR]` each, for [`Values::Four`] and [`Values::Eight`].
    scales: Factors,
    mins: Factors,
    /// Digits of a column that share a scale; [`STEP`] for plain numbers.
    run: usize,
}

/// Panels of stored values, `[panel][k][NR]`.
enum Values {
    F16(Vec<u16>),
    BF16(Vec<u16>),
    /// `[panel][k / 8][NR]`; digit `k % 8` of a word stands at bit `4 * (k % 8)` and means `steps[digit]`.
    Four {
        words: Vec<u32>,
        steps: [f32; 16],
    },
    Eight(Vec<i8>),
}

/// Scales or minima as exactly as the format has them.
enum Factors {
    None,
    Half(Vec<u16>),
    Full(Vec<f32>),
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
        let Some(format) = dtype.digit_format() else {
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
        Some(pack_digits(dtype, format, n, k, row_bytes))
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
        #[cfg(target_arch = "x86_64")]
        if isa == Isa::Avx512 {
            // SAFETY: AVX-512 is available where `isa` says so.
            return unsafe { x86::unpack(self, panel, k0, depth, out) };
        }
        let _ = isa;
        unpack_portable(self, panel, k0, depth, out);
    }
}

fn pack_digits<'a>(
    dtype: DType,
    format: DigitFormat,
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
    let (mut digits, mut row_scales, mut row_mins) = (vec![0; k], vec![0.0; runs], vec![0.0; runs]);
    for row in 0..n {
        dtype.digits(row_bytes(row), &mut digits, &mut row_scales, &mut row_mins);
        let (panel, column) = (row / NR, row % NR);
        for run in 0..runs {
            let at = (panel * runs + run) * NR + column;
            (scales[at], mins[at]) = (row_scales[run], row_mins[run]);
        }
        if four {
            for (word, digits) in digits.chunks_exact(IN_WORD).enumerate() {
                let packed = digits.iter().rev().fold(0, |packed, digit| packed << 4 | *digit as u32);
                words[(panel * (k / IN_WORD) + word) * NR + column] = packed;
            }
        } else {
            let column = bytes[panel * k * NR + column..].iter_mut().step_by(NR);
            column.zip(&digits).for_each(|(out, digit)| *out = *digit);
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
                        *out = steps[(word >> (4 * (k % IN_WORD)) & 15) as usize];
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
        start: Start,
    ) {
        let mut space = PANEL_SPACE.take();
        space.resize(KC * NR, 0.0);
        for n0 in cols.clone().step_by(NR) {
            let width = NR.min(cols.end - n0);
            for k0 in (0..self.k).step_by(KC) {
                let depth = KC.min(self.k - k0);
                let start = if k0 == 0 { start } else { Start::Add };
                #[cfg(target_arch = "x86_64")]
                if self.isa == Isa::Avx512 && self.m <= FUSED_ROWS && rows.len() == self.m {
                    // SAFETY: AVX-512 is there; `out` is valid for these rows and columns.
                    unsafe { self.fused(narrow, n0, k0, depth, width, out, start) };
                    continue;
                }
                narrow.unpack(self.isa, n0 / NR, k0, depth, &mut space);
                // SAFETY: passed on to the caller.
                unsafe { self.column(k0, depth, rows.clone(), &space, n0, width, out, start) };
            }
        }
        PANEL_SPACE.set(space);
    }

    /// All rows, at most [`FUSED_ROWS`], against one panel that is multiplied out in registers.
    ///
    /// # Safety
    /// AVX-512 is available; `out` is valid for all rows and `width` columns from `n0`.
    #[cfg(target_arch = "x86_64")]
    #[expect(clippy::too_many_arguments, reason = "the coordinates of a block of a product")]
    unsafe fn fused(
        &self,
        narrow: &Narrow,
        n0: usize,
        k0: usize,
        depth: usize,
        width: usize,
        out: Out,
        start: Start,
    ) {
        let mut sums = [[0.0; NR]; FUSED_ROWS];
        let left = &self.data[k0 * self.m..][..self.m * depth];
        // SAFETY: the caller vouches for AVX-512; the panel is inside `narrow`, whose depth is that of `self`.
        unsafe { x86::fused(narrow, n0 / NR, k0, left, self.m, &mut sums) };
        for (row, sums) in sums.iter().enumerate().take(self.m) {
            // SAFETY: the caller vouches for the row.
            let out = unsafe { std::slice::from_raw_parts_mut(out.data.add(row * out.stride + n0), width) };
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = if start == Start::Add { *out + sum } else { *sum };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{FUSED_ROWS, Factors, IN_WORD, NR, Narrow, STEP, Values};
    use std::arch::x86_64::*;

    const F16: u8 = 0;
    const BF16: u8 = 1;
    const FOUR: u8 = 2;
    const EIGHT: u8 = 3;

    /// Calls `$run::<..., FORMAT, MIN>` for the format of `$narrow`.
    macro_rules! by_format {
        ($narrow:expr, $run:ident $(, $before:expr)?; $($arg:expr),*) => {{
            let has_min = !matches!($narrow.mins, Factors::None);
            match (&$narrow.values, has_min) {
                (Values::F16(_), _) => $run::<$({ $before },)? F16, false>($narrow, $($arg),*),
                (Values::BF16(_), _) => $run::<$({ $before },)? BF16, false>($narrow, $($arg),*),
                (Values::Four { .. }, false) => $run::<$({ $before },)? FOUR, false>($narrow, $($arg),*),
                (Values::Four { .. }, true) => $run::<$({ $before },)? FOUR, true>($narrow, $($arg),*),
                (Values::Eight(_), false) => $run::<$({ $before },)? EIGHT, false>($narrow, $($arg),*),
                (Values::Eight(_), true) => $run::<$({ $before },)? EIGHT, true>($narrow, $($arg),*),
            }
        }};
    }

    /// # Safety
    /// AVX-512 is available.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    pub unsafe fn unpack(narrow: &Narrow, panel: usize, k0: usize, depth: usize, out: &mut [f32]) {
        assert!(out.len() >= depth * NR);
        // SAFETY: passed on to the caller; the lengths are checked here and by `Narrow::unpack`.
        unsafe { by_format!(narrow, unpack_format; panel, k0, depth, out.as_mut_ptr()) }
    }

    /// # Safety
    /// AVX-512 is available.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    pub unsafe fn fused(
        narrow: &Narrow,
        panel: usize,
        k0: usize,
        left: &[f32],
        rows: usize,
        sums: &mut [[f32; NR]; FUSED_ROWS],
    ) {
        assert!(panel < narrow.n.div_ceil(NR) && k0 + left.len() / rows <= narrow.k);
        // SAFETY: passed on to the caller; the extents are checked above.
        unsafe {
            match rows {
                1 => by_format!(narrow, fused_format, 1; panel, k0, left, sums),
                2 => by_format!(narrow, fused_format, 2; panel, k0, left, sums),
                3 => by_format!(narrow, fused_format, 3; panel, k0, left, sums),
                4 => by_format!(narrow, fused_format, 4; panel, k0, left, sums),
                _ => unreachable!("1 to 4 rows"),
            }
        }
    }

    /// Where one panel's stored numbers begin.
    #[derive(Clone, Copy)]
    struct Panel {
        values: *const u8,
        scales: *const u8,
        mins: *const u8,
        are_half: bool,
        run: usize,
        steps: [f32; 16],
    }

    impl Panel {
        fn new(narrow: &Narrow, panel: usize) -> Panel {
            let (size, factors) = (narrow.k * NR, narrow.k / narrow.run * NR);
            let values = match &narrow.values {
                Values::F16(values) | Values::BF16(values) => values[panel * size..][..size].as_ptr().cast(),
                Values::Four { words, .. } => {
                    words[panel * size / IN_WORD..][..size / IN_WORD].as_ptr().cast()
                }
                Values::Eight(bytes) => bytes[panel * size..][..size].as_ptr().cast(),
            };
            let start = |all: &Factors| -> *const u8 {
                match all {
                    Factors::None => std::ptr::null(),
                    Factors::Half(all) => all[panel * factors..][..factors].as_ptr().cast(),
                    Factors::Full(all) => all[panel * factors..][..factors].as_ptr().cast(),
                }
            };
            let steps = if let Values::Four { steps, .. } = &narrow.values { *steps } else { [0.0; 16] };
            Panel {
                values,
                scales: start(&narrow.scales),
                mins: start(&narrow.mins),
                are_half: matches!(narrow.scales, Factors::Half(_)),
                run: narrow.run,
                steps,
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    unsafe fn unpack_format<const FORMAT: u8, const MIN: bool>(
        narrow: &Narrow,
        panel: usize,
        k0: usize,
        depth: usize,
        out: *mut f32,
    ) {
        let panel = Panel::new(narrow, panel);
        // SAFETY: there are sixteen steps; the caller vouches for the rows; `out` holds `depth` rows.
        unsafe {
            let steps = _mm512_loadu_ps(panel.steps.as_ptr());
            for first in (k0..k0 + depth).step_by(IN_WORD) {
                let (scale, min) = factors::<FORMAT, MIN>(&panel, first);
                for i in 0..IN_WORD {
                    let to = out.add((first - k0 + i) * NR);
                    for part in 0..2 {
                        let value =
                            value::<FORMAT, MIN>(&panel, first, i, part, steps, scale[part], min[part]);
                        _mm512_storeu_ps(to.add(part * 16), value);
                    }
                }
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    unsafe fn fused_format<const ROWS: usize, const FORMAT: u8, const MIN: bool>(
        narrow: &Narrow,
        panel: usize,
        k0: usize,
        left: &[f32],
        sums: &mut [[f32; NR]; FUSED_ROWS],
    ) {
        let panel = Panel::new(narrow, panel);
        let depth = left.len() / ROWS;
        let mut left = left.as_ptr();
        let mut sum = [[_mm512_setzero_ps(); 2]; ROWS];
        // SAFETY: there are sixteen steps; the caller vouches for the rows; `left` holds `depth` of `ROWS` values; a row
        // of sums holds NR = 2 * 16.
        unsafe {
            let steps = _mm512_loadu_ps(panel.steps.as_ptr());
            for first in (k0..k0 + depth).step_by(IN_WORD) {
                let (scale, min) = factors::<FORMAT, MIN>(&panel, first);
                for i in 0..IN_WORD {
                    let low = value::<FORMAT, MIN>(&panel, first, i, 0, steps, scale[0], min[0]);
                    let high = value::<FORMAT, MIN>(&panel, first, i, 1, steps, scale[1], min[1]);
                    for row in 0..ROWS {
                        let left = _mm512_set1_ps(*left.add(row));
                        sum[row][0] = _mm512_fmadd_ps(left, low, sum[row][0]);
                        sum[row][1] = _mm512_fmadd_ps(left, high, sum[row][1]);
                    }
                    left = left.add(ROWS);
                }
            }
            for row in 0..ROWS {
                _mm512_storeu_ps(sums[row].as_mut_ptr(), sum[row][0]);
                _mm512_storeu_ps(sums[row].as_mut_ptr().add(16), sum[row][1]);
            }
        }
    }

    /// Scales and minima of row `k` of a panel.
    ///
    /// # Safety
    /// The row is inside the panel, which has the format.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    #[inline]
    unsafe fn factors<const FORMAT: u8, const MIN: bool>(
        panel: &Panel,
        k: usize,
    ) -> ([__m512; 2], [__m512; 2]) {
        let mut factors = [[_mm512_setzero_ps(); 2]; 2];
        if FORMAT == FOUR || FORMAT == EIGHT {
            let at = k / panel.run * NR;
            for (kind, from) in [panel.scales, panel.mins].into_iter().enumerate().take(1 + MIN as usize) {
                for part in 0..2 {
                    // SAFETY: `[k / run][NR]` factors are stored; the caller vouches for the row.
                    factors[kind][part] = unsafe {
                        match panel.are_half {
                            true => {
                                let from = from.cast::<u16>().add(at + part * 16);
                                _mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))
                            }
                            false => _mm512_loadu_ps(from.cast::<f32>().add(at + part * 16)),
                        }
                    };
                }
            }
        }
        (factors[0], factors[1])
    }

    /// The low (`part` 0) or high half of row `first + i` of a panel.
    ///
    /// # Safety
    /// As [`factors`]; `first` is a multiple of 8 and `i` is below 8.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    #[inline]
    unsafe fn value<const FORMAT: u8, const MIN: bool>(
        panel: &Panel,
        first: usize,
        i: usize,
        part: usize,
        steps: __m512,
        scale: __m512,
        min: __m512,
    ) -> __m512 {
        let at = (first + i) * NR + part * 16;
        // SAFETY: `[k][NR]` values are stored; the caller vouches for the row.
        let digit = unsafe {
            match FORMAT {
                F16 => return _mm512_cvtph_ps(_mm256_loadu_si256(panel.values.cast::<u16>().add(at).cast())),
                BF16 => {
                    let bits = _mm256_loadu_si256(panel.values.cast::<u16>().add(at).cast());
                    return _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)));
                }
                FOUR => {
                    let words = panel.values.cast::<u32>().add(first / IN_WORD * NR + part * 16);
                    let shift = _mm512_set1_epi32(4 * i as i32);
                    // The permutation looks at the low four bits only.
                    _mm512_permutexvar_ps(_mm512_srlv_epi32(_mm512_loadu_si512(words.cast()), shift), steps)
                }
                _ => {
                    let bytes = _mm_loadu_si128(panel.values.add(at).cast());
                    _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
                }
            }
        };
        if MIN { _mm512_fmadd_ps(scale, digit, min) } else { _mm512_mul_ps(scale, digit) }
    }

    const _: () = assert!(NR == 32 && STEP.is_multiple_of(IN_WORD));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::arch::available;
    use crate::kernels::arch::gemm::{Packed, Right, View};
    use crate::kernels::random::Random;

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

    /// Every format, at few and many rows, on every instruction set: the bits of the product with f32 panels.
    #[test]
    fn narrow_panels_multiply_as_unpacked_ones_do() {
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
                    for start in [Start::Zero, Start::Add] {
                        let (mut want, mut got) = (vec![0.5; rows * n], vec![0.5; rows * n]);
                        left.multiply(packed.part(k, n), &mut want, n, start);
                        left.multiply(Right::Narrow(&narrow), &mut got, n, start);
                        assert_eq!(got, want, "{dtype}, {rows} rows, {isa:?}");
                    }
                }
            }
        }
    }
}
