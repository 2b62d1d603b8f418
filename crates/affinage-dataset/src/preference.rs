//! What a person tends to accept, learnt from their decisions: a logistic regression over a few named features.
//!
//! `P(accept) = 1 / (1 + exp(-(b + sum_j w_j z_j)))` with standardised features `z`, fitted by Newton's method on the
//! log-likelihood minus `ridge / 2 * sum_j w_j^2` (the intercept is not shrunk). It orders a queue and says why; it never
//! decides. Source: any text on logistic regression, e.g. Hastie, Tibshirani, Friedman, section 4.4.

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Preference {
    mean: Vec<f64>,
    scale: Vec<f64>,
    intercept: f64,
    weights: Vec<f64>,
}

const NEWTON_STEPS: usize = 25;

impl Preference {
    /// Fits to decided rows of features. `None` if only one kind of decision was made or nothing can be told apart.
    ///
    /// Shapes: `rows` `[n][d]`, `accepted` `[n]`. Panics if the lengths disagree.
    pub fn fit(rows: &[Vec<f64>], accepted: &[bool], ridge: f64) -> Option<Preference> {
        assert_eq!(rows.len(), accepted.len());
        let (first, count) = (rows.first()?, rows.len() as f64);
        let share = accepted.iter().filter(|accepted| **accepted).count() as f64 / count;
        if share == 0.0 || share == 1.0 {
            return None;
        }
        let dim = first.len();
        let mean: Vec<f64> = (0..dim).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / count).collect();
        let scale: Vec<f64> = (0..dim)
            .map(|j| (rows.iter().map(|row| (row[j] - mean[j]).powi(2)).sum::<f64>() / count).sqrt())
            .map(|deviation| if deviation < 1e-9 { f64::INFINITY } else { deviation })
            .collect();
        let mut model =
            Preference { mean, scale, intercept: (share / (1.0 - share)).ln(), weights: vec![0.0; dim] };
        let standardised: Vec<Vec<f64>> = rows.iter().map(|row| model.standardised(row)).collect();
        for _ in 0..NEWTON_STEPS {
            let step = model.newton_step(&standardised, accepted, ridge)?;
            model.intercept += step[0];
            model.weights.iter_mut().zip(&step[1..]).for_each(|(weight, step)| *weight += step);
            if step.iter().all(|change| change.abs() < 1e-9) {
                break;
            }
        }
        Some(model)
    }

    /// Probability that the person accepts a candidate with these features.
    pub fn probability(&self, row: &[f64]) -> f64 {
        logistic(self.intercept + self.contributions(row).iter().sum::<f64>())
    }

    /// What each feature adds to the log-odds, against a candidate that is average in it.
    pub fn contributions(&self, row: &[f64]) -> Vec<f64> {
        self.standardised(row).iter().zip(&self.weights).map(|(z, weight)| z * weight).collect()
    }

    /// Whether a value of feature `j` is above that of the average decided candidate.
    pub fn is_above_mean(&self, j: usize, value: f64) -> bool {
        value > self.mean[j]
    }

    fn standardised(&self, row: &[f64]) -> Vec<f64> {
        row.iter().zip(&self.mean).zip(&self.scale).map(|((x, mean), scale)| (x - mean) / scale).collect()
    }

    /// Solves `H step = g` for intercept and weights; the ridge keeps `H` positive definite.
    fn newton_step(&self, rows: &[Vec<f64>], accepted: &[bool], ridge: f64) -> Option<Vec<f64>> {
        let dim = self.weights.len() + 1;
        let mut hessian = vec![vec![0.0; dim]; dim];
        let mut gradient = vec![0.0; dim];
        for (row, accepted) in rows.iter().zip(accepted) {
            let p = logistic(
                self.intercept + row.iter().zip(&self.weights).map(|(z, weight)| z * weight).sum::<f64>(),
            );
            let (error, curve) = (f64::from(u8::from(*accepted)) - p, p * (1.0 - p));
            let x: Vec<f64> = std::iter::once(1.0).chain(row.iter().copied()).collect();
            for i in 0..dim {
                gradient[i] += error * x[i];
                for j in 0..=i {
                    hessian[i][j] += curve * x[i] * x[j];
                }
            }
        }
        for (i, weight) in self.weights.iter().enumerate() {
            gradient[i + 1] -= ridge * weight;
            hessian[i + 1][i + 1] += ridge;
        }
        hessian[0][0] += 1e-6;
        solve(hessian, gradient)
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `A x = b` by Cholesky; only the lower triangle of `a` is read. `None` if it is not positive definite.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let dim = b.len();
    for i in 0..dim {
        for j in 0..=i {
            let sum = a[i][j] - (0..j).map(|k| a[i][k] * a[j][k]).sum::<f64>();
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return None;
                }
                a[i][i] = sum.sqrt();
            } else {
                a[i][j] = sum / a[j][j];
            }
        }
    }
    for i in 0..dim {
        b[i] = (b[i] - (0..i).map(|k| a[i][k] * b[k]).sum::<f64>()) / a[i][i];
    }
    for i in (0..dim).rev() {
        b[i] = (b[i] - (i + 1..dim).map(|k| a[k][i] * b[k]).sum::<f64>()) / a[i][i];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in [0, 1) that look random.
    fn noise(seed: u64) -> f64 {
        let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / (1u64 << 24) as f64
    }

    #[test]
    fn a_planted_taste_is_found_and_explained() {
        let row = |i: u64| vec![noise(3 * i) * 100.0, noise(3 * i + 1), 7.0];
        let rows: Vec<Vec<f64>> = (0..200).map(row).collect();
        let accepted: Vec<bool> = rows.iter().map(|row| row[0] > 60.0).collect();
        let model = Preference::fit(&rows, &accepted, 1.0).expect("both kinds");
        assert!(model.probability(&[95.0, 0.5, 7.0]) > 0.9 && model.probability(&[5.0, 0.5, 7.0]) < 0.1);
        let contributions = model.contributions(&[95.0, 0.9, 7.0]);
        assert!(contributions[0] > 2.0 && contributions[1].abs() < 1.0, "{contributions:?}");
        assert_eq!(contributions[2], 0.0, "a feature that never changes says nothing");
        let fresh: Vec<Vec<f64>> = (1000..1200).map(row).collect();
        let right = fresh.iter().filter(|row| (model.probability(row) > 0.5) == (row[0] > 60.0)).count();
        assert!(right > 190, "{right} of 200 new ones");
    }

    #[test]
    fn the_fit_is_the_maximum_of_the_penalised_likelihood() {
        let rows: Vec<Vec<f64>> = (0..60).map(|i| vec![noise(i), noise(i + 500)]).collect();
        let accepted: Vec<bool> = (0..60).map(|i| noise(i) + noise(i + 900) > 1.0).collect();
        let model = Preference::fit(&rows, &accepted, 1.0).expect("both kinds");
        let value = |model: &Preference| {
            let fit: f64 = rows
                .iter()
                .zip(&accepted)
                .map(|(row, yes)| {
                    let p = model.probability(row);
                    if *yes { p.ln() } else { (1.0 - p).ln() }
                })
                .sum();
            fit - 0.5 * model.weights.iter().map(|w| w * w).sum::<f64>()
        };
        for (j, change) in [(0, 0.01), (0, -0.01), (1, 0.01), (1, -0.01)] {
            let mut moved = model.clone();
            moved.weights[j] += change;
            assert!(value(&moved) < value(&model));
        }
    }

    #[test]
    fn one_kind_of_decision_teaches_nothing() {
        assert_eq!(Preference::fit(&[vec![1.0], vec![2.0]], &[true, true], 1.0), None);
        assert_eq!(Preference::fit(&[], &[], 1.0), None);
    }
}
