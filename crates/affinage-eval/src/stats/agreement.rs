//! Do judges agree beyond chance?
//!
//! `ratings` are `[rater][unit]`, `None` where a rater did not rate a unit. Every measure is 1 for full
//! agreement and about 0 for chance; each defines "chance" in its own way.

use std::collections::{BTreeMap, BTreeSet};

use super::special::chi_square_sf;

/// How far apart two values are for Krippendorff's alpha.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Nominal,
    Ordinal,
    Interval,
}

/// Krippendorff's alpha for missing data: 1 - observed / expected disagreement, units with fewer than two
/// ratings left out. Source: Krippendorff (2011), "Computing Krippendorff's alpha-reliability". `None` without
/// pairable ratings or when all ratings are equal (nothing could have disagreed).
pub fn krippendorff_alpha(ratings: &[Vec<Option<i64>>], scale: Scale) -> Option<f64> {
    let coincidences = coincidences(ratings);
    let mut totals: BTreeMap<i64, f64> = BTreeMap::new();
    for ((value, _), count) in &coincidences {
        *totals.entry(*value).or_default() += count;
    }
    let n: f64 = totals.values().sum();
    let distance = |a: i64, b: i64| distance(scale, a, b, &totals);
    let observed: f64 = coincidences.iter().map(|(&(a, b), count)| count * distance(a, b)).sum();
    let mut expected = 0.0;
    for (&a, count_a) in &totals {
        for (&b, count_b) in &totals {
            expected += count_a * count_b * distance(a, b);
        }
    }
    (expected > 0.0).then(|| 1.0 - (n - 1.0) * observed / expected)
}

/// How often value pairs meet within units; a unit with m ratings gives each ordered pair weight 1 / (m - 1).
fn coincidences(ratings: &[Vec<Option<i64>>]) -> BTreeMap<(i64, i64), f64> {
    let units = ratings.iter().map(Vec::len).max().unwrap_or(0);
    let mut coincidences = BTreeMap::new();
    for unit in 0..units {
        let values: Vec<i64> = ratings.iter().filter_map(|rater| *rater.get(unit)?).collect();
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                if i != j {
                    *coincidences.entry((*a, *b)).or_default() += 1.0 / (values.len() - 1) as f64;
                }
            }
        }
    }
    coincidences
}

fn distance(scale: Scale, a: i64, b: i64, totals: &BTreeMap<i64, f64>) -> f64 {
    if a == b {
        return 0.0;
    }
    match scale {
        Scale::Nominal => 1.0,
        Scale::Interval => ((a - b) as f64).powi(2),
        Scale::Ordinal => {
            let between: f64 = totals.range(a.min(b)..=a.max(b)).map(|(_, count)| count).sum();
            (between - 0.5 * (totals[&a] + totals[&b])).powi(2)
        }
    }
}

/// Cohen's kappa of two raters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kappa {
    pub kappa: f64,
    /// Asymptotic standard error. Source: Fleiss, Cohen and Everitt (1969).
    pub se: f64,
}

/// Kappa of a square table `[one rater's value][the other's]`. `None` when chance agreement is total.
/// Panics if the table is not square.
pub fn cohen_kappa(table: &[Vec<f64>]) -> Option<Kappa> {
    let n: f64 = table.iter().flatten().sum();
    let q = table.len();
    assert!(table.iter().all(|row| row.len() == q), "one row and one column per value");
    let p = |i: usize, j: usize| table[i][j] / n;
    let row: Vec<f64> = (0..q).map(|i| (0..q).map(|j| p(i, j)).sum()).collect();
    let column: Vec<f64> = (0..q).map(|j| (0..q).map(|i| p(i, j)).sum()).collect();
    let observed: f64 = (0..q).map(|i| p(i, i)).sum();
    let expected: f64 = (0..q).map(|i| row[i] * column[i]).sum();
    if n == 0.0 || expected >= 1.0 {
        return None;
    }
    let kappa = (observed - expected) / (1.0 - expected);
    let mut diagonal = 0.0;
    let mut rest = 0.0;
    for i in 0..q {
        diagonal += p(i, i) * (1.0 - (row[i] + column[i]) * (1.0 - kappa)).powi(2);
        for j in (0..q).filter(|&j| j != i) {
            rest += p(i, j) * (column[i] + row[j]).powi(2);
        }
    }
    rest *= (1.0 - kappa).powi(2);
    let correction = (kappa - expected * (1.0 - kappa)).powi(2);
    let variance = (diagonal + rest - correction) / (n * (1.0 - expected).powi(2));
    Some(Kappa { kappa, se: variance.max(0.0).sqrt() })
}

/// Gwet's AC1 of two raters' table: robust where one value prevails. Source: Gwet (2008).
pub fn gwet_ac1_table(table: &[Vec<f64>]) -> Option<f64> {
    let n: f64 = table.iter().flatten().sum();
    let q = table.len();
    let observed: f64 = (0..q).map(|i| table[i][i] / n).sum();
    let share = |k: usize| {
        let both: f64 = (0..q).map(|i| table[k][i] + table[i][k]).sum();
        both / (2.0 * n)
    };
    let expected: f64 = (0..q).map(|k| share(k) * (1.0 - share(k))).sum::<f64>() / (q as f64 - 1.0);
    (n > 0.0 && expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
}

/// Gwet's AC1 for many raters with missing ratings, with observed and chance agreement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ac1 {
    pub ac1: f64,
    pub observed: f64,
    pub expected: f64,
}

