//! AdamW and learning-rate schedules. Parity: `torch.optim.AdamW`, transformers `get_*_schedule_with_warmup`.

use serde::{Deserialize, Serialize};

/// AdamW (arXiv:1711.05101) with decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> AdamW {
        AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

/// First and second moments, flat as the values they belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    pub first: Vec<f32>,
    pub second: Vec<f32>,
}

impl Moments {
    /// Zeros for `len` values.
    pub fn zeros(len: usize) -> Moments {
        Moments { first: vec![0.0; len], second: vec![0.0; len] }
    }
}

impl AdamW {
    /// Update number `step` (from 1) of `values` by `scale * grad`, with first and second `moments`:
    /// `p *= 1 - lr wd`; `m = b1 m + (1 - b1) g`; `v = b2 v + (1 - b2) g^2`;
    /// `p -= lr (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + eps)`. Panics if the lengths disagree.
    pub fn update(
        &self,
        values: &mut [f32],
        grad: &[f32],
        scale: f32,
        moments: (&mut [f32], &mut [f32]),
        lr: f64,
        step: u64,
    ) {
        assert_eq!(values.len(), grad.len());
        assert_eq!(values.len(), moments.0.len());
        assert_eq!(values.len(), moments.1.len());
        let decay = (1.0 - lr * self.weight_decay) as f32;
        let (gain1, beta2, gain2) = ((1.0 - self.beta1) as f32, self.beta2 as f32, (1.0 - self.beta2) as f32);
        let step_size = (lr / (1.0 - self.beta1.powf(step as f64))) as f32;
        let correction = (1.0 - self.beta2.powf(step as f64)).sqrt() as f32;
        let eps = self.eps as f32;
        let moments = moments.0.iter_mut().zip(moments.1);
        for ((value, grad), (first, second)) in values.iter_mut().zip(grad).zip(moments) {
            let grad = grad * scale;
            *first += gain1 * (grad - *first);
            *second = beta2 * *second + gain2 * grad * grad;
            *value = *value * decay - step_size * *first / (second.sqrt() / correction + eps);
        }
    }
}

/// Euclidean norm of a gradient, summed in f64 in index order.
pub fn norm(grad: &[f32]) -> f64 {
    grad.iter().map(|g| *g as f64 * *g as f64).sum::<f64>().sqrt()
}

/// The factor that brings a gradient of `norm` down to `max_norm`, as `torch.nn.utils.clip_grad_norm_` has it.
pub fn clip_factor(norm: f64, max_norm: f64) -> f32 {
    (max_norm / (norm + 1e-6)).min(1.0) as f32
}

/// The shape of the learning rate after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    Constant,
    Linear,
    Cosine,
}

impl Schedule {
    /// Learning rate of update `step` (from 1) of `total`: rises linearly over `warmup` updates, then follows the shape
    /// down to zero at the end. The first update of a warm-up has rate zero, as in transformers.
    pub fn rate(self, peak: f64, step: u64, total: u64, warmup: u64) -> f64 {
        let done = (step - 1) as f64;
        if step - 1 < warmup {
            return peak * done / warmup.max(1) as f64;
        }
        let progress = (done - warmup as f64) / (total.saturating_sub(warmup)).max(1) as f64;
        match self {
            Schedule::Constant => peak,
            Schedule::Linear => peak * (1.0 - progress).max(0.0),
            Schedule::Cosine => peak * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.optim.AdamW([1.0, -2.0], lr=0.1, weight_decay=0.1)` on gradients (0.5, 1), (-0.25, 1), by hand in f64.
    #[test]
    fn two_updates_match_the_definition() {
        let adamw = AdamW { weight_decay: 0.1, ..AdamW::default() };
        let (mut values, mut moments) = (vec![1.0f32, -2.0], Moments::zeros(2));
        let mut want = [1.0f64, -2.0];
        let (mut m, mut v) = ([0.0f64; 2], [0.0f64; 2]);
        for (step, grad) in [(1, [0.5f32, 1.0]), (2, [-0.25, 1.0])] {
            let both = (&mut moments.first[..], &mut moments.second[..]);
            adamw.update(&mut values, &grad, 1.0, both, 0.1, step);
            for i in 0..2 {
                let g = grad[i] as f64;
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (m, v) =
                    (m[i] / (1.0 - 0.9f64.powi(step as i32)), v[i] / (1.0 - 0.999f64.powi(step as i32)));
                want[i] = want[i] * (1.0 - 0.1 * 0.1) - 0.1 * m / (v.sqrt() + 1e-8);
            }
        }
        values
            .iter()
            .zip(want)
            .for_each(|(got, want)| assert!((*got as f64 - want).abs() < 1e-6, "{got} {want}"));
    }

    #[test]
    fn schedules_rise_and_fall_as_stated() {
        let rates =
            |schedule: Schedule| (1..=6).map(|step| schedule.rate(1.0, step, 6, 2)).collect::<Vec<_>>();
        assert_eq!(rates(Schedule::Linear), [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]);
        assert_eq!(rates(Schedule::Constant), [0.0, 0.5, 1.0, 1.0, 1.0, 1.0]);
        assert!((rates(Schedule::Cosine)[4] - 0.5).abs() < 1e-12);
        assert_eq!(Schedule::Cosine.rate(2.0, 1, 10, 0), 2.0);
    }

    #[test]
    fn clipping_leaves_small_gradients_alone() {
        assert_eq!(clip_factor(0.5, 1.0), 1.0);
        assert!((norm(&[3.0, 4.0]) - 5.0).abs() < 1e-12);
        assert!((clip_factor(5.0, 1.0) - 0.2).abs() < 1e-6);
    }
}
