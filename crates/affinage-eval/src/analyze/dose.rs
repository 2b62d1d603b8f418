//! The dose-response curve: per dose a mean over prompts and training seeds, and the planned steps between doses.
//!
//! Prompts and seeds are both samples, so both widen the interval, see [`crossed_mean`]. Prompts of one cluster are
//! averaged first. A dose uses the prompts on which each of its trainings has a value, a step those of both doses.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::comparisons::{panel, prompt_scores};
use super::estimate::LEVEL;
use super::votes::{PairVotes, Votes};
use super::win_rate::ENOUGH;
use crate::analysis::{Estimate, Interval};
use crate::dose::{
    Dose, DoseCell, DoseMeasure, DosePoint, DoseResult, DoseSeed, DoseStep, DoseWord, SEEDS_FOR_A_CLAIM,
    planned_steps,
};
use crate::likelihood::LikelihoodControl;
use crate::plan::ArmKind;
use crate::stats::crossed::{CrossedMean, crossed_mean};
use crate::stats::mean::mean;
use crate::stats::multiple::holm;
use crate::wording::dose::{self as wording, Needs, Step};

/// Values of one arm by cluster of prompts.
type ByCluster<'a> = BTreeMap<&'a str, f64>;

/// What every training reached, by measure and arm.
struct Measured<'a> {
    values: BTreeMap<(DoseMeasure, &'a str), ByCluster<'a>>,
    cells: &'a [DoseCell],
}

/// `None` where the plan is no dose study.
pub fn result(rows: &Rows, votes: &Votes) -> Option<DoseResult> {
    let cells = rows.plan.design.dose.as_slice();
    if cells.is_empty() {
        return None;
    }
    let measured = Measured::of(rows, votes, cells);
    let mut doses: Vec<Dose> = Vec::new();
    for cell in cells.iter().filter(|cell| rows.plan.arm(&cell.arm).is_some()) {
        if !doses.contains(&cell.dose) {
            doses.push(cell.dose.clone());
        }
    }
    let planned = planned_steps(&doses);
    let mut steps = measured.steps(rows, &planned, DoseMeasure::WinRate);
    steps.extend(measured.steps(rows, &planned, DoseMeasure::Fit));
    Some(DoseResult {
        doses: doses.iter().map(|dose| measured.point(dose)).collect(),
        steps,
        explanation: wording::EXPLANATION.to_owned(),
        limits: limits(&measured, &doses),
    })
}

fn limits(measured: &Measured, doses: &[Dose]) -> Vec<String> {
    let seeds = doses.iter().map(|dose| measured.of_dose(dose).len()).min().unwrap_or(0);
    let mut limits = Vec::new();
    if seeds < SEEDS_FOR_A_CLAIM {
        limits.push(wording::few_seeds(seeds));
    }
    if measured.values.keys().all(|(measure, _)| *measure != DoseMeasure::WinRate) {
        limits.push(wording::FIT_ALONE.to_owned());
    }
    limits
}

impl<'a> Measured<'a> {
    fn of(rows: &'a Rows, votes: &'a Votes, cells: &'a [DoseCell]) -> Measured<'a> {
        let mut values = BTreeMap::new();
        let fit = likelihood_by_arm(rows);
        for cell in cells {
            let arm = cell.arm.as_str();
            let won = win_rates(rows, votes, arm);
            for (measure, found) in
                [(DoseMeasure::WinRate, won), (DoseMeasure::Fit, fit.get(arm).cloned().unwrap_or_default())]
            {
                if !found.is_empty() {
                    values.insert((measure, arm), found);
                }
            }
        }
        Measured { values, cells }
    }

    /// The trainings of a dose, by seed.
    fn of_dose(&self, dose: &Dose) -> Vec<&'a DoseCell> {
        let mut cells: Vec<&DoseCell> = self.cells.iter().filter(|cell| cell.dose == *dose).collect();
        cells.sort_by_key(|cell| cell.seed);
        cells
    }

