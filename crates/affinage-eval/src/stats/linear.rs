//! The little linear algebra that the fitted models need.

/// Solves `a x = b` by Gauss' elimination with pivots; `None` for a singular matrix.
pub fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        if a[pivot][column].abs() < 1e-12 {
            return None;
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in (0..n).filter(|&row| row != column) {
            let factor = a[row][column] / a[column][column];
            let pivot_row = a[column].clone();
            for (value, pivot) in a[row][column..].iter_mut().zip(&pivot_row[column..]) {
                *value -= factor * pivot;
            }
            b[row] -= factor * b[column];
        }
    }
    Some((0..n).map(|i| b[i] / a[i][i]).collect())
}

/// The inverse of a square matrix; `None` for a singular one.
pub fn invert(a: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = a.len();
    let unit = |j: usize| (0..n).map(|i| if i == j { 1.0 } else { 0.0 }).collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> = (0..n).map(|j| solve(a.to_vec(), unit(j))).collect::<Option<_>>()?;
    Some((0..n).map(|i| (0..n).map(|j| columns[j][i]).collect()).collect())
}

/// The matrix product.
pub fn multiply(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let inner = |row: &[f64], j: usize| row.iter().zip(b).map(|(value, other)| value * other[j]).sum();
    a.iter().map(|row| (0..b.len()).map(|j| inner(row, j)).collect()).collect()
}
