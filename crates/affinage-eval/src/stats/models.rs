//! Small models: length-controlled win rates, variance components, and estimates that join many judge votes
//! with a few human ones.

use super::Bounds;
use super::linear::{invert, solve};
use super::mean::{mean, variance, weighted_mean};
use super::special::normal_quantile;

/// Win rate with the pull of length taken out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LengthControlled {
    pub intercept: f64,
    pub slope: f64,
    pub se: (f64, f64),
    pub raw_win_rate: f64,
    /// expit(intercept): the win rate at equal length.
    pub win_rate: f64,
    /// By the delta method.
    pub win_rate_se: f64,
}

/// Logistic regression of the win (0, .5, 1) on `tanh(difference in length / its standard deviation)`.
///
/// Source: Dubois et al. (2024), arXiv:2404.04475. `None` when wins are
/// separated by length or lengths do not differ. Panics if the lengths of the slices differ.
pub fn length_controlled(length_difference: &[f64], won: &[f64]) -> Option<LengthControlled> {
    assert_eq!(length_difference.len(), won.len(), "one outcome per difference");
    let sd = variance(length_difference)?.sqrt();
    if sd <= 0.0 {
        return None;
    }
    let x: Vec<f64> = length_difference.iter().map(|d| (d / sd).tanh()).collect();
    let (mut intercept, mut slope) = (0.0, 0.0);
    for _ in 0..100 {
        let (gradient, information) = logit_derivatives(&x, won, intercept, slope);
        let step = solve(information, gradient)?;
        intercept += step[0];
        slope += step[1];
        if intercept.abs() > 30.0 || slope.abs() > 30.0 {
            return None;
        }
        if step.iter().all(|value| value.abs() < 1e-13) {
            break;
        }
    }
    let (_, information) = logit_derivatives(&x, won, intercept, slope);
    let covariance = invert(&information)?;
    let se = (covariance[0][0].sqrt(), covariance[1][1].sqrt());
    let win_rate = 1.0 / (1.0 + (-intercept).exp());
    let win_rate_se = win_rate * (1.0 - win_rate) * se.0;
    Some(LengthControlled { intercept, slope, se, raw_win_rate: mean(won)?, win_rate, win_rate_se })
}

fn logit_derivatives(x: &[f64], y: &[f64], intercept: f64, slope: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut gradient = vec![0.0; 2];
    let mut information = vec![vec![0.0; 2]; 2];
    for (x, y) in x.iter().zip(y) {
        let p = 1.0 / (1.0 + (-(intercept + slope * x)).exp());
        let row = [1.0, *x];
        for i in 0..2 {
            gradient[i] += row[i] * (y - p);
            for j in 0..2 {
                information[i][j] += row[i] * row[j] * p * (1.0 - p);
            }
        }
    }
    (gradient, information)
}

/// Where the variance of scores comes from, items x judges without replication.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VarianceComponents {
    pub ms_item: f64,
    pub ms_judge: f64,
    pub ms_error: f64,
    pub item: f64,
    pub judge: f64,
    pub error: f64,
    /// Reliability of one judge, and of the mean of all (Shrout and Fleiss 1979, case 2).
    pub icc_single: f64,
    pub icc_mean: f64,
    /// Variance of the grand mean.
    pub of_mean: f64,
}

/// Random-effects analysis of variance of `[item][judge]` by the method of moments; negative components are 0.
/// `None` below two items or two judges.
pub fn variance_components(matrix: &[Vec<f64>]) -> Option<VarianceComponents> {
    let (items, judges) = (matrix.len(), matrix.first()?.len());
    if items < 2 || judges < 2 {
        return None;
    }
    let (n, k) = (items as f64, judges as f64);
    let grand = matrix.iter().flatten().sum::<f64>() / (n * k);
    let item_means: Vec<f64> = matrix.iter().map(|row| row.iter().sum::<f64>() / k).collect();
    let judge_means: Vec<f64> =
        (0..judges).map(|j| matrix.iter().map(|row| row[j]).sum::<f64>() / n).collect();
    let ms_item = k * item_means.iter().map(|m| (m - grand).powi(2)).sum::<f64>() / (n - 1.0);
    let ms_judge = n * judge_means.iter().map(|m| (m - grand).powi(2)).sum::<f64>() / (k - 1.0);
    let mut residual = 0.0;
    for (row, item_mean) in matrix.iter().zip(&item_means) {
        for (value, judge_mean) in row.iter().zip(&judge_means) {
            residual += (value - item_mean - judge_mean + grand).powi(2);
        }
    }
    let ms_error = residual / ((n - 1.0) * (k - 1.0));
    let item = ((ms_item - ms_error) / k).max(0.0);
    let judge = ((ms_judge - ms_error) / n).max(0.0);
    let spread = ms_item + (k - 1.0) * ms_error + k * (ms_judge - ms_error) / n;
    Some(VarianceComponents {
        ms_item,
        ms_judge,
        ms_error,
        item,
        judge,
        error: ms_error,
        icc_single: (ms_item - ms_error) / spread,
        icc_mean: (ms_item - ms_error) / (ms_item + (ms_judge - ms_error) / n),
        of_mean: item / n + judge / k + ms_error / (n * k),
    })
}

