//! The win rate of one arm against another over some prompts, with its word.

use super::estimate::{LEVEL, Observation, RATE, clustered};
use crate::analysis::{Estimate, Interval, VerdictWord, WinRate};
use crate::stats::{evalue, mean, permutation, power, proportion};
use crate::wording::win_rate::{self as wording, Discord, Evidence};

/// Below this many prompts, or effective prompts, no comparative word is used.
pub const ENOUGH: usize = 30;

/// Whether a comparative word may be used at all. The tolerance is for rounding in the design effect.
pub fn is_enough(n: usize, n_effective: f64) -> bool {
    n >= ENOUGH && n_effective >= ENOUGH as f64 - 1e-6
}

/// The score of one prompt: mean over judges and samples of 1 (arm won), .5 (tie), 0 (lost).
#[derive(Clone, Debug)]
pub struct PromptScore<'r> {
    pub prompt_id: &'r str,
    pub cluster: &'r str,
    pub score: f64,
    /// Both answers were the same text.
    pub identical: bool,
}

/// What a word depends on beside the scores.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub alpha: f64,
    pub margin: f64,
    pub seed: u64,
    /// Planned comparisons, where judging may stop at any look: words then rest on e-values.
    pub family: Option<usize>,
}

/// Everything but the final word, which needs the p of the whole family: see [`decide`].
pub fn win_rate(scores: &[PromptScore], names: (&str, &str), rules: Rules) -> Option<WinRate> {
    let observations: Vec<Observation> =
        scores.iter().map(|s| Observation { value: s.score, cluster: s.cluster }).collect();
    let estimate = clustered(&observations, RATE, "prompts")?;
    let values: Vec<f64> = scores.iter().map(|s| s.score).collect();
    let clusters: Vec<&str> = scores.iter().map(|s| s.cluster).collect();
    let wins = scores.iter().filter(|s| s.score > 0.5).count();
    let losses = scores.iter().filter(|s| s.score < 0.5).count();
    let decided = wins + losses;
    let permutation_p = permutation::sign_flip_clustered(&values, &clusters, 0.5, rules.seed);
    let design_effect =
        mean::clustered_mean(&values, &clusters, rules.alpha).map_or(1.0, |found| found.design_effect);
    let mut rate = WinRate {
        estimate,
        wins,
        ties: scores.len() - decided,
        losses,
        identical: scores.iter().filter(|s| s.identical).count(),
        sign_test_p: proportion::sign_test(wins as u64, losses as u64),
        permutation_p,
        e_value: (decided > 0).then(|| evalue::mixture(wins as u64, decided as u64, 0.5, (1.0, 1.0))),
        anytime: (decided > 0).then(|| {
            let (low, high) =
                evalue::confidence_sequence(wins as u64, decided as u64, (1.0, 1.0), 1.0 - LEVEL);
            Interval { low, high, level: LEVEL }
        }),
        design_effect,
        word: VerdictWord::NotShown,
        sentence: String::new(),
        figures: String::new(),
        needs_about_n: None,
        detectable_win_rate: power::detectable_win_rate(decided as u64, rules.alpha, 0.8),
    };
    decide(&mut rate, &values, &clusters, permutation_p, names, rules);
    Some(rate)
}

/// Sets word and sentence from `p`, which is adjusted for the family where there is one.
pub fn decide(
    rate: &mut WinRate,
    values: &[f64],
    clusters: &[&str],
    p: Option<f64>,
    names: (&str, &str),
    rules: Rules,
) {
    rate.word = match is_enough(rate.estimate.n, rate.estimate.n_effective) {
        true => word(rate.estimate.value, p, rules.alpha, || is_equivalent(values, clusters, rules)),
        false => VerdictWord::NotShown,
    };
    rate.needs_about_n = match rate.word {
        VerdictWord::NotShown => needed(rate, values, rules),
        _ => None,
    };
    rate.figures = wording::figures(rate, evidence(rate, p, rules), names);
    rate.conclude(&wording::outcome(rate, rules.margin));
}

/// The word of enough prompts, from their win rate, the p of the family and whether the rate lies within the margin.
pub fn word(rate: f64, p: Option<f64>, alpha: f64, is_equivalent: impl FnOnce() -> bool) -> VerdictWord {
    let significant = p.is_some_and(|p| p <= alpha);
    match () {
        () if significant && rate > 0.5 => VerdictWord::Better,
        () if significant && rate < 0.5 => VerdictWord::Worse,
        () if is_equivalent() => VerdictWord::EquivalentWithinMargin,
        () => VerdictWord::NotShown,
    }
}

