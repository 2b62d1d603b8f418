//! How a block (attention or MLP) reads the residual stream and adds to it: `x + scale * after(block(before(x)))`, where
//! each of the two norms may be missing.

use crate::kernels::norm::{rms_norm, rms_norm_backward};

/// The norms at the ends of a block and the factor of its output.
pub(super) struct Residual {
    pub before: Option<Vec<f32>>,
    pub after: Option<Vec<f32>>,
    pub scale: f32,
    pub eps: f32,
}

/// What the backward of a block's ends needs. Empty where there is no such norm.
#[derive(Default)]
pub(super) struct SavedEnds {
    inv_rms_in: Vec<f32>,  // () of the norm at the input
    out: Vec<f32>,         // (hidden) output of the block before its norm
    inv_rms_out: Vec<f32>, // () of that norm
}

impl Residual {
    /// The block's input `[rows, hidden]` from the residual stream `x`.
    pub fn input(&self, x: &[f32], hidden: usize, saved: &mut SavedEnds, input: &mut Vec<f32>) {
        let Some(weight) = &self.before else {
            input.clear();
            input.extend_from_slice(x);
            return;
        };
        input.resize(x.len(), 0.0);
        saved.inv_rms_in.resize(x.len() / hidden, 0.0);
        rms_norm(input, &mut saved.inv_rms_in, x, weight, self.eps);
    }

    /// Adds to `dx` the gradient with respect to `x` of [`Residual::input`].
    pub fn input_backward(&self, dx: &mut [f32], dinput: &[f32], x: &[f32], saved: &SavedEnds) {
        match &self.before {
            Some(weight) => rms_norm_backward(dx, dinput, x, weight, &saved.inv_rms_in),
            None => dx.iter_mut().zip(dinput).for_each(|(dx, d)| *dx += d),
        }
    }

    /// Whether the output goes onto the stream as it is: then products add to the stream itself.
    fn is_direct(&self) -> bool {
        self.after.is_none() && self.scale == 1.0
    }

    /// What the last product of the block adds its result to.
    pub fn begin(&self, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        if self.is_direct() {
            out.extend_from_slice(x);
        } else {
            out.resize(x.len(), 0.0);
        }
    }

    /// Makes of what [`Residual::begin`] began, with the block's output added, the residual stream after the block.
    pub fn finish(&self, x: &[f32], hidden: usize, saved: &mut SavedEnds, out: &mut [f32]) {
        if self.is_direct() {
            return;
        }
        if let Some(weight) = &self.after {
            saved.out.clear();
            saved.out.extend_from_slice(out);
            saved.inv_rms_out.resize(out.len() / hidden, 0.0);
            rms_norm(out, &mut saved.inv_rms_out, &saved.out, weight, self.eps);
        }
        out.iter_mut().zip(x).for_each(|(out, x)| *out = x + self.scale * *out);
    }

    /// The gradient at the block's output, given that of the stream after the block: `dx` itself, or in `space`.
    pub fn output_backward<'a>(
        &self,
        dx: &'a [f32],
        saved: &SavedEnds,
        space: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        if self.is_direct() {
            return dx;
        }
        space.clear();
        match &self.after {
            Some(weight) => {
                space.resize(dx.len(), 0.0);
                rms_norm_backward(space, dx, &saved.out, weight, &saved.inv_rms_out);
            }
            None => space.extend_from_slice(dx),
        }
        space.iter_mut().for_each(|d| *d *= self.scale);
        space
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::random::Random;
    use crate::testing::check_gradient;

    /// The block multiplies by 1.5 here; every combination of norms and factor against the formula in f64.
    #[test]
    fn every_kind_of_block_matches_the_formula() {
        let (rows, hidden, eps) = (3, 7, 1e-5f32);
        let mut random = Random::new(4, 1);
        let mut draw = |n: usize| (0..n).map(|_| random.normal()).collect::<Vec<f32>>();
        let (x, dout, direction) = (draw(rows * hidden), draw(rows * hidden), draw(rows * hidden));
        for (before, after, scale) in
            [(true, false, 1.0), (false, true, 1.0), (true, true, 0.4), (true, false, 0.22)]
        {
            let norm = |is_there: bool, w: Vec<f32>| is_there.then_some(w);
            let ends =
                Residual { before: norm(before, draw(hidden)), after: norm(after, draw(hidden)), scale, eps };
            let normed = |x: Vec<f64>, weight: &Option<Vec<f32>>| match weight {
                None => x,
                Some(weight) => {
                    let mean = x.iter().map(|v| v * v).sum::<f64>() / hidden as f64;
                    x.iter().zip(weight).map(|(x, w)| x / (mean + eps as f64).sqrt() * *w as f64).collect()
                }
            };
            let loss = |x: &[f64]| {
                let of_row = |(x, dout): (&[f64], &[f32])| {
                    let inner: Vec<f64> = normed(x.to_vec(), &ends.before).iter().map(|v| 1.5 * v).collect();
                    let outer = normed(inner, &ends.after);
                    let terms = x.iter().zip(&outer).zip(dout);
                    terms.map(|((x, y), d)| (x + scale as f64 * y) * *d as f64).sum::<f64>()
                };
                x.chunks_exact(hidden).zip(dout.chunks_exact(hidden)).map(of_row).sum::<f64>()
            };
            let (mut saved, mut input, mut out) = (SavedEnds::default(), Vec::new(), Vec::new());
            ends.input(&x, hidden, &mut saved, &mut input);
            ends.begin(&x, &mut out);
            out.iter_mut().zip(&input).for_each(|(out, input)| *out += 1.5 * input);
            ends.finish(&x, hidden, &mut saved, &mut out);
            let ours: f64 = out.iter().zip(&dout).map(|(o, d)| *o as f64 * *d as f64).sum();
            let wide: Vec<f64> = x.iter().map(|x| *x as f64).collect();
            assert!((ours - loss(&wide)).abs() < 1e-4, "{ours} {}", loss(&wide));
            let (mut dx, mut space) = (dout.clone(), Vec::new());
            let dinput: Vec<f32> =
                ends.output_backward(&dx, &saved, &mut space).iter().map(|d| 1.5 * d).collect();
            ends.input_backward(&mut dx, &dinput, &x, &saved);
            check_gradient(loss, &dx, &x, &direction);
        }
    }
}
