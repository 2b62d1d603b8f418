//! RMSNorm (arXiv:1910.07467), parity with transformers `LlamaRMSNorm`.

use super::arch::simd;
use super::math::{dot, sum_by};
use rayon::prelude::*;

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

/// [`rms_norm`] over each head of q and then of k, in place: transformers `Qwen3Attention.q_norm` and `k_norm`.
///
/// `parts` are (heads, weight `[head_dim]`) of q and of k, whose heads lie side by side from column 0 of the rows of
/// `x`, `stride` apart. `raw` `[rows, heads * head_dim]` keeps what was there and `inv_rms` `[rows, heads]` the factors,
/// for [`head_norm_backward`]. Panics if the lengths disagree.
pub fn head_norm(
    x: &mut [f32],
    stride: usize,
    parts: [(usize, &[f32]); 2],
    eps: f32,
    raw: &mut [f32],
    inv_rms: &mut [f32],
) {
    let heads = parts[0].0 + parts[1].0;
    let dim = parts[0].1.len();
    let rows = x.len() / stride;
    assert!(heads * dim <= stride && parts[1].1.len() == dim);
    assert_eq!((raw.len(), inv_rms.len()), (rows * heads * dim, rows * heads));
    let rows = x.par_chunks_mut(ROWS * stride).zip(raw.par_chunks_mut(ROWS * heads * dim));
    rows.zip(inv_rms.par_chunks_mut(ROWS * heads)).for_each(|((x, raw), inv_rms)| {
        let rows = x.chunks_exact_mut(stride).zip(raw.chunks_exact_mut(heads * dim));
        for ((x, raw), inv_rms) in rows.zip(inv_rms.chunks_exact_mut(heads)) {
            raw.copy_from_slice(&x[..heads * dim]);
            for head in 0..heads {
                let (at, weight) = (head * dim..(head + 1) * dim, weight_of(head, parts));
                inv_rms[head] = norm_row(&mut x[at.clone()], &raw[at], weight, eps);
            }
        }
    });
}

/// The gradient of [`head_norm`]: `dx` holds the gradient of the norm's result and becomes that of its input.
pub fn head_norm_backward(
    dx: &mut [f32],
    stride: usize,
    parts: [(usize, &[f32]); 2],
    raw: &[f32],
    inv_rms: &[f32],
) {
    let heads = parts[0].0 + parts[1].0;
    let dim = parts[0].1.len();
    let rows = dx.len() / stride;
    assert_eq!((raw.len(), inv_rms.len()), (rows * heads * dim, rows * heads));
    let rows = dx.par_chunks_mut(ROWS * stride).zip(raw.par_chunks(ROWS * heads * dim));
    rows.zip(inv_rms.par_chunks(ROWS * heads)).for_each(|((dx, raw), inv_rms)| {
        let mut dout = vec![0.0; dim];
        let rows = dx.chunks_exact_mut(stride).zip(raw.chunks_exact(heads * dim));
        for ((dx, raw), inv_rms) in rows.zip(inv_rms.chunks_exact(heads)) {
            for (head, dx) in dx[..heads * dim].chunks_exact_mut(dim).enumerate() {
                dout.copy_from_slice(dx);
                dx.fill(0.0);
                let raw = &raw[head * dim..(head + 1) * dim];
                norm_row_backward(dx, &dout, raw, weight_of(head, parts), inv_rms[head]);
            }
        }
    });
}

fn weight_of(head: usize, parts: [(usize, &[f32]); 2]) -> &[f32] {
    parts[(head >= parts[0].0) as usize].1
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
    fn heads_of_q_and_k_are_normed_each_by_itself() {
        let (rows, dim, stride, eps) = (35, 6, 20, 1e-6); // two heads of q, one of k, two columns beyond
        let mut random = Random::new(2, 1);
        let mut draw = |n: usize| (0..n).map(|_| random.normal()).collect::<Vec<f32>>();
        let (x, q, k, dout, direction) =
            (draw(rows * stride), draw(dim), draw(dim), draw(rows * stride), draw(rows * stride));
        let parts = [(2, &q[..]), (1, &k[..])];
        let loss = |x: &[f64]| {
            let mut total = 0.0;
            for (x, dout) in x.chunks_exact(stride).zip(dout.chunks_exact(stride)) {
                for (head, weight) in [&q, &q, &k].into_iter().enumerate() {
                    let head = head * dim..(head + 1) * dim;
                    let mean = x[head.clone()].iter().map(|v| v * v).sum::<f64>() / dim as f64;
                    let terms = x[head.clone()].iter().zip(&dout[head]).zip(weight);
                    total +=
                        terms.map(|((x, d), w)| x * *d as f64 * *w as f64).sum::<f64>() / (mean + eps).sqrt();
                }
                total += (3 * dim..stride).map(|i| x[i] * dout[i] as f64).sum::<f64>();
            }
            total
        };
        let (mut out, mut raw, mut inv_rms) = (x.clone(), vec![0.0; rows * 3 * dim], vec![0.0; rows * 3]);
        head_norm(&mut out, stride, parts, eps as f32, &mut raw, &mut inv_rms);
        let ours: f64 = out.iter().zip(&dout).map(|(o, d)| *o as f64 * *d as f64).sum();
        let wide: Vec<f64> = x.iter().map(|x| *x as f64).collect();
        assert!((ours - loss(&wide)).abs() < 1e-3 * ours.abs().max(1.0));
        let mut dx = dout.clone();
        head_norm_backward(&mut dx, stride, parts, &raw, &inv_rms);
        check_gradient(loss, &dx, &x, &direction);
    }
}
