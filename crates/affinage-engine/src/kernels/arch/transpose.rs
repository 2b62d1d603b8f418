//! Transposing small blocks: what packing an operand of a product comes down to.

use super::{Isa, isa};

/// Writes `out[c * out_stride + r] = src[r * src_stride + c]` for `r < rows`, `c < cols`.
///
/// Panics if `src` or `out` is too short, or if lines of `out` would overlap.
pub fn transpose(
    src: &[f32],
    src_stride: usize,
    rows: usize,
    cols: usize,
    out: &mut [f32],
    out_stride: usize,
) {
    if rows == 0 || cols == 0 {
        return;
    }
    assert!(rows <= out_stride && src.len() >= (rows - 1) * src_stride + cols);
    assert!(out.len() >= (cols - 1) * out_stride + rows);
    match isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: AVX-512F was detected; the extents of both sides were just checked.
        Isa::Avx512 => unsafe {
            x86::transpose_avx512(src.as_ptr(), src_stride, rows, cols, out.as_mut_ptr(), out_stride);
        },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: the extents of both sides were just checked.
        Isa::Neon => unsafe {
            neon::transpose_neon(src.as_ptr(), src_stride, rows, cols, out.as_mut_ptr(), out_stride);
            let (whole_rows, whole_cols) = (rows / 4 * 4, cols / 4 * 4);
            transpose_scalar(src, src_stride, 0..whole_rows, whole_cols..cols, out, out_stride);
            transpose_scalar(src, src_stride, whole_rows..rows, 0..cols, out, out_stride);
        },
        _ => transpose_scalar(src, src_stride, 0..rows, 0..cols, out, out_stride),
    }
}

