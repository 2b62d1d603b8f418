//! What the tests of this crate share.

/// `grad` must agree with a central difference of `f` along `direction` (in f64; `f` is the plain reference).
pub fn check_gradient(f: impl Fn(&[f64]) -> f64, grad: &[f32], x: &[f32], direction: &[f32]) {
    let h = 1e-5;
    let at =
        |t: f64| f(&x.iter().zip(direction).map(|(x, d)| *x as f64 + t * *d as f64).collect::<Vec<f64>>());
    let numeric = (at(h) - at(-h)) / (2.0 * h);
    let analytic: f64 = grad.iter().zip(direction).map(|(g, d)| *g as f64 * *d as f64).sum();
    let scale = numeric.abs().max(analytic.abs()).max(1e-8);
    assert!((numeric - analytic).abs() < 1e-4 * scale, "numeric {numeric:e}, analytic {analytic:e}"); // grad is f32
}
