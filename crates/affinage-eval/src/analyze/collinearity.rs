//! Collinearity of the features of answers: what moves together in the answers is one thing to a regression.

use super::judge_preferences::FEATURES;
use crate::findings::Finding;
use crate::stats::collinearity::{ENTANGLED_FROM, correlation, independent, variance_inflation};
use crate::wording::collinearity as wording;

/// What the answers of the headline allow to tell apart, by position in [`FEATURES`].
#[derive(Default)]
pub struct Collinearity {
    /// Features that a profile is fitted on.
    pub kept: Vec<usize>,
    /// Features that differ between answers and are an exact combination of kept ones, with the nearest of those.
    exact: Vec<(usize, usize)>,
    entangled: Vec<Entangled>,
}

/// Two features that move together.
struct Entangled {
    features: [usize; 2],
    correlation: f64,
    /// How many times an interval is as wide as it would be without the other features: the larger of the two.
    wider: f64,
}

impl Collinearity {
    /// Of one row of feature differences per pair, as they stand in the regression.
    pub fn of(rows: &[Vec<f64>]) -> Collinearity {
        let columns: Vec<Vec<f64>> =
            (0..FEATURES.len()).map(|f| rows.iter().map(|row| row[f]).collect()).collect();
        let kept = independent(&columns);
        let nearest = |f: usize| {
            let others = kept.iter().copied().filter(|&other| other != f);
            let with = others.filter_map(|other| Some((other, correlation(&columns[f], &columns[other])?)));
            with.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
        };
        let differs = |f: &usize| correlation(&columns[*f], &columns[*f]).is_some();
        let left_out = (0..FEATURES.len()).filter(|f| !kept.contains(f)).filter(differs);
        let exact = left_out.filter_map(|f| Some((f, nearest(f)?.0))).collect();
        let chosen: Vec<Vec<f64>> = kept.iter().map(|&f| columns[f].clone()).collect();
        let mut entangled: Vec<Entangled> = Vec::new();
        for (&f, inflation) in kept.iter().zip(variance_inflation(&chosen).unwrap_or_default()) {
            let Some((other, correlation)) = nearest(f).filter(|_| inflation >= ENTANGLED_FROM) else {
                continue;
            };
            let (features, wider) = ([f.min(other), f.max(other)], inflation.sqrt());
            match entangled.iter_mut().find(|found| found.features == features) {
                Some(found) => found.wider = found.wider.max(wider),
                None => entangled.push(Entangled { features, correlation, wider }),
            }
        }
        Collinearity { kept, exact, entangled }
    }

    /// One plain line for each pair of features that cannot be told apart, or hardly.
    pub fn findings(&self) -> Vec<Finding> {
        let entangled = self.entangled.iter().map(|found| {
            let [one, other] = found.features.map(|f| FEATURES[f]);
            let sentence = wording::entangled(one, other, found.correlation, found.wider);
            said(one, other, sentence)
        });
        let exact = self.exact.iter().map(|&(f, other)| {
            let (one, other) = (FEATURES[other], FEATURES[f]);
            let sentence = wording::follows(other, one);
            said(one, other, sentence)
        });
        exact.chain(entangled).collect()
    }
}

fn said(one: &str, other: &str, sentence: String) -> Finding {
    Finding::said(&format!("{one} or {other}"), sentence, "texts in completions.jsonl")
}
