//! Logistic regression of outcomes in 0..=1 (won, tied, lost) with errors over clusters.
//!
//! A tie is an outcome of one half; the estimating equations stay those of the binomial likelihood, and the
//! covariance is the sandwich over clusters. Source: Papke and Wooldridge (1996) for fractional outcomes; Liang and
//! Zeger (1986) for clusters; Firth (1993), Heinze and Schemper (2002) for separated data.

use super::linear::{invert, multiply, solve};

/// One row per observation: the same number of columns in each, the first usually 1.
#[derive(Clone, Debug, Default)]
pub struct Design {
    values: Vec<f64>,
    columns: usize,
}

impl Design {
    pub fn new(columns: usize) -> Design {
        Design { values: Vec::new(), columns }
    }

    /// Panics if `row` has another number of columns.
    pub fn push(&mut self, row: &[f64]) {
        assert_eq!(row.len(), self.columns, "one value per column");
        self.values.extend_from_slice(row);
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.columns)
    }
}

/// A fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct Logit {
    pub coefficients: Vec<f64>,
    /// Inverse of the information at the fit.
    pub inverse_information: Vec<Vec<f64>>,
    /// Whether the maximum was not finite (an outcome is separated by the columns) and Firth's penalty was used.
    pub is_penalised: bool,
}

/// Coefficients beyond this are taken as "not finite".
const SEPARATED_BEYOND: f64 = 12.0;
const MOST_STEPS: usize = 60;

/// Fits by Newton's method; `weights` counts each row (a bootstrap gives 0, 1, 2, ...). When the outcome is
/// separated Firth's penalty takes over. `None` when columns depend on each other.
///
/// Panics if the lengths differ.
pub fn fit(design: &Design, outcomes: &[f64], weights: &[f64]) -> Option<Logit> {
    assert_eq!(design.rows().len(), outcomes.len(), "one outcome per row");
    assert_eq!(outcomes.len(), weights.len(), "one weight per row");
    let plain = newton(design, outcomes, weights, false).filter(|coefficients| is_finite(coefficients));
    let is_penalised = plain.is_none();
    let coefficients = match plain {
        Some(coefficients) => coefficients,
        None => newton(design, outcomes, weights, true)?,
    };
    let information = information(design, &coefficients, weights);
    Some(Logit { inverse_information: invert(&information)?, coefficients, is_penalised })
}

fn is_finite(coefficients: &[f64]) -> bool {
    coefficients.iter().all(|b| b.abs() < SEPARATED_BEYOND)
}

/// Covariance of the coefficients over clusters: `A^-1 (sum_c s_c s_c^T) A^-1 C / (C - 1)` with `s_c` the scores of
/// a cluster. `None` below two clusters.
pub fn clustered_covariance(
    fit: &Logit,
    design: &Design,
    outcomes: &[f64],
    clusters: &[usize],
) -> Option<Vec<Vec<f64>>> {
    let p = design.columns();
    let count = clusters.iter().max()? + 1;
    if count < 2 {
        return None;
    }
    let mut scores = vec![vec![0.0; p]; count];
    for ((row, outcome), cluster) in design.rows().zip(outcomes).zip(clusters) {
        let residual = outcome - probability(row, &fit.coefficients);
        for (score, x) in scores[*cluster].iter_mut().zip(row) {
            *score += residual * x;
        }
    }
    let mut meat = vec![vec![0.0; p]; p];
    for score in &scores {
        for i in 0..p {
            for j in 0..p {
                meat[i][j] += score[i] * score[j];
            }
        }
    }
    let factor = count as f64 / (count - 1) as f64;
    let mut covariance = multiply(&multiply(&fit.inverse_information, &meat), &fit.inverse_information);
    covariance.iter_mut().flatten().for_each(|value| *value *= factor);
    Some(covariance)
}

/// `1 / (1 + exp(-x b))`.
pub fn probability(row: &[f64], coefficients: &[f64]) -> f64 {
    let score: f64 = row.iter().zip(coefficients).map(|(x, b)| x * b).sum();
    1.0 / (1.0 + (-score).exp())
}

