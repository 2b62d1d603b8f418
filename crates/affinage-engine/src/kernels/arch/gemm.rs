//! Matrix multiplication over packed panels: `out (+)= left x right`, f32.
//!
//! `left` (activations, `[m, k]`) is packed once and can meet several right sides. `right` (`[k, n]`) is a dense operand,
//! a frozen weight that is unpacked to f32 inside the packing, or panels that were packed before. Work is split into
//! blocks of `out` that no two threads share; each element of `out` is a sum of chains of [`KC`] fused multiply-adds in
//! `k` order, so the result depends on neither the number of threads nor the instruction set nor the rows beside it.
//!
//! The blocking (panels of `k` in L1, column blocks in L2) follows Goto and van de Geijn, ACM TOMS 34(3), 2008.

use super::aligned::AlignedBuffer;
use super::micro::{NR, tile, tile_rows};
use super::narrow::Narrow;
use super::pack::{gather_column, pack_left_panel, pack_right, scatter_row};
use super::{Isa, isa, thread_team};
use crate::weights::Matrix;
use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;

pub use super::micro::Output;

/// Depth of a block: `KC x NR` panel values stay in L1. A multiple of every quantisation block length. Part of the
/// arithmetic: another value gives other roundings.
pub const KC: usize = 256;
/// Columns of a block of the right side.
const NC: usize = 512;
/// Rows of a block of the left side.
const MC: usize = 240;
/// Below this many multiply-adds a product stays on the calling thread.
const PARALLEL_FROM: usize = 1 << 18;

/// A strided read-only f32 matrix: element `(i, j)` is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) row_stride: usize,
    pub(super) col_stride: usize,
}