/// In blocks of four lines, so that both sides stay in few cache lines.
fn transpose_scalar(
    src: &[f32],
    src_stride: usize,
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
    out: &mut [f32],
    out_stride: usize,
) {
    for r0 in rows.clone().step_by(4) {
        for c in cols.clone() {
            for r in r0..rows.end.min(r0 + 4) {
                out[c * out_stride + r] = src[r * src_stride + c];
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// # Safety
    /// AVX-512F is present; `src` is valid for `rows` lines of `cols` values, `out` for `cols` lines of `rows` values.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn transpose_avx512(
        src: *const f32,
        src_stride: usize,
        rows: usize,
        cols: usize,
        out: *mut f32,
        out_stride: usize,
    ) {
        for r0 in (0..rows).step_by(16) {
            let count = 16.min(rows - r0);
            for c0 in (0..cols).step_by(16) {
                let width = 16.min(cols - c0);
                // SAFETY: the block of `count` lines of `width` values lies inside both sides.
                unsafe {
                    let src = src.add(r0 * src_stride + c0);
                    block(src, src_stride, count, width, out.add(c0 * out_stride + r0), out_stride);
                }
            }
        }
    }

    /// One block of at most 16 x 16: lines are loaded and stored under masks.
    ///
    /// # Safety
    /// As [`transpose_avx512`], with `rows` and `cols` in `1..=16`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn block(
        src: *const f32,
        src_stride: usize,
        rows: usize,
        cols: usize,
        out: *mut f32,
        out_stride: usize,
    ) {
        let mask = |len: usize| (0xffff_u32 >> (16 - len)) as __mmask16;
        let mut lines = [_mm512_setzero_ps(); 16];
        for (r, line) in lines.iter_mut().enumerate().take(rows) {
            // SAFETY: line `r` holds `cols` values; the mask reads no more.
            *line = unsafe { _mm512_maskz_loadu_ps(mask(cols), src.add(r * src_stride)) };
        }
        let lines = transposed(lines);
        for (c, line) in lines.iter().enumerate().take(cols) {
            // SAFETY: line `c` has room for `rows` values; the mask writes no more.
            unsafe { _mm512_mask_storeu_ps(out.add(c * out_stride), mask(rows), *line) };
        }
    }

    /// The transpose of 16 x 16 values in four rounds: pairs, quadruples, then 128-bit and 256-bit parts.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn transposed(a: [__m512; 16]) -> [__m512; 16] {
        let mut b = a;
        for i in (0..16).step_by(2) {
            b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
            b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
        }
        let mut c = b;
        for i in (0..16).step_by(4) {
            c[i] = _mm512_shuffle_ps::<0x44>(b[i], b[i + 2]);
            c[i + 1] = _mm512_shuffle_ps::<0xee>(b[i], b[i + 2]);
            c[i + 2] = _mm512_shuffle_ps::<0x44>(b[i + 1], b[i + 3]);
            c[i + 3] = _mm512_shuffle_ps::<0xee>(b[i + 1], b[i + 3]);
        }
        // Part p of `c[4 g + j]` now holds column 4 p + j of rows 4 g .. 4 g + 4.
        let mut out = a;
        for j in 0..4 {
            let low = _mm512_shuffle_f32x4::<0x88>(c[j], c[4 + j]);
            let high = _mm512_shuffle_f32x4::<0x88>(c[8 + j], c[12 + j]);
            let low_odd = _mm512_shuffle_f32x4::<0xdd>(c[j], c[4 + j]);
            let high_odd = _mm512_shuffle_f32x4::<0xdd>(c[8 + j], c[12 + j]);
            out[j] = _mm512_shuffle_f32x4::<0x88>(low, high);
            out[8 + j] = _mm512_shuffle_f32x4::<0xdd>(low, high);
            out[4 + j] = _mm512_shuffle_f32x4::<0x88>(low_odd, high_odd);
            out[12 + j] = _mm512_shuffle_f32x4::<0xdd>(low_odd, high_odd);
        }
        out
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    /// All whole blocks of 4 x 4.
    ///
    /// # Safety
    /// NEON is present; `src` is valid for `rows` lines of `cols` values, `out` for `cols` lines of `rows` values.
    #[target_feature(enable = "neon")]
    pub unsafe fn transpose_neon(
        src: *const f32,
        src_stride: usize,
        rows: usize,
        cols: usize,
        out: *mut f32,
        out_stride: usize,
    ) {
        for r in (0..rows / 4 * 4).step_by(4) {
            for c in (0..cols / 4 * 4).step_by(4) {
                // SAFETY: the four lines of four values lie inside both sides.
                unsafe {
                    let from = src.add(r * src_stride + c);
                    let (first, second) = (vld1q_f32(from), vld1q_f32(from.add(src_stride)));
                    let (third, fourth) =
                        (vld1q_f32(from.add(2 * src_stride)), vld1q_f32(from.add(3 * src_stride)));
                    // Columns 0 and 2, 1 and 3: of two lines in pairs, then of all four.
                    let even = vtrn1q_f32(first, second);
                    let odd = vtrn2q_f32(first, second);
                    let even_below = vtrn1q_f32(third, fourth);
                    let odd_below = vtrn2q_f32(third, fourth);
                    let to = out.add(c * out_stride + r);
                    vst1q_f32(to, vcombine_f32(vget_low_f32(even), vget_low_f32(even_below)));
                    vst1q_f32(to.add(out_stride), vcombine_f32(vget_low_f32(odd), vget_low_f32(odd_below)));
                    vst1q_f32(
                        to.add(2 * out_stride),
                        vcombine_f32(vget_high_f32(even), vget_high_f32(even_below)),
                    );
                    vst1q_f32(
                        to.add(3 * out_stride),
                        vcombine_f32(vget_high_f32(odd), vget_high_f32(odd_below)),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_transposed_and_nothing_else_touched() {
        for (rows, cols, src_stride, out_stride) in [
            (1, 1, 1, 1),
            (12, 256, 300, 12),
            (16, 16, 16, 16),
            (31, 17, 20, 32),
            (5, 33, 40, 7),
            (32, 64, 64, 32),
        ] {
            let src: Vec<f32> = (0..(rows - 1) * src_stride + cols).map(|i| i as f32).collect();
            let mut out = vec![-1.0; (cols - 1) * out_stride + rows];
            transpose(&src, src_stride, rows, cols, &mut out, out_stride);
            for (i, value) in out.iter().enumerate() {
                let (c, r) = (i / out_stride, i % out_stride);
                let want = if r < rows { src[r * src_stride + c] } else { -1.0 };
                assert_eq!(*value, want, "{rows} x {cols}, line {c}, value {r}");
            }
        }
    }
}
