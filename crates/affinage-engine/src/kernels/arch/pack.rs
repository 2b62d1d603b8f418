//! Packing: operands of a product in the order in which the micro-kernels read them.

use super::gemm::{Right, View};
use super::micro::NR;
use super::transpose::transpose;
use std::cell::Cell;

thread_local! {
    /// Unpacked rows of a frozen weight, kept between products.
    static ROW_SPACE: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Packs `count` rows of `alpha * view` from `first` as `[depth][count]`.
pub(super) fn pack_left_panel(
    view: View,
    alpha: f32,
    first: usize,
    count: usize,
    k0: usize,
    depth: usize,
    out: &mut [f32],
) {
    if view.col_stride == 1 {
        let at = first * view.row_stride + k0;
        let end = at + (count - 1) * view.row_stride + depth;
        transpose(&view.data[at..end], view.row_stride, count, depth, &mut out[..count * depth], count);
    } else if view.row_stride == 1 {
        for (k, out) in out.chunks_exact_mut(count).take(depth).enumerate() {
            out.copy_from_slice(&view.data[(k0 + k) * view.col_stride + first..][..count]);
        }
    } else {
        for i in 0..count {
            let values = view.data[(first + i) * view.row_stride + k0 * view.col_stride..].iter();
            let values = values.step_by(view.col_stride).take(depth);
            out[i..].iter_mut().step_by(count).zip(values).for_each(|(out, value)| *out = *value);
        }
    }
    if alpha != 1.0 {
        out[..count * depth].iter_mut().for_each(|value| *value *= alpha);
    }
}

/// Packs rows `k0..k0 + depth` and columns `n0..n0 + width` of `right` as panels `[panel][depth][NR]`, zero-padded.
pub(super) fn pack_right(right: Right, k0: usize, depth: usize, n0: usize, width: usize, out: &mut [f32]) {
    match right {
        Right::Dense(view) if view.col_stride == 1 => {
            for k in 0..depth {
                let at = (k0 + k) * view.row_stride + n0;
                scatter_row(&view.data[at..at + width], k, depth, out);
            }
        }
        Right::Dense(view) if view.row_stride == 1 => {
            for (panel, out) in out.chunks_mut(depth * NR).take(width.div_ceil(NR)).enumerate() {
                let columns = NR.min(width - panel * NR);
                let at = (n0 + panel * NR) * view.col_stride + k0;
                let end = at + (columns - 1) * view.col_stride + depth;
                transpose(&view.data[at..end], view.col_stride, columns, depth, out, NR);
            }
            pad(width, depth, out);
        }
        Right::Dense(view) => {
            for j in 0..width {
                let values = view.data[(n0 + j) * view.col_stride + k0 * view.row_stride..].iter();
                gather_column(values.step_by(view.row_stride).take(depth), j, depth, out);
            }
            pad(width, depth, out);
        }
        Right::Transposed(matrix) => {
            let mut rows = ROW_SPACE.take();
            rows.resize(rows.len().max(NR * depth), 0.0);
            for (panel, out) in out.chunks_mut(depth * NR).take(width.div_ceil(NR)).enumerate() {
                let columns = NR.min(width - panel * NR);
                for (j, row) in rows.chunks_exact_mut(depth).take(columns).enumerate() {
                    matrix.read_row(n0 + panel * NR + j, k0..k0 + depth, row);
                }
                transpose(&rows[..columns * depth], depth, columns, depth, out, NR);
            }
            pad(width, depth, out);
            ROW_SPACE.set(rows);
        }
        Right::Plain(matrix) => {
            // Quantised blocks are read whole: the range grows to block borders.
            let block = matrix.dtype().block_len();
            let from = n0 / block * block;
            let to = (n0 + width).next_multiple_of(block).min(matrix.cols());
            let mut row = ROW_SPACE.take();
            row.resize(row.len().max(to - from), 0.0);
            for k in 0..depth {
                matrix.read_row(k0 + k, from..to, &mut row[..to - from]);
                scatter_row(&row[n0 - from..n0 - from + width], k, depth, out);
            }
            ROW_SPACE.set(row);
        }
        Right::Packed { .. } | Right::Narrow(_) => unreachable!("packed panels are used as they are"),
    }
}

/// Writes one row of the right side across the panels, the end of the last one padded with zeros.
pub(super) fn scatter_row(values: &[f32], k: usize, depth: usize, out: &mut [f32]) {
    for (panel, values) in values.chunks(NR).enumerate() {
        let out = &mut out[(panel * depth + k) * NR..][..NR];
        out[..values.len()].copy_from_slice(values);
        out[values.len()..].fill(0.0);
    }
}

/// Writes one column of the right side down its panel.
pub(super) fn gather_column<'a>(
    values: impl Iterator<Item = &'a f32>,
    column: usize,
    depth: usize,
    out: &mut [f32],
) {
    let out = &mut out[column / NR * depth * NR + column % NR..];
    for (out, value) in out.iter_mut().step_by(NR).zip(values) {
        *out = *value;
    }
}

/// Zeroes the columns of the last panel beyond `width`.
fn pad(width: usize, depth: usize, out: &mut [f32]) {
    let used = width % NR;
    if used != 0 {
        let last = &mut out[width / NR * depth * NR..][..depth * NR];
        last.chunks_exact_mut(NR).for_each(|row| row[used..].fill(0.0));
    }
}
