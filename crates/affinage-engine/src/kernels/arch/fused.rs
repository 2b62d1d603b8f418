//! Narrow panels multiplied out in registers: into rows of f32, or straight into the sums of a few rows.
//!
//! Written once over [`Vector`]; the values have the bits of [`DType::unpack`](crate::weights::DType::unpack) and meet
//! the sums in index order.

#![expect(clippy::needless_range_loop, reason = "registers in several arrays go by one index")]

use super::micro::NR;
use super::narrow::{FUSED_ROWS, Factors, IN_WORD, Narrow, STEP, Values};
use super::vector::Vector;

const F16: u8 = 0;
const BF16: u8 = 1;
const FOUR: u8 = 2;
const EIGHT: u8 = 3;

/// Where one panel's stored numbers begin.
struct Panel {
    values: *const u8,
    scales: *const u8,
    mins: *const u8,
    are_half: bool,
    run: usize,
    steps: [i8; 16],
}

impl Panel {
    fn new(narrow: &Narrow, panel: usize) -> Panel {
        let (size, factors) = (narrow.k * NR, narrow.k / narrow.run * NR);
        let values = match &narrow.values {
            Values::F16(values) | Values::BF16(values) => values[panel * size..][..size].as_ptr().cast(),
            Values::Four { words, .. } => words[panel * size / IN_WORD..][..size / IN_WORD].as_ptr().cast(),
            Values::Eight(bytes) => bytes[panel * size..][..size].as_ptr().cast(),
        };
        let start = |all: &Factors| -> *const u8 {
            match all {
                Factors::None => std::ptr::null(),
                Factors::Half(all) => all[panel * factors..][..factors].as_ptr().cast(),
                Factors::Full(all) => all[panel * factors..][..factors].as_ptr().cast(),
            }
        };
        Panel {
            values,
            scales: start(&narrow.scales),
            mins: start(&narrow.mins),
            are_half: matches!(narrow.scales, Factors::Half(_)),
            run: narrow.run,
            steps: if let Values::Four { steps, .. } = &narrow.values { *steps } else { [0; 16] },
        }
    }

    /// Sixteen scales or minima of row `k` from `column` on.
    ///
    /// # Safety
    /// The instruction set is available; `from` is this panel's, which has row `k`.
    #[inline(always)]
    unsafe fn factor<V: Vector<PARTS>, const PARTS: usize>(
        &self,
        from: *const u8,
        k: usize,
        column: usize,
    ) -> [V; PARTS] {
        let at = k / self.run * NR + column;
        // SAFETY: `[k / run][NR]` factors are stored; the caller vouches for the row.
        unsafe {
            if self.are_half {
                return V::f16(from.cast::<u16>().add(at));
            }
            let mut out = [V::splat(0.0); PARTS];
            for part in 0..PARTS {
                out[part] = V::load(from.cast::<f32>().add(at + part * V::LANES));
            }
            out
        }
    }
}

/// Sixteen columns of a panel of one format, eight rows of which are taken apart together.
#[derive(Clone, Copy)]
struct Block<'a, V: Vector<PARTS>, const PARTS: usize, const FORMAT: u8, const MIN: bool> {
    panel: &'a Panel,
    /// A multiple of [`IN_WORD`].
    first: usize,
    column: usize,
    scale: [V; PARTS],
    min: [V; PARTS],
    four: Option<V::Four>,
}

