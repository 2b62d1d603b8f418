//! Strengths of many arms from their games, fitted by Newton's method.

use super::linear::{invert, multiply, solve};

/// Games of two items: `count` times the outcome 1 (first won), .5 (tie) or 0 for the first item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Games {
    pub one: usize,
    pub other: usize,
    pub outcome: f64,
    pub count: f64,
}

/// Log-strengths relative to item 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Strengths {
    pub theta: Vec<f64>,
    /// Model-based standard errors; 0 for item 0.
    pub se_fisher: Vec<f64>,
    /// Robust standard errors over single games.
    pub se_sandwich: Vec<f64>,
    /// Negative log-likelihood at the maximum.
    pub nll: f64,
}

/// Bradley and Terry's model, P(one beats other) = 1 / (1 + exp(theta_other - theta_one)), ties as half a win.
///
/// Source: Bradley and Terry (1952). `None` when the maximum is not finite (an item that only wins) or items
/// are not connected.
pub fn bradley_terry(games: &[Games], items: usize) -> Option<Strengths> {
    let free = items.checked_sub(1).filter(|&free| free > 0)?;
    let mut theta = vec![0.0; items];
    for _ in 0..100 {
        let (gradient, information) = bradley_terry_derivatives(games, &theta);
        let step = solve(information, gradient)?;
        for (theta, step) in theta[1..].iter_mut().zip(&step) {
            *theta += step.clamp(-2.0, 2.0);
        }
        if theta.iter().any(|value| value.abs() > 30.0) {
            return None;
        }
        if step.iter().all(|value| value.abs() < 1e-13) {
            break;
        }
    }
    let (_, information) = bradley_terry_derivatives(games, &theta);
    let inverse = invert(&information)?;
    let mut meat = vec![vec![0.0; free]; free];
    let mut nll = 0.0;
    for game in games {
        let p = expected(game, &theta);
        nll -= game.count * (game.outcome * p.ln() + (1.0 - game.outcome) * (1.0 - p).ln());
        add_outer(&mut meat, game, game.count * (game.outcome - p).powi(2));
    }
    let sandwich = multiply(&multiply(&inverse, &meat), &inverse);
    let errors = |matrix: &[Vec<f64>]| {
        let free_items = (0..free).map(|i| matrix[i][i].max(0.0).sqrt());
        std::iter::once(0.0).chain(free_items).collect::<Vec<f64>>()
    };
    Some(Strengths { se_fisher: errors(&inverse), se_sandwich: errors(&sandwich), theta, nll })
}

fn expected(game: &Games, theta: &[f64]) -> f64 {
    1.0 / (1.0 + (theta[game.other] - theta[game.one]).exp())
}

fn bradley_terry_derivatives(games: &[Games], theta: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let free = theta.len() - 1;
    let mut gradient = vec![0.0; free];
    let mut information = vec![vec![0.0; free]; free];
    for game in games {
        let p = expected(game, theta);
        for (item, sign) in [(game.one, 1.0), (game.other, -1.0)] {
            if item > 0 {
                gradient[item - 1] += sign * game.count * (game.outcome - p);
            }
        }
        add_outer(&mut information, game, game.count * p * (1.0 - p));
    }
    (gradient, information)
}

/// Adds `weight * x x^T` for the game's contrast `x` (+1 for one, -1 for other, item 0 left out).
fn add_outer(matrix: &mut [Vec<f64>], game: &Games, weight: f64) {
    let contrast = [(game.one, 1.0), (game.other, -1.0)];
    for (i, sign_i) in contrast.into_iter().filter(|(item, _)| *item > 0) {
        for (j, sign_j) in contrast.into_iter().filter(|(item, _)| *item > 0) {
            matrix[i - 1][j - 1] += weight * sign_i * sign_j;
        }
    }
}

/// How a tie comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieModel {
    /// P(tie) = nu sqrt(a b) / (a + b + nu sqrt(a b)). Source: Davidson (1970).
    Davidson,
    /// P(one wins) = a / (a + t b) with t = 1 + nu; what is left is the tie. Source: Rao and Kupper (1967).
    RaoKupper,
}

/// Log-strengths relative to item 0 with a tie parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct StrengthsWithTies {
    pub theta: Vec<f64>,
    pub nu: f64,
    pub nll: f64,
}

/// Maximum likelihood with ties as a third outcome. Derivatives are central differences, so about eight digits
/// hold. `None` when the maximum is not finite.
pub fn bradley_terry_ties(games: &[Games], items: usize, model: TieModel) -> Option<StrengthsWithTies> {
    if items < 2 {
        return None;
    }
    // Free parameters: theta of items 1.., then ln(nu).
    let mut point = vec![0.0; items];
    point[items - 1] = -1.0;
    let objective = |point: &[f64]| tie_nll(games, point, model);
    for _ in 0..100 {
        let (gradient, hessian) = numeric_derivatives(&objective, &point);
        let step = solve(hessian, gradient)?;
        for (value, step) in point.iter_mut().zip(&step) {
            *value -= step.clamp(-1.0, 1.0);
        }
        if point.iter().any(|value| value.abs() > 30.0) {
            return None;
        }
        if step.iter().all(|value| value.abs() < 1e-9) {
            break;
        }
    }
    let nll = objective(&point);
    let nu = point.pop()?.exp();
    let theta = std::iter::once(0.0).chain(point).collect();
    Some(StrengthsWithTies { theta, nu, nll })
}

fn tie_nll(games: &[Games], point: &[f64], model: TieModel) -> f64 {
    let strength = |item: usize| if item == 0 { 1.0 } else { point[item - 1].exp() };
    let nu = point[point.len() - 1].exp();
    games
        .iter()
        .map(|game| {
            let (a, b) = (strength(game.one), strength(game.other));
            let (win, loss) = match model {
                TieModel::Davidson => {
                    let total = a + b + nu * (a * b).sqrt();
                    (a / total, b / total)
                }
                TieModel::RaoKupper => (a / (a + (1.0 + nu) * b), b / (b + (1.0 + nu) * a)),
            };
            let p = match game.outcome {
                outcome if outcome > 0.75 => win,
                outcome if outcome < 0.25 => loss,
                _ => 1.0 - win - loss,
            };
            -game.count * p.ln()
        })
        .sum()
}

fn numeric_derivatives(f: &impl Fn(&[f64]) -> f64, point: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    const H: f64 = 1e-4;
    let n = point.len();
    let at = |moves: &[(usize, f64)]| {
        let mut moved = point.to_vec();
        for (i, by) in moves {
            moved[*i] += by;
        }
        f(&moved)
    };
    let gradient = (0..n).map(|i| (at(&[(i, H)]) - at(&[(i, -H)])) / (2.0 * H)).collect();
    let second = |i: usize, j: usize| {
        (at(&[(i, H), (j, H)]) - at(&[(i, H), (j, -H)]) - at(&[(i, -H), (j, H)]) + at(&[(i, -H), (j, -H)]))
            / (4.0 * H * H)
    };
    let hessian = (0..n).map(|i| (0..n).map(|j| second(i, j)).collect()).collect();
    (gradient, hessian)
}