/// An estimate that corrects many judge votes by a few human ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictionPowered {
    pub estimate: f64,
    pub se: f64,
    pub interval: Bounds,
}

/// Mean of `lambda * judge` over unlabelled pairs plus mean of `human - lambda * judge` over labelled ones.
///
/// Source: Angelopoulos, Duchi and Zrnic (2023), arXiv:2311.01453; population variances. `None` of nothing.
pub fn prediction_powered(
    human: &[f64],
    judge_labelled: &[f64],
    judge_unlabelled: &[f64],
    lambda: f64,
    alpha: f64,
) -> Option<PredictionPowered> {
    let rectifier: Vec<f64> = human.iter().zip(judge_labelled).map(|(h, j)| h - lambda * j).collect();
    let scaled: Vec<f64> = judge_unlabelled.iter().map(|j| lambda * j).collect();
    let estimate = mean(&scaled)? + mean(&rectifier)?;
    let spread = |x: &[f64]| {
        let center = mean(x)?;
        Some(x.iter().map(|v| (v - center).powi(2)).sum::<f64>() / (x.len() * x.len()) as f64)
    };
    let se = (spread(&scaled)? + spread(&rectifier)?).sqrt();
    let half = normal_quantile(1.0 - alpha / 2.0) * se;
    Some(PredictionPowered { estimate, se, interval: (estimate - half, estimate + half) })
}

/// The lambda that makes the variance of [`prediction_powered_weighted`] least, kept in 0..=1:
/// `sum w^2 (human - mean)(judge - mean) / (sum w^2 (judge - mean)^2 + var(judge) / N)`, `w` adding up to 1.
///
/// Source: Angelopoulos, Duchi and Zrnic (2023), arXiv:2311.01453, eq. 8, with the weights of an uneven draw. `None` below
/// two labelled pairs or when the judge says the same everywhere. Panics if the lengths differ.
pub fn tuned_lambda(
    human: &[f64],
    judge_labelled: &[f64],
    weights: &[f64],
    judge_all: &[f64],
) -> Option<f64> {
    let (center_human, center_judge) =
        (weighted_mean(human, weights)?.mean, weighted_mean(judge_labelled, weights)?.mean);
    let total: f64 = weights.iter().sum();
    let (mut together, mut own) = (0.0, 0.0);
    for ((human, judge), weight) in human.iter().zip(judge_labelled).zip(weights) {
        let square = (weight / total).powi(2);
        together += square * (human - center_human) * (judge - center_judge);
        own += square * (judge - center_judge).powi(2);
    }
    let n = human.len() as f64;
    let spread = own + (n - 1.0) / n * variance(judge_all)? / judge_all.len() as f64;
    (spread > 0.0).then(|| (together / spread).clamp(0.0, 1.0))
}

/// Below this many human votes nothing is corrected with them.
pub const FEWEST_HUMAN_VOTES: usize = 20;

/// [`prediction_powered`] for labelled pairs that were not drawn evenly: each counts with its weight, one over its
/// probability of being drawn. `judge_all` are the judge's scores of all pairs, the labelled ones among them. `None`
/// below [`FEWEST_HUMAN_VOTES`].
///
/// Source: the same, the mean of its rectifier by inverse probabilities ([`weighted_mean`]); t interval with the
/// effective number of labelled pairs less two, for the mean and for lambda. Panics if the lengths differ.
pub fn prediction_powered_weighted(
    human: &[f64],
    judge_labelled: &[f64],
    weights: &[f64],
    judge_all: &[f64],
    lambda: f64,
    alpha: f64,
) -> Option<PredictionPowered> {
    if human.len() < FEWEST_HUMAN_VOTES {
        return None;
    }
    let rectifier: Vec<f64> = human.iter().zip(judge_labelled).map(|(h, j)| h - lambda * j).collect();
    let rectified = weighted_mean(&rectifier, weights)?;
    let judge_variance = lambda * lambda * variance(judge_all)? / judge_all.len() as f64;
    let estimate = lambda * mean(judge_all)? + rectified.mean;
    let se = (judge_variance + rectified.se * rectified.se).sqrt();
    let half = super::special::t_quantile(1.0 - alpha / 2.0, (rectified.n_effective - 2.0).max(1.0)) * se;
    Some(PredictionPowered { estimate, se, interval: (estimate - half, estimate + half) })
}
