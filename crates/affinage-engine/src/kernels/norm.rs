//! RMSNorm (arXiv:1910.07467), parity with transformers `LlamaRMSNorm`.

use super::arch::simd;
use super::math::{dot, sum_by};
use rayon::prelude::*;
use std::ops::Range;

/// Rows that one task handles; elementwise work is too small to split finer.
const ROWS: usize = 32;

/// `out[r] = x[r] * inv_rms[r] * weight`, with `inv_rms[r] = 1 / sqrt(mean(x[r]^2) + eps)`.
///
/// Shapes: `x`, `out` `[rows, dim]`; `weight` `[dim]`; `inv_rms` `[rows]`, saved for [`rms_norm_backward`].
/// Panics if the lengths disagree.
pub fn rms_norm(out: &mut [f32], inv_rms: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
    let dim = weight.len();
    assert_eq!(out.len(), x.len());
    assert_eq!(x.len(), inv_rms.len() * dim);
    out.par_chunks_mut(ROWS * dim).zip(x.par_chunks(ROWS * dim)).zip(inv_rms.par_chunks_mut(ROWS)).for_each(
        |((out, x), inv_rms)| {
            for ((out, x), inv_rms) in out.chunks_exact_mut(dim).zip(x.chunks_exact(dim)).zip(inv_rms) {
                *inv_rms = norm_row(out, x, weight, eps);
            }
        },
    );
}

/// Adds to `dx` the gradient of [`rms_norm`] with respect to `x`; the weight is frozen.
///
/// With `g = dout * weight`: `dx += inv_rms * (g - x * inv_rms^2 * mean(g * x))`.
/// Shapes as in the forward. Panics if the lengths disagree.
pub fn rms_norm_backward(dx: &mut [f32], dout: &[f32], x: &[f32], weight: &[f32], inv_rms: &[f32]) {
    let dim = weight.len();
    assert_eq!(dx.len(), x.len());
    assert_eq!(dout.len(), x.len());
    assert_eq!(x.len(), inv_rms.len() * dim);
    let rows = dx.par_chunks_mut(ROWS * dim).zip(dout.par_chunks(ROWS * dim)).zip(x.par_chunks(ROWS * dim));
    rows.zip(inv_rms.par_chunks(ROWS)).for_each(|(((dx, dout), x), inv_rms)| {
        let rows = dx.chunks_exact_mut(dim).zip(dout.chunks_exact(dim)).zip(x.chunks_exact(dim));
        for (((dx, dout), x), inv_rms) in rows.zip(inv_rms) {
            norm_row_backward(dx, dout, x, weight, *inv_rms);
        }
    });
}

/// Groups of columns that are normed each by itself: `(groups, weight)` of q and then of k, a group as wide as its weight.
/// A group is a head (transformers `Qwen3Attention.q_norm`) or the whole projection (`Olmo2Attention.q_norm`).
pub type Groups<'a> = [(usize, &'a [f32]); 2];

/// [`rms_norm`] over each group of columns, in place. The groups lie side by side from column 0 of the rows of `x`,
/// `stride` apart. `raw` `[rows, columns]` keeps what was there and `inv_rms` `[rows, groups]` the factors, for
/// [`group_norm_backward`]. Panics if the lengths disagree.
pub fn group_norm(
    x: &mut [f32],
    stride: usize,
    parts: Groups,
    eps: f32,
    raw: &mut [f32],
    inv_rms: &mut [f32],
) {
    let [groups, columns] = extent(parts);
    let rows = x.len() / stride;
    assert!(columns <= stride);
    assert_eq!((raw.len(), inv_rms.len()), (rows * columns, rows * groups));
    let rows = x.par_chunks_mut(ROWS * stride).zip(raw.par_chunks_mut(ROWS * columns));
    rows.zip(inv_rms.par_chunks_mut(ROWS * groups)).for_each(|((x, raw), inv_rms)| {
        let rows = x.chunks_exact_mut(stride).zip(raw.chunks_exact_mut(columns));
        for ((x, raw), inv_rms) in rows.zip(inv_rms.chunks_exact_mut(groups)) {
            raw.copy_from_slice(&x[..columns]);
            for ((at, weight), inv_rms) in each_group(parts).zip(inv_rms) {
                *inv_rms = norm_row(&mut x[at.clone()], &raw[at], weight, eps);
            }
        }
    });
}

/// The gradient of [`group_norm`]: `dx` holds the gradient of the norm's result and becomes that of its input.
pub fn group_norm_backward(dx: &mut [f32], stride: usize, parts: Groups, raw: &[f32], inv_rms: &[f32]) {
    let [groups, columns] = extent(parts);
    let rows = dx.len() / stride;
    assert_eq!((raw.len(), inv_rms.len()), (rows * columns, rows * groups));
    let rows = dx.par_chunks_mut(ROWS * stride).zip(raw.par_chunks(ROWS * columns));
    rows.zip(inv_rms.par_chunks(ROWS * groups)).for_each(|((dx, raw), inv_rms)| {
        let mut dout = vec![0.0; columns];
        let rows = dx.chunks_exact_mut(stride).zip(raw.chunks_exact(columns));
        for ((dx, raw), inv_rms) in rows.zip(inv_rms.chunks_exact(groups)) {
            let dx = &mut dx[..columns];
            dout.copy_from_slice(dx);
            dx.fill(0.0);
            for ((at, weight), inv_rms) in each_group(parts).zip(inv_rms) {
                norm_row_backward(&mut dx[at.clone()], &dout[at.clone()], &raw[at], weight, *inv_rms);
            }
        }
    });
}

