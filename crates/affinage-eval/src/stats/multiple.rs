//! Many comparisons, one error rate.

/// Holm's step-down adjustment: the family-wise error rate is held under any dependence. Source: Holm (1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p.len()];
    let mut reached: f64 = 0.0;
    for (rank, position) in ascending(p).into_iter().enumerate() {
        reached = reached.max(p[position] * (p.len() - rank) as f64);
        adjusted[position] = reached.min(1.0);
    }
    adjusted
}

/// Step-up adjustment for the false discovery rate. Source: Benjamini and Hochberg (1995).
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p.len()];
    let mut reached: f64 = 1.0;
    for (rank, position) in ascending(p).into_iter().enumerate().rev() {
        reached = reached.min(p[position] * p.len() as f64 / (rank + 1) as f64);
        adjusted[position] = reached;
    }
    adjusted
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    order
}
