//! SwiGLU (arXiv:2002.05202): `out = silu(gate) * up`, with `silu(z) = z / (1 + e^-z)`.

use super::arch::simd;
use super::math::exp;
use rayon::prelude::*;

/// Rows that one task handles.
const ROWS: usize = 16;

/// `out[r] = silu(gate[r]) * up[r]`.
///
/// Shapes: `gate_up` `[rows, 2 * dim]`, the gate first; `out` `[rows, dim]`. Panics if the lengths disagree.
pub fn swiglu(out: &mut [f32], gate_up: &[f32], dim: usize) {
    assert_eq!(gate_up.len(), 2 * out.len());
    out.par_chunks_mut(ROWS * dim).zip(gate_up.par_chunks(ROWS * 2 * dim)).for_each(|(out, gate_up)| {
        for (out, gate_up) in out.chunks_exact_mut(dim).zip(gate_up.chunks_exact(2 * dim)) {
            let (gate, up) = gate_up.split_at(dim);
            swiglu_row(out, gate, up);
        }
    });
}

/// Replaces `gate_up` by its gradient, given the gradient `dout` of [`swiglu`]'s output.
///
/// `dgate = dout * up * (s + gate * s * (1 - s))` with `s = sigmoid(gate)`; `dup = dout * gate * s`.
/// Shapes as in the forward. Panics if the lengths disagree.
pub fn swiglu_backward(gate_up: &mut [f32], dout: &[f32], dim: usize) {
    assert_eq!(gate_up.len(), 2 * dout.len());
    gate_up.par_chunks_mut(ROWS * 2 * dim).zip(dout.par_chunks(ROWS * dim)).for_each(|(gate_up, dout)| {
        for (gate_up, dout) in gate_up.chunks_exact_mut(2 * dim).zip(dout.chunks_exact(dim)) {
            let (gate, up) = gate_up.split_at_mut(dim);
            swiglu_row_backward(gate, up, dout);
        }
    });
}

simd! {
    fn swiglu_row(out: &mut [f32], gate: &[f32], up: &[f32]) {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate / (1.0 + exp(-gate)) * up;
        }
    }
}

simd! {
    fn swiglu_row_backward(gate: &mut [f32], up: &mut [f32], dout: &[f32]) {
        for ((gate, up), dout) in gate.iter_mut().zip(up).zip(dout) {
            let sigmoid = 1.0 / (1.0 + exp(-*gate));
            let silu = *gate * sigmoid;
            let dgate = dout * *up * (sigmoid + silu * (1.0 - sigmoid));
            *up = dout * silu;
            *gate = dgate;
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
        let (rows, dim) = (3, 21);
        let mut random = Random::new(2, 1);
        let mut draw = |n: usize| (0..n).map(|_| 2.0 * random.normal()).collect::<Vec<f32>>();
        let (gate_up, dout, direction) = (draw(rows * 2 * dim), draw(rows * dim), draw(rows * 2 * dim));
        let loss = |x: &[f64]| {
            (0..rows * dim)
                .map(|i| {
                    let (gate, up) = (x[i / dim * 2 * dim + i % dim], x[i / dim * 2 * dim + dim + i % dim]);
                    gate / (1.0 + (-gate).exp()) * up * dout[i] as f64
                })
                .sum::<f64>()
        };
        let mut out = vec![0.0; rows * dim];
        swiglu(&mut out, &gate_up, dim);
        let ours: f64 = out.iter().zip(&dout).map(|(o, d)| *o as f64 * *d as f64).sum();
        let wide: Vec<f64> = gate_up.iter().map(|x| *x as f64).collect();
        assert!((ours - loss(&wide)).abs() < 1e-4);
        let mut grad = gate_up.clone();
        swiglu_backward(&mut grad, &dout, dim);
        check_gradient(loss, &grad, &gate_up, &direction);
    }
}
