//! Small steps from statistics to [`Estimate`]s.

use crate::analysis::{Estimate, Interval, WinRate};
use crate::findings::{Finding, FindingMeasure};
use crate::stats::{mean, proportion};

/// Level of every plotted interval.
pub const LEVEL: f64 = 0.95;
const ALPHA: f64 = 1.0 - LEVEL;

/// One observation: its value and the cluster that it belongs to.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    pub value: f64,
    pub cluster: &'a str,
}

/// Where values can lie: an interval beyond says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

pub const RATE: Range = Range { low: 0.0, high: 1.0 };
pub const RATE_DIFFERENCE: Range = Range { low: -1.0, high: 1.0 };
pub const ANY: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };

/// Mean over clusters with a t interval, cut to `range`. `None` of nothing; without interval when there are
/// fewer than two clusters.
///
/// When all values are equal the t interval would have no width. For a bounded range the score interval of
/// Wilson with the number of clusters as n stands in, and the method says so.
pub fn clustered(observations: &[Observation], range: Range, unit: &str) -> Option<Estimate> {
    let values: Vec<f64> = observations.iter().map(|o| o.value).collect();
    let clusters: Vec<&str> = observations.iter().map(|o| o.cluster).collect();
    let value = mean::mean(&values)?;
    let mut estimate = Estimate {
        value,
        interval: None,
        n: values.len(),
        n_effective: 1.0,
        unit: unit.to_owned(),
        method: "no interval: one cluster".to_owned(),
    };
    let Some(found) = mean::clustered_mean(&values, &clusters, ALPHA) else {
        return Some(estimate);
    };
    estimate.n_effective = found.n_effective();
    if found.se > 1e-12 {
        let (low, high) = found.interval;
        let (low, high) = (low.max(range.low), high.min(range.high));
        estimate.interval = Some(Interval { low, high, level: LEVEL });
        estimate.method = "t over prompt clusters".to_owned();
    } else if range.high.is_finite() {
        estimate.n_effective = found.clusters as f64;
        let n = found.clusters as f64;
        let width = range.high - range.low;
        let share = (value - range.low) / width;
        let bounds = proportion::wilson(share * n, n, ALPHA);
        estimate.interval = bounds.map(|(low, high)| Interval {
            low: range.low + low * width,
            high: range.low + high * width,
            level: LEVEL,
        });
        estimate.method = "Wilson over prompt clusters (all values equal)".to_owned();
    } else {
        estimate.method = "no interval: all values equal".to_owned();
    }
    Some(estimate)
}

/// `k` of `n` with the score interval from 30 on and the exact one below.
pub fn share(k: usize, n: usize, unit: &str) -> Option<Estimate> {
    let (bounds, method) = if n >= 30 {
        (proportion::wilson(k as f64, n as f64, ALPHA)?, "Wilson")
    } else {
        (proportion::clopper_pearson(k as u64, n as u64, ALPHA)?, "Clopper-Pearson")
    };
    Some(Estimate {
        value: k as f64 / n as f64,
        interval: Some(Interval { low: bounds.0, high: bounds.1, level: LEVEL }),
        n,
        n_effective: n as f64,
        unit: unit.to_owned(),
        method: method.to_owned(),
    })
}

/// A figure with an interval that came from elsewhere.
pub fn figure(value: f64, bounds: (f64, f64), n: usize, unit: &str, method: &str) -> Estimate {
    Estimate {
        value,
        interval: Some(Interval { low: bounds.0, high: bounds.1, level: LEVEL }),
        n,
        n_effective: n as f64,
        unit: unit.to_owned(),
        method: method.to_owned(),
    }
}

/// Mean number of words of some texts; 0 of none.
pub fn mean_words<'a>(texts: impl Iterator<Item = &'a str>) -> f64 {
    let counts: Vec<f64> = texts.map(|text| text.split_whitespace().count() as f64).collect();
    mean::mean(&counts).unwrap_or(0.0)
}

/// A win rate of the headline over some of the votes, as a finding.
pub fn rated(label: &str, sentence: String, rate: WinRate, source: &str) -> Finding {
    Finding {
        label: label.to_owned(),
        sentence,
        p: rate.permutation_p,
        estimate: Some(rate.estimate),
        measure: FindingMeasure::Share,
        rows: source.to_owned(),
    }
}
