//! Gated linear units (arXiv:2002.05202): `out = f(gate) * up`.
//!
//! `f` is SiLU, `z * sigmoid(z)`, or GELU in its tanh form, `z / 2 * (1 + tanh(u))` with
//! `u = sqrt(2 / pi) * (z + 0.044715 z^3)`, which equals `z * sigmoid(2 u)` (torch `gelu` with `approximate="tanh"`).

use super::arch::simd;
use super::math::exp;
use crate::weights::Activation;
use rayon::prelude::*;

/// Rows that one task handles.
const ROWS: usize = 16;
/// `2 sqrt(2 / pi)`.
const TWICE_ROOT: f32 = 1.595_769;
const CUBIC: f32 = 0.044_715;

/// `out[r] = f(gate[r]) * up[r]`.
///
/// Shapes: `gate_up` `[rows, 2 * dim]`, the gate first; `out` `[rows, dim]`. Panics if the lengths disagree.
pub fn glu(f: Activation, out: &mut [f32], gate_up: &[f32], dim: usize) {
    assert_eq!(gate_up.len(), 2 * out.len());
    let row = match f {
        Activation::Silu => silu_row,
        Activation::GeluTanh => gelu_row,
    };
    out.par_chunks_mut(ROWS * dim).zip(gate_up.par_chunks(ROWS * 2 * dim)).for_each(|(out, gate_up)| {
        for (out, gate_up) in out.chunks_exact_mut(dim).zip(gate_up.chunks_exact(2 * dim)) {
            let (gate, up) = gate_up.split_at(dim);
            row(out, gate, up);
        }
    });
}

/// Replaces `gate_up` by its gradient, given the gradient `dout` of [`glu`]'s output.
///
/// `dgate = dout * up * f'(gate)`, `dup = dout * f(gate)`, with `s` the sigmoid in `f`: `f' = s + f * (1 - s)` for SiLU,
/// `f' = s + f * (1 - s) * 2 u'` for GELU. Shapes as in the forward. Panics if the lengths disagree.
pub fn glu_backward(f: Activation, gate_up: &mut [f32], dout: &[f32], dim: usize) {
    assert_eq!(gate_up.len(), 2 * dout.len());
    let row = match f {
        Activation::Silu => silu_row_backward,
        Activation::GeluTanh => gelu_row_backward,
    };
    gate_up.par_chunks_mut(ROWS * 2 * dim).zip(dout.par_chunks(ROWS * dim)).for_each(|(gate_up, dout)| {
        for (gate_up, dout) in gate_up.chunks_exact_mut(2 * dim).zip(dout.chunks_exact(dim)) {
            let (gate, up) = gate_up.split_at_mut(dim);
            row(gate, up, dout);
        }
    });
}

simd! {
    fn silu_row(out: &mut [f32], gate: &[f32], up: &[f32]) {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate / (1.0 + exp(-gate)) * up;
        }
    }
}

simd! {
    fn silu_row_backward(gate: &mut [f32], up: &mut [f32], dout: &[f32]) {
        for ((gate, up), dout) in gate.iter_mut().zip(up).zip(dout) {
            let sigmoid = 1.0 / (1.0 + exp(-*gate));
            let silu = *gate * sigmoid;
            let dgate = dout * *up * (sigmoid + silu * (1.0 - sigmoid));
            *up = dout * silu;
            *gate = dgate;
        }
    }
}

simd! {
    fn gelu_row(out: &mut [f32], gate: &[f32], up: &[f32]) {
        for ((out, z), up) in out.iter_mut().zip(gate).zip(up) {
            let twice_u = TWICE_ROOT * (z + CUBIC * z * z * z);
            *out = z / (1.0 + exp(-twice_u)) * up;
        }
    }
}

simd! {
    fn gelu_row_backward(gate: &mut [f32], up: &mut [f32], dout: &[f32]) {
        for ((gate, up), dout) in gate.iter_mut().zip(up).zip(dout) {
            let z = *gate;
            let sigmoid = 1.0 / (1.0 + exp(-TWICE_ROOT * (z + CUBIC * z * z * z)));
            let gelu = z * sigmoid;
            let slope = TWICE_ROOT * (1.0 + 3.0 * CUBIC * z * z);
            let dgate = dout * *up * (sigmoid + gelu * (1.0 - sigmoid) * slope);
            *up = dout * gelu;
            *gate = dgate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::random::Random;
    use crate::testing::check_gradient;

    fn silu(z: f64) -> f64 {
        z / (1.0 + (-z).exp())
    }

    fn gelu(z: f64) -> f64 {
        0.5 * z * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (z + 0.044715 * z.powi(3))).tanh())
    }

    #[test]
    fn forward_and_backward_match_the_definition() {
        for (activation, f) in
            [(Activation::Silu, silu as fn(f64) -> f64), (Activation::GeluTanh, gelu as fn(f64) -> f64)]
        {
            let (rows, dim) = (3, 21);
            let mut random = Random::new(2, 1);
            let mut draw = |n: usize| (0..n).map(|_| 2.0 * random.normal()).collect::<Vec<f32>>();
            let (gate_up, dout, direction) = (draw(rows * 2 * dim), draw(rows * dim), draw(rows * 2 * dim));
            let loss = |x: &[f64]| {
                (0..rows * dim)
                    .map(|i| {
                        let (gate, up) =
                            (x[i / dim * 2 * dim + i % dim], x[i / dim * 2 * dim + dim + i % dim]);
                        f(gate) * up * dout[i] as f64
                    })
                    .sum::<f64>()
            };
            let mut out = vec![0.0; rows * dim];
            glu(activation, &mut out, &gate_up, dim);
            let ours: f64 = out.iter().zip(&dout).map(|(o, d)| *o as f64 * *d as f64).sum();
            let wide: Vec<f64> = gate_up.iter().map(|x| *x as f64).collect();
            assert!((ours - loss(&wide)).abs() < 1e-4);
            let mut grad = gate_up.clone();
            glu_backward(activation, &mut grad, &dout, dim);
            check_gradient(loss, &grad, &gate_up, &direction);
        }
    }

    #[test]
    fn gelu_is_exact_to_f32_and_finite_far_out() {
        for i in -2000..2000 {
            let z = i as f32 * 1e-2;
            let mut out = [0.0];
            glu(Activation::GeluTanh, &mut out, &[z, 1.0], 1);
            let want = gelu(z as f64);
            assert!((out[0] as f64 - want).abs() <= 2e-6 * want.abs() + 1e-7, "{z}: {} {want}", out[0]);
        }
        for z in [1e20f32, -1e20] {
            let (mut out, mut grad) = ([0.0], [z, 1.0]);
            glu(Activation::GeluTanh, &mut out, &[z, 1.0], 1);
            glu_backward(Activation::GeluTanh, &mut grad, &[1.0], 1);
            assert!(
                (out[0] - z.max(0.0)).abs() < 1e-15 && (grad[1] - z.max(0.0)).abs() < 1e-15,
                "{out:?} {grad:?}"
            );
        }
    }
}
