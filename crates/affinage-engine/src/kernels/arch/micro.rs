//! The micro-kernels: one tile of `rows` x [`NR`] of `C += A B` over packed panels.
//!
//! Panel layouts: `a` `[k][rows]`, `b` `[k][NR]`. Each element of the tile is one chain of fused multiply-adds in `k`
//! order from zero; only its result is added to `c`. A chain that began with a large `c` would round every small term
//! at the size of `c`: on a residual stream that costs a digit.

#![expect(clippy::needless_range_loop, reason = "registers in several arrays go by one index")]

use super::Isa;
use super::vector::Vector;

/// Columns of a tile: at once for AVX-512, in two halves for AVX2 and NEON.
pub const NR: usize = 32;

/// Rows of a full tile: as many as the registers hold. AVX2 has 16: with 6 rows, a half of the columns takes 12 sums,
/// 2 vectors of the right side and 1 broadcast. 3 rows of all columns would take 17, and one sum would live in memory.
/// NEON has 32: a half of the columns takes 24 sums, 4 vectors of the right side and 1 to 4 values of the left.
pub fn tile_rows(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 12,
        Isa::Avx2 | Isa::Neon => 6,
        Isa::Scalar => 4,
    }
}

/// Whether a product replaces what `c` holds or is added to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    Overwrite,
    Accumulate,
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
    output: Output,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => tile_avx512(rows, k, a, b, c, c_stride, output),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => tile_avx2(rows, k, a, b, c, c_stride, output),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => tile_neon(rows, k, a, b, c, c_stride, output),
            _ => tile_scalar(rows, k, a, b, c, c_stride, output),
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
    output: Output,
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
                *out = if output == Output::Accumulate { *out + sum } else { sum };
            }
        }
    }
}

/// How far before its use the left side is fetched, in values: it was packed by all threads, so a part of it is in another
/// core's cache.
const AHEAD: usize = 384;

/// `ROWS` rows of the tile, `16 * BLOCKS` columns at a time.
///
/// # Safety
/// As [`tile`], with the vector's instruction set.
#[inline(always)]
unsafe fn rows<V: Vector<PARTS>, const PARTS: usize, const BLOCKS: usize, const ROWS: usize>(
    k: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    c_stride: usize,
    output: Output,
) {
    // SAFETY: the caller vouches for the instruction set and the extents of the three buffers; the loops stay inside.
    unsafe {
        for first in (0..NR).step_by(16 * BLOCKS) {
            let (mut a, mut b, c) = (a, b.add(first), c.add(first));
            let mut sum = [[[V::splat(0.0); PARTS]; BLOCKS]; ROWS];
            // The tile of `c` is far away; it arrives while the sums are computed.
            for row in 0..ROWS {
                for block in 0..BLOCKS {
                    V::prefetch(c.add(row * c_stride + 16 * block));
                }
            }
            for _ in 0..k {
                let mut right = [[V::splat(0.0); PARTS]; BLOCKS];
                for block in 0..BLOCKS {
                    for part in 0..PARTS {
                        right[block][part] = V::load(b.add(16 * block + V::LANES * part));
                    }
                }
                V::prefetch(a.wrapping_add(AHEAD));
                for row in 0..ROWS {
                    let left = V::splat(*a.add(row));
                    for block in 0..BLOCKS {
                        for part in 0..PARTS {
                            sum[row][block][part] = left.mul_add(right[block][part], sum[row][block][part]);
                        }
                    }
                }
                a = a.add(ROWS);
                b = b.add(NR);
            }
            for row in 0..ROWS {
                for block in 0..BLOCKS {
                    for part in 0..PARTS {
                        let (to, sum) =
                            (c.add(row * c_stride + 16 * block + V::LANES * part), sum[row][block][part]);
                        (if output == Output::Accumulate { V::load(to).add(sum) } else { sum }).store(to);
                    }
                }
            }
        }
    }
}

/// The tile of one instruction set: `$vector` holds a part of sixteen columns in `$parts`, `$blocks` of which are
/// computed at once.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! tile_of {
    ($name:ident, $feature:literal, $vector:ty, $parts:literal, $blocks:literal, $($rows:literal)*) => {
        /// # Safety
        /// As [`tile`], with the instruction set present.
        #[target_feature(enable = $feature)]
        #[inline(never)] // scripts/check_tiles.py looks for it by its name.
        unsafe fn $name(
            count: usize,
            k: usize,
            a: *const f32,
            b: *const f32,
            c: *mut f32,
            c_stride: usize,
            output: Output,
        ) {
            // SAFETY: passed on to the caller.
            unsafe {
                match count {
                    $($rows => rows::<$vector, $parts, $blocks, $rows>(k, a, b, c, c_stride, output),)*
                    _ => unreachable!("a tile has at most so many rows"),
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
tile_of!(tile_avx512, "avx512f", std::arch::x86_64::__m512, 1, 2, 1 2 3 4 5 6 7 8 9 10 11 12);
#[cfg(target_arch = "x86_64")]
tile_of!(tile_avx2, "avx2,fma", std::arch::x86_64::__m256, 2, 1, 1 2 3 4 5 6);
#[cfg(target_arch = "aarch64")]
tile_of!(tile_neon, "neon", std::arch::aarch64::float32x4_t, 4, 1, 1 2 3 4 5 6);