impl<'a, V: Vector<PARTS>, const PARTS: usize, const FORMAT: u8, const MIN: bool>
    Block<'a, V, PARTS, FORMAT, MIN>
{
    /// # Safety
    /// The instruction set is available; the panel has the format and the rows.
    #[inline(always)]
    unsafe fn new(panel: &'a Panel, first: usize, column: usize) -> Self {
        // SAFETY: passed on to the caller.
        unsafe {
            let (mut scale, mut min) = ([V::splat(1.0); PARTS], [V::splat(0.0); PARTS]);
            if FORMAT == FOUR || FORMAT == EIGHT {
                scale = panel.factor(panel.scales, first, column);
            }
            if FORMAT == FOUR && V::STEP != 1.0 {
                // A power of two, and far from the smallest scale: exact.
                for part in 0..PARTS {
                    scale[part] = scale[part].mul(V::splat(1.0 / V::STEP));
                }
            }
            if MIN {
                min = panel.factor(panel.mins, first, column);
            }
            Block { panel, first, column, scale, min, four: None }
        }
    }

    /// Looks the codes of the first or last four rows up.
    ///
    /// # Safety
    /// As [`Block::new`].
    #[inline(always)]
    unsafe fn look_up(&mut self, high: bool, steps: V::Steps) {
        if FORMAT == FOUR {
            // SAFETY: a word holds eight rows of its column; the caller vouches for the rows.
            unsafe {
                let words = self.panel.values.cast::<u32>().add(self.first / IN_WORD * NR + self.column);
                self.four = Some(V::four(words, high, steps));
            }
        }
    }

    /// The values of row `first + BYTE`, `high`: `first + 4 + BYTE`.
    ///
    /// # Safety
    /// As [`Block::new`], after [`Block::look_up`] of these four rows.
    #[inline(always)]
    unsafe fn row<const BYTE: usize>(&self, high: bool) -> [V; PARTS] {
        let at = (self.first + usize::from(high) * 4 + BYTE) * NR + self.column;
        // SAFETY: `[k][NR]` values are stored; the caller vouches for the row.
        unsafe {
            let mut value = match FORMAT {
                F16 => return V::f16(self.panel.values.cast::<u16>().add(at)),
                BF16 => return V::bf16(self.panel.values.cast::<u16>().add(at)),
                FOUR => V::step::<BYTE>(self.four.expect("digits were looked up")),
                _ => V::i8(self.panel.values.cast::<i8>().add(at)),
            };
            for part in 0..PARTS {
                value[part] = match MIN {
                    true => self.scale[part].mul_add(value[part], self.min[part]),
                    false => self.scale[part].mul(value[part]),
                };
            }
            value
        }
    }
}

/// Calls `$look_up` and `$row` for the eight rows of a word, so that their places in it are constants.
macro_rules! eight_rows {
    ($look_up:ident, $row:ident) => {
        eight_rows!($look_up, $row, false);
        eight_rows!($look_up, $row, true);
    };
    ($look_up:ident, $row:ident, $high:literal) => {
        $look_up!($high);
        $row!($high, 0);
        $row!($high, 1);
        $row!($high, 2);
        $row!($high, 3);
    };
}

/// Writes rows `k0..k0 + depth` of a panel to `out`, `[depth][NR]`.
///
/// # Safety
/// The instruction set is available; the panel has the format and the rows; `out` has room for them.
#[inline(always)]
unsafe fn unpack<V: Vector<PARTS>, const PARTS: usize, const FORMAT: u8, const MIN: bool>(
    panel: &Panel,
    k0: usize,
    depth: usize,
    out: *mut f32,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let steps = V::steps(&panel.steps);
        for first in (k0..k0 + depth).step_by(IN_WORD) {
            for column in [0, 16] {
                let mut block = Block::<V, PARTS, FORMAT, MIN>::new(panel, first, column);
                let mut to = out.add((first - k0) * NR + column);
                macro_rules! look_up {
                    ($high:literal) => {
                        block.look_up($high, steps);
                    };
                }
                macro_rules! row {
                    ($high:literal, $byte:literal) => {
                        let values = block.row::<$byte>($high);
                        for part in 0..PARTS {
                            values[part].store(to.add(part * V::LANES));
                        }
                        to = to.wrapping_add(NR);
                    };
                }
                eight_rows!(look_up, row);
            }
        }
    }
}

/// The products of `ROWS` rows `left`, `[depth][ROWS]`, with a panel from row `k0` on, `16 * BLOCKS` columns at a time.
///
/// # Safety
/// The instruction set is available; the panel has the format and the rows.
#[inline(always)]
unsafe fn fused<
    V: Vector<PARTS>,
    const PARTS: usize,
    const BLOCKS: usize,
    const ROWS: usize,
    const FORMAT: u8,
    const MIN: bool,
>(
    panel: &Panel,
    k0: usize,
    left: &[f32],
    sums: &mut [[f32; NR]; FUSED_ROWS],
) {
    let depth = left.len() / ROWS;
    // SAFETY: passed on to the caller; `left` holds `depth` times `ROWS` values and a row of sums `NR`.
    unsafe {
        let steps = V::steps(&panel.steps);
        for column in (0..NR).step_by(16 * BLOCKS) {
            let mut left = left.as_ptr();
            let mut sum = [[[V::splat(0.0); PARTS]; BLOCKS]; ROWS];
            for first in (k0..k0 + depth).step_by(IN_WORD) {
                let mut blocks = [Block::<V, PARTS, FORMAT, MIN>::new(panel, first, column); BLOCKS];
                for b in 1..BLOCKS {
                    blocks[b] = Block::new(panel, first, column + 16 * b);
                }
                macro_rules! look_up {
                    ($high:literal) => {
                        for block in &mut blocks {
                            block.look_up($high, steps);
                        }
                    };
                }
                macro_rules! row {
                    ($high:literal, $byte:literal) => {
                        for b in 0..BLOCKS {
                            let values = blocks[b].row::<$byte>($high);
                            for row in 0..ROWS {
                                let left = V::splat(*left.add(row));
                                for part in 0..PARTS {
                                    sum[row][b][part] = left.mul_add(values[part], sum[row][b][part]);
                                }
                            }
                        }
                        left = left.wrapping_add(ROWS);
                    };
                }
                eight_rows!(look_up, row);
            }
            for row in 0..ROWS {
                for b in 0..BLOCKS {
                    for part in 0..PARTS {
                        let to = sums[row].as_mut_ptr().add(column + 16 * b + part * V::LANES);
                        sum[row][b][part].store(to);
                    }
                }
            }
        }
    }
}