impl<'a> View<'a> {
    /// `rows` x `cols` of row-major storage whose rows are `row_stride` apart. Panics if `data` is too short.
    pub fn rows(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> View<'a> {
        assert!(cols <= row_stride || rows <= 1, "rows of {cols} values overlap at stride {row_stride}");
        if rows > 0 {
            assert!(data.len() >= (rows - 1) * row_stride + cols, "the view leaves its storage");
        }
        View { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The transpose, without a copy.
    pub fn transposed(self) -> View<'a> {
        View {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

/// The right side of a product, `[k, n]`.
#[derive(Clone, Copy)]
pub enum Right<'a> {
    /// Dense values.
    Dense(View<'a>),
    /// The transpose of a frozen `[n, k]` weight: `y = x W^T`, the forward direction of a linear layer.
    Transposed(&'a Matrix),
    /// A frozen `[k, n]` weight: `dx = dy W`, the backward direction.
    Plain(&'a Matrix),
    /// `k` rows and `n` columns of panels that were packed before, from row and column `first` on.
    Packed { panels: &'a Packed, first: [usize; 2], k: usize, n: usize },
    /// A frozen weight in panels of almost its stored width.
    Narrow(&'a Narrow),
}

impl Right<'_> {
    fn k(&self) -> usize {
        match self {
            Right::Dense(view) => view.rows,
            Right::Transposed(matrix) => matrix.cols(),
            Right::Plain(matrix) => matrix.rows(),
            Right::Packed { k, .. } => *k,
            Right::Narrow(narrow) => narrow.k(),
        }
    }

    fn n(&self) -> usize {
        match self {
            Right::Dense(view) => view.cols,
            Right::Transposed(matrix) => matrix.rows(),
            Right::Plain(matrix) => matrix.cols(),
            Right::Packed { n, .. } => *n,
            Right::Narrow(narrow) => narrow.n(),
        }
    }
}

/// A whole right side in panel layout: `[ceil(n / NR)][k][NR]`, the last panel padded with zeros.
pub struct Packed {
    k: usize,
    n: usize,
    data: AlignedBuffer,
}

impl Packed {
    /// Packs `right` once, for many products.
    pub fn new(right: Right) -> Packed {
        let (k, n) = (right.k(), right.n());
        let len = n.div_ceil(NR) * NR * k;
        let mut data = AlignedBuffer::zeros(len);
        let panels = data[..len].par_chunks_mut(NR * k.max(1)).enumerate();
        panels.for_each(|(panel, out)| {
            let columns = panel * NR..n.min((panel + 1) * NR);
            for k0 in (0..k).step_by(KC) {
                let depth = KC.min(k - k0);
                pack_right(
                    right,
                    k0,
                    depth,
                    columns.start,
                    columns.len(),
                    &mut out[k0 * NR..(k0 + depth) * NR],
                );
            }
        });
        Packed { k, n, data }
    }

    /// Zeros of shape `[k, n]`, to be filled by [`Packed::set_row`] or [`Packed::set_column`].
    pub fn zeros(k: usize, n: usize) -> Packed {
        Packed { k, n, data: AlignedBuffer::zeros(n.div_ceil(NR) * NR * k) }
    }

    /// Writes row `row`. Panics if it is out of range or `values` is not `n` long.
    pub fn set_row(&mut self, row: usize, values: &[f32]) {
        assert!(row < self.k && values.len() == self.n);
        scatter_row(values, row, self.k, &mut self.data);
    }

    /// Writes column `column`. Panics if it is out of range or `values` is not `k` long.
    pub fn set_column(&mut self, column: usize, values: &[f32]) {
        assert!(column < self.n && values.len() == self.k);
        gather_column(values.iter(), column, self.k, &mut self.data);
    }

    /// Takes over the first `k` rows and `n` columns of `from`. Panics if either has fewer.
    pub fn copy_part(&mut self, from: &Packed, k: usize, n: usize) {
        assert!(k <= self.k.min(from.k) && n <= self.n.min(from.n));
        let from_panels = from.data.chunks_exact(NR * from.k);
        for (panel, from) in self.data.chunks_exact_mut(NR * self.k).zip(from_panels).take(n.div_ceil(NR)) {
            panel[..k * NR].copy_from_slice(&from[..k * NR]);
        }
    }

    /// Rows `k` and columns `n` as the right side of a product. Panics if there are fewer, or if `n` starts inside a
    /// panel, that is, not at a multiple of 32.
    pub fn part(&self, k: Range<usize>, n: Range<usize>) -> Right<'_> {
        assert!(k.end <= self.k && n.end <= self.n && n.start.is_multiple_of(NR));
        Right::Packed { panels: self, first: [k.start, n.start], k: k.len(), n: n.len() }
    }

    /// All of it as the right side of a product.
    pub fn whole(&self) -> Right<'_> {
        self.part(0..self.k, 0..self.n)
    }

    /// Rows of the right side (the inner dimension).
    pub fn k(&self) -> usize {
        self.k
    }

    /// Columns of the right side.
    pub fn n(&self) -> usize {
        self.n
    }
}

/// A left side `[m, k]`, scaled and packed for the micro-kernel.
///
/// Layout: for each block of `KC` columns, panels of `tile_rows` rows as `[depth][rows]`.
pub struct Left {
    pub(super) isa: Isa,
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) data: AlignedBuffer,
    threads: Threads,
}

/// Whether a product may be cut into blocks for all threads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Threads {
    All,
    This,
}

thread_local! {
    /// Packing space kept between products, so that a step does not allocate for each of its hundreds of products.
    static LEFT_SPACE: Cell<AlignedBuffer> = const { Cell::new(AlignedBuffer::new()) };
    static RIGHT_SPACE: Cell<AlignedBuffer> = const { Cell::new(AlignedBuffer::new()) };
}

impl Drop for Left {
    fn drop(&mut self) {
        LEFT_SPACE.set(std::mem::take(&mut self.data));
    }
}

impl Left {
    /// Packs `alpha * view`.
    pub fn pack(view: View, alpha: f32) -> Left {
        Left::pack_for(isa(), view, alpha, Threads::All)
    }

    /// As [`Left::pack`], for one of many tasks that already run side by side.
    pub fn pack_alone(view: View, alpha: f32) -> Left {
        Left::pack_for(isa(), view, alpha, Threads::This)
    }

    /// On a chosen instruction set, to compare them.
    #[cfg(test)]
    pub(super) fn pack_on(isa: Isa, view: View) -> Left {
        Left::pack_for(isa, view, 1.0, Threads::All)
    }

    fn pack_for(isa: Isa, view: View, alpha: f32, threads: Threads) -> Left {
        let (m, k) = (view.rows, view.cols);
        let mut data = LEFT_SPACE.take();
        data.reserve(m * k);
        let rows = tile_rows(isa);
        let fill = |(panel, out): (usize, &mut [f32]), k0: usize, depth: usize| {
            let first = panel * rows;
            pack_left_panel(view, alpha, first, rows.min(m - first), k0, depth, out);
        };
        for k0 in (0..k).step_by(KC) {
            let depth = KC.min(k - k0);
            let block = &mut data[k0 * m..(k0 + depth) * m];
            if threads == Threads::All && m * depth >= PARALLEL_FROM / 8 {
                block.par_chunks_mut(rows * depth).enumerate().for_each(|panel| fill(panel, k0, depth));
            } else {
                block.chunks_mut(rows * depth).enumerate().for_each(|panel| fill(panel, k0, depth));
            }
        }
        Left { isa, m, k, data, threads }
    }

    /// `out (+)= self x right`; row `i` of the product goes to `out[i * out_stride..][..n]`.
    ///
    /// Panics if the inner dimensions differ or `out` is too short.
    pub fn multiply(&self, right: Right, out: &mut [f32], out_stride: usize, output: Output) {
        let (m, k, n) = (self.m, self.k, right.n());
        assert_eq!(right.k(), k, "inner dimensions of a product differ");
        assert!(m <= 1 || n <= out_stride, "rows of the product overlap");
        if m == 0 || n == 0 {
            return;
        }
        assert!(out.len() >= (m - 1) * out_stride + n, "the product leaves its storage");
        if k == 0 {
            if output == Output::Overwrite {
                out.chunks_mut(out_stride).take(m).for_each(|row| row[..n].fill(0.0));
            }
            return;
        }
        let out = Out { data: out.as_mut_ptr(), stride: out_stride };
        let threads = match self.threads {
            Threads::All if m * n * k >= PARALLEL_FROM => rayon::current_num_threads(),
            _ => 1,
        };
        if threads == 1 {
            for n0 in (0..n).step_by(NC) {
                // SAFETY: `out` was checked to hold the whole product, and nothing else writes to it.
                unsafe { self.block(right, 0..m, n0..n.min(n0 + NC), out, output) };
            }
            return;
        }
        let (row_step, col_step) = split(m, n, threads, tile_rows(self.isa));
        let blocks: Vec<(usize, usize)> = (0..n)
            .step_by(col_step)
            .flat_map(|n0| (0..m).step_by(row_step).map(move |m0| (m0, n0)))
            .collect();
        thread_team::for_each(blocks.len(), |block| {
            let (m0, n0) = blocks[block];
            // SAFETY: `out` was checked to hold the whole product, and the blocks are disjoint.
            unsafe { self.block(right, m0..m.min(m0 + row_step), n0..n.min(n0 + col_step), out, output) };
        });
    }

    /// Computes one block of the product. `rows` starts at a panel border, `cols` at a multiple of [`NR`].
    ///
    /// # Safety
    /// `out` is valid for the block, and no other thread touches that block.
    unsafe fn block(
        &self,
        right: Right,
        rows: std::ops::Range<usize>,
        cols: std::ops::Range<usize>,
        out: Out,
        output: Output,
    ) {
        if let Right::Narrow(narrow) = right {
            // SAFETY: passed on to the caller.
            return unsafe { self.narrow_block(narrow, rows, cols, out, output) };
        }
        let mut space = RIGHT_SPACE.take();
        for k0 in (0..self.k).step_by(KC) {
            let depth = KC.min(self.k - k0);
            let output = if k0 == 0 { output } else { Output::Accumulate };
            if !matches!(right, Right::Packed { .. }) {
                space.reserve(cols.len().div_ceil(NR) * NR * depth);
                pack_right(right, k0, depth, cols.start, cols.len(), &mut space);
            }
            for m0 in rows.clone().step_by(MC) {
                let row_block = m0..rows.end.min(m0 + MC);
                for n0 in cols.clone().step_by(NR) {
                    let panel = match right {
                        Right::Packed { panels, first: [k, n], .. } => {
                            &panels.data[((n + n0) / NR * panels.k + k + k0) * NR..]
                        }
                        _ => &space[(n0 - cols.start) * depth..],
                    };
                    let width = NR.min(cols.end - n0);
                    // SAFETY: passed on to the caller; the panel holds `depth * NR` values.
                    unsafe { self.column(k0, depth, row_block.clone(), panel, n0, width, out, output) };
                }
            }
        }
        RIGHT_SPACE.set(space);
    }

    /// All tiles of `rows` against one panel of the right side.
    ///
    /// # Safety
    /// As [`Left::block`].
    #[expect(clippy::too_many_arguments, reason = "the coordinates of a block of a product")]
    pub(super) unsafe fn column(
        &self,
        k0: usize,
        depth: usize,
        rows: std::ops::Range<usize>,
        panel: &[f32],
        n0: usize,
        width: usize,
        out: Out,
        output: Output,
    ) {
        assert!(panel.len() >= depth * NR);
        let step = tile_rows(self.isa);
        for m0 in rows.clone().step_by(step) {
            let count = step.min(rows.end - m0);
            let left = &self.data[k0 * self.m + m0 * depth..][..count * depth];
            // SAFETY: `left` and `panel` hold `depth` rows; a full tile lies inside `out`, a partial one goes through
            // `edge`, of which only the valid columns are copied; the caller vouches for `out`.
            unsafe {
                let corner = out.data.add(m0 * out.stride + n0);
                if width == NR {
                    tile(self.isa, count, depth, left.as_ptr(), panel.as_ptr(), corner, out.stride, output);
                    continue;
                }
                let mut edge = [[0.0f32; NR]; 16];
                for (row, values) in edge.iter_mut().enumerate().take(count) {
                    std::ptr::copy_nonoverlapping(corner.add(row * out.stride), values.as_mut_ptr(), width);
                }
                let edge_start = edge.as_mut_ptr().cast::<f32>();
                tile(self.isa, count, depth, left.as_ptr(), panel.as_ptr(), edge_start, NR, output);
                for (row, values) in edge.iter().enumerate().take(count) {
                    std::ptr::copy_nonoverlapping(values.as_ptr(), corner.add(row * out.stride), width);
                }
            }
        }
    }
}

/// Where a product is written. Shared by threads that write disjoint blocks.
#[derive(Clone, Copy)]
pub(super) struct Out {
    pub(super) data: *mut f32,
    pub(super) stride: usize,
}

// SAFETY: `multiply` hands disjoint blocks to the threads and outlives them.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

/// Steps of rows and columns that cut a product into even shares for all threads.
///
/// Columns are cut first: each block then unpacks its own part of the right side once, and among the even cuts the one
/// with the fewest blocks reads the left side least often. Few columns: rows are cut too.
fn split(m: usize, n: usize, threads: usize, tile_rows: usize) -> (usize, usize) {
    let panels = n.div_ceil(NR);
    let steps = (1..=4).map(|share| panels.div_ceil(share * threads).clamp(1, NC / NR));
    // Panels that the busiest thread computes.
    let longest = |step: &usize| panels.div_ceil(*step).div_ceil(threads) * step;
    let step = steps.min_by_key(longest).expect("four candidates");
    let col_blocks = panels.div_ceil(step);
    if col_blocks >= threads && longest(&step) * threads * 8 <= panels * 9 || m < 4 * tile_rows {
        return (m, step * NR);
    }
    let row_blocks = (2 * threads).div_ceil(col_blocks);
    (m.div_ceil(row_blocks).next_multiple_of(tile_rows), step * NR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::arch::available;
    use crate::kernels::random::Random;

    fn random(len: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, 0);
        (0..len).map(|_| random.normal()).collect()
    }

    /// The product in f64, from plain loops.
    fn reference(a: &[f32], b: &[f32], m: usize, n: usize, k: usize) -> Vec<f64> {
        let at = |i: usize, j: usize| (0..k).map(|x| a[i * k + x] as f64 * b[x * n + j] as f64).sum();
        (0..m * n).map(|x| at(x / n, x % n)).collect()
    }

    const SHAPES: [(usize, usize, usize); 8] = [
        (1, 1, 1),
        (1, 33, 7),
        (5, 31, 300),
        (13, 64, 257),
        (3, 576, 64),
        (37, 96, 16),
        (260, 40, 9),
        (150, 200, 64),
    ];

    #[test]
    fn matches_plain_loops_on_every_instruction_set() {
        for isa in available() {
            for (m, n, k) in SHAPES {
                let (a, b) = (random(m * k, 1), random(k * n, 2));
                let expected = reference(&a, &b, m, n, k);
                let mut out = random(m * n, 3);
                let initial = out.clone();
                let left = Left::pack_for(isa, View::rows(&a, m, k, k), 1.0, Threads::All);
                left.multiply(Right::Dense(View::rows(&b, k, n, n)), &mut out, n, Output::Accumulate);
                for i in 0..m * n {
                    let want = expected[i] + initial[i] as f64;
                    let bound = 1e-6 * (k as f64).sqrt() * 8.0; // rounding of k products of unit normals
                    assert!(
                        (out[i] as f64 - want).abs() < bound,
                        "{isa:?} {m}x{n}x{k} at {i}: {} {want}",
                        out[i]
                    );
                }
            }
        }
    }

    #[test]
    fn operands_of_every_kind_and_every_path_agree_bit_for_bit() {
        for (m, n, k) in SHAPES {
            let (a, b) = (random(m * k, 4), random(k * n, 5));
            let transposed: Vec<f32> = (0..n * k).map(|x| b[x % k * n + x / k]).collect();
            let plain = Matrix::from_f32(k, n, b.clone());
            let frozen = Matrix::from_f32(n, k, transposed.clone());
            let packed = Packed::new(Right::Transposed(&frozen));
            let mut results = Vec::new();
            for isa in available() {
                let left = Left::pack_for(isa, View::rows(&a, m, k, k), 0.5, Threads::All);
                for right in [
                    Right::Dense(View::rows(&b, k, n, n)),
                    Right::Dense(View::rows(&transposed, n, k, k).transposed()),
                    Right::Plain(&plain),
                    Right::Transposed(&frozen),
                    packed.whole(),
                ] {
                    for threads in [1, 2, 3] {
                        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                        let mut out = vec![f32::NAN; m * n];
                        pool.install(|| left.multiply(right, &mut out, n, Output::Overwrite));
                        results.push(out);
                    }
                }
            }
            for result in &results[1..] {
                assert_eq!(result, &results[0], "{m}x{n}x{k}");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_beside_it() {
        let (m, n, k) = (29, 70, 130);
        let (a, b) = (random(m * k, 6), random(k * n, 7));
        let right = View::rows(&b, k, n, n);
        let mut all = vec![0.0; m * n];
        Left::pack(View::rows(&a, m, k, k), 1.0).multiply(
            Right::Dense(right),
            &mut all,
            n,
            Output::Overwrite,
        );
        for i in 0..m {
            let mut one = vec![0.0; n];
            let row = View::rows(&a[i * k..], 1, k, k);
            Left::pack(row, 1.0).multiply(Right::Dense(right), &mut one, n, Output::Overwrite);
            assert_eq!(one, all[i * n..(i + 1) * n]);
        }
    }
}