/// How many groups there are and how many columns they take.
fn extent(parts: Groups) -> [usize; 2] {
    let [(q, q_weight), (k, k_weight)] = parts;
    [q + k, q * q_weight.len() + k * k_weight.len()]
}

/// The columns and the weight of each group.
fn each_group(parts: Groups<'_>) -> impl Iterator<Item = (Range<usize>, &[f32])> {
    let mut end = 0;
    parts.into_iter().flat_map(|(groups, weight)| std::iter::repeat_n(weight, groups)).map(move |weight| {
        let start = end;
        end += weight.len();
        (start..end, weight)
    })
}

simd! {
    fn norm_row(out: &mut [f32], x: &[f32], weight: &[f32], eps: f32) -> f32 {
        let mean_square = dot(x, x) / x.len() as f32;
        let inv_rms = (mean_square + eps).sqrt().recip();
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * inv_rms * weight;
        }
        inv_rms
    }
}

simd! {
    fn norm_row_backward(dx: &mut [f32], dout: &[f32], x: &[f32], weight: &[f32], inv_rms: f32) {
        let (dout, weight) = (&dout[..x.len()], &weight[..x.len()]);
        let mean = sum_by(x.len(), |i| dout[i] * weight[i] * x[i]) / x.len() as f32;
        let pull = mean * inv_rms * inv_rms;
        for (((dx, dout), x), weight) in dx.iter_mut().zip(dout).zip(x).zip(weight) {
            *dx += inv_rms * (dout * weight - x * pull);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::random::Random;
    use crate::testing::check_gradient;

    #[test]
    fn forward_and_backward_match_the_definition() {
        let (rows, dim, eps) = (3, 37, 1e-5);
        let mut random = Random::new(1, 1);
        let mut draw = |n: usize| (0..n).map(|_| random.normal()).collect::<Vec<f32>>();
        let (x, weight, dout, direction) = (draw(rows * dim), draw(dim), draw(rows * dim), draw(rows * dim));
        let loss = |x: &[f64]| {
            let mut total = 0.0;
            for r in 0..rows {
                let row = &x[r * dim..(r + 1) * dim];
                let inv = (row.iter().map(|v| v * v).sum::<f64>() / dim as f64 + eps).sqrt().recip();
                total +=
                    (0..dim).map(|i| row[i] * inv * weight[i] as f64 * dout[r * dim + i] as f64).sum::<f64>();
            }
            total
        };
        let (mut out, mut inv_rms, mut dx) = (vec![0.0; x.len()], vec![0.0; rows], vec![0.0; x.len()]);
        rms_norm(&mut out, &mut inv_rms, &x, &weight, eps as f32);
        let ours: f64 = out.iter().zip(&dout).map(|(o, d)| *o as f64 * *d as f64).sum();
        let wide: Vec<f64> = x.iter().map(|x| *x as f64).collect();
        assert!((ours - loss(&wide)).abs() < 1e-4);
        rms_norm_backward(&mut dx, &dout, &x, &weight, &inv_rms);
        check_gradient(loss, &dx, &x, &direction);
    }

    #[test]
    fn groups_of_q_and_k_are_normed_each_by_itself() {
        let (rows, stride, eps) = (35, 22, 1e-6); // two groups of q, one of k that is wider, two columns beyond
        let mut random = Random::new(2, 1);
        let mut draw = |n: usize| (0..n).map(|_| random.normal()).collect::<Vec<f32>>();
        let (x, q, k, dout, direction) =
            (draw(rows * stride), draw(6), draw(8), draw(rows * stride), draw(rows * stride));
        let parts = [(2, &q[..]), (1, &k[..])];
        let loss = |x: &[f64]| {
            let mut total = 0.0;
            for (x, dout) in x.chunks_exact(stride).zip(dout.chunks_exact(stride)) {
                for (group, weight) in [(0..6, &q), (6..12, &q), (12..20, &k)] {
                    let mean = x[group.clone()].iter().map(|v| v * v).sum::<f64>() / group.len() as f64;
                    let terms = x[group.clone()].iter().zip(&dout[group]).zip(weight);
                    total +=
                        terms.map(|((x, d), w)| x * *d as f64 * *w as f64).sum::<f64>() / (mean + eps).sqrt();
                }
                total += (20..stride).map(|i| x[i] * dout[i] as f64).sum::<f64>();
            }
            total
        };
        let (mut out, mut raw, mut inv_rms) = (x.clone(), vec![0.0; rows * 20], vec![0.0; rows * 3]);
        group_norm(&mut out, stride, parts, eps as f32, &mut raw, &mut inv_rms);
        let ours: f64 = out.iter().zip(&dout).map(|(o, d)| *o as f64 * *d as f64).sum();
        let wide: Vec<f64> = x.iter().map(|x| *x as f64).collect();
        assert!((ours - loss(&wide)).abs() < 1e-3 * ours.abs().max(1.0));
        let mut dx = dout.clone();
        group_norm_backward(&mut dx, stride, parts, &raw, &inv_rms);
        check_gradient(loss, &dx, &x, &direction);
    }
}
