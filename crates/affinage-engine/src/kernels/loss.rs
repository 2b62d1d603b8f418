//! Cross-entropy of one row of logits.

use super::arch::simd;
use super::math::{exp, max, sum_by};

/// Terms of one f32 partial sum of the normaliser; the partial sums are added in f64.
const CHUNK: usize = 1024;

simd! {
    /// `log sum_j e^logits[j]`, shifted by the largest logit.
    pub fn log_sum_exp(logits: &[f32]) -> f64 {
        let top = max(logits);
        let mut total = 0.0f64;
        for chunk in logits.chunks(CHUNK) {
            total += sum_by(chunk.len(), |i| exp(chunk[i] - top)) as f64;
        }
        top as f64 + total.ln()
    }
}

simd! {
    /// Replaces `logits` by `scale * (softmax(logits) - onehot(target))`, the gradient of `scale *` the negative
    /// log-likelihood of `target`, which is returned unscaled. Panics if `target` is not a column.
    pub fn cross_entropy_backward(logits: &mut [f32], target: usize, scale: f32) -> f64 {
        let lse = log_sum_exp(logits);
        let nll = lse - logits[target] as f64;
        let shift = lse as f32;
        for logit in logits.iter_mut() {
            *logit = scale * exp(*logit - shift);
        }
        logits[target] -= scale;
        nll
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::random::Random;
    use crate::testing::check_gradient;

    #[test]
    fn gradient_and_value_match_the_definition() {
        let n = 2500;
        let mut random = Random::new(3, 1);
        let mut draw = |n: usize| (0..n).map(|_| 3.0 * random.normal()).collect::<Vec<f32>>();
        let (logits, direction) = (draw(n), draw(n));
        let nll = |x: &[f64]| x.iter().map(|x| x.exp()).sum::<f64>().ln() - x[17];
        let wide: Vec<f64> = logits.iter().map(|x| *x as f64).collect();
        let mut grad = logits.clone();
        let ours = cross_entropy_backward(&mut grad, 17, 1.0);
        assert!((ours - nll(&wide)).abs() < 1e-5, "{ours} {}", nll(&wide));
        check_gradient(nll, &grad, &logits, &direction);
    }
}