    fn point(&self, dose: &Dose) -> DosePoint {
        let cells = self.of_dose(dose);
        let tokens: Vec<f64> = cells.iter().map(|cell| cell.supervised_tokens as f64).collect();
        let of = |measure, arm: &str| {
            let values = self.values.get(&(measure, arm))?;
            mean(&values.values().copied().collect::<Vec<f64>>())
        };
        let seed = |cell: &&DoseCell| DoseSeed {
            seed: cell.seed,
            arm: cell.arm.clone(),
            win_rate: of(DoseMeasure::WinRate, &cell.arm),
            fit_gain: of(DoseMeasure::Fit, &cell.arm),
        };
        let estimate_of = |measure| {
            let columns: Vec<&ByCluster> = self.columns(measure, &cells).into_iter().flatten().collect();
            Some(estimate(&crossed_mean(&table(&columns)?, 1.0 - LEVEL)?, measure))
        };
        DosePoint {
            dose: dose.clone(),
            supervised_tokens: mean(&tokens).unwrap_or(0.0),
            seeds: cells.iter().map(seed).collect(),
            win_rate: estimate_of(DoseMeasure::WinRate),
            fit_gain: estimate_of(DoseMeasure::Fit),
        }
    }

    fn columns(&self, measure: DoseMeasure, cells: &[&'a DoseCell]) -> Vec<Option<&ByCluster<'a>>> {
        cells.iter().map(|cell| self.values.get(&(measure, cell.arm.as_str()))).collect()
    }

    /// Differences on the clusters and seeds that both doses have.
    fn differences(&self, (from, to): &(Dose, Dose), measure: DoseMeasure) -> Option<CrossedMean> {
        let (from, to) = (self.of_dose(from), self.of_dose(to));
        let mut columns: Vec<ByCluster> = Vec::new();
        for &cell in &to {
            let Some(&other) = from.iter().find(|other| other.seed == cell.seed) else { continue };
            let pair = self.columns(measure, &[cell, other]);
            let [Some(after), Some(before)] = pair[..] else { continue };
            let both = after.iter().filter_map(|(cluster, x)| Some((*cluster, x - before.get(cluster)?)));
            columns.push(both.collect());
        }
        crossed_mean(&table(&columns.iter().collect::<Vec<_>>())?, 1.0 - LEVEL)
    }

    fn steps(&self, rows: &Rows, planned: &[(Dose, Dose)], measure: DoseMeasure) -> Vec<DoseStep> {
        let found: Vec<(&(Dose, Dose), CrossedMean)> =
            planned.iter().filter_map(|step| Some((step, self.differences(step, measure)?))).collect();
        let tested: Vec<(usize, f64)> =
            found.iter().enumerate().filter_map(|(i, (_, found))| Some((i, found.p(0.0)?))).collect();
        let adjusted = holm(&tested.iter().map(|(_, p)| *p).collect::<Vec<f64>>());
        let adjusted: BTreeMap<usize, f64> = tested.iter().map(|(i, _)| *i).zip(adjusted).collect();
        let with_dataset = planned.iter().any(|(from, to)| from.dataset != to.dataset);
        let step = |(i, ((from, to), found)): (usize, &(&(Dose, Dose), CrossedMean))| {
            let p_adjusted = adjusted.get(&i).copied();
            let word = word(rows, found, p_adjusted, measure);
            let names = (from.words(with_dataset), to.words(with_dataset));
            DoseStep {
                from: from.clone(),
                to: to.clone(),
                measure,
                difference: estimate(found, measure),
                p: found.p(0.0),
                p_adjusted,
                word,
                sentence: wording::step(&Step {
                    from: &names.0,
                    to: &names.1,
                    measure,
                    found,
                    p_adjusted,
                    word,
                    needs: needs(rows, found, measure),
                }),
            }
        };
        found.iter().enumerate().map(step).collect()
    }
}

/// The win rate of an arm against the base on each cluster that its panel judged.
fn win_rates<'a>(rows: &'a Rows, votes: &'a Votes, arm: &str) -> ByCluster<'a> {
    let is_base = |name: &str| rows.plan.arm(name).is_some_and(|arm| arm.kind == ArmKind::Base);
    let planned =
        rows.plan.comparisons.iter().find(|planned| planned.arm == arm && is_base(&planned.against));
    let Some(planned) = planned else { return BTreeMap::new() };
    let pairs: Vec<&PairVotes> = votes.of(planned).collect();
    let scores = prompt_scores(&pairs, &panel(&pairs));
    by_cluster(scores.iter().map(|score| (score.cluster, score.score)))
}

/// Fit gained over the base on each cluster, by arm.
fn likelihood_by_arm<'a>(rows: &'a Rows) -> BTreeMap<&'a str, ByCluster<'a>> {
    let own = || rows.fit.iter().filter(|row| row.control == LikelihoodControl::Own && row.tokens > 0);
    let base = rows.plan.arms.iter().find(|arm| arm.kind == ArmKind::Base).map(|arm| arm.name.as_str());
    let of_base: BTreeMap<&str, f64> = own()
        .filter(|row| Some(row.arm.as_str()) == base)
        .map(|row| (row.prompt_id.as_str(), row.nll_per_token()))
        .collect();
    let mut gains: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
    for row in own() {
        let prompt = rows.prompts.get(row.prompt_id.as_str());
        let (Some(base), Some(prompt)) = (of_base.get(row.prompt_id.as_str()), prompt) else { continue };
        let gain = (prompt.cluster_id.as_str(), base - row.nll_per_token());
        gains.entry(row.arm.as_str()).or_default().push(gain);
    }
    gains.into_iter().map(|(arm, gains)| (arm, by_cluster(gains.into_iter()))).collect()
}

/// Means over the prompts of each cluster.
fn by_cluster<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> ByCluster<'a> {
    let mut clusters: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (cluster, value) in values {
        clusters.entry(cluster).or_default().push(value);
    }
    clusters.into_iter().filter_map(|(cluster, values)| Some((cluster, mean(&values)?))).collect()
}

