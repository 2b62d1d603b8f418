//! Which columns of a regression can be told apart.

use super::linear::invert;
use super::mean::mean;

/// From this inflation on (four fifths of a column's variance follow from the others) its coefficient can hardly be told
/// from theirs; of the two usual limits, 5 and 10, the more careful one.
pub const ENTANGLED_FROM: f64 = 5.0;

/// Beyond this a column is an exact combination of others, rounding aside.
const EXACT_FROM: f64 = 1e6;

/// Pearson's correlation; `None` when a column is constant. Panics if the lengths differ.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "columns of one table");
    let (center_a, center_b) = (mean(a)?, mean(b)?);
    let (mut together, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        together += (a - center_a) * (b - center_b);
        square_a += (a - center_a).powi(2);
        square_b += (b - center_b).powi(2);
    }
    let scale = (square_a * square_b).sqrt();
    (scale > 0.0).then(|| together / scale)
}

/// How many times the variance of each column's coefficient is what it would be if no other column moved with it:
/// `1 / (1 - R^2)` of the column on all others, the diagonal of the inverse correlation matrix. `None` when a column is
/// constant or an exact combination of others.
///
/// Source: Marquardt (1970); Belsley, Kuh and Welsch, Regression Diagnostics (1980), ch. 3. Panics if the lengths differ.
pub fn variance_inflation(columns: &[Vec<f64>]) -> Option<Vec<f64>> {
    let with_all = |a: &Vec<f64>| columns.iter().map(|b| correlation(a, b)).collect::<Option<Vec<f64>>>();
    let correlations: Vec<Vec<f64>> = columns.iter().map(with_all).collect::<Option<_>>()?;
    let inverse = invert(&correlations)?;
    let inflation: Vec<f64> = (0..columns.len()).map(|i| inverse[i][i]).collect();
    inflation.iter().all(|value| (0.0..EXACT_FROM).contains(value)).then_some(inflation)
}

/// Positions of the columns that are neither constant nor an exact combination of earlier ones.
pub fn independent(columns: &[Vec<f64>]) -> Vec<usize> {
    let mut kept = Vec::new();
    let mut chosen: Vec<Vec<f64>> = Vec::new();
    for (position, column) in columns.iter().enumerate() {
        chosen.push(column.clone());
        match variance_inflation(&chosen) {
            Some(_) => kept.push(position),
            None => _ = chosen.pop(),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> [Vec<f64>; 3] {
        let a: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 11)).collect();
        let b: Vec<f64> = (0..40).map(|i| f64::from(i * 5 % 13)).collect();
        let both = a.iter().zip(&b).map(|(a, b)| 2.0 * a - b + 3.0).collect();
        [a, b, both]
    }

    #[test]
    fn two_columns_inflate_by_their_correlation() {
        let [a, b, _] = columns();
        let near: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + 0.2 * b).collect();
        let r = correlation(&a, &near).expect("neither is constant");
        let found = variance_inflation(&[a, near]).expect("they differ");
        for inflation in &found {
            assert!((inflation - 1.0 / (1.0 - r * r)).abs() < 1e-9, "{inflation}, r {r}");
        }
        assert!(found[0] > ENTANGLED_FROM);
    }

    #[test]
    fn an_exact_combination_and_a_constant_are_left_out() {
        let [a, b, both] = columns();
        let constant = vec![4.0; 40];
        assert_eq!(variance_inflation(&[a.clone(), b.clone(), both.clone()]), None);
        assert_eq!(independent(&[a.clone(), constant, b, both, a]), [0, 2]);
    }
}