/// Two one-sided tests of the mean against .5 +- margin over clusters; for equal values the score interval at
/// 1 - 2 alpha must lie inside.
pub fn is_equivalent<K: Ord>(values: &[f64], clusters: &[K], rules: Rules) -> bool {
    let Some(found) = mean::clustered_mean(values, clusters, rules.alpha) else {
        return false;
    };
    let (low, high) = (0.5 - rules.margin, 0.5 + rules.margin);
    let df = (found.clusters - 1) as f64;
    if found.se > 1e-12 {
        return mean::equivalence(found.mean, found.se, df, low, high)
            .is_some_and(|test| test.p <= rules.alpha);
    }
    let n = found.clusters as f64;
    let bounds = proportion::wilson(found.mean * n, n, 2.0 * rules.alpha);
    bounds.is_some_and(|bounds| bounds.0 > low && bounds.1 < high)
}

/// Whether a loss larger than the margin is excluded: one-sided test at `alpha`. `None` below [`ENOUGH`] prompts.
pub fn not_worse_than_margin(scores: &[PromptScore], rules: Rules) -> Option<bool> {
    let values: Vec<f64> = scores.iter().map(|s| s.score).collect();
    let clusters: Vec<&str> = scores.iter().map(|s| s.cluster).collect();
    let found = mean::clustered_mean(&values, &clusters, rules.alpha)?;
    if !is_enough(found.n, found.n_effective()) {
        return None;
    }
    let limit = 0.5 - rules.margin;
    if found.se <= 1e-12 {
        let n = found.clusters as f64;
        let bounds = proportion::wilson(found.mean * n, n, 2.0 * rules.alpha)?;
        return Some(bounds.0 > limit);
    }
    let test = mean::equivalence(found.mean, found.se, (found.clusters - 1) as f64, limit, 1.0)?;
    Some(test.p_low <= rules.alpha)
}

/// About how many prompts would show the difference that was seen, or the margin when hardly any was seen.
fn needed(rate: &WinRate, values: &[f64], rules: Rules) -> Option<usize> {
    let effect = if has_size(&rate.estimate) { (rate.estimate.value - 0.5).abs() } else { rules.margin };
    prompts_to_show(effect, mean::variance(values)?.max(0.01) * rate.design_effect.max(1.0), rules.alpha)
}

/// About how many prompts show, four times in five, a win rate that is `distance` from one half, where the scores of prompts
/// (1 won, .5 tied, 0 lost) have `variance`; at least those without which no word is used. The one answer to "how many prompts
/// does it take", before an evaluation and after it.
pub fn prompts_to_show(distance: f64, variance: f64, alpha: f64) -> Option<usize> {
    power::prompts_needed(distance, variance.sqrt(), alpha).map(|n| n.max(ENOUGH))
}

/// Whether a win rate is far enough from one half that its own size can be asked about; else the margin is.
pub fn has_size(rate: &Estimate) -> bool {
    (rate.value - 0.5).abs() >= 0.02
}

/// What the word rests on: the e-value where judging may stop at any look, else the test.
fn evidence(rate: &WinRate, p: Option<f64>, rules: Rules) -> Evidence {
    let evidence = match rules.family {
        None => p.map(Evidence::P),
        Some(family) => rate.e_value.map(|found| {
            let needed = evalue::threshold(family, rules.alpha);
            Evidence::EValue { found, needed }
        }),
    };
    evidence.unwrap_or(Evidence::Nothing)
}

/// A win rate at level [`LEVEL`] is plotted unadjusted: how its word and its interval differ, where they do.
pub fn discord(rate: &WinRate, p: Option<f64>, p_adjusted: Option<f64>, alpha: f64) -> Option<Discord> {
    let interval = rate.estimate.interval?;
    let excludes_half = interval.low > 0.5 || interval.high < 0.5;
    let significant = matches!(rate.word, VerdictWord::Better | VerdictWord::Worse);
    if excludes_half && !significant && rate.estimate.n >= ENOUGH {
        let is_raised = p_adjusted.zip(p).is_some_and(|(adjusted, p)| adjusted > p);
        return Some(Discord::OnlyInterval { is_raised });
    }
    (!excludes_half && significant).then_some(Discord::OnlyTest { alpha })
}