fn information(design: &Design, coefficients: &[f64], weights: &[f64]) -> Vec<Vec<f64>> {
    let p = design.columns();
    let mut information = vec![vec![0.0; p]; p];
    for (row, weight) in design.rows().zip(weights).filter(|(_, weight)| **weight > 0.0) {
        let probability = probability(row, coefficients);
        let spread = weight * probability * (1.0 - probability);
        for i in 0..p {
            for j in 0..=i {
                information[i][j] += spread * row[i] * row[j];
            }
        }
    }
    for i in 0..p {
        for j in 0..i {
            information[j][i] = information[i][j];
        }
    }
    information
}

fn newton(design: &Design, outcomes: &[f64], weights: &[f64], firth: bool) -> Option<Vec<f64>> {
    let p = design.columns();
    let mut coefficients = vec![0.0; p];
    for _ in 0..MOST_STEPS {
        let information = information(design, &coefficients, weights);
        let inverse = if firth { Some(invert(&information)?) } else { None };
        let mut gradient = vec![0.0; p];
        for ((row, outcome), weight) in design.rows().zip(outcomes).zip(weights) {
            if *weight == 0.0 {
                continue;
            }
            let probability = probability(row, &coefficients);
            let leverage = inverse
                .as_ref()
                .map_or(0.0, |inverse| probability * (1.0 - probability) * quadratic(row, inverse));
            let residual = outcome - probability + leverage * (0.5 - probability);
            for (g, x) in gradient.iter_mut().zip(row) {
                *g += weight * residual * x;
            }
        }
        let step = solve(information, gradient)?;
        // Long steps overshoot where the likelihood is flat.
        let longest = step.iter().fold(0.0f64, |longest, s| longest.max(s.abs()));
        let shrink = if longest > 3.0 { 3.0 / longest } else { 1.0 };
        for (b, s) in coefficients.iter_mut().zip(&step) {
            *b += shrink * s;
        }
        if !firth && !is_finite(&coefficients) {
            return None;
        }
        if longest < 1e-10 {
            break;
        }
    }
    Some(coefficients)
}

fn quadratic(row: &[f64], matrix: &[Vec<f64>]) -> f64 {
    row.iter().zip(matrix).map(|(x, line)| x * line.iter().zip(row).map(|(m, y)| m * y).sum::<f64>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_two_by_two_has_the_log_odds_ratio() {
        // 30 of 40 with x = 1, 10 of 40 with x = 0.
        let mut design = Design::new(2);
        let mut outcomes = Vec::new();
        for i in 0..80 {
            let x = f64::from(u8::from(i < 40));
            design.push(&[1.0, x]);
            let wins = if i < 40 { i < 30 } else { i < 50 };
            outcomes.push(f64::from(u8::from(wins)));
        }
        let fit = fit(&design, &outcomes, &[1.0; 80]).expect("two columns");
        let expected = (30.0f64 / 10.0).ln() - (10.0f64 / 30.0).ln();
        assert!((fit.coefficients[1] - expected).abs() < 1e-9 && !fit.is_penalised);
        // Each row its own cluster: the sandwich is close to the information's inverse.
        let clusters: Vec<usize> = (0..80).collect();
        let robust = clustered_covariance(&fit, &design, &outcomes, &clusters).expect("80 clusters");
        assert!((robust[1][1] / fit.inverse_information[1][1] - 80.0 / 79.0).abs() < 1e-9);
    }

    #[test]
    fn separated_outcomes_get_the_penalty_and_stay_finite() {
        let mut design = Design::new(2);
        let outcomes: Vec<f64> = (0..20).map(|i| f64::from(u8::from(i >= 10))).collect();
        for i in 0..20 {
            design.push(&[1.0, f64::from(i) - 9.5]);
        }
        let fit = fit(&design, &outcomes, &[1.0; 20]).expect("two columns");
        assert!(fit.is_penalised && fit.coefficients[1] > 0.0 && fit.coefficients[1] < 5.0, "{fit:?}");
        // Firth's estimate of a share is (k + 1/2) / (n + 1).
        let mut alone = Design::new(1);
        (0..10).for_each(|_| alone.push(&[1.0]));
        let won = super::fit(&alone, &[1.0; 10], &[1.0; 10]).expect("one column");
        let expected = (10.5f64 / 11.0 / (0.5 / 11.0)).ln();
        assert!((won.coefficients[0] - expected).abs() < 1e-6, "{}", won.coefficients[0]);
    }

    #[test]
    fn equal_columns_are_no_model() {
        let mut design = Design::new(2);
        (0..10).for_each(|_| design.push(&[1.0, 1.0]));
        assert_eq!(fit(&design, &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], &[1.0; 10]), None);
    }
}
