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
}