/// Source: Gwet (2008), "Computing inter-rater reliability in the presence of high agreement"; units with one
/// rating count for the prevalence only. `None` without a unit of two ratings or with a single value.
pub fn gwet_ac1(ratings: &[Vec<Option<i64>>]) -> Option<Ac1> {
    let units = ratings.iter().map(Vec::len).max().unwrap_or(0);
    let values: BTreeSet<i64> = ratings.iter().flatten().flatten().copied().collect();
    let (mut agreement, mut pairable, mut rated) = (0.0, 0.0, 0.0);
    let mut prevalence: BTreeMap<i64, f64> = BTreeMap::new();
    for unit in 0..units {
        let mut counts: BTreeMap<i64, f64> = BTreeMap::new();
        for value in ratings.iter().filter_map(|rater| *rater.get(unit)?) {
            *counts.entry(value).or_default() += 1.0;
        }
        let raters: f64 = counts.values().sum();
        if raters == 0.0 {
            continue;
        }
        rated += 1.0;
        for (value, count) in &counts {
            *prevalence.entry(*value).or_default() += count / raters;
        }
        if raters >= 2.0 {
            pairable += 1.0;
            agreement += counts.values().map(|c| c * (c - 1.0)).sum::<f64>() / (raters * (raters - 1.0));
        }
    }
    if pairable == 0.0 || values.len() < 2 {
        return None;
    }
    let observed = agreement / pairable;
    let spread: f64 = prevalence.values().map(|sum| (sum / rated) * (1.0 - sum / rated)).sum();
    let expected = spread / (values.len() as f64 - 1.0);
    Some(Ac1 { ac1: (observed - expected) / (1.0 - expected), observed, expected })
}

/// Fleiss' kappa of `[unit][value]` counts with the same number of raters per unit. Source: Fleiss (1971).
/// `None` when every rating is the same.
pub fn fleiss_kappa(counts: &[Vec<f64>]) -> Option<f64> {
    let raters: f64 = counts.first()?.iter().sum();
    let n = counts.len() as f64;
    let agreement =
        |unit: &Vec<f64>| unit.iter().map(|c| c * (c - 1.0)).sum::<f64>() / (raters * (raters - 1.0));
    let observed: f64 = counts.iter().map(agreement).sum::<f64>() / n;
    let values = counts.first()?.len();
    let share = |value: usize| counts.iter().map(|unit| unit[value]).sum::<f64>() / (n * raters);
    let expected: f64 = (0..values).map(|value| share(value).powi(2)).sum();
    (expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
}

/// Cochran's Q: do judges differ in how often they say yes on the same units?
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CochranQ {
    pub q: f64,
    pub df: usize,
    pub p: f64,
}

/// `matrix` is `[unit][judge]`. Source: Cochran (1950). `None` when no unit divides the judges.
pub fn cochran_q(matrix: &[Vec<bool>]) -> Option<CochranQ> {
    let judges = matrix.first()?.len();
    let k = judges as f64;
    let count = |yes: bool| if yes { 1.0 } else { 0.0 };
    let columns: Vec<f64> = (0..judges).map(|j| matrix.iter().map(|unit| count(unit[j])).sum()).collect();
    let rows: Vec<f64> = matrix.iter().map(|unit| unit.iter().map(|&yes| count(yes)).sum()).collect();
    let total: f64 = rows.iter().sum();
    let denominator = k * total - rows.iter().map(|r| r * r).sum::<f64>();
    if denominator <= 0.0 {
        return None;
    }
    let spread = k * columns.iter().map(|c| c * c).sum::<f64>() - total * total;
    let q = (k - 1.0) * spread / denominator;
    Some(CochranQ { q, df: judges - 1, p: chi_square_sf(q, k - 1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_disagree_about_is_no_figure() {
        let same = vec![vec![Some(1); 5], vec![Some(1); 5]];
        assert_eq!(krippendorff_alpha(&same, Scale::Nominal), None);
        assert_eq!(gwet_ac1(&same), None);
        assert_eq!(krippendorff_alpha(&[vec![Some(1), None], vec![None, Some(2)]], Scale::Nominal), None);
        assert_eq!(cohen_kappa(&[vec![5.0, 0.0], vec![0.0, 0.0]]), None);
    }

    #[test]
    fn opposite_raters_are_below_chance() {
        let one: Vec<Option<i64>> = (0..20).map(|i| Some(i % 2)).collect();
        let other: Vec<Option<i64>> = (0..20).map(|i| Some((i + 1) % 2)).collect();
        assert!(krippendorff_alpha(&[one, other], Scale::Nominal).expect("two values") < -0.9);
    }
}