/// `[cluster][seed]` on the clusters that every column has. `None` without a column.
fn table(columns: &[&ByCluster]) -> Option<Vec<Vec<f64>>> {
    let (first, rest) = columns.split_first()?;
    let everywhere = first.keys().filter(|cluster| rest.iter().all(|column| column.contains_key(*cluster)));
    let clusters: BTreeSet<&str> = everywhere.copied().collect();
    Some(clusters.iter().map(|cluster| columns.iter().map(|column| column[cluster]).collect()).collect())
}

fn estimate(found: &CrossedMean, measure: DoseMeasure) -> Estimate {
    let seeds = match found.seeds {
        1 => "1 seed".to_owned(),
        seeds => format!("{seeds} seeds"),
    };
    let what = if measure == DoseMeasure::Fit { "texts" } else { "prompts" };
    let (low, high) = found.interval;
    let method = match (found.se > 0.0, found.seeds) {
        (false, _) => "no interval: all values equal",
        (true, 1) => "t over prompt clusters; of other seeds nothing is known",
        (true, _) => "t with seeds - 1 degrees of freedom, prompts and seeds random",
    };
    Estimate {
        value: found.mean,
        interval: (found.se > 0.0).then_some(Interval { low, high, level: LEVEL }),
        n: found.prompts,
        n_effective: found.prompts as f64,
        unit: format!("{what} x {seeds}"),
        method: method.to_owned(),
    }
}

fn word(rows: &Rows, found: &CrossedMean, p_adjusted: Option<f64>, measure: DoseMeasure) -> DoseWord {
    let plan = rows.plan;
    let is_significant = p_adjusted.is_some_and(|p| p <= plan.alpha);
    let is_equivalent = || {
        measure == DoseMeasure::WinRate
            && found.p_equivalent(0.0, plan.margin).is_some_and(|p| p <= plan.alpha)
    };
    match () {
        () if found.seeds < SEEDS_FOR_A_CLAIM || found.prompts < ENOUGH => DoseWord::NotShown,
        () if is_significant && found.mean > 0.0 => DoseWord::Up,
        () if is_significant => DoseWord::Down,
        () if is_equivalent() => DoseWord::EquivalentWithinMargin,
        () => DoseWord::NotShown,
    }
}

/// Where hardly any difference was seen, about how many nats per token would be one.
const FIT_MARGIN: f64 = 0.05;

/// About how many seeds, or how many prompts, would show what was seen, or the margin when hardly anything was seen.
fn needs(rows: &Rows, found: &CrossedMean, measure: DoseMeasure) -> Needs {
    let margin = match measure {
        DoseMeasure::WinRate => rows.plan.margin,
        DoseMeasure::Fit => FIT_MARGIN,
    };
    let alpha = rows.plan.alpha;
    let effect = if found.mean.abs() < margin / 5.0 { margin } else { found.mean.abs() };
    match (found.seeds_needed(effect, alpha), found.prompts_needed(effect, alpha)) {
        (Some(seeds), _) if seeds <= 4 * found.seeds => Needs::Seeds(seeds),
        (_, Some(prompts)) => Needs::Prompts(prompts),
        (Some(seeds), None) => Needs::Seeds(seeds),
        (None, None) => Needs::Both,
    }
}
