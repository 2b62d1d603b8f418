//! The micro-kernels: one tile of `rows` x [`NR`] of `C += A B` over packed panels.
//!
//! Panel layouts: `a` `[k][rows]`, `b` `[k][NR]`. Each element of the tile is one chain of fused multiply-adds in `k`
//! order from zero; only its result is added to `c`. A chain that began with a large `c` would round every small term
//! at the size of `c`: on a residual stream that costs a digit.

use super::Isa;

/// Columns of a tile: two vectors of 16 for AVX-512, two halves of two vectors of 8 for AVX2.
pub const NR: usize = 32;

/// Rows of a full tile: as many as the registers hold. AVX2 has 16: with 6 rows, a half of the columns takes 12 sums,
/// 2 vectors of the right side and 1 broadcast. 3 rows of all columns would take 17, and one sum would live in memory.
pub fn tile_rows(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 12,
        Isa::Avx2 => 6,
        Isa::Scalar => 4,
    }
}

/// Whether a product replaces what `c` holds or is added to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    Zero,
    Add,
}

/// Computes one tile on the given instruction set.
///
/// # Safety
/// `isa` is available on this machine; `rows` is in `1..=tile_rows(isa)`; `a` is valid for `k * rows` reads, `b` for
/// `k * NR` reads, and `c` for reads and writes of `rows` rows of `NR` values, `c_stride` apart.
#[expect(clippy::too_many_arguments, reason = "the operands of a tile")]
pub unsafe fn tile(
    isa: Isa,
    rows: usize,
    k: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    c_stride: usize,
    start: Start,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::tile_avx512(rows, k, a, b, c, c_stride, start),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::tile_avx2(rows, k, a, b, c, c_stride, start),
            _ => tile_scalar(rows, k, a, b, c, c_stride, start),
        }
    }
}

/// The portable tile.
///
/// # Safety
/// As [`tile`].
unsafe fn tile_scalar(
    rows: usize,
    k: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    c_stride: usize,
    start: Start,
) {
    // SAFETY: the caller vouches for the extents of the three buffers.
    unsafe {
        let a = std::slice::from_raw_parts(a, k * rows);
        let b = std::slice::from_raw_parts(b, k * NR);
        for row in 0..rows {
            let out = &mut *c.add(row * c_stride).cast::<[f32; NR]>();
            let mut sum = [0.0; NR];
            for (a, b) in a[row..].iter().step_by(rows).zip(b.chunks_exact(NR)) {
                for (sum, b) in sum.iter_mut().zip(b) {
                    *sum = a.mul_add(*b, *sum);
                }
            }
            for (out, sum) in out.iter_mut().zip(sum) {
                *out = if start == Start::Add { *out + sum } else { sum };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{NR, Start};
    use std::arch::x86_64::*;

    /// How far before its use the left side is fetched, in values: it was packed by all threads, so a part of it is in
    /// another core's cache.
    const AHEAD: usize = 384;

    /// A function for `ROWS` rows and `$vectors` vectors of `$lanes` columns each, out of panels of [`NR`] columns.
    macro_rules! tile_of_rows {
        ($name:ident, $feature:literal, $vectors:literal, $lanes:literal,
         $load:ident, $store:ident, $splat:ident, $zero:ident, $fma:ident, $add:ident) => {
            #[target_feature(enable = $feature)]
            #[inline]
            unsafe fn $name<const ROWS: usize>(
                k: usize,
                a: *const f32,
                b: *const f32,
                c: *mut f32,
                c_stride: usize,
                start: Start,
            ) {
                // SAFETY: the caller vouches for the extents of the three buffers; the loops stay inside them.
                unsafe {
                    let mut sum = [[$zero(); $vectors]; ROWS];
                    let (mut a, mut b) = (a, b);
                    // The tile of `c` is far away; it arrives while the sums are computed.
                    for row in 0..ROWS {
                        for line in 0..$vectors * $lanes / 16 {
                            _mm_prefetch::<_MM_HINT_T0>(c.add(row * c_stride + line * 16).cast());
                        }
                    }
                    for _ in 0..k {
                        let mut right = [$zero(); $vectors];
                        for v in 0..$vectors {
                            right[v] = $load(b.add(v * $lanes));
                        }
                        _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(AHEAD).cast());
                        for row in 0..ROWS {
                            let left = $splat(*a.add(row));
                            for v in 0..$vectors {
                                sum[row][v] = $fma(left, right[v], sum[row][v]);
                            }
                        }
                        a = a.add(ROWS);
                        b = b.add(NR);
                    }
                    for row in 0..ROWS {
                        for v in 0..$vectors {
                            let to = c.add(row * c_stride + v * $lanes);
                            let value =
                                if start == Start::Add { $add($load(to), sum[row][v]) } else { sum[row][v] };
                            $store(to, value);
                        }
                    }
                }
            }
        };
    }

    tile_of_rows!(
        rows_avx512,
        "avx512f",
        2,
        16,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_set1_ps,
        _mm512_setzero_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps
    );
    tile_of_rows!(
        rows_avx2,
        "avx2,fma",
        2,
        8,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_set1_ps,
        _mm256_setzero_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps
    );

    /// # Safety
    /// As [`super::tile`], with AVX-512F present.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn tile_avx512(
        rows: usize,
        k: usize,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        c_stride: usize,
        start: Start,
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            match rows {
                1 => rows_avx512::<1>(k, a, b, c, c_stride, start),
                2 => rows_avx512::<2>(k, a, b, c, c_stride, start),
                3 => rows_avx512::<3>(k, a, b, c, c_stride, start),
                4 => rows_avx512::<4>(k, a, b, c, c_stride, start),
                5 => rows_avx512::<5>(k, a, b, c, c_stride, start),
                6 => rows_avx512::<6>(k, a, b, c, c_stride, start),
                7 => rows_avx512::<7>(k, a, b, c, c_stride, start),
                8 => rows_avx512::<8>(k, a, b, c, c_stride, start),
                9 => rows_avx512::<9>(k, a, b, c, c_stride, start),
                10 => rows_avx512::<10>(k, a, b, c, c_stride, start),
                11 => rows_avx512::<11>(k, a, b, c, c_stride, start),
                12 => rows_avx512::<12>(k, a, b, c, c_stride, start),
                _ => unreachable!("a tile has 1 to 12 rows"),
            }
        }
    }

    /// # Safety
    /// As [`super::tile`], with AVX2 and FMA present.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn tile_avx2(
        rows: usize,
        k: usize,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        c_stride: usize,
        start: Start,
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            for half in [0, NR / 2] {
                let (b, c) = (b.add(half), c.add(half));
                match rows {
                    1 => rows_avx2::<1>(k, a, b, c, c_stride, start),
                    2 => rows_avx2::<2>(k, a, b, c, c_stride, start),
                    3 => rows_avx2::<3>(k, a, b, c, c_stride, start),
                    4 => rows_avx2::<4>(k, a, b, c, c_stride, start),
                    5 => rows_avx2::<5>(k, a, b, c, c_stride, start),
                    6 => rows_avx2::<6>(k, a, b, c, c_stride, start),
                    _ => unreachable!("a tile has 1 to 6 rows"),
                }
            }
        }
    }
}