/// Calls `$run::<..., FORMAT, MIN>` for the format of `$narrow`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! by_format {
    ($narrow:expr, $run:ident $(, $before:expr)?; $($arg:expr),*) => {{
        let has_min = !matches!($narrow.mins, Factors::None);
        match (&$narrow.values, has_min) {
            (Values::F16(_), _) => $run::<$({ $before },)? F16, false>($($arg),*),
            (Values::BF16(_), _) => $run::<$({ $before },)? BF16, false>($($arg),*),
            (Values::Four { .. }, false) => $run::<$({ $before },)? FOUR, false>($($arg),*),
            (Values::Four { .. }, true) => $run::<$({ $before },)? FOUR, true>($($arg),*),
            (Values::Eight(_), false) => $run::<$({ $before },)? EIGHT, false>($($arg),*),
            (Values::Eight(_), true) => $run::<$({ $before },)? EIGHT, true>($($arg),*),
        }
    }};
}

/// Both kernels on one instruction set: `$vector` holds a part of sixteen columns in `$parts`; `$blocks` times sixteen
/// columns of one row give enough chains of sums to hide the latency of a multiply-add, more rows need one block.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! path {
    ($path:ident, $feature:literal, $vector:ty, $parts:literal, $blocks:literal, $blocks_of_many:literal) => {
        pub(super) mod $path {
            use super::*;

            /// # Safety
            /// The instruction set is available.
            #[target_feature(enable = $feature)]
            pub unsafe fn unpack(narrow: &Narrow, panel: usize, k0: usize, depth: usize, out: &mut [f32]) {
                assert!(out.len() >= depth * NR && k0 + depth <= narrow.k);
                let (panel, out) = (&Panel::new(narrow, panel), out.as_mut_ptr());
                // SAFETY: passed on to the caller; the lengths are checked above.
                unsafe { by_format!(narrow, unpack_format; panel, k0, depth, out) }
            }

            #[target_feature(enable = $feature)]
            unsafe fn unpack_format<const FORMAT: u8, const MIN: bool>(
                panel: &Panel,
                k0: usize,
                depth: usize,
                out: *mut f32,
            ) {
                // SAFETY: passed on to the caller.
                unsafe { super::unpack::<$vector, $parts, FORMAT, MIN>(panel, k0, depth, out) }
            }

            /// # Safety
            /// The instruction set is available.
            #[target_feature(enable = $feature)]
            pub unsafe fn fused(
                narrow: &Narrow,
                panel: usize,
                k0: usize,
                left: &[f32],
                rows: usize,
                sums: &mut [[f32; NR]; FUSED_ROWS],
            ) {
                assert!(k0 + left.len() / rows <= narrow.k);
                let panel = &Panel::new(narrow, panel);
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

            #[target_feature(enable = $feature)]
            unsafe fn fused_format<const ROWS: usize, const FORMAT: u8, const MIN: bool>(
                panel: &Panel,
                k0: usize,
                left: &[f32],
                sums: &mut [[f32; NR]; FUSED_ROWS],
            ) {
                // SAFETY: passed on to the caller.
                unsafe {
                    match ROWS {
                        1 => super::fused::<$vector, $parts, $blocks, ROWS, FORMAT, MIN>(panel, k0, left, sums),
                        _ => super::fused::<$vector, $parts, $blocks_of_many, ROWS, FORMAT, MIN>(
                            panel, k0, left, sums,
                        ),
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
path!(avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma", std::arch::x86_64::__m512, 1, 2, 2);
#[cfg(target_arch = "x86_64")]
path!(avx2, "avx2,fma,f16c", std::arch::x86_64::__m256, 2, 2, 1);
#[cfg(target_arch = "aarch64")]
path!(neon, "neon", std::arch::aarch64::float32x4_t, 4, 1, 1);

const _: () = assert!(NR == 32 && IN_WORD == 8 && STEP.is_multiple_of(IN_WORD));
